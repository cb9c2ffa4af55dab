/* The pipe: both directions, order, sizes, bounds, the end of the other side, names, handles, processes. */
#include "api_test.h"

#include "check.h"
#include "place.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { MOMENT = 2000000, LONGER_THAN_NOTICING = 300000000 }; /* nanoseconds */

static enum place where;

static void make(mproc_pipe_t *ends[2], uint32_t flags, uint64_t capacity) {
    mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
    options.flags = flags;
    options.capacity_bytes = capacity;
    ends[0] = ends[1] = NULL;
    NEED_OK(mproc_pipe_create(place_domain(where), NULL, &options, &ends[0], &ends[1]));
}

/* In a forked child: its end. Behind a connection it opens one of its own, and is a client like any other. */
static mproc_pipe_t *inherit(mproc_pipe_t *ends[2], int side) {
    char name[64];
    mproc_pipe_t *pipe = NULL;
    if (place_is_memory(where)) {
        return ends[side];
    }
    NEED_OK(mproc_object_name(MPROC_KIND_PIPE, ends[side], name, sizeof name, NULL));
    NEED_OK(mproc_pipe_open(place_domain(where), name, NULL, side, &pipe));
    return pipe;
}

static void close_both(mproc_pipe_t *ends[2]) {
    mproc_pipe_close(ends[0]);
    mproc_pipe_close(ends[1]);
}

static mproc_pipe_info_t info_of(const mproc_pipe_t *pipe) {
    mproc_pipe_info_t info;
    memset(&info, 0xAA, sizeof info);
    CHECK_OK(mproc_pipe_info(pipe, &info, sizeof info));
    return info;
}

/* The next message is this text. */
static void check_next(const mproc_pipe_t *pipe, const char *text, int64_t timeout_ns) {
    char buf[64] = "";
    size_t len = 4711;
    CHECK_OK(mproc_pipe_recv(pipe, buf, sizeof buf, &len, timeout_ns, NULL));
    CHECK_INT(strlen(text), len);
    CHECK(len == strlen(text) && memcmp(buf, text, len) == 0);
}

/* There is nothing to receive: this is the status. */
static void check_none(int status, const mproc_pipe_t *pipe, int64_t timeout_ns) {
    char buf[64];
    size_t len = 4711;
    CHECK_IS(status, mproc_pipe_recv(pipe, buf, sizeof buf, &len, timeout_ns, NULL));
    CHECK_INT(4711, len);
}

/* Sends until not even an empty message fits; gives the number of messages. */
static size_t fill(const mproc_pipe_t *pipe) {
    size_t sent = 0;
    int status;
    while ((status = mproc_pipe_send(pipe, "12345678", 8, 0, NULL)) == MPROC_OK && sent < 100000) {
        sent++;
    }
    CHECK_IS(MPROC_ETIMEDOUT, status);
    while ((status = mproc_pipe_send(pipe, NULL, 0, 0, NULL)) == MPROC_OK && sent < 100000) {
        sent++;
    }
    CHECK_IS(MPROC_ETIMEDOUT, status);
    return sent;
}

static void both_ways(void) {
    mproc_pipe_t *ends[2];
    mproc_pipe_info_t info;
    int side;

    NEED_OK(mproc_pipe_create(place_domain(where), NULL, NULL, &ends[0], &ends[1]));
    for (side = 0; side < 2; side++) {
        info = info_of(ends[side]);
        CHECK_INT(1 << 20, info.capacity_bytes);
        CHECK(info.max_message > 0 && info.max_message < info.capacity_bytes);
        CHECK_INT(0, info.incoming);
        CHECK_INT(0, info.outgoing);
        CHECK_INT(side, info.end);
        CHECK_INT(0, info.flags);
        CHECK_INT(MPROC_PEER_OPEN, info.peer);
        CHECK_INT(0, info.steals);
        CHECK_IS(MPROC_ETIMEDOUT, mproc_pipe_poll(ends[side], 0, NULL));
    }
    for (side = 0; side < 2; side++) {
        mproc_pipe_t *from = ends[side], *to = ends[1 - side];
        CHECK_OK(mproc_pipe_send(from, "first", 5, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_pipe_send(from, NULL, 0, 0, NULL)); /* empty messages are messages */
        CHECK_OK(mproc_pipe_send(from, "third!!", 7, MOMENT, NULL));
        CHECK_INT(3, info_of(from).outgoing);
        CHECK_INT(0, info_of(from).incoming);
        CHECK_INT(3, info_of(to).incoming);
        CHECK_INT(0, info_of(to).outgoing);
        CHECK_OK(mproc_pipe_poll(to, 0, NULL));
        CHECK_OK(mproc_pipe_poll(to, MPROC_FOREVER, NULL)); /* takes nothing */
        check_none(MPROC_ETIMEDOUT, from, 0);               /* its own messages do not come back */
        check_next(to, "first", 0);
        CHECK_OK(mproc_pipe_poll(to, 0, NULL));
        check_next(to, "", MOMENT);
        CHECK_INT(1, info_of(to).incoming);
        check_next(to, "third!!", MPROC_FOREVER);
        CHECK_IS(MPROC_ETIMEDOUT, mproc_pipe_poll(to, 0, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_pipe_poll(to, MOMENT, NULL));
        check_none(MPROC_ETIMEDOUT, to, 0);
        check_none(MPROC_ETIMEDOUT, to, MOMENT);
        CHECK_INT(0, info_of(from).outgoing);
    }
    /* Both directions at a time keep apart. */
    CHECK_OK(mproc_pipe_send(ends[0], "question", 8, 0, NULL));
    CHECK_OK(mproc_pipe_send(ends[1], "answer", 6, 0, NULL));
    check_next(ends[0], "answer", 0);
    check_next(ends[1], "question", 0);
    close_both(ends);
}

/* A buffer that is too small reports the size needed, and the message stays. */
static void small_buffers(void) {
    mproc_pipe_t *ends[2];
    char buf[32];
    size_t len = 0;

    make(ends, 0, 0);
    CHECK_OK(mproc_pipe_send(ends[0], "0123456789", 10, 0, NULL));
    CHECK_OK(mproc_pipe_send(ends[0], "next", 4, 0, NULL));
    memset(buf, '#', sizeof buf);
    CHECK_IS(MPROC_EMSGSIZE, mproc_pipe_recv(ends[1], buf, 9, &len, 0, NULL));
    CHECK_INT(10, len);
    CHECK_INT('#', buf[0]);
    len = 0;
    CHECK_IS(MPROC_EMSGSIZE, mproc_pipe_recv(ends[1], NULL, 0, &len, MPROC_FOREVER, NULL));
    CHECK_INT(10, len);
    CHECK_INT(2, info_of(ends[1]).incoming);
    CHECK_OK(mproc_pipe_recv(ends[1], buf, 10, &len, 0, NULL));
    CHECK(len == 10 && memcmp(buf, "0123456789", 10) == 0);
    CHECK_INT('#', buf[10]);
    check_next(ends[1], "next", 0);
    CHECK_OK(mproc_pipe_send(ends[0], NULL, 0, 0, NULL));
    CHECK_OK(mproc_pipe_recv(ends[1], NULL, 0, &len, 0, NULL));
    CHECK_INT(0, len);

    CHECK_OK(mproc_pipe_send(ends[0], "last words", 10, 0, NULL)); /* also when its sender is gone */
    mproc_pipe_close(ends[0]);
    CHECK_IS(MPROC_EMSGSIZE, mproc_pipe_recv(ends[1], buf, 3, &len, 0, NULL));
    check_next(ends[1], "last words", 0);
    check_none(MPROC_EOF, ends[1], MPROC_FOREVER);
    mproc_pipe_close(ends[1]);
}

/* What fits once is found out by filling, what can never fit is said at once; each direction has its own room. */
static void bounded(void) {
    static const uint32_t kinds[] = {0, MPROC_PIPE_ONEWAY, MPROC_PIPE_EXCLUSIVE};
    size_t i, k, sent;
    for (k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        mproc_pipe_t *ends[2];
        mproc_pipe_info_t info;
        char *big = calloc(1, 5000);
        size_t len = 0;

        make(ends, kinds[k], 4000); /* rounded up */
        info = info_of(ends[1]);
        CHECK_INT(4096, info.capacity_bytes);
        CHECK(info.max_message > 0 && info.max_message < 4096);
        CHECK_INT(kinds[k], info.flags);
        CHECK_IS(MPROC_E2BIG, mproc_pipe_send(ends[1], big, info.max_message + 1, 0, NULL));
        CHECK_IS(MPROC_E2BIG, mproc_pipe_send(ends[1], big, 5000, MPROC_FOREVER, NULL));
        CHECK_INT(0, info_of(ends[0]).incoming);
        for (i = 0; i < 3; i++) { /* round the ring, too */
            memset(big, 'x' + (int)i, 5000);
            CHECK_OK(mproc_pipe_send(ends[1], big, info.max_message, 0, NULL));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_pipe_send(ends[1], big, info.max_message, 0, NULL));
            memset(big, 0, 5000);
            CHECK_OK(mproc_pipe_recv(ends[0], big, 5000, &len, 0, NULL));
            CHECK_INT(info.max_message, len);
            CHECK(big[0] == 'x' + (int)i && big[len - 1] == 'x' + (int)i && big[len] == 0);
            CHECK_OK(mproc_pipe_send(ends[1], "shift", 5, 0, NULL));
            check_next(ends[0], "shift", 0);
        }

        sent = fill(ends[1]);
        CHECK(sent >= 200 && sent <= 4096 / 8);
        CHECK_INT(sent, info_of(ends[0]).incoming);
        CHECK_INT(sent, info_of(ends[1]).outgoing);
        CHECK_IS(MPROC_ETIMEDOUT, mproc_pipe_send(ends[1], NULL, 0, MOMENT, NULL));
        if (kinds[k] != MPROC_PIPE_ONEWAY) {
            CHECK_OK(mproc_pipe_send(ends[0], "other way", 9, 0, NULL)); /* has room of its own */
            check_next(ends[1], "other way", 0);
        }
        CHECK_OK(mproc_pipe_recv(ends[0], big, 8, &len, 0, NULL)); /* room again, at once */
        CHECK_OK(mproc_pipe_send(ends[1], "again678", 8, 0, NULL));
        while (mproc_pipe_recv(ends[0], big, 8, &len, 0, NULL) == MPROC_OK) {
            sent--;
        }
        CHECK_INT(0, sent);
        free(big);
        close_both(ends);
    }
}

/* Messages of all lengths, round and round small rings, both ways: each comes out as it went in. */
static void around_the_ring(uint32_t flags) {
    enum { LONGEST = 600 };
    const size_t rounds = place_is_memory(where) ? 10000 : 500;
    mproc_pipe_t *ends[2];
    unsigned char in[LONGEST], out[LONGEST];
    uint32_t sent_seed[2] = {1, 2}, got_seed[2] = {1, 2};
    size_t len = 0, inside[2] = {0, 0}, got[2] = {0, 0}, sent[2] = {0, 0}, wrong = 0, i, k;
    int way;

    make(ends, flags, 4096);
    while ((got[0] < rounds || got[1] < rounds) && wrong == 0) {
        for (way = 0; way < 2; way++) { /* 0: from end 0 to end 1 */
            while (sent[way] < rounds) {
                uint32_t next = sent_seed[way] * 1664525u + 1013904223u;
                size_t want = (next >> 16) % LONGEST;
                for (i = 0; i < want; i++) {
                    in[i] = (unsigned char)(next + i);
                }
                if (mproc_pipe_send(ends[way], in, want, 0, NULL) != MPROC_OK) {
                    break;
                }
                sent_seed[way] = next;
                sent[way]++;
                inside[way]++;
            }
            wrong += info_of(ends[way]).outgoing != inside[way];
            for (i = inside[way] == 0 ? 0 : (sent_seed[way] >> 8) % inside[way] + 1; i > 0; i--) {
                got_seed[way] = got_seed[way] * 1664525u + 1013904223u;
                wrong += mproc_pipe_recv(ends[1 - way], out, sizeof out, &len, 0, NULL) != MPROC_OK;
                wrong += len != (got_seed[way] >> 16) % LONGEST;
                for (k = 0; k < len; k++) {
                    wrong += out[k] != (unsigned char)(got_seed[way] + k);
                }
                inside[way]--;
                got[way]++;
            }
        }
    }
    CHECK_INT(0, wrong);
    CHECK_INT(rounds, got[0]);
    CHECK_INT(rounds, got[1]);
    close_both(ends);
}

/* End 0 receives, end 1 sends, and nothing else. */
static void one_way(void) {
    mproc_pipe_t *ends[2];
    mproc_view_t view;
    int twice;

    for (twice = 0; twice < 2; twice++) {
        uint32_t flags = MPROC_PIPE_ONEWAY | (twice ? MPROC_PIPE_EXCLUSIVE : 0);
        make(ends, flags, 0);
        CHECK_INT(flags, info_of(ends[0]).flags);
        CHECK_INT(flags, info_of(ends[1]).flags);
        CHECK_IS(MPROC_ENOTSUP, mproc_pipe_send(ends[0], "x", 1, MPROC_FOREVER, NULL));
        CHECK_IS(MPROC_ENOTSUP, mproc_pipe_reserve(ends[0], 1, &view, MPROC_FOREVER, NULL));
        check_none(MPROC_ENOTSUP, ends[1], MPROC_FOREVER);
        CHECK_IS(MPROC_ENOTSUP, mproc_pipe_peek(ends[1], &view, MPROC_FOREVER, NULL));
        CHECK_IS(MPROC_ENOTSUP, mproc_pipe_poll(ends[1], MPROC_FOREVER, NULL));
        CHECK_OK(mproc_pipe_send(ends[1], "down", 4, 0, NULL));
        CHECK_INT(1, info_of(ends[0]).incoming);
        CHECK_INT(0, info_of(ends[0]).outgoing);
        CHECK_INT(1, info_of(ends[1]).outgoing);
        CHECK_OK(mproc_pipe_poll(ends[0], 0, NULL));
        check_next(ends[0], "down", 0);
        if (twice) {
            mproc_pipe_close(ends[0]);
            CHECK_IS(MPROC_EPIPE, mproc_pipe_send(ends[1], "x", 1, MPROC_FOREVER, NULL));
            mproc_pipe_close(ends[1]);
        } else {
            CHECK_OK(mproc_pipe_send(ends[1], "last", 4, 0, NULL));
            mproc_pipe_close(ends[1]);
            check_next(ends[0], "last", 0);
            check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
            mproc_pipe_close(ends[0]);
        }
    }
}

/* After close, what was on the way arrives; then every call says that it is over. */
static void other_end_closed(void) {
    mproc_pipe_t *ends[2];
    mproc_view_t view, reserved;
    int side;

    for (side = 0; side < 2; side++) {
        mproc_pipe_t *left;
        make(ends, 0, 0);
        left = ends[1 - side];
        if (place_is_memory(where)) {
            NEED_OK(mproc_pipe_reserve(left, 4, &reserved, 0, NULL));
        }
        CHECK_OK(mproc_pipe_send(ends[side], "one", 3, 0, NULL));
        CHECK_OK(mproc_pipe_send(ends[side], "two", 3, 0, NULL));
        mproc_pipe_close(ends[side]);
        CHECK_INT(MPROC_PEER_GONE, info_of(left).peer);
        CHECK_INT(2, info_of(left).incoming);
        CHECK_OK(mproc_pipe_poll(left, 0, NULL));
        check_next(left, "one", 0);
        CHECK_OK(mproc_pipe_poll(left, MPROC_FOREVER, NULL));
        check_next(left, "two", MPROC_FOREVER);
        check_none(MPROC_EOF, left, MPROC_FOREVER);
        check_none(MPROC_EOF, left, 0);
        CHECK_IS(MPROC_EOF, mproc_pipe_poll(left, MPROC_FOREVER, NULL));
        CHECK_IS(MPROC_EOF, mproc_pipe_poll(left, 0, NULL));
        CHECK_IS(MPROC_EPIPE, mproc_pipe_send(left, "x", 1, MPROC_FOREVER, NULL));
        CHECK_IS(MPROC_EPIPE, mproc_pipe_send(left, NULL, 0, 0, NULL));
        if (place_is_memory(where)) {
            CHECK_IS(MPROC_EOF, mproc_pipe_peek(left, &view, MPROC_FOREVER, NULL));
            CHECK_IS(MPROC_EPIPE, mproc_pipe_reserve(left, 8, &view, MPROC_FOREVER, NULL));
            CHECK_IS(MPROC_EPIPE, mproc_pipe_commit(left, reserved.id, 4));
            CHECK_IS(MPROC_EPERM, mproc_pipe_commit(left, reserved.id, 4)); /* it was dropped */
        }
        mproc_pipe_close(left);
    }
}

typedef struct {
    pid_t victim;
    mproc_pipe_t *pipe;
} later_t;

static void *kill_later(void *argument) {
    check_sleep_ms(20); /* most likely asleep by now; right in any case */
    kill(((later_t *)argument)->victim, SIGKILL);
    return NULL;
}

/* A process that was killed leaves what it had sent, and then the end; whoever waits for it is woken. */
static void other_end_killed(void) {
    enum { RECV, PEEK, POLL, SEND, RESERVE, CALLS };
    int call;
    for (call = 0; call < CALLS; call++) {
        mproc_pipe_t *ends[2];
        check_gate_t *gate;
        mproc_view_t view;
        pthread_t thread;
        later_t later = {0, NULL};

        if (!place_is_memory(where) && (call == PEEK || call == RESERVE)) {
            continue;
        }
        gate = check_gate();
        make(ends, 0, 4096);
        later.victim = check_fork();
        if (later.victim == 0) {
            mproc_pipe_t *own = inherit(ends, 1);
            mproc_pipe_close(ends[0]);
            CHECK_OK(mproc_pipe_send(own, "my last words", 13, MPROC_FOREVER, NULL));
            check_gate_open(gate);
            for (;;) {
                pause();
            }
        }
        check_gate_wait(gate);
        mproc_pipe_close(ends[1]);
        check_next(ends[0], "my last words", MPROC_FOREVER);
        CHECK_INT(MPROC_PEER_OPEN, info_of(ends[0]).peer);
        check_none(MPROC_ETIMEDOUT, ends[0], LONGER_THAN_NOTICING); /* silent is not dead */
        if (call >= SEND) {
            fill(ends[0]);
        }
        CHECK_INT(0, pthread_create(&thread, NULL, kill_later, &later));
        switch (call) {
        case RECV: check_none(MPROC_EOF, ends[0], MPROC_FOREVER); break;
        case PEEK: CHECK_IS(MPROC_EOF, mproc_pipe_peek(ends[0], &view, MPROC_FOREVER, NULL)); break;
        case POLL: CHECK_IS(MPROC_EOF, mproc_pipe_poll(ends[0], MPROC_FOREVER, NULL)); break;
        case SEND: CHECK_IS(MPROC_EPIPE, mproc_pipe_send(ends[0], NULL, 0, MPROC_FOREVER, NULL)); break;
        default: CHECK_IS(MPROC_EPIPE, mproc_pipe_reserve(ends[0], 0, &view, MPROC_FOREVER, NULL)); break;
        }
        CHECK_INT(0, pthread_join(thread, NULL));
        check_kill(later.victim);
        check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
        CHECK_IS(MPROC_EPIPE, mproc_pipe_send(ends[0], NULL, 0, MPROC_FOREVER, NULL));
        CHECK_INT(MPROC_PEER_GONE, info_of(ends[0]).peer);
        mproc_pipe_close(ends[0]);
        check_gate_free(gate);
    }
}

/* Messages that its sender had not seen arrive are there after its death, all of them. */
static void what_the_dead_had_sent(void) {
    enum { MESSAGES = 100 };
    mproc_pipe_t *ends[2];
    pid_t child;
    uint32_t number = 0, i;
    size_t len = 0;

    make(ends, 0, 0);
    child = check_fork();
    if (child == 0) {
        mproc_pipe_t *own = inherit(ends, 1);
        for (i = 0; i < MESSAGES; i++) {
            CHECK_OK(mproc_pipe_send(own, &i, sizeof i, 0, NULL));
        }
        fflush(NULL);
        raise(SIGKILL);
    }
    mproc_pipe_close(ends[1]);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    for (i = 0; i < MESSAGES; i++) {
        CHECK_OK(mproc_pipe_recv(ends[0], &number, sizeof number, &len, 0, NULL));
        CHECK_INT(i, number);
    }
    check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
    mproc_pipe_close(ends[0]);
}

/* What was sent behind a reservation that a dead process left open arrives as well, before the end. */
static void behind_a_dead_reservation(void) {
    int round;
    for (round = 0; round < 5; round++) {
        mproc_pipe_t *ends[2];
        check_gate_t *gate = check_gate();
        mproc_view_t views[4];
        pid_t child;
        int i;

        make(ends, 0, 0);
        child = check_fork();
        if (child == 0) {
            mproc_pipe_close(ends[0]);
            for (i = 0; i < 4; i++) {
                CHECK_OK(mproc_pipe_reserve(ends[1], 1, &views[i], 0, NULL));
                memcpy(views[i].data, "0123" + i, 1);
            }
            CHECK_OK(mproc_pipe_commit(ends[1], views[3].id, 1));
            CHECK_OK(mproc_pipe_commit(ends[1], views[1].id, 1));
            CHECK_OK(mproc_pipe_send(ends[1], "4", 1, 0, NULL));
            check_gate_open(gate);
            for (;;) {
                pause();
            }
        }
        mproc_pipe_close(ends[1]);
        check_gate_wait(gate);
        check_none(MPROC_ETIMEDOUT, ends[0], 0);
        check_kill(child);
        check_next(ends[0], "1", MPROC_FOREVER);
        check_next(ends[0], "3", MPROC_FOREVER);
        check_next(ends[0], "4", MPROC_FOREVER);
        check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
        mproc_pipe_close(ends[0]);
        check_gate_free(gate);
    }
}

/* Another program in the same process does not have the end any more. */
static void exec_ends_it(void) {
    mproc_pipe_t *ends[2];
    pid_t child;

    make(ends, 0, 0);
    child = check_fork();
    if (child == 0) {
        CHECK_OK(mproc_pipe_send(ends[1], "good bye", 8, 0, NULL));
        execlp("sleep", "sleep", "100", (char *)NULL);
        _exit(127);
    }
    mproc_pipe_close(ends[1]);
    check_next(ends[0], "good bye", MPROC_FOREVER);
    check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
    CHECK_INT(0, waitpid(child, NULL, WNOHANG)); /* it lives */
    mproc_pipe_close(ends[0]);
    check_kill(child);
}

/* An end is over when the last of its holders is gone, not before. */
static void last_holder(void) {
    mproc_pipe_t *ends[2];
    check_gate_t *gate = check_gate();
    pid_t child;

    make(ends, 0, 0);
    child = check_fork();
    if (child == 0) { /* holds both ends, and has not used them */
        check_gate_wait(gate);
        mproc_pipe_close(ends[1]);
        check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
        check_leave();
    }
    mproc_pipe_close(ends[1]);
    check_none(MPROC_ETIMEDOUT, ends[0], LONGER_THAN_NOTICING);
    CHECK_INT(MPROC_PEER_OPEN, info_of(ends[0]).peer);
    CHECK_OK(mproc_pipe_send(ends[0], "to the child", 12, 0, NULL));
    check_gate_open(gate);
    check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
    CHECK_CHILD(child);
    mproc_pipe_close(ends[0]);
    check_gate_free(gate);
}

/* Each end in a process of its own: questions and answers, and at last the end. */
static void ping_pong(uint32_t flags) {
    const uint32_t rounds = place_is_memory(where) ? 3000 : 300;
    mproc_pipe_t *ends[2], *own;
    check_gate_t *gate = check_gate();
    uint32_t number, answer = 0;
    size_t len = 0;
    int bad = 0, status;
    pid_t child;

    make(ends, flags, 4096);
    child = check_fork();
    if (child == 0) {
        own = inherit(ends, 1);
        mproc_pipe_close(ends[0]);
        check_gate_open(gate);
        while ((status = mproc_pipe_recv(own, &number, sizeof number, &len, MPROC_FOREVER, NULL)) == MPROC_OK) {
            number = number * 2 + 1;
            bad |= mproc_pipe_send(own, &number, sizeof number, MPROC_FOREVER, NULL);
        }
        CHECK_IS(MPROC_EOF, status);
        CHECK_INT(0, bad);
        mproc_pipe_close(own);
        check_leave();
    }
    check_gate_wait(gate);
    check_gate_free(gate);
    mproc_pipe_close(ends[1]);
    for (number = 0; number < rounds && bad == 0; number++) {
        bad |= mproc_pipe_send(ends[0], &number, sizeof number, MPROC_FOREVER, NULL);
        bad |= mproc_pipe_recv(ends[0], &answer, sizeof answer, &len, MPROC_FOREVER, NULL);
        bad |= answer != number * 2 + 1;
    }
    CHECK_INT(0, bad);
    mproc_pipe_close(ends[0]);
    CHECK_CHILD(child);
}

/* Several processes at each end, over one small ring: each message arrives once, each sender's in order. */
static void many_processes(void) {
    enum { SENDERS = 3, RECEIVERS = 2, EACH = 5000 };
    mproc_pipe_t *ends[2];
    size_t bytes = SENDERS * EACH, i, missing = 0;
    unsigned char *seen = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t senders[SENDERS], receivers[RECEIVERS];
    int s, r;

    make(ends, 0, 4096);
    for (r = 0; r < RECEIVERS; r++) {
        receivers[r] = check_fork();
        if (receivers[r] == 0) {
            uint32_t message[2], next[SENDERS] = {0};
            size_t len = 0;
            int status, disorder = 0;
            mproc_pipe_close(ends[1]);
            for (;;) {
                status = mproc_pipe_recv(ends[0], message, sizeof message, &len, MPROC_FOREVER, NULL);
                if (status != MPROC_OK) {
                    break;
                }
                disorder += len != sizeof message || message[0] >= SENDERS || message[1] >= EACH;
                if (disorder != 0) {
                    break;
                }
                disorder += message[1] < next[message[0]];
                next[message[0]] = message[1] + 1;
                __atomic_fetch_add(&seen[message[0] * EACH + message[1]], 1, __ATOMIC_RELAXED);
            }
            CHECK_IS(MPROC_EOF, status); /* the last sender is gone */
            CHECK_INT(0, disorder);
            check_leave();
        }
    }
    for (s = 0; s < SENDERS; s++) {
        senders[s] = check_fork();
        if (senders[s] == 0) {
            uint32_t message[2];
            int bad = 0;
            mproc_pipe_close(ends[0]);
            message[0] = (uint32_t)s;
            for (message[1] = 0; message[1] < EACH && bad == 0; message[1]++) {
                bad |= mproc_pipe_send(ends[1], message, sizeof message, MPROC_FOREVER, NULL);
            }
            CHECK_INT(0, bad);
            check_leave();
        }
    }
    close_both(ends);
    for (s = 0; s < SENDERS; s++) {
        CHECK_CHILD(senders[s]);
    }
    for (r = 0; r < RECEIVERS; r++) {
        CHECK_CHILD(receivers[r]);
    }
    for (i = 0; i < bytes; i++) {
        missing += seen[i] != 1;
    }
    CHECK_INT(0, missing);
    munmap(seen, bytes);
}

/* ---- waiting ---- */

enum { WAIT_SEND, WAIT_RESERVE, WAIT_RECV, WAIT_PEEK, WAIT_POLL, WAITS };

typedef struct {
    mproc_pipe_t *pipe; /* its way out is full, its way in empty */
    mproc_cancel_t *cancel;
    int which;
} stage_t;

static int wait_for(const stage_t *s, int64_t timeout_ns) {
    mproc_view_t view;
    char buf[8];
    size_t len;
    switch (s->which) {
    case WAIT_SEND: return mproc_pipe_send(s->pipe, NULL, 0, timeout_ns, s->cancel);
    case WAIT_RESERVE: return mproc_pipe_reserve(s->pipe, 0, &view, timeout_ns, s->cancel);
    case WAIT_RECV: return mproc_pipe_recv(s->pipe, buf, sizeof buf, &len, timeout_ns, s->cancel);
    case WAIT_PEEK: return mproc_pipe_peek(s->pipe, &view, timeout_ns, s->cancel);
    default: return mproc_pipe_poll(s->pipe, timeout_ns, s->cancel);
    }
}

static int only_memory_waits(const stage_t *s) {
    return !place_is_memory(where) && (s->which == WAIT_RESERVE || s->which == WAIT_PEEK);
}

static void *canceled(void *argument) {
    CHECK_IS(MPROC_ECANCELED, wait_for(argument, MPROC_FOREVER));
    return NULL;
}

static void timeouts_and_cancel(void) {
    mproc_pipe_t *ends[2];
    stage_t s;
    char buf[8];
    size_t len = 0;

    make(ends, 0, 4096);
    fill(ends[0]);
    s.pipe = ends[0];
    NEED_OK(mproc_cancel_create(&s.cancel));
    for (s.which = 0; s.which < WAITS; s.which++) {
        pthread_t threads[2];
        int t;
        if (only_memory_waits(&s)) {
            continue;
        }
        CHECK_IS(MPROC_ETIMEDOUT, wait_for(&s, 0));
        CHECK_IS(MPROC_ETIMEDOUT, wait_for(&s, MOMENT));
        for (t = 0; t < 2; t++) {
            CHECK_INT(0, pthread_create(&threads[t], NULL, canceled, &s));
        }
        check_sleep_ms(5); /* most likely asleep by now; right in any case */
        CHECK_OK(mproc_cancel_set(s.cancel));
        for (t = 0; t < 2; t++) {
            CHECK_INT(0, pthread_join(threads[t], NULL));
        }
        CHECK_IS(MPROC_ECANCELED, wait_for(&s, MPROC_FOREVER));
        CHECK_OK(mproc_cancel_clear(s.cancel));
    }
    /* What can finish without waiting still does. */
    CHECK_OK(mproc_cancel_set(s.cancel));
    CHECK_OK(mproc_pipe_recv(ends[1], buf, sizeof buf, &len, MPROC_FOREVER, s.cancel));
    CHECK_OK(mproc_pipe_send(ends[0], NULL, 0, MPROC_FOREVER, s.cancel));
    CHECK_OK(mproc_pipe_send(ends[1], "x", 1, MPROC_FOREVER, s.cancel));
    CHECK_OK(mproc_pipe_poll(ends[0], MPROC_FOREVER, s.cancel));
    CHECK_OK(mproc_pipe_recv(ends[0], buf, sizeof buf, &len, MPROC_FOREVER, s.cancel));
    mproc_cancel_close(s.cancel);
    close_both(ends);
}

/* Whoever waits is woken by what it waits for. */
static void waking(uint32_t flags) {
    stage_t s;
    s.cancel = NULL;
    for (s.which = 0; s.which < WAITS; s.which++) {
        mproc_pipe_t *ends[2];
        char buf[8];
        size_t len = 0;
        pid_t child;

        if (only_memory_waits(&s)) {
            continue;
        }
        make(ends, flags, 4096);
        fill(ends[0]);
        child = check_fork();
        if (child == 0) {
            s.pipe = inherit(ends, 0);
            CHECK_OK(wait_for(&s, MPROC_FOREVER));
            check_leave();
        }
        check_sleep_ms(20); /* most likely asleep by now; right in any case */
        if (s.which == WAIT_SEND || s.which == WAIT_RESERVE) {
            CHECK_OK(mproc_pipe_recv(ends[1], buf, sizeof buf, &len, 0, NULL));
        } else {
            CHECK_OK(mproc_pipe_send(ends[1], "wake up", 7, 0, NULL));
        }
        CHECK_CHILD(child);
        close_both(ends);
    }
}

/* ---- names ---- */

static void named(void) {
    mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT, other;
    mproc_pipe_t *ends[2] = {NULL, NULL}, *none = NULL;
    mproc_queue_t *queue = NULL;

    options.capacity_bytes = 5000; /* rounded up to a power of two */
    options.flags = MPROC_PIPE_ONEWAY;
    NEED_OK(mproc_pipe_create(place_domain(where), "pipe", &options, &ends[0], &ends[1]));
    CHECK_INT(8192, info_of(ends[0]).capacity_bytes);
    CHECK_IS(MPROC_EEXIST, mproc_pipe_create(place_domain(where), "pipe", &options, &none, NULL));
    CHECK_IS(MPROC_ENOENT, mproc_pipe_open(place_domain(where), "no-pipe", NULL, 0, &none));
    CHECK_IS(MPROC_EINVAL, mproc_pipe_open(place_domain(where), "pipe", NULL, 2, &none));
    CHECK_IS(MPROC_EINVAL, mproc_pipe_open(place_domain(where), "pipe", NULL, -1, &none));
    CHECK_IS(MPROC_EKIND, mproc_queue_open(place_domain(where), "pipe", NULL, &queue));
    NEED_OK(mproc_queue_create(place_domain(where), "queue", NULL, &queue));
    CHECK_IS(MPROC_EKIND, mproc_pipe_open(place_domain(where), "queue", NULL, 0, &none));
    other = options;
    other.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_EKIND, mproc_pipe_create(place_domain(where), "queue", &other, &none, NULL));
    mproc_queue_close(queue);
    place_forget(where, "queue");

    /* What is given must match; what is not given is taken as it is. */
    other = options;
    other.capacity_bytes = 1 << 20;
    CHECK_IS(MPROC_ETYPE, mproc_pipe_open(place_domain(where), "pipe", &other, 0, &none));
    other.flags |= MPROC_EXIST_OK;
    CHECK_IS(MPROC_ETYPE, mproc_pipe_create(place_domain(where), "pipe", &other, &none, NULL));
    other = options;
    other.flags = MPROC_PIPE_EXCLUSIVE;
    CHECK_IS(MPROC_ETYPE, mproc_pipe_open(place_domain(where), "pipe", &other, 0, &none));
    CHECK(none == NULL);
    other.flags = 0;
    other.capacity_bytes = 0;
    CHECK_OK(mproc_pipe_open(place_domain(where), "pipe", &other, 1, &none));
    CHECK_INT(1, info_of(none).end);
    CHECK_INT(MPROC_PIPE_ONEWAY, info_of(none).flags);
    CHECK_OK(mproc_pipe_send(none, "by name", 7, 0, NULL));
    check_next(ends[0], "by name", 0);
    mproc_pipe_close(none);
    none = NULL;
    other = options;
    other.flags |= MPROC_EXIST_OK;
    CHECK_IS(MPROC_EXISTED, mproc_pipe_create(place_domain(where), "pipe", &other, NULL, &none));
    CHECK_INT(1, info_of(none).end);
    mproc_pipe_close(none);
    close_both(ends);
    none = NULL;
    place_forget(where, "pipe");
    CHECK_IS(MPROC_ENOENT, mproc_pipe_open(place_domain(where), "pipe", NULL, 0, &none)); /* gone with its last user */

    other.flags = 0;
    other.capacity_bytes = UINT64_MAX;
    CHECK_IS(MPROC_EINVAL, mproc_pipe_create(place_domain(where), "absurd", &other, &none, NULL));
    other.capacity_bytes = ((uint64_t)8 << 30) + 1;
    CHECK_IS(MPROC_EINVAL, mproc_pipe_create(place_domain(where), "absurd", &other, &none, NULL));
    CHECK(none == NULL);
}

/* An end that nobody has opened yet is awaited; one that is shared lasts as long as its last holder; one that is
 * gone may come back. */
static void awaited_shared_gone_and_back(void) {
    mproc_pipe_t *zero = NULL, *one = NULL, *same = NULL;

    NEED_OK(mproc_pipe_create(place_domain(where), "line", NULL, &zero, NULL));
    CHECK_INT(MPROC_PEER_AWAITED, info_of(zero).peer);
    check_none(MPROC_ETIMEDOUT, zero, 0);
    check_none(MPROC_ETIMEDOUT, zero, LONGER_THAN_NOTICING);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_pipe_poll(zero, 0, NULL));
    CHECK_OK(mproc_pipe_send(zero, "early", 5, 0, NULL));

    NEED_OK(mproc_pipe_open(place_domain(where), "line", NULL, 1, &one));
    NEED_OK(mproc_pipe_open(place_domain(where), "line", NULL, 1, &same));
    CHECK_INT(MPROC_PEER_OPEN, info_of(zero).peer);
    CHECK_INT(MPROC_PEER_OPEN, info_of(one).peer);
    check_next(one, "early", 0);
    CHECK_OK(mproc_pipe_send(one, "a", 1, 0, NULL));
    CHECK_OK(mproc_pipe_send(same, "b", 1, 0, NULL));
    check_next(zero, "a", 0);
    check_next(zero, "b", 0);
    CHECK_OK(mproc_pipe_send(zero, "c", 1, 0, NULL)); /* one of them gets it */
    check_next(same, "c", 0);
    check_none(MPROC_ETIMEDOUT, one, 0);

    mproc_pipe_close(one);
    CHECK_INT(MPROC_PEER_OPEN, info_of(zero).peer);
    check_none(MPROC_ETIMEDOUT, zero, LONGER_THAN_NOTICING);
    CHECK_OK(mproc_pipe_send(zero, "d", 1, 0, NULL));
    check_next(same, "d", 0);
    mproc_pipe_close(same);
    check_none(MPROC_EOF, zero, MPROC_FOREVER);
    CHECK_INT(MPROC_PEER_GONE, info_of(zero).peer);
    CHECK_IS(MPROC_EPIPE, mproc_pipe_send(zero, "x", 1, 0, NULL));

    NEED_OK(mproc_pipe_open(place_domain(where), "line", NULL, 1, &one));
    CHECK_INT(MPROC_PEER_OPEN, info_of(zero).peer);
    check_none(MPROC_ETIMEDOUT, zero, LONGER_THAN_NOTICING);
    CHECK_OK(mproc_pipe_send(zero, "back", 4, 0, NULL));
    check_next(one, "back", 0);
    CHECK_OK(mproc_pipe_send(one, "again", 5, 0, NULL));
    check_next(zero, "again", 0);
    mproc_pipe_close(zero); /* the side that made it may go as well */
    check_none(MPROC_EOF, one, MPROC_FOREVER);
    NEED_OK(mproc_pipe_open(place_domain(where), "line", NULL, 0, &zero));
    CHECK_OK(mproc_pipe_send(one, "new zero", 8, 0, NULL));
    check_next(zero, "new zero", 0);
    mproc_pipe_close(one);
    mproc_pipe_close(zero);
    place_forget(where, "line");
}

/* A pipe that stays without anybody: both ends can come later, and what was on the way is still there. */
static void persistent(void) {
    mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
    mproc_pipe_t *end = NULL;

    options.flags = MPROC_PERSIST;
    NEED_OK(mproc_pipe_create(place_domain(where), "lasting", &options, NULL, &end));
    CHECK_INT(1, info_of(end).end);
    CHECK_OK(mproc_pipe_send(end, "letter", 6, 0, NULL));
    mproc_pipe_close(end);
    NEED_OK(mproc_pipe_open(place_domain(where), "lasting", NULL, 0, &end));
    CHECK_INT(MPROC_PEER_GONE, info_of(end).peer);
    check_next(end, "letter", 0);
    check_none(MPROC_EOF, end, MPROC_FOREVER);
    mproc_pipe_close(end);
    CHECK_OK(mproc_domain_unlink(place_domain(where), "lasting"));
}

/* Who has an end keeps it when the name goes, and another pipe can have the name. */
static void unlinked(void) {
    mproc_pipe_t *ends[2] = {NULL, NULL}, *others[2] = {NULL, NULL}, *none = NULL;
    NEED_OK(mproc_pipe_create(place_domain(where), "name", NULL, &ends[0], &ends[1]));
    CHECK_OK(mproc_domain_unlink(place_domain(where), "name"));
    CHECK_IS(MPROC_ENOENT, mproc_pipe_open(place_domain(where), "name", NULL, 0, &none));
    NEED_OK(mproc_pipe_create(place_domain(where), "name", NULL, &others[0], &others[1]));
    CHECK_OK(mproc_pipe_send(ends[0], "old", 3, 0, NULL));
    CHECK_OK(mproc_pipe_send(others[0], "new", 3, 0, NULL));
    check_next(others[1], "new", 0);
    check_next(ends[1], "old", 0);
    mproc_pipe_close(ends[1]);
    check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
    check_none(MPROC_ETIMEDOUT, others[0], 0);
    mproc_pipe_close(ends[0]);
    close_both(others);
    place_forget(where, "name");
}

/* Structs of any vintage: fields that are not given are 0, unknown ones must be, and outputs end where told. */
static void vintages(void) {
    struct {
        mproc_pipe_options_t known;
        uint64_t unknown[4];
    } future;
    struct {
        mproc_pipe_info_t known;
        unsigned char more[16];
    } info;
    mproc_pipe_options_t past = MPROC_PIPE_OPTIONS_INIT;
    mproc_pipe_t *ends[2] = {NULL, NULL};
    size_t i;

    memset(&future, 0, sizeof future);
    future.known.size = sizeof future;
    future.known.capacity_bytes = 4096;
    future.unknown[3] = 1;
    CHECK_IS(MPROC_EINVAL, mproc_pipe_create(place_domain(where), NULL, &future.known, &ends[0], &ends[1]));
    CHECK(ends[0] == NULL && ends[1] == NULL);
    future.unknown[3] = 0;
    NEED_OK(mproc_pipe_create(place_domain(where), NULL, &future.known, &ends[0], &ends[1]));
    memset(&info, 0xAA, sizeof info);
    CHECK_OK(mproc_pipe_info(ends[1], &info.known, sizeof info));
    CHECK_INT(4096, info.known.capacity_bytes);
    CHECK_INT(1, info.known.end);
    for (i = 0; i < sizeof info.more; i++) {
        CHECK_INT(0, info.more[i]);
    }
    memset(&info, 0xAA, sizeof info);
    CHECK_OK(mproc_pipe_info(ends[1], &info.known, offsetof(mproc_pipe_info_t, incoming)));
    CHECK_INT(4096, info.known.capacity_bytes);
    CHECK(info.known.incoming == 0xAAAAAAAAAAAAAAAAu);
    close_both(ends);

    past.size = offsetof(mproc_pipe_options_t, capacity_bytes);
    past.flags = MPROC_PIPE_ONEWAY;
    past.capacity_bytes = 1; /* behind its end: not looked at */
    NEED_OK(mproc_pipe_create(place_domain(where), NULL, &past, &ends[0], &ends[1]));
    CHECK_INT(1 << 20, info_of(ends[0]).capacity_bytes);
    CHECK_INT(MPROC_PIPE_ONEWAY, info_of(ends[0]).flags);
    close_both(ends);
}

/* ---- handles ---- */

static mproc_handle_t *export_end(const mproc_pipe_t *pipe) {
    mproc_handle_t *handle = NULL;
    NEED_OK(mproc_pipe_export(pipe, &handle));
    return handle;
}

static void handles(void) {
    mproc_pipe_t *ends[2], *other = NULL;
    mproc_queue_t *queue = NULL;
    mproc_handle_t *handle, *queue_handle = NULL;
    mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
    uint32_t kind = 0;
    int side;

    for (side = 0; side < 2; side++) {
        make(ends, 0, 4096);
        handle = export_end(ends[side]);
        CHECK_OK(mproc_handle_kind(handle, &kind));
        CHECK_INT(MPROC_KIND_PIPE, kind);
        CHECK_IS(MPROC_EKIND, mproc_queue_import(handle, NULL, &queue));
        options.flags = MPROC_PIPE_ONEWAY;
        options.capacity_bytes = 0;
        CHECK_IS(MPROC_ETYPE, mproc_pipe_import(handle, &options, &other));
        options.flags = 0;
        options.capacity_bytes = 1 << 20;
        CHECK_IS(MPROC_ETYPE, mproc_pipe_import(handle, &options, &other));
        options.flags = 1u << 31;
        CHECK_IS(MPROC_EINVAL, mproc_pipe_import(handle, &options, &other));
        CHECK(other == NULL);
        options.flags = MPROC_NO_SPIN;
        options.capacity_bytes = 4096;
        NEED_OK(mproc_pipe_import(handle, &options, &other));
        CHECK_INT(side, info_of(other).end);
        CHECK_OK(mproc_pipe_send(other, "same end", 8, 0, NULL));
        check_next(ends[1 - side], "same end", 0);
        CHECK_OK(mproc_pipe_send(ends[1 - side], "likewise", 8, 0, NULL));
        check_next(other, "likewise", 0);

        /* The end is open as long as any of the three exists: handle, import, the first one. */
        mproc_pipe_close(ends[side]);
        mproc_handle_close(handle);
        check_none(MPROC_ETIMEDOUT, ends[1 - side], LONGER_THAN_NOTICING);
        handle = export_end(other); /* from an import, too */
        mproc_pipe_close(other);
        other = NULL;
        check_none(MPROC_ETIMEDOUT, ends[1 - side], LONGER_THAN_NOTICING);
        CHECK_OK(mproc_pipe_send(ends[1 - side], "kept", 4, 0, NULL));
        NEED_OK(mproc_pipe_import(handle, NULL, &other));
        check_next(other, "kept", 0);
        mproc_pipe_close(other);
        other = NULL;
        mproc_handle_close(handle);
        check_none(MPROC_EOF, ends[1 - side], MPROC_FOREVER);
        CHECK_IS(MPROC_EPIPE, mproc_pipe_send(ends[1 - side], "x", 1, 0, NULL));
        mproc_pipe_close(ends[1 - side]);
    }
    NEED_OK(mproc_queue_create(place_domain(where), NULL, NULL, &queue));
    NEED_OK(mproc_queue_export(queue, &queue_handle));
    CHECK_IS(MPROC_EKIND, mproc_pipe_import(queue_handle, NULL, &other));
    CHECK(other == NULL);
    mproc_handle_close(queue_handle);
    mproc_queue_close(queue);
}

/* On its way through a socket an end is open; lost on its way, it is gone. */
static void through_a_socket(void) {
    int lost;
    for (lost = 0; lost < 2; lost++) {
        mproc_pipe_t *ends[2], *arrived = NULL;
        mproc_handle_t *handle;
        int pair[2];

        make(ends, 0, 0);
        handle = export_end(ends[1]);
        CHECK_INT(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
        CHECK_OK(mproc_send_handle(pair[0], handle, MPROC_FOREVER, NULL));
        mproc_handle_close(handle);
        handle = NULL;
        mproc_pipe_close(ends[1]);
        check_none(MPROC_ETIMEDOUT, ends[0], LONGER_THAN_NOTICING);
        CHECK_OK(mproc_pipe_send(ends[0], "after you", 9, 0, NULL));
        if (!lost) {
            NEED_OK(mproc_recv_handle(pair[1], &handle, MPROC_FOREVER, NULL));
            NEED_OK(mproc_pipe_import(handle, NULL, &arrived));
            mproc_handle_close(handle);
            CHECK_INT(1, info_of(arrived).end);
            check_next(arrived, "after you", 0);
            CHECK_OK(mproc_pipe_send(arrived, "thanks", 6, 0, NULL));
            mproc_pipe_close(arrived);
            check_next(ends[0], "thanks", 0);
        }
        close(pair[0]);
        close(pair[1]);
        check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
        CHECK_IS(MPROC_EPIPE, mproc_pipe_send(ends[0], "x", 1, 0, NULL));
        mproc_pipe_close(ends[0]);
    }
}

/* What this program does when it is started with an end of a pipe: it answers until the other side is gone. */
int api_pipe_child(void) {
    mproc_handle_t *handle = NULL;
    mproc_pipe_t *pipe = NULL;
    char buf[64];
    size_t len = 0;
    int status;

    alarm(CHECK_SECONDS);
    if (mproc_inherited("pipe", &handle) != MPROC_OK || mproc_pipe_import(handle, NULL, &pipe) != MPROC_OK) {
        return 1;
    }
    mproc_handle_close(handle);
    while ((status = mproc_pipe_recv(pipe, buf, sizeof buf, &len, MPROC_FOREVER, NULL)) == MPROC_OK) {
        if (len == 4 && memcmp(buf, "exit", 4) == 0) {
            _exit(7); /* without a close: the end of the process is enough */
        }
        if (mproc_pipe_send(pipe, buf, len, MPROC_FOREVER, NULL) != MPROC_OK) {
            return 2;
        }
    }
    mproc_pipe_close(pipe);
    return status == MPROC_EOF ? 0 : 3;
}

static void another_program(void) {
    char self[512] = "";
    const char *argv[] = {self, "--pipe-child", NULL};
    int by_exit;

    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0); /* not the link itself: an emulator's would differ */
    for (by_exit = 0; by_exit < 2; by_exit++) {
        mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
        mproc_domain_t *domain = NULL;
        mproc_pipe_t *ends[2] = {NULL, NULL};
        mproc_named_handle_t given = {"pipe", NULL};
        mproc_handle_t *handle;
        mproc_process_t *process = NULL;
        int code = -2;

        options.flags = MPROC_DOMAIN_ANONYMOUS;
        NEED_OK(mproc_domain_open(&options, &domain));
        NEED_OK(mproc_pipe_create(domain, NULL, NULL, &ends[0], &ends[1]));
        mproc_domain_close(domain);
        given.handle = handle = export_end(ends[1]);
        NEED_OK(mproc_spawn(argv, &given, 1, NULL, &process));
        mproc_handle_close(handle);
        mproc_pipe_close(ends[1]);
        CHECK_OK(mproc_pipe_send(ends[0], "echo", 4, 0, NULL));
        check_next(ends[0], "echo", MPROC_FOREVER);
        if (by_exit) {
            CHECK_OK(mproc_pipe_send(ends[0], "exit", 4, 0, NULL));
            check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
            CHECK_IS(MPROC_EPIPE, mproc_pipe_send(ends[0], "x", 1, MPROC_FOREVER, NULL));
        }
        mproc_pipe_close(ends[0]);
        CHECK_OK(mproc_process_wait(process, &code, NULL, MPROC_FOREVER, NULL));
        CHECK_INT(by_exit ? 7 : 0, code);
        mproc_process_close(process);
    }
}

/* In place and by descriptor it works in memory only, and says so elsewhere. */
static void only_in_memory(void) {
    mproc_pipe_t *ends[2];
    mproc_handle_t *handle = NULL;
    mproc_view_t view;
    int fd = -1;

    make(ends, MPROC_POLLABLE, 4096);
    CHECK_IS(MPROC_ENOTSUP, mproc_pipe_reserve(ends[0], 8, &view, 0, NULL));
    CHECK_IS(MPROC_ENOTSUP, mproc_pipe_commit(ends[0], 1, 8));
    CHECK_IS(MPROC_ENOTSUP, mproc_pipe_abort(ends[0], 1));
    CHECK_IS(MPROC_ENOTSUP, mproc_pipe_peek(ends[0], &view, 0, NULL));
    CHECK_IS(MPROC_ENOTSUP, mproc_pipe_release(ends[0], 1));
    CHECK_IS(MPROC_ENOTSUP, mproc_pipe_putback(ends[0], 1));
    CHECK_IS(MPROC_ENOTSUP, mproc_pipe_readable_fd(ends[0], &fd));
    CHECK_IS(MPROC_ENOTSUP, mproc_pipe_writable_fd(ends[0], &fd));
    CHECK_IS(MPROC_ENOTSUP, mproc_pipe_export(ends[0], &handle));
    CHECK(handle == NULL && fd == -1);
    close_both(ends);
}

/* One end behind a connection, the other in memory: the same pipe, and each is told when the other goes. */
static void near_and_far(void) {
    mproc_pipe_t *ends[2], *near_end = NULL, *far_end = NULL;
    char name[64];
    int side, remote = 7;

    for (side = 0; side < 2; side++) {
        make(ends, 0, 4096);
        CHECK_OK(mproc_object_is_remote(MPROC_KIND_PIPE, ends[0], &remote));
        CHECK_INT(!place_is_memory(where), remote);
        NEED_OK(mproc_object_name(MPROC_KIND_PIPE, ends[0], name, sizeof name, NULL));
        NEED_OK(mproc_pipe_open(place_domain(PLACE_NEAR), name, NULL, side, &near_end));
        NEED_OK(mproc_pipe_open(place_domain(PLACE_FAR), name, NULL, 1 - side, &far_end));
        close_both(ends);
        CHECK_OK(mproc_pipe_send(near_end, "from memory", 11, 0, NULL));
        check_next(far_end, "from memory", 0);
        CHECK_OK(mproc_pipe_send(far_end, "from afar", 9, 0, NULL));
        check_next(near_end, "from afar", 0);
        AWAIT(info_of(near_end).peer == MPROC_PEER_OPEN && info_of(far_end).peer == MPROC_PEER_OPEN);
        if (side == 0) {
            mproc_pipe_close(near_end);
            check_none(MPROC_EOF, far_end, MPROC_FOREVER);
            mproc_pipe_close(far_end);
        } else {
            mproc_pipe_close(far_end);
            check_none(MPROC_EOF, near_end, MPROC_FOREVER);
            mproc_pipe_close(near_end);
        }
    }
}

/* A forked child has an end behind a connection from its first use on, until it closes it or is dead. */
static void shared_by_a_child(void) {
    int killed;
    for (killed = 0; killed < 2; killed++) {
        mproc_pipe_t *ends[2];
        check_gate_t *used = check_gate(), *end = check_gate();
        pid_t child;

        make(ends, 0, 0);
        child = check_fork();
        if (child == 0) {
            CHECK_OK(mproc_pipe_send(ends[1], "used", 4, 0, NULL));
            check_gate_open(used);
            check_gate_wait(end);
            check_next(ends[1], "to the child", 0);
            CHECK_OK(mproc_pipe_send(ends[1], "good bye", 8, 0, NULL));
            if (killed) {
                fflush(NULL);
                raise(SIGKILL);
            }
            mproc_pipe_close(ends[1]);
            check_leave();
        }
        check_gate_wait(used);
        mproc_pipe_close(ends[1]);
        check_next(ends[0], "used", 0);
        check_none(MPROC_ETIMEDOUT, ends[0], LONGER_THAN_NOTICING);
        CHECK_INT(MPROC_PEER_OPEN, info_of(ends[0]).peer);
        CHECK_OK(mproc_pipe_send(ends[0], "to the child", 12, 0, NULL));
        check_gate_open(end);
        check_next(ends[0], "good bye", MPROC_FOREVER);
        check_none(MPROC_EOF, ends[0], MPROC_FOREVER);
        if (killed) {
            check_kill(child);
        } else {
            CHECK_CHILD(child);
        }
        mproc_pipe_close(ends[0]);
        check_gate_free(used);
        check_gate_free(end);
    }
}

/* What does not need ends that are inherited, travel, or are used in place. */
static void everywhere(void) {
    both_ways();
    small_buffers();
    bounded();
    around_the_ring(0);
    around_the_ring(MPROC_PIPE_EXCLUSIVE);
    one_way();
    other_end_closed();
    other_end_killed();
    what_the_dead_had_sent();
    ping_pong(0);
    ping_pong(MPROC_PIPE_EXCLUSIVE);
    timeouts_and_cancel();
    waking(0);
    waking(MPROC_PIPE_EXCLUSIVE);
    named();
    awaited_shared_gone_and_back();
    persistent();
    unlinked();
    vintages();
}

static void in_memory(void) {
    behind_a_dead_reservation();
    exec_ends_it();
    last_holder();
    many_processes();
    handles();
    through_a_socket();
}

void api_pipe(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        everywhere();
        if (place_is_memory(where)) {
            in_memory();
        } else {
            only_in_memory();
            shared_by_a_child();
        }
        if (where != PLACE_DOMAIN) {
            near_and_far();
        }
    }
    another_program();
}
