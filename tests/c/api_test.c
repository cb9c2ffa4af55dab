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
}

int main(void) {
    return check_main("api_test", all);
}
