/* Stories about fork, exec and the end of parents and children. */
#include "scenarios.h"

#include <pthread.h>
#include <spawn.h>

extern char **environ;

/* A holder that does nothing else; the lock is held when this returns. */
static pid_t start_holder(const char *name)
{
    uint32_t before = atomic_load(&stage->step);
    pid_t pid = proc_fork();
    if (pid == 0) {
        OK(mproc_lock_lock(old_lock(name), 0, NULL));
        atomic_fetch_add(&stage->step, 1);
        pause();
        _exit(0);
    }
    AWAIT(stage->step, before + 1);
    return pid;
}

static void fork_while_holding(void)
{
    mproc_lock_t *lock = new_lock("lock");
    OK(mproc_lock_lock(lock, 0, NULL));
    IN_CHILD({
        mproc_owner_t owner;
        EXPECT(mproc_lock_unlock(lock), MPROC_EPERM);
        EXPECT(mproc_lock_lock(lock, 0, NULL), MPROC_ETIMEDOUT);
        EXPECT(mproc_lock_lock(lock, 150 * MS, NULL), MPROC_ETIMEDOUT);
        EXPECT(mproc_lock_try(lock), MPROC_ETIMEDOUT);
        OK(mproc_lock_owner(lock, &owner, sizeof owner));
        CHECK(owner.held && owner.alive && !owner.is_self && owner.pid == getppid());
    });
    mproc_owner_t owner;
    OK(mproc_lock_owner(lock, &owner, sizeof owner));
    CHECK(owner.held && owner.is_self); /* the child's end has changed nothing */
    EXPECT(mproc_lock_lock(lock, 0, NULL), MPROC_ETIMEDOUT);
    OK(mproc_lock_unlock(lock));
    IN_CHILD({
        OK(mproc_lock_lock(lock, 0, NULL));
        OK(mproc_lock_unlock(lock));
    });
}

/* The same with the locks inside of values and arrays, and with an anonymous lock. */
static void fork_while_holding_others(void)
{
    mproc_lock_t *lock = new_lock(NULL);
    mproc_value_t *value = new_value("value", 1);
    mproc_array_t *array = new_array("array", MPROC_TYPE_F64, 3);
    OK(mproc_lock_lock(lock, 0, NULL));
    OK(mproc_value_lock(value, 0, NULL));
    OK(mproc_array_lock(array, 0, NULL));
    IN_CHILD({
        EXPECT(mproc_lock_unlock(lock), MPROC_EPERM);
        EXPECT(mproc_value_unlock(value), MPROC_EPERM);
        EXPECT(mproc_array_unlock(array), MPROC_EPERM);
        EXPECT(mproc_lock_lock(lock, 50 * MS, NULL), MPROC_ETIMEDOUT);
        EXPECT(mproc_value_lock(value, 50 * MS, NULL), MPROC_ETIMEDOUT);
        EXPECT(mproc_array_lock(array, 50 * MS, NULL), MPROC_ETIMEDOUT);
    });
    OK(mproc_lock_unlock(lock));
    OK(mproc_value_unlock(value));
    OK(mproc_array_unlock(array));
}

/* The child inherits descriptors and mappings of the dead holder; it must not keep the dead alive. */
static void holder_dies_child_lives(void)
{
    mproc_lock_t *lock = new_lock("lock");
    for (int silent = 0; silent < 2; silent++) {
        uint32_t before = atomic_load(&stage->step);
        pid_t parent = proc_fork();
        if (parent == 0) {
            mproc_lock_t *mine = old_lock("lock");
            OK(mproc_lock_lock(mine, 0, NULL));
            pid_t child = fork(); /* not proc_fork(): it outlives us */
            if (child == 0) {
                if (!silent) {
                    EXPECT(mproc_lock_try(mine), MPROC_ETIMEDOUT);
                }
                atomic_fetch_add(&stage->step, 1);
                for (;;) {
                    pause();
                }
            }
            atomic_store(&stage->flag[0], (uint32_t)child);
            pause();
            _exit(0);
        }
        AWAIT(stage->step, before + 1);
        EXPECT(mproc_lock_lock(lock, 100 * MS, NULL), MPROC_ETIMEDOUT);
        proc_kill(parent);
        EXPECT(mproc_lock_lock(lock, 10 * SEC, NULL), MPROC_RECOVERED);
        CHECK(kill((pid_t)atomic_load(&stage->flag[0]), 0) == 0); /* the child is alive, and that does not matter */
        OK(mproc_lock_unlock(lock));
        kill((pid_t)atomic_load(&stage->flag[0]), SIGKILL);
    }
}

static void *exec_now(void *unused)
{
    (void)unused;
    execlp("sleep", "sleep", "60", (char *)NULL);
    fail_at(__FILE__, __LINE__, "cannot execute sleep: %s", strerror(errno));
}

/* exec ends everything that the process held, whichever thread calls it; the process itself lives on. */
static void exec_while_holding(void)
{
    mproc_lock_t *lock = new_lock("lock");
    for (int thread = 0; thread < 2; thread++) {
        uint32_t before = atomic_load(&stage->step);
        pid_t pid = proc_fork();
        if (pid == 0) {
            mproc_lock_t *mine = old_lock("lock");
            mproc_value_t *only_mine = new_value("only-mine", 5);
            (void)only_mine;
            OK(mproc_lock_lock(mine, 0, NULL));
            atomic_fetch_add(&stage->step, 1);
            AWAIT(stage->step, before + 2);
            if (thread) {
                pthread_t t;
                CHECK(pthread_create(&t, NULL, exec_now, NULL) == 0);
                pthread_join(t, NULL);
            } else {
                exec_now(NULL);
            }
        }
        AWAIT(stage->step, before + 1);
        EXPECT(mproc_lock_lock(lock, 50 * MS, NULL), MPROC_ETIMEDOUT);
        atomic_fetch_add(&stage->step, 1);
        EXPECT(mproc_lock_lock(lock, 10 * SEC, NULL), MPROC_RECOVERED);
        CHECK(kill(pid, 0) == 0 && proc_state(pid) != 'Z');
        OK(mproc_lock_unlock(lock));
        /* What only it used is gone, too. */
        size_t removed = 0;
        mproc_value_t *value;
        OK(mproc_domain_sweep(NULL, &removed));
        EXPECT(mproc_value_open(NULL, "only-mine", NULL, &value), MPROC_ENOENT);
        CHECK(kill(pid, 0) == 0 && proc_state(pid) != 'Z');
        proc_kill(pid);
    }
}

/* A child that never calls the library keeps the object, also when its parent has closed it or is gone. */
static void silent_child_keeps_object(void)
{
    for (int parent_closes = 0; parent_closes < 2; parent_closes++) {
        pid_t parent = proc_fork();
        if (parent == 0) {
            mproc_value_t *value = new_value("kept", 77);
            mproc_queue_t *queue = new_queue("kept-queue", 4096);
            OK(mproc_queue_put(queue, "message", 7, 0, NULL));
            pid_t child = fork();
            if (child == 0) {
                for (;;) {
                    pause();
                }
            }
            atomic_store(&stage->flag[0], (uint32_t)child);
            if (parent_closes) {
                mproc_value_close(value);
                mproc_queue_close(queue);
            }
            exit(0); /* the whole way out, with destructors */
        }
        JOIN(parent);
        pid_t child = (pid_t)atomic_load(&stage->flag[0]);
        size_t removed = 99;
        OK(mproc_domain_sweep(NULL, &removed));
        CHECK(removed == 0);
        mproc_value_t *value;
        mproc_queue_t *queue;
        char buf[16];
        size_t len;
        OK(mproc_value_open(NULL, "kept", NULL, &value));
        CHECK(value_of(value) == 77);
        OK(mproc_queue_open(NULL, "kept-queue", NULL, &queue));
        OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
        CHECK(len == 7 && !memcmp(buf, "message", 7));
        mproc_value_close(value);
        mproc_queue_close(queue);
        OK(mproc_domain_sweep(NULL, &removed));
        CHECK(removed == 0);
        kill(child, SIGKILL);
        for (int i = 0; i < 5000 && proc_state(child) != 'Z' && proc_state(child) != '-'; i++) {
            proc_sleep_ns(1 * MS);
        }
        /* Now the next one who asks for the name finds nothing, with or without a sweep. */
        EXPECT(mproc_value_open(NULL, "kept", NULL, &value), MPROC_ENOENT);
        OK(mproc_domain_sweep(NULL, &removed));
        CHECK(removed <= 1);
        EXPECT(mproc_queue_open(NULL, "kept-queue", NULL, &queue), MPROC_ENOENT);
    }
}

/* Everybody uses what was made before the fork: three generations, all kinds of objects. */
static void use_inherited(mproc_lock_t *lock, mproc_value_t *value, mproc_array_t *array, mproc_queue_t *queue)
{
    char buf[64];
    size_t len;
    double third = 0;
    for (int generation = 0; generation < 3; generation++) {
        pid_t pid = proc_fork();
        if (pid != 0) {
            JOIN(pid);
            if (generation > 0) {
                _exit(0);
            }
            break;
        }
        OK(mproc_lock_lock(lock, SEC, NULL));
        OK(mproc_value_add(value, 10, NULL));
        OK(mproc_array_get(array, 2, &third, sizeof third));
        third = third - 1.5;
        OK(mproc_array_set(array, 2, &third, sizeof third));
        OK(mproc_lock_unlock(lock));
        OK(mproc_queue_put(queue, "from a child", 12, SEC, NULL));
        if (generation == 2) {
            _exit(0);
        }
    }
    CHECK(value_of(value) == 30);
    OK(mproc_array_get(array, 2, &third, sizeof third));
    CHECK(third == -4.5);
    for (int i = 0; i < 3; i++) {
        OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
        CHECK(len == 12 && !memcmp(buf, "from a child", 12));
    }
    EXPECT(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL), MPROC_ETIMEDOUT);

    /* A child that dies with the inherited lock in its hands, and one that waits for a message meanwhile. */
    pid_t victim = proc_fork();
    if (victim == 0) {
        OK(mproc_lock_lock(lock, 0, NULL));
        atomic_fetch_add(&stage->step, 1);
        pause();
        _exit(0);
    }
    pid_t reader = proc_fork();
    if (reader == 0) {
        OK(mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
        CHECK(len == 3 && !memcmp(buf, "now", 3));
        _exit(0);
    }
    AWAIT(stage->step, 1);
    EXPECT(mproc_lock_lock(lock, 30 * MS, NULL), MPROC_ETIMEDOUT);
    proc_kill(victim);
    EXPECT(mproc_lock_lock(lock, 10 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_lock_unlock(lock));
    OK(mproc_queue_put(queue, "now", 3, 0, NULL));
    JOIN(reader);
    mproc_lock_close(lock);
    mproc_value_close(value);
    mproc_array_close(array);
    mproc_queue_close(queue);
}

static void inherited_named(void)
{
    use_inherited(new_lock("l"), new_value("v", 0), new_array("a", MPROC_TYPE_F64, 5), new_queue("q", 4096));
}

static void inherited_anonymous(void)
{
    use_inherited(new_lock(NULL), new_value(NULL, 0), new_array(NULL, MPROC_TYPE_F64, 5), new_queue(NULL, 4096));
}

static void inherited_anonymous_domain(void)
{
    mproc_domain_options_t d = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_domain_t *domain;
    d.flags = MPROC_DOMAIN_ANONYMOUS;
    OK(mproc_domain_open(&d, &domain));
    char path[10];
    OK(mproc_domain_path(domain, path, sizeof path, NULL));
    CHECK(path[0] == 0);
    mproc_lock_t *lock;
    mproc_value_t *value;
    mproc_array_t *array;
    mproc_queue_t *queue;
    mproc_value_options_t v = MPROC_VALUE_OPTIONS_INIT;
    mproc_array_options_t a = MPROC_ARRAY_OPTIONS_INIT;
    v.type_code = MPROC_TYPE_I64;
    a.type_code = MPROC_TYPE_F64;
    a.ndim = 1;
    a.shape[0] = 5;
    OK(mproc_lock_create(domain, NULL, NULL, &lock));
    OK(mproc_value_create(domain, NULL, &v, &value));
    OK(mproc_array_create(domain, NULL, &a, &array));
    OK(mproc_queue_create(domain, NULL, NULL, &queue));
    mproc_domain_close(domain); /* its objects keep it */
    use_inherited(lock, value, array, queue);
    CHECK(access(stage->domain, F_OK) != 0); /* nothing was made in the file system */
}

/* A daemon: forks twice, leaves its session, works on, and is killed. */
static void daemon_by_double_fork(void)
{
    mproc_value_t *value = new_value("value", 0);
    mproc_lock_t *lock = new_lock("lock");
    pid_t first = proc_fork();
    if (first == 0) {
        setsid();
        pid_t second = fork();
        if (second != 0) {
            _exit(0);
        }
        CHECK(chdir("/") == 0);
        for (int fd = 0; fd < 3; fd++) {
            close(fd);
        }
        atomic_store(&stage->flag[0], (uint32_t)getpid());
        EXPECT(mproc_lock_unlock(lock), MPROC_EPERM);
        OK(mproc_lock_lock(lock, 0, NULL));
        for (int i = 0; i < 1000; i++) {
            OK(mproc_value_add(value, 1, NULL));
        }
        atomic_fetch_add(&stage->step, 1);
        for (;;) {
            pause();
        }
    }
    JOIN(first);
    AWAIT(stage->step, 1);
    CHECK(value_of(value) == 1000);
    EXPECT(mproc_lock_lock(lock, 150 * MS, NULL), MPROC_ETIMEDOUT);
    kill((pid_t)atomic_load(&stage->flag[0]), SIGKILL);
    EXPECT(mproc_lock_lock(lock, 10 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_lock_unlock(lock));
}

/* Starting other programs is none of the library's business, and must not cost the holder its lock. */
static void spawn_and_vfork(void)
{
    mproc_lock_t *lock = new_lock("lock");
    mproc_value_t *value = new_value("value", 1);
    OK(mproc_lock_lock(lock, 0, NULL));
    for (int i = 0; i < 20; i++) {
        pid_t pid;
        char *argv[] = { "true", NULL };
        CHECK(posix_spawnp(&pid, "true", NULL, NULL, argv, environ) == 0);
        JOIN(pid);
        pid = vfork();
        if (pid == 0) {
            execlp("true", "true", (char *)NULL);
            _exit(127);
        }
        JOIN(pid);
        CHECK(system("true") == 0);
        IN_CHILD(EXPECT(mproc_lock_lock(lock, 5 * MS, NULL), MPROC_ETIMEDOUT));
    }
    mproc_owner_t owner;
    OK(mproc_lock_owner(lock, &owner, sizeof owner));
    CHECK(owner.held && owner.is_self && owner.alive);
    OK(mproc_value_add(value, 1, NULL));
    CHECK(value_of(value) == 2);
    OK(mproc_lock_unlock(lock));
}

/* A spawned program that lives on must not keep its starter alive, nor the starter's objects. */
static void spawned_program_outlives_holder(void)
{
    mproc_lock_t *lock = new_lock("lock");
    pid_t holder = proc_fork();
    if (holder == 0) {
        mproc_lock_t *mine = old_lock("lock");
        new_value("his", 1);
        OK(mproc_lock_lock(mine, 0, NULL));
        pid_t pid;
        char *argv[] = { "sleep", "60", NULL };
        CHECK(posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ) == 0);
        atomic_store(&stage->flag[0], (uint32_t)pid);
        atomic_fetch_add(&stage->step, 1);
        pause();
    }
    AWAIT(stage->step, 1);
    proc_kill(holder);
    EXPECT(mproc_lock_lock(lock, 10 * SEC, NULL), MPROC_RECOVERED);
    CHECK(kill((pid_t)atomic_load(&stage->flag[0]), 0) == 0);
    mproc_value_t *value;
    EXPECT(mproc_value_open(NULL, "his", NULL, &value), MPROC_ENOENT);
    OK(mproc_lock_unlock(lock));
}

/* A process that ends normally, by exit(), with a lock in its hands has died holding it as well. */
static void exit_while_holding(void)
{
    mproc_lock_t *lock = new_lock("lock");
    IN_CHILD({
        OK(mproc_lock_lock(old_lock("lock"), 0, NULL));
        exit(0);
    });
    EXPECT(mproc_lock_lock(lock, 10 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_lock_unlock(lock));
    OK(mproc_lock_lock(lock, 0, NULL)); /* told once, not twice */
    OK(mproc_lock_unlock(lock));

    /* A try finds out as well, if it is repeated. */
    pid_t holder = start_holder("lock");
    EXPECT(mproc_lock_try(lock), MPROC_ETIMEDOUT);
    proc_kill(holder);
    int status = MPROC_ETIMEDOUT;
    for (int i = 0; i < 10000 && status == MPROC_ETIMEDOUT; i++) {
        status = mproc_lock_try(lock);
        proc_sleep_ns(1 * MS);
    }
    EXPECT(status, MPROC_RECOVERED);
    OK(mproc_lock_unlock(lock));
}

const struct scenario fork_scenarios[] = {
    { .name = "fork-while-holding-a-lock", .play = fork_while_holding },
    { .name = "fork-while-holding-value-and-array-locks", .play = fork_while_holding_others },
    { .name = "holder-killed-while-its-child-lives", .play = holder_dies_child_lives },
    { .name = "exec-while-holding-a-lock", .play = exec_while_holding },
    { .name = "exit-while-holding-a-lock", .play = exit_while_holding },
    { .name = "silent-child-keeps-the-object", .play = silent_child_keeps_object },
    { .name = "inherited-named-objects", .play = inherited_named },
    { .name = "inherited-anonymous-objects", .play = inherited_anonymous },
    { .name = "inherited-anonymous-domain", .play = inherited_anonymous_domain, .keeps_domain = true },
    { .name = "daemon-by-double-fork", .play = daemon_by_double_fork },
    { .name = "posix-spawn-vfork-and-system", .play = spawn_and_vfork },
    { .name = "spawned-program-outlives-the-holder", .play = spawned_program_outlives_holder },
    { 0 },
};
