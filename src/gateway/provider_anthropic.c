/*
 * provider_anthropic.c - Anthropic Messages.
 *
 * Wire: Anthropic's API reference, "Messages" and "Streaming messages", version 2023-06-01. Differences that matter here: the system prompt is a field of its own; turns
 * alternate, so neighbours of one role are joined; tool results are blocks of a user turn; max_tokens is required; input_tokens does not count cached ones; the
 * stream's usage is cumulative.
 */
#include <math.h>

#include "base/clock.h"
#include "gateway/provider.h"

enum {
	REQUEST_MAX = 64 * 1024 * 1024,
	FRAME_ARENA_MAX = 192 * 1024 * 1024,
	TOKENS_DEFAULT = 4096, /* of an answer whose length the caller did not bound: the API wants a number */
};

/* --- the request --- */

static const struct err *
refuse(struct arena *arena, const char *param, const char *what)
{
	return err_param(arena, ERR_UNSUPPORTED, param, "unsupported_parameter", "%s is not supported by the Anthropic provider of this model", what);
}

static const struct err *
check(const struct call *call, struct arena *arena)
{
	if (call->choices > 1)
		return refuse(arena, "n", "more than one choice");
	if (call->logprobs)
		return refuse(arena, "logprobs", "logprobs");
	if (call->audio)
		return refuse(arena, "modalities", "an audio answer");
	if (call->format != FORMAT_TEXT)
		return refuse(arena, "response_format", "a JSON response format");
	if (call->temperature > 1)
		return refuse(arena, "temperature", "a temperature over 1");
	for (const struct message *message = call->messages; message; message = message->next)
		for (const struct part *part = message->parts; part; part = part->next)
			if (part->type == PART_AUDIO || part->type == PART_FILE)
				return refuse(arena, "messages", "an audio or file part");
	return NULL;
}

static void
put_image(struct json_out *out, const struct part *part)
{
	size_t comma = str_find(part->url, STR(";base64,"), 0);

	json_set_string(out, "type", STR("image"));
	json_set_object(out, "source");
	if (str_starts(part->url, STR("data:")) && comma != SIZE_MAX) {
		json_set_string(out, "type", STR("base64"));
		json_set_string(out, "media_type", str_slice(part->url, 5, comma));
		json_set_string(out, "data", str_slice(part->url, comma + 8, part->url.len));
	} else {
		json_set_string(out, "type", STR("url"));
		json_set_string(out, "url", part->url);
	}
	json_end_object(out);
}

static const struct err *
put_block(struct json_out *out, const struct part *part, struct arena *arena)
{
	const struct json *input = NULL;

	json_begin_object(out);
	switch (part->type) {
	case PART_IMAGE:
		put_image(out, part);
		break;
	case PART_TOOL_CALL:
		if (part->text.len && (json_parse(arena, part->text, &input) || !json_is(input, JSON_OBJECT)))
			return err_param(arena, ERR_INVALID, "messages", NULL, "the arguments of tool call %" STR_F " are not a JSON object", STR_A(part->id));
		json_set_string(out, "type", STR("tool_use"));
		json_set_string(out, "id", part->id);
		json_set_string(out, "name", part->name);
		if (input)
			json_set(out, "input", input);
		else
			json_set_raw(out, "input", STR("{}"));
		break;
	case PART_TOOL_RESULT:
		json_set_string(out, "type", STR("tool_result"));
		json_set_string(out, "tool_use_id", part->id);
		json_set_string(out, "content", part->text);
		break;
	case PART_TEXT:
	case PART_REFUSAL:
	case PART_AUDIO:
	case PART_FILE:
	case PART_REASONING:
		json_set_string(out, "type", STR("text"));
		json_set_string(out, "text", part->text);
		break;
	}
	json_end_object(out);
	return NULL;
}

static bool
is_system(const struct message *message)
{
	return message->role == ROLE_SYSTEM || message->role == ROLE_DEVELOPER;
}

static void
put_system(struct json_out *out, const struct call *call, struct arena *arena)
{
	bool any = false;

	for (const struct message *message = call->messages; message; message = message->next) {
		if (!is_system(message))
			continue;
		if (!any)
			json_set_array(out, "system");
		any = true;
		json_begin_object(out);
		json_set_string(out, "type", STR("text"));
		json_set_string(out, "text", message_text(arena, message));
		json_end_object(out);
	}
	if (any)
		json_end_array(out);
}

/* Turns that alternate: neighbours of one side become one. Empty texts are left out, since the API refuses them. */
static const struct err *
put_messages(struct json_out *out, const struct call *call, struct arena *arena)
{
	const struct err *err = NULL;
	int open = -1; /* whose turn is being written: 0 the user's, 1 the assistant's */

	json_set_array(out, "messages");
	for (const struct message *message = call->messages; message && !err; message = message->next) {
		int side = message->role == ROLE_ASSISTANT;

		if (is_system(message))
			continue;
		if (side != open) {
			if (open >= 0) {
				json_end_array(out);
				json_end_object(out);
			}
			json_begin_object(out);
			json_set_string(out, "role", side ? STR("assistant") : STR("user"));
			json_set_array(out, "content");
			open = side;
		}
		for (const struct part *part = message->parts; part && !err; part = part->next)
			if (part->type != PART_TEXT || part->text.len)
				err = put_block(out, part, arena);
	}
	if (!err && open >= 0) {
		json_end_array(out);
		json_end_object(out);
	}
	if (!err)
		json_end_array(out);
	return err;
}

static void
put_tools(struct json_out *out, const struct call *call)
{
	static const char *const choices[] = {
		[TOOL_CHOICE_NONE] = "none", [TOOL_CHOICE_AUTO] = "auto", [TOOL_CHOICE_REQUIRED] = "any", [TOOL_CHOICE_NAMED] = "tool" };
	enum tool_choice choice = call->tool_choice;

	if (!call->tools)
		return;
	json_set_array(out, "tools");
	for (const struct tool *tool = call->tools; tool; tool = tool->next) {
		json_begin_object(out);
		json_set_string(out, "name", tool->name);
		if (tool->description.len)
			json_set_string(out, "description", tool->description);
		if (tool->parameters)
			json_set(out, "input_schema", tool->parameters);
		else
			json_set_raw(out, "input_schema", STR("{\"type\":\"object\"}"));
		json_end_object(out);
	}
	json_end_array(out);
	if (choice == TOOL_CHOICE_UNSET && call->parallel_tools_off)
		choice = TOOL_CHOICE_AUTO;
	if (choice == TOOL_CHOICE_UNSET)
		return;
	json_set_object(out, "tool_choice");
	json_set_string(out, "type", str_of(choices[choice]));
	if (choice == TOOL_CHOICE_NAMED)
		json_set_string(out, "name", call->tool_named);
	if (call->parallel_tools_off && choice != TOOL_CHOICE_NONE)
		json_set_bool(out, "disable_parallel_tool_use", true);
	json_end_object(out);
}

static const struct err *
put_body(struct json_out *out, const struct call *call, const struct target *target, struct arena *arena)
{
	const struct err *err;

	json_begin_object(out);
	json_set_string(out, "model", target->model);
	json_set_int(out, "max_tokens", call->tokens_max ? call->tokens_max : TOKENS_DEFAULT);
	put_system(out, call, arena);
	err = put_messages(out, call, arena);
	if (err)
		return err;
	if (!isnan(call->temperature))
		json_set_real(out, "temperature", call->temperature);
	if (!isnan(call->top_p))
		json_set_real(out, "top_p", call->top_p);
	if (call->stop_count) {
		json_set_array(out, "stop_sequences");
		for (unsigned i = 0; i < call->stop_count; i++)
			json_put_string(out, call->stops[i]);
		json_end_array(out);
	}
	put_tools(out, call);
	if (call->user.len) {
		json_set_object(out, "metadata");
		json_set_string(out, "user_id", call->user);
		json_end_object(out);
	}
	if (call->stream)
		json_set_bool(out, "stream", true);
	json_end_object(out);
	return NULL;
}

static const struct err *
anthropic_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	const struct conf_provider *provider = target->provider;
	struct http_header *list = arena_array(arena, 3 + provider->header_count, sizeof(*list));
	const struct err *err = check(call, arena);
	struct json_out json;
	struct buf body;
	size_t count = 0;

	if (err || !list)
		return err ? err : &err_no_memory;
	list[count++] = (struct http_header){ STR("content-type"), STR("application/json") };
	list[count++] = (struct http_header){ STR("anthropic-version"), STR("2023-06-01") };
	if (provider->api_key.len)
		list[count++] = (struct http_header){ STR("x-api-key"), provider->api_key };
	for (size_t i = 0; i < provider->header_count; i++)
		list[count++] = (struct http_header){ provider->headers[i].name, provider->headers[i].value };
	out->headers = (struct http_headers){ list, count };
	out->method = HTTP_POST;
	out->url = provider_url(arena, provider->base_url, str_ends(provider->base_url, STR("/v1")) ? "/messages" : "/v1/messages");
	buf_init(&body, arena, REQUEST_MAX);
	json_out_init(&json, &body);
	err = put_body(&json, call, target, arena);
	out->body = buf_str(&body);
	if (!err && !out->url.ptr)
		err = &err_no_memory;
	return err ? err : buf_err(&body);
}

/* --- the answer --- */

struct reading {
	struct arena *frame;      /* of the frame being read */
	unsigned tools;           /* tool calls begun: their items are numbered by themselves */
	bool arguments;           /* the open block is a tool call that has sent arguments */
	bool in_tool;             /* the open block is a tool call */
	int64_t input, cache_read, cache_write;
};

static struct reading *
reading_of(struct decoder *decoder)
{
	struct reading *reading = decoder->state;

	if (reading)
		return reading;
	reading = arena_zalloc(decoder->arena, sizeof(*reading));
	if (!reading)
		return NULL;
	reading->frame = arena_new_below(decoder->arena, FRAME_ARENA_MAX);
	if (!reading->frame)
		return NULL;
	decoder->state = reading;
	return reading;
}

static void
read_usage(struct decoder *decoder, const struct json *usage)
{
	struct reading *reading = decoder->state;

	if (!json_is(usage, JSON_OBJECT))
		return;
	reading->input = json_int(json_get(usage, "input_tokens"), reading->input);
	reading->cache_read = json_int(json_get(usage, "cache_read_input_tokens"), reading->cache_read);
	reading->cache_write = json_int(json_get(usage, "cache_creation_input_tokens"), reading->cache_write);
	decoder->usage.cached_input = reading->cache_read;
	decoder->usage.cache_write = reading->cache_write;
	decoder->usage.input = reading->input + reading->cache_read + reading->cache_write;
	decoder->usage.output = json_int(json_get(usage, "output_tokens"), decoder->usage.output);
}

static enum finish
finish_of(struct str reason)
{
	if (str_eq_c(reason, "max_tokens") || str_eq_c(reason, "model_context_window_exceeded"))
		return FINISH_LENGTH;
	if (str_eq_c(reason, "tool_use"))
		return FINISH_TOOL_CALLS;
	if (str_eq_c(reason, "refusal"))
		return FINISH_CONTENT_FILTER;
	return FINISH_STOP;
}

static MAY_PARK const struct err *
emit(struct decoder *decoder, struct event event)
{
	event.last = decoder->finished;
	return sink_send(decoder->sink, &event);
}

static MAY_PARK const struct err *
emit_start(struct decoder *decoder, const struct json *message)
{
	decoder->started = true;
	read_usage(decoder, json_get(message, "usage"));
	return emit(decoder, (struct event){
		.type = EVENT_START,
		.id = json_get_string(message, "id"),
		.model = json_get_string(message, "model"),
		.created_us = clock_wall_us(),
	});
}

/* The end of the answer as the client will see it: the reason, then what it took. */
static MAY_PARK const struct err *
emit_finish(struct decoder *decoder, struct str reason)
{
	const struct err *err;

	decoder->finished = true;
	decoder->usage.known = true;
	err = emit(decoder, (struct event){ .type = EVENT_FINISH, .finish = finish_of(reason), .finish_text = reason });
	return err ? err : emit(decoder, (struct event){ .type = EVENT_USAGE, .usage = &decoder->usage });
}

static MAY_PARK const struct err *
begin_block(struct decoder *decoder, const struct json *block)
{
	struct reading *reading = decoder->state;

	reading->in_tool = str_eq_c(json_get_string(block, "type"), "tool_use");
	reading->arguments = false;
	if (!reading->in_tool)
		return NULL;
	return emit(decoder, (struct event){
		.type = EVENT_TOOL_CALL, .item = reading->tools, .id = json_get_string(block, "id"), .name = json_get_string(block, "name") });
}

static MAY_PARK const struct err *
block_delta(struct decoder *decoder, const struct json *delta)
{
	struct reading *reading = decoder->state;
	struct str type = json_get_string(delta, "type");

	if (str_eq_c(type, "text_delta"))
		return emit(decoder, (struct event){ .type = EVENT_TEXT, .text = json_get_string(delta, "text") });
	if (str_eq_c(type, "thinking_delta"))
		return emit(decoder, (struct event){ .type = EVENT_REASONING, .text = json_get_string(delta, "thinking") });
	if (str_eq_c(type, "input_json_delta") && json_get_string(delta, "partial_json").len) {
		reading->arguments = true;
		return emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = reading->tools, .text = json_get_string(delta, "partial_json") });
	}
	return NULL; /* signatures and citations have no place in the dialects we serve */
}

static MAY_PARK const struct err *
end_block(struct decoder *decoder)
{
	struct reading *reading = decoder->state;
	const struct err *err = NULL;

	if (!reading->in_tool)
		return NULL;
	if (!reading->arguments) /* a tool without arguments sends none; the other dialects want an object */
		err = emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = reading->tools, .text = STR("{}") });
	reading->in_tool = false;
	reading->tools++;
	return err;
}

static const struct err *
upstream_error(struct arena *arena, const struct json *error)
{
	struct str message = json_get_string(error, "message");

	return err_new(arena, str_eq_c(json_get_string(error, "type"), "overloaded_error") ? ERR_UNAVAILABLE : ERR_UPSTREAM,
		"the provider reported an error: %" STR_F, STR_A(message.len ? message : STR("no reason given")));
}

static MAY_PARK const struct err *
anthropic_frame(struct decoder *decoder, struct str name, struct str data)
{
	struct reading *reading = reading_of(decoder);
	const struct json *root;
	struct str type;

	(void)name; /* the type stands in the data too */
	if (!reading)
		return &err_no_memory;
	arena_reset(reading->frame);
	if (json_parse(reading->frame, data, &root) || !json_is(root, JSON_OBJECT))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider sent a frame that is not a JSON object");
	type = json_get_string(root, "type");
	if (str_eq_c(type, "error"))
		return upstream_error(decoder->arena, json_get(root, "error"));
	if (str_eq_c(type, "message_start"))
		return emit_start(decoder, json_get(root, "message"));
	if (!decoder->started)
		return str_eq_c(type, "ping") ? NULL : err_new(decoder->arena, ERR_UPSTREAM, "the provider's stream does not begin with message_start");
	if (str_eq_c(type, "content_block_start"))
		return begin_block(decoder, json_get(root, "content_block"));
	if (str_eq_c(type, "content_block_delta"))
		return block_delta(decoder, json_get(root, "delta"));
	if (str_eq_c(type, "content_block_stop"))
		return end_block(decoder);
	if (str_eq_c(type, "message_delta")) {
		read_usage(decoder, json_get(root, "usage"));
		return emit_finish(decoder, json_get_string(json_get(root, "delta"), "stop_reason"));
	}
	if (str_eq_c(type, "message_stop"))
		decoder->done = true;
	return NULL; /* ping, and events of later versions */
}

static MAY_PARK const struct err *
whole_block(struct decoder *decoder, const struct json *block)
{
	struct reading *reading = decoder->state;
	struct str type = json_get_string(block, "type");
	struct json_out json;
	struct buf input;
	const struct err *err;

	if (str_eq_c(type, "text"))
		return emit(decoder, (struct event){ .type = EVENT_TEXT, .text = json_get_string(block, "text") });
	if (str_eq_c(type, "thinking"))
		return emit(decoder, (struct event){ .type = EVENT_REASONING, .text = json_get_string(block, "thinking") });
	if (!str_eq_c(type, "tool_use"))
		return NULL;
	err = begin_block(decoder, block);
	if (err)
		return err;
	buf_init(&input, reading->frame, FRAME_ARENA_MAX);
	json_out_init(&json, &input);
	json_put(&json, json_get(block, "input"));
	reading->arguments = true;
	err = buf_err(&input);
	if (!err)
		err = emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = reading->tools, .text = buf_str(&input) });
	return err ? err : end_block(decoder);
}

static MAY_PARK const struct err *
anthropic_body(struct decoder *decoder, struct str body)
{
	struct reading *reading = reading_of(decoder);
	const struct json *root;
	const struct err *err;

	if (!reading)
		return &err_no_memory;
	if (json_parse(reading->frame, body, &root) || !str_eq_c(json_get_string(root, "type"), "message"))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer is not a message");
	err = emit_start(decoder, root);
	for (struct json_iter it = json_iter(json_get(root, "content")); !err && json_next(&it);)
		err = whole_block(decoder, it.value);
	decoder->done = true;
	return err ? err : emit_finish(decoder, json_get_string(root, "stop_reason"));
}

static void
anthropic_failure(struct arena *arena, int status, const struct http_headers *headers, struct str body, struct failure *out)
{
	const struct json *root = NULL, *error;

	if (json_parse(arena, body, &root))
		root = NULL;
	error = json_get(root, "error");
	failure_from_status(arena, status, headers, json_get_string(error, "message"), STR_EMPTY, out);
}

const struct provider provider_anthropic = {
	.kind = "anthropic",
	.request = anthropic_request,
	.frame = anthropic_frame,
	.body = anthropic_body,
	.failure = anthropic_failure,
};
