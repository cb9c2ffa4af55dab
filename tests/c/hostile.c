/*
 * hostile [--seed N] [--iterations N] [--only I] [--subject NAME] [--part NAME] [--verbose]
 *
 * --iterations: of the random part, for each kind of object. A failure prints the seed and the iteration;
 * --seed, --subject and --only replay it. At the end: "N passed, N failed", and what failed once more, a line
 * each, beginning with FAIL.
 */
#include "hostile.h"

struct options options = { 0, 1000, -1, NULL, NULL, false };
struct stage *stage;
check_counts_t *all_counts;

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    { "cases", part_cases },     { "objects", part_objects },   { "family", part_family },
    { "rings", part_rings },     { "waits", part_waits },       { "passing", part_passing },
    { "registry", part_registry }, { "full", part_full },       { "random", part_random },
    { "live", part_live },       { "containers", part_containers },
};

struct stage *new_stage(void)
{
    return proc_shared(sizeof(struct stage));
}

void enter(const char *call)
{
    atomic_store(&stage->since, proc_now());
    atomic_store(&stage->call, call);
    atomic_fetch_add(&stage->calls, 1);
}

/* The file of the library's caller, not of this function. */
static void against(const char *file, int line, const char *text, const char *found)
{
    if (atomic_fetch_add(&stage->bad, 1) < 20) { /* one damage can fail many calls */
        unsigned long long iteration = atomic_load(&stage->iteration);
        fprintf(stderr, "%s:%d: %s: %s\n    iteration %llu: %s\n", file, line, text, found, iteration, stage->what);
        check_note("%s:%d: %s: %s; iteration %llu: %s", file, line, text, found, iteration, stage->what);
    }
}

int judge(int status, uint64_t allowed, const char *call, const char *file, int line)
{
    atomic_store(&stage->call, NULL);
    if (status < MPROC_ECHANGED || status > 20 || !(allowed & S(status))) {
        mproc_error_t error;
        char found[400];
        memset(&error, 0, sizeof error);
        mproc_last_error(&error, sizeof error);
        snprintf(found, sizeof found, "%s (%d) is not documented here; last error: %s", mproc_status_name(status),
                 status, error.message);
        against(file, line, call, found);
    }
    return status;
}

void insist(bool fine, const char *text, const char *file, int line)
{
    if (!fine) {
        against(file, line, text, "does not hold");
    }
}

bool nobody_complained(void)
{
    return atomic_exchange(&stage->bad, 0) == 0;
}

/* Why the child is not well; nothing if it is still at work. */
static const char *verdict(pid_t pid, int64_t end, const struct stage *its, bool *ended)
{
    static char text[300];
    int status = 0;
    const char *call = atomic_load(&its->call);
    int64_t since = atomic_load(&its->since);
    *ended = proc_wait(pid, 20 * MS, &status);
    if (*ended) {
        call = atomic_load(&its->call);
        if (WIFSIGNALED(status)) {
            snprintf(text, sizeof text, "killed by signal %d (%s) in %s", WTERMSIG(status), strsignal(WTERMSIG(status)),
                     call ? call : "no call");
            return text;
        }
        if (WEXITSTATUS(status) != 0) {
            snprintf(text, sizeof text, "exit code %d in %s", WEXITSTATUS(status), call ? call : "no call");
            return text;
        }
        return NULL;
    }
    if (call && call == atomic_load(&its->call) && since == atomic_load(&its->since) && proc_now() - since > HANG) {
        snprintf(text, sizeof text, "hangs in %s", call);
        return text;
    }
    if (proc_now() > end) {
        snprintf(text, sizeof text, "does not come to an end; now in %s", call ? call : "no call");
        return text;
    }
    return NULL;
}

bool watched(struct stage *its, const char *title, void (*work)(void *), void *argument, unsigned limit_s)
{
    uint32_t bad = atomic_load(&its->bad);
    int64_t end = proc_now() + limit_s * SEC;
    bool ended = false;
    pid_t pid = proc_fork();
    if (pid == 0) {
        stage = its;
        work(argument);
        fflush(NULL);
        _exit(0);
    }
    while (!ended) {
        const char *why = verdict(pid, end, its, &ended);
        if (why) {
            if (!ended) {
                proc_kill(pid);
            }
            unsigned long long iteration = atomic_load(&its->iteration);
            fprintf(stderr, "%s: %s\n    iteration %llu: %s\n", title, why, iteration, its->what);
            check_note("%s: %s; iteration %llu: %s", title, why, iteration, its->what);
            atomic_store(&its->call, NULL);
            return false;
        }
    }
    return atomic_load(&its->bad) == bad;
}

static void usage(void)
{
    fprintf(stderr, "usage: hostile [--seed N] [--iterations N] [--only I] [--subject NAME] [--part NAME] [--verbose]\n"
                    "parts: cases objects family rings waits passing registry full random live containers\n"
                    "subjects: lock scalar snapshot raw numbers structs queue jobs leases pipe oneway rlock rwlock\n"
                    "          semaphore permits condition bound event barrier polled polledpipe registry\n"
                    "          of containers: dict list namespace\n");
    exit(2);
}

static void read_options(int count, char **words)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    options.seed = mix64((uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20 ^ (uint64_t)getpid()) % 1000000000;
    for (int i = 1; i < count; i++) {
        const char *word = words[i], *value = i + 1 < count ? words[i + 1] : NULL;
        if (!strcmp(word, "--verbose")) {
            options.verbose = true;
            continue;
        }
        if (!value) {
            usage();
        }
        i++;
        if (!strcmp(word, "--seed")) {
            options.seed = strtoull(value, NULL, 0);
        } else if (!strcmp(word, "--iterations")) {
            options.iterations = strtol(value, NULL, 0);
        } else if (!strcmp(word, "--only")) {
            options.only = strtol(value, NULL, 0);
        } else if (!strcmp(word, "--subject")) {
            options.subject = value;
        } else if (!strcmp(word, "--part")) {
            options.part = value;
        } else {
            usage();
        }
    }
}

int main(int count, char **words)
{
    bool any = false;
    int code;
    read_options(count, words);
    all_counts = proc_shared(sizeof *all_counts);
    check_notes = proc_shared(sizeof *check_notes);
    join_tally();
    check_counts->file = "(start)";
    stage = new_stage();
    dirs_begin();
    printf("seed %llu\n", (unsigned long long)options.seed);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!options.part || !strcmp(options.part, parts[i].name)) {
            int64_t began = proc_now();
            any = true;
            parts[i].run();
            printf("%s: %.1f s\n", parts[i].name, (double)(proc_now() - began) / 1e9);
            fflush(stdout);
        }
    }
    remove_dirs();
    if (!any) {
        usage();
    }
    code = check_tally();
    if (code != 0) {
        printf("FAIL: to replay it: --seed %llu\n", (unsigned long long)options.seed);
    }
    return code;
}
