/*
 * The kill loop: workers, some near and some far, move items between a dict, a list and a queue, under a lock, and are
 * killed at random moments. Whoever gets the lock of a dead one finishes its move, from what it wrote down first. No
 * item is ever lost, and none is in the dict and the list at a time.
 */
#include "manager_test.h"

enum { WORKERS = 6, ITEMS = 60, KILLS = 300, PLENTY = 1 << 16 };

enum { TO_DICT = 1, TO_LIST, TO_QUEUE, MOVES };

typedef struct {
    _Atomic uint32_t stop;
    _Atomic uint64_t moves, finished; /* done; finished for the dead */
} board_t;

typedef struct {
    mproc_manager_t *manager;
    mproc_lock_t *lock;
    mproc_dict_t *dict, *intent;
    mproc_list_t *list;
    mproc_queue_t *queue;
} hall_t;

static hall_t enter(const server_t *server, int way) {
    hall_t h;
    mproc_lock_options_t lock = MPROC_LOCK_OPTIONS_INIT;
    mproc_container_options_t container = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_queue_options_t queue = MPROC_QUEUE_OPTIONS_INIT;
    const mproc_domain_t *domain;
    memset(&h, 0, sizeof h);
    lock.flags = container.flags = MPROC_EXIST_OK;
    queue.flags = MPROC_EXIST_OK | MPROC_QUEUE_LEASE;
    h.manager = arrive(server, way);
    domain = domain_of(h.manager);
    CHECK_EITHER(MPROC_OK, MPROC_EXISTED, mproc_lock_create(domain, "lock", &lock, &h.lock));
    CHECK_EITHER(MPROC_OK, MPROC_EXISTED, mproc_dict_create(domain, "dict", &container, &h.dict));
    CHECK_EITHER(MPROC_OK, MPROC_EXISTED, mproc_dict_create(domain, "intent", &container, &h.intent));
    CHECK_EITHER(MPROC_OK, MPROC_EXISTED, mproc_list_create(domain, "list", &container, &h.list));
    CHECK_EITHER(MPROC_OK, MPROC_EXISTED, mproc_queue_create(domain, "queue", &queue, &h.queue));
    return h;
}

static void go(hall_t *h) {
    mproc_lock_close(h->lock);
    mproc_dict_close(h->dict);
    mproc_dict_close(h->intent);
    mproc_list_close(h->list);
    mproc_queue_close(h->queue);
    mproc_manager_close(h->manager);
}

static int in_dict(const hall_t *h, int64_t item) {
    int contains = 0;
    NEED_OK(mproc_dict_contains(h->dict, mproc_datum_int(item), &contains));
    return contains;
}

/* Where in the list, or -1. */
static int64_t in_list(const hall_t *h, int64_t item) {
    uint64_t len = 0;
    int64_t i;
    NEED_OK(mproc_list_len(h->list, &len));
    for (i = 0; i < (int64_t)len; i++) {
        mproc_datum_t seen = mproc_datum_nil();
        NEED_OK(mproc_list_get(h->list, i, NULL, 0, &seen));
        if (seen.as.i == item) {
            return i;
        }
    }
    return -1;
}

/* Both ends of a move can be done again: what is there already is not put there once more. */
static void finish(const hall_t *h, int64_t move, int64_t item) {
    int64_t at;
    switch (move) {
    case TO_DICT: /* from the list */
        NEED_OK(mproc_dict_set(h->dict, mproc_datum_int(item), mproc_datum_int(item)));
        if ((at = in_list(h, item)) >= 0) {
            NEED_OK(mproc_list_delete(h->list, at));
        }
        break;
    case TO_LIST: /* from the dict */
        if (in_list(h, item) < 0) {
            NEED_OK(mproc_list_append(h->list, mproc_datum_int(item)));
        }
        if (in_dict(h, item)) {
            NEED_OK(mproc_dict_delete(h->dict, mproc_datum_int(item)));
        }
        break;
    default: /* from the dict: a message may come twice, that is what leases are like */
        NEED_OK(mproc_queue_put(h->queue, &item, sizeof item, MPROC_FOREVER, NULL));
        if (in_dict(h, item)) {
            NEED_OK(mproc_dict_delete(h->dict, mproc_datum_int(item)));
        }
    }
}

static void write_down(const hall_t *h, int64_t move, int64_t item) {
    NEED_OK(mproc_dict_set(h->intent, mproc_datum_str("move"), mproc_datum_int(move * PLENTY + item)));
}

/* What the last holder had in mind and did not finish; 0: nothing. */
static int64_t written_down(const hall_t *h) {
    mproc_datum_t seen = mproc_datum_nil();
    int status = mproc_dict_get(h->intent, mproc_datum_str("move"), NULL, 0, &seen);
    CHECK_EITHER(MPROC_OK, MPROC_ENOENT, status);
    return status == MPROC_OK ? seen.as.i : 0;
}

static void one_move(const hall_t *h, board_t *board, struct rng *rng) {
    int64_t item = (int64_t)rng_below(rng, ITEMS), move = 0, message = -1;
    int status = mproc_lock_lock(h->lock, MPROC_FOREVER, NULL);
    CHECK_EITHER(MPROC_OK, MPROC_RECOVERED, status);
    if (status == MPROC_RECOVERED && (move = written_down(h)) != 0) {
        finish(h, move / PLENTY, move % PLENTY);
        write_down(h, 0, 0);
        atomic_fetch_add(&board->finished, 1);
    }
    CHECK_INT(0, written_down(h)); /* who unlocks has finished */
    if (rng_below(rng, 3) == 0) {
        /* From the queue: leased until it stands in the dict. One that stands somewhere is a repetition. */
        size_t len = 0;
        uint64_t lease = 0;
        status = mproc_queue_lease(h->queue, &message, sizeof message, &len, &lease, 0, NULL);
        if (status == MPROC_OK || status == MPROC_RECOVERED) {
            CHECK(len == sizeof message && message >= 0 && message < ITEMS);
            if (!in_dict(h, message) && in_list(h, message) < 0) {
                NEED_OK(mproc_dict_set(h->dict, mproc_datum_int(message), mproc_datum_int(message)));
            }
            NEED_OK(mproc_queue_ack(h->queue, lease));
            atomic_fetch_add(&board->moves, 1);
        } else {
            CHECK_IS(MPROC_ETIMEDOUT, status);
        }
    } else {
        if (in_dict(h, item)) {
            move = rng_below(rng, 2) == 0 ? TO_LIST : TO_QUEUE;
        } else {
            move = in_list(h, item) >= 0 ? TO_DICT : 0;
        }
        if (move != 0) {
            write_down(h, move, item);
            finish(h, move, item);
            write_down(h, 0, 0);
            atomic_fetch_add(&board->moves, 1);
        }
    }
    NEED_OK(mproc_lock_unlock(h->lock));
}

static pid_t hire(const server_t *server, board_t *board, int worker, uint64_t seed) {
    pid_t pid = proc_fork();
    if (pid == 0) {
        struct rng rng = {seed};
        hall_t h;
        check_watchdog();
        h = enter(server, worker % WAYS);
        while (!atomic_load(&board->stop)) {
            alarm(CHECK_SECONDS);
            one_move(&h, board, &rng);
        }
        go(&h);
        check_leave();
    }
    return pid;
}

static void audit(const hall_t *h) {
    int there[ITEMS], i;
    int64_t item, unfinished;
    uint64_t len = 0, lease = 0;
    size_t size = 0;
    int status = mproc_lock_lock(h->lock, MPROC_FOREVER, NULL);
    CHECK_EITHER(MPROC_OK, MPROC_RECOVERED, status);
    if ((unfinished = written_down(h)) != 0) {
        CHECK_INT(MPROC_RECOVERED, status);
        finish(h, unfinished / PLENTY, unfinished % PLENTY);
    }
    memset(there, 0, sizeof there);
    NEED_OK(mproc_list_len(h->list, &len));
    for (item = 0; item < (int64_t)len; item++) {
        mproc_datum_t seen = mproc_datum_nil();
        NEED_OK(mproc_list_get(h->list, item, NULL, 0, &seen));
        CHECK(seen.as.i >= 0 && seen.as.i < ITEMS);
        there[seen.as.i % ITEMS]++;
    }
    for (i = 0; i < ITEMS; i++) {
        there[i] += in_dict(h, i);
        CHECK(there[i] <= 1); /* in the dict or in the list */
    }
    here(__FILE__, __LINE__);
    while ((status = mproc_queue_lease(h->queue, &item, sizeof item, &size, &lease, 500 * MS, NULL)) >= MPROC_OK) {
        CHECK(size == sizeof item && item >= 0 && item < ITEMS);
        there[item % ITEMS]++;
        NEED_OK(mproc_queue_ack(h->queue, lease));
    }
    CHECK_IS(MPROC_ETIMEDOUT, status);
    for (i = 0; i < ITEMS; i++) {
        CHECK(there[i] >= 1); /* nothing is lost */
    }
    CHECK_OK(mproc_lock_unlock(h->lock));
}

void manager_kill_loop(void) {
    server_t server = server_start(NULL);
    board_t *board = (board_t *)proc_shared(sizeof *board);
    struct rng rng = {4711};
    pid_t workers[WORKERS];
    uint64_t kills, seed = 1, before;
    hall_t h = enter(&server, TCP);
    int64_t item;
    int i, status;
    mproc_manager_info_t info;
    for (item = 0; item < ITEMS; item++) {
        NEED_OK(mproc_dict_set(h.dict, mproc_datum_int(item), mproc_datum_int(item)));
    }
    for (i = 0; i < WORKERS; i++) {
        workers[i] = hire(&server, board, i, seed++);
    }
    for (kills = 0; kills < KILLS; kills++) {
        int victim = (int)rng_below(&rng, WORKERS);
        check_watchdog();
        if (rng_below(&rng, 10) == 0) {
            before = atomic_load(&board->moves);
            AWAIT(atomic_load(&board->moves) > before + 5); /* however many have died, they get on */
        } else {
            proc_sleep_ns((int64_t)rng_below(&rng, 8 * MS));
        }
        check_kill(workers[victim]);
        workers[victim] = hire(&server, board, victim, seed++);
    }
    check_watchdog();
    before = atomic_load(&board->moves);
    AWAIT(atomic_load(&board->moves) > before + 50);
    atomic_store(&board->stop, 1);
    for (i = 0; i < WORKERS; i++) {
        here(__FILE__, __LINE__);
        while (waitpid(workers[i], &status, 0) < 0 && errno == EINTR) {
        }
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    audit(&h);
    /* And the server has forgotten the dead. */
    AWAIT(mproc_manager_info(h.manager, &info, sizeof info) == MPROC_OK && info.clients <= 2 && info.waiting == 0);
    printf("%d kills, %llu moves, %llu finished for the dead\n", KILLS, (unsigned long long)atomic_load(&board->moves),
           (unsigned long long)atomic_load(&board->finished));
    go(&h);
    server_end(&server);
    munmap(board, sizeof *board);
}
