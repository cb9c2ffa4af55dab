package mproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libmproc/libmproc/bindings/go/internal/ctest"
)

type question struct {
	Words []string
	Times int
}

func TestProcedures(t *testing.T) {
	everyWay(t, func(t *testing.T, server, m, other *Manager, _ bool) {
		must(t, server.Register("echo", func(argument any) (any, error) { return argument, nil }))
		must(t, RegisterFunc(server, "repeat", func(q question) (map[string]int, error) {
			if q.Times < 0 {
				return nil, &Error{Status: ErrRange, Message: "not so often"}
			}
			counts := make(map[string]int)
			for _, word := range q.Words {
				counts[word] += q.Times
			}
			return counts, nil
		}))
		must(t, server.Register("nothing", func(any) (any, error) { return nil, nil }))
		must(t, server.Register("fail", func(any) (any, error) { return 1, errors.New("it is too late") }))
		must(t, server.Register("late", func(any) (any, error) { return nil, context.DeadlineExceeded }))
		must(t, server.Register("busy", func(any) (any, error) { return nil, fmt.Errorf("now: %w", ErrBusy) }))
		must(t, server.Register("unfit", func(any) (any, error) { return make(chan int), nil }))
		must(t, server.Register("exit", func(any) (any, error) { runtime.Goexit(); return nil, nil }))

		for _, argument := range []any{
			nil, true, int64(-5), 0.25, "text", []byte("bytes"), []any{int64(1), "two"}, map[string]any{"key": nil},
			strings.Repeat("long", 100_000),
		} {
			var back any
			must(t, m.Call(bg, "echo", argument, &back))
			if !equal(back, argument) {
				t.Fatalf("%.100v came back as %.100v", argument, back)
			}
		}
		var counts map[string]int
		must(t, other.Call(bg, "repeat", question{[]string{"a", "b", "a"}, 3}, &counts))
		got(t, "map[a:6 b:3]")(fmt.Sprint(counts), nil)
		must(t, m.Call(bg, "repeat", map[string]any{"Times": 1}, nil))
		var none *int
		must(t, m.Call(bg, "nothing", 1, &none))
		got(t, true)(none == nil, nil)

		err := m.Call(bg, "repeat", question{Times: -1}, &counts)
		fails(t, err, ErrRange)
		says(t, err, "not so often")
		err = m.Call(bg, "fail", nil, nil)
		fails(t, err, ErrInvalid)
		says(t, err, "it is too late")
		fails(t, m.Call(bg, "late", nil, nil), ErrTimeout)
		fails(t, m.Call(bg, "busy", nil, nil), ErrBusy)
		fails(t, m.Call(bg, "unfit", nil, nil), ErrType)
		fails(t, m.Call(bg, "exit", nil, nil), ErrPanic)
		fails(t, m.Call(bg, "repeat", "no question", nil), ErrType)
		fails(t, m.Call(bg, "none", nil, nil), ErrNotExist)
		var number int
		fails(t, m.Call(bg, "echo", "text", &number), ErrType)
		fails(t, m.Call(bg, "echo", 1, number), ErrInvalid)
		fails(t, m.Call(bg, "echo", make(chan int), nil), ErrType)

		fails(t, server.Register("echo", func(any) (any, error) { return nil, nil }), ErrExist)
		fails(t, server.Register("nil", nil), ErrInvalid)
		if m != server {
			fails(t, m.Register("theirs", func(any) (any, error) { return nil, nil }), ErrNotSupported)
		}
		info, err := m.Info()
		got(t, 8)(info.Procedures, err)
	})
}

// says asserts what an error says.
func says(t testing.TB, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("%v does not say %q", err, text)
	}
}

// A panic in a procedure is the caller's error, and does not end the server.
func TestPanicInProcedure(t *testing.T) {
	_, dir := newDomain(t)
	h := start(t, dir, "serve-panic")
	m := connect(t, h.line(), ConnectOptions{})
	err := m.Call(bg, "panic", nil, nil)
	fails(t, err, ErrPanic)
	says(t, err, "as it was asked to")
	fails(t, m.Call(bg, "panic", nil, nil), ErrPanic)
	must(t, m.Ping(bg))
	must(t, m.Close())
	h.tell()
	h.ends()
}

func roleServePanic() {
	null := need(os.OpenFile(os.DevNull, os.O_WRONLY, 0))
	os.Stderr = null // the panic's trace is meant for people
	m := need(StartManager(nil))
	checked(m.Register("panic", func(any) (any, error) { panic("as it was asked to") }))
	say(need(m.Address()))
	<-told
	checked(m.Close())
}

// A context ends a call, not the procedure; others go on meanwhile; and closing waits for what still runs.
func TestProcedureThatWaits(t *testing.T) {
	everyWay(t, func(t *testing.T, server, m, other *Manager, _ bool) {
		var ended sync.WaitGroup
		entered, leave := make(chan struct{}, 10), make(chan struct{})
		must(t, server.Register("wait", func(any) (any, error) {
			ended.Add(1)
			defer ended.Done()
			entered <- struct{}{}
			<-leave
			return "left", nil
		}))
		must(t, server.Register("echo", func(argument any) (any, error) { return argument, nil }))
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(bg)
		failed := make(chan error)
		go func() { failed <- m.Call(ctx, "wait", nil, nil) }()
		<-entered
		var back int
		must(t, m.Call(bg, "echo", 5, &back))
		must(t, other.Call(bg, "echo", 6, &back))
		cancel(why)
		fails(t, <-failed, ErrCanceled, context.Canceled, why)
		short, stop := context.WithTimeout(bg, time.Millisecond)
		defer stop()
		fails(t, m.Call(short, "wait", nil, nil), ErrTimeout, context.DeadlineExceeded)
		text := make(chan string)
		go func() {
			var s string
			if err := m.Call(bg, "wait", nil, &s); err != nil {
				s = err.Error()
			}
			text <- s
		}()
		<-entered
		close(leave)
		got(t, "left")(<-text, nil)
		ended.Wait()
	})
}

// Programs in C call what is registered in Go, from threads that Go has never seen; and the other way round.
func TestProceduresAndC(t *testing.T) {
	key := newKey(t)
	server, unix, tcp := newServer(t, ManagerOptions{Key: key})
	dict := closing[*Dict[string, int64]](t)(CreateDict[string, int64](server.Domain(), "sums", nil))
	must(t, RegisterFunc(server, "add", func(n int64) (int64, error) { return dict.Add("sum", n) }))
	for _, address := range []string{unix, unix + "?memory=never", tcp} {
		before, _, err := dict.Lookup("sum")
		must(t, err)
		const threads, rounds = 4, 25
		if status := ctest.CallFromThreads(address, (*[32]byte)(key), "add", threads, rounds); status != 0 {
			t.Fatalf("%s: %v", address, Status(status))
		}
		got(t, before+threads*rounds)(dict.Get("sum"))
	}
}
