#include "cases.h"

#include <stdio.h>

/*
 * A is the shell, with nothing but the command-line tool: each of its commands is a process that joins, works and
 * leaves. So everything is smaller here than between those that have the library.
 */

/* What one stores the other loads; both add at the same time; each waits for the other's change. */
static void values(worker_t *sh, worker_t *b, const char *tag) {
    static const char *const numbers[] = {"0", "1", "7fffffffffffffff", "123456789abcdef"};
    size_t i;
    ask(sh, "ok", "value create value-%s u64", tag);
    ask(b, "ok", "value open value-%s u64", tag);
    ask(sh, "error type", "value open value-%s i64", tag);
    for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        ask(sh, "ok", "value store %s", numbers[i]);
        ask(b, numbers[i], "value load");
        ask(b, "ok", "value store 7");
        ask(sh, "7", "value load");
        ask(b, "ok", "value store %s", numbers[i]);
        ask(sh, numbers[i], "value load");
    }
    ask(b, "ok", "value store 5");
    ask(sh, "5", "value fetch add 10");
    ask(b, "15", "value fetch add ffffffffffffffff");
    ask(sh, "14", "value load");
    tell(sh, "value add gate-value-%s 30 3", tag);
    tell(b, "value add gate-value-%s 20000 5", tag);
    expect(sh, "ok");
    expect(b, "ok");
    ask(sh, "1870e", "value load"); /* 20 + 30 x 3 + 20,000 x 5 */
    ask(sh, "error timeout", "value wait 1870e 0");
    ask(sh, "error timeout", "value wait 1870e 30");
    tell(sh, "value wait 1870e 20000");
    settle();
    expect_silence(sh);
    ask(b, "ok", "value store 9");
    ask(b, "ok", "value notify all");
    expect(sh, "changed");
    tell(b, "value wait 9 20000");
    settle();
    expect_silence(b);
    ask(sh, "ok", "value store a");
    expect(b, "changed");
    ask(sh, "error kind", "array open value-%s", tag);
    ask(b, "ok", "value close");
}

static void arrays(worker_t *sh, worker_t *b, const char *tag) {
    ask(sh, "ok", "array create grid-%s i32 2x3", tag);
    ask(b, "error exists", "array create grid-%s i32 2x3", tag);
    ask(b, "ok", "array open grid-%s i32 any", tag);
    ask(b, "2x3", "array shape");
    ask(sh, "ok", "array write 0 1 -2 3 4 5 2147483647");
    ask(b, "1 -2 3 4 5 2147483647", "array read");
    ask(b, "ok", "array set 1 1 -2147483648");
    ask(sh, "1 -2 3 4 -2147483648 2147483647", "array read");
    ask(sh, "-2147483648", "array get 1 1");
    ask(sh, "ok", "array set 0 0 7");
    ask(b, "7", "array get 0 0");
    ask(sh, "error range", "array get 2 0");
    ask(sh, "error notfound", "array open no-grid-%s", tag);
}

/* Messages with all sorts of bytes: from B through the shell to the third language. */
static void queues(worker_t *sh, worker_t *b, worker_t *other, const char *tag) {
    static const char *const flags[] = {"", "lease"};
    int i;
    for (i = 0; i < 2; i++) {
        ask(b, "ok", "queue create in-%d-%s 65536 %s", i, tag, flags[i]);
        ask(other, "ok", "queue create out-%d-%s 65536", i, tag);
        ask(sh, "ok", "queue open in-%d-%s", i, tag);
        ask(sh, "error timeout", "queue get 0");
        tell(sh, "queue move out-%d-%s 12 -1", i, tag);
        ask(b, "ok 12", "queue put 0 12 -1 1");
        ask(other, "ok 12", "queue get 0 12 -1 1");
        expect(sh, "ok 12");
        ask(b, "0", "queue size");
        ask(sh, "0", "queue size");
    }
    ask(sh, "ok", "queue shutdown graceful");
    ask(b, "error closed 0", "queue put 0 1 0 1");
    ask(sh, "error closed", "queue get -1");
}

/* A pipe's messages, the other way round as well; an end is gone with the process that had it. */
static void pipes(worker_t *sh, worker_t *b, worker_t *other, const char *tag) {
    ask(sh, "ok", "pipe create pipe-%s 65536", tag);
    ask(b, "ok", "pipe open pipe-%s 65536 1", tag);
    ask(b, "awaited", "pipe peer");
    ask(b, "ok 10", "pipe put 0 10 -1 1");
    ask(other, "ok", "queue create drained-%s 65536", tag);
    ask(sh, "ok 10", "pipe drain drained-%s 10 -1", tag);
    ask(other, "ok 10", "queue get 0 10 -1 1");
    ask(sh, "error timeout", "pipe get 0");
    ask(b, "gone", "pipe peer");
    ask(b, "error broken 10", "pipe put 10 1 0 1");
    ask(b, "ok", "pipe close");
    ask(sh, "error eof", "pipe get -1");

    ask(other, "ok 30", "queue put 20 10 -1 1");
    ask(sh, "ok", "pipe create back-%s 65536", tag);
    ask(sh, "ok 10", "pipe fill drained-%s 10 -1", tag);
    ask(b, "ok", "pipe open back-%s 65536 0", tag);
    ask(b, "ok 30", "pipe get 20 10 -1 1");
    ask(b, "error eof 30", "pipe get 30 1 -1 1");
}

static void events(worker_t *sh, worker_t *b, const char *tag) {
    ask(sh, "ok", "event create event-%s", tag);
    ask(b, "error exists", "event create event-%s", tag);
    ask(b, "ok", "event open event-%s", tag);
    ask(b, "clear", "event ask");
    tell(b, "event wait -1");
    settle();
    expect_silence(b);
    ask(sh, "ok", "event set");
    expect(b, "set");
    ask(sh, "set", "event wait 0");
    ask(b, "ok", "event clear");
    ask(sh, "clear", "event ask");
    ask(sh, "error timeout", "event wait 30");
    tell(sh, "event wait 20000");
    settle();
    expect_silence(sh);
    ask(b, "ok", "event set");
    expect(sh, "set");
}

/* Data with types, as text and as what B makes of them; a list inside of a dict; both count. */
static void containers(worker_t *sh, worker_t *b, const char *tag) {
    ask(b, "ok", "dict create from-%s", tag);
    ask(b, "ok", "dict fill");
    ask(sh, "ok", "dict open from-%s", tag);
    ask(sh, "18446744073709551615", "dict get \"large\"");
    ask(sh, "{\"$bytes\":\"AP8K\"}", "dict get \"bytes\"");
    ask(sh, "[1,\"two\",[0.5]]", "dict get \"list\"");
    ask(sh, "\"seven\"", "dict get 7");
    ask(sh, "error notfound", "dict get \"7\"");
    ask(sh, "ok", "dict set \"bytes\" {\"$bytes\":\"AP8K\"}");
    ask(sh, "ok", "dict set \"large\" 18446744073709551615");
    ask(sh, "ok", "dict set \"half\" 0.5");
    ask(b, "ok", "dict look");
    ask(sh, "error type", "dict add \"text\" 1");
    ask(sh, "error kind", "list open from-%s", tag);

    ask(sh, "ok", "dict create nested-%s", tag);
    ask(b, "ok", "dict open nested-%s", tag);
    ask(sh, "ok", "dict append \"log\" \"one\"");
    ask(b, "ok", "dict enter \"log\"");
    ask(b, "ok", "list append 2");
    ask(sh, "{\"log\":[\"one\",2]}", "dict dump");
    tell(sh, "dict count gate-dict-%s \"n\" 15", tag);
    tell(b, "dict count gate-dict-%s \"n\" 2000", tag);
    expect(sh, "ok");
    expect(b, "ok");
    ask(sh, "2015", "dict get \"n\"");

    ask(sh, "ok", "list create list-%s", tag);
    ask(b, "ok", "list open list-%s", tag);
    ask(sh, "ok", "list append 3");
    ask(b, "ok", "list append 1");
    ask(sh, "ok", "list insert 0 2");
    ask(sh, "ok", "list sort");
    ask(b, "[1,2,3]", "list dump");
    ask(sh, "3", "list pop -1");
    ask(sh, "error range", "list get 2");
    ask(b, "2", "list size");

    ask(b, "ok", "space create space-%s", tag);
    ask(sh, "ok", "space open space-%s", tag);
    ask(sh, "ok", "space set limit 3");
    ask(b, "4", "space add limit 1");
    ask(sh, "{\"limit\":4}", "space dump");
    ask(sh, "error notfound", "space get nothing");
}

/* Permits for all, and permits of a process: killed in `mproc sem run`, it gives them back. */
static void semaphores(worker_t *sh, worker_t *b, const char *tag) {
    worker_t *victim;
    ask(sh, "ok", "semaphore create plain-%s 2 plain", tag);
    ask(b, "ok", "semaphore open plain-%s", tag);
    ask(sh, "held", "semaphore take -1");
    ask(b, "held", "semaphore take 0");
    ask(b, "error timeout", "semaphore take 0");
    ask(sh, "error timeout", "semaphore take 30");
    tell(b, "semaphore take -1");
    settle();
    expect_silence(b);
    ask(sh, "ok", "semaphore give 1");
    expect(b, "held");
    ask(b, "ok", "semaphore give 2");
    ask(sh, "2", "semaphore value");

    ask(b, "ok", "semaphore create accounts-%s 1 accounting", tag);
    victim = start(SHELL);
    ask(victim, "ok", "semaphore open accounts-%s", tag);
    ask(victim, "held", "semaphore grip");
    ask(b, "error timeout", "semaphore take 150");
    tell(b, "semaphore take -1");
    settle();
    expect_silence(b);
    worker_kill(victim);
    expect(b, "recovered");
    ask(b, "ok", "semaphore give 1");
}

/* B waits for the lock that the shell has in `mproc lock`, which is stopped, goes on, and is killed. */
static void killed_in_lock(worker_t *b, const char *tag) {
    worker_t *sh = start(SHELL);
    char pid[16];
    ask(sh, "ok", "lock open lock lock-%s", tag);
    ask(sh, "held", "lock grip");
    snprintf(pid, sizeof pid, "%d", (int)worker_pid(sh));
    ask(b, pid, "lock owner");
    ask(b, "error timeout", "lock take 0");
    worker_stop(sh);
    ask(b, "error timeout", "lock take 80");
    worker_continue(sh);
    tell(b, "lock take -1");
    settle();
    expect_silence(b);
    worker_kill(sh);
    expect(b, "recovered");
    ask(b, "ok", "lock give");
    ask(b, "held", "lock take 0");
    ask(b, "ok", "lock give");
}

static void locks(worker_t *sh, worker_t *b, const pair_t *p) {
    worker_t *victim;
    int i;
    ask(sh, "ok", "lock create lock lock-%s", p->tag);
    ask(b, "error exists", "lock create lock lock-%s", p->tag);
    ask(b, "ok", "lock open lock lock-%s", p->tag);
    ask(sh, "held", "lock take -1");
    ask(b, "error timeout", "lock take 30");
    tell(b, "lock take -1");
    settle();
    expect_silence(b);
    ask(sh, "ok", "lock give");
    expect(b, "held");
    ask(sh, "error timeout", "lock take 0");
    ask(sh, "error timeout", "lock take 60");
    ask(b, "ok", "lock give");

    /* Both count in two steps, which only mutual exclusion keeps right. */
    ask(b, "ok", "value create plain-lock-%s i64", p->tag);
    tell(sh, "lock race gate-lock-%s plain-lock-%s 15", p->tag, p->tag);
    tell(b, "lock race gate-lock-%s plain-lock-%s 2000", p->tag, p->tag);
    expect(sh, "ok");
    expect(b, "ok");
    ask(b, "7df", "value load"); /* 2015 */

    for (i = 0; i < 3; i++) {
        killed_in_lock(b, p->tag);
    }
    /* And the other way round. */
    victim = start(p->b);
    ask(victim, "ok", "lock open lock lock-%s", p->tag);
    ask(victim, "held", "lock take 0");
    tell(sh, "lock take -1");
    settle();
    expect_silence(sh);
    worker_kill(victim);
    expect(sh, "recovered");
    ask(sh, "ok", "lock give");
    ask(sh, "held", "lock take -1");
    ask(sh, "ok", "lock give");
}

void case_shell(const pair_t *p) {
    worker_t *sh = start(SHELL), *b = start(p->b), *other = start(p->other);
    values(sh, b, p->tag);
    arrays(sh, b, p->tag);
    queues(sh, b, other, p->tag);
    pipes(sh, b, other, p->tag);
    events(sh, b, p->tag);
    containers(sh, b, p->tag);
    semaphores(sh, b, p->tag);
    locks(sh, b, p);
    quit(sh);
    quit(b);
    quit(other);
}
