module github.com/libmproc/libmproc/tests/polyglot/go

go 1.24

require github.com/libmproc/libmproc/bindings/go v0.0.0

replace github.com/libmproc/libmproc/bindings/go => ../../../bindings/go
