package mproc

import (
	"context"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Handle is an object of any kind (of a pipe: one of its ends) ready to travel to another process: to a program that
// this one starts ([PassTo], there [Inherited]), or through a unix socket ([Handle.SendTo], there [RecvHandle]). The
// receiver opens the object with [ImportLock], [ImportValue], [ImportPipe] or their like. Anonymous objects travel as
// well as named ones. A Handle keeps the object's memory until it is closed; one on a pipe's end also keeps that end
// open, one on a producer's queue the queue going.
type Handle struct {
	h    handle
	kind Kind
}

// Kind is a kind of object.
type Kind uint32

// The kinds of object that a Handle can lead to.
const (
	KindLock  = Kind(cmproc.KindLock)
	KindValue = Kind(cmproc.KindValue)
	KindArray = Kind(cmproc.KindArray)
	KindQueue = Kind(cmproc.KindQueue)
	KindPipe  = Kind(cmproc.KindPipe)

	KindRLock     = Kind(cmproc.KindRLock)
	KindRWLock    = Kind(cmproc.KindRWLock)
	KindSemaphore = Kind(cmproc.KindSemaphore)
	KindCondition = Kind(cmproc.KindCondition)
	KindEvent     = Kind(cmproc.KindEvent)
	KindBarrier   = Kind(cmproc.KindBarrier)

	KindDict      = Kind(cmproc.KindDict)
	KindList      = Kind(cmproc.KindList)
	KindNamespace = Kind(cmproc.KindNamespace)
)

// String is the kind in one word.
func (k Kind) String() string {
	switch k {
	case KindLock:
		return "lock"
	case KindValue:
		return "value"
	case KindArray:
		return "array"
	case KindQueue:
		return "queue"
	case KindPipe:
		return "pipe"
	case KindRLock:
		return "rlock"
	case KindRWLock:
		return "rwlock"
	case KindSemaphore:
		return "semaphore"
	case KindCondition:
		return "condition"
	case KindEvent:
		return "event"
	case KindBarrier:
		return "barrier"
	case KindDict:
		return "dict"
	case KindList:
		return "list"
	case KindNamespace:
		return "namespace"
	}
	return "unknown"
}

func newHandle(made *cmproc.Made, kind cmproc.Kind) *Handle {
	h := &Handle{kind: Kind(kind)}
	h.h.own(cmproc.KindHandle, made)
	return h
}

// Kind is the kind of object that the handle leads to; it can be asked for after Close too.
func (h *Handle) Kind() Kind { return h.kind }

// Close ends the handle. What was imported from it stays open.
func (h *Handle) Close() error {
	if h == nil {
		return nil
	}
	return h.h.close()
}

// enter gives the C handle for one call; leave must follow unless it failed.
func (h *Handle) enter() (unsafe.Pointer, error) {
	if h == nil {
		return nil, refuse(ErrInvalid, "the handle is nil")
	}
	if !h.h.enter() {
		return nil, ErrClosedHandle
	}
	return h.h.res.raw, nil
}

func (h *Handle) leave() { h.h.leave() }

// Export makes a handle on the lock that can travel to other processes.
func (l *Lock) Export() (*Handle, error) { return l.h.export() }

// Export makes a handle on the value that can travel to other processes.
func (v *Value[T]) Export() (*Handle, error) { return v.h.export() }

// Export makes a handle on the array that can travel to other processes.
func (a *Array[T]) Export() (*Handle, error) { return a.h.export() }

// Export makes a handle on the queue that can travel to other processes.
func (q *Queue) Export() (*Handle, error) { return q.h.export() }

// Export makes a handle on this end of the pipe that can travel to other processes. While it exists, also on its way,
// the end counts as open.
func (p *Pipe) Export() (*Handle, error) { return p.h.export() }

// Export makes a handle on the rlock that can travel to other processes.
func (l *RLock) Export() (*Handle, error) { return l.h.export() }

// Export makes a handle on the rwlock that can travel to other processes.
func (l *RWLock) Export() (*Handle, error) { return l.h.export() }

// Export makes a handle on the semaphore that can travel to other processes.
func (s *Semaphore) Export() (*Handle, error) { return s.h.export() }

// Export makes a handle on the condition that can travel to other processes. If it is bound to a lock, that has to
// travel, too: [ImportCondition] wants it in its options.
func (c *Condition) Export() (*Handle, error) { return c.h.export() }

// Export makes a handle on the event that can travel to other processes.
func (v *Event) Export() (*Handle, error) { return v.h.export() }

// Export makes a handle on the barrier that can travel to other processes.
func (b *Barrier) Export() (*Handle, error) { return b.h.export() }

func (h *handle) export() (*Handle, error) {
	if !h.enter() {
		return nil, ErrClosedHandle
	}
	defer h.leave()
	var made cmproc.Made
	var kind cmproc.Kind
	var e cmproc.Error
	if status := cmproc.Export(h.res.kind, h.res.raw, &made, &kind, &e); status < 0 {
		return nil, failure(status, &e)
	}
	return newHandle(&made, kind), nil
}

// ImportLock opens the lock that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil; otherwise as [OpenLock].
func ImportLock(handle *Handle, options *LockOptions) (*Lock, error) {
	return makeLock(cmproc.Import, handle, nil, options)
}

// ImportValue opens the value that a handle leads to, which must be a T, and joins its domain. The handle stays
// the caller's. options may be nil; otherwise as [OpenValue].
func ImportValue[T any](handle *Handle, options *ValueOptions) (*Value[T], error) {
	return makeValue[T](cmproc.Import, handle, nil, nil, options)
}

// ImportArray opens the array that a handle leads to, whose elements must be Ts, and joins its domain. The handle
// stays the caller's. options may be nil; otherwise as [OpenArray].
func ImportArray[T any](handle *Handle, options *ArrayOptions) (*Array[T], error) {
	if options == nil {
		options = &ArrayOptions{}
	}
	return makeArray[T](cmproc.Import, handle, nil, nil, options)
}

// ImportQueue opens the queue that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil; otherwise as [OpenQueue].
func ImportQueue(handle *Handle, options *QueueOptions) (*Queue, error) {
	return makeQueue(cmproc.Import, handle, nil, options)
}

// ImportPipe opens the end of a pipe that a handle leads to, and joins its domain. The handle stays the caller's;
// close it when it is not needed any more: it holds the end open. options may be nil; otherwise as [OpenPipe].
func ImportPipe(handle *Handle, options *PipeOptions) (*Pipe, error) {
	p, _, err := makePipe(cmproc.Import, handle, nil, 0, options)
	return p, err
}

// ImportRLock opens the rlock that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil; otherwise as [OpenRLock].
func ImportRLock(handle *Handle, options *RLockOptions) (*RLock, error) {
	return makeRLock(cmproc.Import, handle, nil, options)
}

// ImportRWLock opens the rwlock that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil; otherwise as [OpenRWLock].
func ImportRWLock(handle *Handle, options *RWLockOptions) (*RWLock, error) {
	return makeRWLock(cmproc.Import, handle, nil, options)
}

// ImportSemaphore opens the semaphore that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil; otherwise as [OpenSemaphore].
func ImportSemaphore(handle *Handle, options *SemaphoreOptions) (*Semaphore, error) {
	return makeSemaphore(cmproc.Import, handle, nil, 0, options)
}

// ImportCondition opens the condition that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil, unless it is bound to a lock; otherwise as [OpenCondition].
func ImportCondition(handle *Handle, options *ConditionOptions) (*Condition, error) {
	return makeCondition(cmproc.Import, handle, nil, options)
}

// ImportEvent opens the event that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil; otherwise as [OpenEvent].
func ImportEvent(handle *Handle, options *EventOptions) (*Event, error) {
	return makeEvent(cmproc.Import, handle, nil, options)
}

// ImportBarrier opens the barrier that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil; otherwise as [OpenBarrier].
func ImportBarrier(handle *Handle, options *BarrierOptions) (*Barrier, error) {
	return makeBarrier(cmproc.Import, handle, nil, 0, options)
}

// ImportDict opens the dict that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil; otherwise as [OpenDict].
func ImportDict[K comparable, V any](handle *Handle, options *ContainerOptions) (*Dict[K, V], error) {
	return makeDict[K, V](cmproc.Import, handle, nil, options)
}

// ImportList opens the list that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil; otherwise as [OpenList].
func ImportList[T any](handle *Handle, options *ContainerOptions) (*List[T], error) {
	return makeList[T](cmproc.Import, handle, nil, options)
}

// ImportNamespace opens the namespace that a handle leads to, and joins its domain. The handle stays the caller's.
// options may be nil; otherwise as [OpenNamespace].
func ImportNamespace(handle *Handle, options *ContainerOptions) (*Namespace, error) {
	return makeNamespace(cmproc.Import, handle, nil, options)
}

// Inherited is the handle that this program was given under a name by the one that started it: with [PassTo], or
// with mproc_spawn() in another language. Each can be taken once; a name that was not given, or was taken, is
// ErrNotExist.
func Inherited(name string) (*Handle, error) {
	cname, err := cstring(name, ErrInvalid)
	if err != nil {
		return nil, err
	}
	var made cmproc.Made
	var kind cmproc.Kind
	var e cmproc.Error
	if status := cmproc.Inherited(cname, &made, &kind, &e); status < 0 {
		return nil, failure(status, &e)
	}
	return newHandle(&made, kind), nil
}

// PassTo prepares a program that was not started yet: it will find the handles with [Inherited], or with
// mproc_inherited() in another language, under the names given here. A name is 1 to 200 of [A-Za-z0-9._-], not
// starting with a dot.
//
// Copies of the handles' descriptors go to the end of cmd.ExtraFiles, and cmd.Env gets the variable
// MPROC_INHERITED, which replaces any that is there: so call it once for each program, with all handles, after
// setting Env. The handles themselves stay the caller's and may be closed at once. done closes the copies; call
// it when the program was started, or will not be: copies of a pipe's end keep that end open. It may be called twice.
//
//	done, err := mproc.PassTo(cmd, map[string]*mproc.Handle{"jobs": jobs})
//	if err != nil { ... }
//	defer done()
//	err = cmd.Run()
func PassTo(cmd *exec.Cmd, handles map[string]*Handle) (done func(), err error) {
	var files []*os.File
	closeFiles := func() {
		for _, f := range files {
			f.Close()
		}
	}
	defer func() {
		if err != nil {
			closeFiles()
		}
	}()
	var tokens []string
	for _, name := range slices.Sorted(maps.Keys(handles)) {
		if !isName(name) {
			return nil, refuse(ErrName, "%q is not a name", name)
		}
		// The first of ExtraFiles is descriptor 3 in the child.
		token, pair, err := handles[name].passAs(name, 3+len(cmd.ExtraFiles)+len(files))
		files = append(files, pair...)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, name+"="+token)
	}
	// Not even without handles may the child see the variable that was meant for this process.
	const variable = cmproc.InheritedName + "="
	env := slices.DeleteFunc(cmd.Environ(), func(s string) bool { return strings.HasPrefix(s, variable) })
	if len(tokens) > 0 {
		env = append(env, variable+strings.Join(tokens, ","))
	}
	cmd.Env = env
	cmd.ExtraFiles = append(cmd.ExtraFiles, files...)
	return closeFiles, nil
}

// passAs copies the handle's descriptors, which will be the child's `first` and the one after it.
func (h *Handle) passAs(name string, first int) (token string, files []*os.File, err error) {
	raw, err := h.enter()
	if err != nil {
		return "", nil, err
	}
	defer h.leave()
	var descriptors [2]int32
	var e cmproc.Error
	if status := cmproc.HandleDescriptors(raw, &descriptors[0], &descriptors[1], &e); status < 0 {
		return "", nil, failure(status, &e)
	}
	buf := make([]byte, 160)
	var n uintptr
	if status := cmproc.HandleToken(raw, int32(first), int32(first)+1, buf, &n, &e); status < 0 {
		return "", nil, failure(status, &e)
	}
	for _, fd := range descriptors {
		duplicate, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 3)
		if errno != 0 {
			return "", files, &Error{Status: ErrSys, Errno: errno, Message: "fcntl(F_DUPFD_CLOEXEC): " + errno.Error()}
		}
		files = append(files, os.NewFile(duplicate, "mproc:"+name))
	}
	return string(buf[:n-1]), files, nil
}

// isName is the library's rule for names.
func isName(s string) bool {
	if len(s) == 0 || len(s) > 200 || s[0] == '.' {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// SendTo sends the handle through a connected unix socket, waiting as long as ctx allows. The handle stays the
// caller's. If nobody will read it any more, that is ErrPipe. The connection's own deadlines do not count, and
// closing the connection meanwhile does not end the wait; ctx does, and closing the handle.
func (h *Handle) SendTo(ctx context.Context, conn *net.UnixConn) error {
	raw, err := h.enter()
	if err != nil {
		return err
	}
	defer h.leave()
	return withSocket(conn, func(socket uintptr) error {
		w, err := h.h.wait(ctx)
		if err != nil {
			return err
		}
		var e cmproc.Error
		status := cmproc.SendHandle(socket, raw, w.timeout, w.token, &e)
		return h.h.done(ctx, w, status, &e)
	})
}

// RecvHandle receives a handle that was sent with [Handle.SendTo], or with mproc_send_handle() in another
// language, waiting as long as ctx allows. When the other side has closed the connection, that is ErrEOF (and
// [io.EOF]). The connection's own deadlines do not count, and closing the connection on this side meanwhile does
// not end the wait; ctx does. One goroutine at a time may receive from a connection.
func RecvHandle(ctx context.Context, conn *net.UnixConn) (*Handle, error) {
	var received *Handle
	err := withSocket(conn, func(socket uintptr) error {
		// There is no handle yet whose Close could end the wait.
		waiter := &handle{res: new(resource)}
		w, err := waiter.wait(ctx)
		if err != nil {
			return err
		}
		var made cmproc.Made
		var kind cmproc.Kind
		var e cmproc.Error
		status := cmproc.RecvHandle(socket, w.timeout, w.token, &made, &kind, &e)
		if err := waiter.done(ctx, w, status, &e); err != nil {
			return err
		}
		received = newHandle(&made, kind)
		return nil
	})
	return received, err
}

// withSocket calls f with a copy of the connection's descriptor. A call on the descriptor itself would make
// conn.Close wait for it; asking the copy for File.Fd would make the connection blocking.
func withSocket(conn *net.UnixConn, f func(socket uintptr) error) error {
	if conn == nil {
		return refuse(ErrInvalid, "the connection is nil")
	}
	file, err := conn.File()
	if err != nil {
		return err
	}
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(socket uintptr) { failed = f(socket) }); err != nil {
		return err
	}
	return failed
}
