package mproc

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestNamespace(t *testing.T) {
	d, dir := newDomain(t)
	n := closing[*Namespace](t)(CreateNamespace(d, "settings", nil))
	fails(t, second(n.Get("size")), ErrNotExist)
	must(t, n.Set("size", 80))
	must(t, n.Set("name", "ä"))
	must(t, n.Set("at", inner{1, 2}))
	must(t, n.Set("none", nil))
	other := open(t, dir)
	defer other.Close()
	same := closing[*Namespace](t)(OpenNamespace(other, "settings", nil))
	got(t, any(int64(80)))(same.Get("size"))
	got(t, int8(80))(NamespaceGet[int8](same, "size"))
	got(t, inner{1, 2})(NamespaceGet[inner](same, "at"))
	got(t, any(nil))(same.Get("none"))
	fails(t, second(NamespaceGet[string](same, "size")), ErrType)
	fails(t, second(NamespaceGet[chan int](same, "size")), ErrType)
	value, found, err := NamespaceLookup[int](same, "size")
	got(t, 80)(value, err)
	got(t, true)(found, nil)
	_, found, err = NamespaceLookup[int](same, "depth")
	got(t, false)(found, err)
	got(t, true)(n.Contains("none"))
	got(t, false)(n.Contains("depth"))
	got(t, any(int64(81)))(n.Add("size", 1))
	got(t, any(0.5))(n.Add("ratio", 0.5))
	fails(t, second(n.Add("name", 1)), ErrType)
	got(t, true)(n.CompareAndSwap("size", 81, 82))
	got(t, false)(n.CompareAndSwap("size", 81, 83))
	must(t, n.AppendTo("hosts", "a"))
	must(t, n.AppendTo("hosts", "b"))
	hosts := closing[*List[string]](t)(ListAt[string](n, "hosts"))
	holds(t, hosts, "a", "b")
	must(t, n.Set("inner", NewNamespace()))
	deeper := closing[*Namespace](t)(NamespaceAt(n, "inner"))
	must(t, deeper.Set("x", 1))
	got(t, 7)(n.Len())
	must(t, n.Delete("none"))
	fails(t, n.Delete("none"), ErrNotExist)

	items, err := n.Items()
	must(t, err)
	var names []string
	for _, i := range items {
		names = append(names, i.Key)
	}
	got(t, "[at hosts inner name ratio size]")(fmt.Sprint(names), nil)
	all, err := n.Snapshot()
	must(t, err)
	for _, i := range items {
		if !reflect.DeepEqual(all[i.Key], i.Value) {
			t.Errorf("%s is %v and %v", i.Key, all[i.Key], i.Value)
		}
	}
	text, err := ToJSON(n, false)
	must(t, err)
	back, err := FromJSON[map[string]any](text)
	must(t, err)
	if !equal(back["at"], inner{1, 2}) || !equal(back["inner"], map[string]int{"x": 1}) || len(back) != len(items) {
		t.Errorf("%s is %v", text, back)
	}

	longest := strings.Repeat("x", 255)
	must(t, n.Set(longest, 1))
	got(t, 1)(NamespaceGet[int](n, longest))
	for _, bad := range []string{"", "_hidden", "a\x00b", "\xff", longest + "x"} {
		fails(t, n.Set(bad, 1), ErrInvalid)
		fails(t, second(n.Get(bad)), ErrInvalid)
		fails(t, n.Delete(bad), ErrInvalid)
		fails(t, second(n.Contains(bad)), ErrInvalid)
		fails(t, second(n.Add(bad, 1)), ErrInvalid)
		fails(t, n.AppendTo(bad, 1), ErrInvalid)
		fails(t, second(n.CompareAndSwap(bad, 1, 1)), ErrInvalid)
	}
	fails(t, n.Set("x", make(chan int)), ErrType)
	must(t, n.Check())
	fails(t, second(CreateNamespace(d, "settings", nil)), ErrExist)
	fails(t, second(OpenNamespace(d, "nobody", nil)), ErrNotExist)
}
