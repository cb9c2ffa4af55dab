/* References for the hand-off: a bare futex ping-pong (always sleeps), and the same words spun on (never sleeps). */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loops.h"
#include "sides.h"

struct words {
    struct {
        uint32_t word __attribute__((aligned(128)));
    } direction[2];
};

struct end {
    struct words *words;
    uint32_t sent, received; /* the last values of the word we raise and of the word we wait for */
    uint64_t rounds;
};

static const char *setup(struct run *run)
{
    run->state = mmap(NULL, sizeof(struct words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return run->state == MAP_FAILED ? "mmap failed" : NULL;
}

static void teardown(struct run *run) { munmap(run->state, sizeof(struct words)); }

static void word_raise(struct end *e, int direction)
{
    __atomic_store_n(&e->words->direction[direction].word, ++e->sent, __ATOMIC_RELEASE);
}

/* There is no message: supply the number that the loop expects (from 0 in the warm-up and from 0 again after it). */
static void message_arrived(struct end *e, void *message)
{
    message_number(message, e->rounds < WARM_UP ? e->rounds : e->rounds - WARM_UP);
    e->rounds++;
}

static void futex_send(void *ctx, int direction, const void *message, size_t len)
{
    struct end *e = ctx;
    (void)message;
    (void)len;
    word_raise(e, direction);
    syscall(SYS_futex, &e->words->direction[direction].word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void futex_receive(void *ctx, int direction, void *message, size_t len)
{
    struct end *e = ctx;
    uint32_t *word = &e->words->direction[direction].word;
    (void)len;
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == e->received)
        syscall(SYS_futex, word, FUTEX_WAIT, e->received, NULL, NULL, 0);
    e->received++;
    message_arrived(e, message);
}

static void spin_send(void *ctx, int direction, const void *message, size_t len)
{
    (void)message;
    (void)len;
    word_raise(ctx, direction);
}

static void spin_receive(void *ctx, int direction, void *message, size_t len)
{
    struct end *e = ctx;
    (void)len;
    while (__atomic_load_n(&e->words->direction[direction].word, __ATOMIC_ACQUIRE) == e->received)
        cpu_pause();
    e->received++;
    message_arrived(e, message);
}

/* At rest both words are equal; each process reads the one that only it writes. */
static struct end end_of(struct run *run)
{
    struct words *words = run->state;
    const uint32_t last = __atomic_load_n(&words->direction[run->role].word, __ATOMIC_ACQUIRE);
    struct end e = {words, last, last, 0};
    return e;
}

static void body_futex(struct run *run)
{
    struct end e = end_of(run);
    loop_ping_pong(run, &e, futex_send, futex_receive);
}

static void body_spin(struct run *run)
{
    struct end e = end_of(run);
    loop_ping_pong(run, &e, spin_send, spin_receive);
}

const struct side ref_futex = {
    .name = "bare futex ping-pong", .members = 2, .size = 64, .setup = setup, .body = body_futex, .teardown = teardown};
const struct side ref_spin = {
    .name = "bare spinning ping-pong", .members = 2, .size = 64, .setup = setup, .body = body_spin, .teardown = teardown};
