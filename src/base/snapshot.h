/*
 * snapshot.h - an immutable object that many threads read while it is now and then replaced as a whole.
 *
 * Readers take a counted reference from the cell and keep it as long as they like: across waits, for a whole request. The lock in the cell is
 * held for two instructions, never while anything is read, made or freed.
 *
 *	struct prices { struct snapshot base; ... };     the first member
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/str.h"

struct snapshot {
	atomic_uint refs;
	void (*free)(struct snapshot *snapshot);
};

struct snapshot_cell {
	pthread_mutex_t lock;
	struct snapshot *current; /* held once by the cell; or NULL */
};

/* A new object, held once by the caller. The last reference calls free_fn, on whatever thread it is given back. */
void snapshot_init(struct snapshot *snapshot, void (*free_fn)(struct snapshot *snapshot));
void *snapshot_ref(struct snapshot *snapshot);

/* NULL is allowed. */
void snapshot_unref(struct snapshot *snapshot);

void snapshot_cell_init(struct snapshot_cell *cell);
void snapshot_cell_fini(struct snapshot_cell *cell);

/* Makes `next` the current one, and takes over the caller's reference. */
void snapshot_cell_set(struct snapshot_cell *cell, struct snapshot *next);

/* The current one, held for the caller; NULL when there is none. */
void *snapshot_cell_get(struct snapshot_cell *cell);
