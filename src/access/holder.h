/*
 * holder.h - somebody whom limits and budgets bind: a tenant, a team, a key, an end user. One object each in this process, counted, with the policy in force and
 * what is in use right now.
 *
 * The lock is held for a few instructions, never across a wait.
 */
#pragma once

#include <pthread.h>

#include "access/bucket.h"
#include "access/policy.h"
#include "access/share.h"

enum holder_kind { HOLDER_KEY, HOLDER_TEAM, HOLDER_TENANT, HOLDER_USER, HOLDER_KINDS };

enum { HOLDER_ID_MAX = 128 };

struct holder {
	atomic_uint refs;
	enum holder_kind kind;
	int64_t tenant;
	struct str id;          /* behind the holder; of a tenant: its number */
	void (*free)(struct holder *holder);

	pthread_mutex_t lock;   /* of what stands below */
	struct policy *policy;  /* held; NULL for an end user, whose limits come from the others' */
	bool closed;            /* its calls are refused */
	struct bucket requests, tokens;
	int64_t running;        /* calls in flight */
	int64_t used_us;        /* monotonic, of the last call */
	struct share share;     /* of limits that hold for several nodes together; else the buckets count */
};

/* "key", "team", "tenant", "user". */
const char *holder_kind_name(enum holder_kind kind);

/* A holder, held once; `size` bytes with the holder first. `free` is called for what a larger object holds besides, before the memory goes; may be NULL. */
struct holder *holder_new(size_t size, enum holder_kind kind, int64_t tenant, struct str id, void (*free)(struct holder *holder));
struct holder *holder_ref(struct holder *holder);
void holder_unref(struct holder *holder); /* NULL is allowed */

/* Puts a policy in force; takes over the caller's reference. */
void holder_set_policy(struct holder *holder, struct policy *policy, bool closed);

/* The policy in force, held for the caller. */
struct policy *holder_policy(struct holder *holder);
bool holder_closed(struct holder *holder);
