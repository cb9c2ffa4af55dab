package mproc

import (
	"bytes"
	"cmp"
	"encoding"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Go values into their encoding, and back.

// packer encodes values.
type packer struct{ buf []byte }

var packers = sync.Pool{New: func() any { return &packer{buf: make([]byte, 0, 1<<10)} }}

func (p *packer) took(b []byte, err error) error {
	p.buf = b
	return err
}

// value appends the encoding of a value that has so many lists and maps around it.
func (p *packer) value(v reflect.Value, depth int) error {
	for hops := 0; v.IsValid(); hops++ {
		s := shapeOf(v.Type())
		switch s.class {
		case classAny, classInterface, classPointer:
			if hops > maxDepth {
				return errTooDeep
			}
			if v.IsNil() {
				v = reflect.Value{}
			} else {
				v = v.Elem()
			}
		default:
			return p.shaped(s, v, depth)
		}
	}
	p.buf = appendNil(p.buf)
	return nil
}

func (p *packer) shaped(s *shape, v reflect.Value, depth int) error {
	switch s.class {
	case classBool:
		p.buf = appendBool(p.buf, v.Bool())
	case classInt:
		p.buf = appendInt(p.buf, v.Int())
	case classUint:
		p.buf = appendUint(p.buf, v.Uint())
	case classFloat32, classFloat64:
		p.buf = appendFloat(p.buf, v.Float())
	case classString:
		return p.took(appendString(p.buf, v.String()))
	case classByteText:
		return p.took(appendBytes(p.buf, v.String()))
	case classBytes:
		if v.IsNil() {
			p.buf = appendNil(p.buf)
			return nil
		}
		return p.took(appendBytes(p.buf, v.Bytes()))
	case classByteArray:
		if !v.CanAddr() {
			v = addressable(v)
		}
		return p.took(appendBytes(p.buf, v.Bytes()))
	case classPacked:
		if v.Len() == 0 {
			p.buf = appendNil(p.buf)
			return nil
		}
		return p.canonical(v.String(), depth)
	case classRef, classContainer:
		return p.reference(s, v)
	case classText:
		return p.text(v)
	case classSlice:
		if v.IsNil() {
			p.buf = appendNil(p.buf)
			return nil
		}
		return p.list(v, depth+1)
	case classArray:
		return p.list(v, depth+1)
	case classMap:
		if v.IsNil() {
			p.buf = appendNil(p.buf)
			return nil
		}
		return p.mapping(v, depth+1)
	case classStruct:
		return p.structure(s, v, depth+1)
	default:
		return refuse(ErrType, "%v cannot be shared: it %s", s.typ, s.why)
	}
	return nil
}

func addressable(v reflect.Value) reflect.Value {
	copied := reflect.New(v.Type()).Elem()
	copied.Set(v)
	return copied
}

func (p *packer) text(v reflect.Value) error {
	if !v.CanAddr() {
		v = addressable(v)
	}
	text, err := v.Addr().Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return err
	}
	return p.took(appendString(p.buf, string(text)))
}

// canonical appends what somebody else has encoded, in the one form.
func (p *packer) canonical(packed string, depth int) error {
	u := unpacker{b: []byte(packed)}
	err := p.copied(&u, depth)
	if err == nil && len(u.b) != 0 {
		err = refuse(ErrInvalid, "%d bytes are left behind the datum", len(u.b))
	}
	return err
}

func (p *packer) copied(u *unpacker, depth int) error {
	i, err := u.next()
	if err != nil {
		return err
	}
	n := i.bits
	switch i.typ {
	case cmproc.DatumList:
		err = p.took(appendListHeader(p.buf, int(n)))
	case cmproc.DatumMap:
		err = p.took(appendMapHeader(p.buf, int(n)))
		n *= 2
	default:
		return p.item(i)
	}
	if err != nil {
		return err
	}
	if depth++; depth > maxDepth {
		return errTooDeep
	}
	for range n {
		if err := p.copied(u, depth); err != nil {
			return err
		}
	}
	return nil
}

// item appends what is not a list or map.
func (p *packer) item(i item) error {
	switch i.typ {
	case cmproc.DatumBool:
		p.buf = appendBool(p.buf, i.bits != 0)
	case cmproc.DatumInt:
		p.buf = appendInt(p.buf, int64(i.bits))
	case cmproc.DatumUint:
		p.buf = appendUint(p.buf, i.bits)
	case cmproc.DatumFloat:
		p.buf = appendFloat(p.buf, math.Float64frombits(i.bits))
	case cmproc.DatumStr:
		return p.took(appendString(p.buf, string(i.data)))
	case cmproc.DatumBytes:
		return p.took(appendBytes(p.buf, i.data))
	case cmproc.DatumRef:
		r, err := unpackRef(i.data)
		if err != nil {
			return err
		}
		return p.ref(r)
	default:
		p.buf = appendNil(p.buf)
	}
	return nil
}

func (p *packer) reference(s *shape, v reflect.Value) error {
	if s.class == classRef {
		return p.ref(v.Interface().(Ref))
	}
	r, err := refOf(v)
	if err != nil {
		return err
	}
	return p.ref(r)
}

// ref has the C library encode it: how is its own business.
func (p *packer) ref(r Ref) error {
	if r == (Ref{}) {
		p.buf = appendNil(p.buf)
		return nil
	}
	var in input
	in.ref(r)
	if r.fresh {
		return refuse(ErrInvalid, "a new container can be stored as a value of a container only, not inside one")
	}
	var n uintptr
	var e cmproc.Error
	room := slices.Grow(p.buf, 512)
	room = room[:cap(room)]
	if status := cmproc.DatumEncode(&in.c, in.data, room[len(p.buf):], &n, &e); status < 0 {
		return failure(status, &e)
	}
	p.buf = room[:len(p.buf)+int(n)]
	return nil
}

func unpackRef(encoded []byte) (Ref, error) {
	var c cmproc.Datum
	var at uintptr
	var e cmproc.Error
	if status := cmproc.DatumDecode(encoded, &c, &at, &e); status < 0 {
		return Ref{}, failure(status, &e)
	}
	return refFrom(&c, encoded[at:at+c.Len])
}

func refFrom(c *cmproc.Datum, name []byte) (Ref, error) {
	if c.Type != cmproc.DatumRef {
		return Ref{}, refuse(ErrType, "it is no reference")
	}
	return Ref{kind: Kind(c.Kind), generation: c.Generation, arena: c.Bits, place: c.Place, name: string(name)}, nil
}

func (p *packer) list(v reflect.Value, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	n := v.Len()
	if err := p.took(appendListHeader(p.buf, n)); err != nil {
		return err
	}
	for i := range n {
		if err := p.value(v.Index(i), depth); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) structure(s *shape, v reflect.Value, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	if err := p.took(appendMapHeader(p.buf, len(s.fields))); err != nil {
		return err
	}
	for _, f := range s.fields {
		if err := p.took(appendString(p.buf, f.name)); err != nil {
			return err
		}
		if err := p.value(v.FieldByIndex(f.index), depth); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) mapping(v reflect.Value, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	if err := p.took(appendMapHeader(p.buf, v.Len())); err != nil {
		return err
	}
	type pair struct {
		key   []byte
		text  string // for the order
		value reflect.Value
	}
	pairs := make([]pair, 0, v.Len())
	start := len(p.buf)
	for each := v.MapRange(); each.Next(); {
		if err := p.value(each.Key(), depth); err != nil {
			return err
		}
		one := pair{key: bytes.Clone(p.buf[start:]), value: each.Value()}
		if shapeOf(v.Type().Key()).class == classString {
			one.text = each.Key().String()
		}
		pairs = append(pairs, one)
		p.buf = p.buf[:start]
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(strings.Compare(a.text, b.text), bytes.Compare(a.key, b.key))
	})
	for _, one := range pairs {
		p.buf = append(p.buf, one.key...)
		if err := p.value(one.value, depth); err != nil {
			return err
		}
	}
	return nil
}

var datumNames = [...]string{
	"nil", "bool", "integer", "integer", "float", "string", "bytes", "list", "map", "reference",
}

func mismatch(i item, t reflect.Type) error {
	what := "datum of an unknown type"
	if i.typ >= 0 && int(i.typ) < len(datumNames) {
		what = datumNames[i.typ]
	}
	return refuse(ErrType, "what is there (%s) does not fit a %v", what, t)
}

// into reads the rest of an item into v.
func (u *unpacker) into(v reflect.Value, i item, depth int) error {
	s := shapeOf(v.Type())
	fits := false
	switch s.class {
	case classAny:
		x, err := u.any(i, depth)
		if err == nil && x != nil {
			v.Set(reflect.ValueOf(x))
		}
		return err
	case classPacked:
		x, err := u.packed(i, depth)
		v.SetString(string(x))
		return err
	case classPointer, classBytes, classSlice, classMap, classRef:
		if i.typ == cmproc.DatumNil {
			v.SetZero()
			return nil
		}
	}
	switch s.class {
	case classPointer:
		for hops := 0; shapeOf(v.Type()).class == classPointer; hops++ {
			if hops > maxDepth {
				return errTooDeep
			}
			v.Set(reflect.New(v.Type().Elem()))
			v = v.Elem()
		}
		return u.into(v, i, depth)
	case classBool:
		if fits = i.typ == cmproc.DatumBool; fits {
			v.SetBool(i.bits != 0)
		}
	case classInt:
		if fits = i.typ == cmproc.DatumInt && !v.OverflowInt(int64(i.bits)); fits {
			v.SetInt(int64(i.bits))
		}
	case classUint:
		positive := i.typ == cmproc.DatumUint || i.typ == cmproc.DatumInt && int64(i.bits) >= 0
		if fits = positive && !v.OverflowUint(i.bits); fits {
			v.SetUint(i.bits)
		}
	case classFloat32, classFloat64:
		var x float64
		if x, fits = i.float(); fits && v.OverflowFloat(x) {
			fits = false
		}
		if fits {
			v.SetFloat(x)
		}
	case classString:
		if fits = i.typ == cmproc.DatumStr; fits {
			v.SetString(string(i.data))
		}
	case classByteText:
		if fits = i.typ == cmproc.DatumBytes; fits {
			v.SetString(string(i.data))
		}
	case classBytes:
		if fits = i.typ == cmproc.DatumBytes; fits {
			v.SetBytes(append(make([]byte, 0, len(i.data)), i.data...))
		}
	case classByteArray:
		if fits = i.typ == cmproc.DatumBytes && len(i.data) == v.Len(); fits {
			copy(v.Bytes(), i.data)
		}
	case classText:
		if fits = i.typ == cmproc.DatumStr; fits {
			return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(i.data)
		}
	case classRef:
		if fits = i.typ == cmproc.DatumRef && i.from != nil; fits {
			r, err := unpackRef(i.data)
			v.Set(reflect.ValueOf(r))
			return err
		}
	case classSlice, classArray:
		if fits = i.typ == cmproc.DatumList && (s.class == classSlice || int(i.bits) == v.Len()); fits {
			return u.list(v, s, int(i.bits), depth+1)
		}
	case classMap:
		if fits = i.typ == cmproc.DatumMap; fits {
			return u.mapping(v, int(i.bits), depth+1)
		}
	case classStruct:
		if fits = i.typ == cmproc.DatumMap; fits {
			return u.structure(v, s, int(i.bits), depth+1)
		}
	}
	if !fits {
		return mismatch(i, s.typ)
	}
	return nil
}

// float is what a float can be without losing anything.
func (i item) float() (v float64, exact bool) {
	switch i.typ {
	case cmproc.DatumFloat:
		return math.Float64frombits(i.bits), true
	case cmproc.DatumInt:
		v = float64(int64(i.bits))
		return v, v < math.MaxInt64 && int64(v) == int64(i.bits)
	case cmproc.DatumUint:
		v = float64(i.bits)
		return v, v < math.MaxUint64 && uint64(v) == i.bits
	}
	return 0, false
}

// ahead bounds memory that is reserved because of a number that was read.
const ahead = 1024

func (u *unpacker) list(v reflect.Value, s *shape, n, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	if s.class == classSlice {
		v.Set(reflect.MakeSlice(s.typ, 0, min(n, ahead)))
	}
	for at := range n {
		i, err := u.next()
		if err != nil {
			return err
		}
		if s.class == classSlice {
			if at == v.Cap() {
				v.Grow(1)
			}
			v.SetLen(at + 1)
			v.Index(at).SetZero()
		}
		if err := u.into(v.Index(at), i, depth); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) mapping(v reflect.Value, n, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	t := v.Type()
	v.Set(reflect.MakeMapWithSize(t, min(n, ahead)))
	for range n {
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		i, err := u.next()
		if err != nil {
			return err
		}
		if shapeOf(t.Key()).class == classAny {
			k, err := u.key(i, depth)
			if err != nil {
				return err
			}
			if k != nil {
				key.Set(reflect.ValueOf(k))
			}
		} else if err := u.into(key, i, depth); err != nil {
			return err
		}
		if !key.Comparable() {
			return mismatch(i, t.Key())
		}
		if i, err = u.next(); err != nil {
			return err
		}
		if err := u.into(value, i, depth); err != nil {
			return err
		}
		v.SetMapIndex(key, value)
	}
	return nil
}

func (u *unpacker) structure(v reflect.Value, s *shape, n, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	v.SetZero()
	for range n {
		key, err := u.next()
		if err != nil {
			return err
		}
		if err := u.skip(key, depth); err != nil {
			return err
		}
		i, err := u.next()
		if err != nil {
			return err
		}
		f, known := s.names[string(key.data)]
		if !known || key.typ != cmproc.DatumStr {
			err = u.skip(i, depth)
		} else {
			err = u.into(v.FieldByIndex(s.fields[f].index), i, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// packed gives the rest of an item as it stands.
func (u *unpacker) packed(i item, depth int) (Packed, error) {
	if i.from == nil {
		var p packer
		err := p.item(i)
		return Packed(p.buf), err
	}
	if err := u.skip(i, depth); err != nil {
		return "", err
	}
	return Packed(i.from[:len(i.from)-len(u.b)]), nil
}

// key is any for keys of maps: something comparable.
func (u *unpacker) key(i item, depth int) (any, error) {
	switch i.typ {
	case cmproc.DatumBytes:
		return Bytes(i.data), nil
	case cmproc.DatumList, cmproc.DatumMap:
		return u.packed(i, depth)
	}
	return u.any(i, depth)
}

// any gives the rest of an item in the types that [Unpack] says.
func (u *unpacker) any(i item, depth int) (any, error) {
	switch i.typ {
	case cmproc.DatumNil:
		return nil, nil
	case cmproc.DatumBool:
		return i.bits != 0, nil
	case cmproc.DatumInt:
		return int64(i.bits), nil
	case cmproc.DatumUint:
		return i.bits, nil
	case cmproc.DatumFloat:
		return math.Float64frombits(i.bits), nil
	case cmproc.DatumStr:
		return string(i.data), nil
	case cmproc.DatumBytes:
		return append(make([]byte, 0, len(i.data)), i.data...), nil
	case cmproc.DatumRef:
		return unpackRef(i.data)
	case cmproc.DatumList:
		all := make([]any, 0, min(i.bits, ahead))
		if depth++; depth > maxDepth {
			return nil, errTooDeep
		}
		for range i.bits {
			one, err := u.next()
			if err != nil {
				return nil, err
			}
			x, err := u.any(one, depth)
			if err != nil {
				return nil, err
			}
			all = append(all, x)
		}
		return all, nil
	case cmproc.DatumMap:
		return u.anyMap(i, depth+1)
	}
	return nil, mismatch(i, reflect.TypeFor[any]())
}

func (u *unpacker) anyMap(i item, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	texts := make(map[string]any, min(i.bits, ahead))
	var mixed map[any]any
	for range i.bits {
		one, err := u.next()
		if err != nil {
			return nil, err
		}
		key, err := u.key(one, depth)
		if err != nil {
			return nil, err
		}
		if one, err = u.next(); err != nil {
			return nil, err
		}
		x, err := u.any(one, depth)
		if err != nil {
			return nil, err
		}
		text, isText := key.(string)
		if mixed == nil && isText {
			texts[text] = x
			continue
		}
		if mixed == nil {
			mixed = make(map[any]any, len(texts)+1)
			for k, v := range texts {
				mixed[k] = v
			}
		}
		mixed[key] = x
	}
	if mixed != nil {
		return mixed, nil
	}
	return texts, nil
}
