#include "cases.h"

#include <stdio.h>

static const char *const kinds[] = {"lock", "value", "array", "rlock"};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* A is killed with the lock. B, which waits, gets it and is told; afterwards it is clean. */
static void killed_holder(worker_t *b, const pair_t *p, const char *kind, const char *name) {
    worker_t *a = start(p->a);
    char pid[16];
    ask(a, "ok", "lock open %s %s", kind, name);
    ask(a, "held", "lock take -1");
    snprintf(pid, sizeof pid, "%d", (int)worker_pid(a));
    ask(b, pid, "lock owner");
    ask(b, "error timeout", "lock take 0");
    ask(b, "error notholder", "lock give");
    tell(b, "lock take -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(b, "ok", "lock give");
    ask(b, "held", "lock take -1");
    ask(b, "ok", "lock give");
    ask(b, "nobody", "lock owner");

    /* The same when B comes only afterwards, with a limit that is far away. */
    a = start(p->a);
    ask(a, "ok", "lock open %s %s", kind, name);
    ask(a, "held", "lock take 0");
    worker_kill(a);
    ask(b, "recovered", "lock take 10000");
    ask(b, "ok", "lock give");
    ask(b, "held", "lock take 0");
    ask(b, "ok", "lock give");
}

/* A is stopped with the lock: B never gets it. When A goes on and gives it, B has it, and nothing was wrong. */
static void stopped_holder(worker_t *a, worker_t *b) {
    ask(a, "held", "lock take 1000");
    worker_stop(a);
    ask(b, "error timeout", "lock take 0");
    ask(b, "error timeout", "lock take 80");
    tell(a, "lock give");
    tell(b, "lock take -1");
    settle();
    expect_silence(b);
    worker_continue(a);
    expect(a, "ok");
    expect(b, "held");
    ask(a, "error timeout", "lock take 5");
    ask(b, "ok", "lock give");
}

/* A is killed while it waits: it leaves nothing behind that would keep or disturb others. */
static void killed_waiter(worker_t *b, const pair_t *p, const char *kind, const char *name) {
    worker_t *a = start(p->a);
    ask(a, "ok", "lock open %s %s", kind, name);
    ask(b, "held", "lock take -1");
    tell(a, "lock take -1");
    settle();
    expect_silence(a);
    worker_kill(a);
    ask(b, "ok", "lock give");
    ask(b, "held", "lock take -1");
    ask(b, "ok", "lock give");
}

/* Both count in two steps, which only mutual exclusion keeps right. */
static void race(worker_t *a, worker_t *b, const char *kind, const char *tag) {
    ask(a, "ok", "value create plain-%s-%s i64", kind, tag);
    tell(a, "lock race gate-%s-%s plain-%s-%s 2000", kind, tag, kind, tag);
    tell(b, "lock race gate-%s-%s plain-%s-%s 2000", kind, tag, kind, tag);
    expect(a, "ok");
    expect(b, "ok");
    ask(a, "fa0", "value load"); /* 4000 */
    ask(a, "ok", "value close");
}

void case_lock(const pair_t *p) {
    int i;
    worker_t *a = start(p->a), *b = start(p->b);
    for (i = 0; i < KINDS; i++) {
        char name[64];
        snprintf(name, sizeof name, "lock-%s-%s", kinds[i], p->tag);
        ask(a, "ok", "lock create %s %s", kinds[i], name);
        ask(b, "error exists", "lock create %s %s", kinds[i], name);
        ask(b, "ok", "lock open %s %s", kinds[i], name);
        race(a, b, kinds[i], p->tag);
        stopped_holder(a, b);
        killed_holder(b, p, kinds[i], name);
        killed_waiter(b, p, kinds[i], name);
        ask(a, "held", "lock take -1");
        ask(a, "ok", "lock give");
        ask(a, "ok", "lock close");
        ask(b, "ok", "lock close");
    }
    quit(a);
    quit(b);
}
