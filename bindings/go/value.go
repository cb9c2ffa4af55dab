package mproc

import (
	"context"
	"math"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Value is one shared value. T is a bool, an integer, a float, [Char8], [Char32], or a struct (or array) of
// such without pointers; anything else is refused at creation with ErrType.
//
// Scalars are read and written with the processor's atomic instructions, without a call into C (behind a connection to
// a [Manager]: by a request); every operation is one atomic step. Structs are by default kept as two copies: Load sees
// a consistent one without a lock, Store is all or nothing even if the process is killed meanwhile. With Raw there is
// one copy, a pointer to it, and the value's lock to protect it.
type Value[T any] struct {
	h       handle
	ptr     unsafe.Pointer // scalars and raw structs; nil behind a connection
	elem    *element
	existed bool
}

// ValueOptions say how to create a value, or what to expect when opening one.
type ValueOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the value if it exists already and matches
	NoSpin  bool // the value's lock sleeps at once instead of spinning first
	Raw     bool // structs: one copy with a pointer, protected by the value's lock
	// Schema stands for a struct's layout; it must be the same for all who use the value. 0: computed from
	// the types and offsets of the fields. A program in another language may give none, which matches all.
	Schema uint64
	// NoSchema gives none from this side.
	NoSchema bool
	// Align is a struct's alignment as the creator gave it; 0: the library's default.
	Align uintptr
}

func (o *ValueOptions) flags() uint32 {
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin) |
		bit(o.Raw, cmproc.Raw)
}

func schemaOf(e *element, override uint64, none bool) uint64 {
	switch {
	case none || e.scalar():
		return 0
	case override != 0:
		return override
	}
	return e.schema
}

// ValueInfo is what a value is.
type ValueInfo struct {
	Size    uint64 // bytes
	Align   uint64 // bytes
	Schema  uint64 // as given at creation, or 0
	Raw     bool
	Persist bool
	Steals  uint32 // how often a lock was taken over from a dead process
}

// CreateValue creates a value. It appears whole, with its initial value, or not at all. options may be nil.
func CreateValue[T any](domain *Domain, name string, initial T, options *ValueOptions) (*Value[T], error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	return makeValue(cmproc.Create, domain, cname, &initial, options)
}

// OpenValue opens an existing value, which must be a T. options may be nil.
func OpenValue[T any](domain *Domain, name string, options *ValueOptions) (*Value[T], error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeValue[T](cmproc.Open, domain, cname, nil, options)
}

func makeValue[T any](how cmproc.How, from source, name *byte, initial *T, options *ValueOptions) (*Value[T], error) {
	elem, err := elementOf[T]()
	if err != nil {
		return nil, err
	}
	if options == nil {
		options = &ValueOptions{}
	}
	if initial != nil {
		elem.clear(unsafe.Pointer(initial))
	}
	raw, err := from.enter()
	if err != nil {
		return nil, err
	}
	defer from.leave()
	var made cmproc.Made
	var info cmproc.ValueInfo
	var e cmproc.Error
	status := cmproc.ValueMake(how, raw, name, elem.typ, options.flags(), elem.size, options.Align,
		schemaOf(elem, options.Schema, options.NoSchema), unsafe.Pointer(initial), &made, &info, &e)
	if status < 0 {
		return nil, failure(status, &e)
	}
	v := &Value[T]{ptr: made.Ptr, elem: elem, existed: status == cmproc.Existed}
	v.h.own(cmproc.KindValue, &made)
	return v, nil
}

// Existed reports whether ExistOK opened a value that was there already.
func (v *Value[T]) Existed() bool { return v.existed }

// cell reports whether the value is a scalar in the memory of this process.
func (v *Value[T]) cell() bool { return v.ptr != nil && v.elem.scalar() }

// Load reads the value.
func (v *Value[T]) Load() (T, error) {
	var out T
	if !v.h.enter() {
		return out, ErrClosedHandle
	}
	if v.cell() {
		out = fromBits[T](v.elem.typ, cellLoad(v.ptr, unsafe.Sizeof(out)))
		v.h.leave()
		return out, nil
	}
	var e cmproc.Error
	status := cmproc.ValueLoad(v.h.res.raw, unsafe.Pointer(&out), unsafe.Sizeof(out), &e)
	v.h.leave()
	return sound(v.elem, out), check(status, &e)
}

// Store writes the value.
func (v *Value[T]) Store(to T) error {
	if !v.h.enter() {
		return ErrClosedHandle
	}
	if v.cell() {
		cellStore(v.ptr, unsafe.Sizeof(to), bitsOf(to))
		v.h.leave()
		return nil
	}
	v.elem.clear(unsafe.Pointer(&to))
	var e cmproc.Error
	status := cmproc.ValueStore(v.h.res.raw, unsafe.Pointer(&to), unsafe.Sizeof(to), &e)
	v.h.leave()
	return check(status, &e)
}

// Swap writes the value and gives the one before, in one atomic step. Raw structs: ErrNotSupported.
func (v *Value[T]) Swap(to T) (before T, err error) {
	if !v.h.enter() {
		return before, ErrClosedHandle
	}
	if v.cell() {
		before = fromBits[T](v.elem.typ, cellSwap(v.ptr, unsafe.Sizeof(to), bitsOf(to)))
		v.h.leave()
		return before, nil
	}
	v.elem.clear(unsafe.Pointer(&to))
	var e cmproc.Error
	status := cmproc.ValueExchange(v.h.res.raw, unsafe.Pointer(&to), unsafe.Pointer(&before), unsafe.Sizeof(to), &e)
	v.h.leave()
	return sound(v.elem, before), check(status, &e)
}

// CompareAndSwap writes `to` if the value equals expected, in one atomic step. Values are compared by their
// bytes, so a NaN equals itself and 0.0 differs from -0.0. Raw structs: ErrNotSupported.
func (v *Value[T]) CompareAndSwap(expected, to T) (swapped bool, err error) {
	_, swapped, err = v.CompareExchange(expected, to)
	return swapped, err
}

// CompareExchange is CompareAndSwap that also gives the value found.
func (v *Value[T]) CompareExchange(expected, to T) (seen T, swapped bool, err error) {
	if !v.h.enter() {
		return seen, false, ErrClosedHandle
	}
	if v.cell() {
		found, swapped := cellCompareAndSwap(v.ptr, unsafe.Sizeof(to), bitsOf(expected), bitsOf(to))
		v.h.leave()
		return fromBits[T](v.elem.typ, found), swapped, nil
	}
	v.elem.clear(unsafe.Pointer(&expected))
	v.elem.clear(unsafe.Pointer(&to))
	var did int32
	var e cmproc.Error
	status := cmproc.ValueCompareExchange(v.h.res.raw, unsafe.Pointer(&expected), unsafe.Pointer(&to),
		unsafe.Sizeof(to), unsafe.Pointer(&seen), &did, &e)
	v.h.leave()
	return sound(v.elem, seen), did != 0, check(status, &e)
}

// Add adds to a number, in one atomic step, and gives the new value, as [sync/atomic] does. Integers wrap
// around. Add to a bool or struct is ErrNotSupported.
func (v *Value[T]) Add(delta T) (after T, err error) {
	before, err := v.fetch(cmproc.OpAdd, delta)
	if err != nil {
		return before, err
	}
	return fromBits[T](v.elem.typ, combine(v.elem.typ, cmproc.OpAdd, bitsOf(before), bitsOf(delta))), nil
}

// FetchAdd adds to a number and gives the value before.
func (v *Value[T]) FetchAdd(operand T) (before T, err error) { return v.fetch(cmproc.OpAdd, operand) }

// FetchSub subtracts from a number and gives the value before.
func (v *Value[T]) FetchSub(operand T) (before T, err error) { return v.fetch(cmproc.OpSub, operand) }

// FetchMin keeps the smaller of the value and the operand, and gives the value before.
func (v *Value[T]) FetchMin(operand T) (before T, err error) { return v.fetch(cmproc.OpMin, operand) }

// FetchMax keeps the larger of the value and the operand, and gives the value before.
func (v *Value[T]) FetchMax(operand T) (before T, err error) { return v.fetch(cmproc.OpMax, operand) }

// FetchAnd replaces an integer or bool by its "and" with the operand, and gives the value before.
func (v *Value[T]) FetchAnd(operand T) (before T, err error) { return v.fetch(cmproc.OpAnd, operand) }

// FetchOr replaces an integer or bool by its "or" with the operand, and gives the value before.
func (v *Value[T]) FetchOr(operand T) (before T, err error) { return v.fetch(cmproc.OpOr, operand) }

// FetchXor replaces an integer or bool by its "exclusive or" with the operand, and gives the value before.
func (v *Value[T]) FetchXor(operand T) (before T, err error) { return v.fetch(cmproc.OpXor, operand) }

func (v *Value[T]) fetch(op int32, operand T) (before T, err error) {
	if !v.h.enter() {
		return before, ErrClosedHandle
	}
	switch {
	case !supports(v.elem.typ, op):
		err = refuse(ErrNotSupported, "%T has no such operation", operand)
	case v.ptr != nil:
		before = fromBits[T](v.elem.typ, cellFetch(v.ptr, v.elem.typ, unsafe.Sizeof(operand), op, bitsOf(operand)))
	default:
		var old uint64
		var e cmproc.Error
		float, bits := widened(v.elem.typ, bitsOf(operand))
		err = check(cmproc.ValueFetch(v.h.res.raw, op, float, bits, &old, &e), &e)
		before = fromBits[T](v.elem.typ, narrowed(v.elem.typ, old))
	}
	v.h.leave()
	return before, err
}

// Wait waits as long as ctx allows until the value is not expected any more: looks, sleeps until somebody calls Notify,
// looks again. Storing wakes nobody by itself. (It may be as expected again when Wait returns. Values are compared by
// their bytes, as in CompareAndSwap; a Raw struct is looked at without its lock.) Who changes the value and is killed
// before Notify does no harm: it is looked at every 100 ms.
func (v *Value[T]) Wait(ctx context.Context, expected T) error {
	if !v.h.enter() {
		return ErrClosedHandle
	}
	defer v.h.leave()
	w, err := v.h.wait(ctx)
	if err != nil {
		return err
	}
	v.elem.clear(unsafe.Pointer(&expected))
	var e cmproc.Error
	status := cmproc.ValueWait(v.h.res.raw, unsafe.Pointer(&expected), unsafe.Sizeof(expected), w.timeout, w.token, &e)
	return v.h.done(ctx, w, status, &e)
}

// Notify wakes up to n of those who wait for the value ([Value.Wait], [OnChange], [OnNotified]), after it was changed.
// It is not remembered, and is cheap if nobody waits.
func (v *Value[T]) Notify(n int) error {
	some, err := count(n)
	if err != nil {
		return err
	}
	return v.notify(some)
}

// NotifyAll wakes everybody who waits for the value.
func (v *Value[T]) NotifyAll() error { return v.notify(math.MaxUint32) }

func (v *Value[T]) notify(n uint32) error {
	if !v.h.enter() {
		return ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.ValueNotify(v.h.res.raw, n, &e)
	v.h.leave()
	return check(status, &e)
}

// Pointer is the value in shared memory, for scalars and Raw structs (else, and behind a connection, ErrNotSupported):
// for sync/atomic on scalars of 32 and 64 bits, and for structs under the value's lock. It must not be used after
// Close. Once it was asked for, only Close unmaps the memory, not the garbage collector.
func (v *Value[T]) Pointer() (*T, error) {
	if !v.h.enter() {
		return nil, ErrClosedHandle
	}
	defer v.h.leave()
	if v.ptr == nil {
		return nil, errNoPointer
	}
	v.h.res.exposed.Store(true)
	return (*T)(v.ptr), nil
}

var errNoPointer = refuse(ErrNotSupported, "a struct that is not Raw has no pointer, nor what is behind a connection")

// View calls f with a pointer to the value in shared memory (as Pointer) that stays valid until f returns,
// also if Close is called meanwhile. f must not keep it.
func (v *Value[T]) View(f func(*T) error) error {
	if !v.h.enter() {
		return ErrClosedHandle
	}
	defer v.h.leave()
	if v.ptr == nil {
		return errNoPointer
	}
	return f((*T)(v.ptr))
}

// Lock takes the value's own lock, for compound updates. It protects nothing by itself: Load, Store and the
// atomic operations do not wait for it. Otherwise as [Lock.Lock].
func (v *Value[T]) Lock(ctx context.Context) (recovered bool, err error) {
	return v.h.lock(ctx, asProcess)
}

// TryLock takes the value's lock if that is possible at once, and fails with ErrTimeout if not.
func (v *Value[T]) TryLock() (recovered bool, err error) { return v.h.tryLock(asProcess) }

// Unlock releases the value's lock.
func (v *Value[T]) Unlock() error { return v.h.unlock(asProcess) }

// With takes the value's lock, calls f, and releases the lock, also when f panics.
func (v *Value[T]) With(ctx context.Context, f func(recovered bool) error) error {
	return v.h.with(ctx, asProcess, f)
}

// LockOwner says who holds the value's lock right now.
func (v *Value[T]) LockOwner() (Owner, error) { return v.h.lockOwner() }

// Info says what the value is.
func (v *Value[T]) Info() (ValueInfo, error) {
	if !v.h.enter() {
		return ValueInfo{}, ErrClosedHandle
	}
	var c cmproc.ValueInfo
	var e cmproc.Error
	status := cmproc.GetValueInfo(v.h.res.raw, &c, &e)
	v.h.leave()
	if status < 0 {
		return ValueInfo{}, failure(status, &e)
	}
	return ValueInfo{
		Size: c.Size, Align: c.Align, Schema: c.Schema, Steals: c.Steals,
		Raw: c.Flags&cmproc.Raw != 0, Persist: c.Flags&cmproc.Persist != 0,
	}, nil
}

// Close ends the handle. Pointers from Pointer must not be used any more.
func (v *Value[T]) Close() error {
	if v == nil {
		return nil
	}
	return v.h.close()
}
