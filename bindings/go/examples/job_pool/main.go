// Worker processes take jobs from a queue under leases. Some are killed while they work; every job gets done.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"time"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

const (
	jobs    = 200
	workers = 4
	kills   = 5
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

// pool is what parent and workers share.
type pool struct {
	jobs    *mproc.Queue        // numbers, taken under leases
	begun   *mproc.Queue        // who has begun a job
	results *mproc.Array[int64] // of each job; 0: not there yet
}

func (p *pool) close() {
	p.jobs.Close()
	p.begun.Close()
	p.results.Close()
}

// worker uses the default domain, which the parent has set to its own.
func worker(name string) error {
	var p pool
	var err error
	defer p.close()
	if p.jobs, err = mproc.OpenQueue(nil, "jobs", nil); err != nil {
		return err
	}
	if p.begun, err = mproc.OpenQueue(nil, "begun", nil); err != nil {
		return err
	}
	if p.results, err = mproc.OpenArray[int64](nil, "results", nil); err != nil {
		return err
	}
	ctx := context.Background()
	for {
		job, err := p.jobs.Lease(ctx)
		if errors.Is(err, mproc.ErrClosed) {
			return nil // no more jobs
		}
		if err != nil {
			return err
		}
		if err := p.begun.Put(ctx, []byte(name)); err != nil {
			return err
		}
		n := int64(binary.LittleEndian.Uint64(job.Bytes()))
		time.Sleep(2 * time.Millisecond) // hard work
		if err := p.results.Set(int(n), (n+1)*(n+1)); err != nil {
			return err
		}
		// Only now is it done: a worker that dies before this line leaves the job to another.
		if err := job.Ack(); err != nil {
			return err
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
	var p pool
	defer p.close()
	if p.jobs, err = mproc.CreateQueue(domain, "jobs", &mproc.QueueOptions{Lease: true}); err != nil {
		return err
	}
	if p.begun, err = mproc.CreateQueue(domain, "begun", nil); err != nil {
		return err
	}
	if p.results, err = mproc.CreateArray(domain, "results", make([]int64, jobs), nil); err != nil {
		return err
	}
	// Not for ever: nobody works if every worker fails.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for n := range uint64(jobs) {
		if err := p.jobs.Put(ctx, binary.LittleEndian.AppendUint64(nil, n)); err != nil {
			return err
		}
	}
	var staff [workers]*exec.Cmd
	defer func() {
		for _, w := range staff {
			if w != nil && w.ProcessState == nil {
				w.Process.Kill()
				w.Wait()
			}
		}
	}()
	for i := range staff {
		if staff[i], err = hire(dir, i); err != nil {
			return err
		}
	}
	killed, err := killSome(ctx, dir, p.begun, &staff)
	if err != nil {
		return err
	}
	if _, err := p.jobs.Join(ctx); err != nil { // until every job was acknowledged
		return err
	}
	if err := p.jobs.Shutdown(false); err != nil {
		return err
	}
	for _, w := range staff {
		if err := w.Wait(); err != nil {
			return fmt.Errorf("a worker: %w", err)
		}
	}
	done := 0
	for n := range jobs {
		result, err := p.results.Get(n)
		if err != nil {
			return err
		}
		if result == int64(n+1)*int64(n+1) {
			done++
		}
	}
	fmt.Printf("%d jobs done, %d workers killed\n", done, killed)
	return nil
}

// hire starts a worker.
func hire(dir string, i int) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := exec.Command(self, strconv.Itoa(i))
	w.Env = append(os.Environ(), "MPROC_DOMAIN="+dir)
	w.Stderr = os.Stderr
	if err := w.Start(); err != nil {
		return nil, err
	}
	return w, nil
}

// killSome kills workers that have just begun a job, and replaces them.
func killSome(ctx context.Context, dir string, begun *mproc.Queue, staff *[workers]*exec.Cmd) (killed int, err error) {
	for killed < kills {
		var name []byte
		for range jobs / 2 / kills {
			if name, err = begun.Get(ctx); err != nil {
				return killed, err
			}
		}
		i, err := strconv.Atoi(string(name))
		if err != nil {
			return killed, err
		}
		if err := staff[i].Process.Kill(); err != nil {
			return killed, err
		}
		staff[i].Wait() // its exit status is no surprise
		killed++
		if staff[i], err = hire(dir, i); err != nil {
			return killed, err
		}
	}
	return killed, nil
}
