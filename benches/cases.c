/* What is compared with what, and the targets. The order is that of the report. */
#include "sides.h"

#define LOWER(most) .goal = GOAL_AT_MOST, .target = (most)
#define HIGHER(least) .goal = GOAL_AT_LEAST, .target = (least)
#define PER_OP .metric = METRIC_NS, .unit = UNIT_NS
#define RATE .metric = METRIC_NS, .unit = UNIT_MOPS
#define BYTES_RATE .metric = METRIC_NS, .unit = UNIT_MBPS
#define MEAN_US .metric = METRIC_NS, .unit = UNIT_US

/* One thing done in one process, with one reference and no target: for looking at. */
#define PLAIN(id, what, our_side, their_side)                                                  \
    {                                                                                          \
        .title = what, .sides = {&our_side, &their_side}, .rows = {                            \
            {.name = id, .title = what, .reference = 1, PER_OP},                               \
        }                                                                                      \
    }

const struct bench_case bench_cases[] = {
    {.title = "lock + unlock, uncontended",
     .sides = {&ours_lock, &ref_mutex, &ref_mutex_robust, &ref_lock_word},
     .rows = {{.name = "lock.uncontended", .title = "lock + unlock, uncontended", .reference = 1, PER_OP, LOWER(1.1)},
              {.name = "lock.uncontended.robust", .title = "lock + unlock, uncontended", .reference = 2, PER_OP, LOWER(0.9)},
              {.name = "lock.uncontended.floor",
               .title = "lock + unlock, uncontended",
               .reference = 3,
               PER_OP,
               .note = "the reference is the least any lock can do, without a call"}}},
    {.title = "lock, two processes",
     .sides = {&ours_lock_contend, &ref_mutex_contend},
     .rows = {{.name = "lock.contended", .title = "lock, two processes at it", .reference = 1, RATE, HIGHER(1.3)},
              {.name = "lock.contended.share",
               .title = "... share of the slower process",
               .reference = 0,
               .metric = METRIC_SHARE,
               .unit = UNIT_SHARE,
               HIGHER(0.30),
               .note = "ratio: operations of the slower process to all; 0.5 is perfectly fair"}}},
    {.title = "lock, two processes, work between",
     .sides = {&ours_lock_contend_work, &ref_mutex_contend_work},
     .rows = {{.name = "lock.contended.work", .title = "lock, two processes, work between", .reference = 1, RATE},
              {.name = "lock.contended.work.share",
               .title = "... share of the slower process",
               .reference = 0,
               .metric = METRIC_SHARE,
               .unit = UNIT_SHARE}}},

    {.title = "atomic add",
     .sides = {&ours_add, &ref_add},
     .rows = {{.name = "value.add", .title = "value, atomic add", .reference = 1, PER_OP, LOWER(1.5)}}},
    PLAIN("value.get", "value, get_i64", ours_get, ref_load),
    PLAIN("value.set", "value, set_i64", ours_set, ref_store),
    PLAIN("value.load", "value, load 8 bytes", ours_load, ref_load),
    PLAIN("value.store", "value, store 8 bytes", ours_store, ref_store),
    PLAIN("snapshot.load", "snapshot struct, load 64 bytes", ours_snapshot_load, ref_structure_load),
    PLAIN("snapshot.store", "snapshot struct, store 64 bytes", ours_snapshot_store, ref_structure_store),
    PLAIN("array.get", "array, get", ours_array_get, ref_array_get),
    PLAIN("array.set", "array, set", ours_array_set, ref_array_set),
    PLAIN("array.read", "array, read 1 KiB", ours_array_read, ref_array_read),

    {.title = "queue, 64-byte messages, single",
#ifdef BENCH_NO_BOOST
     .sides = {&ours_queue, &ref_mqueue, &ref_ring},
     .rows = {{.name = "queue.single",
               .title = "queue, 64 bytes, put/get",
               .reference = 1,
               RATE,
               HIGHER(10),
               .note = "Boost is not installed (apt-get install libboost-dev); held against the POSIX queue instead"},
              {.name = "queue.single.ring", .title = "queue, 64 bytes, put/get", .reference = 2, RATE}}},
#else
     .sides = {&ours_queue, &ref_boost, &ref_mqueue, &ref_ring},
     .rows = {{.name = "queue.single", .title = "queue, 64 bytes, put/get", .reference = 1, RATE, HIGHER(3)},
              {.name = "queue.single.posix", .title = "queue, 64 bytes, put/get", .reference = 2, RATE},
              {.name = "queue.single.ring", .title = "queue, 64 bytes, put/get", .reference = 3, RATE}}},
#endif
    {.title = "queue, 64-byte messages, batches",
     .sides = {&ours_queue_batch, &ref_ring, &ref_ring_batch},
     .rows = {{.name = "queue.batch", .title = "queue, 64 bytes, batches of 32", .reference = 1, RATE, HIGHER(0.5)},
              {.name = "queue.batch.ring32", .title = "queue, 64 bytes, batches of 32", .reference = 2, RATE}}},
    {.title = "queue, put + get in one process",
#ifdef BENCH_NO_BOOST
     .sides = {&ours_queue_pair, &ref_mqueue_pair, &ref_ring_pair},
     .rows = {{.name = "queue.pair", .title = "queue, put + get, one process", .reference = 1, PER_OP},
#else
     .sides = {&ours_queue_pair, &ref_boost_pair, &ref_ring_pair},
     .rows = {{.name = "queue.pair", .title = "queue, put + get, one process", .reference = 1, PER_OP},
#endif
              {.name = "queue.pair.ring", .title = "queue, put + get, one process", .reference = 2, PER_OP}}},
    {.title = "queue, 1 KiB messages",
     .sides = {&ours_queue_1k, &ref_socket_1k, &ref_pipe_1k},
     .rows = {{.name = "queue.1k.socket", .title = "queue, messages of 1 KiB", .reference = 1, BYTES_RATE},
              {.name = "queue.1k.pipe", .title = "queue, messages of 1 KiB", .reference = 2, BYTES_RATE}}},
    {.title = "queue, 64 KiB messages",
     .sides = {&ours_queue_64k, &ref_socket_64k, &ref_pipe_64k},
     .rows = {{.name = "queue.64k.socket", .title = "queue, messages of 64 KiB", .reference = 1, BYTES_RATE},
              {.name = "queue.64k.pipe", .title = "queue, messages of 64 KiB", .reference = 2, BYTES_RATE}}},

    {.title = "hand-off, always sleeping",
     .sides = {&ours_hand_off, &ref_futex, &ref_socket_ping_pong},
     .rows = {{.name = "handoff.blocking", .title = "hand-off there and back, sleeping", .reference = 1, MEAN_US, LOWER(1.2)},
              {.name = "handoff.blocking.p50", .title = "... p50", .reference = 1, .metric = METRIC_P50, .unit = UNIT_US},
              {.name = "handoff.blocking.p99", .title = "... p99", .reference = 1, .metric = METRIC_P99, .unit = UNIT_US},
              {.name = "handoff.blocking.socket",
               .title = "hand-off there and back, sleeping",
               .reference = 2,
               MEAN_US}}},
    {.title = "hand-off, spinning",
     .sides = {&ours_hand_off_spinning, &ref_spin},
     .rows = {{.name = "handoff.spinning", .title = "hand-off there and back, spinning", .reference = 1, PER_OP},
              {.name = "handoff.spinning.p50", .title = "... p50", .reference = 1, .metric = METRIC_P50, .unit = UNIT_NS},
              {.name = "handoff.spinning.p99", .title = "... p99", .reference = 1, .metric = METRIC_P99, .unit = UNIT_NS}}},
};

const size_t bench_case_count = sizeof bench_cases / sizeof *bench_cases;
