// A worker process is given a number and a queue that have no names.
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

func worker() error {
	handle, err := mproc.Inherited("number")
	if err != nil {
		return err
	}
	defer handle.Close()
	number, err := mproc.ImportValue[int64](handle, nil)
	if err != nil {
		return err
	}
	defer number.Close()
	handle, err = mproc.Inherited("answers")
	if err != nil {
		return err
	}
	defer handle.Close()
	answers, err := mproc.ImportQueue(handle, nil)
	if err != nil {
		return err
	}
	defer answers.Close()

	before, err := number.Load()
	if err != nil {
		return err
	}
	if err := number.Store(before*2 + 2); err != nil {
		return err
	}
	return answers.Put(context.Background(), []byte("Hello from the spawned worker"))
}

func parent() error {
	// The domain has no name either: only those who are given a handle can get in.
	domain, err := mproc.OpenDomain(&mproc.DomainOptions{Anonymous: true})
	if err != nil {
		return err
	}
	defer domain.Close()
	number, err := mproc.CreateValue[int64](domain, "", 20, nil)
	if err != nil {
		return err
	}
	defer number.Close()
	answers, err := mproc.CreateQueue(domain, "", nil)
	if err != nil {
		return err
	}
	defer answers.Close()

	numberHandle, err := number.Export()
	if err != nil {
		return err
	}
	defer numberHandle.Close()
	answersHandle, err := answers.Export()
	if err != nil {
		return err
	}
	defer answersHandle.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, "worker")
	child.Stderr = os.Stderr
	done, err := mproc.PassTo(child, map[string]*mproc.Handle{"number": numberHandle, "answers": answersHandle})
	if err != nil {
		return err
	}
	defer done()
	if err := child.Start(); err != nil {
		return err
	}
	// Not for ever: a worker that was killed sends nothing.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	message, err := answers.Get(ctx)
	if failed := child.Wait(); failed != nil {
		return fmt.Errorf("the worker: %w", failed)
	}
	if err != nil {
		return err
	}
	fmt.Printf("Received from worker: %s\n", message)
	now, err := number.Load()
	if err != nil {
		return err
	}
	fmt.Println("Total after worker:", now)
	return nil
}
