package mproc

import (
	"context"
	"sync/atomic"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Pipe is one end of a pipe: messages (byte strings) between two ends, in order, boundaries kept, in both directions
// or (OneWay) from end 1 to end 0. When Send returns nil the message is on its way, whatever happens to this process
// afterwards. When everybody who has the other end has closed it or is dead, Recv gives what is still on the way, then
// ErrEOF; Send gives ErrPipe.
//
// An end is open as long as any process has a Pipe or a [Handle] on it. So close what another process is to have:
// the end that was exported, the Handle, and what [PassTo] copied. Otherwise this process itself keeps the end open,
// and never hears that the other is gone.
type Pipe struct {
	h       handle
	existed bool
	longest atomic.Int64 // as in Queue
}

// PipeOptions say how to create a pipe, or what to expect when opening one.
type PipeOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the pipe if it exists already and matches
	NoSpin  bool // sleep at once instead of spinning first
	OneWay  bool // end 0 receives, end 1 sends
	// Exclusive promises that no two goroutines or processes use the same end in the same direction at the same
	// time: the pipe then does without locks. A broken promise can spoil messages, never memory.
	Exclusive bool
	// Pollable lets any number of goroutines wait on the pipe without occupying threads, and gives its handles
	// descriptors for event loops ([Pipe.ReadableFd]). Costs 4 KiB for each direction, and makes what has to wait a
	// little slower.
	Pollable bool
	// Capacity is the room for messages in each direction, in bytes; each takes its length rounded up to 8, plus 8.
	// Rounded up to a power of two. 0: 1 MiB.
	Capacity uint64
}

func (o *PipeOptions) flags() uint32 {
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin) |
		bit(o.OneWay, cmproc.PipeOneWay) | bit(o.Exclusive, cmproc.PipeExclusive) |
		bit(o.Pollable, cmproc.Pollable)
}

// PeerState says whether anybody has the other end of a pipe.
type PeerState uint32

// The states of the other end.
const (
	PeerAwaited PeerState = cmproc.PeerAwaited // nobody has opened it yet
	PeerOpen    PeerState = cmproc.PeerOpen    // somebody has it open
	PeerGone    PeerState = cmproc.PeerGone    // everybody who had it has closed it or is dead
)

// String is the state in one word.
func (s PeerState) String() string {
	switch s {
	case PeerAwaited:
		return "awaited"
	case PeerOpen:
		return "open"
	case PeerGone:
		return "gone"
	}
	return "unknown"
}

// PipeInfo is what a pipe is and how full it is, seen from one end.
type PipeInfo struct {
	Capacity   uint64 // bytes for messages in each direction
	MaxMessage uint64 // the longest message that can ever fit
	Incoming   uint64 // messages on the way to this end
	Outgoing   uint64 // messages that this end has sent and the other has not taken
	End        int    // which end this is: 0 or 1
	OneWay     bool
	Exclusive  bool
	Pollable   bool
	Peer       PeerState
	Steals     uint32 // how often an internal lock was taken over from a dead process
}

// CreatePipe creates a pipe and opens both of its ends. options may be nil.
func CreatePipe(domain *Domain, name string, options *PipeOptions) (end0, end1 *Pipe, err error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, nil, err
	}
	return makePipe(cmproc.Create, domain, cname, cmproc.BothEnds, options)
}

// CreatePipeEnd creates a pipe, which needs a name, and opens one of its ends (0 or 1). The other end is awaited, and
// what is sent to it is kept for it. options may be nil.
func CreatePipeEnd(domain *Domain, name string, end int, options *PipeOptions) (*Pipe, error) {
	if name == "" {
		return nil, refuse(ErrInvalid, "nobody could open the other end of a pipe without a name")
	}
	return onePipe(cmproc.Create, domain, name, end, options)
}

// OpenPipe opens one end (0 or 1) of an existing pipe. An end can be opened more than once, and its holders then
// share it; also again after all of them are gone: the other side then goes on. options may be nil.
func OpenPipe(domain *Domain, name string, end int, options *PipeOptions) (*Pipe, error) {
	return onePipe(cmproc.Open, domain, name, end, options)
}

func onePipe(how cmproc.How, domain *Domain, name string, end int, options *PipeOptions) (*Pipe, error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	if end != 0 && end != 1 {
		return nil, refuse(ErrInvalid, "a pipe has the ends 0 and 1, not %d", end)
	}
	p, _, err := makePipe(how, domain, cname, end, options)
	return p, err
}

// makePipe gives both ends if they were asked for, else only the first result.
func makePipe(how cmproc.How, from source, name *byte, end int, o *PipeOptions) (first, second *Pipe, err error) {
	if o == nil {
		o = &PipeOptions{}
	}
	raw, err := from.enter()
	if err != nil {
		return nil, nil, err
	}
	defer from.leave()
	var made [2]cmproc.Made
	var e cmproc.Error
	status := cmproc.PipeMake(how, raw, name, o.flags(), o.Capacity, int32(end), &made, &e)
	if status < 0 {
		return nil, nil, failure(status, &e)
	}
	var pipes [2]*Pipe
	for i := range made {
		if made[i].Handle != nil {
			pipes[i] = &Pipe{existed: status == cmproc.Existed}
			pipes[i].h.own(cmproc.KindPipe, &made[i])
		}
	}
	return pipes[0], pipes[1], nil
}

// Existed reports whether ExistOK opened a pipe that was there already.
func (p *Pipe) Existed() bool { return p.existed }

// Send sends a message to the other end, waiting for room as long as ctx allows. Empty messages are legal; one that
// can never fit is ErrTooBig at once. If nobody will read it any more, that is ErrPipe (and [syscall.EPIPE]); a death
// is noticed within about 100 ms. On any error the message is not sent.
func (p *Pipe) Send(ctx context.Context, message []byte) error {
	if !p.h.enter() {
		return ErrClosedHandle
	}
	a := attempt{h: &p.h, ctx: ctx, gate: p.h.gate(ctx, forRoom)}
	for a.next() {
		a.status = cmproc.PipeSend(p.h.res.raw, message, a.timeout, a.token, &a.e)
	}
	p.h.leave()
	return a.err
}

// TrySend sends a message if there is room right now, and fails with ErrTimeout if not.
func (p *Pipe) TrySend(message []byte) error { return p.Send(atOnce, message) }

// Recv takes the next message from the other end, waiting for one as long as ctx allows. When nothing is left and the
// other end is gone, that is ErrEOF (and [io.EOF]); a death is noticed within about 100 ms. The slice is the caller's
// own.
func (p *Pipe) Recv(ctx context.Context) ([]byte, error) {
	if !p.h.enter() {
		return nil, ErrClosedHandle
	}
	defer p.h.leave()
	s := newScratch(&p.longest, 0)
	defer scratches.Put(s)
	for {
		n, err := p.recvInto(ctx, s.buf)
		if err == nil {
			return s.take(n), nil
		}
		if !s.tooSmall(&p.longest, n, err) {
			return nil, err
		}
	}
}

// TryRecv takes the next message if there is one right now, and fails with ErrTimeout if not.
func (p *Pipe) TryRecv() ([]byte, error) { return p.Recv(atOnce) }

// RecvInto takes the next message into buf, without an allocation, and gives its length. If buf is too small the
// message stays where it is, the error is ErrMessageSize, and n is the size needed.
func (p *Pipe) RecvInto(ctx context.Context, buf []byte) (n int, err error) {
	if !p.h.enter() {
		return 0, ErrClosedHandle
	}
	n, err = p.recvInto(ctx, buf)
	p.h.leave()
	return n, err
}

func (p *Pipe) recvInto(ctx context.Context, buf []byte) (int, error) {
	var n uintptr
	a := attempt{h: &p.h, ctx: ctx, gate: p.h.gate(ctx, forMessages)}
	for a.next() {
		a.status = cmproc.PipeRecv(p.h.res.raw, buf, &n, a.timeout, a.token, &a.e)
	}
	return int(n), a.err
}

// Poll waits as long as ctx allows until there is a message, and takes nothing. (Another holder of this end may take
// it first.) When there will be none any more, that is ErrEOF.
func (p *Pipe) Poll(ctx context.Context) error {
	if !p.h.enter() {
		return ErrClosedHandle
	}
	defer p.h.leave()
	a := attempt{h: &p.h, ctx: ctx, gate: p.h.gate(ctx, forMessages)}
	for a.next() {
		a.status = cmproc.PipePoll(p.h.res.raw, a.timeout, a.token, &a.e)
	}
	return a.err
}

// TryPoll looks whether there is a message right now, and fails with ErrTimeout if not.
func (p *Pipe) TryPoll() error { return p.Poll(atOnce) }

// Reserve makes room for a message of at most n bytes, to be written in place, waiting for room as long as ctx allows.
// Several may be open at a time. Messages arrive in the order in which they were reserved, so an open reservation
// holds up what was sent after it.
func (p *Pipe) Reserve(ctx context.Context, n int) (*Reservation, error) { return p.h.reserve(ctx, n) }

// TryReserve makes room for a message if there is room right now, and fails with ErrTimeout if not.
func (p *Pipe) TryReserve(n int) (*Reservation, error) { return p.h.reserve(atOnce, n) }

// Peek takes the next message without copying it, waiting for one as long as ctx allows. Meanwhile others at this end
// get the messages after it.
func (p *Pipe) Peek(ctx context.Context) (*Message, error) { return p.h.peek(ctx) }

// TryPeek takes the next message without copying it if there is one right now, and fails with ErrTimeout if not.
func (p *Pipe) TryPeek() (*Message, error) { return p.h.peek(atOnce) }

// ReadableFd is a descriptor for an event loop that becomes readable when there may be a message, or there will be no
// more: take with TryRecv until ErrTimeout, which makes it unreadable again (TryPoll does, too). It may be readable for
// nothing, and begins so. It belongs to the Pipe and ends with it: do not read or close it. The pipe must be Pollable
// and this end receive, else that is ErrNotSupported. Goroutines do not need it: they just call Recv.
func (p *Pipe) ReadableFd() (int, error) { return p.h.descriptor(forMessages) }

// WritableFd is the same for room: it becomes readable (not writable) when a TrySend may succeed.
func (p *Pipe) WritableFd() (int, error) { return p.h.descriptor(forRoom) }

// Info gives bounds, fill and peer of this end.
func (p *Pipe) Info() (PipeInfo, error) {
	if !p.h.enter() {
		return PipeInfo{}, ErrClosedHandle
	}
	var c cmproc.PipeInfo
	var e cmproc.Error
	status := cmproc.GetPipeInfo(p.h.res.raw, &c, &e)
	p.h.leave()
	if status < 0 {
		return PipeInfo{}, failure(status, &e)
	}
	return PipeInfo{
		Capacity: c.Capacity, MaxMessage: c.MaxMessage, Incoming: c.Incoming, Outgoing: c.Outgoing, End: int(c.End),
		OneWay: c.Flags&cmproc.PipeOneWay != 0, Exclusive: c.Flags&cmproc.PipeExclusive != 0,
		Pollable: c.Flags&cmproc.Pollable != 0, Peer: PeerState(c.Peer), Steals: c.Steals,
	}, nil
}

// Close ends the handle; calls that wait on it return ErrClosedHandle. Reservations that are open through it are given
// up, and messages held through it go back to the front; their Bytes must not be used any more. When it was the last
// on this end, the other end gets ErrEOF after the messages that are on the way.
func (p *Pipe) Close() error {
	if p == nil {
		return nil
	}
	return p.h.close()
}
