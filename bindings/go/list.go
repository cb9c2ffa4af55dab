package mproc

import (
	"iter"
	"math"
	"reflect"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// List is a list of elements in shared memory. Each operation is atomic: it is done wholly or not at all, whoever dies
// at whatever instant.
//
// Elements are whatever [Pack] takes and [Unpack] gives. An element can be another container, in the same memory: see
// [NewDict], [DictAt] and [Ref]. An index that is negative counts from the end: -1 is the last; one beyond the ends is
// ErrRange. Where parts of the list are meant (Slice, SetSlice, DeleteSlice, IndexIn) start, stop and step are those of
// Python's slices, with [Begin] and [End].
type List[T any] struct {
	container
	elements *shape
}

// The ends of a list, as start and stop of its parts: everything is 0, End, 1, and backwards End, Begin, -1.
const (
	Begin = math.MinInt // before the first, for a negative step
	End   = math.MaxInt // behind the last; as start with a negative step the last
)

// place is start or stop for the C library.
func place(i int) int64 {
	switch i {
	case Begin:
		return cmproc.SliceBegin
	case End:
		return cmproc.SliceEnd
	}
	return int64(i)
}

// CreateList creates a list, and an arena for it and for what is inside it. options may be nil.
func CreateList[T any](domain *Domain, name string, options *ContainerOptions) (*List[T], error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	return makeList[T](cmproc.Create, domain, cname, options)
}

// OpenList opens an existing list. The type is not recorded: what does not fit is ErrType when it is read. options may
// be nil.
func OpenList[T any](domain *Domain, name string, options *ContainerOptions) (*List[T], error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeList[T](cmproc.Open, domain, cname, options)
}

// FollowList opens the list that a reference leads to, as [FollowDict].
func FollowList[T any](beside Container, to Ref) (*List[T], error) {
	l, err := newList[T]()
	if err == nil {
		err = l.follow(cmproc.KindList, beside.inside(), to)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// ListAt opens the list that is stored in another container, as [DictAt].
func ListAt[T, P any](holder Holder[P], place P) (*List[T], error) {
	to, err := holder.refAt(place)
	if err != nil {
		return nil, err
	}
	return FollowList[T](holder, to)
}

func newList[T any]() (*List[T], error) {
	elements, err := shapeFor[T](false)
	if err != nil {
		return nil, err
	}
	return &List[T]{elements: elements}, nil
}

func makeList[T any](how cmproc.How, from source, name *byte, o *ContainerOptions) (*List[T], error) {
	l, err := newList[T]()
	if err == nil {
		err = l.make(cmproc.KindList, how, from, name, o)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Close ends the handle. An inner list that nothing else refers to is freed. Loops over the list end with
// ErrClosedHandle.
func (l *List[T]) Close() error {
	if l == nil {
		return nil
	}
	return l.h.close()
}

// at is the place of an element.
func at(index int) input { return input{c: cmproc.Datum{Bits: uint64(index)}} }

// Get gives an element.
func (l *List[T]) Get(index int) (T, error) {
	i := at(index)
	value, _, err := getAt[T](&l.container, &i, l.elements, false, false)
	return value, err
}

// Pop takes an element away and gives it. A container whose last reference that was is gone, unless somebody has a
// handle on it: open it with [DictAt] or [ListAt] before.
func (l *List[T]) Pop(index int) (T, error) {
	i := at(index)
	value, _, err := getAt[T](&l.container, &i, l.elements, true, false)
	return value, err
}

func (l *List[T]) refAt(index int) (Ref, error) {
	i := at(index)
	to, _, err := getAt[Ref](&l.container, &i, refShape, false, false)
	return to, err
}

// Set replaces an element.
func (l *List[T]) Set(index int, value T) error {
	var v input
	defer v.done()
	if err := pack(&v, l.elements, &value); err != nil {
		return err
	}
	i := at(index)
	return l.setAt(&i, &v)
}

// Append adds an element at the end.
func (l *List[T]) Append(value T) error {
	var v input
	defer v.done()
	if err := pack(&v, l.elements, &value); err != nil {
		return err
	}
	return l.append(&v)
}

// AppendNewDict adds a new, empty dict at the end, also where T is neither any nor Ref. [DictAt] opens it.
func (l *List[T]) AppendNewDict() error { return l.appendRef(NewDict()) }

// AppendNewList adds a new, empty list at the end, also where T is neither any nor Ref. [ListAt] opens it.
func (l *List[T]) AppendNewList() error { return l.appendRef(NewList()) }

func (l *List[T]) appendRef(to Ref) error {
	var v input
	v.ref(to)
	return l.append(&v)
}

func (l *List[T]) append(v *input) error {
	raw, err := l.enter()
	if err != nil {
		return err
	}
	var e cmproc.Error
	status := cmproc.ListAppend(raw, &v.c, v.data, &e)
	l.leave()
	return check(status, &e)
}

// Extend adds several elements at the end, all or none. References to containers stay weak here.
func (l *List[T]) Extend(values ...T) error {
	if len(values) == 0 {
		return nil
	}
	var all input
	defer all.done()
	if err := all.list(reflect.ValueOf(values)); err != nil {
		return err
	}
	return l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.ListExtend(raw, &all.c, all.data, e)
	})
}

// ExtendFrom adds the elements of another shared list at the end, all or none. It may be the same list, or in another
// arena, but then without containers inside (ErrType).
func (l *List[T]) ExtendFrom(other *List[T]) error {
	if other == nil {
		return refuse(ErrInvalid, "the other list is nil")
	}
	from, err := other.enter()
	if err != nil {
		return err
	}
	defer other.leave()
	return l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return cmproc.ListExtendFrom(raw, from, e) })
}

// call makes a call that is worth an allocation.
func (l *List[T]) call(f func(raw unsafe.Pointer, e *cmproc.Error) int32) error { return l.h.do(f) }

// Insert adds an element before the one with the index. Beyond an end of the list the index means that end.
func (l *List[T]) Insert(index int, value T) error {
	var v input
	defer v.done()
	if err := pack(&v, l.elements, &value); err != nil {
		return err
	}
	return l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.ListInsert(raw, int64(index), &v.c, v.data, e)
	})
}

// Delete takes an element away.
func (l *List[T]) Delete(index int) error {
	i := at(index)
	return l.deleteAt(&i)
}

// Remove takes the first element away that is equal to the value: whose encoding is. If there is none, that is
// ErrNotExist.
func (l *List[T]) Remove(value T) error {
	var v input
	defer v.done()
	if err := pack(&v, l.elements, &value); err != nil {
		return err
	}
	return l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return cmproc.ListRemove(raw, &v.c, v.data, e) })
}

// Index gives the index of the first element that is equal to the value: whose encoding is. If there is none, that is
// ErrNotExist.
func (l *List[T]) Index(value T) (int, error) { return l.IndexIn(value, 0, End) }

// IndexIn is Index in a part of the list; the index is that in the whole list.
func (l *List[T]) IndexIn(value T, start, stop int) (int, error) {
	var v input
	defer v.done()
	if err := pack(&v, l.elements, &value); err != nil {
		return 0, err
	}
	var n uint64
	err := l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.ListIndex(raw, &v.c, v.data, place(start), place(stop), &n, e)
	})
	return int(n), err
}

// Count is how many elements are equal to the value.
func (l *List[T]) Count(value T) (int, error) {
	var v input
	defer v.done()
	if err := pack(&v, l.elements, &value); err != nil {
		return 0, err
	}
	var n uint64
	err := l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.ListCount(raw, &v.c, v.data, &n, e)
	})
	return int(n), err
}

// Reverse reverses the order of the elements.
func (l *List[T]) Reverse() error { return l.call(cmproc.ListReverse) }

// Sort sorts the elements, from the least to the greatest or descending; equal ones keep their order. Numbers go by
// their value, strings and bytes by their bytes, lists by their elements; different types are ErrType, and change
// nothing.
func (l *List[T]) Sort(descending bool) error {
	return l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.ListSort(raw, bit(descending, cmproc.SortDescending), e)
	})
}

// Repeat makes the list so many times as long; 0 clears it. Containers are not copied, but referred to as often.
func (l *List[T]) Repeat(times int) error {
	if times < 0 {
		return refuse(ErrInvalid, "a list cannot be repeated %d times", times)
	}
	return l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return cmproc.ListRepeat(raw, uint64(times), e) })
}

// Clear takes every element away.
func (l *List[T]) Clear() error {
	return l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return cmproc.Clear(cmproc.KindList, raw, e) })
}

// Slice is a copy of a part of the list, as it was at one moment.
func (l *List[T]) Slice(start, stop, step int) ([]T, error) {
	return l.collect(func(raw unsafe.Pointer, iter *unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.ListSlice(raw, place(start), place(stop), int64(step), iter, e)
	})
}

// Snapshot is a copy of the whole list, as it was at one moment.
func (l *List[T]) Snapshot() ([]T, error) { return l.collect(l.over(cmproc.IterItems)) }

func (l *List[T]) collect(begin func(raw unsafe.Pointer, iter *unsafe.Pointer, e *cmproc.Error) int32) ([]T, error) {
	var all []T
	err := l.each(begin, func(_, v *output) (bool, error) {
		value, err := unpack[T](v, l.elements, false)
		all = append(all, value)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// SetSlice replaces a part of the list, all or nothing: with a step of 1 by any number of elements, else by as many as
// the part has (ErrInvalid). References to containers stay weak here.
func (l *List[T]) SetSlice(start, stop, step int, values []T) error {
	var all input
	defer all.done()
	if err := all.list(reflect.ValueOf(values)); err != nil {
		return err
	}
	return l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.ListSliceSet(raw, place(start), place(stop), int64(step), &all.c, all.data, e)
	})
}

// DeleteSlice takes a part of the list away.
func (l *List[T]) DeleteSlice(start, stop, step int) error {
	return l.call(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.ListSliceDelete(raw, place(start), place(stop), int64(step), e)
	})
}

// Add adds to an element that is a number, and gives the sum, as [Dict.Add].
func (l *List[T]) Add(index int, delta T) (sum T, err error) {
	i := at(index)
	return addAt(&l.container, &i, l.elements, &delta)
}

// CompareAndSwap replaces an element if it is the old one: if both have the same encoding.
func (l *List[T]) CompareAndSwap(index int, old, new T) (swapped bool, err error) {
	var was, is input
	defer was.done()
	if err := pack(&was, l.elements, &old); err != nil {
		return false, err
	}
	defer is.done()
	if err := pack(&is, l.elements, &new); err != nil {
		return false, err
	}
	i := at(index)
	return l.swapAt(&i, &was, &is)
}

// All goes through the living list by index, and fetches as it goes: the loop body may use the list, others do. It
// ends where the list ends by then. When the loop is over, *failed says why it ended early, or nil; failed must not be
// nil. See [Dict.All].
func (l *List[T]) All(failed *error) iter.Seq2[int, T] {
	*failed = nil
	return func(yield func(int, T) bool) {
		*failed = l.each(l.over(cmproc.IterLive), func(i, v *output) (bool, error) {
			value, err := unpack[T](v, l.elements, false)
			if err != nil {
				return false, err
			}
			return yield(int(i.c.Bits), value), nil
		})
	}
}

// Values goes through the elements as All does.
func (l *List[T]) Values(failed *error) iter.Seq[T] {
	all := l.All(failed)
	return func(yield func(T) bool) {
		all(func(_ int, value T) bool { return yield(value) })
	}
}

// Existed reports whether ExistOK opened a list that was there already.
func (l *List[T]) Existed() bool { return l.existed }

// Export makes a handle on the list that can travel to other processes. One that is inside another container is
// ErrNotSupported: pass its Ref instead, and open it there with [FollowList].
func (l *List[T]) Export() (*Handle, error) { return l.h.export() }

// Ref is a reference to this list. Stored in a container of the same arena it keeps the list alive.
func (l *List[T]) Ref() (Ref, error) { return l.ref() }

// Len is how many elements there are.
func (l *List[T]) Len() (int, error) { return l.count() }

// Copy is the whole list as it was at one moment, in one piece. Containers inside it are copied with it if deep (to 64
// levels; more, or one that is inside itself, is ErrType), else they are references.
func (l *List[T]) Copy(deep bool) (Packed, error) { return l.copyAll(deep) }

// ArenaInfo describes the arena that the list is in.
func (l *List[T]) ArenaInfo() (ArenaInfo, error) { return l.arenaInfo() }

// Check walks the whole arena, and is ErrCorrupt, with what is wrong, unless everything in it makes sense. Nobody else
// gets in meanwhile. It is for tests, and for people who look for a fault.
func (l *List[T]) Check() error { return l.checkArena() }

// Collect frees containers of the arena that nobody can reach because they only refer to each other in a circle, and
// what dead processes held, and says how many containers that were. Everything else out of reach is freed without it.
func (l *List[T]) Collect() (freed uint64, err error) { return l.collectArena() }
