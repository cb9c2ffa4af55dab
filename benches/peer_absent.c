/* Where Boost is not installed, its containers say so; built in their place. */
#ifdef BENCH_NO_BOOST
#include "sides.h"

static const char *setup(struct run *run)
{
    (void)run;
    return "Boost is not installed (apt-get install libboost-dev)";
}

#define ABSENT(id, called) const struct side id = {.name = called, .members = 1, .setup = setup}

ABSENT(ref_boost_map_get, "Boost map");
ABSENT(ref_boost_map_set, "Boost map");
ABSENT(ref_boost_map_get_two, "Boost map");
ABSENT(ref_boost_map_set_two, "Boost map");
ABSENT(ref_boost_hash_get, "Boost unordered_map");
ABSENT(ref_boost_hash_set, "Boost unordered_map");
ABSENT(ref_boost_vector_append, "Boost vector");
ABSENT(ref_boost_vector_get, "Boost vector");
ABSENT(ref_boost_deque_append, "Boost deque");
ABSENT(ref_boost_deque_get, "Boost deque");
ABSENT(ref_boost_vector_append_int, "Boost vector");
#else
typedef int peer_absent_is_empty; /* ISO C wants a declaration in every file */
#endif
