#!/usr/bin/env bash
# Runs the C test programs: run.sh VARIANT...    c99, c11, sanitize, or valgrind (the C11 ones below it)
set -u
cd "$(dirname "$0")/../.."
. scripts/stage-env.sh
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
failed=0

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
for variant in "$@"; do
    dir=target/ctest/$variant before=()
    case $variant in
    sanitize)
        # A build in which the sanitizer is not really in would pass just as well.
        if ! nm "$dir/api_test" | grep -q __asan_init; then
            echo "$dir/api_test was built without AddressSanitizer"
            exit 1
        fi
        ;;
    valgrind)
        if ! command -v valgrind >/dev/null 2>&1; then
            echo "SKIPPED: no valgrind; install it with: sudo apt-get install -y valgrind"
            continue
        fi
        dir=target/ctest/c11
        # Leaks are AddressSanitizer's part: it looks when a program ends, not when a forked child leaves.
        export UNDER_VALGRIND=1
        before=(valgrind -q --error-exitcode=99 --leak-check=no)
        ;;
    esac
    for program in "api_test" "bad_input_test tests/symbols.txt" "version_test $version"; do
        echo "-- $variant: $program"
        # shellcheck disable=SC2086 # program and its argument
        ${before[@]+"${before[@]}"} $dir/$program || failed=1
    done
done
exit $failed
