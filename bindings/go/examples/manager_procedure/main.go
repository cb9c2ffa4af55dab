// An object of a type that the library does not have, statistics, behind procedures of a manager: only the server has
// it, and clients, in any language, call what it can do. Three workers record numbers; one of them is killed.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

const (
	workers = 3
	each    = 100
)

func main() {
	run := parent
	if len(os.Args) == 3 {
		run = func() error { return worker(os.Args[1], os.Args[2]) }
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// statistics is the object. Procedures run in goroutines of their own, several at a time: hence the mutex.
type statistics struct {
	mu     sync.Mutex
	sum    int
	report report
}

type report struct {
	Count int     `mproc:"count"`
	Least int     `mproc:"least"`
	Most  int     `mproc:"most"`
	Mean  float64 `mproc:"mean"`
}

// record gives how many numbers there are.
func (s *statistics) record(number int) (count int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.report
	if r.Count == 0 {
		r.Least, r.Most = number, number
	}
	r.Count++
	r.Least, r.Most = min(r.Least, number), max(r.Most, number)
	s.sum += number
	r.Mean = float64(s.sum) / float64(r.Count)
	return r.Count, nil
}

func (s *statistics) get(any) (report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report, nil
}

func worker(address, which string) error {
	number, err := strconv.Atoi(which)
	if err != nil {
		return err
	}
	manager, err := mproc.ConnectManager(address, nil)
	if err != nil {
		return err
	}
	defer manager.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for i := range each {
		if err := manager.Call(ctx, "record", number*each+i, nil); err != nil {
			return err
		}
	}
	if number == workers-1 {
		return syscall.Kill(os.Getpid(), syscall.SIGKILL) // no goodbye
	}
	return nil
}

func parent() error {
	manager, err := mproc.StartManager(nil)
	if err != nil {
		return err
	}
	defer manager.Close()
	var s statistics
	if err := mproc.RegisterFunc(manager, "record", s.record); err != nil {
		return err
	}
	if err := mproc.RegisterFunc(manager, "report", s.get); err != nil {
		return err
	}

	address, err := manager.Address()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var children []*exec.Cmd
	for i := range workers {
		child := exec.Command(self, address, strconv.Itoa(i))
		child.Stderr = os.Stderr
		if err = child.Start(); err != nil {
			break
		}
		children = append(children, child)
	}
	finished := 0
	for _, child := range children {
		if child.Wait() == nil {
			finished++
		}
	}
	if err != nil {
		return err
	}

	// The server calls as a client does.
	ctx := context.Background()
	refused := "no"
	if errors.Is(manager.Call(ctx, "record", "no number", nil), mproc.ErrType) {
		refused = "yes"
	}
	fmt.Printf("%d of %d workers have finished; text is refused: %s\n", finished, workers, refused)
	var seen report
	if err := manager.Call(ctx, "report", nil, &seen); err != nil {
		return err
	}
	json, err := mproc.ToJSON(seen, false)
	if err != nil {
		return err
	}
	fmt.Println(json)
	if finished != workers-1 {
		return fmt.Errorf("%d workers have finished, not %d", finished, workers-1)
	}
	return nil
}
