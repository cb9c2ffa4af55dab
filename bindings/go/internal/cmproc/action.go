package cmproc

// A file of its own: what comes before the import "C" of a file with an export is compiled twice.

// #include "shim.h"
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// BarrierWaitAction waits until all have come; the last one's action runs before anybody passes, and says whether it
// went well. It is called from C: it must return, neither panic nor end its goroutine.
func BarrierWaitAction(barrier unsafe.Pointer, action func() bool, timeout int64, cancel unsafe.Pointer,
	index *uint32, e *Error) int32 {
	h := cgo.NewHandle(action)
	defer h.Delete()
	return int32(C.gomp_barrier_wait_action(barrier, C.uintptr_t(h), C.int64_t(timeout), token(cancel),
		(*C.uint32_t)(unsafe.Pointer(index)), e.c()))
}

//export gompAction
func gompAction(action C.uintptr_t) C.int {
	return 1 - flag(cgo.Handle(action).Value().(func() bool)())
}
