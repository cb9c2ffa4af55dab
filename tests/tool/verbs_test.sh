#!/usr/bin/env bash
# What the tool does with objects: values, arrays, queues, pipes, events, semaphores; and commands under a lock, some of
# them killed, stopped and interrupted.
#
# usage: verbs_test.sh [TOOL]
set -eu
cd "$(dirname "$0")/../.."
tool=$(realpath "${1:-target/tool/tool/mproc}")
work=$(mktemp -d)
export MPROC_DOMAIN=${MPROC_DOMAIN:-/dev/shm/mproc}-verbs-$$
unset MPROC_RECOVERED
tidy() {
    local pid
    for pid in $(jobs -p) $(cat "$work"/*.pid 2>/dev/null); do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$work" "$MPROC_DOMAIN"
}
trap tidy EXIT
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh
"${CC:-cc}" -Wall -Wextra -Werror tests/tool/terminal.c -o "$work/terminal" -lutil

# shellcheck source=tests/tool/verbs.sh
. tests/tool/verbs.sh

# bytes HEX: of standard input, which is exactly that.
bytes() { same "$(od -An -v -tx1 | tr -d ' \n')" "$1"; }
# until_true COMMAND...: within a time that only a hang takes.
until_true() {
    local i
    for i in $(seq 600); do
        ! "$@" 2>/dev/null || return 0
        sleep 0.05
    done
    echo "after 30 s still not: $*"
    return 1
}
# stay FIFO: somebody has it open both ways.
stay() {
    sleep 1000 <>"$work/$1" &
    echo $! >"$work/$1.pid"
    disown
}
# gone PID: dead, whoever has to reap it.
gone() { ! grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null; }
stands() { grep -q '^State:[[:space:]]*[Tt]' "/proc/$1/status"; }

# ---- value --------------------------------------------------------------------------------------------------------
check "nothing is created by looking" fails 3 "the domain does not exist" value get v
check "not even the domain" [ ! -e "$MPROC_DOMAIN" ]
check "value set creates" exits 0 value set v 41
check "and is silent" [ ! -s "$work/out" ]
check "value get" prints 41 value get v
check "value get of nothing" fails 3 "none: the object does not exist" value get none
check "value set --existing of nothing" fails 3 "none: the object does not exist" value set none 1 --existing
check "value add --existing of nothing" fails 3 "none: the object does not exist" value add none 1 --existing
check "value add" prints 42 value add v
check "value add N" prints 32 value add v -10
check "value add --old" prints 32 value add v 8 --old
check "value add creates" prints 3 value add new 3
check "value set with a type" exits 0 value set byte 255 --type u8
check "a document" json value get byte -- '{"name":"byte","type":"u8","value":255}'
check "255 + 1 is 0" prints 0 value add byte 1
check "0 - 1 is 255" prints 255 value add byte -1
check "too much to add" fails 6 "256 is out of range for u8" value add byte 256
check "and nothing was added" prints 255 value get byte
check "the largest u64" exits 0 value set large 18446744073709551615 --type u64
check "in a document" json value get large -- '{"name":"large","type":"u64","value":18446744073709551615}'
check "wraps around as well" prints 1 value add large 2
check "the smallest i64" exits 0 value set v -9223372036854775808
check "less than that" fails 6 "out of range for i64" value set v -9223372036854775809
check "is not stored" prints -9223372036854775808 value get v
check "hexadecimal" exits 0 value set v 0x7f
check "is a number" prints 127 value get v
check "no number" fails 6 "'1x' is not an integer" value set v 1x
check "what does not fit creates nothing" fails 6 "out of range for i8" value set fresh 128 --type i8
check "nor what is no number" fails 6 "is not an integer" value add fresh one
check "so it is not there" fails 3 "does not exist" value get fresh
check "another type" fails 6 "the value's type is i64, not u8" value set v 1 --type u8
check "no such type" fails 2 "invalid value 'i7'" value set v 1 --type i7
check "not a name" fails 6 "not a name" value set a/b 1
check "f64" exits 0 value set float 0.1 --type f64
check "f64 + 0.2" prints 0.30000000000000004 value add float 0.2
check "beyond f64" fails 6 "out of range for f64" value set float 1e999
check "-inf" exits 0 value set float -- -inf
check "-inf as a document" json value get float -- '{"name":"float","type":"f64","value":"-inf"}'
check "f32" exits 0 value set single 0.1 --type f32
check "f32 in its own digits" json value get single -- '{"name":"single","type":"f32","value":0.1}'
check "bool" json value set bool true --type bool -- '{"name":"bool","type":"bool","value":true,"created":true}'
check "bool as text" prints true value get bool
check "bools cannot be added to" fails 6 "cannot be added to" value add bool
check "char8" exits 0 value set char '\x1b' --type char8
check "control characters are not printed as they are" prints '\x1b' value get char
check "char32" exits 0 value set wide 'é' --type char32
check "a character as it is" prints 'é' value get wide
adders() {
    local i pids=()
    for i in $(seq 20); do
        mproc value add sum "$i" >"$work/sum.$i" &
        pids+=($!)
    done
    wait "${pids[@]}"
    prints 210 value get sum || return 1
    # Each was told another sum.
    same "$(cat "$work"/sum.* | sort -u | wc -l)" 20
}
check "20 that add at the same time" adders
check "wait for the end of what is over" prints 210 value wait sum 5
check "wait in vain" fails 4 "sum: timed out" value wait sum 210 -t 0.05
check "wait at most not at all" fails 4 "sum: timed out" value wait sum 210 -t 0
check "wait for nothing" fails 3 "does not exist" value wait none 0
wakes() { # VERB...: changes sum while somebody waits
    local now
    now=$(mproc value get sum)
    mproc value wait sum "$now" -t 50 >"$work/seen" &
    sleep 0.1
    mproc "$@" >"$work/changed" || return 1
    wait $! || { echo "the wait failed"; return 1; }
    same "$(cat "$work/seen")" "$(mproc value get sum)"
}
check "set wakes who waits" wakes value set sum -1
check "add wakes who waits" wakes value add sum 5

# ---- array --------------------------------------------------------------------------------------------------------
check "array create" json array create a --type i16 --shape 2x3 -- \
    '{"name":"a","type":"i16","shape":[2,3],"created":true}'
check "the name is taken" fails 7 "a: the name is taken" array create a --type i16 --shape 2x3
check "--exist-ok" json array create a --type i16 --shape 2x3 --exist-ok -- \
    '{"name":"a","type":"i16","shape":[2,3],"created":false}'
check "--exist-ok with another shape" fails 6 "another shape" array create a --type i16 --shape 3x2 --exist-ok
check "no shape" fails 2 "not a shape" array create b --type i16 --shape 2y3
check "absurdly many elements" fails 6 "b: " array create b --type i16 --shape 4294967296x4294967296
check "array set" exits 0 array set a 0,1 -1 2 0x30 40 5
check "a row on each line" prints "0 -1 2
48 40 5" array get a
check "one element" prints 48 array get a 1,0
check "a range" prints "2
48" array get a 2..4
check "to the end" prints "40
5" array get a 4..
check "an empty range" prints "" array get a 3..3
check "in a document" json array get a 1.. -- \
    '{"name":"a","type":"i16","shape":[2,3],"first":1,"elements":[-1,2,48,40,5]}'
check "beyond the end" fails 6 "out of bounds" array get a 2,0
check "a range beyond the end" fails 6 "out of bounds: 7 of 6" array get a 2..7
check "a range backwards" fails 6 "out of bounds" array get a 3..2
check "too few indices" fails 6 "the array has 2 dimensions, the index 1" array get a 1
check "no index" fails 2 "not an index" array get a x
check "too many values" fails 6 "out of bounds: 7 of 6" array set a 1,1 1 2 3
check "too few for the range" fails 6 "3 elements in the range, but 2 values" array set a 0..3 1 2
check "one that does not fit" fails 6 "out of range for i16" array set a 0,0 1 2 32768
check "changes nothing" prints "0 -1 2
48 40 5" array get a
check "no such array" fails 3 "mproc array create" array get none
check "a value is no array" fails 6 "v: the object is a value, not a array" array get v
long() {
    mproc array create long --type u32 --shape 10000 || return 1
    mproc array set long 9999 4294967295 || return 1
    same "$(mproc array get long | tail -n 1)" 4294967295 && same "$(mproc array get long | wc -l)" 10000
}
check "a long one" long

# ---- queue --------------------------------------------------------------------------------------------------------
check "queue put creates" json queue put q one '' $'two\nlines' -- '{"name":"q","put":3,"created":true}'
check "queue len" prints 3 queue len q
check "queue get" prints one queue get q
check "an empty message, and one with a line's end" prints $'\ntwo\nlines' queue get q -n 2
check "nothing there" fails 4 "q: timed out" queue get q -t 0
check "nothing in time" fails 4 "q: timed out" queue get q -t 0.05
check "get creates nothing" fails 3 "mproc queue create" queue get none -t 0
check "put --existing of nothing" fails 3 "does not exist" queue put none x --existing
from_stdin() { # INPUT (for printf) OPTIONS... -- HEX of what comes out with a NUL behind each
    local input=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    # shellcheck disable=SC2059 # a format
    printf "$input" | mproc queue put q ${options[@]+"${options[@]}"} || return 1
    mproc queue get q --null --follow -t 0 >"$work/got" 2>/dev/null || true
    bytes "$2" <"$work/got"
}
check "lines, with NUL bytes, the last one unfinished" from_stdin 'a\nb\0c\n\nlast' -- 610062006300006c61737400
check "nothing at all" from_stdin '' -- ''
check "messages that end with NUL" from_stdin 'a\nb\0\0c' --null -- 610a6200006300
check "all of it" from_stdin 'a\nb\0\n' --whole -- 610a62000a00
check "nothing at all, as a whole" from_stdin '' --whole -- 00
raw() {
    printf '\0\377\n' | mproc queue put q --whole && mproc queue put q x || return 1
    mproc queue get q --raw -n 2 | bytes 00ff0a78
}
check "exactly the bytes" raw
mproc queue put q 'text "é"'
check "a message in a document" json queue get q -- '{"name":"q","message":{"text":"text\"é\""}}'
printf '\377\0' | mproc queue put q --whole
check "one that is no text" json queue get q -- '{"name":"q","message":{"hex":"ff00"}}'
check "queue create" json queue create small --capacity 4K --max-items 2 -- \
    '{"name":"small","capacity_bytes":4096,"created":true}'
check "no room in time" fails 4 "small: timed out (after 2 messages)" queue put small a b c -t 0.05
check "what was put is there" prints $'a\nb' queue get small -n 2
check "can never fit" fails 6 "can never fit" queue put small "$(head -c 5000 /dev/zero | tr '\0' x)"
check "no capacity" fails 2 "not a number of bytes" queue create other --capacity 4X
check "0 is no bound" fails 2 "invalid value '0'" queue create other --max-items 0
follows() {
    mproc queue get q --follow >"$work/all" &
    sleep 0.1
    seq 100 | mproc queue put q && mproc queue close q || return 1
    wait $! || { echo "--follow failed"; return 1; }
    seq 100 | cmp - "$work/all"
}
check "--follow, until it is closed" follows
check "closed: nothing goes in" fails 5 "shut down" queue put q x
check "closed: nothing comes out" fails 5 "shut down" queue get q
check "close --now" json queue close small --now -- '{"name":"small","state":"closed"}'
leases() { # a queue that wants leases: what cannot be written goes back, also when who has it is killed
    local status=0 pid
    mproc queue create jobs --lease && mproc queue put jobs first second || return 1
    mproc queue get jobs >/dev/full 2>"$work/err" || status=$?
    same $status 20 && grep -q 'went back to the front' "$work/err" || { cat "$work/err"; return 1; }
    same "$(mproc queue len jobs)" 2 || return 1
    # Nobody reads: the writer blocks on a full pipe, with a message in its hands.
    head -c 500000 /dev/zero | mproc queue put jobs --whole || return 1
    rm -f "$work/fifo" && mkfifo "$work/fifo"
    stay fifo
    "$tool" queue get jobs -n 3 --raw >"$work/fifo" &
    pid=$!
    until_true is_empty jobs || return 1
    kill -KILL $pid
    wait $pid 2>/dev/null || true
    kill -KILL "$(cat "$work/fifo.pid")"
    same "$(mproc queue get jobs -t 30 | wc -c)" 500001 || return 1
    fails 4 "timed out" queue get jobs -t 0
}
is_empty() { [ "$(mproc queue len "$1")" -eq 0 ]; }
check "leases" leases
no_reader() {
    # More than a pipe holds, so that it is still writing when head goes.
    seq -f '%01000.0f' 500 | mproc queue put many || return 1
    { mproc queue get many --follow -t 20 2>"$work/err" || echo $? >"$work/status"; } | head -n 3 >"$work/three"
    seq -f '%01000.0f' 3 | cmp - "$work/three" && same "$(cat "$work/status")" 5 || return 1
    # Some were in the pipe when head went; the one that could not be written went back, and is the first.
    same "$((500 - $(mproc queue len many) + 1))" "$((10#$(mproc queue get many)))"
}
check "a reader that goes away" no_reader

# ---- pipe ---------------------------------------------------------------------------------------------------------
check "pipe send creates" json pipe send p one $'two\nlines' -- '{"name":"p","sent":2,"created":true}'
check "pipe recv, and the end" fails_after 'one
two
lines' 5 "end of file" pipe recv p -n 3
check "nobody has the other end any more" fails 5 "the other end is gone" pipe send p again
check "recv creates nothing" fails 3 "mproc pipe create" pipe recv none
check "send --existing of nothing" fails 3 "does not exist" pipe send none x --existing
check "pipe create" json pipe create one-way --one-way --capacity 4K -- \
    '{"name":"one-way","one_way":true,"created":true}'
check "end 0 only receives" fails 6 "only receives" pipe send one-way x --end 0
check "end 1 only sends" fails 6 "only sends" pipe recv one-way --end 1
check "there is no end 2" fails 2 "invalid value '2'" pipe send one-way x --end 2
full() {
    mproc pipe create narrow --capacity 4K || return 1
    seq -f '%01000.0f' 5 >"$work/five"
    local status=0
    mproc pipe send narrow -t 0.05 <"$work/five" 2>"$work/err" || status=$?
    same $status 4 && grep -q 'narrow: timed out (after 4 messages)' "$work/err" || { cat "$work/err"; return 1; }
    mproc pipe recv narrow --follow | cmp - <(head -n 4 "$work/five")
}
check "no room in time" full
dialogue() {
    mproc pipe create talk || return 1
    mproc pipe recv talk --follow >"$work/heard" &
    seq 1000 | mproc pipe send talk || return 1
    wait $! || { echo "--follow failed"; return 1; }
    seq 1000 | cmp - "$work/heard" || return 1
    mproc pipe create back || return 1
    mproc pipe recv back --end 1 -t 50 >"$work/heard" &
    mproc pipe send back --end 0 'the other way' || return 1
    wait $! && same "$(cat "$work/heard")" 'the other way'
}
check "both ways" dialogue

# ---- event --------------------------------------------------------------------------------------------------------
check "is-set creates nothing" fails 3 "mproc event clear" event is-set e
check "event wait of nothing" fails 3 "mproc event clear" event wait e
check "event clear creates" exits 0 event clear e
check "not set: 1" exits 1 event is-set e
check "wait in vain" fails 4 "e: timed out" event wait e -t 0.05
signals() {
    mproc event wait e -t 50 &
    sleep 0.1
    mproc event set e || return 1
    wait $!
}
check "set ends a wait" signals
check "set: 0" json event is-set e -- '{"name":"e","set":true}'
check "set: at once" exits 0 event wait e -t 0
check "clear --existing" exits 0 event clear e --existing
check "set --existing of nothing" fails 3 "does not exist" event set none --existing

# ---- semaphore ----------------------------------------------------------------------------------------------------
check "sem create" json sem create s --value 3 --bounded -- '{"name":"s","initial":3,"created":true}'
check "sem acquire creates nothing" fails 3 "mproc sem create" sem acquire none
check "sem acquire" exits 0 sem acquire s 2
check "sem value" prints 1 sem value s
check "all or nothing" fails 4 "s: timed out" sem acquire s 2 -t 0.05
check "so none was taken" prints 1 sem value s
check "sem release" json sem release s 2 -- \
    '{"name":"s","value":3,"initial":3,"bounded":true,"accounting":false,"holders":null}'
check "above the bound" fails 6 "exceed its bound" sem release s
permits() {
    mproc sem acquire s 3 || return 1
    mproc sem acquire s -t 50 &
    sleep 0.1
    mproc sem release s || return 1
    wait $! && mproc sem release s 3
}
check "a release ends a wait" permits
check "sem run of nothing" fails 3 "does not exist" sem run none -- true
check "sem run gives the command's exit code" exits 7 sem run pool --create 2 -- sh -c 'exit 7'
check "an accounting semaphore's permits are for sem run" fails 6 "use sem run" sem acquire pool
check "nor can they be released" fails 6 "use sem run" sem release pool
check "inside there is one less" same "$(mproc sem run pool -- "$tool" sem value pool)" 1
check "outside none is missing" prints 2 sem value pool
check "none left in time" exits 4 sem run pool -- "$tool" sem run pool -- "$tool" sem run pool -t 0.05 -- true
check "with a plain one as well" exits 7 sem run s -- sh -c 'exit 7'
check "whose permit goes back" prints 3 sem value s
killed_permit() { # kill -9 of one with a permit: the command is killed, the permit comes back
    local pid
    hold sem run pool -- || return 1
    pid=$(cat "$work/command.pid")
    same "$(mproc sem value pool)" 1 || return 1
    kill -KILL $holder
    until_true gone "$pid" || return 1
    # Whoever looks for permits gets those of the dead.
    exits 0 sem run pool -t 30 -- "$tool" sem run pool -t 30 -- true || return 1
    prints 2 sem value pool
}

# ---- lock ---------------------------------------------------------------------------------------------------------
# hold COMMAND...: runs the tool's command with a shell behind it that stays; its pid is in $holder, the shell's in
# command.pid. Signals are as in a terminal, where a script's background would ignore some.
staying='echo $$ >"$0.tmp" && mv "$0.tmp" "$0" && read -r line'
hold() {
    rm -f "$work/command.pid"
    env --default-signal=INT,QUIT setsid "$tool" "$@" \
        sh -c "$staying" "$work/command.pid" <"$work/open" >"$work/held" 2>&1 &
    holder=$!
    until_true [ -e "$work/command.pid" ] || { cat "$work/held"; return 1; }
}
mkfifo "$work/open"
stay open # whoever reads from it waits
check "a holder of a permit is killed" killed_permit

check "lock: the command's exit code" exits 7 lock l -- sh -c 'exit 7'
check "lock: its output" same "$(mproc lock l -- echo hello)" hello
check "lock: its input" same "$(echo hello | mproc lock l -- cat)" hello
check "lock: killed by a signal" exits 143 lock l -- sh -c 'kill -TERM $$'
check "lock: not found" fails 127 "no-such-command" lock l -- no-such-command
check "lock: cannot be run" fails 126 "/etc/passwd" lock l -- /etc/passwd
check "lock: no command" fails 2 "required" lock l
check "lock: after all that it is free" exits 0 lock l -n -- true
check "lock: and not recovered" same \
    "$(MPROC_RECOVERED=1 "$tool" lock l -- sh -c 'echo "${MPROC_RECOVERED-unset}"' 2>&1)" unset
check "lock --existing" fails 3 "none: the object does not exist" lock none --existing -- true
check "lock --ephemeral" exits 0 lock brief --ephemeral -- true
check "leaves nothing" fails 3 "does not exist" lock brief --existing -- true
check "the command finds the domain" same \
    "$("$tool" -d "$MPROC_DOMAIN" lock l -- sh -c 'echo $MPROC_DOMAIN')" "$MPROC_DOMAIN"
check "no lock" fails 6 "v: the object is a value, not a lock" lock v -- true
check "-n or a timeout" fails 2 "cannot be used with" lock l -n -t 1 -- true
somebody_has_it() {
    hold lock l -- || return 1
    fails 4 "l: timed out" lock l -n -- true && fails 4 "l: timed out" lock l -t 0.05 -- true
}
check "somebody has it" somebody_has_it
# ends SIGNAL STATUS TARGET: sent to the holder (or its group): the command ends of it, the lock is free, and the next one
# is told that what it protects may be half done.
ends() {
    local status=0
    kill -"$1" -- "$3"
    wait $holder || status=$?
    same $status "$2" && until_true gone "$(cat "$work/command.pid")" || return 1
    exits 0 lock l -n -- sh -c 'test "$MPROC_RECOVERED" = 1' && same "$(cat "$work/held")" ""
}
again_ends() { hold lock l -- && ends "$1" "$2" "${3--}$holder"; }
check "TERM is passed on" ends TERM 143 "$holder"
check "INT is passed on" again_ends INT 130 ''
check "HUP is passed on" again_ends HUP 129 ''
check "QUIT is passed on" again_ends QUIT 131 ''
check "USR1 is passed on" again_ends USR1 138 ''
check "Ctrl-C, to the process group" again_ends INT 130
interrupted_waiter() { # while it waits it ends of the signal itself
    local status=0
    hold lock l -- || return 1
    env --default-signal=INT "$tool" lock l -- true &
    waiter=$!
    sleep 0.2
    kill -INT $waiter
    wait $waiter || status=$?
    same $status 130 || return 1
    ends TERM 143 $holder
}
check "interrupted while it waits" interrupted_waiter
nohup_stays() { # what was ignored stays so, for the command as well
    (
        trap '' HUP
        exec "$tool" lock l -- sh -c "$staying" "$work/command.pid" <"$work/open"
    ) &
    holder=$!
    until_true [ -e "$work/command.pid" ] || return 1
    kill -HUP $holder "$(cat "$work/command.pid")"
    fails 4 "timed out" lock l -t 0.1 -- true || return 1
    ends_quietly
}
ends_quietly() {
    local status=0
    kill -TERM $holder
    wait $holder || status=$?
    same $status 143
}
rm -f "$work/command.pid"
check "ignored signals stay ignored" nohup_stays
killed() { # kill -9 of the holder: the command dies, and only then the next one gets the lock, and is told
    local pid
    hold lock l -- || return 1
    pid=$(cat "$work/command.pid")
    kill -KILL $holder
    mproc lock l -t 50 -- \
        sh -c 'echo "recovered=$MPROC_RECOVERED"; cat "/proc/$0/stat" 2>/dev/null | cut -d " " -f 3' "$pid" \
        >"$work/out" 2>"$work/err" || return 1
    grep -qx 'recovered=1' "$work/out" || { cat "$work/out"; return 1; }
    ! grep -qv -e 'recovered=1' -e '^[ZX]$' "$work/out" || { echo "the command lives"; cat "$work/out"; return 1; }
    grep -q 'l: the lock is recovered' "$work/err" || { cat "$work/err"; return 1; }
    until_true gone "$pid" || return 1
    same "$(mproc lock l -- sh -c 'echo "${MPROC_RECOVERED-no}"')" no
}
for i in 1 2 3 4 5; do
    check "kill -9, $i" killed
done
untouched() { # recovered, and the command was never run: the next one is told again
    hold lock l -- || return 1
    kill -KILL $holder
    fails 127 "l: the lock is recovered" lock l -t 50 -- no-such-command || return 1
    fails 127 "l: the lock is recovered" lock l -n -- no-such-command || return 1
    same "$(mproc lock l -n -- sh -c 'echo "$MPROC_RECOVERED"' 2>/dev/null)" 1 || return 1
    same "$(mproc lock l -n -- sh -c 'echo "${MPROC_RECOVERED-no}"')" no
}
check "recovered until a command has run" untouched
left_by_the_killed() { # the command is killed by a signal: what it left does not keep the lock, and the next one is told
    local status=0
    mproc lock l -- sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >"$0"; kill -TERM $$; sleep 1000' "$work/child.pid" || status=$?
    same $status 143 || return 1
    same "$(mproc lock l -n -- sh -c 'echo "$MPROC_RECOVERED"' 2>/dev/null)" 1 || return 1
    ! gone "$(cat "$work/child.pid")" || { echo "it should have survived"; return 1; }
    kill -KILL "$(cat "$work/child.pid")"
}
check "what a killed command left does not keep it" left_by_the_killed
stopped() { # a stopped one keeps it; killed then, so is its command, also if that is stopped
    local pid
    hold lock l -- || return 1
    pid=$(cat "$work/command.pid")
    kill -STOP $holder
    until_true stands $holder || return 1
    fails 4 "timed out" lock l -t 0.2 -- true || return 1
    kill -STOP "$pid"
    until_true stands "$pid" || return 1
    fails 4 "timed out" lock l -n -- true || return 1
    kill -KILL $holder
    same "$(mproc lock l -t 50 -- sh -c 'echo "$MPROC_RECOVERED"' 2>/dev/null)" 1 && until_true gone "$pid"
}
check "stopped, then kill -9" stopped
continued() { # both are stopped: CONT for the wrapper alone lets both go on
    local pid
    hold lock l -- || return 1
    pid=$(cat "$work/command.pid")
    kill -STOP "$pid" $holder
    until_true stands "$pid" && until_true stands $holder || return 1
    kill -CONT $holder
    until_true stands_not "$pid" || { echo "CONT was not passed on"; return 1; }
    ends TERM 143 $holder
}
stands_not() { ! stands "$1"; }
check "CONT is passed on" continued
survivor() { # OPTIONS...: kill -9 of the holder, but a process survives that the command has started
    rm -f "$work/child.pid"
    "$tool" lock l "$@" -- sh -c 'sleep 1000 & echo $! >"$0.tmp" && mv "$0.tmp" "$0" && wait' "$work/child.pid" &
    holder=$!
    until_true [ -e "$work/child.pid" ] || return 1
    kill -KILL $holder
    wait $holder 2>/dev/null || true
}
keeps() {
    survivor || return 1
    fails 4 "timed out" lock l -t 0.5 -- true || return 1
    kill -KILL "$(cat "$work/child.pid")"
    same "$(mproc lock l -t 50 -- sh -c 'echo "$MPROC_RECOVERED"' 2>/dev/null)" 1
}
check "who has inherited the lock keeps it" keeps
closed() {
    survivor --close || return 1
    same "$(mproc lock l -t 50 -- sh -c 'echo "$MPROC_RECOVERED"' 2>/dev/null)" 1 || return 1
    ! gone "$(cat "$work/child.pid")" || { echo "it should have survived"; return 1; }
    kill -KILL "$(cat "$work/child.pid")"
}
check "--close: it does not inherit it" closed
background() { # the command has ended: what it left does not keep the lock
    mproc lock l -- sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >"$0"' "$work/child.pid" || return 1
    same "$(mproc lock l -n -- sh -c 'echo "${MPROC_RECOVERED-no}"' 2>&1)" no || return 1
    same "$(mproc ps | head -n 1)" "$MPROC_DOMAIN: no process" || return 1
    kill -KILL "$(cat "$work/child.pid")"
}
check "what is left in the background does not keep it" background
terminal() { # Ctrl-C at a terminal: the command gets it once, not once more from the wrapper
    local i
    cat >"$work/count.sh" <<'COUNT'
n=0
trap 'n=$((n + 1)); echo "interrupt $n"' INT
echo ready
while ! [ -e "$1" ]; do
    sleep 0.05
done
echo "interrupts: $n"
COUNT
    rm -f "$work/stop" && mkfifo "$work/keys"
    stay keys
    timeout -k 5 60 "$work/terminal" "$tool" lock l -- sh "$work/count.sh" "$work/stop" <"$work/keys" >"$work/screen" &
    i=$!
    until_true grep -q ready "$work/screen" || { cat "$work/screen"; return 1; }
    printf '\003' >"$work/keys"
    until_true grep -q 'interrupt 1' "$work/screen" || { cat "$work/screen"; return 1; }
    sleep 0.3 # for one too many to come
    : >"$work/stop"
    wait $i && grep -q 'interrupts: 1' "$work/screen" || { cat "$work/screen"; return 1; }
}
check "Ctrl-C at a terminal" terminal
shell_with_jobs() { # Ctrl-Z: the shell sees it stopped, the lock stays taken; with fg it goes on
    local i
    mkfifo "$work/more-keys"
    stay more-keys
    timeout -k 5 60 "$work/terminal" bash --norc --noprofile -i <"$work/more-keys" >"$work/screen" 2>&1 &
    i=$!
    echo "'$tool' lock l -- sh -c 'echo rea\"\"dy; read -r x; echo g\"\"ot \$x'; echo e\"\"xit \$?" >"$work/more-keys"
    until_true grep -q ready "$work/screen" || { cat "$work/screen"; return 1; }
    printf '\032' >"$work/more-keys"
    until_true grep -q Stopped "$work/screen" || { cat "$work/screen"; return 1; }
    fails 4 "timed out" lock l -t 0.1 -- true || return 1
    printf 'fg\nthe rest\nexit\n' >"$work/more-keys"
    wait $i && grep -q 'got the rest' "$work/screen" || { cat "$work/screen"; return 1; }
    exits 0 lock l -n -- sh -c 'test -z "$MPROC_RECOVERED"'
}
check "Ctrl-Z at a terminal, and fg" shell_with_jobs
increments() { # 20 at the same time read, add, and write a file in three steps
    local i pids=()
    echo 0 >"$work/number"
    for i in $(seq 20); do
        mproc lock counter -- sh -c 'read -r n <"$0"; echo $((n + 1)) >"$0"' "$work/number" &
        pids+=($!)
    done
    wait "${pids[@]}"
    same "$(cat "$work/number")" 20
}
check "20 that increment a file" increments

csi() { # what a terminal would obey is escaped in JSON, too
    printf 'a\302\233b\342\200\256c\n' | mproc queue put odd || return 1
    mproc queue get odd --json | tr -d ' \n' | grep -qF 'a\u009bb\u202ec'
}
check "--json: nothing that a terminal would obey" csi

# ---- the end ------------------------------------------------------------------------------------------------------
check "nobody has the domain any more" exits 0 value get v
tally
