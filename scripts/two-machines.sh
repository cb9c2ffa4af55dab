#!/usr/bin/env bash
# Runs a server and a client, each in a network of its own, joined by a cable that nobody else is at: as on two
# machines. Where that is not permitted (it takes root, and ip), both run on the loopback interface. The first line
# that it prints says which, with the reason; the others are the programs'.
#
# usage: two-machines.sh PROGRAM [CLIENT]    they understand: key FILE, server ADDRESS FILE, client ADDRESS FILE
#                                            (manager_two_machines, in C, C++ and Go); CLIENT: PROGRAM, too
set -u
[ $# -eq 1 ] || [ $# -eq 2 ] || { echo "usage: $0 PROGRAM [CLIENT]" >&2; exit 2; }
program=$1
client=${2:-$1}
# 60 seconds are far beyond what it takes; only a hang gets there.
limit=60
id=mp$$
here=$(mktemp -d "${TMPDIR:-/tmp}/two-machines-XXXXXX") || exit 1
server=

clean() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    wait
    rm -rf "$here"
    # The cable goes with its ends.
    ip netns del "$id-a" 2>/dev/null
    ip netns del "$id-b" 2>/dev/null
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

# Two networks and the cable; else the reason why not in $here/why.
two_networks() {
    [ "$(id -u)" -eq 0 ] || { echo "not root" >"$here/why"; return 1; }
    command -v ip >/dev/null || { echo "there is no ip" >"$here/why"; return 1; }
    {
        ip netns add "$id-a" && ip netns add "$id-b" &&
            ip link add "$id-a" netns "$id-a" type veth peer name "$id-b" netns "$id-b" &&
            ip -n "$id-a" addr add 10.213.77.1/24 dev "$id-a" && ip -n "$id-b" addr add 10.213.77.2/24 dev "$id-b" &&
            ip -n "$id-a" link set "$id-a" up && ip -n "$id-b" link set "$id-b" up &&
            ip netns exec "$id-a" true && ip netns exec "$id-b" true
    } 2>"$here/why"
}

if two_networks; then
    echo "in two network namespaces, joined by veth"
    address=tcp:10.213.77.1:7000
    there=(ip netns exec "$id-a") elsewhere=(ip netns exec "$id-b")
else
    echo "on loopback: $(head -n 1 "$here/why")"
    # A port that is free now, from above those that the kernel gives away by itself.
    port=61000
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    address=tcp:127.0.0.1:$port
    there=() elsewhere=()
fi

"$program" key "$here/office.key" || exit 1
: >"$here/server" # to be looked at before the server is there
"${there[@]}" timeout "$limit" "$program" server "$address" "$here/office.key" >"$here/server" 2>&1 &
server=$!
until grep -q '^server: ready' "$here/server"; do
    if ! kill -0 "$server" 2>/dev/null; then
        cat "$here/server"
        echo "the server has not come up" >&2
        exit 1
    fi
    sleep 0.05
done
"${elsewhere[@]}" timeout "$limit" "$client" client "$address" "$here/office.key" >"$here/client" 2>&1
client_status=$?
[ $client_status -eq 0 ] || kill "$server" 2>/dev/null
wait "$server"
server_status=$?
server=
head -n 1 "$here/server"
cat "$here/client"
tail -n +2 "$here/server"
[ $client_status -eq 0 ] && [ $server_status -eq 0 ]
