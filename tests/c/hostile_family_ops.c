/* Every operation of rlock, rwlock, semaphore, condition, event and barrier, held against the documented statuses. */
#include "hostile_family.h"

#define S_LEVEL (S_LOCK | S(MPROC_EOVERFLOW)) /* one more of a lock that counts */
#define S_WAIT (S_LOCK | S(MPROC_EPERM) | S(MPROC_EFULL))
#define S_ACQUIRE (S_INNER | S(MPROC_RECOVERED) | S(MPROC_ETIMEDOUT) | S(MPROC_EOVERFLOW))
#define S_RELEASE (S_INNER | S(MPROC_EPERM) | S(MPROC_EOVERFLOW))
#define S_PARTY (S_INNER | S(MPROC_EBROKEN) | S(MPROC_EFULL))
#define S_FLAG S_OK /* joins nothing, locks nothing */

enum { MOST_READS = (1 << 24) - 1, UNSET = 123456789 };

/* A token that is set: whatever waits gives up at once. */
static mproc_cancel_t *set_token(void)
{
    mproc_cancel_t *token = NULL;
    RUN(S_OK, mproc_cancel_create(&token));
    RUN(S_OK, mproc_cancel_set(token));
    return token;
}

/* --- the locks --------------------------------------------------------------------------------------------------- */

void use_rlock(void *handle, struct rng *rng)
{
    const mproc_rlock_t *rlock = handle;
    mproc_cancel_t *token = maybe_token(rng), *set = set_token();
    mproc_rlock_info_t *info;
    uint64_t owner = 1 + rng_below(rng, (UINT64_C(1) << 63) - 1);
    outs_begin();
    info = out(sizeof *info);
    for (int i = 0; i < 2; i++) {
        RUN(S_LEVEL, mproc_rlock_lock(rlock, SHORT, token));
        RUN(S_LEVEL, mproc_rlock_try(rlock));
        if (RUN(S_OWN, mproc_rlock_info(rlock, info, sizeof *info)) == MPROC_OK) {
            owner_makes_sense(&info->owner);
        }
        RUN(S_LEVEL, mproc_rlock_lock_as(rlock, owner, i ? SHORT : 0, NULL)); /* whose: they exclude each other */
        RUN(S_LEVEL | S(MPROC_ECANCELED), mproc_rlock_lock(rlock, MPROC_FOREVER, set));
        for (int k = 0; k < 4; k++) {
            RUN(S_UNLOCK, mproc_rlock_unlock(rlock));
        }
        RUN(S_UNLOCK, mproc_rlock_unlock_as(rlock, owner));
        RUN(S_LEVEL, mproc_rlock_lock_as(rlock, owner, 0, token));
        RUN(S_UNLOCK, mproc_rlock_unlock_as(rlock, owner));
    }
    use_wait(&(mproc_wait_item_t){ .condition = MPROC_WAIT_RLOCK, .object = rlock }, 1, rng);
    RUN(S(MPROC_EINVAL), mproc_rlock_unlock_as(rlock, 0));
    RUN(S(MPROC_EINVAL), mproc_rlock_lock_as(rlock, UINT64_C(1) << 63, SHORT, NULL));
    mproc_cancel_close(token);
    mproc_cancel_close(set);
    OUTS_END();
}

void use_rwlock(void *handle, struct rng *rng)
{
    const mproc_rwlock_t *rwlock = handle;
    mproc_cancel_t *token = maybe_token(rng), *set = set_token();
    mproc_rwlock_info_t *info;
    const uint64_t reads = S_LEVEL, writes = S_LOCK;
    outs_begin();
    info = out(sizeof *info);
    for (int i = 0; i < 2; i++) {
        if (rng_below(rng, 2)) {
            RUN(reads, mproc_rwlock_read_lock(rwlock, SHORT, token));
            RUN(reads, mproc_rwlock_read_try(rwlock));
            RUN(writes, mproc_rwlock_write_lock(rwlock, i ? SHORT : 0, NULL)); /* waits for itself */
        }
        RUN(writes | S(MPROC_ECANCELED), mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, set));
        if (RUN(S_OWN, mproc_rwlock_info(rwlock, info, sizeof *info)) == MPROC_OK) {
            owner_makes_sense(&info->writer);
            INSIST(info->reading_processes <= SLOTS && info->reading_processes <= info->readers);
            INSIST(info->readers <= (uint64_t)info->reading_processes * MOST_READS);
            INSIST((info->writing == 0 || info->writing == 1) && (info->inconsistent == 0 || info->inconsistent == 1));
            INSIST(info->reserved == 0);
        }
        for (int k = 0; k < 3; k++) {
            RUN(S_UNLOCK, mproc_rwlock_read_unlock(rwlock));
        }
        RUN(S_UNLOCK, mproc_rwlock_write_unlock(rwlock));
        RUN(writes, mproc_rwlock_write_lock(rwlock, SHORT, token));
        RUN(reads | S(MPROC_ECANCELED), mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, set));
        RUN(writes, mproc_rwlock_write_try(rwlock));
        RUN(S_UNLOCK, mproc_rwlock_write_unlock(rwlock));
        RUN(S_UNLOCK, mproc_rwlock_write_unlock(rwlock));
        RUN(S_UNLOCK, mproc_rwlock_read_unlock(rwlock));
    }
    mproc_cancel_close(token);
    mproc_cancel_close(set);
    OUTS_END();
}

/* --- the semaphores ---------------------------------------------------------------------------------------------- */

static void semaphore_makes_sense(const mproc_semaphore_info_t *info)
{
    INSIST(info->value <= MPROC_SEMAPHORE_MAX && info->initial <= MPROC_SEMAPHORE_MAX);
    INSIST((info->flags & ~(uint32_t)(MPROC_SEMAPHORE_BOUNDED | MPROC_SEMAPHORE_ACCOUNTING)) == 0);
    INSIST(info->held <= MOST_READS && info->holders <= SLOTS);
    INSIST((info->flags & MPROC_SEMAPHORE_ACCOUNTING) || (info->held == 0 && info->holders == 0));
}

void use_semaphore(void *handle, struct rng *rng)
{
    const mproc_semaphore_t *semaphore = handle;
    mproc_cancel_t *token = maybe_token(rng), *set = set_token();
    mproc_semaphore_info_t *info;
    outs_begin();
    info = out(sizeof *info);
    for (int i = 0; i < 2; i++) {
        if (RUN(S_OWN, mproc_semaphore_info(semaphore, info, sizeof *info)) == MPROC_OK) {
            semaphore_makes_sense(info);
        }
        use_wait(&(mproc_wait_item_t){ .condition = MPROC_WAIT_SEMAPHORE, .object = semaphore }, 1, rng);
        RUN(S_ACQUIRE, mproc_semaphore_acquire(semaphore, SHORT, token));
        for (int k = 0; k <= PERMIT_COUNT; k++) {
            RUN(S_ACQUIRE, mproc_semaphore_try(semaphore));
        }
        RUN(S_ACQUIRE | S(MPROC_ECANCELED), mproc_semaphore_acquire(semaphore, MPROC_FOREVER, set));
        RUN(S_RELEASE, mproc_semaphore_release(semaphore, 1));
        RUN(S_RELEASE, mproc_semaphore_release(semaphore, 0));
        RUN(S_RELEASE & ~S_OK, mproc_semaphore_release(semaphore, UINT32_MAX)); /* nobody ever has so many */
        RUN(S_RELEASE & ~S_OK, mproc_semaphore_release(semaphore, MPROC_SEMAPHORE_MAX + 1u));
        RUN(S_RELEASE, mproc_semaphore_release(semaphore, (uint32_t)rng_below(rng, 5)));
        RUN(S_RELEASE, mproc_semaphore_release(semaphore, 1u << rng_below(rng, 31)));
        if (i == 0) {
            RUN(S_ACQUIRE, mproc_semaphore_acquire(semaphore, 0, token));
        }
    }
    mproc_cancel_close(token);
    mproc_cancel_close(set);
    OUTS_END();
}

/* --- the condition ----------------------------------------------------------------------------------------------- */

void use_condition(void *handle, struct rng *rng)
{
    const mproc_condition_t *condition = ((struct waiting_room *)handle)->condition;
    mproc_cancel_t *token = maybe_token(rng), *set = set_token();
    mproc_condition_info_t *info;
    uint64_t owner = 1 + rng_below(rng, (UINT64_C(1) << 63) - 1);
    outs_begin();
    info = out(sizeof *info);
    for (int i = 0; i < 2; i++) {
        if (RUN(S_OWN, mproc_condition_info(condition, info, sizeof *info)) == MPROC_OK) {
            INSIST(info->waiters <= MPROC_CONDITION_WAITERS && info->reserved == 0);
            INSIST(info->lock_kind == MPROC_CONDITION_OWN || info->lock_kind == MPROC_KIND_LOCK ||
                   info->lock_kind == MPROC_KIND_RLOCK);
        }
        RUN(S_OWN, mproc_condition_notify(condition, (uint32_t)rng_below(rng, 3)));
        RUN(S_LEVEL, mproc_condition_lock(condition, SHORT, token));
        RUN(S_LEVEL, mproc_condition_try(condition));
        RUN(S_WAIT, mproc_condition_wait(condition, i ? SHORT : 0, token));
        RUN(S_OWN, mproc_condition_notify(condition, 1));
        RUN(S_WAIT | S(MPROC_ECANCELED), mproc_condition_wait(condition, MPROC_FOREVER, set));
        RUN(S_LEVEL | S(MPROC_ECANCELED), mproc_condition_lock(condition, MPROC_FOREVER, set));
        RUN(S_OWN, mproc_condition_notify_all(condition));
        for (int k = 0; k < 3; k++) {
            RUN(S_UNLOCK, mproc_condition_unlock(condition));
        }
        RUN(S_LEVEL, mproc_condition_lock_as(condition, owner, i ? 0 : SHORT, token));
        RUN(S_WAIT, mproc_condition_wait_as(condition, owner, SHORT, NULL));
        RUN(S_UNLOCK, mproc_condition_unlock_as(condition, owner));
        RUN(S_UNLOCK, mproc_condition_unlock_as(condition, owner));
    }
    mproc_cancel_close(token);
    mproc_cancel_close(set);
    OUTS_END();
}

/* --- the event --------------------------------------------------------------------------------------------------- */

void use_event(void *handle, struct rng *rng)
{
    const mproc_event_t *event = handle;
    mproc_cancel_t *token = maybe_token(rng), *set = set_token();
    int *is_set;
    outs_begin();
    is_set = out(sizeof *is_set);
    for (int i = 0; i < 2; i++) {
        RUN(S_FLAG, mproc_event_is_set(event, is_set));
        INSIST(*is_set == 0 || *is_set == 1);
        use_wait(&(mproc_wait_item_t){ .condition = MPROC_WAIT_EVENT, .object = event }, 1, rng);
        RUN(S_FLAG | S(MPROC_ETIMEDOUT), mproc_event_wait(event, i ? 0 : SHORT, token));
        RUN(S_FLAG | S(MPROC_ECANCELED), mproc_event_wait(event, MPROC_FOREVER, set));
        if (rng_below(rng, 2)) {
            RUN(S_FLAG, mproc_event_set(event));
        }
        if (rng_below(rng, 2)) {
            RUN(S_FLAG, mproc_event_clear(event));
        }
        RUN(S_FLAG | S(MPROC_ETIMEDOUT), mproc_event_wait(event, SHORT, NULL));
    }
    mproc_cancel_close(token);
    mproc_cancel_close(set);
    OUTS_END();
}

/* --- the barrier ------------------------------------------------------------------------------------------------- */

static int action(void *context)
{
    return *(const int *)context;
}

/* What a party that came through, or did not, was told. */
static void index_makes_sense(int status, uint32_t index, uint32_t parties)
{
    INSIST(status == MPROC_OK ? index < parties : index == UNSET);
}

void use_barrier(void *handle, struct rng *rng)
{
    const mproc_barrier_t *barrier = handle;
    const uint64_t waits = S_PARTY | S(MPROC_ETIMEDOUT);
    mproc_cancel_t *token = maybe_token(rng), *set = set_token();
    mproc_barrier_info_t *info;
    uint32_t *index, parties = MPROC_BARRIER_MAX;
    int result = (int)rng_below(rng, 2), status;
    outs_begin();
    info = out(sizeof *info);
    index = out(sizeof *index);
    for (int i = 0; i < 2; i++) {
        int timeout = rng_below(rng, 2) ? 0 : SHORT;
        if (RUN(S_OWN, mproc_barrier_info(barrier, info, sizeof *info)) == MPROC_OK) {
            INSIST(info->parties >= 1 && info->parties <= MPROC_BARRIER_MAX && info->waiting <= info->parties);
            INSIST(info->broken == 0 || info->broken == 1);
            parties = info->parties;
        }
        *index = UNSET;
        status = RUN(waits, mproc_barrier_wait(barrier, timeout, token, index));
        index_makes_sense(status, *index, parties);
        RUN(waits, mproc_barrier_wait(barrier, 0, NULL, NULL));
        RUN(S_INNER | S(MPROC_EOVERFLOW), mproc_barrier_register(barrier));
        *index = UNSET;
        status = RUN(waits, mproc_barrier_wait_action(barrier, action, &result, timeout, token, index));
        index_makes_sense(status, *index, parties);
        RUN(S_INNER, mproc_barrier_reset(barrier));
        RUN(waits | S(MPROC_ECANCELED), mproc_barrier_wait(barrier, MPROC_FOREVER, set, index));
        RUN(S_INNER | S(MPROC_EPERM), mproc_barrier_unregister(barrier));
        RUN(S_INNER | S(MPROC_EPERM), mproc_barrier_unregister(barrier));
        if (rng_below(rng, 2)) {
            RUN(S_INNER, mproc_barrier_abort(barrier));
            RUN(waits, mproc_barrier_wait(barrier, SHORT, token, NULL));
        }
        RUN(S_INNER, mproc_barrier_reset(barrier));
    }
    mproc_cancel_close(token);
    mproc_cancel_close(set);
    OUTS_END();
}

/* --- making them ------------------------------------------------------------------------------------------------- */

int create_rlock(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    mproc_rlock_options_t o = MPROC_RLOCK_OPTIONS_INIT;
    o.flags = flags;
    return mproc_rlock_create(domain, name, &o, (mproc_rlock_t **)handle);
}

int create_rwlock(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    mproc_rwlock_options_t o = MPROC_RWLOCK_OPTIONS_INIT;
    o.flags = flags;
    return mproc_rwlock_create(domain, name, &o, (mproc_rwlock_t **)handle);
}

int create_semaphore(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    mproc_semaphore_options_t o = MPROC_SEMAPHORE_OPTIONS_INIT;
    o.flags = flags;
    o.initial = PERMIT_COUNT;
    return mproc_semaphore_create(domain, name, &o, (mproc_semaphore_t **)handle);
}

int create_permits(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    return create_semaphore(domain, name, flags | MPROC_SEMAPHORE_ACCOUNTING, handle);
}

int create_event(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    mproc_event_options_t o = MPROC_EVENT_OPTIONS_INIT;
    o.flags = flags;
    return mproc_event_create(domain, name, &o, (mproc_event_t **)handle);
}

int create_barrier(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    mproc_barrier_options_t o = MPROC_BARRIER_OPTIONS_INIT;
    o.flags = flags;
    o.parties = PARTIES;
    return mproc_barrier_create(domain, name, &o, (mproc_barrier_t **)handle);
}

void close_condition(void *handle)
{
    struct waiting_room *room = handle;
    if (room) {
        mproc_condition_close(room->condition);
        mproc_lock_close(room->lock);
        free(room);
    }
}

/* The condition that the status is about, or nothing. */
static int keep_room(int status, struct waiting_room *room, void **handle)
{
    if (status < MPROC_OK) {
        close_condition(room);
    } else {
        *handle = room;
    }
    return status;
}

static struct waiting_room *new_room(void)
{
    struct waiting_room *room = calloc(1, sizeof *room);
    if (!room) {
        _exit(4);
    }
    return room;
}

int create_condition(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    struct waiting_room *room = new_room();
    mproc_condition_options_t o = MPROC_CONDITION_OPTIONS_INIT;
    o.flags = flags;
    return keep_room(mproc_condition_create(domain, name, &o, &room->condition), room, handle);
}

int open_condition(const mproc_domain_t *domain, const char *name, void **handle)
{
    struct waiting_room *room = new_room();
    return keep_room(mproc_condition_open(domain, name, NULL, &room->condition), room, handle);
}

int create_bound(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle)
{
    struct waiting_room *room = new_room();
    mproc_lock_options_t l = MPROC_LOCK_OPTIONS_INIT;
    mproc_condition_options_t o = MPROC_CONDITION_OPTIONS_INIT;
    int status;
    l.flags = (flags & MPROC_PERSIST) | MPROC_EXIST_OK; /* one lock for all conditions of the domain */
    status = mproc_lock_create(domain, BOUND_TO, &l, &room->lock);
    if (status >= MPROC_OK) {
        o.flags = flags;
        o.lock = room->lock;
        status = mproc_condition_create(domain, name, &o, &room->condition);
    }
    return keep_room(status, room, handle);
}

int open_bound(const mproc_domain_t *domain, const char *name, void **handle)
{
    struct waiting_room *room = new_room();
    mproc_condition_options_t o = MPROC_CONDITION_OPTIONS_INIT;
    int status = mproc_lock_open(domain, BOUND_TO, NULL, &room->lock);
    if (status == MPROC_OK) {
        guards_prepare(); /* the lock is mapped, too */
        o.lock = room->lock;
        status = mproc_condition_open(domain, name, &o, &room->condition);
    }
    return keep_room(status, room, handle);
}

int import_condition(const mproc_domain_t *domain, const mproc_handle_t *handle, void **object)
{
    struct waiting_room *room = new_room();
    mproc_condition_options_t o = MPROC_CONDITION_OPTIONS_INIT;
    int status = mproc_condition_import(handle, NULL, &room->condition);
    if (status == MPROC_ETYPE && mproc_lock_open(domain, BOUND_TO, NULL, &room->lock) == MPROC_OK) {
        o.lock = room->lock;
        status = mproc_condition_import(handle, &o, &room->condition);
    }
    return keep_room(status, room, object);
}

int open_rlock(const mproc_domain_t *domain, const char *name, void **handle)
{
    return mproc_rlock_open(domain, name, NULL, (mproc_rlock_t **)handle);
}

int open_rwlock(const mproc_domain_t *domain, const char *name, void **handle)
{
    return mproc_rwlock_open(domain, name, NULL, (mproc_rwlock_t **)handle);
}

int open_semaphore(const mproc_domain_t *domain, const char *name, void **handle)
{
    return mproc_semaphore_open(domain, name, NULL, (mproc_semaphore_t **)handle);
}

int open_event(const mproc_domain_t *domain, const char *name, void **handle)
{
    return mproc_event_open(domain, name, NULL, (mproc_event_t **)handle);
}

int open_barrier(const mproc_domain_t *domain, const char *name, void **handle)
{
    return mproc_barrier_open(domain, name, NULL, (mproc_barrier_t **)handle);
}

void close_rlock(void *handle)
{
    mproc_rlock_close(handle);
}

void close_rwlock(void *handle)
{
    mproc_rwlock_close(handle);
}

void close_semaphore(void *handle)
{
    mproc_semaphore_close(handle);
}

void close_event(void *handle)
{
    mproc_event_close(handle);
}

void close_barrier(void *handle)
{
    mproc_barrier_close(handle);
}

/* --- what stands where ------------------------------------------------------------------------------------------- */

const struct field lock_params[1] = { { AT_ANY_RELEASE, 4, NUMBER } };
const struct field semaphore_params[2] = { { AT_INITIAL, 4, NUMBER }, { AT_SEMAPHORE_MODE, 4, NUMBER } };
const struct field condition_params[2] = { { AT_LOCK_KIND, 4, NUMBER }, { AT_LOCK_IDENTITY, 8, NUMBER } };
const struct field barrier_params[1] = { { AT_PARTIES, 4, NUMBER } };

const struct field rlock_hot[3] = { { AT_LEVELS, 4, NUMBER }, { AT_TOKEN, 8, NUMBER }, { AT_TOKEN_OWNER, 4, OWNER } };
const struct field rwlock_hot[10] = {
    { AT_WRITER, 4, OWNER },     { AT_INSIDE, 4, NUMBER },   { AT_GROUPS, 4, NUMBER },
    { AT_SEEN, 8, NUMBER },      { AT_GATE, 4, NUMBER },     { AT_GATE + 4, 4, NUMBER },
    { AT_DRAINED, 4, NUMBER },   { AT_DRAINED + 4, 4, NUMBER }, { AT_READERS, 8, HELD_COUNT },
    { AT_READERS, 8, HELD_COUNT },
};
const struct field semaphore_hot[3] = {
    { AT_VALUE, 4, NUMBER }, { AT_PERMITS_EVENT, 4, NUMBER }, { AT_PERMITS_EVENT + 4, 4, NUMBER }
};
const struct field permits_hot[8] = {
    { AT_VALUE, 4, NUMBER },       { AT_PERMITS_EVENT, 4, NUMBER }, { AT_PERMITS_EVENT + 4, 4, NUMBER },
    { AT_PERMITS_LOCK, 4, OWNER }, { AT_RECLAIMED, 4, NUMBER },     { AT_HOLDERS, 8, HELD_COUNT },
    { AT_HOLDERS, 8, HELD_COUNT },  { AT_PERMITS_SWEPT, 8, NUMBER },
};
const struct field condition_hot[11] = {
    { AT_LEVELS, 4, NUMBER },           { AT_TOKEN, 8, NUMBER },            { AT_TOKEN_OWNER, 4, OWNER },
    { AT_TICKETS_SWEPT, 8, NUMBER },    { AT_TICKET_BITS, 8, NUMBER },      { AT_TICKETS_NEXT, 8, NUMBER },
    { AT_TICKET_OWNERS, 8, TENANT },    { AT_TICKET_OWNERS, 8, TENANT },    { AT_TICKET_NUMBERS, 8, TICKET_NUMBER },
    { AT_TICKET_STATES, 4, TICKET_STATE }, { AT_TICKET_STATES, 4, TICKET_STATE },
};
const struct field event_hot[1] = { { AT_EVENT, 4, NUMBER } };
const struct field barrier_hot[14] = {
    { AT_BARRIER_LOCK, 4, OWNER }, { AT_ROUND, 4, NUMBER },          { AT_BROKEN, 4, NUMBER },
    { AT_ARRIVED, 4, NUMBER },     { AT_VERDICT, 4, NUMBER },        { AT_DEATHS, 4, NUMBER },
    { AT_BARRIER_LOOKED, 8, NUMBER }, { AT_PHASE, 4, NUMBER },       { AT_REGISTERED, 8, HELD_COUNT },
    { AT_PLACE_OWNERS, 8, TENANT }, { AT_PLACE_OWNERS, 8, TENANT },  { AT_PLACE_MARKS, 8, PLACE },
    { AT_PLACE_MARKS, 8, PLACE },  { AT_PLACE_SINCE, 8, NUMBER },
};
