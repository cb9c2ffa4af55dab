# shellcheck shell=bash
# What the tests of verbs have in common, beside what stands in common.sh. They set $tool and $work.

# mproc ARGUMENTS...: the tool, which a hang ends.
mproc() { timeout -k 5 60 "$tool" "$@"; }
same() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }; }
# prints TEXT ARGUMENTS...: exactly that, and exit code 0.
prints() {
    local want=$1 got
    shift
    got=$(mproc "$@" && echo .) || { echo "exit $?: $*"; return 1; }
    same "$got" "$want${want:+
}."
}
# exits STATUS ARGUMENTS...: its words stay in $work/out and $work/err.
exits() {
    local want=$1 status=0
    shift
    mproc "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    [ "$status" -eq "$want" ] || { echo "exit $status, not $want: $*"; cat "$work/out" "$work/err"; return 1; }
}
# fails STATUS TEXT ARGUMENTS...: with that in what it says on standard error, and nothing on standard output.
fails() {
    local status=$1 text=$2
    shift 2
    exits "$status" "$@" || return 1
    grep -qF -- "$text" "$work/err" || { echo "nothing like '$text' in:"; cat "$work/err"; return 1; }
    [ ! -s "$work/out" ] || { echo "it says:"; cat "$work/out"; return 1; }
}
# fails_after OUTPUT STATUS TEXT ARGUMENTS...: as fails, but it has said that before.
fails_after() {
    local output=$1 status=$2 text=$3
    shift 3
    exits "$status" "$@" && same "$(cat "$work/out")" "$output" && grep -qF -- "$text" "$work/err"
}
# json ARGUMENTS... -- TEXT: one document, blanks aside.
json() {
    local arguments=()
    while [ "$1" != -- ]; do
        arguments+=("$1")
        shift
    done
    same "$(mproc "${arguments[@]}" --json | tr -d ' \n')" "$2"
}
