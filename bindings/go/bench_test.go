package mproc

import (
	"context"
	"testing"
)

func BenchmarkValueAdd(b *testing.B) {
	d, _ := newDomain(b)
	v := closing[*Value[int64]](b)(CreateValue[int64](d, "v", 0, nil))
	for b.Loop() {
		v.Add(1)
	}
}

func BenchmarkValueLoad(b *testing.B) {
	d, _ := newDomain(b)
	v := closing[*Value[int64]](b)(CreateValue[int64](d, "v", 0, nil))
	for b.Loop() {
		v.Load()
	}
}

func BenchmarkArrayGet(b *testing.B) {
	d, _ := newDomain(b)
	a := closing[*Array[int64]](b)(CreateArray(d, "a", make([]int64, 100), nil))
	for b.Loop() {
		a.Get(50)
	}
}

func BenchmarkLockUnlock(b *testing.B) {
	d, _ := newDomain(b)
	l := closing[*Lock](b)(CreateLock(d, "l", nil))
	cancellable, cancel := context.WithCancel(bg)
	defer cancel()
	b.Run("FreshContext", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithCancel(bg)
			l.Lock(ctx)
			l.Unlock()
			cancel()
		}
	})
	for name, ctx := range map[string]context.Context{"Background": bg, "Cancellable": cancellable} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Lock(ctx)
				l.Unlock()
			}
		})
	}
}

func BenchmarkPipeSendRecv(b *testing.B) {
	d, _ := newDomain(b)
	for name, exclusive := range map[string]bool{"Shared": false, "Exclusive": true} {
		near, far := newPipe(b, d, "", &PipeOptions{Exclusive: exclusive})
		message, buf := make([]byte, 64), make([]byte, 64)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				near.Send(bg, message)
				far.RecvInto(bg, buf)
			}
		})
	}
}

func BenchmarkInPlace(b *testing.B) {
	d, _ := newDomain(b)
	q := closing[*Queue](b)(CreateQueue(d, "q", &QueueOptions{Capacity: 4 << 20}))
	b.ReportAllocs()
	for b.Loop() {
		r, err := q.Reserve(bg, 1<<20)
		must(b, err)
		must(b, r.Commit(1<<20))
		m, err := q.Peek(bg)
		must(b, err)
		must(b, m.Release())
	}
}

func BenchmarkQueuePutGet(b *testing.B) {
	d, _ := newDomain(b)
	q := closing[*Queue](b)(CreateQueue(d, "q", nil))
	message, buf := make([]byte, 64), make([]byte, 64)
	b.Run("GetInto", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			q.Put(bg, message)
			q.GetInto(bg, buf)
		}
	})
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			q.Put(bg, message)
			q.Get(bg)
		}
	})
	batch := make([][]byte, 32)
	for i := range batch {
		batch[i] = message
	}
	b.Run("Many32", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			q.PutMany(bg, batch)
			q.GetMany(bg, 32)
		}
	})
}

// BenchmarkFree is every kind of lock and its like when nobody is in the way: taking and releasing, or the like.
func BenchmarkFree(b *testing.B) {
	d, _ := newDomain(b)
	me := NewToken()
	rlock := closing[*RLock](b)(CreateRLock(d, "", nil))
	rwlock := closing[*RWLock](b)(CreateRWLock(d, "", nil))
	plain := closing[*Semaphore](b)(CreateSemaphore(d, "", 1, nil))
	accounting := closing[*Semaphore](b)(CreateSemaphore(d, "", 1, &SemaphoreOptions{Accounting: true}))
	condition := closing[*Condition](b)(CreateCondition(d, "", nil))
	event := closing[*Event](b)(CreateEvent(d, "", nil))
	barrier := closing[*Barrier](b)(CreateBarrier(d, "", 1, nil))
	for name, f := range map[string]func(){
		"RLock":                func() { rlock.Lock(bg, me); rlock.Unlock(me) },
		"RWLock.Read":          func() { rwlock.RLock(bg); rwlock.RUnlock() },
		"RWLock.Write":         func() { rwlock.Lock(bg); rwlock.Unlock() },
		"Semaphore":            func() { plain.Acquire(bg); plain.Release(1) },
		"Semaphore.Accounting": func() { accounting.Acquire(bg); accounting.Release(1) },
		"Condition.Notify":     func() { condition.Notify(1) },
		"Event.SetClear":       func() { event.Set(); event.Clear() },
		"Event.IsSet":          func() { event.IsSet() },
		"Barrier.Wait":         func() { barrier.Wait(bg) },
		"Barrier.WaitAction":   func() { barrier.WaitAction(bg, func() error { return nil }) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkDict(b *testing.B) {
	d, _ := newDomain(b)
	numbers := closing[*Dict[string, int]](b)(CreateDict[string, int](d, "numbers", nil))
	must(b, numbers.Set("key", 1))
	structs := closing[*Dict[string, inner]](b)(CreateDict[string, inner](d, "structs", nil))
	must(b, structs.Set("key", inner{1, 2}))
	for name, call := range map[string]func(){
		"Get": func() { numbers.Get("key") }, "Set": func() { numbers.Set("key", 2) },
		"Add": func() { numbers.Add("key", 1) }, "GetStruct": func() { structs.Get("key") },
		"SetStruct": func() { structs.Set("key", inner{3, 4}) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}

func BenchmarkManager(b *testing.B) {
	key := newKey(b)
	_, unix, tcp := newServer(b, ManagerOptions{Key: key})
	for name, address := range map[string]string{"Near": unix, "Proxy": unix + "?memory=never", "TCP": tcp} {
		m := connect(b, address, ConnectOptions{Key: key})
		dict := closing[*Dict[string, int]](b)(CreateDict[string, int](m.Domain(), "", nil))
		b.Run(name+"/DictAdd", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dict.Add("n", 1)
			}
		})
		batch := closing[*Batch](b)(m.NewBatch())
		b.Run(name+"/BatchOf64", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for range 64 {
					dict.BatchAdd(batch, "n", 1)
				}
				must(b, batch.Run())
			}
		})
	}
}
