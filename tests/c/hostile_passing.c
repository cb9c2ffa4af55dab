/*
 * Forged handles: tokens and letters with any kind, role and descriptors. What they lead to is checked when it is
 * opened; a role that fits nothing is refused, or means nothing; no descriptor is left behind.
 */
#include "hostile_family.h"

#include <sys/socket.h>

enum { LETTER = 64, AT_LETTER_LAYOUT = 8, AT_LETTER_KIND = 12, AT_LETTER_ROLE = 16, AT_LETTER_REST = 20 };
enum { RANDOMS = 400 };

#define S_IMPORT                                                                                            \
    (S_OK | S(MPROC_EKIND) | S(MPROC_ECORRUPT) | S(MPROC_EVERSION) | S(MPROC_EDOMAIN) | S(MPROC_EACCES) |    \
     S(MPROC_ESLOTS) | S(MPROC_ESTALE))

static struct place *place;

/* One of each kind of object that can be passed on. */
static const int passed[] = { LOCK, SCALAR, NUMBERS, QUEUE, PIPE, RLOCK, RWLOCK, SEMAPHORE, CONDITION, EVENT, BARRIER };
enum { PASSED_KINDS = sizeof passed / sizeof passed[0] };

static int descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    if (!dir) {
        _exit(4);
    }
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count;
}

/* Opens what the handle leads to as that kind of object; of a pipe, the end goes to its place in `both`. */
static int import(int kind, const mproc_handle_t *handle, void **object)
{
    mproc_pipe_t *end = NULL;
    mproc_pipe_info_t info;
    int status;
    switch (kind) {
    case MPROC_KIND_LOCK:
        return mproc_lock_import(handle, NULL, (mproc_lock_t **)object);
    case MPROC_KIND_VALUE:
        return mproc_value_import(handle, NULL, (mproc_value_t **)object);
    case MPROC_KIND_ARRAY:
        return mproc_array_import(handle, NULL, (mproc_array_t **)object);
    case MPROC_KIND_QUEUE:
        return mproc_queue_import(handle, NULL, (mproc_queue_t **)object);
    case MPROC_KIND_RLOCK:
        return mproc_rlock_import(handle, NULL, (mproc_rlock_t **)object);
    case MPROC_KIND_RWLOCK:
        return mproc_rwlock_import(handle, NULL, (mproc_rwlock_t **)object);
    case MPROC_KIND_SEMAPHORE:
        return mproc_semaphore_import(handle, NULL, (mproc_semaphore_t **)object);
    case MPROC_KIND_EVENT:
        return mproc_event_import(handle, NULL, (mproc_event_t **)object);
    case MPROC_KIND_BARRIER:
        return mproc_barrier_import(handle, NULL, (mproc_barrier_t **)object);
    case MPROC_KIND_CONDITION:
        return import_condition(place->domain, handle, object);
    case MPROC_KIND_DICT:
        return mproc_dict_import(handle, NULL, (mproc_dict_t **)object);
    case MPROC_KIND_LIST:
        return mproc_list_import(handle, NULL, (mproc_list_t **)object);
    case MPROC_KIND_NAMESPACE:
        return mproc_namespace_import(handle, NULL, (mproc_namespace_t **)object);
    default:
        status = mproc_pipe_import(handle, NULL, &end);
        if (status == MPROC_OK) {
            struct both *both = *object ? *object : calloc(1, sizeof *both);
            CHECK_OK(mproc_pipe_info(end, &info, sizeof info));
            both->end[info.end & 1] = end;
            *object = both;
        }
        return status;
    }
}

static void close_object(int kind, void *object)
{
    for (int i = 0; i < PASSED_KINDS; i++) {
        if (subjects[passed[i]].kind == kind) {
            subjects[passed[i]].close(object);
        }
    }
}

static int registry_open(void)
{
    return file_open(place->dir, ".registry");
}

/* The role that an import of this kind comes to: 0 none, -1 refused. */
static int role_taken(int kind, int64_t role)
{
    if (kind == MPROC_KIND_PIPE) {
        return role == 0 ? -1 : (int)role;
    }
    return kind == MPROC_KIND_QUEUE && role == 1 ? 1 : 0;
}

/* Imports a forged handle as every kind, and sees what it has become. */
static void import_as_all(mproc_handle_t *handle, int is, int says, int64_t role)
{
    uint32_t kind = 0;
    CHECK_OK(mproc_handle_kind(handle, &kind));
    CHECK_INT(says, kind);
    for (int as = MPROC_KIND_LOCK; as <= MPROC_KIND_NAMESPACE; as++) {
        void *object = NULL;
        int expected = as != says || is != says ? MPROC_EKIND : role_taken(is, role) < 0 ? MPROC_ECORRUPT : MPROC_OK;
        enter(stage->what);
        CHECK_IS(expected, import(as, handle, &object));
        if (object && is == MPROC_KIND_QUEUE) {
            mproc_queue_info_t info;
            CHECK_OK(mproc_queue_info(object, &info, sizeof info));
            CHECK_INT(role == 1, info.producers == MPROC_PRODUCERS_OPEN);
        } else if (object && is == MPROC_KIND_PIPE) {
            struct both *both = object;
            CHECK(both->end[role - 1] != NULL && both->end[2 - role] == NULL);
        }
        close_object(as, object);
    }
    atomic_store(&stage->call, NULL);
}

static void tokens(void)
{
    static const struct {
        const char *text;
        int64_t role; /* -1: not a token */
    } roles[] = {
        { ".0", 0 },           { ".1", 1 },           { ".2", 2 },   { ".3", -1 }, { ".255", -1 }, { ".257", -1 },
        { ".4294967295", -1 }, { ".4294967297", -1 }, { ".-1", -1 }, { ".", -1 },  { "", -1 },     { ".1x", -1 },
        { ". 1", -1 },         { ".1.1", -1 },        { ".0x1", -1 },
    };
    static const char *const kinds[] = { "0",  "1",  "2",  "3",  "4",   "5",          "6",  "7", "8", "9",
                                         "10", "11", "12", "13", "14", "15", "16", "255", "4294967301", "-2", "", "x" };
    for (int i = 0; i < PASSED_KINDS; i++) {
        const struct subject *subject = &subjects[passed[i]];
        struct stat registry_stat, object_stat;
        int before, fd;
        put_image(place->dir, "victim", &place->image[passed[i]]);
        fd = registry_open();
        CHECK(fstat(fd, &registry_stat) == 0);
        close(fd);
        fd = file_open(place->dir, "victim");
        CHECK(fstat(fd, &object_stat) == 0);
        close(fd);
        before = descriptors();
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            for (size_t r = 0; r < sizeof roles / sizeof roles[0]; r++) {
                char token[200];
                mproc_handle_t *handle = NULL;
                int registry = registry_open(), object = file_open(place->dir, "victim");
                bool good = k >= MPROC_KIND_LOCK && k <= MPROC_KIND_NAMESPACE && roles[r].role >= 0;
                snprintf(token, sizeof token, "mproc1:%s%s:%d:%llx:%d:%llx", kinds[k], roles[r].text, registry,
                         (unsigned long long)registry_stat.st_ino, object, (unsigned long long)object_stat.st_ino);
                snprintf(stage->what, sizeof stage->what, "%s: %s", subject->name, token);
                CHECK_IS(good ? MPROC_OK : MPROC_EINVAL, mproc_handle_from_token(token, &handle));
                if (good && handle) {
                    import_as_all(handle, subject->kind, (int)k, roles[r].role);
                } else { /* its descriptors were not touched */
                    CHECK(close(registry) == 0);
                    CHECK(close(object) == 0);
                }
                mproc_handle_close(handle);
            }
        }
        CHECK_INT(before, descriptors());
    }
}

/* --- letters -------------------------------------------------------------------------------------------------- */

static unsigned char letter[LETTER]; /* a good one, without its descriptors */

static void learn_letter(void)
{
    mproc_lock_t *lock = NULL;
    mproc_handle_t *handle = NULL;
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    NEED_OK(mproc_lock_create(place->domain, NULL, NULL, &lock));
    NEED_OK(mproc_lock_export(lock, &handle));
    NEED_OK(mproc_send_handle(pair[0], handle, SEC, NULL));
    CHECK_INT(LETTER, recv(pair[1], letter, LETTER, MSG_DONTWAIT)); /* the kernel drops the descriptors */
    mproc_handle_close(handle);
    mproc_lock_close(lock);
    close(pair[0]);
    close(pair[1]);
}

static void set32(unsigned char *bytes, int at, uint32_t value)
{
    memcpy(bytes + at, &value, sizeof value);
}

/* Sends the letter with two descriptors, which it closes, and receives it as a handle. */
static int deliver(const unsigned char *bytes, int registry, int object, mproc_handle_t **handle)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    const int both[2] = { registry, object };
    struct iovec part = { (void *)(uintptr_t)bytes, LETTER };
    struct msghdr message;
    int pair[2], status;
    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof both);
    memcpy(CMSG_DATA(&control.header), both, sizeof both);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    CHECK_INT(LETTER, sendmsg(pair[0], &message, MSG_NOSIGNAL));
    close(registry);
    close(object);
    enter("mproc_recv_handle");
    status = mproc_recv_handle(pair[1], handle, SEC, NULL);
    atomic_store(&stage->call, NULL);
    close(pair[0]);
    close(pair[1]);
    return status;
}

static void letters(void)
{
    static const uint32_t words[] = { 0,  1,  2,  3,  4,  5,   6,   7,   8,        9,
                                      10, 11, 12, 13, 14, 15, 16, 255, 256, 257, 1u << 31, UINT32_MAX };
    enum { WORDS = sizeof words / sizeof words[0] };
    for (int i = 0; i < PASSED_KINDS; i++) {
        const struct subject *subject = &subjects[passed[i]];
        int before;
        put_image(place->dir, "victim", &place->image[passed[i]]);
        before = descriptors();
        for (int n = 0; n < WORDS * WORDS; n++) {
            uint32_t kind = words[n / WORDS], role = words[n % WORDS];
            bool good = kind >= MPROC_KIND_LOCK && kind <= MPROC_KIND_NAMESPACE && role <= 2;
            unsigned char forged[LETTER];
            mproc_handle_t *handle = NULL;
            memcpy(forged, letter, LETTER);
            set32(forged, AT_LETTER_KIND, kind);
            set32(forged, AT_LETTER_ROLE, role);
            memset(forged + AT_LETTER_REST, n, LETTER - AT_LETTER_REST); /* nobody reads it */
            snprintf(stage->what, sizeof stage->what, "%s: a letter of kind %u, role %u", subject->name, kind, role);
            CHECK_IS(good ? MPROC_OK : MPROC_ECORRUPT,
                     deliver(forged, registry_open(), file_open(place->dir, "victim"), &handle));
            if (good && handle) {
                import_as_all(handle, subject->kind, (int)kind, role);
            }
            CHECK(good || handle == NULL);
            mproc_handle_close(handle);
            if (n < WORDS - 1) {
                set32(forged, AT_LETTER_LAYOUT, role + MPROC_LAYOUT_VERSION + 1);
                handle = NULL;
                CHECK_IS(MPROC_EVERSION, deliver(forged, registry_open(), file_open(place->dir, "victim"), &handle));
                CHECK(handle == NULL);
            }
        }
        CHECK_INT(before, descriptors());
    }
}

/* Of a pipe: that both ends came. */
static bool is_complete(int kind, const struct both *both)
{
    return kind != MPROC_KIND_PIPE || (both->end[0] && both->end[1]);
}

/* Good letters that lead to damaged objects, to others' objects, to anything. */
static void anywhere(void)
{
    struct place elsewhere;
    struct rng rng = { mix64(options.seed) };
    int before;
    place_make(&elsewhere, "elsewhere");
    put_image(elsewhere.dir, "victim", &elsewhere.image[SCALAR]);
    before = descriptors();
    for (int i = 0; i < RANDOMS; i++) {
        int kind = (int)rng_below(&rng, SUBJECTS);
        const struct subject *subject = &subjects[kind];
        struct image image = place->image[kind];
        unsigned char forged[LETTER];
        void *object = NULL;
        stage->what[0] = 0;
        atomic_store(&stage->iteration, (uint64_t)i);
        for (uint64_t n = rng_below(&rng, 4); n > 0; n--) {
            mutate(&image, subject, true, &rng, place->cast, stage->what, sizeof stage->what);
        }
        /* Nobody holds a lock inside: who imports waits longer for it than who joined with a short patience. */
        for (int f = 0; f < subject->hot_count; f++) {
            if (subject->hot[f].meaning == OWNER) {
                memset(image.bytes + subject->hot[f].at, 0, 4);
            }
        }
        put_image(place->dir, "victim", &image);
        memcpy(forged, letter, LETTER);
        set32(forged, AT_LETTER_KIND, (uint32_t)subject->kind);
        for (uint32_t role = 1; role <= (subject->kind == MPROC_KIND_PIPE ? 2 : 1); role++) { /* both ends */
            mproc_handle_t *handle = NULL;
            int registry, victim;
            if (role == 2 && !object) {
                break; /* refused; a flag may have made it go with its last user */
            }
            registry = registry_open();
            victim = file_open(place->dir, "victim");
            switch (rng_below(&rng, 12)) {
            case 0:
                close(registry);
                registry = open("/dev/null", O_RDWR | O_CLOEXEC);
                break;
            case 1:
                close(victim);
                victim = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                break;
            case 2:
                close(registry);
                registry = file_open(place->dir, "victim");
                break;
            case 3:
                close(registry);
                registry = file_open(elsewhere.dir, ".registry");
                break;
            case 4:
                close(victim);
                victim = file_open(elsewhere.dir, "victim");
                break;
            default:
                break;
            }
            set32(forged, AT_LETTER_ROLE, role);
            CHECK_OK(deliver(forged, registry, victim, &handle));
            enter("import");
            judge(import(subject->kind, handle, &object),
                  S_IMPORT | (subject->kind == MPROC_KIND_CONDITION ? S(MPROC_ETYPE) : 0), "import", __FILE__,
                  __LINE__);
            atomic_store(&stage->call, NULL);
            mproc_handle_close(handle);
        }
        if (object && is_complete(subject->kind, object)) {
            atomic_fetch_add(&stage->entered, 1);
            subject->use(object, &rng);
        }
        subject->close(object);
        INSIST(descriptors() == before);
    }
    CHECK(atomic_load(&stage->entered) > RANDOMS / 10);
    place_check(&elsewhere);
    place_end(&elsewhere);
}

static void all_passing(void *argument)
{
    place = argument;
    learn_letter();
    tokens();
    letters();
    anywhere();
    place_check(place);
    CHECK(nobody_complained());
}

void part_passing(void)
{
    static struct place here;
    join_tally();
    place_make(&here, "passing");
    CHECK(watched(new_stage(), "passing", all_passing, &here, 300));
    place_end(&here);
}
