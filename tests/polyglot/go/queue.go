package main

import (
	"context"
	"fmt"
	"strings"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

var queue *mproc.Queue

type queueChannel struct{ *mproc.Queue }

func (q queueChannel) put(ctx context.Context, m []byte) error { return q.Put(ctx, m) }
func (q queueChannel) tryPut(m []byte) error                   { return q.TryPut(m) }
func (q queueChannel) get(ctx context.Context) ([]byte, error) { return q.Get(ctx) }
func (q queueChannel) tryGet() ([]byte, error)                 { return q.TryGet() }
func (q queueChannel) onReadable() mproc.WaitItem              { return mproc.OnReadable(q.Queue) }
func (q queueChannel) onWritable(n int) mproc.WaitItem         { return mproc.OnWritable(q.Queue, n) }
func (q queueChannel) handOver() (*mproc.Handle, error)        { return q.Export() }
func (q queueChannel) open(handle *mproc.Handle) (err error) {
	must(queue.Close())
	queue, err = mproc.ImportQueue(handle, nil)
	return err
}

func doQueue(w words) (string, error) {
	switch w.at(1) {
	case "create", "open":
		must(queue.Close())
		flags := w.at(4)
		options := &mproc.QueueOptions{
			Capacity: uint64(w.number(3)), Lease: flags == "lease", Joinable: flags == "joinable", Pollable: flags == "pollable",
		}
		var err error
		if w.at(1) == "open" {
			queue, err = mproc.OpenQueue(nil, w.at(2), options)
		} else {
			queue, err = mproc.CreateQueue(nil, strings.TrimPrefix(w.at(2), "-"), options)
		}
		return "ok", err
	case "done":
		return "ok", queue.TaskDone()
	case "join":
		recovered, err := waiting(w.number(2), queue.TryJoin, queue.Join)
		if recovered {
			return "recovered", err
		}
		return "ok", err
	case "produce":
		producer, err := queue.Producer()
		if err == nil {
			must(queue.Close())
			queue = producer
		}
		return "ok", err
	case "shutdown":
		return "ok", queue.Shutdown(w.at(2) == "immediate")
	case "size":
		n, err := queue.Len()
		return fmt.Sprint(n), err
	case "info":
		info, err := queue.Info()
		return fmt.Sprint(info.Steals, " 0"), err
	}
	return doChannel(queueChannel{queue}, w)
}
