/*
 * prices.c - see prices.h. How a row of LiteLLM's file is read is in prices_table.c.
 */
#include "money/prices.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "json/json.h"
#include "money/inside.h"
#include "money/money_sql.h"
#include "money/prices_table.h"
#include "telemetry/price.h"

enum { BODY_MAX = 16 * 1024 * 1024, ID_HEX = 12 };

#define ID_PREFIX "litellm-"

/* An item of a list; NULL: it has none there. */
static const struct json *
item(const struct json *list, size_t index)
{
	for (struct json_iter it = json_iter(json_is(list, JSON_ARRAY) ? list : NULL); json_next(&it);)
		if (it.index == index)
			return it.value;
	return NULL;
}

/* Prices that rows of a version do not have when they are what a price without them is: those that the first versions did not know are among them. */
static void
price_fill(struct price *price)
{
	price->cached_audio = price->cached_input;
	price->image_input = price->input;
	price->image_output = price->output;
	price->web_search = 0;
	price->cache_write_1h = price->cache_write;
	price->citation = price->web_search_once = 0;
}

/* The quantities of a row, in the order and by the names in which it is stored. */
enum { QUANTITIES = 19, FILLED_FIRST = 10 };

static void
quantities(struct price *price, const char *names[QUANTITIES], int64_t *values[QUANTITIES])
{
	static const char *const all[QUANTITIES] = { "input", "cached_input", "cache_write", "output", "reasoning", "audio_input", "audio_output", "image", "request", "search",
		"cached_audio", "image_input", "image_output", "web_search", "web_search_low", "web_search_high", "web_search_once", "cache_write_1h", "citation" };
	int64_t *const members[QUANTITIES] = { &price->input, &price->cached_input, &price->cache_write, &price->output, &price->reasoning, &price->audio_input,
		&price->audio_output, &price->image, &price->request, &price->search, &price->cached_audio, &price->image_input, &price->image_output,
		&price->web_search, &price->web_search_low, &price->web_search_high, &price->web_search_once, &price->cache_write_1h, &price->citation };

	for (size_t i = 0; i < QUANTITIES; i++) {
		names[i] = all[i];
		values[i] = members[i];
	}
}

/* What is not as in `plain`. */
static void
put_values(struct json_out *json, struct price *price, struct price *plain)
{
	const char *names[QUANTITIES];
	int64_t *values[QUANTITIES], *plains[QUANTITIES];

	quantities(price, names, values);
	quantities(plain, names, plains);
	json_begin_object(json);
	for (size_t i = 0; i < QUANTITIES; i++)
		if (*values[i] != *plains[i])
			json_set_int(json, names[i], *values[i]);
	json_end_object(json);
}

/* [kind, model, {prices}], and where there are steps [[tier, above, {what is not as in the price}], …]; behind them, perhaps empty, the hours of the week at which it is another, as hex digits, and that one. */
static void
put_row(struct json_out *json, const char *kind, struct str model, struct price *price)
{
	const char *names[QUANTITIES];
	struct price plain = *price;
	int64_t *plains[QUANTITIES];

	price_fill(&plain);
	plain.web_search_low = plain.web_search_high = price->web_search;
	quantities(&plain, names, plains);
	for (size_t i = 0; i < FILLED_FIRST; i++)
		*plains[i] = 0;
	json_begin_array(json);
	json_put_string(json, str_of(kind));
	json_put_string(json, model);
	put_values(json, price, &plain);
	if (price->step_count || price->off_peak) {
		json_begin_array(json);
		for (size_t i = 0; i < price->step_count; i++) {
			struct price step = price->steps[i].price;

			json_begin_array(json);
			json_put_string(json, usage_tier_name(price->steps[i].tier));
			json_put_int(json, price->steps[i].above);
			put_values(json, &step, price);
			json_end_array(json);
		}
		json_end_array(json);
	}
	if (price->off_peak) {
		struct price off_peak = price->off_peak->price;
		char hex[2 * PRICE_HOURS_BYTES];

		hex_encode(price->off_peak->hours, PRICE_HOURS_BYTES, hex);
		json_put_string(json, str_n(hex, sizeof(hex)));
		put_values(json, &off_peak, price);
	}
	json_end_array(json);
}

const struct err *
prices_read(struct arena *arena, const struct json *table, struct str *body, int64_t *rows)
{
	struct buf *text = arena_alloc(arena, sizeof(*text));
	struct price_step *steps = arena_array(arena, PRICES_STEPS_MAX, sizeof(*steps));
	struct json_out json;

	*rows = 0;
	if (!text || !steps || !buf_init_held(text, arena, BODY_MAX))
		return &err_no_memory;
	json_out_init(&json, text);
	json_begin_array(&json);
	for (struct json_iter it = json_iter(table); json_next(&it);) {
		struct price price = { .steps = steps };
		struct price_off_peak off_peak;
		const char *kind;
		struct str model;

		if (!prices_model(it.key, it.value, &kind, &model, &price, steps, &off_peak))
			continue;
		put_row(&json, kind, model, &price);
		++*rows;
	}
	json_end_array(&json);
	*body = buf_str(text);
	if (!text->failed && *rows == 0)
		return err_new(arena, ERR_INVALID, "no model in this table has a price and a provider that is known here: expected the shape of LiteLLM's "
						   "model_prices_and_context_window.json");
	return buf_err(text);
}

static void
read_price(const struct json *object, struct price *price)
{
	const char *names[QUANTITIES];
	int64_t *values[QUANTITIES];

	quantities(price, names, values);
	for (size_t i = 0; i < FILLED_FIRST; i++)
		*values[i] = json_int(json_get(object, names[i]), 0);
	price_fill(price);
	for (size_t i = FILLED_FIRST; i < QUANTITIES; i++) {
		*values[i] = json_int(json_get(object, names[i]), *values[i]);
		if (values[i] == &price->web_search)
			price->web_search_low = price->web_search_high = price->web_search;
	}
}

/* What a price is at other hours: what is not said is as in the price. */
static void
read_off_peak(struct str hours, const struct json *object, struct price *price, struct price_off_peak *off_peak)
{
	const char *names[QUANTITIES];
	int64_t *values[QUANTITIES];

	*off_peak = (struct price_off_peak){ .price = *price };
	off_peak->price.steps = NULL;
	off_peak->price.step_count = 0;
	if (hours.len != 2 * PRICE_HOURS_BYTES || !hex_decode(hours, off_peak->hours))
		return;
	quantities(&off_peak->price, names, values);
	for (size_t i = 0; i < QUANTITIES; i++)
		*values[i] = json_int(json_get(object, names[i]), *values[i]);
	price->off_peak = off_peak;
}

static void
read_steps(const struct json *list, struct price *price, struct price_step steps[PRICES_STEPS_MAX])
{
	for (struct json_iter it = json_iter(list); json_next(&it) && price->step_count < PRICES_STEPS_MAX;) {
		struct price_step *step = &steps[price->step_count++];
		const char *names[QUANTITIES];
		int64_t *values[QUANTITIES];

		*step = (struct price_step){ .tier = usage_tier_of(json_string(item(it.value, 0))), .above = json_int(item(it.value, 1), INT64_MAX), .price = *price };
		step->price.steps = NULL;
		step->price.step_count = 0;
		quantities(&step->price, names, values);
		for (size_t i = 0; i < QUANTITIES; i++)
			*values[i] = json_int(json_get(item(it.value, 2), names[i]), *values[i]);
	}
}

bool
prices_is_of(struct str id, struct str body)
{
	char hex[HASH_SHA256_HEX];
	size_t at = sizeof(ID_PREFIX) - 1;

	hash_sha256_hex(body, hex);
	return str_eq(str_slice(id, at, at + ID_HEX), str_n(hex, ID_HEX));
}

struct price_version *
prices_version(struct arena *arena, struct str id, int64_t effective_us, struct str body)
{
	struct price_version *version = price_version_new(id, effective_us);
	struct price_step *steps = arena_array(arena, PRICES_STEPS_MAX, sizeof(*steps));
	const struct json *list = NULL;

	if (!version)
		return NULL;
	if (!steps || json_parse(arena, body, &list) || !json_is(list, JSON_ARRAY)) {
		price_version_drop(version);
		return NULL;
	}
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str kind = json_string(item(it.value, 0)), model = json_string(item(it.value, 1));
		struct price price = { .steps = steps };
		struct price_off_peak off_peak;

		if (!kind.ptr || !model.ptr)
			continue;
		read_price(item(it.value, 2), &price);
		read_steps(item(it.value, 3), &price, steps);
		read_off_peak(json_string(item(it.value, 4)), item(it.value, 5), &price, &off_peak);
		(void)price_version_add(version, kind, model, &price); /* the first of a name counts */
	}
	return version;
}

/* --- the database --- */

static MAY_PARK const struct err *
version_load(struct money *money, struct arena *arena, struct str id, int64_t effective_us)
{
	struct arena *scratch = arena_new(MIB(128));
	struct price_version *version = NULL;
	struct rows rows;
	const struct err *err = store_query(money->store, scratch, &stmt_price_version_body, PARAMS(V_TEXT(id)), &rows);

	if (!err && rows.count)
		version = prices_version(scratch, id, effective_us, rows_text(&rows, 0, 0));
	if (version)
		price_version_publish(version);
	err = err ? err_copy(arena, err) : version ? NULL : &err_internal;
	arena_free(scratch);
	return err;
}

MAY_PARK const struct err *
prices_load(struct money *money, struct arena *arena)
{
	struct rows rows;
	const struct err *err = store_query(money->store, arena, &stmt_price_version_ids, NO_PARAMS, &rows);

	for (size_t i = rows.count; !err && i-- > 0;) { /* of two that begin together, the one that came last is published last, and so is found first */
		struct str id = rows_text(&rows, i, 0);

		if (map_get(&money->prices, id))
			continue;
		err = version_load(money, arena, id, rows_int(&rows, i, 1));
		if (!err)
			map_put(&money->prices, arena_dup(money->kept, id), money);
	}
	return err;
}

struct import {
	struct price_row row;
	struct str body;
	bool added;
};

static MAY_PARK const struct err *
import(struct tx *tx, void *arg)
{
	struct import *import = arg;
	const struct price_row *row = &import->row;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_price_version_add,
		PARAMS(V_TEXT(row->id), V_TEXT(row->source), V_INT(row->effective_us), V_INT(row->created_us), V_INT(row->rows), V_TEXT(import->body)), &rows);

	import->added = !err && rows.changed > 0;
	return err ? err : tx_notify(tx, PRICE_TOPIC);
}

MAY_PARK const struct err *
prices_import(struct money *money, struct arena *arena, const struct json *table, int64_t effective_us, struct price_row *out)
{
	struct import work = { .row = { .source = STR("litellm"), .effective_us = effective_us, .created_us = clock_wall_us() } };
	char hex[HASH_SHA256_HEX];
	struct price_version *version;
	const struct err *err = prices_read(arena, table, &work.body, &work.row.rows);

	if (err)
		return err;
	hash_sha256_hex(work.body, hex);
	work.row.id = effective_us ? arena_printf(arena, ID_PREFIX "%.*s-%lld", ID_HEX, hex, (long long)(effective_us / USEC_PER_SEC)) : arena_printf(arena, ID_PREFIX "%.*s", ID_HEX, hex);
	err = work.row.id.ptr ? store_tx(money->store, arena, import, &work) : &err_no_memory;
	if (err)
		return err;
	version = prices_version(arena, work.row.id, effective_us, work.body);
	if (version)
		price_version_publish(version);
	*out = work.row;
	return version ? NULL : &err_no_memory;
}

MAY_PARK const struct err *
prices_list(struct money *money, struct arena *arena, struct price_row **out, size_t *count)
{
	struct rows rows;
	const struct err *err = store_query(money->store, arena, &stmt_price_version_list, NO_PARAMS, &rows);

	if (err)
		return err;
	*out = arena_array(arena, rows.count, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	*count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		(*out)[i] = (struct price_row){ rows_text(&rows, i, 0), rows_text(&rows, i, 1), rows_int(&rows, i, 2), rows_int(&rows, i, 3), rows_int(&rows, i, 4) };
	return NULL;
}
