#include "cases.h"

#include <string.h>

static worker_t *open_in(int language, const char *name, const pair_t *p) {
    worker_t *worker = start(language);
    ask(worker, "ok", "semaphore open %s-%s", name, p->tag);
    return worker;
}

/* Anybody may release; what A has taken when it is killed is lost until somebody does. */
static void plain(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "semaphore create plain-%s 2 plain", p->tag);
    ask(b, "ok", "semaphore open plain-%s", p->tag);
    ask(other, "ok", "semaphore open plain-%s", p->tag);
    ask(a, "held", "semaphore take -1");
    ask(a, "held", "semaphore take 0");
    ask(b, "error timeout", "semaphore take 0");
    ask(b, "error timeout", "semaphore take 30");
    ask(b, "error canceled", "semaphore cancel 30");
    tell(b, "semaphore take -1");
    settle();
    expect_silence(b);
    ask(other, "ok", "semaphore give 1");
    expect(b, "held");
    worker_kill(a);
    ask(b, "0 0 0 0", "semaphore info");
    ask(b, "error timeout", "semaphore take 150");
    tell(b, "semaphore take 10000");
    ask(other, "ok", "semaphore give 4"); /* more than there were */
    expect(b, "held");
    ask(b, "3 0 0 0", "semaphore info");

    /* A is killed while it waits: it takes nothing. */
    a = open_in(p->a, "plain", p);
    ask(b, "held", "semaphore take 0");
    ask(b, "held", "semaphore take 0");
    ask(b, "held", "semaphore take 0");
    tell(a, "semaphore take -1");
    settle();
    expect_silence(a);
    worker_kill(a);
    ask(b, "ok", "semaphore give 1");
    ask(other, "held", "semaphore take 10000");
    ask(b, "0 0 0 0", "semaphore info");
    ask(b, "ok", "semaphore close");
    ask(other, "ok", "semaphore close");
}

static void bounded(worker_t *b, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "semaphore create bounded-%s 2 bounded", p->tag);
    ask(b, "ok", "semaphore open bounded-%s", p->tag);
    ask(b, "error overflow", "semaphore give 1");
    ask(a, "held", "semaphore take 0");
    ask(b, "error overflow", "semaphore give 2"); /* nothing was given */
    ask(b, "1 0 0 0", "semaphore info");
    ask(b, "ok", "semaphore give 1");
    ask(a, "error overflow", "semaphore give 1");
    ask(b, "ok", "semaphore close");
    quit(a);
}

/* Permits are the processes' own. A is killed, or stopped, with some. */
static void accounting(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "semaphore create accounts-%s 3 accounting", p->tag);
    ask(b, "ok", "semaphore open accounts-%s", p->tag);
    ask(other, "ok", "semaphore open accounts-%s", p->tag);
    ask(a, "held", "semaphore take -1");
    ask(a, "held", "semaphore take 0");
    ask(b, "held", "semaphore take 1000");
    ask(other, "error notholder", "semaphore give 1");
    ask(b, "error notholder", "semaphore give 2");
    ask(b, "0 1 2 0", "semaphore info");
    ask(b, "error timeout", "semaphore take 0");
    ask(b, "error canceled", "semaphore cancel 30");
    worker_stop(a);
    ask(b, "error timeout", "semaphore take 150");
    worker_continue(a);
    tell(b, "semaphore take -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(other, "held", "semaphore take 10000"); /* it was told */
    ask(b, "0 2 2 1", "semaphore info");
    ask(other, "error timeout", "semaphore take 0");
    ask(b, "ok", "semaphore give 2");
    ask(other, "ok", "semaphore give 1");
    ask(b, "3 0 0 1", "semaphore info");

    /* Nobody waits when A dies: who comes then gets its permits, and also without waiting. */
    a = open_in(p->a, "accounts", p);
    ask(a, "held", "semaphore take 0");
    ask(a, "held", "semaphore take 0");
    ask(a, "held", "semaphore take 0");
    worker_kill(a);
    until(b, "recovered", "semaphore take 0");
    ask(other, "held", "semaphore take 10000");
    ask(other, "held", "semaphore take 0");
    ask(b, "ok", "semaphore give 1");
    ask(other, "ok", "semaphore give 2");
    ask(b, "3 0 0 2", "semaphore info");
    ask(b, "ok", "semaphore close");
    ask(other, "ok", "semaphore close");
}

/* The third language leaves one permit, so that never two are inside. Then A is killed at any moment while it takes and
 * gives, and in the end all permits are there. */
static void race(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    int i;
    ask(a, "ok", "semaphore create race-%s 3 accounting", p->tag);
    ask(b, "ok", "semaphore open race-%s", p->tag);
    ask(other, "ok", "semaphore open race-%s", p->tag);
    ask(other, "held", "semaphore take 0");
    ask(other, "held", "semaphore take 0");
    ask(a, "ok", "value create inside-%s i64", p->tag);
    tell(a, "semaphore race gate-sem-%s inside-%s 1000", p->tag, p->tag);
    tell(b, "semaphore race gate-sem-%s inside-%s 1000", p->tag, p->tag);
    expect(a, "ok");
    expect(b, "ok");
    ask(a, "0", "value load");
    ask(b, "1 0 1 0", "semaphore info");

    for (i = 0; i < 3; i++) {
        ask(a, "started", "semaphore storm");
        random_pause(2000);
        worker_kill(a);
        a = open_in(p->a, "race", p);
    }
    ask(other, "ok", "semaphore give 2");
    for (i = 0; i < 3; i++) {
        char answer[80];
        ask_text(b, answer, "semaphore take 10000");
        check(strcmp(answer, "held") == 0 || strcmp(answer, "recovered") == 0);
    }
    ask(b, "error timeout", "semaphore take 0");
    ask(other, "error notholder", "semaphore give 1");
    ask(b, "ok", "semaphore give 3");
    quit(a);
}

void case_semaphore(const pair_t *p) {
    worker_t *b = start(p->b), *other = start(p->other);
    plain(b, other, p);
    bounded(b, p);
    accounting(b, other, p);
    race(b, other, p);
    quit(b);
    quit(other);
}
