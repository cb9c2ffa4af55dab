/* Ours: clients of a manager over encrypted TCP that do nothing, or wait in a get. */
#include <stdlib.h>

#include "idle.h"
#include "ours_server.h"

static struct ours_server server;

struct client {
    mproc_manager_t *manager;
    mproc_queue_t *queue;
};

static const char *start(void) { return ours_server_start(&server, TEAM_CPUS); }
static long pid_of_server(void) { return (long)server.server.pid; }
static void stop(void) { ours_server_stop(&server); }

static void *join(void)
{
    struct client *client = malloc(sizeof *client);
    if (!client)
        die("out of memory");
    client->manager = ours_join(server.far);
    ours_check(mproc_queue_open(ours_manager_domain(client->manager), SERVED_QUEUE_0, NULL, &client->queue),
               "mproc_queue_open");
    return client;
}

static void ask(void *ctx)
{
    const struct client *client = ctx;
    ours_check(mproc_manager_ping(client->manager, MPROC_FOREVER), "mproc_manager_ping");
}

static uint64_t get(void *ctx)
{
    const struct client *client = ctx;
    uint64_t number;
    size_t len;
    ours_check(mproc_queue_get(client->queue, &number, sizeof number, &len, MPROC_FOREVER, NULL), "mproc_queue_get");
    return number;
}

static uint64_t waiting(void *ctx)
{
    const struct client *client = ctx;
    mproc_manager_info_t info;
    ours_check(mproc_manager_info(client->manager, &info, sizeof info), "mproc_manager_info");
    return info.waiting;
}

static void put(void *ctx, uint64_t number)
{
    const struct client *client = ctx;
    ours_check(mproc_queue_put(client->queue, &number, sizeof number, MPROC_FOREVER, NULL), "mproc_queue_put");
}

static void leave(void *ctx)
{
    struct client *client = ctx;
    mproc_queue_close(client->queue);
    mproc_manager_close(client->manager);
    free(client);
}

const struct idle_side ours_idle = {.name = "manager, encrypted", .start = start, .pid = pid_of_server, .stop = stop,
                                    .join = join, .ask = ask, .get = get, .waiting = waiting, .put = put,
                                    .leave = leave};
