/*
 * A process of a domain for the tests of the tool: makes what its arguments say, prints "ready", and stays until its
 * standard input ends or it is killed. KIND:NAME, with + before it for a persistent one, as +value:visits; or
 * "removing": it is in the middle of removing a name, and stays there.
 */
#define _GNU_SOURCE /* F_OFD_SETLK */
#include <fcntl.h>
#include <mproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whoever removes a name holds an exclusive lock on this byte of the registry (src/shm/registry.rs). */
static int begin_removing(void)
{
    struct flock names = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (INT64_C(1) << 60) + 4097, .l_len = 1 };
    char path[4096];
    snprintf(path, sizeof path, "%s/.registry", getenv("MPROC_DOMAIN"));
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 || fcntl(fd, F_OFD_SETLK, &names) != 0 ? MPROC_ESYS : MPROC_OK;
}

static int make(const char *what)
{
    if (!strcmp(what, "removing")) {
        return begin_removing();
    }
    uint32_t flags = *what == '+' ? MPROC_PERSIST : 0;
    const char *kind = what + (*what == '+');
    const char *name = strchr(kind, ':');
    if (!name) {
        return MPROC_EINVAL;
    }
    name++;
    if (!strncmp(kind, "value:", 6)) {
        mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
        mproc_value_t *value;
        options.type_code = MPROC_TYPE_I64;
        options.flags = flags;
        return mproc_value_create(NULL, name, &options, &value);
    }
    if (!strncmp(kind, "queue:", 6)) {
        mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
        mproc_queue_t *queue;
        options.flags = flags;
        return mproc_queue_create(NULL, name, &options, &queue);
    }
    return MPROC_EINVAL;
}

int main(int argc, char **argv)
{
    char byte;
    for (int i = 1; i < argc; i++) {
        int status = make(argv[i]);
        if (status < 0) {
            fprintf(stderr, "%s: %s\n", argv[i], mproc_strerror(status));
            return 1;
        }
    }
    puts("ready");
    fflush(stdout);
    while (read(0, &byte, 1) > 0) {
    }
    return 0;
}
