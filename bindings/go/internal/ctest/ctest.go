// Package ctest calls the C functions that the Go package does without: its tests hold what Go does to shared
// memory against what C does to it. Programs do not link it.
package ctest

/*
#cgo pkg-config: mproc
#include <mproc.h>
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
