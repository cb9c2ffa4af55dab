#include "cases.h"

#include <inttypes.h>
#include <stdio.h>

/* Everything that A stores, B reads, and the other way round; what differs in type differs. */
static void dict_basics(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "dict create dict-%s", tag);
    ask(b, "error exists", "dict create dict-%s", tag);
    ask(b, "error kind", "list open dict-%s", tag);
    ask(b, "error notfound", "dict open no-dict-%s", tag);
    ask(b, "ok", "dict open dict-%s", tag);
    ask(a, "ok", "dict fill");
    ask(b, "ok", "dict look");
    ask(b, "10", "dict size");
    ask(a, "null", "dict get \"nothing\"");
    ask(a, "18446744073709551615", "dict get \"large\"");
    ask(a, "\"seven\"", "dict get 7");
    ask(a, "error notfound", "dict get \"7\"");
    ask(a, "error notfound", "dict get 7.0");
    ask(b, "ok", "dict set 7.0 [7,7.0,true,null,\"\",{\"b\":1,\"a\":2}]");
    ask(a, "[7,7.0,true,null,\"\",{\"b\":1,\"a\":2}]", "dict get 7.0");
    ask(a, "\"seven\"", "dict get 7");
    ask(a, "ok", "dict set [1,\"x\"] 1");
    ask(b, "true", "dict has [1,\"x\"]");
    ask(b, "ok", "dict delete [1,\"x\"]");
    ask(a, "false", "dict has [1,\"x\"]");
    ask(a, "error notfound", "dict delete [1,\"x\"]");

    ask(b, "8", "dict add \"sum\" 8");
    ask(a, "5", "dict add \"sum\" -3");
    ask(b, "5.5", "dict add \"sum\" 0.5");
    ask(a, "error type", "dict add \"text\" 1");
    ask(b, "false", "dict swap \"sum\" 5 6");
    ask(b, "true", "dict swap \"sum\" 5.5 6");
    ask(a, "6", "dict get \"sum\"");
}

/* A list inside of the dict, which both change; it goes on while somebody has it, also when the dict has not. */
static void dict_nested(worker_t *a, worker_t *b, worker_t *other, const char *tag) {
    ask(a, "ok", "dict create nested-%s", tag);
    ask(b, "ok", "dict open nested-%s", tag);
    ask(other, "ok", "dict open nested-%s", tag);
    ask(a, "ok", "dict nest \"inner\"");
    ask(b, "ok", "dict enter \"inner\"");
    ask(b, "ok", "list append 1");
    ask(other, "ok", "dict append \"inner\" \"two\"");
    ask(a, "ok", "dict append \"fresh\" 3");
    ask(a, "{\"inner\":[1,\"two\"],\"fresh\":[3]}", "dict dump");
    ask(other, "ok", "dict enter \"inner\"");
    worker_kill(other); /* with a handle */
    ask(a, "ok", "dict delete \"inner\"");
    ask(b, "ok", "list append [3]");
    ask(b, "[1,\"two\",[3]]", "list dump");
    ask(a, "{\"fresh\":[3]}", "dict dump");
    ask(b, "ok", "dict enter \"fresh\"");
    ask(a, "error notfound", "dict enter \"inner\"");
}

/* Both count at the same time, in one step and in two. */
static void dict_races(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "dict set \"races\" 0");
    tell(a, "dict count gate-count-%s \"races\" 2000", tag);
    tell(b, "dict count gate-count-%s \"races\" 3000", tag);
    expect(a, "ok");
    expect(b, "ok");
    ask(b, "5000", "dict get \"races\"");
    tell(a, "dict swaps gate-swaps-%s \"races\" 500", tag);
    tell(b, "dict swaps gate-swaps-%s \"races\" 700", tag);
    expect(a, "ok");
    expect(b, "ok");
    ask(a, "6200", "dict get \"races\"");
}

/* A is killed in a storm of changes. What it knew to be done is done, at most one more; nothing is half done, no memory
 * is lost, and B goes on at once. KIND: dict or list. */
static void killed(worker_t *b, const pair_t *p, const char *kind) {
    uint64_t from = 1, done, first, next, steals, rollbacks;
    char name[32], answer[80];
    int round;
    snprintf(name, sizeof name, "storm-%s-%s", kind, p->tag);
    ask(b, "ok", "%s create %s", kind, name);
    ask(b, "ok", "value create done-%s u64", name);
    for (round = 0; round < 6; round++) {
        worker_t *a = start(p->a);
        ask(a, "ok", "%s open %s", kind, name);
        ask(a, "started", "%s storm %" PRIu64 " done-%s", kind, from, name);
        random_pause(3000);
        worker_kill(a);
        ask_text(b, answer, "value load");
        check(sscanf(answer, "%" SCNx64, &done) == 1);
        ask_numbers(b, "ok", &first, &next, "%s check", kind);
        /* One of two changes may be done that belong to one serial: then there is an entry more than the window has. */
        check_numbers(done >= from && next >= done + 1 && next <= done + 2 && next - first <= 101 &&
                          (next - first >= 100 || first == 1),
                      "%" PRIu64 " to %" PRIu64 " are there, %" PRIu64 " was done", first, next, done);
        from = next;
    }
    ask_numbers(b, "", &steals, &rollbacks, "%s info", kind);
    seen.steals += (long)steals;
    seen.rollbacks += (long)rollbacks;
}

void case_dict(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b), *other = start(p->other);
    dict_basics(a, b, p->tag);
    dict_races(a, b, p->tag);
    dict_nested(a, b, other, p->tag);
    quit(a);
    killed(b, p, "dict");
    quit(b);
}

/* Elements come and go at both ends and between. */
static void list_basics(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "list create list-%s", tag);
    ask(b, "error exists", "list create list-%s", tag);
    ask(b, "error kind", "dict open list-%s", tag);
    ask(b, "ok", "list open list-%s", tag);
    ask(a, "ok", "list append 3");
    ask(b, "ok", "list append \"x\"");
    ask(b, "ok", "list insert 0 [1,{\"k\":null}]");
    ask(a, "[[1,{\"k\":null}],3,\"x\"]", "list dump");
    ask(b, "\"x\"", "list get -1");
    ask(b, "error range", "list get 3");
    ask(b, "error range", "list set -4 1");
    ask(b, "error type", "list sort");
    ask(a, "ok", "list set -1 -0.5");
    ask(b, "[1,{\"k\":null}]", "list pop 0");
    ask(a, "ok", "list extend [2,-7,1.5,10]");
    ask(b, "ok", "list sort");
    ask(a, "[-7,-0.5,1.5,2,3,10]", "list dump");
    ask(b, "10", "list pop -1");
    ask(a, "5", "list size");
}

static void list_races(worker_t *a, worker_t *b, worker_t *other, const char *tag) {
    ask(a, "ok", "list create raced-%s", tag);
    ask(b, "ok", "list open raced-%s", tag);
    ask(other, "ok", "list open raced-%s", tag);
    tell(a, "list race gate-list-%s a 1500", tag);
    tell(b, "list race gate-list-%s b 1000", tag);
    expect(a, "ok");
    expect(b, "ok");
    ask(other, "2500", "list raced");
}

void case_list(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b), *other = start(p->other);
    list_basics(a, b, p->tag);
    list_races(a, b, other, p->tag);
    quit(a);
    quit(other);
    killed(b, p, "list");
    quit(b);
}

/* What A has configured outlives A. */
void case_namespace(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b);
    ask(a, "ok", "space create space-%s", p->tag);
    ask(b, "error exists", "space create space-%s", p->tag);
    ask(b, "error kind", "dict open space-%s", p->tag);
    ask(b, "ok", "space open space-%s", p->tag);
    ask(b, "ok", "space set colours [\"red\",\"green\"]");
    ask(a, "[\"red\",\"green\"]", "space get colours");
    ask(a, "ok", "space set limit 3");
    ask(b, "4", "space add limit 1");
    ask(a, "error type", "space add colours 1");
    ask(b, "false", "space has nothing");
    ask(b, "error notfound", "space get nothing");
    ask(a, "ok", "space set gone null");
    ask(b, "true", "space has gone");
    ask(b, "3", "space size");
    worker_kill(a);
    ask(b, "ok", "space delete gone");
    a = start(p->other);
    ask(a, "ok", "space open space-%s", p->tag);
    ask(a, "{\"colours\":[\"red\",\"green\"],\"limit\":4}", "space dump");
    quit(a);
    quit(b);
}
