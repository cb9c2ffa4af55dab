/*
 * Kill loop, values that are waited for. Rounds: writers count a value up as soon as every waiter has reported the
 * number it has now, and notify; waiters wait until it has changed, and report, on another value that the writers wait
 * for. Tokens: producers add one when there is none and notify one taker; takers take it and notify one producer.
 * Everybody is killed at every step. Who waits must not be left behind a change, whoever died between changing and
 * notifying, or was notified and died before it did anything; nobody may be told of a change or of a notification that
 * never was; tokens are neither lost nor doubled, but for what a kill cut short.
 */
#include "killloop.h"

#define WRITERS 2   /* workers 0 and 1 */
#define WAITERS 3   /* 2 to 4 */
#define PRODUCERS 1 /* 5 */
#define TAKERS 2    /* 6 and 7 */
#define WORKERS (WRITERS + WAITERS + PRODUCERS + TAKERS)
#define ROUND_KILLS 40
#define UNDISTURBED 300         /* rounds at the end of each of ours, without kills */
#define UNDISTURBED_TOKENS 2000 /* and tokens */
#define LAST_TOKENS 1000        /* what the driver adds to let everybody out */

/* What the value of the rounds is. */
enum { NUMBER_I64, NUMBER_I32, NUMBER_F64, SNAPSHOT_STRUCT, RAW_STRUCT, TYPES };
static const int32_t type_codes[TYPES] = { MPROC_TYPE_I64, MPROC_TYPE_I32, MPROC_TYPE_F64, MPROC_TYPE_STRUCT,
                                           MPROC_TYPE_STRUCT };
static const size_t sizes[TYPES] = { 8, 4, 8, 256, 64 };
#define MAX_SIZE 256

enum { ROUND, REPORTS, TOKENS, TAKEN, VALUES };
static const char *const value_names[VALUES] = { "round", "reports", "tokens", "taken" };

struct handles {
    mproc_value_t *value[VALUES];
};

/* Of one thread of one worker, over all its incarnations. What was begun and not done has been cut short by a kill. */
struct books {
    _Alignas(64) _Atomic uint64_t adds_begun, adds_done, takes_begun, takes_done;
};

struct notifies {
    struct handles handles; /* that forked workers inherit */
    int type;
    uint64_t number;
    _Atomic uint64_t raw_number; /* what a RAW struct is being changed to */
    _Atomic uint64_t through[MAX_WORKERS]; /* the last number that this waiter has seen */
    _Atomic uint32_t waiting[MAX_WORKERS][MAX_THREADS];   /* the incarnation that is at it; 0: none */
    _Atomic uint32_t changing[MAX_WORKERS][MAX_THREADS];  /* likewise, from a change to the end of its notification */
    _Atomic uint32_t notifying[MAX_WORKERS][MAX_THREADS]; /* likewise, notifying those who wait for the rounds */
    _Alignas(64) _Atomic uint64_t notifications; /* of the rounds, begun */
    _Alignas(64) _Atomic uint64_t rounds, tokens, heard, recovered, waiters_died, changers_died;
    struct books books[MAX_WORKERS][MAX_THREADS];
};

static const char waiting_for_round[] = "waiting for the next round";
static const char waiting_for_news[] = "waiting for a notification";
static const char waiting_for_reports[] = "waiting for reports";
static const char waiting_for_token[] = "waiting for a token";
static const char waiting_for_taker[] = "waiting until a token is taken";
static const char changing[] = "changing a value";
static const char changed[] = "having changed a value, about to notify";
static const char notifying[] = "notifying";
static const char *const targets[] = { waiting_for_round, waiting_for_news, waiting_for_reports, waiting_for_token,
                                       waiting_for_taker, changing, changed, changed, changed, notifying, NULL };

/* ---- waiting and notifying ---- */

static bool wait_for(struct job *job, struct notifies *n, const struct handles *h, int which, const void *expected,
                     size_t size, int64_t timeout, const char *phase)
{
    _Atomic uint32_t *asleep = &n->waiting[job->worker][job->thread];
    int status;
    atomic_store(asleep, job->incarnation);
    kl_phase(job, phase);
    if (rng_below(&job->rng, 4)) {
        status = mproc_value_wait(h->value[which], expected, size, timeout, NULL);
    } else {
        mproc_wait_item_t item = { MPROC_WAIT_VALUE, 0, h->value[which], expected, size };
        uint32_t ready = 1;
        size_t count = 0;
        status = mproc_wait(&item, 1, timeout, NULL, &ready, &count);
        if (status == MPROC_OK && (count != 1 || ready != 0)) {
            kl_fail("value_notify: waiting for one thing says that %zu are ready, number %u first", count,
                    (unsigned)ready);
        }
    }
    atomic_store(asleep, 0);
    kl_done(job);
    return kl_passed(status, timeout, phase);
}

/* Between a change and its notification: now and then long enough to be killed there. */
static void hesitate(struct job *job)
{
    kl_phase(job, changed);
    if (rng_below(&job->rng, 8) == 0) {
        proc_spin_ns((int64_t)rng_below(&job->rng, 200000));
    }
}

/* Adds to a number and notifies: what one thread has to say to others. */
static void tell(struct job *job, struct notifies *n, const struct handles *h, int which, int64_t add, uint32_t most)
{
    _Atomic uint32_t *busy = &n->changing[job->worker][job->thread];
    atomic_store(busy, job->incarnation);
    kl_phase(job, changing);
    KL_OK(mproc_value_add(h->value[which], add, NULL));
    hesitate(job);
    kl_phase(job, notifying);
    KL_OK(mproc_value_notify(h->value[which], most));
    atomic_store(busy, 0);
}

/* ---- rounds ---- */

static void put_number(int type, unsigned char *bytes, uint64_t number)
{
    int32_t narrow = (int32_t)number;
    double real = (double)number;
    switch (type) {
    case NUMBER_I64:
        memcpy(bytes, &number, sizeof number);
        break;
    case NUMBER_I32:
        memcpy(bytes, &narrow, sizeof narrow);
        break;
    case NUMBER_F64:
        memcpy(bytes, &real, sizeof real);
        break;
    default:
        pattern_fill(bytes, sizes[type], number);
    }
}

static uint64_t number_in(int type, const unsigned char *bytes)
{
    uint64_t number = 0;
    int32_t narrow;
    double real;
    switch (type) {
    case NUMBER_I64:
        memcpy(&number, bytes, sizeof number);
        break;
    case NUMBER_I32:
        memcpy(&narrow, bytes, sizeof narrow);
        number = (uint64_t)narrow;
        break;
    case NUMBER_F64:
        memcpy(&real, bytes, sizeof real);
        number = (uint64_t)real;
        break;
    default: {
        long at = pattern_check(bytes, sizes[type], &number);
        if (at >= 0) {
            kl_fail("value_notify: a struct is torn at byte %ld (stamp %llx)", at, (unsigned long long)number);
        }
    }
    }
    return number;
}

static void notify_round(struct job *job, struct notifies *n, const struct handles *h)
{
    _Atomic uint32_t *busy = &n->notifying[job->worker][job->thread];
    atomic_store(busy, job->incarnation);
    atomic_fetch_add(&n->notifications, 1);
    kl_phase(job, notifying);
    KL_OK(mproc_value_notify(h->value[ROUND], UINT32_MAX));
    atomic_store(busy, 0);
}

/* RAW structs only. Whoever finds that a writer died inside does for it what it was about to do. */
static void lock_round(struct job *job, struct notifies *n, const struct handles *h)
{
    kl_phase(job, "locking a struct");
    int status = mproc_value_lock(h->value[ROUND], MPROC_FOREVER, NULL);
    if (status == MPROC_RECOVERED) {
        unsigned char bytes[MAX_SIZE];
        atomic_fetch_add(&n->recovered, 1);
        put_number(n->type, bytes, atomic_load(&n->raw_number));
        KL_OK(mproc_value_store(h->value[ROUND], bytes, sizes[n->type]));
        notify_round(job, n, h);
    } else if (status != MPROC_OK) {
        kl_fail_call("value_lock", status, __FILE__, __LINE__);
    }
}

static uint64_t look_at_round(struct job *job, struct notifies *n, const struct handles *h, unsigned char *bytes)
{
    if (n->type == RAW_STRUCT) {
        lock_round(job, n, h);
    }
    kl_phase(job, "looking at the round");
    KL_OK(mproc_value_load(h->value[ROUND], bytes, sizes[n->type]));
    if (n->type == RAW_STRUCT) {
        KL_OK(mproc_value_unlock(h->value[ROUND]));
    }
    return number_in(n->type, bytes);
}

/* From this number to the next one, unless somebody else was faster. */
static bool count_up(struct job *job, struct notifies *n, const struct handles *h, uint64_t number)
{
    unsigned char now[MAX_SIZE], next[MAX_SIZE];
    size_t size = sizes[n->type];
    int swapped = 0;
    _Atomic uint32_t *busy = &n->changing[job->worker][job->thread];
    put_number(n->type, now, number);
    put_number(n->type, next, number + 1);
    atomic_store(busy, job->incarnation);
    if (n->type == RAW_STRUCT) {
        lock_round(job, n, h);
        KL_OK(mproc_value_load(h->value[ROUND], now, size));
        swapped = number_in(n->type, now) == number;
        kl_phase(job, changing);
        if (swapped) {
            atomic_store(&n->raw_number, number + 1);
            memcpy(now, next, size / 2); /* half of it: what a writer leaves that is killed inside */
            KL_OK(mproc_value_store(h->value[ROUND], now, size));
            hesitate(job);
            KL_OK(mproc_value_store(h->value[ROUND], next, size));
        }
        KL_OK(mproc_value_unlock(h->value[ROUND]));
    } else {
        kl_phase(job, changing);
        KL_OK(mproc_value_compare_exchange(h->value[ROUND], now, next, size, NULL, &swapped));
    }
    if (swapped) {
        hesitate(job);
        notify_round(job, n, h);
    }
    atomic_store(busy, 0);
    return swapped != 0;
}

static bool all_through(struct notifies *n, uint64_t number)
{
    for (unsigned w = WRITERS; w < WRITERS + WAITERS; w++) {
        if (atomic_load(&n->through[w]) < number) {
            return false;
        }
    }
    return true;
}

/* Everywhere here: first a look, then whether it is over, then a wait for something else than what was seen. */
static void write_rounds(struct job *job, struct notifies *n, const struct handles *h)
{
    for (;;) {
        unsigned char bytes[MAX_SIZE];
        int64_t reports = 0;
        KL_OK(mproc_value_get_i64(h->value[REPORTS], &reports));
        uint64_t number = look_at_round(job, n, h, bytes);
        if (kl_stopping()) {
            return;
        }
        if (!all_through(n, number)) {
            wait_for(job, n, h, REPORTS, &reports, sizeof reports, kl_random_timeout(job), waiting_for_reports);
        } else if (count_up(job, n, h, number)) {
            atomic_fetch_add(&n->rounds, 1);
            kl_went_through(0);
            kl_done(job);
        }
        kl_pause_sometimes(job, 32);
    }
}

static bool somebody_is_notifying(struct notifies *n)
{
    for (unsigned w = 0; w < MAX_WORKERS; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            uint32_t busy = atomic_load(&n->notifying[w][t]);
            if (busy && busy == atomic_load(&board->worker[w].incarnation)) {
                return true; /* a number that is not the present one belongs to somebody who is dead */
            }
        }
    }
    return false;
}

/* Whatever the value is: only a notification counts. */
static void wait_for_news(struct job *job, struct notifies *n, const struct handles *h)
{
    uint64_t before = atomic_load(&n->notifications);
    bool on_the_way = somebody_is_notifying(n); /* after counting */
    if (wait_for(job, n, h, ROUND, NULL, 0, (int64_t)rng_below(&job->rng, 2 * MS), waiting_for_news)) {
        atomic_fetch_add(&n->heard, 1);
        if (!on_the_way && atomic_load(&n->notifications) == before && !kl_stopping()) {
            kl_fail("value_notify: worker %u was notified, but nobody has notified", job->worker);
        }
    }
}

static void wait_for_rounds(struct job *job, struct notifies *n, const struct handles *h)
{
    for (uint64_t waited_for = 0;;) {
        unsigned char bytes[MAX_SIZE];
        uint64_t number = look_at_round(job, n, h, bytes), before = atomic_load(&n->through[job->worker]);
        if (kl_stopping()) {
            return;
        }
        if (number < waited_for) {
            kl_fail("value_notify: worker %u was told that the value is not %llu any more, but it is %llu", job->worker,
                    (unsigned long long)waited_for - 1, (unsigned long long)number);
        }
        while (before < number && !atomic_compare_exchange_weak(&n->through[job->worker], &before, number)) {
        }
        if (before < number) {
            kl_went_through(1);
            tell(job, n, h, REPORTS, 1, UINT32_MAX);
        }
        if (rng_below(&job->rng, 8) == 0) {
            wait_for_news(job, n, h);
        }
        bool changed = wait_for(job, n, h, ROUND, bytes, sizes[n->type], kl_random_timeout(job), waiting_for_round);
        waited_for = changed ? number + 1 : number;
        kl_pause_sometimes(job, 8);
    }
}

/* ---- tokens ---- */

static void produce(struct job *job, struct notifies *n, const struct handles *h)
{
    struct books *books = &n->books[job->worker][job->thread];
    for (;;) {
        int64_t taken = 0, tokens = 0;
        KL_OK(mproc_value_get_i64(h->value[TAKEN], &taken));
        KL_OK(mproc_value_get_i64(h->value[TOKENS], &tokens));
        if (kl_stopping()) {
            return;
        }
        if (tokens > 0) {
            wait_for(job, n, h, TAKEN, &taken, sizeof taken, kl_random_timeout(job), waiting_for_taker);
        } else {
            atomic_fetch_add(&books->adds_begun, 1);
            tell(job, n, h, TOKENS, 1, 1);
            atomic_fetch_add(&books->adds_done, 1);
            kl_done(job);
        }
        kl_pause_sometimes(job, 64);
    }
}

static void take_tokens(struct job *job, struct notifies *n, const struct handles *h)
{
    struct books *books = &n->books[job->worker][job->thread];
    for (;;) {
        int64_t tokens = 0, fewer;
        int swapped = 0;
        KL_OK(mproc_value_get_i64(h->value[TOKENS], &tokens));
        if (kl_stopping()) {
            return;
        }
        if (tokens < 0) {
            kl_fail("value_notify: %lld tokens are there", (long long)tokens);
        }
        if (tokens == 0) {
            wait_for(job, n, h, TOKENS, &tokens, sizeof tokens, kl_random_timeout(job), waiting_for_token);
            continue;
        }
        fewer = tokens - 1;
        atomic_fetch_add(&books->takes_begun, 1);
        kl_phase(job, "taking a token");
        KL_OK(mproc_value_compare_exchange(h->value[TOKENS], &tokens, &fewer, sizeof tokens, NULL, &swapped));
        if (!swapped) {
            atomic_fetch_sub(&books->takes_begun, 1);
            continue;
        }
        atomic_fetch_add(&books->takes_done, 1);
        atomic_fetch_add(&n->tokens, 1);
        tell(job, n, h, TAKEN, 1, 1);
        kl_done(job);
        kl_pause_sometimes(job, 64);
    }
}

/* ---- a round of ours ---- */

static void full_name(const struct notifies *n, int which, char *name, size_t size)
{
    snprintf(name, size, "kl-notify-%llu-%s", (unsigned long long)n->number, value_names[which]);
}

static void open_all(struct job *job, const struct notifies *n, struct handles *h)
{
    mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
    o.flags = rng_below(&job->rng, 3) == 0 ? MPROC_NO_SPIN : 0;
    for (int which = 0; which < VALUES; which++) {
        char name[60];
        full_name(n, which, name, sizeof name);
        KL_OK(mproc_value_open(NULL, name, &o, &h->value[which]));
    }
}

static void close_all(struct handles *h)
{
    for (int which = 0; which < VALUES; which++) {
        mproc_value_close(h->value[which]);
    }
}

static void work(struct job *job)
{
    struct notifies *n = job->scene;
    struct handles mine = n->handles;
    unsigned w = job->worker;
    if (job->fresh) {
        kl_phase(job, "opening the values");
        open_all(job, n, &mine);
    }
    atomic_fetch_add(&n->waiters_died, atomic_exchange(&n->waiting[w][job->thread], 0) != 0);
    atomic_fetch_add(&n->changers_died, atomic_exchange(&n->changing[w][job->thread], 0) != 0);
    if (w < WRITERS) {
        write_rounds(job, n, &mine);
    } else if (w < WRITERS + WAITERS) {
        tell(job, n, &mine, REPORTS, 1, UINT32_MAX); /* the predecessor may have seen it, and got no further */
        wait_for_rounds(job, n, &mine);
    } else if (w < WRITERS + WAITERS + PRODUCERS) {
        produce(job, n, &mine);
    } else {
        tell(job, n, &mine, TAKEN, 1, UINT32_MAX); /* likewise */
        take_tokens(job, n, &mine);
    }
    if (job->fresh) {
        close_all(&mine);
    }
}

/* While workers are replaced all the time, newcomers help out where a wake-up was lost. Now nobody comes. */
static bool undisturbed(struct notifies *n, const struct crew *crew)
{
    uint64_t rounds = atomic_load(&n->rounds) + UNDISTURBED, tokens = atomic_load(&n->tokens) + UNDISTURBED_TOKENS;
    int64_t end = proc_now() + STALL_LIMIT;
    while (atomic_load(&n->rounds) < rounds || atomic_load(&n->tokens) < tokens) {
        if (atomic_load(&board->failed) || interrupted) {
            return false;
        }
        if (proc_now() > end) {
            crew_stalled(crew, atomic_load(&n->rounds) < rounds
                                   ? "after the last kill somebody is not notified of a round"
                                   : "after the last kill somebody is not notified of a token");
            return false;
        }
        proc_sleep_ns(200000);
    }
    return true;
}

static struct notifies *new_round(uint64_t number)
{
    struct notifies *n = proc_shared(sizeof *n);
    unsigned char initial[MAX_SIZE];
    n->type = (int)(number % TYPES);
    n->number = number;
    put_number(n->type, initial, 0);
    for (int which = 0; which < VALUES; which++) {
        mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
        char name[60];
        o.type_code = which == ROUND ? type_codes[n->type] : MPROC_TYPE_I64;
        if (which == ROUND) {
            o.elem_size = o.type_code == MPROC_TYPE_STRUCT ? sizes[n->type] : 0;
            o.flags = n->type == RAW_STRUCT ? MPROC_RAW : 0;
            o.initial = initial;
        }
        full_name(n, which, name, sizeof name);
        KL_OK(mproc_value_create(NULL, name, &o, &n->handles.value[which]));
    }
    return n;
}

/* Changes everything once more: who has not seen that it is over yet waits for something else than that. */
static void let_out(struct notifies *n)
{
    struct seat seat = { 0 };
    struct job job = { .worker = MAX_WORKERS - 1, .seat = &seat, .rng = { run.seed } };
    unsigned char bytes[MAX_SIZE];
    while (atomic_load(&board->failed) == 0) { /* or somebody else has done it, since we looked */
        if (count_up(&job, n, &n->handles, look_at_round(&job, n, &n->handles, bytes))) {
            break;
        }
    }
    atomic_fetch_add(&n->books[job.worker][0].adds_begun, LAST_TOKENS);
    tell(&job, n, &n->handles, TOKENS, LAST_TOKENS, UINT32_MAX);
    atomic_fetch_add(&n->books[job.worker][0].adds_done, LAST_TOKENS);
    tell(&job, n, &n->handles, REPORTS, 1, UINT32_MAX);
    tell(&job, n, &n->handles, TAKEN, 1, UINT32_MAX);
}

/* Everybody has gone. The tokens are what the books say, but for calls that a kill interrupted. */
static void audit(struct notifies *n, uint64_t kills)
{
    int64_t low = 0, high = 0, tokens = 0;
    for (unsigned w = 0; w < MAX_WORKERS; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            const struct books *b = &n->books[w][t];
            low += (int64_t)(atomic_load(&b->adds_done) - atomic_load(&b->takes_begun));
            high += (int64_t)(atomic_load(&b->adds_begun) - atomic_load(&b->takes_done));
        }
    }
    KL_OK(mproc_value_get_i64(n->handles.value[TOKENS], &tokens));
    if (tokens < low || tokens > high || high - low > (int64_t)kills * MAX_THREADS) {
        kl_fail("value_notify: %lld tokens are left; by the books it must be %lld to %lld, after %llu kills",
                (long long)tokens, (long long)low, (long long)high, (unsigned long long)kills);
    }
    /* Whatever the dead left in the words, they work: nobody waits here any more. */
    KL_OK(mproc_value_notify(n->handles.value[TOKENS], UINT32_MAX));
    int status = mproc_value_wait(n->handles.value[TOKENS], &tokens, sizeof tokens, 1 * MS, NULL);
    if (status != MPROC_ETIMEDOUT) {
        kl_fail_call("waiting for a change when nobody is left", status, __FILE__, __LINE__);
    }
    status = mproc_value_wait(n->handles.value[TOKENS], NULL, 0, 1 * MS, NULL);
    if (status != MPROC_ETIMEDOUT) {
        kl_fail_call("waiting for a notification when nobody is left", status, __FILE__, __LINE__);
    }
    tokens++;
    KL_OK(mproc_value_wait(n->handles.value[TOKENS], &tokens, sizeof tokens, 0, NULL));
}

bool scene_value_notify(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "value_notify", .workers = WORKERS, .two_threads_in = 4,
                                .all_must_work = true, .targets = targets, .work = work };
    uint64_t rounds = 0, tokens = 0, heard = 0, waiters_died = 0, changers_died = 0;
    bool ok = true;
    for (uint64_t number = 0; ok && kills > 0; number++) {
        uint64_t now = kills < ROUND_KILLS ? kills : ROUND_KILLS;
        kills -= now;
        struct notifies *n = new_round(number);
        crew.scene = n;
        ok = atomic_load(&board->failed) == 0;
        if (ok) {
            crew_start(&crew);
            ok = crew_kills(&crew, now) && undisturbed(n, &crew) && crew_quiet(&crew);
            atomic_store(&board->stop, 1);
            if (ok) {
                let_out(n);
            }
            ok = ok && crew_join(&crew, 0, crew.workers);
            crew_end(&crew);
        }
        if (ok) {
            mproc_value_info_t info = { 0 };
            audit(n, now);
            KL_OK(mproc_value_info(n->handles.value[ROUND], &info, sizeof info));
            tally->steals += info.steals;
            tally->kills += now;
            tally->recovered += atomic_load(&n->recovered);
            rounds += atomic_load(&n->rounds);
            tokens += atomic_load(&n->tokens);
            heard += atomic_load(&n->heard);
            waiters_died += atomic_load(&n->waiters_died);
            changers_died += atomic_load(&n->changers_died);
        }
        close_all(&n->handles);
        munmap(n, sizeof *n);
        ok = ok && atomic_load(&board->failed) == 0;
    }
    tally->never = waiters_died == 0   ? "a waiter that was killed in its wait"
                   : changers_died == 0 ? "a process that was killed between changing and notifying"
                   : heard == 0        ? "a wait ended by nothing but a notification"
                                       : NULL;
    snprintf(tally->note, sizeof tally->note,
             "%llu rounds, %llu tokens, %llu notifications heard, %llu waiters killed, %llu between change and "
             "notification",
             (unsigned long long)rounds, (unsigned long long)tokens, (unsigned long long)heard,
             (unsigned long long)waiters_died, (unsigned long long)changers_died);
    return ok;
}
