package mproc

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// holds compares a list's elements.
func holds[T any](t testing.TB, l *List[T], want ...T) {
	t.Helper()
	have, err := l.Snapshot()
	got(t, len(want))(len(have), err)
	got(t, fmt.Sprintf("%#v", append([]T{}, want...)))(fmt.Sprintf("%#v", append([]T{}, have...)), nil)
}

func TestList(t *testing.T) { everywhere(t, testList) }

func testList(t *testing.T, d *Domain) {
	l := closing[*List[int]](t)(CreateList[int](d, "l", nil))
	fails(t, second(l.Get(0)), ErrRange)
	fails(t, second(l.Pop(-1)), ErrRange)
	must(t, l.Append(10))
	must(t, l.Extend(30, 40))
	must(t, l.Extend())
	must(t, l.Insert(1, 20))
	must(t, l.Insert(-100, 0))
	must(t, l.Insert(100, 50))
	holds(t, l, 0, 10, 20, 30, 40, 50)
	got(t, 6)(l.Len())
	got(t, 50)(l.Get(-1))
	got(t, 0)(l.Get(-6))
	fails(t, second(l.Get(6)), ErrRange)
	fails(t, second(l.Get(-7)), ErrRange)
	must(t, l.Set(-1, 55))
	fails(t, l.Set(6, 1), ErrRange)
	got(t, 55)(l.Pop(-1))
	got(t, 0)(l.Pop(0))
	must(t, l.Delete(0))
	fails(t, l.Delete(3), ErrRange)
	holds(t, l, 20, 30, 40)
	must(t, l.Extend(20, 30))
	got(t, 1)(l.Index(30))
	got(t, 4)(l.IndexIn(30, 2, End))
	fails(t, second(l.IndexIn(30, 2, 4)), ErrNotExist)
	got(t, 4)(l.IndexIn(30, -2, End))
	fails(t, second(l.Index(5)), ErrNotExist)
	got(t, 2)(l.Count(20))
	must(t, l.Remove(20))
	fails(t, l.Remove(5), ErrNotExist)
	must(t, l.Reverse())
	holds(t, l, 30, 20, 40, 30)
	must(t, l.Sort(false))
	holds(t, l, 20, 30, 30, 40)
	must(t, l.Sort(true))
	holds(t, l, 40, 30, 30, 20)
	got(t, 41)(l.Add(0, 1))
	got(t, true)(l.CompareAndSwap(0, 41, 1))
	got(t, false)(l.CompareAndSwap(0, 41, 2))
	fails(t, second(l.CompareAndSwap(4, 1, 2)), ErrRange)
	must(t, l.DeleteSlice(1, End, 1))
	must(t, l.Append(2))
	must(t, l.Repeat(3))
	holds(t, l, 1, 2, 1, 2, 1, 2)
	must(t, l.ExtendFrom(l))
	got(t, 12)(l.Len())
	fails(t, l.Repeat(-1), ErrInvalid)
	fails(t, l.ExtendFrom(nil), ErrInvalid)
	must(t, l.Repeat(0))
	holds(t, l)
	must(t, l.Append(math.MaxInt))
	must(t, l.Clear())
	got(t, 0)(l.Len())
	must(t, l.Check())

	other := closing[*List[int]](t)(CreateList[int](d, "", nil))
	must(t, other.Extend(1, 2))
	must(t, l.ExtendFrom(other))
	holds(t, l, 1, 2)
	must(t, other.AppendNewDict())
	fails(t, l.ExtendFrom(other), ErrType)
	holds(t, l, 1, 2)

	// A list of bytes is a list, not bytes.
	raw := closing[*List[byte]](t)(CreateList[byte](d, "", nil))
	must(t, raw.Extend(1, 2, 255))
	must(t, raw.SetSlice(0, 1, 1, []byte{7, 8}))
	holds(t, raw, 7, 8, 2, 255)
	mixed := closing[*List[any]](t)(CreateList[any](d, "", nil))
	must(t, mixed.Extend(1, "one", nil, 1.5, []int{1}))
	fails(t, mixed.Sort(false), ErrType)
	holds(t, mixed, []any{int64(1), "one", nil, 1.5, []any{int64(1)}}...)
	fails(t, second(mixed.Add(1, 1)), ErrType)
	got(t, any(2.5))(mixed.Add(0, 1.5))
	fails(t, second(CreateList[func()](d, "", nil)), ErrType)
}

// Against Go's own slices, in every combination.
func TestListSlices(t *testing.T) { everywhere(t, testListSlices) }

func testListSlices(t *testing.T, d *Domain) {
	l := closing[*List[int]](t)(CreateList[int](d, "", nil))
	all := []int{0, 1, 2, 3, 4}
	must(t, l.Extend(all...))
	// indexes are those that Python's range(*slice(start, stop, step).indices(n)) gives.
	indexes := func(n, start, stop, step int) (at []int) {
		clip := func(i, low, high int) int {
			if i < 0 && i != Begin {
				i += n
			}
			return max(low, min(i, high))
		}
		if step > 0 {
			for i := clip(start, 0, n); i < clip(stop, 0, n); i += step {
				at = append(at, i)
			}
		} else {
			for i := clip(start, -1, n-1); i > clip(stop, -1, n-1); i += step {
				at = append(at, i)
			}
		}
		return at
	}
	places := []int{Begin, -6, -5, -1, 0, 1, 4, 5, 6, End}
	for _, start := range places {
		for _, stop := range places {
			for _, step := range []int{1, 2, 7, -1, -2, -7} {
				at := indexes(len(all), start, stop, step)
				have, err := l.Slice(start, stop, step)
				must(t, err)
				if !slices.Equal(have, at) {
					t.Fatalf("[%d:%d:%d] is %v, want %v", start, stop, step, have, at)
				}
				must(t, l.DeleteSlice(start, stop, step))
				want := slices.DeleteFunc(slices.Clone(all), func(v int) bool { return slices.Contains(at, v) })
				holds(t, l, want...)
				must(t, l.Clear())
				must(t, l.Extend(all...))
				if step == 1 {
					continue
				}
				want = slices.Clone(all)
				for i, v := range at {
					want[v] = 100 + i
					at[i] = 100 + i
				}
				must(t, l.SetSlice(start, stop, step, at))
				holds(t, l, want...)
				fails(t, l.SetSlice(start, stop, step, append(at, 1)), ErrInvalid)
				must(t, l.SetSlice(0, End, 1, all))
			}
		}
	}
	fails(t, second(l.Slice(0, 1, 0)), ErrInvalid)
	must(t, l.SetSlice(1, 4, 1, []int{9}))
	must(t, l.SetSlice(3, End, 1, []int{5, 6}))
	must(t, l.SetSlice(0, 1, 1, nil))
	holds(t, l, 9, 4, 5, 6)
}

func TestListIteration(t *testing.T) { everywhere(t, testListIteration) }

func testListIteration(t *testing.T, d *Domain) {
	l := closing[*List[string]](t)(CreateList[string](d, "", nil))
	must(t, l.Extend("a", "b", "c"))
	var err error
	n := 0
	for i, value := range l.All(&err) {
		got(t, n)(i, nil)
		got(t, string("abcd"[i]))(value, nil)
		if n++; n == 1 {
			must(t, l.Append("d")) // seen too: it lives
		}
	}
	got(t, 4)(n, err)
	for range l.Values(&err) {
		must(t, l.Clear())
	}
	must(t, err)
	must(t, l.Extend("a", "b"))
	got(t, "[a b]")(fmt.Sprint(slices.Collect(l.Values(&err))), err)
	for range l.Values(&err) {
		break
	}
	must(t, err)
	numbers := closing[*List[int]](t)(FollowList[int](l, refTo(t, l)))
	for range numbers.All(&err) {
		t.Error("a string is no int")
	}
	fails(t, err, ErrType)
	must(t, numbers.Close())
	for range numbers.All(&err) {
		t.Error("it is closed")
	}
	fails(t, err, ErrClosedHandle)
	// Elements that are containers.
	nested := closing[*List[Ref]](t)(CreateList[Ref](d, "", nil))
	must(t, nested.AppendNewDict())
	must(t, nested.AppendNewList())
	must(t, nested.Append(NewNamespace()))
	var kinds []Kind
	for r := range nested.Values(&err) {
		kinds = append(kinds, r.Kind())
	}
	got(t, "[dict list namespace]")(fmt.Sprint(kinds), err)
	dict := closing[*Dict[string, int]](t)(DictAt[string, int](nested, 0))
	must(t, dict.Set("x", 1))
	list := closing[*List[int]](t)(ListAt[int](nested, 1))
	must(t, list.Append(1))
	ns := closing[*Namespace](t)(NamespaceAt(nested, -1))
	must(t, ns.Set("x", 1))
	got(t, `[{"x":1},[1],{"x":1}]`)(ToJSON(nested, false))
}
