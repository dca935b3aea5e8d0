/*
 * prices.h - price tables in the database: imported as versions that never change, and put in force (telemetry/price.h) on every node.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct json;
struct money;
struct price_version;

struct price_row {
	struct str id, source;
	int64_t effective_us, created_us, rows;
};

/*
 * From the shape of LiteLLM's model_prices_and_context_window.json: an object of models, each with litellm_provider and costs in dollars a token. Models of providers that we have no
 * kind for, and entries without a price, are left out. The same file again gives the same version: then nothing changes. In force on this node when it returns, on others in under a second;
 * ERR_INVALID when no model in it has a price. `effective_us`: from when on; 0: from the beginning of time, for calls that are priced again too.
 */
MAY_PARK const struct err *prices_import(struct money *money, struct arena *arena, const struct json *table, int64_t effective_us, struct price_row *out);

/* The latest to begin first. */
MAY_PARK const struct err *prices_list(struct money *money, struct arena *arena, struct price_row **out, size_t *count);

/* What a table of that shape says, in the form it is stored in: for tests and fuzzing. */
const struct err *prices_read(struct arena *arena, const struct json *table, struct str *body, int64_t *rows);

/* Whether a body is the one that its version was named after: the id has the beginning of its hash. */
bool prices_is_of(struct str id, struct str body);

/* A stored body as a version; NULL when memory is out or the body is not of its form. */
struct price_version *prices_version(struct arena *arena, struct str id, int64_t effective_us, struct str body);
