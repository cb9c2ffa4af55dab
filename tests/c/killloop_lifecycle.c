/*
 * Kill loop, lifecycle: processes that are killed while they join a domain and create, open, use, close,
 * unlink and sweep named objects of every kind in it. Nobody may ever see a half-made object or a status
 * that makes no sense; when all are dead one sweep leaves nothing, and the slots of the dead are used again.
 */
#include "killloop.h"

#define NAMES 6
#define ROUND_KILLS 100
#define SLOTS 1022
#define ENOUGH_JOINS (2 * SLOTS + 200)
#define ARRAY_LEN 3000
#define STRUCT_SIZE 3000

struct lifecycle {
    char path[128];
    _Atomic uint64_t joins, created, opened, unlinked, swept, recovered;
    _Atomic uint32_t highest_slot;
};

static const char joining[] = "joining the domain";
static const char creating[] = "creating an object";
static const char opening[] = "opening an object";
static const char closing[] = "closing an object";
static const char unlinking[] = "unlinking a name";
static const char sweeping[] = "sweeping the domain";
static const char *const targets[] = { joining, creating, creating, opening, closing, unlinking, sweeping, NULL };

enum kind { LOCK, SCALAR, SNAPSHOT, RAW, ARRAY, STRUCTS, QUEUE, PIPE, RLOCK, RWLOCK, PERMITS, CONDITION, EVENT, BARRIER, KINDS };

#define PERMITS_INITIAL 3
#define PARTIES 2

struct object {
    enum kind kind;
    int end; /* of a pipe */
    union {
        mproc_lock_t *lock;
        mproc_value_t *value;
        mproc_array_t *array;
        mproc_queue_t *queue;
        mproc_pipe_t *pipe;
        mproc_rlock_t *rlock;
        mproc_rwlock_t *rwlock;
        mproc_semaphore_t *semaphore;
        mproc_condition_t *condition;
        mproc_event_t *event;
        mproc_barrier_t *barrier;
    } as;
};

static struct object random_object(struct job *job)
{
    return (struct object){ .kind = (enum kind)rng_below(&job->rng, KINDS), .end = (int)rng_below(&job->rng, 2) };
}

static bool one_of(int status, const int *allowed)
{
    for (; *allowed != 9999; allowed++) {
        if (status == *allowed) {
            return true;
        }
    }
    return false;
}

/* The statuses that a race with others and with death can bring about; everything else is a failure. */
#define EXPECT(what, status, ...)                                                                          \
    do {                                                                                                   \
        if (!one_of(status, (const int[]){ __VA_ARGS__, 9999 })) {                                         \
            kl_fail_call(what, status, __FILE__, __LINE__);                                                \
        }                                                                                                  \
    } while (0)

static uint64_t element(size_t i)
{
    return mix64(i + 1);
}

static const unsigned char *struct_pattern(void)
{
    static unsigned char bytes[STRUCT_SIZE];
    pattern_fill(bytes, sizeof bytes, 4711); /* the same in every process and thread */
    return bytes;
}

static int create(const mproc_domain_t *domain, const char *name, uint32_t flags, struct object *o)
{
    static uint64_t elements[ARRAY_LEN];
    mproc_lock_options_t lock = MPROC_LOCK_OPTIONS_INIT;
    mproc_value_options_t value = MPROC_VALUE_OPTIONS_INIT;
    mproc_array_options_t array = MPROC_ARRAY_OPTIONS_INIT;
    mproc_queue_options_t queue = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t pipe = MPROC_PIPE_OPTIONS_INIT;
    mproc_rlock_options_t rlock = MPROC_RLOCK_OPTIONS_INIT;
    mproc_rwlock_options_t rwlock = MPROC_RWLOCK_OPTIONS_INIT;
    mproc_semaphore_options_t semaphore = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_condition_options_t condition = MPROC_CONDITION_OPTIONS_INIT;
    mproc_event_options_t event = MPROC_EVENT_OPTIONS_INIT;
    mproc_barrier_options_t barrier = MPROC_BARRIER_OPTIONS_INIT;
    lock.flags = value.flags = array.flags = queue.flags = pipe.flags = flags;
    rlock.flags = rwlock.flags = condition.flags = event.flags = barrier.flags = flags;
    switch (o->kind) {
    case LOCK:
        return mproc_lock_create(domain, name, &lock, &o->as.lock);
    case SCALAR: {
        int64_t initial = 4711;
        value.type_code = MPROC_TYPE_I64;
        value.initial = &initial;
        return mproc_value_create(domain, name, &value, &o->as.value);
    }
    case SNAPSHOT:
    case RAW:
        value.type_code = MPROC_TYPE_STRUCT;
        value.elem_size = STRUCT_SIZE;
        value.flags |= o->kind == RAW ? MPROC_RAW : 0;
        value.initial = struct_pattern();
        return mproc_value_create(domain, name, &value, &o->as.value);
    case ARRAY:
        for (size_t i = 0; i < ARRAY_LEN; i++) {
            elements[i] = element(i);
        }
        array.type_code = MPROC_TYPE_U64;
        array.ndim = 1;
        array.shape[0] = ARRAY_LEN;
        array.initial = elements;
        array.initial_count = ARRAY_LEN;
        return mproc_array_create(domain, name, &array, &o->as.array);
    case STRUCTS:
        array.type_code = MPROC_TYPE_STRUCT;
        array.elem_size = STRUCT_SIZE;
        array.ndim = 2;
        array.shape[0] = 1;
        array.shape[1] = 2;
        array.initial = struct_pattern();
        array.initial_count = 1;
        return mproc_array_create(domain, name, &array, &o->as.array);
    case QUEUE:
        queue.capacity_bytes = 8192;
        return mproc_queue_create(domain, name, &queue, &o->as.queue);
    case PIPE:
        pipe.capacity_bytes = 8192;
        return mproc_pipe_create(domain, name, &pipe, o->end == 0 ? &o->as.pipe : NULL,
                                 o->end == 1 ? &o->as.pipe : NULL);
    case RLOCK:
        return mproc_rlock_create(domain, name, &rlock, &o->as.rlock);
    case RWLOCK:
        return mproc_rwlock_create(domain, name, &rwlock, &o->as.rwlock);
    case PERMITS:
        semaphore.flags = flags | MPROC_SEMAPHORE_ACCOUNTING;
        semaphore.initial = PERMITS_INITIAL;
        return mproc_semaphore_create(domain, name, &semaphore, &o->as.semaphore);
    case CONDITION:
        return mproc_condition_create(domain, name, &condition, &o->as.condition);
    case EVENT:
        return mproc_event_create(domain, name, &event, &o->as.event);
    default:
        barrier.parties = PARTIES;
        return mproc_barrier_create(domain, name, &barrier, &o->as.barrier);
    }
}

static int open_it(const mproc_domain_t *domain, const char *name, struct object *o)
{
    mproc_value_options_t value = MPROC_VALUE_OPTIONS_INIT;
    mproc_array_options_t array = MPROC_ARRAY_OPTIONS_INIT;
    switch (o->kind) {
    case LOCK:
        return mproc_lock_open(domain, name, NULL, &o->as.lock);
    case SCALAR:
        value.type_code = MPROC_TYPE_I64;
        return mproc_value_open(domain, name, &value, &o->as.value);
    case SNAPSHOT:
    case RAW:
        value.type_code = MPROC_TYPE_STRUCT;
        value.elem_size = STRUCT_SIZE;
        value.flags = o->kind == RAW ? MPROC_RAW : 0;
        return mproc_value_open(domain, name, &value, &o->as.value);
    case ARRAY:
        array.type_code = MPROC_TYPE_U64;
        return mproc_array_open(domain, name, &array, &o->as.array);
    case STRUCTS:
        array.type_code = MPROC_TYPE_STRUCT;
        array.elem_size = STRUCT_SIZE;
        return mproc_array_open(domain, name, &array, &o->as.array);
    case QUEUE:
        return mproc_queue_open(domain, name, NULL, &o->as.queue);
    case PIPE:
        return mproc_pipe_open(domain, name, NULL, o->end, &o->as.pipe);
    case RLOCK:
        return mproc_rlock_open(domain, name, NULL, &o->as.rlock);
    case RWLOCK:
        return mproc_rwlock_open(domain, name, NULL, &o->as.rwlock);
    case PERMITS:
        return mproc_semaphore_open(domain, name, NULL, &o->as.semaphore);
    case CONDITION:
        return mproc_condition_open(domain, name, NULL, &o->as.condition);
    case EVENT:
        return mproc_event_open(domain, name, NULL, &o->as.event);
    default:
        return mproc_barrier_open(domain, name, NULL, &o->as.barrier);
    }
}

#define MESSAGE 1000 /* bytes of each; all are the same */

static void check_message(const void *bytes, size_t len)
{
    if (len != MESSAGE || memcmp(bytes, struct_pattern(), MESSAGE)) {
        kl_fail("lifecycle: a message came that was never put");
    }
}

/* What is reserved or taken in place may stay so, until the handle is closed or this process is dead. */
static void use_queue(struct job *job, mproc_queue_t *queue)
{
    unsigned char bytes[STRUCT_SIZE];
    size_t len;
    mproc_view_t view;
    mproc_queue_t *producer;
    int status = mproc_queue_put(queue, struct_pattern(), MESSAGE, 0, NULL);
    EXPECT("put", status, MPROC_OK, MPROC_ETIMEDOUT);
    switch (rng_below(&job->rng, 6)) {
    case 0:
        KL_OK(mproc_queue_producer(queue, &producer));
        status = mproc_queue_put(producer, struct_pattern(), MESSAGE, 0, NULL);
        EXPECT("put by a producer", status, MPROC_OK, MPROC_ETIMEDOUT);
        mproc_queue_close(producer);
        break;
    case 1:
        status = mproc_queue_reserve(queue, MESSAGE, &view, 0, NULL);
        EXPECT("reserve", status, MPROC_OK, MPROC_ETIMEDOUT);
        if (status == MPROC_OK && rng_below(&job->rng, 2)) {
            memcpy(view.data, struct_pattern(), MESSAGE);
            KL_OK(mproc_queue_commit(queue, view.id, MESSAGE));
        }
        break;
    case 2:
        status = mproc_queue_peek(queue, &view, 0, NULL);
        EXPECT("peek", status, MPROC_OK, MPROC_RECOVERED, MPROC_ETIMEDOUT, MPROC_ECLOSED);
        if (status >= 0) {
            check_message(view.data, view.len);
            if (rng_below(&job->rng, 2)) {
                KL_OK(mproc_queue_release(queue, view.id));
            }
        }
        break;
    case 3:
    case 4:
        status = mproc_queue_get(queue, bytes, sizeof bytes, &len, 0, NULL);
        EXPECT("get", status, MPROC_OK, MPROC_ETIMEDOUT, MPROC_ECLOSED); /* ECLOSED: empty, and producers have been */
        if (status == MPROC_OK) {
            check_message(bytes, len);
        }
    }
}

static void use_pipe(struct job *job, mproc_pipe_t *pipe)
{
    unsigned char bytes[STRUCT_SIZE];
    size_t len;
    mproc_view_t view;
    int status = mproc_pipe_send(pipe, struct_pattern(), MESSAGE, 0, NULL);
    EXPECT("send", status, MPROC_OK, MPROC_ETIMEDOUT, MPROC_EPIPE);
    switch (rng_below(&job->rng, 4)) {
    case 0:
        status = mproc_pipe_reserve(pipe, MESSAGE, &view, 0, NULL);
        EXPECT("reserve", status, MPROC_OK, MPROC_ETIMEDOUT, MPROC_EPIPE);
        if (status == MPROC_OK && rng_below(&job->rng, 2)) {
            memcpy(view.data, struct_pattern(), MESSAGE);
            status = mproc_pipe_commit(pipe, view.id, MESSAGE);
            EXPECT("commit", status, MPROC_OK, MPROC_EPIPE);
        }
        break;
    case 1:
        status = mproc_pipe_peek(pipe, &view, 0, NULL);
        EXPECT("peek", status, MPROC_OK, MPROC_RECOVERED, MPROC_ETIMEDOUT, MPROC_EOF);
        if (status >= 0) {
            check_message(view.data, view.len);
            if (rng_below(&job->rng, 2)) {
                KL_OK(mproc_pipe_release(pipe, view.id));
            }
        }
        break;
    case 2:
        status = mproc_pipe_recv(pipe, bytes, sizeof bytes, &len, 0, NULL);
        EXPECT("recv", status, MPROC_OK, MPROC_ETIMEDOUT, MPROC_EOF);
        if (status == MPROC_OK) {
            check_message(bytes, len);
        }
    }
}

/* What is taken may stay so, until the last handle in the domain is closed or this process is dead. */
static void use_lock_of_the_family(struct job *job, struct lifecycle *l, struct object *o)
{
    mproc_semaphore_info_t info = { 0 };
    bool keep = rng_below(&job->rng, 4) == 0;
    int status;
    switch (o->kind) {
    case RLOCK:
        status = mproc_rlock_lock(o->as.rlock, 5 * MS, NULL);
        if (status >= 0 && !keep) {
            KL_OK(mproc_rlock_unlock(o->as.rlock)); /* this thread's: nobody else can have released it */
        }
        break;
    case RWLOCK:
        status = mproc_rwlock_read_lock(o->as.rwlock, 5 * MS, NULL);
        if (status >= 0 && !keep) {
            int unlock = mproc_rwlock_read_unlock(o->as.rwlock);
            EXPECT("read_unlock", unlock, MPROC_OK, MPROC_EPERM);
        }
        if (status >= 0 && rng_below(&job->rng, 2)) {
            int write = mproc_rwlock_write_lock(o->as.rwlock, 1 * MS, NULL); /* in vain if we have kept that */
            EXPECT("write_lock", write, MPROC_OK, MPROC_RECOVERED, MPROC_ETIMEDOUT);
            if (write >= 0 && !keep) {
                int unlock = mproc_rwlock_write_unlock(o->as.rwlock);
                EXPECT("write_unlock", unlock, MPROC_OK, MPROC_EPERM);
            }
        }
        break;
    case PERMITS:
        KL_OK(mproc_semaphore_info(o->as.semaphore, &info, sizeof info));
        if (info.initial != PERMITS_INITIAL || info.value > PERMITS_INITIAL || info.held > PERMITS_INITIAL) {
            kl_fail("lifecycle: of %d permits %u are free, and %u are mine", PERMITS_INITIAL, (unsigned)info.value,
                    (unsigned)info.held);
        }
        status = mproc_semaphore_acquire(o->as.semaphore, 5 * MS, NULL);
        if (status >= 0 && !keep) {
            int release = mproc_semaphore_release(o->as.semaphore, 1);
            EXPECT("release", release, MPROC_OK, MPROC_EPERM);
        }
        break;
    default:
        status = mproc_condition_lock(o->as.condition, 5 * MS, NULL);
        if (status >= 0) {
            KL_OK(mproc_condition_notify(o->as.condition, 1));
            int wait = mproc_condition_wait(o->as.condition, (int64_t)rng_below(&job->rng, 1 * MS), NULL);
            EXPECT("wait", wait, MPROC_OK, MPROC_RECOVERED, MPROC_ETIMEDOUT);
            if (!keep) {
                KL_OK(mproc_condition_unlock(o->as.condition));
            }
        }
    }
    EXPECT("taking a lock or permit", status, MPROC_OK, MPROC_RECOVERED, MPROC_ETIMEDOUT);
    atomic_fetch_add(&l->recovered, status == MPROC_RECOVERED);
}

static void use_barrier(struct job *job, const mproc_barrier_t *barrier)
{
    mproc_barrier_info_t info = { 0 };
    uint32_t index = PARTIES;
    KL_OK(mproc_barrier_info(barrier, &info, sizeof info));
    if (info.parties != PARTIES || info.waiting > PARTIES) {
        kl_fail("lifecycle: a barrier for %d has %u parties, %u wait", PARTIES, (unsigned)info.parties,
                (unsigned)info.waiting);
    }
    if (rng_below(&job->rng, 4) == 0) {
        KL_OK(mproc_barrier_register(barrier)); /* until the handle is closed, or this process is dead */
    }
    int status = mproc_barrier_wait(barrier, (int64_t)rng_below(&job->rng, 2) * MS, NULL, &index);
    EXPECT("wait", status, MPROC_OK, MPROC_ETIMEDOUT, MPROC_EBROKEN);
    if (status == MPROC_OK && index >= PARTIES) {
        kl_fail("lifecycle: of %d parties this is number %u", PARTIES, (unsigned)index);
    }
    if (status == MPROC_EBROKEN) {
        KL_OK(mproc_barrier_reset(barrier));
    }
}

/* Is it whole? Everybody creates the same content and writes the same bytes again. */
static void use(struct job *job, struct lifecycle *l, struct object *o)
{
    unsigned char bytes[STRUCT_SIZE];
    uint64_t u64;
    int64_t number;
    int status;
    kl_phase(job, "using an object");
    switch (o->kind) {
    case LOCK:
        status = mproc_lock_lock(o->as.lock, 5 * MS, NULL);
        EXPECT("lock", status, MPROC_OK, MPROC_RECOVERED, MPROC_ETIMEDOUT);
        if (status == MPROC_RECOVERED) {
            atomic_fetch_add(&l->recovered, 1);
        }
        if (status >= 0 && rng_below(&job->rng, 4)) { /* else: kept by this process, perhaps until its death */
            status = mproc_lock_unlock(o->as.lock);
            EXPECT("unlock", status, MPROC_OK, MPROC_EPERM); /* our other thread may have done it, in close_it() */
        }
        break;
    case SCALAR:
        KL_OK(mproc_value_get_i64(o->as.value, &number));
        if (number != 4711) {
            kl_fail("lifecycle: a new value of 4711 reads as %lld", (long long)number);
        }
        KL_OK(mproc_value_set_i64(o->as.value, 4711));
        break;
    case SNAPSHOT:
    case RAW:
        KL_OK(mproc_value_load(o->as.value, bytes, sizeof bytes));
        if (pattern_check(bytes, sizeof bytes, &u64) >= 0 || u64 != 4711) {
            kl_fail("lifecycle: a half-made %s value was visible", o->kind == RAW ? "RAW" : "SNAPSHOT");
        }
        KL_OK(mproc_value_store(o->as.value, struct_pattern(), sizeof bytes));
        break;
    case ARRAY:
        for (unsigned n = 0; n < 20; n++) {
            size_t i = n == 0 ? ARRAY_LEN - 1 : rng_below(&job->rng, ARRAY_LEN);
            KL_OK(mproc_array_get(o->as.array, i, &u64, sizeof u64));
            if (u64 != element(i)) {
                kl_fail("lifecycle: a half-made array was visible: element %zu", i);
            }
            KL_OK(mproc_array_set(o->as.array, i, &u64, sizeof u64));
        }
        break;
    case STRUCTS:
        KL_OK(mproc_array_get(o->as.array, 0, bytes, sizeof bytes));
        if (pattern_check(bytes, sizeof bytes, &u64) >= 0 || u64 != 4711) {
            kl_fail("lifecycle: a half-made array of structs was visible");
        }
        KL_OK(mproc_array_set(o->as.array, rng_below(&job->rng, 2), struct_pattern(), sizeof bytes));
        break;
    case QUEUE:
        use_queue(job, o->as.queue);
        break;
    case PIPE:
        use_pipe(job, o->as.pipe);
        break;
    case EVENT:
        status = mproc_event_wait(o->as.event, (int64_t)rng_below(&job->rng, 1 * MS), NULL);
        EXPECT("wait", status, MPROC_OK, MPROC_ETIMEDOUT);
        KL_OK(status == MPROC_OK ? mproc_event_clear(o->as.event) : mproc_event_set(o->as.event));
        break;
    case BARRIER:
        use_barrier(job, o->as.barrier);
        break;
    default:
        use_lock_of_the_family(job, l, o);
    }
}

static void close_it(struct job *job, struct object *o)
{
    kl_phase(job, closing);
    switch (o->kind) {
    case LOCK:
        mproc_lock_unlock(o->as.lock); /* held or not */
        mproc_lock_close(o->as.lock);
        break;
    case SCALAR:
    case SNAPSHOT:
    case RAW:
        mproc_value_close(o->as.value);
        break;
    case ARRAY:
    case STRUCTS:
        mproc_array_close(o->as.array);
        break;
    case QUEUE:
        mproc_queue_close(o->as.queue);
        break;
    case PIPE:
        mproc_pipe_close(o->as.pipe);
        break;
    case RLOCK:
        mproc_rlock_unlock(o->as.rlock); /* held or not */
        mproc_rlock_close(o->as.rlock);
        break;
    case RWLOCK:
        mproc_rwlock_read_unlock(o->as.rwlock);
        mproc_rwlock_write_unlock(o->as.rwlock);
        mproc_rwlock_close(o->as.rwlock);
        break;
    case PERMITS:
        mproc_semaphore_release(o->as.semaphore, 1);
        mproc_semaphore_close(o->as.semaphore);
        break;
    case CONDITION:
        mproc_condition_unlock(o->as.condition);
        mproc_condition_close(o->as.condition);
        break;
    case EVENT:
        mproc_event_close(o->as.event);
        break;
    default:
        mproc_barrier_close(o->as.barrier);
    }
}

static void note_join(struct lifecycle *l, const mproc_domain_t *domain)
{
    mproc_owner_t self = { 0 };
    KL_OK(mproc_domain_self(domain, &self, sizeof self));
    if (!self.held || !self.alive || !self.is_self || self.pid != getpid()) {
        kl_fail("lifecycle: a process does not know itself (slot %u, pid %d)", (unsigned)self.slot, (int)self.pid);
    }
    atomic_fetch_add(&l->joins, 1);
    uint32_t highest = atomic_load(&l->highest_slot);
    while (self.slot > highest && !atomic_compare_exchange_weak(&l->highest_slot, &highest, self.slot)) {
    }
}

/* A forked child claims a slot of its own and dies with it, holding what it has. */
static void short_lived_child(struct job *job, struct lifecycle *l, const mproc_domain_t *domain)
{
    kl_phase(job, "waiting for a child that kills itself");
    pid_t pid = proc_fork();
    if (pid == 0) {
        struct object o = random_object(job);
        char name[16];
        snprintf(name, sizeof name, "n%u", (unsigned)rng_below(&job->rng, NAMES));
        note_join(l, domain);
        int status = create(domain, name, 0, &o);
        EXPECT("create in a forked child", status, MPROC_OK, MPROC_EEXIST);
        if (status == MPROC_OK && o.kind == LOCK) {
            mproc_lock_try(o.as.lock);
        } else if (status == MPROC_OK && o.kind == RWLOCK) {
            mproc_rwlock_write_try(o.as.rwlock);
        } else if (status == MPROC_OK && o.kind == BARRIER) {
            mproc_barrier_register(o.as.barrier);
        }
        kill(getpid(), SIGKILL);
    }
    int status;
    if (!proc_wait(pid, STALL_LIMIT, &status)) {
        kl_fail("lifecycle: a forked child hangs");
    }
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        kl_fail("lifecycle: a forked child ended with status %x", (unsigned)status);
    }
}

static mproc_domain_t *join(struct job *job, struct lifecycle *l)
{
    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_domain_t *domain = NULL;
    options.path = l->path;
    kl_phase(job, joining);
    KL_OK(mproc_domain_open(&options, &domain));
    note_join(l, domain);
    return domain;
}

#define KEPT 4

static void work(struct job *job)
{
    struct lifecycle *l = job->scene;
    mproc_domain_t *domain = join(job, l);
    struct object kept[KEPT];
    unsigned n = 0;
    while (!kl_stopping()) {
        struct object o = random_object(job);
        char name[16];
        int status;
        size_t removed = 0;
        snprintf(name, sizeof name, "n%u", (unsigned)rng_below(&job->rng, NAMES));
        int64_t began = proc_now();
        switch (rng_below(&job->rng, 16)) {
        case 0:
            kl_phase(job, sweeping);
            KL_OK(mproc_domain_sweep(domain, &removed));
            atomic_fetch_add(&l->swept, removed);
            break;
        case 1:
        case 2:
        case 3:
            kl_phase(job, unlinking);
            status = mproc_domain_unlink(domain, name);
            EXPECT("unlink", status, MPROC_OK, MPROC_ENOENT);
            kl_waited(proc_now() - began);
            if (status == MPROC_OK) {
                atomic_fetch_add(&l->unlinked, 1);
            }
            break;
        case 4:
            short_lived_child(job, l, domain);
            break;
        case 5: /* leave and come back */
            while (n > 0) {
                close_it(job, &kept[--n]);
            }
            kl_phase(job, "closing the domain");
            mproc_domain_close(domain);
            domain = join(job, l);
            break;
        case 6:
        case 7:
        case 8:
        case 9:
            kl_phase(job, opening);
            status = open_it(domain, name, &o);
            EXPECT("open", status, MPROC_OK, MPROC_ENOENT, MPROC_EKIND, MPROC_ETYPE);
            kl_waited(proc_now() - began);
            if (status == MPROC_OK) {
                atomic_fetch_add(&l->opened, 1);
                use(job, l, &o);
                close_it(job, &o);
            }
            break;
        default:
            kl_phase(job, creating);
            if (rng_below(&job->rng, 2)) {
                status = create(domain, name, 0, &o);
                EXPECT("create", status, MPROC_OK, MPROC_EEXIST);
            } else {
                status = create(domain, name, MPROC_EXIST_OK, &o);
                EXPECT("create or open", status, MPROC_OK, MPROC_EXISTED, MPROC_EKIND, MPROC_ETYPE);
            }
            kl_waited(proc_now() - began);
            if (status >= 0) {
                atomic_fetch_add(status == MPROC_OK ? &l->created : &l->opened, 1);
                use(job, l, &o);
                if (n < KEPT) {
                    kept[n++] = o; /* it stays a while, and dies with us if we are killed */
                } else {
                    close_it(job, &o);
                }
            }
            if (n == KEPT && rng_below(&job->rng, 2)) {
                while (n > 0) {
                    close_it(job, &kept[--n]);
                }
            }
        }
        kl_done(job);
    }
}

/* In a process of its own, because the driver must not be a member of the domain. */
static bool in_child(struct lifecycle *l, void (*check)(struct lifecycle *l))
{
    pid_t pid = proc_fork();
    int status;
    if (pid == 0) {
        check(l);
        _exit(0);
    }
    if (!proc_wait(pid, STALL_LIMIT, &status)) {
        proc_kill(pid);
        kl_fail("lifecycle: the final check hangs");
    } else if (status != 0 && atomic_load(&board->failed) == 0) {
        kl_fail("lifecycle: the final check ended with status %x", (unsigned)status);
    }
    return atomic_load(&board->failed) == 0;
}

static void check_swept(struct lifecycle *l)
{
    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_domain_t *domain = NULL;
    options.path = l->path;
    size_t removed = 0;
    char names[400];
    KL_OK(mproc_domain_open(&options, &domain));
    KL_OK(mproc_domain_sweep(domain, &removed));
    atomic_fetch_add(&l->swept, removed);
    if (proc_list(l->path, false, names, sizeof names) != 0) {
        kl_fail("lifecycle: everybody is dead, yet after a sweep there is left: %s", names);
    }
    mproc_domain_close(domain);
}

/* Many more processes than there are slots, one after the other and a few at a time. */
static void churn(struct lifecycle *l)
{
    struct job job = { .rng = { run.seed }, .seat = &board->worker[0].seat[0] };
    mproc_domain_t *domain = join(&job, l);
    while (atomic_load(&l->joins) < ENOUGH_JOINS && !interrupted) {
        short_lived_child(&job, l, domain);
        rng_next(&job.rng);
    }
    mproc_domain_close(domain);
}

static void check_removed(struct lifecycle *l)
{
    KL_OK(mproc_domain_remove(l->path));
    if (access(l->path, F_OK) == 0) {
        char names[400] = "";
        proc_list(l->path, true, names, sizeof names);
        kl_fail("lifecycle: mproc_domain_remove() left the directory, with: %s", names);
    }
}

bool scene_lifecycle(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "lifecycle", .workers = 4, .two_threads_in = 6, .targets = targets, .work = work };
    struct lifecycle *l = proc_shared(sizeof *l);
    snprintf(l->path, sizeof l->path, "/dev/shm/mproc-killloop-life-%d", (int)getpid());
    crew.scene = l;
    bool ok = true;
    while (ok && kills > 0) {
        uint64_t now = kills < ROUND_KILLS ? kills : ROUND_KILLS;
        kills -= now;
        crew_start(&crew);
        ok = crew_kills(&crew, now) && crew_quiet(&crew);
        crew_end(&crew); /* all of them at once, in the middle of something */
        ok = ok && crew_no_strays() && in_child(l, check_swept);
        tally->kills += now;
    }
    /* Only many joins in the same domain show that slots come back. */
    ok = ok && in_child(l, churn) && crew_no_strays() && in_child(l, check_swept) && in_child(l, check_removed);
    tally->recovered = atomic_load(&l->recovered);
    snprintf(tally->note, sizeof tally->note, "%llu joins (highest slot %u), %llu created, %llu opened, %llu unlinked, %llu swept",
             (unsigned long long)atomic_load(&l->joins), (unsigned)atomic_load(&l->highest_slot),
             (unsigned long long)atomic_load(&l->created), (unsigned long long)atomic_load(&l->opened),
             (unsigned long long)atomic_load(&l->unlinked), (unsigned long long)atomic_load(&l->swept));
    if (!ok) {
        crew_no_strays();
        proc_remove_dir(l->path);
    }
    munmap(l, sizeof *l);
    return ok && atomic_load(&board->failed) == 0;
}
