/*
 * charge.c - see charge.h.
 */
#include "answer/charge.h"

#include "answer/cost.h"

bool
charge_price(const struct target *target, int64_t at_us, struct price *out)
{
	return cost_price(target->row, str_of(target->kind->kind), target->model, at_us, out);
}
