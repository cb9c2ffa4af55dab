package mproc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/libmproc/libmproc/bindings/go/internal/ctest"
)

// build has the C library's builder make a value, which has the types that Unpack[any] gives and no references.
func build(b *ctest.Builder, value any) {
	switch v := value.(type) {
	case nil:
		b.Nil()
	case bool:
		b.Bool(v)
	case int64:
		b.Int(v)
	case uint64:
		b.Uint(v)
	case float64:
		b.Float(v)
	case string:
		b.Text(v)
	case []byte:
		b.Bytes(v)
	case Bytes:
		b.Bytes([]byte(v))
	case []any:
		b.BeginList()
		for _, one := range v {
			build(b, one)
		}
		b.End()
	case pairs:
		b.BeginMap()
		for _, p := range v {
			build(b, p.Key)
			build(b, p.Value)
		}
		b.End()
	default:
		panic(fmt.Sprintf("%T", v))
	}
}

// pairs are a map in the order in which this package writes it.
type pairs []Item[any, any]

func (p pairs) asMap() map[any]any {
	m := make(map[any]any)
	for _, i := range p {
		m[i.Key] = inMaps(i.Value)
	}
	return m
}

// inMaps has maps instead of pairs.
func inMaps(value any) any {
	switch v := value.(type) {
	case pairs:
		return v.asMap()
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = inMaps(v[i])
		}
		return all
	}
	return value
}

var (
	ints = []int64{0, 1, 31, 32, 127, 128, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, math.MaxInt64,
		-1, -31, -32, -33, -127, -128, -129, -32768, -32769, -1 << 31, -1<<31 - 1, math.MinInt64}
	floats = []float64{0, math.Copysign(0, -1), 1, -1.5, math.Inf(1), math.Inf(-1), math.MaxFloat64,
		math.SmallestNonzeroFloat64, math.NaN(), math.Float64frombits(0xfff8000000000001), 0.1}
	lengths = []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536}
)

// samples are values of every type, and of every length of header.
func samples() []any {
	all := []any{nil, true, false, uint64(math.MaxInt64 + 1), uint64(math.MaxUint64), pairs{}, []any{}}
	for _, i := range ints {
		all = append(all, i)
	}
	for _, f := range floats {
		all = append(all, f)
	}
	for _, n := range lengths {
		all = append(all, strings.Repeat("x", n), make([]byte, n), make([]any, n))
		if n <= 256 {
			var p pairs
			for i := range n {
				p = append(p, Item[any, any]{fmt.Sprintf("%05d", i), int64(i)})
			}
			all = append(all, p)
		}
	}
	return append(all, "grüß dich", "with\x00NUL", []any{nil, []any{int64(1), "two", pairs{{"k", []any{3.0}}}}})
}

// random is a value with so many levels at most.
func random(r *rand.Rand, levels int) any {
	kinds := 10
	if levels == 0 {
		kinds = 7
	}
	switch r.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return int64(r.Uint64() >> r.IntN(64) * uint64(1-2*r.IntN(2)))
	case 3:
		return uint64(1)<<63 | r.Uint64()
	case 4:
		return math.Float64frombits(r.Uint64())
	case 5:
		return strings.Repeat("ä", r.IntN(40))
	case 6:
		return make([]byte, r.IntN(300))
	case 7:
		all := []any{}
		for range r.IntN(20) {
			all = append(all, random(r, levels-1))
		}
		return all
	default:
		p := pairs{}
		for i := range r.IntN(20) {
			p = append(p, Item[any, any]{fmt.Sprintf("key%02d", i), random(r, levels-1)})
		}
		return p
	}
}

// equal says whether two values are, not-a-numbers included.
func equal(a, b any) bool {
	x, errX := Pack(a)
	y, errY := Pack(b)
	return errX == nil && errY == nil && x == y
}

func TestPackDoesAsC(t *testing.T) {
	watch(t)
	all := samples()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		all = append(all, random(r, 4))
	}
	for _, value := range all {
		b := ctest.NewBuilder()
		build(b, value)
		want, status := b.Encode()
		if status < 0 {
			t.Fatalf("C refuses %.100v: %v", value, Status(status))
		}
		have, err := Pack(inMaps(value))
		must(t, err)
		if !bytes.Equal([]byte(have), want) {
			t.Fatalf("%.200v is\n%.200x, in C\n%.200x", value, have, want)
		}
		back, err := Unpack[any](have)
		must(t, err)
		if again, err := Pack(back); err != nil || again != have {
			t.Fatalf("%.200v comes back as %.200v (%v)", value, back, err)
		}
		as, err := Unpack[Packed](have)
		must(t, err)
		got(t, have)(as, nil)
		got(t, have)(Pack(as))
	}
}

// agrees holds what this package thinks of an encoding against what C thinks of it.
func agrees(t testing.TB, packed []byte) {
	t.Helper()
	if len(packed) == 0 {
		return // here that is nil
	}
	canonical, status := ctest.Canonical(packed)
	mine, err := Pack(Packed(packed))
	if (status >= 0) != (err == nil) {
		t.Fatalf("%.100x: C says %v, Go says %v", packed, Status(status), err)
	}
	if err != nil {
		return
	}
	if !bytes.Equal([]byte(mine), canonical) {
		t.Fatalf("%.100x is\n%.100x, in C\n%.100x", packed, mine, canonical)
	}
	value, err := Unpack[any](Packed(packed))
	if err != nil {
		t.Fatalf("%.100x: %v", packed, err)
	}
	if _, isMap := value.(map[any]any); isMap {
		return // of keys that come twice one is left
	}
	reflect.DeepEqual(value, value) // walks through all of it
}

func TestEveryEncodingIsReadAsInC(t *testing.T) {
	watch(t)
	for a := range 256 {
		agrees(t, []byte{byte(a)})
		for b := range 256 {
			agrees(t, []byte{byte(a), byte(b)})
		}
	}
	for _, packed := range []string{
		"\xcc\x01", "\xcd\x00\x01", "\xce\x00\x00\x00\x01", "\xcf\x00\x00\x00\x00\x00\x00\x00\x01", // long forms of 1
		"\xd0\x01", "\xd1\x00\x01", "\xd2\x00\x00\x00\x01", "\xd3\x00\x00\x00\x00\x00\x00\x00\x01",
		"\xd1\xff\xff", "\xd3\xff\xff\xff\xff\xff\xff\xff\xff", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
		"\xca\x3f\x80\x00\x00", "\xca\x7f\xc0\x00\x01", "\xcb\xff\xf8\x00\x00\x00\x00\x00\x07",
		"\xd9\x01a", "\xda\x00\x01a", "\xdb\x00\x00\x00\x01a", "\xc5\x00\x01a", "\xc6\x00\x00\x00\x01a",
		"\xdc\x00\x01\xc0", "\xdd\x00\x00\x00\x01\xc0", "\xde\x00\x01\xc0\xc0", "\xdf\x00\x00\x00\x01\xc0\xc0",
		"\x82\x01\x02\x01\x03", "\x81\x91\x01\x02", "\x81\x80\x02", "\x81\xc4\x01a\x02", // keys twice, of any type
		"\xa1\xff", "\xd9\x02\xc3\x28", "\xc1", "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff\xc0",
		"\xdb\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff", "\xc9\xff\xff\xff\xff\x01", "\xd4\x05\x00",
		strings.Repeat("\x91", 63) + "\xc0", strings.Repeat("\x91", 64) + "\xc0", strings.Repeat("\x91", 65) + "\xc0",
		strings.Repeat("\x81\xc0", 64) + "\xc0", strings.Repeat("\x81\xc0", 65) + "\xc0",
		strings.Repeat("\x81", 64) + strings.Repeat("\xc0", 65), strings.Repeat("\x91", 100000) + "\xc0",
	} {
		agrees(t, []byte(packed))
	}
	var seeds [][]byte
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		packed, err := Pack(inMaps(random(r, 3)))
		must(t, err)
		seeds = append(seeds, []byte(packed))
	}
	for range 20000 {
		bad := bytes.Clone(seeds[r.IntN(len(seeds))])
		for range 1 + r.IntN(3) {
			switch at := r.IntN(len(bad)); r.IntN(3) {
			case 0:
				bad[at] = byte(r.Uint32())
			case 1:
				bad[at] ^= 1 << r.IntN(8)
			default:
				bad = append(bad[:at], byte(0xc0|r.IntN(64)))
			}
		}
		agrees(t, bad)
	}
}

func FuzzUnpack(f *testing.F) {
	for _, value := range samples() {
		packed, err := Pack(inMaps(value))
		must(f, err)
		if len(packed) < 1000 { // long ones make the fuzzer slow
			f.Add([]byte(packed))
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		agrees(t, packed)
		second(Unpack[allKinds](Packed(packed)))
		second(Unpack[map[string][]allKinds](Packed(packed)))
	})
}

type inner struct{ X, Y int32 }

type allKinds struct {
	Bool    bool
	Int     int `mproc:"n"`
	Small   int8
	Uint    uint64
	Float   float64
	Half    float32
	Text    string
	Raw     []byte
	Same    Bytes
	ID      [4]byte
	List    []string
	Pair    [2]int16
	Map     map[string]inner
	Numbers map[int]bool
	Pointer *inner
	None    *inner
	Any     any
	When    time.Time
	Left    Packed
	To      Ref
	Secret  string `mproc:"-"`
	hidden  int
	inner
}

func sample() allKinds {
	return allKinds{
		Bool: true, Int: -5, Small: 7, Uint: math.MaxUint64, Float: 0.1, Half: 0.5, Text: "t", Raw: []byte{0}, Same: "s",
		ID: [4]byte{1, 2, 3, 4}, List: []string{"a", ""}, Pair: [2]int16{-1, 1},
		Map: map[string]inner{"b": {1, 2}, "a": {3, 4}}, Numbers: map[int]bool{2: true, -1: false},
		Pointer: &inner{5, 6}, Any: []any{nil, int64(1), "x"}, When: time.Unix(1e9, 5).UTC(), Left: "\x93\x01\x02\x03",
		To: NamedRef(KindQueue, "jobs"), inner: inner{7, 8},
	}
}

func TestStructs(t *testing.T) {
	watch(t)
	want := sample()
	want.Secret, want.hidden = "not shared", 9
	packed, err := Pack(want)
	must(t, err)
	have, err := Unpack[allKinds](packed)
	must(t, err)
	want.Secret, want.hidden = "", 0
	if !reflect.DeepEqual(have, want) {
		t.Errorf("got %+v\nwant %+v", have, want)
	}
	fields, err := Unpack[map[string]any](packed)
	must(t, err)
	for name, value := range map[string]any{"n": int64(-5), "X": int64(7), "Raw": []byte{0}, "None": nil,
		"When": "2001-09-09T01:46:40.000000005Z", "To": NamedRef(KindQueue, "jobs")} {
		if is, ok := fields[name]; !ok || !reflect.DeepEqual(is, value) {
			t.Errorf("%s is %#v, want %#v", name, is, value)
		}
	}
	for _, name := range []string{"Int", "Secret", "hidden", "inner"} {
		if _, ok := fields[name]; ok {
			t.Errorf("%s is there", name)
		}
	}
	// Other fields are left out, missing ones zero; also in any order.
	part, err := Unpack[inner](packed)
	must(t, err)
	got(t, inner{7, 8})(part, nil)
	got(t, inner{Y: 1})(Unpack[inner]("\x82\xa1Z\x91\x91\x05\xa1Y\x01"))
	// A pointer, and an interface, are what they lead to.
	p := &want
	var in any = &p
	for range 2 {
		got(t, packed)(Pack(in))
		in = []any{in}[0]
	}
	type bothNamed struct {
		A int `mproc:"x"`
		B int `mproc:"x"`
	}
	type loop *loop
	type channel struct{ C chan int }
	type secret struct{ a, b int }
	for _, bad := range []any{
		bothNamed{}, make(chan int), func() {}, 1i, []any{channel{}}, secret{}, "\xff", []string{"\xff"}, Packed("\x01\x02"), Packed("\x91"), NewDict(), []any{NewList()}, (*Dict[string, int])(nil)} {
		if packed, err := Pack(bad); err == nil {
			t.Errorf("%T became %x", bad, packed)
		}
	}
	for _, err := range []error{
		second(shapeFor[bothNamed](false)), second(shapeFor[channel](false)), second(shapeFor[secret](false)),
		second(shapeFor[map[string]*func()](false)), second(shapeFor[fmt.Stringer](false)),
		second(shapeFor[[]*List[int]](false)), second(shapeFor[complex64](false)), second(shapeFor[uintptr](false)),
		second(shapeFor[inner](true)), second(shapeFor[*int](true)), second(shapeFor[Ref](true)),
	} {
		fails(t, err, ErrType)
	}
	type node struct {
		Next *node
		All  []node
	}
	must(t, second(shapeFor[node](false)))
	got(t, "\x82\xa4Next\x82\xa4Next\xc0\xa3All\xc0\xa3All\xc0")(func() (string, error) {
		packed, err := Pack(node{Next: &node{}})
		return string(packed), err
	}())
	circle := &node{}
	circle.Next = circle
	fails(t, second(Pack(circle)), ErrInvalid)
	var endless loop
	endless = &endless
	fails(t, second(Pack(endless)), ErrInvalid)
	fails(t, second(Unpack[loop]("\x01")), ErrInvalid)
}

func TestWhatFits(t *testing.T) {
	watch(t)
	packed := func(v any) Packed {
		p, err := Pack(v)
		must(t, err)
		return p
	}
	got(t, 3.0)(Unpack[float64](packed(3)))
	got(t, float64(1<<53))(Unpack[float64](packed(1 << 53)))
	got(t, 0x1p63)(Unpack[float64](packed(uint64(1 << 63))))
	got(t, uint8(255))(Unpack[uint8](packed(int64(255))))
	got(t, int8(-128))(Unpack[int8](packed(-128)))
	got(t, [2]bool{true, false})(Unpack[[2]bool](packed([]bool{true, false})))
	got(t, Bytes("x"))(Unpack[Bytes](packed([]byte("x"))))
	got[any](t, uint64(math.MaxUint64))(Unpack[any](packed(uint64(math.MaxUint64))))
	type text string
	got(t, text("x"))(Unpack[text](packed("x")))
	got(t, Packed("\xc0"))(Pack(Packed("")))
	got(t, Packed("\xc0"))(Pack(Ref{}))
	got(t, Ref{})(Unpack[Ref]("\xc0"))
	for _, err := range []error{
		second(Unpack[int8](packed(128))), second(Unpack[int8](packed(-129))), second(Unpack[uint16](packed(-1))),
		second(Unpack[uint16](packed(65536))), second(Unpack[int64](packed(uint64(1 << 63)))),
		second(Unpack[int](packed(1.0))), second(Unpack[float64](packed(1<<53 + 1))),
		second(Unpack[float64](packed(math.MaxInt64))), second(Unpack[float64](packed(uint64(math.MaxUint64)))),
		second(Unpack[float32](packed(1e300))), second(Unpack[bool](packed(1))), second(Unpack[int](packed(true))),
		second(Unpack[string](packed([]byte("x")))), second(Unpack[[]byte](packed("x"))),
		second(Unpack[Bytes](packed("x"))), second(Unpack[int](packed(nil))), second(Unpack[string](packed(nil))),
		second(Unpack[inner](packed(nil))), second(Unpack[[2]bool](packed([]bool{true}))),
		second(Unpack[[2]byte](packed([]byte("x")))), second(Unpack[[]int](packed(map[string]int{}))),
		second(Unpack[map[string]int](packed([]int{}))), second(Unpack[map[string]int](packed(map[int]int{1: 1}))),
		second(Unpack[[]int](packed([]any{1, "2"}))), second(Unpack[Ref](packed(1))), second(Unpack[time.Time](packed(1))),
		second(Unpack[chan int](packed(1))),
	} {
		fails(t, err, ErrType)
	}
	for _, of := range []func() (bool, error){
		func() (bool, error) { v, err := Unpack[*int](packed(nil)); return v == nil, err },
		func() (bool, error) { v, err := Unpack[[]byte](packed(nil)); return v == nil, err },
		func() (bool, error) { v, err := Unpack[[]int](packed(nil)); return v == nil, err },
		func() (bool, error) { v, err := Unpack[map[int]int](packed(nil)); return v == nil, err },
		func() (bool, error) { v, err := Unpack[any](packed(nil)); return v == nil, err },
		func() (bool, error) { v, err := Unpack[float64](packed(math.NaN())); return v != v, err },
		func() (bool, error) {
			v, err := Unpack[any]("\x83\x01\x02\xc4\x01x\x03\x91\x05\x06")
			return reflect.DeepEqual(v, map[any]any{int64(1): int64(2), Bytes("x"): int64(3), Packed("\x91\x05"): int64(6)}), err
		},
		func() (bool, error) {
			v, err := Unpack[any]("\x81\xa1a\x80")
			return reflect.DeepEqual(v, map[string]any{"a": map[string]any{}}), err
		},
	} {
		got(t, true)(of())
	}
	fails(t, second(Unpack[int]("")), ErrInvalid)
	fails(t, second(Unpack[int]("\x01\x01")), ErrInvalid)
	fails(t, second(Unpack[time.Time](packed("yesterday"))))
	if second(Unpack[time.Time](packed("yesterday"))) == nil {
		t.Error("yesterday is a time")
	}
	// Equal maps are equal bytes.
	many := make(map[string]int)
	for i := range 100 {
		many[fmt.Sprint(i)] = i
	}
	for range 10 {
		got(t, packed(many))(packed(many), nil)
	}
}

func TestJSON(t *testing.T) {
	watch(t)
	for _, value := range []any{
		nil, true, int64(-5), uint64(math.MaxUint64), 1.0, 0.1, math.Inf(-1), math.NaN(), "ä\x00\n", []byte{0, 255}, []any{}, []any{int64(1), "two"}, map[string]any{"a": []any{nil}}, NamedRef(KindQueue, "jobs"),
		map[any]any{int64(1): "one", Bytes("b"): 2.5}, map[string]any{"$bytes": "no bytes"}} {
		text, err := ToJSON(value, false)
		must(t, err)
		back, err := FromJSON[any](text)
		must(t, err)
		if !equal(back, value) {
			t.Errorf("%#v comes back from %s as %#v", value, text, back)
		}
		pretty, err := ToJSON(value, true)
		must(t, err)
		back, err = FromJSON[any](pretty)
		must(t, err)
		if !equal(back, value) {
			t.Errorf("%#v comes back from %s as %#v", value, pretty, back)
		}
	}
	got(t, `{"X":1,"Y":2}`)(ToJSON(inner{1, 2}, false))
	got(t, inner{1, 2})(FromJSON[inner](` {"Y": 2, "X": 1} `))
	got(t, `"`+strings.Repeat(`\u0001`, 1000)+`"`)(ToJSON(strings.Repeat("\x01", 1000), false))
	for _, bad := range []string{"", "{", "[1,]", "nul", "1 2", `{"$bytes": "!"}`, strings.Repeat("[", 65)} {
		fails(t, second(FromJSON[any](bad)), ErrInvalid)
	}
	fails(t, second(FromJSON[int](`"x"`)), ErrType)
	fails(t, second(ToJSON(make(chan int), false)), ErrType)
}

func TestRefsSaySo(t *testing.T) {
	for r, want := range map[Ref]string{NewDict(): "new dict", NewList(): "new list", NewNamespace(): "new namespace",
		NamedRef(KindLock, "l"): "lock l", {kind: KindList, arena: 10, place: 11}: "list b in arena a"} {
		got(t, want)(r.String(), nil)
	}
	r := NamedRef(KindLock, "l")
	got(t, KindLock)(r.Kind(), nil)
	got(t, "l")(r.Name(), nil)
	fails(t, second(FollowList[int](new(List[int]), r)), ErrType)
	fails(t, second(FollowDict[int, int](new(List[int]), NewDict())), ErrInvalid)
	if err := second(Unpack[Ref]("\xd4\x01\x00")); !errors.Is(err, ErrInvalid) {
		t.Errorf("a broken reference: %v", err)
	}
}
