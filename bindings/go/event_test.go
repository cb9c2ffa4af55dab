package mproc

import (
	"context"
	"testing"
	"time"
)

func TestEvent(t *testing.T) { everywhere(t, testEvent) }

func testEvent(t *testing.T, d *Domain) {
	v := closing[*Event](t)(CreateEvent(d, "v", nil))
	same := closing[*Event](t)(OpenEvent(d, "v", &EventOptions{NoSpin: true}))
	got(t, false)(same.IsSet())
	short, stop := context.WithTimeout(bg, time.Millisecond)
	defer stop()
	fails(t, v.Wait(short), ErrTimeout, context.DeadlineExceeded)
	for range 2 {
		must(t, v.Set())
		must(t, v.Set())
		got(t, true)(same.IsSet())
		must(t, same.Wait(bg))
		must(t, v.Wait(bg)) // it stays set
		must(t, same.Clear())
		must(t, same.Clear())
		got(t, false)(v.IsSet())
	}
	got(t, true)(closing[*Event](t)(CreateEvent(d, "v", &EventOptions{ExistOK: true})).Existed(), nil)
	fails(t, second(CreateEvent(d, "v", nil)), ErrExist)
	fails(t, second(OpenEvent(d, "none", nil)), ErrNotExist)
	fails(t, second(OpenBarrier(d, "v", nil)), ErrKind)
}

// Setting wakes everybody who waits, also if the event is cleared again before they have run.
func TestEventPulses(t *testing.T) { everywhere(t, testEventPulses) }

func testEventPulses(t *testing.T, d *Domain) {
	v := closing[*Event](t)(CreateEvent(d, "", nil))
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	const waiting = 6
	ended := make(chan error)
	for i := range waiting {
		go func() {
			if i%2 == 0 {
				ended <- v.Wait(bg)
			} else {
				ended <- v.Wait(ctx)
			}
		}()
	}
	// Longer than a first short round of a wait: see GOMP_UNTIL_CLOSED in shim.h. Whoever has not come to wait by now
	// gets one of the later pulses.
	time.Sleep(50 * time.Millisecond)
	for left := waiting; left > 0; {
		must(t, v.Set())
		must(t, v.Clear())
		select {
		case err := <-ended:
			must(t, err)
			left--
		case <-time.After(time.Millisecond):
		}
	}
	got(t, false)(v.IsSet())
}

// What was written before the event was set is seen by who was woken, in another process.
func TestEventBetweenProcesses(t *testing.T) {
	d, dir := newDomain(t)
	there := closing[*Event](t)(CreateEvent(d, "there", nil))
	back := closing[*Event](t)(CreateEvent(d, "back", nil))
	number := closing[*Value[int64]](t)(CreateValue[int64](d, "number", 0, nil))
	h := start(t, dir, "wait-event")
	for i := range 200 {
		must(t, number.Store(int64(2*i+1)))
		must(t, there.Set())
		must(t, back.Wait(bg))
		must(t, back.Clear())
		got(t, int64(2*i+2))(number.Load())
	}
	h.kill() // while it waits: others go on
	must(t, there.Set())
	must(t, there.Wait(bg))
}

func roleWaitEvent() {
	there, back := need(OpenEvent(nil, "there", nil)), need(OpenEvent(nil, "back", nil))
	number := need(OpenValue[int64](nil, "number", nil))
	for {
		checked(there.Wait(bg))
		checked(there.Clear())
		need(number.Add(1))
		checked(back.Set())
	}
}
