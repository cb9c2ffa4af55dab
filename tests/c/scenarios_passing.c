/* Stories about handles that travel: to programs that were started, over unix sockets, to other users. */
#include "scenarios.h"

#include <grp.h>
#include <sys/socket.h>

#define NOBODY 65534

/* ---- this program once more, as a child that shares nothing but what it is given ---- */

static mproc_handle_t *inherited(const char *name)
{
    mproc_handle_t *handle = NULL;
    OK(mproc_inherited(name, &handle));
    return handle;
}

static mproc_value_t *inherited_value(const char *name)
{
    mproc_value_t *value = NULL;
    mproc_handle_t *handle = inherited(name);
    OK(mproc_value_import(handle, NULL, &value));
    mproc_handle_close(handle);
    return value;
}

static mproc_queue_t *inherited_queue(const char *name)
{
    mproc_queue_t *queue = NULL;
    mproc_handle_t *handle = inherited(name);
    OK(mproc_queue_import(handle, NULL, &queue));
    mproc_handle_close(handle);
    return queue;
}

/* Descriptors beyond the standard ones that lead to memory of this library: a domain's or a memfd. */
static int shared_descriptors(void)
{
    char path[64], target[256];
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(path, sizeof path, "/proc/self/fd/%.20s", e->d_name);
        ssize_t len = readlink(path, target, sizeof target - 1);
        if (e->d_name[0] == '.' || len < 0) {
            continue;
        }
        target[len] = 0;
        n += !strncmp(target, "/memfd:", 7) || !strncmp(target, "/dev/shm/", 9);
    }
    closedir(d);
    return n;
}

static void work(void)
{
    mproc_handle_t *again = NULL;
    CHECK(shared_descriptors() == 4); /* two handles, two each, and nothing of the third one */
    mproc_value_t *value = inherited_value("count");
    mproc_queue_t *queue = inherited_queue("greetings");
    EXPECT(mproc_inherited("count", &again), MPROC_ENOENT); /* each once */
    EXPECT(mproc_inherited("kept", &again), MPROC_ENOENT);  /* not given */
    CHECK(again == NULL);
    OK(mproc_value_add(value, 5, NULL));
    OK(mproc_queue_put(queue, "hello", 5, SEC, NULL));
}

static mproc_process_t *spawn_again(const char *what, const mproc_named_handle_t *handles, size_t count)
{
    mproc_process_t *process = NULL;
    const char *argv[] = { "/proc/self/exe", "--program", what, NULL };
    OK(mproc_spawn(argv, handles, count, NULL, &process));
    return process;
}

/* The child must end by itself, well, within 20 s. */
static void join_process(mproc_process_t *process)
{
    int code = -2, by = -2;
    OK(mproc_process_wait(process, &code, &by, 20 * SEC, NULL));
    if (code != 0 || by != 0) {
        fail_at(__FILE__, __LINE__, "a program ended with exit code %d, signal %d", code, by);
    }
    mproc_process_close(process);
}

static void starts_another(void)
{
    CHECK(shared_descriptors() == 2);
    join_process(spawn_again("has-nothing", NULL, 0)); /* before it is taken, */
    mproc_value_t *value = inherited_value("count");
    join_process(spawn_again("has-nothing", NULL, 0)); /* and after */
    OK(mproc_value_add(value, 1, NULL));
}

static void has_nothing(void)
{
    mproc_handle_t *handle = NULL;
    CHECK(shared_descriptors() == 0);
    EXPECT(mproc_inherited("count", &handle), MPROC_ENOENT);
}

static void holds(void)
{
    mproc_lock_t *lock = NULL;
    mproc_value_t *value = inherited_value("ready");
    OK(mproc_lock_import(inherited("lock"), NULL, &lock));
    OK(mproc_lock_lock(lock, 0, NULL));
    OK(mproc_value_set_i64(value, 1));
    for (;;) {
        pause();
    }
}

static void pauses(void)
{
    for (;;) {
        pause();
    }
}

static void exits_with_42(void)
{
    _exit(42);
}

int run_program(const char *name)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } programs[] = { { "work", work },     { "starts-another", starts_another }, { "has-nothing", has_nothing },
                     { "holds", holds },   { "pauses", pauses },                 { "exits-with-42", exits_with_42 } };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(60);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        if (!strcmp(programs[i].name, name)) {
            programs[i].run();
            return 0;
        }
    }
    return run_pipe_program(name) ? 0 : 2;
}

/* ---- spawn ---- */

static mproc_domain_t *anonymous_domain(void)
{
    mproc_domain_t *domain = NULL;
    mproc_domain_options_t o = MPROC_DOMAIN_OPTIONS_INIT;
    o.flags = MPROC_DOMAIN_ANONYMOUS;
    OK(mproc_domain_open(&o, &domain));
    return domain;
}

static mproc_value_t *value_in(mproc_domain_t *domain, int64_t initial)
{
    mproc_value_t *value = NULL;
    mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
    o.type_code = MPROC_TYPE_I64;
    o.initial = &initial;
    OK(mproc_value_create(domain, NULL, &o, &value));
    return value;
}

static mproc_handle_t *handle_on(const mproc_value_t *value)
{
    mproc_handle_t *handle = NULL;
    OK(mproc_value_export(value, &handle));
    return handle;
}

static void spawned_child_works(void)
{
    mproc_domain_t *domains[] = { NULL, anonymous_domain() };
    for (int i = 0; i < 2; i++) {
        mproc_value_t *value = value_in(domains[i], 37), *kept = value_in(domains[i], 0);
        mproc_queue_t *queue = NULL;
        mproc_handle_t *on_queue = NULL, *on_value = handle_on(value), *not_given = handle_on(kept);
        OK(mproc_queue_create(domains[i], NULL, NULL, &queue));
        OK(mproc_queue_export(queue, &on_queue));
        mproc_named_handle_t named[] = { { "count", on_value }, { "greetings", on_queue } };
        join_process(spawn_again("work", named, 2));
        char buf[16];
        size_t len;
        OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
        CHECK(len == 5 && !memcmp(buf, "hello", 5));
        CHECK(value_of(value) == 42);
        join_process(spawn_again("has-nothing", NULL, 0));
        mproc_handle_close(not_given);
    }
}

static void grandchild_inherits_nothing(void)
{
    mproc_value_t *value = new_value(NULL, 0);
    mproc_named_handle_t named[] = { { "count", handle_on(value) } };
    join_process(spawn_again("starts-another", named, 1));
    CHECK(value_of(value) == 1);
}

static void killed_program_is_recovered(void)
{
    mproc_lock_t *lock = new_lock(NULL);
    mproc_value_t *ready = new_value(NULL, 0);
    mproc_handle_t *on_lock = NULL;
    OK(mproc_lock_export(lock, &on_lock));
    mproc_named_handle_t named[] = { { "lock", on_lock }, { "ready", handle_on(ready) } };
    mproc_process_t *process = spawn_again("holds", named, 2);
    for (int64_t end = proc_now() + 20 * SEC; value_of(ready) == 0;) {
        CHECK(proc_now() < end);
        proc_sleep_ns(1 * MS);
    }
    EXPECT(mproc_lock_lock(lock, 50 * MS, NULL), MPROC_ETIMEDOUT);
    OK(mproc_process_kill(process, SIGKILL));
    EXPECT(mproc_lock_lock(lock, 20 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_lock_unlock(lock));
    int code = 0, by = 0;
    OK(mproc_process_wait(process, &code, &by, 20 * SEC, NULL));
    CHECK(code == -1 && by == SIGKILL);
}

static void ends_of_programs(void)
{
    mproc_process_t *process = NULL;
    const char *missing[] = { "/no/such/program", NULL }, *unknown[] = { "no-such-program-on-the-path", NULL };
    EXPECT(mproc_spawn(missing, NULL, 0, NULL, &process), MPROC_ENOENT);
    EXPECT(mproc_spawn(unknown, NULL, 0, NULL, &process), MPROC_ENOENT);
    CHECK(process == NULL);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD); /* no half-started child is left */

    int code = -2, by = -2, pid = 0;
    process = spawn_again("exits-with-42", NULL, 0);
    OK(mproc_process_wait(process, &code, &by, 20 * SEC, NULL));
    CHECK(code == 42 && by == 0);
    mproc_process_close(process);

    mproc_cancel_t *cancel = NULL;
    OK(mproc_cancel_create(&cancel));
    OK(mproc_cancel_set(cancel));
    process = spawn_again("pauses", NULL, 0);
    OK(mproc_process_pid(process, &pid));
    CHECK(pid > 0 && kill(pid, 0) == 0);
    code = by = -2;
    EXPECT(mproc_process_wait(process, &code, &by, 0, NULL), MPROC_ETIMEDOUT);
    EXPECT(mproc_process_wait(process, &code, &by, 20 * MS, NULL), MPROC_ETIMEDOUT);
    EXPECT(mproc_process_wait(process, &code, &by, MPROC_FOREVER, cancel), MPROC_ECANCELED);
    CHECK(code == -2 && by == -2);
    IN_CHILD(EXPECT(mproc_process_wait(process, &code, &by, 0, NULL), MPROC_ESYS)); /* not its parent */
    OK(mproc_process_kill(process, SIGTERM));
    for (int i = 0; i < 2; i++) { /* asked again, the answer stays */
        OK(mproc_process_wait(process, &code, &by, 20 * SEC, NULL));
        CHECK(code == -1 && by == SIGTERM);
    }
    OK(mproc_process_kill(process, SIGKILL)); /* it has ended already */
    mproc_process_close(process);

    process = spawn_again("pauses", NULL, 0); /* somebody else reaps it */
    OK(mproc_process_pid(process, &pid));
    proc_kill(pid);
    EXPECT(mproc_process_wait(process, &code, &by, 20 * SEC, NULL), MPROC_ESYS);
    mproc_process_close(process);
}

/* ---- sockets ---- */

void make_pair(int pair[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
}

static mproc_handle_t *receive(int fd)
{
    mproc_handle_t *handle = NULL;
    OK(mproc_recv_handle(fd, &handle, 20 * SEC, NULL));
    return handle;
}

/* The receiver has no part in the domain until it opens what came: it was forked before there was one. */
static void handle_into_pid_namespace(void)
{
    int pair[2];
    make_pair(pair);
    pid_t helper = proc_fork();
    if (helper == 0) {
        if (unshare(CLONE_NEWPID) != 0) {
            skip("unshare: %s; run as root", strerror(errno));
        }
        pid_t pid = proc_fork();
        if (pid == 0) {
            mproc_lock_t *lock = NULL;
            mproc_value_t *value = NULL;
            CHECK(getpid() == 1);
            OK(mproc_lock_import(receive(pair[1]), NULL, &lock));
            OK(mproc_value_import(receive(pair[1]), NULL, &value));
            EXPECT(mproc_lock_lock(lock, 50 * MS, NULL), MPROC_ETIMEDOUT); /* alive in another namespace: not robbed */
            OK(mproc_value_add(value, 1, NULL));
            atomic_store(&stage->step, 1);
            OK(mproc_lock_lock(lock, 20 * SEC, NULL));
            atomic_store(&stage->step, 2);
            for (;;) {
                pause();
            }
        }
        atomic_store(&stage->number[0], (uint64_t)pid);
        atomic_store(&stage->flag[0], 1);
        waitpid(pid, NULL, 0);
        _exit(0);
    }
    mproc_domain_t *domain = anonymous_domain();
    mproc_value_t *value = value_in(domain, 0);
    mproc_lock_t *lock = NULL;
    mproc_handle_t *on_lock = NULL;
    OK(mproc_lock_create(domain, NULL, NULL, &lock));
    OK(mproc_lock_export(lock, &on_lock));
    OK(mproc_lock_lock(lock, 0, NULL));
    OK(mproc_send_handle(pair[0], on_lock, SEC, NULL));
    OK(mproc_send_handle(pair[0], handle_on(value), SEC, NULL));
    AWAIT(stage->step, 1);
    CHECK(value_of(value) == 1);
    OK(mproc_lock_unlock(lock));
    AWAIT(stage->step, 2);
    EXPECT(mproc_lock_lock(lock, 50 * MS, NULL), MPROC_ETIMEDOUT);
    AWAIT(stage->flag[0], 1);
    kill((pid_t)atomic_load(&stage->number[0]), SIGKILL);
    EXPECT(mproc_lock_lock(lock, 20 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_lock_unlock(lock));
    JOIN(helper);
}

static void handle_to_another_user(void)
{
    if (geteuid() != 0) {
        skip("needs a second user; run as root");
    }
    int pair[2];
    make_pair(pair);
    pid_t other = proc_fork();
    if (other == 0) {
        mproc_value_t *value = NULL, *none = NULL;
        CHECK(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of user has cleared it */
        prctl(PR_SET_DUMPABLE, 1);        /* and made /proc/self root's, as in no process that began as this user */
        OK(mproc_value_import(receive(pair[1]), NULL, &value));
        OK(mproc_value_add(value, 1, NULL));
        EXPECT(mproc_value_import(receive(pair[1]), NULL, &none), MPROC_EACCES); /* a private domain's, named */
        EXPECT(mproc_value_import(receive(pair[1]), NULL, &none), MPROC_EACCES); /* and anonymous */
        CHECK(none == NULL);
        _exit(0);
    }
    mproc_value_t *anonymous = value_in(anonymous_domain(), 1);
    OK(mproc_send_handle(pair[0], handle_on(anonymous), SEC, NULL));
    OK(mproc_send_handle(pair[0], handle_on(new_value("private", 1)), SEC, NULL));
    OK(mproc_send_handle(pair[0], handle_on(new_value(NULL, 1)), SEC, NULL));
    JOIN(other);
    CHECK(value_of(anonymous) == 2);
}

/* A handle in a socket keeps its object, also when its sender is gone. */
static void sender_killed(void)
{
    int pair[2];
    make_pair(pair);
    pid_t sender = proc_fork();
    if (sender == 0) {
        OK(mproc_send_handle(pair[0], handle_on(value_in(anonymous_domain(), 17)), SEC, NULL));
        OK(mproc_send_handle(pair[0], handle_on(new_value(NULL, 18)), SEC, NULL));
        atomic_store(&stage->step, 1);
        pauses();
    }
    AWAIT(stage->step, 1);
    close(pair[0]);
    proc_kill(sender);
    mproc_handle_t *none = NULL;
    for (int64_t wanted = 17; wanted <= 18; wanted++) {
        mproc_value_t *value = NULL;
        OK(mproc_value_import(receive(pair[1]), NULL, &value));
        CHECK(value_of(value) == wanted);
    }
    EXPECT(mproc_recv_handle(pair[1], &none, 20 * SEC, NULL), MPROC_EOF);
}

const struct scenario passing_scenarios[] = {
    { .name = "spawned-program-works-on-handles", .play = spawned_child_works },
    { .name = "grandchild-inherits-nothing", .play = grandchild_inherits_nothing },
    { .name = "killed-program-is-recovered", .play = killed_program_is_recovered },
    { .name = "how-programs-end", .play = ends_of_programs },
    { .name = "handle-into-a-pid-namespace", .play = handle_into_pid_namespace },
    { .name = "handle-to-another-user", .play = handle_to_another_user },
    { .name = "handle-outlives-its-sender", .play = sender_killed },
    { 0 },
};
