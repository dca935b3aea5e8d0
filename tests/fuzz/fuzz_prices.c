/*
 * fuzz_prices.c - a price table in LiteLLM's shape: what is read from it is stored in a form that gives a version with at most as many prices, none below zero.
 */
#include <stdlib.h>

#include "json/json.h"
#include "money/prices.h"
#include "telemetry/price.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(MIB(16));
	const struct json *table;
	struct str body;
	int64_t rows;

	if (!json_parse(arena, str_n((const char *)data, size), &table) && !prices_read(arena, table, &body, &rows)) {
		struct price_version *version = prices_version(arena, STR("fuzz"), 0, body);

		if (!version || price_version_count(version) > (size_t)rows)
			abort();
		price_version_drop(version);
	}
	arena_free(arena);
	return 0;
}
