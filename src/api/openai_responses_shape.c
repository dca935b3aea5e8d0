/*
 * openai_responses_shape.c - the response object, as it is answered, streamed and read back.
 */
#include "api/openai_responses.h"
#include "base/clock.h"

static void
set_or_null(struct json_out *out, const char *key, struct str text)
{
	if (text.len)
		json_set_string(out, key, text);
	else
		json_set_null(out, key);
}

static void
set_json_or_null(struct json_out *out, const char *key, struct str json)
{
	if (json.len)
		json_set_raw(out, key, json);
	else
		json_set_null(out, key);
}

static void
put_conversation(struct json_out *out, struct str id)
{
	if (!id.len) {
		json_set_null(out, "conversation");
		return;
	}
	json_set_object(out, "conversation");
	json_set_string(out, "id", id);
	json_end_object(out);
}

void
response_put(struct json_out *out, const struct response_state *state, struct str output)
{
	json_begin_object(out);
	json_set_string(out, "id", state->id);
	json_set_string(out, "object", STR("response"));
	json_set_int(out, "created_at", state->created_us / USEC_PER_SEC);
	json_set_string(out, "status", state->status);
	json_set_bool(out, "background", state->background);
	if (state->completed_us)
		json_set_int(out, "completed_at", state->completed_us / USEC_PER_SEC);
	else
		json_set_null(out, "completed_at");
	set_json_or_null(out, "error", state->error);
	set_json_or_null(out, "incomplete_details", state->incomplete);
	set_or_null(out, "previous_response_id", state->previous);
	put_conversation(out, state->conversation);
	json_set_array(out, "output");
	if (output.len)
		json_put_raw(out, output);
	json_end_array(out);
	for (struct json_iter it = json_iter(state->head); json_next(&it);) {
		json_key(out, it.key);
		json_put(out, it.value);
	}
	set_json_or_null(out, "usage", state->usage);
	json_end_object(out);
}

struct str
response_error_json(struct arena *arena, const struct err *err)
{
	struct json_out json;
	struct buf text;

	buf_init(&text, arena, KIB(64));
	json_out_init(&json, &text);
	json_begin_object(&json);
	json_set_string(&json, "code",
		err->kind == ERR_RATE_LIMITED || err->kind == ERR_QUOTA ? STR("rate_limit_exceeded")
		: err_http_status(err) < 500			       ? STR("invalid_prompt")
								       : STR("server_error"));
	json_set_string(&json, "message", err->message);
	json_end_object(&json);
	return buf_str(&text);
}

/* `include` may be given again and again, with or without brackets: its values are names that need no escapes. */
static bool
includes(const struct api_request *request, struct str what)
{
	return str_find(request->http->query, what, 0) != SIZE_MAX;
}

const struct err *
responses_item_read(struct api_request *request, const struct response_item *item, struct json_out *out)
{
	struct arena *values;
	const struct json *body;
	const struct err *err;

	if (!item->body.ptr)
		return err_new(request->arena, ERR_NOT_FOUND, "the item '%" STR_F "' is past its retention", STR_A(item->id));
	values = json_arena(request->arena, item->body.len);
	err = values ? json_parse(values, item->body, &body) : &err_no_memory;
	if (!err)
		response_item_put(out, item->id, body, includes(request, STR("file_search_call.results")), includes(request, STR("reasoning.encrypted_content")));
	return err;
}
