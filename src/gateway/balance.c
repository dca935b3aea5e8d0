/*
 * balance.c - see balance.h.
 *
 * Weighted rendezvous hashing: each choice draws u in (0, 1) from its hash and the key, and -weight / ln(u) is its rank; the highest wins. The chance of winning is the
 * weight's share, exactly (Efraimidis and Spirakis).
 */
#include "gateway/balance.h"

#include <math.h>

/* The finalizer of splitmix64: every bit of the input moves every bit of the output. */
static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

uint64_t
balance_key(struct str text, uint64_t salt)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
	return mix(hash ^ mix(salt));
}

double
balance_share(uint64_t key)
{
	return (double)(mix(key) >> 11) * 0x1p-53;
}

/* In (0, 1): never the ends, whose logarithms are of no use. */
static double
draw(uint64_t hash, uint64_t key)
{
	return ((double)(mix(hash ^ mix(key)) >> 12) + 0.5) * 0x1p-52;
}

static double
rendezvous(uint64_t hash, int64_t weight, uint64_t key)
{
	double u = draw(hash, key);

	return weight > 0 ? -(double)weight / log(u) : u - 1; /* without weight: below zero, hence behind */
}

/* Lower is better. */
static double
rank_of(enum conf_strategy strategy, const struct choice *choice)
{
	switch (strategy) {
	case CONF_WEIGHTED:
		return 0;
	case CONF_PRIORITY:
		return (double)choice->index;
	case CONF_LEAST_LATENCY: /* times the queue in front, so that not everybody runs to the one that was quick a moment ago */
		return choice->latency_us * (choice->busy + 1);
	case CONF_LEAST_BUSY:
		return choice->weight > 0 ? (double)choice->busy / (double)choice->weight : INFINITY;
	case CONF_CHEAPEST:
		return choice->price;
	}
	return 0;
}

static bool
goes_before(uint64_t key, const struct choice *a, const struct choice *b)
{
	if (a->rank < b->rank || a->rank > b->rank)
		return a->rank < b->rank;
	return rendezvous(a->hash, a->weight, key) > rendezvous(b->hash, b->weight, key);
}

void
balance_order(enum conf_strategy strategy, uint64_t key, struct choice *choices, size_t count)
{
	for (size_t i = 0; i < count; i++)
		choices[i].rank = rank_of(strategy, &choices[i]);
	for (size_t i = 1; i < count; i++) { /* lists are short */
		struct choice moved = choices[i];
		size_t at = i;

		for (; at > 0 && goes_before(key, &moved, &choices[at - 1]); at--)
			choices[at] = choices[at - 1];
		choices[at] = moved;
	}
}

const struct conf_arm *
balance_arm(const struct conf_arm *arms, size_t count, uint64_t key)
{
	const struct conf_arm *best = NULL;
	double best_rank = 0;

	for (size_t i = 0; i < count; i++) {
		double rank = rendezvous(arms[i].hash, arms[i].weight, key);

		if (arms[i].weight > 0 && (!best || rank > best_rank)) {
			best = &arms[i];
			best_rank = rank;
		}
	}
	return best;
}
