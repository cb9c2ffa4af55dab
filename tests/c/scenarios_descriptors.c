/* Stories about file descriptors: programs close those they never opened, reuse the numbers, or run out. */
#include "scenarios.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#endif

enum { FIRST = 3, LAST = 60 };

/* Another process that holds a lock and does nothing else. */
static pid_t start_holder(const char *name)
{
    uint32_t before = atomic_load(&stage->step);
    pid_t pid = proc_fork();
    if (pid == 0) {
        OK(mproc_lock_lock(old_lock(name), 0, NULL));
        atomic_fetch_add(&stage->step, 1);
        for (;;) {
            pause();
        }
    }
    AWAIT(stage->step, before + 1);
    return pid;
}

void close_everything(void)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, FIRST, ~0u, 0) == 0) {
        return;
    }
#endif
    for (int fd = FIRST; fd < 1024; fd++) {
        close(fd);
    }
}

ino_t reuse_numbers(void)
{
    char path[] = "/tmp/mproc-scenario-XXXXXX";
    struct stat st;
    int fd = mkstemp(path);
    CHECK(fd == FIRST);
    unlink(path);
    CHECK(write(fd, "untouched", 9) == 9 && fstat(fd, &st) == 0);
    for (int n = FIRST + 1; n <= LAST; n++) {
        CHECK(dup2(fd, n) == n);
    }
    return st.st_ino;
}

void check_numbers(ino_t ino)
{
    char buf[16], path[64];
    for (int n = FIRST; n <= LAST; n++) {
        struct stat st;
        CHECK(fstat(n, &st) == 0 && st.st_ino == ino && st.st_size == 9);
    }
    CHECK(pread(FIRST, buf, sizeof buf, 0) == 9 && !memcmp(buf, "untouched", 9));
    snprintf(path, sizeof path, "/proc/self/fd/%d", FIRST);
    int own = open(path, O_RDWR | O_CLOEXEC); /* a description of its own, to which others' locks are foreign */
    if (own >= 0) {
        struct flock f = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        CHECK(fcntl(own, F_OFD_GETLK, &f) == 0 && f.l_type == F_UNLCK);
        close(own);
    }
}

static void closes_every_descriptor(void)
{
    mproc_lock_t *theirs = new_lock("theirs"), *his = new_lock("his");
    mproc_queue_t *queue = new_queue("queue", 4096);
    pid_t holder = start_holder("theirs");
    pid_t pid = proc_fork();
    if (pid == 0) {
        mproc_lock_t *a = old_lock("theirs"), *b = old_lock("his");
        mproc_value_t *value = new_value("value", 5);
        OK(mproc_lock_lock(b, 0, NULL));
        EXPECT(mproc_lock_lock(a, 50 * MS, NULL), MPROC_ETIMEDOUT); /* has probed at least once */
        close_everything();
        ino_t ino = reuse_numbers();
        for (int i = 0; i < 3; i++) {
            EXPECT(mproc_lock_lock(a, 150 * MS, NULL), MPROC_ETIMEDOUT); /* the live are not robbed */
            EXPECT(mproc_lock_try(a), MPROC_ETIMEDOUT);
        }
        check_numbers(ino);
        atomic_store(&stage->flag[0], 1);
        AWAIT(stage->flag[0], 2); /* the holder is dead now */
        EXPECT(mproc_lock_lock(a, 10 * SEC, NULL), MPROC_RECOVERED);
        OK(mproc_lock_unlock(a));
        /* Everything else goes on as well: new objects, old ones by name, children. */
        mproc_value_t *again;
        OK(mproc_value_open(NULL, "value", NULL, &again));
        OK(mproc_value_add(again, 1, NULL));
        CHECK(value_of(value) == 6);
        new_lock("made-without-descriptors");
        OK(mproc_queue_put(queue, "still here", 10, SEC, NULL));
        IN_CHILD({
            EXPECT(mproc_lock_unlock(b), MPROC_EPERM);
            EXPECT(mproc_lock_lock(b, 50 * MS, NULL), MPROC_ETIMEDOUT);
            OK(mproc_value_add(value, 1, NULL));
        });
        CHECK(value_of(value) == 7);
        check_numbers(ino);
        close_everything(); /* and a second time */
        ino = reuse_numbers();
        OK(mproc_value_add(value, 1, NULL));
        check_numbers(ino);
        atomic_store(&stage->flag[0], 3);
        pause();
    }
    AWAIT(stage->flag[0], 1);
    EXPECT(mproc_lock_lock(his, 150 * MS, NULL), MPROC_ETIMEDOUT); /* its own life shows without descriptors */
    proc_kill(holder);
    atomic_store(&stage->flag[0], 2);
    AWAIT(stage->flag[0], 3);
    EXPECT(mproc_lock_lock(his, 150 * MS, NULL), MPROC_ETIMEDOUT);
    mproc_value_t *value;
    OK(mproc_domain_sweep(NULL, NULL)); /* nor are its objects swept away */
    OK(mproc_value_open(NULL, "value", NULL, &value));
    mproc_value_close(value);
    proc_kill(pid);
    EXPECT(mproc_lock_lock(his, 10 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_lock_unlock(his));
    EXPECT(mproc_lock_lock(theirs, 10 * SEC, NULL), MPROC_OK);
    OK(mproc_lock_unlock(theirs));
    char buf[16];
    size_t len;
    OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK(len == 10);
}

/* Opens /dev/null until no descriptor is left. */
static void exhaust_descriptors(void)
{
    struct rlimit limit = { 64, 64 };
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {
    }
    CHECK(errno == EMFILE);
}

static void expect_emfile(int status, const char *call)
{
    mproc_error_t e;
    CHECK(mproc_last_error(&e, sizeof e) == MPROC_OK);
    if (status != MPROC_ESYS || e.sys_errno != EMFILE || !e.message[0]) {
        fail_at(__FILE__, __LINE__, "%s without a free descriptor returned %s instead of MPROC_ESYS with errno EMFILE (%d)", call,
                status_text(status), EMFILE);
    }
}

static void runs_out_of_descriptors(void)
{
    mproc_lock_t *theirs = new_lock("theirs"), *free_lock = new_lock("free");
    mproc_value_t *value = new_value("value", 1);
    mproc_queue_t *queue = new_queue("queue", 4096);
    pid_t holder = start_holder("theirs");
    char never_made[160];
    snprintf(never_made, sizeof never_made, "%s-never-made", stage->domain);
    pid_t pid = proc_fork();
    if (pid == 0) {
        OK(mproc_value_add(value, 1, NULL));
        OK(mproc_lock_lock(free_lock, 0, NULL)); /* has joined, but never had to probe anybody */
        OK(mproc_lock_unlock(free_lock));
        exhaust_descriptors();
        char buf[16];
        size_t len;
        mproc_value_options_t vo = MPROC_VALUE_OPTIONS_INIT;
        mproc_domain_options_t other = MPROC_DOMAIN_OPTIONS_INIT;
        vo.type_code = MPROC_TYPE_I32;
        other.path = never_made;
        mproc_value_t *v = NULL;
        mproc_lock_t *l = NULL;
        mproc_domain_t *d = NULL;
        expect_emfile(mproc_value_create(NULL, "new", &vo, &v), "create");
        expect_emfile(mproc_value_create(NULL, NULL, &vo, &v), "create of an anonymous value");
        expect_emfile(mproc_lock_open(NULL, "theirs", NULL, &l), "open");
        expect_emfile(mproc_domain_open(&other, &d), "domain_open");
        CHECK(!v && !l && !d);
        bool left = rmdir(never_made) == 0;
        for (int i = 0; i < 3; i++) {
            EXPECT(mproc_lock_lock(theirs, 150 * MS, NULL), MPROC_ETIMEDOUT);
            OK(mproc_lock_lock(free_lock, 0, NULL));
            OK(mproc_lock_unlock(free_lock));
            OK(mproc_value_add(value, 1, NULL));
            OK(mproc_queue_put(queue, "message", 7, SEC, NULL));
            OK(mproc_queue_get(queue, buf, sizeof buf, &len, SEC, NULL));
        }
        atomic_store(&stage->flag[0], 1);
        AWAIT(stage->flag[0], 2);
        EXPECT(mproc_lock_lock(theirs, 10 * SEC, NULL), MPROC_RECOVERED);
        OK(mproc_lock_unlock(theirs));
        for (int fd = 30; fd < 64; fd++) {
            close(fd);
        }
        OK(mproc_value_create(NULL, "new", &vo, &v));
        OK(mproc_lock_open(NULL, "theirs", NULL, &l));
        CHECK(!left); /* a domain that could not be opened leaves no directory behind */
        _exit(0);
    }
    AWAIT(stage->flag[0], 1);
    proc_kill(holder);
    atomic_store(&stage->flag[0], 2);
    JOIN(pid);
    CHECK(value_of(value) == 5);
}

/* Both at once: nothing to probe with and no way to get it. Then nobody is dead, until it can be known. */
static void closed_and_exhausted(void)
{
    mproc_lock_t *theirs = new_lock("theirs");
    pid_t holder = start_holder("theirs");
    pid_t pid = proc_fork();
    if (pid == 0) {
        EXPECT(mproc_lock_lock(theirs, 30 * MS, NULL), MPROC_ETIMEDOUT);
        close_everything();
        reuse_numbers();
        exhaust_descriptors();
        EXPECT(mproc_lock_lock(theirs, 300 * MS, NULL), MPROC_ETIMEDOUT);
        EXPECT(mproc_lock_try(theirs), MPROC_ETIMEDOUT);
        atomic_store(&stage->flag[0], 1);
        AWAIT(stage->flag[0], 2);
        for (int fd = FIRST; fd < 64; fd++) {
            close(fd);
        }
        EXPECT(mproc_lock_lock(theirs, 10 * SEC, NULL), MPROC_RECOVERED);
        OK(mproc_lock_unlock(theirs));
        _exit(0);
    }
    AWAIT(stage->flag[0], 1);
    proc_kill(holder);
    atomic_store(&stage->flag[0], 2);
    JOIN(pid);
}

/* A forked child that has no descriptor for a slot of its own must say so, not hang and not pose as its parent. */
static void forked_without_descriptors(void)
{
    mproc_lock_t *lock = new_lock("lock");
    OK(mproc_lock_lock(lock, 0, NULL));
    IN_CHILD({
        exhaust_descriptors();
        int status = mproc_lock_unlock(lock);
        CHECK(status < 0);
        status = mproc_lock_lock(lock, 50 * MS, NULL);
        CHECK(status < 0);
        for (int fd = 20; fd < 64; fd++) {
            close(fd);
        }
        EXPECT(mproc_lock_lock(lock, 50 * MS, NULL), MPROC_ETIMEDOUT);
        EXPECT(mproc_lock_unlock(lock), MPROC_EPERM);
    });
    mproc_owner_t owner;
    OK(mproc_lock_owner(lock, &owner, sizeof owner));
    CHECK(owner.held && owner.is_self);
    OK(mproc_lock_unlock(lock));
}

const struct scenario descriptor_scenarios[] = {
    { .name = "closes-every-descriptor-and-reuses-the-numbers", .play = closes_every_descriptor },
    { .name = "runs-out-of-descriptors", .play = runs_out_of_descriptors },
    { .name = "closed-and-out-of-descriptors", .play = closed_and_exhausted },
    { .name = "forked-without-a-free-descriptor", .play = forked_without_descriptors },
    { 0 },
};
