package mproc

import (
	"context"
	"errors"
	"iter"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// MaxWaitItems is the most that one call of [Wait] can wait for.
const MaxWaitItems = cmproc.WaitMax

// WaitItem is one thing that [Wait] waits for, made by [OnReadable], [OnWritable], [OnClosed], [OnFree], [OnAvailable],
// [OnSet], [OnChange] or [OnNotified]. It can be used any number of times, as long as its object is open.
type WaitItem struct {
	h         *handle
	condition uint32
	pulse     bool // what counts may be over when the call looks for the second time
	size      int
	expected  []byte // nil: nothing is
}

// OnReadable is a queue or pipe from which a message could be taken at once, or from which there will come no more.
func OnReadable[O *Queue | *Pipe](from O) WaitItem {
	switch o := any(from).(type) {
	case *Queue:
		return WaitItem{h: &o.h, condition: cmproc.WaitQueueReadable}
	case *Pipe:
		return WaitItem{h: &o.h, condition: cmproc.WaitPipeReadable}
	}
	panic("unreachable")
}

// OnWritable is a queue or pipe that has room for a message of n bytes; or it is shut down, or the other end is gone.
func OnWritable[O *Queue | *Pipe](to O, n int) WaitItem {
	switch o := any(to).(type) {
	case *Queue:
		return WaitItem{h: &o.h, condition: cmproc.WaitQueueWritable, size: n}
	case *Pipe:
		return WaitItem{h: &o.h, condition: cmproc.WaitPipeWritable, size: n}
	}
	panic("unreachable")
}

// OnClosed is a pipe whose other end is gone, whether or not messages are left. (An end that is still awaited is not.)
func OnClosed(p *Pipe) WaitItem { return WaitItem{h: &p.h, condition: cmproc.WaitPipeClosed} }

// OnFree is a lock that is free, or whose holder is dead.
func OnFree[O *Lock | *RLock](lock O) WaitItem {
	switch o := any(lock).(type) {
	case *Lock:
		return WaitItem{h: &o.h, condition: cmproc.WaitLock}
	case *RLock:
		return WaitItem{h: &o.h, condition: cmproc.WaitRLock}
	}
	panic("unreachable")
}

// OnAvailable is a semaphore with a permit; with Accounting also one with permits of the dead.
func OnAvailable(s *Semaphore) WaitItem { return WaitItem{h: &s.h, condition: cmproc.WaitSemaphore} }

// OnSet is an event that is set, or was since the call began.
func OnSet(v *Event) WaitItem { return WaitItem{h: &v.h, condition: cmproc.WaitEvent, pulse: true} }

// OnChange is a value that is not expected any more, as [Value.Wait]: whoever changes it has to call Notify.
func OnChange[T any](v *Value[T], expected T) WaitItem {
	if v.elem != nil {
		v.elem.clear(unsafe.Pointer(&expected))
	}
	bytes := append([]byte{}, unsafe.Slice((*byte)(unsafe.Pointer(&expected)), unsafe.Sizeof(expected))...)
	return WaitItem{h: &v.h, condition: cmproc.WaitValue, size: len(bytes), expected: bytes}
}

// OnNotified is a value that was notified since the call began, whatever it is.
func OnNotified[T any](v *Value[T]) WaitItem {
	return WaitItem{h: &v.h, condition: cmproc.WaitValue, pulse: true}
}

// Wait waits as long as ctx allows until at least one of the items is ready, and gives the indices of all that are, in
// ascending order. Ready means that the call that belongs to it would have returned at once, with success or with an
// error. Nothing is taken, and somebody else may be faster: so use the call that does not wait (TryGet, TryLock ...),
// and Wait again if that is ErrTimeout.
//
//	ready, err := mproc.Wait(ctx, mproc.OnReadable(jobs), mproc.OnSet(stop))
//
// It occupies a thread while it waits. For many queues, a goroutine for each, made Pollable, is often simpler. Objects
// behind a connection to a [Manager] are waited for by the server; together with objects in memory, or of another
// connection, that is ErrNotSupported.
func Wait(ctx context.Context, items ...WaitItem) (ready []int, err error) {
	return waitItems(ctx, items)
}

// TryWait gives the indices of the items that are ready right now, and fails with ErrTimeout if none is.
func TryWait(items ...WaitItem) (ready []int, err error) { return waitItems(atOnce, items) }

func waitItems(ctx context.Context, items []WaitItem) ([]int, error) {
	if ctx == nil {
		return nil, refuse(ErrInvalid, "the context is nil")
	}
	if len(items) == 0 || len(items) > MaxWaitItems {
		return nil, refuse(ErrInvalid, "Wait takes 1 to %d items, not %d", MaxWaitItems, len(items))
	}
	c := manyItems{
		items: make([]cmproc.WaitItem, len(items)),
		ready: make([]uint32, len(items)),
	}
	pulse := false
	for i := range items {
		item := &items[i]
		if item.h == nil || item.size < 0 {
			return nil, refuse(ErrInvalid, "item %d is empty, or waits for room for a negative number of bytes", i)
		}
		if !item.h.enter() {
			return nil, ErrClosedHandle
		}
		defer item.h.leave()
		c.add(i, item)
		pulse = pulse || item.pulse
	}
	if ctx != atOnce && ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	// To look first spares most of the effort if something is ready, but what comes between two looks would be missed.
	if ctx == atOnce || !pulse {
		ready, err := c.wait(0, nil)
		if ctx == atOnce || !errors.Is(err, ErrTimeout) {
			return ready, err
		}
	}
	handles := func(yield func(*handle) bool) {
		for i := range items {
			if !yield(items[i].h) {
				return
			}
		}
	}
	return c.waitUnder(ctx, handles)
}

// manyItems are items as the library wants them.
type manyItems struct {
	items    []cmproc.WaitItem
	expected []byte
	ready    []uint32
}

func (c *manyItems) add(i int, item *WaitItem) {
	to := &c.items[i]
	to.Condition, to.Object, to.Size, to.Expected = item.condition, item.h.res.raw, uintptr(item.size), cmproc.Unexpected
	if item.expected != nil {
		to.Expected = uintptr(len(c.expected))
		c.expected = append(c.expected, item.expected...)
	}
}

func (c *manyItems) wait(timeout int64, token unsafe.Pointer) ([]int, error) {
	var n uintptr
	var e cmproc.Error
	if status := cmproc.Wait(c.items, c.expected, c.ready, &n, timeout, token, &e); status < 0 {
		return nil, failure(status, &e)
	}
	ready := make([]int, n)
	for i := range ready {
		ready[i] = int(c.ready[i])
	}
	return ready, nil
}

// waitUnder waits as long as the context is not done and all handles are open.
func (c *manyItems) waitUnder(ctx context.Context, handles iter.Seq[*handle]) ([]int, error) {
	timeout := int64(cmproc.Forever)
	if deadline, ok := ctx.Deadline(); ok {
		timeout = remaining(deadline)
	}
	j, part, err := join(ctx, handles)
	if err != nil {
		return nil, err
	}
	defer part()
	ready, err := c.wait(timeout, j.token.raw)
	failed, ok := err.(*Error)
	switch {
	case !ok:
	case failed.Status == ErrTimeout:
		// The library's clock may be a little ahead of the context's timer.
		failed.cause = context.DeadlineExceeded
	case failed.Status == ErrCanceled && ctx.Err() != nil:
		return nil, contextError(ctx)
	case failed.Status == ErrCanceled:
		return nil, ErrClosedHandle
	}
	return ready, err
}
