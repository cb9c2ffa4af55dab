package cmproc

// A file of its own: what comes before the import "C" of a file with an export is compiled twice.

// #include "shim.h"
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// Procedure is called in a thread of the server's, several at a time: it must return, neither panic nor end its
// goroutine. The argument's bytes are there as long as it runs.
type Procedure func(argument *Datum, bytes []byte, result *Result) (status int32)

// Result is where a procedure puts its result, at most one datum.
type Result struct{ builder unsafe.Pointer }

// Add puts the result there.
func (r *Result) Add(d *Datum, bytes *byte, e *Error) int32 {
	return int32(C.gomp_builder_add(r.builder, d.c(), data(bytes), e.c()))
}

// ManagerRegister registers a procedure. forget must be called when the manager is closed, or if the call fails.
func ManagerRegister(manager unsafe.Pointer, name *byte, procedure Procedure, e *Error) (forget func(), status int32) {
	h := cgo.NewHandle(procedure)
	return h.Delete, int32(C.gomp_manager_register(manager, str(name), C.uintptr_t(h), e.c()))
}

//export gompProcedure
func gompProcedure(procedure C.uintptr_t, argument *C.gomp_datum_t, bytes, result unsafe.Pointer) C.int {
	in := (*Datum)(unsafe.Pointer(argument))
	run := cgo.Handle(procedure).Value().(Procedure)
	return C.int(run(in, unsafe.Slice((*byte)(bytes), in.Len), &Result{result}))
}
