package mproc

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Queue is a first-in-first-out queue of messages (byte strings), many producers, many consumers, bounded by
// bytes and optionally by the number of messages. When Put returns nil the message is in the queue, whatever
// happens to this process afterwards.
type Queue struct {
	h       handle
	existed bool
	longest atomic.Int64 // bytes of the longest message seen: how much room to offer at first
}

// QueueOptions say how to create a queue, or what to expect when opening one.
type QueueOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the queue if it exists already and matches
	NoSpin  bool // sleep at once instead of spinning first
	// MaxItems is the most messages at a time; 0: as many as fit.
	MaxItems uint32
	// Capacity is the room for messages in bytes; each takes its length rounded up to 8, plus 8. Rounded up to
	// a power of two. 0: 1 MiB.
	Capacity uint64
	// Lease is for messages that must not get lost with a consumer: they are taken by [Queue.Lease] or [Queue.Peek]
	// and go back to the front when their consumer dies before it has acknowledged them. Get and GetMany are refused.
	Lease bool
	// Joinable counts unfinished messages, for [Queue.TaskDone] and [Queue.Join].
	Joinable bool
	// Pollable lets any number of goroutines wait on the queue without occupying threads, and gives its handles
	// descriptors for event loops ([Queue.ReadableFd]). Costs 4 KiB, and makes what has to wait a little slower.
	Pollable bool
}

func (o *QueueOptions) flags() uint32 {
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin) |
		bit(o.Lease, cmproc.QueueLeases) | bit(o.Joinable, cmproc.QueueJoinable) |
		bit(o.Pollable, cmproc.Pollable)
}

// QueueState says what a queue still does.
type QueueState uint32

// The states of a queue.
const (
	QueueOpen     QueueState = cmproc.QueueOpen     // producers and consumers work
	QueueDraining QueueState = cmproc.QueueDraining // nothing goes in, what is inside can be taken
	QueueClosed   QueueState = cmproc.QueueClosed   // nothing goes in or out
)

// String is the state in one word.
func (s QueueState) String() string {
	switch s {
	case QueueOpen:
		return "open"
	case QueueDraining:
		return "draining"
	case QueueClosed:
		return "closed"
	}
	return "unknown"
}

// ProducerState says whether anybody has a producer's handle on a queue, see [Queue.Producer].
type ProducerState uint32

// The states of a queue's producers.
const (
	ProducersNone ProducerState = cmproc.ProducersNone // nobody has ever called Producer
	ProducersOpen ProducerState = cmproc.ProducersOpen // somebody has a producer's handle
	ProducersGone ProducerState = cmproc.ProducersGone // every producer's handle is closed, or its processes are dead
)

// String is the state in one word.
func (s ProducerState) String() string {
	switch s {
	case ProducersNone:
		return "none"
	case ProducersOpen:
		return "open"
	case ProducersGone:
		return "gone"
	}
	return "unknown"
}

// QueueInfo is what a queue is and how full it is.
type QueueInfo struct {
	Capacity   uint64 // bytes for messages
	Used       uint64 // bytes in use
	Items      uint64 // messages that can be taken
	MaxItems   uint64 // most messages at a time; 0: no such bound
	MaxMessage uint64 // the longest message that can ever fit
	State      QueueState
	Steals     uint32 // how often an internal lock was taken over from a dead process
	Held       uint64 // messages that consumers hold under a lease or read in place
	Reserved   uint64 // reservations that are open
	Unfinished uint64 // of a joinable queue: messages inside, held, or taken and not yet reported done
	Lease      bool
	Joinable   bool
	Pollable   bool
	Producers  ProducerState
}

// CreateQueue creates a queue. options may be nil.
func CreateQueue(domain *Domain, name string, options *QueueOptions) (*Queue, error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	return makeQueue(cmproc.Create, domain, cname, options)
}

// OpenQueue opens an existing queue. options may be nil.
func OpenQueue(domain *Domain, name string, options *QueueOptions) (*Queue, error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeQueue(cmproc.Open, domain, cname, options)
}

func makeQueue(how cmproc.How, from source, name *byte, o *QueueOptions) (*Queue, error) {
	if o == nil {
		o = &QueueOptions{}
	}
	raw, err := from.enter()
	if err != nil {
		return nil, err
	}
	defer from.leave()
	var made cmproc.Made
	var e cmproc.Error
	status := cmproc.QueueMake(how, raw, name, o.flags(), o.MaxItems, o.Capacity, &made, &e)
	if status < 0 {
		return nil, failure(status, &e)
	}
	q := &Queue{existed: status == cmproc.Existed}
	q.h.own(cmproc.KindQueue, &made)
	return q, nil
}

// Existed reports whether ExistOK opened a queue that was there already.
func (q *Queue) Existed() bool { return q.existed }

// Put puts a message at the end, waiting for room as long as ctx allows. Empty messages are legal; one that can
// never fit is ErrTooBig at once. On any error the message is not in the queue.
func (q *Queue) Put(ctx context.Context, message []byte) error {
	if !q.h.enter() {
		return ErrClosedHandle
	}
	a := attempt{h: &q.h, ctx: ctx, gate: q.h.gate(ctx, forRoom)}
	for a.next() {
		a.status = cmproc.QueuePut(q.h.res.raw, message, a.timeout, a.token, &a.e)
	}
	q.h.leave()
	return a.err
}

// TryPut puts a message if there is room right now, and fails with ErrTimeout if not.
func (q *Queue) TryPut(message []byte) error {
	if !q.h.enter() {
		return ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.QueuePut(q.h.res.raw, message, 0, nil, &e)
	q.h.leave()
	return check(status, &e)
}

// Get takes the message at the front, waiting for one as long as ctx allows. When the queue was shut down, or is empty
// and all its producers are gone ([Queue.Producer]), that is ErrClosed. The slice is the caller's own.
func (q *Queue) Get(ctx context.Context) ([]byte, error) {
	if !q.h.enter() {
		return nil, ErrClosedHandle
	}
	defer q.h.leave()
	s := newScratch(&q.longest, 0)
	defer scratches.Put(s)
	for {
		n, err := q.getInto(ctx, s.buf)
		if err == nil {
			return s.take(n), nil
		}
		if !s.tooSmall(&q.longest, n, err) {
			return nil, err
		}
	}
}

// TryGet takes the message at the front if there is one right now, and fails with ErrTimeout if not.
func (q *Queue) TryGet() ([]byte, error) {
	if !q.h.enter() {
		return nil, ErrClosedHandle
	}
	defer q.h.leave()
	s := newScratch(&q.longest, 0)
	defer scratches.Put(s)
	for {
		var n uintptr
		var e cmproc.Error
		err := check(cmproc.QueueGet(q.h.res.raw, s.buf, &n, 0, nil, &e), &e)
		if err == nil {
			return s.take(int(n)), nil
		}
		if !s.tooSmall(&q.longest, int(n), err) {
			return nil, err
		}
	}
}

// GetInto takes the message at the front into buf, without an allocation, and gives its length. If buf is too
// small the message stays where it is, the error is ErrMessageSize, and n is the size needed.
func (q *Queue) GetInto(ctx context.Context, buf []byte) (n int, err error) {
	if !q.h.enter() {
		return 0, ErrClosedHandle
	}
	n, err = q.getInto(ctx, buf)
	q.h.leave()
	return n, err
}

func (q *Queue) getInto(ctx context.Context, buf []byte) (int, error) {
	var n uintptr
	a := attempt{h: &q.h, ctx: ctx, gate: q.h.gate(ctx, forMessages)}
	for a.next() {
		a.status = cmproc.QueueGet(q.h.res.raw, buf, &n, a.timeout, a.token, &a.e)
	}
	return int(n), a.err
}

// PutMany puts several messages, in order, waiting for room as often as needed, and gives how many of them
// are in the queue: all, or on an error the first few. If one can never fit none is put (ErrTooBig).
// Other producers' messages may come in between.
func (q *Queue) PutMany(ctx context.Context, messages [][]byte) (put int, err error) {
	if !q.h.enter() {
		return 0, ErrClosedHandle
	}
	defer q.h.leave()
	total := 0
	for _, m := range messages {
		total += len(m)
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.buf = slices.Grow(s.buf[:0], total+1) // so that there is an address also behind the last one
	s.lens = s.lens[:0]
	for _, m := range messages {
		s.buf = append(s.buf, m...)
		s.lens = append(s.lens, uintptr(len(m)))
	}
	flat := s.buf[:total+1]
	s.buf = s.buf[:cap(s.buf)]

	a := attempt{h: &q.h, ctx: ctx, gate: q.h.gate(ctx, forRoom)}
	for a.next() {
		var n uintptr
		a.status = cmproc.QueuePutMany(q.h.res.raw, flat, s.lens[put:], &n, a.timeout, a.token, &a.e)
		for range n { // those that are in the queue are not tried again
			flat = flat[s.lens[put]:]
			put++
		}
	}
	return put, a.err
}

// GetMany waits for a message as long as ctx allows, then takes as many as are there, up to limit. A batch is
// kept to 64 KiB (or one longer message) and 4096 messages. The slices are the caller's own and share one
// allocation.
func (q *Queue) GetMany(ctx context.Context, limit int) ([][]byte, error) {
	if !q.h.enter() {
		return nil, ErrClosedHandle
	}
	defer q.h.leave()
	if limit < 1 {
		return nil, refuse(ErrInvalid, "at most %d messages are wanted", limit)
	}
	s := newScratch(&q.longest, batchBytes)
	defer scratches.Put(s)
	limit = min(limit, batchItems) // it sizes a list: keep absurd wishes from becoming absurd memory
	s.lens = slices.Grow(s.lens[:0], limit)[:limit]
	for {
		var count uintptr
		a := attempt{h: &q.h, ctx: ctx, gate: q.h.gate(ctx, forMessages)}
		for a.next() {
			a.status = cmproc.QueueGetMany(q.h.res.raw, s.buf, s.lens, &count, a.timeout, a.token, &a.e)
		}
		if a.err == nil {
			return s.takeMany(int(count)), nil
		}
		if !s.tooSmall(&q.longest, int(s.lens[0]), a.err) {
			return nil, a.err
		}
	}
}

// Reserve makes room for a message of at most n bytes, to be written in place, waiting for room as long as ctx allows.
// Several may be open at a time. A reservation is not a lock: other producers go on, and what they put can be taken
// before it.
func (q *Queue) Reserve(ctx context.Context, n int) (*Reservation, error) { return q.h.reserve(ctx, n) }

// TryReserve makes room for a message if there is room right now, and fails with ErrTimeout if not.
func (q *Queue) TryReserve(n int) (*Reservation, error) { return q.h.reserve(atOnce, n) }

// Peek takes the message at the front without copying it, waiting for one as long as ctx allows. Meanwhile other
// consumers get the messages after it; its room, and that of what is behind it, is not yet free.
func (q *Queue) Peek(ctx context.Context) (*Message, error) { return q.h.peek(ctx) }

// TryPeek takes the message at the front without copying it if there is one right now, and fails with ErrTimeout if
// not.
func (q *Queue) TryPeek() (*Message, error) { return q.h.peek(atOnce) }

// Lease takes the message at the front under a lease, waiting for one as long as ctx allows. So every message is
// worked on until somebody has acknowledged it; a consumer that dies between its work and Ack makes it be worked on
// twice. It works on every queue. A leased message keeps its room, and that of everything behind it: make Capacity
// large enough for what may pass while the longest job is done.
func (q *Queue) Lease(ctx context.Context) (*Lease, error) {
	if !q.h.enter() {
		return nil, ErrClosedHandle
	}
	defer q.h.leave()
	s := newScratch(&q.longest, 0)
	defer scratches.Put(s)
	for {
		var n uintptr
		var id uint64
		a := attempt{h: &q.h, ctx: ctx, gate: q.h.gate(ctx, forMessages)}
		for a.next() {
			a.status = cmproc.QueueLease(q.h.res.raw, s.buf, &n, &id, a.timeout, a.token, &a.e)
		}
		if a.err == nil {
			l := &Lease{message: s.take(int(n)), redelivered: a.status == cmproc.Recovered}
			l.h, l.id, l.open = &q.h, id, true
			return l, nil
		}
		if !s.tooSmall(&q.longest, int(n), a.err) {
			return nil, a.err
		}
	}
}

// TryLease takes the message at the front under a lease if there is one right now, and fails with ErrTimeout if not.
func (q *Queue) TryLease() (*Lease, error) { return q.Lease(atOnce) }

// TaskDone reports one message done that this process has taken from a joinable queue with Get or GetMany. More often
// than that is ErrNotHolder. (Messages taken in place or under a lease are done when they are released or
// acknowledged.)
func (q *Queue) TaskDone() error {
	if !q.h.enter() {
		return ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.QueueTaskDone(q.h.res.raw, &e)
	q.h.leave()
	return check(status, &e)
}

// Join waits, as long as ctx allows, until everything that was put has been taken and reported done, or released, or
// acknowledged. The queue must be joinable or for leases. recovered tells, once for each handle, that consumers died
// with messages that they had taken by Get and not reported: these count as done.
func (q *Queue) Join(ctx context.Context) (recovered bool, err error) {
	if !q.h.enter() {
		return false, ErrClosedHandle
	}
	defer q.h.leave()
	w, err := q.h.wait(ctx)
	if err != nil {
		return false, err
	}
	var e cmproc.Error
	status := cmproc.QueueJoin(q.h.res.raw, w.timeout, w.token, &e)
	return status == cmproc.Recovered, q.h.done(ctx, w, status, &e)
}

// TryJoin looks whether everything is done right now, and fails with ErrTimeout if not.
func (q *Queue) TryJoin() (recovered bool, err error) { return q.Join(atOnce) }

// Producer gives another handle on the queue, a producer's: as long as one exists, in any process, the queue is not
// over. Once somebody has had one, and the last of them is closed or its processes are dead, a consumer that finds
// the queue empty gets ErrClosed instead of waiting for ever. (After a death: within about 100 ms.) A new producer may
// come later. What Export makes of a producer's handle is one, too.
func (q *Queue) Producer() (*Queue, error) {
	if !q.h.enter() {
		return nil, ErrClosedHandle
	}
	defer q.h.leave()
	var made cmproc.Made
	var e cmproc.Error
	if status := cmproc.QueueProducer(q.h.res.raw, &made, &e); status < 0 {
		return nil, failure(status, &e)
	}
	p := &Queue{existed: q.existed}
	p.h.own(cmproc.KindQueue, &made)
	return p, nil
}

// ReadableFd is a descriptor for an event loop that becomes readable when there may be a message, or there will be no
// more: take with TryGet until ErrTimeout, which makes it unreadable again. It may be readable for nothing, and begins
// so. It belongs to the Queue and ends with it: do not read or close it. The queue must be Pollable, else that is
// ErrNotSupported. Goroutines do not need it: they just call Get.
func (q *Queue) ReadableFd() (int, error) { return q.h.descriptor(forMessages) }

// WritableFd is the same for room: it becomes readable (not writable) when a TryPut may succeed.
func (q *Queue) WritableFd() (int, error) { return q.h.descriptor(forRoom) }

// Len is how many messages can be taken right now.
func (q *Queue) Len() (int, error) {
	if !q.h.enter() {
		return 0, ErrClosedHandle
	}
	var n uintptr
	var e cmproc.Error
	status := cmproc.QueueSize(q.h.res.raw, &n, &e)
	q.h.leave()
	return int(n), check(status, &e)
}

// Empty reports whether there is no message to be taken right now.
func (q *Queue) Empty() (bool, error) {
	if !q.h.enter() {
		return false, ErrClosedHandle
	}
	var empty int32
	var e cmproc.Error
	status := cmproc.QueueEmpty(q.h.res.raw, &empty, &e)
	q.h.leave()
	return empty != 0, check(status, &e)
}

// Full reports whether not even an empty message would fit right now.
func (q *Queue) Full() (bool, error) {
	if !q.h.enter() {
		return false, ErrClosedHandle
	}
	var full int32
	var e cmproc.Error
	status := cmproc.QueueFull(q.h.res.raw, &full, &e)
	q.h.leave()
	return full != 0, check(status, &e)
}

// Shutdown ends the queue for every process, for good. Gracefully: puts fail with ErrClosed, gets go on until the
// queue is empty and no other process holds anything that may come back, then fail too. Immediately: what is inside
// is dropped and both fail at once. Everyone who waits is woken.
func (q *Queue) Shutdown(immediate bool) error {
	if !q.h.enter() {
		return ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.QueueShutdown(q.h.res.raw, immediate, &e)
	q.h.leave()
	return check(status, &e)
}

// Info gives bounds, fill and state of the queue.
func (q *Queue) Info() (QueueInfo, error) {
	if !q.h.enter() {
		return QueueInfo{}, ErrClosedHandle
	}
	var c cmproc.QueueInfo
	var e cmproc.Error
	status := cmproc.GetQueueInfo(q.h.res.raw, &c, &e)
	q.h.leave()
	if status < 0 {
		return QueueInfo{}, failure(status, &e)
	}
	return QueueInfo{
		Capacity: c.Capacity, Used: c.Used, Items: c.Items, MaxItems: c.MaxItems, MaxMessage: c.MaxMessage,
		State: QueueState(c.State), Steals: c.Steals, Held: c.Held, Reserved: c.Reserved, Unfinished: c.Unfinished,
		Lease: c.Flags&cmproc.QueueLeases != 0, Joinable: c.Flags&cmproc.QueueJoinable != 0,
		Pollable: c.Flags&cmproc.Pollable != 0, Producers: ProducerState(c.Producers),
	}, nil
}

// Close ends the handle; calls that wait on it return ErrClosedHandle. Messages stay in the queue; reservations that
// are open through it are given up, and messages held through it go back to the front; their Bytes must not be used
// any more. To end the queue for everybody, see Shutdown.
func (q *Queue) Close() error {
	if q == nil {
		return nil
	}
	return q.h.close()
}

// scratch is where messages land before their length is known; the caller gets a copy of the right size.
type scratch struct {
	buf  []byte
	lens []uintptr
}

const (
	messageBytes = 4 << 10  // room offered to a first message
	batchBytes   = 64 << 10 // room offered to a batch
	batchItems   = 4096
)

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, messageBytes)} }}

// newScratch has room for the longest message seen so far, and at least so many bytes.
func newScratch(longest *atomic.Int64, least int) *scratch {
	s := scratches.Get().(*scratch)
	s.grow(max(least, int(longest.Load())))
	return s
}

func (s *scratch) grow(least int) {
	if len(s.buf) < least {
		s.buf = make([]byte, least)
	}
}

func (s *scratch) take(n int) []byte {
	return append(make([]byte, 0, n), s.buf[:n]...)
}

// takeMany copies messages that each start at a multiple of 8.
func (s *scratch) takeMany(count int) [][]byte {
	end := 0
	for _, n := range s.lens[:count] {
		end = (end+7)&^7 + int(n)
	}
	all, out, at := s.take(end), make([][]byte, count), 0
	for i, n := range s.lens[:count] {
		at = (at + 7) &^ 7
		out[i] = all[at : at+int(n) : at+int(n)]
		at += int(n)
	}
	return out
}

// tooSmall makes room if that is what err asks for, and remembers how much for the next time.
func (s *scratch) tooSmall(longest *atomic.Int64, needed int, err error) bool {
	failed, ok := err.(*Error)
	if !ok || failed.Status != ErrMessageSize || needed <= len(s.buf) {
		return false
	}
	s.grow(needed)
	for {
		seen := longest.Load()
		if int64(needed) <= seen || longest.CompareAndSwap(seen, int64(needed)) {
			return true
		}
	}
}
