package mproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// channel is what a queue and a pipe have in common: messages go in at one place and come out at another.
type channel struct {
	in, out interface {
		Reserve(context.Context, int) (*Reservation, error)
		TryReserve(int) (*Reservation, error)
		Peek(context.Context) (*Message, error)
		TryPeek() (*Message, error)
	}
	put func(context.Context, []byte) error
	get func(context.Context) ([]byte, error)
}

// channels are one of each kind.
func channels(t testing.TB, d *Domain, capacity uint64) map[string]channel {
	t.Helper()
	q := closing[*Queue](t)(CreateQueue(d, "", &QueueOptions{Capacity: capacity}))
	leases := closing[*Queue](t)(CreateQueue(d, "", &QueueOptions{Capacity: capacity, Lease: true}))
	a, b := newPipe(t, d, "", &PipeOptions{Capacity: capacity})
	alone0, alone1 := newPipe(t, d, "", &PipeOptions{Capacity: capacity, OneWay: true, Exclusive: true})
	return map[string]channel{
		"queue": {q, q, q.Put, q.Get}, "queue for leases": {leases, leases, leases.Put, nil},
		"pipe": {a, b, a.Send, b.Recv}, "one-way pipe": {alone1, alone0, alone1.Send, alone0.Recv},
	}
}

// shows is for (message, error) pairs.
func shows(t testing.TB, want string, redelivered bool) func(m *Message, err error) *Message {
	t.Helper()
	return func(m *Message, err error) *Message {
		t.Helper()
		must(t, err)
		got(t, want)(string(m.Bytes()), nil)
		got(t, redelivered)(m.Redelivered(), nil)
		return m
	}
}

func TestInPlace(t *testing.T) {
	d, _ := newDomain(t)
	for name, c := range channels(t, d, 0) {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 8, 9, 5000, 300_000} {
				for _, less := range []int{0, 1, n / 2, n} {
					want := bytes.Repeat([]byte("ab"), n)[:max(n-less, 0)]
					r, err := c.in.Reserve(bg, n)
					must(t, err)
					if b := r.Bytes(); b == nil || len(b) != n || cap(b) != n {
						t.Fatalf("%d bytes of room, want %d", len(b), n)
					}
					copy(r.Bytes(), want)
					_, err = c.out.TryPeek()
					fails(t, err, ErrTimeout)
					must(t, r.Commit(len(want)))
					m := shows(t, string(want), false)(c.out.Peek(bg))
					if m.Bytes() == nil {
						t.Error("an empty message is nil")
					}
					must(t, m.View(func(b []byte) error { got(t, len(want))(len(b), nil); return nil }))
					must(t, m.Release())
				}
			}
		})
	}
}

func TestReservationsEndOnce(t *testing.T) {
	d, _ := newDomain(t)
	for name, c := range channels(t, d, 4096) {
		t.Run(name, func(t *testing.T) {
			over := func(r *Reservation) {
				t.Helper()
				fails(t, r.Commit(0), ErrNotHolder)
				fails(t, r.Abort(), ErrNotHolder)
				fails(t, r.View(func([]byte) error { panic("called") }), ErrNotHolder)
				if r.Bytes() != nil {
					t.Error("there is room left")
				}
			}
			r, err := c.in.Reserve(bg, 10)
			must(t, err)
			fails(t, r.Commit(11), ErrRange)
			fails(t, r.Commit(-1), ErrRange)
			copy(r.Bytes(), "0123456789") // it has stayed
			must(t, r.Commit(9))
			over(r)
			m := shows(t, "012345678", false)(c.out.Peek(bg))
			must(t, m.Release())
			fails(t, m.Release(), ErrNotHolder)
			fails(t, m.PutBack(), ErrNotHolder)
			fails(t, m.View(func([]byte) error { panic("called") }), ErrNotHolder)
			if m.Bytes() != nil {
				t.Error("there is a message left")
			}

			r, err = c.in.TryReserve(2000)
			must(t, err)
			must(t, r.Abort())
			over(r)
			_, err = c.out.TryPeek()
			fails(t, err, ErrTimeout)
			over(new(Reservation))

			_, err = c.in.Reserve(bg, -1)
			fails(t, err, ErrInvalid)
			_, err = c.in.Reserve(bg, 1<<20)
			fails(t, err, ErrTooBig)
			// Full of reservations; what is given up makes room.
			var all []*Reservation
			for {
				r, err := c.in.TryReserve(500)
				if err != nil {
					fails(t, err, ErrTimeout)
					break
				}
				all = append(all, r)
			}
			// Without locks only the receiver can give room back: one that waits is enough.
			taken := make(chan error, 1)
			take := func() {
				m, err := c.out.Peek(bg)
				if err == nil && len(m.Bytes()) != 2000 {
					err = fmt.Errorf("a message of %d bytes", len(m.Bytes()))
				}
				if err == nil {
					err = m.Release()
				}
				taken <- err
			}
			if name == "one-way pipe" {
				go take()
			}
			for _, r := range all {
				must(t, r.Abort())
			}
			must(t, c.put(bg, make([]byte, 2000)))
			if name != "one-way pipe" {
				take()
			}
			must(t, <-taken)
		})
	}
}

func TestPutBack(t *testing.T) {
	d, _ := newDomain(t)
	for name, c := range channels(t, d, 4096) {
		t.Run(name, func(t *testing.T) {
			for range 100 { // around the end
				for _, m := range []string{"one", "two", "three"} {
					must(t, c.put(bg, []byte(m)))
				}
				one := shows(t, "one", false)(c.out.Peek(bg))
				two := shows(t, "two", false)(c.out.TryPeek())
				must(t, one.PutBack())
				fails(t, one.Release(), ErrNotHolder)
				one = shows(t, "one", true)(c.out.Peek(bg))
				must(t, shows(t, "three", false)(c.out.Peek(bg)).Release())
				_, err := c.out.TryPeek()
				fails(t, err, ErrTimeout)
				must(t, one.Release())
				must(t, two.PutBack())
				if c.get == nil {
					must(t, shows(t, "two", true)(c.out.Peek(bg)).Release())
					continue
				}
				m, err := c.get(bg)
				must(t, err)
				got(t, "two")(string(m), nil)
			}
		})
	}
}

// In a queue nobody waits for somebody else's reservation; in a pipe messages arrive in the order of reservation.
func TestOrderOfReservations(t *testing.T) {
	d, _ := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "", nil))
	r, err := q.Reserve(bg, 5)
	must(t, err)
	must(t, q.Put(bg, []byte("late")))
	got(t, 1)(q.Len())
	m, err := q.TryGet()
	must(t, err)
	got(t, "late")(string(m), nil)
	must(t, q.Put(bg, []byte("later")))
	copy(r.Bytes(), "early")
	must(t, r.Commit(5))
	m, err = q.Get(bg)
	must(t, err)
	got(t, "early")(string(m), nil)

	a, b := newPipe(t, d, "", nil)
	r, err = a.Reserve(bg, 5)
	must(t, err)
	must(t, a.Send(bg, []byte("late")))
	_, err = b.TryRecv()
	fails(t, err, ErrTimeout)
	copy(r.Bytes(), "early")
	must(t, r.Commit(5))
	receives(t, b, "early")
	receives(t, b, "late")
}

// After an immediate shutdown nothing goes in, and what is held may be let go; likewise when nobody will read it.
func TestSettlingAfterTheEnd(t *testing.T) {
	d, _ := newDomain(t)
	var q *Queue
	for _, settle := range []func(*Message) error{(*Message).Release, (*Message).PutBack} {
		q = closing[*Queue](t)(CreateQueue(d, "", nil))
		must(t, q.Put(bg, []byte("held")))
		r, err := q.Reserve(bg, 5)
		must(t, err)
		s, err := q.Reserve(bg, 5)
		must(t, err)
		m := shows(t, "held", false)(q.Peek(bg))
		must(t, q.Shutdown(true))
		fails(t, r.Commit(5), ErrClosed)
		fails(t, r.Abort(), ErrNotHolder)
		must(t, s.Abort())
		must(t, settle(m))
	}
	fails(t, second(q.Reserve(bg, 1)), ErrClosed)
	fails(t, second(q.Peek(bg)), ErrClosed)

	// Gracefully: what was reserved still goes in, what was put back still comes out.
	q = closing[*Queue](t)(CreateQueue(d, "", nil))
	must(t, q.Put(bg, []byte("held")))
	m := shows(t, "held", false)(q.Peek(bg))
	l, err := q.Reserve(bg, 8)
	must(t, err)
	must(t, q.Shutdown(false))
	fails(t, second(q.Reserve(bg, 1)), ErrClosed)
	must(t, m.PutBack())
	must(t, shows(t, "held", true)(q.Peek(bg)).Release())
	copy(l.Bytes(), "reserved")
	must(t, l.Commit(8))
	must(t, shows(t, "reserved", false)(q.Peek(bg)).Release())
	fails(t, second(q.Peek(bg)), ErrClosed)

	a, b := newPipe(t, d, "", nil)
	r, err := a.Reserve(bg, 5)
	must(t, err)
	must(t, b.Close())
	fails(t, r.Commit(5), ErrPipe)
	fails(t, r.Abort(), ErrNotHolder)
}

// Close gives up what was reserved, and puts back what was held.
func TestCloseGivesUp(t *testing.T) {
	d, _ := newDomain(t)
	keep := closing[*Queue](t)(CreateQueue(d, "q", nil))
	near, far := newPipe(t, d, "p", nil)
	for range 3 {
		q := closing[*Queue](t)(OpenQueue(d, "q", nil))
		p := closing[*Pipe](t)(OpenPipe(d, "p", 1, nil))
		must(t, q.Put(bg, []byte("read")))
		must(t, near.Send(bg, []byte("read")))
		l := func() *Lease {
			must(t, keep.Put(bg, []byte("leased")))
			m := shows(t, "read", false)(q.Peek(bg))
			l, err := q.Lease(bg)
			must(t, err)
			must(t, m.PutBack())
			return l
		}()
		var views []*view
		for _, c := range []interface {
			Peek(context.Context) (*Message, error)
			Reserve(context.Context, int) (*Reservation, error)
		}{q, p} {
			views = append(views, &func() *Message { m, err := c.Peek(bg); must(t, err); return m }().view)
			r, err := c.Reserve(bg, 100)
			must(t, err)
			fails(t, r.Commit(101), ErrRange)
			views = append(views, &r.view)
		}
		must(t, far.Send(bg, []byte("behind it")))
		_, err := near.TryRecv()
		fails(t, err, ErrTimeout)
		info, err := keep.Info()
		must(t, err)
		got(t, uint64(2))(info.Held, nil)
		got(t, uint64(1))(info.Reserved, nil)

		must(t, q.Close())
		must(t, p.Close())
		for _, v := range views {
			if v.bytes() != nil {
				t.Error("there are bytes after Close")
			}
			fails(t, v.with(func([]byte) error { panic("called") }), ErrClosedHandle)
		}
		fails(t, l.Ack(), ErrClosedHandle)
		fails(t, l.PutBack(), ErrClosedHandle)
		got(t, "leased")(string(l.Bytes()), nil) // that is a copy

		info, err = keep.Info()
		must(t, err)
		got(t, uint64(0))(info.Held, nil)
		got(t, uint64(0))(info.Reserved, nil)
		must(t, shows(t, "read", true)(keep.TryPeek()).Release())
		must(t, shows(t, "leased", true)(keep.TryPeek()).Release())
		must(t, shows(t, "read", true)(far.TryPeek()).Release())
		receives(t, near, "behind it")
	}
}

// Inside View the memory is safe from Close, and stays this process's.
func TestViewsOutliveClose(t *testing.T) {
	d, _ := newDomain(t)
	keep := closing[*Queue](t)(CreateQueue(d, "q", nil))
	must(t, keep.Put(bg, []byte("message")))
	q := closing[*Queue](t)(OpenQueue(d, "q", nil))
	r, err := q.Reserve(bg, 1000)
	must(t, err)
	m, err := q.Peek(bg)
	must(t, err)
	must(t, m.View(func(read []byte) error {
		return r.View(func(write []byte) error {
			must(t, q.Close())
			for i := range write {
				write[i] = 7
			}
			got(t, "message")(string(read), nil)
			fails(t, r.Commit(1), ErrClosedHandle)
			_, err := keep.TryPeek()
			fails(t, err, ErrTimeout)
			return nil
		})
	}))
	must(t, shows(t, "message", true)(keep.TryPeek()).Release())
	info, err := keep.Info()
	must(t, err)
	got(t, uint64(0))(info.Reserved, nil)

	// The function's own error comes through, and a panic lets go.
	r, err = keep.Reserve(bg, 1)
	must(t, err)
	fails(t, r.View(func([]byte) error { return io.ErrUnexpectedEOF }), io.ErrUnexpectedEOF)
	func() {
		defer func() { recover() }()
		r.View(func([]byte) error { panic("on purpose") })
	}()
	must(t, r.Abort())
}

// Close at any moment while others write and read in place: they get on or are told, nothing crashes, and the object
// is really let go.
func TestCloseWhileInPlace(t *testing.T) {
	d, _ := newDomain(t)
	for range 30 {
		q, err := CreateQueue(d, "q", nil)
		must(t, err)
		a, b, err := CreatePipe(d, "p", nil)
		must(t, err)
		var started, wg sync.WaitGroup
		for i := range 4 {
			c := channel{in: q, out: q}
			if i%2 == 1 {
				c = channel{in: a, out: b}
			}
			started.Add(1)
			wg.Add(1)
			go func() {
				defer wg.Done()
				started.Done()
				for {
					err := c.turn()
					if errors.Is(err, ErrClosedHandle) || errors.Is(err, ErrPipe) || errors.Is(err, ErrEOF) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			}()
		}
		started.Wait()
		for _, c := range []io.Closer{q, a, b, q, a, b} {
			wg.Add(1)
			go func() { defer wg.Done(); c.Close() }()
		}
		wg.Wait()
		for _, name := range []string{"q", "p"} {
			_, err := OpenLock(d, name, nil)
			fails(t, err, ErrNotExist) // the last user is gone, and so is the name
		}
	}
}

// turn sends a message in place and takes one.
func (c channel) turn() error {
	r, err := c.in.Reserve(bg, 1000)
	if err != nil {
		return err
	}
	if err := r.View(func(b []byte) error { return set(b, 5) }); err != nil {
		return err
	}
	if err := r.Commit(900); err != nil {
		return err
	}
	m, err := c.out.Peek(bg)
	if err != nil {
		return err
	}
	err = m.View(func(b []byte) error {
		if len(b) != 900 || b[0] != 5 || b[899] != 5 {
			return fmt.Errorf("%d bytes, %d to %d", len(b), b[0], b[899])
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.Release()
}

func set(b []byte, to byte) error {
	for i := range b {
		b[i] = to
	}
	return nil
}

// One reservation, one message, many goroutines: exactly one of them ends it.
func TestManyEndOne(t *testing.T) {
	d, _ := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "", nil))
	for range 200 {
		r, err := q.Reserve(bg, 8)
		must(t, err)
		got(t, 1)(winners(t, func() error { return r.Commit(8) }, r.Abort), nil)
		if _, err := q.TryGet(); err != nil { // Abort may have won
			fails(t, err, ErrTimeout)
		}
		must(t, q.Put(bg, []byte("m")))
		m, err := q.Peek(bg)
		must(t, err)
		got(t, 1)(winners(t, m.Release, m.PutBack, func() error { m.Bytes(); return m.Release() }), nil)
		if _, err := q.TryGet(); err != nil { // Release may have won
			fails(t, err, ErrTimeout)
		}
	}
	info, err := q.Info()
	must(t, err)
	got(t, uint64(0))(info.Held+info.Reserved+info.Items, nil)
}

// winners lets all of them run at once, and counts the successes; the others must not hold it any more.
func winners(t *testing.T, all ...func() error) (n int) {
	t.Helper()
	ended := make(chan error)
	for _, f := range all {
		go func() { ended <- f() }()
	}
	for range all {
		if err := <-ended; err == nil {
			n++
		} else {
			fails(t, err, ErrNotHolder)
		}
	}
	return n
}

// Memory that is reserved or read in place stays mapped. In a process of its own, because it stays to its end.
func TestCollectorSparesViews(t *testing.T) {
	d, dir := newDomain(t)
	start(t, dir, "keep-views").ends()
	got(t, true)(unknown(d, "reserved"), nil)
	got(t, true)(unknown(d, "read"), nil)
}

func roleKeepViews() {
	room := need(need(CreateQueue(nil, "reserved", nil)).Reserve(bg, 3)).Bytes()
	message := func() []byte {
		q := need(CreateQueue(nil, "read", nil))
		checked(q.Put(bg, []byte("abc")))
		return need(q.Peek(bg)).Bytes()
	}()
	for range 10 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	copy(room, message)
	if unknown(nil, "reserved") || unknown(nil, "read") || string(room) != "abc" {
		checked(errors.New("the memory is gone"))
	}
}

// The dead hold nothing: what they had taken comes first and is marked, what they had reserved is in nobody's way.
func TestHoldsOfTheDead(t *testing.T) {
	d, dir := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	a, b := newPipe(t, d, "p", nil)
	ctx, cancel := context.WithTimeout(bg, time.Hour)
	defer cancel()
	for _, ctx := range []context.Context{bg, ctx} {
		must(t, q.Put(ctx, []byte("read")))
		must(t, q.Put(ctx, []byte("leased")))
		must(t, a.Send(ctx, []byte("read")))
		h := start(t, dir, "take")
		h.says("taken")
		must(t, q.Put(ctx, []byte("later")))
		must(t, a.Send(ctx, []byte("later")))
		must(t, b.Send(ctx, []byte("later")))
		// Nobody is held up in the queue; in the pipe what comes after the reservation is.
		m, err := q.Get(ctx)
		must(t, err)
		got(t, "later")(string(m), nil)
		receives(t, b, "later")
		_, err = a.TryRecv()
		fails(t, err, ErrTimeout)
		info, err := q.Info()
		must(t, err)
		if info.Held != 2 || info.Reserved != 1 || info.Items != 0 {
			t.Errorf("%+v", info)
		}

		waiting := make(chan error, 1)
		go func() { _, err := a.Recv(ctx); waiting <- err }()
		h.kill()
		must(t, <-waiting)
		must(t, shows(t, "read", true)(q.Peek(ctx)).Release())
		l, err := q.Lease(ctx)
		must(t, err)
		got(t, "leased")(string(l.Bytes()), nil)
		got(t, true)(l.Redelivered(), nil)
		must(t, l.Ack())
		must(t, shows(t, "read", true)(b.Peek(ctx)).Release())
		// The reservation's room is free: the longest message of all has some.
		r, err := q.Reserve(ctx, int(info.MaxMessage))
		must(t, err)
		must(t, r.Abort())
	}
}

func roleTake() {
	q := need(OpenQueue(nil, "q", nil))
	far := need(OpenPipe(nil, "p", 1, nil))
	m := need(q.Peek(bg))
	l := need(q.Lease(bg))
	n := need(far.Peek(bg))
	r := need(q.Reserve(bg, 1000))
	s := need(far.Reserve(bg, 1000))
	set(r.Bytes(), 1)
	set(s.Bytes(), 1)
	say("taken")
	forever()
	runtime.KeepAlive([]any{m, l, n})
}

// A process that holds something is not robbed, however long it is stopped.
func TestHoldsOfTheStopped(t *testing.T) {
	d, dir := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	must(t, q.Put(bg, []byte("mine")))
	h := start(t, dir, "take-and-finish")
	h.says("taken")
	must(t, h.cmd.Process.Signal(syscall.SIGSTOP))
	short, cancel := context.WithTimeout(bg, 300*time.Millisecond)
	defer cancel()
	_, err := q.Peek(short)
	fails(t, err, ErrTimeout, context.DeadlineExceeded)
	must(t, h.cmd.Process.Signal(syscall.SIGCONT))
	h.tell()
	h.says("put")
	m, err := q.Get(bg)
	must(t, err)
	got(t, "MINE")(string(m), nil)
	h.ends()
	got(t, true)(q.Empty())
}

// A queue is not drained while another process holds what may come back, or come in.
func TestDrainingWaits(t *testing.T) {
	d, dir := newDomain(t)
	for _, kill := range []bool{false, true} {
		q := closing[*Queue](t)(CreateQueue(d, "q", nil))
		must(t, q.Put(bg, []byte("mine")))
		h := start(t, dir, "take-and-finish")
		h.says("taken")
		must(t, q.Shutdown(false))
		_, err := q.TryPeek()
		fails(t, err, ErrTimeout)
		taken := make(chan string, 1)
		go func() {
			m, err := q.Peek(bg)
			if err != nil {
				taken <- err.Error()
				return
			}
			taken <- fmt.Sprintf("%s %v %v", m.Bytes(), m.Redelivered(), m.Release())
		}()
		if kill {
			h.kill()
			got(t, "mine true <nil>")(<-taken, nil)
		} else {
			h.tell()
			h.says("put")
			h.ends()
			got(t, "MINE false <nil>")(<-taken, nil)
		}
		_, err = q.Get(bg)
		fails(t, err, ErrClosed)
		must(t, q.Close())
	}
}

func roleTakeAndFinish() {
	q := need(OpenQueue(nil, "q", nil))
	m := need(q.Peek(bg))
	r := need(q.Reserve(bg, len(m.Bytes())))
	say("taken")
	<-told
	copy(r.Bytes(), bytes.ToUpper(m.Bytes()))
	checked(m.Release())
	checked(r.Commit(len(r.Bytes())))
	say("put")
}
