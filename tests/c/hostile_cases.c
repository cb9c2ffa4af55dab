/* Damage that open() can see, and the exact status it has to give. */
#include "hostile.h"

#include <sys/socket.h>
#include <sys/un.h>

struct damage {
    int at, width;
    uint64_t value;
    int status;
    const char *what;
};

static struct place *place;

static void set(struct image *image, int at, int width, uint64_t value)
{
    memcpy(image->bytes + at, &value, (size_t)width);
}

/* Opening "victim" gives `status` and no handle; so does creating it where opening is allowed. */
static void refused(const struct subject *subject, int status, const char *what)
{
    void *handle = NULL;
    int plain;
    snprintf(stage->what, sizeof stage->what, "%s: %s", subject->name, what);
    enter("open");
    CHECK_IS(status, subject->open(place->domain, "victim", &handle));
    CHECK(handle == NULL);
    enter("create");
    plain = subject->create(place->domain, "victim", MPROC_PERSIST | MPROC_EXIST_OK, &handle);
    if (status != MPROC_ECORRUPT || plain != MPROC_ETYPE) { /* what does not match need not be examined further */
        CHECK_IS(status, plain);
    }
    CHECK(handle == NULL);
    plain = subject->create(place->domain, "victim", MPROC_PERSIST, &handle);
    CHECK(plain == MPROC_EEXIST || (plain == MPROC_EACCES && status == MPROC_EACCES)); /* it cannot even be looked at */
    CHECK(handle == NULL);
    atomic_store(&stage->call, NULL);
}

/* Refused at a fresh open, and a handle that was open before goes on whatever the header says now. */
static void check_damage(int kind, const struct damage *damage)
{
    const struct subject *subject = &subjects[kind];
    struct image image = place->image[kind];
    struct rng rng = { (uint64_t)damage->at };
    void *before = NULL;
    put_image(place->dir, "victim", &image);
    guards_prepare();
    NEED_OK(subject->open(place->domain, "victim", &before));
    guards_place("victim", false);
    set(&image, damage->at, damage->width, damage->value);
    poke(place->dir, "victim", 0, image.bytes, image.size);
    refused(subject, damage->status, damage->what);
    subject->use(before, &rng);
    guards_remove();
    subject->close(before);
    put_image(place->dir, "victim", &image);
    refused(subject, damage->status, damage->what); /* nobody else has it open */
    CHECK(nobody_complained());
}

static const struct damage header_damage[] = {
    { AT_MAGIC, 8, 0, MPROC_ECORRUPT, "no magic" },
    { AT_MAGIC, 1, 'm', MPROC_ECORRUPT, "another magic" },
    { AT_LAYOUT, 4, 0, MPROC_EVERSION, "layout 0" },
    { AT_LAYOUT, 4, MPROC_LAYOUT_VERSION + 1, MPROC_EVERSION, "the next layout" },
    { AT_LAYOUT, 4, UINT32_MAX, MPROC_EVERSION, "layout -1" },
    { AT_ENDIAN, 4, 0x04030201, MPROC_EVERSION, "the other byte order" },
    { AT_ENDIAN, 4, 0, MPROC_EVERSION, "no byte order" },
    { AT_KIND, 4, 0, MPROC_ECORRUPT, "kind 0" },
    { AT_KIND, 4, 16, MPROC_ECORRUPT, "kind 16" },
    { AT_KIND, 4, UINT32_MAX, MPROC_ECORRUPT, "kind -1" },
    { AT_KIND, 4, 1, MPROC_EKIND, "a registry" },
    { AT_DOMAIN, 8, 0, MPROC_EDOMAIN, "half a domain id" },
    { AT_DOMAIN + 8, 8, 0, MPROC_EDOMAIN, "the other half" },
    { AT_SIZE, 8, 0, MPROC_ECORRUPT, "size 0" },
    { AT_SIZE, 8, PAGE - 1, MPROC_ECORRUPT, "less than a page" },
    { AT_SIZE, 8, IMAGE_MAX + PAGE, MPROC_ECORRUPT, "a larger size" },
    { AT_SIZE, 8, UINT64_C(1) << 63, MPROC_ECORRUPT, "a negative size" },
    { AT_SIZE, 8, UINT64_MAX, MPROC_ECORRUPT, "size -1" },
};

static const struct damage element_damage[] = {
    { AT_TYPE, 4, 0, MPROC_ECORRUPT, "type 0" },
    { AT_TYPE, 4, 15, MPROC_ECORRUPT, "type 15" },
    { AT_TYPE, 4, UINT32_MAX, MPROC_ECORRUPT, "type -1" },
    { AT_TYPE, 4, MPROC_TYPE_I16, MPROC_ECORRUPT, "a type of another size" },
    { AT_ELEM_SIZE, 8, 0, MPROC_ECORRUPT, "element size 0" },
    { AT_ELEM_SIZE, 8, (1 << 20) + 1, MPROC_ECORRUPT, "more than a MiB" },
    { AT_ELEM_SIZE, 8, 1 << 20, MPROC_ECORRUPT, "more than the file has" },
    { AT_ELEM_SIZE, 8, UINT64_MAX, MPROC_ECORRUPT, "element size -1" },
    { AT_ELEM_SIZE, 8, UINT64_C(1) << 63, MPROC_ECORRUPT, "element size 2^63" },
    { AT_ELEM_ALIGN, 8, 0, MPROC_ECORRUPT, "alignment 0" },
    { AT_ELEM_ALIGN, 8, 3, MPROC_ECORRUPT, "alignment 3" },
    { AT_ELEM_ALIGN, 8, 8192, MPROC_ECORRUPT, "alignment of two pages" },
    { AT_ELEM_ALIGN, 8, UINT64_MAX, MPROC_ECORRUPT, "alignment -1" },
};

static const struct damage value_damage[] = {
    { AT_MODE, 4, 3, MPROC_ECORRUPT, "mode 3" },
    { AT_MODE, 4, UINT32_MAX, MPROC_ECORRUPT, "mode -1" },
};

static const struct damage array_damage[] = {
    { AT_NDIM, 8, 0, MPROC_ECORRUPT, "no dimensions" },
    { AT_NDIM, 8, 9, MPROC_ECORRUPT, "9 dimensions" },
    { AT_NDIM, 8, UINT64_MAX, MPROC_ECORRUPT, "-1 dimensions" },
    { AT_SHAPE, 8, 0, MPROC_ECORRUPT, "no elements in a file that has some" },
    { AT_SHAPE, 8, 1 << 20, MPROC_ECORRUPT, "more elements than the file" },
    { AT_SHAPE, 8, UINT64_C(1) << 63, MPROC_ECORRUPT, "2^63 elements" },
    { AT_SHAPE, 8, UINT64_MAX, MPROC_ECORRUPT, "-1 elements" },
};

static const struct damage structs_damage[] = {
    { AT_ELEM_SIZE, 8, ELEM_SIZE + 4, MPROC_ECORRUPT, "a size that does not keep the alignment" },
    { AT_TYPE, 4, MPROC_TYPE_I32, MPROC_ECORRUPT, "structs called integers" },
};

static const struct damage queue_damage[] = {
    { AT_CAPACITY, 8, 0, MPROC_ECORRUPT, "capacity 0" },
    { AT_CAPACITY, 8, 1, MPROC_ECORRUPT, "capacity 1" },
    { AT_CAPACITY, 8, QUEUE_BYTES - 1, MPROC_ECORRUPT, "no power of two" },
    { AT_CAPACITY, 8, 3 * PAGE, MPROC_ECORRUPT, "three pages" },
    { AT_CAPACITY, 8, PAGE / 2, MPROC_ECORRUPT, "half a page" },
    { AT_CAPACITY, 8, 2 * QUEUE_BYTES, MPROC_ECORRUPT, "more than the file" },
    { AT_CAPACITY, 8, UINT64_C(16) << 30, MPROC_ECORRUPT, "16 GiB" },
    { AT_CAPACITY, 8, UINT64_C(1) << 63, MPROC_ECORRUPT, "2^63" },
    { AT_CAPACITY, 8, UINT64_MAX, MPROC_ECORRUPT, "capacity -1" },
    { AT_MAX_ITEMS, 8, UINT64_C(1) << 32, MPROC_ECORRUPT, "a bound of 2^32 items" },
    { AT_MAX_ITEMS, 8, UINT64_MAX, MPROC_ECORRUPT, "a bound of -1 items" },
};

static const struct damage modes_damage[] = { /* of every queue */
    { AT_QUEUE_MODES, 8, 8, MPROC_ECORRUPT, "an unknown mode" },
    { AT_QUEUE_MODES, 8, 8 | 4, MPROC_ECORRUPT, "an unknown mode beside a known one" },
    { AT_QUEUE_MODES, 8, UINT64_C(1) << 63, MPROC_ECORRUPT, "mode 2^63" },
    { AT_QUEUE_MODES, 8, UINT64_MAX, MPROC_ECORRUPT, "mode -1" },
};

static const struct damage plain_damage[] = {
    { AT_QUEUE_MODES, 8, 2, MPROC_ECORRUPT, "joinable without a table" },
    { AT_QUEUE_MODES, 8, 3, MPROC_ECORRUPT, "joinable without a table, for leases" },
    { AT_QUEUE_MODES, 8, 4, MPROC_ECORRUPT, "pollable without bells" },
    { AT_QUEUE_MODES, 8, 5, MPROC_ECORRUPT, "pollable without bells, for leases" },
};

static const struct damage jobs_damage[] = {
    { AT_QUEUE_MODES, 8, 0, MPROC_ECORRUPT, "a table, but not joinable" },
    { AT_QUEUE_MODES, 8, 1, MPROC_ECORRUPT, "a table, but only for leases" },
    { AT_QUEUE_MODES, 8, 6, MPROC_ECORRUPT, "a table, but no bells" },
    { AT_CAPACITY, 8, 2 * QUEUE_BYTES, MPROC_ECORRUPT, "twice as much" },
};

static const struct damage polled_damage[] = {
    { AT_QUEUE_MODES, 8, 0, MPROC_ECORRUPT, "bells, but not pollable" },
    { AT_QUEUE_MODES, 8, 1, MPROC_ECORRUPT, "bells, but only for leases" },
    { AT_QUEUE_MODES, 8, 2, MPROC_ECORRUPT, "bells, but a table is needed" },
    { AT_QUEUE_MODES, 8, 6, MPROC_ECORRUPT, "bells, but no table" },
};

static const struct damage polled_pipe_damage[] = {
    { AT_PIPE_MODES, 8, 0, MPROC_ECORRUPT, "bells, but not pollable" },
    { AT_PIPE_MODES, 8, 1, MPROC_ECORRUPT, "bells, but not pollable, and one way" },
    { AT_PIPE_MODES, 8, 5, MPROC_ECORRUPT, "one way, with two rings and bells for both" },
};

static const struct damage pipe_damage[] = { /* of every pipe */
    { AT_CAPACITY, 8, 0, MPROC_ECORRUPT, "capacity 0" },
    { AT_CAPACITY, 8, QUEUE_BYTES + 8, MPROC_ECORRUPT, "no power of two" },
    { AT_CAPACITY, 8, PAGE / 2, MPROC_ECORRUPT, "half a page" },
    { AT_CAPACITY, 8, 2 * QUEUE_BYTES, MPROC_ECORRUPT, "more than the file" },
    { AT_CAPACITY, 8, UINT64_C(16) << 30, MPROC_ECORRUPT, "16 GiB" },
    { AT_CAPACITY, 8, UINT64_C(1) << 63, MPROC_ECORRUPT, "2^63" },
    { AT_CAPACITY, 8, UINT64_MAX, MPROC_ECORRUPT, "capacity -1" },
    { AT_PIPE_MODES, 8, 8, MPROC_ECORRUPT, "an unknown mode" },
    { AT_PIPE_MODES, 8, 8 | 4, MPROC_ECORRUPT, "an unknown mode beside a known one" },
    { AT_PIPE_MODES, 8, UINT64_C(1) << 63, MPROC_ECORRUPT, "mode 2^63" },
    { AT_PIPE_MODES, 8, UINT64_MAX, MPROC_ECORRUPT, "mode -1" },
};

static const struct damage two_way_damage[] = {
    { AT_PIPE_MODES, 8, 1, MPROC_ECORRUPT, "one way, with two rings" },
    { AT_PIPE_MODES, 8, 3, MPROC_ECORRUPT, "one way and exclusive, with two rings" },
    { AT_PIPE_MODES, 8, 4, MPROC_ECORRUPT, "pollable without bells" },
};

static const struct damage oneway_damage[] = {
    { AT_PIPE_MODES, 8, 0, MPROC_ECORRUPT, "two ways, with one ring" },
    { AT_PIPE_MODES, 8, 2, MPROC_ECORRUPT, "two ways and exclusive, with one ring" },
    { AT_PIPE_MODES, 8, 5, MPROC_ECORRUPT, "pollable without bells" },
};

static const struct damage lock_damage[] = {
    { AT_ANY_RELEASE, 4, 2, MPROC_ECORRUPT, "rule 2 of who may release it" },
    { AT_ANY_RELEASE, 4, UINT32_MAX, MPROC_ECORRUPT, "rule -1 of who may release it" },
};

static const struct damage semaphore_damage[] = { /* of every semaphore */
    { AT_INITIAL, 4, UINT32_C(1) << 31, MPROC_ECORRUPT, "2^31 permits" },
    { AT_INITIAL, 4, UINT32_MAX, MPROC_ECORRUPT, "-1 permits" },
    { AT_SEMAPHORE_MODE, 4, 4, MPROC_ECORRUPT, "an unknown mode" },
    { AT_SEMAPHORE_MODE, 4, UINT32_MAX, MPROC_ECORRUPT, "mode -1" },
};

static const struct damage tableless_damage[] = {
    { AT_SEMAPHORE_MODE, 4, 2, MPROC_ECORRUPT, "accounting, without a table" },
    { AT_SEMAPHORE_MODE, 4, 3, MPROC_ECORRUPT, "accounting and bounded, without a table" },
};

static const struct damage permits_damage[] = {
    { AT_SEMAPHORE_MODE, 4, 0, MPROC_ECORRUPT, "a table, but not accounting" },
    { AT_SEMAPHORE_MODE, 4, 1, MPROC_ECORRUPT, "a table, but only bounded" },
};

static const struct damage condition_damage[] = { /* of every condition */
    { AT_LOCK_KIND, 4, MPROC_KIND_VALUE, MPROC_ECORRUPT, "bound to a value" },
    { AT_LOCK_KIND, 4, MPROC_KIND_RWLOCK, MPROC_ECORRUPT, "bound to an rwlock" },
    { AT_LOCK_KIND, 4, UINT32_MAX, MPROC_ECORRUPT, "bound to kind -1" },
    { AT_LOCK_KIND, 4, MPROC_KIND_RLOCK, MPROC_ETYPE, "bound to an rlock" },
    { AT_LOCK_IDENTITY, 8, 1, MPROC_ETYPE, "bound to something else" },
    { AT_LOCK_IDENTITY, 8, UINT64_MAX, MPROC_ETYPE, "bound to identity -1" },
};

static const struct damage own_damage[] = {
    { AT_LOCK_KIND, 4, MPROC_KIND_LOCK, MPROC_ETYPE, "bound to a lock" },
};

static const struct damage bound_damage[] = {
    { AT_LOCK_KIND, 4, MPROC_CONDITION_OWN, MPROC_ETYPE, "a lock of its own" },
    { AT_LOCK_IDENTITY, 8, 0, MPROC_ETYPE, "bound to no lock" },
};

static const struct damage barrier_damage[] = {
    { AT_PARTIES, 4, 0, MPROC_ECORRUPT, "no parties" },
    { AT_PARTIES, 4, MPROC_BARRIER_MAX, MPROC_ECORRUPT, "more parties than the file has places for" },
    { AT_PARTIES, 4, MPROC_BARRIER_MAX + 1, MPROC_ECORRUPT, "more parties than there can be" },
    { AT_PARTIES, 4, UINT32_C(1) << 31, MPROC_ECORRUPT, "2^31 parties" },
    { AT_PARTIES, 4, UINT32_MAX, MPROC_ECORRUPT, "-1 parties" },
};

#define EACH(table, kind)                                                          \
    for (size_t i_ = 0; i_ < sizeof(table) / sizeof(table)[0]; i_++) {             \
        check_damage(kind, &(table)[i_]);                                          \
    }

static void headers_and_parameters(void)
{
    for (int kind = 0; kind < SUBJECTS; kind++) {
        EACH(header_damage, kind);
        for (int other = LOCK; other < SUBJECTS; other++) {
            if (subjects[other].kind != subjects[kind].kind) {
                struct damage damage = { AT_KIND, 4, (uint64_t)subjects[other].kind, MPROC_EKIND, "another kind" };
                check_damage(kind, &damage);
            }
        }
    }
    for (int kind = SCALAR; kind <= STRUCTS; kind++) {
        EACH(element_damage, kind);
    }
    for (int kind = SCALAR; kind <= RAW; kind++) {
        EACH(value_damage, kind);
    }
    EACH(array_damage, NUMBERS);
    EACH(array_damage, STRUCTS);
    EACH(structs_damage, STRUCTS);
    EACH(queue_damage, QUEUE);
    EACH(jobs_damage, JOBS);
    EACH(plain_damage, QUEUE);
    EACH(plain_damage, LEASES);
    for (int kind = QUEUE; kind <= LEASES; kind++) {
        EACH(modes_damage, kind);
    }
    for (int kind = PIPE; kind <= ONEWAY; kind++) {
        EACH(pipe_damage, kind);
    }
    EACH(queue_damage, POLLED);
    EACH(modes_damage, POLLED);
    EACH(polled_damage, POLLED);
    EACH(pipe_damage, POLLED_PIPE);
    EACH(polled_pipe_damage, POLLED_PIPE);
    EACH(two_way_damage, PIPE);
    EACH(oneway_damage, ONEWAY);
    EACH(lock_damage, LOCK);
    for (int kind = SEMAPHORE; kind <= PERMITS; kind++) {
        EACH(semaphore_damage, kind);
    }
    EACH(tableless_damage, SEMAPHORE);
    EACH(permits_damage, PERMITS);
    for (int kind = CONDITION; kind <= BOUND; kind++) {
        EACH(condition_damage, kind);
    }
    EACH(own_damage, CONDITION);
    EACH(bound_damage, BOUND);
    EACH(barrier_damage, BARRIER);
}

/* Several words at once: products that overflow into what the file has. */
static void overflows(void)
{
    static const struct {
        int kind;
        uint64_t ndim, shape[4];
        const char *what;
    } shapes[] = {
        { NUMBERS, 2, { UINT64_C(1) << 32, UINT64_C(1) << 32 }, "2^64 elements" },
        { NUMBERS, 3, { UINT64_C(1) << 63, 2, NUMBER_COUNT }, "2^64 times the elements" },
        { NUMBERS, 1, { (UINT64_C(1) << 62) + NUMBER_COUNT }, "2^64 bytes and those of the file" },
        { NUMBERS, 1, { UINT64_MAX / 4 }, "almost 2^64 bytes" },
        { NUMBERS, 1, { (UINT64_C(1) << 61) - 1 }, "almost 2^63 bytes" },
        { NUMBERS, 4, { 0, UINT64_MAX, UINT64_MAX, UINT64_MAX }, "nothing, in enormous dimensions" },
        { STRUCTS, 2, { UINT64_C(1) << 61, 8 }, "2^64 structs" },
        { STRUCTS, 1, { UINT64_MAX / ELEM_SIZE + 1 }, "2^64 bytes of structs" },
    };
    static const int swapped[][2] = { { SNAPSHOT, 2 }, { RAW, 1 }, { SNAPSHOT, 0 }, { SCALAR, 1 } };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct image image = place->image[shapes[i].kind];
        set(&image, AT_NDIM, 8, shapes[i].ndim);
        for (int d = 0; d < 4; d++) {
            set(&image, AT_SHAPE + 8 * d, 8, shapes[i].shape[d]);
        }
        put_image(place->dir, "victim", &image);
        refused(&subjects[shapes[i].kind], MPROC_ECORRUPT, shapes[i].what);
    }
    for (size_t i = 0; i < sizeof swapped / sizeof swapped[0]; i++) {
        struct image image = place->image[swapped[i][0]];
        set(&image, AT_MODE, 4, (uint64_t)swapped[i][1]);
        put_image(place->dir, "victim", &image);
        refused(&subjects[swapped[i][0]], MPROC_ECORRUPT, "the other mode");
    }
}

/* The same file with other modes, as far as its size allows: handles that were open before go on as they were. */
static void other_modes(void)
{
    static const struct {
        int kind;
        uint64_t capacity, modes;
        uint32_t flags; /* to be seen in the info */
        const char *what;
    } possible[] = {
        { QUEUE, QUEUE_BYTES, 1, MPROC_QUEUE_LEASE, "leases after all" },
        { LEASES, QUEUE_BYTES, 0, 0, "no leases after all" },
        { JOBS, QUEUE_BYTES, 3, MPROC_QUEUE_JOINABLE | MPROC_QUEUE_LEASE, "joinable, and for leases" },
        { POLLED, 2 * QUEUE_BYTES, 0, 0, "not pollable after all, but twice as wide" },
        { POLLED, QUEUE_BYTES, 5, MPROC_POLLABLE | MPROC_QUEUE_LEASE, "pollable, and for leases" },
        { PIPE, QUEUE_BYTES, 2, MPROC_PIPE_EXCLUSIVE, "exclusive after all" },
        { PIPE, QUEUE_BYTES, 5, MPROC_PIPE_ONEWAY | MPROC_POLLABLE, "one way, with bells in the place of a ring" },
        { POLLED_PIPE, 2 * QUEUE_BYTES, 0, 0, "not pollable after all, but twice as wide" },
        { POLLED_PIPE, QUEUE_BYTES, 6, MPROC_PIPE_EXCLUSIVE | MPROC_POLLABLE, "pollable, and exclusive" },
        { PIPE, 2 * QUEUE_BYTES, 1, MPROC_PIPE_ONEWAY, "one way, twice as wide" },
        { ONEWAY, QUEUE_BYTES, 1, MPROC_PIPE_ONEWAY, "not exclusive after all" },
    };
    struct rng rng = { 6 };
    unsigned char byte;
    size_t len;
    for (size_t i = 0; i < sizeof possible / sizeof possible[0]; i++) {
        const struct subject *subject = &subjects[possible[i].kind];
        bool queue = subject->kind == MPROC_KIND_QUEUE;
        struct image image = place->image[possible[i].kind];
        void *before = NULL, *fresh = NULL;
        snprintf(stage->what, sizeof stage->what, "%s: %s", subject->name, possible[i].what);
        put_image(place->dir, "victim", &image);
        CHECK_OK(subject->open(place->domain, "victim", &before));
        set(&image, AT_CAPACITY, 8, possible[i].capacity);
        set(&image, queue ? AT_QUEUE_MODES : AT_PIPE_MODES, 8, possible[i].modes);
        poke(place->dir, "victim", 0, image.bytes, image.size);
        CHECK_OK(subject->open(place->domain, "victim", &fresh));
        if (queue) {
            mproc_queue_info_t info;
            CHECK_OK(mproc_queue_info(fresh, &info, sizeof info));
            CHECK_INT(possible[i].flags, info.flags);
            if (possible[i].capacity == QUEUE_BYTES) { /* else the records are elsewhere */
                CHECK_IS(info.flags & MPROC_QUEUE_LEASE ? MPROC_ENOTSUP : MPROC_OK,
                         mproc_queue_get(fresh, &byte, 1, &len, 0, NULL));
            }
        } else {
            mproc_pipe_info_t info;
            CHECK_OK(mproc_pipe_info(((struct both *)fresh)->end[0], &info, sizeof info));
            CHECK_INT(possible[i].flags, info.flags);
            CHECK_INT(possible[i].capacity, info.capacity_bytes);
        }
        subject->use(before, &rng);
        subject->use(fresh, &rng);
        subject->use(before, &rng);
        if (!queue) { /* of each pair, one end was opened before the change, and one after it */
            struct both *old = before, *new = fresh;
            mproc_pipe_t *end = old->end[1];
            old->end[1] = new->end[1];
            new->end[1] = end;
            for (int k = 0; k < 4; k++) {
                subject->use(before, &rng);
                subject->use(fresh, &rng);
            }
        }
        subject->close(before);
        use_and_close(subject, fresh, &rng);
    }
}

/* The same of the lock family: what is expected of it does not hold any more. */
static void family_as_possible(void)
{
    struct rng rng = { 8 };
    void *handle = NULL;
    struct image image = place->image[LOCK];
    mproc_semaphore_info_t permits;
    mproc_barrier_info_t parties;
    strcpy(stage->what, "possible parameters of the family");
    set(&image, AT_ANY_RELEASE, 4, 1);
    set(&image, AT_USER_LOCK, 4, atomic_load(&place->cast->living));
    put_image(place->dir, "victim", &image);
    CHECK_IS(MPROC_ETYPE, subjects[LOCK].create(place->domain, "victim", MPROC_EXIST_OK, &handle));
    CHECK_OK(subjects[LOCK].open(place->domain, "victim", &handle));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(handle));
    CHECK_OK(mproc_lock_unlock(handle)); /* anybody may */
    CHECK_IS(MPROC_EPERM, mproc_lock_unlock(handle));
    use_and_close(&subjects[LOCK], handle, &rng);

    image = place->image[SEMAPHORE];
    set(&image, AT_INITIAL, 4, PERMIT_COUNT + 2);
    set(&image, AT_SEMAPHORE_MODE, 4, 1);
    put_image(place->dir, "victim", &image);
    CHECK_IS(MPROC_ETYPE, subjects[SEMAPHORE].create(place->domain, "victim", MPROC_EXIST_OK, &handle));
    CHECK_OK(subjects[SEMAPHORE].open(place->domain, "victim", &handle));
    CHECK_OK(mproc_semaphore_info(handle, &permits, sizeof permits));
    CHECK(permits.initial == PERMIT_COUNT + 2 && permits.flags == MPROC_SEMAPHORE_BOUNDED);
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(handle, 3));
    CHECK_OK(mproc_semaphore_release(handle, 2));
    use_and_close(&subjects[SEMAPHORE], handle, &rng);

    image = place->image[PERMITS];
    set(&image, AT_INITIAL, 4, 0);
    put_image(place->dir, "victim", &image);
    CHECK_OK(subjects[PERMITS].open(place->domain, "victim", &handle));
    use_and_close(&subjects[PERMITS], handle, &rng);

    for (uint32_t n = 1; n <= 78; n += 28) { /* as far as the file has places */
        image = place->image[BARRIER];
        set(&image, AT_PARTIES, 4, n);
        put_image(place->dir, "victim", &image);
        CHECK_IS(n == PARTIES ? MPROC_EXISTED : MPROC_ETYPE,
                 subjects[BARRIER].create(place->domain, "victim", MPROC_EXIST_OK, &handle));
        CHECK_OK(subjects[BARRIER].open(place->domain, "victim", &handle));
        CHECK_OK(mproc_barrier_info(handle, &parties, sizeof parties));
        CHECK_INT(n, parties.parties);
        CHECK_IS(n == 1 ? MPROC_OK : MPROC_ETIMEDOUT, mproc_barrier_wait(handle, 0, NULL, NULL));
        use_and_close(&subjects[BARRIER], handle, &rng);
    }
}

/* Words that make the object another possible one: open lets it in, unless more is expected of it. */
static void wrong_but_possible(void)
{
    struct rng rng = { 5 };
    void *handle = NULL;
    struct image image = place->image[SCALAR];
    mproc_value_options_t expected = MPROC_VALUE_OPTIONS_INIT;
    mproc_queue_options_t bounds = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t modes = MPROC_PIPE_OPTIONS_INIT;
    mproc_pipe_t *none = NULL;
    size_t items = 0;

    strcpy(stage->what, "possible parameters");
    set(&image, AT_TYPE, 4, MPROC_TYPE_F64);
    put_image(place->dir, "victim", &image);
    CHECK_OK(subjects[SCALAR].open(place->domain, "victim", &handle));
    use_and_close(&subjects[SCALAR], handle, &rng);
    expected.type_code = MPROC_TYPE_I64;
    CHECK_IS(MPROC_ETYPE, mproc_value_open(place->domain, "victim", &expected, (mproc_value_t **)&handle));

    image = place->image[SNAPSHOT];
    set(&image, AT_SCHEMA, 8, 78);
    put_image(place->dir, "victim", &image);
    CHECK_OK(subjects[SNAPSHOT].open(place->domain, "victim", &handle));
    use_and_close(&subjects[SNAPSHOT], handle, &rng);
    expected.type_code = MPROC_TYPE_STRUCT;
    expected.elem_size = STRUCT_SIZE;
    expected.schema = 77;
    CHECK_IS(MPROC_ETYPE, mproc_value_open(place->domain, "victim", &expected, (mproc_value_t **)&handle));

    image = place->image[QUEUE];
    set(&image, AT_MAX_ITEMS, 8, 3);
    put_image(place->dir, "victim", &image);
    CHECK_OK(subjects[QUEUE].open(place->domain, "victim", &handle));
    CHECK_OK(mproc_queue_size(handle, &items));
    CHECK_INT(6, items); /* more than the bound, which only keeps out new ones */
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_put(handle, "x", 1, SHORT, NULL));
    use_and_close(&subjects[QUEUE], handle, &rng);
    bounds.max_items = 4;
    CHECK_IS(MPROC_ETYPE, mproc_queue_open(place->domain, "victim", &bounds, (mproc_queue_t **)&handle));
    bounds.max_items = 0;
    bounds.flags = MPROC_QUEUE_JOINABLE;
    CHECK_IS(MPROC_ETYPE, mproc_queue_open(place->domain, "victim", &bounds, (mproc_queue_t **)&handle));
    put_image(place->dir, "victim", &place->image[PIPE]);
    modes.flags = MPROC_PIPE_ONEWAY;
    CHECK_IS(MPROC_ETYPE, mproc_pipe_open(place->domain, "victim", &modes, 0, &none));

    other_modes();
    family_as_possible();
    for (int kind = 0; kind < SUBJECTS; kind++) { /* flags of a later version */
        int status;
        image = place->image[kind];
        set(&image, AT_FLAGS, 4, 0xfffffff1);
        put_image(place->dir, "victim", &image);
        handle = NULL;
        status = subjects[kind].open(place->domain, "victim", &handle);
        CHECK(status == MPROC_OK || status == MPROC_ECORRUPT || status == MPROC_EVERSION);
        if (status == MPROC_OK) {
            use_and_close(&subjects[kind], handle, &rng);
        }
    }
}

/* The file is shorter or longer than it was, or has no memory behind a part of it. */
static void cut_and_sparse(void)
{
    for (int kind = 0; kind < SUBJECTS; kind++) {
        const struct image *image = &place->image[kind];
        const size_t sizes[] = { 0, 1, 23, 511, 2048, PAGE, image->size - PAGE, image->size - 1, image->size + 1,
                                 image->size + PAGE, (size_t)1 << 40 };
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            int fd;
            char what[60];
            if (sizes[i] == image->size) {
                continue;
            }
            put_image(place->dir, "victim", image);
            fd = file_open(place->dir, "victim");
            CHECK(ftruncate(fd, (off_t)sizes[i]) == 0);
            close(fd);
            snprintf(what, sizeof what, "%zu bytes instead of %zu", sizes[i], image->size);
            refused(&subjects[kind], MPROC_ECORRUPT, what);
        }
        for (size_t at = 0; at < image->size; at += PAGE) {
            int fd;
            put_image(place->dir, "victim", image);
            fd = file_open(place->dir, "victim");
            CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, PAGE) == 0);
            close(fd);
            refused(&subjects[kind], MPROC_ECORRUPT, "a hole");
        }
    }
    /* Everything agrees, but it is a terabyte of nothing. */
    struct image image = place->image[NUMBERS];
    uint64_t elements = UINT64_C(1) << 38;
    int fd;
    set(&image, AT_NDIM, 8, 1);
    set(&image, AT_SHAPE, 8, elements);
    set(&image, AT_SIZE, 8, PAGE + 4 * elements);
    put_image(place->dir, "victim", &image);
    fd = file_open(place->dir, "victim");
    CHECK(ftruncate(fd, (off_t)(PAGE + 4 * elements)) == 0);
    close(fd);
    refused(&subjects[NUMBERS], MPROC_ECORRUPT, "a sparse terabyte");
}

static void make_socket(const char *path)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    CHECK(strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(chmod(path, 0600) == 0);
    close(fd);
}

/* What stands under the name is not a file of this user alone. */
static void wrong_files(void)
{
    static const char *const whats[] = { "a directory",     "a symbolic link",      "a fifo",       "a socket",
                                         "a second name",   "readable by everybody", "writable by a group",
                                         "another user's" };
    char path[108], other[108];
    snprintf(path, sizeof path, "%s/victim", place->dir);
    snprintf(other, sizeof other, "%s/other", place->dir);
    for (int what = 0; what < (int)(sizeof whats / sizeof whats[0]); what++) {
        const struct subject *subject = &subjects[what % SUBJECTS];
        put_image(place->dir, "victim", &place->image[what % SUBJECTS]);
        put_image(place->dir, "other", &place->image[what % SUBJECTS]);
        if (what < 5) {
            CHECK(unlink(path) == 0);
        }
        switch (what) {
        case 0:
            CHECK(mkdir(path, 0700) == 0);
            break;
        case 1:
            CHECK(symlink("other", path) == 0);
            break;
        case 2:
            CHECK(mkfifo(path, 0600) == 0);
            break;
        case 3:
            make_socket(path);
            break;
        case 4:
            CHECK(link(other, path) == 0);
            break;
        case 5:
            CHECK(chmod(path, 0604) == 0);
            break;
        case 6:
            CHECK(chmod(path, 0620) == 0);
            break;
        default:
            if (geteuid() != 0) {
                printf("SKIPPED: an object of another user: only root can give files away\n");
                continue;
            }
            CHECK(chown(path, 65534, 65534) == 0);
        }
        refused(subject, MPROC_EACCES, whats[what]);
        CHECK_OK(mproc_domain_sweep(place->domain, NULL));
        if (what == 0) {
            CHECK(rmdir(path) == 0);
        } else {
            CHECK_OK(mproc_domain_unlink(place->domain, "victim"));
        }
    }
    CHECK(unlink(other) == 0);
}

/* An object of the wrong domain id is not swept or opened; a good one takes its place; all is well then. */
static void repaired(void)
{
    struct rng rng = { 3 };
    for (int kind = 0; kind < SUBJECTS; kind++) {
        const struct subject *subject = &subjects[kind];
        void *handle = NULL;
        struct image image = place->image[kind];
        set(&image, AT_LAYOUT, 4, 99);
        put_image(place->dir, "victim", &image);
        refused(subject, MPROC_EVERSION, "before the repair");
        CHECK_OK(mproc_domain_unlink(place->domain, "victim"));
        CHECK_OK(subject->create(place->domain, "victim", 0, &handle));
        use_and_close(subject, handle, &rng);
        CHECK_IS(MPROC_ENOENT, subject->open(place->domain, "victim", &handle)); /* gone with its last user */
    }
}

static void all_cases(void *argument)
{
    place = argument;
    headers_and_parameters();
    overflows();
    wrong_but_possible();
    cut_and_sparse();
    wrong_files();
    repaired();
    place_check(place);
    CHECK(nobody_complained());
}

void part_cases(void)
{
    static struct place here;
    join_tally();
    place_make(&here, "cases");
    CHECK(watched(new_stage(), "cases", all_cases, &here, 120));
    place_end(&here);
}
