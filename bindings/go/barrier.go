package mproc

import (
	"context"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Barrier is a place where a fixed number of parties (goroutines of any processes) wait for each other, again and
// again.
//
// It breaks when a party gives up waiting, calls Abort, or dies while it waits; also when a process dies that has
// registered, before it arrives. Then everybody who waits, and whoever comes until Reset, gets ErrBroken. Deaths are
// noticed within about 100 ms, while anybody waits.
type Barrier struct {
	h       handle
	existed bool
}

// MaxParties is the most parties of a barrier.
const MaxParties = cmproc.BarrierMax

// BarrierOptions say how to create or open a barrier. Opening heeds NoSpin only.
type BarrierOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the barrier if it exists already and matches
	NoSpin  bool // sleep at once instead of spinning first
}

func (o *BarrierOptions) flags() uint32 {
	if o == nil {
		return 0
	}
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin)
}

// BarrierInfo is what a barrier is like right now.
type BarrierInfo struct {
	Parties    int    // how many have to come
	Waiting    int    // how many wait
	Broken     bool   // until Reset
	Registered int    // registrations of living processes
	Generation uint32 // how often it was passed, broken or reset; wraps
	Deaths     uint32 // how often a death broke it
}

// CreateBarrier creates a barrier for 1 to MaxParties parties. options may be nil.
func CreateBarrier(domain *Domain, name string, parties int, options *BarrierOptions) (*Barrier, error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	n, err := count(parties)
	if err != nil {
		return nil, err
	}
	return makeBarrier(cmproc.Create, domain, cname, n, options)
}

// OpenBarrier opens an existing barrier. options may be nil.
func OpenBarrier(domain *Domain, name string, options *BarrierOptions) (*Barrier, error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeBarrier(cmproc.Open, domain, cname, 0, options)
}

func makeBarrier(how cmproc.How, from source, name *byte, parties uint32, o *BarrierOptions) (*Barrier, error) {
	b := new(Barrier)
	var err error
	b.existed, err = b.h.open(cmproc.KindBarrier, from,
		func(raw unsafe.Pointer, made *cmproc.Made, e *cmproc.Error) int32 {
			return cmproc.BarrierMake(how, raw, name, o.flags(), parties, made, e)
		})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Existed reports whether ExistOK opened a barrier that was there already.
func (b *Barrier) Existed() bool { return b.existed }

// Wait arrives, and waits as long as ctx allows until all parties have. index is 0 to parties - 1, another for each
// party of a round: whoever comes first gets 0. When ctx ends the wait, or Close does, that breaks the barrier; the
// others get ErrBroken, as everybody does if somebody else breaks or resets it meanwhile. A context that is done
// already breaks nothing: the call has not arrived.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	if !b.h.enter() {
		return 0, ErrClosedHandle
	}
	defer b.h.leave()
	w, err := b.h.wait(ctx)
	if err != nil {
		return 0, err
	}
	var n uint32
	var e cmproc.Error
	status := cmproc.BarrierWait(b.h.res.raw, w.timeout, w.token, &n, &e)
	return int(n), b.h.done(ctx, w, status, &e)
}

// TryWait passes if it is the last to come. Otherwise it fails with ErrTimeout, has not arrived, and breaks nothing.
func (b *Barrier) TryWait() (index int, err error) { return b.Wait(atOnce) }

// WaitAction is Wait with something to do for the last party to come, before anybody passes: its action is called, in
// the goroutine that called WaitAction; those of the others are not. An error breaks the barrier, and that party gets
// it, within one that is ErrBroken, too. A panic breaks the barrier and goes on in that party. The action may use any
// object, but not wait for this barrier. ctx does not end it.
func (b *Barrier) WaitAction(ctx context.Context, action func() error) (index int, err error) {
	if !b.h.enter() {
		return 0, ErrClosedHandle
	}
	defer b.h.leave()
	if action == nil {
		return 0, refuse(ErrInvalid, "the action is nil")
	}
	w, err := b.h.wait(ctx)
	if err != nil {
		return 0, err
	}
	// The library's call is in a goroutine of its own, and asks for the action from there: a panic must not go through
	// the library, which holds the barrier meanwhile.
	var n uint32
	var e cmproc.Error
	var status int32
	turn, well, ended := make(chan struct{}), make(chan bool), make(chan struct{})
	go func() {
		defer close(ended)
		status = cmproc.BarrierWaitAction(b.h.res.raw, func() bool {
			turn <- struct{}{}
			return <-well
		}, w.timeout, w.token, &n, &e)
	}()
	var failed error
	defer func() {
		<-ended
		index, err = int(n), b.h.done(ctx, w, status, &e)
		if failed != nil {
			index, err = 0, &Error{Status: ErrBroken, Message: "the action failed: " + failed.Error(), cause: failed}
		}
	}()
	select {
	case <-turn:
		passed := false
		defer func() { well <- passed }() // also if the action panics, or ends the goroutine
		failed = action()
		passed = failed == nil
	case <-ended:
	}
	return
}

// Abort breaks the barrier, until it is reset.
func (b *Barrier) Abort() error { return b.h.do(cmproc.BarrierAbort) }

// Reset makes the barrier as new: those who wait get ErrBroken, whoever comes then begins a new round.
func (b *Barrier) Reset() error { return b.h.do(cmproc.BarrierReset) }

// Register promises that this process will come: if it dies before it takes that back, the barrier breaks. It counts:
// as often as registered, it has to be taken back. Close takes back what was registered through the handle; a
// handle with registrations that is forgotten keeps them until the process ends.
func (b *Barrier) Register() error {
	return b.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		status := cmproc.BarrierRegister(raw, e)
		if status >= 0 {
			b.h.res.kept.Add(1)
		}
		return status
	})
}

// Unregister takes one registration back; if none was made through this handle, that is ErrNotHolder.
func (b *Barrier) Unregister() error {
	return b.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 {
		status := cmproc.BarrierUnregister(raw, e)
		if status >= 0 {
			b.h.res.kept.Add(-1)
		}
		return status
	})
}

// Info says what the barrier is like right now: a snapshot.
func (b *Barrier) Info() (BarrierInfo, error) {
	var c cmproc.BarrierInfo
	err := b.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return cmproc.GetBarrierInfo(raw, &c, e) })
	if err != nil {
		return BarrierInfo{}, err
	}
	return BarrierInfo{
		Parties: int(c.Parties), Waiting: int(c.Waiting), Broken: c.Broken != 0, Registered: int(c.Registered),
		Generation: c.Generation, Deaths: c.Deaths,
	}, nil
}

// Close ends the handle, and the registrations made through it. Calls that wait on it return ErrClosedHandle, and have
// broken the barrier.
func (b *Barrier) Close() error {
	if b == nil {
		return nil
	}
	return b.h.close()
}
