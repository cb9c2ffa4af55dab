/* What the table of subjects needs to know of rlock, rwlock, semaphore, condition, event and barrier. */
#ifndef MPROC_TESTS_HOSTILE_FAMILY_H
#define MPROC_TESTS_HOSTILE_FAMILY_H

#include "hostile.h"

/* The lock that the bound conditions of a domain are bound to. */
#define BOUND_TO "bound-to"

/* Parameters and changing words. */
extern const struct field lock_params[1], semaphore_params[2], condition_params[2], barrier_params[1];
extern const struct field rlock_hot[3], rwlock_hot[10], semaphore_hot[3], permits_hot[8], condition_hot[11],
    event_hot[1], barrier_hot[14];

#define MAKES_AND_USES(kind)                                                                                \
    int create_##kind(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle);      \
    int open_##kind(const mproc_domain_t *domain, const char *name, void **handle);                        \
    void close_##kind(void *handle);                                                                       \
    void use_##kind(void *handle, struct rng *rng)

MAKES_AND_USES(rlock);
MAKES_AND_USES(rwlock);
MAKES_AND_USES(semaphore);
MAKES_AND_USES(condition);
MAKES_AND_USES(event);
MAKES_AND_USES(barrier);

/* The same, made differently. */
int create_permits(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle);
int create_bound(const mproc_domain_t *domain, const char *name, unsigned flags, void **handle);
int open_bound(const mproc_domain_t *domain, const char *name, void **handle);
/* Of one that says that it is bound to a lock: with that. */
int import_condition(const mproc_domain_t *domain, const mproc_handle_t *handle, void **object);

/* What the ops of all kinds have in common. */
#define S_OWN (S_OK | S(MPROC_ESLOTS))
#define S_LOCK (S_OWN | S(MPROC_RECOVERED) | S(MPROC_ETIMEDOUT))
#define S_UNLOCK (S_OK | S(MPROC_EPERM))
#define S_INNER (S_OWN | S(MPROC_EBUSY))

/* A token that is never set takes another way to sleep; or NULL. */
mproc_cancel_t *maybe_token(struct rng *rng);
/* mproc_wait() for these things. */
void use_wait(const mproc_wait_item_t *items, size_t count, struct rng *rng);
void owner_makes_sense(const mproc_owner_t *owner);

#endif
