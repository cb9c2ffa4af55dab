// A hundred processes add 1 to the same number: without a lock some additions get lost, with one none.
//
// A single addition would need no lock: Value.Add is atomic. This is about updates of several steps
// (read, think, write).
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"time"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

const processes = 100

func main() {
	run := parent
	if len(os.Args) > 1 {
		run = func() error { return worker(os.Args[1]) }
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// worker uses the default domain, which the parent has set to its own.
func worker(kind string) error {
	number, err := mproc.OpenValue[int32](nil, kind, nil)
	if err != nil {
		return err
	}
	defer number.Close()
	if kind == "unsafe" {
		return addOne(number)
	}
	lock, err := mproc.OpenLock(nil, "lock", nil)
	if err != nil {
		return err
	}
	defer lock.Close()
	// recovered would tell that a process died under the lock: here, nothing is then half done.
	return lock.With(context.Background(), func(recovered bool) error { return addOne(number) })
}

// addOne reads, thinks a millisecond, and writes: whoever comes in between is overwritten.
func addOne(number *mproc.Value[int32]) error {
	seen, err := number.Load()
	if err != nil {
		return err
	}
	time.Sleep(time.Millisecond)
	return number.Store(seen + 1)
}

func parent() error {
	dir, err := os.MkdirTemp("/dev/shm", "mproc-example-")
	if err != nil {
		return err
	}
	defer mproc.RemoveDomain(dir)
	domain, err := mproc.OpenDomain(&mproc.DomainOptions{Path: dir})
	if err != nil {
		return err
	}
	defer domain.Close()
	lock, err := mproc.CreateLock(domain, "lock", nil)
	if err != nil {
		return err
	}
	defer lock.Close()
	lossy, err := race(domain, dir, "unsafe")
	if err != nil {
		return err
	}
	fmt.Println("Unsafe final value:", lossy) // most likely less than 100
	exact, err := race(domain, dir, "safe")
	if err != nil {
		return err
	}
	fmt.Println("Safe final value:", exact)
	return nil
}

func race(domain *mproc.Domain, dir, kind string) (int32, error) {
	number, err := mproc.CreateValue[int32](domain, kind, 0, nil)
	if err != nil {
		return 0, err
	}
	defer number.Close()
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	var children []*exec.Cmd
	for range processes {
		child := exec.Command(self, kind)
		child.Env = append(os.Environ(), "MPROC_DOMAIN="+dir)
		child.Stderr = os.Stderr
		if err = child.Start(); err != nil {
			break
		}
		children = append(children, child)
	}
	for _, child := range children {
		if failed := child.Wait(); failed != nil && err == nil {
			err = fmt.Errorf("a worker: %w", failed)
		}
	}
	if err != nil {
		return 0, err
	}
	return number.Load()
}
