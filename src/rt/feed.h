/*
 * feed.h - a run of entries that one fiber writes and any number of fibers follow, on any loop: the answer in progress that several clients read.
 *
 * Entries are bytes, whole and never changed; they stay until the last reference is given back, so a follower may begin at any time, at the first entry, and views of entries are
 * valid as long as a reference is held. A follower that is slow holds nobody up. The writer bounds the whole: a feed that would get longer than that takes no more.
 */
#pragma once

#include "base/err.h"
#include "rt/wait.h"

struct feed;

/* Held once. `bytes_max` bounds all entries together, with 16 bytes for each. */
struct feed *feed_new(size_t bytes_max);
struct feed *feed_ref(struct feed *feed);
void feed_unref(struct feed *feed); /* NULL is allowed */

/*
 * One more entry; followers wake. `mark` is the writer's own, and goes with it: the number of its last event, say. ERR_TOO_LARGE (static): it was not taken. By one fiber or thread at a
 * time, before feed_end.
 */
const struct err *feed_append(struct feed *feed, int64_t mark, struct str entry);

/* No more will come: followers wake, and find the end behind the last entry. Again: no effect. */
void feed_end(struct feed *feed);

/* Where a follower is. All zero: before the first entry. A copy is another follower. */
struct feed_place {
	struct feed_block *block;
	size_t at;
};

/* The next entry and its mark; false when there is none (yet). Never waits; any thread. */
bool feed_next(struct feed *feed, struct feed_place *place, struct str *entry, int64_t *mark);

/* Whether feed_end was called. When it was, and after that feed_next finds nothing, the follower has had everything. */
bool feed_ended(struct feed *feed);

/* Waits until there is an entry behind the place, or the end. ERR_CANCELLED, ERR_TIMEOUT: of the scope, or after timeout_us. */
MAY_PARK const struct err *feed_wait(struct feed *feed, const struct feed_place *place, int64_t timeout_us);

/* Bytes of all entries so far. Any thread. */
size_t feed_bytes(struct feed *feed);
