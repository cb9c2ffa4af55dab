package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// ---- value ----

type anyValue interface {
	load() (uint64, error)
	store(bits uint64) error
	fetch(operation string, bits uint64) (uint64, error)
	add(count int64, bits uint64) error
	wait(ctx context.Context, expected uint64) error
	onChange(expected uint64) mproc.WaitItem
	onNotified() mproc.WaitItem
	Notify(n int) error
	NotifyAll() error
	Close() error
}

type valueOf[T any] struct{ *mproc.Value[T] }

// bytesOf is the memory of a number.
func bytesOf[T any](t *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(*t))
}

func toBits[T any](t T) uint64 {
	switch b := bytesOf(&t); len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	default:
		return binary.NativeEndian.Uint64(b)
	}
}

func fromBits[T any](bits uint64) (t T) {
	switch b := bytesOf(&t); len(b) {
	case 1:
		b[0] = byte(bits)
	case 2:
		binary.NativeEndian.PutUint16(b, uint16(bits))
	case 4:
		binary.NativeEndian.PutUint32(b, uint32(bits))
	default:
		binary.NativeEndian.PutUint64(b, bits)
	}
	return t
}

func (v valueOf[T]) load() (uint64, error) {
	t, err := v.Load()
	return toBits(t), err
}

func (v valueOf[T]) store(bits uint64) error { return v.Store(fromBits[T](bits)) }

func (v valueOf[T]) fetch(operation string, bits uint64) (uint64, error) {
	fetch := map[string]func(T) (T, error){
		"add": v.FetchAdd, "sub": v.FetchSub, "min": v.FetchMin, "max": v.FetchMax,
		"and": v.FetchAnd, "or": v.FetchOr, "xor": v.FetchXor,
	}[operation]
	before, err := fetch(fromBits[T](bits))
	return toBits(before), err
}

func (v valueOf[T]) add(count int64, bits uint64) error {
	delta := fromBits[T](bits)
	for range count {
		if _, err := v.Add(delta); err != nil {
			return err
		}
	}
	return nil
}

func (v valueOf[T]) wait(ctx context.Context, expected uint64) error {
	return v.Wait(ctx, fromBits[T](expected))
}

func (v valueOf[T]) onChange(expected uint64) mproc.WaitItem {
	return mproc.OnChange(v.Value, fromBits[T](expected))
}

func (v valueOf[T]) onNotified() mproc.WaitItem { return mproc.OnNotified(v.Value) }

func makeValue[T any](w words) (anyValue, error) {
	var v *mproc.Value[T]
	var err error
	if w.at(1) == "open" {
		v, err = mproc.OpenValue[T](nil, w.at(2), nil)
	} else {
		var zero T
		v, err = mproc.CreateValue(nil, w.at(2), zero, &mproc.ValueOptions{Persist: w.at(1) == "keep"})
	}
	return valueOf[T]{v}, err
}

var valueMakers = map[string]func(words) (anyValue, error){
	"i8": makeValue[int8], "u8": makeValue[uint8], "i16": makeValue[int16], "u16": makeValue[uint16],
	"i32": makeValue[int32], "u32": makeValue[uint32], "i64": makeValue[int64], "u64": makeValue[uint64],
	"f32": makeValue[float32], "f64": makeValue[float64], "char8": makeValue[mproc.Char8],
	"char32": makeValue[mproc.Char32], "bool": makeValue[bool],
}

var value anyValue

func doValue(w words) (string, error) {
	switch w.at(1) {
	case "create", "keep", "open":
		if value != nil {
			must(value.Close())
		}
		made, err := valueMakers[w.at(3)](w)
		value = made
		return "ok", err
	case "load":
		bits, err := value.load()
		return fmt.Sprintf("%x", bits), err
	case "store":
		return "ok", value.store(w.bits(2))
	case "fetch":
		before, err := value.fetch(w.at(2), w.bits(3))
		return fmt.Sprintf("%x", before), err
	case "add":
		passGate(w.at(2))
		return "ok", value.add(w.number(3), w.bits(4))
	case "wait", "cancel":
		return valueWait(w)
	case "notify":
		if w.at(2) == "all" {
			return "ok", value.NotifyAll()
		}
		return "ok", value.Notify(w.index(2))
	}
	return "ok", value.Close()
}

// ---- record ----

var record *mproc.Value[recordData]

func text(r recordData) string {
	on := 0
	if r.On {
		on = 1
	}
	return fmt.Sprintf("%d %x %d %d %d %d %s %x %x", r.ID, math.Float64bits(r.Ratio), r.Count, r.Level, on, r.Code, r.Tag[:],
		math.Float32bits(r.Weight[0]), math.Float32bits(r.Weight[1]))
}

// schema is what the options say: agreed and other are given as such, none gives none.
func schema(word string) (number uint64, none bool) {
	switch word {
	case "agreed":
		return schemaAgreed, false
	case "other":
		return schemaOther, false
	}
	return 0, true
}

func doRecord(w words) (string, error) {
	switch w.at(1) {
	case "create", "open":
		must(record.Close())
		var options mproc.ValueOptions
		options.Schema, options.NoSchema = schema(w.at(3))
		var err error
		if w.at(1) == "open" {
			record, err = mproc.OpenValue[recordData](nil, w.at(2), &options)
		} else {
			record, err = mproc.CreateValue(nil, w.at(2), recordData{}, &options)
		}
		return "ok", err
	case "store":
		r := makeRecord(w.index(2))
		return text(r), record.Store(r)
	}
	r, err := record.Load()
	return text(r), err
}

// ---- block: a larger struct, for those who are killed in the middle ----

var block struct {
	data *mproc.Value[blockData]
	done *mproc.Value[uint64]
}

func blockStore(serial uint64) {
	must(block.data.Store(*makeBlock(serial)))
	must(block.done.Store(serial))
}

func blockCheck(count int64) string {
	var last, done uint64
	for range count {
		done = need(block.done.Load())
		b := need(block.data.Load())
		if !whole(b.Serial, b.Words[:]) || b.Serial < done || b.Serial < last {
			return fmt.Sprintf("torn or old: serial %d after %d, done %d", b.Serial, last, done)
		}
		last = b.Serial
	}
	return fmt.Sprintf("ok %d %d", last, done)
}

func doBlock(w words) (string, error) {
	options := &mproc.ValueOptions{Schema: schemaAgreed}
	switch w.at(1) {
	case "create":
		block.data = need(mproc.CreateValue(nil, w.at(2), *makeBlock(0), options))
		block.done = need(mproc.CreateValue[uint64](nil, w.at(3), 0, nil))
	case "open":
		block.data = need(mproc.OpenValue[blockData](nil, w.at(2), options))
		block.done = need(mproc.OpenValue[uint64](nil, w.at(3), nil))
	case "storm":
		serial := need(block.data.Load()).Serial
		must(block.done.Store(serial))
		for first := true; ; first = false {
			serial++
			blockStore(serial)
			if first {
				fmt.Println("started")
			}
		}
	case "check":
		return blockCheck(w.number(2)), nil
	case "store":
		blockStore(need(block.data.Load()).Serial + 1)
	default:
		info, err := block.data.Info()
		return fmt.Sprint(info.Steals, " 0"), err
	}
	return "ok", nil
}
