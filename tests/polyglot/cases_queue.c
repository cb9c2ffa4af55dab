#include "cases.h"

#include <inttypes.h>
#include <stdio.h>

/* Much more than the queue holds goes through it, one by one and in batches: everybody has to wait for room and
 * for messages, and everything arrives in order. */
static void streams(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "queue create stream-%s 16384", tag);
    ask(b, "error exists", "queue create stream-%s 16384", tag);
    ask(b, "ok", "queue open stream-%s 16384", tag);
    tell(b, "queue get 0 1000 -1 1");
    tell(a, "queue put 0 1000 -1 1");
    expect(a, "ok 1000");
    expect(b, "ok 1000");
    tell(a, "queue put 1000 1000 -1 7");
    tell(b, "queue get 1000 1000 -1 1");
    expect(a, "ok 2000");
    expect(b, "ok 2000");
    tell(a, "queue put 2000 1000 5000 1");
    tell(b, "queue get 2000 1000 5000 5");
    expect(a, "ok 3000");
    expect(b, "ok 3000");
    /* And back. */
    tell(b, "queue put 0 500 -1 16");
    tell(a, "queue get 0 500 -1 16");
    expect(b, "ok 500");
    expect(a, "ok 500");
    ask(a, "0", "queue size");
    ask(b, "error timeout 7", "queue get 7 1 0 1");
    ask(b, "error type", "queue open stream-%s 65536", tag);
    ask(b, "error kind", "value open stream-%s i32", tag);
}

/* How A is killed: while it puts one by one, in batches or in place, while B empties the queue or not. */
static const struct way {
    int batch; /* 0: in place */
    bool emptied;
    unsigned pause_us, bytes;
} ways[] = {
    {1, false, 1500, 8 << 20}, /* in the middle of puts */
    {1, true, 3000, 1 << 15},  /* also while it waits for room */
    {16, false, 1500, 8 << 20},
    {16, true, 3000, 1 << 15},
    {1, false, 3000, 1 << 15}, /* the queue is full, and stays so */
    {0, false, 1500, 8 << 20}, /* in place: also between reservation and commit */
    {0, true, 3000, 1 << 15},
};

/* A is killed in the middle of puts. What it knew to be put is there, without gap or double; at most the put (or
 * the batch) that was under way is there as well or in part. B takes it all, and the queue goes on. */
static void killed_producer(worker_t *b, const pair_t *p, int number) {
    const struct way *way = &ways[number];
    uint64_t next = 0, done, steals, none, under_way = way->batch > 1 ? (uint64_t)way->batch : 1;
    char name[32];
    int round;
    worker_t *reader;
    snprintf(name, sizeof name, "puts-%d-%s", number, p->tag);
    ask(b, "ok", "queue create %s %u", name, way->bytes);
    ask(b, "ok", "value create done-%s u64", name);
    reader = start(p->other);
    ask(reader, "ok", "value open done-%s u64", name);
    for (round = 0; round < 3; round++) {
        char answer[80];
        uint64_t begin = next;
        worker_t *a = start(p->a);
        ask(reader, "ok", "value store %" PRIx64, next);
        ask(a, "ok", "queue open %s %u", name, way->bytes);
        ask(a, "started", "queue storm %" PRIu64 " done-%s %d", next, name, way->batch);
        if (way->emptied) {
            tell(b, "queue get %" PRIu64 " 1000000000 30 1", next);
        }
        random_pause(way->pause_us);
        worker_kill(a);
        ask_text(reader, answer, "value load");
        check(sscanf(answer, "%" SCNx64, &done) == 1);
        if (way->emptied) {
            expect_numbers(b, "error timeout", &next, NULL);
        }
        ask_numbers(b, "error timeout", &next, NULL, "queue get %" PRIu64 " 1000000000 0 1", next);
        check_numbers(done > begin && next >= done && next <= done + under_way,
                      "%" PRIu64 " arrived, puts had returned for %" PRIu64, next, done);
        ask(b, "0", "queue size");
    }
    ask(b, "ok 3", "queue put 0 3 0 1");
    ask(b, "ok 3", "queue get 0 3 0 1");
    ask_numbers(b, "", &steals, &none, "queue info");
    seen.steals += (long)steals;
    quit(reader);
}

/* B is killed while it waits for a message: A's messages go to another consumer, all of them. */
static void killed_waiting_consumer(worker_t *a, const pair_t *p) {
    worker_t *b = start(p->b), *other = start(p->other);
    ask(a, "ok", "queue create waiting-%s 65536", p->tag);
    ask(b, "ok", "queue open waiting-%s 65536", p->tag);
    ask(other, "ok", "queue open waiting-%s 65536", p->tag);
    tell(b, "queue get 0 100 -1 1");
    settle();
    expect_silence(b);
    worker_kill(b);
    ask(a, "ok 10", "queue put 0 10 -1 1");
    ask(other, "ok 10", "queue get 0 10 -1 1");
    /* The same with another one that waits already, behind B. */
    b = start(p->b);
    ask(b, "ok", "queue open waiting-%s 65536", p->tag);
    tell(b, "queue get 10 100 -1 1");
    settle();
    tell(other, "queue get 10 10 -1 1");
    settle();
    expect_silence(b);
    worker_kill(b);
    ask(a, "ok 20", "queue put 10 10 -1 4");
    expect(other, "ok 20");
    ask(a, "0", "queue size");
    quit(other);
}

/* B is killed in the middle of gets: at most the message that it was taking is lost, the next consumer gets all
 * others in order. */
static void killed_consumer(worker_t *a, const pair_t *p) {
    worker_t *other = start(p->other);
    uint64_t next = 0, put = 0, steals, none;
    int round;
    ask(a, "ok", "queue create gets-%s 8388608", p->tag);
    ask(other, "ok", "queue open gets-%s 8388608", p->tag);
    ask(other, "ok", "value create taken-%s u64", p->tag);
    for (round = 0; round < 4; round++) {
        char answer[80];
        uint64_t taken;
        worker_t *b = start(p->b);
        ask(b, "ok", "queue open gets-%s 8388608", p->tag);
        ask(other, "ok", "value store %" PRIx64, next);
        ask_numbers(a, "ok", &put, NULL, "queue put %" PRIu64 " 4000 -1 16", put);
        ask(b, "started", "queue devour %" PRIu64 " taken-%s", next, p->tag);
        random_pause(1500);
        worker_kill(b);
        ask_text(other, answer, "value load");
        check(sscanf(answer, "%" SCNx64, &taken) == 1 && taken > next);
        /* It checks that it begins with the first that B had not taken, or the one after. */
        ask_numbers(other, "error timeout", &next, NULL, "queue resume %" PRIu64, taken);
        check_numbers(next == put || (next + 1 == put && taken == next), "%" PRIu64 " of %" PRIu64, next, put);
        next = put;
    }
    ask_numbers(other, "", &steals, &none, "queue info");
    seen.steals += (long)steals;
    quit(other);
}

void case_queue(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b);
    size_t i;
    streams(a, b, p->tag);
    for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        killed_producer(b, p, (int)i);
    }
    quit(b);
    killed_waiting_consumer(a, p);
    killed_consumer(a, p);
    quit(a);
}
