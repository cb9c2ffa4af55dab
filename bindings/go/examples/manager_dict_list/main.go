// A manager has a dict and a list, and another process, which knows no more than the manager's address and their names,
// edits both.
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
	if len(os.Args) == 4 {
		run = func() error { return worker(os.Args[1], os.Args[2], os.Args[3]) }
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// worker would be the same on another machine: with the address "tcp:host:port", and a key.
func worker(address, dictName, listName string) error {
	manager, err := mproc.ConnectManager(address, nil)
	if err != nil {
		return err
	}
	defer manager.Close()
	d, err := mproc.OpenDict[any, any](manager.Domain(), dictName, nil)
	if err != nil {
		return err
	}
	defer d.Close()
	l, err := mproc.OpenList[int](manager.Domain(), listName, nil)
	if err != nil {
		return err
	}
	defer l.Close()

	for _, item := range []mproc.Item[any, any]{{Key: 1, Value: "1"}, {Key: "2", Value: 2}, {Key: 0.25, Value: nil}} {
		if err := d.Set(item.Key, item.Value); err != nil {
			return err
		}
	}
	return l.Reverse()
}

func parent() error {
	manager, err := mproc.StartManager(nil) // at a private place, for this user's processes
	if err != nil {
		return err
	}
	defer manager.Close()
	d, err := mproc.CreateDict[any, any](manager.Domain(), "", nil)
	if err != nil {
		return err
	}
	defer d.Close()
	l, err := mproc.CreateList[int](manager.Domain(), "", nil)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.Extend(0, 1, 2, 3, 4, 5, 6, 7, 8, 9); err != nil {
		return err
	}

	address, err := manager.Address()
	if err != nil {
		return err
	}
	dictName, err := d.Name() // it was made without a name, but the manager knows it by a number
	if err != nil {
		return err
	}
	listName, err := l.Name()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, address, dictName, listName)
	child.Stderr = os.Stderr
	if err := child.Run(); err != nil {
		return fmt.Errorf("the worker: %w", err)
	}

	items, err := d.Items() // in the order in which the keys came
	if err != nil {
		return err
	}
	var pairs []string
	for _, item := range items {
		pairs = append(pairs, literal(item.Key)+": "+literal(item.Value))
	}
	fmt.Printf("{%s}\n", strings.Join(pairs, ", "))
	numbers, err := l.Snapshot()
	if err != nil {
		return err
	}
	fmt.Println(strings.ReplaceAll(fmt.Sprint(numbers), " ", ", "))
	return nil
}

// literal is how Python would show a value.
func literal(value any) string {
	switch v := value.(type) {
	case nil:
		return "None"
	case string:
		return "'" + v + "'"
	}
	return fmt.Sprint(value)
}
