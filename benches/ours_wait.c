/* Ours: waiting for any of many queues, for one queue through its descriptor, and for a value. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ours.h"

/* ---- many queues: `option` of them in each direction, which take turns ---- */

enum { SPINNING = 1 << 16 }; /* in `option` as well: the handles may spin */

static size_t queue_count(const struct side *side) { return (size_t)(side->option & ~SPINNING); }

struct many {
    size_t count;
    mproc_queue_t *queue[2][MPROC_WAIT_MAX];
    mproc_wait_item_t item[MPROC_WAIT_MAX]; /* what this member waits for */
    size_t turn;                            /* which queue the next message goes into */
};

static const char *queue_name(int direction, size_t i)
{
    static char name[48];
    snprintf(name, sizeof name, "many-%d-%zu", direction, i);
    return name;
}

static mproc_queue_options_t queue_options(const struct side *side)
{
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    options.flags = side->option & SPINNING ? 0 : MPROC_NO_SPIN;
    options.capacity_bytes = 4096;
    return options;
}

static const char *setup_many(struct run *run)
{
    const mproc_queue_options_t options = queue_options(run->side);
    struct many *many = calloc(1, sizeof *many);
    if (!many)
        die("out of memory");
    many->count = queue_count(run->side);
    for (int d = 0; d < run->side->members; d++)
        for (size_t i = 0; i < many->count; i++)
            ours_check(mproc_queue_create(ours_domain, queue_name(d, i), &options, &many->queue[d][i]),
                       "mproc_queue_create");
    run->state = many;
    return NULL;
}

static void many_close(struct many *many)
{
    for (int d = 0; d < 2; d++)
        for (size_t i = 0; i < many->count; i++)
            mproc_queue_close(many->queue[d][i]);
    free(many);
}

static void teardown_many(struct run *run) { many_close(run->state); }

/* A member waits for the direction that comes to it: member 1 for direction 0. */
static struct many *member_many(const struct run *run)
{
    const mproc_queue_options_t options = queue_options(run->side);
    const int incoming = run->side->members == 2 ? !run->role : 0;
    struct many *many = calloc(1, sizeof *many);
    if (!many)
        die("out of memory");
    many->count = queue_count(run->side);
    for (int d = 0; d < run->side->members; d++)
        for (size_t i = 0; i < many->count; i++)
            ours_check(mproc_queue_open(ours_domain, queue_name(d, i), &options, &many->queue[d][i]),
                       "mproc_queue_open");
    for (size_t i = 0; i < many->count; i++) {
        many->item[i].condition = MPROC_WAIT_QUEUE_READABLE;
        many->item[i].object = many->queue[incoming][i];
    }
    return many;
}

static void many_send_to(void *ctx, int direction, const void *message, size_t len)
{
    struct many *many = ctx;
    mproc_queue_t *queue = many->queue[direction][many->turn];
    many->turn = many->turn + 1 == many->count ? 0 : many->turn + 1;
    ours_check(mproc_queue_put(queue, message, len, MPROC_FOREVER, NULL), "mproc_queue_put");
}

static void many_receive_from(void *ctx, int direction, void *message, size_t len)
{
    struct many *many = ctx;
    uint32_t ready[MPROC_WAIT_MAX];
    size_t count, received;
    ours_check(mproc_wait(many->item, many->count, MPROC_FOREVER, NULL, ready, &count), "mproc_wait");
    if (count != 1)
        die("%zu queues are ready, and one message is on its way", count);
    ours_check(mproc_queue_get(many->queue[direction][ready[0]], message, len, &received, 0, NULL), "mproc_queue_get");
}

static void many_look(void *ctx, uint64_t i)
{
    struct many *many = ctx;
    uint32_t ready[MPROC_WAIT_MAX];
    size_t count;
    (void)i;
    ours_check(mproc_wait(many->item, many->count, 0, NULL, ready, &count), "mproc_wait");
    if (__builtin_expect(count != 1, 0))
        die("%zu queues are ready, and one has a message", count);
}

static void body_many(struct run *run)
{
    struct many *many = member_many(run);
    loop_ping_pong(run, many, many_send_to, many_receive_from);
    many_close(many);
}

static void body_many_asleep(struct run *run)
{
    struct many *many = member_many(run);
    loop_sleepers(run, many, many_send_to, many_receive_from);
    many_close(many);
}

static void body_look(struct run *run)
{
    struct many *many = member_many(run);
    mproc_queue_t *middle = many->queue[0][many->count / 2];
    unsigned char *message = run_buffer();
    size_t received;
    ours_check(mproc_queue_put(middle, message, run->side->size, 0, NULL), "mproc_queue_put");
    loop_op(run, many, many_look);
    ours_check(mproc_queue_get(middle, message, run->side->size, &received, 0, NULL), "mproc_queue_get");
    many_close(many);
}

/* ---- a descriptor ---- */

/* Taken until there is nothing more, which makes the descriptor tell of the next one; only then asked. */
struct polled {
    mproc_queue_t *queue[2];
    int epoll;
};

static const char *setup_polled(struct run *run)
{
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    struct polled *polled = calloc(1, sizeof *polled);
    if (!polled)
        die("out of memory");
    options.flags = MPROC_POLLABLE;
    options.capacity_bytes = QUEUE_BYTES;
    for (int d = 0; d < 2; d++)
        ours_check(mproc_queue_create(ours_domain, queue_name(d, 0), &options, &polled->queue[d]),
                   "mproc_queue_create");
    run->state = polled;
    return NULL;
}

static void polled_close(struct polled *polled)
{
    mproc_queue_close(polled->queue[0]);
    mproc_queue_close(polled->queue[1]);
}

static void teardown_polled(struct run *run)
{
    polled_close(run->state);
    free(run->state);
}

static struct polled member_polled(const struct run *run)
{
    struct polled polled;
    struct epoll_event event = {.events = EPOLLIN};
    int fd;
    for (int d = 0; d < 2; d++)
        ours_check(mproc_queue_open(ours_domain, queue_name(d, 0), NULL, &polled.queue[d]), "mproc_queue_open");
    ours_check(mproc_queue_readable_fd(polled.queue[!run->role], &fd), "mproc_queue_readable_fd");
    polled.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (polled.epoll < 0 || epoll_ctl(polled.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll: %s", strerror(errno));
    return polled;
}

static void polled_send_to(void *ctx, int direction, const void *message, size_t len)
{
    struct polled *polled = ctx;
    ours_check(mproc_queue_put(polled->queue[direction], message, len, MPROC_FOREVER, NULL), "mproc_queue_put");
}

static void polled_receive_from(void *ctx, int direction, void *message, size_t len)
{
    struct polled *polled = ctx;
    struct epoll_event event;
    size_t received;
    for (;;) {
        const int status = mproc_queue_get(polled->queue[direction], message, len, &received, 0, NULL);
        if (status != MPROC_ETIMEDOUT) {
            ours_check(status, "mproc_queue_get");
            return;
        }
        if (epoll_wait(polled->epoll, &event, 1, -1) < 0 && errno != EINTR)
            die("epoll_wait: %s", strerror(errno));
    }
}

static void body_polled(struct run *run)
{
    struct polled polled = member_polled(run);
    loop_sleepers(run, &polled, polled_send_to, polled_receive_from);
    close(polled.epoll);
    polled_close(&polled);
}

/* ---- a value ---- */

static const char *const value_name[2] = {"word-0", "word-1"};

struct words {
    mproc_value_t *word[2];
    uint32_t sent, received; /* the last values of the word we raise and of the word we wait for */
    uint64_t rounds;
};

static const char *setup_words(struct run *run)
{
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    struct words *words = calloc(1, sizeof *words);
    if (!words)
        die("out of memory");
    options.type_code = MPROC_TYPE_U32;
    for (int d = 0; d < 2; d++)
        ours_check(mproc_value_create(ours_domain, value_name[d], &options, &words->word[d]), "mproc_value_create");
    run->state = words;
    return NULL;
}

static void words_close(struct words *words)
{
    mproc_value_close(words->word[0]);
    mproc_value_close(words->word[1]);
}

static void teardown_words(struct run *run)
{
    words_close(run->state);
    free(run->state);
}

/* At rest both words are equal; each process reads the one that only it writes. `option` is the handles' flags. */
static struct words member_words(const struct run *run)
{
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    struct words words = {0};
    options.flags = (uint32_t)run->side->option;
    for (int d = 0; d < 2; d++)
        ours_check(mproc_value_open(ours_domain, value_name[d], &options, &words.word[d]), "mproc_value_open");
    ours_check(mproc_value_load(words.word[run->role], &words.sent, sizeof words.sent), "mproc_value_load");
    words.received = words.sent;
    return words;
}

static void word_send_to(void *ctx, int direction, const void *message, size_t len)
{
    struct words *words = ctx;
    (void)message;
    (void)len;
    words->sent++;
    ours_check(mproc_value_store(words->word[direction], &words->sent, sizeof words->sent), "mproc_value_store");
    ours_check(mproc_value_notify(words->word[direction], 1), "mproc_value_notify");
}

/* There is no message: supply the number that the loop expects (from 0 in the warm-up and from 0 again after it). */
static void word_receive_from(void *ctx, int direction, void *message, size_t len)
{
    struct words *words = ctx;
    const mproc_value_t *word = words->word[direction];
    uint32_t now;
    (void)len;
    ours_check(mproc_value_wait(word, &words->received, sizeof words->received, MPROC_FOREVER, NULL),
               "mproc_value_wait");
    ours_check(mproc_value_load(word, &now, sizeof now), "mproc_value_load");
    if (now != ++words->received)
        die("the word says %u where %u was due", (unsigned)now, (unsigned)words->received);
    message_number(message, words->rounds < WARM_UP ? words->rounds : words->rounds - WARM_UP);
    words->rounds++;
}

static void notify(void *ctx, uint64_t i)
{
    struct words *words = ctx;
    (void)i;
    ours_check(mproc_value_notify(words->word[0], 1), "mproc_value_notify");
}

static void store_notify(void *ctx, uint64_t i)
{
    struct words *words = ctx;
    const uint32_t number = (uint32_t)i;
    ours_check(mproc_value_store(words->word[0], &number, sizeof number), "mproc_value_store");
    ours_check(mproc_value_notify(words->word[0], 1), "mproc_value_notify");
}

static void body_hand_off(struct run *run)
{
    struct words words = member_words(run);
    loop_ping_pong(run, &words, word_send_to, word_receive_from);
    words_close(&words);
}

static void body_notify(struct run *run)
{
    struct words words = member_words(run);
    loop_op(run, &words, notify);
    words_close(&words);
}

static void body_store_notify(struct run *run)
{
    struct words words = member_words(run);
    loop_op(run, &words, store_notify);
    words_close(&words);
}

#define SIDE(id, called, processes, kind, loop, number, pause)                                                  \
    const struct side id = {.name = called, .members = processes, .size = 64, .option = number, .pause_ns = pause, \
                            .setup = setup_##kind, .body = loop, .teardown = teardown_##kind}

SIDE(ours_wait_1, "mproc_wait", 2, many, body_many_asleep, 1, PAUSE_NS);
SIDE(ours_wait_16, "mproc_wait", 2, many, body_many_asleep, 16, PAUSE_NS);
SIDE(ours_wait_126, "mproc_wait", 2, many, body_many_asleep, MPROC_WAIT_MAX, PAUSE_NS);
SIDE(ours_wait_16_spinning, "mproc_wait", 2, many, body_many, 16 | SPINNING, 0);
SIDE(ours_wait_ready, "mproc_wait", 1, many, body_look, 16, 0);
SIDE(ours_polled, "mproc_queue_readable_fd, epoll", 2, polled, body_polled, 0, PAUSE_NS);
SIDE(ours_value_hand_off, "mproc_value_wait", 2, words, body_hand_off, MPROC_NO_SPIN, 0);
SIDE(ours_value_hand_off_spinning, "mproc_value_wait", 2, words, body_hand_off, 0, 0);
SIDE(ours_value_notify, "mproc_value_notify", 1, words, body_notify, 0, 0);
SIDE(ours_value_store_notify, "mproc_value_store, notify", 1, words, body_store_notify, 0, 0);
