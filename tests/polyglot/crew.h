/*
 * The driver's grip on the workers: processes that are asked by lines and answer by lines, that can be
 * stopped and killed, and none of which can hang for ever: whoever does not answer in time fails the case,
 * with the question it was asked.
 */
#ifndef POLYGLOT_CREW_H
#define POLYGLOT_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The shell plays cases of its own: it has only the command-line tool. */
enum { C, CPP, GO, LANGUAGES, SHELL = LANGUAGES };

/* Two languages that share an object; `other` is a third one. `tag` makes names that are used once. */
typedef struct {
    int a, b, other;
    char tag[16];
} pair_t;

typedef struct worker worker_t;

/* For people ("C++") and for names of objects ("cpp"). */
extern const char *const language_name[LANGUAGES + 1];
extern const char *const language_tag[LANGUAGES + 1];

/* What happened on the way; printed at the end. */
typedef struct {
    long kills, handed_over, steals, rollbacks;
} seen_t;
extern seen_t seen;

/* Where worker-c, worker-cpp, worker-go and worker-sh are. Sets up the signals; ends the program when the total time is up. */
void crew_setup(const char *directory, uint64_t seed, int answer_seconds, int total_seconds);

/* Runs a case: true if nothing failed. Afterwards no worker is left. Why it failed is printed. */
bool crew_run(void (*play)(const pair_t *), const pair_t *pair, const char *label);

/* Whether somebody has interrupted the driver or the total time is up: no more cases, please. */
bool crew_is_over(void);

#define start(language) crew_start(language, __FILE__, __LINE__)
#define tell(worker, ...) crew_tell(worker, __FILE__, __LINE__, __VA_ARGS__)
#define expect(worker, wanted) crew_expect(worker, __FILE__, __LINE__, wanted)
#define ask(worker, wanted, ...) (tell(worker, __VA_ARGS__), expect(worker, wanted))
#define ask_numbers(worker, before, one, two, ...) \
    (tell(worker, __VA_ARGS__), crew_numbers(worker, __FILE__, __LINE__, before, one, two))
#define expect_numbers(worker, before, one, two) crew_numbers(worker, __FILE__, __LINE__, before, one, two)
#define ask_text(worker, answer, ...) (tell(worker, __VA_ARGS__), crew_text(worker, __FILE__, __LINE__, answer))
#define expect_text(worker, answer) crew_text(worker, __FILE__, __LINE__, answer)
#define until(worker, wanted, ...) crew_until(worker, __FILE__, __LINE__, wanted, __VA_ARGS__)
#define expect_silence(worker) crew_silence(worker, __FILE__, __LINE__)
#define has_answered(worker) crew_has_answered(worker, __FILE__, __LINE__)
#define quit(worker) crew_quit(worker, __FILE__, __LINE__)
#define check(condition) \
    ((condition) ? (void)0 : crew_fail(__FILE__, __LINE__, "%s", #condition))
#define check_numbers(condition, ...) \
    ((condition) ? (void)0 : crew_fail(__FILE__, __LINE__, #condition ": " __VA_ARGS__))

/* Starts a worker of that language. */
worker_t *crew_start(int language, const char *file, int line);

/* Gives a command, without waiting for the answer. */
void crew_tell(worker_t *worker, const char *file, int line, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Waits for the answer; any other one fails the case. */
void crew_expect(worker_t *worker, const char *file, int line, const char *wanted);

/* Waits for an answer of these words and one or two numbers (`two` may be NULL). */
void crew_numbers(worker_t *worker, const char *file, int line, const char *before, uint64_t *one, uint64_t *two);

/* Waits for the answer, of at most 79 characters, and gives it. */
void crew_text(worker_t *worker, const char *file, int line, char answer[80]);

/* Asks again and again, until that is the answer. */
void crew_until(worker_t *worker, const char *file, int line, const char *wanted, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Whether the worker has answered. */
bool crew_has_answered(worker_t *worker, const char *file, int line);

/* Fails if the worker has answered already: it is meant to be blocked. */
void crew_silence(worker_t *worker, const char *file, int line);

/* Ends a worker in peace; it has to end with status 0. */
void crew_quit(worker_t *worker, const char *file, int line);

/* SIGKILL, and waits until the kernel has taken it apart. */
void worker_kill(worker_t *worker);

/* SIGSTOP, and waits until it stands still; SIGCONT. */
void worker_stop(worker_t *worker);
void worker_continue(worker_t *worker);

pid_t worker_pid(const worker_t *worker);

/* Ends the case. */
void crew_fail(const char *file, int line, const char *format, ...) __attribute__((noreturn, format(printf, 3, 4)));

/* Long enough for somebody to fall asleep in a call. It only decides what is exercised, never what is right. */
void settle(void);

/* A random moment of up to so many microseconds. */
void random_pause(unsigned most);

/* 0 .. n-1 */
unsigned random_below(unsigned n);

#endif
