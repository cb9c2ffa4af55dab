package mproc

import (
	"strings"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Namespace is a set of named values in shared memory, of any types: what [Pack] takes and [Unpack] gives. Each
// operation is atomic. A name is UTF-8, 1 to 255 bytes without a NUL, and does not begin with '_'.
//
//	err := settings.Set("size", 80)
//	size, err := mproc.NamespaceGet[int](settings, "size")
type Namespace struct{ container }

// CreateNamespace creates a namespace, and an arena for it and for what is inside it. options may be nil.
func CreateNamespace(domain *Domain, name string, options *ContainerOptions) (*Namespace, error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	return makeNamespace(cmproc.Create, domain, cname, options)
}

// OpenNamespace opens an existing namespace. options may be nil.
func OpenNamespace(domain *Domain, name string, options *ContainerOptions) (*Namespace, error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeNamespace(cmproc.Open, domain, cname, options)
}

// FollowNamespace opens the namespace that a reference leads to, as [FollowDict].
func FollowNamespace(beside Container, to Ref) (*Namespace, error) {
	n := new(Namespace)
	if err := n.follow(cmproc.KindNamespace, beside.inside(), to); err != nil {
		return nil, err
	}
	return n, nil
}

// NamespaceAt opens the namespace that is stored in another container, as [DictAt].
func NamespaceAt[P any](holder Holder[P], place P) (*Namespace, error) {
	to, err := holder.refAt(place)
	if err != nil {
		return nil, err
	}
	return FollowNamespace(holder, to)
}

func makeNamespace(how cmproc.How, from source, name *byte, o *ContainerOptions) (*Namespace, error) {
	n := new(Namespace)
	if err := n.make(cmproc.KindNamespace, how, from, name, o); err != nil {
		return nil, err
	}
	return n, nil
}

// Close ends the handle. An inner namespace that nothing else refers to is freed.
func (n *Namespace) Close() error {
	if n == nil {
		return nil
	}
	return n.h.close()
}

// nameBytes is room for a name and its NUL.
type nameBytes [256]byte

// at is a place in a namespace; its bytes are in room.
func (room *nameBytes) at(name string) (input, error) {
	if len(name) >= len(room) || strings.IndexByte(name, 0) >= 0 {
		return input{}, refuse(ErrInvalid, "a name has 1 to %d bytes, none of them a NUL", len(room)-1)
	}
	copy(room[:], name)
	return input{data: &room[0]}, nil
}

// Get gives the value of a name, in the types that [Unpack] says; a name that is not there is ErrNotExist.
func (n *Namespace) Get(name string) (any, error) { return NamespaceGet[any](n, name) }

// NamespaceGet gives the value of a name, which must be a T; a name that is not there is ErrNotExist.
func NamespaceGet[T any](n *Namespace, name string) (T, error) {
	value, _, err := named[T](n, name, false)
	return value, err
}

// NamespaceLookup gives the value of a name if it is there, which then must be a T.
func NamespaceLookup[T any](n *Namespace, name string) (value T, found bool, err error) {
	return named[T](n, name, true)
}

func named[T any](n *Namespace, name string, quiet bool) (value T, found bool, err error) {
	s, err := shapeFor[T](false)
	if err != nil {
		return value, false, err
	}
	var room nameBytes
	at, err := room.at(name)
	if err != nil {
		return value, false, err
	}
	return getAt[T](&n.container, &at, s, false, quiet)
}

func (n *Namespace) refAt(name string) (Ref, error) { return NamespaceGet[Ref](n, name) }

// Set gives a name a value; of any type that [Pack] takes, or a new container ([NewDict]).
func (n *Namespace) Set(name string, value any) error {
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
	return n.setAt(&at, &v)
}

// Contains reports whether the name has a value.
func (n *Namespace) Contains(name string) (bool, error) {
	var room nameBytes
	at, err := room.at(name)
	if err != nil {
		return false, err
	}
	return n.containsAt(&at)
}

// Delete takes a name away; a name that is not there is ErrNotExist.
func (n *Namespace) Delete(name string) error {
	var room nameBytes
	at, err := room.at(name)
	if err != nil {
		return err
	}
	return n.deleteAt(&at)
}

// Add adds to the number that a name has, and gives the sum (int64, uint64 or float64), as [Dict.Add].
func (n *Namespace) Add(name string, delta any) (sum any, err error) {
	var room nameBytes
	at, err := room.at(name)
	if err != nil {
		return nil, err
	}
	return addAt(&n.container, &at, anyShape, &delta)
}

// AppendTo appends to the list that a name has, as [Dict.AppendTo].
func (n *Namespace) AppendTo(name string, element any) error {
	var room nameBytes
	at, err := room.at(name)
	if err != nil {
		return err
	}
	var v input
	defer v.done()
	if err := pack(&v, anyShape, &element); err != nil {
		return err
	}
	return n.appendAt(&at, &v)
}

// CompareAndSwap gives a name a value if it has the old one: if both have the same encoding.
func (n *Namespace) CompareAndSwap(name string, old, new any) (swapped bool, err error) {
	var room nameBytes
	at, err := room.at(name)
	if err != nil {
		return false, err
	}
	var was, is input
	defer was.done()
	if err := pack(&was, anyShape, &old); err != nil {
		return false, err
	}
	defer is.done()
	if err := pack(&is, anyShape, &new); err != nil {
		return false, err
	}
	return n.swapAt(&at, &was, &is)
}

// Items are the names and their values, as they were at one moment, sorted by name.
func (n *Namespace) Items() ([]Item[string, any], error) {
	var items []Item[string, any]
	err := n.each(n.over(cmproc.IterItems), func(k, v *output) (bool, error) {
		value, err := unpack[any](v, anyShape, false)
		items = append(items, Item[string, any]{string(k.data), value})
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// Snapshot is the namespace as it was at one moment.
func (n *Namespace) Snapshot() (map[string]any, error) {
	items, err := n.Items()
	if err != nil {
		return nil, err
	}
	values := make(map[string]any, len(items))
	for _, i := range items {
		values[i.Key] = i.Value
	}
	return values, nil
}

// Existed reports whether ExistOK opened a namespace that was there already.
func (n *Namespace) Existed() bool { return n.existed }

// Export makes a handle on the namespace that can travel to other processes. One that is inside another container is
// ErrNotSupported: pass its Ref instead, and open it there with [FollowNamespace].
func (n *Namespace) Export() (*Handle, error) { return n.h.export() }

// Ref is a reference to this namespace. Stored in a container of the same arena it keeps the namespace alive.
func (n *Namespace) Ref() (Ref, error) { return n.ref() }

// Len is how many names there are.
func (n *Namespace) Len() (int, error) { return n.count() }

// Copy is the whole namespace as it was at one moment, in one piece. Containers inside it are copied with it if deep (to
// 64 levels; more, or one that is inside itself, is ErrType), else they are references.
func (n *Namespace) Copy(deep bool) (Packed, error) { return n.copyAll(deep) }

// ArenaInfo describes the arena that the namespace is in.
func (n *Namespace) ArenaInfo() (ArenaInfo, error) { return n.arenaInfo() }

// Check walks the whole arena, and is ErrCorrupt, with what is wrong, unless everything in it makes sense. Nobody else
// gets in meanwhile. It is for tests, and for people who look for a fault.
func (n *Namespace) Check() error { return n.checkArena() }

// Collect frees containers of the arena that nobody can reach because they only refer to each other in a circle, and
// what dead processes held, and says how many containers that were. Everything else out of reach is freed without it.
func (n *Namespace) Collect() (freed uint64, err error) { return n.collectArena() }
