/*
 * One C call for each Go operation. A goroutine may move to another thread between two C calls, so the
 * call and the copy of the thread's last error must be one; options are assembled here because Go may
 * not pass memory that points to other Go memory.
 */
#ifndef MPROC_GO_SHIM_H
#define MPROC_GO_SHIM_H

#include <mproc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* The kinds of handle, as numbers; those of objects are the header's. */
enum {
	GOMP_DOMAIN = 100,
	GOMP_HANDLE,
	GOMP_MANAGER,
	GOMP_BATCH,
	GOMP_LOCK = MPROC_KIND_LOCK,
	GOMP_VALUE = MPROC_KIND_VALUE,
	GOMP_ARRAY = MPROC_KIND_ARRAY,
	GOMP_QUEUE = MPROC_KIND_QUEUE,
	GOMP_PIPE = MPROC_KIND_PIPE,
	GOMP_RLOCK = MPROC_KIND_RLOCK,
	GOMP_RWLOCK = MPROC_KIND_RWLOCK,
	GOMP_SEMAPHORE = MPROC_KIND_SEMAPHORE,
	GOMP_CONDITION = MPROC_KIND_CONDITION,
	GOMP_EVENT = MPROC_KIND_EVENT,
	GOMP_BARRIER = MPROC_KIND_BARRIER,
	GOMP_DICT = MPROC_KIND_DICT,
	GOMP_LIST = MPROC_KIND_LIST,
	GOMP_NAMESPACE = MPROC_KIND_NAMESPACE
};

/* Where an object comes from. The first two take a domain and a name, the third a mproc_handle_t and no name. */
enum { GOMP_CREATE = 1, GOMP_OPEN, GOMP_IMPORT };

#define GOMP_BOTH_ENDS 2

/* What a creating or opening call hands back. */
typedef struct {
	void *handle;
	mproc_cancel_t *closing; /* set by Close to end waits on this handle */
	void *ptr;               /* direct memory; NULL where there is none */
} gomp_made_t;

static inline int gomp_end(int status, mproc_error_t *err)
{
	if (status < 0)
		mproc_last_error(err, sizeof *err);
	return status;
}

/*
 * Sleeping under a token costs about half a microsecond more than without. A wait that only Close may end
 * (timeout GOMP_UNTIL_CLOSED) goes without at first: short waits pay nothing, and Close ends long ones.
 */
#define GOMP_UNTIL_CLOSED (-2)
#define GOMP_WITHOUT_NS 20000000

/* `call` uses wait_ns and token. */
#define GOMP_WAIT(status, timeout_ns, cancel, call)                       \
	do {                                                              \
		int64_t wait_ns = (timeout_ns);                           \
		const mproc_cancel_t *token = (cancel);                   \
		if (wait_ns == GOMP_UNTIL_CLOSED) {                       \
			wait_ns = GOMP_WITHOUT_NS;                        \
			token = NULL;                                     \
			(status) = (call);                                \
			if ((status) != MPROC_ETIMEDOUT)                  \
				break;                                    \
			wait_ns = MPROC_FOREVER;                          \
			token = (cancel);                                 \
		}                                                         \
		(status) = (call);                                        \
	} while (0)

/* For what must be one wait: where a first round that timed out would leave something undone, or give something up. */
static inline int64_t gomp_whole(int64_t timeout_ns)
{
	return timeout_ns == GOMP_UNTIL_CLOSED ? MPROC_FOREVER : timeout_ns;
}

static inline void gomp_close(int kind, void *handle, mproc_cancel_t *closing)
{
	switch (kind) {
	case GOMP_DOMAIN: mproc_domain_close((mproc_domain_t *)handle); break;
	case GOMP_LOCK: mproc_lock_close((mproc_lock_t *)handle); break;
	case GOMP_VALUE: mproc_value_close((mproc_value_t *)handle); break;
	case GOMP_ARRAY: mproc_array_close((mproc_array_t *)handle); break;
	case GOMP_QUEUE: mproc_queue_close((mproc_queue_t *)handle); break;
	case GOMP_PIPE: mproc_pipe_close((mproc_pipe_t *)handle); break;
	case GOMP_RLOCK: mproc_rlock_close((mproc_rlock_t *)handle); break;
	case GOMP_RWLOCK: mproc_rwlock_close((mproc_rwlock_t *)handle); break;
	case GOMP_SEMAPHORE: mproc_semaphore_close((mproc_semaphore_t *)handle); break;
	case GOMP_CONDITION: mproc_condition_close((mproc_condition_t *)handle); break;
	case GOMP_EVENT: mproc_event_close((mproc_event_t *)handle); break;
	case GOMP_BARRIER: mproc_barrier_close((mproc_barrier_t *)handle); break;
	case GOMP_DICT: mproc_dict_close((mproc_dict_t *)handle); break;
	case GOMP_LIST: mproc_list_close((mproc_list_t *)handle); break;
	case GOMP_NAMESPACE: mproc_namespace_close((mproc_namespace_t *)handle); break;
	case GOMP_HANDLE: mproc_handle_close((mproc_handle_t *)handle); break;
	case GOMP_MANAGER: mproc_manager_close((mproc_manager_t *)handle); break;
	case GOMP_BATCH: mproc_batch_close((mproc_batch_t *)handle); break;
	}
	mproc_cancel_close(closing);
}

/* ---- domain ---- */

static inline int gomp_domain_open(const char *path, uint32_t flags, int64_t busy_timeout_ns,
				   gomp_made_t *made, mproc_error_t *err)
{
	mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
	mproc_domain_t *domain = NULL;
	int status;

	options.path = path;
	options.flags = flags;
	options.busy_timeout_ns = busy_timeout_ns;
	status = mproc_domain_open(&options, &domain);
	if (status >= 0)
		made->handle = domain;
	return gomp_end(status, err);
}

static inline int gomp_domain_path(const void *domain, char *buf, size_t cap, size_t *len_out, mproc_error_t *err)
{
	return gomp_end(mproc_domain_path((const mproc_domain_t *)domain, buf, cap, len_out), err);
}

static inline int gomp_domain_id(const void *domain, uint8_t *id_out, mproc_error_t *err)
{
	return gomp_end(mproc_domain_id((const mproc_domain_t *)domain, id_out), err);
}

static inline int gomp_domain_self(const void *domain, mproc_owner_t *owner_out, mproc_error_t *err)
{
	return gomp_end(mproc_domain_self((const mproc_domain_t *)domain, owner_out, sizeof *owner_out), err);
}

static inline int gomp_domain_unlink(const void *domain, const char *name, mproc_error_t *err)
{
	return gomp_end(mproc_domain_unlink((const mproc_domain_t *)domain, name), err);
}

static inline int gomp_domain_sweep(const void *domain, size_t *removed_out, mproc_error_t *err)
{
	return gomp_end(mproc_domain_sweep((const mproc_domain_t *)domain, removed_out), err);
}

static inline int gomp_domain_remove(const char *path, mproc_error_t *err)
{
	return gomp_end(mproc_domain_remove(path), err);
}

/* ---- creating and opening: each also makes the token that Close uses and fetches what Go needs ---- */

#define GOMP_MAKE(status, how, kind, from, name, options, out)                                                   \
	do {                                                                                                     \
		switch (how) {                                                                                   \
		case GOMP_CREATE: (status) = mproc_##kind##_create((const mproc_domain_t *)(from), name, options, out); break; \
		case GOMP_OPEN: (status) = mproc_##kind##_open((const mproc_domain_t *)(from), name, options, out); break; \
		default: (status) = mproc_##kind##_import((const mproc_handle_t *)(from), options, out); break;  \
		}                                                                                                \
	} while (0)

/* The second half of a creation: the token, and on failure the way back. */
static inline int gomp_made(int kind, int status, void *handle, void *ptr, gomp_made_t *made, mproc_error_t *err)
{
	mproc_cancel_t *closing = NULL;
	int more;

	if (status < 0)
		return gomp_end(status, err);
	more = mproc_cancel_create(&closing);
	if (more < 0) {
		gomp_end(more, err);
		gomp_close(kind, handle, NULL);
		return more;
	}
	made->handle = handle;
	made->closing = closing;
	made->ptr = ptr;
	return status;
}

static inline int gomp_lock_make(int how, const void *from, const char *name, uint32_t flags,
				 gomp_made_t *made, mproc_error_t *err)
{
	mproc_lock_options_t options = MPROC_LOCK_OPTIONS_INIT;
	mproc_lock_t *lock = NULL;
	int status;

	options.flags = flags;
	GOMP_MAKE(status, how, lock, from, name, &options, &lock);
	return gomp_made(GOMP_LOCK, status, lock, NULL, made, err);
}

static inline int gomp_rlock_make(int how, const void *from, const char *name, uint32_t flags,
				  gomp_made_t *made, mproc_error_t *err)
{
	mproc_rlock_options_t options = MPROC_RLOCK_OPTIONS_INIT;
	mproc_rlock_t *rlock = NULL;
	int status;

	options.flags = flags;
	GOMP_MAKE(status, how, rlock, from, name, &options, &rlock);
	return gomp_made(GOMP_RLOCK, status, rlock, NULL, made, err);
}

static inline int gomp_rwlock_make(int how, const void *from, const char *name, uint32_t flags,
				   gomp_made_t *made, mproc_error_t *err)
{
	mproc_rwlock_options_t options = MPROC_RWLOCK_OPTIONS_INIT;
	mproc_rwlock_t *rwlock = NULL;
	int status;

	options.flags = flags;
	GOMP_MAKE(status, how, rwlock, from, name, &options, &rwlock);
	return gomp_made(GOMP_RWLOCK, status, rwlock, NULL, made, err);
}

static inline int gomp_semaphore_make(int how, const void *from, const char *name, uint32_t flags, uint32_t initial,
				      gomp_made_t *made, mproc_error_t *err)
{
	mproc_semaphore_options_t options = MPROC_SEMAPHORE_OPTIONS_INIT;
	mproc_semaphore_t *semaphore = NULL;
	int status;

	options.flags = flags;
	if (how == GOMP_CREATE)
		options.initial = initial;
	GOMP_MAKE(status, how, semaphore, from, name, &options, &semaphore);
	return gomp_made(GOMP_SEMAPHORE, status, semaphore, NULL, made, err);
}

static inline int gomp_condition_make(int how, const void *from, const char *name, uint32_t flags, const void *lock,
				      const void *rlock, gomp_made_t *made, mproc_error_t *err)
{
	mproc_condition_options_t options = MPROC_CONDITION_OPTIONS_INIT;
	mproc_condition_t *condition = NULL;
	int status;

	options.flags = flags;
	options.lock = (const mproc_lock_t *)lock;
	options.rlock = (const mproc_rlock_t *)rlock;
	GOMP_MAKE(status, how, condition, from, name, &options, &condition);
	return gomp_made(GOMP_CONDITION, status, condition, NULL, made, err);
}

static inline int gomp_event_make(int how, const void *from, const char *name, uint32_t flags,
				  gomp_made_t *made, mproc_error_t *err)
{
	mproc_event_options_t options = MPROC_EVENT_OPTIONS_INIT;
	mproc_event_t *event = NULL;
	int status;

	options.flags = flags;
	GOMP_MAKE(status, how, event, from, name, &options, &event);
	return gomp_made(GOMP_EVENT, status, event, NULL, made, err);
}

static inline int gomp_barrier_make(int how, const void *from, const char *name, uint32_t flags, uint32_t parties,
				    gomp_made_t *made, mproc_error_t *err)
{
	mproc_barrier_options_t options = MPROC_BARRIER_OPTIONS_INIT;
	mproc_barrier_t *barrier = NULL;
	int status;

	options.flags = flags;
	if (how == GOMP_CREATE)
		options.parties = parties;
	GOMP_MAKE(status, how, barrier, from, name, &options, &barrier);
	return gomp_made(GOMP_BARRIER, status, barrier, NULL, made, err);
}

static inline int gomp_queue_make(int how, const void *from, const char *name, uint32_t flags,
				  uint32_t max_items, uint64_t capacity_bytes, gomp_made_t *made, mproc_error_t *err)
{
	mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
	mproc_queue_t *queue = NULL;
	int status;

	options.flags = flags;
	options.max_items = max_items;
	options.capacity_bytes = capacity_bytes;
	GOMP_MAKE(status, how, queue, from, name, &options, &queue);
	return gomp_made(GOMP_QUEUE, status, queue, NULL, made, err);
}

static inline int gomp_queue_producer(const void *queue, gomp_made_t *made, mproc_error_t *err)
{
	mproc_queue_t *producer = NULL;
	int status = mproc_queue_producer((const mproc_queue_t *)queue, &producer);

	return gomp_made(GOMP_QUEUE, status, producer, NULL, made, err);
}

/* `end` 0 or 1 makes one handle, GOMP_BOTH_ENDS (creating only) two. A handle that travelled knows its end. */
static inline int gomp_pipe_make(int how, const void *from, const char *name, uint32_t flags, uint64_t capacity_bytes,
				 int end, gomp_made_t *made, mproc_error_t *err)
{
	mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
	mproc_pipe_t *pipes[2] = { NULL, NULL };
	int status, more;

	options.flags = flags;
	options.capacity_bytes = capacity_bytes;
	switch (how) {
	case GOMP_CREATE:
		status = mproc_pipe_create((const mproc_domain_t *)from, name, &options, end == 1 ? NULL : &pipes[0],
					   end == 0 ? NULL : &pipes[1]);
		break;
	case GOMP_OPEN: status = mproc_pipe_open((const mproc_domain_t *)from, name, &options, end, &pipes[0]); break;
	default: status = mproc_pipe_import((const mproc_handle_t *)from, &options, &pipes[0]); break;
	}
	if (end != GOMP_BOTH_ENDS || status < 0)
		return gomp_made(GOMP_PIPE, status, pipes[0] ? pipes[0] : pipes[1], NULL, made, err);
	more = gomp_made(GOMP_PIPE, status, pipes[0], NULL, &made[0], err);
	if (more < 0) {
		mproc_pipe_close(pipes[1]);
		return more;
	}
	more = gomp_made(GOMP_PIPE, status, pipes[1], NULL, &made[1], err);
	if (more < 0)
		gomp_close(GOMP_PIPE, made[0].handle, made[0].closing);
	return more;
}

static inline int gomp_value_make(int how, const void *from, const char *name, int32_t type_code, uint32_t flags,
				  size_t elem_size, size_t elem_align, uint64_t schema, const unsigned char *initial,
				  gomp_made_t *made, mproc_value_info_t *info, mproc_error_t *err)
{
	mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
	mproc_value_t *value = NULL;
	void *ptr = NULL;
	int status, more = MPROC_OK;

	options.type_code = type_code;
	options.flags = flags;
	options.elem_size = elem_size;
	options.elem_align = elem_align;
	options.schema = schema;
	options.initial = initial;
	GOMP_MAKE(status, how, value, from, name, &options, &value);
	if (status >= 0)
		more = mproc_value_info(value, info, sizeof *info);
	/* A SNAPSHOT struct has no pointer, and nothing has that is behind a connection. */
	if (status >= 0 && more >= 0 && (info->type_code != MPROC_TYPE_STRUCT || (info->flags & MPROC_RAW)))
		more = mproc_value_ptr(value, &ptr);
	if (more == MPROC_ENOTSUP)
		more = MPROC_OK;
	if (more < 0) {
		gomp_end(more, err);
		mproc_value_close(value);
		return more;
	}
	return gomp_made(GOMP_VALUE, status, value, ptr, made, err);
}

static inline int gomp_array_make(int how, const void *from, const char *name, int32_t type_code, uint32_t flags,
				  size_t elem_size, size_t elem_align, uint64_t schema, size_t ndim,
				  const size_t *shape, const unsigned char *initial, size_t initial_count,
				  gomp_made_t *made, mproc_array_info_t *info, mproc_error_t *err)
{
	mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
	mproc_array_t *array = NULL;
	void *ptr = NULL;
	int status, more = MPROC_OK;

	options.type_code = type_code;
	options.flags = flags;
	options.elem_size = elem_size;
	options.elem_align = elem_align;
	options.schema = schema;
	options.ndim = ndim;
	memcpy(options.shape, shape, sizeof options.shape); /* always MPROC_MAX_DIMS entries */
	options.initial = initial;
	options.initial_count = initial_count;
	GOMP_MAKE(status, how, array, from, name, &options, &array);
	if (status >= 0)
		more = mproc_array_info(array, info, sizeof *info);
	if (status >= 0 && more >= 0)
		more = mproc_array_ptr(array, &ptr);
	if (more == MPROC_ENOTSUP) /* behind a connection */
		more = MPROC_OK;
	if (more < 0) {
		gomp_end(more, err);
		mproc_array_close(array);
		return more;
	}
	return gomp_made(GOMP_ARRAY, status, array, ptr, made, err);
}

/* ---- handles that travel ---- */

/* The second half of getting a handle: its kind, and as with any other. */
static inline int gomp_made_handle(int status, mproc_handle_t *handle, gomp_made_t *made, uint32_t *kind_out,
				   mproc_error_t *err)
{
	int more = status < 0 ? MPROC_OK : mproc_handle_kind(handle, kind_out);

	if (more < 0) {
		gomp_end(more, err);
		mproc_handle_close(handle);
		return more;
	}
	return gomp_made(GOMP_HANDLE, status, handle, NULL, made, err);
}

static inline int gomp_export(int kind, const void *object, gomp_made_t *made, uint32_t *kind_out, mproc_error_t *err)
{
	mproc_handle_t *handle = NULL;
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_LOCK: status = mproc_lock_export((const mproc_lock_t *)object, &handle); break;
	case GOMP_VALUE: status = mproc_value_export((const mproc_value_t *)object, &handle); break;
	case GOMP_ARRAY: status = mproc_array_export((const mproc_array_t *)object, &handle); break;
	case GOMP_QUEUE: status = mproc_queue_export((const mproc_queue_t *)object, &handle); break;
	case GOMP_PIPE: status = mproc_pipe_export((const mproc_pipe_t *)object, &handle); break;
	case GOMP_RLOCK: status = mproc_rlock_export((const mproc_rlock_t *)object, &handle); break;
	case GOMP_RWLOCK: status = mproc_rwlock_export((const mproc_rwlock_t *)object, &handle); break;
	case GOMP_SEMAPHORE: status = mproc_semaphore_export((const mproc_semaphore_t *)object, &handle); break;
	case GOMP_CONDITION: status = mproc_condition_export((const mproc_condition_t *)object, &handle); break;
	case GOMP_EVENT: status = mproc_event_export((const mproc_event_t *)object, &handle); break;
	case GOMP_BARRIER: status = mproc_barrier_export((const mproc_barrier_t *)object, &handle); break;
	case GOMP_DICT: status = mproc_dict_export((const mproc_dict_t *)object, &handle); break;
	case GOMP_LIST: status = mproc_list_export((const mproc_list_t *)object, &handle); break;
	case GOMP_NAMESPACE: status = mproc_namespace_export((const mproc_namespace_t *)object, &handle); break;
	}
	return gomp_made_handle(status, handle, made, kind_out, err);
}

static inline int gomp_inherited(const char *name, gomp_made_t *made, uint32_t *kind_out, mproc_error_t *err)
{
	mproc_handle_t *handle = NULL;
	int status = mproc_inherited(name, &handle);

	return gomp_made_handle(status, handle, made, kind_out, err);
}

static inline int gomp_handle_descriptors(const void *handle, int *registry_fd_out, int *object_fd_out,
					  mproc_error_t *err)
{
	return gomp_end(mproc_handle_descriptors((const mproc_handle_t *)handle, registry_fd_out, object_fd_out), err);
}

static inline int gomp_handle_token(const void *handle, int registry_fd, int object_fd, char *buf, size_t cap,
				    size_t *len_out, mproc_error_t *err)
{
	return gomp_end(mproc_handle_token((const mproc_handle_t *)handle, registry_fd, object_fd, buf, cap, len_out),
			err);
}

/* On sockets a first round that timed out may have moved a part of the message. */
static inline int gomp_send_handle(int socket, const void *handle, int64_t timeout_ns, const mproc_cancel_t *cancel,
				   mproc_error_t *err)
{
	return gomp_end(mproc_send_handle(socket, (const mproc_handle_t *)handle, gomp_whole(timeout_ns), cancel), err);
}

static inline int gomp_recv_handle(int socket, int64_t timeout_ns, const mproc_cancel_t *cancel, gomp_made_t *made,
				   uint32_t *kind_out, mproc_error_t *err)
{
	mproc_handle_t *handle = NULL;
	int status = mproc_recv_handle(socket, &handle, gomp_whole(timeout_ns), cancel);

	return gomp_made_handle(status, handle, made, kind_out, err);
}

/* ---- what is held: a lock of any kind, that of a value, an array, a condition; a permit of a semaphore ---- */

/* Whom it is for: of an rlock or a condition, the owner of this token; of an rwlock, one of these. */
enum { GOMP_WRITER, GOMP_READER };

/* A writer keeps readers out while it waits, so its wait is in one piece. */
static inline int gomp_acquire(int kind, const void *handle, uint64_t as, int64_t timeout_ns,
			       const mproc_cancel_t *cancel, mproc_error_t *err)
{
	const mproc_rwlock_t *rwlock = (const mproc_rwlock_t *)handle;
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_LOCK: GOMP_WAIT(status, timeout_ns, cancel, mproc_lock_lock((const mproc_lock_t *)handle, wait_ns, token)); break;
	case GOMP_VALUE: GOMP_WAIT(status, timeout_ns, cancel, mproc_value_lock((const mproc_value_t *)handle, wait_ns, token)); break;
	case GOMP_ARRAY: GOMP_WAIT(status, timeout_ns, cancel, mproc_array_lock((const mproc_array_t *)handle, wait_ns, token)); break;
	case GOMP_RLOCK: GOMP_WAIT(status, timeout_ns, cancel, mproc_rlock_lock_as((const mproc_rlock_t *)handle, as, wait_ns, token)); break;
	case GOMP_RWLOCK:
		if (as == GOMP_READER)
			GOMP_WAIT(status, timeout_ns, cancel, mproc_rwlock_read_lock(rwlock, wait_ns, token));
		else
			status = mproc_rwlock_write_lock(rwlock, gomp_whole(timeout_ns), cancel);
		break;
	case GOMP_SEMAPHORE: GOMP_WAIT(status, timeout_ns, cancel, mproc_semaphore_acquire((const mproc_semaphore_t *)handle, wait_ns, token)); break;
	case GOMP_CONDITION: GOMP_WAIT(status, timeout_ns, cancel, mproc_condition_lock_as((const mproc_condition_t *)handle, as, wait_ns, token)); break;
	}
	return gomp_end(status, err);
}

static inline int gomp_release(int kind, const void *handle, uint64_t as, mproc_error_t *err)
{
	const mproc_rwlock_t *rwlock = (const mproc_rwlock_t *)handle;
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_LOCK: status = mproc_lock_unlock((const mproc_lock_t *)handle); break;
	case GOMP_VALUE: status = mproc_value_unlock((const mproc_value_t *)handle); break;
	case GOMP_ARRAY: status = mproc_array_unlock((const mproc_array_t *)handle); break;
	case GOMP_RLOCK: status = mproc_rlock_unlock_as((const mproc_rlock_t *)handle, as); break;
	case GOMP_RWLOCK: status = as == GOMP_READER ? mproc_rwlock_read_unlock(rwlock) : mproc_rwlock_write_unlock(rwlock); break;
	case GOMP_SEMAPHORE: status = mproc_semaphore_release((const mproc_semaphore_t *)handle, 1); break;
	case GOMP_CONDITION: status = mproc_condition_unlock_as((const mproc_condition_t *)handle, as); break;
	}
	return gomp_end(status, err);
}

static inline int gomp_owner(int kind, const void *handle, mproc_owner_t *owner_out, mproc_error_t *err)
{
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_LOCK: status = mproc_lock_owner((const mproc_lock_t *)handle, owner_out, sizeof *owner_out); break;
	case GOMP_VALUE: status = mproc_value_lock_owner((const mproc_value_t *)handle, owner_out, sizeof *owner_out); break;
	case GOMP_ARRAY: status = mproc_array_lock_owner((const mproc_array_t *)handle, owner_out, sizeof *owner_out); break;
	}
	return gomp_end(status, err);
}

static inline int gomp_rlock_info(const void *rlock, mproc_rlock_info_t *info_out, mproc_error_t *err)
{
	return gomp_end(mproc_rlock_info((const mproc_rlock_t *)rlock, info_out, sizeof *info_out), err);
}

static inline int gomp_rwlock_info(const void *rwlock, mproc_rwlock_info_t *info_out, mproc_error_t *err)
{
	return gomp_end(mproc_rwlock_info((const mproc_rwlock_t *)rwlock, info_out, sizeof *info_out), err);
}

static inline int gomp_semaphore_release(const void *semaphore, uint32_t n, mproc_error_t *err)
{
	return gomp_end(mproc_semaphore_release((const mproc_semaphore_t *)semaphore, n), err);
}

static inline int gomp_semaphore_info(const void *semaphore, mproc_semaphore_info_t *info_out, mproc_error_t *err)
{
	return gomp_end(mproc_semaphore_info((const mproc_semaphore_t *)semaphore, info_out, sizeof *info_out), err);
}

/* ---- condition ---- */

/* In one piece: between two rounds a notification would be missed. */
static inline int gomp_condition_wait(const void *condition, uint64_t as, int64_t timeout_ns,
				      const mproc_cancel_t *cancel, mproc_error_t *err)
{
	return gomp_end(mproc_condition_wait_as((const mproc_condition_t *)condition, as, gomp_whole(timeout_ns), cancel),
			err);
}

static inline int gomp_condition_notify(const void *condition, uint32_t n, mproc_error_t *err)
{
	return gomp_end(mproc_condition_notify((const mproc_condition_t *)condition, n), err);
}

static inline int gomp_condition_notify_all(const void *condition, mproc_error_t *err)
{
	return gomp_end(mproc_condition_notify_all((const mproc_condition_t *)condition), err);
}

static inline int gomp_condition_info(const void *condition, mproc_condition_info_t *info_out, mproc_error_t *err)
{
	return gomp_end(mproc_condition_info((const mproc_condition_t *)condition, info_out, sizeof *info_out), err);
}

/* ---- event ---- */

static inline int gomp_event_set(const void *event, mproc_error_t *err)
{
	return gomp_end(mproc_event_set((const mproc_event_t *)event), err);
}

static inline int gomp_event_clear(const void *event, mproc_error_t *err)
{
	return gomp_end(mproc_event_clear((const mproc_event_t *)event), err);
}

static inline int gomp_event_is_set(const void *event, int *set_out, mproc_error_t *err)
{
	return gomp_end(mproc_event_is_set((const mproc_event_t *)event, set_out), err);
}

/* In one piece: an event that is set and cleared again between two rounds would be missed. */
static inline int gomp_event_wait(const void *event, int64_t timeout_ns, const mproc_cancel_t *cancel,
				  mproc_error_t *err)
{
	return gomp_end(mproc_event_wait((const mproc_event_t *)event, gomp_whole(timeout_ns), cancel), err);
}

/* ---- barrier ---- */

/* In one piece: a first round that timed out would break the barrier. */
static inline int gomp_barrier_wait(const void *barrier, int64_t timeout_ns, const mproc_cancel_t *cancel,
				    uint32_t *index_out, mproc_error_t *err)
{
	return gomp_end(mproc_barrier_wait((const mproc_barrier_t *)barrier, gomp_whole(timeout_ns), cancel, index_out),
			err);
}

/* Go's part, in action.go. */
extern int gompAction(uintptr_t action);

static inline int gomp_action(void *context)
{
	return gompAction((uintptr_t)context);
}

/* `action` is a cgo.Handle: a number that Go may not keep in a pointer. */
static inline int gomp_barrier_wait_action(const void *barrier, uintptr_t action, int64_t timeout_ns,
					   const mproc_cancel_t *cancel, uint32_t *index_out, mproc_error_t *err)
{
	return gomp_end(mproc_barrier_wait_action((const mproc_barrier_t *)barrier, gomp_action, (void *)action,
						  gomp_whole(timeout_ns), cancel, index_out),
			err);
}

static inline int gomp_barrier_abort(const void *barrier, mproc_error_t *err)
{
	return gomp_end(mproc_barrier_abort((const mproc_barrier_t *)barrier), err);
}

static inline int gomp_barrier_reset(const void *barrier, mproc_error_t *err)
{
	return gomp_end(mproc_barrier_reset((const mproc_barrier_t *)barrier), err);
}

static inline int gomp_barrier_register(const void *barrier, mproc_error_t *err)
{
	return gomp_end(mproc_barrier_register((const mproc_barrier_t *)barrier), err);
}

static inline int gomp_barrier_unregister(const void *barrier, mproc_error_t *err)
{
	return gomp_end(mproc_barrier_unregister((const mproc_barrier_t *)barrier), err);
}

static inline int gomp_barrier_info(const void *barrier, mproc_barrier_info_t *info_out, mproc_error_t *err)
{
	return gomp_end(mproc_barrier_info((const mproc_barrier_t *)barrier, info_out, sizeof *info_out), err);
}

/* ---- value ---- */

static inline int gomp_value_info(const void *value, mproc_value_info_t *info_out, mproc_error_t *err)
{
	return gomp_end(mproc_value_info((const mproc_value_t *)value, info_out, sizeof *info_out), err);
}

static inline int gomp_value_load(const void *value, unsigned char *out, size_t size, mproc_error_t *err)
{
	return gomp_end(mproc_value_load((const mproc_value_t *)value, out, size), err);
}

static inline int gomp_value_store(const void *value, const unsigned char *in, size_t size, mproc_error_t *err)
{
	return gomp_end(mproc_value_store((const mproc_value_t *)value, in, size), err);
}

static inline int gomp_value_exchange(const void *value, const unsigned char *in, unsigned char *old_out, size_t size,
				      mproc_error_t *err)
{
	return gomp_end(mproc_value_exchange((const mproc_value_t *)value, in, old_out, size), err);
}

static inline int gomp_value_compare_exchange(const void *value, const unsigned char *expected,
					      const unsigned char *desired, size_t size, unsigned char *seen_out,
					      int *swapped_out, mproc_error_t *err)
{
	return gomp_end(mproc_value_compare_exchange((const mproc_value_t *)value, expected, desired, size, seen_out,
						     swapped_out),
			err);
}

/* `operand` and `old_out` are the bits of an int64_t, or with `is_float` of a double. */
static inline int gomp_value_fetch(const void *value, int32_t op, int is_float, uint64_t operand, uint64_t *old_out,
				   mproc_error_t *err)
{
	double number = 0;
	int status;

	if (!is_float)
		return gomp_end(mproc_value_fetch_i64((const mproc_value_t *)value, op, (int64_t)operand,
						      (int64_t *)old_out),
				err);
	memcpy(&number, &operand, sizeof number);
	status = mproc_value_fetch_f64((const mproc_value_t *)value, op, number, &number);
	memcpy(old_out, &number, sizeof number);
	return gomp_end(status, err);
}

static inline int gomp_value_wait(const void *value, const unsigned char *expected, size_t size, int64_t timeout_ns,
				  const mproc_cancel_t *cancel, mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel,
		  mproc_value_wait((const mproc_value_t *)value, expected, size, wait_ns, token));
	return gomp_end(status, err);
}

static inline int gomp_value_notify(const void *value, uint32_t n, mproc_error_t *err)
{
	return gomp_end(mproc_value_notify((const mproc_value_t *)value, n), err);
}

/* ---- array ---- */

static inline int gomp_array_info(const void *array, mproc_array_info_t *info_out, mproc_error_t *err)
{
	return gomp_end(mproc_array_info((const mproc_array_t *)array, info_out, sizeof *info_out), err);
}

static inline int gomp_array_read(const void *array, size_t start, size_t count, unsigned char *out, size_t size,
				  mproc_error_t *err)
{
	return gomp_end(mproc_array_read((const mproc_array_t *)array, start, count, out, size), err);
}

static inline int gomp_array_write(const void *array, size_t start, size_t count, const unsigned char *in, size_t size,
				   mproc_error_t *err)
{
	return gomp_end(mproc_array_write((const mproc_array_t *)array, start, count, in, size), err);
}

/* ---- queue ---- */

static inline int gomp_queue_put(const void *queue, const unsigned char *data, size_t len, int64_t timeout_ns,
				 const mproc_cancel_t *cancel, mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel, mproc_queue_put((const mproc_queue_t *)queue, data, len, wait_ns, token));
	return gomp_end(status, err);
}

static inline int gomp_queue_get(const void *queue, unsigned char *buf, size_t cap, size_t *len_out,
				 int64_t timeout_ns, const mproc_cancel_t *cancel, mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel,
		  mproc_queue_get((const mproc_queue_t *)queue, buf, cap, len_out, wait_ns, token));
	return gomp_end(status, err);
}

/* The messages stand one after the other in `flat`, without gaps. */
static inline int gomp_queue_put_many(const void *queue, const unsigned char *flat, const size_t *lens, size_t count,
				      size_t *done_out, int64_t timeout_ns, const mproc_cancel_t *cancel,
				      mproc_error_t *err)
{
	mproc_message_t few[64], *messages = few;
	size_t i, before = 0, done = 0;
	int status;

	if (count > sizeof few / sizeof few[0]) {
		messages = (mproc_message_t *)calloc(count, sizeof *messages);
		if (!messages) {
			err->status = MPROC_ENOMEM;
			strcpy(err->message, "no memory for the list of messages");
			return MPROC_ENOMEM;
		}
	}
	for (i = 0; i < count; i++) {
		messages[i].data = flat;
		messages[i].len = lens[i];
		flat += lens[i];
	}
	/* The second round, if there is one, goes on where the first one stopped. */
	GOMP_WAIT(status, timeout_ns, cancel,
		  (before += done, done = 0,
		   mproc_queue_put_many((const mproc_queue_t *)queue, messages + before, count - before, &done, wait_ns,
					token)));
	*done_out = before + done;
	status = gomp_end(status, err);
	if (messages != few)
		free(messages);
	return status;
}

static inline int gomp_queue_get_many(const void *queue, unsigned char *buf, size_t cap, size_t *lens_out, size_t max,
				      size_t *count_out, int64_t timeout_ns, const mproc_cancel_t *cancel,
				      mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel,
		  mproc_queue_get_many((const mproc_queue_t *)queue, buf, cap, lens_out, max, count_out, wait_ns, token));
	return gomp_end(status, err);
}

static inline int gomp_queue_size(const void *queue, size_t *items_out, mproc_error_t *err)
{
	return gomp_end(mproc_queue_size((const mproc_queue_t *)queue, items_out), err);
}

static inline int gomp_queue_empty(const void *queue, int *empty_out, mproc_error_t *err)
{
	return gomp_end(mproc_queue_empty((const mproc_queue_t *)queue, empty_out), err);
}

static inline int gomp_queue_full(const void *queue, int *full_out, mproc_error_t *err)
{
	return gomp_end(mproc_queue_full((const mproc_queue_t *)queue, full_out), err);
}

static inline int gomp_queue_shutdown(const void *queue, int immediate, mproc_error_t *err)
{
	return gomp_end(mproc_queue_shutdown((const mproc_queue_t *)queue, immediate), err);
}

static inline int gomp_queue_info(const void *queue, mproc_queue_info_t *info_out, mproc_error_t *err)
{
	return gomp_end(mproc_queue_info((const mproc_queue_t *)queue, info_out, sizeof *info_out), err);
}

static inline int gomp_queue_lease(const void *queue, unsigned char *buf, size_t cap, size_t *len_out,
				   uint64_t *lease_out, int64_t timeout_ns, const mproc_cancel_t *cancel,
				   mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel,
		  mproc_queue_lease((const mproc_queue_t *)queue, buf, cap, len_out, lease_out, wait_ns, token));
	return gomp_end(status, err);
}

static inline int gomp_queue_task_done(const void *queue, mproc_error_t *err)
{
	return gomp_end(mproc_queue_task_done((const mproc_queue_t *)queue), err);
}

static inline int gomp_queue_join(const void *queue, int64_t timeout_ns, const mproc_cancel_t *cancel,
				  mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel, mproc_queue_join((const mproc_queue_t *)queue, wait_ns, token));
	return gomp_end(status, err);
}

/* ---- pipe ---- */

static inline int gomp_pipe_send(const void *pipe, const unsigned char *data, size_t len, int64_t timeout_ns,
				 const mproc_cancel_t *cancel, mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel, mproc_pipe_send((const mproc_pipe_t *)pipe, data, len, wait_ns, token));
	return gomp_end(status, err);
}

static inline int gomp_pipe_recv(const void *pipe, unsigned char *buf, size_t cap, size_t *len_out,
				 int64_t timeout_ns, const mproc_cancel_t *cancel, mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel,
		  mproc_pipe_recv((const mproc_pipe_t *)pipe, buf, cap, len_out, wait_ns, token));
	return gomp_end(status, err);
}

static inline int gomp_pipe_poll(const void *pipe, int64_t timeout_ns, const mproc_cancel_t *cancel,
				 mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel, mproc_pipe_poll((const mproc_pipe_t *)pipe, wait_ns, token));
	return gomp_end(status, err);
}

static inline int gomp_pipe_info(const void *pipe, mproc_pipe_info_t *info_out, mproc_error_t *err)
{
	return gomp_end(mproc_pipe_info((const mproc_pipe_t *)pipe, info_out, sizeof *info_out), err);
}

/* ---- messages in place, of a queue or a pipe ---- */

static inline int gomp_reserve(int kind, const void *handle, size_t len, mproc_view_t *view_out, int64_t timeout_ns,
			       const mproc_cancel_t *cancel, mproc_error_t *err)
{
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_QUEUE:
		GOMP_WAIT(status, timeout_ns, cancel,
			  mproc_queue_reserve((const mproc_queue_t *)handle, len, view_out, wait_ns, token));
		break;
	case GOMP_PIPE:
		GOMP_WAIT(status, timeout_ns, cancel,
			  mproc_pipe_reserve((const mproc_pipe_t *)handle, len, view_out, wait_ns, token));
		break;
	}
	return gomp_end(status, err);
}

static inline int gomp_peek(int kind, const void *handle, mproc_view_t *view_out, int64_t timeout_ns,
			    const mproc_cancel_t *cancel, mproc_error_t *err)
{
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_QUEUE:
		GOMP_WAIT(status, timeout_ns, cancel,
			  mproc_queue_peek((const mproc_queue_t *)handle, view_out, wait_ns, token));
		break;
	case GOMP_PIPE:
		GOMP_WAIT(status, timeout_ns, cancel,
			  mproc_pipe_peek((const mproc_pipe_t *)handle, view_out, wait_ns, token));
		break;
	}
	return gomp_end(status, err);
}

/* The ways to end what is reserved, read in place, or leased. */
enum { GOMP_COMMIT = 1, GOMP_ABORT, GOMP_RELEASE, GOMP_PUTBACK, GOMP_ACK };

/* `len` is for GOMP_COMMIT. */
static inline int gomp_settle(int kind, const void *handle, int how, uint64_t id, size_t len, mproc_error_t *err)
{
	const mproc_queue_t *queue = (const mproc_queue_t *)handle;
	const mproc_pipe_t *pipe = (const mproc_pipe_t *)handle;
	int status = MPROC_EINVAL;

	if (kind == GOMP_QUEUE) {
		switch (how) {
		case GOMP_COMMIT: status = mproc_queue_commit(queue, id, len); break;
		case GOMP_ABORT: status = mproc_queue_abort(queue, id); break;
		case GOMP_RELEASE: status = mproc_queue_release(queue, id); break;
		case GOMP_PUTBACK: status = mproc_queue_putback(queue, id); break;
		case GOMP_ACK: status = mproc_queue_ack(queue, id); break;
		}
	} else if (kind == GOMP_PIPE) {
		switch (how) {
		case GOMP_COMMIT: status = mproc_pipe_commit(pipe, id, len); break;
		case GOMP_ABORT: status = mproc_pipe_abort(pipe, id); break;
		case GOMP_RELEASE: status = mproc_pipe_release(pipe, id); break;
		case GOMP_PUTBACK: status = mproc_pipe_putback(pipe, id); break;
		}
	}
	return gomp_end(status, err);
}

/* ---- many things at once, and descriptors ---- */

#define GOMP_UNEXPECTED SIZE_MAX

/* mproc_wait_item_t, but for a pointer to Go's memory. */
typedef struct {
	uint32_t condition;
	uint32_t reserved;
	const void *object;
	size_t expected; /* where in the bytes given apart; GOMP_UNEXPECTED: NULL */
	size_t size;
} gomp_wait_item_t;

/* `count` is at most MPROC_WAIT_MAX. In one piece: between two rounds an event that is set and cleared, or a
 * notification, would be missed. */
static inline int gomp_wait(const gomp_wait_item_t *items, size_t count, const unsigned char *expected,
			    int64_t timeout_ns, const mproc_cancel_t *cancel, uint32_t *ready_out,
			    size_t *ready_count_out, mproc_error_t *err)
{
	mproc_wait_item_t list[MPROC_WAIT_MAX];
	size_t i;

	for (i = 0; i < count; i++) {
		list[i].condition = items[i].condition;
		list[i].reserved = 0;
		list[i].object = items[i].object;
		list[i].expected = items[i].expected == GOMP_UNEXPECTED ? NULL : expected + items[i].expected;
		list[i].size = items[i].size;
	}
	return gomp_end(mproc_wait(list, count, gomp_whole(timeout_ns), cancel, ready_out, ready_count_out), err);
}

static inline int gomp_fd(int kind, const void *handle, int room, int *fd_out, mproc_error_t *err)
{
	const mproc_queue_t *queue = (const mproc_queue_t *)handle;
	const mproc_pipe_t *pipe = (const mproc_pipe_t *)handle;
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_QUEUE: status = room ? mproc_queue_writable_fd(queue, fd_out) : mproc_queue_readable_fd(queue, fd_out); break;
	case GOMP_PIPE: status = room ? mproc_pipe_writable_fd(pipe, fd_out) : mproc_pipe_readable_fd(pipe, fd_out); break;
	}
	return gomp_end(status, err);
}

/* Is it readable right now? Where that cannot be said it is: to try once more does no harm. */
static inline int gomp_fd_ready(int fd)
{
	struct pollfd one = { fd, POLLIN, 0 };

	return poll(&one, 1, 0) != 0;
}

/* ---- datums ---- */

/* mproc_datum_t, but for the pointer: Go may not pass memory that points to other Go memory. */
typedef struct {
	int32_t type;
	uint32_t kind;
	uint64_t bits;
	uint64_t place;
	size_t len; /* of the bytes given apart */
	uint32_t generation;
	uint32_t reserved;
} gomp_datum_t;

static inline mproc_datum_t gomp_in(const gomp_datum_t *in, const unsigned char *data)
{
	mproc_datum_t d;

	memset(&d, 0, sizeof d);
	d.type = in->type;
	d.kind = in->kind;
	d.as.u = in->bits;
	d.place = in->place;
	switch (in->type) {
	case MPROC_DATUM_STR:
	case MPROC_DATUM_BYTES:
	case MPROC_DATUM_LIST:
	case MPROC_DATUM_MAP:
		d.data = in->len ? (const void *)data : (const void *)"";
		d.len = in->len;
		break;
	case MPROC_DATUM_REF: /* to a named object, or to a container */
		d.data = in->len ? data : NULL;
		d.len = in->len ? in->len : in->generation;
		break;
	}
	return d;
}

static inline void gomp_describe(gomp_datum_t *out, mproc_datum_t d)
{
	int container = d.type == MPROC_DATUM_REF && !d.data;

	out->type = d.type;
	out->kind = d.kind;
	out->bits = d.as.u;
	out->place = d.place;
	out->len = container ? 0 : d.len;
	out->generation = container ? (uint32_t)d.len : 0;
}

/* What came into `buf`; MPROC_EMSGSIZE says only how much room it wants. */
static inline int gomp_out(int status, gomp_datum_t *out, mproc_datum_t d, unsigned char *buf, mproc_error_t *err)
{
	if (status >= 0) {
		gomp_describe(out, d);
		if (out->len && d.data && d.data != buf)
			memmove(buf, d.data, out->len);
	} else if (status == MPROC_EMSGSIZE) {
		out->len = d.len;
	}
	return gomp_end(status, err);
}

static inline mproc_datum_t gomp_nothing(void)
{
	mproc_datum_t d;

	memset(&d, 0, sizeof d);
	return d;
}

static inline int gomp_datum_encode(const gomp_datum_t *in, const unsigned char *data, unsigned char *buf, size_t cap,
				    size_t *len_out, mproc_error_t *err)
{
	return gomp_end(mproc_datum_encode(gomp_in(in, data), buf, cap, len_out), err);
}

/* `at_out` is where in `packed` the bytes of the datum are. */
static inline int gomp_datum_decode(const unsigned char *packed, size_t len, gomp_datum_t *out, size_t *at_out,
				    mproc_error_t *err)
{
	mproc_datum_t d = gomp_nothing();
	int status = mproc_datum_decode(packed, len, &d);

	if (status >= 0) {
		gomp_describe(out, d);
		*at_out = out->len ? (size_t)((const unsigned char *)d.data - packed) : 0;
	}
	return gomp_end(status, err);
}

static inline int gomp_datum_to_json(const gomp_datum_t *in, const unsigned char *data, uint32_t flags,
				     unsigned char *buf, size_t cap, size_t *len_out, mproc_error_t *err)
{
	return gomp_end(mproc_datum_to_json(gomp_in(in, data), flags, (char *)buf, cap, len_out), err);
}

/* A finished datum in a builder: where its bytes are. The builder is the caller's, unless this fails. */
static inline int gomp_built(int status, mproc_builder_t *builder, void **builder_out, gomp_datum_t *out,
			     const void **data_out, mproc_error_t *err)
{
	mproc_datum_t d = gomp_nothing();

	if (status >= 0)
		status = mproc_builder_datum(builder, &d);
	if (status < 0) {
		gomp_end(status, err);
		mproc_builder_close(builder);
		return status;
	}
	gomp_describe(out, d);
	*builder_out = builder;
	*data_out = d.data;
	return status;
}

static inline int gomp_from_json(const unsigned char *json, size_t len, void **builder_out, gomp_datum_t *out,
				 const void **data_out, mproc_error_t *err)
{
	mproc_builder_t *builder = NULL;
	int status = mproc_builder_create(&builder);

	if (status < 0)
		return gomp_end(status, err);
	status = mproc_builder_add_json(builder, len ? (const char *)json : "", len);
	return gomp_built(status, builder, builder_out, out, data_out, err);
}

static inline void gomp_builder_close(void *builder)
{
	mproc_builder_close((mproc_builder_t *)builder);
}

static inline int gomp_queue_put_datum(const void *queue, const gomp_datum_t *in, const unsigned char *data,
				       int64_t timeout_ns, const mproc_cancel_t *cancel, mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel,
		  mproc_queue_put_datum((const mproc_queue_t *)queue, gomp_in(in, data), wait_ns, token));
	return gomp_end(status, err);
}

static inline int gomp_queue_get_datum(const void *queue, unsigned char *buf, size_t cap, gomp_datum_t *out,
				       int64_t timeout_ns, const mproc_cancel_t *cancel, mproc_error_t *err)
{
	mproc_datum_t d = gomp_nothing();
	int status;

	GOMP_WAIT(status, timeout_ns, cancel,
		  mproc_queue_get_datum((const mproc_queue_t *)queue, buf, cap, &d, wait_ns, token));
	return gomp_out(status, out, d, buf, err);
}

static inline int gomp_pipe_send_datum(const void *pipe, const gomp_datum_t *in, const unsigned char *data,
				       int64_t timeout_ns, const mproc_cancel_t *cancel, mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel,
		  mproc_pipe_send_datum((const mproc_pipe_t *)pipe, gomp_in(in, data), wait_ns, token));
	return gomp_end(status, err);
}

static inline int gomp_pipe_recv_datum(const void *pipe, unsigned char *buf, size_t cap, gomp_datum_t *out,
				       int64_t timeout_ns, const mproc_cancel_t *cancel, mproc_error_t *err)
{
	mproc_datum_t d = gomp_nothing();
	int status;

	GOMP_WAIT(status, timeout_ns, cancel,
		  mproc_pipe_recv_datum((const mproc_pipe_t *)pipe, buf, cap, &d, wait_ns, token));
	return gomp_out(status, out, d, buf, err);
}

/* ---- dict, list and namespace ---- */

static inline int gomp_container_make(int kind, int how, const void *from, const char *name, uint32_t flags,
				      uint64_t limit_bytes, gomp_made_t *made, mproc_error_t *err)
{
	mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
	mproc_dict_t *dict = NULL;
	mproc_list_t *list = NULL;
	mproc_namespace_t *ns = NULL;
	int status = MPROC_EINVAL;

	options.flags = flags;
	options.limit_bytes = limit_bytes;
	switch (kind) {
	case GOMP_DICT: GOMP_MAKE(status, how, dict, from, name, &options, &dict); break;
	case GOMP_LIST: GOMP_MAKE(status, how, list, from, name, &options, &list); break;
	case GOMP_NAMESPACE: GOMP_MAKE(status, how, namespace, from, name, &options, &ns); break;
	}
	return gomp_made(kind, status, dict ? (void *)dict : list ? (void *)list : (void *)ns, NULL, made, err);
}

/* `status` = the function of the kind, where all three have it. */
#define GOMP_EACH(status, kind, handle, call, ...)                                                             \
	do {                                                                                                   \
		switch (kind) {                                                                                \
		case GOMP_DICT: (status) = mproc_dict_##call((const mproc_dict_t *)(handle), __VA_ARGS__); break; \
		case GOMP_LIST: (status) = mproc_list_##call((const mproc_list_t *)(handle), __VA_ARGS__); break; \
		case GOMP_NAMESPACE:                                                                           \
			(status) = mproc_namespace_##call((const mproc_namespace_t *)(handle), __VA_ARGS__);   \
			break;                                                                                 \
		default: (status) = MPROC_EINVAL;                                                              \
		}                                                                                              \
	} while (0)

/* The same for what is at a place: a key, an index (its bits), or a name (NUL-terminated). */
#define GOMP_AT(status, kind, handle, at, at_data, call, ...)                                                          \
	do {                                                                                                           \
		switch (kind) {                                                                                        \
		case GOMP_DICT:                                                                                        \
			(status) = mproc_dict_##call((const mproc_dict_t *)(handle), gomp_in(at, at_data), __VA_ARGS__); \
			break;                                                                                         \
		case GOMP_LIST:                                                                                        \
			(status) = mproc_list_##call((const mproc_list_t *)(handle), (int64_t)(at)->bits, __VA_ARGS__); \
			break;                                                                                         \
		case GOMP_NAMESPACE:                                                                                   \
			(status) = mproc_namespace_##call((const mproc_namespace_t *)(handle), (const char *)(at_data), \
							  __VA_ARGS__);                                                \
			break;                                                                                         \
		default: (status) = MPROC_EINVAL;                                                                      \
		}                                                                                                      \
	} while (0)

static inline int gomp_ref(int kind, const void *handle, gomp_datum_t *out, mproc_error_t *err)
{
	mproc_datum_t d = gomp_nothing();
	int status;

	GOMP_EACH(status, kind, handle, ref, &d);
	if (status >= 0)
		gomp_describe(out, d);
	return gomp_end(status, err);
}

static inline int gomp_arena(int kind, const void *handle, const mproc_arena_t **arena_out)
{
	int status;

	GOMP_EACH(status, kind, handle, arena, arena_out);
	return status;
}

/* A handle of the kind `wanted` on what `ref` refers to, in the arena of `handle`. */
static inline int gomp_follow(int kind, const void *handle, int wanted, const gomp_datum_t *ref, gomp_made_t *made,
			      mproc_error_t *err)
{
	const mproc_arena_t *arena = NULL;
	mproc_dict_t *dict = NULL;
	mproc_list_t *list = NULL;
	mproc_namespace_t *ns = NULL;
	int status = gomp_arena(kind, handle, &arena);

	if (status >= 0) {
		switch (wanted) {
		case GOMP_DICT: status = mproc_dict_follow(arena, gomp_in(ref, NULL), &dict); break;
		case GOMP_LIST: status = mproc_list_follow(arena, gomp_in(ref, NULL), &list); break;
		case GOMP_NAMESPACE: status = mproc_namespace_follow(arena, gomp_in(ref, NULL), &ns); break;
		}
	}
	return gomp_made(wanted, status, dict ? (void *)dict : list ? (void *)list : (void *)ns, NULL, made, err);
}

static inline int gomp_arena_info(int kind, const void *handle, mproc_arena_info_t *info_out, mproc_error_t *err)
{
	const mproc_arena_t *arena = NULL;
	int status = gomp_arena(kind, handle, &arena);

	if (status >= 0)
		status = mproc_arena_info(arena, info_out, sizeof *info_out);
	return gomp_end(status, err);
}

static inline int gomp_arena_check(int kind, const void *handle, mproc_error_t *err)
{
	const mproc_arena_t *arena = NULL;
	int status = gomp_arena(kind, handle, &arena);

	if (status >= 0)
		status = mproc_arena_check(arena, NULL, 0);
	return gomp_end(status, err);
}

static inline int gomp_arena_collect(int kind, const void *handle, uint64_t *freed_out, mproc_error_t *err)
{
	const mproc_arena_t *arena = NULL;
	int status = gomp_arena(kind, handle, &arena);

	if (status >= 0)
		status = mproc_arena_collect(arena, freed_out);
	return gomp_end(status, err);
}

static inline int gomp_len(int kind, const void *handle, uint64_t *len_out, mproc_error_t *err)
{
	int status;

	GOMP_EACH(status, kind, handle, len, len_out);
	return gomp_end(status, err);
}

/* All of it as one datum in a builder. */
static inline int gomp_copy(int kind, const void *handle, uint32_t flags, void **builder_out, gomp_datum_t *out,
			    const void **data_out, mproc_error_t *err)
{
	mproc_builder_t *builder = NULL;
	int status = mproc_builder_create(&builder);

	if (status < 0)
		return gomp_end(status, err);
	GOMP_EACH(status, kind, handle, copy, flags, builder);
	return gomp_built(status, builder, builder_out, out, data_out, err);
}

static inline int gomp_get(int kind, const void *handle, const gomp_datum_t *at, const unsigned char *at_data,
			   unsigned char *buf, size_t cap, gomp_datum_t *out, mproc_error_t *err)
{
	mproc_datum_t d = gomp_nothing();
	int status;

	GOMP_AT(status, kind, handle, at, at_data, get, buf, cap, &d);
	return gomp_out(status, out, d, buf, err);
}

static inline int gomp_set(int kind, const void *handle, const gomp_datum_t *at, const unsigned char *at_data,
			   const gomp_datum_t *value, const unsigned char *value_data, mproc_error_t *err)
{
	int status;

	GOMP_AT(status, kind, handle, at, at_data, set, gomp_in(value, value_data));
	return gomp_end(status, err);
}

static inline int gomp_delete(int kind, const void *handle, const gomp_datum_t *at, const unsigned char *at_data,
			      mproc_error_t *err)
{
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_DICT: status = mproc_dict_delete((const mproc_dict_t *)handle, gomp_in(at, at_data)); break;
	case GOMP_LIST: status = mproc_list_delete((const mproc_list_t *)handle, (int64_t)at->bits); break;
	case GOMP_NAMESPACE:
		status = mproc_namespace_delete((const mproc_namespace_t *)handle, (const char *)at_data);
		break;
	}
	return gomp_end(status, err);
}

static inline int gomp_add(int kind, const void *handle, const gomp_datum_t *at, const unsigned char *at_data,
			   const gomp_datum_t *delta, gomp_datum_t *sum_out, mproc_error_t *err)
{
	mproc_datum_t d = gomp_nothing();
	int status;

	GOMP_AT(status, kind, handle, at, at_data, add, gomp_in(delta, NULL), &d);
	if (status >= 0)
		gomp_describe(sum_out, d);
	return gomp_end(status, err);
}

static inline int gomp_compare_exchange(int kind, const void *handle, const gomp_datum_t *at,
					const unsigned char *at_data, const gomp_datum_t *expected,
					const unsigned char *expected_data, const gomp_datum_t *desired,
					const unsigned char *desired_data, int *swapped_out, mproc_error_t *err)
{
	int status;

	GOMP_AT(status, kind, handle, at, at_data, compare_exchange, gomp_in(expected, expected_data),
		gomp_in(desired, desired_data), swapped_out);
	return gomp_end(status, err);
}

static inline int gomp_contains(int kind, const void *handle, const gomp_datum_t *at, const unsigned char *at_data,
				int *contains_out, mproc_error_t *err)
{
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_DICT:
		status = mproc_dict_contains((const mproc_dict_t *)handle, gomp_in(at, at_data), contains_out);
		break;
	case GOMP_NAMESPACE:
		status = mproc_namespace_contains((const mproc_namespace_t *)handle, (const char *)at_data, contains_out);
		break;
	}
	return gomp_end(status, err);
}

static inline int gomp_append_to(int kind, const void *handle, const gomp_datum_t *at, const unsigned char *at_data,
				 const gomp_datum_t *value, const unsigned char *value_data, mproc_error_t *err)
{
	mproc_datum_t d = gomp_in(value, value_data);
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_DICT: status = mproc_dict_append_to((const mproc_dict_t *)handle, gomp_in(at, at_data), d); break;
	case GOMP_NAMESPACE:
		status = mproc_namespace_append_to((const mproc_namespace_t *)handle, (const char *)at_data, d);
		break;
	}
	return gomp_end(status, err);
}

static inline int gomp_pop(int kind, const void *handle, const gomp_datum_t *at, const unsigned char *at_data,
			   unsigned char *buf, size_t cap, gomp_datum_t *out, mproc_error_t *err)
{
	mproc_datum_t d = gomp_nothing();
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_DICT: status = mproc_dict_pop((const mproc_dict_t *)handle, gomp_in(at, at_data), buf, cap, &d); break;
	case GOMP_LIST: status = mproc_list_pop((const mproc_list_t *)handle, (int64_t)at->bits, buf, cap, &d); break;
	}
	return gomp_out(status, out, d, buf, err);
}

static inline int gomp_clear(int kind, const void *handle, mproc_error_t *err)
{
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_DICT: status = mproc_dict_clear((const mproc_dict_t *)handle); break;
	case GOMP_LIST: status = mproc_list_clear((const mproc_list_t *)handle); break;
	}
	return gomp_end(status, err);
}

static inline int gomp_dict_setdefault(const void *dict, const gomp_datum_t *key, const unsigned char *key_data,
				       const gomp_datum_t *value, const unsigned char *value_data, unsigned char *buf,
				       size_t cap, gomp_datum_t *out, mproc_error_t *err)
{
	mproc_datum_t d = gomp_nothing();
	int status = mproc_dict_setdefault((const mproc_dict_t *)dict, gomp_in(key, key_data),
					   gomp_in(value, value_data), buf, cap, &d);

	return gomp_out(status, out, d, buf, err);
}

static inline int gomp_dict_popitem(const void *dict, unsigned char *key_buf, size_t key_cap, unsigned char *buf,
				    size_t cap, gomp_datum_t *key_out, gomp_datum_t *value_out, mproc_error_t *err)
{
	mproc_datum_t key = gomp_nothing(), value = gomp_nothing();
	int status = mproc_dict_popitem((const mproc_dict_t *)dict, key_buf, key_cap, buf, cap, &key, &value);

	gomp_out(status, key_out, key, key_buf, err);
	return gomp_out(status, value_out, value, buf, err);
}

static inline int gomp_dict_update(const void *dict, const gomp_datum_t *map, const unsigned char *data,
				   mproc_error_t *err)
{
	return gomp_end(mproc_dict_update((const mproc_dict_t *)dict, gomp_in(map, data)), err);
}

/* ---- iterators ---- */

enum { GOMP_ITEMS, GOMP_LIVE };

static inline int gomp_iter(int kind, const void *handle, int what, void **iter_out, mproc_error_t *err)
{
	const mproc_dict_t *dict = (const mproc_dict_t *)handle;
	const mproc_list_t *list = (const mproc_list_t *)handle;
	mproc_iter_t *iter = NULL;
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_DICT: status = what == GOMP_LIVE ? mproc_dict_iter(dict, &iter) : mproc_dict_items(dict, &iter); break;
	case GOMP_LIST: status = what == GOMP_LIVE ? mproc_list_iter(list, &iter) : mproc_list_items(list, &iter); break;
	case GOMP_NAMESPACE: status = mproc_namespace_items((const mproc_namespace_t *)handle, &iter); break;
	}
	*iter_out = iter;
	return gomp_end(status, err);
}

static inline int gomp_list_slice(const void *list, int64_t start, int64_t stop, int64_t step, void **iter_out,
				  mproc_error_t *err)
{
	mproc_iter_t *iter = NULL;
	int status = mproc_list_slice((const mproc_list_t *)list, start, stop, step, &iter);

	*iter_out = iter;
	return gomp_end(status, err);
}

/* A pair, in the iterator's own memory. */
typedef struct {
	gomp_datum_t key, value;
	const void *key_data, *value_data;
} gomp_pair_t;

static inline int gomp_iter_next(void *iter, gomp_pair_t *out, mproc_error_t *err)
{
	mproc_datum_t key = gomp_nothing(), value = gomp_nothing();
	int status = mproc_iter_next((mproc_iter_t *)iter, &key, &value);

	if (status >= 0) {
		gomp_describe(&out->key, key);
		gomp_describe(&out->value, value);
		out->key_data = key.data;
		out->value_data = value.data;
	}
	return gomp_end(status, err);
}

static inline void gomp_iter_close(void *iter)
{
	mproc_iter_close((mproc_iter_t *)iter);
}

/* ---- list ---- */

static inline int gomp_list_append(const void *list, const gomp_datum_t *value, const unsigned char *data,
				   mproc_error_t *err)
{
	return gomp_end(mproc_list_append((const mproc_list_t *)list, gomp_in(value, data)), err);
}

static inline int gomp_list_extend(const void *list, const gomp_datum_t *values, const unsigned char *data,
				   mproc_error_t *err)
{
	return gomp_end(mproc_list_extend((const mproc_list_t *)list, gomp_in(values, data)), err);
}

static inline int gomp_list_extend_from(const void *list, const void *other, mproc_error_t *err)
{
	return gomp_end(mproc_list_extend_from((const mproc_list_t *)list, (const mproc_list_t *)other), err);
}

static inline int gomp_list_insert(const void *list, int64_t index, const gomp_datum_t *value,
				   const unsigned char *data, mproc_error_t *err)
{
	return gomp_end(mproc_list_insert((const mproc_list_t *)list, index, gomp_in(value, data)), err);
}

static inline int gomp_list_remove(const void *list, const gomp_datum_t *value, const unsigned char *data,
				   mproc_error_t *err)
{
	return gomp_end(mproc_list_remove((const mproc_list_t *)list, gomp_in(value, data)), err);
}

static inline int gomp_list_index(const void *list, const gomp_datum_t *value, const unsigned char *data, int64_t start,
				  int64_t stop, uint64_t *index_out, mproc_error_t *err)
{
	return gomp_end(mproc_list_index((const mproc_list_t *)list, gomp_in(value, data), start, stop, index_out), err);
}

static inline int gomp_list_count(const void *list, const gomp_datum_t *value, const unsigned char *data,
				  uint64_t *count_out, mproc_error_t *err)
{
	return gomp_end(mproc_list_count((const mproc_list_t *)list, gomp_in(value, data), count_out), err);
}

static inline int gomp_list_reverse(const void *list, mproc_error_t *err)
{
	return gomp_end(mproc_list_reverse((const mproc_list_t *)list), err);
}

static inline int gomp_list_sort(const void *list, uint32_t flags, mproc_error_t *err)
{
	return gomp_end(mproc_list_sort((const mproc_list_t *)list, flags), err);
}

static inline int gomp_list_repeat(const void *list, uint64_t times, mproc_error_t *err)
{
	return gomp_end(mproc_list_repeat((const mproc_list_t *)list, times), err);
}

static inline int gomp_list_slice_set(const void *list, int64_t start, int64_t stop, int64_t step,
				      const gomp_datum_t *values, const unsigned char *data, mproc_error_t *err)
{
	return gomp_end(mproc_list_slice_set((const mproc_list_t *)list, start, stop, step, gomp_in(values, data)), err);
}

static inline int gomp_list_slice_delete(const void *list, int64_t start, int64_t stop, int64_t step,
					 mproc_error_t *err)
{
	return gomp_end(mproc_list_slice_delete((const mproc_list_t *)list, start, stop, step), err);
}

/* ---- fencing tokens: the same as the function without one, refused if a greater one was seen ---- */

static inline int gomp_fencing_token(int kind, const void *handle, uint64_t as, uint64_t *token_out, mproc_error_t *err)
{
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_LOCK: status = mproc_lock_token((const mproc_lock_t *)handle, token_out); break;
	case GOMP_RLOCK: status = mproc_rlock_token_as((const mproc_rlock_t *)handle, as, token_out); break;
	case GOMP_RWLOCK: status = mproc_rwlock_token((const mproc_rwlock_t *)handle, token_out); break;
	}
	return gomp_end(status, err);
}

static inline int gomp_set_if_token(int kind, const void *handle, const gomp_datum_t *at, const unsigned char *at_data,
				    const gomp_datum_t *value, const unsigned char *value_data, uint64_t fence,
				    mproc_error_t *err)
{
	int status;

	GOMP_AT(status, kind, handle, at, at_data, set_if_token, gomp_in(value, value_data), fence);
	return gomp_end(status, err);
}

static inline int gomp_delete_if_token(int kind, const void *handle, const gomp_datum_t *at,
				       const unsigned char *at_data, uint64_t fence, mproc_error_t *err)
{
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_DICT:
		status = mproc_dict_delete_if_token((const mproc_dict_t *)handle, gomp_in(at, at_data), fence);
		break;
	case GOMP_NAMESPACE:
		status = mproc_namespace_delete_if_token((const mproc_namespace_t *)handle, (const char *)at_data, fence);
		break;
	}
	return gomp_end(status, err);
}

static inline int gomp_list_append_if_token(const void *list, const gomp_datum_t *value, const unsigned char *data,
					    uint64_t fence, mproc_error_t *err)
{
	return gomp_end(mproc_list_append_if_token((const mproc_list_t *)list, gomp_in(value, data), fence), err);
}

static inline int gomp_queue_put_if_token(const void *queue, const unsigned char *data, size_t len, uint64_t fence,
					  int64_t timeout_ns, const mproc_cancel_t *cancel, mproc_error_t *err)
{
	int status;

	GOMP_WAIT(status, timeout_ns, cancel,
		  mproc_queue_put_if_token((const mproc_queue_t *)queue, data, len, fence, wait_ns, token));
	return gomp_end(status, err);
}

/* ---- managers ---- */

static inline int gomp_key_generate(unsigned char *key_out, mproc_error_t *err)
{
	return gomp_end(mproc_key_generate((mproc_key_t *)key_out), err);
}

static inline int gomp_key_load(const char *path, unsigned char *key_out, mproc_error_t *err)
{
	return gomp_end(mproc_key_load(path, (mproc_key_t *)key_out), err);
}

static inline int gomp_key_save(const unsigned char *key, const char *path, mproc_error_t *err)
{
	return gomp_end(mproc_key_save((const mproc_key_t *)key, path), err);
}

/* The second half of starting or connecting: the manager's domain, which is borrowed, as `ptr`. */
static inline int gomp_made_manager(int status, mproc_manager_t *manager, gomp_made_t *made, mproc_error_t *err)
{
	const mproc_domain_t *domain = NULL;
	int more = status < 0 ? MPROC_OK : mproc_manager_domain(manager, &domain);

	if (more < 0) {
		gomp_end(more, err);
		mproc_manager_close(manager);
		return more;
	}
	return gomp_made(GOMP_MANAGER, status, manager, (void *)domain, made, err);
}

/* The options of a server and of a client, as Go gives them. */
typedef struct {
	uint32_t flags, max_clients, max_unauthenticated, max_waiting, client_in_flight, reserved;
	uint64_t max_objects, max_bytes, client_objects, client_bytes, max_message;
	int64_t handshake_timeout_ns, keepalive_ns;
} gomp_manager_options_t;

typedef struct {
	uint32_t flags, reserved;
	int64_t timeout_ns, reconnect_ns, keepalive_ns;
} gomp_connect_options_t;

static inline int gomp_manager_start(const char *addresses, const unsigned char *key,
				     const gomp_manager_options_t *from, gomp_made_t *made, mproc_error_t *err)
{
	mproc_manager_options_t options = MPROC_MANAGER_OPTIONS_INIT;
	mproc_manager_t *manager = NULL;
	int status;

	options.flags = from->flags;
	options.max_clients = from->max_clients;
	options.max_unauthenticated = from->max_unauthenticated;
	options.max_waiting = from->max_waiting;
	options.client_in_flight = from->client_in_flight;
	options.max_objects = from->max_objects;
	options.max_bytes = from->max_bytes;
	options.client_objects = from->client_objects;
	options.client_bytes = from->client_bytes;
	options.max_message = from->max_message;
	options.handshake_timeout_ns = from->handshake_timeout_ns;
	options.keepalive_ns = from->keepalive_ns;
	status = mproc_manager_start(addresses, (const mproc_key_t *)key, &options, &manager);
	return gomp_made_manager(status, manager, made, err);
}

static inline int gomp_manager_connect(const char *address, const unsigned char *key,
				       const gomp_connect_options_t *from, gomp_made_t *made, mproc_error_t *err)
{
	mproc_connect_options_t options = MPROC_CONNECT_OPTIONS_INIT;
	mproc_manager_t *manager = NULL;
	int status;

	options.flags = from->flags;
	options.timeout_ns = from->timeout_ns;
	options.reconnect_ns = from->reconnect_ns;
	options.keepalive_ns = from->keepalive_ns;
	status = mproc_manager_connect(address, (const mproc_key_t *)key, &options, &manager);
	return gomp_made_manager(status, manager, made, err);
}

static inline int gomp_manager_address(const void *manager, uint32_t index, char *buf, size_t cap, size_t *len_out,
				       mproc_error_t *err)
{
	return gomp_end(mproc_manager_address((const mproc_manager_t *)manager, index, buf, cap, len_out), err);
}

static inline int gomp_manager_list(const void *manager, void **iter_out, mproc_error_t *err)
{
	mproc_iter_t *iter = NULL;
	int status = mproc_manager_list((const mproc_manager_t *)manager, &iter);

	*iter_out = iter;
	return gomp_end(status, err);
}

static inline int gomp_manager_ping(const void *manager, int64_t timeout_ns, mproc_error_t *err)
{
	return gomp_end(mproc_manager_ping((const mproc_manager_t *)manager, timeout_ns), err);
}

static inline int gomp_manager_info(const void *manager, mproc_manager_info_t *info_out, mproc_error_t *err)
{
	return gomp_end(mproc_manager_info((const mproc_manager_t *)manager, info_out, sizeof *info_out), err);
}

static inline int gomp_object_name(int kind, const void *object, char *buf, size_t cap, size_t *len_out,
				   mproc_error_t *err)
{
	return gomp_end(mproc_object_name((uint32_t)kind, object, buf, cap, len_out), err);
}

static inline int gomp_object_is_remote(int kind, const void *object, int *remote_out, mproc_error_t *err)
{
	return gomp_end(mproc_object_is_remote((uint32_t)kind, object, remote_out), err);
}

/* In one piece: a first round that timed out may have run the procedure. */
static inline int gomp_manager_call(const void *manager, const char *name, const gomp_datum_t *argument,
				    const unsigned char *data, int64_t timeout_ns, const mproc_cancel_t *cancel,
				    void **builder_out, gomp_datum_t *out, const void **data_out, mproc_error_t *err)
{
	mproc_builder_t *result = NULL;
	int status = mproc_builder_create(&result);

	if (status < 0)
		return gomp_end(status, err);
	status = mproc_manager_call((const mproc_manager_t *)manager, name, gomp_in(argument, data), result,
				    gomp_whole(timeout_ns), cancel);
	return gomp_built(status, result, builder_out, out, data_out, err);
}

/* Go's part, in procedure.go. */
extern int gompProcedure(uintptr_t procedure, gomp_datum_t *argument, void *data, void *result);

static inline int gomp_procedure(mproc_datum_t argument, mproc_builder_t *result, void *payload)
{
	gomp_datum_t described;

	memset(&described, 0, sizeof described);
	gomp_describe(&described, argument);
	return gompProcedure((uintptr_t)payload, &described, (void *)argument.data, result);
}

/* `procedure` is a number that stands for a Go function. */
static inline int gomp_manager_register(const void *manager, const char *name, uintptr_t procedure, mproc_error_t *err)
{
	return gomp_end(mproc_manager_register((const mproc_manager_t *)manager, name, gomp_procedure, (void *)procedure),
			err);
}

static inline int gomp_builder_add(void *builder, const gomp_datum_t *in, const unsigned char *data, mproc_error_t *err)
{
	return gomp_end(mproc_builder_add((mproc_builder_t *)builder, gomp_in(in, data)), err);
}

/* ---- batches ---- */

static inline int gomp_batch_create(const void *manager, gomp_made_t *made, mproc_error_t *err)
{
	mproc_batch_t *batch = NULL;
	int status = mproc_batch_create((const mproc_manager_t *)manager, &batch);

	return gomp_made(GOMP_BATCH, status, batch, NULL, made, err);
}

static inline int gomp_batch_get(void *to, int kind, const void *handle, const gomp_datum_t *at,
				 const unsigned char *at_data, mproc_error_t *err)
{
	mproc_batch_t *batch = (mproc_batch_t *)to;
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_DICT: status = mproc_batch_dict_get(batch, (const mproc_dict_t *)handle, gomp_in(at, at_data)); break;
	case GOMP_LIST: status = mproc_batch_list_get(batch, (const mproc_list_t *)handle, (int64_t)at->bits); break;
	case GOMP_NAMESPACE:
		status = mproc_batch_namespace_get(batch, (const mproc_namespace_t *)handle, (const char *)at_data);
		break;
	}
	return gomp_end(status, err);
}

static inline int gomp_batch_set(void *to, int kind, const void *handle, const gomp_datum_t *at,
				 const unsigned char *at_data, const gomp_datum_t *value,
				 const unsigned char *value_data, mproc_error_t *err)
{
	mproc_batch_t *batch = (mproc_batch_t *)to;
	mproc_datum_t d = gomp_in(value, value_data);
	int status = MPROC_EINVAL;

	switch (kind) {
	case GOMP_DICT: status = mproc_batch_dict_set(batch, (const mproc_dict_t *)handle, gomp_in(at, at_data), d); break;
	case GOMP_LIST: status = mproc_batch_list_set(batch, (const mproc_list_t *)handle, (int64_t)at->bits, d); break;
	case GOMP_NAMESPACE:
		status = mproc_batch_namespace_set(batch, (const mproc_namespace_t *)handle, (const char *)at_data, d);
		break;
	}
	return gomp_end(status, err);
}

static inline int gomp_batch_dict_delete(void *batch, const void *dict, const gomp_datum_t *key,
					 const unsigned char *key_data, mproc_error_t *err)
{
	return gomp_end(mproc_batch_dict_delete((mproc_batch_t *)batch, (const mproc_dict_t *)dict, gomp_in(key, key_data)),
			err);
}

static inline int gomp_batch_dict_add(void *batch, const void *dict, const gomp_datum_t *key,
				      const unsigned char *key_data, const gomp_datum_t *delta, mproc_error_t *err)
{
	return gomp_end(mproc_batch_dict_add((mproc_batch_t *)batch, (const mproc_dict_t *)dict, gomp_in(key, key_data),
					     gomp_in(delta, NULL)),
			err);
}

static inline int gomp_batch_list_append(void *batch, const void *list, const gomp_datum_t *value,
					 const unsigned char *data, mproc_error_t *err)
{
	return gomp_end(mproc_batch_list_append((mproc_batch_t *)batch, (const mproc_list_t *)list, gomp_in(value, data)),
			err);
}

static inline int gomp_batch_queue_put(void *batch, const void *queue, const unsigned char *data, size_t len,
				       mproc_error_t *err)
{
	return gomp_end(mproc_batch_queue_put((mproc_batch_t *)batch, (const mproc_queue_t *)queue, data, len), err);
}

static inline int gomp_batch_queue_get(void *batch, const void *queue, mproc_error_t *err)
{
	return gomp_end(mproc_batch_queue_get((mproc_batch_t *)batch, (const mproc_queue_t *)queue), err);
}

static inline int gomp_batch_value_fetch(void *batch, const void *value, int32_t op, int64_t operand,
					 mproc_error_t *err)
{
	return gomp_end(mproc_batch_value_fetch_i64((mproc_batch_t *)batch, (const mproc_value_t *)value, op, operand), err);
}

static inline int gomp_batch_event_set(void *batch, const void *event, mproc_error_t *err)
{
	return gomp_end(mproc_batch_event_set((mproc_batch_t *)batch, (const mproc_event_t *)event), err);
}

static inline int gomp_batch_run(void *batch, mproc_error_t *err)
{
	return gomp_end(mproc_batch_run((mproc_batch_t *)batch), err);
}

/* The bytes of the result are the batch's. */
static inline int gomp_batch_result(const void *batch, size_t index, gomp_datum_t *out, const void **data_out,
				    mproc_error_t *err)
{
	mproc_datum_t d = gomp_nothing();
	int status = mproc_batch_result((const mproc_batch_t *)batch, index, &d);

	if (status >= 0) {
		gomp_describe(out, d);
		*data_out = d.data;
	}
	return gomp_end(status, err);
}

static inline int gomp_batch_reset(void *batch, mproc_error_t *err)
{
	return gomp_end(mproc_batch_reset((mproc_batch_t *)batch), err);
}

#endif
