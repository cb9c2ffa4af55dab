package mproc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestValueWait(t *testing.T) { everywhere(t, testValueWait) }

func testValueWait(t *testing.T, d *Domain) {
	valueWait(t, d, int64(-1), 7)
	valueWait(t, d, uint8(255), 1)
	valueWait(t, d, int16(-2), 2)
	valueWait(t, d, false, true)
	valueWait(t, d, 0.5, -0.5)
	valueWait(t, d, point{X: 1}, point{X: 1, OK: true})
	raw := closing[*Value[[3]int16]](t)(CreateValue(d, "", [3]int16{1, 2, 3}, &ValueOptions{Raw: true}))
	fails(t, second(TryWait(OnChange(raw, [3]int16{1, 2, 3}))), ErrTimeout)
	must(t, raw.Wait(bg, [3]int16{1, 2, 4}))
	v := closing[*Value[int]](t)(CreateValue(d, "", 1, nil))
	fails(t, v.Notify(-1), ErrInvalid)
	must(t, v.Notify(0))
}

func valueWait[T comparable](t *testing.T, d *Domain, one, other T) {
	t.Helper()
	name := fmt.Sprintf("v-%T", one) // a manager keeps its names
	v := closing[*Value[T]](t)(CreateValue(d, name, one, nil))
	same := closing[*Value[T]](t)(OpenValue[T](d, name, nil))
	must(t, v.Wait(bg, other)) // it is another one
	short, stop := context.WithTimeout(bg, time.Millisecond)
	defer stop()
	fails(t, v.Wait(short, one), ErrTimeout, context.DeadlineExceeded)
	fails(t, second(TryWait(OnChange(v, one))), ErrTimeout)
	ended := make(chan error)
	go func() { ended <- v.Wait(bg, one) }()
	go func() { _, err := Wait(bg, OnChange(v, one)); ended <- err }()
	must(t, same.NotifyAll()) // for nothing: it is as expected
	must(t, same.Store(other))
	must(t, same.NotifyAll())
	must(t, <-ended)
	must(t, <-ended)
	if ready, err := TryWait(OnChange(v, other), OnChange(v, one)); err != nil || !slices.Equal(ready, []int{1}) {
		t.Fatalf("ready: %v, %v", ready, err)
	}
	must(t, v.Close())
	must(t, same.Close())
}

// Two processes count up in turn, each waiting for the other's number; then one is killed while it waits.
func TestValueWaitBetweenProcesses(t *testing.T) {
	d, dir := newDomain(t)
	v := closing[*Value[int64]](t)(CreateValue[int64](d, "v", 0, nil))
	h := start(t, dir, "answer-number")
	for i := int64(0); i < 400; i += 2 {
		must(t, v.Store(i+1))
		must(t, v.Notify(1))
		must(t, v.Wait(bg, i+1))
		got(t, i+2)(v.Load())
	}
	h.kill()
	must(t, v.NotifyAll())
	must(t, v.Wait(bg, 0))
}

func roleAnswerNumber() {
	v := need(OpenValue[int64](nil, "v", nil))
	for i := int64(0); ; i += 2 {
		checked(v.Wait(bg, i))
		need(v.Add(1))
		checked(v.Notify(1))
	}
}

// everything is one of each kind of thing to wait for, none of them ready, and how to make each ready.
func everything(t *testing.T, d *Domain) (items []WaitItem, names []string, ready []func() error) {
	add := func(name string, item WaitItem, f func() error) {
		items, names, ready = append(items, item), append(names, name), append(ready, f)
	}
	empty := closing[*Queue](t)(CreateQueue(d, "", nil))
	add("OnReadable(Queue)", OnReadable(empty), func() error { return empty.TryPut(nil) })
	full := closing[*Queue](t)(CreateQueue(d, "", &QueueOptions{MaxItems: 1}))
	must(t, full.TryPut(nil))
	add("OnWritable(Queue)", OnWritable(full, 100), func() error { return second(full.TryGet()) })
	a, b := newPipe(t, d, "", &PipeOptions{Capacity: 4096})
	rest := make([]byte, 3000)
	must(t, a.TrySend(rest))
	add("OnWritable(Pipe)", OnWritable(a, len(rest)), func() error { return second(b.TryRecv()) })
	add("OnReadable(Pipe)", OnReadable(a), func() error { return b.TrySend(nil) })
	one, other := newPipe(t, d, "", nil)
	add("OnClosed", OnClosed(one), other.Close)
	l := closing[*Lock](t)(CreateLock(d, "", nil))
	got(t, false)(l.TryLock())
	add("OnFree(Lock)", OnFree(l), l.Unlock)
	r, owner := closing[*RLock](t)(CreateRLock(d, "", nil)), NewToken()
	got(t, false)(r.TryLock(owner))
	add("OnFree(RLock)", OnFree(r), func() error { return r.Unlock(owner) })
	s := closing[*Semaphore](t)(CreateSemaphore(d, "", 0, nil))
	add("OnAvailable", OnAvailable(s), func() error { return s.Release(1) })
	accounting := closing[*Semaphore](t)(CreateSemaphore(d, "", 1, &SemaphoreOptions{Accounting: true}))
	got(t, false)(accounting.TryAcquire())
	add("OnAvailable,accounting", OnAvailable(accounting), func() error { return accounting.Release(1) })
	v := closing[*Event](t)(CreateEvent(d, "", nil))
	add("OnSet", OnSet(v), v.Set)
	n := closing[*Value[int32]](t)(CreateValue[int32](d, "", 5, nil))
	add("OnChange", OnChange(n, 5), func() error { return errors.Join(n.Store(6), n.NotifyAll()) })
	p := closing[*Value[point]](t)(CreateValue(d, "", point{Y: 2}, nil))
	add("OnChange(struct)", OnChange(p, point{Y: 2}), func() error { return errors.Join(p.Store(point{}), p.NotifyAll()) })
	return items, names, ready
}

// Each kind of thing ends a wait for all of them, before the wait begins and while it lasts, and then all that are
// ready are named.
func TestWaitForEachKind(t *testing.T) { everywhere(t, testWaitForEachKind) }

func testWaitForEachKind(t *testing.T, d *Domain) {
	items, names, ready := everything(t, d)
	fails(t, second(TryWait(items...)), ErrTimeout)
	var want []int
	for i := range items {
		t.Run(names[i], func(t *testing.T) {
			fails(t, second(TryWait(items[i])), ErrTimeout)
			ended := make(chan error)
			woken := 0
			wait := func(ctx context.Context, items ...WaitItem) {
				ready, err := Wait(ctx, items...)
				if err == nil && !slices.Contains(ready, len(items)-1) {
					err = fmt.Errorf("ready: %v", ready)
				}
				ended <- err
			}
			ctx, cancel := context.WithCancel(bg)
			defer cancel()
			var unready []WaitItem
			for k := range items {
				if k != i && !slices.Contains(want, k) {
					unready = append(unready, items[k])
				}
			}
			for _, ctx := range []context.Context{bg, ctx} {
				go wait(ctx, items[i])
				go wait(ctx, append(slices.Clone(unready), items[i])...)
				woken += 2
			}
			time.Sleep(2 * time.Millisecond) // most likely they sleep by now; right in any case
			must(t, ready[i]())
			for range woken {
				must(t, <-ended)
			}
			want = append(want, i)
			for _, wait := range []func() ([]int, error){
				func() ([]int, error) { return TryWait(items...) },
				func() ([]int, error) { return Wait(bg, items...) },
			} {
				if have, err := wait(); err != nil || !slices.Equal(have, want) {
					t.Fatalf("ready: %v, %v, not %v", have, err, want)
				}
			}
		})
	}
	for _, item := range items {
		got(t, 0)(joints(item.h), nil)
	}
}

// joints is how many calls of Wait a handle knows.
func joints(h *handle) int {
	h.res.waits.mu.Lock()
	defer h.res.waits.mu.Unlock()
	return len(h.res.waits.joint)
}

// What lasts only a moment is noticed by whoever waits.
func TestWaitForPulses(t *testing.T) { everywhere(t, testWaitForPulses) }

func testWaitForPulses(t *testing.T, d *Domain) {
	v := closing[*Event](t)(CreateEvent(d, "", nil))
	n := closing[*Value[int]](t)(CreateValue(d, "", 0, nil))
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	fails(t, second(TryWait(OnSet(v), OnNotified(n))), ErrTimeout)
	for kind, pulse := range []func(){
		func() { must(t, v.Set()); must(t, v.Clear()) },
		func() { must(t, n.NotifyAll()) },
	} {
		ended := make(chan error)
		for _, ctx := range []context.Context{bg, ctx, bg} {
			go func() {
				ready, err := Wait(ctx, OnSet(v), OnNotified(n))
				if err == nil && !slices.Equal(ready, []int{kind}) {
					err = fmt.Errorf("ready: %v", ready)
				}
				ended <- err
			}()
		}
		for left := 3; left > 0; {
			pulse()
			select {
			case err := <-ended:
				must(t, err)
				left--
			case <-time.After(time.Millisecond):
			}
		}
	}
}

func TestWaitRefuses(t *testing.T) { everywhere(t, testWaitRefuses) }

func testWaitRefuses(t *testing.T, d *Domain) {
	q := closing[*Queue](t)(CreateQueue(d, "", &QueueOptions{Capacity: 4096}))
	var none context.Context
	fails(t, second(Wait(none, OnReadable(q))), ErrInvalid)
	fails(t, second(Wait(bg)), ErrInvalid)
	fails(t, second(TryWait()), ErrInvalid)
	fails(t, second(Wait(bg, WaitItem{})), ErrInvalid)
	fails(t, second(Wait(bg, OnWritable(q, -1))), ErrInvalid)
	fails(t, second(Wait(bg, slices.Repeat([]WaitItem{OnReadable(q)}, MaxWaitItems+1)...)), ErrInvalid)
	fails(t, second(Wait(bg, OnWritable(q, 1<<20))), ErrTooBig)
	receiver, sender := newPipe(t, d, "", &PipeOptions{OneWay: true})
	fails(t, second(Wait(bg, OnReadable(sender))), ErrNotSupported)
	fails(t, second(Wait(bg, OnWritable(receiver, 1))), ErrNotSupported)
	dead, cancel := context.WithCancel(bg)
	cancel()
	must(t, q.TryPut(nil))
	fails(t, second(Wait(dead, OnReadable(q))), ErrCanceled, context.Canceled)
	// The same object more than once, as many as can be.
	ready, err := Wait(bg, slices.Repeat([]WaitItem{OnReadable(q)}, MaxWaitItems)...)
	must(t, err)
	got(t, MaxWaitItems)(len(ready), nil)
}

// One call waits for the queues of several processes. Nothing is lost, and the death of each is noticed.
func TestWaitForManyProcesses(t *testing.T) {
	d, dir := newDomain(t)
	const processes, messages = 4, 300
	var queues []*Queue
	var ends []*Pipe
	var items []WaitItem
	var helpers []*helper
	for i := range processes {
		queues = append(queues, closing[*Queue](t)(CreateQueue(d, fmt.Sprint("q", i), nil)))
		ends = append(ends, closing[*Pipe](t)(CreatePipeEnd(d, fmt.Sprint("p", i), 0, nil)))
		items = append(items, OnReadable(queues[i]), OnClosed(ends[i]))
		helpers = append(helpers, start(t, dir, "count-up", strconv.Itoa(i), strconv.Itoa(messages)))
	}
	var next [processes]uint64
	gone := make(map[int]bool)
	for len(gone) < processes {
		// What was noticed already would end the wait at once.
		waiting := make([]WaitItem, 0, len(items))
		var numbers []int
		for i, item := range items {
			if i%2 == 0 || !gone[i/2] {
				waiting, numbers = append(waiting, item), append(numbers, i)
			}
		}
		ready, err := Wait(bg, waiting...)
		must(t, err)
		for _, r := range ready {
			i := numbers[r]
			if i%2 == 1 {
				if int(next[i/2]) < messages {
					t.Errorf("process %d was gone before it was killed", i/2)
				}
				gone[i/2] = true
				continue
			}
			m, err := queues[i/2].TryGet()
			must(t, err) // nobody else takes any
			got(t, next[i/2])(binary.LittleEndian.Uint64(m), nil)
			if next[i/2]++; next[i/2] == messages {
				helpers[i/2].kill()
			}
		}
	}
}

func roleCountUp() {
	end := need(OpenPipe(nil, "p"+strconv.Itoa(argument(1)), 1, nil))
	q := need(OpenQueue(nil, "q"+strconv.Itoa(argument(1)), nil))
	for n := range argument(2) {
		checked(q.Put(bg, binary.LittleEndian.AppendUint64(nil, uint64(n))))
	}
	forever()
	end.Close()
}

// What the dead have held is ready, and can be had.
func TestWaitForTheDead(t *testing.T) {
	type taking func() (recovered bool, err error)
	for role, c := range map[string]struct {
		create func(t *testing.T, d *Domain) (WaitItem, taking)
		args   []string
	}{
		"hold": {func(t *testing.T, d *Domain) (WaitItem, taking) {
			l := closing[*Lock](t)(CreateLock(d, "l", nil))
			return OnFree(l), l.TryLock
		}, []string{"l"}},
		"hold-rlock": {func(t *testing.T, d *Domain) (WaitItem, taking) {
			l := closing[*RLock](t)(CreateRLock(d, "l", nil))
			return OnFree(l), func() (bool, error) { return l.TryLock(NewToken()) }
		}, nil},
		"hold-permits": {func(t *testing.T, d *Domain) (WaitItem, taking) {
			s := closing[*Semaphore](t)(CreateSemaphore(d, "s", 2, &SemaphoreOptions{Accounting: true}))
			return OnAvailable(s), s.TryAcquire
		}, nil},
	} {
		t.Run(role, func(t *testing.T) {
			d, dir := newDomain(t)
			item, take := c.create(t, d)
			never := OnSet(closing[*Event](t)(CreateEvent(d, "never", nil)))
			h := start(t, dir, role, c.args...)
			h.says("held")
			fails(t, second(TryWait(never, item)), ErrTimeout)
			waits := func() error {
				ready, err := Wait(bg, never, item)
				if err == nil && !slices.Equal(ready, []int{1}) {
					err = fmt.Errorf("ready: %v", ready)
				}
				return err
			}
			ended := make(chan error)
			go func() { ended <- waits() }()
			h.kill()
			must(t, <-ended)
			recovered, err := take()
			for errors.Is(err, ErrTimeout) { // calls that do not wait ask at most once a millisecond who lives
				must(t, waits())
				recovered, err = take()
			}
			got(t, true)(recovered, err)
		})
	}
}

// Of many that wait for the same things, each message wakes one that takes it; who finds nothing waits again.
func TestWaitTogether(t *testing.T) { everywhere(t, testWaitTogether) }

func testWaitTogether(t *testing.T, d *Domain) {
	const waiters, messages = 8, 2000
	one := closing[*Queue](t)(CreateQueue(d, "", nil))
	two := closing[*Queue](t)(CreateQueue(d, "", nil))
	done := closing[*Event](t)(CreateEvent(d, "", nil))
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for range waiters {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				ready, err := Wait(bg, OnReadable(one), OnReadable(two), OnSet(done))
				if err != nil {
					t.Error(err)
					return
				}
				for _, r := range ready {
					if r == 2 {
						return
					}
					_, err := []*Queue{one, two}[r].TryGet()
					if errors.Is(err, ErrTimeout) {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if taken++; taken == messages {
						err = done.Set()
					}
					mu.Unlock()
					if err != nil {
						t.Error(err)
					}
				}
			}
		}()
	}
	for i := range messages {
		must(t, []*Queue{one, two}[i%2].Put(bg, nil))
	}
	wg.Wait()
	got(t, messages)(taken, nil)
}
