/*
 * What is done over TCP: one request at a time, 64 in one message, 64 clients at a time, messages from one client to
 * another. The loops are the same for a manager and for Redis.
 */
#ifndef BENCH_FAR_H
#define BENCH_FAR_H

#include "loops.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PIPELINE = 64, /* operations in one message */
    CROWD = 64,    /* clients at a time, each with a connection of its own */
    FIELD_BYTES = 8 /* "count:07": the counter of client 7; "count:xx" is everybody's */
};

/* PIPELINE operations with numbers from i on, again and again, in one process. */
BENCH_INLINE void loop_pipeline(struct run *run, void *ctx, void (*op)(void *ctx, uint64_t i))
{
    uint64_t done = 0;
    for (uint64_t i = 0; i < WARM_UP_CALLS; i++)
        op(ctx, i * PIPELINE);
    run_start(run);
    for (; done < run->n; done += PIPELINE)
        op(ctx, done);
    run_stop(run, done);
}

/* How a client of a crowd does it. */
struct crowd {
    /* A connection of its own. */
    void *(*join)(const struct run *run);
    /* Adds a number to a counter and gives the sum. */
    int64_t (*add)(void *client, const char field[FIELD_BYTES], int64_t number);
    void (*leave)(void *client);
};

/*
 * CROWD threads, each with its own connection, add 1 to a counter of their own and to everybody's, in turn, until the
 * driver says stop. Each sees at once whether its own has counted right; everybody's must come out right at the end.
 */
void crowd_body(struct run *run, const struct crowd *crowd);

#ifdef __cplusplus
}
#endif
#endif
