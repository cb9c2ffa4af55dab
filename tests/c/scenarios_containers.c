/* Stories about dicts, lists, namespaces, and what is inside them. */
#include "scenarios.h"

#include <sys/resource.h>

enum { MANY = 400, BIG = 20000 };

static unsigned char bytes[64 << 10], back[64 << 10];

static mproc_dict_t *new_dict(const char *name, uint64_t limit)
{
    mproc_container_options_t o = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_dict_t *dict = NULL;
    o.limit_bytes = limit;
    OK(mproc_dict_create(NULL, name, &o, &dict));
    return dict;
}

static mproc_list_t *new_list(const char *name, uint64_t limit)
{
    mproc_container_options_t o = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_list_t *list = NULL;
    o.limit_bytes = limit;
    OK(mproc_list_create(NULL, name, &o, &list));
    return list;
}

static const mproc_arena_t *arena_of(const mproc_dict_t *dict)
{
    const mproc_arena_t *arena = NULL;
    OK(mproc_dict_arena(dict, &arena));
    return arena;
}

static mproc_arena_info_t info_of(const mproc_dict_t *dict)
{
    mproc_arena_info_t info;
    OK(mproc_arena_info(arena_of(dict), &info, sizeof info));
    return info;
}

static void check_arena(const mproc_arena_t *arena)
{
    char text[300] = "";
    int status = mproc_arena_check(arena, text, sizeof text);
    if (status != MPROC_OK) {
        fail_at(__FILE__, __LINE__, "mproc_arena_check() returned %s: %s", status_text(status), text);
    }
}

static int64_t number_at(const mproc_dict_t *dict, const char *key)
{
    mproc_datum_t d;
    OK(mproc_dict_get(dict, mproc_datum_str(key), NULL, 0, &d));
    CHECK(d.type == MPROC_DATUM_INT);
    return d.as.i;
}

static uint64_t length_of(const mproc_list_t *list)
{
    uint64_t len = UINT64_MAX;
    OK(mproc_list_len(list, &len));
    return len;
}

/* A new list under a key, and a handle on it. */
static mproc_list_t *inner_list(const mproc_dict_t *dict, mproc_datum_t key)
{
    mproc_datum_t ref;
    mproc_list_t *list = NULL;
    OK(mproc_dict_set(dict, key, mproc_datum_new(MPROC_KIND_LIST)));
    OK(mproc_dict_get(dict, key, NULL, 0, &ref));
    CHECK(ref.type == MPROC_DATUM_REF && ref.kind == MPROC_KIND_LIST);
    OK(mproc_list_follow(arena_of(dict), ref, &list));
    return list;
}

/* The arena comes to this many containers and handles: at once, or when the dead have been noticed. */
static void await_arena(const mproc_dict_t *dict, uint64_t containers, uint64_t handles)
{
    mproc_arena_info_t info = info_of(dict);
    for (int64_t end = proc_now() + 20 * SEC; proc_now() < end; info = info_of(dict)) {
        if (info.containers == containers && info.handles == handles && info.waiting_to_be_freed == 0) {
            check_arena(arena_of(dict));
            return;
        }
        OK(mproc_arena_collect(arena_of(dict), NULL));
        proc_sleep_ns(1 * MS);
    }
    fail_at(__FILE__, __LINE__,
            "%llu containers and %llu handles are left, %llu of them to be freed; not %llu and %llu",
            (unsigned long long)info.containers, (unsigned long long)info.handles,
            (unsigned long long)info.waiting_to_be_freed, (unsigned long long)containers, (unsigned long long)handles);
}

static void pause_for_ever(void)
{
    for (;;) {
        pause();
    }
}

/* ---- fork, exec, exit, kill ---- */

/* A child works with what it inherits, and is a holder of its own from its first operation on. */
static void fork_with_handles(void)
{
    mproc_dict_t *dict = new_dict("dict", 0);
    mproc_datum_t key = mproc_datum_str("inner"), ref;
    mproc_list_t *inner = inner_list(dict, key), *again = NULL;
    OK(mproc_list_ref(inner, &ref));
    for (int generation = 0; generation < 3; generation++) {
        pid_t pid = proc_fork();
        if (pid != 0) {
            JOIN(pid);
            if (generation > 0) {
                _exit(0);
            }
            break;
        }
        OK(mproc_list_append(inner, mproc_datum_int(generation)));
        OK(mproc_dict_add(dict, mproc_datum_str("count"), mproc_datum_int(1), NULL));
        OK(mproc_list_follow(arena_of(dict), ref, &again));
        OK(mproc_list_append(again, mproc_datum_str("more")));
        mproc_list_close(again);
        if (generation == 2) {
            mproc_list_close(inner);
            mproc_dict_close(dict);
            _exit(0);
        }
    }
    CHECK(length_of(inner) == 6 && number_at(dict, "count") == 3);
    await_arena(dict, 2, 1); /* the children, who did not all close theirs, hold nothing any more */

    /* It stays as long as a child holds it, also when its parent does not. */
    pid_t child = proc_fork();
    if (child == 0) {
        CHECK(length_of(inner) == 6);
        atomic_store(&stage->step, 1);
        AWAIT(stage->step, 2);
        OK(mproc_list_append(inner, mproc_datum_str("the last")));
        CHECK(length_of(inner) == 7);
        atomic_store(&stage->step, 3);
        pause_for_ever();
    }
    AWAIT(stage->step, 1);
    OK(mproc_dict_delete(dict, key));
    mproc_list_close(inner);
    CHECK(info_of(dict).containers == 2 && info_of(dict).handles == 1);
    atomic_store(&stage->step, 2);
    AWAIT(stage->step, 3);
    proc_kill(child);
    await_arena(dict, 1, 0);
    EXPECT(mproc_list_follow(arena_of(dict), ref, &again), MPROC_ENOENT);
    mproc_dict_close(dict);
}

/* A child that has never used an inner handle holds nothing: what is gone is gone for it, too. */
static void silent_child(void)
{
    mproc_dict_t *dict = new_dict("dict", 0);
    mproc_list_t *inner = inner_list(dict, mproc_datum_int(1));
    pid_t child = proc_fork();
    if (child == 0) {
        uint64_t len;
        AWAIT(stage->step, 1);
        EXPECT(mproc_list_len(inner, &len), MPROC_ENOENT);
        EXPECT(mproc_list_append(inner, mproc_datum_int(1)), MPROC_ENOENT);
        OK(mproc_dict_set(dict, mproc_datum_int(2), mproc_datum_new(MPROC_KIND_LIST))); /* perhaps in the same place */
        EXPECT(mproc_list_append(inner, mproc_datum_int(1)), MPROC_ENOENT);
        mproc_list_close(inner);
        mproc_dict_close(dict);
        _exit(0);
    }
    OK(mproc_dict_clear(dict));
    mproc_list_close(inner);
    await_arena(dict, 1, 0);
    atomic_store(&stage->step, 1);
    JOIN(child);
    await_arena(dict, 2, 0);
    mproc_dict_close(dict);
}

/* Anonymous: reached by forked children only. */
static void inherited_anonymous(void)
{
    mproc_dict_t *dict = new_dict(NULL, 0);
    mproc_list_t *inner = inner_list(dict, mproc_datum_int(1));
    for (int i = 0; i < 3; i++) {
        IN_CHILD({
            OK(mproc_list_append(inner, mproc_datum_int(i)));
            OK(mproc_dict_set(dict, mproc_datum_str("last"), mproc_datum_int(i)));
        });
    }
    CHECK(length_of(inner) == 3 && number_at(dict, "last") == 2);
    mproc_list_close(inner);
    await_arena(dict, 2, 0);
    mproc_dict_close(dict);
}

/* exec, a normal end and SIGKILL all end what a process held, without its help. */
static void ends_of_holders(void)
{
    static const char *const ends[] = { "exec", "exit", "kill" };
    mproc_dict_t *dict = new_dict("dict", 0);
    for (uint32_t way = 0; way < 3; way++) {
        mproc_list_t *inner = inner_list(dict, mproc_datum_str(ends[way]));
        mproc_datum_t ref;
        OK(mproc_list_ref(inner, &ref));
        pid_t pid = proc_fork();
        if (pid == 0) {
            mproc_dict_t *mine;
            mproc_list_t *held;
            OK(mproc_dict_open(NULL, "dict", NULL, &mine));
            OK(mproc_list_follow(arena_of(mine), ref, &held));
            OK(mproc_list_append(held, mproc_datum_int(1)));
            atomic_store(&stage->step, 2 * way + 1);
            AWAIT(stage->step, 2 * way + 2);
            if (way == 0) {
                execlp("sleep", "sleep", "60", (char *)NULL);
                fail_at(__FILE__, __LINE__, "cannot execute sleep: %s", strerror(errno));
            } else if (way == 1) {
                exit(0);
            }
            pause_for_ever();
        }
        AWAIT(stage->step, 2 * way + 1);
        mproc_list_close(inner);
        OK(mproc_dict_delete(dict, mproc_datum_str(ends[way])));
        CHECK(info_of(dict).containers == 2 && info_of(dict).handles == 1);
        atomic_store(&stage->step, 2 * way + 2);
        if (way == 2) {
            kill(pid, SIGKILL);
        }
        await_arena(dict, 1, 0);
        CHECK(way != 0 || (kill(pid, 0) == 0 && proc_state(pid) != 'Z'));
        proc_kill(pid);
    }
    mproc_dict_close(dict);
}

/* Many handles of processes that are killed, on containers that nothing else holds. */
static void many_handles(void)
{
    mproc_dict_t *dict = new_dict("dict", 0);
    mproc_arena_info_t before = info_of(dict), now;
    pid_t pids[2];
    for (int i = 0; i < MANY; i++) {
        OK(mproc_dict_set(dict, mproc_datum_int(i), mproc_datum_new(i % 2 ? MPROC_KIND_LIST : MPROC_KIND_DICT)));
    }
    for (int p = 0; p < 2; p++) {
        pids[p] = proc_fork();
        if (pids[p] == 0) {
            for (int i = 0; i < MANY; i++) {
                mproc_datum_t ref;
                mproc_list_t *list;
                mproc_dict_t *inner;
                OK(mproc_dict_get(dict, mproc_datum_int(i), NULL, 0, &ref));
                if (i % 2) {
                    OK(mproc_list_follow(arena_of(dict), ref, &list));
                    OK(mproc_list_append(list, mproc_datum_bytes(bytes, 1000)));
                } else {
                    OK(mproc_dict_follow(arena_of(dict), ref, &inner));
                    OK(mproc_dict_set(inner, mproc_datum_int(1), mproc_datum_new(MPROC_KIND_LIST)));
                }
            }
            atomic_fetch_add(&stage->step, 1);
            pause_for_ever();
        }
    }
    AWAIT(stage->step, 2);
    OK(mproc_dict_clear(dict));
    now = info_of(dict);
    CHECK(now.handles == 2 * MANY && now.containers == 1 + MANY + MANY / 2);
    proc_kill(pids[0]);
    await_arena(dict, 1 + MANY + MANY / 2, MANY); /* the other one holds them all as well */
    proc_kill(pids[1]);
    await_arena(dict, 1, 0);
    now = info_of(dict);
    CHECK(now.used_bytes < before.used_bytes + 100000);
    mproc_dict_close(dict);
}

/* ---- SIGSTOP ---- */

static mproc_domain_t *impatient_domain(void)
{
    mproc_domain_options_t o = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_domain_t *domain;
    o.busy_timeout_ns = 30 * MS;
    OK(mproc_domain_open(&o, &domain));
    return domain;
}

/* Beside a stopped process: at worst busy. */
static bool went_through(int status, const char *call)
{
    if (status != MPROC_OK && status != MPROC_EBUSY) {
        fail_at(__FILE__, __LINE__, "%s beside a stopped process returned %s", call, status_text(status));
    }
    return status == MPROC_OK;
}

enum { STOPS = 40, NUMBERS = 3000 };

static void work_until_killed(const mproc_dict_t *dict, const mproc_list_t *list)
{
    for (int64_t n = 1;; n++) {
        pattern_fill(bytes, BIG, (uint64_t)n);
        went_through(mproc_dict_set(dict, mproc_datum_str("large"), mproc_datum_bytes(bytes, BIG)), "set");
        went_through(mproc_list_reverse(list), "reverse");
        went_through(mproc_list_sort(list, n % 2 ? MPROC_SORT_DESCENDING : 0), "sort");
        went_through(mproc_dict_set(dict, mproc_datum_int(n % 50), mproc_datum_new(MPROC_KIND_LIST)), "set");
        atomic_fetch_add(&stage->step, 1);
    }
}

/* A list of 0 .. NUMBERS - 1, forwards or backwards, never anything between. */
static void check_order(const mproc_list_t *list)
{
    mproc_iter_t *iter;
    mproc_datum_t d;
    int64_t n = 0;
    bool down = false;
    OK(mproc_list_items(list, &iter));
    for (int status; (status = mproc_iter_next(iter, NULL, &d)) != MPROC_END; n++) {
        OK(status);
        down = n == 0 ? d.as.i != 0 : down;
        CHECK(d.type == MPROC_DATUM_INT && d.as.i == (down ? NUMBERS - 1 - n : n));
    }
    CHECK(n == NUMBERS);
    mproc_iter_close(iter);
}

static bool one_round(const mproc_dict_t *dict, const mproc_list_t *list)
{
    mproc_datum_t d;
    uint64_t len, stamp;
    bool all = went_through(mproc_list_len(list, &len), "len");
    if (went_through(mproc_dict_get(dict, mproc_datum_str("large"), back, sizeof back, &d), "get")) {
        CHECK(d.type == MPROC_DATUM_BYTES && d.len == BIG && pattern_check(d.data, d.len, &stamp) < 0);
    } else {
        all = false;
    }
    all = went_through(mproc_dict_add(dict, mproc_datum_str("rounds"), mproc_datum_int(1), NULL), "add") && all;
    return went_through(mproc_list_set(list, -1, mproc_datum_int(0)), "set") && all;
}

static void stopped_inside(void)
{
    mproc_domain_t *domain = impatient_domain();
    mproc_dict_t *dict;
    mproc_list_t *list, *spare;
    OK(mproc_dict_create(domain, "dict", NULL, &dict));
    OK(mproc_list_create(domain, "list", NULL, &list));
    OK(mproc_list_create(domain, "spare", NULL, &spare));
    OK(mproc_list_append(spare, mproc_datum_int(0)));
    pattern_fill(bytes, BIG, 1);
    OK(mproc_dict_set(dict, mproc_datum_str("large"), mproc_datum_bytes(bytes, BIG)));
    for (int64_t n = 0; n < NUMBERS; n++) {
        OK(mproc_list_append(list, mproc_datum_int(n)));
    }
    pid_t pid = proc_fork();
    if (pid == 0) {
        work_until_killed(dict, list);
    }
    struct rng rng = { 5 };
    for (int round = 0; round < STOPS; round++) {
        proc_sleep_ns((int64_t)rng_below(&rng, 3 * MS));
        proc_stop(pid);
        one_round(dict, spare);
        went_through(mproc_list_reverse(list), "reverse");
        kill(pid, SIGCONT);
        uint32_t step = atomic_load(&stage->step);
        AWAIT(stage->step, step + 2);
        for (int64_t end = proc_now() + 20 * SEC; !one_round(dict, spare);) {
            CHECK(proc_now() < end);
        }
    }
    /* Stopped, and then killed inside: now it goes on for everybody. */
    proc_stop(pid);
    proc_kill(pid);
    for (int64_t end = proc_now() + 20 * SEC; !one_round(dict, spare);) {
        CHECK(proc_now() < end);
    }
    check_order(list);
    const mproc_arena_t *arena;
    OK(mproc_list_arena(list, &arena));
    check_arena(arena);
    check_arena(arena_of(dict));
    mproc_dict_close(dict);
    mproc_list_close(list);
    mproc_list_close(spare);
    mproc_domain_close(domain);
}

/* ---- too little memory ---- */

/* Sets key after key until that fails; how many there are then. */
static int64_t fill(const mproc_dict_t *dict, size_t size, int wanted)
{
    int status;
    int64_t n = 0;
    for (;; n++) {
        pattern_fill(bytes, size, (uint64_t)n + 1);
        status = mproc_dict_set(dict, mproc_datum_int(n), mproc_datum_bytes(bytes, size));
        if (status != MPROC_OK) {
            break;
        }
        CHECK(n < 1000000);
    }
    EXPECT(status, wanted);
    return n;
}

static void check_filled(const mproc_dict_t *dict, int64_t count, size_t size)
{
    uint64_t stamp, len;
    mproc_datum_t d;
    OK(mproc_dict_len(dict, &len));
    CHECK(len == (uint64_t)count);
    for (int64_t n = 0; n < count; n++) {
        OK(mproc_dict_get(dict, mproc_datum_int(n), back, sizeof back, &d));
        CHECK(d.type == MPROC_DATUM_BYTES && d.len == size && pattern_check(d.data, d.len, &stamp) < 0);
        CHECK(stamp == (uint64_t)n + 1);
    }
    check_arena(arena_of(dict));
}

/* What fails for want of memory has changed nothing, and what makes room works. `size`: of the values inside. */
static void no_room(const mproc_dict_t *dict, int64_t count, size_t size, int status)
{
    mproc_datum_t d, large = mproc_datum_bytes(bytes, sizeof bytes);
    int swapped;
    memset(bytes, 1, sizeof bytes);
    for (int i = 0; i < 3; i++) {
        EXPECT(mproc_dict_set(dict, mproc_datum_str("new"), large), status);
        EXPECT(mproc_dict_set(dict, mproc_datum_int(0), large), status); /* the old value stays */
        EXPECT(mproc_dict_append_to(dict, mproc_datum_str("list"), large), status);
        EXPECT(mproc_dict_compare_exchange(dict, mproc_datum_str("new"), mproc_datum_absent(), large, &swapped),
               status);
    }
    check_filled(dict, count, size);
    OK(mproc_dict_pop(dict, mproc_datum_int(count - 1), back, sizeof back, &d));
    pattern_fill(bytes, size, (uint64_t)count);
    OK(mproc_dict_set(dict, mproc_datum_int(count - 1), mproc_datum_bytes(bytes, size)));
    check_filled(dict, count, size);
}

static void full_file_system(void)
{
    if (!private_tmpfs("size=3m,mode=0700")) {
        skip("cannot mount a tmpfs: %s; %s", strerror(errno), how_to_mount);
    }
    char filler[160];
    snprintf(filler, sizeof filler, "%s/.filler", stage->domain);
    mproc_dict_t *dict = new_dict("dict", 64 << 20);
    int64_t count = fill(dict, BIG, MPROC_ENOSPC);
    CHECK(count > 20);
    no_room(dict, count, BIG, MPROC_ENOSPC);
    fill_up(filler);
    mproc_dict_t *none = NULL;
    EXPECT(mproc_dict_create(NULL, "another", NULL, &none), MPROC_ENOSPC);
    CHECK(none == NULL);
    no_room(dict, count, BIG, MPROC_ENOSPC);
    /* Others come, work, are killed, and are noticed. */
    for (uint32_t i = 0; i < 30; i++) {
        pid_t pid = proc_fork();
        if (pid == 0) {
            mproc_dict_t *mine;
            OK(mproc_dict_open(NULL, "dict", NULL, &mine));
            atomic_store(&stage->step, i + 1);
            for (;;) {
                pattern_fill(bytes, BIG, 1);
                int status = mproc_dict_set(mine, mproc_datum_int(0), mproc_datum_bytes(bytes, BIG));
                CHECK(status == MPROC_OK || status == MPROC_ENOSPC); /* the old value goes last */
                EXPECT(mproc_dict_set(mine, mproc_datum_str("new"), mproc_datum_bytes(bytes, sizeof bytes)),
                       MPROC_ENOSPC);
            }
        }
        AWAIT(stage->step, i + 1);
        proc_sleep_ns(i % 4 * MS);
        proc_kill(pid);
    }
    check_filled(dict, count, BIG);
    OK(mproc_dict_clear(dict));
    CHECK(unlink(filler) == 0);
    CHECK(fill(dict, BIG, MPROC_ENOSPC) >= count); /* room again */
    IN_CHILD({
        mproc_dict_t *mine;
        OK(mproc_dict_open(NULL, "dict", NULL, &mine));
        OK(mproc_dict_clear(mine));
    });
    mproc_dict_close(dict);
}

/* The arena's own limit. */
static void full_arena(void)
{
    static const size_t sizes[] = { 40, 1000, BIG };
    mproc_dict_t *dict = new_dict("dict", 1 << 20);
    for (int i = 0; i < 3; i++) {
        int64_t count = fill(dict, sizes[i], MPROC_EFULL);
        CHECK(count * (int64_t)sizes[i] > 80000);
        no_room(dict, count, sizes[i], MPROC_EFULL);
        OK(mproc_dict_clear(dict));
        await_arena(dict, 1, 0);
    }
    /* Lists: all or nothing. */
    mproc_list_t *list = new_list("list", 1 << 20);
    const mproc_arena_t *arena;
    OK(mproc_list_arena(list, &arena));
    OK(mproc_list_append(list, mproc_datum_bytes(bytes, 1000)));
    while (mproc_list_repeat(list, 2) == MPROC_OK) {
    }
    uint64_t len = length_of(list);
    CHECK(len >= 256 && len <= 1024);
    EXPECT(mproc_list_repeat(list, 2), MPROC_EFULL);
    EXPECT(mproc_list_extend_from(list, list), MPROC_EFULL);
    int status = mproc_list_repeat(list, UINT64_C(1) << 40);
    CHECK(status == MPROC_EFULL || status == MPROC_ENOMEM || status == MPROC_EINVAL);
    CHECK(length_of(list) == len);
    check_arena(arena);
    OK(mproc_list_clear(list));
    CHECK(length_of(list) == 0);
    mproc_list_close(list);

    /* Circles that nobody can reach any more make no room by themselves, but a collection does. */
    for (int round = 0; round < 3; round++) {
        int64_t made = 0;
        for (status = MPROC_OK; status == MPROC_OK && made < 100000; made++) {
            mproc_datum_t ref;
            mproc_list_t *inner = NULL;
            status = mproc_dict_set(dict, mproc_datum_int(0), mproc_datum_new(MPROC_KIND_LIST));
            if (status == MPROC_OK) {
                OK(mproc_dict_get(dict, mproc_datum_int(0), NULL, 0, &ref));
                status = mproc_list_follow(arena_of(dict), ref, &inner);
            }
            if (status == MPROC_OK) {
                status = mproc_list_append(inner, ref);
            }
            mproc_list_close(inner);
        }
        EXPECT(status, MPROC_EFULL);
        CHECK(made > 100);
        OK(mproc_dict_clear(dict));
        uint64_t freed = 0;
        OK(mproc_arena_collect(arena_of(dict), &freed));
        CHECK(freed > 100);
        await_arena(dict, 1, 0);
    }
    mproc_dict_close(dict);
}

/* A call that finds out at its very end that it fails, when its dict has just grown, leaves everything as it was. */
static void undone_at_the_end(void)
{
    for (size_t size = 1; size <= 160; size++) {
        mproc_dict_t *dict = new_dict(NULL, 1 << 20);
        for (int64_t n = 0; n < 70; n++) {
            mproc_datum_t d, value;
            pattern_fill(bytes, size + 16, (uint64_t)n + 1);
            value = mproc_datum_bytes(bytes, size + 16);
            EXPECT(mproc_dict_setdefault(dict, mproc_datum_int(n), value, NULL, 0, &d), MPROC_EMSGSIZE);
            CHECK(d.len >= size + 16);
            EXPECT(mproc_dict_get(dict, mproc_datum_int(n), back, sizeof back, &d), MPROC_ENOENT);
            OK(mproc_dict_setdefault(dict, mproc_datum_int(n), value, back, sizeof back, &d));
            EXPECT(mproc_dict_popitem(dict, back, sizeof back, NULL, 0, &d, &d), MPROC_EMSGSIZE);
        }
        check_filled(dict, 70, size + 16);
        mproc_dict_close(dict);
    }
}

static void limit_address_space(rlim_t size)
{
    struct rlimit limit = { size, size };
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void expect_enomem(int status, const char *call)
{
    mproc_error_t e = { 0 };
    OK(mproc_last_error(&e, sizeof e));
    if (status != MPROC_ENOMEM && !(status == MPROC_ESYS && e.sys_errno == ENOMEM)) {
        fail_at(__FILE__, __LINE__, "%s without address space returned %s", call, status_text(status));
    }
}

/* Address space: what is too large is refused, and leaves nothing. */
static void limited_address_space(void)
{
    mproc_dict_t *dict = new_dict("dict", UINT64_C(1) << 34);
    OK(mproc_dict_set(dict, mproc_datum_int(1), mproc_datum_int(1)));
    int entries = proc_list(stage->domain, true, NULL, 0);
    IN_CHILD({
        mproc_dict_t *none = NULL;
        mproc_container_options_t o = MPROC_CONTAINER_OPTIONS_INIT;
        limit_address_space(UINT64_C(20) << 30); /* the dict that was inherited, and little else */
        o.limit_bytes = UINT64_C(1) << 40;
        expect_enomem(mproc_dict_create(NULL, "huge", &o, &none), "create");
        expect_enomem(mproc_dict_open(NULL, "dict", NULL, &none), "open");
        CHECK(none == NULL && proc_list(stage->domain, true, NULL, 0) == entries);
        OK(mproc_dict_add(dict, mproc_datum_str("inherited"), mproc_datum_int(1), NULL));
    });
    CHECK(number_at(dict, "inherited") == 1);
    const uint64_t absurd[] = { 1, (1 << 20) - (1 << 16), (UINT64_C(1) << 40) + 1, UINT64_MAX };
    for (int i = 0; i < 4; i++) {
        mproc_container_options_t o = MPROC_CONTAINER_OPTIONS_INIT;
        mproc_dict_t *none = NULL;
        o.limit_bytes = absurd[i];
        EXPECT(mproc_dict_create(NULL, "absurd", &o, &none), MPROC_EINVAL);
        CHECK(none == NULL && proc_list(stage->domain, true, NULL, 0) == entries);
    }
    mproc_dict_close(dict);
}

/* ---- descriptors, names, passing ---- */

/* Without a descriptor of its own, the arena grows and shrinks all the same, and touches no stranger's. */
static void without_descriptors(void)
{
    mproc_dict_t *dict = new_dict("dict", 0);
    mproc_list_t *inner = inner_list(dict, mproc_datum_str("inner"));
    IN_CHILD({
        mproc_dict_t *mine;
        mproc_datum_t ref;
        mproc_list_t *list;
        OK(mproc_dict_open(NULL, "dict", NULL, &mine));
        close_everything();
        ino_t ino = reuse_numbers();
        for (int round = 0; round < 3; round++) {
            for (int64_t n = 0; n < 200; n++) { /* several MiB: many chunks come and go */
                pattern_fill(bytes, sizeof bytes, (uint64_t)n + 1);
                OK(mproc_dict_set(mine, mproc_datum_int(n), mproc_datum_bytes(bytes, sizeof bytes)));
            }
            check_numbers(ino);
            for (int64_t n = 0; n < 200; n++) {
                OK(mproc_dict_delete(mine, mproc_datum_int(n)));
            }
            OK(mproc_dict_get(mine, mproc_datum_str("inner"), NULL, 0, &ref));
            OK(mproc_list_follow(arena_of(mine), ref, &list));
            OK(mproc_list_append(list, mproc_datum_int(round)));
            OK(mproc_list_append(inner, mproc_datum_int(round)));
            mproc_list_close(list);
            check_numbers(ino);
            close_everything();
            ino = reuse_numbers();
        }
        check_arena(arena_of(mine));
    });
    CHECK(length_of(inner) == 6);
    mproc_list_close(inner);
    await_arena(dict, 2, 0);
    mproc_dict_close(dict);
}

/* Without its name an object goes on for those who have it; the name is free for another one. */
static void unlinked_while_used(void)
{
    mproc_dict_t *dict = new_dict("dict", 0), *another = NULL;
    mproc_list_t *inner = inner_list(dict, mproc_datum_str("inner")), *none = NULL;
    mproc_datum_t ref;
    OK(mproc_list_ref(inner, &ref));
    pid_t pid = proc_fork();
    if (pid == 0) {
        mproc_dict_t *mine;
        OK(mproc_dict_open(NULL, "dict", NULL, &mine));
        atomic_store(&stage->step, 1);
        AWAIT(stage->step, 2);
        for (int64_t i = 0; i < 1000; i++) {
            OK(mproc_dict_set(mine, mproc_datum_int(i), mproc_datum_bytes(bytes, 1000)));
            OK(mproc_list_append(inner, mproc_datum_int(i)));
        }
        EXPECT(mproc_dict_open(NULL, "dict", NULL, &mine), MPROC_ENOENT);
        atomic_store(&stage->step, 3);
        pause_for_ever();
    }
    AWAIT(stage->step, 1);
    OK(mproc_domain_unlink(NULL, "dict"));
    atomic_store(&stage->step, 2);
    AWAIT(stage->step, 3);
    CHECK(length_of(inner) == 1000);
    OK(mproc_dict_create(NULL, "dict", NULL, &another));
    uint64_t len;
    OK(mproc_dict_len(another, &len));
    CHECK(len == 0);
    /* What belongs to the old one means nothing in the new one: there it is a weak reference. */
    EXPECT(mproc_list_follow(arena_of(another), ref, &none), MPROC_EINVAL);
    OK(mproc_dict_set(another, mproc_datum_int(1), ref));
    CHECK(info_of(another).containers == 1 && info_of(dict).containers == 2);
    proc_kill(pid);
    await_arena(dict, 2, 1);
    mproc_list_close(inner);
    mproc_dict_close(dict);
    OK(mproc_dict_delete(another, mproc_datum_int(1)));
    mproc_dict_close(another);
    OK(mproc_domain_sweep(NULL, NULL));
    EXPECT(mproc_dict_open(NULL, "dict", NULL, &another), MPROC_ENOENT);
}

/* A root goes through a socket as a handle, what is inside it as a reference, also through a queue. */
static void handed_on(void)
{
    int pair[2];
    make_pair(pair);
    pid_t pid = proc_fork();
    if (pid == 0) {
        mproc_handle_t *handle;
        mproc_dict_t *dict;
        mproc_list_t *list;
        mproc_queue_t *queue;
        mproc_datum_t ref;
        OK(mproc_recv_handle(pair[1], &handle, 20 * SEC, NULL));
        OK(mproc_dict_import(handle, NULL, &dict));
        mproc_handle_close(handle);
        OK(mproc_queue_open(NULL, "refs", NULL, &queue));
        OK(mproc_queue_get_datum(queue, back, sizeof back, &ref, 20 * SEC, NULL));
        OK(mproc_list_follow(arena_of(dict), ref, &list));
        OK(mproc_list_append(list, mproc_datum_str("from far away")));
        OK(mproc_queue_get_datum(queue, back, sizeof back, &ref, 20 * SEC, NULL));
        EXPECT(mproc_list_follow(arena_of(dict), ref, &list), MPROC_ENOENT); /* a message keeps nothing alive */
        _exit(0);
    }
    mproc_queue_t *queue = new_queue("refs", 4096);
    mproc_dict_t *dict = new_dict(NULL, 0);
    mproc_list_t *inner = inner_list(dict, mproc_datum_int(1)), *gone = inner_list(dict, mproc_datum_int(2));
    mproc_handle_t *handle = NULL;
    mproc_datum_t ref;
    EXPECT(mproc_list_export(inner, &handle), MPROC_ENOTSUP);
    CHECK(handle == NULL);
    OK(mproc_dict_export(dict, &handle));
    OK(mproc_list_ref(inner, &ref));
    OK(mproc_queue_put_datum(queue, ref, SEC, NULL));
    OK(mproc_list_ref(gone, &ref));
    OK(mproc_queue_put_datum(queue, ref, SEC, NULL));
    mproc_list_close(gone);
    OK(mproc_dict_delete(dict, mproc_datum_int(2)));
    OK(mproc_send_handle(pair[0], handle, SEC, NULL));
    mproc_handle_close(handle);
    JOIN(pid);
    CHECK(length_of(inner) == 1);
    await_arena(dict, 2, 1);
    mproc_list_close(inner);
    mproc_dict_close(dict);
    mproc_queue_close(queue);
}

const struct scenario container_scenarios[] = {
    { .name = "containers-root-and-inner-handles-after-fork", .play = fork_with_handles },
    { .name = "containers-silent-child-holds-nothing", .play = silent_child },
    { .name = "containers-inherited-anonymous", .play = inherited_anonymous },
    { .name = "containers-exec-exit-and-kill-end-handles", .play = ends_of_holders },
    { .name = "containers-many-handles-of-killed-processes", .play = many_handles, .limit_s = 60 },
    { .name = "containers-stopped-inside", .play = stopped_inside, .limit_s = 90 },
    { .name = "containers-full-file-system", .play = full_file_system, .limit_s = 60 },
    { .name = "containers-full-arena", .play = full_arena, .limit_s = 60 },
    { .name = "containers-what-fails-at-its-end-is-undone", .play = undone_at_the_end, .limit_s = 60 },
    { .name = "containers-limited-address-space", .play = limited_address_space },
    { .name = "containers-closes-every-descriptor-and-reuses-the-numbers", .play = without_descriptors },
    { .name = "containers-unlinked-while-used", .play = unlinked_while_used },
    { .name = "containers-handed-on-through-socket-and-queue", .play = handed_on },
    { 0 },
};
