package mproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// served is a server in a process of its own.
type served struct {
	*helper
	addresses []string
	key       *Key
	keyFile   string
}

// serveElsewhere starts one, at addresses of its choice or at given ones.
func serveElsewhere(t *testing.T, like *served) *served {
	t.Helper()
	s := &served{}
	if like == nil {
		watch(t)
		dir := privateDir(t)
		s.key, s.keyFile = newKey(t), filepath.Join(dir, "key")
		must(t, s.key.Save(s.keyFile))
		s.addresses = []string{"unix:" + filepath.Join(dir, "m"), "tcp:127.0.0.1:0"}
	} else {
		s.key, s.keyFile, s.addresses = like.key, like.keyFile, like.addresses
	}
	s.helper = start(t, "", "serve", append([]string{s.keyFile}, s.addresses...)...)
	s.addresses = strings.Split(s.line(), " ")
	if len(s.addresses) != 2 {
		t.Fatalf("the server listens at %v", s.addresses)
	}
	return s
}

func roleServe() {
	m := need(StartManager(&ManagerOptions{Addresses: os.Args[2:], Key: need(LoadKey(os.Args[1]))}))
	checked(m.Register("hang", func(any) (any, error) { select {} }))
	say(strings.Join(need(m.Addresses()), " "))
	<-told
	checked(m.Close())
}

// The server is killed: whoever waits behind a connection is told, nobody hangs, and what another server at the same
// place has is not taken for what the first one had.
func TestKilledServer(t *testing.T) {
	for _, way := range []string{"proxy", "tcp"} {
		t.Run(way, func(t *testing.T) {
			s := serveElsewhere(t, nil)
			address, options := s.addresses[0], ConnectOptions{Key: s.key, Proxy: true, Reconnect: 20 * time.Millisecond}
			if way == "tcp" {
				address = s.addresses[1]
			}
			m, witness := connect(t, address, options), connect(t, address, options)
			never := connect(t, address, ConnectOptions{Key: s.key, Proxy: true, Reconnect: -1})
			d := m.Domain()
			dict := closing[*Dict[string, int]](t)(CreateDict[string, int](d, "dict", nil))
			must(t, dict.Set("n", 1))
			number := closing[*Value[int64]](t)(CreateValue[int64](d, "number", 7, nil))
			calls := waitersBehind(t, d)
			calls["Call"] = func(ctx context.Context) error { return m.Call(ctx, "hang", nil, nil) }
			unset := closing[*Event](t)(CreateEvent(never.Domain(), "", nil))
			calls["never connected again"] = func(ctx context.Context) error { return unset.Wait(ctx) }

			type end struct {
				name string
				err  error
			}
			ended := make(chan end)
			for name, call := range calls {
				go func() { ended <- end{name, call(bg)} }()
			}
			eventually(t, func() bool {
				select {
				case early := <-ended:
					t.Fatalf("%s ended early: %v", early.name, early.err)
				default:
				}
				info, err := witness.Info()
				must(t, err)
				return info.Waiting >= uint64(len(calls))
			})
			s.kill()
			for range calls {
				if e := <-ended; !errors.Is(e.err, ErrConnection) {
					t.Errorf("%s: %v, not ErrConnection", e.name, e.err)
				}
			}
			fails(t, second(dict.Get("n")), ErrConnection)
			fails(t, second(number.Load()), ErrConnection)
			fails(t, second(CreateEvent(d, "", nil)), ErrConnection)
			fails(t, m.Ping(bg), ErrConnection)
			fails(t, m.Call(bg, "hang", nil, nil), ErrConnection)

			again := serveElsewhere(t, s)
			eventually(t, func() bool {
				err := second(dict.Get("n"))
				if errors.Is(err, ErrConnection) {
					return false
				}
				fails(t, err, ErrStale)
				return true
			})
			fails(t, second(number.Load()), ErrStale)
			fails(t, second(CreateEvent(d, "", nil)), ErrStale)
			fresh := connect(t, address, options)
			fails(t, second(OpenDict[string, int](fresh.Domain(), "dict", nil)), ErrNotExist)
			must(t, fresh.Ping(bg))
			must(t, fresh.Close())
			again.tell()
			again.ends()
		})
	}
}

// waitersBehind are the kinds of call that wait for ever in a manager's domain.
func waitersBehind(t *testing.T, d *Domain) map[string]func(context.Context) error {
	t.Helper()
	empty := closing[*Queue](t)(CreateQueue(d, "", nil))
	full := closing[*Queue](t)(CreateQueue(d, "", &QueueOptions{MaxItems: 1}))
	must(t, full.Put(bg, nil))
	l := closing[*Lock](t)(CreateLock(d, "", nil))
	got(t, false)(l.TryLock())
	r := closing[*RLock](t)(CreateRLock(d, "", nil))
	got(t, false)(r.TryLock(NewToken()))
	w := closing[*RWLock](t)(CreateRWLock(d, "", nil))
	got(t, false)(w.TryLock())
	s := closing[*Semaphore](t)(CreateSemaphore(d, "", 0, nil))
	c := closing[*Condition](t)(CreateCondition(d, "", nil))
	v := closing[*Event](t)(CreateEvent(d, "", nil))
	n := closing[*Value[int64]](t)(CreateValue[int64](d, "", 5, nil))
	near, _ := newPipe(t, d, "", nil)
	return map[string]func(context.Context) error{
		"Queue.Get":         func(ctx context.Context) error { return second(empty.Get(ctx)) },
		"Queue.Lease":       func(ctx context.Context) error { return second(empty.Lease(ctx)) },
		"Queue.Put":         func(ctx context.Context) error { return full.Put(ctx, nil) },
		"Lock.Lock":         func(ctx context.Context) error { return second(l.Lock(ctx)) },
		"RLock.Lock":        func(ctx context.Context) error { return second(r.Lock(ctx, NewToken())) },
		"RWLock.RLock":      func(ctx context.Context) error { return second(w.RLock(ctx)) },
		"RWLock.Lock":       func(ctx context.Context) error { return second(w.Lock(ctx)) },
		"Semaphore.Acquire": func(ctx context.Context) error { return second(s.Acquire(ctx)) },
		"Condition.Wait": func(ctx context.Context) error {
			owner := NewToken()
			return c.With(bg, owner, func(bool) error { return second(c.Wait(ctx, owner)) })
		},
		"Event.Wait": func(ctx context.Context) error { return v.Wait(ctx) },
		"Barrier.Wait": func(ctx context.Context) error { // its end breaks the barrier
			b, err := CreateBarrier(d, "", 2, nil)
			if err != nil {
				return err
			}
			defer b.Close()
			return second(b.Wait(ctx))
		},
		"Value.Wait": func(ctx context.Context) error { return n.Wait(ctx, 5) },
		"Pipe.Recv":  func(ctx context.Context) error { return second(near.Recv(ctx)) },
	}
}

// Those who have the memory go on with each other when the server is killed; there are only no new objects.
func TestMemoryOutlivesTheServer(t *testing.T) {
	s := serveElsewhere(t, nil)
	m := connect(t, s.addresses[0], ConnectOptions{Key: s.key, Reconnect: -1})
	other := start(t, "", "use-manager", s.addresses[0], s.keyFile)
	other.says("ready")
	questions := closing[*Queue](t)(OpenQueue(m.Domain(), "questions", nil))
	answers := closing[*Queue](t)(OpenQueue(m.Domain(), "answers", nil))
	got(t, false)(questions.IsRemote())
	ask := func(n int) {
		t.Helper()
		must(t, PutValue(bg, questions, n))
		got(t, n*n)(GetValue[int](bg, answers))
	}
	ask(3)
	s.kill()
	ask(4)
	fails(t, second(CreateEvent(m.Domain(), "", nil)), ErrConnection)
	ask(5)
	must(t, questions.Shutdown(false))
	other.ends()
}

func roleUseManager() {
	m := need(ConnectManager(os.Args[1], &ConnectOptions{Key: need(LoadKey(os.Args[2]))}))
	questions := need(CreateQueue(m.Domain(), "questions", nil))
	answers := need(CreateQueue(m.Domain(), "answers", nil))
	say("ready")
	for {
		n, err := GetValue[int](bg, questions)
		if errors.Is(err, ErrClosed) {
			return
		}
		checked(err)
		checked(PutValue(bg, answers, n*n))
	}
}

// A client that is killed while it holds a manager's lock leaves it to the next one, whichever way both came; and what
// it would do with its old fencing token is refused.
func TestKilledClients(t *testing.T) {
	s := serveElsewhere(t, nil)
	for _, theirs := range []string{s.addresses[0], s.addresses[0] + "?memory=never", s.addresses[1]} {
		for _, mine := range []string{s.addresses[0], s.addresses[1]} {
			m := connect(t, mine, ConnectOptions{Key: s.key})
			l := closing[*Lock](t)(CreateLock(m.Domain(), "lock", &LockOptions{ExistOK: true}))
			ledger := closing[*Dict[string, int]](t)(CreateDict[string, int](m.Domain(), "ledger",
				&ContainerOptions{ExistOK: true}))
			h := start(t, "", "hold-far-lock", theirs, s.keyFile)
			var old FencingToken
			_, err := fmt.Sscanf(h.line(), "held %d", &old)
			must(t, err)
			fails(t, second(l.TryLock()), ErrTimeout)
			fails(t, second(l.Token()), ErrNotHolder)
			h.kill()
			got(t, true)(l.Lock(bg))
			token, err := l.Token()
			must(t, err)
			if token <= old {
				t.Fatalf("token %d after %d", token, old)
			}
			must(t, ledger.SetIfToken("account", 2, token))
			fails(t, ledger.SetIfToken("account", 3, old), ErrFenced)
			got(t, 2)(ledger.Get("account"))
			must(t, l.Unlock())
		}
	}
	s.tell()
	s.ends()
}

func roleHoldFarLock() {
	m := need(ConnectManager(os.Args[1], &ConnectOptions{Key: need(LoadKey(os.Args[2]))}))
	l := need(OpenLock(m.Domain(), "lock", nil))
	ledger := need(OpenDict[string, int](m.Domain(), "ledger", nil))
	need(l.Lock(bg))
	token := need(l.Token())
	checked(ledger.SetIfToken("account", 1, token))
	say(fmt.Sprint("held ", uint64(token)))
	forever()
}

// A server goes on when its program has forgotten it, and so do objects whose Manager is forgotten.
func TestForgottenManagers(t *testing.T) {
	watch(t)
	h := start(t, "", "forget-manager")
	address := h.line()
	dict := func() *Dict[string, int] {
		m, err := ConnectManager(address+"?memory=never", nil)
		must(t, err)
		dict, err := OpenDict[string, int](m.Domain(), "dict", nil)
		must(t, err)
		return dict
	}()
	for range 3 {
		runtime.GC()
		got(t, 7)(dict.Get("n"))
	}
	must(t, dict.Close())
	h.tell()
	h.ends()
}

func roleForgetManager() {
	address := func() string {
		m := need(StartManager(nil))
		dict := need(CreateDict[string, int](m.Domain(), "dict", nil))
		checked(dict.Set("n", 7))
		return need(m.Address())
	}()
	for range 3 {
		runtime.GC()
		time.Sleep(time.Millisecond) // for what the collector has found
	}
	say(address)
	<-told
}
