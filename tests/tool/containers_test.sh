#!/usr/bin/env bash
# What the tool does with dicts, lists and namespaces, and how it looks at them: busy, stopped, dead, half done and
# damaged.
#
# usage: containers_test.sh [TOOL]
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/stage-env.sh
. scripts/stage-env.sh
: "${CC:=cc}" "${PKG_CONFIG:=pkg-config}"
tool=$(realpath "${1:-target/tool/tool/mproc}")
work=$(mktemp -d)
export MPROC_DOMAIN=${MPROC_DOMAIN:-/dev/shm/mproc}-containers-$$
unset NO_COLOR CLICOLOR_FORCE
tidy() {
    end_all
    rm -rf "$work" "$MPROC_DOMAIN"
}
trap tidy EXIT
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh
# shellcheck source=tests/tool/verbs.sh
. tests/tool/verbs.sh

# ---- dict ---------------------------------------------------------------------------------------------------------
check "nothing is created by looking" fails 3 "the domain does not exist" dict get d a
check "not even the domain" [ ! -e "$MPROC_DOMAIN" ]
check "dict set --existing of nothing" fails 3 "does not exist" dict set d a 1 --existing
check "dict set creates" json dict set d a 1 -- '{"name":"d","key":"a","created":true}'
check "dict set" json dict set d a 41 -- '{"name":"d","key":"a","created":false}'
check "is silent" exits 0 dict set d b '"text"'
check "indeed" [ ! -s "$work/out" ]
check "dict get" prints 41 dict get d a
check "dict get of nothing" fails 3 "none: the object does not exist" dict get none a
check "dict get of no key" fails 3 "d: " dict get d c
check "a string is JSON" prints '"text"' dict get d b
check "--raw: as it is" prints text dict get d b --raw
check "in a document" json dict get d b -- '{"name":"d","key":"b","value":"text"}'
# stores VALUE JSON: what is given comes back like that.
stores() {
    mproc dict set d value "${@:3}" -- "$1" || return 1
    prints "$2" dict get d value
}
check "a bare word" stores example.org '"example.org"'
check "a date is no number" stores 2024-01-31 '"2024-01-31"'
check "nothing at all" stores '' '""'
check "--string" stores 42 '"42"' --string
check "--string of JSON" stores '[1]' '"[1]"' --string
check "a negative number" stores -17 -17
check "the largest u64" stores 18446744073709551615 18446744073709551615
check "the smallest i64" stores -9223372036854775808 -9223372036854775808
check "a float" stores 0.1 0.1
check "a float that is whole" stores 1.0 1.0
check "each digit of a float" stores 0.30000000000000004 0.30000000000000004
check "true" stores true true
check "null" stores null null
check "a list" stores '[1, [2, {"a": []}]]' '[1,[2,{"a":[]}]]'
check "bytes" stores '{"$bytes": "AAEC"}' '{"$bytes":"AAEC"}'
check "not a number" stores '{"$float": "nan"}' '{"$float":"nan"}'
check "a map with other keys" stores '{"$map": [[1, "one"]]}' '{"$map":[[1,"one"]]}'
check "nothing that a terminal would obey" stores $'"a\xc2\x9bb"' '"a\u009bb"'
check "JSON that is wrong is no string" fails 6 "is not JSON" dict set d value '{"a": 1'
check "nor is a list" fails 6 "is not JSON" dict set d value '[1, 2'
check "nor a string" fails 6 "is not JSON" dict set d value '"text'
check "nor too large a number" fails 6 "out of range" dict set d value 1e999
check "too deep" fails 6 "d: " dict set d value "$(printf '[%.0s' $(seq 65))$(printf ']%.0s' $(seq 65))"
check "what is wrong creates nothing" fails 6 "is not JSON" dict set fresh a '{'
check "so it is not there" fails 3 "does not exist" dict len fresh
check "no value" fails 2 "required" dict set d value
check "a name that is none" fails 6 "not a name" dict set a/b a 1
check "dict del" json dict del d value -- '{"name":"d","key":"value"}'
check "dict del of no key" fails 3 "d: " dict del d value
check "keys are strings" exits 0 dict set d 7 seven
check "whatever they look like" prints '"a"
"b"
"7"' dict keys d
check "keys --raw" prints 'a
b
7' dict keys d --raw
check "--json-key" exits 0 dict set d 7 "the number" --json-key
check "is another key" prints '"the number"' dict get d 7 --json-key
check "the string is still there" prints '"seven"' dict get d 7
check "a list as a key" exits 0 dict set d '[1, 2]' pair --json-key
check "a map is none" fails 6 "key" dict set d '{}' 1 --json-key
check "a word is no JSON" fails 6 "the key 'x'" dict get d x --json-key
check "keys in a document" json dict keys d -- '{"name":"d","keys":["a","b","7",7,[1,2]]}'
check "items" prints $'"a"\t41\n"b"\t"text"\n"7"\t"seven"\n7\t"the number"\n[1,2]\t"pair"' dict items d
check "items --raw" prints $'a\t41\nb\ttext\n7\tseven\n7\tthe number\n[1,2]\tpair' dict items d --raw
check "items in a document" json dict items d -- \
    '{"name":"d","items":[["a",41],["b","text"],["7","seven"],[7,"thenumber"],[[1,2],"pair"]]}'
check "dict len" prints 5 dict len d
check "len in a document" json dict len d -- '{"name":"d","len":5}'
check "dict add" prints 42 dict add d a
check "dict add N" prints 40 dict add d a -2
check "a float" prints 40.5 dict add d a 0.5
check "add to nothing" prints 5 dict add d new 5
check "add creates" json dict add counters hits -- '{"name":"counters","key":"hits","value":1}'
check "add to a string" fails 6 "d: " dict add d b
check "add what is no number" fails 6 "'x' is not a number" dict add d a x
check "add: beyond 64 bits" exits 0 dict set d big 18446744073709551615
check "add: is an error" fails 6 "d: " dict add d big
check "add: that changes nothing" prints 18446744073709551615 dict get d big
adders() {
    local i pids=()
    for i in $(seq 20); do
        mproc dict add sums sum "$i" >"$work/sum.$i" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i" || return 1
    done
    prints 210 dict get sums sum || return 1
    # Each was told another sum.
    same "$(cat "$work"/sum.* | sort -u | wc -l)" 20
}
check "20 that add at the same time" adders
check "dict append to nothing" json dict append log errors 'disk full' -- \
    '{"name":"log","key":"errors","created":true}'
check "append again" exits 0 dict append log errors '{"code": 28}'
check "a list inside" prints '{"errors":["disk full",{"code":28}]}' dict dump log
check "append to a list that is a value" exits 0 dict set log plain '[1]'
check "it grows" exits 0 dict append log plain 2
check "as a value" prints '[1,2]' dict get log plain
check "append to a string" fails 6 "d: " dict append d b x
check "dump" prints '{"hits":1}' dict dump counters
check "dump with keys that are no strings" eval 'mproc dict dump d | grep -qF "[7,\"the number\"],[[1,2],\"pair\"]"'
check "another kind" fails 6 "log: the object is a dict, not a list" list len log
check "a value is no dict" exits 0 value set v 1
check "says what it is" fails 6 "v: the object is a value, not a dict" dict get v a

# ---- load and dump ------------------------------------------------------------------------------------------------
loads() { # JSON [ARGUMENTS...]: from standard input into the dict "loaded"
    printf '%s' "$1" | mproc dict load loaded "${@:2}"
}
check "load creates" loads '{"a": 1, "b": {"c": [2, 3]}}'
check "dump is what was loaded" prints '{"a":1,"b":{"c":[2,3]}}' dict dump loaded
check "load: others stay" loads '{"d": null, "a": 4}'
check "load: in their order" prints '{"a":4,"b":{"c":[2,3]},"d":null}' dict dump loaded
check "load --replace" loads '{"z": 26}' --replace
check "load --replace: the others are gone" prints '{"z":26}' dict dump loaded
printf '{"from": "a file"}' >"$work/file.json"
check "load from a file" json dict load loaded "$work/file.json" -- '{"name":"loaded","created":false}'
check "load: from no file" fails 20 "$work/none.json: " dict load loaded "$work/none.json"
wrong() { # JSON TEXT: refused with exit code 6
    local status=0
    printf '%s' "$1" | mproc dict load loaded >"$work/out" 2>"$work/err" || status=$?
    same $status 6 && grep -qF -- "$2" "$work/err" || { cat "$work/out" "$work/err"; return 1; }
}
check "load: a list is no map" wrong '[1]' "not a map"
check "load: no JSON" wrong '{"a": }' "loaded: standard input: "
check "load: half a document" wrong '{"a": 1' "loaded: standard input: "
check "load: two documents" wrong '{} {}' "loaded: standard input: "
check "load: no UTF-8" wrong $'{"a": "\xff"}' "standard input"
check "load: which changed nothing" prints '{"z":26,"from":"a file"}' dict dump loaded
check "dict clear" exits 0 dict clear loaded
check "nothing is left" prints '{}' dict dump loaded
round() { # a large document there and back
    {
        printf '{'
        for i in $(seq 2000); do printf '"key %d": [%d, "%d", {"n": %d.5}], ' "$i" "$i" "$i" "$i"; done
        printf '"last": true}'
    } >"$work/large.json"
    mproc dict load large "$work/large.json" && mproc dict dump large >"$work/dumped.json" || return 1
    same "$(mproc dict len large)" 2001 || return 1
    tr -d ' \n' <"$work/large.json" >"$work/one"
    tr -d ' \n' <"$work/dumped.json" >"$work/two"
    cmp "$work/one" "$work/two"
}
check "a large document" round

# ---- containers inside --------------------------------------------------------------------------------------------
check "--new dict" exits 0 dict set config servers --new dict
check "--new and a value" fails 2 "cannot be used with" dict set config servers 1 --new dict
check "--in" exits 0 dict set config web --new dict --in servers
check "--in --in" exits 0 dict set config port 8080 --in servers --in web
check "get --in --in" prints 8080 dict get config port --in servers --in web
check "get of a container" exits 0 dict get config servers
check "is a reference" grep -qF '{"$ref":{"kind":"dict",' "$work/out"
check "keys --in" prints '"web"' dict keys config --in servers
check "a list in it" exits 0 dict set config ports --new list --in servers
check "list append --in" exits 0 list append config 80 443 --in servers --in ports
check "through a list" exits 0 list append config --new dict --in servers --in ports
check "by its index" exits 0 dict set config tls true --in servers --in ports --in -1
check "a namespace in it" exits 0 dict set config options --new ns
check "ns set --in" exits 0 ns set config colour blue --in options
check "dump is deep" prints \
    '{"servers":{"web":{"port":8080},"ports":[80,443,{"tls":true}]},"options":{"colour":"blue"}}' dict dump config
check "dump --in" prints '{"port":8080}' dict dump config --in servers --in web
check "no such key on the way" fails 3 "config[nowhere]: " dict get config a --in nowhere
check "plain data is no container" fails 6 "config[servers][web][port]: " \
    dict get config a --in servers --in web --in port
check "another kind inside" fails 6 "config[servers][ports]: the object is a list, not a dict" \
    dict get config a --in servers --in ports
check "a key is no index" fails 6 "indices" dict get config a --in servers --in ports --in x
check "no such index" fails 6 "out of bounds" dict get config a --in servers --in ports --in 9
check "what is no container" fails 6 "v: the object is a value, not a container" dict get v a --in b
check "--in creates no object" fails 3 "does not exist" dict set fresh a 1 --in b
check "a strong reference to one of its own" exits 0 dict set config again "$(mproc dict get config servers)"
check "leads to the same" prints 8080 dict get config port --in again --in web
check "deleting one" exits 0 dict del config servers
check "leaves the other" prints 8080 dict get config port --in again --in web
check "into itself" exits 0 dict set config loop --new dict
check "a loop" exits 0 dict set config self "$(mproc dict get config loop)" --in loop
check "cannot be dumped" fails 6 "config: " dict dump config
check "and can be deleted" exits 0 dict del config loop
check "so that it can" exits 0 dict dump config
nested() {
    printf '{"servers": {"web": {"ports": [80, {"tls": true}]}}, "n": 1}' | mproc dict load tree --nested || return 1
    mproc list append tree 81 --in servers --in web --in ports || return 1
    mproc dict set tree tls false --in servers --in web --in ports --in 1 || return 1
    prints '{"servers":{"web":{"ports":[80,{"tls":false},81]}},"n":1}' dict dump tree
}
check "load --nested" nested

# ---- list ---------------------------------------------------------------------------------------------------------
check "list len creates nothing" fails 3 "does not exist" list len l
check "list set creates nothing" fails 3 "does not exist" list set l 0 x
check "list append creates" json list append l 1 two '[3]' -- '{"name":"l","appended":3,"created":true}'
check "list append one" json list append l -4 -- '{"name":"l","appended":1,"created":false}'
check "list len" prints 4 list len l
check "list get" prints '"two"' list get l 1
check "list get --raw" prints two list get l 1 --raw
check "list get from the end" prints -4 list get l -1
check "in a document" json list get l -1 -- '{"name":"l","index":-1,"value":-4}'
check "beyond the end" fails 6 "out of bounds" list get l 4
check "before the beginning" fails 6 "out of bounds" list get l -5
check "no index" fails 2 "invalid value 'x'" list get l x
check "list set" exits 0 list set l -2 3
check "list set beyond" fails 6 "out of bounds" list set l 9 3
check "list insert" exits 0 list insert l 0 zero
check "list insert beyond the end" exits 0 list insert l 100 end
check "list dump" prints '["zero",1,"two",3,-4,"end"]' list dump l
check "list pop" prints '"end"' list pop l
check "list pop INDEX" prints zero list pop l 0 --raw
check "list pop in a document" json list pop l -1 -- '{"name":"l","index":-1,"value":-4}'
check "list del" exits 0 list del l 1
check "list del beyond" fails 6 "out of bounds" list del l 2
check "what is left" prints '[1,3]' list dump l
check "list clear" exits 0 list clear l
check "list pop of nothing" fails 6 "out of bounds" list pop l
check "--existing of nothing" fails 3 "does not exist" list append none 1 --existing
check "list insert creates" exits 0 list insert inserted 0 x
check "no value" fails 2 "required" list append l
# slices "ARGUMENTS" ELEMENT...
slices() {
    local arguments=$1
    shift
    # shellcheck disable=SC2086 # words
    same "$(mproc list slice s $arguments | tr '\n' ' ')" "${*:+$* }"
}
check "ten" exits 0 list append s 0 1 2 3 4 5 6 7 8 9
check "all" slices "" 0 1 2 3 4 5 6 7 8 9
check "[7:]" slices 7 7 8 9
check "[-3:]" slices -3 7 8 9
check "[2:5]" slices "2 5" 2 3 4
check "[:-8]" slices "0 -8" 0 1
check "[5:2]" slices "5 2"
check "[8:20]" slices "8 20" 8 9
check "[-20:2]" slices "-20 2" 0 1
check "[::4]" slices "--step 4" 0 4 8
check "[::-3]" slices "--step -3" 9 6 3 0
check "[5:1:-2]" slices "5 1 --step -2" 5 3
check "[1:5:-1]" slices "1 5 --step -1"
check "no step" fails 2 "it cannot be 0" list slice s --step 0
check "in a document" json list slice s 0 2 -- '{"name":"s","elements":[0,1]}'
check "list reverse" exits 0 list reverse s
check "reversed" slices "0 3" 9 8 7
check "list sort" exits 0 list sort s
check "sorted" slices "0 3" 0 1 2
check "list sort --descending" exits 0 list sort s --descending
check "the largest first" slices "0 3" 9 8 7
check "numbers and strings" exits 0 list append s word
check "have no order" fails 6 "s: " list sort s
check "and stay as they were" slices "0 2" 9 8
check "strings" exits 0 list append words b a c
check "sort strings" exits 0 list sort words
check "slice --raw" prints 'a
b
c' list slice words --raw
loads_list() { printf '%s' "$1" | mproc list load "$2" "${@:3}"; }
check "list load creates" loads_list '[1, {"a": 2}]' ll
check "list load appends" loads_list '[3]' ll
check "list load: appended" prints '[1,{"a":2},3]' list dump ll
check "list load --replace" loads_list '[4, [5]]' ll --replace
check "list load --replace: replaced" prints '[4,[5]]' list dump ll
check "list load --nested" loads_list '[6, [7]]' ll --nested --replace
check "list load --nested: a list of its own" exits 0 list append ll 8 --in 1
check "list load --nested: in it" prints '[6,[7,8]]' list dump ll
check "list load: no list" eval '! loads_list "{}" ll 2>"$work/err" && grep -q "not a list" "$work/err"'
together() { # values that were appended together stay together
    local i pids=()
    for i in $(seq 10); do
        mproc list append groups "$i" "$i" "$i" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i" || return 1
    done
    same "$(mproc list slice groups | uniq -c | awk '{ print $1 }' | sort -u)" 3 && prints 30 list len groups
}
check "10 that append three at the same time" together

# ---- namespace ----------------------------------------------------------------------------------------------------
check "ns get creates nothing" fails 3 "does not exist" ns get n a
check "ns set creates" json ns set n theme dark -- '{"name":"n","attribute":"theme","created":true}'
check "ns set" exits 0 ns set n sizes '[12, 14]'
check "ns get" prints '"dark"' ns get n theme
check "ns get --raw" prints dark ns get n theme --raw
check "in a document" json ns get n sizes -- '{"name":"n","attribute":"sizes","value":[12,14]}'
check "ns get of nothing" fails 3 "n: " ns get n nothing
check "a name that begins with _" fails 6 "n: " ns set n _private 1
check "ns dump" prints '{"theme":"dark","sizes":[12,14]}' ns dump n
check "namespace is ns" prints '"dark"' namespace get n theme
check "ns del" exits 0 ns del n theme
check "ns del of nothing" fails 3 "n: " ns del n theme
check "a namespace is no dict" fails 6 "n: the object is a namespace, not a dict" dict len n

# ---- limits -------------------------------------------------------------------------------------------------------
check "--limit" exits 0 dict set small a 1 --limit 1M
fill() { # until there is no room: what is inside stays
    local i status=0 text
    text=$(head -c 100000 /dev/zero | tr '\0' x)
    for i in $(seq 20); do
        mproc dict set small "k$i" "$text" 2>"$work/err" || { status=$?; break; }
    done
    same $status 9 && grep -q 'small: full: ' "$work/err" || { cat "$work/err"; return 1; }
    prints 1 dict get small a && same "$(mproc dict len small)" "$i" || return 1
    same "$(mproc dict get small "k$((i - 1))" --raw | wc -c)" 100001 || return 1
    mproc dict del small k1 && mproc dict set small again "$text"
}
check "full" fill
check "no such limit" fails 2 "not a number of bytes" dict set x a 1 --limit 1X
check "too small a limit" fails 6 "x: " dict set x a 1 --limit 1

# ---- looking at them ----------------------------------------------------------------------------------------------
# shellcheck disable=SC2046 # flags are words
"$CC" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror tests/tool/stage.c -o "$work/stage" \
    $("$PKG_CONFIG" --cflags --libs mproc) -pthread
give_life
check "for a program to find" exits 0 dict set config host example.net
start "$work/stage" dict
actor=$started
me="pid $actor \(stage\)"
# Every byte and everything else that looking could change.
picture() {
    (cd "$1" && find . -printf '%p %i %m %s %b %n %T@\n' && find . -type f -exec cksum {} +) | LC_ALL=C sort
}
# eventually PATTERN ARGUMENTS...: until it says that: on a busy machine that may take a few looks.
eventually() {
    local pattern=$1 tries=0
    shift
    until exits 0 "$@" && says "$pattern"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "never '$pattern'"; return 1; }
        sleep 0.1
    done
}
check "what a program has set" prints '"example.org"' dict get site host
check "in a list of its" prints 80 list get site 0 --in ports
check "what it finds is what was set here" same "$("$work/stage" get=config </dev/null | head -n 1)" example.net
check "ls" exits 0 ls
check "ls: a dict" says "^site +dict +2 entries, [0-9]+ KiB of 16 MiB +[0-9]+ KiB +1$"
check "ls: a list" says "^s +list +11 entries, [0-9]+ KiB of 1 GiB +[0-9]+ KiB +0  unused$"
check "ls: a namespace" says "^n +namespace +1 entry, [0-9]+ KiB of 1 GiB +[0-9]+ KiB +0  unused$"
check "ls: nothing is damaged" says_not damaged
check "ls --kind" exits 0 ls --kind dict,list,namespace
check "ls --kind: no others" says_not '^v '
check "ls --sort items" exits 0 ls --kind dict --sort items
check "ls --sort items: the fullest" same "$(sed -n '2s/ .*//p' "$work/out")" large
check "ls --json" exits 0 ls --json
tr -s ' \n' ' ' <"$work/out" >"$work/flat" && mv "$work/flat" "$work/out"
check "ls --json: a dict" says '"name": "site", "kind": "dict", [^{]*"items": 2,'
check "ls --json: its memory" says '"items": 2, "used_bytes": [0-9]+, "capacity_bytes": 16777216'
picture "$MPROC_DOMAIN" >"$work/before"
check "inspect" exits 0 inspect site
check "inspect: entries" says '^entries +2$'
check "inspect: limit" says '^limit +16 MiB$'
check "inspect: memory" says '^committed +[0-9]+ KiB$'
check "inspect: blocks" says '^used +[0-9.]+ (B|KiB) in [0-9]+ blocks$'
check "inspect: containers" says '^containers +2$'
check "inspect: nothing is half done" says '^journal +nothing is half done$'
check "inspect: the lock" says '^lock +free$'
check "inspect: who has a handle" says "^ *1  list +$me$"
check "ps" exits 0 ps
check "ps: who has a handle" says "^ +.* $actor .*handle of site"
check "top" exits 0 top --count 1 --interval 0.05
check "top: a dict" says '^site +dict +- +- +2  #\.+ '
inspects() { # NAME...
    local name
    for name in "$@"; do
        exits 0 inspect "$name" || return 1
    done
}
check "inspect of all" inspects d log large config tree l s n small
picture "$MPROC_DOMAIN" >"$work/after"
check "looking changed no byte, name or time" diff "$work/before" "$work/after"
same_as_library() { # what the tool counts, and what the library counts under the lock
    local looked dict=$1 words='"used_bytes":\([0-9]*\),"blocks":\([0-9]*\),"containers":\([0-9]*\),'
    exits 0 inspect --json "$dict" || return 1
    looked=$(tr -d ' \n' <"$work/out" | sed "s/.*$words.*/\\1 \\2 \\3/")
    same "$looked" "$("$work/stage" "info=$dict" </dev/null | head -n 1)"
}
check "large: as the library counts" same_as_library large
check "small: as the library counts" same_as_library small
check "site: as the library counts" same_as_library site

start "$work/stage" churn
churn=$started
check "busy: ls" exits 0 ls
check "busy: ls: nothing is damaged" says_not damaged
check "busy: a living one changes it" eventually "^lock +held by pid $churn \(stage\)" inspect churn
check "busy: entries" eventually '^churn +dict +([2-9]|1[01]) entries' ls
# shellcheck disable=SC2046 # words
check "busy: inspect, again and again" inspects $(yes churn | head -n 30)
kill -STOP "$churn"
check "stopped: inspect" exits 0 inspect churn
kill -CONT "$churn"
end "$churn"
end "$actor"
check "dead: ls" exits 0 ls
check "dead: ls: to be swept" says '^site +dict .* \(unused, to be swept\)$|^site +dict .*  unused, to be swept$'
check "dead: inspect: who had a handle" exits 0 inspect site
check "dead: inspect: is dead" says "^ *1  list +$me, dead$"
check "gc removes it" exits 0 gc -v
check "gc: says so" says '^removed +site +dict '
check "gc: what is persistent stays" says '^kept +d +dict .*  it is persistent: mproc rm d$'

killed() { # again and again, wherever it is: it can be looked at as it was left, and used
    local i
    mproc dict set churn 0 stays --json-key --limit 16M || return 1
    for i in $(seq 10); do
        start "$work/stage" churn
        sleep "0.0$((i % 5))1"
        end "$started"
        exits 0 inspect churn || return 1
        same "$(mproc dict get churn 0 --json-key)" '"stays"' || return 1
        exits 0 inspect churn && says '^lock +free$' && says '^journal +nothing is half done$' || return 1
    done
}
check "killed while it changes something" killed
check "what it left is used by nobody" says '^in use +by nobody$'
check "what the tool counts is right after all that" same_as_library churn

# Damage, in copies that can be spared.
damage() { printf "$3" | dd of="$MPROC_DOMAIN/$1" bs=1 seek="$2" conv=notrunc status=none; }
damage tree 520 '\040'
check "half done: ls" exits 0 ls
check "half done: ls: told" says '^tree +dict .* a change is half done: whoever comes next takes it back'
check "half done: inspect" exits 0 inspect tree
check "half done: inspect: told" says '^journal +half done, 32 B to take it back$'
damage tree 520 '\000'
check "as it was" prints '{"servers":{"web":{"ports":[80,{"tls":false},81]}},"n":1}' dict dump tree
damage tree 576 '\377\377\377\377'
check "damage: the root" exits 11 inspect tree
check "damage: the root: told" says '^state +damaged: the root is no container$'
damage log 647 '\377'
check "damage: the table" exits 11 inspect log
check "damage: the table: told" says "^state +damaged: the heap's table makes no sense$"
damage log 64 '\001'
check "damage: found by somebody" fails 11 "log: " dict len log
damage l 192 '\000\000\000\000'
check "damage: the limit" exits 11 inspect l
check "damage: the limit: told" says '^state +damaged: impossible parameters of an arena$'
check "damage: ls" exits 0 ls
check "damage: top" exits 0 top --count 1 --interval 0.05
check "rm" exits 0 rm tree log l d -v
check "rm: of each kind" says '^removed list l$'

# ---- a terminal ---------------------------------------------------------------------------------------------------
if command -v script >/dev/null 2>&1; then
    # terminal COMMAND: with a terminal as standard output.
    terminal() { TERM=xterm timeout -k 5 60 script -qec "stty cols 60 rows 8; exec $1" /dev/null >"$work/out" 2>&1; }
    check "terminal: dump" terminal "$tool ns dump n"
    check "terminal: dump: over several lines" says '^  "sizes": \['
    check "terminal: an odd string" exits 0 ns set n odd $'a\033[31mb'
    check "terminal: --raw" terminal "$tool ns get n odd --raw"
    check "terminal: --raw: nothing that it would obey" says '^a\\x1b\[31mb'
fi

# What there is to see is in the directory; what there was to do is done.
rm -rf "$MPROC_DOMAIN"
tally
