package mproc

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestCloseTwiceAndUseAfterwards(t *testing.T) {
	d, dir := newDomain(t)
	other := open(t, dir)
	l := closing[*Lock](t)(CreateLock(d, "l", nil))
	v := closing[*Value[int]](t)(CreateValue(d, "v", 1, nil))
	p := closing[*Value[point]](t)(CreateValue(d, "p", point{}, nil))
	a := closing[*Array[int]](t)(CreateArray(d, "a", []int{1}, nil))
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	end, _ := newPipe(t, d, "e", nil)
	f := family{
		closing[*RLock](t)(CreateRLock(d, "rl", nil)), closing[*RWLock](t)(CreateRWLock(d, "rwl", nil)),
		closing[*Semaphore](t)(CreateSemaphore(d, "s", 1, nil)), closing[*Condition](t)(CreateCondition(d, "c", nil)),
		closing[*Event](t)(CreateEvent(d, "ev", nil)), closing[*Barrier](t)(CreateBarrier(d, "b", 1, nil)),
	}
	for range 2 {
		must(t, l.Close())
		must(t, v.Close())
		must(t, p.Close())
		must(t, a.Close())
		must(t, q.Close())
		must(t, end.Close())
		must(t, other.Close())
		must(t, f.rlock.Close())
		must(t, f.rwlock.Close())
		must(t, f.semaphore.Close())
		must(t, f.condition.Close())
		must(t, f.event.Close())
		must(t, f.barrier.Close())
		everyMethodIsClosed(t, other, l, v, p, a, q, end)
		f.everyMethodIsClosed(t, other)
	}
	// What was never opened is closed.
	everyMethodIsClosed(t, new(Domain), new(Lock), new(Value[int]), new(Value[point]), new(Array[int]), new(Queue),
		new(Pipe))
	family{new(RLock), new(RWLock), new(Semaphore), new(Condition), new(Event), new(Barrier)}.
		everyMethodIsClosed(t, new(Domain))
	for _, c := range []interface{ Close() error }{
		new(Domain), new(Lock), new(Value[int]), new(Array[int]), new(Queue), new(Pipe),
		(*Domain)(nil), (*Lock)(nil), (*Value[int])(nil), (*Array[int])(nil), (*Queue)(nil), (*Pipe)(nil),
		new(Dict[string, int]), new(List[int]), new(Namespace),
		(*Dict[string, int])(nil), (*List[int])(nil), (*Namespace)(nil),
		new(RLock), new(RWLock), new(Semaphore), new(Condition), new(Event), new(Barrier),
		(*RLock)(nil), (*RWLock)(nil), (*Semaphore)(nil), (*Condition)(nil), (*Event)(nil), (*Barrier)(nil),
	} {
		must(t, c.Close())
	}
}

func everyMethodIsClosed(t *testing.T, d *Domain, l *Lock, v *Value[int], p *Value[point], a *Array[int], q *Queue,
	end *Pipe) {
	t.Helper()
	n := 0
	closed := func(err error) {
		t.Helper()
		n++
		fails(t, err, ErrClosedHandle)
	}

	closed(second(d.Path()))
	closed(second(d.ID()))
	closed(second(d.Self()))
	closed(second(d.Sweep()))
	closed(d.Unlink("x"))
	closed(second(CreateLock(d, "x", nil)))
	closed(second(OpenLock(d, "x", nil)))
	closed(second(CreateValue(d, "x", 1, nil)))
	closed(second(OpenValue[int](d, "x", nil)))
	closed(second(CreateArray(d, "x", []int{1}, nil)))
	closed(second(OpenArray[int](d, "x", nil)))
	closed(second(CreateQueue(d, "x", nil)))
	closed(second(OpenQueue(d, "x", nil)))
	for _, l := range []locker{l, v, p, a} {
		closed(second(l.Lock(bg)))
		closed(second(l.TryLock()))
		closed(l.Unlock())
		closed(l.With(bg, func(bool) error { panic("called") }))
	}
	closed(second(l.Owner()))
	closed(second(v.LockOwner()))
	closed(second(a.LockOwner()))
	closed(second(v.Load()))
	closed(v.Store(1))
	closed(second(v.Swap(1)))
	closed(second(v.CompareAndSwap(1, 2)))
	closed(second(v.Add(1)))
	for _, fetch := range operations(v) {
		closed(second(fetch(1)))
	}
	closed(second(v.Pointer()))
	closed(v.View(func(*int) error { panic("called") }))
	closed(second(v.Info()))
	closed(v.Wait(bg, 0))
	closed(v.Notify(1))
	closed(v.NotifyAll())
	closed(p.Wait(bg, point{}))
	for _, item := range []WaitItem{
		OnReadable(q), OnWritable(q, 1), OnReadable(end), OnWritable(end, 1), OnClosed(end), OnFree(l),
		OnChange(v, 0), OnChange(p, point{}), OnNotified(v),
	} {
		closed(second(Wait(bg, item)))
		closed(second(TryWait(item)))
	}
	closed(second(q.ReadableFd()))
	closed(second(q.WritableFd()))
	closed(second(end.ReadableFd()))
	closed(second(end.WritableFd()))
	closed(second(p.Load()))
	closed(p.Store(point{}))
	closed(second(p.Swap(point{})))
	closed(second(p.CompareAndSwap(point{}, point{})))
	closed(second(a.Get(0)))
	closed(a.Set(0, 1))
	closed(a.Read(0, nil))
	closed(a.Write(0, nil))
	closed(second(a.Slice()))
	closed(a.View(func([]int) error { panic("called") }))
	closed(second(a.Info()))
	closed(q.Put(bg, nil))
	closed(q.TryPut(nil))
	closed(second(q.Get(bg)))
	closed(second(q.TryGet()))
	closed(second(q.GetInto(bg, nil)))
	closed(second(q.PutMany(bg, nil)))
	closed(second(q.GetMany(bg, 1)))
	closed(second(q.Len()))
	closed(second(q.Empty()))
	closed(second(q.Full()))
	closed(q.Shutdown(true))
	closed(second(q.Info()))
	closed(second(q.Reserve(bg, 1)))
	closed(second(q.TryReserve(1)))
	closed(second(q.Peek(bg)))
	closed(second(q.TryPeek()))
	closed(second(q.Lease(bg)))
	closed(second(q.TryLease()))
	closed(q.TaskDone())
	closed(second(q.Join(bg)))
	closed(second(q.TryJoin()))
	closed(second(q.Producer()))
	closed(second(OpenPipe(d, "x", 0, nil)))
	closed(second(CreatePipeEnd(d, "x", 0, nil)))
	_, _, err := CreatePipe(d, "x", nil)
	closed(err)
	closed(end.Send(bg, nil))
	closed(end.TrySend(nil))
	closed(second(end.Recv(bg)))
	closed(second(end.TryRecv()))
	closed(second(end.RecvInto(bg, nil)))
	closed(end.Poll(bg))
	closed(end.TryPoll())
	closed(second(end.Reserve(bg, 1)))
	closed(second(end.TryReserve(1)))
	closed(second(end.Peek(bg)))
	closed(second(end.TryPeek()))
	closed(second(end.Info()))
	closed(second(end.Export()))
}

// family is one of each kind of lock, and what else there is to wait for.
type family struct {
	rlock     *RLock
	rwlock    *RWLock
	semaphore *Semaphore
	condition *Condition
	event     *Event
	barrier   *Barrier
}

func (f family) everyMethodIsClosed(t *testing.T, d *Domain) {
	t.Helper()
	closed := func(err error) {
		t.Helper()
		fails(t, err, ErrClosedHandle)
	}
	never := func(bool) error { panic("called") }
	closed(second(CreateRLock(d, "x", nil)))
	closed(second(OpenRLock(d, "x", nil)))
	closed(second(CreateRWLock(d, "x", nil)))
	closed(second(OpenRWLock(d, "x", nil)))
	closed(second(CreateSemaphore(d, "x", 1, nil)))
	closed(second(OpenSemaphore(d, "x", nil)))
	closed(second(CreateCondition(d, "x", nil)))
	closed(second(OpenCondition(d, "x", nil)))
	closed(second(CreateEvent(d, "x", nil)))
	closed(second(OpenEvent(d, "x", nil)))
	closed(second(CreateBarrier(d, "x", 1, nil)))
	closed(second(OpenBarrier(d, "x", nil)))
	for _, l := range []reentrant{f.rlock, f.condition} {
		closed(second(l.Lock(bg, 1)))
		closed(second(l.TryLock(1)))
		closed(l.Unlock(1))
		closed(l.With(bg, 1, never))
	}
	closed(second(f.rlock.Info()))
	closed(second(f.rwlock.Lock(bg)))
	closed(second(f.rwlock.TryLock()))
	closed(f.rwlock.Unlock())
	closed(f.rwlock.With(bg, never))
	closed(second(f.rwlock.RLock(bg)))
	closed(second(f.rwlock.TryRLock()))
	closed(f.rwlock.RUnlock())
	closed(f.rwlock.WithRLock(bg, never))
	closed(second(f.rwlock.Info()))
	closed(second(f.semaphore.Acquire(bg)))
	closed(second(f.semaphore.TryAcquire()))
	closed(f.semaphore.Release(1))
	closed(f.semaphore.With(bg, never))
	closed(second(f.semaphore.Info()))
	closed(second(f.condition.Wait(bg, 1)))
	closed(f.condition.WaitFor(bg, 1, func(bool) bool { return false }))
	closed(f.condition.Notify(1))
	closed(f.condition.NotifyAll())
	closed(second(f.condition.Info()))
	closed(f.event.Set())
	closed(f.event.Clear())
	closed(second(f.event.IsSet()))
	closed(f.event.Wait(bg))
	closed(second(f.barrier.Wait(bg)))
	closed(second(f.barrier.TryWait()))
	closed(second(f.barrier.WaitAction(bg, func() error { panic("called") })))
	closed(f.barrier.Abort())
	closed(f.barrier.Reset())
	closed(f.barrier.Register())
	closed(f.barrier.Unregister())
	closed(second(f.barrier.Info()))
	closed(second(Wait(bg, OnFree(f.rlock))))
	closed(second(Wait(bg, OnAvailable(f.semaphore))))
	closed(second(Wait(bg, OnSet(f.event))))
	for _, from := range []interface{ Export() (*Handle, error) }{
		f.rlock, f.rwlock, f.semaphore, f.condition, f.event, f.barrier,
	} {
		closed(second(from.Export()))
	}
}

// Close ends calls that wait, under any context.
func TestCloseEndsWaits(t *testing.T) {
	d, _ := newDomain(t)
	closing[*Lock](t)(CreateLock(d, "l", nil)).TryLock()
	closing[*Queue](t)(CreateQueue(d, "q", nil))
	closing[*Queue](t)(CreateQueue(d, "polled", pollable))
	closing[*Value[int]](t)(CreateValue(d, "v", 0, nil))
	newPipe(t, d, "p", nil)
	closing[*RLock](t)(CreateRLock(d, "rl", nil)).TryLock(NewToken())
	closing[*RWLock](t)(CreateRWLock(d, "rwl", nil)).TryLock()
	closing[*Semaphore](t)(CreateSemaphore(d, "s", 0, nil))
	closing[*Event](t)(CreateEvent(d, "ev", nil))
	for i := range 20 {
		// Early and late in a wait: see GOMP_UNTIL_CLOSED in shim.h.
		l := closing[*Lock](t)(OpenLock(d, "l", nil))
		q := closing[*Queue](t)(OpenQueue(d, "q", nil))
		p := closing[*Pipe](t)(OpenPipe(d, "p", i%2, nil))
		r := closing[*RLock](t)(OpenRLock(d, "rl", nil))
		rw := closing[*RWLock](t)(OpenRWLock(d, "rwl", nil))
		s := closing[*Semaphore](t)(OpenSemaphore(d, "s", nil))
		v := closing[*Event](t)(OpenEvent(d, "ev", nil))
		polled := closing[*Queue](t)(OpenQueue(d, "polled", nil))
		n := closing[*Value[int]](t)(OpenValue[int](d, "v", nil))
		// Two that are closed, in this order, with some that stay open.
		open := OnReadable(closing[*Queue](t)(OpenQueue(d, "q", nil)))
		one, cancelOne := context.WithCancel(bg)
		two, cancelTwo := context.WithTimeout(bg, time.Hour)
		ended := make(chan error)
		for _, ctx := range []context.Context{bg, one, two, one} {
			go func() { _, err := l.Lock(ctx); ended <- err }()
			go func() { _, err := q.Get(ctx); ended <- err }()
			go func() { _, err := q.Peek(ctx); ended <- err }()
			go func() { _, err := p.Recv(ctx); ended <- err }()
			go func() { _, err := r.Lock(ctx, NewToken()); ended <- err }()
			go func() { _, err := rw.Lock(ctx); ended <- err }()
			go func() { _, err := rw.RLock(ctx); ended <- err }()
			go func() { _, err := s.Acquire(ctx); ended <- err }()
			go func() { ended <- v.Wait(ctx) }()
			go func() { _, err := polled.Get(ctx); ended <- err }()
			go func() { _, err := polled.Peek(ctx); ended <- err }()
			go func() { ended <- n.Wait(ctx, 0) }()
			go func() { _, err := Wait(ctx, open, OnReadable(p), OnSet(v), open); ended <- err }()
			go func() { _, err := Wait(ctx, open, OnReadable(polled), OnNotified(n)); ended <- err }()
		}
		time.Sleep(time.Duration(i*i) * 100 * time.Microsecond)
		must(t, l.Close())
		must(t, q.Close())
		must(t, p.Close())
		must(t, r.Close())
		must(t, rw.Close())
		must(t, s.Close())
		must(t, v.Close())
		must(t, polled.Close())
		must(t, n.Close())
		for range 14 * 4 {
			fails(t, <-ended, ErrClosedHandle)
		}
		cancelOne()
		cancelTwo()
	}
}

// Close at any moment while others use the handle: they get on or are told, nothing crashes, and the object is
// really let go.
func TestCloseWhileInUse(t *testing.T) {
	d, _ := newDomain(t)
	for range 30 {
		v, err := CreateValue[int16](d, "v", 0, nil)
		must(t, err)
		a, err := CreateArray(d, "a", make([]byte, 100), nil)
		must(t, err)
		q, err := CreateQueue(d, "q", nil)
		must(t, err)
		var started, wg sync.WaitGroup
		for range 4 {
			started.Add(1)
			wg.Add(1)
			go func() {
				defer wg.Done()
				started.Done()
				for {
					_, e1 := v.Add(1)
					e2 := a.Set(3, 1)
					e3 := a.View(func(s []byte) error { s[5]++; return nil })
					e4 := q.TryPut([]byte("x"))
					_, e5 := q.Get(bg)
					for _, err := range []error{e1, e2, e3, e4, e5} {
						if err != nil && !errors.Is(err, ErrClosedHandle) {
							t.Error(err)
						}
					}
					if e1 != nil && e2 != nil && e3 != nil && e4 != nil && e5 != nil {
						return
					}
				}
			}()
		}
		started.Wait()
		for range 2 {
			wg.Add(3)
			go func() { defer wg.Done(); v.Close() }()
			go func() { defer wg.Done(); a.Close() }()
			go func() { defer wg.Done(); q.Close() }()
		}
		wg.Wait()
		for _, name := range []string{"v", "a", "q"} {
			_, err := OpenLock(d, name, nil)
			fails(t, err, ErrNotExist) // the last user is gone, and so is the name
		}
	}
}

func TestViewOutlivesClose(t *testing.T) {
	d, _ := newDomain(t)
	a, err := CreateArray(d, "a", []int{1, 2, 3}, nil)
	must(t, err)
	must(t, a.View(func(s []int) error {
		must(t, a.Close())
		s[0] = 7
		got(t, 7)(s[0], nil)
		return nil
	}))
	_, err = OpenArray[int](d, "a", nil)
	fails(t, err, ErrNotExist)
	_, err = a.Get(0)
	fails(t, err, ErrClosedHandle)
	v, err := CreateValue(d, "v", 5, nil)
	must(t, err)
	must(t, v.View(func(p *int) error {
		must(t, v.Close())
		*p = 6
		return nil
	}))
}

// With releases the lock even if the handle was closed inside.
func TestCloseInsideWith(t *testing.T) { everywhere(t, testCloseInsideWith) }

func testCloseInsideWith(t *testing.T, d *Domain) {
	keep := closing[*Lock](t)(CreateLock(d, "l", nil))
	l := closing[*Lock](t)(OpenLock(d, "l", nil))
	must(t, l.With(bg, func(bool) error { return l.Close() }))
	got(t, false)(keep.TryLock())
	must(t, keep.Unlock())
}

// A handle that nobody closed is closed by the collector. A context that is still in use does not keep it.
func TestCollectorClosesHandles(t *testing.T) {
	d, dir := newDomain(t)
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	func() {
		q, err := CreateQueue(d, "forgotten", nil)
		must(t, err)
		must(t, q.Put(ctx, nil))
		a, err := CreateArray(d, "viewed", []int{1, 2, 3}, nil)
		must(t, err)
		must(t, a.View(func([]int) error { return nil }))
		// What was settled keeps nothing, nor does a lease, which is a copy.
		p, err := CreatePipeEnd(d, "settled", 0, nil)
		must(t, err)
		r, err := p.Reserve(ctx, 1)
		must(t, err)
		must(t, r.Commit(1))
		r, err = q.Reserve(ctx, 1)
		must(t, err)
		must(t, r.Abort())
		m, err := q.Peek(ctx)
		must(t, err)
		must(t, m.PutBack())
		_, err = q.Lease(ctx)
		must(t, err)
		polled, err := CreateQueue(d, "polled", pollable)
		must(t, err)
		short, stop := context.WithTimeout(ctx, time.Millisecond)
		defer stop()
		fails(t, second(polled.Get(short)), ErrTimeout)
	}()
	for !unknown(d, "polled") || !unknown(d, "forgotten") || !unknown(d, "viewed") || !unknown(d, "settled") {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	// The names go first; the collector's goroutine may still be leaving the domain.
	must(t, d.Close())
	for {
		err := RemoveDomain(dir)
		if err == nil {
			break
		}
		fails(t, err, ErrBusy)
		time.Sleep(time.Millisecond)
	}
}

func unknown(d *Domain, name string) bool {
	_, err := OpenLock(d, name, nil)
	return errors.Is(err, ErrNotExist)
}

// Memory that was handed out stays mapped. In a process of its own, because the mapping stays to its end.
func TestCollectorSparesSlices(t *testing.T) {
	d, dir := newDomain(t)
	start(t, dir, "keep-slice").ends()
	got(t, true)(unknown(d, "exposed"), nil)
}

func roleKeepSlice() {
	slice := need(need(CreateArray(nil, "exposed", []int{1, 2, 3}, nil)).Slice())
	number := need(need(CreateValue(nil, "number", 7, nil)).Pointer())
	for range 10 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	slice[0] = 5
	*number++
	if unknown(nil, "exposed") || unknown(nil, "number") || slice[0]+slice[2]+*number != 16 {
		checked(errors.New("the memory is gone"))
	}
}
