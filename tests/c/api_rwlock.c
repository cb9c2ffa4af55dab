/* The rwlock: readers together, writers alone and first, deaths of both, names. */
#include "api_test.h"

#include "check.h"
#include "place.h"

static enum place where; /* where everything is made */

static mproc_rwlock_t *new_rwlock(uint32_t flags) {
    mproc_rwlock_t *rwlock = NULL;
    mproc_rwlock_options_t options = MPROC_RWLOCK_OPTIONS_INIT;
    options.flags = flags;
    NEED_OK(mproc_rwlock_create(place_domain(where), NULL, &options, &rwlock));
    return rwlock;
}

static mproc_rwlock_info_t info_of(const mproc_rwlock_t *rwlock) {
    mproc_rwlock_info_t info;
    memset(&info, 0xAA, sizeof info);
    CHECK_OK(mproc_rwlock_info(rwlock, &info, sizeof info));
    CHECK_INT(0, info.reserved);
    return info;
}

static void check_holders(const mproc_rwlock_t *rwlock, uint32_t readers, uint32_t processes, int writing) {
    mproc_rwlock_info_t info = info_of(rwlock);
    CHECK_INT(readers, info.readers);
    CHECK_INT(processes, info.reading_processes);
    CHECK_INT(writing, info.writing);
    CHECK_INT(writing, info.writer.held);
}

/* Who waits to write without having the lock yet is in the picture. */
static int writer_waits(const mproc_rwlock_t *rwlock) {
    mproc_rwlock_info_t info = info_of(rwlock);
    return info.writer.held && !info.writing;
}

static void no_reading(const mproc_rwlock_t *rwlock) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_read_try(rwlock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_read_lock(rwlock, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_read_lock(rwlock, 2 * API_MS, NULL));
}

static void no_writing(const mproc_rwlock_t *rwlock) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_try(rwlock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_lock(rwlock, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_lock(rwlock, 2 * API_MS, NULL));
}

static void read_on_threads(void *argument) {
    mproc_rwlock_t *rwlock = (mproc_rwlock_t *)argument;
    CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
    check_holders(rwlock, 3, 1, 0);
    no_writing(rwlock);
    CHECK_OK(mproc_rwlock_read_try(rwlock)); /* left for another thread to release */
}

static void beside_readers(void *argument) {
    mproc_rwlock_t *rwlock = (mproc_rwlock_t *)argument;
    CHECK_IS(MPROC_EPERM, mproc_rwlock_read_unlock(rwlock)); /* a child does not hold its parent's */
    CHECK_IS(MPROC_EPERM, mproc_rwlock_write_unlock(rwlock));
    no_writing(rwlock);
    CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_read_lock(rwlock, 0, NULL));
    check_holders(rwlock, 4, 2, 0);
    CHECK_OK(mproc_rwlock_read_unlock(rwlock));
    CHECK_OK(mproc_rwlock_read_unlock(rwlock));
    CHECK_IS(MPROC_EPERM, mproc_rwlock_read_unlock(rwlock));
}

static void beside_a_writer(void *argument) {
    mproc_rwlock_t *rwlock = (mproc_rwlock_t *)argument;
    mproc_rwlock_info_t info = info_of(rwlock);
    CHECK_INT(1, info.writing);
    CHECK_INT(1, info.writer.held);
    CHECK_INT(1, info.writer.alive);
    CHECK_INT(0, info.writer.is_self);
    CHECK(info.writer.pid == getppid() || !place_is_memory(where));
    CHECK_IS(MPROC_EPERM, mproc_rwlock_write_unlock(rwlock));
    CHECK_IS(MPROC_EPERM, mproc_rwlock_read_unlock(rwlock));
    no_reading(rwlock);
    no_writing(rwlock);
}

static void write_unlock(void *rwlock) {
    CHECK_OK(mproc_rwlock_write_unlock((mproc_rwlock_t *)rwlock));
}

/* Readers together, a writer alone; both belong to the process. */
static void readers_and_writers(void) {
    mproc_rwlock_t *rwlock = new_rwlock(0);
    mproc_rwlock_info_t info;
    party_t other;
    int round;

    check_holders(rwlock, 0, 0, 0);
    CHECK_IS(MPROC_EPERM, mproc_rwlock_read_unlock(rwlock));
    CHECK_IS(MPROC_EPERM, mproc_rwlock_write_unlock(rwlock));
    for (round = 0; round < 3; round++) {
        CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
        check_holders(rwlock, 1, 1, 0);
        CHECK_IS(MPROC_EPERM, mproc_rwlock_write_unlock(rwlock)); /* for reading, that is */
        no_writing(rwlock);                                       /* it would wait for itself */
        CHECK_OK(mproc_rwlock_read_try(rwlock));
        check_holders(rwlock, 2, 1, 0);
        party_start(&other, 1, beside_readers, rwlock);
        party_join(&other);
        party_start(&other, 0, read_on_threads, rwlock);
        party_join(&other);
        check_holders(rwlock, 4, 1, 0);
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));
        no_writing(rwlock);
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));
        CHECK_IS(MPROC_EPERM, mproc_rwlock_read_unlock(rwlock));

        CHECK_OK(round == 0 ? mproc_rwlock_write_try(rwlock)
                            : mproc_rwlock_write_lock(rwlock, round == 1 ? 0 : MPROC_FOREVER, NULL));
        check_holders(rwlock, 0, 0, 1);
        info = info_of(rwlock);
        CHECK_INT(1, info.writer.is_self);
        CHECK(info.writer.pid == getpid() || !place_is_memory(where));
        CHECK_IS(MPROC_EPERM, mproc_rwlock_read_unlock(rwlock));
        no_reading(rwlock);
        no_writing(rwlock);
        party_start(&other, 1, beside_a_writer, rwlock);
        party_join(&other);
        party_start(&other, 0, write_unlock, rwlock); /* any thread of the process */
        party_join(&other);
        CHECK_IS(MPROC_EPERM, mproc_rwlock_write_unlock(rwlock));
        check_holders(rwlock, 0, 0, 0);
        info = info_of(rwlock);
        CHECK_INT(0, info.inconsistent);
        CHECK_INT(0, info.steals);
    }
    mproc_rwlock_close(rwlock);
}

/* Who comes in which order, in memory that processes share. */
typedef struct {
    mproc_rwlock_t *rwlock;
    mproc_cancel_t *cancel;
    int inside;      /* readers that have come in */
    int order;       /* how many have had the lock */
    int wrote_at;    /* and which of them was the writer */
    int64_t timeout; /* of a writer that gives up */
    int expected;    /* what it is told */
} turns_t;

static turns_t *new_turns(uint32_t flags) {
    turns_t *turns = (turns_t *)api_shared(sizeof *turns);
    turns->rwlock = new_rwlock(flags);
    turns->timeout = MPROC_FOREVER;
    return turns;
}

static void free_turns(turns_t *turns) {
    mproc_rwlock_close(turns->rwlock);
    munmap(turns, sizeof *turns);
}

static void write_once(void *argument) {
    turns_t *turns = (turns_t *)argument;
    CHECK_OK(mproc_rwlock_write_lock(turns->rwlock, MPROC_FOREVER, NULL));
    turns->wrote_at = __atomic_add_fetch(&turns->order, 1, __ATOMIC_SEQ_CST);
    CHECK_OK(mproc_rwlock_write_unlock(turns->rwlock));
}

static void give_up_writing(void *argument) {
    turns_t *turns = (turns_t *)argument;
    CHECK_IS(turns->expected, mproc_rwlock_write_lock(turns->rwlock, turns->timeout, turns->cancel));
}

enum { READERS = 3 };

/* Passes only when all readers are inside at the same time. */
static void read_together(void *argument) {
    turns_t *turns = (turns_t *)argument;
    CHECK_OK(mproc_rwlock_read_lock(turns->rwlock, MPROC_FOREVER, NULL));
    __atomic_add_fetch(&turns->order, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&turns->inside, 1, __ATOMIC_SEQ_CST);
    AWAIT(__atomic_load_n(&turns->inside, __ATOMIC_SEQ_CST) == READERS); /* it never goes down */
    CHECK_OK(mproc_rwlock_read_unlock(turns->rwlock));
}

static void read_once(void *argument) {
    turns_t *turns = (turns_t *)argument;
    CHECK_OK(mproc_rwlock_read_lock(turns->rwlock, MPROC_FOREVER, NULL));
    __atomic_add_fetch(&turns->order, 1, __ATOMIC_SEQ_CST);
    CHECK_OK(mproc_rwlock_read_unlock(turns->rwlock));
}

/* A writer that waits for readers keeps new ones out, and lets them in again when it gives up. */
static void waiting_writer(void) {
    int as_process, how;
    for (as_process = 0; as_process < 2; as_process++) {
        for (how = 0; how < 3; how++) { /* it gets the lock, times out, is canceled */
            turns_t *turns = new_turns(how == 1 ? MPROC_NO_SPIN : 0);
            mproc_rwlock_t *rwlock = turns->rwlock;
            mproc_rwlock_info_t info;
            party_t writer, reader;

            if (how == 2 && as_process) { /* a token belongs to one process */
                free_turns(turns);
                continue;
            }
            NEED_OK(mproc_cancel_create(&turns->cancel));
            CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
            turns->timeout = how == 1 ? 200 * API_MS : MPROC_FOREVER;
            turns->expected = how == 1 ? MPROC_ETIMEDOUT : MPROC_ECANCELED;
            party_start(&writer, as_process, how == 0 ? write_once : give_up_writing, turns);
            if (how != 1) { /* the time may be over before anybody looks */
                AWAIT(writer_waits(rwlock));
                info = info_of(rwlock);
                CHECK_INT(1, info.writer.alive);
                CHECK_INT(!as_process, info.writer.is_self);
                CHECK(info.writer.pid == (as_process ? writer.process : getpid()) || !place_is_memory(where));
                CHECK_INT(1, info.readers);
                no_reading(rwlock);
                no_writing(rwlock);
                AWAIT(writer_waits(rwlock)); /* still */
                no_reading(rwlock);
            }
            party_start(&reader, as_process, read_once, turns); /* behind the writer, most likely */
            if (how != 1) {
                party_await_sleep(&reader);
            }
            if (how == 0) {
                CHECK_OK(mproc_rwlock_read_unlock(rwlock));
            } else if (how == 2) {
                CHECK_OK(mproc_cancel_set(turns->cancel));
            }
            party_join(&writer);
            party_join(&reader); /* also where others still read, and nobody releases the lock */
            CHECK_INT(how == 0, turns->wrote_at != 0);
            CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL)); /* nobody is in the way any more */
            check_holders(rwlock, how == 0 ? 1 : 2, 1, 0);
            CHECK_OK(mproc_rwlock_read_unlock(rwlock));
            if (how != 0) {
                CHECK_OK(mproc_rwlock_read_unlock(rwlock));
            }
            CHECK_OK(mproc_rwlock_write_try(rwlock));
            CHECK_OK(mproc_rwlock_write_unlock(rwlock));
            mproc_cancel_close(turns->cancel);
            free_turns(turns);
        }
    }
}

/* One round: who gets the lock after it was released, a writer or readers, all of whom wait? */
static int writer_first(int as_process, int readers_first) {
    turns_t *turns = new_turns(0);
    party_t writer, readers[READERS];
    int i, first;

    CHECK_OK(mproc_rwlock_write_lock(turns->rwlock, MPROC_FOREVER, NULL));
    if (!readers_first) {
        party_start(&writer, as_process, write_once, turns);
        party_await_sleep(&writer);
    }
    for (i = 0; i < READERS; i++) {
        party_start(&readers[i], as_process, read_once, turns);
        party_await_sleep(&readers[i]);
    }
    if (readers_first) {
        party_start(&writer, as_process, write_once, turns);
        party_await_sleep(&writer);
    }
    CHECK_INT(0, turns->order);
    CHECK_OK(mproc_rwlock_write_unlock(turns->rwlock));
    party_join(&writer);
    for (i = 0; i < READERS; i++) {
        party_join(&readers[i]);
    }
    CHECK_INT(1 + READERS, turns->order);
    check_holders(turns->rwlock, 0, 0, 0);
    first = turns->wrote_at == 1;
    free_turns(turns);
    return first;
}

/*
 * Released after writing: the writer that waits goes first, whoever of them came first; then all readers. On a busy
 * machine one that is just awake, to see whether the holder lives, may come too late; hence the majority.
 */
static void writers_go_first(void) {
    enum { TURNS = 9 };
    int as_process, readers_first, turn;
    for (as_process = 0; as_process < 2; as_process++) {
        for (readers_first = 0; readers_first < 2; readers_first++) {
            int first = 0;
            for (turn = 0; turn < TURNS; turn++) {
                first += writer_first(as_process, readers_first);
            }
            CHECK(first > TURNS / 2);
        }
    }
}

/* Without another writer all readers that wait are let in. */
static void all_readers_enter(void) {
    int as_process;
    for (as_process = 0; as_process < 2; as_process++) {
        turns_t *turns = new_turns(0);
        party_t readers[READERS];
        int i;
        CHECK_OK(mproc_rwlock_write_lock(turns->rwlock, MPROC_FOREVER, NULL));
        for (i = 0; i < READERS; i++) {
            party_start(&readers[i], as_process, read_together, turns);
            party_await_sleep(&readers[i]);
        }
        CHECK_INT(0, turns->inside);
        CHECK_OK(mproc_rwlock_write_unlock(turns->rwlock));
        for (i = 0; i < READERS; i++) {
            party_join(&readers[i]);
        }
        CHECK_INT(READERS, turns->order);
        check_holders(turns->rwlock, 0, 0, 0);
        free_turns(turns);
    }
}

static void read_for_ever(void *argument) {
    mproc_rwlock_t *rwlock = (mproc_rwlock_t *)argument;
    CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
    for (;;) {
        pause();
    }
}

static void write_for_ever(void *argument) {
    CHECK_OK(mproc_rwlock_write_lock((mproc_rwlock_t *)argument, MPROC_FOREVER, NULL));
    for (;;) {
        pause();
    }
}

/* A reader that is killed is gone: for a writer that waits, and for one that comes later; and it is no news. */
static void reader_killed(void) {
    turns_t *turns = new_turns(0);
    party_t reader, writer;
    int as_process;

    for (as_process = 0; as_process < 2; as_process++) {
        party_start(&reader, 1, read_for_ever, turns->rwlock);
        AWAIT(info_of(turns->rwlock).readers == 2);
        party_start(&writer, as_process, write_once, turns);
        AWAIT(writer_waits(turns->rwlock));
        party_kill(&reader);
        party_join(&writer);
        CHECK_INT(0, info_of(turns->rwlock).inconsistent);
    }
    CHECK_INT(2, info_of(turns->rwlock).steals);
    party_start(&reader, 1, read_for_ever, turns->rwlock);
    AWAIT(info_of(turns->rwlock).readers == 2);
    party_kill(&reader);
    AWAIT(info_of(turns->rwlock).readers == 0 || place_is_memory(where));
    check_holders(turns->rwlock, 0, 0, 0); /* only of the living */
    CHECK_OK(mproc_rwlock_write_lock(turns->rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_write_unlock(turns->rwlock));

    CHECK_OK(mproc_rwlock_read_lock(turns->rwlock, MPROC_FOREVER, NULL)); /* one dead, one alive */
    party_start(&reader, 1, read_for_ever, turns->rwlock);
    AWAIT(info_of(turns->rwlock).readers == 3);
    party_kill(&reader);
    AWAIT(info_of(turns->rwlock).readers == 1 || place_is_memory(where));
    no_writing(turns->rwlock);
    check_holders(turns->rwlock, 1, 1, 0);
    CHECK_OK(mproc_rwlock_read_unlock(turns->rwlock));
    CHECK_OK(mproc_rwlock_write_lock(turns->rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_write_unlock(turns->rwlock));
    CHECK_INT(0, info_of(turns->rwlock).inconsistent);
    free_turns(turns);
}

/* A writer that is killed while it waits has written nothing, and keeps nobody out. */
static void waiting_writer_killed(void) {
    turns_t *turns = new_turns(0);
    mproc_rwlock_t *rwlock = turns->rwlock;
    party_t writer, reader;
    int as_process;

    for (as_process = 0; as_process < 2; as_process++) {
        CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
        party_start(&writer, 1, write_once, turns);
        AWAIT(writer_waits(rwlock));
        party_start(&reader, as_process, read_once, turns);
        party_await_sleep(&reader);
        party_kill(&writer);
        party_join(&reader);
        CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
        CHECK_INT(0, info_of(rwlock).inconsistent);
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));
    }
    CHECK_OK(mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_write_unlock(rwlock));
    CHECK_INT(0, turns->wrote_at);
    free_turns(turns);
}

static void read_recovered(void *argument) {
    mproc_rwlock_t *rwlock = (mproc_rwlock_t *)argument;
    CHECK_IS(MPROC_RECOVERED, mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_read_unlock(rwlock));
}

static void write_recovered(void *argument) {
    mproc_rwlock_t *rwlock = (mproc_rwlock_t *)argument;
    CHECK_IS(MPROC_RECOVERED, mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL));
    raise(SIGKILL); /* before it has released the lock */
}

/* A writer that dies inside is news for everybody, until a writer has released the lock. */
static void writer_killed(void) {
    mproc_rwlock_t *rwlock = new_rwlock(0);
    mproc_rwlock_info_t info;
    party_t writer, reader;
    int round, as_process;

    for (round = 0; round < 2; round++) {
        party_start(&writer, 1, write_for_ever, rwlock);
        AWAIT(info_of(rwlock).writing);
        as_process = round;
        party_start(&reader, as_process, read_recovered, rwlock); /* asleep when it happens */
        party_await_sleep(&reader);
        party_kill(&writer);
        party_join(&reader);
        info = info_of(rwlock);
        CHECK_INT(1, info.inconsistent);
        CHECK(info.steals > 0);
        check_holders(rwlock, 0, 0, 0);
        CHECK_IS(MPROC_RECOVERED, mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL)); /* readers change nothing */
        CHECK_IS(MPROC_RECOVERED, mproc_rwlock_read_lock(rwlock, 0, NULL));
        CHECK_IS(MPROC_RECOVERED, mproc_rwlock_read_try(rwlock));
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));
        no_writing(rwlock);
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));

        party_start(&writer, 1, write_recovered, rwlock); /* the one that was to repair it died as well */
        while (waitpid(writer.process, NULL, 0) < 0 && errno == EINTR) {
        }
        munmap((void *)writer.id, sizeof *writer.id);
        CHECK_IS(MPROC_RECOVERED, mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));
        if (round == 0) {
            CHECK_IS(MPROC_RECOVERED, mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL));
        } else {
            CHECK_IS(MPROC_RECOVERED, mproc_rwlock_write_try(rwlock));
        }
        CHECK_INT(1, info_of(rwlock).inconsistent);
        CHECK_OK(mproc_rwlock_write_unlock(rwlock)); /* repaired, as far as the lock can know */
        CHECK_INT(0, info_of(rwlock).inconsistent);
        CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_rwlock_read_unlock(rwlock));
        CHECK_OK(mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_rwlock_write_unlock(rwlock));
    }
    mproc_rwlock_close(rwlock);
}

/* Trying finds a dead holder as well, sooner or later. */
static void trying_after_a_death(void) {
    mproc_rwlock_t *rwlock = new_rwlock(0);
    party_t holder;
    int status = MPROC_ETIMEDOUT;

    party_start(&holder, 1, write_for_ever, rwlock);
    AWAIT(info_of(rwlock).writing);
    party_kill(&holder);
    AWAIT((status = mproc_rwlock_read_try(rwlock)) != MPROC_ETIMEDOUT);
    CHECK_IS(MPROC_RECOVERED, status);
    CHECK_OK(mproc_rwlock_read_unlock(rwlock));
    AWAIT((status = mproc_rwlock_write_try(rwlock)) != MPROC_ETIMEDOUT);
    CHECK_IS(MPROC_RECOVERED, status);
    CHECK_OK(mproc_rwlock_write_unlock(rwlock));
    party_start(&holder, 1, read_for_ever, rwlock);
    AWAIT(info_of(rwlock).readers == 2);
    party_kill(&holder);
    AWAIT((status = mproc_rwlock_write_try(rwlock)) != MPROC_ETIMEDOUT);
    CHECK_OK(status);
    CHECK_OK(mproc_rwlock_write_unlock(rwlock));
    mproc_rwlock_close(rwlock);
}

static void cannot_read(void *argument) {
    turns_t *turns = (turns_t *)argument;
    CHECK_IS(MPROC_ECANCELED, mproc_rwlock_read_lock(turns->rwlock, MPROC_FOREVER, turns->cancel));
    CHECK_IS(MPROC_ECANCELED, mproc_rwlock_read_lock(turns->rwlock, MPROC_FOREVER, turns->cancel));
}

static void canceled_reader(void) {
    turns_t *turns = new_turns(0);
    party_t reader;
    NEED_OK(mproc_cancel_create(&turns->cancel));
    CHECK_OK(mproc_rwlock_write_lock(turns->rwlock, MPROC_FOREVER, turns->cancel));
    party_start(&reader, 0, cannot_read, turns);
    party_await_sleep(&reader);
    CHECK_OK(mproc_cancel_set(turns->cancel));
    party_join(&reader);
    CHECK_OK(mproc_rwlock_write_unlock(turns->rwlock));
    CHECK_OK(mproc_rwlock_read_lock(turns->rwlock, MPROC_FOREVER, turns->cancel)); /* without waiting: still */
    CHECK_OK(mproc_rwlock_read_unlock(turns->rwlock));
    CHECK_OK(mproc_rwlock_write_lock(turns->rwlock, MPROC_FOREVER, turns->cancel));
    CHECK_OK(mproc_rwlock_write_unlock(turns->rwlock));
    mproc_cancel_close(turns->cancel);
    free_turns(turns);
}

typedef struct {
    mproc_rwlock_t *rwlock;
    volatile long *numbers; /* two, equal whenever nobody writes */
    int writes, rounds;
} user_t;

static void use(void *argument) {
    user_t *user = (user_t *)argument;
    int round, bad = 0;
    for (round = 0; round < user->rounds; round++) {
        if (user->writes) {
            bad += mproc_rwlock_write_lock(user->rwlock, MPROC_FOREVER, NULL) != MPROC_OK;
            user->numbers[0] = user->numbers[0] + 1;
            user->numbers[1] = user->numbers[1] + 1;
            bad += user->numbers[0] != user->numbers[1];
            bad += mproc_rwlock_write_unlock(user->rwlock) != MPROC_OK;
        } else {
            bad += mproc_rwlock_read_lock(user->rwlock, MPROC_FOREVER, NULL) != MPROC_OK;
            bad += user->numbers[0] != user->numbers[1];
            bad += mproc_rwlock_read_unlock(user->rwlock) != MPROC_OK;
        }
    }
    CHECK_INT(0, bad);
}

/* Threads and processes, readers and writers: nobody sees a write that is half done, and no write is lost. */
static void contended(void) {
    enum { WORKERS = 8 };
    user_t users[2];
    party_t workers[WORKERS];
    mproc_rwlock_t *rwlock = new_rwlock(0);
    volatile long *numbers = (volatile long *)api_shared(2 * sizeof *numbers);
    int i;

    for (i = 0; i < 2; i++) {
        users[i].rwlock = rwlock;
        users[i].numbers = numbers;
        users[i].writes = i;
        users[i].rounds = api_slow() ? 40 : place_rounds(where, 1000);
    }
    for (i = 0; i < WORKERS; i++) { /* of processes and of threads: two readers, two writers */
        party_start(&workers[i], i < WORKERS / 2, use, &users[i % 2]);
    }
    for (i = 0; i < WORKERS; i++) {
        party_join(&workers[i]);
    }
    CHECK_INT((long)WORKERS / 2 * users[1].rounds, numbers[0]);
    CHECK_INT(numbers[0], numbers[1]);
    check_holders(rwlock, 0, 0, 0);
    CHECK_INT(0, info_of(rwlock).inconsistent);
    CHECK_INT(0, info_of(rwlock).steals);
    munmap((void *)numbers, 2 * sizeof *numbers);
    mproc_rwlock_close(rwlock);
}

/* The number of read locks of one process has an end. */
static void too_many_readers(void) {
    enum { MOST = (1 << 24) - 1 };
    mproc_rwlock_t *rwlock;
    party_t other;
    long i;
    int bad = 0;

    if (api_slow()) {
        return;
    }
    rwlock = new_rwlock(0);
    for (i = 0; i < MOST && bad == 0; i++) {
        bad += mproc_rwlock_read_try(rwlock) != MPROC_OK;
    }
    CHECK_INT(0, bad);
    CHECK_IS(MPROC_EOVERFLOW, mproc_rwlock_read_try(rwlock));
    CHECK_IS(MPROC_EOVERFLOW, mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
    check_holders(rwlock, MOST, 1, 0);
    CHECK_OK(mproc_rwlock_read_unlock(rwlock));
    CHECK_OK(mproc_rwlock_read_try(rwlock));
    for (i = 0; i < MOST - 2; i++) {
        bad += mproc_rwlock_read_unlock(rwlock) != MPROC_OK;
    }
    CHECK_INT(0, bad);
    party_start(&other, 1, beside_readers, rwlock); /* which counts on two */
    party_join(&other);
    CHECK_OK(mproc_rwlock_read_unlock(rwlock));
    CHECK_OK(mproc_rwlock_read_unlock(rwlock));
    CHECK_OK(mproc_rwlock_write_try(rwlock));
    CHECK_OK(mproc_rwlock_write_unlock(rwlock));
    mproc_rwlock_close(rwlock);
}

static void by_name(void) {
    mproc_rwlock_options_t options = MPROC_RWLOCK_OPTIONS_INIT;
    mproc_rwlock_t *rwlock = NULL, *again = NULL, *none = NULL;
    mproc_rlock_t *rlock = NULL;

    CHECK_IS(MPROC_ENOENT, mproc_rwlock_open(place_domain(where), "an-rwlock", NULL, &none));
    CHECK_OK(mproc_rwlock_create(place_domain(where), "an-rwlock", NULL, &rwlock));
    CHECK_IS(MPROC_EEXIST, mproc_rwlock_create(place_domain(where), "an-rwlock", NULL, &none));
    options.flags = MPROC_EXIST_OK | MPROC_NO_SPIN;
    CHECK_IS(MPROC_EXISTED, mproc_rwlock_create(place_domain(where), "an-rwlock", &options, &again));
    CHECK_IS(MPROC_EKIND, mproc_rlock_open(place_domain(where), "an-rwlock", NULL, &rlock));
    CHECK(none == NULL && rlock == NULL);
    CHECK_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
    check_holders(again, 1, 1, 0);
    mproc_rwlock_close(rwlock); /* ends the handle, not the holding */
    no_writing(again);
    CHECK_OK(mproc_rwlock_read_unlock(again));
    CHECK_OK(mproc_rwlock_write_try(again));
    CHECK_OK(mproc_rwlock_write_unlock(again));
    mproc_rwlock_close(again);
    place_forget(where, "an-rwlock");
}

static void no_token(void *argument) {
    uint64_t token = 4711;
    CHECK_IS(MPROC_EPERM, mproc_rwlock_token((mproc_rwlock_t *)argument, &token));
    CHECK(token == 4711);
}

/* A fencing token is greater than all before it; only who writes gets one. */
static void fencing(void) {
    mproc_rwlock_t *rwlock = new_rwlock(0);
    uint64_t token = 0, seen = 0;
    party_t other;
    int round;

    CHECK_IS(MPROC_EINVAL, mproc_rwlock_token(NULL, &token));
    CHECK_IS(MPROC_EINVAL, mproc_rwlock_token(rwlock, NULL));
    no_token(rwlock);
    CHECK_OK(mproc_rwlock_read_try(rwlock));
    no_token(rwlock);
    CHECK_OK(mproc_rwlock_read_unlock(rwlock));
    for (round = 0; round < 3; round++) {
        CHECK_OK(mproc_rwlock_write_try(rwlock));
        CHECK_OK(mproc_rwlock_token(rwlock, &token));
        CHECK(token > seen);
        seen = token;
        CHECK_OK(mproc_rwlock_token(rwlock, &token));
        CHECK(token > seen);
        seen = token;
        party_start(&other, 1, no_token, rwlock);
        party_join(&other);
        CHECK_OK(mproc_rwlock_write_unlock(rwlock));
        no_token(rwlock);
    }
    mproc_rwlock_close(rwlock);
}

/* Not who has taken the word, but still waits for readers. */
static void no_token_for_who_waits(void) {
    turns_t *turns = new_turns(0);
    party_t writer;

    CHECK_OK(mproc_rwlock_read_lock(turns->rwlock, MPROC_FOREVER, NULL));
    party_start(&writer, 0, write_once, turns);
    AWAIT(writer_waits(turns->rwlock));
    no_token(turns->rwlock);
    CHECK_OK(mproc_rwlock_read_unlock(turns->rwlock));
    party_join(&writer);
    free_turns(turns);
}

typedef struct {
    mproc_domain_t *domain;
    mproc_rwlock_t *rwlock;
    int write;
    check_gate_t *left, *seen;
} leaver_t;

static void hold_and_leave_domain(void *argument) {
    leaver_t *l = (leaver_t *)argument;
    CHECK_OK(l->write ? mproc_rwlock_write_lock(l->rwlock, MPROC_FOREVER, NULL)
                      : mproc_rwlock_read_lock(l->rwlock, MPROC_FOREVER, NULL));
    mproc_rwlock_close(l->rwlock);
    mproc_domain_close(l->domain); /* that was the last one: this process is not in the domain any more */
    check_gate_open(l->left);
    check_gate_wait(l->seen);
}

/* Closing the last handle in a domain is leaving it, and that is as dying. */
static void leaving_the_domain(void) {
    leaver_t l;
    memset(&l, 0, sizeof l);
    for (l.write = 0; l.write < 2; l.write++) {
        mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
        party_t other;
        options.flags = MPROC_DOMAIN_ANONYMOUS;
        l.left = check_gate();
        l.seen = check_gate();
        NEED_OK(mproc_domain_open(&options, &l.domain));
        NEED_OK(mproc_rwlock_create(l.domain, NULL, NULL, &l.rwlock));
        party_start(&other, 1, hold_and_leave_domain, &l);
        check_gate_wait(l.left);
        CHECK_IS(l.write ? MPROC_RECOVERED : MPROC_OK, mproc_rwlock_write_lock(l.rwlock, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_rwlock_write_unlock(l.rwlock));
        check_gate_open(l.seen);
        party_join(&other);
        mproc_rwlock_close(l.rwlock);
        mproc_domain_close(l.domain);
        check_gate_free(l.left);
        check_gate_free(l.seen);
    }
}

void api_rwlock(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        readers_and_writers();
        waiting_writer();
        all_readers_enter();
        reader_killed();
        waiting_writer_killed();
        writer_killed();
        trying_after_a_death();
        canceled_reader();
        contended();
        by_name();
        fencing();
        no_token_for_who_waits();
        if (place_is_memory(where)) { /* many millions of steps; or one must know who sleeps */
            writers_go_first();
            too_many_readers();
        }
        check_watchdog();
    }
    leaving_the_domain();
}
