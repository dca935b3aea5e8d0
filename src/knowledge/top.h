/*
 * top.h - the best few of many scored chunks.
 */
#pragma once

#include "base/arena.h"

struct scored {
	int64_t chunk;
	double score;
};

/* Ids that may be found, sorted; a NULL list allows all. */
struct id_set {
	const int64_t *list;
	size_t count;
};

static inline bool
id_allowed(const struct id_set *set, int64_t id)
{
	size_t low = 0, high = set->count;

	if (!set->list)
		return true;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (set->list[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->list[low] == id;
}

struct top {
	struct scored *list; /* a heap, the worst in front, until top_finish */
	size_t count, most;
};

/* Room for the best `most`; false past the arena's cap. */
bool top_init(struct top *top, struct arena *arena, size_t most);

/* Higher scores first, equal ones by chunk, so that an order never depends on how a search was cut into pieces. */
static inline bool
scored_better(const struct scored *x, const struct scored *y)
{
	return x->score > y->score || (x->score == y->score && x->chunk < y->chunk);
}

/* Whether top_add would keep it. */
static inline bool
top_wants(const struct top *top, const struct scored *scored)
{
	return top->count < top->most || (top->most > 0 && scored_better(scored, &top->list[0]));
}

void top_add(struct top *top, struct scored scored);

/* Best first. */
void top_finish(struct top *top);
