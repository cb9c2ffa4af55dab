// The worker in Go. What the commands mean is said in ../agreed.h.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

var forever = context.Background()

func main() {
	defer func() {
		if why := recover(); why != nil {
			fmt.Println(why)
			os.Exit(1)
		}
	}()
	for _, line := range os.Args[1:] {
		run(line)
	}
	if len(os.Args) == 1 {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			run(in.Text())
		}
	}
	closeAll()
}

func closeAll() {
	for _, c := range []interface{ Close() error }{
		rwlock, semaphore, condition, event, barrier, queue, pipe, farEnd, block.data, block.done, record, cells, marks,
		dict, list, space,
	} {
		must(c.Close())
	}
	for _, c := range []interface{ Close() error }{lock, value, array} {
		if c != nil {
			must(c.Close())
		}
	}
}

// words are those of one command.
type words []string

func (w words) at(i int) string {
	if i < len(w) {
		return w[i]
	}
	return ""
}

func (w words) number(i int) int64 { return need(strconv.ParseInt(w.at(i), 10, 64)) }

func (w words) index(i int) int { return int(w.number(i)) }

func (w words) bits(i int) uint64 { return need(strconv.ParseUint(w.at(i), 16, 64)) }

var commands map[string]func(words) (string, error)

func init() {
	commands = map[string]func(words) (string, error){
		"lock": doLock, "value": doValue, "record": doRecord, "block": doBlock, "array": doArray, "cells": doCells,
		"queue": doQueue, "pipe": doPipe, "marks": doMarks,
		"rwlock": doRWLock, "semaphore": doSemaphore, "condition": doCondition, "event": doEvent, "barrier": doBarrier,
		"dict": doDict, "list": doList, "space": doSpace,
		"wait":   doWait,
		"unlink": func(w words) (string, error) { return "ok", mproc.Default().Unlink(w.at(1)) },
		"sweep": func(words) (string, error) {
			_, err := mproc.Default().Sweep()
			return "ok", err
		},
	}
}

func run(line string) {
	w := words(strings.Fields(line))
	answer, err := commands[w.at(0)](w)
	if err != nil {
		answer = "error " + wordOf(err)
	}
	fmt.Println(answer)
}

// wordOf says what Go makes of a failure: also the errors of the standard library have to match.
func wordOf(err error) string {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case is(mproc.ErrTimeout) && is(os.ErrDeadlineExceeded):
		return "timeout"
	case is(mproc.ErrCanceled) && is(context.Canceled):
		return "canceled"
	case is(mproc.ErrClosed):
		return "closed"
	case is(mproc.ErrType):
		return "type"
	case is(mproc.ErrKind):
		return "kind"
	case is(mproc.ErrNotExist) && is(fs.ErrNotExist):
		return "notfound"
	case is(mproc.ErrExist) && is(fs.ErrExist):
		return "exists"
	case is(mproc.ErrRange):
		return "range"
	case is(mproc.ErrTooBig):
		return "toobig"
	case is(mproc.ErrNotHolder):
		return "notholder"
	case is(mproc.ErrEOF) && is(io.EOF):
		return "eof"
	case is(mproc.ErrPipe) && is(syscall.EPIPE):
		return "broken"
	case is(mproc.ErrBroken):
		return "shattered"
	case is(mproc.ErrOverflow):
		return "overflow"
	case is(mproc.ErrNotSupported) && is(errors.ErrUnsupported):
		return "unsupported"
	}
	return "other " + err.Error()
}

// within runs a call with a timeout of some milliseconds (-1: none), and sees that the context says the same.
func within(ms int64, call func(context.Context) error) error {
	if ms < 0 {
		return call(forever)
	}
	ctx, cancel := context.WithTimeout(forever, time.Duration(ms)*time.Millisecond)
	defer cancel()
	err := call(ctx)
	if errors.Is(err, mproc.ErrTimeout) != errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w, but the context says otherwise", err)
	}
	return err
}

// cancelling runs a call whose context another goroutine cancels after some milliseconds.
func cancelling(ms int64, call func(context.Context) error) error {
	ctx, cancel := context.WithCancel(forever)
	go func() {
		time.Sleep(time.Duration(ms) * time.Millisecond)
		cancel()
	}()
	return call(ctx)
}

func passGate(name string) {
	gate := need(mproc.CreateValue[int32](nil, name, 0, &mproc.ValueOptions{ExistOK: true}))
	defer gate.Close()
	for there := need(gate.Add(1)); there < 2; there = need(gate.Load()) {
		runtime.Gosched()
	}
}

// must and need are for what cannot fail unless the library is broken: they end the worker.
func must(err error) {
	if err != nil {
		panic("failed: error " + wordOf(err))
	}
}

func need[T any](t T, err error) T {
	must(err)
	return t
}
