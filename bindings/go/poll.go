package mproc

import (
	"container/list"
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// side is what a call on a queue or pipe waits for.
type side int

const (
	forMessages side = iota
	forRoom
)

// attempt is a call that may wait, made as often as needed:
//
//	a := attempt{h: h, ctx: ctx, gate: h.gate(ctx, forMessages)} // h is entered
//	for a.next() {
//		a.status = cmproc.QueueGet(h.res.raw, ..., a.timeout, a.token, &a.e)
//	}
//	return a.err
//
// It waits in the library, in a single call, or on a pollable queue or pipe in the runtime's netpoller, between calls
// that do not wait; then no thread is occupied.
type attempt struct {
	wait   // for the call
	status int32
	e      cmproc.Error
	err    error // once next has said no

	h     *handle
	ctx   context.Context
	gate  *gate // nil: waits in the library
	leads bool
	began bool
}

// gate is where a call is to wait, or nil: in the library; h must be entered.
func (h *handle) gate(ctx context.Context, what side) *gate {
	if g := &h.res.gates[what]; ctx != nil && ctx != atOnce && !g.none.Load() {
		return g
	}
	return nil
}

// next reports whether the call is to be made (again).
func (a *attempt) next() bool {
	switch {
	case !a.began:
		a.began = true
		if a.gate == nil {
			return a.inLibrary()
		}
		if a.ctx.Err() != nil {
			a.err = contextError(a.ctx)
		}
		return a.err == nil
	case a.gate == nil:
		a.err = a.h.done(a.ctx, a.wait, a.status, &a.e)
		return false
	case a.status != cmproc.ETIMEDOUT:
		if a.leads {
			a.gate.pass()
		}
		a.err = check(a.status, &a.e)
		return false
	case !a.leads && !a.gate.open(a.h.res):
		a.gate = nil
		return a.inLibrary()
	}
	a.leads, a.err = a.gate.wait(a.h, a.ctx, a.leads)
	return a.err == nil
}

func (a *attempt) inLibrary() bool {
	a.wait, a.err = a.h.wait(a.ctx)
	return a.err == nil
}

// gate is where goroutines wait, without a thread, for one side of a pollable queue or pipe. One of them leads: it is
// parked at the descriptor. The others stand in line; who leads passes that on when it has got something or gives up.
// Who is next tries first, because there may be more.
type gate struct {
	side side
	none atomic.Bool // it is known not to be pollable
	file atomic.Pointer[os.File]

	mu      sync.Mutex
	conn    syscall.RawConn
	led     bool
	line    list.List     // of chan bool: true to lead, false to try once more
	over    chan struct{} // closed with the handle
	ended   bool
	parked  uint64 // counts how often somebody parked, so that a late context ends nobody else's
	expired bool   // the descriptor's deadline has been set
}

// open reports whether there is a descriptor to wait for. If not, the wait has to be in the library: for good if the
// object is not pollable, this time if there are too many descriptors (each side of an object has 128).
func (g *gate) open(r *resource) bool {
	if g.file.Load() != nil {
		return true
	}
	if g.none.Load() {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.file.Load() != nil || g.ended {
		return true // wait will say that it has ended
	}
	var theirs int32
	var e cmproc.Error
	if status := cmproc.Descriptor(r.kind, r.raw, g.side == forRoom, &theirs, &e); status < 0 {
		g.none.Store(status == cmproc.ENOTSUP)
		return false
	}
	// A duplicate, because an os.File closes what it has, and the library closes its own.
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(theirs), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return false
	}
	if err := syscall.SetNonblock(int(fd), true); err != nil { // else an os.File does not poll
		syscall.Close(int(fd))
		return false
	}
	file := os.NewFile(fd, "mproc")
	conn, err := file.SyscallConn()
	if err != nil || file.SetReadDeadline(time.Time{}) != nil { // the netpoller did not take it
		file.Close()
		return false
	}
	g.conn, g.over = conn, make(chan struct{})
	g.file.Store(file)
	return true
}

// wait comes back when it is worthwhile to try again, as the one who leads or not; an error never leads. leads says
// whether the caller does now. It must have tried, and not have found anything.
func (g *gate) wait(h *handle, ctx context.Context, leads bool) (bool, error) {
	if deadline, ok := ctx.Deadline(); ok && ctx.Done() == nil {
		timed, stop := context.WithDeadline(context.Background(), deadline)
		defer stop()
		ctx = timed
	}
	if !leads {
		g.mu.Lock()
		if g.ended {
			g.mu.Unlock()
			return false, ErrClosedHandle
		}
		if g.led {
			turn := make(chan bool, 1)
			place := g.line.PushBack(turn)
			over := g.over
			g.mu.Unlock()
			return g.stand(ctx, turn, place, over)
		}
		g.led = true
		g.mu.Unlock()
	}
	err := g.park(ctx)
	if err != nil {
		g.pass()
	}
	return err == nil, err
}

// stand waits in line.
func (g *gate) stand(ctx context.Context, turn chan bool, place *list.Element, over chan struct{}) (bool, error) {
	var err error
	select {
	case leads := <-turn:
		return leads, nil
	case <-ctx.Done():
		err = contextError(ctx)
	case <-over:
		err = ErrClosedHandle
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case leads := <-turn: // it came at the same time
		if leads {
			g.next()
		}
	default:
		g.line.Remove(place)
	}
	return false, err
}

// park waits until the descriptor is readable; the caller leads.
func (g *gate) park(ctx context.Context) error {
	g.mu.Lock()
	if g.ended {
		g.mu.Unlock()
		return ErrClosedHandle
	}
	if g.expired {
		g.expired = false
		g.file.Load().SetReadDeadline(time.Time{})
	}
	g.parked++
	mine := g.parked
	g.mu.Unlock()
	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.parked == mine {
				g.expire()
			}
		})
	}
	woken := false
	err := g.conn.Read(func(fd uintptr) bool {
		// The runtime has just forgotten all edges that came before; what they stood for still shows.
		if woken || cmproc.DescriptorReady(fd) {
			return true
		}
		woken = true
		return false
	})
	stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.parked++ // a context that is late finds nobody
	switch {
	case g.ended:
		return ErrClosedHandle
	case ctx.Err() != nil:
		return contextError(ctx)
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Status: ErrSys, Message: "waiting for the descriptor: " + err.Error(), cause: err}
	}
	if g.side == forRoom {
		// Messages differ in length: where there is no room for one there may be for another.
		for place := g.line.Front(); place != nil; place = g.line.Front() {
			g.line.Remove(place).(chan bool) <- false
		}
	}
	return nil
}

// expire wakes whoever is parked; g.mu is held.
func (g *gate) expire() {
	if file := g.file.Load(); file != nil {
		g.expired = true
		file.SetReadDeadline(time.Unix(1, 0))
	}
}

// pass lets somebody else lead.
func (g *gate) pass() {
	g.mu.Lock()
	g.next()
	g.mu.Unlock()
}

// next is pass; g.mu is held.
func (g *gate) next() {
	if first := g.line.Front(); first != nil {
		g.line.Remove(first).(chan bool) <- true
	} else {
		g.led = false
	}
}

// end wakes everybody; nobody waits here afterwards.
func (g *gate) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.ended {
		g.ended = true
		g.expire()
		if g.over != nil {
			close(g.over)
		}
	}
}

// close ends the duplicate, which must be before the library closes its own; nobody waits any more.
func (g *gate) close() {
	if file := g.file.Load(); file != nil {
		file.Close()
	}
}

// descriptor gives the library's descriptor, which stays its own.
func (h *handle) descriptor(what side) (int, error) {
	if !h.enter() {
		return -1, ErrClosedHandle
	}
	var fd int32
	var e cmproc.Error
	status := cmproc.Descriptor(h.res.kind, h.res.raw, what == forRoom, &fd, &e)
	h.leave()
	if status < 0 {
		return -1, failure(status, &e)
	}
	return int(fd), nil
}
