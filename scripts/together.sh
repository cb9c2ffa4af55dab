#!/usr/bin/env bash
# Runs commands at the same time: those that mostly wait, as tests of waiting do. Each says what it has to say when all
# before it have; it fails if one fails.
#
# usage: together.sh 'COMMAND ARGUMENT...'...
set -u
work=$(mktemp -d)
# If it is stopped from outside, the last words of each say where it hung.
say() { tail -n +1 -q "$work"/* 2>/dev/null; }
tidy() { rm -rf "$work"; }
trap tidy EXIT
trap 'say; exit 143' TERM
trap 'say; exit 130' INT

status=0 n=0 pids=()
for command in "$@"; do
    # A background job would ignore the interrupts that some tests send.
    # shellcheck disable=SC2086 # words
    env --default-signal=INT,QUIT $command >"$work/$n" 2>&1 &
    pids[n]=$!
    n=$((n + 1))
done
for ((i = 0; i < n; i++)); do
    wait "${pids[i]}" || { status=$?; echo "exit $status: ${*:i + 1:1}" >>"$work/$i"; }
    cat "$work/$i"
    rm "$work/$i"
done
exit $status
