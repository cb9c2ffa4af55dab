package mproc

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dictFor is a dict that is closed when the test ends, and sound then.
func dictFor[K comparable, V any](t testing.TB, d *Domain, name string) *Dict[K, V] {
	t.Helper()
	dict, err := CreateDict[K, V](d, name, nil)
	must(t, err)
	t.Cleanup(func() {
		must(t, dict.Check())
		must(t, dict.Close())
	})
	return dict
}

func refTo(t testing.TB, c Container) Ref {
	t.Helper()
	r, err := c.Ref()
	must(t, err)
	return r
}

func TestDict(t *testing.T) {
	d, dir := newDomain(t)
	ages := dictFor[string, int](t, d, "ages")
	fails(t, second(ages.Get("ann")), ErrNotExist)
	must(t, ages.Set("ann", 31))
	must(t, ages.Set("bob", 42))
	must(t, ages.Set("", -1))
	must(t, ages.Set("ann", 32))
	got(t, 32)(ages.Get("ann"))
	got(t, -1)(ages.Get(""))
	got(t, 3)(ages.Len())
	age, found, err := ages.Lookup("bob")
	got(t, 42)(age, err)
	got(t, true)(found, nil)
	_, found, err = ages.Lookup("cid")
	got(t, false)(found, err)
	got(t, true)(ages.Contains("bob"))
	got(t, false)(ages.Contains("cid"))
	must(t, ages.Delete("bob"))
	fails(t, ages.Delete("bob"), ErrNotExist)
	now, existed, err := ages.SetDefault("ann", 5)
	got(t, 32)(now, err)
	got(t, true)(existed, nil)
	now, existed, err = ages.SetDefault("cid", 5)
	got(t, 5)(now, err)
	got(t, false)(existed, nil)
	got(t, 5)(ages.Pop("cid"))
	fails(t, second(ages.Pop("cid")), ErrNotExist)
	got(t, 33)(ages.Add("ann", 1))
	got(t, -2)(ages.Add("dan", -2))
	got(t, math.MinInt)(ages.Add("least", math.MinInt))
	fails(t, second(ages.Add("least", -1)), ErrOverflow)
	got(t, false)(ages.CompareAndSwap("dan", 1, 2))
	got(t, true)(ages.CompareAndSwap("dan", -2, 2))
	got(t, false)(ages.CompareAndDelete("dan", 3))
	got(t, true)(ages.CompareAndDelete("dan", 2))
	got(t, false)(ages.CompareAndSwap("dan", 2, 3))
	got(t, false)(ages.CompareAndDelete("dan", 2))
	must(t, ages.Update(map[string]int{"z": 26, "y": 25}))
	must(t, ages.Update(nil))
	key, value, err := ages.PopItem()
	got(t, "z")(key, err)
	got(t, 26)(value, nil)
	got(t, 25)(ages.Get("y"))

	// The other one, in the same process and as other types.
	other := open(t, dir)
	defer other.Close()
	same := closing[*Dict[string, float64]](t)(OpenDict[string, float64](other, "ages", nil))
	got(t, 25.0)(same.Get("y"))
	must(t, same.Set("y", 2.5))
	fails(t, second(ages.Get("y")), ErrType)
	fails(t, second(ages.Pop("y")), ErrType)
	got(t, false)(ages.Contains("y"))
	again, err := CreateDict[string, int](d, "ages", &ContainerOptions{ExistOK: true})
	got(t, true)(again.Existed(), err)
	got(t, false)(ages.Existed(), nil)
	must(t, again.Close())
	fails(t, second(CreateDict[string, int](d, "ages", nil)), ErrExist)
	fails(t, second(OpenDict[string, int](d, "nobody", nil)), ErrNotExist)
	fails(t, second(OpenList[int](d, "ages", nil)), ErrKind)
	must(t, ages.Clear())
	got(t, 0)(ages.Len())
	_, _, err = ages.PopItem()
	fails(t, err, ErrNotExist)
}

// Every type of key and value, beyond what any buffer begins with.
func TestDictTypes(t *testing.T) { everywhere(t, testDictTypes) }

func testDictTypes(t *testing.T, d *Domain) {
	long := strings.Repeat("long", 10000)
	roundTrip(t, d, map[int8]bool{-1: true, 127: false})
	roundTrip(t, d, map[uint16]float64{0: 0.5, 65535: math.Inf(1)})
	roundTrip(t, d, map[uint64]float32{0: 0.5, math.MaxUint64: -1})
	roundTrip(t, d, map[bool]string{true: "yes", false: long})
	roundTrip(t, d, map[float64]uint64{0.5: 1, math.Inf(-1): math.MaxUint64})
	roundTrip(t, d, map[string][]byte{"": {}, long: []byte(long), "nil": nil})
	roundTrip(t, d, map[Bytes]Bytes{"\xff": "\x00", Bytes(long): ""})
	roundTrip(t, d, map[[2]int][]string{{1, 2}: {"a"}, {0, 0}: {}, {-1, 5}: nil})
	roundTrip(t, d, map[[3]byte]inner{{1}: {1, 2}})
	roundTrip(t, d, map[string]allKinds{"one": sample()})
	roundTrip(t, d, map[string]map[string]*inner{"a": {"b": {1, 2}, "c": nil}})
	roundTrip(t, d, map[string]time.Time{"now": time.Unix(5, 6).UTC()})
	roundTrip(t, d, map[any]any{nil: nil, true: int64(1), int64(1): "one", 1.0: 1.0, "s": []byte("b"), Bytes("b"): long,
		uint64(math.MaxUint64): []any{int64(1), long}, Packed("\x91\x01"): map[string]any{"x": nil}})
	roundTrip(t, d, map[string]Ref{"q": NamedRef(KindQueue, "jobs")})
	roundTrip(t, d, map[Packed]Packed{"\x05": "\x92\x01\x02", "\xa1x": "\xc0"})

	for _, err := range []error{
		second(CreateDict[string, chan int](d, "", nil)), second(CreateDict[inner, int](d, "", nil)),
		second(CreateDict[string, *List[int]](d, "", nil)), second(CreateDict[Ref, int](d, "", nil)),
	} {
		fails(t, err, ErrType)
	}
	free := dictFor[any, any](t, d, "")
	for _, key := range []any{inner{}, NamedRef(KindLock, "l"), NewDict(), Packed("\x80"), "\xff"} {
		fails(t, free.Set(key, 1), ErrInvalid)
	}
	fails(t, free.Set(func() {}, 1), ErrType)
	fails(t, free.Set(1, func() {}), ErrType)
	fails(t, free.Set(1, "\xff"), ErrInvalid)
	fails(t, free.Set(1, NewNamespace().Name), ErrType)
	fails(t, free.Set(1, []any{NewDict()}), ErrInvalid)
	got(t, 0)(free.Len())
}

// Each value is longer than any before, so that no call has had the room for it at first.
func TestLongValues(t *testing.T) {
	d, _ := newDomain(t)
	size := 300_000
	longer := func() string {
		size += 10_000
		return strings.Repeat("x", size)
	}
	dict := dictFor[string, string](t, d, "")
	one := longer()
	must(t, dict.Set("one", one))
	got(t, one)(dict.Get("one"))
	one = longer()
	must(t, dict.Set("one", one))
	now, existed, err := dict.SetDefault("one", "two")
	got(t, one)(now, err)
	got(t, true)(existed, nil)
	two := longer()
	now, existed, err = dict.SetDefault("two", two)
	got(t, two)(now, err)
	got(t, false)(existed, nil)
	two = longer()
	must(t, dict.Set("two", two))
	got(t, two)(dict.Pop("two"))
	got(t, 1)(dict.Len())
	for _, long := range []Item[string, string]{{longer(), "short"}, {"short", longer()}, {longer(), longer()}} {
		must(t, dict.Set(long.Key, long.Value))
		key, value, err := dict.PopItem()
		got(t, long)(Item[string, string]{key, value}, err)
	}
	list := closing[*List[string]](t)(CreateList[string](d, "", nil))
	one = longer()
	must(t, list.Append(one))
	got(t, one)(list.Get(0))
	two = longer()
	must(t, list.Append(two))
	got(t, two)(list.Pop(-1))
	got(t, 1)(list.Len())
	settings := closing[*Namespace](t)(CreateNamespace(d, "", nil))
	one = longer()
	must(t, settings.Set("one", one))
	got(t, one)(NamespaceGet[string](settings, "one"))
	for _, pollable := range []bool{false, true} {
		q := closing[*Queue](t)(CreateQueue(d, "", &QueueOptions{Capacity: 2 << 20, Pollable: pollable}))
		one = longer()
		must(t, PutValue(bg, q, one))
		got(t, one)(GetValue[string](bg, q))
		a, b := newPipe(t, d, "", &PipeOptions{Capacity: 2 << 20, Pollable: pollable})
		one = longer()
		must(t, SendValue(bg, a, one))
		got(t, one)(RecvValue[string](bg, b))
	}
	text, err := ToJSON(dict, true)
	must(t, err)
	back, err := FromJSON[map[string]string](text)
	got(t, 1)(len(back), err)
}

func roundTrip[K comparable, V any](t *testing.T, d *Domain, pairs map[K]V) {
	t.Helper()
	dict := dictFor[K, V](t, d, "")
	for k, v := range pairs {
		must(t, dict.Set(k, v))
		back, err := dict.Get(k)
		must(t, err)
		if !reflect.DeepEqual(back, v) {
			t.Fatalf("%v: got %.200v, want %.200v", k, back, v)
		}
	}
	all, err := dict.Snapshot()
	must(t, err)
	if !reflect.DeepEqual(all, pairs) {
		t.Fatalf("got %.200v, want %.200v", all, pairs)
	}
	must(t, dict.Clear())
	must(t, dict.Update(pairs))
	left := maps.Clone(pairs)
	for range pairs {
		k, v, err := dict.PopItem()
		must(t, err)
		want, ok := left[k]
		if !ok || !reflect.DeepEqual(v, want) {
			t.Fatalf("popped %.200v: %.200v", k, v)
		}
		delete(left, k)
	}
	for k, v := range pairs {
		now, existed, err := dict.SetDefault(k, v)
		if err != nil || existed || !reflect.DeepEqual(now, v) {
			t.Fatalf("%v, %v, %v", now, existed, err)
		}
		got(t, true)(dict.CompareAndSwap(k, v, v))
		back, err := dict.Pop(k)
		if err != nil || !reflect.DeepEqual(back, v) {
			t.Fatalf("%v, %v", back, err)
		}
	}
}

func TestDictIteration(t *testing.T) { everywhere(t, testDictIteration) }

func testDictIteration(t *testing.T, d *Domain) {
	dict := dictFor[string, int](t, d, "")
	names := []string{"zoe", "ann", "mia", "bob"}
	for i, name := range names {
		must(t, dict.Set(name, i))
	}
	var keys []string
	var err error
	for key, value := range dict.All(&err) {
		got(t, names[value])(key, nil)
		keys = append(keys, key)
		must(t, dict.Set(key, value)) // values may change, and the dict may be used
	}
	must(t, err)
	got(t, fmt.Sprint(names))(fmt.Sprint(keys), nil)
	got(t, fmt.Sprint(names))(fmt.Sprint(slices.Collect(dict.Keys(&err))), err)
	got(t, "[0 1 2 3]")(fmt.Sprint(slices.Collect(dict.Values(&err))), err)
	items, err := dict.Items()
	got(t, "[{zoe 0} {ann 1} {mia 2} {bob 3}]")(fmt.Sprint(items), err)

	// Ending early is no error; the same sequence may be used again.
	all := dict.All(&err)
	for range 2 {
		n := 0
		for range all {
			if n++; n == 2 {
				break
			}
		}
		got(t, 2)(n, err)
	}
	// Keys that come or go end it.
	for _, change := range []func() error{
		func() error { return dict.Set("new", 1) }, func() error { return dict.Delete("new") },
	} {
		changed := false
		for range dict.All(&err) {
			if !changed {
				must(t, change())
			}
			changed = true
		}
		got(t, true)(changed, nil)
		fails(t, err, ErrChanged)
	}
	must(t, second(dict.Items())) // and no snapshot
	for key := range dict.Keys(&err) {
		must(t, dict.Delete(key))
	}
	fails(t, err, ErrChanged)
	must(t, dict.Set("text", 1))
	texts := closing[*Dict[string, string]](t)(FollowDict[string, string](dict, refTo(t, dict)))
	for range texts.All(&err) {
	}
	fails(t, err, ErrType)
	fails(t, second(texts.Snapshot()), ErrType)
	// A handle that is closed inside the loop.
	n := 0
	for range texts.Keys(&err) {
		n++
		must(t, texts.Close())
	}
	got(t, 1)(n, nil)
	fails(t, err, ErrClosedHandle)
	// A panic goes through, and leaves nothing open.
	func() {
		defer func() { got(t, any("stop"))(recover(), nil) }()
		for range dict.All(&err) {
			panic("stop")
		}
	}()
	must(t, dict.Clear())
	for range dict.All(&err) {
		t.Error("it is empty")
	}
	must(t, err)
	items, err = dict.Items()
	got(t, 0)(len(items), err)
}

func TestNestedContainers(t *testing.T) {
	d, _ := newDomain(t)
	config := dictFor[string, any](t, d, "config")
	must(t, config.Set("limits", NewDict()))
	must(t, config.SetNewList("hosts"))
	must(t, config.Set("plain", map[string]int{"x": 1}))
	limits := closing[*Dict[string, int]](t)(DictAt[string, int](config, "limits"))
	must(t, limits.Set("cpu", 4))
	hosts := closing[*List[string]](t)(ListAt[string](config, "hosts"))
	must(t, hosts.Extend("a", "b"))
	fails(t, second(ListAt[string](config, "limits")), ErrType)
	fails(t, second(DictAt[string, int](config, "plain")), ErrType)
	fails(t, second(DictAt[string, int](config, "nothing")), ErrNotExist)

	// What is read is a reference, and can be stored elsewhere.
	value, err := config.Get("limits")
	must(t, err)
	r, ok := value.(Ref)
	if !ok || r.Kind() != KindDict || r != refTo(t, limits) {
		t.Fatalf("%v, %v", value, refTo(t, limits))
	}
	must(t, config.Set("same", r))
	must(t, config.Set("again", limits))
	same := closing[*Dict[string, int]](t)(DictAt[string, int](config, "same"))
	got(t, 4)(same.Get("cpu"))
	text, err := ToJSON(config, false)
	got(t, `{"limits":{"cpu":4},"hosts":["a","b"],"plain":{"x":1},"same":{"cpu":4},"again":{"cpu":4}}`)(text, err)
	shallow, err := config.Copy(false)
	must(t, err)
	copied, err := Unpack[map[string]any](shallow)
	got(t, any(r))(copied["limits"], err)
	deep, err := config.Copy(true)
	must(t, err)
	inside, err := Unpack[struct {
		Limits map[string]int `mproc:"limits"`
		Hosts  []string       `mproc:"hosts"`
	}](deep)
	got(t, "{map[cpu:4] [a b]}")(fmt.Sprint(inside), err)

	// It lives as long as something refers to it, or has it open.
	for _, key := range []string{"limits", "same", "again"} {
		must(t, config.Delete(key))
	}
	must(t, same.Close())
	got(t, 4)(limits.Get("cpu"))
	must(t, limits.Close())
	fails(t, second(FollowDict[string, int](config, r)), ErrNotExist)
	fails(t, config.Set("gone", r), ErrNotExist)

	// Inner containers cannot be exported, and references do not lead to other arenas.
	fails(t, second(hosts.Export()), ErrNotSupported)
	elsewhere := dictFor[string, Ref](t, d, "")
	fails(t, second(FollowList[string](elsewhere, refTo(t, hosts))), ErrInvalid)

	// Find or make, and append to what may not be there yet.
	where, existed, err := elsewhere.SetDefault("inner", NewNamespace())
	got(t, false)(existed, err)
	got(t, KindNamespace)(where.Kind(), nil)
	found, existed, err := elsewhere.SetDefault("inner", NewNamespace())
	got(t, true)(existed, err)
	got(t, where)(found, nil)
	settings := closing[*Namespace](t)(NamespaceAt(elsewhere, "inner"))
	must(t, settings.Set("x", 1))
	groups := dictFor[string, []string](t, d, "groups")
	must(t, groups.AppendTo("new", "one"))
	must(t, groups.AppendTo("new", "two"))
	must(t, groups.Set("plain", []string{"one"}))
	must(t, groups.AppendTo("plain", "two"))
	got(t, "[one two]")(func() (string, error) { v, err := groups.Get("plain"); return fmt.Sprint(v), err }())
	grown := closing[*List[string]](t)(ListAt[string](groups, "new"))
	got(t, "[one two]")(func() (string, error) { v, err := grown.Snapshot(); return fmt.Sprint(v), err }())
	fails(t, second(groups.Get("new")), ErrType)
	must(t, groups.SetNewDict("dict"))
	fails(t, groups.AppendTo("dict", 1), ErrType)
	leaf := closing[*Dict[int, int]](t)(DictAt[int, int](groups, "dict"))
	must(t, leaf.Set(1, 1))

	// A circle is freed by Collect only.
	circle := dictFor[string, any](t, d, "circle")
	must(t, circle.Set("a", NewDict()))
	a := closing[*Dict[string, any]](t)(DictAt[string, any](circle, "a"))
	must(t, a.Set("self", a))
	fails(t, second(ToJSON(circle, false)), ErrType)
	before, err := circle.ArenaInfo()
	must(t, err)
	must(t, a.Close())
	must(t, circle.Delete("a"))
	freed, err := circle.Collect()
	got(t, uint64(1))(freed, err)
	after, err := circle.ArenaInfo()
	must(t, err)
	if after.Containers >= before.Containers || after.Used >= before.Used || after.Handles != 0 || before.Handles == 0 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestArenaIsFull(t *testing.T) { everywhere(t, testArenaIsFull) }

func testArenaIsFull(t *testing.T, d *Domain) {
	dict := closing[*Dict[int, []byte]](t)(CreateDict[int, []byte](d, "", &ContainerOptions{Limit: 1 << 20}))
	info, err := dict.ArenaInfo()
	got(t, uint64(1<<20))(info.Limit, err)
	n := 0
	for ; ; n++ {
		if err = dict.Set(n, make([]byte, 10000)); err != nil {
			break
		}
	}
	fails(t, err, ErrFull)
	got(t, n)(dict.Len())
	must(t, dict.Check())
	must(t, dict.Delete(0))
	must(t, dict.Set(n, make([]byte, 9000)))
	must(t, dict.Check())
	fails(t, second(CreateDict[int, int](d, "", &ContainerOptions{Limit: 1 << 50})), ErrInvalid)
}

func TestContainersAllocateOnlyResults(t *testing.T) {
	d, _ := newDomain(t)
	if raceEnabled {
		return // there, pools drop things on purpose
	}
	numbers := dictFor[string, int](t, d, "")
	texts := dictFor[int, string](t, d, "")
	floats := closing[*List[float64]](t)(CreateList[float64](d, "", nil))
	settings := closing[*Namespace](t)(CreateNamespace(d, "", nil))
	must(t, floats.Append(1))
	must(t, settings.Set("size", 1))
	q := closing[*Queue](t)(CreateQueue(d, "", nil))
	if n := testing.AllocsPerRun(100, func() {
		numbers.Set("key", 5)
		numbers.Get("key")
		numbers.Lookup("other")
		numbers.Contains("key")
		numbers.Add("key", 1)
		numbers.CompareAndSwap("key", 6, 5)
		numbers.SetDefault("key", 7)
		texts.Set(1, "a text that is long enough to need memory of its own")
		texts.Get(1)
		texts.Len()
		floats.Set(0, 1.5)
		floats.Get(-1)
		floats.Append(2)
		floats.Pop(-1)
		NamespaceGet[int](settings, "size")
		TryPutValue(q, "message")
		TryGetValue[string](q)
	}); n != 2 {
		t.Errorf("%v allocations, want the two texts' only", n)
	}
}

// Goroutines of one process use the same handle.
func TestDictGoroutines(t *testing.T) { everywhere(t, testDictGoroutines) }

func testDictGoroutines(t *testing.T, d *Domain) {
	dict := dictFor[string, int](t, d, "")
	const goroutines = 4
	ended := make(chan error)
	for range goroutines {
		go func() { ended <- useDict(dict) }()
	}
	for range goroutines {
		must(t, <-ended)
	}
	got(t, 800)(dict.Get("n"))
	got(t, 1)(dict.Len())
}

func useDict(dict *Dict[string, int]) error {
	for i := range 200 {
		key := strconv.Itoa(i % 10)
		_, addErr := dict.Add("n", 1)
		setErr := dict.Set(key, i)
		_, getErr := dict.Get(key)
		deleteErr := dict.Delete(key)
		_, snapshotErr := dict.Snapshot()
		var loopErr error
		for key, value := range dict.All(&loopErr) {
			if key == "" || value < 0 {
				return fmt.Errorf("%q: %d", key, value)
			}
		}
		for _, one := range []struct{ err, but error }{
			{addErr, nil}, {setErr, nil}, {snapshotErr, nil}, {getErr, ErrNotExist}, {deleteErr, ErrNotExist},
			{loopErr, ErrChanged},
		} {
			if one.err != nil && !errors.Is(one.err, one.but) {
				return one.err
			}
		}
	}
	return nil
}

// Processes count words together, are killed in the middle of it, and nothing is half done.
func TestDictOfManyProcesses(t *testing.T) {
	d, dir := newDomain(t)
	counts := dictFor[string, int](t, d, "counts")
	must(t, counts.SetNewList("order"))
	order := closing[*List[int]](t)(ListAt[int](counts, "order"))
	const processes, rounds = 3, 300
	var all []*helper
	for range processes {
		all = append(all, start(t, dir, "count-words", strconv.Itoa(rounds)))
	}
	const victims = 20
	for i := range victims {
		victim := start(t, dir, "count-words", strconv.Itoa(math.MaxInt32))
		victim.says("begun")
		time.Sleep(time.Duration(i) * 100 * time.Microsecond) // somewhere in its work
		victim.kill()
		must(t, counts.Check())
	}
	for _, h := range all {
		h.says("begun")
		h.ends()
	}
	n, err := counts.Get("words")
	must(t, err)
	if n < processes*rounds {
		t.Errorf("%d words were counted", n)
	}
	// Whoever counted, then appended: at most one per victim is missing.
	length, err := order.Len()
	must(t, err)
	if length > n || length < n-victims {
		t.Errorf("%d words, %d in the list", n, length)
	}
	must(t, order.Sort(false))
	values, err := order.Snapshot()
	must(t, err)
	for i := 1; i < len(values); i++ {
		if values[i] == values[i-1] {
			t.Fatalf("%d was given twice", values[i])
		}
	}
	must(t, second(counts.Collect()))
}

func roleCountWords() {
	counts := need(OpenDict[string, int](nil, "counts", nil))
	order := need(ListAt[int](counts, "order"))
	for i := range argument(1) {
		checked(order.Append(need(counts.Add("words", 1))))
		key := "word" + strconv.Itoa(i%7)
		checked(counts.Set(key, i))
		if _, err := counts.Pop(key); err != nil && !errors.Is(err, ErrNotExist) {
			checked(err)
		}
		if i == 0 {
			say("begun")
		}
	}
}

// A dict and what is inside travel: the root by a handle, the inner one by a reference.
func TestContainersTravel(t *testing.T) {
	d, dir := newDomain(t)
	root := dictFor[string, any](t, d, "")
	list := closing[*List[int]](t)(CreateList[int](d, "", nil))
	settings := closing[*Namespace](t)(CreateNamespace(d, "", nil))
	must(t, root.Set("inner", NewList()))
	inner := closing[*List[any]](t)(ListAt[any](root, "inner"))
	must(t, settings.Set("where", inner)) // of another arena: weak
	handles := map[string]*Handle{
		"root": exported(t, root), "list": exported(t, list), "settings": exported(t, settings),
	}
	for kind, h := range map[Kind]*Handle{
		KindDict: handles["root"], KindList: handles["list"], KindNamespace: handles["settings"],
	} {
		got(t, kind)(h.Kind(), nil)
	}
	fails(t, second(ImportList[int](handles["root"], nil)), ErrKind)
	fails(t, second(ImportDict[string, int](handles["settings"], nil)), ErrKind)
	fails(t, second(ImportNamespace(handles["list"], nil)), ErrKind)
	startWith(t, dir, handles, "use-containers").ends()
	got(t, any("hello"))(inner.Get(0))
	got(t, 7)(list.Get(-1))
}

func roleUseContainers() {
	root := need(ImportDict[string, any](need(Inherited("root")), nil))
	list := need(ImportList[int](need(Inherited("list")), nil))
	settings := need(ImportNamespace(need(Inherited("settings")), nil))
	inner := need(FollowList[any](root, need(NamespaceGet[Ref](settings, "where"))))
	checked(inner.Append("hello"))
	checked(list.Append(7))
}

func TestClosedContainers(t *testing.T) {
	d, _ := newDomain(t)
	dict := closing[*Dict[string, int]](t)(CreateDict[string, int](d, "d", nil))
	list := closing[*List[int]](t)(CreateList[int](d, "l", nil))
	settings := closing[*Namespace](t)(CreateNamespace(d, "n", nil))
	for range 2 {
		must(t, dict.Close())
		must(t, list.Close())
		must(t, settings.Close())
	}
	everyContainerIsClosed(t, dict, list, settings)
	everyContainerIsClosed(t, new(Dict[string, int]), new(List[int]), new(Namespace))
	left, err := d.Sweep()
	got(t, 0)(left, err)
}

func everyContainerIsClosed(t *testing.T, d *Dict[string, int], l *List[int], n *Namespace) {
	t.Helper()
	calls := 0
	closed := func(err error) {
		t.Helper()
		calls++
		fails(t, err, ErrClosedHandle)
	}
	_, _, lookup := d.Lookup("x")
	_, _, setDefault := d.SetDefault("x", 1)
	_, _, popItem := d.PopItem()
	_, _, named := NamespaceLookup[int](n, "x")
	for _, err := range []error{
		lookup, setDefault, popItem, named,
		second(d.Get("x")), second(d.Pop("x")), d.Set("x", 1), d.SetNewDict("x"), d.SetNewList("x"), d.Delete("x"),
		second(d.Contains("x")), d.Clear(), d.Update(map[string]int{"x": 1}), second(d.Add("x", 1)),
		d.AppendTo("x", 1), second(d.CompareAndSwap("x", 1, 1)), second(d.CompareAndDelete("x", 1)),
		second(d.Items()), second(d.Snapshot()), second(DictAt[string, int](d, "x")), second(ListAt[int](d, "x")),
		second(l.Get(0)), second(l.Pop(0)), l.Set(0, 1), l.Append(1), l.AppendNewDict(), l.AppendNewList(), l.Extend(1),
		l.ExtendFrom(l), l.Insert(0, 1), l.Delete(0), l.Remove(1), second(l.Index(1)), second(l.Count(1)), l.Reverse(),
		l.Sort(false), l.Repeat(2), l.Clear(), second(l.Slice(0, 1, 1)), second(l.Snapshot()), l.SetSlice(0, 1, 1, nil),
		l.DeleteSlice(0, 1, 1), second(l.Add(0, 1)), second(l.CompareAndSwap(0, 1, 1)), second(NamespaceAt(l, 0)),
		second(n.Get("x")), n.Set("x", 1), second(n.Contains("x")), n.Delete("x"), second(n.Add("x", 1)),
		n.AppendTo("x", 1), second(n.CompareAndSwap("x", 1, 1)), second(n.Items()), second(n.Snapshot()),
		second(FollowDict[string, int](n, Ref{kind: KindDict})),
	} {
		closed(err)
	}
	for _, c := range []interface {
		Container
		Len() (int, error)
		Copy(bool) (Packed, error)
		ArenaInfo() (ArenaInfo, error)
		Check() error
		Collect() (uint64, error)
		Export() (*Handle, error)
	}{d, l, n} {
		closed(second(c.Ref()))
		closed(second(c.Len()))
		closed(second(c.Copy(true)))
		closed(second(c.ArenaInfo()))
		closed(c.Check())
		closed(second(c.Collect()))
		closed(second(c.Export()))
		closed(second(ToJSON(c, false)))
	}
	var failed error
	for range d.All(&failed) {
		t.Error("it is closed")
	}
	closed(failed)
	for range d.Keys(&failed) {
		t.Error("it is closed")
	}
	closed(failed)
	for range d.Values(&failed) {
		t.Error("it is closed")
	}
	closed(failed)
	for range l.Values(&failed) {
		t.Error("it is closed")
	}
	closed(failed)
	got(t, 83)(calls, nil)
}
