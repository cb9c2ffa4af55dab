/* Many clients at a time, and whether anything was lost or done twice. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "far.h"

enum {
    STACK_BYTES = 256 << 10,
    KEPT = MAX_SAMPLES / CROWD /* times that each client keeps: the last ones */
};

struct member {
    struct run *run;
    const struct crowd *crowd;
    pthread_barrier_t *begin;
    pthread_t thread;
    void *client;
    char field[FIELD_BYTES + 1];
    uint64_t ops, for_all; /* requests that were answered; of those, to everybody's counter */
    float took[KEPT];
};

static const char everybodys[FIELD_BYTES + 1] = "count:xx";

static void *member_run(void *argument)
{
    struct member *m = argument;
    const struct crowd *crowd = m->crowd;
    int64_t own = crowd->add(m->client, m->field, 0);

    for (int i = 0; i < WARM_UP_CALLS; i++)
        crowd->add(m->client, m->field, 0);
    pthread_barrier_wait(m->begin);
    double before = now_ns();
    while (run_goes_on(m->run)) {
        if (m->ops % 2) {
            crowd->add(m->client, everybodys, 1);
            m->for_all++;
        } else if (crowd->add(m->client, m->field, 1) != ++own) {
            die("the counter of one client was not at %lld", (long long)own);
        }
        const double after = now_ns();
        m->took[m->ops++ % KEPT] = (float)(after - before);
        before = after;
    }
    return NULL;
}

/* Every client's times, for the percentiles. */
static uint64_t times_record(struct run *run, const struct member *m, uint64_t recorded)
{
    const uint64_t count = m->ops < KEPT ? m->ops : KEPT;
    for (uint64_t i = 0; i < count; i++)
        run_record(run, recorded++, m->took[i]);
    return recorded;
}

void crowd_body(struct run *run, const struct crowd *crowd)
{
    static struct member member[CROWD];
    pthread_barrier_t begin;
    pthread_attr_t attributes;
    uint64_t ops = 0, for_all = 0, recorded = 0;

    /* One after the other: how quickly many are let in at a time is not the question here. */
    for (int i = 0; i < CROWD; i++) {
        struct member *m = &member[i];
        m->run = run;
        m->crowd = crowd;
        m->begin = &begin;
        m->client = crowd->join(run);
        snprintf(m->field, sizeof m->field, "count:%02d", i);
    }
    const int64_t sum = crowd->add(member[0].client, everybodys, 0);
    pthread_barrier_init(&begin, NULL, CROWD + 1);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (int i = 0; i < CROWD; i++) {
        const int error = pthread_create(&member[i].thread, &attributes, member_run, &member[i]);
        if (error)
            die("thread %d: %s", i, strerror(error));
    }
    pthread_attr_destroy(&attributes);
    pthread_barrier_wait(&begin);
    run_start(run);
    for (int i = 0; i < CROWD; i++) {
        pthread_join(member[i].thread, NULL);
        ops += member[i].ops;
        for_all += member[i].for_all;
    }
    run_stop(run, ops);
    for (int i = 0; i < CROWD; i++)
        recorded = times_record(run, &member[i], recorded);
    const int64_t now = crowd->add(member[0].client, everybodys, 0);
    if (now - sum != (int64_t)for_all)
        die("%llu additions to everybody's counter were answered, and %lld are there", (unsigned long long)for_all,
            (long long)(now - sum));
    for (int i = 0; i < CROWD; i++)
        crowd->leave(member[i].client);
    *run_guarded_counter(run) = ops; /* what the driver asks of every timed side: checked above */
}
