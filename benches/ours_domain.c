/* The domain of the benchmark: private, so that nobody else's objects are near, and removed at the end. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ours.h"

mproc_domain_t *ours_domain;
static char path[256];

void ours_begin(void)
{
    /* run.sh chooses the directory, so that it can clean up even after a driver that was killed. */
    const char *given = getenv("MPROC_DOMAIN");
    if (given && *given)
        snprintf(path, sizeof path, "%s", given);
    else
        snprintf(path, sizeof path, "/dev/shm/mproc-bench-%ld", (long)getpid());

    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    options.path = path;
    ours_check(mproc_domain_open(&options, &ours_domain), "mproc_domain_open");
    if (mproc_abi_version() != MPROC_ABI_VERSION)
        die("the library has ABI %u, the header %d", (unsigned)mproc_abi_version(), MPROC_ABI_VERSION);
}

bool ours_end(void)
{
    mproc_domain_close(ours_domain);
    ours_domain = NULL;
    int status = mproc_domain_remove(path);
    if (status != MPROC_OK)
        fprintf(stderr, "bench: the domain %s was not removed: %s\n", path, mproc_status_name(status));
    return status == MPROC_OK;
}

const char *ours_version(void) { return mproc_version(); }
