#include "agreed.h"
#include "cases.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A type, numbers that are easily spoiled on the way, and operations with their operands. */
static const struct scalar {
    const char *type;
    const char *bits[6];
    const char *operations[8];
} scalars[] = {
    {"i8", {"0", "7f", "80", "ff", "a5"}, {"add 7f", "sub 1", "min fe", "max 3", "and f1", "or 82", "xor ff"}},
    {"u8", {"0", "7f", "80", "ff"}, {"add ff", "sub 3", "min f0", "max 81", "and 7e", "or 81", "xor aa"}},
    {"i16", {"0", "7fff", "8000", "ffff"}, {"add 7fff", "sub ffff", "min fffe", "max 3", "and f0f1", "or 8002", "xor ffff"}},
    {"u16", {"0", "7fff", "8000", "ffff"}, {"add ffff", "sub 3", "min fff0", "max 8001", "and 7eee", "or 8001", "xor aaaa"}},
    {"i32", {"0", "7fffffff", "80000000", "ffffffff"},
     {"add 7fffffff", "sub ffffffff", "min fffffffe", "max 3", "and f0f0f0f1", "or 80000002", "xor ffffffff"}},
    {"u32", {"0", "7fffffff", "80000000", "ffffffff"},
     {"add ffffffff", "sub 3", "min fffffff0", "max 80000001", "and 7eeeeeee", "or 80000001", "xor aaaaaaaa"}},
    {"i64", {"0", "7fffffffffffffff", "8000000000000000", "ffffffffffffffff", "123456789abcdef"},
     {"add 7fffffffffffffff", "sub ffffffffffffffff", "min fffffffffffffffe", "max 3", "and f0f0f0f0f0f0f0f1",
      "or 8000000000000002", "xor ffffffffffffffff"}},
    {"u64", {"0", "7fffffffffffffff", "8000000000000000", "ffffffffffffffff", "fedcba9876543210"},
     {"add ffffffffffffffff", "sub 3", "min fffffffffffffff0", "max 8000000000000001", "and 7eeeeeeeeeeeeeee",
      "or 8000000000000001", "xor aaaaaaaaaaaaaaaa"}},
    /* -0.0, the smallest denormal, infinity, a NaN with a payload, pi */
    {"f32", {"80000000", "1", "7f800000", "7fc01234", "40490fdb"}, {"add 3f800000", "sub 40000000", "min c0400000", "max 3f000000"}},
    {"f64", {"8000000000000000", "1", "fff0000000000000", "7ff8000012345678", "400921fb54442d18"},
     {"add 3ff0000000000000", "sub 4000000000000000", "min c008000000000000", "max 3fe0000000000000"}},
    {"char8", {"0", "41", "ff"}, {"add 1", "sub 43", "min f0", "max 80"}},
    {"char32", {"0", "1f600", "ffffffff"}, {"add 1", "sub 10", "min fffffff0", "max 80000000"}},
    {"bool", {"0", "1"}, {"or 1", "and 1", "xor 1", "xor 1", "and 0"}},
};
enum { SCALARS = sizeof scalars / sizeof scalars[0] };

/* From the same start, A's way and B's way have to give the same number before and to come to the same one. */
static void same_operation(worker_t *a, worker_t *b, const char *from, const char *operation) {
    char before[2][80], after[2][80];
    worker_t *const both[2] = {a, b};
    int i;
    for (i = 0; i < 2; i++) {
        ask(a, "ok", "value store %s", from);
        ask_text(both[i], before[i], "value fetch %s", operation);
        ask_text(b, after[i], "value load");
    }
    check_numbers(strcmp(before[0], before[1]) == 0 && strcmp(before[0], from) == 0, "%s of %s: %s and %s", operation, from,
                  before[0], before[1]);
    check_numbers(strcmp(after[0], after[1]) == 0, "%s of %s: %s and %s", operation, from, after[0], after[1]);
}

/* What one stores the other loads, bit for bit; and an operation does the same in both languages. */
static void numbers(worker_t *a, worker_t *b, const char *tag) {
    int i, j, k;
    for (i = 0; i < SCALARS; i++) {
        const struct scalar *s = &scalars[i];
        ask(a, "ok", "value create number-%s-%s %s", s->type, tag, s->type);
        ask(b, "ok", "value open number-%s-%s %s", s->type, tag, s->type);
        for (j = 0; j < 6 && s->bits[j] != NULL; j++) {
            ask(a, "ok", "value store %s", s->bits[j]);
            ask(b, s->bits[j], "value load");
        }
        for (j = 0; j < 6 && s->bits[j] != NULL; j++) {
            ask(b, "ok", "value store %s", s->bits[j]);
            ask(a, s->bits[j], "value load");
        }
        for (j = 0; j < 6 && s->bits[j] != NULL; j++) {
            for (k = 0; k < 8 && s->operations[k] != NULL; k++) {
                same_operation(a, b, s->bits[j], s->operations[k]);
            }
        }
        ask(a, "ok", "value close");
        ask(b, "ok", "value close");
    }
}

/* Both add at the same time, and every addition counts. Integers wrap around. */
static void additions(worker_t *a, worker_t *b, const char *tag) {
    static const struct {
        const char *type, *a, *b, *sum; /* bits of what A and B add 20,000 times, and of the sum */
    } ways[] = {
        {"i8", "3", "fe", "20"},                                                  /* 3, -2: 20,000 */
        {"u16", "3", "5", "7100"},                                                /* 160,000 */
        {"i32", "3", "fffffff9", "fffec780"},                                     /* 3, -7: -80,000 */
        {"u64", "100000001", "3", "4e2000013880"},                                /* 2^32 + 1, 3 */
        {"f32", "3f800000", "40000000", "476a6000"},                              /* 1, 2: 60,000 */
        {"f64", "3fe0000000000000", "c008000000000000", "c0e86a0000000000"},      /* 0.5, -3: -50,000 */
    };
    size_t i;
    for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const char *type = ways[i].type;
        ask(a, "ok", "value create sum-%s-%s %s", type, tag, type);
        ask(b, "ok", "value open sum-%s-%s %s", type, tag, type);
        tell(a, "value add gate-%s-%s 20000 %s", type, tag, ways[i].a);
        tell(b, "value add gate-%s-%s 20000 %s", type, tag, ways[i].b);
        expect(a, "ok");
        expect(b, "ok");
        ask(a, ways[i].sum, "value load");
        ask(b, ways[i].sum, "value load");
        ask(a, "ok", "value close");
        ask(b, "ok", "value close");
    }
}

/* A struct with every kind of field, its layout agreed by a schema. */
static void records(worker_t *a, worker_t *b, const char *tag) {
    int n;
    ask(a, "ok", "record create record-%s agreed", tag);
    ask(b, "error type", "record open record-%s other", tag);
    ask(b, "ok", "record open record-%s none", tag);
    ask(b, "ok", "record open record-%s agreed", tag);
    for (n = 0; n < 40; n++) {
        record_t r = agreed_record(n);
        uint64_t ratio;
        uint32_t weight[2];
        char wanted[160];
        memcpy(&ratio, &r.ratio, sizeof ratio);
        memcpy(weight, r.weight, sizeof weight);
        snprintf(wanted, sizeof wanted, "%" PRId64 " %" PRIx64 " %" PRIu32 " %d %d %d %.8s %" PRIx32 " %" PRIx32, r.id, ratio,
                 r.count, r.level, r.on, r.code, r.tag, weight[0], weight[1]);
        ask(n % 2 ? a : b, wanted, "record store %d", n);
        ask(n % 2 ? b : a, wanted, "record load");
    }
    ask(a, "error type", "value open record-%s i64", tag);
    ask(b, "error type", "value open record-%s f32", tag);
    ask(b, "error kind", "array open record-%s i32 any", tag);
    ask(b, "error notfound", "value open no-record-%s i32", tag);
}

/* A is killed while it stores: what B loads is whole, as new as what A's stores had returned for, and B's own
 * stores go on. */
static void killed_writer(worker_t *b, const pair_t *p) {
    worker_t *creator = start(p->a);
    uint64_t last, next = 0, done, steals, rollbacks;
    int round;
    ask(creator, "ok", "block create block-%s done-%s", p->tag, p->tag);
    ask(b, "ok", "block open block-%s done-%s", p->tag, p->tag);
    quit(creator);
    for (round = 0; round < 10; round++) {
        worker_t *a = start(p->a);
        ask(a, "ok", "block open block-%s done-%s", p->tag, p->tag);
        ask(a, "started", "block storm");
        tell(b, "block check 300");
        random_pause(3000);
        worker_kill(a);
        expect_numbers(b, "ok", &last, &done);
        ask_numbers(b, "ok", &last, &done, "block check 1");
        check_numbers(done > next && (last == done || last == done + 1), "serial %llu, but stores had returned up to %llu",
                      (unsigned long long)last, (unsigned long long)done);
        ask(b, "ok", "block store");
        ask_numbers(b, "ok", &next, &done, "block check 1");
        check_numbers(next == last + 1 && done == next, "serial %llu after %llu", (unsigned long long)next,
                      (unsigned long long)last);
    }
    ask_numbers(b, "", &steals, &rollbacks, "block info");
    seen.steals += (long)steals;
}

void case_value(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b);
    numbers(a, b, p->tag);
    additions(a, b, p->tag);
    records(a, b, p->tag);
    quit(a);
    killed_writer(b, p);
    quit(b);
}
