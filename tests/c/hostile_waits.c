/*
 * Waiting for damaged things. mproc_wait() agrees with the calls it speaks for, returns in time, and leaves the
 * processor to others meanwhile; who waits is not left behind when somebody wipes its announcement out. Descriptors for
 * event loops become readable whatever stands in the bells' words, and do not keep a loop busy.
 */
#include "hostile.h"

#include <poll.h>
#include <sys/resource.h>

#define LONG (HANG / 2)  /* what should end at once; however busy the machine is */
#define A_LOOK (20 * MS) /* longer than a look at the owner */
#define QUIET (300 * MS) /* nothing is ready; noise all around */

static struct place *place;
static bool opened_before; /* the damage */

static void *spoilt1(int kind, const char *what, size_t at, int width, uint64_t value)
{
    const struct word word = { at, width, value };
    return spoil(place, kind, opened_before, what, &word, 1);
}

static uint32_t living_word(void)
{
    return atomic_load(&place->cast->living);
}

static uint32_t dead_word(void)
{
    return atomic_load(&place->cast->dead);
}

/* --- what can be waited for, and the calls that belong to it ------------------------------------------------------ */

enum { MESSAGE_LEN = 40 };

static bool is_queue(int kind)
{
    return subjects[kind].kind == MPROC_KIND_QUEUE;
}

static bool is_pipe(int kind)
{
    return subjects[kind].kind == MPROC_KIND_PIPE;
}

/* One thing to wait for; `second`: room, where the first is a message. */
static mproc_wait_item_t item_of(int kind, void *handle, bool second)
{
    mproc_wait_item_t item;
    memset(&item, 0, sizeof item);
    item.object = handle;
    if (is_queue(kind)) {
        item.condition = second ? MPROC_WAIT_QUEUE_WRITABLE : MPROC_WAIT_QUEUE_READABLE;
    } else if (is_pipe(kind)) {
        item.condition = second ? MPROC_WAIT_PIPE_WRITABLE : MPROC_WAIT_PIPE_READABLE;
        item.object = ((struct both *)handle)->end[second];
    } else {
        item.condition = kind == LOCK    ? MPROC_WAIT_LOCK
                         : kind == RLOCK ? MPROC_WAIT_RLOCK
                         : kind == EVENT ? MPROC_WAIT_EVENT
                                         : MPROC_WAIT_SEMAPHORE;
    }
    item.size = second ? MESSAGE_LEN : 0;
    return item;
}

static int wait_for(const mproc_wait_item_t *item, int64_t timeout)
{
    uint32_t ready = 9;
    size_t count = 9;
    int status;
    enter("mproc_wait");
    status = mproc_wait(item, 1, timeout, NULL, &ready, &count);
    atomic_store(&stage->call, NULL);
    CHECK(status == MPROC_OK ? ready == 0 && count == 1 : ready == 9 && count == 9);
    return status;
}

/* The call that does not wait; what it takes, it gives back. */
static int attempt(int kind, void *handle, bool second)
{
    static const unsigned char bytes[MESSAGE_LEN];
    mproc_view_t view;
    int status;
    enter("the call that does not wait");
    if (is_queue(kind)) {
        status = second ? mproc_queue_put(handle, bytes, sizeof bytes, 0, NULL)
                        : mproc_queue_peek(handle, &view, 0, NULL);
        if (status >= MPROC_OK && !second) {
            mproc_queue_putback(handle, view.id);
        }
    } else if (is_pipe(kind)) {
        mproc_pipe_t *end = ((struct both *)handle)->end[second];
        status = second ? mproc_pipe_send(end, bytes, sizeof bytes, 0, NULL) : mproc_pipe_peek(end, &view, 0, NULL);
        if (status >= MPROC_OK && !second) {
            mproc_pipe_putback(end, view.id);
        }
    } else if (kind == LOCK) {
        status = mproc_lock_try(handle);
        if (status >= MPROC_OK) {
            CHECK_OK(mproc_lock_unlock(handle));
        }
    } else if (kind == RLOCK) {
        status = mproc_rlock_try(handle);
        if (status >= MPROC_OK) {
            CHECK_OK(mproc_rlock_unlock(handle));
        }
    } else if (kind == EVENT) {
        status = mproc_event_wait(handle, 0, NULL);
    } else {
        status = mproc_semaphore_try(handle);
        if (status >= MPROC_OK) {
            mproc_semaphore_release(handle, 1); /* may be one too many already */
        }
    }
    atomic_store(&stage->call, NULL);
    return status;
}

/* Ready means that the call returns at once; not ready, that it would have had to wait. Says what the call says. */
static int agree(int kind, void *handle, bool second, int64_t timeout, const char *file, int line)
{
    const mproc_wait_item_t item = item_of(kind, handle, second);
    int says = wait_for(&item, timeout), does = attempt(kind, handle, second);
    bool fits = says == MPROC_OK ? does != MPROC_ETIMEDOUT
                                 : says == MPROC_ETIMEDOUT && (does == MPROC_ETIMEDOUT || does == MPROC_EBUSY);
    check_that(fits, file, line, "mproc_wait() agrees with the call");
    if (!fits) {
        check_complain("    %s: %s, but then %s%s", stage->what, mproc_status_name(says), mproc_status_name(does),
                       second ? " (room)" : "");
    }
    return does;
}
#define AGREE(kind, handle, second, timeout) agree(kind, handle, second, timeout, __FILE__, __LINE__)

/* --- owners and counts -------------------------------------------------------------------------------------------- */

static void locks(int kind)
{
    const struct {
        const char *what;
        uint32_t word;
        int status; /* of the call */
    } owners[] = {
        { "its owner is dead", dead_word(), MPROC_RECOVERED },
        { "a generation that never was", 1022 | 5 << 10, MPROC_RECOVERED },
        { "a slot out of range", 1023, MPROC_RECOVERED },
        { "a generation without a slot", 7 << 10, MPROC_RECOVERED },
        { "all bits but one", ~WAITING, MPROC_RECOVERED },
        { "its owner lives", living_word(), MPROC_ETIMEDOUT },
        { "its owner is another of our threads", own_word(place->domain), MPROC_ETIMEDOUT },
        { "nobody", 0, MPROC_OK },
    };
    for (size_t i = 0; i < 2 * sizeof owners / sizeof owners[0]; i++) {
        void *handle = spoilt1(kind, owners[i / 2].what, AT_USER_LOCK, 4, owners[i / 2].word | (i % 2 ? WAITING : 0));
        CHECK_IS(owners[i / 2].status, AGREE(kind, handle, false, owners[i / 2].status < 0 ? A_LOOK : LONG));
        AGREE(kind, handle, false, 0);
        spoilt_done(kind, handle);
    }
}

static void semaphores(int kind)
{
    static const uint32_t values[] = { 0, 1, MPROC_SEMAPHORE_MAX, MPROC_SEMAPHORE_MAX + 1u, UINT32_MAX };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        void *handle = spoilt1(kind, "another value", AT_VALUE, 4, values[i]);
        CHECK(AGREE(kind, handle, false, A_LOOK) == MPROC_ETIMEDOUT || values[i] != 0);
        spoilt_done(kind, handle);
    }
    if (kind == PERMITS) {
        const uint32_t living = living_word(), dead = dead_word();
        const struct {
            const char *what;
            struct word word;
            int status;
        } holders[] = {
            { "somebody dead has some",
              { AT_HOLDERS + 8 * entry_of_slot((dead & 1023) - 1), 8, HELD_ENTRY(dead >> 10, 2) },
              MPROC_RECOVERED },
            { "somebody alive has some",
              { AT_HOLDERS + 8 * entry_of_slot((living & 1023) - 1), 8, HELD_ENTRY(living >> 10, 2) },
              MPROC_ETIMEDOUT },
            { "somebody has died inside", { AT_PERMITS_LOCK, 4, dead }, MPROC_RECOVERED },
        };
        for (size_t i = 0; i < sizeof holders / sizeof holders[0]; i++) {
            const struct word words[2] = { { AT_VALUE, 4, 0 }, holders[i].word };
            void *handle = spoil(place, kind, opened_before, holders[i].what, words, 2);
            CHECK_IS(holders[i].status, AGREE(kind, handle, false, holders[i].status < 0 ? A_LOOK : LONG));
            spoilt_done(kind, handle);
        }
    }
}

/* --- rings -------------------------------------------------------------------------------------------------------- */

static void rings(int kind)
{
    const struct ring *ring = &subjects[kind].rings[0];
    const size_t first = (size_t)ring->data + FIRST * 8;
    struct rng rng = { 21 + (uint64_t)kind };
    void *handle;
    char what[100];
    for (enum record_state state = VACANT; state < STATES; state++) {
        const uint32_t owners[] = { NOBODY, 0, own_word(place->domain), living_word(), dead_word() };
        for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++) {
            snprintf(what, sizeof what, "the first record is in state %d, its owner 0x%x", (int)state,
                     (unsigned)owners[i]);
            const struct word words[2] = { { first, 8, RECORD(0, state, owners[i]) },
                                           { (size_t)ring->words + RING_LAST_CLAIM, 4, FIRST } };
            handle = spoil(place, kind, opened_before, what, words, state == CLAIMED ? 2 : 1);
            AGREE(kind, handle, false, SHORT);
            AGREE(kind, handle, true, SHORT);
            spoilt_done(kind, handle);
        }
    }
    for (uint32_t state = 0; is_queue(kind) && state < 5; state++) {
        handle = spoilt1(kind, "another state", (size_t)ring->words + RING_STATE, 4, state);
        AGREE(kind, handle, false, LONG);
        CHECK(AGREE(kind, handle, true, LONG) != MPROC_ETIMEDOUT);
        spoilt_done(kind, handle);
    }
    handle = spoilt1(kind, "poisoned", AT_POISON, 4, 1);
    CHECK_IS(MPROC_ECORRUPT, AGREE(kind, handle, false, LONG));
    CHECK_IS(MPROC_ECORRUPT, AGREE(kind, handle, true, LONG));
    spoilt_done(kind, handle);
    for (int i = 0; i < 200; i++) { /* what is consistent gets furthest */
        const struct subject *subject = &subjects[kind];
        struct image image = place->image[kind];
        void *victim = NULL;
        stage->what[0] = 0;
        for (uint64_t n = 1 + rng_below(&rng, 3); n > 0; n--) {
            mutate(&image, subject, false, &rng, place->cast, stage->what, sizeof stage->what);
        }
        put_image(place->dir, "victim", &image);
        NEED_OK(subject->open(place->domain, "victim", &victim));
        for (int second = 0; second < 2; second++) {
            const mproc_wait_item_t item = item_of(kind, victim, second != 0);
            int says = wait_for(&item, SHORT);
            CHECK(says == MPROC_OK || says == MPROC_ETIMEDOUT);
            attempt(kind, victim, second != 0);
        }
        subject->close(victim);
    }
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static const uint32_t noise[] = { 1, 2, 3, 0x7fffffff, 0x80000000, UINT32_MAX };
enum { NOISE = sizeof noise / sizeof noise[0] };

static void quiet_words(int kind, size_t size)
{
    static unsigned char now[STRUCT_SIZE], other[STRUCT_SIZE];
    for (size_t at = AT_NOTIFIED; at <= AT_CHANGED + 4; at += 4) {
        for (int i = 0; i < NOISE; i++) {
            void *handle = spoilt1(kind, "noise in the words of notifications", at, 4, noise[i]);
            mproc_wait_item_t items[2] = { { MPROC_WAIT_VALUE, 0, handle, now, size },
                                           { MPROC_WAIT_VALUE, 0, handle, NULL, 0 } };
            CHECK_OK(mproc_value_load(handle, now, size));
            memcpy(other, now, size);
            other[size - 1] ^= 1;
            CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(handle, now, size, SHORT, NULL));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(handle, NULL, 0, SHORT, NULL));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items, 2, SHORT, NULL, NULL, NULL));
            CHECK_OK(mproc_value_wait(handle, other, size, LONG, NULL));
            CHECK_OK(mproc_value_notify(handle, UINT32_MAX));
            CHECK_OK(mproc_value_store(handle, other, size));
            CHECK_OK(mproc_wait(items, 1, LONG, NULL, NULL, NULL));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items + 1, 1, SHORT, NULL, NULL, NULL));
            spoilt_done(kind, handle);
        }
    }
}

/* --- who waits while somebody writes into everything -------------------------------------------------------------- */

/* What a waiting child says of itself. */
struct report {
    _Atomic uint32_t stop, empty, got;
    _Atomic int64_t cpu, elapsed; /* nanoseconds */
};
static struct report *report;

static int64_t own_cpu(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * SEC + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
}

/* The child ends, with this code, and has left the processor to others for at least half of the time. */
static void child_rested(pid_t pid, int code, const char *file, int line)
{
    int status = -1;
    int64_t cpu, elapsed;
    bool ended = proc_wait(pid, HANG, &status);
    check_that(ended, file, line, "the child ends");
    if (!ended) {
        proc_kill(pid);
        return;
    }
    check_long(code, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), file, line, "what it ends with");
    cpu = atomic_load(&report->cpu);
    elapsed = atomic_load(&report->elapsed);
    check_that(elapsed >= QUIET && cpu <= elapsed / 2, file, line, "it has left the processor to others");
    if (cpu > elapsed / 2) {
        check_complain("    %lld of %lld ms; %s", (long long)(cpu / MS), (long long)(elapsed / MS), stage->what);
    }
}
#define CHILD_RESTED(pid, code) child_rested(pid, code, __FILE__, __LINE__)

/* One thing of each kind, in a file of its own, and its words that say who sleeps. */
static const struct {
    int kind;
    size_t sleepers; /* sequence and hint; 0: none */
} waited[] = {
    { LOCK, 0 },
    { RLOCK, 0 },
    { SEMAPHORE, AT_PERMITS_EVENT },
    { PERMITS, AT_PERMITS_EVENT },
    { EVENT, 0 },
    { QUEUE, AT_RING + RING_NOT_EMPTY },
    { LEASES, AT_RING + RING_NOT_EMPTY },
    { PIPE, AT_PIPE_RINGS + RING_NOT_EMPTY },
    { POLLED, AT_RING + RING_NOT_EMPTY },
    { POLLED_PIPE, AT_PIPE_RINGS + RING_NOT_EMPTY },
    { SCALAR, AT_CHANGED },
    { SNAPSHOT, AT_CHANGED },
    { RAW, AT_CHANGED },
};
enum { WAITED = sizeof waited / sizeof waited[0] };
static void *handles[WAITED];
static unsigned char expected[STRUCT_SIZE];
static size_t sizes[WAITED];

static void name_of(int i, char *name, size_t size)
{
    snprintf(name, size, "waited-%s", subjects[waited[i].kind].name);
}

static void write_word(int i, size_t at, int width, uint64_t value)
{
    char name[60];
    name_of(i, name, sizeof name);
    poke(place->dir, name, at, &value, (size_t)width);
}

static int take(int kind, void *handle)
{
    static unsigned char bytes[QUEUE_BYTES];
    size_t len;
    return is_queue(kind) ? mproc_queue_get(handle, bytes, sizeof bytes, &len, 0, NULL)
                          : mproc_pipe_recv(((struct both *)handle)->end[0], bytes, sizeof bytes, &len, 0, NULL);
}

static int take_all(int kind, void *handle)
{
    static unsigned char bytes[QUEUE_BYTES];
    uint64_t lease;
    size_t len;
    int status;
    do {
        status = kind == LEASES ? mproc_queue_lease(handle, bytes, sizeof bytes, &len, &lease, 0, NULL)
                                : take(kind, handle);
        if (status == MPROC_OK && kind == LEASES) {
            CHECK_OK(mproc_queue_ack(handle, lease));
        }
    } while (status == MPROC_OK);
    return status;
}

/* All of them, and nothing is ready. */
static void open_waited(void)
{
    for (int i = 0; i < WAITED; i++) {
        int kind = waited[i].kind;
        char name[60];
        name_of(i, name, sizeof name);
        put_image(place->dir, name, &place->image[kind]);
        NEED_OK(subjects[kind].open(place->domain, name, &handles[i]));
        sizes[i] = kind == SCALAR ? 8 : STRUCT_SIZE;
        if (kind == LOCK || kind == RLOCK) {
            write_word(i, AT_USER_LOCK, 4, living_word());
        } else if (kind == SEMAPHORE || kind == PERMITS) {
            for (int n = 0; n < PERMIT_COUNT; n++) {
                CHECK_OK(mproc_semaphore_try(handles[i]));
            }
        } else if (is_queue(kind) || is_pipe(kind)) {
            CHECK_IS(MPROC_ETIMEDOUT, take_all(kind, handles[i]));
        } else if (kind == SNAPSHOT) { /* RAW has the same */
            CHECK_OK(mproc_value_load(handles[i], expected, STRUCT_SIZE));
        }
    }
}

static void close_waited(void)
{
    for (int i = 0; i < WAITED; i++) {
        char name[60];
        name_of(i, name, sizeof name);
        subjects[waited[i].kind].close(handles[i]);
        CHECK_OK(mproc_domain_unlink(place->domain, name));
    }
}

/* A child, in mproc_wait() for all of them: 0 when it was this one that became ready. */
static pid_t wait_for_all(int wanted)
{
    pid_t pid;
    memset(report, 0, sizeof *report);
    pid = proc_fork();
    if (pid == 0) {
        mproc_wait_item_t items[WAITED];
        uint32_t ready[WAITED];
        size_t count = 0;
        int64_t cpu = own_cpu(), began = proc_now(), number = 0;
        int status;
        for (int i = 0; i < WAITED; i++) {
            int kind = waited[i].kind;
            if (kind == SCALAR) {
                CHECK_OK(mproc_value_get_i64(handles[i], &number));
            }
            if (subjects[kind].kind == MPROC_KIND_VALUE) {
                const void *now = kind == SCALAR ? (const void *)&number : expected;
                items[i] = (mproc_wait_item_t){ MPROC_WAIT_VALUE, 0, handles[i], now, sizes[i] };
            } else {
                items[i] = item_of(kind, handles[i], false);
            }
        }
        atomic_store(&report->empty, 1);
        status = mproc_wait(items, WAITED, HANG, NULL, ready, &count);
        atomic_store(&report->cpu, own_cpu() - cpu);
        atomic_store(&report->elapsed, proc_now() - began);
        _exit(status != MPROC_OK ? 1 : count != 1 ? 2 : ready[0] != (uint32_t)wanted ? 3 : 0);
    }
    CHECK(proc_await(&report->empty, 1, HANG));
    return pid;
}

/* Makes it ready. */
static void make_ready(int i)
{
    static unsigned char other[STRUCT_SIZE];
    int kind = waited[i].kind;
    if (kind == LOCK || kind == RLOCK) {
        write_word(i, AT_USER_LOCK, 4, dead_word()); /* nobody wakes it: it looks around by itself */
    } else if (kind == SEMAPHORE || kind == PERMITS) {
        CHECK_OK(mproc_semaphore_release(handles[i], 1));
    } else if (kind == EVENT) {
        CHECK_OK(mproc_event_set(handles[i]));
    } else if (is_queue(kind)) {
        CHECK_OK(mproc_queue_put(handles[i], "x", 1, 0, NULL));
    } else if (is_pipe(kind)) {
        CHECK_OK(mproc_pipe_send(((struct both *)handles[i])->end[1], "x", 1, 0, NULL));
    } else {
        CHECK_OK(mproc_value_load(handles[i], other, sizes[i]));
        other[0] ^= 1;
        CHECK_OK(mproc_value_store(handles[i], other, sizes[i]));
        CHECK_OK(mproc_value_notify(handles[i], UINT32_MAX));
    }
}

/* Noise in all announcements while nothing is ready, and then they are wiped out: whatever becomes ready is found. */
static void noise_under_waiter(void)
{
    struct rng rng = { 77 };
    for (int i = 0; i < WAITED; i++) {
        pid_t waiting;
        snprintf(stage->what, sizeof stage->what, "noise under who waits for everything; then ready: %s",
                 subjects[waited[i].kind].name);
        enter("opening all that is waited for");
        open_waited();
        atomic_store(&stage->call, NULL);
        waiting = wait_for_all(i);
        for (int64_t end = proc_now() + QUIET; proc_now() < end; proc_sleep_ns(5 * MS)) {
            for (int k = 0; k < WAITED; k++) {
                uint32_t word = noise[rng_below(&rng, NOISE)];
                if (waited[k].sleepers) {
                    write_word(k, waited[k].sleepers + 4 * rng_below(&rng, 2), 4, word);
                } else if (waited[k].kind != EVENT) {
                    write_word(k, AT_USER_LOCK, 4, living_word() | (word & WAITING));
                } else {
                    write_word(k, AT_EVENT, 4, word & 2); /* somebody sleeps, or nobody */
                }
            }
        }
        for (int k = 0; k < WAITED; k++) {
            if (waited[k].sleepers) {
                write_word(k, waited[k].sleepers, 8, 0);
            }
        }
        make_ready(i);
        CHILD_RESTED(waiting, 0);
        close_waited();
    }
}

/* --- bells -------------------------------------------------------------------------------------------------------- */

static int readable_fd(int kind, void *handle, int *fd)
{
    return is_queue(kind) ? mproc_queue_readable_fd(handle, fd)
                          : mproc_pipe_readable_fd(((struct both *)handle)->end[0], fd);
}

static int writable_fd(int kind, void *handle, int *fd)
{
    return is_queue(kind) ? mproc_queue_writable_fd(handle, fd)
                          : mproc_pipe_writable_fd(((struct both *)handle)->end[1], fd);
}

static int put(int kind, void *handle)
{
    return is_queue(kind) ? mproc_queue_put(handle, "x", 1, 0, NULL)
                          : mproc_pipe_send(((struct both *)handle)->end[1], "x", 1, 0, NULL);
}

static bool becomes_readable(int fd)
{
    struct pollfd ask = { fd, POLLIN, 0 };
    return poll(&ask, 1, (int)(HANG / MS)) == 1 && ask.revents == POLLIN;
}

/* All places of one side, under the handle. */
static void fill_bells(size_t at, uint64_t value)
{
    uint64_t words[BELLS];
    for (int i = 0; i < BELLS; i++) {
        words[i] = value;
    }
    poke(place->dir, "victim", at, words, sizeof words);
}

/* Whose a bell is. */
static uint64_t tenant_of_bell(size_t at)
{
    return BELL_WORD(peek64(place->dir, "victim", at), 0, 0);
}

/* Places that are taken by who lives are; all others are to be had. */
static void places(int kind)
{
    const struct {
        const char *what;
        uint64_t tenant;
        bool gone;
    } tenants[] = {
        { "a dead process", dead_word(), true },
        { "a slot out of range", 1023, true },
        { "no slot", UINT64_C(7) << 10, true },
        { "another generation of who lives", living_word() | UINT64_C(1) << 49, true },
        { "all bits", UINT64_MAX, true },
        { "somebody alive", living_word(), false },
        { "this process", own_word(place->domain), false },
    };
    for (size_t i = 0; i < 2 * sizeof tenants / sizeof tenants[0]; i++) {
        bool armed = i % 2, gone = tenants[i / 2].gone;
        void *handle = spoilt1(kind, tenants[i / 2].what, AT_BELLS, 8, 0);
        int fd = -1, room = -1;
        fill_bells(AT_BELLS, BELL_WORD(tenants[i / 2].tenant, i, armed));
        CHECK_IS(gone ? MPROC_OK : MPROC_EFULL, readable_fd(kind, handle, &fd));
        CHECK_OK(writable_fd(kind, handle, &room)); /* the other side has places of its own */
        if (gone) { /* are they where we think? */
            CHECK_INT(own_word(place->domain), tenant_of_bell(AT_BELLS));
        }
        CHECK_INT(own_word(place->domain), tenant_of_bell(AT_WRITERS_BELLS));
        for (int n = 0; n < 3; n++) {
            CHECK_OK(put(kind, handle));
            CHECK(!gone || becomes_readable(fd));
            CHECK_IS(MPROC_ETIMEDOUT, take_all(kind, handle));
        }
        CHECK(becomes_readable(room));
        spoilt_done(kind, handle);
    }
}

/* An event loop in a process of its own; 7: the object was found corrupt. */
static pid_t poller(int kind, void *handle)
{
    pid_t pid;
    memset(report, 0, sizeof *report);
    pid = proc_fork();
    if (pid == 0) {
        int64_t cpu = own_cpu(), began = proc_now();
        int fd = -1, code = 0;
        if (readable_fd(kind, handle, &fd) != MPROC_OK) {
            _exit(2);
        }
        while (!atomic_load(&report->stop) && code == 0) {
            int status = take(kind, handle);
            if (status == MPROC_OK) {
                atomic_fetch_add(&report->got, 1);
            } else if (status == MPROC_ETIMEDOUT) {
                atomic_store(&report->empty, 1);
                code = becomes_readable(fd) ? 0 : 3;
            } else {
                code = status == MPROC_ECORRUPT ? 7 : 4;
            }
        }
        atomic_store(&report->cpu, own_cpu() - cpu);
        atomic_store(&report->elapsed, proc_now() - began);
        _exit(code);
    }
    CHECK(proc_await(&report->got, MESSAGES, HANG) && proc_await(&report->empty, 1, HANG));
    return pid;
}

/* Whatever stands in the place of a bell, and whoever wipes out that it listens: every message is heard of. */
static void bells_under_loop(int kind)
{
    const size_t sleepers = (size_t)subjects[kind].rings[0].words + RING_NOT_EMPTY;
    const struct {
        const char *what;
        size_t at; /* 0: all bells */
        uint64_t word;
    } changes[] = {
        { "nobody's bell", 0, 0 },
        { "everybody's bell, armed", 0, UINT64_MAX },
        { "a living process's bell", 0, BELL_WORD(living_word(), 5, 1) },
        { "a dead process's bell, armed", 0, BELL_WORD(dead_word(), 5, 1) },
        { "a bell that is not armed", 0, BELL_WORD(living_word(), 6, 0) },
        { "nobody sleeps", sleepers, 0 },
        { "everybody sleeps", sleepers, UINT64_MAX },
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        void *handle = spoilt1(kind, changes[i].what, AT_BELLS, 8, 0);
        pid_t pid = poller(kind, handle);
        int64_t end = proc_now() + QUIET;
        uint32_t sent = 0;
        do { /* noise, and a message now and then */
            if (changes[i].at) {
                poke64(place->dir, "victim", changes[i].at, changes[i].word);
            } else {
                fill_bells(AT_BELLS, changes[i].word);
            }
            if (sent < 3) {
                CHECK_OK(put(kind, handle));
                sent++;
                CHECK(proc_await(&report->got, MESSAGES + sent, HANG));
            }
            proc_sleep_ns(2 * MS);
        } while (proc_now() < end);
        atomic_store(&report->stop, 1);
        CHILD_RESTED(pid, 0);
        CHECK_INT(MESSAGES + sent, atomic_load(&report->got));
        spoilt_done(kind, handle);
    }
}

/* Positions that cannot be, while somebody polls: it is told, and no later than it looks around by itself. */
static void marks_under_loop(int kind)
{
    static const uint64_t marks[] = { MARK(1, 1), MARK(FIRST + 100000, 7), UINT64_MAX };
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        void *handle = spoilt1(kind, "an impossible tail under who polls", AT_BELLS, 8, 0);
        pid_t pid = poller(kind, handle);
        int fd = -1;
        proc_sleep_ns(QUIET); /* silence costs nothing */
        poke64(place->dir, "victim", (size_t)subjects[kind].rings[0].words + RING_TAIL, marks[i]);
        poke64(place->dir, "victim", (size_t)subjects[kind].rings[0].words + RING_HEAD, MARK(marks[i] + 3, 9));
        CHILD_RESTED(pid, 7);
        CHECK_OK(readable_fd(kind, handle, &fd));
        CHECK(becomes_readable(fd)); /* for an error, too */
        spoilt_done(kind, handle);
    }
}

static void all_waits(void *argument)
{
    place = argument;
    for (int before = 0; before < 2; before++) {
        static const int with_rings[] = { QUEUE, JOBS, LEASES, PIPE, ONEWAY, POLLED, POLLED_PIPE };
        opened_before = before != 0;
        locks(LOCK);
        locks(RLOCK);
        semaphores(SEMAPHORE);
        semaphores(PERMITS);
        for (size_t i = 0; i < sizeof with_rings / sizeof with_rings[0]; i++) {
            rings(with_rings[i]);
        }
        quiet_words(SCALAR, 8);
        quiet_words(SNAPSHOT, STRUCT_SIZE);
        quiet_words(RAW, STRUCT_SIZE);
        places(POLLED);
        places(POLLED_PIPE);
    }
    bells_under_loop(POLLED);
    bells_under_loop(POLLED_PIPE);
    marks_under_loop(POLLED);
    marks_under_loop(POLLED_PIPE);
    noise_under_waiter();
    place_check(place);
    CHECK(nobody_complained());
}

void part_waits(void)
{
    static struct place here;
    join_tally();
    report = proc_shared(sizeof *report);
    place_make(&here, "waits");
    CHECK(watched(new_stage(), "waits", all_waits, &here, 300));
    place_end(&here);
    munmap(report, sizeof *report);
}
