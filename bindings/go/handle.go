package mproc

import (
	"math"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// handle is what every object is built on. It counts the calls that are inside, so that Close may come
// at any time: the C handle is closed by Close itself or by the last call that leaves.
//
// The zero handle is closed.
type handle struct {
	state   atomic.Int64 // calls inside; closedBit once Close was called
	freed   atomic.Bool
	res     *resource
	cleanup runtime.Cleanup
}

const closedBit = math.MinInt64

// resource is what a handle owns. It is apart from the handle, because the garbage collector's cleanup
// of the handle needs it when the handle itself is gone.
type resource struct {
	kind    cmproc.Kind
	raw     unsafe.Pointer // the C handle
	closing unsafe.Pointer // the token that Close sets; waits without a cancellable context use it
	exposed atomic.Bool    // direct memory was handed out, or it is a server: only an explicit Close may end it
	kept    atomic.Int64   // messages in place not yet settled, registrations: the same as long as there are any
	waits   waits
	gates   *[2]gate // of queues and pipes, one for each side
	after   func()   // to be called when the C handle is closed; or nil
}

// source is what an object is made from: the domain it is in, or a handle that travelled.
type source interface {
	enter() (unsafe.Pointer, error) // the C handle for one call
	leave()                         // must follow, unless enter failed
}

// own starts the handle's life. It must be part of a heap object that is not copied.
func (h *handle) own(kind cmproc.Kind, made *cmproc.Made) {
	h.res = &resource{kind: kind, raw: made.Handle, closing: made.Closing}
	if kind == cmproc.KindQueue || kind == cmproc.KindPipe {
		h.res.gates = &[2]gate{{side: forMessages}, {side: forRoom}}
	}
	h.cleanup = runtime.AddCleanup(h, (*resource).abandon, h.res)
}

// open starts the life of a new object's handle with a call that creates, opens or imports the object.
func (h *handle) open(kind cmproc.Kind, from source,
	call func(raw unsafe.Pointer, made *cmproc.Made, e *cmproc.Error) int32) (existed bool, err error) {
	raw, err := from.enter()
	if err != nil {
		return false, err
	}
	defer from.leave()
	var made cmproc.Made
	var e cmproc.Error
	status := call(raw, &made, &e)
	if status < 0 {
		return false, failure(status, &e)
	}
	h.own(kind, &made)
	return status == cmproc.Existed, nil
}

// do makes a call that does not wait, and is rare: it allocates.
func (h *handle) do(call func(raw unsafe.Pointer, e *cmproc.Error) int32) error {
	if !h.enter() {
		return ErrClosedHandle
	}
	defer h.leave()
	var e cmproc.Error
	return check(call(h.res.raw, &e), &e)
}

// enter begins a call. It reports whether the handle is open; if so, leave must follow. The handle
// stays reachable until then, so a cleanup cannot come in between.
func (h *handle) enter() bool {
	if h.state.Add(1) > 0 && h.res != nil {
		return true
	}
	h.leave()
	return false
}

func (h *handle) leave() {
	if h.state.Add(-1) == closedBit {
		h.free()
	}
}

// close ends the handle: nobody gets in any more, whoever waits inside is woken.
func (h *handle) close() error {
	if h == nil || !h.enter() {
		return nil // never opened, or closed before
	}
	inside := h.state.Or(closedBit)
	if inside >= 0 {
		if inside > 1 {
			cmproc.CancelSet(h.res.closing)
		}
		h.res.end()
	}
	h.leave()
	return nil
}

func (h *handle) closed() bool { return h.state.Load() < 0 }

// free closes the C handle, once; a late caller that found the handle closed may come here again.
func (h *handle) free() {
	if h.res != nil && h.freed.CompareAndSwap(false, true) {
		h.cleanup.Stop()
		h.res.closeGates()
		h.res.closeHandle()
	}
}

// end wakes everybody who waits under a context, or in the netpoller.
func (r *resource) end() {
	r.waits.end()
	if r.gates != nil {
		for side := range r.gates {
			r.gates[side].end()
		}
	}
}

// closeGates must come before the C handle is closed.
func (r *resource) closeGates() {
	if r.gates != nil {
		for side := range r.gates {
			r.gates[side].close()
		}
	}
}

// abandon is the safety net for handles that nobody closed.
func (r *resource) abandon() {
	r.end()
	r.closeGates()
	if !r.exposed.Load() && r.kept.Load() == 0 {
		r.closeHandle()
	}
}

func (r *resource) closeHandle() {
	cmproc.Close(r.kind, r.raw, r.closing)
	if r.after != nil {
		r.after()
	}
}
