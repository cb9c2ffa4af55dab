package mproc

import (
	"context"
	"math"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Semaphore is a counting semaphore: Acquire takes a permit, Release gives some back.
//
// A plain one lets anybody release, also who never acquired; a process that dies keeps what it took. With Accounting
// permits belong to the processes that took them, and what a process has when it dies comes back.
type Semaphore struct {
	h       handle
	existed bool
}

// MaxPermits is the highest value of a semaphore.
const MaxPermits = cmproc.SemaphoreMax

// SemaphoreOptions say how to create or open a semaphore. Opening heeds NoSpin only.
type SemaphoreOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the semaphore if it exists already and matches
	NoSpin  bool // sleep at once instead of spinning first
	// Bounded makes it ErrOverflow to release above the initial value.
	Bounded bool
	// Accounting gives the permits to the processes that take them: only they can release them, and those of the dead
	// come back.
	Accounting bool
}

func (o *SemaphoreOptions) flags() uint32 {
	if o == nil {
		return 0
	}
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin) |
		bit(o.Bounded, cmproc.SemaphoreBounded) | bit(o.Accounting, cmproc.SemaphoreAccounting)
}

// SemaphoreInfo is what a semaphore is like right now.
type SemaphoreInfo struct {
	Value      int // permits that can be taken at once; those of the dead count as soon as somebody noticed
	Initial    int // permits at the beginning
	Held       int // accounting: permits this process has
	Holders    int // accounting: living processes that have permits
	Bounded    bool
	Accounting bool
	Reclaimed  uint32 // accounting: how often permits came back from a dead process
}

// CreateSemaphore creates a semaphore with 0 to MaxPermits permits (with Accounting, at least 1). options may be nil.
func CreateSemaphore(domain *Domain, name string, permits int, options *SemaphoreOptions) (*Semaphore, error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	initial, err := count(permits)
	if err != nil {
		return nil, err
	}
	return makeSemaphore(cmproc.Create, domain, cname, initial, options)
}

// OpenSemaphore opens an existing semaphore. options may be nil.
func OpenSemaphore(domain *Domain, name string, options *SemaphoreOptions) (*Semaphore, error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeSemaphore(cmproc.Open, domain, cname, 0, options)
}

func makeSemaphore(how cmproc.How, from source, name *byte, initial uint32, o *SemaphoreOptions) (*Semaphore, error) {
	s := new(Semaphore)
	var err error
	s.existed, err = s.h.open(cmproc.KindSemaphore, from,
		func(raw unsafe.Pointer, made *cmproc.Made, e *cmproc.Error) int32 {
			return cmproc.SemaphoreMake(how, raw, name, o.flags(), initial, made, e)
		})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// count is n for the library, whose own bounds are lower than what is cut here.
func count(n int) (uint32, error) {
	if n < 0 {
		return 0, refuse(ErrInvalid, "%d is negative", n)
	}
	return uint32(min(uint64(n), math.MaxUint32)), nil
}

// Existed reports whether ExistOK opened a semaphore that was there already.
func (s *Semaphore) Existed() bool { return s.existed }

// Acquire takes a permit, waiting for one as long as ctx allows. recovered, with Accounting only, tells whoever noticed
// that a process died with permits and they came back: what the semaphore guards may be half done.
func (s *Semaphore) Acquire(ctx context.Context) (recovered bool, err error) {
	return s.h.lock(ctx, asProcess)
}

// TryAcquire takes a permit if there is one right now, and fails with ErrTimeout if not.
func (s *Semaphore) TryAcquire() (recovered bool, err error) { return s.h.tryLock(asProcess) }

// Release gives n permits back, all at once or none. Above MaxPermits, or the initial value if it is Bounded, that is
// ErrOverflow; with Accounting, more than this process has is ErrNotHolder.
func (s *Semaphore) Release(n int) error {
	permits, err := count(n)
	if err != nil {
		return err
	}
	if !s.h.enter() {
		return ErrClosedHandle
	}
	var e cmproc.Error
	status := cmproc.SemaphoreRelease(s.h.res.raw, permits, &e)
	s.h.leave()
	return check(status, &e)
}

// With takes a permit, calls f, and gives the permit back, also when f panics.
func (s *Semaphore) With(ctx context.Context, f func(recovered bool) error) error {
	return s.h.with(ctx, asProcess, f)
}

// Info says what the semaphore is like right now: a snapshot.
func (s *Semaphore) Info() (SemaphoreInfo, error) {
	var c cmproc.SemaphoreInfo
	err := s.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return cmproc.GetSemaphoreInfo(raw, &c, e) })
	if err != nil {
		return SemaphoreInfo{}, err
	}
	return SemaphoreInfo{
		Value: int(c.Value), Initial: int(c.Initial), Held: int(c.Held), Holders: int(c.Holders),
		Bounded: c.Flags&cmproc.SemaphoreBounded != 0, Accounting: c.Flags&cmproc.SemaphoreAccounting != 0,
		Reclaimed: c.Reclaimed,
	}, nil
}

// Close ends the handle. Permits that this process has stay its own until they are released through another handle or
// the process ends.
func (s *Semaphore) Close() error {
	if s == nil {
		return nil
	}
	return s.h.close()
}
