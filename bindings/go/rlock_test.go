package mproc

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"
)

func TestRLock(t *testing.T) { everywhere(t, testRLock) }

func testRLock(t *testing.T, d *Domain) {
	recursive(t, closing[*RLock](t)(CreateRLock(d, "l", nil)))
	recursive(t, closing[*RLock](t)(OpenRLock(d, "l", &RLockOptions{NoSpin: true})))
	recursive(t, closing[*RLock](t)(CreateRLock(d, "", nil)))
	again := closing[*RLock](t)(CreateRLock(d, "l", &RLockOptions{ExistOK: true}))
	got(t, true)(again.Existed(), nil)
	fails(t, second(CreateRLock(d, "l", nil)), ErrExist)
	fails(t, second(OpenRLock(d, "none", nil)), ErrNotExist)
	fails(t, second(CreateLock(d, "l", &LockOptions{ExistOK: true})), ErrKind)
	fails(t, second(OpenRWLock(d, "l", nil)), ErrKind)
}

// reentrant is an rlock, or what has one.
type reentrant interface {
	Lock(context.Context, Token) (bool, error)
	TryLock(Token) (bool, error)
	Unlock(Token) error
	With(context.Context, Token, func(bool) error) error
}

// recursive holds an rlock, or a condition's own, to its contract.
func recursive(t *testing.T, l reentrant) {
	t.Helper()
	me, other := NewToken(), NewToken()
	info := func(token Token, count int) {
		t.Helper()
		l, ok := l.(*RLock)
		if !ok {
			return
		}
		i, err := l.Info()
		must(t, err)
		if i.Token != token || i.Count != count || i.Owner.Held != (count > 0) || i.Owner.Self != (count > 0) {
			t.Fatalf("%+v, not token %d and count %d", i, token, count)
		}
		if count > 0 && i.Owner.PID != os.Getpid() {
			t.Fatalf("held by %+v", i.Owner)
		}
	}
	info(0, 0)
	fails(t, l.Unlock(me), ErrNotHolder)
	got(t, false)(l.Lock(bg, me))
	got(t, false)(l.TryLock(me))
	cancellable, cancel := context.WithCancel(bg)
	defer cancel()
	got(t, false)(l.Lock(cancellable, me))
	info(me, 3)
	fails(t, second(l.TryLock(other)), ErrTimeout)
	short, stop := context.WithTimeout(bg, time.Millisecond)
	defer stop()
	fails(t, second(l.Lock(short, other)), ErrTimeout, context.DeadlineExceeded)
	fails(t, l.Unlock(other), ErrNotHolder)
	must(t, l.Unlock(me))
	// Whoever has the token is the owner, in whichever goroutine and thread.
	ended := make(chan error)
	go func() { ended <- errors.Join(second(l.TryLock(me)), l.Unlock(me), l.Unlock(me)) }()
	must(t, <-ended)
	fails(t, second(l.TryLock(other)), ErrTimeout) // one level is left
	info(me, 1)

	// With is a level of its own.
	mine := errors.New("mine")
	fails(t, l.With(bg, me, func(recovered bool) error {
		got(t, false)(recovered, nil)
		info(me, 2)
		return l.With(bg, me, func(bool) error { info(me, 3); return mine })
	}), mine)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic was swallowed")
			}
		}()
		l.With(bg, me, func(bool) error { panic("inside") })
	}()
	info(me, 1)
	fails(t, second(l.TryLock(other)), ErrTimeout)
	must(t, l.Unlock(me))
	got(t, false)(l.TryLock(other))
	info(other, 1)
	must(t, l.Unlock(other))
	fails(t, l.Unlock(me), ErrNotHolder)
	info(0, 0)

	for _, bad := range []Token{0, 1 << 63, ^Token(0)} {
		fails(t, second(l.Lock(bg, bad)), ErrInvalid)
		fails(t, second(l.TryLock(bad)), ErrInvalid)
		fails(t, l.Unlock(bad), ErrInvalid)
		fails(t, l.With(bg, bad, func(bool) error { panic("called") }), ErrInvalid)
	}
	got(t, false)(l.TryLock(1<<63 - 1)) // the last
	must(t, l.Unlock(1<<63-1))
}

func TestTokensAreDistinct(t *testing.T) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := make(map[Token]bool)
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 1000 {
				token := NewToken()
				mu.Lock()
				if token == 0 || seen[token] {
					t.Errorf("token %d again", token)
				}
				seen[token] = true
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
}

// Goroutines that move between threads exclude each other, at any depth.
func TestRLockUnderGoroutines(t *testing.T) { everywhere(t, testRLockUnderGoroutines) }

func testRLockUnderGoroutines(t *testing.T, d *Domain) {
	const workers, rounds = 8, 300
	counter := 0
	var wg sync.WaitGroup
	closing[*RLock](t)(CreateRLock(d, "l", nil))
	for range workers {
		l := closing[*RLock](t)(OpenRLock(d, "l", nil))
		wg.Add(1)
		go func() {
			defer wg.Done()
			me := NewToken()
			for k := range rounds {
				if err := deeper(l, me, k%4, func() { counter++ }); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	wg.Wait()
	got(t, workers*rounds)(counter, nil)
}

// deeper calls f with the lock taken so many times more than once.
func deeper(l *RLock, owner Token, more int, f func()) error {
	return l.With(bg, owner, func(bool) error {
		if more > 0 {
			return deeper(l, owner, more-1, f)
		}
		f()
		return nil
	})
}

// A process is killed while it holds the lock, three levels deep: all of them are gone, and the next one is told. The
// same token in another process is another owner.
func TestRLockOfTheDead(t *testing.T) {
	d, dir := newDomain(t)
	l := closing[*RLock](t)(CreateRLock(d, "l", nil))
	ctx, cancel := context.WithTimeout(bg, time.Hour)
	defer cancel()
	for _, ctx := range []context.Context{bg, ctx} {
		h := start(t, dir, "hold-rlock")
		h.says("held")
		const same = Token(77)
		fails(t, second(l.TryLock(same)), ErrTimeout)
		fails(t, l.Unlock(same), ErrNotHolder)
		info, err := l.Info()
		must(t, err)
		if info.Token != same || info.Count != 3 || info.Owner.Self || info.Owner.PID != h.cmd.Process.Pid {
			t.Errorf("%+v", info)
		}
		type result struct {
			recovered bool
			err       error
		}
		ended := make(chan result)
		go func() {
			recovered, err := l.Lock(ctx, same)
			ended <- result{recovered, err}
		}()
		time.Sleep(20 * time.Millisecond) // most likely it waits by now; right in any case
		h.kill()
		r := <-ended
		got(t, true)(r.recovered, r.err)
		got(t, false)(l.Lock(bg, same))
		must(t, l.Unlock(same))
		must(t, l.Unlock(same))
		info, err = l.Info()
		must(t, err)
		if info.Owner.Held || info.Count != 0 || info.Token != 0 || info.Steals == 0 {
			t.Errorf("%+v", info)
		}
		other := NewToken()
		got(t, false)(l.Lock(bg, other))
		must(t, l.Unlock(other))
	}
}

func roleHoldRLock() {
	l := need(OpenRLock(nil, "l", nil))
	for range 3 {
		need(l.Lock(bg, 77))
	}
	say("held")
	forever()
}
