//go:build !mproc_static

package cmproc

// #cgo pkg-config: mproc
import "C"
