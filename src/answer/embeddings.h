/*
 * embeddings.h - texts to vectors for a caller: by the model in this process or at a provider, recorded like every interaction.
 */
#pragma once

#include "conf/conf.h"
#include "json/json.h"
#include "money/budget.h"
#include "telemetry/record.h"

struct embedder;
struct gateway;
struct store;

struct embeddings_call {
	struct arena *arena;
	const struct conf *conf;
	struct store *store;
	struct gateway *gateway;
	struct embedder *embedder;     /* NULL: `missing` says why */
	struct str missing;
	struct trace *trace;
	struct span *root;
	int64_t tenant;
	struct str key_id, request_id;
	struct money *money;           /* NULL: nothing is budgeted */
	const struct identity *identity; /* whose budgets pay */
	struct str user;
	int64_t tokens_expected;       /* an estimate of the input */
	bool local_only;               /* nothing reaches a hosted provider */
	bool batch;                    /* it waits behind calls that somebody waits for */

	struct str model;
	const struct json *source;     /* the request, for a provider */
	const struct str *texts;
	size_t count;

	struct budget_claim claim;     /* its own */
	const struct conf_target *target; /* that was asked last; NULL: the model in this process */
	unsigned char interaction[16];

	/* The result: the provider's own answer, or vectors. */
	struct str whole;
	float *vectors;                /* count * dimensions */
	unsigned dimensions;
	int64_t tokens;
};

/* ERR_NOT_FOUND: no such model; ERR_UNAVAILABLE: the model in this process is missing. The record is committed when it returns. */
MAY_PARK const struct err *embeddings_run(struct embeddings_call *call);
