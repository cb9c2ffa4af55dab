/* Ours: the server of a manager, and how the driver and its members reach it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "entries.h"
#include "ours_server.h"

#define KEY_FILE "manager.key"
#define SOCKET_FILE "manager"

/* ---- the server ---- */

static void dict_fill(const mproc_domain_t *domain, const char *name, size_t entries, size_t bytes)
{
    mproc_dict_t *dict;
    ours_check(mproc_dict_create(domain, name, NULL, &dict), "mproc_dict_create");
    for (size_t i = 0; i < entries; i++) {
        const struct entry_key *key = entry_key_at(i);
        unsigned char entry[FAR_BYTES] = {0};
        message_number(entry, key->number);
        ours_check(mproc_dict_set(dict, mproc_datum_strn(key->text, KEY_BYTES), mproc_datum_bytes(entry, bytes)),
                   "mproc_dict_set");
    }
    mproc_dict_close(dict);
}

static void list_fill(const mproc_domain_t *domain, const char *name, size_t entries)
{
    mproc_list_t *list;
    ours_check(mproc_list_create(domain, name, NULL, &list), "mproc_list_create");
    for (size_t i = 0; i < entries; i++) {
        unsigned char entry[ENTRY_BYTES] = {0};
        message_number(entry, i);
        ours_check(mproc_list_append(list, mproc_datum_bytes(entry, sizeof entry)), "mproc_list_append");
    }
    mproc_list_close(list);
}

static void queue_make(const mproc_domain_t *domain, const char *name)
{
    mproc_queue_t *queue;
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    options.capacity_bytes = QUEUE_BYTES;
    ours_check(mproc_queue_create(domain, name, &options, &queue), "mproc_queue_create");
    mproc_queue_close(queue);
}

int ours_serve(const char *directory)
{
    char text[2 * ADDRESS_BYTES];
    mproc_key_t key;
    mproc_manager_t *manager;
    mproc_manager_options_t options = MPROC_MANAGER_OPTIONS_INIT;

    options.client_bytes = UINT64_MAX; /* one client, this process, makes everything */
    ours_check(mproc_key_generate(&key), "mproc_key_generate");
    snprintf(text, sizeof text, "%s/" KEY_FILE, directory);
    ours_check(mproc_key_save(&key, text), "mproc_key_save");
    snprintf(text, sizeof text, "unix:%s/" SOCKET_FILE ",tcp:127.0.0.1:0", directory);
    ours_check(mproc_manager_start(text, &key, &options, &manager), "mproc_manager_start");

    const mproc_domain_t *domain = ours_manager_domain(manager);
    entry_keys_init();
    dict_fill(domain, SERVED_DICT, ENTRIES, ENTRY_BYTES);
    dict_fill(domain, SERVED_FAR, ENTRIES, FAR_BYTES);
    dict_fill(domain, SERVED_COUNTS, 0, 0);
    list_fill(domain, SERVED_LIST, ENTRIES);
    list_fill(domain, SERVED_GROWS, 0);
    queue_make(domain, SERVED_QUEUE_0);
    queue_make(domain, SERVED_QUEUE_1);
    for (uint32_t i = 0; i < 2; i++) {
        size_t len;
        ours_check(mproc_manager_address(manager, i, text, sizeof text, &len), "mproc_manager_address");
        printf("%s\n", text);
    }
    fflush(stdout);
    while (getchar() != EOF) { /* until the driver closes our input, or ends */
    }
    mproc_manager_close(manager);
    return 0;
}

/* ---- the driver ---- */

static void file_remove(const char *name)
{
    char path[ADDRESS_BYTES];
    if (scratch_path(path, sizeof path, name) && unlink(path) != 0 && errno != ENOENT)
        die("%s: %s", path, strerror(errno));
}

/* False: it ended. */
static bool line_read(FILE *from, char line[ADDRESS_BYTES])
{
    if (!fgets(line, ADDRESS_BYTES, from))
        return false;
    line[strcspn(line, "\n")] = 0;
    return true;
}

const char *ours_server_start(struct ours_server *server, enum server_place where)
{
    const char *directory = getenv("BENCH_SCRATCH");
    const char *const argv[] = {"/proc/self/exe", "--serve", directory, NULL};
    if (!directory || !*directory)
        return "no directory for its socket: start with benches/run.sh";
    file_remove(KEY_FILE);
    const int error = server_start(&server->server, argv, true, where);
    if (error)
        die("/proc/self/exe: %s", strerror(error));
    FILE *from = fdopen(dup(server->server.from), "re");
    if (!from)
        die("fdopen: %s", strerror(errno));
    if (!line_read(from, server->near) || !line_read(from, server->far))
        die("the server has ended");
    fclose(from);
    return NULL;
}

void ours_server_stop(struct ours_server *server)
{
    server_stop(&server->server);
    file_remove(KEY_FILE);
}

/* ---- a member ---- */

mproc_manager_t *ours_join(const char *address)
{
    char path[ADDRESS_BYTES];
    mproc_key_t key;
    mproc_manager_t *manager;
    if (!scratch_path(path, sizeof path, KEY_FILE))
        die("no directory for the key");
    ours_check(mproc_key_load(path, &key), "mproc_key_load");
    ours_check(mproc_manager_connect(address, &key, NULL, &manager), "mproc_manager_connect");
    return manager;
}

const mproc_domain_t *ours_manager_domain(const mproc_manager_t *manager)
{
    const mproc_domain_t *domain;
    ours_check(mproc_manager_domain(manager, &domain), "mproc_manager_domain");
    return domain;
}
