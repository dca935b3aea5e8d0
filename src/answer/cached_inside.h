/*
 * cached_inside.h - what cached.c (looking), cached_give.c (answers that others made) and cached_lead.c (the call that this answer makes itself) share.
 */
#pragma once

#include "answer/cached.h"
#include "cache/entry.h"
#include "cache/front.h"
#include "cache/key.h"
#include "cache/near.h"

struct cached {
	enum cache_result result;
	struct cache_control control; /* what the request says */
	struct cache_subject subject;
	struct front *front;
	unsigned char key[HASH_SHA256_SIZE];
	struct near near;            /* the question, where answers to others that mean the same will do */
	bool may_read, may_keep;
	struct flight_seat seat;     /* flight NULL: on none */
	bool landed;                 /* the flight that this call leads, with an answer */
	struct cache_entry entry;    /* what is to be kept */
	bool keep;
};

/* A kept answer that is to be given again; it and what it points to are there as long as the answer's arena. */
struct found {
	enum cache_result result;    /* CACHE_HIT, CACHE_SEMANTIC; CACHE_OFF: none was found */
	double similarity;
	struct cache_entry entry;
	struct stored stored;
};

/* Tells the caller, the metric and the span how the call and the cache met. */
void cached_tell(struct answer *answer, enum cache_result result, int64_t age_us, double similarity);

/* Answers from a kept answer. */
MAY_PARK const struct err *cached_replay(struct answer *answer, struct recorder *recorder, const struct found *found);

/* Reads along with the call in flight that cached->seat is on, to its end, and leaves it. *given_up: there is none, and the call is to be made by somebody else. */
MAY_PARK const struct err *cached_follow(const struct answer_services *services, struct answer *answer, struct recorder *recorder, bool *given_up);
