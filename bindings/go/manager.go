package mproc

import (
	"context"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Manager is a server of objects, or a connection to one: for processes of one machine, and of others. The objects are
// those of its [Manager.Domain], and of the types that there are without it:
//
//	manager, err := mproc.StartManager(nil)
//	address, err := manager.Address()
//	jobs, err := mproc.CreateQueue(manager.Domain(), "jobs", nil)
//	// another process:
//	manager, err := mproc.ConnectManager(address, nil)
//	jobs, err := mproc.OpenQueue(manager.Domain(), "jobs", nil)
//
// Who comes through a unix socket gets the memory of the objects itself, and works on it at memory speed, without the
// server. Who comes through tcp (or as a Proxy) sends a request for each operation; many goroutines can do so at a time
// through one connection, and one that waits holds up nobody. What works only in memory is ErrNotSupported there:
// pointers, reservations, reading in place, descriptors, and handles that travel; IsRemote says which it is. Everybody
// sees the same objects.
//
// A named object lives until it is deleted ([Domain.Unlink]) or the server ends, an anonymous one as long as a client
// has it; other clients open it by its Name. A connection lasts until its Manager and all objects are closed.
//
// A client that dies, or whose connection is lost, leaves what it held as any process does that dies: locks go to the
// next one with recovered == true, leases and permits come back. When the server is gone, calls behind a connection
// return [ErrConnection], also those that wait; a connection that was only interrupted is made again, and calls go on,
// but for what belonged to the session (locks and the like), which are ErrConnection once. If another server answers
// under the same address, that is [ErrStale]: connect anew. Memory stays with who has it.
type Manager struct {
	h          handle
	domain     Domain
	procedures *procedures
}

// ManagerOptions say how to start a manager. In numbers and durations 0 is the default.
type ManagerOptions struct {
	// Addresses to listen at: "unix:/path", "tcp:host:port" (port 0: any; no host: this machine only). None: a unix
	// socket at a private place. See [Manager.Addresses].
	Addresses []string
	// Key is what clients must have. Tcp is refused without one.
	Key *Key
	// AnyUser lets other users connect to unix sockets, if they have the key.
	AnyUser bool

	MaxClients         uint32 // at a time: 10,000
	MaxUnauthenticated uint32 // connections that have not shown the key yet, at a time: 64
	MaxWaiting         uint32 // requests that wait or take long, at a time, of all clients: 4096; each has a thread
	ClientInFlight     uint32 // the same of one client: 1024
	MaxObjects         uint64 // in all: 100,000
	MaxBytes           uint64 // of all objects, a container as many as its limit: no bound
	ClientObjects      uint64 // that one client created: 10,000
	ClientBytes        uint64 // of these: as MaxBytes
	MaxMessage         uint64 // bytes of one request or answer: 16 MiB; 64 KiB to 1 GiB

	HandshakeTimeout time.Duration // for a client to show its key: 5 s
	Keepalive        time.Duration // a tcp client whose machine is silent for so long is gone: 15 s
}

// ConnectOptions say how to connect to a manager. In durations 0 is the default.
type ConnectOptions struct {
	// Key is the manager's, if it has one.
	Key *Key
	// Proxy does without the objects' memory also through a unix socket.
	Proxy bool
	// Timeout is for connecting, and how long an answer may be late: 10 s.
	Timeout time.Duration
	// Reconnect is how long a lost connection is tried again: 2 s; negative: not at all.
	Reconnect time.Duration
	// Keepalive: a server whose machine is silent for so long is gone (tcp): 15 s.
	Keepalive time.Duration
}

// ManagerInfo is what a manager's server is like right now.
type ManagerInfo struct {
	Instance        [16]byte // of this server, and no other, also after a restart
	Uptime          time.Duration
	Clients         uint64
	Unauthenticated uint64 // connections that have not shown the key yet
	Objects         uint64
	Bytes           uint64 // of the objects, of a container its limit
	Waiting         uint64 // requests that wait
	Requests        uint64 // since it started
	Refused         uint64 // connections, since it started
	Procedures      int
	PID             int
}

// ManagedObject is a named object of a manager's.
type ManagedObject struct {
	Name    string
	Kind    Kind
	Clients int // that have it
	Bytes   uint64
}

// StartManager runs a server in this process, in threads of its own, and is its first client. It runs until Close: also
// if the Manager is forgotten. options may be nil.
func StartManager(options *ManagerOptions) (*Manager, error) {
	if options == nil {
		options = &ManagerOptions{}
	}
	o := cmproc.ManagerOptions{
		Flags: bit(options.AnyUser, cmproc.ManagerAnyUser), MaxClients: options.MaxClients,
		MaxUnauthenticated: options.MaxUnauthenticated, MaxWaiting: options.MaxWaiting,
		ClientInFlight: options.ClientInFlight, MaxObjects: options.MaxObjects, MaxBytes: options.MaxBytes,
		ClientObjects: options.ClientObjects, ClientBytes: options.ClientBytes, MaxMessage: options.MaxMessage,
		HandshakeTimeout: int64(options.HandshakeTimeout), Keepalive: int64(options.Keepalive),
	}
	var addresses *byte
	if len(options.Addresses) != 0 {
		all, err := cstring(strings.Join(options.Addresses, ","), ErrInvalid)
		if err != nil {
			return nil, err
		}
		addresses = all
	}
	var made cmproc.Made
	var e cmproc.Error
	if status := cmproc.ManagerStart(addresses, (*[32]byte)(options.Key), &o, &made, &e); status < 0 {
		return nil, failure(status, &e)
	}
	m := newManager(&made)
	m.h.res.exposed.Store(true) // others use it: the collector cannot see that
	return m, nil
}

// ConnectManager connects to a manager: at "unix:/path" or "tcp:host:port". If nobody is there, that is ErrConnection;
// ErrAuth if it refuses (or is no manager). options may be nil.
func ConnectManager(address string, options *ConnectOptions) (*Manager, error) {
	if options == nil {
		options = &ConnectOptions{}
	}
	where, err := cstring(address, ErrInvalid)
	if err != nil {
		return nil, err
	}
	o := cmproc.ConnectOptions{
		Flags: bit(options.Proxy, cmproc.ConnectProxy), Timeout: int64(options.Timeout),
		Reconnect: max(int64(options.Reconnect), -1), Keepalive: int64(options.Keepalive),
	}
	var made cmproc.Made
	var e cmproc.Error
	if status := cmproc.ManagerConnect(where, (*[32]byte)(options.Key), &o, &made, &e); status < 0 {
		return nil, failure(status, &e)
	}
	return newManager(&made), nil
}

func newManager(made *cmproc.Made) *Manager {
	m := &Manager{procedures: new(procedures)}
	m.domain = Domain{manager: m, lent: made.Ptr}
	m.h.own(cmproc.KindManager, made)
	m.h.res.after = m.procedures.forget
	return m
}

// Close ends the connection, and a started manager's server: its clients get ErrConnection, and what they have in
// memory stays with them. A procedure must not close its manager.
func (m *Manager) Close() error {
	if m == nil {
		return nil
	}
	return m.h.close()
}

func (m *Manager) enter() (unsafe.Pointer, error) {
	if !m.h.enter() {
		return nil, ErrClosedHandle
	}
	return m.h.res.raw, nil
}

func (m *Manager) leave() { m.h.leave() }

// Domain is where the manager's objects are made and found: with CreateQueue(m.Domain(), ...), OpenDict and the like.
// [Domain.Unlink] deletes a named one. The domain ends with the manager.
func (m *Manager) Domain() *Domain { return &m.domain }

// Addresses are those that a started manager listens at, with their real ports; of a connection, the one it leads to.
func (m *Manager) Addresses() ([]string, error) {
	var all []string
	for {
		address, err := m.address(len(all))
		switch failed, ok := err.(*Error); {
		case err == nil:
			all = append(all, address)
		case ok && failed.Status == ErrNotExist && len(all) != 0:
			return all, nil
		default:
			return nil, err
		}
	}
}

// Address is the first of Addresses.
func (m *Manager) Address() (string, error) { return m.address(0) }

func (m *Manager) address(index int) (string, error) {
	return m.h.text(func(raw unsafe.Pointer, buf []byte, n *uintptr, e *cmproc.Error) int32 {
		return cmproc.ManagerAddress(raw, index, buf, n, e)
	})
}

// List gives the manager's named objects, ordered by name.
func (m *Manager) List() ([]ManagedObject, error) {
	type description struct {
		Kind    uint32 `mproc:"kind"`
		Clients int    `mproc:"clients"`
		Bytes   uint64 `mproc:"bytes"`
	}
	shape := shapeOf(reflect.TypeFor[description]())
	var all []ManagedObject
	err := m.h.each(cmproc.ManagerList, func(k, v *output) (bool, error) {
		d, err := unpack[description](v, shape, false)
		all = append(all, ManagedObject{string(k.data), Kind(d.Kind), d.Clients, d.Bytes})
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Info asks the server what it is like.
func (m *Manager) Info() (ManagerInfo, error) {
	var c cmproc.ManagerInfo
	err := m.h.do(func(raw unsafe.Pointer, e *cmproc.Error) int32 { return cmproc.GetManagerInfo(raw, &c, e) })
	if err != nil {
		return ManagerInfo{}, err
	}
	return ManagerInfo{
		Instance: c.Instance, Uptime: time.Duration(c.Uptime), Clients: c.Clients, Unauthenticated: c.Unauthenticated,
		Objects: c.Objects, Bytes: c.Bytes, Waiting: c.Waiting, Requests: c.Requests, Refused: c.Refused,
		Procedures: int(c.Procedures), PID: int(c.PID),
	}, nil
}

// Ping waits, as long as ctx allows, for a sign of life from the server.
func (m *Manager) Ping(ctx context.Context) error {
	if !m.h.enter() {
		return ErrClosedHandle
	}
	w, err := m.h.wait(ctx)
	if err != nil {
		m.h.leave()
		return err
	}
	// The library's call takes no token, so it is left alone when ctx ends: the connection's own timeout bounds it.
	ended := make(chan error, 1)
	go func() {
		defer m.h.leave()
		var e cmproc.Error
		status := cmproc.ManagerPing(m.h.res.raw, max(w.timeout, cmproc.Forever), &e)
		ended <- m.h.done(ctx, w, status, &e)
	}()
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// Register lets clients call a function by a name: the counterpart of BaseManager.register in Python. It runs in the
// server's process, so only a started manager has it (else ErrNotSupported), in goroutines of its own, several at a
// time. The argument has the types that [Unpack] says, the result is of any type that [Pack] takes. The caller gets an
// error by its [Status], if it has one, or the context's error; else as ErrInvalid; and ErrPanic for a panic. What the
// error says stands in its text.
func (m *Manager) Register(name string, procedure func(argument any) (any, error)) error {
	return RegisterFunc(m, name, procedure)
}

// RegisterFunc is [Manager.Register] for an argument and a result of certain types; the caller of an argument that does
// not fit gets ErrType.
func RegisterFunc[A, R any](m *Manager, name string, procedure func(argument A) (R, error)) error {
	if procedure == nil {
		return refuse(ErrInvalid, "the procedure is nil")
	}
	cname, err := cstring(name, ErrName)
	if err != nil {
		return err
	}
	raw, err := m.enter()
	if err != nil {
		return err
	}
	defer m.leave()
	var e cmproc.Error
	forget, status := cmproc.ManagerRegister(raw, cname, serve(name, procedure), &e)
	if status < 0 {
		forget()
		return failure(status, &e)
	}
	m.procedures.add(forget)
	return nil
}

// Call calls a procedure that the server's program has registered, and waits for its end as long as ctx allows. (When
// ctx ends the call the procedure goes on.) The argument is of any type that [Pack] takes, result a pointer to what
// takes the result by the rules of [Unpack], or nil. No such procedure is ErrNotExist. It does not run twice, also if
// the connection is lost and made again meanwhile; after ErrConnection it has run or not.
func (m *Manager) Call(ctx context.Context, name string, argument, result any) error {
	to := reflect.ValueOf(result)
	if result != nil && (to.Kind() != reflect.Pointer || to.IsNil()) {
		return refuse(ErrInvalid, "the result needs a pointer, not a %T", result)
	}
	cname, err := cstring(name, ErrName)
	if err != nil {
		return err
	}
	var in input
	defer in.done()
	if err := pack(&in, anyShape, &argument); err != nil {
		return err
	}
	if !m.h.enter() {
		return ErrClosedHandle
	}
	defer m.h.leave()
	w, err := m.h.wait(ctx)
	if err != nil {
		return err
	}
	var b cmproc.Built
	var e cmproc.Error
	status := cmproc.ManagerCall(m.h.res.raw, cname, &in.c, in.data, w.timeout, w.token, &b, &e)
	if err := m.h.done(ctx, w, status, &e); err != nil {
		return err
	}
	defer b.Close()
	if result == nil {
		return nil
	}
	o := output{c: b.Datum, data: unsafe.Slice((*byte)(b.Data), b.Datum.Len)}
	return o.into(to.Elem(), false)
}
