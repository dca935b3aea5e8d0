/*
 * route.c - see route.h.
 *
 * Read route_next first. A level is a model that was entered: the first one, then fallbacks. A level's targets are sorted once, when it is entered; whether one is available is asked
 * each time, since others' calls change that meanwhile.
 */
#include "gateway/route.h"

#include "base/clock.h"
#include "base/metric.h"
#include "base/random.h"
#include "rt/fiber.h"

static struct metric retries_total = METRIC_COUNTER("corbel_retries_total", "Repeats of calls at targets that had failed, by what became of the wish.", "model", "result");
static struct metric fallbacks_total = METRIC_COUNTER("corbel_fallbacks_total", "Calls that went on to another model.", "model", "to", "cause");

struct candidate {
	const struct conf_target *row;
	struct target_state *state;
	unsigned tries;
	bool dead;     /* not to be asked again by this call, whatever happens */
};

struct route_level {
	const struct conf_model *model;
	struct candidate *list;  /* the best first */
	size_t count;
	enum failure_cause cause; /* of the last failure at one of them */
	bool forbidden;          /* local_only left targets out */
};

const struct conf_model *
route_arm(const struct conf_model *model, struct str user, struct str conversation)
{
	while (model->route.split_count) {
		const struct conf_route *route = &model->route;
		struct str text = route->sticky == CONF_STICKY_USER ? user : route->sticky == CONF_STICKY_CONVERSATION ? conversation : STR_EMPTY;
		const struct conf_arm *arm =
			balance_arm(route->split, route->split_count, text.len ? balance_key(text, route->hash) : random_u64());

		model = arm->model; /* splits do not go round: the configuration has been checked */
	}
	return model;
}

bool
route_allowed(const struct conf_provider *provider, bool local_only)
{
	return !provider || !local_only || !provider->hosted;
}

/* --- entering a model --- */

static uint64_t
key_of(const struct route_spec *spec, const struct conf_model *model)
{
	const struct conf_route *route = &model->route;
	struct str text = route->sticky == CONF_STICKY_USER ? spec->user : route->sticky == CONF_STICKY_CONVERSATION ? spec->conversation : STR_EMPTY;

	return text.len ? balance_key(text, 0) : random_u64();
}

static void
look(const struct routing *route, const struct candidate *candidate, size_t index, int64_t now_us, struct choice *out)
{
	const struct conf_target *row = candidate->row;
	struct target_state *state = candidate->state;

	*out = (struct choice){ .hash = row->hash, .weight = row->weight, .price = row->price.input + row->price.output, .index = index };
	out->busy = atomic_load_explicit(&state->in_flight, memory_order_relaxed);
	pthread_mutex_lock(&state->lock);
	out->latency_us = latency_now(&state->first[route->spec->stream], now_us);
	pthread_mutex_unlock(&state->lock);
}

/* The best first. */
static const struct err *
sort(struct routing *route, struct route_level *level)
{
	struct choice *choices = arena_array(route->arena, level->count, sizeof(*choices));
	struct candidate *sorted = arena_array(route->arena, level->count, sizeof(*sorted));
	int64_t now_us = clock_mono_us();

	if (!choices || !sorted)
		return &err_no_memory;
	for (size_t i = 0; i < level->count; i++)
		look(route, &level->list[i], i, now_us, &choices[i]);
	balance_order(level->model->route.strategy, route->key, choices, level->count);
	for (size_t i = 0; i < level->count; i++)
		sorted[i] = level->list[choices[i].index];
	level->list = sorted;
	return NULL;
}

static const struct err *
enter(struct routing *route, const struct conf_model *model)
{
	struct route_level *level = arena_zalloc(route->arena, sizeof(*level));

	if (!level)
		return &err_no_memory;
	level->model = model;
	route->key = key_of(route->spec, model);
	level->list = arena_array(route->arena, model->target_count + 1, sizeof(*level->list));
	if (!level->list)
		return &err_no_memory;
	for (size_t i = 0; i < model->target_count; i++) {
		const struct conf_target *row = &model->targets[i];

		if (route_allowed(row->provider, route->spec->local_only))
			level->list[level->count++] = (struct candidate){ .row = row, .state = target_state_of(route->gateway, row) };
		else
			level->forbidden = true;
	}
	route->level = route->level_count;
	route->levels[route->level_count++] = level;
	return level->count > 1 ? sort(route, level) : NULL;
}

const struct err *
route_open(struct routing *route, struct gateway *gateway, const struct route_spec *spec, struct arena *arena)
{
	*route = (struct routing){ .gateway = gateway, .spec = spec, .arena = arena };
	return enter(route, spec->model);
}

const struct conf_model *
route_model(const struct routing *route)
{
	return route->levels[route->level]->model;
}

/* --- picking --- */

/* What a cause is in a list of fallbacks: 0 for one that ends the call. */
static unsigned
bit_of(enum failure_cause cause)
{
	static const unsigned bits[FAILURE_CAUSES] = { [FAILURE_ERROR] = CONF_ON_ERROR, [FAILURE_TIMEOUT] = CONF_ON_TIMEOUT, [FAILURE_RATE_LIMIT] = CONF_ON_RATE_LIMIT,
		[FAILURE_CONTEXT_WINDOW] = CONF_ON_CONTEXT_WINDOW, [FAILURE_CONTENT_FILTER] = CONF_ON_CONTENT_FILTER, [FAILURE_CREDENTIALS] = CONF_ON_ERROR,
		[FAILURE_UNSUPPORTED] = CONF_ON_ERROR };

	return bits[cause];
}

/* A conversation that is too long or filtered is so at the next ordinary target, too: only those named for it are worth asking. */
static bool
fits(const struct conf_target *row, enum failure_cause cause)
{
	if (row->fallback_on)
		return (row->fallback_on & bit_of(cause)) != 0;
	return cause != FAILURE_CONTEXT_WINDOW && cause != FAILURE_CONTENT_FILTER;
}

static struct conf_queue
own_queue(const struct conf_target *row)
{
	struct conf_queue queue = row->provider->queue;

	queue.concurrency = row->concurrency;
	queue.batch_concurrency = 0;
	return queue;
}

static bool
has_place(const struct routing *route, const struct candidate *candidate)
{
	const struct conf_provider *provider = candidate->row->provider;
	struct conf_queue own = own_queue(candidate->row);
	bool batch = route->spec->batch;

	return admission_free(&candidate->state->admission, &own, batch) &&
		(!provider->queue.concurrency || admission_free(&provider_state_of(route->gateway, provider)->admission, &provider->queue, batch));
}

enum want { WANT_FREE, WANT_AVAILABLE, WANT_ANY };

static bool
is_wanted(const struct routing *route, const struct candidate *candidate, enum want want, int64_t now_us)
{
	if (want == WANT_ANY) /* it failed lately, or a Retry-After runs: still better than nothing, unless told otherwise */
		return !candidate->row->provider->breaker.refuse || !target_broken(candidate->state, now_us);
	return target_available(candidate->state, now_us) && (want == WANT_AVAILABLE || has_place(route, candidate));
}

/* The first of the level's targets that was not tried and fits. Ordinary ones come before those that are there for a cause. */
static struct candidate *
pick_among(struct routing *route, enum want want)
{
	struct route_level *level = route->levels[route->level];
	int64_t now_us = clock_mono_us();

	for (int special = 0; special < 2; special++) {
		for (size_t i = 0; i < level->count; i++) {
			struct candidate *candidate = &level->list[i];

			if (!candidate->dead && !candidate->tries && (candidate->row->fallback_on != 0) == special && fits(candidate->row, level->cause) &&
				is_wanted(route, candidate, want, now_us))
				return candidate;
		}
	}
	return NULL;
}

/* One with a free place before one with a queue; what sticks rather waits than moves. */
static struct candidate *
pick_untried(struct routing *route)
{
	bool sticky = route_model(route)->route.sticky != CONF_STICKY_NONE;
	struct candidate *candidate = sticky ? NULL : pick_among(route, WANT_FREE);

	return candidate ? candidate : pick_among(route, WANT_AVAILABLE);
}

/* --- repeats --- */

static bool
worth_repeating(enum failure_cause cause)
{
	return cause == FAILURE_ERROR || cause == FAILURE_TIMEOUT || cause == FAILURE_RATE_LIMIT;
}

/* Of those that failed, the one that can be asked again the soonest; one whose breaker is open only if there is no other. */
static struct candidate *
soonest(struct routing *route, int64_t *wait_us)
{
	struct route_level *level = route->levels[route->level];
	struct candidate *best = NULL;
	int64_t now_us = clock_mono_us();
	bool best_broken = false;

	for (size_t i = 0; i < level->count; i++) {
		struct candidate *candidate = &level->list[i];
		int64_t us = target_cooling_us(candidate->state, now_us);
		bool broken = target_broken(candidate->state, now_us);

		if (candidate->dead || !candidate->tries || (broken && candidate->row->provider->breaker.refuse))
			continue;
		if (best && (broken > best_broken || (broken == best_broken && us >= *wait_us)))
			continue;
		best = candidate;
		best_broken = broken;
		*wait_us = us;
	}
	return best;
}

/* Waits, and gives one that is to be asked again; NULL when no repeat is allowed. */
static MAY_PARK const struct err *
repeat(struct routing *route, struct candidate **out)
{
	const struct conf_model *model = route_model(route);
	struct candidate *candidate;
	int64_t wait_us = 0, delay_us;
	const struct err *err;

	*out = NULL;
	if (route->repeats >= model->route.retry.max || !worth_repeating(route->cause))
		return NULL;
	candidate = soonest(route, &wait_us);
	if (!candidate)
		return NULL;
	delay_us = retry_delay_us(&model->route.retry, route->repeats, wait_us, random_u64());
	if (delay_us < 0 || delay_us >= scope_left_us()) {
		metric_add(&retries_total, 1, model->name, STR("too_long"));
		return NULL;
	}
	if (!retry_take(&model_state_of(route->gateway, model)->budget)) {
		metric_add(&retries_total, 1, model->name, STR("no_budget"));
		return NULL;
	}
	metric_add(&retries_total, 1, model->name, STR("done"));
	route->repeats++;
	err = fiber_sleep_us(delay_us);
	*out = err ? NULL : candidate;
	return err;
}

/* --- fallbacks --- */

static bool
was_entered(const struct routing *route, const struct conf_model *model)
{
	for (size_t i = 0; i < route->level_count; i++)
		if (route->levels[i]->model == model)
			return true;
	return false;
}

/* Enters the next model named for the cause: by the model that is being tried, then by those before it. False when there is none. */
static const struct err *
fall_back(struct routing *route, bool *out)
{
	unsigned bit = bit_of(route->cause);

	*out = false;
	for (size_t i = route->level_count; i-- > 0 && route->level_count < ROUTE_MODELS_MAX;) {
		const struct conf_model *from = route->levels[i]->model;

		for (size_t j = 0; j < from->route.fallback_count; j++) {
			const struct conf_fallback *fallback = &from->route.fallbacks[j];

			if (!(fallback->on & bit) || was_entered(route, fallback->model))
				continue;
			metric_add(&fallbacks_total, 1, from->name, fallback->model->name, str_of(failure_cause_name(route->cause)));
			*out = true;
			return enter(route, fallback->model);
		}
	}
	return NULL;
}

/* --- the way --- */

/* Why nothing of the first model can be asked, when nothing was: it decides which fallbacks are for it. */
static void
explain_unavailable(struct routing *route)
{
	struct route_level *level = route->levels[0];
	int64_t now_us = clock_mono_us(), soonest_us = INT64_MAX;
	bool cooling = false;
	struct err *err;

	for (size_t i = 0; i < level->count; i++) {
		int64_t wait_us = target_wait_us(level->list[i].state, now_us);

		soonest_us = wait_us < soonest_us ? wait_us : soonest_us;
		cooling = cooling || target_cooling_us(level->list[i].state, now_us) > 0;
	}
	route->cause = cooling ? FAILURE_RATE_LIMIT : FAILURE_ERROR;
	if (level->count == 0 && level->forbidden) {
		route->last_err = err_param(route->arena, ERR_FORBIDDEN, "model", "local_only",
			"this may be answered on the operator's own machines only, and no target of '%" STR_F "' is there", STR_A(level->model->name));
		return;
	}
	err = arena_zalloc(route->arena, sizeof(*err));
	route->last_err = err;
	if (!err) {
		route->last_err = &err_no_memory;
		return;
	}
	*err = *err_new(route->arena, ERR_UNAVAILABLE, "every target of '%" STR_F "' has failed lately and is left alone for a while", STR_A(level->model->name));
	err->retry_after_us = soonest_us != INT64_MAX && soonest_us > 0 ? soonest_us : USEC_PER_SEC;
}

static MAY_PARK const struct err *
choose(struct routing *route, struct candidate **out)
{
	const struct err *err = NULL;
	bool more = true;

	*out = NULL;
	if (route->steps > 0 && !bit_of(route->cause))
		return NULL;
	while (more && !err && !route->forced) {
		*out = pick_untried(route);
		if (*out)
			return NULL;
		if (route->steps == 0 && !route->last_err) {
			explain_unavailable(route);
			route->unasked = true;
		}
		err = repeat(route, out);
		if (err || *out)
			return err;
		err = fall_back(route, &more);
	}
	for (route->level = 0; !err && !*out && route->level < route->level_count; route->level++) {
		route->forced = true;
		*out = pick_among(route, WANT_ANY);
		if (*out)
			return NULL;
	}
	route->level = 0;
	return err;
}

/* Takes the places of a target: its own, then its provider's. */
static MAY_PARK const struct err *
take_places(struct routing *route, const struct candidate *candidate, struct route_step *step)
{
	const struct conf_target *row = candidate->row;
	struct conf_queue own = own_queue(row);
	const struct err *err = admission_take(&candidate->state->admission, &own, route->spec->batch, route->arena, &step->own);

	if (err || !row->provider->queue.concurrency)
		return err;
	err = admission_take(&provider_state_of(route->gateway, row->provider)->admission, &row->provider->queue, route->spec->batch, route->arena, &step->provider);
	if (err)
		admission_give(&step->own);
	return err;
}

MAY_PARK const struct err *
route_next(struct routing *route, struct route_step *out)
{
	*out = (struct route_step){ 0 };
	if (route->spec->built_in || route->spec->model->target_count == 0) {
		out->target = (struct target){ .kind = &provider_extractive, .model = STR("extractive") };
		return route->steps++ ? route->last_err : NULL;
	}
	while (route->steps < ROUTE_STEPS_MAX) {
		struct candidate *candidate;
		const struct err *err = choose(route, &candidate);

		if (err || !candidate)
			return err ? err : route->last_err;
		candidate->tries++;
		route->steps++;
		err = take_places(route, candidate, out);
		if (!err) {
			const struct conf_target *row = candidate->row;

			out->target = (struct target){ .provider = row->provider, .kind = provider_find(conf_provider_kind(row->provider)), .model = row->model, .row = row };
			out->state = candidate->state;
			out->probe = target_enter(candidate->state, clock_mono_us());
			return NULL;
		}
		if (err->kind != ERR_BUSY)
			return err;
		route->last_err = err; /* its queue is full: as good as a 429 */
		route->cause = route->levels[route->level]->cause = FAILURE_RATE_LIMIT;
		candidate->dead = true;
	}
	return route->last_err;
}

void
route_result(struct routing *route, struct route_step *step, const struct target_result *result, const struct err *err)
{
	struct route_level *level = route->levels[route->level];

	route->cause = level->cause = result->cause;
	/* What one target cannot do says less than that another one failed. */
	if (!route->last_err || result->cause != FAILURE_UNSUPPORTED || route->unasked)
		route->last_err = err;
	route->unasked = false;
	if (!step->state)
		return;
	target_leave(step->state, &step->target.provider->breaker, result, clock_mono_us());
	admission_give(&step->provider);
	admission_give(&step->own);
	if (result->cause == FAILURE_NONE && level->model->route.retry.max > 0)
		retry_pay(&model_state_of(route->gateway, level->model)->budget, level->model->route.retry.budget);
	for (size_t i = 0; i < level->count; i++)
		if (level->list[i].state == step->state)
			level->list[i].dead = !worth_repeating(result->cause);
}

bool
route_has_more(const struct routing *route)
{
	const struct route_level *level = route->levels[route->level];

	return !route->spec->built_in && (level->count > 1 || level->model->route.fallback_count || route->level_count > 1 || level->model->route.retry.max > route->repeats);
}

bool
route_has_for(const struct routing *route, enum failure_cause cause)
{
	const struct route_level *level = route->levels[route->level];
	bool found = false;

	for (size_t i = 0; i < level->count && !found; i++)
		found = !level->list[i].dead && !level->list[i].tries && fits(level->list[i].row, cause);
	for (size_t i = 0; i < route->level_count && !found && route->level_count < ROUTE_MODELS_MAX; i++)
		for (size_t j = 0; j < route->levels[i]->model->route.fallback_count && !found; j++) {
			const struct conf_fallback *fallback = &route->levels[i]->model->route.fallbacks[j];

			found = (fallback->on & bit_of(cause)) && !was_entered(route, fallback->model);
		}
	return found && !route->spec->built_in;
}
