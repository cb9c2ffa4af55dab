package main

import (
	"fmt"
	"strconv"
	"strings"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// ---- array ----

type anyArray interface {
	shape() string
	read() (string, error)
	get(i, j int) (int64, error)
	set(i, j int, n int64) error
	write(start, count int, n int64) error
	negate() error
	weave(parity int, rounds int64) string
	Close() error
}

type integer interface{ int8 | int32 | uint32 | int64 }

type arrayOf[T integer] struct{ *mproc.Array[T] }

func (a arrayOf[T]) shape() string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(a.Shape()), "[]"), " ", "x")
}

func (a arrayOf[T]) read() (string, error) {
	all := make([]T, a.Len())
	err := a.Read(0, all)
	return strings.Trim(fmt.Sprint(all), "[]"), err
}

func (a arrayOf[T]) get(i, j int) (int64, error) {
	at, err := a.Index(i, j)
	if err != nil {
		return 0, err
	}
	n, err := a.Get(at)
	return int64(n), err
}

func (a arrayOf[T]) set(i, j int, n int64) error {
	at, err := a.Index(i, j)
	if err != nil {
		return err
	}
	return a.Set(at, T(n))
}

func (a arrayOf[T]) write(start, count int, n int64) error {
	list := make([]T, count)
	for i := range list {
		list[i] = T(n + int64(i))
	}
	return a.Write(start, list)
}

func (a arrayOf[T]) negate() error {
	return a.View(func(all []T) error {
		for i := range all {
			all[i] = -all[i]
		}
		return nil
	})
}

func (a arrayOf[T]) weave(parity int, rounds int64) string {
	for round := int64(1); round <= rounds; round++ {
		for i := parity; i < a.Len(); i += 2 {
			must(a.Set(i, T(round+int64(i))))
		}
		for i := parity; i < a.Len(); i += 2 {
			if seen := need(a.Get(i)); seen != T(round+int64(i)) {
				return fmt.Sprintf("element %d is %d in round %d", i, seen, round)
			}
		}
	}
	return "ok"
}

func shapeOf(word string) (shape []int) {
	if word == "any" {
		return nil
	}
	for _, n := range strings.Split(word, "x") {
		shape = append(shape, need(strconv.Atoi(n)))
	}
	return shape
}

func makeArray[T integer](w words) (anyArray, error) {
	options := &mproc.ArrayOptions{Shape: shapeOf(w.at(4))}
	if w.at(1) == "open" {
		a, err := mproc.OpenArray[T](nil, w.at(2), options)
		return arrayOf[T]{a}, err
	}
	elements := 1
	for _, n := range options.Shape {
		elements *= n
	}
	initial := make([]T, elements)
	for i := range initial {
		initial[i] = T(i)
	}
	a, err := mproc.CreateArray(nil, w.at(2), initial, options)
	return arrayOf[T]{a}, err
}

var arrayMakers = map[string]func(words) (anyArray, error){
	"i8": makeArray[int8], "i32": makeArray[int32], "u32": makeArray[uint32], "i64": makeArray[int64],
}

var array anyArray

func doArray(w words) (string, error) {
	switch w.at(1) {
	case "create", "open":
		if array != nil {
			must(array.Close())
		}
		made, err := arrayMakers[w.at(3)](w)
		array = made
		return "ok", err
	case "shape":
		return array.shape(), nil
	case "read":
		return array.read()
	case "get":
		n, err := array.get(w.index(2), w.index(3))
		return strconv.FormatInt(n, 10), err
	case "set":
		return "ok", array.set(w.index(2), w.index(3), w.number(4))
	case "write":
		return "ok", array.write(w.index(2), w.index(3), w.number(4))
	case "negate":
		return "ok", array.negate()
	case "weave":
		passGate(w.at(2))
		return array.weave(w.index(3), w.number(4)), nil
	}
	return "ok", array.Close()
}

// ---- cells: an array of structs ----

var cells *mproc.Array[cellData]

// cellsStore writes the whole array in one call, then again one by one.
func cellsStore(serial uint64) {
	all := make([]cellData, cells.Len())
	for i := range all {
		all[i] = makeCell(serial, i)
	}
	must(cells.Write(0, all))
	for i := range all {
		must(cells.Set(i, makeCell(serial+1, i)))
	}
}

func cellsCheck() string {
	all := make([]cellData, cells.Len())
	must(cells.Read(0, all))
	for i, c := range all {
		now := need(cells.Get(i))
		if !whole(c.Serial+uint64(i), c.Words[:]) || !whole(now.Serial+uint64(i), now.Words[:]) || now.Serial < c.Serial {
			panic(fmt.Sprintf("element %d is torn or old: serials %d, then %d", i, c.Serial, now.Serial))
		}
	}
	return "ok"
}

func doCells(w words) (string, error) {
	switch w.at(1) {
	case "create", "open":
		must(cells.Close())
		options := &mproc.ArrayOptions{Shape: []int{w.index(3)}}
		options.Schema, options.NoSchema = schema(w.at(4))
		var err error
		if w.at(1) == "open" {
			cells, err = mproc.OpenArray[cellData](nil, w.at(2), options)
		} else {
			cells, err = mproc.CreateArray[cellData](nil, w.at(2), nil, options)
		}
		return "ok", err
	case "storm":
		serial := need(cells.Get(0)).Serial + 1
		for first := true; ; first = false {
			cellsStore(serial)
			serial += 2
			if first {
				fmt.Println("started")
			}
		}
	case "store":
		cellsStore(need(cells.Get(0)).Serial + 1)
		return "ok", nil
	case "check":
		return cellsCheck(), nil
	}
	info, err := cells.Info()
	return fmt.Sprint(info.Steals, info.Rollbacks), err
}
