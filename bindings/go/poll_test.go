package mproc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

var pollable = &QueueOptions{Pollable: true}

func TestPollableIsDecidedAtCreation(t *testing.T) {
	d, _ := newDomain(t)
	plain := closing[*Queue](t)(CreateQueue(d, "plain", nil))
	fails(t, second(plain.ReadableFd()), ErrNotSupported)
	fails(t, second(plain.WritableFd()), ErrNotSupported)
	info, err := plain.Info()
	got(t, false)(info.Pollable, err)
	fails(t, second(CreateQueue(d, "plain", &QueueOptions{ExistOK: true, Pollable: true})), ErrType)
	closing[*Queue](t)(CreateQueue(d, "q", pollable))
	q := closing[*Queue](t)(OpenQueue(d, "q", nil))
	info, err = q.Info()
	got(t, true)(info.Pollable, err)
	a, b := newPipe(t, d, "", nil)
	for _, end := range []*Pipe{a, b} {
		fails(t, second(end.ReadableFd()), ErrNotSupported)
		fails(t, second(end.WritableFd()), ErrNotSupported)
		info, err := end.Info()
		got(t, false)(info.Pollable, err)
	}
	a, b = newPipe(t, d, "", &PipeOptions{Pollable: true, OneWay: true})
	fails(t, second(a.WritableFd()), ErrNotSupported)
	fails(t, second(b.ReadableFd()), ErrNotSupported)
	must(t, second(a.ReadableFd()))
	must(t, second(b.WritableFd()))
	for _, end := range []*Pipe{a, b} {
		info, err := end.Info()
		got(t, true)(info.Pollable, err)
	}
}

// The descriptors themselves, as an event loop sees them: readable when a call may succeed, not readable any more once
// one has found nothing.
func TestDescriptors(t *testing.T) {
	d, _ := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{Pollable: true, MaxItems: 1}))
	other := closing[*Queue](t)(OpenQueue(d, "q", nil))
	a, b := newPipe(t, d, "", &PipeOptions{Pollable: true, Capacity: 4096})
	rest := make([]byte, 3000)
	for name, c := range map[string]struct {
		fd        func() (int, error)
		try       func() error // until ErrTimeout
		undo, go_ func() error
	}{
		"queue, messages": {q.ReadableFd, func() error { return second(q.TryGet()) }, nil,
			func() error { return other.TryPut(nil) }},
		"pipe, messages": {a.ReadableFd, func() error { return second(a.TryRecv()) }, nil,
			func() error { return b.TrySend(nil) }},
		"pipe, poll": {b.ReadableFd, b.TryPoll, func() error { return second(b.TryRecv()) },
			func() error { return a.TrySend(nil) }},
		"pipe, room": {b.WritableFd, func() error { return b.TrySend(rest) }, nil,
			func() error { return second(a.TryRecv()) }},
	} {
		t.Run(name, func(t *testing.T) {
			fd, err := c.fd()
			must(t, err)
			got(t, fd)(c.fd())
			for range 20 {
				// It may become readable for nothing at any time, but not again and again at once.
				eventually(t, func() bool {
					for c.try() == nil {
						if c.undo != nil {
							must(t, c.undo())
						}
					}
					fails(t, c.try(), ErrTimeout)
					return !cmproc.DescriptorReady(uintptr(fd))
				})
				must(t, c.go_())
				eventually(t, func() bool { return cmproc.DescriptorReady(uintptr(fd)) })
				must(t, c.try())
				if c.undo != nil {
					must(t, c.undo())
				}
			}
		})
	}
}

// threads is how many threads this process has.
func threads(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	_, rest, _ := strings.Cut(string(status), "\nThreads:")
	n, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]))
	must(t, err)
	return n
}

// inLine is how many goroutines wait at a gate, the one that leads included.
func inLine(g *gate) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.led {
		return g.line.Len() + 1
	}
	return g.line.Len()
}

// A thousand goroutines wait at a hundred queues, with few threads. Producers in other processes, one of them killed:
// nothing is lost, nothing comes twice.
func TestManyGoroutinesFewThreads(t *testing.T) {
	const queues, consumers, producers, messages, most = 100, 10, 3, 40, 100
	d, dir := newDomain(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	before := threads(t)
	var all []*Queue
	for i := range queues {
		all = append(all, closing[*Queue](t)(CreateQueue(d, fmt.Sprint("q", i), &QueueOptions{
			Pollable: true, Capacity: 1024, // so that producers wait, too
		})))
	}
	// How many messages of the producer that is killed are known to be in each queue.
	returned := closing[*Array[uint64]](t)(CreateArray[uint64](d, "returned", nil, &ArrayOptions{Shape: []int{queues}}))

	type message struct{ queue, producer, number int }
	var mu sync.Mutex
	seen := make(map[message]int)
	var wg sync.WaitGroup
	for i, q := range all {
		for range consumers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for {
					m, err := q.Get(bg)
					if errors.Is(err, ErrClosed) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					is := message{i, int(binary.LittleEndian.Uint32(m)), int(binary.LittleEndian.Uint32(m[4:]))}
					mu.Lock()
					seen[is]++
					mu.Unlock()
				}
			}()
		}
	}
	eventually(t, func() bool {
		waiting := 0
		for _, q := range all {
			waiting += inLine(&q.h.res.gates[forMessages])
		}
		return waiting == queues*consumers
	})
	highest := threads(t)
	var helpers []*helper
	for p := range producers {
		helpers = append(helpers, start(t, dir, "produce-everywhere", strconv.Itoa(p), strconv.Itoa(queues),
			strconv.Itoa(messages)))
	}
	victim := start(t, dir, "produce-everywhere", strconv.Itoa(producers), strconv.Itoa(queues), "1000000000")
	eventually(t, func() bool {
		n, err := returned.Get(queues - 1)
		must(t, err)
		highest = max(highest, threads(t))
		return n >= 5
	})
	victim.kill()
	for _, h := range helpers {
		h.ends()
		highest = max(highest, threads(t))
	}
	for _, q := range all {
		must(t, q.Shutdown(false))
	}
	wg.Wait()
	highest = max(highest, threads(t))
	if highest-before >= most {
		t.Errorf("%d goroutines that wait made %d threads out of %d", queues*consumers, highest, before)
	}
	for is, n := range seen {
		if n != 1 {
			t.Errorf("%+v came %d times", is, n)
		}
	}
	for i := range queues {
		for p := range producers {
			for n := range messages {
				if seen[message{i, p, n}] != 1 {
					t.Fatalf("message %d of producer %d through queue %d is lost", n, p, i)
				}
			}
		}
		put, err := returned.Get(i)
		must(t, err)
		for n := range int(put) {
			if seen[message{i, producers, n}] != 1 {
				t.Fatalf("message %d through queue %d is lost, whose producer was killed", n, i)
			}
		}
		for n := int(put) + 1; n < int(put)+10; n++ { // the next one may have been put
			if seen[message{i, producers, n}] != 0 {
				t.Fatalf("message %d through queue %d was never put", n, i)
			}
		}
	}
	for _, q := range all {
		for side := range q.h.res.gates {
			got(t, 0)(inLine(&q.h.res.gates[side]), nil)
		}
	}
}

func roleProduceEverywhere() {
	p, queues, messages := argument(1), argument(2), argument(3)
	returned := need(OpenArray[uint64](nil, "returned", nil))
	var all []*Queue
	for i := range queues {
		all = append(all, need(OpenQueue(nil, fmt.Sprint("q", i), nil)))
	}
	for n := range messages {
		for i, q := range all {
			m := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(p)), uint32(n))
			checked(q.Put(bg, m))
			if messages == 1000000000 {
				checked(returned.Set(i, uint64(n)+1))
			}
		}
	}
}

// Messages of all lengths wait for room in one queue, through every kind of call, and all get through.
func TestPolledRoom(t *testing.T) {
	d, _ := newDomain(t)
	const producers, messages = 20, 60
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{Pollable: true, Capacity: 4096}))
	in := closing[*Queue](t)(OpenQueue(d, "q", nil))
	var want, have atomic.Int64
	var wg sync.WaitGroup
	for p := range producers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range messages {
				n := (p*messages + i*37) % 3000
				want.Add(int64(n) + 1)
				var err error
				switch i % 3 {
				case 0:
					err = in.Put(bg, make([]byte, n))
				case 1:
					var r *Reservation
					if r, err = in.Reserve(bg, n); err == nil {
						err = r.Commit(n)
					}
				case 2: // more than fit at a time
					var put int
					many := [][]byte{make([]byte, n), nil, make([]byte, 2500), make([]byte, 2500), nil}
					want.Add(5000 + 4)
					put, err = in.PutMany(bg, many)
					if err == nil && put != len(many) {
						err = fmt.Errorf("%d of %d were put", put, len(many))
					}
				}
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	var consumers sync.WaitGroup
	for i := range 6 {
		consumers.Add(1)
		go func() {
			defer consumers.Done()
			for {
				var all [][]byte
				var err error
				switch i % 3 {
				case 0:
					all, err = q.GetMany(bg, 3)
				case 1:
					var l *Lease
					if l, err = q.Lease(bg); err == nil {
						all, err = append(all, l.Bytes()), l.Ack()
					}
				case 2:
					var m *Message
					if m, err = q.Peek(bg); err == nil {
						all, err = append(all, m.Bytes()), m.Release()
					}
				}
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				for _, m := range all {
					have.Add(int64(len(m)) + 1)
				}
			}
		}()
	}
	wg.Wait()
	must(t, q.Shutdown(false))
	consumers.Wait()
	got(t, want.Load())(have.Load(), nil)
}

// Where there is no room for a long message, a short one behind it gets on.
func TestPolledRoomForTheShort(t *testing.T) {
	d, _ := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", &QueueOptions{Pollable: true, Capacity: 4096}))
	in := closing[*Queue](t)(OpenQueue(d, "q", nil))
	for _, n := range []int{500, 500, 3000} {
		must(t, in.TryPut(make([]byte, n)))
	}
	ended := make(chan error)
	for i, n := range []int{3000, 400} {
		go func() { ended <- in.Put(bg, make([]byte, n)) }()
		eventually(t, func() bool { return inLine(&in.h.res.gates[forRoom]) == i+1 })
	}
	must(t, second(q.TryGet()))
	must(t, <-ended)
	got(t, 3)(q.Len()) // 500, 3000, 400
	got(t, 1)(inLine(&in.h.res.gates[forRoom]), nil)
	must(t, second(q.TryGet()))
	must(t, second(q.TryGet()))
	must(t, <-ended)
}

// Whoever waits hears of the death of the last producer.
func TestPolledProducersGone(t *testing.T) {
	d, dir := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", pollable))
	h := start(t, dir, "be-a-producer")
	h.says("ready")
	const waiting = 20
	ended := make(chan error)
	for range waiting {
		go func() { ended <- second(q.Get(bg)) }()
	}
	eventually(t, func() bool { return inLine(&q.h.res.gates[forMessages]) == waiting })
	h.kill()
	for range waiting {
		fails(t, <-ended, ErrClosed)
	}
}

func roleBeAProducer() {
	p := need(need(OpenQueue(nil, "q", nil)).Producer())
	say("ready")
	forever()
	p.Close()
}

// Questions and answers through a pollable pipe, many at a time; then the other end dies.
func TestPolledPipe(t *testing.T) {
	d, dir := newDomain(t)
	end := closing[*Pipe](t)(CreatePipeEnd(d, "echo", 0, &PipeOptions{Pollable: true, Capacity: 4096}))
	h := start(t, dir, "echo-polled")
	const goroutines, messages = 50, 100
	var wg sync.WaitGroup
	var sum atomic.Int64
	for g := range goroutines {
		wg.Add(2)
		go func() {
			defer wg.Done()
			for i := range messages {
				if err := end.Send(bg, binary.LittleEndian.AppendUint64(nil, uint64(g*messages+i))); err != nil {
					t.Error(err)
				}
			}
		}()
		go func() {
			defer wg.Done()
			for range messages {
				m, err := end.Recv(bg)
				if err != nil {
					t.Error(err)
					return
				}
				sum.Add(int64(binary.LittleEndian.Uint64(m)))
			}
		}()
	}
	wg.Wait()
	const n = goroutines * messages
	got(t, int64(n*(n-1)/2))(sum.Load(), nil)
	ended := make(chan error)
	for range 20 {
		go func() { ended <- second(end.Recv(bg)) }()
		go func() { ended <- end.Poll(bg) }()
	}
	h.kill()
	for range 2 * 20 {
		fails(t, <-ended, ErrEOF)
	}
	fails(t, end.Send(bg, nil), ErrPipe)
}

func roleEchoPolled() {
	end := need(OpenPipe(nil, "echo", 1, nil))
	for {
		checked(end.Send(bg, need(end.Recv(bg))))
	}
}

// Contexts end at random those who lead, who stand in line, and who are just taking over: nobody is forgotten, nobody
// is woken by another's context.
func TestPolledContextsInterleaved(t *testing.T) {
	d, _ := newDomain(t)
	q := closing[*Queue](t)(CreateQueue(d, "q", pollable))
	in := closing[*Queue](t)(OpenQueue(d, "q", nil))
	const consumers, messages = 8, 3000
	shared, cancelShared := context.WithCancel(bg)
	defer cancelShared()
	var wg sync.WaitGroup
	var taken, wrong atomic.Int64
	for i := range consumers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := 0; ; k++ {
				ctx, cancel := shared, context.CancelFunc(func() {})
				switch {
				case i%4 == 1:
					ctx, cancel = context.WithTimeout(shared, time.Duration(rand.N(200))*time.Microsecond)
				case i%4 == 2:
					ctx, cancel = context.WithCancel(shared)
					time.AfterFunc(time.Duration(rand.N(200))*time.Microsecond, cancel)
				case i%4 == 3:
					ctx = deadlineOnly{bg, time.Now().Add(time.Duration(rand.N(200)) * time.Microsecond)}
				}
				_, err := q.Get(ctx)
				switch {
				case err == nil:
					taken.Add(1)
				case i%4 == 3:
					if !errors.Is(err, context.DeadlineExceeded) {
						wrong.Add(1)
					}
				case ctx.Err() == nil:
					wrong.Add(1) // ended although its own context lives
				}
				cancel()
				if shared.Err() != nil {
					return
				}
			}
		}()
	}
	for i := range messages {
		must(t, in.Put(bg, []byte("m")))
		if i%10 == 0 {
			time.Sleep(rand.N(200 * time.Microsecond))
		}
	}
	eventually(t, func() bool { return taken.Load() == messages })
	cancelShared()
	wg.Wait()
	got(t, int64(0))(wrong.Load(), nil)
	got(t, 0)(inLine(&q.h.res.gates[forMessages]), nil)
}

// Each side of a queue has 128 descriptors. Who gets none waits all the same.
func TestPolledWithoutADescriptor(t *testing.T) {
	d, _ := newDomain(t)
	in := closing[*Queue](t)(CreateQueue(d, "q", pollable))
	const handles = 140
	ended := make(chan error)
	full := 0
	for range handles {
		q := closing[*Queue](t)(OpenQueue(d, "q", nil))
		if _, err := q.ReadableFd(); err != nil {
			fails(t, err, ErrFull)
			full++
		}
		go func() { ended <- second(q.Get(bg)) }()
	}
	got(t, handles-128)(full, nil)
	for range handles {
		must(t, in.Put(bg, nil))
	}
	for range handles {
		must(t, <-ended)
	}
}

// Close at any moment while others wait, take and put: they get on or are told, and the object is really let go.
func TestClosePolledWhileInUse(t *testing.T) {
	d, _ := newDomain(t)
	before := -1
	for range 30 {
		q, err := CreateQueue(d, "q", pollable)
		must(t, err)
		var started, wg sync.WaitGroup
		for i := range 6 {
			started.Add(1)
			wg.Add(1)
			go func() {
				defer wg.Done()
				ctx, cancel := context.WithCancel(bg)
				defer cancel()
				started.Done()
				for {
					var err error
					switch i % 3 {
					case 0:
						_, err = q.Get(bg)
					case 1:
						_, err = q.Get(ctx)
					case 2:
						err = q.Put(bg, make([]byte, 1000))
					}
					if errors.Is(err, ErrClosedHandle) {
						return
					}
					if err != nil {
						t.Error(err)
					}
				}
			}()
		}
		started.Wait()
		time.Sleep(rand.N(2 * time.Millisecond))
		for range 2 {
			wg.Add(1)
			go func() { defer wg.Done(); q.Close() }()
		}
		wg.Wait()
		fails(t, second(OpenLock(d, "q", nil)), ErrNotExist) // the last user is gone, and so is the name
		if before < 0 {
			before = bells(t) // the runtime has its own by now
		}
		got(t, before)(bells(t), nil)
	}
}

// bells counts the descriptors of this process that are part of a pollable one, or the runtime's own.
func bells(t *testing.T) (n int) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, entry := range all {
		to, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil && (to == "anon_inode:[eventpoll]" || to == "anon_inode:[timerfd]") {
			n++
		}
	}
	return n
}
