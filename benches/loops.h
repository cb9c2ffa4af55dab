/*
 * The measured loops, once for every side: a side passes its operations as constants and the compiler
 * inlines them, so that ours and the reference run the same loop and differ only in the operation.
 */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <string.h>

#include "bench.h"

#define BENCH_INLINE static inline __attribute__((always_inline))

enum {
    WARM_UP = 32 * BATCH,
    WARM_UP_CALLS = BATCH, /* of another process that answers each: a thousand would last longer than what is measured */
    WARM_UP_MEETINGS = 4 * BATCH, /* of two processes that sleep: a thousand would last longer than what is measured */
    WARM_UP_BYTES = 64 << 20,
    LONG_MESSAGE = 1024
};

/* How many messages to warm up with: long ones have touched everything after a few. */
BENCH_INLINE uint64_t warm_up(size_t len)
{
    return len > WARM_UP_BYTES / WARM_UP ? (uint64_t)WARM_UP_BYTES / len : (uint64_t)WARM_UP;
}

static inline void cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

BENCH_INLINE void loop_after(struct run *run, void *ctx, void (*op)(void *ctx, uint64_t i), uint64_t warm_up_ops)
{
    const uint64_t n = run->n; /* in a register: the operations are barriers for the compiler */
    for (uint64_t i = 0; i < warm_up_ops; i++)
        op(ctx, i);
    run_start(run);
    for (uint64_t i = 0; i < n; i++)
        op(ctx, i);
    run_stop(run, n);
}

/* One operation, again and again, in one process. */
BENCH_INLINE void loop_op(struct run *run, void *ctx, void (*op)(void *ctx, uint64_t i))
{
    loop_after(run, ctx, op, WARM_UP);
}

/* The same of an operation that asks another process. */
BENCH_INLINE void loop_call(struct run *run, void *ctx, void (*op)(void *ctx, uint64_t i))
{
    loop_after(run, ctx, op, WARM_UP_CALLS);
}

/* One operation, again and again, in one process or in two at a time, which begin at different places. */
BENCH_INLINE void loop_rate(struct run *run, void *ctx, void (*op)(void *ctx, uint64_t i))
{
    const uint64_t first = (uint64_t)run->role * WARM_UP;
    uint64_t at = first;

    for (uint64_t i = 0; i < WARM_UP; i++)
        op(ctx, i);
    run_start(run);
    while (run_goes_on(run))
        op(ctx, at++);
    run_stop(run, at - first);
    __atomic_add_fetch(run_guarded_counter(run), at - first, __ATOMIC_RELAXED);
}

/* Two processes that want the same lock all the time; `option` is work outside the lock. */
BENCH_INLINE void loop_contend(struct run *run, void *ctx, void (*lock)(void *), void (*unlock)(void *))
{
    volatile uint64_t *counter = run_guarded_counter(run);
    const int outside = run->side->option;
    uint64_t done = 0;

    lock(ctx);
    unlock(ctx);
    run_start(run);
    while (run_goes_on(run)) {
        lock(ctx);
        *counter = *counter + 1;
        unlock(ctx);
        done++;
        for (int i = 0; i < outside; i++)
            __asm__ volatile("" ::: "memory");
    }
    run_stop(run, done);
}

/* Two processes that read under the same lock all the time. Each counts what it did when it is through, writing. */
BENCH_INLINE void loop_read(struct run *run, void *ctx, void (*lock)(void *), void (*unlock)(void *),
                            void (*write_lock)(void *), void (*write_unlock)(void *))
{
    volatile uint64_t *counter = run_guarded_counter(run);
    uint64_t done = 0;

    lock(ctx);
    unlock(ctx);
    run_start(run);
    while (run_goes_on(run)) {
        lock(ctx);
        unlock(ctx);
        done++;
    }
    run_stop(run, done);
    write_lock(ctx);
    *counter = *counter + done;
    write_unlock(ctx);
}

static inline void message_number(unsigned char *message, uint64_t number)
{
    memcpy(message, &number, sizeof number);
}

static inline void message_check(const unsigned char *message, uint64_t number)
{
    uint64_t seen;
    memcpy(&seen, message, sizeof seen);
    if (__builtin_expect(seen != number, 0))
        die("message %llu arrived where %llu was due", (unsigned long long)seen, (unsigned long long)number);
}

typedef void (*send_fn)(void *ctx, const void *message, size_t len);
typedef void (*receive_fn)(void *ctx, void *message, size_t len);

/* Member 0 sends numbered messages, member 1 receives and checks them: of long ones also the end, which comes last. */
BENCH_INLINE void loop_stream(struct run *run, void *ctx, send_fn send, receive_fn receive)
{
    unsigned char *message = run_buffer();
    const size_t len = run->side->size;
    unsigned char *last = message + len - sizeof(uint64_t);

    for (int phase = 0; phase < 2; phase++) {
        const uint64_t n = phase ? run->n : warm_up(len);
        if (phase)
            run_start(run);
        if (run->role == 0) {
            for (uint64_t i = 0; i < n; i++) {
                message_number(message, i);
                if (len > LONG_MESSAGE)
                    message_number(last, i);
                send(ctx, message, len);
            }
        } else {
            for (uint64_t i = 0; i < n; i++) {
                receive(ctx, message, len);
                message_check(message, i);
                if (len > LONG_MESSAGE)
                    message_check(last, i);
            }
        }
    }
    run_stop(run, run->n);
}

/* One process sends a message to itself: the price without any traffic between CPUs. */
BENCH_INLINE void loop_pair(struct run *run, void *ctx, send_fn send, receive_fn receive)
{
    unsigned char *message = run_buffer();
    const size_t len = run->side->size;

    for (int phase = 0; phase < 2; phase++) {
        const uint64_t n = phase ? run->n : warm_up(len);
        if (phase)
            run_start(run);
        for (uint64_t i = 0; i < n; i++) {
            message_number(message, i);
            send(ctx, message, len);
            receive(ctx, message, len);
            message_check(message, i);
        }
    }
    run_stop(run, run->n);
}

/* There and back: direction 0 goes from member 0 to member 1, direction 1 back. */
typedef void (*send_to_fn)(void *ctx, int direction, const void *message, size_t len);
typedef void (*receive_from_fn)(void *ctx, int direction, void *message, size_t len);

/* Keeps this CPU busy. */
static inline void pause_before_send(const struct run *run)
{
    const double until = now_ns() + run->side->pause_ns;
    while (now_ns() < until)
        cpu_pause();
}

/*
 * `each`: keep how long every single one took; else no clock is read between them, which would dilute short ones.
 * `paused`: pause before sending, until the other one is certainly asleep.
 */
BENCH_INLINE void loop_back_and_forth(struct run *run, void *ctx, send_to_fn send, receive_from_fn receive, bool each,
                                      bool paused)
{
    unsigned char *message = run_buffer();
    const size_t len = run->side->size;

    for (int phase = 0; phase < 2; phase++) {
        const uint64_t n = phase ? run->n : (uint64_t)WARM_UP;
        if (phase)
            run_start(run);
        if (run->role == 0) {
            double before = now_ns();
            for (uint64_t i = 0; i < n; i++) {
                message_number(message, i);
                if (paused)
                    pause_before_send(run);
                send(ctx, 0, message, len);
                receive(ctx, 1, message, len);
                message_check(message, i);
                if (each && phase) {
                    const double after = now_ns();
                    run_record(run, i, after - before - 2.0 * run->side->pause_ns);
                    before = after;
                }
            }
        } else {
            for (uint64_t i = 0; i < n; i++) {
                receive(ctx, 0, message, len);
                message_check(message, i);
                if (paused)
                    pause_before_send(run);
                send(ctx, 1, message, len);
            }
        }
    }
    run_stop(run, run->n);
}

BENCH_INLINE void loop_ping_pong(struct run *run, void *ctx, send_to_fn send, receive_from_fn receive)
{
    loop_back_and_forth(run, ctx, send, receive, true, false);
}

/* The same between two who are certainly asleep before they are woken. */
BENCH_INLINE void loop_sleepers(struct run *run, void *ctx, send_to_fn send, receive_from_fn receive)
{
    loop_back_and_forth(run, ctx, send, receive, true, true);
}

/* The same without percentiles. */
BENCH_INLINE void loop_round_trip(struct run *run, void *ctx, send_to_fn send, receive_from_fn receive)
{
    loop_back_and_forth(run, ctx, send, receive, false, false);
}

/* Two processes that wait under a lock for their turn: a counter that its holder raises says whose it is. */
BENCH_INLINE void loop_turns(struct run *run, void *ctx, void (*lock)(void *), void (*unlock)(void *),
                             void (*wait)(void *), void (*notify)(void *))
{
    volatile uint64_t *counter = run_guarded_counter(run);
    const uint64_t role = (uint64_t)run->role;
    uint64_t due = role; /* what the counter says at our next turn */

    for (int phase = 0; phase < 2; phase++) {
        const uint64_t n = phase ? run->n : (uint64_t)WARM_UP_MEETINGS;
        if (phase)
            run_start(run);
        for (uint64_t i = 0; i < n; i++, due += 2) {
            lock(ctx);
            while (*counter % 2 != role)
                wait(ctx);
            if (*counter != due)
                die("turn %llu came where %llu was due", (unsigned long long)*counter, (unsigned long long)due);
            *counter = due + 1;
            unlock(ctx);
            notify(ctx);
        }
    }
    run_stop(run, run->n);
}

/*
 * Two processes that meet again and again. In every 32nd round each counts that it comes, and sees when it passes that
 * the other has come, too; in the rounds between, no line moves but the barrier's own.
 */
BENCH_INLINE void loop_meet(struct run *run, void *ctx, void (*meet)(void *))
{
    volatile uint64_t *counter = run_guarded_counter(run);
    uint64_t came = 0; /* what the counter has to say at least: both of us, in each of the counted rounds */

    for (int phase = 0; phase < 2; phase++) {
        const uint64_t n = phase ? run->n : (uint64_t)WARM_UP_MEETINGS;
        if (phase)
            run_start(run);
        for (uint64_t i = 0; i < n; i++) {
            if (i % BATCH == 0)
                __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
            meet(ctx);
            if (i % BATCH == 0 && __atomic_load_n(counter, __ATOMIC_RELAXED) < (came += 2))
                die("passed a barrier that the other process had not reached");
        }
    }
    run_stop(run, run->n);
}

#endif
