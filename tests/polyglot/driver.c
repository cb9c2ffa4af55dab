/*
 * The polyglot suite: processes in C, C++ and Go share each object, in every ordered pairing (A, B), and some of
 * them are killed or stopped.
 *
 *     driver [--seed N] [--only TEXT] DIRECTORY
 *
 * DIRECTORY has worker-c, worker-cpp, worker-go and worker-sh (the shell with the command-line tool, which is in
 * MPROC_TOOL, in cases of its own); they meet in the domain named by MPROC_DOMAIN, which must
 * not exist yet and is gone afterwards. --only plays the cases whose line contains TEXT ("C -> Go", "queue").
 * One line for each pairing and object; the last line is "N passed, N failed". The driver itself is no part of
 * the domain: it talks to the workers only. `tests/polyglot/run.sh` builds and runs it all.
 */
#include "cases.h"

#include <mproc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    ANSWER_SECONDS = 30, /* both far beyond what it takes: only a hang gets there */
    TOTAL_SECONDS = 360,
    MOST_FAILURES = 5 /* what hangs once hangs often: the rest would be waiting */
};

static const struct {
    const char *object;
    void (*play)(const pair_t *);
} cases[] = {{"lock", case_lock},           {"owners", case_owners},       {"rwlock", case_rwlock},
             {"semaphore", case_semaphore}, {"condition", case_condition}, {"event", case_event},
             {"barrier", case_barrier},     {"value", case_value},         {"array", case_array},
             {"queue", case_queue},         {"pipe", case_pipe},           {"place", case_place},
             {"work", case_work},           {"pass", case_pass},           {"family", case_family},
             {"dict", case_dict},           {"list", case_list},           {"namespace", case_namespace},
             {"waits", case_waits},         {"many", case_many},           {"poll", case_poll},
             {"lifetime", case_lifetime}};
enum { CASES = sizeof cases / sizeof cases[0] };

static int passed, failed;

static void count(bool good, const char *label) {
    if (good) {
        passed++;
        printf("ok %s\n", label);
    } else {
        failed++;
    }
    fflush(stdout);
}

static void play_pair(const pair_t *pair, const char *only) {
    char label[64];
    int i;
    for (i = 0; i < CASES && failed < MOST_FAILURES && !crew_is_over(); i++) {
        snprintf(label, sizeof label, "%s -> %s %s", language_name[pair->a], language_name[pair->b], cases[i].object);
        if (strstr(label, only) != NULL) {
            count(crew_run(cases[i].play, pair, label), label);
        }
    }
}

/* Nobody is in the domain any more, so it can be removed, and nothing stays behind. */
static void remove_domain(const char *path) {
    int status = mproc_domain_remove(path);
    if (status != MPROC_OK || access(path, F_OK) == 0) {
        printf("FAILED the domain is gone: %s\n", mproc_status_name(status));
    }
    count(status == MPROC_OK && access(path, F_OK) != 0, "the domain is gone");
}

int main(int argc, char **argv) {
    const char *path = getenv("MPROC_DOMAIN"), *only = "";
    unsigned long long seed = (unsigned long long)time(NULL);
    pair_t pair;
    int i;
    for (i = 1; i + 1 < argc - 1; i += 2) {
        if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0) {
            only = argv[i + 1];
        } else {
            break;
        }
    }
    if (i != argc - 1) {
        fprintf(stderr, "usage: %s [--seed N] [--only TEXT] DIRECTORY\n", argv[0]);
        return 2;
    }
    if (path == NULL || access(path, F_OK) == 0) {
        fprintf(stderr, "MPROC_DOMAIN must name a directory that does not exist yet\n");
        return 2;
    }
    crew_setup(argv[i], seed, ANSWER_SECONDS, TOTAL_SECONDS);
    printf("seed %llu\n", seed);
    for (pair.a = 0; pair.a < LANGUAGES; pair.a++) {
        for (pair.b = 0; pair.b < LANGUAGES; pair.b++) {
            pair.other = (pair.b + 1) % LANGUAGES;
            snprintf(pair.tag, sizeof pair.tag, "%s-%s", language_tag[pair.a], language_tag[pair.b]);
            play_pair(&pair, only);
        }
    }
    pair.a = SHELL;
    for (pair.b = 0; pair.b < LANGUAGES && failed < MOST_FAILURES && !crew_is_over(); pair.b++) {
        char label[64];
        pair.other = (pair.b + 1) % LANGUAGES;
        snprintf(pair.tag, sizeof pair.tag, "%s-%s", language_tag[pair.a], language_tag[pair.b]);
        snprintf(label, sizeof label, "%s -> %s", language_name[pair.a], language_name[pair.b]);
        if (strstr(label, only) != NULL) {
            count(crew_run(case_shell, &pair, label), label);
        }
    }
    /* Of some hundred kills several dozens are in the middle of something. */
    if (only[0] == '\0' && failed == 0 && !crew_is_over()) {
        if (seen.steals == 0) {
            printf("FAILED kills in the middle of an operation: there was none\n");
        }
        count(seen.steals > 0, "kills in the middle of an operation");
    }
    if (crew_is_over()) {
        printf("FAILED to come to the end: interrupted, or more than %d s\n", TOTAL_SECONDS);
        failed++;
    } else if (failed >= MOST_FAILURES) {
        printf("the rest was not played after %d failures\n", failed);
    }
    remove_domain(path);
    printf("seen: %ld kills, %ld locks handed over, %ld internal locks taken over, %ld elements rolled back\n", seen.kills,
           seen.handed_over, seen.steals, seen.rollbacks);
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
