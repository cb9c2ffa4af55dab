/* Cancel tokens: every blocking call ends promptly, whoever sets the token. */
#include "api_test.h"

#include "check.h"

#include <pthread.h>

typedef struct {
    mproc_lock_t *lock;
    mproc_value_t *value;
    mproc_array_t *array;
    mproc_queue_t *empty;
    mproc_queue_t *full;
    mproc_cancel_t *cancel;
    int which;
} stage_t;

enum { CALLS = 7 };

/* Each of the calls that block, on something that never becomes free. */
static int block(stage_t *s, int which) {
    char buf[8];
    size_t len, lens[2], count;
    mproc_message_t message = {"x", 1};
    switch (which) {
    case 0: return mproc_lock_lock(s->lock, MPROC_FOREVER, s->cancel);
    case 1: return mproc_value_lock(s->value, MPROC_FOREVER, s->cancel);
    case 2: return mproc_array_lock(s->array, MPROC_FOREVER, s->cancel);
    case 3: return mproc_queue_get(s->empty, buf, sizeof buf, &len, MPROC_FOREVER, s->cancel);
    case 4: return mproc_queue_get_many(s->empty, buf, sizeof buf, lens, 2, &count, MPROC_FOREVER, s->cancel);
    case 5: return mproc_queue_put(s->full, "x", 1, MPROC_FOREVER, s->cancel);
    default: return mproc_queue_put_many(s->full, &message, 1, &count, MPROC_FOREVER, s->cancel);
    }
}

static void *waiter(void *argument) {
    stage_t *s = argument;
    CHECK_IS(MPROC_ECANCELED, block(s, s->which));
    return NULL;
}

static mproc_cancel_t *from_handler;

static void set_in_handler(int signal_number) {
    (void)signal_number;
    (void)mproc_cancel_set(from_handler); /* documented as async-signal-safe */
}

void api_cancel(void) {
    stage_t s;
    mproc_value_options_t value_options = MPROC_VALUE_OPTIONS_INIT;
    mproc_array_options_t array_options = MPROC_ARRAY_OPTIONS_INIT;
    mproc_queue_options_t one = MPROC_QUEUE_OPTIONS_INIT;
    char buf[8];
    size_t len = 0;
    int set = -1, again;

    memset(&s, 0, sizeof s);
    value_options.type_code = MPROC_TYPE_I32;
    array_options.type_code = MPROC_TYPE_I32;
    array_options.ndim = 1;
    array_options.shape[0] = 4;
    one.max_items = 1;
    NEED_OK(mproc_cancel_create(&s.cancel));
    NEED_OK(mproc_lock_create(NULL, NULL, NULL, &s.lock));
    NEED_OK(mproc_value_create(NULL, NULL, &value_options, &s.value));
    NEED_OK(mproc_array_create(NULL, NULL, &array_options, &s.array));
    NEED_OK(mproc_queue_create(NULL, NULL, &one, &s.empty));
    NEED_OK(mproc_queue_create(NULL, NULL, &one, &s.full));
    CHECK_OK(mproc_lock_lock(s.lock, 0, s.cancel)); /* a token that is not set changes nothing */
    CHECK_OK(mproc_value_lock(s.value, 0, s.cancel));
    CHECK_OK(mproc_array_lock(s.array, 0, s.cancel));
    CHECK_OK(mproc_queue_put(s.full, "x", 1, 0, s.cancel));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_put(s.full, "x", 1, 1000000, s.cancel));
    CHECK_OK(mproc_cancel_is_set(s.cancel, &set));
    CHECK_INT(0, set);

    for (s.which = 0; s.which < CALLS; s.which++) {
        pthread_t threads[2];
        int t;
        for (t = 0; t < 2; t++) { /* any number of calls may share a token */
            CHECK_INT(0, pthread_create(&threads[t], NULL, waiter, &s));
        }
        check_sleep_ms(5); /* most likely asleep by now; right in any case */
        CHECK_OK(mproc_cancel_set(s.cancel));
        for (t = 0; t < 2; t++) {
            CHECK_INT(0, pthread_join(threads[t], NULL));
        }
        CHECK_OK(mproc_cancel_is_set(s.cancel, &set));
        CHECK_INT(1, set);
        for (again = 0; again < 2; again++) { /* later calls, until it is cleared */
            CHECK_IS(MPROC_ECANCELED, block(&s, s.which));
        }
        CHECK_OK(mproc_cancel_clear(s.cancel));
        CHECK_OK(mproc_cancel_is_set(s.cancel, &set));
        CHECK_INT(0, set);
    }

    /* What can finish without waiting still does. */
    CHECK_OK(mproc_cancel_set(s.cancel));
    CHECK_OK(mproc_lock_unlock(s.lock));
    CHECK_OK(mproc_lock_lock(s.lock, MPROC_FOREVER, s.cancel));
    CHECK_OK(mproc_queue_get(s.full, buf, sizeof buf, &len, MPROC_FOREVER, s.cancel));
    CHECK_OK(mproc_queue_put(s.full, "y", 1, MPROC_FOREVER, s.cancel));
    CHECK_OK(mproc_cancel_clear(s.cancel));

    from_handler = s.cancel; /* a signal whose handler sets the token ends the wait */
    {
        struct sigaction action;
        struct itimerspec in_a_moment;
        struct sigevent event;
        timer_t timer;
        memset(&action, 0, sizeof action);
        memset(&in_a_moment, 0, sizeof in_a_moment);
        memset(&event, 0, sizeof event);
        action.sa_handler = set_in_handler;
        sigaction(SIGUSR1, &action, NULL);
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGUSR1;
        in_a_moment.it_value.tv_nsec = 10000000;
        CHECK_INT(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
        CHECK_INT(0, timer_settime(timer, 0, &in_a_moment, NULL));
        CHECK_IS(MPROC_ECANCELED, mproc_lock_lock(s.lock, MPROC_FOREVER, s.cancel));
        timer_delete(timer);
    }

    mproc_cancel_close(s.cancel);
    mproc_lock_close(s.lock);
    mproc_value_close(s.value);
    mproc_array_close(s.array);
    mproc_queue_close(s.empty);
    mproc_queue_close(s.full);
}
