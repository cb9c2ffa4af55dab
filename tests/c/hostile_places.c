/* Private domains, the files in them, and guards around the mappings of a file. */
#include "hostile.h"

static _Atomic uint32_t *dirs_made; /* shared by all processes */
static long main_pid;               /* whoever makes a directory, the main process removes it */

static void need(bool fine, const char *what)
{
    if (!fine) {
        perror(what);
        exit(4);
    }
}

/* Stays behind until all processes of this program are gone, however they ended; then tidies up. */
static void janitor(int all_gone)
{
    char byte;
    setsid();
    for (int i = 1; i < NSIG; i++) {
        if (i != SIGKILL && i != SIGSTOP) {
            signal(i, SIG_IGN);
        }
    }
    for (int fd = 0; fd < 3; fd++) { /* or who reads our output would wait for this process */
        close(fd);
    }
    while (read(all_gone, &byte, 1) < 0 && errno == EINTR) {
    }
    remove_dirs();
    _exit(0);
}

void dirs_begin(void)
{
    int ends[2];
    pid_t pid;
    dirs_made = proc_shared(sizeof *dirs_made);
    main_pid = (long)getpid();
    need(pipe(ends) == 0, "pipe");
    fflush(NULL);
    pid = fork();
    need(pid >= 0, "fork");
    if (pid == 0) {
        close(ends[1]);
        janitor(ends[0]);
    }
    close(ends[0]); /* the other end closes with the last process that inherits it */
}

void new_dir(char *dir, size_t size, const char *what)
{
    snprintf(dir, size, "/dev/shm/mproc-hostile-%ld-%u-%s", main_pid, atomic_fetch_add(dirs_made, 1), what);
}

void remove_dirs(void)
{
    char prefix[64];
    DIR *shm = opendir("/dev/shm");
    if (!shm) {
        return;
    }
    snprintf(prefix, sizeof prefix, "mproc-hostile-%ld-", main_pid);
    for (struct dirent *e; (e = readdir(shm));) {
        if (!strncmp(e->d_name, prefix, strlen(prefix))) {
            char path[300];
            snprintf(path, sizeof path, "/dev/shm/%s", e->d_name);
            proc_remove_dir(path);
        }
    }
    closedir(shm);
}

int64_t busy_ns = BUSY_NS;

mproc_domain_t *join(const char *dir)
{
    mproc_domain_options_t o = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_domain_t *domain = NULL;
    o.path = dir;
    o.busy_timeout_ns = (uint64_t)busy_ns;
    NEED_OK(mproc_domain_open(&o, &domain));
    return domain;
}

uint32_t own_word(const mproc_domain_t *domain)
{
    mproc_owner_t me;
    NEED_OK(mproc_domain_self(domain, &me, sizeof me));
    return (me.slot + 1) | (uint32_t)(me.generation & 0x1fffff) << 10;
}

/* --- files ---------------------------------------------------------------------------------------------- */

static void path_of(char *path, size_t size, const char *dir, const char *name)
{
    snprintf(path, size, "%s/%s", dir, name);
}

int file_open(const char *dir, const char *name)
{
    char path[300];
    int fd;
    path_of(path, sizeof path, dir, name);
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    need(fd >= 0, path);
    return fd;
}

void read_image(const char *dir, const char *name, struct image *image)
{
    int fd = file_open(dir, name);
    struct stat st;
    need(fstat(fd, &st) == 0 && st.st_size <= (off_t)sizeof image->bytes, name);
    image->size = (size_t)st.st_size;
    need(pread(fd, image->bytes, image->size, 0) == (ssize_t)image->size, name);
    close(fd);
}

void put_image(const char *dir, const char *name, const struct image *image)
{
    char path[300];
    int fd;
    path_of(path, sizeof path, dir, name);
    if (unlink(path) != 0 && errno == EISDIR) {
        rmdir(path);
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    need(fd >= 0, path);
    need(pwrite(fd, image->bytes, image->size, 0) == (ssize_t)image->size, path);
    close(fd);
}

void poke(const char *dir, const char *name, size_t at, const void *bytes, size_t size)
{
    int fd = file_open(dir, name);
    need(pwrite(fd, bytes, size, (off_t)at) == (ssize_t)size, name);
    close(fd);
}

void poke32(const char *dir, const char *name, size_t at, uint32_t value)
{
    poke(dir, name, at, &value, sizeof value);
}

void poke64(const char *dir, const char *name, size_t at, uint64_t value)
{
    poke(dir, name, at, &value, sizeof value);
}

uint32_t peek32(const char *dir, const char *name, size_t at)
{
    uint32_t value = 0;
    int fd = file_open(dir, name);
    need(pread(fd, &value, sizeof value, (off_t)at) == (ssize_t)sizeof value, name);
    close(fd);
    return value;
}

uint64_t peek64(const char *dir, const char *name, size_t at)
{
    return peek32(dir, name, at) | (uint64_t)peek32(dir, name, at + 4) << 32;
}

/* --- a domain with everything in it --------------------------------------------------------------------- */

/* One process that stays in the domain, one that is gone. */
static void cast_make(struct place *place)
{
    int status;
    pid_t dead, holder;
    place->cast = proc_shared(sizeof *place->cast);
    holder = proc_fork();
    if (holder == 0) {
        mproc_domain_t *domain = join(place->dir);
        atomic_store(&place->cast->living, own_word(domain));
        for (;;) {
            pause();
        }
    }
    place->cast->holder = holder;
    dead = proc_fork();
    if (dead == 0) {
        mproc_domain_t *domain = join(place->dir);
        atomic_store(&place->cast->dead, own_word(domain));
        _exit(0);
    }
    CHECK(proc_wait(dead, 60 * SEC, &status) && status == 0);
    CHECK(proc_await(&place->cast->living, 1, 60 * SEC));
}

void place_make(struct place *place, const char *what)
{
    memset(place, 0, sizeof *place);
    new_dir(place->dir, sizeof place->dir, what);
    place->domain = join(place->dir);
    for (int i = 0; i < SUBJECTS; i++) {
        const struct subject *subject = &subjects[i];
        void *handle = NULL;
        char name[64];
        NEED_OK(subject->create(place->domain, "victim", MPROC_PERSIST, &handle));
        subject->close(handle);
        read_image(place->dir, "victim", &place->image[i]);
        NEED_OK(mproc_domain_unlink(place->domain, "victim"));

        snprintf(name, sizeof name, "neighbour-%s", subject->name);
        NEED_OK(subject->create(place->domain, name, MPROC_PERSIST, &handle));
        subject->close(handle);
        read_image(place->dir, name, &place->neighbour[i]);
    }
    cast_make(place);
    atomic_store(&place->cast->self, own_word(place->domain));
}

void place_check(const struct place *place)
{
    struct image *now = malloc(sizeof *now);
    need(now != NULL, "malloc");
    for (int i = 0; i < SUBJECTS; i++) {
        char name[64];
        snprintf(name, sizeof name, "neighbour-%s", subjects[i].name);
        read_image(place->dir, name, now);
        INSIST(now->size == place->neighbour[i].size &&
               !memcmp(now->bytes, place->neighbour[i].bytes, now->size));
    }
    free(now);
}

void place_end(struct place *place)
{
    proc_kill(place->cast->holder);
    munmap(place->cast, sizeof *place->cast);
    mproc_domain_close(place->domain);
    CHECK_OK(mproc_domain_remove(place->dir));
    proc_remove_dir(place->dir); /* what the library does not recognise, it leaves */
}

/* --- guards --------------------------------------------------------------------------------------------- */

enum { GUARDS = 16, GUARD_PAGES = 32, CANARY = 0x3C, PLUGS = 512 };

static struct {
    unsigned char *at;
    size_t size;
    bool canary;
} guards[GUARDS];
static int guards_count;
static void *spacer; /* the kernel maps one thing below the other, without a gap */

static bool guard(uintptr_t at, size_t size, bool canary)
{
    void *got;
    if (guards_count == GUARDS) {
        return true;
    }
    got = mmap((void *)at, size, canary ? PROT_READ | PROT_WRITE : PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == MAP_FAILED) {
        return false; /* something else is there */
    }
    if (got != (void *)at) { /* a kernel that does not know the flag */
        munmap(got, size);
        return false;
    }
    if (canary) {
        memset(got, CANARY, size);
    }
    guards[guards_count].at = got;
    guards[guards_count].size = size;
    guards[guards_count++].canary = canary;
    atomic_fetch_add(&stage->guards, 1);
    return true;
}

static void drop_spacer(void)
{
    if (spacer) {
        munmap(spacer, (size_t)GUARD_PAGES * PAGE);
        spacer = NULL;
    }
}

void guards_prepare(void)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    drop_spacer();
    spacer = mmap(NULL, (size_t)GUARD_PAGES * PAGE, PROT_NONE, flags, -1, 0);
    need(spacer != MAP_FAILED, "mmap");
    /* A small mapping would go into a small hole somewhere else: stop them up, for good. */
    for (int i = 0; i < PLUGS; i++) {
        uint8_t *plug = mmap(NULL, PAGE, PROT_NONE, flags, -1, 0);
        if (plug == MAP_FAILED || plug + PAGE == spacer) {
            munmap(plug, PAGE);
            break;
        }
    }
}

void guards_place(const char *name, bool canaries)
{
    struct {
        uintptr_t from, to;
    } found[GUARDS];
    int n = 0;
    char line[600], suffix[80];
    FILE *maps;
    drop_spacer();
    maps = fopen("/proc/self/maps", "re");
    need(maps != NULL, "/proc/self/maps");
    snprintf(suffix, sizeof suffix, "/%s", name);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (!strstr(line, suffix) || sscanf(line, "%lx-%lx", &from, &to) != 2) {
            continue;
        }
        if (n > 0 && found[n - 1].to == from) {
            found[n - 1].to = to; /* a ring is mapped twice in a row */
        } else if (n < GUARDS) {
            found[n].from = from;
            found[n++].to = to;
        }
    }
    fclose(maps);
    for (int i = 0; i < n; i++) {
        const size_t size = (size_t)GUARD_PAGES * PAGE;
        if (!guard(found[i].to, size, canaries)) {
            guard(found[i].to, PAGE, canaries);
        }
        if (!guard(found[i].from - size, size, canaries)) {
            guard(found[i].from - PAGE, PAGE, canaries);
        }
    }
}

void guards_remove(void)
{
    bool intact = true;
    drop_spacer();
    for (int i = 0; i < guards_count; i++) {
        for (size_t b = 0; guards[i].canary && b < guards[i].size; b++) {
            intact = guards[i].at[b] == CANARY && intact;
        }
        munmap(guards[i].at, guards[i].size);
    }
    guards_count = 0;
    INSIST(intact);
}

/* --- a spoilt object -------------------------------------------------------------------------------------- */

static int failed_before;

void *spoil(const struct place *place, int kind, bool opened_before, const char *what, const struct word *words,
            size_t count)
{
    void *handle = NULL;
    failed_before = check_counts->failed;
    snprintf(stage->what, sizeof stage->what, "%s%s: %s", subjects[kind].name, opened_before ? "" : ", fresh", what);
    put_image(place->dir, "victim", &place->image[kind]);
    guards_prepare();
    if (opened_before) {
        NEED_OK(subjects[kind].open(place->domain, "victim", &handle));
    }
    for (size_t i = 0; i < count; i++) {
        poke(place->dir, "victim", words[i].at, &words[i].value, (size_t)words[i].width);
    }
    if (!opened_before) {
        NEED_OK(subjects[kind].open(place->domain, "victim", &handle));
    }
    guards_place("victim", false);
    enter(stage->what);
    return handle;
}

void spoilt_done(int kind, void *handle)
{
    struct rng rng = { 11 };
    subjects[kind].use(handle, &rng);
    guards_remove();
    enter("close");
    subjects[kind].close(handle);
    atomic_store(&stage->call, NULL);
    CHECK(nobody_complained());
    if (check_counts->failed != failed_before) {
        check_complain("    with %s", stage->what);
    }
}
