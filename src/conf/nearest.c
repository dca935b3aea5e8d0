/*
 * nearest.c - edit distance (insertions, deletions, changes, and swaps of neighbours) between short words. See nearest.h.
 */
#include "conf/nearest.h"

enum { WORD_MAX = 64 };

void
nearest_init(struct nearest *nearest, struct str word)
{
	*nearest = (struct nearest){ .word = word, .distance = (unsigned)(word.len < 3 ? 1 : word.len / 3) + 1 };
}

static char
fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '-' ? '_' : c;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Three rows of the table suffice: the swap looks back two. */
static unsigned
distance(struct str a, struct str b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b.len; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned *spare = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			unsigned change = fold(a.ptr[i - 1]) != fold(b.ptr[j - 1]);

			row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + change);
			if (i > 1 && j > 1 && fold(a.ptr[i - 1]) == fold(b.ptr[j - 2]) && fold(a.ptr[i - 2]) == fold(b.ptr[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b.len];
}

void
nearest_offer(struct nearest *nearest, struct str candidate)
{
	unsigned d;

	if (nearest->word.len > WORD_MAX || candidate.len > WORD_MAX)
		return;
	d = distance(nearest->word, candidate);
	if (d < nearest->distance) {
		nearest->distance = d;
		nearest->best = candidate;
	}
}
