package mproc

import (
	"context"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Event is a flag that processes can wait for. Setting, clearing and asking take no lock and never wait.
type Event struct {
	h       handle
	existed bool
}

// EventOptions say how to create or open an event. Opening heeds NoSpin only.
type EventOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the event if it exists already
	NoSpin  bool // sleep at once instead of spinning first
}

func (o *EventOptions) flags() uint32 {
	if o == nil {
		return 0
	}
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin)
}

// CreateEvent creates an event, which is not set. options may be nil.
func CreateEvent(domain *Domain, name string, options *EventOptions) (*Event, error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	return makeEvent(cmproc.Create, domain, cname, options)
}

// OpenEvent opens an existing event. options may be nil.
func OpenEvent(domain *Domain, name string, options *EventOptions) (*Event, error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeEvent(cmproc.Open, domain, cname, options)
}

func makeEvent(how cmproc.How, from source, name *byte, o *EventOptions) (*Event, error) {
	v := new(Event)
	var err error
	v.existed, err = v.h.open(cmproc.KindEvent, from,
		func(raw unsafe.Pointer, made *cmproc.Made, e *cmproc.Error) int32 {
			return cmproc.EventMake(how, raw, name, o.flags(), made, e)
		})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Existed reports whether ExistOK opened an event that was there already.
func (v *Event) Existed() bool { return v.existed }

// Set sets the event and wakes everybody who waits for it, also if it is cleared again at once.
func (v *Event) Set() error {
	if !v.h.enter() {
		return ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.EventSet(v.h.res.raw, &e)
	v.h.leave()
	return check(status, &e)
}

// Clear clears the event.
func (v *Event) Clear() error {
	if !v.h.enter() {
		return ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.EventClear(v.h.res.raw, &e)
	v.h.leave()
	return check(status, &e)
}

// IsSet says whether the event is set. What was written to shared memory before it was set is visible then.
func (v *Event) IsSet() (bool, error) {
	if !v.h.enter() {
		return false, ErrClosedHandle
	}
	var set int32
	var e cmproc.Error
	status := cmproc.EventIsSet(v.h.res.raw, &set, &e)
	v.h.leave()
	return set != 0, check(status, &e)
}

// Wait waits as long as ctx allows until the event is set, or was set since the call began.
func (v *Event) Wait(ctx context.Context) error {
	if !v.h.enter() {
		return ErrClosedHandle
	}
	defer v.h.leave()
	w, err := v.h.wait(ctx)
	if err != nil {
		return err
	}
	var e cmproc.Error
	status := cmproc.EventWait(v.h.res.raw, w.timeout, w.token, &e)
	return v.h.done(ctx, w, status, &e)
}

// Close ends the handle; calls that wait on it return ErrClosedHandle.
func (v *Event) Close() error {
	if v == nil {
		return nil
	}
	return v.h.close()
}
