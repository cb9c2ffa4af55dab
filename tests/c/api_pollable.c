/*
 * Descriptors of queues and pipes for event loops: readable and not, by poll, select and epoll, level- and
 * edge-triggered; who rings whom; fork, close, and the bounds.
 *
 * They become readable for nothing ten times a second. So "not readable" is asked until it is seen once, and "rung"
 * is asked at once, in many rounds: the timer does not answer for the bell in all of them.
 */
#include "api_test.h"

#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

enum { QUEUE, JOINABLE, PIPE, EXCLUSIVE, MEDIA };
enum { READING, WRITING, SIDES };
enum { LONG = 900, ROUNDS = 12 };

/* A queue, or a pipe from end 1 to end 0; both are small: four messages of LONG bytes fit. */
typedef struct {
    int kind;
    mproc_queue_t *queue;
    mproc_pipe_t *in, *out;
} medium_t;

static int is_queue(const medium_t *m) {
    return m->kind < PIPE;
}

static medium_t make(int kind) {
    medium_t m = {QUEUE, NULL, NULL, NULL};
    m.kind = kind;
    if (is_queue(&m)) {
        mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
        options.flags = MPROC_POLLABLE | (kind == JOINABLE ? MPROC_QUEUE_JOINABLE : 0);
        options.capacity_bytes = 4096;
        NEED_OK(mproc_queue_create(NULL, NULL, &options, &m.queue));
    } else {
        mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
        options.flags = MPROC_POLLABLE | (kind == EXCLUSIVE ? MPROC_PIPE_EXCLUSIVE : 0);
        options.capacity_bytes = 4096;
        NEED_OK(mproc_pipe_create(NULL, NULL, &options, &m.in, &m.out));
    }
    return m;
}

static void close_medium(const medium_t *m) {
    mproc_queue_close(m->queue);
    mproc_pipe_close(m->in);
    mproc_pipe_close(m->out);
}

static int fd_of(const medium_t *m, int side) {
    int fds[2] = {-1, -2}, again;
    for (again = 0; again < 2; again++) {
        if (is_queue(m)) {
            NEED_OK(side == READING ? mproc_queue_readable_fd(m->queue, &fds[again])
                                    : mproc_queue_writable_fd(m->queue, &fds[again]));
        } else {
            NEED_OK(side == READING ? mproc_pipe_readable_fd(m->in, &fds[again])
                                    : mproc_pipe_writable_fd(m->out, &fds[again]));
        }
    }
    CHECK(fds[0] >= 0);
    CHECK_INT(fds[0], fds[1]); /* the same one each time */
    return fds[0];
}

/* The calls that look for a message, without waiting; what they take is done with. */
enum { BY_GET, BY_GET_MANY, BY_PEEK, BY_LEASE, TAKES };

static int take(const medium_t *m, int form) {
    char buf[2 * LONG];
    size_t len = 0, lens[2], count = 0;
    mproc_view_t view;
    uint64_t lease = 0;
    int status;
    if (!is_queue(m)) {
        if (form == BY_PEEK) {
            status = mproc_pipe_peek(m->in, &view, 0, NULL);
            if (status == MPROC_OK) {
                CHECK_OK(mproc_pipe_release(m->in, view.id));
            }
            return status;
        }
        status = form == BY_GET_MANY ? mproc_pipe_poll(m->in, 0, NULL) : MPROC_OK;
        return status == MPROC_OK ? mproc_pipe_recv(m->in, buf, sizeof buf, &len, 0, NULL) : status;
    }
    switch (form) {
    case BY_GET: return mproc_queue_get(m->queue, buf, sizeof buf, &len, 0, NULL);
    case BY_GET_MANY: return mproc_queue_get_many(m->queue, buf, sizeof buf, lens, 1, &count, 0, NULL);
    case BY_PEEK:
        status = mproc_queue_peek(m->queue, &view, 0, NULL);
        if (status == MPROC_OK) {
            CHECK_OK(mproc_queue_release(m->queue, view.id));
        }
        return status;
    default:
        status = mproc_queue_lease(m->queue, buf, sizeof buf, &len, &lease, 0, NULL);
        if (status == MPROC_OK) {
            CHECK_OK(mproc_queue_ack(m->queue, lease));
        }
        return status;
    }
}

/* Those that look for room. */
enum { BY_PUT, BY_PUT_MANY, BY_RESERVE, PUTS };

static int put(const medium_t *m, int form, size_t len) {
    static const char bytes[LONG];
    mproc_message_t message;
    mproc_view_t view;
    int status;
    message.data = bytes;
    message.len = len;
    if (form == BY_RESERVE) {
        status = is_queue(m) ? mproc_queue_reserve(m->queue, len, &view, 0, NULL)
                                  : mproc_pipe_reserve(m->out, len, &view, 0, NULL);
        if (status == MPROC_OK) {
            CHECK_OK(is_queue(m) ? mproc_queue_commit(m->queue, view.id, len)
                                      : mproc_pipe_commit(m->out, view.id, len));
        }
        return status;
    }
    if (!is_queue(m)) {
        return mproc_pipe_send(m->out, bytes, len, 0, NULL);
    }
    return form == BY_PUT ? mproc_queue_put(m->queue, bytes, len, 0, NULL)
                          : mproc_queue_put_many(m->queue, &message, 1, NULL, 0, NULL);
}

/* Right now, and nothing else is the matter with it. */
static int is_readable(int fd) {
    struct pollfd p;
    p.fd = fd;
    p.events = POLLIN;
    p.revents = 0;
    CHECK(poll(&p, 1, 0) >= 0);
    CHECK_INT(0, p.revents & ~POLLIN);
    return (p.revents & POLLIN) != 0;
}

/* Sleeps until it is readable; the watchdog says where if it never is. */
static void await_readable_at(int fd, const char *file, int line) {
    struct pollfd p;
    p.fd = fd;
    p.events = POLLIN;
    p.revents = 0;
    api_here(file, line);
    while (poll(&p, 1, -1) < 0 && errno == EINTR) {
    }
    check_that(p.revents == POLLIN, file, line, "readable");
}
#define await_readable(fd) await_readable_at((fd), __FILE__, __LINE__)

/* Tries until there is nothing (or no room): that makes the descriptor unreadable, but for its timer. */
static int goes_quiet(const medium_t *m, int side, int form, int fd) {
    int tries, status;
    for (tries = 0; tries < 100; tries++) {
        do {
            status = side == READING ? take(m, form) : put(m, form, LONG);
        } while (status == MPROC_OK);
        CHECK_IS(MPROC_ETIMEDOUT, status);
        if (!is_readable(fd)) {
            return 1;
        }
    }
    return 0;
}

/* ---- somebody else, who does what he is told ---- */

enum { NOTHING, PUT, PUT_EMPTY, TAKE, SHUT_DOWN, SHUT_DOWN_NOW, CLOSE_OUT, CLOSE_IN, END };

typedef struct {
    medium_t m;
    int *order; /* shared; NOTHING: done */
    party_t party;
} servant_t;

static void serve(void *argument) {
    servant_t *s = (servant_t *)argument;
    struct timespec pause = {0, 50000};
    for (;;) {
        int order = __atomic_load_n(s->order, __ATOMIC_SEQ_CST);
        switch (order) {
        case NOTHING: nanosleep(&pause, NULL); continue;
        case PUT: CHECK_OK(put(&s->m, BY_PUT, LONG)); break;
        case PUT_EMPTY: CHECK_OK(put(&s->m, BY_PUT, 0)); break;
        case TAKE: CHECK_OK(take(&s->m, BY_GET)); break;
        case SHUT_DOWN: CHECK_OK(mproc_queue_shutdown(s->m.queue, 0)); break;
        case SHUT_DOWN_NOW: CHECK_OK(mproc_queue_shutdown(s->m.queue, 1)); break;
        case CLOSE_OUT: mproc_pipe_close(s->m.out); break;
        case CLOSE_IN: mproc_pipe_close(s->m.in); break;
        default: break;
        }
        __atomic_store_n(s->order, NOTHING, __ATOMIC_SEQ_CST);
        if (order == END) {
            return;
        }
    }
}

static void hire(servant_t *s, int as_process, const medium_t *m) {
    s->m = *m;
    s->order = (int *)api_shared(sizeof *s->order);
    party_start(&s->party, as_process, serve, s);
}

/* Returns when it is done. */
static void tell(servant_t *s, int order) {
    struct timespec pause = {0, 50000};
    __atomic_store_n(s->order, order, __ATOMIC_SEQ_CST);
    api_here(__FILE__, __LINE__);
    while (__atomic_load_n(s->order, __ATOMIC_SEQ_CST) != NOTHING) {
        nanosleep(&pause, NULL);
    }
}

static void dismiss(servant_t *s) {
    tell(s, END);
    party_join(&s->party);
    munmap(s->order, sizeof *s->order);
}

/* ---- one descriptor ---- */

static void what_it_is(void) {
    int kind, side, rounds;
    for (kind = 0; kind < MEDIA; kind++) {
        medium_t m = make(kind);
        int fds[SIDES];
        for (side = 0; side < SIDES; side++) {
            fds[side] = fd_of(&m, side);
            CHECK(is_readable(fds[side])); /* it begins so */
            CHECK(is_readable(fds[side])); /* and stays so until it has been tried */
            CHECK((fcntl(fds[side], F_GETFD) & FD_CLOEXEC) != 0);
            CHECK(goes_quiet(&m, side, BY_GET, fds[side]));
            for (rounds = 0; rounds < 3; rounds++) { /* for nothing, every now and then */
                await_readable(fds[side]);
                CHECK(goes_quiet(&m, side, BY_GET, fds[side]));
            }
        }
        CHECK(fds[READING] != fds[WRITING]);
        close_medium(&m);
        for (side = 0; side < SIDES; side++) {
            CHECK(fcntl(fds[side], F_GETFD) < 0 && errno == EBADF);
        }
    }
}

/* Whatever form the try has, it makes the descriptor unreadable, and the next message or room readable at once. */
static void every_form(void) {
    int kind, side, form, as_process, round;
    for (kind = 0; kind < MEDIA; kind++) {
        for (side = 0; side < SIDES; side++) {
            for (as_process = 0; as_process < 2; as_process++) {
                medium_t m = make(kind);
                servant_t other;
                int fd;
                hire(&other, as_process, &m);
                fd = fd_of(&m, side);
                for (form = 0; form < (side == READING ? (int)TAKES : (int)PUTS); form++) {
                    int failed = check_counts->failed;
                    for (round = 0; round < ROUNDS; round++) {
                        CHECK(goes_quiet(&m, side, form, fd));
                        tell(&other, side == WRITING ? TAKE : round % 2 ? PUT : PUT_EMPTY);
                        CHECK(is_readable(fd));
                        CHECK(is_readable(fd)); /* looking does not change it */
                        CHECK_OK(side == READING ? take(&m, form) : put(&m, form, LONG));
                        CHECK(is_readable(fd)); /* nor does success: only a try in vain */
                    }
                    if (check_counts->failed != failed) {
                        fprintf(stderr, "    medium %d, side %d, form %d\n", kind, side, form);
                    }
                }
                dismiss(&other);
                close_medium(&m);
            }
        }
    }
}

/* What is put in place rings as well, when it is committed; and what is put back, and what is released. */
static void in_place(void) {
    int kind, round;
    for (kind = 0; kind < MEDIA; kind++) {
        medium_t m = make(kind);
        int readable = fd_of(&m, READING), writable = fd_of(&m, WRITING);
        mproc_view_t view;
        for (round = 0; round < ROUNDS; round++) {
            CHECK(goes_quiet(&m, READING, BY_GET, readable));
            CHECK_OK(is_queue(&m) ? mproc_queue_reserve(m.queue, LONG, &view, 0, NULL)
                                   : mproc_pipe_reserve(m.out, LONG, &view, 0, NULL));
            CHECK(goes_quiet(&m, READING, BY_GET, readable)); /* not yet there */
            CHECK_OK(is_queue(&m) ? mproc_queue_commit(m.queue, view.id, 1) : mproc_pipe_commit(m.out, view.id, 1));
            CHECK(is_readable(readable));
            CHECK_OK(is_queue(&m) ? mproc_queue_peek(m.queue, &view, 0, NULL) : mproc_pipe_peek(m.in, &view, 0, NULL));
            CHECK(goes_quiet(&m, READING, BY_GET, readable)); /* held */
            CHECK_OK(is_queue(&m) ? mproc_queue_putback(m.queue, view.id) : mproc_pipe_putback(m.in, view.id));
            CHECK(is_readable(readable));
            CHECK_IS(MPROC_RECOVERED, is_queue(&m) ? mproc_queue_peek(m.queue, &view, 0, NULL)
                                                    : mproc_pipe_peek(m.in, &view, 0, NULL));
            CHECK(goes_quiet(&m, WRITING, BY_PUT, writable));
            CHECK_OK(is_queue(&m) ? mproc_queue_release(m.queue, view.id) : mproc_pipe_release(m.in, view.id));
            CHECK(is_readable(writable));
        }
        close_medium(&m);
    }
}

/* poll, select, and epoll in both ways of triggering. */
static void every_poller(void) {
    int kind, side, as_process, round;
    for (kind = 0; kind < MEDIA; kind++) {
        for (side = 0; side < SIDES; side++) {
            for (as_process = 0; as_process < 2; as_process++) {
                medium_t m = make(kind);
                struct epoll_event event, seen;
                struct timeval now = {0, 0};
                int fd, level, edge;
                servant_t other;
                fd_set set;
                hire(&other, as_process, &m);
                fd = fd_of(&m, side);
                memset(&event, 0, sizeof event);
                event.events = EPOLLIN;
                level = epoll_create1(EPOLL_CLOEXEC);
                CHECK_INT(0, epoll_ctl(level, EPOLL_CTL_ADD, fd, &event));
                event.events = EPOLLIN | EPOLLET;
                edge = epoll_create1(EPOLL_CLOEXEC);
                CHECK_INT(0, epoll_ctl(edge, EPOLL_CTL_ADD, fd, &event));
                CHECK_INT(1, epoll_wait(level, &seen, 1, 0)); /* it begins readable */
                CHECK_INT(1, epoll_wait(edge, &seen, 1, 0));
                for (round = 0; round < ROUNDS; round++) {
                    do {
                        CHECK(goes_quiet(&m, side, BY_GET, fd));
                        while (epoll_wait(edge, &seen, 1, 0) > 0) { /* edges that nothing or the last round has left */
                        }
                    } while (epoll_wait(level, &seen, 1, 0) > 0);
                    tell(&other, side == READING ? PUT : TAKE);
                    CHECK_INT(1, epoll_wait(edge, &seen, 1, 0));
                    CHECK_INT(EPOLLIN, seen.events);
                    CHECK_INT(1, epoll_wait(level, &seen, 1, 0));
                    CHECK_INT(1, epoll_wait(level, &seen, 1, 0)); /* as long as it is */
                    FD_ZERO(&set);
                    FD_SET(fd, &set);
                    CHECK_INT(1, select(fd + 1, &set, NULL, NULL, &now));
                    CHECK(FD_ISSET(fd, &set));
                    CHECK(is_readable(fd));
                }
                close(level);
                close(edge);
                dismiss(&other);
                close_medium(&m);
            }
        }
    }
}

/* ---- the end of things ---- */

static void shutting_down(void) {
    int side, immediate, as_process;
    for (side = 0; side < SIDES; side++) {
        for (immediate = 0; immediate < 2; immediate++) {
            for (as_process = 0; as_process < 2; as_process++) {
                medium_t m = make(QUEUE);
                servant_t other;
                int fd;
                hire(&other, as_process, &m);
                fd = fd_of(&m, side);
                CHECK(goes_quiet(&m, side, BY_GET, fd));
                tell(&other, immediate ? SHUT_DOWN_NOW : SHUT_DOWN);
                CHECK(is_readable(fd));
                CHECK_IS(MPROC_ECLOSED, side == READING ? take(&m, BY_GET) : put(&m, BY_PUT, 0));
                CHECK(is_readable(fd)); /* for everybody who asks */
                dismiss(&other);
                close_medium(&m);
            }
        }
    }
}

/* The other end is closed, or its process is killed. */
static void other_end_gone(void) {
    int side, killed;
    for (side = 0; side < SIDES; side++) {
        for (killed = 0; killed < 2; killed++) {
            medium_t m = make(PIPE);
            servant_t other;
            int fd, status;
            hire(&other, 1, &m);
            tell(&other, side == READING ? CLOSE_IN : CLOSE_OUT); /* keeps the other one */
            if (side == READING) {
                mproc_pipe_close(m.out);
                m.out = NULL;
            } else {
                mproc_pipe_close(m.in);
                m.in = NULL;
            }
            fd = fd_of(&m, side);
            CHECK(goes_quiet(&m, side, BY_GET, fd));
            if (killed) {
                party_kill(&other.party);
                munmap(other.order, sizeof *other.order);
            } else {
                tell(&other, side == READING ? CLOSE_OUT : CLOSE_IN);
                CHECK(is_readable(fd));
                dismiss(&other);
            }
            do {
                await_readable(fd);
                status = side == READING ? take(&m, BY_GET) : put(&m, BY_PUT, LONG);
            } while (status == MPROC_ETIMEDOUT);
            CHECK_IS(side == READING ? MPROC_EOF : MPROC_EPIPE, status);
            await_readable(fd);
            close_medium(&m);
        }
    }
}

static void be_a_producer(void *argument) {
    medium_t *m = (medium_t *)argument;
    mproc_queue_t *producer = NULL;
    CHECK_OK(mproc_queue_producer(m->queue, &producer));
    CHECK_OK(mproc_queue_put(producer, "x", 1, 0, NULL));
    kill(getpid(), SIGKILL);
}

static void producers_gone(void) {
    medium_t m = make(QUEUE);
    party_t producer;
    int fd = fd_of(&m, READING), status, messages = 0;
    CHECK(goes_quiet(&m, READING, BY_GET, fd));
    party_start(&producer, 1, be_a_producer, &m);
    do {
        await_readable(fd);
        status = take(&m, BY_GET);
        messages += status == MPROC_OK;
    } while (status == MPROC_OK || status == MPROC_ETIMEDOUT);
    CHECK_IS(MPROC_ECLOSED, status);
    CHECK_INT(1, messages);
    party_kill(&producer);
    close_medium(&m);
}

static void hold_and_be_killed(void *argument) {
    medium_t *m = (medium_t *)argument;
    uint64_t lease;
    char buf[LONG];
    size_t len;
    CHECK_OK(mproc_queue_lease(m->queue, buf, sizeof buf, &len, &lease, MPROC_FOREVER, NULL));
    kill(getpid(), SIGKILL);
}

/* What the dead held comes back, and with it the loop to it. */
static void holder_killed(void) {
    medium_t m = make(QUEUE);
    int fd = fd_of(&m, READING), status;
    party_t holder;
    uint64_t lease = 0;
    char buf[LONG];
    size_t len = 0;
    CHECK_OK(put(&m, BY_PUT, 1));
    party_start(&holder, 1, hold_and_be_killed, &m);
    AWAIT(api_state(holder.process, holder.process) == 'Z');
    do {
        await_readable(fd);
        status = mproc_queue_lease(m.queue, buf, sizeof buf, &len, &lease, 0, NULL);
    } while (status == MPROC_ETIMEDOUT);
    CHECK_IS(MPROC_RECOVERED, status);
    CHECK_INT(1, len);
    party_kill(&holder);
    close_medium(&m);
}

/* A message that did not fit into the buffer is still there: so says the descriptor. */
static void too_small(void) {
    int kind;
    for (kind = 0; kind < MEDIA; kind++) {
        medium_t m = make(kind);
        int fd = fd_of(&m, READING);
        char buf[8];
        size_t len = 0;
        CHECK(goes_quiet(&m, READING, BY_GET, fd));
        CHECK_OK(put(&m, BY_PUT, LONG));
        CHECK_IS(MPROC_EMSGSIZE, is_queue(&m) ? mproc_queue_get(m.queue, buf, sizeof buf, &len, 0, NULL)
                                              : mproc_pipe_recv(m.in, buf, sizeof buf, &len, 0, NULL));
        CHECK_INT(LONG, len);
        CHECK(is_readable(fd));
        CHECK_OK(take(&m, BY_GET));
        CHECK(goes_quiet(&m, READING, BY_GET, fd));
        close_medium(&m);
    }
}

/* ---- many ---- */

/* Each handle has its own, and each is rung. */
static void two_handles(void) {
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    mproc_handle_t *passed = NULL;
    medium_t first = {QUEUE, NULL, NULL, NULL}, second = {QUEUE, NULL, NULL, NULL}, third = {QUEUE, NULL, NULL, NULL};
    int a, b, c, round;

    options.flags = MPROC_POLLABLE;
    NEED_OK(mproc_queue_create(NULL, "pollable-queue", &options, &first.queue));
    NEED_OK(mproc_queue_open(NULL, "pollable-queue", NULL, &second.queue)); /* need not know */
    NEED_OK(mproc_queue_export(first.queue, &passed));
    NEED_OK(mproc_queue_import(passed, NULL, &third.queue));
    mproc_handle_close(passed);
    a = fd_of(&first, READING);
    b = fd_of(&second, READING);
    c = fd_of(&third, READING);
    CHECK(a != b && b != c && a != c);
    for (round = 0; round < ROUNDS; round++) {
        CHECK(goes_quiet(&first, READING, BY_GET, a));
        CHECK(goes_quiet(&second, READING, BY_GET, b));
        CHECK(goes_quiet(&third, READING, BY_GET, c));
        CHECK_OK(put(&second, BY_PUT, 1));
        CHECK(is_readable(a) && is_readable(b) && is_readable(c));
        CHECK(goes_quiet(&first, READING, BY_GET, a)); /* takes the message, not the others' bell */
        CHECK(is_readable(b) && is_readable(c));
        CHECK(goes_quiet(&second, READING, BY_GET, b));
        CHECK(is_readable(c));
    }
    close_medium(&first);
    CHECK(goes_quiet(&second, READING, BY_GET, b));
    CHECK_OK(put(&third, BY_PUT, 1));
    CHECK(is_readable(b));
    close_medium(&second);
    close_medium(&third);
}

typedef struct {
    medium_t m;
    int64_t *sum; /* shared */
    int *received, *producers;
    int messages; /* of each producer */
} crowd_t;

/* An event loop: sleeps, then takes until there is nothing. The last descriptor, edge-triggered. */
static void consume(crowd_t *c, int edge) {
    int fd = fd_of(&c->m, READING), ep = epoll_create1(EPOLL_CLOEXEC), status = MPROC_ETIMEDOUT;
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = edge ? EPOLLIN | EPOLLET : EPOLLIN;
    CHECK_INT(0, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
    while (status == MPROC_ETIMEDOUT) {
        int64_t number = 0;
        size_t len;
        api_here(__FILE__, __LINE__);
        CHECK(epoll_wait(ep, &event, 1, -1) == 1 || errno == EINTR);
        while ((status = mproc_queue_get(c->m.queue, &number, sizeof number, &len, 0, NULL)) == MPROC_OK) {
            __atomic_add_fetch(c->sum, number, __ATOMIC_SEQ_CST);
            __atomic_add_fetch(c->received, 1, __ATOMIC_SEQ_CST);
        }
    }
    CHECK_IS(MPROC_ECLOSED, status);
    close(ep);
}

static void consume_by_level(void *crowd) {
    consume((crowd_t *)crowd, 0);
}

static void consume_by_edge(void *crowd) {
    consume((crowd_t *)crowd, 1);
}

static void produce(void *argument) {
    crowd_t *c = (crowd_t *)argument;
    int fd = fd_of(&c->m, WRITING), status;
    int64_t number;
    for (number = 1; number <= c->messages; number++) {
        while ((status = mproc_queue_put(c->m.queue, &number, sizeof number, 0, NULL)) == MPROC_ETIMEDOUT) {
            await_readable(fd);
        }
        CHECK_OK(status);
    }
    if (__atomic_sub_fetch(c->producers, 1, __ATOMIC_SEQ_CST) == 0) {
        CHECK_OK(mproc_queue_shutdown(c->m.queue, 0));
    }
}

/* Threads and processes, all in event loops, through a narrow queue: everything arrives once, everybody ends. */
static void everybody_in_a_loop(void) {
    enum { EACH = 4 };
    int edge, i;
    for (edge = 0; edge < 2; edge++) {
        mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
        char *shared = (char *)api_shared(64);
        party_t consumers[EACH], producers[EACH];
        crowd_t c;
        memset(&c, 0, sizeof c);
        options.flags = MPROC_POLLABLE;
        options.max_items = 3;
        c.m.kind = QUEUE;
        NEED_OK(mproc_queue_create(NULL, NULL, &options, &c.m.queue));
        c.sum = (int64_t *)(void *)shared;
        c.received = (int *)(void *)(shared + 16);
        c.producers = (int *)(void *)(shared + 24);
        *c.producers = EACH;
        c.messages = api_slow() ? 25 : 500;
        for (i = 0; i < EACH; i++) { /* processes, which ask for their own; then threads, which share one descriptor */
            int as_process = i < EACH / 2;
            party_start(&consumers[i], as_process, edge && as_process ? consume_by_edge : consume_by_level, &c);
            party_start(&producers[i], as_process, produce, &c);
        }
        for (i = 0; i < EACH; i++) {
            party_join(&producers[i]);
            party_join(&consumers[i]);
        }
        CHECK_INT(EACH * c.messages, *c.received);
        CHECK_INT((int64_t)EACH * c.messages * (c.messages + 1) / 2, *c.sum);
        close_medium(&c.m);
        munmap(shared, 64);
        check_watchdog();
    }
}

/* ---- fork ---- */

typedef struct {
    medium_t m;
    int fd, asks;
    check_gate_t *put, *tried;
} fork_t;

/* Tries in vain, with a descriptor of its own or without one. */
static void try_in_child(void *argument) {
    fork_t *f = (fork_t *)argument;
    int own = -1;
    if (f->asks) {
        own = fd_of(&f->m, READING);
        CHECK(is_readable(own));
        CHECK(goes_quiet(&f->m, READING, BY_GET, own));
    } else {
        CHECK_IS(MPROC_ETIMEDOUT, take(&f->m, BY_GET));
    }
    check_gate_open(f->tried);
    check_gate_wait(f->put);
    if (f->asks) {
        CHECK(is_readable(own)); /* rung as well */
        CHECK(goes_quiet(&f->m, READING, BY_GET, own)); /* takes the message */
    } else {
        CHECK_OK(take(&f->m, BY_GET));
        CHECK_IS(MPROC_ETIMEDOUT, take(&f->m, BY_GET));
    }
    close_medium(&f->m);
}

/* What a child does with the queue, its own descriptor or the handle leaves the parent's descriptor alone. */
static void child_and_parent(void) {
    int kind, asks, round;
    for (kind = 0; kind < EXCLUSIVE; kind++) { /* whose ends are for one process each */
        for (asks = 0; asks < 2; asks++) {
            for (round = 0; round < 5; round++) {
                party_t child;
                fork_t f;
                f.m = make(kind);
                f.fd = fd_of(&f.m, READING);
                f.asks = asks;
                f.put = check_gate();
                f.tried = check_gate();
                CHECK(goes_quiet(&f.m, READING, BY_GET, f.fd));
                party_start(&child, 1, try_in_child, &f);
                check_gate_wait(f.tried);
                CHECK(goes_quiet(&f.m, READING, BY_GET, f.fd));
                CHECK_OK(put(&f.m, BY_PUT, 1));
                CHECK(is_readable(f.fd));
                check_gate_open(f.put);
                party_join(&child);
                CHECK(is_readable(f.fd)); /* the child's try in vain was not ours, nor was the close of its handle */
                CHECK_INT(f.fd, fd_of(&f.m, READING));
                CHECK(goes_quiet(&f.m, READING, BY_GET, f.fd));
                CHECK_OK(put(&f.m, BY_PUT, 0));
                CHECK(is_readable(f.fd));
                CHECK_OK(take(&f.m, BY_GET));
                check_gate_free(f.put);
                check_gate_free(f.tried);
                close_medium(&f.m);
            }
        }
    }
}

static void live_on(void *argument) {
    check_gate_wait((check_gate_t *)argument);
}

/* A child that does nothing with it keeps what it inherited, also when the parent closes its handle and begins anew. */
static void silent_child(void) {
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    medium_t m = {QUEUE, NULL, NULL, NULL}, other = {QUEUE, NULL, NULL, NULL};
    check_gate_t *over = check_gate();
    party_t children[3];
    int round, i;

    options.flags = MPROC_POLLABLE;
    NEED_OK(mproc_queue_create(NULL, "pollable-again", &options, &other.queue));
    for (i = 0; i < 3; i++) {
        int fd;
        NEED_OK(mproc_queue_open(NULL, "pollable-again", NULL, &m.queue));
        fd = fd_of(&m, READING);
        party_start(&children[i], 1, live_on, over);
        for (round = 0; round < ROUNDS; round++) {
            CHECK(goes_quiet(&m, READING, BY_GET, fd));
            CHECK_OK(put(&other, BY_PUT, 1));
            CHECK(is_readable(fd));
        }
        close_medium(&m);
    }
    check_gate_open(over);
    for (i = 0; i < 3; i++) {
        party_join(&children[i]);
    }
    check_gate_free(over);
    close_medium(&other);
}

/* ---- bounds ---- */

/* Without descriptors there is none to be had; whoever was asked in vain can be asked again. Rings need one, too. */
static void out_of_descriptors(void *nothing) {
    medium_t m = make(QUEUE), late = make(QUEUE);
    int fd = fd_of(&m, READING), taken[64], count = 0, none = -7, status;
    struct rlimit limit;

    (void)nothing;
    CHECK_INT(0, getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = 64;
    CHECK_INT(0, setrlimit(RLIMIT_NOFILE, &limit));
    CHECK(goes_quiet(&m, READING, BY_GET, fd));
    while (count < 64 && (taken[count] = dup(2)) >= 0) {
        count++;
    }
    CHECK(count > 8 && count < 64);
    CHECK_IS(MPROC_ESYS, mproc_queue_readable_fd(late.queue, &none));
    CHECK_INT(-7, none);
    CHECK_OK(put(&m, BY_PUT, 1)); /* comes, if nobody can be rung a little later */
    await_readable(fd);
    CHECK_OK(take(&m, BY_GET));
    do {
        CHECK(count > 0);
        close(taken[--count]);
        status = mproc_queue_readable_fd(late.queue, &none);
    } while (status == MPROC_ESYS && count > 0);
    CHECK_OK(status);
    CHECK(is_readable(none));
    while (count > 0) {
        close(taken[--count]);
    }
    CHECK(goes_quiet(&m, READING, BY_GET, fd));
    CHECK(goes_quiet(&late, READING, BY_GET, none));
    CHECK_OK(put(&m, BY_PUT, 1));
    CHECK_OK(put(&late, BY_PUT, 1));
    CHECK(is_readable(fd) && is_readable(none));
    close_medium(&m);
    close_medium(&late);
}

enum { MOST = 128, VICTIMS = 28 };

static int ask(const mproc_queue_t *queue, int side) {
    int fd = -1, status;
    status = side == READING ? mproc_queue_readable_fd(queue, &fd) : mproc_queue_writable_fd(queue, &fd);
    CHECK(status == MPROC_OK ? fd >= 0 : fd == -1);
    return status;
}

typedef struct {
    int side;
    check_gate_t *asked;
} victim_t;

static void ask_and_be_killed(void *argument) {
    victim_t *v = (victim_t *)argument;
    mproc_queue_t *queue;
    int i;
    for (i = 0; i < VICTIMS; i++) {
        NEED_OK(mproc_queue_open(NULL, "pollable-full", NULL, &queue));
        CHECK_OK(ask(queue, v->side));
    }
    check_gate_open(v->asked);
    for (;;) {
        pause();
    }
}

/* 128 on each side; closed handles and dead processes give their places back. */
static void full(void *nothing) {
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    mproc_queue_t *creator = NULL, *queues[MOST + 1];
    struct rlimit limit;
    int side, i;

    (void)nothing;
    CHECK_INT(0, getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max;
    CHECK_INT(0, setrlimit(RLIMIT_NOFILE, &limit));
    options.flags = MPROC_POLLABLE;
    NEED_OK(mproc_queue_create(NULL, "pollable-full", &options, &creator));
    for (i = 0; i <= MOST; i++) {
        NEED_OK(mproc_queue_open(NULL, "pollable-full", NULL, &queues[i]));
    }
    for (side = 0; side < SIDES; side++) {
        party_t party;
        victim_t victim;
        victim.side = side;
        victim.asked = check_gate();
        party_start(&party, 1, ask_and_be_killed, &victim);
        check_gate_wait(victim.asked);
        for (i = 0; i < MOST - VICTIMS; i++) {
            CHECK_OK(ask(queues[i], side));
        }
        CHECK_IS(MPROC_EFULL, ask(queues[MOST], side));
        CHECK_OK(ask(queues[0], side)); /* it has one */
        party_kill(&party);
        for (; i < MOST; i++) {
            CHECK_OK(ask(queues[i], side));
        }
        CHECK_IS(MPROC_EFULL, ask(queues[MOST], side));
        mproc_queue_close(queues[0]);
        CHECK_OK(ask(queues[MOST], side));
        NEED_OK(mproc_queue_open(NULL, "pollable-full", NULL, &queues[0]));
        CHECK_IS(MPROC_EFULL, ask(queues[0], side));
        check_gate_free(victim.asked);
    }
    CHECK_OK(mproc_queue_put(creator, "x", 1, 0, NULL)); /* rings them all */
    for (i = 0; i <= MOST; i++) {
        mproc_queue_close(queues[i]);
    }
    mproc_queue_close(creator);
}

static void not_pollable(void) {
    mproc_queue_options_t queue_is = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t pipe_is = MPROC_PIPE_OPTIONS_INIT;
    mproc_queue_info_t queue_info;
    mproc_pipe_info_t pipe_info;
    mproc_queue_t *queue = NULL, *none = NULL;
    mproc_pipe_t *ends[2] = {NULL, NULL}, *no_ends[2] = {NULL, NULL};
    int fd = -7, pollable;

    for (pollable = 0; pollable < 2; pollable++) {
        queue_is.flags = pollable ? MPROC_POLLABLE : 0;
        pipe_is.flags = (pollable ? MPROC_POLLABLE : 0) | MPROC_PIPE_ONEWAY;
        NEED_OK(mproc_queue_create(NULL, "pollable-or-not", &queue_is, &queue));
        NEED_OK(mproc_pipe_create(NULL, "pollable-or-not-pipe", &pipe_is, &ends[0], &ends[1]));
        CHECK_OK(mproc_queue_info(queue, &queue_info, sizeof queue_info));
        CHECK_INT(pollable ? MPROC_POLLABLE : 0, queue_info.flags);
        CHECK_OK(mproc_pipe_info(ends[1], &pipe_info, sizeof pipe_info));
        CHECK_INT((pollable ? MPROC_POLLABLE : 0) | MPROC_PIPE_ONEWAY, pipe_info.flags);
        if (pollable) { /* one end only receives, the other only sends */
            CHECK_IS(MPROC_ENOTSUP, mproc_pipe_writable_fd(ends[0], &fd));
            CHECK_IS(MPROC_ENOTSUP, mproc_pipe_readable_fd(ends[1], &fd));
            CHECK_INT(-7, fd);
            CHECK_OK(mproc_pipe_readable_fd(ends[0], &fd));
            CHECK_OK(mproc_pipe_writable_fd(ends[1], &fd));
        } else {
            CHECK_IS(MPROC_ENOTSUP, mproc_queue_readable_fd(queue, &fd));
            CHECK_IS(MPROC_ENOTSUP, mproc_queue_writable_fd(queue, &fd));
            CHECK_IS(MPROC_ENOTSUP, mproc_pipe_readable_fd(ends[0], &fd));
            CHECK_IS(MPROC_ENOTSUP, mproc_pipe_writable_fd(ends[1], &fd));
            CHECK_INT(-7, fd);
            queue_is.flags = MPROC_EXIST_OK | MPROC_POLLABLE; /* decided when it was created */
            pipe_is.flags = MPROC_EXIST_OK | MPROC_POLLABLE | MPROC_PIPE_ONEWAY;
            CHECK_IS(MPROC_ETYPE, mproc_queue_create(NULL, "pollable-or-not", &queue_is, &none));
            CHECK_IS(MPROC_ETYPE, mproc_pipe_create(NULL, "pollable-or-not-pipe", &pipe_is, &no_ends[0], &no_ends[1]));
            CHECK(none == NULL && no_ends[0] == NULL && no_ends[1] == NULL);
        }
        mproc_queue_close(queue);
        mproc_pipe_close(ends[0]);
        mproc_pipe_close(ends[1]);
    }
}

/* ---- descriptors that the program closed ---- */

enum { FIRST = 3, LAST = 60, KINDS = 4 };

/* What is readable for the program alone: a number, a message, a time that has come, and a set of such. */
static void make_own(int *own) {
    struct itimerspec soon = {{0, 0}, {0, 1}};
    struct epoll_event event;
    int low[KINDS], pair[2], i;
    low[0] = eventfd(5, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK_INT(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
    CHECK_INT(6, write(pair[1], "intact", 6));
    low[1] = pair[0];
    low[2] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    CHECK_INT(0, timerfd_settime(low[2], 0, &soon, NULL));
    low[3] = epoll_create1(EPOLL_CLOEXEC);
    for (i = 0; i < KINDS; i++) {
        own[i] = fcntl(low[i], F_DUPFD_CLOEXEC, LAST + 1);
        CHECK(own[i] > LAST);
        close(low[i]);
    }
    CHECK(fcntl(pair[1], F_DUPFD_CLOEXEC, LAST + 1) > LAST); /* the other end stays open */
    close(pair[1]);
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN;
    event.data.u64 = 4711;
    CHECK_INT(0, epoll_ctl(own[3], EPOLL_CTL_ADD, own[0], &event));
    check_sleep_ms(1);
}

static void check_own(const int *own) {
    struct epoll_event events[2];
    uint64_t number = 0;
    char buf[16];
    CHECK_INT(1, epoll_wait(own[3], events, 2, 0)); /* what we put into it, and nothing else */
    CHECK(events[0].data.u64 == 4711);
    CHECK_INT(8, read(own[0], &number, sizeof number));
    CHECK_INT(5, number);
    CHECK_INT(6, read(own[1], buf, sizeof buf));
    CHECK(memcmp(buf, "intact", 6) == 0);
    CHECK(read(own[1], buf, sizeof buf) < 0 && errno == EAGAIN);
    CHECK_INT(8, read(own[2], &number, sizeof number));
    CHECK_INT(1, number);
}

/* The numbers that the library used are the program's now: it neither reads, changes nor closes them. */
static void closed_by_the_program(void *argument) {
    int shift = *(const int *)argument, own[KINDS], kind, n, side;
    medium_t m[MEDIA];
    for (kind = 0; kind < MEDIA; kind++) {
        m[kind] = make(kind);
        for (side = 0; side < SIDES; side++) {
            CHECK(goes_quiet(&m[kind], side, BY_GET, fd_of(&m[kind], side)));
        }
    }
    for (n = FIRST; n < 256; n++) {
        close(n);
    }
    make_own(own);
    for (n = FIRST; n <= LAST; n++) {
        CHECK_INT(n, dup2(own[(n + shift) % KINDS], n));
    }
    for (kind = 0; kind < MEDIA; kind++) { /* the objects go on, whatever has become of the descriptors */
        while (take(&m[kind], BY_GET) == MPROC_OK) {
        }
        CHECK_IS(MPROC_ETIMEDOUT, take(&m[kind], BY_PEEK));
        CHECK_OK(put(&m[kind], BY_PUT, 1));
        CHECK_OK(take(&m[kind], BY_GET));
        while (put(&m[kind], BY_PUT, LONG) == MPROC_OK) {
        }
        CHECK_IS(MPROC_ETIMEDOUT, put(&m[kind], BY_RESERVE, LONG));
        CHECK_OK(take(&m[kind], BY_GET));
        CHECK(fd_of(&m[kind], READING) > LAST); /* who asks again gets a new one */
        close_medium(&m[kind]);
    }
    for (n = FIRST; n <= LAST; n++) {
        CHECK(fcntl(n, F_GETFD) >= 0);
        CHECK(is_readable(n));
    }
    check_own(own);
}

static void in_a_process(void (*body)(void *), void *argument) {
    party_t party;
    party_start(&party, 1, body, argument);
    party_join(&party);
}

void api_pollable(void) {
    int shift;
    what_it_is();
    every_form();
    in_place();
    every_poller();
    check_watchdog();
    shutting_down();
    other_end_gone();
    producers_gone();
    holder_killed();
    too_small();
    two_handles();
    everybody_in_a_loop();
    child_and_parent();
    silent_child();
    in_a_process(out_of_descriptors, NULL);
    in_a_process(full, NULL);
    not_pollable();
    for (shift = 0; shift < KINDS; shift++) { /* so that each number is once of each kind */
        in_a_process(closed_by_the_program, &shift);
    }
}
