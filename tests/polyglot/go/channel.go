package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// ---- queue, pipe: what both can do ----

// channel is the queue or the end of a pipe that a command is about.
type channel interface {
	put(context.Context, []byte) error
	tryPut([]byte) error
	get(context.Context) ([]byte, error)
	tryGet() ([]byte, error)
	Reserve(context.Context, int) (*mproc.Reservation, error)
	TryReserve(int) (*mproc.Reservation, error)
	Peek(context.Context) (*mproc.Message, error)
	TryPeek() (*mproc.Message, error)
	onReadable() mproc.WaitItem
	onWritable(n int) mproc.WaitItem
	ReadableFd() (int, error)
	WritableFd() (int, error)
	traveller
	Close() error
}

func doChannel(c channel, w words) (string, error) {
	number := func(i int) uint64 { return uint64(w.number(i)) }
	switch w.at(1) {
	case "put":
		return putMessages(c, number(2), number(2)+number(3), w.number(4), w.number(5)), nil
	case "get":
		if w.number(5) > 1 {
			return getBatches(number(2), number(2)+number(3), w.number(4), w.index(5)), nil
		}
		return getMessages(c, number(2), number(2)+number(3), w.number(4), w.number(5), false), nil
	case "resume":
		return getMessages(c, number(2), math.MaxUint64, 0, 1, true), nil
	case "storm":
		n := number(2)
		storm(w.at(3), func() uint64 {
			n += uint64(need(putBatch(c, n, w.index(4), -1)))
			return n
		})
	case "devour":
		n := number(2)
		storm(w.at(3), func() uint64 {
			expectMessage(need(c.get(forever)), n)
			n++
			return n
		})
	case "reserve", "peek", "lease":
		return keep(c, w.at(1), number(2), w.number(3))
	case "commit", "abort", "release", "ack", "putback":
		return "ok", endKept(w.at(1), number(2))
	case "jobs":
		for i := range number(2) {
			if err := c.put(forever, job(i)); err != nil {
				return "", err
			}
		}
		return "ok", nil
	case "work":
		return work(c, w.number(2))
	case "cancel":
		return "ok", cancelling(w.number(3), func(ctx context.Context) error {
			if w.at(2) == "get" {
				_, err := c.get(ctx)
				return err
			}
			return c.put(ctx, []byte("x"))
		})
	case "give":
		return "ok", give(c, w.at(2))
	case "take":
		return "ok", takeHandle(c, w.at(2))
	case "spawn":
		return spawn(c, w)
	case "inherit":
		return "ok", inherit(c)
	case "close":
		clear(kept)
		return "ok", c.Close()
	}
	return "unknown command: " + w.at(0) + " " + w.at(1), nil
}

// waiting is for calls with a result: how to try, and how to wait some milliseconds (-1: without limit).
func waiting[T any](ms int64, try func() (T, error), wait func(context.Context) (T, error)) (t T, err error) {
	if ms == 0 {
		return try()
	}
	err = within(ms, func(ctx context.Context) error {
		t, err = wait(ctx)
		return err
	})
	return t, err
}

// takeOne takes a message, has it looked at, and is done with it.
func takeOne(c channel, way, ms int64, look func([]byte)) error {
	switch {
	case way == 0:
		m, err := waiting(ms, c.TryPeek, c.Peek)
		if err != nil {
			return err
		}
		must(m.View(func(room []byte) error {
			look(room)
			return nil
		}))
		return m.Release()
	case way == polled: // Go's calls poll by themselves, where there is a descriptor
		if _, err := c.ReadableFd(); err != nil {
			return err
		}
	case way == waited:
		return trying(ms, c.onReadable(), func() error { return takeOne(c, 1, 0, look) })
	case way < 0:
		l, err := waiting(ms, queue.TryLease, queue.Lease)
		if err != nil {
			return err
		}
		look(l.Bytes())
		return l.Ack()
	}
	m, err := waiting(ms, c.tryGet, c.get)
	if err == nil {
		look(m)
	}
	return err
}

// ---- numbered messages ----

// next is the answer to a run of puts or gets that has come up to a message.
func next(err error, n uint64) string {
	if err != nil {
		return fmt.Sprintf("error %s %d", wordOf(err), n)
	}
	return fmt.Sprintf("ok %d", n)
}

func expectMessage(m []byte, n uint64) {
	if !bytes.Equal(m, message(n)) {
		panic(fmt.Sprintf("wrong: %d bytes instead of message %d", len(m), n))
	}
}

// writeInPlace reserves a little more than the message needs, and writes it.
func writeInPlace(c channel, m []byte, ms int64) (*mproc.Reservation, error) {
	n := len(m) + slack
	r, err := waiting(ms, func() (*mproc.Reservation, error) { return c.TryReserve(n) },
		func(ctx context.Context) (*mproc.Reservation, error) { return c.Reserve(ctx, n) })
	if err == nil {
		copy(r.Bytes(), m)
	}
	return r, err
}

// putBatch puts some messages with one call, or one in place (0) or trying, and gives how many are in.
func putBatch(c channel, from uint64, way int, ms int64) (done int, err error) {
	if way > 1 {
		messages := make([][]byte, way)
		for i := range messages {
			messages[i] = message(from + uint64(i))
		}
		err = within(ms, func(ctx context.Context) error {
			done, err = queue.PutMany(ctx, messages)
			return err
		})
		return done, err
	}
	if way == polled { // as in takeOne
		if _, err := c.WritableFd(); err != nil {
			return 0, err
		}
	}
	m := message(from)
	switch {
	case way == waited:
		err = trying(ms, c.onWritable(len(m)), func() error { return c.tryPut(m) })
	case way == 0:
		var r *mproc.Reservation
		if r, err = writeInPlace(c, m, ms); err == nil {
			err = r.Commit(len(m))
		}
	case ms == 0:
		err = c.tryPut(m)
	default:
		err = within(ms, func(ctx context.Context) error { return c.put(ctx, m) })
	}
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func putMessages(c channel, n, end uint64, ms, way int64) string {
	for n < end {
		done, err := putBatch(c, n, int(min(int64(end-n), way)), ms)
		n += uint64(done)
		if err != nil {
			return next(err, n)
		}
	}
	return next(nil, n)
}

func getMessages(c channel, n, end uint64, ms, way int64, mayMiss bool) string {
	for n < end {
		err := takeOne(c, way, ms, func(m []byte) {
			if mayMiss && !bytes.Equal(m, message(n)) {
				n++
			}
			mayMiss = false
			expectMessage(m, n)
		})
		if err != nil {
			return next(err, n)
		}
		n++
	}
	return next(nil, n)
}

func getBatches(n, end uint64, ms int64, limit int) string {
	for n < end {
		var all [][]byte
		err := within(ms, func(ctx context.Context) (err error) {
			all, err = queue.GetMany(ctx, int(min(end-n, uint64(limit))))
			return err
		})
		if err != nil {
			return next(err, n)
		}
		for _, m := range all {
			expectMessage(m, n)
			n++
		}
	}
	return next(nil, n)
}

// storm runs rounds that say which message is the next one, for ever.
func storm(doneName string, round func() uint64) {
	done := need(mproc.OpenValue[uint64](nil, doneName, nil))
	for first := true; ; first = false {
		must(done.Store(round()))
		if first {
			fmt.Println("started")
		}
	}
}

// ---- reservations and messages that are kept from one command to another ----

var kept = map[uint64]any{}

func keep(c channel, verb string, number uint64, ms int64) (string, error) {
	var content []byte
	var redelivered bool
	switch verb {
	case "reserve":
		r, err := writeInPlace(c, message(number), ms)
		if err == nil {
			kept[number] = r
		}
		return "ok", err
	case "peek":
		m, err := waiting(ms, c.TryPeek, c.Peek)
		if err != nil {
			return "", err
		}
		kept[number], content, redelivered = m, m.Bytes(), m.Redelivered()
	default:
		l, err := waiting(ms, queue.TryLease, queue.Lease)
		if err != nil {
			return "", err
		}
		kept[number], content, redelivered = l, l.Bytes(), l.Redelivered()
	}
	expectMessage(content, number)
	if redelivered {
		return "recovered", nil
	}
	return "taken", nil
}

func endKept(verb string, number uint64) error {
	one := kept[number]
	delete(kept, number)
	switch verb {
	case "commit":
		return one.(*mproc.Reservation).Commit(len(message(number)))
	case "abort":
		return one.(*mproc.Reservation).Abort()
	case "release":
		return one.(*mproc.Message).Release()
	case "ack":
		return one.(*mproc.Lease).Ack()
	}
	return one.(interface{ PutBack() error }).PutBack()
}

// ---- jobs: messages for several workers ----

var marks *mproc.Array[uint32]

func countMark(i int) { must(marks.Set(i, need(marks.Get(i))+1)) }

// doJob checks a job, and counts it as done.
func doJob(m []byte) {
	i := uint64(math.MaxUint64)
	if len(m) >= 8 {
		i = binary.NativeEndian.Uint64(m)
	}
	if i >= uint64(marks.Len()) || !bytes.Equal(m, job(i)) {
		panic(fmt.Sprintf("wrong: %d bytes are no job", len(m)))
	}
	countMark(int(i))
}

func work(c channel, way int64) (string, error) {
	_, isQueue := c.(queueChannel)
	end := mproc.ErrEOF
	if isQueue {
		end = mproc.ErrClosed
	}
	for done := uint64(0); ; done++ {
		if err := takeOne(c, way, -1, doJob); errors.Is(err, end) {
			return next(nil, done), nil
		} else if err != nil {
			return "", err
		}
		if isQueue && way > 0 {
			must(queue.TaskDone())
		}
		if done == 0 {
			fmt.Println("started")
		}
	}
}

func doMarks(w words) (string, error) {
	switch w.at(1) {
	case "create", "open":
		must(marks.Close())
		shape := &mproc.ArrayOptions{Shape: []int{w.index(3)}}
		var err error
		if w.at(1) == "open" {
			marks, err = mproc.OpenArray[uint32](nil, w.at(2), shape)
		} else {
			marks, err = mproc.CreateArray[uint32](nil, w.at(2), nil, shape)
		}
		return "ok", err
	}
	all := make([]uint32, marks.Len())
	err := marks.Read(0, all)
	never, again := 0, 0
	for _, times := range all {
		if times == 0 {
			never++
		} else if times > 1 {
			again++
		}
	}
	return fmt.Sprint(never, again), err
}
