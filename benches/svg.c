/*
 * report.svg: one bar per row on a logarithmic scale. Bars that go right are better than the reference,
 * whatever the unit; a tick marks the target; green met it, red missed it, grey has none.
 */
#include <math.h>

#include "report.h"

enum { LEFT = 300, PLOT = 430, RIGHT = 330, TOP = 86, LINE = 22, BOTTOM = 40 };
static const double scale_least = 1.0 / 16, scale_most = 1024;

/* A ratio as "times better than the reference"; for shares, as a part of the fair half. */
static double advantage(const struct row *row, double ratio)
{
    if (row->unit == UNIT_SHARE)
        return ratio / 0.5;
    return unit_smaller_is_better(row->unit) ? 1 / ratio : ratio;
}

static double x_of(double times)
{
    const double clipped = fmin(fmax(times, scale_least), scale_most);
    return LEFT + PLOT * log2(clipped / scale_least) / log2(scale_most / scale_least);
}

/* Titles and names are our own constants; only these two characters of theirs need care. */
static void text(FILE *f, double x, double y, const char *attributes, const char *content)
{
    fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    for (; *content; content++) {
        if (*content == '&')
            fputs("&amp;", f);
        else if (*content == '<')
            fputs("&lt;", f);
        else
            fputc(*content, f);
    }
    fputs("</text>\n", f);
}

static void axis(FILE *f, double bottom)
{
    for (double times = scale_least; times <= scale_most; times *= 2) {
        char label[32];
        const double x = x_of(times);
        fprintf(f, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%s\"/>\n", x, x, TOP - 6,
                bottom, times == 1 ? "#333" : "#e4e4e4", times == 1 ? "1.5" : "1");
        if (times < 1)
            snprintf(label, sizeof label, "1/%.0f", 1 / times);
        else if (fmod(log2(times), 2) != 0)
            continue; /* there is room for every second one only */
        else
            snprintf(label, sizeof label, "%.0f×", times);
        text(f, x, TOP - 12, "text-anchor=\"middle\" class=\"s\"", label);
    }
}

static void bar(FILE *f, const struct result *r, double y)
{
    char label[160], goal[32];
    text(f, LEFT - 10, y + 15, "text-anchor=\"end\"", r->row->name);
    if (r->skipped) {
        text(f, x_of(1) + 6, y + 15, "class=\"s\"", r->note);
        return;
    }
    const double times = advantage(r->row, r->ratio);
    const double from = x_of(1), to = x_of(times);
    const char *colour = r->row->goal == GOAL_NONE ? "#9aa5b1" : r->met ? "#2e9e5b" : "#d0453e";
    fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"14\" fill=\"%s\"/>\n", fmin(from, to), y + 4,
            fmax(fabs(to - from), 1), colour);
    if (times < scale_least || times > scale_most) /* the bar goes on beyond the scale */
        text(f, to, y + 16, times < 1 ? "text-anchor=\"end\"" : "", times < 1 ? "◂" : "▸");
    const double low = x_of(advantage(r->row, r->ratio_min)), high = x_of(advantage(r->row, r->ratio_max));
    fprintf(f, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#222\" stroke-opacity=\"0.55\"/>\n", fmin(low, high),
            fmax(low, high), y + 11, y + 11);
    if (r->row->goal != GOAL_NONE) {
        const double x = x_of(advantage(r->row, r->row->target));
        fprintf(f, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#111\" stroke-width=\"3\"/>\n", x, x, y + 1, y + 21);
    }
    snprintf(label, sizeof label, "%.2f %s%s%s%s", r->ratio, goal_text(r->row, goal, sizeof goal),
             r->row->goal == GOAL_NONE ? "" : r->met ? " ✓" : " ✗", r->row->reference ? "  against " : "  (0.5 is fair)",
             reference_name(r->of, r->row));
    text(f, LEFT + PLOT + 12, y + 15, "class=\"s\"", label);
}

bool report_svg(const struct report *report, const char *directory)
{
    char name[256];
    FILE *f = report_file(directory, "report.svg");
    if (!f)
        return false;
    const int width = LEFT + PLOT + RIGHT, height = TOP + LINE * (int)report->count + BOTTOM;
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "font-family=\"sans-serif\" font-size=\"13\">\n"
            "<style>.s{font-size:11px;fill:#444}.h{font-size:17px;font-weight:bold}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            width, height, width, height);
    text(f, 16, 28, "class=\"h\"", "libmproc: how much better (right) or worse (left) than what one would use instead");
    text(f, 16, 47, "class=\"s\"", machine_name(name, sizeof name));
    axis(f, TOP + LINE * (double)report->count + 4);
    for (size_t i = 0; i < report->count; i++)
        bar(f, &report->results[i], TOP + LINE * (double)i);
    text(f, 16, height - 14, "class=\"s\"",
         "Logarithmic. Thick tick: target. Thin line: slowest and fastest round. Green: met, red: missed, grey: no target. "
         "Numbers: ratio as in the table.");
    fputs("</svg>\n", f);
    return report_close(f, directory, "report.svg");
}
