package mproc

import (
	"context"
	"errors"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Condition is something to wait for under a lock: its own, which is recursive as an [RLock] (the default), or a [Lock]
// or RLock of the same domain that it is bound to when it is created. Whoever opens it then opens that lock, too, and
// names it in the options. The owner of the lock is a [Token]; bound to a Lock, the process owns it and tokens have no
// meaning: 0 will do.
//
//	owner := mproc.NewToken()
//	err := condition.With(ctx, owner, func(recovered bool) error {
//		return condition.WaitFor(ctx, owner, func(recovered bool) bool { return there() })
//	})
//
// Notifying never waits for anybody. A notification goes to the one who has waited longest; if its process dies before
// Wait has returned there, it passes on to the next. It is not remembered if nobody waits.
type Condition struct {
	h       handle
	existed bool
	process bool // the process owns the lock: it is a Lock
}

// MaxWaiters is the most that can wait for a condition at a time.
const MaxWaiters = cmproc.ConditionWaiters

// ConditionOptions say how to create or open a condition. Opening heeds NoSpin, Lock and RLock only.
type ConditionOptions struct {
	Persist bool   // keep name and memory until Unlink
	ExistOK bool   // open the condition if it exists already and matches
	NoSpin  bool   // sleep at once instead of spinning first
	Lock    *Lock  // what the condition is bound to; it may be closed before the condition
	RLock   *RLock // the same; only one of the two
}

func (o *ConditionOptions) flags() uint32 {
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin)
}

// ConditionInfo is what a condition is like right now.
type ConditionInfo struct {
	Waiters   int    // living waiters that have not been notified yet
	LockKind  Kind   // KindLock or KindRLock if it is bound, else 0
	Regranted uint32 // how often a notification was passed on because the one who got it had died
}

// CreateCondition creates a condition. options may be nil.
func CreateCondition(domain *Domain, name string, options *ConditionOptions) (*Condition, error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	return makeCondition(cmproc.Create, domain, cname, options)
}

// OpenCondition opens an existing condition. options may be nil, unless it is bound to a lock.
func OpenCondition(domain *Domain, name string, options *ConditionOptions) (*Condition, error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeCondition(cmproc.Open, domain, cname, options)
}

func makeCondition(how cmproc.How, from source, name *byte, o *ConditionOptions) (*Condition, error) {
	if o == nil {
		o = &ConditionOptions{}
	}
	var lock, rlock unsafe.Pointer
	if o.Lock != nil {
		if !o.Lock.h.enter() {
			return nil, ErrClosedHandle
		}
		defer o.Lock.h.leave()
		lock = o.Lock.h.res.raw
	}
	if o.RLock != nil {
		if !o.RLock.h.enter() {
			return nil, ErrClosedHandle
		}
		defer o.RLock.h.leave()
		rlock = o.RLock.h.res.raw
	}
	c := &Condition{process: o.Lock != nil}
	var err error
	c.existed, err = c.h.open(cmproc.KindCondition, from,
		func(raw unsafe.Pointer, made *cmproc.Made, e *cmproc.Error) int32 {
			return cmproc.ConditionMake(how, raw, name, o.flags(), lock, rlock, made, e)
		})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// as is the token for the library, which wants one even where it does not look at it.
func (c *Condition) as(owner Token) uint64 {
	if c.process {
		return 1
	}
	return uint64(owner)
}

// Existed reports whether ExistOK opened a condition that was there already.
func (c *Condition) Existed() bool { return c.existed }

// Lock takes the condition's lock for an owner, waiting as long as ctx allows. recovered tells that the previous holder
// died while holding it: the lock is held and sound, what it protects may be half done.
func (c *Condition) Lock(ctx context.Context, owner Token) (recovered bool, err error) {
	return c.h.lock(ctx, c.as(owner))
}

// TryLock takes the lock if that is possible at once, and fails with ErrTimeout if not.
func (c *Condition) TryLock(owner Token) (recovered bool, err error) { return c.h.tryLock(c.as(owner)) }

// Unlock releases the lock, or one level of it. An owner that does not hold it gets ErrNotHolder.
func (c *Condition) Unlock(owner Token) error { return c.h.unlock(c.as(owner)) }

// With takes the lock, calls f, and releases the lock, also when f panics.
func (c *Condition) With(ctx context.Context, owner Token, f func(recovered bool) error) error {
	return c.h.with(ctx, c.as(owner), f)
}

// Wait gives the lock up, waits as long as ctx allows to be notified, and takes the lock again, with all its levels,
// however long that takes. So whoever held the lock before holds it afterwards, whatever the error is. recovered tells
// that a process died while it held the lock, and this is the next holder: notified or not. Look at what was waited
// for, in a loop, as [Condition.WaitFor] does.
//
// Who does not hold the lock gets ErrNotHolder; if MaxWaiters wait already, that is ErrFull.
func (c *Condition) Wait(ctx context.Context, owner Token) (recovered bool, err error) {
	if !c.h.enter() {
		return false, ErrClosedHandle
	}
	defer c.h.leave()
	w, err := c.h.wait(ctx)
	if err != nil {
		return false, err
	}
	var e cmproc.Error
	status := cmproc.ConditionWait(c.h.res.raw, c.as(owner), w.timeout, w.token, &e)
	return status == cmproc.Recovered, c.h.done(ctx, w, status, &e)
}

// WaitFor waits as long as ctx allows until the predicate is true. The predicate is called under the lock: first at
// once, then after each wake-up, also the one by ctx, whose error counts only if the predicate is still false.
// recovered tells it that since it was called last a process died while it held the lock: repair what may be half done.
// The lock is held afterwards, whatever the error is.
func (c *Condition) WaitFor(ctx context.Context, owner Token, predicate func(recovered bool) bool) error {
	for recovered := false; !predicate(recovered); {
		var err error
		if recovered, err = c.Wait(ctx, owner); err == nil {
			continue
		}
		if (errors.Is(err, ErrTimeout) || errors.Is(err, ErrCanceled)) && predicate(false) {
			return nil
		}
		return err
	}
	return nil
}

// Notify wakes up to n of those who wait now, the longest waiting first. Who holds the lock while it changes what is
// waited for and notifies (before or after unlocking) misses nobody.
func (c *Condition) Notify(n int) error {
	waiters, err := count(n)
	if err != nil {
		return err
	}
	if !c.h.enter() {
		return ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.ConditionNotify(c.h.res.raw, waiters, &e)
	c.h.leave()
	return check(status, &e)
}

// NotifyAll wakes everybody who waits now.
func (c *Condition) NotifyAll() error {
	if !c.h.enter() {
		return ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.ConditionNotifyAll(c.h.res.raw, &e)
	c.h.leave()
	return check(status, &e)
}

// Info says what the condition is like right now: a snapshot.
func (c *Condition) Info() (ConditionInfo, error) {
	var i cmproc.ConditionInfo
	err := c.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return cmproc.GetConditionInfo(raw, &i, e) })
	if err != nil {
		return ConditionInfo{}, err
	}
	return ConditionInfo{Waiters: int(i.Waiters), LockKind: Kind(i.LockKind), Regranted: i.Regranted}, nil
}

// Close ends the handle; calls that wait on it return ErrClosedHandle, after they have taken the lock again. A lock
// that this process holds stays held until it is unlocked through another handle or the process ends.
func (c *Condition) Close() error {
	if c == nil {
		return nil
	}
	return c.h.close()
}
