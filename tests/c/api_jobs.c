/* Queues as pools of jobs: leases and acknowledgements, join, producers. */
#include "api_test.h"

#include "check.h"
#include "place.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

static enum place where;

enum { MOMENT = 2000000, LONGER_THAN_NOTICING = 300000000 }; /* nanoseconds */

static mproc_queue_t *make(uint32_t flags) {
    mproc_queue_t *queue = NULL;
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    options.flags = flags;
    NEED_OK(mproc_queue_create(place_domain(where), NULL, &options, &queue));
    return queue;
}

/* Another handle on the same queue, in the same process. */
static mproc_queue_t *again(const mproc_queue_t *queue) {
    mproc_handle_t *handle = NULL;
    mproc_queue_t *other = NULL;
    if (!place_is_memory(where)) {
        char name[64];
        NEED_OK(mproc_object_name(MPROC_KIND_QUEUE, queue, name, sizeof name, NULL));
        NEED_OK(mproc_queue_open(place_domain(where), name, NULL, &other));
        return other;
    }
    NEED_OK(mproc_queue_export(queue, &handle));
    NEED_OK(mproc_queue_import(handle, NULL, &other));
    mproc_handle_close(handle);
    return other;
}

static mproc_queue_info_t info_of(const mproc_queue_t *queue) {
    mproc_queue_info_t info;
    memset(&info, 0xAA, sizeof info);
    CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
    return info;
}

static void put(const mproc_queue_t *queue, const char *text) {
    CHECK_OK(mproc_queue_put(queue, text, strlen(text), 0, NULL));
}

/* The next message is this text: taken. */
static void check_next(const mproc_queue_t *queue, const char *text, int64_t timeout_ns) {
    char buf[64] = "";
    size_t len = 4711;
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, timeout_ns, NULL));
    CHECK(len == strlen(text) && memcmp(buf, text, len) == 0);
}

/* Takes the next message without taking it away: in place, or, where that cannot be, by a lease. */
static int peek(const mproc_queue_t *queue, mproc_view_t *view, int64_t timeout_ns) {
    static char buf[16];
    if (place_is_memory(where)) {
        return mproc_queue_peek(queue, view, timeout_ns, NULL);
    }
    view->data = buf;
    return mproc_queue_lease(queue, buf, sizeof buf, &view->len, &view->id, timeout_ns, NULL);
}

/* The next message is this text: leased, with that status. */
static uint64_t check_lease(const mproc_queue_t *queue, int status, const char *text, int64_t timeout_ns) {
    char buf[64] = "";
    size_t len = 4711;
    uint64_t lease = 4711;
    CHECK_IS(status, mproc_queue_lease(queue, buf, sizeof buf, &len, &lease, timeout_ns, NULL));
    CHECK_INT(strlen(text), len);
    CHECK(len == strlen(text) && memcmp(buf, text, len) == 0);
    return lease;
}

static void check_no_lease(int status, const mproc_queue_t *queue, int64_t timeout_ns) {
    char buf[64];
    size_t len = 4711;
    uint64_t lease = 4711;
    CHECK_IS(status, mproc_queue_lease(queue, buf, sizeof buf, &len, &lease, timeout_ns, NULL));
    CHECK(len == 4711 && lease == 4711);
}

/* ---- leases ---- */

static const uint32_t lease_kinds[] = {0, MPROC_QUEUE_LEASE, MPROC_QUEUE_LEASE | MPROC_QUEUE_JOINABLE};
enum { LEASE_KINDS = sizeof lease_kinds / sizeof *lease_kinds };

/* A leased message is out of sight and still in the queue, until it is acknowledged. */
static void lease_and_ack(uint32_t flags) {
    mproc_queue_t *queue = make(flags), *other = again(queue);
    uint64_t a, b, c;
    size_t items = 99;
    mproc_queue_info_t info;

    CHECK_INT(flags, info_of(queue).flags);
    check_no_lease(MPROC_ETIMEDOUT, queue, 0);
    check_no_lease(MPROC_ETIMEDOUT, queue, MOMENT);
    put(queue, "a");
    put(queue, "");
    put(queue, "ccc");
    a = check_lease(queue, MPROC_OK, "a", 0);
    b = check_lease(queue, MPROC_OK, "", MOMENT);
    CHECK(a != b);
    info = info_of(queue);
    CHECK_INT(2, info.held);
    CHECK_INT(1, info.items);
    CHECK(info.used_bytes >= 16 + 8 + 16);
    CHECK_OK(mproc_queue_size(queue, &items));
    CHECK_INT(1, items);
    c = check_lease(queue, MPROC_OK, "ccc", MPROC_FOREVER);
    check_no_lease(MPROC_ETIMEDOUT, queue, 0);

    if (place_is_memory(where)) { /* else it is the connection that has them */
        CHECK_IS(MPROC_EPERM, mproc_queue_ack(other, b)); /* another handle's */
        CHECK_IS(MPROC_EPERM, mproc_queue_putback(other, b));
    }
    CHECK_IS(MPROC_EPERM, mproc_queue_ack(queue, UINT64_MAX)); /* nobody's */
    CHECK_OK(mproc_queue_ack(queue, b)); /* in any order */
    CHECK_IS(MPROC_EPERM, mproc_queue_ack(queue, b));
    CHECK_IS(MPROC_EPERM, mproc_queue_putback(queue, b));
    CHECK_OK(mproc_queue_putback(queue, c));
    CHECK_OK(mproc_queue_putback(queue, a));
    CHECK_IS(MPROC_EPERM, mproc_queue_ack(queue, a));
    CHECK_INT(0, info_of(queue).held);
    CHECK_INT(2, info_of(queue).items);
    a = check_lease(other, MPROC_RECOVERED, "a", 0); /* in their old order */
    c = check_lease(queue, MPROC_RECOVERED, "ccc", 0);
    if (place_is_memory(where)) {
        CHECK_IS(MPROC_EPERM, mproc_queue_ack(queue, a));
    }
    CHECK_OK(mproc_queue_ack(other, a));
    CHECK_OK(mproc_queue_ack(queue, c));
    info = info_of(queue);
    CHECK_INT(0, info.held);
    CHECK_INT(0, info.items);
    check_no_lease(MPROC_ETIMEDOUT, queue, 0);
    put(queue, "after all that");
    a = check_lease(queue, MPROC_OK, "after all that", 0);
    CHECK_OK(mproc_queue_ack(queue, a));
    mproc_queue_close(other);
    mproc_queue_close(queue);
}

/* A buffer that is too small reports the size needed, and the message stays; nothing is leased. */
static void small_buffers(void) {
    mproc_queue_t *queue = make(MPROC_QUEUE_LEASE);
    char buf[16];
    size_t len = 0;
    uint64_t lease = 4711;

    put(queue, "0123456789");
    memset(buf, '#', sizeof buf);
    CHECK_IS(MPROC_EMSGSIZE, mproc_queue_lease(queue, buf, 9, &len, &lease, 0, NULL));
    CHECK_INT(10, len);
    CHECK(lease == 4711 && buf[0] == '#');
    len = 0;
    CHECK_IS(MPROC_EMSGSIZE, mproc_queue_lease(queue, NULL, 0, &len, &lease, MPROC_FOREVER, NULL));
    CHECK_INT(10, len);
    CHECK_INT(0, info_of(queue).held);
    CHECK_INT(1, info_of(queue).items);
    CHECK_OK(mproc_queue_lease(queue, buf, 10, &len, &lease, 0, NULL)); /* nobody had it before */
    CHECK(len == 10 && memcmp(buf, "0123456789", 10) == 0 && buf[10] == '#');
    CHECK_OK(mproc_queue_ack(queue, lease));
    put(queue, "");
    CHECK_OK(mproc_queue_lease(queue, NULL, 0, &len, &lease, 0, NULL));
    CHECK_INT(0, len);
    CHECK_OK(mproc_queue_ack(queue, lease));
    mproc_queue_close(queue);
}

/* A queue for leases does not give messages away; reading in place is a lease, too. */
static void no_get_from_a_lease_queue(void) {
    mproc_queue_t *queue = make(MPROC_QUEUE_LEASE), *named = NULL, *opened = NULL;
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    mproc_view_t view;
    char buf[16];
    size_t len = 4711, lens[2], count = 4711;

    put(queue, "message");
    CHECK_IS(MPROC_ENOTSUP, mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_ENOTSUP, mproc_queue_get_many(queue, buf, sizeof buf, lens, 2, &count, MPROC_FOREVER, NULL));
    CHECK(len == 4711 && count == 4711);
    CHECK_INT(1, info_of(queue).items);
    CHECK_OK(peek(queue, &view, 0));
    CHECK(view.len == 7 && memcmp(view.data, "message", 7) == 0);
    CHECK_INT(1, info_of(queue).held);
    CHECK_OK(mproc_queue_release(queue, view.id));
    CHECK_INT(0, info_of(queue).held);
    mproc_queue_close(queue);

    options.flags = MPROC_QUEUE_LEASE;
    NEED_OK(mproc_queue_create(place_domain(where), "jobs", &options, &named));
    options.flags = MPROC_QUEUE_JOINABLE;
    CHECK_IS(MPROC_ETYPE, mproc_queue_open(place_domain(where), "jobs", &options, &opened));
    options.flags = MPROC_QUEUE_LEASE | MPROC_QUEUE_JOINABLE;
    CHECK_IS(MPROC_ETYPE, mproc_queue_open(place_domain(where), "jobs", &options, &opened));
    options.flags |= MPROC_EXIST_OK;
    CHECK_IS(MPROC_ETYPE, mproc_queue_create(place_domain(where), "jobs", &options, &opened));
    CHECK(opened == NULL);
    options.flags = MPROC_QUEUE_LEASE;
    NEED_OK(mproc_queue_open(place_domain(where), "jobs", &options, &opened));
    mproc_queue_close(opened);
    NEED_OK(mproc_queue_open(place_domain(where), "jobs", NULL, &opened)); /* what is not given is taken as it is */
    CHECK_INT(MPROC_QUEUE_LEASE, info_of(opened).flags);
    CHECK_IS(MPROC_ENOTSUP, mproc_queue_get(opened, buf, sizeof buf, &len, 0, NULL));
    mproc_queue_close(opened);
    mproc_queue_close(named);
    place_forget(where, "jobs");
}

/* Whoever dies or closes with a lease gives it back: it comes before what was put later. */
static void leases_come_back(uint32_t flags) {
    enum { KILLED, EXITED, CLOSED, CASES };
    int number;
    for (number = 0; number < CASES; number++) {
        mproc_queue_t *queue = make(flags);
        check_gate_t *gate = check_gate();
        uint64_t lease;
        pid_t child;

        put(queue, "first");
        child = check_fork();
        if (child == 0) {
            check_lease(queue, MPROC_OK, "first", 0);
            if (number == CLOSED) {
                mproc_queue_close(queue);
            }
            check_gate_open(gate);
            while (number == KILLED) {
                pause();
            }
            check_leave();
        }
        check_gate_wait(gate);
        if (number == KILLED) {
            check_no_lease(MPROC_ETIMEDOUT, queue, LONGER_THAN_NOTICING); /* slow is not dead */
            check_kill(child);
        } else {
            CHECK_CHILD(child);
        }
        lease = check_lease(queue, MPROC_RECOVERED, "first", MPROC_FOREVER);
        put(queue, "second");
        CHECK_OK(mproc_queue_putback(queue, lease));
        lease = check_lease(queue, MPROC_RECOVERED, "first", 0);
        CHECK_OK(mproc_queue_ack(queue, lease));
        lease = check_lease(queue, MPROC_OK, "second", 0);
        CHECK_OK(mproc_queue_ack(queue, lease));
        CHECK_INT(0, info_of(queue).held);
        check_gate_free(gate);
        mproc_queue_close(queue);
    }
}

static void *ack_elsewhere(void *argument) {
    uint64_t *lease = ((void **)argument)[1];
    CHECK_OK(mproc_queue_ack(((void **)argument)[0], *lease));
    return NULL;
}

/* A lease is the process's: any of its threads may end it, its children may not. */
static void whose_lease(void) {
    mproc_queue_t *queue = make(MPROC_QUEUE_LEASE);
    uint64_t lease;
    void *errand[2];
    pthread_t thread;
    pid_t child;

    put(queue, "job");
    lease = check_lease(queue, MPROC_OK, "job", 0);
    child = check_fork();
    if (child == 0) {
        CHECK_IS(MPROC_EPERM, mproc_queue_ack(queue, lease));
        CHECK_IS(MPROC_EPERM, mproc_queue_putback(queue, lease));
        mproc_queue_close(queue);
        check_leave();
    }
    CHECK_CHILD(child);
    check_no_lease(MPROC_ETIMEDOUT, queue, LONGER_THAN_NOTICING);
    errand[0] = queue;
    errand[1] = &lease;
    CHECK_INT(0, pthread_create(&thread, NULL, ack_elsewhere, errand));
    CHECK_INT(0, pthread_join(thread, NULL));
    CHECK_IS(MPROC_EPERM, mproc_queue_ack(queue, lease));
    CHECK_INT(0, info_of(queue).held);
    mproc_queue_close(queue);
}

/* A shutdown: gracefully, what is leased may come back; immediately, it ends without a fuss. */
static void shutdown_with_leases(void) {
    int acked;
    mproc_queue_t *queue;
    uint64_t lease, second;

    for (acked = 0; acked < 2; acked++) {
        check_gate_t *asked = check_gate();
        pid_t waiter;
        queue = make(MPROC_QUEUE_LEASE);
        put(queue, "job");
        lease = check_lease(queue, MPROC_OK, "job", 0);
        CHECK_OK(mproc_queue_shutdown(queue, 0));
        CHECK_IS(MPROC_ECLOSED, mproc_queue_put(queue, "x", 1, MPROC_FOREVER, NULL));
        check_no_lease(MPROC_ECLOSED, queue, MPROC_FOREVER); /* its own lease is nothing to wait for */
        waiter = check_fork();
        if (waiter == 0) {
            check_no_lease(MPROC_ETIMEDOUT, queue, LONGER_THAN_NOTICING); /* it may come back */
            check_gate_open(asked);
            if (!acked) {
                CHECK_OK(mproc_queue_ack(queue, check_lease(queue, MPROC_RECOVERED, "job", MPROC_FOREVER)));
            }
            check_no_lease(MPROC_ECLOSED, queue, MPROC_FOREVER);
            check_leave();
        }
        check_gate_wait(asked);
        check_sleep_ms(20); /* most likely asleep by now; right in any case */
        CHECK_OK(acked ? mproc_queue_ack(queue, lease) : mproc_queue_putback(queue, lease));
        CHECK_CHILD(waiter);
        check_no_lease(MPROC_ECLOSED, queue, MPROC_FOREVER);
        check_gate_free(asked);
        mproc_queue_close(queue);
    }
    queue = make(MPROC_QUEUE_LEASE);
    put(queue, "one");
    put(queue, "two");
    put(queue, "three");
    lease = check_lease(queue, MPROC_OK, "one", 0);
    second = check_lease(queue, MPROC_OK, "two", 0);
    CHECK_OK(mproc_queue_shutdown(queue, 1));
    check_no_lease(MPROC_ECLOSED, queue, MPROC_FOREVER);
    CHECK_OK(mproc_queue_ack(queue, lease));
    CHECK_OK(mproc_queue_putback(queue, second));
    check_no_lease(MPROC_ECLOSED, queue, MPROC_FOREVER);
    CHECK_INT(0, info_of(queue).items);
    mproc_queue_close(queue);
}

/* A caller from the past, whose struct ends before the newer fields. */
static void short_info(void) {
    mproc_queue_t *queue = make(MPROC_QUEUE_LEASE);
    mproc_queue_info_t info;
    memset(&info, 0xAA, sizeof info);
    put(queue, "x");
    CHECK_OK(mproc_queue_info(queue, &info, offsetof(mproc_queue_info_t, held)));
    CHECK_INT(1, info.items);
    CHECK(info.held == 0xAAAAAAAAAAAAAAAAu && info.flags == 0xAAAAAAAAu);
    mproc_queue_close(queue);
}

/* ---- join ---- */

static void join_by_task_done(void) {
    mproc_queue_t *queue = make(MPROC_QUEUE_JOINABLE), *other = again(queue), *plain = make(0);
    char buf[64];
    size_t lens[4], count = 0;
    mproc_view_t view;
    uint64_t lease;
    int i;

    CHECK_IS(MPROC_ENOTSUP, mproc_queue_task_done(plain));
    CHECK_IS(MPROC_ENOTSUP, mproc_queue_join(plain, MPROC_FOREVER, NULL));
    CHECK_INT(0, info_of(plain).unfinished);
    put(plain, "x");
    CHECK_INT(0, info_of(plain).unfinished);
    mproc_queue_close(plain);

    CHECK_INT(MPROC_QUEUE_JOINABLE, info_of(queue).flags);
    CHECK_OK(mproc_queue_join(queue, MPROC_FOREVER, NULL)); /* nothing to do is all done */
    CHECK_IS(MPROC_EPERM, mproc_queue_task_done(queue));
    put(queue, "a");
    put(queue, "b");
    put(queue, "c");
    put(queue, "d");
    CHECK_INT(4, info_of(queue).unfinished);
    CHECK_IS(MPROC_EPERM, mproc_queue_task_done(queue)); /* nothing was taken yet */
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    check_next(queue, "a", 0);
    CHECK_OK(mproc_queue_get_many(queue, buf, sizeof buf, lens, 4, &count, 0, NULL));
    CHECK_INT(3, count);
    CHECK_INT(4, info_of(queue).unfinished);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, MOMENT, NULL));
    for (i = 0; i < 4; i++) {
        CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
        CHECK_OK(mproc_queue_task_done(i % 2 ? queue : other)); /* the process is counted */
        CHECK_INT(3 - i, info_of(queue).unfinished);
    }
    CHECK_IS(MPROC_EPERM, mproc_queue_task_done(queue));
    CHECK_OK(mproc_queue_join(queue, 0, NULL));

    /* Released and acknowledged is done; put back is not; a reservation that is given up never was. */
    if (place_is_memory(where)) {
        NEED_OK(mproc_queue_reserve(queue, 1, &view, 0, NULL));
        CHECK_INT(0, info_of(queue).unfinished);
        CHECK_OK(mproc_queue_abort(queue, view.id));
        CHECK_OK(mproc_queue_join(queue, 0, NULL));
        NEED_OK(mproc_queue_reserve(queue, 1, &view, 0, NULL));
        memcpy(view.data, "e", 1);
        CHECK_OK(mproc_queue_commit(queue, view.id, 1));
    } else {
        put(queue, "e");
    }
    put(queue, "f");
    CHECK_INT(2, info_of(queue).unfinished);
    CHECK_OK(peek(queue, &view, 0));
    lease = check_lease(queue, MPROC_OK, "f", 0);
    CHECK_INT(2, info_of(queue).unfinished);
    CHECK_IS(MPROC_EPERM, mproc_queue_task_done(queue)); /* not this way */
    CHECK_OK(mproc_queue_release(queue, view.id));
    CHECK_INT(1, info_of(queue).unfinished);
    CHECK_OK(mproc_queue_putback(queue, lease));
    CHECK_INT(1, info_of(queue).unfinished);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    lease = check_lease(queue, MPROC_RECOVERED, "f", 0);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    CHECK_OK(mproc_queue_ack(queue, lease));
    CHECK_INT(0, info_of(queue).unfinished);
    CHECK_OK(mproc_queue_join(queue, 0, NULL));
    put(queue, "g");
    lease = check_lease(queue, MPROC_OK, "g", 0);
    CHECK_OK(mproc_queue_putback(queue, lease));
    check_next(queue, "g", 0);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    CHECK_OK(mproc_queue_task_done(queue));
    CHECK_OK(mproc_queue_join(queue, 0, NULL));
    mproc_queue_close(other);
    mproc_queue_close(queue);
}

/* A queue for leases can be joined as it is: acknowledged is done. */
static void join_by_ack(uint32_t flags) {
    mproc_queue_t *queue = make(flags);
    mproc_view_t view;
    uint64_t lease;

    CHECK_OK(mproc_queue_join(queue, 0, NULL));
    if ((flags & MPROC_QUEUE_JOINABLE) == 0) {
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_task_done(queue));
    } else {
        CHECK_IS(MPROC_EPERM, mproc_queue_task_done(queue));
    }
    put(queue, "a");
    put(queue, "b");
    CHECK_INT(flags & MPROC_QUEUE_JOINABLE ? 2 : 0, info_of(queue).unfinished);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    lease = check_lease(queue, MPROC_OK, "a", 0);
    CHECK_OK(peek(queue, &view, 0));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, MOMENT, NULL));
    CHECK_OK(mproc_queue_release(queue, view.id));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    CHECK_OK(mproc_queue_putback(queue, lease));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    lease = check_lease(queue, MPROC_RECOVERED, "a", 0);
    CHECK_OK(mproc_queue_ack(queue, lease));
    CHECK_OK(mproc_queue_join(queue, MPROC_FOREVER, NULL));
    mproc_queue_close(queue);
}

/* What a consumer had taken and not reported counts as done when it dies; whoever joins hears of it once. */
static void join_after_a_death(void) {
    mproc_queue_t *queue = make(MPROC_QUEUE_JOINABLE), *other = again(queue);
    pid_t child;

    put(queue, "a");
    put(queue, "b");
    child = check_fork();
    if (child == 0) {
        check_next(queue, "a", 0);
        check_next(queue, "b", 0);
        CHECK_OK(mproc_queue_task_done(queue));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, LONGER_THAN_NOTICING, NULL)); /* slow is not dead */
        fflush(NULL);
        raise(SIGKILL);
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    CHECK_IS(MPROC_RECOVERED, mproc_queue_join(queue, MPROC_FOREVER, NULL));
    CHECK_INT(0, info_of(queue).unfinished);
    CHECK_OK(mproc_queue_join(queue, MPROC_FOREVER, NULL));
    CHECK_IS(place_is_memory(where) ? MPROC_RECOVERED : MPROC_OK, mproc_queue_join(other, 0, NULL)); /* each handle */
    CHECK_OK(mproc_queue_join(other, 0, NULL));
    CHECK_IS(MPROC_EPERM, mproc_queue_task_done(queue));
    put(queue, "c");
    check_next(queue, "c", 0);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    CHECK_OK(mproc_queue_task_done(queue));
    CHECK_OK(mproc_queue_join(queue, 0, NULL));
    mproc_queue_close(other);
    mproc_queue_close(queue);
}

/* A lease of somebody who dies comes back: not done, and so join goes on waiting. */
static void join_and_dead_leases(uint32_t flags) {
    mproc_queue_t *queue = make(flags);
    pid_t child;

    put(queue, "job");
    child = check_fork();
    if (child == 0) {
        check_lease(queue, MPROC_OK, "job", 0);
        fflush(NULL);
        raise(SIGKILL);
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, LONGER_THAN_NOTICING, NULL));
    CHECK_OK(mproc_queue_ack(queue, check_lease(queue, MPROC_RECOVERED, "job", MPROC_FOREVER)));
    CHECK_OK(mproc_queue_join(queue, MPROC_FOREVER, NULL)); /* nothing was lost */
    mproc_queue_close(queue);
}

/* An immediate shutdown drops what is inside: what had been taken is still to be done. */
static void join_after_shutdown(void) {
    mproc_queue_t *queue = make(MPROC_QUEUE_JOINABLE);
    uint64_t lease;

    put(queue, "taken");
    put(queue, "dropped");
    check_next(queue, "taken", 0);
    CHECK_OK(mproc_queue_shutdown(queue, 1));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    CHECK_OK(mproc_queue_task_done(queue));
    CHECK_OK(mproc_queue_join(queue, MPROC_FOREVER, NULL));
    CHECK_INT(0, info_of(queue).unfinished);
    mproc_queue_close(queue);

    queue = make(MPROC_QUEUE_LEASE);
    put(queue, "taken");
    put(queue, "left");
    lease = check_lease(queue, MPROC_OK, "taken", 0);
    CHECK_OK(mproc_queue_shutdown(queue, 0)); /* gracefully: everything is still to be done */
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    CHECK_OK(mproc_queue_ack(queue, lease));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, 0, NULL));
    CHECK_OK(mproc_queue_ack(queue, check_lease(queue, MPROC_OK, "left", 0)));
    CHECK_OK(mproc_queue_join(queue, MPROC_FOREVER, NULL));
    mproc_queue_close(queue);
}

/* Random operations: what is unfinished is what was put, less what was reported done in any of the ways. */
static void random_jobs(uint32_t flags) {
    enum { MOST = 8 };
    const int steps = place_is_memory(where) ? 20000 : 2000;
    mproc_queue_t *queue = make(flags);
    mproc_view_t reserved[MOST], view;
    uint64_t held[MOST], lease;
    size_t reservations = 0, holds = 0, inside = 0, taken = 0, wrong = 0, finished = 0, len, i;
    uint32_t seed = 99;
    char buf[16];
    int step;

    for (step = 0; step < steps && wrong == 0; step++) {
        mproc_queue_info_t info;
        int some_inside = inside > 0 ? MPROC_OK : MPROC_ETIMEDOUT, status, operation;
        seed = seed * 1664525u + 1013904223u;
        i = (seed >> 20) % MOST;
        operation = (int)((seed >> 12) % 12);
        if (step / 100 % 2 && operation < 4) { /* by turns it fills and it empties */
            operation = operation % 2 ? 6 : 9;
        }
        switch (operation) {
        case 0:
            wrong += mproc_queue_put(queue, "job", 3, 0, NULL) != MPROC_OK;
            inside++;
            break;
        case 1:
            if (reservations < MOST && place_is_memory(where)) {
                wrong += mproc_queue_reserve(queue, 3, &reserved[reservations++], 0, NULL) != MPROC_OK;
            }
            break;
        case 2:
        case 3:
            if (reservations > 0) {
                mproc_view_t *chosen = &reserved[i % reservations];
                if (operation == 2) {
                    wrong += mproc_queue_commit(queue, chosen->id, 3) != MPROC_OK;
                    inside++;
                } else {
                    wrong += mproc_queue_abort(queue, chosen->id) != MPROC_OK;
                }
                *chosen = reserved[--reservations];
            }
            break;
        case 4:
        case 5:
            status = mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL);
            if (flags & MPROC_QUEUE_LEASE) {
                wrong += status != MPROC_ENOTSUP;
            } else {
                wrong += status != some_inside;
                taken += inside > 0;
                inside -= inside > 0;
            }
            break;
        case 6:
        case 7:
            if (holds < MOST) {
                if (i % 2) {
                    status = mproc_queue_lease(queue, buf, sizeof buf, &len, &lease, 0, NULL);
                } else {
                    status = peek(queue, &view, 0);
                    lease = view.id;
                }
                wrong += (status == MPROC_RECOVERED ? MPROC_OK : status) != some_inside;
                if (inside > 0) {
                    held[holds++] = lease;
                    inside--;
                }
            }
            break;
        case 8:
        case 9:
        case 10:
            if (holds > 0) {
                lease = held[i % holds];
                held[i % holds] = held[holds - 1];
                holds--;
                if (operation == 8) {
                    wrong += mproc_queue_putback(queue, lease) != MPROC_OK;
                    inside++;
                } else {
                    wrong += mproc_queue_ack(queue, lease) != MPROC_OK;
                }
            }
            break;
        default:
            status = mproc_queue_task_done(queue);
            if (flags & MPROC_QUEUE_JOINABLE) {
                wrong += status != (taken > 0 ? MPROC_OK : MPROC_EPERM);
                taken -= taken > 0;
            } else {
                wrong += status != MPROC_ENOTSUP;
            }
            break;
        }
        finished += inside + holds + taken == 0;
        wrong += mproc_queue_join(queue, 0, NULL) != (inside + holds + taken == 0 ? MPROC_OK : MPROC_ETIMEDOUT);
        wrong += mproc_queue_info(queue, &info, sizeof info) != MPROC_OK;
        wrong += info.items != inside || info.held != holds || info.reserved != reservations;
        wrong += info.unfinished != (flags & MPROC_QUEUE_JOINABLE ? inside + holds + taken : 0);
    }
    CHECK_INT(0, wrong);
    CHECK_INT(steps, step);
    CHECK(finished > (size_t)steps / 200);
    mproc_queue_close(queue);
}

/* What the parent has taken is not the child's to report. */
static void task_done_after_fork(void) {
    mproc_queue_t *queue = make(MPROC_QUEUE_JOINABLE);
    pid_t child;

    put(queue, "parent's");
    put(queue, "child's");
    check_next(queue, "parent's", 0);
    child = check_fork();
    if (child == 0) {
        CHECK_IS(MPROC_EPERM, mproc_queue_task_done(queue));
        check_next(queue, "child's", 0);
        CHECK_OK(mproc_queue_task_done(queue));
        CHECK_IS(MPROC_EPERM, mproc_queue_task_done(queue));
        mproc_queue_close(queue);
        check_leave();
    }
    CHECK_CHILD(child);
    CHECK_INT(1, info_of(queue).unfinished);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(queue, LONGER_THAN_NOTICING, NULL));
    CHECK_OK(mproc_queue_task_done(queue));
    CHECK_OK(mproc_queue_join(queue, 0, NULL));
    mproc_queue_close(queue);
}

typedef struct {
    mproc_queue_t *empty; /* nothing to lease */
    mproc_queue_t *undone;
    mproc_cancel_t *cancel;
    int which;
} stage_t;

static int wait_for(const stage_t *s, int64_t timeout_ns) {
    char buf[8];
    size_t len;
    uint64_t lease;
    return s->which == 0 ? mproc_queue_lease(s->empty, buf, sizeof buf, &len, &lease, timeout_ns, s->cancel)
                         : mproc_queue_join(s->undone, timeout_ns, s->cancel);
}

static void *canceled(void *argument) {
    CHECK_IS(MPROC_ECANCELED, wait_for(argument, MPROC_FOREVER));
    return NULL;
}

static void timeouts_and_cancel(void) {
    stage_t s;
    uint64_t lease;
    s.empty = make(MPROC_QUEUE_LEASE);
    s.undone = make(MPROC_QUEUE_LEASE);
    put(s.undone, "job");
    lease = check_lease(s.undone, MPROC_OK, "job", 0);
    NEED_OK(mproc_cancel_create(&s.cancel));
    for (s.which = 0; s.which < 2; s.which++) {
        pthread_t thread;
        CHECK_IS(MPROC_ETIMEDOUT, wait_for(&s, 0));
        CHECK_IS(MPROC_ETIMEDOUT, wait_for(&s, MOMENT));
        CHECK_INT(0, pthread_create(&thread, NULL, canceled, &s));
        check_sleep_ms(5); /* most likely asleep by now; right in any case */
        CHECK_OK(mproc_cancel_set(s.cancel));
        CHECK_INT(0, pthread_join(thread, NULL));
        CHECK_IS(MPROC_ECANCELED, wait_for(&s, MPROC_FOREVER));
        CHECK_OK(mproc_cancel_clear(s.cancel));
    }
    CHECK_OK(mproc_cancel_set(s.cancel)); /* what can finish without waiting still does */
    CHECK_OK(mproc_queue_ack(s.undone, lease));
    CHECK_OK(mproc_queue_join(s.undone, MPROC_FOREVER, s.cancel));
    put(s.empty, "x");
    s.which = 0;
    CHECK_OK(wait_for(&s, MPROC_FOREVER));
    mproc_cancel_close(s.cancel);
    mproc_queue_close(s.empty);
    mproc_queue_close(s.undone);
}

/* Whoever waits is woken by what it waits for: a message, a lease that comes back, the last job done. */
static void waking(void) {
    enum { PUT, PUTBACK, ACK, TASK_DONE, DEATH, CASES };
    int number;
    for (number = 0; number < CASES; number++) {
        mproc_queue_t *queue = make(number < TASK_DONE ? MPROC_QUEUE_LEASE : MPROC_QUEUE_JOINABLE);
        check_gate_t *gate = check_gate();
        uint64_t lease = 0;
        pid_t taker = 0, waiter;

        if (number != PUT) {
            put(queue, "job");
        }
        if (number == PUTBACK || number == ACK) {
            lease = check_lease(queue, MPROC_OK, "job", 0);
        } else if (number == TASK_DONE) {
            check_next(queue, "job", 0);
        } else if (number == DEATH) {
            taker = check_fork();
            if (taker == 0) {
                check_next(queue, "job", 0);
                check_gate_open(gate);
                for (;;) {
                    pause();
                }
            }
            check_gate_wait(gate);
        }
        waiter = check_fork();
        if (waiter == 0) {
            switch (number) {
            case PUT: check_lease(queue, MPROC_OK, "job", MPROC_FOREVER); break;
            case PUTBACK: check_lease(queue, MPROC_RECOVERED, "job", MPROC_FOREVER); break;
            case DEATH: CHECK_IS(MPROC_RECOVERED, mproc_queue_join(queue, MPROC_FOREVER, NULL)); break;
            default: CHECK_OK(mproc_queue_join(queue, MPROC_FOREVER, NULL)); break;
            }
            check_leave();
        }
        check_sleep_ms(20); /* most likely asleep by now; right in any case */
        switch (number) {
        case PUT: put(queue, "job"); break;
        case PUTBACK: CHECK_OK(mproc_queue_putback(queue, lease)); break;
        case ACK: CHECK_OK(mproc_queue_ack(queue, lease)); break;
        case TASK_DONE: CHECK_OK(mproc_queue_task_done(queue)); break;
        default: check_kill(taker); break;
        }
        CHECK_CHILD(waiter);
        check_gate_free(gate);
        mproc_queue_close(queue);
    }
}

/* ---- producers ---- */

/* Nothing is left to take: every way of taking says so. */
static void check_over(const mproc_queue_t *queue, int64_t timeout_ns) {
    char buf[16];
    size_t len, lens[2], count;
    mproc_view_t view;
    CHECK_IS(MPROC_ECLOSED, mproc_queue_get(queue, buf, sizeof buf, &len, timeout_ns, NULL));
    CHECK_IS(MPROC_ECLOSED, mproc_queue_get_many(queue, buf, sizeof buf, lens, 2, &count, timeout_ns, NULL));
    CHECK_IS(MPROC_ECLOSED, peek(queue, &view, timeout_ns));
    check_no_lease(MPROC_ECLOSED, queue, timeout_ns);
}

static void check_empty(const mproc_queue_t *queue, int64_t timeout_ns) {
    char buf[16];
    size_t len;
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_get(queue, buf, sizeof buf, &len, timeout_ns, NULL));
}

static mproc_queue_t *producer_of(const mproc_queue_t *queue) {
    mproc_queue_t *producer = NULL;
    NEED_OK(mproc_queue_producer(queue, &producer));
    return producer;
}

/* With producers there is an end: when the last of them is gone and everything is taken. */
static void producers(void) {
    mproc_queue_t *queue = make(0), *first, *second;

    CHECK_INT(MPROC_PRODUCERS_NONE, info_of(queue).producers);
    check_empty(queue, 0);
    first = producer_of(queue);
    CHECK(first != queue);
    CHECK_INT(MPROC_PRODUCERS_OPEN, info_of(queue).producers);
    CHECK_INT(MPROC_PRODUCERS_OPEN, info_of(first).producers);
    check_empty(queue, 0);
    second = producer_of(first); /* from a producer's handle as well */
    put(first, "one");
    put(second, "two");
    check_next(first, "one", 0); /* it is a handle like any other */
    mproc_queue_close(first);
    check_next(queue, "two", 0);
    CHECK_INT(MPROC_PRODUCERS_OPEN, info_of(queue).producers);
    check_empty(queue, LONGER_THAN_NOTICING);
    put(second, "three");
    mproc_queue_close(second);
    CHECK_INT(MPROC_PRODUCERS_GONE, info_of(queue).producers);
    check_next(queue, "three", 0); /* what is inside comes first */
    check_over(queue, MPROC_FOREVER);
    check_over(queue, 0);
    CHECK_INT(MPROC_QUEUE_OPEN, info_of(queue).state);
    CHECK_OK(mproc_queue_put(queue, "four", 4, 0, NULL)); /* not shut down */
    check_next(queue, "four", MPROC_FOREVER);
    check_over(queue, MPROC_FOREVER);

    first = producer_of(queue); /* a new one, and it goes on */
    CHECK_INT(MPROC_PRODUCERS_OPEN, info_of(queue).producers);
    check_empty(queue, LONGER_THAN_NOTICING);
    put(first, "five");
    check_next(queue, "five", 0);
    mproc_queue_close(queue); /* a plain handle does not count */
    check_empty(first, 0);
    mproc_queue_close(first);
}

/* A child is a producer, too, until it closes the handle or is dead; consumers that wait are woken. */
static void producers_in_processes(void) {
    enum { CLOSED, EXITED, KILLED, CASES };
    int number;
    for (number = 0; number < CASES; number++) {
        mproc_queue_t *queue = make(0), *producer = producer_of(queue);
        check_gate_t *gate = check_gate(), *end = check_gate();
        pid_t child, waiter;

        child = check_fork();
        if (child == 0) {
            check_gate_wait(gate);
            put(producer, "from the child");
            check_sleep_ms(20); /* most likely the waiter sleeps by now; right in any case */
            if (number == CLOSED) {
                mproc_queue_close(producer);
                check_gate_wait(end); /* it lives on, and is no producer any more */
            } else if (number == KILLED) {
                fflush(NULL);
                raise(SIGKILL);
            }
            check_leave();
        }
        mproc_queue_close(producer);
        check_empty(queue, LONGER_THAN_NOTICING);
        CHECK_INT(MPROC_PRODUCERS_OPEN, info_of(queue).producers);
        waiter = check_fork();
        if (waiter == 0) {
            check_next(queue, "from the child", MPROC_FOREVER);
            check_over(queue, MPROC_FOREVER);
            check_leave();
        }
        check_gate_open(gate);
        CHECK_CHILD(waiter);
        check_gate_open(end);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
        check_over(queue, MPROC_FOREVER);
        CHECK_INT(MPROC_PRODUCERS_GONE, info_of(queue).producers);
        check_gate_free(gate);
        check_gate_free(end);
        mproc_queue_close(queue);
    }
}

/* Who waits in each of the ways is told when the last producer goes. */
static void told_while_waiting(void) {
    enum { GET, GET_MANY, PEEK, LEASE, CASES };
    int number;
    for (number = 0; number < CASES; number++) {
        mproc_queue_t *queue = make(0), *producer = producer_of(queue);
        pid_t waiter = check_fork();
        if (waiter == 0) {
            char buf[16];
            size_t len, lens[2], count;
            mproc_view_t view;
            mproc_queue_close(producer);
            switch (number) {
            case GET: CHECK_IS(MPROC_ECLOSED, mproc_queue_get(queue, buf, 16, &len, MPROC_FOREVER, NULL)); break;
            case GET_MANY:
                CHECK_IS(MPROC_ECLOSED, mproc_queue_get_many(queue, buf, 16, lens, 2, &count, MPROC_FOREVER, NULL));
                break;
            case PEEK: CHECK_IS(MPROC_ECLOSED, peek(queue, &view, MPROC_FOREVER)); break;
            default: check_no_lease(MPROC_ECLOSED, queue, MPROC_FOREVER); break;
            }
            check_leave();
        }
        check_sleep_ms(20); /* most likely asleep by now; right in any case */
        mproc_queue_close(producer);
        CHECK_CHILD(waiter);
        mproc_queue_close(queue);
    }
}

/* The last producer is gone, but what another process holds may come back: it is not over yet. */
static void producers_gone_leases_open(void) {
    mproc_queue_t *queue = make(MPROC_QUEUE_LEASE), *producer = producer_of(queue);
    check_gate_t *gate = check_gate();
    pid_t child;

    put(producer, "job");
    child = check_fork();
    if (child == 0) {
        mproc_queue_close(producer);
        check_lease(queue, MPROC_OK, "job", 0);
        check_gate_open(gate);
        for (;;) {
            pause();
        }
    }
    check_gate_wait(gate);
    mproc_queue_close(producer);
    check_no_lease(MPROC_ETIMEDOUT, queue, LONGER_THAN_NOTICING);
    CHECK_INT(MPROC_PRODUCERS_GONE, info_of(queue).producers);
    check_kill(child);
    CHECK_OK(mproc_queue_ack(queue, check_lease(queue, MPROC_RECOVERED, "job", MPROC_FOREVER)));
    check_no_lease(MPROC_ECLOSED, queue, MPROC_FOREVER);
    check_gate_free(gate);
    mproc_queue_close(queue);
}

/* A producer's handle stays one when it travels, and counts on its way; any other does not become one. */
static void producers_that_travel(void) {
    mproc_queue_t *queue = make(0), *producer = producer_of(queue), *arrived = NULL, *plain;
    mproc_handle_t *handle = NULL;
    uint32_t kind = 0;

    NEED_OK(mproc_queue_export(producer, &handle));
    CHECK_OK(mproc_handle_kind(handle, &kind));
    CHECK_INT(MPROC_KIND_QUEUE, kind);
    mproc_queue_close(producer);
    CHECK_INT(MPROC_PRODUCERS_OPEN, info_of(queue).producers);
    check_empty(queue, LONGER_THAN_NOTICING);
    NEED_OK(mproc_queue_import(handle, NULL, &arrived));
    mproc_handle_close(handle);
    check_empty(queue, LONGER_THAN_NOTICING);
    plain = again(queue);
    put(arrived, "arrived");
    mproc_queue_close(arrived);
    check_next(queue, "arrived", 0);
    CHECK_INT(MPROC_PRODUCERS_GONE, info_of(queue).producers);
    check_over(plain, MPROC_FOREVER);
    mproc_queue_close(plain);
    mproc_queue_close(queue);
}

/* What this program does when it is started as a producer. */
int api_jobs_child(void) {
    mproc_handle_t *handle = NULL;
    mproc_queue_t *jobs = NULL;
    char i;

    alarm(CHECK_SECONDS);
    if (mproc_inherited("jobs", &handle) != MPROC_OK || mproc_queue_import(handle, NULL, &jobs) != MPROC_OK) {
        return 1;
    }
    mproc_handle_close(handle);
    for (i = 'a'; i < 'd'; i++) {
        if (mproc_queue_put(jobs, &i, 1, MPROC_FOREVER, NULL) != MPROC_OK) {
            return 2;
        }
    }
    _exit(0); /* without a close: the end of the process is enough */
}

static void another_program(void) {
    char self[512] = "";
    const char *argv[] = {self, "--jobs-child", NULL};
    mproc_queue_t *queue = make(0), *producer = producer_of(queue);
    mproc_named_handle_t given = {"jobs", NULL};
    mproc_handle_t *handle = NULL;
    mproc_process_t *process = NULL;
    int code = -2;

    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0); /* not the link itself: an emulator's would differ */
    NEED_OK(mproc_queue_export(producer, &handle));
    given.handle = handle;
    NEED_OK(mproc_spawn(argv, &given, 1, NULL, &process));
    mproc_handle_close(handle);
    mproc_queue_close(producer);
    check_next(queue, "a", MPROC_FOREVER);
    check_next(queue, "b", MPROC_FOREVER);
    check_next(queue, "c", MPROC_FOREVER);
    check_over(queue, MPROC_FOREVER);
    CHECK_OK(mproc_process_wait(process, &code, NULL, MPROC_FOREVER, NULL));
    CHECK_INT(0, code);
    mproc_process_close(process);
    mproc_queue_close(queue);
}

/* A pool whose workers are killed again and again: every job is done at least once, and acknowledged once. */
static void pool_of_mortals(void) {
    enum { WORKERS = 3, JOBS = 300, KILLS = 12 };
    mproc_queue_t *queue = make(MPROC_QUEUE_LEASE);
    unsigned char *done = mmap(NULL, JOBS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned char *acked = mmap(NULL, JOBS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t workers[WORKERS] = {0};
    uint32_t job;
    int kills, w, missing = 0, twice = 0;

    for (job = 0; job < JOBS; job++) {
        CHECK_OK(mproc_queue_put(queue, &job, sizeof job, 0, NULL));
    }
    for (kills = 0; kills <= KILLS; kills++) {
        for (w = 0; w < WORKERS; w++) {
            if (workers[w] == 0 && (workers[w] = check_fork()) == 0) {
                size_t len = 0;
                uint64_t lease = 0;
                int status, bad = 0;
                while (bad == 0) {
                    status = mproc_queue_lease(queue, &job, sizeof job, &len, &lease, MPROC_FOREVER, NULL);
                    if (status < 0) {
                        break;
                    }
                    bad |= len != sizeof job || job >= JOBS;
                    if (bad == 0) {
                        check_sleep_ms(1);
                        __atomic_fetch_add(&done[job], 1, __ATOMIC_SEQ_CST);
                        bad |= mproc_queue_ack(queue, lease);
                        __atomic_fetch_add(&acked[job], 1, __ATOMIC_SEQ_CST);
                    }
                }
                CHECK_INT(0, bad);
                CHECK_IS(MPROC_ECLOSED, status);
                check_leave();
            }
        }
        if (kills < KILLS) {
            check_sleep_ms(3);
            check_kill(workers[kills % WORKERS]);
            workers[kills % WORKERS] = 0;
        }
    }
    CHECK_OK(mproc_queue_join(queue, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_queue_shutdown(queue, 0));
    for (w = 0; w < WORKERS; w++) {
        CHECK_CHILD(workers[w]);
    }
    for (job = 0; job < JOBS; job++) {
        missing += done[job] == 0;
        twice += acked[job] > 1;
    }
    CHECK_INT(0, missing);
    CHECK_INT(0, twice);
    munmap(done, JOBS);
    munmap(acked, JOBS);
    mproc_queue_close(queue);
}

/* A producer behind a connection is one as long as that. */
static void producers_with_a_connection(void) {
    mproc_queue_t *queue = make(0), *opened = NULL;
    check_gate_t *gate = check_gate();
    char name[64];
    pid_t child;

    NEED_OK(mproc_object_name(MPROC_KIND_QUEUE, queue, name, sizeof name, NULL));
    child = check_fork();
    if (child == 0) {
        mproc_queue_t *producer;
        NEED_OK(mproc_queue_open(place_domain(where), name, NULL, &opened));
        producer = producer_of(opened);
        put(producer, "from the child");
        check_gate_open(gate);
        for (;;) {
            pause();
        }
    }
    check_gate_wait(gate);
    check_next(queue, "from the child", 0);
    check_empty(queue, LONGER_THAN_NOTICING);
    CHECK_INT(MPROC_PRODUCERS_OPEN, info_of(queue).producers);
    check_kill(child);
    check_over(queue, MPROC_FOREVER);
    CHECK_INT(MPROC_PRODUCERS_GONE, info_of(queue).producers);
    check_gate_free(gate);
    mproc_queue_close(queue);
}

static void everything(void) {
    int i;
    for (i = 0; i < LEASE_KINDS; i++) {
        lease_and_ack(lease_kinds[i]);
        leases_come_back(lease_kinds[i]);
    }
    small_buffers();
    no_get_from_a_lease_queue();
    whose_lease();
    short_info();
    shutdown_with_leases();
    join_by_task_done();
    join_by_ack(MPROC_QUEUE_LEASE);
    join_by_ack(MPROC_QUEUE_LEASE | MPROC_QUEUE_JOINABLE);
    join_after_a_death();
    join_and_dead_leases(MPROC_QUEUE_LEASE);
    join_and_dead_leases(MPROC_QUEUE_JOINABLE);
    join_after_shutdown();
    for (i = 1; i < LEASE_KINDS; i++) {
        random_jobs(lease_kinds[i]);
    }
    random_jobs(MPROC_QUEUE_JOINABLE);
    task_done_after_fork();
    timeouts_and_cancel();
    waking();
    producers();
    if (where != PLACE_DOMAIN) {
        producers_with_a_connection();
    }
    told_while_waiting();
    producers_gone_leases_open();
    if (place_is_memory(where)) { /* a producer's handle that is inherited, or travels */
        producers_in_processes();
        producers_that_travel();
        another_program();
    }
    pool_of_mortals();
}

/* What is the process's of a queue in memory is the connection's of one behind it. */
void api_jobs(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        everything();
    }
}
