package mproc

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
)

func TestBatch(t *testing.T) {
	everyWay(t, func(t *testing.T, _, m, other *Manager, _ bool) {
		d := m.Domain()
		dict := closing[*Dict[string, int]](t)(CreateDict[string, int](d, "dict", nil))
		list := closing[*List[string]](t)(CreateList[string](d, "", nil))
		ns := closing[*Namespace](t)(CreateNamespace(d, "", nil))
		queue := closing[*Queue](t)(CreateQueue(d, "", &QueueOptions{MaxItems: 2}))
		number := closing[*Value[uint8]](t)(CreateValue[uint8](d, "", 250, nil))
		float := closing[*Value[float64]](t)(CreateValue(d, "", 0.5, nil))
		event := closing[*Event](t)(CreateEvent(d, "", nil))
		b := closing[*Batch](t)(m.NewBatch())
		must(t, b.Run()) // nothing

		long := string(make([]byte, 100_000))
		set := dict.BatchSet(b, "a", 5)
		sum := dict.BatchAdd(b, "a", 37)
		a := dict.BatchGet(b, "a")
		deleted := dict.BatchDelete(b, "a")
		none := dict.BatchGet(b, "a")
		list.BatchAppend(b, "one")
		list.BatchAppend(b, "two")
		list.BatchSet(b, 0, long)
		first, beyond := list.BatchGet(b, -2), list.BatchGet(b, 2)
		ns.BatchSet(b, "size", []int{80, 25})
		size := ns.BatchGet(b, "size")
		queue.BatchPut(b, []byte("x"))
		queue.BatchPut(b, nil)
		full := queue.BatchPut(b, nil)
		x, nothing, empty := queue.BatchGet(b), queue.BatchGet(b), queue.BatchGet(b)
		before := number.BatchFetchAdd(b, 10)
		least := number.BatchFetchMin(b, 3)
		least2 := number.BatchFetchXor(b, 1)
		happened := event.BatchSet(b)
		got(t, 22)(b.Len(), nil)
		fails(t, second(a.Get()), ErrInvalid)
		got(t, false)(event.IsSet())
		must(t, b.Run())
		got(t, 0)(b.Len(), nil)

		must(t, errors.Join(set.Err(), deleted.Err(), happened.Err()))
		got(t, 42)(sum.Get())
		got(t, 42)(a.Get())
		fails(t, none.Err(), ErrNotExist)
		got(t, long)(first.Get())
		fails(t, beyond.Err(), ErrRange)
		v, err := size.Get()
		got(t, "[80 25]")(fmt.Sprint(v), err)
		fails(t, full.Err(), ErrTimeout)
		message, err := x.Get()
		got(t, "x")(string(message), err)
		message, err = nothing.Get()
		got(t, "[]")(fmt.Sprint(message), err)
		fails(t, empty.Err(), ErrTimeout)
		got(t, uint8(250))(before.Get())
		got(t, uint8(4))(least.Get())
		got(t, uint8(3))(least2.Get())
		got(t, uint8(2))(number.Load())
		got(t, true)(event.IsSet())

		// The results stay when the batch is used again, and what is taken away is not done.
		again := dict.BatchSet(b, "b", 1)
		must(t, b.Reset())
		fails(t, again.Err(), ErrInvalid)
		must(t, b.Run())
		fails(t, second(dict.Get("b")), ErrNotExist)
		got(t, long)(first.Get())

		// What cannot be added keeps the whole batch from being done.
		dict.BatchSet(b, "c", 1)
		fails(t, float.BatchFetchAdd(b, 1).Err(), ErrNotSupported)
		fails(t, b.Run(), ErrNotSupported)
		fails(t, second(dict.Get("c")), ErrNotExist)
		key := newKey(t)
		_, elsewhere, _ := newServer(t, ManagerOptions{Key: key})
		foreign := connect(t, elsewhere, ConnectOptions{Key: key, Proxy: true})
		alien := closing[*Event](t)(CreateEvent(foreign.Domain(), "alien", nil))
		unset := alien.BatchSet(b)
		fails(t, b.Run(), ErrInvalid)
		fails(t, unset.Err(), ErrInvalid)

		// An object that is closed before Run is there until then.
		short, err := OpenDict[string, int](d, "dict", nil)
		must(t, err)
		done := short.BatchSet(b, "d", 4)
		must(t, short.Close())
		must(t, b.Run())
		must(t, done.Err())
		got(t, 4)(closing[*Dict[string, int]](t)(OpenDict[string, int](other.Domain(), "dict", nil)).Get("d"))

		fails(t, short.BatchSet(b, "e", 5).Err(), ErrClosedHandle)
		fails(t, b.Run(), ErrClosedHandle)

		left := dict.BatchSet(b, "e", 5)
		must(t, b.Close())
		must(t, b.Close())
		fails(t, left.Err(), ErrClosedHandle)
		fails(t, b.Run(), ErrClosedHandle)
		fails(t, b.Reset(), ErrClosedHandle)
		fails(t, dict.BatchSet(b, "e", 5).Err(), ErrClosedHandle)
		fails(t, second(dict.Get("e")), ErrNotExist)
		must(t, (*Batch)(nil).Close())
	})
}

// A batch may be of any length, many goroutines may have one each, and none loses or doubles anything.
func TestManyBatches(t *testing.T) {
	everyWay(t, func(t *testing.T, _, m, other *Manager, _ bool) {
		counts := closing[*Dict[string, int]](t)(CreateDict[string, int](m.Domain(), "counts", nil))
		closing[*Dict[string, int]](t)(OpenDict[string, int](other.Domain(), "counts", nil))
		const workers, rounds, each = 4, 5, 200
		var wg sync.WaitGroup
		for i := range workers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if err := countInBatches(m, counts, strconv.Itoa(i), rounds, each); err != nil {
					t.Error(err)
				}
			}()
		}
		wg.Wait()
		got(t, workers*rounds*each)(counts.Get("all"))
	})
}

func countInBatches(m *Manager, counts *Dict[string, int], mine string, rounds, each int) error {
	b, err := m.NewBatch()
	if err != nil {
		return err
	}
	defer b.Close()
	for round := range rounds {
		var sums []*BatchResult[int]
		for range each {
			sums = append(sums, counts.BatchAdd(b, mine, 1))
			counts.BatchAdd(b, "all", 1)
		}
		if err := b.Run(); err != nil {
			return err
		}
		for i, sum := range sums {
			if n, err := sum.Get(); err != nil || n != round*each+i+1 {
				return fmt.Errorf("round %d, operation %d: %d, %v", round, i, n, err)
			}
		}
	}
	return nil
}
