/*
 * single.h - a request that is answered at once and whole, by a model that holds no conversation: embeddings, rerank, moderations. Routed, charged and recorded as calls of models are.
 */
#pragma once

#include "conf/conf.h"
#include "gateway/gateway.h"
#include "gateway/provider.h"
#include "money/budget.h"
#include "telemetry/record.h"

struct gateway;
struct single;
struct store;

/* One kind of such requests. */
struct single_kind {
	const char *operation;         /* of the record, and of spans: "embeddings" */
	const char *noun;              /* for messages: "embedding model" */
	enum conf_model_type type;     /* of the models that answer it */
	enum conf_api api;             /* what a target's provider must have */

	/* Writes the request for a target whose provider has the API. ERR_UNSUPPORTED names what it cannot do; nothing has been sent by then. */
	const struct err *(*request)(struct single *call, const struct target *target, struct http_call_spec *out);

	/* Reads an answer, a JSON object, and fills call->usage. ERR_UPSTREAM: nonsense. `root` lives as long as the call's arena. */
	const struct err *(*read)(struct single *call, const struct target *target, const struct json *root);

	/*
	 * Asks a target whose kind has a wire of its own for this (struct provider, `embed`), by as many requests as it takes, and fills call->usage; what a target was paid that fails behind a part of them is
	 * single_spend's. NULL: all are asked by one request.
	 */
	MAY_PARK const struct err *(*ask)(struct single *call, const struct target *target, const struct span *span, enum failure_cause *cause);

	/* Answers by a model in this process, where the caller names no model of the configuration; NULL: there is none. ERR_NOT_FOUND: not that one. */
	MAY_PARK const struct err *(*here)(struct single *call, struct record *record);
};

/* One request. The caller fills the first part; the arena is the request's. The first member of what each kind keeps. */
struct single {
	struct arena *arena;
	const struct single_kind *kind;
	const struct conf *conf;
	struct store *store;
	struct gateway *gateway;
	struct trace *trace;
	struct span *root;
	int64_t tenant;
	struct str key_id, request_id;
	struct money *money;             /* NULL: nothing is budgeted */
	const struct identity *identity; /* whose budgets pay */
	struct str user;
	bool local_only;                 /* nothing reaches a hosted provider */
	bool batch;                      /* it waits behind calls that somebody waits for */
	struct str model;                /* as asked */
	const struct json *source;       /* the request */
	struct usage expected;           /* an estimate of what it will use, for budgets; and what counts where the provider says nothing */
	int (*error_status)(const struct err *err); /* the dialect's HTTP status for an error, for the record; NULL: err_http_status's */

	/* Its own. */
	struct budget_claim claim;
	const struct conf_target *target; /* that was asked last; NULL: a model in this process */
	struct spent *spent;              /* what targets were paid that failed: ROUTE_STEPS_MAX at most */
	unsigned spent_count;
	unsigned char interaction[16];
	struct buf *body;                 /* of the request to the target; NULL: none was written yet */

	/* The result. */
	struct str whole;                /* the provider's answer; empty: a model in this process gave it */
	struct usage usage;
	struct str response_id;          /* the answer's id, for the record; may be empty */
};

/* ERR_NOT_FOUND: no such model. The record is committed when it returns, an error's too. */
MAY_PARK const struct err *single_run(struct single *call);

/*
 * The body of a request in the provider's own words: the members of call->source but "model", which is the target's, by the differences of its kind. For a provider whose API is the
 * dialect's. `endpoint` is below its base_url; the key goes into the header "authorization". ERR_UNSUPPORTED: it cannot do what a member asks.
 */
const struct err *single_pass_on(struct single *call, const struct target *target, const char *endpoint, struct http_call_spec *out);

/* A target was paid so much (by our estimate, where that is not known), and has failed all the same: the call pays it, beside what answers in the end. */
void single_spend(struct single *call, const struct target *target, const struct usage *usage);

/* Room for the body of a request, empty; one call has one, used again by each target. NULL: no memory. */
struct buf *single_body(struct single *call);

/* Method, headers, address and key for a body of our own. */
const struct err *single_post(struct single *call, const struct target *target, const char *endpoint, struct str body, struct http_call_spec *out);
