/*
 * The vocabulary of the benchmark driver: a side (one way to do a thing), a run (one measurement of a
 * side, in one or two processes), a row (what the report says about two sides). C and C++.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    MAX_MEMBERS = 2,     /* processes that take part in one measurement */
    MAX_SIDES = 5,       /* ours and up to four references in one case */
    MAX_ROWS = 8,        /* report rows of one case */
    MAX_ROUNDS = 64,
    MAX_SAMPLES = 1 << 16, /* round trips whose time is kept for the percentiles */
    MAX_MESSAGE = 1 << 20,
    QUEUE_BYTES = 64 << 10, /* what every bounded queue here has room for ... */
    QUEUE_DEPTH = 910,      /* ... in messages of 64 bytes plus 8 */
    RING_BYTES_LONG = 4 * MAX_MESSAGE, /* for the longest: three of them and their headers */
    BATCH = 32
};

/* What one measurement yields. Not every side yields all of them. */
enum metric { METRIC_NS, METRIC_SHARE, METRIC_P50, METRIC_P99, METRICS };

struct sample {
    double metric[METRICS]; /* nanoseconds for one operation; a share of 1; nanoseconds; nanoseconds */
    long preempted;         /* how often a member lost its CPU to somebody else meanwhile */
};

struct team;
struct run;

/* One way to do a thing: the library's, or what a user would use instead. */
struct side {
    const char *name;
    int members;      /* processes, each pinned to a CPU of its own */
    bool timed;       /* runs until the driver says stop (throughput under contention), not for n operations */
    size_t size;      /* bytes of a message or a value, where that means something */
    int option;       /* a number for the side's own use */
    bool crowd;       /* one process of more threads than CPUs, on all of the measurement's, and so is its server */
    int pause_ns;     /* loop_sleepers(): how long each waits before it sends; not counted */
    /* In the driver, once per case. Returns NULL, or why this side cannot run here. */
    const char *(*setup)(struct run *run);
    /* In each member, once per measurement: warm up, run_start(), the loop, run_stop(). */
    void (*body)(struct run *run);
    /* In the driver, once per case; only after a successful setup. May be NULL. */
    void (*teardown)(struct run *run);
};

struct run {
    const struct side *side;
    void *state;      /* what setup made, inherited by the members */
    int role;         /* which member: 0 or 1 */
    uint64_t n;       /* operations to do (sides that are not timed) */
    char note[96];    /* set by setup: a word for the report */
    struct team *team;
};

/* ---- measure.c: what a body calls ---- */

/* Waits until every member is here, then notes the time. */
void run_start(struct run *run);
/* Notes the time and how many operations this member did. */
void run_stop(struct run *run, uint64_t ops);
/* Timed sides: whether to go on. A load of a line that stays in the cache. */
bool run_goes_on(const struct run *run);
/* A shared counter that only the holder of the lock under test may touch; checked after the run. */
volatile uint64_t *run_guarded_counter(struct run *run);
/* Keeps the duration of one round trip. By one thread. */
void run_record(struct run *run, uint64_t index, double ns);
/* A message buffer of MAX_MESSAGE bytes, already touched. */
unsigned char *run_buffer(void);
double now_ns(void);
/* Ends the member or driver with a message: the run is broken. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- measure.c: what the driver calls ---- */

/* CPUs 0 and 1 of the measurement: allowed to us, on different cores where possible. */
int cpus_choose(int cpu[MAX_MEMBERS]);
void team_init(const int cpu[MAX_MEMBERS], int cpus);
/* Keeps this process on all CPUs of the measurement. */
void team_pin(void);
/* One measurement in freshly forked members. False: broken, with the reason on stderr. */
bool team_measure(struct run *run, uint64_t window_ns, struct sample *out);
/* Finds n so that one measurement takes about window_ns. */
bool team_calibrate(struct run *run, uint64_t window_ns);
/* Set by SIGINT and SIGTERM: stop after this measurement and clean up. */
bool interrupted(void);

/* ---- rows ---- */

enum unit { UNIT_NS, UNIT_US, UNIT_MOPS, UNIT_MBPS, UNIT_SHARE };
enum goal { GOAL_NONE, GOAL_AT_MOST, GOAL_AT_LEAST };

struct row {
    const char *name;  /* stable identifier: what --only matches, and the name in report.json */
    const char *title; /* for people */
    int reference;     /* which side of the case; 0: none, the measured number itself is judged */
    enum metric metric;
    enum unit unit;
    enum goal goal;
    double target;     /* for ours / reference, in the row's unit */
    const char *note;
};

struct bench_case {
    const char *title;
    const struct side *sides[MAX_SIDES]; /* [0] is ours */
    struct row rows[MAX_ROWS];
};

extern const struct bench_case bench_cases[];
extern const size_t bench_case_count;

/* What a row turned out to be. */
struct result {
    const struct row *row;
    const struct bench_case *of;
    bool skipped;
    bool noisy;
    int rounds;
    double ours, reference;               /* medians, in the row's unit */
    double ratio, ratio_min, ratio_max;   /* median and extremes of the ratios of each round */
    bool met;
    char note[256];
};

/* Whether a smaller number is the better one. */
static inline bool unit_smaller_is_better(enum unit unit) { return unit == UNIT_NS || unit == UNIT_US; }

#ifdef __cplusplus
}
#endif
#endif
