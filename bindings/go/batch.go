package mproc

import (
	"sync"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Batch does several operations on objects of a [Manager] with one request: behind a connection they take about as
// long as one. They are added by the Batch... methods of the objects, and done by Run, in their order; what others do
// may come in between. None waits: what is not possible at once is ErrTimeout.
//
//	batch, err := manager.NewBatch()
//	visits := users.BatchAdd(batch, "ann", 1)
//	job := jobs.BatchGet(batch)
//	err = batch.Run()
//	n, err := visits.Get()      // message, err := job.Get()
type Batch struct {
	h      handle
	mu     sync.Mutex
	settle []func(o *output, err error) // the operations, in their order
	held   []*handle                    // their objects, entered: they stay open until it has run
	failed error                        // why an operation could not be added
}

// BatchResult is what an operation of a [Batch] gives when that has run.
type BatchResult[T any] struct {
	value T
	err   error
}

var errNotRun = refuse(ErrInvalid, "the batch has not run yet")

// Get is the result of the operation, and its error. Before [Batch.Run] has returned it is ErrInvalid.
func (r *BatchResult[T]) Get() (T, error) { return r.value, r.err }

// Err is the operation's error.
func (r *BatchResult[T]) Err() error { return r.err }

// NewBatch makes an empty batch, for objects that are this manager's.
func (m *Manager) NewBatch() (*Batch, error) {
	b := new(Batch)
	_, err := b.h.open(cmproc.KindBatch, m, func(raw unsafe.Pointer, made *cmproc.Made, e *cmproc.Error) int32 {
		return cmproc.BatchCreate(raw, made, e)
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Len is how many operations the batch has.
func (b *Batch) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.settle)
}

// Run does all operations and fills their results. An error means that they could not be done, and is the error of
// each: one of them could not be added (then none was done), or the connection is lost (then it is not known which were
// done). That an operation itself fails is in its result only. Afterwards the batch is empty, and can be used again.
func (b *Batch) Run() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.h.enter() {
		return b.drop(ErrClosedHandle)
	}
	defer b.h.leave()
	var e cmproc.Error
	err := b.failed
	if err == nil && len(b.settle) != 0 {
		err = check(cmproc.BatchRun(b.h.res.raw, &e), &e)
	}
	if err == nil {
		for i, settle := range b.settle {
			var o output
			var bytes unsafe.Pointer
			err := check(cmproc.BatchResult(b.h.res.raw, i, &o.c, &bytes, &o.e), &o.e)
			o.data = unsafe.Slice((*byte)(bytes), o.c.Len)
			settle(&o, err)
		}
		b.settle = nil
	}
	b.drop(err)
	if failed := check(cmproc.BatchReset(b.h.res.raw, &e), &e); err == nil {
		err = failed
	}
	return err
}

// Reset takes all operations away without doing them.
func (b *Batch) Reset() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(refuse(ErrInvalid, "the batch was reset"))
	return b.h.do(cmproc.BatchReset)
}

// Close ends the batch; what was not run is not done.
func (b *Batch) Close() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(ErrClosedHandle)
	return b.h.close()
}

// drop forgets all operations, which have that error; b.mu is held.
func (b *Batch) drop(err error) error {
	for _, settle := range b.settle {
		settle(nil, err)
	}
	for _, object := range b.held {
		object.leave()
	}
	b.settle, b.held, b.failed = nil, nil, nil
	return err
}

// batched adds an operation on an object. ready says what is wrong with its arguments, if anything is; give makes the
// result.
func batched[T any](b *Batch, object *handle, ready error, give func(o *output) (T, error),
	call func(batch, object unsafe.Pointer, e *cmproc.Error) int32) *BatchResult[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &BatchResult[T]{err: errNotRun}
	err := ready
	if err == nil {
		err = b.add(object, call)
	}
	if err != nil {
		r.err = err
		if b.failed == nil {
			b.failed = err
		}
		return r
	}
	b.settle = append(b.settle, func(o *output, err error) {
		if r.err = err; err == nil && give != nil {
			r.value, r.err = give(o)
		}
	})
	return r
}

func (b *Batch) add(object *handle, call func(batch, object unsafe.Pointer, e *cmproc.Error) int32) error {
	if !object.enter() {
		return ErrClosedHandle
	}
	err := b.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return call(raw, object.res.raw, e) })
	if err != nil {
		object.leave()
		return err
	}
	b.held = append(b.held, object)
	return nil
}

// nothing is the result of what only succeeds or fails.
type nothing = struct{}

// BatchGet adds [Dict.Get] to a batch.
func (d *Dict[K, V]) BatchGet(b *Batch, key K) *BatchResult[V] {
	var k input
	defer k.done()
	err := pack(&k, d.keys, &key)
	return batched(b, &d.h, err, gives[V](d.values), d.batchGet(&k))
}

// BatchSet adds [Dict.Set] to a batch.
func (d *Dict[K, V]) BatchSet(b *Batch, key K, value V) *BatchResult[nothing] {
	var k, v input
	defer k.done()
	err := pack(&k, d.keys, &key)
	defer v.done()
	if err == nil {
		err = pack(&v, d.values, &value)
	}
	return batched[nothing](b, &d.h, err, nil, d.batchSet(&k, &v))
}

// BatchDelete adds [Dict.Delete] to a batch.
func (d *Dict[K, V]) BatchDelete(b *Batch, key K) *BatchResult[nothing] {
	var k input
	defer k.done()
	err := pack(&k, d.keys, &key)
	return batched[nothing](b, &d.h, err, nil, func(batch, dict unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.BatchDictDelete(batch, dict, &k.c, k.data, e)
	})
}

// BatchAdd adds [Dict.Add] to a batch.
func (d *Dict[K, V]) BatchAdd(b *Batch, key K, delta V) *BatchResult[V] {
	var k, v input
	defer k.done()
	err := pack(&k, d.keys, &key)
	defer v.done()
	if err == nil {
		err = pack(&v, d.values, &delta)
	}
	return batched(b, &d.h, err, gives[V](d.values), func(batch, dict unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.BatchDictAdd(batch, dict, &k.c, k.data, &v.c, e)
	})
}

// BatchGet adds [List.Get] to a batch.
func (l *List[T]) BatchGet(b *Batch, index int) *BatchResult[T] {
	i := at(index)
	return batched(b, &l.h, nil, gives[T](l.elements), l.batchGet(&i))
}

// BatchSet adds [List.Set] to a batch.
func (l *List[T]) BatchSet(b *Batch, index int, value T) *BatchResult[nothing] {
	var v input
	defer v.done()
	err := pack(&v, l.elements, &value)
	i := at(index)
	return batched[nothing](b, &l.h, err, nil, l.batchSet(&i, &v))
}

// BatchAppend adds [List.Append] to a batch.
func (l *List[T]) BatchAppend(b *Batch, value T) *BatchResult[nothing] {
	var v input
	defer v.done()
	err := pack(&v, l.elements, &value)
	return batched[nothing](b, &l.h, err, nil, func(batch, list unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.BatchListAppend(batch, list, &v.c, v.data, e)
	})
}

// BatchGet adds [Namespace.Get] to a batch.
func (n *Namespace) BatchGet(b *Batch, name string) *BatchResult[any] {
	var room nameBytes
	at, err := room.at(name)
	return batched(b, &n.h, err, gives[any](anyShape), n.batchGet(&at))
}

// BatchSet adds [Namespace.Set] to a batch.
func (n *Namespace) BatchSet(b *Batch, name string, value any) *BatchResult[nothing] {
	var room nameBytes
	at, err := room.at(name)
	var v input
	defer v.done()
	if err == nil {
		err = pack(&v, anyShape, &value)
	}
	return batched[nothing](b, &n.h, err, nil, n.batchSet(&at, &v))
}

func gives[T any](s *shape) func(o *output) (T, error) {
	return func(o *output) (T, error) { return unpack[T](o, s, false) }
}

func (c *container) batchGet(at *input) func(batch, object unsafe.Pointer, e *cmproc.Error) int32 {
	return func(batch, object unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.BatchGet(batch, c.h.res.kind, object, &at.c, at.data, e)
	}
}

func (c *container) batchSet(at, value *input) func(batch, object unsafe.Pointer, e *cmproc.Error) int32 {
	return func(batch, object unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.BatchSet(batch, c.h.res.kind, object, &at.c, at.data, &value.c, value.data, e)
	}
}

// BatchPut adds [Queue.TryPut] to a batch.
func (q *Queue) BatchPut(b *Batch, message []byte) *BatchResult[nothing] {
	return batched[nothing](b, &q.h, nil, nil, func(batch, queue unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.BatchQueuePut(batch, queue, message, e)
	})
}

// BatchGet adds [Queue.TryGet] to a batch.
func (q *Queue) BatchGet(b *Batch) *BatchResult[[]byte] {
	give := func(o *output) ([]byte, error) { return append([]byte{}, o.data...), nil }
	return batched(b, &q.h, nil, give, cmproc.BatchQueueGet)
}

// BatchFetchAdd adds [Value.FetchAdd] of an integer to a batch.
func (v *Value[T]) BatchFetchAdd(b *Batch, operand T) *BatchResult[T] {
	return v.batch(b, cmproc.OpAdd, operand)
}

// BatchFetchSub adds [Value.FetchSub] of an integer to a batch.
func (v *Value[T]) BatchFetchSub(b *Batch, operand T) *BatchResult[T] {
	return v.batch(b, cmproc.OpSub, operand)
}

// BatchFetchMin adds [Value.FetchMin] of an integer to a batch.
func (v *Value[T]) BatchFetchMin(b *Batch, operand T) *BatchResult[T] {
	return v.batch(b, cmproc.OpMin, operand)
}

// BatchFetchMax adds [Value.FetchMax] of an integer to a batch.
func (v *Value[T]) BatchFetchMax(b *Batch, operand T) *BatchResult[T] {
	return v.batch(b, cmproc.OpMax, operand)
}

// BatchFetchAnd adds [Value.FetchAnd] to a batch.
func (v *Value[T]) BatchFetchAnd(b *Batch, operand T) *BatchResult[T] {
	return v.batch(b, cmproc.OpAnd, operand)
}

// BatchFetchOr adds [Value.FetchOr] to a batch.
func (v *Value[T]) BatchFetchOr(b *Batch, operand T) *BatchResult[T] {
	return v.batch(b, cmproc.OpOr, operand)
}

// BatchFetchXor adds [Value.FetchXor] to a batch.
func (v *Value[T]) BatchFetchXor(b *Batch, operand T) *BatchResult[T] {
	return v.batch(b, cmproc.OpXor, operand)
}

func (v *Value[T]) batch(b *Batch, op int32, operand T) *BatchResult[T] {
	give := func(o *output) (T, error) { return fromBits[T](v.elem.typ, o.c.Bits), nil }
	var err error
	switch {
	case v.elem == nil: // of a zero handle
		err = ErrClosedHandle
	case !v.elem.scalar() || v.elem.typ == cmproc.F32 || v.elem.typ == cmproc.F64 || !supports(v.elem.typ, op):
		err = refuse(ErrNotSupported, "a batch has no such operation for a %T", operand)
	}
	return batched(b, &v.h, err, give, func(batch, value unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.BatchValueFetch(batch, value, op, int64(bitsOf(operand)), e)
	})
}

// BatchSet adds [Event.Set] to a batch.
func (v *Event) BatchSet(b *Batch) *BatchResult[nothing] {
	return batched[nothing](b, &v.h, nil, nil, cmproc.BatchEventSet)
}
