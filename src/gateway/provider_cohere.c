/*
 * provider_cohere.c - Cohere's chat, version 2.
 *
 * Wire: docs.cohere.com/reference/chat and /chat-stream. A stream is message-start, then for each block of content start, deltas and end, the plan and the calls of tools likewise, citations, and message-end with finish
 * and usage; "[DONE]" may follow. Usage counts what is billed; tokens that only the service needs are not in it. A citation names documents or results of tools.
 */
#include "base/clock.h"
#include "gateway/cohere_request.h"
#include "gateway/embed.h"
#include "gateway/provider_openai.h"
#include "gateway/request.h"

/* --- the request --- */

/* Of /chat, /embed and /rerank: a base_url may have the version of the API, or not. */
static const struct err *
cohere_address(const struct target *target, const char *endpoint, struct arena *arena, struct http_call_spec *out)
{
	struct str versioned = str_ends(target->provider->base_url, STR("/v2")) ? str_of(endpoint) : arena_printf(arena, "/v2%s", endpoint);

	return versioned.ptr ? openai_address(target, versioned.ptr, arena, out) : &err_no_memory;
}

static const struct err *
cohere_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	struct json_out json;
	struct buf *body;
	const struct err *err = openai_headers(target, arena, call->stream, out);

	if (err)
		return err;
	out->method = HTTP_POST;
	body = request_body_new(arena);
	if (!body)
		return &err_no_memory;
	json_out_init(&json, body);
	err = cohere_body_put(&json, call, target, arena);
	if (!err)
		err = request_body_done(arena, body, &out->body);
	return err ? err : cohere_address(target, "/chat", arena, out);
}

/* --- the answer --- */

struct reading {
	unsigned tools; /* calls begun: their items are numbered by themselves */
	bool arguments; /* the open call has sent arguments */
};

/* Counts come as numbers with a fraction of zero. */
static int64_t
tokens_of(const struct json *usage, const char *name)
{
	const struct json *billed = json_get(json_get(usage, "billed_units"), name);

	return provider_count(billed ? billed : json_get(json_get(usage, "tokens"), name), 0);
}

static void
read_usage(struct decoder *decoder, const struct json *usage)
{
	if (!json_is(usage, JSON_OBJECT))
		return;
	decoder->usage = (struct usage){
		.input = tokens_of(usage, "input_tokens"),
		.output = tokens_of(usage, "output_tokens"),
		.cached_input = provider_count(json_get(usage, "cached_tokens"), 0),
		.known = true,
	};
	usage_fit(&decoder->usage);
}

static MAY_PARK const struct err *
emit_start(struct decoder *decoder, struct str id)
{
	decoder->started = true;
	return decoder_emit(decoder, (struct event){ .type = EVENT_START, .id = id, .model = decoder->target->model, .created_us = clock_wall_us() });
}

static enum finish
finish_of(struct str reason)
{
	if (str_eq_c(reason, "MAX_TOKENS"))
		return FINISH_LENGTH;
	if (str_eq_c(reason, "TOOL_CALL"))
		return FINISH_TOOL_CALLS;
	return str_eq_c(reason, "ERROR_TOXIC") ? FINISH_CONTENT_FILTER : FINISH_STOP;
}

/* What the service calls a finish and is none. */
static const struct err *
broken(struct decoder *decoder, struct str reason, struct str text)
{
	if (str_eq_c(reason, "TIMEOUT"))
		return err_new(decoder->arena, ERR_TIMEOUT, "the provider ran out of time for the answer");
	if (str_eq_c(reason, "ERROR") || reason.len == 0)
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider reported an error: %" STR_F, STR_A(text.len ? text : STR("no reason given")));
	return NULL;
}

static MAY_PARK const struct err *
emit_finish(struct decoder *decoder, struct str reason)
{
	decoder->finished = true;
	return decoder_emit(decoder, (struct event){ .type = EVENT_FINISH, .finish = finish_of(reason), .finish_text = reason });
}

static MAY_PARK const struct err *
begin_call(struct decoder *decoder, const struct json *call)
{
	struct reading *reading = decoder->state;
	struct str arguments = json_get_string(json_get(call, "function"), "arguments");
	const struct err *err = decoder_emit(decoder, (struct event){ .type = EVENT_TOOL_CALL,
		.item = reading->tools,
		.id = json_get_string(call, "id"),
		.name = json_get_string(json_get(call, "function"), "name") });

	reading->arguments = arguments.len > 0;
	if (!err && arguments.len)
		err = decoder_emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = reading->tools, .text = arguments });
	return err;
}

/* A call without arguments sends none; the dialects want an object. */
static MAY_PARK const struct err *
end_call(struct decoder *decoder)
{
	struct reading *reading = decoder->state;
	const struct err *err = NULL;

	if (!reading->arguments)
		err = decoder_emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = reading->tools, .text = STR("{}") });
	reading->tools++;
	return err;
}

static MAY_PARK const struct err *
call_delta(struct decoder *decoder, const struct json *call)
{
	struct reading *reading = decoder->state;
	struct str text = json_get_string(json_get(call, "function"), "arguments");

	if (!text.len)
		return NULL;
	reading->arguments = true;
	return decoder_emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = reading->tools, .text = text });
}

/* A block of content whole, or a piece of one: {"text"} or {"thinking"}. */
static MAY_PARK const struct err *
emit_content(struct decoder *decoder, const struct json *content)
{
	struct str text = json_get_string(content, "text"), thinking = json_get_string(content, "thinking");

	if (thinking.len)
		return decoder_emit(decoder, (struct event){ .type = EVENT_REASONING, .text = thinking });
	return text.len ? decoder_emit(decoder, (struct event){ .type = EVENT_TEXT, .text = text }) : NULL;
}

/* One for each source; the address is that of the document, or the id of the result of a tool. */
static MAY_PARK const struct err *
emit_citation(struct decoder *decoder, const struct json *json)
{
	const struct err *err = NULL;

	for (struct json_iter it = json_iter(json_get(json, "sources")); !err && json_next(&it);) {
		const struct json *document = json_get(it.value, "document");
		struct str id = json_get_string(it.value, "id"), url = json_get_string(document, "url"), title = json_get_string(document, "title");
		struct citation citation = { .url = url.len ? url : id,
			.title = title.len ? title : id,
			.start = provider_count(json_get(json, "start"), 0),
			.end = provider_count(json_get(json, "end"), 0) };

		if (citation.url.len)
			err = decoder_emit(decoder, (struct event){ .type = EVENT_CITATION, .citation = &citation });
	}
	return err;
}

static MAY_PARK const struct err *
end_message(struct decoder *decoder, const struct json *delta)
{
	struct str reason = json_get_string(delta, "finish_reason");
	const struct err *err;

	read_usage(decoder, json_get(delta, "usage"));
	err = broken(decoder, reason, json_get_string(delta, "error"));
	if (err)
		return err;
	decoder->last = true;
	decoder->done = true;
	return emit_finish(decoder, reason);
}

static MAY_PARK const struct err *
cohere_event(struct decoder *decoder, struct str type, const struct json *root)
{
	const struct json *delta = json_get(root, "delta"), *message = json_get(delta, "message");
	struct str plan = json_get_string(message, "tool_plan");

	if (str_eq_c(type, "message-start"))
		return emit_start(decoder, json_get_string(root, "id"));
	if (!decoder->started)
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's stream does not begin with message-start");
	if (str_eq_c(type, "content-start") || str_eq_c(type, "content-delta"))
		return emit_content(decoder, json_get(message, "content"));
	if (str_eq_c(type, "tool-plan-delta"))
		return plan.len ? decoder_emit(decoder, (struct event){ .type = EVENT_REASONING, .text = plan }) : NULL;
	if (str_eq_c(type, "tool-call-start"))
		return begin_call(decoder, json_get(message, "tool_calls"));
	if (str_eq_c(type, "tool-call-delta"))
		return call_delta(decoder, json_get(message, "tool_calls"));
	if (str_eq_c(type, "tool-call-end"))
		return end_call(decoder);
	if (str_eq_c(type, "citation-start"))
		return emit_citation(decoder, json_get(message, "citations"));
	if (str_eq_c(type, "message-end"))
		return end_message(decoder, delta);
	return NULL; /* ends of blocks, and events of later versions */
}

static MAY_PARK const struct err *
cohere_frame(struct decoder *decoder, struct str name, struct str data)
{
	const struct json *root;
	const struct err *err;
	struct str type;

	(void)name; /* the type stands in the data too */
	if (str_eq(str_trim(data), STR("[DONE]")))
		return NULL;
	err = decoder_read_frame(decoder, sizeof(struct reading), data, &root);
	if (err)
		return err;
	type = json_get_string(root, "type");
	if (!type.len)
		return broken(decoder, STR("ERROR"), json_get_string(root, "message"));
	return cohere_event(decoder, type, root);
}

static MAY_PARK const struct err *
emit_message(struct decoder *decoder, const struct json *message)
{
	struct str plan = json_get_string(message, "tool_plan");
	const struct err *err = NULL;

	if (plan.len)
		err = decoder_emit(decoder, (struct event){ .type = EVENT_REASONING, .text = plan });
	for (struct json_iter it = json_iter(json_get(message, "content")); !err && json_next(&it);)
		err = emit_content(decoder, it.value);
	for (struct json_iter it = json_iter(json_get(message, "tool_calls")); !err && json_next(&it);) {
		err = begin_call(decoder, it.value);
		if (!err)
			err = end_call(decoder);
	}
	for (struct json_iter it = json_iter(json_get(message, "citations")); !err && json_next(&it);)
		err = emit_citation(decoder, it.value);
	return err;
}

static MAY_PARK const struct err *
cohere_body(struct decoder *decoder, struct str body)
{
	const struct json *root;
	struct str reason;
	const struct err *err = decoder_read(decoder, sizeof(struct reading), body, &root);

	if (err)
		return err;
	if (!json_is(json_get(root, "message"), JSON_OBJECT))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer has no message");
	reason = json_get_string(root, "finish_reason");
	err = broken(decoder, reason, STR_EMPTY);
	if (err)
		return err;
	decoder->last = true;
	read_usage(decoder, json_get(root, "usage"));
	err = emit_start(decoder, json_get_string(root, "id"));
	if (!err)
		err = emit_message(decoder, json_get(root, "message"));
	if (!err)
		err = emit_finish(decoder, reason);
	decoder->done = true;
	return err ? err : decoder_emit_usage(decoder);
}

static void
cohere_failure(struct arena *arena, int status, const struct http_headers *headers, struct str body, struct failure *out)
{
	const struct json *root = NULL;
	struct str message;
	bool too_long;

	if (json_parse(arena, body, &root))
		root = NULL;
	message = json_get_string(root, "message");
	too_long = str_find(message, STR("too many tokens"), 0) != SIZE_MAX;
	if (status == 498) /* a token that is not valid */
		status = 401;
	failure_from_status(arena, status, headers, message, too_long ? STR("context_length_exceeded") : STR_EMPTY, out);
}

const struct provider provider_cohere = {
	.kind = "cohere",
	.address = cohere_address,
	.request = cohere_request,
	.frame = cohere_frame,
	.end = decoder_emit_usage,
	.body = cohere_body,
	.failure = cohere_failure,
	.embed = &embed_cohere,
};
