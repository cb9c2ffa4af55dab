/*
 * Kill loop, descriptors for event loops. Producers and pollers are event loops: epoll over the descriptors of two
 * queues (a plain one and one for leases) and of a pipe, then put or take without waiting until there is nothing to do.
 * All of them are killed at random, thousands of descriptors with them: a place among the 128 of a side must become
 * somebody else's, and a bell that the dead had armed must not keep anybody from being told. No message is lost or
 * doubled, but for those that a plain get had taken. Beside it a dialogue: a caller, whom nobody kills, sends one
 * message at a time and polls for the answer, so that every ring counts.
 */
#include "killloop_ledger.h"

#include <sys/epoll.h>

#define PRODUCERS 3 /* workers 1 to 3 */
#define POLLERS 4   /* 4 to 7 */
#define WORKERS (1 + PRODUCERS + POLLERS)
#define KILLS_AT_A_TIME 60
#define UNDISTURBED 2000 /* answers between them, without kills */
#define MAX_LEN 600
#define PLACES 128 /* that one side of a queue has for descriptors */
#define SPARE 3    /* descriptors more that a poller takes of each thing, only to die with them */

enum way { PLAIN, LEASES, PIPE, WAYS };
enum { STREAM, CALL }; /* lanes: what a message is */

struct handles {
    mproc_queue_t *queue[2], *answers;
    mproc_pipe_t *end[2]; /* from end 1 to end 0 */
};

struct polls {
    struct handles handles; /* that forked workers inherit */
    _Atomic uint32_t quiet, pollers_stop;
    _Atomic uint32_t polling[MAX_WORKERS][MAX_THREADS]; /* the incarnation that is in epoll_wait(); 0: none */
    _Alignas(64) _Atomic uint64_t descriptors, calls, looks, got[WAYS], pollers_died;
    struct ledger ledger;
};

static const char polling_room[] = "polling for room";
static const char polling_messages[] = "polling for messages";
static const char polling_answers[] = "polling for an answer";
static const char asking_fds[] = "asking for descriptors";
static const char putting[] = "putting a message";
static const char taking_out[] = "taking a message";
static const char holding[] = "holding a message";
static const char answering[] = "answering";
static const char *const targets[] = { polling_room, polling_messages, asking_fds, putting, putting, taking_out,
                                       taking_out,   holding,          answering,  NULL };

/* ---- event loops ---- */

struct loop {
    int epoll;
    bool edge; /* triggered */
};

static void loop_begin(struct loop *loop, bool edge)
{
    loop->edge = edge;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        kl_fail("poll: epoll_create1: %s", strerror(errno));
    }
}

static void loop_add(const struct loop *loop, int fd, uint32_t tag)
{
    struct epoll_event event = { .events = EPOLLIN | (loop->edge ? EPOLLET : 0), .data.u32 = tag };
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        kl_fail("poll: epoll_ctl(%d): %s", fd, strerror(errno));
    }
}

static void loop_remove(const struct loop *loop, int fd)
{
    if (epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL) != 0) {
        kl_fail("poll: epoll_ctl(DEL %d): %s", fd, strerror(errno));
    }
}

/* What is readable, as bits. A descriptor rings by itself ten times a second: no wait may last long. */
static uint32_t loop_wait(struct job *job, struct polls *p, const struct loop *loop, const char *phase)
{
    struct epoll_event events[WAYS];
    _Atomic uint32_t *asleep = &p->polling[job->worker][job->thread];
    uint32_t readable = 0;
    int64_t began = proc_now();
    int n;
    atomic_store(asleep, job->incarnation);
    kl_phase(job, phase);
    do {
        n = epoll_wait(loop->epoll, events, WAYS, (int)(STALL_LIMIT / MS));
    } while (n < 0 && errno == EINTR);
    atomic_store(asleep, 0);
    if (n < 0) {
        kl_fail("poll: epoll_wait: %s", strerror(errno));
    }
    if (n == 0) {
        kl_fail("poll: worker %u, %s: no descriptor became readable for %lld ms", job->worker, phase,
                (long long)((proc_now() - began) / MS));
    }
    for (int i = 0; i < n; i++) {
        if (!(events[i].events & EPOLLIN)) {
            kl_fail("poll: a descriptor says 0x%x", (unsigned)events[i].events);
        }
        readable |= UINT32_C(1) << events[i].data.u32;
    }
    kl_done(job);
    return readable;
}

static int fd_of(const struct handles *h, enum way way, bool readable)
{
    int fd = -1, status;
    if (way == PIPE) {
        status = readable ? mproc_pipe_readable_fd(h->end[0], &fd) : mproc_pipe_writable_fd(h->end[1], &fd);
    } else {
        status = readable ? mproc_queue_readable_fd(h->queue[way], &fd) : mproc_queue_writable_fd(h->queue[way], &fd);
    }
    if (status != MPROC_OK || fd < 0) {
        kl_fail_call("asking for a descriptor", status, __FILE__, __LINE__);
    }
    return fd;
}

/* The descriptors of all ways, in the loop; asking again gives the same. */
static void loop_add_all(struct job *job, struct polls *p, const struct loop *loop, const struct handles *h,
                         bool readable)
{
    kl_phase(job, asking_fds);
    for (enum way way = PLAIN; way < WAYS; way++) {
        int fd = fd_of(h, way, readable);
        if (fd_of(h, way, readable) != fd) {
            kl_fail("poll: a handle has two descriptors");
        }
        loop_add(loop, fd, way);
        atomic_fetch_add(&p->descriptors, 1);
    }
}

/* ---- handles ---- */

static void open_ways(struct job *job, struct handles *h)
{
    mproc_queue_options_t plain = MPROC_QUEUE_OPTIONS_INIT, leases = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t pipe = MPROC_PIPE_OPTIONS_INIT;
    plain.flags = MPROC_POLLABLE | (rng_below(&job->rng, 3) == 0 ? MPROC_NO_SPIN : 0);
    leases.flags = plain.flags | MPROC_QUEUE_LEASE;
    pipe.flags = plain.flags | MPROC_PIPE_ONEWAY;
    KL_OK(mproc_queue_open(NULL, "kl-poll-plain", &plain, &h->queue[PLAIN]));
    KL_OK(mproc_queue_open(NULL, "kl-poll-leases", &leases, &h->queue[LEASES]));
    KL_OK(mproc_pipe_open(NULL, "kl-poll-pipe", &pipe, 0, &h->end[0]));
    KL_OK(mproc_pipe_open(NULL, "kl-poll-pipe", &pipe, 1, &h->end[1]));
}

static void close_ways(struct handles *h)
{
    for (int i = 0; i < 2; i++) {
        mproc_queue_close(h->queue[i]);
        mproc_pipe_close(h->end[i]);
    }
}

/* ---- sending ---- */

/* True: it went in. */
static bool send_one(struct job *job, struct polls *p, const struct handles *h, enum way way, struct pen *pen,
                     int64_t timeout)
{
    unsigned char bytes[MAX_LEN];
    uint64_t stamp = pen_next(&p->ledger, pen);
    size_t len = ledger_len(&p->ledger, stamp);
    pattern_fill(bytes, len, stamp);
    ledger_announce(&p->ledger, stamp);
    kl_phase(job, putting);
    int status = way == PIPE ? mproc_pipe_send(h->end[1], bytes, len, timeout, NULL)
                             : mproc_queue_put(h->queue[way], bytes, len, timeout, NULL);
    if (!kl_passed(status, timeout, "put or send")) {
        ledger_withdraw(&p->ledger, stamp, status);
        return false;
    }
    ledger_in(&p->ledger, stamp);
    pen->seq++;
    kl_went_through(0);
    kl_done(job);
    return true;
}

static void produce(struct job *job, struct polls *p, const struct handles *h)
{
    struct loop loop;
    struct pen pen[WAYS] = { 0 };
    loop_begin(&loop, rng_below(&job->rng, 2));
    loop_add_all(job, p, &loop, h, false);
    for (bool left_early = false; !kl_stopping();) {
        /* Who has not gone on until there was no room is not told that there is. */
        uint32_t room = left_early ? (1 << WAYS) - 1 : loop_wait(job, p, &loop, polling_room);
        left_early = false;
        for (enum way way = PLAIN; way < WAYS; way++) {
            while (room >> way & 1 && !left_early && send_one(job, p, h, way, &pen[way], 0)) {
                kl_pause_sometimes(job, 16);
                left_early = kl_stopping() || atomic_load(&p->quiet);
            }
        }
        while (atomic_load(&p->quiet) && !kl_stopping()) {
            kl_phase(job, "keeping quiet");
            proc_sleep_ns(1 * MS);
        }
        if (rng_below(&job->rng, 4) == 0) {
            enum way way = (enum way)rng_below(&job->rng, WAYS);
            send_one(job, p, h, way, &pen[way], kl_random_timeout(job)); /* as others do */
        }
    }
    close(loop.epoll);
}

/* ---- receiving ---- */

/* A message of the caller's is answered before it is given up: so it comes again if we die. */
static void answer(struct job *job, struct polls *p, const struct handles *h, uint64_t stamp)
{
    if (p->ledger.author[stamp >> 32].lane == CALL) {
        kl_phase(job, answering);
        KL_OK(mproc_queue_put(h->answers, &stamp, sizeof stamp, MPROC_FOREVER, NULL));
    }
}

/* A message held: works on it, and is done with it. */
static void finish(struct job *job, struct polls *p, const struct handles *h, enum way way, uint64_t stamp, uint64_t id)
{
    kl_phase(job, holding);
    if (rng_below(&job->rng, 16) == 0) {
        proc_spin_ns((int64_t)rng_below(&job->rng, 50000));
    }
    answer(job, p, h, stamp);
    ledger_ending(&p->ledger, stamp);
    KL_OK(way == PIPE ? mproc_pipe_release(h->end[0], id) : mproc_queue_ack(h->queue[way], id));
    ledger_ended(&p->ledger, stamp);
}

/* True: a message came. */
static bool take_one(struct job *job, struct polls *p, const struct handles *h, enum way way)
{
    unsigned char bytes[MAX_LEN];
    size_t len = 0;
    uint64_t lease = 0;
    mproc_view_t view = { 0 };
    int status;
    if (way == PLAIN) {
        ledger_taking(&p->ledger, job, 1);
    }
    kl_phase(job, taking_out);
    status = way == PLAIN    ? mproc_queue_get(h->queue[way], bytes, sizeof bytes, &len, 0, NULL)
             : way == LEASES ? mproc_queue_lease(h->queue[way], bytes, sizeof bytes, &len, &lease, 0, NULL)
                             : mproc_pipe_peek(h->end[0], &view, 0, NULL);
    bool came = status == MPROC_RECOVERED && way != PLAIN ? true : kl_passed(status, 0, "taking a message");
    if (came && way == PLAIN) {
        uint64_t stamp = ledger_got(&p->ledger, job, bytes, len, status, true);
        answer(job, p, h, stamp);
        ledger_ended(&p->ledger, stamp);
    } else if (came) {
        const void *message = way == PIPE ? view.data : bytes;
        uint64_t stamp = ledger_got(&p->ledger, job, message, way == PIPE ? view.len : len, status, false);
        finish(job, p, h, way, stamp, way == PIPE ? view.id : lease);
    }
    if (way == PLAIN) {
        ledger_taking(&p->ledger, job, 0);
    }
    if (came) {
        atomic_fetch_add_explicit(&p->got[way], 1, memory_order_relaxed);
        kl_went_through(1);
        kl_done(job);
    }
    return came;
}

/* More handles with descriptors, which nobody looks at. */
static void take_spares(struct job *job, struct polls *p, struct handles *spare)
{
    for (int i = 0; i < SPARE; i++) {
        kl_phase(job, "opening spare handles");
        open_ways(job, &spare[i]);
        kl_phase(job, asking_fds);
        for (enum way way = PLAIN; way < WAYS; way++) {
            fd_of(&spare[i], way, true);
            atomic_fetch_add(&p->descriptors, 1);
        }
    }
}

static void poll_messages(struct job *job, struct polls *p, struct handles *h)
{
    struct loop loop;
    struct handles spare[SPARE];
    bool has_spares = job->thread == 0 && rng_below(&job->rng, 2);
    if (has_spares) {
        take_spares(job, p, spare);
    }
    loop_begin(&loop, rng_below(&job->rng, 2));
    loop_add_all(job, p, &loop, h, true);
    while (!atomic_load(&p->pollers_stop)) {
        uint32_t readable = loop_wait(job, p, &loop, polling_messages);
        atomic_fetch_add_explicit(&p->looks, 1, memory_order_relaxed);
        for (enum way way = PLAIN; way < WAYS; way++) {
            while (readable >> way & 1 && take_one(job, p, h, way)) {
            }
        }
        if (job->fresh && rng_below(&job->rng, 256) == 0) { /* a new handle, a new descriptor */
            for (enum way way = PLAIN; way < WAYS; way++) {
                loop_remove(&loop, fd_of(h, way, true));
            }
            kl_phase(job, "opening new handles");
            close_ways(h);
            open_ways(job, h);
            loop_add_all(job, p, &loop, h, true);
        }
    }
    close(loop.epoll);
    for (int i = 0; has_spares && i < SPARE; i++) {
        close_ways(&spare[i]);
    }
}

/* ---- the dialogue ---- */

static void converse(struct job *job, struct polls *p, const struct handles *h)
{
    struct loop loop;
    struct pen pen = { .lane = CALL };
    int fd = -1;
    loop_begin(&loop, true);
    KL_OK(mproc_queue_readable_fd(h->answers, &fd));
    loop_add(&loop, fd, 0);
    while (!kl_stopping()) {
        enum way way = LEASES + (enum way)rng_below(&job->rng, 2); /* there no message is lost with who has it */
        uint64_t asked = pen_next(&p->ledger, &pen), stamp = ~asked;
        send_one(job, p, h, way, &pen, MPROC_FOREVER);
        while (stamp != asked) { /* answers to earlier ones may come again */
            size_t len = 0;
            int status = mproc_queue_get(h->answers, &stamp, sizeof stamp, &len, 0, NULL);
            if (status == MPROC_ETIMEDOUT) {
                loop_wait(job, p, &loop, polling_answers);
            } else if (status != MPROC_OK) {
                kl_fail_call("getting an answer", status, __FILE__, __LINE__);
            } else if (len != sizeof stamp || stamp > asked) {
                kl_fail("poll: an answer of %zu bytes to %llx, which was not asked", len, (unsigned long long)stamp);
            }
        }
        atomic_fetch_add(&p->calls, 1);
        kl_done(job);
    }
    close(loop.epoll);
}

/* ---- workers ---- */

static void work(struct job *job)
{
    struct polls *p = job->scene;
    struct handles mine = p->handles;
    unsigned w = job->worker;
    if (job->fresh) {
        kl_phase(job, "opening everything");
        open_ways(job, &mine);
    }
    ledger_inherit(&p->ledger, job);
    atomic_fetch_add(&p->pollers_died, atomic_exchange(&p->polling[w][job->thread], 0) != 0);
    if (w == 0) {
        if (job->thread == 0) {
            converse(job, p, &mine);
        }
    } else if (w <= PRODUCERS) {
        produce(job, p, &mine);
    } else {
        poll_messages(job, p, &mine);
    }
    kl_phase(job, "leaving");
    if (job->fresh) {
        close_ways(&mine);
    }
}

/* While workers are replaced all the time, newcomers help out where a ring was lost; so does a stream of messages. */
static bool undisturbed(struct polls *p, const struct crew *crew)
{
    uint64_t wanted = atomic_load(&p->calls) + UNDISTURBED;
    atomic_store(&p->quiet, 1);
    for (int64_t end = proc_now() + STALL_LIMIT; atomic_load(&p->calls) < wanted;) {
        if (atomic_load(&board->failed) || interrupted) {
            return false;
        }
        if (proc_now() > end) {
            crew_stalled(crew, "after the last kill somebody's descriptor does not ring");
            return false;
        }
        proc_sleep_ns(200000);
    }
    atomic_store(&p->quiet, 0);
    return true;
}

static bool create_all(struct handles *h)
{
    mproc_queue_options_t plain = MPROC_QUEUE_OPTIONS_INIT, leases = MPROC_QUEUE_OPTIONS_INIT;
    mproc_queue_options_t answers = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t pipe = MPROC_PIPE_OPTIONS_INIT;
    plain.flags = MPROC_POLLABLE;
    plain.capacity_bytes = 4096;
    leases.flags = MPROC_POLLABLE | MPROC_QUEUE_LEASE;
    leases.capacity_bytes = 1 << 16;
    answers.flags = MPROC_POLLABLE;
    pipe.flags = MPROC_POLLABLE | MPROC_PIPE_ONEWAY;
    pipe.capacity_bytes = 4096;
    KL_OK(mproc_queue_create(NULL, "kl-poll-plain", &plain, &h->queue[PLAIN]));
    KL_OK(mproc_queue_create(NULL, "kl-poll-leases", &leases, &h->queue[LEASES]));
    KL_OK(mproc_queue_create(NULL, "kl-poll-answers", &answers, &h->answers));
    KL_OK(mproc_pipe_create(NULL, "kl-poll-pipe", &pipe, &h->end[0], &h->end[1]));
    return atomic_load(&board->failed) == 0;
}

/* Everybody has gone. What is left comes out; and a descriptor says that there will be no more. */
static void audit(struct polls *p, uint64_t kills)
{
    struct seat seat = { 0 };
    struct job job = { .worker = MAX_WORKERS - 1, .incarnation = 1, .seat = &seat, .scene = p };
    struct handles *h = &p->handles;
    struct loop loop;
    loop_begin(&loop, false);
    loop_add_all(&job, p, &loop, h, true);
    int64_t end = proc_now() + STALL_LIMIT;
    for (bool empty = false; !empty && atomic_load(&board->failed) == 0;) {
        mproc_queue_info_t leases = { 0 }, plain = { 0 };
        mproc_pipe_info_t pipe = { 0 };
        uint32_t readable = loop_wait(&job, p, &loop, polling_messages);
        for (enum way way = PLAIN; way < WAYS; way++) {
            while (readable >> way & 1 && atomic_load(&board->failed) == 0 && take_one(&job, p, h, way)) {
            }
        }
        KL_OK(mproc_queue_info(h->queue[PLAIN], &plain, sizeof plain));
        KL_OK(mproc_queue_info(h->queue[LEASES], &leases, sizeof leases));
        KL_OK(mproc_pipe_info(h->end[0], &pipe, sizeof pipe));
        empty = plain.items == 0 && leases.items == 0 && leases.held == 0 && pipe.incoming == 0;
        if (proc_now() > end) {
            kl_fail("poll: what is left does not come out: %llu, %llu (%llu held) and %llu messages",
                    (unsigned long long)plain.items, (unsigned long long)leases.items, (unsigned long long)leases.held,
                    (unsigned long long)pipe.incoming);
        }
    }
    if (atomic_load(&board->failed)) {
        return;
    }
    ledger_audit(&p->ledger, kills);
    KL_OK(mproc_queue_shutdown(h->queue[PLAIN], 0));
    KL_OK(mproc_queue_shutdown(h->queue[LEASES], 0));
    mproc_pipe_close(h->end[1]);
    h->end[1] = NULL;
    for (uint32_t over = 0; over != (1 << WAYS) - 1 && atomic_load(&board->failed) == 0;) {
        uint32_t readable = loop_wait(&job, p, &loop, polling_messages);
        for (enum way way = PLAIN; way < WAYS; way++) {
            unsigned char bytes[MAX_LEN];
            size_t len = 0;
            mproc_view_t view = { 0 };
            int status = !(readable >> way & 1) ? MPROC_ETIMEDOUT
                         : way == PLAIN         ? mproc_queue_get(h->queue[way], bytes, sizeof bytes, &len, 0, NULL)
                         : way == LEASES        ? mproc_queue_peek(h->queue[way], &view, 0, NULL)
                                                : mproc_pipe_peek(h->end[0], &view, 0, NULL);
            if (status == (way == PIPE ? MPROC_EOF : MPROC_ECLOSED)) {
                over |= UINT32_C(1) << way;
            } else if (status != MPROC_ETIMEDOUT) {
                kl_fail_call("taking a message when there will be no more", status, __FILE__, __LINE__);
            }
        }
        if (proc_now() > end) {
            kl_fail("poll: it is over, but of the three only 0x%x say so", (unsigned)over);
        }
    }
    close(loop.epoll);
}

bool scene_poll(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "poll", .workers = WORKERS, .immortals = 1, .two_threads_in = 4,
                                .calm_in = 16, .all_must_work = true, .targets = targets, .work = work };
    struct polls *p = proc_shared(sizeof *p);
    p->ledger.max_len = MAX_LEN;
    bool ok = create_all(&p->handles);
    crew.scene = p;
    if (ok) {
        crew_start(&crew);
    }
    for (uint64_t left = kills; ok && left > 0;) {
        uint64_t now = left < KILLS_AT_A_TIME ? left : KILLS_AT_A_TIME;
        left -= now;
        ok = crew_kills(&crew, now) && undisturbed(p, &crew);
    }
    ok = ok && crew_quiet(&crew);
    atomic_store(&board->stop, 1);
    ok = ok && crew_join(&crew, 0, 1 + PRODUCERS);
    atomic_store(&p->pollers_stop, 1);
    ok = ok && crew_join(&crew, 1 + PRODUCERS, crew.workers);
    crew_end(&crew);
    if (ok) {
        mproc_queue_info_t plain = { 0 }, leases = { 0 };
        mproc_pipe_info_t pipe = { 0 };
        audit(p, kills);
        KL_OK(mproc_queue_info(p->handles.queue[PLAIN], &plain, sizeof plain));
        KL_OK(mproc_queue_info(p->handles.queue[LEASES], &leases, sizeof leases));
        KL_OK(mproc_pipe_info(p->handles.end[0], &pipe, sizeof pipe));
        tally->steals = (uint64_t)plain.steals + leases.steals + pipe.steals;
    }
    tally->kills = kills;
    tally->recovered = atomic_load(&p->ledger.redelivered);
    tally->never = atomic_load(&p->descriptors) <= PLACES * WAYS      ? "more descriptors than there are places"
                   : atomic_load(&p->pollers_died) == 0               ? "a process that was killed while it polled"
                   : atomic_load(&p->ledger.from_dead) == 0           ? "a message that the dead had held"
                   : !p->got[PLAIN] || !p->got[LEASES] || !p->got[PIPE] ? "a message of each kind"
                                                                      : NULL;
    snprintf(tally->note, sizeof tally->note,
             "%llu descriptors, %llu messages, %llu answers, %llu looks, %llu killed while they polled",
             (unsigned long long)atomic_load(&p->descriptors), (unsigned long long)atomic_load(&p->ledger.messages),
             (unsigned long long)atomic_load(&p->calls), (unsigned long long)atomic_load(&p->looks),
             (unsigned long long)atomic_load(&p->pollers_died));
    close_ways(&p->handles);
    mproc_queue_close(p->handles.answers);
    munmap(p, sizeof *p);
    return ok && atomic_load(&board->failed) == 0;
}
