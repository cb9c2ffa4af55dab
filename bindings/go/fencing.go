package mproc

import (
	"context"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// FencingToken is a number that a lock's holder gets: greater than every one that the lock has given before. What is
// done under it (SetIfToken and the like) is refused with [ErrFenced], and not done, once something was done to the
// object under a greater one. So a holder that was taken for dead, because its connection was lost or its machine stood
// still, cannot overwrite what its successor has done. Ask for it once, when the lock is taken.
//
//	recovered, err := lock.Lock(ctx)
//	token, err := lock.Token()
//	err = accounts.SetIfToken("ann", 80, token)
//
// The greatest token is kept for each arena (of containers) or queue. 0 is no token.
type FencingToken uint64

// Token gives a new fencing token to the process that holds the lock; to others ErrNotHolder.
func (l *Lock) Token() (FencingToken, error) { return l.h.fencingToken(asProcess) }

// Token gives a new fencing token to the owner that holds the lock; to others ErrNotHolder.
func (l *RLock) Token(owner Token) (FencingToken, error) { return l.h.fencingToken(uint64(owner)) }

// Token gives a new fencing token to the process that writes; to others ErrNotHolder.
func (l *RWLock) Token() (FencingToken, error) { return l.h.fencingToken(asProcess) }

func (h *handle) fencingToken(as uint64) (FencingToken, error) {
	if !h.enter() {
		return 0, ErrClosedHandle
	}
	var token uint64
	var e cmproc.Error
	status := cmproc.FencingToken(h.res.kind, h.res.raw, as, &token, &e)
	h.leave()
	return FencingToken(token), check(status, &e)
}

// SetIfToken is Set under a fencing token.
func (d *Dict[K, V]) SetIfToken(key K, value V, token FencingToken) error {
	var k, v input
	defer k.done()
	if err := pack(&k, d.keys, &key); err != nil {
		return err
	}
	defer v.done()
	if err := pack(&v, d.values, &value); err != nil {
		return err
	}
	return d.setIfToken(&k, &v, token)
}

// DeleteIfToken is Delete under a fencing token.
func (d *Dict[K, V]) DeleteIfToken(key K, token FencingToken) error {
	var k input
	defer k.done()
	if err := pack(&k, d.keys, &key); err != nil {
		return err
	}
	return d.deleteIfToken(&k, token)
}

// SetIfToken is Set under a fencing token.
func (l *List[T]) SetIfToken(index int, value T, token FencingToken) error {
	var v input
	defer v.done()
	if err := pack(&v, l.elements, &value); err != nil {
		return err
	}
	i := at(index)
	return l.setIfToken(&i, &v, token)
}

// AppendIfToken is Append under a fencing token.
func (l *List[T]) AppendIfToken(value T, token FencingToken) error {
	var v input
	defer v.done()
	if err := pack(&v, l.elements, &value); err != nil {
		return err
	}
	raw, err := l.enter()
	if err != nil {
		return err
	}
	var e cmproc.Error
	status := cmproc.ListAppendIfToken(raw, &v.c, v.data, uint64(token), &e)
	l.leave()
	return check(status, &e)
}

// SetIfToken is Set under a fencing token.
func (n *Namespace) SetIfToken(name string, value any, token FencingToken) error {
	var room nameBytes
	at, err := room.at(name)
	if err != nil {
		return err
	}
	var v input
	defer v.done()
	if err := pack(&v, anyShape, &value); err != nil {
		return err
	}
	return n.setIfToken(&at, &v, token)
}

// DeleteIfToken is Delete under a fencing token.
func (n *Namespace) DeleteIfToken(name string, token FencingToken) error {
	var room nameBytes
	at, err := room.at(name)
	if err != nil {
		return err
	}
	return n.deleteIfToken(&at, token)
}

func (c *container) setIfToken(at, value *input, token FencingToken) error {
	raw, err := c.enter()
	if err != nil {
		return err
	}
	var e cmproc.Error
	status := cmproc.SetIfToken(c.h.res.kind, raw, &at.c, at.data, &value.c, value.data, uint64(token), &e)
	c.leave()
	return check(status, &e)
}

func (c *container) deleteIfToken(at *input, token FencingToken) error {
	raw, err := c.enter()
	if err != nil {
		return err
	}
	var e cmproc.Error
	status := cmproc.DeleteIfToken(c.h.res.kind, raw, &at.c, at.data, uint64(token), &e)
	c.leave()
	return check(status, &e)
}

// PutIfToken is Put under a fencing token.
func (q *Queue) PutIfToken(ctx context.Context, message []byte, token FencingToken) error {
	if !q.h.enter() {
		return ErrClosedHandle
	}
	a := attempt{h: &q.h, ctx: ctx, gate: q.h.gate(ctx, forRoom)}
	for a.next() {
		a.status = cmproc.QueuePutIfToken(q.h.res.raw, message, uint64(token), a.timeout, a.token, &a.e)
	}
	q.h.leave()
	return a.err
}
