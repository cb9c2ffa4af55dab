#!/usr/bin/env bash
# A manager as a process: serve, its clients near and far, keys, what ends it, what it says; and systemd.
#
# usage: manager_test.sh [TOOL]
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/stage-env.sh
. scripts/stage-env.sh
: "${CC:=cc}" "${PKG_CONFIG:=pkg-config}"
tool=$(realpath "${1:-target/tool/tool/mproc}")
work=$(mktemp -d)
export MPROC_DOMAIN=${MPROC_DOMAIN:-/dev/shm/mproc}-manager-$$
unset MPROC_MANAGER MPROC_KEY_FILE MPROC_RECOVERED NOTIFY_SOCKET LISTEN_PID LISTEN_FDS LISTEN_FDNAMES
tidy() {
    end_all
    rm -rf "$work" "$MPROC_DOMAIN"
}
trap tidy EXIT
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh
# shellcheck source=tests/tool/verbs.sh
. tests/tool/verbs.sh
"$CC" -std=c99 -Wall -Wextra -Werror -pthread tests/tool/creator.c -o "$work/creator"
"$CC" -std=c99 -Wall -Wextra -Werror tests/tool/procedures.c -o "$work/procedures" \
    $("$PKG_CONFIG" --cflags --libs mproc) # flags are words
give_life

# until_true COMMAND...: within a time that only a hang takes.
until_true() {
    local i
    for i in $(seq 600); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    echo "after 30 s still not: $*"
    return 1
}
# gone PID: dead, whoever has to reap it.
gone() { ! grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null; }
lives() { ! gone "$1"; }
logs() { grep -qE -- "$1" "$work/logs" || { echo "nothing like '$1' in:"; cat "$work/logs"; return 1; }; }
# ready COMMAND...: starts it, which is or starts a server; its addresses are in $addresses when they are all there. The
# server says in its first log line who it is: $server. What was started is $starter.
ready() {
    here="starting $*"
    rm -f "$work/addresses" "$work/logs"
    mkfifo "$work/addresses"
    : >"$work/logs"
    "$@" >"$work/addresses" 2>"$work/logs" &
    starter=$!
    actors="$actors $starter"
    mapfile -t addresses < <(timeout 30 cat "$work/addresses")
    until_true grep -q 'started' "$work/logs" || { cat "$work/logs" >&3; exit 1; }
    server=$(grep 'started' "$work/logs" | grep -oE 'pid"?[=:][0-9]+' | grep -oE '[0-9]+')
    [ "$server" = "$starter" ] || actors="$actors $server"
}
serve() { ready "$tool" serve "$@"; }
# stops SIGNAL: the server, which was started by this script; its exit status is $status.
stops() {
    here="$1 to the server"
    kill -"$1" "$server"
    until_true gone "$server" >&3 || exit 1
    status=0
    wait "$server" || status=$?
    forget "$server"
}
unix=unix:$work/socket

# ---- keys ---------------------------------------------------------------------------------------------------------
check "keygen" exits 0 keygen "$work/key"
check "keygen: silent" [ ! -s "$work/out" ]
check "keygen: only this user's" same "$(stat -c %a "$work/key")" 600
check "keygen: what a key is" grep -qxE '[0-9a-f]{64}' "$work/key"
cp "$work/key" "$work/copy"
check "keygen: refuses to overwrite" fails 7 "$work/key: is there already" keygen "$work/key"
check "keygen: and has not" cmp "$work/key" "$work/copy"
check "keygen: another one" exits 0 keygen "$work/other" --json
check "keygen: says which file" says '"file": ".*/other"'
check "keygen: is another one" bash -c "! cmp -s '$work/key' '$work/other'"
check "keygen: no such directory" exits 3 keygen "$work/nowhere/key"
check "keygen has no manager" fails 2 "has nothing to do with" keygen "$work/third" --manager "$unix"
chmod 640 "$work/copy"

# ---- what does not start --------------------------------------------------------------------------------------------
check "serve: tcp without a key" exits 8 serve --listen tcp:127.0.0.1:0
check "serve: a key that others can read" fails 8 "$work/copy: " serve --listen tcp:127.0.0.1:0 --key-file "$work/copy"
echo "not a key" >"$work/none"
chmod 600 "$work/none"
check "serve: a key that is none" fails 6 "$work/none: " serve --listen "$unix" --key-file "$work/none"
check "serve: any user without a key" exits 8 serve --any-user --listen "$unix"
check "serve: no address" fails 2 "an address is" serve --listen nonsense
check "serve: has no manager" fails 2 "has nothing to do with" serve --manager "$unix"
check "serve: nobody made a socket" [ ! -e "$work/socket" ]
check "nobody is there" fails 12 "$unix: " status --manager "$unix"
check "no manager is named" fails 2 "which manager" status
check "no address" fails 2 "an address is" status --manager nonsense
check "no address in the environment" env MPROC_MANAGER=nonsense bash -c ". tests/tool/common.sh; . tests/tool/verbs.sh
    tool='$tool' work='$work'; fails 6 'MPROC_MANAGER: nonsense: ' status"

# ---- verbs ----------------------------------------------------------------------------------------------------------
serve --listen "$unix" --listen tcp:127.0.0.1:0 --key-file "$work/key" --json-logs --verbose
check "serve: its addresses" same "${#addresses[@]}:${addresses[0]}" "2:$unix"
tcp=${addresses[1]}
check "serve: the port" bash -c "[[ '$tcp' =~ ^tcp:127.0.0.1:[1-9][0-9]*$ ]]"
check "serve: somebody is there already" fails 7 "$unix: somebody listens there" serve --listen "$unix" --key-file "$work/key"
export MPROC_KEY_FILE=$work/key

# takes_turns NAME: a lock is held by one at a time, also if commands come and go.
takes_turns() {
    local i pids=()
    echo 0 >"$work/count"
    for i in $(seq 8); do
        # shellcheck disable=SC2016 # for the shell that runs it
        mproc lock "$1" -- sh -c 'n=$(cat "$0"); sleep 0.01; echo $((n + 1)) >"$0"' "$work/count" &
        pids+=($!)
    done
    wait "${pids[@]}" && same "$(cat "$work/count")" 8
}
# dies_with NAME: who holds a lock is killed; its command goes with it, and the next one hears of it.
dies_with() {
    "$tool" lock "$1" -- sh -c 'echo $$ >"$0"; exec sleep 1000' "$work/held" &
    local holder=$! command
    until_true test -s "$work/held" || return 1
    command=$(cat "$work/held")
    rm "$work/held"
    exits 4 lock -n "$1" -- true || return 1
    kill -KILL "$holder"
    wait "$holder" 2>/dev/null || true
    exits 0 lock "$1" -t 30 -- sh -c 'echo "recovered: $MPROC_RECOVERED"' || return 1
    says '^recovered: 1$' && warns 'its previous holder died' && until_true gone "$command"
}
# wakes NAME: somebody waits for an event.
wakes() {
    mproc event clear "$1" || return 1
    mproc event wait "$1" -t 50 &
    local waiter=$!
    sleep 0.1
    mproc event set "$1" && wait "$waiter"
}
# flows NAME: from one process to another one, until it has all.
flows() {
    mproc pipe create "$1" || return 1
    mproc pipe recv "$1" --follow -t 50 >"$work/flown" &
    local receiver=$!
    seq 100 | mproc pipe send "$1" -t 50 && wait "$receiver" && same "$(cat "$work/flown")" "$(seq 100)"
}
is_empty() { [ "$(mproc queue len "$1")" -eq 0 ]; }
# leases QUEUE: what cannot be written goes back, also when who has it is killed.
leases() {
    local getter status=0
    mproc queue put "$1" first || return 1
    mproc queue get "$1" >/dev/full 2>"$work/err" || status=$?
    same $status 20 && warns 'went back to the front' && same "$(mproc queue len "$1")" 1 || return 1
    # Nobody reads: the writer blocks on a full pipe, with a message in its hands.
    head -c 500000 /dev/zero | mproc queue put "$1" --whole || return 1
    rm -f "$work/full"
    mkfifo "$work/full"
    exec 7<>"$work/full"
    "$tool" queue get "$1" -n 2 --raw >"$work/full" 7>&- &
    getter=$!
    until_true is_empty "$1" || return 1
    kill -KILL $getter
    wait $getter 2>/dev/null || true
    exec 7>&-
    same "$(mproc queue get "$1" -t 30 | wc -c)" 500001 && exits 4 queue get "$1" -t 0
}
# returns SEMAPHORE: the permit of who is killed.
returns() {
    local holder
    "$tool" sem run "$1" -- sh -c 'echo $$ >"$0"; exec sleep 1000' "$work/held" &
    holder=$!
    until_true test -s "$work/held" && rm "$work/held" && same "$(mproc sem value "$1")" 1 || return 1
    kill -KILL $holder
    wait $holder 2>/dev/null || true
    # Both of them at a time: one inside the other.
    mproc sem run "$1" -t 30 -- "$tool" sem run "$1" -t 30 -- true
}
# everything WAY: what the verbs do with a manager's objects, by that way.
everything() {
    local way=$1
    check "$way: nothing is made by looking" exits 3 value get "$way-v"
    check "$way: value set" json value set "$way-v" 41 -- \
        "{\"name\":\"$way-v\",\"type\":\"i64\",\"value\":41,\"created\":true}"
    check "$way: value add" prints 42 value add "$way-v"
    check "$way: value add --old" prints 42 value add "$way-v" 8 --old
    check "$way: value get" prints 50 value get "$way-v"
    check "$way: another type" fails 6 "the value's type is i64, not u8" value set "$way-v" 1 --type u8
    check "$way: value wait" fails 4 "timed out" value wait "$way-v" 50 -t 0.05
    check "$way: another kind" exits 6 event set "$way-v"
    check "$way: array create" exits 0 array create "$way-a" --type i16 --shape 2x3
    check "$way: the name is taken" fails 7 "the name is taken" array create "$way-a" --type i16 --shape 2x3
    check "$way: array set" exits 0 array set "$way-a" 0,1 -1 2 48 40 5
    check "$way: array get" prints "0 -1 2
48 40 5" array get "$way-a"
    check "$way: beyond the end" exits 6 array get "$way-a" 2,0
    check "$way: dict set" exits 0 dict set "$way-d" port 8080
    check "$way: a dict inside" exits 0 dict set "$way-d" servers --new dict
    check "$way: a list inside that" exits 0 dict set "$way-d" web --new list --in servers
    check "$way: goes inside" exits 0 list append "$way-d" 10 20 --in servers --in web
    check "$way: not a list" exits 6 list append "$way-d" 10 --in servers
    check "$way: dict dump" prints '{"port":8080,"servers":{"web":[10,20]}}' dict dump "$way-d"
    check "$way: dict add" prints 8081 dict add "$way-d" port
    check "$way: dict keys" prints '"port"
"servers"' dict keys "$way-d"
    check "$way: no such key" exits 3 dict get "$way-d" nothing
    check "$way: list load" bash -c "echo '[3, 1, 2]' | '$tool' list load '$way-l'"
    check "$way: list sort" exits 0 list sort "$way-l"
    check "$way: list slice" prints "2
3" list slice "$way-l" -2
    check "$way: list pop" prints 3 list pop "$way-l"
    check "$way: nested list load" bash -c "echo '[[1], {\"a\": [2]}]' | '$tool' list load '$way-n' --nested"
    check "$way: nested list" prints '[[1],{"a":[2]}]' list dump "$way-n"
    check "$way: ns set" exits 0 ns set "$way-ns" theme dark
    check "$way: ns get" prints dark ns get "$way-ns" theme --raw
    check "$way: queue put" exits 0 queue put "$way-q" one two three
    check "$way: queue len" prints 3 queue len "$way-q"
    check "$way: queue get" prints "one
two" queue get "$way-q" -n 2
    check "$way: a long message" bash -c "head -c 100000 /dev/zero | '$tool' queue put '$way-q' --whole"
    check "$way: queue get, the next" prints three queue get "$way-q"
    check "$way: a long message, whole" same "$(mproc queue get "$way-q" --raw -t 0 | wc -c)" 100000
    check "$way: nothing is left" exits 4 queue get "$way-q" -t 0
    check "$way: queue close" exits 0 queue close "$way-q"
    check "$way: is closed" exits 5 queue put "$way-q" more
    check "$way: queue create" exits 0 queue create "$way-leased" --lease
    check "$way: a queue with leases" leases "$way-leased"
    check "$way: another queue" exits 0 queue create "$way-other"
    check "$way: has them here, too" leases "$way-other"
    check "$way: pipe" flows "$way-p"
    check "$way: event" wakes "$way-e"
    check "$way: event is-set" exits 0 event is-set "$way-e"
    check "$way: event clear" exits 0 event clear "$way-e"
    check "$way: event is-set, not" exits 1 event is-set "$way-e"
    check "$way: sem create" exits 0 sem create "$way-s" --value 2
    check "$way: sem acquire" exits 0 sem acquire "$way-s" 2
    check "$way: sem acquire in vain" exits 4 sem acquire "$way-s" -t 0
    check "$way: sem release" exits 0 sem release "$way-s"
    check "$way: sem value" prints 1 sem value "$way-s"
    check "$way: sem run" exits 7 sem run "$way-permits" --create 2 -- sh -c 'exit 7'
    check "$way: its permit came back" prints 2 sem value "$way-permits"
    check "$way: sem run, killed" returns "$way-permits"
    check "$way: lock" takes_turns "$way-lock"
    check "$way: lock: the command is in the same place" prints 50 lock "$way-lock" -- "$tool" value get "$way-v"
    check "$way: lock, killed" dies_with "$way-lock"
    check "$way: ls" exits 0 ls --kind dict
    check "$way: ls: what there is" says "^$way-d +dict +"
    check "$way: ls: no others" says_not "$way-l "
    check "$way: ls --json" exits 0 ls --json
    check "$way: ls --json: kinds" says '"kind": "semaphore"'
    check "$way: rm" exits 0 rm -v "$way-a"
    check "$way: rm -v" says "^removed $way-a$"
    check "$way: rm: not there" exits 3 rm "$way-a"
    check "$way: rm -f: not there" exits 0 rm -f "$way-a"
    check "$way: is removed" exits 3 array get "$way-a"
    check "$way: rm --all" exits 2 rm --all
    check "$way: no such procedure" exits 3 call nothing '{"a": 1}'
    check "$way: status" exits 0 status
    check "$way: status: which instance" says "instance +[0-9a-f]{32}, pid $server, up "
}
export MPROC_MANAGER=$unix
everything near
# --proxy is said by the address, too: in one variable for all.
export MPROC_MANAGER="$unix?memory=never"
everything far
check "far and near is the same" prints 50 value get near-v
export MPROC_MANAGER=$tcp
everything tcp
check "by tcp is the same" prints 50 value get far-v
unset MPROC_MANAGER
check "--manager" prints 50 value get tcp-v --manager "$unix"
check "--manager --proxy" prints 50 value get tcp-v --manager "$unix" --proxy
check "no domain was made" [ ! -e "$MPROC_DOMAIN" ]
export MPROC_MANAGER=$unix
for command in top ps gc doctor "inspect tcp-v"; do
    # shellcheck disable=SC2086 # words
    check "only memory: $command" fails 6 "looks at the memory of a domain" $command
done
check "-d instead of the environment's manager" fails 3 "the domain does not exist" value get tcp-v -d "$MPROC_DOMAIN"
check "-d and --manager" exits 2 value get tcp-v -d "$MPROC_DOMAIN" --manager "$unix"
unset MPROC_MANAGER

# ---- keys at the door -----------------------------------------------------------------------------------------------
check "another key, by tcp" fails 8 "$tcp: refused: " status --manager "$tcp" --key-file "$work/other"
check "another key, near" exits 8 status --manager "$unix" --key-file "$work/other"
check "no such key" exits 3 status --manager "$unix" --key-file "$work/nowhere"
unset MPROC_KEY_FILE
check "no key, by tcp" exits 8 status --manager "$tcp"
check "no key, near" exits 8 status --manager "$unix"
check "it goes on" exits 0 status --manager "$tcp" --key-file "$work/key" --json
check "status --json: instance" says '"instance": "[0-9a-f]{32}"'
check "status --json: clients" says '"clients": 1,'
check "status --json: refused" says '"refused": [1-9]'
check "status --json: objects" says '"objects": [1-9]'

# ---- logs -----------------------------------------------------------------------------------------------------------
for _ in $(seq 20); do
    mproc status --manager "$tcp" --key-file "$work/other" >/dev/null 2>&1 || true
done
stops TERM
check "TERM ends it in order" same "$status" 0
check "its socket is removed" [ ! -e "$work/socket" ]
line='^\{"time":"20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z","level":"(info|warning)","event":"[a-z_]+".*\}$'
check "logs: each line is an object" bash -c "! grep -vE '$line' '$work/logs'"
check "logs: addresses" logs '"event":"started","addresses":\["unix:.*","tcp:127.0.0.1:'
check "logs: clients" logs '"event":"client_connected","client":'
check "logs: objects" logs '"event":"object_created","object":[0-9]+,"kind":"dict","name":"near-d"'
check "logs: names that go" logs '"event":"object_deleted","name":"near-a"'
check "logs: refused" logs '"level":"warning","event":"client_refused","from":"[^"]+","reason":"[^"]+"'
check "logs: refused, but not each" bash -c "[ \$(grep -c client_refused '$work/logs') -lt 20 ]"
check "logs: how many more" logs '"event":"client_refused","more":[0-9]+'
check "logs: why it ends" logs '"event":"ending","reason":"SIGTERM"'
check "logs: the end" bash -c "tail -n 1 '$work/logs' | grep -q '\"event\":\"ended\"'"

# ---- what ends it ---------------------------------------------------------------------------------------------------
# A shell has what it starts in the background ignore INT.
ready env --default-signal=INT "$tool" serve --json --listen "$unix"
check "serve --json" bash -c "[[ '${addresses[0]}' == '{\"addresses\":[\"$unix\"],\"pid\":$server}' ]]"
check "logs for people" logs "^20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z info started: addresses=\[\"$unix\"\] pid=$server "
stops INT
check "INT ends it in order" same "$status" 0
serve
check "a place of its own" exits 0 status --manager "${addresses[0]}"
stops HUP
check "HUP ends it in order" same "$status" 0

# by_shell OPTION...: started by a shell that stays until it is killed.
by_shell() { ready bash -c '"$@" & exec >/dev/null; wait' - "$tool" serve --listen "$unix" "$@"; }
by_shell
check "the creator lives" exits 0 status --manager "$unix"
end "$starter"
check "it ends with its creator" until_true gone "$server"
check "and says why" logs "reason=\"the process that started this one has ended\""
check "in order" [ ! -e "$work/socket" ]
by_shell --stay
end "$starter"
check "--stay" exits 0 status --manager "$unix"
kill -HUP "$server"
check "--stay, without its terminal" exits 0 status --manager "$unix"
check "--stay: lives" lives "$server"
kill -TERM "$server"
check "--stay: TERM" until_true gone "$server"
ready "$work/creator" --thread "$tool" serve --listen "$unix"
check "the thread that started it has ended" exits 0 status --manager "$unix"
check "and it lives" lives "$server"
end "$starter"
check "it ends with the process of that thread" until_true gone "$server"
mkfifo "$work/input"
exec 8<>"$work/input"
ready bash -c '"$@" <"$0" 8>&- &' "$work/input" "$tool" serve --listen "$unix" --stdin
check "--stdin" exits 0 status --manager "$unix"
echo "not the end" >&8
check "--stdin: what comes there" exits 0 status --manager "$unix"
exec 8>&-
check "--stdin: its end" until_true gone "$server"
check "--stdin: says why" logs 'reason="the end of standard input"'
check "--stdin or --stay" exits 2 serve --stdin --stay

# What a client holds when the manager is killed.
serve --listen "$unix"
MPROC_MANAGER=$unix
export MPROC_MANAGER
check "near: made" exits 0 value set v 1
# killed: the manager, while one command runs under a lock and another one waits for a message.
killed() {
    local holder getter status=0
    # shellcheck disable=SC2016 # for the shell that runs it
    "$tool" lock l -- sh -c 'echo $$ >"$0"; until [ -e "$0.go" ]; do sleep 0.05; done; exit 3' "$work/held" 2>"$work/err" &
    holder=$!
    mproc queue put q one && mproc queue get q || return 1
    mproc queue get q --proxy 2>"$work/lost" &
    getter=$!
    until_true test -s "$work/held" && until_true mproc_waits || return 1
    end "$server"
    wait $getter || status=$?
    same "$status" 12 && grep -q 'no connection to the manager' "$work/lost" || return 1
    : >"$work/held.go"
    status=0
    wait $holder || status=$?
    same "$status" 3 && warns '^mproc: l: no connection to the manager'
}
mproc_waits() { mproc status --json | grep -q '"waiting": [1-9]'; }
check "killed: who holds and who waits hear of it" killed
check "killed: nobody is there" exits 12 value get v
serve --listen "$unix" --max-objects 1
check "killed: its socket is no obstacle" same "${addresses[*]}" "$unix"
check "another instance has other objects" exits 3 value get v
check "a limit: one object" exits 0 value set v 1
check "a limit: no more" exits 9 value set w 1
check "a limit: logged" until_true logs 'warning limit reached: client=[0-9]+ limit='
stops TERM
unset MPROC_MANAGER

# ---- other users ----------------------------------------------------------------------------------------------------
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
if [ "$(id -u)" -eq 0 ] && nobody "$tool" --version >/dev/null 2>&1; then
    as_nobody() { # STATUS FILE ARGUMENTS...: with that key
        local want=$1 status=0
        nobody timeout -k 5 60 "$tool" "${@:3}" --manager "$unix" --key-file "$2" \
            >"$work/out" 2>"$work/err" || status=$?
        same "$status" "$want" || { cat "$work/err"; return 1; }
    }
    chmod 711 "$work"
    cp "$work/key" "$work/theirs"
    chown 65534 "$work/theirs"
    serve --listen "$unix" --key-file "$work/key"
    check "another user" as_nobody 8 "$work/theirs" status
    stops TERM
    serve --listen "$unix" --key-file "$work/key" --any-user
    check "any user" as_nobody 0 "$work/theirs" value set v 1
    check "any user: the same objects" prints 1 value get v --manager "$unix" --key-file "$work/key"
    check "any user: not with another's key file" as_nobody 8 "$work/key" value get v
    stops TERM
fi

# ---- procedures -----------------------------------------------------------------------------------------------------
start "$work/procedures" "$unix"
export MPROC_MANAGER=$unix
check "call" prints '{"a":[1,2.5,null,"x"]}' call same '{"a": [1, 2.5, null, "x"]}'
check "call: a word" prints '"word"' call same word
check "call --raw" prints word call same word --raw
check "call: a number" prints -5 call same -5
check "call: nothing" prints null call same
check "call: not JSON" exits 6 call same '{'
check "call: what it says" fails 8 "refuse: not today" call refuse
check "call: not in time" fails 4 "linger: timed out" call linger -t 0.05
check "call: in time" prints null call linger -t 50
check "call: no such procedure" fails 3 "nothing: " call nothing
check "status: procedures" exits 0 status
check "status: how many" says '^  offers    3 procedures$'
unset MPROC_MANAGER
end "$started"

# ---- systemd --------------------------------------------------------------------------------------------------------
ready "$work/creator" --service "$work/activated" "$work/states" "$tool" serve --stay
check "systemd: the socket it was passed" same "${addresses[0]}" "unix:$work/activated"
check "systemd: serves it" exits 0 value set v 5 --manager "unix:$work/activated"
check "systemd: to all" prints 5 value get v --manager "unix:$work/activated"
check "systemd: ready" until_true grep -qx 'READY=1' "$work/states"
stops TERM
check "systemd: ends in order" same "$status" 0
check "systemd: says so" until_true grep -qx 'STOPPING=1' "$work/states"
check "systemd: the socket is not ours to remove" [ -S "$work/activated" ]
rm "$work/activated"
# passed FILE PID: as if systemd had passed that.
passed() {
    # shellcheck disable=SC2016 # for the shell that runs it
    timeout -k 5 60 bash -c 'exec 3<"$1" && export LISTEN_FDS=1 LISTEN_PID="${2:-$$}" && exec "$3" serve --stdin' \
        - "$1" "$2" "$tool" </dev/null
}
check "systemd: not for this process" passed /dev/null 1
not_a_socket() {
    local status=0
    passed /dev/null "" 2>"$work/err" || status=$?
    same "$status" 2 && warns "descriptor 3, which LISTEN_FDS tells of, is no listening stream socket"
}
check "systemd: not a socket" not_a_socket

tally
