package mproc

import (
	"context"
	"slices"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// MaxDims is the most dimensions an array can have.
const MaxDims = cmproc.MaxDims

// Array is a shared array of numbers, characters, bools or structs, with 1 to 8 dimensions, row-major. T is
// as for [Value].
type Array[T any] struct {
	h       handle
	ptr     unsafe.Pointer // nil behind a connection
	elem    *element
	length  int
	shape   []int
	existed bool
}

// ArrayOptions say how to create an array, or what to expect when opening one.
type ArrayOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the array if it exists already and matches
	NoSpin  bool // the array's lock sleeps at once instead of spinning first
	// Shape is the number of elements in each dimension, the slowest first. Nil: when creating, one
	// dimension with as many elements as are given; when opening, whatever the array has.
	Shape    []int
	Schema   uint64  // as in ValueOptions
	NoSchema bool    // as in ValueOptions
	Align    uintptr // as in ValueOptions
}

func (o *ArrayOptions) flags() uint32 {
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin)
}

// ArrayInfo is what an array is.
type ArrayInfo struct {
	Size      uint64 // bytes of one element
	Align     uint64 // bytes
	Schema    uint64 // as given at creation, or 0
	Persist   bool
	Steals    uint32 // how often a lock was taken over from a dead process
	Rollbacks uint32 // how often a half-written struct element was rolled back
}

// CreateArray creates an array. It appears whole, with its initial elements (the rest is zero), or not at
// all. All memory is reserved now: an array that does not fit is refused here. A large array of zeros:
//
//	CreateArray[float64](nil, "matrix", nil, &ArrayOptions{Shape: []int{1000, 1000}})
func CreateArray[T any](domain *Domain, name string, initial []T, options *ArrayOptions) (*Array[T], error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	var o ArrayOptions
	if options != nil {
		o = *options
	}
	if o.Shape == nil {
		o.Shape = []int{len(initial)}
	}
	return makeArray(cmproc.Create, domain, cname, initial, &o)
}

// OpenArray opens an existing array, whose elements must be Ts. options may be nil.
func OpenArray[T any](domain *Domain, name string, options *ArrayOptions) (*Array[T], error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	if options == nil {
		options = &ArrayOptions{}
	}
	return makeArray[T](cmproc.Open, domain, cname, nil, options)
}

func makeArray[T any](how cmproc.How, from source, name *byte, initial []T, o *ArrayOptions) (*Array[T], error) {
	elem, err := elementOf[T]()
	if err != nil {
		return nil, err
	}
	var shape [MaxDims]uintptr
	if len(o.Shape) > MaxDims {
		return nil, refuse(ErrInvalid, "%d dimensions: at most %d", len(o.Shape), MaxDims)
	}
	for i, n := range o.Shape {
		if n < 0 {
			return nil, refuse(ErrInvalid, "dimension %d has %d elements", i, n)
		}
		shape[i] = uintptr(n)
	}
	raw, err := from.enter()
	if err != nil {
		return nil, err
	}
	defer from.leave()
	var made cmproc.Made
	var info cmproc.ArrayInfo
	var e cmproc.Error
	status := cmproc.ArrayMake(how, raw, name, elem.typ, o.flags(), elem.size, o.Align,
		schemaOf(elem, o.Schema, o.NoSchema), len(o.Shape), &shape,
		unsafe.Pointer(unsafe.SliceData(initial)), len(initial), &made, &info, &e)
	if status < 0 {
		return nil, failure(status, &e)
	}
	a := &Array[T]{ptr: made.Ptr, elem: elem, length: int(info.Length), existed: status == cmproc.Existed}
	for _, n := range info.Shape[:min(info.NDim, MaxDims)] {
		a.shape = append(a.shape, int(n))
	}
	a.h.own(cmproc.KindArray, &made)
	return a, nil
}

// Existed reports whether ExistOK opened an array that was there already.
func (a *Array[T]) Existed() bool { return a.existed }

// Len is the number of elements altogether.
func (a *Array[T]) Len() int { return a.length }

// Shape is the number of elements in each dimension.
func (a *Array[T]) Shape() []int { return slices.Clone(a.shape) }

// Index is the flat index of a multi-dimensional one; every coordinate is checked.
func (a *Array[T]) Index(coordinates ...int) (int, error) {
	if len(coordinates) != len(a.shape) {
		return 0, refuse(ErrRange, "%d coordinates for %d dimensions", len(coordinates), len(a.shape))
	}
	flat := 0
	for i, c := range coordinates {
		if c < 0 || c >= a.shape[i] {
			return 0, refuse(ErrRange, "coordinate %d is %d, the dimension has %d elements", i, c, a.shape[i])
		}
		flat = flat*a.shape[i] + c
	}
	return flat, nil
}

// Slice is the array itself, in shared memory: all elements, row-major, without a copy. Access through it is
// neither locked nor atomic. It must not be used after Close. Once it was asked for, only Close unmaps the
// memory, not the garbage collector. [Array.View] is the form that cannot outlive the handle. Behind a connection to a
// [Manager] that is ErrNotSupported: use Read and Write.
func (a *Array[T]) Slice() ([]T, error) {
	if !a.h.enter() {
		return nil, ErrClosedHandle
	}
	defer a.h.leave()
	all, err := a.slice()
	if err == nil {
		a.h.res.exposed.Store(true)
	}
	return all, err
}

// View calls f with the elements in shared memory (as Slice), which stay valid until f returns, also if Close is
// called meanwhile. f must not keep the slice.
func (a *Array[T]) View(f func([]T) error) error {
	if !a.h.enter() {
		return ErrClosedHandle
	}
	defer a.h.leave()
	all, err := a.slice()
	if err != nil {
		return err
	}
	return f(all)
}

func (a *Array[T]) slice() ([]T, error) {
	switch {
	case a.length == 0:
		return []T{}, nil
	case a.ptr == nil:
		return nil, refuse(ErrNotSupported, "an array behind a connection is not in this process's memory")
	}
	return unsafe.Slice((*T)(a.ptr), a.length), nil
}

// Get reads the element at a flat index. Scalars: one atomic load, without a call into C (behind a connection: a
// request). Structs: a whole element, never half of a Set.
func (a *Array[T]) Get(index int) (T, error) {
	var out T
	if !a.h.enter() {
		return out, ErrClosedHandle
	}
	defer a.h.leave()
	if index < 0 || index >= a.length {
		return out, a.outside(index, 1)
	}
	if a.cells() {
		return fromBits[T](a.elem.typ, cellLoad(a.at(index), unsafe.Sizeof(out))), nil
	}
	var e cmproc.Error
	err := check(cmproc.ArrayRead(a.h.res.raw, uintptr(index), 1, unsafe.Pointer(&out), unsafe.Sizeof(out), &e), &e)
	return sound(a.elem, out), err
}

// Set writes the element at a flat index. After a kill it is old or new, never half.
func (a *Array[T]) Set(index int, to T) error {
	if !a.h.enter() {
		return ErrClosedHandle
	}
	defer a.h.leave()
	if index < 0 || index >= a.length {
		return a.outside(index, 1)
	}
	if a.cells() {
		cellStore(a.at(index), unsafe.Sizeof(to), bitsOf(to))
		return nil
	}
	var e cmproc.Error
	return check(cmproc.ArrayWrite(a.h.res.raw, uintptr(index), 1, unsafe.Pointer(&to), unsafe.Sizeof(to), &e), &e)
}

// cells reports whether the elements are scalars in the memory of this process.
func (a *Array[T]) cells() bool { return a.ptr != nil && a.elem.scalar() }

func (a *Array[T]) at(index int) unsafe.Pointer {
	return unsafe.Add(a.ptr, uintptr(index)*a.elem.size)
}

func (a *Array[T]) outside(start, count int) error {
	return refuse(ErrRange, "elements %d to %d of an array of %d", start, start+count-1, a.length)
}

// Read copies len(to) elements out, starting at a flat index. Each is whole; the run as a whole is not a
// snapshot unless the array's lock keeps writers out.
func (a *Array[T]) Read(start int, to []T) error {
	if !a.h.enter() {
		return ErrClosedHandle
	}
	defer a.h.leave()
	if start < 0 || start > a.length || len(to) > a.length-start {
		return a.outside(start, len(to))
	}
	var e cmproc.Error
	status := cmproc.ArrayRead(a.h.res.raw, uintptr(start), uintptr(len(to)), unsafe.Pointer(unsafe.SliceData(to)),
		uintptr(len(to))*a.elem.size, &e)
	return check(status, &e)
}

// Write copies elements in, starting at a flat index. After a kill each is old or new.
func (a *Array[T]) Write(start int, from []T) error {
	if !a.h.enter() {
		return ErrClosedHandle
	}
	defer a.h.leave()
	if start < 0 || start > a.length || len(from) > a.length-start {
		return a.outside(start, len(from))
	}
	var e cmproc.Error
	status := cmproc.ArrayWrite(a.h.res.raw, uintptr(start), uintptr(len(from)), unsafe.Pointer(unsafe.SliceData(from)),
		uintptr(len(from))*a.elem.size, &e)
	return check(status, &e)
}

// Lock takes the array's own lock, for compound updates. It protects nothing by itself. Otherwise as
// [Lock.Lock].
func (a *Array[T]) Lock(ctx context.Context) (recovered bool, err error) {
	return a.h.lock(ctx, asProcess)
}

// TryLock takes the array's lock if that is possible at once, and fails with ErrTimeout if not.
func (a *Array[T]) TryLock() (recovered bool, err error) { return a.h.tryLock(asProcess) }

// Unlock releases the array's lock.
func (a *Array[T]) Unlock() error { return a.h.unlock(asProcess) }

// With takes the array's lock, calls f, and releases the lock, also when f panics.
func (a *Array[T]) With(ctx context.Context, f func(recovered bool) error) error {
	return a.h.with(ctx, asProcess, f)
}

// LockOwner says who holds the array's lock right now.
func (a *Array[T]) LockOwner() (Owner, error) { return a.h.lockOwner() }

// Info says what the array is; see also Len and Shape.
func (a *Array[T]) Info() (ArrayInfo, error) {
	if !a.h.enter() {
		return ArrayInfo{}, ErrClosedHandle
	}
	var c cmproc.ArrayInfo
	var e cmproc.Error
	status := cmproc.GetArrayInfo(a.h.res.raw, &c, &e)
	a.h.leave()
	if status < 0 {
		return ArrayInfo{}, failure(status, &e)
	}
	return ArrayInfo{
		Size: c.Size, Align: c.Align, Schema: c.Schema, Persist: c.Flags&cmproc.Persist != 0,
		Steals: c.Steals, Rollbacks: c.Rollbacks,
	}, nil
}

// Close ends the handle. Slices from Slice must not be used any more.
func (a *Array[T]) Close() error {
	if a == nil {
		return nil
	}
	return a.h.close()
}
