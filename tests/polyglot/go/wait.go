package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// doWait waits for any of many things.
func doWait(w words) (string, error) {
	var things []string
	var items []mproc.WaitItem
	for _, word := range w[3:] {
		thing, rest, _ := strings.Cut(word, "=")
		things = append(things, thing)
		items = append(items, itemOf(thing, rest))
	}
	ready, err := waitAny(w.at(1), w.number(2), items...)
	answer := "ready"
	for _, i := range ready {
		answer += " " + things[i]
	}
	return answer, err
}

// waitAny is for both commands: waiting with a timeout, and until it is canceled.
func waitAny(how string, ms int64, items ...mproc.WaitItem) (ready []int, err error) {
	wait := func(ctx context.Context) ([]int, error) { return mproc.Wait(ctx, items...) }
	if how != "cancel" {
		return waiting(ms, func() ([]int, error) { return mproc.TryWait(items...) }, wait)
	}
	err = cancelling(ms, func(ctx context.Context) error {
		ready, err = wait(ctx)
		return err
	})
	return ready, err
}

// itemOf is what a word like "room=300" means, of what the worker has open.
func itemOf(thing, rest string) mproc.WaitItem {
	switch thing {
	case "queue":
		return mproc.OnReadable(queue)
	case "room":
		return mproc.OnWritable(queue, need(strconv.Atoi(rest)))
	case "pipe":
		return mproc.OnReadable(pipe)
	case "space":
		return mproc.OnWritable(pipe, need(strconv.Atoi(rest)))
	case "hangup":
		return mproc.OnClosed(pipe)
	case "lock":
		if l, ok := lock.(rlock); ok {
			return mproc.OnFree(l.RLock)
		}
		return mproc.OnFree(lock.(*mproc.Lock))
	case "permit":
		return mproc.OnAvailable(semaphore)
	case "event":
		return mproc.OnSet(event)
	case "value":
		return value.onChange(need(strconv.ParseUint(rest, 16, 64)))
	case "notified":
		return value.onNotified()
	}
	panic("unknown thing: " + thing)
}

// valueWait waits for a value alone.
func valueWait(w words) (string, error) {
	if w.at(2) == "any" {
		_, err := waitAny(w.at(1), w.number(3), value.onNotified())
		return "notified", err
	}
	bits, how := w.bits(2), within
	if w.at(1) == "cancel" {
		how = cancelling
	} else if w.number(3) == 0 { // Go has no attempt to wait: it asks
		_, err := waitAny("any", 0, value.onChange(bits))
		return "changed", err
	}
	return "changed", how(w.number(3), func(ctx context.Context) error { return value.wait(ctx, bits) })
}

// trying calls what only tries until that finds something, and waits in between for one of many things, this one.
func trying(ms int64, item mproc.WaitItem, try func() error) error {
	return within(ms, func(ctx context.Context) error {
		for {
			if err := try(); !errors.Is(err, mproc.ErrTimeout) {
				return err
			}
			if _, err := mproc.Wait(ctx, item); err != nil {
				return err
			}
		}
	})
}
