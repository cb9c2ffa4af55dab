# Sourced from the top of the repository: compilers and programs find the staged library and nothing else.
MPROC_STAGE=$PWD/target/stage
export PKG_CONFIG_PATH="$MPROC_STAGE/lib/pkgconfig"
export LD_LIBRARY_PATH="$MPROC_STAGE/lib"
export PATH="$PATH:$HOME/.cargo/bin:/usr/local/go/bin"
# Go's build cache sees neither that a header outside the module has changed nor what pkg-config answers, but
# it sees a changed flag. Without this, it would link what another checkout has left in the cache.
CGO_CFLAGS="-O2 -g -DMPROC_STAGE_SUM=$({ echo "$MPROC_STAGE" && cat include/mproc.h; } | cksum | cut -d ' ' -f 1)"
export CGO_CFLAGS
