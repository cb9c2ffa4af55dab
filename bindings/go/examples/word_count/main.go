// Workers count words together in a shared dict, and note in a list inside it which lines they have read.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"time"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

const text = `one fish two fish
red fish blue fish
black fish blue fish
old fish new fish`

type line struct {
	Number int    `mproc:"number"`
	Text   string `mproc:"text"`
}

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
	lines, err := mproc.OpenQueue(nil, "lines", nil)
	if err != nil {
		return err
	}
	defer lines.Close()
	counts, err := mproc.OpenDict[string, int](nil, "counts", nil)
	if err != nil {
		return err
	}
	defer counts.Close()
	for {
		next, err := mproc.GetValue[line](context.Background(), lines)
		if errors.Is(err, mproc.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, word := range strings.Fields(next.Text) {
			if _, err := counts.Add(word, 1); err != nil { // atomic: no lock is needed
				return err
			}
		}
		if err := counts.AppendTo("(lines)", next.Number); err != nil { // makes the list if need be
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
	lines, err := mproc.CreateQueue(domain, "lines", nil)
	if err != nil {
		return err
	}
	defer lines.Close()
	counts, err := mproc.CreateDict[string, int](domain, "counts", nil)
	if err != nil {
		return err
	}
	defer counts.Close()

	self, err := os.Executable()
	if err != nil {
		return err
	}
	// Not for ever.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var workers []*exec.Cmd
	for range 3 {
		child := exec.CommandContext(ctx, self, "worker")
		child.Env = append(os.Environ(), "MPROC_DOMAIN="+dir)
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			return err
		}
		workers = append(workers, child)
	}
	for i, one := range strings.Split(text, "\n") {
		if err := mproc.PutValue(ctx, lines, line{i + 1, one}); err != nil {
			return err
		}
	}
	if err := lines.Shutdown(false); err != nil { // the workers end when it is empty
		return err
	}
	for _, child := range workers {
		if err := child.Wait(); err != nil {
			return fmt.Errorf("a worker: %w", err)
		}
	}

	read, err := mproc.ListAt[int](counts, "(lines)")
	if err != nil {
		return err
	}
	defer read.Close()
	if err := read.Sort(false); err != nil {
		return err
	}
	numbers, err := read.Snapshot()
	if err != nil {
		return err
	}
	if err := counts.Delete("(lines)"); err != nil {
		return err
	}
	words, most := 0, ""
	all, err := counts.Snapshot()
	if err != nil {
		return err
	}
	for word, n := range all {
		words += n
		if n > all[most] {
			most = word
		}
	}
	fmt.Printf("lines %v: %d words, %d different, most often %q: %d\n", numbers, words, len(all), most, all[most])
	return nil
}
