/*
 * Rlock, rwlock, semaphore, condition, event and barrier: owners that cannot be, counts at their bounds and beyond,
 * tables full of nobody's entries, tickets and places in impossible states, announcements that somebody wipes out.
 */
#include "hostile_family.h"

#define LONG (HANG / 2) /* what should end at once; however busy the machine is */

static struct place *place;
static bool opened_before; /* the damage */

/* --- owners ------------------------------------------------------------------------------------------------------ */

struct owner {
    const char *what;
    uint32_t word;
};

/* Owners that cannot be alive; the first is one who was. */
enum { GONE = 7 };

static void gone_owners(struct owner *list)
{
    const struct owner all[GONE] = {
        { "a dead process", atomic_load(&place->cast->dead) },
        { "a generation that never was", 1022 | 5 << 10 },
        { "a slot out of range", 1023 },
        { "a slot far out of range, of some generation", 1023 | 77 << 10 },
        { "a generation without a slot", 7 << 10 },
        { "all bits but one", ~WAITING },
        { "all bits", UINT32_MAX },
    };
    memcpy(list, all, sizeof all);
}

static size_t slot_of(uint32_t word)
{
    return (word & 1023) - 1;
}

static uint64_t entry_of(uint32_t word, uint64_t count)
{
    return HELD_ENTRY(word >> 10, count);
}

static size_t at_entry(size_t table, size_t slot)
{
    return table + 8 * entry_of_slot(slot);
}

/* The three that matter, and their words. */
static uint32_t self_word(void)
{
    return own_word(place->domain);
}

static uint32_t living_word(void)
{
    return atomic_load(&place->cast->living);
}

static uint32_t dead_word(void)
{
    return atomic_load(&place->cast->dead);
}

static void *spoilt(int kind, const char *what, const struct word *words, size_t count)
{
    return spoil(place, kind, opened_before, what, words, count);
}

static void *spoilt1(int kind, const char *what, size_t at, int width, uint64_t value)
{
    const struct word word = { at, width, value };
    return spoilt(kind, what, &word, 1);
}

static void done(int kind, void *handle)
{
    spoilt_done(kind, handle);
}

/* A table full of the same word, or of a different one in each place, written to the file under the handle. */
static void fill(size_t at, size_t count, uint64_t (*value)(size_t index))
{
    static uint64_t words[1024];
    for (size_t i = 0; i < count; i++) {
        words[i] = value(i);
    }
    poke(place->dir, "victim", at, words, count * 8);
}

/* A child that does something which has to end by itself. */
static pid_t child(int (*work)(void *handle), void *handle)
{
    pid_t pid = proc_fork();
    if (pid == 0) {
        _exit(work(handle));
    }
    return pid;
}

static void child_ends(pid_t pid, int code, const char *file, int line)
{
    int status = -1;
    bool ended = proc_wait(pid, HANG, &status);
    check_that(ended, file, line, "the child ends");
    if (!ended) {
        proc_kill(pid);
    } else {
        check_long(code, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), file, line, "what it ends with");
    }
}
#define CHILD_ENDS(pid, code) child_ends(pid, code, __FILE__, __LINE__)

/* --- the rlock, and the own one of a condition ------------------------------------------------------------------- */

static int lock_of(int kind, void *handle, int64_t timeout)
{
    return kind == RLOCK ? mproc_rlock_lock(handle, timeout, NULL)
                         : mproc_condition_lock(((struct waiting_room *)handle)->condition, timeout, NULL);
}

static int unlock_of(int kind, void *handle)
{
    return kind == RLOCK ? mproc_rlock_unlock(handle)
                         : mproc_condition_unlock(((struct waiting_room *)handle)->condition);
}

static int lock_as_of(int kind, void *handle, uint64_t token, int64_t timeout)
{
    return kind == RLOCK ? mproc_rlock_lock_as(handle, token, timeout, NULL)
                         : mproc_condition_lock_as(((struct waiting_room *)handle)->condition, token, timeout, NULL);
}

static int unlock_as_of(int kind, void *handle, uint64_t token)
{
    return kind == RLOCK ? mproc_rlock_unlock_as(handle, token)
                         : mproc_condition_unlock_as(((struct waiting_room *)handle)->condition, token);
}

/* Taken, taken again, released as often, and free for another owner. */
static void works_as_new(int kind, void *handle)
{
    CHECK_OK(lock_of(kind, handle, LONG));
    CHECK_OK(lock_of(kind, handle, 0));
    CHECK_IS(MPROC_ETIMEDOUT, lock_as_of(kind, handle, 5, 0));
    CHECK_OK(unlock_of(kind, handle));
    CHECK_IS(MPROC_ETIMEDOUT, lock_as_of(kind, handle, 5, SHORT));
    CHECK_OK(unlock_of(kind, handle));
    CHECK_IS(MPROC_EPERM, unlock_of(kind, handle));
    CHECK_OK(lock_as_of(kind, handle, 5, 0));
    CHECK_OK(unlock_as_of(kind, handle, 5));
}

enum { TOKEN = 77 };

static void recursive(int kind)
{
    static const uint32_t counts[] = { 0, 1, 2, 0x7fffffff, 0x80000000, UINT32_MAX };
    static const uint64_t tokens[] = { 0, TOKEN, UINT64_C(1) << 63, UINT64_MAX };
    enum { COUNTS = sizeof counts / sizeof counts[0], TOKENS = sizeof tokens / sizeof tokens[0] };
    struct owner gone[GONE];
    gone_owners(gone);
    for (int c = 0; c < COUNTS; c++) {
        for (int t = 0; t < TOKENS; t++) {
            struct word words[] = { { AT_USER_LOCK, 4, 0 },
                                    { AT_LEVELS, 4, counts[c] },
                                    { AT_TOKEN, 8, tokens[t] },
                                    { AT_TOKEN_OWNER, 4, self_word() } };
            void *handle = spoilt(kind, "free, but somebody's levels and token", words, 4);
            mproc_rlock_info_t info;
            works_as_new(kind, handle);
            done(kind, handle);

            words[0].value = gone[(c + t) % GONE].word; /* all of them, in the course of it */
            handle = spoilt(kind, gone[(c + t) % GONE].what, words, 4);
            CHECK_IS(MPROC_RECOVERED, lock_of(kind, handle, LONG));
            CHECK_IS(MPROC_ETIMEDOUT, lock_as_of(kind, handle, 5, 0));
            CHECK_OK(unlock_of(kind, handle)); /* the dead owner's levels are gone */
            works_as_new(kind, handle);
            done(kind, handle);

            words[0].value = living_word();
            handle = spoilt(kind, "its owner lives", words, 4);
            CHECK_IS(MPROC_ETIMEDOUT, lock_of(kind, handle, 20 * MS));
            CHECK_IS(MPROC_ETIMEDOUT, lock_as_of(kind, handle, TOKEN, SHORT));
            CHECK_IS(MPROC_EPERM, unlock_of(kind, handle));
            CHECK_IS(MPROC_EPERM, unlock_as_of(kind, handle, TOKEN));
            if (kind == RLOCK) {
                CHECK_OK(mproc_rlock_info(handle, &info, sizeof info));
                CHECK(info.owner.held == 1 && info.owner.alive == 1 && info.owner.is_self == 0);
            }
            done(kind, handle);

            words[0].value = self_word();
            words[3].value = dead_word(); /* whose the token was */
            handle = spoilt(kind, "this process has just taken it from somebody dead", words, 4);
            CHECK_IS(MPROC_ETIMEDOUT, lock_as_of(kind, handle, TOKEN, SHORT)); /* another of its threads */
            CHECK_IS(MPROC_EPERM, unlock_as_of(kind, handle, TOKEN));
            done(kind, handle);

            words[3].value = self_word();
            handle = spoilt(kind, "its owner is this process", words, 4);
            CHECK_IS(MPROC_ETIMEDOUT, lock_of(kind, handle, SHORT)); /* but not this thread */
            CHECK_IS(MPROC_EPERM, unlock_of(kind, handle));
            if (tokens[t] == TOKEN) {
                int status = lock_as_of(kind, handle, TOKEN, SHORT);
                CHECK_IS(counts[c] > 0x7fffffff ? MPROC_EOVERFLOW : MPROC_OK, status);
                CHECK_OK(unlock_as_of(kind, handle, TOKEN));
                if (counts[c] == 2) {
                    CHECK_OK(unlock_as_of(kind, handle, TOKEN));
                    CHECK_OK(unlock_as_of(kind, handle, TOKEN));
                    CHECK_IS(MPROC_EPERM, unlock_as_of(kind, handle, TOKEN));
                    works_as_new(kind, handle);
                }
            } else {
                CHECK_IS(MPROC_ETIMEDOUT, lock_as_of(kind, handle, TOKEN, SHORT));
                CHECK_IS(MPROC_EPERM, unlock_as_of(kind, handle, TOKEN));
            }
            done(kind, handle);
        }
    }
    void *handle = spoilt1(kind, "only sleepers", AT_USER_LOCK, 4, WAITING);
    works_as_new(kind, handle);
    done(kind, handle);
}

/* --- the rwlock -------------------------------------------------------------------------------------------------- */

static mproc_rwlock_info_t rwlock_info(void *handle)
{
    mproc_rwlock_info_t info;
    memset(&info, 0xEE, sizeof info);
    CHECK_OK(mproc_rwlock_info(handle, &info, sizeof info));
    return info;
}

static void rwlock_works(void *handle)
{
    CHECK_OK(mproc_rwlock_write_lock(handle, LONG, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_read_try(handle));
    CHECK_INT(1, rwlock_info(handle).writing);
    CHECK_OK(mproc_rwlock_write_unlock(handle));
    CHECK_OK(mproc_rwlock_read_lock(handle, LONG, NULL));
    CHECK_OK(mproc_rwlock_read_lock(handle, LONG, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_lock(handle, SHORT, NULL));
    CHECK_INT(2, rwlock_info(handle).readers);
    CHECK_OK(mproc_rwlock_read_unlock(handle));
    CHECK_OK(mproc_rwlock_read_unlock(handle));
    CHECK_IS(MPROC_EPERM, mproc_rwlock_read_unlock(handle));
    CHECK_IS(MPROC_EPERM, mproc_rwlock_write_unlock(handle));
}

static void writers(void)
{
    struct owner gone[GONE];
    void *handle;
    gone_owners(gone);
    for (int i = 0; i < 4 * GONE; i++) {
        bool inside = i / GONE % 2 != 0, sleepers = i / GONE / 2 != 0;
        const struct word words[] = { { AT_WRITER, 4, gone[i % GONE].word | (sleepers ? WAITING : 0) },
                                      { AT_INSIDE, 4, inside } };
        for (int write = 0; write < 2; write++) {
            handle = spoilt(RWLOCK, gone[i % GONE].what, words, 2);
            CHECK_INT(inside, rwlock_info(handle).inconsistent);
            CHECK_INT(0, rwlock_info(handle).writer.alive);
            CHECK_IS(MPROC_EPERM, mproc_rwlock_write_unlock(handle));
            if (write) {
                CHECK_IS(inside ? MPROC_RECOVERED : MPROC_OK, mproc_rwlock_write_lock(handle, LONG, NULL));
                CHECK_OK(mproc_rwlock_write_unlock(handle));
                rwlock_works(handle);
            } else {
                CHECK_IS(inside ? MPROC_RECOVERED : MPROC_OK, mproc_rwlock_read_lock(handle, LONG, NULL));
                CHECK_OK(mproc_rwlock_read_unlock(handle));
                CHECK_INT(1, rwlock_info(handle).steals);
            }
            done(RWLOCK, handle);
        }
    }
    for (int i = 0; i < 8; i++) {
        bool self = i % 2 != 0, inside = i / 2 % 2 != 0, sleepers = i / 4 != 0;
        const struct word words[] = { { AT_WRITER, 4, (self ? self_word() : living_word()) | (sleepers ? WAITING : 0) },
                                      { AT_INSIDE, 4, inside } };
        handle = spoilt(RWLOCK, self ? "this process writes" : "somebody alive writes", words, 2);
        CHECK_INT(1, rwlock_info(handle).writer.alive);
        CHECK_INT(self, rwlock_info(handle).writer.is_self);
        CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_read_lock(handle, 20 * MS, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_lock(handle, 20 * MS, NULL));
        CHECK_IS(self && inside ? MPROC_OK : MPROC_EPERM, mproc_rwlock_write_unlock(handle));
        if (self && inside) {
            rwlock_works(handle);
        }
        done(RWLOCK, handle);
    }
    for (int write = 0; write < 2; write++) {
        handle = spoilt1(RWLOCK, "kept for a writer that does not come", AT_WRITER, 4, WAITING);
        CHECK_INT(0, rwlock_info(handle).writer.held);
        CHECK_OK(write ? mproc_rwlock_write_lock(handle, LONG, NULL) : mproc_rwlock_read_lock(handle, LONG, NULL));
        CHECK_OK(write ? mproc_rwlock_write_unlock(handle) : mproc_rwlock_read_unlock(handle));
        rwlock_works(handle);
        done(RWLOCK, handle);
    }
    static const uint32_t noise[] = { 1, 2, WAITING, UINT32_MAX };
    for (size_t i = 0; i < sizeof noise / sizeof noise[0]; i++) {
        handle = spoilt1(RWLOCK, "a writer has died inside", AT_INSIDE, 4, noise[i]);
        CHECK_IS(MPROC_RECOVERED, mproc_rwlock_read_lock(handle, LONG, NULL));
        CHECK_OK(mproc_rwlock_read_unlock(handle));
        CHECK_IS(MPROC_RECOVERED, mproc_rwlock_write_lock(handle, LONG, NULL));
        CHECK_OK(mproc_rwlock_write_unlock(handle));
        rwlock_works(handle);
        done(RWLOCK, handle);
        for (size_t at = AT_GATE; at <= AT_DRAINED; at += AT_DRAINED - AT_GATE) {
            handle = spoilt1(RWLOCK, "noise where sleepers announce themselves", at, 8,
                             noise[i] | (uint64_t)noise[i] << 32);
            rwlock_works(handle);
            done(RWLOCK, handle);
        }
    }
}

static uint64_t never_generation(size_t index)
{
    return HELD_ENTRY(GENERATION_BITS - index, index % 2 ? MOST_COUNTED : 1);
}

static uint64_t first_generation(size_t index)
{
    (void)index;
    return HELD_ENTRY(0, 7);
}

static uint64_t all_bits(size_t index)
{
    (void)index;
    return UINT64_MAX;
}

static uint64_t (*const garbage[])(size_t) = { never_generation, first_generation, all_bits };
enum { GARBAGE = sizeof garbage / sizeof garbage[0] };

/* Where writers look for readers: nowhere, or everywhere, also where no slot is. */
static void look_everywhere(uint32_t groups, uint64_t seen)
{
    poke32(place->dir, "victim", AT_GROUPS, groups);
    for (size_t i = 0; i < SEEN_WORDS; i++) {
        poke64(place->dir, "victim", AT_SEEN + 8 * i, seen);
    }
}

static void readers(void)
{
    static const struct {
        uint32_t groups;
        uint64_t seen;
    } looks[] = {
        { 0, 0 }, { 0, UINT64_MAX }, { UINT32_MAX, 0 }, { 0xffff0000, UINT64_MAX }, { 0xffff, UINT64_MAX },
        { UINT32_MAX, UINT64_MAX },
    };
    const uint32_t self = self_word(), living = living_word(), dead = dead_word();
    void *handle = spoilt1(RWLOCK, "nothing", AT_GROUPS, 4, 0);
    CHECK_OK(mproc_rwlock_read_lock(handle, LONG, NULL));
    CHECK_INT(entry_of(self, 1), peek64(place->dir, "victim", at_entry(AT_READERS, slot_of(self)))); /* is it there? */
    CHECK_OK(mproc_rwlock_read_unlock(handle));
    done(RWLOCK, handle);
    for (int i = 0; i < GARBAGE; i++) {
        handle = spoilt1(RWLOCK, "everybody reads who never was", AT_GROUPS, 4, 0);
        look_everywhere(UINT32_MAX, UINT64_MAX);
        fill(AT_READERS, ENTRIES, garbage[i]);
        CHECK_INT(0, rwlock_info(handle).readers);
        CHECK_INT(0, rwlock_info(handle).reading_processes);
        CHECK_IS(MPROC_EPERM, mproc_rwlock_read_unlock(handle));
        CHECK_OK(mproc_rwlock_read_lock(handle, LONG, NULL));
        CHECK_INT(1, rwlock_info(handle).readers);
        CHECK_OK(mproc_rwlock_read_unlock(handle));
        CHECK_OK(mproc_rwlock_write_lock(handle, LONG, NULL));
        CHECK_OK(mproc_rwlock_write_unlock(handle));
        CHECK(rwlock_info(handle).steals >= SLOTS - 1); /* this process's own place was taken over */
        rwlock_works(handle);
        done(RWLOCK, handle);
    }
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        handle = spoilt1(RWLOCK, "somebody alive reads", at_entry(AT_READERS, slot_of(living)), 8, entry_of(living, 5));
        look_everywhere(looks[i].groups, looks[i].seen);
        CHECK_INT(5, rwlock_info(handle).readers);
        if ((looks[i].groups & 0xffff) && looks[i].seen) {
            CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_lock(handle, 20 * MS, NULL));
        } else { /* overlooked: a wrong value */
            CHECK_OK(mproc_rwlock_write_lock(handle, LONG, NULL));
            CHECK_OK(mproc_rwlock_write_unlock(handle));
        }
        CHECK_OK(mproc_rwlock_read_lock(handle, LONG, NULL));
        CHECK_INT(6, rwlock_info(handle).readers);
        CHECK_INT(2, rwlock_info(handle).reading_processes);
        CHECK_OK(mproc_rwlock_read_unlock(handle));
        done(RWLOCK, handle);

        handle = spoilt1(RWLOCK, "a dead process reads", at_entry(AT_READERS, slot_of(dead)), 8,
                         entry_of(dead, MOST_COUNTED));
        look_everywhere(looks[i].groups, looks[i].seen);
        CHECK_INT(0, rwlock_info(handle).readers);
        rwlock_works(handle);
        done(RWLOCK, handle);
    }
    for (uint64_t count = MOST_COUNTED - 1; count <= MOST_COUNTED; count++) {
        handle = spoilt1(RWLOCK, "this process reads as often as can be counted",
                         at_entry(AT_READERS, slot_of(self)), 8, entry_of(self, count));
        look_everywhere(0xffff, UINT64_MAX);
        if (count < MOST_COUNTED) {
            CHECK_OK(mproc_rwlock_read_lock(handle, 0, NULL));
        }
        CHECK_IS(MPROC_EOVERFLOW, mproc_rwlock_read_lock(handle, LONG, NULL));
        CHECK_INT(MOST_COUNTED, rwlock_info(handle).readers);
        CHECK_OK(mproc_rwlock_read_unlock(handle));
        CHECK_OK(mproc_rwlock_read_lock(handle, 0, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_lock(handle, 20 * MS, NULL));
        done(RWLOCK, handle);
    }
}

static int waits_to_read(void *handle)
{
    return mproc_rwlock_read_lock(handle, HANG, NULL) == MPROC_OK ? 0 : 1;
}

static int waits_to_write(void *handle)
{
    return mproc_rwlock_write_lock(handle, HANG, NULL) == MPROC_OK ? 0 : 1;
}

/* Whoever was in the way is suddenly not there any more, without a word. */
static void silent_leave(void)
{
    const size_t entry = at_entry(AT_READERS, slot_of(living_word()));
    void *handle = spoilt1(RWLOCK, "a reader who vanishes", entry, 8, entry_of(living_word(), 2));
    int64_t end = proc_now() + HANG;
    pid_t waiting;
    look_everywhere(0xffff, UINT64_MAX);
    waiting = child(waits_to_write, handle);
    while (peek32(place->dir, "victim", AT_DRAINED + 4) == 0 && proc_now() < end) {
        proc_sleep_ns(MS);
    }
    poke64(place->dir, "victim", entry, 0);
    CHILD_ENDS(waiting, 0);
    CHECK_IS(MPROC_RECOVERED, mproc_rwlock_read_lock(handle, LONG, NULL)); /* it did not release it */
    CHECK_OK(mproc_rwlock_read_unlock(handle));
    done(RWLOCK, handle);

    handle = spoilt1(RWLOCK, "a writer who vanishes", AT_WRITER, 4, living_word());
    waiting = child(waits_to_read, handle);
    for (end = proc_now() + HANG; peek32(place->dir, "victim", AT_GATE + 4) == 0 && proc_now() < end;) {
        proc_sleep_ns(MS);
    }
    poke32(place->dir, "victim", AT_WRITER, 0);
    CHILD_ENDS(waiting, 0);
    rwlock_works(handle);
    done(RWLOCK, handle);
}

/* --- the semaphores ---------------------------------------------------------------------------------------------- */

static mproc_semaphore_info_t semaphore_info(void *handle)
{
    mproc_semaphore_info_t info;
    memset(&info, 0xEE, sizeof info);
    CHECK_OK(mproc_semaphore_info(handle, &info, sizeof info));
    return info;
}

static void semaphores(void)
{
    static const uint32_t values[] = { 0, 1, PERMIT_COUNT, MPROC_SEMAPHORE_MAX - 1, MPROC_SEMAPHORE_MAX };
    static const uint32_t beyond[] = { MPROC_SEMAPHORE_MAX + 1u, MPROC_SEMAPHORE_MAX + 2u, UINT32_MAX - 1, UINT32_MAX };
    static const uint32_t noise[] = { 1, 2, 0xfffffffe, UINT32_MAX };
    void *handle;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint32_t value = values[i], room = MPROC_SEMAPHORE_MAX - value;
        handle = spoilt1(SEMAPHORE, "another value", AT_VALUE, 4, value);
        CHECK_INT(value, semaphore_info(handle).value);
        CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(handle, room + 1));
        CHECK_OK(mproc_semaphore_release(handle, room));
        CHECK_INT(MPROC_SEMAPHORE_MAX, semaphore_info(handle).value);
        CHECK_OK(mproc_semaphore_acquire(handle, 0, NULL));
        done(SEMAPHORE, handle);
        if (value == 0) {
            handle = spoilt1(SEMAPHORE, "no value", AT_VALUE, 4, value);
            CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_try(handle));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_acquire(handle, SHORT, NULL));
            CHECK_OK(mproc_semaphore_release(handle, 1));
            CHECK_OK(mproc_semaphore_acquire(handle, LONG, NULL));
            done(SEMAPHORE, handle);
        }
    }
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        handle = spoilt1(SEMAPHORE, "more than there can be", AT_VALUE, 4, beyond[i]);
        CHECK(semaphore_info(handle).value <= MPROC_SEMAPHORE_MAX);
        CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(handle, 1));
        CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(handle, UINT32_MAX));
        CHECK_OK(mproc_semaphore_acquire(handle, LONG, NULL));
        done(SEMAPHORE, handle);
    }
    for (size_t i = 0; i < sizeof noise / sizeof noise[0]; i++) {
        const struct word words[] = { { AT_VALUE, 4, 0 },
                                      { AT_PERMITS_EVENT, 8, noise[i] | (uint64_t)noise[i] << 32 } };
        handle = spoilt(SEMAPHORE, "noise where sleepers announce themselves", words, 2);
        CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_acquire(handle, SHORT, NULL));
        CHECK_OK(mproc_semaphore_release(handle, 2));
        CHECK_OK(mproc_semaphore_acquire(handle, LONG, NULL));
        CHECK_OK(mproc_semaphore_acquire(handle, LONG, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_acquire(handle, SHORT, NULL));
        done(SEMAPHORE, handle);
    }
}

/* --- the event --------------------------------------------------------------------------------------------------- */

static int is_set(void *handle)
{
    int set = 77;
    CHECK_OK(mproc_event_is_set(handle, &set));
    return set;
}

static int waits_for_event(void *handle)
{
    return mproc_event_wait(handle, HANG, NULL) == MPROC_OK ? 0 : 1;
}

static void events(void)
{
    static const uint32_t words[] = { 0, 1, 2, 3, 4, 0x7ffffffe, 0x80000000, 0xfffffffc, 0xfffffffe, UINT32_MAX };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        void *handle = spoilt1(EVENT, "any word", AT_EVENT, 4, words[i]);
        pid_t waiting;
        CHECK_INT(words[i] & 1, is_set(handle));
        CHECK_IS(words[i] & 1 ? MPROC_OK : MPROC_ETIMEDOUT, mproc_event_wait(handle, SHORT, NULL));
        CHECK_OK(mproc_event_set(handle));
        CHECK_INT(1, is_set(handle));
        CHECK_OK(mproc_event_wait(handle, LONG, NULL));
        CHECK_OK(mproc_event_clear(handle));
        CHECK_INT(0, is_set(handle));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_event_wait(handle, 0, NULL));
        poke32(place->dir, "victim", AT_EVENT, words[i] & ~3u);
        /* Somebody waits while the word goes back to what it was: that is no news, but to be set is. */
        waiting = child(waits_for_event, handle);
        while ((peek32(place->dir, "victim", AT_EVENT) & 2) == 0) {
            proc_sleep_ns(MS);
        }
        poke32(place->dir, "victim", AT_EVENT, peek32(place->dir, "victim", AT_EVENT) & ~2u);
        CHECK_OK(mproc_event_set(handle)); /* wakes nobody */
        CHECK_OK(mproc_event_clear(handle));
        CHILD_ENDS(waiting, 0);
        done(EVENT, handle);
    }
}

/* --- the condition ----------------------------------------------------------------------------------------------- */

static mproc_condition_t *condition_of(void *handle)
{
    return ((struct waiting_room *)handle)->condition;
}

static mproc_condition_info_t condition_info(void *handle)
{
    mproc_condition_info_t info;
    memset(&info, 0xEE, sizeof info);
    CHECK_OK(mproc_condition_info(condition_of(handle), &info, sizeof info));
    return info;
}

/* Waits once, with the lock; the exit code is the status, turned around. */
static int waits_for_condition(void *handle)
{
    int status;
    if (mproc_condition_lock(condition_of(handle), HANG, NULL) < MPROC_OK) {
        return 100;
    }
    status = mproc_condition_wait(condition_of(handle), HANG, NULL);
    return mproc_condition_unlock(condition_of(handle)) == MPROC_OK ? -status : 101;
}

/* Until so many wait. */
static void await_waiters(void *handle, uint32_t n)
{
    for (int64_t end = proc_now() + HANG; condition_info(handle).waiters != n;) {
        if (proc_now() > end) {
            CHECK_INT(n, condition_info(handle).waiters);
            return;
        }
        proc_sleep_ns(MS);
    }
}

/* Two wait, one after the other; notifications reach them, and them only. */
static void condition_works(void *handle)
{
    pid_t first, second;
    mproc_condition_t *condition = condition_of(handle);
    CHECK_OK(mproc_condition_lock(condition, LONG, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, SHORT, NULL));
    CHECK_OK(mproc_condition_unlock(condition));
    first = child(waits_for_condition, handle);
    await_waiters(handle, 1);
    second = child(waits_for_condition, handle);
    await_waiters(handle, 2);
    CHECK_OK(mproc_condition_notify(condition, 1));
    CHILD_ENDS(first, MPROC_OK);
    CHECK_INT(1, condition_info(handle).waiters);
    CHECK_OK(mproc_condition_notify_all(condition));
    CHILD_ENDS(second, MPROC_OK);
    CHECK_OK(mproc_condition_lock(condition, LONG, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, SHORT, NULL)); /* nothing was remembered */
    CHECK_OK(mproc_condition_unlock(condition));
}

static uint64_t tickets_owner;

static uint64_t same_owner(size_t index)
{
    (void)index;
    return tickets_owner;
}

static uint64_t any_owner(size_t index)
{
    return mix64(index) | 1;
}

static void fill_owners(uint64_t owner)
{
    tickets_owner = owner;
    fill(AT_TICKET_OWNERS, MPROC_CONDITION_WAITERS, same_owner);
}

static uint64_t first_number;

static uint64_t number_of_ticket(size_t index)
{
    return first_number + index;
}

static void fill_states(enum ticket state, uint64_t first)
{
    static uint32_t states[MPROC_CONDITION_WAITERS];
    for (uint32_t i = 0; i < MPROC_CONDITION_WAITERS; i++) {
        states[i] = TICKET(first + i, state);
    }
    poke(place->dir, "victim", AT_TICKET_STATES, states, sizeof states);
    first_number = first;
    fill(AT_TICKET_NUMBERS, MPROC_CONDITION_WAITERS, number_of_ticket);
}

static void fill_bits(uint64_t bits)
{
    for (size_t i = 0; i < MPROC_CONDITION_WAITERS / 64; i++) {
        poke64(place->dir, "victim", AT_TICKET_BITS + 8 * i, bits);
    }
}

/* Every ticket is somebody's. */
static void tickets_taken(int kind)
{
    const uint64_t owners[] = { living_word(), self_word(), dead_word(), UINT64_MAX, UINT64_C(1) << 63, 1023 };
    enum { OWNERS = sizeof owners / sizeof owners[0] };
    for (int i = 0; i < OWNERS * TICKET_STATES * 2; i++) {
        const uint64_t owner = owners[i % OWNERS];
        const enum ticket state = (enum ticket)(i / OWNERS % TICKET_STATES);
        const bool marked = i / OWNERS / TICKET_STATES != 0, alive = i % OWNERS < 2;
        void *handle = spoilt1(kind, "every ticket is taken", AT_TICKETS_NEXT, 8, MPROC_CONDITION_WAITERS);
        mproc_condition_t *condition = condition_of(handle);
        char what[160];
        snprintf(what, sizeof what, "%s: every ticket is owned by 0x%llx, state %d, bits %d", subjects[kind].name,
                 (unsigned long long)owner, (int)state, marked);
        strcpy(stage->what, what);
        fill_owners(owner);
        fill_states(state, 0);
        fill_bits(marked ? UINT64_MAX : 0);
        CHECK_INT(marked && alive && (state == WAITS || state == SLEEPS) ? MPROC_CONDITION_WAITERS : 0,
                  condition_info(handle).waiters);
        CHECK_OK(mproc_condition_lock(condition, LONG, NULL));
        if (alive) {
            CHECK_IS(MPROC_EFULL, mproc_condition_wait(condition, LONG, NULL));
            CHECK_OK(mproc_condition_unlock(condition)); /* was not given up */
        } else { /* the dead do not wait */
            CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, SHORT, NULL));
            CHECK_OK(mproc_condition_unlock(condition));
            condition_works(handle);
        }
        CHECK_OK(mproc_condition_notify(condition, 1));
        CHECK_OK(mproc_condition_notify(condition, MPROC_CONDITION_WAITERS - 7));
        CHECK_OK(mproc_condition_notify_all(condition));
        CHECK_INT(0, condition_info(handle).waiters);
        done(kind, handle);
    }
}

static void tickets_garbled(int kind)
{
    static const uint64_t nexts[] = { 1, (1 << 30) - 1, 1 << 30, UINT32_MAX, UINT64_C(1) << 63, UINT64_MAX - 99 };
    static const uint64_t starts[] = { 0, 1, 1u << 29, (1u << 30) - 512, UINT32_MAX, UINT64_MAX - 512 };
    void *handle;
    for (size_t i = 0; i < sizeof nexts / sizeof nexts[0]; i++) {
        handle = spoilt1(kind, "the next ticket's number", AT_TICKETS_NEXT, 8, nexts[i]);
        condition_works(handle); /* also where numbers wrap */
        done(kind, handle);
    }
    handle = spoilt1(kind, "the last number of all", AT_TICKETS_NEXT, 8, UINT64_MAX);
    CHECK_OK(mproc_condition_lock(condition_of(handle), LONG, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition_of(handle), SHORT, NULL));
    CHECK_OK(mproc_condition_unlock(condition_of(handle)));
    CHECK_OK(mproc_condition_notify_all(condition_of(handle)));
    condition_works(handle); /* from the first number on */
    done(kind, handle);
    handle = spoilt1(kind, "how often a notification was passed on", AT_TICKETS_NEXT + 8, 8, UINT64_MAX);
    condition_works(handle);
    done(kind, handle);
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) { /* bits, or states, without tickets */
        handle = spoilt1(kind, "states that nobody owns", AT_TICKETS_NEXT, 8, 600);
        fill_states(i % 2 ? WAITS : GRANTED, starts[i]);
        condition_works(handle);
        fill_bits(UINT64_C(0x5555555555555555));
        CHECK_INT(0, condition_info(handle).waiters);
        CHECK_OK(mproc_condition_notify_all(condition_of(handle))); /* or they would be the longest waiting */
        condition_works(handle);
        fill_bits(UINT64_MAX);
        CHECK_INT(0, condition_info(handle).waiters);
        CHECK_OK(mproc_condition_notify(condition_of(handle), 3));
        CHECK_OK(mproc_condition_lock(condition_of(handle), LONG, NULL));
        {
            int status = mproc_condition_wait(condition_of(handle), SHORT, NULL);
            CHECK(status == MPROC_ETIMEDOUT || status == MPROC_EFULL);
        }
        CHECK_OK(mproc_condition_unlock(condition_of(handle)));
        done(kind, handle);
    }
    handle = spoilt1(kind, "any owners", AT_TICKETS_NEXT, 8, 77);
    fill(AT_TICKET_OWNERS, MPROC_CONDITION_WAITERS, any_owner);
    fill_states(SLEEPS, 7);
    fill_bits(UINT64_C(0xf0f0f0f0f0f0f0f0));
    CHECK_INT(0, condition_info(handle).waiters);
    CHECK_OK(mproc_condition_notify_all(condition_of(handle)));
    condition_works(handle);
    done(kind, handle);

    handle = spoilt1(kind, "numbers that fit no state", AT_TICKETS_NEXT, 8, 5000);
    fill_owners(living_word());
    fill_states(SLEEPS, 7);
    fill_bits(UINT64_C(0x00000000ffffffff));
    fill(AT_TICKET_NUMBERS, MPROC_CONDITION_WAITERS, same_owner);
    CHECK(condition_info(handle).waiters <= 1);
    CHECK_OK(mproc_condition_notify_all(condition_of(handle)));
    CHECK_INT(0, condition_info(handle).waiters);
    done(kind, handle);
}

/* What stands in a ticket changes while somebody waits with it. */
static void ticket_under_waiter(int kind)
{
    const uint32_t changes[] = { 0, TICKET(0, GRANTED), TICKET(5, SLEEPS), TICKET(0, UNUSED), UINT32_MAX };
    const uint64_t owners[] = { 0, living_word(), dead_word(), UINT64_MAX };
    void *handle;
    pid_t waiting;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        handle = spoilt1(kind, "the state of a ticket in use", AT_TICKETS_NEXT, 8, 0);
        waiting = child(waits_for_condition, handle);
        await_waiters(handle, 1);
        poke32(place->dir, "victim", AT_TICKET_STATES, changes[i]); /* no wake-up: it looks around by itself */
        CHILD_ENDS(waiting, MPROC_OK);
        condition_works(handle);
        done(kind, handle);
    }
    handle = spoilt1(kind, "a wiped announcement", AT_TICKETS_NEXT, 8, 0);
    waiting = child(waits_for_condition, handle);
    await_waiters(handle, 1);
    while (peek32(place->dir, "victim", AT_TICKET_STATES) != TICKET(0, SLEEPS)) {
        proc_sleep_ns(MS);
    }
    poke32(place->dir, "victim", AT_TICKET_STATES, TICKET(0, WAITS));
    CHECK_OK(mproc_condition_notify(condition_of(handle), 1)); /* wakes nobody */
    CHILD_ENDS(waiting, MPROC_OK);
    done(kind, handle);
    for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++) {
        handle = spoilt1(kind, "the owner of a ticket in use", AT_TICKETS_NEXT, 8, 0);
        waiting = child(waits_for_condition, handle);
        await_waiters(handle, 1);
        poke64(place->dir, "victim", AT_TICKET_OWNERS, owners[i]);
        if (i % 2 == 0) {
            CHECK_OK(mproc_condition_notify_all(condition_of(handle)));
        } else {
            poke32(place->dir, "victim", AT_TICKET_STATES, TICKET(0, GRANTED));
        }
        CHILD_ENDS(waiting, MPROC_OK);
        condition_works(handle);
        done(kind, handle);
    }
}

/* Who waits has enrolled before it gives the lock up. */
static void await_unlocked(const char *file)
{
    int64_t end = proc_now() + HANG;
    while ((peek32(place->dir, file, AT_USER_LOCK) & ~WAITING) != 0 && proc_now() < end) {
        proc_sleep_ns(MS);
    }
}

/* What stands in the lock changes while somebody waits, or before. */
static void lock_under_waiter(int kind)
{
    const char *file = kind == BOUND ? BOUND_TO : "victim";
    const uint32_t lost[] = { 0, WAITING, living_word(), dead_word(), UINT32_MAX };
    void *handle = spoilt1(kind, "somebody alive takes the lock and gives it back", AT_TICKETS_NEXT, 8, 0);
    pid_t waiting = child(waits_for_condition, handle);
    int status;
    await_waiters(handle, 1);
    await_unlocked(file);
    poke32(place->dir, file, AT_USER_LOCK, living_word());
    CHECK_OK(mproc_condition_notify(condition_of(handle), 1));
    proc_sleep_ns(20 * MS);
    CHECK(waitpid(waiting, &status, WNOHANG) == 0); /* not without the lock */
    poke32(place->dir, file, AT_USER_LOCK, 0);
    CHILD_ENDS(waiting, MPROC_OK);
    condition_works(handle);
    done(kind, handle);

    handle = spoilt1(kind, "somebody dies with the lock", AT_TICKETS_NEXT, 8, 0);
    waiting = child(waits_for_condition, handle);
    await_waiters(handle, 1);
    await_unlocked(file);
    poke32(place->dir, file, AT_USER_LOCK, dead_word());
    CHECK_OK(mproc_condition_notify(condition_of(handle), 1));
    CHILD_ENDS(waiting, (uint8_t)-MPROC_RECOVERED);
    condition_works(handle);
    done(kind, handle);

    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        handle = spoilt1(kind, "the lock is lost before the wait", AT_TICKETS_NEXT, 8, 0);
        CHECK_OK(mproc_condition_lock(condition_of(handle), LONG, NULL));
        poke32(place->dir, file, AT_USER_LOCK, lost[i]);
        CHECK_IS(MPROC_EPERM, mproc_condition_wait(condition_of(handle), LONG, NULL));
        CHECK_IS(MPROC_EPERM, mproc_condition_unlock(condition_of(handle)));
        CHECK_INT(0, condition_info(handle).waiters);
        poke32(place->dir, file, AT_USER_LOCK, 0);
        condition_works(handle);
        done(kind, handle);
    }
}

/* --- the barrier ------------------------------------------------------------------------------------------------- */

static mproc_barrier_info_t barrier_info(void *handle)
{
    mproc_barrier_info_t info;
    memset(&info, 0xEE, sizeof info);
    CHECK_OK(mproc_barrier_info(handle, &info, sizeof info));
    return info;
}

static int comes(void *handle)
{
    return -mproc_barrier_wait(handle, HANG, NULL, NULL);
}

static void await_parties(void *handle, uint32_t n)
{
    for (int64_t end = proc_now() + HANG; barrier_info(handle).waiting != n;) {
        if (proc_now() > end) {
            CHECK_INT(n, barrier_info(handle).waiting);
            return;
        }
        proc_sleep_ns(MS);
    }
}

/* All parties come and pass, so often, and are told apart. */
static void barrier_passes(void *handle, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        pid_t pids[PARTIES - 1];
        uint32_t index = UINT32_MAX, generation = barrier_info(handle).generation;
        CHECK_INT(0, barrier_info(handle).broken);
        CHECK_IS(MPROC_ETIMEDOUT, mproc_barrier_wait(handle, 0, NULL, NULL));
        for (int i = 0; i < PARTIES - 1; i++) {
            pids[i] = child(comes, handle);
        }
        await_parties(handle, PARTIES - 1);
        CHECK_OK(mproc_barrier_wait(handle, round ? LONG : 0, NULL, &index));
        CHECK_INT(PARTIES - 1, index);
        for (int i = 0; i < PARTIES - 1; i++) {
            CHILD_ENDS(pids[i], MPROC_OK);
        }
        CHECK_INT(generation + 1, barrier_info(handle).generation);
    }
}

static void barrier_works(void *handle)
{
    barrier_passes(handle, 2);
}

static void counts_of_barrier(void)
{
    static const uint32_t many[] = { PARTIES, PARTIES + 1, MPROC_BARRIER_MAX, WAITING, UINT32_MAX };
    static const uint32_t noise[] = { 1, 2, WAITING, UINT32_MAX };
    uint32_t index = UINT32_MAX;
    void *handle;
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        handle = spoilt1(BARRIER, "more than all have arrived", AT_ARRIVED, 4, many[i]);
        CHECK(barrier_info(handle).waiting <= PARTIES);
        CHECK_IS(MPROC_ETIMEDOUT, mproc_barrier_wait(handle, 0, NULL, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_barrier_wait(handle, 20 * MS, NULL, NULL)); /* has not arrived */
        CHECK_INT(0, barrier_info(handle).broken);
        CHECK_OK(mproc_barrier_reset(handle));
        barrier_works(handle);
        done(BARRIER, handle);
    }
    handle = spoilt1(BARRIER, "two have arrived, and are nowhere", AT_ARRIVED, 4, PARTIES - 1);
    CHECK_OK(mproc_barrier_wait(handle, 0, NULL, &index)); /* a wrong value */
    CHECK_INT(PARTIES - 1, index);
    barrier_works(handle);
    done(BARRIER, handle);
    for (size_t i = 0; i < sizeof noise / sizeof noise[0]; i++) {
        handle = spoilt1(BARRIER, "broken, in some way", AT_BROKEN, 4, noise[i]);
        CHECK_INT(1, barrier_info(handle).broken);
        CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(handle, LONG, NULL, NULL));
        CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(handle, 0, NULL, NULL));
        CHECK_OK(mproc_barrier_reset(handle));
        barrier_works(handle);
        done(BARRIER, handle);

        handle = spoilt1(BARRIER, "a verdict that nobody had to finish", AT_VERDICT, 4, noise[i]);
        barrier_works(handle);
        done(BARRIER, handle);

        handle = spoilt1(BARRIER, "another round", AT_ROUND, 4, noise[i]);
        barrier_works(handle);
        done(BARRIER, handle);

        handle = spoilt1(BARRIER, "another phase", AT_PHASE, 4, noise[i]);
        barrier_works(handle);
        done(BARRIER, handle);
    }
}

/* Whoever died with the lock inside had decided something, or anything. */
static void verdicts(void)
{
    static const uint32_t all[] = { 0, 1, 2, 3, 4, WAITING, UINT32_MAX };
    struct owner gone[GONE];
    gone_owners(gone);
    for (int i = 0; i < GONE; i++) {
        for (int broken = 0; broken < 2; broken++) {
            const struct word words[] = { { AT_BARRIER_LOCK, 4, gone[i].word },
                                          { AT_VERDICT, 4, all[i] },
                                          { AT_BROKEN, 4, (uint64_t)broken } };
            void *handle = spoilt(BARRIER, gone[i].what, words, 3);
            int status = mproc_barrier_wait(handle, 0, NULL, NULL);
            CHECK(status == MPROC_ETIMEDOUT || status == MPROC_EBROKEN);
            CHECK_INT(0, peek32(place->dir, "victim", AT_VERDICT));
            CHECK_OK(mproc_barrier_reset(handle));
            barrier_works(handle);
            done(BARRIER, handle);
        }
    }
}

static uint64_t places_owner, places_mark;

static uint64_t owner_of_place(size_t index)
{
    return places_owner ? places_owner : mix64(index) | 1;
}

static uint64_t mark_of_place(size_t index)
{
    return places_mark | (uint64_t)index << 3;
}

static void fill_places(uint64_t owner, uint32_t round, enum mark state)
{
    places_owner = owner;
    places_mark = PLACE_MARK(round, 0, state);
    fill(AT_PLACE_OWNERS, BARRIER_PLACES, owner_of_place);
    fill(AT_PLACE_MARKS, BARRIER_PLACES, mark_of_place);
}

static void places_taken(void)
{
    const uint64_t owners[] = { living_word(), self_word(), dead_word(), UINT64_MAX, UINT64_C(1) << 63, 1023, 0 };
    enum { OWNERS = sizeof owners / sizeof owners[0], ROUND = 5 };
    const uint32_t rounds[] = { ROUND, opened_before ? ROUND - 1 : ROUND + 1 };
    for (int i = 0; i < OWNERS * MARKS * 2; i++) {
        const uint64_t owner = owners[i % OWNERS];
        const enum mark state = (enum mark)(i / OWNERS % MARKS);
        const uint32_t round = rounds[i / OWNERS / MARKS];
        const bool alive = i % OWNERS < 2;
        void *handle = spoilt1(BARRIER, "every place is taken", AT_ROUND, 4, ROUND);
        int status;
        snprintf(stage->what, sizeof stage->what, "every place is owned by 0x%llx, state %d of round %u",
                 (unsigned long long)owner, (int)state, round);
        fill_places(owner, round, state);
        status = mproc_barrier_wait(handle, 20 * MS, NULL, NULL);
        if (alive && state != GAVE_UP) {
            CHECK_IS(MPROC_EFULL, status);
            CHECK_INT(0, barrier_info(handle).broken);
        } else {
            CHECK(status == MPROC_ETIMEDOUT || status == MPROC_EBROKEN || status == MPROC_EFULL);
        }
        CHECK_OK(mproc_barrier_reset(handle));
        CHECK_OK(mproc_barrier_abort(handle));
        CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(handle, LONG, NULL, NULL));
        CHECK_OK(mproc_barrier_reset(handle));
        if (alive && (state != GAVE_UP)) {
            CHECK_IS(MPROC_EFULL, mproc_barrier_wait(handle, 20 * MS, NULL, NULL)); /* nobody alive is robbed */
        } else {
            barrier_passes(handle, 1);
        }
        done(BARRIER, handle);
    }
}

static void registrations(void)
{
    const uint32_t self = self_word(), living = living_word(), dead = dead_word();
    void *handle = spoilt1(BARRIER, "nothing", AT_DEATHS, 4, 0);
    CHECK_OK(mproc_barrier_register(handle));
    CHECK_INT(entry_of(self, 1), peek64(place->dir, "victim", at_entry(AT_REGISTERED, slot_of(self))));
    CHECK_OK(mproc_barrier_unregister(handle));
    done(BARRIER, handle);
    for (int i = 0; i < GARBAGE; i++) {
        handle = spoilt1(BARRIER, "everybody has promised to come who never was", AT_DEATHS, 4, 0);
        fill(AT_REGISTERED, ENTRIES, garbage[i]);
        CHECK_INT(0, barrier_info(handle).registered);
        CHECK_IS(MPROC_EPERM, mproc_barrier_unregister(handle));
        CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(handle, LONG, NULL, NULL));
        CHECK_INT(1, barrier_info(handle).broken);
        CHECK(barrier_info(handle).deaths > 0);
        CHECK_OK(mproc_barrier_reset(handle));
        CHECK_OK(mproc_barrier_register(handle));
        CHECK_INT(1, barrier_info(handle).registered);
        barrier_works(handle);
        CHECK_OK(mproc_barrier_unregister(handle));
        CHECK_IS(MPROC_EPERM, mproc_barrier_unregister(handle));
        done(BARRIER, handle);
    }
    handle = spoilt1(BARRIER, "somebody alive has promised to come, very often",
                     at_entry(AT_REGISTERED, slot_of(living)), 8, entry_of(living, MOST_COUNTED));
    CHECK_INT(MOST_COUNTED, barrier_info(handle).registered);
    barrier_works(handle);
    done(BARRIER, handle);

    handle = spoilt1(BARRIER, "a dead process had promised to come", at_entry(AT_REGISTERED, slot_of(dead)), 8,
                     entry_of(dead, 1));
    CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(handle, LONG, NULL, NULL));
    CHECK_OK(mproc_barrier_reset(handle));
    barrier_works(handle);
    done(BARRIER, handle);

    handle = spoilt1(BARRIER, "this process has promised it as often as can be counted",
                     at_entry(AT_REGISTERED, slot_of(self)), 8, entry_of(self, MOST_COUNTED));
    CHECK_IS(MPROC_EOVERFLOW, mproc_barrier_register(handle));
    barrier_works(handle);
    done(BARRIER, handle);
}

/* The round ends, or something like that, under two who wait. */
static void barrier_under_waiters(void)
{
    static const struct {
        const char *what;
        size_t at;
        int width;
        uint64_t value;
        int status; /* of who waits at the first place */
    } changes[] = {
        { "its place says that all have come", AT_PLACE_MARKS, 8, PLACE_MARK(0, 0, PASSED_ON), MPROC_OK },
        { "its place says that it was broken", AT_PLACE_MARKS, 8, PLACE_MARK(0, 0, SENT_AWAY), MPROC_EBROKEN },
        { "its place is empty", AT_PLACE_MARKS, 8, 0, MPROC_EBROKEN },
        { "its place is of another round", AT_PLACE_MARKS, 8, PLACE_MARK(9, 0, ARRIVED), MPROC_EBROKEN },
        { "its place says anything", AT_PLACE_MARKS, 8, UINT64_MAX, MPROC_EBROKEN },
        { "the owner of its place is gone", AT_PLACE_OWNERS, 8, UINT64_MAX, MPROC_EBROKEN },
        { "somebody has promised to come, and is gone", AT_REGISTERED + 8 * 700, 8, HELD_ENTRY(7, 1), MPROC_EBROKEN },
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        void *handle = spoilt1(BARRIER, changes[i].what, AT_DEATHS, 4, 0);
        pid_t waiting = child(comes, handle);
        await_parties(handle, 1);
        while (peek64(place->dir, "victim", AT_PLACE_OWNERS) == 0) {
            proc_sleep_ns(MS);
        }
        poke(place->dir, "victim", changes[i].at, &changes[i].value, (size_t)changes[i].width);
        CHILD_ENDS(waiting, -changes[i].status); /* nobody wakes it: it looks around by itself */
        CHECK_OK(mproc_barrier_reset(handle));
        barrier_works(handle);
        done(BARRIER, handle);
    }
}

/* --- the locks inside -------------------------------------------------------------------------------------------- */

/* Every operation of the barrier that needs its lock gives `status`, the others work. */
static void behind_barrier(void *handle, int status)
{
    status = status == MPROC_RECOVERED ? MPROC_OK : status;
    CHECK_IS(status == MPROC_OK ? MPROC_ETIMEDOUT : status, mproc_barrier_wait(handle, 0, NULL, NULL));
    CHECK_IS(status == MPROC_OK ? MPROC_ETIMEDOUT : status, mproc_barrier_wait(handle, SHORT, NULL, NULL));
    CHECK_IS(status, mproc_barrier_abort(handle));
    CHECK_IS(status, mproc_barrier_reset(handle));
    barrier_info(handle);
}

/* The same of a semaphore; the first to come tells. */
static void behind_permits(void *handle, int status)
{
    CHECK_IS(status, mproc_semaphore_try(handle));
    status = status == MPROC_RECOVERED ? MPROC_OK : status;
    CHECK_IS(status, mproc_semaphore_acquire(handle, SHORT, NULL));
    CHECK_IS(status, mproc_semaphore_release(handle, 1));
    CHECK_OK(mproc_semaphore_release(handle, 0));
    CHECK(semaphore_info(handle).value <= PERMIT_COUNT);
}

static void inner_lock(int kind, size_t at, void (*behind)(void *handle, int status))
{
    const uint32_t alive[] = { self_word(), living_word() };
    struct owner gone[GONE];
    void *handle;
    gone_owners(gone);
    for (int i = 0; i < 4; i++) { /* nobody alive is robbed, not even this process */
        handle = spoilt1(kind, i < 2 ? "its lock is held by us" : "its lock is held by somebody alive", at, 4,
                         alive[i / 2] | (i % 2 ? WAITING : 0));
        behind(handle, MPROC_EBUSY);
        done(kind, handle);
    }
    for (int i = 0; i < 2 * GONE; i++) {
        handle = spoilt1(kind, gone[i / 2].what, at, 4, gone[i / 2].word | (i % 2 ? WAITING : 0));
        behind(handle, MPROC_RECOVERED);
        done(kind, handle);
    }
    handle = spoilt1(kind, "its lock has only sleepers", at, 4, WAITING);
    behind(handle, MPROC_OK);
    done(kind, handle);
}

static void permits(void)
{
    static const uint32_t values[] = { 0, MPROC_SEMAPHORE_MAX, MPROC_SEMAPHORE_MAX + 1u, UINT32_MAX };
    const uint32_t self = self_word(), living = living_word(), dead = dead_word();
    void *handle = spoilt1(PERMITS, "nothing", AT_RECLAIMED, 4, 0);
    CHECK_OK(mproc_semaphore_acquire(handle, LONG, NULL));
    CHECK_INT(entry_of(self, 1), peek64(place->dir, "victim", at_entry(AT_HOLDERS, slot_of(self)))); /* is it there? */
    CHECK_OK(mproc_semaphore_release(handle, 1));
    done(PERMITS, handle);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const struct word living_holds[] = { { AT_VALUE, 4, values[i] },
                                             { at_entry(AT_HOLDERS, slot_of(living)), 8, entry_of(living, 2) } };
        const struct word dead_holds[] = { { AT_VALUE, 4, values[i] },
                                           { at_entry(AT_HOLDERS, slot_of(dead)), 8, entry_of(dead, 2) } };
        const struct word dead_inside[] = { { AT_VALUE, 4, values[i] }, { AT_PERMITS_LOCK, 4, dead } };
        handle = spoilt(PERMITS, "somebody alive has some", living_holds, 2);
        CHECK_INT(1, semaphore_info(handle).holders);
        CHECK_INT(0, semaphore_info(handle).held);
        CHECK(semaphore_info(handle).value <= MPROC_SEMAPHORE_MAX);
        CHECK_IS(MPROC_EPERM, mproc_semaphore_release(handle, 1));
        CHECK_IS(values[i] ? MPROC_OK : MPROC_ETIMEDOUT, mproc_semaphore_acquire(handle, 20 * MS, NULL));
        if (values[i]) {
            CHECK_IS(MPROC_EPERM, mproc_semaphore_release(handle, 2));
            CHECK_OK(mproc_semaphore_release(handle, 1));
            CHECK_INT(PERMIT_COUNT, semaphore_info(handle).value); /* never more than there were */
        }
        done(PERMITS, handle);

        handle = spoilt(PERMITS, "a dead process had some", dead_holds, 2);
        CHECK_INT(0, semaphore_info(handle).holders);
        CHECK_IS(values[i] ? MPROC_OK : MPROC_RECOVERED, mproc_semaphore_acquire(handle, LONG, NULL));
        CHECK_INT(values[i] == 0, semaphore_info(handle).reclaimed);
        CHECK_INT(1, semaphore_info(handle).held);
        CHECK_OK(mproc_semaphore_release(handle, 1));
        done(PERMITS, handle);

        handle = spoilt(PERMITS, "somebody died in the middle of something", dead_inside, 2);
        /* All is counted anew, also if nothing seems to be there. */
        CHECK_IS(MPROC_RECOVERED, mproc_semaphore_acquire(handle, LONG, NULL));
        for (int k = 1; k < PERMIT_COUNT; k++) {
            CHECK_OK(mproc_semaphore_acquire(handle, 0, NULL));
        }
        CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_acquire(handle, 20 * MS, NULL));
        CHECK_OK(mproc_semaphore_release(handle, PERMIT_COUNT));
        done(PERMITS, handle);
    }
    for (int i = 0; i < GARBAGE; i++) {
        handle = spoilt1(PERMITS, "everybody has some who never was", AT_VALUE, 4, 0);
        fill(AT_HOLDERS, ENTRIES, garbage[i]);
        CHECK_INT(0, semaphore_info(handle).holders);
        CHECK_IS(MPROC_EPERM, mproc_semaphore_release(handle, 1));
        CHECK_IS(MPROC_RECOVERED, mproc_semaphore_acquire(handle, LONG, NULL));
        CHECK_INT(1, semaphore_info(handle).holders);
        CHECK_INT(1, semaphore_info(handle).held);
        CHECK_OK(mproc_semaphore_release(handle, 1));
        CHECK_INT(PERMIT_COUNT, semaphore_info(handle).value);
        done(PERMITS, handle);
    }
    for (uint64_t count = MOST_COUNTED - 1; count <= MOST_COUNTED; count++) {
        handle = spoilt1(PERMITS, "this process has as many as can be counted", at_entry(AT_HOLDERS, slot_of(self)), 8,
                         entry_of(self, count));
        if (count < MOST_COUNTED) {
            CHECK_OK(mproc_semaphore_acquire(handle, 0, NULL));
        }
        CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_acquire(handle, LONG, NULL));
        CHECK_INT(MOST_COUNTED, semaphore_info(handle).held);
        CHECK_IS(MPROC_EPERM, mproc_semaphore_release(handle, MOST_COUNTED + 1));
        CHECK_OK(mproc_semaphore_release(handle, MOST_COUNTED));
        CHECK_INT(0, semaphore_info(handle).held);
        CHECK_INT(PERMIT_COUNT, semaphore_info(handle).value);
        CHECK_OK(mproc_semaphore_acquire(handle, 0, NULL));
        done(PERMITS, handle);
    }
}

/* --- what holds for all: announcements wiped out, generations that jump ------------------------------------------ */

static int waits_for_permit(void *handle)
{
    return mproc_semaphore_acquire(handle, HANG, NULL) == MPROC_OK ? 0 : 1;
}

/* A child sleeps on an event of two words; then nobody seems to. Whatever it waits for, it finds before long. */
static void wiped(int kind, const char *what, size_t event, int (*waits)(void *), int (*take)(void *),
                  int (*give)(void *))
{
    void *handle = spoilt1(kind, what, event, 8, 0);
    pid_t waiting;
    CHECK_OK(take(handle));
    waiting = child(waits, handle);
    for (int64_t end = proc_now() + HANG; peek32(place->dir, "victim", event + 4) == 0 && proc_now() < end;) {
        proc_sleep_ns(MS);
    }
    CHECK(peek32(place->dir, "victim", event + 4) != 0);
    poke64(place->dir, "victim", event, 0);
    CHECK_OK(give(handle));
    CHILD_ENDS(waiting, 0);
    done(kind, handle);
}

static int take_all_permits(void *handle)
{
    int status = MPROC_OK;
    for (int i = 0; i < PERMIT_COUNT && status == MPROC_OK; i++) {
        status = mproc_semaphore_try(handle);
    }
    return status;
}

static int give_permit(void *handle)
{
    return mproc_semaphore_release(handle, 1);
}

static int take_to_read(void *handle)
{
    return mproc_rwlock_read_try(handle);
}

static int give_from_reading(void *handle)
{
    return mproc_rwlock_read_unlock(handle);
}

static int take_to_write(void *handle)
{
    return mproc_rwlock_write_try(handle);
}

static int give_from_writing(void *handle)
{
    return mproc_rwlock_write_unlock(handle);
}

/* Another generation of a living process's slot: what it has is nobody's then. */
static void another_generation(void)
{
    static const struct {
        uint64_t step;
        bool same; /* in the 40 bits that tables have */
        const char *what;
    } jumps[] = {
        { 1, false, "the next generation" },
        { UINT64_C(1) << 21, false, "a generation whose low 21 bits are the same" },
        { UINT64_C(1) << 39, false, "a far generation" },
        { UINT64_C(1) << 40, true, "a generation whose low 40 bits are the same" },
        { UINT64_C(1) << 63, true, "generation 2^63" },
    };
    const uint32_t living = living_word();
    const size_t slot = AT_SLOTS + SLOT_LEN * slot_of(living);
    const uint64_t generation = peek64(place->dir, ".registry", slot);
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        const bool same = jumps[i].same;
        const struct word has[] = { { AT_VALUE, 4, 0 },
                                    { at_entry(AT_HOLDERS, slot_of(living)), 8, entry_of(living, PERMIT_COUNT) } };
        const struct word promised = { at_entry(AT_REGISTERED, slot_of(living)), 8, entry_of(living, 1) };
        void *handle;
        poke64(place->dir, ".registry", slot, generation + jumps[i].step);

        handle = spoilt1(RWLOCK, jumps[i].what, at_entry(AT_READERS, slot_of(living)), 8, entry_of(living, 1));
        look_everywhere(0xffff, UINT64_MAX);
        CHECK_INT(same, rwlock_info(handle).readers);
        CHECK_IS(same ? MPROC_ETIMEDOUT : MPROC_OK, mproc_rwlock_write_lock(handle, same ? 20 * MS : LONG, NULL));
        CHECK_IS(same ? MPROC_EPERM : MPROC_OK, mproc_rwlock_write_unlock(handle));
        done(RWLOCK, handle);

        handle = spoilt(PERMITS, jumps[i].what, has, 2);
        CHECK_INT(same, semaphore_info(handle).holders);
        CHECK_IS(same ? MPROC_ETIMEDOUT : MPROC_RECOVERED,
                 mproc_semaphore_acquire(handle, same ? 20 * MS : LONG, NULL));
        done(PERMITS, handle);

        handle = spoilt(BARRIER, jumps[i].what, &promised, 1);
        CHECK_INT(same, barrier_info(handle).registered);
        CHECK_IS(same ? MPROC_ETIMEDOUT : MPROC_EBROKEN,
                 mproc_barrier_wait(handle, same ? 20 * MS : LONG, NULL, NULL));
        done(BARRIER, handle);

        handle = spoilt1(CONDITION, jumps[i].what, AT_TICKETS_NEXT, 8, MPROC_CONDITION_WAITERS);
        fill_owners(living);
        fill_states(WAITS, 0);
        fill_bits(UINT64_MAX);
        CHECK_INT(same ? MPROC_CONDITION_WAITERS : 0, condition_info(handle).waiters);
        CHECK_OK(mproc_condition_lock(condition_of(handle), LONG, NULL));
        CHECK_IS(same ? MPROC_EFULL : MPROC_ETIMEDOUT, mproc_condition_wait(condition_of(handle), SHORT, NULL));
        CHECK_OK(mproc_condition_unlock(condition_of(handle)));
        done(CONDITION, handle);
        poke64(place->dir, ".registry", slot, generation);
    }
}

/* --- all of it: each kind in a process of its own ---------------------------------------------------------------- */

/* Not kinds: the places of a barrier, which take the longest; and the locks inside, with little patience. */
enum { PLACES = SUBJECTS, INSIDE };

static void all_of(void *argument)
{
    int kind = *(const int *)argument;
    for (int before = 0; before < 2; before++) {
        opened_before = before != 0;
        switch (kind) {
        case RLOCK:
            recursive(RLOCK);
            break;
        case RWLOCK:
            writers();
            readers();
            silent_leave();
            wiped(RWLOCK, "a reader's announcement is wiped out", AT_GATE, waits_to_read, take_to_write,
                  give_from_writing);
            wiped(RWLOCK, "a writer's announcement is wiped out", AT_DRAINED, waits_to_write, take_to_read,
                  give_from_reading);
            break;
        case SEMAPHORE:
            semaphores();
            wiped(SEMAPHORE, "an announcement is wiped out", AT_PERMITS_EVENT, waits_for_permit, take_all_permits,
                  give_permit);
            break;
        case PERMITS:
            permits();
            wiped(PERMITS, "an announcement is wiped out", AT_PERMITS_EVENT, waits_for_permit, take_all_permits,
                  give_permit);
            break;
        case CONDITION:
            recursive(CONDITION); /* and what follows */
            /* fall through */
        case BOUND:
            tickets_taken(kind);
            tickets_garbled(kind);
            ticket_under_waiter(kind);
            lock_under_waiter(kind);
            break;
        case EVENT:
            events();
            break;
        case PLACES:
            places_taken();
            break;
        case INSIDE:
            another_generation();
            inner_lock(PERMITS, AT_PERMITS_LOCK, behind_permits);
            inner_lock(BARRIER, AT_BARRIER_LOCK, behind_barrier);
            break;
        default:
            counts_of_barrier();
            verdicts();
            registrations();
            barrier_under_waiters();
        }
    }
    place_check(place);
    CHECK(nobody_complained());
}

void part_family(void)
{
    static struct place here;
    static const int kinds[] = { RLOCK, RWLOCK, SEMAPHORE, PERMITS, CONDITION, BOUND, EVENT, BARRIER, PLACES, INSIDE };
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    pid_t pids[KINDS];
    join_tally();
    for (int i = 0; i < KINDS; i++) {
        int kind = kinds[i];
        const char *name = kind == INSIDE ? "inside" : kind == PLACES ? "places" : subjects[kind].name;
        char title[60];
        int64_t began = proc_now();
        pids[i] = 0;
        if (options.subject && strcmp(options.subject, name) != 0) {
            continue;
        }
        pids[i] = proc_fork();
        if (pids[i] != 0) {
            continue;
        }
        check_counts = proc_shared(sizeof *check_counts); /* its own: what fails here was this damage */
        busy_ns = kind == INSIDE ? BUSY_NS : HANG / 2; /* several at a time: a holder may have lost its processor */
        place = &here;
        place_make(place, name);
        snprintf(title, sizeof title, "family %s", name);
        check_that(watched(new_stage(), title, all_of, &kind, 300), __FILE__, __LINE__, title);
        if (options.verbose) {
            printf("%s: %.1f s\n", title, (double)(proc_now() - began) / 1e9);
        }
        place_end(place);
        __atomic_fetch_add(&all_counts->passed, check_counts->passed, __ATOMIC_RELAXED);
        __atomic_fetch_add(&all_counts->failed, check_counts->failed, __ATOMIC_RELAXED);
        fflush(NULL);
        _exit(0);
    }
    for (int i = 0; i < KINDS; i++) {
        int status = 0;
        while (pids[i] && waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {
        }
        CHECK(status == 0);
    }
}
