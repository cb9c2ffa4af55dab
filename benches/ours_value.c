/* Ours: values and arrays, through the C calls. */
#include "ours.h"

enum { NUMBER, STRUCTURE };

static const char *setup_value(struct run *run)
{
    mproc_value_t *value;
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    options.type_code = run->side->option == STRUCTURE ? MPROC_TYPE_STRUCT : MPROC_TYPE_I64;
    options.elem_size = run->side->option == STRUCTURE ? STRUCT_BYTES : 0;
    ours_check(mproc_value_create(ours_domain, "value", &options, &value), "mproc_value_create");
    run->state = value;
    return NULL;
}

static void teardown_value(struct run *run) { mproc_value_close(run->state); }

static const char *setup_array(struct run *run)
{
    mproc_array_t *array;
    mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
    options.type_code = MPROC_TYPE_I64;
    options.ndim = 1;
    options.shape[0] = ARRAY_LENGTH;
    ours_check(mproc_array_create(ours_domain, "array", &options, &array), "mproc_array_create");
    run->state = array;
    return NULL;
}

static void teardown_array(struct run *run) { mproc_array_close(run->state); }

static void *open_value(void)
{
    mproc_value_t *value;
    ours_check(mproc_value_open(ours_domain, "value", NULL, &value), "mproc_value_open");
    return value;
}

static void *open_array(void)
{
    mproc_array_t *array;
    ours_check(mproc_array_open(ours_domain, "array", NULL, &array), "mproc_array_open");
    return array;
}

static void add(void *ctx, uint64_t i)
{
    (void)i;
    ours_check(mproc_value_add(ctx, 1, NULL), "mproc_value_add");
}

static void get(void *ctx, uint64_t i)
{
    int64_t number;
    (void)i;
    ours_check(mproc_value_get_i64(ctx, &number), "mproc_value_get_i64");
    __asm__ volatile("" ::"r"(number));
}

static void set(void *ctx, uint64_t i) { ours_check(mproc_value_set_i64(ctx, (int64_t)i), "mproc_value_set_i64"); }

static void load(void *ctx, uint64_t i)
{
    int64_t number;
    (void)i;
    ours_check(mproc_value_load(ctx, &number, sizeof number), "mproc_value_load");
    __asm__ volatile("" ::"r"(number));
}

static void store(void *ctx, uint64_t i) { ours_check(mproc_value_store(ctx, &i, sizeof i), "mproc_value_store"); }

static void snapshot_load(void *ctx, uint64_t i)
{
    unsigned char mine[STRUCT_BYTES];
    (void)i;
    ours_check(mproc_value_load(ctx, mine, sizeof mine), "mproc_value_load");
    __asm__ volatile("" ::"r"(mine) : "memory");
}

static void snapshot_store(void *ctx, uint64_t i)
{
    unsigned char mine[STRUCT_BYTES];
    (void)i;
    memset(mine, 1, sizeof mine);
    ours_check(mproc_value_store(ctx, mine, sizeof mine), "mproc_value_store");
}

static void array_get(void *ctx, uint64_t i)
{
    int64_t number;
    ours_check(mproc_array_get(ctx, i % ARRAY_LENGTH, &number, sizeof number), "mproc_array_get");
    __asm__ volatile("" ::"r"(number));
}

static void array_set(void *ctx, uint64_t i)
{
    ours_check(mproc_array_set(ctx, i % ARRAY_LENGTH, &i, sizeof i), "mproc_array_set");
}

static void array_read(void *ctx, uint64_t i)
{
    int64_t mine[ARRAY_LENGTH];
    (void)i;
    ours_check(mproc_array_read(ctx, 0, ARRAY_LENGTH, mine, sizeof mine), "mproc_array_read");
    __asm__ volatile("" ::"r"(mine) : "memory");
}

#define SIDE(object, op, what, called)                                                                                \
    static void body_##op(struct run *run)                                                                            \
    {                                                                                                                 \
        void *handle = open_##object();                                                                               \
        loop_op(run, handle, op);                                                                                     \
        mproc_##object##_close(handle);                                                                               \
    }                                                                                                                 \
    const struct side ours_##op = {.name = called, .members = 1, .option = what, .setup = setup_##object, \
                                   .body = body_##op, .teardown = teardown_##object}

SIDE(value, add, NUMBER, "mproc_value_add");
SIDE(value, get, NUMBER, "mproc_value_get_i64");
SIDE(value, set, NUMBER, "mproc_value_set_i64");
SIDE(value, load, NUMBER, "mproc_value_load");
SIDE(value, store, NUMBER, "mproc_value_store");
SIDE(value, snapshot_load, STRUCTURE, "mproc_value_load");
SIDE(value, snapshot_store, STRUCTURE, "mproc_value_store");
SIDE(array, array_get, NUMBER, "mproc_array_get");
SIDE(array, array_set, NUMBER, "mproc_array_set");
SIDE(array, array_read, NUMBER, "mproc_array_read");
