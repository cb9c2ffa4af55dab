module github.com/libmproc/libmproc/bindings/go

go 1.24
