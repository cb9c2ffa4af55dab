# shellcheck shell=bash
# What the tests of the tool have in common. They set $work, a directory of their own, before they use it.

passed=0 failed=0 here=
# check LABEL COMMAND...: counts, and shows the words of a command that fails.
check() {
    here=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $here"
        cat "$work/log"
    fi
}
# exits STATUS COMMAND...: its words stay in $work/out and $work/err.
exits() {
    local want=$1 status=0
    shift
    timeout -k 5 60 "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    [ "$status" -eq "$want" ] || { echo "exit $status, not $want: $*"; cat "$work/out" "$work/err"; return 1; }
}
like() { grep -qE -- "$2" "$1" || { echo "nothing like '$2' in:"; cat "$work/out" "$work/err"; return 1; }; }
says() { like "$work/out" "$1"; }
warns() { like "$work/err" "$1"; }
says_not() { ! grep -E -- "$1" "$work/out"; }
# The last lines of each test.
tally() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
exec 3>&1
trap 'echo "it hung, or was stopped, in: $here" >&3; exit 1' TERM INT
