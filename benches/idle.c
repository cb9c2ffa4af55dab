/*
 * Many clients that do nothing, and many that wait in a get: memory of the server for each of them, and how much of a
 * CPU it takes to have them. Memory is what became resident since before the first came; what the kernel keeps for
 * sockets is not in it, on either side.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "idle.h"
#include "loops.h"
#include "report.h"

enum {
    LOOK_MS = 2000,     /* how long the CPU times are watched */
    SETTLE_MS = 300,    /* before that */
    STACK_BYTES = 128 << 10,
    WATCHDOG_MS = 10000 /* a tenth of the time that a measurement may take, see team_measure() */
};

const char *const idle_names[IDLE_KINDS] = {"idle.clients", "idle.waiting"};
const char *const idle_titles[IDLE_KINDS] = {"clients that do nothing", "clients that wait in a get"};

struct plan {
    const struct idle_side *side;
    enum idle_kind kind;
    pid_t server;
    struct idle *out; /* shared with the member */
};

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

static double resident_bytes(pid_t pid)
{
    char path[48];
    unsigned long size, resident;
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
    FILE *f = fopen(path, "re");
    if (!f || fscanf(f, "%lu %lu", &size, &resident) != 2)
        die("%s: %s", path, strerror(errno));
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    const int error = clock_getcpuclockid(pid, &clock);
    if (error)
        die("the CPU time of process %ld: %s", (long)pid, strerror(error));
    if (clock_gettime(clock, &t) != 0)
        die("the CPU time of process %ld: %s", (long)pid, strerror(errno));
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* What is left to the process that has the clients, and to the server. */
static void shares_watch(const struct plan *plan)
{
    sleep_ms(SETTLE_MS);
    const double begin = now_ns(), server = cpu_ns(plan->server), own = cpu_ns(0);
    sleep_ms(LOOK_MS);
    const double took = now_ns() - begin;
    plan->out->share = (cpu_ns(plan->server) - server) / took;
    plan->out->own_share = (cpu_ns(0) - own) / took;
}

struct waiter {
    const struct idle_side *side;
    void *client;
    pthread_t thread;
    uint64_t got;
};

static void *waiter_run(void *argument)
{
    struct waiter *waiter = argument;
    waiter->got = waiter->side->get(waiter->client);
    return NULL;
}

static void waiters_start(const struct idle_side *side, void *asker, struct waiter *waiters, int count)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (int i = 0; i < count; i++) {
        waiters[i].side = side;
        const int error = pthread_create(&waiters[i].thread, &attributes, waiter_run, &waiters[i]);
        if (error)
            die("thread %d: %s", i, strerror(error));
    }
    pthread_attr_destroy(&attributes);
    while (side->waiting(asker) < (uint64_t)count) /* the watchdog ends it if they never do */
        sleep_ms(5);
}

/* As many numbers as waiters: each comes out once. */
static void waiters_end(const struct idle_side *side, void *asker, struct waiter *waiters, int count)
{
    static unsigned char seen[WAITING_CLIENTS];
    for (int i = 0; i < count; i++)
        side->put(asker, (uint64_t)i);
    for (int i = 0; i < count; i++) {
        pthread_join(waiters[i].thread, NULL);
        if (waiters[i].got >= (uint64_t)count || seen[waiters[i].got]++)
            die("a waiter got %llu, which is another's or nobody's", (unsigned long long)waiters[i].got);
    }
}

static void body(struct run *run)
{
    const struct plan *plan = run->state;
    const struct idle_side *side = plan->side;
    const int count = plan->out->clients;
    struct waiter *waiters = calloc((size_t)count, sizeof *waiters);
    void *asker = side->join();

    if (!waiters)
        die("out of memory");
    side->ask(asker);
    run_start(run);
    const double before = resident_bytes(plan->server);
    for (int i = 0; i < count; i++) {
        waiters[i].client = side->join();
        side->ask(waiters[i].client);
    }
    if (plan->kind == IDLE_WAITING)
        waiters_start(side, asker, waiters, count);
    plan->out->bytes_each = (resident_bytes(plan->server) - before) / count;
    shares_watch(plan);
    if (plan->kind == IDLE_WAITING)
        waiters_end(side, asker, waiters, count);
    for (int i = 0; i < count; i++) { /* all of them are there still */
        side->ask(waiters[i].client);
        side->leave(waiters[i].client);
    }
    run_stop(run, (uint64_t)count);
    side->leave(asker);
    free(waiters);
}

/* A thousand connections at both ends; servers inherit it. */
static const char *descriptors_allow(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("getrlimit: %s", strerror(errno));
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("setrlimit: %s", strerror(errno));
    return limit.rlim_cur < 4 * IDLE_CLIENTS ? "too few descriptors are allowed (ulimit -Hn)" : NULL;
}

static bool side_measure(const struct idle_side *side, struct idle *shared, enum idle_kind kind)
{
    const struct side member = {.name = side->name, .members = 1, .crowd = true, .body = body};
    struct plan plan = {.side = side, .kind = kind, .out = shared};
    struct run run = {.side = &member, .state = &plan};
    struct sample sample;
    const char *absent = descriptors_allow();
    if (!absent)
        absent = side->start();
    if (absent) {
        snprintf(shared->absent, sizeof shared->absent, "%s", absent);
        return true;
    }
    plan.server = (pid_t)side->pid();
    const bool ok = team_measure(&run, (uint64_t)WATCHDOG_MS * 1000000u, &sample);
    side->stop();
    return ok;
}

bool idle_run(enum idle_kind kind, struct idle out[IDLE_SIDES])
{
    static const struct idle_side *const sides[IDLE_SIDES] = {&ours_idle, &ref_redis_idle};
    const size_t size = IDLE_SIDES * sizeof(struct idle);
    struct idle *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    bool ok = true;
    for (int i = 0; i < IDLE_SIDES && ok && !interrupted(); i++) {
        shared[i].name = idle_names[kind];
        shared[i].title = idle_titles[kind];
        shared[i].side = sides[i]->name;
        shared[i].clients = kind == IDLE_WAITING ? WAITING_CLIENTS : IDLE_CLIENTS;
        ok = side_measure(sides[i], &shared[i], kind);
        out[i] = shared[i];
    }
    munmap(shared, size);
    return ok;
}

void idle_table(const struct idle *idle, size_t count)
{
    printf("\nClients over TCP that need nothing now: memory of the server for each, and what they take of a CPU\n");
    printf("\n    %-54s%8s%14s%14s%16s\n", "", "clients", "KiB for each", "server", "their process");
    for (size_t i = 0; i < count; i++) {
        char text[96];
        snprintf(text, sizeof text, "%s: %s", idle[i].title, idle[i].side);
        if (idle[i].absent[0])
            printf("  - %-54s skipped: %s\n", text, idle[i].absent);
        else
            printf("    %-54s%8d%14.1f%12.2f %%%14.2f %%\n", text, idle[i].clients, idle[i].bytes_each / 1024,
                   100 * idle[i].share, 100 * idle[i].own_share);
    }
    fflush(stdout);
}

bool idle_json(const struct idle *idle, size_t count, const char *directory)
{
    FILE *f = report_file(directory, "idle.json");
    bool first = true;
    if (!f)
        return false;
    fputs("[\n", f);
    for (size_t i = 0; i < count; i++) {
        if (idle[i].absent[0])
            continue;
        fprintf(f, "%s  {\"name\": \"%s\", \"side\": \"%s\", \"clients\": %d, \"bytes_each\": %.0f, ",
                first ? "" : ",\n", idle[i].name, idle[i].side, idle[i].clients, idle[i].bytes_each);
        fprintf(f, "\"server_cpu\": %.6f, \"clients_cpu\": %.6f}", idle[i].share, idle[i].own_share);
        first = false;
    }
    fputs("\n]\n", f);
    return report_close(f, directory, "idle.json");
}
