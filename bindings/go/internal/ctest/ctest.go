// Package ctest calls the C functions that the Go package does without: its tests hold what Go does to shared
// memory against what C does to it. Programs do not link it.
package ctest

/*
#cgo pkg-config: mproc
#include <mproc.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct {
	const mproc_manager_t *manager;
	const char *name;
	int rounds, status;
} ctest_caller_t;

// Calls the procedure with 1 again and again; what it gives must be a number that becomes greater.
static void *ctest_call(void *context)
{
	ctest_caller_t *caller = context;
	mproc_builder_t *result = NULL;
	mproc_datum_t sum;
	int64_t before = -1;
	int i;

	caller->status = mproc_builder_create(&result);
	for (i = 0; i < caller->rounds && caller->status >= 0; i++) {
		caller->status = mproc_builder_reset(result);
		if (caller->status >= 0)
			caller->status = mproc_manager_call(caller->manager, caller->name, mproc_datum_int(1), result,
							    MPROC_FOREVER, NULL);
		if (caller->status >= 0)
			caller->status = mproc_builder_datum(result, &sum);
		if (caller->status >= 0 && (sum.type != MPROC_DATUM_INT || sum.as.i <= before))
			caller->status = MPROC_ETYPE;
		before = sum.as.i;
	}
	mproc_builder_close(result);
	return NULL;
}

#define CTEST_THREADS 16

static int ctest_call_from_threads(const char *address, const void *key, const char *name, int threads, int rounds)
{
	pthread_t ids[CTEST_THREADS];
	ctest_caller_t callers[CTEST_THREADS];
	mproc_manager_t *manager = NULL;
	int i, started = 0, status = mproc_manager_connect(address, key, NULL, &manager);

	for (i = 0; i < threads && i < CTEST_THREADS && status >= 0; i++) {
		callers[i].manager = manager;
		callers[i].name = name;
		callers[i].rounds = rounds;
		if (pthread_create(&ids[i], NULL, ctest_call, &callers[i]) != 0)
			status = MPROC_ESYS;
		else
			started++;
	}
	for (i = 0; i < started; i++) {
		pthread_join(ids[i], NULL);
		if (status >= 0)
			status = callers[i].status;
	}
	mproc_manager_close(manager);
	return status;
}
*/
import "C"

import "unsafe"

// FetchI64 is mproc_value_fetch_i64.
func FetchI64(value unsafe.Pointer, op int32, operand int64) (old int64, status int32) {
	var before C.int64_t
	status = int32(C.mproc_value_fetch_i64((*C.mproc_value_t)(value), C.int32_t(op), C.int64_t(operand), &before))
	return int64(before), status
}

// FetchF64 is mproc_value_fetch_f64.
func FetchF64(value unsafe.Pointer, op int32, operand float64) (old float64, status int32) {
	var before C.double
	status = int32(C.mproc_value_fetch_f64((*C.mproc_value_t)(value), C.int32_t(op), C.double(operand), &before))
	return float64(before), status
}

// Load is mproc_value_load.
func Load(value, out unsafe.Pointer, size uintptr) (status int32) {
	return int32(C.mproc_value_load((*C.mproc_value_t)(value), out, C.size_t(size)))
}

// Store is mproc_value_store.
func Store(value, in unsafe.Pointer, size uintptr) (status int32) {
	return int32(C.mproc_value_store((*C.mproc_value_t)(value), in, C.size_t(size)))
}

// ArrayGet is mproc_array_get.
func ArrayGet(array unsafe.Pointer, index int, out unsafe.Pointer, size uintptr) (status int32) {
	return int32(C.mproc_array_get((*C.mproc_array_t)(array), C.size_t(index), out, C.size_t(size)))
}

// CallFromThreads connects, and calls a procedure with 1 from some threads, again and again.
func CallFromThreads(address string, key *[32]byte, name string, threads, rounds int) (status int32) {
	where, what := C.CString(address), C.CString(name)
	defer C.free(unsafe.Pointer(where))
	defer C.free(unsafe.Pointer(what))
	return int32(C.ctest_call_from_threads(where, unsafe.Pointer(key), what, C.int(threads), C.int(rounds)))
}

// Canonical checks an encoding and gives the one form of it.
func Canonical(packed []byte) (canonical []byte, status int32) {
	in := C.CBytes(packed)
	defer C.free(in)
	d := C.mproc_datum_packed(in, C.size_t(len(packed)))
	if status = int32(C.mproc_datum_check(d)); status < 0 {
		return nil, status
	}
	return encoded(d)
}

func encoded(d C.mproc_datum_t) ([]byte, int32) {
	var n C.size_t
	status := C.mproc_datum_encode(d, nil, 0, &n)
	if status < 0 && status != C.MPROC_EMSGSIZE {
		return nil, int32(status)
	}
	out := C.malloc(n + 1)
	defer C.free(out)
	status = C.mproc_datum_encode(d, out, n, &n)
	return C.GoBytes(out, C.int(n)), int32(status)
}

// Builder is mproc_builder_t: its methods add what Go values are made of. Encode ends it.
type Builder struct {
	raw    *C.mproc_builder_t
	status C.int // of what failed first
}

// NewBuilder makes a builder.
func NewBuilder() *Builder {
	b := new(Builder)
	b.status = C.mproc_builder_create(&b.raw)
	return b
}

func (b *Builder) did(status C.int) {
	if b.status >= 0 {
		b.status = status
	}
}

func (b *Builder) add(d C.mproc_datum_t) { b.did(C.mproc_builder_add(b.raw, d)) }

// Nil adds nil.
func (b *Builder) Nil() { b.add(C.mproc_datum_nil()) }

// Bool adds a bool.
func (b *Builder) Bool(v bool) {
	var i C.int
	if v {
		i = 1
	}
	b.add(C.mproc_datum_bool(i))
}

// Int adds an integer.
func (b *Builder) Int(v int64) { b.add(C.mproc_datum_int(C.int64_t(v))) }

// Uint adds an unsigned integer.
func (b *Builder) Uint(v uint64) { b.add(C.mproc_datum_uint(C.uint64_t(v))) }

// Float adds a float.
func (b *Builder) Float(v float64) { b.add(C.mproc_datum_float(C.double(v))) }

// Text adds a string.
func (b *Builder) Text(v string) {
	s := C.CString(v)
	defer C.free(unsafe.Pointer(s))
	b.add(C.mproc_datum_strn(s, C.size_t(len(v))))
}

// Bytes adds bytes.
func (b *Builder) Bytes(v []byte) {
	p := C.CBytes(v)
	defer C.free(p)
	b.add(C.mproc_datum_bytes(p, C.size_t(len(v))))
}

// BeginList begins a list.
func (b *Builder) BeginList() { b.did(C.mproc_builder_begin_list(b.raw)) }

// BeginMap begins a map.
func (b *Builder) BeginMap() { b.did(C.mproc_builder_begin_map(b.raw)) }

// End ends the list or map that was begun last.
func (b *Builder) End() { b.did(C.mproc_builder_end(b.raw)) }

// Encode gives the encoding of what was built.
func (b *Builder) Encode() (packed []byte, status int32) {
	defer C.mproc_builder_close(b.raw)
	if b.status < 0 {
		return nil, int32(b.status)
	}
	var d C.mproc_datum_t
	if status := C.mproc_builder_datum(b.raw, &d); status < 0 {
		return nil, int32(status)
	}
	return encoded(d)
}
