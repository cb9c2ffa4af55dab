/* Handles: export and import of each kind, tokens, unix sockets, a program that was not forked from this one. */
#include "api_test.h"

#include "check.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

enum { WIRE_BYTES = 64 }; /* what a handle is on a socket, besides its two descriptors */

/* Room for the descriptors of one message, aligned as the kernel wants it. */
typedef union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(4 * sizeof(int))];
} ancillary_t;

/* Descriptors of this process; with `inheritable`, only those that an exec() would keep. */
static int count_descriptors(int inheritable) {
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int n = 0;
    CHECK(dir != NULL);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(dir) && (!inheritable || (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)) {
            n++;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

static mproc_domain_t *anonymous_domain(void) {
    mproc_domain_t *domain = NULL;
    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    options.flags = MPROC_DOMAIN_ANONYMOUS;
    NEED_OK(mproc_domain_open(&options, &domain));
    return domain;
}

static mproc_value_t *new_value(const mproc_domain_t *domain, const char *name, int64_t number) {
    mproc_value_t *value = NULL;
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    options.type_code = MPROC_TYPE_I64;
    options.initial = &number;
    NEED_OK(mproc_value_create(domain, name, &options, &value));
    return value;
}

static mproc_handle_t *export_value(const mproc_value_t *value) {
    mproc_handle_t *handle = NULL;
    NEED_OK(mproc_value_export(value, &handle));
    return handle;
}

/* The handle leads to a value with this number. */
static void check_value(const mproc_handle_t *handle, int64_t expected) {
    mproc_value_t *value = NULL;
    int64_t number = -1;
    NEED_OK(mproc_value_import(handle, NULL, &value));
    CHECK_OK(mproc_value_get_i64(value, &number));
    CHECK_INT(expected, number);
    mproc_value_close(value);
}

static void check_cloexec(const mproc_handle_t *handle) {
    int registry = -1, object = -1;
    CHECK_OK(mproc_handle_descriptors(handle, &registry, &object));
    CHECK(registry >= 0 && object >= 0 && registry != object);
    CHECK_INT(FD_CLOEXEC, fcntl(registry, F_GETFD));
    CHECK_INT(FD_CLOEXEC, fcntl(object, F_GETFD));
}

static void check_kind(uint32_t expected, const mproc_handle_t *handle) {
    uint32_t kind = 0;
    CHECK_OK(mproc_handle_kind(handle, &kind));
    CHECK_INT(expected, kind);
}

/* Each kind, imported as itself and as every other: the import shares the object. */
static void kinds(mproc_domain_t *domain, const char *lock_name, const char *array_name) {
    mproc_lock_t *lock = NULL, *other_lock = NULL;
    mproc_value_t *value = new_value(domain, NULL, 1), *other_value = NULL;
    mproc_array_t *array = NULL, *other_array = NULL;
    mproc_queue_t *queue = NULL, *other_queue = NULL;
    mproc_array_options_t array_is = MPROC_ARRAY_OPTIONS_INIT;
    mproc_handle_t *handles[4] = {NULL};
    int64_t number = 0;
    char buf[8];
    size_t len = 0;
    int i;

    array_is.type_code = MPROC_TYPE_I64;
    array_is.ndim = 1;
    array_is.shape[0] = 4;
    NEED_OK(mproc_lock_create(domain, lock_name, NULL, &lock));
    NEED_OK(mproc_array_create(domain, array_name, &array_is, &array));
    NEED_OK(mproc_queue_create(domain, NULL, NULL, &queue));
    NEED_OK(mproc_lock_export(lock, &handles[0]));
    NEED_OK(mproc_value_export(value, &handles[1]));
    NEED_OK(mproc_array_export(array, &handles[2]));
    NEED_OK(mproc_queue_export(queue, &handles[3]));
    for (i = 0; i < 4; i++) {
        static const uint32_t kind[4] = {MPROC_KIND_LOCK, MPROC_KIND_VALUE, MPROC_KIND_ARRAY, MPROC_KIND_QUEUE};
        mproc_lock_t *l = NULL;
        mproc_value_t *v = NULL;
        mproc_array_t *a = NULL;
        mproc_queue_t *q = NULL;
        check_kind(kind[i], handles[i]);
        check_cloexec(handles[i]);
        CHECK_IS(i == 0 ? MPROC_OK : MPROC_EKIND, mproc_lock_import(handles[i], NULL, &l));
        CHECK_IS(i == 1 ? MPROC_OK : MPROC_EKIND, mproc_value_import(handles[i], NULL, &v));
        CHECK_IS(i == 2 ? MPROC_OK : MPROC_EKIND, mproc_array_import(handles[i], NULL, &a));
        CHECK_IS(i == 3 ? MPROC_OK : MPROC_EKIND, mproc_queue_import(handles[i], NULL, &q));
        mproc_lock_close(l);
        mproc_value_close(v);
        mproc_array_close(a);
        mproc_queue_close(q);
    }

    NEED_OK(mproc_lock_import(handles[0], NULL, &other_lock));
    CHECK_OK(mproc_lock_try(lock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(other_lock));
    CHECK_OK(mproc_lock_unlock(other_lock)); /* the process is the holder, whichever handle it took */
    CHECK_OK(mproc_lock_try(other_lock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(lock));
    CHECK_OK(mproc_lock_unlock(lock));

    NEED_OK(mproc_value_import(handles[1], NULL, &other_value));
    CHECK_OK(mproc_value_add(value, 41, NULL));
    CHECK_OK(mproc_value_get_i64(other_value, &number));
    CHECK_INT(42, number);
    CHECK_OK(mproc_value_set_i64(other_value, 7));
    CHECK_OK(mproc_value_get_i64(value, &number));
    CHECK_INT(7, number);
    CHECK_OK(mproc_value_lock(value, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_value_lock(other_value, 0, NULL));
    CHECK_OK(mproc_value_unlock(other_value));

    NEED_OK(mproc_array_import(handles[2], NULL, &other_array));
    number = 99;
    CHECK_OK(mproc_array_set(array, 3, &number, sizeof number));
    number = 0;
    CHECK_OK(mproc_array_get(other_array, 3, &number, sizeof number));
    CHECK_INT(99, number);
    CHECK_OK(mproc_array_lock(other_array, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_array_lock(array, 0, NULL));
    CHECK_OK(mproc_array_unlock(array));

    NEED_OK(mproc_queue_import(handles[3], NULL, &other_queue));
    CHECK_OK(mproc_queue_put(queue, "there", 5, 0, NULL));
    CHECK_OK(mproc_queue_get(other_queue, buf, sizeof buf, &len, 0, NULL));
    CHECK(len == 5 && memcmp(buf, "there", 5) == 0);
    CHECK_OK(mproc_queue_put(other_queue, "back", 4, 0, NULL));
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK(len == 4 && memcmp(buf, "back", 4) == 0);

    /* The first ones, the handles and the domain may go: the import has what it needs. */
    mproc_value_close(value);
    for (i = 0; i < 4; i++) {
        mproc_handle_close(handles[i]);
    }
    mproc_lock_close(lock);
    mproc_array_close(array);
    mproc_queue_close(queue);
    mproc_domain_close(domain);
    CHECK_OK(mproc_value_add(other_value, 1, NULL));
    CHECK_OK(mproc_lock_try(other_lock));
    CHECK_OK(mproc_lock_unlock(other_lock));
    CHECK_OK(mproc_queue_put(other_queue, "x", 1, 0, NULL));
    mproc_lock_close(other_lock);
    mproc_value_close(other_value);
    mproc_array_close(other_array);
    mproc_queue_close(other_queue);
}

/* What the importer expects has to be right, as when it opens by name. */
static void import_options(void) {
    mproc_value_t *value = new_value(NULL, NULL, 5), *other = NULL;
    mproc_handle_t *handle = export_value(value);
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;

    options.type_code = MPROC_TYPE_F64;
    CHECK_IS(MPROC_ETYPE, mproc_value_import(handle, &options, &other));
    options.type_code = MPROC_TYPE_I64;
    options.flags = 1u << 31;
    CHECK_IS(MPROC_EINVAL, mproc_value_import(handle, &options, &other));
    CHECK(other == NULL);
    options.flags = MPROC_NO_SPIN;
    CHECK_OK(mproc_value_import(handle, &options, &other));
    mproc_value_close(other);
    mproc_value_close(value); /* a handle keeps the object on its way */
    check_value(handle, 5);
    mproc_handle_close(handle);
}

/* ---- tokens ---- */

static void tokens(void) {
    static const char *const bad[] = {"",
                                      "x",
                                      "mproc1",
                                      "mproc1:",
                                      "mproc1:3",
                                      "mproc1:3:4:1:5",
                                      "mproc1:3:4:1:5:1:",
                                      "mproc1:3:4:1:5:1:6",
                                      "mproc1:3:4:1:5:1x",
                                      "mproc1:3:4:1:5: 1",
                                      "mproc1:3:4::5:1",
                                      "mproc1:99:4:1:5:1",
                                      "mproc1:3:-4:1:5:1",
                                      "mproc1:3:4:1:99999999999:1",
                                      "mproc1:3:4:1ffffffffffffffff:5:1",
                                      "mproc2:3:4:1:5:1",
                                      " mproc1:3:4:1:5:1",
                                      "\xff\xfe"};
    mproc_value_t *value = new_value(NULL, NULL, 11);
    mproc_handle_t *handle = export_value(value), *taken = NULL;
    char token[160] = "", small[8] = "#";
    size_t len = 0, i;
    int before, registry = -1, object = -1, null = open("/dev/null", O_RDWR | O_CLOEXEC);

    CHECK_OK(mproc_handle_descriptors(handle, &registry, &object));
    before = count_descriptors(0);
    registry = dup(registry);
    object = dup(object);
    CHECK_OK(mproc_handle_token(handle, registry, object, token, sizeof token, &len));
    CHECK_INT(strlen(token) + 1, len);
    CHECK(strncmp(token, "mproc1:", 7) == 0);
    CHECK(strpbrk(token, " ,=") == NULL); /* fits into MPROC_INHERITED and a command line */
    CHECK_IS(MPROC_EMSGSIZE, mproc_handle_token(handle, registry, object, small, sizeof small, &len));
    CHECK_INT(strlen(token) + 1, len);
    CHECK_OK(mproc_handle_token(handle, registry, object, token, len, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_handle_token(handle, -1, object, token, sizeof token, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_handle_token(handle, registry, -1, token, sizeof token, NULL));

    NEED_OK(mproc_handle_from_token(token, &taken));
    check_kind(MPROC_KIND_VALUE, taken);
    check_cloexec(taken);
    check_value(taken, 11);
    mproc_handle_close(taken); /* closes the descriptors, which it has taken over */
    CHECK_INT(before, count_descriptors(0));
    taken = NULL;
    CHECK_IS(MPROC_ENOENT, mproc_handle_from_token(token, &taken));

    /* The numbers are in use again, for something else: they are not touched. */
    CHECK_INT(registry, dup2(null, registry));
    CHECK_INT(object, dup2(null, object));
    CHECK_IS(MPROC_ENOENT, mproc_handle_from_token(token, &taken));
    CHECK_INT(0, fcntl(registry, F_GETFD));
    CHECK_INT(0, fcntl(object, F_GETFD));
    close(registry);
    close(object);
    CHECK_INT(before, count_descriptors(0));
    close(null);

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_IS(MPROC_EINVAL, mproc_handle_from_token(bad[i], &taken));
    }
    CHECK(taken == NULL);
    check_value(handle, 11);
    mproc_handle_close(handle);
    mproc_value_close(value);
}

/* ---- sockets ---- */

static const int socket_types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};

static void make_pair(int type, int pair[2]) {
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) != 0) {
        perror("socketpair");
        exit(1);
    }
}

static void close_pair(int pair[2]) {
    close(pair[0]);
    close(pair[1]);
}

static void sockets(void) {
    mproc_value_t *value = new_value(NULL, NULL, 21);
    mproc_lock_t *lock = NULL, *same = NULL;
    mproc_handle_t *handle = export_value(value), *lock_handle = NULL;
    size_t i;
    int pair[2], round;

    NEED_OK(mproc_lock_create(NULL, NULL, NULL, &lock));
    NEED_OK(mproc_lock_export(lock, &lock_handle));
    CHECK_OK(mproc_lock_try(lock));
    for (i = 0; i < sizeof socket_types / sizeof *socket_types; i++) {
        for (round = 0; round < 2; round++) {
            mproc_handle_t *first = NULL, *second = NULL;
            make_pair(socket_types[i] | (round ? SOCK_NONBLOCK : 0), pair);
            CHECK_OK(mproc_send_handle(pair[0], handle, 0, NULL));
            CHECK_OK(mproc_send_handle(pair[0], lock_handle, MPROC_FOREVER, NULL)); /* two in a row keep apart */
            CHECK_OK(mproc_recv_handle(pair[1], &first, MPROC_FOREVER, NULL));
            CHECK_OK(mproc_recv_handle(pair[1], &second, 0, NULL));
            close_pair(pair);
            check_kind(MPROC_KIND_VALUE, first);
            check_kind(MPROC_KIND_LOCK, second);
            check_cloexec(first);
            check_cloexec(second);
            check_value(first, 21);
            CHECK_OK(mproc_lock_import(second, NULL, &same));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(same));
            mproc_lock_close(same);
            mproc_handle_close(first);
            mproc_handle_close(second);
        }
    }
    CHECK_OK(mproc_lock_unlock(lock));
    mproc_handle_close(lock_handle);
    mproc_handle_close(handle);
    mproc_lock_close(lock);
    mproc_value_close(value);
}

static void *set_later(void *cancel) {
    check_sleep_ms(20); /* most likely asleep by now; right in any case */
    CHECK_OK(mproc_cancel_set(cancel));
    return NULL;
}

/* Waiting ends with the timeout, with the token, with a message. */
static void socket_waits(void) {
    mproc_value_t *value = new_value(NULL, NULL, 22);
    mproc_handle_t *handle = export_value(value), *none = NULL;
    mproc_cancel_t *cancel = NULL;
    pthread_t thread;
    size_t i;
    int pair[2], n, status;

    NEED_OK(mproc_cancel_create(&cancel));
    for (i = 0; i < sizeof socket_types / sizeof *socket_types; i++) {
        pid_t pid;
        make_pair(socket_types[i], pair);
        CHECK_IS(MPROC_ETIMEDOUT, mproc_recv_handle(pair[1], &none, 0, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_recv_handle(pair[1], &none, 5000000, NULL));
        CHECK_OK(mproc_cancel_set(cancel));
        CHECK_IS(MPROC_ECANCELED, mproc_recv_handle(pair[1], &none, MPROC_FOREVER, cancel));
        CHECK_OK(mproc_cancel_clear(cancel));
        CHECK_INT(0, pthread_create(&thread, NULL, set_later, cancel));
        CHECK_IS(MPROC_ECANCELED, mproc_recv_handle(pair[1], &none, MPROC_FOREVER, cancel));
        CHECK_INT(0, pthread_join(thread, NULL));
        CHECK_OK(mproc_cancel_clear(cancel));
        CHECK(none == NULL);

        pid = check_fork(); /* comes while the receiver waits */
        if (pid == 0) {
            check_sleep_ms(10);
            CHECK_OK(mproc_send_handle(pair[0], handle, MPROC_FOREVER, NULL));
            check_leave();
        }
        CHECK_OK(mproc_recv_handle(pair[1], &none, MPROC_FOREVER, cancel));
        CHECK_CHILD(pid);
        check_value(none, 22);
        mproc_handle_close(none);
        none = NULL;

        for (n = 0, status = MPROC_OK; status == MPROC_OK && n < 100000; n++) { /* until the socket is full */
            status = mproc_send_handle(pair[0], handle, 0, NULL);
        }
        CHECK(status == MPROC_ETIMEDOUT || status == MPROC_ESYS); /* ESYS: too many descriptors under way */
        if (status == MPROC_ETIMEDOUT) {
            CHECK_IS(MPROC_ETIMEDOUT, mproc_send_handle(pair[0], handle, 5000000, NULL));
            CHECK_OK(mproc_cancel_set(cancel));
            CHECK_IS(MPROC_ECANCELED, mproc_send_handle(pair[0], handle, MPROC_FOREVER, cancel));
            CHECK_OK(mproc_cancel_clear(cancel));
            CHECK_OK(mproc_recv_handle(pair[1], &none, 0, NULL)); /* what was sent whole is whole */
            check_value(none, 22);
            mproc_handle_close(none);
            none = NULL;
        }
        close_pair(pair);
    }
    mproc_cancel_close(cancel);
    mproc_handle_close(handle);
    mproc_value_close(value);
}

static void peer_gone(void) {
    mproc_value_t *value = new_value(NULL, NULL, 23);
    mproc_handle_t *handle = export_value(value), *got = NULL;
    size_t i;
    int pair[2], before = count_descriptors(0);

    for (i = 0; i < sizeof socket_types / sizeof *socket_types; i++) {
        make_pair(socket_types[i], pair);
        close(pair[1]);
        CHECK_IS(MPROC_EPIPE, mproc_send_handle(pair[0], handle, MPROC_FOREVER, NULL)); /* and no SIGPIPE */
        close(pair[0]);
        if (socket_types[i] == SOCK_DGRAM) {
            continue; /* a datagram socket does not hear of its peer's end */
        }
        make_pair(socket_types[i], pair);
        CHECK_OK(mproc_send_handle(pair[0], handle, 0, NULL));
        close(pair[0]);
        CHECK_OK(mproc_recv_handle(pair[1], &got, 0, NULL)); /* sent before the end: still there */
        check_value(got, 23);
        mproc_handle_close(got);
        got = NULL;
        CHECK_IS(MPROC_EOF, mproc_recv_handle(pair[1], &got, MPROC_FOREVER, NULL));
        CHECK_IS(MPROC_EOF, mproc_recv_handle(pair[1], &got, 0, NULL));
        CHECK(got == NULL);
        close(pair[1]);
    }
    CHECK_INT(before, count_descriptors(0));
    mproc_handle_close(handle);
    mproc_value_close(value);
}

/* Sends bytes with descriptors as mproc_send_handle() would, but any. */
static void send_raw(int fd, void *bytes, size_t size, const int *fds, size_t count) {
    struct msghdr message;
    struct iovec part;
    ancillary_t control;
    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    part.iov_base = bytes;
    part.iov_len = size;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (count > 0) {
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    }
    CHECK_INT(size, sendmsg(fd, &message, MSG_NOSIGNAL));
}

/* Not a handle: refused, and every descriptor that came with it is closed. */
static void garbage(void) {
    mproc_value_t *value = new_value(NULL, NULL, 24), *none = NULL;
    mproc_handle_t *handle = export_value(value), *got = NULL;
    char good[WIRE_BYTES + 8] = "", junk[WIRE_BYTES + 8];
    int fds[4], pair[2], before, registry = -1, object = -1, status;
    size_t i, n;

    make_pair(SOCK_SEQPACKET, pair); /* what a handle looks like; its descriptors are dropped here */
    CHECK_OK(mproc_send_handle(pair[0], handle, 0, NULL));
    CHECK_INT(WIRE_BYTES, recv(pair[1], good, sizeof good, 0));
    close_pair(pair);
    memset(junk, 0x5a, sizeof junk);
    CHECK_OK(mproc_handle_descriptors(handle, &registry, &object));
    for (i = 0; i < 4; i++) {
        fds[i] = i == 0 ? registry : object;
    }

    for (i = 0; i < sizeof socket_types / sizeof *socket_types; i++) {
        before = count_descriptors(0);
        for (n = 0; n <= 4; n++) {
            make_pair(socket_types[i], pair);
            send_raw(pair[0], junk, WIRE_BYTES, fds, n);
            CHECK_IS(MPROC_ECORRUPT, mproc_recv_handle(pair[1], &got, MPROC_FOREVER, NULL));
            close_pair(pair);
            if (n != 2) { /* the right bytes, too few or too many descriptors */
                make_pair(socket_types[i], pair);
                send_raw(pair[0], good, WIRE_BYTES, fds, n);
                CHECK_IS(MPROC_ECORRUPT, mproc_recv_handle(pair[1], &got, MPROC_FOREVER, NULL));
                close_pair(pair);
            }
        }
        /* Half a handle: a packet never gets longer, a stream is cut off by the end of its sender. */
        make_pair(socket_types[i], pair);
        send_raw(pair[0], good, WIRE_BYTES / 2, fds, 2);
        if (socket_types[i] == SOCK_STREAM) {
            shutdown(pair[0], SHUT_WR);
        }
        CHECK_IS(MPROC_ECORRUPT, mproc_recv_handle(pair[1], &got, MPROC_FOREVER, NULL));
        close_pair(pair);
        if (socket_types[i] != SOCK_STREAM) { /* one byte too many */
            make_pair(socket_types[i], pair);
            send_raw(pair[0], good, WIRE_BYTES + 1, fds, 2);
            CHECK_IS(MPROC_ECORRUPT, mproc_recv_handle(pair[1], &got, MPROC_FOREVER, NULL));
            close_pair(pair);
        }
        CHECK(got == NULL);
        CHECK_INT(before, count_descriptors(0));

        /* Descriptors of something else: found out when it is opened, if not before. */
        for (n = 0; n < 3; n++) {
            int null = open("/dev/null", O_RDWR | O_CLOEXEC), wrong[2];
            wrong[0] = n == 0 ? registry : n == 1 ? null : object;
            wrong[1] = n == 0 ? null : n == 1 ? object : registry;
            make_pair(socket_types[i], pair);
            send_raw(pair[0], good, WIRE_BYTES, wrong, 2);
            close(null);
            status = mproc_recv_handle(pair[1], &got, MPROC_FOREVER, NULL);
            CHECK(status == MPROC_OK || status == MPROC_ECORRUPT);
            if (status == MPROC_OK) {
                CHECK(mproc_value_import(got, NULL, &none) < 0);
            }
            CHECK(none == NULL);
            mproc_handle_close(got);
            got = NULL;
            close_pair(pair);
        }
        CHECK_INT(before, count_descriptors(0));
    }
    check_value(handle, 24);
    mproc_handle_close(handle);
    mproc_value_close(value);
}

/* ---- another program ---- */

static int child_failed(int line, int status) {
    mproc_error_t error;
    mproc_last_error(&error, sizeof error);
    fprintf(stderr, "api_handle.c:%d: in the child: %s: %s\n", line, mproc_status_name(status), error.message);
    return 1;
}

#define CHILD_OK(call)                                \
    do {                                              \
        int child_status = (call);                    \
        if (child_status != MPROC_OK) {               \
            return child_failed(__LINE__, child_status); \
        }                                             \
    } while (0)

/* What this program does when it is started as a child: it has nothing but the handles. */
int api_handle_child(void) {
    mproc_handle_t *handle = NULL;
    mproc_value_t *value = NULL;
    mproc_queue_t *queue = NULL;
    mproc_lock_t *lock = NULL;

    alarm(CHECK_SECONDS);
    CHILD_OK(mproc_inherited("value", &handle));
    CHILD_OK(mproc_value_import(handle, NULL, &value));
    mproc_handle_close(handle);
    CHILD_OK(mproc_inherited("queue", &handle));
    CHILD_OK(mproc_queue_import(handle, NULL, &queue));
    mproc_handle_close(handle);
    CHILD_OK(mproc_inherited("lock", &handle));
    CHILD_OK(mproc_lock_import(handle, NULL, &lock));
    mproc_handle_close(handle);
    if (mproc_lock_try(lock) != MPROC_ETIMEDOUT) { /* the parent holds it */
        return child_failed(__LINE__, MPROC_OK);
    }
    CHILD_OK(mproc_value_add(value, 2, NULL));
    CHILD_OK(mproc_queue_put(queue, "from the child", 14, MPROC_FOREVER, NULL));
    mproc_lock_close(lock);
    mproc_queue_close(queue);
    mproc_value_close(value);
    return 0;
}

/* Anonymous objects of an anonymous domain, in a process that has inherited neither by fork(). */
static void another_program(void) {
    mproc_domain_t *domain = anonymous_domain();
    mproc_value_t *value = new_value(domain, NULL, 40);
    mproc_queue_t *queue = NULL;
    mproc_lock_t *lock = NULL;
    mproc_named_handle_t named[3] = {{"value", NULL}, {"queue", NULL}, {"lock", NULL}};
    mproc_handle_t *handles[3] = {NULL};
    mproc_process_t *process = NULL;
    char self[512] = "", buf[32];
    const char *argv[] = {self, "--handle-child", NULL};
    int64_t number = 0;
    size_t len = 0;
    int i, code = -2, killed_by = -2;

    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0); /* not the link itself: an emulator's would differ */
    NEED_OK(mproc_queue_create(domain, NULL, NULL, &queue));
    NEED_OK(mproc_lock_create(domain, NULL, NULL, &lock));
    NEED_OK(mproc_value_export(value, &handles[0]));
    NEED_OK(mproc_queue_export(queue, &handles[1]));
    NEED_OK(mproc_lock_export(lock, &handles[2]));
    CHECK_OK(mproc_lock_try(lock));
    for (i = 0; i < 3; i++) {
        named[i].handle = handles[i];
    }
    NEED_OK(mproc_spawn(argv, named, 3, NULL, &process));
    CHECK_OK(mproc_process_wait(process, &code, &killed_by, MPROC_FOREVER, NULL));
    CHECK_INT(0, code);
    CHECK_INT(0, killed_by);
    mproc_process_close(process);
    CHECK_OK(mproc_value_get_i64(value, &number));
    CHECK_INT(42, number);
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK(len == 14 && memcmp(buf, "from the child", 14) == 0);
    CHECK_OK(mproc_lock_unlock(lock));
    for (i = 0; i < 3; i++) {
        mproc_handle_close(handles[i]);
    }
    mproc_lock_close(lock);
    mproc_queue_close(queue);
    mproc_value_close(value);
    mproc_domain_close(domain);
}

void api_handle(void) {
    mproc_domain_t *domain = NULL;
    int inheritable = count_descriptors(1), open_now;

    NEED_OK(mproc_domain_open(NULL, &domain));
    kinds(domain, NULL, NULL);
    NEED_OK(mproc_domain_open(NULL, &domain));
    kinds(domain, "handle-lock", "handle-array");
    open_now = count_descriptors(0);
    kinds(anonymous_domain(), NULL, NULL);
    import_options();
    tokens();
    sockets();
    socket_waits();
    peer_gone();
    garbage();
    another_program();
    CHECK_INT(inheritable, count_descriptors(1));
    CHECK_INT(open_now, count_descriptors(0));
}
