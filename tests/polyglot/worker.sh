#!/bin/sh
# The worker in the fourth language, the shell, which has nothing but the tool ($MPROC_TOOL). It knows those of the
# commands in agreed.h that make sense for it, and answers them in the same way. For it alone:
#
#   array  write FIRST VALUE...
#   queue  move TO COUNT MS         takes messages and puts them into another queue, whatever bytes they have
#   pipe   drain TO COUNT MS        the same, from end 0 of a pipe into a queue
#          fill FROM COUNT MS       the same, from a queue into end 1 of a pipe
#   lock   take MS                  what follows until `give` happens inside of `mproc lock`
#          grip                     this process becomes `mproc lock`, and so the holder: to be killed, or until `give`
#   semaphore grip                  the same with `mproc sem run`
#
# Killed in the middle of another command, it would leave the tool behind: its waits have a limit.
set -uf # -f: words of commands are no patterns
tool=$MPROC_TOOL
name=${2-} # of the object in hand

# within MS: the option for that.
within() {
    [ "$1" -ge 0 ] || set -- 25000 # far beyond what it takes
    printf -- '-t%d.%03d' $(($1 / 1000)) $(($1 % 1000))
}
# does COMMAND...: its output is in $out; if it fails, why is answered.
does() {
    status=0
    out=$("$tool" "$@" 2>&1) || status=$?
    [ "$status" -eq 0 ] || {
        explain
        return 1
    }
}
# The answer to a failure, in the suite's words.
explain() {
    case $status:$out in
    3:*) echo "error notfound" ;;
    4:*) echo "error timeout" ;;
    5:*'end of file'*) echo "error eof" ;;
    5:*'other end'*) echo "error broken" ;;
    5:*) echo "error closed" ;;
    6:*'the object is a'*) echo "error kind" ;;
    6:*'out of bounds'*) echo "error range" ;;
    6:*'exceed its bound'*) echo "error overflow" ;;
    6:*mismatch* | 6:*"type is"*) echo "error type" ;;
    7:*) echo "error exists" ;;
    *) echo "error other $status: $out" ;;
    esac
}
# ok COMMAND...: when it has worked.
ok() { does "$@" && echo ok; }
# says COMMAND...: what it prints, in one line.
says() {
    # shellcheck disable=SC2086 # lines become words
    does "$@" && echo $out
}
bits() { printf '%x\n' "$1"; }
gate() { # waits until the other one is there, too; if it was there first, the gate may be gone afterwards
    there=$("$tool" value add "$1" --type i32) || return # the type that the others give it
    while [ "$there" -lt 2 ]; do
        sleep 0.01
        there=$("$tool" value get "$1") || return
    done
}
# moves COUNT TAKE PUT: both commands of the tool, as words.
moves() {
    moved=0 bytes=$0.$$
    while [ "$moved" -lt "$1" ]; do
        status=0
        # shellcheck disable=SC2086 # they are words
        out=$("$tool" $2 --raw 2>&1 >"$bytes") && out=$("$tool" $3 --whole 2>&1 <"$bytes") || status=$?
        [ "$status" -eq 0 ] || {
            explain
            break
        }
        moved=$((moved + 1))
    done
    rm -f "$bytes"
    [ "$status" -ne 0 ] || echo "ok $moved"
}
value() {
    case $1 in
    create | open)
        name=$2
        case $1 in
        create) ok value set "$name" 0 --type "$3" ;;
        open) ok value add "$name" 0 --type "$3" --existing ;;
        esac
        ;;
    load) does value get "$name" && bits "$out" ;;
    store) ok value set "$name" "0x$2" --existing ;;
    fetch) does value add "$name" "0x$3" --old --existing && bits "$out" ;; # add is what there is
    add)
        gate "$2"
        i=0
        while [ "$i" -lt "$3" ]; do
            does value add "$name" "0x$4" || return
            i=$((i + 1))
        done
        echo ok
        ;;
    wait) does value wait "$name" "0x$2" "$(within "$3")" && echo changed ;;
    esac
}
array() {
    case $1 in
    create)
        name=$2
        ok array create "$name" --type "$3" --shape "$4"
        ;;
    open)
        name=$2
        ok array get "$name"
        ;;
    read) says array get "$name" ;;
    get) says array get "$name" "$2,$3" ;;
    set) ok array set "$name" "$2,$3" "$4" ;;
    write)
        first=$2
        shift 2
        ok array set "$name" "$first..$((first + $#))" "$@"
        ;;
    esac
}
queue() {
    case $1 in
    create)
        name=$2
        # shellcheck disable=SC2086 # one word, or none
        ok queue create "$name" --capacity "$3" ${4:+"--$4"}
        ;;
    open)
        name=$2
        ok queue len "$name"
        ;;
    size) says queue len "$name" ;;
    move) moves "$3" "queue get $name $(within "$4")" "queue put $2 $(within "$4")" ;;
    get) says queue get "$name" "$(within "$2")" ;;
    shutdown)
        case $2 in
        graceful) ok queue close "$name" ;;
        immediate) ok queue close "$name" --now ;;
        esac
        ;;
    esac
}
pipe() {
    case $1 in
    create)
        name=$2
        ok pipe create "$name" --capacity "$3"
        ;;
    open) name=$2 && echo ok ;; # each command has its end for itself
    drain) moves "$3" "pipe recv $name $(within "$4")" "queue put $2 $(within "$4")" ;;
    fill) moves "$3" "queue get $2 $(within "$4")" "pipe send $name $(within "$4")" ;;
    get) says pipe recv "$name" "$(within "$2")" ;;
    esac
}
event() {
    case $1 in
    create)
        name=$2
        ok event clear "$name"
        ;;
    open)
        name=$2
        status=0
        out=$("$tool" event is-set "$name" 2>&1) || status=$?
        if [ "$status" -le 1 ]; then echo ok; else explain; fi
        ;;
    set | clear) ok event "$1" "$name" --existing ;;
    ask)
        if "$tool" event is-set "$name"; then echo set; else echo clear; fi
        ;;
    wait) does event wait "$name" "$(within "$2")" && echo set ;;
    esac
}
dict() {
    case $1 in
    create)
        name=$2
        echo '{}' | ok dict load "$name"
        ;;
    open)
        name=$2
        does dict len "$name" && echo ok
        ;;
    get) says dict get "$name" --json-key "$2" ;;
    set) ok dict set "$name" --json-key "$2" "$3" --existing ;;
    delete) ok dict del "$name" --json-key "$2" ;;
    add) says dict add "$name" --json-key "$2" "$3" --existing ;;
    append) ok dict append "$name" --json-key "$2" "$3" --existing ;;
    size) says dict len "$name" ;;
    dump) says dict dump "$name" ;;
    count)
        gate "$2"
        i=0
        while [ "$i" -lt "$4" ]; do
            does dict add "$name" --json-key "$3" || return
            i=$((i + 1))
        done
        echo ok
        ;;
    esac
}
list() {
    case $1 in
    create)
        name=$2
        echo '[]' | ok list load "$name"
        ;;
    open)
        name=$2
        does list len "$name" && echo ok
        ;;
    append) ok list append "$name" "$2" --existing ;;
    insert) ok list insert "$name" "$2" "$3" --existing ;;
    get) says list get "$name" "$2" ;;
    set) ok list set "$name" "$2" "$3" ;;
    pop) says list pop "$name" "$2" ;;
    size) says list len "$name" ;;
    sort) ok list sort "$name" ;;
    dump) says list dump "$name" ;;
    esac
}
space() {
    case $1 in
    open)
        name=$2
        does ns dump "$name" && echo ok
        ;;
    set) ok ns set "$name" "$2" "$3" ;;
    get) says ns get "$name" "$2" ;;
    delete) ok ns del "$name" "$2" ;;
    dump) says ns dump "$name" ;;
    esac
}
semaphore() {
    case $1 in
    create)
        name=$2
        case $4 in
        plain) ok sem create "$name" --value "$3" ;;
        *) ok sem create "$name" --value "$3" "--$4" ;;
        esac
        ;;
    open)
        name=$2
        ok sem value "$name"
        ;;
    value) says sem value "$name" ;;
    take) does sem acquire "$name" "$(within "$2")" && echo held ;;
    give) ok sem release "$name" "$2" ;;
    grip) exec "$tool" sem run "$name" -t 25 -- sh "$0" inside "$name" ;;
    esac
}
lock() {
    case $1 in
    create)
        name=$3
        ok lock "$name" -n -- true
        ;;
    open)
        name=$3
        ok lock "$name" --existing -t 25 -- true
        ;;
    take)
        status=0
        "$tool" lock "$name" "$(within "$2")" -- sh "$0" inside "$name" 2>/dev/null || status=$?
        case $status in
        0) echo ok ;; # given
        *) out='' && explain ;;
        esac
        ;;
    grip) exec "$tool" lock "$name" -t 25 -- sh "$0" inside "$name" 2>/dev/null ;;
    race)
        gate "$2"
        i=0
        while [ "$i" -lt "$4" ]; do
            # shellcheck disable=SC2016 # for the shell inside
            does lock "$name" -t 25 -- \
                sh -c '"$0" value set "$1" $(($("$0" value get "$1") + 1))' "$tool" "$3" || return
            i=$((i + 1))
        done
        echo ok
        ;;
    esac
}

# Inside of `mproc lock` or `mproc sem run` it is another shell that goes on with the commands.
if [ "${1-}" = inside ]; then
    if [ "${MPROC_RECOVERED-}" = 1 ]; then echo recovered; else echo held; fi
fi
while read -r object verb rest; do
    case $object in
    value | array | queue | pipe | event | dict | list | space | semaphore | lock)
        if [ "$verb" = give ] && [ "${1-}" = inside ]; then
            exit 0
        fi
        # shellcheck disable=SC2086 # words
        "$object" "$verb" $rest
        ;;
    *) echo "error other: no such command" ;;
    esac
done
