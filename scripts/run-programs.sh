#!/usr/bin/env bash
# Runs every program of the given directories; fails when one fails or there is none.
set -u
cd "$(dirname "$0")/.."
. scripts/stage-env.sh
failed=0 count=0
for dir in "$@"; do
    for program in "$dir"/*; do
        [ -x "$program" ] || continue
        count=$((count + 1))
        echo "-- $program"
        "$program" || { echo "$program failed with exit code $?"; failed=1; }
    done
done
[ "$count" -gt 0 ] || { echo "no programs in $*"; exit 1; }
exit $failed
