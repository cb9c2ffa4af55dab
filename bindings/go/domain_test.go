package mproc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDomain(t *testing.T) {
	d, dir := newDomain(t)
	got(t, dir)(d.Path())
	again := closing[*Domain](t)(OpenDomain(&DomainOptions{Path: dir, Existing: true, BusyTimeout: time.Second}))
	id, err := d.ID()
	must(t, err)
	got(t, id)(again.ID())
	if id == [16]byte{} {
		t.Error("the identity is zero")
	}
	me, err := d.Self()
	must(t, err)
	if !me.Held || !me.Alive || !me.Self || me.PID != os.Getpid() || me.StartTime == 0 {
		t.Errorf("%+v", me)
	}
	got(t, me)(again.Self())
	fails(t, RemoveDomain(dir), ErrBusy)
}

func TestDefaultDomain(t *testing.T) {
	_, dir := newDomain(t)
	start(t, dir, "default-domain").ends()
}

func roleDefaultDomain() {
	none := Default()
	if path := need(none.Path()); path != os.Getenv("MPROC_DOMAIN") {
		checked(errors.New("the default domain is " + path))
	}
	need(none.ID())
	need(none.Self())
	v := need(CreateValue(nil, "v", 1, nil))
	checked(none.Unlink("v"))
	need(none.Sweep())
	need(v.Load())
	d := need(OpenDomain(nil))
	if need(d.Path()) != os.Getenv("MPROC_DOMAIN") {
		checked(errors.New("another default domain"))
	}
}

func TestDomainRefusals(t *testing.T) {
	_, dir := newDomain(t)
	_, err := OpenDomain(&DomainOptions{Path: "relative"})
	fails(t, err, ErrInvalid)
	_, err = OpenDomain(&DomainOptions{Path: "/dev/shm/with\x00nul"})
	fails(t, err, ErrInvalid)
	_, err = OpenDomain(&DomainOptions{Path: filepath.Join(dir, "none"), Existing: true})
	fails(t, err, ErrNotExist, fs.ErrNotExist)
	_, err = OpenDomain(&DomainOptions{Path: filepath.Join(dir, "a", "b")})
	fails(t, err, ErrNotExist)
	_, err = OpenDomain(&DomainOptions{Path: dir, BusyTimeout: -1})
	fails(t, err, ErrInvalid)
	fails(t, RemoveDomain("relative"), ErrInvalid)
	fails(t, RemoveDomain("nul\x00"), ErrInvalid)
	must(t, RemoveDomain(filepath.Join(dir, "none")))

	open := filepath.Join(t.TempDir(), "open-to-all")
	must(t, os.Mkdir(open, 0o700))
	must(t, os.Chmod(open, 0o777))
	_, err = OpenDomain(&DomainOptions{Path: open})
	fails(t, err, ErrAccess, fs.ErrPermission)
}

func TestNames(t *testing.T) {
	d, _ := newDomain(t)
	for _, bad := range []string{"a/b", ".hidden", "..", "sp ace", "ünïcode", strings.Repeat("x", 201), "nul\x00", "\x00"} {
		_, err := CreateLock(d, bad, nil)
		fails(t, err, ErrName)
		_, err = OpenLock(d, bad, nil)
		fails(t, err, ErrName)
		_, err = CreateValue(d, bad, 1, nil)
		fails(t, err, ErrName)
		_, err = OpenArray[int](d, bad, nil)
		fails(t, err, ErrName)
		_, err = OpenQueue(d, bad, nil)
		fails(t, err, ErrName)
		fails(t, d.Unlink(bad), ErrName)
	}
	_, err := OpenLock(d, "", nil)
	fails(t, err, ErrName)
	for _, good := range []string{"a", "A-b_c.9", strings.Repeat("x", 200)} {
		closing[*Lock](t)(CreateLock(d, good, nil))
	}
	_, err = OpenLock(d, "nobody", nil)
	fails(t, err, ErrNotExist, fs.ErrNotExist)
	fails(t, d.Unlink("nobody"), ErrNotExist)
}

func TestAnonymousDomain(t *testing.T) {
	watch(t)
	d := closing[*Domain](t)(OpenDomain(&DomainOptions{Anonymous: true}))
	got(t, "")(d.Path())
	l := closing[*Lock](t)(CreateLock(d, "", nil))
	lockable(t, l)
	fails(t, d.Unlink("x"), ErrNotSupported)
}

func TestLifetimeOfNames(t *testing.T) {
	d, dir := newDomain(t)
	v, err := CreateValue(d, "short", 1, nil)
	must(t, err)
	must(t, v.Close())
	_, err = OpenValue[int](d, "short", nil)
	fails(t, err, ErrNotExist)

	v, err = CreateValue(d, "long", 2, &ValueOptions{Persist: true})
	must(t, err)
	must(t, v.Close())
	w, err := OpenValue[int](d, "long", nil)
	must(t, err)
	got(t, 2)(w.Load())
	info, err := w.Info()
	got(t, true)(info.Persist, err)
	must(t, d.Unlink("long"))
	got(t, 2)(w.Load()) // whoever uses it goes on
	must(t, w.Close())
	_, err = OpenValue[int](d, "long", nil)
	fails(t, err, ErrNotExist)

	// What a killed process leaves behind is swept.
	h := start(t, dir, "leave-objects")
	h.says("ready")
	h.kill()
	_, err = d.Sweep()
	must(t, err)
	files, err := os.ReadDir(dir)
	must(t, err)
	if slices.ContainsFunc(files, func(f os.DirEntry) bool { return strings.HasPrefix(f.Name(), "left-") }) {
		t.Errorf("still there: %v", files)
	}
}

func roleLeaveObjects() {
	need(CreateValue(nil, "left-v", 1, nil))
	need(CreateArray(nil, "left-a", []int{1}, nil))
	need(CreateQueue(nil, "left-q", nil))
	say("ready")
	forever()
}
