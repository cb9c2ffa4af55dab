/* What the sides of ours share. */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include <mproc.h>

#include "loops.h"
#include "sides.h"

/* The private domain, opened in the driver before anything else. */
extern mproc_domain_t *ours_domain;

/* Ends the run when a call failed. Inline, because it is part of what a careful user's call costs. */
static inline void ours_check(int status, const char *call)
{
    if (__builtin_expect(status < 0, 0))
        die("%s: %s (%s)", call, mproc_status_name(status), mproc_strerror(status));
}

#endif
