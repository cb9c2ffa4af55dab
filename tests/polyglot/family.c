/* The worker's commands for rwlock, semaphore, condition, event and barrier. */
#include "worker.h"

#include <stdlib.h>

/* NULL for "-": anonymous. */
static const char *name_word(int i) {
    return is(i, "-") ? NULL : word(i);
}

static mproc_value_t *i64_value(const char *name) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *value;
    options.type_code = MPROC_TYPE_I64;
    need(mproc_value_open(NULL, name, &options, &value), name);
    return value;
}

static int64_t load(const mproc_value_t *from) {
    int64_t now = 0;
    need(mproc_value_get_i64(from, &now), "get");
    return now;
}

/* ---- rwlock ---- */

static mproc_rwlock_t *rwlock;

static int rwlock_take(bool writing, int64_t timeout, const mproc_cancel_t *cancel) {
    return writing ? mproc_rwlock_write_lock(rwlock, timeout, cancel) : mproc_rwlock_read_lock(rwlock, timeout, cancel);
}

static int rwlock_give(bool writing) {
    return writing ? mproc_rwlock_write_unlock(rwlock) : mproc_rwlock_read_unlock(rwlock);
}

static void rwlock_race(void) {
    mproc_value_t *even = i64_value(word(3));
    long long i;
    pass_gate(word(2));
    for (i = number(4); i > 0; i--) {
        bool writing = i % 4 == 0;
        int64_t now;
        need(rwlock_take(writing, MPROC_FOREVER, NULL), "lock");
        now = load(even);
        if (now % 2 != 0) {
            say("wrong: somebody writes meanwhile");
            exit(1);
        }
        if (writing) {
            need(mproc_value_set_i64(even, now + 1), "set");
            need(mproc_value_set_i64(even, now + 2), "set");
        }
        need(rwlock_give(writing), "unlock");
    }
    mproc_value_close(even);
    say("ok");
}

static void do_rwlock(void) {
    bool writing = is(2, "write");
    if (is(1, "create")) {
        answer(mproc_rwlock_create(NULL, name_word(2), NULL, &rwlock));
    } else if (is(1, "open")) {
        answer(mproc_rwlock_open(NULL, word(2), NULL, &rwlock));
    } else if (is(1, "take")) {
        taken(number(3) != 0 ? rwlock_take(writing, timeout_ns(3), NULL)
              : writing      ? mproc_rwlock_write_try(rwlock)
                             : mproc_rwlock_read_try(rwlock));
    } else if (is(1, "give")) {
        answer(rwlock_give(writing));
    } else if (is(1, "cancel")) {
        canceller_t canceller;
        int status;
        canceller_start(&canceller, timeout_ns(3));
        status = rwlock_take(writing, MPROC_FOREVER, canceller.token);
        canceller_end(&canceller);
        taken(status);
    } else if (is(1, "info")) {
        mproc_rwlock_info_t info;
        if (well(mproc_rwlock_info(rwlock, &info, sizeof info))) {
            say("%u %s %s", (unsigned)info.readers, info.writing ? "writing" : info.writer.held ? "waiting" : "nobody",
                info.inconsistent ? "inconsistent" : "clean");
        }
    } else if (is(1, "race")) {
        rwlock_race();
    } else if (is(1, "close")) {
        mproc_rwlock_close(rwlock);
        rwlock = NULL;
        say("ok");
    } else {
        travel();
    }
}

/* ---- semaphore ---- */

mproc_semaphore_t *semaphore;

static void semaphore_race(void) {
    mproc_value_t *inside = i64_value(word(3));
    long long i;
    pass_gate(word(2));
    for (i = number(4); i > 0; i--) {
        int64_t others = 0;
        need(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL), "acquire");
        need(mproc_value_add(inside, 1, &others), "add");
        if (others > 0) {
            say("wrong: somebody else is inside");
            exit(1);
        }
        need(mproc_value_add(inside, -1, NULL), "add");
        need(mproc_semaphore_release(semaphore, 1), "release");
    }
    mproc_value_close(inside);
    say("ok");
}

static void do_semaphore(void) {
    if (is(1, "create")) {
        mproc_semaphore_options_t options = MPROC_SEMAPHORE_OPTIONS_INIT;
        options.initial = (uint32_t)number(3);
        options.flags = is(4, "bounded")      ? MPROC_SEMAPHORE_BOUNDED
                        : is(4, "accounting") ? MPROC_SEMAPHORE_ACCOUNTING
                                              : 0;
        answer(mproc_semaphore_create(NULL, name_word(2), &options, &semaphore));
    } else if (is(1, "open")) {
        answer(mproc_semaphore_open(NULL, word(2), NULL, &semaphore));
    } else if (is(1, "take")) {
        taken(number(2) == 0 ? mproc_semaphore_try(semaphore)
                             : mproc_semaphore_acquire(semaphore, timeout_ns(2), NULL));
    } else if (is(1, "give")) {
        answer(mproc_semaphore_release(semaphore, (uint32_t)number(2)));
    } else if (is(1, "cancel")) {
        canceller_t canceller;
        int status;
        canceller_start(&canceller, timeout_ns(2));
        status = mproc_semaphore_acquire(semaphore, MPROC_FOREVER, canceller.token);
        canceller_end(&canceller);
        taken(status);
    } else if (is(1, "info")) {
        mproc_semaphore_info_t info;
        if (well(mproc_semaphore_info(semaphore, &info, sizeof info))) {
            say("%u %u %u %u", (unsigned)info.value, (unsigned)info.held, (unsigned)info.holders,
                (unsigned)info.reclaimed);
        }
    } else if (is(1, "race")) {
        semaphore_race();
    } else if (is(1, "storm")) {
        bool first;
        for (first = true;; first = false) {
            need(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL), "acquire");
            need(mproc_semaphore_release(semaphore, 1), "release");
            if (first) {
                say("started");
            }
        }
    } else if (is(1, "close")) {
        mproc_semaphore_close(semaphore);
        semaphore = NULL;
        say("ok");
    } else {
        travel();
    }
}

/* ---- condition ---- */

static mproc_condition_t *condition;

static void notified(int status) {
    if (well(status)) {
        say(status == MPROC_RECOVERED ? "recovered" : "notified");
    }
}

static void condition_turns(void) {
    mproc_value_t *turn = i64_value(word(2));
    long long i;
    for (i = number(5); i > 0; i--) {
        need(mproc_condition_lock(condition, MPROC_FOREVER, NULL), "lock");
        while (load(turn) % number(3) != number(4)) {
            need(mproc_condition_wait(condition, MPROC_FOREVER, NULL), "wait");
        }
        need(mproc_value_set_i64(turn, load(turn) + 1), "set");
        need(mproc_condition_notify_all(condition), "notify");
        need(mproc_condition_unlock(condition), "unlock");
    }
    mproc_value_close(turn);
    say("ok");
}

static void do_condition(void) {
    if (is(1, "create") || is(1, "open")) {
        mproc_condition_options_t options = MPROC_CONDITION_OPTIONS_INIT;
        options.lock = is(3, "bound") ? lock : NULL;
        options.rlock = is(3, "bound") ? lock_recursive : NULL;
        answer(is(1, "open") ? mproc_condition_open(NULL, word(2), &options, &condition)
                             : mproc_condition_create(NULL, name_word(2), &options, &condition));
    } else if (is(1, "take")) {
        taken(number(2) == 0 ? mproc_condition_try(condition) : mproc_condition_lock(condition, timeout_ns(2), NULL));
    } else if (is(1, "give")) {
        answer(mproc_condition_unlock(condition));
    } else if (is(1, "wait")) {
        notified(mproc_condition_wait(condition, timeout_ns(2), NULL));
    } else if (is(1, "cancel")) {
        canceller_t canceller;
        int status;
        canceller_start(&canceller, timeout_ns(2));
        status = mproc_condition_wait(condition, MPROC_FOREVER, canceller.token);
        canceller_end(&canceller);
        notified(status);
    } else if (is(1, "notify")) {
        answer(is(2, "all") ? mproc_condition_notify_all(condition)
                            : mproc_condition_notify(condition, (uint32_t)number(2)));
    } else if (is(1, "info")) {
        mproc_condition_info_t info;
        if (well(mproc_condition_info(condition, &info, sizeof info))) {
            say("%u %u", (unsigned)info.waiters, (unsigned)info.regranted);
        }
    } else if (is(1, "turns")) {
        condition_turns();
    } else if (is(1, "close")) {
        mproc_condition_close(condition);
        condition = NULL;
        say("ok");
    } else {
        travel();
    }
}

/* ---- event ---- */

mproc_event_t *event;

static void was_set(int status) {
    if (well(status)) {
        say("set");
    }
}

static void do_event(void) {
    if (is(1, "create")) {
        answer(mproc_event_create(NULL, name_word(2), NULL, &event));
    } else if (is(1, "open")) {
        answer(mproc_event_open(NULL, word(2), NULL, &event));
    } else if (is(1, "set")) {
        answer(mproc_event_set(event));
    } else if (is(1, "clear")) {
        answer(mproc_event_clear(event));
    } else if (is(1, "pulse")) {
        if (well(mproc_event_set(event))) {
            answer(mproc_event_clear(event));
        }
    } else if (is(1, "ask")) {
        int set;
        if (well(mproc_event_is_set(event, &set))) {
            say(set ? "set" : "clear");
        }
    } else if (is(1, "wait")) {
        was_set(mproc_event_wait(event, timeout_ns(2), NULL));
    } else if (is(1, "cancel")) {
        canceller_t canceller;
        int status;
        canceller_start(&canceller, timeout_ns(2));
        status = mproc_event_wait(event, MPROC_FOREVER, canceller.token);
        canceller_end(&canceller);
        was_set(status);
    } else if (is(1, "close")) {
        mproc_event_close(event);
        event = NULL;
        say("ok");
    } else {
        travel();
    }
}

/* ---- barrier ---- */

static mproc_barrier_t *barrier;

static mproc_barrier_info_t barrier_info(void) {
    mproc_barrier_info_t info;
    need(mproc_barrier_info(barrier, &info, sizeof info), "info");
    return info;
}

static void passed(int status, uint32_t index) {
    if (well(status)) {
        say("passed %u", (unsigned)index);
    }
}

/* What the last party does before all pass. */
typedef struct {
    mproc_value_t *rounds; /* NULL: it fails */
    bool ran;
} action_t;

static int act(void *context) {
    action_t *action = context;
    action->ran = true;
    return action->rounds == NULL || mproc_value_add(action->rounds, 1, NULL) != MPROC_OK;
}

static void barrier_rounds(void) {
    uint32_t parties = barrier_info().parties, index;
    action_t action = {i64_value(word(3)), false};
    long long i, round = number(2);
    for (i = 0; i < round; i++) {
        need(mproc_barrier_wait_action(barrier, act, &action, MPROC_FOREVER, NULL, &index), "wait");
        if (load(action.rounds) < i + 1) {
            say("wrong: passed round %lld before the action", i);
            exit(1);
        }
        count_mark((size_t)i * parties + index);
    }
    mproc_value_close(action.rounds);
    say("ok");
}

static void barrier_storm(void) {
    int status;
    bool first;
    need(mproc_barrier_register(barrier), "register");
    for (first = true; (status = mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL)) == MPROC_OK; first = false) {
        if (first) {
            say("started");
        }
    }
    need(mproc_barrier_unregister(barrier), "unregister");
    answer(status);
}

static void do_barrier(void) {
    uint32_t index = 0;
    if (is(1, "create")) {
        mproc_barrier_options_t options = MPROC_BARRIER_OPTIONS_INIT;
        options.parties = (uint32_t)number(3);
        answer(mproc_barrier_create(NULL, name_word(2), &options, &barrier));
    } else if (is(1, "open")) {
        answer(mproc_barrier_open(NULL, word(2), NULL, &barrier));
    } else if (is(1, "wait")) {
        int status = mproc_barrier_wait(barrier, timeout_ns(2), NULL, &index);
        passed(status, index);
    } else if (is(1, "fail")) {
        action_t action = {NULL, false};
        int status = mproc_barrier_wait_action(barrier, act, &action, timeout_ns(2), NULL, &index);
        if (action.ran && status == MPROC_EBROKEN) {
            say("failed");
        } else {
            passed(status, index);
        }
    } else if (is(1, "cancel")) {
        canceller_t canceller;
        int status;
        canceller_start(&canceller, timeout_ns(2));
        status = mproc_barrier_wait(barrier, MPROC_FOREVER, canceller.token, &index);
        canceller_end(&canceller);
        passed(status, index);
    } else if (is(1, "abort")) {
        answer(mproc_barrier_abort(barrier));
    } else if (is(1, "reset")) {
        answer(mproc_barrier_reset(barrier));
    } else if (is(1, "register")) {
        answer(mproc_barrier_register(barrier));
    } else if (is(1, "unregister")) {
        answer(mproc_barrier_unregister(barrier));
    } else if (is(1, "info")) {
        mproc_barrier_info_t info = barrier_info();
        say("%u %s %u", (unsigned)info.waiting, info.broken ? "broken" : "whole", (unsigned)info.registered);
    } else if (is(1, "rounds")) {
        barrier_rounds();
    } else if (is(1, "storm")) {
        barrier_storm();
    } else if (is(1, "close")) {
        mproc_barrier_close(barrier);
        barrier = NULL;
        say("ok");
    } else {
        travel();
    }
}

/* ---- all of them ---- */

bool do_family(void) {
    if (is(0, "rwlock")) {
        do_rwlock();
    } else if (is(0, "semaphore")) {
        do_semaphore();
    } else if (is(0, "condition")) {
        do_condition();
    } else if (is(0, "event")) {
        do_event();
    } else if (is(0, "barrier")) {
        do_barrier();
    } else {
        return false;
    }
    return true;
}

int family_export(mproc_handle_t **handle) {
    return is(0, "rwlock")      ? mproc_rwlock_export(rwlock, handle)
           : is(0, "semaphore") ? mproc_semaphore_export(semaphore, handle)
           : is(0, "condition") ? mproc_condition_export(condition, handle)
           : is(0, "event")     ? mproc_event_export(event, handle)
                                : mproc_barrier_export(barrier, handle);
}

int family_import(const mproc_handle_t *handle) {
    return is(0, "rwlock")      ? mproc_rwlock_import(handle, NULL, &rwlock)
           : is(0, "semaphore") ? mproc_semaphore_import(handle, NULL, &semaphore)
           : is(0, "condition") ? mproc_condition_import(handle, NULL, &condition)
           : is(0, "event")     ? mproc_event_import(handle, NULL, &event)
                                : mproc_barrier_import(handle, NULL, &barrier);
}

void family_close(void) {
    mproc_rwlock_close(rwlock);
    mproc_semaphore_close(semaphore);
    mproc_condition_close(condition);
    mproc_event_close(event);
    mproc_barrier_close(barrier);
}
