/*
 * Hostile segments: somebody who may write to a domain's files writes whatever he likes. Every call must
 * then return a documented status or a wrong value, within its timeout, and touch nothing but the segment
 * and the outputs it was given. Not tested, because the kernel decides it: a peer of the same user who
 * truncates a file that others have mapped, or punches holes into it on a full file system, sends them
 * SIGBUS. Truncation is therefore tested at open, where the library can see it.
 *
 * Each part (cases, objects, family, rings, waits, passing, registry, full, random, live, containers) works in
 * processes of its own, watched by their parent.
 */
#ifndef MPROC_TESTS_HOSTILE_H
#define MPROC_TESTS_HOSTILE_H

#include "proc.h"

#include "check.h"

#include <mproc.h>

/* --- where things are in a segment; the C side of src/shm and src/objects ------------------------------ */

enum {
    PAGE = 4096,
    AT_MAGIC = 0,
    AT_LAYOUT = 8,
    AT_ENDIAN = 12,
    AT_KIND = 16,
    AT_FLAGS = 20,
    AT_DOMAIN = 24,
    AT_SIZE = 40,
    AT_POISON = 64,
    AT_STEALS = 68,
    AT_ROLLBACKS = 72,
    AT_USER_LOCK = 128,
    AT_PARAMS = 192,
    AT_HOT = 512,

    AT_TYPE = AT_PARAMS, /* value, array */
    AT_MODE = AT_PARAMS + 4,
    AT_ELEM_SIZE = AT_PARAMS + 8,
    AT_ELEM_ALIGN = AT_PARAMS + 16,
    AT_SCHEMA = AT_PARAMS + 24,
    AT_NDIM = AT_PARAMS + 32,
    AT_SHAPE = AT_PARAMS + 40,
    AT_CAPACITY = AT_PARAMS, /* queue, pipe */
    AT_MAX_ITEMS = AT_PARAMS + 8,
    AT_QUEUE_MODES = AT_PARAMS + 16,
    AT_PIPE_MODES = AT_PARAMS + 8,

    AT_FLIP = AT_HOT, /* value */
    AT_WRITE_LOCK = AT_HOT + 128,
    AT_NOTIFIED = AT_HOT + 256,
    AT_CHANGED = AT_NOTIFIED + 8,
    AT_ELEMENT_LOCK = AT_HOT, /* array of structs */
    AT_JOURNAL = AT_HOT + 128,
    AT_RING = AT_HOT, /* queue: the words of its ring */
    AT_PRODUCERS = AT_RING + 1024,
    AT_ABANDONED = AT_PRODUCERS + 128,
    AT_FINISHED = AT_PRODUCERS + 256,
    AT_DONE = AT_PRODUCERS + 264,
    AT_TABLE = PAGE, /* joinable: before the ring */
    TABLE_LEN = 8192,
    AT_BELLS = PAGE, /* pollable: before the ring, readers' and writers'; of a pipe: a page for each way */
    AT_WRITERS_BELLS = AT_BELLS + 1024,
    BELLS = 128,
    AT_ENDS = AT_HOT, /* pipe */
    AT_PIPE_RINGS = AT_ENDS + 256,
    RING_PUT_LOCK = 0, /* from the first of a ring's words */
    RING_HEAD_SEEN = 8,
    RING_TAIL = 128,
    RING_LAST_CLAIM = 136,
    RING_SENDING = 144,
    RING_GET_LOCK = 256,
    RING_TAIL_SEEN = 264,
    RING_HEAD = 384,
    RING_READ = 392,
    RING_DETACHED = 400,
    RING_STATE = 512,
    RING_LATE = 516,
    RING_NOT_EMPTY = 640,
    RING_NOT_FULL = 768,
    RING_WORDS = 1024,
    AT_DATA = PAGE, /* ring, structs; elements of an array of scalars */

    AT_ANY_RELEASE = AT_PARAMS, /* lock */
    AT_LEVELS = AT_USER_LOCK + 4, /* rlock; condition with a lock of its own */
    AT_TOKEN = AT_USER_LOCK + 8,
    AT_TOKEN_OWNER = AT_USER_LOCK + 16,
    AT_WRITER = AT_HOT, /* rwlock */
    AT_INSIDE = AT_WRITER + 4,
    AT_GROUPS = AT_WRITER + 8,
    AT_GATE = AT_WRITER + 64,
    AT_DRAINED = AT_WRITER + 128,
    AT_SEEN = AT_WRITER + 192,
    SEEN_WORDS = 16,
    AT_READERS = PAGE,
    AT_INITIAL = AT_PARAMS, /* semaphore */
    AT_SEMAPHORE_MODE = AT_PARAMS + 4,
    AT_VALUE = AT_HOT,
    AT_PERMITS_EVENT = AT_VALUE + 4,
    AT_PERMITS_LOCK = AT_VALUE + 64,
    AT_RECLAIMED = AT_PERMITS_LOCK + 4,
    AT_PERMITS_SWEPT = AT_PERMITS_LOCK + 8,
    AT_HOLDERS = PAGE,
    AT_LOCK_KIND = AT_PARAMS, /* condition */
    AT_LOCK_IDENTITY = AT_PARAMS + 8,
    AT_TICKETS_SWEPT = AT_HOT,
    AT_TICKET_BITS = AT_HOT + 64,
    AT_TICKETS_NEXT = AT_TICKET_BITS + 8 * 16,
    AT_TICKET_OWNERS = PAGE,
    AT_TICKET_NUMBERS = AT_TICKET_OWNERS + 8 * 1024,
    AT_TICKET_STATES = AT_TICKET_NUMBERS + 8 * 1024,
    AT_EVENT = AT_HOT, /* event */
    AT_PARTIES = AT_PARAMS, /* barrier */
    AT_BARRIER_LOCK = AT_HOT,
    AT_ROUND = AT_BARRIER_LOCK + 4,
    AT_BROKEN = AT_BARRIER_LOCK + 8,
    AT_ARRIVED = AT_BARRIER_LOCK + 12,
    AT_VERDICT = AT_BARRIER_LOCK + 16,
    AT_DEATHS = AT_BARRIER_LOCK + 20,
    AT_BARRIER_LOOKED = AT_BARRIER_LOCK + 24,
    AT_PHASE = AT_BARRIER_LOCK + 64,
    AT_REGISTERED = PAGE,
    BARRIER_PLACES = 2 * 3 + 14, /* of one with PARTIES parties */
    AT_PLACE_OWNERS = AT_REGISTERED + TABLE_LEN,
    AT_PLACE_MARKS = AT_PLACE_OWNERS + 8 * BARRIER_PLACES,
    AT_PLACE_SINCE = AT_PLACE_MARKS + 8 * BARRIER_PLACES,

    SLOTS = 1022, /* registry */
    AT_JOINS = 64,
    AT_SWEPT = 72,
    AT_SLOTS = PAGE,
    SLOT_LEN = 64,
    REGISTRY_LEN = PAGE + ((SLOTS * SLOT_LEN + PAGE - 1) / PAGE) * PAGE
};

#define WAITING UINT32_C(0x80000000)
/* A record's prefix: length, state, owner. */
enum record_state { VACANT, WHOLE, AGAIN, CLAIMED, PASSED, HELD, FREE, REST, STATES };
#define NOBODY UINT32_C(0x4d534721) /* in the owner's place where there is none */
#define PADDED UINT32_C(0x4d534720) /* likewise; a rest follows that goes with the message */
#define LONGEST ((UINT32_C(1) << 30) - 1)
#define RECORD(len, state, owner) \
    ((uint64_t)((len) & LONGEST) | (uint64_t)(state) << 30 | (uint64_t)(uint32_t)(owner) << 33)
#define MESSAGE(len) RECORD(len, WHOLE, NOBODY)
#define MARK(position, count) ((uint64_t)(uint32_t)(position) | (uint64_t)(uint32_t)(count) << 32)
#define LOCK_BASE (INT64_C(1) << 60) /* the registry: a byte for each slot, guard, names; an object: in use, roles */
#define GUARD_BYTE (LOCK_BASE + 4096)
#define NAMES_BYTE (LOCK_BASE + 4097)

/* --- the kinds of object ------------------------------------------------------------------------------- */

/* What stands at a place, and with it which values are worth trying there. From HELD_COUNT on it is a table. */
enum meaning { NUMBER, OWNER, POSITION, PREFIX, ENTRY, HELD_COUNT, TENANT, TICKET_NUMBER, TICKET_STATE, PLACE, BELL };

struct field {
    int at, width;
    enum meaning meaning;
};

/* Where a ring's words and its records are in the file. */
struct ring {
    int words, data;
};

/* Largest segment of a subject. */
#define IMAGE_MAX (6 * PAGE)

struct subject {
    const char *name;
    int kind;
    const struct field *params, *hot;
    int params_count, hot_count;
    int (*create)(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle);
    int (*open)(const mproc_domain_t *domain, const char *name, void **handle);
    void (*close)(void *handle);
    /* Every operation, reading and writing; all it needs to know is in the handle. */
    void (*use)(void *handle, struct rng *rng);
    struct ring rings[2];
    int rings_count;
};

enum {
    LOCK,
    SCALAR,
    SNAPSHOT,
    RAW,
    NUMBERS,
    STRUCTS,
    QUEUE,
    JOBS,
    LEASES,
    PIPE,
    ONEWAY,
    RLOCK,
    RWLOCK,
    SEMAPHORE,
    PERMITS, /* a semaphore that accounts for them */
    CONDITION,
    BOUND, /* a condition that is bound to a lock */
    EVENT,
    BARRIER,
    POLLED, /* a queue with bells */
    POLLED_PIPE,
    SUBJECTS
};
extern const struct subject subjects[SUBJECTS];

/* Uses it, closes it, and checks that nobody complained. */
void use_and_close(const struct subject *subject, void *handle, struct rng *rng);

enum { STRUCT_SIZE = 3000, ELEMENTS = 3, ELEM_SIZE = 1000, QUEUE_BYTES = PAGE, NUMBER_COUNT = 1500 };

/* The handle of a pipe: both ends, so that neither side is ever alone. */
struct both {
    mproc_pipe_t *end[2];
};

/* What a process holds, in its slot's place of a table: 40 bits of its generation, 24 of a count. */
#define MOST_COUNTED UINT64_C(0xffffff)
#define GENERATION_BITS ((UINT64_C(1) << 40) - 1)
#define HELD_ENTRY(generation, count) ((((uint64_t)(generation)) & GENERATION_BITS) << 24 | ((count) & MOST_COUNTED))
enum { ENTRIES = 1024 };
/* Where in such a table a slot's entry is: neighbours on different lines. */
static inline size_t entry_of_slot(size_t slot)
{
    size_t entry = (slot + 1) % ENTRIES;
    return (entry * 8 | entry / (ENTRIES / 8)) % ENTRIES;
}
/* A ticket of a condition: its number's low bits, its state. */
enum ticket { UNUSED, WAITS, SLEEPS, GRANTED, TICKET_STATES };
#define TICKET(number, state) ((uint32_t)(number) << 2 | (uint32_t)(state))
/* A place of a barrier: round, index of arrival, state. */
enum mark { EMPTY, ARRIVED, PASSED_ON, SENT_AWAY, GAVE_UP, MARKS };
#define PLACE_MARK(round, arrival, state) \
    ((uint64_t)(uint32_t)(round) << 32 | (uint64_t)((uint32_t)(arrival) << 3) | (uint64_t)(state))

/* A bell: whose it is, how often it was armed, whether it is. */
#define BELL_WORD(tenant, times, armed) \
    (((uint64_t)(tenant) & ((UINT64_C(1) << 50) - 1)) | ((uint64_t)(times) & 0x1fff) << 50 | (uint64_t)(armed) << 63)

/* The handle of a condition: with the lock that it is bound to, or NULL. */
struct waiting_room {
    mproc_condition_t *condition;
    mproc_lock_t *lock;
};

/* What every semaphore begins with, and how many a barrier waits for. */
enum { PERMIT_COUNT = 3, PARTIES = 3 };

/* What is in every ring of a good image: six messages of 0, 40, .. 200 bytes, the last around the ring's end. */
enum { UNITS = QUEUE_BYTES / 8, MESSAGES = 6, FIRST = 453, FIRST_COUNT = 3 };
#define LENGTH(i) (40 * (size_t)(i))
/* Units before the i-th of them; of 6: the units of all. */
#define BEFORE(i) ((uint32_t)((i) + ((i) > 0 ? 5 * ((i) * ((i) - 1) / 2) : 0)))

/* --- one process under test, and who watches it -------------------------------------------------------- */

#define SHORT MS         /* every timeout */
#define BUSY_NS (2 * MS) /* of the domains */
#define HANG (20 * SEC)  /* one call that takes longer than this hangs */

struct stage {
    _Atomic(const char *) call; /* a string literal; NULL between calls */
    _Atomic int64_t since;
    _Atomic uint64_t calls, guards;
    _Atomic uint64_t refused, entered; /* damaged objects that open() refused; that it let in */
    _Atomic uint32_t bad;              /* verdicts against the library */
    _Atomic uint64_t iteration;
    char what[900]; /* the damage, in words */
};
extern struct stage *stage; /* of this process, shared with its parent */
extern check_counts_t *all_counts;
struct options {
    uint64_t seed;
    long iterations, only; /* per subject; -1: all of them */
    const char *part, *subject;
    bool verbose;
};
extern struct options options;

/* Every file has its own copy of the pointer to the one tally. */
static inline void join_tally(void)
{
    check_counts = all_counts;
}

/* Marks the call under way. */
void enter(const char *call);
/* Whether a status is among those documented for the call; complains if not. Returns the status. */
int judge(int status, uint64_t allowed, const char *call, const char *file, int line);
/* Complains unless `fine`. */
void insist(bool fine, const char *text, const char *file, int line);

/* Whether there was no complaint since the last time this was asked. */
bool nobody_complained(void);

/* A set of statuses. */
#define S(status) (UINT64_C(1) << ((status) + 40))
#define S_OK S(MPROC_OK)
#define RUN(allowed, expression) \
    (enter(#expression), judge((expression), (allowed), #expression, __FILE__, __LINE__))
#define INSIST(condition) insist((condition), #condition, __FILE__, __LINE__)
#define OPEN_STATUSES                                                                                    \
    (S_OK | S(MPROC_EKIND) | S(MPROC_ECORRUPT) | S(MPROC_EVERSION) | S(MPROC_EDOMAIN) | S(MPROC_ENOENT) | \
     S(MPROC_EACCES))

/* A condition is opened together with its lock. */
#define OPENS(subject) (OPEN_STATUSES | ((subject)->kind == MPROC_KIND_CONDITION ? S(MPROC_ETYPE) : 0))

struct stage *new_stage(void);
/*
 * Runs `work` in a child, whose stage it is, and watches: a signal, an exit code, or a call that takes
 * longer than HANG counts as a failure and is described. False then.
 */
bool watched(struct stage *its, const char *title, void (*work)(void *), void *argument, unsigned limit_s);

/* --- surroundings -------------------------------------------------------------------------------------- */

/*
 * Outputs for a call, each between guard bytes. outs_begin(); out(size)...; outs_end() finds out whether
 * any byte beside them was written.
 */
void outs_begin(void);
void *out(size_t size);
void outs_end(const char *file, int line);
#define OUTS_END() outs_end(__FILE__, __LINE__)

/* Keeps the addresses free where a guard will be: call it before the mapping is made that is to be guarded. */
void guards_prepare(void);
/* Maps guards directly before and behind every mapping of files called `name`; inaccessible, or canaries. */
void guards_place(const char *name, bool canaries);
/* Complains if a canary was written to; unmaps all. */
void guards_remove(void);

/* --- domains and their files --------------------------------------------------------------------------- */

struct image {
    uint8_t bytes[IMAGE_MAX > REGISTRY_LEN ? IMAGE_MAX : REGISTRY_LEN];
    size_t size;
};

/* Owner words of processes in the domain. */
struct cast {
    _Atomic uint32_t self, living, dead; /* self: of the process that runs the calls */
    pid_t holder;                        /* the living one; it only waits */
};

struct place {
    char dir[96];
    mproc_domain_t *domain;
    struct image image[SUBJECTS];     /* good ones, persistent and filled */
    struct image neighbour[SUBJECTS]; /* others in the domain, which nobody uses */
    struct cast *cast;
};

/* A new directory name for a private domain; removed by remove_dirs(). */
void dirs_begin(void);
void new_dir(char *dir, size_t size, const char *what);
void remove_dirs(void);
/* How long the library's own locks are waited for; short, unless a part needs patience. */
extern int64_t busy_ns;
/* The domain of a directory, joined, with that busy timeout. */
mproc_domain_t *join(const char *dir);
/* A domain with good images, neighbours and a cast. */
void place_make(struct place *place, const char *what);
/* Complains if a neighbour's bytes have changed. */
void place_check(const struct place *place);
void place_end(struct place *place);
/* This process's owner word in the domain. */
uint32_t own_word(const mproc_domain_t *domain);

void read_image(const char *dir, const char *name, struct image *image);
/* A new file of that content under the name, and nothing else there. */
void put_image(const char *dir, const char *name, const struct image *image);
void poke(const char *dir, const char *name, size_t at, const void *bytes, size_t size);
void poke32(const char *dir, const char *name, size_t at, uint32_t value);
void poke64(const char *dir, const char *name, size_t at, uint64_t value);
uint32_t peek32(const char *dir, const char *name, size_t at);
uint64_t peek64(const char *dir, const char *name, size_t at);
/* An open(2) of the file; it must be there. */
int file_open(const char *dir, const char *name);

struct word {
    size_t at;
    int width;
    uint64_t value;
};

/* A good object, spoilt by these words before it is opened (or after: `opened_before`), and a guarded handle on it. */
void *spoil(const struct place *place, int kind, bool opened_before, const char *what, const struct word *words,
            size_t count);
/* Everything else one might do with it, and its end; checks that nobody complained. */
void spoilt_done(int kind, void *handle);
/*
 * Every operation says that it was found corrupt: here, in another process with this handle, and in one that opens
 * it anew. Ends the handle.
 */
void stays_corrupt(const struct place *place, int kind, void *handle);

/* --- damage -------------------------------------------------------------------------------------------- */

/* A value worth trying where `old` stands. */
uint64_t interesting(struct rng *rng, enum meaning meaning, int width, uint64_t old, const struct cast *cast,
                     size_t size);
/* One random mutation of the image, described at the end of `what`. */
void mutate(struct image *image, const struct subject *subject, bool header_too, struct rng *rng,
            const struct cast *cast, char *what, size_t what_size);
/* One random mutation of a registry. */
void mutate_registry(struct image *image, bool header_too, struct rng *rng, const struct cast *cast, char *what,
                     size_t what_size);
/* Whatever one does with a domain, from join to leave, or on from a handle that is joined already. */
void use_domain(const char *dir, struct rng *rng);
void use_joined(mproc_domain_t *domain, struct rng *rng);

/* --- the parts ----------------------------------------------------------------------------------------- */

void part_cases(void);
void part_objects(void);
void part_family(void);
void part_rings(void);
void part_waits(void);
void part_passing(void);
void part_registry(void);
void part_full(void);
void part_random(void);
void part_live(void);
void part_containers(void);

#endif
