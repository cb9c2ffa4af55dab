#!/usr/bin/env bash
# Builds the polyglot suite against the staged library and runs it: C, C++ and Go processes share each object,
# in every pairing, and the shell joins each of them with the tool; some are killed. The last line is "N passed, N failed".
#
# usage: tests/polyglot/run.sh [--seed N] [--only TEXT]
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/stage-env.sh
. scripts/stage-env.sh
: "${CC:=cc}" "${CXX:=c++}" "${GO:=go}" "${PKG_CONFIG:=pkg-config}" "${CFLAGS:=-O2 -g}" "${CXXFLAGS:=-O2 -g}"
scripts/need-tools.sh cc c++ go pkg-config
if ! "$PKG_CONFIG" --exists mproc; then
    echo "missing: the staged library; build it with: make stage" >&2
    exit 1
fi

from=tests/polyglot to=$PWD/target/polyglot
mkdir -p "$to"
warnings="-Wall -Wextra -Wpedantic -Werror"
# build PROGRAM COMPILER...: unless it is newer than everything it could be made of.
build() {
    local program=$to/$1
    shift
    if [ ! -e "$program" ] || [ -n "$(find "$from" "$MPROC_STAGE" ! -type d -newer "$program" -print -quit)" ]; then
        # shellcheck disable=SC2046 # flags are lists of words
        "$@" $warnings -o "$program" $("$PKG_CONFIG" --cflags --libs mproc) -pthread
    fi
}
# shellcheck disable=SC2086 # flags are lists of words
{
    build driver "$CC" -std=c11 -D_GNU_SOURCE $CFLAGS $from/driver.c $from/crew.c $from/cases_*.c
    build worker-c "$CC" -std=c11 -D_GNU_SOURCE $CFLAGS $from/worker.c $from/family.c $from/containers.c $from/wait.c
    build worker-cpp "$CXX" -std=c++17 $CXXFLAGS $from/worker.cpp $from/family.cpp $from/containers.cpp $from/wait.cpp
}
if [ ! -x "${MPROC_TOOL:=$PWD/target/tool/tool/mproc}" ]; then
    echo "missing: the command-line tool; build it with: make tool" >&2
    exit 1
fi
export MPROC_TOOL
install -m 755 $from/worker.sh "$to/worker-sh"
env -C $from/go GOPROXY=off "$GO" build -buildvcs=false -o "$to/worker-go" .

# One of its own, so that the end can show that nothing is left in it.
export MPROC_DOMAIN=${MPROC_DOMAIN:-/dev/shm/mproc}-polyglot-$$
trap 'rm -rf "$MPROC_DOMAIN"' EXIT
"$to/driver" "$@" "$to"
