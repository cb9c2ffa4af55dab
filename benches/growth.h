/* How dict and list behave as they grow: time for one operation, longest single one, memory for one entry. */
#ifndef BENCH_GROWTH_H
#define BENCH_GROWTH_H

#include "bench.h"

enum {
    GROWTH_LEAST = 1000,
    GROWTH_MOST = 1000000,
    GROWTH_MOST_LONG = 10000000,
    GROWTH_POINTS = 5, /* 10^3, 10^4, ... 10^7 */
    GROWTH_OPS = 3
};

struct growth_cost {
    double mean_ns;
    double longest_ns;
};

struct growth_point {
    uint64_t entries;
    struct growth_cost cost[GROWTH_OPS];
    double used_bytes, committed_bytes; /* for one entry */
};

struct growth_side;

/* What came of one container. */
struct growth {
    const struct growth_side *side;
    size_t count;
    struct growth_point point[GROWTH_POINTS];
};

/* ours_growth.c: a container that can grow. The operations take the number of an entry. */
struct growth_side {
    const char *name, *title;
    const char *op_title[GROWTH_OPS];
    /* [0] adds entry `number`, [1] reads any one, [2] replaces one, or takes the last one away. */
    void (*op[GROWTH_OPS])(void *object, uint64_t number);
    bool takes_away;
    /* In the member: a new, empty one that may have so many entries. */
    void *(*create)(uint64_t most);
    void (*memory)(void *object, double *used_bytes, double *committed_bytes);
    void (*close)(void *object);
};

extern const struct growth_side growth_sides[];
extern const size_t growth_side_count;

/* growth.c. False: the run is broken. */
bool growth_run(const struct growth_side *side, uint64_t most, struct growth *out);
void growth_table(const struct growth *grown, size_t count);
/* directory/growth.json */
bool growth_json(const struct growth *grown, size_t count, const char *directory);

#endif
