// A worker process increments a shared number five times and announces each step through a queue.
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

func main() {
	run := parent
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		run = worker
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// worker uses the default domain, which the parent has set to its own.
func worker() error {
	number, err := mproc.OpenValue[int32](nil, "number", nil)
	if err != nil {
		return err
	}
	defer number.Close()
	queue, err := mproc.OpenQueue(nil, "steps", nil)
	if err != nil {
		return err
	}
	defer queue.Close()

	ctx := context.Background()
	for range 5 {
		var now int32
		// recovered would tell that a process died between its Load and its Store: here, nothing is then half done.
		err := number.With(ctx, func(recovered bool) error {
			before, err := number.Load()
			if err != nil {
				return err
			}
			now = before + 1
			return number.Store(now)
		})
		if err != nil {
			return err
		}
		if err := queue.Put(ctx, fmt.Appendf(nil, "Incremented to %d", now)); err != nil {
			return err
		}
	}
	return nil
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
	number, err := mproc.CreateValue[int32](domain, "number", 0, nil)
	if err != nil {
		return err
	}
	defer number.Close()
	queue, err := mproc.CreateQueue(domain, "steps", nil)
	if err != nil {
		return err
	}
	defer queue.Close()

	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, "worker")
	child.Env = append(os.Environ(), "MPROC_DOMAIN="+dir)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		return err
	}
	// Each message as soon as it is there; not for ever, because a worker that was killed sends none.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for range 5 {
		var message []byte
		if message, err = queue.Get(ctx); err != nil {
			break
		}
		fmt.Printf("%s\n", message)
	}
	if failed := child.Wait(); failed != nil {
		return fmt.Errorf("the worker: %w", failed)
	}
	if err != nil {
		return err
	}
	final, err := number.Load()
	if err != nil {
		return err
	}
	fmt.Println("Final shared number:", final)
	return nil
}
