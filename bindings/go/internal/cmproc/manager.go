package cmproc

/*
#cgo noescape gomp_fencing_token
#cgo nocallback gomp_fencing_token
#cgo noescape gomp_set_if_token
#cgo nocallback gomp_set_if_token
#cgo noescape gomp_delete_if_token
#cgo nocallback gomp_delete_if_token
#cgo noescape gomp_list_append_if_token
#cgo nocallback gomp_list_append_if_token
#cgo noescape gomp_queue_put_if_token
#cgo nocallback gomp_queue_put_if_token
#cgo noescape gomp_key_generate
#cgo nocallback gomp_key_generate
#cgo noescape gomp_key_load
#cgo nocallback gomp_key_load
#cgo noescape gomp_key_save
#cgo nocallback gomp_key_save
#cgo noescape gomp_manager_address
#cgo nocallback gomp_manager_address
#cgo noescape gomp_manager_list
#cgo nocallback gomp_manager_list
#cgo noescape gomp_manager_ping
#cgo nocallback gomp_manager_ping
#cgo noescape gomp_manager_info
#cgo nocallback gomp_manager_info
#cgo noescape gomp_object_name
#cgo nocallback gomp_object_name
#cgo noescape gomp_object_is_remote
#cgo nocallback gomp_object_is_remote
#cgo noescape gomp_builder_add
#cgo nocallback gomp_builder_add
#cgo noescape gomp_batch_create
#cgo nocallback gomp_batch_create
#cgo noescape gomp_batch_get
#cgo nocallback gomp_batch_get
#cgo noescape gomp_batch_set
#cgo nocallback gomp_batch_set
#cgo noescape gomp_batch_dict_delete
#cgo nocallback gomp_batch_dict_delete
#cgo noescape gomp_batch_dict_add
#cgo nocallback gomp_batch_dict_add
#cgo noescape gomp_batch_list_append
#cgo nocallback gomp_batch_list_append
#cgo noescape gomp_batch_queue_put
#cgo nocallback gomp_batch_queue_put
#cgo noescape gomp_batch_queue_get
#cgo nocallback gomp_batch_queue_get
#cgo noescape gomp_batch_value_fetch
#cgo nocallback gomp_batch_value_fetch
#cgo noescape gomp_batch_event_set
#cgo nocallback gomp_batch_event_set
#cgo noescape gomp_batch_run
#cgo noescape gomp_batch_result
#cgo nocallback gomp_batch_result
#cgo noescape gomp_batch_reset
#cgo nocallback gomp_batch_reset
#cgo noescape gomp_manager_start
#cgo noescape gomp_manager_connect
#cgo noescape gomp_manager_call
#include "shim.h"
*/
import "C"

import "unsafe"

// Flags of managers.
const (
	ManagerAnyUser = C.MPROC_MANAGER_ANY_USER
	ConnectProxy   = C.MPROC_CONNECT_PROXY
)

type (
	// ManagerOptions are those of mproc_manager_options_t, in another order.
	ManagerOptions struct {
		Flags, MaxClients, MaxUnauthenticated, MaxWaiting, ClientInFlight uint32
		_                                                                 uint32
		MaxObjects, MaxBytes, ClientObjects, ClientBytes, MaxMessage      uint64
		HandshakeTimeout, Keepalive                                       int64
	}
	// ConnectOptions are those of mproc_connect_options_t.
	ConnectOptions struct {
		Flags                         uint32
		_                             uint32
		Timeout, Reconnect, Keepalive int64
	}
	// ManagerInfo mirrors mproc_manager_info_t.
	ManagerInfo struct {
		Instance                                                                     [16]byte
		Uptime, Clients, Unauthenticated, Objects, Bytes, Waiting, Requests, Refused uint64
		Procedures, PID                                                              uint32
	}
)

var (
	_ [unsafe.Sizeof(ManagerOptions{})]byte = [C.sizeof_gomp_manager_options_t]byte{}
	_ [unsafe.Sizeof(ConnectOptions{})]byte = [C.sizeof_gomp_connect_options_t]byte{}
	_ [unsafe.Sizeof(ManagerInfo{})]byte    = [C.sizeof_mproc_manager_info_t]byte{}
	_ [32]byte                              = [C.sizeof_mproc_key_t]byte{}
)

func (o *ManagerOptions) c() *C.gomp_manager_options_t {
	return (*C.gomp_manager_options_t)(unsafe.Pointer(o))
}
func (o *ConnectOptions) c() *C.gomp_connect_options_t {
	return (*C.gomp_connect_options_t)(unsafe.Pointer(o))
}
func (i *ManagerInfo) c() *C.mproc_manager_info_t {
	return (*C.mproc_manager_info_t)(unsafe.Pointer(i))
}

func bytes(p *[32]byte) *C.uchar { return uchar(unsafe.Pointer(p)) }

// KeyGenerate makes a key.
func KeyGenerate(key *[32]byte, e *Error) int32 { return int32(C.gomp_key_generate(bytes(key), e.c())) }

// KeyLoad reads a key's file.
func KeyLoad(path *byte, key *[32]byte, e *Error) int32 {
	return int32(C.gomp_key_load(str(path), bytes(key), e.c()))
}

// KeySave writes a key's file.
func KeySave(key *[32]byte, path *byte, e *Error) int32 {
	return int32(C.gomp_key_save(bytes(key), str(path), e.c()))
}

// ManagerStart runs a server. addresses, separated by ',', and the key may be nil. The domain is the Ptr of made.
func ManagerStart(addresses *byte, key *[32]byte, options *ManagerOptions, made *Made, e *Error) int32 {
	return int32(C.gomp_manager_start(str(addresses), bytes(key), options.c(), made.c(), e.c()))
}

// ManagerConnect makes a client. The domain is the Ptr of made.
func ManagerConnect(address *byte, key *[32]byte, options *ConnectOptions, made *Made, e *Error) int32 {
	return int32(C.gomp_manager_connect(str(address), bytes(key), options.c(), made.c(), e.c()))
}

// ManagerAddress copies an address of a server into buf; n is the length needed with the NUL.
func ManagerAddress(manager unsafe.Pointer, index int, buf []byte, n *uintptr, e *Error) int32 {
	return int32(C.gomp_manager_address(manager, C.uint32_t(index), str(unsafe.SliceData(buf)), number(buf), size(n),
		e.c()))
}

// ManagerList makes an iterator over the names and what they are.
func ManagerList(manager unsafe.Pointer, iter *unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_manager_list(manager, iter, e.c()))
}

// ManagerPing asks the server for a sign of life.
func ManagerPing(manager unsafe.Pointer, timeout int64, e *Error) int32 {
	return int32(C.gomp_manager_ping(manager, C.int64_t(timeout), e.c()))
}

// GetManagerInfo describes the server.
func GetManagerInfo(manager unsafe.Pointer, info *ManagerInfo, e *Error) int32 {
	return int32(C.gomp_manager_info(manager, info.c(), e.c()))
}

// ManagerCall calls a procedure. Close of b must follow if it succeeds.
func ManagerCall(manager unsafe.Pointer, name *byte, argument *Datum, bytes *byte, timeout int64, cancel unsafe.Pointer,
	b *Built, e *Error) int32 {
	return int32(C.gomp_manager_call(manager, str(name), argument.c(), data(bytes), C.int64_t(timeout), token(cancel),
		&b.Builder, b.Datum.c(), &b.Data, e.c()))
}

// ObjectName copies the name that an object has with its manager into buf; n is the length needed with the NUL.
func ObjectName(kind Kind, object unsafe.Pointer, buf []byte, n *uintptr, e *Error) int32 {
	return int32(C.gomp_object_name(C.int(kind), object, str(unsafe.SliceData(buf)), number(buf), size(n), e.c()))
}

// ObjectIsRemote says whether each operation on an object is a request.
func ObjectIsRemote(kind Kind, object unsafe.Pointer, remote *int32, e *Error) int32 {
	return int32(C.gomp_object_is_remote(C.int(kind), object, truth(remote), e.c()))
}

// FencingToken gives the token of the one who holds a lock, rlock (as is its owner's token) or rwlock.
func FencingToken(kind Kind, handle unsafe.Pointer, as uint64, fence *uint64, e *Error) int32 {
	return int32(C.gomp_fencing_token(C.int(kind), handle, C.uint64_t(as), u64(fence), e.c()))
}

// SetIfToken is Set under a fencing token.
func SetIfToken(kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, value *Datum, bytes *byte, fence uint64,
	e *Error) int32 {
	return int32(C.gomp_set_if_token(C.int(kind), handle, at.c(), data(atBytes), value.c(), data(bytes),
		C.uint64_t(fence), e.c()))
}

// DeleteIfToken is Delete under a fencing token; not for lists.
func DeleteIfToken(kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, fence uint64, e *Error) int32 {
	return int32(C.gomp_delete_if_token(C.int(kind), handle, at.c(), data(atBytes), C.uint64_t(fence), e.c()))
}

// ListAppendIfToken is ListAppend under a fencing token.
func ListAppendIfToken(list unsafe.Pointer, value *Datum, bytes *byte, fence uint64, e *Error) int32 {
	return int32(C.gomp_list_append_if_token(list, value.c(), data(bytes), C.uint64_t(fence), e.c()))
}

// QueuePutIfToken is QueuePut under a fencing token.
func QueuePutIfToken(queue unsafe.Pointer, message []byte, fence uint64, timeout int64, cancel unsafe.Pointer,
	e *Error) int32 {
	return int32(C.gomp_queue_put_if_token(queue, room(message), number(message), C.uint64_t(fence),
		C.int64_t(timeout), token(cancel), e.c()))
}

// BatchCreate makes a batch.
func BatchCreate(manager unsafe.Pointer, made *Made, e *Error) int32 {
	return int32(C.gomp_batch_create(manager, made.c(), e.c()))
}

// BatchGet adds Get.
func BatchGet(batch unsafe.Pointer, kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, e *Error) int32 {
	return int32(C.gomp_batch_get(batch, C.int(kind), handle, at.c(), data(atBytes), e.c()))
}

// BatchSet adds Set.
func BatchSet(batch unsafe.Pointer, kind Kind, handle unsafe.Pointer, at *Datum, atBytes *byte, value *Datum,
	bytes *byte, e *Error) int32 {
	return int32(C.gomp_batch_set(batch, C.int(kind), handle, at.c(), data(atBytes), value.c(), data(bytes), e.c()))
}

// BatchDictDelete adds Delete of a dict.
func BatchDictDelete(batch, dict unsafe.Pointer, key *Datum, keyBytes *byte, e *Error) int32 {
	return int32(C.gomp_batch_dict_delete(batch, dict, key.c(), data(keyBytes), e.c()))
}

// BatchDictAdd adds Add of a dict.
func BatchDictAdd(batch, dict unsafe.Pointer, key *Datum, keyBytes *byte, delta *Datum, e *Error) int32 {
	return int32(C.gomp_batch_dict_add(batch, dict, key.c(), data(keyBytes), delta.c(), e.c()))
}

// BatchListAppend adds ListAppend.
func BatchListAppend(batch, list unsafe.Pointer, value *Datum, bytes *byte, e *Error) int32 {
	return int32(C.gomp_batch_list_append(batch, list, value.c(), data(bytes), e.c()))
}

// BatchQueuePut adds QueuePut.
func BatchQueuePut(batch, queue unsafe.Pointer, message []byte, e *Error) int32 {
	return int32(C.gomp_batch_queue_put(batch, queue, room(message), number(message), e.c()))
}

// BatchQueueGet adds QueueGet.
func BatchQueueGet(batch, queue unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_batch_queue_get(batch, queue, e.c()))
}

// BatchValueFetch adds ValueFetch of an integer.
func BatchValueFetch(batch, value unsafe.Pointer, op int32, operand int64, e *Error) int32 {
	return int32(C.gomp_batch_value_fetch(batch, value, C.int32_t(op), C.int64_t(operand), e.c()))
}

// BatchEventSet adds EventSet.
func BatchEventSet(batch, event unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_batch_event_set(batch, event, e.c()))
}

// BatchRun runs a batch.
func BatchRun(batch unsafe.Pointer, e *Error) int32 { return int32(C.gomp_batch_run(batch, e.c())) }

// BatchResult gives the result of one operation; its bytes are the batch's.
func BatchResult(batch unsafe.Pointer, index int, out *Datum, bytes *unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_batch_result(batch, C.size_t(index), out.c(), bytes, e.c()))
}

// BatchReset empties a batch.
func BatchReset(batch unsafe.Pointer, e *Error) int32 { return int32(C.gomp_batch_reset(batch, e.c())) }
