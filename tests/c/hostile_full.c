/* A small file system that is full: creating fails, what exists goes on, nobody gets SIGBUS. */
#include "hostile.h"

#include <sys/mount.h>

static char dir[96];

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool fine = fd >= 0 && write(fd, text, strlen(text)) > 0;
    if (fd >= 0) {
        close(fd);
    }
    return fine;
}

/* A tmpfs that only this process and its children see. */
static bool private_tmpfs(void)
{
    if (unshare(CLONE_NEWNS) != 0) {
        char uids[64], gids[64];
        snprintf(uids, sizeof uids, "%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());
        snprintf(gids, sizeof gids, "%u %u 1", (unsigned)getegid(), (unsigned)getegid());
        if (unshare(CLONE_NEWNS | CLONE_NEWUSER) != 0 || !write_text("/proc/self/setgroups", "deny") ||
            !write_text("/proc/self/uid_map", uids) || !write_text("/proc/self/gid_map", gids)) {
            return false;
        }
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0700") == 0;
}

static void fill_up(void)
{
    static const char zeros[PAGE];
    char path[200];
    int fd;
    snprintf(path, sizeof path, "%s/.filler", dir);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    while (write(fd, zeros, sizeof zeros) > 0) {
    }
    CHECK_INT(ENOSPC, errno);
    close(fd);
}

static void queue_goes_on(const mproc_queue_t *queue)
{
    unsigned char message[100];
    size_t len = 0, puts = 0, gets = 0;
    int status;
    memset(message, 1, sizeof message);
    for (int round = 0; round < 3; round++) {
        puts = gets = 0;
        while ((status = mproc_queue_put(queue, message, sizeof message, 0, NULL)) == MPROC_OK) {
            puts++;
        }
        CHECK_IS(MPROC_ETIMEDOUT, status);
        while ((status = mproc_queue_get(queue, message, sizeof message, &len, 0, NULL)) == MPROC_OK) {
            gets++;
        }
        CHECK_IS(MPROC_ETIMEDOUT, status);
        CHECK(puts > 500);
        CHECK_INT(puts, gets);
    }
}

/* Every page of every object is written and read. */
static void all_goes_on(mproc_domain_t *domain)
{
    struct rng rng = { 4 };
    for (int kind = 0; kind < SUBJECTS; kind++) {
        void *handle = NULL;
        CHECK_OK(subjects[kind].open(domain, subjects[kind].name, &handle));
        for (int i = 0; handle && i < 8; i++) {
            if (subjects[kind].kind != MPROC_KIND_QUEUE) { /* using those shuts them down now and then */
                subjects[kind].use(handle, &rng);
            }
        }
        subjects[kind].close(handle);
    }
}

static void full(void *argument)
{
    char names[2000], after[2000], nested[120], empty[140];
    mproc_domain_t *domain, *none = NULL;
    mproc_queue_t *queue = NULL;
    mproc_domain_options_t o = MPROC_DOMAIN_OPTIONS_INIT;
    void *handle = NULL, *kept[SUBJECTS] = { NULL };
    int status, made = 0;
    pid_t pid;
    (void)argument;
    if (!private_tmpfs()) {
        printf("SKIPPED: a full tmpfs cannot be mounted: %s; run as root, or allow user namespaces "
               "(sysctl user.max_user_namespaces > 0, kernel.unprivileged_userns_clone=1)\n",
               strerror(errno));
        return;
    }
    domain = join(dir);
    for (int kind = 0; kind < SUBJECTS; kind++) { /* and the lock that one of them is bound to */
        NEED_OK(subjects[kind].create(domain, subjects[kind].name, 0, &kept[kind]));
    }
    {
        mproc_queue_options_t options_of_queue = MPROC_QUEUE_OPTIONS_INIT;
        options_of_queue.capacity_bytes = 64 << 10;
        NEED_OK(mproc_queue_create(domain, "large-queue", &options_of_queue, &queue));
    }
    /* Until nothing fits any more. */
    for (;; made++) {
        char name[40];
        enter("create until full");
        snprintf(name, sizeof name, "filler-%d", made);
        status = subjects[made % SUBJECTS].create(domain, name, MPROC_PERSIST, &handle);
        if (status != MPROC_OK) {
            break;
        }
        subjects[made % SUBJECTS].close(handle);
        handle = NULL;
        if (made > 1000) {
            break;
        }
    }
    CHECK_IS(MPROC_ENOSPC, status);
    CHECK(handle == NULL);
    CHECK(made > 20);
    CHECK_INT(SUBJECTS + 2 + made, proc_list(dir, false, names, sizeof names)); /* the last one left nothing */
    fill_up();
    for (int kind = 0; kind < SUBJECTS; kind++) {
        CHECK_IS(MPROC_ENOSPC, subjects[kind].create(domain, "more", MPROC_PERSIST, &handle));
        CHECK_IS(MPROC_ENOSPC, subjects[kind].create(domain, "more", MPROC_EXIST_OK, &handle));
        CHECK(handle == NULL);
    }
    CHECK_INT(SUBJECTS + 2 + made, proc_list(dir, false, after, sizeof after));
    CHECK(!strcmp(names, after));

    enter("the objects that exist");
    queue_goes_on(queue);
    all_goes_on(domain);
    pid = proc_fork();
    if (pid == 0) { /* also in a process that joins now */
        queue_goes_on(queue);
        all_goes_on(domain);
        _exit(0);
    }
    CHECK(proc_wait(pid, 60 * SEC, &status) && status == 0);

    snprintf(nested, sizeof nested, "%s/.nested", dir);
    o.path = nested;
    status = mproc_domain_open(&o, &none);
    CHECK(status == MPROC_ENOSPC && none == NULL);
    snprintf(empty, sizeof empty, "%s/.registry", nested);
    CHECK(access(empty, F_OK) != 0);

    /* With one object less there is room again. */
    CHECK_OK(mproc_domain_unlink(domain, "filler-0"));
    CHECK_OK(subjects[LOCK].create(domain, "again", 0, &handle));
    subjects[LOCK].close(handle);
    for (int kind = 0; kind < SUBJECTS; kind++) {
        subjects[kind].close(kept[kind]);
    }
    mproc_queue_close(queue);
    mproc_domain_close(domain);
    atomic_store(&stage->call, NULL);
    CHECK(nobody_complained());
}

void part_full(void)
{
    join_tally();
    new_dir(dir, sizeof dir, "full");
    CHECK(mkdir(dir, 0700) == 0);
    CHECK(watched(new_stage(), "full", full, NULL, 120));
    CHECK(rmdir(dir) == 0); /* the mount was never here, and nothing else either */
}
