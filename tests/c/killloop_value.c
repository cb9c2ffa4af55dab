/*
 * Kill loop, values: SNAPSHOT structs of many sizes that must never be seen torn, values with one writer
 * whose last returned store must be there after its death, and atomic counters with a ledger.
 */
#include "killloop.h"

#define WORKERS 5
#define SHARED 6 /* structs that everybody writes */
#define OWN_SIZE 4096
#define MAX_SIZE (1 << 20)

static const size_t sizes[SHARED] = { 16, 64, 1000, 4096, 65536, MAX_SIZE };

enum { COUNTER_I64, COUNTER_I32, COUNTER_F64, COUNTER_CAS, COUNTERS };

/* Of one worker place: what it was about to add, and what it has added for sure. Outlives its processes. */
struct ledger {
    _Alignas(64) _Atomic uint64_t announced[MAX_THREADS][COUNTERS];
    _Atomic uint64_t returned[MAX_THREADS][COUNTERS];
    _Atomic uint64_t interrupted[MAX_THREADS][COUNTERS]; /* additions of dead processes, of which nobody knows */
    _Atomic uint64_t own_announced, own_returned;        /* stamps of the value that only this worker writes */
};

struct handles {
    mproc_value_t *shared[SHARED], *own[WORKERS], *counter[COUNTERS];
};

struct values {
    struct handles handles;
    struct ledger ledger[WORKERS];
};

static const char storing[] = "storing a struct";
static const char loading[] = "loading a struct";
static const char exchanging[] = "exchanging a struct";
static const char owning[] = "storing a struct that is mine";
static const char adding[] = "adding";
static const char *const targets[] = { storing, storing, loading, exchanging, owning, NULL };

static void check(const struct job *job, const void *bytes, size_t size, const char *how)
{
    uint64_t stamp;
    long at = pattern_check(bytes, size, &stamp);
    if (at >= 0) {
        kl_fail("value: %s of %zu bytes by worker %u is torn at byte %ld (stamp %llx)", how, size, job->worker, at,
                (unsigned long long)stamp);
    }
}

static uint64_t new_stamp(struct job *job)
{
    return (rng_next(&job->rng) | 1) << 8 | job->worker;
}

static void use_shared(struct job *job, const struct handles *h, unsigned char *buf, unsigned char *old)
{
    unsigned i = (unsigned)rng_below(&job->rng, SHARED);
    size_t size = sizes[i];
    switch (rng_below(&job->rng, 4)) {
    case 0:
        KL_TIMED(job, loading, mproc_value_load(h->shared[i], buf, size));
        check(job, buf, size, "a load");
        break;
    case 1:
        pattern_fill(buf, size, new_stamp(job));
        KL_TIMED(job, exchanging, mproc_value_exchange(h->shared[i], buf, old, size));
        check(job, old, size, "what an exchange returned");
        break;
    default:
        pattern_fill(buf, size, new_stamp(job));
        KL_TIMED(job, storing, mproc_value_store(h->shared[i], buf, size));
        break;
    }
}

#define READY 4 /* shared[READY] is stored from bytes made beforehand: then most of the time goes into the store itself */

static void hammer(struct job *job, const struct handles *h, unsigned char *const ready[2])
{
    for (uint64_t n = 1 + rng_below(&job->rng, 20); n > 0 && !kl_stopping(); n--) {
        KL_TIMED(job, storing, mproc_value_store(h->shared[READY], ready[n % 2], sizes[READY]));
        kl_done(job);
    }
}

/* A store that returned must survive its writer; one that did not return is there whole or not at all. */
static void use_own(struct job *job, const struct handles *h, struct ledger *ledger, unsigned char *buf, bool first)
{
    uint64_t stamp, returned = atomic_load(&ledger->own_returned), announced = atomic_load(&ledger->own_announced);
    mproc_value_t *own = h->own[job->worker];
    KL_TIMED(job, "loading a struct that is mine", mproc_value_load(own, buf, OWN_SIZE));
    check(job, buf, OWN_SIZE, "a load of an own value");
    memcpy(&stamp, buf, sizeof stamp);
    if (stamp != returned && !(first && stamp == announced)) {
        kl_fail("value: worker %u finds stamp %llu, but the last store that returned was %llu (announced %llu)", job->worker,
                (unsigned long long)stamp, (unsigned long long)returned, (unsigned long long)announced);
    }
    atomic_store(&ledger->own_returned, stamp); /* seen, so from now on it counts */
    atomic_store(&ledger->own_announced, stamp + 1);
    pattern_fill(buf, OWN_SIZE, stamp + 1);
    KL_TIMED(job, owning, mproc_value_store(own, buf, OWN_SIZE));
    atomic_store(&ledger->own_returned, stamp + 1);
}

static void add(struct job *job, const struct handles *h, struct ledger *ledger, int64_t *seen)
{
    unsigned c = (unsigned)rng_below(&job->rng, COUNTERS), t = job->thread;
    uint64_t d = c == COUNTER_CAS ? 1 : 1 + rng_below(&job->rng, 7);
    int64_t now;
    kl_phase(job, adding);
    atomic_fetch_add(&ledger->announced[t][c], d);
    switch (c) {
    case COUNTER_I64:
        KL_OK(mproc_value_add(h->counter[c], (int64_t)d, &now));
        if (now < *seen) {
            kl_fail("value: a counter that only grows went from %lld to %lld", (long long)*seen, (long long)now);
        }
        *seen = now + (int64_t)d;
        break;
    case COUNTER_I32:
        KL_OK(mproc_value_fetch_i64(h->counter[c], MPROC_OP_ADD, (int64_t)d, NULL));
        break;
    case COUNTER_F64:
        KL_OK(mproc_value_fetch_f64(h->counter[c], MPROC_OP_ADD, (double)d, NULL));
        break;
    default: {
        /* A struct counted up by compare-and-exchange: no increment may get lost between two writers. */
        unsigned char expected[256], desired[256], found[256];
        int swapped = 0;
        KL_OK(mproc_value_load(h->counter[c], expected, sizeof expected));
        while (!swapped) {
            uint64_t stamp;
            check(job, expected, sizeof expected, "a compare-and-exchange");
            memcpy(&stamp, expected, sizeof stamp);
            pattern_fill(desired, sizeof desired, stamp + 1);
            KL_OK(mproc_value_compare_exchange(h->counter[c], expected, desired, sizeof desired, found, &swapped));
            memcpy(expected, found, sizeof expected);
        }
    }
    }
    atomic_fetch_add(&ledger->returned[t][c], d);
}

static void open_all(struct handles *h)
{
    char name[40];
    for (unsigned i = 0; i < SHARED; i++) {
        snprintf(name, sizeof name, "kl-shared-%u", i);
        KL_OK(mproc_value_open(NULL, name, NULL, &h->shared[i]));
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        snprintf(name, sizeof name, "kl-own-%u", i);
        KL_OK(mproc_value_open(NULL, name, NULL, &h->own[i]));
    }
    for (unsigned i = 0; i < COUNTERS; i++) {
        snprintf(name, sizeof name, "kl-counter-%u", i);
        KL_OK(mproc_value_open(NULL, name, NULL, &h->counter[i]));
    }
}

static void close_all(struct handles *h)
{
    for (unsigned i = 0; i < SHARED; i++) {
        mproc_value_close(h->shared[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        mproc_value_close(h->own[i]);
    }
    for (unsigned i = 0; i < COUNTERS; i++) {
        mproc_value_close(h->counter[i]);
    }
}

static void work(struct job *job)
{
    struct values *v = job->scene;
    struct ledger *ledger = &v->ledger[job->worker];
    struct handles mine = v->handles;
    unsigned char *buf = malloc(MAX_SIZE), *old = malloc(MAX_SIZE);
    unsigned char *ready[2] = { malloc(sizes[READY]), malloc(sizes[READY]) };
    if (!buf || !old || !ready[0] || !ready[1]) {
        kl_fail("no memory");
    }
    pattern_fill(ready[0], sizes[READY], new_stamp(job));
    pattern_fill(ready[1], sizes[READY], new_stamp(job));
    if (job->fresh) {
        kl_phase(job, "opening the values");
        open_all(&mine);
    }
    /* What the predecessor announced and never finished is unknown for good; from here on the books are even. */
    for (unsigned c = 0; c < COUNTERS; c++) {
        uint64_t gap = atomic_load(&ledger->announced[job->thread][c]) - atomic_load(&ledger->returned[job->thread][c]) -
                       atomic_load(&ledger->interrupted[job->thread][c]);
        atomic_fetch_add(&ledger->interrupted[job->thread][c], gap);
        if (gap > 7) {
            kl_fail("value: the ledger of worker %u is off by %llu", job->worker, (unsigned long long)gap);
        }
    }
    int64_t seen = 0;
    for (bool first = true; !kl_stopping(); first = false) {
        if (job->thread == 0) {
            use_own(job, &mine, ledger, buf, first);
            kl_done(job);
        }
        hammer(job, &mine, ready);
        for (uint64_t n = rng_below(&job->rng, 6); n > 0; n--) {
            use_shared(job, &mine, buf, old);
            kl_done(job);
        }
        for (uint64_t n = rng_below(&job->rng, 6); n > 0; n--) {
            add(job, &mine, ledger, &seen);
            kl_done(job);
        }
    }
    if (job->fresh) {
        close_all(&mine);
    }
    free(buf);
    free(old);
    free(ready[0]);
    free(ready[1]);
}

static void create_struct(const char *prefix, unsigned i, size_t size, mproc_value_t **out)
{
    char name[40];
    static unsigned char initial[MAX_SIZE];
    mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
    snprintf(name, sizeof name, "%s-%u", prefix, i);
    pattern_fill(initial, size, 0);
    o.type_code = MPROC_TYPE_STRUCT;
    o.elem_size = size;
    o.initial = initial;
    KL_OK(mproc_value_create(NULL, name, &o, out));
}

static void create_all(struct handles *h)
{
    static const int32_t types[] = { MPROC_TYPE_I64, MPROC_TYPE_I32, MPROC_TYPE_F64 };
    for (unsigned i = 0; i < SHARED; i++) {
        create_struct("kl-shared", i, sizes[i], &h->shared[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        create_struct("kl-own", i, OWN_SIZE, &h->own[i]);
    }
    for (unsigned i = 0; i < COUNTER_CAS; i++) {
        char name[40];
        mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
        snprintf(name, sizeof name, "kl-counter-%u", i);
        o.type_code = types[i];
        KL_OK(mproc_value_create(NULL, name, &o, &h->counter[i]));
    }
    create_struct("kl-counter", COUNTER_CAS, 256, &h->counter[COUNTER_CAS]);
}

/* Every counter is between what was surely added and what was announced. */
static void check_counters(const struct values *v, uint64_t kills)
{
    for (unsigned c = 0; c < COUNTERS; c++) {
        uint64_t announced = 0, returned = 0, got = 0;
        for (unsigned w = 0; w < WORKERS; w++) {
            for (unsigned t = 0; t < MAX_THREADS; t++) {
                announced += atomic_load(&v->ledger[w].announced[t][c]);
                returned += atomic_load(&v->ledger[w].returned[t][c]);
            }
        }
        double f = 0;
        unsigned char bytes[256];
        switch (c) {
        case COUNTER_F64:
            KL_OK(mproc_value_get_f64(v->handles.counter[c], &f));
            got = (uint64_t)f;
            break;
        case COUNTER_CAS:
            KL_OK(mproc_value_load(v->handles.counter[c], bytes, sizeof bytes));
            memcpy(&got, bytes, sizeof got);
            break;
        default:
            KL_OK(mproc_value_get_i64(v->handles.counter[c], (int64_t *)&got));
        }
        uint64_t above = got - returned;
        if (c == COUNTER_I32) {
            above = (uint32_t)above; /* it wraps around */
        }
        if (above > announced - returned || announced - returned > kills * MAX_THREADS * 7) {
            kl_fail("value: counter %u is %llu; %llu were added for sure and %llu announced, after %llu kills", c,
                    (unsigned long long)got, (unsigned long long)returned, (unsigned long long)announced,
                    (unsigned long long)kills);
        }
    }
}

bool scene_value(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "value", .workers = WORKERS, .immortals = 1, .two_threads_in = 4, .all_must_work = true,
                                .targets = targets, .work = work };
    struct values *v = proc_shared(sizeof *v);
    create_all(&v->handles);
    if (atomic_load(&board->failed)) {
        return false;
    }
    crew.scene = v;
    crew_start(&crew);
    bool ok = crew_kills(&crew, kills) && crew_quiet(&crew);
    atomic_store(&board->stop, 1);
    ok = ok && crew_join(&crew, 0, crew.workers);
    uint64_t ops = 0;
    for (unsigned w = 0; w < WORKERS; w++) {
        ops += atomic_load(&board->worker[w].seat[0].ops) + atomic_load(&board->worker[w].seat[1].ops);
    }
    crew_end(&crew);
    if (ok) {
        check_counters(v, kills);
        mproc_value_t *const *groups[] = { v->handles.shared, v->handles.own, v->handles.counter };
        const unsigned counts[] = { SHARED, WORKERS, COUNTERS };
        for (unsigned g = 0; g < 3; g++) {
            for (unsigned i = 0; i < counts[g]; i++) {
                mproc_value_info_t info = { 0 };
                KL_OK(mproc_value_info(groups[g][i], &info, sizeof info));
                tally->steals += info.steals;
            }
        }
    }
    tally->kills = kills;
    snprintf(tally->note, sizeof tally->note, "%llu operations", (unsigned long long)ops);
    close_all(&v->handles);
    munmap(v, sizeof *v);
    return ok && atomic_load(&board->failed) == 0;
}
