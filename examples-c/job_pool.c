/*
 * A pool of worker processes takes jobs from a queue, under leases. Five workers are killed in the middle of
 * their work and replaced; every job gets done all the same: what the dead had not acknowledged comes back.
 *
 *     cc job_pool.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 4, JOBS = 200, KILLS = 5 };

/* For the parent, that is: longer than this it waits only if every worker has failed. */
#define PATIENCE (30 * INT64_C(1000000000))

static mproc_queue_t *jobs;         /* numbers, taken under leases */
static mproc_queue_t *producer;     /* the parent's handle on it: without a parent, there will be no more jobs */
static mproc_pipe_t *news, *teller; /* the workers tell when they have begun a job */
static mproc_array_t *done;         /* of each job whether it was done */

/* Ends the program when a call failed, and says why; else gives the status. */
static int need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
    return status;
}

static void work(int me) {
    const struct timespec hard_work = {0, 2000000};
    const uint8_t yes = 1;
    uint32_t job;
    uint64_t lease;
    size_t length;
    int status;
    for (;;) {
        status = mproc_queue_lease(jobs, &job, sizeof job, &length, &lease, MPROC_FOREVER, NULL);
        if (status == MPROC_ECLOSED) {
            return; /* no more jobs */
        }
        need(status, "lease");
        need(mproc_pipe_send(teller, &me, sizeof me, MPROC_FOREVER, NULL), "send");
        nanosleep(&hard_work, NULL);
        need(mproc_array_set(done, job, &yes, sizeof yes), "set");
        /* Only now is it done: if this process dies before, the job goes to somebody else. */
        need(mproc_queue_ack(jobs, lease), "acknowledge");
    }
}

static pid_t start_worker(int number) {
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(1);
    }
    if (child == 0) {
        mproc_queue_close(producer);
        mproc_pipe_close(news);
        work(number);
        _exit(0);
    }
    return child;
}

int main(void) {
    mproc_queue_options_t with_leases = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t one_way = MPROC_PIPE_OPTIONS_INIT;
    mproc_array_options_t flags = MPROC_ARRAY_OPTIONS_INIT;
    pid_t workers[WORKERS];
    uint32_t job;
    uint8_t is_done;
    size_t length;
    int i, status, killed = 0, jobs_done = 0, failed = 0, worker = 0;

    with_leases.flags = MPROC_QUEUE_LEASE;
    need(mproc_queue_create(NULL, NULL, &with_leases, &jobs), "create the queue");
    need(mproc_queue_producer(jobs, &producer), "become the producer");
    one_way.flags = MPROC_PIPE_ONEWAY;
    need(mproc_pipe_create(NULL, NULL, &one_way, &news, &teller), "create the pipe");
    flags.type_code = MPROC_TYPE_BOOL;
    flags.ndim = 1;
    flags.shape[0] = JOBS;
    need(mproc_array_create(NULL, NULL, &flags, &done), "create the array");

    for (job = 0; job < JOBS; job++) {
        need(mproc_queue_put(producer, &job, sizeof job, MPROC_FOREVER, NULL), "put");
    }
    for (i = 0; i < WORKERS; i++) {
        workers[i] = start_worker(i);
    }
    while (killed < KILLS) { /* whoever has just begun every 20th job */
        for (i = 0; i < JOBS / 2 / KILLS; i++) {
            need(mproc_pipe_recv(news, &worker, sizeof worker, &length, PATIENCE, NULL), "receive");
        }
        kill(workers[worker], SIGKILL);
        waitpid(workers[worker], &status, 0);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        workers[worker] = start_worker(worker);
    }
    need(mproc_queue_join(jobs, PATIENCE, NULL), "join"); /* until every job was acknowledged */
    mproc_queue_close(producer);
    for (i = 0; i < WORKERS; i++) {
        failed += waitpid(workers[i], &status, 0) != workers[i] || status != 0;
    }
    for (job = 0; job < JOBS; job++) {
        need(mproc_array_get(done, job, &is_done, sizeof is_done), "get");
        jobs_done += is_done;
    }
    printf("%d jobs done, %d workers killed\n", jobs_done, killed);
    mproc_array_close(done);
    mproc_pipe_close(teller);
    mproc_pipe_close(news);
    mproc_queue_close(jobs);
    return jobs_done == JOBS && failed == 0 ? 0 : 1;
}
