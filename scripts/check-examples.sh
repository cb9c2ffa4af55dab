#!/usr/bin/env bash
# Runs the examples of all three languages and compares what they print with what they promise.
set -u
cd "$(dirname "$0")/.."
. scripts/stage-env.sh
: "${GO:=go}"
passed=0 failed=0
bin=$PWD/target/examples

# Examples that use the default domain would leave its registry behind.
export MPROC_DOMAIN=/dev/shm/mproc-examples-$$
trap 'rm -rf "$MPROC_DOMAIN"' EXIT

expected() {
    case $1 in
    value_and_array) printf '3.1415927\n[0, -1, -2, -3, -4, -5, -6, -7, -8, -9]\n' ;;
    queue_worker) printf 'Received from worker: Data from worker\n' ;;
    spawn_worker) printf 'Received from worker: Hello from the spawned worker\nTotal after worker: 42\n' ;;
    pipe_worker) printf 'Received from worker: Data from worker\n' ;;
    shared_buffer) printf '3000 numbers went through a buffer of 10, their sum is 4498500\n' ;;
    video_frames) printf '8 frames of 6220800 bytes, all intact\n' ;;
    job_pool) printf '200 jobs done, 5 workers killed\n' ;;
    value_add) printf 'Shared value after worker modification: 10\n' ;;
    array_add) printf 'Shared array after worker modification: [1, 1, 1, 1, 1]\n' ;;
    # The first number is a race: any from 1 to 100.
    race_counter) printf 'Unsafe final value: N\nSafe final value: 100\n' ;;
    glider) printf '48 generations by 3 processes: the glider is back\n' ;;
    increments) printf 'Incremented to %d\n' 1 2 3 4 5 && printf 'Final shared number: 5\n' ;;
    bounded_buffer) printf '300 numbers through a buffer of 10, their sum is 45150\n' ;;
    parallel_steps) printf '5 steps done\n10 steps done\nThe numbers: 147621 147622 147623 147624\n' ;;
    pool_limit) printf '9 done, 1 killed, never more than 3 at a time, 1 permit came back\n' ;;
    select_queues) printf '4000 messages came through 100 queues\n' ;;
    word_count) printf 'lines [1 2 3 4]: 16 words, 8 different, most often "fish": 8\n' ;;
    shared_dict)
        printf '2 of 3 workers have finished, 102 apples are new\n'
        printf '{"apples":102,"reports":["done","done","done"],"pears":99,"nuts":99}\n'
        ;;
    stop_event) printf '3 workers have worked until they were stopped\n' ;;
    worker_pool) printf '100 jobs done, the squares add up to 328350\n3 workers have stopped\n' ;;
    word_index)
        printf '4 texts, 24 words, 9 of them different\n'
        printf 'sea stands 4 times: [["harbour",2],["harbour",5],["night",6],["storm",2]]\n'
        printf 'ship stands 3 times: [["harbour",6],["night",2],["storm",6]]\n'
        printf 'The counts as JSON: {"a":1,"and":1,"at":1,"over":1,"quiet":2,"sea":4,"ship":3,"the":9,"wind":2}\n'
        ;;
    epoll_loop)
        printf '300 readings, their sum is 45150\n200 lines\n10 requests answered\nThe timer ticked\n'
        ;;
    wait_many)
        printf '100 results, their sum is 5050\nProgress: 5 of 5\nThe button was pressed\n'
        printf '1 killed, its lock has come to us\n'
        ;;
    manager_dict_list) printf "{1: '1', '2': 2, 0.25: None}\n[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]\n" ;;
    manager_list) printf "Shared list after worker modification: ['Data from worker']\n" ;;
    manager_procedure)
        printf '2 of 3 workers have finished; text is refused: yes\n'
        printf '{"count":300,"least":0,"most":299,"mean":149.5}\n'
        ;;
    manager_two_machines | two_machines)
        printf 'server: ready\nclient: 10 jobs done, by requests\n'
        printf 'server: the squares are 0 1 4 9 16 25 36 49 64 81\n'
        ;;
    named_writer) printf 'wrote 42\n' ;;
    named_reader) printf 'read 42\n' ;;
    *) return 1 ;;
    esac
}

# check LANGUAGE NAME COMMAND...
check() {
    local language=$1 name=$2 want seen status
    shift 2
    if ! want=$(expected "$name"); then
        echo "failed: $language $name: scripts/check-examples.sh does not know what it prints"
        failed=$((failed + 1))
        return
    fi
    seen=$(timeout -k 5 60 "$@" 2>&1)
    status=$?
    # Its first line says where.
    [ "$name" != two_machines ] || { where=${seen%%$'\n'*} && seen=${seen#*$'\n'}; }
    [ "$name" != race_counter ] || seen=$(sed -E 's/^(Unsafe final value: )([1-9][0-9]?|100)$/\1N/' <<<"$seen")
    if [ $status -eq 0 ] && [ "$seen" = "$want" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'failed: %s %s (exit %d)\n-- expected\n%s\n-- printed\n%s\n' "$language" "$name" $status "$want" "$seen"
    fi
}

# The reader needs a writer before it, hence the pair is run at the end, in every pairing of languages.
for source in examples-c/*.c bindings/cpp/examples/*.cpp; do
    name=$(basename "${source%.*}")
    case $source in *.c) language=c ;; *) language=cpp ;; esac
    case $name in named_*) continue ;; esac
    check $language "$name" "$bin/$language/$name"
done
if (cd bindings/go && mkdir -p "$bin/go" && "$GO" build -buildvcs=false -o "$bin/go/" ./examples/...); then
    for dir in bindings/go/examples/*/; do
        name=$(basename "$dir")
        case $name in named_*) continue ;; esac
        check go "$name" "$bin/go/$name"
    done
else
    echo "failed: the Go examples do not build"
    failed=$((failed + 1))
fi
for writer in "$bin"/*/named_writer; do
    for reader in "$bin"/*/named_reader; do
        check "$(basename "$(dirname "$writer")")" named_writer "$writer"
        check "$(basename "$(dirname "$reader")")" named_reader "$reader"
    done
done
# A server and a client, in every pairing of languages, on two machines if that can be had.
for server in "$bin"/*/manager_two_machines; do
    for client in "$bin"/*/manager_two_machines; do
        check "$(basename "$(dirname "$server")")" two_machines scripts/two-machines.sh "$server" "$client"
    done
done
echo "NOTE: manager_two_machines has run $where"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
