#!/usr/bin/env bash
# Prints the functions that include/mproc.h declares, sorted: what the library may export, and nothing else.
set -eu
cd "$(dirname "$0")/.."
# cbindgen starts each declaration in the first column; comments are indented or start with ' *' or '/'.
grep -oE '^[a-z][a-z0-9_ ]*[ *](mproc_[a-z0-9_]+)\(' include/mproc.h | grep -oE 'mproc_[a-z0-9_]+\($' | tr -d '(' | LC_ALL=C sort
