/*
 * price.c - what tokens cost: a table of dated list prices, and the exact cost of a usage.
 *
 * Prices are the providers' public list prices in US dollars a million tokens, which is also 1e-6 dollar a token: times 1000 they are nano-dollars a token. A model
 * is found by the longest name in the table that its own begins with, so that dated names ("gpt-4o-2024-08-06") are priced as their family.
 */
#include "telemetry/record.h"

struct price_row {
	const char *provider, *model;
	double input, cached_input, cache_write, output; /* dollars a million tokens; cache_write 0: as input */
};

#define PRICE_VERSION "builtin-2026-01"

static const struct price_row rows[] = {
	{ "openai", "gpt-4o", 2.5, 1.25, 0, 10 },
	{ "openai", "gpt-4o-mini", 0.15, 0.075, 0, 0.6 },
	{ "openai", "gpt-4.1", 2, 0.5, 0, 8 },
	{ "openai", "gpt-4.1-mini", 0.4, 0.1, 0, 1.6 },
	{ "openai", "gpt-4.1-nano", 0.1, 0.025, 0, 0.4 },
	{ "openai", "gpt-5", 1.25, 0.125, 0, 10 },
	{ "openai", "gpt-5-mini", 0.25, 0.025, 0, 2 },
	{ "openai", "gpt-5-nano", 0.05, 0.005, 0, 0.4 },
	{ "openai", "o3", 2, 0.5, 0, 8 },
	{ "openai", "o4-mini", 1.1, 0.275, 0, 4.4 },
	{ "openai", "text-embedding-3-small", 0.02, 0.02, 0, 0 },
	{ "openai", "text-embedding-3-large", 0.13, 0.13, 0, 0 },
	{ "anthropic", "claude-opus-4", 15, 1.5, 18.75, 75 },
	{ "anthropic", "claude-opus-4-5", 5, 0.5, 6.25, 25 },
	{ "anthropic", "claude-sonnet-4", 3, 0.3, 3.75, 15 },
	{ "anthropic", "claude-haiku-4-5", 1, 0.1, 1.25, 5 },
	{ "anthropic", "claude-3-5-haiku", 0.8, 0.08, 1, 4 },
};

static int64_t
nanos(double dollars_a_million)
{
	return (int64_t)(dollars_a_million * 1000 + 0.5);
}

bool
price_find(struct str provider_kind, struct str model, int64_t at_us, struct price *out)
{
	const struct price_row *best = NULL;

	(void)at_us; /* one version so far */
	if (str_eq_c(provider_kind, "extractive") || str_eq_c(provider_kind, "local")) {
		*out = (struct price){ .version = STR(PRICE_VERSION) }; /* runs here: no price a token */
		return true;
	}
	for (size_t i = 0; i < COUNT(rows); i++)
		if (str_eq_c(provider_kind, rows[i].provider) && str_starts(model, str_of(rows[i].model)) && (!best || strlen(rows[i].model) > strlen(best->model)))
			best = &rows[i];
	if (!best)
		return false;
	*out = (struct price){
		.version = STR(PRICE_VERSION),
		.input_nanos = nanos(best->input),
		.cached_input_nanos = nanos(best->cached_input),
		.cache_write_nanos = nanos(best->cache_write > 0 ? best->cache_write : best->input),
		.output_nanos = nanos(best->output),
	};
	return true;
}

int64_t
price_cost_nanos(const struct price *price, const struct usage *usage)
{
	int64_t fresh = usage->input - usage->cached_input - usage->cache_write;

	return (fresh > 0 ? fresh : 0) * price->input_nanos + usage->cached_input * price->cached_input_nanos + usage->cache_write * price->cache_write_nanos +
		usage->output * price->output_nanos;
}

struct usage
usage_sum(const struct usage *a, const struct usage *b)
{
	return (struct usage){
		.input = a->input + b->input,
		.cached_input = a->cached_input + b->cached_input,
		.cache_write = a->cache_write + b->cache_write,
		.output = a->output + b->output,
		.reasoning = a->reasoning + b->reasoning,
		.known = b->known,
		.estimated = a->estimated || b->estimated,
	};
}
