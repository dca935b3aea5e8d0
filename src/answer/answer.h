/*
 * answer.h - one model call, from an authenticated caller to a committed record.
 */
#pragma once

#include "cache/cache.h"
#include "conf/conf.h"
#include "gateway/gateway.h"
#include "money/budget.h"
#include "store/store.h"

struct knowledge;
struct store;
struct tokenizers;

/* What an answer is made with; the same for all. */
struct answer_services {
	struct gateway *gateway;
	struct store *store;
	struct knowledge *knowledge;
	struct tokenizers *tokenizers; /* count what a provider does not; NULL: estimates */
	struct money *money;           /* NULL: nothing is budgeted */
	struct cache *cache;           /* NULL: nothing is kept */
};

/*
 * What a dialect keeps beside the record, in the same commit: a stored response. With one, `out` gets every event before the commit, sends nothing that is marked `last` before its
 * end, and so knows the whole answer when it is to be stored.
 */
struct answer_keep {
	/* Once all events are in, on the answer's fiber: makes what `store_in` needs. `err`: how the answer ended, or NULL. */
	MAY_PARK const struct err *(*gather)(struct answer_keep *keep, const struct err *err);
	MAY_PARK const struct err *(*store_in)(struct tx *tx, void *keep); /* within the record's transaction; its argument is the struct answer_keep. NULL: nothing is stored */
	bool local_only; /* set before gather: what is kept must not reach a hosted provider later */
};

/* One answer being made. The caller fills the first part; the arena is the request's. */
struct answer {
	struct arena *arena;
	struct call *call;
	const struct conf *conf;
	struct trace *trace;
	struct span *root;             /* of the request */
	int64_t tenant;
	const struct identity *identity; /* whose budgets pay; NULL: nobody's */
	struct str key_id, request_id;
	bool local_only;               /* the key's: no hosted provider is asked. What else says so, the call and its collections, goes with it into route.local_only */
	int (*error_status)(const struct err *err); /* the dialect's HTTP status for an error, for the record; NULL: err_http_status's */
	struct str response_id;        /* the answer's id as the client sees it; empty: the provider's */
	struct sink *out;              /* the dialect's encoder: gets every event; those marked `last` only after the commit */

	struct answer_keep *keep;      /* or NULL */
	struct str going_on, owner;    /* of one that goes on without its client: its stream or response, and the process that makes it; else empty */

	/* How passages link: fills url with a page of this server for one passage. */
	const struct err *(*link)(void *arg, struct arena *arena, struct context_passage *passage);
	void *link_arg;

	/* The request's headers, which may say something of the cache; and who is told how that went, before the answer begins (or NULL). A model without a cache tells nothing. */
	const struct http_headers *cache_headers;
	void (*tell_cache)(void *arg, enum cache_result result, int64_t age_us, double similarity);
	void *tell_cache_arg;

	/* The stages' own. */
	bool answered;                 /* without a call of its own: the stages that are left have nothing to do */
	struct cached *cached;         /* answer/cached.c's; NULL: the model has no cache */
	struct cache_source *sources;  /* the collections searched, as they were before; of models that have a cache */
	size_t source_count;
	const struct conf_model *model;
	struct route_spec route;
	struct passage_list *passages;
	struct attempt attempt;
	struct budget_claim claim;     /* what is reserved */
	unsigned char interaction[16]; /* the record's id */
	bool pending;                  /* it has a row there: answer/pending.h */
	bool committed;                /* the record is, with what was kept beside it */
	struct record record;
};

/*
 * Runs the stages and settles: the record is committed in every case, before an event marked `last` reaches `out` and before this returns. An error that is
 * returned has its record too. ERR_CANCELLED when the client left: the upstream call has ended by then.
 */
MAY_PARK const struct err *answer_run(const struct answer_services *services, struct answer *answer);
