package mproc

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"
)

func TestSemaphore(t *testing.T) { everywhere(t, testSemaphore) }

func testSemaphore(t *testing.T, d *Domain) {
	s := closing[*Semaphore](t)(CreateSemaphore(d, "s", 2, nil))
	same := closing[*Semaphore](t)(OpenSemaphore(d, "s", &SemaphoreOptions{NoSpin: true}))
	value := func(n int) {
		t.Helper()
		info, err := same.Info()
		must(t, err)
		if info != (SemaphoreInfo{Value: n, Initial: 2}) {
			t.Fatalf("%+v instead of %d", info, n)
		}
	}
	value(2)
	got(t, false)(s.Acquire(bg))
	got(t, false)(same.TryAcquire())
	value(0)
	fails(t, second(s.TryAcquire()), ErrTimeout)
	short, stop := context.WithTimeout(bg, time.Millisecond)
	defer stop()
	fails(t, second(s.Acquire(short)), ErrTimeout, context.DeadlineExceeded)
	ended := make(chan error)
	for range 3 {
		go func() { ended <- second(s.Acquire(bg)) }()
	}
	must(t, same.Release(3)) // more than were taken: a plain one does not count
	for range 3 {
		must(t, <-ended)
	}
	value(0)
	must(t, s.Release(0))
	value(0)
	must(t, s.Release(7))
	value(7)
	fails(t, s.Release(-1), ErrInvalid)
	fails(t, s.Release(MaxPermits), ErrOverflow)
	fails(t, s.Release(math.MaxInt), ErrOverflow)
	value(7)

	mine := errors.New("mine")
	fails(t, s.With(bg, func(recovered bool) error { got(t, false)(recovered, nil); value(6); return mine }), mine)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic was swallowed")
			}
		}()
		s.With(bg, func(bool) error { panic("inside") })
	}()
	value(7)

	got(t, true)(closing[*Semaphore](t)(CreateSemaphore(d, "s", 2, &SemaphoreOptions{ExistOK: true})).Existed(), nil)
	fails(t, second(CreateSemaphore(d, "s", 2, &SemaphoreOptions{ExistOK: true, Bounded: true})), ErrType)
	fails(t, second(CreateSemaphore(d, "s", 2, nil)), ErrExist)
	fails(t, second(OpenSemaphore(d, "none", nil)), ErrNotExist)
	fails(t, second(OpenEvent(d, "s", nil)), ErrKind)
	for _, bad := range []int{-1, math.MinInt, MaxPermits + 1, math.MaxInt} {
		fails(t, second(CreateSemaphore(d, "bad", bad, nil)), ErrInvalid)
	}
	fails(t, second(CreateSemaphore(d, "bad", 0, &SemaphoreOptions{Accounting: true})), ErrInvalid)
	none := closing[*Semaphore](t)(CreateSemaphore(d, "", 0, nil))
	fails(t, second(none.TryAcquire()), ErrTimeout)
	most := closing[*Semaphore](t)(CreateSemaphore(d, "", MaxPermits, nil))
	fails(t, most.Release(1), ErrOverflow)
}

func TestBoundedSemaphore(t *testing.T) { everywhere(t, testBoundedSemaphore) }

func testBoundedSemaphore(t *testing.T, d *Domain) {
	for _, accounting := range []bool{false, true} {
		s := closing[*Semaphore](t)(CreateSemaphore(d, "", 2, &SemaphoreOptions{Bounded: true, Accounting: accounting}))
		info, err := s.Info()
		must(t, err)
		if info != (SemaphoreInfo{Value: 2, Initial: 2, Bounded: true, Accounting: accounting}) {
			t.Errorf("%+v", info)
		}
		if err := s.Release(1); !errors.Is(err, ErrOverflow) && !(accounting && errors.Is(err, ErrNotHolder)) {
			t.Errorf("released above the initial value: %v", err)
		}
		got(t, false)(s.TryAcquire())
		if s.Release(2) == nil {
			t.Error("two were released, one was taken")
		}
		must(t, s.Release(1)) // the failure gave nothing
		got(t, false)(s.TryAcquire())
		got(t, false)(s.TryAcquire())
		fails(t, second(s.TryAcquire()), ErrTimeout)
		must(t, s.Release(2))
	}
}

// No more than there are permits get in, of all the goroutines of all processes.
func TestSemaphoreLimits(t *testing.T) {
	d, dir := newDomain(t)
	const permits, processes, workers, rounds = 3, 3, 3, 60
	for _, accounting := range []bool{false, true} {
		t.Run(fmt.Sprint("accounting ", accounting), func(t *testing.T) {
			options := &SemaphoreOptions{Accounting: accounting}
			closing[*Semaphore](t)(CreateSemaphore(d, "s", permits, options))
			inside := closing[*Value[int64]](t)(CreateValue[int64](d, "inside", 0, nil))
			passed := closing[*Value[int64]](t)(CreateValue[int64](d, "passed", 0, nil))
			var all []*helper
			for range processes {
				all = append(all, start(t, dir, "few-at-a-time", fmt.Sprint(permits), fmt.Sprint(workers), fmt.Sprint(rounds)))
			}
			for _, h := range all {
				h.ends()
			}
			got(t, int64(0))(inside.Load())
			got(t, int64(processes*workers*rounds))(passed.Load())
		})
	}
}

func roleFewAtATime() {
	s := need(OpenSemaphore(nil, "s", nil))
	inside := need(OpenValue[int64](nil, "inside", nil))
	passed := need(OpenValue[int64](nil, "passed", nil))
	permits, workers, rounds := int64(argument(1)), argument(2), argument(3)
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	ended := make(chan error)
	for range workers {
		go func() {
			for range rounds {
				err := s.With(ctx, func(bool) error {
					before, err := inside.Add(1)
					if err == nil && before > permits {
						err = fmt.Errorf("%d are inside", before)
					}
					time.Sleep(50 * time.Microsecond)
					return errors.Join(err, second(inside.Add(-1)), second(passed.Add(1)))
				})
				if err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	for range workers {
		checked(<-ended)
	}
}

// A process is killed with permits: with accounting they come back, and who noticed is told, once; else they are lost.
func TestPermitsOfTheDead(t *testing.T) {
	d, dir := newDomain(t)
	s := closing[*Semaphore](t)(CreateSemaphore(d, "s", 3, &SemaphoreOptions{Accounting: true}))
	info := func(want SemaphoreInfo) {
		t.Helper()
		have, err := s.Info()
		must(t, err)
		want.Initial, want.Accounting = 3, true
		if have != want {
			t.Fatalf("%+v instead of %+v", have, want)
		}
	}
	ctx, cancel := context.WithTimeout(bg, time.Hour)
	defer cancel()
	for i, ctx := range []context.Context{bg, ctx} {
		got(t, false)(s.Acquire(ctx))
		h := start(t, dir, "hold-permits")
		h.says("held")
		info(SemaphoreInfo{Held: 1, Holders: 2, Reclaimed: uint32(i)})
		fails(t, s.Release(2), ErrNotHolder) // what others have is not ours
		fails(t, second(s.TryAcquire()), ErrTimeout)
		ended := make(chan error)
		go func() {
			recovered, err := s.Acquire(ctx)
			if err == nil && !recovered {
				err = errors.New("the death was not told")
			}
			ended <- err
		}()
		time.Sleep(20 * time.Millisecond) // most likely it waits by now; right in any case
		h.kill()
		must(t, <-ended)
		got(t, false)(s.Acquire(ctx)) // told once
		info(SemaphoreInfo{Held: 3, Holders: 1, Reclaimed: uint32(i) + 1})
		must(t, s.Release(3))
		info(SemaphoreInfo{Value: 3, Reclaimed: uint32(i) + 1})
	}

	// The same for one who only tries.
	h := start(t, dir, "hold-permits")
	h.says("held")
	got(t, false)(s.TryAcquire())
	h.kill()
	eventually(t, func() bool {
		recovered, err := s.TryAcquire()
		if err == nil {
			got(t, true)(recovered, nil)
			return true
		}
		fails(t, err, ErrTimeout)
		return false
	})
	must(t, s.Release(2))

	must(t, s.Close())
	plain := closing[*Semaphore](t)(CreateSemaphore(d, "s", 2, nil))
	h = start(t, dir, "hold-permits")
	h.says("held")
	h.kill()
	short, stop := context.WithTimeout(bg, 300*time.Millisecond)
	defer stop()
	fails(t, second(plain.Acquire(short)), ErrTimeout)
	must(t, plain.Release(1)) // somebody else may make up for it
	got(t, false)(plain.Acquire(bg))
}

func roleHoldPermits() {
	s := need(OpenSemaphore(nil, "s", nil))
	need(s.Acquire(bg))
	need(s.Acquire(bg))
	say("held")
	forever()
}
