package mproc

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// waiters are all the calls that wait for ever where they stand.
func waiters(t *testing.T, d *Domain) map[string]func(context.Context) error {
	empty := closing[*Queue](t)(CreateQueue(d, "empty", nil))
	full := closing[*Queue](t)(CreateQueue(d, "full", &QueueOptions{MaxItems: 1}))
	must(t, full.Put(bg, nil))
	l := closing[*Lock](t)(CreateLock(d, "lock", nil))
	v := closing[*Value[int]](t)(CreateValue(d, "value", 0, nil))
	a := closing[*Array[int]](t)(CreateArray(d, "array", []int{1}, nil))
	for _, held := range []locker{l, v, a} {
		_, err := held.TryLock()
		must(t, err)
	}
	end, far := newPipe(t, d, "", &PipeOptions{Capacity: 4096})
	rest := make([]byte, 3000)
	must(t, end.Send(bg, rest))
	joined := closing[*Queue](t)(CreateQueue(d, "joined", &QueueOptions{Joinable: true}))
	must(t, joined.Put(bg, nil))
	r := closing[*RLock](t)(CreateRLock(d, "rlock", nil))
	c := closing[*Condition](t)(CreateCondition(d, "condition", nil))
	got(t, false)(r.TryLock(NewToken()))
	got(t, false)(c.TryLock(NewToken()))
	free := closing[*Condition](t)(CreateCondition(d, "free", nil))
	bound := closing[*Condition](t)(CreateCondition(d, "bound", &ConditionOptions{
		Lock: closing[*Lock](t)(CreateLock(d, "free.lock", nil)),
	}))
	written := closing[*RWLock](t)(CreateRWLock(d, "written", nil))
	got(t, false)(written.TryLock())
	read := closing[*RWLock](t)(CreateRWLock(d, "read", nil))
	got(t, false)(read.TryRLock())
	none := closing[*Semaphore](t)(CreateSemaphore(d, "none", 0, nil))
	all := closing[*Semaphore](t)(CreateSemaphore(d, "all", 1, &SemaphoreOptions{Accounting: true}))
	got(t, false)(all.TryAcquire())
	unset := closing[*Event](t)(CreateEvent(d, "unset", nil))
	items, _, _ := everything(t, d)
	silent := closing[*Queue](t)(CreateQueue(d, "silent", pollable))
	crowded := closing[*Queue](t)(CreateQueue(d, "crowded", &QueueOptions{Pollable: true, MaxItems: 1}))
	must(t, crowded.Put(bg, nil))
	polled, _ := newPipe(t, d, "", &PipeOptions{Pollable: true, Capacity: 4096})
	must(t, polled.Send(bg, rest))
	never := func(bool) error { panic("called") }
	// A wait that ends breaks its barrier, so each has its own.
	alone := func(wait func(*Barrier) (int, error)) error {
		b, err := CreateBarrier(d, "", 2, nil)
		if err != nil {
			return err
		}
		defer b.Close()
		return second(wait(b))
	}
	// waits is a call of Wait or WaitFor, which needs the condition's lock and must have it again.
	waits := func(c *Condition, wait func(Token) error) error {
		owner := NewToken()
		return c.With(bg, owner, func(bool) error { return wait(owner) })
	}
	return map[string]func(context.Context) error{
		"RLock.Lock":       func(ctx context.Context) error { return second(r.Lock(ctx, NewToken())) },
		"RLock.With":       func(ctx context.Context) error { return r.With(ctx, NewToken(), never) },
		"RWLock.Lock":      func(ctx context.Context) error { return second(written.Lock(ctx)) },
		"RWLock.RLock":     func(ctx context.Context) error { return second(written.RLock(ctx)) },
		"RWLock.Lock,read": func(ctx context.Context) error { return second(read.Lock(ctx)) },
		"RWLock.With":      func(ctx context.Context) error { return written.With(ctx, never) },
		"RWLock.WithRLock": func(ctx context.Context) error { return written.WithRLock(ctx, never) },
		"Acquire":          func(ctx context.Context) error { return second(none.Acquire(ctx)) },
		"Acquire,account":  func(ctx context.Context) error { return second(all.Acquire(ctx)) },
		"Semaphore.With":   func(ctx context.Context) error { return none.With(ctx, never) },
		"Condition.Lock":   func(ctx context.Context) error { return second(c.Lock(ctx, NewToken())) },
		"Condition.With":   func(ctx context.Context) error { return c.With(ctx, NewToken(), never) },
		"Condition.Wait": func(ctx context.Context) error {
			return waits(free, func(owner Token) error { return second(free.Wait(ctx, owner)) })
		},
		"Condition.Wait,bound": func(ctx context.Context) error {
			return waits(bound, func(Token) error { return second(bound.Wait(ctx, 0)) })
		},
		"WaitFor": func(ctx context.Context) error {
			return waits(free, func(owner Token) error {
				return free.WaitFor(ctx, owner, func(bool) bool { return false })
			})
		},
		"Event.Wait": func(ctx context.Context) error { return unset.Wait(ctx) },
		"Value.Wait": func(ctx context.Context) error { return v.Wait(ctx, 0) },
		"Wait":       func(ctx context.Context) error { return second(Wait(ctx, items...)) },
		"Wait,same":  func(ctx context.Context) error { return second(Wait(ctx, items[0], items[0])) },
		"Get,polled": func(ctx context.Context) error { return second(silent.Get(ctx)) },
		"GetInto,polled": func(ctx context.Context) error {
			return second(silent.GetInto(ctx, make([]byte, 8)))
		},
		"GetMany,polled": func(ctx context.Context) error { return second(silent.GetMany(ctx, 8)) },
		"Peek,polled":    func(ctx context.Context) error { return second(silent.Peek(ctx)) },
		"Lease,polled":   func(ctx context.Context) error { return second(silent.Lease(ctx)) },
		"Put,polled":     func(ctx context.Context) error { return crowded.Put(ctx, nil) },
		"PutMany,polled": func(ctx context.Context) error { return second(crowded.PutMany(ctx, [][]byte{nil})) },
		"Reserve,polled": func(ctx context.Context) error { return second(crowded.Reserve(ctx, 1)) },
		"Send,polled":    func(ctx context.Context) error { return polled.Send(ctx, rest) },
		"Recv,polled":    func(ctx context.Context) error { return second(polled.Recv(ctx)) },
		"Poll,polled":    func(ctx context.Context) error { return polled.Poll(ctx) },
		"Barrier.Wait": func(ctx context.Context) error {
			return alone(func(b *Barrier) (int, error) { return b.Wait(ctx) })
		},
		"WaitAction": func(ctx context.Context) error {
			return alone(func(b *Barrier) (int, error) {
				return b.WaitAction(ctx, func() error { panic("called") })
			})
		},
		"Get":        func(ctx context.Context) error { _, err := empty.Get(ctx); return err },
		"GetInto":    func(ctx context.Context) error { _, err := empty.GetInto(ctx, make([]byte, 8)); return err },
		"GetMany":    func(ctx context.Context) error { _, err := empty.GetMany(ctx, 8); return err },
		"Put":        func(ctx context.Context) error { return full.Put(ctx, nil) },
		"PutMany":    func(ctx context.Context) error { _, err := full.PutMany(ctx, [][]byte{nil}); return err },
		"Lock":       func(ctx context.Context) error { _, err := l.Lock(ctx); return err },
		"Value.Lock": func(ctx context.Context) error { _, err := v.Lock(ctx); return err },
		"Array.Lock": func(ctx context.Context) error { _, err := a.Lock(ctx); return err },
		"Reserve":    func(ctx context.Context) error { _, err := full.Reserve(ctx, 1); return err },
		"Peek":       func(ctx context.Context) error { _, err := empty.Peek(ctx); return err },
		"Lease":      func(ctx context.Context) error { _, err := empty.Lease(ctx); return err },
		"Join":       func(ctx context.Context) error { _, err := joined.Join(ctx); return err },
		"Send":       func(ctx context.Context) error { return end.Send(ctx, rest) },
		"Recv":       func(ctx context.Context) error { _, err := end.Recv(ctx); return err },
		"RecvInto":   func(ctx context.Context) error { _, err := end.RecvInto(ctx, make([]byte, 8)); return err },
		"Poll":       func(ctx context.Context) error { return end.Poll(ctx) },
		"Pipe.Reserve": func(ctx context.Context) error {
			_, err := end.Reserve(ctx, len(rest))
			return errors.Join(err, far.TryPoll()) // there is still what makes it full
		},
		"Pipe.Peek": func(ctx context.Context) error { _, err := end.Peek(ctx); return err },
		"With":      func(ctx context.Context) error { return l.With(ctx, func(bool) error { return nil }) },
	}
}

func TestCancelEndsEveryWait(t *testing.T) {
	d, _ := newDomain(t)
	for name, wait := range waiters(t, d) {
		t.Run(name, func(t *testing.T) {
			why := errors.New("enough")
			// Also with a context derived from the one that is cancelled, and in the middle of the wait or
			// before it, as it comes.
			for i := range 20 {
				ctx, cancel := context.WithCancelCause(bg)
				inner, stop := context.WithTimeout(ctx, time.Hour)
				ended := make(chan error)
				go func() { ended <- wait(ctx) }()
				go func() { ended <- wait(inner) }()
				time.Sleep(time.Duration(i) * 100 * time.Microsecond)
				cancel(why)
				fails(t, <-ended, ErrCanceled, context.Canceled, why)
				fails(t, <-ended, ErrCanceled, context.Canceled, why)
				stop()
			}
		})
	}
}

func TestDeadlineEndsEveryWait(t *testing.T) {
	d, _ := newDomain(t)
	for name, wait := range waiters(t, d) {
		t.Run(name, func(t *testing.T) {
			for _, after := range []time.Duration{-time.Hour, 0, time.Nanosecond, time.Millisecond, 20 * time.Millisecond} {
				ctx, cancel := context.WithTimeout(bg, after)
				err := wait(ctx)
				fails(t, err, ErrTimeout, context.DeadlineExceeded)
				if errors.Is(err, context.Canceled) || errors.Is(err, ErrCanceled) {
					t.Error("a timeout that is a cancellation:", err)
				}
				cancel()
			}
			fails(t, wait(deadlineOnly{bg, time.Now().Add(time.Millisecond)}), ErrTimeout, context.DeadlineExceeded)
		})
	}
}

// deadlineOnly is a context that has a deadline, but no channel.
type deadlineOnly struct {
	context.Context
	at time.Time
}

func (d deadlineOnly) Deadline() (time.Time, bool) { return d.at, true }

func TestDeadContextDoesNothing(t *testing.T) { everywhere(t, testDeadContextDoesNothing) }

func testDeadContextDoesNothing(t *testing.T, d *Domain) {
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	l := closing[*Lock](t)(CreateLock(d, "l", nil))
	ctx, cancel := context.WithCancel(bg)
	cancel()
	fails(t, q.Put(ctx, nil), context.Canceled)
	got(t, true)(q.Empty())
	must(t, q.Put(bg, []byte("stays")))
	_, err := q.Get(ctx)
	fails(t, err, context.Canceled)
	got(t, 1)(q.Len())
	_, err = l.Lock(ctx)
	fails(t, err, context.Canceled)
	fails(t, l.Unlock(), ErrNotHolder)
	var none context.Context
	_, err = l.Lock(none)
	fails(t, err, ErrInvalid)
	fails(t, q.Put(none, nil), ErrInvalid)
}

// One context for many calls, many contexts for one handle, cancelled at random: nobody is forgotten, nobody is
// woken by another's context.
func TestContextsInterleaved(t *testing.T) { everywhere(t, testContextsInterleaved) }

func testContextsInterleaved(t *testing.T, d *Domain) {
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	shared, cancelShared := context.WithCancel(bg)
	var wg sync.WaitGroup
	var taken, wrong atomic.Int64
	for i := range 6 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := 0; ; k++ {
				ctx, cancel := shared, context.CancelFunc(func() {})
				if i%2 == 0 {
					ctx, cancel = context.WithCancel(shared)
					if k%3 == 0 {
						time.AfterFunc(time.Duration(k%7)*50*time.Microsecond, cancel)
					}
				}
				_, err := q.Get(ctx)
				switch {
				case err == nil:
					taken.Add(1)
				case ctx.Err() == nil:
					wrong.Add(1) // ended although its own context lives
				}
				cancel()
				if shared.Err() != nil {
					return
				}
			}
		}()
	}
	const messages = 3000
	for range messages {
		must(t, q.Put(shared, []byte("m")))
	}
	for taken.Load() < messages {
		runtime.Gosched()
	}
	cancelShared()
	wg.Wait()
	got(t, int64(messages))(taken.Load(), nil)
	got(t, int64(0))(wrong.Load(), nil)
	for known(&q.h) > 1 { // the contexts' own goroutines may still be at it
		runtime.Gosched()
	}
}

// A handle keeps the context that is used in a row, lets go of it when it is done, and of all when it is closed.
func TestContextsAreLetGo(t *testing.T) {
	d, _ := newDomain(t)
	l := closing[*Lock](t)(CreateLock(d, "l", nil))
	use := func(ctx context.Context) {
		_, err := l.Lock(ctx)
		must(t, err)
		must(t, l.Unlock())
	}
	one, cancelOne := context.WithCancel(bg)
	two, cancelTwo := context.WithCancel(bg)
	defer cancelTwo()
	for range 10 {
		use(one)
		use(two)
		got(t, 0)(known(&l.h), nil) // none is used twice in a row
	}
	for range 10 {
		use(two)
		use(two)
		got(t, 1)(known(&l.h), nil)
		use(one)
		use(one)
		got(t, 1)(known(&l.h), nil)
	}
	cancelOne()
	for known(&l.h) != 0 {
		runtime.Gosched()
	}
	use(two)
	use(two)
	use(bg)
	got(t, 1)(known(&l.h), nil)
	must(t, l.Close())
	got(t, 0)(known(&l.h), nil)
	fails(t, func() error { _, err := l.Lock(two); return err }(), ErrClosedHandle)
}

// known is how many contexts a handle knows.
func known(h *handle) int {
	h.res.waits.mu.Lock()
	defer h.res.waits.mu.Unlock()
	return len(h.res.waits.bonds)
}

// Signals, which any thread may have to handle, end no wait and break nothing.
func TestSignalsEndNoWait(t *testing.T) {
	d, _ := newDomain(t)
	seen := make(chan os.Signal, 1)
	signal.Notify(seen, syscall.SIGUSR1)
	defer signal.Stop(seen)
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	type end struct {
		name string
		err  error
	}
	ended := make(chan end)
	all := waiters(t, d)
	for name, wait := range all {
		go func() { ended <- end{name, wait(ctx)} }()
	}
	for range 50 {
		threads, err := os.ReadDir("/proc/self/task")
		must(t, err)
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			must(t, err)
			// The thread may be gone by now.
			syscall.Syscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(id), uintptr(syscall.SIGUSR1))
		}
		<-seen
		select {
		case e := <-ended:
			t.Fatalf("%s ended: %v", e.name, e.err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	for range all {
		fails(t, (<-ended).err, ErrCanceled, context.Canceled)
	}
}
