#include "cases.h"

#include <string.h>

enum { ROUNDS = 300 };

static worker_t *open_in(int language, const pair_t *p) {
    worker_t *worker = start(language);
    ask(worker, "ok", "barrier open barrier-%s", p->tag);
    return worker;
}

/* All three pass, and nothing is left of what was before. */
static void pass_once(worker_t *a, worker_t *b, worker_t *other) {
    tell(a, "barrier wait -1");
    until(other, "1 whole 0", "barrier info");
    tell(b, "barrier wait 10000");
    until(other, "2 whole 0", "barrier info");
    ask(other, "passed 2", "barrier wait 0"); /* the last one has not to wait */
    expect(a, "passed 0");
    expect(b, "passed 1");
    ask(other, "0 whole 0", "barrier info");
}

/* The three languages meet again and again: in each round everybody is another one, and the last one acts for all. */
static void rounds(worker_t *a, worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *all[3];
    int i;
    all[0] = a;
    all[1] = b;
    all[2] = other;
    ask(a, "ok", "value create rounds-%s i64", p->tag);
    for (i = 0; i < 3; i++) {
        ask(all[i], "ok", "marks %s indices-%s %d", i == 0 ? "create" : "open", p->tag, 3 * ROUNDS);
    }
    for (i = 0; i < 3; i++) {
        tell(all[i], "barrier rounds %d rounds-%s", ROUNDS, p->tag);
    }
    for (i = 0; i < 3; i++) {
        expect(all[i], "ok");
    }
    ask(a, "12c", "value load"); /* 300 */
    ask(a, "0 0", "marks check");
    ask(a, "ok", "value close");
}

/* A gives up while B waits. Its time may be over before it has arrived; then nothing breaks, and it tries again. */
static void give_up(worker_t *a, worker_t *other, const char *error, const char *command) {
    char answer[80];
    int i;
    for (i = 0; i < 50; i++) {
        ask(a, error, "%s", command);
        ask_text(other, answer, "barrier info");
        if (strcmp(answer, "1 whole 0") != 0) {
            break;
        }
    }
    check(strcmp(answer, "0 broken 0") == 0);
}

/* A waits for B and the third language, and gives up, or is made to: each learns why. */
static void broken(worker_t *a, worker_t *b, worker_t *other) {
    ask(a, "error timeout", "barrier wait 0");
    ask(a, "0 whole 0", "barrier info"); /* that was no arrival */
    tell(b, "barrier wait -1");
    until(other, "1 whole 0", "barrier info");
    ask(a, "error timeout", "barrier wait 0");
    expect_silence(b);
    give_up(a, other, "error timeout", "barrier wait 30");
    expect(b, "error shattered");
    ask(other, "error shattered", "barrier wait -1");
    ask(other, "error shattered", "barrier wait 0");
    ask(other, "0 broken 0", "barrier info");
    ask(b, "ok", "barrier reset");
    pass_once(a, b, other);

    tell(b, "barrier wait -1");
    until(other, "1 whole 0", "barrier info");
    give_up(a, other, "error canceled", "barrier cancel 30");
    expect(b, "error shattered");
    ask(a, "ok", "barrier reset");

    tell(b, "barrier wait -1");
    tell(a, "barrier wait -1");
    until(other, "2 whole 0", "barrier info");
    ask(other, "ok", "barrier abort");
    expect(b, "error shattered");
    expect(a, "error shattered");
    ask(a, "error shattered", "barrier wait 10000");
    ask(other, "ok", "barrier reset");

    /* A reset sends away who waits, and is all that is needed. */
    tell(b, "barrier wait -1");
    until(other, "1 whole 0", "barrier info");
    ask(a, "ok", "barrier reset");
    expect(b, "error shattered");
    pass_once(a, b, other);

    /* The last one's action fails. */
    tell(b, "barrier fail -1");
    until(other, "1 whole 0", "barrier info");
    tell(other, "barrier wait -1");
    until(a, "2 whole 0", "barrier info");
    ask(a, "failed", "barrier fail -1");
    expect(b, "error shattered");
    expect(other, "error shattered");
    ask(b, "ok", "barrier reset");
}

/* A is killed while it waits, whether B waits with it or comes later; or while it is expected; or at any moment. */
static void killed(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = open_in(p->a, p);
    tell(a, "barrier wait -1");
    tell(b, "barrier wait -1");
    until(other, "2 whole 0", "barrier info");
    worker_kill(a);
    expect(b, "error shattered");
    ask(other, "error shattered", "barrier wait -1");
    ask(other, "ok", "barrier reset");

    a = open_in(p->a, p);
    tell(a, "barrier wait -1");
    until(other, "1 whole 0", "barrier info");
    worker_kill(a);
    tell(b, "barrier wait -1");
    ask(other, "error shattered", "barrier wait -1");
    expect(b, "error shattered");
    ask(other, "ok", "barrier reset");

    a = open_in(p->a, p);
    ask(a, "ok", "barrier register");
    ask(b, "0 whole 1", "barrier info");
    tell(b, "barrier wait -1");
    tell(other, "barrier wait -1");
    until(a, "2 whole 1", "barrier info");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "error shattered");
    expect(other, "error shattered");
    ask(b, "ok", "barrier reset");

    /* Who takes its promise back, or closes its handle, may go. */
    a = open_in(p->a, p);
    ask(a, "error notholder", "barrier unregister");
    ask(a, "ok", "barrier register");
    ask(a, "ok", "barrier register");
    ask(a, "ok", "barrier unregister");
    ask(b, "0 whole 1", "barrier info");
    ask(a, "ok", "barrier unregister");
    ask(b, "0 whole 0", "barrier info");
    ask(a, "ok", "barrier register");
    ask(a, "ok", "barrier close");
    tell(b, "barrier wait -1");
    until(other, "1 whole 0", "barrier info");
    worker_kill(a);
    a = open_in(p->a, p);
    tell(a, "barrier wait -1");
    until(other, "2 whole 0", "barrier info");
    ask(other, "passed 2", "barrier wait -1");
    expect(b, "passed 0");
    expect(a, "passed 1");

    tell(a, "barrier storm");
    tell(b, "barrier storm");
    tell(other, "barrier storm");
    expect(a, "started");
    expect(b, "started");
    expect(other, "started");
    random_pause(3000);
    worker_kill(a);
    expect(b, "error shattered");
    expect(other, "error shattered");
    ask(b, "ok", "barrier reset");
    a = open_in(p->a, p);
    pass_once(a, b, other);
    quit(a);
}

void case_barrier(const pair_t *p) {
    worker_t *a = start(p->a), *b, *other;
    ask(a, "ok", "barrier create barrier-%s 3", p->tag);
    b = open_in(p->b, p);
    other = open_in(p->other, p);
    pass_once(a, b, other);
    rounds(a, b, other, p);
    broken(a, b, other);
    quit(a);
    killed(b, other, p);
    quit(b);
    quit(other);
}
