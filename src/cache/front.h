/*
 * front.h - the kept answers that were given last, read already, in memory in front of the database.
 *
 * Shared by all loops, under one lock that is held for a look-up and never across a wait. An answer gets in when it is read from the database for a caller, not when it is made, so that answers nobody asks for
 * again take no room; those not given for longest go first. What is here is never the truth:
 * - what this node replaces leaves with the commit (front_drop), what anybody forgets with the notice of that (front_clear);
 * - a reader of the database takes a stamp before it reads. Whatever leaves moves the stamp, so that an answer that was read just before it was replaced or forgotten does not get in behind that;
 * - for whatever else the rows may do, an answer is believed for FRONT_FRESH_US and then read again.
 * Age and expiry are asked of each look-up, as the database asks them.
 */
#pragma once

#include "cache/entry.h"
#include "cache/stored.h"

struct front;

/* For how long an answer is given without asking the database. */
#define FRONT_FRESH_US (10 * USEC_PER_SEC)

/* An answer here, the same for all who hold it. */
struct front_answer {
	struct cache_entry entry; /* without its body and what it is compared by */
	struct stored stored;
};

struct front *front_new(void);
void front_free(struct front *front); /* nothing is held any more */

/*
 * The answer under this key that is younger than `after_us` and has not expired; held until front_release. NULL: not here, and `*stamp` is for front_put, once it has been read from the
 * database.
 */
struct front_answer *front_get(struct front *front, int64_t tenant, const unsigned char *hash, int64_t after_us, uint64_t *stamp);
void front_release(void *answer);

/*
 * A copy of what was read since `stamp` was taken, unless something like it has left since. `bytes_max` bounds all answers together; those that were not given for longest go, and one that is more than an eighth of
 * it does not get in. 0: nothing stays.
 */
void front_put(struct front *front, const struct cache_entry *entry, const struct stored *stored, uint64_t stamp, size_t bytes_max);

/* Not here any more: the one of this key, and all. */
void front_drop(struct front *front, const unsigned char *hash);
void front_clear(struct front *front);

/* What the answers take. */
size_t front_bytes(struct front *front);
