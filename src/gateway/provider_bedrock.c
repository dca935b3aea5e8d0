/*
 * provider_bedrock.c - Amazon Bedrock: Converse and ConverseStream.
 *
 * Wire: Amazon Bedrock API reference, "Converse", "ConverseStream". A stream is application/vnd.amazon.eventstream (net/eventstream.h); its last event is `metadata`, with the usage. inputTokens leave out
 * what the cache served, as Anthropic counts. Requests are signed (sigv4.h) or show a Bedrock API key. Ids of answers are our own: the wire has none.
 */
#include "base/clock.h"
#include "base/random.h"
#include "gateway/bedrock_request.h"
#include "gateway/embed.h"
#include "gateway/request.h"
#include "gateway/sigv4.h"

/* --- the request --- */

static const struct err *
bedrock_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	const struct err *err = request_headers(target, arena, NULL, 0, out);
	struct buf *body, model;
	struct json_out json;

	if (err)
		return err;
	out->method = HTTP_POST;
	buf_init(&model, arena, KIB(8));
	url_encode(&model, target->model); /* ids have colons, ARNs slashes */
	out->url = arena_printf(arena, "%" STR_F "/model/%" STR_F "/%s", STR_A(target->provider->base_url), STR_A(buf_str(&model)), call->stream ? "converse-stream" : "converse");
	body = request_body_new(arena);
	if (!body)
		return &err_no_memory;
	json_out_init(&json, body);
	err = bedrock_body_put(&json, call, target, arena);
	if (!err && (model.failed || !out->url.ptr))
		err = &err_no_memory;
	return err ? err : request_body_done(arena, body, &out->body);
}

static MAY_PARK const struct err *
bedrock_authorize(const struct target *target, struct arena *arena, struct http_call_spec *spec)
{
	const struct conf_provider *provider = target->provider;
	const struct sigv4 sigv4 = { .region = provider->region,
		.service = STR("bedrock"),
		.access_key_id = provider->access_key_id,
		.secret_access_key = provider->secret_access_key,
		.session_token = provider->session_token,
		.at_us = clock_wall_us() };

	if (provider->api_key.len)
		return request_header(arena, spec, STR("authorization"), arena_printf(arena, "Bearer %" STR_F, STR_A(provider->api_key)));
	return sigv4_sign(arena, &sigv4, spec);
}

/* --- the answer --- */

struct reading {
	unsigned tools;  /* calls begun: their items are numbered by themselves */
	bool in_tool;    /* the open block is a call… */
	bool arguments;  /* …that has sent arguments */
};

/* What was written to be kept for an hour. */
static int64_t
written_for_an_hour(const struct json *details)
{
	int64_t tokens = 0;

	for (struct json_iter it = json_iter(json_is(details, JSON_ARRAY) ? details : NULL); json_next(&it);)
		if (tokens < PROVIDER_COUNT_MAX && str_eq_c(json_get_string(it.value, "ttl"), "1h"))
			tokens += provider_count(json_get(it.value, "inputTokens"), 0);
	return tokens;
}

/* `root`: an answer, or the event behind a stream. */
static void
read_usage(struct decoder *decoder, const struct json *root)
{
	const struct json *usage = json_get(root, "usage");
	int64_t read = provider_count(json_get(usage, "cacheReadInputTokens"), 0), written = provider_count(json_get(usage, "cacheWriteInputTokens"), 0);

	if (!json_is(usage, JSON_OBJECT))
		return;
	decoder->usage = (struct usage){
		.input = provider_count(json_get(usage, "inputTokens"), 0) + read + written,
		.cached_input = read,
		.cache_write = written,
		.cache_write_1h = written_for_an_hour(json_get(usage, "cacheDetails")),
		.tier = usage_tier_of(json_get_string(json_get(root, "serviceTier"), "type")),
		.output = provider_count(json_get(usage, "outputTokens"), 0),
		.known = true,
	};
	usage_fit(&decoder->usage);
}

static MAY_PARK const struct err *
emit_start(struct decoder *decoder)
{
	struct id id = id_new();

	decoder->started = true;
	return decoder_emit(decoder, (struct event){ .type = EVENT_START,
		.id = arena_printf(decoder->arena, "bedrock-%" STR_F, STR_A(id_str(&id))),
		.model = decoder->target->model,
		.created_us = clock_wall_us() });
}

static enum finish
finish_of(struct str reason)
{
	if (str_eq_c(reason, "max_tokens") || str_eq_c(reason, "model_context_window_exceeded"))
		return FINISH_LENGTH;
	if (str_eq_c(reason, "tool_use"))
		return FINISH_TOOL_CALLS;
	if (str_eq_c(reason, "guardrail_intervened") || str_eq_c(reason, "content_filtered"))
		return FINISH_CONTENT_FILTER;
	return FINISH_STOP;
}

/* The model broke off: not an answer, whatever it is called. */
static bool
is_broken(struct str reason)
{
	return str_eq_c(reason, "malformed_model_output") || str_eq_c(reason, "malformed_tool_use");
}

static MAY_PARK const struct err *
emit_finish(struct decoder *decoder, struct str reason)
{

	if (is_broken(reason) || !reason.len)
		return err_new(decoder->arena, ERR_UPSTREAM, "the model broke off its answer (%" STR_F ")", STR_A(reason.len ? reason : STR("no reason given")));
	decoder->last = true;
	decoder->finished = true;
	return decoder_emit(decoder, (struct event){ .type = EVENT_FINISH, .finish = finish_of(reason), .finish_text = reason });
}

static struct str
marked(const struct decoder *decoder, const char *mark, struct str text)
{
	return arena_printf(decoder->frame, "%s%" STR_F, mark, STR_A(text));
}

/* A piece of reasoning in a stream, or the content of a whole block: the same members, one or two of them. */
static MAY_PARK const struct err *
emit_reasoning(struct decoder *decoder, const struct json *reasoning)
{
	struct str text = json_get_string(reasoning, "text"), signature = json_get_string(reasoning, "signature");
	struct str redacted = json_get_string(reasoning, "redactedContent");
	const struct err *err = NULL;

	if (text.len)
		err = decoder_emit(decoder, (struct event){ .type = EVENT_REASONING, .text = text });
	if (!err && signature.len)
		err = decoder_emit(decoder, (struct event){ .type = EVENT_SIGNATURE, .text = marked(decoder, BEDROCK_SIGNATURE, signature) });
	if (!err && redacted.len)
		err = decoder_emit(decoder, (struct event){ .type = EVENT_SIGNATURE, .text = marked(decoder, BEDROCK_REDACTED, redacted) });
	return err;
}

static MAY_PARK const struct err *
begin_tool(struct decoder *decoder, const struct json *tool)
{
	struct reading *reading = decoder->state;

	reading->in_tool = true;
	reading->arguments = false;
	return decoder_emit(decoder, (struct event){
		.type = EVENT_TOOL_CALL, .item = reading->tools, .id = json_get_string(tool, "toolUseId"), .name = json_get_string(tool, "name") });
}

static MAY_PARK const struct err *
add_arguments(struct decoder *decoder, struct str text)
{
	struct reading *reading = decoder->state;

	reading->arguments = reading->arguments || text.len > 0;
	return text.len ? decoder_emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .item = reading->tools, .text = text }) : NULL;
}

/* A tool without arguments sends none; the dialects want an object. */
static MAY_PARK const struct err *
end_block(struct decoder *decoder)
{
	struct reading *reading = decoder->state;
	const struct err *err = NULL;

	if (!reading->in_tool)
		return NULL;
	if (!reading->arguments)
		err = add_arguments(decoder, STR("{}"));
	reading->in_tool = false;
	reading->tools++;
	return err;
}

static MAY_PARK const struct err *
block_delta(struct decoder *decoder, const struct json *delta)
{
	const struct json *reasoning = json_get(delta, "reasoningContent");
	struct str text = json_get_string(delta, "text");

	if (text.len)
		return decoder_emit(decoder, (struct event){ .type = EVENT_TEXT, .text = text });
	if (reasoning)
		return emit_reasoning(decoder, reasoning);
	return add_arguments(decoder, json_get_string(json_get(delta, "toolUse"), "input").ptr ? json_get_string(json_get(delta, "toolUse"), "input") : STR_EMPTY);
}

/* Kinds of errors by name, in a stream ("throttlingException") and as HTTP errors ("ThrottlingException"). */
static enum err_kind
kind_of_exception(struct str name)
{
	if (str_eq_ci(name, STR("throttlingException")) || str_eq_ci(name, STR("modelNotReadyException")))
		return ERR_RATE_LIMITED;
	if (str_eq_ci(name, STR("serviceUnavailableException")))
		return ERR_UNAVAILABLE;
	if (str_eq_ci(name, STR("modelTimeoutException")))
		return ERR_TIMEOUT;
	return str_eq_ci(name, STR("validationException")) ? ERR_INVALID : ERR_UPSTREAM;
}

/* An exception's payload is JSON; an error's is its message itself. */
static const struct err *
stream_error(struct decoder *decoder, struct str name, const struct json *root, struct str payload)
{
	struct str message = root ? json_get_string(root, "message") : payload;

	return err_new(decoder->arena, kind_of_exception(name), "the provider reported an error: %" STR_F " (%" STR_F ")", STR_A(message.len ? message : STR("no reason given")),
		STR_A(name));
}

static MAY_PARK const struct err *
bedrock_frame(struct decoder *decoder, struct str name, struct str payload)
{
	static const char *const events[] = { "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata" };
	const struct json *root, *start;
	size_t event = 0;
	const struct err *err = decoder_read(decoder, sizeof(struct reading), payload, &root);

	if (err)
		return err;
	if (!json_is(root, JSON_OBJECT))
		root = NULL;
	while (event < COUNT(events) && !str_eq_c(name, events[event]))
		event++;
	if (str_ends(name, STR("Exception")) || (!root && event == COUNT(events)))
		return stream_error(decoder, name, root, payload);
	if (!root)
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider sent an event that is not a JSON object");
	if (event > 0 && event < COUNT(events) && !decoder->started)
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's stream does not begin with messageStart");
	start = json_get(json_get(root, "start"), "toolUse");
	switch (event) {
	case 0:
		return decoder->started ? NULL : emit_start(decoder);
	case 1:
		return start ? begin_tool(decoder, start) : NULL;
	case 2:
		return block_delta(decoder, json_get(root, "delta"));
	case 3:
		return end_block(decoder);
	case 4:
		return emit_finish(decoder, json_get_string(root, "stopReason"));
	case 5:
		read_usage(decoder, root);
		decoder->done = decoder->finished;
		return NULL;
	default:
		return NULL; /* events of later versions */
	}
}

static MAY_PARK const struct err *
whole_block(struct decoder *decoder, const struct json *block)
{
	const struct json *reasoning = json_get(block, "reasoningContent"), *tool = json_get(block, "toolUse");
	struct str text = json_get_string(block, "text");
	const struct err *err;
	struct str input;

	if (text.len)
		return decoder_emit(decoder, (struct event){ .type = EVENT_TEXT, .text = text });
	if (reasoning)
		return emit_reasoning(decoder, json_get(reasoning, "reasoningText") ? json_get(reasoning, "reasoningText") : reasoning);
	if (!tool)
		return NULL;
	input = decoder_json_text(decoder, json_get(tool, "input"));
	err = begin_tool(decoder, tool);
	if (!err)
		err = input.ptr ? add_arguments(decoder, input) : &err_no_memory;
	return err ? err : end_block(decoder);
}

static MAY_PARK const struct err *
bedrock_body(struct decoder *decoder, struct str body)
{
	const struct json *root, *message;
	const struct err *err = decoder_read(decoder, sizeof(struct reading), body, &root);

	if (err)
		return err;
	if (!json_is(json_get(root, "output"), JSON_OBJECT))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer has no output");
	message = json_get(json_get(root, "output"), "message");
	if (is_broken(json_get_string(root, "stopReason")))
		return emit_finish(decoder, json_get_string(root, "stopReason"));
	decoder->last = true;
	read_usage(decoder, root);
	err = emit_start(decoder);
	for (struct json_iter it = json_iter(json_get(message, "content")); !err && json_next(&it);)
		err = whole_block(decoder, it.value);
	if (!err)
		err = emit_finish(decoder, json_get_string(root, "stopReason"));
	decoder->done = true;
	return err ? err : decoder_emit_usage(decoder);
}

/* --- errors --- */

static bool
is_context_window(struct str message)
{
	static const char *const phrases[] = { "Input is too long", "input is too long", "prompt is too long", "exceed context limit", "maximum context length" };

	for (size_t i = 0; i < COUNT(phrases); i++)
		if (str_find(message, str_of(phrases[i]), 0) != SIZE_MAX)
			return true;
	return false;
}

/* "ValidationException:http://…", or "…#ValidationException" */
static struct str
exception_name(const struct http_headers *headers, const struct json *root)
{
	struct str name = http_header_get(headers, STR("x-amzn-errortype"));
	size_t hash;

	if (!name.len)
		name = json_get_string(root, "__type");
	name = str_slice(name, 0, str_find_byte(name, ':', 0));
	hash = str_find_byte(name, '#', 0);
	return hash == SIZE_MAX ? name : str_slice(name, hash + 1, name.len);
}

static void
bedrock_failure(struct arena *arena, int status, const struct http_headers *headers, struct str body, struct failure *out)
{
	const struct json *root = NULL;
	struct str message, name;

	if (json_parse(arena, body, &root))
		root = NULL;
	message = json_get_string(root, "message");
	if (!message.len)
		message = json_get_string(root, "Message"); /* what stands before the service says it so */
	name = exception_name(headers, root);
	if (str_eq_c(name, "ServiceQuotaExceededException"))
		status = 429;
	if (status == 424) /* the model failed behind the service */
		status = 502;
	if (str_eq_c(name, "ExpiredTokenException") || str_eq_c(name, "UnrecognizedClientException") || str_eq_c(name, "InvalidSignatureException"))
		status = 403;
	failure_from_status(arena, status, headers, message, is_context_window(message) ? STR("context_length_exceeded") : STR_EMPTY, out);
}

const struct provider provider_bedrock = {
	.kind = "bedrock",
	.framing = STREAM_AWS,
	.request = bedrock_request,
	.authorize = bedrock_authorize,
	.frame = bedrock_frame,
	.end = decoder_emit_usage,
	.body = bedrock_body,
	.failure = bedrock_failure,
	.embed = &embed_bedrock,
};
