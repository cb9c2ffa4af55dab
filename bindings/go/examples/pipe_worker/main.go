// A worker process is given one end of a pipe and sends a message through it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"

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
	handle, err := mproc.Inherited("pipe")
	if err != nil {
		return err
	}
	defer handle.Close()
	pipe, err := mproc.ImportPipe(handle, nil)
	if err != nil {
		return err
	}
	defer pipe.Close()
	return pipe.Send(context.Background(), []byte("Data from worker"))
}

func parent() error {
	domain, err := mproc.OpenDomain(&mproc.DomainOptions{Anonymous: true})
	if err != nil {
		return err
	}
	defer domain.Close()
	mine, theirs, err := mproc.CreatePipe(domain, "", nil)
	if err != nil {
		return err
	}
	defer mine.Close()
	defer theirs.Close()
	child, err := startWorker(theirs)
	if err != nil {
		return err
	}
	// From here on only the worker has its end. If it dies without a word, Recv ends with io.EOF.
	theirs.Close()
	message, err := mine.Recv(context.Background())
	if failed := child.Wait(); failed != nil {
		return fmt.Errorf("the worker: %w", failed)
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the worker sent nothing")
	}
	if err != nil {
		return err
	}
	fmt.Printf("Received from worker: %s\n", message)
	return nil
}

// startWorker starts this program again and gives it the end of a pipe.
func startWorker(end *mproc.Pipe) (*exec.Cmd, error) {
	handle, err := end.Export()
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.Command(self, "worker")
	child.Stderr = os.Stderr
	done, err := mproc.PassTo(child, map[string]*mproc.Handle{"pipe": handle})
	if err != nil {
		return nil, err
	}
	defer done()
	return child, child.Start()
}
