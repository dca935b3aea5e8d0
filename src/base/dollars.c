/*
 * dollars.c - see dollars.h. In whole numbers: no amount is too large to be told exactly.
 */
#include "base/dollars.h"

struct str
dollars_text(struct arena *arena, int64_t nanos)
{
	uint64_t value = nanos < 0 ? 0 - (uint64_t)nanos : (uint64_t)nanos, millionths = (value + 500) / 1000;

	return arena_printf(arena, "%s$%llu.%06llu", nanos < 0 ? "-" : "", (unsigned long long)(millionths / 1000000), (unsigned long long)(millionths % 1000000));
}
