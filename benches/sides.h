/* Every side there is. A case in cases.c puts one of ours against its references. */
#ifndef BENCH_SIDES_H
#define BENCH_SIDES_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PAUSE_NS = 30000, /* longer than it takes to fall asleep */
    WORK_OUTSIDE = 200, /* turns of an empty loop between two critical sections */
    STRUCT_BYTES = 64,
    ARRAY_LENGTH = 128 /* elements of 8 bytes */
};

/* ours_domain.c: the private domain that everything of ours lives in. */
void ours_begin(void);
/* Leaves and removes the domain. False, with the reason on stderr, if something was left in it. */
bool ours_end(void);
const char *ours_version(void);
/* ours_server.c: the server of a manager, with socket and key in that directory; main() of `--serve DIRECTORY`. */
int ours_serve(const char *directory);

/* ours_lock.c */
extern const struct side ours_lock, ours_lock_contend, ours_lock_contend_work;
/* ours_value.c */
extern const struct side ours_add, ours_get, ours_set, ours_load, ours_store, ours_snapshot_load, ours_snapshot_store,
    ours_array_get, ours_array_set, ours_array_read;
/* ours_queue.c */
extern const struct side ours_queue, ours_queue_batch, ours_queue_pair, ours_queue_1k, ours_queue_64k,
    ours_queue_1m, ours_queue_in_place;
extern const struct side ours_hand_off, ours_hand_off_spinning;
/* ours_pipe.c */
extern const struct side ours_pipe_exclusive, ours_pipe_shared, ours_pipe_exclusive_64, ours_pipe_shared_64,
    ours_pipe_blocking, ours_pipe_64k, ours_pipe_1m, ours_pipe_in_place;
/* ours_rlock.c */
extern const struct side ours_rlock, ours_rlock_inner;
/* ours_rwlock.c */
extern const struct side ours_rwlock_read, ours_rwlock_write, ours_rwlock_readers;
/* ours_semaphore.c */
extern const struct side ours_semaphore, ours_semaphore_accounting;
/* ours_condition.c */
extern const struct side ours_condition, ours_condition_spinning;
/* ours_event.c */
extern const struct side ours_event, ours_event_is_set;
/* ours_barrier.c */
extern const struct side ours_barrier, ours_barrier_spinning;
/* ours_wait.c */
extern const struct side ours_wait_1, ours_wait_16, ours_wait_16_spinning, ours_wait_126, ours_wait_ready, ours_polled,
    ours_value_hand_off, ours_value_hand_off_spinning, ours_value_notify, ours_value_store_notify;
/* ours_dict.c; get and set: by one process; ..._two: by two at a time; ..._one: by one, as long as those */
extern const struct side ours_dict_get, ours_dict_set, ours_dict_get_two, ours_dict_set_two, ours_dict_get_one,
    ours_dict_set_one;
/* ours_dict.c, ours_list.c: through a manager that gives the memory */
extern const struct side ours_near_dict_get, ours_near_dict_set, ours_near_list_append, ours_near_list_get;
/* ours_list.c */
extern const struct side ours_list_append, ours_list_append_int, ours_list_get;
/* ours_far.c: through a manager over TCP; ..._many: many in one message */
extern const struct side ours_far_get, ours_far_set, ours_far_get_many, ours_far_set_many, ours_far_crowd,
    ours_far_hand_off;
/* ours_datum.c */
extern const struct side ours_datum_bytes, ours_datum_map;

/* ref_lock.c */
extern const struct side ref_mutex, ref_mutex_robust, ref_lock_word, ref_mutex_contend, ref_mutex_contend_work,
    ref_recursive, ref_recursive_robust, ref_recursive_inner;
/* ref_rwlock.c */
extern const struct side ref_rwlock_read, ref_rwlock_write, ref_rwlock_readers;
/* ref_semaphore.c */
extern const struct side ref_semaphore;
/* ref_condition.c */
extern const struct side ref_condition, ref_event, ref_event_is_set;
/* ref_barrier.c */
extern const struct side ref_barrier;
/* ref_value.c */
extern const struct side ref_add, ref_load, ref_store, ref_structure_load, ref_structure_store, ref_array_get,
    ref_array_set, ref_array_read, ref_notify, ref_store_notify;
/* ref_ring.c */
extern const struct side ref_ring, ref_ring_batch, ref_ring_pair;
/* ref_futex.c */
extern const struct side ref_futex, ref_spin;
/* ref_memory.c */
extern const struct side ref_line, ref_buffers;
/* ref_stream.c */
extern const struct side ref_socket_1k, ref_socket_64k, ref_socket_1m, ref_pipe_1k, ref_pipe_64k, ref_socket_ping_pong;
/* ref_epoll.c */
extern const struct side ref_epoll_socket_1, ref_epoll_socket_16, ref_epoll_pipe_16, ref_epoll_socket_126,
    ref_epoll_socket_16_awake, ref_poll_pipe_16, ref_epoll_datagram, ref_epoll_stream;
/* ref_mqueue.c */
extern const struct side ref_mqueue, ref_mqueue_pair;
/* peer_boost_queue.cpp; absent when built with BENCH_NO_BOOST */
extern const struct side ref_boost, ref_boost_pair;
/* peer_boost_containers.cpp, or peer_absent.c */
extern const struct side ref_boost_map_get, ref_boost_map_set, ref_boost_map_get_two, ref_boost_map_set_two,
    ref_boost_hash_get, ref_boost_hash_set, ref_boost_vector_append, ref_boost_vector_get, ref_boost_deque_append,
    ref_boost_deque_get, ref_boost_vector_append_int;
/* peer_redis.c */
extern const struct side ref_redis_get, ref_redis_set;
/* peer_redis_far.c */
extern const struct side ref_redis_far_get, ref_redis_far_set, ref_redis_far_get_many, ref_redis_far_set_many,
    ref_redis_far_crowd, ref_redis_far_hand_off;
/* peer_manager.c */
extern const struct side ref_manager_dict_get, ref_manager_dict_set, ref_manager_list_append, ref_manager_list_get;

#ifdef __cplusplus
}
#endif
#endif
