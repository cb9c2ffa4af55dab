/* Every operation of the C API, used as its documentation says. */
#include "api_test.h"

#include "check.h"

static void all(void) {
    api_options();
    api_domain();
    api_lock();
    api_value();
    api_array();
    api_queue();
    api_cancel();
    api_handle();
    check_watchdog(); /* these take longer: each gets its own time */
    api_pipe();
    check_watchdog();
    api_inplace();
    check_watchdog();
    api_jobs();
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--handle-child") == 0) { /* api_handle() starts this program once more */
        return api_handle_child();
    }
    if (argc > 1 && strcmp(argv[1], "--pipe-child") == 0) {
        return api_pipe_child();
    }
    if (argc > 1 && strcmp(argv[1], "--jobs-child") == 0) {
        return api_jobs_child();
    }
    return check_main("api_test", all);
}
