package mproc

import (
	"encoding/binary"
	"hash"
	"hash/fnv"
	"reflect"
	"sync"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Char8 is one byte of text (typecode 'c'); any other unsigned byte is a number (typecode 'B').
type Char8 uint8

// Char32 is one wide character (typecode 'u'). A rune as such is an int32 (typecode 'i').
type Char32 uint32

// element is how the library sees a Go type.
type element struct {
	typ     int32   // cmproc.I8 ... cmproc.Struct
	size    uintptr // bytes
	schema  uint64  // structs: stands for the layout; scalars: 0
	padding []gap   // structs: bytes that belong to no field
}

type gap struct{ from, to uintptr }

func (e *element) scalar() bool { return e.typ != cmproc.Struct }

// clear zeroes the padding of a copy of a struct: what lies there is otherwise undefined, and would
// make equal structs differ where they are compared byte for byte.
func (e *element) clear(p unsafe.Pointer) {
	for _, g := range e.padding {
		clear(unsafe.Slice((*byte)(unsafe.Add(p, g.from)), g.to-g.from))
	}
}

const maxStruct = 1 << 20

var elements sync.Map // reflect.Type -> *element

// elementOf describes T, or says why it cannot live in shared memory.
func elementOf[T any]() (*element, error) {
	t := reflect.TypeFor[T]()
	if known, ok := elements.Load(t); ok {
		return known.(*element), nil
	}
	e, err := describe(t)
	if err == nil {
		elements.Store(t, e)
	}
	return e, err
}

func describe(t reflect.Type) (*element, error) {
	switch t {
	case reflect.TypeFor[Char8]():
		return &element{typ: cmproc.Char8, size: 1}, nil
	case reflect.TypeFor[Char32]():
		return &element{typ: cmproc.Char32, size: 4}, nil
	}
	if typ, ok := scalarTypes[t.Kind()]; ok {
		return &element{typ: typ, size: t.Size()}, nil
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Array, reflect.Complex64, reflect.Complex128:
	default:
		return nil, refuse(ErrType, "%v cannot be shared: only numbers, bool and structs of them can", t)
	}
	if t.Size() == 0 || t.Size() > maxStruct {
		return nil, refuse(ErrInvalid, "%v has %d bytes: 1 byte to 1 MiB can be shared", t, t.Size())
	}
	l := layout{hash: fnv.New64a()}
	l.note(uint64(t.Size()), 0)
	if err := l.walk(t, t, 0); err != nil {
		return nil, err
	}
	l.pad(t.Size())
	e := &element{typ: cmproc.Struct, size: t.Size(), schema: l.hash.Sum64(), padding: l.padding}
	if e.schema == 0 {
		e.schema = 1 // 0 means "none"
	}
	return e, nil
}

var scalarTypes = map[reflect.Kind]int32{
	reflect.Bool:    cmproc.Bool,
	reflect.Int8:    cmproc.I8,
	reflect.Uint8:   cmproc.U8,
	reflect.Int16:   cmproc.I16,
	reflect.Uint16:  cmproc.U16,
	reflect.Int32:   cmproc.I32,
	reflect.Uint32:  cmproc.U32,
	reflect.Int64:   cmproc.I64,
	reflect.Uint64:  cmproc.U64,
	reflect.Float32: cmproc.F32,
	reflect.Float64: cmproc.F64,
	reflect.Int:     map[uintptr]int32{4: cmproc.I32, 8: cmproc.I64}[unsafe.Sizeof(int(0))],
	reflect.Uint:    map[uintptr]int32{4: cmproc.U32, 8: cmproc.U64}[unsafe.Sizeof(uint(0))],
}

// layout walks the leaves of a type in the order of their addresses. The hash covers size, and type and
// offset of every leaf: names may differ, for instance between packages, the bytes may not.
type layout struct {
	hash    hash.Hash64
	end     uintptr // of the last leaf
	padding []gap
}

func (l *layout) note(what, where uint64) {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], what)
	binary.LittleEndian.PutUint64(b[8:], where)
	l.hash.Write(b[:])
}

func (l *layout) pad(to uintptr) {
	if to > l.end {
		l.padding = append(l.padding, gap{l.end, to})
	}
	l.end = to
}

func (l *layout) leaf(typ int32, at, size uintptr) {
	l.pad(at)
	l.note(uint64(typ), uint64(at))
	l.end = at + size
}

func (l *layout) walk(whole, t reflect.Type, at uintptr) error {
	if typ, ok := scalarTypes[t.Kind()]; ok {
		l.leaf(typ, at, t.Size())
		return nil
	}
	switch t.Kind() {
	case reflect.Complex64:
		l.leaf(cmproc.F32, at, 4)
		l.leaf(cmproc.F32, at+4, 4)
	case reflect.Complex128:
		l.leaf(cmproc.F64, at, 8)
		l.leaf(cmproc.F64, at+8, 8)
	case reflect.Array:
		for i := range t.Len() {
			if err := l.walk(whole, t.Elem(), at+uintptr(i)*t.Elem().Size()); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if err := l.walk(whole, f.Type, at+f.Offset); err != nil {
				return err
			}
		}
	default:
		return refuse(ErrType, "%v cannot be shared: it contains %v, which means something in this process only", whole, t)
	}
	return nil
}
