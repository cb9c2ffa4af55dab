package mproc

import (
	"context"
	"reflect"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Messages that are values: a message is then the encoding of one datum, which other languages read, too.

// PutValue puts a value at the end of a queue as its encoding (see [Pack]); otherwise as [Queue.Put].
func PutValue[T any](ctx context.Context, q *Queue, value T) error {
	var in input
	defer in.done()
	if err := pack(&in, shapeOf(reflect.TypeFor[T]()), &value); err != nil {
		return err
	}
	if !q.h.enter() {
		return ErrClosedHandle
	}
	defer q.h.leave()
	a := attempt{h: &q.h, ctx: ctx, gate: q.h.gate(ctx, forRoom)}
	for a.next() {
		a.status = cmproc.QueuePutDatum(q.h.res.raw, &in.c, in.data, a.timeout, a.token, &a.e)
	}
	return a.err
}

// TryPutValue puts a value if there is room right now, and fails with ErrTimeout if not.
func TryPutValue[T any](q *Queue, value T) error { return PutValue(atOnce, q, value) }

// GetValue takes the message at the front of a queue, which must be the encoding of a T (see [Unpack]); otherwise as
// [Queue.Get]. What is not a T (ErrType), or no datum at all (ErrInvalid), is taken nevertheless: where messages
// differ, take an any or a [Packed].
func GetValue[T any](ctx context.Context, q *Queue) (value T, err error) {
	if !q.h.enter() {
		return value, ErrClosedHandle
	}
	defer q.h.leave()
	a := attempt{h: &q.h, ctx: ctx, gate: q.h.gate(ctx, forMessages)}
	var o output
	defer o.done()
	for a.next() {
		a.status = o.fetch(&q.longest, &a.e, func(buf []byte) int32 {
			return cmproc.QueueGetDatum(q.h.res.raw, buf, &o.c, a.timeout, a.token, &a.e)
		})
	}
	if a.err != nil {
		return value, a.err
	}
	return unpack[T](&o, shapeOf(reflect.TypeFor[T]()), false)
}

// TryGetValue takes the message at the front if there is one right now, and fails with ErrTimeout if not.
func TryGetValue[T any](q *Queue) (T, error) { return GetValue[T](atOnce, q) }

// SendValue sends a value to the other end of a pipe as its encoding (see [Pack]); otherwise as [Pipe.Send].
func SendValue[T any](ctx context.Context, p *Pipe, value T) error {
	var in input
	defer in.done()
	if err := pack(&in, shapeOf(reflect.TypeFor[T]()), &value); err != nil {
		return err
	}
	if !p.h.enter() {
		return ErrClosedHandle
	}
	defer p.h.leave()
	a := attempt{h: &p.h, ctx: ctx, gate: p.h.gate(ctx, forRoom)}
	for a.next() {
		a.status = cmproc.PipeSendDatum(p.h.res.raw, &in.c, in.data, a.timeout, a.token, &a.e)
	}
	return a.err
}

// TrySendValue sends a value if there is room right now, and fails with ErrTimeout if not.
func TrySendValue[T any](p *Pipe, value T) error { return SendValue(atOnce, p, value) }

// RecvValue takes the next message from the other end of a pipe, which must be the encoding of a T, as [GetValue];
// otherwise as [Pipe.Recv].
func RecvValue[T any](ctx context.Context, p *Pipe) (value T, err error) {
	if !p.h.enter() {
		return value, ErrClosedHandle
	}
	defer p.h.leave()
	a := attempt{h: &p.h, ctx: ctx, gate: p.h.gate(ctx, forMessages)}
	var o output
	defer o.done()
	for a.next() {
		a.status = o.fetch(&p.longest, &a.e, func(buf []byte) int32 {
			return cmproc.PipeRecvDatum(p.h.res.raw, buf, &o.c, a.timeout, a.token, &a.e)
		})
	}
	if a.err != nil {
		return value, a.err
	}
	return unpack[T](&o, shapeOf(reflect.TypeFor[T]()), false)
}

// TryRecvValue takes the next message if there is one right now, and fails with ErrTimeout if not.
func TryRecvValue[T any](p *Pipe) (T, error) { return RecvValue[T](atOnce, p) }
