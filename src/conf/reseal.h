/*
 * reseal.h - the secrets that the store keeps, sealed anew with the key that seals now: how a master key is changed (ADR-022).
 */
#pragma once

#include "conf/watch.h"

struct conf_reseal {
	bool new_key;          /* makes a new key in the file first (secrets_renew) */
	bool leave_unreadable; /* what no key opens, and what nothing goes by any more, stays as it is */
	struct str actor, reason; /* for the record; reason empty: what was done */
};

struct conf_resealed {
	int64_t version;       /* of the configuration now; unchanged where nothing was to be done */
	int64_t entries;       /* bodies that were written anew, those of earlier versions among them */
	int64_t secrets;       /* in them */
	int64_t kept;          /* secrets that the key has sealed already */
	int64_t unreadable;    /* that were left */
};

/*
 * All of it in one commit, or nothing. Nodes that have the key serve on, and read what was written within a second. Done again, it does nothing. ERR_INVALID with the code "secret_unreadable": a secret that no key
 * of this node opens, and the message says whose; ERR_UNSUPPORTED: as of secrets_renew. Any loop; once begun it is not cancelled.
 */
MAY_PARK const struct err *conf_watch_reseal(struct conf_watch *watch, struct arena *arena, const struct conf_reseal *reseal, struct conf_resealed *out);

/* How many secrets are kept under a key. */
struct seal_count {
	char key[9];
	bool opens;            /* this node has the key */
	int64_t secrets;
};

/* By key, as the store has them now: at most `max`, the rest in *others. *total: how many. */
MAY_PARK const struct err *seals_count(struct store *store, struct arena *arena, struct secrets *secrets, struct seal_count *out, size_t max, size_t *count, int64_t *others);

struct change_job;

/* On the keeper's fiber. */
MAY_PARK void reseal_run(struct conf_watch *watch, struct change_job *job);
