package mproc

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"
)

func TestRWLock(t *testing.T) { everywhere(t, testRWLock) }

func testRWLock(t *testing.T, d *Domain) {
	for _, l := range []*RWLock{
		closing[*RWLock](t)(CreateRWLock(d, "l", nil)),
		closing[*RWLock](t)(OpenRWLock(d, "l", &RWLockOptions{NoSpin: true})),
		closing[*RWLock](t)(CreateRWLock(d, "", nil)),
	} {
		lockable(t, l) // for writing
		readable(t, l)
	}
	got(t, true)(closing[*RWLock](t)(CreateRWLock(d, "l", &RWLockOptions{ExistOK: true})).Existed(), nil)
	fails(t, second(CreateRWLock(d, "l", nil)), ErrExist)
	fails(t, second(OpenRWLock(d, "none", nil)), ErrNotExist)
	fails(t, second(OpenLock(d, "l", nil)), ErrKind)
}

func readable(t *testing.T, l *RWLock) {
	t.Helper()
	readers := func(n int) {
		t.Helper()
		info, err := l.Info()
		must(t, err)
		if info.Readers != n || info.Processes != min(n, 1) || info.Writing || info.Inconsistent {
			t.Fatalf("%+v instead of %d readers", info, n)
		}
	}
	fails(t, l.RUnlock(), ErrNotHolder)
	got(t, false)(l.RLock(bg))
	got(t, false)(l.TryRLock())
	readers(2)
	fails(t, second(l.TryLock()), ErrTimeout)
	short, stop := context.WithTimeout(bg, time.Millisecond)
	defer stop()
	fails(t, second(l.Lock(short)), ErrTimeout, context.DeadlineExceeded)
	fails(t, l.Unlock(), ErrNotHolder)
	got(t, false)(l.TryRLock()) // the writer that gave up keeps nobody out
	must(t, l.RUnlock())

	// Another goroutine may release.
	ended := make(chan error)
	go func() { ended <- errors.Join(l.RUnlock(), l.RUnlock()) }()
	must(t, <-ended)
	readers(0)
	fails(t, l.RUnlock(), ErrNotHolder)

	got(t, false)(l.TryLock())
	info, err := l.Info()
	must(t, err)
	if !info.Writing || !info.Writer.Self || info.Readers != 0 {
		t.Fatalf("%+v", info)
	}
	fails(t, second(l.TryRLock()), ErrTimeout)
	fails(t, l.RUnlock(), ErrNotHolder)
	must(t, l.Unlock())

	mine := errors.New("mine")
	fails(t, l.WithRLock(bg, func(recovered bool) error {
		got(t, false)(recovered, nil)
		readers(1)
		return mine
	}), mine)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic was swallowed")
			}
		}()
		l.WithRLock(bg, func(bool) error { panic("inside") })
	}()
	readers(0)
}

// A writer that waits keeps new readers out, and is next when the last reader has left.
func TestWritersFirst(t *testing.T) { everywhere(t, testWritersFirst) }

func testWritersFirst(t *testing.T, d *Domain) {
	l := closing[*RWLock](t)(CreateRWLock(d, "l", nil))
	cancellable, cancel := context.WithCancel(bg)
	defer cancel()
	for _, ctx := range []context.Context{bg, cancellable} {
		got(t, false)(l.RLock(bg))
		wrote := make(chan error)
		go func() { wrote <- l.With(ctx, func(bool) error { return nil }) }()
		eventually(t, func() bool {
			info, err := l.Info()
			must(t, err)
			return info.Writer.Held && !info.Writing
		})
		// Longer than a first short round of a wait: see GOMP_UNTIL_CLOSED in shim.h.
		for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
			fails(t, second(l.TryRLock()), ErrTimeout)
		}
		read := make(chan error)
		go func() { read <- l.WithRLock(ctx, func(bool) error { return nil }) }()
		must(t, l.RUnlock())
		must(t, <-wrote)
		must(t, <-read)
	}
	// One that is cancelled lets them in again.
	got(t, false)(l.RLock(bg))
	wrote := make(chan error)
	go func() { wrote <- second(l.Lock(cancellable)) }()
	eventually(t, func() bool { return errors.Is(second(l.TryRLock()), ErrTimeout) || l.RUnlock() != nil })
	cancel()
	fails(t, <-wrote, ErrCanceled, context.Canceled)
	got(t, false)(l.TryRLock())
	must(t, l.RUnlock())
	must(t, l.RUnlock())
}

// Readers see all of what a writer did or nothing, among goroutines and processes.
func TestRWLockExcludes(t *testing.T) {
	d, dir := newDomain(t)
	const writers, readers, rounds = 3, 3, 300
	l := closing[*RWLock](t)(CreateRWLock(d, "l", nil))
	pair := closing[*Array[int64]](t)(CreateArray(d, "pair", []int64{0, 0}, nil))
	h := start(t, dir, "write-and-read")
	h.says("ready")
	var wg sync.WaitGroup
	plain := 0
	worker := func(f func() error) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range rounds {
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	for range writers {
		worker(func() error { return l.With(bg, func(bool) error { plain++; return increasePair(pair) }) })
	}
	for range readers {
		worker(func() error { return l.WithRLock(bg, func(bool) error { _ = plain; return samePair(pair) }) })
	}
	wg.Wait()
	h.says("done")
	h.ends()
	got(t, writers*rounds)(plain, nil)
	got(t, int64(writers*rounds+rounds))(pair.Get(0))
}

func roleWriteAndRead() {
	l := need(OpenRWLock(nil, "l", nil))
	pair := need(OpenArray[int64](nil, "pair", nil))
	say("ready")
	for range 300 {
		checked(l.With(bg, func(bool) error { return increasePair(pair) }))
		checked(l.WithRLock(bg, func(bool) error { return samePair(pair) }))
	}
	say("done")
}

// increasePair adds 1 to both, one after the other.
func increasePair(pair *Array[int64]) error {
	for i := range 2 {
		n, err := pair.Get(i)
		if err != nil {
			return err
		}
		if err := pair.Set(i, n+1); err != nil {
			return err
		}
	}
	return nil
}

func samePair(pair *Array[int64]) error {
	one, err := pair.Get(0)
	other, failed := pair.Get(1)
	if err == nil && failed == nil && one != other {
		return errors.New("a writer was inside at the same time")
	}
	return errors.Join(err, failed)
}

// A reader that dies is simply gone, whoever waits; a writer that dies inside is told to everybody, until a writer has
// unlocked.
func TestRWLockOfTheDead(t *testing.T) {
	d, dir := newDomain(t)
	l := closing[*RWLock](t)(CreateRWLock(d, "l", nil))
	ctx, cancel := context.WithTimeout(bg, time.Hour)
	defer cancel()
	for _, ctx := range []context.Context{bg, ctx} {
		h := start(t, dir, "hold-rwlock", "read")
		h.says("held")
		got(t, false)(l.TryRLock())
		must(t, l.RUnlock())
		fails(t, second(l.TryLock()), ErrTimeout)
		ended := make(chan error)
		go func() {
			recovered, err := l.Lock(ctx)
			if recovered {
				err = errors.New("the death of a reader was told")
			}
			ended <- err
		}()
		time.Sleep(20 * time.Millisecond) // most likely it waits by now; right in any case
		h.kill()
		must(t, <-ended)
		must(t, l.Unlock())

		h = start(t, dir, "hold-rwlock", "write")
		h.says("held")
		fails(t, second(l.TryRLock()), ErrTimeout)
		fails(t, l.Unlock(), ErrNotHolder)
		go func() {
			recovered, err := l.RLock(ctx)
			if !recovered && err == nil {
				err = errors.New("the death of the writer was not told")
			}
			ended <- err
		}()
		time.Sleep(20 * time.Millisecond)
		h.kill()
		must(t, <-ended)
		must(t, l.RUnlock())
		got(t, true)(l.RLock(bg)) // still
		must(t, l.RUnlock())
		info, err := l.Info()
		must(t, err)
		got(t, true)(info.Inconsistent, nil)
		got(t, true)(l.Lock(bg))
		must(t, l.Unlock())
		got(t, false)(l.RLock(bg)) // repaired
		must(t, l.RUnlock())
		got(t, false)(l.Lock(bg))
		must(t, l.Unlock())
	}
}

func roleHoldRWLock() {
	l := need(OpenRWLock(nil, "l", nil))
	if os.Args[1] == "read" {
		need(l.RLock(bg))
		need(l.RLock(bg))
	} else {
		need(l.Lock(bg))
	}
	say("held")
	forever()
}
