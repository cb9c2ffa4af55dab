/*
 * Bad input: every exported function with NULL in every pointer position, and then unknown types and
 * flags, absurd sizes, names that are none, mismatches, use after shutdown. Each has its documented status.
 *
 * argv[1] is the list of exported symbols: a function that is not called here fails the test.
 */
#include "check.h"

#include <stdint.h>
#include <sys/socket.h>

enum { MOST_FUNCTIONS = 512 };

static const char *covered[MOST_FUNCTIONS];
static int covered_count;

static void cover(const char *name) {
    int i;
    for (i = 0; i < covered_count; i++) {
        if (strcmp(covered[i], name) == 0) {
            return;
        }
    }
    if (covered_count < MOST_FUNCTIONS) {
        covered[covered_count++] = name;
    }
}

/* A call whose pointer arguments are under test here. */
#define CALL(status, function, ...) (cover(#function), CHECK_IS(status, function(__VA_ARGS__)))
/* A function that has no pointers or returns nothing. */
#define COVER(function) (cover(#function), (void)0)

#define FOREVER MPROC_FOREVER
/* An output that must still be what it was after a failed call. */
#define SENTINEL(type) ((type *)(void *)&sentinel)

static char sentinel;

static struct {
    mproc_domain_t *domain;
    mproc_cancel_t *cancel;
    mproc_lock_t *lock;
    mproc_value_t *number; /* named "number", i32 */
    mproc_value_t *real;
    mproc_value_t *record; /* a SNAPSHOT struct of 16 bytes */
    mproc_array_t *array;  /* 10 of i32 */
    mproc_queue_t *queue;
    mproc_pipe_t *pipe; /* end 0 of "pipe" */
    mproc_pipe_t *peer; /* end 1 */
    mproc_rlock_t *rlock;
    mproc_rwlock_t *rwlock;
    mproc_semaphore_t *semaphore; /* 1 */
    mproc_condition_t *condition; /* with a lock of its own */
    mproc_event_t *event;
    mproc_barrier_t *barrier; /* 2 parties */
    mproc_dict_t *dict;       /* {"k": 1} */
    mproc_list_t *list;       /* [1] */
    mproc_namespace_t *names; /* {"k": 1} */
    const mproc_arena_t *arena; /* of the dict */
    mproc_builder_t *builder;
    mproc_handle_t *handle; /* on the value "number" */
    mproc_process_t *process;
} ok;

static mproc_value_options_t value_options(int32_t type) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    options.type_code = type;
    return options;
}

static mproc_array_options_t array_options(int32_t type, size_t length) {
    mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
    options.type_code = type;
    options.ndim = 1;
    options.shape[0] = length;
    return options;
}

static mproc_barrier_options_t barrier_options(uint32_t parties) {
    mproc_barrier_options_t options = MPROC_BARRIER_OPTIONS_INIT;
    options.parties = parties;
    return options;
}

static const char *const run_true[] = {"true", NULL};

static void make_good_ones(void) {
    mproc_value_options_t number = value_options(MPROC_TYPE_I32), real = value_options(MPROC_TYPE_F64),
                          record = value_options(MPROC_TYPE_STRUCT);
    mproc_array_options_t array = array_options(MPROC_TYPE_I32, 10);
    mproc_barrier_options_t two = barrier_options(2);
    record.elem_size = 16;
    NEED_OK(mproc_domain_open(NULL, &ok.domain));
    NEED_OK(mproc_cancel_create(&ok.cancel));
    NEED_OK(mproc_lock_create(ok.domain, "lock", NULL, &ok.lock));
    NEED_OK(mproc_value_create(ok.domain, "number", &number, &ok.number));
    NEED_OK(mproc_value_create(ok.domain, NULL, &real, &ok.real));
    NEED_OK(mproc_value_create(ok.domain, NULL, &record, &ok.record));
    NEED_OK(mproc_array_create(ok.domain, "array", &array, &ok.array));
    NEED_OK(mproc_queue_create(ok.domain, "queue", NULL, &ok.queue));
    NEED_OK(mproc_pipe_create(ok.domain, "pipe", NULL, &ok.pipe, &ok.peer));
    NEED_OK(mproc_rlock_create(ok.domain, "rlock", NULL, &ok.rlock));
    NEED_OK(mproc_rwlock_create(ok.domain, "rwlock", NULL, &ok.rwlock));
    NEED_OK(mproc_semaphore_create(ok.domain, "semaphore", NULL, &ok.semaphore));
    NEED_OK(mproc_condition_create(ok.domain, "condition", NULL, &ok.condition));
    NEED_OK(mproc_event_create(ok.domain, "event", NULL, &ok.event));
    NEED_OK(mproc_barrier_create(ok.domain, "barrier", &two, &ok.barrier));
    NEED_OK(mproc_dict_create(ok.domain, "dict", NULL, &ok.dict));
    NEED_OK(mproc_dict_set(ok.dict, mproc_datum_str("k"), mproc_datum_int(1)));
    NEED_OK(mproc_dict_arena(ok.dict, &ok.arena));
    NEED_OK(mproc_list_create(ok.domain, "list", NULL, &ok.list));
    NEED_OK(mproc_list_append(ok.list, mproc_datum_int(1)));
    NEED_OK(mproc_namespace_create(ok.domain, "namespace", NULL, &ok.names));
    NEED_OK(mproc_namespace_set(ok.names, "k", mproc_datum_int(1)));
    NEED_OK(mproc_builder_create(&ok.builder));
    NEED_OK(mproc_value_export(ok.number, &ok.handle));
    NEED_OK(mproc_spawn(run_true, NULL, 0, NULL, &ok.process));
}

static void close_good_ones(void) {
    CHECK_OK(mproc_process_wait(ok.process, NULL, NULL, FOREVER, NULL));
    mproc_process_close(ok.process);
    mproc_handle_close(ok.handle);
    mproc_builder_close(ok.builder);
    mproc_namespace_close(ok.names);
    mproc_list_close(ok.list);
    mproc_dict_close(ok.dict);
    mproc_barrier_close(ok.barrier);
    mproc_event_close(ok.event);
    mproc_condition_close(ok.condition);
    mproc_semaphore_close(ok.semaphore);
    mproc_rwlock_close(ok.rwlock);
    mproc_rlock_close(ok.rlock);
    mproc_pipe_close(ok.peer);
    mproc_pipe_close(ok.pipe);
    mproc_queue_close(ok.queue);
    mproc_array_close(ok.array);
    mproc_value_close(ok.record);
    mproc_value_close(ok.real);
    mproc_value_close(ok.number);
    mproc_lock_close(ok.lock);
    mproc_cancel_close(ok.cancel);
    mproc_domain_close(ok.domain);
}

static void null_nowhere_needed(void) {
    COVER(mproc_version);
    CHECK(mproc_version() != NULL);
    COVER(mproc_abi_version);
    COVER(mproc_layout_version);
    COVER(mproc_strerror);
    CHECK(mproc_strerror(INT32_MIN) != NULL && mproc_strerror(INT32_MAX) != NULL);
    COVER(mproc_status_name);
    CHECK(mproc_status_name(INT32_MIN) != NULL && mproc_status_name(INT32_MAX) != NULL);
    COVER(mproc_domain_close);
    mproc_domain_close(NULL);
    COVER(mproc_cancel_close);
    mproc_cancel_close(NULL);
    COVER(mproc_lock_close);
    mproc_lock_close(NULL);
    COVER(mproc_value_close);
    mproc_value_close(NULL);
    COVER(mproc_array_close);
    mproc_array_close(NULL);
    COVER(mproc_queue_close);
    mproc_queue_close(NULL);
    COVER(mproc_pipe_close);
    mproc_pipe_close(NULL);
    COVER(mproc_rlock_close);
    mproc_rlock_close(NULL);
    COVER(mproc_rwlock_close);
    mproc_rwlock_close(NULL);
    COVER(mproc_semaphore_close);
    mproc_semaphore_close(NULL);
    COVER(mproc_condition_close);
    mproc_condition_close(NULL);
    COVER(mproc_event_close);
    mproc_event_close(NULL);
    COVER(mproc_barrier_close);
    mproc_barrier_close(NULL);
    COVER(mproc_dict_close);
    mproc_dict_close(NULL);
    COVER(mproc_list_close);
    mproc_list_close(NULL);
    COVER(mproc_namespace_close);
    mproc_namespace_close(NULL);
    COVER(mproc_iter_close);
    mproc_iter_close(NULL);
    COVER(mproc_handle_close);
    mproc_handle_close(NULL);
    COVER(mproc_process_close);
    mproc_process_close(NULL);
}

static void null_small(void) {
    mproc_error_t error;
    int set = 0;

    CALL(MPROC_EINVAL, mproc_last_error, NULL, sizeof error);
    CALL(MPROC_EINVAL, mproc_last_error, &error, 0);
    CALL(MPROC_OK, mproc_last_error, &error, sizeof error);
    CALL(MPROC_EINVAL, mproc_type_from_typecode, 'i', NULL);
    CALL(MPROC_EINVAL, mproc_type_size, MPROC_TYPE_I32, NULL);
    CALL(MPROC_EINVAL, mproc_cancel_create, NULL);
    CALL(MPROC_EINVAL, mproc_cancel_set, NULL);
    CALL(MPROC_EINVAL, mproc_cancel_clear, NULL);
    CALL(MPROC_EINVAL, mproc_cancel_is_set, NULL, &set);
    CALL(MPROC_EINVAL, mproc_cancel_is_set, ok.cancel, NULL);
}

static void null_domain(void) {
    mproc_domain_t *domain = SENTINEL(mproc_domain_t);
    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_owner_t owner;
    uint8_t id[16];
    char path[256];
    size_t len;

    CALL(MPROC_EINVAL, mproc_domain_open, NULL, NULL);
    CALL(MPROC_EINVAL, mproc_domain_open, &options, NULL);
    CALL(MPROC_OK, mproc_domain_open, &options, &domain); /* path NULL: the default domain */
    mproc_domain_close(domain);
    CALL(MPROC_EINVAL, mproc_domain_path, ok.domain, NULL, sizeof path, &len);
    CALL(MPROC_EINVAL, mproc_domain_path, ok.domain, NULL, 0, &len);
    CALL(MPROC_OK, mproc_domain_path, NULL, path, sizeof path, &len);
    CALL(MPROC_OK, mproc_domain_path, ok.domain, path, sizeof path, NULL);
    CALL(MPROC_EMSGSIZE, mproc_domain_path, ok.domain, path, 1, NULL);
    CALL(MPROC_EINVAL, mproc_domain_id, ok.domain, NULL);
    CALL(MPROC_OK, mproc_domain_id, NULL, id);
    CALL(MPROC_EINVAL, mproc_domain_self, ok.domain, NULL, sizeof owner);
    CALL(MPROC_EINVAL, mproc_domain_self, ok.domain, &owner, 0);
    CALL(MPROC_OK, mproc_domain_self, NULL, &owner, sizeof owner);
    CALL(MPROC_EINVAL, mproc_domain_unlink, ok.domain, NULL);
    CALL(MPROC_EINVAL, mproc_domain_unlink, NULL, NULL);
    CALL(MPROC_ENOENT, mproc_domain_unlink, NULL, "nothing");
    CALL(MPROC_OK, mproc_domain_sweep, NULL, NULL);
    CALL(MPROC_OK, mproc_domain_sweep, ok.domain, NULL);
    CALL(MPROC_OK, mproc_domain_sweep, NULL, &len);
    CALL(MPROC_EINVAL, mproc_domain_remove, NULL);
}

static void null_lock(void) {
    mproc_lock_t *lock = SENTINEL(mproc_lock_t);
    mproc_owner_t owner;
    uint64_t token = 4711;

    CALL(MPROC_EINVAL, mproc_lock_create, ok.domain, "new", NULL, NULL);
    CALL(MPROC_ENOENT, mproc_lock_open, ok.domain, "new", NULL, &lock); /* nothing was made */
    CALL(MPROC_EINVAL, mproc_lock_open, ok.domain, NULL, NULL, &lock);
    CALL(MPROC_EINVAL, mproc_lock_open, ok.domain, "lock", NULL, NULL);
    CHECK(lock == SENTINEL(mproc_lock_t));
    CALL(MPROC_OK, mproc_lock_open, NULL, "lock", NULL, &lock);
    mproc_lock_close(lock);
    CALL(MPROC_OK, mproc_lock_create, NULL, NULL, NULL, &lock);
    mproc_lock_close(lock);
    CALL(MPROC_EINVAL, mproc_lock_lock, NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_lock_lock, NULL, 0, NULL);
    CALL(MPROC_EINVAL, mproc_lock_try, NULL);
    CALL(MPROC_EINVAL, mproc_lock_unlock, NULL);
    CALL(MPROC_EINVAL, mproc_lock_owner, NULL, &owner, sizeof owner);
    CALL(MPROC_EINVAL, mproc_lock_owner, ok.lock, NULL, sizeof owner);
    CALL(MPROC_EINVAL, mproc_lock_owner, ok.lock, &owner, 0);
    CALL(MPROC_EINVAL, mproc_lock_token, NULL, &token);
    CALL(MPROC_EINVAL, mproc_lock_token, ok.lock, NULL);
    CALL(MPROC_EPERM, mproc_lock_token, ok.lock, &token);
    CHECK(token == 4711);
}

static void null_value(void) {
    mproc_value_t *value = SENTINEL(mproc_value_t);
    mproc_value_options_t options = value_options(MPROC_TYPE_I32);
    mproc_value_info_t info;
    mproc_owner_t owner;
    int32_t in = 1, out = 2;
    int swapped = 7;
    int64_t number = 0;
    double real = 0;
    void *pointer = NULL;

    CALL(MPROC_EINVAL, mproc_value_create, ok.domain, "new", NULL, &value);
    CALL(MPROC_EINVAL, mproc_value_create, ok.domain, "new", &options, NULL);
    CALL(MPROC_ENOENT, mproc_value_open, ok.domain, "new", NULL, &value);
    CALL(MPROC_EINVAL, mproc_value_open, ok.domain, NULL, &options, &value);
    CALL(MPROC_EINVAL, mproc_value_open, ok.domain, "number", &options, NULL);
    CHECK(value == SENTINEL(mproc_value_t));
    CALL(MPROC_OK, mproc_value_open, NULL, "number", NULL, &value);
    mproc_value_close(value);
    CALL(MPROC_OK, mproc_value_create, NULL, NULL, &options, &value);
    mproc_value_close(value);

    CALL(MPROC_EINVAL, mproc_value_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_value_info, ok.number, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_value_load, NULL, &out, sizeof out);
    CALL(MPROC_EINVAL, mproc_value_load, ok.number, NULL, sizeof out);
    CALL(MPROC_EINVAL, mproc_value_store, NULL, &in, sizeof in);
    CALL(MPROC_EINVAL, mproc_value_store, ok.number, NULL, sizeof in);
    CALL(MPROC_EINVAL, mproc_value_exchange, NULL, &in, &out, sizeof in);
    CALL(MPROC_EINVAL, mproc_value_exchange, ok.number, NULL, &out, sizeof in);
    CALL(MPROC_OK, mproc_value_exchange, ok.number, &in, NULL, sizeof in);
    CALL(MPROC_EINVAL, mproc_value_compare_exchange, NULL, &in, &in, sizeof in, &out, &swapped);
    CALL(MPROC_EINVAL, mproc_value_compare_exchange, ok.number, NULL, &in, sizeof in, &out, &swapped);
    CALL(MPROC_EINVAL, mproc_value_compare_exchange, ok.number, &in, NULL, sizeof in, &out, &swapped);
    CALL(MPROC_EINVAL, mproc_value_compare_exchange, ok.number, &in, &in, sizeof in, &out, NULL);
    CHECK_INT(7, swapped);
    CHECK_INT(2, out);
    CALL(MPROC_OK, mproc_value_compare_exchange, ok.number, &in, &in, sizeof in, NULL, &swapped);
    CALL(MPROC_EINVAL, mproc_value_fetch_i64, NULL, MPROC_OP_ADD, 1, &number);
    CALL(MPROC_OK, mproc_value_fetch_i64, ok.number, MPROC_OP_ADD, 1, NULL);
    CALL(MPROC_EINVAL, mproc_value_fetch_f64, NULL, MPROC_OP_ADD, 1.0, &real);
    CALL(MPROC_OK, mproc_value_fetch_f64, ok.real, MPROC_OP_ADD, 1.0, NULL);
    CALL(MPROC_EINVAL, mproc_value_add, NULL, 1, &number);
    CALL(MPROC_OK, mproc_value_add, ok.number, 1, NULL);
    CALL(MPROC_EINVAL, mproc_value_get_i64, NULL, &number);
    CALL(MPROC_EINVAL, mproc_value_get_i64, ok.number, NULL);
    CALL(MPROC_EINVAL, mproc_value_set_i64, NULL, 1);
    CALL(MPROC_EINVAL, mproc_value_get_f64, NULL, &real);
    CALL(MPROC_EINVAL, mproc_value_get_f64, ok.real, NULL);
    CALL(MPROC_EINVAL, mproc_value_set_f64, NULL, 1.0);
    CALL(MPROC_EINVAL, mproc_value_ptr, NULL, &pointer);
    CALL(MPROC_EINVAL, mproc_value_ptr, ok.number, NULL);
    CALL(MPROC_EINVAL, mproc_value_lock, NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_value_unlock, NULL);
    CALL(MPROC_EINVAL, mproc_value_lock_owner, NULL, &owner, sizeof owner);
    CALL(MPROC_EINVAL, mproc_value_lock_owner, ok.number, NULL, sizeof owner);
    CALL(MPROC_EINVAL, mproc_value_lock_owner, ok.number, &owner, 0);
}

static void null_array(void) {
    mproc_array_t *array = SENTINEL(mproc_array_t);
    mproc_array_options_t options = array_options(MPROC_TYPE_I32, 10);
    mproc_array_info_t info;
    mproc_owner_t owner;
    int32_t two[2] = {1, 2};
    size_t zero = 0, flat = 7;
    void *pointer = NULL;

    CALL(MPROC_EINVAL, mproc_array_create, ok.domain, "new", NULL, &array);
    CALL(MPROC_EINVAL, mproc_array_create, ok.domain, "new", &options, NULL);
    CALL(MPROC_ENOENT, mproc_array_open, ok.domain, "new", NULL, &array);
    CALL(MPROC_EINVAL, mproc_array_open, ok.domain, NULL, &options, &array);
    CALL(MPROC_EINVAL, mproc_array_open, ok.domain, "array", &options, NULL);
    CHECK(array == SENTINEL(mproc_array_t));
    CALL(MPROC_OK, mproc_array_open, NULL, "array", NULL, &array);
    mproc_array_close(array);
    CALL(MPROC_OK, mproc_array_create, NULL, NULL, &options, &array);
    mproc_array_close(array);

    CALL(MPROC_EINVAL, mproc_array_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_array_info, ok.array, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_array_info, ok.array, &info, 0);
    CALL(MPROC_EINVAL, mproc_array_ptr, NULL, &pointer);
    CALL(MPROC_EINVAL, mproc_array_ptr, ok.array, NULL);
    CALL(MPROC_EINVAL, mproc_array_get, NULL, 0, two, 4);
    CALL(MPROC_EINVAL, mproc_array_get, ok.array, 0, NULL, 4);
    CALL(MPROC_EINVAL, mproc_array_set, NULL, 0, two, 4);
    CALL(MPROC_EINVAL, mproc_array_set, ok.array, 0, NULL, 4);
    CALL(MPROC_EINVAL, mproc_array_index, NULL, &zero, 1, &flat);
    CALL(MPROC_EINVAL, mproc_array_index, ok.array, NULL, 1, &flat);
    CALL(MPROC_EINVAL, mproc_array_index, ok.array, &zero, 1, NULL);
    CALL(MPROC_EINVAL, mproc_array_read, NULL, 0, 2, two, 8);
    CALL(MPROC_EINVAL, mproc_array_read, ok.array, 0, 2, NULL, 8);
    CALL(MPROC_EINVAL, mproc_array_write, NULL, 0, 2, two, 8);
    CALL(MPROC_EINVAL, mproc_array_write, ok.array, 0, 2, NULL, 8);
    CALL(MPROC_EINVAL, mproc_array_lock, NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_array_unlock, NULL);
    CALL(MPROC_EINVAL, mproc_array_lock_owner, NULL, &owner, sizeof owner);
    CALL(MPROC_EINVAL, mproc_array_lock_owner, ok.array, NULL, sizeof owner);
    CALL(MPROC_EINVAL, mproc_array_lock_owner, ok.array, &owner, 0);
    CHECK_INT(7, flat);
}

static void null_queue(void) {
    mproc_queue_t *queue = SENTINEL(mproc_queue_t);
    mproc_queue_info_t info;
    mproc_message_t none[2] = {{"good", 4}, {NULL, 4}};
    char buf[16];
    size_t len = 7, lens[2], count = 7, items = 0;
    int flag = 0;

    CALL(MPROC_EINVAL, mproc_queue_create, ok.domain, "new", NULL, NULL);
    CALL(MPROC_ENOENT, mproc_queue_open, ok.domain, "new", NULL, &queue);
    CALL(MPROC_EINVAL, mproc_queue_open, ok.domain, NULL, NULL, &queue);
    CALL(MPROC_EINVAL, mproc_queue_open, ok.domain, "queue", NULL, NULL);
    CHECK(queue == SENTINEL(mproc_queue_t));
    CALL(MPROC_OK, mproc_queue_open, NULL, "queue", NULL, &queue);
    mproc_queue_close(queue);
    CALL(MPROC_OK, mproc_queue_create, NULL, NULL, NULL, &queue);
    mproc_queue_close(queue);

    CALL(MPROC_EINVAL, mproc_queue_put, NULL, "x", 1, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_queue_put, ok.queue, NULL, 1, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_put_if_token, NULL, "x", 1, 1, 0, NULL);
    CALL(MPROC_EINVAL, mproc_queue_put_if_token, ok.queue, NULL, 1, 1, 0, NULL);
    CALL(MPROC_EINVAL, mproc_queue_put_if_token, ok.queue, "x", 1, 0, 0, NULL);
    CALL(MPROC_EINVAL, mproc_queue_put_many, NULL, none, 1, &count, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_queue_put_many, ok.queue, NULL, 1, &count, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_put_many, ok.queue, none, 2, &count, FOREVER, NULL);
    CHECK_INT(7, count);
    CALL(MPROC_OK, mproc_queue_size, ok.queue, &items);
    CHECK_INT(0, items);
    CALL(MPROC_OK, mproc_queue_put_many, ok.queue, none, 1, NULL, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_get, NULL, buf, sizeof buf, &len, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_queue_get, ok.queue, NULL, sizeof buf, &len, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_get, ok.queue, buf, sizeof buf, NULL, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_get_many, NULL, buf, sizeof buf, lens, 2, &count, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_queue_get_many, ok.queue, NULL, sizeof buf, lens, 2, &count, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_get_many, ok.queue, buf, sizeof buf, NULL, 2, &count, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_get_many, ok.queue, buf, sizeof buf, lens, 2, NULL, FOREVER, NULL);
    CHECK_INT(7, len);
    CHECK_INT(7, count);
    CALL(MPROC_OK, mproc_queue_get, ok.queue, buf, sizeof buf, &len, 0, NULL); /* none of these took it */
    CHECK(len == 4 && memcmp(buf, "good", 4) == 0);
    CALL(MPROC_EINVAL, mproc_queue_size, NULL, &items);
    CALL(MPROC_EINVAL, mproc_queue_size, ok.queue, NULL);
    CALL(MPROC_EINVAL, mproc_queue_empty, NULL, &flag);
    CALL(MPROC_EINVAL, mproc_queue_empty, ok.queue, NULL);
    CALL(MPROC_EINVAL, mproc_queue_full, NULL, &flag);
    CALL(MPROC_EINVAL, mproc_queue_full, ok.queue, NULL);
    CALL(MPROC_EINVAL, mproc_queue_shutdown, NULL, 0);
    CALL(MPROC_EINVAL, mproc_queue_shutdown, NULL, 1);
    CALL(MPROC_EINVAL, mproc_queue_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_queue_info, ok.queue, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_queue_info, ok.queue, &info, 0);
}

static void null_datum(void) {
    mproc_builder_t *builder = SENTINEL(mproc_builder_t);
    mproc_reader_t reader;
    mproc_datum_t d = mproc_datum_absent(), bad = mproc_datum_nil();
    char buf[16];
    size_t len = 7;
    int answer = 7;

    COVER(mproc_datum_nil), COVER(mproc_datum_bool), COVER(mproc_datum_int), COVER(mproc_datum_uint);
    COVER(mproc_datum_float), COVER(mproc_datum_new), COVER(mproc_datum_absent);
    cover("mproc_datum_str"), CHECK_INT(MPROC_DATUM_NIL, mproc_datum_str(NULL).type);
    cover("mproc_datum_strn"), CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_strn(NULL, 1)));
    cover("mproc_datum_bytes"), CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_bytes(NULL, 1)));
    cover("mproc_datum_packed"), CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_packed(NULL, 1)));
    cover("mproc_datum_ref"), CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_ref(MPROC_KIND_QUEUE, NULL)));
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_packed("", SIZE_MAX)));
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_strn("", SIZE_MAX)));

    bad.type = 4711;
    CALL(MPROC_EINVAL, mproc_datum_check, bad);
    CALL(MPROC_EINVAL, mproc_datum_compare, d, d, NULL);
    CALL(MPROC_EINVAL, mproc_datum_compare, bad, d, &answer);
    CALL(MPROC_EINVAL, mproc_datum_equal, d, d, NULL);
    CALL(MPROC_EINVAL, mproc_datum_equal, d, bad, &answer);
    CHECK_INT(7, answer);
    CALL(MPROC_EINVAL, mproc_datum_encode, mproc_datum_nil(), NULL, 1, &len);
    CALL(MPROC_EINVAL, mproc_datum_encode, mproc_datum_nil(), buf, sizeof buf, NULL);
    CALL(MPROC_EINVAL, mproc_datum_encode, mproc_datum_nil(), buf, SIZE_MAX, &len);
    CALL(MPROC_EINVAL, mproc_datum_encode, bad, buf, sizeof buf, &len);
    CALL(MPROC_EINVAL, mproc_datum_decode, NULL, 1, &d);
    CALL(MPROC_EINVAL, mproc_datum_decode, "\xc0", 1, NULL);
    CALL(MPROC_EINVAL, mproc_datum_decode, "\xc0", 0, &d);
    CALL(MPROC_EINVAL, mproc_datum_to_json, mproc_datum_nil(), 0, NULL, 5, &len);
    CALL(MPROC_EINVAL, mproc_datum_to_json, mproc_datum_nil(), 2, buf, sizeof buf, &len);
    CALL(MPROC_EINVAL, mproc_datum_to_json, bad, 0, buf, sizeof buf, &len);
    CHECK_INT(7, len);
    CALL(MPROC_OK, mproc_datum_to_json, mproc_datum_nil(), 0, buf, sizeof buf, NULL);

    CALL(MPROC_EINVAL, mproc_builder_create, NULL);
    CALL(MPROC_EINVAL, mproc_builder_reset, NULL);
    CALL(MPROC_EINVAL, mproc_builder_add, NULL, mproc_datum_nil());
    CALL(MPROC_EINVAL, mproc_builder_begin_list, NULL);
    CALL(MPROC_EINVAL, mproc_builder_begin_map, NULL);
    CALL(MPROC_EINVAL, mproc_builder_end, NULL);
    CALL(MPROC_EINVAL, mproc_builder_add_json, NULL, "1", 1);
    CALL(MPROC_EINVAL, mproc_builder_datum, NULL, &d);
    CALL(MPROC_OK, mproc_builder_create, &builder);
    CALL(MPROC_EINVAL, mproc_builder_add, builder, bad);
    CALL(MPROC_EINVAL, mproc_builder_add_json, builder, NULL, 1);
    CALL(MPROC_EINVAL, mproc_builder_datum, builder, &d);
    CALL(MPROC_OK, mproc_builder_add_json, builder, "[1]", 3);
    CALL(MPROC_EINVAL, mproc_builder_datum, builder, NULL);
    mproc_builder_close(builder);
    cover("mproc_builder_close"), mproc_builder_close(NULL);

    CALL(MPROC_EINVAL, mproc_reader_init, NULL, mproc_datum_packed("\x91\1", 2), &len);
    CALL(MPROC_EINVAL, mproc_reader_init, &reader, bad, &len);
    CHECK_INT(7, len);
    CALL(MPROC_OK, mproc_reader_init, &reader, mproc_datum_packed("\x91\1", 2), NULL);
    CALL(MPROC_EINVAL, mproc_reader_next, NULL, &d);
    CALL(MPROC_EINVAL, mproc_reader_next, &reader, NULL);
    CHECK_INT(MPROC_DATUM_ABSENT, d.type);
    CALL(MPROC_OK, mproc_reader_next, &reader, &d); /* it is still there */
    CHECK_INT(1, d.as.i);

    CALL(MPROC_EINVAL, mproc_queue_put_datum, NULL, d, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_queue_put_datum, ok.queue, bad, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_put_datum, ok.queue, d, -2, NULL);
    CALL(MPROC_OK, mproc_queue_put_datum, ok.queue, d, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_get_datum, NULL, buf, sizeof buf, &d, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_queue_get_datum, ok.queue, NULL, sizeof buf, &d, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_get_datum, ok.queue, buf, sizeof buf, NULL, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_get_datum, ok.queue, buf, sizeof buf, &d, -2, NULL);
    CALL(MPROC_OK, mproc_queue_get_datum, ok.queue, buf, sizeof buf, &d, 0, NULL); /* none of these took it */
    CHECK_INT(1, d.as.i);
    CALL(MPROC_EINVAL, mproc_pipe_send_datum, NULL, d, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_pipe_send_datum, ok.peer, bad, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_send_datum, ok.peer, d, -2, NULL);
    CALL(MPROC_OK, mproc_pipe_send_datum, ok.peer, d, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_recv_datum, NULL, buf, sizeof buf, &d, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_pipe_recv_datum, ok.pipe, NULL, sizeof buf, &d, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_recv_datum, ok.pipe, buf, sizeof buf, NULL, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_recv_datum, ok.pipe, buf, sizeof buf, &d, -2, NULL);
    CALL(MPROC_OK, mproc_pipe_recv_datum, ok.pipe, buf, sizeof buf, &d, 0, NULL);
    CHECK_INT(1, d.as.i);
}

static void null_queue_in_place(void) {
    mproc_queue_t *queue = SENTINEL(mproc_queue_t);
    mproc_view_t view;
    uint64_t lease = 7;
    char buf[16];
    size_t len = 7, items = 9;

    memset(&view, '#', sizeof view);
    CALL(MPROC_EINVAL, mproc_queue_reserve, NULL, 1, &view, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_queue_reserve, ok.queue, 1, NULL, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_commit, NULL, 0, 0);
    CALL(MPROC_EPERM, mproc_queue_commit, ok.queue, 0, 0);
    CALL(MPROC_EINVAL, mproc_queue_abort, NULL, 0);
    CALL(MPROC_EPERM, mproc_queue_abort, ok.queue, UINT64_MAX);
    CALL(MPROC_OK, mproc_queue_size, ok.queue, &items); /* none of these reserved or put anything */
    CHECK_INT(0, items);
    CALL(MPROC_OK, mproc_queue_put, ok.queue, "good", 4, 0, NULL);
    CALL(MPROC_EINVAL, mproc_queue_peek, NULL, &view, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_queue_peek, ok.queue, NULL, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_lease, NULL, buf, sizeof buf, &len, &lease, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_queue_lease, ok.queue, NULL, sizeof buf, &len, &lease, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_lease, ok.queue, buf, sizeof buf, NULL, &lease, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_lease, ok.queue, buf, sizeof buf, &len, NULL, FOREVER, NULL);
    CHECK(len == 7 && lease == 7 && *(char *)&view == '#');
    CALL(MPROC_EINVAL, mproc_queue_release, NULL, 0);
    CALL(MPROC_EPERM, mproc_queue_release, ok.queue, 0);
    CALL(MPROC_EINVAL, mproc_queue_putback, NULL, 0);
    CALL(MPROC_EPERM, mproc_queue_putback, ok.queue, UINT64_MAX);
    CALL(MPROC_EINVAL, mproc_queue_ack, NULL, 0);
    CALL(MPROC_EPERM, mproc_queue_ack, ok.queue, 0);
    CALL(MPROC_OK, mproc_queue_get, ok.queue, buf, sizeof buf, &len, 0, NULL); /* nobody holds it */
    CHECK(len == 4 && memcmp(buf, "good", 4) == 0);
    CALL(MPROC_EINVAL, mproc_queue_task_done, NULL);
    CALL(MPROC_ENOTSUP, mproc_queue_task_done, ok.queue);
    CALL(MPROC_EINVAL, mproc_queue_join, NULL, FOREVER, ok.cancel);
    CALL(MPROC_ENOTSUP, mproc_queue_join, ok.queue, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_queue_producer, NULL, &queue);
    CALL(MPROC_EINVAL, mproc_queue_producer, ok.queue, NULL);
    CHECK(queue == SENTINEL(mproc_queue_t));
    {
        mproc_queue_info_t info; /* nor is anybody a producer now */
        CHECK_OK(mproc_queue_info(ok.queue, &info, sizeof info));
        CHECK_INT(MPROC_PRODUCERS_NONE, info.producers);
    }
}

static void null_pipe(void) {
    mproc_pipe_t *pipe = SENTINEL(mproc_pipe_t), *other = SENTINEL(mproc_pipe_t);
    mproc_pipe_info_t info;
    mproc_view_t view;
    char buf[16];
    size_t len = 7;

    memset(&view, '#', sizeof view);
    CALL(MPROC_EINVAL, mproc_pipe_create, ok.domain, "new", NULL, NULL, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_create, ok.domain, NULL, NULL, NULL, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_create, ok.domain, NULL, NULL, &pipe, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_create, ok.domain, NULL, NULL, NULL, &other);
    CALL(MPROC_ENOENT, mproc_pipe_open, ok.domain, "new", NULL, 0, &pipe);
    CALL(MPROC_EINVAL, mproc_pipe_open, ok.domain, NULL, NULL, 0, &pipe);
    CALL(MPROC_EINVAL, mproc_pipe_open, ok.domain, "pipe", NULL, 0, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_open, ok.domain, "pipe", NULL, 2, &pipe);
    CALL(MPROC_EINVAL, mproc_pipe_open, ok.domain, "pipe", NULL, INT32_MIN, &pipe);
    CHECK(pipe == SENTINEL(mproc_pipe_t) && other == SENTINEL(mproc_pipe_t));
    CALL(MPROC_OK, mproc_pipe_open, NULL, "pipe", NULL, 1, &pipe);
    mproc_pipe_close(pipe);
    CALL(MPROC_OK, mproc_pipe_create, NULL, "new", NULL, NULL, &pipe);
    mproc_pipe_close(pipe);
    CALL(MPROC_OK, mproc_pipe_create, NULL, NULL, NULL, &pipe, &other);
    mproc_pipe_close(pipe);
    mproc_pipe_close(other);

    CALL(MPROC_EINVAL, mproc_pipe_send, NULL, "x", 1, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_pipe_send, ok.peer, NULL, 1, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_reserve, NULL, 1, &view, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_pipe_reserve, ok.peer, 1, NULL, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_commit, NULL, 0, 0);
    CALL(MPROC_EPERM, mproc_pipe_commit, ok.peer, 0, 0);
    CALL(MPROC_EINVAL, mproc_pipe_abort, NULL, 0);
    CALL(MPROC_EPERM, mproc_pipe_abort, ok.peer, UINT64_MAX);
    CALL(MPROC_ETIMEDOUT, mproc_pipe_poll, ok.pipe, 0, NULL); /* none of these reserved or sent anything */
    CALL(MPROC_OK, mproc_pipe_send, ok.peer, "good", 4, 0, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_recv, NULL, buf, sizeof buf, &len, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_pipe_recv, ok.pipe, NULL, sizeof buf, &len, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_recv, ok.pipe, buf, sizeof buf, NULL, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_poll, NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_pipe_peek, NULL, &view, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_pipe_peek, ok.pipe, NULL, FOREVER, NULL);
    CHECK(len == 7 && *(char *)&view == '#');
    CALL(MPROC_EINVAL, mproc_pipe_release, NULL, 0);
    CALL(MPROC_EPERM, mproc_pipe_release, ok.pipe, 0);
    CALL(MPROC_EINVAL, mproc_pipe_putback, NULL, 0);
    CALL(MPROC_EPERM, mproc_pipe_putback, ok.pipe, UINT64_MAX);
    CALL(MPROC_OK, mproc_pipe_recv, ok.pipe, buf, sizeof buf, &len, 0, NULL); /* nobody took it */
    CHECK(len == 4 && memcmp(buf, "good", 4) == 0);
    CALL(MPROC_EINVAL, mproc_pipe_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_pipe_info, ok.pipe, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_pipe_info, ok.pipe, &info, 0);
}

static void null_rlock(void) {
    mproc_rlock_t *rlock = SENTINEL(mproc_rlock_t);
    mproc_rlock_info_t info;
    uint64_t token = 4711;

    CALL(MPROC_EINVAL, mproc_rlock_create, ok.domain, "new", NULL, NULL);
    CALL(MPROC_ENOENT, mproc_rlock_open, ok.domain, "new", NULL, &rlock); /* nothing was made */
    CALL(MPROC_EINVAL, mproc_rlock_open, ok.domain, NULL, NULL, &rlock);
    CALL(MPROC_EINVAL, mproc_rlock_open, ok.domain, "rlock", NULL, NULL);
    CHECK(rlock == SENTINEL(mproc_rlock_t));
    CALL(MPROC_OK, mproc_rlock_open, NULL, "rlock", NULL, &rlock);
    mproc_rlock_close(rlock);
    CALL(MPROC_OK, mproc_rlock_create, NULL, NULL, NULL, &rlock);
    mproc_rlock_close(rlock);
    CALL(MPROC_EINVAL, mproc_rlock_lock, NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_rlock_lock, NULL, 0, NULL);
    CALL(MPROC_EINVAL, mproc_rlock_try, NULL);
    CALL(MPROC_EINVAL, mproc_rlock_unlock, NULL);
    CALL(MPROC_EPERM, mproc_rlock_unlock, ok.rlock);
    CALL(MPROC_EINVAL, mproc_rlock_lock_as, NULL, 1, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_rlock_lock_as, ok.rlock, 0, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_rlock_lock_as, ok.rlock, UINT64_C(1) << 63, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_rlock_lock_as, ok.rlock, UINT64_MAX, 0, NULL);
    CALL(MPROC_EINVAL, mproc_rlock_unlock_as, NULL, 1);
    CALL(MPROC_EINVAL, mproc_rlock_unlock_as, ok.rlock, 0);
    CALL(MPROC_EINVAL, mproc_rlock_unlock_as, ok.rlock, UINT64_MAX);
    CALL(MPROC_EPERM, mproc_rlock_unlock_as, ok.rlock, 1);
    CALL(MPROC_EINVAL, mproc_rlock_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_rlock_info, ok.rlock, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_rlock_info, ok.rlock, &info, 0);
    CALL(MPROC_OK, mproc_rlock_info, ok.rlock, &info, sizeof info); /* none of these took it */
    CHECK_INT(0, info.owner.held);
    CALL(MPROC_EINVAL, mproc_rlock_token, NULL, &token);
    CALL(MPROC_EINVAL, mproc_rlock_token, ok.rlock, NULL);
    CALL(MPROC_EPERM, mproc_rlock_token, ok.rlock, &token);
    CALL(MPROC_EINVAL, mproc_rlock_token_as, NULL, 1, &token);
    CALL(MPROC_EINVAL, mproc_rlock_token_as, ok.rlock, 1, NULL);
    CALL(MPROC_EINVAL, mproc_rlock_token_as, ok.rlock, 0, &token);
    CALL(MPROC_EINVAL, mproc_rlock_token_as, ok.rlock, UINT64_MAX, &token);
    CALL(MPROC_EPERM, mproc_rlock_token_as, ok.rlock, 1, &token);
    CHECK(token == 4711);
}

static void null_rwlock(void) {
    mproc_rwlock_t *rwlock = SENTINEL(mproc_rwlock_t);
    mproc_rwlock_info_t info;
    uint64_t token = 4711;

    CALL(MPROC_EINVAL, mproc_rwlock_create, ok.domain, "new", NULL, NULL);
    CALL(MPROC_ENOENT, mproc_rwlock_open, ok.domain, "new", NULL, &rwlock); /* nothing was made */
    CALL(MPROC_EINVAL, mproc_rwlock_open, ok.domain, NULL, NULL, &rwlock);
    CALL(MPROC_EINVAL, mproc_rwlock_open, ok.domain, "rwlock", NULL, NULL);
    CHECK(rwlock == SENTINEL(mproc_rwlock_t));
    CALL(MPROC_OK, mproc_rwlock_open, NULL, "rwlock", NULL, &rwlock);
    mproc_rwlock_close(rwlock);
    CALL(MPROC_OK, mproc_rwlock_create, NULL, NULL, NULL, &rwlock);
    mproc_rwlock_close(rwlock);
    CALL(MPROC_EINVAL, mproc_rwlock_read_lock, NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_rwlock_read_try, NULL);
    CALL(MPROC_EINVAL, mproc_rwlock_read_unlock, NULL);
    CALL(MPROC_EPERM, mproc_rwlock_read_unlock, ok.rwlock);
    CALL(MPROC_EINVAL, mproc_rwlock_write_lock, NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_rwlock_write_try, NULL);
    CALL(MPROC_EINVAL, mproc_rwlock_write_unlock, NULL);
    CALL(MPROC_EPERM, mproc_rwlock_write_unlock, ok.rwlock);
    CALL(MPROC_EINVAL, mproc_rwlock_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_rwlock_info, ok.rwlock, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_rwlock_info, ok.rwlock, &info, 0);
    CALL(MPROC_OK, mproc_rwlock_info, ok.rwlock, &info, sizeof info);
    CHECK(info.readers == 0 && info.writer.held == 0);
    CALL(MPROC_EINVAL, mproc_rwlock_token, NULL, &token);
    CALL(MPROC_EINVAL, mproc_rwlock_token, ok.rwlock, NULL);
    CALL(MPROC_EPERM, mproc_rwlock_token, ok.rwlock, &token);
    CHECK(token == 4711);
}

static void null_semaphore(void) {
    mproc_semaphore_t *semaphore = SENTINEL(mproc_semaphore_t);
    mproc_semaphore_info_t info;

    CALL(MPROC_EINVAL, mproc_semaphore_create, ok.domain, "new", NULL, NULL);
    CALL(MPROC_ENOENT, mproc_semaphore_open, ok.domain, "new", NULL, &semaphore); /* nothing was made */
    CALL(MPROC_EINVAL, mproc_semaphore_open, ok.domain, NULL, NULL, &semaphore);
    CALL(MPROC_EINVAL, mproc_semaphore_open, ok.domain, "semaphore", NULL, NULL);
    CHECK(semaphore == SENTINEL(mproc_semaphore_t));
    CALL(MPROC_OK, mproc_semaphore_open, NULL, "semaphore", NULL, &semaphore);
    mproc_semaphore_close(semaphore);
    CALL(MPROC_OK, mproc_semaphore_create, NULL, NULL, NULL, &semaphore);
    mproc_semaphore_close(semaphore);
    CALL(MPROC_EINVAL, mproc_semaphore_acquire, NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_semaphore_acquire, NULL, 0, NULL);
    CALL(MPROC_EINVAL, mproc_semaphore_try, NULL);
    CALL(MPROC_EINVAL, mproc_semaphore_release, NULL, 0);
    CALL(MPROC_EINVAL, mproc_semaphore_release, NULL, 1);
    CALL(MPROC_EOVERFLOW, mproc_semaphore_release, ok.semaphore, UINT32_MAX);
    CALL(MPROC_EOVERFLOW, mproc_semaphore_release, ok.semaphore, MPROC_SEMAPHORE_MAX);
    CALL(MPROC_EINVAL, mproc_semaphore_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_semaphore_info, ok.semaphore, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_semaphore_info, ok.semaphore, &info, 0);
    CALL(MPROC_OK, mproc_semaphore_info, ok.semaphore, &info, sizeof info);
    CHECK_INT(1, info.value);
}

static void null_condition(void) {
    mproc_condition_t *condition = SENTINEL(mproc_condition_t);
    mproc_condition_info_t info;

    CALL(MPROC_EINVAL, mproc_condition_create, ok.domain, "new", NULL, NULL);
    CALL(MPROC_ENOENT, mproc_condition_open, ok.domain, "new", NULL, &condition); /* nothing was made */
    CALL(MPROC_EINVAL, mproc_condition_open, ok.domain, NULL, NULL, &condition);
    CALL(MPROC_EINVAL, mproc_condition_open, ok.domain, "condition", NULL, NULL);
    CHECK(condition == SENTINEL(mproc_condition_t));
    CALL(MPROC_OK, mproc_condition_open, NULL, "condition", NULL, &condition);
    mproc_condition_close(condition);
    CALL(MPROC_OK, mproc_condition_create, NULL, NULL, NULL, &condition);
    mproc_condition_close(condition);
    CALL(MPROC_EINVAL, mproc_condition_lock, NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_condition_try, NULL);
    CALL(MPROC_EINVAL, mproc_condition_unlock, NULL);
    CALL(MPROC_EPERM, mproc_condition_unlock, ok.condition);
    CALL(MPROC_EINVAL, mproc_condition_lock_as, NULL, 1, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_condition_lock_as, ok.condition, 0, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_condition_lock_as, ok.condition, UINT64_C(1) << 63, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_condition_unlock_as, NULL, 1);
    CALL(MPROC_EINVAL, mproc_condition_unlock_as, ok.condition, 0);
    CALL(MPROC_EINVAL, mproc_condition_unlock_as, ok.condition, UINT64_MAX);
    CALL(MPROC_EPERM, mproc_condition_unlock_as, ok.condition, 1);
    CALL(MPROC_EINVAL, mproc_condition_wait, NULL, FOREVER, ok.cancel);
    CALL(MPROC_EPERM, mproc_condition_wait, ok.condition, FOREVER, NULL); /* nobody holds its lock */
    CALL(MPROC_EINVAL, mproc_condition_wait_as, NULL, 1, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_condition_wait_as, ok.condition, 0, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_condition_wait_as, ok.condition, UINT64_MAX, FOREVER, NULL);
    CALL(MPROC_EPERM, mproc_condition_wait_as, ok.condition, 1, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_condition_notify, NULL, 1);
    CALL(MPROC_EINVAL, mproc_condition_notify, NULL, 0);
    CALL(MPROC_OK, mproc_condition_notify, ok.condition, UINT32_MAX);
    CALL(MPROC_EINVAL, mproc_condition_notify_all, NULL);
    CALL(MPROC_EINVAL, mproc_condition_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_condition_info, ok.condition, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_condition_info, ok.condition, &info, 0);
    CALL(MPROC_OK, mproc_condition_try, ok.condition); /* none of these took it */
    CALL(MPROC_OK, mproc_condition_unlock, ok.condition);
}

static void null_event(void) {
    mproc_event_t *event = SENTINEL(mproc_event_t);
    int set = 7;

    CALL(MPROC_EINVAL, mproc_event_create, ok.domain, "new", NULL, NULL);
    CALL(MPROC_ENOENT, mproc_event_open, ok.domain, "new", NULL, &event); /* nothing was made */
    CALL(MPROC_EINVAL, mproc_event_open, ok.domain, NULL, NULL, &event);
    CALL(MPROC_EINVAL, mproc_event_open, ok.domain, "event", NULL, NULL);
    CHECK(event == SENTINEL(mproc_event_t));
    CALL(MPROC_OK, mproc_event_open, NULL, "event", NULL, &event);
    mproc_event_close(event);
    CALL(MPROC_OK, mproc_event_create, NULL, NULL, NULL, &event);
    mproc_event_close(event);
    CALL(MPROC_EINVAL, mproc_event_set, NULL);
    CALL(MPROC_EINVAL, mproc_event_clear, NULL);
    CALL(MPROC_EINVAL, mproc_event_is_set, NULL, &set);
    CALL(MPROC_EINVAL, mproc_event_is_set, ok.event, NULL);
    CHECK_INT(7, set);
    CALL(MPROC_EINVAL, mproc_event_wait, NULL, FOREVER, ok.cancel);
    CALL(MPROC_ETIMEDOUT, mproc_event_wait, ok.event, 0, NULL); /* none of these set it */
}

static int never_run(void *context) {
    CHECK(context == NULL && 0);
    return 0;
}

static void null_barrier(void) {
    mproc_barrier_t *barrier = SENTINEL(mproc_barrier_t);
    mproc_barrier_options_t options = barrier_options(1);
    mproc_barrier_info_t info;
    uint32_t index = 7;

    CALL(MPROC_EINVAL, mproc_barrier_create, ok.domain, "new", NULL, &barrier);
    CALL(MPROC_EINVAL, mproc_barrier_create, ok.domain, NULL, NULL, &barrier);
    CALL(MPROC_EINVAL, mproc_barrier_create, ok.domain, "new", &options, NULL);
    CALL(MPROC_ENOENT, mproc_barrier_open, ok.domain, "new", NULL, &barrier); /* nothing was made */
    CALL(MPROC_EINVAL, mproc_barrier_open, ok.domain, NULL, NULL, &barrier);
    CALL(MPROC_EINVAL, mproc_barrier_open, ok.domain, "barrier", NULL, NULL);
    CHECK(barrier == SENTINEL(mproc_barrier_t));
    CALL(MPROC_OK, mproc_barrier_open, NULL, "barrier", NULL, &barrier);
    mproc_barrier_close(barrier);
    CALL(MPROC_OK, mproc_barrier_create, NULL, NULL, &options, &barrier);
    CALL(MPROC_EINVAL, mproc_barrier_wait_action, barrier, NULL, NULL, FOREVER, NULL, &index); /* the last to come */
    mproc_barrier_close(barrier);
    CALL(MPROC_EINVAL, mproc_barrier_wait, NULL, FOREVER, ok.cancel, &index);
    CALL(MPROC_EINVAL, mproc_barrier_wait, NULL, 0, NULL, NULL);
    CALL(MPROC_ETIMEDOUT, mproc_barrier_wait, ok.barrier, 0, NULL, NULL); /* nobody has come */
    CALL(MPROC_EINVAL, mproc_barrier_wait_action, NULL, never_run, &index, FOREVER, ok.cancel, &index);
    CALL(MPROC_EINVAL, mproc_barrier_wait_action, ok.barrier, NULL, NULL, FOREVER, NULL, &index);
    CALL(MPROC_ETIMEDOUT, mproc_barrier_wait_action, ok.barrier, never_run, NULL, 0, NULL, NULL);
    CHECK_INT(7, index);
    CALL(MPROC_EINVAL, mproc_barrier_abort, NULL);
    CALL(MPROC_EINVAL, mproc_barrier_reset, NULL);
    CALL(MPROC_EINVAL, mproc_barrier_register, NULL);
    CALL(MPROC_EINVAL, mproc_barrier_unregister, NULL);
    CALL(MPROC_EPERM, mproc_barrier_unregister, ok.barrier);
    CALL(MPROC_EINVAL, mproc_barrier_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_barrier_info, ok.barrier, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_barrier_info, ok.barrier, &info, 0);
    CALL(MPROC_OK, mproc_barrier_info, ok.barrier, &info, sizeof info);
    CHECK(info.broken == 0 && info.waiting == 0 && info.generation == 0 && info.registered == 0);
}

/* Datums that are none. */
static mproc_datum_t broken(int32_t type, const void *data, size_t len) {
    mproc_datum_t datum;
    memset(&datum, 0, sizeof datum);
    datum.type = type;
    datum.kind = 99;
    datum.as.i = 2;
    datum.data = data;
    datum.len = len;
    return datum;
}

enum { BROKEN = 14 };

static void break_datums(mproc_datum_t *bad) {
    int n = 0;
    bad[n++] = broken(-1, NULL, 0);
    bad[n++] = broken(12, NULL, 0);
    bad[n++] = broken(INT32_MAX, NULL, 0);
    bad[n++] = broken(MPROC_DATUM_BOOL, NULL, 0); /* 2 */
    bad[n++] = broken(MPROC_DATUM_STR, NULL, 1);
    bad[n++] = broken(MPROC_DATUM_STR, "x", SIZE_MAX);
    bad[n++] = broken(MPROC_DATUM_STR, "\xed\xa0\x80", 3); /* a surrogate */
    bad[n++] = broken(MPROC_DATUM_BYTES, NULL, SIZE_MAX);
    bad[n++] = broken(MPROC_DATUM_LIST, "\x01", 1); /* not a list */
    bad[n++] = broken(MPROC_DATUM_LIST, "\xdd\xff\xff\xff\xff", 5);
    bad[n++] = broken(MPROC_DATUM_MAP, "\x81\x01\x02\x03", 4); /* and one byte more */
    bad[n++] = broken(MPROC_DATUM_REF, NULL, 0); /* to a container of no kind */
    bad[n++] = broken(MPROC_DATUM_NEW, NULL, 0);
    bad[n++] = mproc_datum_absent();
    CHECK_INT(BROKEN, n);
}

static void null_dict(void) {
    mproc_dict_t *dict = SENTINEL(mproc_dict_t);
    mproc_handle_t *handle = SENTINEL(mproc_handle_t);
    const mproc_arena_t *arena = SENTINEL(const mproc_arena_t);
    mproc_iter_t *iter = SENTINEL(mproc_iter_t);
    mproc_datum_t out = mproc_datum_nil(), ref, one = mproc_datum_int(1);
    mproc_datum_t key = mproc_datum_str("k"), key_out = mproc_datum_nil(), bad[BROKEN];
    uint64_t len = 7;
    int flag = 7, i;
    char buf[8];

    CALL(MPROC_EINVAL, mproc_dict_create, ok.domain, "new", NULL, NULL);
    CALL(MPROC_ENOENT, mproc_dict_open, ok.domain, "new", NULL, &dict); /* nothing was made */
    CALL(MPROC_EINVAL, mproc_dict_open, ok.domain, NULL, NULL, &dict);
    CALL(MPROC_EINVAL, mproc_dict_open, ok.domain, "dict", NULL, NULL);
    CALL(MPROC_EINVAL, mproc_dict_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_dict_export, ok.dict, NULL);
    CALL(MPROC_EINVAL, mproc_dict_import, NULL, NULL, &dict);
    CALL(MPROC_EINVAL, mproc_dict_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_dict_import, ok.handle, NULL, &dict);
    CALL(MPROC_EINVAL, mproc_dict_arena, NULL, &arena);
    CALL(MPROC_EINVAL, mproc_dict_arena, ok.dict, NULL);
    CALL(MPROC_EINVAL, mproc_dict_ref, NULL, &out);
    CALL(MPROC_EINVAL, mproc_dict_ref, ok.dict, NULL);
    NEED_OK(mproc_dict_ref(ok.dict, &ref));
    CALL(MPROC_EINVAL, mproc_dict_follow, NULL, ref, &dict);
    CALL(MPROC_EINVAL, mproc_dict_follow, ok.arena, ref, NULL);
    CALL(MPROC_EINVAL, mproc_dict_follow, ok.arena, one, &dict); /* not a reference */
    CALL(MPROC_EINVAL, mproc_dict_follow, ok.arena, mproc_datum_ref(MPROC_KIND_DICT, "dict"), &dict);
    ref.len = SIZE_MAX; /* not one that was ever given */
    CALL(MPROC_EINVAL, mproc_dict_follow, ok.arena, ref, &dict);
    CHECK(dict == SENTINEL(mproc_dict_t) && handle == SENTINEL(mproc_handle_t));
    CHECK(arena == SENTINEL(const mproc_arena_t) && out.type == MPROC_DATUM_NIL);
    CALL(MPROC_OK, mproc_dict_open, NULL, "dict", NULL, &dict);
    mproc_dict_close(dict);
    CALL(MPROC_OK, mproc_dict_create, NULL, NULL, NULL, &dict);
    mproc_dict_close(dict);
    CALL(MPROC_EINVAL, mproc_dict_len, NULL, &len);
    CALL(MPROC_EINVAL, mproc_dict_len, ok.dict, NULL);
    CALL(MPROC_EINVAL, mproc_dict_copy, NULL, 0, ok.builder);
    CALL(MPROC_EINVAL, mproc_dict_copy, ok.dict, 0, NULL);
    CALL(MPROC_EINVAL, mproc_dict_copy, ok.dict, 2, ok.builder);
    CALL(MPROC_EINVAL, mproc_dict_copy, ok.dict, UINT32_MAX, ok.builder);
    CALL(MPROC_EINVAL, mproc_dict_get, NULL, key, buf, sizeof buf, &out);
    CALL(MPROC_EINVAL, mproc_dict_get, ok.dict, key, NULL, 1, &out);
    CALL(MPROC_EINVAL, mproc_dict_get, ok.dict, key, buf, SIZE_MAX, &out);
    CALL(MPROC_EINVAL, mproc_dict_get, ok.dict, key, buf, sizeof buf, NULL);
    CALL(MPROC_EINVAL, mproc_dict_set, NULL, key, one);
    CALL(MPROC_EINVAL, mproc_dict_set_if_token, NULL, key, one, 1);
    CALL(MPROC_EINVAL, mproc_dict_set_if_token, ok.dict, key, one, 0);
    CALL(MPROC_EINVAL, mproc_dict_setdefault, NULL, key, one, buf, sizeof buf, &out);
    CALL(MPROC_EINVAL, mproc_dict_setdefault, ok.dict, one, one, NULL, 1, &out);
    CALL(MPROC_EINVAL, mproc_dict_setdefault, ok.dict, one, one, buf, sizeof buf, NULL);
    CALL(MPROC_EINVAL, mproc_dict_contains, NULL, key, &flag);
    CALL(MPROC_EINVAL, mproc_dict_contains, ok.dict, key, NULL);
    CALL(MPROC_EINVAL, mproc_dict_delete, NULL, key);
    CALL(MPROC_EINVAL, mproc_dict_delete_if_token, NULL, key, 1);
    CALL(MPROC_EINVAL, mproc_dict_delete_if_token, ok.dict, key, 0);
    CALL(MPROC_EINVAL, mproc_dict_pop, NULL, key, buf, sizeof buf, &out);
    CALL(MPROC_EINVAL, mproc_dict_pop, ok.dict, key, NULL, 1, &out);
    CALL(MPROC_EINVAL, mproc_dict_pop, ok.dict, key, buf, sizeof buf, NULL);
    CALL(MPROC_EINVAL, mproc_dict_popitem, NULL, buf, 4, buf + 4, 4, &key_out, &out);
    CALL(MPROC_EINVAL, mproc_dict_popitem, ok.dict, NULL, 4, buf + 4, 4, &key_out, &out);
    CALL(MPROC_EINVAL, mproc_dict_popitem, ok.dict, buf, 4, NULL, 4, &key_out, &out);
    CALL(MPROC_EINVAL, mproc_dict_popitem, ok.dict, buf, 4, buf + 4, 4, NULL, &out);
    CALL(MPROC_EINVAL, mproc_dict_popitem, ok.dict, buf, 4, buf + 4, 4, &key_out, NULL);
    CALL(MPROC_EINVAL, mproc_dict_clear, NULL);
    CALL(MPROC_EINVAL, mproc_dict_update, NULL, mproc_datum_packed("\x80", 1));
    CALL(MPROC_EINVAL, mproc_dict_update, ok.dict, mproc_datum_packed("\x90", 1));
    CALL(MPROC_EINVAL, mproc_dict_add, NULL, key, one, &out);
    CALL(MPROC_EINVAL, mproc_dict_append_to, NULL, key, one);
    CALL(MPROC_EINVAL, mproc_dict_compare_exchange, NULL, key, one, one, &flag);
    CALL(MPROC_EINVAL, mproc_dict_compare_exchange, ok.dict, key, one, one, NULL);
    CALL(MPROC_EINVAL, mproc_dict_keys, NULL, &iter);
    CALL(MPROC_EINVAL, mproc_dict_keys, ok.dict, NULL);
    CALL(MPROC_EINVAL, mproc_dict_values, NULL, &iter);
    CALL(MPROC_EINVAL, mproc_dict_values, ok.dict, NULL);
    CALL(MPROC_EINVAL, mproc_dict_items, NULL, &iter);
    CALL(MPROC_EINVAL, mproc_dict_items, ok.dict, NULL);
    CALL(MPROC_EINVAL, mproc_dict_iter, NULL, &iter);
    CALL(MPROC_EINVAL, mproc_dict_iter, ok.dict, NULL);
    break_datums(bad);
    for (i = 0; i < BROKEN; i++) {
        CHECK_IS(MPROC_EINVAL, mproc_dict_get(ok.dict, bad[i], buf, sizeof buf, &out));
        CHECK_IS(MPROC_EINVAL, mproc_dict_set(ok.dict, bad[i], one));
        CHECK_IS(MPROC_EINVAL, mproc_dict_set(ok.dict, key, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_dict_set_if_token(ok.dict, bad[i], one, 1));
        CHECK_IS(MPROC_EINVAL, mproc_dict_set_if_token(ok.dict, key, bad[i], 1));
        CHECK_IS(MPROC_EINVAL, mproc_dict_delete_if_token(ok.dict, bad[i], 1));
        CHECK_IS(MPROC_EINVAL, mproc_dict_setdefault(ok.dict, bad[i], one, buf, sizeof buf, &out));
        CHECK_IS(MPROC_EINVAL, mproc_dict_setdefault(ok.dict, one, bad[i], buf, sizeof buf, &out));
        CHECK_IS(MPROC_EINVAL, mproc_dict_contains(ok.dict, bad[i], &flag));
        CHECK_IS(MPROC_EINVAL, mproc_dict_delete(ok.dict, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_dict_pop(ok.dict, bad[i], buf, sizeof buf, &out));
        CHECK_IS(MPROC_EINVAL, mproc_dict_update(ok.dict, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_dict_add(ok.dict, bad[i], one, &out));
        CHECK_IS(MPROC_EINVAL, mproc_dict_append_to(ok.dict, bad[i], one));
        CHECK_IS(MPROC_EINVAL, mproc_dict_append_to(ok.dict, one, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_dict_compare_exchange(ok.dict, bad[i], one, one, &flag));
        if (bad[i].type != MPROC_DATUM_ABSENT) { /* here that means something */
            CHECK_IS(MPROC_EINVAL, mproc_dict_compare_exchange(ok.dict, key, bad[i], one, &flag));
            CHECK_IS(MPROC_EINVAL, mproc_dict_compare_exchange(ok.dict, key, one, bad[i], &flag));
        }
    }
    CHECK(flag == 7 && len == 7 && iter == SENTINEL(mproc_iter_t) && dict != NULL);
    CHECK(out.type == MPROC_DATUM_NIL && key_out.type == MPROC_DATUM_NIL);
    CALL(MPROC_OK, mproc_dict_len, ok.dict, &len);
    CHECK_INT(1, len);
    CALL(MPROC_OK, mproc_dict_get, ok.dict, key, NULL, 0, &out); /* a scalar needs no buffer */
    CHECK_INT(1, out.as.i);
}

static void null_list(void) {
    mproc_list_t *list = SENTINEL(mproc_list_t);
    mproc_handle_t *handle = SENTINEL(mproc_handle_t);
    const mproc_arena_t *arena = SENTINEL(const mproc_arena_t);
    mproc_iter_t *iter = SENTINEL(mproc_iter_t);
    mproc_datum_t out = mproc_datum_nil(), ref, one = mproc_datum_int(1);
    mproc_datum_t bad[BROKEN];
    uint64_t len = 7;
    int flag = 7, i;
    char buf[8];

    CALL(MPROC_EINVAL, mproc_list_create, ok.domain, "new", NULL, NULL);
    CALL(MPROC_ENOENT, mproc_list_open, ok.domain, "new", NULL, &list); /* nothing was made */
    CALL(MPROC_EINVAL, mproc_list_open, ok.domain, NULL, NULL, &list);
    CALL(MPROC_EINVAL, mproc_list_open, ok.domain, "list", NULL, NULL);
    CALL(MPROC_EINVAL, mproc_list_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_list_export, ok.list, NULL);
    CALL(MPROC_EINVAL, mproc_list_import, NULL, NULL, &list);
    CALL(MPROC_EINVAL, mproc_list_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_list_import, ok.handle, NULL, &list);
    CALL(MPROC_EINVAL, mproc_list_arena, NULL, &arena);
    CALL(MPROC_EINVAL, mproc_list_arena, ok.list, NULL);
    CALL(MPROC_EINVAL, mproc_list_ref, NULL, &out);
    CALL(MPROC_EINVAL, mproc_list_ref, ok.list, NULL);
    NEED_OK(mproc_list_ref(ok.list, &ref));
    CALL(MPROC_EINVAL, mproc_list_follow, NULL, ref, &list);
    CALL(MPROC_EINVAL, mproc_list_follow, ok.arena, ref, NULL);
    CALL(MPROC_EINVAL, mproc_list_follow, ok.arena, one, &list); /* not a reference */
    CALL(MPROC_EINVAL, mproc_list_follow, ok.arena, mproc_datum_ref(MPROC_KIND_DICT, "dict"), &list);
    ref.len = SIZE_MAX; /* not one that was ever given */
    CALL(MPROC_EINVAL, mproc_list_follow, ok.arena, ref, &list);
    CHECK(list == SENTINEL(mproc_list_t) && handle == SENTINEL(mproc_handle_t));
    CHECK(arena == SENTINEL(const mproc_arena_t) && out.type == MPROC_DATUM_NIL);
    CALL(MPROC_OK, mproc_list_open, NULL, "list", NULL, &list);
    mproc_list_close(list);
    CALL(MPROC_OK, mproc_list_create, NULL, NULL, NULL, &list);
    mproc_list_close(list);
    CALL(MPROC_EINVAL, mproc_list_len, NULL, &len);
    CALL(MPROC_EINVAL, mproc_list_len, ok.list, NULL);
    CALL(MPROC_EINVAL, mproc_list_copy, NULL, 0, ok.builder);
    CALL(MPROC_EINVAL, mproc_list_copy, ok.list, 0, NULL);
    CALL(MPROC_EINVAL, mproc_list_copy, ok.list, 2, ok.builder);
    CALL(MPROC_EINVAL, mproc_list_copy, ok.list, UINT32_MAX, ok.builder);
    CALL(MPROC_EINVAL, mproc_list_get, NULL, 0, buf, sizeof buf, &out);
    CALL(MPROC_EINVAL, mproc_list_get, ok.list, 0, NULL, 1, &out);
    CALL(MPROC_EINVAL, mproc_list_get, ok.list, 0, buf, SIZE_MAX, &out);
    CALL(MPROC_EINVAL, mproc_list_get, ok.list, 0, buf, sizeof buf, NULL);
    CALL(MPROC_EINVAL, mproc_list_set, NULL, 0, one);
    CALL(MPROC_EINVAL, mproc_list_append, NULL, one);
    CALL(MPROC_EINVAL, mproc_list_set_if_token, NULL, 0, one, 1);
    CALL(MPROC_EINVAL, mproc_list_set_if_token, ok.list, 0, one, 0);
    CALL(MPROC_EINVAL, mproc_list_append_if_token, NULL, one, 1);
    CALL(MPROC_EINVAL, mproc_list_append_if_token, ok.list, one, 0);
    CALL(MPROC_EINVAL, mproc_list_extend, NULL, mproc_datum_packed("\x90", 1));
    CALL(MPROC_EINVAL, mproc_list_extend, ok.list, mproc_datum_packed("\x80", 1));
    CALL(MPROC_EINVAL, mproc_list_extend_from, NULL, ok.list);
    CALL(MPROC_EINVAL, mproc_list_extend_from, ok.list, NULL);
    CALL(MPROC_EINVAL, mproc_list_insert, NULL, 0, one);
    CALL(MPROC_EINVAL, mproc_list_pop, NULL, 0, buf, sizeof buf, &out);
    CALL(MPROC_EINVAL, mproc_list_pop, ok.list, 0, NULL, 1, &out);
    CALL(MPROC_EINVAL, mproc_list_pop, ok.list, 0, buf, sizeof buf, NULL);
    CALL(MPROC_EINVAL, mproc_list_delete, NULL, 0);
    CALL(MPROC_EINVAL, mproc_list_remove, NULL, one);
    CALL(MPROC_EINVAL, mproc_list_index, NULL, one, 0, 1, &len);
    CALL(MPROC_EINVAL, mproc_list_index, ok.list, one, 0, 1, NULL);
    CALL(MPROC_EINVAL, mproc_list_count, NULL, one, &len);
    CALL(MPROC_EINVAL, mproc_list_count, ok.list, one, NULL);
    CALL(MPROC_EINVAL, mproc_list_reverse, NULL);
    CALL(MPROC_EINVAL, mproc_list_sort, NULL, 0);
    CALL(MPROC_EINVAL, mproc_list_sort, ok.list, UINT32_MAX);
    CALL(MPROC_EINVAL, mproc_list_repeat, NULL, 1);
    CALL(MPROC_EINVAL, mproc_list_clear, NULL);
    CALL(MPROC_EINVAL, mproc_list_slice, NULL, 0, 1, 1, &iter);
    CALL(MPROC_EINVAL, mproc_list_slice, ok.list, 0, 1, 1, NULL);
    CALL(MPROC_EINVAL, mproc_list_slice, ok.list, 0, 1, 0, &iter);
    CALL(MPROC_EINVAL, mproc_list_slice_set, NULL, 0, 1, 1, mproc_datum_packed("\x90", 1));
    CALL(MPROC_EINVAL, mproc_list_slice_set, ok.list, 0, 1, 0, mproc_datum_packed("\x90", 1));
    CALL(MPROC_EINVAL, mproc_list_slice_delete, NULL, 0, 1, 1);
    CALL(MPROC_EINVAL, mproc_list_slice_delete, ok.list, 0, 1, 0);
    CALL(MPROC_EINVAL, mproc_list_add, NULL, 0, one, &out);
    CALL(MPROC_EINVAL, mproc_list_compare_exchange, NULL, 0, one, one, &flag);
    CALL(MPROC_EINVAL, mproc_list_compare_exchange, ok.list, 0, one, one, NULL);
    CALL(MPROC_EINVAL, mproc_list_items, NULL, &iter);
    CALL(MPROC_EINVAL, mproc_list_items, ok.list, NULL);
    CALL(MPROC_EINVAL, mproc_list_iter, NULL, &iter);
    CALL(MPROC_EINVAL, mproc_list_iter, ok.list, NULL);
    break_datums(bad);
    for (i = 0; i < BROKEN; i++) {
        CHECK_IS(MPROC_EINVAL, mproc_list_set(ok.list, 0, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_list_append(ok.list, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_list_set_if_token(ok.list, 0, bad[i], 1));
        CHECK_IS(MPROC_EINVAL, mproc_list_append_if_token(ok.list, bad[i], 1));
        CHECK_IS(MPROC_EINVAL, mproc_list_extend(ok.list, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_list_insert(ok.list, 0, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_list_remove(ok.list, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_list_index(ok.list, bad[i], 0, 1, &len));
        CHECK_IS(MPROC_EINVAL, mproc_list_count(ok.list, bad[i], &len));
        CHECK_IS(MPROC_EINVAL, mproc_list_slice_set(ok.list, 0, 1, 1, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_list_compare_exchange(ok.list, 0, bad[i], one, &flag));
        CHECK_IS(MPROC_EINVAL, mproc_list_compare_exchange(ok.list, 0, one, bad[i], &flag));
    }
    CHECK(flag == 7 && len == 7 && iter == SENTINEL(mproc_iter_t) && out.type == MPROC_DATUM_NIL);
    CALL(MPROC_OK, mproc_list_len, ok.list, &len);
    CHECK_INT(1, len);
    CALL(MPROC_OK, mproc_list_get, ok.list, 0, NULL, 0, &out);
    CHECK_INT(1, out.as.i);
}

static void null_namespace(void) {
    mproc_namespace_t *names = SENTINEL(mproc_namespace_t);
    mproc_handle_t *handle = SENTINEL(mproc_handle_t);
    const mproc_arena_t *arena = SENTINEL(const mproc_arena_t);
    mproc_iter_t *iter = SENTINEL(mproc_iter_t);
    mproc_datum_t out = mproc_datum_nil(), ref, one = mproc_datum_int(1);
    mproc_datum_t bad[BROKEN];
    uint64_t len = 7;
    int flag = 7, i;
    char buf[8];

    CALL(MPROC_EINVAL, mproc_namespace_create, ok.domain, "new", NULL, NULL);
    CALL(MPROC_ENOENT, mproc_namespace_open, ok.domain, "new", NULL, &names); /* nothing was made */
    CALL(MPROC_EINVAL, mproc_namespace_open, ok.domain, NULL, NULL, &names);
    CALL(MPROC_EINVAL, mproc_namespace_open, ok.domain, "namespace", NULL, NULL);
    CALL(MPROC_EINVAL, mproc_namespace_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_namespace_export, ok.names, NULL);
    CALL(MPROC_EINVAL, mproc_namespace_import, NULL, NULL, &names);
    CALL(MPROC_EINVAL, mproc_namespace_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_namespace_import, ok.handle, NULL, &names);
    CALL(MPROC_EINVAL, mproc_namespace_arena, NULL, &arena);
    CALL(MPROC_EINVAL, mproc_namespace_arena, ok.names, NULL);
    CALL(MPROC_EINVAL, mproc_namespace_ref, NULL, &out);
    CALL(MPROC_EINVAL, mproc_namespace_ref, ok.names, NULL);
    NEED_OK(mproc_namespace_ref(ok.names, &ref));
    CALL(MPROC_EINVAL, mproc_namespace_follow, NULL, ref, &names);
    CALL(MPROC_EINVAL, mproc_namespace_follow, ok.arena, ref, NULL);
    CALL(MPROC_EINVAL, mproc_namespace_follow, ok.arena, one, &names); /* not a reference */
    CALL(MPROC_EINVAL, mproc_namespace_follow, ok.arena, mproc_datum_ref(MPROC_KIND_DICT, "dict"), &names);
    ref.len = SIZE_MAX; /* not one that was ever given */
    CALL(MPROC_EINVAL, mproc_namespace_follow, ok.arena, ref, &names);
    CHECK(names == SENTINEL(mproc_namespace_t) && handle == SENTINEL(mproc_handle_t));
    CHECK(arena == SENTINEL(const mproc_arena_t) && out.type == MPROC_DATUM_NIL);
    CALL(MPROC_OK, mproc_namespace_open, NULL, "namespace", NULL, &names);
    mproc_namespace_close(names);
    CALL(MPROC_OK, mproc_namespace_create, NULL, NULL, NULL, &names);
    mproc_namespace_close(names);
    CALL(MPROC_EINVAL, mproc_namespace_len, NULL, &len);
    CALL(MPROC_EINVAL, mproc_namespace_len, ok.names, NULL);
    CALL(MPROC_EINVAL, mproc_namespace_copy, NULL, 0, ok.builder);
    CALL(MPROC_EINVAL, mproc_namespace_copy, ok.names, 0, NULL);
    CALL(MPROC_EINVAL, mproc_namespace_copy, ok.names, 2, ok.builder);
    CALL(MPROC_EINVAL, mproc_namespace_copy, ok.names, UINT32_MAX, ok.builder);
    CALL(MPROC_EINVAL, mproc_namespace_get, NULL, "k", buf, sizeof buf, &out);
    CALL(MPROC_EINVAL, mproc_namespace_get, ok.names, NULL, buf, sizeof buf, &out);
    CALL(MPROC_EINVAL, mproc_namespace_get, ok.names, "k", NULL, 1, &out);
    CALL(MPROC_EINVAL, mproc_namespace_get, ok.names, "k", buf, SIZE_MAX, &out);
    CALL(MPROC_EINVAL, mproc_namespace_get, ok.names, "k", buf, sizeof buf, NULL);
    CALL(MPROC_EINVAL, mproc_namespace_set, NULL, "k", one);
    CALL(MPROC_EINVAL, mproc_namespace_set, ok.names, NULL, one);
    CALL(MPROC_EINVAL, mproc_namespace_set_if_token, NULL, "k", one, 1);
    CALL(MPROC_EINVAL, mproc_namespace_set_if_token, ok.names, NULL, one, 1);
    CALL(MPROC_EINVAL, mproc_namespace_set_if_token, ok.names, "k", one, 0);
    CALL(MPROC_EINVAL, mproc_namespace_contains, NULL, "k", &flag);
    CALL(MPROC_EINVAL, mproc_namespace_contains, ok.names, NULL, &flag);
    CALL(MPROC_EINVAL, mproc_namespace_contains, ok.names, "k", NULL);
    CALL(MPROC_EINVAL, mproc_namespace_delete, NULL, "k");
    CALL(MPROC_EINVAL, mproc_namespace_delete, ok.names, NULL);
    CALL(MPROC_EINVAL, mproc_namespace_delete_if_token, NULL, "k", 1);
    CALL(MPROC_EINVAL, mproc_namespace_delete_if_token, ok.names, NULL, 1);
    CALL(MPROC_EINVAL, mproc_namespace_delete_if_token, ok.names, "k", 0);
    CALL(MPROC_EINVAL, mproc_namespace_add, NULL, "k", one, &out);
    CALL(MPROC_EINVAL, mproc_namespace_add, ok.names, NULL, one, &out);
    CALL(MPROC_EINVAL, mproc_namespace_append_to, NULL, "k", one);
    CALL(MPROC_EINVAL, mproc_namespace_append_to, ok.names, NULL, one);
    CALL(MPROC_EINVAL, mproc_namespace_compare_exchange, NULL, "k", one, one, &flag);
    CALL(MPROC_EINVAL, mproc_namespace_compare_exchange, ok.names, NULL, one, one, &flag);
    CALL(MPROC_EINVAL, mproc_namespace_compare_exchange, ok.names, "k", one, one, NULL);
    CALL(MPROC_EINVAL, mproc_namespace_items, NULL, &iter);
    CALL(MPROC_EINVAL, mproc_namespace_items, ok.names, NULL);
    break_datums(bad);
    for (i = 0; i < BROKEN; i++) {
        CHECK_IS(MPROC_EINVAL, mproc_namespace_set(ok.names, "k", bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_set_if_token(ok.names, "k", bad[i], 1));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_append_to(ok.names, "new", bad[i]));
        if (bad[i].type != MPROC_DATUM_ABSENT) {
            CHECK_IS(MPROC_EINVAL, mproc_namespace_compare_exchange(ok.names, "k", bad[i], one, &flag));
            CHECK_IS(MPROC_EINVAL, mproc_namespace_compare_exchange(ok.names, "k", one, bad[i], &flag));
        }
    }
    CHECK(flag == 7 && len == 7 && iter == SENTINEL(mproc_iter_t) && out.type == MPROC_DATUM_NIL);
    CALL(MPROC_OK, mproc_namespace_len, ok.names, &len);
    CHECK_INT(1, len);
    CALL(MPROC_OK, mproc_namespace_get, ok.names, "k", NULL, 0, &out);
    CHECK_INT(1, out.as.i);
}

static void null_arena(void) {
    mproc_arena_info_t info;
    mproc_iter_t *iter = NULL;
    mproc_datum_t key = mproc_datum_nil(), value = mproc_datum_nil();
    uint64_t n = 7;
    char text[8];

    CALL(MPROC_EINVAL, mproc_arena_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_arena_info, ok.arena, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_arena_info, ok.arena, &info, 0);
    CALL(MPROC_EINVAL, mproc_arena_check, NULL, text, sizeof text);
    CALL(MPROC_EINVAL, mproc_arena_check, ok.arena, NULL, 1);
    CALL(MPROC_EINVAL, mproc_arena_check, ok.arena, text, SIZE_MAX);
    CALL(MPROC_EINVAL, mproc_arena_collect, NULL, &n);
    NEED_OK(mproc_dict_items(ok.dict, &iter));
    CALL(MPROC_EINVAL, mproc_iter_next, NULL, &key, &value);
    CALL(MPROC_EINVAL, mproc_iter_len, NULL, &n);
    CALL(MPROC_EINVAL, mproc_iter_len, iter, NULL);
    CHECK(n == 7 && key.type == MPROC_DATUM_NIL && value.type == MPROC_DATUM_NIL);
    CALL(MPROC_OK, mproc_arena_info, ok.arena, &info, sizeof info);
    CALL(MPROC_OK, mproc_arena_check, ok.arena, NULL, 0);
    CALL(MPROC_OK, mproc_arena_collect, ok.arena, NULL);
    CALL(MPROC_OK, mproc_iter_next, iter, NULL, NULL);
    mproc_iter_close(iter);
}

/* Handles on the newer kinds: as those on the others. */
static mproc_wait_item_t wait_item(uint32_t condition, const void *object) {
    mproc_wait_item_t item;
    memset(&item, 0, sizeof item);
    item.condition = condition;
    item.object = object;
    return item;
}

static void null_wait(void) {
    static const int32_t zero = 0;
    mproc_wait_item_t items[2];
    uint32_t condition, index = 7;
    size_t count = 7;
    int fd = -7;

    CALL(MPROC_EINVAL, mproc_wait, NULL, 1, FOREVER, ok.cancel, &index, &count);
    items[0] = wait_item(MPROC_WAIT_LOCK, ok.lock); /* ready: not even that is said beside a bad one */
    for (condition = MPROC_WAIT_QUEUE_READABLE; condition <= MPROC_WAIT_VALUE; condition++) {
        items[1] = wait_item(condition, NULL);
        CALL(MPROC_EINVAL, mproc_wait, items, 2, FOREVER, NULL, &index, &count);
        CALL(MPROC_EINVAL, mproc_wait, &items[1], 1, 0, NULL, NULL, NULL);
    }
    items[1] = wait_item(MPROC_WAIT_VALUE, ok.number);
    items[1].size = sizeof zero;
    CALL(MPROC_EINVAL, mproc_wait, items, 2, FOREVER, NULL, &index, &count); /* a size without bytes */
    CHECK(index == 7 && count == 7);
    items[1].size = 0;
    CALL(MPROC_OK, mproc_wait, items, 2, FOREVER, NULL, NULL, NULL);
    CALL(MPROC_ETIMEDOUT, mproc_wait, &items[1], 1, 0, ok.cancel, NULL, NULL);

    CALL(MPROC_EINVAL, mproc_value_wait, NULL, &zero, sizeof zero, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_value_wait, NULL, NULL, 0, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_value_wait, ok.number, NULL, sizeof zero, FOREVER, NULL);
    CALL(MPROC_ETIMEDOUT, mproc_value_wait, ok.number, NULL, 0, 0, NULL);
    CALL(MPROC_EINVAL, mproc_value_notify, NULL, 1);
    CALL(MPROC_EINVAL, mproc_value_notify, NULL, UINT32_MAX);

    CALL(MPROC_EINVAL, mproc_queue_readable_fd, NULL, &fd);
    CALL(MPROC_EINVAL, mproc_queue_readable_fd, ok.queue, NULL);
    CALL(MPROC_ENOTSUP, mproc_queue_readable_fd, ok.queue, &fd);
    CALL(MPROC_EINVAL, mproc_queue_writable_fd, NULL, &fd);
    CALL(MPROC_EINVAL, mproc_queue_writable_fd, ok.queue, NULL);
    CALL(MPROC_ENOTSUP, mproc_queue_writable_fd, ok.queue, &fd);
    CALL(MPROC_EINVAL, mproc_pipe_readable_fd, NULL, &fd);
    CALL(MPROC_EINVAL, mproc_pipe_readable_fd, ok.pipe, NULL);
    CALL(MPROC_ENOTSUP, mproc_pipe_readable_fd, ok.pipe, &fd);
    CALL(MPROC_EINVAL, mproc_pipe_writable_fd, NULL, &fd);
    CALL(MPROC_EINVAL, mproc_pipe_writable_fd, ok.pipe, NULL);
    CALL(MPROC_ENOTSUP, mproc_pipe_writable_fd, ok.pipe, &fd);
    CHECK_INT(-7, fd);
}

/* What to wait for, with something wrong: never waits, never says that anything is ready. */
static void bad_items(void) {
    static const uint32_t no_conditions[] = {0, MPROC_WAIT_VALUE + 1, 1u << 31, UINT32_MAX};
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2, (size_t)1 << 30, 0};
    mproc_wait_item_t items[MPROC_WAIT_MAX + 1], bad;
    uint32_t index = 7;
    size_t count = 7, i;

    for (i = 0; i <= MPROC_WAIT_MAX; i++) {
        items[i] = wait_item(MPROC_WAIT_LOCK, ok.lock);
    }
    CHECK_IS(MPROC_EINVAL, mproc_wait(items, 0, FOREVER, NULL, &index, &count));
    CHECK_IS(MPROC_EINVAL, mproc_wait(items, MPROC_WAIT_MAX + 1, FOREVER, NULL, &index, &count));
    CHECK_IS(MPROC_EINVAL, mproc_wait(items, SIZE_MAX, FOREVER, NULL, &index, &count));
    CHECK_IS(MPROC_EINVAL, mproc_wait(NULL, 0, FOREVER, NULL, &index, &count));
    for (i = 0; i < sizeof no_conditions / sizeof *no_conditions; i++) {
        items[1] = wait_item(no_conditions[i], ok.lock);
        CHECK_IS(MPROC_EINVAL, mproc_wait(items, 2, FOREVER, NULL, &index, &count));
    }
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        bad = wait_item(MPROC_WAIT_QUEUE_WRITABLE, ok.queue);
        bad.size = sizes[i];
        CHECK_IS(sizes[i] == 0 ? MPROC_OK : MPROC_E2BIG, mproc_wait(&bad, 1, FOREVER, NULL, NULL, NULL));
        bad = wait_item(MPROC_WAIT_PIPE_WRITABLE, ok.pipe);
        bad.size = sizes[i];
        CHECK_IS(sizes[i] == 0 ? MPROC_OK : MPROC_E2BIG, mproc_wait(&bad, 1, FOREVER, NULL, NULL, NULL));
    }
    items[1] = wait_item(MPROC_WAIT_LOCK, ok.lock);
    items[1].reserved = 1;
    CHECK_IS(MPROC_EINVAL, mproc_wait(items, 2, FOREVER, NULL, &index, &count));
    items[1] = wait_item(MPROC_WAIT_LOCK, ok.lock);
    items[1].size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_wait(items, 2, FOREVER, NULL, &index, &count));
    items[1] = wait_item(MPROC_WAIT_QUEUE_WRITABLE, ok.queue);
    items[1].expected = "x";
    CHECK_IS(MPROC_EINVAL, mproc_wait(items, 2, FOREVER, NULL, &index, &count));
    items[1] = wait_item(MPROC_WAIT_VALUE, ok.record);
    items[1].expected = "0123456789abcdef";
    for (i = 0; i < 20; i++) { /* 16 is the right one; what is expected is not read beyond that */
        items[1].size = i;
        CHECK_IS(i == 16 ? MPROC_OK : MPROC_ETYPE, mproc_wait(items, 2, FOREVER, NULL, NULL, NULL));
        CHECK_IS(i == 16 ? MPROC_OK : MPROC_ETYPE,
                 mproc_value_wait(ok.record, "0123456789abcdef", i, FOREVER, NULL));
    }
    CHECK(index == 7 && count == 7);
    CHECK_OK(mproc_wait(items, 1, 0, NULL, &index, &count));
    CHECK(index == 0 && count == 1);
}

static void null_more_handles(void) {
    mproc_handle_t *handle = SENTINEL(mproc_handle_t);
    mproc_rlock_t *rlock = SENTINEL(mproc_rlock_t);
    mproc_rwlock_t *rwlock = SENTINEL(mproc_rwlock_t);
    mproc_semaphore_t *semaphore = SENTINEL(mproc_semaphore_t);
    mproc_condition_t *condition = SENTINEL(mproc_condition_t);
    mproc_event_t *event = SENTINEL(mproc_event_t);
    mproc_barrier_t *barrier = SENTINEL(mproc_barrier_t);

    CALL(MPROC_EINVAL, mproc_rlock_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_rlock_export, ok.rlock, NULL);
    CALL(MPROC_EINVAL, mproc_rlock_import, NULL, NULL, &rlock);
    CALL(MPROC_EINVAL, mproc_rlock_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_rlock_import, ok.handle, NULL, &rlock);
    CALL(MPROC_EINVAL, mproc_rwlock_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_rwlock_export, ok.rwlock, NULL);
    CALL(MPROC_EINVAL, mproc_rwlock_import, NULL, NULL, &rwlock);
    CALL(MPROC_EINVAL, mproc_rwlock_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_rwlock_import, ok.handle, NULL, &rwlock);
    CALL(MPROC_EINVAL, mproc_semaphore_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_semaphore_export, ok.semaphore, NULL);
    CALL(MPROC_EINVAL, mproc_semaphore_import, NULL, NULL, &semaphore);
    CALL(MPROC_EINVAL, mproc_semaphore_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_semaphore_import, ok.handle, NULL, &semaphore);
    CALL(MPROC_EINVAL, mproc_condition_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_condition_export, ok.condition, NULL);
    CALL(MPROC_EINVAL, mproc_condition_import, NULL, NULL, &condition);
    CALL(MPROC_EINVAL, mproc_condition_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_condition_import, ok.handle, NULL, &condition);
    CALL(MPROC_EINVAL, mproc_event_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_event_export, ok.event, NULL);
    CALL(MPROC_EINVAL, mproc_event_import, NULL, NULL, &event);
    CALL(MPROC_EINVAL, mproc_event_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_event_import, ok.handle, NULL, &event);
    CALL(MPROC_EINVAL, mproc_barrier_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_barrier_export, ok.barrier, NULL);
    CALL(MPROC_EINVAL, mproc_barrier_import, NULL, NULL, &barrier);
    CALL(MPROC_EINVAL, mproc_barrier_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_barrier_import, ok.handle, NULL, &barrier);
    CHECK(handle == SENTINEL(mproc_handle_t));
    CHECK(rlock == SENTINEL(mproc_rlock_t));
    CHECK(rwlock == SENTINEL(mproc_rwlock_t));
    CHECK(semaphore == SENTINEL(mproc_semaphore_t));
    CHECK(condition == SENTINEL(mproc_condition_t));
    CHECK(event == SENTINEL(mproc_event_t));
    CHECK(barrier == SENTINEL(mproc_barrier_t));
}

static void null_handle(void) {
    mproc_handle_t *handle = SENTINEL(mproc_handle_t);
    mproc_lock_t *lock = SENTINEL(mproc_lock_t);
    mproc_value_t *value = SENTINEL(mproc_value_t);
    mproc_array_t *array = SENTINEL(mproc_array_t);
    mproc_queue_t *queue = SENTINEL(mproc_queue_t);
    mproc_pipe_t *pipe = SENTINEL(mproc_pipe_t);
    char token[160] = "#";
    size_t len = 7;
    uint32_t kind = 7;
    int first = 7, second = 7, pair[2], null;

    CALL(MPROC_EINVAL, mproc_lock_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_lock_export, ok.lock, NULL);
    CALL(MPROC_EINVAL, mproc_value_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_value_export, ok.number, NULL);
    CALL(MPROC_EINVAL, mproc_array_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_array_export, ok.array, NULL);
    CALL(MPROC_EINVAL, mproc_queue_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_queue_export, ok.queue, NULL);
    CALL(MPROC_EINVAL, mproc_pipe_export, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_pipe_export, ok.pipe, NULL);
    CALL(MPROC_EINVAL, mproc_lock_import, NULL, NULL, &lock);
    CALL(MPROC_EINVAL, mproc_lock_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_lock_import, ok.handle, NULL, &lock);
    CALL(MPROC_EINVAL, mproc_value_import, NULL, NULL, &value);
    CALL(MPROC_EINVAL, mproc_value_import, ok.handle, NULL, NULL);
    CALL(MPROC_EINVAL, mproc_array_import, NULL, NULL, &array);
    CALL(MPROC_EINVAL, mproc_array_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_array_import, ok.handle, NULL, &array);
    CALL(MPROC_EINVAL, mproc_queue_import, NULL, NULL, &queue);
    CALL(MPROC_EINVAL, mproc_queue_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_queue_import, ok.handle, NULL, &queue);
    CALL(MPROC_EINVAL, mproc_pipe_import, NULL, NULL, &pipe);
    CALL(MPROC_EINVAL, mproc_pipe_import, ok.handle, NULL, NULL);
    CALL(MPROC_EKIND, mproc_pipe_import, ok.handle, NULL, &pipe);
    CHECK(pipe == SENTINEL(mproc_pipe_t));
    CHECK(lock == SENTINEL(mproc_lock_t) && value == SENTINEL(mproc_value_t));
    CHECK(array == SENTINEL(mproc_array_t) && queue == SENTINEL(mproc_queue_t));
    CALL(MPROC_OK, mproc_value_import, ok.handle, NULL, &value);
    mproc_value_close(value);

    CALL(MPROC_EINVAL, mproc_handle_kind, NULL, &kind);
    CALL(MPROC_EINVAL, mproc_handle_kind, ok.handle, NULL);
    CALL(MPROC_EINVAL, mproc_handle_descriptors, NULL, &first, &second);
    CALL(MPROC_EINVAL, mproc_handle_descriptors, ok.handle, NULL, &second);
    CALL(MPROC_EINVAL, mproc_handle_descriptors, ok.handle, &first, NULL);
    CALL(MPROC_EINVAL, mproc_handle_token, NULL, 3, 4, token, sizeof token, &len);
    CALL(MPROC_EINVAL, mproc_handle_token, ok.handle, 3, 4, NULL, sizeof token, &len);
    CALL(MPROC_EINVAL, mproc_handle_token, ok.handle, -1, 4, token, sizeof token, &len);
    CALL(MPROC_EINVAL, mproc_handle_token, ok.handle, 3, INT32_MIN, token, sizeof token, &len);
    CHECK(kind == 7 && first == 7 && second == 7 && len == 7 && token[0] == '#');
    CALL(MPROC_EMSGSIZE, mproc_handle_token, ok.handle, 3, 4, token, 0, &len);
    CHECK(len > 7 && token[0] == '#');
    CALL(MPROC_OK, mproc_handle_token, ok.handle, 3, 4, token, sizeof token, NULL);
    CALL(MPROC_EINVAL, mproc_handle_from_token, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_handle_from_token, token, NULL);
    CALL(MPROC_EINVAL, mproc_handle_from_token, "mproc1", &handle);
    CALL(MPROC_EINVAL, mproc_inherited, NULL, &handle);
    CALL(MPROC_EINVAL, mproc_inherited, "name", NULL);
    CALL(MPROC_ENOENT, mproc_inherited, "name", &handle);

    CHECK_INT(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    CALL(MPROC_EINVAL, mproc_send_handle, pair[0], NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_send_handle, pair[0], ok.handle, -2, NULL);
    CALL(MPROC_ESYS, mproc_send_handle, -1, ok.handle, FOREVER, NULL);
    CALL(MPROC_ESYS, mproc_send_handle, null, ok.handle, FOREVER, NULL);
    CALL(MPROC_EINVAL, mproc_recv_handle, pair[1], NULL, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_recv_handle, pair[1], &handle, INT64_MIN, NULL);
    CALL(MPROC_ETIMEDOUT, mproc_recv_handle, pair[1], &handle, 0, NULL); /* nothing was sent */
    CALL(MPROC_ESYS, mproc_recv_handle, -1, &handle, FOREVER, NULL);
    CALL(MPROC_ESYS, mproc_recv_handle, null, &handle, FOREVER, NULL);
    close(null);
    close(pair[0]);
    close(pair[1]);
    CHECK(handle == SENTINEL(mproc_handle_t));
}

static void null_process(void) {
    static const char *const nothing[] = {NULL};
    static const char *const missing[] = {"/no/such/program", NULL};
    static const char *const not_executable[] = {"/etc/passwd", NULL};
    static const char *const bad_names[] = {"", ".hidden", "a/b", "a=b", "a,b", "a b"};
    mproc_process_t *process = SENTINEL(mproc_process_t);
    mproc_spawn_options_t options = MPROC_SPAWN_OPTIONS_INIT;
    mproc_named_handle_t named[2] = {{"a", NULL}, {"a", NULL}};
    size_t i;
    int pid = 7, code = 7, killed_by = 7;

    named[0].handle = named[1].handle = ok.handle;
    CALL(MPROC_EINVAL, mproc_spawn, NULL, NULL, 0, NULL, &process);
    CALL(MPROC_EINVAL, mproc_spawn, nothing, NULL, 0, NULL, &process);
    CALL(MPROC_EINVAL, mproc_spawn, run_true, NULL, 0, NULL, NULL);
    CALL(MPROC_EINVAL, mproc_spawn, run_true, NULL, 1, NULL, &process);
    CALL(MPROC_EINVAL, mproc_spawn, run_true, named, SIZE_MAX, NULL, &process);
    CALL(MPROC_EINVAL, mproc_spawn, run_true, named, 2, NULL, &process); /* the same name twice */
    named[1].name = NULL;
    CALL(MPROC_EINVAL, mproc_spawn, run_true, named, 2, NULL, &process);
    for (i = 0; i < sizeof bad_names / sizeof *bad_names; i++) {
        named[1].name = bad_names[i];
        CALL(MPROC_ENAME, mproc_spawn, run_true, named, 2, NULL, &process);
    }
    named[1].name = "b";
    named[1].handle = NULL;
    CALL(MPROC_EINVAL, mproc_spawn, run_true, named, 2, NULL, &process);
    if (getenv("UNDER_VALGRIND") == NULL) { /* it makes a fork of vfork, so posix_spawn never hears of the failure */
        CALL(MPROC_ENOENT, mproc_spawn, missing, named, 1, NULL, &process);
        CALL(MPROC_EACCES, mproc_spawn, not_executable, named, 1, NULL, &process);
    }
    options.flags = 1;
    CALL(MPROC_EINVAL, mproc_spawn, run_true, named, 1, &options, &process);
    options.flags = 0;
    options.reserved = 1;
    CALL(MPROC_EINVAL, mproc_spawn, run_true, named, 1, &options, &process);
    options.reserved = 0;
    options.size = 0;
    CALL(MPROC_EINVAL, mproc_spawn, run_true, named, 1, &options, &process);
    CHECK(process == SENTINEL(mproc_process_t));

    CALL(MPROC_EINVAL, mproc_process_pid, NULL, &pid);
    CALL(MPROC_EINVAL, mproc_process_pid, ok.process, NULL);
    CALL(MPROC_EINVAL, mproc_process_wait, NULL, &code, &killed_by, FOREVER, ok.cancel);
    CALL(MPROC_EINVAL, mproc_process_wait, ok.process, &code, &killed_by, -2, NULL);
    CALL(MPROC_EINVAL, mproc_process_kill, NULL, SIGKILL);
    CHECK(pid == 7 && code == 7 && killed_by == 7);
    CALL(MPROC_OK, mproc_process_wait, ok.process, NULL, NULL, FOREVER, NULL);
    CALL(MPROC_OK, mproc_process_wait, ok.process, &code, NULL, 0, NULL); /* the answer stays */
    CHECK_INT(0, code);
    CALL(MPROC_OK, mproc_process_kill, ok.process, SIGKILL); /* it has ended already */
}

/* The same for keys, a manager, what it gives, and batches; near and far are the same there. */
static int no_procedure(mproc_datum_t argument, mproc_builder_t *result, void *payload) {
    (void)argument;
    (void)result;
    (void)payload;
    return MPROC_OK;
}

static void null_manager(void) {
    mproc_manager_t *manager = NULL;
    mproc_batch_t *batch = NULL;
    mproc_manager_options_t options = MPROC_MANAGER_OPTIONS_INIT;
    mproc_connect_options_t how = MPROC_CONNECT_OPTIONS_INIT;
    mproc_manager_info_t info;
    mproc_datum_t one = mproc_datum_int(1), out = mproc_datum_nil();
    mproc_key_t key;
    char buf[16];
    size_t len = 0;
    int remote = 0;

    memset(&key, 0, sizeof key);
    CALL(MPROC_EINVAL, mproc_key_generate, NULL);
    CALL(MPROC_EINVAL, mproc_key_load, NULL, &key);
    CALL(MPROC_EINVAL, mproc_key_load, "/nowhere", NULL);
    CALL(MPROC_EINVAL, mproc_key_save, NULL, "/nowhere");
    CALL(MPROC_EINVAL, mproc_key_save, &key, NULL);

    CALL(MPROC_EINVAL, mproc_manager_start, NULL, NULL, NULL, NULL);
    CALL(MPROC_EINVAL, mproc_manager_connect, NULL, NULL, NULL, &manager);
    CALL(MPROC_EINVAL, mproc_manager_connect, "unix:/nowhere", NULL, NULL, NULL);
    CALL(MPROC_EINVAL, mproc_manager_domain, NULL, SENTINEL(const mproc_domain_t *));
    CALL(MPROC_EINVAL, mproc_manager_address, NULL, 0, buf, sizeof buf, &len);
    CALL(MPROC_EINVAL, mproc_manager_list, NULL, SENTINEL(mproc_iter_t *));
    CALL(MPROC_EINVAL, mproc_manager_ping, NULL, 0);
    CALL(MPROC_EINVAL, mproc_manager_info, NULL, &info, sizeof info);
    CALL(MPROC_EINVAL, mproc_manager_register, NULL, "name", no_procedure, NULL);
    CALL(MPROC_EINVAL, mproc_manager_call, NULL, "name", one, ok.builder, 0, NULL);
    CALL(MPROC_EINVAL, mproc_object_name, MPROC_KIND_EVENT, NULL, buf, sizeof buf, &len);
    CALL(MPROC_EINVAL, mproc_object_name, 0, ok.event, buf, sizeof buf, &len);
    CALL(MPROC_EINVAL, mproc_object_is_remote, MPROC_KIND_EVENT, NULL, &remote);
    CALL(MPROC_EINVAL, mproc_object_is_remote, MPROC_KIND_EVENT, ok.event, NULL);
    CALL(MPROC_EINVAL, mproc_object_is_remote, 99, ok.event, &remote);
    CALL(MPROC_EINVAL, mproc_batch_create, NULL, &batch);
    CHECK(manager == NULL && batch == NULL);
    CHECK_IS(MPROC_EINVAL, mproc_manager_start("nonsense", NULL, NULL, &manager));
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect("nonsense", NULL, NULL, &manager));
    options.flags = how.flags = UINT32_C(1) << 31;
    CHECK_IS(MPROC_EINVAL, mproc_manager_start(NULL, NULL, &options, &manager));
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect("unix:/nowhere", NULL, &how, &manager));
    COVER(mproc_manager_close);
    mproc_manager_close(NULL);
    COVER(mproc_batch_close);
    mproc_batch_close(NULL);

    NEED_OK(mproc_manager_start(NULL, NULL, NULL, &manager));
    NEED_OK(mproc_batch_create(manager, &batch));
    CALL(MPROC_EINVAL, mproc_manager_domain, manager, NULL);
    CALL(MPROC_EINVAL, mproc_manager_address, manager, 0, NULL, 1, &len);
    CALL(MPROC_EINVAL, mproc_manager_list, manager, NULL);
    CALL(MPROC_EINVAL, mproc_manager_ping, manager, -2);
    CALL(MPROC_EINVAL, mproc_manager_info, manager, NULL, sizeof info);
    CALL(MPROC_EINVAL, mproc_manager_info, manager, &info, 0);
    CALL(MPROC_EINVAL, mproc_manager_register, manager, NULL, no_procedure, NULL);
    CALL(MPROC_EINVAL, mproc_manager_register, manager, "name", NULL, NULL);
    CALL(MPROC_EINVAL, mproc_manager_call, manager, NULL, one, ok.builder, 0, NULL);
    CALL(MPROC_EINVAL, mproc_manager_call, manager, "name", one, ok.builder, -2, NULL);
    CALL(MPROC_EINVAL, mproc_batch_create, manager, NULL);
    CALL(MPROC_EINVAL, mproc_batch_dict_get, NULL, ok.dict, one);
    CALL(MPROC_EINVAL, mproc_batch_dict_get, batch, NULL, one);
    CALL(MPROC_EINVAL, mproc_batch_dict_set, NULL, ok.dict, one, one);
    CALL(MPROC_EINVAL, mproc_batch_dict_set, batch, NULL, one, one);
    CALL(MPROC_EINVAL, mproc_batch_dict_delete, NULL, ok.dict, one);
    CALL(MPROC_EINVAL, mproc_batch_dict_delete, batch, NULL, one);
    CALL(MPROC_EINVAL, mproc_batch_dict_add, NULL, ok.dict, one, one);
    CALL(MPROC_EINVAL, mproc_batch_dict_add, batch, NULL, one, one);
    CALL(MPROC_EINVAL, mproc_batch_list_get, NULL, ok.list, 0);
    CALL(MPROC_EINVAL, mproc_batch_list_get, batch, NULL, 0);
    CALL(MPROC_EINVAL, mproc_batch_list_set, NULL, ok.list, 0, one);
    CALL(MPROC_EINVAL, mproc_batch_list_set, batch, NULL, 0, one);
    CALL(MPROC_EINVAL, mproc_batch_list_append, NULL, ok.list, one);
    CALL(MPROC_EINVAL, mproc_batch_list_append, batch, NULL, one);
    CALL(MPROC_EINVAL, mproc_batch_namespace_get, NULL, ok.names, "k");
    CALL(MPROC_EINVAL, mproc_batch_namespace_get, batch, NULL, "k");
    CALL(MPROC_EINVAL, mproc_batch_namespace_get, batch, ok.names, NULL);
    CALL(MPROC_EINVAL, mproc_batch_namespace_set, NULL, ok.names, "k", one);
    CALL(MPROC_EINVAL, mproc_batch_namespace_set, batch, NULL, "k", one);
    CALL(MPROC_EINVAL, mproc_batch_namespace_set, batch, ok.names, NULL, one);
    CALL(MPROC_EINVAL, mproc_batch_queue_put, NULL, ok.queue, "x", 1);
    CALL(MPROC_EINVAL, mproc_batch_queue_put, batch, NULL, "x", 1);
    CALL(MPROC_EINVAL, mproc_batch_queue_put, batch, ok.queue, NULL, 1);
    CALL(MPROC_EINVAL, mproc_batch_queue_get, NULL, ok.queue);
    CALL(MPROC_EINVAL, mproc_batch_queue_get, batch, NULL);
    CALL(MPROC_EINVAL, mproc_batch_value_fetch_i64, NULL, ok.number, MPROC_OP_ADD, 1);
    CALL(MPROC_EINVAL, mproc_batch_value_fetch_i64, batch, NULL, MPROC_OP_ADD, 1);
    CALL(MPROC_EINVAL, mproc_batch_value_fetch_i64, batch, ok.number, 99, 1);
    CALL(MPROC_EINVAL, mproc_batch_event_set, NULL, ok.event);
    CALL(MPROC_EINVAL, mproc_batch_event_set, batch, NULL);
    CALL(MPROC_EINVAL, mproc_batch_run, NULL);
    CALL(MPROC_EINVAL, mproc_batch_result, NULL, 0, &out);
    CALL(MPROC_EINVAL, mproc_batch_reset, NULL);
    CHECK_OK(mproc_batch_run(batch)); /* nothing was added */
    CHECK_IS(MPROC_ERANGE, mproc_batch_result(batch, 0, &out));
    mproc_batch_close(batch);
    mproc_manager_close(manager);
}

/* A name is 1 to 200 of [A-Za-z0-9._-], not starting with a dot: wherever one is taken. */
static void names(void) {
    static char too_long[202];
    const char *bad[] = {"", ".", "..", ".hidden", "a/b", "/a", "a/", "../a", "a b", "a\n", "\xc3\xa9", "\xff\xfe",
                         "a\\b", "a:b", "a%2f", "~", "*", too_long};
    mproc_value_options_t value_is = value_options(MPROC_TYPE_I32);
    mproc_array_options_t array_is = array_options(MPROC_TYPE_I32, 1);
    mproc_lock_t *lock = NULL;
    mproc_value_t *value = NULL;
    mproc_array_t *array = NULL;
    mproc_queue_t *queue = NULL;
    mproc_pipe_t *pipe = NULL, *peer = NULL;
    mproc_rlock_t *rlock = NULL;
    mproc_rwlock_t *rwlock = NULL;
    mproc_semaphore_t *semaphore = NULL;
    mproc_condition_t *condition = NULL;
    mproc_event_t *event = NULL;
    mproc_barrier_t *barrier = NULL;
    mproc_dict_t *dict = NULL;
    mproc_list_t *list = NULL;
    mproc_namespace_t *names_of = NULL;
    mproc_barrier_options_t barrier_is = barrier_options(2);
    size_t i;

    memset(too_long, 'x', 201);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_IS(MPROC_ENAME, mproc_lock_create(ok.domain, bad[i], NULL, &lock));
        CHECK_IS(MPROC_ENAME, mproc_lock_open(ok.domain, bad[i], NULL, &lock));
        CHECK_IS(MPROC_ENAME, mproc_value_create(ok.domain, bad[i], &value_is, &value));
        CHECK_IS(MPROC_ENAME, mproc_value_open(ok.domain, bad[i], NULL, &value));
        CHECK_IS(MPROC_ENAME, mproc_array_create(ok.domain, bad[i], &array_is, &array));
        CHECK_IS(MPROC_ENAME, mproc_array_open(ok.domain, bad[i], NULL, &array));
        CHECK_IS(MPROC_ENAME, mproc_queue_create(ok.domain, bad[i], NULL, &queue));
        CHECK_IS(MPROC_ENAME, mproc_queue_open(ok.domain, bad[i], NULL, &queue));
        CHECK_IS(MPROC_ENAME, mproc_pipe_create(ok.domain, bad[i], NULL, &pipe, &peer));
        CHECK_IS(MPROC_ENAME, mproc_pipe_open(ok.domain, bad[i], NULL, 0, &pipe));
        CHECK_IS(MPROC_ENAME, mproc_rlock_create(ok.domain, bad[i], NULL, &rlock));
        CHECK_IS(MPROC_ENAME, mproc_rlock_open(ok.domain, bad[i], NULL, &rlock));
        CHECK_IS(MPROC_ENAME, mproc_rwlock_create(ok.domain, bad[i], NULL, &rwlock));
        CHECK_IS(MPROC_ENAME, mproc_rwlock_open(ok.domain, bad[i], NULL, &rwlock));
        CHECK_IS(MPROC_ENAME, mproc_semaphore_create(ok.domain, bad[i], NULL, &semaphore));
        CHECK_IS(MPROC_ENAME, mproc_semaphore_open(ok.domain, bad[i], NULL, &semaphore));
        CHECK_IS(MPROC_ENAME, mproc_condition_create(ok.domain, bad[i], NULL, &condition));
        CHECK_IS(MPROC_ENAME, mproc_condition_open(ok.domain, bad[i], NULL, &condition));
        CHECK_IS(MPROC_ENAME, mproc_event_create(ok.domain, bad[i], NULL, &event));
        CHECK_IS(MPROC_ENAME, mproc_event_open(ok.domain, bad[i], NULL, &event));
        CHECK_IS(MPROC_ENAME, mproc_barrier_create(ok.domain, bad[i], &barrier_is, &barrier));
        CHECK_IS(MPROC_ENAME, mproc_barrier_open(ok.domain, bad[i], NULL, &barrier));
        CHECK_IS(MPROC_ENAME, mproc_dict_create(ok.domain, bad[i], NULL, &dict));
        CHECK_IS(MPROC_ENAME, mproc_dict_open(ok.domain, bad[i], NULL, &dict));
        CHECK_IS(MPROC_ENAME, mproc_list_create(ok.domain, bad[i], NULL, &list));
        CHECK_IS(MPROC_ENAME, mproc_list_open(ok.domain, bad[i], NULL, &list));
        CHECK_IS(MPROC_ENAME, mproc_namespace_create(ok.domain, bad[i], NULL, &names_of));
        CHECK_IS(MPROC_ENAME, mproc_namespace_open(ok.domain, bad[i], NULL, &names_of));
        CHECK_IS(MPROC_ENAME, mproc_domain_unlink(ok.domain, bad[i]));
    }
    CHECK(rlock == NULL && rwlock == NULL && semaphore == NULL);
    CHECK(condition == NULL && event == NULL && barrier == NULL);
    CHECK(lock == NULL && value == NULL && array == NULL && queue == NULL && pipe == NULL && peer == NULL);
}

static void types_and_flags(void) {
    static const int32_t no_types[] = {0, -1, MPROC_TYPE_STRUCT + 1, INT32_MAX, INT32_MIN};
    static const uint32_t no_flags[] = {8192, 1u << 31, UINT32_MAX};
    static const uint32_t of_pipes[] = {MPROC_PIPE_ONEWAY, MPROC_PIPE_EXCLUSIVE,
                                         MPROC_PIPE_ONEWAY | MPROC_PIPE_EXCLUSIVE};
    static const uint32_t of_queues[] = {MPROC_QUEUE_LEASE, MPROC_QUEUE_JOINABLE,
                                          MPROC_QUEUE_LEASE | MPROC_QUEUE_JOINABLE};
    mproc_domain_options_t domain_is = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_lock_options_t lock_is = MPROC_LOCK_OPTIONS_INIT;
    mproc_queue_options_t queue_is = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t pipe_is = MPROC_PIPE_OPTIONS_INIT;
    mproc_pipe_t *pipe = NULL, *peer = NULL;
    mproc_value_options_t value_is;
    mproc_array_options_t array_is;
    mproc_domain_t *domain = NULL;
    mproc_lock_t *lock = NULL;
    mproc_value_t *value = NULL;
    mproc_array_t *array = NULL;
    mproc_queue_t *queue = NULL;
    size_t size = 0, i;
    int32_t type = 0;

    for (i = 0; i < sizeof no_types / sizeof *no_types; i++) {
        value_is = value_options(no_types[i]);
        array_is = array_options(no_types[i], 4);
        CHECK_IS(MPROC_EINVAL, mproc_value_create(ok.domain, NULL, &value_is, &value));
        CHECK_IS(MPROC_EINVAL, mproc_array_create(ok.domain, NULL, &array_is, &array));
        CHECK_IS(MPROC_EINVAL, mproc_type_size(no_types[i], &size));
        if (no_types[i] != 0) { /* on open, 0 accepts any */
            CHECK_IS(MPROC_EINVAL, mproc_value_open(ok.domain, "number", &value_is, &value));
            array_is.ndim = 0;
            CHECK_IS(MPROC_EINVAL, mproc_array_open(ok.domain, "array", &array_is, &array));
        }
    }
    CHECK_IS(MPROC_EINVAL, mproc_type_from_typecode('x', &type));
    CHECK_IS(MPROC_EINVAL, mproc_type_from_typecode('\0', &type));
    for (i = 0; i < sizeof no_flags / sizeof *no_flags; i++) {
        value_is = value_options(MPROC_TYPE_I32);
        array_is = array_options(MPROC_TYPE_I32, 10);
        value_is.flags = array_is.flags = lock_is.flags = no_flags[i];
        queue_is.flags = pipe_is.flags = domain_is.flags = no_flags[i];
        CHECK_IS(MPROC_EINVAL, mproc_domain_open(&domain_is, &domain));
        CHECK_IS(MPROC_EINVAL, mproc_lock_create(ok.domain, NULL, &lock_is, &lock));
        CHECK_IS(MPROC_EINVAL, mproc_lock_open(ok.domain, "lock", &lock_is, &lock));
        CHECK_IS(MPROC_EINVAL, mproc_value_create(ok.domain, NULL, &value_is, &value));
        CHECK_IS(MPROC_EINVAL, mproc_value_open(ok.domain, "number", &value_is, &value));
        CHECK_IS(MPROC_EINVAL, mproc_array_create(ok.domain, NULL, &array_is, &array));
        CHECK_IS(MPROC_EINVAL, mproc_array_open(ok.domain, "array", &array_is, &array));
        CHECK_IS(MPROC_EINVAL, mproc_queue_create(ok.domain, NULL, &queue_is, &queue));
        CHECK_IS(MPROC_EINVAL, mproc_queue_open(ok.domain, "queue", &queue_is, &queue));
        CHECK_IS(MPROC_EINVAL, mproc_pipe_create(ok.domain, NULL, &pipe_is, &pipe, &peer));
        CHECK_IS(MPROC_EINVAL, mproc_pipe_open(ok.domain, "pipe", &pipe_is, 0, &pipe));
    }
    for (i = 0; i < sizeof of_pipes / sizeof *of_pipes; i++) { /* one kind's flag is no other's */
        value_is = value_options(MPROC_TYPE_I32);
        array_is = array_options(MPROC_TYPE_I32, 10);
        value_is.flags = array_is.flags = lock_is.flags = queue_is.flags = domain_is.flags = of_pipes[i];
        pipe_is.flags = of_queues[i];
        CHECK_IS(MPROC_EINVAL, mproc_domain_open(&domain_is, &domain));
        CHECK_IS(MPROC_EINVAL, mproc_lock_open(ok.domain, "lock", &lock_is, &lock));
        CHECK_IS(MPROC_EINVAL, mproc_value_open(ok.domain, "number", &value_is, &value));
        CHECK_IS(MPROC_EINVAL, mproc_array_open(ok.domain, "array", &array_is, &array));
        CHECK_IS(MPROC_EINVAL, mproc_queue_create(ok.domain, NULL, &queue_is, &queue));
        CHECK_IS(MPROC_EINVAL, mproc_queue_open(ok.domain, "queue", &queue_is, &queue));
        CHECK_IS(MPROC_EINVAL, mproc_pipe_create(ok.domain, NULL, &pipe_is, &pipe, &peer));
        CHECK_IS(MPROC_EINVAL, mproc_pipe_open(ok.domain, "pipe", &pipe_is, 0, &pipe));
        value_is.flags = array_is.flags = lock_is.flags = of_queues[i];
        CHECK_IS(MPROC_EINVAL, mproc_lock_create(ok.domain, NULL, &lock_is, &lock));
        CHECK_IS(MPROC_EINVAL, mproc_value_create(ok.domain, NULL, &value_is, &value));
        CHECK_IS(MPROC_EINVAL, mproc_array_create(ok.domain, NULL, &array_is, &array));
        queue_is.flags = of_queues[i]; /* known, but this queue was made without, and so was this pipe */
        pipe_is.flags = of_pipes[i];
        CHECK_IS(MPROC_ETYPE, mproc_queue_open(ok.domain, "queue", &queue_is, &queue));
        CHECK_IS(MPROC_ETYPE, mproc_pipe_open(ok.domain, "pipe", &pipe_is, 0, &pipe));
    }
    lock_is.flags = queue_is.flags = pipe_is.flags = MPROC_RAW; /* of values only */
    CHECK_IS(MPROC_EINVAL, mproc_pipe_create(ok.domain, NULL, &pipe_is, &pipe, &peer));
    pipe_is.flags = 0;
    pipe_is.capacity_bytes = UINT64_MAX;
    CHECK_IS(MPROC_EINVAL, mproc_pipe_create(ok.domain, NULL, &pipe_is, &pipe, &peer));
    pipe_is.capacity_bytes = 0;
    pipe_is.size = 0;
    CHECK_IS(MPROC_EINVAL, mproc_pipe_create(ok.domain, NULL, &pipe_is, &pipe, &peer));
    pipe_is.size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_pipe_open(ok.domain, "pipe", &pipe_is, 0, &pipe));
    CHECK(pipe == NULL && peer == NULL);
    CHECK_IS(MPROC_EINVAL, mproc_lock_create(ok.domain, NULL, &lock_is, &lock));
    CHECK_IS(MPROC_EINVAL, mproc_queue_create(ok.domain, NULL, &queue_is, &queue));
    CHECK(domain == NULL && lock == NULL && value == NULL && array == NULL && queue == NULL);

    domain_is.flags = 0;
    domain_is.path = "";
    CHECK_IS(MPROC_EINVAL, mproc_domain_open(&domain_is, &domain));
    {
        static char long_path[8192];
        memset(long_path, 'p', sizeof long_path - 1);
        long_path[0] = '/';
        domain_is.path = long_path;
        CHECK_IS(MPROC_EINVAL, mproc_domain_open(&domain_is, &domain));
    }
    CHECK(domain == NULL);
}

/* Flags that exist, of other kinds; flags that do not; fields that have to be 0; sizes of another age. */
static void more_flags(void) {
    static const uint32_t bad[] = {8192, 1u << 31, UINT32_MAX, MPROC_RAW, MPROC_PIPE_ONEWAY, MPROC_PIPE_EXCLUSIVE,
                                   MPROC_QUEUE_LEASE, MPROC_QUEUE_JOINABLE, MPROC_ANY_RELEASE, MPROC_SEMAPHORE_BOUNDED,
                                   MPROC_SEMAPHORE_ACCOUNTING, MPROC_POLLABLE};
    static const uint32_t of_values[] = {MPROC_ANY_RELEASE, MPROC_SEMAPHORE_BOUNDED, MPROC_SEMAPHORE_ACCOUNTING};
    mproc_lock_options_t lock_is = MPROC_LOCK_OPTIONS_INIT;
    mproc_value_options_t value_is = value_options(MPROC_TYPE_I32);
    mproc_array_options_t array_is = array_options(MPROC_TYPE_I32, 10);
    mproc_queue_options_t queue_is = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t pipe_is = MPROC_PIPE_OPTIONS_INIT;
    mproc_domain_options_t domain_is = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_rlock_options_t rlock_is = MPROC_RLOCK_OPTIONS_INIT;
    mproc_rwlock_options_t rwlock_is = MPROC_RWLOCK_OPTIONS_INIT;
    mproc_semaphore_options_t semaphore_is = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_condition_options_t condition_is = MPROC_CONDITION_OPTIONS_INIT;
    mproc_event_options_t event_is = MPROC_EVENT_OPTIONS_INIT;
    mproc_barrier_options_t barrier_is = barrier_options(2);
    mproc_container_options_t container_is = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_domain_t *domain = NULL;
    mproc_lock_t *lock = NULL;
    mproc_value_t *value = NULL;
    mproc_array_t *array = NULL;
    mproc_queue_t *queue = NULL;
    mproc_pipe_t *pipe = NULL;
    mproc_rlock_t *rlock = NULL;
    mproc_rwlock_t *rwlock = NULL;
    mproc_semaphore_t *semaphore = NULL;
    mproc_condition_t *condition = NULL;
    mproc_event_t *event = NULL;
    mproc_barrier_t *barrier = NULL;
    mproc_dict_t *dict = NULL;
    mproc_list_t *list = NULL;
    mproc_namespace_t *names_of = NULL;
    mproc_pipe_t *peer = NULL;
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        int semaphores = bad[i] == MPROC_SEMAPHORE_BOUNDED || bad[i] == MPROC_SEMAPHORE_ACCOUNTING;
        rlock_is.flags = bad[i];
        rwlock_is.flags = bad[i];
        semaphore_is.flags = bad[i];
        condition_is.flags = bad[i];
        event_is.flags = bad[i];
        barrier_is.flags = bad[i];
        container_is.flags = bad[i];
        CHECK_IS(MPROC_EINVAL, mproc_rlock_create(ok.domain, NULL, &rlock_is, &rlock));
        CHECK_IS(MPROC_EINVAL, mproc_rlock_create(ok.domain, "rlock", &rlock_is, &rlock));
        CHECK_IS(MPROC_EINVAL, mproc_rlock_open(ok.domain, "rlock", &rlock_is, &rlock));
        CHECK_IS(MPROC_EINVAL, mproc_rwlock_create(ok.domain, NULL, &rwlock_is, &rwlock));
        CHECK_IS(MPROC_EINVAL, mproc_rwlock_create(ok.domain, "rwlock", &rwlock_is, &rwlock));
        CHECK_IS(MPROC_EINVAL, mproc_rwlock_open(ok.domain, "rwlock", &rwlock_is, &rwlock));
        if (!semaphores) {
            CHECK_IS(MPROC_EINVAL, mproc_semaphore_create(ok.domain, NULL, &semaphore_is, &semaphore));
            CHECK_IS(MPROC_EINVAL, mproc_semaphore_create(ok.domain, "semaphore", &semaphore_is, &semaphore));
            CHECK_IS(MPROC_EINVAL, mproc_semaphore_open(ok.domain, "semaphore", &semaphore_is, &semaphore));
        }
        CHECK_IS(MPROC_EINVAL, mproc_condition_create(ok.domain, NULL, &condition_is, &condition));
        CHECK_IS(MPROC_EINVAL, mproc_condition_create(ok.domain, "condition", &condition_is, &condition));
        CHECK_IS(MPROC_EINVAL, mproc_condition_open(ok.domain, "condition", &condition_is, &condition));
        CHECK_IS(MPROC_EINVAL, mproc_event_create(ok.domain, NULL, &event_is, &event));
        CHECK_IS(MPROC_EINVAL, mproc_event_create(ok.domain, "event", &event_is, &event));
        CHECK_IS(MPROC_EINVAL, mproc_event_open(ok.domain, "event", &event_is, &event));
        CHECK_IS(MPROC_EINVAL, mproc_barrier_create(ok.domain, NULL, &barrier_is, &barrier));
        CHECK_IS(MPROC_EINVAL, mproc_barrier_create(ok.domain, "barrier", &barrier_is, &barrier));
        CHECK_IS(MPROC_EINVAL, mproc_barrier_open(ok.domain, "barrier", &barrier_is, &barrier));
        CHECK_IS(MPROC_EINVAL, mproc_dict_create(ok.domain, NULL, &container_is, &dict));
        CHECK_IS(MPROC_EINVAL, mproc_dict_create(ok.domain, "dict", &container_is, &dict));
        CHECK_IS(MPROC_EINVAL, mproc_dict_open(ok.domain, "dict", &container_is, &dict));
        CHECK_IS(MPROC_EINVAL, mproc_list_create(ok.domain, NULL, &container_is, &list));
        CHECK_IS(MPROC_EINVAL, mproc_list_create(ok.domain, "list", &container_is, &list));
        CHECK_IS(MPROC_EINVAL, mproc_list_open(ok.domain, "list", &container_is, &list));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_create(ok.domain, NULL, &container_is, &names_of));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_create(ok.domain, "namespace", &container_is, &names_of));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_open(ok.domain, "namespace", &container_is, &names_of));
    }
    for (i = 0; i < sizeof of_values / sizeof *of_values; i++) { /* nor are theirs the others' */
        lock_is.flags = of_values[i] == MPROC_ANY_RELEASE ? MPROC_SEMAPHORE_BOUNDED : of_values[i];
        value_is.flags = array_is.flags = queue_is.flags = pipe_is.flags = domain_is.flags = of_values[i];
        CHECK_IS(MPROC_EINVAL, mproc_domain_open(&domain_is, &domain));
        CHECK_IS(MPROC_EINVAL, mproc_lock_create(ok.domain, NULL, &lock_is, &lock));
        CHECK_IS(MPROC_EINVAL, mproc_value_create(ok.domain, NULL, &value_is, &value));
        CHECK_IS(MPROC_EINVAL, mproc_array_create(ok.domain, NULL, &array_is, &array));
        CHECK_IS(MPROC_EINVAL, mproc_queue_create(ok.domain, NULL, &queue_is, &queue));
        CHECK_IS(MPROC_EINVAL, mproc_pipe_create(ok.domain, NULL, &pipe_is, &pipe, &peer));
    }
    domain_is.flags = MPROC_RETURN_ON_SIGNAL;
    CHECK_IS(MPROC_EINVAL, mproc_domain_open(&domain_is, &domain));
    domain_is.flags = lock_is.flags = value_is.flags = array_is.flags = MPROC_POLLABLE; /* for queues and pipes only */
    CHECK_IS(MPROC_EINVAL, mproc_domain_open(&domain_is, &domain));
    CHECK_IS(MPROC_EINVAL, mproc_lock_create(ok.domain, NULL, &lock_is, &lock));
    CHECK_IS(MPROC_EINVAL, mproc_lock_open(ok.domain, "lock", &lock_is, &lock));
    CHECK_IS(MPROC_EINVAL, mproc_value_create(ok.domain, NULL, &value_is, &value));
    CHECK_IS(MPROC_EINVAL, mproc_value_open(ok.domain, "number", &value_is, &value));
    CHECK_IS(MPROC_EINVAL, mproc_array_create(ok.domain, NULL, &array_is, &array));
    CHECK_IS(MPROC_EINVAL, mproc_array_open(ok.domain, "array", &array_is, &array));
    rlock_is.flags = 0;
    rlock_is.reserved = 1;
    CHECK_IS(MPROC_EINVAL, mproc_rlock_create(ok.domain, NULL, &rlock_is, &rlock));
    CHECK_IS(MPROC_EINVAL, mproc_rlock_open(ok.domain, "rlock", &rlock_is, &rlock));
    rlock_is.reserved = 0;
    rwlock_is.flags = 0;
    rwlock_is.reserved = 1;
    CHECK_IS(MPROC_EINVAL, mproc_rwlock_create(ok.domain, NULL, &rwlock_is, &rwlock));
    CHECK_IS(MPROC_EINVAL, mproc_rwlock_open(ok.domain, "rwlock", &rwlock_is, &rwlock));
    rwlock_is.reserved = 0;
    condition_is.flags = 0;
    condition_is.reserved = 1;
    CHECK_IS(MPROC_EINVAL, mproc_condition_create(ok.domain, NULL, &condition_is, &condition));
    CHECK_IS(MPROC_EINVAL, mproc_condition_open(ok.domain, "condition", &condition_is, &condition));
    condition_is.reserved = 0;
    event_is.flags = 0;
    event_is.reserved = 1;
    CHECK_IS(MPROC_EINVAL, mproc_event_create(ok.domain, NULL, &event_is, &event));
    CHECK_IS(MPROC_EINVAL, mproc_event_open(ok.domain, "event", &event_is, &event));
    event_is.reserved = 0;
    container_is.flags = 0;
    container_is.reserved = 1;
    CHECK_IS(MPROC_EINVAL, mproc_dict_create(ok.domain, NULL, &container_is, &dict));
    CHECK_IS(MPROC_EINVAL, mproc_list_open(ok.domain, "list", &container_is, &list));
    container_is.reserved = 0;
    container_is.limit_bytes = 1;
    CHECK_IS(MPROC_EINVAL, mproc_dict_create(ok.domain, NULL, &container_is, &dict));
    container_is.limit_bytes = UINT64_MAX;
    CHECK_IS(MPROC_EINVAL, mproc_namespace_create(ok.domain, NULL, &container_is, &names_of));
    container_is.limit_bytes = 0;
    container_is.size = 0;
    CHECK_IS(MPROC_EINVAL, mproc_list_create(ok.domain, NULL, &container_is, &list));
    container_is.size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_namespace_open(ok.domain, "namespace", &container_is, &names_of));
    semaphore_is.flags = barrier_is.flags = 0;
    rlock_is.size = 0;
    CHECK_IS(MPROC_EINVAL, mproc_rlock_create(ok.domain, NULL, &rlock_is, &rlock));
    rlock_is.size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_rlock_open(ok.domain, "rlock", &rlock_is, &rlock));
    rwlock_is.size = 0;
    CHECK_IS(MPROC_EINVAL, mproc_rwlock_create(ok.domain, NULL, &rwlock_is, &rwlock));
    rwlock_is.size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_rwlock_open(ok.domain, "rwlock", &rwlock_is, &rwlock));
    semaphore_is.size = 0;
    CHECK_IS(MPROC_EINVAL, mproc_semaphore_create(ok.domain, NULL, &semaphore_is, &semaphore));
    semaphore_is.size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_semaphore_open(ok.domain, "semaphore", &semaphore_is, &semaphore));
    condition_is.size = 0;
    CHECK_IS(MPROC_EINVAL, mproc_condition_create(ok.domain, NULL, &condition_is, &condition));
    condition_is.size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_condition_open(ok.domain, "condition", &condition_is, &condition));
    event_is.size = 0;
    CHECK_IS(MPROC_EINVAL, mproc_event_create(ok.domain, NULL, &event_is, &event));
    event_is.size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_event_open(ok.domain, "event", &event_is, &event));
    barrier_is.size = 0;
    CHECK_IS(MPROC_EINVAL, mproc_barrier_create(ok.domain, NULL, &barrier_is, &barrier));
    barrier_is.size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_barrier_open(ok.domain, "barrier", &barrier_is, &barrier));
    CHECK(domain == NULL && lock == NULL && value == NULL && array == NULL && queue == NULL && pipe == NULL);
    CHECK(peer == NULL && rlock == NULL && rwlock == NULL && semaphore == NULL && condition == NULL);
    CHECK(event == NULL && barrier == NULL);
}

/* With MPROC_EXIST_OK: what is there has to be what is wanted. */
static void mismatches(void) {
    mproc_lock_options_t lock_is = MPROC_LOCK_OPTIONS_INIT;
    mproc_rlock_options_t rlock_is = MPROC_RLOCK_OPTIONS_INIT;
    mproc_rwlock_options_t rwlock_is = MPROC_RWLOCK_OPTIONS_INIT;
    mproc_semaphore_options_t semaphore_is = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_condition_options_t condition_is = MPROC_CONDITION_OPTIONS_INIT;
    mproc_event_options_t event_is = MPROC_EVENT_OPTIONS_INIT;
    mproc_barrier_options_t barrier_is = barrier_options(2);
    mproc_lock_t *lock = NULL;
    mproc_rlock_t *rlock = NULL;
    mproc_rwlock_t *rwlock = NULL;
    mproc_semaphore_t *semaphore = NULL;
    mproc_condition_t *condition = NULL;
    mproc_event_t *event = NULL;
    mproc_barrier_t *barrier = NULL;
    static const char *const things[] = {"lock",   "number",    "array",     "queue", "pipe",   "rlock",
                                         "rwlock", "semaphore", "condition", "event", "barrier"};
    size_t i;

    lock_is.flags = rlock_is.flags = rwlock_is.flags = semaphore_is.flags = MPROC_EXIST_OK;
    condition_is.flags = event_is.flags = barrier_is.flags = MPROC_EXIST_OK;
    for (i = 0; i < sizeof things / sizeof *things; i++) {
        CHECK_IS(i == 0 ? MPROC_EXISTED : MPROC_EKIND, mproc_lock_create(NULL, things[i], &lock_is, &lock));
        mproc_lock_close(lock);
        lock = NULL;
        CHECK_IS(i == 5 ? MPROC_EXISTED : MPROC_EKIND, mproc_rlock_create(NULL, things[i], &rlock_is, &rlock));
        mproc_rlock_close(rlock);
        rlock = NULL;
        CHECK_IS(i == 6 ? MPROC_EXISTED : MPROC_EKIND, mproc_rwlock_create(NULL, things[i], &rwlock_is, &rwlock));
        mproc_rwlock_close(rwlock);
        rwlock = NULL;
        CHECK_IS(i == 7 ? MPROC_EXISTED : MPROC_EKIND,
                 mproc_semaphore_create(NULL, things[i], &semaphore_is, &semaphore));
        mproc_semaphore_close(semaphore);
        semaphore = NULL;
        CHECK_IS(i == 8 ? MPROC_EXISTED : MPROC_EKIND,
                 mproc_condition_create(NULL, things[i], &condition_is, &condition));
        mproc_condition_close(condition);
        condition = NULL;
        CHECK_IS(i == 9 ? MPROC_EXISTED : MPROC_EKIND, mproc_event_create(NULL, things[i], &event_is, &event));
        mproc_event_close(event);
        event = NULL;
        CHECK_IS(i == 10 ? MPROC_EXISTED : MPROC_EKIND, mproc_barrier_create(NULL, things[i], &barrier_is, &barrier));
        mproc_barrier_close(barrier);
        barrier = NULL;
    }
    lock_is.flags |= MPROC_ANY_RELEASE;
    CHECK_IS(MPROC_ETYPE, mproc_lock_create(NULL, "lock", &lock_is, &lock));
    semaphore_is.flags = MPROC_EXIST_OK | MPROC_SEMAPHORE_BOUNDED;
    CHECK_IS(MPROC_ETYPE, mproc_semaphore_create(NULL, "semaphore", &semaphore_is, &semaphore));
    semaphore_is.flags = MPROC_EXIST_OK | MPROC_SEMAPHORE_ACCOUNTING;
    CHECK_IS(MPROC_ETYPE, mproc_semaphore_create(NULL, "semaphore", &semaphore_is, &semaphore));
    semaphore_is.flags = MPROC_EXIST_OK;
    semaphore_is.initial = 2;
    CHECK_IS(MPROC_ETYPE, mproc_semaphore_create(NULL, "semaphore", &semaphore_is, &semaphore));
    semaphore_is.initial = UINT32_MAX;
    CHECK_IS(MPROC_EINVAL, mproc_semaphore_create(NULL, "semaphore", &semaphore_is, &semaphore));
    condition_is.lock = ok.lock;
    CHECK_IS(MPROC_ETYPE, mproc_condition_create(NULL, "condition", &condition_is, &condition));
    CHECK_IS(MPROC_ETYPE, mproc_condition_open(NULL, "condition", &condition_is, &condition));
    condition_is.rlock = ok.rlock;
    CHECK_IS(MPROC_EINVAL, mproc_condition_create(NULL, "condition", &condition_is, &condition));
    CHECK_IS(MPROC_EINVAL, mproc_condition_open(NULL, "condition", &condition_is, &condition));
    condition_is.lock = NULL;
    CHECK_IS(MPROC_ETYPE, mproc_condition_create(NULL, "condition", &condition_is, &condition));
    barrier_is.parties = 3;
    CHECK_IS(MPROC_ETYPE, mproc_barrier_create(NULL, "barrier", &barrier_is, &barrier));
    barrier_is.parties = 0;
    CHECK_IS(MPROC_EINVAL, mproc_barrier_create(NULL, "barrier", &barrier_is, &barrier));
    CHECK(lock == NULL && semaphore == NULL && condition == NULL && barrier == NULL);
}

static void timeouts(void) {
    static const int64_t bad[] = {-2, -1000, INT64_MIN};
    static const int32_t other = 4711;
    mproc_wait_item_t free_lock = wait_item(MPROC_WAIT_LOCK, ok.lock);
    mproc_message_t message = {"x", 1};
    mproc_view_t view;
    uint64_t lease;
    char buf[8];
    size_t i, len, lens[2], count;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_IS(MPROC_EINVAL, mproc_lock_lock(ok.lock, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_value_lock(ok.number, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_array_lock(ok.array, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_queue_put(ok.queue, "x", 1, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_queue_get(ok.queue, buf, sizeof buf, &len, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_queue_put_many(ok.queue, &message, 1, NULL, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_queue_get_many(ok.queue, buf, sizeof buf, lens, 2, &count, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_queue_reserve(ok.queue, 1, &view, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_queue_peek(ok.queue, &view, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_queue_lease(ok.queue, buf, sizeof buf, &len, &lease, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_queue_join(ok.queue, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_pipe_send(ok.pipe, "x", 1, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_pipe_recv(ok.pipe, buf, sizeof buf, &len, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_pipe_poll(ok.pipe, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_pipe_reserve(ok.pipe, 1, &view, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_pipe_peek(ok.pipe, &view, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_rlock_lock(ok.rlock, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_rlock_lock_as(ok.rlock, 1, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_rwlock_read_lock(ok.rwlock, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_rwlock_write_lock(ok.rwlock, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_semaphore_acquire(ok.semaphore, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_condition_lock(ok.condition, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_condition_lock_as(ok.condition, 1, bad[i], NULL));
        CHECK_OK(mproc_condition_lock(ok.condition, INT64_MAX, NULL));
        CHECK_IS(MPROC_EINVAL, mproc_condition_wait(ok.condition, bad[i], NULL));
        CHECK_OK(mproc_condition_unlock(ok.condition)); /* was not given up */
        CHECK_OK(mproc_condition_lock_as(ok.condition, 1, INT64_MAX, NULL));
        CHECK_IS(MPROC_EINVAL, mproc_condition_wait_as(ok.condition, 1, bad[i], NULL));
        CHECK_OK(mproc_condition_unlock_as(ok.condition, 1));
        CHECK_IS(MPROC_EINVAL, mproc_event_wait(ok.event, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_wait(&free_lock, 1, bad[i], NULL, NULL, NULL));
        CHECK_IS(MPROC_EINVAL, mproc_value_wait(ok.number, &other, sizeof other, bad[i], NULL));
        CHECK_IS(MPROC_EINVAL, mproc_barrier_wait(ok.barrier, bad[i], NULL, NULL));
        CHECK_IS(MPROC_EINVAL, mproc_barrier_wait_action(ok.barrier, never_run, NULL, bad[i], NULL, NULL));
    }
    {
        mproc_barrier_info_t info; /* nobody came, nothing broke */
        CHECK_OK(mproc_barrier_info(ok.barrier, &info, sizeof info));
        CHECK(info.broken == 0 && info.waiting == 0 && info.generation == 0);
    }
    CHECK_OK(mproc_rlock_lock(ok.rlock, INT64_MAX, NULL));
    CHECK_OK(mproc_rlock_unlock(ok.rlock));
    CHECK_OK(mproc_rwlock_read_lock(ok.rwlock, INT64_MAX, NULL));
    CHECK_OK(mproc_rwlock_read_unlock(ok.rwlock));
    CHECK_OK(mproc_rwlock_write_lock(ok.rwlock, INT64_MAX, NULL));
    CHECK_OK(mproc_rwlock_write_unlock(ok.rwlock));
    CHECK_OK(mproc_semaphore_acquire(ok.semaphore, INT64_MAX, NULL));
    CHECK_OK(mproc_semaphore_release(ok.semaphore, 1));
    CHECK_OK(mproc_event_set(ok.event));
    CHECK_OK(mproc_event_wait(ok.event, INT64_MAX, NULL));
    CHECK_OK(mproc_event_clear(ok.event));
    CHECK_OK(mproc_wait(&free_lock, 1, INT64_MAX, NULL, NULL, NULL));
    CHECK_OK(mproc_value_wait(ok.number, &other, sizeof other, INT64_MAX, NULL));
    CHECK_OK(mproc_pipe_send(ok.peer, "x", 1, INT64_MAX, NULL)); /* the longest timeout there is */
    CHECK_OK(mproc_pipe_poll(ok.pipe, INT64_MAX, NULL));
    CHECK_OK(mproc_pipe_recv(ok.pipe, buf, sizeof buf, &len, INT64_MAX, NULL));
    CHECK_OK(mproc_lock_lock(ok.lock, INT64_MAX, NULL)); /* the longest timeout there is */
    CHECK_OK(mproc_lock_unlock(ok.lock));
    CHECK_OK(mproc_queue_put(ok.queue, "x", 1, INT64_MAX, NULL));
    CHECK_OK(mproc_queue_get(ok.queue, buf, sizeof buf, &len, INT64_MAX, NULL));
}

/* Lengths beyond any object are refused before anything is touched. */
static void absurd_lengths(void) {
    mproc_message_t message = {"x", SIZE_MAX};
     mproc_view_t view;
    char buf[8] = "#######";
    size_t len = 0, items = 99;
    int status = mproc_queue_put(ok.queue, buf, SIZE_MAX, 0, NULL);
    CHECK(status == MPROC_EINVAL || status == MPROC_E2BIG);
    status = mproc_queue_put_many(ok.queue, &message, 1, NULL, 0, NULL);
    CHECK(status == MPROC_EINVAL || status == MPROC_E2BIG);
    CHECK_IS(MPROC_EINVAL, mproc_queue_put_many(ok.queue, &message, SIZE_MAX, NULL, 0, NULL));
    status = mproc_pipe_send(ok.peer, buf, SIZE_MAX, 0, NULL);
    CHECK(status == MPROC_EINVAL || status == MPROC_E2BIG);
    memset(&view, '#', sizeof view);
    CHECK_IS(MPROC_E2BIG, mproc_queue_reserve(ok.queue, SIZE_MAX, &view, FOREVER, NULL));
    CHECK_IS(MPROC_E2BIG, mproc_pipe_reserve(ok.peer, SIZE_MAX, &view, FOREVER, NULL));
    CHECK(*(char *)&view == '#');
    CHECK_IS(MPROC_ETIMEDOUT, mproc_pipe_poll(ok.pipe, 0, NULL));
    status = mproc_value_load(ok.record, buf, SIZE_MAX);
    CHECK(status == MPROC_EINVAL || status == MPROC_ETYPE);
    status = mproc_value_wait(ok.record, buf, SIZE_MAX, FOREVER, NULL);
    CHECK(status == MPROC_EINVAL || status == MPROC_ETYPE);
    status = mproc_array_get(ok.array, 0, buf, SIZE_MAX);
    CHECK(status == MPROC_EINVAL || status == MPROC_ETYPE);
    CHECK_IS(MPROC_EINVAL, mproc_last_error((mproc_error_t *)(void *)buf, SIZE_MAX));
    CHECK(strcmp(buf, "#######") == 0);
    CHECK_OK(mproc_queue_size(ok.queue, &items));
    CHECK_INT(0, items);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_get(ok.queue, buf, sizeof buf, &len, 0, NULL));
}

/* Every kind of object opened as every other kind. */
static void other_kinds(void) {
    static const char *const things[] = {"lock",   "number",    "array",     "queue", "pipe",   "rlock",
                                         "rwlock", "semaphore", "condition", "event", "barrier",
                                         "dict",   "list",      "namespace"};
    size_t i;
    for (i = 0; i < sizeof things / sizeof *things; i++) {
        mproc_lock_t *lock = NULL;
        mproc_value_t *value = NULL;
        mproc_array_t *array = NULL;
        mproc_queue_t *queue = NULL;
        mproc_pipe_t *pipe = NULL;
        mproc_rlock_t *rlock = NULL;
        mproc_rwlock_t *rwlock = NULL;
        mproc_semaphore_t *semaphore = NULL;
        mproc_condition_t *condition = NULL;
        mproc_event_t *event = NULL;
        mproc_barrier_t *barrier = NULL;
        mproc_dict_t *dict = NULL;
        mproc_list_t *list = NULL;
        mproc_namespace_t *names_of = NULL;
        CHECK_IS(i == 0 ? MPROC_OK : MPROC_EKIND, mproc_lock_open(NULL, things[i], NULL, &lock));
        CHECK_IS(i == 1 ? MPROC_OK : MPROC_EKIND, mproc_value_open(NULL, things[i], NULL, &value));
        CHECK_IS(i == 2 ? MPROC_OK : MPROC_EKIND, mproc_array_open(NULL, things[i], NULL, &array));
        CHECK_IS(i == 3 ? MPROC_OK : MPROC_EKIND, mproc_queue_open(NULL, things[i], NULL, &queue));
        CHECK_IS(i == 4 ? MPROC_OK : MPROC_EKIND, mproc_pipe_open(NULL, things[i], NULL, 1, &pipe));
        CHECK_IS(i == 5 ? MPROC_OK : MPROC_EKIND, mproc_rlock_open(NULL, things[i], NULL, &rlock));
        CHECK_IS(i == 6 ? MPROC_OK : MPROC_EKIND, mproc_rwlock_open(NULL, things[i], NULL, &rwlock));
        CHECK_IS(i == 7 ? MPROC_OK : MPROC_EKIND, mproc_semaphore_open(NULL, things[i], NULL, &semaphore));
        CHECK_IS(i == 8 ? MPROC_OK : MPROC_EKIND, mproc_condition_open(NULL, things[i], NULL, &condition));
        CHECK_IS(i == 9 ? MPROC_OK : MPROC_EKIND, mproc_event_open(NULL, things[i], NULL, &event));
        CHECK_IS(i == 10 ? MPROC_OK : MPROC_EKIND, mproc_barrier_open(NULL, things[i], NULL, &barrier));
        CHECK_IS(i == 11 ? MPROC_OK : MPROC_EKIND, mproc_dict_open(NULL, things[i], NULL, &dict));
        CHECK_IS(i == 12 ? MPROC_OK : MPROC_EKIND, mproc_list_open(NULL, things[i], NULL, &list));
        CHECK_IS(i == 13 ? MPROC_OK : MPROC_EKIND, mproc_namespace_open(NULL, things[i], NULL, &names_of));
        mproc_lock_close(lock);
        mproc_value_close(value);
        mproc_array_close(array);
        mproc_queue_close(queue);
        mproc_pipe_close(pipe);
        mproc_rlock_close(rlock);
        mproc_rwlock_close(rwlock);
        mproc_semaphore_close(semaphore);
        mproc_condition_close(condition);
        mproc_event_close(event);
        mproc_barrier_close(barrier);
        mproc_dict_close(dict);
        mproc_list_close(list);
        mproc_namespace_close(names_of);
    }
}

static void after_shutdown(void) {
    mproc_message_t message = {"x", 1};
    mproc_view_t view;
    uint64_t lease;
    char buf[8];
    size_t len = 0, lens[2], count = 0, items = 9;
    int immediate;
    for (immediate = 0; immediate < 2; immediate++) {
        mproc_queue_options_t pollable = MPROC_QUEUE_OPTIONS_INIT;
        mproc_queue_t *queue = NULL;
        mproc_wait_item_t ends[2];
        int fd = -1;
        pollable.flags = MPROC_POLLABLE;
        NEED_OK(mproc_queue_create(NULL, NULL, &pollable, &queue));
        CHECK_OK(mproc_queue_shutdown(queue, immediate));
        ends[0] = wait_item(MPROC_WAIT_QUEUE_READABLE, queue);
        ends[1] = wait_item(MPROC_WAIT_QUEUE_WRITABLE, queue);
        CHECK_OK(mproc_wait(ends, 2, FOREVER, NULL, NULL, &count));
        CHECK_INT(2, count);
        CHECK_OK(mproc_queue_readable_fd(queue, &fd)); /* readable, for the end is there to be found */
        CHECK_OK(mproc_queue_writable_fd(queue, &fd));
        CHECK_IS(MPROC_ECLOSED, mproc_queue_put(queue, "x", 1, FOREVER, NULL));
        CHECK_IS(MPROC_ECLOSED, mproc_queue_put_many(queue, &message, 1, &count, FOREVER, NULL));
        CHECK_IS(MPROC_ECLOSED, mproc_queue_get(queue, buf, sizeof buf, &len, FOREVER, NULL));
        CHECK_IS(MPROC_ECLOSED, mproc_queue_get_many(queue, buf, sizeof buf, lens, 2, &count, FOREVER, NULL));
        CHECK_IS(MPROC_ECLOSED, mproc_queue_reserve(queue, 1, &view, FOREVER, NULL));
        CHECK_IS(MPROC_ECLOSED, mproc_queue_peek(queue, &view, FOREVER, NULL));
        CHECK_IS(MPROC_ECLOSED, mproc_queue_lease(queue, buf, sizeof buf, &len, &lease, FOREVER, NULL));
        CHECK_OK(mproc_queue_size(queue, &items));
        CHECK_INT(0, items);
        mproc_queue_close(queue);
    }
}

static const char *symbols_path;

/* The list and what was called here have to be the same. */
static void nothing_forgotten(void) {
    char line[256];
    int found = 0, i;
    FILE *list = fopen(symbols_path, "r");
    if (list == NULL) {
        perror(symbols_path);
        exit(1);
    }
    while (fgets(line, sizeof line, list) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        for (i = 0; i < covered_count && strcmp(covered[i], line) != 0; i++) {
        }
        if (i == covered_count) {
            fprintf(stderr, "%s is exported, but no test here calls it with NULL\n", line);
        }
        CHECK(i < covered_count);
        found++;
    }
    fclose(list);
    CHECK_INT(covered_count, found);
}

static void all(void) {
    make_good_ones();
    null_nowhere_needed();
    null_small();
    null_domain();
    null_lock();
    null_value();
    null_array();
    null_queue();
    null_datum();
    null_queue_in_place();
    null_pipe();
    null_rlock();
    null_rwlock();
    null_semaphore();
    null_condition();
    null_event();
    null_barrier();
    null_dict();
    null_list();
    null_namespace();
    null_arena();
    null_wait();
    null_handle();
    null_more_handles();
    null_process();
    null_manager();
    names();
    types_and_flags();
    more_flags();
    mismatches();
    bad_items();
    timeouts();
    absurd_lengths();
    other_kinds();
    after_shutdown();
    nothing_forgotten();
    close_good_ones();
}

int main(int argc, char **argv) {
    symbols_path = argc > 1 ? argv[1] : "tests/symbols.txt";
    return check_main("bad_input_test", all);
}
