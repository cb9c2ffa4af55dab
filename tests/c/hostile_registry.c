/* A damaged registry: at join, under a joined process, and hostile locks on its bytes. */
#include "hostile.h"

#include <sys/socket.h>
#include <sys/un.h>

#define S_BUSY S(MPROC_EBUSY) /* whoever removes a name may have to wait for another who does */
#define S_JOIN                                                                                             \
    (S_OK | S_BUSY | S(MPROC_EACCES) | S(MPROC_ENOENT) | S(MPROC_ESLOTS) | S(MPROC_EVERSION) |               \
     S(MPROC_ECORRUPT))
#define S_MAKE                                                                                             \
    (S_OK | S_BUSY | S(MPROC_EEXIST) | S(MPROC_EACCES) | S(MPROC_ESTALE) | S(MPROC_ESLOTS) |                 \
     S(MPROC_EVERSION) | S(MPROC_EDOMAIN) | S(MPROC_ECORRUPT))

static bool printable(const char *text, size_t size)
{
    for (size_t i = 0; i < size && text[i]; i++) {
        if ((unsigned char)text[i] < 32 || text[i] == 127) {
            return false;
        }
    }
    return memchr(text, 0, size) != NULL;
}

void use_joined(mproc_domain_t *domain, struct rng *rng)
{
    char name[40], *path;
    uint8_t *id;
    mproc_owner_t *owner;
    size_t *removed;
    const struct subject *subject = &subjects[rng_below(rng, SUBJECTS)];
    void *handle = NULL, *again = NULL;

    outs_begin();
    path = out(200);
    id = out(16);
    owner = out(sizeof *owner);
    removed = out(sizeof *removed);
    snprintf(name, sizeof name, "object-%ld", (long)getpid());
    RUN(S_OK | S(MPROC_ESLOTS), mproc_domain_self(domain, owner, sizeof *owner));
    INSIST(printable(owner->command, sizeof owner->command));
    RUN(S_OK, mproc_domain_path(domain, path, 200, NULL));
    RUN(S_OK, mproc_domain_id(domain, id));
    RUN(S_MAKE, subject->create(domain, name, 0, &handle));
    OUTS_END();
    if (handle) {
        if (RUN(S_MAKE | S(MPROC_ENOENT), subject->open(domain, name, &again)) == MPROC_OK) {
            subject->use(again, rng);
        }
        subject->use(handle, rng);
        enter("close");
        subject->close(again);
    }
    outs_begin();
    removed = out(sizeof *removed);
    RUN(S_OK | S_BUSY | S(MPROC_EACCES) | S(MPROC_ESTALE), mproc_domain_sweep(domain, removed));
    RUN(S_OK | S_BUSY | S(MPROC_ENOENT) | S(MPROC_EACCES) | S(MPROC_ESTALE), mproc_domain_unlink(domain, name));
    OUTS_END();
    enter("close");
    subject->close(handle);
    atomic_store(&stage->call, NULL);
}

static int open_existing(const char *dir, mproc_domain_t **domain)
{
    mproc_domain_options_t o = MPROC_DOMAIN_OPTIONS_INIT;
    o.path = dir;
    o.flags = MPROC_DOMAIN_EXISTING;
    o.busy_timeout_ns = BUSY_NS;
    return mproc_domain_open(&o, domain);
}

void use_domain(const char *dir, struct rng *rng)
{
    mproc_domain_t *domain = NULL;
    guards_prepare();
    if (RUN(S_JOIN, open_existing(dir, &domain)) != MPROC_OK) {
        atomic_fetch_add(&stage->refused, 1);
        INSIST(domain == NULL);
        guards_remove();
        return;
    }
    atomic_fetch_add(&stage->entered, 1);
    guards_place(".registry", rng_below(rng, 2) != 0);
    use_joined(domain, rng);
    guards_remove();
    enter("close");
    mproc_domain_close(domain);
    atomic_store(&stage->call, NULL);
}

/* --- exact answers ------------------------------------------------------------------------------------------ */

static char dir[96];
static struct image good;

static void refused(int status, const char *what)
{
    mproc_domain_t *domain = NULL;
    snprintf(stage->what, sizeof stage->what, "registry: %s", what);
    enter("mproc_domain_open");
    CHECK_IS(status, open_existing(dir, &domain));
    CHECK(domain == NULL);
    if (domain) {
        mproc_domain_close(domain);
    }
    atomic_store(&stage->call, NULL);
}

static void headers(void)
{
    static const struct {
        int at, width;
        uint64_t value;
        int status;
        const char *what;
    } damage[] = {
        { AT_MAGIC, 8, 0, MPROC_ECORRUPT, "no magic" },
        { AT_LAYOUT, 4, 0, MPROC_EVERSION, "layout 0" },
        { AT_LAYOUT, 4, MPROC_LAYOUT_VERSION + 1, MPROC_EVERSION, "the next layout" },
        { AT_ENDIAN, 4, 0x04030201, MPROC_EVERSION, "the other byte order" },
        { AT_KIND, 4, 0, MPROC_ECORRUPT, "kind 0" },
        { AT_KIND, 4, 2, MPROC_ECORRUPT, "a lock" },
        { AT_KIND, 4, UINT32_MAX, MPROC_ECORRUPT, "kind -1" },
        { AT_SIZE, 8, 0, MPROC_ECORRUPT, "size 0" },
        { AT_SIZE, 8, REGISTRY_LEN + PAGE, MPROC_ECORRUPT, "a larger size" },
        { AT_SIZE, 8, UINT64_MAX, MPROC_ECORRUPT, "size -1" },
    };
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        struct image image = good;
        memcpy(image.bytes + damage[i].at, &damage[i].value, (size_t)damage[i].width);
        put_image(dir, ".registry", &image);
        refused(damage[i].status, damage[i].what);
    }
}

static void cut_and_sparse(void)
{
    static const size_t sizes[] = { 0, 1, 511, PAGE / 2, PAGE, REGISTRY_LEN - PAGE, REGISTRY_LEN - 1, REGISTRY_LEN + 1,
                                    REGISTRY_LEN + PAGE };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char what[60];
        uint64_t size = sizes[i];
        for (int says_so = 0; says_so < 2; says_so++) {
            int fd;
            put_image(dir, ".registry", &good);
            if (says_so) {
                poke64(dir, ".registry", AT_SIZE, size);
            }
            fd = file_open(dir, ".registry");
            CHECK(ftruncate(fd, (off_t)size) == 0);
            close(fd);
            snprintf(what, sizeof what, "%zu bytes%s", sizes[i], says_so ? ", and says so" : "");
            refused(MPROC_ECORRUPT, what);
        }
    }
    for (off_t at = 0; at < REGISTRY_LEN; at += 5 * PAGE) {
        int fd;
        put_image(dir, ".registry", &good);
        fd = file_open(dir, ".registry");
        CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, PAGE) == 0);
        close(fd);
        refused(MPROC_ECORRUPT, "a hole"); /* touching it on a full file system would be SIGBUS */
    }
}

static void wrong_files(void)
{
    char path[108], other[108], elsewhere[96];
    struct sockaddr_un address;
    mproc_domain_t *domain = NULL;
    int fd;
    snprintf(path, sizeof path, "%s/.registry", dir);
    snprintf(other, sizeof other, "%s/other", dir);

    put_image(dir, "other", &good);
    CHECK(unlink(path) == 0 && symlink("other", path) == 0);
    refused(MPROC_EACCES, "a symbolic link");
    CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
    refused(MPROC_EACCES, "a directory");
    CHECK(rmdir(path) == 0 && mkfifo(path, 0600) == 0);
    refused(MPROC_EACCES, "a fifo");
    CHECK(unlink(path) == 0);
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && chmod(path, 0600) == 0);
    close(fd);
    refused(MPROC_EACCES, "a socket");
    CHECK(unlink(path) == 0 && link(other, path) == 0);
    refused(MPROC_EACCES, "a second name");
    CHECK(unlink(other) == 0);

    put_image(dir, ".registry", &good);
    CHECK(chmod(path, 0604) == 0);
    refused(MPROC_EACCES, "readable by everybody");
    CHECK(chmod(path, 0660) == 0);
    refused(MPROC_EACCES, "writable by a group");
    CHECK(chmod(path, 0600) == 0 && chmod(dir, 0701) == 0);
    refused(MPROC_EACCES, "a directory that is open to everybody");
    CHECK(chmod(dir, 0700) == 0);
    if (geteuid() == 0) {
        CHECK(chown(path, 65534, 65534) == 0);
        refused(MPROC_EACCES, "another user's registry");
        CHECK(chown(path, 0, 0) == 0 && chown(dir, 65534, 65534) == 0);
        refused(MPROC_EACCES, "another user's directory");
        CHECK(chown(dir, 0, 0) == 0);
    } else {
        printf("SKIPPED: a registry of another user: only root can give files away\n");
    }
    new_dir(elsewhere, sizeof elsewhere, "link");
    CHECK(symlink(dir, elsewhere) == 0);
    CHECK_IS(MPROC_EACCES, open_existing(elsewhere, &domain));
    CHECK(unlink(elsewhere) == 0 && domain == NULL);
}

/* The table of slots and its counters decide who is dead; garbage in it is wrong, but harmless. */
static void slots(void)
{
    static const uint64_t words[] = { 1, UINT64_C(1) << 21, UINT64_C(1) << 63, UINT64_MAX };
    struct rng rng = { 9 };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct image image = good;
        memcpy(image.bytes + AT_JOINS, &words[i], 8);
        memcpy(image.bytes + AT_SWEPT, &words[i], 8);
        for (int slot = 0; slot < SLOTS; slot++) {
            uint8_t *at = image.bytes + AT_SLOTS + SLOT_LEN * slot;
            memset(at, 0xFF, SLOT_LEN); /* pid, start time, command */
            memcpy(at, &words[i], 8);
            memcpy(at + 8, &words[(i + 1) % 4], 8);
        }
        put_image(dir, ".registry", &image);
        for (int k = 0; k < 3; k++) {
            mproc_domain_t *domain = NULL;
            snprintf(stage->what, sizeof stage->what, "registry: slots full of 0x%llx", (unsigned long long)words[i]);
            guards_prepare();
            CHECK_OK(open_existing(dir, &domain));
            guards_place(".registry", false);
            use_joined(domain, &rng);
            guards_remove();
            mproc_domain_close(domain);
            CHECK(nobody_complained());
        }
    }
    put_image(dir, ".registry", &good);
}

/* What the registry says about a living holder: its facts are for people, its generation is believed. */
static void facts(void)
{
    mproc_domain_t *domain = join(dir);
    mproc_lock_t *lock = NULL;
    mproc_owner_t owner;
    char nasty[32];
    check_gate_t *held = check_gate();
    pid_t pid;
    size_t slot;
    int status;

    strcpy(stage->what, "registry: facts about a holder");
    NEED_OK(mproc_lock_create(domain, "held", NULL, &lock));
    pid = proc_fork();
    if (pid == 0) {
        NEED_OK(mproc_lock_lock(lock, 0, NULL));
        check_gate_open(held);
        for (;;) {
            pause();
        }
    }
    check_gate_wait(held);
    CHECK_OK(mproc_lock_owner(lock, &owner, sizeof owner));
    CHECK(owner.held == 1 && owner.alive == 1 && owner.pid == (int32_t)pid);
    slot = AT_SLOTS + SLOT_LEN * (size_t)owner.slot;
    memset(nasty, 0x1B, sizeof nasty);
    poke(dir, ".registry", slot + 32, nasty, sizeof nasty);
    poke32(dir, ".registry", slot + 16, (uint32_t)-1);
    CHECK_OK(mproc_lock_owner(lock, &owner, sizeof owner));
    CHECK(printable(owner.command, sizeof owner.command));
    CHECK_INT(1, owner.alive);
    memset(nasty, 0xC3, sizeof nasty);
    poke(dir, ".registry", slot + 32, nasty, sizeof nasty);
    CHECK_OK(mproc_lock_owner(lock, &owner, sizeof owner));
    CHECK(printable(owner.command, sizeof owner.command));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_lock(lock, 20 * MS, NULL));
    poke64(dir, ".registry", slot, owner.generation + 1);
    CHECK_OK(mproc_lock_owner(lock, &owner, sizeof owner));
    CHECK_INT(0, owner.alive);
    CHECK_IS(MPROC_RECOVERED, mproc_lock_lock(lock, SEC, NULL));
    CHECK_OK(mproc_lock_unlock(lock));
    kill(pid, SIGKILL);
    CHECK(proc_wait(pid, 60 * SEC, &status));
    check_gate_free(held);
    mproc_lock_close(lock);
    mproc_domain_close(domain);
}

/* Another domain's id: what was made before is not of this domain. */
static void another_id(void)
{
    mproc_domain_t *domain;
    void *handle = NULL;
    put_image(dir, ".registry", &good);
    domain = join(dir);
    NEED_OK(subjects[LOCK].create(domain, "old", MPROC_PERSIST, &handle));
    subjects[LOCK].close(handle);
    mproc_domain_close(domain);
    poke64(dir, ".registry", AT_DOMAIN, 12345);
    domain = join(dir);
    CHECK_IS(MPROC_EDOMAIN, subjects[LOCK].open(domain, "old", &handle));
    CHECK_OK(mproc_domain_unlink(domain, "old"));
    NEED_OK(subjects[LOCK].create(domain, "old", 0, &handle));
    subjects[LOCK].close(handle);
    mproc_domain_close(domain);
}

/* The registry is replaced under a joined process: it must not mix two domains. */
static void replaced(void)
{
    mproc_domain_t *domain, *other;
    mproc_lock_t *lock = NULL, *none = NULL;
    struct rng rng = { 2 };
    put_image(dir, ".registry", &good);
    domain = join(dir);
    NEED_OK(mproc_lock_create(domain, "mine", NULL, &lock));
    put_image(dir, ".registry", &good);
    CHECK_IS(MPROC_ESTALE, mproc_lock_create(domain, "late", NULL, &none));
    CHECK_IS(MPROC_ESTALE, mproc_lock_open(domain, "mine", NULL, &none));
    CHECK_IS(MPROC_ESTALE, mproc_domain_unlink(domain, "mine"));
    CHECK_IS(MPROC_ESTALE, mproc_domain_sweep(domain, NULL));
    subjects[LOCK].use(lock, &rng); /* what it has, it keeps */
    other = join(dir);
    use_joined(other, &rng);
    mproc_domain_close(other);
    mproc_lock_close(lock);
    mproc_domain_close(domain);
}

static int hold(int64_t from, int64_t length)
{
    struct flock f;
    int fd = file_open(dir, ".registry");
    memset(&f, 0, sizeof f);
    f.l_type = F_WRLCK;
    f.l_whence = SEEK_SET;
    f.l_start = from;
    f.l_len = length;
    CHECK(fcntl(fd, F_OFD_SETLK, &f) == 0);
    return fd;
}

/* Somebody holds the bytes that the library locks, and does not let go. */
static void held_bytes(void)
{
    mproc_domain_t *domain = NULL;
    mproc_lock_t *lock = NULL;
    int fd;
    put_image(dir, ".registry", &good);
    fd = hold(LOCK_BASE, SLOTS);
    refused(MPROC_ESLOTS, "every slot is taken");
    close(fd);
    fd = hold(GUARD_BYTE, 1);
    refused(MPROC_EBUSY, "a removal that does not end");
    CHECK_IS(MPROC_EBUSY, mproc_domain_remove(dir));
    close(fd);
    domain = join(dir);
    NEED_OK(mproc_lock_create(domain, "name", NULL, &lock));
    fd = hold(NAMES_BYTE, 1);
    enter("mproc_domain_unlink");
    CHECK_IS(MPROC_EBUSY, mproc_domain_unlink(domain, "name"));
    CHECK_OK(mproc_domain_sweep(domain, NULL));
    close(fd);
    CHECK_OK(mproc_domain_unlink(domain, "name"));
    atomic_store(&stage->call, NULL);
    mproc_lock_close(lock);
    mproc_domain_close(domain);
}

static void all_registry(void *argument)
{
    mproc_domain_t *domain;
    (void)argument;
    domain = join(dir);
    mproc_domain_close(domain);
    read_image(dir, ".registry", &good);
    CHECK_INT(REGISTRY_LEN, good.size);
    headers();
    cut_and_sparse();
    wrong_files();
    slots();
    facts();
    another_id();
    replaced();
    held_bytes();
    CHECK(nobody_complained());
}

void part_registry(void)
{
    join_tally();
    new_dir(dir, sizeof dir, "registry");
    CHECK(watched(new_stage(), "registry", all_registry, NULL, 120));
    CHECK_OK(mproc_domain_remove(dir));
    CHECK(access(dir, F_OK) != 0);
}
