/*
 * openai_responses_emit.c - the events of the Responses API, one by one: to the client, to rows, or behind those of the end. What is said when is in openai_responses_encode.c.
 */
#include "api/openai_responses_item.h"

bool
responses_is_live(const struct responses_encoder *encoder)
{
	return encoder->ask->call->stream || encoder->output;
}

void
responses_event_begin(struct responses_encoder *encoder, struct json_out *out, const char *name)
{
	buf_clear(&encoder->text);
	json_out_init(out, &encoder->text);
	json_begin_object(out);
	json_set_string(out, "type", str_of(name));
	json_set_int(out, "sequence_number", encoder->sequence++);
}

MAY_PARK const struct err *
responses_event_send(struct responses_encoder *encoder, struct json_out *out, const char *name, bool last)
{
	struct str data;

	json_end_object(out);
	data = buf_str(&encoder->text);
	if (encoder->text.failed)
		return &err_no_memory;
	if (last) {
		if (!encoder->tail.len)
			encoder->tail_sequence = encoder->sequence - 1;
		dialect_frame_add(&encoder->tail, str_of(name), data);
		return buf_err(&encoder->tail);
	}
	return encoder->output ? encoder->output->event(encoder->output, str_of(name), data) : sse_gather(encoder->stream, str_of(name), data);
}

MAY_PARK const struct err *
responses_emit_item(struct responses_encoder *encoder, const char *name, const struct responses_item *item, bool whole, bool last)
{
	struct json_out out;

	if (!responses_is_live(encoder))
		return NULL;
	responses_event_begin(encoder, &out, name);
	json_set_int(&out, "output_index", item->index);
	json_key(&out, STR("item"));
	responses_item_put(&out, encoder->ask, item, whole);
	return responses_event_send(encoder, &out, name, last);
}

void
responses_item_event_begin(struct responses_encoder *encoder, struct json_out *out, const char *name, const struct responses_item *item)
{
	responses_event_begin(encoder, out, name);
	json_set_string(out, "item_id", item->id);
	json_set_int(out, "output_index", item->index);
}

/* A part of a message: output_text or refusal, whole or as it begins. */
MAY_PARK const struct err *
responses_emit_part(struct responses_encoder *encoder, const char *name, const struct responses_item *item, const struct responses_part *part, bool whole, bool last)
{
	struct json_out out;

	if (!responses_is_live(encoder))
		return NULL;
	responses_item_event_begin(encoder, &out, name, item);
	json_set_int(&out, item->kind == ITEM_REASONING && encoder->ask->summary ? "summary_index" : "content_index", part->index);
	json_key(&out, STR("part"));
	responses_part_put(&out, part, whole);
	return responses_event_send(encoder, &out, name, last);
}

/* "….delta" with a piece as `delta`, or "….done" with the whole text under its own key; a text has logprobs. */
MAY_PARK const struct err *
responses_emit_text(struct responses_encoder *encoder, const char *name, const struct responses_item *item, const struct responses_part *part, const char *key, struct str text,
	struct str logprobs, bool last)
{
	struct json_out out;

	if (!responses_is_live(encoder))
		return NULL;
	responses_item_event_begin(encoder, &out, name, item);
	json_set_int(&out, item->kind == ITEM_REASONING && encoder->ask->summary ? "summary_index" : "content_index", part->index);
	json_set_string(&out, key, text);
	if (part->kind == PART_OUTPUT_TEXT)
		json_set_raw(&out, "logprobs", logprobs.len ? logprobs : STR("[]"));
	return responses_event_send(encoder, &out, name, last);
}

MAY_PARK const struct err *
responses_emit_arguments(struct responses_encoder *encoder, const struct responses_item *item, bool whole, struct str text, bool last)
{
	static const char *const names[2][2] = { { "response.function_call_arguments.delta", "response.function_call_arguments.done" },
		{ "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done" } };
	const char *name = names[item->custom][whole];
	struct json_out out;

	if (!responses_is_live(encoder))
		return NULL;
	responses_item_event_begin(encoder, &out, name, item);
	if (whole && !item->custom)
		json_set_string(&out, "name", item->name);
	json_set_string(&out, !whole ? "delta" : item->custom ? "input" : "arguments", text);
	return responses_event_send(encoder, &out, name, last);
}

MAY_PARK const struct err *
responses_emit_search(struct responses_encoder *encoder, const char *name, const struct responses_item *item, bool last)
{
	struct json_out out;

	if (!responses_is_live(encoder))
		return NULL;
	responses_item_event_begin(encoder, &out, name, item);
	return responses_event_send(encoder, &out, name, last);
}

/* The search has run by the time the model is asked: its item is the first of the answer. */

/* --- read again --- */

int64_t
responses_frame_number(struct str frame)
{
	static const struct str key = STR_INIT("\"sequence_number\":");
	size_t at = str_find(frame, key, 0), to;
	int64_t number;

	if (at == SIZE_MAX)
		return -1;
	at += key.len;
	for (to = at; to < frame.len && frame.ptr[to] >= '0' && frame.ptr[to] <= '9'; to++)
		;
	return str_to_i64(str_slice(frame, at, to), &number) ? number : -1;
}

bool
responses_frame_is_last(struct str frame)
{
	return str_starts(frame, STR("event: response.completed\n")) || str_starts(frame, STR("event: response.incomplete\n")) ||
		str_starts(frame, STR("event: response.failed\n"));
}
