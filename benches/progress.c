/* Progress on stderr: one line that renews itself on a terminal, one line per case elsewhere. */
#include <unistd.h>

#include "report.h"

void progress_case(struct progress *progress, size_t at, size_t of, const char *title)
{
    progress->at = at;
    progress->of = of;
    progress->title = title;
    if (!isatty(STDERR_FILENO))
        fprintf(stderr, "[%2zu/%zu] %s\n", at, of, title);
    else
        fprintf(stderr, "\r\033[K[%2zu/%zu] %s: calibrating", at, of, title);
}

void progress_round(const struct progress *progress, int round, int rounds)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K[%2zu/%zu] %s: round %d of %d", progress->at, progress->of, progress->title, round, rounds);
}

void progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}
