/*
 * One measurement: fork the members, pin each to its CPU, start them together, and turn what they
 * note into a sample. Members are fresh processes every time, so that nothing a side does to its
 * process (a thread, a heap, a slot in a domain) lives on into the next measurement.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "loops.h"

#define OWN_LINES __attribute__((aligned(128))) /* 128: neighbouring lines are fetched in pairs */

struct member {
    double begin, end;
    uint64_t ops;
    long preempted; /* how often the kernel took the CPU away */
};

/* Shared between the driver and the members of one measurement. */
struct team {
    OWN_LINES int arrived;
    OWN_LINES int stop;
    OWN_LINES uint64_t counter;
    OWN_LINES struct member member[MAX_MEMBERS];
    OWN_LINES uint64_t recorded;
    float record[MAX_SAMPLES];
};

static struct team *team;
static int team_cpu[MAX_MEMBERS];
static int team_cpus;
static volatile sig_atomic_t interrupt_seen;

double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("\nbench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(1);
}

/* ---- inside a member ---- */

static long preemptions(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

void run_start(struct run *run)
{
    struct team *t = run->team;
    t->member[run->role].preempted = preemptions();
    __atomic_add_fetch(&t->arrived, 1, __ATOMIC_ACQ_REL);
    for (unsigned spins = 0; __atomic_load_n(&t->arrived, __ATOMIC_ACQUIRE) < run->side->members; spins++) {
        cpu_pause();
        if (spins > 100000)
            sched_yield();
    }
    t->member[run->role].begin = now_ns();
}

void run_stop(struct run *run, uint64_t ops)
{
    struct member *m = &run->team->member[run->role];
    m->end = now_ns();
    m->ops = ops;
    /* A crowd takes the CPU from itself all the time: that says nothing about others. */
    m->preempted = run->side->crowd ? 0 : preemptions() - m->preempted;
}

bool run_goes_on(const struct run *run) { return !__atomic_load_n(&run->team->stop, __ATOMIC_RELAXED); }

volatile uint64_t *run_guarded_counter(struct run *run) { return &run->team->counter; }

void run_record(struct run *run, uint64_t index, double ns)
{
    run->team->record[index % MAX_SAMPLES] = (float)ns;
    run->team->recorded = index + 1;
}

unsigned char *run_buffer(void)
{
    static unsigned char buffer[MAX_MESSAGE] __attribute__((aligned(128)));
    memset(buffer, 0x5a, sizeof buffer);
    return buffer;
}

static void pin_to(const int cpu[], int cpus)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < cpus; i++)
        CPU_SET(cpu[i], &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        die("cannot pin to CPU %d: %s", cpu[0], strerror(errno));
}

void team_pin(void) { pin_to(team_cpu, team_cpus); }

static void member_main(struct run *run, unsigned watchdog_s)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (run->side->crowd)
        team_pin();
    else
        pin_to(&team_cpu[run->role], 1);
    alarm(watchdog_s);
    run->side->body(run);
    fflush(NULL);
    _exit(0);
}

/* ---- in the driver ---- */

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupt_seen = 1;
}

bool interrupted(void) { return interrupt_seen != 0; }

static int topology(int cpu, const char *what)
{
    char path[96];
    int value = -1;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, what);
    FILE *f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%d", &value) != 1)
            value = -1;
        fclose(f);
    }
    return value;
}

int cpus_choose(int cpu[MAX_MEMBERS])
{
    cpu_set_t set;
    int allowed[CPU_SETSIZE], count = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        die("sched_getaffinity: %s", strerror(errno));
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set))
            allowed[count++] = i;
    cpu[0] = cpu[1] = allowed[0];
    if (count < 2)
        return 1;
    cpu[1] = allowed[1];
    /* Two threads of one core share its execution units: prefer another core of the same package. */
    for (int i = 1; i < count; i++) {
        if (topology(allowed[i], "core_id") != topology(allowed[0], "core_id") &&
            topology(allowed[i], "physical_package_id") == topology(allowed[0], "physical_package_id")) {
            cpu[1] = allowed[i];
            break;
        }
    }
    return 2;
}

void team_init(const int cpu[MAX_MEMBERS], int cpus)
{
    team = mmap(NULL, sizeof *team, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (team == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    memcpy(team_cpu, cpu, sizeof team_cpu);
    team_cpus = cpus;

    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void sleep_ns(uint64_t ns)
{
    struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    while (nanosleep(&t, &t) != 0 && errno == EINTR && !interrupt_seen) {
    }
}

static void report_end(const struct side *side, int role, int status, unsigned watchdog_s)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        fprintf(stderr, "\nbench: %s: process %d did not finish within %u s (watchdog)\n", side->name, role, watchdog_s);
    else if (WIFSIGNALED(status) && !interrupt_seen)
        fprintf(stderr, "\nbench: %s: process %d was ended by signal %d (%s)\n", side->name, role, WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else if (WIFEXITED(status) && WEXITSTATUS(status))
        fprintf(stderr, "\nbench: %s: process %d failed\n", side->name, role);
}

/* Waits for every member. When one fails, its partner would wait for it for ever: end it too. */
static bool members_wait(const struct side *side, pid_t *pid, unsigned watchdog_s)
{
    bool ok = true;
    for (int left = side->members; left > 0;) {
        int status;
        pid_t ended = waitpid(-1, &status, 0);
        if (ended < 0) {
            if (errno == EINTR)
                continue;
            die("waitpid: %s", strerror(errno));
        }
        for (int role = 0; role < side->members; role++) {
            if (pid[role] != ended)
                continue;
            pid[role] = 0;
            left--;
            if (status == 0)
                continue;
            if (ok)
                report_end(side, role, status, watchdog_s);
            ok = false;
            for (int other = 0; other < side->members; other++)
                if (pid[other] > 0)
                    kill(pid[other], SIGKILL);
        }
    }
    return ok;
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void sample_take(const struct side *side, struct sample *out)
{
    double begin = team->member[0].begin, end = team->member[0].end;
    uint64_t ops = team->member[0].ops, least = ops;

    for (int i = 0; i < METRICS; i++)
        out->metric[i] = NAN;
    out->preempted = team->member[0].preempted;
    for (int role = 1; role < side->members; role++) {
        const struct member *m = &team->member[role];
        begin = m->begin < begin ? m->begin : begin;
        end = m->end > end ? m->end : end;
        out->preempted += m->preempted;
        if (side->timed) {
            ops += m->ops;
            least = m->ops < least ? m->ops : least;
        }
    }
    if (ops == 0)
        return;
    out->metric[METRIC_NS] = (end - begin) / (double)ops - 2.0 * side->pause_ns;
    if (side->timed && side->members > 1)
        out->metric[METRIC_SHARE] = (double)least / (double)ops;
    if (team->recorded > 0) {
        size_t count = team->recorded < MAX_SAMPLES ? (size_t)team->recorded : MAX_SAMPLES;
        qsort(team->record, count, sizeof *team->record, compare_floats);
        out->metric[METRIC_P50] = (double)team->record[count / 2];
        out->metric[METRIC_P99] = (double)team->record[count * 99 / 100];
    }
}

bool team_measure(struct run *run, uint64_t window_ns, struct sample *out)
{
    const struct side *side = run->side;
    const unsigned watchdog_s = 20 + (unsigned)(window_ns / 100000000u);
    pid_t pid[MAX_MEMBERS] = {0};

    if (side->members > team_cpus)
        die("%s needs %d CPUs", side->name, side->members);
    team->arrived = 0;
    team->stop = 0;
    team->counter = 0;
    team->recorded = 0;
    memset(team->member, 0, sizeof team->member);
    run->team = team;
    fflush(NULL);
    for (int role = 0; role < side->members; role++) {
        run->role = role;
        pid[role] = fork();
        if (pid[role] < 0)
            die("fork: %s", strerror(errno));
        if (pid[role] == 0)
            member_main(run, watchdog_s);
    }
    if (side->timed) {
        const double limit = now_ns() + 1e9 * watchdog_s;
        while (__atomic_load_n(&team->arrived, __ATOMIC_ACQUIRE) < side->members && now_ns() < limit && !interrupt_seen)
            sleep_ns(200000);
        sleep_ns(window_ns);
        __atomic_store_n(&team->stop, 1, __ATOMIC_RELAXED);
    }
    if (!members_wait(side, pid, watchdog_s) || interrupt_seen)
        return false;
    sample_take(side, out);
    if (isnan(out->metric[METRIC_NS])) {
        fprintf(stderr, "\nbench: %s: nothing was measured\n", side->name);
        return false;
    }
    if (side->timed && team->counter != team->member[0].ops + team->member[1].ops) {
        fprintf(stderr, "\nbench: %s: not mutually exclusive: %llu sections entered, %llu counted\n", side->name,
                (unsigned long long)(team->member[0].ops + team->member[1].ops), (unsigned long long)team->counter);
        return false;
    }
    return true;
}

bool team_calibrate(struct run *run, uint64_t window_ns)
{
    struct sample sample;
    if (run->side->timed)
        return true;
    run->n = 256;
    for (;;) {
        if (!team_measure(run, window_ns, &sample))
            return false;
        const double took = sample.metric[METRIC_NS] * (double)run->n;
        double factor = (double)window_ns / (took > 1 ? took : 1);
        const bool close_enough = factor < 8;
        factor = factor > 64 ? 64 : factor;
        const double n = (double)run->n * factor;
        run->n = n < BATCH ? BATCH : (uint64_t)n / BATCH * BATCH; /* whole batches */
        if (close_enough)
            return true;
    }
}
