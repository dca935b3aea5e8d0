/*
 * openai_responses.c - the Responses API to targets that serve it: the request goes out as it came, with all its input, and what comes back goes to the client's encoder frame by frame.
 *
 * Wire: OpenAI's API reference, "Responses" and "Streaming events". What is stored stays here: the provider is asked with `store` false and gets the whole conversation, so previous responses,
 * conversations and background mean nothing to it. Ids of items are the provider's own, also on their way back: what is encrypted is bound to them. Reasoning that is not encrypted cannot
 * be read without the provider's store, and is left out on the way back; so are ids of messages and function calls, which may be another provider's.
 */
#include "gateway/openai_responses.h"

#include "gateway/provider_openai.h"
#include "gateway/request.h"

enum { EVENT_NAME_MAX = 100 };

bool
openai_responds(const struct call *call, const struct target *target)
{
	return call->source && target->provider && target->kind->address && conf_provider_has(target->provider, CONF_API_RESPONSES) && !call->passages && !call->search && !call->changed;
}

/* --- the request --- */

/* A part that named a file of ours: its bytes. */
static void
put_loaded(struct json_out *out, const struct json *json, const struct part *part)
{
	bool image = part->type == PART_IMAGE;

	json_begin_object(out);
	json_set(out, "type", json_get(json, "type"));
	json_set_string(out, image ? "image_url" : "file_data", part->url);
	if (image && json_get(json, "detail"))
		json_set(out, "detail", json_get(json, "detail"));
	if (!image && part->name.len)
		json_set_string(out, "filename", part->name);
	json_end_object(out);
}

/* A content as it came, but for the parts whose bytes were loaded: parts of the inner form stand in the same order. */
static void
put_content(struct json_out *out, const struct json *content, const struct part *part)
{
	if (!json_is(content, JSON_ARRAY)) {
		json_put(out, content);
		return;
	}
	json_begin_array(out);
	for (struct json_iter it = json_iter(content); json_next(&it); part = part ? part->next : NULL) {
		if (part && json_get(it.value, "file_id") && part->url.len)
			put_loaded(out, it.value, part);
		else
			json_put(out, it.value);
	}
	json_end_array(out);
}

static void
put_item(struct json_out *out, const struct message *message)
{
	static const char *const nameless[] = { "message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output" };
	const struct json *raw = message->raw;
	struct str type = json_get_string(raw, "type");
	bool plain = !type.len || str_in(type, nameless, COUNT(nameless));
	const struct part *parts = message->parts && message->parts->type == PART_TOOL_RESULT ? message->parts->parts : message->parts;

	if (str_eq_c(type, "reasoning") && !json_get_string(raw, "encrypted_content").len)
		return;
	json_begin_object(out);
	if (!plain && message->id.len && !str_starts(message->id, STR("item_"))) /* not a name that we have given */
		json_set_string(out, "id", message->id);
	for (struct json_iter it = json_iter(raw); json_next(&it);) {
		if (str_eq_c(it.key, "id") && (plain || message->id.len))
			continue;
		json_key(out, it.key);
		if (plain && (str_eq_c(it.key, "content") || str_eq_c(it.key, "output")))
			put_content(out, it.value, parts);
		else
			json_put(out, it.value);
	}
	json_end_object(out);
}

/* Reasoning comes back encrypted when it is asked for, since the provider keeps none. */
static void
put_include(struct json_out *out, const struct json *source)
{
	const struct json *include = json_get(source, "include");
	bool encrypted = json_is(json_get(source, "reasoning"), JSON_OBJECT);

	if (!encrypted && !json_is(include, JSON_ARRAY))
		return;
	json_set_array(out, "include");
	for (struct json_iter it = json_iter(json_is(include, JSON_ARRAY) ? include : NULL); json_next(&it);) {
		encrypted = encrypted && !str_eq_c(json_string(it.value), "reasoning.encrypted_content");
		json_put(out, it.value);
	}
	if (encrypted)
		json_put_string(out, STR("reasoning.encrypted_content"));
	json_end_array(out);
}

/* Searches in collections are made here; of a request that comes here all the same, which chose against them, they are left out. */
static void
put_tools(struct json_out *out, const struct json *tools)
{
	json_begin_array(out);
	for (struct json_iter it = json_iter(tools); json_next(&it);)
		if (!str_eq_c(json_get_string(it.value, "type"), "file_search"))
			json_put(out, it.value);
	json_end_array(out);
}

static const struct err *
write_body(const struct call *call, const struct target *target, struct arena *arena, struct str *out)
{
	static const char *const ours[] = { "model", "input", "include", "store", "background", "previous_response_id", "conversation", "stream" };
	struct json_out json;
	struct buf *body;

	body = request_body_new(arena);
	if (!body)
		return &err_no_memory;
	buf_reserve(body, call->source_text.len + 256);
	json_out_init(&json, body);
	json_begin_object(&json);
	json_set_string(&json, "model", target->model);
	json_set_array(&json, "input");
	for (const struct message *message = call->messages; message; message = message->next)
		if (message->raw) /* instructions are a member of their own */
			put_item(&json, message);
	json_end_array(&json);
	for (struct json_iter it = json_iter(call->source); json_next(&it);) {
		if (str_in(it.key, ours, COUNT(ours)) || json_is(it.value, JSON_NULL) || (!call->stream && str_eq_c(it.key, "stream_options")))
			continue;
		json_key(&json, it.key);
		if (str_eq_c(it.key, "tools"))
			put_tools(&json, it.value);
		else
			json_put(&json, it.value);
	}
	put_include(&json, call->source);
	json_set_bool(&json, "store", false);
	if (call->stream)
		json_set_bool(&json, "stream", true);
	json_end_object(&json);
	return request_body_done(arena, body, out);
}

static const struct err *
responses_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	const struct err *err = openai_headers(target, arena, call->stream, out);

	out->method = HTTP_POST;
	if (!err)
		err = write_body(call, target, arena, &out->body);
	return err ? err : target->kind->address(target, "/responses", arena, out);
}

/* --- the answer --- */

static void
read_usage(struct decoder *decoder, const struct json *response)
{
	const struct json *usage = json_get(response, "usage");
	const struct json *input = json_get(usage, "input_tokens_details");

	if (!json_is(usage, JSON_OBJECT))
		return;
	decoder->usage = (struct usage){
		.input = provider_count(json_get(usage, "input_tokens"), 0),
		.output = provider_count(json_get(usage, "output_tokens"), 0),
		.cached_input = provider_count(json_get(input, "cached_tokens"), 0),
		.tier = usage_tier_of(json_get_string(response, "service_tier")),
		.known = true,
	};
	openai_usage_details(&decoder->usage, input, json_get(usage, "output_tokens_details"));
	openai_usage_cost(decoder->target->kind, usage, &decoder->usage);
	usage_fit(&decoder->usage);
}

static MAY_PARK const struct err *
emit(struct decoder *decoder, struct event event)
{
	event.framed = true;
	return sink_send(decoder->sink, &event);
}

static const struct err *
failed(struct decoder *decoder, const struct json *error)
{
	struct str message = json_get_string(error, "message"), code = json_get_string(error, "code");
	bool limited = str_eq_c(code, "rate_limit_exceeded");

	return err_param(decoder->arena, limited ? ERR_RATE_LIMITED : ERR_UPSTREAM, NULL, code.len ? arena_cstr(decoder->arena, code) : NULL, "the provider reported an error: %" STR_F,
		STR_A(message.len ? message : STR("no reason given")));
}

static MAY_PARK const struct err *
start(struct decoder *decoder, const struct json *response, struct str frame, bool last)
{
	decoder->started = true;
	return emit(decoder, (struct event){ .type = EVENT_START,
				     .id = json_get_string(response, "id"),
				     .model = json_get_string(response, "model"),
				     .created_us = provider_time_us(json_get(response, "created_at")),
				     .frame = frame,
				     .last = last });
}

/* A search that the provider has made: each is billed, and looking into a page that was found is not. */
static bool
is_billed_search(const struct json *item)
{
	struct str status = json_get_string(item, "status"), action = json_get_string(json_get(item, "action"), "type");

	return str_eq_c(json_get_string(item, "type"), "web_search_call") && (!status.len || str_eq_c(status, "completed")) && (!action.len || str_eq_c(action, "search"));
}

static bool
is_custom(const struct json *item)
{
	return str_eq_c(json_get_string(item, "type"), "custom_tool_call");
}

/* Of a function or a custom tool, which the caller runs. */
static bool
is_call(const struct json *item)
{
	return is_custom(item) || str_eq_c(json_get_string(item, "type"), "function_call");
}

/* The end of an answer: how it ended, and what it used. */
static MAY_PARK const struct err *
finish(struct decoder *decoder, const struct json *response, struct str frame)
{
	struct str status = json_get_string(response, "status"), why = json_get_string(json_get(response, "incomplete_details"), "reason");
	bool cut = str_eq_c(status, "incomplete"), filtered = cut && str_eq_c(why, "content_filter");
	int64_t seen = decoder->usage.web_searches, searches = 0;
	enum finish how = filtered ? FINISH_CONTENT_FILTER : cut ? FINISH_LENGTH : FINISH_STOP;
	const struct err *err;

	decoder->finished = decoder->done = true;
	read_usage(decoder, response);
	for (struct json_iter it = json_iter(json_get(response, "output")); json_next(&it);) {
		if (!cut && is_call(it.value))
			how = FINISH_TOOL_CALLS;
		searches += is_billed_search(it.value);
	}
	decoder->usage.web_searches = searches > seen ? searches : seen; /* some servers end a stream without its items */
	err = emit(decoder, (struct event){ .type = EVENT_FINISH, .finish = how, .finish_text = cut && why.len ? why : finish_name(how), .frame = frame, .last = true });
	return err || !decoder->usage.known ? err : emit(decoder, (struct event){ .type = EVENT_USAGE, .usage = &decoder->usage, .last = true });
}

/* The type becomes the name of our own event: it must be one, on one line. */
static bool
is_event_name(struct str type)
{
	for (size_t i = 0; i < type.len; i++) {
		char c = type.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
			return false;
	}
	return type.len > 0 && type.len <= EVENT_NAME_MAX;
}

/* A frame in the middle, as one event that carries it; what the record wants to know of it is in the event's own members. */
static MAY_PARK const struct err *
middle(struct decoder *decoder, const struct json *root, struct str type, struct str frame)
{
	const struct json *item = json_get(root, "item");
	struct event event = { .type = EVENT_OTHER, .frame = frame, .item = (unsigned)json_int(json_get(root, "output_index"), 0), .text = json_get_string(root, "delta") };

	if (!event.text.ptr)
		event.text = STR_EMPTY;
	if (str_eq_c(type, "response.output_item.done"))
		decoder->usage.web_searches += is_billed_search(item); /* until the end counts them all: a stream may be cut */
	if (str_eq_c(type, "response.output_text.delta"))
		event.type = EVENT_TEXT;
	else if (str_eq_c(type, "response.refusal.delta"))
		event.type = EVENT_REFUSAL;
	else if (str_eq_c(type, "response.reasoning_text.delta") || str_eq_c(type, "response.reasoning_summary_text.delta"))
		event.type = EVENT_REASONING;
	else if (str_eq_c(type, "response.function_call_arguments.delta") || str_eq_c(type, "response.custom_tool_call_input.delta"))
		event.type = EVENT_ARGUMENTS;
	event.custom = str_eq_c(type, "response.custom_tool_call_input.delta");
	if (str_eq_c(type, "response.output_item.added") && is_call(item)) {
		event.type = EVENT_TOOL_CALL;
		event.custom = is_custom(item);
		event.id = json_get_string(item, "call_id");
		event.name = json_get_string(item, "name");
	}
	return emit(decoder, event);
}

static MAY_PARK const struct err *
responses_frame(struct decoder *decoder, struct str name, struct str data)
{
	const struct json *root, *response;
	const struct err *err;
	struct str type;

	(void)name;
	if (str_eq(str_trim(data), STR("[DONE]"))) {
		decoder->done = true;
		return NULL;
	}
	err = decoder_read_frame(decoder, 0, data, &root);
	if (err)
		return err;
	type = json_get_string(root, "type");
	response = json_get(root, "response");
	if (!json_is(json_get(root, "error"), JSON_OBJECT) && !is_event_name(type))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider sent an event without a type, or with one that is no name");
	if (str_eq_c(type, "error"))
		return failed(decoder, root);
	if (str_eq_c(type, "response.failed"))
		return failed(decoder, json_get(response, "error"));
	if (json_is(json_get(root, "error"), JSON_OBJECT))
		return failed(decoder, json_get(root, "error"));
	if (!decoder->started && !str_eq_c(type, "response.created") && !str_eq_c(type, "response.queued"))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's stream did not begin with response.created");
	if (!decoder->started)
		return start(decoder, response, STR_EMPTY, false);
	if (str_eq_c(type, "response.completed") || str_eq_c(type, "response.incomplete"))
		return finish(decoder, response, data);
	if (json_is(response, JSON_OBJECT)) /* created, queued, in_progress: we say that ourselves */
		return NULL;
	return middle(decoder, root, type, data);
}

/* What is shown of it, as its deltas would say it. */
static MAY_PARK const struct err *
whole_reasoning(struct decoder *decoder, const struct json *item)
{
	static const char *const members[] = { "summary", "content" };
	const struct err *err = NULL;

	for (size_t i = 0; i < COUNT(members); i++)
		for (struct json_iter it = json_iter(json_get(item, members[i])); !err && json_next(&it);)
			if (json_get_string(it.value, "text").len)
				err = emit(decoder, (struct event){ .type = EVENT_REASONING, .text = json_get_string(it.value, "text"), .last = true });
	return err;
}

/* The texts of an item, for the record and for whoever is given the answer again. */
static MAY_PARK const struct err *
whole_item(struct decoder *decoder, const struct json *item, unsigned index)
{
	const struct err *err = NULL;

	if (is_call(item)) {
		bool custom = is_custom(item);
		struct str text = json_get_string(item, custom ? "input" : "arguments");

		err = emit(decoder,
			(struct event){ .type = EVENT_TOOL_CALL, .item = index, .custom = custom, .id = json_get_string(item, "call_id"), .name = json_get_string(item, "name"), .last = true });
		return err ? err : emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = index, .custom = custom, .text = text, .last = true });
	}
	if (str_eq_c(json_get_string(item, "type"), "reasoning"))
		return whole_reasoning(decoder, item);
	if (!str_eq_c(json_get_string(item, "type"), "message"))
		return NULL;
	for (struct json_iter it = json_iter(json_get(item, "content")); !err && json_next(&it);) {
		struct str text = json_get_string(it.value, "text"), refusal = json_get_string(it.value, "refusal");

		if (text.len || refusal.len)
			err = emit(decoder, (struct event){ .type = text.len ? EVENT_TEXT : EVENT_REFUSAL, .text = text.len ? text : refusal, .last = true });
	}
	return err;
}

static MAY_PARK const struct err *
responses_body(struct decoder *decoder, struct str body)
{
	const struct json *root, *output;
	const struct err *err = decoder_read(decoder, 0, body, &root);

	if (err)
		return err;
	if (!json_is(root, JSON_OBJECT))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer is not a JSON object");
	if (json_is(json_get(root, "error"), JSON_OBJECT))
		return failed(decoder, json_get(root, "error"));
	output = json_get(root, "output");
	if (!json_is(output, JSON_ARRAY))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer has no output");
	err = start(decoder, root, STR_EMPTY, true);
	for (struct json_iter it = json_iter(output); !err && json_next(&it);)
		err = whole_item(decoder, it.value, (unsigned)it.index);
	return err ? err : finish(decoder, root, body);
}

const struct provider wire_openai_responses = {
	.kind = "openai",
	.openai = true,
	.dialect = DIALECT_OPENAI_RESPONSES,
	.request = responses_request,
	.frame = responses_frame,
	.body = responses_body,
	.failure = openai_failure,
};
