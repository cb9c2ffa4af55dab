/* Every operation of the C API, used as its documentation says. usage: api_test [PART...], by default all parts */
#include "api_test.h"

#include "check.h"
#include "place.h"

static const struct {
    const char *name;
    void (*test)(void);
} parts[] = {
    {"options", api_options},
    {"domain", api_domain},
    {"lock", api_lock},
    {"value", api_value},
    {"array", api_array},
    {"queue", api_queue},
    {"cancel", api_cancel},
    {"handle", api_handle},
    {"pipe", api_pipe},
    {"inplace", api_inplace},
    {"jobs", api_jobs},
    {"rlock", api_rlock},
    {"rwlock", api_rwlock},
    {"semaphore", api_semaphore},
    {"event", api_event},
    {"condition", api_condition},
    {"barrier", api_barrier},
    {"signals", api_signals},
    {"value-wait", api_value_wait},
    {"wait", api_wait},
    {"pollable", api_pollable},
    {"datum", api_datum},
    {"dict", api_dict},
    {"list", api_list},
    {"namespace", api_namespace},
    {"arena", api_arena},
    {"far-dict-list", api_far_containers},
    {"manager", api_manager},
};
enum { PARTS = sizeof parts / sizeof *parts };

static char **wanted; /* names, up to NULL; none: all */

static void all(void) {
    int i, k;
    for (i = 0; i < PARTS; i++) {
        for (k = 0; wanted[k] != NULL && strcmp(wanted[k], parts[i].name) != 0; k++) {
        }
        if (k == 0 || wanted[k] != NULL) {
            check_watchdog(); /* each has its own time */
            parts[i].test();
        }
    }
}

int main(int argc, char **argv) {
    int i, k;
    if (argc > 1 && strcmp(argv[1], "--handle-child") == 0) { /* api_handle() starts this program once more */
        return api_handle_child(argv[2]);
    }
    if (argc > 1 && strcmp(argv[1], "--pipe-child") == 0) {
        return api_pipe_child();
    }
    if (argc > 1 && strcmp(argv[1], "--jobs-child") == 0) {
        return api_jobs_child();
    }
    if (argc > 2 && strcmp(argv[1], "--place-server") == 0) { /* place_domain() does */
        return place_server(argv[2]);
    }
    for (i = 1; i < argc; i++) {
        for (k = 0; k < PARTS && strcmp(argv[i], parts[k].name) != 0; k++) {
        }
        if (k == PARTS) {
            fprintf(stderr, "api_test: there is no part called %s\n", argv[i]);
            return 2;
        }
    }
    wanted = argv + 1;
    return check_main("api_test", all);
}
