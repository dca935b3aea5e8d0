/*
 * cost.c - see cost.h.
 *
 * A reservation is a bound as far as one can be had: the output's is max_tokens, or OUTPUT_BOUND where nothing is said; the input is counted roughly and a quarter more is
 * taken. A call that costs more than was reserved is charged what it cost all the same.
 */
#include "answer/cost.h"

#include "base/clock.h"
#include "gateway/count.h"
#include "gateway/provider.h"

enum { OUTPUT_BOUND = 4096, FALLBACKS_DEEP = 4 };

bool
cost_price(const struct conf_target *row, struct str kind, struct str model, int64_t at_us, struct price *out)
{
	if (!row || !row->price.given)
		return price_find(kind, model, at_us, out);
	*out = price_of_config(&row->price);
	return true;
}

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
ceiling(const struct price *price, const struct usage *most)
{
	struct price dearest = *price;

	dearest.input = larger(larger(price->input, price->image_input), larger(price->audio_input, larger(price->cached_input, price->cache_write)));
	dearest.output = larger(larger(price->output, price->image_output), larger(price->reasoning, price->audio_output));
	return price_cost_nanos(&dearest, most);
}

static const struct err *
no_price(struct arena *arena, const struct conf_target *row)
{
	return err_param(arena, ERR_UNSUPPORTED, "model", "price_unknown",
		"a budget binds this caller, and no price is known for the model \"%" STR_F "\" of the provider \"%" STR_F "\", so the budget could not be kept: give the target a price (0 where it costs "
		"nothing)",
		STR_A(row->model), STR_A(row->provider->name));
}

/* The most that the call may cost at a target of the model, or of those it falls back to. */
static const struct err *
dearest(struct arena *arena, const struct conf_model *model, unsigned depth, int64_t at_us, const struct usage *usage, int64_t *most)
{
	const struct err *err = NULL;

	for (size_t i = 0; i < model->target_count; i++) {
		const struct conf_target *row = &model->targets[i];
		struct price price;

		if (!cost_price(row, conf_provider_kind(row->provider), row->model, at_us, &price))
			return no_price(arena, row);
		*most = larger(*most, ceiling(&price, usage));
	}
	for (size_t i = 0; depth > 0 && i < model->route.fallback_count && !err; i++)
		if (model->route.fallbacks[i].model)
			err = dearest(arena, model->route.fallbacks[i].model, depth - 1, at_us, usage, most);
	return err;
}

MAY_PARK const struct err *
cost_reserve(const struct answer_services *services, struct answer *answer)
{
	const struct call *call = answer->call;
	struct usage usage = { .output = (call->tokens_max ? call->tokens_max : OUTPUT_BOUND) * (call->choices ? call->choices : 1) };
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
	usage.input = call_tokens_estimate(answer->arena, call);
	usage.input += usage.input / 4 + 16;
	err = dearest(answer->arena, answer->model, FALLBACKS_DEEP, answer->record.started_us, &usage, &most);
	return err ? err : budget_reserve(services->money, answer->arena, answer->identity, user, answer->record.started_us, most, &answer->claim);
}

MAY_PARK const struct err *
cost_reserve_usage(struct money *money, struct arena *arena, const struct identity *identity, struct str user, const struct conf_model *model, const struct usage *expected,
	int64_t at_us, struct budget_claim *out)
{
	struct usage usage = *expected;
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
	usage.input += usage.input / 4 + 16;
	err = dearest(arena, model, FALLBACKS_DEEP, at_us, &usage, &most);
	return err ? err : budget_reserve(money, arena, identity, id, at_us, most, out);
}
