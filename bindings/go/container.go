package mproc

import (
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// ContainerOptions say how to create a [Dict], [List] or [Namespace], or what to expect when opening one.
type ContainerOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the container if it exists already and matches
	NoSpin  bool // sleep at once instead of spinning first
	// Limit is the most memory of the arena in bytes: 1 MiB to 1 TiB, rounded up to 64 KiB. What is not used yet is
	// address space only. 0: 1 GiB. Beyond it whatever needs more memory is ErrFull, and changes nothing.
	Limit uint64
}

func (o *ContainerOptions) flags() uint32 {
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin)
}

// ArenaInfo is what an arena is and how full it is: the memory of a named or anonymous [Dict], [List] or [Namespace],
// and of all containers inside it.
type ArenaInfo struct {
	Limit      uint64 // the most memory in bytes
	Used       uint64 // bytes in blocks
	Committed  uint64 // bytes of memory taken from the system so far
	Blocks     uint64
	Containers uint64
	Handles    uint64 // on containers inside, in any process
	Waiting    uint64 // containers that are waiting to be freed
	Persist    bool
	Steals     uint32 // how often the arena's lock was taken over from a dead process
	Rollbacks  uint32 // how often what a dead process had begun was undone
}

// Container is any *[Dict], *[List] or *[Namespace].
type Container interface {
	// Ref is a reference to the container, see [Ref].
	Ref() (Ref, error)
	inside() *container
}

// Holder is a container of whatever can be found by a P: the key of a dict, the index of a list, the name in a
// namespace.
type Holder[P any] interface {
	Container
	refAt(place P) (Ref, error)
}

// container is what dict, list and namespace have in common.
type container struct {
	h       handle
	existed bool
	longest atomic.Int64 // bytes of the longest datum seen: how much room to offer at first
}

func (c *container) make(kind cmproc.Kind, how cmproc.How, from source, name *byte, o *ContainerOptions) (err error) {
	if o == nil {
		o = &ContainerOptions{}
	}
	c.existed, err = c.h.open(kind, from, func(raw unsafe.Pointer, made *cmproc.Made, e *cmproc.Error) int32 {
		return cmproc.ContainerMake(kind, how, raw, name, o.flags(), o.Limit, made, e)
	})
	return err
}

// follow opens what a reference leads to, in the arena of another container.
func (c *container) follow(kind cmproc.Kind, from *container, to Ref) error {
	if Kind(kind) != to.kind {
		return refuse(ErrType, "the reference leads to a %v", to.kind)
	}
	if to.fresh || to.name != "" {
		return refuse(ErrInvalid, "%v is no reference to a container", to)
	}
	var in input
	in.ref(to)
	_, err := c.h.open(kind, from, func(raw unsafe.Pointer, made *cmproc.Made, e *cmproc.Error) int32 {
		return cmproc.Follow(from.h.res.kind, raw, kind, &in.c, made, e)
	})
	return err
}

// enter gives the C handle for one call; leave must follow unless it failed.
func (c *container) enter() (unsafe.Pointer, error) {
	if !c.h.enter() {
		return nil, ErrClosedHandle
	}
	return c.h.res.raw, nil
}

func (c *container) leave() { c.h.leave() }

func (c *container) inside() *container { return c }

func (c *container) ref() (r Ref, err error) {
	raw, err := c.enter()
	if err != nil {
		return r, err
	}
	defer c.leave()
	var o output
	if status := cmproc.Ref(c.h.res.kind, raw, &o.c, &o.e); status < 0 {
		return r, failure(status, &o.e)
	}
	return refFrom(&o.c, nil)
}

func (c *container) count() (int, error) {
	raw, err := c.enter()
	if err != nil {
		return 0, err
	}
	var n uint64
	var e cmproc.Error
	status := cmproc.Len(c.h.res.kind, raw, &n, &e)
	c.leave()
	return int(n), check(status, &e)
}

func (c *container) copyAll(deep bool) (packed Packed, err error) {
	raw, err := c.enter()
	if err != nil {
		return "", err
	}
	defer c.leave()
	var b cmproc.Built
	var e cmproc.Error
	if status := cmproc.Copy(c.h.res.kind, raw, bit(deep, cmproc.CopyDeep), &b, &e); status < 0 {
		return "", failure(status, &e)
	}
	defer b.Close()
	return Packed(unsafe.Slice((*byte)(b.Data), b.Datum.Len)), nil
}

func (c *container) arenaInfo() (ArenaInfo, error) {
	raw, err := c.enter()
	if err != nil {
		return ArenaInfo{}, err
	}
	var i cmproc.ArenaInfo
	var e cmproc.Error
	status := cmproc.GetArenaInfo(c.h.res.kind, raw, &i, &e)
	c.leave()
	if status < 0 {
		return ArenaInfo{}, failure(status, &e)
	}
	return ArenaInfo{
		Limit: i.Limit, Used: i.Used, Committed: i.Committed, Blocks: i.Blocks, Containers: i.Containers,
		Handles: i.Handles, Waiting: i.Waiting, Persist: i.Flags&cmproc.Persist != 0, Steals: i.Steals,
		Rollbacks: i.Rollbacks,
	}, nil
}

func (c *container) checkArena() error {
	return c.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.ArenaCheck(c.h.res.kind, raw, e)
	})
}

func (c *container) collectArena() (freed uint64, err error) {
	err = c.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.ArenaCollect(c.h.res.kind, raw, &freed, e)
	})
	return freed, err
}

// The operations that take a place: a key, an index, a name.

func (c *container) setAt(at, value *input) error {
	raw, err := c.enter()
	if err != nil {
		return err
	}
	var e cmproc.Error
	status := cmproc.Set(c.h.res.kind, raw, &at.c, at.data, &value.c, value.data, &e)
	c.leave()
	return check(status, &e)
}

func (c *container) deleteAt(at *input) error {
	raw, err := c.enter()
	if err != nil {
		return err
	}
	var e cmproc.Error
	status := cmproc.Delete(c.h.res.kind, raw, &at.c, at.data, &e)
	c.leave()
	return check(status, &e)
}

func (c *container) containsAt(at *input) (bool, error) {
	raw, err := c.enter()
	if err != nil {
		return false, err
	}
	var is int32
	var e cmproc.Error
	status := cmproc.Contains(c.h.res.kind, raw, &at.c, at.data, &is, &e)
	c.leave()
	return is != 0, check(status, &e)
}

func (c *container) appendAt(at, value *input) error {
	raw, err := c.enter()
	if err != nil {
		return err
	}
	var e cmproc.Error
	status := cmproc.AppendTo(c.h.res.kind, raw, &at.c, at.data, &value.c, value.data, &e)
	c.leave()
	return check(status, &e)
}

func (c *container) swapAt(at, expected, desired *input) (bool, error) {
	raw, err := c.enter()
	if err != nil {
		return false, err
	}
	var swapped int32
	var e cmproc.Error
	status := cmproc.CompareExchange(c.h.res.kind, raw, &at.c, at.data, &expected.c, expected.data, &desired.c,
		desired.data, &swapped, &e)
	c.leave()
	return swapped != 0, check(status, &e)
}

// The operations below give something of a type of its own.

// addAt adds to the number at a place, and gives the sum.
func addAt[T any](c *container, at *input, s *shape, delta *T) (sum T, err error) {
	raw, err := c.enter()
	if err != nil {
		return sum, err
	}
	defer c.leave()
	var d input
	defer d.done()
	if err := pack(&d, s, delta); err != nil {
		return sum, err
	}
	var o output
	if status := cmproc.Add(c.h.res.kind, raw, &at.c, at.data, &d.c, &o.c, &o.e); status < 0 {
		return sum, failure(status, &o.e)
	}
	return unpack[T](&o, s, false)
}

// getAt fetches what is at a place, or takes it away from there. What is not there is ErrNotExist, or if it is quiet
// just not found.
func getAt[T any](c *container, at *input, s *shape, pop, quiet bool) (value T, found bool, err error) {
	raw, err := c.enter()
	if err != nil {
		return value, false, err
	}
	defer c.leave()
	var o output
	defer o.done()
	status := o.fetch(&c.longest, &o.e, func(buf []byte) int32 {
		if pop {
			return cmproc.Pop(c.h.res.kind, raw, &at.c, at.data, buf, &o.c, &o.e)
		}
		return cmproc.Get(c.h.res.kind, raw, &at.c, at.data, buf, &o.c, &o.e)
	})
	switch {
	case status == cmproc.ENOENT && quiet:
		return value, false, nil
	case status < 0:
		return value, false, failure(status, &o.e)
	}
	value, err = unpack[T](&o, s, false)
	return value, err == nil, err
}

// each calls f for what an iterator gives, until f says no. The handle may be closed meanwhile.
func (c *container) each(begin func(raw unsafe.Pointer, iter *unsafe.Pointer, e *cmproc.Error) int32,
	f func(key, value *output) (more bool, err error)) error {
	return c.h.each(begin, f)
}

func (h *handle) each(begin func(raw unsafe.Pointer, iter *unsafe.Pointer, e *cmproc.Error) int32,
	f func(key, value *output) (more bool, err error)) (err error) {
	if !h.enter() {
		return ErrClosedHandle
	}
	defer h.leave()
	var iter unsafe.Pointer
	var e cmproc.Error
	if status := begin(h.res.raw, &iter, &e); status < 0 {
		return failure(status, &e)
	}
	defer cmproc.IterClose(iter)
	var key, value output
	for more := true; more; {
		if h.closed() {
			return ErrClosedHandle
		}
		var p cmproc.Pair
		switch status := cmproc.IterNext(iter, &p, &e); {
		case status < 0:
			return failure(status, &e)
		case status == cmproc.End:
			return nil
		}
		key.c, key.data = p.Key, unsafe.Slice((*byte)(p.KeyData), p.Key.Len)
		value.c, value.data = p.Value, unsafe.Slice((*byte)(p.ValueData), p.Value.Len)
		if more, err = f(&key, &value); err != nil {
			return err
		}
	}
	return nil
}

// over begins one of the iterators that every container has.
func (c *container) over(what cmproc.What) func(raw unsafe.Pointer, iter *unsafe.Pointer, e *cmproc.Error) int32 {
	return func(raw unsafe.Pointer, iter *unsafe.Pointer, e *cmproc.Error) int32 {
		return cmproc.Iter(c.h.res.kind, raw, what, iter, e)
	}
}

// What is no matter of a type parameter.
var (
	anyShape = shapeOf(reflect.TypeFor[any]())
	refShape = shapeOf(reflect.TypeFor[Ref]())
)
