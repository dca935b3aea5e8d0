/*
 * provider_anthropic.c - Anthropic Messages.
 *
 * Wire: Anthropic's API reference, "Messages" and "Streaming messages", version 2023-06-01. Its input_tokens leave out what its cache served or took, ours do not; its stream's usage is
 * cumulative. A call that came in the same dialect is sent on as it came but for the model's name (anthropic_request.c), and the frames of its answer go to the client unchanged:
 * only text, usage and finish are read from them.
 */
#include "base/clock.h"
#include "gateway/anthropic_request.h"
#include "gateway/request.h"

/* --- the request --- */

/* The caller's own version and betas, else the version that this file was written for. */
static const struct err *
put_headers(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	const struct conf_provider *provider = target->provider;
	bool same = call->dialect == DIALECT_ANTHROPIC;
	size_t passed = same ? call->headers.count : 0, count = 0;
	struct http_header *list = arena_array(arena, 2 + passed, sizeof(*list));

	if (!list)
		return &err_no_memory;
	for (size_t i = 0; i < passed; i++)
		list[count++] = call->headers.list[i];
	if (!same || !http_header_get(&call->headers, STR("anthropic-version")).len)
		list[count++] = (struct http_header){ STR("anthropic-version"), STR("2023-06-01") };
	if (provider->api_key.len)
		list[count++] = (struct http_header){ STR("x-api-key"), provider->api_key };
	return request_headers(target, arena, list, count, out);
}

const struct err *
anthropic_http(const struct call *call, const struct target *target, struct arena *arena, const char *path, struct http_call_spec *out)
{
	struct str base = target->provider->base_url;
	const struct err *err = put_headers(call, target, arena, out);
	struct json_out json;
	struct buf *body;

	if (err)
		return err;
	out->method = HTTP_POST;
	out->url = request_url(arena, str_ends(base, STR("/v1")) ? str_slice(base, 0, base.len - 3) : base, path);
	if (!out->url.ptr)
		return &err_no_memory;
	if (call->dialect == DIALECT_ANTHROPIC && !call->changed && str_eq(target->model, call->model)) {
		out->body = call->source_text;
		return NULL;
	}
	body = request_body_new(arena);
	if (!body)
		return &err_no_memory;
	json_out_init(&json, body);
	json_begin_object(&json);
	json_set_string(&json, "model", target->model);
	err = anthropic_members_put(&json, call, arena);
	if (err)
		return err;
	if (call->stream)
		json_set_bool(&json, "stream", true);
	json_end_object(&json);
	return request_body_done(arena, body, &out->body);
}

static const struct err *
anthropic_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	return anthropic_http(call, target, arena, "/v1/messages", out);
}

/* --- the answer --- */

enum block { BLOCK_OTHER, BLOCK_TOOL, BLOCK_THINKING };

struct reading {
	struct str data, name;    /* the frame, until an event has taken it along; "" for a whole answer that goes into a stream */
	unsigned tools;           /* tool calls begun: their items are numbered by themselves */
	enum block block;         /* the open one */
	bool said;                /* it has sent arguments, or thinking */
	int64_t input, cache_read, cache_write;
	int64_t searches;         /* in the web: begun */
};

static void
read_usage(struct decoder *decoder, const struct json *usage)
{
	struct reading *reading = decoder->state;

	if (!json_is(usage, JSON_OBJECT))
		return;
	reading->input = provider_count(json_get(usage, "input_tokens"), reading->input);
	reading->cache_read = provider_count(json_get(usage, "cache_read_input_tokens"), reading->cache_read);
	reading->cache_write = provider_count(json_get(usage, "cache_creation_input_tokens"), reading->cache_write);
	decoder->usage.cached_input = reading->cache_read;
	decoder->usage.cache_write = reading->cache_write;
	decoder->usage.input = reading->input + reading->cache_read + reading->cache_write;
	decoder->usage.output = provider_count(json_get(usage, "output_tokens"), decoder->usage.output);
	decoder->usage.reasoning = provider_count(json_get(json_get(usage, "output_tokens_details"), "thinking_tokens"), decoder->usage.reasoning);
	decoder->usage.web_searches = provider_count(json_get(json_get(usage, "server_tool_use"), "web_search_requests"), decoder->usage.web_searches);
	decoder->usage.cache_write_1h = provider_count(json_get(json_get(usage, "cache_creation"), "ephemeral_1h_input_tokens"), decoder->usage.cache_write_1h);
	if (json_get_string(usage, "service_tier").len)
		decoder->usage.tier = usage_tier_of(json_get_string(usage, "service_tier"));
	if (str_eq_c(json_get_string(usage, "speed"), "fast"))
		decoder->usage.tier = USAGE_FAST_MODE;
	usage_fit(&decoder->usage);
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

/* The frame's bytes ride on its first event; a whole answer that is to go into a stream has none that could pass as they are. */
static MAY_PARK const struct err *
emit(struct decoder *decoder, struct event event)
{
	struct reading *reading = decoder->state;

	event.last = decoder->finished;
	event.framed = decoder->call->dialect == DIALECT_ANTHROPIC && (decoder->call->stream == (reading->name.len > 0));
	event.frame = event.framed ? reading->data : STR_EMPTY;
	event.frame_name = event.framed ? reading->name : STR_EMPTY;
	reading->data = STR_EMPTY;
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
emit_finish(struct decoder *decoder, const struct json *delta)
{
	struct str reason = json_get_string(delta, "stop_reason"), stop = json_get_string(delta, "stop_sequence");
	const struct err *err;

	decoder->finished = true;
	decoder->usage.known = true;
	err = emit(decoder, (struct event){
		.type = EVENT_FINISH, .finish = finish_of(reason), .finish_text = reason, .stop = stop.ptr ? stop : STR_EMPTY });
	return err ? err : emit(decoder, (struct event){ .type = EVENT_USAGE, .usage = &decoder->usage });
}

static MAY_PARK const struct err *
emit_text(struct decoder *decoder, enum event_type type, struct str text)
{
	return text.len ? emit(decoder, (struct event){ .type = type, .text = text }) : NULL;
}

static MAY_PARK const struct err *
begin_block(struct decoder *decoder, const struct json *block)
{
	struct reading *reading = decoder->state;
	struct str type = json_get_string(block, "type");

	reading->block = str_eq_c(type, "tool_use") ? BLOCK_TOOL : str_eq_c(type, "thinking") ? BLOCK_THINKING : BLOCK_OTHER;
	reading->said = false;
	if (reading->block == BLOCK_TOOL)
		return emit(decoder, (struct event){
			.type = EVENT_TOOL_CALL, .item = reading->tools, .id = json_get_string(block, "id"), .name = json_get_string(block, "name") });
	if (str_eq_c(type, "server_tool_use") && str_eq_c(json_get_string(block, "name"), "web_search"))
		decoder->usage.web_searches = ++reading->searches; /* until the end of the answer says how many there were */
	if (str_eq_c(type, "redacted_thinking"))
		return emit_text(decoder, EVENT_SIGNATURE, json_get_string(block, "data"));
	return str_eq_c(type, "text") ? emit_text(decoder, EVENT_TEXT, json_get_string(block, "text")) : NULL;
}

/* A signature of thinking that is not shown: an empty piece of it comes first, which tells it from redacted thinking. */
static MAY_PARK const struct err *
emit_signature(struct decoder *decoder, struct str signature)
{
	struct reading *reading = decoder->state;
	const struct err *err = NULL;

	if (reading->block != BLOCK_THINKING || !signature.len)
		return NULL;
	if (!reading->said)
		err = emit(decoder, (struct event){ .type = EVENT_REASONING, .text = STR_EMPTY });
	reading->said = true;
	return err ? err : emit_text(decoder, EVENT_SIGNATURE, signature);
}

static MAY_PARK const struct err *
block_delta(struct decoder *decoder, const struct json *delta)
{
	struct reading *reading = decoder->state;
	struct str type = json_get_string(delta, "type");

	if (str_eq_c(type, "text_delta"))
		return emit_text(decoder, EVENT_TEXT, json_get_string(delta, "text"));
	if (str_eq_c(type, "signature_delta"))
		return emit_signature(decoder, json_get_string(delta, "signature"));
	if (str_eq_c(type, "thinking_delta")) {
		reading->said = reading->said || json_get_string(delta, "thinking").len;
		return emit_text(decoder, EVENT_REASONING, json_get_string(delta, "thinking"));
	}
	if (str_eq_c(type, "input_json_delta") && reading->block == BLOCK_TOOL && json_get_string(delta, "partial_json").len) {
		reading->said = true;
		return emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = reading->tools, .text = json_get_string(delta, "partial_json") });
	}
	return NULL; /* citations and what is newer: the frame passes where it can be read */
}

static MAY_PARK const struct err *
end_block(struct decoder *decoder)
{
	struct reading *reading = decoder->state;
	const struct err *err = NULL;

	if (reading->block == BLOCK_TOOL) {
		if (!reading->said) /* a tool without arguments sends none; the other dialects want an object */
			err = emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = reading->tools, .text = STR("{}") });
		reading->tools++;
	}
	reading->block = BLOCK_OTHER;
	return err;
}

static const struct err *
upstream_error(struct arena *arena, const struct json *error)
{
	static const struct {
		const char *type;
		enum err_kind kind;
	} kinds[] = { { "overloaded_error", ERR_UNAVAILABLE }, { "rate_limit_error", ERR_RATE_LIMITED }, { "timeout_error", ERR_TIMEOUT },
		{ "invalid_request_error", ERR_INVALID } };
	struct str message = json_get_string(error, "message"), type = json_get_string(error, "type");
	enum err_kind kind = ERR_UPSTREAM;

	for (size_t i = 0; i < COUNT(kinds); i++)
		if (str_eq_c(type, kinds[i].type))
			kind = kinds[i].kind;
	return err_new(arena, kind, "the provider reported an error: %" STR_F, STR_A(message.len ? message : STR("no reason given")));
}

static MAY_PARK const struct err *
read_frame(struct decoder *decoder, struct str type, const struct json *root)
{
	if (str_eq_c(type, "content_block_start"))
		return begin_block(decoder, json_get(root, "content_block"));
	if (str_eq_c(type, "content_block_delta"))
		return block_delta(decoder, json_get(root, "delta"));
	if (str_eq_c(type, "content_block_stop"))
		return end_block(decoder);
	if (str_eq_c(type, "message_delta")) {
		read_usage(decoder, json_get(root, "usage"));
		return decoder->finished || !json_get_string(json_get(root, "delta"), "stop_reason").len ? NULL : emit_finish(decoder, json_get(root, "delta"));
	}
	if (str_eq_c(type, "message_stop"))
		decoder->done = true;
	return NULL; /* ping, and events of later versions */
}

static MAY_PARK const struct err *
anthropic_frame(struct decoder *decoder, struct str name, struct str data)
{
	struct reading *reading;
	const struct json *root;
	const struct err *err;
	struct str type;

	(void)name; /* the type stands in the data too */
	err = decoder_read_frame(decoder, sizeof(struct reading), data, &root);
	if (err)
		return err;
	type = json_get_string(root, "type");
	if (!type.len)
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider sent a frame without a type");
	if (str_eq_c(type, "error"))
		return upstream_error(decoder->arena, json_get(root, "error"));
	reading = decoder->state;
	reading->data = data;
	reading->name = type;
	if (str_eq_c(type, "message_start")) {
		if (decoder->started)
			return err_new(decoder->arena, ERR_UPSTREAM, "the provider's stream begins twice");
		return emit_start(decoder, json_get(root, "message"));
	}
	if (!decoder->started)
		return str_eq_c(type, "ping") ? NULL : err_new(decoder->arena, ERR_UPSTREAM, "the provider's stream does not begin with message_start");
	err = read_frame(decoder, type, root);
	return err || !reading->data.len || decoder->call->dialect != DIALECT_ANTHROPIC ? err : emit(decoder, (struct event){ .type = EVENT_OTHER });
}

static MAY_PARK const struct err *
whole_tool(struct decoder *decoder, const struct json *block)
{
	struct reading *reading = decoder->state;
	struct str input = decoder_json_text(decoder, json_get(block, "input"));

	reading->said = true;
	return input.ptr ? emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = reading->tools, .text = input }) : &err_no_memory;
}

static MAY_PARK const struct err *
whole_block(struct decoder *decoder, const struct json *block)
{
	struct reading *reading = decoder->state;
	const struct err *err = begin_block(decoder, block);

	if (!err && reading->block == BLOCK_TOOL)
		err = whole_tool(decoder, block);
	if (!err && reading->block == BLOCK_THINKING) {
		reading->said = json_get_string(block, "thinking").len;
		err = emit_text(decoder, EVENT_REASONING, json_get_string(block, "thinking"));
		if (!err)
			err = emit_signature(decoder, json_get_string(block, "signature"));
	}
	return err ? err : end_block(decoder);
}

static MAY_PARK const struct err *
anthropic_body(struct decoder *decoder, struct str body)
{
	struct reading *reading;
	const struct json *root;
	const struct err *err = decoder_read(decoder, sizeof(*reading), body, &root);

	if (err)
		return err;
	if (!str_eq_c(json_get_string(root, "type"), "message"))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer is not a message");
	if (!json_get_string(root, "stop_reason").len)
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer does not say why it ended");
	reading = decoder->state;
	reading->data = body;
	decoder->finished = true; /* all of it is the end */
	err = emit_start(decoder, root);
	for (struct json_iter it = json_iter(json_get(root, "content")); !err && json_next(&it);)
		err = whole_block(decoder, it.value);
	decoder->done = true;
	return err ? err : emit_finish(decoder, root);
}

static void
anthropic_failure(struct arena *arena, int status, const struct http_headers *headers, struct str body, struct failure *out)
{
	const struct json *root = NULL, *error;

	if (json_parse(arena, body, &root))
		root = NULL;
	error = json_get(root, "error");
	failure_from_status(arena, status, headers, json_get_string(error, "message"), json_get_string(json_get(error, "details"), "error_code"), out);
}

const struct provider provider_anthropic = {
	.dialect = DIALECT_ANTHROPIC,
	.kind = "anthropic",
	.request = anthropic_request,
	.frame = anthropic_frame,
	.body = anthropic_body,
	.failure = anthropic_failure,
};
