/*
 * durable_inside.h - what durable.c (a stream in memory), durable_writer.c (what of it is written down, and when) and durable_store.c (the rows) share.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "answer/durable.h"
#include "base/random.h"
#include "rt/scope.h"

enum { DURABLE_ALIAS_MAX = 200 };

struct durables {
	struct store *store;
	struct durable_bounds bounds;
	const atomic_bool *stopping;
	struct scope scope;        /* of the fibers */
	struct id owner;
	atomic_size_t bytes;       /* of all feeds */
	atomic_uint left;          /* streams without a client */
	pthread_mutex_t lock;
	struct durable *first;     /* the newest first */
};

struct durable {
	struct sse_keeper keeper;
	struct durable *next, **link;
	struct durables *durables;
	atomic_int refs;
	enum durable_kind kind;
	int64_t tenant;
	char id[DURABLE_ALIAS_MAX + 1], key_id[KEY_ID_SIZE];
	struct feed *feed;

	/* Under the lock. */
	char alias[DURABLE_ALIAS_MAX + 1];
	struct feed_place stored;  /* behind what is in rows */
	int64_t stored_last;       /* number of the last event there; -1: none */
	int64_t renewed_us, looked_us; /* monotonic: its lease was, and the fiber has */

	/* Of its request, on its loop. */
	bool open;
	struct loop *loop;
	struct http_exchange *http;
	struct scope scope;
	int64_t taken_last;        /* number of the last event in the feed; -1: none */
	size_t taken_bytes;
	const struct err *cut;     /* which bound it has met; NULL: none */
	atomic_int_fast64_t left_us; /* monotonic, when the client was found to have left; 0: it is there */
	bool left_counted;
	bool sealed;               /* all is said, and `end` is what is left: it is not ended by others any more */
	struct str end;
	int64_t end_last;
	atomic_bool finished;
};

/* A post to the stream's loop: its scope is cancelled, if its request is still there. `alone`: only if its client has left. Any thread. */
void durable_end_there(struct durable *durable, const struct err *why, bool alone);

/* What is written of one stream at a time: that its process is alive, and what it has said since. */
struct durable_write {
	struct durable *durable;
	enum durable_kind kind;
	int64_t tenant, first, last;
	struct str id, alias, events;
	struct str end;            /* of durable_end_in: behind the events */
	int64_t end_last;
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

/* Deletes DURABLE_STEP of the streams that began before this and are not being made any more. *more: there may be others. */
enum { DURABLE_STEP = 100 };
MAY_PARK const struct err *durable_retain(struct store *store, struct arena *arena, int64_t before_us, bool *more);
