/*
 * top.c - a binary heap whose root is the worst that is kept.
 */
#include "knowledge/top.h"

#include <stdlib.h>

bool
top_init(struct top *top, struct arena *arena, size_t most)
{
	*top = (struct top){ .list = arena_array(arena, most, sizeof(*top->list)), .most = most };
	return top->list != NULL;
}

static void
sift_down(struct top *top)
{
	for (size_t at = 0, worst;; at = worst) {
		struct scored moved = top->list[at];

		worst = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < top->count; child++)
			if (scored_better(&top->list[worst], &top->list[child]))
				worst = child;
		if (worst == at)
			return;
		top->list[at] = top->list[worst];
		top->list[worst] = moved;
	}
}

void
top_add(struct top *top, struct scored scored)
{
	size_t at;

	if (!top_wants(top, &scored))
		return;
	if (top->count == top->most) {
		top->list[0] = scored;
		sift_down(top);
		return;
	}
	for (at = top->count++; at > 0 && scored_better(&top->list[(at - 1) / 2], &scored); at = (at - 1) / 2)
		top->list[at] = top->list[(at - 1) / 2];
	top->list[at] = scored;
}

static int
best_first(const void *x, const void *y)
{
	return scored_better(x, y) ? -1 : scored_better(y, x);
}

void
top_finish(struct top *top)
{
	qsort(top->list, top->count, sizeof(*top->list), best_first);
}
