/*
 * Hostile arenas. Damage that has to be noticed; an undo journal as the dead leave it, good and forged; chains without
 * an end; random damage, thousands of times; and a live mutator. Every operation on a handle that was open before, on
 * one opened afterwards, and on what is inside.
 */
#include "hostile_containers.h"

enum { BATCH = 50, READERS = 2, BURST = 30, USES = 30 };
enum { SHARE = 3 }; /* of the iterations: one of them makes more calls than those of other objects */

/* One kind of root: its domain, a good arena, and where everything is in it. */
struct ground {
    int root;
    struct place place;
    struct arena good;
    struct map map;
    struct stage *stage;
    long next, end; /* iterations */
    _Atomic uint64_t *mutations;
    void *before; /* of the live mutator: a handle from better days */
    int reader;
};

static struct ground *ground;
static struct arena victim; /* what is written next */

static void title_of(char *title, size_t size, const char *part)
{
    const char *root = root_names[ground->root];
    snprintf(title, size, "containers: %s %s (--part containers --seed %llu --subject %s --only N to replay one)", part,
             root, (unsigned long long)options.seed, root);
}

/* A good one, closed by its maker; a process has died with handles on what is inside. */
static void make_good(void)
{
    const struct place *place = &ground->place;
    void *handle = NULL;
    int status = 0;
    pid_t pid;
    NEED_OK(create_root(ground->root, place->domain, "good", MPROC_PERSIST, ARENA_CHUNKS * CHUNK, &handle));
    fill_root(ground->root, handle);
    pid = proc_fork();
    if (pid == 0) {
        hold_inside(ground->root, handle);
        _exit(0);
    }
    CHECK(proc_wait(pid, 60 * SEC, &status) && status == 0);
    read_arena(place->dir, "good", &ground->good);
    map_arena(&ground->good, &ground->map);
    CHECK(arena_word(&ground->good, AT_HANDLES) != 0);
    use_root_and_close(ground->root, handle, &(struct rng){ 4 });
}

/* --- exact damage ---------------------------------------------------------------------------------------------- */

static void begin(const char *what)
{
    victim = ground->good;
    set_arena_word(&victim, AT_POISON, 0);
    snprintf(stage->what, sizeof stage->what, "%s: %s", root_names[ground->root], what);
}

static const mproc_arena_t *arena_of_root(void *handle)
{
    const mproc_arena_t *arena = NULL;
    int status = ground->root == ROOT_DICT   ? mproc_dict_arena(handle, &arena)
                 : ground->root == ROOT_LIST ? mproc_list_arena(handle, &arena)
                                             : mproc_namespace_arena(handle, &arena);
    NEED_OK(status);
    return arena;
}

/* The victim as a file, opened before it is damaged (then `good` was there until now) or after. */
static int open_victim(bool before, void **handle)
{
    const struct place *place = &ground->place;
    int status;
    *handle = NULL;
    guards_prepare();
    if (before) {
        put_arena(place->dir, "victim", &ground->good);
        NEED_OK(open_root(ground->root, place->domain, "victim", handle));
        poke(place->dir, "victim", 0, victim.bytes, victim.used);
        status = MPROC_OK;
    } else {
        put_arena(place->dir, "victim", &victim);
        enter("open");
        status = open_root(ground->root, place->domain, "victim", handle);
        atomic_store(&stage->call, NULL);
    }
    guards_place("victim", false);
    return status;
}

static void close_victim(void *handle)
{
    guards_remove();
    enter("close");
    if (handle) {
        close_container(root_kinds[ground->root], handle);
    }
    atomic_store(&stage->call, NULL);
    CHECK(nobody_complained());
}

/* What an opener must see; and one who had it open before notices at the next operation, which is `info`. */
static void noticed(int opened, int later)
{
    for (int before = 0; before < 2; before++) {
        void *handle = NULL;
        mproc_arena_info_t info;
        int status = open_victim(before != 0, &handle);
        if (!before) {
            CHECK_IS(opened, status);
            CHECK((handle == NULL) == (status != MPROC_OK));
        }
        if (handle) {
            enter("info");
            CHECK_IS(later, mproc_arena_info(arena_of_root(handle), &info, sizeof info));
            use_container(root_kinds[ground->root], handle, &(struct rng){ 6 }, 0);
        }
        close_victim(handle);
    }
}

/* It cannot be told what is found first, only that every call returns, and that in the end it was noticed. */
static void survived(void)
{
    for (int before = 0; before < 2; before++) {
        struct rng rng = { 7 };
        void *handle = NULL;
        char text[200];
        if (open_victim(before != 0, &handle) == MPROC_OK) {
            enter("mproc_arena_check");
            if (mproc_arena_check(arena_of_root(handle), text, sizeof text) != MPROC_ECORRUPT) {
                CHECK(!"mproc_arena_check() has found nothing");
                check_complain("    with %s, %s", stage->what, before ? "opened before" : "opened now");
            }
            use_container(root_kinds[ground->root], handle, &rng, 0);
        }
        close_victim(handle);
    }
}

/* What somebody who died inside has left, and what has to be there afterwards. */
static void undone(void)
{
    const uint64_t stamp = arena_word(&ground->good, AT_STAMP), count = arena_word(&ground->good, AT_COUNT);
    const size_t container = ground->map.containers[0];
    mproc_arena_info_t info;
    void *handle;
    for (int locked = 0; locked < 2; locked++) {
        begin("a good journal");
        set_arena_word(&victim, UNDO_LOG, UNDO_ENTRY(AT_STAMP, 1));
        set_arena_word(&victim, UNDO_LOG + 8, stamp);
        set_arena_word(&victim, UNDO_LOG + 16, UNDO_ENTRY(container + IN_REFS, 2));
        set_arena_word(&victim, UNDO_LOG + 24, arena_word(&victim, container + IN_REFS));
        set_arena_word(&victim, UNDO_LOG + 32, arena_word(&victim, container + IN_LENGTH));
        set_arena_word(&victim, UNDO_LOG + 40, UNDO_ENTRY(AT_STAMP, 1)); /* the first record of a word counts */
        set_arena_word(&victim, UNDO_LOG + 48, stamp + 1000);
        set_arena_word(&victim, AT_UNDO, 56);
        set_arena_word(&victim, AT_ARENA_LOCK, locked ? atomic_load(&ground->place.cast->dead) : 0);
        memcpy(victim.bytes + AT_ROLLBACKS, &(uint32_t){ 5 }, 4);
        memcpy(victim.bytes + AT_STEALS, &(uint32_t){ 7 }, 4);
        set_arena_word(&victim, AT_STAMP, stamp + 2000);
        set_arena_word(&victim, container + IN_REFS, 0);
        set_arena_word(&victim, container + IN_LENGTH, UINT64_MAX);
        CHECK_OK(open_victim(false, &handle));
        CHECK_OK(mproc_arena_info(arena_of_root(handle), &info, sizeof info));
        CHECK_INT(6, info.rollbacks);
        CHECK_INT(7 + locked, info.steals);
        CHECK_INT(count, info.containers);
        CHECK(peek64(ground->place.dir, "victim", AT_STAMP) == stamp);
        CHECK_OK(mproc_arena_check(arena_of_root(handle), NULL, 0));
        close_victim(handle);
    }
}

static void forged_journals(void)
{
    static const struct {
        const char *what;
        uint64_t entry, used;
    } forged[] = {
        { "longer than there is room", UNDO_ENTRY(AT_STAMP, 1), UNDO_LOG_LEN + 8 },
        { "much longer", UNDO_ENTRY(AT_STAMP, 1), UINT64_MAX },
        { "an entry of no words", UNDO_ENTRY(AT_STAMP, 0), 16 },
        { "an entry longer than the journal", UNDO_ENTRY(AT_STAMP, 4), 16 },
        { "an entry of very many words", UNDO_ENTRY(ARENA_BASE, 0xffff), 16 },
        { "a place that is no word's", UNDO_ENTRY(AT_STAMP + 4, 1), 16 },
        { "what is written once", UNDO_ENTRY(AT_PARAMS, 1), 16 },
        { "the magic number", UNDO_ENTRY(AT_MAGIC, 1), 16 },
        { "the lock", UNDO_ENTRY(AT_ARENA_LOCK, 1), 16 },
        { "the journal's length", UNDO_ENTRY(AT_UNDO, 1), 16 },
        { "the journal itself", UNDO_ENTRY(UNDO_LOG, 1), 16 },
        { "behind the segment", UNDO_ENTRY(ARENA_LEN, 1), 16 },
        { "far behind the segment", UNDO_ENTRY((UINT64_C(1) << 48) - 8, 1), 16 },
        { "half an entry", UNDO_ENTRY(AT_STAMP, 1), 8 },
        { "a length that is none", UNDO_ENTRY(AT_STAMP, 1), 13 },
    };
    for (size_t i = 0; i < 2 * sizeof forged / sizeof forged[0]; i++) {
        char what[100];
        snprintf(what, sizeof what, "a journal with %s", forged[i / 2].what);
        begin(what);
        set_arena_word(&victim, UNDO_LOG, forged[i / 2].entry);
        set_arena_word(&victim, AT_UNDO, forged[i / 2].used);
        set_arena_word(&victim, AT_ARENA_LOCK, i % 2 ? atomic_load(&ground->place.cast->dead) : 0);
        noticed(MPROC_ECORRUPT, MPROC_ECORRUPT);
    }
}

static void wrong_words(void)
{
    const size_t one = ground->map.containers[0], other = ground->map.containers[1];
    const uint64_t odd[] = { 4, ARENA_BASE + 8, ARENA_LEN - 8, ARENA_LEN, UINT64_C(1) << 63, UINT64_MAX - 7 };
    static const size_t heads[] = { AT_ROOT, AT_TRASH, AT_ALL };
    for (size_t h = 0; h < 3; h++) {
        for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
            char what[60];
            snprintf(what, sizeof what, "[%zu] leads nowhere (%zu)", heads[h], i);
            begin(what);
            set_arena_word(&victim, heads[h], odd[i]);
            survived();
        }
    }
    begin("a container that is to be freed, and still in use");
    set_arena_word(&victim, AT_TRASH, one);
    survived();
    begin("a circle of what is to be freed");
    set_arena_word(&victim, AT_TRASH, one);
    set_arena_word(&victim, one + IN_TRASH, other);
    set_arena_word(&victim, other + IN_TRASH, one);
    survived();
    begin("a circle of all containers");
    set_arena_word(&victim, one + IN_AFTER, one);
    survived();
    begin("nobody refers to it");
    set_arena_word(&victim, one + IN_REFS, 0);
    survived();
    begin("more refer to it than do");
    set_arena_word(&victim, one + IN_REFS, arena_word(&victim, one + IN_REFS) + 1);
    survived();
    for (size_t c = 0; c < ground->map.containers_count; c++) {
        static const uint64_t lengths[] = { UINT64_C(1) << 20, UINT64_C(1) << 40, UINT64_MAX };
        for (size_t i = 0; i < 3; i++) {
            begin("more elements than there are");
            set_arena_word(&victim, ground->map.containers[c] + IN_LENGTH, lengths[i]);
            survived();
        }
        begin("what should be a container is none");
        set_arena_word(&victim, ground->map.containers[c] + IN_KIND, 0);
        survived();
    }
}

/* --- a very large arena ---------------------------------------------------------------------------------------- */

/* A chain without an end must not be followed as long as one could be in so large an arena. */
static void endless_chains(void)
{
    static const size_t heads[] = { AT_TRASH, AT_HANDLES, AT_ALL };
    const struct place *place = &ground->place;
    for (size_t h = 0; h < sizeof heads / sizeof heads[0]; h++) {
        void *handle = NULL;
        size_t root, at;
        uint64_t first;
        snprintf(stage->what, sizeof stage->what, "%s: a circle behind [%zu] in an arena of 1 TiB",
                 root_names[ground->root], heads[h]);
        CHECK_OK(create_root(ground->root, place->domain, "huge", MPROC_PERSIST, UINT64_C(1) << 40, &handle));
        if (!handle) {
            return;
        }
        fill_root(ground->root, handle);
        root = (size_t)peek64(place->dir, "huge", AT_ROOT);
        first = peek64(place->dir, "huge", AT_ALL);
        at = heads[h] == AT_ALL     ? (size_t)first + IN_AFTER
             : heads[h] == AT_TRASH ? root + IN_TRASH
                                    : root + RECORD_AFTER;
        if (heads[h] == AT_HANDLES) { /* the root's header as a record: its tenant is nobody, or somebody */
            poke64(place->dir, "huge", root + RECORD_TENANT, atomic_load(&place->cast->living));
        }
        poke64(place->dir, "huge", at, heads[h] == AT_ALL ? first : root);
        if (heads[h] != AT_ALL) {
            poke64(place->dir, "huge", heads[h], root);
        }
        use_container(root_kinds[ground->root], handle, &(struct rng){ 8 }, 0);
        enter("close");
        close_container(root_kinds[ground->root], handle);
        atomic_store(&stage->call, NULL);
        CHECK(nobody_complained());
        CHECK_OK(mproc_domain_unlink(place->domain, "huge"));
    }
}

static void cases(void *argument)
{
    (void)argument;
    atomic_store(&ground->place.cast->self, own_word(ground->place.domain));
    undone();
    forged_journals();
    wrong_words();
    endless_chains();
    place_check(&ground->place);
}

/* --- random damage --------------------------------------------------------------------------------------------- */

static void iterate(long iteration)
{
    /* Depends on nothing but seed, kind and number: can be replayed alone. */
    struct rng rng = { mix64(options.seed * 31 + 1000 + (uint64_t)ground->root) ^ mix64((uint64_t)iteration + 1) };
    const struct place *place = &ground->place;
    const int kind = root_kinds[ground->root];
    const bool canaries = rng_below(&rng, 2) != 0, header_too = rng_below(&rng, 4) == 0;
    void *before = NULL, *fresh = NULL;
    stage->what[0] = 0;
    atomic_store(&stage->iteration, (uint64_t)iteration);
    victim = ground->good;
    for (uint64_t n = 1 + rng_below(&rng, 6); n > 0; n--) {
        mutate_arena(&victim, &ground->map, header_too, &rng, place->cast, stage->what, sizeof stage->what);
    }
    put_arena(place->dir, "victim", &ground->good);
    guards_prepare();
    RUN(S_OK, open_root(ground->root, place->domain, "victim", &before));
    guards_place("victim", canaries);
    poke(place->dir, "victim", 0, victim.bytes, victim.used);
    use_container(kind, before, &rng, 0);
    poke(place->dir, "victim", 0, victim.bytes, victim.used);
    guards_prepare();
    if (RUN(OPEN_STATUSES | S(MPROC_EBUSY), open_root(ground->root, place->domain, "victim", &fresh)) == MPROC_OK) {
        atomic_fetch_add(&stage->entered, 1);
        guards_place("victim", canaries);
        use_container(kind, fresh, &rng, 0);
        use_container(kind, before, &rng, 1);
    } else {
        atomic_fetch_add(&stage->refused, 1);
        INSIST(fresh == NULL);
    }
    guards_remove();
    enter("close");
    if (fresh) {
        close_container(kind, fresh);
    }
    close_container(kind, before);
    atomic_store(&stage->call, NULL);
    if (options.verbose) {
        fprintf(stderr, "%s %ld: %s\n", root_names[ground->root], iteration, stage->what);
    }
}

static void batch(void *argument)
{
    long end = ground->next + BATCH < ground->end ? ground->next + BATCH : ground->end;
    (void)argument;
    atomic_store(&ground->place.cast->self, own_word(ground->place.domain));
    for (long i = ground->next; i < end; i++) {
        iterate(i);
    }
    place_check(&ground->place);
}

static void random_damage(void)
{
    char title[160];
    title_of(title, sizeof title, "random");
    for (int failures = 0; ground->next < ground->end && failures < 5;) {
        bool fine = watched(ground->stage, title, batch, NULL, 600);
        check_that(fine, __FILE__, __LINE__, title);
        if (fine) {
            ground->next += BATCH;
        } else {
            ground->next = (long)atomic_load(&ground->stage->iteration) + 1;
            failures++;
        }
    }
}

/* --- a live mutator -------------------------------------------------------------------------------------------- */

/* Like somebody who goes on and on; from time to time everything is good again, or nobody would have anything to do. */
static void mutator(void)
{
    struct rng rng = { options.seed + 2000 + (uint64_t)ground->root };
    char what[4000];
    int fd = file_open(ground->place.dir, "victim");
    uint8_t *file = mmap(NULL, ARENA_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) {
        _exit(5);
    }
    for (;;) {
        bool fresh = rng_below(&rng, 3) == 0;
        victim = ground->good;
        if (!fresh) {
            memcpy(victim.bytes, file, victim.used); /* go on from what the others have made of it */
        }
        for (uint64_t n = rng_below(&rng, fresh ? 2 : BURST); n > 0; n--) {
            what[0] = 0;
            mutate_arena(&victim, &ground->map, rng_below(&rng, 64) == 0, &rng, ground->place.cast, what, sizeof what);
            set_arena_word(&victim, AT_POISON, 0);
        }
        for (size_t at = 0; at + 8 <= victim.used; at += 8) {
            uint64_t now = __atomic_load_n((uint64_t *)(void *)(file + at), __ATOMIC_RELAXED);
            if (now != arena_word(&victim, at)) {
                __atomic_store_n((uint64_t *)(void *)(file + at), arena_word(&victim, at), __ATOMIC_RELAXED);
            }
        }
        atomic_fetch_add(ground->mutations, 1);
        proc_sleep_ns((int64_t)rng_below(&rng, 200000));
    }
}

static void reader(void *argument)
{
    struct rng rng = { options.seed + 3000 + (uint64_t)ground->reader };
    const int kind = root_kinds[ground->root];
    (void)argument;
    strcpy(stage->what, "a live mutator");
    for (int i = 0; i < USES; i++) {
        void *fresh = NULL;
        atomic_store(&stage->iteration, (uint64_t)i);
        guards_prepare();
        for (int tries = 0; tries < 20 && !fresh; tries++) {
            if (RUN((OPEN_STATUSES & ~S(MPROC_ENOENT)) | S(MPROC_EBUSY),
                    open_root(ground->root, ground->place.domain, "victim", &fresh)) != MPROC_OK) {
                atomic_fetch_add(&stage->refused, 1);
                proc_sleep_ns(100000);
            }
        }
        guards_place("victim", rng_below(&rng, 2) != 0);
        if (fresh) {
            atomic_fetch_add(&stage->entered, 1);
            use_container(kind, fresh, &rng, 0);
        }
        use_container(kind, ground->before, &rng, 0);
        guards_remove();
        enter("close");
        if (fresh) {
            close_container(kind, fresh);
        }
        atomic_store(&stage->call, NULL);
    }
}

static void live(void)
{
    struct stage *stages[READERS];
    pid_t pids[READERS], mutating;
    uint64_t entered = 0;
    char title[160];
    int status;
    title_of(title, sizeof title, "live");
    put_arena(ground->place.dir, "victim", &ground->good);
    NEED_OK(open_root(ground->root, ground->place.domain, "victim", &ground->before));
    mutating = proc_fork();
    if (mutating == 0) {
        mutator();
    }
    for (int i = 0; i < READERS; i++) {
        stages[i] = new_stage();
        pids[i] = proc_fork();
        if (pids[i] == 0) {
            ground->reader = i;
            check_that(watched(stages[i], title, reader, NULL, 300), __FILE__, __LINE__, title);
            fflush(NULL);
            _exit(0);
        }
    }
    for (int i = 0; i < READERS; i++) {
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {
        }
        CHECK(status == 0);
        entered += atomic_load(&stages[i]->entered);
        munmap(stages[i], sizeof *stages[i]);
    }
    CHECK(kill(mutating, 0) == 0 && waitpid(mutating, &status, WNOHANG) == 0); /* it was there all the time */
    proc_kill(mutating);
    CHECK(entered > 0);
    CHECK(atomic_load(ground->mutations) > 0);
    close_container(root_kinds[ground->root], ground->before);
}

/* --- the part -------------------------------------------------------------------------------------------------- */

static void work(void)
{
    char title[160];
    struct rng rng = { options.seed };
    void *handle = NULL;
    int status;
    place_make(&ground->place, root_names[ground->root]);
    make_good();
    title_of(title, sizeof title, "cases");
    if (options.only < 0) {
        check_that(watched(ground->stage, title, cases, NULL, 300), __FILE__, __LINE__, title);
    }
    random_damage();
    if (options.only < 0) {
        live();
    }
    printf("containers %s: %ld iterations, %llu calls; open refused %llu and let %llu in; %llu live mutations\n",
           root_names[ground->root], options.only >= 0 ? 1 : ground->end,
           (unsigned long long)atomic_load(&ground->stage->calls),
           (unsigned long long)atomic_load(&ground->stage->refused),
           (unsigned long long)atomic_load(&ground->stage->entered),
           (unsigned long long)atomic_load(ground->mutations));
    /* What was damaged can be replaced, and everything works. */
    status = mproc_domain_unlink(ground->place.domain, "victim");
    CHECK(status == MPROC_OK || status == MPROC_ENOENT);
    CHECK_OK(create_root(ground->root, ground->place.domain, "victim", 0, ARENA_CHUNKS * CHUNK, &handle));
    fill_root(ground->root, handle);
    use_root_and_close(ground->root, handle, &rng);
    CHECK_OK(mproc_domain_unlink(ground->place.domain, "good"));
    place_end(&ground->place);
}

void part_containers(void)
{
    pid_t pids[ROOTS];
    join_tally();
    for (int root = 0; root < ROOTS; root++) {
        pids[root] = 0;
        if (options.subject && strcmp(options.subject, root_names[root]) != 0) {
            continue;
        }
        pids[root] = proc_fork();
        if (pids[root] == 0) {
            ground = calloc(1, sizeof *ground);
            NEED_OK(ground ? MPROC_OK : MPROC_ENOMEM);
            ground->root = root;
            ground->stage = new_stage();
            ground->mutations = proc_shared(sizeof *ground->mutations);
            ground->next = options.only >= 0 ? options.only : 0;
            ground->end = options.only >= 0 ? options.only + 1 : options.iterations / SHARE;
            work();
            free(ground);
            fflush(NULL);
            _exit(0);
        }
    }
    for (int root = 0; root < ROOTS; root++) {
        int status = 0;
        while (pids[root] && waitpid(pids[root], &status, 0) < 0 && errno == EINTR) {
        }
        CHECK_INT(0, status);
    }
}
