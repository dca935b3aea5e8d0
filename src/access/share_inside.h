/*
 * share_inside.h - within the room: what share.c asks of the database, and what its keeper does.
 */
#pragma once

#include "access/inside.h"
#include "access/share.h"

#define KEEPER_TURN_US (500 * USEC_PER_MS) /* how often the keeper tells of what has changed */
#define WANTED_TOPIC "limit_wanted" /* somebody lacks what others may hold without need */

struct shares {
	struct access *access;
	struct store *store;
	struct id node;
	struct scope scope;
	pthread_mutex_t lock;       /* of the list */
	struct holder *first;       /* those with a share; held */
	_Atomic int64_t until_us;   /* monotonic: the lease holds until then */
	_Atomic uint64_t epoch;
	_Atomic int64_t notified_us; /* monotonic: when others were last asked to give back */
	bool wanted;                /* loop 0's */
	struct waiter *idle;
};

/* One question about one holder. What a node keeps and gives back was its own before; what it has used is neither. */
struct share_ask {
	const struct shares *shares;
	struct str key;
	struct limits limits;
	double keep[2], back[2], debt[2]; /* requests, tokens; debt: used beyond what it had */
	double need[2];                   /* beside what it keeps; 0: nothing is asked for */
	int64_t slots_keep, slots_need;
	bool notify;                      /* others may be asked to give back what they do not need */
	/* out */
	double got[2], level[2];
	int64_t slots_got;
	enum share_lack lack;
	int64_t wait_us;
	bool contended;                   /* others hold what was lacking */
};

/* A tx_fn. */
MAY_PARK const struct err *share_ask_tx(struct tx *tx, void *arg);

/* Tells the database of one holder; with `all` gives back whatever no call needs, else what is idle. True when it stays in the list: there is something to tell of again. */
MAY_PARK bool share_tell(struct shares *shares, struct holder *holder, bool all);
