package mproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// exported is a handle on an object that is closed when the test ends.
func exported(t testing.TB, from interface{ Export() (*Handle, error) }) *Handle {
	t.Helper()
	return closing[*Handle](t)(from.Export())
}

// A child that runs another program uses anonymous objects of the parent's, in a named and in an anonymous domain.
func TestChildInherits(t *testing.T) {
	named, dir := newDomain(t)
	anonymous := closing[*Domain](t)(OpenDomain(&DomainOptions{Anonymous: true}))
	for _, d := range []*Domain{named, anonymous} {
		lock := closing[*Lock](t)(CreateLock(d, "", nil))
		number := closing[*Value[int64]](t)(CreateValue[int64](d, "", 41, nil))
		array := closing[*Array[int32]](t)(CreateArray(d, "", []int32{1, 2, 3}, nil))
		queue := closing[*Queue](t)(CreateQueue(d, "", nil))
		handles := map[string]*Handle{
			"lock": exported(t, lock), "number": exported(t, number), "a.b-c_D": exported(t, array), "queue": exported(t, queue),
		}
		h := startWith(t, dir, handles, "use-inherited")
		for _, handle := range handles {
			must(t, handle.Close()) // the child has its own
		}
		ctx, cancel := context.WithTimeout(bg, patience)
		defer cancel()
		must(t, queue.Put(ctx, []byte("ping")))
		h.says("pong")
		got(t, int64(42))(number.Load())
		got(t, int32(-3))(array.Get(2))

		// The child is a member of the domain like any other: its death frees its lock, and is told.
		_, err := lock.TryLock()
		fails(t, err, ErrTimeout)
		h.kill()
		got(t, true)(lock.Lock(ctx))
		must(t, lock.Unlock())
	}
}

func roleUseInherited() {
	lock := need(ImportLock(need(Inherited("lock")), nil))
	need(lock.Lock(bg))
	handle := need(Inherited("number"))
	number := need(ImportValue[int64](handle, nil))
	checked(handle.Close()) // the value stays open
	array := need(ImportArray[int32](need(Inherited("a.b-c_D")), nil))
	queue := need(ImportQueue(need(Inherited("queue")), nil))
	if _, err := Inherited("queue"); !errors.Is(err, ErrNotExist) {
		checked(fmt.Errorf("taken twice: %v", err))
	}
	message := need(queue.Get(bg))
	need(number.Add(1))
	checked(array.Set(2, -need(array.Get(2))))
	say(strings.ReplaceAll(string(message), "i", "o"))
	forever()
}

// A program does not see what was meant for the one that starts it.
func TestChildInheritsNothing(t *testing.T) {
	d, dir := newDomain(t)
	number := closing[*Value[int]](t)(CreateValue(d, "", 1, nil))
	h := startWith(t, dir, map[string]*Handle{"number": exported(t, number)}, "inherit-nothing", "again")
	h.says("ok")
	h.ends()
}

func roleInheritNothing() {
	if len(os.Args) > 1 {
		cmd := exec.Command(need(os.Executable()))
		done := need(PassTo(cmd, nil))
		in := need(cmd.StdinPipe()) // open while the child runs: it ends with its standard input
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		checked(cmd.Run())
		in.Close()
		done()
		return
	}
	if value, found := os.LookupEnv("MPROC_INHERITED"); found {
		checked(fmt.Errorf("the variable is %q", value))
	}
	if _, err := Inherited("number"); !errors.Is(err, ErrNotExist) {
		checked(fmt.Errorf("inherited: %v", err))
	}
	say("ok")
}

func TestPassToPrepares(t *testing.T) {
	d, _ := newDomain(t)
	number := exported(t, closing[*Value[int]](t)(CreateValue(d, "", 1, nil)))
	before := descriptors(t)
	mine := []string{"A=1", "MPROC_INHERITED=stale", "B=2"}
	cmd := exec.Command("true")
	cmd.Env = mine
	cmd.ExtraFiles = []*os.File{nil, nil}
	done, err := PassTo(cmd, map[string]*Handle{"x": number, "y": number})
	must(t, err)
	if len(cmd.ExtraFiles) != 6 || !slices.Equal(mine, []string{"A=1", "MPROC_INHERITED=stale", "B=2"}) {
		t.Errorf("%d files, environment of the caller's %q", len(cmd.ExtraFiles), mine)
	}
	token := `mproc1:[0-9.]+:%d:[0-9a-f]+:%d:[0-9a-f]+`
	want := regexp.MustCompile(fmt.Sprintf("^MPROC_INHERITED=x="+token+",y="+token+"$", 5, 6, 7, 8))
	if len(cmd.Env) != 3 || cmd.Env[0] != "A=1" || cmd.Env[1] != "B=2" || !want.MatchString(cmd.Env[2]) {
		t.Errorf("environment %q", cmd.Env)
	}
	done()
	done()
	got(t, before)(descriptors(t), nil)

	// A failure leaves the command as it was, and no descriptor open.
	closed := exported(t, closing[*Queue](t)(CreateQueue(d, "", nil)))
	must(t, closed.Close())
	before = descriptors(t)
	for name, c := range map[string]struct {
		handle *Handle
		want   error
	}{
		"": {number, ErrName}, ".x": {number, ErrName}, "x,y": {number, ErrName}, "x=y": {number, ErrName},
		"x\x00": {number, ErrName}, "ä": {number, ErrName}, strings.Repeat("x", 201): {number, ErrName},
		"nil": {nil, ErrInvalid}, "closed": {closed, ErrClosedHandle},
	} {
		cmd := exec.Command("true")
		_, err := PassTo(cmd, map[string]*Handle{"-first": number, name: c.handle})
		fails(t, err, c.want)
		if cmd.Env != nil || cmd.ExtraFiles != nil {
			t.Errorf("%q: the command was changed", name)
		}
	}
	got(t, before)(descriptors(t), nil)
}

// descriptors counts those of this process that lead to shared memory.
func descriptors(t testing.TB) (n int) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, entry := range all {
		if to, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil &&
			(strings.HasPrefix(to, "/memfd:") || strings.HasPrefix(to, "/dev/shm/")) {
			n++
		}
	}
	return n
}

// sockets are the two ends of a connection.
func sockets(t testing.TB, how int) (a, b *net.UnixConn) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, how|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	var ends [2]*net.UnixConn
	for i, fd := range pair {
		file := os.NewFile(uintptr(fd), "socketpair")
		conn, err := net.FileConn(file)
		must(t, err)
		must(t, file.Close())
		ends[i] = conn.(*net.UnixConn)
		t.Cleanup(func() { conn.Close() })
	}
	return ends[0], ends[1]
}

func TestSendAndReceive(t *testing.T) {
	d, _ := newDomain(t)
	lock := closing[*Lock](t)(CreateLock(d, "", nil))
	number := closing[*Value[point]](t)(CreateValue(d, "", point{X: 1}, nil))
	array := closing[*Array[int32]](t)(CreateArray(d, "", []int32{1, 2, 3, 4}, &ArrayOptions{Shape: []int{2, 2}}))
	queue := closing[*Queue](t)(CreateQueue(d, "", nil))
	withDeadline, stop := context.WithTimeout(bg, patience)
	defer stop()
	for _, how := range []int{syscall.SOCK_STREAM, syscall.SOCK_SEQPACKET, syscall.SOCK_DGRAM} {
		a, b := sockets(t, how)
		for _, ctx := range []context.Context{bg, withDeadline} {
			var received []*Handle
			for _, from := range []interface{ Export() (*Handle, error) }{lock, number, array, queue} {
				must(t, exported(t, from).SendTo(ctx, a))
			}
			for _, kind := range []Kind{KindLock, KindValue, KindArray, KindQueue} {
				h := closing[*Handle](t)(RecvHandle(ctx, b))
				got(t, kind)(h.Kind(), nil)
				received = append(received, h)
			}
			got(t, false)(closing[*Lock](t)(ImportLock(received[0], &LockOptions{NoSpin: true})).Lock(ctx))
			must(t, lock.Unlock())
			must(t, closing[*Value[point]](t)(ImportValue[point](received[1], nil)).Store(point{X: 2}))
			got(t, point{X: 2})(number.Load())
			same := closing[*Array[int32]](t)(ImportArray[int32](received[2], nil))
			got(t, "[2 2]")(fmt.Sprint(same.Shape()), nil)
			must(t, same.Set(3, 5))
			got(t, int32(5))(array.Get(3))
			must(t, closing[*Queue](t)(ImportQueue(received[3], nil)).Put(ctx, []byte("hello")))
			message, err := queue.Get(ctx)
			must(t, err)
			got(t, "hello")(string(message), nil)
		}
		// The connection goes on as it was: deadlines still end its own calls.
		must(t, b.SetReadDeadline(time.Now().Add(-time.Second)))
		_, err := b.Read(make([]byte, 1))
		fails(t, err, os.ErrDeadlineExceeded)
		must(t, b.SetReadDeadline(time.Time{}))
		_, err = a.Write([]byte("x"))
		must(t, err)
		got(t, 1)(b.Read(make([]byte, 8)))
	}
}

// The kinds of lock, and what else there is to wait for, in a program that was given handles on all of them.
func TestLocksTravel(t *testing.T) {
	d, dir := newDomain(t)
	me := NewToken()
	rlock := closing[*RLock](t)(CreateRLock(d, "", nil))
	rwlock := closing[*RWLock](t)(CreateRWLock(d, "", nil))
	semaphore := closing[*Semaphore](t)(CreateSemaphore(d, "", 2, &SemaphoreOptions{Accounting: true}))
	condition := closing[*Condition](t)(CreateCondition(d, "", nil))
	bound := closing[*Condition](t)(CreateCondition(d, "", &ConditionOptions{RLock: rlock}))
	event := closing[*Event](t)(CreateEvent(d, "", nil))
	barrier := closing[*Barrier](t)(CreateBarrier(d, "", 2, nil))
	a, b := sockets(t, syscall.SOCK_STREAM)
	handles := make(map[string]*Handle)
	for kind, from := range map[Kind]interface{ Export() (*Handle, error) }{
		KindRLock: rlock, KindRWLock: rwlock, KindSemaphore: semaphore, KindCondition: condition, KindEvent: event,
		KindBarrier: barrier,
	} {
		must(t, exported(t, from).SendTo(bg, a))
		h := closing[*Handle](t)(RecvHandle(bg, b))
		got(t, kind)(h.Kind(), nil)
		handles[kind.String()] = h
	}
	handles["bound"] = exported(t, bound)
	fails(t, second(ImportLock(handles["rlock"], nil)), ErrKind)
	fails(t, second(ImportRLock(handles["rwlock"], nil)), ErrKind)
	fails(t, second(ImportRWLock(handles["rlock"], nil)), ErrKind)
	fails(t, second(ImportSemaphore(handles["event"], nil)), ErrKind)
	fails(t, second(ImportEvent(handles["barrier"], nil)), ErrKind)
	fails(t, second(ImportBarrier(handles["condition"], nil)), ErrKind)
	fails(t, second(ImportCondition(handles["semaphore"], nil)), ErrKind)
	if second(ImportCondition(handles["bound"], nil)) == nil {
		t.Error("a bound condition was opened without its lock")
	}

	h := startWith(t, dir, handles, "use-locks")
	must(t, event.Wait(bg))
	fails(t, second(rlock.TryLock(me)), ErrTimeout)
	fails(t, second(rwlock.TryLock()), ErrTimeout)
	fails(t, second(semaphore.TryAcquire()), ErrTimeout)
	partiesCome(t, barrier, 1)
	got(t, 1)(barrier.Wait(bg))
	for _, c := range []*Condition{bound, condition} {
		waitersCome(t, c, 1)
		must(t, c.Notify(1))
	}
	h.says("done")
	h.kill()
	got(t, true)(rlock.Lock(bg, me))
	must(t, rlock.Unlock(me))
	got(t, false)(rwlock.Lock(bg)) // only a reader died
	must(t, rwlock.Unlock())
	got(t, true)(semaphore.Acquire(bg))
	must(t, semaphore.Release(1))
}

func roleUseLocks() {
	rlock := need(ImportRLock(need(Inherited("rlock")), &RLockOptions{NoSpin: true}))
	rwlock := need(ImportRWLock(need(Inherited("rwlock")), nil))
	semaphore := need(ImportSemaphore(need(Inherited("semaphore")), nil))
	condition := need(ImportCondition(need(Inherited("condition")), nil))
	bound := need(ImportCondition(need(Inherited("bound")), &ConditionOptions{RLock: rlock}))
	event := need(ImportEvent(need(Inherited("event")), nil))
	barrier := need(ImportBarrier(need(Inherited("barrier")), nil))
	owner := NewToken()
	need(rlock.Lock(bg, owner))
	need(rwlock.RLock(bg))
	need(semaphore.Acquire(bg))
	need(semaphore.Acquire(bg))
	checked(event.Set())
	if index := need(barrier.Wait(bg)); index != 0 {
		checked(fmt.Errorf("index %d", index))
	}
	need(bound.Wait(bg, owner))
	need(condition.Lock(bg, owner))
	need(condition.Wait(bg, owner))
	say("done")
	forever()
}

func TestImportChecks(t *testing.T) {
	d, _ := newDomain(t)
	number := exported(t, closing[*Value[int32]](t)(CreateValue[int32](d, "", 1, nil)))
	array := exported(t, closing[*Array[int32]](t)(CreateArray(d, "", []int32{1}, nil)))
	for _, err := range []error{
		second(ImportLock(number, nil)), second(ImportQueue(number, nil)), second(ImportArray[int32](number, nil)),
		second(ImportValue[int32](array, nil)),
	} {
		fails(t, err, ErrKind)
	}
	fails(t, second(ImportValue[int64](number, nil)), ErrType)
	fails(t, second(ImportArray[float32](array, nil)), ErrType)
	fails(t, second(ImportArray[int32](array, &ArrayOptions{Shape: []int{2}})), ErrType)
	fails(t, second(ImportLock(nil, nil)), ErrInvalid)
	for _, name := range []string{"", "nobody", "x\x00y"} {
		if err := second(Inherited(name)); err == nil {
			t.Errorf("%q was inherited", name)
		}
	}
	fails(t, second(Inherited("nobody")), ErrNotExist)

	must(t, number.Close())
	must(t, number.Close())
	must(t, (*Handle)(nil).Close())
	got(t, "value")(number.Kind().String(), nil)
	for kind, word := range map[Kind]string{
		KindLock: "lock", KindValue: "value", KindArray: "array", KindQueue: "queue", KindPipe: "pipe",
		KindRLock: "rlock", KindRWLock: "rwlock", KindSemaphore: "semaphore", KindCondition: "condition",
		KindEvent: "event", KindBarrier: "barrier", KindDict: "dict", KindList: "list", KindNamespace: "namespace",
	} {
		got(t, word)(kind.String(), nil)
	}
	got(t, "unknown")(new(Handle).Kind().String(), nil)
	a, _ := sockets(t, syscall.SOCK_STREAM)
	fails(t, number.SendTo(bg, a), ErrClosedHandle)
	fails(t, new(Handle).SendTo(bg, a), ErrClosedHandle)
	for _, err := range []error{
		second(ImportValue[int32](number, nil)), second(new(Lock).Export()), second(new(Value[int]).Export()),
		second(new(Array[int]).Export()), second(new(Queue).Export()), second(new(RLock).Export()),
		second(new(RWLock).Export()), second(new(Semaphore).Export()), second(new(Condition).Export()),
		second(new(Event).Export()), second(new(Barrier).Export()), second(new(Dict[int, int]).Export()),
		second(new(List[int]).Export()), second(new(Namespace).Export()),
	} {
		fails(t, err, ErrClosedHandle)
	}
}

func TestTheOtherSideIsGone(t *testing.T) {
	d, _ := newDomain(t)
	lock := exported(t, closing[*Lock](t)(CreateLock(d, "", nil)))
	a, b := sockets(t, syscall.SOCK_STREAM)
	must(t, lock.SendTo(bg, a))
	must(t, a.Close())
	closing[*Handle](t)(RecvHandle(bg, b)) // what was sent before is still there
	_, err := RecvHandle(bg, b)
	fails(t, err, ErrEOF, io.EOF)
	fails(t, lock.SendTo(bg, b), ErrPipe)
	_, err = RecvHandle(bg, a)
	fails(t, err, net.ErrClosed)
	fails(t, lock.SendTo(bg, a), net.ErrClosed)
	_, err = RecvHandle(bg, nil)
	fails(t, err, ErrInvalid)
	fails(t, lock.SendTo(bg, nil), ErrInvalid)

	// What is not a handle is refused.
	a, b = sockets(t, syscall.SOCK_STREAM)
	_, err = a.Write(make([]byte, 64))
	must(t, err)
	_, err = RecvHandle(bg, b)
	fails(t, err, ErrCorrupt)
}

func TestContextsEndSendingAndReceiving(t *testing.T) {
	d, _ := newDomain(t)
	lock := exported(t, closing[*Lock](t)(CreateLock(d, "", nil)))
	a, b := sockets(t, syscall.SOCK_STREAM)
	soon, stop := context.WithTimeout(bg, 20*time.Millisecond)
	defer stop()
	_, err := RecvHandle(soon, b)
	fails(t, err, ErrTimeout, context.DeadlineExceeded)
	<-soon.Done() // the library's clock may be a little ahead of the context's timer
	fails(t, lock.SendTo(soon, a), ErrTimeout, context.DeadlineExceeded)

	ctx, cancel := context.WithCancel(bg)
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = RecvHandle(ctx, b)
	fails(t, err, ErrCanceled, context.Canceled)

	// Closing the handle ends sending when nobody reads.
	ended := make(chan error)
	go func() {
		for {
			if err := lock.SendTo(bg, a); err != nil {
				ended <- err
				return
			}
		}
	}()
	time.Sleep(50 * time.Millisecond)
	must(t, lock.Close())
	fails(t, <-ended, ErrClosedHandle)
}
