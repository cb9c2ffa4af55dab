package mproc

import (
	"context"
	"sync"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Reservation is room in a [Queue] or [Pipe] for a message that is written in place. It must be ended by Commit or
// Abort. When the process dies before, nothing is sent; when the queue or pipe is closed before, neither.
type Reservation struct{ view }

// Message is a message in a [Queue] or [Pipe] that was taken without copying it. It must be ended by Release or
// PutBack. When the process dies before, or the queue or pipe is closed before, the message goes back to the front.
type Message struct {
	view
	redelivered bool
}

// Lease is a message that was taken from a [Queue] under a lease: a copy of it, while the queue keeps the message
// until Ack. It must be ended by Ack or PutBack. When the process dies before, or the queue is closed before, the
// message goes back to the front.
type Lease struct {
	hold
	message     []byte
	redelivered bool
}

// Bytes is the room to write to, as long as was reserved. It is valid until Commit, Abort, or the Close of the queue
// or pipe; nil afterwards. What stands in it at first is arbitrary.
func (r *Reservation) Bytes() []byte { return r.bytes() }

// View calls f with the room, which stays mapped and reserved until f returns or Commit or Abort is called, also if
// Close is called meanwhile. f must not keep the slice.
func (r *Reservation) View(f func([]byte) error) error { return r.with(f) }

// Commit sends the first n bytes. If n is more than was reserved that is ErrRange, and the reservation stays; after
// any other error (ErrClosed after an immediate shutdown, ErrPipe, ...) nothing was sent.
func (r *Reservation) Commit(n int) error {
	if n < 0 {
		return refuse(ErrRange, "a message of %d bytes", n)
	}
	return r.settle(cmproc.SettleCommit, n)
}

// Abort gives the reservation up. After Commit it does nothing but say ErrNotHolder, so it may be deferred.
func (r *Reservation) Abort() error { return r.settle(cmproc.SettleAbort, 0) }

// Bytes is the message itself, in shared memory: do not write to it, and copy what must not change between a check
// and its use, because a faulty process could. It is valid until Release, PutBack, or the Close of the queue or pipe;
// nil afterwards.
func (m *Message) Bytes() []byte { return m.bytes() }

// View calls f with the message, which stays mapped and taken until f returns or Release or PutBack is called, also if
// Close is called meanwhile. f must not keep the slice.
func (m *Message) View(f func([]byte) error) error { return m.with(f) }

// Redelivered tells that somebody had the message before, and died or put it back.
func (m *Message) Redelivered() bool { return m.redelivered }

// Release ends the reading: the message is taken for good, and its room is free again. After PutBack it does nothing
// but say ErrNotHolder, so it may be deferred.
func (m *Message) Release() error { return m.settle(cmproc.SettleRelease, 0) }

// PutBack puts the message back to the front: whoever asks next gets it.
func (m *Message) PutBack() error { return m.settle(cmproc.SettlePutBack, 0) }

// Bytes is the message. The slice is the caller's own.
func (l *Lease) Bytes() []byte { return l.message }

// Redelivered tells that somebody had the message before, and died or put it back: the work may be done already, or
// be half done.
func (l *Lease) Redelivered() bool { return l.redelivered }

// Ack acknowledges the message: it is done, and leaves the queue.
func (l *Lease) Ack() error { return l.settle(cmproc.SettleAck, 0) }

// PutBack puts the message back to the front: whoever asks next gets it. After Ack it does nothing but say
// ErrNotHolder, so it may be deferred.
func (l *Lease) PutBack() error { return l.settle(cmproc.SettlePutBack, 0) }

// hold is what this process has reserved or taken until it is settled. It keeps the handle reachable, through which
// it must be settled.
type hold struct {
	h      *handle
	id     uint64
	mapped bool // the memory itself was handed out
	mu     sync.Mutex
	open   bool
}

func (h *hold) settle(how cmproc.Settlement, n int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.open {
		return refuse(ErrNotHolder, "it was ended before")
	}
	if !h.h.enter() {
		return ErrClosedHandle // which gave it up
	}
	defer h.h.leave()
	var e cmproc.Error
	status := cmproc.Settle(h.h.res.kind, h.h.res.raw, how, h.id, uintptr(n), &e)
	switch Status(status) {
	case ErrRange, ErrBusy, ErrSlots: // it stays
	default:
		h.open = false
		if h.mapped {
			h.h.res.kept.Add(-1)
		}
	}
	return check(status, &e)
}

// view is a hold on memory.
type view struct {
	hold
	data []byte
}

// start fills in what was reserved or taken through h, which is entered.
func (v *view) start(h *handle, c *cmproc.View) {
	h.res.kept.Add(1)
	v.h, v.id, v.mapped, v.open = h, c.ID, true, true
	v.data = []byte{}
	if c.Len > 0 {
		v.data = unsafe.Slice((*byte)(c.Data), c.Len)
	}
}

func (v *view) bytes() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.open || v.h.closed() {
		return nil
	}
	return v.data
}

func (v *view) with(f func([]byte) error) error {
	v.mu.Lock()
	open := v.open
	v.mu.Unlock()
	if !open {
		return refuse(ErrNotHolder, "it was ended before")
	}
	if !v.h.enter() {
		return ErrClosedHandle
	}
	defer v.h.leave()
	return f(v.data)
}

// reserve makes room in a queue or pipe.
func (h *handle) reserve(ctx context.Context, n int) (*Reservation, error) {
	if n < 0 {
		return nil, refuse(ErrInvalid, "room for %d bytes", n)
	}
	if !h.enter() {
		return nil, ErrClosedHandle
	}
	defer h.leave()
	var c cmproc.View
	a := attempt{h: h, ctx: ctx, gate: h.gate(ctx, forRoom)}
	for a.next() {
		a.status = cmproc.Reserve(h.res.kind, h.res.raw, uintptr(n), &c, a.timeout, a.token, &a.e)
	}
	if a.err != nil {
		return nil, a.err
	}
	r := new(Reservation)
	r.start(h, &c)
	return r, nil
}

// peek takes a message of a queue or pipe without copying it.
func (h *handle) peek(ctx context.Context) (*Message, error) {
	if !h.enter() {
		return nil, ErrClosedHandle
	}
	defer h.leave()
	var c cmproc.View
	a := attempt{h: h, ctx: ctx, gate: h.gate(ctx, forMessages)}
	for a.next() {
		a.status = cmproc.Peek(h.res.kind, h.res.raw, &c, a.timeout, a.token, &a.e)
	}
	if a.err != nil {
		return nil, a.err
	}
	m := &Message{redelivered: a.status == cmproc.Recovered}
	m.start(h, &c)
	return m, nil
}
