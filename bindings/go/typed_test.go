package mproc

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestValuesThroughQueuesAndPipes(t *testing.T) {
	d, dir := newDomain(t)
	ctx, cancel := context.WithTimeout(bg, patience)
	defer cancel()
	for _, pollable := range []bool{false, true} {
		q := closing[*Queue](t)(CreateQueue(d, "", &QueueOptions{Pollable: pollable}))
		a, b := newPipe(t, d, "", &PipeOptions{Pollable: pollable})
		for _, want := range []allKinds{sample(), {}, {Text: strings.Repeat("long", 10000)}} {
			must(t, PutValue(ctx, q, want))
			must(t, SendValue(ctx, a, &want))
			for _, from := range []func() (allKinds, error){
				func() (allKinds, error) { return GetValue[allKinds](ctx, q) },
				func() (allKinds, error) { return RecvValue[allKinds](ctx, b) },
			} {
				have, err := from()
				must(t, err)
				if !equal(have, want) {
					t.Errorf("got %+v, want %+v", have, want)
				}
			}
		}
		must(t, TryPutValue(q, 5))
		must(t, TryPutValue[any](q, "text"))
		must(t, TryPutValue(q, NamedRef(KindQueue, "back")))
		must(t, TryPutValue(q, []byte("raw")))
		got(t, 5)(TryGetValue[int](q))
		got(t, "text")(TryGetValue[string](q))
		got(t, any(NamedRef(KindQueue, "back")))(TryGetValue[any](q))
		raw, err := TryGetValue[[]byte](q)
		must(t, err)
		if !bytes.Equal(raw, []byte("raw")) {
			t.Errorf("%q", raw)
		}
		fails(t, second(TryGetValue[int](q)), ErrTimeout)
		must(t, TrySendValue(a, 1.5))
		got(t, 1.5)(TryRecvValue[float64](b))
		fails(t, second(TryRecvValue[float64](b)), ErrTimeout)
		// What does not fit is taken.
		must(t, TryPutValue(q, "x"))
		must(t, q.Put(bg, []byte("\xc1")))
		must(t, q.Put(bg, []byte("\xd1\x00\x07")))
		fails(t, second(TryGetValue[int](q)), ErrType)
		fails(t, second(TryGetValue[int](q)), ErrInvalid)
		got(t, 7)(TryGetValue[int](q))
		fails(t, TryPutValue(q, make(chan int)), ErrType)
		fails(t, TryPutValue(q, NewDict()), ErrInvalid)
		fails(t, TrySendValue(a, "\xff"), ErrInvalid)
		// A message is the value's encoding.
		must(t, TryPutValue(q, map[string]any{"a": []int{1}}))
		message, err := q.TryGet()
		got(t, "\x81\xa1a\x91\x01")(string(message), err)

		// Contexts and Close end waits.
		short, stop := context.WithTimeout(bg, 10*time.Millisecond)
		fails(t, second(GetValue[int](short, q)), ErrTimeout, context.DeadlineExceeded)
		fails(t, second(RecvValue[int](short, b)), ErrTimeout, context.DeadlineExceeded)
		stop()
		ended := make(chan error)
		go func() { ended <- second(GetValue[int](bg, q)) }()
		must(t, q.Close())
		fails(t, <-ended, ErrClosedHandle)
		fails(t, TryPutValue(q, 1), ErrClosedHandle)
		must(t, a.Close())
		fails(t, second(RecvValue[int](ctx, b)), ErrEOF)
		fails(t, second(TryRecvValue[int](a)), ErrClosedHandle)
		fails(t, TrySendValue(a, 1), ErrClosedHandle)
	}

	jobs := closing[*Queue](t)(CreateQueue(d, "jobs", nil))
	answers := closing[*Queue](t)(CreateQueue(d, "answers", nil))
	h := start(t, dir, "answer-values")
	for i := range 10 {
		must(t, PutValue(ctx, jobs, map[string]int{"n": i}))
		answer, err := GetValue[[]any](ctx, answers)
		must(t, err)
		if !reflect.DeepEqual(answer, []any{int64(i), float64(i) / 2, nil}) {
			t.Errorf("%d: %v", i, answer)
		}
	}
	must(t, jobs.Shutdown(false))
	h.ends()
}

func roleAnswerValues() {
	jobs := need(OpenQueue(nil, "jobs", nil))
	answers := need(OpenQueue(nil, "answers", nil))
	for {
		job, err := GetValue[struct {
			N int `mproc:"n"`
		}](bg, jobs)
		if errors.Is(err, ErrClosed) {
			return
		}
		checked(err)
		checked(PutValue(bg, answers, []any{job.N, float64(job.N) / 2, nil}))
	}
}
