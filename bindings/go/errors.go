package mproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Status is a status of the C library. The failures are errors themselves, made for errors.Is:
//
//	if errors.Is(err, mproc.ErrTimeout) { ... }
type Status int32

// The failures, one for each MPROC_E... status.
const (
	ErrInvalid      Status = cmproc.EINVAL    // an argument is out of its range
	ErrTimeout      Status = cmproc.ETIMEDOUT // the timeout passed; with Try...: it would have had to wait
	ErrCanceled     Status = cmproc.ECANCELED // the context was cancelled
	ErrClosed       Status = cmproc.ECLOSED   // the queue is shut down (and drained), or empty and without producers
	ErrMessageSize  Status = cmproc.EMSGSIZE  // the buffer is too small; the message stays
	ErrTooBig       Status = cmproc.E2BIG     // the message can never fit into this queue or pipe
	ErrExist        Status = cmproc.EEXIST    // the name is taken by a living object
	ErrNotExist     Status = cmproc.ENOENT    // there is no object of that name, no such key or element, or it is gone
	ErrKind         Status = cmproc.EKIND     // the name or handle belongs to another kind of object
	ErrType         Status = cmproc.ETYPE     // type, size, shape or schema differ; a datum is of another type
	ErrRange        Status = cmproc.ERANGE    // an index or range is out of bounds
	ErrNotHolder    Status = cmproc.EPERM     // this process (or owner) does not hold it: lock, permit, message
	ErrAccess       Status = cmproc.EACCES    // wrong owner, type or mode, or permission denied
	ErrNoSpace      Status = cmproc.ENOSPC    // the domain's file system is full
	ErrNoMemory     Status = cmproc.ENOMEM    // the machine or a memory limit has no room
	ErrBusy         Status = cmproc.EBUSY     // a living but stopped process is inside
	ErrCorrupt      Status = cmproc.ECORRUPT  // the shared memory does not make sense
	ErrVersion      Status = cmproc.EVERSION  // another memory layout or byte order
	ErrDomain       Status = cmproc.EDOMAIN   // the object belongs to another domain
	ErrName         Status = cmproc.ENAME     // not a name: 1 to 200 of [A-Za-z0-9._-], no leading dot
	ErrSlots        Status = cmproc.ESLOTS    // 1022 living processes have joined the domain
	ErrNotSupported Status = cmproc.ENOTSUP   // this type or mode does not have that operation
	ErrSys          Status = cmproc.ESYS      // a system call failed; see Error.Errno
	ErrPanic        Status = cmproc.EPANIC    // a bug in the library was caught at its boundary
	ErrStale        Status = cmproc.ESTALE    // the domain was removed meanwhile, or another manager answers; open anew
	ErrPipe         Status = cmproc.EPIPE     // the other end or side is gone: nobody will read it
	ErrEOF          Status = cmproc.EOF       // the other end or side is gone, and nothing is left
	ErrInterrupted  Status = cmproc.EINTR     // a signal handler ran; not from this package, whose waits go on then
	ErrBroken       Status = cmproc.EBROKEN   // the barrier is broken, or was reset meanwhile
	ErrOverflow     Status = cmproc.EOVERFLOW // a count would exceed its bound: permits, levels
	ErrFull         Status = cmproc.EFULL     // too many wait, or have descriptors, already; an arena is at its limit
	ErrChanged      Status = cmproc.ECHANGED  // the dict got or lost keys while a loop went over it

	// Of managers.
	ErrConnection Status = cmproc.ECONNECTION // nobody is there, or the connection is lost; see Manager
	ErrAuth       Status = cmproc.EAUTH       // refused: no key, another key, another user; or it is no manager
	ErrProtocol   Status = cmproc.EPROTOCOL   // what came makes no sense, or is of another version of the protocol
	ErrQuota      Status = cmproc.EQUOTA      // a limit of the manager's is reached
	ErrFenced     Status = cmproc.EFENCED     // an operation with a greater fencing token was done already
)

// ErrClosedHandle is returned by every method after Close, and by calls that Close has ended. It
// matches [os.ErrClosed].
var ErrClosedHandle error = closedHandle{}

type closedHandle struct{}

func (closedHandle) Error() string        { return "mproc: the handle is closed" }
func (closedHandle) Is(target error) bool { return target == os.ErrClosed }

// Error says in words what the status means.
func (s Status) Error() string { return "mproc: " + cmproc.StrError(int32(s)) }

// String is the name of the status in the C header, for example "MPROC_ETIMEDOUT".
func (s Status) String() string { return cmproc.StatusName(int32(s)) }

// Timeout reports whether the status is ErrTimeout.
func (s Status) Timeout() bool { return s == ErrTimeout }

// Is also matches the errors of the standard library that mean the same.
func (s Status) Is(target error) bool {
	switch target {
	case fs.ErrExist:
		return s == ErrExist
	case fs.ErrNotExist:
		return s == ErrNotExist
	case fs.ErrPermission:
		return s == ErrAccess
	case fs.ErrInvalid:
		return s == ErrInvalid
	case errors.ErrUnsupported:
		return s == ErrNotSupported
	case os.ErrDeadlineExceeded:
		return s == ErrTimeout
	case io.EOF:
		return s == ErrEOF
	case syscall.EPIPE:
		return s == ErrPipe
	case syscall.EINTR:
		return s == ErrInterrupted
	}
	return false
}

// Error is what a failed call returns. errors.Is matches it against its Status, against its errno, and
// against the error of the context that ended the call.
type Error struct {
	Status  Status        // one of the Err... constants
	Errno   syscall.Errno // of the system call behind it, or 0
	Message string        // what went wrong, in English
	cause   error         // why the context ended the call, or nil
}

// Error gives the message.
func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		return e.Status.Error()
	}
	return "mproc: " + text
}

// Unwrap gives the status, the errno if there is one, and the context's error if there is one.
func (e *Error) Unwrap() []error {
	all := append(make([]error, 0, 3), e.Status)
	if e.Errno != 0 {
		all = append(all, e.Errno)
	}
	if e.cause != nil {
		all = append(all, e.cause)
	}
	return all
}

// Timeout reports whether the call failed because its time was up.
func (e *Error) Timeout() bool { return e.Status == ErrTimeout }

// failure turns a negative status and the text that belongs to it into an error.
func failure(status int32, e *cmproc.Error) *Error {
	text := e.Message[:]
	if n := bytes.IndexByte(text, 0); n >= 0 {
		text = text[:n]
	}
	return &Error{Status: Status(status), Errno: syscall.Errno(e.Errno), Message: string(text)}
}

// check is failure for calls that do not wait: nil for every success.
func check(status int32, e *cmproc.Error) error {
	if status >= 0 {
		return nil
	}
	return failure(status, e)
}

// refuse is an error found on this side of the boundary.
func refuse(status Status, format string, args ...any) error {
	return &Error{Status: status, Message: fmt.Sprintf(format, args...)}
}

// contextError says that ctx, which is done, ended a call.
func contextError(ctx context.Context) error {
	why := ctx.Err()
	e := &Error{Status: ErrCanceled, Message: "the context ended the call: " + why.Error(), cause: why}
	if errors.Is(why, context.DeadlineExceeded) {
		e.Status = ErrTimeout
	}
	if cause := context.Cause(ctx); cause != why {
		e.Message += ": " + cause.Error()
		e.cause = errors.Join(why, cause)
	}
	return e
}
