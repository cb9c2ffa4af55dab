/* Structs of any vintage, status texts, types, and the last error. */
#include "api_test.h"

#include "check.h"

#include <pthread.h>
#include <stddef.h>

/* A struct right before memory that must not be touched. Returns the place for `size` bytes. */
static void *before_guard(size_t size, void **page_out) {
    long page = sysconf(_SC_PAGESIZE);
    char *two = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (two == MAP_FAILED || mprotect(two + page, (size_t)page, PROT_NONE) != 0) {
        perror("mmap");
        exit(1);
    }
    *page_out = two;
    return two + page - size;
}

static void free_guard(void *page) {
    munmap(page, 2 * (size_t)sysconf(_SC_PAGESIZE));
}

/* A caller from the past: its struct ends after `flags`, and the memory ends there as well. */
static void short_options(void) {
    mproc_value_t *value = NULL;
    mproc_value_options_t whole = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_info_t info;
    size_t size = offsetof(mproc_value_options_t, elem_size);
    void *page;
    void *place = before_guard(size, &page);

    whole.size = size;
    whole.type_code = MPROC_TYPE_I32;
    memcpy(place, &whole, size);
    CHECK_OK(mproc_value_create(NULL, NULL, (const mproc_value_options_t *)place, &value));
    CHECK_OK(mproc_value_info(value, &info, sizeof info));
    CHECK_INT(MPROC_TYPE_I32, info.type_code);
    CHECK_INT(4, info.elem_size);
    mproc_value_close(value);
    free_guard(page);
}

/* A caller from the future: fields this library does not know must be zero. */
typedef struct {
    mproc_queue_options_t known;
    uint64_t unknown[4];
} future_queue_options_t;

static void long_options(void) {
    mproc_queue_t *queue = NULL;
    future_queue_options_t future;
    memset(&future, 0, sizeof future);
    future.known.size = sizeof future;
    future.known.max_items = 2;

    CHECK_OK(mproc_queue_create(NULL, NULL, &future.known, &queue));
    mproc_queue_close(queue);
    queue = NULL;
    future.unknown[3] = 1;
    CHECK_IS(MPROC_EINVAL, mproc_queue_create(NULL, NULL, &future.known, &queue));
    CHECK(queue == NULL);
}

static void absurd_sizes(void) {
    mproc_lock_t *lock = NULL;
    mproc_lock_options_t options = MPROC_LOCK_OPTIONS_INIT;
    static const size_t sizes[] = {0, 1, sizeof(size_t) - 1, (size_t)-1, (size_t)1 << 40};
    size_t i;
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        options.size = sizes[i];
        CHECK_IS(MPROC_EINVAL, mproc_lock_create(NULL, NULL, &options, &lock));
        CHECK(lock == NULL);
    }
    options.size = sizeof(size_t); /* nothing but the size: all defaults */
    CHECK_OK(mproc_lock_create(NULL, NULL, &options, &lock));
    mproc_lock_close(lock);
}

/* Outputs: a short struct is filled as far as it goes, a long one is zeroed behind what is known. */
static void output_structs(void) {
    mproc_value_t *value = NULL;
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    size_t cut = offsetof(mproc_value_info_t, elem_align);
    struct {
        mproc_value_info_t known;
        unsigned char more[16];
    } longer;
    unsigned char *short_info;
    void *page;
    size_t i;

    options.type_code = MPROC_TYPE_F64;
    NEED_OK(mproc_value_create(NULL, NULL, &options, &value));

    short_info = before_guard(cut, &page);
    CHECK_OK(mproc_value_info(value, (mproc_value_info_t *)(void *)short_info, cut));
    CHECK_INT(MPROC_TYPE_F64, *(int32_t *)(void *)short_info);
    free_guard(page);

    memset(&longer, 0xAA, sizeof longer);
    CHECK_OK(mproc_value_info(value, &longer.known, sizeof longer));
    CHECK_INT(8, longer.known.elem_size);
    for (i = 0; i < sizeof longer.more; i++) {
        CHECK_INT(0, longer.more[i]);
    }

    memset(&longer, 0xAA, sizeof longer);
    CHECK_OK(mproc_value_info(value, &longer.known, cut));
    CHECK(longer.known.elem_align == 0xAAAAAAAAAAAAAAAAu);
    CHECK_IS(MPROC_EINVAL, mproc_value_info(value, &longer.known, 0));
    mproc_value_close(value);
}

/* The same for each of the kinds that came later: their options end after the size, their infos after one word. */
#define CHECK_AGES(kind, options, needs_more)                                           \
    do {                                                                                \
        mproc_##kind##_t *object = NULL;                                                \
        size_t whole = (options).size;                                                  \
        (options).size = sizeof(size_t);                                                \
        CHECK_IS((needs_more) ? MPROC_EINVAL : MPROC_OK,                                \
                 mproc_##kind##_create(NULL, NULL, &(options), &object));               \
        mproc_##kind##_close(object);                                                   \
        (options).size = sizeof(size_t) - 1;                                            \
        object = NULL;                                                                  \
        CHECK_IS(MPROC_EINVAL, mproc_##kind##_create(NULL, NULL, &(options), &object)); \
        CHECK(object == NULL);                                                          \
        (options).size = whole;                                                         \
    } while (0)

#define CHECK_INFO_AGES(kind, options)                                            \
    do {                                                                          \
        mproc_##kind##_t *object = NULL;                                          \
        struct {                                                                  \
            mproc_##kind##_info_t known;                                          \
            unsigned char more[16];                                               \
        } longer;                                                                 \
        void *page, *place = before_guard(4, &page);                              \
        size_t byte, nonzero = 0;                                                 \
        NEED_OK(mproc_##kind##_create(NULL, NULL, &(options), &object));          \
        memset(&longer, 0xAA, sizeof longer);                                     \
        CHECK_OK(mproc_##kind##_info(object, (mproc_##kind##_info_t *)place, 4)); \
        CHECK_OK(mproc_##kind##_info(object, &longer.known, sizeof longer));      \
        CHECK(memcmp(&longer.known, place, 4) == 0);                              \
        for (byte = 0; byte < sizeof longer.more; byte++) {                       \
            nonzero += longer.more[byte] != 0;                                    \
        }                                                                         \
        CHECK_INT(0, nonzero);                                                    \
        memset(&longer, 0xAA, sizeof longer);                                     \
        CHECK_OK(mproc_##kind##_info(object, &longer.known, 4));                  \
        CHECK_INT(0xAA, ((unsigned char *)&longer)[4]);                           \
        CHECK_IS(MPROC_EINVAL, mproc_##kind##_info(object, &longer.known, 0));    \
        free_guard(page);                                                         \
        mproc_##kind##_close(object);                                             \
    } while (0)

static void later_kinds(void) {
    mproc_rlock_options_t rlock = MPROC_RLOCK_OPTIONS_INIT;
    mproc_rwlock_options_t rwlock = MPROC_RWLOCK_OPTIONS_INIT;
    mproc_semaphore_options_t semaphore = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_condition_options_t condition = MPROC_CONDITION_OPTIONS_INIT;
    mproc_event_options_t event = MPROC_EVENT_OPTIONS_INIT;
    mproc_barrier_options_t barrier = MPROC_BARRIER_OPTIONS_INIT;

    CHECK_AGES(rlock, rlock, 0);
    CHECK_AGES(rwlock, rwlock, 0);
    CHECK_AGES(semaphore, semaphore, 0);
    CHECK_AGES(condition, condition, 0);
    CHECK_AGES(event, event, 0);
    CHECK_AGES(barrier, barrier, 1); /* there is no barrier without a number of parties */
    barrier.parties = 3;
    CHECK_INFO_AGES(rlock, rlock);
    CHECK_INFO_AGES(rwlock, rwlock);
    CHECK_INFO_AGES(semaphore, semaphore);
    CHECK_INFO_AGES(condition, condition);
    CHECK_INFO_AGES(barrier, barrier);
}

static void statuses(void) {
    int status;
    for (status = MPROC_EFENCED; status <= MPROC_END; status++) {
        CHECK(strncmp(mproc_status_name(status), "MPROC_", 6) == 0);
        CHECK(strcmp(mproc_status_name(status), "MPROC_UNKNOWN") != 0);
        CHECK(mproc_strerror(status)[0] != '\0');
    }
    CHECK(strcmp(mproc_status_name(MPROC_ETIMEDOUT), "MPROC_ETIMEDOUT") == 0);
    CHECK(strcmp(mproc_status_name(MPROC_EINTR), "MPROC_EINTR") == 0);
    CHECK(strcmp(mproc_status_name(MPROC_EBROKEN), "MPROC_EBROKEN") == 0);
    CHECK(strcmp(mproc_status_name(MPROC_EOVERFLOW), "MPROC_EOVERFLOW") == 0);
    CHECK(strcmp(mproc_status_name(MPROC_EFULL), "MPROC_EFULL") == 0);
    CHECK(strcmp(mproc_status_name(MPROC_EFENCED - 1), "MPROC_UNKNOWN") == 0);
    CHECK(strcmp(mproc_status_name(MPROC_END + 1), "MPROC_UNKNOWN") == 0);
    CHECK(mproc_strerror(12345) != NULL);
}

static void types(void) {
    static const struct {
        char letter;
        int32_t type;
        size_t size;
    } table[] = {{'c', MPROC_TYPE_CHAR8, 1}, {'b', MPROC_TYPE_I8, 1},  {'B', MPROC_TYPE_U8, 1},
                 {'u', MPROC_TYPE_CHAR32, 4}, {'h', MPROC_TYPE_I16, 2}, {'H', MPROC_TYPE_U16, 2},
                 {'i', MPROC_TYPE_I32, 4},   {'I', MPROC_TYPE_U32, 4}, {'l', MPROC_TYPE_I64, 8},
                 {'L', MPROC_TYPE_U64, 8},   {'q', MPROC_TYPE_I64, 8}, {'Q', MPROC_TYPE_U64, 8},
                 {'f', MPROC_TYPE_F32, 4},   {'d', MPROC_TYPE_F64, 8}};
    size_t i, size = 0;
    int32_t type = 0;
    int letter, known = 0;
    for (i = 0; i < sizeof table / sizeof *table; i++) {
        CHECK_OK(mproc_type_from_typecode(table[i].letter, &type));
        CHECK_INT(table[i].type, type);
        CHECK_OK(mproc_type_size(type, &size));
        CHECK_INT(table[i].size, size);
    }
    for (letter = -128; letter < 128; letter++) {
        known += mproc_type_from_typecode((char)letter, &type) == MPROC_OK;
    }
    CHECK_INT(sizeof table / sizeof *table, known);
    CHECK_OK(mproc_type_size(MPROC_TYPE_BOOL, &size));
    CHECK_INT(1, size);
    CHECK_IS(MPROC_EINVAL, mproc_type_size(MPROC_TYPE_STRUCT, &size));
}

static void *fresh_thread(void *unused) {
    mproc_error_t error;
    (void)unused;
    CHECK_OK(mproc_last_error(&error, sizeof error));
    CHECK_INT(0, error.status);
    return NULL;
}

static void last_error(void) {
    mproc_error_t error;
    mproc_lock_t *lock = NULL;
    pthread_t thread;

    CHECK_IS(MPROC_ENOENT, mproc_lock_open(NULL, "nowhere", NULL, &lock));
    CHECK_OK(mproc_last_error(&error, sizeof error));
    CHECK_INT(MPROC_ENOENT, error.status);
    CHECK(error.message[0] != '\0' && memchr(error.message, '\0', sizeof error.message) != NULL);

    CHECK_OK(mproc_lock_create(NULL, NULL, NULL, &lock)); /* a success leaves it alone */
    CHECK_OK(mproc_last_error(&error, sizeof error));
    CHECK_INT(MPROC_ENOENT, error.status);
    mproc_lock_close(lock);

    CHECK_INT(0, pthread_create(&thread, NULL, fresh_thread, NULL)); /* every thread has its own */
    CHECK_INT(0, pthread_join(thread, NULL));
    CHECK_OK(mproc_last_error(&error, sizeof error));
    CHECK_INT(MPROC_ENOENT, error.status);
}

void api_options(void) {
    short_options();
    long_options();
    absurd_sizes();
    output_structs();
    later_kinds();
    statuses();
    types();
    last_error();
}
