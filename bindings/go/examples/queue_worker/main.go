// A worker process sends a message through a queue.
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
	queue, err := mproc.OpenQueue(nil, "messages", nil)
	if err != nil {
		return err
	}
	defer queue.Close()
	return queue.Put(context.Background(), []byte("Data from worker"))
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
	queue, err := mproc.CreateQueue(domain, "messages", nil)
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
	// Not for ever: a worker that was killed sends nothing.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	message, err := queue.Get(ctx)
	if failed := child.Wait(); failed != nil {
		return fmt.Errorf("the worker: %w", failed)
	}
	if err != nil {
		return err
	}
	fmt.Printf("Received from worker: %s\n", message)
	return nil
}
