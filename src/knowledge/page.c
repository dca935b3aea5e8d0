/*
 * page.c - keyset paging: a page begins behind a row, never at an offset, so that rows that come and go meanwhile neither repeat nor hide others.
 *
 * With `before` alone, the page wanted is the one that ends there: it is read backwards, and turned round.
 */
#include "knowledge/inside.h"

void
keyset_make(const struct page_spec *spec, int64_t after, int64_t before, struct keyset *out)
{
	bool backwards = before && !after;

	*out = (struct keyset){ .low = 0, .high = INT64_MAX, .down = spec->descending != backwards, .reverse = backwards, .limit = spec->limit };
	if (after && spec->descending)
		out->high = after;
	else if (after)
		out->low = after;
	if (before && spec->descending)
		out->low = before;
	else if (before)
		out->high = before;
}

size_t
keyset_count(const struct keyset *keyset, const struct rows *rows, bool *more)
{
	*more = rows->count > keyset->limit;
	return *more ? keyset->limit : rows->count;
}

size_t
keyset_row(const struct keyset *keyset, size_t count, size_t i)
{
	return keyset->reverse ? count - 1 - i : i;
}
