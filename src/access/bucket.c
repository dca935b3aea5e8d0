/*
 * bucket.c - see bucket.h.
 */
#include "access/bucket.h"

#define MINUTE_US 60e6

void
bucket_advance(struct bucket *bucket, int64_t limit, int64_t now_us)
{
	double full = (double)bucket->limit;

	if (bucket->limit > 0 && now_us > bucket->at_us) {
		bucket->level += full * (double)(now_us - bucket->at_us) / MINUTE_US;
		if (bucket->level > full)
			bucket->level = full;
	}
	if (bucket->limit != limit)
		bucket->level = bucket->limit > 0 ? bucket->level + (double)limit - full : (double)limit;
	bucket->limit = limit;
	if (now_us > bucket->at_us)
		bucket->at_us = now_us;
}

int64_t
bucket_take(struct bucket *bucket, int64_t amount)
{
	double wanted = (double)(amount < bucket->limit ? amount : bucket->limit);

	if (bucket->limit == 0)
		return 0;
	/* A thousandth of a unit short is there: what a division leaves out must not make a client wait for nothing. */
	if (bucket->level + 0.001 < wanted)
		return 1 + (int64_t)((wanted - bucket->level) * MINUTE_US / (double)bucket->limit);
	bucket->level -= (double)amount;
	return 0;
}

void
bucket_correct(struct bucket *bucket, int64_t amount)
{
	if (bucket->limit == 0)
		return;
	bucket->level -= (double)amount;
	if (bucket->level > (double)bucket->limit)
		bucket->level = (double)bucket->limit;
}

int64_t
bucket_remaining(const struct bucket *bucket)
{
	return bucket->level > 0 ? (int64_t)(bucket->level + 0.001) : 0;
}

int64_t
bucket_reset_us(const struct bucket *bucket)
{
	return bucket->limit > 0 ? (int64_t)(((double)bucket->limit - bucket->level) * MINUTE_US / (double)bucket->limit) : 0;
}
