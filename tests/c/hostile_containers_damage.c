/* Random damage to arenas that knows what it damages. */
#include "hostile_containers.h"

#include <stdarg.h>

static void append(char *what, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *what, size_t size, const char *format, ...)
{
    size_t used = strlen(what);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what + used, size - used, format, arguments);
    va_end(arguments);
}

uint64_t arena_word(const struct arena *arena, size_t at)
{
    uint64_t word = 0;
    if (at <= sizeof arena->bytes - sizeof word) {
        memcpy(&word, arena->bytes + at, sizeof word);
    }
    return word;
}

void set_arena_word(struct arena *arena, size_t at, uint64_t value)
{
    if (at <= sizeof arena->bytes - sizeof value) {
        memcpy(arena->bytes + at, &value, sizeof value);
    }
}

void read_arena(const char *dir, const char *name, struct arena *arena)
{
    int fd = file_open(dir, name);
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    CHECK_INT(ARENA_LEN, st.st_size);
    CHECK(pread(fd, arena->bytes, ARENA_LEN, 0) == ARENA_LEN);
    arena->used = ARENA_BASE + (size_t)arena_word(arena, AT_TOP) * CHUNK;
    CHECK(arena->used > ARENA_BASE && arena->used <= ARENA_LEN);
    close(fd);
}

void put_arena(const char *dir, const char *name, const struct arena *arena)
{
    char path[300];
    int fd;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    unlink(path);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, ARENA_LEN) != 0 || pwrite(fd, arena->bytes, arena->used, 0) != (ssize_t)arena->used) {
        perror(path);
        exit(4);
    }
    close(fd);
}

/* --- where everything is --------------------------------------------------------------------------------------- */

static void add_site(struct map *map, size_t at, enum site_meaning meaning)
{
    if (map->sites_count < sizeof map->sites / sizeof map->sites[0]) {
        map->sites[map->sites_count++] = (struct site){ (uint32_t)at, meaning };
    }
}

static void map_header(struct map *map)
{
    static const struct site words[] = {
        { AT_ARENA_LOCK, A_OWNER },   { AT_UNDO, A_NUMBER },     { AT_ROOT, A_PLACE },   { AT_TRASH, A_PLACE },
        { AT_HANDLES, A_PLACE },      { AT_ALL, A_PLACE },       { AT_STAMP, A_NUMBER }, { AT_SPARE, A_PLACE },
        { AT_COUNT, A_NUMBER },       { AT_TOP, A_CHUNK },       { AT_TABLED, A_CHUNK }, { AT_COMMITTED, A_CHUNK },
        { AT_IDLE, A_CHUNK },         { AT_INTENT, A_LENGTHS },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        add_site(map, words[i].at, words[i].meaning);
    }
    for (int i = 0; i < RUNS; i++) {
        add_site(map, AT_RUNS + 8 * (size_t)i, A_CHUNK);
    }
    for (int i = 0; i < CLASSES; i++) {
        add_site(map, AT_PARTIAL + 8 * (size_t)i, A_CHUNK);
    }
}

static size_t class_size(unsigned class)
{
    unsigned doubling = (class - 32) / 4, step = (class - 32) % 4;
    return class < 32 ? (class + 1) * 16 : (size_t)(512 << doubling) + (step + 1) * (size_t)(128 << doubling);
}

static void map_chunks(const struct arena *arena, struct map *map)
{
    for (size_t chunk = 0; chunk < arena_word(arena, AT_TOP); chunk++) {
        size_t entry = CHUNK_TABLE + chunk * TABLE_ENTRY, start = ARENA_BASE + chunk * CHUNK;
        uint64_t word = arena_word(arena, entry);
        add_site(map, entry, A_ENTRY);
        add_site(map, entry + 8, A_LENGTHS);
        add_site(map, entry + 16, A_SLAB);
        add_site(map, entry + 24, A_CHUNK);
        if ((word & 0xff) == CHUNK_SLAB) {
            size_t size = class_size(word >> 8 & 0xff), count = arena_word(arena, entry + 16) >> 32 & 0xffff;
            CHECK(count <= CHUNK / size);
            for (size_t i = 0; i < count && map->blocks_count < sizeof map->blocks / sizeof map->blocks[0]; i++) {
                map->blocks[map->blocks_count++] = start + i * size;
            }
        } else if ((word & 0xff) == CHUNK_LARGE) {
            map->blocks[map->blocks_count++] = start;
        }
    }
}

static void map_dict(const struct arena *arena, size_t at, struct map *map)
{
    uint64_t buckets = arena_word(arena, at + IN_BUCKETS);
    size_t array = arena_word(arena, at + IN_ARRAY);
    for (uint64_t i = 0; i < buckets && i < SEGMENT_ELEMENTS; i++) {
        add_site(map, array + 8 * i, A_PLACE);
    }
    for (size_t item = arena_word(arena, at + IN_FIRST); item != 0; item = arena_word(arena, item + ITEM_AFTER)) {
        add_site(map, item + ITEM_CHAIN, A_PLACE);
        add_site(map, item + ITEM_BEFORE, A_PLACE);
        add_site(map, item + ITEM_AFTER, A_PLACE);
        add_site(map, item + ITEM_KEY, A_LENGTHS);
        add_site(map, item + ITEM_VALUE, A_LENGTHS);
        for (size_t i = 0; i < 48; i += 8) { /* keys and values; of short ones also what is behind */
            add_site(map, item + ITEM_BYTES + i, A_NUMBER);
        }
    }
}

static void map_list(const struct arena *arena, size_t at, struct map *map)
{
    uint64_t room = arena_word(arena, at + IN_ROOM), length = arena_word(arena, at + IN_LENGTH);
    size_t array = arena_word(arena, at + IN_ARRAY);
    for (uint64_t i = 0; i < room / SEGMENT_ELEMENTS && room > SEGMENT_ELEMENTS; i++) {
        add_site(map, array + 8 * i, A_PLACE);
    }
    for (uint64_t i = 0; i < length && i < 200; i++) { /* of long lists the beginning is enough */
        size_t segment = room > SEGMENT_ELEMENTS ? arena_word(arena, array) : array, slot = segment + SLOT_WIDTH * i;
        bool apart = (arena_word(arena, slot) & 0xff) == 0xff;
        add_site(map, slot, apart ? A_LENGTHS : A_NUMBER);
        add_site(map, slot + 8, apart ? A_PLACE : A_NUMBER);
        for (size_t k = 0; apart && k < 24; k += 8) {
            add_site(map, arena_word(arena, slot + 8) + k, A_NUMBER);
        }
    }
}

void map_arena(const struct arena *arena, struct map *map)
{
    static const enum site_meaning words[CONTAINER_LEN / 8] = {
        A_KIND,  A_KIND,    A_NUMBER, A_NUMBER, A_NUMBER, A_PLACE, A_PLACE,
        A_NUMBER, A_NUMBER, A_PLACE,  A_PLACE,  A_NUMBER, A_PLACE, A_PLACE,
    };
    memset(map, 0, sizeof *map);
    map_header(map);
    map->general = map->sites_count;
    map_chunks(arena, map);
    for (size_t at = arena_word(arena, AT_ALL); at != 0; at = arena_word(arena, at + IN_AFTER)) {
        uint64_t kind = arena_word(arena, at + IN_KIND);
        CHECK(kind >> 32 == CONTAINER_MAGIC);
        CHECK(map->containers_count < sizeof map->containers / sizeof map->containers[0]);
        map->containers[map->containers_count++] = at;
        for (size_t i = 0; i < CONTAINER_LEN / 8; i++) {
            add_site(map, at + 8 * i, words[i]);
        }
        if ((uint32_t)kind == MPROC_KIND_LIST) {
            map_list(arena, at, map);
        } else {
            map_dict(arena, at, map);
        }
    }
    for (size_t at = arena_word(arena, AT_HANDLES); at != 0; at = arena_word(arena, at + RECORD_AFTER)) {
        add_site(map, at + RECORD_TENANT, A_TENANT);
        add_site(map, at + RECORD_CONTAINER, A_PLACE);
        add_site(map, at + RECORD_BEFORE, A_PLACE);
        add_site(map, at + RECORD_AFTER, A_PLACE);
    }
    CHECK(map->containers_count >= 6);
    CHECK(map->blocks_count > 100);
    CHECK(map->sites_count > 1000 && map->sites_count < sizeof map->sites / sizeof map->sites[0]);
}

/* --- damage ---------------------------------------------------------------------------------------------------- */

static uint64_t any_place(const struct map *map, struct rng *rng, uint64_t old)
{
    const uint64_t odd[] = { 0, 8, AT_PARAMS, AT_HOT, AT_UNDO, UNDO_LOG, CHUNK_TABLE, ARENA_BASE, ARENA_LEN - 8,
                             ARENA_LEN - 40, ARENA_LEN - CONTAINER_LEN, ARENA_LEN, ARENA_LEN + 16, UINT64_C(1) << 47,
                             UINT64_C(1) << 63, UINT64_MAX - 15, UINT64_MAX - 7, UINT64_MAX };
    const uint64_t steps[] = { 1, 4, 8, 16, CONTAINER_LEN, CHUNK, UINT64_MAX - 7, UINT64_MAX - 15 };
    switch (rng_below(rng, 8)) {
    case 0:
    case 1:
        return map->containers[rng_below(rng, map->containers_count)];
    case 2:
    case 3:
        return map->blocks[rng_below(rng, map->blocks_count)];
    case 4: /* inside of one, or across its end */
        return map->blocks[rng_below(rng, map->blocks_count)] + 8 * rng_below(rng, 40);
    case 5:
        return old + steps[rng_below(rng, sizeof steps / sizeof steps[0])];
    case 6: /* in a chunk that has never been used */
        return ARENA_BASE + 16 * rng_below(rng, ARENA_CHUNKS * CHUNK / 16);
    default:
        return odd[rng_below(rng, sizeof odd / sizeof odd[0])];
    }
}

static uint64_t small_number(struct rng *rng, uint64_t old, uint64_t most)
{
    const uint64_t numbers[] = { 0,    1,        old + 1,  old - 1,       most - 1,
                                 most, most + 1, 2 * most, rng_next(rng), UINT64_MAX };
    return numbers[rng_below(rng, sizeof numbers / sizeof numbers[0])];
}

static uint64_t damaged(const struct arena *arena, const struct map *map, enum site_meaning meaning, uint64_t old,
                        struct rng *rng, const struct cast *cast)
{
    switch (rng_below(rng, 8) ? meaning : A_NUMBER) {
    case A_OWNER:
        return interesting(rng, OWNER, 4, old, cast, arena->used);
    case A_TENANT:
        return interesting(rng, TENANT, 8, old, cast, arena->used);
    case A_PLACE:
        return any_place(map, rng, old);
    case A_CHUNK:
        return small_number(rng, old, rng_below(rng, 2) ? ARENA_CHUNKS : (arena->used - ARENA_BASE) / CHUNK);
    case A_ENTRY:
        return CHUNK_WORD(rng_below(rng, 5), small_number(rng, old >> 8 & 0xff, CLASSES) & 0xff) ^
               (rng_below(rng, 3) ? 0 : UINT64_C(1) << 16);
    case A_SLAB:
        return SLAB_WORD(small_number(rng, old & 0xffff, old >> 32), small_number(rng, old >> 16 & 0xffff, old >> 32),
                         small_number(rng, old >> 32, 4096));
    case A_KIND: {
        const uint64_t uppers[] = { old >> 32, CONTAINER_MAGIC, rng_below(rng, 64) };
        return uppers[rng_below(rng, 3)] << 32 | rng_below(rng, 18);
    }
    case A_LENGTHS: /* a number in each half */
        return rng_below(rng, 2) ? (old & UINT64_C(0xffffffff)) | small_number(rng, old >> 32, ARENA_CHUNKS) << 32
                                 : (old & ~UINT64_C(0xffffffff)) |
                                       (uint32_t)interesting(rng, NUMBER, 4, (uint32_t)old, cast, arena->used);
    default:
        return interesting(rng, NUMBER, 8, old, cast, arena->used);
    }
}

static const struct site *any_site(const struct map *map, struct rng *rng)
{
    size_t count = map->sites_count;
    if (rng_below(rng, 3) == 0) {
        count = map->general;
    } else if (rng_below(rng, 2)) { /* words of one meaning: there are few of some */
        enum site_meaning meaning = (enum site_meaning)rng_below(rng, SITE_MEANINGS);
        for (size_t tries = 0; tries < 500; tries++) {
            const struct site *site = &map->sites[rng_below(rng, map->sites_count)];
            if (site->meaning == meaning) {
                return site;
            }
        }
    }
    return &map->sites[rng_below(rng, count)];
}

/* Entries of the undo journal, as somebody might have left them; and somebody who has died inside. */
static void forge_journal(struct arena *arena, const struct map *map, struct rng *rng, const struct cast *cast,
                          char *what, size_t what_size)
{
    size_t used = 0, entries = 1 + (size_t)rng_below(rng, 30);
    for (size_t i = 0; i < entries && used + 8 < UNDO_LOG_LEN; i++) {
        const struct site *site = any_site(map, rng);
        uint64_t place = rng_below(rng, 4) ? site->at : any_place(map, rng, site->at);
        uint64_t words = rng_below(rng, 8) ? 1 + rng_below(rng, 4) : small_number(rng, 1, 3500) & 0xffff;
        set_arena_word(arena, UNDO_LOG + used, UNDO_ENTRY(place & ((UINT64_C(1) << 48) - 1), words));
        used += 8;
        for (uint64_t k = 0; k < words && used + 8 <= UNDO_LOG_LEN; k++, used += 8) {
            set_arena_word(arena, UNDO_LOG + used,
                           damaged(arena, map, site->meaning, arena_word(arena, place + 8 * k), rng, cast));
        }
    }
    set_arena_word(arena, AT_UNDO, rng_below(rng, 4) ? used : small_number(rng, used, UNDO_LOG_LEN));
    set_arena_word(arena, AT_ARENA_LOCK, rng_below(rng, 2) ? atomic_load(&cast->dead) : 0);
    append(what, what_size, "journal of %zu bytes, says %llu ", used, (unsigned long long)arena_word(arena, AT_UNDO));
}

/* One word says what another one of its kind says: chains that meet, circles, blocks with two owners. */
static void cross(struct arena *arena, const struct map *map, struct rng *rng, char *what, size_t what_size)
{
    const struct site *to = any_site(map, rng), *from = to;
    for (int tries = 0; tries < 1000 && (from == to || from->meaning != to->meaning); tries++) {
        from = &map->sites[rng_below(rng, map->sites_count)];
    }
    append(what, what_size, "[%u]=[%u] ", (unsigned)to->at, (unsigned)from->at);
    set_arena_word(arena, to->at, arena_word(arena, from->at));
}

/* A container, an item or a record that leads to itself, or to what leads there. */
static void circle(struct arena *arena, const struct map *map, struct rng *rng, char *what, size_t what_size)
{
    static const size_t links[] = { IN_TRASH, IN_AFTER, IN_BEFORE, IN_FIRST, IN_LAST, IN_ARRAY };
    size_t from = map->containers[rng_below(rng, map->containers_count)];
    size_t to = map->containers[rng_below(rng, map->containers_count)], link = links[rng_below(rng, 6)];
    if (rng_below(rng, 2)) { /* of a dict: an item that comes again */
        size_t first = arena_word(arena, from + IN_FIRST), item = first;
        for (uint64_t n = rng_below(rng, 40); n > 0 && item != 0 && item < arena->used; n--) {
            to = item;
            item = arena_word(arena, item + ITEM_AFTER);
        }
        if (first != 0 && to != from) {
            link = rng_below(rng, 2) ? ITEM_AFTER : rng_below(rng, 2) ? ITEM_CHAIN : ITEM_BEFORE;
            from = to;
            to = rng_below(rng, 2) ? first : from;
        }
    }
    append(what, what_size, "[%zu]=%zu ", from + link, to);
    set_arena_word(arena, from + link, to);
    if (link == IN_TRASH && rng_below(rng, 2)) {
        set_arena_word(arena, AT_TRASH, from);
        append(what, what_size, "to be freed ");
    }
}

static void scribble(struct arena *arena, struct rng *rng, char *what, size_t what_size)
{
    size_t at = AT_HOT + (size_t)rng_below(rng, arena->used - AT_HOT - 64), len = 1 + (size_t)rng_below(rng, 64);
    append(what, what_size, "[%zu..%zu]=random ", at, at + len);
    for (size_t i = 0; i < len; i++) {
        arena->bytes[at + i] = (uint8_t)rng_next(rng);
    }
}

void mutate_arena(struct arena *arena, const struct map *map, bool header_too, struct rng *rng, const struct cast *cast,
                  char *what, size_t what_size)
{
    static const uint32_t header[] = { AT_MAGIC,  AT_LAYOUT, AT_KIND, AT_FLAGS,    AT_DOMAIN,
                                       AT_SIZE,   AT_CHUNKS, AT_SEED, AT_ARENA_ID, AT_POISON };
    uint64_t choice = rng_below(rng, 100);
    if (header_too && choice < 15) {
        uint32_t at = header[rng_below(rng, sizeof header / sizeof header[0])];
        uint64_t value = small_number(rng, arena_word(arena, at), ARENA_CHUNKS);
        append(what, what_size, "[%u]=0x%llx ", (unsigned)at, (unsigned long long)value);
        set_arena_word(arena, at, value);
    } else if (choice < 25) {
        forge_journal(arena, map, rng, cast, what, what_size);
    } else if (choice < 35) {
        cross(arena, map, rng, what, what_size);
    } else if (choice < 45) {
        circle(arena, map, rng, what, what_size);
    } else if (choice < 50) {
        scribble(arena, rng, what, what_size);
    } else {
        const struct site *site = any_site(map, rng);
        uint64_t value = damaged(arena, map, site->meaning, arena_word(arena, site->at), rng, cast);
        append(what, what_size, "[%u]:%d=0x%llx ", (unsigned)site->at, (int)site->meaning, (unsigned long long)value);
        if (site->meaning == A_OWNER) { /* the word behind it is another's */
            memcpy(arena->bytes + site->at, &value, 4);
        } else {
            set_arena_word(arena, site->at, value);
        }
    }
}
