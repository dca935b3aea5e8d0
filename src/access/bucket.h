/*
 * bucket.h - a rate limit's arithmetic: so much a minute, as a bucket that fills steadily and holds a minute's worth. The caller gives the time and holds the lock.
 *
 * What is taken may be corrected later (the tokens of an answer are known at its end), so the level may fall below zero: what was used beyond the limit is made good
 * by waiting, never forgotten.
 */
#pragma once

#include <stdint.h>

struct bucket {
	int64_t limit; /* a minute; 0: no limit */
	double level;  /* what may be taken now; below 0: debt */
	int64_t at_us; /* when the level was that */
};

/* Brings the level up to the time and sets the limit: a higher one adds the difference, a lower one takes it away, so that changing it forgives no use. */
void bucket_advance(struct bucket *bucket, int64_t limit, int64_t now_us);

/*
 * Takes `amount` and returns 0, or returns how long to wait until it can be had (at least 1). More than a minute's worth needs a full bucket, and leaves a debt. Advanced before.
 */
int64_t bucket_take(struct bucket *bucket, int64_t amount);

/* Takes (above 0) or gives back (below) whatever the level is. */
void bucket_correct(struct bucket *bucket, int64_t amount);

/* Whole units that may be taken now, at least 0; and the time until the bucket is full. Advanced before. */
int64_t bucket_remaining(const struct bucket *bucket);
int64_t bucket_reset_us(const struct bucket *bucket);
