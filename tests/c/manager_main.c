/* usage: manager [PART...], by default all parts. Ends with "N passed, N failed", and what failed, a line each. */
#include "manager_test.h"

#include <sys/socket.h>

static const struct {
    const char *name;
    void (*test)(void);
} parts[] = {
    {"death", manager_death},
    {"servers-death", manager_servers_death},
    {"cut", manager_cut},
    {"kill-loop", manager_kill_loop},
};
enum { PARTS = sizeof parts / sizeof *parts };

static char **wanted; /* names, up to NULL; none: all */
static char base[] = "/tmp/mproc-manager-XXXXXX"; /* where the servers have their places; removed however the tests end */

const char *way_name(int way) {
    static const char *const names[WAYS] = {"near", "proxy", "tcp"};
    return names[way];
}

/* A line of the server's, without its end. */
static void read_line(int from, char *line, size_t size) {
    size_t used = 0;
    ssize_t got;
    here(__FILE__, __LINE__);
    while (used + 1 < size && (got = read(from, line + used, 1)) != 0) {
        if (got < 0 && errno != EINTR) {
            break;
        }
        if (got == 1 && line[used++] == '\n') {
            line[used - 1] = '\0';
            return;
        }
    }
    fprintf(stderr, "the server did not start\n");
    exit(1);
}

server_t server_start(const server_t *earlier) {
    server_t server;
    int ends[2];
    char addresses[200], key_file[64];
    memset(&server, 0, sizeof server);
    if (earlier != NULL) {
        server = *earlier;
        snprintf(addresses, sizeof addresses, "%s,%s", server.near, server.tcp);
    } else {
        snprintf(server.place, sizeof server.place, "%s/XXXXXX", base);
        if (mkdtemp(server.place) == NULL) {
            perror(server.place);
            exit(1);
        }
        NEED_OK(mproc_key_generate(&server.key));
        snprintf(addresses, sizeof addresses, "unix:%s/socket,tcp:127.0.0.1:0", server.place);
    }
    snprintf(key_file, sizeof key_file, "%s/key", server.place);
    if (earlier == NULL) {
        NEED_OK(mproc_key_save(&server.key, key_file));
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        perror("socketpair");
        exit(1);
    }
    server.pid = proc_fork();
    if (server.pid == 0) {
        /* Another program, so that it has nothing of this one. */
        char name[] = "/proc/self/exe", option[] = "--server";
        char *arguments[] = {name, option, addresses, key_file, NULL};
        if (dup2(ends[1], 0) == 0) {
            execv(name, arguments);
        }
        perror("the server's program");
        _exit(1);
    }
    close(ends[1]);
    server.control = ends[0];
    read_line(server.control, server.near, sizeof server.near);
    read_line(server.control, server.tcp, sizeof server.tcp);
    snprintf(server.proxy, sizeof server.proxy, "%s?memory=never", server.near);
    return server;
}

static int hold_procedure(mproc_datum_t argument, mproc_builder_t *result, void *payload) {
    (void)argument;
    (void)result;
    (void)payload;
    while (pause() < 0) {
    }
    return MPROC_OK;
}

int server_main(const char *addresses, const char *key_file) {
    mproc_manager_t *manager = NULL;
    mproc_key_t key;
    char address[200], byte;
    uint32_t i;
    int status = mproc_key_load(key_file, &key);
    if (status == MPROC_OK) {
        status = mproc_manager_start(addresses, &key, NULL, &manager);
    }
    if (status == MPROC_OK) {
        status = mproc_manager_register(manager, "hold", hold_procedure, NULL);
    }
    if (status != MPROC_OK) {
        mproc_error_t error;
        memset(&error, 0, sizeof error);
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "the server at %s: %s: %s\n", addresses, mproc_status_name(status), error.message);
        return 1;
    }
    for (i = 0; mproc_manager_address(manager, i, address, sizeof address - 1, NULL) == MPROC_OK; i++) {
        strcat(address, "\n");
        if (write(0, address, strlen(address)) < 0) {
            return 1;
        }
    }
    while (read(0, &byte, 1) < 0 && errno == EINTR) {
    }
    alarm(CHECK_SECONDS); /* to end must not take for ever */
    mproc_manager_close(manager);
    return 0;
}

void server_end(server_t *server) {
    int status = -1;
    char path[64];
    close(server->control);
    here(__FILE__, __LINE__);
    while (waitpid(server->pid, &status, 0) < 0 && errno == EINTR) {
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    snprintf(path, sizeof path, "%s/socket", server->place);
    CHECK(access(path, F_OK) != 0); /* it has removed its socket */
    server_bury(server);
}

void server_bury(server_t *server) {
    check_remove_files(server->place);
}

mproc_manager_t *arrive_at(const char *address, const server_t *server, int64_t reconnect_ns) {
    mproc_manager_t *manager = NULL;
    mproc_connect_options_t options = MPROC_CONNECT_OPTIONS_INIT;
    options.reconnect_ns = reconnect_ns;
    NEED_OK(mproc_manager_connect(address, &server->key, &options, &manager));
    return manager;
}

mproc_manager_t *arrive(const server_t *server, int way) {
    return arrive_at(way == NEAR ? server->near : way == PROXY ? server->proxy : server->tcp, server, 0);
}

const mproc_domain_t *domain_of(const mproc_manager_t *manager) {
    const mproc_domain_t *domain = NULL;
    NEED_OK(mproc_manager_domain(manager, &domain));
    return domain;
}

static void all(void) {
    int i, k;
    for (i = 0; i < PARTS; i++) {
        for (k = 0; wanted[k] != NULL && strcmp(wanted[k], parts[i].name) != 0; k++) {
        }
        if (k == 0 || wanted[k] != NULL) {
            check_watchdog(); /* each has its own time */
            parts[i].test();
        }
    }
}

/* Servers whose test has failed leave theirs. */
static void remove_places(void) {
    DIR *dir = opendir(base);
    struct dirent *entry;
    char path[300];
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", base, entry->d_name);
            check_remove_files(path);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    rmdir(base);
}

int main(int argc, char **argv) {
    int i, k, status;
    if (argc == 4 && strcmp(argv[1], "--server") == 0) {
        return server_main(argv[2], argv[3]);
    }
    for (i = 1; i < argc; i++) {
        for (k = 0; k < PARTS && strcmp(argv[i], parts[k].name) != 0; k++) {
        }
        if (k == PARTS) {
            fprintf(stderr, "manager: there is no part called %s\n", argv[i]);
            return 2;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(base) == NULL) {
        perror(base);
        return 2;
    }
    wanted = argv + 1;
    status = check_main("manager", all);
    remove_places();
    return status;
}
