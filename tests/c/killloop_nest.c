/*
 * Kill loop, containers in containers. Everybody makes new ones, fills them, holds handles on them, links them in
 * several places and in circles, drops them, and dies with all that in its hands. Beside that stand counters in an
 * inner dict, a log of each thread in an inner list, and a namespace, which must be what the calls that returned have
 * made of them. At the end nothing is left but what can be reached.
 */
#include "killloop_data.h"

#define WORKERS 5
#define SLOTS 12   /* keys under which containers come and go */
#define HELD 6     /* handles of one thread */
#define ENTRIES 40 /* of one container, more or less */
#define LOG_MOST 100
#define NAMES 6
#define LARGE 8 /* keys of an inner dict of large values */

struct handles {
    mproc_dict_t *root, *slots, *counters, *large; /* all but the first are inner ones */
    mproc_namespace_t *names;
    const mproc_arena_t *arena;
};

struct nest {
    struct handles handles;
    struct counts counts[WORKERS];
    struct book log[WORKERS][MAX_THREADS];
    /* The incarnation, and << 8 in front of it: how many handles it has. */
    _Alignas(64) _Atomic uint32_t holding[MAX_WORKERS][MAX_THREADS];
    _Alignas(64) _Atomic uint64_t made, linked, gone, detached, collected, died_holding;
};

/* A handle on an inner container. */
struct held {
    uint32_t kind; /* 0: none */
    void *handle;
};

/* What a thread works with. */
struct desk {
    unsigned char in[DATA_MAX], out[DATA_MAX];
    struct ready ready;
    struct held held[HELD];
    mproc_datum_t old; /* a reference from earlier times; perhaps to something that is gone */
    struct page seen;
    mproc_builder_t *builder;
};

static const char creating[] = "making a container";
static const char filling[] = "filling a container";
static const char linking[] = "linking a container";
static const char dropping[] = "dropping a container";
static const char following[] = "following a reference";
static const char closing[] = "closing a handle";
static const char collecting[] = "collecting";
static const char logging[] = "appending to the log";
static const char counting[] = "adding";
static const char copying[] = "copying";
static const char replacing[] = "replacing a large value";
static const char *const targets[] = { creating,   filling, linking,  dropping, following, closing,
                                       collecting, logging, counting, copying,  replacing, replacing, NULL };

/* OK, or one that says that what was asked for is not there (any more). */
static bool there(int status, int otherwise, const char *call)
{
    if (status != MPROC_OK && status != otherwise) {
        kl_fail_call(call, status, __FILE__, __LINE__);
    }
    return status == MPROC_OK;
}

/* ---- handles ---- */

static void note_held(struct job *job, struct nest *s, const struct desk *desk)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < HELD; i++) {
        n += desk->held[i].kind != 0;
    }
    atomic_store(&s->holding[job->worker][job->thread], job->incarnation << 8 | n);
}

static void drop_held(struct job *job, struct held *held)
{
    kl_phase(job, closing);
    if (held->kind == MPROC_KIND_DICT) {
        mproc_dict_close(held->handle);
    } else if (held->kind == MPROC_KIND_LIST) {
        mproc_list_close(held->handle);
    } else if (held->kind == MPROC_KIND_NAMESPACE) {
        mproc_namespace_close(held->handle);
    }
    *held = (struct held){ 0 };
}

/* False: it is gone. */
static bool follow(struct job *job, const struct handles *h, mproc_datum_t ref, struct held *held)
{
    int status;
    kl_phase(job, following);
    held->handle = NULL;
    if (ref.kind == MPROC_KIND_DICT) {
        status = mproc_dict_follow(h->arena, ref, (mproc_dict_t **)&held->handle);
    } else if (ref.kind == MPROC_KIND_LIST) {
        status = mproc_list_follow(h->arena, ref, (mproc_list_t **)&held->handle);
    } else {
        status = mproc_namespace_follow(h->arena, ref, (mproc_namespace_t **)&held->handle);
    }
    if (!there(status, MPROC_ENOENT, "follow")) {
        return false;
    }
    held->kind = ref.kind;
    return true;
}

static mproc_datum_t ref_of(const struct held *held)
{
    mproc_datum_t ref = { 0 };
    KL_OK(held->kind == MPROC_KIND_DICT   ? mproc_dict_ref(held->handle, &ref)
          : held->kind == MPROC_KIND_LIST ? mproc_list_ref(held->handle, &ref)
                                          : mproc_namespace_ref(held->handle, &ref));
    if (ref.type != MPROC_DATUM_REF || ref.kind != held->kind) {
        kl_fail("nest: the reference on a container of kind %u is a datum of type %d, kind %u", (unsigned)held->kind,
                (int)ref.type, (unsigned)ref.kind);
    }
    return ref;
}

static struct held *any_held(struct job *job, struct desk *desk)
{
    struct held *held = &desk->held[rng_below(&job->rng, HELD)];
    return held->kind ? held : NULL;
}

static mproc_datum_t slot_key(struct job *job)
{
    return mproc_datum_int((int64_t)rng_below(&job->rng, SLOTS));
}

static mproc_datum_t new_container(struct job *job)
{
    static const uint32_t kinds[] = { MPROC_KIND_DICT, MPROC_KIND_LIST, MPROC_KIND_LIST, MPROC_KIND_NAMESPACE };
    return mproc_datum_new(kinds[rng_below(&job->rng, 4)]);
}

/* ---- inside a container ---- */

/* What stands in a container is a reference, or whole data. */
static void check_value(struct job *job, mproc_datum_t value, const char *how)
{
    if (value.type != MPROC_DATUM_REF) {
        data_stamp(job, value, how);
    }
}

/* Data, now and then a new container, or one that is held: also inside itself. */
static mproc_datum_t something(struct job *job, struct nest *s, struct desk *desk)
{
    struct held *held = any_held(job, desk);
    uint64_t way = rng_below(&job->rng, 8);
    if (way == 0) {
        atomic_fetch_add_explicit(&s->made, 1, memory_order_relaxed);
        return new_container(job);
    }
    if (way == 1 && held) {
        atomic_fetch_add_explicit(&s->linked, 1, memory_order_relaxed);
        return ref_of(held);
    }
    return data_make(data_new_stamp(job, rng_below(&job->rng, 2)), desk->in);
}

static uint64_t length_of(const struct held *held)
{
    uint64_t len = 0;
    KL_OK(held->kind == MPROC_KIND_DICT   ? mproc_dict_len(held->handle, &len)
          : held->kind == MPROC_KIND_LIST ? mproc_list_len(held->handle, &len)
                                          : mproc_namespace_len(held->handle, &len));
    return len;
}

static void fill_dict(struct job *job, struct nest *s, const mproc_dict_t *dict, struct desk *desk)
{
    mproc_datum_t key = mproc_datum_int((int64_t)rng_below(&job->rng, ENTRIES)), out;
    switch (rng_below(&job->rng, 8)) {
    case 0:
        there(mproc_dict_delete(dict, key), MPROC_ENOENT, "delete");
        break;
    case 1:
        if (there(mproc_dict_pop(dict, key, desk->out, DATA_MAX, &out), MPROC_ENOENT, "pop")) {
            check_value(job, out, "pop");
        }
        break;
    case 2:
        if (there(mproc_dict_get(dict, key, desk->out, DATA_MAX, &out), MPROC_ENOENT, "get")) {
            check_value(job, out, "get");
        }
        break;
    default:
        KL_OK(mproc_dict_set(dict, key, something(job, s, desk)));
    }
}

static void fill_list(struct job *job, struct nest *s, const mproc_list_t *list, struct desk *desk)
{
    int64_t index = (int64_t)rng_below(&job->rng, ENTRIES);
    mproc_datum_t out;
    switch (rng_below(&job->rng, 8)) {
    case 0:
        there(mproc_list_delete(list, index), MPROC_ERANGE, "delete");
        break;
    case 1:
        if (there(mproc_list_pop(list, index, desk->out, DATA_MAX, &out), MPROC_ERANGE, "pop")) {
            check_value(job, out, "pop");
        }
        break;
    case 2:
        there(mproc_list_set(list, index, something(job, s, desk)), MPROC_ERANGE, "set");
        break;
    case 3:
        KL_OK(mproc_list_reverse(list));
        break;
    case 4:
        KL_OK(mproc_list_insert(list, index, something(job, s, desk)));
        break;
    default:
        KL_OK(mproc_list_append(list, something(job, s, desk)));
    }
}

static void fill_namespace(struct job *job, struct nest *s, const mproc_namespace_t *names, struct desk *desk)
{
    char name[20];
    mproc_datum_t out;
    snprintf(name, sizeof name, "name%u", (unsigned)rng_below(&job->rng, ENTRIES));
    switch (rng_below(&job->rng, 4)) {
    case 0:
        there(mproc_namespace_delete(names, name), MPROC_ENOENT, "delete");
        break;
    case 1:
        if (there(mproc_namespace_get(names, name, desk->out, DATA_MAX, &out), MPROC_ENOENT, "get")) {
            check_value(job, out, "get");
        }
        break;
    default:
        KL_OK(mproc_namespace_set(names, name, something(job, s, desk)));
    }
}

/* All of it must be whole; and it is emptied when it has grown enough. */
static void walk(struct job *job, const struct held *held)
{
    mproc_iter_t *iter;
    mproc_datum_t key, value;
    int status;
    kl_phase(job, copying);
    KL_OK(held->kind == MPROC_KIND_DICT   ? mproc_dict_items(held->handle, &iter)
          : held->kind == MPROC_KIND_LIST ? mproc_list_items(held->handle, &iter)
                                          : mproc_namespace_items(held->handle, &iter));
    while ((status = mproc_iter_next(iter, &key, &value)) == MPROC_OK) {
        check_value(job, value, "items");
    }
    KL_IS(MPROC_END, status);
    mproc_iter_close(iter);
    if (held->kind == MPROC_KIND_LIST && length_of(held) > ENTRIES) {
        kl_phase(job, dropping);
        KL_OK(mproc_list_clear(held->handle));
    } else if (held->kind == MPROC_KIND_DICT && rng_below(&job->rng, 8) == 0) {
        kl_phase(job, dropping);
        KL_OK(mproc_dict_clear(held->handle));
    }
}

static void use_held(struct job *job, struct nest *s, struct desk *desk)
{
    struct held *held = any_held(job, desk);
    if (!held) {
        return;
    }
    kl_phase(job, filling);
    for (uint64_t n = 1 + rng_below(&job->rng, 6); n > 0; n--) {
        if (held->kind == MPROC_KIND_DICT) {
            fill_dict(job, s, held->handle, desk);
        } else if (held->kind == MPROC_KIND_LIST) {
            fill_list(job, s, held->handle, desk);
        } else {
            fill_namespace(job, s, held->handle, desk);
        }
    }
    if (rng_below(&job->rng, 4) == 0 || length_of(held) > ENTRIES) {
        walk(job, held);
    }
}

/* ---- the slots ---- */

/* Takes a handle on what a reference leads to, in place of another one. */
static void hold(struct job *job, struct nest *s, const struct handles *h, mproc_datum_t ref, struct desk *desk)
{
    struct held *place = &desk->held[rng_below(&job->rng, HELD)], held = { 0 };
    if (ref.type != MPROC_DATUM_REF) {
        kl_fail("nest: worker %u got a datum of type %d where there are only containers", job->worker, (int)ref.type);
    }
    if (follow(job, h, ref, &held)) {
        drop_held(job, place);
        *place = held;
        desk->old = rng_below(&job->rng, 8) ? desk->old : ref;
    } else {
        atomic_fetch_add_explicit(&s->gone, 1, memory_order_relaxed);
    }
    note_held(job, s, desk);
}

static void use_slots(struct job *job, struct nest *s, const struct handles *h, struct desk *desk)
{
    mproc_datum_t key = slot_key(job), out = { 0 };
    struct held *held = any_held(job, desk);
    uint64_t freed;
    int status;
    switch (rng_below(&job->rng, 16)) {
    case 0:
    case 1:
        kl_phase(job, creating);
        KL_OK(mproc_dict_set(h->slots, key, new_container(job)));
        atomic_fetch_add_explicit(&s->made, 1, memory_order_relaxed);
        break;
    case 2:
        kl_phase(job, creating);
        status = mproc_dict_setdefault(h->slots, key, new_container(job), NULL, 0, &out);
        if (status != MPROC_EXISTED) {
            KL_OK(status);
        }
        hold(job, s, h, out, desk);
        break;
    case 3:
        if (held) {
            kl_phase(job, linking);
            KL_OK(mproc_dict_set(h->slots, key, ref_of(held)));
            atomic_fetch_add_explicit(&s->linked, 1, memory_order_relaxed);
        }
        break;
    case 4:
        kl_phase(job, dropping);
        there(mproc_dict_delete(h->slots, key), MPROC_ENOENT, "delete");
        break;
    case 5: /* popped: nothing but a handle holds it, if somebody has one */
        kl_phase(job, dropping);
        if (there(mproc_dict_pop(h->slots, key, NULL, 0, &out), MPROC_ENOENT, "pop")) {
            atomic_fetch_add_explicit(&s->detached, 1, memory_order_relaxed);
            hold(job, s, h, out, desk);
        }
        break;
    case 6:
        kl_phase(job, dropping);
        if (rng_below(&job->rng, 16) == 0) {
            KL_OK(mproc_dict_clear(h->slots));
        }
        break;
    case 7:
        if (held) {
            drop_held(job, held);
            note_held(job, s, desk);
        }
        break;
    case 8:
        if (desk->old.type == MPROC_DATUM_REF) {
            hold(job, s, h, desk->old, desk);
        }
        break;
    case 9:
        kl_phase(job, collecting);
        if (rng_below(&job->rng, 8) == 0) {
            KL_OK(mproc_arena_collect(h->arena, &freed));
            atomic_fetch_add_explicit(&s->collected, freed, memory_order_relaxed);
        }
        break;
    case 10:
        kl_phase(job, copying);
        KL_OK(mproc_builder_reset(desk->builder));
        there(mproc_dict_copy(h->slots, rng_below(&job->rng, 2) ? MPROC_COPY_DEEP : 0, desk->builder), MPROC_ETYPE,
              "copy"); /* one that is inside itself has no end */
        break;
    default:
        kl_phase(job, "looking into a slot");
        if (there(mproc_dict_get(h->slots, key, NULL, 0, &out), MPROC_ENOENT, "get")) {
            hold(job, s, h, out, desk);
        }
    }
}

/* ---- what must be right ---- */

/* Large values, each under the key that its stamp says. */
static void hammer(struct job *job, const mproc_dict_t *large, struct desk *desk)
{
    mproc_datum_t out;
    for (uint64_t n = 1 + rng_below(&job->rng, 60); n > 0 && !kl_stopping(); n--) {
        unsigned i = (unsigned)rng_below(&job->rng, READY);
        mproc_datum_t key = mproc_datum_int((int64_t)(desk->ready.stamp[i] & 0xff));
        KL_TIMED(job, replacing, mproc_dict_set(large, key, desk->ready.value[i]));
        kl_done(job);
    }
    uint64_t k = rng_below(&job->rng, LARGE);
    if (there(mproc_dict_get(large, mproc_datum_int((int64_t)k), desk->out, DATA_MAX, &out), MPROC_ENOENT, "get") &&
        (data_stamp(job, out, "get") & 0xff) != k) {
        kl_fail("nest: worker %u got under key %llu what belongs elsewhere", job->worker, (unsigned long long)k);
    }
}

static mproc_datum_t log_key(const struct job *job, char *buf, size_t size)
{
    snprintf(buf, size, "log %u %u", job->worker, job->thread);
    return mproc_datum_str(buf);
}

static void read_log(struct job *job, const struct handles *h, struct desk *desk)
{
    char name[40];
    struct held log = { 0 };
    mproc_iter_t *iter;
    mproc_datum_t ref, value;
    int status;
    desk->seen.count = 0;
    kl_phase(job, "reading the log");
    if (!there(mproc_dict_get(h->root, log_key(job, name, sizeof name), NULL, 0, &ref), MPROC_ENOENT, "get")) {
        return;
    }
    if (ref.type != MPROC_DATUM_REF || ref.kind != MPROC_KIND_LIST || !follow(job, h, ref, &log)) {
        kl_fail("nest: the log of worker %u is a datum of type %d, kind %u, which leads nowhere", job->worker,
                (int)ref.type, (unsigned)ref.kind);
    }
    KL_OK(mproc_list_items(log.handle, &iter));
    while ((status = mproc_iter_next(iter, NULL, &value)) == MPROC_OK && desk->seen.count < BOOK_MOST) {
        page_insert(&desk->seen, desk->seen.count, 0, data_stamp(job, value, "the log"));
    }
    KL_IS(MPROC_END, status);
    mproc_iter_close(iter);
    drop_held(job, &log);
}

/* The first entry makes the list, the last one takes it away. */
static void write_log(struct job *job, const struct handles *h, struct book *book, struct desk *desk)
{
    char name[40];
    struct page *plan = book_plan(book);
    mproc_datum_t key = log_key(job, name, sizeof name);
    if (plan->count >= LOG_MOST) {
        plan->count = 0;
        book_announce(book);
        kl_phase(job, dropping);
        KL_OK(mproc_dict_delete(h->root, key));
    } else {
        uint64_t stamp = data_new_stamp(job, false);
        page_insert(plan, plan->count, 0, stamp);
        book_announce(book);
        kl_phase(job, logging);
        KL_OK(mproc_dict_append_to(h->root, key, data_make(stamp, desk->in)));
    }
    book_close(book, true);
}

static void add(struct job *job, const struct handles *h, struct counts *counts)
{
    unsigned c = (unsigned)rng_below(&job->rng, COUNTERS);
    int64_t delta = 1 + (int64_t)rng_below(&job->rng, MOST_ADDED);
    kl_phase(job, counting);
    counts_announce(counts, job, c, (uint64_t)delta);
    KL_OK(c == 3 ? mproc_namespace_add(h->names, "total", mproc_datum_int(delta), NULL)
                 : mproc_dict_add(h->counters, mproc_datum_int(c), mproc_datum_int(delta), NULL));
    counts_returned(counts, job, c, (uint64_t)delta);
}

/* Sorted by name, each value whole. */
static void use_names(struct job *job, const mproc_namespace_t *names, struct desk *desk)
{
    char name[20], before[20] = "";
    mproc_iter_t *iter;
    mproc_datum_t key, value;
    int status;
    snprintf(name, sizeof name, "name%u", (unsigned)rng_below(&job->rng, NAMES));
    kl_phase(job, "setting a name");
    if (rng_below(&job->rng, 3)) {
        KL_OK(mproc_namespace_set(names, name, data_make(data_new_stamp(job, false), desk->in)));
        return;
    }
    there(mproc_namespace_delete(names, name), MPROC_ENOENT, "delete");
    KL_OK(mproc_namespace_items(names, &iter));
    while ((status = mproc_iter_next(iter, &key, &value)) == MPROC_OK) {
        if (key.type != MPROC_DATUM_STR || key.len >= sizeof name) {
            kl_fail("nest: a name is a datum of type %d, %zu bytes", (int)key.type, key.len);
        }
        memcpy(name, key.data, key.len);
        name[key.len] = 0;
        if (strcmp(before, name) >= 0) {
            kl_fail("nest: \"%s\" comes behind \"%s\"", name, before);
        }
        strcpy(before, name);
        if (strcmp(name, "total")) {
            check_value(job, value, "items of a namespace");
        }
    }
    KL_IS(MPROC_END, status);
    mproc_iter_close(iter);
}

/* ---- the scene ---- */

static mproc_dict_t *inner_dict(const struct handles *h, const char *key)
{
    mproc_datum_t ref = { 0 };
    mproc_dict_t *dict = NULL;
    KL_OK(mproc_dict_get(h->root, mproc_datum_str(key), NULL, 0, &ref));
    KL_OK(mproc_dict_follow(h->arena, ref, &dict));
    return dict;
}

static void open_all(struct handles *h)
{
    KL_OK(mproc_dict_open(NULL, "kl-nest", NULL, &h->root));
    KL_OK(mproc_dict_arena(h->root, &h->arena));
    KL_OK(mproc_namespace_open(NULL, "kl-names", NULL, &h->names));
    h->slots = inner_dict(h, "slots");
    h->counters = inner_dict(h, "counters");
    h->large = inner_dict(h, "large");
}

static void close_all(struct handles *h)
{
    mproc_dict_close(h->slots);
    mproc_dict_close(h->counters);
    mproc_dict_close(h->large);
    mproc_dict_close(h->root);
    mproc_namespace_close(h->names);
}

static void work(struct job *job)
{
    struct nest *s = job->scene;
    struct handles mine = s->handles;
    struct book *log = &s->log[job->worker][job->thread];
    struct desk *desk = calloc(1, sizeof *desk);
    if (!desk) {
        kl_fail("no memory");
    }
    KL_OK(mproc_builder_create(&desk->builder));
    ready_make(job, &desk->ready, LARGE);
    uint32_t holding = atomic_exchange(&s->holding[job->worker][job->thread], 0);
    atomic_fetch_add(&s->died_holding, (holding & 0xff) != 0 && holding >> 8 != job->incarnation);
    if (job->fresh) {
        kl_phase(job, "opening the containers");
        open_all(&mine);
    }
    counts_inherit(&s->counts[job->worker], job);
    read_log(job, &mine, desk);
    book_compare(log, job, &desk->seen);
    while (!kl_stopping()) {
        for (uint64_t n = rng_below(&job->rng, 16); n > 0; n--) {
            use_slots(job, s, &mine, desk);
            kl_done(job);
        }
        for (uint64_t n = rng_below(&job->rng, 4); n > 0; n--) {
            use_held(job, s, desk);
            kl_done(job);
        }
        for (uint64_t n = rng_below(&job->rng, 6); n > 0; n--) {
            write_log(job, &mine, log, desk);
            kl_done(job);
        }
        if (rng_below(&job->rng, 8) == 0) {
            read_log(job, &mine, desk);
            book_compare(log, job, &desk->seen);
        }
        for (uint64_t n = rng_below(&job->rng, 4); n > 0; n--) {
            add(job, &mine, &s->counts[job->worker]);
            kl_done(job);
        }
        hammer(job, mine.large, desk);
        use_names(job, mine.names, desk);
        kl_done(job);
    }
    for (unsigned i = 0; i < HELD; i++) {
        drop_held(job, &desk->held[i]);
    }
    note_held(job, s, desk);
    if (job->fresh) {
        close_all(&mine);
    }
    mproc_builder_close(desk->builder);
    free(desk);
}

/* What the arena has when nobody works with it. */
static void create_all(struct handles *h, mproc_arena_info_t *empty)
{
    mproc_container_options_t o = MPROC_CONTAINER_OPTIONS_INIT;
    o.limit_bytes = 256 << 20;
    KL_OK(mproc_dict_create(NULL, "kl-nest", &o, &h->root));
    KL_OK(mproc_namespace_create(NULL, "kl-names", NULL, &h->names));
    if (atomic_load(&board->failed)) {
        return;
    }
    KL_OK(mproc_dict_arena(h->root, &h->arena));
    KL_OK(mproc_dict_set(h->root, mproc_datum_str("slots"), mproc_datum_new(MPROC_KIND_DICT)));
    KL_OK(mproc_dict_set(h->root, mproc_datum_str("counters"), mproc_datum_new(MPROC_KIND_DICT)));
    KL_OK(mproc_dict_set(h->root, mproc_datum_str("large"), mproc_datum_new(MPROC_KIND_DICT)));
    h->slots = inner_dict(h, "slots");
    h->counters = inner_dict(h, "counters");
    h->large = inner_dict(h, "large");
    for (unsigned c = 0; c < COUNTERS - 1; c++) {
        KL_OK(mproc_dict_set(h->counters, mproc_datum_int(c), mproc_datum_int(0)));
    }
    KL_OK(mproc_arena_info(h->arena, empty, sizeof *empty));
}

/* With the slots and logs away and everybody dead, nothing is left but what was there in the beginning. */
static void nothing_left(struct nest *s, const mproc_arena_info_t *empty)
{
    mproc_arena_info_t now = { 0 };
    uint64_t freed;
    KL_OK(mproc_dict_clear(s->handles.slots));
    for (unsigned w = 0; w < WORKERS; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            char name[40];
            struct job job = { .worker = w, .thread = t };
            there(mproc_dict_delete(s->handles.root, log_key(&job, name, sizeof name)), MPROC_ENOENT, "delete");
        }
    }
    KL_OK(mproc_arena_collect(s->handles.arena, &freed));
    KL_OK(mproc_arena_info(s->handles.arena, &now, sizeof now));
    if (now.containers != empty->containers || now.handles != empty->handles || now.waiting_to_be_freed != 0) {
        kl_fail("nest: with everything dropped there are %llu containers and %llu handles (%llu and %llu in the "
                "beginning), %llu waiting to be freed",
                (unsigned long long)now.containers, (unsigned long long)now.handles,
                (unsigned long long)empty->containers, (unsigned long long)empty->handles,
                (unsigned long long)now.waiting_to_be_freed);
    }
}

static void audit(struct nest *s, uint64_t kills, const mproc_arena_info_t *empty, struct tally *tally)
{
    static struct desk desk;
    struct seat seat;
    struct job last = { .seat = &seat };
    const mproc_arena_t *arena;
    mproc_datum_t d = { 0 };
    arena_audit(s->handles.arena, tally);
    KL_OK(mproc_namespace_arena(s->handles.names, &arena));
    arena_audit(arena, tally);
    for (unsigned c = 0; c < COUNTERS; c++) {
        KL_OK(c == 3 ? mproc_namespace_get(s->handles.names, "total", NULL, 0, &d)
                     : mproc_dict_get(s->handles.counters, mproc_datum_int(c), NULL, 0, &d));
        counts_audit(s->counts, WORKERS, c, (uint64_t)d.as.i, kills);
    }
    for (last.worker = 0; last.worker < WORKERS; last.worker++) {
        for (last.thread = 0; last.thread < MAX_THREADS; last.thread++) {
            read_log(&last, &s->handles, &desk);
            book_compare(&s->log[last.worker][last.thread], &last, &desk.seen);
        }
    }
    if (!atomic_load(&board->failed)) {
        struct tally again = { 0 };
        nothing_left(s, empty);
        arena_audit(s->handles.arena, &again);
    }
}

bool scene_nest(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "nest", .workers = WORKERS, .immortals = 1, .two_threads_in = 4,
                                .all_must_work = true, .targets = targets, .work = work };
    struct nest *s = proc_shared(sizeof *s);
    mproc_arena_info_t empty = { 0 };
    create_all(&s->handles, &empty);
    if (atomic_load(&board->failed)) {
        return false;
    }
    crew.scene = s;
    crew_start(&crew);
    bool ok = crew_kills(&crew, kills) && crew_quiet(&crew);
    atomic_store(&board->stop, 1);
    ok = ok && crew_join(&crew, 0, crew.workers);
    uint64_t ops = crew_ops(&crew);
    crew_end(&crew);
    if (ok) {
        audit(s, kills, &empty, tally);
    }
    tally->kills = kills;
    tally->never = atomic_load(&s->gone) == 0           ? "a reference to something that is gone"
                   : atomic_load(&s->collected) == 0    ? "a collection that freed something"
                   : atomic_load(&s->died_holding) == 0 ? "a process that was killed with handles on inner containers"
                                                        : NULL;
    snprintf(tally->note, sizeof tally->note,
             "%llu operations, %llu containers made, %llu links, %llu gone when followed, %llu collected, %llu killed "
             "with handles",
             (unsigned long long)ops, (unsigned long long)atomic_load(&s->made),
             (unsigned long long)atomic_load(&s->linked), (unsigned long long)atomic_load(&s->gone),
             (unsigned long long)atomic_load(&s->collected), (unsigned long long)atomic_load(&s->died_holding));
    close_all(&s->handles);
    munmap(s, sizeof *s);
    return ok && atomic_load(&board->failed) == 0;
}
