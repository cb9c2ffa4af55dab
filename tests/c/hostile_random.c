/*
 * Random damage, thousands of times for each kind of object: a good image, one to eight mutations, then
 * every operation on a handle that was open before and on one opened afterwards. Each kind has a domain and
 * a process of its own; the calls are made by children of that, a batch of iterations each.
 */
#include "hostile.h"

enum { BATCH = 50, WRITTEN_ONCE_1 = 64, REGISTRY = SUBJECTS, WORKERS = SUBJECTS + 1 };

struct worker {
    int subject;
    struct place place;
    struct stage *stage;
    long next, end; /* iterations */
    pid_t pid;
    char registry_dir[96];
    struct image registry;
};

static const char *subject_name(int subject)
{
    return subject == REGISTRY ? "registry" : subjects[subject].name;
}

/* What is written at creation is never written again, whatever happens. */
static void constants_stay(const char *dir, const char *name, const struct image *expected)
{
    struct image *now = malloc(sizeof *now);
    if (!now) {
        _exit(4);
    }
    read_image(dir, name, now);
    INSIST(now->size == expected->size);
    INSIST(!memcmp(now->bytes, expected->bytes, WRITTEN_ONCE_1));
    INSIST(!memcmp(now->bytes + AT_PARAMS, expected->bytes + AT_PARAMS, AT_HOT - AT_PARAMS));
    free(now);
}

static void one_object(struct worker *worker, struct rng *rng)
{
    const struct subject *subject = &subjects[worker->subject];
    const struct place *place = &worker->place;
    struct image image = place->image[worker->subject];
    bool canaries = rng_below(rng, 2) != 0, header_too = rng_below(rng, 3) == 0;
    uint64_t mutations = 1 + rng_below(rng, 8);
    void *before = NULL, *fresh = NULL;

    put_image(place->dir, "victim", &image);
    guards_prepare();
    RUN(S_OK, subject->open(place->domain, "victim", &before));
    if (!before) {
        return;
    }
    guards_place("victim", canaries);
    for (uint64_t i = 0; i < mutations; i++) {
        mutate(&image, subject, header_too, rng, place->cast, stage->what, sizeof stage->what);
    }

    poke(place->dir, "victim", 0, image.bytes, image.size);
    subject->use(before, rng);
    constants_stay(place->dir, "victim", &image);

    poke(place->dir, "victim", 0, image.bytes, image.size);
    guards_prepare();
    if (RUN(OPENS(subject), subject->open(place->domain, "victim", &fresh)) == MPROC_OK) {
        atomic_fetch_add(&stage->entered, 1);
        guards_place("victim", canaries);
        subject->use(fresh, rng);
        subject->use(before, rng);
        constants_stay(place->dir, "victim", &image);
    } else {
        atomic_fetch_add(&stage->refused, 1);
        INSIST(fresh == NULL);
    }
    guards_remove();
    enter("close");
    if (rng_below(rng, 2)) {
        subject->close(fresh);
        fresh = NULL;
    }
    subject->close(before);
    subject->close(fresh);
    atomic_store(&stage->call, NULL);
}

static void one_registry(struct worker *worker, struct rng *rng)
{
    struct image image = worker->registry;
    bool header_too = rng_below(rng, 4) == 0, joined_before = rng_below(rng, 2) != 0;
    uint64_t mutations = 1 + rng_below(rng, 8);
    for (uint64_t i = 0; i < mutations; i++) {
        mutate_registry(&image, header_too, rng, worker->place.cast, stage->what, sizeof stage->what);
    }
    put_image(worker->registry_dir, ".registry", joined_before ? &worker->registry : &image);
    if (joined_before) {
        mproc_domain_t *domain;
        guards_prepare();
        domain = join(worker->registry_dir);
        guards_place(".registry", rng_below(rng, 2) != 0);
        poke(worker->registry_dir, ".registry", 0, image.bytes, image.size);
        use_joined(domain, rng);
        guards_remove();
        mproc_domain_close(domain);
    }
    use_domain(worker->registry_dir, rng);
}

static void iterate(struct worker *worker, long iteration)
{
    /* Depends on nothing but seed, kind and number: can be replayed alone. */
    struct rng rng = { mix64(options.seed * 31 + (uint64_t)worker->subject) ^ mix64((uint64_t)iteration + 1) };
    stage->what[0] = 0;
    atomic_store(&stage->iteration, (uint64_t)iteration);
    if (worker->subject == REGISTRY) {
        one_registry(worker, &rng);
    } else {
        one_object(worker, &rng);
    }
    if (options.verbose) {
        fprintf(stderr, "%s %ld: %s\n", subject_name(worker->subject), iteration, stage->what);
    }
}

static void batch(void *argument)
{
    struct worker *worker = argument;
    struct place *place = &worker->place;
    long end = worker->next + BATCH < worker->end ? worker->next + BATCH : worker->end;
    atomic_store(&place->cast->self, own_word(place->domain));
    for (long i = worker->next; i < end; i++) {
        iterate(worker, i);
    }
    place_check(place);
}

/* The life of a worker: batch after batch; one that fails goes on behind the iteration that did. */
static void work(struct worker *worker)
{
    char title[100];
    struct place *place = &worker->place;
    place_make(place, subject_name(worker->subject));
    if (worker->subject == REGISTRY) {
        mproc_domain_t *domain;
        new_dir(worker->registry_dir, sizeof worker->registry_dir, "victim");
        domain = join(worker->registry_dir);
        read_image(worker->registry_dir, ".registry", &worker->registry);
        mproc_domain_close(domain);
    }
    snprintf(title, sizeof title, "random %s (--seed %llu --subject %s --only N to replay iteration N)",
             subject_name(worker->subject), (unsigned long long)options.seed, subject_name(worker->subject));
    for (int failures = 0; worker->next < worker->end && failures < 5;) {
        bool fine = watched(worker->stage, title, batch, worker, 600);
        check_that(fine, __FILE__, __LINE__, title);
        if (fine) {
            worker->next += BATCH;
        } else {
            worker->next = (long)atomic_load(&worker->stage->iteration) + 1;
            failures++;
        }
    }
    /* What was damaged can be replaced, and everything works. */
    if (worker->subject != REGISTRY) {
        const struct subject *subject = &subjects[worker->subject];
        struct rng rng = { options.seed };
        void *handle = NULL;
        int status = mproc_domain_unlink(place->domain, "victim");
        CHECK(status == MPROC_OK || status == MPROC_ENOENT);
        CHECK_OK(subject->create(place->domain, "victim", 0, &handle));
        subject->use(handle, &rng);
        subject->close(handle);
    } else {
        proc_remove_dir(worker->registry_dir);
    }
    place_end(place);
}

void part_random(void)
{
    static struct worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        struct worker *worker = &workers[i];
        if (options.subject && strcmp(options.subject, subject_name(i)) != 0) {
            continue;
        }
        worker->subject = i;
        worker->stage = new_stage();
        worker->next = options.only >= 0 ? options.only : 0;
        worker->end = options.only >= 0 ? options.only + 1 : options.iterations;
        worker->pid = proc_fork();
        if (worker->pid == 0) {
            join_tally();
            work(worker);
            fflush(NULL);
            _exit(0);
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        struct worker *worker = &workers[i];
        int status;
        if (!worker->stage) {
            continue;
        }
        while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) {
        }
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        printf("random %s: %ld iterations, %llu calls, %llu guards; open refused %llu damaged ones and let %llu in\n",
               subject_name(i), options.only >= 0 ? 1 : options.iterations,
               (unsigned long long)atomic_load(&worker->stage->calls),
               (unsigned long long)atomic_load(&worker->stage->guards),
               (unsigned long long)atomic_load(&worker->stage->refused),
               (unsigned long long)atomic_load(&worker->stage->entered));
        CHECK(atomic_load(&worker->stage->guards) > 0);
        munmap(worker->stage, sizeof *worker->stage);
        worker->stage = NULL;
    }
}
