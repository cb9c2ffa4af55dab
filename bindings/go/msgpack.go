package mproc

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// The encoding of datums: MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), written in the one form
// that the C library calls canonical: the shortest header, integers that are not negative as unsigned, floats as 64
// bits, one not-a-number. Read is every form.

// maxDepth is the deepest nesting: a list of scalars has depth 1.
const maxDepth = 64

// The one not-a-number.
const canonicalNaN = 0x7ff8000000000000

func appendNil(b []byte) []byte { return append(b, 0xc0) }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0xc3)
	}
	return append(b, 0xc2)
}

func appendUint(b []byte, v uint64) []byte {
	switch {
	case v < 0x80:
		return append(b, byte(v))
	case v <= math.MaxUint8:
		return append(b, 0xcc, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), v)
}

func appendInt(b []byte, v int64) []byte {
	switch {
	case v >= 0:
		return appendUint(b, uint64(v))
	case v >= -32:
		return append(b, byte(v))
	case v >= math.MinInt8:
		return append(b, 0xd0, byte(v))
	case v >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(v))
	case v >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(v))
}

func appendFloat(b []byte, v float64) []byte {
	bits := math.Float64bits(v)
	if v != v {
		bits = canonicalNaN
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcb), bits)
}

// appendSized is a header with a length in the shortest of its forms: in the first byte below `few`, else in 8, 16 or
// 32 bits behind the byte given; a byte of 0 means that there is no such form.
func appendSized(b []byte, n int, few int, in0, in8, in16, in32 byte) ([]byte, error) {
	switch {
	case n < few:
		return append(b, in0|byte(n)), nil
	case n <= math.MaxUint8 && in8 != 0:
		return append(b, in8, byte(n)), nil
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, in16), uint16(n)), nil
	case uint64(n) <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, in32), uint32(n)), nil
	}
	return b, refuse(ErrTooBig, "%d bytes or elements are more than an encoding can hold", n)
}

func appendListHeader(b []byte, n int) ([]byte, error) {
	return appendSized(b, n, 16, 0x90, 0, 0xdc, 0xdd)
}
func appendMapHeader(b []byte, n int) ([]byte, error) {
	return appendSized(b, n, 16, 0x80, 0, 0xde, 0xdf)
}

func appendString(b []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return b, refuse(ErrInvalid, "a string is not valid UTF-8: use []byte or Bytes for bytes")
	}
	b, err := appendSized(b, len(s), 32, 0xa0, 0xd9, 0xda, 0xdb)
	if err != nil {
		return b, err
	}
	return append(b, s...), nil
}

func appendBytes[B []byte | string](b []byte, s B) ([]byte, error) {
	b, err := appendSized(b, len(s), 0, 0, 0xc4, 0xc5, 0xc6)
	if err != nil {
		return b, err
	}
	return append(b, s...), nil
}

// item is a datum without what is inside it.
type item struct {
	typ  int32  // cmproc.DatumNil ...
	bits uint64 // of a scalar; how many elements a list, or pairs a map, has
	data []byte // of a string or bytes; of a reference the whole encoding
	from []byte // the encoding from its first byte on; nil if this is not from an encoding
}

// unpacker reads an encoding. It believes nothing: a length may come from anybody.
type unpacker struct{ b []byte }

var errCutShort error = refuse(ErrInvalid, "the encoding is cut short")

func (u *unpacker) take(n uint64) ([]byte, error) {
	if n > uint64(len(u.b)) {
		return nil, errCutShort
	}
	taken := u.b[:n:n]
	u.b = u.b[n:]
	return taken, nil
}

// number reads an integer of so many bytes.
func (u *unpacker) number(bytes int) (v uint64, err error) {
	b, err := u.take(uint64(bytes))
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, err
}

// next reads one datum, of a list or map the header.
func (u *unpacker) next() (item, error) {
	from := u.b
	i, err := u.read(from)
	i.from = from
	return i, err
}

func (u *unpacker) read(whole []byte) (item, error) {
	head, err := u.number(1)
	if err != nil {
		return item{}, err
	}
	switch {
	case head < 0x80:
		return item{typ: cmproc.DatumInt, bits: head}, nil
	case head < 0x90:
		return u.holds(cmproc.DatumMap, head&0xf)
	case head < 0xa0:
		return u.holds(cmproc.DatumList, head&0xf)
	case head < 0xc0:
		return u.text(cmproc.DatumStr, head&0x1f)
	case head >= 0xe0:
		return item{typ: cmproc.DatumInt, bits: uint64(int64(int8(head)))}, nil
	}
	switch head {
	case 0xc0:
		return item{typ: cmproc.DatumNil}, nil
	case 0xc2, 0xc3:
		return item{typ: cmproc.DatumBool, bits: head & 1}, nil
	case 0xca:
		v, err := u.number(4)
		return item{typ: cmproc.DatumFloat, bits: math.Float64bits(float64(math.Float32frombits(uint32(v))))}, err
	case 0xcb:
		v, err := u.number(8)
		return item{typ: cmproc.DatumFloat, bits: v}, err
	case 0xcc, 0xcd, 0xce, 0xcf:
		v, err := u.number(1 << (head - 0xcc))
		if v > math.MaxInt64 {
			return item{typ: cmproc.DatumUint, bits: v}, err
		}
		return item{typ: cmproc.DatumInt, bits: v}, err
	case 0xd0, 0xd1, 0xd2, 0xd3:
		size := 1 << (head - 0xd0)
		v, err := u.number(size)
		shift := 64 - 8*size
		return item{typ: cmproc.DatumInt, bits: uint64(int64(v<<shift) >> shift)}, err
	case 0xc4, 0xc5, 0xc6:
		return u.sized(cmproc.DatumBytes, 1<<(head-0xc4))
	case 0xd9, 0xda, 0xdb:
		return u.sized(cmproc.DatumStr, 1<<(head-0xd9))
	case 0xdc, 0xdd:
		n, err := u.number(2 << (head - 0xdc))
		if err != nil {
			return item{}, err
		}
		return u.holds(cmproc.DatumList, n)
	case 0xde, 0xdf:
		n, err := u.number(2 << (head - 0xde))
		if err != nil {
			return item{}, err
		}
		return u.holds(cmproc.DatumMap, n)
	case 0xc7, 0xc8, 0xc9:
		n, err := u.number(1 << (head - 0xc7))
		if err != nil {
			return item{}, err
		}
		return u.reference(whole, n)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return u.reference(whole, 1<<(head-0xd4))
	}
	return item{}, refuse(ErrInvalid, "no encoding begins with %#x", head)
}

func (u *unpacker) sized(typ int32, bytes int) (item, error) {
	n, err := u.number(bytes)
	if err != nil {
		return item{}, err
	}
	return u.text(typ, n)
}

func (u *unpacker) text(typ int32, n uint64) (item, error) {
	data, err := u.take(n)
	if err == nil && typ == cmproc.DatumStr && !utf8.Valid(data) {
		err = refuse(ErrInvalid, "a string is not valid UTF-8")
	}
	return item{typ: typ, data: data}, err
}

// holds says how many elements or pairs follow: each has a byte at least, so memory may be sized by the number.
func (u *unpacker) holds(typ int32, n uint64) (item, error) {
	least := n
	if typ == cmproc.DatumMap {
		least = 2 * n
	}
	if least > uint64(len(u.b)) {
		return item{}, errCutShort
	}
	return item{typ: typ, bits: n}, nil
}

// reference reads an extension: its type, and n bytes. What it says is the C library's business.
func (u *unpacker) reference(whole []byte, n uint64) (item, error) {
	if _, err := u.take(1 + n); err != nil {
		return item{}, err
	}
	return item{typ: cmproc.DatumRef, data: whole[:len(whole)-len(u.b)]}, nil
}

// skip passes over what is inside an item that next has given; depth is how deep the item itself is.
func (u *unpacker) skip(i item, depth int) error {
	n := i.bits
	switch i.typ {
	case cmproc.DatumMap:
		n *= 2
	case cmproc.DatumList:
	default:
		return nil
	}
	if depth++; depth > maxDepth {
		return errTooDeep
	}
	for range n {
		inner, err := u.next()
		if err != nil {
			return err
		}
		if err := u.skip(inner, depth); err != nil {
			return err
		}
	}
	return nil
}

var errTooDeep error = refuse(ErrInvalid, "more than %d lists and maps are inside each other", maxDepth)
