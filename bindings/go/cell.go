package mproc

import (
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

// Scalars in shared memory, read and written without crossing into C. Their bits travel zero-extended in
// a uint64. The C library does the same with atomic instructions of the value's own width; sync/atomic has
// none for 8 and 16 bits, so these go through the aligned 32-bit word around them, which leaves the
// neighbours as they are.

type width interface {
	~uint8 | ~uint16
}

// narrow finds the word around p and how far to shift it.
func narrow(p unsafe.Pointer) (word *uint32, shift uint) {
	return (*uint32)(unsafe.Pointer(uintptr(p) &^ 3)), uint(uintptr(p)&3) * 8
}

func loadNarrow[W width](p unsafe.Pointer) uint64 {
	word, shift := narrow(p)
	return uint64(W(atomic.LoadUint32(word) >> shift))
}

// swapNarrow replaces the bits, with `only` given only if they are that, and gives those before.
func swapNarrow[W width](p unsafe.Pointer, to W, only *W) (before W, swapped bool) {
	word, shift := narrow(p)
	mask := uint32(^W(0)) << shift
	for {
		old := atomic.LoadUint32(word)
		before = W(old >> shift)
		if only != nil && before != *only {
			return before, false
		}
		if atomic.CompareAndSwapUint32(word, old, old&^mask|uint32(to)<<shift) {
			return before, true
		}
	}
}

func cellLoad(p unsafe.Pointer, size uintptr) uint64 {
	switch size {
	case 1:
		return loadNarrow[uint8](p)
	case 2:
		return loadNarrow[uint16](p)
	case 4:
		return uint64(atomic.LoadUint32((*uint32)(p)))
	default:
		return atomic.LoadUint64((*uint64)(p))
	}
}

func cellSwap(p unsafe.Pointer, size uintptr, to uint64) (before uint64) {
	switch size {
	case 1:
		old, _ := swapNarrow(p, uint8(to), nil)
		return uint64(old)
	case 2:
		old, _ := swapNarrow(p, uint16(to), nil)
		return uint64(old)
	case 4:
		return uint64(atomic.SwapUint32((*uint32)(p), uint32(to)))
	default:
		return atomic.SwapUint64((*uint64)(p), to)
	}
}

func cellStore(p unsafe.Pointer, size uintptr, to uint64) {
	switch size {
	case 4:
		atomic.StoreUint32((*uint32)(p), uint32(to))
	case 8:
		atomic.StoreUint64((*uint64)(p), to)
	default:
		cellSwap(p, size, to)
	}
}

// cellCompareAndSwap writes `to` if the cell holds `expected`, and gives what it held.
func cellCompareAndSwap(p unsafe.Pointer, size uintptr, expected, to uint64) (seen uint64, swapped bool) {
	switch size {
	case 1:
		only := uint8(expected)
		old, ok := swapNarrow(p, uint8(to), &only)
		return uint64(old), ok
	case 2:
		only := uint16(expected)
		old, ok := swapNarrow(p, uint16(to), &only)
		return uint64(old), ok
	case 4:
		for {
			if atomic.CompareAndSwapUint32((*uint32)(p), uint32(expected), uint32(to)) {
				return expected, true
			}
			if seen := atomic.LoadUint32((*uint32)(p)); seen != uint32(expected) {
				return uint64(seen), false
			}
		}
	default:
		for {
			if atomic.CompareAndSwapUint64((*uint64)(p), expected, to) {
				return expected, true
			}
			if seen := atomic.LoadUint64((*uint64)(p)); seen != expected {
				return seen, false
			}
		}
	}
}

// cellFetch replaces the cell by (cell op operand) and gives what it held.
func cellFetch(p unsafe.Pointer, typ int32, size uintptr, op int32, operand uint64) (before uint64) {
	switch {
	case op == cmproc.OpAdd && (typ == cmproc.I64 || typ == cmproc.U64):
		return atomic.AddUint64((*uint64)(p), operand) - operand
	case op == cmproc.OpAdd && (typ == cmproc.I32 || typ == cmproc.U32 || typ == cmproc.Char32):
		return uint64(atomic.AddUint32((*uint32)(p), uint32(operand)) - uint32(operand))
	}
	for {
		before = cellLoad(p, size)
		if _, swapped := cellCompareAndSwap(p, size, before, combine(typ, op, before, operand)); swapped {
			return before
		}
	}
}

// combine is a op b in the arithmetic of the type.
func combine(typ, op int32, a, b uint64) uint64 {
	switch typ {
	case cmproc.F32:
		x, y := math.Float32frombits(uint32(a)), math.Float32frombits(uint32(b))
		return uint64(math.Float32bits(combineFloat(op, x, y)))
	case cmproc.F64:
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		return math.Float64bits(combineFloat(op, x, y))
	case cmproc.I8:
		return uint64(uint8(combineInt(op, int8(a), int8(b))))
	case cmproc.I16:
		return uint64(uint16(combineInt(op, int16(a), int16(b))))
	case cmproc.I32:
		return uint64(uint32(combineInt(op, int32(a), int32(b))))
	case cmproc.I64:
		return uint64(combineInt(op, int64(a), int64(b)))
	case cmproc.Bool:
		return combineInt(op, a&1, b&1)
	case cmproc.U8, cmproc.Char8:
		return uint64(combineInt(op, uint8(a), uint8(b)))
	case cmproc.U16:
		return uint64(combineInt(op, uint16(a), uint16(b)))
	case cmproc.U32, cmproc.Char32:
		return uint64(combineInt(op, uint32(a), uint32(b)))
	default:
		return combineInt(op, a, b)
	}
}

func combineInt[N int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](op int32, a, b N) N {
	switch op {
	case cmproc.OpAdd:
		return a + b
	case cmproc.OpSub:
		return a - b
	case cmproc.OpMin:
		return min(a, b)
	case cmproc.OpMax:
		return max(a, b)
	case cmproc.OpAnd:
		return a & b
	case cmproc.OpOr:
		return a | b
	default:
		return a ^ b
	}
}

// combineFloat: as in C, a NaN yields to a number in MIN and MAX.
func combineFloat[F float32 | float64](op int32, a, b F) F {
	switch {
	case op == cmproc.OpAdd:
		return a + b
	case op == cmproc.OpSub:
		return a - b
	case a != a:
		return b
	case b != b:
		return a
	case op == cmproc.OpMin:
		return min(a, b)
	default:
		return max(a, b)
	}
}

// supports says whether a type has an operation; the rules are those of mproc_value_fetch_i64/f64.
func supports(typ, op int32) bool {
	switch typ {
	case cmproc.Struct:
		return false
	case cmproc.F32, cmproc.F64:
		return op == cmproc.OpAdd || op == cmproc.OpSub || op == cmproc.OpMin || op == cmproc.OpMax
	case cmproc.Bool:
		return op == cmproc.OpAnd || op == cmproc.OpOr || op == cmproc.OpXor
	}
	return true
}

// widened and narrowed convert between the bits of a number and those of the int64 or float64 that C functions take.
func widened(typ int32, bits uint64) (float bool, out uint64) {
	switch typ {
	case cmproc.F32:
		return true, math.Float64bits(float64(math.Float32frombits(uint32(bits))))
	case cmproc.F64:
		return true, bits
	}
	return false, bits // which C cuts to the type's width
}

func narrowed(typ int32, wide uint64) uint64 {
	if typ == cmproc.F32 {
		return uint64(math.Float32bits(float32(math.Float64frombits(wide))))
	}
	return wide
}

// bitsOf and fromBits convert between a scalar and its bits. A bool is normalised on the way out: shared
// memory may hold any byte, a Go bool may not.
func bitsOf[T any](v T) uint64 {
	switch p := unsafe.Pointer(&v); unsafe.Sizeof(v) {
	case 1:
		return uint64(*(*uint8)(p))
	case 2:
		return uint64(*(*uint16)(p))
	case 4:
		return uint64(*(*uint32)(p))
	default:
		return *(*uint64)(p)
	}
}

func fromBits[T any](typ int32, bits uint64) (v T) {
	switch p := unsafe.Pointer(&v); unsafe.Sizeof(v) {
	case 1:
		if typ == cmproc.Bool && bits != 0 {
			bits = 1
		}
		*(*uint8)(p) = uint8(bits)
	case 2:
		*(*uint16)(p) = uint16(bits)
	case 4:
		*(*uint32)(p) = uint32(bits)
	default:
		*(*uint64)(p) = bits
	}
	return v
}

// sound is what the library has read, if it is a scalar with bits that its type may have.
func sound[T any](e *element, v T) T {
	if e.scalar() {
		return fromBits[T](e.typ, bitsOf(v))
	}
	return v
}
