/*
 * provider_openai.c - OpenAI chat completions, and every server that speaks them.
 *
 * Wire: OpenAI's API reference, "Chat completions". A call that came in the same dialect is sent on as it came but for the model's name, changed messages and
 * the wish for usage, so parameters of tomorrow work today. Frames of the answer go to the client unchanged; only text, usage and finish are read from them.
 */

#include "gateway/bound.h"
#include "gateway/openai_request.h"
#include "gateway/provider_openai.h"
#include "gateway/request.h"

#define TICKS_MAX INT64_C(10000000000000000) /* of xAI's in an answer: 1e-10 dollar each */

/* --- the request --- */

static void
put_stream_options(struct json_out *out, const struct json *options)
{
	static const char *const usage[] = { "include_usage" };

	json_set_object(out, "stream_options");
	for (struct json_iter it = json_iter(options); json_next(&it);) {
		if (str_eq_c(it.key, "include_usage") || call_member_like(it.key, usage, COUNT(usage)))
			continue;
		json_key(out, it.key);
		json_put(out, it.value);
	}
	json_set_bool(out, "include_usage", true);
	json_end_object(out);
}

/* As they came; those that a stage has made are written from the inner form. */
static const struct err *
put_messages(struct json_out *out, const struct call *call, struct arena *arena)
{
	const struct err *err = NULL;

	json_begin_array(out);
	for (const struct message *message = call->messages; message && !err; message = message->next) {
		if (message->raw)
			json_put(out, message->raw);
		else
			err = openai_message_put(out, message, arena);
	}
	if (!err)
		json_end_array(out);
	return err;
}

static const struct err *
put_body(struct json_out *out, const struct call *call, const struct target *target, struct arena *arena)
{
	const struct err *err;

	json_begin_object(out);
	json_set_string(out, "model", target->model);
	for (struct json_iter it = json_iter(call->source); json_next(&it);) {
		if (str_eq_c(it.key, "model") || str_eq_c(it.key, "stream_options"))
			continue;
		json_key(out, it.key);
		if (call->changed && str_eq_c(it.key, "messages")) {
			err = put_messages(out, call, arena);
			if (err)
				return err;
		} else if (call->changed && str_eq_c(it.key, "prompt")) {
			json_put_string(out, openai_prompt(call, arena));
		} else {
			json_put(out, it.value);
		}
	}
	if (call->stream)
		put_stream_options(out, json_get(call->source, "stream_options"));
	json_end_object(out);
	return NULL;
}

const struct err *
openai_headers(const struct target *target, struct arena *arena, bool stream, struct http_call_spec *out)
{
	const struct http_header accept = { STR("accept"), stream ? STR("text/event-stream") : STR("application/json") };

	return request_headers(target, arena, &accept, 1, out);
}

static const struct err *
write_body(const struct call *call, const struct target *target, enum dialect dialect, struct arena *arena, struct str *out)
{
	const struct err *err;
	bool same = dialect == call->dialect;
	struct json_out json;
	struct buf *body;

	if (same && !call->changed && str_eq(target->model, call->model) && (!call->stream || (call->include_usage && json_count(json_get(call->source, "stream_options")) == 1))) {
		*out = call->source_text;
		return NULL;
	}
	body = request_body_new(arena);
	if (!body)
		return &err_no_memory;
	buf_reserve(body, call->source_text.len + 64);
	json_out_init(&json, body);
	err = same ? put_body(&json, call, target, arena) : openai_body_put(&json, call, target, arena);
	return err ? err : request_body_done(arena, body, out);
}

const struct err *
openai_write(const struct call *call, const struct target *target, enum dialect dialect, struct arena *arena, struct http_call_spec *out)
{
	const struct err *err = openai_headers(target, arena, call->stream, out);

	out->method = HTTP_POST;
	if (!err)
		err = write_body(call, target, dialect, arena, &out->body);
	if (!err && target->kind->traits)
		err = openai_traits_apply(target->kind, &out->body, arena);
	return err;
}

const struct err *
openai_address(const struct target *target, const char *endpoint, struct arena *arena, struct http_call_spec *out)
{
	const struct conf_provider *provider = target->provider;

	out->url = request_url(arena, provider->base_url, endpoint);
	if (!out->url.ptr)
		return &err_no_memory;
	if (!provider->api_key.len || http_header_get(&out->headers, STR("authorization")).ptr)
		return NULL;
	return request_header(arena, out, STR("authorization"), arena_concat(arena, STR("Bearer "), provider->api_key));
}

const struct err *
openai_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	const struct err *err = openai_write(call, target, DIALECT_OPENAI_CHAT, arena, out);

	return err ? err : target->kind->address(target, "/chat/completions", arena, out);
}

/* --- the answer --- */

struct reading {
	struct event first;          /* the frame's bytes ride on the frame's first event */
	struct str held;             /* a frame that came before the answer's id: it goes out with its start */
	bool own;                    /* the frame says what no client of this dialect reads: our own words go out in its place */
	bool usage_said;
};

/* Whether the frames are of the dialect that the call came in. */
static bool
same_dialect(const struct decoder *decoder)
{
	const struct provider *wire = decoder->wire ? decoder->wire : decoder->target->kind;

	return wire->dialect == decoder->call->dialect;
}

static MAY_PARK const struct err *
emit(struct decoder *decoder, struct event event)
{
	struct reading *reading = decoder->state;

	event.framed = same_dialect(decoder) && !reading->own;
	event.frame = reading->own ? STR_EMPTY : reading->first.frame;
	event.last = reading->first.last;
	reading->first.frame = STR_EMPTY;
	return sink_send(decoder->sink, &event);
}

/* Cached tokens have three names: OpenAI's, DeepSeek's and that of servers which list them beside the others. */
static int64_t
cached_tokens(const struct json *usage)
{
	int64_t cached = provider_count(json_get(json_get(usage, "prompt_tokens_details"), "cached_tokens"), 0);

	return cached ? cached : provider_count(json_get(usage, "prompt_cache_hit_tokens"), provider_count(json_get(usage, "cached_tokens"), 0));
}

/* Tokens of sound or pictures that were not cached: where the answer says how many of them were, it has counted them among both. */
static int64_t
fresh_tokens(const struct json *details, const char *kind)
{
	return provider_count(json_get(details, kind), 0) - provider_count(json_get(json_get(details, "cached_tokens_details"), kind), 0);
}

void
openai_usage_details(struct usage *usage, const struct json *input, const struct json *output)
{
	usage->cache_write = provider_count(json_get(input, "cache_write_tokens"), 0);
	usage->audio_input = fresh_tokens(input, "audio_tokens");
	usage->image_input = fresh_tokens(input, "image_tokens");
	usage->cached_audio = provider_count(json_get(json_get(input, "cached_tokens_details"), "audio_tokens"), 0);
	usage->reasoning = provider_count(json_get(output, "reasoning_tokens"), 0);
	usage->audio_output = provider_count(json_get(output, "audio_tokens"), 0);
	usage->image_output = provider_count(json_get(output, "image_tokens"), 0);
}

void
openai_usage_cost(const struct provider *kind, const struct json *usage, struct usage *out)
{
	const struct openai_traits *traits = kind->traits;
	const struct json *cost = json_get(usage, "cost"), *ticks = json_get(usage, "cost_in_usd_ticks");

	switch (traits ? traits->cost : COST_UNSAID) {
	case COST_DOLLARS:
		out->reported = provider_dollars(cost, &out->reported_nanos);
		break;
	case COST_TICKS:
		out->reported = json_int(ticks, -1) >= 0 && json_int(ticks, -1) <= TICKS_MAX;
		out->reported_nanos = out->reported ? (json_int(ticks, 0) + 5) / 10 : 0;
		break;
	case COST_TOTAL:
		out->reported = provider_dollars(json_get(cost, "total_cost"), &out->reported_nanos);
		break;
	case COST_UNSAID:
		break;
	}
}

/* Groq puts it into x_groq as well, and there alone where nobody asked for it. */
static const struct json *
usage_of(const struct json *root)
{
	const struct json *usage = json_get(root, "usage");

	return json_is(usage, JSON_OBJECT) ? usage : json_get(json_get(root, "x_groq"), "usage");
}

/*
 * What Perplexity looked up. A request is one search by the size of its context; deep research is billed by its queries, and by tokens of citations and of a reasoning that its completion_tokens leave out.
 */
static void
read_searches(const struct json *usage, struct str model, struct usage *out)
{
	struct str size = json_get_string(usage, "search_context_size");
	int64_t citations = provider_count(json_get(usage, "citation_tokens"), 0), reasoning = provider_count(json_get(usage, "reasoning_tokens"), 0);
	bool research = bound_is_research(model);

	out->web_searches = research ? provider_count(json_get(usage, "num_search_queries"), 0) : 1;
	out->web_searches_high = str_eq_c(size, "high") ? out->web_searches : 0;
	out->web_searches_low = !size.len || str_eq_c(size, "low") ? out->web_searches : 0;
	out->citations = citations;
	if (research) {
		out->reasoning += reasoning;
		out->output += reasoning;
	}
}

/* `root`: a chunk, or a whole answer. */
static void
read_usage(struct decoder *decoder, const struct json *root)
{
	const struct openai_traits *traits = decoder->target->kind->traits;
	const struct json *usage = usage_of(root);
	struct str tier = json_get_string(root, "service_tier");

	if (tier.len)
		decoder->usage.tier = usage_tier_of(tier);
	if (!json_is(usage, JSON_OBJECT))
		return;
	decoder->usage = (struct usage){
		.input = provider_count(json_get(usage, "prompt_tokens"), 0),
		.output = provider_count(json_get(usage, "completion_tokens"), 0),
		.cached_input = cached_tokens(usage),
		.web_searches = provider_count(json_get(json_get(usage, "server_side_tool_usage_details"), "web_search_calls"), 0), /* xAI's */
		.tier = decoder->usage.tier,
		.known = true,
	};
	openai_usage_details(&decoder->usage, json_get(usage, "prompt_tokens_details"), json_get(usage, "completion_tokens_details"));
	if (traits && traits->reasoning_apart)
		decoder->usage.output += decoder->usage.reasoning;
	openai_usage_cost(decoder->target->kind, usage, &decoder->usage);
	if (traits && traits->searches)
		read_searches(usage, decoder->target->model, &decoder->usage);
	usage_fit(&decoder->usage);
}

static enum finish
finish_of(struct str reason)
{
	if (str_eq_c(reason, "length"))
		return FINISH_LENGTH;
	if (str_eq_c(reason, "tool_calls") || str_eq_c(reason, "function_call"))
		return FINISH_TOOL_CALLS;
	if (str_eq_c(reason, "content_filter"))
		return FINISH_CONTENT_FILTER;
	return FINISH_STOP;
}

static MAY_PARK const struct err *
emit_start(struct decoder *decoder, const struct json *root)
{
	decoder->started = true;
	return emit(decoder, (struct event){
		.type = EVENT_START,
		.id = json_get_string(root, "id"),
		.model = json_get_string(root, "model"),
		.created_us = provider_time_us(json_get(root, "created")),
	});
}

static MAY_PARK const struct err *
emit_tool_calls(struct decoder *decoder, unsigned choice, const struct json *calls)
{
	const struct err *err = NULL;

	for (struct json_iter it = json_iter(calls); !err && json_next(&it);) {
		const struct json *custom = json_get(it.value, "custom"), *function = json_is(custom, JSON_OBJECT) ? custom : json_get(it.value, "function");
		bool is_custom = function && function == custom;
		struct str name = json_get_string(function, "name"), arguments = json_get_string(function, is_custom ? "input" : "arguments");
		unsigned item = (unsigned)json_int(json_get(it.value, "index"), (int64_t)it.index);

		if (name.len) /* some servers repeat it empty */
			err = emit(decoder, (struct event){
				.type = EVENT_TOOL_CALL, .choice = choice, .item = item, .custom = is_custom, .id = json_get_string(it.value, "id"), .name = name });
		if (!err && arguments.len)
			err = emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .choice = choice, .item = item, .custom = is_custom, .text = arguments });
	}
	return err;
}

/* The chances of the text's tokens as JSON text; only a dialect of another shape asks for it. */
static struct str
logprobs_text(struct decoder *decoder, const struct json *choice)
{
	const struct json *content = json_get(json_get(choice, "logprobs"), "content");

	if ((same_dialect(decoder) && !((const struct reading *)decoder->state)->own) || !decoder->call->logprobs || !json_is(content, JSON_ARRAY))
		return STR_EMPTY;
	return decoder_json_text(decoder, content);
}

/* The text of a part of a content that is a list: {"type":"text","text"}, or {"type":"thinking","thinking":[parts]}, as Mistral's reasoning models write it. */
static MAY_PARK const struct err *
emit_content_part(struct decoder *decoder, unsigned choice, const struct json *part)
{
	const struct json *thinking = json_get(part, "thinking");
	struct str text = json_get_string(part, "text");
	const struct err *err = NULL;

	for (struct json_iter it = json_iter(thinking); !err && json_next(&it);)
		if (json_get_string(it.value, "text").len)
			err = emit(decoder, (struct event){ .type = EVENT_REASONING, .choice = choice, .text = json_get_string(it.value, "text") });
	if (!err && !thinking && text.len)
		err = emit(decoder, (struct event){ .type = EVENT_TEXT, .choice = choice, .text = text });
	return err;
}

static MAY_PARK const struct err *
emit_content(struct decoder *decoder, unsigned choice, const struct json *content, struct str logprobs)
{
	const struct err *err = NULL;

	if (json_string(content).len)
		return emit(decoder, (struct event){ .type = EVENT_TEXT, .choice = choice, .text = json_string(content), .logprobs = logprobs });
	if (json_is(content, JSON_ARRAY))
		for (struct json_iter it = json_iter(content); !err && json_next(&it);)
			err = emit_content_part(decoder, choice, it.value);
	return err;
}

/* A delta of a stream and the message of a whole answer have the same members; a choice of a legacy completion has neither, but its text. */
static MAY_PARK const struct err *
emit_choice(struct decoder *decoder, const struct json *choice, const struct json *message)
{
	unsigned index = (unsigned)json_int(json_get(choice, "index"), 0);
	struct str reason = json_get_string(choice, "finish_reason");
	struct str stop = json_get_string(choice, "stop_reason"); /* vLLM: which stop sequence was met */
	struct str reasoning = json_get_string(message, "reasoning_content"), refusal = json_get_string(message, "refusal");
	const struct err *err = NULL;

	if (!reasoning.len)
		reasoning = json_get_string(message, "reasoning"); /* OpenRouter, Groq, Together, Ollama, vLLM */
	if (reasoning.len)
		err = emit(decoder, (struct event){ .type = EVENT_REASONING, .choice = index, .text = reasoning });
	if (!err)
		err = emit_content(decoder, index, message ? json_get(message, "content") : json_get(choice, "text"), logprobs_text(decoder, choice));
	if (!err && refusal.len)
		err = emit(decoder, (struct event){ .type = EVENT_REFUSAL, .choice = index, .text = refusal });
	if (!err)
		err = emit_tool_calls(decoder, index, json_get(message, "tool_calls"));
	if (!err && reason.len) {
		decoder->finished = true;
		err = emit(decoder, (struct event){ .type = EVENT_FINISH, .choice = index, .finish = finish_of(reason), .finish_text = reason, .stop = stop.len ? stop : STR_EMPTY });
	}
	return err;
}

static bool
has_finish(const struct json *choices)
{
	for (struct json_iter it = json_iter(choices); json_next(&it);)
		if (json_get_string(it.value, "finish_reason").len)
			return true;
	return false;
}

/* Whether a choice's content is a list of parts, which the answers of this dialect do not have. */
static bool
has_parts(const struct json *choices, const char *message)
{
	for (struct json_iter it = json_iter(choices); json_next(&it);)
		if (json_is(json_get(json_get(it.value, message), "content"), JSON_ARRAY))
			return true;
	return false;
}

static const struct json *
error_of(const struct json *root)
{
	const struct json *error = json_get(root, "error");

	if (!error)
		error = json_get(json_get(root, "x_groq"), "error");
	return json_is(error, JSON_NULL) ? NULL : error;
}

/* Servers word it as {error: {message}}, {error: text}, {message} or, of a body that does not validate, {detail: text or [{msg}]}. */
static struct str
error_message(const struct json *root, const struct json *error)
{
	const struct json *detail = json_get(root, "detail");
	struct str message = json_is(error, JSON_STRING) ? json_string(error) : json_get_string(error, "message");

	if (!message.len)
		message = json_get_string(root, "message");
	if (!message.len)
		message = json_is(detail, JSON_STRING) ? json_string(detail) : STR_EMPTY;
	for (struct json_iter it = json_iter(json_is(detail, JSON_ARRAY) ? detail : NULL); !message.len && json_next(&it);)
		message = json_get_string(it.value, "msg");
	return message;
}

static const struct err *
upstream_error(struct arena *arena, const struct json *root, const struct json *error)
{
	struct str message = error_message(root, error);

	return err_new(arena, ERR_UPSTREAM, "the provider reported an error: %" STR_F, STR_A(message.len ? message : STR("no reason given")));
}

/* A frame of Azure's about the prompt, before anything is known of the answer. */
static bool
precedes_answer(const struct json *root)
{
	return json_count(json_get(root, "choices")) == 0 && json_get_string(root, "id").len == 0 && !json_is(usage_of(root), JSON_OBJECT);
}

/* The held frame with the names of the answer, which it lacks: clients that check what they get refuse it otherwise. */
static struct str
named(struct decoder *decoder, const struct json *root)
{
	static const char *const names[] = { "id", "object", "created", "model" };
	const struct json *held = NULL;
	struct json_out out;
	struct buf text;

	buf_init(&text, decoder->frame, DECODER_FRAME_MAX);
	json_out_init(&out, &text);
	if (json_parse(decoder->frame, ((const struct reading *)decoder->state)->held, &held))
		return STR_EMPTY;
	json_begin_object(&out);
	for (size_t i = 0; i < COUNT(names); i++)
		if (json_get(root, names[i]))
			json_set(&out, names[i], json_get(root, names[i]));
	for (struct json_iter it = json_iter(held); json_next(&it);) {
		if (json_get_str(root, it.key) && !json_is(it.value, JSON_ARRAY))
			continue;
		json_key(&out, it.key);
		json_put(&out, it.value);
	}
	json_end_object(&out);
	return text.failed ? STR_EMPTY : buf_str(&text);
}

static MAY_PARK const struct err *
emit_frame(struct decoder *decoder, const struct json *root, struct str data)
{
	struct reading *reading = decoder->state;
	const struct json *choices = json_get(root, "choices");
	const struct err *err = NULL;

	reading->own = !decoder->call->stream || has_parts(choices, "delta"); /* the bytes of a frame are gone with the next: they are no whole answer */
	reading->first = (struct event){ .frame = data, .last = decoder->finished || has_finish(choices) };
	if (!decoder->started && reading->held.len) {
		reading->first.frame = named(decoder, root);
		err = emit_start(decoder, root);
		reading->first.frame = data;
	} else if (!decoder->started) {
		err = emit_start(decoder, root);
	}
	read_usage(decoder, root);
	for (struct json_iter it = json_iter(choices); !err && json_next(&it);)
		err = emit_choice(decoder, it.value, json_get(it.value, "delta"));
	if (!err && json_is(json_get(root, "usage"), JSON_OBJECT) && json_count(choices) == 0) {
		reading->usage_said = true;
		err = emit(decoder, (struct event){ .type = EVENT_USAGE, .usage = &decoder->usage });
	}
	if (!err && reading->first.frame.len && !reading->own)
		err = emit(decoder, (struct event){ .type = EVENT_OTHER });
	return err;
}

MAY_PARK const struct err *
openai_frame(struct decoder *decoder, struct str name, struct str data)
{
	struct reading *reading;
	const struct json *root, *error;
	const struct err *err;

	(void)name;
	if (str_eq(str_trim(data), STR("[DONE]"))) {
		decoder->done = true;
		return NULL;
	}
	err = decoder_read_frame(decoder, sizeof(*reading), data, &root);
	if (err)
		return err;
	reading = decoder->state;
	error = error_of(root);
	if (error)
		return upstream_error(decoder->arena, root, error);
	if (!decoder->started && !reading->held.len && precedes_answer(root)) {
		reading->held = arena_dup(decoder->arena, data);
		return reading->held.ptr ? NULL : &err_no_memory;
	}
	return emit_frame(decoder, root, data);
}

/* Usage that came in a chunk with text, as many servers send it: said once more on its own, as OpenAI does. */
MAY_PARK const struct err *
openai_end(struct decoder *decoder)
{
	struct reading *reading = decoder->state;

	if (!decoder->usage.known || !reading || reading->usage_said)
		return NULL;
	reading->own = true;
	reading->first = (struct event){ .last = true };
	return emit(decoder, (struct event){ .type = EVENT_USAGE, .usage = &decoder->usage });
}

MAY_PARK const struct err *
openai_body(struct decoder *decoder, struct str body)
{
	struct reading *reading;
	const struct json *root, *choices, *error;
	const struct err *err = decoder_read(decoder, sizeof(*reading), body, &root);

	if (err)
		return err;
	if (!json_is(root, JSON_OBJECT))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer is not a JSON object");
	error = error_of(root);
	if (error)
		return upstream_error(decoder->arena, root, error);
	choices = json_get(root, "choices");
	if (json_count(choices) == 0)
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer has no choices");
	reading = decoder->state;
	reading->own = decoder->call->stream || has_parts(choices, "message"); /* a whole answer is no chunk of a stream */
	reading->first = (struct event){ .frame = body, .last = true };
	read_usage(decoder, root);
	err = emit_start(decoder, root);
	for (struct json_iter it = json_iter(choices); !err && json_next(&it);)
		err = emit_choice(decoder, it.value, json_get(it.value, "message"));
	if (!err && decoder->usage.known)
		err = emit(decoder, (struct event){ .type = EVENT_USAGE, .usage = &decoder->usage });
	reading->usage_said = true;
	decoder->done = true;
	return err;
}

/* A code that is text; numbers only repeat the status (OpenRouter, llama.cpp). Azure's filter has the better name inside. */
static struct str
error_code(const struct json *root, const struct json *error)
{
	struct str code = json_get_string(error, "code");

	if (!code.len && json_is(error, JSON_STRING))
		code = json_get_string(root, "code"); /* xAI */
	return code.len ? code : json_get_string(root, "error_type"); /* TGI */
}

void
openai_failure(struct arena *arena, int status, const struct http_headers *headers, struct str body, struct failure *out)
{
	const struct json *root = NULL, *error;

	if (json_parse(arena, body, &root))
		root = NULL;
	error = error_of(root);
	failure_from_status(arena, status, headers, error_message(root, error), error_code(root, error), out);
}

const struct provider provider_openai = {
	.kind = "openai",
	.openai = true,
	.dialect = DIALECT_OPENAI_CHAT,
	.address = openai_address,
	.request = openai_request,
	.frame = openai_frame,
	.end = openai_end,
	.body = openai_body,
	.failure = openai_failure,
};
