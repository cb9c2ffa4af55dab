/* Stories about pid namespaces, other users, and directories that are not what they should be. */
#include "scenarios.h"

#include <grp.h>
#include <poll.h>

#define NOBODY 65534

/* Where user namespaces are forbidden, only root can play these stories. */
static const char how_to_enable[] =
    "run as root, or allow user namespaces (sysctl user.max_user_namespaces > 0, kernel.unprivileged_userns_clone=1)";

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, text, strlen(text)) < 0) {
            skip("cannot write %s (%s); %s", path, strerror(errno), how_to_enable);
        }
        close(fd);
    }
}

/* Takes part in the named kinds of namespaces; without privileges by way of a user namespace. */
static void unshare_or_skip(int flags)
{
    if (geteuid() == 0 && unshare(flags) == 0) {
        return;
    }
    char map[64];
    unsigned uid = (unsigned)geteuid(), gid = (unsigned)getegid();
    if (unshare(flags | CLONE_NEWUSER) != 0) {
        skip("unshare: %s; %s", strerror(errno), how_to_enable);
    }
    write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", uid, uid); /* the same user, so that the domain still is ours */
    write_file("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "%u %u 1", gid, gid);
    write_file("/proc/self/gid_map", map);
}

/* ---- pid namespaces ---- */

/* Runs `body` as process 1 of a new pid namespace; returns its pid as seen from here (a grandchild). */
static pid_t start_in_pid_namespace(void (*body)(void))
{
    uint32_t before = atomic_load(&stage->flag[7]);
    pid_t helper = proc_fork();
    if (helper == 0) {
        unshare_or_skip(CLONE_NEWPID);
        pid_t pid = proc_fork();
        if (pid == 0) {
            CHECK(getpid() == 1);
            body();
            _exit(0);
        }
        atomic_store(&stage->number[7], (uint64_t)pid);
        atomic_fetch_add(&stage->flag[7], 1);
        int status;
        waitpid(pid, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status));
    }
    for (int64_t end = proc_now() + 20 * SEC; atomic_load(&stage->flag[7]) == before;) {
        if (atomic_load(&stage->outcome) != RUNNING) {
            _exit(1); /* skipped in there */
        }
        CHECK(proc_now() < end);
        proc_sleep_ns(1 * MS);
    }
    atomic_store(&stage->number[6], (uint64_t)helper);
    return (pid_t)atomic_load(&stage->number[7]);
}

static pid_t last_helper(void)
{
    return (pid_t)atomic_load(&stage->number[6]);
}

static void hold_as_one(void)
{
    mproc_lock_t *lock = old_lock("lock");
    mproc_owner_t self;
    OK(mproc_domain_self(NULL, &self, sizeof self));
    CHECK(self.pid == 1);
    OK(mproc_lock_lock(lock, 0, NULL));
    atomic_store(&stage->flag[0], self.slot + 1);
    for (;;) {
        pause();
    }
}

static void wait_as_one(void)
{
    mproc_lock_t *lock = old_lock("lock");
    mproc_owner_t self, owner;
    OK(mproc_domain_self(NULL, &self, sizeof self));
    CHECK(self.pid == 1 && self.slot + 1 != atomic_load(&stage->flag[0])); /* the same pid, another process */
    for (int i = 0; i < 3; i++) {
        EXPECT(mproc_lock_lock(lock, 150 * MS, NULL), MPROC_ETIMEDOUT); /* alive in another namespace: not robbed */
        EXPECT(mproc_lock_unlock(lock), MPROC_EPERM);
        OK(mproc_lock_owner(lock, &owner, sizeof owner));
        CHECK(owner.held && owner.alive && !owner.is_self && owner.pid == 1);
    }
    atomic_store(&stage->flag[1], 1);
    EXPECT(mproc_lock_lock(lock, 20 * SEC, NULL), MPROC_RECOVERED); /* killed in another namespace: recovered */
    OK(mproc_lock_unlock(lock));
    mproc_value_t *value;
    mproc_queue_t *queue;
    OK(mproc_value_open(NULL, "value", NULL, &value));
    OK(mproc_value_add(value, 1, NULL));
    OK(mproc_queue_open(NULL, "queue", NULL, &queue));
    OK(mproc_queue_put(queue, "from one to all", 15, SEC, NULL));
}

static void two_pid_namespaces(void)
{
    mproc_lock_t *lock = new_lock("lock");
    mproc_value_t *value = new_value("value", 0);
    mproc_queue_t *queue = new_queue("queue", 4096);
    pid_t holder = start_in_pid_namespace(hold_as_one);
    AWAIT(stage->flag[0], 1);
    EXPECT(mproc_lock_lock(lock, 150 * MS, NULL), MPROC_ETIMEDOUT); /* seen from outside */
    start_in_pid_namespace(wait_as_one);
    pid_t waiter_helper = last_helper();
    AWAIT(stage->flag[1], 1);
    kill(holder, SIGKILL);
    JOIN(waiter_helper);
    CHECK(value_of(value) == 1);
    char buf[32];
    size_t len;
    OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK(len == 15);
    OK(mproc_lock_lock(lock, 0, NULL));
    OK(mproc_lock_unlock(lock));

    /* The other way round: the holder is outside, the waiter inside; and killed outside. */
    holder = proc_fork();
    if (holder == 0) {
        OK(mproc_lock_lock(old_lock("lock"), 0, NULL));
        atomic_store(&stage->flag[0], 9999);
        pause();
    }
    AWAIT(stage->flag[0], 9999);
    atomic_store(&stage->flag[1], 0);
    pid_t inside = proc_fork();
    if (inside == 0) {
        unshare_or_skip(CLONE_NEWPID);
        pid_t pid = proc_fork();
        if (pid == 0) {
            mproc_lock_t *mine = old_lock("lock");
            EXPECT(mproc_lock_lock(mine, 150 * MS, NULL), MPROC_ETIMEDOUT);
            atomic_store(&stage->flag[1], 1);
            EXPECT(mproc_lock_lock(mine, 20 * SEC, NULL), MPROC_RECOVERED);
            OK(mproc_lock_unlock(mine));
            _exit(0);
        }
        JOIN(pid);
        _exit(0);
    }
    AWAIT(stage->flag[1], 1);
    proc_kill(holder);
    JOIN(inside);
}

/* Waits, permits and registrations across pid namespaces, where everybody may be process 1. */
static void take_part_as_one(void)
{
    mproc_rwlock_t *rwlock;
    mproc_semaphore_t *permits;
    mproc_condition_t *condition;
    mproc_barrier_t *barrier;
    mproc_rwlock_info_t info;
    CHECK(getpid() == 1);
    OK(mproc_rwlock_open(NULL, "rwlock", NULL, &rwlock));
    OK(mproc_semaphore_open(NULL, "permits", NULL, &permits));
    OK(mproc_condition_open(NULL, "condition", NULL, &condition));
    OK(mproc_barrier_open(NULL, "barrier", NULL, &barrier));
    bool first = atomic_load(&stage->flag[0]) == 0;
    if (first) {
        OK(mproc_rwlock_read_lock(rwlock, 0, NULL));
        OK(mproc_semaphore_try(permits));
        OK(mproc_barrier_register(barrier));
        OK(mproc_condition_lock(condition, 10 * SEC, NULL));
        atomic_store(&stage->flag[0], 1);
        OK(mproc_condition_wait(condition, MPROC_FOREVER, NULL)); /* killed in it */
        fail_at(__FILE__, __LINE__, "the first one came back from its wait");
    }
    EXPECT(mproc_rwlock_read_unlock(rwlock), MPROC_EPERM); /* the same pid, another process */
    EXPECT(mproc_semaphore_release(permits, 1), MPROC_EPERM);
    EXPECT(mproc_barrier_unregister(barrier), MPROC_EPERM);
    for (int i = 0; i < 3; i++) {
        EXPECT(mproc_rwlock_write_lock(rwlock, 100 * MS, NULL), MPROC_ETIMEDOUT);
        EXPECT(mproc_semaphore_acquire(permits, 100 * MS, NULL), MPROC_ETIMEDOUT);
    }
    OK(mproc_rwlock_info(rwlock, &info, sizeof info));
    CHECK(info.readers == 1 && info.reading_processes == 1);
    atomic_store(&stage->flag[0], 2);
    EXPECT(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL), MPROC_EBROKEN); /* the first one is killed */
    OK(mproc_rwlock_write_lock(rwlock, 20 * SEC, NULL));
    OK(mproc_rwlock_write_unlock(rwlock));
    EXPECT(mproc_semaphore_acquire(permits, 20 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_semaphore_release(permits, 1));
    OK(mproc_condition_lock(condition, 10 * SEC, NULL));
    atomic_store(&stage->flag[0], 3);
    OK(mproc_condition_wait(condition, MPROC_FOREVER, NULL));
    OK(mproc_condition_unlock(condition));
}

static void family_across_pid_namespaces(void)
{
    mproc_rwlock_t *rwlock;
    mproc_semaphore_t *permits;
    mproc_condition_t *condition;
    mproc_barrier_t *barrier;
    mproc_semaphore_options_t so = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_barrier_options_t bo = MPROC_BARRIER_OPTIONS_INIT;
    so.flags = MPROC_SEMAPHORE_ACCOUNTING;
    bo.parties = 2;
    OK(mproc_rwlock_create(NULL, "rwlock", NULL, &rwlock));
    OK(mproc_semaphore_create(NULL, "permits", &so, &permits));
    OK(mproc_condition_create(NULL, "condition", NULL, &condition));
    OK(mproc_barrier_create(NULL, "barrier", &bo, &barrier));
    pid_t first = start_in_pid_namespace(take_part_as_one);
    AWAIT(stage->flag[0], 1);
    start_in_pid_namespace(take_part_as_one);
    pid_t second_helper = last_helper();
    AWAIT(stage->flag[0], 2);
    EXPECT(mproc_rwlock_write_try(rwlock), MPROC_ETIMEDOUT); /* seen from outside, too */
    EXPECT(mproc_semaphore_acquire(permits, 100 * MS, NULL), MPROC_ETIMEDOUT);
    kill(first, SIGKILL);
    AWAIT(stage->flag[0], 3);
    /* The ticket of the dead goes before that of the living: the notification passes on. */
    OK(mproc_condition_lock(condition, 10 * SEC, NULL)); /* when the second one waits */
    OK(mproc_condition_notify(condition, 1));
    OK(mproc_condition_unlock(condition));
    JOIN(second_helper);
}

/* ---- users ---- */

static void become_nobody(void)
{
    if (geteuid() != 0) {
        return; /* ordinary already */
    }
    CHECK(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of user has cleared it */
    prctl(PR_SET_DUMPABLE, 1);        /* and made /proc/self root's, as in no process that began as this user */
}

static void basics(void)
{
    mproc_lock_t *lock = new_lock("lock");
    mproc_value_t *value = new_value("value", 40), *anonymous = new_value(NULL, 1);
    mproc_array_t *array = new_array("array", MPROC_TYPE_U16, 10);
    mproc_queue_t *queue = new_queue("queue", 4096);
    struct stat st;
    CHECK(stat(stage->domain, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 07777) == 0700);
    pid_t holder = proc_fork();
    if (holder == 0) {
        uint16_t number = 7;
        OK(mproc_lock_lock(old_lock("lock"), 0, NULL));
        OK(mproc_value_add(value, 2, NULL));
        OK(mproc_value_add(anonymous, 2, NULL));
        OK(mproc_array_set(array, 9, &number, sizeof number));
        OK(mproc_queue_put(queue, "hello", 5, 0, NULL));
        new_value("left-behind", 1);
        atomic_store(&stage->step, 1);
        pause();
    }
    AWAIT(stage->step, 1);
    EXPECT(mproc_lock_lock(lock, 100 * MS, NULL), MPROC_ETIMEDOUT);
    proc_kill(holder);
    EXPECT(mproc_lock_lock(lock, 10 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_lock_unlock(lock));
    uint16_t number = 0;
    char buf[8];
    size_t len, removed = 0;
    OK(mproc_array_get(array, 9, &number, sizeof number));
    OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK(value_of(value) == 42 && value_of(anonymous) == 3 && number == 7 && len == 5);
    OK(mproc_domain_sweep(NULL, &removed));
    CHECK(removed == 1);
}

static void ordinary_user(void)
{
    IN_CHILD({
        become_nobody();
        IN_CHILD(basics());
        IN_CHILD({
            OK(mproc_domain_remove(stage->domain));
            CHECK(access(stage->domain, F_OK) != 0);
        });
    });
}

/* Without MPROC_DOMAIN every user has a domain of their own. */
static void default_domain(void)
{
    IN_CHILD({
        char wanted[64], path[64];
        size_t needed = 0;
        become_nobody();
        snprintf(wanted, sizeof wanted, "/dev/shm/mproc-%u", (unsigned)geteuid());
        if (access(wanted, F_OK) == 0) {
            skip("%s is in use; remove it to play this", wanted);
        }
        unsetenv("MPROC_DOMAIN");
        IN_CHILD({
            new_value("value", 1);
            OK(mproc_domain_path(NULL, path, sizeof path, &needed));
            CHECK(!strcmp(path, wanted) && needed == strlen(wanted) + 1);
            EXPECT(mproc_domain_path(NULL, path, needed - 1, &needed), MPROC_EMSGSIZE);
        });
        IN_CHILD(OK(mproc_domain_remove(wanted)));
        CHECK(access(wanted, F_OK) != 0);
    });
}

static int open_domain(const char *path, mproc_domain_t **domain)
{
    mproc_domain_options_t o = MPROC_DOMAIN_OPTIONS_INIT;
    o.path = path;
    return mproc_domain_open(&o, domain);
}

static void other_users_domain(void)
{
    if (geteuid() != 0) {
        skip("needs a second user; run as root");
    }
    mproc_domain_t *domain;
    mproc_value_t *value = new_value("private", 1);
    IN_CHILD({
        mproc_value_t *v;
        become_nobody();
        EXPECT(open_domain(stage->domain, &domain), MPROC_EACCES);
        EXPECT(mproc_value_open(NULL, "private", NULL, &v), MPROC_EACCES);
        EXPECT(mproc_domain_remove(stage->domain), MPROC_EACCES);
    });
    CHECK(value_of(value) == 1);
    /* The superuser could, and is refused all the same: somebody else's memory is not to be trusted. */
    char path[160];
    snprintf(path, sizeof path, "%s-theirs", stage->domain);
    pid_t owner = proc_fork();
    if (owner == 0) {
        become_nobody();
        CHECK(open_domain(path, &domain) == MPROC_OK);
        atomic_store(&stage->step, 1);
        AWAIT(stage->step, 2);
        mproc_domain_close(domain);
        _exit(0);
    }
    AWAIT(stage->step, 1);
    int status = open_domain(path, &domain);
    atomic_store(&stage->step, 2);
    JOIN(owner);
    proc_remove_dir(path);
    EXPECT(status, MPROC_EACCES);
}

/* ---- directories ---- */

static void unfit_directories(void)
{
    mproc_domain_t *domain;
    char path[160], target[160];
    snprintf(path, sizeof path, "%s-x", stage->domain);
    int symlinked, open_to_all, writable_by_group, is_file, fits;
    IN_CHILD(new_value("v", 1)); /* a proper domain in stage->domain */

    CHECK(symlink(stage->domain, path) == 0);
    symlinked = open_domain(path, &domain);
    unlink(path);
    CHECK(mkdir(path, 0777) == 0 && chmod(path, 0777) == 0);
    open_to_all = open_domain(path, &domain);
    CHECK(chmod(path, 0770) == 0);
    writable_by_group = open_domain(path, &domain);
    rmdir(path);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    is_file = open_domain(path, &domain);
    unlink(path);
    close(fd);
    CHECK(mkdir(path, 0700) == 0); /* made by hand, but as it should be */
    fits = open_domain(path, &domain);
    if (fits == MPROC_OK) {
        mproc_domain_close(domain);
    }
    proc_remove_dir(path);
    EXPECT(symlinked, MPROC_EACCES);
    EXPECT(open_to_all, MPROC_EACCES);
    EXPECT(writable_by_group, MPROC_EACCES);
    EXPECT(is_file, MPROC_EACCES);
    EXPECT(fits, MPROC_OK);
    EXPECT(open_domain("relative/path", &domain), MPROC_EINVAL);
    snprintf(target, sizeof target, "%s-missing/below", stage->domain);
    EXPECT(open_domain(target, &domain), MPROC_ENOENT);
}

/* In the directory, things that are no objects: links and pipes under an object's name. */
static void unfit_files(void)
{
    mproc_lock_t *real = new_lock("real"), *lock = NULL;
    char from[160], to[160];
    snprintf(to, sizeof to, "%s/real", stage->domain);
    snprintf(from, sizeof from, "%s/link", stage->domain);
    CHECK(symlink(to, from) == 0);
    EXPECT(mproc_lock_open(NULL, "link", NULL, &lock), MPROC_EACCES);
    CHECK(mproc_lock_create(NULL, "link", NULL, &lock) < 0);
    unlink(from);
    snprintf(from, sizeof from, "%s/pipe", stage->domain);
    CHECK(mkfifo(from, 0600) == 0);
    EXPECT(mproc_lock_open(NULL, "pipe", NULL, &lock), MPROC_EACCES); /* and does not hang */
    unlink(from);
    snprintf(from, sizeof from, "%s/directory", stage->domain);
    CHECK(mkdir(from, 0700) == 0);
    int directory = mproc_lock_open(NULL, "directory", NULL, &lock);
    rmdir(from);
    EXPECT(directory, MPROC_EACCES);
    CHECK(lock == NULL);
    OK(mproc_lock_lock(real, 0, NULL));
    OK(mproc_lock_unlock(real));
}

/* The registry behind a link: refused, not followed. */
static void registry_behind_a_link(void)
{
    IN_CHILD(new_value("v", 1));
    char moved[160], from[420];
    snprintf(moved, sizeof moved, "%s-moved", stage->domain);
    CHECK(mkdir(moved, 0700) == 0);
    DIR *d = opendir(stage->domain);
    CHECK(d != NULL);
    unsigned links = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.' && strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && e->d_type == DT_REG) {
            char to[420];
            snprintf(from, sizeof from, "%s/%s", stage->domain, e->d_name);
            snprintf(to, sizeof to, "%s/%s", moved, e->d_name);
            CHECK(rename(from, to) == 0 && symlink(to, from) == 0);
            links++;
        }
    }
    closedir(d);
    mproc_domain_t *domain;
    int status = links ? open_domain(stage->domain, &domain) : MPROC_EACCES;
    proc_remove_dir(moved);
    EXPECT(status, MPROC_EACCES);
    CHECK(links > 0);
}

/* ---- descriptors for event loops ---- */

enum { RINGS = 20 };

static mproc_queue_t *pollable_queue(uint32_t flags)
{
    mproc_queue_t *queue = NULL;
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    o.flags = MPROC_POLLABLE | flags;
    CHECK(mproc_queue_create(NULL, "pollable", &o, &queue) >= 0);
    return queue;
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    CHECK(poll(&p, 1, timeout_ms) >= 0 && (p.revents & ~POLLIN) == 0);
    return p.revents != 0;
}

static void put_in_turn(void)
{
    mproc_queue_t *queue = pollable_queue(MPROC_EXIST_OK);
    for (uint32_t round = 0; round < RINGS; round++) {
        AWAIT(stage->step, 2 * round + 1);
        OK(mproc_queue_put(queue, "x", 1, 20 * SEC, NULL));
        atomic_store(&stage->step, 2 * round + 2);
    }
}

/* A message from another pid namespace rings at once: the timer does not answer for the bell in all of the rounds. */
static void bells_across_pid_namespaces(void)
{
    mproc_queue_t *queue = pollable_queue(0);
    int fd = -1;
    OK(mproc_queue_readable_fd(queue, &fd));
    start_in_pid_namespace(put_in_turn);
    for (uint32_t round = 0; round < RINGS; round++) {
        char buf[8];
        size_t len;
        int tries = 0;
        do { /* in vain: that makes it unreadable */
            EXPECT(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL), MPROC_ETIMEDOUT);
        } while (readable(fd, 0) && ++tries < 100);
        CHECK(tries < 100);
        atomic_store(&stage->step, 2 * round + 1);
        AWAIT(stage->step, 2 * round + 2);
        CHECK(readable(fd, 0));
        OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    }
    JOIN(last_helper());
}

/* Nobody rings across network namespaces; the messages come all the same. */
static void messages_across_network_namespaces(void)
{
    mproc_queue_t *queue = pollable_queue(0);
    int fd = -1;
    OK(mproc_queue_readable_fd(queue, &fd));
    pid_t pid = proc_fork();
    if (pid == 0) {
        unshare_or_skip(CLONE_NEWNET);
        put_in_turn();
        _exit(0);
    }
    for (uint32_t round = 0; round < RINGS; round++) {
        char buf[8];
        size_t len;
        int status;
        EXPECT(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL), MPROC_ETIMEDOUT);
        atomic_store(&stage->step, 2 * round + 1);
        while ((status = mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL)) == MPROC_ETIMEDOUT) {
            CHECK(readable(fd, 20000));
            if (atomic_load(&stage->outcome) != RUNNING) {
                _exit(1); /* skipped in there */
            }
        }
        EXPECT(status, MPROC_OK);
        AWAIT(stage->step, 2 * round + 2);
    }
    JOIN(pid);
}

const struct scenario namespace_scenarios[] = {
    { .name = "two-pid-namespaces", .play = two_pid_namespaces, .limit_s = 60 },
    { .name = "family-across-pid-namespaces", .play = family_across_pid_namespaces, .limit_s = 60 },
    { .name = "bells-across-pid-namespaces", .play = bells_across_pid_namespaces },
    { .name = "messages-across-network-namespaces", .play = messages_across_network_namespaces, .limit_s = 60 },
    { .name = "ordinary-user", .play = ordinary_user },
    { .name = "default-domain-of-a-user", .play = default_domain },
    { .name = "other-users-domain-is-refused", .play = other_users_domain },
    { .name = "unfit-directories-are-refused", .play = unfit_directories },
    { .name = "unfit-files-are-refused", .play = unfit_files },
    { .name = "registry-behind-a-link-is-refused", .play = registry_behind_a_link, .keeps_domain = true },
    { 0 },
};
