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
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--handle-child") == 0) { /* api_handle() starts this program once more */
        return api_handle_child();
    }
    return check_main("api_test", all);
}
