#!/usr/bin/env bash
# The proof: every step of `make test`, in order, each with a heading, stopping at the first that fails.
# A step that passes says so in a line or two, one that fails prints its log. At the end stands
# "N passed, N failed" over the steps, and if one failed, which, and those lines of its log that name what
# failed: who keeps only the last lines of all this shall find it there.
#
# usage: run-tests.sh [PATTERN]    with PATTERN (a bash regular expression) only the steps whose name matches
set -u
cd "$(dirname "$0")/.."
only=${1:-}
logs=$PWD/target/test-logs
mkdir -p "$logs"
rm -f "$logs"/*.log
# shellcheck source=scripts/stage-env.sh
. scripts/stage-env.sh
: "${CC:=cc}" "${CXX:=c++}" "${GO:=go}" "${CARGO:=cargo}" "${MAKE:=make}"

passed=0 failed=0 number=0 child= last_words=
# Where the steps put their private domains: nothing but them and what the tests name themselves.
export MPROC_DOMAIN=/dev/shm/mproc-test-$$
tidy() {
    rm -rf "$MPROC_DOMAIN" "$MPROC_DOMAIN"-*
}
finish() {
    tidy
    echo
    echo "$passed passed, $failed failed"
    [ -z "$last_words" ] || echo "$last_words"
    exit "$1"
}
interrupted() {
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
    wait
    echo "interrupted"
    finish 130
}
trap interrupted INT TERM HUP

# step NAME SECONDS COMMAND...: SECONDS is far beyond what it takes; only a hang gets there.
step() {
    local name=$1 limit=$2 log line status started=$SECONDS
    shift 2
    [[ -z $only || $name =~ $only ]] || return 0
    number=$((number + 1))
    log=$logs/$(printf '%02d' $number)-${name//[^A-Za-z0-9]/-}.log
    printf '== %s\n' "$name"
    # In the background, so that an interrupt reaches this script at once; a background job would ignore
    # the interrupts that some tests send, hence env.
    timeout -k 10 "$limit" env --default-signal=INT,QUIT "$@" >"$log" 2>&1 </dev/null &
    child=$!
    wait "$child"
    status=$?
    child=
    if [ $status -eq 0 ]; then
        passed=$((passed + 1))
        grep -E '^(SKIPPED|NOTE)' "$log" | sed 's/^/   /'
        printf '   ok, %d s%s\n' $((SECONDS - started)) "$(summary "$log")"
    else
        failed=$((failed + 1))
        if [ $status -eq 124 ] || [ $status -eq 137 ]; then
            echo "   stopped after $limit s; the log's last line is where it hung"
        fi
        sed 's/^/   | /' "$log"
        last_words="FAILED (exit $status): $name; log: ${log#"$PWD"/}"
        echo "   $last_words"
        # The programs of the tests say it once more at their ends; cargo and go in their own ways.
        while IFS= read -r line; do
            last_words+=$'\n'"   $line"
        done < <(grep -wE 'FAIL|FAILED' "$log" | awk '{ what = $0; sub(/FAILED/, "FAIL", what) } !said[what]++' |
            head -n 20 | cut -c 1-500)
        finish 1
    fi
}

# What a passing log says in one line: the tallies added up, or its last line.
summary() {
    awk '
        /^test result: ok\. / { p += $4; n++ }
        /^[0-9]+ passed, [0-9]+ failed/ { p += $1; n++ }
        NF && !/^make/ { last = $0; sub(/^ *\| /, "", last) }
        END { if (n) printf ": %d checks passed\n", p; else if (last != "") print ": " last }' "$1" | cut -c 1-150
}


step "tools" 600 scripts/need-tools.sh cargo cargo-fmt cargo-clippy cc c++ go pkg-config
step "build" 1200 "$MAKE" --no-print-directory stage
step "lint" 1200 "$MAKE" --no-print-directory lint

# ---- Rust: begin ------------------------------------------------------------------------------------
# In a target directory of their own: cargo would otherwise leave a library with other features or flags
# at target/release/libmproc.so, where `make install` finds it.
step "rust: models, loom, header, documentation, parts of the tool" 1800 \
    "$CARGO" test --profile proof --locked --target-dir target/cargo-test --features tool
step "rust: crash points" 1800 \
    "$CARGO" test --profile proof --locked --target-dir target/cargo-test --features crash-points --test crash
# ---- Rust: end --------------------------------------------------------------------------------------

step "exported symbols and SONAME" 60 tests/symbols_test.sh target/stage/lib/libmproc.so
step "headers alone, C99 to C++20" 120 tests/c/header_test.sh
step "the tool: build" 900 "$MAKE" --no-print-directory tool
step "C, C++ tests, examples and demo: compile" 900 "$MAKE" -j "$(nproc)" --no-print-directory c-tests cpp-tests examples demo-programs
step "C tests, C99 and C11 at the same time" 600 scripts/together.sh "tests/c/run.sh c99" "tests/c/run.sh c11"
step "C tests under AddressSanitizer and UBSan, and under valgrind at the same time" 900 \
    scripts/together.sh "tests/c/run.sh sanitize" "tests/c/run.sh valgrind"
step "C++ tests, C++17" 600 target/cpptest/c++17/cpp_tests
step "C++ tests, C++20" 600 target/cpptest/c++20/cpp_tests
step "Go tests" 900 env -C bindings/go "$GO" test -count=1 ./...
step "Go tests with the race detector" 900 env -C bindings/go "$GO" test -count=1 -race ./...
step "polyglot: C, C++ and Go in every pairing, each with the shell, some killed" 600 tests/polyglot/run.sh
step "examples in C, C++ and Go" 300 scripts/check-examples.sh
step "the tool: commands" 300 tests/tool/run.sh target/tool/tool/mproc
step "the programs of the README" 120 scripts/check-readme.sh
step "install, then build with nothing but pkg-config" 600 tests/install_test.sh
# The scenarios mostly wait.
step "scenarios: fork, exec, stop, closed descriptors, pid namespaces; hostile segments, under AddressSanitizer" 900 \
    scripts/together.sh target/ctest/scenarios target/ctest/sanitize/hostile
step "the manager: deaths near and far, cut connections, kill loop" 600 target/ctest/manager
step "kill loop: 4,800 kills" 900 target/ctest/killloop --kills 4800
step "demo" 300 target/demo/director target/demo
finish 0
