/*
 * batch.c - grows a run around the oldest text in the order of lengths, always by the neighbour that is nearest in length.
 */
#include "infer/batch.h"

#include <stdbool.h>
#include <stdlib.h>

struct place {
	unsigned length;
	uint16_t index;
};

static int
by_length(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

size_t
batch_pick(const unsigned *lengths, size_t count, size_t batch_max, uint16_t *picked)
{
	struct place sorted[BATCH_WINDOW_MAX];
	size_t low = 0, high, size = 1;
	double filled = lengths[0];

	for (size_t i = 0; i < count; i++)
		sorted[i] = (struct place){ lengths[i], (uint16_t)i };
	qsort(sorted, count, sizeof(*sorted), by_length);
	while (sorted[low].index != 0)
		low++;
	high = low;
	for (; size < batch_max && size < count; size++) {
		bool below = low > 0, above = high + 1 < count;
		bool go_below = below && (!above || sorted[high].length - sorted[low - 1].length <= sorted[high + 1].length - sorted[high].length);
		unsigned width = go_below ? sorted[high].length : sorted[high + 1].length;
		unsigned added = go_below ? sorted[low - 1].length : sorted[high + 1].length;
		double padded = (double)width * (double)(size + 1);

		if (padded - filled - added > BATCH_WASTE_MAX * padded)
			break;
		filled += added;
		if (go_below)
			low--;
		else
			high++;
	}
	for (size_t i = 0; i < size; i++)
		picked[i] = sorted[low + i].index;
	return size;
}
