/*
 * References that do nothing but move cache lines: what the pipe and messages in place are held against.
 *
 * The round trip is one line each way, the message in the same line as the word that announces it: no pair of
 * processes can do with less. It carries 8 bytes, whatever ours carries.
 *
 * Long messages go through bare buffers: one process copies each in, the other out, and a word on a line of its
 * own hands the buffer over. That is the least two copies can cost, since the second one finds the bytes in the
 * first one's cache. There are as many buffers, and as many in flight, as records of ours fit into its ring:
 * fewer bytes would stay nearer in the cache, fewer in flight would wait more.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "loops.h"
#include "sides.h"

/* ---- one line each way ---- */

struct line {
    uint64_t sequence __attribute__((aligned(128)));
    uint64_t message;
};

struct lines {
    struct line direction[2];
};

/* What one process knows: how many it has sent and received. */
struct end {
    struct lines *lines;
    uint64_t sent, received;
};

static void *shared_pages(size_t bytes)
{
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

static const char *setup_lines(struct run *run)
{
    run->state = shared_pages(sizeof(struct lines));
    return run->state == MAP_FAILED ? "mmap failed" : NULL;
}

static void teardown_lines(struct run *run) { munmap(run->state, sizeof(struct lines)); }

static void line_send(void *ctx, int direction, const void *message, size_t len)
{
    struct end *e = ctx;
    struct line *line = &e->lines->direction[direction];
    (void)len;
    memcpy(&line->message, message, sizeof line->message);
    __atomic_store_n(&line->sequence, ++e->sent, __ATOMIC_RELEASE);
}

static void line_receive(void *ctx, int direction, void *message, size_t len)
{
    struct end *e = ctx;
    struct line *line = &e->lines->direction[direction];
    (void)len;
    e->received++;
    while (__atomic_load_n(&line->sequence, __ATOMIC_ACQUIRE) != e->received)
        cpu_pause();
    memcpy(message, &line->message, sizeof line->message);
}

/* At rest both sequences are equal; each process reads the one that only it writes. */
static void body_lines(struct run *run)
{
    struct lines *lines = run->state;
    const uint64_t last = __atomic_load_n(&lines->direction[run->role].sequence, __ATOMIC_ACQUIRE);
    struct end e = {lines, last, last};
    loop_round_trip(run, &e, line_send, line_receive);
}

/* ---- bare buffers ---- */

enum { LONGEST = MAX_MESSAGE, BUFFERS = RING_BYTES_LONG / LONGEST, IN_FLIGHT = BUFFERS - 1 };

struct buffers {
    uint64_t written __attribute__((aligned(128)));
    uint64_t read __attribute__((aligned(128)));
    unsigned char buffer[BUFFERS][LONGEST] __attribute__((aligned(4096)));
};

struct user {
    struct buffers *shared;
    uint64_t done; /* messages copied by this process */
};

static const char *setup_buffers(struct run *run)
{
    run->state = shared_pages(sizeof(struct buffers));
    return run->state == MAP_FAILED ? "mmap failed" : NULL;
}

static void teardown_buffers(struct run *run) { munmap(run->state, sizeof(struct buffers)); }

static void buffer_send(void *ctx, const void *message, size_t len)
{
    struct user *u = ctx;
    while (u->done - __atomic_load_n(&u->shared->read, __ATOMIC_ACQUIRE) >= IN_FLIGHT)
        cpu_pause();
    memcpy(u->shared->buffer[u->done % BUFFERS], message, len);
    __atomic_store_n(&u->shared->written, ++u->done, __ATOMIC_RELEASE);
}

static void buffer_receive(void *ctx, void *message, size_t len)
{
    struct user *u = ctx;
    while (__atomic_load_n(&u->shared->written, __ATOMIC_ACQUIRE) == u->done)
        cpu_pause();
    memcpy(message, u->shared->buffer[u->done % BUFFERS], len);
    __atomic_store_n(&u->shared->read, ++u->done, __ATOMIC_RELEASE);
}

/* At rest everything written has been read. */
static void body_buffers(struct run *run)
{
    struct buffers *shared = run->state;
    struct user u = {shared, __atomic_load_n(run->role == 0 ? &shared->written : &shared->read, __ATOMIC_ACQUIRE)};
    loop_stream(run, &u, buffer_send, buffer_receive);
}

const struct side ref_line = {.name = "bare cache lines",
                              .members = 2,
                              .size = 8,
                              .setup = setup_lines,
                              .body = body_lines,
                              .teardown = teardown_lines};
const struct side ref_buffers = {.name = "two copies, bare buffers",
                                 .members = 2,
                                 .size = LONGEST,
                                 .setup = setup_buffers,
                                 .body = body_buffers,
                                 .teardown = teardown_buffers};
