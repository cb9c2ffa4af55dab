#!/usr/bin/env bash
# ls, inspect, ps and top: on every kind of object, held, stopped, dead, damaged and many; looking changes nothing.
#
# usage: look_test.sh [TOOL]
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/stage-env.sh
. scripts/stage-env.sh
: "${CC:=cc}" "${PKG_CONFIG:=pkg-config}"
tool=$(realpath "${1:-target/tool/tool/mproc}")
work=$(mktemp -d)
domain=${MPROC_DOMAIN:-/dev/shm/mproc}-look-$$
export MPROC_DOMAIN=$domain
unset NO_COLOR CLICOLOR_FORCE
tidy() {
    end_all
    rm -rf "$work" "$domain"
}
trap tidy EXIT
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

# eventually PATTERN COMMAND...: until it says that: on a busy machine that may take a few looks.
eventually() {
    local pattern=$1 tries=0
    shift
    until exits 0 "$@" && says "$pattern"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "never '$pattern'"; return 1; }
        sleep 0.1
    done
}
# The lines of what was said, as one line, for what stands on several.
flat() { tr -s ' \n' ' ' <"$work/out" >"$work/flat" && mv "$work/flat" "$work/out"; }
# How many lines are like this.
counts() {
    local found
    found=$(grep -cE -- "$2" "$work/out") || true
    [ "$found" = "$1" ] || { echo "$found lines like '$2', not $1"; return 1; }
}
# Every byte and everything else that looking could change.
picture() {
    (cd "$1" && find . -printf '%p %i %m %s %n %T@\n' && find . -type f -exec cksum {} +) | LC_ALL=C sort
}
# Locks on files of the domain, without the number of the line.
held() {
    local inodes
    inodes=$(find "$domain" -type f -printf '%i|')
    awk '{ $1 = ""; print }' /proc/locks | grep -E ":(${inodes%|}) " | LC_ALL=C sort || true
}

# shellcheck disable=SC2046 # flags are words
"$CC" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror tests/tool/stage.c -o "$work/stage" \
    $("$PKG_CONFIG" --cflags --libs mproc) -pthread
give_life
# play ACT...: a process that has done them; its pid is in $player.
play() {
    start "$work/stage" "$@"
    player=$started
}
# stopped PID: until the kernel says so.
stop_player() {
    local tries=0
    kill -STOP "$1"
    until grep -q '^State:[[:space:]]*T' "/proc/$1/status"; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { echo "process $1 does not stop"; exit 1; }
        sleep 0.1
    done
}

# --- nothing there ---------------------------------------------------------------------------------------
for command in ls ps "inspect x" "top --count 1"; do
    # shellcheck disable=SC2086 # words
    check "$command: no domain" exits 3 "$tool" $command
    check "$command: and says so" warns "^mproc: $domain: no such domain$"
done
check "looking makes no domain" test ! -e "$domain"
mkdir -m 700 "$domain"
check "ls: not a domain" exits 3 "$tool" ls
check "ls: and says so" warns "^mproc: $domain: not a domain$"
check "ls: and makes none" test ! -e "$domain/.registry"
rmdir "$domain"

# --- every kind ------------------------------------------------------------------------------------------
play all
actor=$player
play waiter
waiter=$player
play odd
odd=$player
me="pid $actor \(stage\)"

check "somebody waits for the lock" eventually "^lock +held by $me; somebody may wait for it$" "$tool" inspect mutex
check "somebody waits for the condition" eventually '^cond +condition .* 1 waiting$' "$tool" ls

check "ls" exits 0 "$tool" ls
check "ls: head" says '^NAME +KIND +TYPE +SIZE +USERS +STATE$'
check "ls: lock" says "^mutex +lock +4 KiB +2  held by $me$"
check "ls: free lock" says '^idle +lock +4 KiB +1  free$'
check "ls: rlock" says "^nested +rlock +4 KiB +1  held by $me, 2 levels$"
check "ls: rwlock" says "^shared +rwlock +12 KiB +1  read by $me$"
check "ls: semaphore" says "^permits +semaphore  3 permits, accounting +12 KiB +1  1 of 3 free, held by $me$"
check "ls: condition" says '^cond +condition +own lock +24 KiB +2  1 waiting$'
check "ls: event" says '^started +event +4 KiB +1  set$'
check "ls: barrier" says '^meet +barrier +4 parties +16 KiB +1  0 of 4 waiting$'
check "ls: value" says '^number +value +i64 +4 KiB +1  = -42$'
check "ls: struct" says '^point +value +struct of 16 B, snapshot +8 KiB +1$'
check "ls: array" says '^table +array +f64\[3x4\] +8 KiB +1$'
check "ls: queue" says '^jobs +queue +64 KiB ring, 4 items +80 KiB +1  open, 1 message held, 1 unfinished$'
check "ls: pipe" says '^duplex +pipe +1 MiB both ways, 2\+1 items +2 MiB +1  both ends open$'
check "ls: nothing that a terminal obeys" says "^odd +lock +4 KiB +1  held by pid $odd \(od\\\\x1b\[31md\)$"
check "ls: no colours in a file" says_not $'\033'
check "ls --kind" exits 0 "$tool" ls --kind queue,pipe
check "ls --kind: these" counts 3 '.'
check "ls --kind: unknown" exits 2 "$tool" ls --kind nothing
check "ls --sort" exits 0 "$tool" ls --sort size
check "ls --sort: the largest first" test "$(sed -n '2s/ .*//p' "$work/out")" = duplex
check "ls --reverse" exits 0 "$tool" ls --sort size --reverse
check "ls --reverse: the largest last" test "$(sed -n '$s/ .*//p' "$work/out")" = duplex
check "ls -l" exits 0 "$tool" ls -l
check "ls -l: persistent" says "^jobs .* $(id -u)  0600  p +0 +0 +0  open"
check "ls -l: who waits" says '^mutex .* some +0 +0  held'
check "ls --json" exits 0 "$tool" ls --json
check "ls --json: the domain" says "^    \"path\": \"$domain\",$"
check "ls --json: one object each" counts 14 '^      "name": '
flat
check "ls --json: a lock" says '"name": "mutex", "kind": "lock", .* "users": 2, "in_use": true, "persistent": false,'
process="\"slot\": [0-9]+, \"generation\": 1, \"pid\": $actor, \"command\": \"stage\", \"alive\": true"
process="\{ $process, \"stopped\": false \}"
holder="\{ \"process\": $process, \"what\": \"lock\", \"count\": 1 \}"
check "ls --json: its holder" says "\"state\": \"held\", [^{]*\"holders\": \[ $holder \], \"waiting\": true,"
check "ls --json: a queue" says '"type": "64 KiB ring, 4 items", .* "persistent": true, .*"items": 4, "used_bytes": 192'
check "ls --json: no control characters" says_not $'\033'
check "ls, nobody reads it" sh -c "exec $tool ls --json >&-; [ \$? -eq 20 ]"
check "ls into a full device" sh -c "$tool ls >/dev/full; [ \$? -eq 20 ]"
check "ls into a pipe that is closed" bash -c "set -o pipefail; $tool ls | :"

# inspect NAME LINE...: in what is said of it.
inspects() {
    local name=$1 line
    shift
    check "inspect $name" exits 0 "$tool" inspect "$name"
    for line in "$@"; do
        check "inspect $name: $line" says "^ *$line$"
    done
}
inspects mutex "kind +lock" "domain id +[0-9a-f]{8}" "in use +2 open handles" \
    "lock +held by $me; somebody may wait for it" \
    "$actor  stage +[a-z]+ +slot [0-9]+" "$waiter  stage +[a-z]+ +slot [0-9]+"
inspects nested "levels +2" "token +thread [0-9]+"
inspects shared "writer +free" "readers +1" "1  $me"
inspects permits "value +1" "initial +3" "accounting +yes" "2  $me"
inspects cond "lock +free" "waits so far +1" "0  (waits|asleep) +pid $waiter \(stage\)"
inspects started "is set +yes" "times set +1 .*"
inspects meet "parties +4" "arrived +0" "broken +no" "1  $me"
inspects number "type +i64" "value +-42"
inspects point "mode +snapshot" "value +01 00 00 00 02 00 00 00 00 00 00 00 00 00 e0 3f" "writes +0"
inspects table "shape +3 x 4" "elements +12" "first elements +0.5 1.5 -2.5 0 0 0 0 0 0 0 0 0"
check "inspect --elements" exits 0 "$tool" inspect --elements 2 table
check "inspect --elements: so many" says '^first elements +0.5 1.5 …$'
inspects jobs "items +4" "held +1" "reserved +1" "joinable +yes" "pollable +yes" "lease +no" "messages put +7 .*" \
    "held by a consumer +7 B  $me" "reserved +100 B  $me" "readers +(yes|no) +$me" "taken and unfinished +1" "1  $me"
inspects duplex "end 0 +somebody has it" "end 1 +somebody has it" "items +2" "items +1"
check "inspect --json" exits 0 "$tool" inspect --json jobs
flat
check "inspect --json: details" says '"details": \{ "state": "open", "capacity_bytes": 65536, "max_items": 0,'
check "inspect --json: modes" says '"lease": false, "joinable": true, "pollable": true, "producers": "awaited",'
check "inspect --json: contents" says '"items": 4, "used_bytes": 192, "messages_put": 7, "messages_taken": 2,'
check "inspect --json: in place" says '"held": 1, "reserved": 1,'
check "inspect --json: an owner" says "\"open\": \[ \{ \"state\": \"held\", \"bytes\": 7, \"process\": $process \}"
check "inspect --json: a number" exits 0 "$tool" inspect --json number
check "inspect --json: its value" says '^    "value": -42,$'
check "inspect: not there" exits 3 "$tool" inspect nope
check "inspect: not a name" exits 6 "$tool" inspect ../x

check "ps" exits 0 "$tool" ps
check "ps: head" says '^SLOT +GEN +PID +COMMAND +STATE +SINCE +HOLDS +MAPS$'
check "ps: who" says "^ +[0-9]+ +1 +$actor  stage +alive +[0-9]"
check "ps: holds" says "^ +.* $actor .*lock of mutex, lock of nested, 2 permits of permits"
check "ps: maps" says "^ +.* $waiter .* waiter of cond +cond, mutex$"
check "ps: nothing that a terminal obeys" says "^ +.* $odd  od\\\\x1b\[31md +alive"
check "ps: everybody" counts 4 '.'
check "ps --json" exits 0 "$tool" ps --json
check "ps --json: maps" says '^        "permits",$'
flat
check "ps --json: who" says "\"pid\": $actor, \"command\": \"stage\", \"alive\": true, \"state\": \"alive\","
check "ps --json: holds" says '\{ "object": "permits", "what": "permit", "count": 2 \}'

check "top, idle" exits 0 "$tool" top --count 1 --interval 0.05
check "top, idle: head" says '^NAME +KIND +IN/S +OUT/S +ITEMS +WAITING +BYTES/S +STEALS +STATE$'
check "top, idle: a queue" says '^jobs +queue +0 +0 +4  #\.+ +0 +0 B +0  open'
check "top, idle: a lock counts nothing" says '^mutex +lock +- +- +- +some +- +0  held'
check "top: no such interval" exits 6 "$tool" top --interval 0

# --- everybody is stopped --------------------------------------------------------------------------------
stop_player "$actor"
stop_player "$waiter"
stop_player "$odd"
picture "$domain" >"$work/before"
held >"$work/held-before"
check "there are locks to compare" test -s "$work/held-before"
check "stopped: ls" exits 0 "$tool" ls
check "stopped: ls: who" says "^mutex .* held by $me, stopped$"
check "stopped: inspect" exits 0 "$tool" inspect mutex
check "stopped: inspect: who" says "^lock +held by $me, stopped; somebody may wait for it$"
check "stopped: inspect a queue" exits 0 "$tool" inspect jobs
check "stopped: ps" exits 0 "$tool" ps
check "stopped: ps: who" says "^ +.* $actor  stage +stopped "
check "stopped: ps --json" exits 0 "$tool" ps --json
check "stopped: ps --json: who" says '^      "state": "stopped",$'
check "stopped: top" exits 0 "$tool" top --count 1 --interval 0.05
for name in "" $("$tool" ls --json | sed -n 's/^      "name": "\(.*\)",$/\1/p'); do
    check "stopped: inspect ${name:-nothing}" exits "$([ -n "$name" ] && echo 0 || echo 6)" "$tool" inspect "$name"
done
picture "$domain" >"$work/after"
check "looking changed no byte, name or time" diff "$work/before" "$work/after"
held >"$work/held-after"
check "looking left no lock" diff "$work/held-before" "$work/held-after"
if command -v strace >/dev/null 2>&1; then
    # What could disturb is not even tried: opening for writing, mapping a file, locking, making, removing.
    harmless() {
        exits 0 strace -qq -f -o "$work/calls" -e trace=all "$tool" "$@" || return 1
        grep -q 'openat(.*"mutex", O_RDONLY|' "$work/calls" || { echo "it looks at nothing"; return 1; }
        ! grep -E 'O_(RDWR|CREAT|TRUNC)|O_WRONLY|MAP_SHARED|F_(OFD_)?SETLK|unlink|mkdir|rename|linkat|truncate|kill\(' \
            "$work/calls" | grep -v '"/dev/tty'
    }
    check "ls does nothing but look" harmless ls -l
    check "inspect does nothing but look" harmless inspect mutex
    check "ps does nothing but look" harmless ps
    check "top does nothing but look" harmless top --count 1 --interval 0.05
fi
kill -CONT "$actor" "$waiter" "$odd"

# --- somebody is busy ------------------------------------------------------------------------------------
play pump
pump=$player
check "busy: top" exits 0 "$tool" top --json --count 2 --interval 0.05
check "busy: top: a document on each line" counts 2 '^\{"domain":.*\}$'
for name in stream:queue beat:value tick:event; do
    rate="\"name\":\"${name%:*}\",\"kind\":\"${name#*:}\",\"in_per_second\":[1-9][0-9]*\\."
    check "busy: top: ${name%:*}" eventually "$rate" "$tool" top --json --count 1 --interval 0.2
done
check "busy: top: the busiest first" says '"objects":\[\{"name":"(stream|beat|tick)"'
check "busy: top: the idle have nothing" says '"name":"jobs","kind":"queue","in_per_second":0.0,'
rate='"name":"stream","kind":"queue","in_per_second":[0-9.]*,"out_per_second":[1-9][0-9]*\.'
check "busy: top: taken" eventually "$rate" "$tool" top --json --count 1 --interval 0.2
rate='^stream +queue +[1-9][0-9k.]* +[1-9][0-9k.]* '
check "busy: top, for people" eventually "$rate" "$tool" top --count 1 --interval 0.2
check "busy: ls" exits 0 "$tool" ls
check "busy: ls: nothing is damaged" says_not damaged
check "busy: inspect" exits 0 "$tool" inspect stream
# interrupt COMMAND...: which is told to end when it has said something.
interrupt() {
    local pid tries=0 status=0
    : >"$work/out"
    "$@" >>"$work/out" 2>"$work/err" </dev/null &
    pid=$!
    actors="$actors $pid"
    until [ -s "$work/out" ]; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { echo "it says nothing"; return 1; }
        sleep 0.1
    done
    # Of a shell in the background the child ignores SIGINT until it has asked for it, as this one does.
    kill -INT "$pid"
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$(cut -d' ' -f3 "/proc/$pid/stat" 2>/dev/null)" != Z ]; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { echo "it does not end"; return 1; }
        sleep 0.1
    done
    wait "$pid" || status=$?
    forget "$pid"
    [ $status -eq 0 ] || { echo "exit $status"; return 1; }
}
check "busy: top ends when interrupted" interrupt "$tool" top --interval 0.1

# --- somebody is dead ------------------------------------------------------------------------------------
end "$pump"
end "$actor"
check "dead: ls" exits 0 "$tool" ls
check "dead: ls: who" says "^nested +rlock +4 KiB +0  held by $me, dead, 2 levels \(unused, to be swept\)$"
check "dead: ls: who had permits" says "^permits .* 1 of 3 free, held by $me, dead \(unused, to be swept\)$"
check "dead: ls: ends of a pipe" says '^duplex .* end 0 gone, end 1 gone \(unused, to be swept\)$'
check "dead: ls: persistent" says '^jobs .* open, .*\(unused\)$'
check "dead: inspect" exits 0 "$tool" inspect jobs
check "dead: inspect: what it held" says "^ *held by a consumer +7 B  $me, dead$"
check "dead: ps" exits 0 "$tool" ps
check "dead: ps: not there" says_not " $actor "
check "dead: ps --all" exits 0 "$tool" ps --all
check "dead: ps --all: who" says "^ +.* $actor  stage +dead +- +.*lock of nested"
check "dead: top" exits 0 "$tool" top --count 1 --interval 0.05
end "$waiter"

# --- damage ----------------------------------------------------------------------------------------------
# damage FILE OFFSET BYTES
damage() { printf "$3" | dd of="$domain/$1" bs=1 seek="$2" conv=notrunc status=none; }
damage jobs 640 '\377\377\377\377'
check "damage: the marks of a ring" exits 0 "$tool" ls
check "damage: the marks of a ring: told" says '^jobs +queue .* damaged: head and tail of the ring are impossible$'
check "damage: inspect" exits 11 "$tool" inspect jobs
check "damage: inspect: what can be seen" says '^capacity +64 KiB$'
damage jobs 64 '\001'
check "damage: found by somebody" exits 0 "$tool" ls
check "damage: found by somebody: told" says '^jobs +queue .* damaged: found corrupt by a process that used it$'
damage table 224 '\377'
check "damage: dimensions" exits 11 "$tool" inspect table
check "damage: dimensions: told" says '^state +damaged: impossible number of dimensions$'
damage number 16 '\143'
check "damage: kind" exits 11 "$tool" inspect --json number
check "damage: kind: told" says '^    "unknown kind of object"$'
check "damage: kind: unknown" says '^  "kind": null,$'
damage meet 24 '\000\000\000\000'
check "damage: domain" exits 11 "$tool" inspect meet
check "damage: domain: told" says '^state +damaged: belongs to another domain$'
truncate -s 6000 "$domain/duplex"
check "damage: cut" exits 11 "$tool" inspect duplex
check "damage: cut: told" says '^state +damaged: the segment was cut or grown$'
damage odd 0 'XX'
check "damage: no header, but in use" exits 11 "$tool" inspect odd
check "damage: no header, but in use: told" says "^state +damaged: in use, but without an object's header$"
damage point 0 'XX'
check "damage: no header" exits 6 "$tool" inspect point
check "damage: no header: told" warns '^mproc: point: not an object$'
truncate -s 0 "$domain/idle"
mkfifo "$domain/fifo"
ln -s /etc/passwd "$domain/link"
printf x >"$domain/$(printf 'bad\033name')"
check "damage: ls" exits 0 "$tool" ls
check "damage: ls: files" says '^5 files that are no object:$'
check "damage: ls: a name" says '^  bad\\x1bname \(no object.s name, 1 B\)$'
check "damage: ls: a fifo" says '^  fifo \(no regular file, 0 B\)$'
check "damage: ls: a link" says '^  link \(no regular file, 0 B\)$'
check "damage: ls: empty" says '^  idle \(an empty file, 0 B\)$'
check "damage: ls --json" exits 0 "$tool" ls --json
check "damage: ls --json: files" counts 5 '^      "what": '
check "damage: top" exits 0 "$tool" top --count 1 --interval 0.05
check "damage: ps" exits 0 "$tool" ps
cp "$domain/.registry" "$work/registry"
damage .registry 0 'XX'
check "damage: registry: ls" exits 0 "$tool" ls
check "damage: registry: ls: told" warns "^mproc: $domain: the registry: .*: nobody can be named$"
check "damage: registry: ls: the rest" says '^nested +rlock .* held by the process of slot [0-9]+, perhaps alive'
check "damage: registry: inspect" exits 0 "$tool" inspect nested
check "damage: registry: ps" exits 11 "$tool" ps
damage .registry 0 'MP'
check "damage: registry: as it was" cmp "$domain/.registry" "$work/registry"
end "$odd"

# --- a thousand ------------------------------------------------------------------------------------------
rm -rf "$domain"
play events=1000
check "many: ls" exits 0 "$tool" ls
check "many: ls: all" counts 1001 '.'
for command in ls ps "top --count 1 --interval 0.05"; do
    check "many: $command with few descriptors" exits 0 bash -c "ulimit -n 24 && exec $tool $command"
done
check "many: ls --json" exits 0 "$tool" ls --json
check "many: ls --json: all" counts 1000 '^      "name": '
check "many: ls into a pipe that is closed" bash -c "set -o pipefail; $tool ls --json | head -n 1"
check "many: ps" exits 0 "$tool" ps
check "many: top" exits 0 "$tool" top --count 1 --interval 0.05
check "many: inspect" exits 0 "$tool" inspect e0999
end "$player"

# --- a terminal ------------------------------------------------------------------------------------------
if command -v script >/dev/null 2>&1; then
    # terminal COMMAND: with a terminal as standard output.
    terminal() { TERM=xterm exits 0 script -qec "stty cols 60 rows 8; exec $1" /dev/null; }
    check "terminal: ls" terminal "$tool ls --kind event"
    check "terminal: ls: colours" says $'^\033\\[1mNAME'
    check "terminal: ls: NO_COLOR" terminal "env NO_COLOR=1 $tool ls --kind event"
    check "terminal: ls: NO_COLOR: none" says_not $'\033'
    check "terminal: top" terminal "$tool top --count 2 --interval 0.05"
    check "terminal: top: as many lines as there are" says '… and 996 more'
    check "terminal: top: hides nothing of the terminal" says_not $'\033\\[\\?'
fi

# What there is to see is in the directory; what there was to do is done.
rm -rf "$domain"
tally
