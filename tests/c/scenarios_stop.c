/* Stories about stopped processes: they are slow, not dead, and must never be robbed. */
#include "scenarios.h"

#define SHORT_BUSY (100 * MS)

static void stopped_holder(void)
{
    mproc_lock_t *lock = new_lock("lock");
    pid_t holder = proc_fork();
    if (holder == 0) {
        mproc_lock_t *mine = old_lock("lock");
        OK(mproc_lock_lock(mine, 0, NULL));
        atomic_store(&stage->step, 1);
        AWAIT(stage->step, 2);
        OK(mproc_lock_unlock(mine)); /* still ours after all that time */
        _exit(0);
    }
    AWAIT(stage->step, 1);
    proc_stop(holder);
    pid_t waiter = proc_fork();
    if (waiter == 0) {
        mproc_lock_t *mine = old_lock("lock");
        atomic_store(&stage->flag[0], 1);
        OK(mproc_lock_lock(mine, MPROC_FOREVER, NULL)); /* not RECOVERED: nobody has died */
        atomic_store(&stage->flag[1], 1);
        OK(mproc_lock_unlock(mine));
        _exit(0);
    }
    AWAIT(stage->flag[0], 1);
    for (int i = 0; i < 3; i++) {
        mproc_owner_t owner;
        EXPECT(mproc_lock_lock(lock, 200 * MS, NULL), MPROC_ETIMEDOUT);
        EXPECT(mproc_lock_try(lock), MPROC_ETIMEDOUT);
        OK(mproc_lock_owner(lock, &owner, sizeof owner));
        CHECK(owner.held && owner.alive && owner.pid == holder);
    }
    CHECK(atomic_load(&stage->flag[1]) == 0);
    kill(holder, SIGCONT);
    atomic_store(&stage->step, 2);
    JOIN(holder);
    JOIN(waiter);
    OK(mproc_lock_lock(lock, SEC, NULL));
    OK(mproc_lock_unlock(lock));
}

/* Killed while stopped is dead all the same. */
static void stopped_holder_killed(void)
{
    mproc_lock_t *lock = new_lock("lock");
    pid_t holder = proc_fork();
    if (holder == 0) {
        OK(mproc_lock_lock(lock, 0, NULL));
        atomic_store(&stage->step, 1);
        pause();
    }
    AWAIT(stage->step, 1);
    proc_stop(holder);
    EXPECT(mproc_lock_lock(lock, 50 * MS, NULL), MPROC_ETIMEDOUT);
    proc_kill(holder);
    EXPECT(mproc_lock_lock(lock, 10 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_lock_unlock(lock));
}

static mproc_domain_t *impatient_domain(void)
{
    mproc_domain_options_t o = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_domain_t *domain;
    o.busy_timeout_ns = SHORT_BUSY;
    OK(mproc_domain_open(&o, &domain));
    return domain;
}

/* The other side of a stopped process: at worst busy, never anything else. */
static bool went_through(int status, const char *call)
{
    if (status != MPROC_OK && status != MPROC_ETIMEDOUT && status != MPROC_EBUSY) {
        fail_at(__FILE__, __LINE__, "%s beside a stopped process returned %s", call, status_text(status));
    }
    return status == MPROC_OK;
}

enum { BIG = 100000, ROUNDS = 40 };

static unsigned char message[BIG], received[BIG];

/* Numbered messages, each a pattern; the numbers that arrive must be 1, 2, 3, ... */
static bool get_next(const mproc_queue_t *queue, uint64_t *next, int64_t timeout)
{
    size_t len;
    uint64_t stamp;
    if (!went_through(mproc_queue_get(queue, received, sizeof received, &len, timeout, NULL), "get")) {
        return false;
    }
    CHECK(len >= 16 && pattern_check(received, len, &stamp) < 0);
    CHECK(stamp == *next);
    ++*next;
    return true;
}

static bool put_next(const mproc_queue_t *queue, uint64_t *next, size_t len, int64_t timeout)
{
    pattern_fill(message, len, *next);
    if (!went_through(mproc_queue_put(queue, message, len, timeout, NULL), "put")) {
        return false;
    }
    ++*next;
    return true;
}

static void stopped_inside_queue(void)
{
    mproc_domain_t *domain = impatient_domain();
    mproc_queue_t *there, *back; /* from the process that is stopped, and to it */
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    o.capacity_bytes = 1 << 20;
    OK(mproc_queue_create(domain, "there", &o, &there));
    OK(mproc_queue_create(domain, "back", &o, &back));
    uint64_t next_there = 1, next_back = 1;
    pid_t pid = proc_fork();
    if (pid == 0) {
        struct rng rng = { 1 };
        for (;;) {
            put_next(there, &next_there, rng_below(&rng, 2) ? BIG : 100, 1 * MS);
            get_next(back, &next_back, 0);
        }
    }
    struct rng rng = { 2 };
    for (int round = 0; round < ROUNDS; round++) {
        proc_sleep_ns((int64_t)rng_below(&rng, 3 * MS));
        proc_stop(pid);
        size_t items;
        mproc_queue_info_t info;
        get_next(there, &next_there, 0);
        put_next(back, &next_back, 100 + rng_below(&rng, 1000), (int64_t)rng_below(&rng, 20 * MS));
        OK(mproc_queue_size(there, &items));
        OK(mproc_queue_info(there, &info, sizeof info));
        kill(pid, SIGCONT);
        /* It goes on, and so do we: every side makes progress again. */
        uint64_t at_there = next_there, at_back = next_back;
        for (int64_t end = proc_now() + 20 * SEC; next_there == at_there || next_back == at_back;) {
            CHECK(proc_now() < end);
            if (next_there == at_there) {
                get_next(there, &next_there, 50 * MS);
            }
            if (next_back == at_back) {
                put_next(back, &next_back, 200, 50 * MS);
            }
        }
    }
    proc_kill(pid);
    while (get_next(there, &next_there, 0)) {
    }
    OK(mproc_queue_put(there, "x", 1, SEC, NULL));
}

/* Readers and writers of structs beside a writer that stops in the middle. */
static void stopped_inside_structs(void)
{
    mproc_domain_t *domain = impatient_domain();
    mproc_value_t *value;
    mproc_array_t *array;
    mproc_value_options_t v = MPROC_VALUE_OPTIONS_INIT;
    mproc_array_options_t a = MPROC_ARRAY_OPTIONS_INIT;
    pattern_fill(message, BIG, 1);
    v.type_code = a.type_code = MPROC_TYPE_STRUCT;
    v.elem_size = a.elem_size = BIG;
    v.initial = a.initial = message;
    a.ndim = 1;
    a.shape[0] = a.initial_count = 1;
    OK(mproc_value_create(domain, "value", &v, &value));
    OK(mproc_array_create(domain, "array", &a, &array));
    pid_t pid = proc_fork();
    if (pid == 0) {
        for (uint64_t stamp = 2;; stamp += 2) {
            pattern_fill(message, BIG, stamp);
            went_through(mproc_value_store(value, message, BIG), "store");
            went_through(mproc_array_set(array, 0, message, BIG), "set");
            atomic_store(&stage->step, (uint32_t)stamp);
        }
    }
    struct rng rng = { 3 };
    uint64_t stamp;
    for (int round = 0; round < ROUNDS; round++) {
        proc_sleep_ns((int64_t)rng_below(&rng, 3 * MS));
        proc_stop(pid);
        if (went_through(mproc_value_load(value, received, BIG), "load")) {
            CHECK(pattern_check(received, BIG, &stamp) < 0);
        }
        if (went_through(mproc_array_get(array, 0, received, BIG), "get")) {
            CHECK(pattern_check(received, BIG, &stamp) < 0);
        }
        pattern_fill(message, BIG, 1000001);
        went_through(mproc_value_store(value, message, BIG), "store");
        went_through(mproc_array_set(array, 0, message, BIG), "set");
        kill(pid, SIGCONT);
        uint32_t step = atomic_load(&stage->step);
        AWAIT(stage->step, step + 2);
        bool done = false;
        for (int64_t end = proc_now() + 20 * SEC; !done;) {
            CHECK(proc_now() < end);
            done = went_through(mproc_value_load(value, received, BIG), "load") && pattern_check(received, BIG, &stamp) < 0 &&
                   went_through(mproc_array_get(array, 0, received, BIG), "get") && pattern_check(received, BIG, &stamp) < 0;
        }
    }
    proc_kill(pid);
    OK(mproc_value_load(value, received, BIG));
    CHECK(pattern_check(received, BIG, &stamp) < 0);
    OK(mproc_array_get(array, 0, received, BIG));
    CHECK(pattern_check(received, BIG, &stamp) < 0);
}

const struct scenario stop_scenarios[] = {
    { .name = "stopped-holder-is-not-robbed", .play = stopped_holder },
    { .name = "stopped-holder-is-killed", .play = stopped_holder_killed },
    { .name = "stopped-inside-a-queue", .play = stopped_inside_queue, .limit_s = 90 },
    { .name = "stopped-inside-structs", .play = stopped_inside_structs, .limit_s = 90 },
    { 0 },
};
