package main

import (
	"context"
	"strconv"
	"strings"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// locker is a lock, an rlock with its owner, or a value or array with a lock of its own.
type locker interface {
	Lock(context.Context) (recovered bool, err error)
	TryLock() (recovered bool, err error)
	Unlock() error
	With(context.Context, func(recovered bool) error) error
	Export() (*mproc.Handle, error)
	Close() error
}

var lock locker

// me is who takes what belongs to an owner.
var me = mproc.NewToken()

type rlock struct{ *mproc.RLock }

func (l rlock) Lock(ctx context.Context) (bool, error) { return l.RLock.Lock(ctx, me) }
func (l rlock) TryLock() (bool, error)                 { return l.RLock.TryLock(me) }
func (l rlock) Unlock() error                          { return l.RLock.Unlock(me) }
func (l rlock) With(ctx context.Context, f func(bool) error) error {
	return l.RLock.With(ctx, me, f)
}

func doLock(w words) (string, error) {
	switch w.at(1) {
	case "create", "open":
		return "ok", makeLock(w)
	case "take":
		return held(waiting(w.number(2), lock.TryLock, lock.Lock))
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
	case "count":
		info, err := lock.(rlock).Info()
		return strconv.Itoa(info.Count), err
	case "close":
		err := lock.Close()
		lock = nil
		return "ok", err
	}
	return travel(lock, importLock, w)
}

func importLock(handle *mproc.Handle) (err error) {
	if lock != nil {
		must(lock.Close())
		lock = nil
	}
	var made locker
	if handle.Kind() == mproc.KindRLock {
		var l *mproc.RLock
		l, err = mproc.ImportRLock(handle, nil)
		made = rlock{l}
	} else {
		made, err = mproc.ImportLock(handle, nil)
	}
	if err == nil {
		lock = made
	}
	return err
}

func makeLock(w words) error {
	create, name := w.at(1) == "create", strings.TrimPrefix(w.at(3), "-")
	shape := &mproc.ArrayOptions{Shape: []int{4}}
	var made locker
	var err error
	switch kind := w.at(2); {
	case (kind == "lock" || kind == "any") && create:
		made, err = mproc.CreateLock(nil, name, &mproc.LockOptions{AnyRelease: kind == "any"})
	case kind == "lock" || kind == "any":
		made, err = mproc.OpenLock(nil, name, nil)
	case kind == "rlock":
		open := mproc.OpenRLock
		if create {
			open = mproc.CreateRLock
		}
		var l *mproc.RLock
		l, err = open(nil, name, nil)
		made = rlock{l}
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

// held is the answer to an attempt to take something.
func held(recovered bool, err error) (string, error) {
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
	case rlock:
		var info mproc.RLockInfo
		info, err = l.Info()
		who = info.Owner
	case interface{ LockOwner() (mproc.Owner, error) }:
		who, err = l.LockOwner()
	}
	if !who.Held {
		return "nobody", err
	}
	return strconv.Itoa(who.PID), err
}
