/*
 * Stories about waiting for many things and about descriptors for event loops: sandboxes without futex_waitv or
 * sockets, and processes that are stopped or killed while they wait, look, ring, or are rung.
 */
#include "scenarios.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

enum { FUTEX_WAITV = 449 };

static void await_sleep(pid_t pid)
{
    int64_t end = proc_now() + 20 * SEC;
    for (int seen = 0; seen < 3;) {
        seen = proc_state(pid) == 'S' ? seen + 1 : 0;
        CHECK(proc_now() < end);
        proc_sleep_ns(1 * MS);
    }
}

/* From here on a system call fails in this process and its children, as in a sandbox. */
static void forbid(long call, int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof code[0], code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        skip("no seccomp filters here (%s); run where prctl(PR_SET_SECCOMP) is allowed", strerror(errno));
    }
    CHECK(syscall(call, -1, -1, -1, -1, -1) == -1 && errno == error);
}

static mproc_wait_item_t item(uint32_t condition, const void *object)
{
    return (mproc_wait_item_t){ .condition = condition, .object = object };
}

/* ---- one thing for each condition ---- */

enum {
    QUEUE_READ,
    QUEUE_WRITE,
    PIPE_READ,
    PIPE_WRITE,
    PIPE_GONE,
    LOCK,
    RLOCK,
    PERMIT,
    OWN_PERMIT,
    EVENT,
    VALUE,
    THINGS
};

static struct {
    mproc_queue_t *empty, *full;
    mproc_pipe_t *quiet[2], *packed[2], *open[2];
    mproc_lock_t *lock;
    mproc_rlock_t *rlock;
    mproc_semaphore_t *plain, *accounting;
    mproc_event_t *event;
    mproc_value_t *value;
    int64_t expected;
} all;

static const char big[2000];

/* Everything empty, full, or taken by this process. */
static void make_things(void)
{
    mproc_queue_options_t one = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t small = MPROC_PIPE_OPTIONS_INIT;
    mproc_semaphore_options_t accounting = MPROC_SEMAPHORE_OPTIONS_INIT;
    one.max_items = 1;
    small.capacity_bytes = 4096;
    accounting.flags = MPROC_SEMAPHORE_ACCOUNTING;
    OK(mproc_queue_create(NULL, NULL, NULL, &all.empty));
    OK(mproc_queue_create(NULL, NULL, &one, &all.full));
    OK(mproc_queue_put(all.full, "x", 1, 0, NULL));
    OK(mproc_pipe_create(NULL, NULL, &small, &all.quiet[0], &all.quiet[1]));
    OK(mproc_pipe_create(NULL, NULL, &small, &all.packed[0], &all.packed[1]));
    OK(mproc_pipe_send(all.packed[0], big, sizeof big, 0, NULL));
    OK(mproc_pipe_send(all.packed[0], big, sizeof big, 0, NULL));
    OK(mproc_pipe_create(NULL, "open", &small, &all.open[0], &all.open[1]));
    OK(mproc_lock_create(NULL, NULL, NULL, &all.lock));
    OK(mproc_lock_try(all.lock));
    OK(mproc_rlock_create(NULL, NULL, NULL, &all.rlock));
    OK(mproc_rlock_lock(all.rlock, 0, NULL));
    OK(mproc_semaphore_create(NULL, NULL, NULL, &all.plain));
    OK(mproc_semaphore_try(all.plain));
    OK(mproc_semaphore_create(NULL, NULL, &accounting, &all.accounting));
    OK(mproc_semaphore_try(all.accounting));
    OK(mproc_event_create(NULL, NULL, NULL, &all.event));
    all.value = new_value("value", 0);
}

static mproc_wait_item_t thing(int which)
{
    mproc_wait_item_t i;
    switch (which) {
    case QUEUE_READ: return item(MPROC_WAIT_QUEUE_READABLE, all.empty);
    case QUEUE_WRITE: return item(MPROC_WAIT_QUEUE_WRITABLE, all.full);
    case PIPE_READ: return item(MPROC_WAIT_PIPE_READABLE, all.quiet[0]);
    case PIPE_WRITE:
        i = item(MPROC_WAIT_PIPE_WRITABLE, all.packed[0]);
        i.size = sizeof big;
        return i;
    case PIPE_GONE: return item(MPROC_WAIT_PIPE_CLOSED, all.open[0]);
    case LOCK: return item(MPROC_WAIT_LOCK, all.lock);
    case RLOCK: return item(MPROC_WAIT_RLOCK, all.rlock);
    case PERMIT: return item(MPROC_WAIT_SEMAPHORE, all.plain);
    case OWN_PERMIT: return item(MPROC_WAIT_SEMAPHORE, all.accounting);
    case EVENT: return item(MPROC_WAIT_EVENT, all.event);
    default:
        i = item(MPROC_WAIT_VALUE, all.value);
        i.expected = &all.expected;
        i.size = sizeof all.expected;
        return i;
    }
}

static void make_ready(int which)
{
    char buf[sizeof big];
    size_t len;
    switch (which) {
    case QUEUE_READ: OK(mproc_queue_put(all.empty, "x", 1, 0, NULL)); break;
    case QUEUE_WRITE: OK(mproc_queue_get(all.full, buf, sizeof buf, &len, 0, NULL)); break;
    case PIPE_READ: OK(mproc_pipe_send(all.quiet[1], "x", 1, 0, NULL)); break;
    case PIPE_WRITE: OK(mproc_pipe_recv(all.packed[1], buf, sizeof buf, &len, 0, NULL)); break;
    case PIPE_GONE: mproc_pipe_close(all.open[1]); break;
    case LOCK: OK(mproc_lock_unlock(all.lock)); break;
    case RLOCK: OK(mproc_rlock_unlock(all.rlock)); break;
    case PERMIT: OK(mproc_semaphore_release(all.plain, 1)); break;
    case OWN_PERMIT: OK(mproc_semaphore_release(all.accounting, 1)); break;
    case EVENT: OK(mproc_event_set(all.event)); break;
    default:
        OK(mproc_value_set_i64(all.value, 1));
        OK(mproc_value_notify(all.value, 1));
    }
}

static void take_back(int which)
{
    char buf[8];
    size_t len;
    switch (which) {
    case QUEUE_READ: OK(mproc_queue_get(all.empty, buf, sizeof buf, &len, 0, NULL)); break;
    case QUEUE_WRITE: OK(mproc_queue_put(all.full, "x", 1, 0, NULL)); break;
    case PIPE_READ: OK(mproc_pipe_recv(all.quiet[0], buf, sizeof buf, &len, 0, NULL)); break;
    case PIPE_WRITE: OK(mproc_pipe_send(all.packed[0], big, sizeof big, 0, NULL)); break;
    case PIPE_GONE: OK(mproc_pipe_open(NULL, "open", NULL, 1, &all.open[1])); break;
    case LOCK: OK(mproc_lock_try(all.lock)); break;
    case RLOCK: OK(mproc_rlock_try(all.rlock)); break;
    case PERMIT: OK(mproc_semaphore_try(all.plain)); break;
    case OWN_PERMIT: OK(mproc_semaphore_try(all.accounting)); break;
    case EVENT: OK(mproc_event_clear(all.event)); break;
    default: OK(mproc_value_set_i64(all.value, 0));
    }
}

/* ---- a sandbox ---- */

static void *set_when_asleep(void *token)
{
    proc_sleep_ns(15 * MS); /* most likely it sleeps by then; right in any case */
    OK(mproc_cancel_set(token));
    return NULL;
}

static void is_canceled(const mproc_wait_item_t *items, size_t count)
{
    mproc_cancel_t *token;
    pthread_t thread;
    OK(mproc_cancel_create(&token));
    CHECK(pthread_create(&thread, NULL, set_when_asleep, token) == 0);
    EXPECT(mproc_wait(items, count, MPROC_FOREVER, token, NULL, NULL), MPROC_ECANCELED);
    CHECK(pthread_join(thread, NULL) == 0);
    EXPECT(mproc_wait(items, count, 0, token, NULL, NULL), MPROC_ECANCELED);
    OK(mproc_cancel_clear(token));
    EXPECT(mproc_wait(items, count, 5 * MS, token, NULL, NULL), MPROC_ETIMEDOUT);
    mproc_cancel_close(token);
}

enum { ROUNDS = 4 * THINGS };

/* In every second turn of all things it waits for the one that will be ready, else for all of them. */
static bool alone(uint32_t round)
{
    return (round - 1) / THINGS % 2 == 1;
}

static void wait_in_sandbox(int error)
{
    mproc_wait_item_t items[THINGS];
    forbid(FUTEX_WAITV, error);
    mproc_pipe_close(all.open[1]); /* the fork's */
    for (int which = 0; which < THINGS; which++) {
        items[which] = thing(which);
    }
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        uint32_t ready[THINGS], which = (round - 1) % THINGS;
        size_t count = 0;
        AWAIT(stage->step, round);
        OK(mproc_wait(alone(round) ? &items[which] : items, alone(round) ? 1 : THINGS, 20 * SEC, NULL, ready, &count));
        CHECK(count == 1 && ready[0] == (alone(round) ? 0 : which));
        atomic_store(&stage->flag[0], round);
    }
    AWAIT(stage->step, ROUNDS + 1);
    EXPECT(mproc_wait(items, THINGS, 0, NULL, NULL, NULL), MPROC_ETIMEDOUT);
    EXPECT(mproc_wait(items, THINGS, 30 * MS, NULL, NULL, NULL), MPROC_ETIMEDOUT);
    EXPECT(mproc_value_wait(all.value, &all.expected, sizeof all.expected, 5 * MS, NULL), MPROC_ETIMEDOUT);
    is_canceled(items, THINGS);
    for (int which = 0; which < THINGS; which++) {
        is_canceled(&items[which], 1);
    }
}

/* Without futex_waitv it looks at all things every now and then: everything goes on, with a token too. */
static void without_futex_waitv(void)
{
    static const int errors[] = { ENOSYS, EPERM };
    make_things();
    for (int e = 0; e < 2; e++) {
        atomic_store(&stage->step, 0);
        atomic_store(&stage->flag[0], 0);
        pid_t pid = proc_fork();
        if (pid == 0) {
            wait_in_sandbox(errors[e]);
            _exit(0);
        }
        for (uint32_t round = 1; round <= ROUNDS; round++) {
            int which = (int)((round - 1) % THINGS);
            atomic_store(&stage->step, round);
            if (round % 3 != 0) { /* and sometimes it is early */
                proc_sleep_ns((int64_t)(round % 7) * 3 * MS);
            }
            make_ready(which);
            AWAIT(stage->flag[0], round);
            take_back(which);
        }
        atomic_store(&stage->step, ROUNDS + 1);
        JOIN(pid);
    }
}

static mproc_queue_t *pollable_queue(const mproc_domain_t *domain, const char *name, uint32_t max_items)
{
    mproc_queue_t *queue = NULL;
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    o.flags = MPROC_POLLABLE;
    o.max_items = max_items;
    OK(mproc_queue_create(domain, name, &o, &queue));
    return queue;
}

static int readable_fd(const mproc_queue_t *queue)
{
    int fd = -1;
    OK(mproc_queue_readable_fd(queue, &fd));
    return fd;
}

static int writable_fd(const mproc_queue_t *queue)
{
    int fd = -1;
    OK(mproc_queue_writable_fd(queue, &fd));
    return fd;
}

static void await_readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    if (poll(&p, 1, 20000) != 1 || p.revents != POLLIN) {
        fail_at(__FILE__, __LINE__, "the descriptor does not become readable (events %d)", p.revents);
    }
}

enum { MESSAGES = 12 };

static void put_all(const mproc_queue_t *queue)
{
    int fd = writable_fd(queue);
    for (uint32_t number = 1; number <= MESSAGES; number++) {
        int status;
        while ((status = mproc_queue_put(queue, &number, sizeof number, 0, NULL)) == MPROC_ETIMEDOUT) {
            await_readable(fd);
        }
        EXPECT(status, MPROC_OK);
    }
}

static void get_all(const mproc_queue_t *queue)
{
    int fd = readable_fd(queue);
    for (uint32_t next = 1; next <= MESSAGES;) {
        uint32_t number = 0;
        size_t len;
        int status = mproc_queue_get(queue, &number, sizeof number, &len, 0, NULL);
        if (status == MPROC_ETIMEDOUT) {
            await_readable(fd);
            continue;
        }
        EXPECT(status, MPROC_OK);
        CHECK(len == sizeof number && number == next);
        next++;
    }
}

/* Nobody can ring, or nobody can be rung: what comes is found by looking around. */
static void without_sockets(void)
{
    for (int who = 0; who < 3; who++) { /* the producer, the consumer, both */
        for (int reached = 0; reached < 2; reached++) { /* whether there was a descriptor before the sandbox */
            mproc_queue_t *queue = pollable_queue(NULL, NULL, 2);
            pid_t producer = proc_fork();
            if (producer == 0) {
                if (reached) {
                    writable_fd(queue);
                }
                if (who != 1) {
                    forbid(SYS_socket, EPERM);
                }
                put_all(queue);
                mproc_queue_close(queue);
                _exit(0);
            }
            pid_t consumer = proc_fork();
            if (consumer == 0) {
                if (reached) {
                    readable_fd(queue);
                }
                if (who != 0) {
                    forbid(SYS_socket, EPERM);
                }
                get_all(queue);
                mproc_queue_close(queue);
                _exit(0);
            }
            JOIN(producer);
            JOIN(consumer);
            mproc_queue_close(queue);
        }
    }
}

/* ---- stopped ---- */

static mproc_domain_t *impatient_domain(void)
{
    mproc_domain_options_t o = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_domain_t *domain;
    o.busy_timeout_ns = 20 * MS;
    OK(mproc_domain_open(&o, &domain));
    return domain;
}

/* Somebody is stopped, sometimes with a lock of the queue's in his hands: what else is waited for is noticed. */
static void stopped_inside_a_queue(void)
{
    mproc_domain_t *domain = impatient_domain();
    mproc_queue_t *busy = pollable_queue(domain, "busy", 3), *other = pollable_queue(domain, "other", 0);
    mproc_event_t *event;
    OK(mproc_event_create(domain, "event", NULL, &event));
    pid_t storm = proc_fork();
    if (storm == 0) {
        char buf[16];
        size_t len;
        readable_fd(busy);
        for (;;) {
            mproc_queue_put(busy, "x", 1, 0, NULL);
            mproc_queue_get(busy, buf, sizeof buf, &len, 0, NULL);
        }
    }
    pid_t helper = proc_fork();
    if (helper == 0) {
        for (uint32_t round = 1;; round++) {
            AWAIT(stage->step, round);
            proc_sleep_ns((int64_t)(round % 4) * MS);
            OK(mproc_event_set(event));
            OK(mproc_queue_put(other, "y", 1, 0, NULL));
        }
    }
    int ep = epoll_create1(EPOLL_CLOEXEC), fd = readable_fd(other);
    struct epoll_event of_busy = { .events = EPOLLIN, .data.u32 = 0 }, of_other = { .events = EPOLLIN, .data.u32 = 1 };
    CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, readable_fd(busy), &of_busy) == 0);
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &of_other) == 0);
    struct rng rng = { 5 };
    for (uint32_t round = 1; round <= 60; round++) {
        proc_sleep_ns((int64_t)rng_below(&rng, 2 * MS));
        proc_stop(storm);
        atomic_store(&stage->step, round);
        mproc_wait_item_t items[3] = { item(MPROC_WAIT_QUEUE_READABLE, busy), item(MPROC_WAIT_QUEUE_WRITABLE, busy),
                                       item(MPROC_WAIT_EVENT, event) };
        uint32_t ready[3];
        size_t count = 0;
        int64_t end = proc_now() + 20 * SEC;
        do { /* the queue may be both, over and over: whoever tries finds it busy */
            OK(mproc_wait(items, 3, 20 * SEC, NULL, ready, &count));
            CHECK(proc_now() < end);
        } while (ready[count - 1] != 2);
        OK(mproc_wait(&items[2], 1, 20 * SEC, NULL, NULL, NULL));
        OK(mproc_event_clear(event));
        for (bool came = false; !came;) { /* an event loop */
            struct epoll_event seen;
            char buf[16];
            size_t len;
            CHECK(epoll_wait(ep, &seen, 1, 20000) == 1 && proc_now() < end);
            int status = mproc_queue_get(seen.data.u32 ? other : busy, buf, sizeof buf, &len, 0, NULL);
            if (status != MPROC_OK && status != MPROC_ETIMEDOUT && status != MPROC_EBUSY) {
                fail_at(__FILE__, __LINE__, "get beside a stopped process returned %s", status_text(status));
            }
            came = status == MPROC_OK && seen.data.u32 == 1;
        }
        kill(storm, SIGCONT);
    }
    proc_kill(storm);
    proc_kill(helper);
}

enum { LARGE = 100000 };

static unsigned char written[LARGE], expected[LARGE];

/* The writer of a struct is stopped, sometimes in the middle: who waits is told, busy at worst. */
static void stopped_inside_a_struct(void)
{
    mproc_domain_t *domain = impatient_domain();
    mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *value;
    mproc_event_t *event;
    o.type_code = MPROC_TYPE_STRUCT;
    o.elem_size = LARGE;
    OK(mproc_value_create(domain, NULL, &o, &value));
    OK(mproc_event_create(domain, NULL, NULL, &event));
    pid_t writer = proc_fork();
    if (writer == 0) {
        for (uint64_t stamp = 1;; stamp++) {
            pattern_fill(written, LARGE, stamp);
            OK(mproc_value_store(value, written, LARGE));
            OK(mproc_value_notify(value, 1));
        }
    }
    pid_t helper = proc_fork();
    if (helper == 0) {
        for (uint32_t round = 1;; round++) {
            AWAIT(stage->step, round);
            proc_sleep_ns((int64_t)(round % 4) * MS);
            OK(mproc_event_set(event));
        }
    }
    struct rng rng = { 9 };
    uint64_t stamp;
    for (uint32_t round = 1; round <= 60; round++) {
        OK(mproc_value_wait(value, expected, LARGE, 20 * SEC, NULL)); /* the writer goes on: so does who waits for it */
        proc_sleep_ns((int64_t)rng_below(&rng, 2 * MS));
        proc_stop(writer);
        atomic_store(&stage->step, round);
        if (mproc_value_load(value, expected, LARGE) == MPROC_OK) {
            CHECK(pattern_check(expected, LARGE, &stamp) < 0);
            int status = mproc_value_wait(value, expected, LARGE, 5 * MS, NULL);
            CHECK(status == MPROC_ETIMEDOUT || status == MPROC_EBUSY);
        }
        mproc_wait_item_t items[2] = { item(MPROC_WAIT_VALUE, value), item(MPROC_WAIT_EVENT, event) };
        items[0].expected = expected;
        items[0].size = LARGE;
        uint32_t ready[2];
        size_t count = 0;
        for (int64_t end = proc_now() + 20 * SEC; count == 0 || ready[count - 1] != 1;) {
            OK(mproc_wait(items, 2, 20 * SEC, NULL, ready, &count));
            CHECK(proc_now() < end);
        }
        OK(mproc_event_clear(event));
        kill(writer, SIGCONT);
    }
    proc_kill(writer);
    proc_kill(helper);
}

static mproc_semaphore_t *permits;
static mproc_queue_t *turns, *messages;

/* Looks at the permits and the messages, and takes nothing. */
static void look(void)
{
    mproc_wait_item_t items[2] = { item(MPROC_WAIT_SEMAPHORE, permits), item(MPROC_WAIT_QUEUE_READABLE, messages) };
    for (;;) {
        OK(mproc_wait(items, 2, MPROC_FOREVER, NULL, NULL, NULL));
        sched_yield();
    }
}

/* When it is its turn, takes a permit, then a message, and says so. */
static void take(void)
{
    for (;;) {
        size_t len;
        OK(mproc_queue_get(turns, NULL, 0, &len, MPROC_FOREVER, NULL));
        atomic_fetch_add(&stage->flag[0], 1);
        OK(mproc_semaphore_acquire(permits, MPROC_FOREVER, NULL));
        atomic_fetch_add(&stage->flag[1], 1);
        OK(mproc_queue_get(messages, NULL, 0, &len, MPROC_FOREVER, NULL));
        atomic_fetch_add(&stage->flag[2], 1);
    }
}

/* Who looks was there first, and is stopped or killed, asleep or just woken: who takes is served all the same. */
static void lookers_stopped_or_killed(void)
{
    mproc_semaphore_options_t none = MPROC_SEMAPHORE_OPTIONS_INIT;
    struct rng rng = { 6 };
    none.initial = 0;
    OK(mproc_semaphore_create(NULL, NULL, &none, &permits));
    turns = new_queue("turns", 4096);
    messages = new_queue("messages", 4096);
    pid_t taker = proc_fork();
    if (taker == 0) {
        take();
    }
    for (uint32_t round = 1; round <= 120; round++) {
        bool stop = round % 2 == 0, before = round % 3 == 0;
        pid_t looker = proc_fork();
        if (looker == 0) {
            look();
        }
        if (before) {
            await_sleep(looker);
        } else {
            proc_sleep_ns((int64_t)rng_below(&rng, 3 * MS));
        }
        OK(mproc_queue_put(turns, NULL, 0, 0, NULL));
        AWAIT(stage->flag[0], round);
        if (round % 5 != 0) {
            await_sleep(taker);
        }
        if (stop && before) {
            proc_stop(looker);
        }
        OK(mproc_semaphore_release(permits, 1));
        if (stop && !before) {
            proc_stop(looker);
        } else if (!stop) {
            proc_kill(looker);
        }
        AWAIT(stage->flag[1], round);
        OK(mproc_queue_put(messages, NULL, 0, 0, NULL));
        AWAIT(stage->flag[2], round);
        if (stop) {
            proc_kill(looker);
        }
    }
    proc_kill(taker);
    mproc_semaphore_info_t info;
    size_t items;
    OK(mproc_semaphore_info(permits, &info, sizeof info));
    OK(mproc_queue_size(messages, &items));
    CHECK(info.value == 0 && items == 0);
}

/* ---- killed ---- */

/* Puts stamps, and counts what has been put for certain. */
static void produce(const mproc_queue_t *queue, uint64_t producer)
{
    int fd = writable_fd(queue);
    for (uint64_t number = 1;; number++) {
        uint64_t stamp = producer << 32 | number;
        int status;
        while ((status = mproc_queue_put(queue, &stamp, sizeof stamp, 0, NULL)) == MPROC_ETIMEDOUT) {
            await_readable(fd);
        }
        EXPECT(status, MPROC_OK);
        atomic_fetch_add(&stage->number[0], 1);
    }
}

/* An event loop, until the queue is shut down; of each producer the numbers come in order, without a gap. */
static void consume(const mproc_queue_t *queue)
{
    int ep = epoll_create1(EPOLL_CLOEXEC), status = MPROC_ETIMEDOUT;
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    uint64_t producer = 0, last = 0;
    CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, readable_fd(queue), &event) == 0);
    while (status != MPROC_ECLOSED) {
        uint64_t stamp = 0;
        size_t len;
        CHECK(epoll_wait(ep, &event, 1, 20000) == 1);
        while ((status = mproc_queue_get(queue, &stamp, sizeof stamp, &len, 0, NULL)) == MPROC_OK) {
            if (stamp >> 32 != producer) {
                CHECK(stamp >> 32 > producer); /* they come one after the other */
                producer = stamp >> 32;
                last = 0;
            }
            CHECK((stamp & UINT32_MAX) == ++last);
            atomic_fetch_add(&stage->number[1], 1);
            atomic_store(&stage->flag[0], (uint32_t)producer);
        }
        CHECK(status == MPROC_ETIMEDOUT || status == MPROC_ECLOSED);
    }
}

/* Producers are killed at any instant, also between putting and ringing: everything put arrives, in order. */
static void producers_killed(void)
{
    enum { KILLS = 200 };
    mproc_queue_t *queue = pollable_queue(NULL, NULL, 4);
    struct rng rng = { 7 };
    pid_t consumer = proc_fork();
    if (consumer == 0) {
        consume(queue);
        _exit(0);
    }
    for (uint64_t kills = 1; kills <= KILLS; kills++) { /* more than there is room for bells on one side */
        pid_t producer = proc_fork();
        if (producer == 0) {
            produce(queue, kills);
        }
        AWAIT(stage->flag[0], kills); /* its first message has come: it is in the middle of it */
        proc_sleep_ns((int64_t)rng_below(&rng, 1 * MS));
        proc_kill(producer);
    }
    OK(mproc_queue_shutdown(queue, 0));
    JOIN(consumer);
    uint64_t put = atomic_load(&stage->number[0]), came = atomic_load(&stage->number[1]);
    CHECK(came >= put && came <= put + KILLS);
}

/* Consumers are killed while they ask, poll, take and are rung: their places are given back, the next one goes on. */
static void consumers_killed(void)
{
    enum { KILLS = 200 };
    mproc_queue_t *queue = pollable_queue(NULL, NULL, 4);
    struct rng rng = { 8 };
    pid_t producer = proc_fork();
    if (producer == 0) {
        produce(queue, 1);
    }
    for (uint32_t kills = 0; kills < KILLS; kills++) {
        pid_t consumer = proc_fork();
        if (consumer == 0) {
            int fd = readable_fd(queue);
            for (;;) {
                uint64_t stamp;
                size_t len;
                int status = mproc_queue_get(queue, &stamp, sizeof stamp, &len, 0, NULL);
                if (status == MPROC_OK) {
                    atomic_fetch_add(&stage->flag[1], 1);
                    continue;
                }
                EXPECT(status, MPROC_ETIMEDOUT);
                await_readable(fd);
            }
        }
        if (kills % 4 == 0) { /* it really does take */
            uint32_t before = atomic_load(&stage->flag[1]);
            AWAIT(stage->flag[1], before + 1);
        }
        proc_sleep_ns((int64_t)rng_below(&rng, 2 * MS));
        proc_kill(consumer);
    }
    proc_kill(producer);
    readable_fd(queue); /* and there is room for one more */
    OK(mproc_queue_shutdown(queue, 0));
    uint64_t stamp;
    size_t len;
    int status;
    while ((status = mproc_queue_get(queue, &stamp, sizeof stamp, &len, 20 * SEC, NULL)) == MPROC_OK) {
    }
    EXPECT(status, MPROC_ECLOSED);
}

/* ---- everything closed, and a new event loop ---- */

static void close_all_and_begin_anew(bool sockets)
{
    mproc_queue_t *queue = pollable_queue(NULL, "queue", 2), *old = NULL;
    if (!sockets) {
        forbid(SYS_socket, EPERM);
    }
    OK(mproc_queue_open(NULL, "queue", NULL, &old));
    readable_fd(old);
    writable_fd(old);
    int first = readable_fd(queue);
    size_t len;
    EXPECT(mproc_queue_get(queue, NULL, 0, &len, 0, NULL), MPROC_ETIMEDOUT); /* armed */
    for (int fd = 3; fd < 256; fd++) {
        close(fd);
    }
    int loops[64]; /* one of them has each number that the library had */
    for (int i = 0; i < 64; i++) {
        loops[i] = i % 2 ? epoll_create1(EPOLL_CLOEXEC) : timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        CHECK(loops[i] >= 0);
    }
    CHECK(first >= loops[0] && first <= loops[63]);
    OK(mproc_queue_put(queue, NULL, 0, 0, NULL));
    int fd = readable_fd(queue);
    CHECK(fd > loops[63]);
    await_readable(fd);
    pid_t producer = proc_fork();
    if (producer == 0) {
        put_all(queue);
        _exit(0);
    }
    OK(mproc_queue_get(queue, NULL, 0, &len, 0, NULL));
    get_all(queue);
    JOIN(producer);
    mproc_queue_close(old);
    mproc_queue_close(queue);
    for (int i = 0; i < 64; i++) {
        CHECK(fcntl(loops[i], F_GETFD) >= 0);
        struct pollfd p = { .fd = loops[i], .events = POLLIN };
        CHECK(poll(&p, 1, 0) == 0); /* and nothing has been put into it */
    }
}

/* A program closes all descriptors and begins anew: the numbers of the old ones are its own, and new ones work. */
static void begins_anew(void)
{
    for (int sockets = 0; sockets < 2; sockets++) {
        IN_CHILD(close_all_and_begin_anew(sockets));
    }
}

const struct scenario wait_scenarios[] = {
    { .name = "wait-without-futex-waitv", .play = without_futex_waitv, .limit_s = 60 },
    { .name = "pollable-without-sockets", .play = without_sockets, .limit_s = 90 },
    { .name = "wait-beside-a-process-stopped-inside-a-queue", .play = stopped_inside_a_queue, .limit_s = 90 },
    { .name = "wait-beside-a-process-stopped-inside-a-struct", .play = stopped_inside_a_struct, .limit_s = 90 },
    { .name = "wait-of-stopped-and-killed-lookers", .play = lookers_stopped_or_killed, .limit_s = 60 },
    { .name = "pollable-and-producers-killed", .play = producers_killed, .limit_s = 90 },
    { .name = "pollable-and-consumers-killed", .play = consumers_killed, .limit_s = 90 },
    { .name = "pollable-after-every-descriptor-was-closed", .play = begins_anew },
    { 0 },
};
