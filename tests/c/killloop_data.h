/*
 * What the scenes of dict, list and nested containers share: data that prove themselves, counters with a ledger, and
 * books. A book is what one worker has put into a container that only it changes, in memory that no death can spoil:
 * after a kill the container must be as before the call that was under way, or as after it.
 */
#ifndef MPROC_TESTS_KILLLOOP_DATA_H
#define MPROC_TESTS_KILLLOOP_DATA_H

#include "killloop.h"

#include <inttypes.h>

/* ---- data ---- */

#define DATA_MAX 40000 /* bytes of the longest datum */
#define TEXT_UNIT 16

/* A stamp of this kind stands for an integer; other stamps for a string, bytes or a list, by their bits. */
#define PLAIN_STAMP (UINT64_C(1) << 62)

static inline int32_t data_type(uint64_t stamp)
{
    static const int32_t types[] = { MPROC_DATUM_STR, MPROC_DATUM_BYTES, MPROC_DATUM_BYTES, MPROC_DATUM_LIST };
    return stamp & PLAIN_STAMP ? MPROC_DATUM_INT : types[mix64(stamp) % 4];
}

/* Most are short; some are longer than what small blocks hold, a few much longer. */
static inline size_t data_len(uint64_t stamp)
{
    uint64_t r = mix64(stamp ^ 1);
    size_t most = r % 128 == 0 ? DATA_MAX - 64 : r % 8 == 0 ? 3000 : 150;
    return TEXT_UNIT + (r >> 8) % (most - TEXT_UNIT);
}

static inline uint64_t data_new_stamp(struct job *job, bool plain)
{
    uint64_t stamp = (rng_next(&job->rng) >> 3) | 1;
    return plain ? stamp | PLAIN_STAMP : stamp;
}

/* What the stamp stands for; `buf` has DATA_MAX bytes. */
static inline mproc_datum_t data_make(uint64_t stamp, unsigned char *buf)
{
    size_t len = data_len(stamp), head;
    switch (data_type(stamp)) {
    case MPROC_DATUM_INT:
        return mproc_datum_int((int64_t)stamp);
    case MPROC_DATUM_STR:
        for (size_t at = 0; at < len; at += TEXT_UNIT) {
            char text[TEXT_UNIT + 1];
            snprintf(text, sizeof text, "%016" PRIx64, pattern_word(stamp, at / TEXT_UNIT));
            memcpy(buf + at, text, len - at < TEXT_UNIT ? len - at : TEXT_UNIT);
        }
        return mproc_datum_strn((const char *)buf, len);
    case MPROC_DATUM_BYTES:
        pattern_fill(buf, len, stamp);
        return mproc_datum_bytes(buf, len);
    default:
        /* MessagePack: a list of two byte strings, the stamp and a pattern. */
        buf[0] = 0x92;
        buf[1] = 0xc4;
        buf[2] = 8;
        memcpy(buf + 3, &stamp, 8);
        head = len < 256 ? 13 : 14;
        buf[11] = len < 256 ? 0xc4 : 0xc5;
        buf[12] = (unsigned char)(len < 256 ? len : len >> 8);
        buf[13] = (unsigned char)len;
        pattern_fill(buf + head, len, stamp);
        return mproc_datum_packed(buf, head + len);
    }
}

/* Which stamp a datum stands for; fails the run if it is not exactly what was made of it. */
static inline uint64_t data_stamp(const struct job *job, mproc_datum_t d, const char *how)
{
    static _Thread_local unsigned char expected[DATA_MAX];
    char digits[TEXT_UNIT + 1] = "";
    uint64_t stamp = 0;
    mproc_datum_t good;
    if (d.type == MPROC_DATUM_INT) {
        stamp = (uint64_t)d.as.i;
    } else if (d.type == MPROC_DATUM_STR && d.len >= TEXT_UNIT) {
        memcpy(digits, d.data, TEXT_UNIT);
        stamp = strtoull(digits, NULL, 16);
    } else if (d.type == MPROC_DATUM_BYTES && d.len >= 8) {
        memcpy(&stamp, d.data, 8);
    } else if (d.type == MPROC_DATUM_LIST && d.len >= 11) {
        memcpy(&stamp, (const unsigned char *)d.data + 3, 8);
    } else {
        kl_fail("%s: worker %u: %s gave a datum of type %d, %zu bytes, which nobody has put there", run.scene,
                job->worker, how, (int)d.type, d.len);
    }
    good = data_make(stamp, expected);
    if (good.type != d.type || (d.type != MPROC_DATUM_INT && (good.len != d.len || memcmp(good.data, d.data, d.len)))) {
        kl_fail("%s: worker %u: %s gave a torn datum (type %d, %zu bytes, stamp %llx: type %d, %zu bytes)", run.scene,
                job->worker, how, (int)d.type, d.len, (unsigned long long)stamp, (int)good.type, good.len);
    }
    return stamp;
}

/* Long values made beforehand: then most of the time goes into the calls themselves. */
#define READY 3
#define READY_LEAST 20000

struct ready {
    uint64_t stamp[READY];
    mproc_datum_t value[READY];
    unsigned char bytes[READY][DATA_MAX];
};

/* Of the lowest byte of a stamp the caller may say what it means: less than `marks`. */
static inline void ready_make(struct job *job, struct ready *ready, uint32_t marks)
{
    for (unsigned i = 0; i < READY; i++) {
        do {
            ready->stamp[i] = (data_new_stamp(job, false) & ~UINT64_C(0xff)) | rng_below(&job->rng, marks);
        } while (data_len(ready->stamp[i]) < READY_LEAST);
        ready->value[i] = data_make(ready->stamp[i], ready->bytes[i]);
    }
}

/* A call that may only return this status. */
#define KL_IS(status, call)                                                                                \
    do {                                                                                                   \
        int kl_status_ = (call);                                                                           \
        if (kl_status_ != (status)) {                                                                      \
            kl_fail_call(#call " (not " #status ")", kl_status_, __FILE__, __LINE__);                      \
        }                                                                                                  \
    } while (0)

/* ---- counters ---- */

#define COUNTERS 4
#define MOST_ADDED 7

/* Of one worker place: what it was about to add, and what it has added for sure. Outlives its processes. */
struct counts {
    struct {
        _Alignas(64) _Atomic uint64_t announced[COUNTERS], returned[COUNTERS], interrupted[COUNTERS];
    } thread[MAX_THREADS];
};

/* What the predecessor announced and never finished is unknown for good; from here on the books are even. */
static inline void counts_inherit(struct counts *counts, const struct job *job)
{
    for (unsigned c = 0; c < COUNTERS; c++) {
        uint64_t gap = atomic_load(&counts->thread[job->thread].announced[c]) -
                       atomic_load(&counts->thread[job->thread].returned[c]) -
                       atomic_load(&counts->thread[job->thread].interrupted[c]);
        atomic_fetch_add(&counts->thread[job->thread].interrupted[c], gap);
        if (gap > MOST_ADDED) {
            kl_fail("%s: the ledger of worker %u is off by %llu", run.scene, job->worker, (unsigned long long)gap);
        }
    }
}

static inline void counts_announce(struct counts *counts, const struct job *job, unsigned counter, uint64_t delta)
{
    atomic_fetch_add(&counts->thread[job->thread].announced[counter], delta);
}

static inline void counts_returned(struct counts *counts, const struct job *job, unsigned counter, uint64_t delta)
{
    atomic_fetch_add(&counts->thread[job->thread].returned[counter], delta);
}

/* Every counter is between what was surely added and what was announced; `got` is what stands there. */
static inline void counts_audit(const struct counts *all, unsigned workers, unsigned counter, uint64_t got,
                                uint64_t kills)
{
    uint64_t announced = 0, returned = 0;
    for (unsigned w = 0; w < workers; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            announced += atomic_load(&all[w].thread[t].announced[counter]);
            returned += atomic_load(&all[w].thread[t].returned[counter]);
        }
    }
    if (got - returned > announced - returned || announced - returned > kills * MAX_THREADS * MOST_ADDED) {
        kl_fail("%s: counter %u is %llu; %llu were added for sure and %llu announced, after %llu kills", run.scene,
                counter, (unsigned long long)got, (unsigned long long)returned, (unsigned long long)announced,
                (unsigned long long)kills);
    }
}

/* ---- books ---- */

#define BOOK_MOST 240
#define PAIRS_MOST 8

/* In their order; lists have no keys. */
struct page {
    uint32_t count;
    uint32_t key[BOOK_MOST];
    uint64_t stamp[BOOK_MOST];
};

struct book {
    /* Which page is true, << 1; and whether a call is under way that would make the other one true. */
    _Alignas(64) _Atomic uint32_t state;
    struct page page[2];
    /* The call changes one after the other, each atomically: pairs that are put on the true page. 0: none. */
    uint32_t pairs;
    uint32_t pair_key[PAIRS_MOST];
    uint64_t pair_stamp[PAIRS_MOST];
    _Atomic uint64_t undone, done; /* calls of the killed that had no effect, and that had it */
};

static inline const struct page *book_page(const struct book *book)
{
    return &book->page[atomic_load(&book->state) >> 1];
}

/* The other page, equal to the true one so far: make of it what the call should. */
static inline struct page *book_plan(struct book *book)
{
    struct page *plan = &book->page[1 - (atomic_load(&book->state) >> 1)];
    *plan = *book_page(book);
    book->pairs = 0;
    return plan;
}

static inline void book_announce(struct book *book)
{
    atomic_fetch_or(&book->state, 1);
}

/* The call has returned; it has done what was planned, or nothing. */
static inline void book_close(struct book *book, bool done)
{
    uint32_t page = atomic_load(&book->state) >> 1;
    atomic_store(&book->state, (done ? 1 - page : page) << 1);
}

static inline int page_find(const struct page *page, uint32_t key)
{
    for (uint32_t i = 0; i < page->count; i++) {
        if (page->key[i] == key) {
            return (int)i;
        }
    }
    return -1;
}

static inline void page_insert(struct page *page, uint32_t at, uint32_t key, uint64_t stamp)
{
    memmove(page->key + at + 1, page->key + at, (page->count - at) * sizeof page->key[0]);
    memmove(page->stamp + at + 1, page->stamp + at, (page->count - at) * sizeof page->stamp[0]);
    page->key[at] = key;
    page->stamp[at] = stamp;
    page->count++;
}

static inline void page_remove(struct page *page, uint32_t at)
{
    page->count--;
    memmove(page->key + at, page->key + at + 1, (page->count - at) * sizeof page->key[0]);
    memmove(page->stamp + at, page->stamp + at + 1, (page->count - at) * sizeof page->stamp[0]);
}

/* As a dict does it: what is there keeps its place. */
static inline void page_put(struct page *page, uint32_t key, uint64_t stamp)
{
    int at = page_find(page, key);
    if (at >= 0) {
        page->stamp[at] = stamp;
    } else {
        page_insert(page, page->count, key, stamp);
    }
}

static inline bool page_equal(const struct page *a, const struct page *b)
{
    return a->count == b->count && !memcmp(a->key, b->key, a->count * sizeof a->key[0]) &&
           !memcmp(a->stamp, b->stamp, a->count * sizeof a->stamp[0]);
}

/* What is in the container must be in the book; after a kill also what the call under way would have made of it. */
static inline void book_compare(struct book *book, const struct job *job, const struct page *seen)
{
    uint32_t state = atomic_load(&book->state);
    bool under_way = state & 1;
    struct page *now = &book->page[state >> 1], *other = &book->page[1 - (state >> 1)];
    if (page_equal(seen, now)) {
        atomic_fetch_add(&book->undone, under_way);
        atomic_store(&book->state, state & ~UINT32_C(1));
        return;
    }
    if (under_way && page_equal(seen, other)) {
        atomic_fetch_add(&book->done, 1);
        book_close(book, true);
        return;
    }
    for (uint32_t i = 0; under_way && i < book->pairs; i++) {
        struct page partly = *now;
        for (uint32_t k = 0; k <= i; k++) {
            page_put(&partly, book->pair_key[k], book->pair_stamp[k]);
        }
        if (page_equal(seen, &partly)) {
            *other = partly;
            book_close(book, true);
            return;
        }
    }
    uint32_t at = 0;
    while (at < seen->count && at < now->count && seen->key[at] == now->key[at] && seen->stamp[at] == now->stamp[at]) {
        at++;
    }
    kl_fail("%s: worker %u finds %u entries where it has left %u (or %u, if the call under way counts: %s); they "
            "differ from number %u on",
            run.scene, job->worker, (unsigned)seen->count, (unsigned)now->count, (unsigned)other->count,
            under_way ? "there was one" : "there was none", (unsigned)at);
}

/* ---- at the end ---- */

/* Nothing is leaked and nothing broken; adds to the tally what the arena has been through. */
static inline void arena_audit(const mproc_arena_t *arena, struct tally *tally)
{
    char text[300] = "";
    mproc_arena_info_t info;
    int status = mproc_arena_check(arena, text, sizeof text);
    if (status != MPROC_OK) {
        mproc_error_t e = { 0 };
        mproc_last_error(&e, sizeof e);
        kl_fail("%s: mproc_arena_check() says %s: %s: %s", run.scene, mproc_status_name(status), e.message, text);
        return;
    }
    KL_OK(mproc_arena_info(arena, &info, sizeof info));
    tally->steals += info.steals;
    tally->rollbacks += info.rollbacks;
}

static inline uint64_t crew_ops(const struct crew *crew)
{
    uint64_t ops = 0;
    for (unsigned w = 0; w < crew->workers; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            ops += atomic_load(&board->worker[w].seat[t].ops);
        }
    }
    return ops;
}

#endif
