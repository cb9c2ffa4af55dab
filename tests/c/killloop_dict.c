/*
 * Kill loop, dict: a dict for each worker, which only it changes, in all ways, and whose content and order must be
 * exactly what the calls that returned have made of it; and one dict that everybody changes, with counters whose sums
 * must add up, values that must be whole and under the right key, and pairs of which a snapshot must see one moment.
 */
#include "killloop_data.h"

#define WORKERS 5
#define OWN_KEYS 60
#define SHARED_KEYS 40
#define FIRST_COUNTER 1000
#define FIRST_PAIR 2000 /* left and right of each worker */

struct handles {
    mproc_dict_t *shared, *own[WORKERS];
};

struct dicts {
    struct handles handles;
    struct counts counts[WORKERS];
    struct book book[WORKERS];
    _Alignas(64) _Atomic uint64_t snapshots, changed, one_in_two;
};

/* What a thread works with. */
struct desk {
    unsigned char in[DATA_MAX], out[DATA_MAX], key[64], key_out[64];
    struct ready ready;
    struct page seen;
    int64_t floor[COUNTERS]; /* counters only grow */
    mproc_builder_t *builder;
};

static const char setting[] = "setting a key";
static const char removing[] = "removing a key";
static const char clearing[] = "clearing";
static const char updating[] = "updating several keys";
static const char counting[] = "adding";
static const char taking_all[] = "taking a snapshot";
static const char *const targets[] = { setting, removing, clearing, updating, counting, taking_all, NULL };

/* ---- keys ---- */

/* Integers, strings, bytes and lists. Shared keys say in their value whose they are. */
static mproc_datum_t key_datum(uint32_t k, unsigned char *buf)
{
    switch (k % 4) {
    case 0:
        return mproc_datum_int(k);
    case 1:
        return mproc_datum_strn((char *)buf, (size_t)snprintf((char *)buf, 32, "key number %u", (unsigned)k));
    case 2:
        memcpy(buf, &k, sizeof k);
        return mproc_datum_bytes(buf, sizeof k);
    default:
        memcpy(buf, (unsigned char[]){ 0x91, 0xc4, 4 }, 3); /* a list of one byte string */
        memcpy(buf + 3, &k, sizeof k);
        return mproc_datum_packed(buf, 3 + sizeof k);
    }
}

static uint32_t key_number(const struct job *job, mproc_datum_t d)
{
    unsigned char good[64];
    char text[40] = "";
    uint32_t k = UINT32_MAX;
    if (d.type == MPROC_DATUM_INT) {
        k = (uint32_t)d.as.i;
    } else if (d.type == MPROC_DATUM_STR && d.len > 11 && d.len < sizeof text) {
        memcpy(text, d.data, d.len);
        k = (uint32_t)strtoul(text + 11, NULL, 10);
    } else if (d.type == MPROC_DATUM_BYTES && d.len == sizeof k) {
        memcpy(&k, d.data, sizeof k);
    } else if (d.type == MPROC_DATUM_LIST && d.len == 3 + sizeof k) {
        memcpy(&k, (const unsigned char *)d.data + 3, sizeof k);
    }
    mproc_datum_t wanted = key_datum(k, good);
    if (wanted.type != d.type || (d.type != MPROC_DATUM_INT && (wanted.len != d.len || memcmp(good, d.data, d.len)))) {
        kl_fail("dict: worker %u found a key that nobody has set (type %d, %zu bytes)", job->worker, (int)d.type,
                d.len);
    }
    return k;
}

/* ---- a dict of one's own ---- */

static void read_own(struct job *job, const mproc_dict_t *own, struct desk *desk)
{
    mproc_iter_t *iter;
    mproc_datum_t key, value;
    uint64_t len;
    int status;
    bool live = rng_below(&job->rng, 2); /* nobody changes it meanwhile: both must come to the end */
    KL_TIMED(job, taking_all, live ? mproc_dict_iter(own, &iter) : mproc_dict_items(own, &iter));
    KL_OK(live ? mproc_dict_len(own, &len) : mproc_iter_len(iter, &len));
    desk->seen.count = 0;
    while ((status = mproc_iter_next(iter, &key, &value)) == MPROC_OK) {
        if (desk->seen.count == BOOK_MOST) {
            kl_fail("dict: worker %u finds more in its dict than it ever had", job->worker);
        }
        page_insert(&desk->seen, desk->seen.count, key_number(job, key), data_stamp(job, value, "items"));
    }
    KL_IS(MPROC_END, status);
    if (len != desk->seen.count) {
        kl_fail("dict: of %llu items there came %u", (unsigned long long)len, (unsigned)desk->seen.count);
    }
    mproc_iter_close(iter);
}

static void expect_stamp(const struct job *job, mproc_datum_t d, uint64_t stamp, const char *how)
{
    uint64_t got = data_stamp(job, d, how);
    if (got != stamp) {
        kl_fail("dict: worker %u: %s gave stamp %llx instead of %llx", job->worker, how, (unsigned long long)got,
                (unsigned long long)stamp);
    }
}

/* No room for what comes out: then nothing may have been done, and the room that is needed is said. */
static void without_room(struct job *job, const mproc_dict_t *own, mproc_datum_t key, uint64_t stamp, struct desk *desk)
{
    mproc_datum_t out = { 0 };
    size_t len = data_make(stamp, desk->in).len;
    KL_IS(MPROC_EMSGSIZE, rng_below(&job->rng, 2) ? mproc_dict_pop(own, key, desk->out, len - 1, &out)
                                                  : mproc_dict_get(own, key, NULL, 0, &out));
    if (out.len < len) {
        kl_fail("dict: a value of %zu bytes needs %zu, it says", len, out.len);
    }
}

/* Ends a change of the book: the call has done what was planned. */
#define CHANGED(job, book, phase, call)                                                                    \
    do {                                                                                                   \
        book_announce(book);                                                                               \
        KL_TIMED(job, phase, call);                                                                        \
        book_close(book, true);                                                                            \
    } while (0)

static void update_own(struct job *job, const mproc_dict_t *own, struct book *book, struct page *plan,
                       struct desk *desk)
{
    uint32_t first = (uint32_t)rng_below(&job->rng, OWN_KEYS), n = 1 + (uint32_t)rng_below(&job->rng, PAIRS_MOST);
    mproc_datum_t map;
    KL_OK(mproc_builder_reset(desk->builder));
    KL_OK(mproc_builder_begin_map(desk->builder));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = (first + i) % OWN_KEYS;
        uint64_t stamp = data_new_stamp(job, false);
        page_put(plan, k, stamp);
        book->pair_key[i] = k;
        book->pair_stamp[i] = stamp;
        KL_OK(mproc_builder_add(desk->builder, key_datum(k, desk->key)));
        KL_OK(mproc_builder_add(desk->builder, data_make(stamp, desk->in)));
    }
    KL_OK(mproc_builder_end(desk->builder));
    KL_OK(mproc_builder_datum(desk->builder, &map));
    book->pairs = n;
    CHANGED(job, book, updating, mproc_dict_update(own, map));
}

static void pop_own_item(struct job *job, const mproc_dict_t *own, struct book *book, struct page *plan,
                         struct desk *desk)
{
    mproc_datum_t key_out, out;
    if (plan->count == 0) {
        KL_IS(MPROC_ENOENT, mproc_dict_popitem(own, desk->key_out, sizeof desk->key_out, desk->out, DATA_MAX, &key_out,
                                               &out));
        return;
    }
    uint32_t key = plan->key[plan->count - 1];
    uint64_t stamp = plan->stamp[plan->count - 1];
    page_remove(plan, plan->count - 1);
    CHANGED(job, book, removing,
            mproc_dict_popitem(own, desk->key_out, sizeof desk->key_out, desk->out, DATA_MAX, &key_out, &out));
    expect_stamp(job, out, stamp, "popitem");
    if (key_number(job, key_out) != key) {
        kl_fail("dict: popitem of worker %u did not take the last one", job->worker);
    }
}

static void exchange_own(struct job *job, const mproc_dict_t *own, struct book *book, struct page *plan, uint32_t k,
                         int at, struct desk *desk)
{
    bool right = rng_below(&job->rng, 3) != 0, away = at >= 0 && rng_below(&job->rng, 3) == 0;
    uint64_t stamp = data_new_stamp(job, false);
    mproc_datum_t key = key_datum(k, desk->key), expected, desired;
    int swapped = 9;
    expected = at >= 0 && right ? data_make(plan->stamp[at], desk->out)
               : at < 0 && right ? mproc_datum_absent()
                                 : mproc_datum_str("this was never there");
    desired = away ? mproc_datum_absent() : data_make(stamp, desk->in);
    if (right && away) {
        page_remove(plan, (uint32_t)at);
    } else if (right) {
        page_put(plan, k, stamp);
    }
    CHANGED(job, book, setting, mproc_dict_compare_exchange(own, key, expected, desired, &swapped));
    if (swapped != right) {
        kl_fail("dict: compare_exchange of worker %u with %s expectation says %d", job->worker,
                right ? "the right" : "a wrong", swapped);
    }
}

static void change_own(struct job *job, const mproc_dict_t *own, struct book *book, struct desk *desk)
{
    struct page *plan = book_plan(book);
    uint32_t k = (uint32_t)rng_below(&job->rng, OWN_KEYS);
    int at = page_find(plan, k), status;
    uint64_t stamp = data_new_stamp(job, false), old = at >= 0 ? plan->stamp[at] : 0;
    mproc_datum_t key = key_datum(k, desk->key), out;
    switch (rng_below(&job->rng, 12)) {
    case 0:
    case 1:
    case 2:
        page_put(plan, k, stamp);
        CHANGED(job, book, setting, mproc_dict_set(own, key, data_make(stamp, desk->in)));
        break;
    case 3:
        if (at < 0) {
            page_put(plan, k, stamp);
        }
        book_announce(book);
        kl_phase(job, setting);
        status = mproc_dict_setdefault(own, key, data_make(stamp, desk->in), desk->out, DATA_MAX, &out);
        KL_IS(at < 0 ? MPROC_OK : MPROC_EXISTED, status);
        book_close(book, true);
        expect_stamp(job, out, at < 0 ? stamp : old, "setdefault");
        break;
    case 4:
        if (at < 0) {
            KL_IS(MPROC_ENOENT, mproc_dict_delete(own, key));
        } else {
            page_remove(plan, (uint32_t)at);
            CHANGED(job, book, removing, mproc_dict_delete(own, key));
        }
        break;
    case 5:
    case 6:
        if (at < 0) {
            KL_IS(MPROC_ENOENT, mproc_dict_pop(own, key, desk->out, DATA_MAX, &out));
            break;
        }
        without_room(job, own, key, old, desk);
        page_remove(plan, (uint32_t)at);
        CHANGED(job, book, removing, mproc_dict_pop(own, key, desk->out, DATA_MAX, &out));
        expect_stamp(job, out, old, "pop");
        break;
    case 7:
        pop_own_item(job, own, book, plan, desk);
        break;
    case 8:
        if (rng_below(&job->rng, 4) == 0) {
            plan->count = 0;
            CHANGED(job, book, clearing, mproc_dict_clear(own));
        }
        break;
    case 9:
    case 10:
        update_own(job, own, book, plan, desk);
        break;
    default:
        exchange_own(job, own, book, plan, k, at, desk);
    }
}

static void look_own(struct job *job, const mproc_dict_t *own, struct book *book, struct desk *desk)
{
    const struct page *page = book_page(book);
    uint32_t k = (uint32_t)rng_below(&job->rng, OWN_KEYS);
    int at = page_find(page, k), there = 9;
    mproc_datum_t key = key_datum(k, desk->key), out;
    uint64_t len;
    kl_phase(job, "looking into a dict that is mine");
    KL_OK(mproc_dict_len(own, &len));
    KL_OK(mproc_dict_contains(own, key, &there));
    if (len != page->count || there != (at >= 0)) {
        kl_fail("dict: worker %u finds %llu keys, one of them is %s; by its book it has %u", job->worker,
                (unsigned long long)len, there ? "there" : "missing", (unsigned)page->count);
    }
    if (at < 0) {
        KL_IS(MPROC_ENOENT, mproc_dict_get(own, key, desk->out, DATA_MAX, &out));
    } else {
        KL_OK(mproc_dict_get(own, key, desk->out, DATA_MAX, &out));
        expect_stamp(job, out, page->stamp[at], "get");
    }
}

/* ---- the dict of all ---- */

/* The stamp tells which key it belongs to. */
static uint64_t shared_stamp(struct job *job, uint32_t k)
{
    return (data_new_stamp(job, false) & ~UINT64_C(0xff)) | k;
}

static void check_shared(const struct job *job, uint32_t k, mproc_datum_t value, const char *how)
{
    uint64_t stamp = data_stamp(job, value, how);
    if ((stamp & 0xff) != k) {
        kl_fail("dict: worker %u: %s of key %u gave what belongs to key %u", job->worker, how, (unsigned)k,
                (unsigned)(stamp & 0xff));
    }
}

static bool there(int status, const char *call)
{
    if (status != MPROC_OK && status != MPROC_ENOENT) {
        kl_fail_call(call, status, __FILE__, __LINE__);
    }
    return status == MPROC_OK;
}

static void change_shared(struct job *job, const mproc_dict_t *shared, struct desk *desk)
{
    uint32_t k = (uint32_t)rng_below(&job->rng, SHARED_KEYS);
    mproc_datum_t key = key_datum(k, desk->key), out;
    int status;
    switch (rng_below(&job->rng, 8)) {
    case 0:
    case 1:
    case 2:
        KL_TIMED(job, setting, mproc_dict_set(shared, key, data_make(shared_stamp(job, k), desk->in)));
        break;
    case 3:
        kl_phase(job, setting);
        status = mproc_dict_setdefault(shared, key, data_make(shared_stamp(job, k), desk->in), desk->out, DATA_MAX,
                                       &out);
        if (status != MPROC_OK && status != MPROC_EXISTED) {
            kl_fail_call("setdefault", status, __FILE__, __LINE__);
        }
        check_shared(job, k, out, "setdefault");
        break;
    case 4:
        kl_phase(job, removing);
        there(mproc_dict_delete(shared, key), "delete");
        break;
    case 5:
        kl_phase(job, removing);
        if (there(mproc_dict_pop(shared, key, desk->out, DATA_MAX, &out), "pop")) {
            check_shared(job, k, out, "pop");
        }
        break;
    default:
        kl_phase(job, "getting a key");
        if (there(mproc_dict_get(shared, key, desk->out, DATA_MAX, &out), "get")) {
            check_shared(job, k, out, "get");
        }
    }
}

static void hammer(struct job *job, const mproc_dict_t *shared, const struct ready *ready)
{
    unsigned char key[64];
    for (uint64_t n = 1 + rng_below(&job->rng, 40); n > 0 && !kl_stopping(); n--) {
        unsigned i = (unsigned)rng_below(&job->rng, READY);
        mproc_datum_t k = key_datum((uint32_t)(ready->stamp[i] & 0xff), key);
        KL_TIMED(job, setting, mproc_dict_set(shared, k, ready->value[i]));
        kl_done(job);
    }
}

/* Left goes first: whoever sees both at one moment sees it at the same number, or at the next. */
static void step_pair(struct job *job, const mproc_dict_t *shared, struct desk *desk)
{
    uint32_t k = FIRST_PAIR + 2 * job->worker;
    unsigned char right_key[64];
    mproc_datum_t left = key_datum(k, desk->key), right = key_datum(k + 1, right_key), now;
    kl_phase(job, counting);
    KL_OK(mproc_dict_get(shared, left, NULL, 0, &now));
    KL_OK(mproc_dict_set(shared, right, now)); /* the predecessor may have died between the two */
    now.as.i++;
    KL_OK(mproc_dict_set(shared, left, now));
    KL_OK(mproc_dict_set(shared, right, now));
}

static void add(struct job *job, const mproc_dict_t *shared, struct counts *counts, struct desk *desk)
{
    unsigned c = (unsigned)rng_below(&job->rng, COUNTERS);
    int64_t delta = c == 2 ? 1 : 1 + (int64_t)rng_below(&job->rng, MOST_ADDED), now = 0;
    mproc_datum_t key = key_datum(FIRST_COUNTER + c, desk->key), sum, next;
    kl_phase(job, counting);
    counts_announce(counts, job, c, (uint64_t)delta);
    if (c == 1) {
        KL_OK(mproc_dict_add(shared, key, mproc_datum_float((double)delta), &sum));
        now = (int64_t)sum.as.d;
    } else if (c == 2) {
        /* Counted up by compare-and-exchange: no increment may get lost between two writers. */
        for (int swapped = 0; !swapped;) {
            KL_OK(mproc_dict_get(shared, key, NULL, 0, &sum));
            next = mproc_datum_int(sum.as.i + 1);
            KL_OK(mproc_dict_compare_exchange(shared, key, sum, next, &swapped));
            now = next.as.i;
        }
    } else {
        KL_OK(mproc_dict_add(shared, key, mproc_datum_int(delta), c == 3 ? NULL : &sum));
        now = c == 3 ? 0 : sum.as.i;
    }
    counts_returned(counts, job, c, (uint64_t)delta);
    if (c != 3 && now < desk->floor[c] + delta) {
        kl_fail("dict: a counter that only grows is %lld after it was %lld and %lld were added", (long long)now,
                (long long)desk->floor[c], (long long)delta);
    }
    desk->floor[c] = now;
}

/* One entry of the shared dict, from a snapshot or on the way through it. */
static void check_entry(struct job *job, mproc_datum_t key, mproc_datum_t value, int64_t *pairs)
{
    uint32_t k = key_number(job, key);
    bool number = value.type == MPROC_DATUM_INT;
    if (k < SHARED_KEYS) {
        check_shared(job, k, value, "a snapshot");
    } else if (k >= FIRST_PAIR && k < FIRST_PAIR + 2 * WORKERS && number) {
        pairs[k - FIRST_PAIR] = value.as.i;
    } else if (k < FIRST_COUNTER || k >= FIRST_COUNTER + COUNTERS ||
               !(k == FIRST_COUNTER + 1 ? value.type == MPROC_DATUM_FLOAT : number)) {
        kl_fail("dict: worker %u found key %u with a value of type %d", job->worker, (unsigned)k, (int)value.type);
    }
}

static void look_at_all(struct job *job, struct dicts *s, const mproc_dict_t *shared)
{
    mproc_iter_t *iter;
    mproc_datum_t key, value;
    int64_t pairs[2 * WORKERS];
    uint64_t len = 0, n = 0;
    int status;
    bool live = rng_below(&job->rng, 3) == 0;
    for (unsigned i = 0; i < 2 * WORKERS; i++) {
        pairs[i] = -1;
    }
    KL_TIMED(job, taking_all, live ? mproc_dict_iter(shared, &iter) : mproc_dict_items(shared, &iter));
    if (!live) {
        KL_OK(mproc_iter_len(iter, &len));
    }
    while ((status = mproc_iter_next(iter, &key, &value)) == MPROC_OK) {
        check_entry(job, key, value, pairs);
        n++;
    }
    mproc_iter_close(iter);
    if (live) {
        if (status != MPROC_END && status != MPROC_ECHANGED) {
            kl_fail_call("iter_next", status, __FILE__, __LINE__);
        }
        atomic_fetch_add(&s->changed, status == MPROC_ECHANGED);
        return;
    }
    KL_IS(MPROC_END, status);
    if (n != len) {
        kl_fail("dict: a snapshot of %llu items gave %llu", (unsigned long long)len, (unsigned long long)n);
    }
    for (unsigned w = 0; w < WORKERS; w++) {
        int64_t left = pairs[2 * w], right = pairs[2 * w + 1];
        if (right < 0 || left < right || left > right + 1) {
            kl_fail("dict: a snapshot saw %lld and %lld of the pair of worker %u: not one moment", (long long)left,
                    (long long)right, w);
        }
        atomic_fetch_add(&s->one_in_two, left == right + 1);
    }
    atomic_fetch_add(&s->snapshots, 1);
}

/* ---- the scene ---- */

static void open_all(struct handles *h)
{
    KL_OK(mproc_dict_open(NULL, "kl-dict", NULL, &h->shared));
    for (unsigned w = 0; w < WORKERS; w++) {
        char name[40];
        snprintf(name, sizeof name, "kl-dict-%u", w);
        KL_OK(mproc_dict_open(NULL, name, NULL, &h->own[w]));
    }
}

static void close_all(struct handles *h)
{
    mproc_dict_close(h->shared);
    for (unsigned w = 0; w < WORKERS; w++) {
        mproc_dict_close(h->own[w]);
    }
}

static void work(struct job *job)
{
    struct dicts *s = job->scene;
    struct handles mine = s->handles;
    struct book *book = &s->book[job->worker];
    struct desk *desk = calloc(1, sizeof *desk);
    if (!desk) {
        kl_fail("no memory");
    }
    KL_OK(mproc_builder_create(&desk->builder));
    ready_make(job, &desk->ready, SHARED_KEYS);
    if (job->fresh) {
        kl_phase(job, "opening the dicts");
        open_all(&mine);
    }
    mproc_dict_t *own = mine.own[job->worker];
    counts_inherit(&s->counts[job->worker], job);
    if (job->thread == 0) {
        read_own(job, own, desk);
        book_compare(book, job, &desk->seen);
    }
    while (!kl_stopping()) {
        for (uint64_t n = rng_below(&job->rng, 12); n > 0 && job->thread == 0; n--) {
            change_own(job, own, book, desk);
            kl_done(job);
        }
        if (job->thread == 0) {
            look_own(job, own, book, desk);
            if (rng_below(&job->rng, 8) == 0) {
                read_own(job, own, desk);
                book_compare(book, job, &desk->seen);
            }
            step_pair(job, mine.shared, desk);
            kl_done(job);
        }
        hammer(job, mine.shared, &desk->ready);
        for (uint64_t n = rng_below(&job->rng, 8); n > 0; n--) {
            change_shared(job, mine.shared, desk);
            kl_done(job);
        }
        for (uint64_t n = rng_below(&job->rng, 6); n > 0; n--) {
            add(job, mine.shared, &s->counts[job->worker], desk);
            kl_done(job);
        }
        if (rng_below(&job->rng, 4) == 0) {
            look_at_all(job, s, mine.shared);
            kl_done(job);
        }
    }
    if (job->fresh) {
        close_all(&mine);
    }
    mproc_builder_close(desk->builder);
    free(desk);
}

static void create_all(struct handles *h)
{
    unsigned char buf[64];
    mproc_container_options_t o = MPROC_CONTAINER_OPTIONS_INIT;
    o.limit_bytes = 32 << 20;
    KL_OK(mproc_dict_create(NULL, "kl-dict", &o, &h->shared));
    for (unsigned w = 0; w < WORKERS; w++) {
        char name[40];
        snprintf(name, sizeof name, "kl-dict-%u", w);
        KL_OK(mproc_dict_create(NULL, name, &o, &h->own[w]));
        KL_OK(mproc_dict_set(h->shared, key_datum(FIRST_PAIR + 2 * w, buf), mproc_datum_int(0)));
        KL_OK(mproc_dict_set(h->shared, key_datum(FIRST_PAIR + 2 * w + 1, buf), mproc_datum_int(0)));
    }
    KL_OK(mproc_dict_set(h->shared, key_datum(FIRST_COUNTER + 2, buf), mproc_datum_int(0)));
}

static void audit(struct dicts *s, uint64_t kills, struct tally *tally)
{
    static struct desk desk;
    struct job last = { .worker = 99 };
    const mproc_arena_t *arena;
    mproc_datum_t d = { 0 };
    struct seat seat;
    last.seat = &seat;
    for (unsigned c = 0; c < COUNTERS; c++) {
        KL_OK(mproc_dict_get(s->handles.shared, key_datum(FIRST_COUNTER + c, desk.key), NULL, 0, &d));
        counts_audit(s->counts, WORKERS, c, d.type == MPROC_DATUM_FLOAT ? (uint64_t)d.as.d : (uint64_t)d.as.i, kills);
    }
    look_at_all(&last, s, s->handles.shared);
    KL_OK(mproc_dict_arena(s->handles.shared, &arena));
    arena_audit(arena, tally);
    for (unsigned w = 0; w < WORKERS; w++) {
        read_own(&last, s->handles.own[w], &desk);
        book_compare(&s->book[w], &last, &desk.seen);
        KL_OK(mproc_dict_arena(s->handles.own[w], &arena));
        arena_audit(arena, tally);
    }
}

bool scene_dict(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "dict", .workers = WORKERS, .immortals = 1, .two_threads_in = 4,
                                .all_must_work = true, .targets = targets, .work = work };
    struct dicts *s = proc_shared(sizeof *s);
    create_all(&s->handles);
    if (atomic_load(&board->failed)) {
        return false;
    }
    crew.scene = s;
    crew_start(&crew);
    bool ok = crew_kills(&crew, kills) && crew_quiet(&crew);
    atomic_store(&board->stop, 1);
    ok = ok && crew_join(&crew, 0, crew.workers);
    uint64_t ops = crew_ops(&crew), undone = 0, done = 0;
    crew_end(&crew);
    if (ok) {
        audit(s, kills, tally);
    }
    for (unsigned w = 0; w < WORKERS; w++) {
        undone += atomic_load(&s->book[w].undone);
        done += atomic_load(&s->book[w].done);
    }
    tally->kills = kills;
    tally->never = atomic_load(&s->snapshots) == 0 ? "a snapshot"
                   : atomic_load(&s->changed) == 0 ? "a dict that changed while it was iterated"
                                                   : NULL;
    snprintf(tally->note, sizeof tally->note,
             "%llu operations, %llu snapshots; calls that were killed in a worker's own dict: %llu undone, %llu done",
             (unsigned long long)ops, (unsigned long long)atomic_load(&s->snapshots), (unsigned long long)undone,
             (unsigned long long)done);
    close_all(&s->handles);
    munmap(s, sizeof *s);
    return ok && atomic_load(&board->failed) == 0;
}
