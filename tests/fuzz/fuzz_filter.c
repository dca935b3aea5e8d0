/*
 * fuzz_filter.c - two lines: a filter and a document's attributes. What filter_check accepts is evaluated, and equal questions get equal answers.
 */
#include <stdlib.h>

#include "json/json.h"
#include "knowledge/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_n((const char *)data, size), first;
	struct arena *arena = arena_new(MIB(4));
	const struct json *filter, *attributes;

	if (str_split(&rest, '\n', &first) && !json_parse(arena, first, &filter) && !json_parse(arena, rest, &attributes) && !filter_check(arena, filter) &&
		filter_matches(filter, attributes) != filter_matches(filter, attributes))
		abort();
	arena_free(arena);
	return 0;
}
