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
# Actors end when nobody can write to their life any more, whatever happens to the script.
actors=
give_life() {
    mkfifo "$work/life"
    exec 9<>"$work/life"
}
# start PROGRAM ACT...: a process that has done them, and stays; its pid is in $started.
start() {
    local line
    here="starting $*"
    mkfifo "$work/ready"
    "$@" <"$work/life" >"$work/ready" 9>&- &
    started=$!
    actors="$actors $started"
    # Not to where the words of a check go: nobody would see them.
    read -r -t 30 line <"$work/ready" && [ "$line" = ready ] || {
        { echo "not started in '$here':" && cat "$work/log"; } >&3
        exit 1
    }
    rm "$work/ready"
}
end() {
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
    forget "$1"
}
# forget PID: which has ended; another process may have that number soon.
forget() {
    local pid rest=
    for pid in $actors; do
        [ "$pid" = "$1" ] || rest="$rest $pid"
    done
    actors=$rest
}
end_all() {
    # shellcheck disable=SC2086 # a list
    [ -z "$actors" ] || kill -KILL $actors 2>/dev/null || true
}
# The last lines of each test.
tally() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
exec 3>&1
trap 'echo "it hung, or was stopped, in: $here" >&3; exit 1' TERM INT
