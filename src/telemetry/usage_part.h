/*
 * usage_part.h - what a ledger's entry consists of when several targets have answered in turn: quantities, price version and amount of each.
 *
 *	[["openai","gpt-4o","builtin-2026-11",[quantities],nanodollars],…]
 *
 * A part that was not served as usual ends with its tier ("flex"). Quantities stand in the order of telemetry/usage.h; earlier releases wrote the first eight, or thirteen.
 */
#pragma once

#include "telemetry/record.h"

struct usage_part {
	struct str provider_kind, model, price_version;
	struct usage usage;
	int64_t cost_nanos;
};

enum { USAGE_PARTS_MAX = 32 };

/* In the arena; ptr NULL: no memory. */
struct str usage_parts_write(struct arena *arena, const struct usage_part *parts, size_t count);

/* False: the text is not of this form, or has more than USAGE_PARTS_MAX. Texts lie in the arena. */
bool usage_parts_read(struct arena *arena, struct str text, struct usage_part parts[USAGE_PARTS_MAX], size_t *count);
