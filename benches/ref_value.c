/*
 * References for values and arrays: the bare instruction, memcpy, a struct behind a robust mutex, and a word that can
 * be waited for as C++20 does it.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loops.h"
#include "sides.h"

struct shared_data {
    int64_t number __attribute__((aligned(128)));
    pthread_mutex_t mutex __attribute__((aligned(128)));
    unsigned char structure[STRUCT_BYTES] __attribute__((aligned(128)));
    int64_t array[ARRAY_LENGTH] __attribute__((aligned(128)));
    uint32_t word __attribute__((aligned(128)));
    uint32_t waiters; /* how many sleep on the word: counted first, then the word is looked at again */
};

static const char *setup(struct run *run)
{
    pthread_mutexattr_t attr;
    struct shared_data *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return "mmap failed";
    pthread_mutexattr_init(&attr);
    if (pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) != 0 ||
        pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) != 0)
        return "no robust process-shared mutexes here";
    pthread_mutex_init(&s->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    run->state = s;
    return NULL;
}

static void teardown(struct run *run) { munmap(run->state, sizeof(struct shared_data)); }

static void add(void *ctx, uint64_t i)
{
    struct shared_data *s = ctx;
    (void)i;
    __atomic_fetch_add(&s->number, 1, __ATOMIC_SEQ_CST);
}

static void load(void *ctx, uint64_t i)
{
    struct shared_data *s = ctx;
    int64_t number = __atomic_load_n(&s->number, __ATOMIC_ACQUIRE);
    (void)i;
    __asm__ volatile("" ::"r"(number));
}

static void store(void *ctx, uint64_t i)
{
    struct shared_data *s = ctx;
    __atomic_store_n(&s->number, (int64_t)i, __ATOMIC_RELEASE);
}

static void structure(void *ctx, bool writing)
{
    struct shared_data *s = ctx;
    unsigned char mine[STRUCT_BYTES];
    memset(mine, 1, sizeof mine);
    __asm__ volatile("" ::"r"(mine) : "memory");
    if (pthread_mutex_lock(&s->mutex) != 0)
        die("pthread_mutex_lock failed");
    if (writing)
        memcpy(s->structure, mine, sizeof mine);
    else
        memcpy(mine, s->structure, sizeof mine);
    if (pthread_mutex_unlock(&s->mutex) != 0)
        die("pthread_mutex_unlock failed");
    __asm__ volatile("" ::"r"(mine) : "memory");
}

static void structure_load(void *ctx, uint64_t i)
{
    (void)i;
    structure(ctx, false);
}

static void structure_store(void *ctx, uint64_t i)
{
    (void)i;
    structure(ctx, true);
}

static void array_get(void *ctx, uint64_t i)
{
    struct shared_data *s = ctx;
    int64_t number = __atomic_load_n(&s->array[i % ARRAY_LENGTH], __ATOMIC_RELAXED);
    __asm__ volatile("" ::"r"(number));
}

static void array_set(void *ctx, uint64_t i)
{
    struct shared_data *s = ctx;
    __atomic_store_n(&s->array[i % ARRAY_LENGTH], (int64_t)i, __ATOMIC_RELAXED);
}

static void array_read(void *ctx, uint64_t i)
{
    struct shared_data *s = ctx;
    int64_t mine[ARRAY_LENGTH];
    (void)i;
    memcpy(mine, s->array, sizeof mine);
    __asm__ volatile("" ::"r"(mine) : "memory");
}

static void wake(struct shared_data *s)
{
    if (__atomic_load_n(&s->waiters, __ATOMIC_SEQ_CST) != 0)
        syscall(SYS_futex, &s->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* After a store of any order: it has to be seen by whoever is not counted yet. */
static void notify(void *ctx, uint64_t i)
{
    (void)i;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    wake(ctx);
}

/* What `word.store(i); word.notify_one();` becomes: the store is in the order of the count already. */
static void store_notify(void *ctx, uint64_t i)
{
    struct shared_data *s = ctx;
    __atomic_store_n(&s->word, (uint32_t)i, __ATOMIC_SEQ_CST);
    wake(s);
}

#define SIDE(op, called)                                                               \
    static void body_##op(struct run *run) { loop_op(run, run->state, op); }           \
    const struct side ref_##op = {                                                     \
        .name = called, .members = 1, .setup = setup, .body = body_##op, .teardown = teardown}

SIDE(add, "bare atomic add");
SIDE(load, "bare atomic load");
SIDE(store, "bare atomic store");
SIDE(structure_load, "copy under a robust mutex");
SIDE(structure_store, "copy under a robust mutex");
SIDE(array_get, "bare atomic load");
SIDE(array_set, "bare atomic store");
SIDE(array_read, "memcpy");
SIDE(notify, "fence, count, futex");
SIDE(store_notify, "as std::atomic in C++20");
