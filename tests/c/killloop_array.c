/*
 * Kill loop, arrays: struct elements that must be old or new and never half, single and in slices, at all
 * times and after kills; elements with one writer whose last returned write must be there; scalar slices.
 */
#include "killloop.h"

#define WORKERS 5
#define SHARED 4 /* struct arrays that everybody writes */
#define MAX_BYTES (2 << 20)
#define OWN_SIZE 520
#define SCALARS 4096

static const struct {
    size_t size, length;
} shapes[SHARED] = { { 20, 1000 }, { 4096, 32 }, { 65536, 8 }, { 1 << 20, 2 } };

struct ledger {
    _Alignas(64) _Atomic uint64_t announced, returned; /* stamps of the element that only this worker writes */
};

struct handles {
    mproc_array_t *shared[SHARED], *own, *scalars;
};

struct arrays {
    struct handles handles;
    struct ledger ledger[WORKERS];
};

static const char setting[] = "setting a struct element";
static const char writing[] = "writing a slice of structs";
static const char reading[] = "reading structs";
static const char owning[] = "setting the element that is mine";
static const char *const targets[] = { setting, writing, writing, reading, owning, NULL };

static void check(const struct job *job, const unsigned char *bytes, size_t size, size_t index, const char *how)
{
    uint64_t stamp;
    long at = pattern_check(bytes, size, &stamp);
    if (at >= 0) {
        kl_fail("array: element %zu (%zu bytes) %s by worker %u is torn at byte %ld (stamp %llx)", index, size, how, job->worker,
                at, (unsigned long long)stamp);
    }
}

static uint64_t new_stamp(struct job *job)
{
    return (rng_next(&job->rng) | 1) << 8 | job->worker;
}

static void use_shared(struct job *job, const struct handles *h, unsigned char *buf)
{
    unsigned i = (unsigned)rng_below(&job->rng, SHARED);
    size_t size = shapes[i].size, index = rng_below(&job->rng, shapes[i].length);
    size_t run_length = 1 + rng_below(&job->rng, shapes[i].length - index);
    switch (rng_below(&job->rng, 5)) {
    case 0:
        KL_TIMED(job, reading, mproc_array_get(h->shared[i], index, buf, size));
        check(job, buf, size, index, "got");
        break;
    case 1:
        KL_TIMED(job, reading, mproc_array_read(h->shared[i], index, run_length, buf, run_length * size));
        for (size_t e = 0; e < run_length; e++) {
            check(job, buf + e * size, size, index + e, "read");
        }
        break;
    case 2:
        for (size_t e = 0; e < run_length; e++) {
            pattern_fill(buf + e * size, size, new_stamp(job));
        }
        KL_TIMED(job, writing, mproc_array_write(h->shared[i], index, run_length, buf, run_length * size));
        break;
    default:
        pattern_fill(buf, size, new_stamp(job));
        KL_TIMED(job, setting, mproc_array_set(h->shared[i], index, buf, size));
    }
}

#define READY 2 /* elements of shared[READY] are set from bytes made beforehand: then most of the time goes into the set itself */

static void hammer(struct job *job, const struct handles *h, unsigned char *const ready[2])
{
    size_t size = shapes[READY].size;
    for (uint64_t n = 1 + rng_below(&job->rng, 20); n > 0 && !kl_stopping(); n--) {
        KL_TIMED(job, setting, mproc_array_set(h->shared[READY], rng_below(&job->rng, shapes[READY].length), ready[n % 2], size));
        kl_done(job);
    }
}

/* A write that returned must survive its writer; one that did not is there whole or not at all. */
static void use_own(struct job *job, const struct handles *h, struct ledger *ledger, bool first)
{
    unsigned char buf[OWN_SIZE];
    uint64_t stamp, returned = atomic_load(&ledger->returned), announced = atomic_load(&ledger->announced);
    KL_TIMED(job, reading, mproc_array_get(h->own, job->worker, buf, sizeof buf));
    check(job, buf, sizeof buf, job->worker, "of its own got");
    memcpy(&stamp, buf, sizeof stamp);
    if (stamp != returned && !(first && stamp == announced)) {
        kl_fail("array: worker %u finds stamp %llu, but the last write that returned was %llu (announced %llu)", job->worker,
                (unsigned long long)stamp, (unsigned long long)returned, (unsigned long long)announced);
    }
    atomic_store(&ledger->returned, stamp); /* seen, so from now on it counts */
    atomic_store(&ledger->announced, stamp + 1);
    pattern_fill(buf, sizeof buf, stamp + 1);
    KL_TIMED(job, owning, mproc_array_set(h->own, job->worker, buf, sizeof buf));
    atomic_store(&ledger->returned, stamp + 1);
}

/* A number that proves itself: the upper half follows from the lower one. */
static uint64_t scalar(uint32_t low)
{
    return (uint64_t)(uint32_t)mix64(low) << 32 | low;
}

static void use_scalars(struct job *job, const struct handles *h, uint64_t *buf)
{
    size_t start = rng_below(&job->rng, SCALARS), n = rng_below(&job->rng, SCALARS - start + 1);
    if (rng_below(&job->rng, 2)) {
        uint32_t low = (uint32_t)rng_next(&job->rng);
        for (size_t e = 0; e < n; e++) {
            buf[e] = scalar(low + (uint32_t)e);
        }
        KL_TIMED(job, "writing a slice of scalars", mproc_array_write(h->scalars, start, n, buf, n * sizeof *buf));
    } else {
        KL_TIMED(job, "reading a slice of scalars", mproc_array_read(h->scalars, start, n, buf, n * sizeof *buf));
        for (size_t e = 0; e < n; e++) {
            if (buf[e] != scalar((uint32_t)buf[e])) {
                kl_fail("array: scalar %zu is torn: %llx", start + e, (unsigned long long)buf[e]);
            }
        }
    }
}

static const char *const names[] = { "kl-structs-0", "kl-structs-1", "kl-structs-2", "kl-structs-3" };

static void work(struct job *job)
{
    struct arrays *a = job->scene;
    struct handles mine = a->handles;
    unsigned char *buf = malloc(MAX_BYTES);
    unsigned char *ready[2] = { malloc(shapes[READY].size), malloc(shapes[READY].size) };
    if (!buf || !ready[0] || !ready[1]) {
        kl_fail("no memory");
    }
    pattern_fill(ready[0], shapes[READY].size, new_stamp(job));
    pattern_fill(ready[1], shapes[READY].size, new_stamp(job));
    if (job->fresh) {
        kl_phase(job, "opening the arrays");
        for (unsigned i = 0; i < SHARED; i++) {
            KL_OK(mproc_array_open(NULL, names[i], NULL, &mine.shared[i]));
        }
        KL_OK(mproc_array_open(NULL, "kl-own", NULL, &mine.own));
        KL_OK(mproc_array_open(NULL, "kl-scalars", NULL, &mine.scalars));
    }
    for (bool first = true; !kl_stopping(); first = false) {
        if (job->thread == 0) {
            use_own(job, &mine, &a->ledger[job->worker], first);
            kl_done(job);
        }
        hammer(job, &mine, ready);
        for (uint64_t n = rng_below(&job->rng, 6); n > 0; n--) {
            use_shared(job, &mine, buf);
            kl_done(job);
        }
        if (rng_below(&job->rng, 4) == 0) {
            use_scalars(job, &mine, (uint64_t *)(void *)buf);
            kl_done(job);
        }
    }
    if (job->fresh) {
        for (unsigned i = 0; i < SHARED; i++) {
            mproc_array_close(mine.shared[i]);
        }
        mproc_array_close(mine.own);
        mproc_array_close(mine.scalars);
    }
    free(buf);
    free(ready[0]);
    free(ready[1]);
}

static void create_structs(const char *name, size_t size, size_t length, mproc_array_t **out)
{
    static unsigned char initial[MAX_BYTES];
    mproc_array_options_t o = MPROC_ARRAY_OPTIONS_INIT;
    for (size_t e = 0; e < length; e++) {
        pattern_fill(initial + e * size, size, 0);
    }
    o.type_code = MPROC_TYPE_STRUCT;
    o.elem_size = size;
    o.ndim = 1;
    o.shape[0] = length;
    o.initial = initial;
    o.initial_count = length;
    KL_OK(mproc_array_create(NULL, name, &o, out));
}

static void create_all(struct handles *h)
{
    for (unsigned i = 0; i < SHARED; i++) {
        create_structs(names[i], shapes[i].size, shapes[i].length, &h->shared[i]);
    }
    create_structs("kl-own", OWN_SIZE, WORKERS, &h->own);
    static uint64_t initial[SCALARS];
    mproc_array_options_t o = MPROC_ARRAY_OPTIONS_INIT;
    for (size_t e = 0; e < SCALARS; e++) {
        initial[e] = scalar((uint32_t)e);
    }
    o.type_code = MPROC_TYPE_U64;
    o.ndim = 2;
    o.shape[0] = 64;
    o.shape[1] = SCALARS / 64;
    o.initial = initial;
    o.initial_count = SCALARS;
    KL_OK(mproc_array_create(NULL, "kl-scalars", &o, &h->scalars));
}

bool scene_array(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "array", .workers = WORKERS, .immortals = 1, .two_threads_in = 4, .all_must_work = true,
                                .targets = targets, .work = work };
    struct arrays *a = proc_shared(sizeof *a);
    create_all(&a->handles);
    if (atomic_load(&board->failed)) {
        return false;
    }
    crew.scene = a;
    crew_start(&crew);
    bool ok = crew_kills(&crew, kills) && crew_quiet(&crew);
    atomic_store(&board->stop, 1);
    ok = ok && crew_join(&crew, 0, crew.workers);
    uint64_t ops = 0;
    for (unsigned w = 0; w < WORKERS; w++) {
        ops += atomic_load(&board->worker[w].seat[0].ops) + atomic_load(&board->worker[w].seat[1].ops);
    }
    crew_end(&crew);

    struct job last = { .worker = 99 };
    unsigned char *buf = malloc(MAX_BYTES);
    for (unsigned i = 0; ok && buf && i < SHARED; i++) {
        size_t size = shapes[i].size, n = shapes[i].length;
        KL_OK(mproc_array_read(a->handles.shared[i], 0, n, buf, n * size));
        for (size_t e = 0; e < n; e++) {
            check(&last, buf + e * size, size, e, "at the end");
        }
    }
    free(buf);
    mproc_array_t *all[] = { a->handles.shared[0], a->handles.shared[1], a->handles.shared[2],
                             a->handles.shared[3], a->handles.own,       a->handles.scalars };
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        mproc_array_info_t info = { 0 };
        KL_OK(mproc_array_info(all[i], &info, sizeof info));
        tally->steals += info.steals;
        tally->rollbacks += info.rollbacks;
        mproc_array_close(all[i]);
    }
    tally->kills = kills;
    snprintf(tally->note, sizeof tally->note, "%llu operations", (unsigned long long)ops);
    munmap(a, sizeof *a);
    return ok && atomic_load(&board->failed) == 0;
}
