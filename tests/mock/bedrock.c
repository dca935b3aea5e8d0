/*
 * bedrock.c - how Bedrock words Converse: the whole response, the event stream of binary messages, exceptions; and what it asks of a request.
 *
 * Source: Amazon Bedrock API reference, "Converse", "ConverseStream"; the service's own model (bedrock-runtime 2023-09-30) for members and shapes; "Event stream encoding" for the frames. An event's payload has a
 * member `p` of padding, as the service pads.
 */
#include "bedrock.h"

#include <stdio.h>
#include <string.h>

enum bedrock_step { STEP_START, STEP_REASONING, STEP_SIGNATURE, STEP_REASONING_STOP, STEP_WORDS, STEP_TOOL, STEP_ARGS, STEP_MESSAGE_STOP, STEP_METADATA, STEP_END };

static const char thinking_text[] = "Let me think about this.";
static const char signature[] = "EqQBCgIYAhIkMock0nly7BedrockSignature";

/* --- frames --- */

static void
number_add(struct bytes *out, size_t number, int size)
{
	while (size-- > 0) {
		char byte = (char)(number >> (8 * size));

		bytes_add(out, (struct str){ &byte, 1 });
	}
}

static uint32_t
crc32_of(struct str data)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < data.len; i++) {
		crc ^= (unsigned char)data.ptr[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void
header_add(struct bytes *out, const char *name, const char *value)
{
	number_add(out, strlen(name), 1);
	bytes_fmt(out, "%s", name);
	number_add(out, 7, 1); /* a text */
	number_add(out, strlen(value), 2);
	bytes_fmt(out, "%s", value);
}

static void
message_add(struct bytes *out, const char *type_header, const char *type, const char *message_type, struct str payload)
{
	struct bytes headers = { 0 };
	size_t begin = out->len;

	header_add(&headers, type_header, type);
	header_add(&headers, ":content-type", "application/json");
	header_add(&headers, ":message-type", message_type);
	number_add(out, 12 + headers.len + payload.len + 4, 4);
	number_add(out, headers.len, 4);
	number_add(out, crc32_of((struct str){ out->ptr + begin, 8 }), 4);
	bytes_add(out, bytes_view(&headers));
	bytes_add(out, payload);
	number_add(out, crc32_of((struct str){ out->ptr + begin, out->len - begin }), 4);
	bytes_free(&headers);
}

/* The payload of the event under way; emptied for each. */
static struct bytes payload;

static void
event_add(struct bytes *out, const char *type)
{
	bytes_fmt(&payload, ",\"p\":\"abcdefghijklmnop\"}");
	message_add(out, ":event-type", type, "event", bytes_view(&payload));
}

/* --- answers --- */

static const char *
stop_reason(const struct reply *reply)
{
	return reply_calls_tool(reply) ? "tool_use" : reply->answer.cut ? "max_tokens" : "end_turn";
}

static void
add_stop_reason(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("\"stopReason\":\""));
	if (reply->plan.finish.ptr)
		bytes_json(out, reply->plan.finish);
	else
		bytes_fmt(out, "%s", stop_reason(reply));
	bytes_add(out, STR("\""));
}

/* inputTokens leave out what the cache served and took; its details stand by the longest time. */
static void
add_usage(const struct reply *reply, struct bytes *out)
{
	long cached = reply->plan.cached_tokens, written = reply->plan.cache_write_tokens, hour = reply->plan.cache_write_1h_tokens;
	long all = reply_prompt_tokens(reply), input = all > cached + written ? all - cached - written : 0, output = reply_completion_tokens(reply);

	bytes_fmt(out, "\"usage\":{\"inputTokens\":%ld,\"outputTokens\":%ld,\"totalTokens\":%ld,\"cacheReadInputTokens\":%ld,\"cacheWriteInputTokens\":%ld", input, output,
		  all + output, cached, written);
	if (hour)
		bytes_fmt(out, ",\"cacheDetails\":[{\"inputTokens\":%ld,\"ttl\":\"1h\"},{\"inputTokens\":%ld,\"ttl\":\"5m\"}]", hour, written - hour);
	bytes_add(out, STR("}"));
	if (reply->plan.tier.ptr) {
		bytes_add(out, STR(",\"serviceTier\":{\"type\":\""));
		bytes_json(out, reply->plan.tier);
		bytes_add(out, STR("\"}"));
	}
}

static void
add_tool_begin(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("\"toolUse\":{\"toolUseId\":\""));
	reply_id(reply, reply->block ? "tooluse_b" : "tooluse_a", 21, out);
	bytes_add(out, STR("\",\"name\":\""));
	bytes_json(out, reply_tool_name(reply));
	bytes_add(out, STR("\""));
}

static long
calls_wanted(const struct reply *reply)
{
	return reply->plan.tool_calls > 1 ? reply->plan.tool_calls : 1;
}

static long
index_now(const struct reply *reply)
{
	return reply->block + (reply->plan.thinking ? 1 : 0);
}

static int
step_after_thinking(const struct reply *reply)
{
	return reply_calls_tool(reply) ? STEP_TOOL : STEP_WORDS;
}

static void
next_thinking(struct reply *reply, struct bytes *out)
{
	if (reply->step == STEP_REASONING) {
		bytes_fmt(&payload, "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"%s\"}}", thinking_text);
		event_add(out, "contentBlockDelta");
		reply->step = STEP_SIGNATURE;
	} else if (reply->step == STEP_SIGNATURE) {
		bytes_fmt(&payload, "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"signature\":\"%s\"}}", signature);
		event_add(out, "contentBlockDelta");
		reply->step = STEP_REASONING_STOP;
	} else {
		bytes_fmt(&payload, "{\"contentBlockIndex\":0");
		event_add(out, "contentBlockStop");
		reply->step = step_after_thinking(reply);
	}
}

static void
block_stop(struct reply *reply, struct bytes *out)
{
	bytes_clear(&payload, 65536);
	bytes_fmt(&payload, "{\"contentBlockIndex\":%ld", index_now(reply));
	event_add(out, "contentBlockStop");
	reply->block++;
}

static void
next_words(struct reply *reply, struct bytes *out)
{
	bytes_fmt(&payload, "{\"contentBlockIndex\":%ld,\"delta\":{\"text\":\"", index_now(reply));
	if (answer_next(&reply->answer, &payload)) {
		bytes_add(&payload, STR("\"}"));
		event_add(out, "contentBlockDelta");
		return;
	}
	block_stop(reply, out);
	reply->step = STEP_MESSAGE_STOP;
}

static void
next_args(struct reply *reply, struct bytes *out)
{
	struct str fragment;

	if (reply_args_next(reply, &fragment)) {
		bytes_fmt(&payload, "{\"contentBlockIndex\":%ld,\"delta\":{\"toolUse\":{\"input\":\"", index_now(reply));
		bytes_json(&payload, fragment);
		bytes_add(&payload, STR("\"}}"));
		event_add(out, "contentBlockDelta");
		return;
	}
	block_stop(reply, out);
	reply->step = reply->block < calls_wanted(reply) ? STEP_TOOL : STEP_MESSAGE_STOP;
}

static bool
bedrock_event(struct reply *reply, struct bytes *out)
{
	bytes_clear(&payload, 65536);
	switch (reply->step) {
	case STEP_START:
		bytes_add(&payload, STR("{\"role\":\"assistant\""));
		event_add(out, "messageStart");
		reply->step = reply->plan.thinking ? STEP_REASONING : step_after_thinking(reply);
		return true;
	case STEP_REASONING:
	case STEP_SIGNATURE:
	case STEP_REASONING_STOP:
		next_thinking(reply, out);
		return true;
	case STEP_WORDS:
		next_words(reply, out);
		return true;
	case STEP_TOOL:
		bytes_fmt(&payload, "{\"contentBlockIndex\":%ld,\"start\":{", index_now(reply));
		add_tool_begin(reply, &payload);
		bytes_add(&payload, STR("}}"));
		event_add(out, "contentBlockStart");
		reply_args_start(reply);
		reply->step = STEP_ARGS;
		return true;
	case STEP_ARGS:
		next_args(reply, out);
		return true;
	case STEP_MESSAGE_STOP:
		bytes_add(&payload, STR("{"));
		add_stop_reason(reply, &payload);
		event_add(out, "messageStop");
		reply->step = reply->plan.no_usage ? STEP_END : STEP_METADATA;
		reply->over = reply->plan.no_usage;
		return true;
	case STEP_METADATA:
		bytes_add(&payload, STR("{\"metrics\":{\"latencyMs\":12},"));
		add_usage(reply, &payload);
		event_add(out, "metadata");
		reply->step = STEP_END;
		reply->over = true;
		return true;
	default:
		return false;
	}
}

static void
bedrock_whole(struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("{\"metrics\":{\"latencyMs\":12},\"output\":{\"message\":{\"content\":["));
	if (reply->plan.thinking)
		bytes_fmt(out, "{\"reasoningContent\":{\"reasoningText\":{\"signature\":\"%s\",\"text\":\"%s\"}}},", signature, thinking_text);
	if (reply_calls_tool(reply)) {
		for (reply->block = 0; reply->block < calls_wanted(reply); reply->block++) {
			reply_args_start(reply);
			bytes_add(out, reply->block > 0 ? STR(",{") : STR("{"));
			add_tool_begin(reply, out);
			bytes_add(out, STR(",\"input\":"));
			bytes_add(out, bytes_view(&reply->args));
			bytes_add(out, STR("}}"));
		}
	} else {
		bytes_add(out, STR("{\"text\":\""));
		while (answer_next(&reply->answer, out))
			continue;
		reply->fill_at = out->len;
		bytes_add(out, STR("\"}"));
	}
	bytes_add(out, STR("],\"role\":\"assistant\"}},"));
	add_stop_reason(reply, out);
	if (!reply->plan.no_usage) {
		bytes_add(out, STR(","));
		add_usage(reply, out);
	}
	bytes_add(out, STR("}"));
}

static const char *
exception_of(int status)
{
	static const struct {
		int status;
		const char *name;
	} names[] = { { 400, "ValidationException" }, { 401, "AccessDeniedException" },	  { 403, "AccessDeniedException" },   { 404, "ResourceNotFoundException" },
		      { 408, "ModelTimeoutException" }, { 424, "ModelErrorException" }, { 429, "ThrottlingException" }, { 500, "InternalServerException" },
		      { 503, "ServiceUnavailableException" } };

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].status == status)
			return names[i].name;
	return status >= 500 ? "InternalServerException" : "ValidationException";
}

static void
bedrock_error(const struct reply *reply, int status, const char *message, const char *param, const char *code, struct bytes *out)
{
	(void)reply;
	(void)status;
	(void)param;
	(void)code;
	bytes_add(out, STR("{\"message\":\""));
	bytes_json(out, (struct str){ message, strlen(message) });
	bytes_add(out, STR("\"}"));
}

static void
bedrock_error_event(const struct reply *reply, struct bytes *out)
{
	(void)reply;
	message_add(out, ":exception-type", "modelStreamErrorException", "exception",
		    STR("{\"message\":\"The system encountered an unexpected error during processing. Try your request again.\",\"originalStatusCode\":500}"));
}

static void
bedrock_headers(const struct reply *reply, struct bytes *out)
{
	if (reply->status < 400 && reply->ask.invokes && !reply->plan.no_usage)
		bytes_fmt(out, "x-amzn-bedrock-invocation-latency: 12\r\nx-amzn-bedrock-input-token-count: %ld\r\n", reply_prompt_tokens(reply));
	if (reply->status >= 400)
		bytes_fmt(out, "x-amzn-errortype: %s:http://internal.amazon.com/coral/com.amazon.bedrock/\r\n", reply->exception ? reply->exception : exception_of(reply->status));
}

const struct wire wire_bedrock = {
	.dialect = DIALECT_BEDROCK,
	.request_id_header = "x-amzn-requestid",
	.stream_type = "application/vnd.amazon.eventstream",
	.event = bedrock_event,
	.whole = bedrock_whole,
	.error = bedrock_error,
	.error_event = bedrock_error_event,
	.headers = bedrock_headers,
};

/* --- requests --- */

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
bedrock_path(struct str path, struct bedrock_path *out)
{
	static const char begin[] = "/model/";
	struct str rest = { path.ptr + sizeof(begin) - 1, path.len - sizeof(begin) + 1 };
	const char *slash;

	if (path.len < sizeof(begin) || memcmp(path.ptr, begin, sizeof(begin) - 1) != 0)
		return false;
	slash = memchr(rest.ptr, '/', rest.len);
	if (!slash || slash == rest.ptr)
		return false;
	bytes_clear(&out->model, 4096);
	for (const char *at = rest.ptr; at < slash; at++) {
		char c = *at;

		if (c == '%' && at + 2 < slash && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
			c = (char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
			at += 2;
		}
		bytes_add(&out->model, (struct str){ &c, 1 });
	}
	rest = (struct str){ slash, (size_t)(rest.ptr + rest.len - slash) };
	out->stream = str_equal(rest, STR("/converse-stream"));
	out->invoke = str_equal(rest, STR("/invoke"));
	return out->stream || out->invoke || str_equal(rest, STR("/converse"));
}

static const char *
block_problem(const struct json *json, const struct json_node *block, bool assistant, long *calls, long *results)
{
	static const char *const kinds[] = { "text", "image", "document", "toolUse", "toolResult", "reasoningContent", "cachePoint" };
	const struct json_node *text = json_get(json, block, "text"), *use = json_get(json, block, "toolUse"), *image = json_get(json, block, "image");
	const struct json_node *shown = json_get(json, json_get(json, json_get(json, block, "reasoningContent"), "reasoningText"), "signature");
	int count = 0;

	for (size_t i = 0; i < COUNT(kinds); i++)
		count += json_get(json, block, kinds[i]) != NULL;
	if (count != 1)
		return "The content field in the Message object is invalid: each block must have exactly one member.";
	if (text && text->text.len == 0)
		return "The text field in the ContentBlock object is blank. Add text to the text field, and try again.";
	if (use && (!assistant || !json_is(json_get(json, use, "input"), JSON_OBJECT)))
		return "The format of the value at messages.content.toolUse.input is invalid. Provide a json object for the field and try again.";
	if (image && !json_get(json, json_get(json, image, "source"), "bytes") && !json_get(json, json_get(json, image, "source"), "s3Location"))
		return "The image source is missing.";
	if (shown && !str_equal(shown->text, STR(signature)))
		return "messages.1.content.0: Invalid `signature` in `thinking` block";
	*calls += use != NULL;
	*results += json_get(json, block, "toolResult") != NULL;
	return NULL;
}

/* Turns alternate from the user's on, and calls are answered in the turn behind them. */
static const char *
messages_problem(const struct json *json, const struct json_node *messages)
{
	bool assistant = true;
	long calls = 0;

	if (!json_first(json, messages))
		return "A conversation must start with a user message. Try again with a conversation that starts with a user message.";
	for (const struct json_node *item = json_first(json, messages); item; item = json_after(json, messages, item)) {
		const struct json_node *content = json_get(json, item, "content");
		long called = 0, results = 0;

		if (ask_is(json_get(json, item, "role"), "assistant") == assistant)
			return "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.";
		assistant = !assistant;
		if (!json_first(json, content))
			return "The content field in the Message object is empty. Add a ContentBlock object to the content field and try again.";
		for (const struct json_node *block = json_first(json, content); block; block = json_after(json, content, block)) {
			const char *problem = block_problem(json, block, assistant, &called, &results);

			if (problem)
				return problem;
		}
		if (!assistant && results != calls)
			return "Expected toolResult blocks for each toolUse of the previous turn.";
		calls = called;
	}
	return NULL;
}

void
bedrock_ask(struct ask *ask, const struct json *json, const struct bedrock_path *path)
{
	const struct json_node *root = json->nodes, *messages = json_get(json, root, "messages"), *config = json_get(json, root, "toolConfig");
	const struct json_node *choice = json_get(json, config, "toolChoice");
	const struct json_node *named = json_get(json, json_get(json, choice, "tool"), "name");
	const struct json_node *first = json_get(json, json_get(json, json_first(json, json_get(json, config, "tools")), "toolSpec"), "name");
	struct bytes text = { 0 };

	ask_clear(ask);
	bytes_add(&ask->model, bytes_view(&path->model));
	ask->stream = path->stream;
	ask->max_tokens = ask_long(json_get(json, json_get(json, root, "inferenceConfig"), "maxTokens"));
	ask->problem = messages_problem(json, messages);
	if (!ask->problem && config && !json_first(json, json_get(json, config, "tools")))
		ask->problem = "toolConfig.tools must not be empty";
	for (const struct json_node *item = json_first(json, messages); item; item = json_after(json, messages, item)) {
		bytes_clear(&text, SIZE_MAX);
		ask_text(json, json_get(json, item, "content"), &text);
		ask->prompt_words += ask_words(bytes_view(&text));
		if (ask_is(json_get(json, item, "role"), "user") && text.len > 0) {
			ask->message.len = 0;
			bytes_add(&ask->message, bytes_view(&text));
		}
	}
	bytes_clear(&text, SIZE_MAX);
	ask_text(json, json_get(json, root, "system"), &text);
	ask->prompt_words += ask_words(bytes_view(&text));
	bytes_free(&text);
	ask->tool_forced = json_get(json, choice, "any") || named;
	if (named || first)
		json_text(named ? named : first, &ask->tool);
}
