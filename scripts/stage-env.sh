# Sourced from the top of the repository: compilers and programs find the staged library and nothing else.
MPROC_STAGE=$PWD/target/stage
export PKG_CONFIG_PATH="$MPROC_STAGE/lib/pkgconfig"
export LD_LIBRARY_PATH="$MPROC_STAGE/lib"
export PATH="$PATH:$HOME/.cargo/bin:/usr/local/go/bin"
# Go's build cache does not see that a header outside the module has changed; a changed flag it does see.
CGO_CFLAGS="-O2 -g -DMPROC_HEADER_SUM=$(cksum <include/mproc.h | cut -d ' ' -f 1)"
export CGO_CFLAGS
