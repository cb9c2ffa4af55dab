package mproc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// newPipe is both ends of a pipe, which are closed when the test ends.
func newPipe(t testing.TB, d *Domain, name string, options *PipeOptions) (end0, end1 *Pipe) {
	t.Helper()
	end0, end1, err := CreatePipe(d, name, options)
	return closing[*Pipe](t)(end0, err), closing[*Pipe](t)(end1, err)
}

// receives takes the next message, which must be this one.
func receives(t testing.TB, p *Pipe, want string) {
	t.Helper()
	m, err := p.Recv(bg)
	must(t, err)
	got(t, want)(string(m), nil)
}

func TestPipeGoesBothWays(t *testing.T) { everywhere(t, testPipeGoesBothWays) }

func testPipeGoesBothWays(t *testing.T, d *Domain) {
	anonymous := closing[*Domain](t)(OpenDomain(&DomainOptions{Anonymous: true}))
	for _, d := range []*Domain{d, anonymous} {
		for _, exclusive := range []bool{false, true} {
			a, b := newPipe(t, d, "", &PipeOptions{Exclusive: exclusive})
			sent := []string{"one", "", string(make([]byte, 5000)), "four", string(bytes.Repeat([]byte("y"), 300_000))}
			for _, ends := range [][2]*Pipe{{a, b}, {b, a}} {
				from, to := ends[0], ends[1]
				for _, m := range sent {
					must(t, from.Send(bg, []byte(m)))
				}
				must(t, to.Poll(bg))
				must(t, to.TryPoll())
				for _, m := range sent {
					receives(t, to, m)
				}
				_, err := to.TryRecv()
				fails(t, err, ErrTimeout)
				if errors.Is(err, context.DeadlineExceeded) {
					t.Error("a deadline that there was not:", err)
				}
				fails(t, to.TryPoll(), ErrTimeout)
			}
		}
	}
}

// Small messages through a small pipe, around its end many times, with every way to send and to receive.
func TestPipeWraps(t *testing.T) {
	d, _ := newDomain(t)
	for _, options := range []PipeOptions{{}, {Exclusive: true}, {OneWay: true}} {
		options.Capacity = 4096
		a, b := newPipe(t, d, "", &options)
		const n = 3000
		message := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, i*7%400) }
		ended := make(chan error, 1)
		go func() {
			for i := range n {
				if i%3 > 0 {
					if err := b.Send(bg, message(i)); err != nil {
						ended <- err
						return
					}
					continue
				}
				r, err := b.Reserve(bg, 400)
				if err != nil {
					ended <- err
					return
				}
				if err := r.Commit(copy(r.Bytes(), message(i))); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
		buf := make([]byte, 400)
		for i := range n {
			var have []byte
			switch i % 5 {
			case 0:
				m, err := a.Recv(bg)
				must(t, err)
				have = m
			case 1, 2:
				n, err := a.RecvInto(bg, buf)
				must(t, err)
				have = buf[:n]
			default:
				m, err := a.Peek(bg)
				must(t, err)
				have = bytes.Clone(m.Bytes())
				must(t, m.Release())
			}
			if !bytes.Equal(have, message(i)) {
				t.Fatalf("message %d has %d bytes, want %d", i, len(have), len(message(i)))
			}
		}
		must(t, <-ended)
	}
}

func TestPipeBounds(t *testing.T) {
	d, _ := newDomain(t)
	a, b := newPipe(t, d, "p", &PipeOptions{Capacity: 4096})
	info, err := a.Info()
	must(t, err)
	if info.Capacity < 4096 || info.MaxMessage == 0 || info.MaxMessage >= info.Capacity {
		t.Fatalf("%+v", info)
	}
	fails(t, b.Send(bg, make([]byte, info.MaxMessage+1)), ErrTooBig)
	must(t, b.Send(bg, make([]byte, info.MaxMessage)))
	n, err := a.RecvInto(bg, make([]byte, 4))
	fails(t, err, ErrMessageSize)
	got(t, int(info.MaxMessage))(n, nil)
	m, err := a.TryRecv() // it has stayed
	must(t, err)
	got(t, int(info.MaxMessage))(len(m), nil)

	sent := 0
	for ; err == nil; sent++ {
		err = b.TrySend(nil)
	}
	fails(t, err, ErrTimeout)
	short, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	fails(t, b.Send(short, nil), ErrTimeout, context.DeadlineExceeded)
	_, err = b.TryReserve(0)
	fails(t, err, ErrTimeout)
	info, err = a.Info()
	must(t, err)
	got(t, uint64(sent-1))(info.Incoming, nil)
	got(t, uint64(0))(info.Outgoing, nil)
	info, err = b.Info()
	must(t, err)
	got(t, uint64(sent-1))(info.Outgoing, nil)
	must(t, a.Send(bg, nil)) // the other way is as free as it was

	_, err = OpenPipe(d, "p", 0, &PipeOptions{Capacity: 1 << 16})
	fails(t, err, ErrType)
	_, err = OpenPipe(d, "p", 0, &PipeOptions{OneWay: true})
	fails(t, err, ErrType)
	_, err = OpenPipe(d, "p", 2, nil)
	fails(t, err, ErrInvalid)
	_, err = OpenPipe(d, "p", -1, nil)
	fails(t, err, ErrInvalid)
	_, err = OpenPipe(d, "q", 0, nil)
	fails(t, err, ErrNotExist)
	_, err = OpenQueue(d, "p", nil)
	fails(t, err, ErrKind)
	_, err = OpenPipe(d, ".p", 0, nil)
	fails(t, err, ErrName)
	_, _, err = CreatePipe(d, "p", nil)
	fails(t, err, ErrExist)
	_, _, err = CreatePipe(d, "huge", &PipeOptions{Capacity: math.MaxUint64})
	fails(t, err, ErrInvalid)
	_, err = CreatePipeEnd(d, "", 0, nil)
	fails(t, err, ErrInvalid)
}

// Each side makes the pipe or finds it; what is sent to an end that nobody has yet is kept for it.
func TestPipeByName(t *testing.T) { everywhere(t, testPipeByName) }

func testPipeByName(t *testing.T, d *Domain) {
	a := closing[*Pipe](t)(CreatePipeEnd(d, "p", 0, &PipeOptions{ExistOK: true}))
	got(t, false)(a.Existed(), nil)
	must(t, a.Send(bg, []byte("early")))
	peer := func(want PeerState) {
		t.Helper()
		eventually(t, func() bool { // a manager lets go of an end a little later than its clients
			info, err := a.Info()
			must(t, err)
			return info.Peer == want
		})
	}
	peer(PeerAwaited)
	_, err := a.TryRecv()
	fails(t, err, ErrTimeout) // not the end: it has not begun
	b := closing[*Pipe](t)(CreatePipeEnd(d, "p", 1, &PipeOptions{ExistOK: true}))
	got(t, true)(b.Existed(), nil)
	peer(PeerOpen)
	info, err := b.Info()
	must(t, err)
	got(t, 1)(info.End, nil)
	receives(t, b, "early")

	// An end has two holders: it is over when both are gone, and opened again it goes on.
	c := closing[*Pipe](t)(OpenPipe(d, "p", 1, nil))
	must(t, b.Close())
	must(t, c.Send(bg, []byte("last")))
	peer(PeerOpen)
	must(t, c.Close())
	peer(PeerGone)
	receives(t, a, "last")
	_, err = a.Recv(bg)
	fails(t, err, ErrEOF)
	fails(t, a.Send(bg, nil), ErrPipe)
	c = closing[*Pipe](t)(OpenPipe(d, "p", 1, nil))
	peer(PeerOpen)
	must(t, a.Send(bg, []byte("again")))
	receives(t, c, "again")

	for state, word := range map[PeerState]string{
		PeerAwaited: "awaited", PeerOpen: "open", PeerGone: "gone", PeerState(9): "unknown",
	} {
		got(t, word)(state.String(), nil)
	}
}

func TestOneWayPipe(t *testing.T) {
	d, _ := newDomain(t)
	a, b := newPipe(t, d, "", &PipeOptions{OneWay: true, Exclusive: true})
	for _, err := range []error{
		a.Send(bg, nil), a.TrySend(nil), second(a.Reserve(bg, 1)),
		second(b.Recv(bg)), second(b.TryRecv()), second(b.Peek(bg)), b.Poll(bg),
	} {
		fails(t, err, ErrNotSupported, errors.ErrUnsupported)
	}
	must(t, b.Send(bg, []byte("down")))
	receives(t, a, "down")
	for end, p := range []*Pipe{a, b} {
		info, err := p.Info()
		must(t, err)
		if info.End != end || !info.OneWay || !info.Exclusive {
			t.Errorf("%+v", info)
		}
	}
	// Who only receives hears of the end, who only sends too.
	must(t, b.Close())
	fails(t, second(a.Recv(bg)), ErrEOF)
	a, b = newPipe(t, d, "", &PipeOptions{OneWay: true})
	must(t, a.Close())
	fails(t, b.Send(bg, nil), ErrPipe)
}

// What is on the way arrives; then it is the end, in every call, and in the words of the standard library.
func TestPipeEnds(t *testing.T) {
	d, _ := newDomain(t)
	a, b := newPipe(t, d, "", nil)
	must(t, b.Send(bg, []byte("last")))
	must(t, b.Close())
	must(t, a.Poll(bg))
	receives(t, a, "last")
	for _, err := range []error{
		second(a.Recv(bg)), second(a.TryRecv()), second(a.RecvInto(bg, nil)), second(a.Peek(bg)), a.Poll(bg), a.TryPoll(),
	} {
		fails(t, err, ErrEOF, io.EOF)
	}
	for _, err := range []error{a.Send(bg, nil), a.TrySend(nil), second(a.Reserve(bg, 1))} {
		fails(t, err, ErrPipe, syscall.EPIPE)
	}

	// It ends waits, too.
	a, b = newPipe(t, d, "", nil)
	full := fill(t, a)
	waiting := make(chan error, 2)
	go func() { _, err := a.Recv(bg); waiting <- err }()
	go func() { waiting <- a.Send(bg, full) }()
	time.Sleep(30 * time.Millisecond) // most likely both sleep by now; right in any case
	must(t, b.Close())
	for range 2 {
		if err := <-waiting; !errors.Is(err, ErrEOF) && !errors.Is(err, ErrPipe) {
			t.Errorf("a wait ended with %v", err)
		}
	}
}

// fill sends until there is no room, and gives a message that does not fit.
func fill(t testing.TB, p *Pipe) []byte {
	t.Helper()
	m := make([]byte, 64<<10)
	for {
		if err := p.TrySend(m); err != nil {
			fails(t, err, ErrTimeout)
			return m
		}
	}
}

// An end travels; while it does, it is open.
func TestPipeTravels(t *testing.T) {
	d, _ := newDomain(t)
	anonymous := closing[*Domain](t)(OpenDomain(&DomainOptions{Anonymous: true}))
	for _, d := range []*Domain{d, anonymous} {
		a, b := newPipe(t, d, "", nil)
		h := exported(t, b)
		got(t, KindPipe)(h.Kind(), nil)
		got(t, "pipe")(h.Kind().String(), nil)
		must(t, b.Close())
		_, err := a.TryRecv()
		fails(t, err, ErrTimeout)

		left, right := sockets(t, syscall.SOCK_STREAM)
		must(t, h.SendTo(bg, left))
		must(t, h.Close())
		_, err = a.TryRecv()
		fails(t, err, ErrTimeout)
		h = closing[*Handle](t)(RecvHandle(bg, right))
		_, err = ImportQueue(h, nil)
		fails(t, err, ErrKind)
		_, err = ImportPipe(h, &PipeOptions{OneWay: true})
		fails(t, err, ErrType)
		b = closing[*Pipe](t)(ImportPipe(h, nil))
		info, err := b.Info()
		must(t, err)
		got(t, 1)(info.End, nil)
		must(t, b.Send(bg, []byte("here")))
		receives(t, a, "here")
		must(t, b.Close())
		_, err = a.TryRecv()
		fails(t, err, ErrTimeout) // there is still the handle
		must(t, h.Close())
		_, err = a.Recv(bg)
		fails(t, err, ErrEOF)
	}
	_, err := ImportPipe(nil, nil)
	fails(t, err, ErrInvalid)
}

// A child talks through the end it was given. When it is killed, what it sent arrives, then the end.
func TestPipeOfTheDead(t *testing.T) {
	named, dir := newDomain(t)
	anonymous := closing[*Domain](t)(OpenDomain(&DomainOptions{Anonymous: true}))
	ctx, cancel := context.WithTimeout(bg, time.Hour)
	defer cancel()
	for i, d := range []*Domain{named, anonymous, named, anonymous} {
		a, b := newPipe(t, d, "", &PipeOptions{Exclusive: i >= 2})
		handle := exported(t, b)
		h := startWith(t, dir, map[string]*Handle{"end": handle}, "echo")
		must(t, handle.Close())
		must(t, b.Close())
		const n = 100
		for k := range n {
			must(t, a.Send(ctx, []byte(strconv.Itoa(k))))
			m, err := a.Recv(ctx)
			must(t, err)
			got(t, "echo "+strconv.Itoa(k))(string(m), nil)
		}
		must(t, a.Send(bg, []byte("stop")))
		h.says("last") // sent, and not received

		// A silent process keeps the end open, also a stopped one.
		must(t, h.cmd.Process.Signal(syscall.SIGSTOP))
		receives(t, a, "last")
		short, stop := context.WithTimeout(bg, 300*time.Millisecond)
		_, err := a.Recv(short)
		stop()
		fails(t, err, ErrTimeout, context.DeadlineExceeded)

		ended := make(chan error, 2)
		go func() { _, err := a.Recv(ctx); ended <- err }()
		full := fill(t, a)
		go func() { ended <- a.Send(bg, full) }()
		h.kill()
		for range 2 {
			if err := <-ended; !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("after the death: %v", err)
			}
		}
		info, err := a.Info()
		must(t, err)
		got(t, PeerGone)(info.Peer, nil)
		fails(t, a.Send(bg, nil), ErrPipe)
	}
}

func roleEcho() {
	handle := need(Inherited("end"))
	end := need(ImportPipe(handle, nil))
	checked(handle.Close())
	for {
		m := need(end.Recv(bg))
		if string(m) == "stop" {
			break
		}
		checked(end.Send(bg, append([]byte("echo "), m...)))
	}
	checked(end.Send(bg, []byte("last")))
	say("last")
	forever()
}

// Senders are killed at any moment: what came is whole, in order, and complete up to the last Send that returned.
func TestKilledSenders(t *testing.T) {
	d, dir := newDomain(t)
	a, b := newPipe(t, d, "p", &PipeOptions{Capacity: 4096})
	must(t, b.Close())
	returned := closing[*Value[uint64]](t)(CreateValue[uint64](d, "returned", 0, nil))
	for i := range 6 {
		must(t, returned.Store(0))
		h := start(t, dir, "send-for-ever")
		h.says("ready")
		next := uint64(0)
		take := func(m []byte) {
			t.Helper()
			if !bytes.Equal(m, numbered(next)) {
				t.Fatalf("round %d: message %d is not itself (%d bytes)", i, next, len(m))
			}
			next++
		}
		for range 400 + 300*i {
			m, err := a.Recv(bg)
			must(t, err)
			take(m)
		}
		h.kill()
		for {
			m, err := a.Recv(bg)
			if errors.Is(err, ErrEOF) {
				break
			}
			must(t, err)
			take(m)
		}
		done, err := returned.Load()
		must(t, err)
		if next < done {
			t.Errorf("round %d: %d messages were sent, %d came", i, done, next)
		}
	}
}

func numbered(n uint64) []byte {
	return append([]byte(strconv.FormatUint(n, 10)), bytes.Repeat([]byte{byte(n)}, int(n%300))...)
}

func roleSendForEver() {
	end := need(OpenPipe(nil, "p", 1, nil))
	returned := need(OpenValue[uint64](nil, "returned", nil))
	say("ready")
	for n := uint64(0); ; n++ {
		m := numbered(n)
		if n%2 == 0 {
			checked(end.Send(bg, m))
		} else {
			r := need(end.Reserve(bg, len(m)+8))
			checked(r.Commit(copy(r.Bytes(), m)))
		}
		checked(returned.Store(n + 1))
	}
}

func TestPipeAllocatesOnlyResults(t *testing.T) {
	d, _ := newDomain(t)
	a, b := newPipe(t, d, "", nil)
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	message, buf := make([]byte, 64), make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() {
		a.Send(bg, message)
		b.RecvInto(bg, buf)
		a.Send(ctx, message)
		b.RecvInto(ctx, buf)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if raceEnabled {
		return // there, pools drop things on purpose
	}
	if n := testing.AllocsPerRun(100, func() {
		a.TrySend(message)
		b.TryRecv()
	}); n != 1 {
		t.Errorf("%v allocations, want the message's only", n)
	}
}
