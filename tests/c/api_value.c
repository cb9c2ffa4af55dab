/* The value: every type, atomics, structs with and without a pointer, its lock. */
#include "api_test.h"

#include "check.h"
#include "place.h"

#include <limits.h>

static enum place where;

static mproc_value_t *make(const char *name, int32_t type, uint32_t flags, size_t size, size_t align) {
    mproc_value_t *value = NULL;
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    options.type_code = type;
    options.flags = flags;
    options.elem_size = size;
    options.elem_align = align;
    NEED_OK(mproc_value_create(place_domain(where), name, &options, &value));
    return value;
}

typedef struct {
    int32_t type;
    int bits;
    int is_signed;
} integer_t;

static const integer_t integers[] = {
    {MPROC_TYPE_I8, 8, 1},   {MPROC_TYPE_U8, 8, 0},   {MPROC_TYPE_I16, 16, 1},   {MPROC_TYPE_U16, 16, 0},
    {MPROC_TYPE_I32, 32, 1}, {MPROC_TYPE_U32, 32, 0}, {MPROC_TYPE_I64, 64, 1},   {MPROC_TYPE_U64, 64, 0},
    {MPROC_TYPE_CHAR8, 8, 0}, {MPROC_TYPE_CHAR32, 32, 0}};
enum { INTEGERS = sizeof integers / sizeof *integers };

/* What C makes of a number in a variable of that type, extended to 64 bits. */
static int64_t cut(integer_t t, uint64_t number) {
    uint64_t mask = t.bits == 64 ? UINT64_MAX : ((uint64_t)1 << t.bits) - 1;
    number &= mask;
    if (t.is_signed && t.bits < 64 && (number >> (t.bits - 1)) != 0) {
        number |= ~mask;
    }
    return (int64_t)number;
}

static int less(integer_t t, int64_t a, int64_t b) {
    return t.is_signed ? a < b : (uint64_t)a < (uint64_t)b;
}

static int64_t reference(integer_t t, int32_t op, int64_t a, int64_t operand) {
    int64_t b = cut(t, (uint64_t)operand);
    switch (op) {
    case MPROC_OP_ADD: return cut(t, (uint64_t)a + (uint64_t)b);
    case MPROC_OP_SUB: return cut(t, (uint64_t)a - (uint64_t)b);
    case MPROC_OP_MIN: return less(t, a, b) ? a : b;
    case MPROC_OP_MAX: return less(t, a, b) ? b : a;
    case MPROC_OP_AND: return cut(t, (uint64_t)a & (uint64_t)b);
    case MPROC_OP_OR: return cut(t, (uint64_t)a | (uint64_t)b);
    default: return cut(t, (uint64_t)a ^ (uint64_t)b);
    }
}

/* Every operation with every pair of numbers at the edges, held against plain C. */
static void integer_operations(void) {
    static const int64_t numbers[] = {0,       1,         -1,       2,         100,       -100,     127,       128,
                                      255,     256,       32767,    32768,     65535,     65536,    INT_MAX,   INT_MIN,
                                      4294967295LL, 4294967296LL, INT64_MAX, INT64_MIN, 0x0123456789abcdefLL};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    int i, a, b, wrong, step = place_is_memory(where) ? 1 : 5; /* each is a request there */
    int32_t op;
    int64_t old = 0, seen = 0, start;

    for (i = 0; i < INTEGERS; i++) {
        integer_t t = integers[i];
        mproc_value_t *value = make(NULL, t.type, 0, 0, 0);
        wrong = 0;
        for (a = 0; a < NUMBERS; a += step) {
            start = cut(t, (uint64_t)numbers[a]);
            for (b = 0; b < NUMBERS; b += step) {
                for (op = MPROC_OP_ADD; op <= MPROC_OP_XOR; op++) {
                    wrong += mproc_value_set_i64(value, numbers[a]) != MPROC_OK;
                    wrong += mproc_value_fetch_i64(value, op, numbers[b], &old) != MPROC_OK || old != start;
                    wrong += mproc_value_get_i64(value, &seen) != MPROC_OK ||
                             seen != reference(t, op, start, numbers[b]);
                    if (wrong != 0) {
                        fprintf(stderr, "type %d op %d: %lld, %lld gives %lld\n", (int)t.type, (int)op,
                                (long long)numbers[a], (long long)numbers[b], (long long)seen);
                        CHECK(!"a wrong result");
                        goto next;
                    }
                }
            }
        }
        CHECK_INT(0, wrong);
    next:
        CHECK_OK(mproc_value_set_i64(value, 40));
        CHECK_OK(mproc_value_add(value, 5, &old));
        CHECK_INT(40, old);
        CHECK_OK(mproc_value_add(value, -3, NULL));
        CHECK_OK(mproc_value_get_i64(value, &seen));
        CHECK_INT(42, seen);
        CHECK_IS(MPROC_EINVAL, mproc_value_fetch_i64(value, 0, 1, &old));
        CHECK_IS(MPROC_EINVAL, mproc_value_fetch_i64(value, MPROC_OP_XOR + 1, 1, &old));
        CHECK_IS(MPROC_EINVAL, mproc_value_fetch_i64(value, INT32_MIN, 1, &old));
        CHECK_IS(MPROC_ENOTSUP, mproc_value_fetch_f64(value, MPROC_OP_ADD, 1.0, NULL));
        CHECK_IS(MPROC_ENOTSUP, mproc_value_set_f64(value, 1.0));
        mproc_value_close(value);
    }
}

/* Raw bytes in and out, exchange, compare-exchange and the pointer, for every scalar type. */
static void bytes_of_scalars(void) {
    int32_t type;
    for (type = MPROC_TYPE_I8; type <= MPROC_TYPE_BOOL; type++) {
        unsigned char first[8] = {1, 2, 3, 4, 5, 6, 7, 8}, second[8] = {0, 9, 9, 9, 9, 9, 9, 9}, out[8], seen[8];
        size_t size = 0;
        int swapped = -1;
        void *pointer = NULL;
        mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
        mproc_value_info_t info;
        mproc_value_t *value = NULL;

        CHECK_OK(mproc_type_size(type, &size));
        options.type_code = type;
        options.elem_size = size; /* may be said, must be right */
        options.initial = first;
        NEED_OK(mproc_value_create(place_domain(where), NULL, &options, &value));
        CHECK_OK(mproc_value_info(value, &info, sizeof info));
        CHECK_INT(type, info.type_code);
        CHECK_INT(size, info.elem_size);
        CHECK_INT(0, info.flags);

        memset(out, 0, sizeof out);
        CHECK_OK(mproc_value_load(value, out, size));
        CHECK(memcmp(out, first, size) == 0);
        CHECK_IS(MPROC_ETYPE, mproc_value_load(value, out, size + 1));
        CHECK_IS(MPROC_ETYPE, mproc_value_store(value, first, size - 1));
        CHECK_OK(mproc_value_store(value, second, size));
        CHECK_OK(mproc_value_exchange(value, first, out, size));
        CHECK(memcmp(out, second, size) == 0);
        CHECK_OK(mproc_value_exchange(value, first, NULL, size));

        CHECK_OK(mproc_value_compare_exchange(value, second, second, size, seen, &swapped));
        CHECK_INT(0, swapped);
        CHECK(memcmp(seen, first, size) == 0);
        CHECK_OK(mproc_value_compare_exchange(value, first, second, size, NULL, &swapped));
        CHECK_INT(1, swapped);
        CHECK_OK(mproc_value_load(value, out, size));
        CHECK(memcmp(out, second, size) == 0);
        CHECK_IS(MPROC_ETYPE, mproc_value_compare_exchange(value, first, second, size + 1, NULL, &swapped));
        CHECK_IS(MPROC_ETYPE, mproc_value_exchange(value, first, NULL, size + 1));

        if (place_is_memory(where)) {
            CHECK_OK(mproc_value_ptr(value, &pointer));
            CHECK_INT(0, (size_t)pointer % size);
            CHECK(memcmp(pointer, second, size) == 0);
            memcpy(pointer, first, size);
            CHECK_OK(mproc_value_load(value, out, size));
            CHECK(memcmp(out, first, size) == 0);
        } else {
            CHECK_IS(MPROC_ENOTSUP, mproc_value_ptr(value, &pointer));
            CHECK(pointer == NULL);
        }
        mproc_value_close(value);

        options.elem_size = size + 1;
        value = NULL;
        CHECK_IS(MPROC_EINVAL, mproc_value_create(place_domain(where), NULL, &options, &value));
        CHECK(value == NULL);
    }
}

static void bools(void) {
    mproc_value_t *value = make(NULL, MPROC_TYPE_BOOL, 0, 0, 0);
    unsigned char byte = 200;
    int64_t number = -1;

    CHECK_OK(mproc_value_store(value, &byte, 1)); /* whatever is stored becomes 0 or 1 */
    CHECK_OK(mproc_value_load(value, &byte, 1));
    CHECK_INT(1, byte);
    CHECK_OK(mproc_value_set_i64(value, 256));
    CHECK_OK(mproc_value_get_i64(value, &number));
    CHECK_INT(1, number);
    CHECK_OK(mproc_value_fetch_i64(value, MPROC_OP_AND, 2, &number)); /* logical: 1 and true */
    CHECK_INT(1, number);
    CHECK_OK(mproc_value_fetch_i64(value, MPROC_OP_XOR, 8, &number));
    CHECK_INT(1, number);
    CHECK_OK(mproc_value_fetch_i64(value, MPROC_OP_OR, 4, &number));
    CHECK_INT(0, number);
    CHECK_OK(mproc_value_get_i64(value, &number));
    CHECK_INT(1, number);
    CHECK_IS(MPROC_ENOTSUP, mproc_value_fetch_i64(value, MPROC_OP_ADD, 1, NULL));
    CHECK_IS(MPROC_ENOTSUP, mproc_value_fetch_i64(value, MPROC_OP_SUB, 1, NULL));
    CHECK_IS(MPROC_ENOTSUP, mproc_value_add(value, 1, NULL));
    CHECK_IS(MPROC_ENOTSUP, mproc_value_get_f64(value, &(double){0}));
    mproc_value_close(value);
}

static void floats(void) {
    static const int32_t types[] = {MPROC_TYPE_F32, MPROC_TYPE_F64};
    size_t i;
    for (i = 0; i < 2; i++) {
        mproc_value_t *value = make(NULL, types[i], 0, 0, 0);
        double number = -1;
        int64_t integer = 0;
        int32_t op;
        CHECK_OK(mproc_value_get_f64(value, &number));
        CHECK(number == 0.0);
        CHECK_OK(mproc_value_set_f64(value, 1.5));
        CHECK_OK(mproc_value_fetch_f64(value, MPROC_OP_ADD, 2.25, &number));
        CHECK(number == 1.5);
        CHECK_OK(mproc_value_fetch_f64(value, MPROC_OP_SUB, 0.25, &number));
        CHECK(number == 3.75);
        CHECK_OK(mproc_value_fetch_f64(value, MPROC_OP_MIN, -2.0, &number));
        CHECK(number == 3.5);
        CHECK_OK(mproc_value_fetch_f64(value, MPROC_OP_MAX, 8.0, &number));
        CHECK(number == -2.0);
        CHECK_OK(mproc_value_fetch_f64(value, MPROC_OP_MAX, 7.0, NULL));
        CHECK_OK(mproc_value_get_f64(value, &number));
        CHECK(number == 8.0);
        CHECK_OK(mproc_value_set_f64(value, 0.1));
        CHECK_OK(mproc_value_get_f64(value, &number));
        CHECK(number == (i == 0 ? (double)0.1f : 0.1));
        for (op = MPROC_OP_AND; op <= MPROC_OP_XOR; op++) {
            CHECK_IS(MPROC_ENOTSUP, mproc_value_fetch_f64(value, op, 1.0, NULL));
        }
        CHECK_IS(MPROC_EINVAL, mproc_value_fetch_f64(value, MPROC_OP_XOR + 1, 1.0, NULL));
        CHECK_IS(MPROC_ENOTSUP, mproc_value_fetch_i64(value, MPROC_OP_ADD, 1, NULL));
        CHECK_IS(MPROC_ENOTSUP, mproc_value_add(value, 1, NULL));
        CHECK_IS(MPROC_ENOTSUP, mproc_value_get_i64(value, &integer));
        CHECK_IS(MPROC_ENOTSUP, mproc_value_set_i64(value, 1));
        mproc_value_close(value);
    }
}

typedef struct {
    int32_t id;
    double x, y;
    char name[12];
} point_t;

/* No padding left to chance: compared and exchanged byte for byte. */
static point_t point(int32_t id) {
    point_t p;
    memset(&p, 0, sizeof p);
    p.id = id;
    p.x = id * 2.0;
    p.y = id * 3.0;
    snprintf(p.name, sizeof p.name, "p%d", (int)id);
    return p;
}

static void snapshot_structs(void) {
    mproc_value_t *value = make(NULL, MPROC_TYPE_STRUCT, 0, sizeof(point_t), 0);
    mproc_value_info_t info;
    point_t one = point(1), two = point(2), seen = point(9), zero;
    void *pointer = &seen;
    int64_t number;
    double real;
    int swapped = -1;

    memset(&zero, 0, sizeof zero);
    CHECK_OK(mproc_value_info(value, &info, sizeof info));
    CHECK_INT(MPROC_TYPE_STRUCT, info.type_code);
    CHECK_INT(sizeof(point_t), info.elem_size);
    CHECK_INT(8, info.elem_align);
    CHECK_OK(mproc_value_load(value, &seen, sizeof seen));
    CHECK(memcmp(&seen, &zero, sizeof seen) == 0);
    CHECK_OK(mproc_value_store(value, &one, sizeof one));
    CHECK_OK(mproc_value_exchange(value, &two, &seen, sizeof two));
    CHECK(memcmp(&seen, &one, sizeof seen) == 0);
    CHECK_OK(mproc_value_compare_exchange(value, &one, &zero, sizeof one, &seen, &swapped));
    CHECK_INT(0, swapped);
    CHECK(memcmp(&seen, &two, sizeof seen) == 0);
    CHECK_OK(mproc_value_compare_exchange(value, &two, &one, sizeof one, NULL, &swapped));
    CHECK_INT(1, swapped);
    CHECK_OK(mproc_value_load(value, &seen, sizeof seen));
    CHECK(memcmp(&seen, &one, sizeof seen) == 0);
    /* One buffer in and out, as in the loops around C11's compare-exchange. */
    seen = two;
    CHECK_OK(mproc_value_compare_exchange(value, &seen, &zero, sizeof seen, &seen, &swapped));
    CHECK_INT(0, swapped);
    CHECK(memcmp(&seen, &one, sizeof seen) == 0);
    seen = two;
    CHECK_OK(mproc_value_exchange(value, &seen, &seen, sizeof seen));
    CHECK(memcmp(&seen, &one, sizeof seen) == 0);
    CHECK_OK(mproc_value_load(value, &seen, sizeof seen));
    CHECK(memcmp(&seen, &two, sizeof seen) == 0);
    CHECK_IS(MPROC_ETYPE, mproc_value_load(value, &seen, sizeof seen - 1));
    CHECK_IS(MPROC_ETYPE, mproc_value_store(value, &seen, 0));
    CHECK_IS(MPROC_ENOTSUP, mproc_value_ptr(value, &pointer));
    CHECK(pointer == &seen);
    CHECK_IS(MPROC_ENOTSUP, mproc_value_get_i64(value, &number));
    CHECK_IS(MPROC_ENOTSUP, mproc_value_set_i64(value, 1));
    CHECK_IS(MPROC_ENOTSUP, mproc_value_add(value, 1, NULL));
    CHECK_IS(MPROC_ENOTSUP, mproc_value_get_f64(value, &real));
    CHECK_IS(MPROC_ENOTSUP, mproc_value_fetch_i64(value, MPROC_OP_AND, 1, NULL));
    CHECK_IS(MPROC_ENOTSUP, mproc_value_fetch_f64(value, MPROC_OP_ADD, 1.0, NULL));
    mproc_value_close(value);
}

/* Readers of a SNAPSHOT see whole structs, while writers write and after one was killed. */
static void snapshot_is_consistent(void) {
    enum { WORDS = 64 };
    uint64_t words[WORDS];
    mproc_value_t *value = make(NULL, MPROC_TYPE_STRUCT, 0, sizeof words, 0);
    pid_t writers[2];
    int i, w, torn = 0, changes = 0;
    uint64_t last = 0;

    for (w = 0; w < 2; w++) {
        writers[w] = check_fork();
        if (writers[w] == 0) {
            uint64_t n;
            for (n = (uint64_t)w + 1;; n += 2) {
                for (i = 0; i < WORDS; i++) {
                    words[i] = n;
                }
                if (mproc_value_store(value, words, sizeof words) != MPROC_OK) {
                    _exit(1);
                }
            }
        }
    }
    for (w = 0; w < 2; w++) {
        do {
            if (mproc_value_load(value, words, sizeof words) != MPROC_OK) {
                torn++;
                break;
            }
            changes += words[0] != last;
            last = words[0];
            for (i = 1; i < WORDS; i++) {
                torn += words[i] != words[0];
            }
        } while (changes < 500 * (w + 1) && torn == 0);
        check_kill(writers[w]);
    }
    CHECK_INT(0, torn);
    CHECK_OK(mproc_value_load(value, words, sizeof words));
    for (i = 1; i < WORDS; i++) {
        torn += words[i] != words[0];
    }
    CHECK_INT(0, torn);
    CHECK_OK(mproc_value_store(value, words, sizeof words));
    mproc_value_close(value);
}

static void raw_structs(void) {
    mproc_value_t *value = make("raw", MPROC_TYPE_STRUCT, MPROC_RAW, sizeof(point_t), 4096), *again = NULL;
    mproc_value_info_t info;
    point_t one = point(1), seen;
    void *pointer = NULL;
    int swapped = 0;
    pid_t pid;

    CHECK_OK(mproc_value_info(value, &info, sizeof info));
    CHECK_INT(MPROC_RAW, info.flags);
    CHECK_INT(4096, info.elem_align);
    CHECK_OK(mproc_value_store(value, &one, sizeof one));
    if (place_is_memory(where)) {
        NEED_OK(mproc_value_ptr(value, &pointer));
        CHECK_INT(0, (size_t)pointer % 4096);
        CHECK_INT(1, ((point_t *)pointer)->id);
    } else {
        CHECK_IS(MPROC_ENOTSUP, mproc_value_ptr(value, &pointer));
    }
    CHECK_IS(MPROC_ENOTSUP, mproc_value_exchange(value, &one, &seen, sizeof one));
    CHECK_IS(MPROC_ENOTSUP, mproc_value_compare_exchange(value, &one, &one, sizeof one, NULL, &swapped));

    pid = check_fork();
    if (pid == 0) { /* dies half way through an update: that is what RECOVERED is for */
        CHECK_OK(mproc_value_lock(value, MPROC_FOREVER, NULL));
        if (pointer != NULL) {
            ((point_t *)pointer)->id = 2;
        } else {
            one.id = 2;
            CHECK_OK(mproc_value_store(value, &one, sizeof one));
        }
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, NULL, 0);
    NEED_OK(mproc_value_open(place_domain(where), "raw", NULL, &again));
    CHECK_IS(MPROC_RECOVERED, mproc_value_lock(again, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_value_load(again, &seen, sizeof seen));
    CHECK_INT(2, seen.id);
    CHECK(seen.x == 2.0);
    CHECK_OK(mproc_value_unlock(again));
    CHECK_OK(mproc_value_info(again, &info, sizeof info));
    CHECK(info.steals >= 1);
    mproc_value_close(value);
    mproc_value_close(again);
    place_forget(where, "raw");
}

static void struct_sizes(void) {
    static const struct {
        size_t size, align;
        int status;
    } table[] = {{1, 0, MPROC_OK},
                 {1, 1, MPROC_OK},
                 {3, 0, MPROC_OK},
                 {4095, 0, MPROC_OK},
                 {1 << 20, 4096, MPROC_OK},
                 {0, 0, MPROC_EINVAL},
                 {(1 << 20) + 1, 0, MPROC_EINVAL},
                 {(size_t)-1, 0, MPROC_EINVAL},
                 {24, 3, MPROC_EINVAL},
                 {24, 8192, MPROC_EINVAL},
                 {24, (size_t)-1, MPROC_EINVAL}};
    uint32_t flags[] = {0, MPROC_RAW};
    size_t i, f;
    for (f = 0; f < 2; f++) {
        for (i = 0; i < sizeof table / sizeof *table; i++) {
            mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
            mproc_value_t *value = NULL;
            options.type_code = MPROC_TYPE_STRUCT;
            options.flags = flags[f];
            options.elem_size = table[i].size;
            options.elem_align = table[i].align;
            CHECK_IS(table[i].status, mproc_value_create(place_domain(where), NULL, &options, &value));
            if (value != NULL) {
                unsigned char *in = malloc(table[i].size), *out = calloc(1, table[i].size);
                memset(in, 0x5A, table[i].size);
                CHECK_OK(mproc_value_store(value, in, table[i].size));
                CHECK_OK(mproc_value_load(value, out, table[i].size));
                CHECK(memcmp(in, out, table[i].size) == 0);
                free(in);
                free(out);
                mproc_value_close(value);
            }
        }
    }
}

/* Open says what it expects; what differs is ETYPE, another kind is EKIND. */
static void expectations(void) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT, other;
    mproc_value_t *value = NULL, *opened = NULL;
    mproc_lock_t *lock = NULL;

    options.type_code = MPROC_TYPE_STRUCT;
    options.elem_size = 32;
    options.elem_align = 16;
    options.schema = 77;
    NEED_OK(mproc_value_create(place_domain(where), "typed", &options, &value));
    CHECK_OK(mproc_value_open(place_domain(where), "typed", &options, &opened));
    mproc_value_close(opened);
    opened = NULL;

    other = options;
    other.schema = 78;
    CHECK_IS(MPROC_ETYPE, mproc_value_open(place_domain(where), "typed", &other, &opened));
    other.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_ETYPE, mproc_value_create(place_domain(where), "typed", &other, &opened));
    other = options;
    other.elem_size = 48;
    CHECK_IS(MPROC_ETYPE, mproc_value_open(place_domain(where), "typed", &other, &opened));
    other = options;
    other.elem_align = 32;
    CHECK_IS(MPROC_ETYPE, mproc_value_open(place_domain(where), "typed", &other, &opened));
    other = options;
    other.flags = MPROC_RAW;
    CHECK_IS(MPROC_ETYPE, mproc_value_open(place_domain(where), "typed", &other, &opened));
    other = options;
    other.type_code = MPROC_TYPE_I32;
    other.elem_size = other.elem_align = 0;
    CHECK_IS(MPROC_ETYPE, mproc_value_open(place_domain(where), "typed", &other, &opened));
    other.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_ETYPE, mproc_value_create(place_domain(where), "typed", &other, &opened));
    CHECK(opened == NULL);

    other = options;
    other.schema = 0; /* no number given: no objection */
    CHECK_OK(mproc_value_open(place_domain(where), "typed", &other, &opened));
    mproc_value_close(opened);
    CHECK_OK(mproc_value_open(place_domain(where), "typed", NULL, &opened));
    mproc_value_close(opened);
    CHECK_IS(MPROC_EKIND, mproc_lock_open(place_domain(where), "typed", NULL, &lock));
    CHECK(lock == NULL);
    mproc_value_close(value);
    place_forget(where, "typed");
}

/* Parent and child add to the same anonymous value; its lock makes an update of two steps whole. */
static void forked(void) {
    enum { WORKERS = 4 };
    const int rounds = place_is_memory(where) ? 20000 : 500;
    mproc_value_t *atomic = make(NULL, MPROC_TYPE_I64, 0, 0, 0), *locked = make(NULL, MPROC_TYPE_I64, 0, 0, 0);
    mproc_owner_t owner;
    int64_t number = 0;
    pid_t pids[WORKERS];
    int i, n, bad = 0;

    for (i = 0; i < WORKERS; i++) {
        pids[i] = check_fork();
        if (pids[i] == 0) {
            for (n = 0; n < rounds; n++) {
                bad |= mproc_value_add(atomic, 1, NULL);
                if (n % 10 == 0) {
                    bad |= mproc_value_lock(locked, MPROC_FOREVER, NULL);
                    bad |= mproc_value_get_i64(locked, &number);
                    bad |= mproc_value_set_i64(locked, number + 1);
                    bad |= mproc_value_unlock(locked);
                }
            }
            CHECK_INT(0, bad);
            check_leave();
        }
    }
    for (i = 0; i < WORKERS; i++) {
        CHECK_CHILD(pids[i]);
    }
    CHECK_OK(mproc_value_get_i64(atomic, &number));
    CHECK_INT((int64_t)WORKERS * rounds, number);
    CHECK_OK(mproc_value_get_i64(locked, &number));
    CHECK_INT((int64_t)WORKERS * rounds / 10, number);

    CHECK_OK(mproc_value_lock_owner(locked, &owner, sizeof owner));
    CHECK_INT(0, owner.held);
    CHECK_OK(mproc_value_lock(locked, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_value_lock(locked, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_value_lock(locked, 1000000, NULL));
    CHECK_OK(mproc_value_set_i64(locked, 3)); /* the lock protects nothing by itself */
    CHECK_OK(mproc_value_lock_owner(locked, &owner, sizeof owner));
    CHECK_INT(1, owner.is_self);
    CHECK_OK(mproc_value_unlock(locked));
    CHECK_IS(MPROC_EPERM, mproc_value_unlock(locked));
    mproc_value_close(atomic);
    mproc_value_close(locked);
}

/* Each operation is one, also through a connection; what only memory can do says so there. */
void api_value(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        integer_operations();
        bytes_of_scalars();
        bools();
        floats();
        snapshot_structs();
        snapshot_is_consistent();
        raw_structs();
        struct_sizes();
        expectations();
        forked();
    }
}
