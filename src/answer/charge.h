/*
 * charge.h - what a call to a target cost.
 */
#pragma once

#include "gateway/provider.h"

/* The price in force for a target: the configuration's, else the built-in table's. False: none is known. */
bool charge_price(const struct target *target, int64_t at_us, struct price *out);
