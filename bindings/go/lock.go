package mproc

import (
	"context"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Lock is a robust mutual-exclusion lock, held by a process (not by a thread or goroutine). It is not
// recursive: locking it twice, from whichever goroutine, waits for the first to unlock.
type Lock struct {
	h       handle
	existed bool
}

// LockOptions say how to create or open a lock. Opening heeds NoSpin only.
type LockOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the lock if it exists already
	NoSpin  bool // sleep at once instead of spinning first
	// AnyRelease lets any process unlock, not only the holder: for handing the lock over, or as a signal.
	AnyRelease bool
}

func (o *LockOptions) flags() uint32 {
	if o == nil {
		return 0
	}
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin) |
		bit(o.AnyRelease, cmproc.AnyRelease)
}

// CreateLock creates a lock. options may be nil.
func CreateLock(domain *Domain, name string, options *LockOptions) (*Lock, error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	return makeLock(cmproc.Create, domain, cname, options)
}

// OpenLock opens an existing lock. options may be nil.
func OpenLock(domain *Domain, name string, options *LockOptions) (*Lock, error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeLock(cmproc.Open, domain, cname, options)
}

func makeLock(how cmproc.How, from source, name *byte, options *LockOptions) (*Lock, error) {
	raw, err := from.enter()
	if err != nil {
		return nil, err
	}
	defer from.leave()
	var made cmproc.Made
	var e cmproc.Error
	status := cmproc.LockMake(how, raw, name, options.flags(), &made, &e)
	if status < 0 {
		return nil, failure(status, &e)
	}
	l := &Lock{existed: status == cmproc.Existed}
	l.h.own(cmproc.KindLock, &made)
	return l, nil
}

// Existed reports whether ExistOK opened a lock that was there already.
func (l *Lock) Existed() bool { return l.existed }

// Lock takes the lock, waiting for it as long as ctx allows. recovered tells that the previous holder died
// while holding it: the lock is held and sound, what it protects may be half done.
func (l *Lock) Lock(ctx context.Context) (recovered bool, err error) { return l.h.lock(ctx, asProcess) }

// TryLock takes the lock if that is possible at once, and fails with ErrTimeout if not.
func (l *Lock) TryLock() (recovered bool, err error) { return l.h.tryLock(asProcess) }

// Unlock releases the lock. Any goroutine of the holding process may do it, through any handle; a process
// that does not hold it gets ErrNotHolder. With AnyRelease any process may, and it is ErrNotHolder if nobody holds it.
func (l *Lock) Unlock() error { return l.h.unlock(asProcess) }

// With takes the lock, calls f, and releases the lock, also when f panics.
func (l *Lock) With(ctx context.Context, f func(recovered bool) error) error {
	return l.h.with(ctx, asProcess, f)
}

// Owner says who holds the lock right now: a snapshot, for people and logs.
func (l *Lock) Owner() (Owner, error) { return l.h.lockOwner() }

// Close ends the handle. A lock that this process holds stays held until it is unlocked through another
// handle or the process ends.
func (l *Lock) Close() error {
	if l == nil {
		return nil
	}
	return l.h.close()
}

// What can be held: the lock of an object, or a permit. as says for whom: the process, the owner of a token, or as the
// writer or a reader of an RWLock.
const (
	asProcess = 0
	asWriter  = cmproc.Writer
	asReader  = cmproc.Reader
)

func (h *handle) lock(ctx context.Context, as uint64) (recovered bool, err error) {
	if !h.enter() {
		return false, ErrClosedHandle
	}
	w, err := h.wait(ctx)
	if err == nil {
		var e cmproc.Error
		status := cmproc.Acquire(h.res.kind, h.res.raw, as, w.timeout, w.token, &e)
		recovered, err = status == cmproc.Recovered, h.done(ctx, w, status, &e)
	}
	h.leave()
	return recovered, err
}

func (h *handle) tryLock(as uint64) (recovered bool, err error) {
	if !h.enter() {
		return false, ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.Acquire(h.res.kind, h.res.raw, as, 0, nil, &e)
	h.leave()
	return status == cmproc.Recovered, check(status, &e)
}

func (h *handle) unlock(as uint64) error {
	if !h.enter() {
		return ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.Release(h.res.kind, h.res.raw, as, &e)
	h.leave()
	return check(status, &e)
}

func (h *handle) with(ctx context.Context, as uint64, f func(recovered bool) error) (err error) {
	// Entered for the whole time, so that a Close meanwhile cannot keep the lock from being released.
	if !h.enter() {
		return ErrClosedHandle
	}
	defer h.leave()
	recovered, err := h.lock(ctx, as)
	if err != nil {
		return err
	}
	defer func() {
		var e cmproc.Error
		if failed := check(cmproc.Release(h.res.kind, h.res.raw, as, &e), &e); err == nil {
			err = failed
		}
	}()
	return f(recovered)
}

func (h *handle) lockOwner() (o Owner, err error) {
	if !h.enter() {
		return o, ErrClosedHandle
	}
	var c cmproc.Owner
	var e cmproc.Error
	status := cmproc.LockOwner(h.res.kind, h.res.raw, &c, &e)
	h.leave()
	if status < 0 {
		return o, failure(status, &e)
	}
	o.from(&c)
	return o, nil
}
