#!/usr/bin/env bash
# Runs the tests of the command-line tool, one after the other, each with a limit.
#
# usage: tests/tool/run.sh [TOOL]
set -u
cd "$(dirname "$0")/../.."
tool=${1:-target/tool/tool/mproc}
failed=0
for test in tests/tool/*_test.sh; do
    echo "-- $test"
    timeout -k 5 120 "$test" "$tool" </dev/null || { failed=1; echo "failed: $test (exit $?)"; }
done
exit $failed
