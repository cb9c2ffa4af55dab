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

static int use_set(void);

/* What this program does when it is started as a child: it has nothing but the handles. */
int api_handle_child(const char *what) {
    mproc_handle_t *handle = NULL;
    mproc_value_t *value = NULL;
    mproc_queue_t *queue = NULL;
    mproc_lock_t *lock = NULL;

    if (what != NULL) {
        return use_set();
    }
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

/* ---- the other kinds ---- */

/* One of each, in a struct, so that the same ones can be made, passed and closed in several places. */
typedef struct {
    mproc_rlock_t *rlock;
    mproc_rwlock_t *rwlock;
    mproc_semaphore_t *semaphore; /* accounting, 2 permits */
    mproc_condition_t *condition; /* with a lock of its own */
    mproc_event_t *event;
    mproc_barrier_t *barrier; /* 2 parties */
} set_t;

enum { SET = 6 };
static const uint32_t set_kinds[SET] = {MPROC_KIND_RLOCK,     MPROC_KIND_RWLOCK, MPROC_KIND_SEMAPHORE,
                                        MPROC_KIND_CONDITION, MPROC_KIND_EVENT,  MPROC_KIND_BARRIER};

static set_t new_set(const mproc_domain_t *domain) {
    set_t s = {NULL, NULL, NULL, NULL, NULL, NULL};
    mproc_semaphore_options_t permits = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_barrier_options_t parties = MPROC_BARRIER_OPTIONS_INIT;
    permits.flags = MPROC_SEMAPHORE_ACCOUNTING;
    permits.initial = 2;
    parties.parties = 2;
    NEED_OK(mproc_rlock_create(domain, NULL, NULL, &s.rlock));
    NEED_OK(mproc_rwlock_create(domain, NULL, NULL, &s.rwlock));
    NEED_OK(mproc_semaphore_create(domain, NULL, &permits, &s.semaphore));
    NEED_OK(mproc_condition_create(domain, NULL, NULL, &s.condition));
    NEED_OK(mproc_event_create(domain, NULL, NULL, &s.event));
    NEED_OK(mproc_barrier_create(domain, NULL, &parties, &s.barrier));
    return s;
}

static void close_set(set_t *s) {
    mproc_rlock_close(s->rlock);
    mproc_rwlock_close(s->rwlock);
    mproc_semaphore_close(s->semaphore);
    mproc_condition_close(s->condition);
    mproc_event_close(s->event);
    mproc_barrier_close(s->barrier);
}

static void export_set(const set_t *s, mproc_handle_t *handles[SET]) {
    NEED_OK(mproc_rlock_export(s->rlock, &handles[0]));
    NEED_OK(mproc_rwlock_export(s->rwlock, &handles[1]));
    NEED_OK(mproc_semaphore_export(s->semaphore, &handles[2]));
    NEED_OK(mproc_condition_export(s->condition, &handles[3]));
    NEED_OK(mproc_event_export(s->event, &handles[4]));
    NEED_OK(mproc_barrier_export(s->barrier, &handles[5]));
}

static int import_set(set_t *s, mproc_handle_t *const handles[SET]) {
    int bad = 0;
    bad += mproc_rlock_import(handles[0], NULL, &s->rlock) != MPROC_OK;
    bad += mproc_rwlock_import(handles[1], NULL, &s->rwlock) != MPROC_OK;
    bad += mproc_semaphore_import(handles[2], NULL, &s->semaphore) != MPROC_OK;
    bad += mproc_condition_import(handles[3], NULL, &s->condition) != MPROC_OK;
    bad += mproc_event_import(handles[4], NULL, &s->event) != MPROC_OK;
    bad += mproc_barrier_import(handles[5], NULL, &s->barrier) != MPROC_OK;
    return bad;
}

/* The first one's state is the second one's. */
static void check_same(const set_t *a, const set_t *b) {
    mproc_rlock_info_t levels;
    mproc_rwlock_info_t readers;
    mproc_semaphore_info_t permits;
    int set = 7;
    CHECK_OK(mproc_rlock_try(a->rlock));
    CHECK_OK(mproc_rlock_try(b->rlock)); /* the same owner, whichever handle it comes through */
    CHECK_OK(mproc_rlock_info(a->rlock, &levels, sizeof levels));
    CHECK_INT(2, levels.count);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_lock_as(b->rlock, 5, 0, NULL));
    CHECK_OK(mproc_rlock_unlock(a->rlock));
    CHECK_OK(mproc_rlock_unlock(b->rlock));
    CHECK_OK(mproc_rwlock_read_try(a->rwlock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_try(b->rwlock));
    CHECK_OK(mproc_rwlock_info(b->rwlock, &readers, sizeof readers));
    CHECK_INT(1, readers.readers);
    CHECK_OK(mproc_rwlock_read_unlock(b->rwlock));
    CHECK_OK(mproc_semaphore_try(a->semaphore));
    CHECK_OK(mproc_semaphore_try(b->semaphore));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_try(a->semaphore));
    CHECK_OK(mproc_semaphore_release(b->semaphore, 2));
    CHECK_OK(mproc_semaphore_info(a->semaphore, &permits, sizeof permits));
    CHECK_INT(2, permits.value);
    CHECK_INT(MPROC_SEMAPHORE_ACCOUNTING, permits.flags);
    CHECK_OK(mproc_condition_try(a->condition));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_lock_as(b->condition, 5, 0, NULL));
    CHECK_OK(mproc_condition_unlock(b->condition));
    CHECK_OK(mproc_event_set(a->event));
    CHECK_OK(mproc_event_is_set(b->event, &set));
    CHECK_INT(1, set);
    CHECK_OK(mproc_event_clear(b->event));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_event_wait(a->event, 0, NULL));
    CHECK_OK(mproc_barrier_abort(a->barrier));
    CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(b->barrier, MPROC_FOREVER, NULL, NULL));
    CHECK_OK(mproc_barrier_reset(b->barrier));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_barrier_wait(a->barrier, 0, NULL, NULL));
}

/* Each kind, imported as itself and as every other; by token and through a socket as well. */
static void set_of_kinds(mproc_domain_t *domain) {
    set_t first = new_set(domain), second = {NULL, NULL, NULL, NULL, NULL, NULL};
    mproc_handle_t *handles[SET] = {NULL};
    int i, k, way;

    export_set(&first, handles);
    for (i = 0; i < SET; i++) {
        mproc_lock_t *lock = NULL;
        set_t s = {NULL, NULL, NULL, NULL, NULL, NULL};
        check_kind(set_kinds[i], handles[i]);
        check_cloexec(handles[i]);
        CHECK_IS(MPROC_EKIND, mproc_lock_import(handles[i], NULL, &lock));
        for (k = 0; k < SET; k++) {
            int status = k == 0   ? mproc_rlock_import(handles[i], NULL, &s.rlock)
                         : k == 1 ? mproc_rwlock_import(handles[i], NULL, &s.rwlock)
                         : k == 2 ? mproc_semaphore_import(handles[i], NULL, &s.semaphore)
                         : k == 3 ? mproc_condition_import(handles[i], NULL, &s.condition)
                         : k == 4 ? mproc_event_import(handles[i], NULL, &s.event)
                                  : mproc_barrier_import(handles[i], NULL, &s.barrier);
            CHECK_IS(i == k ? MPROC_OK : MPROC_EKIND, status);
        }
        CHECK(lock == NULL);
        close_set(&s);
    }
    for (way = 0; way < 3; way++) { /* the handle itself, its token, the handle that came through a socket */
        mproc_handle_t *passed[SET];
        for (i = 0; i < SET; i++) {
            int registry = -1, object = -1, pair[2];
            char token[160] = "";
            passed[i] = handles[i];
            if (way == 1) {
                CHECK_OK(mproc_handle_descriptors(handles[i], &registry, &object));
                registry = dup(registry);
                object = dup(object);
                CHECK_OK(mproc_handle_token(handles[i], registry, object, token, sizeof token, NULL));
                NEED_OK(mproc_handle_from_token(token, &passed[i]));
            } else if (way == 2) {
                make_pair(SOCK_STREAM, pair);
                CHECK_OK(mproc_send_handle(pair[0], handles[i], 0, NULL));
                NEED_OK(mproc_recv_handle(pair[1], &passed[i], MPROC_FOREVER, NULL));
                close_pair(pair);
            }
            check_kind(set_kinds[i], passed[i]);
        }
        CHECK_INT(0, import_set(&second, passed));
        check_same(&first, &second);
        check_same(&second, &first);
        close_set(&second);
        for (i = 0; i < SET && way != 0; i++) {
            mproc_handle_close(passed[i]);
        }
    }
    close_set(&first); /* the handles alone keep the objects, and the domain */
    mproc_domain_close(domain);
    CHECK_INT(0, import_set(&second, handles));
    CHECK_INT(0, import_set(&first, handles));
    for (i = 0; i < SET; i++) {
        mproc_handle_close(handles[i]);
    }
    check_same(&first, &second);
    close_set(&first);
    close_set(&second);
}

/* Whoever imports a condition that is bound to a lock brings that lock along. */
static void bound_condition(void) {
    mproc_domain_t *domain = anonymous_domain();
    mproc_condition_options_t options = MPROC_CONDITION_OPTIONS_INIT;
    mproc_condition_t *condition = NULL, *other = NULL;
    mproc_lock_t *lock = NULL, *same = NULL, *stranger = NULL;
    mproc_handle_t *lock_handle = NULL, *handle = NULL;

    NEED_OK(mproc_lock_create(domain, NULL, NULL, &lock));
    NEED_OK(mproc_lock_create(domain, NULL, NULL, &stranger));
    options.lock = lock;
    NEED_OK(mproc_condition_create(domain, NULL, &options, &condition));
    NEED_OK(mproc_lock_export(lock, &lock_handle));
    NEED_OK(mproc_condition_export(condition, &handle));
    NEED_OK(mproc_lock_import(lock_handle, NULL, &same));
    CHECK_IS(MPROC_ETYPE, mproc_condition_import(handle, NULL, &other));
    options.lock = stranger;
    CHECK_IS(MPROC_ETYPE, mproc_condition_import(handle, &options, &other));
    CHECK(other == NULL);
    options.lock = same;
    CHECK_OK(mproc_condition_import(handle, &options, &other));
    CHECK_OK(mproc_lock_try(lock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_try(other));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(other, 2000000, NULL));
    CHECK_OK(mproc_condition_unlock(other));
    mproc_condition_close(other);
    mproc_condition_close(condition);
    mproc_handle_close(handle);
    mproc_handle_close(lock_handle);
    mproc_lock_close(same);
    mproc_lock_close(stranger);
    mproc_lock_close(lock);
    mproc_domain_close(domain);
}

static const char *const set_names[SET] = {"rlock", "rwlock", "semaphore", "condition", "event", "barrier"};

/* The child that gets one of each: it ends while it has something of most of them. */
static int use_set(void) {
    mproc_handle_t *handles[SET] = {NULL};
    set_t s = {NULL, NULL, NULL, NULL, NULL, NULL};
    uint32_t index = 4711;
    int i, set = 7;

    alarm(CHECK_SECONDS);
    for (i = 0; i < SET; i++) {
        CHILD_OK(mproc_inherited(set_names[i], &handles[i]));
    }
    if (import_set(&s, handles) != 0) {
        return child_failed(__LINE__, MPROC_OK);
    }
    if (mproc_rlock_try(s.rlock) != MPROC_ETIMEDOUT || mproc_rlock_unlock(s.rlock) != MPROC_EPERM ||
        mproc_rwlock_write_try(s.rwlock) != MPROC_ETIMEDOUT || mproc_rwlock_read_unlock(s.rwlock) != MPROC_EPERM ||
        mproc_semaphore_release(s.semaphore, 1) != MPROC_EPERM) {
        return child_failed(__LINE__, MPROC_OK); /* all of that is the parent's */
    }
    CHILD_OK(mproc_event_wait(s.event, MPROC_FOREVER, NULL));
    CHILD_OK(mproc_event_is_set(s.event, &set));
    CHILD_OK(mproc_event_clear(s.event));
    CHILD_OK(mproc_condition_lock(s.condition, MPROC_FOREVER, NULL));
    CHILD_OK(mproc_condition_wait(s.condition, MPROC_FOREVER, NULL));
    CHILD_OK(mproc_condition_unlock(s.condition));
    CHILD_OK(mproc_rwlock_read_lock(s.rwlock, MPROC_FOREVER, NULL));
    CHILD_OK(mproc_semaphore_acquire(s.semaphore, MPROC_FOREVER, NULL));
    CHILD_OK(mproc_rlock_lock(s.rlock, MPROC_FOREVER, NULL)); /* when the parent has released it */
    CHILD_OK(mproc_rlock_lock(s.rlock, MPROC_FOREVER, NULL));
    CHILD_OK(mproc_barrier_register(s.barrier));
    CHILD_OK(mproc_barrier_wait(s.barrier, MPROC_FOREVER, NULL, &index));
    if (set != 1 || index >= 2) {
        return child_failed(__LINE__, MPROC_OK);
    }
    _exit(0); /* not return: a leak checker would complain of what is left open here */
}

/* One of each in another program, of a domain without a name. */
static void set_in_another_program(void) {
    mproc_domain_t *domain = anonymous_domain();
    set_t s = new_set(domain);
    mproc_handle_t *handles[SET] = {NULL};
    mproc_named_handle_t named[SET];
    mproc_process_t *process = NULL;
    mproc_condition_info_t waiting;
    mproc_rlock_info_t levels;
    char self[512] = "";
    const char *argv[] = {self, "--handle-child", "set", NULL};
    int i, code = -2, killed_by = -2;

    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    export_set(&s, handles);
    for (i = 0; i < SET; i++) {
        named[i].name = set_names[i];
        named[i].handle = handles[i];
    }
    CHECK_OK(mproc_rlock_try(s.rlock));
    CHECK_OK(mproc_rwlock_read_try(s.rwlock));
    CHECK_OK(mproc_semaphore_try(s.semaphore));
    NEED_OK(mproc_spawn(argv, named, SET, NULL, &process));
    CHECK_OK(mproc_event_set(s.event));
    AWAIT(mproc_condition_info(s.condition, &waiting, sizeof waiting) == MPROC_OK && waiting.waiters == 1);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_event_wait(s.event, 0, NULL)); /* the child has cleared it */
    CHECK_OK(mproc_condition_notify(s.condition, 1));
    CHECK_OK(mproc_rlock_unlock(s.rlock));
    CHECK_OK(mproc_barrier_wait(s.barrier, MPROC_FOREVER, NULL, NULL));
    CHECK_OK(mproc_process_wait(process, &code, &killed_by, MPROC_FOREVER, NULL));
    CHECK_INT(0, code);
    CHECK_INT(0, killed_by);
    mproc_process_close(process);

    CHECK_IS(MPROC_RECOVERED, mproc_rlock_lock(s.rlock, MPROC_FOREVER, NULL)); /* what it had when it ended */
    CHECK_OK(mproc_rlock_info(s.rlock, &levels, sizeof levels));
    CHECK_INT(1, levels.count);
    CHECK_IS(MPROC_RECOVERED, mproc_semaphore_acquire(s.semaphore, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_read_unlock(s.rwlock));
    CHECK_OK(mproc_rwlock_write_lock(s.rwlock, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(s.barrier, MPROC_FOREVER, NULL, NULL)); /* it had promised to come */
    for (i = 0; i < SET; i++) {
        mproc_handle_close(handles[i]);
    }
    close_set(&s);
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
    NEED_OK(mproc_domain_open(NULL, &domain));
    set_of_kinds(domain);
    set_of_kinds(anonymous_domain());
    bound_condition();
    set_in_another_program();
    CHECK_INT(inheritable, count_descriptors(1));
    CHECK_INT(open_now, count_descriptors(0));
}
