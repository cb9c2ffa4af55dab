/*
 * A connection that breaks at any byte: plain operations are sent again to the same server and are done once; those
 * that belong to the session say MPROC_ECONNECTION, and what the session held goes on to others.
 */
#include "manager_test.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

enum { CUTS = 1000 };

/* Shared with the relay. */
typedef struct {
    _Atomic uint32_t cuts;    /* connections cut so far */
    _Atomic uint32_t gentle;  /* it cuts no more */
    _Atomic uint32_t at_most; /* bytes, in either direction, after which it cuts at the latest */
} relay_t;

/* Forwards up to `left` bytes; what is left of that, or -1 when this direction has ended. */
static long forward(int from, int to, long left) {
    char buf[4096];
    size_t most = left < (long)sizeof buf ? (size_t)left : sizeof buf;
    ssize_t got = read(from, buf, most), put = 0;
    if (got <= 0) {
        return got < 0 && errno == EINTR ? left : -1;
    }
    while (put < got) {
        ssize_t n = write(to, buf + put, (size_t)(got - put));
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        put += n > 0 ? n : 0;
    }
    return left - got;
}

/* One connection. It ends after a random number of bytes in one of the directions: in the middle of a request, between
 * a request and its reply, or in the middle of that. */
static void relay_one(relay_t *relay, int client, int server, struct rng *rng) {
    struct pollfd ends[2];
    long left[2] = {LONG_MAX, LONG_MAX};
    int i, one = 1, cut = 0;
    if (!atomic_load(&relay->gentle)) {
        left[rng_below(rng, 2)] = 1 + (long)rng_below(rng, atomic_load(&relay->at_most));
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ends[0].fd = client;
    ends[1].fd = server;
    ends[0].events = ends[1].events = POLLIN;
    while (!cut && poll(ends, 2, -1) >= 0) {
        for (i = 0; i < 2 && !cut; i++) {
            if (ends[i].revents != 0) {
                left[i] = forward(ends[i].fd, ends[1 - i].fd, left[i]);
                cut = left[i] <= 0;
            }
        }
    }
    if (left[0] == 0 || left[1] == 0) {
        struct linger at_once;
        at_once.l_onoff = 1;
        at_once.l_linger = 0;
        /* Sometimes what is under way still arrives at the server, sometimes it does not. */
        setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        if (rng_below(rng, 2) == 0) {
            setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        atomic_fetch_add(&relay->cuts, 1);
    }
    close(client);
    close(server);
}

static struct sockaddr_in loopback(unsigned port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

typedef struct {
    relay_t *relay;
    int client;
    unsigned port;
    uint64_t seed;
} connection_t;

static void *relay_thread(void *argument) {
    connection_t *c = (connection_t *)argument;
    struct sockaddr_in to = loopback(c->port);
    struct rng rng = {c->seed};
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, (const struct sockaddr *)&to, sizeof to) != 0) {
        close(c->client);
        close(server);
    } else {
        relay_one(c->relay, c->client, server, &rng);
    }
    free(c);
    return NULL;
}

/* The relay, a process of its own. Its address goes to `address`. */
static pid_t relay_start(relay_t *relay, const server_t *server, char *address, size_t size) {
    struct sockaddr_in at = loopback(0);
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned port = (unsigned)atoi(strrchr(server->tcp, ':') + 1);
    pid_t pid;
    if (listener < 0 || bind(listener, (const struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0) {
        perror("the relay's socket");
        exit(1);
    }
    snprintf(address, size, "tcp:127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    pid = proc_fork();
    if (pid == 0) {
        uint64_t n;
        for (n = 1;; n++) {
            connection_t *c = (connection_t *)malloc(sizeof *c);
            pthread_t thread;
            c->relay = relay;
            c->port = port;
            c->seed = n;
            do {
                c->client = accept(listener, NULL, NULL);
            } while (c->client < 0);
            if (pthread_create(&thread, NULL, relay_thread, c) != 0) {
                _exit(1);
            }
            pthread_detach(thread);
        }
    }
    close(listener);
    return pid;
}

static uint32_t cuts_of(const relay_t *relay) {
    return atomic_load(&relay->cuts);
}

/* A connection through it. The first may be cut before it is one; then it is no connection that could be made anew. */
static mproc_manager_t *come(const char *address, const server_t *server) {
    mproc_manager_t *manager = NULL;
    mproc_connect_options_t options = MPROC_CONNECT_OPTIONS_INIT;
    options.reconnect_ns = 30 * SEC;
    AWAIT(mproc_manager_connect(address, &server->key, &options, &manager) == MPROC_OK);
    return manager;
}

/* Additions, puts and gets: each that says OK has been done once, and each says OK. */
static void exactly_once(const server_t *server, relay_t *relay, const char *address) {
    mproc_manager_t *direct = arrive(server, TCP), *cut = come(address, server);
    mproc_dict_t *dict = NULL;
    mproc_queue_t *in = NULL, *out = NULL;
    mproc_value_t *value = NULL;
    mproc_list_t *list = NULL;
    mproc_value_options_t number_options = MPROC_VALUE_OPTIONS_INIT;
    mproc_datum_t sum = mproc_datum_nil();
    int64_t number = 0, seen, i;
    uint64_t len = 0;
    uint32_t begin = cuts_of(relay);
    size_t items = 0, size = 0;
    number_options.type_code = MPROC_TYPE_I64;
    /* To create is not done again by itself; to open is. */
    NEED_OK(mproc_dict_create(domain_of(direct), "d", NULL, &dict));
    NEED_OK(mproc_list_create(domain_of(direct), "l", NULL, &list));
    NEED_OK(mproc_queue_create(domain_of(direct), "in", NULL, &in));
    NEED_OK(mproc_queue_create(domain_of(direct), "out", NULL, &out));
    NEED_OK(mproc_value_create(domain_of(direct), "v", &number_options, &value));
    mproc_dict_close(dict);
    mproc_list_close(list);
    mproc_queue_close(in);
    mproc_queue_close(out);
    mproc_value_close(value);
    NEED_OK(mproc_dict_open(domain_of(cut), "d", NULL, &dict));
    NEED_OK(mproc_list_open(domain_of(cut), "l", NULL, &list));
    NEED_OK(mproc_queue_open(domain_of(cut), "in", NULL, &in));
    NEED_OK(mproc_queue_open(domain_of(cut), "out", NULL, &out));
    NEED_OK(mproc_value_open(domain_of(cut), "v", &number_options, &value));
    for (number = 0; cuts_of(relay) - begin < CUTS; number++) {
        check_watchdog();
        NEED_OK(mproc_dict_add(dict, mproc_datum_str("k"), mproc_datum_int(1), &sum));
        NEED_OK(mproc_queue_put(in, &number, sizeof number, MPROC_FOREVER, NULL));
        NEED_OK(mproc_queue_get(in, &seen, sizeof seen, &size, MPROC_FOREVER, NULL));
        CHECK(seen == number && size == sizeof seen);
        NEED_OK(mproc_queue_put(out, &seen, sizeof seen, MPROC_FOREVER, NULL));
        NEED_OK(mproc_value_add(value, 1, NULL));
        NEED_OK(mproc_list_append(list, mproc_datum_int(number)));
        CHECK_INT(number + 1, sum.as.i);
        if (number % 1000 == 999) { /* the ring would be full some day */
            for (i = 0; i < 1000; i++) {
                int64_t first = -1;
                NEED_OK(mproc_queue_get(out, &first, sizeof first, &size, 0, NULL));
                CHECK_INT(number - 999 + i, first);
            }
        }
    }
    atomic_store(&relay->gentle, 1);
    mproc_dict_close(dict);
    mproc_list_close(list);
    mproc_queue_close(in);
    mproc_queue_close(out);
    mproc_value_close(value);
    mproc_manager_close(cut);
    /* What is there now, seen through a connection that was never cut. */
    NEED_OK(mproc_dict_open(domain_of(direct), "d", NULL, &dict));
    NEED_OK(mproc_list_open(domain_of(direct), "l", NULL, &list));
    NEED_OK(mproc_queue_open(domain_of(direct), "in", NULL, &in));
    NEED_OK(mproc_queue_open(domain_of(direct), "out", NULL, &out));
    NEED_OK(mproc_value_open(domain_of(direct), "v", &number_options, &value));
    CHECK_OK(mproc_dict_get(dict, mproc_datum_str("k"), NULL, 0, &sum));
    CHECK_INT(number, sum.as.i);
    CHECK_OK(mproc_value_get_i64(value, &seen));
    CHECK_INT(number, seen);
    CHECK_OK(mproc_list_len(list, &len));
    CHECK_INT(number, len);
    for (i = 0; i < number; i++) {
        mproc_datum_t item = mproc_datum_nil();
        NEED_OK(mproc_list_get(list, i, NULL, 0, &item));
        CHECK_INT(i, item.as.i);
    }
    CHECK_OK(mproc_queue_size(in, &items));
    CHECK_INT(0, items);
    CHECK_OK(mproc_queue_size(out, &items));
    CHECK_INT(number % 1000, items);
    for (i = number - number % 1000; i < number; i++) {
        int64_t first = -1;
        NEED_OK(mproc_queue_get(out, &first, sizeof first, &size, 0, NULL));
        CHECK_INT(i, first);
    }
    mproc_dict_close(dict);
    mproc_list_close(list);
    mproc_queue_close(in);
    mproc_queue_close(out);
    mproc_value_close(value);
    mproc_manager_close(direct);
    printf("%lld rounds of six operations through %u cuts\n", (long long)number, cuts_of(relay) - begin);
}

/* A lock through such a connection: what fails says so, and the lock goes on. */
static void sessions_end(const server_t *server, relay_t *relay, const char *address) {
    mproc_manager_t *direct = arrive(server, TCP), *cut = come(address, server);
    mproc_lock_t *mine = NULL, *theirs = NULL;
    int64_t number = 0, seen;
    mproc_value_t *value = NULL;
    mproc_value_options_t number_options = MPROC_VALUE_OPTIONS_INIT;
    uint32_t begin = cuts_of(relay), recovered = 0, lost = 0, kept = 0;
    number_options.type_code = MPROC_TYPE_I64;
    NEED_OK(mproc_lock_create(domain_of(direct), "lock", NULL, &mine));
    NEED_OK(mproc_value_create(domain_of(direct), "guarded", &number_options, &value));
    mproc_value_close(value);
    NEED_OK(mproc_value_open(domain_of(cut), "guarded", &number_options, &value));
    NEED_OK(mproc_lock_open(domain_of(cut), "lock", NULL, &theirs));
    while (cuts_of(relay) - begin < CUTS / 10) {
        int status;
        check_watchdog();
        status = mproc_lock_lock(theirs, MPROC_FOREVER, NULL);
        if (status == MPROC_OK || status == MPROC_RECOVERED) {
            /* A plain operation goes on over a new connection, although the lock may be lost by then. */
            NEED_OK(mproc_value_add(value, 1, NULL));
            number++;
            status = mproc_lock_unlock(theirs);
            kept += status == MPROC_OK;
            /* EPERM: it was lost while the number was raised, and the unlock came through on the next connection. */
            CHECK(status == MPROC_OK || status == MPROC_ECONNECTION || status == MPROC_EPERM);
        } else {
            CHECK_IS(MPROC_ECONNECTION, status);
        }
        lost += status != MPROC_OK;
        /* Whatever became of theirs, it comes to us. */
        status = mproc_lock_lock(mine, MPROC_FOREVER, NULL);
        CHECK(status == MPROC_OK || status == MPROC_RECOVERED);
        recovered += status == MPROC_RECOVERED;
        CHECK_OK(mproc_lock_unlock(mine));
    }
    atomic_store(&relay->gentle, 1);
    CHECK_OK(mproc_value_get_i64(value, &seen));
    CHECK_INT(number, seen);
    CHECK(lost > 0 && recovered > 0 && kept > 0); /* otherwise this has shown nothing */
    mproc_lock_close(mine);
    mproc_lock_close(theirs);
    mproc_value_close(value);
    mproc_manager_close(cut);
    mproc_manager_close(direct);
}

/* Without reconnecting, who is asking when it is cut is told. */
static void no_second_time(const server_t *server, relay_t *relay, const char *address) {
    mproc_manager_t *cut = NULL;
    mproc_connect_options_t never = MPROC_CONNECT_OPTIONS_INIT;
    int status;
    atomic_store(&relay->gentle, 0);
    never.reconnect_ns = -1;
    AWAIT(mproc_manager_connect(address, &server->key, &never, &cut) == MPROC_OK); /* the first may be cut at once */
    here(__FILE__, __LINE__);
    while ((status = mproc_manager_ping(cut, 60 * SEC)) == MPROC_OK) {
    }
    CHECK_IS(MPROC_ECONNECTION, status);
    mproc_manager_close(cut);
}

void manager_cut(void) {
    server_t server = server_start(NULL);
    relay_t *relay = (relay_t *)proc_shared(sizeof *relay);
    char address[64];
    pid_t pid;
    atomic_store(&relay->gentle, 0);
    atomic_store(&relay->at_most, 3000);
    pid = relay_start(relay, &server, address, sizeof address);
    exactly_once(&server, relay, address);
    atomic_store(&relay->gentle, 0); /* for connections from here on */
    sessions_end(&server, relay, address);
    no_second_time(&server, relay, address);
    check_kill(pid);
    munmap(relay, sizeof *relay);
    server_end(&server);
}
