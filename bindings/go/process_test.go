package mproc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The parts that helper processes play; they use the default domain, which is the test's.
var roles = map[string]func(){
	"default-domain":  roleDefaultDomain,
	"leave-objects":   roleLeaveObjects,
	"keep-slice":      roleKeepSlice,
	"negate":          roleNegate,
	"count":           roleCount,
	"hold":            roleHold,
	"consume":         roleConsume,
	"produce":         roleProduce,
	"hold-value-lock": roleHoldValueLock,
	"store-for-ever":  roleStoreForEver,
	"use-inherited":   roleUseInherited,
	"inherit-nothing": roleInheritNothing,

	"echo":             roleEcho,
	"send-for-ever":    roleSendForEver,
	"keep-views":       roleKeepViews,
	"take":             roleTake,
	"take-and-finish":  roleTakeAndFinish,
	"produce-and-wait": roleProduceAndWait,
	"get-and-wait":     roleGetAndWait,
	"work":             roleWork,

	"hand-over":           roleHandOver,
	"hold-rlock":          roleHoldRLock,
	"hold-rwlock":         roleHoldRWLock,
	"write-and-read":      roleWriteAndRead,
	"hold-permits":        roleHoldPermits,
	"few-at-a-time":       roleFewAtATime,
	"wait-condition":      roleWaitCondition,
	"die-in-condition":    roleDieInCondition,
	"take-turns":          roleTakeTurns,
	"wait-event":          roleWaitEvent,
	"step":                roleStep,
	"wait-barrier":        roleWaitBarrier,
	"register":            roleRegister,
	"forget-registration": roleForgetRegistration,
	"use-locks":           roleUseLocks,

	"answer-number":      roleAnswerNumber,
	"count-up":           roleCountUp,
	"produce-everywhere": roleProduceEverywhere,
	"echo-polled":        roleEchoPolled,
	"be-a-producer":      roleBeAProducer,

	"count-words":    roleCountWords,
	"use-containers": roleUseContainers,
	"answer-values":  roleAnswerValues,

	"serve-panic":    roleServePanic,
	"serve":          roleServe,
	"use-manager":    roleUseManager,
	"hold-far-lock":  roleHoldFarLock,
	"forget-manager": roleForgetManager,
}

func say(text string) { fmt.Println(text) }

func argument(i int) int {
	n, err := strconv.Atoi(os.Args[i])
	checked(err)
	return n
}

func TestTwoProcessesShareEverything(t *testing.T) {
	d, dir := newDomain(t)
	number := closing[*Value[float64]](t)(CreateValue(d, "number", 0.0, nil))
	array := closing[*Array[int32]](t)(CreateArray(d, "array", []int32{0, 1, 2, 3}, nil))
	where := closing[*Value[point]](t)(CreateValue(d, "point", point{X: 1}, nil))
	queue := closing[*Queue](t)(CreateQueue(d, "queue", nil))
	start(t, dir, "negate").ends()
	got(t, 3.1415927)(number.Load())
	must(t, array.View(func(a []int32) error { got(t, "[0 -1 -2 -3]")(fmt.Sprint(a), nil); return nil }))
	got(t, point{X: -1, OK: true})(where.Load())
	m, err := queue.TryGet()
	must(t, err)
	got(t, "done")(string(m), nil)
}

func roleNegate() {
	number := need(OpenValue[float64](nil, "number", nil))
	checked(number.Store(3.1415927))
	array := need(OpenArray[int32](nil, "array", nil))
	checked(array.View(func(a []int32) error {
		for i := range a {
			a[i] = -a[i]
		}
		return nil
	}))
	where := need(OpenValue[point](nil, "point", nil))
	p := need(where.Load())
	p.X, p.OK = -p.X, true
	checked(where.Store(p))
	checked(need(OpenQueue(nil, "queue", nil)).Put(bg, []byte("done")))
}

// Processes count together: atomically, and under each kind of lock.
func TestProcessesCount(t *testing.T) {
	d, dir := newDomain(t)
	const processes, rounds = 4, 2000
	atom := closing[*Value[int16]](t)(CreateValue[int16](d, "atom", 0, nil))
	plain := closing[*Value[int64]](t)(CreateValue[int64](d, "plain", 0, nil))
	array := closing[*Array[int64]](t)(CreateArray(d, "array", []int64{0}, nil))
	closing[*Lock](t)(CreateLock(d, "lock", nil))
	var all []*helper
	for range processes {
		all = append(all, start(t, dir, "count", strconv.Itoa(rounds)))
	}
	for _, h := range all {
		h.ends()
	}
	got(t, int16(processes*rounds))(atom.Load())
	got(t, int64(processes*rounds))(plain.Load())
	got(t, int64(processes*rounds))(array.Get(0))
}

func roleCount() {
	atom := need(OpenValue[int16](nil, "atom", nil))
	plain := need(OpenValue[int64](nil, "plain", nil))
	array := need(OpenArray[int64](nil, "array", nil))
	lock := need(OpenLock(nil, "lock", nil))
	elements := need(array.Slice())
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	for range argument(1) {
		need(atom.Add(1))
		checked(lock.With(ctx, func(bool) error { return plain.Store(need(plain.Load()) + 1) }))
		checked(array.With(bg, func(bool) error { elements[0]++; return nil }))
	}
}

// A process is killed while it holds a lock: whoever waits gets it and is told, once.
func TestLockOfTheDead(t *testing.T) {
	d, dir := newDomain(t)
	l := closing[*Lock](t)(CreateLock(d, "l", nil))
	v := closing[*Value[int]](t)(CreateValue(d, "v", 0, nil))
	a := closing[*Array[int]](t)(CreateArray(d, "a", []int{0}, nil))
	ctx, cancel := context.WithTimeout(bg, time.Hour)
	defer cancel()
	for name, l := range map[string]locker{"l": l, "v": v, "a": a} {
		for _, ctx := range []context.Context{bg, ctx} {
			h := start(t, dir, "hold", name)
			h.says("held")
			_, err := l.TryLock()
			fails(t, err, ErrTimeout)
			fails(t, l.Unlock(), ErrNotHolder)
			waiting := make(chan struct{})
			type result struct {
				recovered bool
				err       error
			}
			ended := make(chan result)
			go func() {
				close(waiting)
				recovered, err := l.Lock(ctx)
				ended <- result{recovered, err}
			}()
			<-waiting
			h.kill()
			r := <-ended
			got(t, true)(r.recovered, r.err)
			must(t, l.Unlock())
			got(t, false)(l.Lock(bg))
			must(t, l.Unlock())

			// The same for one who only tries, and for With.
			h = start(t, dir, "hold", name)
			h.says("held")
			h.kill()
			for {
				recovered, err := l.TryLock()
				if err == nil {
					got(t, true)(recovered, nil)
					break
				}
				fails(t, err, ErrTimeout)
				time.Sleep(time.Millisecond)
			}
			must(t, l.Unlock())
			h = start(t, dir, "hold", name)
			h.says("held")
			h.kill()
			must(t, l.With(bg, func(recovered bool) error { got(t, true)(recovered, nil); return nil }))
		}
	}
	info, err := v.Info()
	must(t, err)
	if info.Steals == 0 {
		t.Error("no steal was counted")
	}
}

func roleHold() {
	var l locker
	switch os.Args[1] {
	case "l":
		l = need(OpenLock(nil, "l", nil))
	case "v":
		l = need(OpenValue[int](nil, "v", nil))
	case "a":
		l = need(OpenArray[int](nil, "a", nil))
	}
	need(l.Lock(bg))
	say("held")
	forever()
}

// A stopped holder is not robbed, however long it takes.
func TestLockOfTheStopped(t *testing.T) {
	d, dir := newDomain(t)
	v := closing[*Value[int]](t)(CreateValue(d, "v", 0, nil))
	h := start(t, dir, "hold-value-lock")
	h.says("held")
	must(t, h.cmd.Process.Signal(syscall.SIGSTOP))
	short, cancel := context.WithTimeout(bg, 300*time.Millisecond)
	defer cancel()
	_, err := v.Lock(short)
	fails(t, err, ErrTimeout, context.DeadlineExceeded)
	o, err := v.LockOwner()
	must(t, err)
	if !o.Held || !o.Alive || o.Self || o.PID != h.cmd.Process.Pid {
		t.Errorf("held by %+v", o)
	}
	must(t, h.cmd.Process.Signal(syscall.SIGCONT))
	h.tell()
	h.says("released")
	got(t, false)(v.Lock(bg))
	must(t, v.Unlock())
	h.ends()
}

func roleHoldValueLock() {
	v := need(OpenValue[int](nil, "v", nil))
	need(v.Lock(bg))
	say("held")
	<-told
	checked(v.Unlock())
	say("released")
}

// A consumer is killed while it waits, and another while it takes: the others go on, and at most the message that the
// killed one had taken is missing.
func TestKilledConsumers(t *testing.T) {
	d, dir := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{MaxItems: 16}))
	back := closing[*Queue](t)(CreateQueue(d, "back", nil))

	waiting := start(t, dir, "consume")
	waiting.says("ready")
	time.Sleep(20 * time.Millisecond) // most likely it sleeps in Get by now; right in any case
	waiting.kill()

	const kills = 5
	survivor := start(t, dir, "consume")
	survivor.says("ready")
	sent := uint64(0)
	for range kills {
		victim := start(t, dir, "consume")
		victim.says("ready")
		for range 200 {
			must(t, q.Put(bg, binary.LittleEndian.AppendUint64(nil, sent)))
			sent++
		}
		victim.kill()
	}
	must(t, q.Shutdown(false))
	survivor.ends()

	seen := make(map[uint64]bool)
	must(t, back.Shutdown(false))
	for {
		m, err := back.Get(bg)
		if errors.Is(err, ErrClosed) {
			break
		}
		must(t, err)
		n := binary.LittleEndian.Uint64(m)
		if seen[n] {
			t.Errorf("message %d came twice", n)
		}
		seen[n] = true
	}
	if missing := int(sent) - len(seen); missing < 0 || missing > kills {
		t.Errorf("%d of %d messages are missing after %d kills", missing, sent, kills)
	}
}

func roleConsume() {
	q := need(OpenQueue(nil, "q", nil))
	back := need(OpenQueue(nil, "back", nil))
	say("ready")
	for {
		m, err := q.Get(bg)
		if errors.Is(err, ErrClosed) {
			return
		}
		checked(err)
		checked(back.Put(bg, m))
	}
}

// Producers are killed at any moment: what came is whole, in order, and complete up to the last Put that returned.
func TestKilledProducers(t *testing.T) {
	d, dir := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{Capacity: 4096}))
	returned := closing[*Array[uint64]](t)(CreateArray[uint64](d, "returned", nil, &ArrayOptions{Shape: []int{8}}))
	for p := range 8 {
		h := start(t, dir, "produce", strconv.Itoa(p))
		next := uint64(0)
		take := func(m []byte) {
			n := binary.LittleEndian.Uint64(m)
			if n != next || !bytes.Equal(m[8:], bytes.Repeat([]byte{byte(n)}, int(n%300))) {
				t.Fatalf("producer %d: message %d (%d bytes) instead of %d", p, n, len(m), next)
			}
			next++
		}
		for range 500 + 300*p {
			m, err := q.Get(bg)
			must(t, err)
			take(m)
		}
		h.kill()
		for {
			m, err := q.TryGet()
			if errors.Is(err, ErrTimeout) {
				break
			}
			must(t, err)
			take(m)
		}
		done, err := returned.Get(p)
		must(t, err)
		if next < done {
			t.Errorf("producer %d: %d messages were put, %d came", p, done, next)
		}
	}
}

func roleProduce() {
	p := argument(1)
	q := need(OpenQueue(nil, "q", nil))
	returned := need(OpenArray[uint64](nil, "returned", nil))
	for n := uint64(0); ; n++ {
		m := binary.LittleEndian.AppendUint64(nil, n)
		checked(q.Put(bg, append(m, bytes.Repeat([]byte{byte(n)}, int(n%300))...)))
		checked(returned.Set(p, n+1))
	}
}

// A process is killed again and again while it writes a struct: it is always one of those written.
func TestKilledStore(t *testing.T) {
	d, dir := newDomain(t)
	type wide = [512]uint64
	v := closing[*Value[wide]](t)(CreateValue(d, "wide", wide{}, nil))
	for range 10 {
		h := start(t, dir, "store-for-ever")
		h.says("ready")
		for range 50 {
			whole(t, v)
		}
		h.kill()
		whole(t, v)
		must(t, v.Store(wide{}))
		whole(t, v)
	}
}

func whole(t *testing.T, v *Value[[512]uint64]) {
	t.Helper()
	w, err := v.Load()
	must(t, err)
	for _, x := range w {
		if x != w[0] {
			t.Fatalf("%d beside %d", x, w[0])
		}
	}
}

func roleStoreForEver() {
	v := need(OpenValue[[512]uint64](nil, "wide", nil))
	say("ready")
	for n := uint64(1); ; n++ {
		var w [512]uint64
		for i := range w {
			w[i] = n
		}
		checked(v.Store(w))
	}
}
