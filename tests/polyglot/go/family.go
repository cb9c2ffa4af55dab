package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// ---- rwlock ----

var rwlock *mproc.RWLock

func doRWLock(w words) (string, error) {
	wait, try, unlock := rwlock.RLock, rwlock.TryRLock, rwlock.RUnlock
	if w.at(2) == "write" {
		wait, try, unlock = rwlock.Lock, rwlock.TryLock, rwlock.Unlock
	}
	var err error
	switch w.at(1) {
	case "create":
		rwlock, err = mproc.CreateRWLock(nil, strings.TrimPrefix(w.at(2), "-"), nil)
		return "ok", err
	case "open":
		rwlock, err = mproc.OpenRWLock(nil, w.at(2), nil)
		return "ok", err
	case "take":
		return held(waiting(w.number(3), try, wait))
	case "give":
		return "ok", unlock()
	case "cancel":
		return "held", cancelling(w.number(3), func(ctx context.Context) error {
			_, err := wait(ctx)
			return err
		})
	case "info":
		info, err := rwlock.Info()
		writer, state := "nobody", "clean"
		if info.Writing {
			writer = "writing"
		} else if info.Writer.Held {
			writer = "waiting"
		}
		if info.Inconsistent {
			state = "inconsistent"
		}
		return fmt.Sprint(info.Readers, " ", writer, " ", state), err
	case "race":
		rwlockRace(w)
		return "ok", nil
	case "close":
		err, rwlock = rwlock.Close(), nil
		return "ok", err
	}
	return travel(rwlock, func(handle *mproc.Handle) (err error) {
		rwlock, err = mproc.ImportRWLock(handle, nil)
		return err
	}, w)
}

func rwlockRace(w words) {
	even := need(mproc.OpenValue[int64](nil, w.at(3), nil))
	defer even.Close()
	look := func() int64 {
		now := need(even.Load())
		if now%2 != 0 {
			panic("wrong: somebody writes meanwhile")
		}
		return now
	}
	passGate(w.at(2))
	for i := w.number(4); i > 0; i-- {
		if i%4 == 0 {
			must(rwlock.With(forever, func(bool) error {
				now := look()
				must(even.Store(now + 1))
				return even.Store(now + 2)
			}))
		} else {
			must(rwlock.WithRLock(forever, func(bool) error {
				look()
				return nil
			}))
		}
	}
}

// ---- semaphore ----

var semaphore *mproc.Semaphore

func doSemaphore(w words) (string, error) {
	var err error
	switch w.at(1) {
	case "create":
		options := &mproc.SemaphoreOptions{Bounded: w.at(4) == "bounded", Accounting: w.at(4) == "accounting"}
		semaphore, err = mproc.CreateSemaphore(nil, strings.TrimPrefix(w.at(2), "-"), w.index(3), options)
		return "ok", err
	case "open":
		semaphore, err = mproc.OpenSemaphore(nil, w.at(2), nil)
		return "ok", err
	case "take":
		return held(waiting(w.number(2), semaphore.TryAcquire, semaphore.Acquire))
	case "give":
		return "ok", semaphore.Release(w.index(2))
	case "cancel":
		return "held", cancelling(w.number(2), func(ctx context.Context) error {
			_, err := semaphore.Acquire(ctx)
			return err
		})
	case "info":
		info, err := semaphore.Info()
		return fmt.Sprint(info.Value, info.Held, info.Holders, info.Reclaimed), err
	case "race":
		inside := need(mproc.OpenValue[int64](nil, w.at(3), nil))
		defer inside.Close()
		passGate(w.at(2))
		for range w.number(4) {
			must(semaphore.With(forever, func(bool) error {
				if need(inside.Add(1)) != 1 {
					panic("wrong: somebody else is inside")
				}
				_, err := inside.Add(-1)
				return err
			}))
		}
		return "ok", nil
	case "storm":
		for first := true; ; first = false {
			need(semaphore.Acquire(forever))
			must(semaphore.Release(1))
			if first {
				fmt.Println("started")
			}
		}
	case "close":
		err, semaphore = semaphore.Close(), nil
		return "ok", err
	}
	return travel(semaphore, func(handle *mproc.Handle) (err error) {
		semaphore, err = mproc.ImportSemaphore(handle, nil)
		return err
	}, w)
}

// ---- condition ----

var condition *mproc.Condition

func doCondition(w words) (string, error) {
	var err error
	switch w.at(1) {
	case "create", "open":
		options := &mproc.ConditionOptions{}
		if w.at(3) == "bound" {
			switch l := lock.(type) {
			case *mproc.Lock:
				options.Lock = l
			case rlock:
				options.RLock = l.RLock
			}
		}
		if w.at(1) == "open" {
			condition, err = mproc.OpenCondition(nil, w.at(2), options)
		} else {
			condition, err = mproc.CreateCondition(nil, strings.TrimPrefix(w.at(2), "-"), options)
		}
		return "ok", err
	case "take":
		return held(waiting(w.number(2), func() (bool, error) { return condition.TryLock(me) },
			func(ctx context.Context) (bool, error) { return condition.Lock(ctx, me) }))
	case "give":
		return "ok", condition.Unlock(me)
	case "wait", "cancel":
		var recovered bool
		how := within
		if w.at(1) == "cancel" {
			how = cancelling
		}
		err := how(w.number(2), func(ctx context.Context) (err error) {
			recovered, err = condition.Wait(ctx, me)
			return err
		})
		if recovered {
			return "recovered", err
		}
		return "notified", err
	case "notify":
		if w.at(2) == "all" {
			return "ok", condition.NotifyAll()
		}
		return "ok", condition.Notify(w.index(2))
	case "info":
		info, err := condition.Info()
		return fmt.Sprint(info.Waiters, info.Regranted), err
	case "turns":
		turn := need(mproc.OpenValue[int64](nil, w.at(2), nil))
		defer turn.Close()
		for range w.number(5) {
			must(condition.With(forever, me, func(bool) error {
				must(condition.WaitFor(forever, me, func(bool) bool {
					return need(turn.Load())%w.number(3) == w.number(4)
				}))
				need(turn.Add(1))
				return condition.NotifyAll()
			}))
		}
		return "ok", nil
	case "close":
		err, condition = condition.Close(), nil
		return "ok", err
	}
	return travel(condition, func(handle *mproc.Handle) (err error) {
		condition, err = mproc.ImportCondition(handle, nil)
		return err
	}, w)
}

// ---- event ----

var event *mproc.Event

func doEvent(w words) (string, error) {
	var err error
	switch w.at(1) {
	case "create":
		event, err = mproc.CreateEvent(nil, strings.TrimPrefix(w.at(2), "-"), nil)
		return "ok", err
	case "open":
		event, err = mproc.OpenEvent(nil, w.at(2), nil)
		return "ok", err
	case "set":
		return "ok", event.Set()
	case "clear":
		return "ok", event.Clear()
	case "pulse":
		must(event.Set())
		return "ok", event.Clear()
	case "ask":
		set, err := event.IsSet()
		if !set {
			return "clear", err
		}
		return "set", err
	case "wait":
		if w.number(2) == 0 { // Go has no attempt to wait: it asks
			if set, err := event.IsSet(); !set {
				return "error timeout", err
			}
			return "set", nil
		}
		return "set", within(w.number(2), event.Wait)
	case "cancel":
		return "set", cancelling(w.number(2), event.Wait)
	case "close":
		err, event = event.Close(), nil
		return "ok", err
	}
	return travel(event, func(handle *mproc.Handle) (err error) {
		event, err = mproc.ImportEvent(handle, nil)
		return err
	}, w)
}

// ---- barrier ----

var barrier *mproc.Barrier

var errOwn = errors.New("the action does not want to")

func doBarrier(w words) (string, error) {
	var err error
	switch w.at(1) {
	case "create":
		barrier, err = mproc.CreateBarrier(nil, strings.TrimPrefix(w.at(2), "-"), w.index(3), nil)
		return "ok", err
	case "open":
		barrier, err = mproc.OpenBarrier(nil, w.at(2), nil)
		return "ok", err
	case "wait":
		index, err := waiting(w.number(2), barrier.TryWait, barrier.Wait)
		return passed(index), err
	case "fail":
		var index int
		err := within(w.number(2), func(ctx context.Context) (err error) {
			index, err = barrier.WaitAction(ctx, func() error { return errOwn })
			return err
		})
		if errors.Is(err, errOwn) && errors.Is(err, mproc.ErrBroken) {
			return "failed", nil
		}
		return passed(index), err
	case "cancel":
		return "passed", cancelling(w.number(2), func(ctx context.Context) error {
			_, err := barrier.Wait(ctx)
			return err
		})
	case "abort":
		return "ok", barrier.Abort()
	case "reset":
		return "ok", barrier.Reset()
	case "register":
		return "ok", barrier.Register()
	case "unregister":
		return "ok", barrier.Unregister()
	case "info":
		info, err := barrier.Info()
		state := "whole"
		if info.Broken {
			state = "broken"
		}
		return fmt.Sprint(info.Waiting, " ", state, " ", info.Registered), err
	case "rounds":
		barrierRounds(w)
		return "ok", nil
	case "storm":
		must(barrier.Register())
		_, err := barrier.Wait(forever)
		for first := true; err == nil; _, err = barrier.Wait(forever) {
			if first {
				fmt.Println("started")
			}
			first = false
		}
		must(barrier.Unregister())
		return "ok", err
	case "close":
		err, barrier = barrier.Close(), nil
		return "ok", err
	}
	return travel(barrier, func(handle *mproc.Handle) (err error) {
		barrier, err = mproc.ImportBarrier(handle, nil)
		return err
	}, w)
}

func passed(index int) string { return "passed " + strconv.Itoa(index) }

func barrierRounds(w words) {
	rounds := need(mproc.OpenValue[int64](nil, w.at(3), nil))
	defer rounds.Close()
	parties := need(barrier.Info()).Parties
	for i := range w.index(2) {
		index := need(barrier.WaitAction(forever, func() error {
			_, err := rounds.Add(1)
			return err
		}))
		if need(rounds.Load()) < int64(i)+1 {
			panic(fmt.Sprintf("wrong: passed round %d before the action", i))
		}
		countMark(i*parties + index)
	}
}
