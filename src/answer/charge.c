/*
 * charge.c - see charge.h.
 */
#include "answer/charge.h"

static int64_t
nanos(double dollars_a_million)
{
	return (int64_t)(dollars_a_million * 1000 + 0.5);
}

bool
charge_price(const struct target *target, int64_t at_us, struct price *out)
{
	const struct conf_target *row = target->row;

	if (!row || !row->price.given)
		return price_find(str_of(target->kind->kind), target->model, at_us, out);
	*out = (struct price){ .version = STR("config"),
		.input_nanos = nanos(row->price.input),
		.cached_input_nanos = nanos(row->price.cached_input),
		.cache_write_nanos = nanos(row->price.cache_write),
		.output_nanos = nanos(row->price.output) };
	return true;
}
