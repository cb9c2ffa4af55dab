/* The worker in C. What the commands mean is said in agreed.h. */
#include "worker.h"

#include "agreed.h"
#include "sockets.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- answers ---- */

void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static const char *word_of(int status) {
    static char other[400];
    mproc_error_t error;
    switch (status) {
    case MPROC_ETIMEDOUT: return "timeout";
    case MPROC_ECANCELED: return "canceled";
    case MPROC_ECLOSED: return "closed";
    case MPROC_ETYPE: return "type";
    case MPROC_EKIND: return "kind";
    case MPROC_ENOENT: return "notfound";
    case MPROC_EEXIST: return "exists";
    case MPROC_ERANGE: return "range";
    case MPROC_E2BIG: return "toobig";
    case MPROC_EPERM: return "notholder";
    case MPROC_EOF: return "eof";
    case MPROC_EPIPE: return "broken";
    case MPROC_ENOTSUP: return "unsupported";
    case MPROC_EBROKEN: return "shattered";
    case MPROC_EOVERFLOW: return "overflow";
    }
    mproc_last_error(&error, sizeof error);
    snprintf(other, sizeof other, "other %s: %s", mproc_status_name(status), error.message);
    return other;
}

bool well(int status) {
    if (status < 0) {
        say("error %s", word_of(status));
    }
    return status >= 0;
}

void answer(int status) {
    if (well(status)) {
        say("ok");
    }
}

int need(int status, const char *what) {
    if (status < 0) {
        say("%s failed: error %s", what, word_of(status));
        exit(1);
    }
    return status;
}

/* ---- words of a command ---- */

static char *words[40];
static int word_count;

const char *word(int i) {
    return i < word_count ? words[i] : "";
}

long long number(int i) {
    return strtoll(word(i), NULL, 10);
}

int64_t timeout_ns(int i) {
    return number(i) < 0 ? MPROC_FOREVER : number(i) * 1000000;
}

bool is(int i, const char *text) {
    return strcmp(word(i), text) == 0;
}

static uint64_t schema_word(int i) {
    return is(i, "agreed") ? SCHEMA_AGREED : is(i, "other") ? SCHEMA_OTHER : 0;
}

/* ---- helpers ---- */

mproc_value_t *u64_value(const char *name, bool create) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *value;
    options.type_code = MPROC_TYPE_U64;
    need(create ? mproc_value_create(NULL, name, &options, &value) : mproc_value_open(NULL, name, &options, &value), name);
    return value;
}

void pass_gate(const char *name) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *gate;
    int64_t there;
    options.type_code = MPROC_TYPE_I32;
    options.flags = MPROC_EXIST_OK;
    need(mproc_value_create(NULL, name, &options, &gate), name);
    need(mproc_value_add(gate, 1, NULL), name);
    while (need(mproc_value_get_i64(gate, &there), name) == MPROC_OK && there < 2) {
        sched_yield();
    }
    mproc_value_close(gate);
}

static void *cancel_later(void *argument) {
    canceller_t *canceller = argument;
    struct timespec pause = {canceller->after_ns / 1000000000, canceller->after_ns % 1000000000};
    nanosleep(&pause, NULL);
    need(mproc_cancel_set(canceller->token), "cancel");
    return NULL;
}

void canceller_start(canceller_t *canceller, int64_t after_ns) {
    canceller->after_ns = after_ns;
    need(mproc_cancel_create(&canceller->token), "cancel token");
    if (pthread_create(&canceller->thread, NULL, cancel_later, canceller) != 0) {
        say("no thread");
        exit(1);
    }
}

void canceller_end(canceller_t *canceller) {
    pthread_join(canceller->thread, NULL);
    mproc_cancel_close(canceller->token);
}

/* ---- lock ---- */

mproc_lock_t *lock;
mproc_rlock_t *lock_recursive;
static mproc_value_t *lock_value;
static mproc_array_t *lock_array;

static int lock_make(void) {
    bool create = is(1, "create");
    const char *name = is(3, "-") ? NULL : word(3);
    if (is(2, "lock") || is(2, "any")) {
        mproc_lock_options_t options = MPROC_LOCK_OPTIONS_INIT;
        options.flags = create && is(2, "any") ? MPROC_ANY_RELEASE : 0;
        return create ? mproc_lock_create(NULL, name, &options, &lock) : mproc_lock_open(NULL, name, &options, &lock);
    }
    if (is(2, "rlock")) {
        return create ? mproc_rlock_create(NULL, name, NULL, &lock_recursive)
                      : mproc_rlock_open(NULL, name, NULL, &lock_recursive);
    }
    if (is(2, "value")) {
        mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
        options.type_code = MPROC_TYPE_I32;
        return create ? mproc_value_create(NULL, word(3), &options, &lock_value)
                      : mproc_value_open(NULL, word(3), &options, &lock_value);
    }
    {
        mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
        options.type_code = MPROC_TYPE_I32;
        options.ndim = 1;
        options.shape[0] = 4;
        return create ? mproc_array_create(NULL, word(3), &options, &lock_array)
                      : mproc_array_open(NULL, word(3), &options, &lock_array);
    }
}

static int lock_take(int64_t timeout, const mproc_cancel_t *cancel) {
    return lock != NULL             ? mproc_lock_lock(lock, timeout, cancel)
           : lock_recursive != NULL ? mproc_rlock_lock(lock_recursive, timeout, cancel)
           : lock_value != NULL     ? mproc_value_lock(lock_value, timeout, cancel)
                                    : mproc_array_lock(lock_array, timeout, cancel);
}

static int lock_give(void) {
    return lock != NULL             ? mproc_lock_unlock(lock)
           : lock_recursive != NULL ? mproc_rlock_unlock(lock_recursive)
           : lock_value != NULL     ? mproc_value_unlock(lock_value)
                                    : mproc_array_unlock(lock_array);
}

static int lock_owner(mproc_owner_t *owner) {
    if (lock_recursive != NULL) {
        mproc_rlock_info_t info;
        int status = mproc_rlock_info(lock_recursive, &info, sizeof info);
        *owner = info.owner;
        return status;
    }
    return lock != NULL         ? mproc_lock_owner(lock, owner, sizeof *owner)
           : lock_value != NULL ? mproc_value_lock_owner(lock_value, owner, sizeof *owner)
                                : mproc_array_lock_owner(lock_array, owner, sizeof *owner);
}

static void lock_close(void) {
    mproc_lock_close(lock);
    mproc_rlock_close(lock_recursive);
    mproc_value_close(lock_value);
    mproc_array_close(lock_array);
    lock = NULL;
    lock_recursive = NULL;
    lock_value = NULL;
    lock_array = NULL;
}

void taken(int status) {
    if (well(status)) {
        say(status == MPROC_RECOVERED ? "recovered" : "held");
    }
}

static int lock_export(mproc_handle_t **handle) {
    return lock != NULL ? mproc_lock_export(lock, handle) : mproc_rlock_export(lock_recursive, handle);
}

static int lock_import(const mproc_handle_t *handle) {
    uint32_t kind;
    lock_close();
    need(mproc_handle_kind(handle, &kind), "kind");
    return kind == MPROC_KIND_RLOCK ? mproc_rlock_import(handle, NULL, &lock_recursive)
                                    : mproc_lock_import(handle, NULL, &lock);
}

static void lock_race(void) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *plain;
    int64_t now;
    long long i;
    options.type_code = MPROC_TYPE_I64;
    need(mproc_value_open(NULL, word(3), &options, &plain), word(3));
    pass_gate(word(2));
    for (i = number(4); i > 0; i--) {
        need(lock_take(MPROC_FOREVER, NULL), "lock");
        need(mproc_value_get_i64(plain, &now), "get");
        need(mproc_value_set_i64(plain, now + 1), "set");
        need(lock_give(), "unlock");
    }
    mproc_value_close(plain);
    say("ok");
}

static void do_lock(void) {
    if (is(1, "create") || is(1, "open")) {
        answer(lock_make());
    } else if (is(1, "take")) {
        taken(number(2) == 0 && lock != NULL             ? mproc_lock_try(lock)
              : number(2) == 0 && lock_recursive != NULL ? mproc_rlock_try(lock_recursive)
                                                         : lock_take(timeout_ns(2), NULL));
    } else if (is(1, "give")) {
        answer(lock_give());
    } else if (is(1, "owner")) {
        mproc_owner_t owner;
        if (well(lock_owner(&owner))) {
            if (owner.held) {
                say("%d", (int)owner.pid);
            } else {
                say("nobody");
            }
        }
    } else if (is(1, "cancel")) {
        canceller_t canceller;
        int status;
        canceller_start(&canceller, timeout_ns(2));
        status = lock_take(MPROC_FOREVER, canceller.token);
        canceller_end(&canceller);
        taken(status);
    } else if (is(1, "count")) {
        mproc_rlock_info_t info;
        if (well(mproc_rlock_info(lock_recursive, &info, sizeof info))) {
            say("%u", (unsigned)info.count);
        }
    } else if (is(1, "race")) {
        lock_race();
    } else if (is(1, "close")) {
        lock_close();
        say("ok");
    } else {
        travel();
    }
}

/* ---- value ---- */

static const struct {
    const char *name;
    int32_t code;
} types[] = {{"i8", MPROC_TYPE_I8},     {"u8", MPROC_TYPE_U8},         {"i16", MPROC_TYPE_I16},      {"u16", MPROC_TYPE_U16},
             {"i32", MPROC_TYPE_I32},   {"u32", MPROC_TYPE_U32},       {"i64", MPROC_TYPE_I64},      {"u64", MPROC_TYPE_U64},
             {"f32", MPROC_TYPE_F32},   {"f64", MPROC_TYPE_F64},       {"char8", MPROC_TYPE_CHAR8},  {"char32", MPROC_TYPE_CHAR32},
             {"bool", MPROC_TYPE_BOOL}};

static int32_t type_word(int at) {
    size_t i;
    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (is(at, types[i].name)) {
            return types[i].code;
        }
    }
    return -1;
}

static int32_t operation_word(int at) {
    static const char *const names[] = {"add", "sub", "min", "max", "and", "or", "xor"};
    int i;
    for (i = 0; i < 7; i++) {
        if (is(at, names[i])) {
            return MPROC_OP_ADD + i;
        }
    }
    return -1;
}

mproc_value_t *value;
static int32_t value_type;
static size_t value_size;

/* A value's memory, seen as what has its size. */
typedef union {
    uint8_t b;
    uint16_t h;
    uint32_t w;
    uint64_t q;
    float f;
    double d;
} scalar_t;

static scalar_t from_bits(uint64_t bits) {
    scalar_t s;
    switch (value_size) {
    case 1: s.b = (uint8_t)bits; break;
    case 2: s.h = (uint16_t)bits; break;
    case 4: s.w = (uint32_t)bits; break;
    default: s.q = bits;
    }
    return s;
}

static uint64_t to_bits(scalar_t s) {
    return value_size == 1 ? s.b : value_size == 2 ? s.h : value_size == 4 ? s.w : s.q;
}

size_t value_bytes(uint64_t bits, unsigned char bytes[8]) {
    scalar_t s = from_bits(bits);
    memcpy(bytes, &s, value_size);
    return value_size;
}

static int value_fetch(int32_t operation, uint64_t bits, uint64_t *before) {
    scalar_t s = from_bits(bits);
    int status;
    if (value_type == MPROC_TYPE_F32 || value_type == MPROC_TYPE_F64) {
        double old = 0;
        bool narrow = value_type == MPROC_TYPE_F32;
        status = mproc_value_fetch_f64(value, operation, narrow ? (double)s.f : s.d, &old);
        if (narrow) {
            s.f = (float)old;
        } else {
            s.d = old;
        }
    } else {
        int64_t old = 0;
        status = mproc_value_fetch_i64(value, operation, (int64_t)bits, &old);
        s = from_bits((uint64_t)old);
    }
    *before = to_bits(s);
    return status;
}

static void do_value(void) {
    scalar_t s;
    uint64_t before;
    if (is(1, "create") || is(1, "keep") || is(1, "open")) {
        mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
        options.type_code = value_type = type_word(3);
        options.flags = is(1, "keep") ? MPROC_PERSIST : 0;
        mproc_value_close(value);
        value = NULL;
        if (need(mproc_type_size(value_type, &value_size), word(3)) == MPROC_OK) {
            answer(is(1, "open") ? mproc_value_open(NULL, word(2), &options, &value)
                                 : mproc_value_create(NULL, word(2), &options, &value));
        }
    } else if (is(1, "load")) {
        if (well(mproc_value_load(value, &s, value_size))) {
            say("%llx", (unsigned long long)to_bits(s));
        }
    } else if (is(1, "store")) {
        s = from_bits(strtoull(word(2), NULL, 16));
        answer(mproc_value_store(value, &s, value_size));
    } else if (is(1, "fetch")) {
        if (well(value_fetch(operation_word(2), strtoull(word(3), NULL, 16), &before))) {
            say("%llx", (unsigned long long)before);
        }
    } else if (is(1, "add")) {
        uint64_t bits = strtoull(word(4), NULL, 16);
        long long i;
        pass_gate(word(2));
        for (i = number(3); i > 0; i--) {
            need(value_fetch(MPROC_OP_ADD, bits, &before), "add");
        }
        say("ok");
    } else if (is(1, "wait") || is(1, "cancel")) {
        value_wait();
    } else if (is(1, "notify")) {
        answer(mproc_value_notify(value, is(2, "all") ? UINT32_MAX : (uint32_t)number(2)));
    } else {
        mproc_value_close(value);
        value = NULL;
        say("ok");
    }
}

/* ---- record ---- */

static mproc_value_t *record;

static void say_record(const record_t *r) {
    uint64_t ratio;
    uint32_t weight[2];
    memcpy(&ratio, &r->ratio, sizeof ratio);
    memcpy(weight, r->weight, sizeof weight);
    say("%lld %llx %u %d %d %u %.8s %x %x", (long long)r->id, (unsigned long long)ratio, (unsigned)r->count, r->level, r->on,
        r->code, r->tag, (unsigned)weight[0], (unsigned)weight[1]);
}

static void do_record(void) {
    record_t r;
    if (is(1, "create") || is(1, "open")) {
        mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
        options.type_code = MPROC_TYPE_STRUCT;
        options.elem_size = sizeof r;
        options.schema = schema_word(3);
        mproc_value_close(record);
        record = NULL;
        answer(is(1, "open") ? mproc_value_open(NULL, word(2), &options, &record)
                             : mproc_value_create(NULL, word(2), &options, &record));
    } else if (is(1, "store")) {
        r = agreed_record((int)number(2));
        if (well(mproc_value_store(record, &r, sizeof r))) {
            say_record(&r);
        }
    } else if (well(mproc_value_load(record, &r, sizeof r))) {
        say_record(&r);
    }
}

/* ---- block: a larger struct, for those who are killed in the middle ---- */

static mproc_value_t *block, *block_done;

static uint64_t u64_load(const mproc_value_t *from) {
    int64_t now = 0;
    need(mproc_value_get_i64(from, &now), "load");
    return (uint64_t)now;
}

static block_t block_load(void) {
    block_t b;
    need(mproc_value_load(block, &b, sizeof b), "load");
    return b;
}

static void block_store(uint64_t serial) {
    block_t b;
    b.serial = serial;
    agreed_fill(serial, b.words, BLOCK_WORDS);
    need(mproc_value_store(block, &b, sizeof b), "store");
    need(mproc_value_set_i64(block_done, (int64_t)serial), "store");
}

static void block_check(long long count) {
    uint64_t last = 0, done = 0;
    block_t b;
    b.serial = 0;
    for (; count > 0; count--) {
        done = u64_load(block_done);
        b = block_load();
        if (!agreed_whole(b.serial, b.words, BLOCK_WORDS) || b.serial < done || b.serial < last) {
            say("torn or old: serial %llu after %llu, done %llu", (unsigned long long)b.serial, (unsigned long long)last,
                (unsigned long long)done);
            return;
        }
        last = b.serial;
    }
    say("ok %llu %llu", (unsigned long long)last, (unsigned long long)done);
}

static void do_block(void) {
    if (is(1, "create") || is(1, "open")) {
        mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
        bool create = is(1, "create");
        block_t b;
        b.serial = 0;
        agreed_fill(0, b.words, BLOCK_WORDS);
        options.type_code = MPROC_TYPE_STRUCT;
        options.elem_size = sizeof b;
        options.schema = SCHEMA_AGREED;
        options.initial = &b;
        if (well(create ? mproc_value_create(NULL, word(2), &options, &block) : mproc_value_open(NULL, word(2), &options, &block))) {
            block_done = u64_value(word(3), create);
            say("ok");
        }
    } else if (is(1, "storm")) {
        uint64_t serial = block_load().serial;
        need(mproc_value_set_i64(block_done, (int64_t)serial), "store");
        block_store(++serial);
        say("started");
        for (;;) {
            block_store(++serial);
        }
    } else if (is(1, "check")) {
        block_check(number(2));
    } else if (is(1, "store")) {
        block_store(block_load().serial + 1);
        say("ok");
    } else {
        mproc_value_info_t info;
        if (well(mproc_value_info(block, &info, sizeof info))) {
            say("%u 0", (unsigned)info.steals);
        }
    }
}

/* ---- array ---- */

static mproc_array_t *array;
static mproc_array_info_t array_info;

static int64_t element(const void *from, size_t i) {
    switch (array_info.type_code) {
    case MPROC_TYPE_I8: return ((const int8_t *)from)[i];
    case MPROC_TYPE_U32: return ((const uint32_t *)from)[i];
    case MPROC_TYPE_I64: return ((const int64_t *)from)[i];
    default: return ((const int32_t *)from)[i];
    }
}

static void set_element(void *to, size_t i, int64_t n) {
    switch (array_info.type_code) {
    case MPROC_TYPE_I8: ((int8_t *)to)[i] = (int8_t)n; break;
    case MPROC_TYPE_U32: ((uint32_t *)to)[i] = (uint32_t)n; break;
    case MPROC_TYPE_I64: ((int64_t *)to)[i] = n; break;
    default: ((int32_t *)to)[i] = (int32_t)n;
    }
}

static void array_make(void) {
    mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
    int64_t initial[512];
    size_t i, elements = 1;
    const char *shape = word(4);
    int status;
    while (*shape >= '0' && *shape <= '9') {
        char *end;
        options.shape[options.ndim] = strtoull(shape, &end, 10);
        elements *= options.shape[options.ndim++];
        shape = *end == 'x' ? end + 1 : end;
    }
    options.type_code = array_info.type_code = type_word(3);
    mproc_array_close(array);
    array = NULL;
    if (is(1, "create")) {
        for (i = 0; i < elements; i++) {
            set_element(initial, i, (int64_t)i);
        }
        options.initial = initial;
        options.initial_count = elements;
        status = mproc_array_create(NULL, word(2), &options, &array);
    } else {
        status = mproc_array_open(NULL, word(2), &options, &array);
    }
    if (well(status) && well(mproc_array_info(array, &array_info, sizeof array_info))) {
        say("ok");
    }
}

static void array_weave(void) {
    size_t size = (size_t)array_info.elem_size, i;
    int64_t place;
    long long round;
    pass_gate(word(2));
    for (round = 1; round <= number(4); round++) {
        for (i = (size_t)number(3); i < array_info.length; i += 2) {
            set_element(&place, 0, round + (int64_t)i);
            need(mproc_array_set(array, i, &place, size), "set");
        }
        for (i = (size_t)number(3); i < array_info.length; i += 2) {
            int64_t wanted;
            set_element(&wanted, 0, round + (int64_t)i);
            need(mproc_array_get(array, i, &place, size), "get");
            if (element(&place, 0) != element(&wanted, 0)) {
                say("element %zu is %lld in round %lld", i, (long long)element(&place, 0), round);
                return;
            }
        }
    }
    say("ok");
}

static void do_array(void) {
    size_t size = (size_t)array_info.elem_size, length = (size_t)array_info.length, indices[2], at, i;
    int64_t place[512];
    void *elements;
    indices[0] = (size_t)number(2);
    indices[1] = (size_t)number(3);
    if (is(1, "create") || is(1, "open")) {
        array_make();
    } else if (is(1, "shape")) {
        for (i = 0; i < array_info.ndim; i++) {
            printf("%s%llu", i == 0 ? "" : "x", (unsigned long long)array_info.shape[i]);
        }
        say("%s", "");
    } else if (is(1, "read")) {
        if (well(mproc_array_read(array, 0, length, place, length * size))) {
            for (i = 0; i < length; i++) {
                printf("%s%lld", i == 0 ? "" : " ", (long long)element(place, i));
            }
            say("%s", "");
        }
    } else if (is(1, "get")) {
        if (well(mproc_array_index(array, indices, 2, &at)) && well(mproc_array_get(array, at, place, size))) {
            say("%lld", (long long)element(place, 0));
        }
    } else if (is(1, "set")) {
        set_element(place, 0, number(4));
        if (well(mproc_array_index(array, indices, 2, &at))) {
            answer(mproc_array_set(array, at, place, size));
        }
    } else if (is(1, "write")) {
        for (i = 0; i < indices[1] && i < 512; i++) {
            set_element(place, i, number(4) + (int64_t)i);
        }
        answer(mproc_array_write(array, indices[0], indices[1], place, indices[1] * size));
    } else if (is(1, "negate")) {
        if (well(mproc_array_ptr(array, &elements))) {
            for (i = 0; i < length; i++) {
                set_element(elements, i, -element(elements, i));
            }
            say("ok");
        }
    } else if (is(1, "weave")) {
        array_weave();
    } else {
        mproc_array_close(array);
        array = NULL;
        say("ok");
    }
}

/* ---- cells: an array of structs ---- */

static mproc_array_t *cells;
static size_t cell_count;

static cell_t make_cell(uint64_t serial, size_t i) {
    cell_t c;
    c.serial = serial;
    agreed_fill(serial + i, c.words, CELL_WORDS);
    return c;
}

/* The whole array in one call, then again one by one. */
static void cells_store(uint64_t serial) {
    cell_t *all = malloc(cell_count * sizeof *all);
    size_t i;
    for (i = 0; i < cell_count; i++) {
        all[i] = make_cell(serial, i);
    }
    need(mproc_array_write(cells, 0, cell_count, all, cell_count * sizeof *all), "write");
    for (i = 0; i < cell_count; i++) {
        all[i] = make_cell(serial + 1, i);
        need(mproc_array_set(cells, i, &all[i], sizeof all[i]), "set");
    }
    free(all);
}

static void cells_check(void) {
    cell_t *all = malloc(cell_count * sizeof *all), c;
    size_t i;
    need(mproc_array_read(cells, 0, cell_count, all, cell_count * sizeof *all), "read");
    for (i = 0; i < cell_count; i++) {
        need(mproc_array_get(cells, i, &c, sizeof c), "get");
        if (!agreed_whole(all[i].serial + i, all[i].words, CELL_WORDS) || !agreed_whole(c.serial + i, c.words, CELL_WORDS) ||
            c.serial < all[i].serial) {
            say("element %zu is torn or old: serials %llu, then %llu", i, (unsigned long long)all[i].serial,
                (unsigned long long)c.serial);
            exit(1);
        }
    }
    free(all);
    say("ok");
}

static void do_cells(void) {
    if (is(1, "create") || is(1, "open")) {
        mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
        options.type_code = MPROC_TYPE_STRUCT;
        options.elem_size = sizeof(cell_t);
        options.schema = schema_word(4);
        options.ndim = 1;
        options.shape[0] = cell_count = (size_t)number(3);
        mproc_array_close(cells);
        cells = NULL;
        answer(is(1, "open") ? mproc_array_open(NULL, word(2), &options, &cells)
                             : mproc_array_create(NULL, word(2), &options, &cells));
    } else if (is(1, "storm") || is(1, "store")) {
        cell_t first;
        need(mproc_array_get(cells, 0, &first, sizeof first), "get");
        if (is(1, "store")) {
            cells_store(first.serial + 1);
            say("ok");
            return;
        }
        cells_store(first.serial + 1);
        say("started");
        for (;;) {
            first.serial += 2;
            cells_store(first.serial + 1);
        }
    } else if (is(1, "check")) {
        cells_check();
    } else {
        mproc_array_info_t info;
        if (well(mproc_array_info(cells, &info, sizeof info))) {
            say("%u %u", (unsigned)info.steals, (unsigned)info.rollbacks);
        }
    }
}

/* ---- queue, pipe: what both can do ---- */

mproc_queue_t *queue;
mproc_pipe_t *near_end;
static mproc_pipe_t *far_end; /* that of a pair, until it is handed over */

/* What the command is about. */
static bool piped(void) {
    return is(0, "pipe");
}

static int channel_put(const void *data, size_t length, int64_t timeout, const mproc_cancel_t *cancel) {
    return piped() ? mproc_pipe_send(near_end, data, length, timeout, cancel)
                   : mproc_queue_put(queue, data, length, timeout, cancel);
}

static int channel_get(void *to, size_t room, size_t *length, int64_t timeout, const mproc_cancel_t *cancel) {
    return piped() ? mproc_pipe_recv(near_end, to, room, length, timeout, cancel)
                   : mproc_queue_get(queue, to, room, length, timeout, cancel);
}

static int channel_reserve(size_t length, mproc_view_t *view, int64_t timeout) {
    return piped() ? mproc_pipe_reserve(near_end, length, view, timeout, NULL)
                   : mproc_queue_reserve(queue, length, view, timeout, NULL);
}

static int channel_commit(uint64_t id, size_t length) {
    return piped() ? mproc_pipe_commit(near_end, id, length) : mproc_queue_commit(queue, id, length);
}

static int channel_abort(uint64_t id) {
    return piped() ? mproc_pipe_abort(near_end, id) : mproc_queue_abort(queue, id);
}

static int channel_peek(mproc_view_t *view, int64_t timeout) {
    return piped() ? mproc_pipe_peek(near_end, view, timeout, NULL) : mproc_queue_peek(queue, view, timeout, NULL);
}

static int channel_release(uint64_t id) {
    return piped() ? mproc_pipe_release(near_end, id) : mproc_queue_release(queue, id);
}

static int channel_putback(uint64_t id) {
    return piped() ? mproc_pipe_putback(near_end, id) : mproc_queue_putback(queue, id);
}

static int readable_fd(int *fd) {
    return piped() ? mproc_pipe_readable_fd(near_end, fd) : mproc_queue_readable_fd(queue, fd);
}

static int writable_fd(int *fd) {
    return piped() ? mproc_pipe_writable_fd(near_end, fd) : mproc_queue_writable_fd(queue, fd);
}

/* Sleeps until a put of so many bytes might succeed, or a get; a negative fd: without it. */
static int nap(bool putting, size_t length, int fd, int64_t deadline) {
    mproc_wait_item_t item = {0, 0, NULL, NULL, 0};
    if (fd >= 0) {
        return poll_until(fd, deadline);
    }
    item.condition = piped() ? (putting ? MPROC_WAIT_PIPE_WRITABLE : MPROC_WAIT_PIPE_READABLE)
                             : (putting ? MPROC_WAIT_QUEUE_WRITABLE : MPROC_WAIT_QUEUE_READABLE);
    item.object = piped() ? (const void *)near_end : (const void *)queue;
    item.size = putting ? length : 0;
    return mproc_wait(&item, 1, left_until(deadline), NULL, NULL, NULL);
}

/* As one does with a socket that does not block: tries, and sleeps when that has found nothing. */
static int put_trying(const void *data, size_t length, int64_t timeout, int64_t way) {
    int64_t deadline = deadline_of(timeout);
    int fd = -1, status = way == POLLED ? writable_fd(&fd) : MPROC_OK;
    while (status == MPROC_OK && (status = channel_put(data, length, 0, NULL)) == MPROC_ETIMEDOUT) {
        status = nap(true, length, fd, deadline);
        if (status != MPROC_OK) {
            return status;
        }
    }
    return status;
}

static int get_trying(void *to, size_t room, size_t *length, int64_t timeout, int64_t way) {
    int64_t deadline = deadline_of(timeout);
    int fd = -1, status = way == POLLED ? readable_fd(&fd) : MPROC_OK;
    while (status == MPROC_OK && (status = channel_get(to, room, length, 0, NULL)) == MPROC_ETIMEDOUT) {
        status = nap(false, 0, fd, deadline);
        if (status != MPROC_OK) {
            return status;
        }
    }
    return status;
}

/* ---- numbered messages ---- */

static void answer_next(int status, uint64_t next) {
    if (status < 0) {
        say("error %s %llu", word_of(status), (unsigned long long)next);
    } else {
        say("ok %llu", (unsigned long long)next);
    }
}

static bool expected(const unsigned char *bytes, size_t length, uint64_t i) {
    unsigned char wanted[MAX_MESSAGE];
    return length == agreed_message(i, wanted) && (length == 0 || memcmp(bytes, wanted, length) == 0);
}

static void expect_message(const unsigned char *bytes, size_t length, uint64_t i) {
    if (!expected(bytes, length, i)) {
        say("wrong: %zu bytes instead of message %llu", length, (unsigned long long)i);
        exit(1);
    }
}

/* Reserves a little more than message i needs, and writes it. Its length is what to commit. */
static int write_in_place(uint64_t i, mproc_view_t *view, size_t *length, int64_t timeout) {
    unsigned char bytes[MAX_MESSAGE];
    int status;
    *length = agreed_message(i, bytes);
    status = channel_reserve(*length + SLACK, view, timeout);
    if (status == MPROC_OK) {
        memcpy(view->data, bytes, *length);
    }
    return status;
}

/* Puts messages: `way` of them with one call, or one of them in place (0) or trying (< 0); gives how many are in. */
static int put_batch(uint64_t from, int64_t way, int64_t timeout, size_t *done) {
    static unsigned char bytes[MAX_BATCH][MAX_MESSAGE];
    mproc_message_t messages[MAX_BATCH];
    size_t i, length, count = way < 0 ? 1 : (size_t)way;
    int status;
    *done = 0;
    for (i = 0; i < count; i++) {
        messages[i].data = bytes[i];
        messages[i].len = agreed_message(from + i, bytes[i]);
    }
    if (count > 1) {
        return mproc_queue_put_many(queue, messages, count, done, timeout, NULL);
    }
    if (way < 0) {
        status = put_trying(messages[0].data, messages[0].len, timeout, way);
    } else if (count == 1) {
        status = channel_put(messages[0].data, messages[0].len, timeout, NULL);
    } else {
        mproc_view_t view;
        status = write_in_place(from, &view, &length, timeout);
        if (status == MPROC_OK) {
            status = channel_commit(view.id, length);
        }
    }
    *done = status == MPROC_OK;
    return status;
}

/* *next: the first; comes back as the one after the last that is in. */
static int put_messages(uint64_t *next, uint64_t last, int64_t timeout, int64_t way) {
    int status = MPROC_OK;
    while (*next < last && status == MPROC_OK) {
        int64_t left = (int64_t)(last - *next);
        size_t done;
        status = put_batch(*next, left < way ? left : way, timeout, &done);
        *next += done;
    }
    return status;
}

/* A message that was taken. */
typedef struct {
    mproc_view_t view; /* data: only of those in place; id: of those and of leases */
    unsigned char *bytes;
    size_t length;
} taken_t;

/* Takes one message; the copy goes into a buffer that starts too small for most of them. */
static int take_message(taken_t *m, int way, int64_t timeout) {
    static unsigned char *buffer;
    static size_t room;
    int status;
    if (way == 0) {
        status = channel_peek(&m->view, timeout);
        m->bytes = m->view.data;
        m->length = m->view.len;
        return status;
    }
    while ((status = way < -1  ? get_trying(buffer, room, &m->length, timeout, way)
                     : way < 0 ? mproc_queue_lease(queue, buffer, room, &m->length, &m->view.id, timeout, NULL)
                               : channel_get(buffer, room, &m->length, timeout, NULL)) == MPROC_EMSGSIZE &&
           m->length > room) {
        room = m->length;
        buffer = realloc(buffer, room);
    }
    m->bytes = buffer;
    return status;
}

static void end_message(const taken_t *m, int way) {
    if (way == 0) {
        need(channel_release(m->view.id), "release");
    } else if (way == -1) {
        need(mproc_queue_ack(queue, m->view.id), "ack");
    }
}

static int get_messages(uint64_t *next, uint64_t last, int64_t timeout, int way, bool may_miss) {
    taken_t m;
    int status;
    for (; *next < last; (*next)++) {
        status = take_message(&m, way, timeout);
        if (status < 0) {
            return status;
        }
        if (may_miss && !expected(m.bytes, m.length, *next)) {
            (*next)++;
        }
        may_miss = false;
        expect_message(m.bytes, m.length, *next);
        end_message(&m, way);
    }
    return MPROC_OK;
}

static int get_batches(uint64_t *next, uint64_t last, int64_t timeout, size_t batch) {
    static unsigned char buffer[4 * MAX_MESSAGE]; /* a multiple of 8 */
    size_t lengths[MAX_BATCH], count, i;
    while (*next < last) {
        const unsigned char *at = buffer;
        size_t most = last - *next < batch ? (size_t)(last - *next) : batch;
        int status = mproc_queue_get_many(queue, buffer, sizeof buffer, lengths, most, &count, timeout, NULL);
        if (status != MPROC_OK) {
            return status;
        }
        for (i = 0; i < count; i++, (*next)++) {
            expect_message(at, lengths[i], *next);
            at += (lengths[i] + 7) / 8 * 8;
        }
    }
    return MPROC_OK;
}

static void put_storm(void) {
    mproc_value_t *done = u64_value(word(3), false);
    uint64_t next = (uint64_t)number(2);
    size_t put;
    bool first;
    for (first = true;; first = false) {
        need(put_batch(next, number(4), MPROC_FOREVER, &put), "put");
        next += put;
        need(mproc_value_set_i64(done, (int64_t)next), "store");
        if (first) {
            say("started");
        }
    }
}

static void get_storm(void) {
    mproc_value_t *done = u64_value(word(3), false);
    uint64_t next = (uint64_t)number(2);
    bool first;
    for (first = true;; first = false) {
        need(get_messages(&next, next + 1, MPROC_FOREVER, 1, false), "get");
        need(mproc_value_set_i64(done, (int64_t)next), "store");
        if (first) {
            say("started");
        }
    }
}

static void channel_cancel(void) {
    canceller_t canceller;
    size_t length;
    unsigned char byte;
    int status;
    canceller_start(&canceller, timeout_ns(3));
    status = is(2, "get") ? channel_get(&byte, 1, &length, MPROC_FOREVER, canceller.token)
                          : channel_put("x", 1, MPROC_FOREVER, canceller.token);
    canceller_end(&canceller);
    answer(status);
}

/* ---- reservations and messages that are kept from one command to another ---- */

static struct {
    uint64_t number, id;
    size_t length;
} kept[16];
static size_t kept_count;

static void keep(uint64_t id, size_t length) {
    if (kept_count == sizeof kept / sizeof kept[0]) {
        say("too much is kept");
        exit(1);
    }
    kept[kept_count].number = (uint64_t)number(2);
    kept[kept_count].id = id;
    kept[kept_count++].length = length;
}

static void keep_reservation(void) {
    mproc_view_t view;
    size_t length;
    if (well(write_in_place((uint64_t)number(2), &view, &length, timeout_ns(3)))) {
        keep(view.id, length);
        say("ok");
    }
}

static void keep_message(void) {
    taken_t m;
    int status = take_message(&m, is(1, "peek") ? 0 : -1, timeout_ns(3));
    if (well(status)) {
        expect_message(m.bytes, m.length, (uint64_t)number(2));
        keep(m.view.id, m.length);
        say(status == MPROC_RECOVERED ? "recovered" : "taken");
    }
}

static void end_kept(void) {
    size_t i, length;
    uint64_t id;
    for (i = 0; i < kept_count && kept[i].number != (uint64_t)number(2); i++) {
    }
    if (i == kept_count) {
        say("%s is not kept", word(2));
        return;
    }
    id = kept[i].id;
    length = kept[i].length;
    kept[i] = kept[--kept_count];
    answer(is(1, "commit")    ? channel_commit(id, length)
           : is(1, "abort")   ? channel_abort(id)
           : is(1, "release") ? channel_release(id)
           : is(1, "ack")     ? mproc_queue_ack(queue, id)
                              : channel_putback(id));
}

/* ---- jobs: messages for several workers ---- */

static mproc_array_t *marks;
static size_t mark_count;

static void put_jobs(void) {
    unsigned char bytes[MAX_JOB];
    uint64_t i;
    int status = MPROC_OK;
    for (i = 0; i < (uint64_t)number(2) && status == MPROC_OK; i++) {
        status = channel_put(bytes, agreed_job(i, bytes), MPROC_FOREVER, NULL);
    }
    answer(status);
}

void count_mark(size_t i) {
    uint32_t times;
    need(mproc_array_get(marks, i, &times, sizeof times), "get");
    times++;
    need(mproc_array_set(marks, i, &times, sizeof times), "set");
}

/* Checks a job, and counts it as done. */
static void do_job(const unsigned char *bytes, size_t length) {
    unsigned char wanted[MAX_JOB];
    uint64_t i = UINT64_MAX;
    if (length >= sizeof i) {
        memcpy(&i, bytes, sizeof i);
    }
    if (i >= mark_count || length != agreed_job(i, wanted) || memcmp(bytes, wanted, length) != 0) {
        say("wrong: %zu bytes are no job", length);
        exit(1);
    }
    count_mark((size_t)i);
}

static void work(void) {
    int way = (int)number(2), status;
    uint64_t done = 0;
    taken_t m;
    while ((status = take_message(&m, way, MPROC_FOREVER)) >= 0) {
        do_job(m.bytes, m.length);
        end_message(&m, way);
        if (way == 1 && !piped()) {
            need(mproc_queue_task_done(queue), "task done");
        }
        if (done++ == 0) {
            say("started");
        }
    }
    answer_next(status == (piped() ? MPROC_EOF : MPROC_ECLOSED) ? MPROC_OK : status, done);
}

static void do_marks(void) {
    if (is(1, "create") || is(1, "open")) {
        mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
        options.type_code = MPROC_TYPE_U32;
        options.ndim = 1;
        options.shape[0] = mark_count = (size_t)number(3);
        mproc_array_close(marks);
        marks = NULL;
        answer(is(1, "open") ? mproc_array_open(NULL, word(2), &options, &marks)
                             : mproc_array_create(NULL, word(2), &options, &marks));
    } else {
        size_t i, never = 0, again = 0;
        uint32_t times;
        for (i = 0; i < mark_count; i++) {
            need(mproc_array_get(marks, i, &times, sizeof times), "get");
            never += times == 0;
            again += times > 1;
        }
        say("%zu %zu", never, again);
    }
}

/* ---- handles that travel ---- */

static const char *program; /* this one, whose neighbours are the workers in other languages */

/* A pair's far end is handed over: it is the receiver's alone. */
static int hand_over(mproc_handle_t **handle) {
    int status;
    if (!piped()) {
        return is(0, "queue") ? mproc_queue_export(queue, handle)
               : is(0, "lock") ? lock_export(handle)
                               : family_export(handle);
    }
    status = mproc_pipe_export(far_end != NULL ? far_end : near_end, handle);
    mproc_pipe_close(far_end);
    far_end = NULL;
    return status;
}

static int open_handle(const mproc_handle_t *handle) {
    if (piped()) {
        mproc_pipe_close(near_end);
        near_end = NULL;
        return mproc_pipe_import(handle, NULL, &near_end);
    }
    if (!is(0, "queue")) {
        return is(0, "lock") ? lock_import(handle) : family_import(handle);
    }
    mproc_queue_close(queue);
    queue = NULL;
    return mproc_queue_import(handle, NULL, &queue);
}

static void give(void) {
    mproc_handle_t *handle = NULL;
    int to = connect_to(word(2));
    if (to < 0) {
        say("connect: %s", strerror(errno));
        exit(1);
    }
    if (well(hand_over(&handle))) {
        answer(mproc_send_handle(to, handle, MPROC_FOREVER, NULL));
    }
    mproc_handle_close(handle);
    close(to);
}

static void take(void) {
    mproc_handle_t *handle = NULL;
    int from = accept_at(word(2));
    if (from < 0) {
        say("accept: %s", strerror(errno));
        exit(1);
    }
    if (well(mproc_recv_handle(from, &handle, MPROC_FOREVER, NULL))) {
        answer(open_handle(handle));
    }
    mproc_handle_close(handle);
    close(from);
}

/* What is between the slashes becomes the other worker's arguments. */
static void spawn(void) {
    char path[512], commands[8][128];
    const char *arguments[9];
    mproc_named_handle_t given = {GIVEN, NULL};
    mproc_handle_t *handle;
    mproc_process_t *process;
    int i, count = 0, code = 0, status;
    snprintf(path, sizeof path, "%.*s%s", (int)(strrchr(program, '-') + 1 - program), program, word(2));
    arguments[0] = path;
    for (i = 3; i < word_count; i++) {
        size_t length = count > 0 ? strlen(commands[count - 1]) : 0;
        if (is(i, "/") && count < 8) {
            commands[count][0] = '\0';
            arguments[count + 1] = commands[count];
            count++;
        } else {
            snprintf(commands[count - 1] + length, sizeof commands[0] - length, "%s ", word(i));
        }
    }
    arguments[count + 1] = NULL;
    if (!well(hand_over(&handle))) {
        return;
    }
    given.handle = handle;
    status = mproc_spawn(arguments, &given, 1, NULL, &process);
    mproc_handle_close(handle); /* the child has its own */
    if (well(status) && well(mproc_process_wait(process, &code, NULL, MPROC_FOREVER, NULL))) {
        say("ended %d", code);
        mproc_process_close(process);
    }
}

static void inherit(void) {
    mproc_handle_t *handle;
    if (well(mproc_inherited(GIVEN, &handle))) {
        answer(open_handle(handle));
        mproc_handle_close(handle);
    }
}

void travel(void) {
    if (is(1, "send")) {
        give();
    } else if (is(1, "receive")) {
        take();
    } else if (is(1, "spawn")) {
        spawn();
    } else if (is(1, "inherit")) {
        inherit();
    } else {
        say("unknown command: %s %s", word(0), word(1));
    }
}

/* ---- queue and pipe ---- */

/* What both have in common. */
static void do_channel(void) {
    uint64_t next = (uint64_t)number(2), last = next + (uint64_t)number(3);
    int way = (int)number(5), status;
    if (is(1, "put")) {
        status = put_messages(&next, last, timeout_ns(4), way);
        answer_next(status, next);
    } else if (is(1, "get")) {
        status = way > 1 ? get_batches(&next, last, timeout_ns(4), (size_t)way)
                         : get_messages(&next, last, timeout_ns(4), way, false);
        answer_next(status, next);
    } else if (is(1, "resume")) {
        status = get_messages(&next, UINT64_MAX, 0, 1, true);
        answer_next(status, next);
    } else if (is(1, "storm")) {
        put_storm();
    } else if (is(1, "devour")) {
        get_storm();
    } else if (is(1, "reserve")) {
        keep_reservation();
    } else if (is(1, "peek") || is(1, "lease")) {
        keep_message();
    } else if (is(1, "commit") || is(1, "abort") || is(1, "release") || is(1, "ack") || is(1, "putback")) {
        end_kept();
    } else if (is(1, "jobs")) {
        put_jobs();
    } else if (is(1, "work")) {
        work();
    } else if (is(1, "cancel")) {
        channel_cancel();
    } else if (is(1, "give")) {
        give();
    } else if (is(1, "take")) {
        take();
    } else if (is(1, "spawn")) {
        spawn();
    } else if (is(1, "inherit")) {
        inherit();
    } else {
        say("unknown command: %s %s", word(0), word(1));
    }
}

static void recovered(int status) {
    if (well(status)) {
        say(status == MPROC_RECOVERED ? "recovered" : "ok");
    }
}

static void do_queue(void) {
    if (is(1, "create") || is(1, "open")) {
        mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
        options.capacity_bytes = (uint64_t)number(3);
        options.flags = is(4, "lease")      ? MPROC_QUEUE_LEASE
                        : is(4, "joinable") ? MPROC_QUEUE_JOINABLE
                        : is(4, "pollable") ? MPROC_POLLABLE
                                            : 0;
        mproc_queue_close(queue);
        queue = NULL;
        answer(is(1, "open") ? mproc_queue_open(NULL, word(2), &options, &queue)
                             : mproc_queue_create(NULL, is(2, "-") ? NULL : word(2), &options, &queue));
    } else if (is(1, "done")) {
        answer(mproc_queue_task_done(queue));
    } else if (is(1, "join")) {
        recovered(mproc_queue_join(queue, timeout_ns(2), NULL));
    } else if (is(1, "produce")) {
        mproc_queue_t *producer;
        if (well(mproc_queue_producer(queue, &producer))) {
            mproc_queue_close(queue);
            queue = producer;
            say("ok");
        }
    } else if (is(1, "shutdown")) {
        answer(mproc_queue_shutdown(queue, is(2, "immediate")));
    } else if (is(1, "size")) {
        size_t items;
        if (well(mproc_queue_size(queue, &items))) {
            say("%zu", items);
        }
    } else if (is(1, "info")) {
        mproc_queue_info_t info;
        if (well(mproc_queue_info(queue, &info, sizeof info))) {
            say("%u 0", (unsigned)info.steals);
        }
    } else if (is(1, "close")) {
        mproc_queue_close(queue);
        queue = NULL;
        kept_count = 0;
        say("ok");
    } else {
        do_channel();
    }
}

typedef struct {
    uint64_t next, last;
    int64_t way;
    int status;
} putter_t;

static void *put_meanwhile(void *argument) {
    putter_t *putter = argument;
    putter->status = put_messages(&putter->next, putter->last, MPROC_FOREVER, putter->way);
    return NULL;
}

static void pipe_exchange(void) {
    uint64_t count = (uint64_t)number(4), next = (uint64_t)number(3);
    putter_t putter = {(uint64_t)number(2), (uint64_t)number(2) + count, number(5), 0};
    pthread_t thread;
    int status;
    if (pthread_create(&thread, NULL, put_meanwhile, &putter) != 0) {
        say("no thread");
        exit(1);
    }
    status = get_messages(&next, next + count, MPROC_FOREVER, (int)number(6), false);
    pthread_join(thread, NULL);
    answer(status < 0 ? status : putter.status);
}

static void say_of_pipe(const mproc_pipe_info_t *info) {
    static const char *const peers[] = {"awaited", "open", "gone"};
    if (is(1, "peer")) {
        say("%s", peers[info->peer]);
    } else if (is(1, "size")) {
        say("%llu %llu", (unsigned long long)info->incoming, (unsigned long long)info->outgoing);
    } else {
        say("%u 0", (unsigned)info->steals);
    }
}

static void do_pipe(void) {
    if (is(1, "create") || is(1, "open")) {
        mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
        mproc_pipe_t **ends[2] = {NULL, NULL};
        options.capacity_bytes = (uint64_t)number(3);
        options.flags = is(5, "oneway") ? MPROC_PIPE_ONEWAY : is(5, "pollable") ? MPROC_POLLABLE : 0;
        mproc_pipe_close(near_end);
        near_end = NULL;
        ends[number(4)] = &near_end;
        answer(is(1, "open") ? mproc_pipe_open(NULL, word(2), &options, (int)number(4), &near_end)
                             : mproc_pipe_create(NULL, word(2), &options, ends[0], ends[1]));
    } else if (is(1, "pair")) {
        mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
        options.capacity_bytes = (uint64_t)number(2);
        mproc_pipe_close(near_end);
        near_end = NULL;
        answer(mproc_pipe_create(NULL, NULL, &options, &near_end, &far_end));
    } else if (is(1, "exchange")) {
        pipe_exchange();
    } else if (is(1, "poll")) {
        answer(mproc_pipe_poll(near_end, timeout_ns(2), NULL));
    } else if (is(1, "peer") || is(1, "size") || is(1, "info")) {
        mproc_pipe_info_t info;
        if (well(mproc_pipe_info(near_end, &info, sizeof info))) {
            say_of_pipe(&info);
        }
    } else if (is(1, "close")) {
        mproc_pipe_close(near_end);
        near_end = NULL;
        kept_count = 0;
        say("ok");
    } else {
        do_channel();
    }
}

/* ---- all commands ---- */

static void run(char *line) {
    char *rest = NULL, *next;
    word_count = 0;
    for (next = strtok_r(line, " \n", &rest); next != NULL && word_count < 40; next = strtok_r(NULL, " \n", &rest)) {
        words[word_count++] = next;
    }
    if (is(0, "lock")) {
        do_lock();
    } else if (is(0, "value")) {
        do_value();
    } else if (is(0, "record")) {
        do_record();
    } else if (is(0, "block")) {
        do_block();
    } else if (is(0, "array")) {
        do_array();
    } else if (is(0, "cells")) {
        do_cells();
    } else if (is(0, "queue")) {
        do_queue();
    } else if (is(0, "pipe")) {
        do_pipe();
    } else if (is(0, "marks")) {
        do_marks();
    } else if (do_family() || do_container()) {
        return;
    } else if (is(0, "wait")) {
        do_wait();
    } else if (is(0, "unlink")) {
        answer(mproc_domain_unlink(NULL, word(1)));
    } else if (is(0, "sweep")) {
        answer(mproc_domain_sweep(NULL, NULL));
    } else {
        say("unknown command: %s", word(0));
    }
}

int main(int argc, char **argv) {
    static char line[1024];
    int i;
    program = argv[0];
    for (i = 1; i < argc; i++) {
        snprintf(line, sizeof line, "%s", argv[i]);
        run(line);
    }
    while (argc == 1 && fgets(line, sizeof line, stdin) != NULL) {
        run(line);
    }
    family_close();
    containers_close();
    lock_close();
    mproc_value_close(value);
    mproc_value_close(record);
    mproc_value_close(block);
    mproc_value_close(block_done);
    mproc_array_close(array);
    mproc_array_close(cells);
    mproc_array_close(marks);
    mproc_queue_close(queue);
    mproc_pipe_close(near_end);
    mproc_pipe_close(far_end);
    return 0;
}
