package mproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// waitersCome waits until so many wait for the condition.
func waitersCome(t *testing.T, c *Condition, n int) {
	t.Helper()
	eventually(t, func() bool {
		info, err := c.Info()
		must(t, err)
		return info.Waiters == n
	})
}

func TestCondition(t *testing.T) { everywhere(t, testCondition) }

func testCondition(t *testing.T, d *Domain) {
	for _, c := range []*Condition{
		closing[*Condition](t)(CreateCondition(d, "c", nil)),
		closing[*Condition](t)(OpenCondition(d, "c", &ConditionOptions{NoSpin: true})),
		closing[*Condition](t)(CreateCondition(d, "", nil)),
	} {
		recursive(t, c)
		me, other := NewToken(), NewToken()
		for _, err := range []error{second(c.Wait(bg, me)), c.WaitFor(bg, me, func(bool) bool { return false })} {
			fails(t, err, ErrNotHolder)
		}
		for _, bad := range []Token{0, 1 << 63} {
			fails(t, second(c.Wait(bg, bad)), ErrInvalid)
		}
		must(t, c.Notify(3)) // nobody waits: it is not remembered
		must(t, c.NotifyAll())
		must(t, c.Notify(0))
		fails(t, c.Notify(-1), ErrInvalid)

		// Waiting gives up all levels, and takes all of them again, whatever ends it.
		got(t, false)(c.Lock(bg, me))
		got(t, false)(c.Lock(bg, me))
		fails(t, second(c.Wait(bg, other)), ErrNotHolder)
		ctx, cancel := context.WithCancel(bg)
		ended := make(chan error)
		go func() { ended <- second(c.Wait(ctx, me)) }()
		waitersCome(t, c, 1)
		got(t, false)(c.Lock(bg, other))
		must(t, c.Notify(1))
		must(t, c.Unlock(other))
		must(t, <-ended)
		fails(t, second(c.TryLock(other)), ErrTimeout)
		go func() { ended <- second(c.Wait(ctx, me)) }()
		waitersCome(t, c, 1)
		cancel()
		fails(t, <-ended, ErrCanceled, context.Canceled)
		fails(t, second(c.TryLock(other)), ErrTimeout)
		fails(t, second(c.Wait(ctx, me)), ErrCanceled) // done already: it does not even give the lock up
		short, stop := context.WithTimeout(bg, 5*time.Millisecond)
		fails(t, second(c.Wait(short, me)), ErrTimeout, context.DeadlineExceeded)
		stop()
		must(t, c.Unlock(me))
		fails(t, second(c.TryLock(other)), ErrTimeout)
		must(t, c.Unlock(me))
		fails(t, c.Unlock(me), ErrNotHolder)
		info, err := c.Info()
		must(t, err)
		got(t, ConditionInfo{})(info, nil)
	}
	got(t, true)(closing[*Condition](t)(CreateCondition(d, "c", &ConditionOptions{ExistOK: true})).Existed(), nil)
	fails(t, second(CreateCondition(d, "c", nil)), ErrExist)
	fails(t, second(OpenCondition(d, "none", nil)), ErrNotExist)
	fails(t, second(OpenRLock(d, "c", nil)), ErrKind)
}

// A condition that is bound to a lock: it is the same lock, whichever way it is taken.
func TestBoundCondition(t *testing.T) { everywhere(t, testBoundCondition) }

func testBoundCondition(t *testing.T, d *Domain) {
	me := NewToken()
	lock := closing[*Lock](t)(CreateLock(d, "lock", nil))
	rlock := closing[*RLock](t)(CreateRLock(d, "rlock", nil))
	for _, c := range []struct {
		options      ConditionOptions
		kind         Kind
		owner        Token
		take, giveUp func() error
		intrude      func() error
	}{
		{ConditionOptions{Lock: lock}, KindLock, 0, func() error { return second(lock.TryLock()) }, lock.Unlock,
			func() error { return second(lock.TryLock()) }},
		{ConditionOptions{RLock: rlock}, KindRLock, me, func() error { return second(rlock.TryLock(me)) },
			func() error { return rlock.Unlock(me) }, func() error { return second(rlock.TryLock(NewToken())) }},
	} {
		name := c.kind.String() + ".condition"
		one := closing[*Condition](t)(CreateCondition(d, name, &c.options))
		two := closing[*Condition](t)(OpenCondition(d, name, &c.options))
		info, err := one.Info()
		must(t, err)
		got(t, ConditionInfo{LockKind: c.kind})(info, nil)
		fails(t, second(two.Wait(bg, c.owner)), ErrNotHolder)
		must(t, c.take())
		ended := make(chan error)
		go func() { ended <- second(one.Wait(bg, c.owner)) }()
		waitersCome(t, two, 1)
		// Taken by the condition, released by the lock, and the other way round.
		got(t, false)(two.Lock(bg, c.owner))
		must(t, two.Notify(1))
		must(t, c.giveUp())
		must(t, <-ended)
		must(t, two.Unlock(c.owner))
		fails(t, c.giveUp(), ErrNotHolder)
		must(t, two.With(bg, c.owner, func(bool) error { fails(t, c.intrude(), ErrTimeout); return nil }))
		must(t, c.take())
		must(t, one.Unlock(c.owner))

		// It cannot be opened without its lock, or with another.
		if second(OpenCondition(d, name, nil)) == nil {
			t.Error("opened without its lock")
		}
		if second(OpenCondition(d, name, &ConditionOptions{
			Lock: closing[*Lock](t)(CreateLock(d, "", nil)),
		})) == nil {
			t.Error("opened with another lock")
		}
		fails(t, second(CreateCondition(d, name, &ConditionOptions{ExistOK: true})), ErrType)
	}
	fails(t, second(CreateCondition(d, "", &ConditionOptions{Lock: lock, RLock: rlock})), ErrInvalid)

	// The lock's handle is not needed any more.
	passing, err := CreateLock(d, "", nil)
	must(t, err)
	c := closing[*Condition](t)(CreateCondition(d, "", &ConditionOptions{Lock: passing}))
	must(t, passing.Close())
	fails(t, second(CreateCondition(d, "", &ConditionOptions{Lock: passing})), ErrClosedHandle)
	fails(t, second(CreateCondition(d, "", &ConditionOptions{RLock: new(RLock)})), ErrClosedHandle)
	must(t, c.With(bg, 0, func(bool) error {
		short, stop := context.WithTimeout(bg, time.Millisecond)
		defer stop()
		fails(t, second(c.Wait(short, 0)), ErrTimeout)
		return nil
	}))
}

// Notifications go to those who have waited longest.
func TestNotifyInOrder(t *testing.T) { everywhere(t, testNotifyInOrder) }

func testNotifyInOrder(t *testing.T, d *Domain) {
	c := closing[*Condition](t)(CreateCondition(d, "", nil))
	const waiting = 6
	var order []int // under the condition's lock
	ended := make(chan error)
	for i := range waiting {
		go func() {
			owner := NewToken()
			ended <- c.With(bg, owner, func(bool) error {
				_, err := c.Wait(bg, owner)
				order = append(order, i)
				return err
			})
		}()
		waitersCome(t, c, i+1)
	}
	for i := range 3 {
		must(t, c.Notify(1))
		must(t, <-ended)
		waitersCome(t, c, waiting-1-i)
	}
	me := NewToken()
	must(t, c.With(bg, me, func(bool) error { got(t, "[0 1 2]")(fmt.Sprint(order), nil); return nil }))
	must(t, c.Notify(2))
	must(t, <-ended)
	must(t, <-ended)
	waitersCome(t, c, 1)
	must(t, c.NotifyAll())
	must(t, <-ended)
	must(t, c.With(bg, me, func(bool) error { got(t, 5)(order[5], nil); return nil }))
}

func TestWaitFor(t *testing.T) { everywhere(t, testWaitFor) }

func testWaitFor(t *testing.T, d *Domain) {
	c := closing[*Condition](t)(CreateCondition(d, "", nil))
	me, other := NewToken(), NewToken()
	done, cancel := context.WithCancel(bg)
	cancel()
	got(t, false)(c.Lock(bg, me))
	calls := 0
	must(t, c.WaitFor(done, me, func(recovered bool) bool { calls++; return !recovered })) // true at once
	got(t, 1)(calls, nil)
	fails(t, c.WaitFor(done, me, func(bool) bool { return false }), ErrCanceled, context.Canceled)
	// True in the end, although nobody notified.
	short, stop := context.WithTimeout(bg, 5*time.Millisecond)
	defer stop()
	calls = 0
	must(t, c.WaitFor(short, me, func(bool) bool { calls++; return calls == 2 }))
	fails(t, c.WaitFor(short, me, func(bool) bool { return false }), ErrTimeout, context.DeadlineExceeded)
	fails(t, second(c.TryLock(other)), ErrTimeout) // held after all of that

	// In vain, then not.
	ready := false
	ended := make(chan error)
	go func() { ended <- c.WaitFor(bg, me, func(bool) bool { return ready }) }()
	for _, now := range []bool{false, false, true} {
		waitersCome(t, c, 1)
		must(t, c.With(bg, other, func(bool) error { ready = now; return c.NotifyAll() }))
	}
	must(t, <-ended)
	must(t, c.Unlock(me))
}

// One is notified and gives up at the same time: either it says that it was notified, or the notification is another's.
func TestNotifyAndCancelTogether(t *testing.T) { everywhere(t, testNotifyAndCancelTogether) }

func testNotifyAndCancelTogether(t *testing.T, d *Domain) {
	c := closing[*Condition](t)(CreateCondition(d, "", nil))
	wait := func(ctx context.Context) chan error {
		ended := make(chan error, 1)
		go func() {
			owner := NewToken()
			ended <- c.With(bg, owner, func(bool) error { return second(c.Wait(ctx, owner)) })
		}()
		return ended
	}
	for i := range 300 {
		ctx, cancel := context.WithCancel(bg)
		first := wait(ctx)
		waitersCome(t, c, 1)
		other := wait(bg)
		waitersCome(t, c, 2)
		go cancel()
		for range i % 30 * 100 {
			_ = c.h.closed() // a while
		}
		must(t, c.Notify(1))
		if err := <-first; err != nil {
			fails(t, err, ErrCanceled)
		} else {
			waitersCome(t, c, 1)
			must(t, c.Notify(1))
		}
		must(t, <-other)
	}
}

// A notified process is stopped, then killed, before it has the lock again: the notification stays its own while it
// lives, and passes on when it dies.
func TestNotifiedDies(t *testing.T) {
	d, dir := newDomain(t)
	me := NewToken()
	lock := closing[*Lock](t)(CreateLock(d, "lock", nil))
	for name, options := range map[string]*ConditionOptions{"own": nil, "bound": {Lock: lock}} {
		c := closing[*Condition](t)(CreateCondition(d, name, options))
		h := start(t, dir, "wait-condition", name)
		waitersCome(t, c, 1)
		must(t, c.With(bg, me, func(bool) error { return nil })) // it has given the lock up
		must(t, h.cmd.Process.Signal(syscall.SIGSTOP))
		ended := make(chan error, 1)
		go func() {
			owner := NewToken()
			ended <- c.With(bg, owner, func(bool) error { return second(c.Wait(bg, owner)) })
		}()
		waitersCome(t, c, 2)
		must(t, c.Notify(1)) // at once, although its receiver is stopped
		waitersCome(t, c, 1)
		select {
		case err := <-ended:
			t.Fatalf("a stopped process was robbed of its notification (%v)", err)
		case <-time.After(300 * time.Millisecond):
		}
		h.kill()
		must(t, <-ended)
		info, err := c.Info()
		must(t, err)
		if info.Waiters != 0 || info.Regranted == 0 {
			t.Errorf("%+v", info)
		}
	}
}

func roleWaitCondition() {
	options := &ConditionOptions{}
	if name := os.Args[1]; name == "bound" {
		options.Lock = need(OpenLock(nil, "lock", nil))
	}
	c := need(OpenCondition(nil, os.Args[1], options))
	need(c.Lock(bg, 5))
	need(c.Wait(bg, 5))
	forever()
}

// A process is killed while it holds the lock, after it has changed what is waited for: whoever waits hears of both.
func TestDeathUnderTheConditionsLock(t *testing.T) {
	d, dir := newDomain(t)
	c := closing[*Condition](t)(CreateCondition(d, "c", nil))
	number := closing[*Value[int64]](t)(CreateValue[int64](d, "number", 0, nil))
	me := NewToken()
	ctx, cancel := context.WithTimeout(bg, time.Hour)
	defer cancel()
	for _, ctx := range []context.Context{bg, ctx} {
		must(t, number.Store(0))
		told := 0
		ended := make(chan error)
		go func() {
			ended <- c.With(bg, me, func(bool) error {
				return c.WaitFor(ctx, me, func(recovered bool) bool {
					if recovered {
						told++
					}
					return need(number.Load()) == 1
				})
			})
		}()
		waitersCome(t, c, 1)
		h := start(t, dir, "die-in-condition")
		h.says("notified")
		h.kill()
		must(t, <-ended)
		got(t, 1)(told, nil)

		h = start(t, dir, "die-in-condition")
		h.says("notified")
		h.kill()
		got(t, true)(c.Lock(ctx, me))
		must(t, c.Unlock(me))
	}
}

func roleDieInCondition() {
	c := need(OpenCondition(nil, "c", nil))
	number := need(OpenValue[int64](nil, "number", nil))
	need(c.Lock(bg, 5))
	checked(number.Store(1))
	checked(c.NotifyAll())
	say("notified")
	forever()
}

// Processes take turns, in order, each waiting for its own.
func TestTurns(t *testing.T) {
	d, dir := newDomain(t)
	const processes, rounds = 4, 100
	rlock := closing[*RLock](t)(CreateRLock(d, "rlock", nil))
	for name, options := range map[string]*ConditionOptions{"own": nil, "bound": {RLock: rlock}} {
		c := closing[*Condition](t)(CreateCondition(d, name, options))
		turns := closing[*Array[int64]](t)(CreateArray(d, name+".turns", make([]int64, processes*rounds+1), nil))
		var all []*helper
		for i := range processes {
			all = append(all, start(t, dir, "take-turns", name, strconv.Itoa(i), strconv.Itoa(processes)))
		}
		for _, h := range all {
			h.ends()
		}
		for i := range processes * rounds {
			got(t, int64(i%processes))(turns.Get(i + 1))
		}
		got(t, int64(processes*rounds))(turns.Get(0))
		info, err := c.Info()
		must(t, err)
		got(t, 0)(info.Waiters, nil)
	}
}

// roleTakeTurns: the first element says how many turns were taken, the others by whom.
func roleTakeTurns() {
	options := &ConditionOptions{}
	if os.Args[1] == "bound" {
		options.RLock = need(OpenRLock(nil, "rlock", nil))
	}
	c := need(OpenCondition(nil, os.Args[1], options))
	turns := need(OpenArray[int64](nil, os.Args[1]+".turns", nil))
	my, processes := int64(argument(2)), int64(argument(3))
	ctx, cancel := context.WithTimeout(bg, patience)
	defer cancel()
	owner := NewToken()
	for range int64(turns.Len()) / processes {
		checked(c.With(ctx, owner, func(bool) error {
			err := c.WaitFor(ctx, owner, func(bool) bool { return need(turns.Get(0))%processes == my })
			if err != nil {
				return err
			}
			n := need(turns.Get(0)) + 1
			return errors.Join(turns.Set(int(n), my), turns.Set(0, n), c.NotifyAll())
		}))
	}
}

// Close ends waiting like a cancelled context: the lock is held again, and can be released through another handle.
func TestCloseWhileWaitingForACondition(t *testing.T) {
	everywhere(t, testCloseWhileWaitingForACondition)
}

func testCloseWhileWaitingForACondition(t *testing.T, d *Domain) {
	keep := closing[*Condition](t)(CreateCondition(d, "c", nil))
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	me, other := NewToken(), NewToken()
	for _, ctx := range []context.Context{bg, ctx} {
		c := closing[*Condition](t)(OpenCondition(d, "c", nil))
		got(t, false)(c.Lock(bg, me))
		ended := make(chan error)
		go func() { ended <- second(c.Wait(ctx, me)) }()
		waitersCome(t, keep, 1)
		must(t, c.Close())
		fails(t, <-ended, ErrClosedHandle)
		fails(t, second(keep.TryLock(other)), ErrTimeout)
		must(t, keep.Unlock(me))
		got(t, false)(keep.TryLock(other))
		must(t, keep.Unlock(other))
	}
	// With releases all the same.
	c := closing[*Condition](t)(OpenCondition(d, "c", nil))
	ended := make(chan error)
	go func() { ended <- c.With(bg, me, func(bool) error { return second(c.Wait(bg, me)) }) }()
	waitersCome(t, keep, 1)
	must(t, c.Close())
	fails(t, <-ended, ErrClosedHandle)
	got(t, false)(keep.TryLock(other))
	must(t, keep.Unlock(other))
}
