package mproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// privateDir is a short path: the name of a socket has little room.
func privateDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mproc-go-")
	must(t, err)
	domains.add(dir)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func newKey(t testing.TB) *Key {
	t.Helper()
	k, err := GenerateKey()
	must(t, err)
	return k
}

// newServer is a manager in this process, at a unix socket and a tcp port.
func newServer(t testing.TB, options ManagerOptions) (m *Manager, unix, tcp string) {
	t.Helper()
	watch(t)
	options.Addresses = []string{"unix:" + filepath.Join(privateDir(t), "m"), "tcp:127.0.0.1:0"}
	if options.Key == nil {
		options.Key = newKey(t)
	}
	m = closing[*Manager](t)(StartManager(&options))
	all, err := m.Addresses()
	must(t, err)
	if len(all) != 2 || all[0] != options.Addresses[0] || strings.HasSuffix(all[1], ":0") {
		t.Fatalf("it listens at %v", all)
	}
	return m, all[0], all[1]
}

func connect(t testing.TB, address string, options ConnectOptions) *Manager {
	t.Helper()
	return closing[*Manager](t)(ConnectManager(address, &options))
}

// everyWay runs a test with each way to reach a server's objects: a server, and two clients that come so.
func everyWay(t *testing.T, f func(t *testing.T, server, one, other *Manager, remote bool)) {
	key := newKey(t)
	for _, way := range []string{"own", "near", "proxy", "query", "tcp"} {
		t.Run(way, func(t *testing.T) {
			server, unix, tcp := newServer(t, ManagerOptions{Key: key})
			address, options := unix, ConnectOptions{Key: key, Proxy: way == "proxy"}
			switch way {
			case "own":
				f(t, server, server, server, false)
				return
			case "query":
				address += "?memory=never"
			case "tcp":
				address = tcp
			}
			f(t, server, connect(t, address, options), connect(t, address, options), way != "near")
		})
	}
}

// everywhere runs a test in a domain of this machine, and in those of managers, near and far.
func everywhere(t *testing.T, f func(t *testing.T, d *Domain)) {
	t.Run("domain", func(t *testing.T) {
		d, _ := newDomain(t)
		f(t, d)
	})
	for _, proxy := range []bool{false, true} {
		t.Run(map[bool]string{false: "near", true: "far"}[proxy], func(t *testing.T) {
			key := newKey(t)
			_, unix, _ := newServer(t, ManagerOptions{Key: key})
			f(t, connect(t, unix, ConnectOptions{Key: key, Proxy: proxy}).Domain())
		})
	}
}

// Every kind of object can be made in a manager's domain, found by another client, and used as anywhere.
func TestManagersObjects(t *testing.T) {
	everyWay(t, func(t *testing.T, _, one, other *Manager, remote bool) {
		d, e := one.Domain(), other.Domain()
		is := func(o interface {
			IsRemote() (bool, error)
			Name() (string, error)
		}, name string) {
			t.Helper()
			got(t, remote)(o.IsRemote())
			have, err := o.Name()
			must(t, err)
			if have != name && !(name == "" && strings.HasPrefix(have, "#")) {
				t.Fatalf("it is called %q, not %q", have, name)
			}
		}

		number := closing[*Value[int64]](t)(CreateValue[int64](d, "number", 41, nil))
		same := closing[*Value[int64]](t)(OpenValue[int64](e, "number", nil))
		is(same, "number")
		got(t, int64(42))(same.Add(1))
		got(t, int64(42))(number.Load())
		where := closing[*Value[point]](t)(CreateValue(d, "point", point{X: 1}, nil))
		must(t, closing[*Value[point]](t)(OpenValue[point](e, "point", nil)).Store(point{X: 2, OK: true}))
		got(t, point{X: 2, OK: true})(where.Load())
		is(where, "point")

		array := closing[*Array[int32]](t)(CreateArray(d, "array", []int32{1, 2, 3, 4}, &ArrayOptions{Shape: []int{2, 2}}))
		matrix := closing[*Array[int32]](t)(OpenArray[int32](e, "array", nil))
		is(matrix, "array")
		got(t, "[2 2]")(fmt.Sprint(matrix.Shape()), nil)
		must(t, matrix.Set(3, -4))
		got(t, int32(-4))(array.Get(3))
		some := make([]int32, 3)
		must(t, array.Read(1, some))
		got(t, "[2 3 -4]")(fmt.Sprint(some), nil)

		queue := closing[*Queue](t)(CreateQueue(d, "queue", &QueueOptions{Joinable: true}))
		is(queue, "queue")
		must(t, closing[*Queue](t)(OpenQueue(e, "queue", nil)).Put(bg, []byte("hello")))
		m, err := queue.Get(bg)
		got(t, "hello")(string(m), err)
		must(t, queue.TaskDone())
		got(t, false)(queue.Join(bg))
		must(t, PutValue(bg, queue, []int{1, 2}))
		l, err := GetValue[[]int](bg, queue)
		got(t, "[1 2]")(fmt.Sprint(l), err)

		near, far := newPipe(t, d, "pipe", nil)
		is(far, "pipe")
		must(t, near.Send(bg, []byte("question")))
		receives(t, far, "question")
		must(t, far.Send(bg, []byte("answer")))
		receives(t, near, "answer")
		must(t, far.Close())
		fails(t, second(near.Recv(bg)), ErrEOF, io.EOF)

		lock := closing[*Lock](t)(CreateLock(d, "lock", nil))
		is(lock, "lock")
		lockable(t, lock)
		rlock := closing[*RLock](t)(CreateRLock(d, "rlock", nil))
		is(rlock, "rlock")
		recursive(t, rlock)
		rwlock := closing[*RWLock](t)(CreateRWLock(d, "rwlock", nil))
		is(rwlock, "rwlock")
		readable(t, rwlock)
		semaphore := closing[*Semaphore](t)(CreateSemaphore(d, "semaphore", 2, nil))
		is(semaphore, "semaphore")
		got(t, false)(semaphore.Acquire(bg))
		must(t, semaphore.Release(1))
		event := closing[*Event](t)(CreateEvent(d, "event", nil))
		is(event, "event")
		must(t, closing[*Event](t)(OpenEvent(e, "event", nil)).Set())
		must(t, event.Wait(bg))
		barrier := closing[*Barrier](t)(CreateBarrier(d, "barrier", 1, nil))
		is(barrier, "barrier")
		got(t, 0)(barrier.Wait(bg))
		condition := closing[*Condition](t)(CreateCondition(d, "condition", nil))
		is(condition, "condition")
		recursive(t, condition)

		dict := closing[*Dict[string, any]](t)(CreateDict[string, any](d, "dict", nil))
		is(dict, "dict")
		mirror := closing[*Dict[string, any]](t)(OpenDict[string, any](e, "dict", nil))
		must(t, dict.Set("list", NewList()))
		inner := closing[*List[int]](t)(ListAt[int](mirror, "list"))
		must(t, inner.Extend(3, 1, 2))
		must(t, inner.Sort(false))
		must(t, mirror.Set("text", "x"))
		got(t, `{"list":[1,2,3],"text":"x"}`)(ToJSON(dict, false))
		list := closing[*List[string]](t)(CreateList[string](d, "", nil))
		is(list, "")
		name, err := list.Name()
		must(t, err)
		// Who knows the name of an anonymous object can open it.
		must(t, closing[*List[string]](t)(OpenList[string](e, name, nil)).Append("from another client"))
		holds(t, list, "from another client")
		ns := closing[*Namespace](t)(CreateNamespace(d, "ns", nil))
		is(ns, "ns")
		must(t, closing[*Namespace](t)(OpenNamespace(e, "ns", nil)).Set("size", 80))
		got(t, 80)(NamespaceGet[int](ns, "size"))

		// In memory, or not at all.
		_, pointerErr := number.Pointer()
		_, sliceErr := array.Slice()
		_, reserveErr := queue.TryReserve(8)
		_, exportErr := event.Export()
		for _, err := range []error{
			pointerErr, sliceErr, reserveErr, exportErr, array.View(func([]int32) error { return nil }),
			number.View(func(*int64) error { return nil }),
		} {
			if remote {
				fails(t, err, ErrNotSupported, errors.ErrUnsupported)
			} else {
				must(t, err)
			}
		}

		// One waits for many where they are: here, or there.
		v := closing[*Value[int]](t)(CreateValue(d, "", 1, nil))
		fails(t, second(TryWait(OnReadable(queue), OnChange(v, 1))), ErrTimeout)
		ready, err := Wait(bg, OnReadable(queue), OnSet(event))
		got(t, "[1]")(fmt.Sprint(ready), err)
		local, _ := newDomain(t)
		here := closing[*Event](t)(CreateEvent(local, "near", nil))
		_, err = TryWait(OnReadable(queue), OnSet(here))
		if remote {
			fails(t, err, ErrNotSupported)
		} else {
			fails(t, err, ErrTimeout)
		}

		// Kinds, types and names are looked after.
		fails(t, second(CreateEvent(d, "event", nil)), ErrExist)
		fails(t, second(OpenLock(e, "event", nil)), ErrKind)
		fails(t, second(OpenValue[int32](e, "number", nil)), ErrType)
		fails(t, second(OpenEvent(e, "none", nil)), ErrNotExist)
		fails(t, second(CreateEvent(d, "a/b", nil)), ErrName)
		again := closing[*Event](t)(CreateEvent(e, "event", &EventOptions{ExistOK: true}))
		got(t, true)(again.Existed(), nil)
		must(t, d.Unlink("event"))
		fails(t, second(OpenEvent(e, "event", nil)), ErrNotExist)
		fails(t, e.Unlink("event"), ErrNotExist)
		got(t, true)(again.IsSet()) // whoever has it goes on
	})
}

func TestNoManagersObject(t *testing.T) {
	d, _ := newDomain(t)
	v := closing[*Event](t)(CreateEvent(d, "v", nil))
	got(t, false)(v.IsRemote())
	fails(t, second(v.Name()), ErrNotExist)
}

func TestManagerList(t *testing.T) {
	everyWay(t, func(t *testing.T, _, one, other *Manager, _ bool) {
		all, err := one.List()
		must(t, err)
		got(t, 0)(len(all), nil)
		closing[*Queue](t)(CreateQueue(one.Domain(), "b", nil))
		closing[*Value[int]](t)(CreateValue(one.Domain(), "a", 1, nil))
		closing[*Event](t)(CreateEvent(one.Domain(), "", nil))
		all, err = other.List()
		must(t, err)
		if len(all) != 2 || all[0].Name != "a" || all[0].Kind != KindValue || all[1].Name != "b" ||
			all[1].Kind != KindQueue || all[0].Clients != 1 || all[0].Bytes == 0 {
			t.Fatalf("%+v", all)
		}
		info, err := other.Info()
		must(t, err)
		if info.Objects != 3 || info.PID != os.Getpid() || info.Instance == [16]byte{} || info.Requests == 0 ||
			info.Clients == 0 || info.Uptime <= 0 || info.Bytes == 0 {
			t.Fatalf("%+v", info)
		}
		must(t, other.Ping(bg))
		ctx, cancel := context.WithCancel(bg)
		must(t, other.Ping(ctx))
		cancel()
		fails(t, other.Ping(ctx), ErrCanceled, context.Canceled)
	})
}

func TestKeys(t *testing.T) {
	watch(t)
	dir := privateDir(t)
	k, path := newKey(t), filepath.Join(dir, "key")
	if *k == *newKey(t) || *k == (Key{}) {
		t.Error("not random")
	}
	must(t, k.Save(path))
	fails(t, k.Save(path), ErrExist)
	back, err := LoadKey(path)
	must(t, err)
	got(t, *k)(*back, nil)
	info, err := os.Stat(path)
	must(t, err)
	got(t, os.FileMode(0o600))(info.Mode(), nil)
	must(t, os.Chmod(path, 0o644))
	fails(t, second(LoadKey(path)), ErrAccess)
	must(t, os.WriteFile(filepath.Join(dir, "no-key"), []byte("secret\n"), 0o600))
	fails(t, second(LoadKey(filepath.Join(dir, "no-key"))), ErrInvalid)
	if err := second(LoadKey(filepath.Join(dir, "none"))); err == nil {
		t.Error("a key that is not there")
	}
	fails(t, second(LoadKey("a\x00b")), ErrInvalid)
	secret := fmt.Sprintf("%x", k[:])
	for _, shown := range []string{
		fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %x", *k, *k, *k, *k, *k), fmt.Sprintf("%+v", ConnectOptions{Key: k}),
		fmt.Sprintf("%v", struct{ Key Key }{*k}),
	} {
		if strings.Contains(shown, secret) || strings.Contains(shown, fmt.Sprint(k[0], " ", k[1])) {
			t.Errorf("the key is shown: %s", shown)
		}
	}
}

// Without the key nobody gets in, and nobody is let wait for ever.
func TestRefusedClients(t *testing.T) {
	server, unix, tcp := newServer(t, ManagerOptions{})
	for _, address := range []string{unix, tcp} {
		fails(t, second(ConnectManager(address, &ConnectOptions{Key: newKey(t)})), ErrAuth)
		fails(t, second(ConnectManager(address, nil)), ErrAuth)
	}
	info, err := server.Info()
	must(t, err)
	if info.Refused < 2 {
		t.Errorf("%d were refused", info.Refused)
	}
	// Nobody there, something else there, nowhere.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	nobody := "tcp:" + free.Addr().String()
	must(t, free.Close())
	fails(t, second(ConnectManager(nobody, &ConnectOptions{Key: newKey(t)})), ErrConnection)
	fails(t, second(ConnectManager("unix:"+privateDir(t)+"/none", nil)), ErrConnection)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer silent.Close()
	err = second(ConnectManager("tcp:"+silent.Addr().String(), &ConnectOptions{
		Key: newKey(t), Timeout: 50 * time.Millisecond,
	}))
	if !errors.Is(err, ErrConnection) && !errors.Is(err, ErrTimeout) {
		t.Errorf("one who says nothing: %v", err)
	}
	fails(t, second(ConnectManager("nonsense", nil)), ErrInvalid)
	fails(t, second(ConnectManager("unix:a\x00b", nil)), ErrInvalid)
	fails(t, second(StartManager(&ManagerOptions{Addresses: []string{"tcp:127.0.0.1:0"}})), ErrAuth)
	fails(t, second(StartManager(&ManagerOptions{Addresses: []string{"nonsense"}})), ErrInvalid)
}

// A manager without options is there for this user's processes.
func TestManagerOfDefaults(t *testing.T) {
	watch(t)
	m := closing[*Manager](t)(StartManager(nil))
	address, err := m.Address()
	must(t, err)
	other := connect(t, address, ConnectOptions{})
	closing[*Event](t)(CreateEvent(m.Domain(), "v", nil))
	got(t, false)(closing[*Event](t)(OpenEvent(other.Domain(), "v", nil)).IsSet())
	must(t, other.Close())
	fails(t, other.Ping(bg), ErrClosedHandle)
	must(t, m.Close())
	must(t, m.Close())
	fails(t, m.Ping(bg), ErrClosedHandle)
	fails(t, second(m.Address()), ErrClosedHandle)
	fails(t, second(m.List()), ErrClosedHandle)
	fails(t, second(m.Info()), ErrClosedHandle)
	fails(t, second(m.NewBatch()), ErrClosedHandle)
	fails(t, m.Call(bg, "x", nil, nil), ErrClosedHandle)
	fails(t, m.Register("x", func(any) (any, error) { return nil, nil }), ErrClosedHandle)
	fails(t, second(CreateEvent(m.Domain(), "v", nil)), ErrClosedHandle)
	fails(t, m.Domain().Unlink("v"), ErrClosedHandle)
	must(t, m.Domain().Close())
	must(t, (*Manager)(nil).Close())
	must(t, new(Manager).Close())
	fails(t, new(Manager).Ping(bg), ErrClosedHandle)
	if err := second(ConnectManager(address, nil)); !errors.Is(err, ErrConnection) {
		t.Errorf("it still answers: %v", err)
	}
}

func TestManagersLimits(t *testing.T) {
	key := newKey(t)
	_, unix, _ := newServer(t, ManagerOptions{Key: key, ClientObjects: 2})
	m := connect(t, unix, ConnectOptions{Key: key, Proxy: true})
	closing[*Event](t)(CreateEvent(m.Domain(), "one", nil))
	two, err := CreateEvent(m.Domain(), "two", nil)
	must(t, err)
	fails(t, second(CreateEvent(m.Domain(), "three", nil)), ErrQuota)
	must(t, m.Domain().Unlink("two"))
	must(t, two.Close())
	eventually(t, func() bool {
		three, err := CreateEvent(m.Domain(), "three", nil)
		if errors.Is(err, ErrQuota) {
			return false
		}
		must(t, err)
		must(t, three.Close())
		return true
	})
}

// Goroutines share one connection: what waits holds up nobody, and nothing is lost or mixed up.
func TestManyGoroutinesOnOneConnection(t *testing.T) {
	key := newKey(t)
	_, unix, tcp := newServer(t, ManagerOptions{Key: key})
	for _, address := range []string{unix + "?memory=never", tcp} {
		m := connect(t, address, ConnectOptions{Key: key})
		d := m.Domain()
		silent := closing[*Queue](t)(CreateQueue(d, "", nil))
		dict := closing[*Dict[string, int]](t)(CreateDict[string, int](d, "", nil))
		number := closing[*Value[int64]](t)(CreateValue[int64](d, "", 0, nil))
		const workers, rounds, blocked = 16, 100, 40
		answers := make(chan string, blocked)
		for range blocked {
			go func() {
				m, err := silent.Get(bg)
				if err != nil {
					m = []byte(err.Error())
				}
				answers <- string(m)
			}()
		}
		eventually(t, func() bool {
			info, err := m.Info()
			must(t, err)
			return info.Waiting >= blocked
		})
		var wg sync.WaitGroup
		for i := range workers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				mine := strconv.Itoa(i)
				for n := range rounds {
					have, err := dict.Add(mine, 1)
					if err == nil && have != n+1 {
						err = fmt.Errorf("%d after %d additions", have, n+1)
					}
					if _, failed := dict.Add("all", 1); err == nil {
						err = failed
					}
					if _, failed := number.Add(1); err == nil {
						err = failed
					}
					if err != nil {
						t.Errorf("goroutine %d: %v", i, err)
						return
					}
				}
			}()
		}
		wg.Wait()
		got(t, workers*rounds)(dict.Get("all"))
		got(t, int64(workers*rounds))(number.Load())
		got(t, 0)(len(answers), nil)
		for i := range blocked {
			must(t, silent.Put(bg, []byte(strconv.Itoa(i))))
		}
		seen := make(map[string]bool)
		for range blocked {
			seen[<-answers] = true
		}
		for i := range blocked {
			if !seen[strconv.Itoa(i)] {
				t.Errorf("message %d did not come: %v", i, seen)
			}
		}
	}
}

// What a client held goes on when its connection ends, and the next one is told.
func TestGoneClient(t *testing.T) {
	key := newKey(t)
	server, unix, tcp := newServer(t, ManagerOptions{Key: key})
	d := server.Domain()
	l := closing[*Lock](t)(CreateLock(d, "lock", nil))
	s := closing[*Semaphore](t)(CreateSemaphore(d, "semaphore", 1, &SemaphoreOptions{Accounting: true}))
	q := closing[*Queue](t)(CreateQueue(d, "queue", &QueueOptions{Lease: true}))
	must(t, q.Put(bg, []byte("work")))
	for _, address := range []string{unix + "?memory=never", tcp} {
		gone := connect(t, address, ConnectOptions{Key: key})
		theirs := closing[*Lock](t)(OpenLock(gone.Domain(), "lock", nil))
		permits := closing[*Semaphore](t)(OpenSemaphore(gone.Domain(), "semaphore", nil))
		jobs := closing[*Queue](t)(OpenQueue(gone.Domain(), "queue", nil))
		got(t, false)(theirs.Lock(bg))
		got(t, false)(permits.Acquire(bg))
		lease, err := jobs.Lease(bg)
		must(t, err)
		got(t, "work")(string(lease.Bytes()), nil)
		fails(t, second(l.TryLock()), ErrTimeout)
		fails(t, second(s.TryAcquire()), ErrTimeout)
		fails(t, second(q.TryLease()), ErrTimeout)
		must(t, errors.Join(theirs.Close(), permits.Close(), jobs.Close(), gone.Close()))
		got(t, true)(l.Lock(bg))
		got(t, true)(s.Acquire(bg))
		lease, err = q.Lease(bg)
		must(t, err)
		got(t, true)(lease.Redelivered(), nil)
		must(t, errors.Join(lease.PutBack(), l.Unlock(), s.Release(1)))
	}
}

// A context ends every call that waits behind a connection, promptly; the connection and the object go on.
func TestContextsEndFarWaits(t *testing.T) {
	key := newKey(t)
	server, unix, tcp := newServer(t, ManagerOptions{Key: key})
	leave := make(chan struct{})
	must(t, server.Register("hang", func(any) (any, error) { <-leave; return nil, nil }))
	t.Cleanup(func() { close(leave) })
	for _, address := range []string{unix + "?memory=never", tcp} {
		m := connect(t, address, ConnectOptions{Key: key})
		calls := waitersBehind(t, m.Domain())
		calls["Call"] = func(ctx context.Context) error { return m.Call(ctx, "hang", nil, nil) }
		for name, call := range calls {
			t.Run(name, func(t *testing.T) {
				why := errors.New("enough")
				for i := range 5 {
					ctx, cancel := context.WithCancelCause(bg)
					ended := make(chan error)
					go func() { ended <- call(ctx) }()
					time.Sleep(time.Duration(i*i) * time.Millisecond) // before it waits, and in the middle of it
					cancel(why)
					fails(t, <-ended, ErrCanceled, context.Canceled, why)
					short, stop := context.WithTimeout(bg, time.Duration(i*i)*time.Millisecond)
					fails(t, call(short), ErrTimeout, context.DeadlineExceeded)
					stop()
				}
			})
		}
		must(t, m.Ping(bg))
		eventually(t, func() bool { // nobody waits any more for what nobody wants
			info, err := m.Info()
			must(t, err)
			return info.Waiting <= 10*2 // the procedures go on
		})
	}
}

// Closing a handle ends the calls that wait on it, also behind a connection.
func TestCloseEndsFarWaits(t *testing.T) {
	key := newKey(t)
	_, unix, _ := newServer(t, ManagerOptions{Key: key})
	m := connect(t, unix, ConnectOptions{Key: key, Proxy: true})
	for name, wait := range map[string]func() (call func() error, end func() error){
		"Queue.Get": func() (func() error, func() error) {
			q := closing[*Queue](t)(CreateQueue(m.Domain(), "", nil))
			return func() error { return second(q.Get(bg)) }, q.Close
		},
		"Event.Wait": func() (func() error, func() error) {
			v := closing[*Event](t)(CreateEvent(m.Domain(), "", nil))
			return func() error { return v.Wait(bg) }, v.Close
		},
		"Lock.Lock": func() (func() error, func() error) {
			l := closing[*Lock](t)(CreateLock(m.Domain(), "", nil))
			got(t, false)(l.TryLock())
			return func() error { return second(l.Lock(bg)) }, l.Close
		},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range 4 {
				call, end := wait()
				ended := make(chan error)
				go func() { ended <- call() }()
				time.Sleep(time.Duration(i*i*5) * time.Millisecond)
				must(t, end())
				fails(t, <-ended, ErrClosedHandle)
			}
		})
	}
}

// relay passes on what goes between clients and a server, until it is cut.
type relay struct {
	address string
	to      string
	mu      sync.Mutex
	conns   []net.Conn
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r := &relay{address: "tcp:" + l.Addr().String(), to: strings.TrimPrefix(to, "tcp:")}
	t.Cleanup(func() {
		must(t, l.Close())
		r.cut()
	})
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			server, err := net.Dial("tcp", r.to)
			if err != nil {
				client.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, client, server)
			r.mu.Unlock()
			go pass(client, server)
			go pass(server, client)
		}
	}()
	return r
}

func pass(from, to net.Conn) {
	io.Copy(to, from) // however it ends, it ends both ways
	from.Close()
	to.Close()
}

// cut breaks all connections that there are; new ones can be made.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}

// A connection that breaks is made again: what was asked for is done once, those who wait go on waiting, and what
// belonged to the old session is told.
func TestInterruptedConnection(t *testing.T) {
	key := newKey(t)
	server, _, tcp := newServer(t, ManagerOptions{Key: key})
	r := newRelay(t, tcp)
	m := connect(t, r.address, ConnectOptions{Key: key, Reconnect: 10 * time.Second})
	ours := server.Domain()
	counts := closing[*Dict[string, int]](t)(CreateDict[string, int](ours, "counts", nil))
	jobs := closing[*Queue](t)(CreateQueue(ours, "jobs", nil))
	lock := closing[*Lock](t)(CreateLock(ours, "lock", nil))
	far := closing[*Dict[string, int]](t)(OpenDict[string, int](m.Domain(), "counts", nil))
	taken := closing[*Queue](t)(OpenQueue(m.Domain(), "jobs", nil))
	held := closing[*Lock](t)(OpenLock(m.Domain(), "lock", nil))

	job := make(chan string)
	go func() {
		message, err := taken.Get(bg)
		if err != nil {
			message = []byte(err.Error())
		}
		job <- string(message)
	}()
	const workers, cuts = 4, 12
	var added atomic.Int64
	over, ended := make(chan struct{}), make(chan error, workers)
	for range workers {
		go func() {
			for {
				select {
				case <-over:
					ended <- nil
					return
				default:
				}
				if _, err := far.Add("n", 1); err != nil {
					ended <- err
					return
				}
				added.Add(1)
			}
		}()
	}
	for i := range cuts {
		before := added.Load()
		eventually(t, func() bool { return added.Load() >= before+20 || len(ended) != 0 })
		time.Sleep(time.Duration(i*100) * time.Microsecond) // somewhere in the middle
		r.cut()
	}
	close(over)
	for range workers {
		must(t, <-ended)
	}
	got(t, int(added.Load()))(counts.Get("n"))
	must(t, jobs.Put(bg, []byte("late")))
	got(t, "late")(<-job, nil)

	must(t, m.Ping(bg))
	got(t, false)(held.Lock(bg))
	fails(t, second(lock.TryLock()), ErrTimeout)
	r.cut()
	got(t, true)(lock.Lock(bg))
	fails(t, held.Unlock(), ErrConnection)
	must(t, lock.Unlock())
	got(t, false)(held.Lock(bg))
	must(t, held.Unlock())
}

// What is no manager is not taken for one.
func TestNoManager(t *testing.T) {
	watch(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nBad Request")
			c.Close()
		}
	}()
	fails(t, second(ConnectManager("tcp:"+l.Addr().String(), &ConnectOptions{Key: newKey(t)})), ErrAuth)
}

// What is closed, or was never opened, says so, whatever it is asked.
func TestClosedManagedObjects(t *testing.T) {
	watch(t)
	m := closing[*Manager](t)(StartManager(nil))
	d := m.Domain()
	lock := closing[*Lock](t)(CreateLock(d, "", nil))
	rlock := closing[*RLock](t)(CreateRLock(d, "", nil))
	rwlock := closing[*RWLock](t)(CreateRWLock(d, "", nil))
	queue := closing[*Queue](t)(CreateQueue(d, "", nil))
	value := closing[*Value[int]](t)(CreateValue(d, "", 1, nil))
	event := closing[*Event](t)(CreateEvent(d, "", nil))
	dict := closing[*Dict[string, int]](t)(CreateDict[string, int](d, "", nil))
	list := closing[*List[int]](t)(CreateList[int](d, "", nil))
	ns := closing[*Namespace](t)(CreateNamespace(d, "", nil))
	array := closing[*Array[int]](t)(CreateArray(d, "", []int{1}, nil))
	semaphore := closing[*Semaphore](t)(CreateSemaphore(d, "", 1, nil))
	condition := closing[*Condition](t)(CreateCondition(d, "", nil))
	barrier := closing[*Barrier](t)(CreateBarrier(d, "", 1, nil))
	pipe, _ := newPipe(t, d, "", nil)
	b := closing[*Batch](t)(m.NewBatch())
	type managed interface {
		Name() (string, error)
		IsRemote() (bool, error)
		Close() error
	}
	for _, o := range []managed{
		lock, rlock, rwlock, queue, value, event, dict, list, ns, array, semaphore, condition, barrier, pipe,
	} {
		name, err := o.Name()
		must(t, err)
		if !strings.HasPrefix(name, "#") {
			t.Errorf("%T is called %q", o, name)
		}
		must(t, o.Close())
	}
	for _, o := range []managed{
		lock, rlock, rwlock, queue, value, event, dict, list, ns, array, semaphore, condition, barrier, pipe,
		new(Lock), new(RLock), new(RWLock), new(Queue), new(Value[int]), new(Event), new(Dict[string, int]),
		new(List[int]), new(Namespace), new(Array[int]), new(Semaphore), new(Condition), new(Barrier), new(Pipe),
	} {
		fails(t, second(o.Name()), ErrClosedHandle)
		fails(t, second(o.IsRemote()), ErrClosedHandle)
	}
	for i, err := range []error{
		second(lock.Token()), second(rlock.Token(1)), second(rwlock.Token()), second(new(Lock).Token()),
		dict.SetIfToken("a", 1, 1), dict.DeleteIfToken("a", 1), new(Dict[string, int]).SetIfToken("a", 1, 1),
		list.SetIfToken(0, 1, 1), list.AppendIfToken(1, 1), new(List[int]).AppendIfToken(1, 1),
		ns.SetIfToken("a", 1, 1), ns.DeleteIfToken("a", 1), queue.PutIfToken(bg, nil, 1),
		dict.BatchGet(b, "a").Err(), dict.BatchSet(b, "a", 1).Err(), dict.BatchAdd(b, "a", 1).Err(),
		dict.BatchDelete(b, "a").Err(), list.BatchGet(b, 0).Err(), list.BatchSet(b, 0, 1).Err(),
		list.BatchAppend(b, 1).Err(), ns.BatchGet(b, "a").Err(), ns.BatchSet(b, "a", 1).Err(),
		queue.BatchGet(b).Err(), queue.BatchPut(b, nil).Err(), value.BatchFetchAdd(b, 1).Err(),
		new(Value[int]).BatchFetchOr(b, 1).Err(), new(Dict[string, int]).BatchGet(b, "a").Err(), event.BatchSet(b).Err(),
	} {
		if !errors.Is(err, ErrClosedHandle) {
			t.Errorf("call %d: %v, not ErrClosedHandle", i, err)
		}
	}
	fails(t, b.Run(), ErrClosedHandle)
	must(t, b.Run()) // that was then
	fails(t, new(Batch).Run(), ErrClosedHandle)
	must(t, new(Batch).Close())
}
