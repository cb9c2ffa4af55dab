#!/usr/bin/env bash
# Holds the shared library against tests/symbols.txt and the header: it exports these functions and nothing
# else, and its SONAME carries the ABI number.
#
# usage: symbols_test.sh [LIBRARY]
set -u
cd "$(dirname "$0")/.."
lib=${1:-target/release/libmproc.so}
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# verdict LABEL STATUS [HINT]: counts; a failure shows the differences that stand in $work/diff.
verdict() {
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $1"
        cat "$work/diff"
        [ $# -lt 3 ] || echo "  $3"
    fi
}

[ -f "$lib" ] || { echo "$lib is not there: run 'make build'"; exit 1; }
: >"$work/diff"

LC_ALL=C sort -u tests/symbols.txt | diff tests/symbols.txt - >"$work/diff"
verdict "tests/symbols.txt is sorted" $?

scripts/header-symbols.sh | diff tests/symbols.txt - >"$work/diff"
verdict "tests/symbols.txt has the functions of include/mproc.h" $? \
    "if the change is meant: scripts/header-symbols.sh > tests/symbols.txt"

nm -D --defined-only --format=posix "$lib" | awk '{ sub(/@.*/, "", $1); print $1 }' | LC_ALL=C sort |
    diff tests/symbols.txt - >"$work/diff"
verdict "$lib exports exactly these" $?

nm -D --defined-only --format=posix "$lib" | awk '$2 != "T"' >"$work/diff"
[ ! -s "$work/diff" ]
verdict "all of them are functions" $?

abi=$(sed -n 's/^#define MPROC_ABI_VERSION \([0-9]*\)$/\1/p' include/mproc.h)
soname=$(readelf -d "$lib" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
echo "SONAME is '$soname', the header says libmproc.so.$abi" >"$work/diff"
[ -n "$abi" ] && [ "$soname" = "libmproc.so.$abi" ]
verdict "SONAME" $?

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
