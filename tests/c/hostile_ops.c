/* Every operation of every kind of object, each held against the statuses documented for it. */
#include "hostile_family.h"

#include <poll.h>

#define S_WORD (S_OK | S(MPROC_ENOTSUP))
#define S_VALUE S_INNER
#define S_ARRAY (S_VALUE | S(MPROC_ECORRUPT))
#define S_QUEUE (S_ARRAY | S(MPROC_ETIMEDOUT) | S(MPROC_ECLOSED))
#define S_HOLD (S_QUEUE | S(MPROC_RECOVERED))
#define S_END (S_ARRAY | S(MPROC_EPERM)) /* of a reservation, of a message held */
#define S_PIPE (S_ARRAY | S(MPROC_ETIMEDOUT)) /* both ends are always open here */

#define LARGEST (3 * PAGE) /* bytes of any value or run of elements in a segment of ours */

/* The guarded outputs of the calls. */
#define POOL_SIZE (1 << 16)
#define POOL_FILL 0xA5
static unsigned char pool[POOL_SIZE];
static struct {
    size_t at, size;
} handed[64];
static size_t handed_count, pool_end;

void outs_begin(void)
{
    memset(pool, POOL_FILL, sizeof pool);
    handed_count = 0;
    pool_end = 64;
}

void *out(size_t size)
{
    size_t at = (pool_end + 15) & ~(size_t)15;
    if (handed_count == sizeof handed / sizeof handed[0] || at + size + 64 > POOL_SIZE) {
        fprintf(stderr, "the pool of outputs is too small\n");
        _exit(4);
    }
    handed[handed_count].at = at;
    handed[handed_count++].size = size;
    pool_end = at + size + 64;
    return pool + at;
}

static bool untouched(size_t from, size_t to)
{
    for (; from < to; from++) {
        if (pool[from] != POOL_FILL) {
            return false;
        }
    }
    return true;
}

void outs_end(const char *file, int line)
{
    size_t from = 0;
    bool fine = true;
    for (size_t i = 0; i < handed_count; i++) {
        fine = untouched(from, handed[i].at) && fine;
        from = handed[i].at + handed[i].size;
    }
    insist(untouched(from, POOL_SIZE) && fine, "no output is written beside itself", file, line);
}

mproc_cancel_t *maybe_token(struct rng *rng)
{
    mproc_cancel_t *token = NULL;
    if (rng_below(rng, 2)) {
        RUN(S_OK, mproc_cancel_create(&token));
    }
    return token;
}

void use_wait(const mproc_wait_item_t *items, size_t count, struct rng *rng)
{
    mproc_cancel_t *token = maybe_token(rng);
    uint32_t *ready = out(count * sizeof *ready);
    size_t *ready_count = out(sizeof *ready_count);
    for (int i = 0; i < 2; i++) {
        *ready_count = 0;
        if (RUN(S_OWN | S(MPROC_ETIMEDOUT), mproc_wait(items, count, i ? SHORT : 0, token, ready, ready_count)) ==
            MPROC_OK) {
            INSIST(*ready_count >= 1 && *ready_count <= count);
            for (size_t k = 0; k < *ready_count && k < count; k++) {
                INSIST(ready[k] < count && (k == 0 || ready[k] > ready[k - 1]));
            }
        } else {
            INSIST(*ready_count == 0);
        }
    }
    mproc_cancel_close(token);
}

void owner_makes_sense(const mproc_owner_t *owner)
{
    INSIST(memchr(owner->command, 0, sizeof owner->command) != NULL);
    INSIST((owner->held == 0 || owner->held == 1) && (owner->alive == 0 || owner->alive == 1));
    INSIST(owner->is_self == 0 || (owner->is_self == 1 && owner->held == 1));
}

/* The lock family's four calls, whatever object they belong to. */
#define USE_LOCK(kind, handle, owner_call, rng)                                                          \
    do {                                                                                                 \
        mproc_cancel_t *token_ = maybe_token(rng);                                                       \
        mproc_owner_t *owner_ = out(sizeof *owner_);                                                     \
        RUN(S_LOCK, mproc_##kind##_lock(handle, SHORT, token_));                                         \
        if (RUN(S_OWN, owner_call(handle, owner_, sizeof *owner_)) == MPROC_OK) {                        \
            owner_makes_sense(owner_);                                                                   \
        }                                                                                                \
        RUN(S_LOCK, mproc_##kind##_lock(handle, 0, token_));                                             \
        RUN(S_UNLOCK, mproc_##kind##_unlock(handle));                                                    \
        RUN(S_UNLOCK, mproc_##kind##_unlock(handle));                                                    \
        if (token_) {                                                                                    \
            RUN(S_OK, mproc_cancel_set(token_));                                                         \
            RUN(S_LOCK | S(MPROC_ECANCELED), mproc_##kind##_lock(handle, MPROC_FOREVER, token_));        \
            RUN(S_UNLOCK, mproc_##kind##_unlock(handle));                                                \
            mproc_cancel_close(token_);                                                                  \
        }                                                                                                \
    } while (0)

static void use_lock(void *handle, struct rng *rng)
{
    const mproc_lock_t *lock = handle;
    outs_begin();
    use_wait(&(mproc_wait_item_t){ .condition = MPROC_WAIT_LOCK, .object = lock }, 1, rng);
    USE_LOCK(lock, lock, mproc_lock_owner, rng);
    RUN(S_LOCK, mproc_lock_try(lock));
    RUN(S_UNLOCK, mproc_lock_unlock(lock));
    OUTS_END();
}

/* A pointer into the segment must lead into it: touch both ends. */
static void touch(void *at, size_t size, struct rng *rng)
{
    volatile unsigned char *bytes = at;
    if (size > 0) {
        bytes[0] = (unsigned char)rng_next(rng);
        bytes[size - 1] = (unsigned char)rng_next(rng);
    }
}

/* Waiting for it to be something else, and saying that it is. */
static void use_changes(const mproc_value_t *value, const unsigned char *expected, size_t size, struct rng *rng)
{
    const uint64_t waits = S_VALUE | S(MPROC_ETIMEDOUT);
    const mproc_wait_item_t items[2] = { { MPROC_WAIT_VALUE, 0, value, expected, size },
                                         { MPROC_WAIT_VALUE, 0, value, NULL, 0 } };
    mproc_cancel_t *token = maybe_token(rng);
    for (int i = 0; i < 2; i++) {
        RUN(waits, mproc_value_wait(value, expected, size, i ? SHORT : 0, token));
        RUN(waits, mproc_value_wait(value, NULL, 0, i ? SHORT : 0, token));
        RUN(S_OK, mproc_value_notify(value, i ? UINT32_MAX : (uint32_t)rng_below(rng, 3)));
    }
    use_wait(items, 1 + (size_t)rng_below(rng, 2), rng);
    RUN(S(MPROC_ETYPE), mproc_value_wait(value, expected, size - 1, SHORT, token));
    mproc_cancel_close(token);
}

static void use_value(void *handle, struct rng *rng)
{
    const mproc_value_t *value = handle;
    mproc_value_info_t *info;
    unsigned char *in, *seen;
    int *swapped;
    int64_t *number;
    double *real;
    void **where;
    size_t size;

    outs_begin();
    info = out(sizeof *info);
    RUN(S_OK, mproc_value_info(value, info, sizeof *info));
    size = (size_t)info->elem_size;
    INSIST(size >= 1 && size <= LARGEST);
    if (size < 1 || size > LARGEST) {
        return;
    }
    in = out(size);
    seen = out(size);
    swapped = out(sizeof *swapped);
    number = out(sizeof *number);
    real = out(sizeof *real);
    where = out(sizeof *where);
    for (size_t i = 0; i < size; i++) {
        in[i] = (unsigned char)rng_next(rng);
    }
    RUN(S_VALUE, mproc_value_load(value, seen, size));
    RUN(S_VALUE, mproc_value_store(value, in, size));
    RUN(S_VALUE | S_WORD, mproc_value_exchange(value, in, seen, size));
    if (RUN(S_VALUE | S_WORD, mproc_value_compare_exchange(value, in, seen, size, seen, swapped)) == MPROC_OK) {
        INSIST(*swapped == 0 || *swapped == 1);
    }
    RUN(S(MPROC_ETYPE), mproc_value_load(value, seen, size + 1));
    for (int op = MPROC_OP_ADD; op <= MPROC_OP_XOR; op++) {
        RUN(S_WORD, mproc_value_fetch_i64(value, op, (int64_t)rng_next(rng), number));
        RUN(S_WORD, mproc_value_fetch_f64(value, op, 0.5, real));
    }
    RUN(S_WORD, mproc_value_add(value, -3, number));
    RUN(S_WORD, mproc_value_get_i64(value, number));
    RUN(S_WORD, mproc_value_set_i64(value, (int64_t)rng_next(rng)));
    RUN(S_WORD, mproc_value_get_f64(value, real));
    RUN(S_WORD, mproc_value_set_f64(value, 2.5));
    if (RUN(S_WORD, mproc_value_ptr(value, where)) == MPROC_OK) {
        touch(*where, size, rng);
    }
    use_changes(value, in, size, rng);
    USE_LOCK(value, value, mproc_value_lock_owner, rng);
    OUTS_END();
}

static void use_array(void *handle, struct rng *rng)
{
    const mproc_array_t *array = handle;
    mproc_array_info_t *info;
    unsigned char *in, *seen;
    size_t *index, *flat, size, length, run;
    void **where;
    uint64_t product = 1;

    outs_begin();
    info = out(sizeof *info);
    RUN(S_OK, mproc_array_info(array, info, sizeof *info));
    size = (size_t)info->elem_size;
    length = (size_t)info->length;
    INSIST(info->ndim >= 1 && info->ndim <= MPROC_MAX_DIMS);
    for (size_t i = 0; i < info->ndim && i < MPROC_MAX_DIMS; i++) {
        product *= info->shape[i];
    }
    INSIST(product == info->length);
    INSIST(size >= 1 && size <= LARGEST && length <= LARGEST / size);
    if (size < 1 || size > LARGEST || length > LARGEST / size) {
        return;
    }
    run = length == 0 ? 0 : (size_t)(1 + rng_below(rng, length));
    in = out(size * length + 1);
    seen = out(size * length + 1);
    index = out(sizeof *index * MPROC_MAX_DIMS);
    flat = out(sizeof *flat);
    where = out(sizeof *where);
    memset(in, (int)rng_below(rng, 256), size * length + 1);
    memset(index, 0, sizeof *index * MPROC_MAX_DIMS);
    if (RUN(S_OK, mproc_array_ptr(array, where)) == MPROC_OK) {
        INSIST(*where != NULL);
        touch(*where, size * length, rng);
    }
    if (length > 0) {
        RUN(S_ARRAY, mproc_array_get(array, 0, seen, size));
        RUN(S_ARRAY, mproc_array_get(array, length - 1, seen, size));
        RUN(S_ARRAY, mproc_array_set(array, 0, in, size));
        RUN(S_ARRAY, mproc_array_set(array, length - 1, in, size));
        RUN(S_OK, mproc_array_index(array, index, (size_t)info->ndim, flat));
    }
    RUN(S_ARRAY, mproc_array_read(array, 0, length, seen, size * length));
    RUN(S_ARRAY, mproc_array_write(array, length - run, run, in, size * run));
    RUN(S_ARRAY, mproc_array_read(array, length - run, run, seen, size * run));
    RUN(S(MPROC_ERANGE), mproc_array_get(array, length, seen, size));
    RUN(S(MPROC_ERANGE), mproc_array_set(array, SIZE_MAX, in, size));
    RUN(S(MPROC_ERANGE), mproc_array_read(array, 1, SIZE_MAX, seen, size));
    index[0] = (size_t)info->shape[0];
    RUN(S(MPROC_ERANGE), mproc_array_index(array, index, (size_t)info->ndim, flat));
    USE_LOCK(array, array, mproc_array_lock_owner, rng);
    OUTS_END();
}

static void use_puts(const mproc_queue_t *queue, const mproc_queue_info_t *info, struct rng *rng)
{
    static const unsigned char message[2 * QUEUE_BYTES];
    const mproc_message_t batch[4] = { { message, 5 }, { message, 0 }, { message, 300 }, { message, 17 } };
    mproc_cancel_t *token = maybe_token(rng);
    size_t *done = out(sizeof *done), longest = (size_t)info->max_message;
    RUN(S_QUEUE, mproc_queue_put(queue, message, (size_t)rng_below(rng, 100), 0, NULL));
    RUN(S_QUEUE, mproc_queue_put(queue, NULL, 0, SHORT, token));
    if (longest < sizeof message) {
        RUN(S_QUEUE, mproc_queue_put(queue, message, longest, SHORT, NULL));
        RUN(S(MPROC_E2BIG), mproc_queue_put(queue, message, longest + 1, SHORT, NULL));
    }
    *done = 99;
    RUN(S_QUEUE, mproc_queue_put_many(queue, batch, 4, done, SHORT, token));
    INSIST(*done <= 4);
    mproc_cancel_close(token);
}

static void use_gets(const mproc_queue_t *queue, uint64_t allowed, struct rng *rng)
{
    enum { CAP = 512, MOST = 4, UNSET = 123456789 };
    mproc_cancel_t *token = maybe_token(rng);
    unsigned char *buf = out(CAP);
    size_t *len = out(sizeof *len), *lens = out(MOST * sizeof *lens), *count = out(sizeof *count);
    for (int i = 0; i < 3; i++) {
        size_t cap = i == 1 ? 0 : CAP;
        *len = UNSET;
        switch (RUN(allowed, mproc_queue_get(queue, cap ? buf : NULL, cap, len, i == 2 ? SHORT : 0,
                                             i == 2 ? token : NULL))) {
        case MPROC_OK:
            INSIST(*len <= cap);
            break;
        case MPROC_EMSGSIZE:
            INSIST(*len > cap && *len <= QUEUE_BYTES);
            break;
        default:
            INSIST(*len == UNSET);
        }
    }
    *count = UNSET;
    if (RUN(allowed, mproc_queue_get_many(queue, buf, CAP, lens, MOST, count, SHORT, token)) == MPROC_OK) {
        size_t end = 0;
        INSIST(*count >= 1 && *count <= MOST);
        for (size_t i = 0; i < *count && i < MOST; i++) {
            end = ((end + 7) & ~(size_t)7) + lens[i];
        }
        INSIST(end <= CAP);
    }
    mproc_cancel_close(token);
}

/* --- in place ------------------------------------------------------------------------------------------------ */

/* The same calls on a queue and on an end of a pipe. */
struct in_place {
    const mproc_queue_t *queue;
    const mproc_pipe_t *pipe;
    uint64_t waits; /* documented for whatever waits */
    size_t longest;
};

#define EITHER(on, call, ...)                                                                              \
    ((on)->queue ? mproc_queue_##call((on)->queue, __VA_ARGS__) : mproc_pipe_##call((on)->pipe, __VA_ARGS__))

static bool is_view(const mproc_view_t *view)
{
    INSIST(view->data != NULL && ((uintptr_t)view->data & 7) == 0 && view->len <= QUEUE_BYTES * 2);
    return view->data != NULL && view->len <= QUEUE_BYTES * 2;
}

static void use_reservations(const struct in_place *on, struct rng *rng)
{
    const uint64_t closed = on->queue ? S(MPROC_ECLOSED) : 0;
    const uint64_t commits = (S_END & ~S(MPROC_EBUSY)) | S(MPROC_ERANGE) | closed;
    mproc_view_t *view = out(sizeof *view);
    for (int i = 0; i < 4; i++) {
        const size_t lens[] = { 0, 5, 300, on->longest, (size_t)rng_below(rng, 100) };
        size_t len = lens[rng_below(rng, 5)];
        if (RUN(on->waits, EITHER(on, reserve, len, view, i == 3 ? SHORT : 0, NULL)) != MPROC_OK || !is_view(view)) {
            continue;
        }
        INSIST(view->len == len);
        memset(view->data, 0x77, view->len);
        switch (rng_below(rng, 5)) {
        case 0:
            RUN(commits, EITHER(on, commit, view->id, len));
            RUN(commits, EITHER(on, commit, view->id, len)); /* unless it was too long, that was the last time */
            break;
        case 1:
            RUN(commits, EITHER(on, commit, view->id, len + 1));
            RUN(commits, EITHER(on, commit, view->id, len / 2));
            break;
        case 2:
            RUN(S_END, EITHER(on, abort, view->id));
            RUN(S_END, EITHER(on, abort, view->id));
            break;
        case 3:
            /* It may be held, too, by the same id; one end of a pipe that goes one way never holds anything. */
            RUN(S_END | S(MPROC_ENOTSUP), EITHER(on, release, view->id));
            break;
        default:
            break; /* stays open until the handle is closed */
        }
    }
    /* A position alone is no id. */
    RUN(S(MPROC_EPERM) | S(MPROC_ECORRUPT), EITHER(on, commit, FIRST, 0));
    RUN(S(MPROC_EPERM), EITHER(on, abort, UINT64_MAX));
    RUN(S(MPROC_E2BIG), EITHER(on, reserve, on->longest + 1, view, SHORT, NULL));
}

/* Reads all of a message in place, and ends that in one way or another. */
static void end_hold(const struct in_place *on, const mproc_view_t *view, struct rng *rng)
{
    const volatile unsigned char *bytes = view->data;
    unsigned sum = 0;
    if (!is_view(view)) {
        return;
    }
    for (size_t i = 0; i < view->len; i++) {
        sum += bytes[i];
    }
    switch (rng_below(rng, 4) + (sum == UINT32_MAX)) {
    case 0:
        RUN(S_END, EITHER(on, release, view->id));
        break;
    case 1:
        RUN(S_END, EITHER(on, putback, view->id));
        break;
    case 2:
        RUN(S_END, EITHER(on, release, view->id));
        RUN(S_END, EITHER(on, putback, view->id));
        break;
    default:
        break; /* goes back when the handle is closed */
    }
}

static void use_holds(const struct in_place *on, struct rng *rng)
{
    enum { CAP = 512 };
    mproc_cancel_t *token = maybe_token(rng);
    mproc_view_t *view = out(sizeof *view);
    int status;
    for (int i = 0; i < 3; i++) {
        status = RUN(on->waits | S(MPROC_RECOVERED), EITHER(on, peek, view, i == 2 ? SHORT : 0, token));
        if (status == MPROC_OK || status == MPROC_RECOVERED) {
            end_hold(on, view, rng);
        }
    }
    if (on->queue) {
        unsigned char *buf = out(CAP);
        size_t *len = out(sizeof *len), cap = rng_below(rng, 2) ? CAP : 0;
        uint64_t *lease = out(sizeof *lease);
        status = RUN(S_HOLD | S(MPROC_EMSGSIZE), mproc_queue_lease(on->queue, buf, cap, len, lease, SHORT, token));
        if (status == MPROC_EMSGSIZE) {
            INSIST(*len > cap && *len <= QUEUE_BYTES);
        } else if (status >= MPROC_OK) {
            INSIST(*len <= cap);
            RUN(S_END, mproc_queue_ack(on->queue, *lease));
        }
    }
    RUN(S(MPROC_EPERM) | S(MPROC_ECORRUPT), EITHER(on, release, FIRST));
    RUN(S(MPROC_EPERM) | S(MPROC_ECORRUPT), EITHER(on, putback, UINT64_MAX));
    mproc_cancel_close(token);
}

static void use_jobs(const mproc_queue_t *queue, const mproc_queue_info_t *info, struct rng *rng)
{
    const bool joinable = (info->flags & MPROC_QUEUE_JOINABLE) != 0, leases = (info->flags & MPROC_QUEUE_LEASE) != 0;
    const uint64_t joins = S_ARRAY | S(MPROC_RECOVERED) | S(MPROC_ETIMEDOUT);
    mproc_cancel_t *token = maybe_token(rng);
    mproc_queue_t *producer = NULL;
    for (int i = 0; i < 3; i++) {
        RUN(joinable ? S_OWN | S(MPROC_EPERM) | S(MPROC_ECORRUPT) : S(MPROC_ENOTSUP) | S(MPROC_ECORRUPT),
            mproc_queue_task_done(queue));
    }
    RUN(joinable || leases ? joins : S(MPROC_ENOTSUP), mproc_queue_join(queue, 0, NULL));
    RUN(joinable || leases ? joins : S(MPROC_ENOTSUP), mproc_queue_join(queue, SHORT, token));
    if (rng_below(rng, 4) == 0 && RUN(S_OWN, mproc_queue_producer(queue, &producer)) == MPROC_OK) {
        RUN(S_QUEUE, mproc_queue_put(producer, "x", 1, 0, NULL));
        enter("close");
        mproc_queue_close(producer);
    }
    mproc_cancel_close(token);
}

/* A descriptor for event loops: readable or not, and nothing else. `allowed`: of asking for it. */
#define USE_FD(allowed, call, object)                                                                    \
    do {                                                                                                 \
        int *fd_ = out(sizeof *fd_);                                                                     \
        *fd_ = -1;                                                                                       \
        if (RUN(allowed, call(object, fd_)) == MPROC_OK) {                                               \
            is_descriptor(*fd_);                                                                         \
        }                                                                                                \
    } while (0)
#define S_FD (S_OWN | S(MPROC_EFULL))

static void is_descriptor(int fd)
{
    struct pollfd ask = { fd, POLLIN, 0 };
    int n;
    enter("poll");
    n = poll(&ask, 1, (int)(SHORT / MS));
    INSIST(fd >= 0 && n >= 0 && (n == 0 ? ask.revents == 0 : ask.revents == POLLIN));
    atomic_store(&stage->call, NULL);
}

static void use_queue_waits(const mproc_queue_t *queue, const mproc_queue_info_t *info, uint64_t fds, struct rng *rng)
{
    const mproc_wait_item_t items[3] = {
        { MPROC_WAIT_QUEUE_READABLE, 0, queue, NULL, 0 },
        { MPROC_WAIT_QUEUE_WRITABLE, 0, queue, NULL, 100 },
        { MPROC_WAIT_QUEUE_WRITABLE, 0, queue, NULL, (size_t)info->max_message },
    };
    size_t first = (size_t)rng_below(rng, 3);
    use_wait(items + first, 1 + (size_t)rng_below(rng, 3 - first), rng);
    USE_FD(fds, mproc_queue_readable_fd, queue);
    USE_FD(fds, mproc_queue_writable_fd, queue);
}

static void use_queue(void *handle, struct rng *rng)
{
    const mproc_queue_t *queue = handle;
    mproc_queue_info_t *info;
    struct in_place on = { queue, NULL, S_QUEUE, 0 };
    uint64_t gets = S_QUEUE | S(MPROC_EMSGSIZE), fds;
    size_t *items;
    int *flag;
    bool puts_first = rng_below(rng, 2) != 0;

    outs_begin();
    info = out(sizeof *info);
    items = out(sizeof *items);
    flag = out(sizeof *flag);
    memset(info, 0, sizeof *info);
    /* What of a joinable queue is unfinished has to be counted. */
    if (RUN(S_ARRAY, mproc_queue_info(queue, info, sizeof *info)) == MPROC_OK) {
        /* What was a table or a page of bells can have become a part of the ring. */
        if (info->capacity_bytes == 2 * QUEUE_BYTES && !(info->flags & MPROC_QUEUE_JOINABLE)) {
            return;
        }
        INSIST(info->capacity_bytes == QUEUE_BYTES && info->state <= MPROC_QUEUE_CLOSED);
        INSIST(info->items + info->held + info->reserved <= UNITS && info->used_bytes <= QUEUE_BYTES);
        INSIST(info->producers <= MPROC_PRODUCERS_GONE);
        gets = info->flags & MPROC_QUEUE_LEASE ? S(MPROC_ENOTSUP) : gets;
        fds = info->flags & MPROC_POLLABLE ? S_FD : S(MPROC_ENOTSUP);
    } else { /* joinable; it may be for leases, too */
        gets |= S(MPROC_ENOTSUP);
        fds = S_FD | S(MPROC_ENOTSUP);
        info->max_message = QUEUE_BYTES - 8;
        info->flags = MPROC_QUEUE_JOINABLE;
    }
    on.longest = (size_t)info->max_message;
    use_queue_waits(queue, info, fds, rng);
    if (puts_first) {
        use_puts(queue, info, rng);
        use_reservations(&on, rng);
    }
    RUN(S_OK, mproc_queue_size(queue, items));
    INSIST(*items <= UNITS);
    RUN(S_OK, mproc_queue_empty(queue, flag));
    INSIST(*flag == 0 || *flag == 1);
    use_holds(&on, rng);
    use_gets(queue, gets, rng);
    use_jobs(queue, info, rng);
    if (rng_below(rng, 2)) {
        RUN(S_OK, mproc_queue_full(queue, flag));
        INSIST(*flag == 0 || *flag == 1);
    }
    if (!puts_first) {
        use_reservations(&on, rng);
        use_puts(queue, info, rng);
        use_holds(&on, rng);
    }
    use_queue_waits(queue, info, fds, rng);
    if (rng_below(rng, 4) == 0) {
        RUN(S_ARRAY, mproc_queue_shutdown(queue, (int)rng_below(rng, 2)));
        use_gets(queue, gets, rng);
        use_holds(&on, rng);
        use_reservations(&on, rng);
    }
    OUTS_END();
}

/* What asking for a descriptor can give, by what the end takes the pipe for. */
static uint64_t fds_of(const mproc_pipe_info_t *info)
{
    return info->flags & MPROC_POLLABLE ? S_FD : S(MPROC_ENOTSUP);
}

/* From one end to the other; each by what it takes the pipe for. */
static void use_way(const struct both *both, int to, mproc_pipe_info_t *const infos[2], struct rng *rng)
{
    static const unsigned char message[2 * QUEUE_BYTES];
    enum { CAP = 512, UNSET = 123456789 };
    const mproc_pipe_t *sender = both->end[1 - to], *receiver = both->end[to];
    const struct in_place sending = { NULL, sender, S_PIPE, (size_t)infos[1 - to]->max_message };
    const struct in_place receiving = { NULL, receiver, S_PIPE, (size_t)infos[to]->max_message };
    mproc_cancel_t *token = maybe_token(rng);
    unsigned char *buf = out(CAP);
    size_t *len = out(sizeof *len);
    const mproc_wait_item_t items[3] = { { MPROC_WAIT_PIPE_READABLE, 0, receiver, NULL, 0 },
                                         { MPROC_WAIT_PIPE_WRITABLE, 0, sender, NULL, 100 },
                                         { MPROC_WAIT_PIPE_CLOSED, 0, receiver, NULL, 0 } };
    USE_FD(fds_of(infos[to]), mproc_pipe_readable_fd, receiver);
    USE_FD(fds_of(infos[1 - to]), mproc_pipe_writable_fd, sender);
    for (int round = 0; round < 2; round++) {
        use_wait(items, 1 + (size_t)rng_below(rng, 3), rng);
        RUN(S_PIPE, mproc_pipe_send(sender, message, (size_t)rng_below(rng, 100), 0, NULL));
        RUN(S_PIPE, mproc_pipe_send(sender, NULL, 0, SHORT, token));
        if (rng_below(rng, 2)) {
            use_reservations(&sending, rng);
        }
        RUN(S_PIPE, mproc_pipe_poll(receiver, round ? SHORT : 0, token));
        *len = UNSET;
        switch (RUN(S_PIPE | S(MPROC_EMSGSIZE), mproc_pipe_recv(receiver, buf, round ? CAP : 0, len, SHORT, NULL))) {
        case MPROC_OK:
            INSIST(*len <= CAP);
            break;
        case MPROC_EMSGSIZE:
            INSIST(*len <= 2 * QUEUE_BYTES);
            break;
        default:
            INSIST(*len == UNSET);
        }
        if (rng_below(rng, 2)) {
            use_holds(&receiving, rng);
        }
    }
    RUN(S(MPROC_E2BIG), mproc_pipe_send(sender, message, sending.longest + 1, SHORT, NULL));
    mproc_cancel_close(token);
}

static void use_pipe(void *handle, struct rng *rng)
{
    const struct both *both = handle;
    /* Of each end: the parameters may have changed between the one's opening and the other's. */
    mproc_pipe_info_t *infos[2];
    int first = (int)rng_below(rng, 2);

    outs_begin();
    for (int end = 0; end < 2; end++) {
        mproc_pipe_info_t *info = infos[end] = out(sizeof *info);
        RUN(S_OWN, mproc_pipe_info(both->end[end], info, sizeof *info));
        /* Two rings, or one that is twice as large, or two that take what were the bells. */
        INSIST(info->capacity_bytes == QUEUE_BYTES ||
               (info->capacity_bytes == 2 * QUEUE_BYTES &&
                (info->flags & (MPROC_PIPE_ONEWAY | MPROC_POLLABLE)) != MPROC_POLLABLE));
        INSIST(info->max_message == info->capacity_bytes - 16);
        INSIST(info->incoming <= info->capacity_bytes / 8 && info->outgoing <= info->capacity_bytes / 8);
        INSIST(info->end == (uint32_t)end && info->peer <= MPROC_PEER_OPEN); /* whatever the words say */
    }
    if (infos[0]->max_message >= 2 * QUEUE_BYTES || infos[1]->max_message >= 2 * QUEUE_BYTES) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        int to = first ^ i;
        const bool sends = !(infos[0]->flags & MPROC_PIPE_ONEWAY), receives = !(infos[1]->flags & MPROC_PIPE_ONEWAY);
        if (to == 0 || (sends && receives)) {
            use_way(both, to, infos, rng);
            continue;
        }
        RUN(sends ? S_PIPE : S(MPROC_ENOTSUP), mproc_pipe_send(both->end[0], "x", 1, SHORT, NULL));
        RUN(receives ? S_PIPE : S(MPROC_ENOTSUP), mproc_pipe_poll(both->end[1], SHORT, NULL));
        USE_FD(receives ? fds_of(infos[1]) : S(MPROC_ENOTSUP), mproc_pipe_readable_fd, both->end[1]);
    }
    OUTS_END();
}

/* --- making them ---------------------------------------------------------------------------------------- */

static int create_lock(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    mproc_lock_options_t o = MPROC_LOCK_OPTIONS_INIT;
    o.flags = flags;
    return mproc_lock_create(domain, name, &o, (mproc_lock_t **)handle);
}

static int create_value(const mproc_domain_t *domain, const char *name, int32_t type, size_t size, unsigned flags,
                        void **handle)
{
    static unsigned char initial[STRUCT_SIZE];
    mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
    pattern_fill(initial, sizeof initial, 7);
    o.type_code = type;
    o.elem_size = size;
    o.schema = 77;
    o.flags = flags;
    o.initial = initial;
    return mproc_value_create(domain, name, &o, (mproc_value_t **)handle);
}

static int create_scalar(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_value(domain, name, MPROC_TYPE_I64, 0, flags, handle);
}

static int create_snapshot(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_value(domain, name, MPROC_TYPE_STRUCT, STRUCT_SIZE, flags, handle);
}

static int create_raw(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_value(domain, name, MPROC_TYPE_STRUCT, STRUCT_SIZE, flags | MPROC_RAW, handle);
}

static int create_numbers(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    mproc_array_options_t o = MPROC_ARRAY_OPTIONS_INIT;
    o.type_code = MPROC_TYPE_I32;
    o.flags = flags;
    o.ndim = 2;
    o.shape[0] = 3;
    o.shape[1] = NUMBER_COUNT / 3;
    return mproc_array_create(domain, name, &o, (mproc_array_t **)handle);
}

static int create_structs(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    mproc_array_options_t o = MPROC_ARRAY_OPTIONS_INIT;
    o.type_code = MPROC_TYPE_STRUCT;
    o.elem_size = ELEM_SIZE;
    o.flags = flags;
    o.ndim = 1;
    o.shape[0] = ELEMENTS;
    return mproc_array_create(domain, name, &o, (mproc_array_t **)handle);
}

/* Messages that wrap around the end of the ring: see MESSAGES. */
static int create_queue_with(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    unsigned char message[1200];
    mproc_view_t view;
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    int status;
    o.flags = flags;
    o.capacity_bytes = QUEUE_BYTES;
    status = mproc_queue_create(domain, name, &o, (mproc_queue_t **)handle);
    memset(message, 0x5A, sizeof message);
    for (int i = 0; status == MPROC_OK && i < FIRST_COUNT; i++) {
        status = mproc_queue_put(*handle, message, sizeof message, 0, NULL);
    }
    for (int i = 0; status == MPROC_OK && i < FIRST_COUNT; i++) {
        status = mproc_queue_peek(*handle, &view, 0, NULL); /* not taken: then it would have to be reported done */
        status = status == MPROC_OK ? mproc_queue_release(*handle, view.id) : status;
    }
    for (int i = 0; status == MPROC_OK && i < MESSAGES; i++) {
        status = mproc_queue_put(*handle, message, LENGTH(i), 0, NULL);
    }
    return status;
}

static int create_queue(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_queue_with(domain, name, flags, handle);
}

static int create_jobs(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_queue_with(domain, name, flags | MPROC_QUEUE_JOINABLE, handle);
}

static int create_leases(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_queue_with(domain, name, flags | MPROC_QUEUE_LEASE, handle);
}

static int create_polled(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_queue_with(domain, name, flags | MPROC_POLLABLE, handle);
}

static void close_pipe(void *handle)
{
    struct both *both = handle;
    if (both) {
        mproc_pipe_close(both->end[0]);
        mproc_pipe_close(both->end[1]);
        free(both);
    }
}

/* `both` with its ends, or nothing. */
static int keep_both(int status, struct both *both, void **handle)
{
    if (status < MPROC_OK) {
        close_pipe(both);
    } else {
        *handle = both;
    }
    return status;
}

static struct both *new_both(void)
{
    struct both *both = calloc(1, sizeof *both);
    if (!both) {
        _exit(4);
    }
    return both;
}

static int create_pipe_with(const mproc_domain_t *domain, const char *name, unsigned flags, int ways, void **handle)
{
    unsigned char message[1200];
    struct both *both = new_both();
    mproc_pipe_options_t o = MPROC_PIPE_OPTIONS_INIT;
    size_t len;
    int status;
    o.flags = flags;
    o.capacity_bytes = QUEUE_BYTES;
    status = mproc_pipe_create(domain, name, &o, &both->end[0], &both->end[1]);
    memset(message, 0x5A, sizeof message);
    for (int to = 0; to < ways; to++) {
        for (int i = 0; status == MPROC_OK && i < FIRST_COUNT; i++) {
            status = mproc_pipe_send(both->end[1 - to], message, sizeof message, 0, NULL);
        }
        for (int i = 0; status == MPROC_OK && i < FIRST_COUNT; i++) {
            status = mproc_pipe_recv(both->end[to], message, sizeof message, &len, 0, NULL);
        }
        for (int i = 0; status == MPROC_OK && i < MESSAGES; i++) {
            status = mproc_pipe_send(both->end[1 - to], message, LENGTH(i), 0, NULL);
        }
    }
    return keep_both(status, both, handle);
}

static int create_pipe(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_pipe_with(domain, name, flags, 2, handle);
}

static int create_oneway(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_pipe_with(domain, name, flags | MPROC_PIPE_ONEWAY | MPROC_PIPE_EXCLUSIVE, 1, handle);
}

static int create_polled_pipe(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_pipe_with(domain, name, flags | MPROC_POLLABLE, 2, handle);
}

static int open_lock(const mproc_domain_t *domain, const char *name, void **handle)
{
    return mproc_lock_open(domain, name, NULL, (mproc_lock_t **)handle);
}

static int open_value(const mproc_domain_t *domain, const char *name, void **handle)
{
    return mproc_value_open(domain, name, NULL, (mproc_value_t **)handle);
}

static int open_array(const mproc_domain_t *domain, const char *name, void **handle)
{
    return mproc_array_open(domain, name, NULL, (mproc_array_t **)handle);
}

static int open_queue(const mproc_domain_t *domain, const char *name, void **handle)
{
    return mproc_queue_open(domain, name, NULL, (mproc_queue_t **)handle);
}

static int open_pipe(const mproc_domain_t *domain, const char *name, void **handle)
{
    struct both *both = new_both();
    int status = mproc_pipe_open(domain, name, NULL, 0, &both->end[0]);
    if (status == MPROC_OK) {
        status = mproc_pipe_open(domain, name, NULL, 1, &both->end[1]);
    }
    return keep_both(status, both, handle);
}

static void close_lock(void *handle)
{
    mproc_lock_close(handle);
}

static void close_value(void *handle)
{
    mproc_value_close(handle);
}

static void close_array(void *handle)
{
    mproc_array_close(handle);
}

static void close_queue(void *handle)
{
    mproc_queue_close(handle);
}

/* --- what stands where ---------------------------------------------------------------------------------- */

static const struct field value_params[] = {
    { AT_TYPE, 4, NUMBER },      { AT_MODE, 4, NUMBER },   { AT_ELEM_SIZE, 8, NUMBER },
    { AT_ELEM_ALIGN, 8, NUMBER }, { AT_SCHEMA, 8, NUMBER },
};
static const struct field array_params[] = {
    { AT_TYPE, 4, NUMBER },   { AT_ELEM_SIZE, 8, NUMBER }, { AT_ELEM_ALIGN, 8, NUMBER },
    { AT_SCHEMA, 8, NUMBER }, { AT_NDIM, 8, NUMBER },      { AT_SHAPE, 8, NUMBER },
    { AT_SHAPE + 8, 8, NUMBER }, { AT_SHAPE + 56, 8, NUMBER },
};
static const struct field queue_params[] = {
    { AT_CAPACITY, 8, NUMBER },
    { AT_MAX_ITEMS, 8, NUMBER },
    { AT_QUEUE_MODES, 8, NUMBER },
};
static const struct field pipe_params[] = { { AT_CAPACITY, 8, NUMBER }, { AT_PIPE_MODES, 8, NUMBER } };

#define CHANGES { AT_NOTIFIED, 4, NUMBER }, { AT_CHANGED, 4, NUMBER }, { AT_CHANGED + 4, 4, NUMBER }
static const struct field scalar_hot[] = { { AT_FLIP, 8, NUMBER }, CHANGES };
static const struct field snapshot_hot[] = { { AT_FLIP, 8, NUMBER }, { AT_WRITE_LOCK, 4, OWNER }, CHANGES };
static const struct field raw_hot[] = { CHANGES };
static const struct field structs_hot[] = {
    { AT_ELEMENT_LOCK, 4, OWNER },
    { AT_ELEMENT_LOCK, 4, OWNER }, /* the journal counts only together with a dead owner */
    { AT_JOURNAL, 8, NUMBER },
};
#define RING_FIELDS(words, data)                                                                            \
    { (words) + RING_PUT_LOCK, 4, OWNER }, { (words) + RING_GET_LOCK, 4, OWNER },                          \
    { (words) + RING_TAIL, 8, POSITION }, { (words) + RING_HEAD, 8, POSITION },                            \
    { (words) + RING_HEAD_SEEN, 8, POSITION }, { (words) + RING_TAIL_SEEN, 8, POSITION },                  \
    { (words) + RING_READ, 8, POSITION }, { (words) + RING_DETACHED, 4, NUMBER },                          \
    { (words) + RING_LAST_CLAIM, 4, POSITION }, { (words) + RING_LATE, 4, NUMBER },                        \
    { (words) + RING_SENDING, 8, POSITION },                                                               \
    { (words) + RING_STATE, 4, NUMBER }, { (words) + RING_NOT_EMPTY, 4, NUMBER },                          \
    { (words) + RING_NOT_EMPTY + 4, 4, NUMBER }, { (words) + RING_NOT_FULL, 4, NUMBER },                   \
    { (words) + RING_NOT_FULL + 4, 4, NUMBER }, { (data), 8, PREFIX }, { (data) + 3624, 8, PREFIX },       \
    { (data) + 3632, 8, PREFIX }, { (data) + 3680, 8, PREFIX }, { (data) + 3768, 8, PREFIX },              \
    { (data) + 3896, 8, PREFIX }, { (data) + 4064, 8, PREFIX }, { (data) + 176, 8, PREFIX }

#define QUEUE_FIELDS                                                                                        \
    { AT_PRODUCERS, 4, NUMBER }, { AT_ABANDONED, 4, NUMBER }, { AT_FINISHED, 4, NUMBER },                  \
    { AT_DONE, 4, NUMBER }, { AT_DONE + 4, 4, NUMBER }

static const struct field queue_hot[] = { RING_FIELDS(AT_RING, AT_DATA), QUEUE_FIELDS };
static const struct field jobs_hot[] = {
    RING_FIELDS(AT_RING, AT_TABLE + TABLE_LEN), QUEUE_FIELDS,
    { AT_TABLE, 8, ENTRY }, { AT_TABLE + 8, 8, ENTRY }, { AT_TABLE + 16, 8, ENTRY }, /* low slots are the ones in use */
    { AT_TABLE + 24, 8, ENTRY }, { AT_TABLE + 1021 * 8, 8, ENTRY }, { AT_TABLE + 1023 * 8, 8, ENTRY },
};
static const struct field pipe_hot[] = {
    RING_FIELDS(AT_PIPE_RINGS, AT_DATA), RING_FIELDS(AT_PIPE_RINGS + RING_WORDS, AT_DATA + QUEUE_BYTES),
    { AT_ENDS, 4, NUMBER }, { AT_ENDS + 128, 4, NUMBER },
};
static const struct field oneway_hot[] = {
    RING_FIELDS(AT_PIPE_RINGS, AT_DATA), { AT_ENDS, 4, NUMBER }, { AT_ENDS + 128, 4, NUMBER },
};

#define BELLS_OF(at) { at, 8, BELL }, { (at) + (AT_WRITERS_BELLS - AT_BELLS), 8, BELL }
static const struct field polled_hot[] = { RING_FIELDS(AT_RING, AT_BELLS + PAGE), QUEUE_FIELDS, BELLS_OF(AT_BELLS) };
static const struct field polled_pipe_hot[] = {
    RING_FIELDS(AT_PIPE_RINGS, AT_BELLS + 2 * PAGE),
    RING_FIELDS(AT_PIPE_RINGS + RING_WORDS, AT_BELLS + 2 * PAGE + QUEUE_BYTES),
    { AT_ENDS, 4, NUMBER }, { AT_ENDS + 128, 4, NUMBER }, BELLS_OF(AT_BELLS), BELLS_OF(AT_BELLS + PAGE),
};

#define COUNT(table) (int)(sizeof table / sizeof table[0])
#define PAIR(params, hot) params, hot, COUNT(params), COUNT(hot)

#define NO_RINGS { { 0, 0 } }, 0
#define ONE_RING(words, data) { { words, data } }, 1

const struct subject subjects[SUBJECTS] = {
    { "lock", 2, lock_params, NULL, COUNT(lock_params), 0, create_lock, open_lock, close_lock, use_lock, NO_RINGS },
    { "scalar", 3, PAIR(value_params, scalar_hot), create_scalar, open_value, close_value, use_value, NO_RINGS },
    { "snapshot", 3, PAIR(value_params, snapshot_hot), create_snapshot, open_value, close_value, use_value, NO_RINGS },
    { "raw", 3, PAIR(value_params, raw_hot), create_raw, open_value, close_value, use_value, NO_RINGS },
    { "numbers", 4, array_params, NULL, 8, 0, create_numbers, open_array, close_array, use_array, NO_RINGS },
    { "structs", 4, PAIR(array_params, structs_hot), create_structs, open_array, close_array, use_array, NO_RINGS },
    { "queue", 5, PAIR(queue_params, queue_hot), create_queue, open_queue, close_queue, use_queue,
      ONE_RING(AT_RING, AT_DATA) },
    { "jobs", 5, PAIR(queue_params, jobs_hot), create_jobs, open_queue, close_queue, use_queue,
      ONE_RING(AT_RING, AT_TABLE + TABLE_LEN) },
    { "leases", 5, PAIR(queue_params, queue_hot), create_leases, open_queue, close_queue, use_queue,
      ONE_RING(AT_RING, AT_DATA) },
    { "pipe", 6, PAIR(pipe_params, pipe_hot), create_pipe, open_pipe, close_pipe, use_pipe,
      { { AT_PIPE_RINGS, AT_DATA }, { AT_PIPE_RINGS + RING_WORDS, AT_DATA + QUEUE_BYTES } }, 2 },
    { "oneway", 6, PAIR(pipe_params, oneway_hot), create_oneway, open_pipe, close_pipe, use_pipe,
      ONE_RING(AT_PIPE_RINGS, AT_DATA) },
    { "rlock", 7, NULL, rlock_hot, 0, COUNT(rlock_hot), create_rlock, open_rlock, close_rlock, use_rlock, NO_RINGS },
    { "rwlock", 8, NULL, rwlock_hot, 0, COUNT(rwlock_hot), create_rwlock, open_rwlock, close_rwlock, use_rwlock,
      NO_RINGS },
    { "semaphore", 9, PAIR(semaphore_params, semaphore_hot), create_semaphore, open_semaphore, close_semaphore,
      use_semaphore, NO_RINGS },
    { "permits", 9, PAIR(semaphore_params, permits_hot), create_permits, open_semaphore, close_semaphore,
      use_semaphore, NO_RINGS },
    { "condition", 10, PAIR(condition_params, condition_hot), create_condition, open_condition, close_condition,
      use_condition, NO_RINGS },
    { "bound", 10, PAIR(condition_params, condition_hot), create_bound, open_bound, close_condition, use_condition,
      NO_RINGS },
    { "event", 11, NULL, event_hot, 0, COUNT(event_hot), create_event, open_event, close_event, use_event, NO_RINGS },
    { "barrier", 12, PAIR(barrier_params, barrier_hot), create_barrier, open_barrier, close_barrier, use_barrier,
      NO_RINGS },
    { "polled", 5, PAIR(queue_params, polled_hot), create_polled, open_queue, close_queue, use_queue,
      ONE_RING(AT_RING, AT_BELLS + PAGE) },
    { "polledpipe", 6, PAIR(pipe_params, polled_pipe_hot), create_polled_pipe, open_pipe, close_pipe, use_pipe,
      { { AT_PIPE_RINGS, AT_BELLS + 2 * PAGE },
        { AT_PIPE_RINGS + RING_WORDS, AT_BELLS + 2 * PAGE + QUEUE_BYTES } }, 2 },
};

void use_and_close(const struct subject *subject, void *handle, struct rng *rng)
{
    subject->use(handle, rng);
    subject->close(handle);
    CHECK(nobody_complained());
}
