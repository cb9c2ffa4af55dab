/*
 * killloop [--kills N] [--seed S] [--progress] [--only SCENE]
 *
 * Real processes, killed with SIGKILL at random moments, thousands of times, while they work on the same
 * objects, of every kind, and create and remove some. What must be conserved is checked all the time and at
 * the end. Prints one line for each scene; exit status 0 when everything held. Scenes: see scenes[] below.
 */
#include "killloop.h"

#include <pthread.h>
#include <stdarg.h>

struct board *board;
struct run run = { .kills = 4800 };
volatile sig_atomic_t interrupted;

static pid_t driver;
static char domain_path[128];
static struct crew *current_crew; /* for the clean-up and the watchdog's report */

/* ---- failing ---- */

void kl_fail(const char *format, ...)
{
    uint32_t nobody = 0;
    if (atomic_compare_exchange_strong(&board->failed, &nobody, 1)) {
        va_list args;
        va_start(args, format);
        vsnprintf(board->failure, sizeof board->failure, format, args);
        va_end(args);
        atomic_store(&board->failed, 2);
    }
    if (getpid() != driver) {
        _exit(3);
    }
}

void kl_fail_call(const char *call, int status, const char *file, int line)
{
    mproc_error_t e = { 0 };
    mproc_last_error(&e, sizeof e);
    kl_fail("%s:%d: %s returned %s%s%s (errno %d)", file, line, call, mproc_status_name(status),
            status < 0 ? ": " : "", status < 0 ? e.message : "", (int)e.sys_errno);
}

/* ---- workers ---- */

static void *work_thread(void *arg)
{
    struct job *job = arg;
    struct crew *crew = job->scene;
    job->scene = crew->scene;
    crew->work(job);
    kl_phase(job, "finished");
    return NULL;
}

static void make_job(struct job *job, struct crew *crew, unsigned worker, unsigned thread, uint64_t seed)
{
    uint32_t incarnation = atomic_load(&board->worker[worker].incarnation);
    *job = (struct job){
        .worker = worker,
        .thread = thread,
        .incarnation = incarnation,
        .fresh = seed & 1,
        .rng = { mix64(seed + thread) },
        .seat = &board->worker[worker].seat[thread],
        .scene = crew,
    };
    kl_phase(job, "starting");
}

static void start_worker(struct crew *crew, unsigned worker)
{
    uint64_t seed = rng_next(&run.rng);
    bool two = crew->two_threads_in && rng_below(&run.rng, crew->two_threads_in) == 0;
    atomic_fetch_add(&board->worker[worker].incarnation, 1);
    for (unsigned t = 0; t < MAX_THREADS; t++) {
        atomic_store(&board->worker[worker].seat[t].phase, NULL);
    }
    pid_t pid = proc_fork();
    if (pid == 0) {
        signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole group; the driver ends us */
        signal(SIGTERM, SIG_DFL);
        struct job first, second;
        pthread_t thread;
        make_job(&first, crew, worker, 0, seed);
        if (two) {
            make_job(&second, crew, worker, 1, seed);
            if (pthread_create(&thread, NULL, work_thread, &second)) {
                kl_fail("cannot start a thread");
            }
        }
        work_thread(&first);
        if (two) {
            pthread_join(thread, NULL);
        }
        _exit(0);
    }
    crew->pid[worker] = pid;
}

void crew_start(struct crew *crew)
{
    current_crew = crew;
    for (unsigned w = 0; w < MAX_WORKERS; w++) {
        atomic_store(&board->worker[w].incarnation, 0);
        atomic_store(&board->worker[w].condemned, 0);
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            atomic_store(&board->worker[w].seat[t].ops, 0);
        }
    }
    atomic_store(&board->stop, 0);
    atomic_store(&board->killed_at[0], 0);
    atomic_store(&board->killed_at[1], 0);
    for (unsigned w = 0; w < crew->workers; w++) {
        start_worker(crew, w);
    }
}

/* ---- watching ---- */

static uint64_t total_ops(const struct crew *crew)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < crew->workers; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            sum += atomic_load_explicit(&board->worker[w].seat[t].ops, memory_order_relaxed);
        }
    }
    return sum;
}

static void report_hang(const struct crew *crew, const char *what)
{
    fflush(stdout);
    fprintf(stderr, "killloop: %s: %s\n", crew->object, what);
    for (unsigned w = 0; w < crew->workers; w++) {
        if (crew->pid[w] <= 0) {
            continue;
        }
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            const char *phase = atomic_load(&board->worker[w].seat[t].phase);
            if (phase) {
                fprintf(stderr, "  worker %u thread %u (pid %d, state %c, incarnation %u): %s, %llu operations done here\n",
                        w, t, (int)crew->pid[w], proc_state(crew->pid[w]),
                        (unsigned)atomic_load(&board->worker[w].incarnation), phase,
                        (unsigned long long)atomic_load(&board->worker[w].seat[t].ops));
            }
        }
    }
    kl_fail("%s", what);
}

static bool all_well(void)
{
    return !interrupted && atomic_load(&board->failed) == 0;
}

/* How a worker ended; anything but our own SIGKILL, or a clean exit when that was asked for, is a failure. */
static bool check_end(const struct crew *crew, unsigned worker, int status, bool may_exit)
{
    const char *phase = atomic_load(&board->worker[worker].seat[0].phase);
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
        kl_fail("%s: worker %u died of signal %d (%s) while \"%s\"", crew->object, worker, WTERMSIG(status),
                strsignal(WTERMSIG(status)), phase ? phase : "?");
    } else if (WIFEXITED(status) && (WEXITSTATUS(status) != 0 || !may_exit)) {
        kl_fail("%s: worker %u exited with %d while \"%s\"", crew->object, worker, WEXITSTATUS(status),
                phase ? phase : "?");
    }
    return all_well();
}

/* Adopted grandchildren end here; a worker that ended by itself is found here, too. */
static bool reap_strays(struct crew *crew)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        for (unsigned w = 0; w < crew->workers; w++) {
            if (crew->pid[w] == pid) {
                crew->pid[w] = 0;
                if (!check_end(crew, w, status, false)) {
                    return false;
                }
                kl_fail("%s: worker %u was killed by somebody else", crew->object, w);
                return false;
            }
        }
    }
    return true;
}

static void show_progress(bool last)
{
    int64_t now = proc_now();
    bool tty = isatty(STDERR_FILENO);
    if (!run.progress || (!last && now - run.shown < (tty ? 1 : 10) * SEC)) {
        return;
    }
    run.shown = now;
    double seconds = (double)(now - run.began) / 1e9, rate = seconds > 0 ? (double)run.done / seconds : 0;
    long left = rate > 0 ? (long)((double)(run.kills - run.done) / rate) : 0;
    fprintf(stderr, "%s%-12s %llu of %llu kills, %.0f kills/s, %ldm%02lds left%s", tty ? "\r" : "", run.scene,
            (unsigned long long)run.done, (unsigned long long)run.kills, rate, left / 60, left % 60,
            tty && !last ? "   " : "\n");
}

/* ---- killing ---- */

/*
 * The moment of the next kill. Short pauses catch processes that join and take their first steps, longer
 * ones waits and wake-ups; now and then a pause that lets a takeover (10 ms and more) come to its end.
 */
static void random_pause(const struct crew *crew)
{
    if (crew->calm_in && rng_below(&run.rng, crew->calm_in) == 0) {
        proc_sleep_ns(100 * MS + (int64_t)rng_below(&run.rng, 150 * MS));
        return;
    }
    uint64_t kind = rng_below(&run.rng, 16);
    if (kind < 3) {
        proc_spin_ns((int64_t)rng_below(&run.rng, 50000));
    } else if (kind < 9) {
        proc_sleep_ns((int64_t)rng_below(&run.rng, 1 * MS));
    } else if (kind < 14) {
        proc_sleep_ns((int64_t)rng_below(&run.rng, 4 * MS));
    } else {
        proc_sleep_ns(5 * MS + (int64_t)rng_below(&run.rng, 20 * MS));
    }
}

/*
 * Waits (not for long) until the victim enters one of the interesting phases, then a moment more. Only a
 * phase that has just begun counts: one that lasts is most likely a wait, and waits are hit without aiming.
 */
static void take_aim(const struct crew *crew, unsigned worker)
{
    const struct seat *seats = board->worker[worker].seat;
    int64_t end = proc_now() + 2 * MS;
    unsigned n = 0;
    while (crew->targets[n]) {
        n++;
    }
    const char *wanted = crew->targets[rng_below(&run.rng, n)];
    uint64_t ops[MAX_THREADS];
    for (unsigned t = 0; t < MAX_THREADS; t++) {
        ops[t] = atomic_load_explicit(&seats[t].ops, memory_order_relaxed);
    }
    while (proc_now() < end) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            if (atomic_load_explicit(&seats[t].phase, memory_order_relaxed) == wanted &&
                atomic_load_explicit(&seats[t].ops, memory_order_relaxed) != ops[t]) {
                static const uint64_t moments[] = { 500, 5000, 30000, 100000 };
                proc_spin_ns((int64_t)rng_below(&run.rng, moments[rng_below(&run.rng, 4)]));
                return;
            }
        }
    }
}

static bool kill_one(struct crew *crew, unsigned worker)
{
    int status;
    pid_t pid = crew->pid[worker];
    struct worker *w = &board->worker[worker];
    atomic_store(&w->killed_at, proc_now());
    atomic_store(&w->condemned, atomic_load(&w->incarnation)); /* before: who takes over may look at once */
    kill(pid, SIGKILL);
    if (!proc_wait(pid, STALL_LIMIT, &status)) {
        kl_fail("%s: worker %u (pid %d) cannot be killed, state %c", crew->object, worker, (int)pid, proc_state(pid));
        return false;
    }
    crew->pid[worker] = 0;
    for (int side = 0; side < 2; side++) {
        int64_t none = 0;
        atomic_compare_exchange_strong(&board->killed_at[side], &none, proc_now());
    }
    return check_end(crew, worker, status, false);
}

bool crew_kills(struct crew *crew, uint64_t kills)
{
    uint64_t ops = total_ops(crew);
    int64_t moved = proc_now();
    for (uint64_t k = 0; k < kills; k++) {
        unsigned mortals = crew->workers - crew->immortals;
        unsigned victim = crew->immortals + (unsigned)rng_below(&run.rng, mortals);
        random_pause(crew);
        if (crew->targets && rng_below(&run.rng, 2)) {
            take_aim(crew, victim);
        }
        if (!all_well() || !reap_strays(crew) || !kill_one(crew, victim)) {
            return false;
        }
        start_worker(crew, victim);
        run.done++;
        show_progress(false);

        uint64_t now_ops = total_ops(crew);
        if (now_ops != ops) {
            ops = now_ops;
            moved = proc_now();
        } else if (proc_now() - moved > STALL_LIMIT) {
            report_hang(crew, "no operation has finished for 20 s");
            return false;
        }
    }
    return all_well();
}

bool crew_kill_unreplaced(struct crew *crew, unsigned worker)
{
    random_pause(crew);
    if (crew->targets && rng_below(&run.rng, 2)) {
        take_aim(crew, worker);
    }
    if (!all_well() || !reap_strays(crew) || !kill_one(crew, worker)) {
        return false;
    }
    run.done++;
    return true;
}

void crew_stalled(const struct crew *crew, const char *what)
{
    report_hang(crew, what);
}

bool crew_quiet(struct crew *crew)
{
    uint64_t before[MAX_WORKERS], sum = total_ops(crew);
    for (unsigned w = 0; w < crew->workers; w++) {
        before[w] = atomic_load(&board->worker[w].seat[0].ops);
    }
    for (int64_t end = proc_now() + STALL_LIMIT;;) {
        bool enough = total_ops(crew) > sum;
        for (unsigned w = 0; crew->all_must_work && w < crew->workers; w++) {
            enough = enough && atomic_load(&board->worker[w].seat[0].ops) > before[w];
        }
        if (!all_well() || !reap_strays(crew)) {
            return false;
        }
        if (enough) {
            return true;
        }
        if (proc_now() > end) {
            report_hang(crew, "after the last kill somebody does not get on within 20 s");
            return false;
        }
        proc_sleep_ns(1 * MS);
    }
}

bool crew_join(struct crew *crew, unsigned first, unsigned last)
{
    int64_t end = proc_now() + STALL_LIMIT;
    for (unsigned w = first; w < last; w++) {
        int status;
        while (crew->pid[w] > 0 && !proc_wait(crew->pid[w], 20 * MS, &status)) {
            if (!all_well()) {
                return false;
            }
            if (proc_now() > end) {
                report_hang(crew, "a worker that was told to stop has not ended within 20 s");
                return false;
            }
        }
        if (crew->pid[w] > 0) {
            crew->pid[w] = 0;
            if (!check_end(crew, w, status, true)) {
                return false;
            }
        }
    }
    return all_well();
}

void crew_end(struct crew *crew)
{
    for (int i = 0; i < 1000 && atomic_load(&board->failed) == 1; i++) {
        proc_sleep_ns(1 * MS); /* somebody is still writing down why */
    }
    for (unsigned w = 0; w < crew->workers; w++) {
        if (crew->pid[w] > 0) {
            kill(crew->pid[w], SIGKILL);
        }
    }
    for (unsigned w = 0; w < crew->workers; w++) {
        if (crew->pid[w] > 0) {
            proc_kill(crew->pid[w]);
            crew->pid[w] = 0;
        }
    }
    current_crew = NULL;
}

bool crew_no_strays(void)
{
    for (int64_t end = proc_now() + STALL_LIMIT; proc_now() < end;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0 && errno == ECHILD) {
            return true;
        }
        if (pid == 0) {
            proc_sleep_ns(1 * MS);
        }
    }
    kl_fail("processes that should have ended are still there");
    return false;
}

/* ---- the run ---- */

static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

static const struct scene {
    const char *name;
    bool (*run)(uint64_t kills, struct tally *tally);
    unsigned share;       /* of the kills, in proportion to the others */
    unsigned enough;      /* kills after which a counter at zero is no longer bad luck */
    bool wants_recovered; /* which counters must not stay at zero */
    bool wants_steals;
    bool wants_rollbacks;
} scenes[] = {
    { "lock", scene_lock, 4, 150, true, true, false },
    { "value", scene_value, 4, 150, false, true, false },
    { "array", scene_array, 8, 300, false, true, true },
    { "queue", scene_queue, 8, 300, false, true, false },
    { "inplace", scene_inplace, 6, 200, true, false, false },
    { "lease", scene_lease, 5, 200, true, false, false },
    { "join", scene_join, 5, 200, true, false, false },
    { "pipe", scene_pipe, 5, 200, true, false, false },
    { "rlock", scene_rlock, 4, 150, true, true, false },
    { "rwlock", scene_rwlock, 7, 200, true, true, false },
    { "semaphore", scene_semaphore, 4, 150, false, false, false },
    { "permits", scene_permits, 6, 200, true, true, false },
    { "condition", scene_condition, 6, 200, true, false, false },
    { "event", scene_event, 3, 120, false, false, false },
    { "barrier", scene_barrier, 4, 150, false, false, false },
    { "value_notify", scene_value_notify, 5, 200, false, false, false },
    { "wait", scene_wait, 6, 200, true, true, false },
    { "poll", scene_poll, 6, 200, true, false, false },
    { "dict", scene_dict, 6, 200, false, true, true },
    { "list", scene_list, 6, 200, false, true, true },
    { "nest", scene_nest, 6, 200, false, true, true },
    { "lifecycle", scene_lifecycle, 4, 150, false, false, false },
};

#define SCENES (sizeof scenes / sizeof scenes[0])

static bool counters_moved(const struct scene *scene, const struct tally *t)
{
    const char *zero = scene->wants_recovered && !t->recovered   ? "MPROC_RECOVERED"
                       : scene->wants_steals && !t->steals       ? "a lock taken over from the dead"
                       : scene->wants_rollbacks && !t->rollbacks ? "a rollback"
                                                                 : t->never;
    if (zero && t->kills >= scene->enough) {
        kl_fail("%s: %llu kills and never %s: the kills did not hit what they are meant to test", scene->name,
                (unsigned long long)t->kills, zero);
        return false;
    }
    return true;
}

static bool run_scene(const struct scene *scene, uint64_t kills)
{
    struct tally t = { 0 };
    run.scene = scene->name;
    atomic_store(&board->longest_wait, 0);
    int64_t began = proc_now();
    bool ok = scene->run(kills, &t) && all_well();
    if (current_crew) {
        crew_end(current_crew);
    }
    ok = ok && counters_moved(scene, &t);
    if (ok) {
        t.longest_wait = atomic_load(&board->longest_wait);
        printf("%-12s %6llu kills, %llu recovered, %llu steals, %llu rollbacks, longest wait after a kill %.1f ms, %.1f s%s%s\n",
               scene->name, (unsigned long long)t.kills, (unsigned long long)t.recovered,
               (unsigned long long)t.steals, (unsigned long long)t.rollbacks, (double)t.longest_wait / 1e6,
               (double)(proc_now() - began) / 1e9, t.note[0] ? "; " : "", t.note);
        fflush(stdout);
    }
    return ok;
}

static bool make_domain(void)
{
    snprintf(domain_path, sizeof domain_path, "/dev/shm/mproc-killloop-%d", (int)getpid());
    setenv("MPROC_DOMAIN", domain_path, 1);
    mproc_domain_t *domain;
    int status = mproc_domain_open(NULL, &domain); /* also: the name in the environment counts */
    if (status != MPROC_OK) {
        mproc_error_t e = { 0 };
        mproc_last_error(&e, sizeof e);
        fprintf(stderr, "killloop: cannot open a domain in %s: %s: %s\n", domain_path, mproc_status_name(status), e.message);
        return false;
    }
    mproc_domain_close(domain);
    return true;
}

/* All workers are gone: what is left in the domain now would be left for ever. */
static bool nothing_left(void)
{
    char names[400];
    KL_OK(mproc_domain_sweep(NULL, NULL));
    if (proc_list(domain_path, false, names, sizeof names) > 0) {
        kl_fail("left in the domain after a sweep: %s", names);
        return false;
    }
    return all_well();
}

static int usage(void)
{
    fprintf(stderr, "usage: killloop [--kills N] [--seed S] [--progress] [--only SCENE]\n"
                    "scenes:");
    for (size_t s = 0; s < SCENES; s++) {
        fprintf(stderr, " %s", scenes[s].name);
    }
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv)
{
    const char *only = NULL;
    run.seed = (uint64_t)proc_now() % 1000000007;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--kills") && i + 1 < argc) {
            run.kills = strtoull(argv[++i], NULL, 10);
        } else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            run.seed = strtoull(argv[++i], NULL, 10);
        } else if (!strcmp(argv[i], "--only") && i + 1 < argc) {
            only = argv[++i];
        } else if (!strcmp(argv[i], "--progress")) {
            run.progress = true;
        } else {
            return usage();
        }
    }
    bool known = only == NULL;
    for (size_t s = 0; s < SCENES; s++) {
        known = known || !strcmp(only, scenes[s].name);
    }
    if (!known || run.kills == 0) {
        return usage();
    }

    driver = getpid();
    run.rng.state = mix64(run.seed);
    run.began = run.shown = proc_now();
    board = proc_shared(sizeof *board);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* grandchildren whose parent is killed come to us */
    struct sigaction on = { .sa_handler = on_signal };
    sigaction(SIGINT, &on, NULL);
    sigaction(SIGTERM, &on, NULL);

    printf("killloop: %llu kills, seed %llu\n", (unsigned long long)run.kills, (unsigned long long)run.seed);
    if (!make_domain()) {
        return 1;
    }
    bool ok = true;
    uint64_t given = 0, total = run.kills, shares = 0, all_shares = 0;
    for (size_t s = 0; s < SCENES; s++) {
        all_shares += scenes[s].share;
    }
    for (size_t s = 0; ok && s < SCENES; s++) {
        if (only && strcmp(only, scenes[s].name)) {
            continue;
        }
        shares += scenes[s].share;
        uint64_t kills = only ? total : total * shares / all_shares - given;
        given += kills;
        ok = kills == 0 || run_scene(&scenes[s], kills);
    }
    show_progress(true);
    ok = ok && crew_no_strays() && nothing_left();

    if (!ok) {
        if (interrupted) {
            fprintf(stderr, "killloop: interrupted after %llu kills\n", (unsigned long long)run.done);
        } else {
            fprintf(stderr, "killloop: FAILED after %llu kills (seed %llu): %s\n", (unsigned long long)run.done,
                    (unsigned long long)run.seed, board->failure[0] ? board->failure : "a worker died while it reported a failure");
        }
    }
    proc_remove_dir(domain_path);
    if (ok) {
        printf("killloop: %llu kills, nothing lost, nobody stuck, nothing left (%.1f s)\n", (unsigned long long)run.done,
               (double)(proc_now() - run.began) / 1e9);
    }
    return ok ? 0 : interrupted ? 130 : 1;
}
