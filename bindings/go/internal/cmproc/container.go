package cmproc

/*
#cgo noescape gomp_datum_encode
#cgo nocallback gomp_datum_encode
#cgo noescape gomp_datum_decode
#cgo nocallback gomp_datum_decode
#cgo noescape gomp_datum_to_json
#cgo nocallback gomp_datum_to_json
#cgo noescape gomp_from_json
#cgo nocallback gomp_from_json
#cgo noescape gomp_builder_close
#cgo nocallback gomp_builder_close
#cgo noescape gomp_queue_put_datum
#cgo nocallback gomp_queue_put_datum
#cgo noescape gomp_queue_get_datum
#cgo nocallback gomp_queue_get_datum
#cgo noescape gomp_pipe_send_datum
#cgo nocallback gomp_pipe_send_datum
#cgo noescape gomp_pipe_recv_datum
#cgo nocallback gomp_pipe_recv_datum
#cgo noescape gomp_container_make
#cgo nocallback gomp_container_make
#cgo noescape gomp_ref
#cgo nocallback gomp_ref
#cgo noescape gomp_follow
#cgo nocallback gomp_follow
#cgo noescape gomp_arena_info
#cgo nocallback gomp_arena_info
#cgo noescape gomp_arena_check
#cgo nocallback gomp_arena_check
#cgo noescape gomp_arena_collect
#cgo nocallback gomp_arena_collect
#cgo noescape gomp_len
#cgo nocallback gomp_len
#cgo noescape gomp_copy
#cgo nocallback gomp_copy
#cgo noescape gomp_get
#cgo nocallback gomp_get
#cgo noescape gomp_set
#cgo nocallback gomp_set
#cgo noescape gomp_delete
#cgo nocallback gomp_delete
#cgo noescape gomp_add
#cgo nocallback gomp_add
#cgo noescape gomp_compare_exchange
#cgo nocallback gomp_compare_exchange
#cgo noescape gomp_contains
#cgo nocallback gomp_contains
#cgo noescape gomp_append_to
#cgo nocallback gomp_append_to
#cgo noescape gomp_pop
#cgo nocallback gomp_pop
#cgo noescape gomp_clear
#cgo nocallback gomp_clear
#cgo noescape gomp_dict_setdefault
#cgo nocallback gomp_dict_setdefault
#cgo noescape gomp_dict_popitem
#cgo nocallback gomp_dict_popitem
#cgo noescape gomp_dict_update
#cgo nocallback gomp_dict_update
#cgo noescape gomp_iter
#cgo nocallback gomp_iter
#cgo noescape gomp_list_slice
#cgo nocallback gomp_list_slice
#cgo noescape gomp_iter_next
#cgo nocallback gomp_iter_next
#cgo noescape gomp_iter_close
#cgo nocallback gomp_iter_close
#cgo noescape gomp_list_append
#cgo nocallback gomp_list_append
#cgo noescape gomp_list_extend
#cgo nocallback gomp_list_extend
#cgo noescape gomp_list_extend_from
#cgo nocallback gomp_list_extend_from
#cgo noescape gomp_list_insert
#cgo nocallback gomp_list_insert
#cgo noescape gomp_list_remove
#cgo nocallback gomp_list_remove
#cgo noescape gomp_list_index
#cgo nocallback gomp_list_index
#cgo noescape gomp_list_count
#cgo nocallback gomp_list_count
#cgo noescape gomp_list_reverse
#cgo nocallback gomp_list_reverse
#cgo noescape gomp_list_sort
#cgo nocallback gomp_list_sort
#cgo noescape gomp_list_repeat
#cgo nocallback gomp_list_repeat
#cgo noescape gomp_list_slice_set
#cgo nocallback gomp_list_slice_set
#cgo noescape gomp_list_slice_delete
#cgo nocallback gomp_list_slice_delete
#include "shim.h"
*/
import "C"

import "unsafe"

// Types of datums, flags, and what slices begin and end with.
const (
	DatumNil    = C.MPROC_DATUM_NIL
	DatumBool   = C.MPROC_DATUM_BOOL
	DatumInt    = C.MPROC_DATUM_INT
	DatumUint   = C.MPROC_DATUM_UINT
	DatumFloat  = C.MPROC_DATUM_FLOAT
	DatumStr    = C.MPROC_DATUM_STR
	DatumBytes  = C.MPROC_DATUM_BYTES
	DatumList   = C.MPROC_DATUM_LIST
	DatumMap    = C.MPROC_DATUM_MAP
	DatumRef    = C.MPROC_DATUM_REF
	DatumNew    = C.MPROC_DATUM_NEW
	DatumAbsent = C.MPROC_DATUM_ABSENT

	JSONPretty     = C.MPROC_JSON_PRETTY
	CopyDeep       = C.MPROC_COPY_DEEP
	SortDescending = C.MPROC_SORT_DESCENDING
	SliceBegin     = C.MPROC_SLICE_BEGIN
	SliceEnd       = C.MPROC_SLICE_END
)

// What says what an iterator goes over.
type What int32

// The iterators: over a snapshot, and one that fetches as it goes.
const (
	IterItems What = C.GOMP_ITEMS
	IterLive  What = C.GOMP_LIVE
)

type (
	// Datum is mproc_datum_t, but for the pointer to its bytes, which goes apart.
	Datum struct {
		Type       int32
		Kind       uint32
		Bits       uint64
		Place      uint64
		Len        uintptr
		Generation uint32
		_          uint32
	}
	// Pair is what an iterator gives; the bytes are its own.
	Pair struct {
		Key, Value         Datum
		KeyData, ValueData unsafe.Pointer
	}
	// Built is a datum in a builder, whose own its bytes are.
	Built struct {
		Datum   Datum
		Data    unsafe.Pointer
		Builder unsafe.Pointer
	}
	// ArenaInfo mirrors mproc_arena_info_t.
	ArenaInfo struct {
		Limit, Used, Committed, Blocks, Containers, Handles, Waiting uint64
		Flags, Steals, Rollbacks                                     uint32
		_                                                            uint32
	}
)

var (
	_ [unsafe.Sizeof(Datum{})]byte     = [C.sizeof_gomp_datum_t]byte{}
	_ [unsafe.Sizeof(Pair{})]byte      = [C.sizeof_gomp_pair_t]byte{}
	_ [unsafe.Sizeof(ArenaInfo{})]byte = [C.sizeof_mproc_arena_info_t]byte{}
)

func (d *Datum) c() *C.gomp_datum_t           { return (*C.gomp_datum_t)(unsafe.Pointer(d)) }
func (p *Pair) c() *C.gomp_pair_t             { return (*C.gomp_pair_t)(unsafe.Pointer(p)) }
func (i *ArenaInfo) c() *C.mproc_arena_info_t { return (*C.mproc_arena_info_t)(unsafe.Pointer(i)) }

func u64(p *uint64) *C.uint64_t    { return (*C.uint64_t)(unsafe.Pointer(p)) }
func data(p *byte) *C.uchar        { return (*C.uchar)(unsafe.Pointer(p)) }
func room(b []byte) *C.uchar       { return data(unsafe.SliceData(b)) }
func truth(p *int32) *C.int        { return (*C.int)(unsafe.Pointer(p)) }
func number(b []byte) (n C.size_t) { return C.size_t(len(b)) }

// DatumEncode encodes a datum into buf; n is how long that is.
func DatumEncode(d *Datum, bytes *byte, buf []byte, n *uintptr, e *Error) int32 {
	return int32(C.gomp_datum_encode(d.c(), data(bytes), room(buf), number(buf), size(n), e.c()))
}

// DatumDecode decodes exactly one datum; at is where in packed its bytes are.
func DatumDecode(packed []byte, out *Datum, at *uintptr, e *Error) int32 {
	return int32(C.gomp_datum_decode(room(packed), number(packed), out.c(), size(at), e.c()))
}

// DatumToJSON writes a datum as JSON; n is how much room that takes, with a NUL.
func DatumToJSON(d *Datum, bytes *byte, flags uint32, buf []byte, n *uintptr, e *Error) int32 {
	return int32(C.gomp_datum_to_json(d.c(), data(bytes), C.uint32_t(flags), room(buf), number(buf), size(n), e.c()))
}

// FromJSON makes a datum of JSON. Close must follow if it succeeds.
func FromJSON(json []byte, b *Built, e *Error) int32 {
	return int32(C.gomp_from_json(room(json), number(json), &b.Builder, b.Datum.c(), &b.Data, e.c()))
}

// Close ends the builder.
func (b *Built) Close() { C.gomp_builder_close(b.Builder) }

// QueuePutDatum puts a datum.
func QueuePutDatum(queue unsafe.Pointer, d *Datum, bytes *byte, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_queue_put_datum(queue, d.c(), data(bytes), C.int64_t(timeout), token(cancel), e.c()))
}

// QueueGetDatum takes a datum; its bytes go to buf.
func QueueGetDatum(queue unsafe.Pointer, buf []byte, out *Datum, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_queue_get_datum(queue, room(buf), number(buf), out.c(), C.int64_t(timeout), token(cancel),
		e.c()))
}

// PipeSendDatum sends a datum.
func PipeSendDatum(pipe unsafe.Pointer, d *Datum, bytes *byte, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_pipe_send_datum(pipe, d.c(), data(bytes), C.int64_t(timeout), token(cancel), e.c()))
}

// PipeRecvDatum receives a datum; its bytes go to buf.
func PipeRecvDatum(pipe unsafe.Pointer, buf []byte, out *Datum, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_pipe_recv_datum(pipe, room(buf), number(buf), out.c(), C.int64_t(timeout), token(cancel),
		e.c()))
}

// ContainerMake creates, opens or imports a dict, list or namespace.
func ContainerMake(kind Kind, how How, from unsafe.Pointer, name *byte, flags uint32, limit uint64, made *Made,
	e *Error) int32 {
	return int32(C.gomp_container_make(C.int(kind), C.int(how), from, str(name), C.uint32_t(flags), C.uint64_t(limit),
		made.c(), e.c()))
}

// Ref makes a reference to a container.
func Ref(kind Kind, handle unsafe.Pointer, out *Datum, e *Error) int32 {
	return int32(C.gomp_ref(C.int(kind), handle, out.c(), e.c()))
}

// Follow makes a handle of the kind that is wanted on what a reference refers to, in the arena of a handle.
func Follow(kind Kind, handle unsafe.Pointer, wanted Kind, ref *Datum, made *Made, e *Error) int32 {
	return int32(C.gomp_follow(C.int(kind), handle, C.int(wanted), ref.c(), made.c(), e.c()))
}

// GetArenaInfo describes the arena of a container.
func GetArenaInfo(kind Kind, handle unsafe.Pointer, info *ArenaInfo, e *Error) int32 {
	return int32(C.gomp_arena_info(C.int(kind), handle, info.c(), e.c()))
}

// ArenaCheck walks the whole arena.
func ArenaCheck(kind Kind, handle unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_arena_check(C.int(kind), handle, e.c()))
}

// ArenaCollect frees what nobody can reach.
func ArenaCollect(kind Kind, handle unsafe.Pointer, freed *uint64, e *Error) int32 {
	return int32(C.gomp_arena_collect(C.int(kind), handle, u64(freed), e.c()))
}

// Len is how many there are.
func Len(kind Kind, handle unsafe.Pointer, n *uint64, e *Error) int32 {
	return int32(C.gomp_len(C.int(kind), handle, u64(n), e.c()))
}

// Copy makes one datum of everything. Close must follow if it succeeds.
func Copy(kind Kind, handle unsafe.Pointer, flags uint32, b *Built, e *Error) int32 {
	return int32(C.gomp_copy(C.int(kind), handle, C.uint32_t(flags), &b.Builder, b.Datum.c(), &b.Data, e.c()))
}

// The functions below take a place: the key of a dict, the index of a list (its Bits), the name in a namespace
// (NUL-terminated bytes).

// Get fetches what is at a place; its bytes go to buf.
func Get(kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, buf []byte, out *Datum, e *Error) int32 {
	return int32(C.gomp_get(C.int(kind), handle, at.c(), data(atBytes), room(buf), number(buf), out.c(), e.c()))
}

// Set stores at a place.
func Set(kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, value *Datum, bytes *byte, e *Error) int32 {
	return int32(C.gomp_set(C.int(kind), handle, at.c(), data(atBytes), value.c(), data(bytes), e.c()))
}

// Delete removes a place.
func Delete(kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, e *Error) int32 {
	return int32(C.gomp_delete(C.int(kind), handle, at.c(), data(atBytes), e.c()))
}

// Add adds to the number at a place.
func Add(kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, delta, sum *Datum, e *Error) int32 {
	return int32(C.gomp_add(C.int(kind), handle, at.c(), data(atBytes), delta.c(), sum.c(), e.c()))
}

// CompareExchange stores at a place if something certain is there.
func CompareExchange(kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, expected *Datum, expectedBytes *byte,
	desired *Datum, desiredBytes *byte, swapped *int32, e *Error) int32 {
	return int32(C.gomp_compare_exchange(C.int(kind), handle, at.c(), data(atBytes), expected.c(),
		data(expectedBytes), desired.c(), data(desiredBytes), truth(swapped), e.c()))
}

// Contains says whether there is something; not for lists.
func Contains(kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, contains *int32, e *Error) int32 {
	return int32(C.gomp_contains(C.int(kind), handle, at.c(), data(atBytes), truth(contains), e.c()))
}

// AppendTo appends to the list at a place; not for lists.
func AppendTo(kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, value *Datum, bytes *byte, e *Error) int32 {
	return int32(C.gomp_append_to(C.int(kind), handle, at.c(), data(atBytes), value.c(), data(bytes), e.c()))
}

// Pop fetches and removes; not for namespaces.
func Pop(kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, buf []byte, out *Datum, e *Error) int32 {
	return int32(C.gomp_pop(C.int(kind), handle, at.c(), data(atBytes), room(buf), number(buf), out.c(), e.c()))
}

// Clear removes everything; not for namespaces.
func Clear(kind Kind, handle unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_clear(C.int(kind), handle, e.c()))
}

// DictSetDefault fetches what is at a key, and stores something there before if nothing is.
func DictSetDefault(dict unsafe.Pointer, key *Datum, keyBytes *byte, value *Datum, bytes *byte, buf []byte, out *Datum,
	e *Error) int32 {
	return int32(C.gomp_dict_setdefault(dict, key.c(), data(keyBytes), value.c(), data(bytes), room(buf), number(buf),
		out.c(), e.c()))
}

// DictPopItem fetches and removes the last pair.
func DictPopItem(dict unsafe.Pointer, keyBuf, buf []byte, key, value *Datum, e *Error) int32 {
	return int32(C.gomp_dict_popitem(dict, room(keyBuf), number(keyBuf), room(buf), number(buf), key.c(), value.c(),
		e.c()))
}

// DictUpdate stores the pairs of a map.
func DictUpdate(dict unsafe.Pointer, pairs *Datum, bytes *byte, e *Error) int32 {
	return int32(C.gomp_dict_update(dict, pairs.c(), data(bytes), e.c()))
}

// Iter makes an iterator.
func Iter(kind Kind, handle unsafe.Pointer, what What, iter *unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_iter(C.int(kind), handle, C.int(what), iter, e.c()))
}

// ListSlice makes an iterator over a copy of some elements.
func ListSlice(list unsafe.Pointer, start, stop, step int64, iter *unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_list_slice(list, C.int64_t(start), C.int64_t(stop), C.int64_t(step), iter, e.c()))
}

// IterNext gives the next pair, or End.
func IterNext(iter unsafe.Pointer, out *Pair, e *Error) int32 {
	return int32(C.gomp_iter_next(iter, out.c(), e.c()))
}

// IterClose ends an iterator.
func IterClose(iter unsafe.Pointer) { C.gomp_iter_close(iter) }

// ListAppend appends.
func ListAppend(list unsafe.Pointer, value *Datum, bytes *byte, e *Error) int32 {
	return int32(C.gomp_list_append(list, value.c(), data(bytes), e.c()))
}

// ListExtend appends all of a list.
func ListExtend(list unsafe.Pointer, values *Datum, bytes *byte, e *Error) int32 {
	return int32(C.gomp_list_extend(list, values.c(), data(bytes), e.c()))
}

// ListExtendFrom appends all of another shared list.
func ListExtendFrom(list, other unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_list_extend_from(list, other, e.c()))
}

// ListInsert inserts before an index.
func ListInsert(list unsafe.Pointer, index int64, value *Datum, bytes *byte, e *Error) int32 {
	return int32(C.gomp_list_insert(list, C.int64_t(index), value.c(), data(bytes), e.c()))
}

// ListRemove removes the first that is equal.
func ListRemove(list unsafe.Pointer, value *Datum, bytes *byte, e *Error) int32 {
	return int32(C.gomp_list_remove(list, value.c(), data(bytes), e.c()))
}

// ListIndex finds the first that is equal.
func ListIndex(list unsafe.Pointer, value *Datum, bytes *byte, start, stop int64, index *uint64, e *Error) int32 {
	return int32(C.gomp_list_index(list, value.c(), data(bytes), C.int64_t(start), C.int64_t(stop), u64(index), e.c()))
}

// ListCount counts those that are equal.
func ListCount(list unsafe.Pointer, value *Datum, bytes *byte, n *uint64, e *Error) int32 {
	return int32(C.gomp_list_count(list, value.c(), data(bytes), u64(n), e.c()))
}

// ListReverse reverses a list.
func ListReverse(list unsafe.Pointer, e *Error) int32 { return int32(C.gomp_list_reverse(list, e.c())) }

// ListSort sorts a list.
func ListSort(list unsafe.Pointer, flags uint32, e *Error) int32 {
	return int32(C.gomp_list_sort(list, C.uint32_t(flags), e.c()))
}

// ListRepeat makes a list so many times as long.
func ListRepeat(list unsafe.Pointer, times uint64, e *Error) int32 {
	return int32(C.gomp_list_repeat(list, C.uint64_t(times), e.c()))
}

// ListSliceSet replaces some elements.
func ListSliceSet(list unsafe.Pointer, start, stop, step int64, values *Datum, bytes *byte, e *Error) int32 {
	return int32(C.gomp_list_slice_set(list, C.int64_t(start), C.int64_t(stop), C.int64_t(step), values.c(),
		data(bytes), e.c()))
}

// ListSliceDelete removes some elements.
func ListSliceDelete(list unsafe.Pointer, start, stop, step int64, e *Error) int32 {
	return int32(C.gomp_list_slice_delete(list, C.int64_t(start), C.int64_t(stop), C.int64_t(step), e.c()))
}
