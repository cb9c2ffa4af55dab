package mproc

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func TestTokensGrow(t *testing.T) {
	everywhere(t, func(t *testing.T, d *Domain) {
		l := closing[*Lock](t)(CreateLock(d, "", nil))
		r, owner := closing[*RLock](t)(CreateRLock(d, "", nil)), NewToken()
		w := closing[*RWLock](t)(CreateRWLock(d, "", nil))
		for name, lock := range map[string]struct {
			take, free func() error
			token      func() (FencingToken, error)
		}{
			"lock": {func() error { return second(l.Lock(bg)) }, l.Unlock, l.Token},
			"rlock": {
				func() error { return second(r.Lock(bg, owner)) },
				func() error { return r.Unlock(owner) },
				func() (FencingToken, error) { return r.Token(owner) },
			},
			"write": {func() error { return second(w.Lock(bg)) }, w.Unlock, w.Token},
		} {
			var last FencingToken
			for range 3 {
				fails(t, second(lock.token()), ErrNotHolder)
				must(t, lock.take())
				for range 2 {
					token, err := lock.token()
					must(t, err)
					if token <= last {
						t.Fatalf("%s: token %d after %d", name, token, last)
					}
					last = token
				}
				must(t, lock.free())
			}
		}
		got(t, false)(r.Lock(bg, owner))
		fails(t, second(r.Token(NewToken())), ErrNotHolder)
		must(t, r.Unlock(owner))
		got(t, false)(w.RLock(bg))
		fails(t, second(w.Token()), ErrNotHolder) // a reader has none
		must(t, w.RUnlock())
	})
}

func TestFencedOperations(t *testing.T) {
	everywhere(t, func(t *testing.T, d *Domain) {
		dict := closing[*Dict[string, int]](t)(CreateDict[string, int](d, "", nil))
		list := closing[*List[int]](t)(CreateList[int](d, "", nil))
		ns := closing[*Namespace](t)(CreateNamespace(d, "", nil))
		queue := closing[*Queue](t)(CreateQueue(d, "", &QueueOptions{MaxItems: 2}))
		must(t, list.Append(0))
		for _, operations := range map[string][]func(token FencingToken) error{
			"dict": {
				func(token FencingToken) error { return dict.SetIfToken("a", int(token), token) },
				func(token FencingToken) error { return dict.DeleteIfToken("a", token) },
			},
			"list": {
				func(token FencingToken) error { return list.SetIfToken(0, int(token), token) },
				func(token FencingToken) error { return list.AppendIfToken(int(token), token) },
			},
			"namespace": {
				func(token FencingToken) error { return ns.SetIfToken("a", int(token), token) },
				func(token FencingToken) error { return ns.DeleteIfToken("a", token) },
			},
			"queue": {
				func(token FencingToken) error { return queue.PutIfToken(bg, []byte{byte(token)}, token) },
			},
		} {
			for i, operation := range operations {
				fails(t, operation(0), ErrInvalid)
				must(t, operation(FencingToken(10+10*i)))
				fails(t, operation(FencingToken(9+10*i)), ErrFenced)
			}
			last := operations[0]
			fails(t, last(FencingToken(10*len(operations)-1)), ErrFenced)
			must(t, last(FencingToken(10*len(operations))))
		}
		got(t, 20)(dict.Get("a"))
		holds(t, list, 20, 20)
		got(t, 20)(NamespaceGet[int](ns, "a"))
		// What is done without a token is not looked at.
		must(t, dict.Set("a", 1))
		got(t, 2)(queue.Len())
		short, stop := context.WithTimeout(bg, time.Millisecond)
		defer stop()
		fails(t, queue.PutIfToken(short, nil, 11), ErrTimeout, context.DeadlineExceeded)
		for range 2 {
			m, err := queue.TryGet()
			got(t, "[10]")(fmt.Sprint(m), err)
		}
		must(t, queue.PutIfToken(bg, nil, 11))
	})
}
