package mproc

import (
	"iter"
	"reflect"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Dict is a dictionary from keys to values in shared memory, in the order in which the keys were first set. Each
// operation is atomic: it is done wholly or not at all, whoever dies at whatever instant.
//
// Keys are bools, numbers, strings, [Bytes], arrays of these, and any (then also nil). Values are whatever [Pack] takes
// and [Unpack] gives. 1, 1.0 and true are different keys, also for other languages: choose K as they do. Strings,
// bytes and scalars are stored and read without encoding them.
//
// A value can be another container, in the same memory: see [NewDict], [DictAt] and [Ref]. With a V of any or Ref such
// values can be read; any V can be stored beside them.
type Dict[K comparable, V any] struct {
	container
	keys, values *shape
}

// Item is a key and its value.
type Item[K, V any] struct {
	Key   K
	Value V
}

// CreateDict creates a dict, and an arena for it and for what is inside it. options may be nil.
func CreateDict[K comparable, V any](domain *Domain, name string, options *ContainerOptions) (*Dict[K, V], error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	return makeDict[K, V](cmproc.Create, domain, cname, options)
}

// OpenDict opens an existing dict. The types are not recorded: what does not fit is ErrType when it is read. options
// may be nil.
func OpenDict[K comparable, V any](domain *Domain, name string, options *ContainerOptions) (*Dict[K, V], error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeDict[K, V](cmproc.Open, domain, cname, options)
}

// FollowDict opens the dict that a reference leads to; beside is any container of its arena. The dict lives as long as
// the handle, at least. If it is gone, that is ErrNotExist.
func FollowDict[K comparable, V any](beside Container, to Ref) (*Dict[K, V], error) {
	d, err := newDict[K, V]()
	if err == nil {
		err = d.follow(cmproc.KindDict, beside.inside(), to)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// DictAt opens the dict that is stored in another container: under a key, an index, or a name. Close it when it is not
// needed any more; it stays where it is.
func DictAt[K comparable, V any, P any](holder Holder[P], place P) (*Dict[K, V], error) {
	to, err := holder.refAt(place)
	if err != nil {
		return nil, err
	}
	return FollowDict[K, V](holder, to)
}

func newDict[K comparable, V any]() (*Dict[K, V], error) {
	keys, err := shapeFor[K](true)
	if err != nil {
		return nil, err
	}
	values, err := shapeFor[V](false)
	if err != nil {
		return nil, err
	}
	return &Dict[K, V]{keys: keys, values: values}, nil
}

func makeDict[K comparable, V any](how cmproc.How, from source, name *byte, o *ContainerOptions) (*Dict[K, V], error) {
	d, err := newDict[K, V]()
	if err == nil {
		err = d.make(cmproc.KindDict, how, from, name, o)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Close ends the handle. An inner dict that nothing else refers to is freed. Loops over the dict end with
// ErrClosedHandle.
func (d *Dict[K, V]) Close() error {
	if d == nil {
		return nil
	}
	return d.h.close()
}

// Get gives the value of a key; a key that is not there is ErrNotExist.
func (d *Dict[K, V]) Get(key K) (V, error) {
	value, _, err := find[V](d, &key, d.values, false, false)
	return value, err
}

// Lookup gives the value of a key if it is there: Get for keys that may well not be.
func (d *Dict[K, V]) Lookup(key K) (value V, found bool, err error) {
	return find[V](d, &key, d.values, false, true)
}

// Pop takes a key away and gives its value; a key that is not there is ErrNotExist. A container whose last reference
// that was is gone, unless somebody has a handle on it: open it with [DictAt] before.
func (d *Dict[K, V]) Pop(key K) (V, error) {
	value, _, err := find[V](d, &key, d.values, true, false)
	return value, err
}

func (d *Dict[K, V]) refAt(key K) (Ref, error) {
	to, _, err := find[Ref](d, &key, refShape, false, false)
	return to, err
}

func find[T any, K comparable, V any](d *Dict[K, V], key *K, s *shape, pop, quiet bool) (value T, found bool,
	err error) {
	var k input
	defer k.done()
	if err := pack(&k, d.keys, key); err != nil {
		return value, false, err
	}
	return getAt[T](&d.container, &k, s, pop, quiet)
}

// Set stores a value under a key.
func (d *Dict[K, V]) Set(key K, value V) error {
	var k, v input
	defer k.done()
	if err := pack(&k, d.keys, &key); err != nil {
		return err
	}
	defer v.done()
	if err := pack(&v, d.values, &value); err != nil {
		return err
	}
	return d.setAt(&k, &v)
}

// SetNewDict stores a new, empty dict under a key, also where V is neither any nor Ref. [DictAt] opens it.
func (d *Dict[K, V]) SetNewDict(key K) error { return d.setRef(key, NewDict()) }

// SetNewList stores a new, empty list under a key, also where V is neither any nor Ref. [ListAt] opens it.
func (d *Dict[K, V]) SetNewList(key K) error { return d.setRef(key, NewList()) }

func (d *Dict[K, V]) setRef(key K, to Ref) error {
	var k, v input
	defer k.done()
	if err := pack(&k, d.keys, &key); err != nil {
		return err
	}
	v.ref(to)
	return d.setAt(&k, &v)
}

// SetDefault stores a value under a key if there is none, and gives what is there now. With a V of Ref or any and
// NewDict() it finds or makes an inner dict.
func (d *Dict[K, V]) SetDefault(key K, value V) (now V, existed bool, err error) {
	raw, err := d.enter()
	if err != nil {
		return now, false, err
	}
	defer d.leave()
	var k, v input
	defer k.done()
	if err := pack(&k, d.keys, &key); err != nil {
		return now, false, err
	}
	defer v.done()
	if err := pack(&v, d.values, &value); err != nil {
		return now, false, err
	}
	var o output
	defer o.done()
	status := o.fetch(&d.longest, &o.e, func(buf []byte) int32 {
		return cmproc.DictSetDefault(raw, &k.c, k.data, &v.c, v.data, buf, &o.c, &o.e)
	})
	if status < 0 {
		return now, false, failure(status, &o.e)
	}
	now, err = unpack[V](&o, d.values, false)
	return now, status == cmproc.Existed, err
}

// Contains reports whether there is such a key.
func (d *Dict[K, V]) Contains(key K) (bool, error) {
	var k input
	defer k.done()
	if err := pack(&k, d.keys, &key); err != nil {
		return false, err
	}
	return d.containsAt(&k)
}

// Delete takes a key away; a key that is not there is ErrNotExist.
func (d *Dict[K, V]) Delete(key K) error {
	var k input
	defer k.done()
	if err := pack(&k, d.keys, &key); err != nil {
		return err
	}
	return d.deleteAt(&k)
}

// PopItem takes the key away that was added last, and gives it with its value; of an empty dict that is ErrNotExist.
// What does not fit the types is taken away nevertheless.
func (d *Dict[K, V]) PopItem() (key K, value V, err error) {
	raw, err := d.enter()
	if err != nil {
		return key, value, err
	}
	defer d.leave()
	s := newScratch(&d.longest, 0)
	defer scratches.Put(s)
	var k, v output
	keyRoom := len(s.buf) / 4
	for {
		status := cmproc.DictPopItem(raw, s.buf[:keyRoom], s.buf[keyRoom:], &k.c, &v.c, &k.e)
		if status >= 0 {
			break
		}
		err := failure(status, &k.e)
		if status != cmproc.EMSGSIZE {
			return key, value, err
		}
		keyRoom = int(k.c.Len)
		if !s.tooSmall(&d.longest, max(keyRoom+int(v.c.Len), len(s.buf)+1), err) {
			return key, value, err
		}
	}
	k.data, v.data = s.buf[:k.c.Len], s.buf[keyRoom:][:v.c.Len]
	if key, err = unpack[K](&k, d.keys, true); err != nil {
		return key, value, err
	}
	value, err = unpack[V](&v, d.values, false)
	return key, value, err
}

// Clear takes every key away.
func (d *Dict[K, V]) Clear() error {
	raw, err := d.enter()
	if err != nil {
		return err
	}
	var e cmproc.Error
	status := cmproc.Clear(cmproc.KindDict, raw, &e)
	d.leave()
	return check(status, &e)
}

// Update stores all pairs of a map, each one atomically, in the order of the keys. On an error, or if the process is
// killed meanwhile, the first ones may be stored. References to containers stay weak here.
func (d *Dict[K, V]) Update(pairs map[K]V) error {
	var all input
	defer all.done()
	if pairs == nil {
		return nil
	}
	if err := pack(&all, shapeOf(reflect.TypeFor[map[K]V]()), &pairs); err != nil {
		return err
	}
	raw, err := d.enter()
	if err != nil {
		return err
	}
	var e cmproc.Error
	status := cmproc.DictUpdate(raw, &all.c, all.data, &e)
	d.leave()
	return check(status, &e)
}

// Add adds to the number under a key, and gives the sum; a key that is not there counts as 0. Integers stay integers,
// and are ErrOverflow beyond 64 bits; with a float the sum is a float. What is no number is ErrType. A sum that does
// not fit V is stored, and ErrType.
func (d *Dict[K, V]) Add(key K, delta V) (sum V, err error) {
	var k input
	defer k.done()
	if err := pack(&k, d.keys, &key); err != nil {
		return sum, err
	}
	return addAt(&d.container, &k, d.values, &delta)
}

// AppendTo appends to the list under a key: an inner list, or a slice that was stored. If there is none, it becomes a
// new inner list.
func (d *Dict[K, V]) AppendTo(key K, element any) error {
	var k, v input
	defer k.done()
	if err := pack(&k, d.keys, &key); err != nil {
		return err
	}
	defer v.done()
	if err := pack(&v, anyShape, &element); err != nil {
		return err
	}
	return d.appendAt(&k, &v)
}

// CompareAndSwap stores a value under a key if the old one is there: if both have the same encoding. 1 and 1.0 differ;
// not-a-number is equal to itself.
func (d *Dict[K, V]) CompareAndSwap(key K, old, new V) (swapped bool, err error) {
	var was, is input
	defer was.done()
	if err := pack(&was, d.values, &old); err != nil {
		return false, err
	}
	defer is.done()
	if err := pack(&is, d.values, &new); err != nil {
		return false, err
	}
	return d.swap(&key, &was, &is)
}

// CompareAndDelete takes a key away if the old value is there.
func (d *Dict[K, V]) CompareAndDelete(key K, old V) (deleted bool, err error) {
	var was input
	defer was.done()
	if err := pack(&was, d.values, &old); err != nil {
		return false, err
	}
	return d.swap(&key, &was, &input{c: cmproc.Datum{Type: cmproc.DatumAbsent}})
}

func (d *Dict[K, V]) swap(key *K, was, is *input) (bool, error) {
	var k input
	defer k.done()
	if err := pack(&k, d.keys, key); err != nil {
		return false, err
	}
	return d.swapAt(&k, was, is)
}

// All goes through the living dict in its order, and fetches as it goes, some items at a time: the loop body may use
// the dict, others do. If keys come or go meanwhile it ends, with ErrChanged, when it would have to fetch more; new
// values of keys that are there do no harm. When the loop is over, *failed says why it ended early, or nil; failed must
// not be nil.
//
//	for key, value := range d.All(&err) {
//		...
//	}
//	if err != nil { ... }
//
// For a look at one moment that nobody can disturb, see Snapshot and Items.
func (d *Dict[K, V]) All(failed *error) iter.Seq2[K, V] {
	*failed = nil
	return func(yield func(K, V) bool) {
		*failed = d.each(d.over(cmproc.IterLive), func(k, v *output) (bool, error) {
			key, err := unpack[K](k, d.keys, true)
			if err != nil {
				return false, err
			}
			value, err := unpack[V](v, d.values, false)
			if err != nil {
				return false, err
			}
			return yield(key, value), nil
		})
	}
}

// Keys goes through the keys as All does.
func (d *Dict[K, V]) Keys(failed *error) iter.Seq[K] {
	*failed = nil
	return func(yield func(K) bool) {
		*failed = d.each(d.over(cmproc.IterLive), func(k, _ *output) (bool, error) {
			key, err := unpack[K](k, d.keys, true)
			if err != nil {
				return false, err
			}
			return yield(key), nil
		})
	}
}

// Values goes through the values as All does.
func (d *Dict[K, V]) Values(failed *error) iter.Seq[V] {
	*failed = nil
	return func(yield func(V) bool) {
		*failed = d.each(d.over(cmproc.IterLive), func(_, v *output) (bool, error) {
			value, err := unpack[V](v, d.values, false)
			if err != nil {
				return false, err
			}
			return yield(value), nil
		})
	}
}

// Items is the dict as it was at one moment, in its order.
func (d *Dict[K, V]) Items() (items []Item[K, V], err error) {
	err = d.snapshot(func(key K, value V) { items = append(items, Item[K, V]{key, value}) })
	if err != nil {
		return nil, err
	}
	return items, nil
}

// Snapshot is the dict as it was at one moment.
func (d *Dict[K, V]) Snapshot() (map[K]V, error) {
	pairs := make(map[K]V)
	err := d.snapshot(func(key K, value V) { pairs[key] = value })
	if err != nil {
		return nil, err
	}
	return pairs, nil
}

func (d *Dict[K, V]) snapshot(f func(key K, value V)) error {
	return d.each(d.over(cmproc.IterItems), func(k, v *output) (bool, error) {
		key, err := unpack[K](k, d.keys, true)
		if err != nil {
			return false, err
		}
		value, err := unpack[V](v, d.values, false)
		if err != nil {
			return false, err
		}
		f(key, value)
		return true, nil
	})
}

// Existed reports whether ExistOK opened a dict that was there already.
func (d *Dict[K, V]) Existed() bool { return d.existed }

// Export makes a handle on the dict that can travel to other processes. One that is inside another container is
// ErrNotSupported: pass its Ref instead, and open it there with [FollowDict].
func (d *Dict[K, V]) Export() (*Handle, error) { return d.h.export() }

// Ref is a reference to this dict. Stored in a container of the same arena it keeps the dict alive.
func (d *Dict[K, V]) Ref() (Ref, error) { return d.ref() }

// Len is how many keys there are.
func (d *Dict[K, V]) Len() (int, error) { return d.count() }

// Copy is the whole dict as it was at one moment, in one piece. Containers inside it are copied with it if deep (to 64
// levels; more, or one that is inside itself, is ErrType), else they are references.
func (d *Dict[K, V]) Copy(deep bool) (Packed, error) { return d.copyAll(deep) }

// ArenaInfo describes the arena that the dict is in.
func (d *Dict[K, V]) ArenaInfo() (ArenaInfo, error) { return d.arenaInfo() }

// Check walks the whole arena, and is ErrCorrupt, with what is wrong, unless everything in it makes sense. Nobody else
// gets in meanwhile. It is for tests, and for people who look for a fault.
func (d *Dict[K, V]) Check() error { return d.checkArena() }

// Collect frees containers of the arena that nobody can reach because they only refer to each other in a circle, and
// what dead processes held, and says how many containers that were. Everything else out of reach is freed without it.
func (d *Dict[K, V]) Collect() (freed uint64, err error) { return d.collectArena() }
