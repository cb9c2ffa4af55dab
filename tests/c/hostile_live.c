/*
 * A live mutator: a process that never stops writing interesting values into an object's file, beside two
 * that use the object with every operation and open it again and again. The same for a registry.
 */
#include "hostile.h"

enum { READERS = 2, REGISTRY = SUBJECTS, BURST = 40, USES = 60 };

struct session {
    int subject;
    struct place place;
    struct image image;
    void *before; /* a handle from better days, inherited by the readers; also keeps the name in use */
    mproc_domain_t *victim;
    char dir[96]; /* where the file is that is being mutated */
    const char *file;
    struct stage *stage[READERS];
    _Atomic uint64_t *mutations;
    uint64_t seed;
    int reader;
};

static const char *title(const struct session *session)
{
    return session->subject == REGISTRY ? "registry" : subjects[session->subject].name;
}

/* --- the mutator ------------------------------------------------------------------------------------------- */

/* What differs is stored in units of a word: the library must cope with any moment in between. */
static void store_changes(uint8_t *to, const struct image *image)
{
    for (size_t at = 0; at + 8 <= image->size; at += 8) {
        uint64_t now, wanted;
        now = __atomic_load_n((uint64_t *)(void *)(to + at), __ATOMIC_RELAXED);
        memcpy(&wanted, image->bytes + at, 8);
        if (now != wanted) {
            __atomic_store_n((uint64_t *)(void *)(to + at), wanted, __ATOMIC_RELAXED);
        }
    }
}

static void mutator(const struct session *session)
{
    static struct image image;
    struct rng rng = { session->seed };
    char what[4000];
    int fd = file_open(session->dir, session->file);
    uint8_t *file = mmap(NULL, session->image.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) {
        _exit(5);
    }
    for (;;) {
        uint64_t mood = rng_below(&rng, 4);
        image = session->image;
        if (mood > 0) {
            memcpy(image.bytes, file, image.size); /* go on from what the others have made of it */
        }
        for (uint64_t i = rng_below(&rng, BURST); i > 0; i--) {
            bool header = rng_below(&rng, session->subject == REGISTRY ? 8 : 64) == 0;
            what[0] = 0;
            if (session->subject == REGISTRY) {
                mutate_registry(&image, header, &rng, session->place.cast, what, sizeof what);
            } else {
                mutate(&image, &subjects[session->subject], header, &rng, session->place.cast, what, sizeof what);
            }
            if (session->subject != REGISTRY && mood < 3) {
                memset(image.bytes + AT_POISON, 0, 4); /* or the others would soon have nothing to do */
            }
            store_changes(file, &image);
            atomic_fetch_add(session->mutations, 1);
        }
        proc_sleep_ns((int64_t)rng_below(&rng, 200000));
    }
}

/* --- the readers ------------------------------------------------------------------------------------------- */

static void read_object(const struct session *session, struct rng *rng)
{
    const struct subject *subject = &subjects[session->subject];
    for (int i = 0; i < USES; i++) {
        void *fresh = NULL;
        bool canaries = rng_below(rng, 2) != 0;
        atomic_store(&stage->iteration, (uint64_t)i);
        guards_prepare();
        for (int tries = 0; tries < 20 && !fresh; tries++) {
            if (RUN(OPENS(subject) & ~S(MPROC_ENOENT), subject->open(session->place.domain, "victim", &fresh)) !=
                MPROC_OK) {
                atomic_fetch_add(&stage->refused, 1);
                proc_sleep_ns(100000);
            }
        }
        guards_place("victim", canaries);
        if (fresh) {
            atomic_fetch_add(&stage->entered, 1);
            subject->use(fresh, rng);
        }
        subject->use(session->before, rng);
        guards_remove();
        enter("close");
        subject->close(fresh);
        atomic_store(&stage->call, NULL);
    }
}

static void reader(void *argument)
{
    struct session *session = argument;
    struct rng rng = { session->seed + 1000 + (uint64_t)session->reader };
    strcpy(stage->what, "a live mutator");
    if (session->subject != REGISTRY) {
        read_object(session, &rng);
    } else {
        for (int i = 0; i < USES / 2; i++) {
            pid_t pid = proc_fork(); /* a process can leave and join again, but most do it once */
            int status = 0;
            if (pid == 0) {
                use_joined(session->victim, &rng);
                mproc_domain_close(session->victim); /* else the next one would be the same membership */
                use_domain(session->dir, &rng);
                fflush(NULL);
                _exit(0);
            }
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
            }
            rng_next(&rng);
            if (status != 0) {
                check_complain("live registry: a reader ended with status 0x%x", (unsigned)status);
                _exit(1);
            }
        }
    }
}

static void one_session(struct session *session)
{
    pid_t pids[READERS], mutating;
    int status;
    for (int i = 0; i < READERS; i++) {
        session->stage[i] = new_stage();
    }
    mutating = proc_fork();
    if (mutating == 0) {
        mutator(session);
    }
    for (int i = 0; i < READERS; i++) {
        pids[i] = proc_fork();
        if (pids[i] == 0) {
            char text[60];
            session->reader = i;
            snprintf(text, sizeof text, "live %s", title(session));
            check_that(watched(session->stage[i], text, reader, session, 300), __FILE__, __LINE__, text);
            fflush(NULL);
            _exit(0);
        }
    }
    for (int i = 0; i < READERS; i++) {
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {
        }
        CHECK(status == 0);
    }
    CHECK(kill(mutating, 0) == 0 && waitpid(mutating, &status, WNOHANG) == 0); /* it was there all the time */
    proc_kill(mutating);
}

static void report(const struct session *session)
{
    uint64_t calls = 0, entered = 0, refused = 0, guarded = 0;
    for (int i = 0; i < READERS; i++) {
        calls += atomic_load(&session->stage[i]->calls);
        entered += atomic_load(&session->stage[i]->entered);
        refused += atomic_load(&session->stage[i]->refused);
        guarded += atomic_load(&session->stage[i]->guards);
        munmap(session->stage[i], sizeof *session->stage[i]);
    }
    printf("live %s: %llu mutations, %llu calls, %llu guards; open let %llu in and refused %llu\n", title(session),
           (unsigned long long)atomic_load(session->mutations), (unsigned long long)calls, (unsigned long long)guarded,
           (unsigned long long)entered, (unsigned long long)refused);
    CHECK(entered > 0);
    CHECK(atomic_load(session->mutations) > 0);
}

static void live(int subject)
{
    static struct session session;
    struct rng rng = { options.seed };
    memset(&session, 0, sizeof session);
    session.subject = subject;
    session.seed = options.seed + (uint64_t)subject;
    session.mutations = proc_shared(sizeof *session.mutations);
    place_make(&session.place, subject == REGISTRY ? "live" : subjects[subject].name);
    if (subject == REGISTRY) {
        new_dir(session.dir, sizeof session.dir, "mutated");
        session.file = ".registry";
        session.victim = join(session.dir);
        read_image(session.dir, ".registry", &session.image);
        one_session(&session);
        report(&session);
        mproc_domain_close(session.victim);
        proc_remove_dir(session.dir);
    } else {
        const struct subject *kind = &subjects[subject];
        void *handle = NULL;
        int unlinked;
        snprintf(session.dir, sizeof session.dir, "%s", session.place.dir);
        session.file = "victim";
        session.image = session.place.image[subject];
        put_image(session.dir, "victim", &session.image);
        NEED_OK(kind->open(session.place.domain, "victim", &session.before));
        one_session(&session);
        report(&session);
        kind->close(session.before);
        unlinked = mproc_domain_unlink(session.place.domain, "victim");
        CHECK(unlinked == MPROC_OK || unlinked == MPROC_ENOENT); /* a flag may have made it go with its last user */
        /* With a new object under the name all is well again. */
        CHECK_OK(kind->create(session.place.domain, "victim", 0, &handle));
        use_and_close(kind, handle, &rng);
    }
    place_check(&session.place);
    place_end(&session.place);
    munmap(session.mutations, sizeof *session.mutations);
}

/* --- the control ------------------------------------------------------------------------------------------- */

enum { CONTROL_CALLS = 2000000, CONTROL_ROLES = 4, IN_PLACE_CALLS = 100000 };

struct control {
    mproc_queue_t *queue;
    struct both pipe;
    int role;
};

#define FINE(call) judge((call), S_OK | S(MPROC_ETIMEDOUT) | S(MPROC_RECOVERED), #call, __FILE__, __LINE__)

static void control_role(void *argument)
{
    struct control *control = argument;
    static unsigned char bytes[64];
    size_t len;
    int full;
    strcpy(stage->what, "the control: nobody hostile");
    enter("a small queue in use");
    for (long i = 0; i < CONTROL_CALLS && !atomic_load(&stage->bad); i++) {
        switch (control->role) {
        case 0:
        case 1:
            FINE(mproc_queue_put(control->queue, bytes, 10, 0, NULL));
            break;
        case 2:
            FINE(mproc_queue_get(control->queue, bytes, sizeof bytes, &len, 0, NULL));
            break;
        default:
            for (int k = 0; k < 10; k++) {
                FINE(mproc_queue_full(control->queue, &full));
            }
        }
        if (i % 1000 == 0) {
            enter("a small queue in use"); /* not each time: that would be all it does */
        }
    }
}

/* Two who send in place, two who receive in place; everybody looks, too. */
static void control_in_place(void *argument)
{
    struct control *control = argument;
    struct rng rng = { options.seed + (uint64_t)control->role };
    mproc_queue_info_t info;
    mproc_pipe_info_t ends;
    mproc_view_t view;
    strcpy(stage->what, "the control: nobody hostile");
    enter("a small queue and a pipe in use");
    for (long i = 0; i < IN_PLACE_CALLS && !atomic_load(&stage->bad); i++) {
        uint64_t choice = rng_below(&rng, 8);
        if (control->role < 2) {
            size_t longest = 1 + (size_t)rng_below(&rng, 200), len = (size_t)rng_below(&rng, longest);
            if (FINE(mproc_queue_reserve(control->queue, longest, &view, 0, NULL)) == MPROC_OK) {
                FINE(choice ? mproc_queue_commit(control->queue, view.id, len)
                            : mproc_queue_abort(control->queue, view.id));
            }
            if (FINE(mproc_pipe_reserve(control->pipe.end[1], longest, &view, 0, NULL)) == MPROC_OK) {
                FINE(choice ? mproc_pipe_commit(control->pipe.end[1], view.id, len)
                            : mproc_pipe_abort(control->pipe.end[1], view.id));
            }
        } else {
            if (FINE(mproc_queue_peek(control->queue, &view, 0, NULL)) != MPROC_ETIMEDOUT) {
                FINE(choice ? mproc_queue_release(control->queue, view.id)
                            : mproc_queue_putback(control->queue, view.id));
            }
            if (FINE(mproc_pipe_peek(control->pipe.end[0], &view, 0, NULL)) != MPROC_ETIMEDOUT) {
                FINE(choice ? mproc_pipe_release(control->pipe.end[0], view.id)
                            : mproc_pipe_putback(control->pipe.end[0], view.id));
            }
        }
        if (choice == 1) {
            FINE(mproc_queue_info(control->queue, &info, sizeof info));
            FINE(mproc_pipe_info(control->pipe.end[control->role / 2], &ends, sizeof ends));
        }
        if (i % 1000 == 0) {
            enter("a small queue and a pipe in use");
        }
    }
}

static void control_all(struct control *control, const char *title, void (*role)(void *))
{
    pid_t pids[CONTROL_ROLES];
    int status;
    for (int i = 0; i < CONTROL_ROLES; i++) {
        pids[i] = proc_fork();
        if (pids[i] == 0) {
            control->role = i;
            check_that(watched(new_stage(), title, role, control, 120), __FILE__, __LINE__, title);
            _exit(0);
        }
    }
    for (int i = 0; i < CONTROL_ROLES; i++) {
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {
        }
        CHECK(status == 0);
    }
}

/* The other way to be wrong: calling an object corrupt that nobody has touched. */
static void control(void)
{
    char dir[96];
    mproc_domain_t *domain = NULL;
    mproc_domain_options_t patient = MPROC_DOMAIN_OPTIONS_INIT; /* a holder may have lost its processor */
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t p = MPROC_PIPE_OPTIONS_INIT;
    struct control control = { NULL, { { NULL, NULL } }, 0 };
    new_dir(dir, sizeof dir, "control");
    patient.path = dir;
    patient.busy_timeout_ns = HANG;
    NEED_OK(mproc_domain_open(&patient, &domain));
    o.capacity_bytes = PAGE;
    p.capacity_bytes = PAGE;
    NEED_OK(mproc_queue_create(domain, "queue", &o, &control.queue));
    control_all(&control, "control", control_role);
    CHECK_INT(0, peek32(dir, "queue", AT_POISON));
    mproc_queue_close(control.queue);

    o.flags = MPROC_QUEUE_JOINABLE;
    NEED_OK(mproc_queue_create(domain, "jobs", &o, &control.queue));
    NEED_OK(mproc_pipe_create(domain, "pipe", &p, &control.pipe.end[0], &control.pipe.end[1]));
    control_all(&control, "control in place", control_in_place);
    CHECK_INT(0, peek32(dir, "jobs", AT_POISON));
    CHECK_INT(0, peek32(dir, "pipe", AT_POISON));
    mproc_queue_close(control.queue);
    mproc_pipe_close(control.pipe.end[0]);
    mproc_pipe_close(control.pipe.end[1]);
    mproc_domain_close(domain);
    CHECK_OK(mproc_domain_remove(dir));
}

void part_live(void)
{
    join_tally();
    if (!options.subject) {
        control();
    }
    for (int i = 0; i <= SUBJECTS; i++) {
        const char *name = i == REGISTRY ? "registry" : subjects[i].name;
        if (!options.subject || !strcmp(options.subject, name)) {
            live(i);
        }
    }
}
