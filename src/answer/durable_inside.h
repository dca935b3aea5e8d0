/*
 * durable_inside.h - what durable.c, in memory, and durable_store.c, in rows, share.
 */
#pragma once

#include "answer/durable.h"

/* What is written of one stream at a time: that its process is alive, and what it has said since. */
struct durable_write {
	struct durable *durable;
	enum durable_kind kind;
	int64_t tenant, first, last;
	struct str id, alias, events;
	struct feed_place place;   /* behind the events */
	bool there, cancel;        /* of the row */
};

enum { DURABLE_BATCH = 64 };

/* All in one transaction. */
struct durable_batch {
	struct durable_write writes[DURABLE_BATCH];
	size_t count;
};
MAY_PARK const struct err *durable_batch_write(struct store *store, struct arena *arena, struct durable_batch *batch);

/* The row of a stream that begins. */
MAY_PARK const struct err *durable_insert(struct store *store, struct arena *arena, const struct durable_spec *spec, struct str owner);

/* What was said last and the end; for a response the events alone. */
MAY_PARK const struct err *durable_end_in(struct tx *tx, const struct durable_write *write, bool seen);

/* Deletes streams that began before this, in small steps. */
MAY_PARK const struct err *durable_retain(struct store *store, struct arena *arena, int64_t before_us);
