/* The table on stdout and report.json. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "report.h"

const char *unit_name(enum unit unit)
{
    switch (unit) {
    case UNIT_NS: return "ns";
    case UNIT_US: return "us";
    case UNIT_MOPS: return "Mop/s";
    case UNIT_MBPS: return "MB/s";
    case UNIT_SHARE: return "share";
    }
    return "";
}

const char *goal_text(const struct row *row, char *buffer, size_t size)
{
    if (row->goal == GOAL_NONE)
        return "";
    snprintf(buffer, size, "%s %.3g", row->goal == GOAL_AT_MOST ? "≤" : "≥", row->target);
    return buffer;
}

const char *reference_name(const struct bench_case *of, const struct row *row)
{
    return row->reference ? of->sides[row->reference]->name : "";
}

/* Three significant digits, never as an exponent. */
static const char *number(double value, char *buffer, size_t size)
{
    const double magnitude = fabs(value);
    snprintf(buffer, size, "%.*f", magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 0.1 ? 2 : 4, value);
    return buffer;
}

/* printf pads by bytes; a check mark has three of them in one column. */
static void cell(FILE *to, const char *text, int width, bool right)
{
    int columns = 0;
    for (const char *p = text; *p; p++)
        columns += ((unsigned char)*p & 0xc0) != 0x80;
    if (!right)
        fputs(text, to);
    for (; columns < width; columns++)
        fputc(' ', to);
    if (right)
        fputs(text, to);
}

void report_row_line(const struct bench_case *of, const struct row *row)
{
    char goal[32];
    cell(stdout, row->name, 27, false);
    cell(stdout, goal_text(row, goal, sizeof goal), 8, false);
    cell(stdout, row->title, 36, false);
    printf("%s%s\n", row->reference ? "against " : "", reference_name(of, row));
}

static void cell_value(FILE *to, double value, enum unit unit)
{
    char digits[32], text[48];
    snprintf(text, sizeof text, "%s %s", number(value, digits, sizeof digits), unit == UNIT_SHARE ? "" : unit_name(unit));
    cell(to, text, 13, true);
}

static const char *mark(const struct result *result)
{
    if (result->skipped)
        return "-";
    if (result->row->goal == GOAL_NONE)
        return " ";
    return result->met ? "✓" : "✗";
}

static void table_row(FILE *to, const struct result *r)
{
    char text[72], a[32], b[32], goal[32];
    fputs("  ", to);
    cell(to, mark(r), 2, false);
    cell(to, r->row->title, 35, false);
    if (r->skipped) {
        fprintf(to, "  %s\n", r->note);
        return;
    }
    cell_value(to, r->ours, r->row->unit);
    if (r->row->reference)
        cell_value(to, r->reference, r->row->unit);
    else
        cell(to, "", 13, true);
    fputs("  ", to);
    cell(to, reference_name(r->of, r->row), 29, false);
    cell(to, number(r->ratio, a, sizeof a), 7, true);
    snprintf(text, sizeof text, "%s..%s", number(r->ratio_min, a, sizeof a), number(r->ratio_max, b, sizeof b));
    cell(to, text, 14, true);
    fputs("  ", to);
    cell(to, goal_text(r->row, goal, sizeof goal), 7, false);
    fprintf(to, "%s\n", r->noisy ? " ~" : "");
}

static void table_summary(const struct report *report, FILE *to)
{
    size_t targets = 0, met = 0, skipped = 0, noisy = 0;
    for (size_t i = 0; i < report->count; i++) {
        const struct result *r = &report->results[i];
        skipped += r->skipped;
        noisy += !r->skipped && r->noisy;
        if (r->skipped || r->row->goal == GOAL_NONE)
            continue;
        targets++;
        met += r->met;
    }
    fprintf(to, "\n  %zu of %zu targets met", met, targets);
    if (skipped)
        fprintf(to, ", %zu rows skipped", skipped);
    fputs(".\n", to);
    for (size_t i = 0; i < report->count; i++)
        if (!report->results[i].skipped && report->results[i].note[0])
            fprintf(to, "  %s: %s\n", report->results[i].row->name, report->results[i].note);
    if (noisy * 4 > report->count)
        fprintf(to, "  WARNING: the machine looks noisy: %zu of %zu rows scatter by more than 15 %% (marked ~). Trust the\n"
                    "           ratios only roughly, or run again when it is quiet.\n", noisy, report->count);
    else if (noisy)
        fprintf(to, "  ~: the rounds scatter by more than 15 %%.\n");
    if (report->load > 0.5 + 0.5 * report->cpus)
        fprintf(to, "  WARNING: the machine was busy before the start: load %.2f.\n", report->load);
}

void report_table(const struct report *report, FILE *to)
{
    char name[256];
    fprintf(to, "\nlibmproc %s, side by side with what one would use instead\n", report->version);
    fprintf(to, "%s; ", machine_name(name, sizeof name));
    if (report->cpus > 1)
        fprintf(to, "CPUs %d and %d; ", report->cpu[0], report->cpu[1]);
    else
        fprintf(to, "one CPU (%d); ", report->cpu[0]);
    fprintf(to, "%d rounds of %u ms, medians\n\n    ", report->rounds, report->window_ms);
    cell(to, "", 35, false);
    cell(to, "ours", 13, true);
    cell(to, "reference", 13, true);
    cell(to, "", 31, false);
    cell(to, "ratio", 7, true);
    cell(to, "min..max", 14, true);
    fputs("  target\n", to);
    for (size_t i = 0; i < report->count; i++)
        table_row(to, &report->results[i]);
    table_summary(report, to);
    fflush(to);
}

/* ---- the machine ---- */

double machine_load(void)
{
    double load;
    return getloadavg(&load, 1) == 1 ? load : -1;
}

static void cpu_model(char *buffer, size_t size)
{
    char line[256];
    snprintf(buffer, size, "unknown CPU");
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            line[strcspn(line, "\n")] = 0;
            snprintf(buffer, size, "%s", colon + 2);
            break;
        }
    }
    if (f)
        fclose(f);
}

const char *machine_name(char *buffer, size_t size)
{
    struct utsname system;
    char model[128];
    cpu_model(model, sizeof model);
    if (uname(&system) != 0)
        snprintf(buffer, size, "%s", model);
    else
        snprintf(buffer, size, "%s, %s %s", model, system.sysname, system.release);
    return buffer;
}

/* ---- files ---- */

FILE *report_file(const char *directory, const char *name)
{
    char path[512];
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        fprintf(stderr, "bench: %s: %s\n", directory, strerror(errno));
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "we");
    if (!f)
        fprintf(stderr, "bench: %s: %s\n", path, strerror(errno));
    return f;
}

bool report_close(FILE *file, const char *directory, const char *name)
{
    const bool bad = ferror(file) != 0;
    if (fclose(file) != 0 || bad) {
        fprintf(stderr, "bench: writing %s/%s failed\n", directory, name);
        return false;
    }
    return true;
}

static void json_string(FILE *to, const char *key, const char *text)
{
    fprintf(to, "\"%s\": ", key);
    if (!text || !*text) {
        fputs("null", to);
        return;
    }
    fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(to, "\\%c", *p);
        else if (*p < 0x20)
            fprintf(to, "\\u%04x", *p);
        else
            fputc(*p, to);
    }
    fputc('"', to);
}

static void json_number(FILE *to, const char *key, double value, bool known)
{
    if (known && isfinite(value))
        fprintf(to, ", \"%s\": %.6g", key, value);
    else
        fprintf(to, ", \"%s\": null", key);
}

static const char *json_bool(bool value) { return value ? "true" : "false"; }

static void json_row(FILE *to, const struct result *r)
{
    const struct row *row = r->row;
    const bool measured = !r->skipped, judged = measured && row->goal != GOAL_NONE;
    fputs("  {", to);
    json_string(to, "name", row->name);
    fputs(", ", to);
    json_string(to, "title", row->title);
    fputs(", ", to);
    json_string(to, "unit", unit_name(row->unit));
    json_number(to, "ours", r->ours, measured);
    json_number(to, "reference", r->reference, measured && row->reference);
    fputs(", ", to);
    json_string(to, "reference_name", reference_name(r->of, row));
    json_number(to, "ratio", r->ratio, measured);
    json_number(to, "ratio_min", r->ratio_min, measured);
    json_number(to, "ratio_max", r->ratio_max, measured);
    json_number(to, "target", row->target, row->goal != GOAL_NONE);
    fputs(", ", to);
    json_string(to, "target_is", row->goal == GOAL_NONE ? NULL : row->goal == GOAL_AT_MOST ? "at most" : "at least");
    fprintf(to, ", \"met\": %s", judged ? json_bool(r->met) : "null");
    fprintf(to, ", \"rounds\": %d, \"noisy\": %s, ", r->rounds, json_bool(r->noisy));
    json_string(to, "note", r->note);
    fputc('}', to);
}

bool report_json(const struct report *report, const char *directory)
{
    FILE *f = report_file(directory, "report.json");
    if (!f)
        return false;
    fputs("[\n", f);
    for (size_t i = 0; i < report->count; i++) {
        json_row(f, &report->results[i]);
        fputs(i + 1 < report->count ? ",\n" : "\n", f);
    }
    fputs("]\n", f);
    return report_close(f, directory, "report.json");
}
