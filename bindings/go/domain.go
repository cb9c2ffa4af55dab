package mproc

import (
	"bytes"
	"strings"
	"time"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Domain is a set of processes and objects that know each other: a directory on tmpfs. Functions that
// take a *Domain accept nil for the default domain, so most programs never open one.
//
// [Manager.Domain] is one, too: what is made and found in it is the manager's.
type Domain struct {
	h       handle
	manager *Manager       // nil: a domain of this machine
	lent    unsafe.Pointer // the manager's
}

// Default is the default domain: nil, for calling methods on it.
func Default() *Domain { return nil }

// DomainOptions say how to open a domain. The zero value is the default domain.
type DomainOptions struct {
	// Path is the directory, absolute. Empty: the environment variable MPROC_DOMAIN, else /dev/shm/mproc-<euid>.
	Path string
	// Group makes the directory and its files for a group: 2770 and 0660 instead of 0700 and 0600.
	Group bool
	// Anonymous makes a domain without a name in the file system. Other processes get its objects by a [Handle].
	Anonymous bool
	// Existing fails with ErrNotExist instead of creating the domain.
	Existing bool
	// BusyTimeout is how long an internal lock may be held by a living process before a call gives up with
	// ErrBusy. 0: 5 seconds.
	BusyTimeout time.Duration
}

// Owner is a process as shared memory knows it. PID, StartTime and Command are for people only.
type Owner struct {
	Held       bool   // there is an owner; if not, the rest is zero
	Alive      bool   // false: it is known to be dead
	Self       bool   // it is the calling process
	Slot       uint32 // index in the domain's registry
	Generation uint64 // of the slot
	PID        int    // in the owner's own pid namespace
	StartTime  uint64 // in clock ticks after boot; 0 if unknown
	Command    string
}

func (o *Owner) from(c *cmproc.Owner) {
	command := c.Command[:]
	if n := bytes.IndexByte(command, 0); n >= 0 {
		command = command[:n]
	}
	*o = Owner{
		Held: c.Held != 0, Alive: c.Alive != 0, Self: c.IsSelf != 0, Slot: c.Slot, Generation: c.Generation,
		PID: int(c.PID), StartTime: c.StartTime, Command: string(command),
	}
}

// OpenDomain opens a domain, creating it if need be, and joins it. Opening the same one again gives
// another handle on the same membership.
func OpenDomain(options *DomainOptions) (*Domain, error) {
	if options == nil {
		options = &DomainOptions{}
	}
	var path *byte
	if options.Path != "" {
		p, err := cstring(options.Path, ErrInvalid)
		if err != nil {
			return nil, err
		}
		path = p
	}
	flags := bit(options.Group, cmproc.DomainGroup) | bit(options.Anonymous, cmproc.DomainAnonymous) |
		bit(options.Existing, cmproc.DomainExisting)
	var made cmproc.Made
	var e cmproc.Error
	if status := cmproc.DomainOpen(path, flags, int64(options.BusyTimeout), &made, &e); status < 0 {
		return nil, failure(status, &e)
	}
	d := new(Domain)
	d.h.own(cmproc.KindDomain, &made)
	return d, nil
}

// Close ends the handle. Objects opened through it keep the membership alive. (On a manager's domain it does nothing:
// that ends with the manager.)
func (d *Domain) Close() error {
	if d == nil || d.manager != nil {
		return nil
	}
	return d.h.close()
}

// enter gives the C handle for one call, nil for the default domain; leave must follow unless it failed.
func (d *Domain) enter() (unsafe.Pointer, error) {
	if d == nil {
		return nil, nil
	}
	if d.manager != nil {
		_, err := d.manager.enter()
		return d.lent, err
	}
	if !d.h.enter() {
		return nil, ErrClosedHandle
	}
	return d.h.res.raw, nil
}

func (d *Domain) leave() {
	switch {
	case d == nil:
	case d.manager != nil:
		d.manager.leave()
	default:
		d.h.leave()
	}
}

// Path is the domain's directory; "" for an anonymous domain.
func (d *Domain) Path() (string, error) {
	raw, err := d.enter()
	if err != nil {
		return "", err
	}
	defer d.leave()
	buf := make([]byte, 4097) // PATH_MAX and a NUL
	var n uintptr
	var e cmproc.Error
	if status := cmproc.DomainPath(raw, buf, &n, &e); status < 0 {
		return "", failure(status, &e)
	}
	return string(buf[:n-1]), nil
}

// ID is the domain's 128-bit identity.
func (d *Domain) ID() (id [16]byte, err error) {
	raw, err := d.enter()
	if err != nil {
		return id, err
	}
	defer d.leave()
	var e cmproc.Error
	err = check(cmproc.DomainID(raw, &id, &e), &e)
	return id, err
}

// Self is the calling process as other members of the domain see it.
func (d *Domain) Self() (o Owner, err error) {
	raw, err := d.enter()
	if err != nil {
		return o, err
	}
	defer d.leave()
	var c cmproc.Owner
	var e cmproc.Error
	if status := cmproc.DomainSelf(raw, &c, &e); status < 0 {
		return o, failure(status, &e)
	}
	o.from(&c)
	return o, nil
}

// Unlink removes the name of an object of any kind. Whoever uses it goes on.
func (d *Domain) Unlink(name string) error {
	cname, err := cstring(name, ErrName)
	if err != nil {
		return err
	}
	raw, err := d.enter()
	if err != nil {
		return err
	}
	defer d.leave()
	var e cmproc.Error
	return check(cmproc.DomainUnlink(raw, cname, &e), &e)
}

// Sweep removes every object that nobody uses and that is not persistent, and says how many they were.
// Creating and opening objects sweep as well, now and then.
func (d *Domain) Sweep() (removed int, err error) {
	raw, err := d.enter()
	if err != nil {
		return 0, err
	}
	defer d.leave()
	var n uintptr
	var e cmproc.Error
	err = check(cmproc.DomainSweep(raw, &n, &e), &e)
	return int(n), err
}

// RemoveDomain removes a whole domain directory, with persistent objects, if nobody is in it (else
// ErrBusy). Files that are not the library's are left alone, and the directory with them.
func RemoveDomain(path string) error {
	p, err := cstring(path, ErrInvalid)
	if err != nil {
		return err
	}
	var e cmproc.Error
	return check(cmproc.DomainRemove(p, &e), &e)
}

// cstring is s with a NUL at its end; a NUL inside would silently cut it short.
func cstring(s string, or Status) (*byte, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, refuse(or, "%q contains a NUL byte", s)
	}
	return unsafe.SliceData(append([]byte(s), 0)), nil
}

// objectName is the name for creating an object: nil for an anonymous one.
func objectName(name string) (*byte, error) {
	if name == "" {
		return nil, nil
	}
	return cstring(name, ErrName)
}

func bit(set bool, flag uint32) uint32 {
	if set {
		return flag
	}
	return 0
}
