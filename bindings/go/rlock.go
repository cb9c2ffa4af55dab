package mproc

import (
	"context"
	"sync/atomic"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Token names an owner of an [RLock], or of the lock of a [Condition], within this process. In other languages that is
// a thread; goroutines move between threads, so in Go it is whoever has the token: one goroutine, or one chain of calls
// that passes it along as it does its context. The same number in another process is another owner.
type Token uint64

var lastToken atomic.Uint64

// NewToken makes a token that nobody else in this process has got from NewToken. It needs no end. (Any number from 1 to
// 2^63 - 1 is a token, too: a request's own number, for example.)
func NewToken() Token { return Token(lastToken.Add(1)) }

// RLock is a robust recursive lock. Its owner is a process together with a [Token]: the owner can take it again, and
// releases it as often as it took it. When the owner's process dies, all its levels go at once.
//
//	owner := mproc.NewToken()
//	recovered, err := lock.Lock(ctx, owner)
//	recovered, err = lock.Lock(ctx, owner) // at once
//	err = lock.Unlock(owner)
//	err = lock.Unlock(owner)               // now it is free
type RLock struct {
	h       handle
	existed bool
}

// RLockOptions say how to create or open an rlock. Opening heeds NoSpin only.
type RLockOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the rlock if it exists already
	NoSpin  bool // sleep at once instead of spinning first
}

func (o *RLockOptions) flags() uint32 {
	if o == nil {
		return 0
	}
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin)
}

// RLockInfo is who holds an rlock right now, and how often.
type RLockInfo struct {
	Owner  Owner  // the process that holds it
	Token  Token  // what it was taken with (a thread's has bit 63 set); 0: the lock is free
	Count  int    // how often the owner has to release it
	Steals uint32 // how often it was taken over from a dead process
}

// CreateRLock creates an rlock. options may be nil.
func CreateRLock(domain *Domain, name string, options *RLockOptions) (*RLock, error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	return makeRLock(cmproc.Create, domain, cname, options)
}

// OpenRLock opens an existing rlock. options may be nil.
func OpenRLock(domain *Domain, name string, options *RLockOptions) (*RLock, error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeRLock(cmproc.Open, domain, cname, options)
}

func makeRLock(how cmproc.How, from source, name *byte, o *RLockOptions) (*RLock, error) {
	l := new(RLock)
	var err error
	l.existed, err = l.h.open(cmproc.KindRLock, from,
		func(raw unsafe.Pointer, made *cmproc.Made, e *cmproc.Error) int32 {
			return cmproc.RLockMake(how, raw, name, o.flags(), made, e)
		})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Existed reports whether ExistOK opened an rlock that was there already.
func (l *RLock) Existed() bool { return l.existed }

// Lock takes the lock for an owner, or once more if it has it, waiting as long as ctx allows. recovered tells that the
// previous holder died while holding it: the lock is held and sound, what it protects may be half done.
func (l *RLock) Lock(ctx context.Context, owner Token) (recovered bool, err error) {
	return l.h.lock(ctx, uint64(owner))
}

// TryLock takes the lock if that is possible at once, and fails with ErrTimeout if not.
func (l *RLock) TryLock(owner Token) (recovered bool, err error) { return l.h.tryLock(uint64(owner)) }

// Unlock gives up one level; the last one releases the lock. An owner that does not hold it gets ErrNotHolder.
func (l *RLock) Unlock(owner Token) error { return l.h.unlock(uint64(owner)) }

// With takes the lock, calls f, and gives that level up again, also when f panics.
func (l *RLock) With(ctx context.Context, owner Token, f func(recovered bool) error) error {
	return l.h.with(ctx, uint64(owner), f)
}

// Info says who holds the lock right now, and how often: a snapshot, for people and logs.
func (l *RLock) Info() (RLockInfo, error) {
	var c cmproc.RLockInfo
	err := l.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return cmproc.GetRLockInfo(raw, &c, e) })
	if err != nil {
		return RLockInfo{}, err
	}
	info := RLockInfo{Token: Token(c.Token), Count: int(c.Count), Steals: c.Steals}
	info.Owner.from(&c.Owner)
	return info, nil
}

// Close ends the handle. A lock that this process holds stays held until it is unlocked through another
// handle or the process ends.
func (l *RLock) Close() error {
	if l == nil {
		return nil
	}
	return l.h.close()
}
