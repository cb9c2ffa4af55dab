/* Reads the number that named_writer.c left, and takes its name away. */
#include <mproc.h>
#include <inttypes.h>
#include <stdio.h>

int main(void) {
    mproc_value_t *answer;
    int64_t number = 0;
    int status = mproc_value_open(NULL, "answer", NULL, &answer);
    if (status < 0 || (status = mproc_value_get_i64(answer, &number)) < 0) {
        fprintf(stderr, "answer: %s\n", mproc_strerror(status));
        return 1;
    }
    mproc_value_close(answer);
    printf("read %" PRId64 "\n", number);
    mproc_domain_unlink(NULL, "answer");
    return 0;
}
