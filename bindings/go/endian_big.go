//go:build armbe || arm64be || m68k || mips || mips64 || mips64p32 || ppc || ppc64 || s390 || s390x || shbe || sparc || sparc64

package mproc

// Narrow values are picked out of 32-bit words in little-endian order (cell.go).
var _ = this_package_needs_a_little_endian_machine
