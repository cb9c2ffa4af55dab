#include "crew.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_WORKERS = 8 };

struct worker {
    int language;
    pid_t pid; /* 0: the place is free */
    int to, from;
    char name[24];       /* language and pid, for messages */
    char question[256];  /* the last command */
    char heard[4096];    /* what came and was not used yet */
    size_t length;
};

const char *const language_name[LANGUAGES + 1] = {"C", "C++", "Go", "Shell"};
const char *const language_tag[LANGUAGES + 1] = {"c", "cpp", "go", "sh"};
seen_t seen;

static const char *directory, *label;
static worker_t workers[MOST_WORKERS];
static uint64_t random_state;
static int answer_seconds;
static jmp_buf out; /* of the case */
static volatile sig_atomic_t signalled;

/* ---- signals, time, randomness ---- */

static void note_signal(int number) {
    signalled = number;
}

void crew_setup(const char *where, uint64_t seed, int answer_within, int total_seconds) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};
    struct sigaction action;
    size_t i;
    directory = where;
    random_state = seed;
    answer_seconds = answer_within;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_signal; /* without SA_RESTART: waits are to end */
    for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaction(numbers[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN); /* a worker that is gone is seen by its silence */
    alarm((unsigned)total_seconds);
}

bool crew_is_over(void) {
    return signalled != 0;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_us(unsigned us) {
    struct timespec pause = {us / 1000000, us % 1000000 * 1000L};
    nanosleep(&pause, NULL);
}

unsigned random_below(unsigned n) {
    uint64_t z = random_state += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (unsigned)((z ^ (z >> 31)) % n);
}

void random_pause(unsigned most) {
    sleep_us(random_below(most));
}

void settle(void) {
    sleep_us(15000);
}

/* ---- the end of a case ---- */

/* SIGKILL works on those who are stopped as well. */
static void bury(worker_t *worker) {
    kill(worker->pid, SIGKILL);
    while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    close(worker->to);
    close(worker->from);
    worker->pid = 0;
}

static void bury_all(void) {
    int i;
    for (i = 0; i < MOST_WORKERS; i++) {
        if (workers[i].pid != 0) {
            bury(&workers[i]);
        }
    }
}

/* What a worker was asked, and what it has said that nobody has listened to: the one that failed first may
 * not be the one that was waited for. */
static void report(worker_t *worker) {
    struct pollfd one = {worker->from, POLLIN, 0};
    if (poll(&one, 1, 0) > 0) {
        ssize_t got = read(worker->from, worker->heard + worker->length, sizeof worker->heard - 1 - worker->length);
        worker->length += got > 0 ? (size_t)got : 0;
    }
    printf("  %s was asked last: %s\n", worker->name, worker->question);
    if (worker->length > 0) {
        printf("  %s has said meanwhile: %.*s", worker->name, (int)worker->length, worker->heard);
    }
}

void crew_fail(const char *file, int line, const char *format, ...) {
    char text[1024];
    va_list arguments;
    int i;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("FAILED %s\n  %s:%d: %s\n", label, file, line, text);
    for (i = 0; i < MOST_WORKERS; i++) {
        if (workers[i].pid != 0) {
            report(&workers[i]);
        }
    }
    longjmp(out, 1);
}

bool crew_run(void (*play)(const pair_t *), const pair_t *pair, const char *case_label) {
    label = case_label;
    if (setjmp(out) != 0) {
        bury_all();
        return false;
    }
    play(pair);
    bury_all();
    return true;
}

/* ---- workers ---- */

static void become_worker(int language, const int in[2], const int from[2], pid_t driver) {
    char path[512];
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a driver that is killed leaves nobody behind */
    if (getppid() != driver || dup2(in[0], STDIN_FILENO) < 0 || dup2(from[1], STDOUT_FILENO) < 0) {
        _exit(126);
    }
    signal(SIGPIPE, SIG_DFL);
    snprintf(path, sizeof path, "%s/worker-%s", directory, language_tag[language]);
    execl(path, path, (char *)NULL);
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    _exit(127);
}

worker_t *crew_start(int language, const char *file, int line) {
    worker_t *worker = NULL;
    int in[2], from[2], i;
    pid_t driver = getpid();
    for (i = 0; i < MOST_WORKERS && worker == NULL; i++) {
        worker = workers[i].pid == 0 ? &workers[i] : NULL;
    }
    if (worker == NULL || pipe2(in, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
        crew_fail(file, line, "no room for one more worker: %s", strerror(errno));
    }
    fflush(NULL);
    memset(worker, 0, sizeof *worker);
    worker->pid = fork();
    if (worker->pid == 0) {
        become_worker(language, in, from, driver);
    }
    close(in[0]);
    close(from[1]);
    worker->language = language;
    worker->to = in[1];
    worker->from = from[0];
    if (worker->pid < 0) {
        worker->pid = 0;
        close(worker->to);
        close(worker->from);
        crew_fail(file, line, "fork: %s", strerror(errno));
    }
    snprintf(worker->name, sizeof worker->name, "%s (%d)", language_name[language], (int)worker->pid);
    snprintf(worker->question, sizeof worker->question, "(nothing)");
    return worker;
}

pid_t worker_pid(const worker_t *worker) {
    return worker->pid;
}

void worker_kill(worker_t *worker) {
    seen.kills++;
    bury(worker);
}

void worker_stop(worker_t *worker) {
    int status;
    kill(worker->pid, SIGSTOP);
    while (waitpid(worker->pid, &status, WUNTRACED) < 0 && errno == EINTR) {
    }
}

void worker_continue(worker_t *worker) {
    kill(worker->pid, SIGCONT);
}

void crew_tell(worker_t *worker, const char *file, int line, const char *format, ...) {
    char command[256];
    va_list arguments;
    size_t length;
    va_start(arguments, format);
    length = (size_t)vsnprintf(command, sizeof command - 1, format, arguments);
    va_end(arguments);
    memcpy(worker->question, command, sizeof command);
    command[length++] = '\n';
    if (write(worker->to, command, length) != (ssize_t)length) {
        crew_fail(file, line, "%s does not listen to \"%s\": %s", worker->name, worker->question, strerror(errno));
    }
}

/* Reads more of what the worker says, waiting that long. False: the time was up. */
static bool listen_to(worker_t *worker, int milliseconds, const char *file, int line) {
    struct pollfd one = {worker->from, POLLIN, 0};
    ssize_t got;
    int ready = poll(&one, 1, milliseconds);
    if (signalled != 0) {
        crew_fail(file, line, signalled == SIGALRM ? "the time for all cases is up, waiting for %s" : "interrupted, waiting for %s",
                  worker->name);
    }
    if (ready <= 0) {
        return false;
    }
    got = read(worker->from, worker->heard + worker->length, sizeof worker->heard - 1 - worker->length);
    if (got <= 0) {
        crew_fail(file, line, "%s has ended, its last words were \"%.*s\"", worker->name, (int)worker->length, worker->heard);
    }
    worker->length += (size_t)got;
    return true;
}

/* The next line, without its end. */
static void hear(worker_t *worker, char *answer, size_t size, const char *file, int line) {
    int64_t deadline = now_ms() + answer_seconds * 1000;
    char *end;
    while ((end = memchr(worker->heard, '\n', worker->length)) == NULL) {
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            crew_fail(file, line, "%s hangs: no answer to \"%s\" for %d s", worker->name, worker->question, answer_seconds);
        }
        listen_to(worker, (int)left, file, line);
    }
    snprintf(answer, size, "%.*s", (int)(end - worker->heard), worker->heard);
    end++;
    worker->length -= (size_t)(end - worker->heard);
    memmove(worker->heard, end, worker->length);
}

void crew_expect(worker_t *worker, const char *file, int line, const char *wanted) {
    char answer[4096];
    hear(worker, answer, sizeof answer, file, line);
    if (strcmp(answer, wanted) != 0) {
        crew_fail(file, line, "%s, asked \"%s\": expected \"%s\", got \"%.700s\"", worker->name, worker->question, wanted, answer);
    }
    if (strcmp(wanted, "recovered") == 0) {
        seen.handed_over++;
    }
}

void crew_numbers(worker_t *worker, const char *file, int line, const char *before, uint64_t *one, uint64_t *two) {
    char answer[4096];
    unsigned long long first = 0, second = 0;
    size_t length = strlen(before);
    int count = 0;
    hear(worker, answer, sizeof answer, file, line);
    if (strncmp(answer, before, length) == 0) {
        count = sscanf(answer + length, "%llu %llu", &first, &second);
    }
    if (count != (two == NULL ? 1 : 2)) {
        crew_fail(file, line, "%s, asked \"%s\": expected \"%s\" and a number, got \"%.700s\"", worker->name, worker->question,
                  before, answer);
    }
    *one = first;
    if (two != NULL) {
        *two = second;
    }
}

void crew_text(worker_t *worker, const char *file, int line, char answer[80]) {
    char all[4096];
    hear(worker, all, sizeof all, file, line);
    if (strlen(all) >= 80) {
        crew_fail(file, line, "%s, asked \"%s\": got \"%.700s\"", worker->name, worker->question, all);
    }
    strcpy(answer, all);
}

void crew_until(worker_t *worker, const char *file, int line, const char *wanted, const char *format, ...) {
    int64_t deadline = now_ms() + answer_seconds * 1000;
    char command[256], answer[80];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    for (;;) {
        crew_tell(worker, file, line, "%s", command);
        crew_text(worker, file, line, answer);
        if (strcmp(answer, wanted) == 0) {
            return;
        }
        if (now_ms() > deadline) {
            crew_fail(file, line, "%s, asked \"%s\" for %d s: expected \"%s\", got \"%s\"", worker->name, command,
                      answer_seconds, wanted, answer);
        }
        sleep_us(500);
    }
}

bool crew_has_answered(worker_t *worker, const char *file, int line) {
    return worker->length > 0 || listen_to(worker, 0, file, line);
}

void crew_silence(worker_t *worker, const char *file, int line) {
    if (crew_has_answered(worker, file, line)) {
        crew_fail(file, line, "%s, asked \"%s\", should be waiting, but said \"%.*s\"", worker->name, worker->question,
                  (int)worker->length, worker->heard);
    }
}

void crew_quit(worker_t *worker, const char *file, int line) {
    int64_t deadline = now_ms() + answer_seconds * 1000;
    int status = 0;
    close(worker->to); /* the end of its input */
    worker->to = -1;
    snprintf(worker->question, sizeof worker->question, "(to end)");
    while (waitpid(worker->pid, &status, WNOHANG) == 0) {
        if (now_ms() > deadline || signalled != 0) {
            crew_fail(file, line, "%s hangs: it does not end", worker->name);
        }
        sleep_us(200);
    }
    worker->pid = 0;
    close(worker->from);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        crew_fail(file, line, "%s was to end well, but ended with status %d", worker->name, status);
    }
}
