// Package cmproc is the boundary to the C library: one Go function for each C call, Go types on the
// outside, nothing clever. Every function makes exactly one crossing.
package cmproc

/*
#cgo noescape gomp_close
#cgo nocallback gomp_close
#cgo noescape gomp_domain_open
#cgo nocallback gomp_domain_open
#cgo noescape gomp_domain_path
#cgo nocallback gomp_domain_path
#cgo noescape gomp_domain_id
#cgo nocallback gomp_domain_id
#cgo noescape gomp_domain_self
#cgo nocallback gomp_domain_self
#cgo noescape gomp_domain_unlink
#cgo nocallback gomp_domain_unlink
#cgo noescape gomp_domain_sweep
#cgo nocallback gomp_domain_sweep
#cgo noescape gomp_domain_remove
#cgo nocallback gomp_domain_remove
#cgo noescape gomp_lock_make
#cgo nocallback gomp_lock_make
#cgo noescape gomp_queue_make
#cgo nocallback gomp_queue_make
#cgo noescape gomp_value_make
#cgo nocallback gomp_value_make
#cgo noescape gomp_array_make
#cgo nocallback gomp_array_make
#cgo noescape gomp_export
#cgo nocallback gomp_export
#cgo noescape gomp_inherited
#cgo nocallback gomp_inherited
#cgo noescape gomp_handle_descriptors
#cgo nocallback gomp_handle_descriptors
#cgo noescape gomp_handle_token
#cgo nocallback gomp_handle_token
#cgo noescape gomp_send_handle
#cgo nocallback gomp_send_handle
#cgo noescape gomp_recv_handle
#cgo nocallback gomp_recv_handle
#cgo noescape gomp_acquire
#cgo nocallback gomp_acquire
#cgo noescape gomp_release
#cgo nocallback gomp_release
#cgo noescape gomp_owner
#cgo nocallback gomp_owner
#cgo noescape gomp_value_info
#cgo nocallback gomp_value_info
#cgo noescape gomp_value_load
#cgo nocallback gomp_value_load
#cgo noescape gomp_value_store
#cgo nocallback gomp_value_store
#cgo noescape gomp_value_exchange
#cgo nocallback gomp_value_exchange
#cgo noescape gomp_value_compare_exchange
#cgo nocallback gomp_value_compare_exchange
#cgo noescape gomp_array_info
#cgo nocallback gomp_array_info
#cgo noescape gomp_array_read
#cgo nocallback gomp_array_read
#cgo noescape gomp_array_write
#cgo nocallback gomp_array_write
#cgo noescape gomp_queue_put
#cgo nocallback gomp_queue_put
#cgo noescape gomp_queue_get
#cgo nocallback gomp_queue_get
#cgo noescape gomp_queue_put_many
#cgo nocallback gomp_queue_put_many
#cgo noescape gomp_queue_get_many
#cgo nocallback gomp_queue_get_many
#cgo noescape gomp_queue_size
#cgo nocallback gomp_queue_size
#cgo noescape gomp_queue_empty
#cgo nocallback gomp_queue_empty
#cgo noescape gomp_queue_full
#cgo nocallback gomp_queue_full
#cgo noescape gomp_queue_shutdown
#cgo nocallback gomp_queue_shutdown
#cgo noescape gomp_queue_info
#cgo nocallback gomp_queue_info
#cgo noescape gomp_queue_producer
#cgo nocallback gomp_queue_producer
#cgo noescape gomp_pipe_make
#cgo nocallback gomp_pipe_make
#cgo noescape gomp_queue_lease
#cgo nocallback gomp_queue_lease
#cgo noescape gomp_queue_task_done
#cgo nocallback gomp_queue_task_done
#cgo noescape gomp_queue_join
#cgo nocallback gomp_queue_join
#cgo noescape gomp_pipe_send
#cgo nocallback gomp_pipe_send
#cgo noescape gomp_pipe_recv
#cgo nocallback gomp_pipe_recv
#cgo noescape gomp_pipe_poll
#cgo nocallback gomp_pipe_poll
#cgo noescape gomp_pipe_info
#cgo nocallback gomp_pipe_info
#cgo noescape gomp_reserve
#cgo nocallback gomp_reserve
#cgo noescape gomp_peek
#cgo nocallback gomp_peek
#cgo noescape gomp_settle
#cgo nocallback gomp_settle
#cgo noescape gomp_rlock_make
#cgo nocallback gomp_rlock_make
#cgo noescape gomp_rwlock_make
#cgo nocallback gomp_rwlock_make
#cgo noescape gomp_semaphore_make
#cgo nocallback gomp_semaphore_make
#cgo noescape gomp_condition_make
#cgo nocallback gomp_condition_make
#cgo noescape gomp_event_make
#cgo nocallback gomp_event_make
#cgo noescape gomp_barrier_make
#cgo nocallback gomp_barrier_make
#cgo noescape gomp_rlock_info
#cgo nocallback gomp_rlock_info
#cgo noescape gomp_rwlock_info
#cgo nocallback gomp_rwlock_info
#cgo noescape gomp_semaphore_release
#cgo nocallback gomp_semaphore_release
#cgo noescape gomp_semaphore_info
#cgo nocallback gomp_semaphore_info
#cgo noescape gomp_condition_wait
#cgo nocallback gomp_condition_wait
#cgo noescape gomp_condition_notify
#cgo nocallback gomp_condition_notify
#cgo noescape gomp_condition_notify_all
#cgo nocallback gomp_condition_notify_all
#cgo noescape gomp_condition_info
#cgo nocallback gomp_condition_info
#cgo noescape gomp_event_set
#cgo nocallback gomp_event_set
#cgo noescape gomp_event_clear
#cgo nocallback gomp_event_clear
#cgo noescape gomp_event_is_set
#cgo nocallback gomp_event_is_set
#cgo noescape gomp_event_wait
#cgo nocallback gomp_event_wait
#cgo noescape gomp_barrier_wait
#cgo nocallback gomp_barrier_wait
#cgo noescape gomp_barrier_abort
#cgo nocallback gomp_barrier_abort
#cgo noescape gomp_barrier_reset
#cgo nocallback gomp_barrier_reset
#cgo noescape gomp_barrier_register
#cgo nocallback gomp_barrier_register
#cgo noescape gomp_barrier_unregister
#cgo nocallback gomp_barrier_unregister
#cgo noescape gomp_barrier_info
#cgo nocallback gomp_barrier_info
#cgo noescape gomp_value_fetch
#cgo nocallback gomp_value_fetch
#cgo noescape gomp_value_wait
#cgo nocallback gomp_value_wait
#cgo noescape gomp_value_notify
#cgo nocallback gomp_value_notify
#cgo noescape gomp_wait
#cgo nocallback gomp_wait
#cgo noescape gomp_fd
#cgo nocallback gomp_fd
#cgo noescape gomp_fd_ready
#cgo nocallback gomp_fd_ready
#cgo noescape mproc_cancel_create
#cgo nocallback mproc_cancel_create
#cgo noescape mproc_cancel_set
#cgo nocallback mproc_cancel_set
#cgo noescape mproc_cancel_close
#cgo nocallback mproc_cancel_close
#include "shim.h"
*/
import "C"

import (
	"unsafe"
)

// Statuses, flags, types and operations, from the header.
const (
	OK        = C.MPROC_OK
	Recovered = C.MPROC_RECOVERED
	Existed   = C.MPROC_EXISTED
	End       = C.MPROC_END

	EINVAL    = C.MPROC_EINVAL
	ETIMEDOUT = C.MPROC_ETIMEDOUT
	ECANCELED = C.MPROC_ECANCELED
	ECLOSED   = C.MPROC_ECLOSED
	EMSGSIZE  = C.MPROC_EMSGSIZE
	E2BIG     = C.MPROC_E2BIG
	EEXIST    = C.MPROC_EEXIST
	ENOENT    = C.MPROC_ENOENT
	EKIND     = C.MPROC_EKIND
	ETYPE     = C.MPROC_ETYPE
	ERANGE    = C.MPROC_ERANGE
	EPERM     = C.MPROC_EPERM
	EACCES    = C.MPROC_EACCES
	ENOSPC    = C.MPROC_ENOSPC
	ENOMEM    = C.MPROC_ENOMEM
	EBUSY     = C.MPROC_EBUSY
	ECORRUPT  = C.MPROC_ECORRUPT
	EVERSION  = C.MPROC_EVERSION
	EDOMAIN   = C.MPROC_EDOMAIN
	ENAME     = C.MPROC_ENAME
	ESLOTS    = C.MPROC_ESLOTS
	ENOTSUP   = C.MPROC_ENOTSUP
	ESYS      = C.MPROC_ESYS
	EPANIC    = C.MPROC_EPANIC
	ESTALE    = C.MPROC_ESTALE
	EPIPE     = C.MPROC_EPIPE
	EOF       = C.MPROC_EOF
	EINTR     = C.MPROC_EINTR
	EBROKEN   = C.MPROC_EBROKEN
	EOVERFLOW = C.MPROC_EOVERFLOW
	EFULL     = C.MPROC_EFULL
	ECHANGED  = C.MPROC_ECHANGED

	ECONNECTION = C.MPROC_ECONNECTION
	EAUTH       = C.MPROC_EAUTH
	EPROTOCOL   = C.MPROC_EPROTOCOL
	EQUOTA      = C.MPROC_EQUOTA
	EFENCED     = C.MPROC_EFENCED

	Forever     = C.MPROC_FOREVER
	UntilClosed = C.GOMP_UNTIL_CLOSED // Forever, with a token that Close alone sets

	DomainGroup     = C.MPROC_DOMAIN_GROUP
	DomainAnonymous = C.MPROC_DOMAIN_ANONYMOUS
	DomainExisting  = C.MPROC_DOMAIN_EXISTING

	Persist = C.MPROC_PERSIST
	ExistOK = C.MPROC_EXIST_OK
	NoSpin  = C.MPROC_NO_SPIN
	Raw     = C.MPROC_RAW

	AnyRelease = C.MPROC_ANY_RELEASE

	Writer = C.GOMP_WRITER // whom Acquire takes an rwlock for
	Reader = C.GOMP_READER

	SemaphoreBounded    = C.MPROC_SEMAPHORE_BOUNDED
	SemaphoreAccounting = C.MPROC_SEMAPHORE_ACCOUNTING
	SemaphoreMax        = C.MPROC_SEMAPHORE_MAX
	ConditionWaiters    = C.MPROC_CONDITION_WAITERS
	ConditionOwn        = C.MPROC_CONDITION_OWN
	BarrierMax          = C.MPROC_BARRIER_MAX

	QueueOpen     = C.MPROC_QUEUE_OPEN
	QueueDraining = C.MPROC_QUEUE_DRAINING
	QueueClosed   = C.MPROC_QUEUE_CLOSED

	QueueLeases   = C.MPROC_QUEUE_LEASE
	QueueJoinable = C.MPROC_QUEUE_JOINABLE

	ProducersNone = C.MPROC_PRODUCERS_NONE
	ProducersOpen = C.MPROC_PRODUCERS_OPEN
	ProducersGone = C.MPROC_PRODUCERS_GONE

	PipeOneWay    = C.MPROC_PIPE_ONEWAY
	PipeExclusive = C.MPROC_PIPE_EXCLUSIVE
	BothEnds      = C.GOMP_BOTH_ENDS

	Pollable = C.MPROC_POLLABLE // queues and pipes

	WaitQueueReadable = C.MPROC_WAIT_QUEUE_READABLE
	WaitQueueWritable = C.MPROC_WAIT_QUEUE_WRITABLE
	WaitPipeReadable  = C.MPROC_WAIT_PIPE_READABLE
	WaitPipeWritable  = C.MPROC_WAIT_PIPE_WRITABLE
	WaitPipeClosed    = C.MPROC_WAIT_PIPE_CLOSED
	WaitLock          = C.MPROC_WAIT_LOCK
	WaitRLock         = C.MPROC_WAIT_RLOCK
	WaitSemaphore     = C.MPROC_WAIT_SEMAPHORE
	WaitEvent         = C.MPROC_WAIT_EVENT
	WaitValue         = C.MPROC_WAIT_VALUE
	WaitMax           = C.MPROC_WAIT_MAX
	Unexpected        = C.GOMP_UNEXPECTED // WaitItem.Expected: nothing is

	PeerAwaited = C.MPROC_PEER_AWAITED
	PeerOpen    = C.MPROC_PEER_OPEN
	PeerGone    = C.MPROC_PEER_GONE

	I8     = C.MPROC_TYPE_I8
	U8     = C.MPROC_TYPE_U8
	I16    = C.MPROC_TYPE_I16
	U16    = C.MPROC_TYPE_U16
	I32    = C.MPROC_TYPE_I32
	U32    = C.MPROC_TYPE_U32
	I64    = C.MPROC_TYPE_I64
	U64    = C.MPROC_TYPE_U64
	F32    = C.MPROC_TYPE_F32
	F64    = C.MPROC_TYPE_F64
	Char8  = C.MPROC_TYPE_CHAR8
	Char32 = C.MPROC_TYPE_CHAR32
	Bool   = C.MPROC_TYPE_BOOL
	Struct = C.MPROC_TYPE_STRUCT

	OpAdd = C.MPROC_OP_ADD
	OpSub = C.MPROC_OP_SUB
	OpMin = C.MPROC_OP_MIN
	OpMax = C.MPROC_OP_MAX
	OpAnd = C.MPROC_OP_AND
	OpOr  = C.MPROC_OP_OR
	OpXor = C.MPROC_OP_XOR

	MaxDims       = C.MPROC_MAX_DIMS
	ABIVersion    = C.MPROC_ABI_VERSION
	LayoutVersion = C.MPROC_LAYOUT_VERSION
	InheritedName = C.MPROC_INHERITED
)

// Kind says which object a handle belongs to.
type Kind int32

// The kinds of handle.
const (
	KindDomain    Kind = C.GOMP_DOMAIN
	KindLock      Kind = C.GOMP_LOCK
	KindValue     Kind = C.GOMP_VALUE
	KindArray     Kind = C.GOMP_ARRAY
	KindQueue     Kind = C.GOMP_QUEUE
	KindPipe      Kind = C.GOMP_PIPE
	KindRLock     Kind = C.GOMP_RLOCK
	KindRWLock    Kind = C.GOMP_RWLOCK
	KindSemaphore Kind = C.GOMP_SEMAPHORE
	KindCondition Kind = C.GOMP_CONDITION
	KindEvent     Kind = C.GOMP_EVENT
	KindBarrier   Kind = C.GOMP_BARRIER
	KindDict      Kind = C.GOMP_DICT
	KindList      Kind = C.GOMP_LIST
	KindNamespace Kind = C.GOMP_NAMESPACE
	KindHandle    Kind = C.GOMP_HANDLE
	KindManager   Kind = C.GOMP_MANAGER
	KindBatch     Kind = C.GOMP_BATCH
)

// How says where an object comes from.
type How int32

// Create and Open take a domain and a name; Import takes a handle that travelled, and no name.
const (
	Create How = C.GOMP_CREATE
	Open   How = C.GOMP_OPEN
	Import How = C.GOMP_IMPORT
)

// Settlement says how something reserved, read in place, or leased ends.
type Settlement int32

// The ways to settle: a reservation by the first two, a message in place by the next two, a lease by the last two.
const (
	SettleCommit  Settlement = C.GOMP_COMMIT
	SettleAbort   Settlement = C.GOMP_ABORT
	SettleRelease Settlement = C.GOMP_RELEASE
	SettlePutBack Settlement = C.GOMP_PUTBACK
	SettleAck     Settlement = C.GOMP_ACK
)

// The structs below mirror those of the header; the assertions hold their sizes together.
type (
	// Error mirrors mproc_error_t.
	Error struct {
		Status  int32
		Errno   int32
		Message [248]byte
	}
	// Owner mirrors mproc_owner_t.
	Owner struct {
		Held, Alive, IsSelf int32
		Slot                uint32
		Generation          uint64
		PID                 int32
		_                   uint32
		StartTime           uint64
		Command             [32]byte
	}
	// ValueInfo mirrors mproc_value_info_t.
	ValueInfo struct {
		Type                int32
		Flags               uint32
		Size, Align, Schema uint64
		Steals              uint32
		_                   uint32
	}
	// ArrayInfo mirrors mproc_array_info_t.
	ArrayInfo struct {
		Type                              int32
		Flags                             uint32
		Size, Align, Schema, Length, NDim uint64
		Shape                             [MaxDims]uint64
		Steals, Rollbacks                 uint32
	}
	// QueueInfo mirrors mproc_queue_info_t.
	QueueInfo struct {
		Capacity, Used, Items, MaxItems, MaxMessage uint64
		State, Steals                               uint32
		Held, Reserved, Unfinished                  uint64
		Flags, Producers                            uint32
	}
	// PipeInfo mirrors mproc_pipe_info_t.
	PipeInfo struct {
		Capacity, MaxMessage, Incoming, Outgoing uint64
		End, Flags, Peer, Steals                 uint32
	}
	// RLockInfo mirrors mproc_rlock_info_t.
	RLockInfo struct {
		Owner         Owner
		Token         uint64
		Count, Steals uint32
	}
	// RWLockInfo mirrors mproc_rwlock_info_t.
	RWLockInfo struct {
		Writer                Owner
		Readers, Processes    uint32
		Writing, Inconsistent int32
		Steals                uint32
		_                     uint32
	}
	// SemaphoreInfo mirrors mproc_semaphore_info_t.
	SemaphoreInfo struct {
		Value, Initial, Held, Holders, Flags, Reclaimed uint32
	}
	// ConditionInfo mirrors mproc_condition_info_t.
	ConditionInfo struct {
		Waiters, LockKind, Regranted uint32
		_                            uint32
	}
	// BarrierInfo mirrors mproc_barrier_info_t.
	BarrierInfo struct {
		Parties, Waiting               uint32
		Broken                         int32
		Registered, Generation, Deaths uint32
	}
	// WaitItem is one of the things that Wait waits for.
	WaitItem struct {
		Condition uint32
		_         uint32
		Object    unsafe.Pointer
		Expected  uintptr // where in the bytes given apart, or Unexpected
		Size      uintptr
	}
	// View mirrors mproc_view_t.
	View struct {
		Data unsafe.Pointer
		Len  uintptr
		ID   uint64
	}
	// Made is what creating or opening gives: the handle, the token that ends waits on it, the memory.
	Made struct {
		Handle  unsafe.Pointer
		Closing unsafe.Pointer
		Ptr     unsafe.Pointer
	}
)

var (
	_ [unsafe.Sizeof(Error{})]byte         = [C.sizeof_mproc_error_t]byte{}
	_ [unsafe.Sizeof(Owner{})]byte         = [C.sizeof_mproc_owner_t]byte{}
	_ [unsafe.Sizeof(ValueInfo{})]byte     = [C.sizeof_mproc_value_info_t]byte{}
	_ [unsafe.Sizeof(ArrayInfo{})]byte     = [C.sizeof_mproc_array_info_t]byte{}
	_ [unsafe.Sizeof(QueueInfo{})]byte     = [C.sizeof_mproc_queue_info_t]byte{}
	_ [unsafe.Sizeof(PipeInfo{})]byte      = [C.sizeof_mproc_pipe_info_t]byte{}
	_ [unsafe.Sizeof(RLockInfo{})]byte     = [C.sizeof_mproc_rlock_info_t]byte{}
	_ [unsafe.Sizeof(RWLockInfo{})]byte    = [C.sizeof_mproc_rwlock_info_t]byte{}
	_ [unsafe.Sizeof(SemaphoreInfo{})]byte = [C.sizeof_mproc_semaphore_info_t]byte{}
	_ [unsafe.Sizeof(ConditionInfo{})]byte = [C.sizeof_mproc_condition_info_t]byte{}
	_ [unsafe.Sizeof(BarrierInfo{})]byte   = [C.sizeof_mproc_barrier_info_t]byte{}
	_ [unsafe.Sizeof(WaitItem{})]byte      = [C.sizeof_gomp_wait_item_t]byte{}
	_ [unsafe.Sizeof(View{})]byte          = [C.sizeof_mproc_view_t]byte{}
	_ [unsafe.Sizeof(Made{})]byte          = [C.sizeof_gomp_made_t]byte{}
)

func (e *Error) c() *C.mproc_error_t            { return (*C.mproc_error_t)(unsafe.Pointer(e)) }
func (m *Made) c() *C.gomp_made_t               { return (*C.gomp_made_t)(unsafe.Pointer(m)) }
func (o *Owner) c() *C.mproc_owner_t            { return (*C.mproc_owner_t)(unsafe.Pointer(o)) }
func (i *ValueInfo) c() *C.mproc_value_info_t   { return (*C.mproc_value_info_t)(unsafe.Pointer(i)) }
func (i *ArrayInfo) c() *C.mproc_array_info_t   { return (*C.mproc_array_info_t)(unsafe.Pointer(i)) }
func (i *QueueInfo) c() *C.mproc_queue_info_t   { return (*C.mproc_queue_info_t)(unsafe.Pointer(i)) }
func (i *PipeInfo) c() *C.mproc_pipe_info_t     { return (*C.mproc_pipe_info_t)(unsafe.Pointer(i)) }
func (i *RLockInfo) c() *C.mproc_rlock_info_t   { return (*C.mproc_rlock_info_t)(unsafe.Pointer(i)) }
func (i *RWLockInfo) c() *C.mproc_rwlock_info_t { return (*C.mproc_rwlock_info_t)(unsafe.Pointer(i)) }
func (i *SemaphoreInfo) c() *C.mproc_semaphore_info_t {
	return (*C.mproc_semaphore_info_t)(unsafe.Pointer(i))
}
func (i *ConditionInfo) c() *C.mproc_condition_info_t {
	return (*C.mproc_condition_info_t)(unsafe.Pointer(i))
}
func (i *BarrierInfo) c() *C.mproc_barrier_info_t {
	return (*C.mproc_barrier_info_t)(unsafe.Pointer(i))
}
func (v *View) c() *C.mproc_view_t { return (*C.mproc_view_t)(unsafe.Pointer(v)) }
func (k *Kind) c() *C.uint32_t     { return (*C.uint32_t)(unsafe.Pointer(k)) }

func str(s *byte) *C.char                      { return (*C.char)(unsafe.Pointer(s)) }
func uchar(p unsafe.Pointer) *C.uchar          { return (*C.uchar)(p) }
func size(p *uintptr) *C.size_t                { return (*C.size_t)(unsafe.Pointer(p)) }
func token(p unsafe.Pointer) *C.mproc_cancel_t { return (*C.mproc_cancel_t)(p) }

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// Close ends a handle of any kind and the token that belongs to it.
func Close(kind Kind, handle, closing unsafe.Pointer) {
	C.gomp_close(C.int(kind), handle, token(closing))
}

// CancelCreate makes a cancel token, or nil.
func CancelCreate() unsafe.Pointer {
	var t *C.mproc_cancel_t
	if C.mproc_cancel_create(&t) < 0 {
		return nil
	}
	return unsafe.Pointer(t)
}

// CancelSet sets a token.
func CancelSet(t unsafe.Pointer) { C.mproc_cancel_set(token(t)) }

// CancelClose ends a token.
func CancelClose(t unsafe.Pointer) { C.mproc_cancel_close(token(t)) }

// DomainOpen opens a domain. path is NUL-terminated or nil.
func DomainOpen(path *byte, flags uint32, busyTimeout int64, made *Made, e *Error) int32 {
	return int32(C.gomp_domain_open(str(path), C.uint32_t(flags), C.int64_t(busyTimeout), made.c(), e.c()))
}

// DomainPath copies the directory into buf; n is the length needed with the NUL.
func DomainPath(domain unsafe.Pointer, buf []byte, n *uintptr, e *Error) int32 {
	return int32(C.gomp_domain_path(domain, str(unsafe.SliceData(buf)), C.size_t(len(buf)), size(n), e.c()))
}

// DomainID copies the domain's identity.
func DomainID(domain unsafe.Pointer, id *[16]byte, e *Error) int32 {
	return int32(C.gomp_domain_id(domain, (*C.uint8_t)(unsafe.Pointer(id)), e.c()))
}

// DomainSelf describes the calling process.
func DomainSelf(domain unsafe.Pointer, o *Owner, e *Error) int32 {
	return int32(C.gomp_domain_self(domain, o.c(), e.c()))
}

// DomainUnlink removes a name.
func DomainUnlink(domain unsafe.Pointer, name *byte, e *Error) int32 {
	return int32(C.gomp_domain_unlink(domain, str(name), e.c()))
}

// DomainSweep removes what the dead left behind.
func DomainSweep(domain unsafe.Pointer, removed *uintptr, e *Error) int32 {
	return int32(C.gomp_domain_sweep(domain, size(removed), e.c()))
}

// DomainRemove removes a domain's directory.
func DomainRemove(path *byte, e *Error) int32 {
	return int32(C.gomp_domain_remove(str(path), e.c()))
}

// LockMake creates, opens or imports a lock.
func LockMake(how How, from unsafe.Pointer, name *byte, flags uint32, made *Made, e *Error) int32 {
	return int32(C.gomp_lock_make(C.int(how), from, str(name), C.uint32_t(flags), made.c(), e.c()))
}

// RLockMake creates, opens or imports an rlock.
func RLockMake(how How, from unsafe.Pointer, name *byte, flags uint32, made *Made, e *Error) int32 {
	return int32(C.gomp_rlock_make(C.int(how), from, str(name), C.uint32_t(flags), made.c(), e.c()))
}

// RWLockMake creates, opens or imports an rwlock.
func RWLockMake(how How, from unsafe.Pointer, name *byte, flags uint32, made *Made, e *Error) int32 {
	return int32(C.gomp_rwlock_make(C.int(how), from, str(name), C.uint32_t(flags), made.c(), e.c()))
}

// SemaphoreMake creates, opens or imports a semaphore.
func SemaphoreMake(how How, from unsafe.Pointer, name *byte, flags, initial uint32, made *Made, e *Error) int32 {
	return int32(C.gomp_semaphore_make(C.int(how), from, str(name), C.uint32_t(flags), C.uint32_t(initial),
		made.c(), e.c()))
}

// ConditionMake creates, opens or imports a condition; lock and rlock are what it is bound to, or nil.
func ConditionMake(how How, from unsafe.Pointer, name *byte, flags uint32, lock, rlock unsafe.Pointer, made *Made,
	e *Error) int32 {
	return int32(C.gomp_condition_make(C.int(how), from, str(name), C.uint32_t(flags), lock, rlock, made.c(), e.c()))
}

// EventMake creates, opens or imports an event.
func EventMake(how How, from unsafe.Pointer, name *byte, flags uint32, made *Made, e *Error) int32 {
	return int32(C.gomp_event_make(C.int(how), from, str(name), C.uint32_t(flags), made.c(), e.c()))
}

// BarrierMake creates, opens or imports a barrier.
func BarrierMake(how How, from unsafe.Pointer, name *byte, flags, parties uint32, made *Made, e *Error) int32 {
	return int32(C.gomp_barrier_make(C.int(how), from, str(name), C.uint32_t(flags), C.uint32_t(parties),
		made.c(), e.c()))
}

// QueueMake creates, opens or imports a queue.
func QueueMake(how How, from unsafe.Pointer, name *byte, flags, maxItems uint32, capacity uint64, made *Made, e *Error) int32 {
	return int32(C.gomp_queue_make(C.int(how), from, str(name), C.uint32_t(flags), C.uint32_t(maxItems),
		C.uint64_t(capacity), made.c(), e.c()))
}

// QueueProducer makes a producer's handle.
func QueueProducer(queue unsafe.Pointer, made *Made, e *Error) int32 {
	return int32(C.gomp_queue_producer(queue, made.c(), e.c()))
}

// PipeMake creates, opens or imports a pipe: one end, which goes to the first of made, or with BothEnds both.
func PipeMake(how How, from unsafe.Pointer, name *byte, flags uint32, capacity uint64, end int32,
	made *[2]Made, e *Error) int32 {
	return int32(C.gomp_pipe_make(C.int(how), from, str(name), C.uint32_t(flags), C.uint64_t(capacity), C.int(end),
		made[0].c(), e.c()))
}

// ValueMake creates, opens or imports a value.
func ValueMake(how How, from unsafe.Pointer, name *byte, typ int32, flags uint32, elemSize, elemAlign uintptr,
	schema uint64, initial unsafe.Pointer, made *Made, info *ValueInfo, e *Error) int32 {
	return int32(C.gomp_value_make(C.int(how), from, str(name), C.int32_t(typ), C.uint32_t(flags),
		C.size_t(elemSize), C.size_t(elemAlign), C.uint64_t(schema), uchar(initial), made.c(), info.c(), e.c()))
}

// ArrayMake creates, opens or imports an array.
func ArrayMake(how How, from unsafe.Pointer, name *byte, typ int32, flags uint32, elemSize, elemAlign uintptr,
	schema uint64, ndim int, shape *[MaxDims]uintptr, initial unsafe.Pointer, initialCount int,
	made *Made, info *ArrayInfo, e *Error) int32 {
	return int32(C.gomp_array_make(C.int(how), from, str(name), C.int32_t(typ), C.uint32_t(flags),
		C.size_t(elemSize), C.size_t(elemAlign), C.uint64_t(schema), C.size_t(ndim), size(&shape[0]),
		uchar(initial), C.size_t(initialCount), made.c(), info.c(), e.c()))
}

// Export makes a handle that can travel; object is of the kind.
func Export(kind Kind, object unsafe.Pointer, made *Made, is *Kind, e *Error) int32 {
	return int32(C.gomp_export(C.int(kind), object, made.c(), is.c(), e.c()))
}

// Inherited takes the handle that the starter of this program gave it under a name.
func Inherited(name *byte, made *Made, is *Kind, e *Error) int32 {
	return int32(C.gomp_inherited(str(name), made.c(), is.c(), e.c()))
}

// HandleDescriptors gives the handle's two descriptors, which stay its own.
func HandleDescriptors(handle unsafe.Pointer, registry, object *int32, e *Error) int32 {
	return int32(C.gomp_handle_descriptors(handle, (*C.int)(unsafe.Pointer(registry)), (*C.int)(unsafe.Pointer(object)), e.c()))
}

// HandleToken copies the text for a child in which the descriptors have these numbers; n is its length with the NUL.
func HandleToken(handle unsafe.Pointer, registry, object int32, buf []byte, n *uintptr, e *Error) int32 {
	return int32(C.gomp_handle_token(handle, C.int(registry), C.int(object), str(unsafe.SliceData(buf)),
		C.size_t(len(buf)), size(n), e.c()))
}

// SendHandle sends a handle through a socket.
func SendHandle(socket uintptr, handle unsafe.Pointer, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_send_handle(C.int(socket), handle, C.int64_t(timeout), token(cancel), e.c()))
}

// RecvHandle receives a handle from a socket.
func RecvHandle(socket uintptr, timeout int64, cancel unsafe.Pointer, made *Made, is *Kind, e *Error) int32 {
	return int32(C.gomp_recv_handle(C.int(socket), C.int64_t(timeout), token(cancel), made.c(), is.c(), e.c()))
}

// Acquire takes the lock of a lock, value, array or condition, or a permit of a semaphore. as is a token (rlock,
// condition), or Writer or Reader (rwlock).
func Acquire(kind Kind, handle unsafe.Pointer, as uint64, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_acquire(C.int(kind), handle, C.uint64_t(as), C.int64_t(timeout), token(cancel), e.c()))
}

// Release gives back what Acquire took.
func Release(kind Kind, handle unsafe.Pointer, as uint64, e *Error) int32 {
	return int32(C.gomp_release(C.int(kind), handle, C.uint64_t(as), e.c()))
}

// LockOwner says who holds the lock of a lock, value or array.
func LockOwner(kind Kind, handle unsafe.Pointer, o *Owner, e *Error) int32 {
	return int32(C.gomp_owner(C.int(kind), handle, o.c(), e.c()))
}

// GetRLockInfo describes an rlock.
func GetRLockInfo(rlock unsafe.Pointer, info *RLockInfo, e *Error) int32 {
	return int32(C.gomp_rlock_info(rlock, info.c(), e.c()))
}

// GetRWLockInfo describes an rwlock.
func GetRWLockInfo(rwlock unsafe.Pointer, info *RWLockInfo, e *Error) int32 {
	return int32(C.gomp_rwlock_info(rwlock, info.c(), e.c()))
}

// SemaphoreRelease gives permits back.
func SemaphoreRelease(semaphore unsafe.Pointer, n uint32, e *Error) int32 {
	return int32(C.gomp_semaphore_release(semaphore, C.uint32_t(n), e.c()))
}

// GetSemaphoreInfo describes a semaphore.
func GetSemaphoreInfo(semaphore unsafe.Pointer, info *SemaphoreInfo, e *Error) int32 {
	return int32(C.gomp_semaphore_info(semaphore, info.c(), e.c()))
}

// ConditionWait waits to be notified.
func ConditionWait(condition unsafe.Pointer, as uint64, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_condition_wait(condition, C.uint64_t(as), C.int64_t(timeout), token(cancel), e.c()))
}

// ConditionNotify notifies some.
func ConditionNotify(condition unsafe.Pointer, n uint32, e *Error) int32 {
	return int32(C.gomp_condition_notify(condition, C.uint32_t(n), e.c()))
}

// ConditionNotifyAll notifies everybody.
func ConditionNotifyAll(condition unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_condition_notify_all(condition, e.c()))
}

// GetConditionInfo describes a condition.
func GetConditionInfo(condition unsafe.Pointer, info *ConditionInfo, e *Error) int32 {
	return int32(C.gomp_condition_info(condition, info.c(), e.c()))
}

// EventSet sets an event.
func EventSet(event unsafe.Pointer, e *Error) int32 { return int32(C.gomp_event_set(event, e.c())) }

// EventClear clears an event.
func EventClear(event unsafe.Pointer, e *Error) int32 { return int32(C.gomp_event_clear(event, e.c())) }

// EventIsSet says whether an event is set.
func EventIsSet(event unsafe.Pointer, set *int32, e *Error) int32 {
	return int32(C.gomp_event_is_set(event, (*C.int)(unsafe.Pointer(set)), e.c()))
}

// EventWait waits until an event is set.
func EventWait(event unsafe.Pointer, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_event_wait(event, C.int64_t(timeout), token(cancel), e.c()))
}

// BarrierWait waits until all have come.
func BarrierWait(barrier unsafe.Pointer, timeout int64, cancel unsafe.Pointer, index *uint32, e *Error) int32 {
	return int32(C.gomp_barrier_wait(barrier, C.int64_t(timeout), token(cancel), (*C.uint32_t)(unsafe.Pointer(index)),
		e.c()))
}

// BarrierAbort breaks a barrier.
func BarrierAbort(barrier unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_barrier_abort(barrier, e.c()))
}

// BarrierReset makes a barrier as new.
func BarrierReset(barrier unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_barrier_reset(barrier, e.c()))
}

// BarrierRegister promises to come.
func BarrierRegister(barrier unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_barrier_register(barrier, e.c()))
}

// BarrierUnregister takes a promise back.
func BarrierUnregister(barrier unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_barrier_unregister(barrier, e.c()))
}

// GetBarrierInfo describes a barrier.
func GetBarrierInfo(barrier unsafe.Pointer, info *BarrierInfo, e *Error) int32 {
	return int32(C.gomp_barrier_info(barrier, info.c(), e.c()))
}

// GetValueInfo describes a value.
func GetValueInfo(value unsafe.Pointer, info *ValueInfo, e *Error) int32 {
	return int32(C.gomp_value_info(value, info.c(), e.c()))
}

// ValueLoad reads a value of any type.
func ValueLoad(value, out unsafe.Pointer, n uintptr, e *Error) int32 {
	return int32(C.gomp_value_load(value, uchar(out), C.size_t(n), e.c()))
}

// ValueStore writes a value of any type.
func ValueStore(value, in unsafe.Pointer, n uintptr, e *Error) int32 {
	return int32(C.gomp_value_store(value, uchar(in), C.size_t(n), e.c()))
}

// ValueExchange writes a value and gives the one before.
func ValueExchange(value, in, old unsafe.Pointer, n uintptr, e *Error) int32 {
	return int32(C.gomp_value_exchange(value, uchar(in), uchar(old), C.size_t(n), e.c()))
}

// ValueCompareExchange writes a value if it is as expected.
func ValueCompareExchange(value, expected, desired unsafe.Pointer, n uintptr, seen unsafe.Pointer, swapped *int32, e *Error) int32 {
	return int32(C.gomp_value_compare_exchange(value, uchar(expected), uchar(desired), C.size_t(n), uchar(seen),
		(*C.int)(unsafe.Pointer(swapped)), e.c()))
}

// ValueFetch is an atomic operation on a number that gives the one before; operand and old are the bits of an int64, or
// of a float64.
func ValueFetch(value unsafe.Pointer, op int32, float bool, operand uint64, old *uint64, e *Error) int32 {
	return int32(C.gomp_value_fetch(value, C.int32_t(op), flag(float), C.uint64_t(operand), u64(old), e.c()))
}

// ValueWait waits until a value is not as expected any more; n is its size in bytes.
func ValueWait(value, expected unsafe.Pointer, n uintptr, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_value_wait(value, uchar(expected), C.size_t(n), C.int64_t(timeout), token(cancel), e.c()))
}

// ValueNotify wakes some who wait for a value.
func ValueNotify(value unsafe.Pointer, n uint32, e *Error) int32 {
	return int32(C.gomp_value_notify(value, C.uint32_t(n), e.c()))
}

// GetArrayInfo describes an array.
func GetArrayInfo(array unsafe.Pointer, info *ArrayInfo, e *Error) int32 {
	return int32(C.gomp_array_info(array, info.c(), e.c()))
}

// ArrayRead copies elements out; n is their size in bytes.
func ArrayRead(array unsafe.Pointer, start, count uintptr, out unsafe.Pointer, n uintptr, e *Error) int32 {
	return int32(C.gomp_array_read(array, C.size_t(start), C.size_t(count), uchar(out), C.size_t(n), e.c()))
}

// ArrayWrite copies elements in; n is their size in bytes.
func ArrayWrite(array unsafe.Pointer, start, count uintptr, in unsafe.Pointer, n uintptr, e *Error) int32 {
	return int32(C.gomp_array_write(array, C.size_t(start), C.size_t(count), uchar(in), C.size_t(n), e.c()))
}

// QueuePut puts a message.
func QueuePut(queue unsafe.Pointer, data []byte, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_queue_put(queue, uchar(unsafe.Pointer(unsafe.SliceData(data))), C.size_t(len(data)),
		C.int64_t(timeout), token(cancel), e.c()))
}

// QueueGet takes a message.
func QueueGet(queue unsafe.Pointer, buf []byte, n *uintptr, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_queue_get(queue, uchar(unsafe.Pointer(unsafe.SliceData(buf))), C.size_t(len(buf)), size(n),
		C.int64_t(timeout), token(cancel), e.c()))
}

// QueuePutMany puts the messages that stand in flat, which is not empty, one after the other.
func QueuePutMany(queue unsafe.Pointer, flat []byte, lens []uintptr, done *uintptr, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_queue_put_many(queue, uchar(unsafe.Pointer(unsafe.SliceData(flat))), size(unsafe.SliceData(lens)),
		C.size_t(len(lens)), size(done), C.int64_t(timeout), token(cancel), e.c()))
}

// QueueGetMany takes up to len(lens) messages; each starts at a multiple of 8 in buf.
func QueueGetMany(queue unsafe.Pointer, buf []byte, lens []uintptr, count *uintptr, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_queue_get_many(queue, uchar(unsafe.Pointer(unsafe.SliceData(buf))), C.size_t(len(buf)),
		size(unsafe.SliceData(lens)), C.size_t(len(lens)), size(count), C.int64_t(timeout), token(cancel), e.c()))
}

// QueueSize counts the messages.
func QueueSize(queue unsafe.Pointer, items *uintptr, e *Error) int32 {
	return int32(C.gomp_queue_size(queue, size(items), e.c()))
}

// QueueEmpty says whether there is no message.
func QueueEmpty(queue unsafe.Pointer, empty *int32, e *Error) int32 {
	return int32(C.gomp_queue_empty(queue, (*C.int)(unsafe.Pointer(empty)), e.c()))
}

// QueueFull says whether there is no room.
func QueueFull(queue unsafe.Pointer, full *int32, e *Error) int32 {
	return int32(C.gomp_queue_full(queue, (*C.int)(unsafe.Pointer(full)), e.c()))
}

// QueueShutdown shuts a queue down.
func QueueShutdown(queue unsafe.Pointer, immediate bool, e *Error) int32 {
	return int32(C.gomp_queue_shutdown(queue, flag(immediate), e.c()))
}

// GetQueueInfo describes a queue.
func GetQueueInfo(queue unsafe.Pointer, info *QueueInfo, e *Error) int32 {
	return int32(C.gomp_queue_info(queue, info.c(), e.c()))
}

// QueueLease takes a message under a lease.
func QueueLease(queue unsafe.Pointer, buf []byte, n *uintptr, lease *uint64, timeout int64, cancel unsafe.Pointer,
	e *Error) int32 {
	return int32(C.gomp_queue_lease(queue, uchar(unsafe.Pointer(unsafe.SliceData(buf))), C.size_t(len(buf)), size(n),
		(*C.uint64_t)(unsafe.Pointer(lease)), C.int64_t(timeout), token(cancel), e.c()))
}

// QueueTaskDone reports one message done.
func QueueTaskDone(queue unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_queue_task_done(queue, e.c()))
}

// QueueJoin waits until everything is done.
func QueueJoin(queue unsafe.Pointer, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_queue_join(queue, C.int64_t(timeout), token(cancel), e.c()))
}

// PipeSend sends a message.
func PipeSend(pipe unsafe.Pointer, data []byte, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_pipe_send(pipe, uchar(unsafe.Pointer(unsafe.SliceData(data))), C.size_t(len(data)),
		C.int64_t(timeout), token(cancel), e.c()))
}

// PipeRecv takes a message.
func PipeRecv(pipe unsafe.Pointer, buf []byte, n *uintptr, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_pipe_recv(pipe, uchar(unsafe.Pointer(unsafe.SliceData(buf))), C.size_t(len(buf)), size(n),
		C.int64_t(timeout), token(cancel), e.c()))
}

// PipePoll waits until there is a message.
func PipePoll(pipe unsafe.Pointer, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_pipe_poll(pipe, C.int64_t(timeout), token(cancel), e.c()))
}

// GetPipeInfo describes a pipe as one end sees it.
func GetPipeInfo(pipe unsafe.Pointer, info *PipeInfo, e *Error) int32 {
	return int32(C.gomp_pipe_info(pipe, info.c(), e.c()))
}

// Reserve makes room for a message in a queue or pipe.
func Reserve(kind Kind, handle unsafe.Pointer, n uintptr, view *View, timeout int64, cancel unsafe.Pointer,
	e *Error) int32 {
	return int32(C.gomp_reserve(C.int(kind), handle, C.size_t(n), view.c(), C.int64_t(timeout), token(cancel), e.c()))
}

// Peek takes a message of a queue or pipe without copying it.
func Peek(kind Kind, handle unsafe.Pointer, view *View, timeout int64, cancel unsafe.Pointer, e *Error) int32 {
	return int32(C.gomp_peek(C.int(kind), handle, view.c(), C.int64_t(timeout), token(cancel), e.c()))
}

// Settle ends what was reserved, read in place, or leased; n is the length to commit.
func Settle(kind Kind, handle unsafe.Pointer, how Settlement, id uint64, n uintptr, e *Error) int32 {
	return int32(C.gomp_settle(C.int(kind), handle, C.int(how), C.uint64_t(id), C.size_t(n), e.c()))
}

// Wait waits until one of the items, 1 to WaitMax, is ready. ready, as long as items, gets the indices of count that are.
func Wait(items []WaitItem, expected []byte, ready []uint32, count *uintptr, timeout int64, cancel unsafe.Pointer,
	e *Error) int32 {
	return int32(C.gomp_wait((*C.gomp_wait_item_t)(unsafe.Pointer(unsafe.SliceData(items))), C.size_t(len(items)),
		uchar(unsafe.Pointer(unsafe.SliceData(expected))), C.int64_t(timeout), token(cancel),
		(*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(ready))), size(count), e.c()))
}

// Descriptor gives the descriptor of a pollable queue or pipe, for messages or for room; it stays the handle's.
func Descriptor(kind Kind, handle unsafe.Pointer, room bool, fd *int32, e *Error) int32 {
	return int32(C.gomp_fd(C.int(kind), handle, flag(room), (*C.int)(unsafe.Pointer(fd)), e.c()))
}

// DescriptorReady says whether a descriptor is readable right now.
func DescriptorReady(fd uintptr) bool { return C.gomp_fd_ready(C.int(fd)) != 0 }

// StrError says in words what a status means.
func StrError(status int32) string { return C.GoString(C.mproc_strerror(C.int32_t(status))) }

// StatusName is the name of a status in the header.
func StatusName(status int32) string { return C.GoString(C.mproc_status_name(C.int32_t(status))) }

// Version is the version of the loaded library.
func Version() string { return C.GoString(C.mproc_version()) }

// LoadedABIVersion is the ABI number of the loaded library.
func LoadedABIVersion() uint32 { return uint32(C.mproc_abi_version()) }

// LoadedLayoutVersion is the memory layout of the loaded library.
func LoadedLayoutVersion() uint32 { return uint32(C.mproc_layout_version()) }
