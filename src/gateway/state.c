/*
 * state.c - see state.h. Three tables of chains: readers follow them without a lock, and what is added is added whole, at the front, under one.
 */
#include "gateway/state.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/metric.h"

enum { BUCKETS = 4096 };

#define COOLING_MAX_US (3600 * USEC_PER_SEC) /* a Retry-After of days is asked once an hour whether it still holds */

#define HALF_LIFE_US (20e6)

static struct metric attempts_total = METRIC_COUNTER("corbel_target_attempts_total",
	"Calls to targets by how they ended: none, or the cause of their failure.", "provider", "model", "cause");
static struct metric breaker_open = METRIC_GAUGE("corbel_target_breaker_open", "1 while a target's circuit breaker is open.", "provider", "model");
static struct metric breaker_changes = METRIC_COUNTER("corbel_target_breaker_changes_total", "Openings and closings of circuit breakers.", "provider", "model", "to");

struct gateway {
	pthread_mutex_t adding;
	struct target_state *_Atomic targets[BUCKETS];
	struct provider_state *_Atomic providers[BUCKETS];
	struct model_state *_Atomic models[BUCKETS];
	size_t target_count, provider_count, model_count;
};

struct gateway *
gateway_new(void)
{
	struct gateway *gateway = mem_zalloc(sizeof(*gateway));

	pthread_mutex_init(&gateway->adding, NULL);
	return gateway;
}

static void
target_free(struct target_state *state)
{
	admission_fini(&state->admission);
	pthread_mutex_destroy(&state->lock);
	free((char *)state->provider.ptr);
	free(state);
}

static void
provider_free(struct provider_state *state)
{
	admission_fini(&state->admission);
	free((char *)state->name.ptr);
	free(state);
}

void
gateway_free(struct gateway *gateway)
{
	if (!gateway)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct target_state *state = gateway->targets[i], *next; state; state = next) {
			next = state->next;
			target_free(state);
		}
		for (struct provider_state *state = gateway->providers[i], *next; state; state = next) {
			next = state->next;
			provider_free(state);
		}
		for (struct model_state *state = gateway->models[i], *next; state; state = next) {
			next = state->next;
			free((char *)state->name.ptr);
			free(state);
		}
	}
	pthread_mutex_destroy(&gateway->adding);
	free(gateway);
}

/* Copies of up to three texts in one piece, which the first of them owns. */
static void
keep(struct str *a, struct str *b, struct str *c)
{
	char *bytes = mem_alloc(a->len + b->len + c->len + 1);

	memcpy(bytes, a->ptr, a->len);
	if (b->len)
		memcpy(bytes + a->len, b->ptr, b->len);
	if (c->len)
		memcpy(bytes + a->len + b->len, c->ptr, c->len);
	*a = str_n(bytes, a->len);
	*b = str_n(bytes + a->len, b->len);
	*c = str_n(bytes + a->len + b->len, c->len);
}

/* --- targets --- */

static struct target_state *
target_find(struct gateway *gateway, const struct conf_target *target)
{
	struct target_state *state = atomic_load_explicit(&gateway->targets[target->hash % BUCKETS], memory_order_acquire);

	for (; state; state = state->next)
		if (state->hash == target->hash && str_eq(state->model, target->model) && str_eq(state->provider, target->provider->name) &&
			str_eq(state->base_url, target->provider->base_url))
			return state;
	return NULL;
}

static struct target_state *
target_make(struct gateway *gateway, const struct conf_target *target)
{
	struct target_state *_Atomic *bucket = &gateway->targets[target->hash % BUCKETS];
	struct target_state *state = mem_zalloc(sizeof(*state));

	state->hash = target->hash;
	state->provider = target->provider->name;
	state->base_url = target->provider->base_url;
	state->model = target->model;
	keep(&state->provider, &state->base_url, &state->model);
	admission_init(&state->admission);
	pthread_mutex_init(&state->lock, NULL);
	state->next = *bucket;
	atomic_store_explicit(bucket, state, memory_order_release);
	gateway->target_count++;
	return state;
}

static const struct conf_provider other_provider = { .name = STR_INIT("other"), .base_url = STR_INIT("") };
static const struct conf_target other_target = { .provider = &other_provider, .model = STR_INIT("other") };
static const struct conf_model other_model = { .name = STR_INIT("other") };

struct target_state *
target_state_of(struct gateway *gateway, const struct conf_target *target)
{
	struct target_state *state = target_find(gateway, target);

	if (state)
		return state;
	pthread_mutex_lock(&gateway->adding);
	state = target_find(gateway, target);
	if (!state && gateway->target_count >= STATES_MAX) {
		target = &other_target;
		state = target_find(gateway, target);
	}
	if (!state)
		state = target_make(gateway, target);
	pthread_mutex_unlock(&gateway->adding);
	return state;
}

/* --- providers --- */

static struct provider_state *
provider_find_state(struct gateway *gateway, const struct conf_provider *provider)
{
	struct provider_state *state = atomic_load_explicit(&gateway->providers[provider->hash % BUCKETS], memory_order_acquire);

	for (; state; state = state->next)
		if (state->hash == provider->hash && str_eq(state->name, provider->name) && str_eq(state->base_url, provider->base_url))
			return state;
	return NULL;
}

struct provider_state *
provider_state_of(struct gateway *gateway, const struct conf_provider *provider)
{
	struct provider_state *state = provider_find_state(gateway, provider);
	struct str none = STR_EMPTY;

	if (state)
		return state;
	pthread_mutex_lock(&gateway->adding);
	state = provider_find_state(gateway, provider);
	if (!state && gateway->provider_count >= STATES_MAX) {
		provider = &other_provider;
		state = provider_find_state(gateway, provider);
	}
	if (!state) {
		state = mem_zalloc(sizeof(*state));
		state->hash = provider->hash;
		state->name = provider->name;
		state->base_url = provider->base_url;
		keep(&state->name, &state->base_url, &none);
		admission_init(&state->admission);
		state->next = gateway->providers[provider->hash % BUCKETS];
		atomic_store_explicit(&gateway->providers[provider->hash % BUCKETS], state, memory_order_release);
		gateway->provider_count++;
	}
	pthread_mutex_unlock(&gateway->adding);
	return state;
}

/* --- models --- */

static struct model_state *
model_find_state(struct gateway *gateway, const struct conf_model *model)
{
	struct model_state *state = atomic_load_explicit(&gateway->models[model->route.hash % BUCKETS], memory_order_acquire);

	for (; state; state = state->next)
		if (state->hash == model->route.hash && str_eq(state->name, model->name))
			return state;
	return NULL;
}

struct model_state *
model_state_of(struct gateway *gateway, const struct conf_model *model)
{
	struct model_state *state = model_find_state(gateway, model);
	struct str none = STR_EMPTY, nothing = STR_EMPTY;

	if (state)
		return state;
	pthread_mutex_lock(&gateway->adding);
	state = model_find_state(gateway, model);
	if (!state && gateway->model_count >= STATES_MAX) {
		model = &other_model;
		state = model_find_state(gateway, model);
	}
	if (!state) {
		state = mem_zalloc(sizeof(*state));
		state->hash = model->route.hash;
		state->name = model->name;
		keep(&state->name, &none, &nothing);
		state->next = gateway->models[model->route.hash % BUCKETS];
		atomic_store_explicit(&gateway->models[model->route.hash % BUCKETS], state, memory_order_release);
		gateway->model_count++;
	}
	pthread_mutex_unlock(&gateway->adding);
	return state;
}

/* --- what happens to a target --- */

double
latency_now(const struct latency *latency, int64_t now_us)
{
	return latency->us * exp2(-(double)(now_us - latency->at_us) / HALF_LIFE_US);
}

void
latency_add(struct latency *latency, double us, int64_t now_us)
{
	latency->us = latency->us > 0 ? latency->us + (us - latency->us) / 4 : us;
	latency->at_us = now_us;
}

bool
target_available(struct target_state *state, int64_t now_us)
{
	bool available;

	pthread_mutex_lock(&state->lock);
	available = now_us >= state->cooling_until_us && breaker_passes(&state->breaker, now_us);
	pthread_mutex_unlock(&state->lock);
	return available;
}

bool
target_broken(struct target_state *state, int64_t now_us)
{
	bool broken;

	pthread_mutex_lock(&state->lock);
	broken = !breaker_passes(&state->breaker, now_us);
	pthread_mutex_unlock(&state->lock);
	return broken;
}

int64_t
target_cooling_us(struct target_state *state, int64_t now_us)
{
	int64_t until_us;

	pthread_mutex_lock(&state->lock);
	until_us = state->cooling_until_us;
	pthread_mutex_unlock(&state->lock);
	return until_us > now_us ? until_us - now_us : 0;
}

int64_t
target_wait_us(struct target_state *state, int64_t now_us)
{
	int64_t cooling_us = target_cooling_us(state, now_us), open_us;

	pthread_mutex_lock(&state->lock);
	open_us = breaker_wait_us(&state->breaker, now_us);
	pthread_mutex_unlock(&state->lock);
	return cooling_us > open_us ? cooling_us : open_us;
}

bool
target_enter(struct target_state *state, int64_t now_us)
{
	bool probe;

	atomic_fetch_add_explicit(&state->in_flight, 1, memory_order_relaxed);
	pthread_mutex_lock(&state->lock);
	probe = breaker_enter(&state->breaker, now_us);
	pthread_mutex_unlock(&state->lock);
	return probe;
}

/* What an ending says about the target's health: that it answered at all is a good sign, whatever it said about this one request. */
static enum breaker_result
says(enum failure_cause cause)
{
	switch (cause) {
	case FAILURE_NONE:
	case FAILURE_CONTEXT_WINDOW:
	case FAILURE_CONTENT_FILTER:
	case FAILURE_REQUEST:
		return BREAKER_WENT_WELL;
	case FAILURE_ERROR:
	case FAILURE_TIMEOUT:
	case FAILURE_CREDENTIALS:
		return BREAKER_FAILED;
	case FAILURE_RATE_LIMIT: /* the cooldown's business */
	case FAILURE_UNSUPPORTED:
	case FAILURE_CANCELLED:
	case FAILURE_CAUSES:
		break;
	}
	return BREAKER_SAYS_NOTHING;
}

static void
count(struct target_state *state, enum failure_cause cause)
{
	struct metric_series *series = atomic_load_explicit(&state->attempts[cause], memory_order_relaxed);

	if (!series) {
		series = metric_series(&attempts_total, state->provider, state->model, str_of(failure_cause_name(cause)));
		atomic_store_explicit(&state->attempts[cause], series, memory_order_relaxed);
	}
	metric_series_add(series, 1);
}

void
target_leave(struct target_state *state, const struct conf_breaker *breaker, const struct target_result *result, int64_t now_us)
{
	int64_t cooling_us = result->retry_after_us < COOLING_MAX_US ? result->retry_after_us : COOLING_MAX_US;
	bool changed, open;

	atomic_fetch_sub_explicit(&state->in_flight, 1, memory_order_relaxed);
	pthread_mutex_lock(&state->lock);
	changed = breaker_report(&state->breaker, breaker, says(result->cause), result->probe, now_us);
	open = state->breaker.open;
	if ((result->cause == FAILURE_RATE_LIMIT || result->retry_after_us > 0) && now_us + cooling_us > state->cooling_until_us)
		state->cooling_until_us = now_us + cooling_us;
	if (result->cause == FAILURE_NONE)
		state->cooling_until_us = 0;
	if (result->first_us > 0)
		latency_add(&state->first[result->stream], result->first_us, now_us);
	pthread_mutex_unlock(&state->lock);
	count(state, result->cause);
	if (changed) {
		metric_set(&breaker_open, open, state->provider, state->model);
		metric_add(&breaker_changes, 1, state->provider, state->model, open ? STR("open") : STR("closed"));
	}
}

void
target_look(struct gateway *gateway, const struct conf_target *target, int64_t now_us, struct target_figures *out)
{
	struct target_state *state = target_state_of(gateway, target);

	*out = (struct target_figures){ .in_flight = atomic_load_explicit(&state->in_flight, memory_order_relaxed) };
	pthread_mutex_lock(&state->lock);
	out->phase = breaker_phase(&state->breaker, now_us);
	out->open_us = breaker_wait_us(&state->breaker, now_us);
	out->failures = state->breaker.bad[0] + state->breaker.bad[1];
	out->cooling_us = now_us < state->cooling_until_us ? state->cooling_until_us - now_us : 0;
	out->whole_us = latency_now(&state->first[0], now_us);
	out->first_chunk_us = latency_now(&state->first[1], now_us);
	pthread_mutex_unlock(&state->lock);
	out->queue = admission_look(&state->admission);
	out->provider_queue = admission_look(&provider_state_of(gateway, target->provider)->admission);
}
