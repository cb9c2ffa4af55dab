/*
 * mproc-bench: measures every case with ours and its references in turns (A B, B A, A B, ...), so that
 * whatever disturbs the machine disturbs all sides alike, and reports the ratios of the rounds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "growth.h"
#include "idle.h"
#include "report.h"
#include "sides.h"

enum { MAX_RESULTS = 192, MAX_GROWTHS = 4 };

struct settings {
    const char *only;   /* pattern of row names; NULL: all */
    const char *out;    /* directory of the report files; NULL: table only */
    const char *side;   /* run only this side, unmeasured by anything else: for a profiler */
    double seconds;     /* for how long */
    int rounds;
    unsigned window_ms;
    uint64_t entries; /* how far dict and list grow */
    bool strict;
    bool list;
};

static void usage(FILE *to)
{
    fputs("usage: run.sh [options]\n"
          "  --quick          a rough picture in about a minute (15 rounds of 12 ms)\n"
          "  --long           dict and list grow to 10,000,000 entries (2 GB in /dev/shm) instead of 1,000,000\n"
          "  --only PATTERN   only rows whose name contains PATTERN or matches it as a glob\n"
          "  --rounds N       rounds of each comparison with a target (default 40); half of them for one without\n"
          "  --window MS      length of one measurement (default 20)\n"
          "  --out DIR        where report.json and report.svg go (default target/bench; with --only: nowhere)\n"
          "  --strict         exit with 1 when a target is missed\n"
          "  --side N         with --only: run side N (0: ours, 1..: references) of the first matching case,\n"
          "                   again and again, for a profiler\n"
          "  --seconds S      how long --side runs (default 5)\n"
          "  --list           names of the rows and their targets\n"
          "  --help           this\n",
          to);
}

static long number_of(const char *text, long least, long most, const char *option)
{
    char *end;
    errno = 0;
    const long number = strtol(text, &end, 10);
    if (errno || *end || end == text || number < least || number > most) {
        fprintf(stderr, "bench: %s wants a number from %ld to %ld, not '%s'\n", option, least, most, text);
        exit(2);
    }
    return number;
}

static struct settings settings_parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"quick", no_argument, NULL, 'q'},   {"only", required_argument, NULL, 'o'},
        {"rounds", required_argument, NULL, 'r'}, {"window", required_argument, NULL, 'w'},
        {"out", required_argument, NULL, 'd'},    {"strict", no_argument, NULL, 's'},
        {"side", required_argument, NULL, 'S'},   {"seconds", required_argument, NULL, 't'},
        {"list", no_argument, NULL, 'l'},    {"help", no_argument, NULL, 'h'},
        {"long", no_argument, NULL, 'L'},
        {NULL, 0, NULL, 0}};
    struct settings s = {.rounds = 40, .window_ms = 20, .entries = GROWTH_MOST, .seconds = 5};
    bool out_given = false;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'q': s.rounds = 15; s.window_ms = 12; break;
        case 'L': s.entries = GROWTH_MOST_LONG; break;
        case 'o': s.only = optarg; break;
        case 'r': s.rounds = (int)number_of(optarg, 1, MAX_ROUNDS, "--rounds"); break;
        case 'w': s.window_ms = (unsigned)number_of(optarg, 1, 10000, "--window"); break;
        case 'd': s.out = optarg; out_given = true; break;
        case 's': s.strict = true; break;
        case 'S': s.side = optarg; break;
        case 't': s.seconds = (double)number_of(optarg, 1, 600, "--seconds"); break;
        case 'l': s.list = true; break;
        case 'h': usage(stdout); exit(0);
        default: usage(stderr); exit(2);
        }
    }
    if (optind < argc) {
        usage(stderr);
        exit(2);
    }
    if (!s.only && !out_given)
        s.out = "target/bench"; /* a partial run must not replace the whole report */
    return s;
}

static bool name_selected(const struct settings *s, const char *name)
{
    return !s->only || strstr(name, s->only) || fnmatch(s->only, name, 0) == 0;
}

static bool row_selected(const struct settings *s, const struct row *row) { return name_selected(s, row->name); }

static bool case_selected(const struct settings *s, const struct bench_case *c)
{
    for (int i = 0; i < MAX_ROWS && c->rows[i].name; i++)
        if (row_selected(s, &c->rows[i]))
            return true;
    return false;
}

static int list_rows(const struct settings *s)
{
    for (size_t k = 0; k < bench_case_count; k++)
        for (int i = 0; i < MAX_ROWS && bench_cases[k].rows[i].name; i++)
            if (row_selected(s, &bench_cases[k].rows[i]))
                report_row_line(&bench_cases[k], &bench_cases[k].rows[i]);
    for (size_t k = 0; k < growth_side_count; k++)
        if (name_selected(s, growth_sides[k].name))
            printf("%-35s%s, as it grows\n", growth_sides[k].name, growth_sides[k].title);
    for (int k = 0; k < IDLE_KINDS; k++)
        if (name_selected(s, idle_names[k]))
            printf("%-35s%s\n", idle_names[k], idle_titles[k]);
    return 0;
}

/* ---- one case ---- */

static struct sample samples[MAX_SIDES][MAX_ROUNDS];

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values; the middle one, or the mean of the two in the middle. */
static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static double in_unit(double value, enum unit unit, size_t bytes)
{
    switch (unit) {
    case UNIT_US: return value / 1e3;
    case UNIT_MOPS: return 1e3 / value;
    case UNIT_MBPS: return 1e3 / value * (double)bytes;
    case UNIT_NS:
    case UNIT_SHARE: break;
    }
    return value;
}

/* More than this between the quartiles of the ratios: something else was using the machine. */
static const double noisy_spread = 0.15;

static long disturbance(const struct row *row, int round)
{
    return samples[0][round].preempted + (row->reference ? samples[row->reference][round].preempted : 0);
}

/* The rounds to judge by: the undisturbed ones where there are enough of them, else all. */
static int rounds_choose(const struct row *row, int rounds, int chosen[MAX_ROUNDS])
{
    int clean = 0;
    for (int r = 0; r < rounds; r++)
        if (disturbance(row, r) == 0)
            chosen[clean++] = r;
    if (clean >= 5 && clean >= rounds / 4)
        return clean;
    for (int r = 0; r < rounds; r++)
        chosen[r] = r;
    return rounds;
}

static void result_fill(struct result *out, const struct row *row, const struct bench_case *c, int rounds)
{
    double ours[MAX_ROUNDS], reference[MAX_ROUNDS], ratio[MAX_ROUNDS];
    int chosen[MAX_ROUNDS];
    const int count = rounds_choose(row, rounds, chosen);
    for (int i = 0; i < count; i++) {
        const int r = chosen[i];
        ours[i] = in_unit(samples[0][r].metric[row->metric], row->unit, c->sides[0]->size);
        reference[i] = row->reference ? in_unit(samples[row->reference][r].metric[row->metric], row->unit,
                                                c->sides[row->reference]->size)
                                      : NAN;
        ratio[i] = row->reference ? ours[i] / reference[i] : ours[i];
    }
    out->rounds = count;
    out->ours = median(ours, count);
    out->reference = row->reference ? median(reference, count) : NAN;
    out->ratio = median(ratio, count);
    out->ratio_min = ratio[0];
    out->ratio_max = ratio[count - 1];
    out->noisy = count >= 4 && ratio[count * 3 / 4] - ratio[count / 4] > noisy_spread * out->ratio;
    out->met = row->goal == GOAL_NONE || (row->goal == GOAL_AT_MOST ? out->ratio <= row->target : out->ratio >= row->target);
}

static void result_note(struct result *out, const char *text)
{
    if (!text || !*text)
        return;
    const size_t used = strlen(out->note);
    snprintf(out->note + used, sizeof out->note - used, "%s%s", used ? "; " : "", text);
}

struct prepared {
    struct run run[MAX_SIDES];
    const char *absent[MAX_SIDES]; /* why a side cannot run; NULL: ready */
    int sides;
};

static void case_prepare(struct prepared *p, const struct bench_case *c, int cpus)
{
    memset(p, 0, sizeof *p);
    while (p->sides < MAX_SIDES && c->sides[p->sides])
        p->sides++;
    for (int i = 0; i < p->sides; i++) {
        p->run[i].side = c->sides[i];
        p->absent[i] = c->sides[i]->members > cpus ? "needs two CPUs, and this process may use only one"
                                                   : c->sides[i]->setup(&p->run[i]);
    }
}

static void case_finish(struct prepared *p)
{
    for (int i = 0; i < p->sides; i++)
        if (!p->absent[i] && p->run[i].side->teardown)
            p->run[i].side->teardown(&p->run[i]);
}

/* A case that is only shown, without a target, takes half the rounds: what it says need not be that sharp. */
static int case_round_count(const struct bench_case *c, const struct settings *s)
{
    for (int i = 0; i < MAX_ROWS && c->rows[i].name; i++)
        if (c->rows[i].goal != GOAL_NONE)
            return s->rounds;
    return (s->rounds + 1) / 2;
}

/*
 * One sample. A member that lost its CPU to another program measured that program: try again, and keep the
 * least disturbed one. The budget bounds what a busy machine can add to the run.
 */
static bool sample_best(struct run *run, uint64_t window_ns, struct sample *out, int *retries)
{
    if (!team_measure(run, window_ns, out))
        return false;
    while (out->preempted > 0 && *retries > 0) {
        struct sample again;
        (*retries)--;
        if (!team_measure(run, window_ns, &again))
            return false;
        if (again.preempted < out->preempted)
            *out = again;
        else
            break; /* it does not get better at the moment */
    }
    return true;
}

static bool case_rounds(struct prepared *p, const struct settings *s, int rounds, struct progress *progress)
{
    const uint64_t window_ns = (uint64_t)s->window_ms * 1000000u;
    for (int i = 0; i < p->sides; i++)
        if (!p->absent[i] && !team_calibrate(&p->run[i], window_ns))
            return false;
    int retries = rounds * p->sides / 2;
    for (int round = 0; round < rounds; round++) {
        progress_round(progress, round + 1, rounds);
        for (int turn = 0; turn < p->sides; turn++) {
            const int i = round % 2 ? p->sides - 1 - turn : turn;
            if (!p->absent[i] && !sample_best(&p->run[i], window_ns, &samples[i][round], &retries))
                return false;
        }
    }
    return true;
}

/* False: the run is broken. */
static bool case_run(const struct bench_case *c, const struct settings *s, int cpus, struct progress *progress,
                     struct result *results, size_t *count)
{
    struct prepared p;
    case_prepare(&p, c, cpus);
    const int rounds = case_round_count(c, s);
    const bool ok = p.absent[0] || case_rounds(&p, s, rounds, progress);
    case_finish(&p);
    if (!ok)
        return false;
    for (int i = 0; i < MAX_ROWS && c->rows[i].name; i++) {
        const struct row *row = &c->rows[i];
        if (!row_selected(s, row) || *count == MAX_RESULTS)
            continue;
        struct result *out = &results[(*count)++];
        memset(out, 0, sizeof *out);
        out->row = row;
        out->of = c;
        const char *absent = p.absent[0] ? p.absent[0] : p.absent[row->reference];
        if (absent) {
            out->skipped = true;
            snprintf(out->note, sizeof out->note, "skipped: %s", absent);
            continue;
        }
        result_fill(out, row, c, rounds);
        result_note(out, row->note);
        result_note(out, p.run[row->reference].note);
    }
    return true;
}

/* ---- one side for a profiler ---- */

static int side_run(const struct settings *s, int cpus)
{
    const struct bench_case *c = NULL;
    for (size_t k = 0; k < bench_case_count && !c; k++)
        if (case_selected(s, &bench_cases[k]))
            c = &bench_cases[k];
    if (!s->only || !c) {
        fputs("bench: --side needs --only with a row's name\n", stderr);
        return 2;
    }
    const long index = number_of(s->side, 0, MAX_SIDES - 1, "--side");
    if (!c->sides[index]) {
        fprintf(stderr, "bench: '%s' has no side %ld\n", c->title, index);
        return 2;
    }
    struct prepared p;
    struct sample sample;
    case_prepare(&p, c, cpus);
    bool ok = true;
    if (p.absent[index]) {
        fprintf(stderr, "bench: %s: %s\n", c->sides[index]->name, p.absent[index]);
        ok = false;
    }
    /* Long windows, so that forking and calibrating hardly show in the profile. */
    const uint64_t window_ns = (uint64_t)(s->seconds * 1e9);
    ok = ok && team_calibrate(&p.run[index], window_ns / 4) &&
         (p.run[index].n *= 4, team_measure(&p.run[index], window_ns, &sample));
    case_finish(&p);
    if (ok)
        printf("%s, %s: %.2f ns\n", c->title, c->sides[index]->name, sample.metric[METRIC_NS]);
    return ok ? 0 : 1;
}

/* ---- all ---- */

/* False: the run is broken. */
static bool growths_run(const struct settings *s, size_t *at, size_t of, struct growth *grown, size_t *count)
{
    for (size_t k = 0; k < growth_side_count && *count < MAX_GROWTHS && !interrupted(); k++) {
        if (!name_selected(s, growth_sides[k].name))
            continue;
        struct progress progress;
        char title[64];
        snprintf(title, sizeof title, "%s, as it grows", growth_sides[k].title);
        progress_case(&progress, ++*at, of, title);
        if (!growth_run(&growth_sides[k], s->entries, &grown[*count]))
            return false;
        ++*count;
    }
    return true;
}

/* False: the run is broken. */
static bool idles_run(const struct settings *s, size_t *at, size_t of, struct idle *idle, size_t *count)
{
    for (int k = 0; k < IDLE_KINDS && !interrupted(); k++) {
        if (!name_selected(s, idle_names[k]))
            continue;
        struct progress progress;
        progress_case(&progress, ++*at, of, idle_titles[k]);
        if (!idle_run((enum idle_kind)k, &idle[*count]))
            return false;
        *count += IDLE_SIDES;
    }
    return true;
}

static int all_run(const struct settings *s, const int cpu[MAX_MEMBERS], int cpus)
{
    static struct result results[MAX_RESULTS];
    static struct growth grown[MAX_GROWTHS];
    static struct idle idle[IDLE_KINDS * IDLE_SIDES];
    size_t count = 0, grown_count = 0, idle_count = 0, selected = 0, at = 0;
    bool ok = true;

    for (size_t k = 0; k < bench_case_count; k++)
        selected += case_selected(s, &bench_cases[k]);
    for (size_t k = 0; k < growth_side_count; k++)
        selected += name_selected(s, growth_sides[k].name);
    for (int k = 0; k < IDLE_KINDS; k++)
        selected += name_selected(s, idle_names[k]);
    if (selected == 0) {
        fprintf(stderr, "bench: no row matches '%s' (see --list)\n", s->only);
        return 2;
    }
    const double load = machine_load();
    for (size_t k = 0; k < bench_case_count && ok && !interrupted(); k++) {
        if (!case_selected(s, &bench_cases[k]))
            continue;
        struct progress progress;
        progress_case(&progress, ++at, selected, bench_cases[k].title);
        ok = case_run(&bench_cases[k], s, cpus, &progress, results, &count);
    }
    ok = ok && growths_run(s, &at, selected, grown, &grown_count);
    ok = ok && idles_run(s, &at, selected, idle, &idle_count);
    progress_end();
    if (interrupted()) {
        fputs("bench: interrupted\n", stderr);
        return 130;
    }
    const struct report report = {.results = results,
                                  .count = count,
                                  .rounds = s->rounds,
                                  .window_ms = s->window_ms,
                                  .cpu = {cpu[0], cpu[1]},
                                  .cpus = cpus,
                                  .load = load,
                                  .version = ours_version()};
    if (count > 0)
        report_table(&report, stdout);
    if (grown_count > 0)
        growth_table(grown, grown_count);
    if (idle_count > 0)
        idle_table(idle, idle_count);
    if (!ok) {
        fputs("bench: the run is broken; no report was written\n", stderr);
        return 1;
    }
    if (s->out && (!report_json(&report, s->out) || !report_svg(&report, s->out) ||
                   !growth_json(grown, grown_count, s->out) || !idle_json(idle, idle_count, s->out)))
        return 1;
    for (size_t i = 0; i < count && s->strict; i++)
        if (!results[i].skipped && !results[i].met)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--serve") == 0) /* started by ours_server_start() */
        return ours_serve(argv[2]);
    const struct settings settings = settings_parse(argc, argv);
    if (settings.list)
        return list_rows(&settings);

    int cpu[MAX_MEMBERS];
    const int cpus = cpus_choose(cpu);
    team_init(cpu, cpus);
    ours_begin();
    int code = settings.side ? side_run(&settings, cpus) : all_run(&settings, cpu, cpus);
    if (!ours_end() && code == 0)
        code = 1;
    return code;
}
