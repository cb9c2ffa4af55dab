/*
 * One event loop for everything: epoll over two queues and a pipe, which other processes feed, and a timer. Queues and
 * pipes that were made with MPROC_POLLABLE have descriptors for that, which are used as those of non-blocking sockets.
 *
 *     cc epoll_loop.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READINGS = 300, LINES = 200, REQUESTS = 10, OVER = 1 };

/* Something in the loop. When its descriptor is readable, `serve` takes all there is, and says when it is OVER. */
typedef struct {
    int fd;
    int (*serve)(void);
} source_t;

static mproc_queue_t *readings, *lines;
static mproc_pipe_t *requests;
static int timer, read_count, read_sum, line_count, answered, ticks;

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

static void need_sys(int result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static int serve_readings(void) {
    int32_t number;
    size_t length;
    int status;
    /* Until there is nothing: then, and only then, the descriptor becomes unreadable, until there is more. */
    while ((status = mproc_queue_get(readings, &number, sizeof number, &length, 0, NULL)) == MPROC_OK) {
        read_count++;
        read_sum += number;
    }
    if (status == MPROC_ECLOSED) { /* every producer is gone */
        return OVER;
    }
    need(status == MPROC_ETIMEDOUT ? MPROC_OK : status, "get a reading");
    return 0;
}

static int serve_lines(void) {
    char line[64];
    size_t length;
    int status;
    while ((status = mproc_queue_get(lines, line, sizeof line, &length, 0, NULL)) == MPROC_OK) {
        line_count++;
    }
    if (status == MPROC_ECLOSED) {
        return OVER;
    }
    need(status == MPROC_ETIMEDOUT ? MPROC_OK : status, "get a line");
    return 0;
}

static int serve_requests(void) {
    int32_t number;
    size_t length;
    int status;
    while ((status = mproc_pipe_recv(requests, &number, sizeof number, &length, 0, NULL)) == MPROC_OK) {
        number *= number;
        need(mproc_pipe_send(requests, &number, sizeof number, 0, NULL), "answer"); /* there is room for one answer */
        answered++;
    }
    if (status == MPROC_EOF) {
        return OVER;
    }
    need(status == MPROC_ETIMEDOUT ? MPROC_OK : status, "receive a request");
    return 0;
}

static int serve_timer(void) {
    uint64_t expired;
    if (read(timer, &expired, sizeof expired) == (ssize_t)sizeof expired) {
        ticks++;
    }
    return ticks > 0 ? OVER : 0; /* once is enough here */
}

/* The other processes need no event loop: they wait where they are. */
static void measure(mproc_queue_t *queue) {
    int32_t number;
    for (number = 1; number <= READINGS; number++) {
        need(mproc_queue_put(queue, &number, sizeof number, MPROC_FOREVER, NULL), "put a reading");
    }
}

static void log_lines(mproc_queue_t *queue) {
    char line[64];
    int number;
    for (number = 1; number <= LINES; number++) {
        int length = snprintf(line, sizeof line, "line %d", number);
        need(mproc_queue_put(queue, line, (size_t)length, MPROC_FOREVER, NULL), "put a line");
    }
}

static void ask(mproc_pipe_t *pipe) {
    int32_t number, answer;
    size_t length;
    for (number = 1; number <= REQUESTS; number++) {
        need(mproc_pipe_send(pipe, &number, sizeof number, MPROC_FOREVER, NULL), "ask");
        need(mproc_pipe_recv(pipe, &answer, sizeof answer, &length, MPROC_FOREVER, NULL), "hear the answer");
        if (answer != number * number) {
            fprintf(stderr, "wrong answer: %d\n", (int)answer);
            exit(1);
        }
    }
}

static pid_t start(void) {
    pid_t child;
    fflush(NULL);
    child = fork();
    need_sys(child, "fork");
    return child;
}

static void start_producer(mproc_queue_t *queue, void (*produce)(mproc_queue_t *)) {
    mproc_queue_t *producer; /* the child will be one, too: so the queue ends with the child */
    need(mproc_queue_producer(queue, &producer), "become a producer");
    if (start() == 0) {
        produce(producer);
        _exit(0);
    }
    mproc_queue_close(producer);
}

int main(void) {
    mproc_queue_options_t queue_is = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t pipe_is = MPROC_PIPE_OPTIONS_INIT;
    const struct itimerspec often = {{0, 20000000}, {0, 20000000}};
    source_t sources[4];
    mproc_pipe_t *other_end;
    int loop, i, open = 4, failed = 0, status;

    queue_is.flags = pipe_is.flags = MPROC_POLLABLE;
    need(mproc_queue_create(NULL, NULL, &queue_is, &readings), "create a queue");
    need(mproc_queue_create(NULL, NULL, &queue_is, &lines), "create a queue");
    need(mproc_pipe_create(NULL, NULL, &pipe_is, &requests, &other_end), "create the pipe");
    start_producer(readings, measure);
    start_producer(lines, log_lines);
    if (start() == 0) {
        mproc_pipe_close(requests);
        ask(other_end);
        _exit(0);
    }
    mproc_pipe_close(other_end); /* it is the child's now */

    memset(sources, 0, sizeof sources);
    need(mproc_queue_readable_fd(readings, &sources[0].fd), "get a descriptor");
    sources[0].serve = serve_readings;
    need(mproc_queue_readable_fd(lines, &sources[1].fd), "get a descriptor");
    sources[1].serve = serve_lines;
    need(mproc_pipe_readable_fd(requests, &sources[2].fd), "get a descriptor");
    sources[2].serve = serve_requests;
    need_sys(timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create");
    need_sys(timerfd_settime(timer, 0, &often, NULL), "timerfd_settime");
    sources[3].fd = timer;
    sources[3].serve = serve_timer;

    need_sys(loop = epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    for (i = 0; i < 4; i++) {
        struct epoll_event event;
        memset(&event, 0, sizeof event);
        event.events = EPOLLIN;
        event.data.ptr = &sources[i];
        need_sys(epoll_ctl(loop, EPOLL_CTL_ADD, sources[i].fd, &event), "epoll_ctl");
    }
    while (open > 0) {
        struct epoll_event events[4];
        int count = epoll_wait(loop, events, 4, -1);
        need_sys(count, "epoll_wait");
        for (i = 0; i < count; i++) {
            source_t *source = events[i].data.ptr;
            if (source->serve() == OVER) { /* out of the loop, before its handle is closed */
                need_sys(epoll_ctl(loop, EPOLL_CTL_DEL, source->fd, NULL), "epoll_ctl");
                open--;
            }
        }
    }
    while (wait(&status) > 0) {
        failed += status != 0;
    }
    printf("%d readings, their sum is %d\n%d lines\n%d requests answered\nThe timer ticked\n", read_count, read_sum,
           line_count, answered);
    close(loop);
    close(timer);
    mproc_pipe_close(requests);
    mproc_queue_close(lines);
    mproc_queue_close(readings);
    return failed == 0 ? 0 : 1;
}
