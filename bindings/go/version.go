package mproc

import "github.com/libmproc/libmproc/bindings/go/internal/cmproc"

// Version is the version of the loaded library, for example "0.1.0".
func Version() string { return cmproc.Version() }

// ABIVersion is the ABI number of the loaded library; this package was compiled for BuiltForABI.
func ABIVersion() uint32 { return cmproc.LoadedABIVersion() }

// LayoutVersion is the memory layout of the loaded library. Processes share an object exactly when this
// number is the same.
func LayoutVersion() uint32 { return cmproc.LoadedLayoutVersion() }

// BuiltForABI is the ABI number of the header this package was compiled with.
const BuiltForABI uint32 = cmproc.ABIVersion
