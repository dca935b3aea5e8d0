/*
 * cost.c - see cost.h.
 *
 * A reservation is a bound as far as one can be had: the output's is max_tokens, or OUTPUT_BOUND where nothing is said; the input is counted roughly and a quarter more is
 * taken. Searches in the web are bounded by what the request says of them, or by an assumption (gateway/bound.h). A call that costs more than was reserved is charged what it cost all the same.
 */
#include "answer/cost.h"

#include "base/clock.h"
#include "gateway/bound.h"
#include "gateway/count.h"
#include "gateway/provider.h"
#include "gateway/route.h"

enum { OUTPUT_BOUND = 4096 };

bool
cost_price(const struct conf_target *row, struct str kind, struct str model, int64_t at_us, struct price *out)
{
	if (!row || !row->price.given)
		return price_find(kind, model, at_us, out);
	*out = price_of_config(&row->price);
	return true;
}

/* What a call may use, for each of the targets that it may go to. */
struct reserved {
	struct usage usage;
	const struct call *call; /* for what it may look up in the web; NULL: nothing */
	bool an_hour;            /* it may write to a cache that keeps for an hour */
};

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* At a price as if all tokens were of its dearest kinds. */
static int64_t
ceiling_at(const struct price *price, const struct usage *most, bool an_hour)
{
	struct price dearest = *price_for(price, most);

	dearest.steps = NULL;
	dearest.step_count = 0;
	dearest.input = larger(larger(dearest.input, dearest.image_input), larger(dearest.audio_input, larger(dearest.cached_input, dearest.cache_write)));
	if (an_hour)
		dearest.input = larger(dearest.input, dearest.cache_write_1h);
	dearest.output = larger(larger(dearest.output, dearest.image_output), larger(dearest.reasoning, dearest.audio_output));
	dearest.web_search = larger(dearest.web_search, larger(dearest.web_search_low, dearest.web_search_high));
	return price_cost_nanos(&dearest, most);
}

/* In the tier that is asked for, or in the usual one: a provider may serve it there. */
static int64_t
ceiling(const struct price *price, const struct reserved *reserved, int64_t searches)
{
	struct usage most = reserved->usage;
	int64_t usual;

	most.web_searches = searches;
	most.tier = USAGE_STANDARD;
	usual = ceiling_at(price, &most, reserved->an_hour);
	most.tier = reserved->usage.tier;
	return larger(usual, ceiling_at(price, &most, reserved->an_hour));
}

static const struct err *
no_price(struct arena *arena, const struct conf_target *row)
{
	return err_param(arena, ERR_UNSUPPORTED, "model", "price_unknown",
		"a budget binds this caller, and no price is known for the model \"%" STR_F "\" of the provider \"%" STR_F "\", so the budget could not be kept: give the target a price (0 where it costs "
		"nothing)",
		STR_A(row->model), STR_A(row->provider->name));
}

/* The most that the call may cost at a target of the model. */
static const struct err *
dearest_of(struct arena *arena, const struct conf_model *model, int64_t at_us, const struct reserved *reserved, int64_t *most)
{
	for (size_t i = 0; i < model->target_count; i++) {
		const struct conf_target *row = &model->targets[i];
		struct str kind = conf_provider_kind(row->provider);
		struct price price;

		if (!cost_price(row, kind, row->model, at_us, &price))
			return no_price(arena, row);
		*most = larger(*most, ceiling(&price, reserved, reserved->call ? bound_web_searches(reserved->call, kind, row->model) : 0));
	}
	return NULL;
}

/* The same, or at one of those it falls back to. */
static const struct err *
dearest(const struct conf *conf, struct arena *arena, const struct conf_model *model, int64_t at_us, const struct reserved *reserved, int64_t *most)
{
	const struct conf_reached *reached = conf_reach(conf, arena, model, ROUTE_MODELS_MAX - 1);
	const struct err *err = reached ? NULL : &err_no_memory;

	for (; reached && !err; reached = reached->next)
		err = dearest_of(arena, reached->model, at_us, reserved, most);
	return err;
}

MAY_PARK const struct err *
cost_reserve(const struct answer_services *services, struct answer *answer)
{
	const struct call *call = answer->call;
	struct reserved reserved = { .usage = { .output = (call->tokens_max ? call->tokens_max : OUTPUT_BOUND) * (call->choices ? call->choices : 1) }, .call = call };
	int64_t most = 0;
	const struct err *err;
	struct str user;

	if (!services->money || !answer->identity || answer->model->target_count == 0)
		return NULL;
	user = access_user_id(answer->arena, call->user);
	if (!user.ptr)
		return &err_no_memory;
	if (!budget_binds(services->money, answer->identity, user))
		return NULL;
	reserved.usage.input = call_tokens_estimate(answer->arena, call, true);
	reserved.usage.input += reserved.usage.input / 4 + 16;
	reserved.usage.tier = bound_tier(call);
	reserved.an_hour = bound_keeps_an_hour(call);
	err = dearest(answer->conf, answer->arena, answer->model, answer->record.started_us, &reserved, &most);
	return err ? err : budget_reserve(services->money, answer->arena, answer->identity, user, answer->record.started_us, most, &answer->claim);
}

MAY_PARK const struct err *
cost_reserve_usage(struct money *money, const struct conf *conf, struct arena *arena, const struct identity *identity, struct str user, const struct conf_model *model,
	const struct usage *expected, int64_t at_us, struct budget_claim *out)
{
	struct reserved reserved = { .usage = *expected };
	struct str id = access_user_id(arena, user);
	const struct err *err;
	int64_t most = 0;

	*out = (struct budget_claim){ .count = 0 };
	if (!money || !identity)
		return NULL;
	if (!id.ptr)
		return &err_no_memory;
	if (!budget_binds(money, identity, id))
		return NULL;
	reserved.usage.input += reserved.usage.input / 4 + 16;
	err = dearest(conf, arena, model, at_us, &reserved, &most);
	return err ? err : budget_reserve(money, arena, identity, id, at_us, most, out);
}
