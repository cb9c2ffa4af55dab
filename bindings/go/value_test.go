package mproc

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
	"github.com/libmproc/libmproc/bindings/go/internal/ctest"
)

type (
	celsius float32
	colour  uint8
)

// Every scalar: what goes in comes out, whole, through Go and through C.
func TestScalars(t *testing.T) {
	d, _ := newDomain(t)
	scalar(t, d, cmproc.I8, int8(math.MinInt8), math.MaxInt8, -1, 0)
	scalar(t, d, cmproc.U8, uint8(math.MaxUint8), 1, 0)
	scalar(t, d, cmproc.I16, int16(math.MinInt16), math.MaxInt16, -1, 0)
	scalar(t, d, cmproc.U16, uint16(math.MaxUint16), 1, 0)
	scalar(t, d, cmproc.I32, int32(math.MinInt32), math.MaxInt32, -1, 0)
	scalar(t, d, cmproc.I32, 'ß', '世', 0)
	scalar(t, d, cmproc.U32, uint32(math.MaxUint32), 1, 0)
	scalar(t, d, cmproc.I64, int64(math.MinInt64), math.MaxInt64, -1, 0)
	scalar(t, d, cmproc.U64, uint64(math.MaxUint64), 1, 0)
	scalar(t, d, cmproc.F32, float32(3.1415927), math.MaxFloat32, -1.5, 0)
	scalar(t, d, cmproc.F64, 3.1415927, math.MaxFloat64, math.Inf(-1), 0)
	scalar(t, d, cmproc.Bool, true, false)
	scalar(t, d, cmproc.Char8, Char8('x'), 0xff)
	scalar(t, d, cmproc.Char32, Char32('世'), 0x10ffff)
	scalar(t, d, cmproc.F32, celsius(-273.15), 36.6)
	scalar(t, d, cmproc.U8, colour(7), 0)
	switch unsafe.Sizeof(0) {
	case 8:
		scalar(t, d, cmproc.I64, math.MinInt, math.MaxInt)
		scalar(t, d, cmproc.U64, uint(math.MaxUint), 0)
	case 4:
		scalar(t, d, cmproc.I32, math.MinInt, math.MaxInt)
		scalar(t, d, cmproc.U32, uint(math.MaxUint), 0)
	}
}

func scalar[T comparable](t *testing.T, d *Domain, code int32, values ...T) {
	t.Run(fmt.Sprintf("%T", values[0]), func(t *testing.T) {
		size := unsafe.Sizeof(values[0])
		v := closing[*Value[T]](t)(CreateValue(d, "v", values[0], nil))
		w := closing[*Value[T]](t)(OpenValue[T](d, "v", nil))
		var info cmproc.ValueInfo
		var e cmproc.Error
		must(t, check(cmproc.GetValueInfo(v.h.res.raw, &info, &e), &e))
		if info.Type != code || info.Size != uint64(size) {
			t.Fatalf("the library sees type %d of %d bytes, want %d of %d", info.Type, info.Size, code, size)
		}
		got(t, values[0])(w.Load())
		for i, x := range values {
			must(t, v.Store(x))
			got(t, x)(w.Load())
			var c T
			must(t, check(ctest.Load(v.h.res.raw, unsafe.Pointer(&c), size), &e))
			got(t, x)(c, nil)

			next := values[(i+1)%len(values)]
			must(t, check(ctest.Store(v.h.res.raw, unsafe.Pointer(&next), size), &e))
			got(t, next)(w.Load())
			must(t, v.Store(x))

			got(t, x)(v.Swap(next))
			got(t, next)(w.Load())
			got(t, x == next)(v.CompareAndSwap(x, next))
			seen, swapped, err := w.CompareExchange(x, next)
			got(t, next)(seen, err)
			got(t, x == next)(swapped, err)
			got(t, true)(v.CompareAndSwap(next, x))
			got(t, x)(w.Load())
		}
		// Nothing but the value's own bytes was touched.
		cell := *(*[8]byte)(v.ptr)
		for i := size; i < 8; i++ {
			if cell[i] != 0 {
				t.Fatalf("byte %d of the cell is %#x", i, cell[i])
			}
		}
		p, err := v.Pointer()
		must(t, err)
		got(t, values[len(values)-1])(*p, nil)
		must(t, v.View(func(p *T) error { *p = values[0]; return nil }))
		got(t, values[0])(w.Load())
	})
}

// Read-modify-write by Go gives what C gives, for every type and operation and many numbers.
func TestFetchIsAsInC(t *testing.T) { everywhere(t, testFetchIsAsInC) }

func testFetchIsAsInC(t *testing.T, d *Domain) {
	fetchInt[int8](t, d)
	fetchInt[uint8](t, d)
	fetchInt[int16](t, d)
	fetchInt[uint16](t, d)
	fetchInt[int32](t, d)
	fetchInt[uint32](t, d)
	fetchInt[int64](t, d)
	fetchInt[uint64](t, d)
	fetchInt[Char8](t, d)
	fetchInt[Char32](t, d)
	fetchFloat[float32](t, d)
	fetchFloat[float64](t, d)
}

type integer interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64
}

func operations[T any](v *Value[T]) map[int32]func(T) (T, error) {
	return map[int32]func(T) (T, error){
		cmproc.OpAdd: v.FetchAdd, cmproc.OpSub: v.FetchSub, cmproc.OpMin: v.FetchMin, cmproc.OpMax: v.FetchMax,
		cmproc.OpAnd: v.FetchAnd, cmproc.OpOr: v.FetchOr, cmproc.OpXor: v.FetchXor,
	}
}

func fetchInt[T integer](t *testing.T, d *Domain) {
	t.Run(fmt.Sprintf("%T", T(0)), func(t *testing.T) {
		v := closing[*Value[T]](t)(CreateValue[T](d, "", 0, nil))
		c := closing[*Value[T]](t)(CreateValue[T](d, "", 0, nil))
		random := rand.New(rand.NewPCG(1, 2))
		for op, fetch := range operations(v) {
			for range 200 {
				// Small and large numbers of both signs.
				start, operand := T(random.Int64()>>random.IntN(64)), T(random.Int64()>>random.IntN(64))
				must(t, v.Store(start))
				must(t, c.Store(start))
				got(t, start)(fetch(operand))
				if before, status := ctest.FetchI64(c.h.res.raw, op, int64(operand)); status != 0 || T(before) != start {
					t.Fatalf("C gives status %d, %d before", status, before)
				}
				want, err := c.Load()
				must(t, err)
				if have, _ := v.Load(); have != want {
					t.Fatalf("%d op %d %d is %d in Go and %d in C", start, op, operand, have, want)
				}
			}
		}
		must(t, v.Store(40))
		got(t, T(42))(v.Add(2))
		got(t, T(42))(v.Load())
	})
}

func fetchFloat[T float32 | float64](t *testing.T, d *Domain) {
	t.Run(fmt.Sprintf("%T", T(0)), func(t *testing.T) {
		v := closing[*Value[T]](t)(CreateValue[T](d, "", 0, nil))
		c := closing[*Value[T]](t)(CreateValue[T](d, "", 0, nil))
		numbers := []T{0, 1.5, -2.25, 1e30, -1e-30, T(math.Inf(1)), T(math.Inf(-1)), T(math.NaN())}
		for op, fetch := range operations(v) {
			for _, start := range numbers {
				for _, operand := range numbers {
					must(t, v.Store(start))
					must(t, c.Store(start))
					before, err := fetch(operand)
					_, status := ctest.FetchF64(c.h.res.raw, op, float64(operand))
					if status < 0 {
						fails(t, err, Status(status), ErrNotSupported)
						continue
					}
					must(t, err)
					have, _ := v.Load()
					want, _ := c.Load()
					if !same(before, start) || !same(have, want) {
						t.Fatalf("%v op %d %v: %v in Go and %v in C; before: %v", start, op, operand, have, want, before)
					}
				}
			}
		}
	})
}

func same[T float32 | float64](a, b T) bool { return a == b || a != a && b != b }

func TestBoolIsLogical(t *testing.T) {
	d, _ := newDomain(t)
	v := closing[*Value[bool]](t)(CreateValue(d, "v", false, nil))
	got(t, false)(v.FetchOr(true))
	got(t, true)(v.FetchXor(true))
	got(t, false)(v.FetchAnd(true))
	got(t, false)(v.Load())
	_, err := v.Add(true)
	fails(t, err, ErrNotSupported)
	_, err = v.FetchMax(true)
	fails(t, err, ErrNotSupported)
	// Whatever byte another process put there, a Go bool is 0 or 1.
	*(*byte)(v.ptr) = 0xfe
	x, err := v.Load()
	must(t, err)
	if *(*byte)(unsafe.Pointer(&x)) != 1 {
		t.Error("a bool that is neither true nor false")
	}
}

// Many goroutines at once, of every width: no addition is lost, also not to a neighbour's.
func TestAddIsAtomic(t *testing.T) { everywhere(t, testAddIsAtomic) }

func testAddIsAtomic(t *testing.T, d *Domain) {
	const workers, rounds = 4, 5000
	addAtomically[uint8](t, d, workers, rounds)
	addAtomically[int16](t, d, workers, rounds)
	addAtomically[int32](t, d, workers, rounds)
	addAtomically[uint64](t, d, workers, rounds)
	addAtomically[float32](t, d, workers, rounds)
	addAtomically[float64](t, d, workers, rounds)
}

func addAtomically[T uint8 | int16 | int32 | uint64 | float32 | float64](t *testing.T, d *Domain, workers, rounds int) {
	t.Run(fmt.Sprintf("%T", T(0)), func(t *testing.T) {
		v := closing[*Value[T]](t)(CreateValue[T](d, "", 0, nil))
		var wg sync.WaitGroup
		for i := range workers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range rounds {
					// Half of them through C, to see that both kinds of atomics respect each other.
					if _, float := any(T(0)).(float32); i%2 == 0 || float {
						v.Add(1)
					} else if reflect.TypeFor[T]().Kind() == reflect.Float64 {
						ctest.FetchF64(v.h.res.raw, cmproc.OpAdd, 1)
					} else {
						ctest.FetchI64(v.h.res.raw, cmproc.OpAdd, 1)
					}
				}
			}()
		}
		wg.Wait()
		var want T
		for range workers * rounds {
			want++
		}
		got(t, want)(v.Load())
	})
}

type point struct {
	X, Y float64
	Tag  uint8 // followed by padding
	N    [3]int32
	OK   bool
}

type renamedPoint struct {
	A, B float64
	C    byte
	D    [3]rune
	E    bool
}

type otherPoint struct {
	X, Y float64
	Tag  uint8
	N    [3]float32 // same size, another type
	OK   bool
}

func TestStruct(t *testing.T) {
	d, _ := newDomain(t)
	for _, raw := range []bool{false, true} {
		t.Run(fmt.Sprintf("raw=%v", raw), func(t *testing.T) {
			one, two := point{X: 1, N: [3]int32{1, 2, 3}}, point{Y: -2, Tag: 9, OK: true}
			v := closing[*Value[point]](t)(CreateValue(d, "p", one, &ValueOptions{Raw: raw}))
			w := closing[*Value[point]](t)(OpenValue[point](d, "p", &ValueOptions{Raw: raw}))
			got(t, one)(w.Load())
			must(t, v.Store(two))
			got(t, two)(w.Load())
			info, err := v.Info()
			must(t, err)
			if info.Raw != raw || info.Persist || info.Size != uint64(unsafe.Sizeof(one)) || info.Schema == 0 {
				t.Errorf("%+v", info)
			}
			if raw {
				_, err := v.Swap(one)
				fails(t, err, ErrNotSupported)
				_, err = v.CompareAndSwap(two, one)
				fails(t, err, ErrNotSupported)
				p, err := v.Pointer()
				must(t, err)
				p.X = 77
				q, err := w.Load()
				got(t, 77.0)(q.X, err)
				must(t, w.View(func(q *point) error { got(t, 77.0)(q.X, nil); return nil }))
			} else {
				got(t, two)(v.Swap(one))
				got(t, false)(v.CompareAndSwap(two, two))
				seen, swapped, err := v.CompareExchange(one, two)
				got(t, one)(seen, err)
				got(t, true)(swapped, err)
				_, err = v.Pointer()
				fails(t, err, ErrNotSupported)
				fails(t, v.View(func(*point) error { return nil }), ErrNotSupported)
			}
			_, err = v.Add(one)
			fails(t, err, ErrNotSupported)
		})
	}
}

// What lies in a struct's padding is undefined; it must not make equal structs differ.
func TestPaddingDoesNotCount(t *testing.T) {
	d, _ := newDomain(t)
	dirty := func(fill byte) point {
		var p point
		for i := range unsafe.Slice((*byte)(unsafe.Pointer(&p)), unsafe.Sizeof(p)) {
			*(*byte)(unsafe.Add(unsafe.Pointer(&p), i)) = fill
		}
		p.X, p.Y, p.Tag, p.N, p.OK = 1, 2, 3, [3]int32{4, 5, 6}, true
		return p
	}
	v := closing[*Value[point]](t)(CreateValue(d, "p", dirty(0xaa), nil))
	got(t, true)(v.CompareAndSwap(dirty(0x55), dirty(0x11)))
	got(t, true)(v.CompareAndSwap(dirty(0xff), dirty(0x22)))
	must(t, v.Store(dirty(0x33)))
	got(t, true)(v.CompareAndSwap(dirty(0), dirty(0x44)))
}

// Readers of a struct that others write see one of the values written, never a mixture.
func TestStructLoadsAreConsistent(t *testing.T) { everywhere(t, testStructLoadsAreConsistent) }

func testStructLoadsAreConsistent(t *testing.T, d *Domain) {
	type wide struct{ A, B, C, D, E, F, G, H uint64 }
	all := func(n uint64) wide { return wide{n, n, n, n, n, n, n, n} }
	v := closing[*Value[wide]](t)(CreateValue(d, "w", all(0), nil))
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				w, err := v.Load()
				if err != nil || w != all(w.A) {
					t.Errorf("%v %v", w, err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		writers.Add(1)
		go func() {
			defer writers.Done()
			for n := range uint64(3000) {
				if err := v.Store(all(n)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

func TestTypesMustMatch(t *testing.T) { everywhere(t, testTypesMustMatch) }

func testTypesMustMatch(t *testing.T, d *Domain) {
	closing[*Value[point]](t)(CreateValue(d, "p", point{}, nil))
	closing[*Value[renamedPoint]](t)(OpenValue[renamedPoint](d, "p", nil)) // the layout counts, not the names
	_, err := OpenValue[otherPoint](d, "p", nil)
	fails(t, err, ErrType)
	closing[*Value[otherPoint]](t)(OpenValue[otherPoint](d, "p", &ValueOptions{NoSchema: true}))
	_, err = OpenValue[point](d, "p", &ValueOptions{Schema: 12345})
	fails(t, err, ErrType)
	_, err = OpenValue[[2]float64](d, "p", nil)
	fails(t, err, ErrType)
	_, err = OpenValue[float64](d, "p", nil)
	fails(t, err, ErrType)
	_, err = OpenValue[point](d, "p", &ValueOptions{Raw: true})
	fails(t, err, ErrType)

	closing[*Value[point]](t)(CreateValue(d, "own", point{}, &ValueOptions{Schema: 12345}))
	closing[*Value[point]](t)(OpenValue[point](d, "own", &ValueOptions{Schema: 12345}))
	_, err = OpenValue[point](d, "own", nil)
	fails(t, err, ErrType)

	closing[*Value[int32]](t)(CreateValue[int32](d, "i", 0, nil))
	_, err = OpenValue[uint32](d, "i", nil)
	fails(t, err, ErrType)
	_, err = OpenValue[Char32](d, "i", nil)
	fails(t, err, ErrType)
	_, err = OpenArray[int32](d, "i", nil)
	fails(t, err, ErrKind)
	_, err = OpenLock(d, "i", nil)
	fails(t, err, ErrKind)
}

func TestOnlyPlainTypesAreShared(t *testing.T) {
	d, _ := newDomain(t)
	_, err := CreateValue(d, "v", "text", nil)
	fails(t, err, ErrType)
	_, err = CreateValue(d, "v", []int{1}, nil)
	fails(t, err, ErrType)
	_, err = CreateValue(d, "v", new(int), nil)
	fails(t, err, ErrType)
	_, err = CreateValue[any](d, "v", 1, nil)
	fails(t, err, ErrType)
	_, err = CreateValue(d, "v", map[int]int{}, nil)
	fails(t, err, ErrType)
	_, err = CreateValue(d, "v", uintptr(1), nil)
	fails(t, err, ErrType)
	_, err = CreateValue(d, "v", struct{ P *int }{}, nil)
	fails(t, err, ErrType)
	_, err = CreateValue(d, "v", struct{ A [2]struct{ S string } }{}, nil)
	fails(t, err, ErrType)
	_, err = CreateValue(d, "v", struct{ P unsafe.Pointer }{}, nil)
	fails(t, err, ErrType)
	_, err = CreateValue(d, "v", struct{}{}, nil)
	fails(t, err, ErrInvalid)
	_, err = CreateArray[[1<<20 + 1]byte](d, "v", nil, nil)
	fails(t, err, ErrInvalid)

	closing[*Value[complex128]](t)(CreateValue(d, "complex", 1i, nil))
	closing[*Value[[4]int32]](t)(CreateValue(d, "vector", [4]int32{1}, nil))
	type padded struct {
		_ int32
		A int64
		_ [0]byte
	}
	closing[*Value[padded]](t)(CreateValue(d, "padded", padded{A: 1}, nil))
}

func TestLayoutOfStructs(t *testing.T) {
	e, err := elementOf[point]()
	must(t, err)
	if want := []gap{{17, 20}, {33, 40}}; !reflect.DeepEqual(e.padding, want) {
		t.Errorf("padding %v, want %v", e.padding, want)
	}
	same, err := elementOf[renamedPoint]()
	must(t, err)
	other, err := elementOf[otherPoint]()
	must(t, err)
	if e.schema == 0 || e.schema != same.schema || e.schema == other.schema {
		t.Errorf("schemas %x %x %x", e.schema, same.schema, other.schema)
	}
	// The number is recorded in shared memory: it must not change from one version to the next.
	got(t, uint64(0x77dff10362d4986f))(e.schema, nil)
}

func TestValueLock(t *testing.T) { everywhere(t, testValueLock) }

func testValueLock(t *testing.T, d *Domain) {
	v := closing[*Value[point]](t)(CreateValue(d, "v", point{}, &ValueOptions{Raw: true}))
	lockable(t, v)
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 500 {
				err := v.With(bg, func(bool) error {
					p, err := v.Load()
					p.X++
					p.Y--
					if err == nil {
						err = v.Store(p)
					}
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	wg.Wait()
	got(t, point{X: 2000, Y: -2000})(v.Load())
}

func TestExistOK(t *testing.T) { everywhere(t, testExistOK) }

func testExistOK(t *testing.T, d *Domain) {
	first := closing[*Value[int32]](t)(CreateValue[int32](d, "v", 5, &ValueOptions{ExistOK: true}))
	again := closing[*Value[int32]](t)(CreateValue[int32](d, "v", 6, &ValueOptions{ExistOK: true}))
	got(t, false)(first.Existed(), nil)
	got(t, true)(again.Existed(), nil)
	got(t, int32(5))(again.Load())
	_, err := CreateValue[int32](d, "v", 7, nil)
	fails(t, err, ErrExist)
	_, err = CreateValue[int64](d, "v", 7, &ValueOptions{ExistOK: true})
	fails(t, err, ErrType)
}

// Operations on scalars stay out of C and off the heap.
func TestScalarsDoNotAllocate(t *testing.T) {
	d, _ := newDomain(t)
	v := closing[*Value[int64]](t)(CreateValue[int64](d, "v", 0, nil))
	p := closing[*Value[point]](t)(CreateValue(d, "p", point{}, nil))
	if n := testing.AllocsPerRun(100, func() {
		v.Add(1)
		v.Load()
		v.Store(2)
		v.CompareAndSwap(2, 3)
		p.Load()
		p.Store(point{X: 1})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
