/* Where a test makes its objects: the same checks for a domain, and for a manager's objects, near and far. */
#ifndef MPROC_PLACE_H
#define MPROC_PLACE_H

#include <mproc.h>

#include <stdint.h>

enum place {
    PLACE_DOMAIN, /* the default domain */
    PLACE_NEAR,   /* a manager that gives its memory */
    PLACE_FAR,    /* the same manager, through proxies */
    PLACES
};

/* The server is a program of its own: started by whoever asks first, ended with that one. */

/* Where to create and open: NULL, which is the default domain, or the manager's. In a forked child it is the same, and
 * so are handles: but the child is a client of its own, and its connection its own. */
const mproc_domain_t *place_domain(enum place place);

/* The connection behind it; NULL in the default domain. */
mproc_manager_t *place_manager(enum place place);

/* "domain", "near" or "far", for names and texts. */
const char *place_name(enum place place);

/* How many rounds of something: fewer where each step is a request. */
int place_rounds(enum place place, int rounds);

/* Whether handles lead to memory: then what works only in memory works, and processes are known by their numbers. */
int place_is_memory(enum place place);

/* Where the manager is, for more connections. */
const char *place_address(void);

/* How many clients the manager has: 0 for the default domain. */
uint32_t place_clients(enum place place);

/* Removes a name: in the default domain that goes with the last handle, in a manager's not. */
void place_forget(enum place place, const char *name);

/* What main() does with "--place-server ADDRESS": runs the server until its parent ends. */
int place_server(const char *address);

#endif
