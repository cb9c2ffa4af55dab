package main

import (
	"context"
	"strconv"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// locker is a lock, or a value or array with a lock of its own.
type locker interface {
	Lock(context.Context) (recovered bool, err error)
	TryLock() (recovered bool, err error)
	Unlock() error
	With(context.Context, func(recovered bool) error) error
	Close() error
}

var lock locker

func doLock(w words) (string, error) {
	switch w.at(1) {
	case "create", "open":
		return "ok", makeLock(w)
	case "take":
		return take(w.number(2))
	case "give":
		return "ok", lock.Unlock()
	case "owner":
		return owner()
	case "cancel":
		return "held", cancelling(w.number(2), func(ctx context.Context) error {
			_, err := lock.Lock(ctx)
			return err
		})
	case "race":
		plain := need(mproc.OpenValue[int64](nil, w.at(3), nil))
		defer plain.Close()
		passGate(w.at(2))
		for range w.number(4) {
			must(lock.With(forever, func(bool) error { return plain.Store(need(plain.Load()) + 1) }))
		}
		return "ok", nil
	}
	err := lock.Close()
	lock = nil
	return "ok", err
}

func makeLock(w words) error {
	create, name := w.at(1) == "create", w.at(3)
	shape := &mproc.ArrayOptions{Shape: []int{4}}
	var made locker
	var err error
	switch kind := w.at(2); {
	case kind == "lock" && create:
		made, err = mproc.CreateLock(nil, name, nil)
	case kind == "lock":
		made, err = mproc.OpenLock(nil, name, nil)
	case kind == "value" && create:
		made, err = mproc.CreateValue[int32](nil, name, 0, nil)
	case kind == "value":
		made, err = mproc.OpenValue[int32](nil, name, nil)
	case create:
		made, err = mproc.CreateArray[int32](nil, name, nil, shape)
	default:
		made, err = mproc.OpenArray[int32](nil, name, shape)
	}
	if err == nil {
		lock = made
	}
	return err
}

func take(ms int64) (string, error) {
	var recovered bool
	var err error
	if ms == 0 {
		recovered, err = lock.TryLock()
	} else {
		err = within(ms, func(ctx context.Context) error {
			recovered, err = lock.Lock(ctx)
			return err
		})
	}
	if recovered {
		return "recovered", err
	}
	return "held", err
}

func owner() (string, error) {
	var who mproc.Owner
	var err error
	switch l := lock.(type) {
	case *mproc.Lock:
		who, err = l.Owner()
	case interface{ LockOwner() (mproc.Owner, error) }:
		who, err = l.LockOwner()
	}
	if !who.Held {
		return "nobody", err
	}
	return strconv.Itoa(who.PID), err
}
