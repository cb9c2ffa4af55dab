package main

import (
	"bytes"
	"context"
	"fmt"
	"math"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

var queue *mproc.Queue

// next is the answer to a run of puts or gets that has come up to a message.
func next(err error, n uint64) string {
	if err != nil {
		return fmt.Sprintf("error %s %d", wordOf(err), n)
	}
	return fmt.Sprintf("ok %d", n)
}

// putBatch puts some messages with one call, and gives how many are in.
func putBatch(from uint64, count int, ms int64) (done int, err error) {
	if count > 1 {
		messages := make([][]byte, count)
		for i := range messages {
			messages[i] = message(from + uint64(i))
		}
		err = within(ms, func(ctx context.Context) error {
			done, err = queue.PutMany(ctx, messages)
			return err
		})
		return done, err
	}
	if ms == 0 {
		err = queue.TryPut(message(from))
	} else {
		err = within(ms, func(ctx context.Context) error { return queue.Put(ctx, message(from)) })
	}
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func queuePut(n, end uint64, ms, batch int64) string {
	for n < end {
		done, err := putBatch(n, int(min(end-n, uint64(batch))), ms)
		n += uint64(done)
		if err != nil {
			return next(err, n)
		}
	}
	return next(nil, n)
}

func wrong(m []byte, n uint64) string {
	return fmt.Sprintf("wrong: %d bytes instead of message %d", len(m), n)
}

func queueGet(n, end uint64, ms int64, mayMiss bool) string {
	for n < end {
		var m []byte
		var err error
		if ms == 0 {
			m, err = queue.TryGet()
		} else {
			err = within(ms, func(ctx context.Context) error {
				m, err = queue.Get(ctx)
				return err
			})
		}
		if err != nil {
			return next(err, n)
		}
		if mayMiss && !bytes.Equal(m, message(n)) {
			n++
		}
		mayMiss = false
		if !bytes.Equal(m, message(n)) {
			return wrong(m, n)
		}
		n++
	}
	return next(nil, n)
}

func queueGetMany(n, end uint64, ms, batch int64) string {
	for n < end {
		var all [][]byte
		err := within(ms, func(ctx context.Context) (err error) {
			all, err = queue.GetMany(ctx, int(min(end-n, uint64(batch))))
			return err
		})
		if err != nil {
			return next(err, n)
		}
		for _, m := range all {
			if !bytes.Equal(m, message(n)) {
				return wrong(m, n)
			}
			n++
		}
	}
	return next(nil, n)
}

func doQueue(w words) (string, error) {
	switch w.at(1) {
	case "create", "open":
		must(queue.Close())
		options := &mproc.QueueOptions{Capacity: uint64(w.number(3))}
		var err error
		if w.at(1) == "open" {
			queue, err = mproc.OpenQueue(nil, w.at(2), options)
		} else {
			queue, err = mproc.CreateQueue(nil, w.at(2), options)
		}
		return "ok", err
	case "put":
		from := uint64(w.number(2))
		return queuePut(from, from+uint64(w.number(3)), w.number(4), w.number(5)), nil
	case "get":
		from := uint64(w.number(2))
		if w.number(5) > 1 {
			return queueGetMany(from, from+uint64(w.number(3)), w.number(4), w.number(5)), nil
		}
		return queueGet(from, from+uint64(w.number(3)), w.number(4), false), nil
	case "resume":
		return queueGet(uint64(w.number(2)), math.MaxUint64, 0, true), nil
	case "storm":
		done := need(mproc.OpenValue[uint64](nil, w.at(3), nil))
		n := uint64(w.number(2))
		for first := true; ; first = false {
			n += uint64(need(putBatch(n, w.index(4), -1)))
			must(done.Store(n))
			if first {
				fmt.Println("started")
			}
		}
	case "devour":
		done := need(mproc.OpenValue[uint64](nil, w.at(3), nil))
		n := uint64(w.number(2))
		for first := true; ; first = false {
			if m := need(queue.Get(forever)); !bytes.Equal(m, message(n)) {
				panic(wrong(m, n))
			}
			n++
			must(done.Store(n))
			if first {
				fmt.Println("started")
			}
		}
	case "cancel":
		return "ok", cancelling(w.number(3), func(ctx context.Context) error {
			if w.at(2) == "get" {
				_, err := queue.Get(ctx)
				return err
			}
			return queue.Put(ctx, []byte("x"))
		})
	case "shutdown":
		return "ok", queue.Shutdown(w.at(2) == "immediate")
	case "size":
		n, err := queue.Len()
		return fmt.Sprint(n), err
	}
	info, err := queue.Info()
	return fmt.Sprint(info.Steals, " 0"), err
}
