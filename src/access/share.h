/*
 * share.h - limits that hold for all nodes on one database together: a node takes permits of a shared bucket in blocks, and lends from them in memory.
 *
 * What nodes hold and have not used counts as being in the bucket, so that all of them together let through what one bucket would. See ADR-019 and migrations/0103_limit_share.sql.
 * On a database of its own (SQLite) there is nobody to share with, and nothing of this runs.
 */
#pragma once

#include "access/policy.h"
#include "base/random.h"
#include "rt/scope.h"

struct access;
struct holder;
struct share_wait;
struct shares;

enum share_lack { SHARE_LACKS_NOTHING, SHARE_LACKS_REQUESTS, SHARE_LACKS_TOKENS, SHARE_LACKS_SLOTS };

/* A node's part of the limits of one holder. In the holder, under its lock. */
struct share {
	struct limits limits;           /* as they were last asked for */
	double requests, tokens;        /* permits that are here; below 0: used beyond what was had, to be told */
	int64_t slots;                  /* calls that may run here at once */
	double requests_level, tokens_level; /* of the bucket, when the database was last asked… */
	int64_t level_us;               /* …then; monotonic */
	uint64_t epoch;                 /* of the lease under which all this was had */
	bool asking;                    /* a fiber asks the database */
	bool listed;                    /* in the list of those that have something */
	bool changed;                   /* since the database was last told */
	int64_t refused_us;             /* until then (monotonic) what needs so much is refused without asking */
	double refused_tokens;
	enum share_lack refused;
	struct share_wait *waits;
	struct holder *next;            /* in that list */
};

/* Starts what keeps shares true; on loop 0. *out is NULL on a database of its own. */
MAY_PARK const struct err *shares_open(struct access *access, struct arena *arena, struct shares **out);

/* Gives everything back. On loop 0; NULL is allowed. */
MAY_PARK void shares_stop(struct shares *shares);
void shares_free(struct shares *shares);

/*
 * Takes a request of `tokens` tokens and a slot from a holder's share, asking the database when it has too little. *lack says what was not to be had, and *wait_us for how long. ERR_UNAVAILABLE: the database could
 * not be asked. Any loop.
 */
MAY_PARK const struct err *share_take(
	struct shares *shares, struct arena *arena, struct holder *holder, const struct limits *limits, int64_t tokens, enum share_lack *lack, int64_t *wait_us);

/* Gives back within the holder's lock: a call is over; requests and tokens may be below 0. */
void share_give(struct holder *holder, int64_t requests, int64_t tokens);

/* What is left for all nodes together, as far as this one knows. Within the lock. */
int64_t share_remaining(const struct holder *holder, bool tokens);
