/*
 * The ledger of the scenes whose messages are held for a while: who has put which message, who holds it and
 * who is done with it, in memory that no death can spoil. A message proves itself: its first word says whose
 * it is and which, and its length and every other word follow from that.
 */
#ifndef MPROC_TESTS_KILLLOOP_LEDGER_H
#define MPROC_TESTS_KILLLOOP_LEDGER_H

#include "killloop.h"

#define IDS 16384 /* identities of producers in one round */
#define SEQS 1024 /* messages of one identity; then the thread takes a new one */
#define MIN_LEN 16

/* In the first word of what is written into a reservation that is given up: nobody may ever get that. */
#define VOID_MARK (UINT64_C(1) << 63)

enum {
    ANNOUNCED = 1, /* put, send or commit has been called */
    IN = 2,        /* and has returned: from now on it must not get lost */
    SEEN = 4,      /* somebody got it */
    TAKEN = 8,     /* with a plain get: if its taker dies it is gone */
    ENDING = 16,   /* its holder has called release, ack or task_done */
    ENDED = 32,    /* and that has returned: from now on it must not come again */
};

struct entry {
    _Atomic uint64_t holder; /* kl_identity(); 0: nobody */
    _Atomic uint32_t state;
};

/* An identity: a stretch of messages of one producer thread. */
struct author {
    uint32_t lane;   /* which way they go: the scene says what that means */
    bool unordered;  /* committed in another order than reserved */
    _Atomic uint32_t used;
    struct entry entry[SEQS];
};

struct ledger {
    uint32_t max_len;
    _Atomic uint32_t ids;
    _Alignas(64) _Atomic uint64_t messages;           /* done with */
    _Atomic uint64_t redelivered, redelivered_unseen; /* came with MPROC_RECOVERED; and nobody had noted it before */
    _Atomic uint64_t from_dead;                       /* whose holder was killed */
    _Atomic uint64_t dropped_claims;                  /* reservations that died with their process */
    _Atomic uint64_t allowance;                       /* messages that killed takers may have had in their hands */
    struct {
        _Alignas(64) _Atomic uint32_t claims; /* open reservations */
        /* From the call of a plain get to the note of what it got: the most it may get, and << 8 the incarnation. */
        _Atomic uint32_t taking;
    } seat[MAX_WORKERS][MAX_THREADS];
    struct author author[IDS];
};

/* What one producer thread writes with. */
struct pen {
    uint32_t id, seq; /* the next message is this one */
    bool valid;
    uint32_t lane;
    bool unordered;
};

static inline size_t ledger_len(const struct ledger *l, uint64_t stamp)
{
    uint64_t r = mix64(stamp);
    uint32_t most = r % 4 && l->max_len <= 4096 && l->max_len > 128 ? 128 : l->max_len; /* short ones are frequent */
    return MIN_LEN + (r >> 8) % (most - MIN_LEN + 1);
}

static inline uint64_t pen_stamp(const struct pen *pen)
{
    return (uint64_t)pen->id << 32 | pen->seq;
}

static inline struct entry *ledger_entry(struct ledger *l, uint64_t stamp)
{
    return &l->author[stamp >> 32].entry[stamp & 0xffffffff];
}

/* Makes sure that the pen stands at a message that is not used yet. */
static inline uint64_t pen_next(struct ledger *l, struct pen *pen)
{
    if (!pen->valid || pen->seq == SEQS) {
        pen->id = atomic_fetch_add(&l->ids, 1);
        pen->seq = 0;
        pen->valid = true;
        if (pen->id >= IDS) {
            kl_fail("the ledger of the test is full");
        }
        l->author[pen->id].lane = pen->lane;
        l->author[pen->id].unordered = pen->unordered;
    }
    return pen_stamp(pen);
}

static inline void ledger_announce(struct ledger *l, uint64_t stamp)
{
    atomic_fetch_or(&ledger_entry(l, stamp)->state, ANNOUNCED);
    _Atomic uint32_t *used = &l->author[stamp >> 32].used; /* only its own thread writes it */
    uint32_t next = (uint32_t)stamp + 1;
    atomic_store(used, atomic_load(used) > next ? atomic_load(used) : next);
}

static inline void ledger_in(struct ledger *l, uint64_t stamp)
{
    atomic_fetch_or(&ledger_entry(l, stamp)->state, IN);
}

/* The call has failed after all (timeout, nobody there): then the message must be nowhere. */
static inline void ledger_withdraw(struct ledger *l, uint64_t stamp, int status)
{
    if (atomic_exchange(&ledger_entry(l, stamp)->state, 0) != ANNOUNCED) {
        kl_fail("%s: a message was delivered although sending it had returned %s", run.scene,
                mproc_status_name(status));
    }
}

/* What this place's predecessor had open or in its hands when it was killed goes on the bill. */
static inline void ledger_inherit(struct ledger *l, const struct job *job)
{
    atomic_fetch_add(&l->dropped_claims, atomic_exchange(&l->seat[job->worker][job->thread].claims, 0));
    atomic_fetch_add(&l->allowance, atomic_exchange(&l->seat[job->worker][job->thread].taking, 0) & 0xff);
}

static inline void ledger_claims(struct ledger *l, const struct job *job, int change)
{
    atomic_fetch_add(&l->seat[job->worker][job->thread].claims, (uint32_t)change);
}

static inline void ledger_taking(struct ledger *l, const struct job *job, uint32_t most)
{
    atomic_store(&l->seat[job->worker][job->thread].taking, most ? job->incarnation << 8 | most : 0);
}

/*
 * A message has come: is it whole, was it put, did it come once only, and is nobody working on it? `status`
 * is what the call has returned; a plain get says nothing about the past (`plain`). Returns its stamp.
 */
static inline uint64_t ledger_got(struct ledger *l, const struct job *job, const void *bytes, size_t len, int status,
                                  bool plain)
{
    uint64_t stamp = 0;
    if (len < MIN_LEN) {
        kl_fail("%s: worker %u got a message of %zu bytes, which nobody has put", run.scene, job->worker, len);
    }
    long at = pattern_check(bytes, len, &stamp);
    if (at < 0 && stamp & VOID_MARK) {
        kl_fail("%s: worker %u got what was in a reservation that was given up", run.scene, job->worker);
    }
    uint32_t id = (uint32_t)(stamp >> 32), seq = (uint32_t)stamp;
    if (at >= 0 || id >= IDS || seq >= SEQS || len != ledger_len(l, stamp)) {
        kl_fail("%s: worker %u got a torn message (%zu bytes, wrong from byte %ld on, id %u, seq %u)", run.scene,
                job->worker, len, at, (unsigned)id, (unsigned)seq);
    }
    struct entry *e = ledger_entry(l, stamp);
    uint64_t holder = atomic_exchange(&e->holder, kl_identity(job)); /* first: who has taken it has a name */
    uint32_t before = atomic_fetch_or(&e->state, plain ? SEEN | TAKEN : SEEN);
    if (!(before & ANNOUNCED)) {
        kl_fail("%s: worker %u got message %u of producer %u, which was never put", run.scene, job->worker,
                (unsigned)seq, (unsigned)id);
    }
    if (before & (ENDED | TAKEN)) {
        kl_fail("%s: worker %u got message %u of producer %u, which somebody was done with (%s)", run.scene,
                job->worker, (unsigned)seq, (unsigned)id, mproc_status_name(status));
    }
    if (holder && !kl_condemned(holder)) {
        kl_fail("%s: worker %u got message %u of producer %u, which worker %u holds, and that lives", run.scene,
                job->worker, (unsigned)seq, (unsigned)id, kl_worker_of(holder));
    }
    if (holder) {
        atomic_fetch_add(&l->from_dead, 1);
    }
    if (!plain && status == MPROC_OK && before & SEEN) {
        kl_fail("%s: worker %u got message %u of producer %u for the second time, with plain OK", run.scene,
                job->worker, (unsigned)seq, (unsigned)id);
    }
    if (status == MPROC_RECOVERED) {
        atomic_fetch_add(&l->redelivered, 1);
        if (!(before & SEEN)) {
            atomic_fetch_add(&l->redelivered_unseen, 1);
        }
    }
    return stamp;
}

static inline void ledger_ending(struct ledger *l, uint64_t stamp)
{
    atomic_fetch_or(&ledger_entry(l, stamp)->state, ENDING);
}

static inline void ledger_ended(struct ledger *l, uint64_t stamp)
{
    atomic_fetch_or(&ledger_entry(l, stamp)->state, ENDING | ENDED);
    atomic_fetch_add_explicit(&l->messages, 1, memory_order_relaxed);
}

/* Before it is put back. */
static inline void ledger_returning(struct ledger *l, uint64_t stamp)
{
    atomic_store(&ledger_entry(l, stamp)->holder, 0);
}

/* Everybody has gone and nothing is left inside: do the books agree? `kills`: how many there were. */
static inline void ledger_audit(struct ledger *l, uint64_t kills)
{
    uint64_t lost = 0, half_ended = 0, last = 0, allowed = atomic_load(&l->allowance);
    uint32_t ids = atomic_load(&l->ids);
    for (unsigned w = 0; w < MAX_WORKERS; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            allowed += atomic_load(&l->seat[w][t].taking) & 0xff;
        }
    }
    for (uint32_t id = 0; id < ids; id++) {
        for (uint32_t seq = 0; seq < atomic_load(&l->author[id].used); seq++) {
            uint32_t state = atomic_load_explicit(&l->author[id].entry[seq].state, memory_order_relaxed);
            if (state & IN && !(state & ENDING)) {
                lost++;
                last = (uint64_t)id << 32 | seq;
            }
            half_ended += (state & ENDING) && !(state & ENDED);
        }
    }
    if (lost > allowed) {
        kl_fail("%s: %llu messages are lost although they had been put, the last one message %u of producer %u (state "
                "0x%x); killed takers account for %llu at most",
                run.scene, (unsigned long long)lost, (unsigned)last, (unsigned)(last >> 32),
                (unsigned)atomic_load(&ledger_entry(l, last)->state), (unsigned long long)allowed);
    }
    if (half_ended > kills * MAX_THREADS) { /* each death can interrupt one release in each thread, no more */
        kl_fail("%s: %llu messages were released by somebody who did not live to see it, but only %llu were killed",
                run.scene, (unsigned long long)half_ended, (unsigned long long)kills);
    }
    uint64_t unseen = atomic_load(&l->redelivered_unseen);
    if (unseen > kills * MAX_THREADS) {
        kl_fail("%s: %llu messages came as RECOVERED that nobody had had before; only %llu were killed", run.scene,
                (unsigned long long)unseen, (unsigned long long)kills);
    }
}

#endif
