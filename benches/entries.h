/*
 * What the rows of dict and list store: entries of 64 bytes (over TCP: of 100) under keys like "key:001234", which
 * every side asks for in the same random order. An entry begins with its number, so that a wrong one is seen.
 */
#ifndef BENCH_ENTRIES_H
#define BENCH_ENTRIES_H

#include "loops.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ENTRIES = 10000, /* in a dict that is read and changed, and in a list that is read */
    ENTRY_BYTES = 64,
    FAR_BYTES = 100, /* of an entry that is asked for over TCP */
    KEY_BYTES = 10,
    LIST_MOST = 1 << 17 /* a list that grows is emptied when it has so many */
};

struct entry_key {
    char text[KEY_BYTES + 2];
    uint32_t number;
};

/* The keys of all entries, in random order. */
extern struct entry_key entry_keys[ENTRIES];
/* Makes them; again does nothing. For setups. */
void entry_keys_init(void);

static inline const struct entry_key *entry_key_at(uint64_t i) { return &entry_keys[i % ENTRIES]; }

static inline void entry_check(const void *entry, uint64_t number)
{
    uint64_t seen;
    memcpy(&seen, entry, sizeof seen);
    if (__builtin_expect(seen != number, 0))
        die("entry %llu is where %llu should be", (unsigned long long)seen, (unsigned long long)number);
}

#ifdef __cplusplus
}
#endif
#endif
