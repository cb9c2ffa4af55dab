/*
 * Kill loop, list: a list for each worker, which only it changes, in all ways, and which must be exactly what the calls
 * that returned have made of it; a list through which all pass messages, of which none may be lost or doubled; a long
 * one that is only sorted and reversed, so that it must always be in one of two orders; and one of counters.
 */
#include "killloop_data.h"
#include "killloop_ledger.h"

#define WORKERS 5
#define OWN_MOST 200
#define WAITING_MOST 300 /* messages in the list, more or less */
#define MAX_LEN 3000
#define LONG 2000
#define EXTEND_MOST 6
#define LARGE 8 /* elements of a list of large values */

struct handles {
    mproc_list_t *messages, *numbers, *counters, *large, *own[WORKERS];
};

struct lists {
    struct handles handles;
    struct counts counts[WORKERS];
    struct book book[WORKERS];
    _Alignas(64) _Atomic uint64_t snapshots, upwards, downwards;
    struct ledger ledger;
};

/* What a thread works with. */
struct desk {
    unsigned char in[DATA_MAX], out[DATA_MAX];
    struct ready ready;
    struct page seen;
    struct pen pen;
    mproc_builder_t *builder;
    uint64_t stamps[4 * WAITING_MOST];
};

static const char adding_to_own[] = "adding to a list that is mine";
static const char changing_own[] = "changing a list that is mine";
static const char removing_own[] = "removing from a list that is mine";
static const char putting[] = "putting messages";
static const char taking[] = "taking a message";
static const char ordering[] = "sorting or reversing";
static const char counting[] = "adding";
static const char replacing[] = "replacing a large value";
static const char taking_all[] = "taking a snapshot";
static const char *const targets[] = { adding_to_own, changing_own, removing_own, putting,   taking,
                                       ordering,      counting,     replacing,    replacing, NULL };

/* ---- a list of one's own ---- */

static void read_own(struct job *job, const mproc_list_t *own, struct desk *desk)
{
    mproc_iter_t *iter;
    mproc_datum_t index, value;
    uint64_t len;
    int status;
    bool live = rng_below(&job->rng, 2); /* nobody changes it meanwhile */
    KL_TIMED(job, taking_all, live ? mproc_list_iter(own, &iter) : mproc_list_items(own, &iter));
    KL_OK(live ? mproc_list_len(own, &len) : mproc_iter_len(iter, &len));
    desk->seen.count = 0;
    while ((status = mproc_iter_next(iter, &index, &value)) == MPROC_OK) {
        if (desk->seen.count == BOOK_MOST || index.type != MPROC_DATUM_INT || index.as.i != desk->seen.count) {
            kl_fail("list: worker %u finds element %u at index %lld (type %d)", job->worker,
                    (unsigned)desk->seen.count, (long long)index.as.i, (int)index.type);
        }
        page_insert(&desk->seen, desk->seen.count, 0, data_stamp(job, value, "items"));
    }
    KL_IS(MPROC_END, status);
    if (len != desk->seen.count) {
        kl_fail("list: of %llu elements there came %u", (unsigned long long)len,
                (unsigned)desk->seen.count);
    }
    mproc_iter_close(iter);
}

static void expect_stamp(const struct job *job, mproc_datum_t d, uint64_t stamp, const char *how)
{
    uint64_t got = data_stamp(job, d, how);
    if (got != stamp) {
        kl_fail("list: worker %u: %s gave stamp %llx instead of %llx", job->worker, how, (unsigned long long)got,
                (unsigned long long)stamp);
    }
}

/* Ends a change of the book: the call has done what was planned. */
#define CHANGED(job, book, phase, call)                                                                    \
    do {                                                                                                   \
        book_announce(book);                                                                               \
        KL_TIMED(job, phase, call);                                                                        \
        book_close(book, true);                                                                            \
    } while (0)

/* Every second worker has only integers in its list: they can be sorted. */
static uint64_t own_stamp(struct job *job)
{
    return data_new_stamp(job, job->worker % 2 == 0 || rng_below(&job->rng, 4) == 0);
}

/* A list of that many new elements, which also go to `stamps`. */
static mproc_datum_t new_elements(struct job *job, struct desk *desk, uint32_t n, uint64_t *stamps)
{
    mproc_datum_t list;
    KL_OK(mproc_builder_reset(desk->builder));
    KL_OK(mproc_builder_begin_list(desk->builder));
    for (uint32_t i = 0; i < n; i++) {
        stamps[i] = own_stamp(job);
        KL_OK(mproc_builder_add(desk->builder, data_make(stamps[i], desk->in)));
    }
    KL_OK(mproc_builder_end(desk->builder));
    KL_OK(mproc_builder_datum(desk->builder, &list));
    return list;
}

/* As Python does it. */
static int64_t clipped(int64_t at, int64_t len, int64_t step)
{
    if (at < 0) {
        at += len;
        return at >= 0 ? at : step < 0 ? -1 : 0;
    }
    return at < len ? at : step < 0 ? len - 1 : len;
}

struct slice {
    int64_t start, stop, step;
};

/* Also beyond both ends, and empty ones. */
static struct slice any_slice(struct job *job, uint32_t count, bool stepwise)
{
    struct slice s = { .step = 1 };
    s.start = (int64_t)rng_below(&job->rng, 2 * count + 6) - count - 3;
    s.stop = rng_below(&job->rng, 4) ? s.start + (int64_t)rng_below(&job->rng, 12) : MPROC_SLICE_END;
    if (stepwise && rng_below(&job->rng, 2)) {
        s.step = (int64_t)rng_below(&job->rng, 3) + 1;
    } else if (stepwise && rng_below(&job->rng, 2)) {
        s.step = -1 - (int64_t)rng_below(&job->rng, 3);
        s.start = rng_below(&job->rng, 2) ? MPROC_SLICE_END : s.start;
        s.stop = MPROC_SLICE_BEGIN;
    }
    if (s.step == 1 && s.stop == MPROC_SLICE_END && rng_below(&job->rng, 8)) { /* not always all of it */
        s.start = -(int64_t)rng_below(&job->rng, 8);
    }
    return s;
}

/* The indices of a slice, in its order; how many. */
static uint32_t indices(const struct slice *s, uint32_t count, uint32_t *out)
{
    int64_t start = clipped(s->start, count, s->step), stop = clipped(s->stop, count, s->step);
    uint32_t n = 0;
    for (int64_t at = start; s->step > 0 ? at < stop : at > stop; at += s->step) {
        out[n++] = (uint32_t)at;
    }
    return n;
}

static void delete_slice(struct job *job, const mproc_list_t *own, struct book *book, struct page *plan)
{
    struct slice s = any_slice(job, plan->count, true);
    uint32_t index[BOOK_MOST], n = indices(&s, plan->count, index);
    for (uint32_t i = 0; i < n; i++) { /* the highest first: the others stay where they are */
        page_remove(plan, s.step < 0 ? index[i] : index[n - 1 - i]);
    }
    CHANGED(job, book, removing_own, mproc_list_slice_delete(own, s.start, s.stop, s.step));
}

static void replace_slice(struct job *job, const mproc_list_t *own, struct book *book, struct page *plan,
                          struct desk *desk)
{
    struct slice s = any_slice(job, plan->count, true);
    uint32_t index[BOOK_MOST], n = indices(&s, plan->count, index), new = (uint32_t)rng_below(&job->rng, EXTEND_MOST);
    uint64_t stamps[BOOK_MOST];
    if (s.step != 1) {
        mproc_datum_t list = new_elements(job, desk, n, stamps);
        for (uint32_t i = 0; i < n; i++) {
            plan->stamp[index[i]] = stamps[i];
        }
        CHANGED(job, book, changing_own, mproc_list_slice_set(own, s.start, s.stop, s.step, list));
        return;
    }
    uint32_t at = (uint32_t)clipped(s.start, plan->count, 1);
    if (plan->count - n + new > OWN_MOST) {
        new = n;
    }
    mproc_datum_t list = new_elements(job, desk, new, stamps);
    for (; n > 0; n--) {
        page_remove(plan, at);
    }
    for (uint32_t i = 0; i < new; i++) {
        page_insert(plan, at + i, 0, stamps[i]);
    }
    CHANGED(job, book, changing_own, mproc_list_slice_set(own, s.start, s.stop, 1, list));
}

static void add_to_own(struct job *job, const mproc_list_t *own, struct book *book, struct page *plan,
                       struct desk *desk)
{
    uint64_t stamps[EXTEND_MOST], way = rng_below(&job->rng, 6);
    uint32_t n = 1 + (uint32_t)rng_below(&job->rng, EXTEND_MOST), count = plan->count, times;
    int64_t index = (int64_t)rng_below(&job->rng, 2 * count + 6) - count - 3;
    if (way < 2) {
        stamps[0] = own_stamp(job);
        page_insert(plan, count, 0, stamps[0]);
        CHANGED(job, book, adding_to_own, mproc_list_append(own, data_make(stamps[0], desk->in)));
    } else if (way < 4) {
        stamps[0] = own_stamp(job);
        page_insert(plan, (uint32_t)clipped(index, count, 1), 0, stamps[0]);
        CHANGED(job, book, adding_to_own, mproc_list_insert(own, index, data_make(stamps[0], desk->in)));
    } else if (way == 4) {
        mproc_datum_t list = new_elements(job, desk, n, stamps);
        for (uint32_t i = 0; i < n; i++) {
            page_insert(plan, plan->count, 0, stamps[i]);
        }
        CHANGED(job, book, adding_to_own, mproc_list_extend(own, list));
    } else {
        times = 1 + (uint32_t)rng_below(&job->rng, 2);
        if (count * times > OWN_MOST) {
            times = 1;
        }
        for (uint32_t i = 0; times > 1 && i < count; i++) {
            page_insert(plan, plan->count, 0, plan->stamp[i]);
        }
        CHANGED(job, book, adding_to_own, mproc_list_repeat(own, times));
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void reverse(struct page *page)
{
    for (uint32_t i = 0; i < page->count / 2; i++) {
        uint64_t stamp = page->stamp[i];
        page->stamp[i] = page->stamp[page->count - 1 - i];
        page->stamp[page->count - 1 - i] = stamp;
    }
}

static void reorder_own(struct job *job, const mproc_list_t *own, struct book *book, struct page *plan)
{
    uint32_t flags = rng_below(&job->rng, 2) ? MPROC_SORT_DESCENDING : 0;
    bool numbers = false, others = false;
    for (uint32_t i = 0; i < plan->count; i++) {
        bool number = data_type(plan->stamp[i]) == MPROC_DATUM_INT;
        numbers = numbers || number;
        others = others || !number;
    }
    if (rng_below(&job->rng, 2)) {
        reverse(plan);
        CHANGED(job, book, ordering, mproc_list_reverse(own));
    } else if (!others) {
        qsort(plan->stamp, plan->count, sizeof plan->stamp[0], by_number);
        if (flags) {
            reverse(plan); /* equal ones cannot be told apart */
        }
        CHANGED(job, book, ordering, mproc_list_sort(own, flags));
    } else if (numbers) { /* cannot be compared: nothing happens */
        kl_phase(job, ordering);
        KL_IS(MPROC_ETYPE, mproc_list_sort(own, flags));
    }
}

static void take_from_own(struct job *job, const mproc_list_t *own, struct book *book, struct page *plan,
                          struct desk *desk)
{
    uint32_t at = (uint32_t)rng_below(&job->rng, plan->count), first = 0;
    int64_t index = rng_below(&job->rng, 2) ? at : (int64_t)at - plan->count;
    uint64_t stamp = plan->stamp[at];
    mproc_datum_t out = { 0 };
    size_t len = data_make(stamp, desk->in).len;
    switch (rng_below(&job->rng, 3)) {
    case 0:
        if (data_type(stamp) != MPROC_DATUM_INT) {
            KL_IS(MPROC_EMSGSIZE, mproc_list_pop(own, index, desk->out, len - 1, &out));
            if (out.len < len) {
                kl_fail("list: an element of %zu bytes needs %zu, it says", len, out.len);
            }
        }
        page_remove(plan, at);
        CHANGED(job, book, removing_own, mproc_list_pop(own, index, desk->out, DATA_MAX, &out));
        expect_stamp(job, out, stamp, "pop");
        break;
    case 1:
        page_remove(plan, at);
        CHANGED(job, book, removing_own, mproc_list_delete(own, index));
        break;
    default:
        while (plan->stamp[first] != stamp) {
            first++;
        }
        page_remove(plan, first);
        CHANGED(job, book, removing_own, mproc_list_remove(own, data_make(stamp, desk->in)));
    }
}

static void change_in_own(struct job *job, const mproc_list_t *own, struct book *book, struct page *plan,
                          struct desk *desk)
{
    uint32_t at = (uint32_t)rng_below(&job->rng, plan->count);
    int64_t index = rng_below(&job->rng, 2) ? at : (int64_t)at - plan->count;
    uint64_t old = plan->stamp[at], stamp = own_stamp(job);
    bool right = rng_below(&job->rng, 3) != 0;
    int swapped = 9;
    if (rng_below(&job->rng, 2)) {
        plan->stamp[at] = stamp;
        CHANGED(job, book, changing_own, mproc_list_set(own, index, data_make(stamp, desk->in)));
        return;
    }
    mproc_datum_t expected = right ? data_make(old, desk->out) : mproc_datum_str("this was never there");
    plan->stamp[at] = right ? stamp : old;
    CHANGED(job, book, changing_own,
            mproc_list_compare_exchange(own, index, expected, data_make(stamp, desk->in), &swapped));
    if (swapped != right) {
        kl_fail("list: compare_exchange of worker %u with %s expectation says %d", job->worker,
                right ? "the right" : "a wrong", swapped);
    }
}

static void change_own(struct job *job, const mproc_list_t *own, struct book *book, struct desk *desk)
{
    struct page *plan = book_plan(book);
    mproc_datum_t out;
    switch (rng_below(&job->rng, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (plan->count + EXTEND_MOST <= OWN_MOST) {
            add_to_own(job, own, book, plan, desk);
        }
        break;
    case 4:
    case 5:
        if (plan->count > 0) {
            take_from_own(job, own, book, plan, desk);
        } else {
            KL_IS(MPROC_ERANGE, mproc_list_pop(own, -1, desk->out, DATA_MAX, &out));
            KL_IS(MPROC_ENOENT, mproc_list_remove(own, mproc_datum_int(1)));
        }
        break;
    case 6:
    case 7:
        if (plan->count > 0) {
            change_in_own(job, own, book, plan, desk);
        } else {
            KL_IS(MPROC_ERANGE, mproc_list_set(own, 0, mproc_datum_int(1)));
        }
        break;
    case 8:
        reorder_own(job, own, book, plan);
        break;
    case 9:
        replace_slice(job, own, book, plan, desk);
        break;
    case 10:
        delete_slice(job, own, book, plan);
        break;
    default:
        if (rng_below(&job->rng, 16) == 0) {
            plan->count = 0;
            CHANGED(job, book, removing_own, mproc_list_clear(own));
        }
    }
}

static void look_own(struct job *job, const mproc_list_t *own, struct book *book, struct desk *desk)
{
    const struct page *page = book_page(book);
    mproc_datum_t out;
    uint64_t len, found, times, same = 0, first = 0;
    kl_phase(job, "looking into a list that is mine");
    KL_OK(mproc_list_len(own, &len));
    if (len != page->count) {
        kl_fail("list: worker %u finds %llu elements where it has left %u", job->worker, (unsigned long long)len,
                (unsigned)page->count);
    }
    if (page->count == 0) {
        KL_IS(MPROC_ERANGE, mproc_list_get(own, 0, desk->out, DATA_MAX, &out));
        return;
    }
    uint32_t at = (uint32_t)rng_below(&job->rng, page->count);
    for (uint32_t i = page->count; i > 0; i--) {
        first = page->stamp[i - 1] == page->stamp[at] ? i - 1 : first;
        same += page->stamp[i - 1] == page->stamp[at];
    }
    KL_OK(mproc_list_get(own, at, desk->out, DATA_MAX, &out));
    expect_stamp(job, out, page->stamp[at], "get");
    KL_OK(mproc_list_index(own, data_make(page->stamp[at], desk->in), 0, MPROC_SLICE_END, &found));
    KL_OK(mproc_list_count(own, data_make(page->stamp[at], desk->in), &times));
    if (found != first || times != same) {
        kl_fail("list: worker %u has the same %llu times from %llu on, but finds it %llu times from %llu on",
                job->worker, (unsigned long long)same, (unsigned long long)first, (unsigned long long)times,
                (unsigned long long)found);
    }
}

/* ---- messages ---- */

static void put_messages(struct job *job, struct ledger *l, const mproc_list_t *messages, struct desk *desk)
{
    uint64_t stamps[EXTEND_MOST], n = 1 + rng_below(&job->rng, EXTEND_MOST), way = rng_below(&job->rng, 4);
    n = way < 2 ? 1 : n;
    mproc_datum_t one = { 0 };
    KL_OK(mproc_builder_reset(desk->builder));
    KL_OK(mproc_builder_begin_list(desk->builder));
    for (uint64_t i = 0; i < n; i++) {
        stamps[i] = pen_next(l, &desk->pen);
        desk->pen.seq++;
        size_t len = ledger_len(l, stamps[i]);
        pattern_fill(desk->in, len, stamps[i]);
        one = mproc_datum_bytes(desk->in, len);
        KL_OK(mproc_builder_add(desk->builder, one));
        ledger_announce(l, stamps[i]);
    }
    mproc_datum_t several;
    KL_OK(mproc_builder_end(desk->builder));
    KL_OK(mproc_builder_datum(desk->builder, &several));
    int64_t index = (int64_t)rng_below(&job->rng, WAITING_MOST) - WAITING_MOST / 2;
    switch (way) {
    case 0:
        KL_TIMED(job, putting, mproc_list_append(messages, one));
        break;
    case 1:
        KL_TIMED(job, putting, mproc_list_insert(messages, index, one));
        break;
    case 2:
        KL_TIMED(job, putting, mproc_list_extend(messages, several));
        break;
    default:
        KL_TIMED(job, putting, mproc_list_slice_set(messages, index, index, 1, several));
    }
    for (uint64_t i = 0; i < n; i++) {
        ledger_in(l, stamps[i]);
    }
}

/* False: there was none (at that index). */
static bool take_message(struct job *job, struct ledger *l, const mproc_list_t *messages, int64_t index,
                         struct desk *desk)
{
    mproc_datum_t out;
    ledger_taking(l, job, 1);
    kl_phase(job, taking);
    int status = mproc_list_pop(messages, index, desk->out, DATA_MAX, &out);
    if (status != MPROC_OK && status != MPROC_ERANGE) {
        kl_fail_call("pop", status, __FILE__, __LINE__);
    }
    if (status == MPROC_OK) {
        if (out.type != MPROC_DATUM_BYTES) {
            kl_fail("list: a message is of type %d", (int)out.type);
        }
        ledger_ended(l, ledger_got(l, job, out.data, out.len, status, true));
    }
    ledger_taking(l, job, 0);
    return status == MPROC_OK;
}

/* All messages of one moment: each is whole, and there once. */
static void look_at_messages(struct job *job, struct lists *s, const mproc_list_t *messages, struct desk *desk)
{
    mproc_iter_t *iter;
    mproc_datum_t value;
    size_t n = 0;
    int status;
    bool live = rng_below(&job->rng, 4) == 0;
    KL_TIMED(job, taking_all, live ? mproc_list_iter(messages, &iter)
                                   : mproc_list_slice(messages, 0, MPROC_SLICE_END, 1, &iter));
    while ((status = mproc_iter_next(iter, NULL, &value)) == MPROC_OK) {
        uint64_t stamp = 0;
        if (value.type != MPROC_DATUM_BYTES || value.len < MIN_LEN ||
            pattern_check(value.data, value.len, &stamp) >= 0 || value.len != ledger_len(&s->ledger, stamp)) {
            kl_fail("list: worker %u sees a torn message at index %zu (type %d, %zu bytes)", job->worker, n,
                    (int)value.type, value.len);
        }
        if (n < sizeof desk->stamps / sizeof desk->stamps[0]) {
            desk->stamps[n++] = stamp;
        }
    }
    KL_IS(MPROC_END, status);
    mproc_iter_close(iter);
    if (live) { /* then the same one may come again, further on */
        return;
    }
    qsort(desk->stamps, n, sizeof desk->stamps[0], by_number);
    for (size_t i = 1; i < n; i++) {
        if (desk->stamps[i] == desk->stamps[i - 1]) {
            kl_fail("list: worker %u sees message %llx twice", job->worker, (unsigned long long)desk->stamps[i]);
        }
    }
    atomic_fetch_add(&s->snapshots, 1);
}

static void pass_messages(struct job *job, struct lists *s, const mproc_list_t *messages, struct desk *desk)
{
    uint64_t len, way = rng_below(&job->rng, 16);
    KL_OK(mproc_list_len(messages, &len));
    if (way == 0) {
        look_at_messages(job, s, messages, desk);
    } else if (way == 1) {
        KL_TIMED(job, ordering,
                 rng_below(&job->rng, 2) ? mproc_list_reverse(messages) : mproc_list_sort(messages, 0));
    } else if (len < WAITING_MOST && way < 8) {
        put_messages(job, &s->ledger, messages, desk);
    } else {
        int64_t indices_of_interest[] = { 0, -1, (int64_t)rng_below(&job->rng, WAITING_MOST) };
        for (uint64_t n = 1 + rng_below(&job->rng, 4); n > 0; n--) {
            take_message(job, &s->ledger, messages, indices_of_interest[rng_below(&job->rng, 3)], desk);
        }
    }
}

/* ---- a long list, in one of two orders ---- */

static void reorder_numbers(struct job *job, const mproc_list_t *numbers)
{
    switch (rng_below(&job->rng, 3)) {
    case 0:
        KL_TIMED(job, ordering, mproc_list_sort(numbers, 0));
        break;
    case 1:
        KL_TIMED(job, ordering, mproc_list_sort(numbers, MPROC_SORT_DESCENDING));
        break;
    default:
        KL_TIMED(job, ordering, mproc_list_reverse(numbers));
    }
}

static void check_numbers(struct job *job, struct lists *s, const mproc_list_t *numbers)
{
    mproc_iter_t *iter;
    mproc_datum_t value;
    int64_t n = 0;
    bool down = false;
    int status;
    KL_TIMED(job, taking_all, mproc_list_items(numbers, &iter));
    while ((status = mproc_iter_next(iter, NULL, &value)) == MPROC_OK) {
        if (n == 0) {
            down = value.as.i != 0;
        }
        if (value.type != MPROC_DATUM_INT || value.as.i != (down ? LONG - 1 - n : n)) {
            kl_fail("list: worker %u finds %lld (type %d) as number %lld of a list that is %s", job->worker,
                    (long long)value.as.i, (int)value.type, (long long)n, down ? "reversed" : "in order");
        }
        n++;
    }
    KL_IS(MPROC_END, status);
    mproc_iter_close(iter);
    if (n != LONG) {
        kl_fail("list: of %d numbers %lld are left", LONG, (long long)n);
    }
    atomic_fetch_add(down ? &s->downwards : &s->upwards, 1);
}

/* ---- large values, each in the place that its stamp says ---- */

static void hammer(struct job *job, const mproc_list_t *large, struct desk *desk)
{
    mproc_datum_t out;
    for (uint64_t n = 1 + rng_below(&job->rng, 100); n > 0 && !kl_stopping(); n--) {
        unsigned i = (unsigned)rng_below(&job->rng, READY);
        KL_TIMED(job, replacing, mproc_list_set(large, (int64_t)(desk->ready.stamp[i] & 0xff), desk->ready.value[i]));
        kl_done(job);
    }
    uint64_t index = rng_below(&job->rng, LARGE);
    KL_OK(mproc_list_get(large, (int64_t)index, desk->out, DATA_MAX, &out));
    if (out.type != MPROC_DATUM_NIL && (data_stamp(job, out, "get") & 0xff) != index) {
        kl_fail("list: worker %u got at index %llu what belongs elsewhere", job->worker, (unsigned long long)index);
    }
}

/* ---- counters ---- */

static void add(struct job *job, const mproc_list_t *counters, struct counts *counts)
{
    unsigned c = (unsigned)rng_below(&job->rng, COUNTERS);
    int64_t delta = c == 2 ? 1 : 1 + (int64_t)rng_below(&job->rng, MOST_ADDED), index = (int64_t)c;
    mproc_datum_t sum;
    index = rng_below(&job->rng, 2) ? index : index - COUNTERS;
    kl_phase(job, counting);
    counts_announce(counts, job, c, (uint64_t)delta);
    if (c == 1) {
        KL_OK(mproc_list_add(counters, index, mproc_datum_float((double)delta), NULL));
    } else if (c == 2) {
        for (int swapped = 0; !swapped;) {
            KL_OK(mproc_list_get(counters, index, NULL, 0, &sum));
            KL_OK(mproc_list_compare_exchange(counters, index, sum, mproc_datum_int(sum.as.i + 1), &swapped));
        }
    } else {
        KL_OK(mproc_list_add(counters, index, mproc_datum_int(delta), &sum));
    }
    counts_returned(counts, job, c, (uint64_t)delta);
}

/* ---- the scene ---- */

static void open_all(struct handles *h)
{
    KL_OK(mproc_list_open(NULL, "kl-list-messages", NULL, &h->messages));
    KL_OK(mproc_list_open(NULL, "kl-list-numbers", NULL, &h->numbers));
    KL_OK(mproc_list_open(NULL, "kl-list-counters", NULL, &h->counters));
    KL_OK(mproc_list_open(NULL, "kl-list-large", NULL, &h->large));
    for (unsigned w = 0; w < WORKERS; w++) {
        char name[40];
        snprintf(name, sizeof name, "kl-list-%u", w);
        KL_OK(mproc_list_open(NULL, name, NULL, &h->own[w]));
    }
}

static void close_all(struct handles *h)
{
    mproc_list_close(h->messages);
    mproc_list_close(h->numbers);
    mproc_list_close(h->counters);
    mproc_list_close(h->large);
    for (unsigned w = 0; w < WORKERS; w++) {
        mproc_list_close(h->own[w]);
    }
}

static void work(struct job *job)
{
    struct lists *s = job->scene;
    struct handles mine = s->handles;
    struct book *book = &s->book[job->worker];
    struct desk *desk = calloc(1, sizeof *desk);
    if (!desk) {
        kl_fail("no memory");
    }
    KL_OK(mproc_builder_create(&desk->builder));
    ready_make(job, &desk->ready, LARGE);
    if (job->fresh) {
        kl_phase(job, "opening the lists");
        open_all(&mine);
    }
    mproc_list_t *own = mine.own[job->worker];
    counts_inherit(&s->counts[job->worker], job);
    ledger_inherit(&s->ledger, job);
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
        }
        for (uint64_t n = rng_below(&job->rng, 10); n > 0; n--) {
            pass_messages(job, s, mine.messages, desk);
            kl_done(job);
        }
        for (uint64_t n = rng_below(&job->rng, 4); n > 0; n--) {
            add(job, mine.counters, &s->counts[job->worker]);
            kl_done(job);
        }
        hammer(job, mine.large, desk);
        if (rng_below(&job->rng, 4) == 0) {
            reorder_numbers(job, mine.numbers);
        }
        if (rng_below(&job->rng, 8) == 0) {
            check_numbers(job, s, mine.numbers);
        }
        kl_done(job);
    }
    if (job->fresh) {
        close_all(&mine);
    }
    mproc_builder_close(desk->builder);
    free(desk);
}

static void create_all(struct handles *h)
{
    mproc_container_options_t o = MPROC_CONTAINER_OPTIONS_INIT;
    o.limit_bytes = 32 << 20;
    KL_OK(mproc_list_create(NULL, "kl-list-messages", &o, &h->messages));
    KL_OK(mproc_list_create(NULL, "kl-list-numbers", &o, &h->numbers));
    KL_OK(mproc_list_create(NULL, "kl-list-counters", &o, &h->counters));
    KL_OK(mproc_list_create(NULL, "kl-list-large", &o, &h->large));
    for (unsigned w = 0; w < WORKERS; w++) {
        char name[40];
        snprintf(name, sizeof name, "kl-list-%u", w);
        KL_OK(mproc_list_create(NULL, name, &o, &h->own[w]));
    }
    for (int64_t i = 0; i < LONG && !atomic_load(&board->failed); i++) {
        KL_OK(mproc_list_append(h->numbers, mproc_datum_int(i)));
    }
    for (unsigned c = 0; c < COUNTERS && !atomic_load(&board->failed); c++) {
        KL_OK(mproc_list_append(h->counters, mproc_datum_int(0)));
    }
    for (unsigned i = 0; i < LARGE && !atomic_load(&board->failed); i++) {
        KL_OK(mproc_list_append(h->large, mproc_datum_nil()));
    }
}

static void audit(struct lists *s, uint64_t kills, struct tally *tally)
{
    static struct desk desk;
    struct seat seat;
    struct job last = { .worker = MAX_WORKERS - 1, .incarnation = 1, .seat = &seat };
    struct handles *h = &s->handles;
    const mproc_list_t *const all[] = { h->messages, h->numbers, h->counters, h->large };
    const mproc_arena_t *arena;
    mproc_datum_t d = { 0 };
    uint64_t len = 1;
    look_at_messages(&last, s, h->messages, &desk);
    while (!atomic_load(&board->failed) && take_message(&last, &s->ledger, h->messages, 0, &desk)) {
    }
    KL_OK(mproc_list_len(h->messages, &len));
    if (len != 0) {
        kl_fail("list: empty, but of length %llu", (unsigned long long)len);
    }
    ledger_audit(&s->ledger, kills);
    check_numbers(&last, s, h->numbers);
    for (unsigned c = 0; c < COUNTERS; c++) {
        KL_OK(mproc_list_get(h->counters, c, NULL, 0, &d));
        counts_audit(s->counts, WORKERS, c, d.type == MPROC_DATUM_FLOAT ? (uint64_t)d.as.d : (uint64_t)d.as.i, kills);
    }
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        KL_OK(mproc_list_arena(all[i], &arena));
        arena_audit(arena, tally);
    }
    for (unsigned w = 0; w < WORKERS; w++) {
        read_own(&last, h->own[w], &desk);
        book_compare(&s->book[w], &last, &desk.seen);
        KL_OK(mproc_list_arena(h->own[w], &arena));
        arena_audit(arena, tally);
    }
}

bool scene_list(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "list", .workers = WORKERS, .immortals = 1, .two_threads_in = 4,
                                .all_must_work = true, .targets = targets, .work = work };
    struct lists *s = proc_shared(sizeof *s);
    s->ledger.max_len = MAX_LEN;
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
    tally->never = atomic_load(&s->snapshots) == 0                                   ? "a snapshot"
                   : atomic_load(&s->upwards) == 0 || atomic_load(&s->downwards) == 0 ? "one of two orders"
                                                                                      : NULL;
    snprintf(tally->note, sizeof tally->note,
             "%llu operations, %llu messages; calls that were killed in a worker's own list: %llu undone, %llu done",
             (unsigned long long)ops, (unsigned long long)atomic_load(&s->ledger.messages), (unsigned long long)undone,
             (unsigned long long)done);
    close_all(&s->handles);
    munmap(s, sizeof *s);
    return ok && atomic_load(&board->failed) == 0;
}
