/* Clients of a server that do nothing, or wait: what the server spends on them. A table of its own. */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

#include "bench.h"

enum { IDLE_CLIENTS = 1000, WAITING_CLIENTS = 500, IDLE_SIDES = 2 };

/* What one kind of client costs. */
struct idle {
    const char *name, *title, *side;
    char absent[128];        /* why it could not be measured; "": it was */
    int clients;
    double bytes_each;       /* of the server's memory, for each client */
    double share, own_share; /* of a CPU: the server, and the process of the clients */
};

/* ours_idle.c, peer_redis_idle.c: a server and its clients. */
struct idle_side {
    const char *name;
    /* In the driver. NULL, or why it cannot run here. */
    const char *(*start)(void);
    long (*pid)(void);
    void (*stop)(void);
    /* In the member. */
    void *(*join)(void);
    void (*ask)(void *client); /* one request, whatever it does */
    /* Waits for a number that somebody puts; not before the server has let it wait. */
    uint64_t (*get)(void *client);
    /* How many clients the server knows to wait. */
    uint64_t (*waiting)(void *client);
    void (*put)(void *client, uint64_t number);
    void (*leave)(void *client);
};

extern const struct idle_side ours_idle, ref_redis_idle;

enum idle_kind { IDLE_DOING_NOTHING, IDLE_WAITING, IDLE_KINDS };
extern const char *const idle_names[IDLE_KINDS];
extern const char *const idle_titles[IDLE_KINDS];

/* idle.c. Ours and the reference, one after the other. False: the run is broken. */
bool idle_run(enum idle_kind kind, struct idle out[IDLE_SIDES]);
void idle_table(const struct idle *idle, size_t count);
/* directory/idle.json */
bool idle_json(const struct idle *idle, size_t count, const char *directory);

#endif
