package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// What is read as Packed stays as it is: the order of a map, too.
var (
	dict  *mproc.Dict[any, mproc.Packed]
	list  *mproc.List[mproc.Packed]
	space *mproc.Namespace

	dictName, listName string // for handles with other types
)

// datum is a word of JSON.
func (w words) datum(i int) mproc.Packed { return need(mproc.FromJSON[mproc.Packed](w.at(i))) }

func jsonOf(value any, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return mproc.ToJSON(value, false)
}

func truth(what bool, err error) (string, error) { return fmt.Sprint(what), err }

func infoOf(info mproc.ArenaInfo, err error) (string, error) {
	return fmt.Sprint(info.Steals, " ", info.Rollbacks), err
}

// ---- entries of a storm ----

// stormEntry is a list of its serial and a text whose length follows from that.
func stormEntry(serial uint64) []any {
	return []any{serial, strings.Repeat("x", agreedText(serial))}
}

func stormSerial(entry []any) uint64 {
	serial := uint64(entry[0].(int64))
	if len(entry) != 2 || entry[1] != strings.Repeat("x", agreedText(serial)) {
		panic(fmt.Sprint("wrong: another entry at ", serial))
	}
	return serial
}

// succession is of entries that follow each other.
type succession struct{ first, next uint64 }

func (s *succession) add(serial uint64) {
	if s.next == 0 {
		s.first = serial
	} else if serial != s.next {
		panic(fmt.Sprint("wrong: a gap at ", serial))
	}
	s.next = serial + 1
}

func (s *succession) answer(arena error) (string, error) {
	return fmt.Sprint("ok ", s.first, " ", s.next), arena
}

// stormOf adds entry after entry.
func stormOf(w words, add func(serial uint64)) {
	next := uint64(w.number(2))
	storm(w.at(3), func() uint64 {
		add(next)
		next++
		return next - 1
	})
}

// ---- dict ----

var agreedBytes = []byte{0, 255, 10}

// dictFill stores one of everything.
func dictFill() {
	d := need(mproc.OpenDict[any, any](nil, dictName, nil))
	defer d.Close()
	must(d.Set("nothing", nil))
	must(d.Set("yes", true))
	must(d.Set("small", int8(-5)))
	must(d.Set("large", uint64(math.MaxUint64)))
	must(d.Set("half", 0.5))
	must(d.Set("text", agreedString))
	must(d.Set("bytes", agreedBytes))
	must(d.Set("list", []any{1, "two", []float64{0.5}}))
	must(d.Set(7, "seven"))
	must(d.Set(true, "true"))
}

func dictLook() string {
	d := need(mproc.OpenDict[any, any](nil, dictName, nil))
	defer d.Close()
	numbers := need(mproc.OpenDict[string, int](nil, dictName, nil))
	defer numbers.Close()
	list := need(d.Get("list")).([]any)
	if need(d.Get("nothing")) == nil && need(d.Get("yes")) == true && need(numbers.Get("small")) == -5 &&
		need(d.Get("large")) == uint64(math.MaxUint64) && need(d.Get("half")) == 0.5 &&
		need(d.Get("text")) == agreedString && bytes.Equal(need(d.Get("bytes")).([]byte), agreedBytes) &&
		len(list) == 3 && list[0] == int64(1) && list[1] == "two" && list[2].([]any)[0] == 0.5 &&
		need(d.Get(7)) == "seven" && need(d.Get(true)) == "true" {
		return "ok"
	}
	return "wrong"
}

func dictCount(w words) {
	key, one := w.datum(3), need(mproc.Pack(1))
	passGate(w.at(2))
	for i := w.number(4); i > 0; i-- {
		need(dict.Add(key, one))
	}
}

// dictSwaps counts by reading and comparing, until nobody has come between.
func dictSwaps(w words) {
	d := need(mproc.OpenDict[any, int](nil, dictName, nil))
	defer d.Close()
	key := w.datum(3)
	passGate(w.at(2))
	for i := w.number(4); i > 0; i-- {
		for {
			old := need(d.Get(key))
			if need(d.CompareAndSwap(key, old, old+1)) {
				break
			}
		}
	}
}

func dictStorm(w words) {
	d := need(mproc.OpenDict[uint64, []any](nil, dictName, nil))
	stormOf(w, func(serial uint64) {
		must(d.Set(serial, stormEntry(serial)))
		for size := need(d.Len()); size > stormWindow; size = need(d.Len()) {
			must(d.Delete(serial + 1 - uint64(size)))
		}
	})
}

func dictCheck() (string, error) {
	d := need(mproc.OpenDict[uint64, []any](nil, dictName, nil))
	defer d.Close()
	var all succession
	var failed error
	for key, entry := range d.All(&failed) {
		if key != stormSerial(entry) {
			panic(fmt.Sprint("wrong: another key at ", key))
		}
		all.add(key)
	}
	must(failed)
	return all.answer(d.Check())
}

func doDict(w words) (string, error) {
	var err error
	switch w.at(1) {
	case "create", "open":
		must(dict.Close())
		dictName = w.at(2)
		if w.at(1) == "open" {
			dict, err = mproc.OpenDict[any, mproc.Packed](nil, dictName, nil)
		} else {
			dict, err = mproc.CreateDict[any, mproc.Packed](nil, dictName, nil)
		}
		return "ok", err
	case "fill":
		dictFill()
		return "ok", nil
	case "look":
		return dictLook(), nil
	case "set":
		return "ok", dict.Set(w.datum(2), w.datum(3))
	case "get":
		return jsonOf(dict.Get(w.datum(2)))
	case "delete":
		return "ok", dict.Delete(w.datum(2))
	case "has":
		return truth(dict.Contains(w.datum(2)))
	case "size":
		size, err := dict.Len()
		return fmt.Sprint(size), err
	case "add":
		return jsonOf(dict.Add(w.datum(2), w.datum(3)))
	case "append":
		return "ok", dict.AppendTo(w.datum(2), w.datum(3))
	case "swap":
		return truth(dict.CompareAndSwap(w.datum(2), w.datum(3), w.datum(4)))
	case "nest":
		return "ok", dict.SetNewList(w.datum(2))
	case "enter":
		must(list.Close())
		list, err = mproc.ListAt[mproc.Packed, any](dict, w.datum(2))
		return "ok", err
	case "dump":
		return mproc.ToJSON(dict, false)
	case "count":
		dictCount(w)
		return "ok", nil
	case "swaps":
		dictSwaps(w)
		return "ok", nil
	case "storm":
		dictStorm(w)
	case "check":
		return dictCheck()
	case "info":
		return infoOf(dict.ArenaInfo())
	}
	panic("unknown command: dict " + w.at(1))
}

// ---- list ----

// listRace appends pairs of who and how many before.
func listRace(w words) {
	l := need(mproc.OpenList[[]any](nil, listName, nil))
	defer l.Close()
	passGate(w.at(2))
	for i := range w.number(4) {
		must(l.Append([]any{w.at(3), i}))
	}
}

func listRaced() (string, error) {
	l := need(mproc.OpenList[[]any](nil, listName, nil))
	defer l.Close()
	next, count := map[string]int64{}, 0
	var failed error
	for pair := range l.Values(&failed) {
		name := pair[0].(string)
		if pair[1] != next[name] {
			panic(fmt.Sprint("wrong: another pair at ", count))
		}
		next[name]++
		count++
	}
	return fmt.Sprint(count), failed
}

func listStorm(w words) {
	l := need(mproc.OpenList[[]any](nil, listName, nil))
	stormOf(w, func(serial uint64) {
		must(l.Append(stormEntry(serial)))
		for need(l.Len()) > stormWindow {
			need(l.Pop(0))
		}
	})
}

func listCheck() (string, error) {
	l := need(mproc.OpenList[[]any](nil, listName, nil))
	defer l.Close()
	var all succession
	for _, entry := range need(l.Snapshot()) {
		all.add(stormSerial(entry))
	}
	return all.answer(l.Check())
}

func doList(w words) (string, error) {
	var err error
	switch w.at(1) {
	case "create", "open":
		must(list.Close())
		listName = w.at(2)
		if w.at(1) == "open" {
			list, err = mproc.OpenList[mproc.Packed](nil, listName, nil)
		} else {
			list, err = mproc.CreateList[mproc.Packed](nil, listName, nil)
		}
		return "ok", err
	case "append":
		return "ok", list.Append(w.datum(2))
	case "extend":
		return "ok", list.Extend(need(mproc.Unpack[[]mproc.Packed](w.datum(2)))...)
	case "insert":
		return "ok", list.Insert(w.index(2), w.datum(3))
	case "get":
		return jsonOf(list.Get(w.index(2)))
	case "set":
		return "ok", list.Set(w.index(2), w.datum(3))
	case "pop":
		return jsonOf(list.Pop(w.index(2)))
	case "size":
		size, err := list.Len()
		return fmt.Sprint(size), err
	case "sort":
		return "ok", list.Sort(false)
	case "dump":
		return mproc.ToJSON(list, false)
	case "race":
		listRace(w)
		return "ok", nil
	case "raced":
		return listRaced()
	case "storm":
		listStorm(w)
	case "check":
		return listCheck()
	case "info":
		return infoOf(list.ArenaInfo())
	}
	panic("unknown command: list " + w.at(1))
}

// ---- namespace ----

func doSpace(w words) (string, error) {
	var err error
	switch w.at(1) {
	case "create", "open":
		must(space.Close())
		if w.at(1) == "open" {
			space, err = mproc.OpenNamespace(nil, w.at(2), nil)
		} else {
			space, err = mproc.CreateNamespace(nil, w.at(2), nil)
		}
		return "ok", err
	case "set":
		return "ok", space.Set(w.at(2), w.datum(3))
	case "get":
		return jsonOf(space.Get(w.at(2)))
	case "delete":
		return "ok", space.Delete(w.at(2))
	case "has":
		return truth(space.Contains(w.at(2)))
	case "size":
		size, err := space.Len()
		return fmt.Sprint(size), err
	case "add":
		return jsonOf(space.Add(w.at(2), w.datum(3)))
	case "dump":
		return mproc.ToJSON(space, false)
	}
	panic("unknown command: space " + w.at(1))
}
