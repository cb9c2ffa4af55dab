package mproc

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"
)

type locker interface {
	Lock(context.Context) (bool, error)
	TryLock() (bool, error)
	Unlock() error
	With(context.Context, func(bool) error) error
}

// lockable holds an object's lock to the contract that all of them share.
func lockable(t *testing.T, l locker) {
	t.Helper()
	owner := func() Owner {
		t.Helper()
		var o Owner
		var err error
		switch l := l.(type) {
		case *Lock:
			o, err = l.Owner()
		case *RWLock:
			var info RWLockInfo
			info, err = l.Info()
			o = info.Writer
		case interface{ LockOwner() (Owner, error) }:
			o, err = l.LockOwner()
		}
		must(t, err)
		return o
	}
	fails(t, l.Unlock(), ErrNotHolder)
	if o := owner(); o != (Owner{}) {
		t.Fatalf("a free lock is held by %+v", o)
	}
	got(t, false)(l.Lock(bg))
	if o := owner(); !o.Held || !o.Alive || !o.Self || o.PID != os.Getpid() || o.Command == "" {
		t.Fatalf("held by %+v", o)
	}
	_, err := l.TryLock()
	fails(t, err, ErrTimeout)
	short, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	_, err = l.Lock(short)
	fails(t, err, ErrTimeout, context.DeadlineExceeded)
	// Another goroutine, and so perhaps another thread, may unlock.
	unlocked := make(chan error)
	go func() { unlocked <- l.Unlock() }()
	must(t, <-unlocked)
	got(t, false)(l.TryLock())
	must(t, l.Unlock())
	fails(t, l.Unlock(), ErrNotHolder)

	mine := errors.New("mine")
	fails(t, l.With(bg, func(recovered bool) error {
		got(t, false)(recovered, nil)
		_, err := l.TryLock()
		fails(t, err, ErrTimeout)
		return mine
	}), mine)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic was swallowed")
			}
		}()
		l.With(bg, func(bool) error { panic("inside") })
	}()
	got(t, false)(l.TryLock())
	must(t, l.Unlock())
	fails(t, l.With(bg, func(bool) error { return l.Unlock() }), ErrNotHolder)
}

func TestLock(t *testing.T) { everywhere(t, testLock) }

func testLock(t *testing.T, d *Domain) {
	lockable(t, closing[*Lock](t)(CreateLock(d, "l", nil)))
	lockable(t, closing[*Lock](t)(OpenLock(d, "l", &LockOptions{NoSpin: true})))
	lockable(t, closing[*Lock](t)(CreateLock(d, "", nil)))
	again := closing[*Lock](t)(CreateLock(d, "l", &LockOptions{ExistOK: true}))
	got(t, true)(again.Existed(), nil)
	_, err := CreateLock(d, "l", nil)
	fails(t, err, ErrExist)
	_, err = CreateQueue(d, "l", &QueueOptions{ExistOK: true})
	fails(t, err, ErrKind)
}

// Goroutines that move between threads exclude each other: a plain counter stays right.
func TestLockUnderGoroutines(t *testing.T) { everywhere(t, testLockUnderGoroutines) }

func testLockUnderGoroutines(t *testing.T, d *Domain) {
	const workers, rounds = 8, 400
	counter := 0
	var wg sync.WaitGroup
	closing[*Lock](t)(CreateLock(d, "l", nil))
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	for i := range workers {
		l := closing[*Lock](t)(OpenLock(d, "l", nil))
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := range rounds {
				// Every way in.
				var err error
				switch (i + k) % 3 {
				case 0:
					_, err = l.Lock(bg)
				case 1:
					_, err = l.Lock(ctx)
				default:
					for {
						if _, err = l.TryLock(); !errors.Is(err, ErrTimeout) {
							break
						}
						time.Sleep(time.Microsecond)
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
				counter++
				if err := l.Unlock(); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	wg.Wait()
	got(t, workers*rounds)(counter, nil)
}

// With AnyRelease a lock can be handed over, or serve as a signal: who unlocks it need not be the holder.
func TestAnyRelease(t *testing.T) {
	d, dir := newDomain(t)
	l := closing[*Lock](t)(CreateLock(d, "l", &LockOptions{AnyRelease: true}))
	fails(t, l.Unlock(), ErrNotHolder) // nobody has it
	lockable(t, l)
	for _, options := range []*LockOptions{{ExistOK: true}, {ExistOK: true, AnyRelease: true}} {
		again, err := CreateLock(d, "l", options)
		if options.AnyRelease {
			got(t, true)(closing[*Lock](t)(again, err).Existed(), nil)
		} else {
			fails(t, err, ErrType)
		}
	}
	got(t, false)(l.TryLock())
	h := start(t, dir, "hand-over")
	got(t, false)(l.Lock(bg)) // as soon as the helper has released ours
	h.says("released")
	must(t, l.Unlock())
	h.tell()
	h.says("held")
	must(t, l.Unlock()) // the helper's
	got(t, false)(l.TryLock())
	must(t, l.Unlock())
	h.tell()
	h.says("held")
	h.kill()
	got(t, true)(l.Lock(bg)) // who dies as the holder is told all the same
	must(t, l.Unlock())
}

func roleHandOver() {
	l := need(OpenLock(nil, "l", nil))
	checked(l.Unlock())
	say("released")
	for {
		<-told
		need(l.Lock(bg))
		say("held")
	}
}
