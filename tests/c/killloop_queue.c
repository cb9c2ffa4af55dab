/*
 * Kill loop, queues. Producers put messages that carry who made them, a sequence number and a checksum,
 * and note in a ledger of their own what put has returned for; consumers note what they got. At the end of
 * each round (a fresh queue with other bounds and another balance of the two sides) the books must agree:
 * no message lost that put had returned for, except the one message or batch a killed consumer had already
 * taken; none twice, none corrupt, each producer's in order, and nobody stuck.
 */
#include "killloop.h"

#define PRODUCERS 3
#define CONSUMERS 3
#define ROUND_KILLS 125
#define IDS 65536     /* producers' identities in one round */
#define SEQS 4096     /* messages of one identity; then the thread takes a new one */
#define MAX_LEN 2000     /* of most messages */
#define MAX_HEAVY 60000  /* of messages in heavy rounds: kills then hit the copying */
#define MAX_BATCH 16

/* The start of every message that is not empty; the rest is filler that follows from it. */
struct head {
    uint32_t id, seq;
    uint64_t sum;
};

/* One identity: a stretch of messages from one producer thread. */
struct maker {
    _Atomic uint32_t started;  /* put was called for seq < started */
    _Atomic uint32_t returned; /* put has returned for seq < returned */
    _Atomic uint64_t got[SEQS / 64];
};

/* Of one consumer thread's place: what a get in progress may take away with it when it is killed. */
struct taking {
    _Alignas(64) _Atomic uint32_t batch;
};

struct queues {
    mproc_queue_t *queue; /* inherited handle */
    uint64_t capacity, max_message;
    uint32_t max_items, max_len;
    bool heavy;
    unsigned slow_producers, slow_consumers; /* one pause in so many operations; 0: none */
    char name[32];
    _Atomic uint32_t ids;
    _Alignas(64) _Atomic uint64_t empties_announced, empties_returned, empties_got;
    _Alignas(64) _Atomic uint64_t messages;
    _Alignas(64) _Atomic uint64_t allowance; /* messages that killed consumers may have had in their hands */
    struct taking taking[PRODUCERS + CONSUMERS][MAX_THREADS];
    struct maker maker[IDS];
};

static const char putting[] = "putting a message";
static const char putting_many[] = "putting a batch";
static const char getting[] = "getting a message";
static const char getting_many[] = "getting a batch";
static const char *const targets[] = { putting, putting, putting_many, getting, getting, getting_many, NULL };

/* Of everything behind the head; four lanes, because a slow test kills few processes inside of a call. */
static uint64_t body_sum(const unsigned char *bytes, size_t len)
{
    uint64_t lane[4] = { len, 1, 2, 3 }, w[4];
    size_t i = sizeof(struct head);
    for (; i < len; i += sizeof w) {
        memset(w, 0, sizeof w);
        memcpy(w, bytes + i, len - i < sizeof w ? len - i : sizeof w);
        for (unsigned l = 0; l < 4; l++) {
            lane[l] = (lane[l] ^ w[l]) * UINT64_C(0xD1342543DE82EF95);
            lane[l] ^= lane[l] >> 29;
        }
    }
    return mix64(lane[0]) + 3 * mix64(lane[1]) + 5 * mix64(lane[2]) + 7 * mix64(lane[3]);
}

static uint64_t head_sum(uint32_t id, uint32_t seq)
{
    return mix64((uint64_t)id << 32 | seq);
}

static void put_head(unsigned char *message, uint32_t id, uint32_t seq, uint64_t body)
{
    struct head head = { id, seq, head_sum(id, seq) ^ body };
    memcpy(message, &head, sizeof head);
}

/* 0, or the length of a whole message; short ones are the most frequent. */
static size_t random_len(struct job *job, const struct queues *q)
{
    uint64_t kind = rng_below(&job->rng, 16);
    if (kind == 0) {
        return 0;
    }
    bool small = kind < 10 && q->max_len <= MAX_LEN;
    return sizeof(struct head) + rng_below(&job->rng, (small ? 100 : q->max_len) - sizeof(struct head) + 1);
}

/* ---- producers ---- */

struct producer {
    uint32_t id, seq; /* the next message is this one; SEQS: a new identity is due */
    size_t len[MAX_BATCH]; /* what `body` is the sum of */
    uint64_t body[MAX_BATCH];
    unsigned char bytes[MAX_BATCH][MAX_HEAVY];
};

/* Makes message i of a batch, of the given length. In heavy rounds lengths stay, and with them the sums. */
static void make_message(struct producer *p, size_t i, size_t len, uint32_t seq)
{
    if (len != p->len[i]) {
        p->len[i] = len;
        p->body[i] = body_sum(p->bytes[i], len);
    }
    put_head(p->bytes[i], p->id, seq, p->body[i]);
}

static struct maker *next_maker(struct queues *q, struct producer *p)
{
    if (p->seq == SEQS) {
        p->id = atomic_fetch_add(&q->ids, 1);
        p->seq = 0;
        if (p->id >= IDS) {
            kl_fail("queue: the ledger of the test is full");
        }
    }
    return &q->maker[p->id];
}

static void put_one(struct job *job, struct queues *q, const mproc_queue_t *queue, struct producer *p)
{
    int64_t timeout = kl_random_timeout(job);
    size_t len = q->heavy && rng_below(&job->rng, 8) ? p->len[0] : random_len(job, q);
    if (len == 0) {
        atomic_fetch_add(&q->empties_announced, 1);
        kl_phase(job, putting);
        if (kl_passed(mproc_queue_put(queue, NULL, 0, timeout, NULL), timeout, "put")) {
            atomic_fetch_add(&q->empties_returned, 1);
        } else {
            atomic_fetch_sub(&q->empties_announced, 1);
        }
        return;
    }
    struct maker *m = next_maker(q, p);
    make_message(p, 0, len, p->seq);
    atomic_store(&m->started, p->seq + 1);
    kl_phase(job, putting);
    if (kl_passed(mproc_queue_put(queue, p->bytes[0], len, timeout, NULL), timeout, "put")) {
        atomic_store(&m->returned, ++p->seq);
        kl_went_through(0);
    }
}

static void put_batch(struct job *job, struct queues *q, const mproc_queue_t *queue, struct producer *p)
{
    int64_t timeout = kl_random_timeout(job);
    struct maker *m = next_maker(q, p);
    mproc_message_t batch[MAX_BATCH];
    size_t n = 1 + rng_below(&job->rng, MAX_BATCH), done = SIZE_MAX;
    n = n < SEQS - p->seq ? n : SEQS - p->seq;
    for (size_t i = 0; i < n; i++) {
        size_t len = q->heavy ? p->len[i] : random_len(job, q);
        len = len ? len : sizeof(struct head); /* empty ones are counted singly */
        make_message(p, i, len, p->seq + (uint32_t)i);
        batch[i] = (mproc_message_t){ p->bytes[i], len };
    }
    atomic_store(&m->started, p->seq + (uint32_t)n);
    kl_phase(job, putting_many);
    bool all = kl_passed(mproc_queue_put_many(queue, batch, n, &done, timeout, NULL), timeout, "put_many");
    if (done > n || (all && done != n)) {
        kl_fail("queue: put_many of %zu says %zu are in (%s)", n, done, all ? "OK" : "timeout");
    }
    p->seq += (uint32_t)done;
    atomic_store(&m->returned, p->seq);
    if (done > 0) {
        kl_went_through(0);
    }
}

static void produce(struct job *job, struct queues *q, const mproc_queue_t *queue)
{
    static struct producer producers[MAX_THREADS];
    struct producer *p = &producers[job->thread];
    p->seq = SEQS;
    for (size_t i = 0; i < MAX_BATCH; i++) {
        pattern_fill(p->bytes[i], q->max_len, rng_next(&job->rng));
        if (q->heavy) {
            make_message(p, i, sizeof(struct head) + rng_below(&job->rng, q->max_len - sizeof(struct head) + 1), 0);
        }
    }
    while (!kl_stopping()) {
        if (rng_below(&job->rng, 4)) {
            put_one(job, q, queue, p);
        } else {
            put_batch(job, q, queue, p);
        }
        kl_done(job);
        kl_phase(job, "between two puts");
        kl_pause_sometimes(job, q->slow_producers);
    }
}

/* ---- consumers ---- */

struct consumer {
    uint32_t next[IDS]; /* of each producer: the least sequence number that may come */
    unsigned char bytes[MAX_BATCH * (MAX_HEAVY + 8)];
};

static void take_in(struct job *job, struct queues *q, struct consumer *c, const unsigned char *bytes, size_t len)
{
    struct head head;
    if (len == 0) {
        atomic_fetch_add(&q->empties_got, 1);
        return;
    }
    if (len < sizeof head || len > q->max_len) {
        kl_fail("queue: a message of %zu bytes, which nobody has put", len);
    }
    memcpy(&head, bytes, sizeof head);
    if (head.id >= IDS || head.seq >= SEQS || (body_sum(bytes, len) ^ head_sum(head.id, head.seq)) != head.sum) {
        kl_fail("queue: worker %u got a corrupt message (%zu bytes, id %u, seq %u)", job->worker, len, (unsigned)head.id,
                (unsigned)head.seq);
    }
    struct maker *m = &q->maker[head.id];
    if (head.seq >= atomic_load(&m->started)) {
        kl_fail("queue: message %u of producer %u was never put", (unsigned)head.seq, (unsigned)head.id);
    }
    if (head.seq < c->next[head.id]) {
        kl_fail("queue: worker %u got message %u of producer %u after message %u: out of order", job->worker, (unsigned)head.seq,
                (unsigned)head.id, (unsigned)c->next[head.id] - 1);
    }
    c->next[head.id] = head.seq + 1;
    uint64_t bit = UINT64_C(1) << head.seq % 64;
    if (atomic_fetch_or(&m->got[head.seq / 64], bit) & bit) {
        kl_fail("queue: message %u of producer %u was delivered twice", (unsigned)head.seq, (unsigned)head.id);
    }
    atomic_fetch_add_explicit(&q->messages, 1, memory_order_relaxed);
}

/* One get, single or batch. False: the queue is shut down and drained. */
static bool get_some(struct job *job, struct queues *q, const mproc_queue_t *queue, struct consumer *c)
{
    struct taking *taking = &q->taking[job->worker][job->thread];
    int64_t timeout = kl_random_timeout(job);
    size_t lens[MAX_BATCH], count = 1, most = 1;
    bool many = rng_below(&job->rng, 3) == 0;
    int status;
    if (many) {
        most = 1 + rng_below(&job->rng, MAX_BATCH);
        atomic_store(&taking->batch, (uint32_t)most);
        kl_phase(job, getting_many);
        status = mproc_queue_get_many(queue, c->bytes, sizeof c->bytes, lens, most, &count, timeout, NULL);
    } else {
        /* Sometimes with a buffer that may be too small: the message must stay where it is. */
        size_t cap = rng_below(&job->rng, 16) == 0 ? rng_below(&job->rng, 200) : sizeof c->bytes;
        atomic_store(&taking->batch, 1);
        kl_phase(job, getting);
        status = mproc_queue_get(queue, c->bytes, cap, &lens[0], timeout, NULL);
        if (status == MPROC_EMSGSIZE) {
            if (lens[0] <= cap || lens[0] > q->max_len) {
                kl_fail("queue: %zu bytes needed, it says, but the buffer has %zu", lens[0], cap);
            }
            atomic_store(&taking->batch, 0);
            return true;
        }
    }
    if (status == MPROC_ECLOSED) {
        if (!kl_stopping()) {
            kl_fail("queue: closed, but nobody has shut it down");
        }
        return false;
    }
    if (kl_passed(status, timeout, many ? "get_many" : "get")) {
        kl_phase(job, "noting what it got");
        kl_went_through(1);
        if (count < 1 || count > most) {
            kl_fail("queue: get_many of %zu got %zu", most, count);
        }
        size_t at = 0;
        for (size_t i = 0; i < count; i++) {
            if (at + lens[i] > sizeof c->bytes) {
                kl_fail("queue: get_many has returned more than fits");
            }
            take_in(job, q, c, c->bytes + at, lens[i]);
            at += (lens[i] + 7) / 8 * 8;
        }
    }
    atomic_store(&taking->batch, 0);
    return true;
}

static void look_around(const struct queues *q, const mproc_queue_t *queue)
{
    mproc_queue_info_t info = { 0 };
    size_t items;
    KL_OK(mproc_queue_info(queue, &info, sizeof info));
    KL_OK(mproc_queue_size(queue, &items));
    if (info.capacity_bytes != q->capacity || info.used_bytes > info.capacity_bytes || items > q->capacity / 8 ||
        (q->max_items && (items > q->max_items || info.items > q->max_items))) {
        kl_fail("queue: %zu (%llu) messages in %llu of %llu bytes, at most %u", items, (unsigned long long)info.items,
                (unsigned long long)info.used_bytes, (unsigned long long)info.capacity_bytes, (unsigned)q->max_items);
    }
}

static void consume(struct job *job, struct queues *q, const mproc_queue_t *queue)
{
    struct consumer *c = calloc(1, sizeof *c);
    if (!c) {
        kl_fail("no memory");
    }
    while (get_some(job, q, queue, c)) {
        kl_done(job);
        kl_phase(job, "between two gets");
        if (rng_below(&job->rng, 64) == 0) {
            look_around(q, queue);
        }
        kl_pause_sometimes(job, q->slow_consumers);
    }
    atomic_store(&q->taking[job->worker][job->thread].batch, 0);
    free(c);
}

/* ---- a round ---- */

static void work(struct job *job)
{
    struct queues *q = job->scene;
    mproc_queue_t *queue = q->queue;
    if (job->fresh) {
        kl_phase(job, "opening the queue");
        mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
        o.flags = rng_below(&job->rng, 3) == 0 ? MPROC_NO_SPIN : 0;
        KL_OK(mproc_queue_open(NULL, q->name, &o, &queue));
    }
    /* What the predecessor in this place may have taken with it goes on the bill. */
    atomic_fetch_add(&q->allowance, atomic_exchange(&q->taking[job->worker][job->thread].batch, 0));
    if (job->worker < CONSUMERS) {
        consume(job, q, queue);
    } else {
        produce(job, q, queue);
    }
    if (job->fresh) {
        mproc_queue_close(queue);
    }
}

static struct queues *new_round(uint64_t number)
{
    static const uint64_t capacities[] = { 4096, 4096, 16384, 65536, 1 << 20 };
    static const uint32_t bounds[] = { 0, 0, 1, 5, 100 };
    struct queues *q = proc_shared(sizeof *q);
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    mproc_queue_info_t info = { 0 };
    o.capacity_bytes = capacities[rng_below(&run.rng, 5)];
    o.max_items = bounds[rng_below(&run.rng, 5)];
    q->heavy = number % 2 == 1;
    if (q->heavy) {
        o.max_items = 0;
        o.capacity_bytes = 1 << 20;
    }
    if (!q->heavy) { /* mostly full, mostly empty, in between */
        q->slow_consumers = number / 2 % 3 == 0 ? 2 : 0;
        q->slow_producers = number / 2 % 3 == 1 ? 2 : 0;
    }
    snprintf(q->name, sizeof q->name, "kl-queue-%llu", (unsigned long long)number);
    KL_OK(mproc_queue_create(NULL, q->name, &o, &q->queue));
    if (atomic_load(&board->failed)) {
        return q;
    }
    KL_OK(mproc_queue_info(q->queue, &info, sizeof info));
    q->capacity = info.capacity_bytes;
    q->max_message = info.max_message;
    q->max_items = o.max_items;
    q->max_len = q->heavy ? MAX_HEAVY : MAX_LEN;
    if (q->max_len > q->max_message) {
        q->max_len = (uint32_t)q->max_message;
    }
    if (q->capacity < o.capacity_bytes || q->max_message < 100) {
        kl_fail("queue: asked for %llu bytes, got %llu with messages up to %llu", (unsigned long long)o.capacity_bytes,
                (unsigned long long)q->capacity, (unsigned long long)q->max_message);
    }
    return q;
}

/* Everybody has gone and the queue is drained: do the books agree? */
static void check_books(struct queues *q)
{
    uint64_t lost = 0, allowed = atomic_load(&q->allowance);
    uint32_t ids = atomic_load(&q->ids), lost_id = 0, lost_seq = 0;
    for (unsigned w = 0; w < PRODUCERS + CONSUMERS; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            allowed += atomic_load(&q->taking[w][t].batch);
        }
    }
    for (uint32_t id = 0; id < ids; id++) {
        struct maker *m = &q->maker[id];
        uint32_t returned = atomic_load(&m->returned);
        for (uint32_t seq = 0; seq < returned; seq++) {
            if (!(atomic_load_explicit(&m->got[seq / 64], memory_order_relaxed) >> seq % 64 & 1)) {
                lost++;
                lost_id = id;
                lost_seq = seq;
            }
        }
    }
    uint64_t put = atomic_load(&q->empties_returned), tried = atomic_load(&q->empties_announced), got = atomic_load(&q->empties_got);
    if (got > tried) {
        kl_fail("queue: %llu empty messages were put at most, but %llu came out", (unsigned long long)tried, (unsigned long long)got);
    }
    uint64_t lost_empties = put > got ? put - got : 0;
    if (lost + lost_empties > allowed) {
        kl_fail("queue %s: %llu messages and %llu empty ones are lost although put had returned, the last one message %u of "
                "producer %u; killed consumers account for %llu at most",
                q->name, (unsigned long long)lost, (unsigned long long)lost_empties, (unsigned)lost_seq, (unsigned)lost_id,
                (unsigned long long)allowed);
    }
    mproc_queue_info_t info = { 0 };
    KL_OK(mproc_queue_info(q->queue, &info, sizeof info));
    if (info.items || info.used_bytes || info.state != MPROC_QUEUE_DRAINING) {
        kl_fail("queue %s: drained, but %llu messages in %llu bytes (state %u)", q->name, (unsigned long long)info.items,
                (unsigned long long)info.used_bytes, (unsigned)info.state);
    }
}

bool scene_queue(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "queue", .workers = PRODUCERS + CONSUMERS, .two_threads_in = 4, .targets = targets,
                                .work = work };
    uint64_t messages = 0, may_be_lost = 0;
    bool ok = true;
    for (uint64_t number = 0; ok && kills > 0; number++) {
        uint64_t now = kills < ROUND_KILLS ? kills : ROUND_KILLS;
        kills -= now;
        struct queues *q = new_round(number);
        crew.scene = q;
        crew.immortals = number / 4 % 2; /* in half of the rounds one consumer sees it all, so that order is checked throughout */
        ok = atomic_load(&board->failed) == 0;
        if (ok) {
            crew_start(&crew);
            ok = crew_kills(&crew, now) && crew_quiet(&crew);
            /* Producers leave first; then the queue is shut down and the consumers empty it. */
            atomic_store(&board->stop, 1);
            ok = ok && crew_join(&crew, CONSUMERS, crew.workers);
            KL_OK(mproc_queue_shutdown(q->queue, 0));
            ok = ok && crew_join(&crew, 0, CONSUMERS);
            crew_end(&crew);
        }
        if (ok) {
            mproc_queue_info_t info = { 0 };
            check_books(q);
            KL_OK(mproc_queue_info(q->queue, &info, sizeof info));
            tally->steals += info.steals;
            tally->kills += now;
            messages += atomic_load(&q->messages);
            may_be_lost += atomic_load(&q->allowance);
            mproc_queue_close(q->queue);
        }
        munmap(q, sizeof *q);
        ok = ok && atomic_load(&board->failed) == 0;
    }
    snprintf(tally->note, sizeof tally->note, "%llu messages, %llu could have died in a consumer's hands",
             (unsigned long long)messages, (unsigned long long)may_be_lost);
    return ok;
}
