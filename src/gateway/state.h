/*
 * state.h - what is known about targets, providers and models while the process runs: health, speed, places, budgets. It outlives every configuration.
 *
 * A state is found by what the thing is (a target: its provider's name and address, and the model's name there), so a reload that leaves that alone leaves its breaker and its
 * figures alone too. States are made when first asked for and live as long as the gateway; finding one takes no lock. All loops share them: figures are atomics, the rest is
 * behind a lock that is held for a few instructions.
 */
#pragma once

#include "conf/models.h"
#include "gateway/admission.h"
#include "gateway/breaker.h"
#include "gateway/provider.h"
#include "gateway/retry.h"

enum { STATES_MAX = 200000 }; /* of each kind; later ones share one */

struct gateway;
struct metric_series;

/* A moving average that forgets: without new figures it halves every 20 seconds, so that who was slow is asked again. */
struct latency {
	double us;
	int64_t at_us;
};
double latency_now(const struct latency *latency, int64_t now_us);
void latency_add(struct latency *latency, double us, int64_t now_us);

struct target_state {
	struct target_state *_Atomic next;
	uint64_t hash;
	struct str provider, base_url, model; /* owned */
	atomic_uint in_flight;
	struct admission admission;
	pthread_mutex_t lock;                 /* of what follows */
	struct breaker breaker;
	int64_t cooling_until_us;             /* a Retry-After that runs, an hour of it at most */
	struct latency first[2];              /* time to the first event: whole answers, streams */
	struct metric_series *_Atomic attempts[FAILURE_CAUSES];
};

struct provider_state {
	struct provider_state *_Atomic next;
	uint64_t hash;
	struct str name, base_url; /* owned */
	struct admission admission;
};

struct model_state {
	struct model_state *_Atomic next;
	uint64_t hash;
	struct str name; /* owned */
	struct retry_budget budget;
};

/* One for the process; all its calls have ended when it is freed. */
struct gateway *gateway_new(void);
void gateway_free(struct gateway *gateway); /* NULL is allowed */

struct target_state *target_state_of(struct gateway *gateway, const struct conf_target *target);
struct provider_state *provider_state_of(struct gateway *gateway, const struct conf_provider *provider);
struct model_state *model_state_of(struct gateway *gateway, const struct conf_model *model);

/* How an attempt at a target ended. */
struct target_result {
	enum failure_cause cause;
	int64_t retry_after_us;  /* of a rate limit; 0: not said */
	double first_us;         /* until the first event; 0: none came */
	bool stream, probe;
};

/* Whether a call should go there now: the breaker lets it pass and no Retry-After runs. */
bool target_available(struct target_state *state, int64_t now_us);

/* Whether the breaker lets no call pass. */
bool target_broken(struct target_state *state, int64_t now_us);

/* What is left of a Retry-After; 0: none runs. */
int64_t target_cooling_us(struct target_state *state, int64_t now_us);

/* Until the breaker or a Retry-After may let a call pass; 0: now. */
int64_t target_wait_us(struct target_state *state, int64_t now_us);

/* A call goes there: counted as in flight until target_leave. True: it is the breaker's probe. */
bool target_enter(struct target_state *state, int64_t now_us);
void target_leave(struct target_state *state, const struct conf_breaker *breaker, const struct target_result *result, int64_t now_us);

/* The states' figures at one moment, for people. */
struct target_figures {
	enum breaker_phase phase;
	int64_t open_us, cooling_us;      /* left of both */
	double first_chunk_us, whole_us;  /* 0: not known */
	unsigned in_flight, failures;     /* failures within the breaker's window */
	struct admission_figures queue, provider_queue;
};
void target_look(struct gateway *gateway, const struct conf_target *target, int64_t now_us, struct target_figures *out);
