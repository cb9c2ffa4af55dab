package mproc

import (
	"context"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// wait is how long one call may wait, and the token that ends it.
type wait struct {
	timeout int64
	token   unsafe.Pointer
	bond    *bond // nil without a cancellable context
}

// atOnce is the context of calls that do not wait.
var atOnce context.Context = &noWait{context.Background()}

type noWait struct{ context.Context }

// wait prepares a call that may wait; h must be entered. done must follow.
func (h *handle) wait(ctx context.Context) (wait, error) {
	if ctx == atOnce {
		return wait{}, nil
	}
	w := wait{timeout: cmproc.UntilClosed, token: h.res.closing}
	if ctx == nil {
		return w, refuse(ErrInvalid, "the context is nil")
	}
	if ctx.Err() != nil {
		return w, contextError(ctx)
	}
	if deadline, ok := ctx.Deadline(); ok {
		w.timeout = remaining(deadline)
	}
	if done := ctx.Done(); done != nil {
		if w.timeout < 0 {
			w.timeout = cmproc.Forever
		}
		b, err := h.res.waits.bind(ctx, done)
		if err != nil {
			return w, err
		}
		w.bond, w.token = b, b.token.raw
	}
	return w, nil
}

// remaining is how long the library is to wait for.
func remaining(deadline time.Time) int64 { return max(int64(time.Until(deadline)), 0) }

// done ends a call that wait began, and says in Go's terms how it went.
func (h *handle) done(ctx context.Context, w wait, status int32, e *cmproc.Error) error {
	if w.bond != nil {
		w.bond.release()
	}
	if status >= 0 {
		return nil
	}
	switch Status(status) {
	case ErrTimeout:
		if w.timeout >= 0 && ctx != atOnce {
			// The library's clock may be a little ahead of the context's timer.
			failed := failure(status, e)
			failed.cause = context.DeadlineExceeded
			return failed
		}
	case ErrCanceled:
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		if h.closed() {
			return ErrClosedHandle
		}
	}
	return failure(status, e)
}

// waits are a handle's bonds with contexts. A bond usually lasts for one call; the bond with a context that is
// used twice in a row is kept, so that a loop that calls with the same context over and over registers no more.
type waits struct {
	kept  atomic.Pointer[bond]
	mu    sync.Mutex
	seen  <-chan struct{} // of the context that was bound last
	bonds map[*bond]struct{}
	joint map[*joint]struct{} // of calls on several handles
	ended bool
}

// bond is a token that is set when one context is done (or the handle is closed).
type bond struct {
	waits *waits
	done  <-chan struct{} // identifies the context's cancellation; holding it keeps its address unique
	token *token
	stop  func() bool
	refs  atomic.Int32 // waits.kept, and the calls that use it; no way back from 0
	spent bool         // the token was set by end; under waits.mu
}

// bind gives the bond with ctx, whose channel is done, to one call.
func (ws *waits) bind(ctx context.Context, done <-chan struct{}) (*bond, error) {
	if b := ws.kept.Load(); b != nil && b.done == done && b.acquire() {
		return b, nil
	}
	t, err := newToken()
	if err != nil {
		return nil, err
	}
	b := &bond{waits: ws, done: done, token: t}
	b.refs.Store(1)
	b.stop = context.AfterFunc(ctx, b.fire)
	ws.mu.Lock()
	if ws.ended {
		ws.mu.Unlock()
		b.unhook(false)
		return nil, ErrClosedHandle
	}
	if ws.bonds == nil {
		ws.bonds = make(map[*bond]struct{})
	}
	ws.bonds[b] = struct{}{}
	var old *bond
	if ws.seen == done {
		b.refs.Add(1)
		old = ws.kept.Swap(b)
	}
	ws.seen = done
	ws.mu.Unlock()
	if old != nil {
		old.release()
	}
	return b, nil
}

// end wakes every call that waits under a context and lets go of the contexts. Nothing binds afterwards.
func (ws *waits) end() {
	ws.mu.Lock()
	ws.ended, ws.seen = true, nil
	for b := range ws.bonds {
		b.spent = true
		b.token.set()
	}
	for j := range ws.joint {
		j.set()
	}
	kept := ws.kept.Swap(nil)
	ws.mu.Unlock()
	if kept != nil {
		kept.release()
	}
}

// fire is called by the context, in a goroutine of its own, when it is done.
func (b *bond) fire() {
	// The context will not be waited for again: do not keep it.
	if b.waits.kept.CompareAndSwap(b, nil) {
		b.release()
	}
	if b.refs.Load() > 0 {
		b.token.set()
	}
}

func (b *bond) acquire() bool {
	for {
		n := b.refs.Load()
		if n == 0 {
			return false
		}
		if b.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (b *bond) release() {
	if b.refs.Add(-1) != 0 {
		return
	}
	b.waits.mu.Lock()
	delete(b.waits.bonds, b)
	spent := b.spent
	b.waits.mu.Unlock()
	b.unhook(spent)
}

// unhook parts from the context. The token can serve again if it was not set and never will be.
func (b *bond) unhook(spent bool) {
	if b.stop() && !spent {
		tokens.Put(b.token)
	}
}

// joint is a token for one call on several handles: set when the context is done or one of the handles is closed.
type joint struct {
	token *token
	spent atomic.Bool
}

func (j *joint) set() {
	j.spent.Store(true)
	j.token.set()
}

// join gives a joint token for the context and the handles, which must be entered, to one call; part must follow.
func join(ctx context.Context, handles iter.Seq[*handle]) (j *joint, part func(), err error) {
	t, err := newToken()
	if err != nil {
		return nil, nil, err
	}
	j = &joint{token: t}
	stop := context.AfterFunc(ctx, j.set)
	part = func() {
		for h := range handles {
			h.res.waits.mu.Lock()
			delete(h.res.waits.joint, j)
			h.res.waits.mu.Unlock()
		}
		// As in unhook: it can serve again if it was not set and never will be.
		if stop() && !j.spent.Load() {
			tokens.Put(t)
		}
	}
	for h := range handles {
		ws := &h.res.waits
		ws.mu.Lock()
		if ws.joint == nil {
			ws.joint = make(map[*joint]struct{})
		}
		ws.joint[j] = struct{}{}
		ended := ws.ended
		ws.mu.Unlock()
		if ended {
			part()
			return nil, nil, ErrClosedHandle
		}
	}
	return j, part, nil
}

// token owns a C cancel token. Tokens that were set are left to the collector, unset ones are pooled.
type token struct{ raw unsafe.Pointer }

var tokens sync.Pool

func newToken() (*token, error) {
	if t, ok := tokens.Get().(*token); ok {
		return t, nil
	}
	raw := cmproc.CancelCreate()
	if raw == nil {
		return nil, refuse(ErrNoMemory, "no memory for a cancel token")
	}
	t := &token{raw: raw}
	runtime.AddCleanup(t, cmproc.CancelClose, raw)
	return t, nil
}

func (t *token) set() {
	cmproc.CancelSet(t.raw)
	runtime.KeepAlive(t)
}
