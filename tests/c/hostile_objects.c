/* Damage to the words that change, met by a handle that was open before and by one opened afterwards. */
#include "hostile.h"

static struct place *place;
static bool opened_before; /* the damage */

static const struct {
    const char *what;
    uint32_t word;
} strangers[] = { /* owners that cannot be alive */
    { "a generation that never was", 1022 | 5 << 10 },
    { "a slot out of range", 1023 },
    { "a slot far out of range, of some generation", 1023 | 77 << 10 },
    { "a generation without a slot", 7 << 10 },
    { "all bits but one", ~WAITING },
    { "all bits", UINT32_MAX },
};

/* A good object, spoilt by up to two words, and a handle on it. */
static void *spoilt2(int kind, const char *what, size_t at, int width, uint64_t value, size_t at2, uint64_t value2)
{
    const struct word words[2] = { { at, width, value }, { at2, 8, value2 } };
    return spoil(place, kind, opened_before, what, words, at2 ? 2 : 1);
}

static void *spoilt(int kind, const char *what, size_t at, int width, uint64_t value)
{
    return spoilt2(kind, what, at, width, value, 0, 0);
}

static void done(int kind, void *handle)
{
    spoilt_done(kind, handle);
}

/* --- the lock that the user sees -------------------------------------------------------------------------- */

static int lock_of(int kind, void *handle, int64_t timeout)
{
    return kind == LOCK   ? mproc_lock_lock(handle, timeout, NULL)
           : kind <= RAW ? mproc_value_lock(handle, timeout, NULL)
                         : mproc_array_lock(handle, timeout, NULL);
}

static int unlock_of(int kind, void *handle)
{
    return kind == LOCK   ? mproc_lock_unlock(handle)
           : kind <= RAW ? mproc_value_unlock(handle)
                         : mproc_array_unlock(handle);
}

static mproc_owner_t owner_of(int kind, void *handle)
{
    mproc_owner_t owner;
    memset(&owner, 0xEE, sizeof owner);
    CHECK_OK(kind == LOCK   ? mproc_lock_owner(handle, &owner, sizeof owner)
             : kind <= RAW ? mproc_value_lock_owner(handle, &owner, sizeof owner)
                           : mproc_array_lock_owner(handle, &owner, sizeof owner));
    return owner;
}

static void user_lock(int kind)
{
    uint32_t self = own_word(place->domain), living = atomic_load(&place->cast->living);
    uint32_t dead = atomic_load(&place->cast->dead);
    void *handle;
    mproc_owner_t owner;
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        handle = spoilt(kind, strangers[i].what, AT_USER_LOCK, 4, strangers[i].word);
        owner = owner_of(kind, handle);
        CHECK(owner.held == 1 && owner.alive == 0 && owner.is_self == 0);
        CHECK_IS(MPROC_EPERM, unlock_of(kind, handle));
        CHECK_IS(MPROC_RECOVERED, lock_of(kind, handle, SEC));
        CHECK_OK(unlock_of(kind, handle));
        CHECK_INT(0, owner_of(kind, handle).held);
        done(kind, handle);
    }
    for (uint32_t waiters = 0; waiters <= 1; waiters++) {
        uint32_t bit = waiters ? WAITING : 0;
        handle = spoilt(kind, "its owner is dead", AT_USER_LOCK, 4, dead | bit);
        CHECK_IS(MPROC_RECOVERED, lock_of(kind, handle, SEC));
        CHECK_INT(1, peek32(place->dir, "victim", AT_STEALS));
        CHECK_OK(unlock_of(kind, handle));
        done(kind, handle);

        handle = spoilt(kind, "its owner is us", AT_USER_LOCK, 4, self | bit);
        CHECK_IS(MPROC_ETIMEDOUT, lock_of(kind, handle, 0));
        CHECK_IS(MPROC_ETIMEDOUT, lock_of(kind, handle, SHORT));
        CHECK_INT(1, owner_of(kind, handle).is_self);
        CHECK_OK(unlock_of(kind, handle));
        CHECK_OK(lock_of(kind, handle, 0));
        CHECK_OK(unlock_of(kind, handle));
        done(kind, handle);

        handle = spoilt(kind, "its owner lives", AT_USER_LOCK, 4, living | bit);
        CHECK_IS(MPROC_ETIMEDOUT, lock_of(kind, handle, 0));
        CHECK_IS(MPROC_ETIMEDOUT, lock_of(kind, handle, 20 * MS)); /* longer than a look at the owner */
        CHECK_IS(MPROC_EPERM, unlock_of(kind, handle));
        owner = owner_of(kind, handle);
        CHECK(owner.held == 1 && owner.alive == 1 && owner.is_self == 0 && owner.pid == (int32_t)place->cast->holder);
        done(kind, handle);
    }
    handle = spoilt(kind, "only sleepers", AT_USER_LOCK, 4, WAITING);
    CHECK_INT(0, owner_of(kind, handle).held);
    CHECK_OK(lock_of(kind, handle, 0));
    CHECK_OK(unlock_of(kind, handle));
    done(kind, handle);
}

/* --- the locks inside --------------------------------------------------------------------------------------- */

static const struct inner {
    int kind;
    size_t at;
    const char *what;
} inner_locks[] = {
    { SNAPSHOT, AT_WRITE_LOCK, "the writers' lock" },
    { STRUCTS, AT_ELEMENT_LOCK, "the elements' lock" },
    { QUEUE, AT_RING + RING_PUT_LOCK, "the producers' lock" },
    { QUEUE, AT_RING + RING_GET_LOCK, "the consumers' lock" },
    { JOBS, AT_RING + RING_GET_LOCK, "the consumers' lock" },
    { PIPE, AT_PIPE_RINGS + RING_PUT_LOCK, "the senders' lock" },
    { PIPE, AT_PIPE_RINGS + RING_GET_LOCK, "the receivers' lock" },
};

/* Sending to end 0 gives one status, receiving there another; the other direction has locks of its own. */
static void behind_pipe(const struct both *both, int send, int recv)
{
    static unsigned char bytes[STRUCT_SIZE];
    mproc_view_t view = { NULL, 0, 0 };
    mproc_pipe_info_t info;
    size_t len = 0;
    CHECK_IS(send, mproc_pipe_send(both->end[1], bytes, 9, 0, NULL));
    CHECK_IS(send, mproc_pipe_reserve(both->end[1], 30, &view, SHORT, NULL));
    if (send == MPROC_OK) {
        CHECK_OK(mproc_pipe_abort(both->end[1], view.id));
    }
    CHECK_IS(recv, mproc_pipe_poll(both->end[0], 0, NULL));
    CHECK_IS(recv, mproc_pipe_recv(both->end[0], bytes, sizeof bytes, &len, SHORT, NULL));
    CHECK_IS(recv, mproc_pipe_peek(both->end[0], &view, SHORT, NULL));
    if (recv == MPROC_OK) {
        CHECK_OK(mproc_pipe_putback(both->end[0], view.id));
    }
    CHECK_OK(mproc_pipe_info(both->end[0], &info, sizeof info));
    CHECK_OK(mproc_pipe_send(both->end[0], bytes, 9, 0, NULL));
    CHECK_OK(mproc_pipe_recv(both->end[1], bytes, sizeof bytes, &len, 0, NULL));
}

/* Every operation that needs the lock gives `status`, every other one works. */
static void behind(const struct inner *inner, void *handle, int status)
{
    static unsigned char bytes[STRUCT_SIZE];
    size_t len = 0, count = 0, done_count = 0;
    int swapped = 0;
    if (inner->kind == SNAPSHOT) {
        CHECK_OK(mproc_value_load(handle, bytes, STRUCT_SIZE));
        CHECK_IS(status, mproc_value_store(handle, bytes, STRUCT_SIZE));
        CHECK_IS(status, mproc_value_exchange(handle, bytes, NULL, STRUCT_SIZE));
        CHECK_IS(status, mproc_value_compare_exchange(handle, bytes, bytes, STRUCT_SIZE, NULL, &swapped));
    } else if (inner->kind == STRUCTS) {
        CHECK_IS(status, mproc_array_get(handle, 0, bytes, ELEM_SIZE));
        CHECK_IS(status, mproc_array_set(handle, 1, bytes, ELEM_SIZE));
        CHECK_IS(status, mproc_array_read(handle, 0, 2, bytes, 2 * ELEM_SIZE));
        CHECK_IS(status, mproc_array_write(handle, 0, 2, bytes, 2 * ELEM_SIZE));
    } else if (inner->kind == PIPE) {
        behind_pipe(handle, inner->at == AT_PIPE_RINGS + RING_PUT_LOCK ? status : MPROC_OK,
                    inner->at == AT_PIPE_RINGS + RING_PUT_LOCK ? MPROC_OK : status);
    } else {
        bool puts = inner->at == AT_RING + RING_PUT_LOCK;
        const mproc_message_t message = { bytes, 9 };
        int put = puts ? status : MPROC_OK, get = puts ? MPROC_OK : status;
        mproc_view_t view = { NULL, 0, 0 };
        mproc_queue_info_t info;
        uint64_t lease = 0;
        CHECK_IS(put, mproc_queue_put(handle, bytes, 9, 0, NULL));
        CHECK_IS(put, mproc_queue_put_many(handle, &message, 1, &done_count, SHORT, NULL));
        CHECK_IS(get, mproc_queue_get(handle, bytes, sizeof bytes, &len, 0, NULL));
        CHECK_IS(get, mproc_queue_get_many(handle, bytes, sizeof bytes, &len, 1, &count, SHORT, NULL));
        CHECK_IS(put, mproc_queue_reserve(handle, 30, &view, SHORT, NULL));
        if (put == MPROC_OK) {
            CHECK_OK(mproc_queue_abort(handle, view.id)); /* what it cannot tidy up now, the next one does */
        }
        CHECK_IS(get, mproc_queue_peek(handle, &view, SHORT, NULL));
        CHECK_IS(get, mproc_queue_lease(handle, bytes, sizeof bytes, &len, &lease, 0, NULL));
        if (get == MPROC_OK) {
            CHECK_OK(mproc_queue_release(handle, view.id));
            CHECK_OK(mproc_queue_ack(handle, lease));
        }
        CHECK_OK(mproc_queue_size(handle, &count));
        CHECK_OK(mproc_queue_info(handle, &info, sizeof info)); /* looking works, whoever is inside */
        if (inner->kind == JOBS) {
            CHECK_IS(get == MPROC_OK ? MPROC_ETIMEDOUT : get, mproc_queue_join(handle, SHORT, NULL));
        }
        CHECK_IS(status, mproc_queue_shutdown(handle, 1));
    }
}

static void inner_lock(const struct inner *inner)
{
    char what[100];
    const uint32_t alive[] = { own_word(place->domain), atomic_load(&place->cast->living) };
    void *handle;
    for (int i = 0; i < 4; i++) { /* nobody alive is robbed, not even this process */
        snprintf(what, sizeof what, "%s is held by %s", inner->what, i < 2 ? "us" : "somebody alive");
        handle = spoilt(inner->kind, what, inner->at, 4, alive[i / 2] | (i % 2 ? WAITING : 0));
        behind(inner, handle, MPROC_EBUSY);
        done(inner->kind, handle);
    }
    for (size_t i = 0; i <= sizeof strangers / sizeof strangers[0]; i++) {
        bool stranger = i < sizeof strangers / sizeof strangers[0];
        snprintf(what, sizeof what, "%s is held by %s", inner->what, stranger ? strangers[i].what : "a dead process");
        handle = spoilt(inner->kind, what, inner->at, 4,
                        stranger ? strangers[i].word : atomic_load(&place->cast->dead));
        behind(inner, handle, MPROC_OK);
        CHECK_INT(1, peek32(place->dir, "victim", AT_STEALS));
        done(inner->kind, handle);
    }
    snprintf(what, sizeof what, "%s has only sleepers", inner->what);
    handle = spoilt(inner->kind, what, inner->at, 4, WAITING);
    behind(inner, handle, MPROC_OK);
    CHECK_INT(0, peek32(place->dir, "victim", AT_STEALS));
    done(inner->kind, handle);
}

/* --- poison ------------------------------------------------------------------------------------------------- */

/* Every operation that depends on what was found corrupt says so, for as long as the object exists. */
static void says_corrupt(int kind, void *handle)
{
    static unsigned char bytes[3 * ELEM_SIZE];
    const mproc_message_t message = { bytes, 9 };
    mproc_view_t view;
    size_t len = 0, count = 0;
    if (kind == STRUCTS) {
        CHECK_IS(MPROC_ECORRUPT, mproc_array_get(handle, 0, bytes, ELEM_SIZE));
        CHECK_IS(MPROC_ECORRUPT, mproc_array_set(handle, 2, bytes, ELEM_SIZE));
        CHECK_IS(MPROC_ECORRUPT, mproc_array_read(handle, 0, 3, bytes, 3 * ELEM_SIZE));
        CHECK_IS(MPROC_ECORRUPT, mproc_array_write(handle, 0, 3, bytes, 3 * ELEM_SIZE));
    } else if (subjects[kind].kind == MPROC_KIND_PIPE) {
        const struct both *both = handle;
        CHECK_IS(MPROC_ECORRUPT, mproc_pipe_send(both->end[1], bytes, 9, SEC, NULL));
        CHECK_IS(MPROC_ECORRUPT, mproc_pipe_recv(both->end[0], bytes, sizeof bytes, &len, SEC, NULL));
        CHECK_IS(MPROC_ECORRUPT, mproc_pipe_poll(both->end[0], SEC, NULL));
        CHECK_IS(MPROC_ECORRUPT, mproc_pipe_reserve(both->end[1], 9, &view, SEC, NULL));
        CHECK_IS(MPROC_ECORRUPT, mproc_pipe_peek(both->end[0], &view, SEC, NULL));
    } else {
        uint64_t lease;
        CHECK_IS(MPROC_ECORRUPT, mproc_queue_put(handle, bytes, 9, SEC, NULL));
        CHECK_IS(MPROC_ECORRUPT, mproc_queue_put_many(handle, &message, 1, &count, SEC, NULL));
        CHECK_IS(MPROC_ECORRUPT, mproc_queue_get(handle, bytes, sizeof bytes, &len, SEC, NULL));
        CHECK_IS(MPROC_ECORRUPT, mproc_queue_get_many(handle, bytes, sizeof bytes, &len, 1, &count, SEC, NULL));
        CHECK_IS(MPROC_ECORRUPT, mproc_queue_reserve(handle, 9, &view, SEC, NULL));
        CHECK_IS(MPROC_ECORRUPT, mproc_queue_peek(handle, &view, SEC, NULL));
        CHECK_IS(MPROC_ECORRUPT, mproc_queue_lease(handle, bytes, sizeof bytes, &len, &lease, SEC, NULL));
        if (kind == JOBS) {
            CHECK_IS(MPROC_ECORRUPT, mproc_queue_task_done(handle));
            CHECK_IS(MPROC_ECORRUPT, mproc_queue_join(handle, SEC, NULL));
        }
        CHECK_IS(MPROC_ECORRUPT, mproc_queue_shutdown(handle, 0));
    }
}

void stays_corrupt(const struct place *place, int kind, void *handle)
{
    int status;
    pid_t pid;
    CHECK(peek32(place->dir, "victim", AT_POISON) != 0);
    says_corrupt(kind, handle);
    pid = proc_fork();
    if (pid == 0) {
        void *fresh = NULL;
        says_corrupt(kind, handle);
        NEED_OK(subjects[kind].open(place->domain, "victim", &fresh));
        says_corrupt(kind, fresh);
        _exit(0);
    }
    CHECK(proc_wait(pid, 60 * SEC, &status) && status == 0);
    says_corrupt(kind, handle);
    spoilt_done(kind, handle);
}

static void journal(void)
{
    static const struct {
        uint64_t word;
        const char *what;
    } impossible[] = {
        { ELEMENTS + 1, "one behind the last element" },
        { UINT64_C(1) << 32, "element 2^32" },
        { UINT64_C(1) << 63, "element 2^63" },
        { UINT64_MAX / ELEM_SIZE + 2, "an element whose offset overflows" },
        { UINT64_MAX, "element -2" },
    };
    uint32_t dead = atomic_load(&place->cast->dead);
    unsigned char element[ELEM_SIZE];
    mproc_array_info_t info;
    void *handle;
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        handle = spoilt2(STRUCTS, impossible[i].what, AT_ELEMENT_LOCK, 4, dead, AT_JOURNAL, impossible[i].word);
        CHECK_IS(MPROC_ECORRUPT, mproc_array_get(handle, 0, element, sizeof element));
        stays_corrupt(place, STRUCTS, handle);

        /* Whoever holds the lock properly has no use for it. */
        handle = spoilt(STRUCTS, "a journal that nobody left open", AT_JOURNAL, 8, impossible[i].word);
        CHECK_OK(mproc_array_get(handle, 0, element, sizeof element));
        done(STRUCTS, handle);
    }
    for (uint64_t index = 0; index < ELEMENTS; index++) {
        handle = spoilt2(STRUCTS, "an open journal", AT_ELEMENT_LOCK, 4, dead, AT_JOURNAL, index + 1);
        memset(element, 0x77, sizeof element);
        poke(place->dir, "victim", AT_DATA, element, sizeof element); /* "the old bytes" */
        memset(element, 0, sizeof element);
        CHECK_OK(mproc_array_get(handle, (size_t)index, element, sizeof element));
        CHECK(element[0] == 0x77 && element[ELEM_SIZE - 1] == 0x77);
        CHECK_OK(mproc_array_get(handle, (size_t)(index + 1) % ELEMENTS, element, sizeof element));
        CHECK(element[0] == 0 && element[ELEM_SIZE - 1] == 0);
        CHECK_OK(mproc_array_info(handle, &info, sizeof info));
        CHECK_INT(1, info.rollbacks);
        CHECK_INT(0, peek64(place->dir, "victim", AT_JOURNAL));
        done(STRUCTS, handle);
    }
}

static void poison(void)
{
    static const uint32_t words[] = { 1, 2, UINT32_MAX };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        stays_corrupt(place, STRUCTS, spoilt(STRUCTS, "poisoned", AT_POISON, 4, words[i]));
        for (int kind = QUEUE; kind <= PIPE; kind++) {
            if (kind != LEASES) { /* it refuses gets before it looks */
                stays_corrupt(place, kind, spoilt(kind, "poisoned", AT_POISON, 4, words[i]));
            }
        }
    }
}

/* --- the queue's words -------------------------------------------------------------------------------------- */

enum direction { GETS, PUTS };

static int step(void *handle, enum direction direction, int64_t timeout)
{
    static unsigned char bytes[QUEUE_BYTES];
    size_t len = 0;
    return direction == GETS ? mproc_queue_get(handle, bytes, sizeof bytes, &len, timeout, NULL)
                             : mproc_queue_put(handle, bytes, 3, timeout, NULL);
}

static void positions(void)
{
    const uint32_t units = QUEUE_BYTES / 8;
    const uint64_t head = peek64(place->dir, "neighbour-queue", AT_RING + RING_HEAD);
    const uint64_t tail = peek64(place->dir, "neighbour-queue", AT_RING + RING_TAIL);
    const uint32_t first = (uint32_t)head, behind_last = (uint32_t)tail, count = (uint32_t)(tail >> 32);
    const struct {
        const char *what;
        size_t at;
        uint64_t word;
        enum direction direction;
    } impossible[] = {
        { "the tail is one unit too far ahead", AT_RING + RING_TAIL, MARK(first + units + 1, count), PUTS },
        { "the tail is half the world ahead", AT_RING + RING_TAIL, MARK(first + (1u << 31), count), PUTS },
        { "the tail is behind the head", AT_RING + RING_TAIL, MARK(first - 1, count), PUTS },
        { "the head is ahead of the tail", AT_RING + RING_HEAD, MARK(behind_last + 1, count), GETS },
        { "the head is too far behind", AT_RING + RING_HEAD, MARK(behind_last - units - 1, count), GETS },
        { "the head seen is ahead of the tail", AT_RING + RING_HEAD_SEEN, MARK(behind_last + 1, count), PUTS },
        { "the head seen is far behind", AT_RING + RING_HEAD_SEEN, MARK(behind_last - units - 1, count), PUTS },
        { "the tail seen is behind the head", AT_RING + RING_TAIL_SEEN, MARK(first - 1, 0), GETS },
        { "the tail seen is far ahead", AT_RING + RING_TAIL_SEEN, MARK(first + units + 1, count), GETS },
        { "a head in the middle of a message", AT_RING + RING_HEAD, MARK(first + 4, 3), GETS },
    };
    uint64_t most = MARK(first + units, count);
    void *handle;
    size_t items = 0;
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        handle = spoilt(QUEUE, impossible[i].what, impossible[i].at, 8, impossible[i].word);
        CHECK_IS(MPROC_ECORRUPT, step(handle, impossible[i].direction, SEC));
        stays_corrupt(place, QUEUE, handle);
    }
    /* A tail that is possible, over records that nobody wrote: the good ones come first. */
    handle = spoilt(QUEUE, "the tail is too far ahead, but possible", AT_RING + RING_TAIL, 8, most);
    for (int i = 0; i < 6; i++) {
        CHECK_OK(step(handle, GETS, 0));
    }
    CHECK_IS(MPROC_ECORRUPT, step(handle, GETS, 0));
    stays_corrupt(place, QUEUE, handle);

    /* Numbers of messages are only counted, never trusted. */
    handle = spoilt(QUEUE, "an impossible number of messages", AT_RING + RING_TAIL, 8, MARK(behind_last, 0xfffffff0));
    CHECK_OK(mproc_queue_size(handle, &items));
    for (int i = 0; i < 6; i++) {
        CHECK_OK(step(handle, GETS, 0));
    }
    CHECK_IS(MPROC_ETIMEDOUT, step(handle, GETS, SHORT));
    CHECK_OK(step(handle, PUTS, 0));
    done(QUEUE, handle);
}

static void records(void)
{
    /* The first message, empty, begins at this offset of the ring; the last, of 200 bytes, at 4064. */
    enum { EMPTY = AT_DATA + 8 * FIRST, LAST = AT_DATA + 4064 };
    static const struct {
        const char *what;
        uint64_t prefix;
    } impossible[] = {
        { "a message longer than what is filled", MESSAGE(700) },
        { "a message of the whole ring", MESSAGE(QUEUE_BYTES) },
        { "a message one unit too long", MESSAGE(QUEUE_BYTES - 7) },
        { "the longest message of all", MESSAGE(LONGEST) },
        { "a message of 512 MiB", MESSAGE(UINT32_C(1) << 29) },
        { "no state", RECORD(0, VACANT, NOBODY) },
        { "a message with an owner", RECORD(0, WHOLE, 1) },
        { "a message with owner 0", RECORD(0, WHOLE, 0) },
        { "a message given back, with an owner", RECORD(0, AGAIN, NOBODY + 1) },
        { "padding with an owner", RECORD(0, FREE, 1) },
        { "a rest with an owner", RECORD(0, REST, UINT32_MAX) },
        { "no record", 0 },
        { "all bits", UINT64_MAX },
    };
    unsigned char bytes[512];
    size_t len = 0;
    void *handle;
    CHECK_INT(FIRST, (uint32_t)peek64(place->dir, "neighbour-queue", AT_RING + RING_HEAD));
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        handle = spoilt(QUEUE, impossible[i].what, EMPTY, 8, impossible[i].prefix);
        CHECK_IS(MPROC_ECORRUPT, step(handle, GETS, SEC));
        stays_corrupt(place, QUEUE, handle);

        handle = spoilt(QUEUE, impossible[i].what, LAST, 8, impossible[i].prefix);
        for (int k = 0; k < 5; k++) {
            CHECK_OK(step(handle, GETS, 0));
        }
        CHECK_IS(MPROC_ECORRUPT, step(handle, GETS, SEC));
        stays_corrupt(place, QUEUE, handle);
    }
    handle = spoilt(QUEUE, "a message that swallows the next one", EMPTY, 8, MESSAGE(8 + 40));
    CHECK_OK(mproc_queue_get(handle, bytes, sizeof bytes, &len, 0, NULL));
    CHECK_INT(48, len); /* a wrong value */
    CHECK_OK(mproc_queue_get(handle, bytes, sizeof bytes, &len, 0, NULL));
    CHECK_INT(80, len);
    done(QUEUE, handle);

    handle = spoilt(QUEUE, "a message cut short", EMPTY + 8, 8, MESSAGE(1));
    CHECK_OK(step(handle, GETS, 0));
    CHECK_OK(step(handle, GETS, 0));
    CHECK_IS(MPROC_ECORRUPT, step(handle, GETS, 0)); /* what follows is no record */
    stays_corrupt(place, QUEUE, handle);
}

static void states(void)
{
    static const uint32_t closed[] = { MPROC_QUEUE_CLOSED, 3, 1u << 31, UINT32_MAX };
    static const uint32_t noise[] = { 1, 2, 0xfffffffe, UINT32_MAX };
    mproc_queue_info_t info;
    void *handle;
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
        handle = spoilt(QUEUE, "closed, or something beyond", AT_RING + RING_STATE, 4, closed[i]);
        CHECK_IS(MPROC_ECLOSED, step(handle, PUTS, SEC));
        CHECK_IS(MPROC_ECLOSED, step(handle, GETS, SEC));
        CHECK_OK(mproc_queue_info(handle, &info, sizeof info));
        CHECK_INT(MPROC_QUEUE_CLOSED, info.state);
        CHECK_OK(mproc_queue_shutdown(handle, 0));
        CHECK_IS(MPROC_ECLOSED, step(handle, GETS, SEC));
        done(QUEUE, handle);
    }
    handle = spoilt(QUEUE, "draining", AT_RING + RING_STATE, 4, MPROC_QUEUE_DRAINING);
    CHECK_IS(MPROC_ECLOSED, step(handle, PUTS, SEC));
    for (int i = 0; i < 6; i++) {
        CHECK_OK(step(handle, GETS, SEC));
    }
    CHECK_IS(MPROC_ECLOSED, step(handle, GETS, SEC));
    done(QUEUE, handle);
    /* Where sleepers announce themselves: noise costs a look or a wake-up. */
    for (size_t i = 0; i < 2 * sizeof noise / sizeof noise[0]; i++) {
        size_t at = i < sizeof noise / sizeof noise[0] ? AT_RING + RING_NOT_EMPTY : AT_RING + RING_NOT_FULL;
        uint32_t word = noise[i % (sizeof noise / sizeof noise[0])];
        handle = spoilt(QUEUE, "noise where sleepers announce themselves", at, 8, word | (uint64_t)word << 32);
        for (int k = 0; k < 6; k++) {
            CHECK_OK(step(handle, GETS, 0));
        }
        CHECK_IS(MPROC_ETIMEDOUT, step(handle, GETS, SHORT));
        CHECK_OK(step(handle, PUTS, 0));
        CHECK_OK(step(handle, GETS, SEC));
        done(QUEUE, handle);
    }
}

/* A sleeper whose announcement somebody wipes out looks around by itself before long. */
static void wiped_announcement(void)
{
    void *handle = spoilt(QUEUE, "a wiped announcement", AT_RING + RING_NOT_EMPTY, 8, 0);
    int status;
    pid_t pid;
    for (int i = 0; i < 6; i++) {
        CHECK_OK(step(handle, GETS, 0));
    }
    pid = proc_fork();
    if (pid == 0) {
        _exit(step(handle, GETS, 60 * SEC) == MPROC_OK ? 0 : 1);
    }
    while (peek32(place->dir, "victim", AT_RING + RING_NOT_EMPTY + 4) == 0) {
        proc_sleep_ns(MS);
    }
    poke64(place->dir, "victim", AT_RING + RING_NOT_EMPTY, 0);
    CHECK_OK(step(handle, PUTS, 0));
    CHECK(proc_wait(pid, 30 * SEC, &status) && status == 0);
    done(QUEUE, handle);
}

static void flips(void)
{
    static const uint64_t words[] = { 1, 2, UINT64_MAX, UINT64_C(1) << 63 };
    unsigned char bytes[STRUCT_SIZE], seen[STRUCT_SIZE];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        void *handle = spoilt(SNAPSHOT, "another flip", AT_FLIP, 8, words[i]);
        CHECK_OK(mproc_value_load(handle, seen, sizeof seen));
        memset(bytes, (int)i + 1, sizeof bytes);
        CHECK_OK(mproc_value_store(handle, bytes, sizeof bytes));
        CHECK_OK(mproc_value_load(handle, seen, sizeof seen));
        CHECK(!memcmp(bytes, seen, sizeof bytes));
        done(SNAPSHOT, handle);
    }
}

static void all_objects(void *argument)
{
    place = argument;
    for (int before = 0; before < 2; before++) {
        opened_before = before != 0;
        for (int kind = LOCK; kind <= STRUCTS; kind++) {
            user_lock(kind);
        }
        for (size_t i = 0; i < sizeof inner_locks / sizeof inner_locks[0]; i++) {
            inner_lock(&inner_locks[i]);
        }
        journal();
        poison();
        positions();
        records();
        states();
        wiped_announcement();
        flips();
    }
    place_check(place);
    CHECK(nobody_complained());
}

void part_objects(void)
{
    static struct place here;
    join_tally();
    place_make(&here, "objects");
    CHECK(watched(new_stage(), "objects", all_objects, &here, 300));
    place_end(&here);
}
