/*
 * What driver and workers have agreed on, for C and C++; go/agreed.go says the same for Go.
 *
 * A worker is an interpreter: it reads commands, one a line (words, one blank between them), from its
 * arguments or else from its standard input, and answers each with one line on its standard output: "ok",
 * what was asked for, or "error WORD". The WORD stands for what the language itself makes of the failure (a
 * status, an exception's code, an error of Go): timeout canceled closed type kind notfound exists range
 * toobig notholder eof broken (pipe) shattered (barrier) overflow unsupported; anything else is "other" with
 * details. MS is a timeout in milliseconds: 0 tries once, -1 has no limit. A GATE is a name where two workers
 * wait for each other, so that they then work at the same time. BITS are a number's bytes in hexadecimal. A storm
 * answers "started" once it has done its first round, and goes on until it is killed.
 *
 *   lock   create|open KIND NAME    KIND: a lock, any (that anybody may release), an rlock, or the own lock of a value
 *                                   or an array
 *          take MS                  held, recovered, error timeout      give, close
 *          owner                    nobody, or the holder's pid         count (rlock): its levels
 *          cancel MS                take without limit, which another thread cancels after MS
 *          race GATE NAME COUNT     COUNT times: take, add 1 to the i64 value NAME in two steps, give
 *   rwlock create|open NAME
 *          take read|write MS, cancel read|write MS: as lock            give read|write, close
 *          info                     READERS nobody|waiting|writing clean|inconsistent
 *          race GATE NAME COUNT     COUNT times: take, see that the i64 value NAME is even, give; writers add 1 twice
 *   semaphore create NAME COUNT plain|bounded|accounting, open NAME
 *          take MS, cancel MS: as lock     give COUNT, close            info: VALUE HELD HOLDERS RECLAIMED
 *          race GATE NAME COUNT     COUNT times: take, see with the i64 value NAME that nobody else is inside, give
 *          storm                    takes and gives, again and again
 *   condition create|open NAME own|bound   bound: to the worker's lock
 *          take MS, give, close: its lock
 *          wait MS, cancel MS       notified, recovered, error timeout
 *          notify COUNT|all         info: WAITERS and how many notifications were passed on
 *          turns NAME OF MINE COUNT COUNT times: waits until the i64 value NAME modulo OF is MINE, adds 1, notifies
 *   event  create|open NAME, set, clear, pulse (both), ask: set, clear
 *          wait MS, cancel MS       set, error timeout
 *   barrier create NAME PARTIES, open NAME, abort, reset, register, unregister, close
 *          wait MS, cancel MS       passed INDEX, error timeout, error shattered
 *          fail MS                  waits with an action that fails: failed, if this was the last party
 *          rounds COUNT NAME        waits COUNT times, with an action that adds 1 to the i64 value NAME; each time
 *                                   counts the mark PARTIES * round + index
 *          storm                    registers, and waits again and again, until that fails
 *   These and lock: NAME: -: anonymous   send ADDRESS, receive ADDRESS, spawn, inherit: as give to inherit of queue
 *   value  create|keep|open NAME TYPE   keep: MPROC_PERSIST            load, store BITS, close
 *          fetch OP BITS            the value before                   add GATE COUNT BITS
 *          wait BITS|any MS, cancel BITS|any MS   changed (any: notified), error timeout   notify COUNT|all
 *   wait   any MS THING ..., cancel MS THING ...  ready THING ...: those that are, in that order; error timeout
 *          THING, one of what the worker has open: queue (readable), room=BYTES, pipe (readable), space=BYTES, hangup,
 *          lock (or an rlock), permit, event, value=BITS (not that any more), notified
 *   record create|open NAME SCHEMA  a SNAPSHOT struct; SCHEMA: agreed, none or other
 *          store N, load            the fields
 *   block  create|open NAME DONE    a SNAPSHOT struct of 4 KiB, and the u64 value DONE
 *          storm                    stores the next serial, writes it to DONE, again and again
 *          check COUNT              loads COUNT times: whole, not older than DONE; answers serial and DONE
 *          store, info              store: the next serial; info: steals and rollbacks
 *   array  create|open NAME TYPE SHAPE   like 3x5; open: or any; created with the elements 0 1 2 ...
 *          shape, read, get I J, set I J N, write START COUNT N (N, N + 1, ...), negate (in place), close
 *          weave GATE PARITY ROUNDS every second element is written and read back
 *   cells  create|open NAME COUNT SCHEMA   an array of structs
 *          storm, check, store, info  as with block; check looks at every element, in two ways
 *   queue  create|open NAME BYTES FLAGS   NAME: -: anonymous; FLAGS: nothing, lease, joinable or pollable
 *          put FROM COUNT MS WAY, get FROM COUNT MS WAY: numbered messages, whose number gives length and bytes;
 *                                   answer "ok NEXT" or "error WORD NEXT". WAY: how many with one call; 0: in
 *                                   place; -1: under leases; -2: tried, and in between the descriptor is polled; -3:
 *                                   tried, and in between it is waited for as one of many things
 *          resume FROM             as get without end, but FROM itself may be missing, and only try
 *          storm FROM DONE WAY     puts; after each return the number of the next goes to the u64 value DONE
 *          devour FROM DONE        a storm of gets
 *          reserve N MS            writes message N in place, without committing it     commit N, abort N
 *          peek N MS, lease N MS   takes message N: taken, recovered       release N, ack N, putback N
 *          done, join MS           ok, recovered
 *          produce                 from here on the handle is a producer's
 *          jobs COUNT              puts messages that say their numbers
 *          work WAY                takes jobs until there will be no more, and marks them: started, ok COUNT
 *          cancel get|put MS, shutdown graceful|immediate, size, info, close
 *          give ADDRESS, take ADDRESS    sends a handle through a unix socket; waits for it and opens the object
 *          spawn LANGUAGE / COMMAND / COMMAND ...   starts a worker with a handle: its answers, then "ended CODE"
 *          inherit                 opens what the worker was started with
 *   pipe   create|open NAME BYTES END FLAGS   FLAGS: nothing, oneway or pollable
 *          pair BYTES              anonymous, with both ends: it uses end 0; give or spawn hands over end 1
 *          exchange OUT IN COUNT WAY WAY   puts from OUT and gets from IN at the same time
 *          poll MS, peer           peer: awaited, open or gone
 *          and what queues have: put to info, close, give to inherit
 *   dict   create|open NAME         KEY and DATUM: JSON without blanks; so is what is answered
 *          fill, look               stores a datum of every type, in the language's own types; sees that they are there
 *          set KEY DATUM, get KEY, delete KEY, has KEY, size, dump (all, to the bottom)
 *          add KEY DATUM            the sum     append KEY DATUM: to the list there     swap KEY OLD NEW: true, false
 *          nest KEY                 a new list there    enter KEY: the worker's list is the one there
 *          count GATE KEY COUNT, swaps GATE KEY COUNT   adds 1, COUNT times; by comparing and exchanging
 *          storm FROM DONE          adds entries, removes the first; after each the number goes to the value DONE (u64)
 *          check                    sees that entries follow each other and the arena is whole: ok FIRST NEXT
 *          info                     steals and rollbacks
 *   list   create|open NAME, append DATUM, extend LIST, insert I DATUM, get I, set I DATUM, pop I, size, sort, dump
 *          race GATE ME COUNT       appends ME and how many it has appended, COUNT times
 *          raced                    sees that everybody's are in their order: how many there are
 *          storm, check, info       as dict
 *   space  create|open NAME, set NAME DATUM, get NAME, delete NAME, has NAME, size, add NAME DATUM, dump: a namespace
 *   marks  create|open NAME COUNT  how often each job was done; check: how many never, how many more than once
 *   unlink NAME, sweep
 */
#ifndef POLYGLOT_AGREED_H
#define POLYGLOT_AGREED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SCHEMA_AGREED UINT64_C(0x706f6c79676c6f74)
#define SCHEMA_OTHER UINT64_C(0x706f6c79676c6f75)

/* SLACK: how much more is reserved than the message then has. */
enum { MAX_MESSAGE = 5000, MAX_JOB = MAX_MESSAGE + 8, MAX_BATCH = 64, SLACK = 13, BLOCK_WORDS = 511, CELL_WORDS = 127 };

/* The ways to put and get that only try, and how they sleep in between. */
enum { POLLED = -2, WAITED = -3 };

/* Storms of changes of a dict or a list keep so many entries; the longest text in one. */
enum { STORM_WINDOW = 100, STORM_TEXT = 300 };

#define AGREED_TEXT "Grüße"

/* Under which name `spawn` gives the handle. */
#define GIVEN "given"

/* Every kind of field; without padding, so that all bytes count. */
typedef struct {
    int64_t id;
    double ratio;
    uint32_t count;
    int16_t level;
    bool on;
    uint8_t code;
    char tag[8];
    float weight[2];
} record_t;

/* The words follow from the serial: a mixture of two stores is seen. */
typedef struct {
    uint64_t serial;
    uint64_t words[BLOCK_WORDS];
} block_t;

typedef struct {
    uint64_t serial;
    uint64_t words[CELL_WORDS];
} cell_t;

/* How long the text of an entry is. */
static inline size_t agreed_text(uint64_t serial) {
    return (size_t)(serial * 37 % (STORM_TEXT + 1));
}

static inline uint64_t agreed_word(uint64_t serial, uint64_t i) {
    return (serial + 1) * UINT64_C(0x9E3779B97F4A7C15) ^ (i + 1) * UINT64_C(0xD1342543DE82EF95);
}

static inline void agreed_fill(uint64_t serial, uint64_t *words, size_t count) {
    size_t i;
    for (i = 0; i < count; i++) {
        words[i] = agreed_word(serial, i);
    }
}

static inline bool agreed_whole(uint64_t serial, const uint64_t *words, size_t count) {
    size_t i;
    for (i = 0; i < count; i++) {
        if (words[i] != agreed_word(serial, i)) {
            return false;
        }
    }
    return true;
}

static inline record_t agreed_record(int n) {
    record_t r;
    int i;
    r.id = -(int64_t)n * 1000000007;
    r.ratio = n / 3.0;
    r.count = (uint32_t)n * UINT32_C(2654435761);
    r.level = (int16_t)(-n * 7);
    r.on = n % 2 == 1;
    r.code = (uint8_t)n;
    for (i = 0; i < 8; i++) {
        r.tag[i] = (char)('a' + (n + i) % 26);
    }
    r.weight[0] = (float)n / 7.0f;
    r.weight[1] = -0.0f;
    return r;
}

/* Message i: its length, and its bytes, every third of them NUL. No two neighbours are the same, and only
 * one in eleven is empty. */
static inline size_t agreed_message(uint64_t i, unsigned char *bytes) {
    static const size_t lengths[11] = {12, 0, 300, 1, 64, 1024, 8, 65, 1025, 63, MAX_MESSAGE};
    size_t length = lengths[i % 11], j;
    for (j = 0; j < length; j++) {
        bytes[j] = j % 3 == 2 ? 0 : (unsigned char)(i * 131 + j * 7 + (i >> 8));
    }
    return length;
}

/* Job i says its number, so that several workers can take some of them each. */
static inline size_t agreed_job(uint64_t i, unsigned char *bytes) {
    memcpy(bytes, &i, sizeof i);
    return sizeof i + agreed_message(i, bytes + sizeof i);
}

#endif
