/*
 * cost.h - what a call may cost, reserved before it goes upstream, and the price it is settled at.
 */
#pragma once

#include "answer/answer.h"

/* The price of a target: the configuration's own, else the table's for its kind of provider and its model. False: no price is known. */
bool cost_price(const struct conf_target *row, struct str kind, struct str model, int64_t at_us, struct price *out);

/*
 * The stage "reserve": takes what the call may cost, at the dearest of the targets of the model and of those it may fall back to, from all budgets that bind the caller (answer->claim).
 * ERR_QUOTA or ERR_RATE_LIMITED of budget_reserve; ERR_UNSUPPORTED: a budget binds the caller, and a target has no price, so it could not be kept.
 */
MAY_PARK const struct err *cost_reserve(const struct answer_services *services, struct answer *answer);

/* The same for a call that is expected to use so much, with a margin: embeddings and the like. */
MAY_PARK const struct err *cost_reserve_usage(struct money *money, const struct conf *conf, struct arena *arena, const struct identity *identity, struct str user,
	const struct conf_model *model, const struct usage *expected, int64_t at_us, struct budget_claim *out);
