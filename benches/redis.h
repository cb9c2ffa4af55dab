/* Redis as a reference: a server of our own without persistence, and a client that does the least any client does. */
#ifndef BENCH_REDIS_H
#define BENCH_REDIS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "servers.h"

enum redis_reach { REDIS_UNIX, REDIS_TCP };

struct redis {
    struct server server;
    struct sockaddr_storage address;
    socklen_t address_len;
    char path[108]; /* of its socket; "": it has none */
};

/* One connection, and what has come through it but was not taken yet. */
struct redis_client {
    int fd;
    size_t from, to;
    char in[1 << 15];
};

/* Starts it. NULL, or why it cannot run here. `where`: on the CPUs of the measurement only, or on any. */
const char *redis_start(struct redis *redis, enum redis_reach reach, enum server_place where);
void redis_stop(struct redis *redis);

void redis_connect(struct redis_client *client, const struct redis *redis);
void redis_close(const struct redis_client *client);

/* A command, ready-made. */
void redis_send(const struct redis_client *client, const char *bytes, size_t len);
/* An answer of exactly this length, which stays where it is until the next. Anything but `head` ends the run. */
const char *redis_receive(struct redis_client *client, size_t len, const char *head, size_t head_len);
/* An answer that is an integer. */
int64_t redis_receive_int(struct redis_client *client);
/* The length of an answer that follows, with a line's end behind it. */
size_t redis_receive_len(struct redis_client *client);

#endif
