package main

import (
	"context"
	"fmt"
	"strings"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// farEnd is that of a pair, until it is handed over.
var pipe, farEnd *mproc.Pipe

type pipeChannel struct{ *mproc.Pipe }

func (p pipeChannel) put(ctx context.Context, m []byte) error { return p.Send(ctx, m) }
func (p pipeChannel) tryPut(m []byte) error                   { return p.TrySend(m) }
func (p pipeChannel) get(ctx context.Context) ([]byte, error) { return p.Recv(ctx) }
func (p pipeChannel) tryGet() ([]byte, error)                 { return p.TryRecv() }
func (p pipeChannel) onReadable() mproc.WaitItem              { return mproc.OnReadable(p.Pipe) }
func (p pipeChannel) onWritable(n int) mproc.WaitItem         { return mproc.OnWritable(p.Pipe, n) }

// handOver hands a pair's far end over: it is the receiver's alone.
func (p pipeChannel) handOver() (*mproc.Handle, error) {
	if farEnd == nil {
		return p.Export()
	}
	handle, err := farEnd.Export()
	must(farEnd.Close())
	farEnd = nil
	return handle, err
}

func (p pipeChannel) open(handle *mproc.Handle) (err error) {
	must(pipe.Close())
	pipe, err = mproc.ImportPipe(handle, nil)
	return err
}

func doPipe(w words) (string, error) {
	switch w.at(1) {
	case "create", "open":
		must(pipe.Close())
		options := &mproc.PipeOptions{
			Capacity: uint64(w.number(3)), OneWay: w.at(5) == "oneway", Pollable: w.at(5) == "pollable",
		}
		var err error
		if w.at(1) == "open" {
			pipe, err = mproc.OpenPipe(nil, w.at(2), w.index(4), options)
		} else {
			pipe, err = mproc.CreatePipeEnd(nil, w.at(2), w.index(4), options)
		}
		return "ok", err
	case "pair":
		must(pipe.Close())
		var err error
		pipe, farEnd, err = mproc.CreatePipe(nil, "", &mproc.PipeOptions{Capacity: uint64(w.number(2))})
		return "ok", err
	case "exchange":
		return exchange(w), nil
	case "poll":
		_, err := waiting(w.number(2), func() (struct{}, error) { return struct{}{}, pipe.TryPoll() },
			func(ctx context.Context) (struct{}, error) { return struct{}{}, pipe.Poll(ctx) })
		return "ok", err
	case "peer":
		info, err := pipe.Info()
		return info.Peer.String(), err
	case "size":
		info, err := pipe.Info()
		return fmt.Sprint(info.Incoming, info.Outgoing), err
	case "info":
		info, err := pipe.Info()
		return fmt.Sprint(info.Steals, " 0"), err
	}
	return doChannel(pipeChannel{pipe}, w)
}

func exchange(w words) string {
	c, out, in, count := pipeChannel{pipe}, uint64(w.number(2)), uint64(w.number(3)), uint64(w.number(4))
	put := make(chan string)
	go func() { put <- putMessages(c, out, out+count, -1, w.number(5)) }()
	answers := []string{getMessages(c, in, in+count, -1, w.number(6), false), <-put}
	for _, answer := range answers {
		if !strings.HasPrefix(answer, "ok ") {
			return answer
		}
	}
	return "ok"
}
