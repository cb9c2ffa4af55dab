/* The worker's commands for waiting: for any of many things, for a value, and with descriptors. */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

/* ---- many things ---- */

enum { MOST_THINGS = 16 };

/* What a word like "room=300" means. The name goes up to the "=". */
typedef struct {
    const char *text;
    size_t name_length;
    unsigned char expected[8];
} thing_t;

static bool named(const thing_t *thing, const char *name) {
    return strlen(name) == thing->name_length && strncmp(thing->text, name, thing->name_length) == 0;
}

static void item_of(thing_t *thing, mproc_wait_item_t *item) {
    const char *rest = thing->text + thing->name_length + (thing->text[thing->name_length] == '=');
    memset(item, 0, sizeof *item);
    if (named(thing, "queue") || named(thing, "room")) {
        item->condition = named(thing, "queue") ? MPROC_WAIT_QUEUE_READABLE : MPROC_WAIT_QUEUE_WRITABLE;
        item->object = queue;
        item->size = (size_t)strtoull(rest, NULL, 10);
    } else if (named(thing, "pipe") || named(thing, "space") || named(thing, "hangup")) {
        item->condition = named(thing, "pipe")    ? MPROC_WAIT_PIPE_READABLE
                          : named(thing, "space") ? MPROC_WAIT_PIPE_WRITABLE
                                                  : MPROC_WAIT_PIPE_CLOSED;
        item->object = near_end;
        item->size = (size_t)strtoull(rest, NULL, 10);
    } else if (named(thing, "lock") && lock != NULL) {
        item->condition = MPROC_WAIT_LOCK;
        item->object = lock;
    } else if (named(thing, "lock")) {
        item->condition = MPROC_WAIT_RLOCK;
        item->object = lock_recursive;
    } else if (named(thing, "permit")) {
        item->condition = MPROC_WAIT_SEMAPHORE;
        item->object = semaphore;
    } else if (named(thing, "event")) {
        item->condition = MPROC_WAIT_EVENT;
        item->object = event;
    } else if (named(thing, "value")) {
        item->condition = MPROC_WAIT_VALUE;
        item->object = value;
        item->size = value_bytes(strtoull(rest, NULL, 16), thing->expected);
        item->expected = thing->expected;
    } else if (named(thing, "notified")) {
        item->condition = MPROC_WAIT_VALUE;
        item->object = value;
    }
}

void do_wait(void) {
    static char text[256];
    thing_t things[MOST_THINGS];
    mproc_wait_item_t items[MOST_THINGS];
    uint32_t ready[MOST_THINGS];
    size_t count, found = 0, i, at = 0;
    int status;
    for (count = 0; count < MOST_THINGS && word((int)count + 3)[0] != '\0'; count++) {
        things[count].text = word((int)count + 3);
        things[count].name_length = strcspn(things[count].text, "=");
        item_of(&things[count], &items[count]);
    }
    if (is(1, "cancel")) {
        canceller_t canceller;
        canceller_start(&canceller, timeout_ns(2));
        status = mproc_wait(items, count, MPROC_FOREVER, canceller.token, ready, &found);
        canceller_end(&canceller);
    } else {
        status = mproc_wait(items, count, timeout_ns(2), NULL, ready, &found);
    }
    if (!well(status)) {
        return;
    }
    for (i = 0; i < found && at < sizeof text - 16; i++) {
        const thing_t *thing = &things[ready[i]];
        text[at++] = ' ';
        memcpy(text + at, thing->text, thing->name_length);
        at += thing->name_length;
    }
    text[at] = '\0';
    say("ready%s", text);
}

/* ---- a value ---- */

void value_wait(void) {
    unsigned char expected[8];
    bool any = is(2, "any");
    size_t size = value_bytes(strtoull(word(2), NULL, 16), expected);
    const void *old = any ? NULL : expected;
    int status;
    size = any ? 0 : size;
    if (is(1, "cancel")) {
        canceller_t canceller;
        canceller_start(&canceller, timeout_ns(3));
        status = mproc_value_wait(value, old, size, MPROC_FOREVER, canceller.token);
        canceller_end(&canceller);
    } else {
        status = mproc_value_wait(value, old, size, timeout_ns(3), NULL);
    }
    if (well(status)) {
        say(any ? "notified" : "changed");
    }
}

/* ---- descriptors ---- */

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t deadline_of(int64_t timeout) {
    return timeout < 0 ? INT64_MAX : now_ns() + timeout;
}

int64_t left_until(int64_t deadline) {
    int64_t now = now_ns();
    return deadline == INT64_MAX ? MPROC_FOREVER : deadline > now ? deadline - now : 0;
}

/*
 * Edge-triggered, as event loops do it. What belongs to another descriptor can be dropped: whoever asks for that one
 * tries first. A descriptor that was closed is gone from the set by itself.
 */
int poll_until(int fd, int64_t deadline) {
    static int set = -1;
    struct epoll_event one;
    memset(&one, 0, sizeof one);
    one.events = EPOLLIN | EPOLLET;
    one.data.fd = fd;
    if (set < 0) {
        set = epoll_create1(EPOLL_CLOEXEC);
    }
    if (set < 0 || (epoll_ctl(set, EPOLL_CTL_ADD, fd, &one) != 0 && errno != EEXIST)) {
        say("epoll: %s", strerror(errno));
        exit(1);
    }
    for (;;) {
        int64_t left = left_until(deadline);
        int count = epoll_wait(set, &one, 1, left < 0 ? -1 : (int)((left + 999999) / 1000000));
        if (count == 1 && one.data.fd == fd) {
            return MPROC_OK;
        }
        if (count == 0 && left_until(deadline) == 0) {
            return MPROC_ETIMEDOUT;
        }
        if (count < 0 && errno != EINTR) {
            say("epoll: %s", strerror(errno));
            exit(1);
        }
    }
}
