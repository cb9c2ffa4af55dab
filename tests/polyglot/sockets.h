/* A stream socket between two workers, for C and C++. Its name is an abstract one: nothing has to be removed. */
#ifndef POLYGLOT_SOCKETS_H
#define POLYGLOT_SOCKETS_H

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline socklen_t named_address(const char *name, struct sockaddr_un *address) {
    size_t length = strlen(name);
    memset(address, 0, sizeof *address);
    if (length > sizeof address->sun_path - 1) {
        length = sizeof address->sun_path - 1;
    }
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path + 1, name, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

/* Connects, waiting until somebody listens; -1: errno says why not. */
static inline int connect_to(const char *name) {
    struct sockaddr_un address;
    socklen_t size = named_address(name, &address);
    int to = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (connect(to, (struct sockaddr *)&address, size) != 0) {
        if (errno != ECONNREFUSED) {
            close(to);
            return -1;
        }
        sched_yield();
    }
    return to;
}

/* Waits for the one who connects; -1: errno says why not. */
static inline int accept_at(const char *name) {
    struct sockaddr_un address;
    socklen_t size = named_address(name, &address);
    int from = -1, listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0) {
        from = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    }
    close(listener);
    return from;
}

#endif
