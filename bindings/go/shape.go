package mproc

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
)

// class is how a Go type becomes a datum.
type class uint8

const (
	classNone class = iota // it does not
	classBool
	classInt
	classUint
	classFloat32
	classFloat64
	classString
	classBytes    // a slice of bytes
	classByteText // Bytes
	classByteArray
	classPacked
	classRef
	classContainer
	classText
	classAny
	classInterface
	classPointer
	classSlice
	classArray
	classMap
	classStruct
)

// shape is what is known about a Go type.
type shape struct {
	class  class
	size   uintptr
	typ    reflect.Type
	fields []field
	names  map[string]int // of fields
	why    string         // classNone

	storable atomic.Bool // it is known to be
}

type field struct {
	name  string
	index []int
}

// referable is every container's handle.
type referable interface{ Ref() (Ref, error) }

var (
	textIn     = reflect.TypeFor[encoding.TextMarshaler]()
	textOut    = reflect.TypeFor[encoding.TextUnmarshaler]()
	containers = reflect.TypeFor[referable]()
)

var shapes sync.Map // reflect.Type -> *shape

func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	s := &shape{typ: t, size: t.Size()}
	s.class = s.classify()
	shapes.Store(t, s)
	return s
}

func (s *shape) classify() class {
	t := s.typ
	switch t {
	case reflect.TypeFor[Bytes]():
		return classByteText
	case reflect.TypeFor[Packed]():
		return classPacked
	case reflect.TypeFor[Ref]():
		return classRef
	}
	if t.Kind() == reflect.Pointer && t.Implements(containers) {
		return classContainer
	}
	if pointer := reflect.PointerTo(t); t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer &&
		pointer.Implements(textIn) && pointer.Implements(textOut) {
		return classText
	}
	switch t.Kind() {
	case reflect.Bool:
		return classBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return classInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return classUint
	case reflect.Float32:
		return classFloat32
	case reflect.Float64:
		return classFloat64
	case reflect.String:
		return classString
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return classAny
		}
		return classInterface
	case reflect.Pointer:
		return classPointer
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return classBytes
		}
		return classSlice
	case reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return classByteArray
		}
		return classArray
	case reflect.Map:
		return classMap
	case reflect.Struct:
		return s.structure()
	}
	s.why = "means something in this process only"
	return classNone
}

// structure collects the fields. A struct that would lose everything is no datum.
func (s *shape) structure() class {
	s.names = make(map[string]int)
	for _, f := range reflect.VisibleFields(s.typ) {
		tag := f.Tag.Get("mproc")
		inlined := f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct && shapeOf(f.Type).class == classStruct
		if !f.IsExported() || tag == "-" || inlined || s.within(f.Index) {
			continue
		}
		name := cmp.Or(tag, f.Name)
		if _, taken := s.names[name]; taken {
			s.why = "has two fields of the name " + name
			return classNone
		}
		s.names[name] = len(s.fields)
		s.fields = append(s.fields, field{name, f.Index})
	}
	if len(s.fields) == 0 && s.typ.NumField() > 0 {
		s.why = "has no exported fields"
		return classNone
	}
	return classStruct
}

// within reports whether a promoted field is part of an embedded one that is not inlined, but a field itself.
func (s *shape) within(index []int) bool {
	for n := 1; n < len(index); n++ {
		outer := s.typ.FieldByIndex(index[:n])
		if outer.Tag.Get("mproc") != "" || outer.Type.Kind() != reflect.Struct ||
			shapeOf(outer.Type).class != classStruct {
			return true
		}
	}
	return false
}

// shapeFor describes T, if it can be stored and read; as a key it must be what keys can be.
func shapeFor[T any](key bool) (*shape, error) {
	t := reflect.TypeFor[T]()
	s := shapeOf(t)
	if !s.storable.Load() {
		if err := storable(t, make(map[reflect.Type]bool)); err != nil {
			return nil, refuse(ErrType, "%v cannot be shared: %v", t, err)
		}
		s.storable.Store(true)
	}
	if key {
		switch s.class {
		case classMap, classStruct, classRef, classPointer, classSlice:
			return nil, refuse(ErrType, "%v cannot be a key: nil, bools, numbers, strings, bytes and arrays of them can", t)
		}
	}
	return s, nil
}

// storable says why a type cannot be stored and read back, or nil.
func storable(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	s := shapeOf(t)
	switch s.class {
	case classNone:
		return fmt.Errorf("%v %s", t, s.why)
	case classContainer:
		return fmt.Errorf("%v is a handle: use Ref, and DictAt, ListAt or NamespaceAt to read it", t)
	case classInterface:
		return fmt.Errorf("nothing can be read into a %v: use any", t)
	case classPointer, classSlice, classArray:
		return storable(t.Elem(), seen)
	case classMap:
		if err := storable(t.Key(), seen); err != nil {
			return err
		}
		return storable(t.Elem(), seen)
	case classStruct:
		for _, f := range s.fields {
			if err := storable(t.FieldByIndex(f.index).Type, seen); err != nil {
				return err
			}
		}
	}
	return nil
}
