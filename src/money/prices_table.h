/*
 * prices_table.h - one model of a price table in the shape of LiteLLM's model_prices_and_context_window.json.
 */
#pragma once

#include "json/json.h"
#include "telemetry/price.h"

/* Thresholds that a model has in each tier, the table's own beside them. */
enum { PRICES_THRESHOLDS_MAX = 6, PRICES_STEPS_MAX = USAGE_TIERS * (PRICES_THRESHOLDS_MAX + 1) };

/*
 * The entry `name` of a table: our kind of its provider, the model's name there, its price. Steps are written to `steps`, what it costs off its peak to `off_peak`, and the price points there. False: the provider is not known here, or nothing that
 * it says is a price.
 */
bool prices_model(struct str name, const struct json *entry, const char **kind, struct str *model, struct price *out, struct price_step steps[PRICES_STEPS_MAX],
	struct price_off_peak *off_peak);
