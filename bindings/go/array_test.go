package mproc

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/ctest"
)

func TestArrayOfEveryScalar(t *testing.T) {
	d, _ := newDomain(t)
	scalars(t, d, int8(math.MinInt8), math.MaxInt8, -1, 0, 5)
	scalars(t, d, uint8(math.MaxUint8), 1, 0, 7, 9)
	scalars(t, d, int16(math.MinInt16), math.MaxInt16, -1, 4, 1)
	scalars(t, d, uint16(math.MaxUint16), 1, 0)
	scalars(t, d, int32(math.MinInt32), math.MaxInt32, -1)
	scalars(t, d, uint32(math.MaxUint32), 1, 0)
	scalars(t, d, int64(math.MinInt64), math.MaxInt64, -1)
	scalars(t, d, uint64(math.MaxUint64), 1, 0)
	scalars(t, d, float32(3.1415927), -1.5, 0)
	scalars(t, d, 3.1415927, math.Inf(-1), 0)
	scalars(t, d, true, false, true)
	scalars(t, d, Char8('x'), 0xff, 0)
	scalars(t, d, Char32('世'), 0x10ffff, 0)
	scalars(t, d, 1, 2, 3)
	scalars(t, d, point{X: 1, OK: true}, point{Tag: 3}, point{N: [3]int32{1, 2, 3}})
}

func scalars[T comparable](t *testing.T, d *Domain, values ...T) {
	t.Run(fmt.Sprintf("%T", values[0]), func(t *testing.T) {
		a := closing[*Array[T]](t)(CreateArray(d, "a", values, nil))
		b := closing[*Array[T]](t)(OpenArray[T](d, "a", nil))
		got(t, len(values))(b.Len(), nil)
		view, err := b.Slice()
		must(t, err)
		if !slices.Equal(view, values) {
			t.Fatalf("%v, want %v", view, values)
		}
		for i, x := range values {
			got(t, x)(b.Get(i))
			y := values[(i+1)%len(values)]
			must(t, a.Set(i, y))
			got(t, y)(view[i], nil)
			var c T
			if status := ctest.ArrayGet(a.h.res.raw, i, unsafe.Pointer(&c), unsafe.Sizeof(c)); status != 0 || c != y {
				t.Fatalf("C reads %v with status %d, want %v", c, status, y)
			}
			// The neighbours are as they were.
			for j := range values {
				if j != i {
					got(t, values[j])(b.Get(j))
				}
			}
			view[i] = x
			got(t, x)(a.Get(i))
		}
		reversed := slices.Clone(values)
		slices.Reverse(reversed)
		must(t, a.Write(0, reversed))
		copied := make([]T, len(values))
		must(t, b.Read(0, copied))
		if !slices.Equal(copied, reversed) {
			t.Fatalf("%v, want %v", copied, reversed)
		}
		must(t, a.View(func(s []T) error { s[0] = values[0]; return nil }))
		got(t, values[0])(b.Get(0))
	})
}

func TestArrayBounds(t *testing.T) {
	d, _ := newDomain(t)
	a := closing[*Array[int32]](t)(CreateArray(d, "a", []int32{0, 1, 2, 3}, nil))
	s := closing[*Array[point]](t)(CreateArray[point](d, "s", nil, &ArrayOptions{Shape: []int{2}}))
	for _, i := range []int{-1, 4, math.MaxInt, math.MinInt} {
		_, err := a.Get(i)
		fails(t, err, ErrRange)
		fails(t, a.Set(i, 1), ErrRange)
		_, err = s.Get(i)
		fails(t, err, ErrRange)
		fails(t, s.Set(i, point{}), ErrRange)
		fails(t, a.Read(i, make([]int32, 1)), ErrRange)
		fails(t, a.Write(i, make([]int32, 1)), ErrRange)
	}
	fails(t, a.Read(1, make([]int32, 4)), ErrRange)
	fails(t, a.Write(3, make([]int32, 2)), ErrRange)
	must(t, a.Read(4, nil))
	must(t, a.Write(0, nil))
	two := make([]int32, 2)
	must(t, a.Read(2, two))
	got(t, "[2 3]")(fmt.Sprint(two), nil)
	must(t, a.Write(1, []int32{10, 20}))
	must(t, a.View(func(all []int32) error { got(t, "[0 10 20 3]")(fmt.Sprint(all), nil); return nil }))
}

func TestShape(t *testing.T) { everywhere(t, testShape) }

func testShape(t *testing.T, d *Domain) {
	m := closing[*Array[int64]](t)(CreateArray(d, "m", []int64{1, 2, 3, 4, 5, 6, 7}, &ArrayOptions{Shape: []int{2, 3, 4}}))
	n := closing[*Array[int64]](t)(OpenArray[int64](d, "m", &ArrayOptions{Shape: []int{2, 3, 4}}))
	got(t, 24)(n.Len(), nil)
	got(t, "[2 3 4]")(fmt.Sprint(n.Shape()), nil)
	n.Shape()[0] = 99 // a copy
	want := 0
	for i := range 2 {
		for j := range 3 {
			for k := range 4 {
				got(t, want)(n.Index(i, j, k))
				want++
			}
		}
	}
	flat, err := m.Index(0, 1, 2)
	must(t, err)
	got(t, int64(7))(m.Get(flat))
	got(t, int64(0))(m.Get(flat + 1)) // beyond the initial ones
	for _, bad := range [][]int{{0, 0}, {0, 0, 0, 0}, {}, {2, 0, 0}, {0, 3, 0}, {0, 0, 4}, {-1, 0, 0}} {
		_, err := m.Index(bad...)
		fails(t, err, ErrRange)
	}
	for _, other := range [][]int{{2, 3, 5}, {24}, {4, 3, 2}, {2, 3, 4, 1}} {
		_, err := OpenArray[int64](d, "m", &ArrayOptions{Shape: other})
		fails(t, err, ErrType)
	}
	for _, bad := range [][]int{{-1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {}, {math.MaxInt, math.MaxInt}} {
		_, err := CreateArray[int64](d, "bad", nil, &ArrayOptions{Shape: bad})
		fails(t, err, ErrInvalid)
	}
	_, err = CreateArray(d, "bad", []int64{1, 2}, &ArrayOptions{Shape: []int{1}})
	fails(t, err, ErrInvalid)
	_, err = CreateArray[byte](d, "bad", nil, &ArrayOptions{Shape: []int{1 << 50}})
	if err == nil {
		t.Fatal("2^50 bytes were promised")
	}

	eight := closing[*Array[byte]](t)(CreateArray[byte](d, "eight", nil, &ArrayOptions{Shape: []int{1, 2, 1, 2, 1, 2, 1, 2}}))
	got(t, 16)(eight.Len(), nil)
	got(t, 15)(eight.Index(0, 1, 0, 1, 0, 1, 0, 1))
}

func TestEmptyArray(t *testing.T) {
	d, _ := newDomain(t)
	a := closing[*Array[int16]](t)(CreateArray[int16](d, "a", nil, nil))
	got(t, 0)(a.Len(), nil)
	s, err := a.Slice()
	must(t, err)
	got(t, 0)(len(s), nil)
	_, err = a.Get(0)
	fails(t, err, ErrRange)
	must(t, a.Read(0, nil))
}

func TestArrayInfoAndLock(t *testing.T) {
	d, _ := newDomain(t)
	a := closing[*Array[point]](t)(CreateArray[point](d, "a", nil, &ArrayOptions{Shape: []int{3}}))
	info, err := a.Info()
	must(t, err)
	if info.Size != uint64(unsafe.Sizeof(point{})) || info.Schema == 0 || info.Persist {
		t.Errorf("%+v", info)
	}
	_, err = OpenArray[otherPoint](d, "a", nil)
	fails(t, err, ErrType)
	_, err = OpenValue[point](d, "a", nil)
	fails(t, err, ErrKind)
	_, err = CreateArray[point](d, "a", nil, &ArrayOptions{Shape: []int{3}})
	fails(t, err, ErrExist)
	again := closing[*Array[point]](t)(CreateArray[point](d, "a", nil, &ArrayOptions{Shape: []int{3}, ExistOK: true}))
	got(t, true)(again.Existed(), nil)
	lockable(t, a)
}

// 8- and 16-bit elements share words; what goroutines do to one must not disturb the next.
func TestNarrowNeighbours(t *testing.T) {
	d, _ := newDomain(t)
	neighbours[uint8](t, d)
	neighbours[int16](t, d)
}

func neighbours[T uint8 | int16](t *testing.T, d *Domain) {
	t.Run(fmt.Sprintf("%T", T(0)), func(t *testing.T) {
		const n = 5
		a := closing[*Array[T]](t)(CreateArray[T](d, "a", nil, &ArrayOptions{Shape: []int{n}}))
		var wg sync.WaitGroup
		for i := range n {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for k := range 5000 {
					want := T(k)
					if err := a.Set(i, want); err != nil {
						t.Error(err)
					}
					if have, err := a.Get(i); err != nil || have != want {
						t.Errorf("element %d is %d (%v), want %d", i, have, err, want)
						return
					}
				}
			}()
		}
		wg.Wait()
	})
}

func TestElementsDoNotAllocate(t *testing.T) {
	d, _ := newDomain(t)
	a := closing[*Array[int32]](t)(CreateArray(d, "a", []int32{1, 2, 3}, nil))
	s := closing[*Array[point]](t)(CreateArray[point](d, "s", nil, &ArrayOptions{Shape: []int{2}}))
	if n := testing.AllocsPerRun(100, func() {
		a.Set(1, 5)
		a.Get(1)
		s.Set(1, point{X: 1})
		s.Get(1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
