/*
 * A manager inside a program: has procedures, prints "ready", and stays until its standard input ends or it is killed.
 *
 * usage: procedures ADDRESS
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>
#include <stdio.h>
#include <unistd.h>

static int same(mproc_datum_t argument, mproc_builder_t *result, void *payload)
{
    (void)payload;
    return mproc_builder_add(result, argument);
}

static int refuse(mproc_datum_t argument, mproc_builder_t *result, void *payload)
{
    (void)argument;
    (void)payload;
    return mproc_builder_add(result, mproc_datum_str("not today")) == MPROC_OK ? MPROC_EACCES : MPROC_EINVAL;
}

/* Takes longer than who calls it wants to wait. */
static int linger(mproc_datum_t argument, mproc_builder_t *result, void *payload)
{
    (void)argument;
    (void)result;
    (void)payload;
    sleep(1);
    return MPROC_OK;
}

int main(int argc, char **argv)
{
    mproc_manager_t *manager;
    char byte;
    int status = argc == 2 ? mproc_manager_start(argv[1], NULL, NULL, &manager) : MPROC_EINVAL;
    if (status == MPROC_OK) {
        status = mproc_manager_register(manager, "same", same, NULL);
    }
    if (status == MPROC_OK) {
        status = mproc_manager_register(manager, "refuse", refuse, NULL);
    }
    if (status == MPROC_OK) {
        status = mproc_manager_register(manager, "linger", linger, NULL);
    }
    if (status != MPROC_OK) {
        fprintf(stderr, "procedures: %s\n", mproc_strerror(status));
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (read(0, &byte, 1) > 0) {
    }
    return 0;
}
