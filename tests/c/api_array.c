/* The array: every type, 1 to 8 dimensions, bounds, slices, pointer, lock, sizes that cannot be. */
#include "api_test.h"

#include "check.h"
#include "place.h"

static enum place where;

static mproc_array_options_t shaped(int32_t type, size_t ndim, const size_t *shape) {
    mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
    options.type_code = type;
    options.ndim = ndim;
    memcpy(options.shape, shape, ndim * sizeof *shape);
    return options;
}

static mproc_array_t *make(const char *name, int32_t type, size_t length) {
    mproc_array_t *array = NULL;
    mproc_array_options_t options = shaped(type, 1, &length);
    NEED_OK(mproc_array_create(place_domain(where), name, &options, &array));
    return array;
}

/* Elements go in and out whole, one by one, in runs and through the pointer, for every type. */
static void every_type(void) {
    enum { LENGTH = 37, STRUCT_SIZE = 20 };
    int32_t type;
    for (type = MPROC_TYPE_I8; type <= MPROC_TYPE_STRUCT; type++) {
        unsigned char in[LENGTH * STRUCT_SIZE], out[LENGTH * STRUCT_SIZE];
        size_t length = LENGTH, size = STRUCT_SIZE, i;
        mproc_array_options_t options = shaped(type, 1, &length);
        mproc_array_info_t info;
        mproc_array_t *array = NULL;
        void *pointer = NULL;

        if (type == MPROC_TYPE_STRUCT) {
            options.elem_size = STRUCT_SIZE;
        } else {
            CHECK_OK(mproc_type_size(type, &size));
        }
        for (i = 0; i < length * size; i++) {
            in[i] = (unsigned char)(type == MPROC_TYPE_BOOL ? i % 2 : i * 7);
        }
        options.initial = in;
        options.initial_count = 5;
        NEED_OK(mproc_array_create(place_domain(where), NULL, &options, &array));
        CHECK_OK(mproc_array_info(array, &info, sizeof info));
        CHECK_INT(type, info.type_code);
        CHECK_INT(size, info.elem_size);
        CHECK_INT(LENGTH, info.length);
        CHECK_INT(1, info.ndim);
        CHECK_INT(LENGTH, info.shape[0]);
        CHECK_INT(0, info.shape[1]);

        CHECK_OK(mproc_array_read(array, 0, length, out, length * size));
        CHECK(memcmp(in, out, 5 * size) == 0); /* the initial ones, then zeros */
        for (i = 5 * size; i < length * size && out[i] == 0; i++) {
        }
        CHECK_INT(length * size, i);

        CHECK_OK(mproc_array_write(array, 0, length, in, length * size));
        for (i = 0; i < length; i++) {
            CHECK_OK(mproc_array_get(array, i, out, size));
            CHECK(memcmp(out, in + i * size, size) == 0);
        }
        CHECK_OK(mproc_array_set(array, 3, in + 4 * size, size));
        CHECK_OK(mproc_array_read(array, 2, 3, out, 3 * size));
        CHECK(memcmp(out, in + 2 * size, size) == 0);
        CHECK(memcmp(out + size, in + 4 * size, size) == 0);
        CHECK(memcmp(out + 2 * size, in + 4 * size, size) == 0);
        if (place_is_memory(where)) {
            CHECK_OK(mproc_array_ptr(array, &pointer));
            CHECK_INT(0, (size_t)pointer % info.elem_align);
            CHECK(memcmp((char *)pointer + 3 * size, in + 4 * size, size) == 0);
            CHECK(memcmp((char *)pointer + 36 * size, in + 36 * size, size) == 0);
        } else {
            CHECK_IS(MPROC_ENOTSUP, mproc_array_ptr(array, &pointer));
            CHECK(pointer == NULL);
        }

        CHECK_IS(MPROC_ETYPE, mproc_array_get(array, 0, out, size + 1));
        CHECK_IS(MPROC_ETYPE, mproc_array_set(array, 0, in, size - 1));
        CHECK_IS(MPROC_ETYPE, mproc_array_read(array, 0, 2, out, 3 * size));
        CHECK_IS(MPROC_ETYPE, mproc_array_write(array, 0, 2, in, size));
        mproc_array_close(array);
    }
}

static void bounds(void) {
    mproc_array_t *array = make(NULL, MPROC_TYPE_I32, 10);
    int32_t in[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, out[12] = {0}, much[100] = {0};

    CHECK_OK(mproc_array_write(array, 0, 10, in, 40));
    CHECK_OK(mproc_array_get(array, 9, out, 4));
    CHECK_INT(10, out[0]);
    CHECK_IS(MPROC_ERANGE, mproc_array_get(array, 10, out, 4));
    CHECK_IS(MPROC_ERANGE, mproc_array_set(array, 10, in, 4));
    CHECK_IS(MPROC_ERANGE, mproc_array_get(array, (size_t)-1, out, 4));
    CHECK_IS(MPROC_ERANGE, mproc_array_set(array, (size_t)-1, in, 4));
    CHECK_IS(MPROC_ERANGE, mproc_array_read(array, 0, 11, out, 44));
    CHECK_IS(MPROC_ERANGE, mproc_array_write(array, 9, 2, in, 8));
    CHECK_IS(MPROC_ERANGE, mproc_array_read(array, (size_t)-1, 2, out, 8)); /* start + count wraps around */
    CHECK_IS(MPROC_ERANGE, mproc_array_write(array, 2, 100, much, sizeof much));
    CHECK_IS(MPROC_ERANGE, mproc_array_read(array, 11, 1, out, 4));
    CHECK_INT(10, out[0]); /* untouched by all of these */

    CHECK_OK(mproc_array_read(array, 3, 0, out, 0));
    CHECK_OK(mproc_array_read(array, 10, 0, NULL, 0));
    CHECK_OK(mproc_array_write(array, 10, 0, NULL, 0));
    CHECK_OK(mproc_array_read(array, 9, 1, out, 4));
    CHECK_INT(10, out[0]);
    mproc_array_close(array);
}

/* The flat index is row-major; every coordinate is checked. */
static void dimensions(void) {
    static const size_t shape[8] = {2, 3, 1, 4, 2, 1, 3, 2};
    size_t ndim, i, k;
    for (ndim = 1; ndim <= MPROC_MAX_DIMS; ndim++) {
        mproc_array_options_t options = shaped(MPROC_TYPE_U16, ndim, shape);
        mproc_array_info_t info;
        mproc_array_t *array = NULL;
        size_t at[8] = {0}, flat = 0, length = 1, wrong = 0;
        for (i = 0; i < ndim; i++) {
            length *= shape[i];
        }
        NEED_OK(mproc_array_create(place_domain(where), NULL, &options, &array));
        CHECK_OK(mproc_array_info(array, &info, sizeof info));
        CHECK_INT(length, info.length);
        CHECK_INT(ndim, info.ndim);
        for (i = 0; i < ndim; i++) {
            CHECK_INT(shape[i], info.shape[i]);
        }
        for (i = 0; i < length; i++) {
            wrong += mproc_array_index(array, at, ndim, &flat) != MPROC_OK || flat != i;
            for (k = ndim; k-- > 0 && ++at[k] == shape[k];) {
                at[k] = 0;
            }
        }
        CHECK_INT(0, wrong);
        flat = 4711;
        for (k = 0; k < ndim; k++) {
            memset(at, 0, sizeof at);
            at[k] = shape[k];
            CHECK_IS(MPROC_ERANGE, mproc_array_index(array, at, ndim, &flat));
            at[k] = (size_t)-1;
            CHECK_IS(MPROC_ERANGE, mproc_array_index(array, at, ndim, &flat));
        }
        memset(at, 0, sizeof at);
        CHECK_IS(MPROC_ERANGE, mproc_array_index(array, at, ndim - 1, &flat));
        if (ndim < MPROC_MAX_DIMS) {
            CHECK_IS(MPROC_ERANGE, mproc_array_index(array, at, ndim + 1, &flat));
        }
        CHECK_INT(4711, flat);
        mproc_array_close(array);
    }
}

static void shapes_that_cannot_be(void) {
    static const size_t huge = (size_t)1 << 50, half[3] = {(size_t)1 << 32, (size_t)1 << 32, 16}, one = 1;
    static const int32_t elements[3] = {1, 2, 3};
    size_t two = 2;
    mproc_array_options_t options = shaped(MPROC_TYPE_I64, 3, half);
    mproc_array_t *array = NULL;
    int status;

    /* The product overflows. */
    CHECK_IS(MPROC_EINVAL, mproc_array_create(place_domain(where), "huge", &options, &array));
    options = shaped(MPROC_TYPE_I64, 1, &huge);
    status = mproc_array_create(place_domain(where), "huge", &options, &array);
    CHECK(status == MPROC_ENOMEM || status == MPROC_ENOSPC || status == MPROC_EINVAL || status == MPROC_EQUOTA);
    CHECK(array == NULL);
    CHECK_IS(MPROC_ENOENT, mproc_array_open(place_domain(where), "huge", NULL, &array)); /* nothing left behind */

    options = shaped(MPROC_TYPE_I32, 1, &one);
    options.ndim = 0;
    CHECK_IS(MPROC_EINVAL, mproc_array_create(place_domain(where), NULL, &options, &array));
    options.ndim = MPROC_MAX_DIMS + 1;
    CHECK_IS(MPROC_EINVAL, mproc_array_create(place_domain(where), NULL, &options, &array));
    options.ndim = (size_t)-1;
    CHECK_IS(MPROC_EINVAL, mproc_array_create(place_domain(where), NULL, &options, &array));
    CHECK_IS(MPROC_EINVAL, mproc_array_open(place_domain(where), "any", &options, &array));

    options = shaped(MPROC_TYPE_I32, 1, &two);
    options.initial = elements;
    options.initial_count = 3;
    CHECK_IS(MPROC_EINVAL, mproc_array_create(place_domain(where), NULL, &options, &array));
    options.initial_count = (size_t)-1;
    CHECK_IS(MPROC_EINVAL, mproc_array_create(place_domain(where), NULL, &options, &array));
    options = shaped(MPROC_TYPE_STRUCT, 1, &two);
    options.elem_size = 12;
    options.elem_align = 8; /* the second element would not be aligned */
    CHECK_IS(MPROC_EINVAL, mproc_array_create(place_domain(where), NULL, &options, &array));
    options.elem_size = 0;
    CHECK_IS(MPROC_EINVAL, mproc_array_create(place_domain(where), NULL, &options, &array));
    options.elem_size = ((size_t)1 << 20) + 8;
    CHECK_IS(MPROC_EINVAL, mproc_array_create(place_domain(where), NULL, &options, &array));
    CHECK(array == NULL);
}

static void without_elements(void) {
    static const size_t shape[2] = {3, 0};
    mproc_array_options_t options = shaped(MPROC_TYPE_F64, 2, shape);
    mproc_array_info_t info;
    mproc_array_t *array = NULL;
    double number;
    size_t at[2] = {0, 0}, flat = 0;

    NEED_OK(mproc_array_create(place_domain(where), "empty", &options, &array));
    CHECK_OK(mproc_array_info(array, &info, sizeof info));
    CHECK_INT(0, info.length);
    CHECK_INT(3, info.shape[0]);
    CHECK_INT(0, info.shape[1]);
    CHECK_IS(MPROC_ERANGE, mproc_array_get(array, 0, &number, sizeof number));
    CHECK_IS(MPROC_ERANGE, mproc_array_index(array, at, 2, &flat));
    CHECK_OK(mproc_array_read(array, 0, 0, NULL, 0));
    CHECK_OK(mproc_array_lock(array, 0, NULL));
    CHECK_OK(mproc_array_unlock(array));
    mproc_array_close(array);
    place_forget(where, "empty");
}

static void struct_alignment(void) {
    /* size, alignment asked for, alignment to be seen: the largest up to 8 that divides the size */
    static const size_t table[][3] = {{1, 0, 1}, {6, 0, 2}, {12, 0, 4}, {24, 0, 8}, {64, 64, 64}, {4096, 4096, 4096}};
    size_t i, length = 3;
    for (i = 0; i < sizeof table / sizeof *table; i++) {
        mproc_array_options_t options = shaped(MPROC_TYPE_STRUCT, 1, &length);
        mproc_array_info_t info;
        mproc_array_t *array = NULL;
        void *pointer = NULL;
        options.elem_size = table[i][0];
        options.elem_align = table[i][1];
        NEED_OK(mproc_array_create(place_domain(where), NULL, &options, &array));
        CHECK_OK(mproc_array_info(array, &info, sizeof info));
        CHECK_INT(table[i][2], info.elem_align);
        if (place_is_memory(where)) {
            CHECK_OK(mproc_array_ptr(array, &pointer));
            CHECK_INT(0, (size_t)pointer % table[i][2]);
        }
        mproc_array_close(array);
    }
}

static void expectations(void) {
    static const size_t shape[2] = {4, 6}, turned[2] = {6, 4}, flat = 24;
    mproc_array_options_t options = shaped(MPROC_TYPE_I32, 2, shape), other;
    mproc_array_t *array = NULL, *opened = NULL;
    mproc_queue_t *queue = NULL;

    options.schema = 5;
    NEED_OK(mproc_array_create(place_domain(where), "grid", &options, &array));
    CHECK_OK(mproc_array_open(place_domain(where), "grid", &options, &opened));
    mproc_array_close(opened);
    options.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_EXISTED, mproc_array_create(place_domain(where), "grid", &options, &opened));
    mproc_array_close(opened);
    opened = NULL;
    options.flags = 0;
    CHECK_IS(MPROC_EEXIST, mproc_array_create(place_domain(where), "grid", &options, &opened));
    other = shaped(MPROC_TYPE_I32, 2, turned);
    CHECK_IS(MPROC_ETYPE, mproc_array_open(place_domain(where), "grid", &other, &opened));
    other.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_ETYPE, mproc_array_create(place_domain(where), "grid", &other, &opened));
    other = shaped(MPROC_TYPE_I32, 1, &flat);
    CHECK_IS(MPROC_ETYPE, mproc_array_open(place_domain(where), "grid", &other, &opened));
    other = shaped(MPROC_TYPE_U32, 2, shape);
    CHECK_IS(MPROC_ETYPE, mproc_array_open(place_domain(where), "grid", &other, &opened));
    other = options;
    other.schema = 6;
    CHECK_IS(MPROC_ETYPE, mproc_array_open(place_domain(where), "grid", &other, &opened));
    CHECK_IS(MPROC_EKIND, mproc_queue_open(place_domain(where), "grid", NULL, &queue));
    CHECK(opened == NULL && queue == NULL);

    other = options;
    other.ndim = 0; /* any shape */
    other.schema = 0;
    CHECK_OK(mproc_array_open(place_domain(where), "grid", &other, &opened));
    mproc_array_close(opened);
    other = shaped(0, 2, shape); /* any type */
    CHECK_OK(mproc_array_open(place_domain(where), "grid", &other, &opened));
    mproc_array_close(opened);
    CHECK_OK(mproc_array_open(place_domain(where), "grid", NULL, &opened));
    mproc_array_close(opened);
    mproc_array_close(array);
    place_forget(where, "grid");
}

/* The child works on what it inherited; the array's lock tells of a death inside. */
static void forked(void) {
    mproc_array_t *array = make(NULL, MPROC_TYPE_I32, 10);
    mproc_owner_t owner;
    int32_t numbers[10];
    void *pointer = NULL;
    pid_t pid;
    int i;

    if (place_is_memory(where)) {
        NEED_OK(mproc_array_ptr(array, &pointer));
    }
    for (i = 0; i < 10; i++) {
        CHECK_OK(mproc_array_set(array, (size_t)i, &i, sizeof i));
    }
    CHECK_OK(mproc_array_lock_owner(array, &owner, sizeof owner));
    CHECK_INT(0, owner.held);
    pid = check_fork();
    if (pid == 0) {
        CHECK_OK(mproc_array_lock(array, MPROC_FOREVER, NULL));
        for (i = 0; i < 10; i++) {
            int32_t number = -i;
            if (pointer != NULL) {
                ((int32_t *)pointer)[i] = number;
            } else {
                CHECK_OK(mproc_array_set(array, (size_t)i, &number, sizeof number));
            }
        }
        CHECK_OK(mproc_array_unlock(array));
        CHECK_OK(mproc_array_lock(array, MPROC_FOREVER, NULL));
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, NULL, 0);
    CHECK_OK(mproc_array_lock_owner(array, &owner, sizeof owner));
    if (place_is_memory(where)) { /* else the server finds out when it can */
        CHECK_INT(1, owner.held);
        CHECK_INT(0, owner.alive);
    }
    CHECK_IS(MPROC_RECOVERED, mproc_array_lock(array, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_array_lock(array, 0, NULL));
    CHECK_OK(mproc_array_lock_owner(array, &owner, sizeof owner));
    CHECK_INT(1, owner.is_self);
    CHECK_OK(mproc_array_unlock(array));
    CHECK_IS(MPROC_EPERM, mproc_array_unlock(array));
    CHECK_OK(mproc_array_lock(array, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_array_unlock(array));
    CHECK_OK(mproc_array_read(array, 0, 10, numbers, sizeof numbers));
    for (i = 0; i < 10; i++) {
        CHECK_INT(-i, numbers[i]);
    }
    mproc_array_close(array);
}

/* Struct elements are whole for every reader, while others write them and one of those is killed. */
static void whole_elements(void) {
    enum { LENGTH = 3, WORDS = 32, LOOKS = 3000 };
    size_t length = LENGTH;
    uint64_t element[WORDS];
    mproc_array_options_t options = shaped(MPROC_TYPE_STRUCT, 1, &length);
    mproc_array_t *array = NULL;
    pid_t writers[2];
    int w, i, look, torn = 0;

    options.elem_size = sizeof element;
    NEED_OK(mproc_array_create(place_domain(where), NULL, &options, &array));
    for (w = 0; w < 2; w++) {
        writers[w] = check_fork();
        if (writers[w] == 0) {
            uint64_t n;
            for (n = 0;; n++) {
                for (i = 0; i < WORDS; i++) {
                    element[i] = n * 2 + (uint64_t)w;
                }
                if (mproc_array_set(array, n % LENGTH, element, sizeof element) != MPROC_OK) {
                    _exit(1);
                }
            }
        }
    }
    for (look = 0; look < LOOKS && torn == 0; look++) {
        if (look == LOOKS / 3) {
            check_kill(writers[0]);
        } else if (look == LOOKS * 2 / 3) {
            check_kill(writers[1]);
        }
        torn += mproc_array_get(array, (size_t)look % LENGTH, element, sizeof element) != MPROC_OK;
        for (i = 1; i < WORDS; i++) {
            torn += element[i] != element[0];
        }
    }
    if (torn != 0) {
        kill(writers[0], SIGKILL);
        kill(writers[1], SIGKILL);
    }
    CHECK_INT(0, torn);
    mproc_array_close(array);
}

/* Runs of more than a message's worth, in pieces there: each end of each piece is where it belongs. */
static void long_runs(void) {
    enum { LENGTH = 700001 };
    mproc_array_t *array = make(NULL, MPROC_TYPE_I32, LENGTH);
    int32_t *in = (int32_t *)calloc(LENGTH, sizeof *in), *out = (int32_t *)calloc(LENGTH, sizeof *out);
    size_t i, wrong = 0;

    for (i = 0; i < LENGTH; i++) {
        in[i] = (int32_t)((uint32_t)i * 2654435761u);
    }
    CHECK_OK(mproc_array_write(array, 0, LENGTH, in, LENGTH * sizeof *in));
    CHECK_OK(mproc_array_read(array, 0, LENGTH, out, LENGTH * sizeof *out));
    CHECK(memcmp(in, out, LENGTH * sizeof *in) == 0);
    CHECK_OK(mproc_array_write(array, 7, LENGTH - 7, in, (LENGTH - 7) * sizeof *in));
    CHECK_OK(mproc_array_read(array, 3, LENGTH - 3, out, (LENGTH - 3) * sizeof *out));
    for (i = 0; i < LENGTH - 3; i++) {
        wrong += out[i] != in[i < 4 ? i + 3 : i - 4];
    }
    CHECK_INT(0, wrong);
    CHECK_IS(MPROC_ERANGE, mproc_array_write(array, 1, LENGTH, in, LENGTH * sizeof *in));
    free(in);
    free(out);
    mproc_array_close(array);
}

/* Each operation is one, also through a connection; what only memory can do says so there. */
void api_array(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        every_type();
        bounds();
        dimensions();
        shapes_that_cannot_be();
        without_elements();
        struct_alignment();
        expectations();
        forked();
        whole_elements();
        long_runs();
    }
}
