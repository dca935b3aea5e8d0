/*
 * snapshot.c - counted references to what is replaced as a whole. See snapshot.h.
 */
#include "base/snapshot.h"

void
snapshot_init(struct snapshot *snapshot, void (*free_fn)(struct snapshot *snapshot))
{
	atomic_init(&snapshot->refs, 1);
	snapshot->free = free_fn;
}

void *
snapshot_ref(struct snapshot *snapshot)
{
	atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
	return snapshot;
}

void
snapshot_unref(struct snapshot *snapshot)
{
	if (snapshot && atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) == 1)
		snapshot->free(snapshot);
}

void
snapshot_cell_init(struct snapshot_cell *cell)
{
	pthread_mutex_init(&cell->lock, NULL);
	cell->current = NULL;
}

void
snapshot_cell_fini(struct snapshot_cell *cell)
{
	snapshot_unref(cell->current);
	cell->current = NULL;
	pthread_mutex_destroy(&cell->lock);
}

void
snapshot_cell_set(struct snapshot_cell *cell, struct snapshot *next)
{
	struct snapshot *before;

	pthread_mutex_lock(&cell->lock);
	before = cell->current;
	cell->current = next;
	pthread_mutex_unlock(&cell->lock);
	snapshot_unref(before);
}

void *
snapshot_cell_get(struct snapshot_cell *cell)
{
	struct snapshot *current;

	pthread_mutex_lock(&cell->lock);
	current = cell->current;
	if (current)
		snapshot_ref(current);
	pthread_mutex_unlock(&cell->lock);
	return current;
}
