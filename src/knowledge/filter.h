/*
 * filter.h - the OpenAI filter grammar over a document's attributes.
 *
 *	{"type": "eq" | "ne" | "gt" | "gte" | "lt" | "lte", "key": "year", "value": 2024}
 *	{"type": "in" | "nin", "key": "lang", "value": ["en", "de"]}
 *	{"type": "and" | "or", "filters": [ … ]}
 *
 * Values are strings, numbers and booleans; only like types compare, strings by their bytes. An attribute that is missing, or of another type, is unequal to everything: it
 * passes ne and nin and nothing else.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct json;

enum { FILTER_DEPTH_MAX = 8, FILTER_NODES_MAX = 256, FILTER_VALUES_MAX = 1000 };

/* ERR_INVALID for param "filters", with the place and what was expected there. */
const struct err *filter_check(struct arena *arena, const struct json *filter);

/* Whether attributes (an object) pass a filter that filter_check has accepted. */
bool filter_matches(const struct json *filter, const struct json *attributes);
