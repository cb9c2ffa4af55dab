package mproc

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

func TestBarrier(t *testing.T) { everywhere(t, testBarrier) }

func testBarrier(t *testing.T, d *Domain) {
	b := closing[*Barrier](t)(CreateBarrier(d, "b", 2, nil))
	same := closing[*Barrier](t)(OpenBarrier(d, "b", &BarrierOptions{NoSpin: true}))
	// Alone it does not pass, and has not come.
	fails(t, second(b.TryWait()), ErrTimeout)
	got(t, BarrierInfo{Parties: 2})(b.Info())
	done, cancel := context.WithCancel(bg)
	cancel()
	fails(t, second(b.Wait(done)), ErrCanceled, context.Canceled)
	got(t, BarrierInfo{Parties: 2})(b.Info())
	for i := range 3 {
		ended := waitFor(same, bg)
		partiesCome(t, b, 1)
		got(t, 1)(b.TryWait())
		must(t, (<-ended).passes(0))
		got(t, BarrierInfo{Parties: 2, Generation: uint32(i) + 1})(b.Info())
	}
	one := closing[*Barrier](t)(CreateBarrier(d, "", 1, nil))
	got(t, 0)(one.Wait(bg))
	got(t, 0)(one.TryWait())
	fails(t, one.Unregister(), ErrNotHolder)

	got(t, true)(closing[*Barrier](t)(CreateBarrier(d, "b", 2, &BarrierOptions{ExistOK: true})).Existed(), nil)
	fails(t, second(CreateBarrier(d, "b", 3, &BarrierOptions{ExistOK: true})), ErrType)
	fails(t, second(CreateBarrier(d, "b", 2, nil)), ErrExist)
	fails(t, second(OpenBarrier(d, "none", nil)), ErrNotExist)
	fails(t, second(OpenSemaphore(d, "b", nil)), ErrKind)
	for _, bad := range []int{0, -1, MaxParties + 1, math.MaxInt, math.MinInt} {
		fails(t, second(CreateBarrier(d, "bad", bad, nil)), ErrInvalid)
	}
	most := closing[*Barrier](t)(CreateBarrier(d, "", MaxParties, nil))
	fails(t, second(most.TryWait()), ErrTimeout)
}

// arrival is how a call of Wait ended.
type arrival struct {
	index int
	err   error
}

func (a arrival) passes(index int) error {
	if a.err == nil && a.index != index {
		return fmt.Errorf("index %d instead of %d", a.index, index)
	}
	return a.err
}

// waitFor waits for a barrier in a goroutine.
func waitFor(b *Barrier, ctx context.Context) chan arrival {
	ended := make(chan arrival, 1)
	go func() {
		index, err := b.Wait(ctx)
		ended <- arrival{index, err}
	}()
	return ended
}

// partiesCome waits until so many wait for the barrier.
func partiesCome(t *testing.T, b *Barrier, n int) {
	t.Helper()
	eventually(t, func() bool {
		info, err := b.Info()
		must(t, err)
		return info.Waiting == n
	})
}

// Goroutines of several processes go through many rounds: each round has all indices once, and nobody is in another.
func TestBarrierRounds(t *testing.T) {
	d, dir := newDomain(t)
	const processes, workers, rounds = 2, 2, 200
	const parties = (processes + 1) * workers
	b := closing[*Barrier](t)(CreateBarrier(d, "b", parties, nil))
	// The indices seen in a round, as bits.
	seen := closing[*Array[uint64]](t)(CreateArray(d, "seen", make([]uint64, rounds), nil))
	var all []*helper
	for range processes {
		all = append(all, start(t, dir, "step", strconv.Itoa(workers), strconv.Itoa(rounds)))
	}
	steps(b, seen, workers, rounds, func(err error) { must(t, err) })
	for _, h := range all {
		h.ends()
	}
	for i := range rounds {
		got(t, uint64(1<<parties-1))(seen.Get(i))
	}
	got(t, BarrierInfo{Parties: parties, Generation: 2 * rounds})(b.Info())
}

func roleStep() {
	steps(need(OpenBarrier(nil, "b", nil)), need(OpenArray[uint64](nil, "seen", nil)), argument(1), argument(2), checked)
}

func steps(b *Barrier, seen *Array[uint64], workers, rounds int, check func(error)) {
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	ended := make(chan error)
	for i := range workers {
		ctx := map[int]context.Context{0: ctx, 1: bg}[i%2]
		go func() { ended <- stepThrough(ctx, b, seen, rounds) }()
	}
	for range workers {
		check(<-ended)
	}
}

func stepThrough(ctx context.Context, b *Barrier, seen *Array[uint64], rounds int) error {
	info, err := b.Info()
	if err != nil {
		return err
	}
	elements, err := seen.Slice()
	if err != nil {
		return err
	}
	for i := range rounds {
		index, err := b.Wait(ctx)
		if err != nil {
			return err
		}
		if before := atomic.OrUint64(&elements[i], 1<<index); before&(1<<index) != 0 {
			return fmt.Errorf("round %d: index %d again", i, index)
		}
		// All have said where they are, before anybody goes on; nobody has gone on before.
		if i+1 < rounds && atomic.LoadUint64(&elements[i+1]) != 0 {
			return fmt.Errorf("somebody is in round %d, and this one in %d", i+1, i)
		}
		if _, err := b.Wait(ctx); err != nil {
			return err
		}
		if bits := atomic.LoadUint64(&elements[i]); bits != 1<<info.Parties-1 {
			return fmt.Errorf("round %d: passed with %b", i, bits)
		}
	}
	return nil
}

// A party that gives up breaks the barrier for the others, until it is reset.
func TestBarrierBreaks(t *testing.T) { everywhere(t, testBarrierBreaks) }

func testBarrierBreaks(t *testing.T, d *Domain) {
	b := closing[*Barrier](t)(CreateBarrier(d, "b", 3, nil))
	for name, c := range map[string]struct {
		give func(cancel context.CancelFunc)
		want []error
	}{
		"cancel":   {func(cancel context.CancelFunc) { cancel() }, []error{ErrCanceled, context.Canceled}},
		"abort":    {func(context.CancelFunc) { must(t, b.Abort()) }, []error{ErrBroken}},
		"deadline": {nil, []error{ErrTimeout, context.DeadlineExceeded}},
	} {
		t.Run(name, func(t *testing.T) {
			other := waitFor(b, bg)
			partiesCome(t, b, 1)
			if c.give != nil {
				ctx, cancel := context.WithCancel(bg)
				defer cancel()
				gives := waitFor(b, ctx)
				partiesCome(t, b, 2)
				c.give(cancel)
				fails(t, (<-gives).err, c.want...)
			} else {
				// On a slow machine the deadline may have passed before the call, which then breaks nothing.
				eventually(t, func() bool {
					short, stop := context.WithTimeout(bg, 10*time.Millisecond)
					defer stop()
					fails(t, second(b.Wait(short)), c.want...)
					info, err := b.Info()
					must(t, err)
					return info.Broken
				})
			}
			fails(t, (<-other).err, ErrBroken)
			// It stays broken.
			for range 2 {
				fails(t, second(b.Wait(bg)), ErrBroken)
				fails(t, second(b.TryWait()), ErrBroken)
				fails(t, second(b.WaitAction(bg, func() error { panic("called") })), ErrBroken)
			}
			info, err := b.Info()
			must(t, err)
			if !info.Broken || info.Waiting != 0 || info.Deaths != 0 {
				t.Errorf("%+v", info)
			}
			must(t, b.Reset())
			passesWithThree(t, b)
		})
	}

	// Reset while two wait: it is as new for whoever comes then.
	one, two := waitFor(b, bg), waitFor(b, bg)
	partiesCome(t, b, 2)
	must(t, b.Reset())
	fails(t, (<-one).err, ErrBroken)
	fails(t, (<-two).err, ErrBroken)
	passesWithThree(t, b)

	// Close ends waiting through that handle, which breaks the barrier for those at others.
	cancellable, cancel := context.WithCancel(bg)
	defer cancel()
	for _, ctx := range []context.Context{bg, cancellable} {
		closes := closing[*Barrier](t)(OpenBarrier(d, "b", nil))
		one, two = waitFor(closes, ctx), waitFor(b, bg)
		partiesCome(t, b, 2)
		must(t, closes.Close())
		fails(t, (<-one).err, ErrClosedHandle)
		fails(t, (<-two).err, ErrBroken)
		must(t, b.Reset())
	}
	passesWithThree(t, b)
}

func passesWithThree(t *testing.T, b *Barrier) {
	t.Helper()
	one := waitFor(b, bg)
	partiesCome(t, b, 1)
	two := waitFor(b, bg)
	partiesCome(t, b, 2)
	got(t, 2)(b.Wait(bg))
	must(t, (<-one).passes(0))
	must(t, (<-two).passes(1))
}

// The last one's action runs, once and before anybody passes, in the goroutine that brought it.
func TestBarrierAction(t *testing.T) { everywhere(t, testBarrierAction) }

func testBarrierAction(t *testing.T, d *Domain) {
	const parties, rounds = 4, 50
	b := closing[*Barrier](t)(CreateBarrier(d, "", parties, nil))
	number := closing[*Value[int64]](t)(CreateValue[int64](d, "", 0, nil))
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	ended := make(chan error)
	for i := range parties {
		ctx := map[int]context.Context{0: ctx, 1: bg}[i%2]
		go func() {
			for round := range int64(rounds) {
				ran := false
				index, err := b.WaitAction(ctx, func() error {
					ran = true
					runtime.GC() // Go's own things may go on meanwhile
					return second(number.Add(1))
				})
				if err == nil && ran != (index == parties-1) {
					err = fmt.Errorf("index %d, the action ran: %v", index, ran)
				}
				if seen, failed := number.Load(); failed != nil || seen != round+1 {
					err = errors.Join(err, failed, fmt.Errorf("round %d: the action ran %d times", round, seen))
				}
				if err == nil {
					_, err = b.Wait(ctx)
				}
				if err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	for range parties {
		must(t, <-ended)
	}
	fails(t, second(b.WaitAction(bg, nil)), ErrInvalid)
	got(t, BarrierInfo{Parties: parties, Generation: 2 * rounds})(b.Info())
}

// An action that fails breaks the barrier; why, is for the party that brought it.
func TestBarrierActionFails(t *testing.T) { everywhere(t, testBarrierActionFails) }

func testBarrierActionFails(t *testing.T, d *Domain) {
	b := closing[*Barrier](t)(CreateBarrier(d, "", 2, nil))
	mine := errors.New("mine")
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	for _, ctx := range []context.Context{bg, ctx} {
		var index int
		var err error
		for name, last := range map[string]func(){
			"error": func() {
				index, err = b.WaitAction(ctx, func() error { return mine })
				fails(t, err, mine, ErrBroken)
				got(t, 0)(index, nil)
			},
			"panic": func() {
				defer func() { got(t, any(mine))(recover(), nil) }()
				b.WaitAction(ctx, func() error { panic(mine) })
				t.Error("a panic was swallowed")
			},
			"exit": func() {
				gone := make(chan struct{})
				go func() {
					defer close(gone)
					b.WaitAction(ctx, func() error { runtime.Goexit(); return nil })
					t.Error("the goroutine's end was swallowed")
				}()
				<-gone
			},
		} {
			t.Run(name, func(t *testing.T) {
				other := waitFor(b, ctx)
				partiesCome(t, b, 1)
				last()
				fails(t, (<-other).err, ErrBroken)
				fails(t, second(b.Wait(bg)), ErrBroken)
				must(t, b.Reset())
				other = waitFor(b, ctx)
				partiesCome(t, b, 1)
				got(t, 1)(b.WaitAction(ctx, func() error { return nil }))
				must(t, (<-other).passes(0))
			})
		}
	}
	// A party that waits with an action, and gives up.
	short, stop := context.WithTimeout(bg, 5*time.Millisecond)
	defer stop()
	fails(t, second(b.WaitAction(short, func() error { panic("called") })), ErrTimeout, context.DeadlineExceeded)
	must(t, b.Reset())
	must(t, b.Close())
	fails(t, second(b.WaitAction(bg, func() error { panic("called") })), ErrClosedHandle)
}

// A party is killed while it waits, another before it came, having registered: the barrier breaks for who waits and for
// who comes.
func TestBarrierOfTheDead(t *testing.T) {
	d, dir := newDomain(t)
	b := closing[*Barrier](t)(CreateBarrier(d, "b", 3, nil))
	ctx, cancel := context.WithTimeout(bg, time.Hour)
	defer cancel()
	for _, ctx := range []context.Context{bg, ctx} {
		h := start(t, dir, "wait-barrier")
		partiesCome(t, b, 1)
		waits := waitFor(b, ctx)
		partiesCome(t, b, 2)
		h.kill()
		fails(t, (<-waits).err, ErrBroken)
		info, err := b.Info()
		must(t, err)
		if !info.Broken || info.Deaths == 0 {
			t.Errorf("%+v", info)
		}
		fails(t, second(b.Wait(ctx)), ErrBroken)
		must(t, b.Reset())
		passesWithThree(t, b)

		// The last to come finds a dead party.
		two := closing[*Barrier](t)(CreateBarrier(d, "two", 2, nil))
		h = start(t, dir, "wait-barrier", "two")
		partiesCome(t, two, 1)
		h.kill()
		fails(t, second(two.Wait(ctx)), ErrBroken)
		must(t, two.Close())

		h = start(t, dir, "register")
		h.says("registered")
		info, err = b.Info()
		must(t, err)
		got(t, 2)(info.Registered, nil)
		waits = waitFor(b, ctx)
		partiesCome(t, b, 1)
		h.kill()
		fails(t, (<-waits).err, ErrBroken)
		must(t, b.Reset())
		passesWithThree(t, b)

		// Who took it back may die.
		h = start(t, dir, "register")
		h.says("registered")
		waits = waitFor(b, bg)
		partiesCome(t, b, 1)
		h.tell()
		h.says("not any more")
		h.kill()
		also := waitFor(b, ctx)
		partiesCome(t, b, 2)
		time.Sleep(300 * time.Millisecond)
		got(t, 2)(b.Wait(ctx))
		must(t, (<-waits).err)
		must(t, (<-also).err)
	}
}

func roleWaitBarrier() {
	name := "b"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	need(need(OpenBarrier(nil, name, nil)).Wait(bg))
	forever()
}

func roleRegister() {
	b := need(OpenBarrier(nil, "b", nil))
	checked(b.Register())
	checked(b.Register())
	say("registered")
	<-told
	checked(b.Unregister())
	checked(b.Unregister())
	if err := b.Unregister(); !errors.Is(err, ErrNotHolder) {
		checked(fmt.Errorf("taken back once more: %v", err))
	}
	say("not any more")
	forever()
}

// A registration belongs to its handle, and ends with it; but the collector leaves such a handle alone.
func TestRegistrations(t *testing.T) {
	d, dir := newDomain(t)
	b := closing[*Barrier](t)(CreateBarrier(d, "b", 2, nil))
	registered := func(n int) {
		t.Helper()
		info, err := b.Info()
		must(t, err)
		got(t, n)(info.Registered, nil)
	}
	other := closing[*Barrier](t)(OpenBarrier(d, "b", nil))
	must(t, other.Register())
	must(t, other.Register())
	registered(2)
	fails(t, b.Unregister(), ErrNotHolder)
	must(t, other.Unregister())
	registered(1)
	must(t, other.Close())
	registered(0)
	start(t, dir, "forget-registration").ends()
	registered(0)
	fails(t, other.Register(), ErrClosedHandle)
	fails(t, other.Unregister(), ErrClosedHandle)
}

func roleForgetRegistration() {
	checked(need(OpenBarrier(nil, "b", nil)).Register())
	for range 10 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	if info := need(need(OpenBarrier(nil, "b", nil)).Info()); info.Registered != 1 {
		checked(fmt.Errorf("%+v", info))
	}
}
