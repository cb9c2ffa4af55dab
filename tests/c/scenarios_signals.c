/* Stories about frequent signals, about polling instead of waiting, and about a fork during the first call. */
#include "scenarios.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

/* A process takes the lock and is killed while holding it. */
static void hold_and_be_killed(const char *name)
{
    pid_t holder = proc_fork();
    if (holder == 0) {
        OK(mproc_lock_lock(old_lock(name), 0, NULL));
        atomic_fetch_add(&stage->step, 1);
        for (;;) {
            pause();
        }
    }
    AWAIT(stage->step, 1);
    kill(holder, SIGKILL);
    CHECK(proc_wait(holder, 20 * SEC, NULL));
}

static void nothing(int signal)
{
    (void)signal;
}

/* A timer of 2 ms interrupts every sleep long before its slice ends: the death must be noticed all the same. */
static void signals_do_not_hide_a_death(void)
{
    struct sigaction action = { .sa_handler = nothing };
    struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };
    mproc_lock_t *lock = new_lock("lock");
    pid_t holder = proc_fork();
    if (holder == 0) {
        OK(mproc_lock_lock(lock, 0, NULL));
        atomic_store(&stage->step, 1);
        for (;;) {
            pause();
        }
    }
    AWAIT(stage->step, 1);
    pid_t killer = proc_fork();
    if (killer == 0) {
        usleep(100000); /* the waiter is asleep by then; if not, it has it easier */
        kill(holder, SIGKILL);
        _exit(0);
    }
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    EXPECT(mproc_lock_lock(lock, MPROC_FOREVER, NULL), MPROC_RECOVERED);
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    OK(mproc_lock_unlock(lock));
    JOIN(killer);
}

/* Trying a lock that a living process holds must not use up the questions about one whose holder is dead. */
static void polling_two_locks(void)
{
    mproc_lock_t *living = new_lock("living"), *dead = new_lock("dead");
    pid_t holder = proc_fork();
    if (holder == 0) {
        OK(mproc_lock_lock(living, 0, NULL));
        atomic_store(&stage->flag[0], 1);
        for (;;) {
            pause();
        }
    }
    AWAIT(stage->flag[0], 1);
    hold_and_be_killed("dead");
    for (int i = 0;; i++) {
        EXPECT(mproc_lock_try(living), MPROC_ETIMEDOUT);
        int status = mproc_lock_try(dead);
        if (status == MPROC_RECOVERED) {
            break;
        }
        CHECK(status == MPROC_ETIMEDOUT && i < 1000);
        usleep(2000);
    }
    kill(holder, SIGKILL);
    CHECK(proc_wait(holder, 20 * SEC, NULL));
}

static void *first_call(void *go)
{
    while (!atomic_load((_Atomic uint32_t *)go)) {
    }
    mproc_lock_t *lock = NULL;
    OK(mproc_lock_create(NULL, NULL, NULL, &lock));
    mproc_lock_close(lock);
    return NULL;
}

/* One thread makes the process's first call while another one forks: the child must be able to make its own. */
static void fork_beside_the_first_call(void)
{
    for (int i = 0; i < 100; i++) {
        IN_CHILD({ /* a process that has not called the library yet */
            static _Atomic uint32_t go;
            pthread_t thread;
            CHECK(pthread_create(&thread, NULL, first_call, &go) == 0);
            atomic_store(&go, 1);
            for (volatile int spin = 0; spin < i * 200; spin++) {
            }
            pid_t child = fork();
            if (child == 0) {
                mproc_lock_t *lock = NULL;
                OK(mproc_lock_create(NULL, NULL, NULL, &lock));
                OK(mproc_lock_lock(lock, 0, NULL));
                _exit(0);
            }
            JOIN(child);
            pthread_join(thread, NULL);
        });
    }
}

const struct scenario signal_scenarios[] = {
    { .name = "signals-do-not-hide-a-death", .play = signals_do_not_hide_a_death },
    { .name = "polling-two-locks", .play = polling_two_locks },
    { .name = "fork-beside-the-first-call", .play = fork_beside_the_first_call, .limit_s = 60 },
    { 0 },
};
