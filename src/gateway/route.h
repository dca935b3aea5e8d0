/*
 * route.h - the way of one call: which target is asked, and after a failure, which next.
 *
 *	route_open(&route, gateway, &spec, arena);
 *	while (!(err = route_next(&route, &step))) {
 *		...ask step.target...
 *		route_result(&route, &step, &result, err);       always, exactly once a step
 *		if (!err) break;
 *	}
 *
 * The order, after a failure of a cause that another target may not have: the model's other targets; repeats at those that failed, after a backoff, within the retry budget;
 * the targets of the fallback models named for the cause; and at last the targets that were left alone for their breaker or a running Retry-After. It always ends: models are not
 * entered twice, repeats and steps are counted.
 */
#pragma once

#include "gateway/balance.h"
#include "gateway/state.h"

struct conf;

/* What decides the way of a call. Kept by the caller while the route is used. */
struct route_spec {
	const struct conf_model *model;     /* after splits (route_arm) */
	struct str user, conversation;
	bool built_in;                      /* answered by the built-in model, whatever the targets are */
	bool local_only, batch, stream;
};

/* One target to ask. */
struct route_step {
	struct target target;
	struct target_state *state;         /* NULL: built in */
	bool probe;
	struct admission_ticket own, provider;
};

enum { ROUTE_STEPS_MAX = 16, ROUTE_MODELS_MAX = 8 };

struct route_level;

struct routing {
	struct gateway *gateway;
	const struct route_spec *spec;
	struct arena *arena;
	uint64_t key;
	unsigned steps, repeats;
	struct route_level *levels[ROUTE_MODELS_MAX]; /* the models entered, in order */
	size_t level_count, level;          /* the one that is being tried */
	bool forced;                        /* at last: what was left alone is tried all the same */
	const struct err *last_err;         /* of the last step, in `arena` */
	bool unasked;                       /* that is why none could be asked, and no step's */
	enum failure_cause cause;
	int64_t asked_us;                   /* its Retry-After */
};

/*
 * The model that a call for `model` goes to: through its split, and theirs, by the share that the call's key falls into. The model itself when it has none.
 */
const struct conf_model *route_arm(const struct conf_model *model, struct str user, struct str conversation);

/* Whether a call may go to a provider at all. The one place that decides this. NULL: the built-in model, which is here. */
bool route_allowed(const struct conf_provider *provider, bool local_only);

const struct err *route_open(struct routing *route, struct gateway *gateway, const struct route_spec *spec, struct arena *arena);

/*
 * The next target, with its place taken; waits for a backoff or in a queue. When none is left, the error of the whole call: the last step's, or why nothing could be asked at all
 * (ERR_FORBIDDEN for local_only, ERR_BUSY, ERR_UNAVAILABLE); or the scope's.
 */
MAY_PARK const struct err *route_next(struct routing *route, struct route_step *out);

/* How the step ended; gives its places back. `err` NULL: it went well. */
void route_result(struct routing *route, struct route_step *step, const struct target_result *result, const struct err *err);

/* The model whose target the step is. */
const struct conf_model *route_model(const struct routing *route);

/* Whether another target is there for this cause: a conversation that is filtered or too long ends the call elsewhere. */
bool route_has_for(const struct routing *route, enum failure_cause cause);

/* Whether another step may follow a failure, as far as is known now: then what was not sent yet may be held back a little. */
bool route_has_more(const struct routing *route);
