/* Hostile arenas: what the parts about dict, list and namespace share. */
#ifndef MPROC_TESTS_HOSTILE_CONTAINERS_H
#define MPROC_TESTS_HOSTILE_CONTAINERS_H

#include "hostile.h"

/* Where things are in an arena's segment; the C side of src/shm/arena/layout.rs and src/objects/container. */
enum {
    CHUNK = 64 << 10,
    ARENA_CHUNKS = 64,

    AT_CHUNKS = AT_PARAMS,
    AT_SEED = AT_PARAMS + 8,
    AT_ARENA_ID = AT_PARAMS + 16,
    AT_ARENA_LOCK = AT_HOT,
    AT_UNDO = AT_HOT + 8,
    AT_ROOT = AT_HOT + 64,
    AT_TRASH = AT_HOT + 72,
    AT_HANDLES = AT_HOT + 80,
    AT_ALL = AT_HOT + 88,
    AT_STAMP = AT_HOT + 96,
    AT_SPARE = AT_HOT + 104,
    AT_COUNT = AT_HOT + 112,
    AT_TOP = AT_HOT + 128,
    AT_TABLED = AT_HOT + 136,
    AT_COMMITTED = AT_HOT + 144,
    AT_IDLE = AT_HOT + 152,
    AT_INTENT = AT_HOT + 160,
    AT_RUNS = AT_HOT + 192,
    RUNS = 25,
    AT_PARTIAL = AT_RUNS + RUNS * 8,
    CLASSES = 52,

    UNDO_LOG = PAGE,
    CHUNK_TABLE = 32 << 10,
    UNDO_LOG_LEN = CHUNK_TABLE - UNDO_LOG,
    TABLE_ENTRY = 32, /* use, links, state of a slab, chunks of a large block */
    ARENA_BASE = 64 << 10,
    ARENA_LEN = ARENA_BASE + ARENA_CHUNKS * CHUNK,

    IN_KIND = 0, /* a container's header */
    IN_STATE = 8,
    IN_REFS = 16,
    IN_LENGTH = 24,
    IN_VERSION = 32,
    IN_TRASH = 40,
    IN_ARRAY = 48,
    IN_ROOM = 56,
    IN_DIRECTORY = 64,
    IN_FIRST = 72,
    IN_LAST = 80,
    IN_BUCKETS = 88,
    IN_BEFORE = 96,
    IN_AFTER = 104,
    CONTAINER_LEN = 112,
    ITEM_CHAIN = 0, /* a dict's item */
    ITEM_BEFORE = 8,
    ITEM_AFTER = 16,
    ITEM_KEY = 24,
    ITEM_VALUE = 32,
    ITEM_BYTES = 40,
    SLOT_WIDTH = 16, /* a list's element: a short datum, or 0xff, its length at 4 and its block at 8 */
    RECORD_TENANT = 0, /* of a handle */
    RECORD_CONTAINER = 8,
    RECORD_BEFORE = 16,
    RECORD_AFTER = 24,
    SEGMENT_ELEMENTS = 1024
};
#define CONTAINER_MAGIC UINT64_C(0x43544e52)
#define UNDO_ENTRY(place, words) ((uint64_t)(place) | (uint64_t)(words) << 48)
enum chunk_use { CHUNK_NONE, CHUNK_FREE, CHUNK_SLAB, CHUNK_LARGE };
#define CHUNK_WORD(use, order) ((uint64_t)(use) | (uint64_t)(order) << 8 | UINT64_C(1) << 16)
#define SLAB_WORD(free, used, bump) \
    ((uint64_t)(uint16_t)(free) | (uint64_t)(uint16_t)(used) << 16 | (uint64_t)(uint16_t)(bump) << 32)

/* The content of a segment, as far as chunks have been used. */
struct arena {
    uint8_t bytes[ARENA_LEN];
    size_t used;
};

/* What a word of an arena means, and with it which values are worth trying there. */
enum site_meaning { A_NUMBER, A_OWNER, A_TENANT, A_PLACE, A_CHUNK, A_ENTRY, A_SLAB, A_KIND, A_LENGTHS, SITE_MEANINGS };

struct site {
    uint32_t at;
    enum site_meaning meaning;
};

/* Where everything is in a good arena. */
struct map {
    size_t containers[64], blocks[4096];
    size_t containers_count, blocks_count;
    struct site sites[16384]; /* the first ones, up to `general`, are the arena's own words */
    size_t sites_count, general;
};

/* The kinds of root. */
enum { ROOT_DICT, ROOT_LIST, ROOT_NAMESPACE, ROOTS };
extern const char *const root_names[ROOTS];
extern const int root_kinds[ROOTS];

int create_root(int root, const mproc_domain_t *domain, const char *name, unsigned flags, uint64_t limit, void **out);
int open_root(int root, const mproc_domain_t *domain, const char *name, void **out);
void close_container(int kind, void *handle);
/* Fills a root with data of every length, with containers in containers, shared ones, circles, and gaps. */
void fill_root(int root, void *handle);
/* Takes handles on what is inside, and keeps them. */
void hold_inside(int root, void *handle);
/* Every operation on a container, on its arena, and (not too deeply) on what is inside it. */
void use_container(int kind, void *handle, struct rng *rng, int depth);
/* As use_container(), of a root; then nobody must have complained. */
void use_root_and_close(int root, void *handle, struct rng *rng);

void read_arena(const char *dir, const char *name, struct arena *arena);
void put_arena(const char *dir, const char *name, const struct arena *arena);
/* Finds the places in a good one. */
void map_arena(const struct arena *arena, struct map *map);
/* One random mutation, described at the end of `what`. */
void mutate_arena(struct arena *arena, const struct map *map, bool header_too, struct rng *rng, const struct cast *cast,
                  char *what, size_t what_size);
uint64_t arena_word(const struct arena *arena, size_t at);
void set_arena_word(struct arena *arena, size_t at, uint64_t value);

#endif
