/* The demo's worker in C: counts, sends and receives letters, answers questions, and serves a manager's objects. The
 * director starts it; see director.c. */
#define _POSIX_C_SOURCE 200809L
#include "scene.h"

#include <mproc.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/* Ends the program when a call failed, and says why; else gives the status. */
static int need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        say("%s: %s: %s", what, mproc_strerror(status), error.message);
        exit(1);
    }
    return status;
}

static mproc_value_t *open_value(const char *name, int32_t type) {
    mproc_value_options_t expected = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *value;
    expected.type_code = type;
    need(mproc_value_open(NULL, name, &expected, &value), name);
    return value;
}

static mproc_array_t *open_array(const char *name, int32_t type) {
    mproc_array_options_t expected = MPROC_ARRAY_OPTIONS_INIT;
    mproc_array_t *array;
    expected.type_code = type;
    need(mproc_array_open(NULL, name, &expected, &array), name);
    return array;
}

static void await_cue(mproc_value_t *cue, int64_t wanted) {
    const struct timespec moment = {0, 1000000};
    int64_t now = 0;
    while (need(mproc_value_get_i64(cue, &now), CUE) == MPROC_OK && now < wanted) {
        nanosleep(&moment, NULL);
    }
}

/* One round: 1 is added to every cell. Whoever dies in the middle leaves them unequal. */
static void play_round(mproc_array_t *board, int64_t *cells) {
    int i, changed = 0;
    if (need(mproc_array_lock(board, MPROC_FOREVER, NULL), "lock") == MPROC_RECOVERED) {
        while (changed < CELLS && cells[changed] != cells[CELLS - 1]) {
            cells[changed++] = cells[CELLS - 1]; /* cells are changed in order: the last one is still the old */
        }
        say("I have the lock, with the news that its holder died inside. It had changed %d of %d cells: I take that back.",
            changed, CELLS);
        say("@repaired %d", changed);
    }
    for (i = 0; i < CELLS; i++) {
        if (cells[i] != cells[0]) {
            say("the board is torn: cell %d is not cell 0", i);
            exit(1);
        }
    }
    for (i = 0; i < CELLS; i++) {
        cells[i]++;
    }
    need(mproc_array_unlock(board), "unlock");
}

static void count(int additions, int rounds) {
    mproc_value_t *counter = open_value(COUNTER, MPROC_TYPE_I64), *cue = open_value(CUE, MPROC_TYPE_I32);
    mproc_array_t *board = open_array(BOARD, MPROC_TYPE_I64);
    void *cells;
    int i;
    need(mproc_array_ptr(board, &cells), BOARD);
    for (i = 0; i < additions; i++) {
        need(mproc_value_add(counter, 1, NULL), COUNTER);
    }
    for (i = 0; i < rounds; i++) {
        if (i == rounds / 2) {
            say("%d additions and %d rounds on the board are done.", additions, i);
            say("@half");
            await_cue(cue, CUE_GO_ON);
        }
        play_round(board, cells);
    }
    say("All %d rounds are done.", rounds);
    mproc_array_close(board);
    mproc_value_close(cue);
    mproc_value_close(counter);
}

static void send_letters(int sender, int letters) {
    mproc_queue_t *mail;
    letter_t letter;
    need(mproc_queue_open(NULL, MAIL, NULL, &mail), MAIL);
    letter.sender = sender;
    for (letter.number = 0; letter.number < letters; letter.number++) {
        need(mproc_queue_put(mail, &letter, sizeof letter, MPROC_FOREVER, NULL), "put");
    }
    say("All %d letters are posted.", letters);
    mproc_queue_close(mail);
}

/* Receives until the post office closes. At letter `pause_at` of sender `doomed` it waits for the cue: so that
 * sender cannot come to the end of its batch before the director has killed it. */
static void receive_letters(int width, int doomed, int pause_at) {
    mproc_queue_t *mail;
    mproc_array_t *ledger = open_array(LEDGER, MPROC_TYPE_I32);
    mproc_value_t *cue = open_value(CUE, MPROC_TYPE_I32);
    int latest[3] = {-1, -1, -1}, status, taken = 0;
    letter_t letter;
    size_t length;
    void *received;
    need(mproc_queue_open(NULL, MAIL, NULL, &mail), MAIL);
    need(mproc_array_ptr(ledger, &received), LEDGER);
    while ((status = mproc_queue_get(mail, &letter, sizeof letter, &length, MPROC_FOREVER, NULL)) == MPROC_OK) {
        if (length != sizeof letter || letter.sender < 0 || letter.sender > 2 || letter.number <= latest[letter.sender] ||
            letter.number >= width) {
            say("letter %d of sender %d came after %d", letter.number, letter.sender, latest[letter.sender]);
            exit(1);
        }
        latest[letter.sender] = letter.number;
        __atomic_fetch_add((int32_t *)received + letter.sender * width + letter.number, 1, __ATOMIC_RELAXED);
        taken++;
        if (letter.sender == doomed && letter.number >= pause_at) {
            await_cue(cue, CUE_MAIL);
        }
    }
    if (status != MPROC_ECLOSED) {
        need(status, "get");
    }
    say("The post office is closed; I took %d letters.", taken);
    say("@taken %d", taken);
    mproc_value_close(cue);
    mproc_array_close(ledger);
    mproc_queue_close(mail);
}

/* Answers each number with its square, until nobody asks any more; or stops after `limit` answers and keeps its
 * questioner waiting. */
static void answer_questions(const char *name, int limit) {
    mproc_pipe_t *questioner;
    int64_t number;
    size_t length;
    int status, answers = 0;
    need(mproc_pipe_open(NULL, name, NULL, 1, &questioner), name);
    while ((status = mproc_pipe_recv(questioner, &number, sizeof number, &length, MPROC_FOREVER, NULL)) == MPROC_OK) {
        number *= number;
        need(mproc_pipe_send(questioner, &number, sizeof number, MPROC_FOREVER, NULL), "send");
        if (++answers == limit) {
            say("I have sent %d answers. The next one is hard ...", answers);
            say("@stuck");
            for (;;) {
                pause();
            }
        }
    }
    if (status != MPROC_EOF) {
        need(status, "receive");
    }
    say("The pipe has come to its end; I gave %d answers.", answers);
    say("@answered %d", answers);
    mproc_pipe_close(questioner);
}

/* What a manager has, and what this process has of it. */
typedef struct {
    mproc_manager_t *manager;
    mproc_lock_t *till;
    mproc_list_t *book;
    mproc_dict_t *sums;
    mproc_event_t *grab, *go_on, *closing;
} shop_t;

/* Starts a manager at a unix socket, and at a port of the loopback interface for those who have the key. */
static void open_shop(const char *socket_path, const char *key_path, shop_t *shop) {
    char addresses[256];
    const mproc_domain_t *domain;
    mproc_key_t key;
    need(mproc_key_generate(&key), "key");
    need(mproc_key_save(&key, key_path), key_path);
    snprintf(addresses, sizeof addresses, "unix:%s,tcp:127.0.0.1:0", socket_path);
    need(mproc_manager_start(addresses, &key, NULL, &shop->manager), addresses);
    need(mproc_manager_domain(shop->manager, &domain), "domain");
    need(mproc_lock_create(domain, TILL, NULL, &shop->till), TILL);
    need(mproc_list_create(domain, BOOK, NULL, &shop->book), BOOK);
    need(mproc_dict_create(domain, SUMS, NULL, &shop->sums), SUMS);
    need(mproc_event_create(domain, GRAB, NULL, &shop->grab), GRAB);
    need(mproc_event_create(domain, GO_ON, NULL, &shop->go_on), GO_ON);
    need(mproc_event_create(domain, CLOSING, NULL, &shop->closing), CLOSING);
    need(mproc_dict_set(shop->sums, mproc_datum_str(VISITS), mproc_datum_int(0)), VISITS);
    need(mproc_dict_set(shop->sums, mproc_datum_str(SALES), mproc_datum_int(0)), SALES);
}

static void serve(const char *socket_path, const char *key_path) {
    shop_t shop;
    char address[128];
    const char *port;
    size_t length;
    open_shop(socket_path, key_path, &shop);
    need(mproc_manager_address(shop.manager, 1, address, sizeof address, &length), "address");
    port = strrchr(address, ':') + 1;
    say("I serve a lock, a list and a dict, at a unix socket and at port %s.", port);
    say("@serving %s", port);
    need(mproc_event_wait(shop.closing, MPROC_FOREVER, NULL), CLOSING);
    mproc_event_close(shop.closing);
    mproc_event_close(shop.go_on);
    mproc_event_close(shop.grab);
    mproc_dict_close(shop.sums);
    mproc_list_close(shop.book);
    mproc_lock_close(shop.till);
    mproc_manager_close(shop.manager);
    say("The shop is closed.");
}

int main(int argc, char **argv) {
    const char *role = argc > 1 ? argv[1] : "";
    int numbers[3] = {0, 0, 0}, i;
    for (i = 0; i < 3 && i + 2 < argc; i++) {
        numbers[i] = atoi(argv[i + 2]);
    }
    if (strcmp(role, "count") == 0) {
        count(numbers[0], numbers[1]);
    } else if (strcmp(role, "send") == 0) {
        send_letters(numbers[0], numbers[1]);
    } else if (strcmp(role, "receive") == 0) {
        receive_letters(numbers[0], numbers[1], numbers[2]);
    } else if (strcmp(role, "answer") == 0 && argc > 2) {
        answer_questions(argv[2], numbers[1]);
    } else if (strcmp(role, "serve") == 0 && argc > 3) {
        serve(argv[2], argv[3]);
    } else {
        fprintf(stderr, "%s is started by the director\n", argv[0]);
        return 2;
    }
    return 0;
}
