/* Domains: opening, identity, names and their lifetime, sweeping, removal. */
#include "api_test.h"

#include "check.h"

static mproc_value_options_t i32_options(uint32_t flags) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    options.type_code = MPROC_TYPE_I32;
    options.flags = flags;
    return options;
}

static void make_path(char *path, size_t size, const char *what) {
    snprintf(path, size, "/dev/shm/mproc-ctest-%ld-%s", (long)getpid(), what);
}

static mproc_domain_t *open_at(const char *path, uint32_t flags) {
    mproc_domain_t *domain = NULL;
    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    options.path = path;
    options.flags = flags;
    NEED_OK(mproc_domain_open(&options, &domain));
    return domain;
}

static void identity(void) {
    mproc_domain_t *a = NULL, *b = NULL;
    uint8_t id_a[16], id_b[16], none[16] = {0};
    mproc_owner_t parent, child;
    mproc_owner_t *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char path[128] = "";
    size_t len = 0;
    pid_t pid;

    NEED_OK(mproc_domain_open(NULL, &a));
    NEED_OK(mproc_domain_open(NULL, &b)); /* a second handle on the same membership */
    CHECK_OK(mproc_domain_id(a, id_a));
    CHECK_OK(mproc_domain_id(b, id_b));
    CHECK(memcmp(id_a, id_b, 16) == 0);
    CHECK(memcmp(id_a, none, 16) != 0);
    CHECK_OK(mproc_domain_id(NULL, id_b));
    CHECK(memcmp(id_a, id_b, 16) == 0);

    CHECK_OK(mproc_domain_path(a, path, sizeof path, &len));
    CHECK(strcmp(path, getenv("MPROC_DOMAIN")) == 0);
    CHECK_INT(strlen(path) + 1, len);
    path[0] = '#';
    CHECK_IS(MPROC_EMSGSIZE, mproc_domain_path(a, path, len - 1, &len));
    CHECK_INT(strlen(getenv("MPROC_DOMAIN")) + 1, len);
    CHECK_INT('#', path[0]);
    CHECK_OK(mproc_domain_path(NULL, path, len, NULL));

    CHECK_OK(mproc_domain_self(a, &parent, sizeof parent));
    CHECK_INT(1, parent.held);
    CHECK_INT(1, parent.alive);
    CHECK_INT(1, parent.is_self);
    CHECK_INT(getpid(), parent.pid);
    CHECK(parent.command[0] != '\0');
    CHECK_OK(mproc_domain_self(b, &child, sizeof child));
    CHECK(child.slot == parent.slot && child.generation == parent.generation);

    pid = check_fork(); /* a forked child is somebody else from its first operation on */
    if (pid == 0) {
        CHECK_OK(mproc_domain_self(a, seen, sizeof *seen));
        CHECK_INT(getpid(), seen->pid);
        check_leave();
    }
    CHECK_CHILD(pid);
    CHECK(seen->slot != parent.slot);
    CHECK_INT(1, seen->is_self);
    CHECK_OK(mproc_domain_self(a, &child, sizeof child));
    CHECK(child.slot == parent.slot && child.generation == parent.generation);

    mproc_domain_close(a);
    mproc_domain_close(b);
    munmap(seen, sizeof *seen);
}

static void existing(void) {
    char path[128];
    mproc_domain_t *domain = NULL;
    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    struct stat st;

    make_path(path, sizeof path, "existing");
    options.path = path;
    options.flags = MPROC_DOMAIN_EXISTING;
    CHECK_IS(MPROC_ENOENT, mproc_domain_open(&options, &domain));
    CHECK(domain == NULL);
    CHECK(stat(path, &st) != 0);

    domain = open_at(path, 0);
    CHECK_INT(0, stat(path, &st));
    CHECK_INT(0700, st.st_mode & 07777);
    mproc_domain_close(domain);
    domain = open_at(path, MPROC_DOMAIN_EXISTING);
    mproc_domain_close(domain);
    check_remove_files(path);

    domain = open_at(path, MPROC_DOMAIN_GROUP);
    CHECK_INT(0, stat(path, &st));
    CHECK_INT(02770, st.st_mode & 07777);
    mproc_domain_close(domain);
    check_remove_files(path);

    options.flags = 0;
    options.path = "/dev/shm/mproc-no-such-parent/domain";
    CHECK_IS(MPROC_ENOENT, mproc_domain_open(&options, &domain));
    options.path = "relative/path";
    CHECK_IS(MPROC_EINVAL, mproc_domain_open(&options, &domain));
    CHECK_INT(0, mkdir(path, 0777));
    CHECK_INT(0, chmod(path, 0777)); /* open to the world: not to be trusted */
    options.path = path;
    CHECK_IS(MPROC_EACCES, mproc_domain_open(&options, &domain));
    check_remove_files(path);
}

static void anonymous(void) {
    char path[16] = "#";
    size_t len = 0;
    uint8_t id[16], other[16];
    mproc_domain_t *domain = NULL, *second = NULL;
    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_value_options_t value_options = i32_options(0);
    mproc_value_t *value = NULL, *named = NULL;
    int64_t number = 0;
    pid_t pid;

    options.flags = MPROC_DOMAIN_ANONYMOUS;
    NEED_OK(mproc_domain_open(&options, &domain));
    NEED_OK(mproc_domain_open(&options, &second));
    CHECK_OK(mproc_domain_id(domain, id));
    CHECK_OK(mproc_domain_id(second, other));
    CHECK(memcmp(id, other, 16) != 0);
    mproc_domain_close(second);
    CHECK_OK(mproc_domain_path(domain, path, sizeof path, &len));
    CHECK(strcmp(path, "") == 0);
    CHECK_INT(1, len);

    CHECK_IS(MPROC_ENOTSUP, mproc_value_create(domain, "named", &value_options, &named));
    CHECK_IS(MPROC_ENOTSUP, mproc_domain_unlink(domain, "named"));
    NEED_OK(mproc_value_create(domain, NULL, &value_options, &value));
    mproc_domain_close(domain); /* the object keeps its domain alive */
    pid = check_fork();
    if (pid == 0) {
        CHECK_OK(mproc_value_lock(value, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_value_add(value, 5, NULL));
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, NULL, 0);
    CHECK_IS(MPROC_RECOVERED, mproc_value_lock(value, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_value_unlock(value));
    CHECK_OK(mproc_value_get_i64(value, &number));
    CHECK_INT(5, number);
    mproc_value_close(value);
}

static void names(void) {
    mproc_value_options_t plain = i32_options(0), exist_ok = i32_options(MPROC_EXIST_OK);
    mproc_value_t *a = NULL, *b = NULL;
    char longest[201];
    int64_t number = 0;

    NEED_OK(mproc_value_create(NULL, "name", &plain, &a));
    CHECK_IS(MPROC_EEXIST, mproc_value_create(NULL, "name", &plain, &b));
    CHECK(b == NULL);
    CHECK_IS(MPROC_EXISTED, mproc_value_create(NULL, "name", &exist_ok, &b));
    CHECK_OK(mproc_value_set_i64(a, 77));
    CHECK_OK(mproc_value_get_i64(b, &number));
    CHECK_INT(77, number);
    mproc_value_close(b);

    CHECK_OK(mproc_domain_unlink(NULL, "name")); /* who uses it goes on, the name is free at once */
    CHECK_IS(MPROC_ENOENT, mproc_domain_unlink(NULL, "name"));
    CHECK_IS(MPROC_ENOENT, mproc_value_open(NULL, "name", NULL, &b));
    NEED_OK(mproc_value_create(NULL, "name", &plain, &b));
    CHECK_OK(mproc_value_get_i64(b, &number));
    CHECK_INT(0, number);
    CHECK_OK(mproc_value_get_i64(a, &number));
    CHECK_INT(77, number);
    mproc_value_close(a);
    mproc_value_close(b);
    CHECK_IS(MPROC_ENOENT, mproc_value_open(NULL, "name", NULL, &a)); /* gone with its last user */

    memset(longest, 'n', 200);
    longest[200] = '\0';
    NEED_OK(mproc_value_create(NULL, longest, &plain, &a));
    NEED_OK(mproc_value_open(NULL, longest, NULL, &b));
    mproc_value_close(a);
    mproc_value_close(b);
    NEED_OK(mproc_value_create(NULL, "A-Z_a.z-0.9", &plain, &a));
    mproc_value_close(a);
}

/* What a child that is killed leaves behind, and what it must not take along. */
static void lifetime(void) {
    char path[128];
    mproc_domain_t *domain;
    mproc_value_options_t plain = i32_options(0), persist = i32_options(MPROC_PERSIST);
    mproc_value_t *value = NULL;
    mproc_value_info_t info;
    int64_t number = 0;
    size_t removed = 99;
    pid_t pid;

    make_path(path, sizeof path, "lifetime");
    domain = open_at(path, 0);
    pid = check_fork();
    if (pid == 0) {
        mproc_value_t *left = NULL, *kept = NULL;
        NEED_OK(mproc_value_create(domain, "left", &plain, &left));
        NEED_OK(mproc_value_create(domain, "kept", &persist, &kept));
        CHECK_OK(mproc_value_set_i64(kept, 4711));
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, NULL, 0);
    CHECK_OK(mproc_domain_sweep(domain, &removed));
    CHECK_INT(1, removed);
    CHECK_OK(mproc_domain_sweep(domain, &removed));
    CHECK_INT(0, removed);
    CHECK_OK(mproc_domain_sweep(domain, NULL));
    CHECK_IS(MPROC_ENOENT, mproc_value_open(domain, "left", NULL, &value));
    NEED_OK(mproc_value_open(domain, "kept", NULL, &value));
    CHECK_OK(mproc_value_info(value, &info, sizeof info));
    CHECK_INT(MPROC_PERSIST, info.flags);
    CHECK_OK(mproc_value_get_i64(value, &number));
    CHECK_INT(4711, number);
    mproc_value_close(value);

    /* The end of one process does not remove what another one uses. */
    NEED_OK(mproc_value_create(domain, "mine", &plain, &value));
    pid = check_fork();
    if (pid == 0) {
        mproc_value_t *again = NULL;
        NEED_OK(mproc_value_open(domain, "mine", NULL, &again));
        mproc_value_close(again);
        mproc_value_close(value);
        check_leave();
    }
    CHECK_CHILD(pid);
    CHECK_OK(mproc_domain_sweep(domain, &removed));
    CHECK_INT(0, removed);
    mproc_value_close(value);

    CHECK_OK(mproc_domain_unlink(domain, "kept"));
    CHECK_IS(MPROC_ENOENT, mproc_value_open(domain, "kept", NULL, &value));
    mproc_domain_close(domain);
    check_remove_files(path);
}

static void removal(void) {
    char path[128], file[160];
    mproc_domain_t *domain;
    mproc_value_options_t persist = i32_options(MPROC_PERSIST), plain = i32_options(0);
    mproc_value_t *value = NULL;
    check_gate_t *joined = check_gate(), *go = check_gate();
    struct stat st;
    FILE *foreign;
    pid_t pid;

    make_path(path, sizeof path, "removal");
    CHECK_OK(mproc_domain_remove(path)); /* it was not there */
    CHECK_IS(MPROC_EINVAL, mproc_domain_remove("relative"));

    pid = check_fork();
    if (pid == 0) {
        domain = open_at(path, 0);
        NEED_OK(mproc_value_create(domain, "kept", &persist, &value));
        check_gate_open(joined);
        check_gate_wait(go);
        check_leave();
    }
    check_gate_wait(joined);
    CHECK_IS(MPROC_EBUSY, mproc_domain_remove(path));
    CHECK_INT(0, stat(path, &st));
    check_gate_open(go);
    CHECK_CHILD(pid);

    snprintf(file, sizeof file, "%s/foreign file", path);
    foreign = fopen(file, "w");
    CHECK(foreign != NULL);
    if (foreign != NULL) {
        fclose(foreign);
    }
    (void)mproc_domain_remove(path); /* what is not the library's is left alone */
    CHECK_INT(0, stat(file, &st));
    unlink(file);
    CHECK_OK(mproc_domain_remove(path));
    CHECK(stat(path, &st) != 0);

    domain = open_at(path, 0); /* removed behind our back: an error, not another domain */
    check_remove_files(path);
    value = NULL;
    CHECK_IS(MPROC_ESTALE, mproc_value_create(domain, "late", &plain, &value));
    CHECK(value == NULL);
    mproc_domain_close(domain);
    domain = open_at(path, 0);
    CHECK_OK(mproc_value_create(domain, "late", &plain, &value));
    mproc_value_close(value);
    mproc_domain_close(domain);
    check_remove_files(path);
    check_gate_free(joined);
    check_gate_free(go);
}

void api_domain(void) {
    identity();
    existing();
    anonymous();
    names();
    lifetime();
    removal();
}
