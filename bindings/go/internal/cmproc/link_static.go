//go:build mproc_static

package cmproc

// The archive is named outright and comes first; --as-needed then drops the shared library that
// pkg-config names as well.

// #cgo pkg-config: --static mproc
// #cgo LDFLAGS: -l:libmproc.a -Wl,--as-needed
import "C"
