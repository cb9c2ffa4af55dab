#include "cases.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* B uses what A has made: it stays while B does, also when A is killed. Then the name is free. */
static void outlived_creator(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b), *other;
    ask(a, "ok", "queue create stays-%s 4096", p->tag);
    ask(a, "ok 3", "queue put 0 3 0 1");
    ask(b, "ok", "queue open stays-%s 4096", p->tag);
    worker_kill(a);
    other = start(p->other);
    ask(other, "ok", "queue open stays-%s 4096", p->tag);
    ask(other, "ok 3", "queue get 0 3 0 1");
    quit(other);
    ask(b, "ok 2", "queue put 0 2 0 1");
    quit(b);
    other = start(p->other);
    ask(other, "error notfound", "queue open stays-%s 4096", p->tag);
    ask(other, "ok", "queue create stays-%s 4096", p->tag);
    ask(other, "0", "queue size");
    quit(other);
}

/* A was the only user when it is killed: B finds nothing, and may take the name. */
static void killed_alone(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b);
    ask(a, "ok", "value create alone-%s u32", p->tag);
    ask(a, "ok", "array create alone-array-%s i64 4x4", p->tag);
    ask(a, "ok", "value store 7");
    worker_kill(a);
    ask(b, "error notfound", "value open alone-%s u32", p->tag);
    ask(b, "ok", "array create alone-array-%s i32 2x2", p->tag); /* another type: nothing of the old one is left */
    ask(b, "0 1 2 3", "array read");
    quit(b);
}

/* A persistent value outlives all processes, killed or not, until B unlinks it; who uses it then goes on. */
static void persistent(const pair_t *p) {
    worker_t *a = start(p->a), *b;
    ask(a, "ok", "value keep kept-%s u64", p->tag);
    ask(a, "ok", "value store fedcba9876543210");
    worker_kill(a);
    b = start(p->b);
    ask(b, "ok", "sweep");
    ask(b, "ok", "value open kept-%s u64", p->tag);
    ask(b, "fedcba9876543210", "value load");
    a = start(p->a);
    ask(a, "ok", "value open kept-%s u64", p->tag);
    ask(b, "ok", "unlink kept-%s", p->tag);
    ask(b, "error notfound", "unlink kept-%s", p->tag);
    ask(a, "ok", "value store 1");
    ask(b, "1", "value load");
    ask(b, "ok", "value close");
    ask(b, "error notfound", "value open kept-%s u64", p->tag);
    ask(b, "ok", "value create kept-%s u8", p->tag); /* the name is free */
    ask(a, "1", "value load");
    quit(a);
    quit(b);
}

/* After all cases of this pair, with everybody who was killed in them, B tidies up: no object is left. */
static void nothing_is_left(const pair_t *p) {
    worker_t *b = start(p->b);
    char names[400] = "";
    struct dirent *entry;
    DIR *directory;
    ask(b, "ok", "sweep");
    directory = opendir(getenv("MPROC_DOMAIN"));
    check(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.' && strlen(names) + strlen(entry->d_name) + 2 < sizeof names) {
            strcat(strcat(names, " "), entry->d_name);
        }
    }
    closedir(directory);
    check_numbers(names[0] == '\0', "%s", names);
    quit(b);
}

void case_lifetime(const pair_t *p) {
    outlived_creator(p);
    killed_alone(p);
    persistent(p);
    nothing_is_left(p);
}
