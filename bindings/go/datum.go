package mproc

import (
	"fmt"
	"math"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Bytes are bytes that can be the key of a map or a [Dict]. They are the same datum as a []byte.
type Bytes string

// Packed is a datum in its encoding, MessagePack: what [Pack] makes, or any type of datum read as it stands. It is
// comparable, and keeps what a Go value does not: the order of a map's pairs. The empty Packed is nil.
type Packed string

// Ref is a weak reference: to a container in an arena, or to a named object of any kind. Stored as a value in a
// container of the same arena it becomes a strong one, which keeps what it refers to; inside a slice, map or struct it
// stays weak. Refs are comparable. The zero Ref is nil.
type Ref struct {
	kind         Kind
	fresh        bool
	generation   uint32
	arena, place uint64
	name         string
}

// NewDict, as a value to be stored, is a new, empty dict in the arena of the container that it is stored in.
func NewDict() Ref { return Ref{kind: KindDict, fresh: true} }

// NewList, as a value to be stored, is a new, empty list, as [NewDict].
func NewList() Ref { return Ref{kind: KindList, fresh: true} }

// NewNamespace, as a value to be stored, is a new, empty namespace, as [NewDict].
func NewNamespace() Ref { return Ref{kind: KindNamespace, fresh: true} }

// NamedRef is a weak reference to the object of that name and kind, in whatever domain it is read.
func NamedRef(kind Kind, name string) Ref { return Ref{kind: kind, name: name} }

// Kind is the kind of what it refers to.
func (r Ref) Kind() Kind { return r.kind }

// Name is the name of a named object, "" for a container in an arena.
func (r Ref) Name() string { return r.name }

// String is for people.
func (r Ref) String() string {
	switch {
	case r.fresh:
		return "new " + r.kind.String()
	case r.name != "":
		return r.kind.String() + " " + r.name
	}
	return fmt.Sprintf("%v %x in arena %x", r.kind, r.place, r.arena)
}

// Pack encodes a value: nil, bools, integers, floats, strings, bytes ([]byte, [n]byte, [Bytes]), slices, arrays, maps,
// structs, what their pointers and interfaces lead to, [Ref], [Packed], and types that are an
// [encoding.TextMarshaler] (as a string). A struct is a map of its exported fields, by name or by the tag
// `mproc:"name"`; with `mproc:"-"` a field is left out. The fields of an embedded struct without a tag are its own. A
// map is sorted by its keys, so that equal maps are equal bytes.
func Pack(value any) (Packed, error) {
	p := packers.Get().(*packer)
	defer packers.Put(p)
	p.buf = p.buf[:0]
	if err := p.value(reflect.ValueOf(value), 0); err != nil {
		return "", err
	}
	return Packed(p.buf), nil
}

// Unpack decodes what Pack made, or any other MessagePack. An integer fits a type that has it, also a float that is
// exactly that; nil fits pointers, slices, maps, Ref and any, nothing else; everything else fits what it was made from
// only, or it is ErrType. What a struct has no field for is left out, and fields that are not there are zero. Into any
// come nil, bool, int64, uint64 (what no int64 can be), float64, string, []byte, []any, map[string]any, Ref, and
// map[any]any if a key is not a string (bytes are Bytes there, lists and maps Packed).
func Unpack[T any](packed Packed) (T, error) {
	out := new(T)
	u := unpacker{b: []byte(packed)}
	i, err := u.next()
	if err == nil {
		err = u.into(reflect.ValueOf(out).Elem(), i, 0)
	}
	if err == nil && len(u.b) != 0 {
		err = refuse(ErrInvalid, "%d bytes are left behind the datum", len(u.b))
	}
	if err != nil {
		return *new(T), err
	}
	return *out, nil
}

// input is a datum on its way in: what the C library is given, and memory that it needs.
type input struct {
	c      cmproc.Datum
	data   *byte
	packer *packer
}

// done must follow when the call is over.
func (in *input) done() {
	if in.packer != nil {
		packers.Put(in.packer)
	}
}

func (in *input) scalar(typ int32, bits uint64) { in.c.Type, in.c.Bits = typ, bits }

func (in *input) text(typ int32, data *byte, n int) {
	in.c.Type, in.c.Len, in.data = typ, uintptr(n), data
}

func (in *input) ref(r Ref) {
	switch in.c.Kind = uint32(r.kind); {
	case r == Ref{}:
		in.scalar(cmproc.DatumNil, 0)
	case r.fresh:
		in.c.Type = cmproc.DatumNew
	case r.name != "":
		in.text(cmproc.DatumRef, unsafe.StringData(r.name), len(r.name))
	default:
		in.scalar(cmproc.DatumRef, r.arena)
		in.c.Place, in.c.Generation = r.place, r.generation
	}
}

// pack makes the datum of a value. Scalars, strings and bytes stay where they are: nothing is copied or allocated.
func pack[T any](in *input, s *shape, v *T) error {
	if s == nil { // of a zero handle
		return ErrClosedHandle
	}
	if in.direct(s, unsafe.Pointer(v)) {
		return nil
	}
	return in.indirect(reflect.ValueOf(*v)) // a copy, so that *v need not be on the heap
}

// direct is for what needs no encoding.
func (in *input) direct(s *shape, p unsafe.Pointer) bool {
	switch s.class {
	case classBool:
		in.scalar(cmproc.DatumBool, uint64(*(*uint8)(p)))
	case classInt:
		in.scalar(cmproc.DatumInt, uint64(loadInt(p, s.size)))
	case classUint:
		in.scalar(cmproc.DatumUint, loadUint(p, s.size))
	case classFloat32:
		in.scalar(cmproc.DatumFloat, math.Float64bits(float64(*(*float32)(p))))
	case classFloat64:
		in.scalar(cmproc.DatumFloat, *(*uint64)(p))
	case classString:
		v := *(*string)(p)
		in.text(cmproc.DatumStr, unsafe.StringData(v), len(v))
	case classByteText:
		v := *(*string)(p)
		in.text(cmproc.DatumBytes, unsafe.StringData(v), len(v))
	case classBytes:
		v := *(*[]byte)(p)
		if v == nil {
			return false
		}
		in.text(cmproc.DatumBytes, unsafe.SliceData(v), len(v))
	case classRef:
		in.ref(*(*Ref)(p))
	case classAny:
		switch v := (*(*any)(p)).(type) {
		case nil:
			in.scalar(cmproc.DatumNil, 0)
		case bool:
			in.scalar(cmproc.DatumBool, bitsOf(v))
		case int:
			in.scalar(cmproc.DatumInt, uint64(v))
		case int64:
			in.scalar(cmproc.DatumInt, uint64(v))
		case float64:
			in.scalar(cmproc.DatumFloat, math.Float64bits(v))
		case string:
			in.text(cmproc.DatumStr, unsafe.StringData(v), len(v))
		case Bytes:
			in.text(cmproc.DatumBytes, unsafe.StringData(string(v)), len(v))
		case Ref:
			in.ref(v)
		default:
			return false
		}
	default:
		return false
	}
	return true
}

// indirect is for everything else.
func (in *input) indirect(v reflect.Value) error {
	for hops := 0; v.IsValid(); hops++ {
		s := shapeOf(v.Type())
		switch s.class {
		case classContainer:
			r, err := refOf(v)
			in.ref(r)
			return err
		case classRef:
			in.ref(v.Interface().(Ref))
			return nil
		case classAny, classInterface, classPointer:
			if hops > maxDepth {
				return errTooDeep
			}
			v = v.Elem()
			continue
		}
		return in.packed(v)
	}
	in.scalar(cmproc.DatumNil, 0)
	return nil
}

// packed encodes; of what then is no list or map only the inside is given.
func (in *input) packed(v reflect.Value) error {
	p := packers.Get().(*packer)
	in.packer = p
	p.buf = p.buf[:0]
	if err := p.value(v, 0); err != nil {
		return err
	}
	return in.encoded(p.buf)
}

// list makes a list of a slice, also of bytes.
func (in *input) list(v reflect.Value) error {
	p := packers.Get().(*packer)
	in.packer = p
	p.buf = p.buf[:0]
	if err := p.list(v, 1); err != nil {
		return err
	}
	in.text(cmproc.DatumList, unsafe.SliceData(p.buf), len(p.buf))
	return nil
}

// encoded is what is encoded already.
func (in *input) encoded(b []byte) error {
	u := unpacker{b: b}
	i, err := u.next()
	if err != nil {
		return err
	}
	switch i.typ {
	case cmproc.DatumList, cmproc.DatumMap:
		in.text(i.typ, unsafe.SliceData(b), len(b))
		return nil
	case cmproc.DatumRef:
		r, err := unpackRef(i.data)
		in.ref(r)
		return err
	}
	in.scalar(i.typ, i.bits)
	if i.data != nil {
		in.text(i.typ, unsafe.SliceData(i.data), len(i.data))
	}
	return nil
}

func refOf(v reflect.Value) (Ref, error) {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return Ref{}, refuse(ErrInvalid, "a nil %v cannot be stored", v.Type())
	}
	return v.Interface().(referable).Ref()
}

// output is a datum on its way out.
type output struct {
	c    cmproc.Datum
	data []byte // not the caller's: to be copied
	e    cmproc.Error
	s    *scratch
}

// fetch calls until there is room for the datum; done must follow. The call puts what went wrong into e.
func (o *output) fetch(longest *atomic.Int64, e *cmproc.Error, call func(buf []byte) int32) (status int32) {
	if o.s == nil {
		o.s = newScratch(longest, 0)
	}
	for {
		status = call(o.s.buf)
		if status >= 0 {
			o.data = o.s.buf[:o.c.Len]
			return status
		}
		if status != cmproc.EMSGSIZE || !o.s.tooSmall(longest, int(o.c.Len), failure(status, e)) {
			return status
		}
	}
}

func (o *output) done() {
	if o.s != nil {
		scratches.Put(o.s)
	}
}

// unpack makes a value of a datum.
func unpack[T any](o *output, s *shape, key bool) (T, error) {
	var v T
	if o.direct(s, unsafe.Pointer(&v)) {
		return v, nil
	}
	return indirectly[T](o, key)
}

// direct is for what has exactly the datum's type.
func (o *output) direct(s *shape, p unsafe.Pointer) bool {
	switch {
	case o.c.Type == cmproc.DatumInt && s.class == classInt:
		return storeInt(p, s.size, int64(o.c.Bits))
	case o.c.Type == cmproc.DatumInt && s.class == classUint:
		return int64(o.c.Bits) >= 0 && storeUint(p, s.size, o.c.Bits)
	case o.c.Type == cmproc.DatumFloat && s.class == classFloat64:
		*(*uint64)(p) = o.c.Bits
	case o.c.Type == cmproc.DatumBool && s.class == classBool:
		*(*bool)(p) = o.c.Bits != 0
	case o.c.Type == cmproc.DatumStr && s.class == classString,
		o.c.Type == cmproc.DatumBytes && s.class == classByteText:
		*(*string)(p) = string(o.data)
	case o.c.Type == cmproc.DatumBytes && s.class == classBytes:
		*(*[]byte)(p) = append(make([]byte, 0, len(o.data)), o.data...)
	default:
		return false
	}
	return true
}

func indirectly[T any](o *output, key bool) (T, error) {
	out := new(T)
	err := o.into(reflect.ValueOf(out).Elem(), key)
	if err != nil {
		return *new(T), err
	}
	return *out, nil
}

func (o *output) into(v reflect.Value, key bool) error {
	u := unpacker{}
	i := item{typ: o.c.Type, bits: o.c.Bits, data: o.data}
	switch o.c.Type {
	case cmproc.DatumRef:
		r, err := refFrom(&o.c, o.data)
		if err != nil {
			return err
		}
		switch shapeOf(v.Type()).class {
		case classRef, classAny:
			v.Set(reflect.ValueOf(r))
			return nil
		case classPacked:
			var p packer
			if err := p.ref(r); err != nil {
				return err
			}
			v.SetString(string(p.buf))
			return nil
		}
	case cmproc.DatumList, cmproc.DatumMap:
		u.b = o.data
		var err error
		if i, err = u.next(); err != nil {
			return err
		}
	}
	if key && shapeOf(v.Type()).class == classAny {
		k, err := u.key(i, 0)
		if err == nil && k != nil {
			v.Set(reflect.ValueOf(k))
		}
		return err
	}
	return u.into(v, i, 0)
}

// Numbers of any width, by their address.

func loadUint(p unsafe.Pointer, size uintptr) uint64 {
	switch size {
	case 1:
		return uint64(*(*uint8)(p))
	case 2:
		return uint64(*(*uint16)(p))
	case 4:
		return uint64(*(*uint32)(p))
	}
	return *(*uint64)(p)
}

func loadInt(p unsafe.Pointer, size uintptr) int64 {
	shift := 64 - 8*size
	return int64(loadUint(p, size)<<shift) >> shift
}

// storeUint reports whether the number fits; if not it stores nothing.
func storeUint(p unsafe.Pointer, size uintptr, v uint64) bool {
	if size < 8 && v>>(8*size) != 0 {
		return false
	}
	switch size {
	case 1:
		*(*uint8)(p) = uint8(v)
	case 2:
		*(*uint16)(p) = uint16(v)
	case 4:
		*(*uint32)(p) = uint32(v)
	default:
		*(*uint64)(p) = v
	}
	return true
}

func storeInt(p unsafe.Pointer, size uintptr, v int64) bool {
	shift := 64 - 8*size
	if v<<shift>>shift != v {
		return false
	}
	return storeUint(p, size, uint64(v)<<shift>>shift)
}
