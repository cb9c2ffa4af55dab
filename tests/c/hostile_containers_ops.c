/* Every operation on dicts, lists and namespaces, each held against the statuses documented for it. */
#include "hostile_containers.h"

#define S_CONTAINER (S_OK | S(MPROC_EBUSY) | S(MPROC_ECORRUPT) | S(MPROC_ESLOTS) | S(MPROC_ENOENT))
#define S_ROOM (S_CONTAINER | S(MPROC_EFULL) | S(MPROC_ENOSPC) | S(MPROC_ENOMEM))
#define S_GET (S_CONTAINER | S(MPROC_EMSGSIZE))
#define S_INDEX S(MPROC_ERANGE)
#define S_COPY (S_CONTAINER | S(MPROC_ETYPE) | S(MPROC_ENOMEM))

enum { BUFFER = 12000, ITERATED = 100, FOLLOWED = 6, DEPTH = 2 };

const char *const root_names[ROOTS] = { "dict", "list", "namespace" };
const int root_kinds[ROOTS] = { MPROC_KIND_DICT, MPROC_KIND_LIST, MPROC_KIND_NAMESPACE };

int create_root(int root, const mproc_domain_t *domain, const char *name, unsigned flags, uint64_t limit, void **out)
{
    mproc_container_options_t o = MPROC_CONTAINER_OPTIONS_INIT;
    o.flags = flags;
    o.limit_bytes = limit;
    return root == ROOT_DICT   ? mproc_dict_create(domain, name, &o, (mproc_dict_t **)out)
           : root == ROOT_LIST ? mproc_list_create(domain, name, &o, (mproc_list_t **)out)
                               : mproc_namespace_create(domain, name, &o, (mproc_namespace_t **)out);
}

int open_root(int root, const mproc_domain_t *domain, const char *name, void **out)
{
    return root == ROOT_DICT   ? mproc_dict_open(domain, name, NULL, (mproc_dict_t **)out)
           : root == ROOT_LIST ? mproc_list_open(domain, name, NULL, (mproc_list_t **)out)
                               : mproc_namespace_open(domain, name, NULL, (mproc_namespace_t **)out);
}

void close_container(int kind, void *handle)
{
    if (kind == MPROC_KIND_DICT) {
        mproc_dict_close(handle);
    } else if (kind == MPROC_KIND_LIST) {
        mproc_list_close(handle);
    } else {
        mproc_namespace_close(handle);
    }
}

/* --- a good one ------------------------------------------------------------------------------------------------ */

static mproc_datum_t dict_key(int i, const char *name)
{
    return i % 2 ? mproc_datum_str(name) : mproc_datum_int(i);
}

static void put(int kind, void *handle, int i, mproc_datum_t d)
{
    char name[20];
    snprintf(name, sizeof name, "name%d", i);
    NEED_OK(kind == MPROC_KIND_DICT   ? mproc_dict_set(handle, dict_key(i, name), d)
            : kind == MPROC_KIND_LIST ? mproc_list_append(handle, d)
                                      : mproc_namespace_set(handle, name, d));
}

static mproc_datum_t get_ref(int kind, void *handle, int i)
{
    char name[20];
    mproc_datum_t d;
    snprintf(name, sizeof name, "name%d", i);
    NEED_OK(kind == MPROC_KIND_DICT   ? mproc_dict_get(handle, dict_key(i, name), NULL, 0, &d)
            : kind == MPROC_KIND_LIST ? mproc_list_get(handle, i, NULL, 0, &d)
                                      : mproc_namespace_get(handle, name, NULL, 0, &d));
    CHECK_INT(MPROC_DATUM_REF, d.type);
    return d;
}

static void drop(int kind, void *handle, int i)
{
    char name[20];
    snprintf(name, sizeof name, "name%d", i);
    NEED_OK(kind == MPROC_KIND_DICT   ? mproc_dict_delete(handle, dict_key(i, name))
            : kind == MPROC_KIND_LIST ? mproc_list_delete(handle, i)
                                      : mproc_namespace_delete(handle, name));
}

static const mproc_arena_t *arena_of(int kind, void *handle)
{
    const mproc_arena_t *arena = NULL;
    NEED_OK(kind == MPROC_KIND_DICT   ? mproc_dict_arena(handle, &arena)
            : kind == MPROC_KIND_LIST ? mproc_list_arena(handle, &arena)
                                      : mproc_namespace_arena(handle, &arena));
    return arena;
}

static int follow(int kind, const mproc_arena_t *arena, mproc_datum_t ref, void **out)
{
    *out = NULL;
    return kind == MPROC_KIND_DICT   ? mproc_dict_follow(arena, ref, (mproc_dict_t **)out)
           : kind == MPROC_KIND_LIST ? mproc_list_follow(arena, ref, (mproc_list_t **)out)
                                     : mproc_namespace_follow(arena, ref, (mproc_namespace_t **)out);
}

/* A new container there, with so many elements, of which every seventh is taken away again. */
static void put_inner(int kind, void *handle, int i, int inner_kind, int count)
{
    void *inner;
    put(kind, handle, i, mproc_datum_new((uint32_t)inner_kind));
    NEED_OK(follow(inner_kind, arena_of(kind, handle), get_ref(kind, handle, i), &inner));
    for (int n = 0; n < count; n++) {
        put(inner_kind, inner, n, n % 3 ? mproc_datum_int(n) : mproc_datum_str("not so short a string, not in place"));
    }
    for (int n = count / 7 * 7; n >= 0; n -= 7) {
        drop(inner_kind, inner, n < count ? n : 0);
    }
    close_container(inner_kind, inner);
}

void fill_root(int root, void *handle)
{
    static unsigned char bytes[100000];
    static const unsigned char list[] = { 0x93, 1, 0xc3, 0xa2, 'h', 'i' };
    int kind = root_kinds[root];
    void *inner;
    pattern_fill(bytes, sizeof bytes, 1);
    put(kind, handle, 0, mproc_datum_int(-5));
    put(kind, handle, 1, mproc_datum_str("short"));
    put(kind, handle, 2, mproc_datum_bytes(bytes, 3000));
    put(kind, handle, 3, mproc_datum_bytes(bytes, 20000));
    put(kind, handle, 4, mproc_datum_bytes(bytes, sizeof bytes));
    put(kind, handle, 5, mproc_datum_packed(list, sizeof list));
    put_inner(kind, handle, 6, MPROC_KIND_DICT, 300);
    put_inner(kind, handle, 7, MPROC_KIND_LIST, 2300); /* more than two segments */
    put_inner(kind, handle, 8, MPROC_KIND_NAMESPACE, 10);
    put(kind, handle, 9, get_ref(kind, handle, 6)); /* in two places */
    put_inner(kind, handle, 10, MPROC_KIND_LIST, 20);
    NEED_OK(follow(MPROC_KIND_LIST, arena_of(kind, handle), get_ref(kind, handle, 10), &inner));
    put(MPROC_KIND_LIST, inner, 0, get_ref(kind, handle, 10)); /* in itself */
    close_container(MPROC_KIND_LIST, inner);
    put(kind, handle, 11, mproc_datum_float(0.5));
    for (int i = 12; i < 60; i++) {
        put(kind, handle, i, i % 3 ? mproc_datum_bytes(bytes, (size_t)i * 5) : mproc_datum_int(i));
    }
    /* A circle that nobody can reach. */
    put_inner(kind, handle, 60, MPROC_KIND_LIST, 5);
    NEED_OK(follow(MPROC_KIND_LIST, arena_of(kind, handle), get_ref(kind, handle, 60), &inner));
    put(MPROC_KIND_LIST, inner, 0, get_ref(kind, handle, 60));
    close_container(MPROC_KIND_LIST, inner);
    drop(kind, handle, 60);
    for (int i = 58; i >= 20; i -= 3) {
        drop(kind, handle, i);
    }
}

void hold_inside(int root, void *handle)
{
    int kind = root_kinds[root];
    for (int i = 6; i < 9; i++) {
        mproc_datum_t ref = get_ref(kind, handle, i);
        void *inner;
        NEED_OK(follow((int)ref.kind, arena_of(kind, handle), ref, &inner));
    }
}

/* --- what comes out -------------------------------------------------------------------------------------------- */

/* A datum that a call has given: whole, in the buffer, and fit for everything else. */
static void use_datum(mproc_datum_t d, const unsigned char *buf, size_t cap)
{
    static char text[4 * BUFFER];
    mproc_reader_t reader;
    mproc_datum_t inner;
    size_t len = 0, count = 0;
    INSIST(d.type >= MPROC_DATUM_NIL && d.type <= MPROC_DATUM_REF);
    if (d.type >= MPROC_DATUM_STR && d.type <= MPROC_DATUM_MAP && buf) {
        const unsigned char *data = d.data;
        INSIST(d.len == 0 || (data >= buf && data + d.len <= buf + cap));
    }
    RUN(S_OK, mproc_datum_check(d));
    RUN(S_OK | S(MPROC_EMSGSIZE), mproc_datum_to_json(d, 0, text, sizeof text, &len));
    if (d.type == MPROC_DATUM_LIST || d.type == MPROC_DATUM_MAP) {
        RUN(S_OK, mproc_reader_init(&reader, d, &count));
        for (int n = 0; n < ITERATED && RUN(S_OK | S(MPROC_END), mproc_reader_next(&reader, &inner)) == MPROC_OK; n++) {
            INSIST(inner.type >= MPROC_DATUM_NIL && inner.type <= MPROC_DATUM_REF);
        }
    }
}

/* The containers that were met on the way, to go on with. */
struct met {
    mproc_datum_t refs[FOLLOWED];
    int count;
};

static void meet(struct met *met, mproc_datum_t d)
{
    if (d.type == MPROC_DATUM_REF && !d.data && met->count < FOLLOWED) {
        met->refs[met->count++] = d;
    }
}

static void got(int status, const mproc_datum_t *d, const unsigned char *buf, struct met *met)
{
    if (status == MPROC_OK || status == MPROC_EXISTED) {
        use_datum(*d, buf, BUFFER);
        meet(met, *d);
    }
}

/* To its end, or for a while. */
static void iterate(int status, mproc_iter_t *const *iter, uint64_t more, struct met *met)
{
    mproc_datum_t key, value;
    uint64_t len;
    if (status != MPROC_OK) {
        return;
    }
    RUN(S_OK | S(MPROC_ENOTSUP), mproc_iter_len(*iter, &len));
    for (int n = 0; n < ITERATED; n++) {
        if (RUN(S_CONTAINER | S(MPROC_END) | more, mproc_iter_next(*iter, &key, &value)) != MPROC_OK) {
            break;
        }
        use_datum(key, NULL, 0);
        use_datum(value, NULL, 0);
        meet(met, value);
    }
    mproc_iter_close(*iter);
}

/* --- the operations -------------------------------------------------------------------------------------------- */

static unsigned char data[70000];

/* Of any length, some of them containers: new ones, or one that was met. */
static mproc_datum_t any_value(struct rng *rng, const struct met *met)
{
    static const size_t lengths[] = { 0, 3, 14, 100, 1000, 5000, 17000, 70000 };
    static const int kinds[] = { MPROC_KIND_DICT, MPROC_KIND_LIST, MPROC_KIND_NAMESPACE };
    switch (rng_below(rng, 6)) {
    case 0:
        return mproc_datum_int((int64_t)rng_next(rng));
    case 1:
        return mproc_datum_new((uint32_t)kinds[rng_below(rng, 3)]);
    case 2:
        return met->count ? met->refs[rng_below(rng, (uint64_t)met->count)] : mproc_datum_nil();
    default:
        return mproc_datum_bytes(data, lengths[rng_below(rng, 8)]);
    }
}

static mproc_datum_t any_key(struct rng *rng, char *name, size_t size)
{
    uint64_t i = rng_below(rng, 64);
    snprintf(name, size, "name%d", (int)i);
    return dict_key((int)i, name);
}

#define DICT_CALLS 22

static void call_dict(int call, mproc_dict_t *dict, struct rng *rng, struct met *met)
{
    static const unsigned char map[] = { 0x82, 1, 2, 0xa1, 'k', 0x91, 0xc0 };
    char name[20];
    mproc_datum_t key = any_key(rng, name, sizeof name), value = any_value(rng, met), expected, *d, *d2;
    unsigned char *buf = out(BUFFER), *key_buf;
    mproc_iter_t *iter = NULL;
    uint64_t *number = out(sizeof *number);
    int *truth = out(sizeof *truth);
    d = out(sizeof *d);
    switch (call) {
    case 0:
        RUN(S_CONTAINER, mproc_dict_len(dict, number));
        break;
    case 1:
        got(RUN(S_GET, mproc_dict_get(dict, key, buf, BUFFER, d)), d, buf, met);
        break;
    case 2:
        RUN(S_ROOM, mproc_dict_set(dict, key, value));
        break;
    case 3:
        got(RUN(S_ROOM | S_GET | S(MPROC_EXISTED), mproc_dict_setdefault(dict, key, value, buf, BUFFER, d)), d, buf,
            met);
        break;
    case 4:
        RUN(S_CONTAINER, mproc_dict_contains(dict, key, truth));
        break;
    case 5:
        RUN(S_CONTAINER, mproc_dict_delete(dict, key));
        break;
    case 6:
        got(RUN(S_GET, mproc_dict_pop(dict, key, buf, BUFFER, d)), d, buf, met);
        break;
    case 7:
        key_buf = out(BUFFER);
        d2 = out(sizeof *d2);
        got(RUN(S_GET, mproc_dict_popitem(dict, key_buf, BUFFER, buf, BUFFER, d2, d)), d, buf, met);
        break;
    case 8:
        if (rng_below(rng, 4) == 0) {
            RUN(S_ROOM, mproc_dict_clear(dict));
        }
        break;
    case 9:
        RUN(S_ROOM, mproc_dict_update(dict, mproc_datum_packed(map, sizeof map)));
        break;
    case 10:
        RUN(S_ROOM | S(MPROC_ETYPE) | S(MPROC_EOVERFLOW), mproc_dict_add(dict, key, mproc_datum_int(1), d));
        break;
    case 11:
        RUN(S_ROOM | S(MPROC_ETYPE), mproc_dict_append_to(dict, key, value));
        break;
    case 12:
        value = rng_below(rng, 2) ? mproc_datum_absent() : value;
        expected = rng_below(rng, 2) ? mproc_datum_absent() : mproc_datum_int(30);
        RUN(S_ROOM, mproc_dict_compare_exchange(dict, key, expected, value, truth));
        break;
    case 13:
        iterate(RUN(S_CONTAINER | S(MPROC_ENOMEM), mproc_dict_keys(dict, &iter)), &iter, 0, met);
        break;
    case 14:
        iterate(RUN(S_CONTAINER | S(MPROC_ENOMEM), mproc_dict_values(dict, &iter)), &iter, 0, met);
        break;
    case 15:
        iterate(RUN(S_CONTAINER | S(MPROC_ENOMEM), mproc_dict_items(dict, &iter)), &iter, 0, met);
        break;
    case 16:
        iterate(RUN(S_CONTAINER, mproc_dict_iter(dict, &iter)), &iter, S(MPROC_ECHANGED), met);
        break;
    case 17:
        RUN(S_OK, mproc_dict_ref(dict, d));
        break;
    default:
        got(RUN(S_GET, mproc_dict_get(dict, mproc_datum_int(2 * (call - 18)), buf, BUFFER, d)), d, buf, met);
    }
}

#define LIST_CALLS 26

static void call_list(int call, mproc_list_t *list, struct rng *rng, struct met *met)
{
    static const unsigned char three[] = { 0x93, 1, 0xa2, 'h', 'i', 0xc0 };
    const mproc_datum_t several = mproc_datum_packed(three, sizeof three);
    int64_t index = (int64_t)rng_below(rng, 140) - 70, stop = index + (int64_t)rng_below(rng, 6);
    mproc_datum_t value = any_value(rng, met), *d = out(sizeof *d);
    unsigned char *buf = out(BUFFER);
    mproc_iter_t *iter = NULL;
    uint64_t *number = out(sizeof *number);
    int *truth = out(sizeof *truth);
    switch (call) {
    case 0:
        RUN(S_CONTAINER, mproc_list_len(list, number));
        break;
    case 1:
        got(RUN(S_GET | S_INDEX, mproc_list_get(list, index, buf, BUFFER, d)), d, buf, met);
        break;
    case 2:
        RUN(S_ROOM | S_INDEX, mproc_list_set(list, index, value));
        break;
    case 3:
        RUN(S_ROOM, mproc_list_append(list, value));
        break;
    case 4:
        RUN(S_ROOM, mproc_list_extend(list, several));
        break;
    case 5:
        RUN(S_ROOM, mproc_list_insert(list, index, value));
        break;
    case 6:
        got(RUN(S_ROOM | S_GET | S_INDEX, mproc_list_pop(list, index, buf, BUFFER, d)), d, buf, met);
        break;
    case 7:
        RUN(S_ROOM | S_INDEX, mproc_list_delete(list, index));
        break;
    case 8:
        RUN(S_ROOM, mproc_list_remove(list, mproc_datum_int(index)));
        break;
    case 9:
        RUN(S_CONTAINER, mproc_list_index(list, mproc_datum_int(index), 0, MPROC_SLICE_END, number));
        break;
    case 10:
        RUN(S_CONTAINER, mproc_list_count(list, mproc_datum_int(index), number));
        break;
    case 11:
        RUN(S_ROOM, mproc_list_reverse(list));
        break;
    case 12:
        RUN(S_ROOM | S(MPROC_ETYPE), mproc_list_sort(list, index % 2 ? MPROC_SORT_DESCENDING : 0));
        break;
    case 13:
        RUN(S_ROOM, mproc_list_repeat(list, 2));
        break;
    case 14:
        if (rng_below(rng, 4) == 0) {
            RUN(S_ROOM, mproc_list_clear(list));
        }
        break;
    case 15:
        iterate(RUN(S_CONTAINER | S(MPROC_ENOMEM), mproc_list_slice(list, index, MPROC_SLICE_END, 3, &iter)), &iter, 0,
                met);
        break;
    case 16:
        RUN(S_ROOM, mproc_list_slice_set(list, index, stop, 1, several));
        break;
    case 17:
        RUN(S_ROOM, mproc_list_slice_delete(list, index, stop, 2));
        break;
    case 18:
        RUN(S_ROOM | S_INDEX | S(MPROC_ETYPE) | S(MPROC_EOVERFLOW), mproc_list_add(list, index, mproc_datum_int(1), d));
        break;
    case 19:
        RUN(S_ROOM | S_INDEX, mproc_list_compare_exchange(list, index, mproc_datum_int(index), value, truth));
        break;
    case 20:
        iterate(RUN(S_CONTAINER | S(MPROC_ENOMEM), mproc_list_items(list, &iter)), &iter, 0, met);
        break;
    case 21:
        iterate(RUN(S_CONTAINER, mproc_list_iter(list, &iter)), &iter, 0, met);
        break;
    case 22:
        RUN(S_ROOM | S(MPROC_ETYPE), mproc_list_extend_from(list, list));
        break;
    case 23:
        RUN(S_OK, mproc_list_ref(list, d));
        break;
    default:
        got(RUN(S_GET | S_INDEX, mproc_list_get(list, call - 24 + 6, buf, BUFFER, d)), d, buf, met);
    }
}

#define NAMESPACE_CALLS 12

static void call_namespace(int call, mproc_namespace_t *names, struct rng *rng, struct met *met)
{
    char name[20];
    mproc_datum_t value = any_value(rng, met), *d = out(sizeof *d);
    unsigned char *buf = out(BUFFER);
    mproc_iter_t *iter = NULL;
    uint64_t *number = out(sizeof *number);
    int *truth = out(sizeof *truth);
    snprintf(name, sizeof name, "name%d", (int)rng_below(rng, 64));
    switch (call) {
    case 0:
        RUN(S_CONTAINER, mproc_namespace_len(names, number));
        break;
    case 1:
        got(RUN(S_GET, mproc_namespace_get(names, name, buf, BUFFER, d)), d, buf, met);
        break;
    case 2:
        RUN(S_ROOM, mproc_namespace_set(names, name, value));
        break;
    case 3:
        RUN(S_CONTAINER, mproc_namespace_delete(names, name));
        break;
    case 4:
        RUN(S_CONTAINER, mproc_namespace_contains(names, name, truth));
        break;
    case 5:
        RUN(S_ROOM | S(MPROC_ETYPE) | S(MPROC_EOVERFLOW), mproc_namespace_add(names, name, mproc_datum_int(1), d));
        break;
    case 6:
        RUN(S_ROOM, mproc_namespace_compare_exchange(names, name, mproc_datum_absent(), value, truth));
        break;
    case 7:
        RUN(S_ROOM | S(MPROC_ETYPE), mproc_namespace_append_to(names, name, value));
        break;
    case 8:
        iterate(RUN(S_CONTAINER | S(MPROC_ENOMEM), mproc_namespace_items(names, &iter)), &iter, 0, met);
        break;
    case 9:
        RUN(S_OK, mproc_namespace_ref(names, d));
        break;
    default:
        snprintf(name, sizeof name, "name%d", call - 10 + 6);
        got(RUN(S_GET, mproc_namespace_get(names, name, buf, BUFFER, d)), d, buf, met);
    }
}

static void copy(int kind, void *handle, uint32_t flags)
{
    mproc_builder_t *builder = NULL;
    mproc_datum_t d;
    int status;
    NEED_OK(mproc_builder_create(&builder));
    status = kind == MPROC_KIND_DICT   ? RUN(S_COPY, mproc_dict_copy(handle, flags, builder))
             : kind == MPROC_KIND_LIST ? RUN(S_COPY, mproc_list_copy(handle, flags, builder))
                                       : RUN(S_COPY, mproc_namespace_copy(handle, flags, builder));
    if (status == MPROC_OK && RUN(S_OK, mproc_builder_datum(builder, &d)) == MPROC_OK) {
        use_datum(d, NULL, 0);
    }
    mproc_builder_close(builder);
}

static void use_arena(const mproc_arena_t *arena, uint64_t choice)
{
    const uint64_t any = S_OK | S(MPROC_EBUSY) | S(MPROC_ECORRUPT) | S(MPROC_ESLOTS);
    char *text;
    mproc_arena_info_t *info;
    uint64_t *freed;
    outs_begin();
    text = out(300);
    info = out(sizeof *info);
    freed = out(sizeof *freed);
    if (choice == 0) {
        RUN(any, mproc_arena_check(arena, text, 300));
    } else if (choice == 1) {
        RUN(any | S(MPROC_ENOMEM), mproc_arena_collect(arena, freed));
    } else {
        RUN(any, mproc_arena_info(arena, info, sizeof *info));
    }
    OUTS_END();
}

static void use_inside(const mproc_arena_t *arena, const struct met *met, struct rng *rng, int depth)
{
    for (int i = 0; i < met->count; i++) {
        const mproc_datum_t ref = met->refs[i];
        void *inner = NULL;
        int kind = (int)ref.kind;
        if (kind != MPROC_KIND_DICT && kind != MPROC_KIND_LIST && kind != MPROC_KIND_NAMESPACE) {
            kind = MPROC_KIND_DICT; /* what stands there is data: it may say what it likes */
        }
        if (RUN(S_ROOM | S(MPROC_ETYPE) | S(MPROC_EINVAL), follow(kind, arena, ref, &inner)) == MPROC_OK) {
            use_container(kind, inner, rng, depth + 1);
            enter("close");
            close_container(kind, inner);
            atomic_store(&stage->call, NULL);
        }
    }
}

void use_container(int kind, void *handle, struct rng *rng, int depth)
{
    const int calls = kind == MPROC_KIND_DICT ? DICT_CALLS : kind == MPROC_KIND_LIST ? LIST_CALLS : NAMESPACE_CALLS;
    const mproc_arena_t *arena = arena_of(kind, handle);
    struct met met = { .count = 0 };
    use_arena(arena, rng_below(rng, 3));
    for (int n = 0; n < calls; n++) { /* in any order, some of them more than once */
        int call = (int)rng_below(rng, (uint64_t)calls);
        outs_begin();
        if (kind == MPROC_KIND_DICT) {
            call_dict(call, handle, rng, &met);
        } else if (kind == MPROC_KIND_LIST) {
            call_list(call, handle, rng, &met);
        } else {
            call_namespace(call, handle, rng, &met);
        }
        OUTS_END();
    }
    copy(kind, handle, rng_below(rng, 2) ? MPROC_COPY_DEEP : 0);
    if (depth < DEPTH) {
        use_inside(arena, &met, rng, depth);
    }
    use_arena(arena, rng_below(rng, 3));
}

void use_root_and_close(int root, void *handle, struct rng *rng)
{
    use_container(root_kinds[root], handle, rng, 0);
    enter("close");
    close_container(root_kinds[root], handle);
    atomic_store(&stage->call, NULL);
    CHECK(nobody_complained());
}
