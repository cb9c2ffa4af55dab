/*
 * scenarios [NAME...]: plays all stories, or those whose names contain one of the arguments.
 * A line for each: "ok NAME", "FAILED NAME: why" or "SKIPPED NAME: why"; at last "N passed, N failed, N skipped", and what
 * failed once more, a line each, beginning with FAIL: often only the last lines of a log are kept.
 */
#include "scenarios.h"

#include <stdarg.h>

struct stage *stage;

static volatile sig_atomic_t interrupted;

/* Then the stage is not shared with the scenario: what has failed goes to standard error. */
static bool started_by_scenario;

static void finish(enum outcome outcome, const char *file, int line, const char *format, va_list args)
{
    uint32_t running = RUNNING;
    if (atomic_compare_exchange_strong(&stage->outcome, &running, outcome)) { /* the first one tells why */
        int used = file ? snprintf(stage->why, sizeof stage->why, "%s:%d: ", file, line) : 0;
        vsnprintf(stage->why + used, sizeof stage->why - (size_t)used, format, args);
        if (started_by_scenario) {
            fprintf(stderr, "%s\n", stage->why);
        }
    }
    _exit(1);
}

void fail_at(const char *file, int line, const char *format, ...)
{
    const char *slash = strrchr(file, '/');
    va_list args;
    va_start(args, format);
    finish(FAILED, slash ? slash + 1 : file, line, format, args);
    va_end(args);
    abort();
}

void skip(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finish(SKIPPED, NULL, 0, format, args);
    va_end(args);
    abort();
}

const char *status_text(int status)
{
    static _Thread_local char text[400];
    mproc_error_t e = { 0 };
    mproc_last_error(&e, sizeof e);
    if (status < 0) {
        snprintf(text, sizeof text, "%s (%s, errno %d)", mproc_status_name(status), e.message, (int)e.sys_errno);
    } else {
        snprintf(text, sizeof text, "%s", mproc_status_name(status));
    }
    return text;
}

/* Everything that a scenario has left running has become our child; it ends here. */
static void end_leftovers(void)
{
    char path[64], list[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    for (int64_t end = proc_now() + 10 * SEC; proc_now() < end;) {
        FILE *f = fopen(path, "re");
        size_t n = f ? fread(list, 1, sizeof list - 1, f) : 0;
        if (f) {
            fclose(f);
        }
        list[n] = 0;
        for (char *word = strtok(list, " \n"); word; word = strtok(NULL, " \n")) {
            kill((pid_t)atol(word), SIGKILL);
        }
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
        }
        if (pid < 0 && errno == ECHILD) {
            return;
        }
        proc_sleep_ns(1 * MS);
    }
}

/* With everybody dead, the library must be able to take the whole domain away. */
static void remove_domain(void)
{
    pid_t pid = proc_fork();
    if (pid == 0) {
        char names[300] = "";
        alarm(20);
        if (atomic_load(&stage->outcome) == RUNNING) {
            OK(mproc_domain_remove(stage->domain));
            if (proc_list(stage->domain, true, names, sizeof names) >= 0) {
                fail_at(__FILE__, __LINE__, "left in the domain after mproc_domain_remove(): %s", names);
            }
        }
        _exit(0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    if (status != 0 && atomic_load(&stage->outcome) == RUNNING) {
        atomic_store(&stage->outcome, FAILED);
        snprintf(stage->why, sizeof stage->why, "mproc_domain_remove() ended with wait status 0x%x", (unsigned)status);
    }
}

static enum outcome play(const struct scenario *s, unsigned number)
{
    memset(stage, 0, sizeof *stage);
    snprintf(stage->domain, sizeof stage->domain, "/dev/shm/mproc-scenario-%d-%u", (int)getpid(), number);
    setenv("MPROC_DOMAIN", stage->domain, 1);
    unsigned limit = s->limit_s ? s->limit_s : 30;
    pid_t pid = proc_fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        s->play();
        _exit(0);
    }
    int status = 0;
    bool ended = false;
    for (int64_t end = proc_now() + limit * SEC; !ended && !interrupted && proc_now() < end;) {
        ended = proc_wait(pid, 100 * MS, &status);
    }
    enum outcome outcome = atomic_load(&stage->outcome);
    if (!ended && outcome == RUNNING && !interrupted) {
        atomic_store(&stage->outcome, FAILED);
        snprintf(stage->why, sizeof stage->why, "hangs: not finished within %u s (step %u, state %c)", limit,
                 (unsigned)atomic_load(&stage->step), proc_state(pid));
    } else if (ended && outcome == RUNNING && status != 0) {
        atomic_store(&stage->outcome, FAILED);
        snprintf(stage->why, sizeof stage->why, "its process ended with wait status 0x%x", (unsigned)status);
    }
    end_leftovers();
    if (!s->keeps_domain) {
        remove_domain();
    }
    proc_remove_dir(stage->domain);
    return atomic_load(&stage->outcome);
}

static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

int main(int argc, char **argv)
{
    static const struct scenario *const files[] = { fork_scenarios,       stop_scenarios,      thread_scenarios,
                                                    descriptor_scenarios, namespace_scenarios, memory_scenarios,
                                                    signal_scenarios,     passing_scenarios,   pipe_scenarios,
                                                    family_scenarios,     wait_scenarios,      container_scenarios };
    static char failures[20][sizeof stage->why + 64];
    unsigned number = 0, counts[3] = { 0 };
    stage = proc_shared(sizeof *stage);
    if (argc == 3 && !strcmp(argv[1], "--program")) {
        started_by_scenario = true;
        return run_program(argv[2]);
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans of a scenario come to us */
    struct sigaction on = { .sa_handler = on_signal };
    sigaction(SIGINT, &on, NULL);
    sigaction(SIGTERM, &on, NULL);
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        for (const struct scenario *s = files[f]; s->name && !interrupted; s++) {
            bool wanted = argc == 1;
            for (int i = 1; i < argc; i++) {
                wanted = wanted || strstr(s->name, argv[i]);
            }
            if (!wanted) {
                continue;
            }
            enum outcome outcome = play(s, ++number);
            counts[outcome]++;
            if (outcome == RUNNING) {
                printf("ok %s\n", s->name);
            } else {
                printf("%s %s: %s\n", outcome == FAILED ? "FAILED" : "SKIPPED", s->name, stage->why);
            }
            if (outcome == FAILED && counts[FAILED] <= sizeof failures / sizeof failures[0]) {
                snprintf(failures[counts[FAILED] - 1], sizeof failures[0], "%s: %s", s->name, stage->why);
            }
            fflush(stdout);
        }
    }
    printf("%u passed, %u failed, %u skipped\n", counts[RUNNING], counts[FAILED], counts[SKIPPED]);
    for (unsigned i = 0; i < counts[FAILED] && i < sizeof failures / sizeof failures[0]; i++) {
        printf("FAIL %s\n", failures[i]);
    }
    return interrupted ? 130 : counts[FAILED] != 0 || number == 0;
}
