/* Where a test makes its objects: a server for them, and connections. */
#include "place.h"

#include "check.h"

#include <sys/socket.h>

/* Set by whoever started the server; forked children have a copy. */
static struct {
    pid_t starter, server;
    int control; /* a byte, or the end of file: it ends */
    char directory[32], address[64];
} serving;

static mproc_manager_t *managers[PLACES];

/* Of its own accord at the end of the program that started it; whatever happens there, the end of file ends it, too. */
static void place_end(void) {
    int place, status = -1;

    if (serving.starter != getpid()) {
        return; /* a forked child that ends by exit() */
    }
    for (place = 0; place < PLACES; place++) {
        mproc_manager_close(managers[place]);
    }
    if (send(serving.control, "e", 1, MSG_NOSIGNAL) != 1) { /* it may have died */
        perror("the manager's control socket");
    }
    close(serving.control);
    while (waitpid(serving.server, &status, 0) < 0 && errno == EINTR) {
    }
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0, __FILE__, __LINE__, "the manager ended well");
    check_that(access(serving.directory, F_OK) != 0 && errno == ENOENT, __FILE__, __LINE__,
               "the manager has left nothing behind");
}

static void start(void) {
    int ends[2];
    char byte = 0;
    ssize_t got;

    snprintf(serving.directory, sizeof serving.directory, "/tmp/mproc-place-XXXXXX");
    if (mkdtemp(serving.directory) == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        perror("place");
        exit(1);
    }
    snprintf(serving.address, sizeof serving.address, "unix:%s/m", serving.directory);
    fflush(NULL);
    serving.server = fork();
    if (serving.server < 0) {
        perror("fork");
        exit(1);
    }
    if (serving.server == 0) {
        /* Another program, so that nothing of what this one has open stays open in it. */
        char name[4096] = "", option[] = "--place-server";
        char *arguments[] = {name, option, serving.address, NULL};
        /* Not the link itself: an emulator's would differ. */
        if (readlink("/proc/self/exe", name, sizeof name - 1) > 0 && dup2(ends[1], 0) == 0) {
            alarm(0);
            execv(name, arguments);
        }
        perror("the manager's program");
        _exit(1);
    }
    close(ends[1]);
    serving.control = ends[0];
    serving.starter = getpid();
    do {
        got = read(serving.control, &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got != 1 || byte != 'r') {
        fprintf(stderr, "the manager did not start\n");
        rmdir(serving.directory);
        exit(1);
    }
    atexit(place_end);
}

int place_server(const char *address) {
    mproc_manager_t *manager = NULL;
    char byte, directory[64], *end;
    ssize_t got;
    int status = mproc_manager_start(address, NULL, NULL, &manager);

    if (status != MPROC_OK) {
        mproc_error_t error;
        memset(&error, 0, sizeof error);
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "mproc_manager_start(%s): %s: %s\n", address, mproc_status_name(status), error.message);
        return 1;
    }
    if (write(0, "r", 1) != 1) {
        perror("the manager's control socket");
        return 1;
    }
    do {
        got = read(0, &byte, 1);
    } while (got < 0 && errno == EINTR);
    alarm(CHECK_SECONDS); /* to end must not take for ever; the signal's default is to kill, which is seen */
    mproc_manager_close(manager);
    /* Whoever started this program may have been killed. The directory is empty when the manager has left nothing. */
    snprintf(directory, sizeof directory, "%s", address + strlen("unix:"));
    end = strrchr(directory, '/');
    if (end == NULL) {
        return 1;
    }
    *end = '\0';
    return rmdir(directory) == 0 ? 0 : 1;
}

mproc_manager_t *place_manager(enum place place) {
    mproc_connect_options_t options = MPROC_CONNECT_OPTIONS_INIT;

    if (place == PLACE_DOMAIN) {
        return NULL;
    }
    if (serving.server == 0) {
        start();
    }
    if (managers[place] == NULL) {
        options.flags = place == PLACE_FAR ? MPROC_CONNECT_PROXY : 0;
        NEED_OK(mproc_manager_connect(serving.address, NULL, &options, &managers[place]));
    }
    return managers[place];
}

const mproc_domain_t *place_domain(enum place place) {
    mproc_manager_t *manager = place_manager(place);
    const mproc_domain_t *domain = NULL;
    if (manager != NULL) {
        NEED_OK(mproc_manager_domain(manager, &domain));
    }
    return domain;
}

const char *place_name(enum place place) {
    static const char *const names[PLACES] = {"domain", "near", "far"};
    return names[place];
}

int place_rounds(enum place place, int rounds) {
    return place_is_memory(place) ? rounds : rounds / 10 + 1;
}

int place_is_memory(enum place place) {
    return place != PLACE_FAR;
}

const char *place_address(void) {
    place_manager(PLACE_FAR); /* there is one */
    return serving.address;
}

uint32_t place_clients(enum place place) {
    mproc_manager_info_t info;
    memset(&info, 0, sizeof info);
    if (place != PLACE_DOMAIN) {
        CHECK_OK(mproc_manager_info(place_manager(place), &info, sizeof info));
    }
    return (uint32_t)info.clients;
}

void place_forget(enum place place, const char *name) {
    if (place != PLACE_DOMAIN) {
        CHECK_OK(mproc_domain_unlink(place_domain(place), name));
    }
}
