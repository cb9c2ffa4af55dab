package mproc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestQueueIsFirstInFirstOut(t *testing.T) { everywhere(t, testQueueIsFirstInFirstOut) }

func testQueueIsFirstInFirstOut(t *testing.T, d *Domain) {
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	r := closing[*Queue](t)(OpenQueue(d, "q", nil))
	sent := [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), 5000), []byte("four"), bytes.Repeat([]byte("y"), 300_000)}
	for _, m := range sent {
		must(t, q.Put(bg, m))
	}
	got(t, len(sent))(r.Len())
	got(t, false)(r.Empty())
	for i, m := range sent {
		have, err := r.Get(bg)
		must(t, err)
		if have == nil || !bytes.Equal(have, m) {
			t.Fatalf("message %d has %d bytes, want %d", i, len(have), len(m))
		}
	}
	got(t, true)(r.Empty())
	_, err := r.TryGet()
	fails(t, err, ErrTimeout)
	must(t, q.Put(bg, nil))
	m, err := r.TryGet()
	must(t, err)
	got(t, 0)(len(m), nil)
}

func TestGetInto(t *testing.T) { everywhere(t, testGetInto) }

func testGetInto(t *testing.T, d *Domain) {
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	must(t, q.Put(bg, []byte("0123456789")))
	small := make([]byte, 4)
	n, err := q.GetInto(bg, small)
	fails(t, err, ErrMessageSize)
	got(t, 10)(n, nil)
	n, err = q.GetInto(bg, nil)
	fails(t, err, ErrMessageSize)
	got(t, 10)(n, nil)
	got(t, 1)(q.Len()) // it stays
	buf := make([]byte, 16)
	got(t, 10)(q.GetInto(bg, buf))
	got(t, "0123456789")(string(buf[:10]), nil)
	must(t, q.TryPut(nil))
	got(t, 0)(q.GetInto(bg, nil))
}

func TestBatches(t *testing.T) { everywhere(t, testBatches) }

func testBatches(t *testing.T, d *Domain) {
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	var sent [][]byte
	for i := range 300 { // more than the boundary's own short list
		sent = append(sent, bytes.Repeat([]byte{byte(i)}, i%37))
	}
	got(t, len(sent))(q.PutMany(bg, sent))
	got(t, 0)(q.PutMany(bg, nil))
	got(t, 1)(q.PutMany(bg, [][]byte{nil}))
	sent = append(sent, nil)
	var all [][]byte
	for len(all) < len(sent) {
		some, err := q.GetMany(bg, 7)
		must(t, err)
		if len(some) == 0 || len(some) > 7 {
			t.Fatalf("%d messages at once", len(some))
		}
		all = append(all, some...)
	}
	if !slices.EqualFunc(all, sent, bytes.Equal) {
		t.Fatal("other messages came out")
	}
	// The slices do not run into each other.
	got(t, 2)(q.PutMany(bg, [][]byte{[]byte("ab"), []byte("cd")}))
	two, err := q.GetMany(bg, math.MaxInt)
	must(t, err)
	_ = append(two[0], "overwritten"...)
	got(t, "cd")(string(two[1]), nil)

	// One that is longer than the usual room for a batch.
	must(t, q.Put(bg, bytes.Repeat([]byte("z"), 200_000)))
	must(t, q.Put(bg, []byte("next")))
	for total := 0; total < 2; {
		some, err := q.GetMany(bg, 10)
		must(t, err)
		total += len(some)
	}

	_, err = q.GetMany(bg, 0)
	fails(t, err, ErrInvalid)
	short, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	_, err = q.GetMany(short, 1)
	fails(t, err, ErrTimeout, context.DeadlineExceeded)
}

// A batch that waits for room again and again, longer than the first part of a wait (GOMP_UNTIL_CLOSED in shim.h),
// goes in completely, in order, and once.
func TestBatchThatWaits(t *testing.T) { everywhere(t, testBatchThatWaits) }

func testBatchThatWaits(t *testing.T, d *Domain) {
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{MaxItems: 3}))
	const n = 200
	var batch [][]byte
	for i := range n {
		batch = append(batch, []byte{byte(i)})
	}
	ended := make(chan error)
	go func() {
		put, err := q.PutMany(bg, batch)
		if err == nil && put != n {
			err = fmt.Errorf("%d of %d put", put, n)
		}
		ended <- err
	}()
	for i := range n {
		if i == 0 || i == n/2 {
			time.Sleep(50 * time.Millisecond)
		}
		m, err := q.Get(bg)
		must(t, err)
		got(t, string([]byte{byte(i)}))(string(m), nil)
	}
	must(t, <-ended)
	got(t, true)(q.Empty())
}

func TestQueueBounds(t *testing.T) { everywhere(t, testQueueBounds) }

func testQueueBounds(t *testing.T, d *Domain) {
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{MaxItems: 2, Capacity: 4096}))
	info, err := q.Info()
	must(t, err)
	if info.Capacity < 4096 || info.MaxItems != 2 || info.State != QueueOpen || info.Items != 0 || info.MaxMessage == 0 {
		t.Fatalf("%+v", info)
	}
	fails(t, q.Put(bg, make([]byte, info.MaxMessage+1)), ErrTooBig)
	n, err := q.PutMany(bg, [][]byte{[]byte("fits"), make([]byte, info.MaxMessage+1)})
	fails(t, err, ErrTooBig)
	got(t, 0)(n, nil)
	got(t, true)(q.Empty())
	must(t, q.Put(bg, make([]byte, info.MaxMessage)))
	have, err := q.Get(bg)
	must(t, err)
	got(t, int(info.MaxMessage))(len(have), nil)

	must(t, q.TryPut([]byte("a")))
	got(t, false)(q.Full())
	must(t, q.TryPut([]byte("b")))
	got(t, true)(q.Full())
	fails(t, q.TryPut([]byte("c")), ErrTimeout)
	short, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	fails(t, q.Put(short, []byte("c")), ErrTimeout, context.DeadlineExceeded)
	short2, cancel2 := context.WithTimeout(bg, time.Millisecond)
	defer cancel2()
	n, err = q.PutMany(short2, [][]byte{[]byte("c"), []byte("d")})
	fails(t, err, ErrTimeout, context.DeadlineExceeded)
	got(t, 0)(n, nil)
	_, err = q.Get(bg)
	must(t, err)
	short3, cancel3 := context.WithTimeout(bg, time.Millisecond)
	defer cancel3()
	n, err = q.PutMany(short3, [][]byte{[]byte("c"), []byte("d")})
	fails(t, err, ErrTimeout)
	got(t, 1)(n, nil) // it says how far it came

	_, err = OpenQueue(d, "q", &QueueOptions{MaxItems: 3})
	fails(t, err, ErrType)
	_, err = CreateQueue(d, "huge", &QueueOptions{Capacity: math.MaxUint64})
	fails(t, err, ErrInvalid)
	again := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{ExistOK: true}))
	got(t, true)(again.Existed(), nil)
}

func TestShutdown(t *testing.T) { everywhere(t, testShutdown) }

func testShutdown(t *testing.T, d *Domain) {
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	must(t, q.Put(bg, []byte("last")))
	must(t, q.Shutdown(false))
	fails(t, q.Put(bg, nil), ErrClosed)
	fails(t, q.TryPut(nil), ErrClosed)
	info, err := q.Info()
	must(t, err)
	got(t, QueueDraining)(info.State, nil)
	got(t, "draining")(info.State.String(), nil)
	m, err := q.Get(bg)
	must(t, err)
	got(t, "last")(string(m), nil)
	_, err = q.Get(bg)
	fails(t, err, ErrClosed)
	_, err = q.GetMany(bg, 3)
	fails(t, err, ErrClosed)
	must(t, q.Shutdown(false))
	must(t, q.Shutdown(true))
	info, err = q.Info()
	must(t, err)
	got(t, QueueClosed)(info.State, nil)

	r := closing[*Queue](t)(CreateQueue(d, "r", nil))
	must(t, r.Put(bg, []byte("dropped")))
	must(t, r.Shutdown(true))
	_, err = r.TryGet()
	fails(t, err, ErrClosed)
}

// Shutting down wakes whoever waits, whatever for.
func TestShutdownWakes(t *testing.T) { everywhere(t, testShutdownWakes) }

func testShutdownWakes(t *testing.T, d *Domain) {
	for _, immediate := range []bool{false, true} {
		empty := closing[*Queue](t)(CreateQueue(d, fmt.Sprint("empty", immediate), nil))
		full := closing[*Queue](t)(CreateQueue(d, fmt.Sprint("full", immediate), &QueueOptions{MaxItems: 1}))
		must(t, full.Put(bg, nil))
		ended := make(chan error)
		go func() { _, err := empty.Get(bg); ended <- err }()
		go func() { ended <- full.Put(bg, nil) }()
		must(t, empty.Shutdown(immediate))
		must(t, full.Shutdown(immediate))
		fails(t, <-ended, ErrClosed)
		fails(t, <-ended, ErrClosed)
	}
}

// Many producers and consumers, every way in and out: each message arrives once, each producer's in order.
func TestQueueUnderGoroutines(t *testing.T) { everywhere(t, testQueueUnderGoroutines) }

func testQueueUnderGoroutines(t *testing.T, d *Domain) {
	const producers, each = 4, 1000
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{Capacity: 4096}))
	message := func(p, n int) []byte {
		m := binary.LittleEndian.AppendUint32(nil, uint32(p))
		m = binary.LittleEndian.AppendUint32(m, uint32(n))
		return append(m, bytes.Repeat([]byte{byte(p)}, n%50)...)
	}
	var putting, getting sync.WaitGroup
	for p := range producers {
		putting.Add(1)
		go func() {
			defer putting.Done()
			for n := 0; n < each; {
				if p%2 == 0 {
					if err := q.Put(bg, message(p, n)); err != nil {
						t.Error(err)
						return
					}
					n++
					continue
				}
				var batch [][]byte
				for k := n; k < min(n+20, each); k++ {
					batch = append(batch, message(p, k))
				}
				put, err := q.PutMany(bg, batch)
				if err != nil || put != len(batch) {
					t.Error(put, err)
					return
				}
				n += put
			}
		}()
	}
	const consumers = 3
	taken := make([][][]byte, consumers)
	for c := range consumers {
		getting.Add(1)
		go func() {
			defer getting.Done()
			buf := make([]byte, 100)
			for {
				var some [][]byte
				var err error
				switch c {
				case 0:
					var m []byte
					m, err = q.Get(bg)
					some = [][]byte{m}
				case 1:
					var n int
					n, err = q.GetInto(bg, buf)
					some = [][]byte{bytes.Clone(buf[:n])}
				default:
					some, err = q.GetMany(bg, 10)
				}
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				taken[c] = append(taken[c], some...)
			}
		}()
	}
	putting.Wait()
	must(t, q.Shutdown(false))
	getting.Wait()
	total := 0
	var seen [producers][each]bool
	for c := range taken {
		next := [producers]int{}
		for _, m := range taken[c] {
			p, n := int(binary.LittleEndian.Uint32(m)), int(binary.LittleEndian.Uint32(m[4:]))
			if !bytes.Equal(m, message(p, n)) || seen[p][n] || n < next[p] {
				t.Fatalf("consumer %d: message %d of producer %d is spoilt, doubled or late", c, n, p)
			}
			seen[p][n], next[p] = true, n+1
			total++
		}
	}
	got(t, producers*each)(total, nil)
}

func TestQueueAllocatesOnlyResults(t *testing.T) {
	d, _ := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", nil))
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	message, buf := make([]byte, 64), make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() {
		q.Put(bg, message)
		q.GetInto(bg, buf)
		q.Put(ctx, message)
		q.GetInto(ctx, buf)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if raceEnabled {
		return // there, pools drop things on purpose
	}
	if n := testing.AllocsPerRun(100, func() {
		q.TryPut(message)
		q.TryGet()
	}); n != 1 {
		t.Errorf("%v allocations, want the message's only", n)
	}
}
