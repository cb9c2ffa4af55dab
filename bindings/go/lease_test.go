package mproc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

func TestLease(t *testing.T) { everywhere(t, testLease) }

func testLease(t *testing.T, d *Domain) {
	for _, options := range []*QueueOptions{{Lease: true}, {Joinable: true}, nil} {
		q := closing[*Queue](t)(CreateQueue(d, "", options))
		_, err := q.TryLease()
		fails(t, err, ErrTimeout)
		sent := [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), 300_000)}
		for _, m := range sent {
			must(t, q.Put(bg, m))
		}
		var all []*Lease
		for _, m := range sent {
			l, err := q.Lease(bg)
			must(t, err)
			if l.Bytes() == nil || !bytes.Equal(l.Bytes(), m) || l.Redelivered() {
				t.Fatalf("%d bytes, redelivered %v", len(l.Bytes()), l.Redelivered())
			}
			all = append(all, l)
		}
		info, err := q.Info()
		must(t, err)
		if info.Held != 3 || info.Items != 0 || info.Lease != (options != nil && options.Lease) ||
			info.Joinable != (options != nil && options.Joinable) {
			t.Errorf("%+v", info)
		}
		got(t, true)(q.Empty())
		must(t, all[1].Ack())
		must(t, all[0].PutBack())
		got(t, 1)(q.Len())
		for _, l := range all[:2] {
			fails(t, l.Ack(), ErrNotHolder)
			fails(t, l.PutBack(), ErrNotHolder)
		}
		again, err := q.TryLease()
		must(t, err)
		got(t, "one")(string(again.Bytes()), nil)
		got(t, true)(again.Redelivered(), nil)
		must(t, again.Ack())
		must(t, all[2].Ack())
		got(t, 300_000)(len(all[2].Bytes()), nil) // the caller's own
	}
	fails(t, new(Lease).Ack(), ErrNotHolder)
}

func TestQueueForLeases(t *testing.T) { everywhere(t, testQueueForLeases) }

func testQueueForLeases(t *testing.T, d *Domain) {
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{Lease: true}))
	must(t, q.Put(bg, []byte("m")))
	for _, err := range []error{
		second(q.Get(bg)), second(q.TryGet()), second(q.GetInto(bg, nil)), second(q.GetMany(bg, 1)), q.TaskDone(),
	} {
		fails(t, err, ErrNotSupported)
	}
	fails(t, second(OpenQueue(d, "q", &QueueOptions{Joinable: true})), ErrType)
	same := closing[*Queue](t)(OpenQueue(d, "q", &QueueOptions{Lease: true}))
	l, err := same.Lease(bg)
	must(t, err)
	fails(t, second(q.TryJoin()), ErrTimeout) // leased is not done
	ended := make(chan error, 1)
	go func() { ended <- second(q.Join(bg)) }()
	must(t, l.Ack())
	must(t, <-ended)
	got(t, false)(q.TryJoin())
}

func TestJoin(t *testing.T) {
	d, _ := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{Joinable: true}))
	got(t, false)(q.Join(bg))
	fails(t, q.TaskDone(), ErrNotHolder)
	got(t, 5)(q.PutMany(bg, [][]byte{nil, nil, nil, nil, nil}))
	unfinished := func(want uint64) {
		t.Helper()
		info, err := q.Info()
		must(t, err)
		got(t, want)(info.Unfinished, nil)
		if want > 0 {
			_, err = q.TryJoin()
			fails(t, err, ErrTimeout)
		}
	}
	unfinished(5)
	_, err := q.Get(bg)
	must(t, err)
	_, err = q.GetMany(bg, 2)
	must(t, err)
	unfinished(5)
	for range 3 {
		must(t, q.TaskDone())
	}
	fails(t, q.TaskDone(), ErrNotHolder)
	unfinished(2)
	l, err := q.Lease(bg)
	must(t, err)
	m, err := q.Peek(bg)
	must(t, err)
	must(t, l.Ack())
	fails(t, q.TaskDone(), ErrNotHolder) // that was it
	unfinished(1)
	short, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	_, err = q.Join(short)
	fails(t, err, ErrTimeout, context.DeadlineExceeded)
	ended := make(chan error, 1)
	go func() { _, err := q.Join(bg); ended <- err }()
	must(t, m.Release())
	must(t, <-ended)
	unfinished(0)

	plain := closing[*Queue](t)(CreateQueue(d, "", nil))
	_, err = plain.Join(bg)
	fails(t, err, ErrNotSupported)
	fails(t, plain.TaskDone(), ErrNotSupported)
}

func TestProducers(t *testing.T) {
	d, _ := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	producers := func(want ProducerState) {
		t.Helper()
		info, err := q.Info()
		must(t, err)
		got(t, want)(info.Producers, nil)
	}
	producers(ProducersNone)
	one := closing[*Queue](t)(q.Producer())
	two := closing[*Queue](t)(one.Producer())
	producers(ProducersOpen)
	must(t, one.Put(bg, []byte("one")))
	must(t, one.Close())
	must(t, two.Put(bg, []byte("two")))
	for _, want := range []string{"one", "two"} {
		m, err := q.Get(bg)
		must(t, err)
		got(t, want)(string(m), nil)
	}
	_, err := q.TryGet()
	fails(t, err, ErrTimeout)

	// It travels, and counts while it does.
	h := exported(t, two)
	must(t, two.Close())
	producers(ProducersOpen)
	three := closing[*Queue](t)(ImportQueue(h, nil))
	must(t, h.Close())
	producers(ProducersOpen)
	must(t, three.Put(bg, []byte("last")))
	must(t, three.Close())
	producers(ProducersGone)
	m, err := q.Get(bg)
	must(t, err)
	got(t, "last")(string(m), nil)
	for _, err := range []error{
		second(q.Get(bg)), second(q.TryGet()), second(q.GetMany(bg, 1)), second(q.Peek(bg)), second(q.Lease(bg)),
	} {
		fails(t, err, ErrClosed)
	}

	// A new one may come; its end ends waits.
	four := closing[*Queue](t)(q.Producer())
	producers(ProducersOpen)
	ended := make(chan error, 1)
	go func() { _, err := q.Get(bg); ended <- err }()
	time.Sleep(30 * time.Millisecond) // most likely it sleeps by now; right in any case
	must(t, four.Close())
	fails(t, <-ended, ErrClosed)
	for state, word := range map[ProducerState]string{
		ProducersNone: "none", ProducersOpen: "open", ProducersGone: "gone", ProducerState(9): "unknown",
	} {
		got(t, word)(state.String(), nil)
	}
}

// The only producer is killed: what it has put arrives, then nobody waits for it.
func TestProducerOfTheDead(t *testing.T) {
	d, dir := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	h := start(t, dir, "produce-and-wait")
	h.says("put")
	m, err := q.Get(bg)
	must(t, err)
	got(t, "last")(string(m), nil)
	short, cancel := context.WithTimeout(bg, 300*time.Millisecond)
	defer cancel()
	_, err = q.Get(short)
	fails(t, err, ErrTimeout) // silent, but alive
	ended := make(chan error, 1)
	go func() { _, err := q.Get(bg); ended <- err }()
	h.kill()
	fails(t, <-ended, ErrClosed)
}

func roleProduceAndWait() {
	p := need(need(OpenQueue(nil, "q", nil)).Producer())
	checked(p.Put(bg, []byte("last")))
	say("put")
	forever()
	p.Close()
}

// A consumer is killed with messages that it has taken and not reported: Join does not wait for them, and tells.
func TestJoinAfterADeath(t *testing.T) {
	d, dir := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{Joinable: true}))
	for range 3 {
		must(t, q.Put(bg, []byte("m")))
	}
	h := start(t, dir, "get-and-wait")
	h.says("one of three done")
	_, err := q.TryJoin()
	fails(t, err, ErrTimeout)
	ended := make(chan error, 1)
	go func() {
		recovered, err := q.Join(bg)
		if err == nil && !recovered {
			err = errors.New("the death was not told")
		}
		ended <- err
	}()
	h.kill()
	must(t, <-ended)
	got(t, false)(q.Join(bg)) // told once
	must(t, q.Put(bg, []byte("m")))
	_, err = q.Get(bg)
	must(t, err)
	must(t, q.TaskDone())
	got(t, false)(q.Join(bg))
}

func roleGetAndWait() {
	q := need(OpenQueue(nil, "q", nil))
	for range 3 {
		need(q.Get(bg))
	}
	checked(q.TaskDone())
	say("one of three done")
	forever()
}

// Consumers are killed at any moment while they work under leases: no message is lost, none is worked on twice without
// being marked, and Join sees the end of it.
func TestKilledWorkers(t *testing.T) {
	d, dir := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{Lease: true}))
	back := closing[*Queue](t)(CreateQueue(d, "back", &QueueOptions{Capacity: 4 << 20}))
	const kills, each = 6, 300
	survivor := start(t, dir, "work", "0")
	survivor.says("ready")
	sent := uint64(0)
	for i := range kills {
		victim := start(t, dir, "work", "1")
		victim.says("ready")
		for range each {
			must(t, q.Put(bg, binary.LittleEndian.AppendUint64(nil, sent)))
			sent++
		}
		time.Sleep(time.Duration(i) * time.Millisecond)
		victim.kill()
	}
	got(t, false)(q.Join(bg)) // nothing is lost with a lease
	must(t, q.Shutdown(false))
	survivor.ends()

	must(t, back.Shutdown(false))
	seen := make(map[uint64]int)
	for {
		m, err := back.Get(bg)
		if errors.Is(err, ErrClosed) {
			break
		}
		must(t, err)
		n := binary.LittleEndian.Uint64(m)
		if redelivered := m[8] != 0; seen[n] > 0 && !redelivered {
			t.Errorf("message %d came twice and was not marked", n)
		}
		seen[n]++
	}
	if len(seen) != int(sent) {
		t.Errorf("%d of %d messages were worked on", len(seen), sent)
	}
}

func roleWork() {
	q := need(OpenQueue(nil, "q", nil))
	back := need(OpenQueue(nil, "back", nil))
	say("ready")
	for {
		l, err := q.Lease(bg)
		if errors.Is(err, ErrClosed) {
			return
		}
		checked(err)
		mark := byte(0)
		if l.Redelivered() {
			mark = 1
		}
		checked(back.Put(bg, append(l.Bytes(), mark)))
		checked(l.Ack())
	}
}
