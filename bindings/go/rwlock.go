package mproc

import (
	"context"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// RWLock is a robust readers-writer lock: any number of readers, or one writer. A writer that waits keeps new readers
// out. Reading and writing belong to the process: any of its goroutines may release. It is not recursive: who reads
// and wants to read again can deadlock with a writer that came in between.
//
// A reader that dies is simply gone. A writer that dies inside leaves what the lock protects half done: from then on
// RLock and Lock tell recovered, until a writer has unlocked.
type RWLock struct {
	h       handle
	existed bool
}

// RWLockOptions say how to create or open an rwlock. Opening heeds NoSpin only.
type RWLockOptions struct {
	Persist bool // keep name and memory until Unlink
	ExistOK bool // open the rwlock if it exists already
	NoSpin  bool // sleep at once instead of spinning first
}

func (o *RWLockOptions) flags() uint32 {
	if o == nil {
		return 0
	}
	return bit(o.Persist, cmproc.Persist) | bit(o.ExistOK, cmproc.ExistOK) | bit(o.NoSpin, cmproc.NoSpin)
}

// RWLockInfo is who holds an rwlock right now.
type RWLockInfo struct {
	Writer       Owner  // the process that writes, or waits for the readers to leave
	Readers      int    // read locks that are held by living processes
	Processes    int    // how many living processes hold them
	Writing      bool   // a writer holds the lock; false while it still waits for readers
	Inconsistent bool   // a writer died inside, and no writer has unlocked since
	Steals       uint32 // how often the lock was taken over from a dead writer, or a dead reader was dropped
}

// CreateRWLock creates an rwlock. options may be nil.
func CreateRWLock(domain *Domain, name string, options *RWLockOptions) (*RWLock, error) {
	cname, err := objectName(name)
	if err != nil {
		return nil, err
	}
	return makeRWLock(cmproc.Create, domain, cname, options)
}

// OpenRWLock opens an existing rwlock. options may be nil.
func OpenRWLock(domain *Domain, name string, options *RWLockOptions) (*RWLock, error) {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return nil, err
	}
	return makeRWLock(cmproc.Open, domain, cname, options)
}

func makeRWLock(how cmproc.How, from source, name *byte, o *RWLockOptions) (*RWLock, error) {
	l := new(RWLock)
	var err error
	l.existed, err = l.h.open(cmproc.KindRWLock, from,
		func(raw unsafe.Pointer, made *cmproc.Made, e *cmproc.Error) int32 {
			return cmproc.RWLockMake(how, raw, name, o.flags(), made, e)
		})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Existed reports whether ExistOK opened an rwlock that was there already.
func (l *RWLock) Existed() bool { return l.existed }

// RLock takes the lock for reading, waiting as long as ctx allows for writers that have it or wait for it. recovered
// tells that a writer died inside and none has unlocked since: what the lock protects may be half done.
func (l *RWLock) RLock(ctx context.Context) (recovered bool, err error) {
	return l.h.lock(ctx, asReader)
}

// TryRLock takes the lock for reading if that is possible at once, and fails with ErrTimeout if not.
func (l *RWLock) TryRLock() (recovered bool, err error) { return l.h.tryLock(asReader) }

// RUnlock gives up one read lock of this process; if it has none, that is ErrNotHolder.
func (l *RWLock) RUnlock() error { return l.h.unlock(asReader) }

// WithRLock takes the lock for reading, calls f, and releases it, also when f panics.
func (l *RWLock) WithRLock(ctx context.Context, f func(recovered bool) error) error {
	return l.h.with(ctx, asReader, f)
}

// Lock takes the lock for writing, waiting as long as ctx allows until the writer before it and all readers have left.
// (It waits for itself if this process reads.) recovered tells that a writer died inside and this is the first since:
// the lock is held and sound, what it protects may be half done.
func (l *RWLock) Lock(ctx context.Context) (recovered bool, err error) {
	return l.h.lock(ctx, asWriter)
}

// TryLock takes the lock for writing if that is possible at once, and fails with ErrTimeout if not.
func (l *RWLock) TryLock() (recovered bool, err error) { return l.h.tryLock(asWriter) }

// Unlock releases the lock after writing; a process that does not write gets ErrNotHolder.
func (l *RWLock) Unlock() error { return l.h.unlock(asWriter) }

// With takes the lock for writing, calls f, and releases it, also when f panics.
func (l *RWLock) With(ctx context.Context, f func(recovered bool) error) error {
	return l.h.with(ctx, asWriter, f)
}

// Info says who holds the lock right now: a snapshot, for people and logs.
func (l *RWLock) Info() (RWLockInfo, error) {
	var c cmproc.RWLockInfo
	err := l.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return cmproc.GetRWLockInfo(raw, &c, e) })
	if err != nil {
		return RWLockInfo{}, err
	}
	info := RWLockInfo{
		Readers: int(c.Readers), Processes: int(c.Processes), Writing: c.Writing != 0,
		Inconsistent: c.Inconsistent != 0, Steals: c.Steals,
	}
	info.Writer.from(&c.Writer)
	return info, nil
}

// Close ends the handle. What this process holds stays held until it is unlocked through another handle or the
// process ends.
func (l *RWLock) Close() error {
	if l == nil {
		return nil
	}
	return l.h.close()
}
