#!/bin/sh
# Builds the benchmark against the installed or staged library and runs it: benches/run.sh [options],
# see benches/run.sh --help. `make stage` provides the library; PKG_CONFIG_PATH points elsewhere.
set -eu
cd "$(dirname "$0")/.."

: "${CC:=cc}" "${CXX:=c++}" "${PKG_CONFIG:=pkg-config}"
export PKG_CONFIG_PATH="${PKG_CONFIG_PATH:-$PWD/target/stage/lib/pkgconfig}"
build=target/bench/build
warnings="-Wall -Wextra -Wpedantic -Werror"

if ! "$PKG_CONFIG" --exists mproc; then
    echo "bench: pkg-config does not find mproc in $PKG_CONFIG_PATH: run 'make stage' first" >&2
    exit 1
fi
cflags="$("$PKG_CONFIG" --cflags mproc)"
libs="$("$PKG_CONFIG" --libs mproc)"
libdir="$("$PKG_CONFIG" --variable=libdir mproc)"
header="$("$PKG_CONFIG" --variable=includedir mproc)/mproc.h"

# Boost's queue is the reference wherever Boost is there; without it the POSIX queue takes its place.
boost=
if printf '#if !__has_include(<%s>)\n#error\n#endif\n' boost/interprocess/ipc/message_queue.hpp |
    "$CXX" -x c++ -E - >/dev/null 2>&1; then
    boost=yes
else
    echo "bench: no Boost (apt-get install libboost-dev); the queue is held against the POSIX queue instead, dict and list not" >&2
    cflags="$cflags -DBENCH_NO_BOOST"
fi

mkdir -p "$build"
driver=$build/mproc-bench
settings="$CC|$CXX|${CFLAGS:-}|${CXXFLAGS:-}|$cflags|$libs|$boost"
if [ ! -x "$driver" ] || [ "$(cat "$build/settings" 2>/dev/null)" != "$settings" ] ||
    [ -n "$(find benches "$header" -newer "$driver" -name '*.[ch]*')" ]; then
    # Built aside and moved into place: another run may be using or building the driver at this moment.
    objects=$(mktemp -d "$build/objects.XXXXXX")
    trap 'rm -rf "$objects"' EXIT
    for source in benches/*.c; do
        # shellcheck disable=SC2086 # flags are lists of words
        "$CC" -std=gnu11 -O2 -g $warnings ${CFLAGS:-} $cflags -c "$source" -o "$objects/$(basename "$source" .c).o"
    done
    link=$CC
    if [ -n "$boost" ]; then
        link=$CXX
        # shellcheck disable=SC2086
        for source in benches/*.cpp; do
            "$CXX" -std=gnu++17 -O2 -g $warnings ${CXXFLAGS:-} $cflags -c "$source" -o "$objects/$(basename "$source" .cpp).o"
        done
    fi
    # shellcheck disable=SC2086
    "$link" "$objects"/*.o $libs -pthread -lrt -lm -o "$objects/mproc-bench"
    mv "$objects/mproc-bench" "$driver"
    echo "$settings" >"$build/settings"
    rm -rf "$objects"
fi

# A domain of our own, removed by the driver; removed here if the driver could not. In the background,
# because a shell runs its traps only between foreground commands.
MPROC_DOMAIN=/dev/shm/mproc-bench-$$
export MPROC_DOMAIN
trap 'rm -rf "$MPROC_DOMAIN"' EXIT
# Sockets and temporary files of the servers that references need.
BENCH_SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/mproc-bench.XXXXXX")
export BENCH_SCRATCH
trap 'rm -rf "$MPROC_DOMAIN" "$BENCH_SCRATCH"' EXIT
LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$driver" "$@" &
running=$!
trap 'kill -TERM "$running" 2>/dev/null || :; wait "$running" || :; exit 130' INT TERM
wait "$running"
