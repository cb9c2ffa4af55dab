package mproc

import (
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// ToJSON writes a value as JSON: anything that [Pack] takes, by the same rules; or a *[Dict], *[List] or *[Namespace]
// with everything inside it, as it was at one moment. What JSON does not have is written as the C library does, so that
// [FromJSON] gives it back: bytes as {"$bytes": "base64"}, floats that are not finite as {"$float": "nan"}, maps with
// keys that are not strings as {"$map": [[key, value], ...]}, references as {"$ref": {...}}.
func ToJSON(value any, indent bool) (string, error) {
	var packed Packed
	var err error
	if c, ok := value.(interface {
		Copy(deep bool) (Packed, error)
	}); ok {
		packed, err = c.Copy(true)
	} else {
		packed, err = Pack(value)
	}
	if err != nil {
		return "", err
	}
	var in input
	defer in.done()
	if err := in.encoded([]byte(packed)); err != nil {
		return "", err
	}
	flags, buf := bit(indent, cmproc.JSONPretty), make([]byte, 2*len(packed)+64)
	for {
		var n uintptr
		var e cmproc.Error
		switch status := cmproc.DatumToJSON(&in.c, in.data, flags, buf, &n, &e); {
		case status >= 0:
			return string(buf[:n-1]), nil
		case status != cmproc.EMSGSIZE || int(n) <= len(buf):
			return "", failure(status, &e)
		}
		buf = make([]byte, n)
	}
}

// FromJSON reads JSON into a T, by the rules of [Unpack]; numbers with a point or an exponent are floats. What
// [ToJSON] wrote for things that JSON does not have becomes these again.
func FromJSON[T any](text string) (value T, err error) {
	var b cmproc.Built
	var e cmproc.Error
	if status := cmproc.FromJSON([]byte(text), &b, &e); status < 0 {
		return value, failure(status, &e)
	}
	defer b.Close()
	o := output{c: b.Datum, data: unsafe.Slice((*byte)(b.Data), b.Datum.Len)}
	return indirectly[T](&o, false)
}
