// A worker process appends to a list that a manager has.
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

func main() {
	run := parent
	if len(os.Args) == 2 {
		run = func() error { return worker(os.Args[1]) }
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func worker(address string) error {
	manager, err := mproc.ConnectManager(address, nil)
	if err != nil {
		return err
	}
	defer manager.Close()
	shared, err := mproc.OpenList[string](manager.Domain(), "shared", nil)
	if err != nil {
		return err
	}
	defer shared.Close()
	return shared.Append("Data from worker")
}

func parent() error {
	manager, err := mproc.StartManager(nil)
	if err != nil {
		return err
	}
	defer manager.Close()
	shared, err := mproc.CreateList[string](manager.Domain(), "shared", nil)
	if err != nil {
		return err
	}
	defer shared.Close()

	address, err := manager.Address()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, address)
	child.Stderr = os.Stderr
	if err := child.Run(); err != nil {
		return fmt.Errorf("the worker: %w", err)
	}

	all, err := shared.Snapshot()
	if err != nil {
		return err
	}
	fmt.Printf("Shared list after worker modification: ['%s']\n", strings.Join(all, "', '"))
	return nil
}
