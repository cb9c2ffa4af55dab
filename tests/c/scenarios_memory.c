/* Stories about memory: too little of it, a lot of it, and creators that are killed half way. */
#include "scenarios.h"

#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

bool private_tmpfs(const char *options)
{
    CHECK(mkdir(stage->domain, 0700) == 0);
    if (unshare(CLONE_NEWNS) != 0) {
        unsigned uid = (unsigned)geteuid(), gid = (unsigned)getegid();
        if (unshare(CLONE_NEWNS | CLONE_NEWUSER) != 0) {
            return false;
        }
        const char *const files[] = { "/proc/self/setgroups", "/proc/self/uid_map", "/proc/self/gid_map" };
        for (int i = 0; i < 3; i++) {
            char text[64] = "deny";
            if (i > 0) {
                unsigned id = i == 1 ? uid : gid;
                snprintf(text, sizeof text, "%u %u 1", id, id);
            }
            int fd = open(files[i], O_WRONLY | O_CLOEXEC);
            bool written = fd >= 0 && write(fd, text, strlen(text)) > 0;
            if (fd >= 0) {
                close(fd);
            }
            if (!written) {
                return false;
            }
        }
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", stage->domain, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
}

const char how_to_mount[] =
    "run as root, or allow user namespaces (sysctl user.max_user_namespaces > 0, kernel.unprivileged_userns_clone=1)";

static uint64_t free_bytes(const char *path)
{
    struct statvfs st;
    CHECK(statvfs(path, &st) == 0);
    return (uint64_t)st.f_bfree * st.f_frsize;
}

static int create_bytes(const char *name, uint64_t bytes, mproc_array_t **array)
{
    mproc_array_options_t o = MPROC_ARRAY_OPTIONS_INIT;
    o.type_code = MPROC_TYPE_U8;
    o.ndim = 1;
    o.shape[0] = (size_t)bytes;
    return mproc_array_create(NULL, name, &o, array);
}

void fill_up(const char *path)
{
    static const char zeros[4096];
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    while (write(fd, zeros, sizeof zeros) > 0) {
    }
    CHECK(errno == ENOSPC);
    close(fd);
}

static void small_full_tmpfs(void)
{
    if (!private_tmpfs("size=1m,mode=0700")) {
        skip("cannot mount a tmpfs: %s; %s", strerror(errno), how_to_mount);
    }
    mproc_lock_t *lock = new_lock("lock");
    mproc_queue_t *queue = new_queue("queue", 16384);
    uint64_t before = free_bytes(stage->domain);
    char names[200], filler[160];
    mproc_array_t *array = NULL;
    int entries = proc_list(stage->domain, true, names, sizeof names);
    EXPECT(create_bytes("large", 4 << 20, &array), MPROC_ENOSPC);
    EXPECT(create_bytes("large", 4 << 20, &array), MPROC_ENOSPC);
    CHECK(array == NULL);
    CHECK(free_bytes(stage->domain) == before && proc_list(stage->domain, true, names, sizeof names) == entries);
    mproc_value_t *value = new_value("small", 1); /* what is small still fits */
    OK(create_bytes("medium", 100000, &array));

    /* Not one page left: nothing new, but all that exists has its memory and keeps working. */
    snprintf(filler, sizeof filler, "%s/.filler", stage->domain);
    fill_up(filler);
    mproc_value_t *none = NULL;
    mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
    o.type_code = MPROC_TYPE_I64;
    EXPECT(mproc_value_create(NULL, "one-more", &o, &none), MPROC_ENOSPC);
    CHECK(none == NULL);
    static unsigned char bytes[100000];
    memset(bytes, 7, sizeof bytes);
    OK(mproc_array_write(array, 0, sizeof bytes, bytes, sizeof bytes));
    OK(mproc_value_add(value, 1, NULL));
    int puts = 0, status;
    while ((status = mproc_queue_put(queue, bytes, 1000, 0, NULL)) == MPROC_OK) {
        puts++;
    }
    EXPECT(status, MPROC_ETIMEDOUT);
    CHECK(puts >= 8);
    /* Newcomers join, wait, die and are noticed: the registry has its memory, too. */
    for (int i = 0; i < 50; i++) {
        pid_t pid = proc_fork();
        if (pid == 0) {
            OK(mproc_lock_lock(old_lock("lock"), SEC, NULL));
            atomic_store(&stage->step, (uint32_t)i + 1);
            pause();
        }
        AWAIT(stage->step, (uint32_t)i + 1);
        proc_kill(pid);
        EXPECT(mproc_lock_lock(lock, 10 * SEC, NULL), MPROC_RECOVERED);
        OK(mproc_lock_unlock(lock));
    }
    size_t len;
    while (puts-- > 0) {
        OK(mproc_queue_get(queue, bytes, sizeof bytes, &len, 0, NULL));
        CHECK(len == 1000 && bytes[999] == 7);
    }
    CHECK(unlink(filler) == 0);
    OK(mproc_value_create(NULL, "one-more", &o, &none)); /* room again */
    IN_CHILD(OK(mproc_domain_sweep(NULL, NULL)));
}

/* Not even the domain itself fits. */
static void no_room_for_a_domain(void)
{
    if (!private_tmpfs("size=1m,mode=0700")) {
        skip("cannot mount a tmpfs: %s; %s", strerror(errno), how_to_mount);
    }
    char filler[160], path[160], names[200];
    snprintf(filler, sizeof filler, "%s/.filler", stage->domain);
    snprintf(path, sizeof path, "%s/domain", stage->domain);
    setenv("MPROC_DOMAIN", path, 1);
    fill_up(filler);
    mproc_domain_t *domain = NULL;
    for (int i = 0; i < 3; i++) {
        EXPECT(mproc_domain_open(NULL, &domain), MPROC_ENOSPC);
        CHECK(domain == NULL);
    }
    CHECK(proc_list(path, false, names, sizeof names) <= 0);
    CHECK(unlink(filler) == 0);
    OK(mproc_domain_open(NULL, &domain)); /* a failed attempt is no obstacle */
    OK(mproc_value_add(new_value("v", 1), 1, NULL));
}

static void absurd_array(void)
{
    new_lock("lock"); /* makes the domain */
    uint64_t before_list = (uint64_t)proc_list(stage->domain, true, NULL, 0);
    struct sysinfo si;
    CHECK(sysinfo(&si) == 0);
    uint64_t all = ((uint64_t)si.totalram + si.totalswap) * si.mem_unit;
    struct statvfs st;
    CHECK(statvfs(stage->domain, &st) == 0);
    if ((uint64_t)st.f_blocks * st.f_frsize > all) {
        all = (uint64_t)st.f_blocks * st.f_frsize;
    }
    const uint64_t sizes[] = { all + (all >> 1), 4 * all, UINT64_C(1) << 46, UINT64_C(1) << 62 };
    for (int named = 0; named < 2; named++) {
        for (int i = 0; i < 4; i++) {
            mproc_array_t *array = NULL;
            mproc_error_t e;
            int status = create_bytes(named ? "huge" : NULL, sizes[i], &array);
            if (status != MPROC_ENOMEM && status != MPROC_ENOSPC && !(status == MPROC_EINVAL && i == 3)) {
                fail_at(__FILE__, __LINE__, "an array of %llu bytes: %s", (unsigned long long)sizes[i], status_text(status));
            }
            CHECK(array == NULL);
            OK(mproc_last_error(&e, sizeof e));
            CHECK(e.status == status && e.message[0]);
        }
    }
    mproc_array_options_t o = MPROC_ARRAY_OPTIONS_INIT;
    mproc_array_t *array = NULL;
    o.type_code = MPROC_TYPE_F64;
    o.ndim = 3;
    o.shape[0] = o.shape[1] = o.shape[2] = SIZE_MAX / 2; /* the product overflows */
    int status = mproc_array_create(NULL, "huge", &o, &array);
    CHECK(status == MPROC_EINVAL || status == MPROC_ENOMEM || status == MPROC_ENOSPC);
    CHECK(array == NULL && (uint64_t)proc_list(stage->domain, true, NULL, 0) == before_list);
    OK(create_bytes("huge", 1000, &array)); /* the name was never taken */
}

static uint64_t memory_available(void)
{
    char line[200];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "MemAvailable: %llu", &kib) != 1) {
    }
    if (f) {
        fclose(f);
    }
    return kib * 1024;
}

/* Whether some control group above us has a memory limit: then a refusal is right where meminfo sees room. */
static bool memory_limited(void)
{
    char line[600], path[800], *cut;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f || !fgets(line, sizeof line, f)) {
        return true;
    }
    fclose(f);
    line[strcspn(line, "\n")] = 0;
    char *group = strstr(line, "::");
    for (group = group ? group + 2 : line + strlen(line);;) {
        char limit[32] = "max";
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
        f = fopen(path, "re");
        if (f) {
            if (fgets(limit, sizeof limit, f) && strncmp(limit, "max", 3) != 0) {
                fclose(f);
                return true;
            }
            fclose(f);
        }
        if (!(cut = strrchr(group, '/'))) {
            return false;
        }
        *cut = 0;
    }
}

static void four_gib_array(void)
{
    const uint64_t length = (UINT64_C(4) << 30) + 12345, spare = UINT64_C(1) << 30;
    struct statvfs st;
    CHECK(statvfs("/dev/shm", &st) == 0);
    uint64_t room = (uint64_t)st.f_bavail * st.f_frsize, available = memory_available();
    if (room < length + spare || available < length + spare) {
        skip("needs 5 GiB of memory (%llu MiB available) and of /dev/shm (%llu MiB free; mount -o remount,size=6g /dev/shm)",
             (unsigned long long)available >> 20, (unsigned long long)room >> 20);
    }
    mproc_array_t *array;
    int status = create_bytes("large", length, &array);
    if (status == MPROC_ENOMEM && memory_limited()) {
        skip("a control group limits the memory; raise its memory.max to 6 GiB");
    }
    OK(status);
    mproc_array_info_t info;
    OK(mproc_array_info(array, &info, sizeof info));
    CHECK(info.length == length && info.shape[0] == length && info.elem_size == 1);
    unsigned char bytes[4096], back[4096], byte = 42;
    memset(bytes, 9, sizeof bytes);
    OK(mproc_array_set(array, length - 1, &byte, 1));
    OK(mproc_array_write(array, (UINT64_C(4) << 30) - 2000, sizeof bytes, bytes, sizeof bytes)); /* across 2^32 */
    EXPECT(mproc_array_set(array, length, &byte, 1), MPROC_ERANGE);
    EXPECT(mproc_array_write(array, length - 1, 2, bytes, 2), MPROC_ERANGE);
    pid_t pid = proc_fork();
    if (pid == 0) {
        mproc_array_t *mine;
        unsigned char *p;
        OK(mproc_array_open(NULL, "large", NULL, &mine));
        OK(mproc_array_get(mine, length - 1, back, 1));
        CHECK(back[0] == 42);
        OK(mproc_array_read(mine, (UINT64_C(4) << 30) - 2000, sizeof back, back, sizeof back));
        CHECK(!memcmp(back, bytes, sizeof back));
        OK(mproc_array_get(mine, 0, back, 1));
        CHECK(back[0] == 0);
        OK(mproc_array_ptr(mine, (void **)&p));
        CHECK(p[length - 1] == 42 && p[length - 2] == 0);
        p[1] = 1;
        _exit(0);
    }
    JOIN(pid);
    OK(mproc_array_get(array, 1, back, 1));
    CHECK(back[0] == 1);
    mproc_array_close(array);
    OK(mproc_domain_sweep(NULL, NULL));
    EXPECT(mproc_array_open(NULL, "large", NULL, &array), MPROC_ENOENT); /* 4 GiB are not left lying about */
}

/* ---- creators that are killed ---- */

enum { ELEMENTS = 32768, STRUCT = 65536, CREATOR_KILLS = 250 };

static uint64_t elements[ELEMENTS], found[ELEMENTS];
static unsigned char bytes_in[STRUCT], bytes_out[STRUCT];

static void create_for_ever(uint64_t seed)
{
    struct rng rng = { seed };
    mproc_array_options_t a = MPROC_ARRAY_OPTIONS_INIT;
    mproc_value_options_t v = MPROC_VALUE_OPTIONS_INIT;
    a.type_code = MPROC_TYPE_U64;
    a.ndim = 1;
    a.shape[0] = a.initial_count = ELEMENTS;
    a.initial = elements;
    v.type_code = MPROC_TYPE_STRUCT;
    v.elem_size = STRUCT;
    v.initial = bytes_in;
    atomic_fetch_add(&stage->step, 1);
    for (;;) {
        mproc_array_t *array = NULL;
        mproc_value_t *value = NULL;
        mproc_queue_t *queue = NULL;
        mproc_lock_t *lock = NULL;
        mproc_queue_options_t q = MPROC_QUEUE_OPTIONS_INIT;
        q.capacity_bytes = 16384;
        /* "Exists" is possible: the watcher may still have the last one open. */
        int status[4] = { mproc_array_create(NULL, "array", &a, &array), mproc_value_create(NULL, "value", &v, &value),
                          mproc_queue_create(NULL, "queue", &q, &queue), mproc_lock_create(NULL, "lock", NULL, &lock) };
        for (int i = 0; i < 4; i++) {
            if (status[i] != MPROC_OK && status[i] != MPROC_EEXIST) {
                fail_at(__FILE__, __LINE__, "creation %d returned %s", i, status_text(status[i]));
            }
        }
        if (queue) {
            int put = mproc_queue_put(queue, "first", 5, 0, NULL);
            CHECK(put == MPROC_OK);
        }
        atomic_fetch_add(&stage->number[0], 1);
        if (rng_below(&rng, 2)) { /* by name, or by the end of its last user */
            static const char *const names[] = { "array", "value", "queue", "lock" };
            for (int i = 0; i < 4; i++) {
                int gone = mproc_domain_unlink(NULL, names[i]);
                CHECK(gone == MPROC_OK || gone == MPROC_ENOENT);
            }
        }
        mproc_array_close(array);
        mproc_value_close(value);
        mproc_queue_close(queue);
        mproc_lock_close(lock);
    }
}

static bool opened(int status, const char *what)
{
    if (status != MPROC_OK && status != MPROC_ENOENT) {
        fail_at(__FILE__, __LINE__, "opening the %s beside its creator returned %s", what, status_text(status));
    }
    if (status == MPROC_OK) {
        atomic_fetch_add(&stage->number[1], 1);
    }
    return status == MPROC_OK;
}

/* Opens the names all the time: whatever it gets must be whole. */
static void watch_for_ever(void)
{
    for (;;) {
        mproc_array_t *array;
        mproc_value_t *value;
        mproc_queue_t *queue;
        mproc_lock_t *lock;
        if (opened(mproc_array_open(NULL, "array", NULL, &array), "array")) {
            mproc_array_info_t info;
            OK(mproc_array_info(array, &info, sizeof info));
            CHECK(info.type_code == MPROC_TYPE_U64 && info.length == ELEMENTS);
            OK(mproc_array_read(array, 0, ELEMENTS, found, sizeof found));
            CHECK(!memcmp(found, elements, sizeof found));
            mproc_array_close(array);
        }
        if (opened(mproc_value_open(NULL, "value", NULL, &value), "value")) {
            OK(mproc_value_load(value, bytes_out, STRUCT));
            CHECK(!memcmp(bytes_in, bytes_out, STRUCT));
            mproc_value_close(value);
        }
        if (opened(mproc_queue_open(NULL, "queue", NULL, &queue), "queue")) {
            char buf[8];
            size_t len;
            int status = mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL);
            CHECK(status == MPROC_ETIMEDOUT || (status == MPROC_OK && len == 5 && !memcmp(buf, "first", 5)));
            mproc_queue_close(queue);
        }
        if (opened(mproc_lock_open(NULL, "lock", NULL, &lock), "lock")) {
            OK(mproc_lock_lock(lock, 5 * SEC, NULL));
            OK(mproc_lock_unlock(lock));
            mproc_lock_close(lock);
        }
        atomic_fetch_add(&stage->flag[0], 1);
    }
}

static void creator_killed(void)
{
    for (size_t i = 0; i < ELEMENTS; i++) {
        elements[i] = mix64(i + 1);
    }
    pattern_fill(bytes_in, STRUCT, 1);
    bool measured = private_tmpfs("size=64m,mode=0700"); /* where nobody else allocates, a leak can be seen */
    mproc_domain_t *domain;
    OK(mproc_domain_open(NULL, &domain));
    uint64_t before = free_bytes(stage->domain);
    pid_t watcher = proc_fork();
    if (watcher == 0) {
        watch_for_ever();
    }
    struct rng rng = { 5 };
    for (int i = 0; i < CREATOR_KILLS; i++) {
        uint32_t step = atomic_load(&stage->step), watched = atomic_load(&stage->flag[0]);
        pid_t pid = proc_fork();
        if (pid == 0) {
            create_for_ever((uint64_t)i);
        }
        AWAIT(stage->step, step + 1);
        proc_sleep_ns((int64_t)rng_below(&rng, 3 * MS));
        proc_kill(pid);
        if (i % 10 == 0) {
            AWAIT(stage->flag[0], watched + 1); /* the watcher gets on, too */
        }
    }
    proc_kill(watcher);
    char names[200];
    OK(mproc_domain_sweep(domain, NULL));
    if (proc_list(stage->domain, false, names, sizeof names) != 0) {
        fail_at(__FILE__, __LINE__, "left after a sweep: %s", names);
    }
    CHECK(!measured || free_bytes(stage->domain) == before);
    CHECK(atomic_load(&stage->number[0]) > 0 && atomic_load(&stage->number[1]) > 0);
}

const struct scenario memory_scenarios[] = {
    { .name = "small-full-tmpfs", .play = small_full_tmpfs, .keeps_domain = true },
    { .name = "no-room-for-a-domain", .play = no_room_for_a_domain, .keeps_domain = true },
    { .name = "array-larger-than-memory", .play = absurd_array },
    { .name = "array-of-4-gib", .play = four_gib_array, .limit_s = 120 },
    { .name = "creator-killed-while-creating", .play = creator_killed, .limit_s = 90, .keeps_domain = true },
    { 0 },
};
