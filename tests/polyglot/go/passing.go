package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// ---- handles that travel ----

// abstract is a socket's name that no file system sees.
func abstract(name string) *net.UnixAddr { return &net.UnixAddr{Name: "@" + name, Net: "unix"} }

// traveller is what can be handed over to another worker.
type traveller interface {
	handOver() (*mproc.Handle, error)
	open(*mproc.Handle) error
}

func give(c traveller, name string) error {
	to, err := net.DialUnix("unix", nil, abstract(name))
	for errors.Is(err, syscall.ECONNREFUSED) { // nobody listens yet
		runtime.Gosched()
		to, err = net.DialUnix("unix", nil, abstract(name))
	}
	must(err)
	defer to.Close()
	handle, err := c.handOver()
	if err != nil {
		return err
	}
	defer handle.Close()
	return handle.SendTo(forever, to)
}

func takeHandle(c traveller, name string) error {
	listener := need(net.ListenUnix("unix", abstract(name)))
	defer listener.Close()
	from := need(listener.AcceptUnix())
	defer from.Close()
	handle, err := mproc.RecvHandle(forever, from)
	if err != nil {
		return err
	}
	defer handle.Close()
	return c.open(handle)
}

// spawn makes what is between the slashes the arguments of a worker in another language, a neighbour of this one.
func spawn(c traveller, w words) (string, error) {
	commands := strings.Split(strings.Join(w[3:], " "), "/ ")[1:]
	cmd := exec.Command(os.Args[0][:strings.LastIndex(os.Args[0], "-")+1]+w.at(2), commands...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	handle, err := c.handOver()
	if err != nil {
		return "", err
	}
	done := need(mproc.PassTo(cmd, map[string]*mproc.Handle{given: handle}))
	must(handle.Close()) // the child will have its own
	err = cmd.Start()
	done()
	must(err)
	cmd.Wait()
	return fmt.Sprint("ended ", cmd.ProcessState.ExitCode()), nil
}

// inherit opens what this worker was started with.
func inherit(c traveller) error {
	handle, err := mproc.Inherited(given)
	if err != nil {
		return err
	}
	defer handle.Close()
	return c.open(handle)
}

// luggage is every object but queues and pipes.
type luggage struct {
	object   interface{ Export() (*mproc.Handle, error) }
	imported func(*mproc.Handle) error
}

func (l luggage) handOver() (*mproc.Handle, error) { return l.object.Export() }
func (l luggage) open(handle *mproc.Handle) error  { return l.imported(handle) }

func travel(object interface{ Export() (*mproc.Handle, error) }, imported func(*mproc.Handle) error,
	w words) (string, error) {
	l := luggage{object, imported}
	switch w.at(1) {
	case "send":
		return "ok", give(l, w.at(2))
	case "receive":
		return "ok", takeHandle(l, w.at(2))
	case "spawn":
		return spawn(l, w)
	case "inherit":
		return "ok", inherit(l)
	}
	return "unknown command: " + w.at(0) + " " + w.at(1), nil
}
