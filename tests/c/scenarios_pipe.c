/*
 * Stories about the ends of things: pipes whose other end is closed, killed, inherited, stopped or on its way, and
 * queues whose producers come and go; and about messages that are held when their holder stops, forks or dies.
 */
#include "scenarios.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* Longer than a death may take to be noticed: whoever still counts as alive then is not dead by mistake. */
#define NOTICE (350 * MS)

enum { SMALL = 4096 };

static void make_pipe(const char *name, uint32_t flags, mproc_pipe_t **end0, mproc_pipe_t **end1)
{
    mproc_pipe_options_t o = MPROC_PIPE_OPTIONS_INIT;
    o.flags = flags;
    o.capacity_bytes = SMALL;
    OK(mproc_pipe_create(NULL, name, &o, end0, end1));
}

static mproc_pipe_t *old_end(const char *name, int end)
{
    mproc_pipe_t *pipe = NULL;
    OK(mproc_pipe_open(NULL, name, NULL, end, &pipe));
    return pipe;
}

static uint32_t peer_of(const mproc_pipe_t *pipe)
{
    mproc_pipe_info_t info = { 0 };
    OK(mproc_pipe_info(pipe, &info, sizeof info));
    return info.peer;
}

static void say(const mproc_pipe_t *pipe, const char *words)
{
    OK(mproc_pipe_send(pipe, words, strlen(words), 20 * SEC, NULL));
}

static void hear_at(int line, const mproc_pipe_t *pipe, const char *words)
{
    char buf[64];
    size_t len = 0;
    int status = mproc_pipe_recv(pipe, buf, sizeof buf, &len, 20 * SEC, NULL);
    if (status != MPROC_OK || len != strlen(words) || memcmp(buf, words, len)) {
        fail_at(__FILE__, line, "\"%.*s\" came (%s) instead of \"%s\"", (int)len, buf, status_text(status), words);
    }
}

#define HEAR(pipe, words) hear_at(__LINE__, (pipe), (words))

/* Nothing comes, but somebody may still send: no end in sight, however long one looks. */
#define STILL_OPEN(pipe)                                                                                   \
    do {                                                                                                   \
        char buf_[8];                                                                                      \
        size_t len_;                                                                                       \
        EXPECT(mproc_pipe_recv((pipe), buf_, sizeof buf_, &len_, NOTICE, NULL), MPROC_ETIMEDOUT);          \
        EXPECT(mproc_pipe_poll((pipe), 0, NULL), MPROC_ETIMEDOUT);                                         \
        CHECK(peer_of(pipe) == MPROC_PEER_OPEN);                                                           \
    } while (0)

/* The end is noticed in the first call that waits, and from then on every call says so. */
#define OVER(pipe)                                                                                         \
    do {                                                                                                   \
        char buf_[8];                                                                                      \
        size_t len_;                                                                                       \
        mproc_view_t view_;                                                                                \
        EXPECT(mproc_pipe_recv((pipe), buf_, sizeof buf_, &len_, 20 * SEC, NULL), MPROC_EOF);              \
        EXPECT(mproc_pipe_recv((pipe), buf_, sizeof buf_, &len_, MPROC_FOREVER, NULL), MPROC_EOF);         \
        EXPECT(mproc_pipe_peek((pipe), &view_, 20 * SEC, NULL), MPROC_EOF);                                \
        EXPECT(mproc_pipe_poll((pipe), 20 * SEC, NULL), MPROC_EOF);                                        \
        BROKEN(pipe);                                                                                      \
    } while (0)

#define BROKEN(pipe)                                                                                       \
    do {                                                                                                   \
        mproc_view_t room_;                                                                                \
        EXPECT(mproc_pipe_send((pipe), "x", 1, 20 * SEC, NULL), MPROC_EPIPE);                              \
        EXPECT(mproc_pipe_send((pipe), "x", 1, MPROC_FOREVER, NULL), MPROC_EPIPE);                         \
        EXPECT(mproc_pipe_reserve((pipe), 1, &room_, 20 * SEC, NULL), MPROC_EPIPE);                        \
        CHECK(peer_of(pipe) == MPROC_PEER_GONE);                                                           \
    } while (0)

/* Sends until not even an empty message goes in any more. */
static void fill(const mproc_pipe_t *pipe)
{
    char bytes[200] = { 0 };
    for (size_t len = sizeof bytes;; len = 0) {
        int status;
        while ((status = mproc_pipe_send(pipe, bytes, len, 0, NULL)) == MPROC_OK) {
        }
        EXPECT(status, MPROC_ETIMEDOUT);
        if (len == 0) {
            break;
        }
    }
}

/* What `fill` put in, and nothing else, up to the end. */
static void empty(const mproc_pipe_t *pipe)
{
    char bytes[200];
    size_t len = 0;
    int status;
    while ((status = mproc_pipe_recv(pipe, bytes, sizeof bytes, &len, 20 * SEC, NULL)) == MPROC_OK) {
        CHECK(len == sizeof bytes || len == 0);
    }
    EXPECT(status, MPROC_EOF);
}

static void wait_for_ever(void)
{
    for (;;) {
        pause();
    }
}

static void await_death(pid_t pid)
{
    for (int64_t end = proc_now() + 20 * SEC; proc_state(pid) != 'Z' && proc_state(pid) != '-';) {
        CHECK(proc_now() < end);
        proc_sleep_ns(1 * MS);
    }
}

/* ---- the other end is closed ---- */

static void peer_closes(void)
{
    static const uint32_t flags[] = { 0, MPROC_PIPE_EXCLUSIVE, MPROC_NO_SPIN };
    for (int named = 0; named < 2; named++) {
        for (int end = 0; end < 2; end++) {
            for (size_t f = 0; f < sizeof flags / sizeof flags[0]; f++) {
                mproc_pipe_t *ends[2];
                make_pipe(named ? "pipe" : NULL, flags[f], &ends[0], &ends[1]);
                mproc_pipe_t *mine = ends[end], *other = ends[1 - end];
                STILL_OPEN(mine);
                say(other, "last");
                say(other, "words");
                mproc_pipe_close(other);
                HEAR(mine, "last"); /* what was sent arrives, then the end is there */
                HEAR(mine, "words");
                OVER(mine);
                if (named) { /* somebody comes back: we go on */
                    other = old_end("pipe", 1 - end);
                    STILL_OPEN(mine);
                    say(mine, "again");
                    HEAR(other, "again");
                    mproc_pipe_close(other);
                    OVER(mine);
                }
                mproc_pipe_close(mine);
            }
        }
    }
}

/* Nobody has had the other end yet: that is no end, and what is sent waits for whoever comes. */
static void peer_awaited(void)
{
    mproc_pipe_t *mine = NULL;
    make_pipe("pipe", 0, &mine, NULL);
    char buf[8];
    size_t len;
    EXPECT(mproc_pipe_recv(mine, buf, sizeof buf, &len, NOTICE, NULL), MPROC_ETIMEDOUT);
    CHECK(peer_of(mine) == MPROC_PEER_AWAITED);
    say(mine, "hello");
    IN_CHILD({
        mproc_pipe_t *other = old_end("pipe", 1);
        HEAR(other, "hello");
        say(other, "bye");
        exit(0);
    });
    HEAR(mine, "bye");
    OVER(mine);
}

static void one_way(void)
{
    mproc_pipe_t *out, *in;
    char buf[8];
    size_t len;
    for (int first = 0; first < 2; first++) {
        make_pipe(NULL, MPROC_PIPE_ONEWAY, &in, &out);
        EXPECT(mproc_pipe_send(in, "x", 1, 0, NULL), MPROC_ENOTSUP);
        EXPECT(mproc_pipe_recv(out, buf, sizeof buf, &len, 0, NULL), MPROC_ENOTSUP);
        if (first) {
            mproc_pipe_close(in);
            BROKEN(out);
            mproc_pipe_close(out);
        } else {
            say(out, "one");
            mproc_pipe_close(out);
            HEAR(in, "one");
            EXPECT(mproc_pipe_recv(in, buf, sizeof buf, &len, 20 * SEC, NULL), MPROC_EOF);
            mproc_pipe_close(in);
        }
    }
}

/* Several handles on an end, in one process and in two: the last one counts. */
static void last_handle_counts(void)
{
    mproc_pipe_t *mine, *other;
    make_pipe("pipe", 0, &mine, &other);
    mproc_pipe_t *second = old_end("pipe", 1);
    pid_t pid = proc_fork();
    if (pid == 0) {
        mproc_pipe_t *third = old_end("pipe", 1);
        mproc_pipe_close(other);
        mproc_pipe_close(second);
        mproc_pipe_close(mine);
        atomic_store(&stage->step, 1);
        AWAIT(stage->step, 2);
        mproc_pipe_close(third);
        atomic_store(&stage->step, 3);
        wait_for_ever();
    }
    AWAIT(stage->step, 1);
    mproc_pipe_close(other);
    STILL_OPEN(mine);
    mproc_pipe_close(second);
    STILL_OPEN(mine);
    say(mine, "hello");
    atomic_store(&stage->step, 2);
    AWAIT(stage->step, 3);
    OVER(mine);
    CHECK(kill(pid, 0) == 0 && proc_state(pid) != 'Z');
}

/* ---- the other end is killed ---- */

/* A process with one end, which we do not have; it says hello first and then does what `then` says. */
static pid_t start_peer(const char *name, mproc_pipe_t **mine_out, void (*then)(mproc_pipe_t *))
{
    uint32_t before = atomic_load(&stage->step);
    mproc_pipe_t *other;
    make_pipe(name, 0, mine_out, &other);
    pid_t pid = proc_fork();
    if (pid == 0) {
        mproc_pipe_close(*mine_out);
        say(other, "hello");
        atomic_fetch_add(&stage->step, 1);
        then(other);
        wait_for_ever();
    }
    mproc_pipe_close(other);
    AWAIT(stage->step, before + 1);
    return pid;
}

static void does_nothing(mproc_pipe_t *pipe)
{
    (void)pipe;
}

/* Shortly after it was told to: by then the other side is most likely asleep in a call. */
static void dies_soon(mproc_pipe_t *pipe)
{
    (void)pipe;
    AWAIT(stage->flag[0], 1);
    proc_sleep_ns(150 * MS);
    kill(getpid(), SIGKILL);
}

static void fills(mproc_pipe_t *pipe)
{
    fill(pipe);
}

static void answers(mproc_pipe_t *pipe)
{
    for (;;) {
        HEAR(pipe, "are you there?");
        say(pipe, "yes");
    }
}

static void peer_killed(void)
{
    for (int named = 0; named < 2; named++) {
        mproc_pipe_t *mine;
        pid_t pid = start_peer(named ? "pipe" : NULL, &mine, does_nothing);
        HEAR(mine, "hello");
        STILL_OPEN(mine);
        proc_kill(pid);
        OVER(mine);
        mproc_pipe_close(mine);

        /* While we wait for a message, and while we wait for room. */
        char buf[8];
        size_t len;
        atomic_store(&stage->flag[0], 0);
        pid = start_peer(named ? "pipe" : NULL, &mine, dies_soon);
        HEAR(mine, "hello");
        atomic_store(&stage->flag[0], 1);
        EXPECT(mproc_pipe_recv(mine, buf, sizeof buf, &len, MPROC_FOREVER, NULL), MPROC_EOF);
        OVER(mine);
        proc_kill(pid);
        mproc_pipe_close(mine);

        atomic_store(&stage->flag[0], 0);
        pid = start_peer(named ? "pipe" : NULL, &mine, dies_soon);
        fill(mine);
        atomic_store(&stage->flag[0], 1);
        EXPECT(mproc_pipe_send(mine, "one more", 8, MPROC_FOREVER, NULL), MPROC_EPIPE);
        HEAR(mine, "hello"); /* what it had sent is still there */
        OVER(mine);
        proc_kill(pid);
        mproc_pipe_close(mine);

        pid = start_peer(named ? "pipe" : NULL, &mine, fills);
        HEAR(mine, "hello");
        proc_kill(pid); /* in the middle of that, or afterwards */
        empty(mine);
        OVER(mine);
        mproc_pipe_close(mine);
    }
}

/* Its messages, finished and not: the finished ones arrive, and what it held or had reserved holds up nobody. */
static void killed_with_hands_full(mproc_pipe_t *pipe)
{
    mproc_view_t views[4], taken;
    for (int i = 0; i < 4; i++) {
        OK(mproc_pipe_reserve(pipe, 8, &views[i], SEC, NULL));
        memcpy(views[i].data, "number 0", 8);
        ((char *)views[i].data)[7] = (char)('0' + i);
    }
    OK(mproc_pipe_commit(pipe, views[3].id, 8));
    OK(mproc_pipe_commit(pipe, views[1].id, 8));
    OK(mproc_pipe_peek(pipe, &taken, 20 * SEC, NULL));
    CHECK(taken.len == 4 && !memcmp(taken.data, "work", 4));
    atomic_fetch_add(&stage->flag[0], 1);
    wait_for_ever();
}

static void peer_killed_with_hands_full(void)
{
    mproc_pipe_t *mine;
    pid_t pid = start_peer("pipe", &mine, killed_with_hands_full);
    say(mine, "work");
    say(mine, "more work");
    HEAR(mine, "hello");
    AWAIT(stage->flag[0], 1);
    STILL_OPEN(mine); /* number 1 is behind number 0, which is not finished */
    proc_kill(pid);
    HEAR(mine, "number 1");
    HEAR(mine, "number 3");
    OVER(mine);
    mproc_pipe_t *again = old_end("pipe", 1);
    mproc_view_t view;
    EXPECT(mproc_pipe_peek(again, &view, 20 * SEC, NULL), MPROC_RECOVERED);
    CHECK(view.len == 4 && !memcmp(view.data, "work", 4));
    OK(mproc_pipe_release(again, view.id));
    HEAR(again, "more work");
    say(again, "done");
    HEAR(mine, "done");
}

/* A process forks and leaves; its child never calls the library. The end is open until that one dies, too. */
static void silent_child_keeps_end(void)
{
    enum { EXITS, CLOSES, DIES, WAYS };
    for (int way = 0; way < WAYS; way++) {
        for (int named = 0; named < 2; named++) {
            mproc_pipe_t *mine, *other;
            make_pipe(named ? "pipe" : NULL, 0, &mine, &other);
            uint32_t before = atomic_load(&stage->step);
            pid_t parent = proc_fork();
            if (parent == 0) {
                mproc_pipe_close(mine);
                if (named) { /* its own handle, not the one inherited */
                    mproc_pipe_t *own = old_end("pipe", 1);
                    mproc_pipe_close(other);
                    other = own;
                }
                pid_t child = fork(); /* not proc_fork(): it outlives us */
                if (child == 0) {
                    wait_for_ever();
                }
                atomic_store(&stage->flag[0], (uint32_t)child);
                if (way == EXITS) {
                    exit(0); /* the whole way out, with destructors */
                }
                if (way == CLOSES) {
                    mproc_pipe_close(other);
                }
                atomic_fetch_add(&stage->step, 1);
                wait_for_ever();
            }
            mproc_pipe_close(other);
            if (way == EXITS) {
                JOIN(parent);
            } else {
                AWAIT(stage->step, before + 1);
            }
            if (way == DIES) {
                proc_kill(parent);
            }
            STILL_OPEN(mine);
            say(mine, "nobody reads this");
            STILL_OPEN(mine);
            pid_t child = (pid_t)atomic_load(&stage->flag[0]);
            kill(child, SIGKILL);
            await_death(child);
            OVER(mine);
            mproc_pipe_close(mine);
            if (way == CLOSES) {
                proc_kill(parent);
            }
        }
    }
}

static void exec_drops_end(void)
{
    for (int named = 0; named < 2; named++) {
        mproc_pipe_t *mine, *other;
        make_pipe(named ? "pipe" : NULL, 0, &mine, &other);
        uint32_t before = atomic_load(&stage->step);
        pid_t pid = proc_fork();
        if (pid == 0) {
            say(other, "farewell");
            atomic_fetch_add(&stage->step, 1);
            AWAIT(stage->step, before + 2);
            execlp("sleep", "sleep", "60", (char *)NULL);
            fail_at(__FILE__, __LINE__, "cannot execute sleep: %s", strerror(errno));
        }
        mproc_pipe_close(other);
        AWAIT(stage->step, before + 1);
        HEAR(mine, "farewell");
        STILL_OPEN(mine);
        atomic_fetch_add(&stage->step, 1);
        OVER(mine);
        CHECK(kill(pid, 0) == 0 && proc_state(pid) != 'Z');
        proc_kill(pid);
        mproc_pipe_close(mine);
    }
}

/* Slow is not dead. */
static void stopped_peer(void)
{
    mproc_pipe_t *mine;
    pid_t pid = start_peer("pipe", &mine, answers);
    HEAR(mine, "hello");
    say(mine, "are you there?");
    HEAR(mine, "yes");
    for (int i = 0; i < 3; i++) {
        proc_stop(pid);
        STILL_OPEN(mine);
        say(mine, "are you there?");
        STILL_OPEN(mine);
        kill(pid, SIGCONT);
        HEAR(mine, "yes");
    }
    proc_stop(pid);
    STILL_OPEN(mine);
    proc_kill(pid); /* killed while stopped is dead all the same */
    OVER(mine);
}

/* ---- ends that travel ---- */

static mproc_handle_t *handle_on_end(const mproc_pipe_t *pipe)
{
    mproc_handle_t *handle = NULL;
    OK(mproc_pipe_export(pipe, &handle));
    return handle;
}

/* An end may be in nobody's hands, but on its way: it is open as long as somebody can still receive it. */
static void end_in_flight(void)
{
    for (int received = 0; received < 2; received++) {
        for (int named = 0; named < 2; named++) {
            mproc_pipe_t *mine, *other;
            int pair[2];
            CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
            make_pipe(named ? "pipe" : NULL, 0, &mine, &other);
            IN_CHILD({ /* it sends the end and is gone */
                mproc_pipe_close(mine);
                say(other, "on my way");
                OK(mproc_send_handle(pair[0], handle_on_end(other), SEC, NULL));
            });
            mproc_pipe_close(other);
            close(pair[0]);
            HEAR(mine, "on my way");
            STILL_OPEN(mine);
            say(mine, "for whoever comes");
            if (received) {
                mproc_handle_t *handle = NULL;
                OK(mproc_recv_handle(pair[1], &handle, 20 * SEC, NULL));
                STILL_OPEN(mine);
                mproc_pipe_t *arrived = NULL;
                OK(mproc_pipe_import(handle, NULL, &arrived));
                mproc_handle_close(handle);
                HEAR(arrived, "for whoever comes");
                say(arrived, "here I am");
                HEAR(mine, "here I am");
                STILL_OPEN(mine);
                mproc_pipe_close(arrived);
            }
            close(pair[1]); /* with it goes what nobody has received */
            OVER(mine);
            mproc_pipe_close(mine);
        }
    }
}

/* A handle that is only kept, by us or by a child, keeps the end. */
static void kept_handle(void)
{
    mproc_pipe_t *mine, *other;
    make_pipe("pipe", 0, &mine, &other);
    mproc_handle_t *handle = handle_on_end(other);
    mproc_pipe_close(other);
    STILL_OPEN(mine);
    pid_t pid = proc_fork();
    if (pid == 0) {
        wait_for_ever();
    }
    mproc_handle_close(handle);
    STILL_OPEN(mine); /* the child has it, too */
    proc_kill(pid);
    OVER(mine);
}

static mproc_pipe_t *inherited_end(const char *name)
{
    mproc_pipe_t *pipe = NULL;
    mproc_handle_t *handle = NULL;
    OK(mproc_inherited(name, &handle));
    OK(mproc_pipe_import(handle, NULL, &pipe));
    mproc_handle_close(handle);
    return pipe;
}

/* The program that spawned_program_has_end() starts. */
static void echo(void)
{
    mproc_pipe_t *pipe = inherited_end("end");
    char buf[64];
    size_t len;
    int status;
    while ((status = mproc_pipe_recv(pipe, buf, sizeof buf, &len, MPROC_FOREVER, NULL)) == MPROC_OK) {
        OK(mproc_pipe_send(pipe, buf, len, SEC, NULL));
    }
    EXPECT(status, MPROC_EOF);
}

bool run_pipe_program(const char *name)
{
    if (strcmp(name, "echo") != 0) {
        return false;
    }
    echo();
    return true;
}

static mproc_process_t *spawn_echo(mproc_pipe_t *end)
{
    mproc_process_t *process = NULL;
    const char *argv[] = { "/proc/self/exe", "--program", "echo", NULL };
    mproc_handle_t *handle = handle_on_end(end);
    mproc_named_handle_t named[] = { { "end", handle } };
    OK(mproc_spawn(argv, named, 1, NULL, &process));
    mproc_handle_close(handle);
    return process;
}

static void spawned_program_has_end(void)
{
    for (int killed = 0; killed < 2; killed++) {
        for (int named = 0; named < 2; named++) {
            mproc_pipe_t *mine, *other;
            int code = -2, by = -2;
            make_pipe(named ? "pipe" : NULL, 0, &mine, &other);
            mproc_process_t *process = spawn_echo(other);
            mproc_pipe_close(other);
            say(mine, "one");
            say(mine, "two");
            HEAR(mine, "one");
            HEAR(mine, "two");
            STILL_OPEN(mine);
            if (killed) {
                OK(mproc_process_kill(process, SIGKILL));
                OVER(mine);
                mproc_pipe_close(mine);
            } else {
                mproc_pipe_close(mine); /* it sees the end and leaves */
            }
            OK(mproc_process_wait(process, &code, &by, 20 * SEC, NULL));
            CHECK(killed ? code == -1 && by == SIGKILL : code == 0 && by == 0);
            mproc_process_close(process);
        }
    }
}

/* ---- threads ---- */

struct waiter {
    mproc_pipe_t *pipe;
    bool sends;
    _Atomic int status;
};

static void *wait_at_end(void *arg)
{
    struct waiter *w = arg;
    char buf[8];
    size_t len;
    atomic_fetch_add(&stage->step, 1);
    w->status = w->sends ? mproc_pipe_send(w->pipe, "x", 1, MPROC_FOREVER, NULL)
                         : mproc_pipe_recv(w->pipe, buf, sizeof buf, &len, MPROC_FOREVER, NULL);
    return NULL;
}

/* One thread waits at one end, another closes the other end. */
static void closed_by_another_thread(void)
{
    for (int round = 0; round < 20; round++) {
        mproc_pipe_t *mine, *other;
        pthread_t thread;
        make_pipe(NULL, round / 2 % 2 ? MPROC_NO_SPIN : 0, &mine, &other);
        struct waiter w = { .pipe = mine, .sends = round % 2, .status = 1 };
        if (w.sends) {
            fill(mine);
        }
        CHECK(pthread_create(&thread, NULL, wait_at_end, &w) == 0);
        AWAIT(stage->step, (uint32_t)round + 1);
        proc_sleep_ns(round % 5 * 10 * MS);
        CHECK(w.status == 1);
        mproc_pipe_close(other);
        CHECK(pthread_join(thread, NULL) == 0);
        EXPECT(w.status, w.sends ? MPROC_EPIPE : MPROC_EOF);
        mproc_pipe_close(mine);
    }
}

/* ---- producers ---- */

static mproc_queue_t *producer_of(const mproc_queue_t *queue)
{
    mproc_queue_t *producer = NULL;
    OK(mproc_queue_producer(queue, &producer));
    return producer;
}

static uint32_t producers_of(const mproc_queue_t *queue)
{
    mproc_queue_info_t info = { 0 };
    OK(mproc_queue_info(queue, &info, sizeof info));
    return info.producers;
}

static void put_words(const mproc_queue_t *queue, const char *words)
{
    OK(mproc_queue_put(queue, words, strlen(words), SEC, NULL));
}

#define GETS(queue, words)                                                                                 \
    do {                                                                                                   \
        char buf_[64];                                                                                     \
        size_t len_ = 0;                                                                                   \
        OK(mproc_queue_get((queue), buf_, sizeof buf_, &len_, 20 * SEC, NULL));                            \
        CHECK(len_ == strlen(words) && !memcmp(buf_, words, len_));                                        \
    } while (0)

#define GETS_NOTHING(queue, timeout, wanted)                                                               \
    do {                                                                                                   \
        char buf_[64];                                                                                     \
        size_t len_;                                                                                       \
        EXPECT(mproc_queue_get((queue), buf_, sizeof buf_, &len_, (timeout), NULL), wanted);               \
    } while (0)

/* A process that is a producer, and says so by a message. */
static pid_t start_producer(const mproc_queue_t *queue)
{
    uint32_t before = atomic_load(&stage->step);
    pid_t pid = proc_fork();
    if (pid == 0) {
        put_words(producer_of(queue), "from a producer");
        atomic_fetch_add(&stage->step, 1);
        wait_for_ever();
    }
    AWAIT(stage->step, before + 1);
    return pid;
}

static void producers_killed(void)
{
    for (int named = 0; named < 2; named++) {
        mproc_queue_t *queue = new_queue(named ? "queue" : NULL, SMALL);
        atomic_store(&stage->flag[0], 0);
        CHECK(producers_of(queue) == MPROC_PRODUCERS_NONE);
        GETS_NOTHING(queue, NOTICE, MPROC_ETIMEDOUT); /* as long as nobody has been one, there is nothing to end */
        pid_t first = start_producer(queue), second = start_producer(queue), consumers[2];
        CHECK(producers_of(queue) == MPROC_PRODUCERS_OPEN);
        GETS(queue, "from a producer");
        GETS(queue, "from a producer");
        for (int i = 0; i < 2; i++) {
            consumers[i] = proc_fork();
            if (consumers[i] == 0) {
                mproc_view_t view;
                atomic_fetch_add(&stage->flag[0], 1);
                if (i == 0) {
                    GETS_NOTHING(queue, MPROC_FOREVER, MPROC_ECLOSED);
                } else {
                    EXPECT(mproc_queue_peek(queue, &view, MPROC_FOREVER, NULL), MPROC_ECLOSED);
                }
                _exit(0);
            }
        }
        AWAIT(stage->flag[0], 2);
        proc_kill(first);
        GETS_NOTHING(queue, NOTICE, MPROC_ETIMEDOUT); /* there is another one */
        CHECK(kill(consumers[0], 0) == 0 && proc_state(consumers[0]) != 'Z');
        proc_kill(second);
        JOIN(consumers[0]);
        JOIN(consumers[1]);
        GETS_NOTHING(queue, 20 * SEC, MPROC_ECLOSED);
        CHECK(producers_of(queue) == MPROC_PRODUCERS_GONE);

        pid_t third = start_producer(queue); /* somebody comes back: consumers go on */
        CHECK(producers_of(queue) == MPROC_PRODUCERS_OPEN);
        GETS(queue, "from a producer");
        GETS_NOTHING(queue, NOTICE, MPROC_ETIMEDOUT);
        mproc_queue_t *ours = producer_of(queue);
        put_words(ours, "the last one");
        proc_kill(third);
        mproc_queue_close(ours);
        GETS(queue, "the last one");
        GETS_NOTHING(queue, 20 * SEC, MPROC_ECLOSED);
        mproc_queue_close(queue);
    }
}

static void silent_child_is_producer(void)
{
    mproc_queue_t *queue = new_queue("queue", SMALL);
    pid_t parent = proc_fork();
    if (parent == 0) {
        put_words(producer_of(queue), "from a producer");
        pid_t child = fork(); /* not proc_fork(): it outlives us */
        if (child == 0) {
            wait_for_ever();
        }
        atomic_store(&stage->flag[0], (uint32_t)child);
        exit(0);
    }
    JOIN(parent);
    GETS(queue, "from a producer");
    GETS_NOTHING(queue, NOTICE, MPROC_ETIMEDOUT);
    CHECK(producers_of(queue) == MPROC_PRODUCERS_OPEN);
    pid_t child = (pid_t)atomic_load(&stage->flag[0]);
    kill(child, SIGKILL);
    await_death(child);
    GETS_NOTHING(queue, 20 * SEC, MPROC_ECLOSED);
    CHECK(producers_of(queue) == MPROC_PRODUCERS_GONE);
}

/* What a dead producer had reserved does not keep a consumer waiting, what it had committed comes first. */
static void producer_killed_while_writing(void)
{
    mproc_queue_t *queue = new_queue("queue", SMALL);
    pid_t pid = proc_fork();
    if (pid == 0) {
        mproc_queue_t *producer = producer_of(queue);
        mproc_view_t views[2];
        OK(mproc_queue_reserve(producer, 5, &views[0], SEC, NULL));
        OK(mproc_queue_reserve(producer, 5, &views[1], SEC, NULL));
        memcpy(views[0].data, "wrong", 5);
        memcpy(views[1].data, "right", 5);
        OK(mproc_queue_commit(producer, views[1].id, 5));
        atomic_store(&stage->step, 1);
        wait_for_ever();
    }
    AWAIT(stage->step, 1);
    GETS(queue, "right"); /* it does not have to wait for what was reserved before */
    GETS_NOTHING(queue, NOTICE, MPROC_ETIMEDOUT);
    mproc_queue_info_t info = { 0 };
    OK(mproc_queue_info(queue, &info, sizeof info));
    CHECK(info.reserved == 1 && info.items == 0);
    proc_kill(pid);
    GETS_NOTHING(queue, MPROC_FOREVER, MPROC_ECLOSED);
}

/* ---- messages that are held ---- */

/* A child that inherits a handle does not inherit what is open on it, and can spoil none of it. */
static void fork_while_holding_messages(void)
{
    mproc_queue_t *queue = new_queue("queue", SMALL);
    mproc_pipe_t *end0, *end1;
    make_pipe("pipe", 0, &end0, &end1);
    mproc_view_t room, taken, pipe_room, pipe_taken;
    uint64_t lease = 0;
    char buf[16];
    size_t len;
    put_words(queue, "first");
    put_words(queue, "second");
    say(end1, "third");
    OK(mproc_queue_peek(queue, &taken, 0, NULL));
    OK(mproc_queue_lease(queue, buf, sizeof buf, &len, &lease, 0, NULL));
    OK(mproc_queue_reserve(queue, 6, &room, 0, NULL));
    OK(mproc_pipe_peek(end0, &pipe_taken, 0, NULL));
    OK(mproc_pipe_reserve(end0, 5, &pipe_room, 0, NULL));
    IN_CHILD({
        EXPECT(mproc_queue_commit(queue, room.id, 6), MPROC_EPERM);
        EXPECT(mproc_queue_abort(queue, room.id), MPROC_EPERM);
        EXPECT(mproc_queue_release(queue, taken.id), MPROC_EPERM);
        EXPECT(mproc_queue_putback(queue, taken.id), MPROC_EPERM);
        EXPECT(mproc_queue_ack(queue, lease), MPROC_EPERM);
        EXPECT(mproc_pipe_commit(end0, pipe_room.id, 5), MPROC_EPERM);
        EXPECT(mproc_pipe_abort(end0, pipe_room.id), MPROC_EPERM);
        EXPECT(mproc_pipe_release(end0, pipe_taken.id), MPROC_EPERM);
        EXPECT(mproc_pipe_putback(end0, pipe_taken.id), MPROC_EPERM);
        mproc_queue_close(queue); /* its own handle: nothing goes back to the front */
        mproc_pipe_close(end0);
    });
    GETS_NOTHING(queue, NOTICE, MPROC_ETIMEDOUT);
    STILL_OPEN(end0);
    memcpy(room.data, "fourth", 6);
    memcpy(pipe_room.data, "fifth", 5);
    OK(mproc_queue_commit(queue, room.id, 6));
    OK(mproc_pipe_commit(end0, pipe_room.id, 5));
    CHECK(taken.len == 5 && !memcmp(taken.data, "first", 5));
    CHECK(pipe_taken.len == 5 && !memcmp(pipe_taken.data, "third", 5));
    OK(mproc_queue_putback(queue, taken.id));
    OK(mproc_queue_ack(queue, lease));
    OK(mproc_pipe_release(end0, pipe_taken.id));
    GETS(queue, "first");
    GETS(queue, "fourth");
    HEAR(end1, "fifth");
}

/* A stopped process keeps what it holds; a dead one does not. */
static void stopped_holder_of_messages(void)
{
    mproc_queue_t *queue = new_queue("queue", SMALL);
    mproc_view_t view;
    put_words(queue, "leased");
    put_words(queue, "read in place");
    put_words(queue, "free");
    pid_t pid = proc_fork();
    if (pid == 0) {
        char buf[16];
        size_t len;
        uint64_t lease;
        OK(mproc_queue_lease(queue, buf, sizeof buf, &len, &lease, 0, NULL));
        OK(mproc_queue_peek(queue, &view, 0, NULL));
        atomic_store(&stage->step, 1);
        AWAIT(stage->step, 2);
        OK(mproc_queue_ack(queue, lease)); /* still ours after all that time */
        atomic_store(&stage->step, 3);
        wait_for_ever();
    }
    AWAIT(stage->step, 1);
    proc_stop(pid);
    GETS(queue, "free");
    for (int i = 0; i < 3; i++) {
        EXPECT(mproc_queue_peek(queue, &view, NOTICE, NULL), MPROC_ETIMEDOUT);
    }
    kill(pid, SIGCONT);
    atomic_store(&stage->step, 2);
    AWAIT(stage->step, 3);
    proc_stop(pid);
    EXPECT(mproc_queue_peek(queue, &view, NOTICE, NULL), MPROC_ETIMEDOUT);
    put_words(queue, "newer");
    proc_kill(pid);
    int status = MPROC_ETIMEDOUT;
    while ((status = mproc_queue_peek(queue, &view, 20 * SEC, NULL)) == MPROC_OK) { /* until the death is noticed */
        CHECK(view.len == 5 && !memcmp(view.data, "newer", 5));
    }
    EXPECT(status, MPROC_RECOVERED);
    CHECK(view.len == 13 && !memcmp(view.data, "read in place", 13));
    OK(mproc_queue_release(queue, view.id));
}

/* After a graceful shutdown a consumer waits for what others hold: it may come back. */
static void draining_waits_for_holders(void)
{
    for (int killed = 0; killed < 2; killed++) {
        uint32_t before = atomic_load(&stage->step);
        mproc_queue_t *queue = new_queue("queue", SMALL);
        put_words(queue, "job");
        pid_t pid = proc_fork();
        if (pid == 0) {
            char buf[16];
            size_t len;
            uint64_t lease;
            OK(mproc_queue_lease(queue, buf, sizeof buf, &len, &lease, 0, NULL));
            atomic_fetch_add(&stage->step, 1);
            AWAIT(stage->step, before + 2);
            if (killed) {
                kill(getpid(), SIGKILL);
            }
            OK(mproc_queue_ack(queue, lease));
            _exit(0);
        }
        AWAIT(stage->step, before + 1);
        OK(mproc_queue_shutdown(queue, 0));
        GETS_NOTHING(queue, NOTICE, MPROC_ETIMEDOUT);
        atomic_fetch_add(&stage->step, 1);
        if (killed) {
            mproc_view_t view;
            EXPECT(mproc_queue_peek(queue, &view, MPROC_FOREVER, NULL), MPROC_RECOVERED);
            CHECK(view.len == 3 && !memcmp(view.data, "job", 3));
            OK(mproc_queue_release(queue, view.id));
            proc_kill(pid);
        } else {
            GETS_NOTHING(queue, MPROC_FOREVER, MPROC_ECLOSED);
            JOIN(pid);
        }
        GETS_NOTHING(queue, MPROC_FOREVER, MPROC_ECLOSED);
        mproc_queue_close(queue);
    }
}

/* ---- descriptors ---- */

static void close_descriptors(void)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, 3, ~0u, 0) == 0) {
        return;
    }
#endif
    for (int fd = 3; fd < 1024; fd++) {
        close(fd);
    }
}

/* Both sides close everything that they have not opened themselves; who lives and who does not, they still know. */
static void closes_descriptors(void)
{
    mproc_pipe_t *mine, *other;
    mproc_queue_t *queue = new_queue("queue", SMALL);
    make_pipe("pipe", 0, &mine, &other);
    pid_t pid = proc_fork();
    if (pid == 0) {
        mproc_queue_t *producer = producer_of(queue);
        mproc_pipe_close(mine);
        close_descriptors();
        say(other, "hello");
        put_words(producer, "from a producer");
        atomic_store(&stage->step, 1);
        for (int i = 0; i < 2; i++) {
            HEAR(other, "are you there?");
            say(other, "yes");
            close_descriptors();
        }
        OVER(other); /* the other side is gone; then it comes back */
        atomic_store(&stage->step, 3);
        AWAIT(stage->step, 4);
        STILL_OPEN(other);
        say(other, "welcome");
        wait_for_ever();
    }
    mproc_pipe_close(other);
    AWAIT(stage->step, 1);
    close_descriptors();
    HEAR(mine, "hello");
    GETS(queue, "from a producer");
    STILL_OPEN(mine); /* its life shows without descriptors */
    say(mine, "are you there?");
    HEAR(mine, "yes");
    close_descriptors();
    GETS_NOTHING(queue, NOTICE, MPROC_ETIMEDOUT);
    say(mine, "are you there?");
    HEAR(mine, "yes");
    mproc_pipe_close(mine);
    AWAIT(stage->step, 3);
    mine = old_end("pipe", 0);
    close_descriptors();
    atomic_store(&stage->step, 4);
    HEAR(mine, "welcome");
    STILL_OPEN(mine);
    proc_kill(pid);
    OVER(mine);
    GETS_NOTHING(queue, 20 * SEC, MPROC_ECLOSED);
}

const struct scenario pipe_scenarios[] = {
    { .name = "pipe-whose-other-end-is-closed", .play = peer_closes, .limit_s = 60 },
    { .name = "pipe-whose-other-end-is-not-open-yet", .play = peer_awaited },
    { .name = "pipe-one-way", .play = one_way },
    { .name = "pipe-is-over-with-its-last-handle", .play = last_handle_counts },
    { .name = "pipe-whose-other-end-is-killed", .play = peer_killed, .limit_s = 60 },
    { .name = "pipe-peer-killed-with-its-hands-full", .play = peer_killed_with_hands_full },
    { .name = "pipe-end-kept-by-a-silent-child", .play = silent_child_keeps_end, .limit_s = 60 },
    { .name = "pipe-end-dropped-by-exec", .play = exec_drops_end },
    { .name = "pipe-peer-stopped-is-not-dead", .play = stopped_peer },
    { .name = "pipe-end-in-flight", .play = end_in_flight, .limit_s = 60 },
    { .name = "pipe-end-in-a-kept-handle", .play = kept_handle },
    { .name = "pipe-end-of-a-spawned-program", .play = spawned_program_has_end },
    { .name = "pipe-end-closed-by-another-thread", .play = closed_by_another_thread },
    { .name = "pipe-and-producers-without-descriptors", .play = closes_descriptors },
    { .name = "producers-killed", .play = producers_killed },
    { .name = "producer-is-a-silent-child", .play = silent_child_is_producer },
    { .name = "producer-killed-while-writing-in-place", .play = producer_killed_while_writing },
    { .name = "held-messages-and-fork", .play = fork_while_holding_messages },
    { .name = "held-messages-of-a-stopped-process", .play = stopped_holder_of_messages },
    { .name = "held-messages-and-a-graceful-shutdown", .play = draining_waits_for_holders },
    { 0 },
};
