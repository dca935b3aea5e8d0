/*
 * limit.h - requests and tokens per minute and calls at once, of the key, its team, its tenant and the end user: asked before a call costs anything, settled after it.
 *
 * On a database of its own (SQLite) in memory alone; on one that nodes share, all of them together keep a limit (share.h). A call is counted everywhere or nowhere.
 */
#pragma once

#include "access/access.h"
#include "access/holder.h"

/* What is left of one kind of limit, of whichever holder has least. limit 0: nobody has such a limit. */
struct limit_figures {
	int64_t limit, remaining;
	int64_t reset_us; /* until it is full again */
};

/* Key, team and tenant, and the end user of each. */
enum { LIMIT_HOLDERS_MAX = 6 };

/* One call's place within the limits. In the arena of its request; settled when that goes, at the latest. */
struct limit_claim {
	struct access *access;
	struct holder *holders[LIMIT_HOLDERS_MAX];
	struct limits limits[LIMIT_HOLDERS_MAX];
	size_t count;
	int64_t tokens; /* reserved */
	bool open;
	struct limit_figures requests_left, tokens_left;
};

/*
 * Counts a call of `tokens` tokens (an estimate of input and output) against all limits. ERR_RATE_LIMITED says which limit and when to try again; ERR_BUSY: too many end
 * users at once; ERR_UNAVAILABLE: a shared limit could not be asked for. *out has the figures in both cases; NULL only when memory is out. `user` may be empty. Any loop.
 */
MAY_PARK const struct err *limit_admit(
	struct access *access, struct arena *arena, const struct identity *identity, struct str user, int64_t tokens, struct limit_claim **out);

/* The call is over and used this many tokens; the first settlement counts. */
void limit_settle(struct limit_claim *claim, int64_t tokens);

/* Whether all policies have this model; and NULL, or ERR_FORBIDDEN that says which has not. */
bool limit_allows_model(const struct identity *identity, struct str model);
const struct err *limit_model(const struct identity *identity, struct arena *arena, struct str model);

/* Whether a policy says that nothing of this caller reaches a hosted provider. */
bool limit_local_only(const struct identity *identity);

/* Whether a policy says that all calls of this caller take the queue for batch traffic, whatever they ask for. */
bool limit_batch(const struct identity *identity);

/* The tags of tenant, team and key together ("name=value", one a line, sorted; the key's wins), for the ledger. */
struct str limit_tags(const struct identity *identity, struct arena *arena);
