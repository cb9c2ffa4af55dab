/*
 * Kill loop, pipes: both directions, exclusive ends (three pipes, one process at each end) and shared ones (one
 * pipe, three processes at each end). Whoever is killed is replaced, sometimes at once, sometimes so late that
 * the other side notices. Messages come in order, whole, once, and none is missing that had been sent; the end
 * of a pipe is seen when all who had the other end are dead, and never while one of them lives.
 */
#include "killloop_ledger.h"

#define ENDS 3 /* processes at each end, over all pipes of a round */
#define WORKERS (2 * ENDS)
#define ROUND_KILLS 60
#define MAX_LEN 1500
#define MAX_HEAVY 60000
#define MAX_OPEN 3

/* One direction of an exclusive pipe. Each word is 1 + the stamp of a message; stamps grow along a lane. */
struct lane {
    _Alignas(64) _Atomic uint64_t sent; /* the last one that send or commit has returned for */
    _Atomic uint64_t seen;              /* the last one that came */
    _Atomic uint64_t over;              /* the last one whose release has begun */
};

struct pipes {
    bool exclusive, heavy;
    bool plain;            /* some messages are taken by a plain recv, and can die with their receiver */
    unsigned slow_senders, slow_receivers;
    uint64_t capacity, max_message;
    char name[ENDS][32];
    struct lane lane[2 * ENDS];
    _Atomic uint32_t open[WORKERS]; /* the incarnation that has its end open; 0: none */
    _Atomic uint32_t senders_done;
    _Alignas(64) _Atomic uint64_t eofs, broken;
    struct ledger ledger;
};

/* What the two threads of a process share: one sends, the other receives. */
static struct {
    _Atomic(mproc_pipe_t *) pipe;
    mproc_cancel_t *cancel;
    _Atomic uint32_t receiver_has_left;
} mine;

static const char sending[] = "sending a message";
static const char reserving[] = "reserving";
static const char writing[] = "writing in place";
static const char committing[] = "committing";
static const char aborting[] = "giving a reservation up";
static const char receiving[] = "receiving a message";
static const char peeking[] = "taking a message to read it in place";
static const char holding[] = "holding a message";
static const char releasing[] = "releasing a message";
static const char returning[] = "putting a message back";
static const char *const targets[] = { sending, reserving, writing,   committing, aborting, receiving,
                                       peeking, holding,   releasing, returning,  NULL };

static unsigned end_of(unsigned worker)
{
    return worker / ENDS;
}

static unsigned pipe_of(const struct pipes *p, unsigned worker)
{
    return p->exclusive ? worker % ENDS : 0;
}

/* The direction that starts at this end of this worker's pipe. */
static unsigned lane_from(const struct pipes *p, unsigned worker, unsigned end)
{
    return 2 * pipe_of(p, worker) + end;
}

/* ---- who is at the other end ---- */

struct witnesses {
    uint32_t incarnation[WORKERS];
};

static bool holds_open(const struct pipes *p, unsigned worker, uint32_t incarnation)
{
    return incarnation && atomic_load(&p->open[worker]) == incarnation &&
           atomic_load(&board->worker[worker].condemned) < incarnation;
}

static struct witnesses look_across(const struct pipes *p, const struct job *job)
{
    struct witnesses w = { { 0 } };
    for (unsigned other = 0; other < WORKERS; other++) {
        if (end_of(other) != end_of(job->worker) && pipe_of(p, other) == pipe_of(p, job->worker)) {
            uint32_t incarnation = atomic_load(&p->open[other]);
            w.incarnation[other] = holds_open(p, other, incarnation) ? incarnation : 0;
        }
    }
    return w;
}

/* The library says that the other end is gone: then nobody may have had it open all the time since `before`. */
static void check_gone(const struct pipes *p, const struct job *job, const struct witnesses *before, const char *what)
{
    for (unsigned other = 0; other < WORKERS; other++) {
        if (holds_open(p, other, before->incarnation[other])) {
            kl_fail("pipe: worker %u was told %s, but worker %u has the other end open", job->worker, what, other);
        }
    }
}

static void look_around(struct pipes *p, const struct job *job, const mproc_pipe_t *pipe)
{
    mproc_pipe_info_t info = { 0 };
    struct witnesses before = look_across(p, job);
    KL_OK(mproc_pipe_info(pipe, &info, sizeof info));
    if (info.peer != MPROC_PEER_OPEN) {
        check_gone(p, job, &before, info.peer == MPROC_PEER_GONE ? "MPROC_PEER_GONE" : "MPROC_PEER_AWAITED");
    }
    if (info.end != end_of(job->worker) || info.capacity_bytes != p->capacity || info.max_message != p->max_message ||
        info.incoming > p->capacity / 8 || info.outgoing > p->capacity / 8) {
        kl_fail("pipe: end %u, %llu messages coming, %llu going, in %llu bytes each way", (unsigned)info.end,
                (unsigned long long)info.incoming, (unsigned long long)info.outgoing,
                (unsigned long long)info.capacity_bytes);
    }
}

/* ---- sending ---- */

/* What sending has returned. False: not sent, because of a timeout that was asked for, or of nobody there. */
static bool went(struct pipes *p, const struct job *job, const struct witnesses *before, int status, int64_t timeout,
                 const char *call)
{
    if (status == MPROC_EPIPE) {
        check_gone(p, job, before, "MPROC_EPIPE");
        atomic_fetch_add(&p->broken, 1);
        return false;
    }
    return kl_passed(status, timeout, call);
}

static void note_sent(struct pipes *p, struct job *job, uint64_t stamp)
{
    _Atomic uint64_t *sent = &p->lane[lane_from(p, job->worker, end_of(job->worker))].sent;
    ledger_in(&p->ledger, stamp);
    if (p->exclusive && atomic_load(sent) < stamp + 1) {
        atomic_store(sent, stamp + 1);
    }
    kl_went_through(0);
    kl_done(job);
}

static bool send_one(struct job *job, struct pipes *p, const mproc_pipe_t *pipe, struct pen *pen)
{
    static unsigned char bytes[MAX_HEAVY];
    uint64_t stamp = pen_next(&p->ledger, pen);
    size_t len = ledger_len(&p->ledger, stamp);
    int64_t timeout = kl_random_timeout(job);
    pattern_fill(bytes, len, stamp);
    ledger_announce(&p->ledger, stamp);
    struct witnesses before = look_across(p, job);
    kl_phase(job, sending);
    int status = mproc_pipe_send(pipe, bytes, len, timeout, NULL);
    if (!went(p, job, &before, status, timeout, "send")) {
        ledger_withdraw(&p->ledger, stamp, status); /* the next one has the same number */
        return status != MPROC_EPIPE;
    }
    note_sent(p, job, stamp);
    pen->seq++;
    return true;
}

static bool finish_one(struct job *job, struct pipes *p, const mproc_pipe_t *pipe, const mproc_view_t *view,
                       uint64_t stamp)
{
    struct ledger *l = &p->ledger;
    bool give_up = rng_below(&job->rng, 8) == 0;
    kl_phase(job, writing);
    pattern_fill(view->data, give_up ? view->len : ledger_len(l, stamp), give_up ? stamp | VOID_MARK : stamp);
    kl_pause_sometimes(job, 16);
    if (give_up) {
        kl_phase(job, aborting);
        KL_OK(mproc_pipe_abort(pipe, view->id));
        ledger_claims(l, job, -1);
        return true;
    }
    ledger_announce(l, stamp);
    struct witnesses before = look_across(p, job);
    kl_phase(job, committing);
    ledger_claims(l, job, -1);
    int status = mproc_pipe_commit(pipe, view->id, ledger_len(l, stamp));
    if (!went(p, job, &before, status, MPROC_FOREVER, "commit")) {
        ledger_withdraw(l, stamp, status);
        return false;
    }
    note_sent(p, job, stamp);
    return true;
}

/* Reserves one or some and finishes them in any order; they arrive in the order of reservation. */
static bool send_in_place(struct job *job, struct pipes *p, const mproc_pipe_t *pipe, struct pen *pen)
{
    struct ledger *l = &p->ledger;
    mproc_view_t view[MAX_OPEN];
    uint64_t stamp[MAX_OPEN];
    bool there = true;
    unsigned n = 0, most = rng_below(&job->rng, 2) ? 1 : 2 + (unsigned)rng_below(&job->rng, MAX_OPEN - 1);
    while (n < most) {
        stamp[n] = pen_next(l, pen);
        size_t len = ledger_len(l, stamp[n]), more = rng_below(&job->rng, 4) ? 0 : rng_below(&job->rng, 200);
        more = len + more <= p->max_message ? more : 0;
        int64_t timeout = n ? (int64_t)rng_below(&job->rng, 1 * MS) : kl_random_timeout(job);
        struct witnesses before = look_across(p, job);
        kl_phase(job, reserving);
        int status = mproc_pipe_reserve(pipe, len + more, &view[n], timeout, NULL);
        if (!went(p, job, &before, status, timeout, "reserve")) {
            there = status != MPROC_EPIPE;
            break;
        }
        ledger_claims(l, job, 1);
        if (view[n].len != len + more || (uintptr_t)view[n].data % 8) {
            kl_fail("pipe: asked for %zu bytes, got %zu at %p", len + more, view[n].len, view[n].data);
        }
        pen->seq++; /* spent, whatever becomes of it */
        n++;
    }
    while (n > 0) {
        unsigned i = (unsigned)rng_below(&job->rng, n);
        there = finish_one(job, p, pipe, &view[i], stamp[i]) && there;
        view[i] = view[--n];
        stamp[i] = stamp[n];
    }
    return there;
}

static void send_all(struct job *job, struct pipes *p, const mproc_pipe_t *pipe)
{
    struct pen pen = { .lane = lane_from(p, job->worker, end_of(job->worker)) };
    while (!kl_stopping()) {
        bool there = rng_below(&job->rng, 2) ? send_one(job, p, pipe, &pen) : send_in_place(job, p, pipe, &pen);
        kl_phase(job, "between two messages to send");
        if (!there) {
            proc_sleep_ns(200000);
        }
        if (rng_below(&job->rng, 64) == 0) {
            look_around(p, job, pipe);
        }
        kl_pause_sometimes(job, p->slow_senders);
    }
}

/* ---- receiving ---- */

struct receiver {
    unsigned lane;
    uint32_t next[IDS]; /* of each sender: the least sequence number that may come with plain OK */
    unsigned char bytes[MAX_HEAVY];
};

/* A message has come: is it what had to come next? */
static uint64_t take_in(struct job *job, struct pipes *p, struct receiver *r, const void *bytes, size_t len, int status,
                        bool plain)
{
    uint64_t stamp = ledger_got(&p->ledger, job, bytes, len, status, plain), key = stamp + 1;
    uint32_t id = (uint32_t)(stamp >> 32), seq = (uint32_t)stamp;
    struct lane *lane = &p->lane[r->lane];
    if (p->ledger.author[id].lane != r->lane) {
        kl_fail("pipe: worker %u got message %u of sender %u, which went elsewhere", job->worker, (unsigned)seq,
                (unsigned)id);
    }
    if (p->exclusive) { /* one receiver at a time: first comes what the last one held, then what follows */
        uint64_t seen = atomic_load(&lane->seen), over = atomic_load(&lane->over);
        if (seen > over ? key != seen : key < over) {
            kl_fail("pipe: worker %u got message %u of sender %u; before, message %u of sender %u came and message %u "
                    "of sender %u was released: out of order",
                    job->worker, (unsigned)seq, (unsigned)id, (unsigned)seen - 1, (unsigned)((seen - 1) >> 32),
                    (unsigned)over - 1, (unsigned)((over - 1) >> 32));
        }
        if (!p->plain) { /* else it may have been taken by a recv whose process was killed, and does not come again */
            atomic_store(&lane->seen, key);
        }
    } else if (!plain && status == MPROC_OK) {
        if (seq < r->next[id]) {
            kl_fail("pipe: worker %u got message %u of sender %u after message %u: out of order", job->worker,
                    (unsigned)seq, (unsigned)id, (unsigned)r->next[id] - 1);
        }
        r->next[id] = seq + 1;
    }
    kl_went_through(1);
    return stamp;
}

static void note_over(struct pipes *p, const struct receiver *r, uint64_t stamp)
{
    if (p->exclusive) {
        atomic_store(&p->lane[r->lane].over, stamp + 1);
    }
}

/* What receiving has returned. False: nothing came. `sent` is what had been sent before the call. */
static bool came(struct pipes *p, struct job *job, const struct receiver *r, const struct witnesses *before,
                 uint64_t sent, int status, int64_t timeout, const char *call)
{
    if (status == MPROC_EOF) {
        check_gone(p, job, before, "MPROC_EOF");
        if (p->exclusive && !p->plain && atomic_load(&p->lane[r->lane].over) < sent) {
            kl_fail("pipe: worker %u was told MPROC_EOF, but there are messages left", job->worker);
        }
        atomic_fetch_add(&p->eofs, 1);
        kl_phase(job, "waiting for somebody to come");
        proc_sleep_ns(200000);
        return false;
    }
    if (status == MPROC_RECOVERED) {
        return true;
    }
    return status != MPROC_ECANCELED && kl_passed(status, timeout, call);
}

static void receive_one(struct job *job, struct pipes *p, const mproc_pipe_t *pipe, struct receiver *r)
{
    struct ledger *l = &p->ledger;
    size_t len = 0, cap = rng_below(&job->rng, 16) == 0 ? rng_below(&job->rng, 200) : sizeof r->bytes;
    int64_t timeout = kl_random_timeout(job);
    uint64_t sent = atomic_load(&p->lane[r->lane].sent);
    struct witnesses before = look_across(p, job);
    ledger_taking(l, job, 1);
    kl_phase(job, receiving);
    int status = mproc_pipe_recv(pipe, r->bytes, cap, &len, timeout, mine.cancel);
    if (status == MPROC_EMSGSIZE) { /* it must stay where it is */
        if (len <= cap || len > l->max_len) {
            kl_fail("pipe: %zu bytes needed, it says, but the buffer has %zu", len, cap);
        }
    } else if (came(p, job, r, &before, sent, status, timeout, "recv")) {
        kl_phase(job, "noting what it got");
        uint64_t stamp = take_in(job, p, r, r->bytes, len, status, true);
        note_over(p, r, stamp);
        ledger_ended(l, stamp);
        kl_done(job);
    }
    ledger_taking(l, job, 0);
}

/* Reads in place; with a shared end sometimes several at a time. */
static void receive_in_place(struct job *job, struct pipes *p, const mproc_pipe_t *pipe, struct receiver *r)
{
    struct ledger *l = &p->ledger;
    mproc_view_t view[MAX_OPEN];
    uint64_t stamp[MAX_OPEN], again;
    bool several = !p->exclusive && rng_below(&job->rng, 4) == 0;
    unsigned n = 0, most = several ? 2 + (unsigned)rng_below(&job->rng, MAX_OPEN - 1) : 1;
    while (n < most) {
        int64_t timeout = n ? (int64_t)rng_below(&job->rng, 1 * MS) : kl_random_timeout(job);
        uint64_t sent = atomic_load(&p->lane[r->lane].sent);
        struct witnesses before = look_across(p, job);
        bool polled = n == 0 && rng_below(&job->rng, 4) == 0;
        if (polled) {
            kl_phase(job, "polling");
            int status = mproc_pipe_poll(pipe, timeout, mine.cancel);
            if (!came(p, job, r, &before, sent, status, timeout, "poll")) {
                return;
            }
            timeout = p->exclusive ? 0 : timeout;
        }
        kl_phase(job, peeking);
        int status = mproc_pipe_peek(pipe, &view[n], timeout, mine.cancel);
        if (polled && p->exclusive && status == MPROC_ETIMEDOUT) {
            kl_fail("pipe: worker %u was told that a message is there, but there is none", job->worker);
        }
        if (!came(p, job, r, &before, sent, status, timeout, "peek")) {
            break;
        }
        kl_phase(job, holding);
        stamp[n] = take_in(job, p, r, view[n].data, view[n].len, status, false);
        kl_pause_sometimes(job, 8);
        n++;
    }
    bool put_back = rng_below(&job->rng, 16) == 0;
    while (n > 0) {
        unsigned i = (unsigned)rng_below(&job->rng, n);
        if (pattern_check(view[i].data, view[i].len, &again) >= 0 || again != stamp[i]) {
            kl_fail("pipe: worker %u: a message changed while it was held", job->worker);
        }
        if (put_back) {
            kl_phase(job, returning);
            ledger_returning(l, stamp[i]);
            KL_OK(mproc_pipe_putback(pipe, view[i].id));
        } else {
            ledger_ending(l, stamp[i]);
            note_over(p, r, stamp[i]);
            kl_phase(job, releasing);
            KL_OK(mproc_pipe_release(pipe, view[i].id));
            ledger_ended(l, stamp[i]);
            kl_done(job);
        }
        view[i] = view[--n];
        stamp[i] = stamp[n];
    }
}

static struct receiver *new_receiver(const struct pipes *p, unsigned worker)
{
    struct receiver *r = calloc(1, sizeof *r);
    if (!r) {
        kl_fail("no memory");
        exit(1);
    }
    r->lane = lane_from(p, worker, 1 - end_of(worker));
    return r;
}

/* Goes on as long as somebody may send, so that nobody who sends is stuck. */
static void receive_all(struct job *job, struct pipes *p, const mproc_pipe_t *pipe)
{
    struct receiver *r = new_receiver(p, job->worker);
    while (atomic_load(&p->senders_done) < WORKERS) {
        if (p->plain && rng_below(&job->rng, 2)) {
            receive_one(job, p, pipe, r);
        } else {
            receive_in_place(job, p, pipe, r);
        }
        kl_phase(job, "between two messages to receive");
        kl_pause_sometimes(job, p->slow_receivers);
    }
    free(r);
}

/* ---- a round ---- */

static mproc_pipe_t *open_end(const struct pipes *p, unsigned worker, uint32_t flags)
{
    mproc_pipe_t *pipe = NULL;
    mproc_pipe_options_t o = MPROC_PIPE_OPTIONS_INIT;
    o.flags = flags | (p->exclusive ? MPROC_PIPE_EXCLUSIVE : 0);
    KL_OK(mproc_pipe_open(NULL, p->name[pipe_of(p, worker)], &o, (int)end_of(worker), &pipe));
    return pipe;
}

/* Thread 0 opens the end, sends, and closes it when thread 1, which receives, has left. */
static void work(struct job *job)
{
    struct pipes *p = job->scene;
    ledger_inherit(&p->ledger, job);
    if (job->thread == 1) {
        kl_phase(job, "waiting for the end to be open");
        while (!atomic_load(&mine.pipe)) {
            proc_sleep_ns(20000);
        }
        receive_all(job, p, atomic_load(&mine.pipe));
        atomic_store(&mine.receiver_has_left, 1);
        return;
    }
    if (job->incarnation > 1 && rng_below(&job->rng, 3) == 0) {
        kl_phase(job, "staying away for a while");
        for (int64_t end = proc_now() + (int64_t)rng_below(&job->rng, 200 * MS); proc_now() < end && !kl_stopping();) {
            proc_sleep_ns(1 * MS);
        }
    }
    kl_phase(job, "opening its end");
    KL_OK(mproc_cancel_create(&mine.cancel));
    mproc_pipe_t *pipe = open_end(p, job->worker, rng_below(&job->rng, 3) == 0 ? MPROC_NO_SPIN : 0);
    atomic_store(&p->open[job->worker], job->incarnation);
    atomic_store(&mine.pipe, pipe);
    send_all(job, p, pipe);
    atomic_fetch_add(&p->senders_done, 1);
    kl_phase(job, "waiting for the other senders");
    while (atomic_load(&p->senders_done) < WORKERS) {
        proc_sleep_ns(20000);
    }
    KL_OK(mproc_cancel_set(mine.cancel));
    kl_phase(job, "waiting for its receiver");
    while (!atomic_load(&mine.receiver_has_left)) {
        proc_sleep_ns(20000);
    }
    kl_phase(job, "closing its end");
    atomic_store(&p->open[job->worker], 0);
    mproc_pipe_close(pipe);
    mproc_cancel_close(mine.cancel);
}

static struct pipes *new_round(uint64_t number)
{
    static const uint64_t capacities[] = { 4096, 16384, 1 << 18 };
    struct pipes *p = proc_shared(sizeof *p);
    mproc_pipe_options_t o = MPROC_PIPE_OPTIONS_INIT;
    mproc_pipe_info_t info = { 0 };
    p->exclusive = number % 2 == 0;
    p->plain = number / 2 % 2 == 1;
    p->heavy = number % 5 == 4;
    o.flags = MPROC_PERSIST | (p->exclusive ? MPROC_PIPE_EXCLUSIVE : 0); /* at times nobody has it open */
    o.capacity_bytes = p->heavy ? 1 << 18 : capacities[rng_below(&run.rng, 3)];
    if (!p->heavy) { /* mostly full, mostly empty, in between */
        p->slow_receivers = number % 3 == 0 ? 2 : 0;
        p->slow_senders = number % 3 == 1 ? 2 : 0;
    }
    for (unsigned i = 0; i < (p->exclusive ? ENDS : 1); i++) {
        mproc_pipe_t *end = NULL;
        snprintf(p->name[i], sizeof p->name[i], "kl-pipe-%llu-%u", (unsigned long long)number, i);
        KL_OK(mproc_pipe_create(NULL, p->name[i], &o, &end, NULL));
        if (atomic_load(&board->failed)) {
            return p;
        }
        KL_OK(mproc_pipe_info(end, &info, sizeof info));
        mproc_pipe_close(end);
    }
    p->capacity = info.capacity_bytes;
    p->max_message = info.max_message;
    uint64_t max = p->heavy ? MAX_HEAVY : MAX_LEN;
    p->ledger.max_len = (uint32_t)(max < info.max_message ? max : info.max_message);
    return p;
}

/* All have gone. What is still on the way must come out, in order, and then the end. */
static void drain(struct pipes *p, uint64_t *steals)
{
    static const unsigned any[2] = { 0, ENDS }; /* a worker of each end */
    for (unsigned i = 0; i < (p->exclusive ? ENDS : 1); i++) {
        for (unsigned end = 0; end < 2 && atomic_load(&board->failed) == 0; end++) {
            struct job job = { .worker = any[end] + i, .incarnation = UINT32_MAX };
            struct receiver *r = new_receiver(p, job.worker);
            mproc_pipe_t *pipe = open_end(p, job.worker, 0);
            mproc_pipe_info_t info = { 0 };
            size_t len = 0;
            int status = MPROC_EOF;
            while (atomic_load(&board->failed) == 0 &&
                   (status = mproc_pipe_recv(pipe, r->bytes, sizeof r->bytes, &len, STALL_LIMIT, NULL)) == MPROC_OK) {
                uint64_t stamp = take_in(&job, p, r, r->bytes, len, status, true);
                note_over(p, r, stamp);
                ledger_ended(&p->ledger, stamp);
            }
            if (status != MPROC_EOF && atomic_load(&board->failed) == 0) {
                kl_fail_call("recv from a pipe that everybody has left", status, __FILE__, __LINE__);
            }
            if (atomic_load(&board->failed) == 0) {
                KL_OK(mproc_pipe_info(pipe, &info, sizeof info));
                if (info.peer != MPROC_PEER_GONE || info.incoming) {
                    kl_fail("pipe: at its end the peer is %u and %llu messages are there", (unsigned)info.peer,
                            (unsigned long long)info.incoming);
                }
                *steals += end == 0 ? info.steals : 0;
            }
            mproc_pipe_close(pipe);
            free(r);
        }
        KL_OK(mproc_domain_unlink(NULL, p->name[i]));
    }
}

bool scene_pipe(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "pipe", .workers = WORKERS, .two_threads_in = 1, .calm_in = 8,
                                .all_must_work = true, .targets = targets, .work = work };
    uint64_t messages = 0, eofs = 0, broken = 0, from_dead = 0, dropped = 0;
    bool ok = true;
    for (uint64_t number = 0; ok && kills > 0; number++) {
        uint64_t now = kills < ROUND_KILLS ? kills : ROUND_KILLS;
        kills -= now;
        struct pipes *p = new_round(number);
        crew.scene = p;
        crew.immortals = number % 3 == 1 ? 0 : ENDS; /* end 0 then lives to see how the other one comes and goes */
        ok = atomic_load(&board->failed) == 0;
        if (ok) {
            crew_start(&crew);
            ok = crew_kills(&crew, now) && crew_quiet(&crew);
            atomic_store(&board->stop, 1);
            ok = ok && crew_join(&crew, 0, crew.workers);
            crew_end(&crew);
        }
        if (ok) {
            drain(p, &tally->steals);
            ledger_audit(&p->ledger, now);
            tally->kills += now;
            tally->recovered += atomic_load(&p->ledger.redelivered);
            messages += atomic_load(&p->ledger.messages);
            from_dead += atomic_load(&p->ledger.from_dead);
            dropped += atomic_load(&p->ledger.dropped_claims);
            eofs += atomic_load(&p->eofs);
            broken += atomic_load(&p->broken);
        }
        munmap(p, sizeof *p);
        ok = ok && atomic_load(&board->failed) == 0;
    }
    tally->never = from_dead == 0 ? "a message that the dead had held"
                   : dropped == 0 ? "a reservation of the dead"
                   : eofs == 0    ? "MPROC_EOF"
                   : broken == 0  ? "MPROC_EPIPE"
                                  : NULL;
    snprintf(tally->note, sizeof tally->note,
             "%llu messages, %llu of them held by the dead, %llu reservations of the dead, %llu times MPROC_EOF, %llu "
             "MPROC_EPIPE",
             (unsigned long long)messages, (unsigned long long)from_dead, (unsigned long long)dropped,
             (unsigned long long)eofs, (unsigned long long)broken);
    return ok;
}
