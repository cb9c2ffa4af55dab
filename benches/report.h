/* What the user sees: progress, a table, report.json and report.svg. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "bench.h"

struct report {
    const struct result *results;
    size_t count;
    int rounds;
    unsigned window_ms;
    int cpu[MAX_MEMBERS];
    int cpus;
    double load; /* before the first measurement */
    const char *version;
};

/* progress.c: on stderr, one line that renews itself on a terminal, one line per case elsewhere. */
struct progress {
    size_t at, of;
    const char *title;
};
void progress_case(struct progress *progress, size_t at, size_t of, const char *title);
void progress_round(const struct progress *progress, int round, int rounds);
void progress_end(void);

/* report.c */
const char *unit_name(enum unit unit);
/* "<= 1.1" in a form for people; "" without a target. */
const char *goal_text(const struct row *row, char *buffer, size_t size);
/* Name of the side that the row is held against; "" if there is none. */
const char *reference_name(const struct bench_case *of, const struct row *row);
void report_row_line(const struct bench_case *of, const struct row *row);
void report_table(const struct report *report, FILE *to);
bool report_json(const struct report *report, const char *directory);
/* Opens directory/name for writing; NULL with the reason on stderr. */
FILE *report_file(const char *directory, const char *name);
bool report_close(FILE *file, const char *directory, const char *name);
/* Load average over the last minute; negative if unknown. */
double machine_load(void);
/* "AMD EPYC, Linux 6.1.0" */
const char *machine_name(char *buffer, size_t size);

/* svg.c */
bool report_svg(const struct report *report, const char *directory);

#endif
