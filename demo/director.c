/*
 * The demo: processes in C, C++ and Go share a counter, an array, a queue and pipes, shell scripts two values, and the
 * clients of a manager a lock, a list and a dict, through memory or over TCP. One is killed while it holds the array's
 * lock, one in the middle of a put, one while it is asked, a script in the middle of a change, and a client over TCP
 * while it holds the manager's lock. The rest finish, and the totals are right.
 *
 *     director DIRECTORY    where worker-c, worker-cpp, worker-go and worker-sh are; `make demo` does it all
 *
 * Nothing here depends on how fast anybody is: who has to be at some point says so, or is held up there.
 */
#define _GNU_SOURCE
#include "scene.h"
#include "troupe.h"

#include <mproc.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    ADDITIONS = 100000,  /* per worker */
    ROUNDS = 2000,       /* per worker */
    DOOMED_ROUNDS = 50,
    LETTERS = 50000,     /* per sender */
    SINGLES = 500,       /* of the doomed sender, before its batch */
    BATCH = 400000,      /* many times what the queue holds: nobody comes to its end unless it is emptied */
    PAUSE_AT = SINGLES + 200000,
    WIDTH = SINGLES + BATCH,
    QUESTIONS = 10000,   /* per player */
    DOOMED_ANSWERS = 400,
    ENTRIES = 15,        /* per script */
    VISITORS = 1000,     /* per seller */
    SOLD = 300           /* per seller; the doomed one makes half of them */
};
enum { FROM_C, FROM_CPP, FROM_GO, SENDERS };
enum { LINES = 4 };

static char domain_path[64];
static mproc_value_t *counter, *returned, *cue, *left_page, *right_page;
static mproc_array_t *board, *ledger;
static mproc_queue_t *mail;
static mproc_pipe_t *lines[LINES]; /* to the players of act 3 */
static char shop_directory[64], shop_socket[80], shop_key[80]; /* of act 5; "": not yet, or not any more */
static mproc_manager_t *shop;

static void remove_shop(void) {
    mproc_manager_close(shop);
    shop = NULL;
    if (shop_directory[0] != '\0') {
        unlink(shop_socket);
        unlink(shop_key);
        rmdir(shop_directory);
        shop_directory[0] = '\0';
    }
}

static void remove_objects(void) {
    DIR *dir;
    struct dirent *entry;
    int i;
    remove_shop();
    for (i = 0; i < LINES; i++) {
        mproc_pipe_close(lines[i]);
    }
    mproc_value_close(counter);
    mproc_value_close(returned);
    mproc_value_close(cue);
    mproc_value_close(left_page);
    mproc_value_close(right_page);
    mproc_array_close(board);
    mproc_array_close(ledger);
    mproc_queue_close(mail);
    if (mproc_domain_remove(domain_path) == MPROC_OK) {
        return;
    }
    dir = opendir(domain_path); /* the show must not leave anything, whatever went wrong */
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    rmdir(domain_path);
}

static int need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        troupe_end(1, "%s: %s: %s", what, mproc_strerror(status), error.message);
    }
    return status;
}

static mproc_value_t *make_value(const char *name, int32_t type) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *value = NULL;
    options.type_code = type;
    need(mproc_value_create(NULL, name, &options, &value), name);
    return value;
}

static mproc_array_t *make_array(const char *name, int32_t type, size_t ndim, size_t rows, size_t columns) {
    mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
    mproc_array_t *array = NULL;
    options.type_code = type;
    options.ndim = ndim;
    options.shape[0] = rows;
    options.shape[1] = columns;
    need(mproc_array_create(NULL, name, &options, &array), name);
    return array;
}

static void give_cue(int number) {
    need(mproc_value_set_i64(cue, number), CUE);
}

static const char *text(int number) {
    static char texts[8][16];
    static unsigned next;
    char *place = texts[next++ % 8];
    snprintf(place, sizeof texts[0], "%d", number);
    return place;
}

/* --- act 1 ------------------------------------------------------------------------------------------- */

static int repairs;

static void play_counting(const char *programs) {
    actor_t c, cpp, go, doomed;
    actor_t *workers[3] = {&c, &cpp, &go};
    mproc_owner_t holder;
    pid_t pid;
    int i;

    tell("ACT 1. A counter, to which everybody adds 1 without a lock, and a board of %d cells: a round", CELLS);
    tell("takes the board's lock and adds 1 to every cell. C, C++ and Go play, and a second C++ program.");
    actor_start(&c, "C", programs, "worker-c", "count", text(ADDITIONS), text(ROUNDS), NULL);
    actor_start(&cpp, "C++", programs, "worker-cpp", "count", text(ADDITIONS), text(ROUNDS), NULL);
    actor_start(&go, "Go", programs, "worker-go", "count", text(ADDITIONS), text(ROUNDS), NULL);
    actor_start(&doomed, "C++ 2", programs, "worker-cpp", "hold", text(DOOMED_ROUNDS), NULL);
    for (i = 0; i < 3; i++) {
        actor_await(workers[i], "half");
    }
    actor_await(&doomed, "half");
    give_cue(CUE_GRAB);
    actor_await(&doomed, "holding");
    give_cue(CUE_GO_ON);
    tell("The others go on, and have to wait for that lock.");
    troupe_watch(300); /* for the audience: they do wait */
    need(mproc_array_lock_owner(board, &holder, sizeof holder), "who holds the lock");
    tell("The lock is held by process %d (%s), which is %s. kill -9 %d!", (int)holder.pid, holder.command,
         holder.alive ? "alive" : "dead", (int)doomed.pid);
    pid = doomed.pid;
    if (!holder.held || holder.pid != pid) {
        troupe_end(1, "but it should be process %d", (int)pid);
    }
    actor_kill(&doomed);
    for (i = 0; i < 3; i++) {
        actor_join(workers[i]);
        repairs += workers[i]->number >= 0 && strcmp(workers[i]->said, "repaired") == 0 &&
                   workers[i]->number == HALF_DONE;
    }
}

/* --- act 2 ------------------------------------------------------------------------------------------- */

static int taken; /* letters that the receivers say they took */

static void play_mail(const char *programs) {
    actor_t c, cpp, doomed, receivers[3];
    static const char *const names[3] = {"C 3", "C++ 3", "Go 3"};
    static const char *const receiver_programs[3] = {"worker-c", "worker-cpp", "worker-go"};
    const int32_t *first_of_batch;
    void *received = NULL;
    int i;

    need(mproc_array_ptr(ledger, &received), LEDGER);
    first_of_batch = (const int32_t *)received + FROM_GO * WIDTH + SINGLES;

    tell("ACT 2. A queue of 64 KiB. A second Go program posts numbered letters, many at a time, C and C++ post %d", LETTERS);
    tell("each. C, C++ and Go receive, and mark each letter in a ledger.");
    for (i = 0; i < 3; i++) {
        actor_start(&receivers[i], names[i], programs, receiver_programs[i], "receive", text(WIDTH), text(FROM_GO),
                    text(PAUSE_AT), NULL);
    }
    actor_start(&doomed, "Go 2", programs, "worker-go", "batch", text(FROM_GO), text(SINGLES), text(BATCH), NULL);
    actor_await(&doomed, "batch");
    actor_start(&c, "C", programs, "worker-c", "send", text(FROM_C), text(LETTERS), NULL);
    actor_start(&cpp, "C++", programs, "worker-cpp", "send", text(FROM_CPP), text(LETTERS), NULL);
    while (__atomic_load_n(first_of_batch, __ATOMIC_RELAXED) == 0) {
        troupe_watch(1);
    }
    srand((unsigned)time(NULL));
    troupe_watch(rand() % 40); /* somewhere in the batch; its end is out of reach */
    tell("The first letters of that call have arrived, so it is in the middle of it. kill -9 %d!", (int)doomed.pid);
    actor_kill(&doomed);
    give_cue(CUE_MAIL);
    actor_join(&c);
    actor_join(&cpp);
    tell("Both senders are done. The post office closes: no more letters go in, what is inside can be taken.");
    need(mproc_queue_shutdown(mail, 0), "shutdown");
    for (i = 0; i < 3; i++) {
        actor_join(&receivers[i]);
        taken += strcmp(receivers[i].said, "taken") == 0 ? receivers[i].number : 0;
    }
}

/* --- act 3 ------------------------------------------------------------------------------------------- */

static int answered[LINES]; /* right answers that arrived, in order */
static int given;           /* answers that the players say they gave */
static int told_of_death;

/* Takes the answers to all questions, until there are no more; the status says why. */
static int take_answers(int line) {
    for (;;) {
        int64_t answer = 0;
        size_t length;
        int status = MPROC_OK;
        if (answered[line] < QUESTIONS) {
            status = mproc_pipe_recv(lines[line], &answer, sizeof answer, &length, 0, NULL);
        }
        if (status == MPROC_ETIMEDOUT) {
            troupe_watch(1);
        } else if (status != MPROC_OK || answer != (int64_t)answered[line] * answered[line]) {
            return status; /* or a wrong answer: the totals will tell */
        } else if (answered[line]++ == QUESTIONS - 1) {
            return MPROC_OK;
        }
    }
}

static void play_questions(const char *programs) {
    enum { DOOMED = LINES - 1 };
    static const char *const names[LINES] = {"C", "C++", "Go", "C 2"};
    static const char *const line_names[LINES] = {"line-0", "line-1", "line-2", "line-3"};
    static const char *const line_programs[LINES] = {"worker-c", "worker-cpp", "worker-go", "worker-c"};
    actor_t players[LINES];
    int64_t number;
    int i, at_end, at_send;

    tell("ACT 3. A pipe to each player: C, C++, Go, and a second C program. I ask %d questions through", QUESTIONS);
    tell("each, and they answer through the same pipe.");
    for (i = 0; i < LINES; i++) {
        need(mproc_pipe_create(NULL, line_names[i], NULL, &lines[i], NULL), line_names[i]);
        for (number = 0; number < QUESTIONS; number++) { /* all of them fit: they wait for who is to answer */
            need(mproc_pipe_send(lines[i], &number, sizeof number, 0, NULL), "send");
        }
        actor_start(&players[i], names[i], programs, line_programs[i], "answer", line_names[i],
                    i == DOOMED ? text(DOOMED_ANSWERS) : NULL, NULL);
    }
    actor_await(&players[DOOMED], "stuck");
    tell("I have not taken any of its answers yet. kill -9 %d!", (int)players[DOOMED].pid);
    actor_kill(&players[DOOMED]);
    at_end = take_answers(DOOMED);
    while ((at_send = mproc_pipe_send(lines[DOOMED], &number, sizeof number, 0, NULL)) == MPROC_ETIMEDOUT) {
        troupe_watch(1);
    }
    tell("All it had sent arrived, %d answers. Then: %s. And if I ask on: %s.", answered[DOOMED],
         mproc_status_name(at_end), mproc_status_name(at_send));
    told_of_death = at_end == MPROC_EOF && at_send == MPROC_EPIPE;
    for (i = 0; i < DOOMED; i++) {
        take_answers(i);
        mproc_pipe_close(lines[i]); /* no more questions */
        lines[i] = NULL;
        actor_join(&players[i]);
        given += strcmp(players[i].said, "answered") == 0 ? players[i].number : 0;
    }
}

/* --- act 4 ------------------------------------------------------------------------------------------- */

static int restored; /* scripts that were told of the death and put right what it had left */

static void play_books(const char *programs) {
    static const char *const names[2] = {"sh", "sh 2"};
    actor_t doomed, scripts[2];
    int i;

    tell("ACT 4. The books: two numbers that have to be equal. Shell scripts add 1 to both, one after the other,");
    tell("inside of `mproc lock`: with nothing but the command-line tool.");
    actor_start(&doomed, "sh 3", programs, "worker-sh", "half", NULL);
    actor_await(&doomed, "half");
    for (i = 0; i < 2; i++) {
        actor_start(&scripts[i], names[i], programs, "worker-sh", "enter", text(ENTRIES), NULL);
    }
    troupe_watch(300); /* for the audience: they do wait */
    tell("The books are half done, and the others wait. kill -9 %d!", (int)doomed.pid);
    actor_kill(&doomed);
    for (i = 0; i < 2; i++) {
        actor_join(&scripts[i]);
        restored += strcmp(scripts[i].said, "restored") == 0;
    }
}

/* --- act 5 ------------------------------------------------------------------------------------------- */

enum { SELLERS = 4 };
static const char *const sellers[SELLERS] = {"C++", "Go", "Go 2", "Go 3"};
static int struck_out;       /* sellers that were told of the death and put right what it had left */
static int book_lines;       /* at the end */
static int book_of[SELLERS]; /* ... of each seller */
static int64_t sales_sum, visits_sum;

static mproc_event_t *shop_event(const mproc_domain_t *domain, const char *name) {
    mproc_event_t *event = NULL;
    need(mproc_event_open(domain, name, NULL, &event), name);
    return event;
}

static void shop_set(const mproc_domain_t *domain, const char *name) {
    mproc_event_t *event = shop_event(domain, name);
    need(mproc_event_set(event), name);
    mproc_event_close(event);
}

static int64_t shop_sum(const mproc_dict_t *sums, const char *key) {
    mproc_datum_t value;
    need(mproc_dict_get(sums, mproc_datum_str(key), NULL, 0, &value), key);
    return value.type == MPROC_DATUM_INT ? value.as.i : -1;
}

/* What the book and the sums say. */
static void read_shop(const mproc_domain_t *domain) {
    mproc_list_t *book = NULL;
    mproc_dict_t *sums = NULL;
    size_t length = 0, i, k;
    need(mproc_list_open(domain, BOOK, NULL, &book), BOOK);
    need(mproc_dict_open(domain, SUMS, NULL, &sums), SUMS);
    need(mproc_list_len(book, &length), BOOK);
    for (i = 0; i < length; i++) {
        char name[16];
        mproc_datum_t line;
        need(mproc_list_get(book, (int64_t)i, name, sizeof name, &line), BOOK);
        for (k = 0; k < SELLERS; k++) {
            book_of[k] += line.type == MPROC_DATUM_STR && line.len == strlen(sellers[k]) &&
                          memcmp(line.data, sellers[k], line.len) == 0;
        }
    }
    book_lines = (int)length;
    sales_sum = shop_sum(sums, SALES);
    visits_sum = shop_sum(sums, VISITS);
    tell("The book has %d lines; the dict says: {\"%s\": %lld, \"%s\": %lld}.", book_lines, VISITS,
         (long long)visits_sum, SALES, (long long)sales_sum);
    mproc_dict_close(sums);
    mproc_list_close(book);
}

static void open_shop(const char *programs, actor_t *server, char *near, char *far, size_t size) {
    mproc_key_t key;
    snprintf(shop_directory, sizeof shop_directory, "/tmp/mproc-demo-XXXXXX");
    if (mkdtemp(shop_directory) == NULL) {
        shop_directory[0] = '\0';
        troupe_end(1, "no directory for a socket");
    }
    snprintf(shop_socket, sizeof shop_socket, "%s/shop", shop_directory);
    snprintf(shop_key, sizeof shop_key, "%s/key", shop_directory);
    actor_start(server, "C", programs, "worker-c", "serve", shop_socket, shop_key, NULL);
    actor_await(server, "serving");
    snprintf(near, size, "unix:%s", shop_socket);
    snprintf(far, size, "tcp:127.0.0.1:%d", server->number);
    need(mproc_key_load(shop_key, &key), shop_key);
    need(mproc_manager_connect(near, &key, NULL, &shop), near);
}

static void play_shop(const char *programs) {
    enum { DOOMED = SELLERS - 1 };
    static const char *const seller_programs[SELLERS] = {"worker-cpp", "worker-go", "worker-go", "worker-go"};
    actor_t server, actors[SELLERS];
    const mproc_domain_t *domain = NULL;
    char near[96], far[96];
    int i;

    tell("ACT 5. A shop, served by a manager: a C program has a lock, a list and a dict, which no file leads to.");
    tell("C++ and Go come through its unix socket and get the memory itself; two more Go programs come over TCP,");
    tell("with a key, encrypted: as they would from another machine. Who has the lock (the till) writes a line in the");
    tell("list (the book) and adds 1 to the sales in the dict.");
    open_shop(programs, &server, near, far, sizeof near);
    need(mproc_manager_domain(shop, &domain), "domain");
    for (i = 0; i < SELLERS; i++) {
        actor_start(&actors[i], sellers[i], programs, seller_programs[i], i == DOOMED ? "sell-half" : "sell",
                    i < 2 ? near : far, shop_key, sellers[i], text(VISITORS), text(SOLD), NULL);
    }
    for (i = 0; i < SELLERS; i++) {
        actor_await(&actors[i], "half");
    }
    shop_set(domain, GRAB);
    actor_await(&actors[DOOMED], "holding");
    shop_set(domain, GO_ON);
    tell("The others go on, and have to wait for the till.");
    troupe_watch(300); /* for the audience: they do wait */
    tell("The lock belongs to a client at the other end of a connection. kill -9 %d!", (int)actors[DOOMED].pid);
    actor_kill(&actors[DOOMED]);
    for (i = 0; i < DOOMED; i++) {
        actor_join(&actors[i]);
        struck_out += actors[i].number == 1 && strcmp(actors[i].said, "repaired") == 0;
    }
    read_shop(domain);
    shop_set(domain, CLOSING);
    actor_join(&server);
    remove_shop();
}

/* --- the end ----------------------------------------------------------------------------------------- */

static int wrong;

static void row(const char *what, long long expected, long long found) {
    wrong += expected != found;
    printf("  %-48s %10lld %10lld   %s\n", what, expected, found, expected == found ? "ok" : "WRONG");
}

static void check_totals(void) {
    int64_t number = 0, cells[CELLS];
    int32_t *received;
    int sender, i, twice = 0, from[SENDERS] = {0}, prefix = 0, in_order = 1;
    size_t left = 0;
    void *pointer = NULL;

    printf("\n  %-48s %10s %10s\n", "", "expected", "found");
    need(mproc_value_get_i64(counter, &number), COUNTER);
    row("counter", 3LL * ADDITIONS, number);
    need(mproc_array_read(board, 0, CELLS, cells, sizeof cells), BOARD);
    for (i = 1; i < CELLS && cells[i] == cells[0]; i++) {
    }
    row("board: cells that are equal", CELLS, i);
    row("board: rounds in each cell", 3LL * ROUNDS + DOOMED_ROUNDS, cells[0]);
    row("board: told of the death and repaired", 1, repairs);

    need(mproc_array_ptr(ledger, &pointer), LEDGER);
    received = pointer;
    for (sender = 0; sender < SENDERS; sender++) {
        for (i = 0; i < WIDTH; i++) {
            from[sender] += received[sender * WIDTH + i] != 0;
            twice += received[sender * WIDTH + i] > 1;
        }
    }
    while (prefix < WIDTH && received[FROM_GO * WIDTH + prefix] != 0) {
        prefix++;
    }
    in_order = prefix == from[FROM_GO];
    row("letters from C", LETTERS, from[FROM_C]);
    row("letters from C++", LETTERS, from[FROM_CPP]);
    need(mproc_value_get_i64(returned, &number), RETURNED);
    row("letters from Go: put had returned, arrived", number, prefix < number ? prefix : number);
    row("letters from Go: of the call that was cut off", from[FROM_GO] - SINGLES, prefix - SINGLES);
    row("letters that arrived twice", 0, twice);
    row("letters that the receivers counted", from[FROM_C] + from[FROM_CPP] + from[FROM_GO], taken);
    need(mproc_queue_size(mail, &left), MAIL);
    row("letters left in the queue", 0, (long long)left);
    row("answers from C", QUESTIONS, answered[0]);
    row("answers from C++", QUESTIONS, answered[1]);
    row("answers from Go", QUESTIONS, answered[2]);
    row("answers that the players counted", answered[0] + answered[1] + answered[2], given);
    row("answers from C 2: that it had sent, arrived", DOOMED_ANSWERS, answered[3]);
    row("pipes that told of the death at their other end", 1, told_of_death);
    need(mproc_value_get_i64(left_page, &number), LEFT);
    row("books of the scripts, left", 2LL * ENTRIES, number);
    need(mproc_value_get_i64(right_page, &number), RIGHT);
    row("books of the scripts, right", 2LL * ENTRIES, number);
    row("books: told of the death and restored", 1, restored);
    row("shop: visits", (long long)SELLERS * VISITORS, visits_sum);
    row("shop: sales", 3LL * SOLD + SOLD / 2, sales_sum);
    row("shop: lines in the book", 3LL * SOLD + SOLD / 2, book_lines);
    for (i = 0; i < SELLERS; i++) {
        char what[40];
        snprintf(what, sizeof what, "shop: lines of %s", sellers[i]);
        row(what, i == SELLERS - 1 ? SOLD / 2 : SOLD, book_of[i]);
    }
    row("shop: told of the death and put right", 1, struck_out);
    printf("\n");
    need(mproc_value_get_i64(returned, &number), RETURNED);
    if (!in_order || number != SINGLES || from[FROM_GO] <= SINGLES || from[FROM_GO] >= WIDTH) {
        wrong++;
    }
}

int main(int argc, char **argv) {
    mproc_queue_options_t small = MPROC_QUEUE_OPTIONS_INIT;
    const char *programs = argc > 1 ? argv[1] : ".";

    snprintf(domain_path, sizeof domain_path, "/dev/shm/mproc-demo-%ld", (long)getpid());
    setenv("MPROC_DOMAIN", domain_path, 1); /* for the workers as well */
    troupe_start(remove_objects);

    counter = make_value(COUNTER, MPROC_TYPE_I64);
    returned = make_value(RETURNED, MPROC_TYPE_I64);
    cue = make_value(CUE, MPROC_TYPE_I32);
    left_page = make_value(LEFT, MPROC_TYPE_I64);
    right_page = make_value(RIGHT, MPROC_TYPE_I64);
    board = make_array(BOARD, MPROC_TYPE_I64, 1, CELLS, 0);
    ledger = make_array(LEDGER, MPROC_TYPE_I32, 2, SENDERS, WIDTH);
    small.capacity_bytes = 64 << 10;
    need(mproc_queue_create(NULL, MAIL, &small, &mail), MAIL);

    play_counting(programs);
    tell("Everybody has finished: the lock went on, and nothing that was done is lost.");
    play_mail(programs);
    play_questions(programs);
    play_books(programs);
    play_shop(programs);
    check_totals();
    if (wrong != 0) {
        troupe_end(1, "The totals are WRONG.");
    }
    tell("All totals are right. Five of twenty-two processes were killed, one with the lock in its hands, one in the");
    tell("middle of a put, one while it was asked, a script in the middle of a change, one at the other end of a");
    tell("connection: nobody hung, and nothing that was done is lost or there twice.");
    remove_objects();
    return 0;
}
