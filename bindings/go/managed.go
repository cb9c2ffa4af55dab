package mproc

import (
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// What an object of a manager's is.

// text fetches a text whose length is not known before; n is that with a NUL.
func (h *handle) text(call func(raw unsafe.Pointer, buf []byte, n *uintptr, e *cmproc.Error) int32) (string, error) {
	buf := make([]byte, 256)
	for {
		var n uintptr
		err := h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return call(raw, buf, &n, e) })
		switch failed, ok := err.(*Error); {
		case err == nil:
			return string(buf[:n-1]), nil
		case !ok || failed.Status != ErrMessageSize || int(n) <= len(buf):
			return "", err
		}
		buf = make([]byte, n)
	}
}

func (h *handle) name() (string, error) {
	return h.text(func(raw unsafe.Pointer, buf []byte, n *uintptr, e *cmproc.Error) int32 {
		return cmproc.ObjectName(h.res.kind, raw, buf, n, e)
	})
}

func (h *handle) isRemote() (bool, error) {
	if !h.enter() {
		return false, ErrClosedHandle
	}
	var remote int32
	var e cmproc.Error
	status := cmproc.ObjectIsRemote(h.res.kind, h.res.raw, &remote, &e)
	h.leave()
	return remote != 0, check(status, &e)
}

// Name is what other clients of its [Manager] open the lock by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (l *Lock) Name() (string, error) { return l.h.name() }

// IsRemote reports whether each operation on the lock is a request to a [Manager].
func (l *Lock) IsRemote() (bool, error) { return l.h.isRemote() }

// Name is what other clients of its [Manager] open the rlock by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (l *RLock) Name() (string, error) { return l.h.name() }

// IsRemote reports whether each operation on the rlock is a request to a [Manager].
func (l *RLock) IsRemote() (bool, error) { return l.h.isRemote() }

// Name is what other clients of its [Manager] open the rwlock by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (l *RWLock) Name() (string, error) { return l.h.name() }

// IsRemote reports whether each operation on the rwlock is a request to a [Manager].
func (l *RWLock) IsRemote() (bool, error) { return l.h.isRemote() }

// Name is what other clients of its [Manager] open the semaphore by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (s *Semaphore) Name() (string, error) { return s.h.name() }

// IsRemote reports whether each operation on the semaphore is a request to a [Manager].
func (s *Semaphore) IsRemote() (bool, error) { return s.h.isRemote() }

// Name is what other clients of its [Manager] open the condition by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (c *Condition) Name() (string, error) { return c.h.name() }

// IsRemote reports whether each operation on the condition is a request to a [Manager].
func (c *Condition) IsRemote() (bool, error) { return c.h.isRemote() }

// Name is what other clients of its [Manager] open the event by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (v *Event) Name() (string, error) { return v.h.name() }

// IsRemote reports whether each operation on the event is a request to a [Manager].
func (v *Event) IsRemote() (bool, error) { return v.h.isRemote() }

// Name is what other clients of its [Manager] open the barrier by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (b *Barrier) Name() (string, error) { return b.h.name() }

// IsRemote reports whether each operation on the barrier is a request to a [Manager].
func (b *Barrier) IsRemote() (bool, error) { return b.h.isRemote() }

// Name is what other clients of its [Manager] open the value by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (v *Value[T]) Name() (string, error) { return v.h.name() }

// IsRemote reports whether each operation on the value is a request to a [Manager].
func (v *Value[T]) IsRemote() (bool, error) { return v.h.isRemote() }

// Name is what other clients of its [Manager] open the array by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (a *Array[T]) Name() (string, error) { return a.h.name() }

// IsRemote reports whether each operation on the array is a request to a [Manager].
func (a *Array[T]) IsRemote() (bool, error) { return a.h.isRemote() }

// Name is what other clients of its [Manager] open the queue by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (q *Queue) Name() (string, error) { return q.h.name() }

// IsRemote reports whether each operation on the queue is a request to a [Manager].
func (q *Queue) IsRemote() (bool, error) { return q.h.isRemote() }

// Name is what other clients of its [Manager] open the pipe by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (p *Pipe) Name() (string, error) { return p.h.name() }

// IsRemote reports whether each operation on this end of the pipe is a request to a [Manager].
func (p *Pipe) IsRemote() (bool, error) { return p.h.isRemote() }

// Name is what other clients of its [Manager] open the dict by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (d *Dict[K, V]) Name() (string, error) { return d.h.name() }

// IsRemote reports whether each operation on the dict is a request to a [Manager].
func (d *Dict[K, V]) IsRemote() (bool, error) { return d.h.isRemote() }

// Name is what other clients of its [Manager] open the list by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (l *List[T]) Name() (string, error) { return l.h.name() }

// IsRemote reports whether each operation on the list is a request to a [Manager].
func (l *List[T]) IsRemote() (bool, error) { return l.h.isRemote() }

// Name is what other clients of its [Manager] open the namespace by: its own name, or "#" and a number if it was made
// without one. What is not a manager's is ErrNotExist.
func (n *Namespace) Name() (string, error) { return n.h.name() }

// IsRemote reports whether each operation on the namespace is a request to a [Manager].
func (n *Namespace) IsRemote() (bool, error) { return n.h.isRemote() }
