// Three processes play the game of life on one field, each a third of it, in step: nobody begins a generation before
// all have finished the last one. A glider flies around the field, whose edges meet, and comes back.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"time"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

const (
	processes   = 3
	size        = 12
	generations = 4 * size // a glider moves by one in four generations
)

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
func worker(which string) error {
	third, err := strconv.Atoi(which)
	if err != nil {
		return err
	}
	fields, err := mproc.OpenArray[byte](nil, "fields", nil)
	if err != nil {
		return err
	}
	defer fields.Close()
	generation, err := mproc.OpenValue[int32](nil, "generation", nil)
	if err != nil {
		return err
	}
	defer generation.Close()
	barrier, err := mproc.OpenBarrier(nil, "barrier", nil)
	if err != nil {
		return err
	}
	defer barrier.Close()
	// From here on the others are told if this process dies: they get ErrBroken instead of waiting for it.
	if err := barrier.Register(); err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for range generations {
		now, err := generation.Load()
		if err != nil {
			return err
		}
		err = fields.View(func(both []byte) error { // the array itself, not a copy
			from, to := both[:size*size], both[size*size:]
			if now%2 == 1 {
				from, to = to, from
			}
			for y := third * size / processes; y < (third+1)*size/processes; y++ {
				for x := range size {
					to[y*size+x] = next(from, x, y)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		// The last one to come does this, once, before anybody goes on.
		_, err = barrier.WaitAction(ctx, func() error { return generation.Store(now + 1) })
		if err != nil {
			return err
		}
	}
	return barrier.Unregister()
}

// next is what the cell becomes: it lives with three living neighbours, or goes on with two.
func next(field []byte, x, y int) byte {
	neighbours := -field[y*size+x]
	for dy := size - 1; dy <= size+1; dy++ {
		for dx := size - 1; dx <= size+1; dx++ {
			neighbours += field[(y+dy)%size*size+(x+dx)%size]
		}
	}
	if neighbours == 3 || neighbours == 2 && field[y*size+x] == 1 {
		return 1
	}
	return 0
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
	glider := make([]byte, size*size)
	for _, cell := range [][2]int{{1, 0}, {2, 1}, {0, 2}, {1, 2}, {2, 2}} {
		glider[cell[1]*size+cell[0]] = 1
	}
	fields, err := mproc.CreateArray(domain, "fields", glider, &mproc.ArrayOptions{Shape: []int{2, size, size}})
	if err != nil {
		return err
	}
	defer fields.Close()
	generation, err := mproc.CreateValue[int32](domain, "generation", 0, nil)
	if err != nil {
		return err
	}
	defer generation.Close()
	barrier, err := mproc.CreateBarrier(domain, "barrier", processes, nil)
	if err != nil {
		return err
	}
	defer barrier.Close()

	self, err := os.Executable()
	if err != nil {
		return err
	}
	var children []*exec.Cmd
	for third := range processes {
		child := exec.Command(self, strconv.Itoa(third))
		child.Env = append(os.Environ(), "MPROC_DOMAIN="+dir)
		child.Stderr = os.Stderr
		if err = child.Start(); err != nil {
			break
		}
		children = append(children, child)
	}
	if err != nil {
		barrier.Abort() // nobody waits for one who will not come
	}
	for _, child := range children {
		if failed := child.Wait(); failed != nil && err == nil {
			err = fmt.Errorf("a worker: %w", failed)
		}
	}
	if err != nil {
		return err
	}
	last, err := generation.Load()
	if err != nil {
		return err
	}
	field := make([]byte, size*size)
	if err := fields.Read(0, field); err != nil {
		return err
	}
	if !bytes.Equal(field, glider) {
		return fmt.Errorf("after %d generations the glider is somewhere else: %v", last, field)
	}
	fmt.Printf("%d generations by %d processes: the glider is back\n", last, processes)
	return nil
}
