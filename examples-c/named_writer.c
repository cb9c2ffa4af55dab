/* Writes a number where any program can find it by name: named_reader.c, or one in C++ or Go. */
#include <mproc.h>
#include <stdio.h>

int main(void) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *answer;
    options.type_code = MPROC_TYPE_I64;
    options.flags = MPROC_PERSIST | MPROC_EXIST_OK; /* it stays when this program ends, until it is unlinked */
    int status = mproc_value_create(NULL, "answer", &options, &answer);
    if (status < 0 || (status = mproc_value_set_i64(answer, 42)) < 0) {
        fprintf(stderr, "answer: %s\n", mproc_strerror(status));
        return 1;
    }
    mproc_value_close(answer);
    puts("wrote 42");
    return 0;
}
