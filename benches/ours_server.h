/* A manager's server in a process of its own: this program, started anew. */
#ifndef BENCH_OURS_SERVER_H
#define BENCH_OURS_SERVER_H

#include "ours.h"
#include "servers.h"

enum { ADDRESS_BYTES = 160 };

struct ours_server {
    struct server server;
    char near[ADDRESS_BYTES], far[ADDRESS_BYTES];
};

/* What it has. */
#define SERVED_DICT "dict"      /* ENTRIES entries of ENTRY_BYTES */
#define SERVED_LIST "list"      /* the same */
#define SERVED_GROWS "grows"    /* an empty list */
#define SERVED_FAR "far"        /* a dict of ENTRIES entries of FAR_BYTES */
#define SERVED_COUNTS "counts"  /* an empty dict */
#define SERVED_QUEUE_0 "queue-0" /* queues of QUEUE_BYTES, one for each direction */
#define SERVED_QUEUE_1 "queue-1"

/* In the driver. NULL, or why it cannot run here. */
const char *ours_server_start(struct ours_server *server, enum server_place where);
void ours_server_stop(struct ours_server *server);

/* In a member: a client of it. */
mproc_manager_t *ours_join(const char *address);
const mproc_domain_t *ours_manager_domain(const mproc_manager_t *manager);

#endif
