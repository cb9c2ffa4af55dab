package mproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"sync"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// procedures are what a manager's server can call, until it is closed.
type procedures struct {
	mu   sync.Mutex
	each []func()
}

func (p *procedures) add(forget func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.each = append(p.each, forget)
}

func (p *procedures) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, forget := range p.each {
		forget()
	}
	p.each = nil
}

// serve makes of a Go function what the library calls.
func serve[A, R any](name string, procedure func(A) (R, error)) cmproc.Procedure {
	arguments := shapeOf(reflect.TypeFor[A]())
	return func(argument *cmproc.Datum, bytes []byte, result *cmproc.Result) int32 {
		// In a goroutine of its own: neither a panic nor the end of the goroutine may go through the library.
		var err error
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			returned := false
			defer func() {
				if failed := recover(); failed != nil {
					err = &Error{Status: ErrPanic, Message: fmt.Sprintf("a panic: %v", failed)}
					fmt.Fprintf(os.Stderr, "mproc: panic in procedure %s: %v\n%s", name, failed, debug.Stack())
				} else if !returned {
					err = &Error{Status: ErrPanic, Message: "the procedure has ended its goroutine"}
				}
			}()
			o := output{c: *argument, data: bytes}
			var in A
			if in, err = unpack[A](&o, arguments, false); err == nil {
				var out R
				if out, err = procedure(in); err == nil {
					err = answer(result, out)
				}
			}
			returned = true
		}()
		<-ended
		if err == nil {
			return cmproc.OK
		}
		// What an error says is the result of a procedure that failed.
		text := err.Error()
		in := input{}
		in.text(cmproc.DatumStr, unsafe.StringData(text), len(text))
		var e cmproc.Error
		result.Add(&in.c, in.data, &e) // there may be a result already; then it goes without
		return int32(statusOf(err))
	}
}

func answer(result *cmproc.Result, value any) error {
	var in input
	defer in.done()
	if err := pack(&in, anyShape, &value); err != nil {
		return err
	}
	var e cmproc.Error
	return check(result.Add(&in.c, in.data, &e), &e)
}

// statusOf is the status that says best what an error is.
func statusOf(err error) Status {
	var failed *Error
	var status Status
	switch {
	case errors.As(err, &failed) && failed.Status < 0:
		return failed.Status
	case errors.As(err, &status) && status < 0:
		return status
	case errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout
	case errors.Is(err, context.Canceled):
		return ErrCanceled
	}
	return ErrInvalid
}
