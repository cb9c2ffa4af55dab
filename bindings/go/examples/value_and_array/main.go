// A number and an array, shared with a worker process that changes both.
//
// Go programs do not fork: the parent starts itself again as the worker, and they meet by the objects'
// names, in a domain of their own.
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
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		run = worker
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// worker uses the default domain, which the parent has set to its own.
func worker() error {
	num, err := mproc.OpenValue[float64](nil, "num", nil)
	if err != nil {
		return err
	}
	defer num.Close()
	arr, err := mproc.OpenArray[int32](nil, "arr", nil)
	if err != nil {
		return err
	}
	defer arr.Close()

	if err := num.Store(3.1415927); err != nil {
		return err
	}
	return arr.View(func(a []int32) error { // the array itself, not a copy
		for i := range a {
			a[i] = -a[i]
		}
		return nil
	})
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
	num, err := mproc.CreateValue(domain, "num", 0.0, nil)
	if err != nil {
		return err
	}
	defer num.Close()
	arr, err := mproc.CreateArray(domain, "arr", []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, nil)
	if err != nil {
		return err
	}
	defer arr.Close()

	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, "worker")
	child.Env = append(os.Environ(), "MPROC_DOMAIN="+dir)
	child.Stderr = os.Stderr
	if err := child.Run(); err != nil {
		return fmt.Errorf("the worker: %w", err)
	}

	n, err := num.Load()
	if err != nil {
		return err
	}
	fmt.Println(n)
	return arr.View(func(a []int32) error {
		fmt.Println(strings.ReplaceAll(fmt.Sprint(a), " ", ", "))
		return nil
	})
}
