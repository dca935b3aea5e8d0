/*
 * record_read.c - records read back: a list of interactions, and one trace whole as JSON. Ids are bytes in the store and hex digits outside it.
 */
#include "base/random.h"
#include "json/json.h"
#include "telemetry/record.h"
#include "telemetry/telemetry_sql.h"

enum { ID = 16, HASH = 32, ENTRY = 2 + HASH, SPANS_MAX = 8 * 1024 * 1024 };

/* A request's or a trace's id as bytes; empty when the text is something else. */
static struct str
id_bytes(struct str text, char bytes[ID])
{
	return text.len == 2 * ID && hex_decode(text, bytes) ? str_n(bytes, ID) : STR_EMPTY;
}

/* NULL ptr: no memory. */
static struct str
hex_of(struct arena *arena, struct str bytes)
{
	char *hex = arena_alloc(arena, 2 * bytes.len);

	if (hex)
		hex_encode(bytes.ptr, bytes.len, hex);
	return str_n(hex, hex ? 2 * bytes.len : 0);
}

MAY_PARK const struct err *
record_list(struct store *store, struct arena *arena, int64_t tenant, struct str before, unsigned limit, struct trace_summary **out, size_t *count)
{
	char bytes[ID];
	struct str end = before.len ? id_bytes(before, bytes) : STR("\xff"); /* behind every id */
	struct rows rows;
	const struct err *err;

	*out = NULL;
	*count = 0;
	if (!end.len)
		return err_param(arena, ERR_INVALID, "after", NULL, "after: expected a request id, 32 hex digits");
	err = store_query(store, arena, &stmt_interaction_list, PARAMS(V_INT(tenant), V_BLOB(end), V_INT(limit)), &rows);
	if (err)
		return err;
	*out = arena_array(arena, rows.count + 1, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	*count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		(*out)[i] = (struct trace_summary){
			.trace_id = hex_of(arena, rows_text(&rows, i, 0)),
			.request_id = hex_of(arena, rows_text(&rows, i, 1)),
			.response_id = rows_text(&rows, i, 2),
			.operation = rows_text(&rows, i, 3),
			.model = rows_text(&rows, i, 4),
			.provider = rows_text(&rows, i, 5),
			.target_model = rows_text(&rows, i, 6),
			.outcome = rows_text(&rows, i, 7),
			.error_type = rows_text(&rows, i, 8),
			.finish_reason = rows_text(&rows, i, 9),
			.key_id = rows_text(&rows, i, 10),
			.started_us = rows_int(&rows, i, 11),
			.duration_us = rows_int(&rows, i, 12),
			.first_chunk_us = rows_int(&rows, i, 13),
			.status = (int)rows_int(&rows, i, 14),
			.input_tokens = rows_int(&rows, i, 15),
			.output_tokens = rows_int(&rows, i, 16),
			.cost_nanos = rows_int(&rows, i, 17),
			.estimated = rows_int(&rows, i, 18) != 0,
		};
	return NULL;
}

/* --- one trace --- */

struct shown {
	struct store *store;
	struct arena *arena;
	int64_t tenant;
	struct json_out *json;
	int64_t bodies_left; /* bytes of messages that may still be shown */
};

static void
set_id(struct shown *shown, const char *key, struct str bytes)
{
	json_set_string(shown->json, key, hex_of(shown->arena, bytes));
}

static struct str
role_of_letter(char letter)
{
	switch (letter) {
	case 's':
		return STR("system");
	case 'd':
		return STR("developer");
	case 'a':
		return STR("assistant");
	case 't':
		return STR("tool");
	default:
		return STR("user");
	}
}

static MAY_PARK const struct err *
show_message(struct shown *shown, const char *entry)
{
	struct str hash = str_n(entry + 2, HASH);
	struct rows rows;
	const struct err *err = store_query(shown->store, shown->arena, &stmt_body_get_bounded,
		PARAMS(V_INT(shown->tenant), V_BLOB(hash), V_INT(shown->bodies_left)), &rows);

	if (err)
		return err;
	json_begin_object(shown->json);
	json_set_string(shown->json, "direction", entry[0] == 'o' ? STR("output") : STR("input"));
	json_set_string(shown->json, "role", role_of_letter(entry[1]));
	set_id(shown, "sha256", hash);
	if (rows.count && rows_int(&rows, 0, 1) <= shown->bodies_left) {
		json_set_string(shown->json, "body", rows_text(&rows, 0, 0));
		shown->bodies_left -= rows_int(&rows, 0, 1);
	} else {
		json_set_null(shown->json, "body"); /* past its retention, or erased… */
		if (rows.count)
			json_set_int(shown->json, "body_bytes", rows_int(&rows, 0, 1)); /* …or there, and too large to be shown with the others */
	}
	json_end_object(shown->json);
	return NULL;
}

static MAY_PARK const struct err *
show_messages(struct shown *shown, struct str list)
{
	const struct err *err = NULL;

	json_set_array(shown->json, "messages");
	for (size_t at = 0; at + ENTRY <= list.len && !err; at += ENTRY)
		err = show_message(shown, list.ptr + at);
	json_end_array(shown->json);
	return err;
}

static MAY_PARK const struct err *
show_sources(struct shown *shown, struct str interaction)
{
	struct rows rows;
	const struct err *err =
		store_query(shown->store, shown->arena, &stmt_source_by_interaction, PARAMS(V_INT(shown->tenant), V_BLOB(interaction)), &rows);

	if (err)
		return err;
	json_set_array(shown->json, "sources");
	for (size_t i = 0; i < rows.count; i++) {
		json_begin_object(shown->json);
		json_set_int(shown->json, "rank", rows_int(&rows, i, 0));
		json_set_string(shown->json, "version_id", rows_text(&rows, i, 1));
		json_set_string(shown->json, "document_id", rows_text(&rows, i, 2));
		json_set_string(shown->json, "path", rows_text(&rows, i, 3));
		json_set_int(shown->json, "ordinal", rows_int(&rows, i, 4));
		json_set_real(shown->json, "score", rows_real(&rows, i, 5));
		json_set_bool(shown->json, "cited", rows_int(&rows, i, 6) != 0);
		json_end_object(shown->json);
	}
	json_end_array(shown->json);
	return NULL;
}

static void
show_usage(struct json_out *json, const struct rows *rows, size_t i)
{
	enum { COLUMN = 24, ALWAYS = 5 }; /* sound, pictures, searches and the rest are said where there are some */
	struct usage usage = usage_of_row(rows, i, COLUMN);
	enum usage_tier tier = usage_tier_of_row(rows, i, COLUMN + USAGE_QUANTITIES);
	int64_t *values[USAGE_QUANTITIES];

	usage_quantities(&usage, values);
	json_set_object(json, "usage");
	for (size_t k = 0; k < USAGE_QUANTITIES; k++)
		if (k < ALWAYS || *values[k])
			json_set_int(json, usage_names[k], *values[k]);
	if (tier != USAGE_STANDARD)
		json_set_string(json, "service_tier", usage_tier_name(tier));
	json_set_bool(json, "estimated", rows_int(rows, i, 42) != 0);
	json_end_object(json);
	json_set_string(json, "price_version", rows_text(rows, i, 43));
	json_set_int(json, "cost_nanodollars", rows_int(rows, i, 44));
	if (!rows_null(rows, i, 52))
		json_set_int(json, "reported_nanodollars", rows_int(rows, i, 52));
}

/* How the answer came from the cache, and what it would have taken upstream. */
static void
show_cache(struct json_out *json, const struct rows *rows, size_t i)
{
	json_set_object(json, "cache");
	json_set_string(json, "result", rows_text(rows, i, 47));
	json_set_real(json, "similarity", rows_real(rows, i, 48));
	json_set_int(json, "saved_input_tokens", rows_int(rows, i, 49));
	json_set_int(json, "saved_output_tokens", rows_int(rows, i, 50));
	json_set_int(json, "saved_nanodollars", rows_int(rows, i, 51));
	json_end_object(json);
}

static MAY_PARK const struct err *
show_interaction(struct shown *shown, const struct rows *rows, size_t i)
{
	static const char *const ids[] = { "request_id", "trace_id", "span_id" };
	static const char *const names[] = { "operation", "model", "provider", "target_model", "served_model", "config_version", "key_id", "conversation" };
	struct json_out *json = shown->json;
	const struct err *err;

	json_begin_object(json);
	for (size_t c = 0; c < COUNT(ids); c++)
		set_id(shown, ids[c], rows_text(rows, i, c));
	json_set_string(json, "response_id", rows_text(rows, i, 3));
	json_set_int(json, "started_us", rows_int(rows, i, 4));
	json_set_int(json, "duration_us", rows_int(rows, i, 5));
	json_set_int(json, "first_chunk_us", rows_int(rows, i, 6));
	for (size_t c = 0; c < COUNT(names); c++)
		json_set_string(json, names[c], rows_text(rows, i, 7 + c));
	json_set_raw(json, "parameters", rows_text(rows, i, 15));
	json_set_bool(json, "stream", rows_int(rows, i, 16) != 0);
	json_set_string(json, "outcome", rows_text(rows, i, 17));
	json_set_string(json, "error_type", rows_text(rows, i, 18));
	json_set_string(json, "error_message", rows_text(rows, i, 19));
	json_set_string(json, "finish_reason", rows_text(rows, i, 20));
	json_set_int(json, "status", rows_int(rows, i, 21));
	json_set_string(json, "capture", rows_text(rows, i, 22));
	json_set_string(json, "route", rows_text(rows, i, 45).len ? rows_text(rows, i, 45) : rows_text(rows, i, 8)); /* 8: the model */
	json_set_int(json, "attempts", rows_int(rows, i, 46));
	show_usage(json, rows, i);
	if (rows_text(rows, i, 47).len)
		show_cache(json, rows, i);
	err = show_messages(shown, rows_text(rows, i, 23));
	if (!err)
		err = show_sources(shown, rows_text(rows, i, 0));
	json_end_object(json);
	return err;
}

/* Each row is a JSON array: their elements become one. */
static MAY_PARK const struct err *
show_spans(struct shown *shown, struct str trace_id)
{
	struct json_out *json = shown->json;
	struct rows rows;
	const struct err *err =
		store_query(shown->store, shown->arena, &stmt_spans_by_trace, PARAMS(V_INT(shown->tenant), V_BLOB(trace_id), V_INT(SPANS_MAX)), &rows);

	if (err)
		return err;
	json_set_array(json, "spans");
	for (size_t i = 0; i < rows.count; i++) {
		struct str array = rows_text(&rows, i, 0);

		if (array.len > 2)
			json_put_raw(json, str_slice(array, 1, array.len - 1));
	}
	json_end_array(json);
	return NULL;
}

/* The other interactions of the trace: a caller's traceparent may join many. */
static MAY_PARK const struct err *
show_others(struct shown *shown, struct str trace_id, struct str id)
{
	struct rows rows;
	const struct err *err =
		store_query(shown->store, shown->arena, &stmt_interaction_others, PARAMS(V_INT(shown->tenant), V_BLOB(trace_id), V_BLOB(id)), &rows);

	if (err)
		return err;
	json_set_array(shown->json, "other_request_ids");
	for (size_t i = 0; i < rows.count; i++)
		json_put_string(shown->json, hex_of(shown->arena, rows_text(&rows, i, 0)));
	json_end_array(shown->json);
	return NULL;
}

MAY_PARK const struct err *
record_show(struct store *store, struct arena *arena, int64_t tenant, struct str id, struct buf *out)
{
	struct json_out json;
	struct shown shown = { store, arena, tenant, &json, RECORD_BODIES_MAX };
	struct rows found, rows;
	char bytes[ID];
	struct str trace_id;
	const struct err *err = store_query(store, arena, &stmt_interaction_find, PARAMS(V_INT(tenant), V_BLOB(id_bytes(id, bytes)), V_TEXT(id)), &found);

	if (!err && !found.count)
		err = err_new(arena, ERR_NOT_FOUND, "no record has the trace, response or request id %" STR_F, STR_A(id));
	if (!err)
		err = store_query(store, arena, &stmt_interaction_get, PARAMS(V_INT(tenant), V_BLOB(rows_text(&found, 0, 0))), &rows);
	if (err)
		return err;
	trace_id = rows_text(&found, 0, 1);
	json_out_init(&json, out);
	json_begin_object(&json);
	set_id(&shown, "trace_id", trace_id);
	json_key(&json, STR("interaction"));
	if (rows.count)
		err = show_interaction(&shown, &rows, 0);
	else
		json_put_null(&json); /* retention took it between the two reads */
	if (!err)
		err = show_others(&shown, trace_id, rows_text(&found, 0, 0));
	if (!err)
		err = show_spans(&shown, trace_id);
	json_end_object(&json);
	return err ? err : buf_err(out);
}
