/*
 * Reference: the raw ring of every systems textbook. One producer, one consumer, slots of 64 bytes, each
 * side's index on its own lines and the other side's index cached, release to publish, acquire to see.
 * It never sleeps, knows no other message length, and a killed side is waited for in vain.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "loops.h"
#include "sides.h"

enum { SLOTS = 1024, SLOT = 64, BACK_OFF_MOST = 64 };

struct ring {
    uint64_t tail __attribute__((aligned(128))); /* written by the producer */
    uint64_t head __attribute__((aligned(128))); /* written by the consumer */
    unsigned char slot[SLOTS][SLOT] __attribute__((aligned(128)));
};

/* What one process knows: its own index and the last it saw of the other's. */
struct end {
    struct ring *ring;
    uint64_t own;
    uint64_t other;
    unsigned staged; /* messages written but not yet published */
    unsigned batch;  /* publish after so many */
};

/* The longer nothing happens the rarer the look: each look takes the line away from its writer. */
static inline unsigned back_off(unsigned pauses)
{
    for (unsigned i = 0; i < pauses; i++)
        cpu_pause();
    return pauses < BACK_OFF_MOST ? pauses * 2 : pauses;
}

static const char *setup(struct run *run)
{
    run->state = mmap(NULL, sizeof(struct ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return run->state == MAP_FAILED ? "mmap failed" : NULL;
}

static void teardown(struct run *run) { munmap(run->state, sizeof(struct ring)); }

static void ring_send(void *ctx, const void *message, size_t len)
{
    struct end *e = ctx;
    (void)len;
    for (unsigned pauses = 1; e->own - e->other >= SLOTS;) {
        e->other = __atomic_load_n(&e->ring->head, __ATOMIC_ACQUIRE);
        if (e->own - e->other >= SLOTS)
            pauses = back_off(pauses);
    }
    memcpy(e->ring->slot[e->own % SLOTS], message, SLOT);
    e->own++;
    if (++e->staged >= e->batch) {
        e->staged = 0;
        __atomic_store_n(&e->ring->tail, e->own, __ATOMIC_RELEASE);
    }
}

static void ring_receive(void *ctx, void *message, size_t len)
{
    struct end *e = ctx;
    (void)len;
    for (unsigned pauses = 1; e->own == e->other;) {
        e->other = __atomic_load_n(&e->ring->tail, __ATOMIC_ACQUIRE);
        if (e->own == e->other)
            pauses = back_off(pauses);
    }
    memcpy(message, e->ring->slot[e->own % SLOTS], SLOT);
    e->own++;
    if (++e->staged >= e->batch) {
        e->staged = 0;
        __atomic_store_n(&e->ring->head, e->own, __ATOMIC_RELEASE);
    }
}

/* Both ends start where the last measurement stopped. */
static struct end end_of(struct run *run)
{
    struct ring *ring = run->state;
    const uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    const uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    struct end e = {ring, run->role == 0 ? tail : head, run->role == 0 ? head : tail, 0, (unsigned)run->side->option};
    return e;
}

static void body_stream(struct run *run)
{
    struct end e = end_of(run);
    loop_stream(run, &e, ring_send, ring_receive);
}

/* One process, both ends. */
struct both {
    struct end in, out;
};

static void both_send(void *ctx, const void *message, size_t len) { ring_send(&((struct both *)ctx)->in, message, len); }
static void both_receive(void *ctx, void *message, size_t len) { ring_receive(&((struct both *)ctx)->out, message, len); }

static void body_pair(struct run *run)
{
    struct both b;
    b.in = end_of(run);
    b.out = b.in;
    loop_pair(run, &b, both_send, both_receive);
}

const struct side ref_ring = {.name = "raw one-to-one ring",
                              .members = 2,
                              .size = SLOT,
                              .option = 1,
                              .setup = setup,
                              .body = body_stream,
                              .teardown = teardown};
const struct side ref_ring_pair = {.name = "raw one-to-one ring",
                                   .members = 1,
                                   .size = SLOT,
                                   .option = 1,
                                   .setup = setup,
                                   .body = body_pair,
                                   .teardown = teardown};
const struct side ref_ring_batch = {.name = "raw ring, published by 32",
                                    .members = 2,
                                    .size = SLOT,
                                    .option = BATCH,
                                    .setup = setup,
                                    .body = body_stream,
                                    .teardown = teardown};
