/* The manager: keys, starting and connecting, objects here and there, procedures, batches, fencing tokens, quotas. */
#include "api_test.h"

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LONG_ENOUGH (60000 * API_MS) /* for what has to come: the watchdog is later */

static char place[64]; /* a directory of this test's own */

static const char *in_place(const char *name) {
    static char paths[4][160];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", place, name);
    return path;
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *content, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    CHECK(fchmod(fd, mode) == 0);
    close(fd);
}

static void keys(void) {
    static const char hex[] = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f";
    mproc_key_t a, b, kept;
    struct stat st;
    char text[200], path[160];
    size_t i;

    snprintf(path, sizeof path, "%s", in_place("key"));
    CHECK_OK(mproc_key_generate(&a));
    CHECK_OK(mproc_key_generate(&b));
    CHECK(memcmp(&a, &b, sizeof a) != 0);
    CHECK_IS(MPROC_EINVAL, mproc_key_generate(NULL));

    CHECK_OK(mproc_key_save(&a, path));
    CHECK(stat(path, &st) == 0 && S_ISREG(st.st_mode));
    CHECK_INT(0600, st.st_mode & 07777);
    CHECK_INT(65, st.st_size);
    CHECK_IS(MPROC_EEXIST, mproc_key_save(&b, path));
    memset(&b, 0, sizeof b);
    CHECK_OK(mproc_key_load(path, &b));
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    CHECK(chmod(path, 0400) == 0);
    CHECK_OK(mproc_key_load(path, &b));

    /* Whoever else could read it has it. */
    memset(&kept, 0x5a, sizeof kept);
    b = kept;
    CHECK(chmod(path, 0640) == 0);
    CHECK_IS(MPROC_EACCES, mproc_key_load(path, &b));
    CHECK(chmod(path, 0604) == 0);
    CHECK_IS(MPROC_EACCES, mproc_key_load(path, &b));
    CHECK_IS(MPROC_EACCES, mproc_key_load(place, &b));
    CHECK(mkfifo(in_place("fifo"), 0600) == 0); /* and nobody waits for a writer */
    CHECK_IS(MPROC_EACCES, mproc_key_load(in_place("fifo"), &b));
    if (geteuid() == 0) {
        CHECK(chmod(path, 0600) == 0 && chown(path, 4711, 4711) == 0);
        CHECK_IS(MPROC_EACCES, mproc_key_load(path, &b));
        CHECK(chown(path, 0, 0) == 0);
    }

    snprintf(text, sizeof text, "%s\n", hex);
    write_file(path, text, 0600);
    CHECK_OK(mproc_key_load(path, &b));
    CHECK_INT(0x11, b.bytes[1]);
    CHECK_INT(0x0f, b.bytes[31]);
    b = kept;
    write_file(path, "", 0600);
    CHECK_IS(MPROC_EINVAL, mproc_key_load(path, &b));
    snprintf(text, sizeof text, "%.63s\n", hex);
    write_file(path, text, 0600);
    CHECK_IS(MPROC_EINVAL, mproc_key_load(path, &b));
    snprintf(text, sizeof text, "%s0\n", hex);
    write_file(path, text, 0600);
    CHECK_IS(MPROC_EINVAL, mproc_key_load(path, &b));
    for (i = 0; i < 64; i += 21) {
        snprintf(text, sizeof text, "%s\n", hex);
        text[i] = 'g';
        write_file(path, text, 0600);
        CHECK_IS(MPROC_EINVAL, mproc_key_load(path, &b));
    }
    snprintf(text, sizeof text, "%s\n%s\n", hex, hex);
    write_file(path, text, 0600);
    CHECK_IS(MPROC_EINVAL, mproc_key_load(path, &b));
    CHECK(memcmp(&b, &kept, sizeof b) == 0);

    CHECK_IS(MPROC_ENOENT, mproc_key_load(in_place("nothing"), &b));
    CHECK_IS(MPROC_ENOENT, mproc_key_save(&a, in_place("no/such/directory")));
    CHECK_IS(MPROC_EINVAL, mproc_key_load(NULL, &b));
    CHECK_IS(MPROC_EINVAL, mproc_key_load(path, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_key_save(NULL, path));
    CHECK_IS(MPROC_EINVAL, mproc_key_save(&a, NULL));
    CHECK(unlink(path) == 0 && unlink(in_place("fifo")) == 0);
}

/* --- starting and connecting ------------------------------------------------------------------------------------- */

typedef struct {
    mproc_manager_t *manager;
    mproc_key_t key;
    char near[128], proxy[160], tcp[128]; /* addresses */
} server_t;

static void address_of(const mproc_manager_t *manager, uint32_t index, char *buf, size_t cap) {
    size_t len = 0;
    NEED_OK(mproc_manager_address(manager, index, buf, cap, &len));
    CHECK_INT(strlen(buf) + 1, len);
}

/* A server at a unix socket and at a port, both with one key. */
static server_t serve(const mproc_manager_options_t *options) {
    server_t server;
    char addresses[200];
    memset(&server, 0, sizeof server);
    NEED_OK(mproc_key_generate(&server.key));
    snprintf(addresses, sizeof addresses, "unix:%s,tcp:127.0.0.1:0", in_place("socket"));
    NEED_OK(mproc_manager_start(addresses, &server.key, options, &server.manager));
    address_of(server.manager, 0, server.near, sizeof server.near);
    address_of(server.manager, 1, server.tcp, sizeof server.tcp);
    snprintf(server.proxy, sizeof server.proxy, "%s?memory=never", server.near);
    return server;
}

static mproc_manager_t *connect_to(const char *address, const mproc_key_t *key) {
    mproc_manager_t *manager = NULL;
    NEED_OK(mproc_manager_connect(address, key, NULL, &manager));
    return manager;
}

static const mproc_domain_t *domain_of(const mproc_manager_t *manager) {
    const mproc_domain_t *domain = NULL;
    NEED_OK(mproc_manager_domain(manager, &domain));
    return domain;
}

/* How a client can come. Each test of objects runs in all these ways. */
enum { STARTED, NEAR, PROXY, TCP, WAYS };

static mproc_manager_t *reach(const server_t *server, int way) {
    switch (way) {
    case STARTED:
        return server->manager;
    case NEAR:
        return connect_to(server->near, &server->key);
    case PROXY:
        return connect_to(server->proxy, &server->key);
    default:
        return connect_to(server->tcp, &server->key);
    }
}

static void leave(mproc_manager_t *manager, int way) {
    if (way != STARTED) {
        mproc_manager_close(manager);
    }
}

static mproc_manager_info_t info_of(const mproc_manager_t *manager) {
    mproc_manager_info_t info;
    NEED_OK(mproc_manager_info(manager, &info, sizeof info));
    return info;
}

static void starting(void) {
    mproc_manager_t *manager = NULL, *other = NULL;
    mproc_key_t key;
    char address[160], again[200], small[4] = "###";
    size_t len = 0;
    struct stat st;

    CHECK_OK(mproc_manager_start(NULL, NULL, NULL, &manager)); /* somewhere private */
    address_of(manager, 0, address, sizeof address);
    CHECK(strncmp(address, "unix:", 5) == 0);
    CHECK_IS(MPROC_ENOENT, mproc_manager_address(manager, 1, again, sizeof again, &len));
    CHECK_IS(MPROC_EMSGSIZE, mproc_manager_address(manager, 0, small, sizeof small, &len));
    CHECK_INT(strlen(address) + 1, len);
    CHECK(strcmp(small, "###") == 0);
    CHECK_IS(MPROC_EINVAL, mproc_manager_address(NULL, 0, again, sizeof again, &len));
    CHECK_OK(mproc_manager_address(manager, 0, again, sizeof again, NULL));
    CHECK_OK(mproc_manager_connect(address, NULL, NULL, &other));
    CHECK_OK(mproc_manager_ping(other, LONG_ENOUGH));
    address_of(other, 0, again, sizeof again);
    CHECK(strcmp(address, again) == 0);
    CHECK_IS(MPROC_ENOENT, mproc_manager_address(other, 1, again, sizeof again, &len));
    mproc_manager_close(other);
    mproc_manager_close(manager);
    other = NULL;
    CHECK_IS(MPROC_ECONNECTION, mproc_manager_connect(address, NULL, NULL, &other));
    CHECK(other == NULL);

    /* One at an address; the next one when it is gone. */
    snprintf(address, sizeof address, "unix:%s", in_place("one"));
    CHECK_OK(mproc_manager_start(address, NULL, NULL, &manager));
    CHECK_IS(MPROC_EEXIST, mproc_manager_start(address, NULL, NULL, &other));
    CHECK(other == NULL);
    CHECK_OK(mproc_manager_connect(address, NULL, NULL, &other)); /* the first one is unharmed */
    mproc_manager_close(other);
    mproc_manager_close(manager);
    CHECK_OK(mproc_manager_start(address, NULL, NULL, &manager));
    CHECK(stat(in_place("one"), &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0077) == 0);
    mproc_manager_close(manager);

    /* Several addresses; tcp never without a key, and then nothing is left of the others. */
    manager = NULL;
    snprintf(again, sizeof again, "%s,tcp:127.0.0.1:0", address);
    CHECK_IS(MPROC_EAUTH, mproc_manager_start("tcp:127.0.0.1:0", NULL, NULL, &manager));
    CHECK_IS(MPROC_EAUTH, mproc_manager_start(again, NULL, NULL, &manager));
    CHECK(manager == NULL);
    CHECK(stat(in_place("one"), &st) != 0 && errno == ENOENT);
    NEED_OK(mproc_key_generate(&key));
    CHECK_OK(mproc_manager_start(again, &key, NULL, &manager));
    address_of(manager, 1, again, sizeof again);
    CHECK(strncmp(again, "tcp:127.0.0.1:", 14) == 0 && atoi(again + 14) > 0);
    CHECK_OK(mproc_manager_connect(again, &key, NULL, &other));
    CHECK_OK(mproc_manager_ping(other, LONG_ENOUGH));
    mproc_manager_close(other);
    mproc_manager_close(manager);
    mproc_manager_close(NULL);
}

static void not_addresses(void) {
    static const char *const bad[] = {"",           "unix:",        "unix:relative", "tcp:",       "tcp:host",
                                      "tcp:host:x", "tcp:h:65536",  "tcp:h:-1",      "udp:h:1",    "unix",
                                      ",",          "/no/scheme",   "unix:/a?x=1",   "unix:/a?memory=perhaps"};
    mproc_key_t key;
    mproc_manager_t *manager = NULL;
    char path[300];
    size_t i;
    NEED_OK(mproc_key_generate(&key));
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        int started = mproc_manager_start(bad[i], &key, NULL, &manager);
        int connected = mproc_manager_connect(bad[i], &key, NULL, &manager);
        if (started != MPROC_EINVAL || connected != MPROC_EINVAL) {
            fprintf(stderr, "    the address is \"%s\"\n", bad[i]);
        }
        CHECK_IS(MPROC_EINVAL, started);
        CHECK_IS(MPROC_EINVAL, connected);
    }
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect("\xff\xfe", &key, NULL, &manager));
    memset(path, 'x', sizeof path);
    memcpy(path, "unix:/", 6);
    path[sizeof path - 1] = '\0'; /* longer than a socket's name can be */
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect(path, &key, NULL, &manager));
    CHECK_IS(MPROC_EINVAL, mproc_manager_start(path, &key, NULL, &manager));
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect(NULL, &key, NULL, &manager));
    CHECK(manager == NULL);
    snprintf(path, sizeof path, "unix:%s", in_place("nobody"));
    CHECK_IS(MPROC_ECONNECTION, mproc_manager_connect(path, &key, NULL, &manager));
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect(path, &key, NULL, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_manager_start(path, &key, NULL, NULL));
    write_file(in_place("nobody"), "a file of somebody's", 0600); /* is not removed */
    CHECK_IS(MPROC_EEXIST, mproc_manager_start(path, &key, NULL, &manager));
    CHECK_IS(MPROC_ECONNECTION, mproc_manager_connect(path, &key, NULL, &manager));
    CHECK(unlink(in_place("nobody")) == 0);
}

typedef struct {
    mproc_manager_options_t known;
    uint64_t unknown[2];
} future_options_t;

typedef struct {
    mproc_connect_options_t known;
    uint64_t unknown[2];
} future_connect_t;

static void options(void) {
    mproc_manager_t *manager = NULL, *client = NULL;
    mproc_manager_options_t o = MPROC_MANAGER_OPTIONS_INIT;
    mproc_connect_options_t c = MPROC_CONNECT_OPTIONS_INIT;
    future_options_t future;
    future_connect_t far;
    char address[160];

    o.size = offsetof(mproc_manager_options_t, max_clients); /* from the past */
    CHECK_OK(mproc_manager_start(NULL, NULL, &o, &manager));
    address_of(manager, 0, address, sizeof address);
    c.size = offsetof(mproc_connect_options_t, timeout_ns);
    CHECK_OK(mproc_manager_connect(address, NULL, &c, &client));
    mproc_manager_close(client);
    client = NULL;
    c.size = sizeof c;
    c.flags = UINT32_C(1) << 31;
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect(address, NULL, &c, &client));
    c.flags = 0;
    c.reserved = 1;
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect(address, NULL, &c, &client));
    c.reserved = 0;
    c.timeout_ns = -5;
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect(address, NULL, &c, &client));
    c.timeout_ns = 0;
    c.keepalive_ns = -5;
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect(address, NULL, &c, &client));
    c.keepalive_ns = 0;
    c.size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect(address, NULL, &c, &client));
    memset(&far, 0, sizeof far);
    far.known.size = sizeof far;
    CHECK_OK(mproc_manager_connect(address, NULL, &far.known, &client));
    mproc_manager_close(client);
    far.unknown[1] = 1;
    client = NULL;
    CHECK_IS(MPROC_EINVAL, mproc_manager_connect(address, NULL, &far.known, &client));
    CHECK(client == NULL);
    mproc_manager_close(manager);

    manager = NULL;
    o.size = sizeof o;
    o.flags = UINT32_C(1) << 31;
    CHECK_IS(MPROC_EINVAL, mproc_manager_start(NULL, NULL, &o, &manager));
    o.flags = MPROC_MANAGER_ANY_USER; /* then a key is all there is */
    CHECK_IS(MPROC_EAUTH, mproc_manager_start(NULL, NULL, &o, &manager));
    o.flags = 0;
    o.reserved = 1;
    CHECK_IS(MPROC_EINVAL, mproc_manager_start(NULL, NULL, &o, &manager));
    o.reserved = 0;
    o.handshake_timeout_ns = -5;
    CHECK_IS(MPROC_EINVAL, mproc_manager_start(NULL, NULL, &o, &manager));
    o.handshake_timeout_ns = 0;
    o.size = 1;
    CHECK_IS(MPROC_EINVAL, mproc_manager_start(NULL, NULL, &o, &manager));
    memset(&future, 0, sizeof future);
    future.known.size = sizeof future;
    future.unknown[0] = 1;
    CHECK_IS(MPROC_EINVAL, mproc_manager_start(NULL, NULL, &future.known, &manager));
    CHECK(manager == NULL);
    future.unknown[0] = 0;
    CHECK_OK(mproc_manager_start(NULL, NULL, &future.known, &manager));
    mproc_manager_close(manager);
}

/* Wrong key, no key, a key where none is wanted: refused, and the right one goes on. */
static void authentication(void) {
    server_t server = serve(NULL);
    mproc_manager_t *client = NULL, *open_one = NULL;
    mproc_key_t wrong;
    const char *addresses[3];
    char address[128];
    mproc_manager_info_t info;
    int i;
    addresses[0] = server.near;
    addresses[1] = server.proxy;
    addresses[2] = server.tcp;
    NEED_OK(mproc_key_generate(&wrong));
    for (i = 0; i < 3; i++) {
        CHECK_IS(MPROC_EAUTH, mproc_manager_connect(addresses[i], &wrong, NULL, &client));
        CHECK_IS(MPROC_EAUTH, mproc_manager_connect(addresses[i], NULL, NULL, &client));
        wrong = server.key;
        wrong.bytes[31] ^= 1; /* one bit is as wrong as all of them */
        CHECK_IS(MPROC_EAUTH, mproc_manager_connect(addresses[i], &wrong, NULL, &client));
        CHECK(client == NULL);
        client = connect_to(addresses[i], &server.key);
        CHECK_OK(mproc_manager_ping(client, LONG_ENOUGH));
        mproc_manager_close(client);
        client = NULL;
    }
    AWAIT(info_of(server.manager).unauthenticated == 0);
    info = info_of(server.manager);
    CHECK(info.refused >= 6);
    mproc_manager_close(server.manager);

    /* A client with a key does not talk to a server that has none: it could be anybody. */
    NEED_OK(mproc_manager_start(NULL, NULL, NULL, &open_one));
    address_of(open_one, 0, address, sizeof address);
    CHECK_IS(MPROC_EAUTH, mproc_manager_connect(address, &wrong, NULL, &client));
    CHECK(client == NULL);
    mproc_manager_close(open_one);
}

/* Something that is not a manager: it accepts and says nothing, or nonsense. */
static void strangers(void) {
    static const char nonsense[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    mproc_connect_options_t c = MPROC_CONNECT_OPTIONS_INIT;
    mproc_key_t key;
    mproc_manager_t *client = NULL;
    struct sockaddr_un name;
    char address[160];
    int listener, talks;
    NEED_OK(mproc_key_generate(&key));
    memset(&name, 0, sizeof name);
    name.sun_family = AF_UNIX;
    snprintf(name.sun_path, sizeof name.sun_path, "%s", in_place("stranger"));
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (const struct sockaddr *)&name, sizeof name) == 0 && listen(listener, 8) == 0);
    snprintf(address, sizeof address, "unix:%s", name.sun_path);
    c.timeout_ns = 50 * API_MS;
    c.reconnect_ns = -1;
    for (talks = 0; talks < 2; talks++) {
        pid_t pid = check_fork();
        int status;
        if (pid == 0) {
            for (;;) {
                int fd = accept(listener, NULL, NULL);
                if (fd >= 0 && talks && write(fd, nonsense, sizeof nonsense - 1) < 0) {
                    close(fd);
                }
            }
        }
        status = mproc_manager_connect(address, &key, &c, &client);
        CHECK(status == MPROC_EAUTH || status == MPROC_EPROTOCOL || status == MPROC_ECONNECTION ||
              (status == MPROC_ETIMEDOUT && !talks));
        status = mproc_manager_connect(address, NULL, &c, &client);
        CHECK(status == MPROC_EAUTH || status == MPROC_EPROTOCOL || status == MPROC_ECONNECTION ||
              (status == MPROC_ETIMEDOUT && !talks));
        CHECK(client == NULL);
        check_kill(pid);
    }
    close(listener);
    CHECK(unlink(name.sun_path) == 0);
}

/* --- what the server says of itself ------------------------------------------------------------------------------ */

static void ping_and_info(void) {
    server_t server = serve(NULL);
    mproc_manager_info_t first = info_of(server.manager), info;
    int way;
    for (way = 0; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way);
        mproc_event_t *event = NULL;
        uint64_t objects;
        CHECK_OK(mproc_manager_ping(client, LONG_ENOUGH));
        CHECK_IS(MPROC_EINVAL, mproc_manager_ping(client, -5));
        info = info_of(client);
        CHECK(memcmp(info.instance, first.instance, 16) == 0);
        CHECK(info.uptime_ns >= first.uptime_ns);
        CHECK_INT(getpid(), info.pid);
        CHECK_INT(0, info.procedures);
        CHECK(info.requests > 0 || way == STARTED);
        objects = info.objects;
        NEED_OK(mproc_event_create(domain_of(client), NULL, NULL, &event));
        info = info_of(client);
        CHECK_INT(objects + 1, info.objects);
        CHECK(info.bytes > 0);
        mproc_event_close(event);
        AWAIT(info_of(client).objects == objects);
        CHECK_OK(mproc_manager_info(client, &info, sizeof info.instance));
        CHECK_IS(MPROC_EINVAL, mproc_manager_info(client, NULL, sizeof info));
        leave(client, way);
    }
    AWAIT(info_of(server.manager).clients <= first.clients);
    CHECK_IS(MPROC_EINVAL, mproc_manager_info(NULL, &info, sizeof info));
    CHECK_IS(MPROC_EINVAL, mproc_manager_ping(NULL, 0));
    mproc_manager_close(server.manager);
}

/* --- objects ----------------------------------------------------------------------------------------------------- */

static void check_remote(int remote, const mproc_event_t *event) {
    int seen = -1;
    CHECK_OK(mproc_object_is_remote(MPROC_KIND_EVENT, event, &seen));
    CHECK_INT(remote, seen);
}

static int event_is_set(const mproc_event_t *event) {
    int set = -1;
    CHECK_OK(mproc_event_is_set(event, &set));
    return set;
}

/* Create, get, get or create, delete; in each way, seen in each other. */
static void names(void) {
    server_t server = serve(NULL);
    mproc_event_options_t exist_ok = MPROC_EVENT_OPTIONS_INIT;
    int way, other;
    exist_ok.flags = MPROC_EXIST_OK;
    for (way = 0; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way);
        const mproc_domain_t *domain = domain_of(client);
        mproc_event_t *event = NULL, *same = NULL, *third = NULL;
        mproc_lock_t *lock = NULL;
        CHECK_IS(MPROC_ENOENT, mproc_event_open(domain, "e", NULL, &event));
        CHECK_OK(mproc_event_create(domain, "e", &exist_ok, &event)); /* get or create: made */
        check_remote(way == PROXY || way == TCP, event);
        CHECK_IS(MPROC_EEXIST, mproc_event_create(domain, "e", NULL, &same));
        CHECK_IS(MPROC_EXISTED, mproc_event_create(domain, "e", &exist_ok, &same)); /* got */
        CHECK_OK(mproc_event_set(event));
        CHECK_INT(1, event_is_set(same));
        CHECK_IS(MPROC_EKIND, mproc_lock_open(domain, "e", NULL, &lock));
        CHECK_IS(MPROC_ENAME, mproc_event_create(domain, "not a name", NULL, &third));
        CHECK_IS(MPROC_ENAME, mproc_event_create(domain, "", NULL, &third));
        for (other = 0; other < WAYS; other++) {
            mproc_manager_t *visitor = reach(&server, other);
            CHECK_OK(mproc_event_open(domain_of(visitor), "e", NULL, &third));
            CHECK_INT(1, event_is_set(third));
            CHECK_OK(mproc_event_clear(third));
            CHECK_INT(0, event_is_set(event));
            CHECK_OK(mproc_event_set(event));
            mproc_event_close(third);
            third = NULL;
            leave(visitor, other);
        }
        /* Deleted: whoever has it goes on; the name is free. */
        CHECK_OK(mproc_domain_unlink(domain, "e"));
        CHECK_IS(MPROC_ENOENT, mproc_domain_unlink(domain, "e"));
        CHECK_IS(MPROC_ENOENT, mproc_event_open(domain, "e", NULL, &third));
        CHECK_OK(mproc_event_clear(same));
        CHECK_INT(0, event_is_set(event));
        CHECK_OK(mproc_event_create(domain, "e", NULL, &third));
        CHECK_OK(mproc_event_set(third));
        CHECK_INT(0, event_is_set(event));
        mproc_event_close(third);
        mproc_event_close(same);
        mproc_event_close(event);
        /* A named one lives until it is deleted. */
        CHECK_OK(mproc_event_open(domain, "e", NULL, &event));
        CHECK_INT(1, event_is_set(event));
        mproc_event_close(event);
        CHECK_OK(mproc_domain_unlink(domain, "e"));
        leave(client, way);
    }
    mproc_manager_close(server.manager);
}

static void object_name(const mproc_event_t *event, char *buf, size_t cap) {
    size_t len = 0;
    NEED_OK(mproc_object_name(MPROC_KIND_EVENT, event, buf, cap, &len));
    CHECK_INT(strlen(buf) + 1, len);
}

static int is_gone(const mproc_domain_t *domain, const char *name) {
    mproc_event_t *event = NULL;
    int status = mproc_event_open(domain, name, NULL, &event);
    mproc_event_close(event);
    return status == MPROC_ENOENT;
}

/* An anonymous object lives as long as a client refers to it, and can be found by its number meanwhile. */
static void anonymous(void) {
    server_t server = serve(NULL);
    int way, other;
    for (way = 0; way < WAYS; way++) {
        for (other = 0; other < WAYS; other++) {
            mproc_manager_t *client = reach(&server, way), *visitor = reach(&server, other);
            mproc_event_t *event = NULL, *found = NULL;
            mproc_event_options_t persist = MPROC_EVENT_OPTIONS_INIT;
            char name[64] = "", same[64] = "", tiny[1] = "";
            size_t len = 0;
            persist.flags = MPROC_PERSIST; /* without meaning here */
            NEED_OK(mproc_event_create(domain_of(client), NULL, &persist, &event));
            object_name(event, name, sizeof name);
            CHECK(name[0] == '#');
            CHECK_IS(MPROC_EMSGSIZE, mproc_object_name(MPROC_KIND_EVENT, event, tiny, sizeof tiny, &len));
            CHECK_INT(strlen(name) + 1, len);
            CHECK_OK(mproc_event_set(event));
            CHECK_OK(mproc_event_open(domain_of(visitor), name, NULL, &found));
            object_name(found, same, sizeof same);
            CHECK(strcmp(name, same) == 0);
            CHECK_INT(1, event_is_set(found));
            mproc_event_close(event); /* the other one keeps it */
            CHECK_OK(mproc_event_open(domain_of(client), name, NULL, &event));
            CHECK_INT(1, event_is_set(event));
            mproc_event_close(event);
            mproc_event_close(found);
            AWAIT(is_gone(domain_of(visitor), name));
            leave(client, way);
            leave(visitor, other);
        }
    }
    AWAIT(info_of(server.manager).objects == 0);
    mproc_manager_close(server.manager);
}

static void not_the_managers(void) {
    mproc_event_t *event = NULL;
    mproc_manager_t *manager = NULL;
    char name[64] = "#";
    int remote = -1;
    size_t len = 4711;
    NEED_OK(mproc_event_create(NULL, NULL, NULL, &event));
    CHECK_IS(MPROC_ENOENT, mproc_object_name(MPROC_KIND_EVENT, event, name, sizeof name, &len));
    CHECK(len == 4711 && strcmp(name, "#") == 0);
    check_remote(0, event);
    CHECK_IS(MPROC_EINVAL, mproc_object_name(MPROC_KIND_EVENT, NULL, name, sizeof name, &len));
    CHECK_IS(MPROC_EINVAL, mproc_object_name(0, event, name, sizeof name, &len));
    CHECK_IS(MPROC_EINVAL, mproc_object_name(4711, event, name, sizeof name, &len));
    CHECK_IS(MPROC_EINVAL, mproc_object_is_remote(MPROC_KIND_EVENT, NULL, &remote));
    CHECK_IS(MPROC_EINVAL, mproc_object_is_remote(MPROC_KIND_EVENT, event, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_object_is_remote(4711, event, &remote));
    mproc_event_close(event);
    NEED_OK(mproc_manager_start(NULL, NULL, NULL, &manager));
    CHECK_IS(MPROC_EINVAL, mproc_manager_domain(manager, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_manager_domain(NULL, (const mproc_domain_t **)&event));
    mproc_manager_close(manager);
}

/* The text of what a list has under a name: JSON, or "" */
static void listed(const mproc_manager_t *manager, const char *name, char *buf, size_t cap) {
    mproc_iter_t *iter = NULL;
    mproc_datum_t key, value;
    char before[256] = "";
    int status;
    buf[0] = '\0';
    NEED_OK(mproc_manager_list(manager, &iter));
    while ((status = mproc_iter_next(iter, &key, &value)) == MPROC_OK) {
        char text[256] = "";
        size_t len = 0;
        CHECK_INT(MPROC_DATUM_STR, key.type);
        CHECK_INT(MPROC_DATUM_MAP, value.type);
        snprintf(text, sizeof text, "%.*s", (int)key.len, (const char *)key.data);
        CHECK(strcmp(before, text) < 0); /* in order */
        memcpy(before, text, sizeof text);
        if (strcmp(text, name) == 0) {
            CHECK_OK(mproc_datum_to_json(value, 0, buf, cap, &len));
        }
    }
    CHECK_IS(MPROC_END, status);
    mproc_iter_close(iter);
}

static int lists_it(const mproc_manager_t *manager, const char *name, const char *fact) {
    char text[256];
    listed(manager, name, text, sizeof text);
    return strstr(text, fact) != NULL;
}

static void listing(void) {
    server_t server = serve(NULL);
    int way;
    for (way = 0; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way), *visitor = reach(&server, TCP);
        mproc_event_t *event = NULL, *again = NULL;
        mproc_lock_t *lock = NULL;
        mproc_iter_t *iter = NULL;
        NEED_OK(mproc_event_create(domain_of(client), "b", NULL, &event));
        NEED_OK(mproc_lock_create(domain_of(client), "a", NULL, &lock));
        CHECK(lists_it(client, "b", "\"kind\":11"));
        CHECK(lists_it(client, "a", "\"kind\":2"));
        CHECK(lists_it(client, "b", "\"clients\":1"));
        CHECK(lists_it(client, "b", "\"bytes\":"));
        NEED_OK(mproc_event_open(domain_of(visitor), "b", NULL, &again));
        CHECK(lists_it(visitor, "b", "\"clients\":2"));
        mproc_event_close(again);
        AWAIT(lists_it(client, "b", "\"clients\":1"));
        mproc_event_close(event);
        AWAIT(lists_it(client, "b", "\"clients\":0"));
        mproc_lock_close(lock);
        CHECK_OK(mproc_domain_unlink(domain_of(client), "b"));
        CHECK_OK(mproc_domain_unlink(domain_of(client), "a"));
        CHECK_OK(mproc_manager_list(client, &iter));
        CHECK_IS(MPROC_END, mproc_iter_next(iter, NULL, NULL));
        mproc_iter_close(iter);
        CHECK_IS(MPROC_EINVAL, mproc_manager_list(client, NULL));
        leave(client, way);
        mproc_manager_close(visitor);
    }
    CHECK_IS(MPROC_EINVAL, mproc_manager_list(NULL, NULL));
    mproc_manager_close(server.manager);
}

/* What only works in memory says so on a remote handle. */
static void only_in_memory(void) {
    server_t server = serve(NULL);
    int way;
    for (way = PROXY; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way);
        const mproc_domain_t *domain = domain_of(client);
        mproc_event_t *event = NULL, *near = NULL;
        mproc_handle_t *handle = NULL;
        mproc_queue_t *queue = NULL;
        mproc_value_t *value = NULL;
        mproc_value_options_t number = MPROC_VALUE_OPTIONS_INIT;
        mproc_queue_options_t pollable = MPROC_QUEUE_OPTIONS_INIT;
        mproc_wait_item_t items[2];
        mproc_view_t view;
        void *pointer = NULL;
        int fd = -1;
        uint32_t ready = 0;
        size_t ready_count = 0;
        NEED_OK(mproc_event_create(domain, NULL, NULL, &event));
        CHECK_IS(MPROC_ENOTSUP, mproc_event_export(event, &handle));
        pollable.flags = MPROC_POLLABLE;
        NEED_OK(mproc_queue_create(domain, NULL, &pollable, &queue));
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_readable_fd(queue, &fd));
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_reserve(queue, 8, &view, 0, NULL));
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_peek(queue, &view, 0, NULL));
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_export(queue, &handle));
        number.type_code = MPROC_TYPE_I64;
        NEED_OK(mproc_value_create(domain, NULL, &number, &value));
        CHECK_IS(MPROC_ENOTSUP, mproc_value_ptr(value, &pointer));
        NEED_OK(mproc_event_create(NULL, NULL, NULL, &near));
        memset(items, 0, sizeof items);
        items[0].condition = items[1].condition = MPROC_WAIT_EVENT;
        items[0].object = event;
        items[1].object = near;
        CHECK_OK(mproc_event_set(near));
        CHECK_IS(MPROC_ENOTSUP, mproc_wait(items, 2, 0, NULL, &ready, &ready_count));
        CHECK(pointer == NULL && handle == NULL && fd == -1);
        CHECK_OK(mproc_event_set(event)); /* and goes on */
        mproc_event_close(near);
        mproc_value_close(value);
        mproc_queue_close(queue);
        mproc_event_close(event);
        mproc_manager_close(client);
    }
    mproc_manager_close(server.manager);
}

/* Handles outlive the connection's own handle; what they do then is what the connection says. */
static void closing_first(void) {
    server_t server = serve(NULL);
    int way;
    for (way = NEAR; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way);
        mproc_event_t *event = NULL;
        NEED_OK(mproc_event_create(domain_of(client), "e", NULL, &event));
        mproc_manager_close(client);
        CHECK_OK(mproc_event_set(event));
        CHECK_INT(1, event_is_set(event));
        mproc_event_close(event);
        CHECK_OK(mproc_domain_unlink(domain_of(server.manager), "e"));
    }
    mproc_manager_close(server.manager);
}

typedef struct {
    const char *address;
    const mproc_key_t *key;
    mproc_event_t *event;
} waiter_t;

static void wait_until_it_ends(void *argument) {
    CHECK_IS(MPROC_ECONNECTION, mproc_event_wait(((waiter_t *)argument)->event, MPROC_FOREVER, NULL));
}

/* The server ends: far clients hear of it in whatever they wait for, near ones keep the memory. */
static void ending(void) {
    server_t server = serve(NULL);
    mproc_connect_options_t options = MPROC_CONNECT_OPTIONS_INIT;
    mproc_manager_t *near = NULL, *far = NULL;
    mproc_event_t *mine = NULL, *theirs = NULL, *new_one = NULL;
    waiter_t waiter;
    party_t party;
    options.reconnect_ns = -1;
    NEED_OK(mproc_manager_connect(server.near, &server.key, &options, &near));
    NEED_OK(mproc_manager_connect(server.tcp, &server.key, &options, &far));
    NEED_OK(mproc_event_create(domain_of(near), "e", NULL, &mine));
    NEED_OK(mproc_event_open(domain_of(far), "e", NULL, &theirs));
    memset(&waiter, 0, sizeof waiter);
    waiter.event = theirs;
    party_start(&party, 0, wait_until_it_ends, &waiter);
    party_await_sleep(&party);
    AWAIT(info_of(server.manager).waiting == 1);
    mproc_manager_close(server.manager);
    party_join(&party);
    CHECK_IS(MPROC_ECONNECTION, mproc_event_set(theirs));
    CHECK_IS(MPROC_ECONNECTION, mproc_manager_ping(far, LONG_ENOUGH));
    CHECK_IS(MPROC_ECONNECTION, mproc_event_create(domain_of(far), NULL, NULL, &new_one));
    CHECK_OK(mproc_event_set(mine));
    CHECK_INT(1, event_is_set(mine));
    CHECK_IS(MPROC_ECONNECTION, mproc_event_create(domain_of(near), NULL, NULL, &new_one));
    CHECK(new_one == NULL);
    mproc_event_close(mine);
    mproc_event_close(theirs);
    mproc_manager_close(near);
    mproc_manager_close(far);
}

/* --- waiting through a connection -------------------------------------------------------------------------------- */

static void wait_for_event(void *argument) {
    CHECK_OK(mproc_event_wait((const mproc_event_t *)argument, MPROC_FOREVER, NULL));
}

typedef struct {
    const mproc_event_t *event;
    const mproc_cancel_t *cancel;
} canceled_t;

static void wait_canceled(void *argument) {
    const canceled_t *c = (const canceled_t *)argument;
    CHECK_IS(MPROC_ECANCELED, mproc_event_wait(c->event, MPROC_FOREVER, c->cancel));
}

/* Each way waits, is woken by each other, times out, and is canceled. */
static void waiting(void) {
    server_t server = serve(NULL);
    int way, other;
    for (way = 0; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way);
        mproc_event_t *event = NULL;
        mproc_cancel_t *cancel = NULL;
        canceled_t canceled;
        party_t party;
        NEED_OK(mproc_event_create(domain_of(client), "w", NULL, &event));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_event_wait(event, 0, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_event_wait(event, 3 * API_MS, NULL));
        CHECK_IS(MPROC_EINVAL, mproc_event_wait(event, -5, NULL));
        for (other = 0; other < WAYS; other++) {
            mproc_manager_t *visitor = reach(&server, other);
            mproc_event_t *theirs = NULL;
            NEED_OK(mproc_event_open(domain_of(visitor), "w", NULL, &theirs));
            party_start(&party, 0, wait_for_event, event);
            party_await_sleep(&party);
            CHECK_OK(mproc_event_set(theirs));
            party_join(&party);
            CHECK_OK(mproc_event_clear(theirs));
            mproc_event_close(theirs);
            leave(visitor, other);
        }
        NEED_OK(mproc_cancel_create(&cancel));
        canceled.event = event;
        canceled.cancel = cancel;
        party_start(&party, 0, wait_canceled, &canceled);
        party_await_sleep(&party);
        CHECK_OK(mproc_cancel_set(cancel));
        party_join(&party);
        CHECK_IS(MPROC_ECANCELED, mproc_event_wait(event, MPROC_FOREVER, cancel));
        CHECK_OK(mproc_event_set(event));
        CHECK_OK(mproc_event_wait(event, 0, NULL));
        AWAIT(info_of(server.manager).waiting == 0); /* nobody is left waiting there */
        mproc_cancel_close(cancel);
        mproc_event_close(event);
        CHECK_OK(mproc_domain_unlink(domain_of(client), "w"));
        leave(client, way);
    }
    mproc_manager_close(server.manager);
}

/* --- procedures -------------------------------------------------------------------------------------------------- */

typedef struct {
    int calls;
    mproc_event_t *go;
} desk_t;

static int echo(mproc_datum_t argument, mproc_builder_t *result, void *payload) {
    __atomic_fetch_add(&((desk_t *)payload)->calls, 1, __ATOMIC_SEQ_CST);
    return mproc_builder_add(result, argument);
}

static int say_nothing(mproc_datum_t argument, mproc_builder_t *result, void *payload) {
    (void)argument;
    (void)result;
    (void)payload;
    return MPROC_OK;
}

static int refuse(mproc_datum_t argument, mproc_builder_t *result, void *payload) {
    (void)payload;
    mproc_builder_add(result, argument);
    return MPROC_EACCES;
}

static int half(mproc_datum_t argument, mproc_builder_t *result, void *payload) {
    (void)argument;
    (void)payload;
    return mproc_builder_begin_list(result); /* and never ends it */
}

static int hold(mproc_datum_t argument, mproc_builder_t *result, void *payload) {
    desk_t *desk = (desk_t *)payload;
    (void)argument;
    __atomic_fetch_add(&desk->calls, 1, __ATOMIC_SEQ_CST);
    if (mproc_event_wait(desk->go, MPROC_FOREVER, NULL) != MPROC_OK) {
        return MPROC_EINVAL;
    }
    return mproc_builder_add(result, mproc_datum_str("held"));
}

typedef struct {
    mproc_manager_t *manager;
    const char *name;
} call_t;

static void call_it(void *argument) {
    const call_t *call = (const call_t *)argument;
    mproc_builder_t *into = api_builder();
    mproc_datum_t result = mproc_datum_nil();
    CHECK_OK(mproc_manager_call(call->manager, call->name, mproc_datum_nil(), into, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_builder_datum(into, &result));
    CHECK_DATUM("\"held\"", result);
    mproc_builder_close(into);
}

static void procedures(void) {
    server_t server = serve(NULL);
    desk_t desk;
    mproc_builder_t *builder = api_builder();
    int way;
    memset(&desk, 0, sizeof desk);
    NEED_OK(mproc_event_create(NULL, NULL, NULL, &desk.go));
    CHECK_OK(mproc_manager_register(server.manager, "echo", echo, &desk));
    CHECK_OK(mproc_manager_register(server.manager, "nothing", say_nothing, NULL));
    CHECK_OK(mproc_manager_register(server.manager, "refuse", refuse, NULL));
    CHECK_OK(mproc_manager_register(server.manager, "half", half, NULL));
    CHECK_OK(mproc_manager_register(server.manager, "hold", hold, &desk));
    CHECK_IS(MPROC_EEXIST, mproc_manager_register(server.manager, "echo", echo, &desk));
    CHECK_IS(MPROC_EINVAL, mproc_manager_register(server.manager, "x", NULL, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_manager_register(server.manager, NULL, echo, &desk));
    CHECK_IS(MPROC_EINVAL, mproc_manager_register(NULL, "x", echo, &desk));
    CHECK_IS(MPROC_ENAME, mproc_manager_register(server.manager, "not a name", echo, &desk));
    CHECK_INT(5, info_of(server.manager).procedures);
    for (way = 0; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way);
        mproc_builder_t *into = api_builder();
        mproc_datum_t result = mproc_datum_nil();
        mproc_cancel_t *cancel = NULL;
        party_t a, b;
        call_t call;
        int calls = desk.calls;
        CHECK_OK(mproc_manager_call(client, "echo", api_datum_of(builder, "{\"a\":[1,2.5,\"three\",null]}"), into,
                                    LONG_ENOUGH, NULL));
        CHECK_OK(mproc_builder_datum(into, &result));
        CHECK_DATUM("{\"a\":[1,2.5,\"three\",null]}", result);
        CHECK_OK(mproc_builder_reset(into));
        CHECK_OK(mproc_builder_begin_list(into)); /* where a value is wanted */
        CHECK_OK(mproc_manager_call(client, "echo", mproc_datum_int(-7), into, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_manager_call(client, "nothing", mproc_datum_int(1), into, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_builder_end(into));
        CHECK_OK(mproc_builder_datum(into, &result));
        CHECK_DATUM("[-7,null]", result);
        CHECK_OK(mproc_builder_reset(into));
        CHECK_OK(mproc_manager_call(client, "echo", mproc_datum_int(1), NULL, MPROC_FOREVER, NULL));
        CHECK_INT(calls + 3, desk.calls);
        CHECK_IS(MPROC_EACCES, mproc_manager_call(client, "refuse", mproc_datum_int(1), into, LONG_ENOUGH, NULL));
        CHECK(mproc_manager_call(client, "half", mproc_datum_int(1), into, LONG_ENOUGH, NULL) < 0);
        CHECK_IS(MPROC_ENOENT, mproc_manager_call(client, "nobody", mproc_datum_int(1), into, LONG_ENOUGH, NULL));
        CHECK_IS(MPROC_EINVAL, mproc_manager_call(client, NULL, mproc_datum_int(1), into, 0, NULL));
        CHECK_IS(MPROC_EINVAL, mproc_manager_call(NULL, "echo", mproc_datum_int(1), into, 0, NULL));
        CHECK_IS(MPROC_EINVAL, mproc_manager_call(client, "echo", mproc_datum_int(1), into, -5, NULL));
        if (way != STARTED) {
            CHECK_IS(MPROC_ENOTSUP, mproc_manager_register(client, "mine", echo, &desk));
        }
        /* Several at a time, and others are served meanwhile. */
        call.manager = client;
        call.name = "hold";
        calls = desk.calls;
        party_start(&a, 0, call_it, &call);
        party_start(&b, 0, call_it, &call);
        AWAIT(__atomic_load_n(&desk.calls, __ATOMIC_SEQ_CST) >= calls + 2); /* one that was canceled may still begin */
        CHECK_OK(mproc_manager_call(client, "nothing", mproc_datum_nil(), NULL, LONG_ENOUGH, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_manager_call(client, "hold", mproc_datum_nil(), into, 2 * API_MS, NULL));
        NEED_OK(mproc_cancel_create(&cancel));
        CHECK_OK(mproc_cancel_set(cancel));
        CHECK_IS(MPROC_ECANCELED, mproc_manager_call(client, "hold", mproc_datum_nil(), into, MPROC_FOREVER,
                                                     cancel));
        mproc_cancel_close(cancel);
        CHECK_OK(mproc_event_set(desk.go));
        party_join(&a);
        party_join(&b);
        CHECK_OK(mproc_event_clear(desk.go));
        mproc_builder_close(into);
        leave(client, way);
    }
    CHECK_OK(mproc_event_set(desk.go)); /* for those whose callers have gone */
    mproc_manager_close(server.manager);
    mproc_event_close(desk.go);
    mproc_builder_close(builder);
}

/* --- batches ----------------------------------------------------------------------------------------------------- */

typedef struct {
    mproc_dict_t *dict;
    mproc_list_t *list;
    mproc_namespace_t *names;
    mproc_queue_t *queue;
    mproc_value_t *value;
    mproc_event_t *event;
} things_t;

static things_t make_things(const mproc_domain_t *domain) {
    things_t t;
    mproc_value_options_t number = MPROC_VALUE_OPTIONS_INIT;
    mproc_queue_options_t two = MPROC_QUEUE_OPTIONS_INIT;
    memset(&t, 0, sizeof t);
    number.type_code = MPROC_TYPE_I64;
    two.max_items = 2;
    NEED_OK(mproc_dict_create(domain, NULL, NULL, &t.dict));
    NEED_OK(mproc_list_create(domain, NULL, NULL, &t.list));
    NEED_OK(mproc_namespace_create(domain, NULL, NULL, &t.names));
    NEED_OK(mproc_queue_create(domain, NULL, &two, &t.queue));
    NEED_OK(mproc_value_create(domain, NULL, &number, &t.value));
    NEED_OK(mproc_event_create(domain, NULL, NULL, &t.event));
    return t;
}

static void close_things(things_t *t) {
    mproc_dict_close(t->dict);
    mproc_list_close(t->list);
    mproc_namespace_close(t->names);
    mproc_queue_close(t->queue);
    mproc_value_close(t->value);
    mproc_event_close(t->event);
}

#define CHECK_RESULT(wanted, json, batch, index)                        \
    do {                                                                \
        mproc_datum_t batch_result = mproc_datum_nil();                 \
        CHECK_IS((wanted), mproc_batch_result((batch), (index), &batch_result)); \
        if ((wanted) == MPROC_OK) {                                     \
            CHECK_DATUM((json), batch_result);                          \
        }                                                               \
    } while (0)

static void batches(void) {
    server_t server = serve(NULL);
    mproc_manager_t *other = NULL, *others = NULL;
    mproc_event_t *stranger = NULL;
    char address[160];
    int way, i;
    NEED_OK(mproc_manager_start(NULL, NULL, NULL, &other));
    address_of(other, 0, address, sizeof address - 16);
    strcat(address, "?memory=never");
    others = connect_to(address, NULL);
    NEED_OK(mproc_event_create(domain_of(others), NULL, NULL, &stranger));
    for (way = 0; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way);
        things_t t = make_things(domain_of(client));
        mproc_batch_t *batch = NULL;
        mproc_datum_t result = mproc_datum_nil();
        int64_t number = 0;
        uint64_t len = 0;
        NEED_OK(mproc_batch_create(client, &batch));
        CHECK_OK(mproc_batch_run(batch)); /* of nothing */
        CHECK_IS(MPROC_ERANGE, mproc_batch_result(batch, 0, &result));
        CHECK_OK(mproc_batch_reset(batch));
        CHECK_OK(mproc_batch_dict_set(batch, t.dict, mproc_datum_str("a"), mproc_datum_int(1)));      /* 0 */
        CHECK_OK(mproc_batch_dict_add(batch, t.dict, mproc_datum_str("a"), mproc_datum_int(41)));     /* 1 */
        CHECK_OK(mproc_batch_dict_get(batch, t.dict, mproc_datum_str("a")));                          /* 2 */
        CHECK_OK(mproc_batch_dict_get(batch, t.dict, mproc_datum_str("b")));                          /* 3 */
        CHECK_OK(mproc_batch_dict_delete(batch, t.dict, mproc_datum_str("b")));                       /* 4 */
        CHECK_OK(mproc_batch_list_append(batch, t.list, mproc_datum_str("x")));                       /* 5 */
        CHECK_OK(mproc_batch_list_set(batch, t.list, 0, mproc_datum_str("y")));                       /* 6 */
        CHECK_OK(mproc_batch_list_get(batch, t.list, -1));                                            /* 7 */
        CHECK_OK(mproc_batch_list_get(batch, t.list, 5));                                             /* 8 */
        CHECK_OK(mproc_batch_namespace_set(batch, t.names, "n", mproc_datum_bool(1)));                /* 9 */
        CHECK_OK(mproc_batch_namespace_get(batch, t.names, "n"));                                     /* 10 */
        CHECK_OK(mproc_batch_queue_put(batch, t.queue, "one", 3));                                    /* 11 */
        CHECK_OK(mproc_batch_queue_put(batch, t.queue, "two", 3));                                    /* 12 */
        CHECK_OK(mproc_batch_queue_put(batch, t.queue, "full", 4));                                   /* 13 */
        CHECK_OK(mproc_batch_queue_get(batch, t.queue));                                              /* 14 */
        CHECK_OK(mproc_batch_value_fetch_i64(batch, t.value, MPROC_OP_ADD, 5));                       /* 15 */
        CHECK_OK(mproc_batch_value_fetch_i64(batch, t.value, MPROC_OP_ADD, 5));                       /* 16 */
        CHECK_OK(mproc_batch_event_set(batch, t.event));                                              /* 17 */
        CHECK_IS(MPROC_EINVAL, mproc_batch_event_set(batch, NULL));
        CHECK_IS(MPROC_EINVAL, mproc_batch_dict_get(NULL, t.dict, mproc_datum_nil()));
        CHECK_INT(0, event_is_set(t.event)); /* nothing has run yet */
        CHECK_OK(mproc_dict_len(t.dict, &len));
        CHECK_INT(0, len);
        CHECK_OK(mproc_batch_run(batch));
        CHECK_RESULT(MPROC_OK, "null", batch, 0);
        CHECK_RESULT(MPROC_OK, "42", batch, 1);
        CHECK_RESULT(MPROC_OK, "42", batch, 2);
        CHECK_RESULT(MPROC_ENOENT, "", batch, 3);
        CHECK_RESULT(MPROC_ENOENT, "", batch, 4);
        CHECK_RESULT(MPROC_OK, "null", batch, 5);
        CHECK_RESULT(MPROC_OK, "null", batch, 6);
        CHECK_RESULT(MPROC_OK, "\"y\"", batch, 7);
        CHECK_RESULT(MPROC_ERANGE, "", batch, 8);
        CHECK_RESULT(MPROC_OK, "null", batch, 9);
        CHECK_RESULT(MPROC_OK, "true", batch, 10);
        CHECK_RESULT(MPROC_OK, "null", batch, 11);
        CHECK_RESULT(MPROC_OK, "null", batch, 12);
        CHECK_RESULT(MPROC_ETIMEDOUT, "", batch, 13);
        CHECK_OK(mproc_batch_result(batch, 14, &result));
        CHECK(result.type == MPROC_DATUM_BYTES && result.len == 3 && memcmp(result.data, "one", 3) == 0);
        CHECK_RESULT(MPROC_OK, "0", batch, 15);
        CHECK_RESULT(MPROC_OK, "5", batch, 16);
        CHECK_RESULT(MPROC_OK, "null", batch, 17);
        CHECK_IS(MPROC_ERANGE, mproc_batch_result(batch, 18, &result));
        CHECK_INT(1, event_is_set(t.event));
        CHECK_OK(mproc_value_get_i64(t.value, &number));
        CHECK_INT(10, number);
        /* It has run: nothing can be added, and it does not run again. */
        CHECK_IS(MPROC_EINVAL, mproc_batch_event_set(batch, t.event));
        CHECK_IS(MPROC_EINVAL, mproc_batch_run(batch));
        CHECK_RESULT(MPROC_OK, "42", batch, 2);
        /* Emptied, and used once more; a thousand at once. */
        CHECK_OK(mproc_batch_reset(batch));
        for (i = 0; i < 1000; i++) {
            CHECK_OK(mproc_batch_value_fetch_i64(batch, t.value, MPROC_OP_ADD, 1));
        }
        CHECK_OK(mproc_batch_run(batch));
        CHECK_RESULT(MPROC_OK, "1009", batch, 999);
        CHECK_OK(mproc_batch_reset(batch));
        CHECK_IS(MPROC_ERANGE, mproc_batch_result(batch, 0, &result));
        /* What is another manager's is refused, at once or when it is to run. */
        if (mproc_batch_event_set(batch, stranger) == MPROC_OK) {
            CHECK_IS(MPROC_EINVAL, mproc_batch_run(batch));
        }
        CHECK_INT(0, event_is_set(stranger));
        mproc_batch_close(batch);
        mproc_batch_close(NULL);
        close_things(&t);
        leave(client, way);
    }
    CHECK_IS(MPROC_EINVAL, mproc_batch_create(NULL, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_batch_run(NULL));
    CHECK_IS(MPROC_EINVAL, mproc_batch_reset(NULL));
    mproc_event_close(stranger);
    mproc_manager_close(others);
    mproc_manager_close(other);
    mproc_manager_close(server.manager);
}

/* --- fencing ----------------------------------------------------------------------------------------------------- */

/* The token grows with each holder; the operations with an old one do nothing. */
static void fencing_in(const mproc_domain_t *domain) {
    things_t t = make_things(domain);
    mproc_lock_t *lock = NULL;
    mproc_rlock_t *rlock = NULL;
    mproc_rwlock_t *rwlock = NULL;
    uint64_t old = 0, token = 0, same = 0;
    size_t items = 4711;
    NEED_OK(mproc_lock_create(domain, NULL, NULL, &lock));
    NEED_OK(mproc_rlock_create(domain, NULL, NULL, &rlock));
    NEED_OK(mproc_rwlock_create(domain, NULL, NULL, &rwlock));

    CHECK_IS(MPROC_EPERM, mproc_lock_token(lock, &old));
    CHECK_INT(0, old);
    NEED_OK(mproc_lock_lock(lock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_lock_token(lock, &old));
    CHECK(old > 0);
    CHECK_OK(mproc_lock_token(lock, &same));
    CHECK(same >= old);
    CHECK_OK(mproc_lock_unlock(lock));
    CHECK_IS(MPROC_EPERM, mproc_lock_token(lock, &same));
    NEED_OK(mproc_lock_try(lock));
    CHECK_OK(mproc_lock_token(lock, &token));
    CHECK(token > same);
    CHECK_OK(mproc_lock_unlock(lock));

    CHECK_IS(MPROC_EINVAL, mproc_dict_set_if_token(t.dict, mproc_datum_int(1), mproc_datum_int(1), 0));
    CHECK_OK(mproc_dict_set_if_token(t.dict, mproc_datum_str("k"), mproc_datum_str("old"), old));
    CHECK_OK(mproc_dict_set_if_token(t.dict, mproc_datum_str("k"), mproc_datum_str("older"), old));
    CHECK_OK(mproc_dict_set_if_token(t.dict, mproc_datum_str("k"), mproc_datum_str("new"), token));
    CHECK_IS(MPROC_EFENCED, mproc_dict_set_if_token(t.dict, mproc_datum_str("k"), mproc_datum_str("no"), old));
    CHECK_IS(MPROC_EFENCED, mproc_dict_delete_if_token(t.dict, mproc_datum_str("k"), old));
    CHECK_DICT("{\"k\":\"new\"}", t.dict);
    CHECK_OK(mproc_dict_delete_if_token(t.dict, mproc_datum_str("k"), token));
    CHECK_IS(MPROC_ENOENT, mproc_dict_delete_if_token(t.dict, mproc_datum_str("k"), token));

    CHECK_OK(mproc_list_append_if_token(t.list, mproc_datum_int(1), token));
    CHECK_IS(MPROC_EFENCED, mproc_list_append_if_token(t.list, mproc_datum_int(2), old));
    CHECK_IS(MPROC_EFENCED, mproc_list_set_if_token(t.list, 0, mproc_datum_int(3), old));
    CHECK_OK(mproc_list_set_if_token(t.list, 0, mproc_datum_int(4), token));
    CHECK_IS(MPROC_ERANGE, mproc_list_set_if_token(t.list, 1, mproc_datum_int(4), token));
    CHECK_IS(MPROC_EINVAL, mproc_list_append_if_token(t.list, mproc_datum_int(2), 0));
    CHECK_LIST("[4]", t.list);

    CHECK_OK(mproc_namespace_set_if_token(t.names, "n", mproc_datum_int(1), token));
    CHECK_IS(MPROC_EFENCED, mproc_namespace_set_if_token(t.names, "n", mproc_datum_int(2), old));
    CHECK_IS(MPROC_EFENCED, mproc_namespace_delete_if_token(t.names, "n", old));
    CHECK_NAMESPACE("{\"n\":1}", t.names);
    CHECK_OK(mproc_namespace_delete_if_token(t.names, "n", token));

    CHECK_OK(mproc_queue_put_if_token(t.queue, "x", 1, token, 0, NULL));
    CHECK_IS(MPROC_EFENCED, mproc_queue_put_if_token(t.queue, "y", 1, old, 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_queue_put_if_token(t.queue, "y", 1, 0, 0, NULL));
    CHECK_OK(mproc_queue_size(t.queue, &items));
    CHECK_INT(1, items);
    CHECK_OK(mproc_queue_put_if_token(t.queue, "z", 1, token, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_put_if_token(t.queue, "z", 1, token, 0, NULL));

    NEED_OK(mproc_rlock_lock(rlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rlock_token(rlock, &old));
    NEED_OK(mproc_rlock_lock(rlock, MPROC_FOREVER, NULL)); /* the same holder */
    CHECK_OK(mproc_rlock_token(rlock, &same));
    CHECK(same >= old);
    CHECK_OK(mproc_rlock_unlock(rlock));
    CHECK_OK(mproc_rlock_unlock(rlock));
    CHECK_IS(MPROC_EPERM, mproc_rlock_token(rlock, &same));
    NEED_OK(mproc_rlock_lock_as(rlock, 77, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_EPERM, mproc_rlock_token_as(rlock, 78, &same));
    CHECK_OK(mproc_rlock_token_as(rlock, 77, &token));
    CHECK(token > old);
    CHECK_OK(mproc_rlock_unlock_as(rlock, 77));

    NEED_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_EPERM, mproc_rwlock_token(rwlock, &same));
    CHECK_OK(mproc_rwlock_read_unlock(rwlock));
    NEED_OK(mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_token(rwlock, &old));
    CHECK_OK(mproc_rwlock_write_unlock(rwlock));
    NEED_OK(mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_token(rwlock, &token));
    CHECK(token > old);
    CHECK_OK(mproc_rwlock_write_unlock(rwlock));

    CHECK_IS(MPROC_EINVAL, mproc_lock_token(NULL, &token));
    CHECK_IS(MPROC_EINVAL, mproc_lock_token(lock, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_rlock_token(NULL, &token));
    CHECK_IS(MPROC_EINVAL, mproc_rwlock_token(NULL, &token));
    CHECK_IS(MPROC_EINVAL, mproc_dict_set_if_token(NULL, mproc_datum_nil(), mproc_datum_nil(), 1));
    CHECK_IS(MPROC_EINVAL, mproc_queue_put_if_token(NULL, "x", 1, 1, 0, NULL));
    mproc_lock_close(lock);
    mproc_rlock_close(rlock);
    mproc_rwlock_close(rwlock);
    close_things(&t);
}

static void fencing(void) {
    server_t server = serve(NULL);
    int way;
    fencing_in(NULL); /* without a manager, too */
    for (way = 0; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way);
        fencing_in(domain_of(client));
        leave(client, way);
    }
    mproc_manager_close(server.manager);
}

/* --- quotas ------------------------------------------------------------------------------------------------------ */

static void quotas(void) {
    mproc_manager_options_t options = MPROC_MANAGER_OPTIONS_INIT;
    server_t server;
    int way;
    options.client_objects = 3;
    options.client_bytes = 1 << 20;
    server = serve(&options);
    for (way = PROXY; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way), *other = reach(&server, TCP);
        mproc_event_t *events[4] = {NULL, NULL, NULL, NULL};
        mproc_queue_options_t big = MPROC_QUEUE_OPTIONS_INIT;
        mproc_queue_t *queue = NULL;
        char name[16];
        int i;
        for (i = 0; i < 3; i++) {
            snprintf(name, sizeof name, "q%d", i);
            NEED_OK(mproc_event_create(domain_of(client), i == 0 ? NULL : name, NULL, &events[i]));
        }
        CHECK_IS(MPROC_EQUOTA, mproc_event_create(domain_of(client), NULL, NULL, &events[3]));
        CHECK(events[3] == NULL);
        CHECK_OK(mproc_event_set(events[0]));
        CHECK_OK(mproc_event_create(domain_of(other), NULL, NULL, &events[3])); /* somebody else's are counted apart */
        mproc_event_close(events[3]);
        events[3] = NULL;
        mproc_event_close(events[0]);
        AWAIT(mproc_event_create(domain_of(client), NULL, NULL, &events[0]) == MPROC_OK); /* room again */
        for (i = 0; i < 3; i++) {
            mproc_event_close(events[i]);
        }
        CHECK_OK(mproc_domain_unlink(domain_of(client), "q1"));
        CHECK_OK(mproc_domain_unlink(domain_of(client), "q2"));
        big.capacity_bytes = 4 << 20;
        CHECK_IS(MPROC_EQUOTA, mproc_queue_create(domain_of(client), NULL, &big, &queue));
        big.capacity_bytes = 64 << 10;
        AWAIT(mproc_queue_create(domain_of(client), NULL, &big, &queue) == MPROC_OK);
        mproc_queue_close(queue);
        mproc_manager_close(client);
        mproc_manager_close(other);
    }
    mproc_manager_close(server.manager);

    /* All together. */
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.max_objects = 2;
    options.max_clients = 2;
    server = serve(&options);
    {
        mproc_manager_t *a = reach(&server, TCP), *b = NULL, *c = NULL;
        mproc_event_t *one = NULL, *two = NULL, *three = NULL;
        int status;
        NEED_OK(mproc_event_create(domain_of(a), "1", NULL, &one));
        NEED_OK(mproc_event_create(domain_of(server.manager), "2", NULL, &two));
        CHECK_IS(MPROC_EQUOTA, mproc_event_create(domain_of(a), "3", NULL, &three));
        CHECK(three == NULL);
        /* Clients: of so many the last is refused, and the others stay. (The starter may count as one.) */
        status = mproc_manager_connect(server.tcp, &server.key, NULL, &b);
        if (status == MPROC_OK) {
            status = mproc_manager_connect(server.tcp, &server.key, NULL, &c);
        }
        CHECK_IS(MPROC_EQUOTA, status);
        CHECK(c == NULL);
        CHECK_OK(mproc_manager_ping(a, LONG_ENOUGH));
        mproc_event_close(one);
        mproc_event_close(two);
        mproc_manager_close(a);
        mproc_manager_close(b);
    }
    mproc_manager_close(server.manager);
}

/* --- forks ------------------------------------------------------------------------------------------------------- */

/* A fork of a client has a connection of its own; both go on. */
static void forks(void) {
    server_t server = serve(NULL);
    pid_t helper;
    int way;
    /* The clients are another process than the server: a fork of a server would be something else. */
    if ((helper = check_fork()) == 0) {
        for (way = NEAR; way < WAYS; way++) {
            mproc_manager_t *client = reach(&server, way);
            mproc_value_options_t number = MPROC_VALUE_OPTIONS_INIT;
            mproc_value_t *value = NULL;
            mproc_lock_t *lock = NULL;
            int64_t seen = 0;
            int i;
            pid_t pid;
            number.type_code = MPROC_TYPE_I64;
            NEED_OK(mproc_value_create(domain_of(client), NULL, &number, &value));
            NEED_OK(mproc_lock_create(domain_of(client), NULL, NULL, &lock));
            NEED_OK(mproc_lock_lock(lock, MPROC_FOREVER, NULL));
            if ((pid = check_fork()) == 0) {
                CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(lock)); /* the parent's */
                {
                    int status = mproc_lock_unlock(lock); /* far, its own connection has not held anything yet */
                    CHECK(status == MPROC_EPERM || (status == MPROC_ECONNECTION && way != NEAR));
                }
                for (i = 0; i < 200; i++) {
                    NEED_OK(mproc_value_add(value, 1, NULL));
                }
                check_leave();
            }
            for (i = 0; i < 200; i++) {
                NEED_OK(mproc_value_add(value, 1, NULL));
            }
            CHECK_CHILD(pid);
            CHECK_OK(mproc_value_get_i64(value, &seen));
            CHECK_INT(400, seen);
            CHECK_OK(mproc_lock_unlock(lock)); /* still ours */
            mproc_lock_close(lock);
            mproc_value_close(value);
            mproc_manager_close(client);
        }
        check_leave();
    }
    CHECK_CHILD(helper);
    /* A fork of the server's process that closes what it inherited ends nothing. */
    if ((helper = check_fork()) == 0) {
        mproc_manager_close(server.manager);
        check_leave();
    }
    CHECK_CHILD(helper);
    for (way = NEAR; way < WAYS; way++) {
        mproc_manager_t *client = reach(&server, way);
        CHECK_OK(mproc_manager_ping(client, LONG_ENOUGH));
        mproc_manager_close(client);
    }
    mproc_manager_close(server.manager);
}

void api_manager(void) {
    static void (*const tests[])(void) = {keys,      starting,        not_addresses, options,        authentication,
                                          strangers, ping_and_info,   names,         anonymous,      not_the_managers,
                                          listing,   only_in_memory,  closing_first, ending,         waiting,
                                          procedures, batches,        fencing,       quotas,         forks};
    size_t i;
    snprintf(place, sizeof place, "/tmp/mproc-manager-XXXXXX");
    CHECK(mkdtemp(place) != NULL);
    for (i = 0; i < sizeof tests / sizeof *tests; i++) {
        check_watchdog();
        tests[i]();
    }
    check_remove_files(place);
}
