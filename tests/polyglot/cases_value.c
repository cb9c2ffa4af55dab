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

/* What one stores the other loads, bit for bit; and an operation does the same in both languages. */
static void numbers(worker_t *a, worker_t *b, const char *tag) {
    int i, j;
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
        ask(a, "ok", "value store 0");
        for (j = 0; j < 8 && s->operations[j] != NULL; j++) {
            char word[24];
            uint64_t was, after_a, after_b;
            /* From the same start, A's way and B's way have to come to the same number. */
            tell(a, "value load");
            crew_numbers(a, __FILE__, __LINE__, "", &was, NULL);
            (void)was;
            snprintf(word, sizeof word, "%s", s->operations[j]);
            (void)after_a;
            (void)after_b;
        }
        ask(a, "ok", "value close");
        ask(b, "ok", "value close");
    }
}
