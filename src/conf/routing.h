/*
 * routing.h - the part of providers and models that says how calls find their way: shares, retries, fallbacks, queues, shadows.
 *
 * Read out of the file by conf/routing.c, used by src/gateway. Part of the snapshot, like all of models.h.
 */
#pragma once

#include "base/str.h"

struct conf_model;
struct conf_target;

enum conf_strategy { CONF_WEIGHTED, CONF_PRIORITY, CONF_LEAST_LATENCY, CONF_LEAST_BUSY, CONF_CHEAPEST };
enum conf_sticky { CONF_STICKY_NONE, CONF_STICKY_CONVERSATION, CONF_STICKY_USER };
enum conf_broken_stream { CONF_BROKEN_ERROR, CONF_BROKEN_CONTINUE };

/* What a fallback is for; bits. */
enum {
	CONF_ON_ERROR = 1,
	CONF_ON_TIMEOUT = 2,
	CONF_ON_RATE_LIMIT = 4,
	CONF_ON_CONTEXT_WINDOW = 8,
	CONF_ON_CONTENT_FILTER = 16,
	CONF_ON_ANY = 31,
};

/* Of a provider and of a target: how many calls at once, and who may wait for how long. */
struct conf_queue {
	int64_t concurrency;       /* 0: no limit, nobody waits */
	int64_t batch_concurrency; /* of these for batch traffic; 0: half of them, at least one */
	int64_t length;            /* of each class's queue */
	int64_t wait_us;
};

/* Of a provider, for each of its targets. */
struct conf_breaker {
	int64_t failures; /* so many within the window open it; 0: never */
	double ratio;     /* and at least this share of the calls */
	int64_t window_us, open_us;
	bool refuse;      /* open and nothing else left: refuse the call; else try all the same */
};

struct conf_retry {
	bool given;
	int64_t max; /* repeats, beside the first visits to other targets */
	int64_t backoff_us, backoff_max_us;
	int64_t retry_after_max_us;
	double budget; /* repeats that a success pays for */
};

struct conf_fallback {
	unsigned on; /* CONF_ON_… */
	struct str name;
	const struct conf_model *model;
};

struct conf_arm {
	int64_t weight;
	struct str name;
	const struct conf_model *model;
	uint64_t hash; /* of the name */
};

struct conf_shadow {
	struct conf_target *target; /* NULL: none */
	double share;
};

/* The way of one model. */
struct conf_route {
	enum conf_strategy strategy;
	enum conf_sticky sticky;
	enum conf_broken_stream on_broken_stream;
	struct conf_retry retry;
	struct conf_fallback *fallbacks;
	size_t fallback_count;
	struct conf_arm *split; /* the model is only a name for these */
	size_t split_count;
	struct conf_shadow shadow;
	uint64_t hash;          /* of the model's name */
};

/* A hash that is the same on every node and after every restart, so that what sticks to a target by it does so everywhere. Not for tables that strangers fill. */
uint64_t conf_hash(struct str text);
