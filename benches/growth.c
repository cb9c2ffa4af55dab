/*
 * Growth: one container is filled to ten times as many entries, again and again. Every operation is timed by itself.
 * What another program used the CPU for in the meantime does not count: the time of a few operations, and of the
 * longest of them, is never more than what this thread ran.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "growth.h"
#include "loops.h"
#include "report.h"

enum {
    GROUP = 32,          /* operations between two looks at the thread's own clock, which is a system call */
    PROBES = 200000,     /* reads and changes at one size, at most */
    WATCHDOG_MS = 60000  /* a tenth of the time that the longest one may take, see team_measure() */
};

struct plan {
    uint64_t most;
    struct growth *out; /* shared with the member */
};

static double thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* What it takes to look at the clock. */
static double clock_cost(void)
{
    enum { LOOKS = 10000 };
    double least = INFINITY;
    for (int attempt = 0; attempt < 8; attempt++) {
        const double begin = now_ns();
        for (int i = 0; i < LOOKS; i++)
            __asm__ volatile("" ::"r"(now_ns()));
        least = fmin(least, (now_ns() - begin) / LOOKS);
    }
    return least;
}

enum order { UPWARDS, DOWNWARDS, RANDOM };

static uint64_t number_next(enum order order, uint64_t first, uint64_t i, uint64_t size, uint64_t *random)
{
    if (order == UPWARDS)
        return first + i;
    if (order == DOWNWARDS)
        return first - i;
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random % size;
}

/* `n` times, with numbers from `first` on, or any below `size`. */
static struct growth_cost cost_of(void *object, void (*op)(void *, uint64_t), enum order order, uint64_t first,
                                  uint64_t n, uint64_t size, double look)
{
    struct growth_cost cost = {0, 0};
    uint64_t random = 88172645463325252u + first;
    double ran = thread_ns();

    for (uint64_t i = 0; i < n;) {
        double all = 0, longest = 0;
        for (int k = 0; k < GROUP && i < n; k++, i++) {
            const uint64_t number = number_next(order, first, i, size, &random);
            const double begin = now_ns();
            op(object, number);
            const double took = now_ns() - begin - look;
            all += took;
            longest = fmax(longest, took);
        }
        const double now = thread_ns(), at_most = now - ran;
        ran = now;
        cost.mean_ns += fmin(all, at_most);
        /* Of what this thread ran, the others took their part. */
        cost.longest_ns = fmax(cost.longest_ns, fmin(longest, at_most - (all - longest)));
    }
    cost.mean_ns /= (double)n;
    return cost;
}

static void body(struct run *run)
{
    const struct plan *plan = run->state;
    const struct growth_side *side = plan->out->side;
    const double look = clock_cost();
    uint64_t done = 0, size = 0;
    void *object = side->create(plan->most);

    run_start(run);
    for (uint64_t next = GROWTH_LEAST; next <= plan->most; next *= 10) {
        struct growth_point *point = &plan->out->point[plan->out->count++];
        const uint64_t probes = next < PROBES ? next : PROBES;
        point->entries = next;
        point->cost[0] = cost_of(object, side->op[0], UPWARDS, size, next - size, 0, look);
        done += next - size;
        size = next;
        side->memory(object, &point->used_bytes, &point->committed_bytes);
        point->used_bytes /= (double)size;
        point->committed_bytes /= (double)size;
        point->cost[1] = cost_of(object, side->op[1], RANDOM, 0, probes, size, look);
        if (side->takes_away) {
            point->cost[2] = cost_of(object, side->op[2], DOWNWARDS, size - 1, probes, 0, look);
            for (uint64_t i = size - probes; i < size; i++)
                side->op[0](object, i);
        } else {
            point->cost[2] = cost_of(object, side->op[2], RANDOM, 0, probes, size, look);
        }
    }
    run_stop(run, done);
    side->close(object);
}

bool growth_run(const struct growth_side *side, uint64_t most, struct growth *out)
{
    struct growth *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    shared->side = side;
    struct plan plan = {.most = most, .out = shared};
    const struct side member = {.name = side->name, .members = 1, .body = body};
    struct run run = {.side = &member, .state = &plan};
    struct sample sample;
    const bool ok = team_measure(&run, (uint64_t)WATCHDOG_MS * 1000000u, &sample);
    *out = *shared;
    munmap(shared, sizeof *shared);
    return ok;
}

void growth_table(const struct growth *grown, size_t count)
{
    printf("\nAs they grow: ns for one operation (the longest one, in us); bytes of memory for one entry of 64\n");
    for (size_t g = 0; g < count; g++) {
        const struct growth *growth = &grown[g];
        printf("\n    %-4s%12s", growth->side->title, "entries");
        for (int op = 0; op < GROWTH_OPS; op++)
            printf("%20s", growth->side->op_title[op]);
        printf("%12s%12s\n", "used", "committed");
        for (size_t p = 0; p < growth->count; p++) {
            const struct growth_point *point = &growth->point[p];
            printf("%20llu", (unsigned long long)point->entries);
            for (int op = 0; op < GROWTH_OPS; op++)
                printf("%9.0f (%8.1f)", point->cost[op].mean_ns, point->cost[op].longest_ns / 1e3);
            printf("%12.1f%12.1f\n", point->used_bytes, point->committed_bytes);
        }
    }
    fflush(stdout);
}

bool growth_json(const struct growth *grown, size_t count, const char *directory)
{
    FILE *f = report_file(directory, "growth.json");
    bool first = true;
    if (!f)
        return false;
    fputs("[\n", f);
    for (size_t g = 0; g < count; g++) {
        for (size_t p = 0; p < grown[g].count; p++) {
            const struct growth_point *point = &grown[g].point[p];
            fprintf(f, "%s  {\"name\": \"%s\", \"entries\": %llu", first ? "" : ",\n", grown[g].side->name,
                    (unsigned long long)point->entries);
            for (int op = 0; op < GROWTH_OPS; op++)
                fprintf(f, ", \"%s\": {\"ns\": %.1f, \"longest_ns\": %.0f}", grown[g].side->op_title[op],
                        point->cost[op].mean_ns, point->cost[op].longest_ns);
            fprintf(f, ", \"used_bytes_per_entry\": %.1f, \"committed_bytes_per_entry\": %.1f}", point->used_bytes,
                    point->committed_bytes);
            first = false;
        }
    }
    fputs("\n]\n", f);
    return report_close(f, directory, "growth.json");
}
