/*
 * A manager with a dict and a list, and a worker that is another program: it connects to the address that it is
 * given, and changes both. (Here the other program is this one again, started with arguments.)
 *
 *     cc manager_dict_list.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#include <mproc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

/* The shortest text that is this number again, as Python writes it. */
static void print_float(double number) {
    char text[40];
    int digits;
    for (digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    printf("%s%s", text, strpbrk(text, ".en") == NULL ? ".0" : "");
}

static void print(mproc_datum_t datum) {
    const int is_map = datum.type == MPROC_DATUM_MAP;
    mproc_reader_t inside;
    mproc_datum_t item;
    size_t count, i;
    switch (datum.type) {
    case MPROC_DATUM_NIL: printf("None"); break;
    case MPROC_DATUM_BOOL: printf(datum.as.i ? "True" : "False"); break;
    case MPROC_DATUM_INT: printf("%lld", (long long)datum.as.i); break;
    case MPROC_DATUM_FLOAT: print_float(datum.as.d); break;
    case MPROC_DATUM_STR: printf("'%.*s'", (int)datum.len, (const char *)datum.data); break;
    case MPROC_DATUM_LIST:
    case MPROC_DATUM_MAP:
        need(mproc_reader_init(&inside, datum, &count), "read");
        printf(is_map ? "{" : "[");
        for (i = 0; i < count; i++) {
            printf(i > 0 ? ", " : "");
            need(mproc_reader_next(&inside, &item), "read");
            print(item);
            if (is_map) {
                printf(": ");
                need(mproc_reader_next(&inside, &item), "read");
                print(item);
            }
        }
        printf(is_map ? "}" : "]");
        break;
    default: printf("(something else)");
    }
}

static int work(const char *address, const char *dict_name, const char *list_name) {
    mproc_manager_t *manager;
    const mproc_domain_t *domain;
    mproc_dict_t *d;
    mproc_list_t *l;

    need(mproc_manager_connect(address, NULL, NULL, &manager), "connect");
    need(mproc_manager_domain(manager, &domain), "find the manager's domain");
    need(mproc_dict_open(domain, dict_name, NULL, &d), "open the dict");
    need(mproc_list_open(domain, list_name, NULL, &l), "open the list");

    need(mproc_dict_set(d, mproc_datum_int(1), mproc_datum_str("1")), "set");
    need(mproc_dict_set(d, mproc_datum_str("2"), mproc_datum_int(2)), "set");
    need(mproc_dict_set(d, mproc_datum_float(0.25), mproc_datum_nil()), "set");
    need(mproc_list_reverse(l), "reverse");

    mproc_list_close(l);
    mproc_dict_close(d);
    mproc_manager_close(manager);
    return 0;
}

int main(int argc, char **argv) {
    char address[256], dict_name[256], list_name[256];
    const char *worker[] = {"/proc/self/exe", address, dict_name, list_name, NULL};
    mproc_manager_t *manager;
    const mproc_domain_t *domain;
    mproc_process_t *process;
    mproc_builder_t *copy;
    mproc_datum_t all;
    mproc_dict_t *d;
    mproc_list_t *l;
    int i, exit_code;

    if (argc == 4) {
        return work(argv[1], argv[2], argv[3]);
    }
    need(mproc_manager_start(NULL, NULL, NULL, &manager), "start a manager");
    need(mproc_manager_domain(manager, &domain), "find its domain");
    need(mproc_dict_create(domain, NULL, NULL, &d), "create the dict");
    need(mproc_list_create(domain, NULL, NULL, &l), "create the list");
    for (i = 0; i < 10; i++) {
        need(mproc_list_append(l, mproc_datum_int(i)), "append");
    }

    /* Both are anonymous: these names are for whoever is told them. */
    need(mproc_manager_address(manager, 0, address, sizeof address, NULL), "ask for the address");
    need(mproc_object_name(MPROC_KIND_DICT, d, dict_name, sizeof dict_name, NULL), "ask for the dict's name");
    need(mproc_object_name(MPROC_KIND_LIST, l, list_name, sizeof list_name, NULL), "ask for the list's name");
    need(mproc_spawn(worker, NULL, 0, NULL, &process), "start the worker");
    need(mproc_process_wait(process, &exit_code, NULL, MPROC_FOREVER, NULL), "wait for the worker");
    mproc_process_close(process);
    if (exit_code != 0) {
        fprintf(stderr, "the worker failed\n");
        return 1;
    }

    need(mproc_builder_create(&copy), "create a builder");
    need(mproc_dict_copy(d, 0, copy), "copy the dict");
    need(mproc_builder_datum(copy, &all), "look at the copy");
    print(all);
    printf("\n");
    mproc_builder_close(copy);
    need(mproc_builder_create(&copy), "create a builder");
    need(mproc_list_copy(l, 0, copy), "copy the list");
    need(mproc_builder_datum(copy, &all), "look at the copy");
    print(all);
    printf("\n");
    mproc_builder_close(copy);

    mproc_list_close(l);
    mproc_dict_close(d);
    mproc_manager_close(manager);
    return 0;
}
