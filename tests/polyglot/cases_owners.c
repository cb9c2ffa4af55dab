#include "cases.h"

#include <stdio.h>

static void expect_owner(worker_t *asked, const worker_t *owner) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)worker_pid(owner));
    ask(asked, pid, "lock owner");
}

/* What A holds, B releases: for itself, for the third language, and as a signal, again and again. */
static void any_release(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    int i;
    ask(a, "ok", "lock create any any-%s", p->tag);
    ask(b, "ok", "lock open any any-%s", p->tag);
    ask(other, "ok", "lock open any any-%s", p->tag);
    ask(b, "error notholder", "lock give"); /* nobody does */
    ask(a, "held", "lock take -1");
    ask(a, "error timeout", "lock take 0");
    expect_owner(other, a);
    tell(other, "lock take -1");
    settle();
    expect_silence(other);
    ask(b, "ok", "lock give");
    expect(other, "held");
    expect_owner(b, other);
    ask(a, "ok", "lock give");
    ask(b, "nobody", "lock owner");
    ask(other, "error notholder", "lock give");
    ask(b, "held", "lock take 0");
    for (i = 0; i < 50; i++) {
        tell(b, "lock take -1");
        ask(a, "ok", "lock give");
        expect(b, "held");
    }

    /* Who is killed holds only what it has taken, and nobody has released. */
    tell(a, "lock take -1");
    ask(b, "ok", "lock give");
    expect(a, "held");
    tell(b, "lock take -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(other, "ok", "lock give");
    a = start(p->a);
    ask(a, "ok", "lock open any any-%s", p->tag);
    ask(a, "held", "lock take 0");
    ask(b, "ok", "lock give");
    worker_kill(a);
    ask(b, "held", "lock take 0");
    ask(other, "ok", "lock give");
    ask(b, "ok", "lock close");
    ask(other, "ok", "lock close");
}

/* A takes the lock several times and gives it as often; killed with all its levels, it leaves none of them. */
static void levels(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    int i;
    ask(a, "ok", "lock create rlock levels-%s", p->tag);
    ask(b, "ok", "lock open rlock levels-%s", p->tag);
    ask(other, "ok", "lock open rlock levels-%s", p->tag);
    ask(a, "held", "lock take -1");
    ask(a, "held", "lock take 0");
    ask(a, "held", "lock take 1000");
    ask(b, "3", "lock count");
    expect_owner(other, a);
    ask(b, "error timeout", "lock take 0");
    ask(b, "error notholder", "lock give");
    ask(b, "error canceled", "lock cancel 30");
    tell(b, "lock take -1");
    for (i = 0; i < 2; i++) {
        ask(a, "ok", "lock give");
        settle();
        expect_silence(b);
    }
    ask(a, "ok", "lock give");
    expect(b, "held");
    ask(a, "error notholder", "lock give");
    ask(a, "1", "lock count");
    tell(a, "lock take -1");
    ask(b, "ok", "lock give");
    expect(a, "held");

    ask(a, "held", "lock take -1");
    ask(a, "held", "lock take -1");
    tell(b, "lock take -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(other, "1", "lock count");
    ask(b, "held", "lock take 0");
    ask(b, "ok", "lock give");
    ask(other, "error timeout", "lock take 5");
    ask(b, "ok", "lock give");
    ask(other, "held", "lock take 0"); /* nothing was wrong with B */
    ask(other, "ok", "lock give");
    ask(b, "nobody", "lock owner");
}

void case_owners(const pair_t *p) {
    worker_t *b = start(p->b), *other = start(p->other);
    any_release(b, other, p);
    levels(b, other, p);
    quit(b);
    quit(other);
}
