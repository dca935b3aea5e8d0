/*
 * prices.c - see prices.h. The shape of the table that is imported: its file's own entry "sample_spec".
 */
#include "money/prices.h"

#include "base/clock.h"
#include "crypto/hash.h"
#include "json/json.h"
#include "money/inside.h"
#include "money/money_sql.h"
#include "telemetry/price.h"

enum { BODY_MAX = 16 * 1024 * 1024, MODEL_MAX = 256, ID_HEX = 12 };

/* Its name of a provider, and ours of its kind. What is served over OpenAI's wire elsewhere is named by what it is there. */
static const struct {
	const char *theirs, *kind;
} kinds[] = { { "openai", "openai" }, { "text-completion-openai", "openai" }, { "anthropic", "anthropic" }, { "azure", "azure" }, { "mistral", "mistral" }, { "groq", "groq" },
	{ "deepseek", "deepseek" }, { "xai", "xai" }, { "together_ai", "together" }, { "fireworks_ai", "fireworks" }, { "openrouter", "openrouter" },
	{ "perplexity", "perplexity" }, { "bedrock", "bedrock" }, { "bedrock_converse", "bedrock" }, { "gemini", "gemini" }, { "vertex_ai", "vertex" },
	{ "vertex_ai-language-models", "vertex" }, { "vertex_ai-anthropic_models", "vertex" }, { "ollama", "ollama" }, { "cohere", "cohere" }, { "cohere_chat", "cohere" },
	{ "fireworks_ai-embedding-models", "fireworks" } };

static const char *
kind_of(struct str theirs)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (str_eq_c(theirs, kinds[i].theirs))
			return kinds[i].kind;
	return NULL;
}

/* Dollars a unit as whole picodollars; false: not there, or no price that could be. */
static bool
cost(const struct json *model, const char *key, int64_t *out)
{
	const struct json *value = json_get(model, key);
	double dollars = json_number(value, -1);

	if (!value || !(dollars >= 0) || dollars > 1e6)
		return false;
	*out = (int64_t)(dollars * 1e12 + 0.5);
	return true;
}

/* "provider/model" is the model to us. */
static struct str
model_name(struct str name, struct str theirs)
{
	if (str_starts(name, theirs) && name.len > theirs.len + 1 && name.ptr[theirs.len] == '/')
		return str_slice(name, theirs.len + 1, name.len);
	return name;
}

/* Prices that rows of a version do not have when they are what a price without them is: those that the first versions did not know are among them. */
static void
price_fill(struct price *price)
{
	price->cached_audio = price->cached_input;
	price->image_input = price->input;
	price->image_output = price->output;
	price->web_search = 0;
}

/* A search in the web costs by how much of it is read; where nobody says how much, it is the middle. */
static void
web_search_cost(const struct json *model, int64_t *out)
{
	(void)cost(json_get(model, "search_context_cost_per_query"), "search_context_size_medium", out);
}

/* What a missing cost is: cached as input, written as input, reasoning as output, sound and pictures as the rest. */
static bool
price_read(const struct json *model, struct price *out)
{
	bool input = cost(model, "input_cost_per_token", &out->input), output = cost(model, "output_cost_per_token", &out->output);
	bool image = cost(model, "output_cost_per_image", &out->image), request = cost(model, "input_cost_per_request", &out->request);
	bool search = cost(model, "input_cost_per_query", &out->search);

	out->cached_input = out->cache_write = out->audio_input = out->input;
	out->reasoning = out->audio_output = out->output;
	(void)cost(model, "cache_read_input_token_cost", &out->cached_input);
	(void)cost(model, "cache_creation_input_token_cost", &out->cache_write);
	(void)cost(model, "output_cost_per_reasoning_token", &out->reasoning);
	(void)cost(model, "input_cost_per_audio_token", &out->audio_input);
	(void)cost(model, "output_cost_per_audio_token", &out->audio_output);
	price_fill(out);
	(void)cost(model, "cache_read_input_audio_token_cost", &out->cached_audio);
	(void)cost(model, "input_cost_per_image_token", &out->image_input);
	(void)cost(model, "output_cost_per_image_token", &out->image_output);
	web_search_cost(model, &out->web_search);
	return input || output || image || request || search;
}

/* The quantities of a row, in the order and by the names in which it is stored. */
enum { QUANTITIES = 14, FILLED_FIRST = 10 };

static void
quantities(struct price *price, const char *names[QUANTITIES], int64_t *values[QUANTITIES])
{
	static const char *const all[QUANTITIES] = { "input", "cached_input", "cache_write", "output", "reasoning", "audio_input", "audio_output", "image", "request", "search",
		"cached_audio", "image_input", "image_output", "web_search" };
	int64_t *const members[QUANTITIES] = { &price->input, &price->cached_input, &price->cache_write, &price->output, &price->reasoning, &price->audio_input,
		&price->audio_output, &price->image, &price->request, &price->search, &price->cached_audio, &price->image_input, &price->image_output,
		&price->web_search };

	for (size_t i = 0; i < QUANTITIES; i++) {
		names[i] = all[i];
		values[i] = members[i];
	}
}

static void
put_row(struct json_out *json, const char *kind, struct str model, struct price *price)
{
	const char *names[QUANTITIES];
	struct price plain = *price;
	int64_t *values[QUANTITIES], *plains[QUANTITIES];

	price_fill(&plain);
	quantities(price, names, values);
	quantities(&plain, names, plains);
	json_begin_array(json);
	json_put_string(json, str_of(kind));
	json_put_string(json, model);
	json_begin_object(json);
	for (size_t i = 0; i < QUANTITIES; i++)
		if (i < FILLED_FIRST ? *values[i] != 0 : *values[i] != *plains[i])
			json_set_int(json, names[i], *values[i]);
	json_end_object(json);
	json_end_array(json);
}

const struct err *
prices_read(struct arena *arena, const struct json *table, struct str *body, int64_t *rows)
{
	struct buf *text = arena_alloc(arena, sizeof(*text));
	struct json_out json;

	*rows = 0;
	if (!text || !buf_init_held(text, arena, BODY_MAX))
		return &err_no_memory;
	json_out_init(&json, text);
	json_begin_array(&json);
	for (struct json_iter it = json_iter(table); json_next(&it);) {
		struct str theirs = json_get_string(it.value, "litellm_provider");
		const char *kind = theirs.ptr ? kind_of(theirs) : NULL;
		struct price price = { .version = STR_EMPTY };

		if (!kind || it.key.len == 0 || it.key.len > MODEL_MAX || str_eq_c(it.key, "sample_spec") || !price_read(it.value, &price))
			continue;
		put_row(&json, kind, model_name(it.key, theirs), &price);
		++*rows;
	}
	json_end_array(&json);
	*body = buf_str(text);
	if (!text->failed && *rows == 0)
		return err_new(arena, ERR_INVALID, "no model in this table has a price and a provider that is known here: expected the shape of LiteLLM's "
						   "model_prices_and_context_window.json");
	return buf_err(text);
}

struct price_version *
prices_version(struct arena *arena, struct str id, int64_t effective_us, struct str body)
{
	struct price_version *version = price_version_new(id, effective_us);
	const struct json *list = NULL;

	if (!version)
		return NULL;
	if (json_parse(arena, body, &list) || !json_is(list, JSON_ARRAY)) {
		price_version_drop(version);
		return NULL;
	}
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct price price = { .version = STR_EMPTY };
		struct str kind = STR_EMPTY, model = STR_EMPTY;
		const char *names[QUANTITIES];
		int64_t *values[QUANTITIES];

		quantities(&price, names, values);
		for (struct json_iter part = json_iter(it.value); json_next(&part);) {
			if (part.index < 2)
				*(part.index ? &model : &kind) = json_string(part.value);
			for (size_t i = 0; part.index == 2 && i < FILLED_FIRST; i++)
				*values[i] = json_int(json_get(part.value, names[i]), 0);
			if (part.index == 2)
				price_fill(&price);
			for (size_t i = FILLED_FIRST; part.index == 2 && i < QUANTITIES; i++)
				*values[i] = json_int(json_get(part.value, names[i]), *values[i]);
		}
		if (kind.ptr && model.ptr)
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
	work.row.id = effective_us ? arena_printf(arena, "litellm-%.*s-%lld", ID_HEX, hex, (long long)(effective_us / USEC_PER_SEC)) : arena_printf(arena, "litellm-%.*s", ID_HEX, hex);
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
