// One loop selects among many queues, signals and time. The queues are pollable, so the goroutines that wait for them
// occupy no threads.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"time"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

const (
	workers  = 4
	queues   = 100
	messages = 10 // from each worker through each queue
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

func name(queue int) string { return "queue-" + strconv.Itoa(queue) }

// worker uses the default domain, which the parent has set to its own.
func worker(number string) error {
	ctx := context.Background()
	for i := range queues {
		queue, err := mproc.OpenQueue(nil, name(i), nil)
		if err != nil {
			return err
		}
		defer queue.Close()
		for range messages {
			if err := queue.Put(ctx, []byte("from worker "+number)); err != nil {
				return err
			}
		}
	}
	return nil
}

// message is what the loop gets: what came, and through which queue.
type message struct {
	queue int
	text  []byte
	err   error
}

// receive passes everything that comes through a queue on, until the queue is shut down.
func receive(ctx context.Context, queue *mproc.Queue, number int, to chan<- message) {
	for {
		text, err := queue.Get(ctx)
		if errors.Is(err, mproc.ErrClosed) {
			return
		}
		to <- message{number, text, err}
		if err != nil {
			return
		}
	}
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

	// Ends everything below: the workers, too.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	incoming := make(chan message)
	var all []*mproc.Queue
	var receivers sync.WaitGroup
	for i := range queues {
		queue, err := mproc.CreateQueue(domain, name(i), &mproc.QueueOptions{Pollable: true, Capacity: 4096})
		if err != nil {
			return err
		}
		defer queue.Close()
		all = append(all, queue)
		receivers.Add(1)
		go func() {
			defer receivers.Done()
			receive(ctx, queue, i, incoming)
		}()
	}
	workersDone := make(chan error, 1)
	go func() { workersDone <- runWorkers(ctx, dir) }()

	// The loop: every message, from whichever queue; the end of the workers; and not for ever.
	timeout := time.After(30 * time.Second)
	counts := make([]int, queues)
	for {
		select {
		case m, more := <-incoming:
			if !more {
				return report(counts)
			}
			if m.err != nil {
				return m.err
			}
			counts[m.queue]++
		case err := <-workersDone:
			if err != nil {
				return err
			}
			// What is inside still comes, then the receivers end.
			for _, queue := range all {
				if err := queue.Shutdown(false); err != nil {
					return err
				}
			}
			go func() { receivers.Wait(); close(incoming) }()
		case <-timeout:
			return errors.New("the workers take too long")
		}
	}
}

func report(counts []int) error {
	sum := 0
	for i, count := range counts {
		if count != workers*messages {
			return fmt.Errorf("%d messages came through queue %d", count, i)
		}
		sum += count
	}
	fmt.Printf("%d messages came through %d queues\n", sum, len(counts))
	return nil
}

// runWorkers runs this program several times and waits for all of them.
func runWorkers(ctx context.Context, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ended := make(chan error, workers)
	for i := range workers {
		worker := exec.CommandContext(ctx, self, strconv.Itoa(i))
		worker.Env = append(os.Environ(), "MPROC_DOMAIN="+dir)
		worker.Stderr = os.Stderr
		go func() { ended <- worker.Run() }()
	}
	for range workers {
		err = errors.Join(err, <-ended)
	}
	return err
}
