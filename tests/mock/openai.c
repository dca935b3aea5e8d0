/*
 * openai.c - how OpenAI words chat completions: the whole body, the stream of chunks, errors.
 *
 * Field order and null fields are the service's own, and so is the shape: a whole body is indented, a chunk is one line.
 */
#include "azure.h"
#include "compatible.h"

#include <stdio.h>
#include <string.h>

enum openai_step { STEP_ROLE, STEP_REASONING, STEP_WORDS, STEP_CALL, STEP_ARGS, STEP_FINISH, STEP_USAGE, STEP_DONE, STEP_END };

static const char *
finish_reason(const struct reply *reply)
{
	return reply_calls_tool(reply) ? "tool_calls" : reply->answer.cut ? "length" : "stop";
}

static void
add_finish(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("\""));
	if (reply->plan.finish.ptr)
		bytes_json(out, reply->plan.finish);
	else
		bytes_fmt(out, "%s", finish_reason(reply));
	bytes_add(out, STR("\""));
}

static const char thinking_text[] = "Let me think about this.";
enum { THINKING_TOKENS = 5 };

/* The service_tier. */
static struct str
tier_of(const struct reply *reply)
{
	return reply->plan.tier.ptr ? reply->plan.tier : STR("default");
}

/* The `usage` object; `gap` is what stands between its members. */
static void
add_usage(const struct reply *reply, const char *gap, struct bytes *out)
{
	const struct likeness *likeness = likeness_of(&reply->plan);
	long prompt = reply_prompt_tokens(reply), completion = reply_completion_tokens(reply);
	long reasoning = likeness && reply->plan.thinking ? THINKING_TOKENS : 0;

	if (!likeness || !likeness->reasoning_apart)
		completion += reasoning;
	bytes_fmt(out, "{%s\"prompt_tokens\":%ld,%s\"completion_tokens\":%ld,%s\"total_tokens\":%ld,%s", gap, prompt, gap, completion, gap,
		  prompt + completion + (likeness && likeness->reasoning_apart ? reasoning : 0), gap);
	bytes_fmt(out, "\"prompt_tokens_details\":{\"cached_tokens\":%ld,\"audio_tokens\":%ld", reply->plan.cached_tokens, reply->plan.audio_tokens);
	if (reply->plan.image_tokens)
		bytes_fmt(out, ",\"image_tokens\":%ld", reply->plan.image_tokens);
	if (reply->plan.cached_audio_tokens != PLAN_OFF)
		bytes_fmt(out, ",\"cached_tokens_details\":{\"text_tokens\":%ld,\"audio_tokens\":%ld}", reply->plan.cached_tokens - reply->plan.cached_audio_tokens,
			  reply->plan.cached_audio_tokens);
	bytes_fmt(out, "},%s\"completion_tokens_details\":{\"reasoning_tokens\":%ld,\"audio_tokens\":%ld,", gap, reasoning, reply->plan.audio_output_tokens);
	if (reply->plan.image_output_tokens)
		bytes_fmt(out, "\"image_tokens\":%ld,", reply->plan.image_output_tokens);
	bytes_add(out, STR("\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}"));
	if (likeness)
		likeness_searches(likeness, &reply->plan, out);
	bytes_add(out, STR("}"));
}

static void
chunk_begin(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("data: {\"id\":\""));
	reply_id(reply, "chatcmpl-", 29, out);
	bytes_fmt(out, "\",\"object\":\"chat.completion.chunk\",\"created\":%lld,\"model\":\"", (long long)reply->created);
	bytes_json(out, bytes_view(&reply->ask.model));
	bytes_add(out, STR("\",\"service_tier\":\""));
	bytes_json(out, tier_of(reply));
	bytes_add(out, STR("\",\"system_fingerprint\":\"fp_mock\",\"choices\":["));
}

/* The service pads events to hide the length of words from those who watch the line. */
static void
chunk_end(const struct reply *reply, size_t delta_len, bool finish, struct bytes *out)
{
	static const char padding[] = "Q7rW2nXb9LkTz4Vy";
	const struct likeness *likeness = likeness_of(&reply->plan);

	if (likeness && !reply->plan.no_usage && (likeness->usage == USAGE_ALWAYS || (finish && likeness->usage == USAGE_WITH_FINISH))) {
		bytes_add(out, STR(",\"usage\":"));
		add_usage(reply, "", out);
	} else if (likeness && !reply->plan.no_usage && finish && likeness->usage == USAGE_IN_X_GROQ) {
		bytes_add(out, STR(",\"x_groq\":{\"id\":\"req_mock\",\"usage\":"));
		add_usage(reply, "", out);
		bytes_add(out, STR("}"));
	} else if (reply->ask.include_usage)
		bytes_add(out, STR(",\"usage\":null"));
	if (reply->ask.obfuscate)
		bytes_fmt(out, ",\"obfuscation\":\"%.*s\"", (int)(sizeof(padding) - 1 - delta_len % 12), padding);
	bytes_add(out, STR("}\n\n"));
}

/* A chunk with this delta (JSON). */
static void
chunk_delta(const struct reply *reply, struct str delta, bool finish, struct bytes *out)
{
	chunk_begin(reply, out);
	bytes_add(out, STR("{"));
	if (reply->wire == &wire_azure)
		bytes_add(out, azure_results);
	bytes_add(out, STR("\"index\":0,\"delta\":"));
	bytes_add(out, delta);
	bytes_add(out, STR(",\"logprobs\":null,\"finish_reason\":"));
	if (finish)
		add_finish(reply, out);
	else
		bytes_add(out, STR("null"));
	bytes_add(out, STR("}]"));
	chunk_end(reply, delta.len, finish, out);
}

static const char *
tool_kind(const struct reply *reply)
{
	return reply->ask.tool_custom ? "custom" : "function";
}

static const char *
tool_input(const struct reply *reply)
{
	return reply->ask.tool_custom ? "input" : "arguments";
}

static bool
calls_whole(const struct reply *reply)
{
	return likeness_of(&reply->plan) && likeness_of(&reply->plan)->calls_whole;
}

static void
call_id(const struct reply *reply, struct bytes *out)
{
	const struct likeness *likeness = likeness_of(&reply->plan);
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "call_%ld", reply->block);
	if (likeness && likeness->tool_id_len) {
		bytes_fmt(out, "%ld", reply->block % 10);
		reply_id(reply, "", likeness->tool_id_len - 1, out);
	} else {
		reply_id(reply, prefix, 23, out);
	}
}

/* A call begins; where the server gives calls whole, it is all of it. */
static void
call_open(const struct reply *reply, struct bytes *delta)
{
	bytes_fmt(delta, "{\"tool_calls\":[{\"index\":%ld,\"id\":\"", reply->block);
	call_id(reply, delta);
	bytes_fmt(delta, "\",\"type\":\"%s\",\"%s\":{\"name\":\"", tool_kind(reply), tool_kind(reply));
	bytes_json(delta, reply_tool_name(reply));
	bytes_fmt(delta, "\",\"%s\":\"", tool_input(reply));
	if (calls_whole(reply))
		bytes_json(delta, bytes_view(&reply->args));
	bytes_add(delta, STR("\"}}]}"));
}

static long
calls_wanted(const struct reply *reply)
{
	return reply->plan.tool_calls > 1 ? reply->plan.tool_calls : 1;
}

/* False if the server has no reasoning to show. */
static bool
reasoning_delta(const struct reply *reply, struct bytes *delta)
{
	const struct likeness *likeness = likeness_of(&reply->plan);

	if (likeness && likeness->parts)
		bytes_fmt(delta, "{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"%s\"}]}]}", thinking_text);
	else if (likeness && likeness->reasoning)
		bytes_fmt(delta, "{\"%s\":\"%s\"}", likeness->reasoning, thinking_text);
	return delta->len > 0;
}

/* A fragment of each call's arguments in turn, which are the same for all. */
static bool
args_by_turns(struct reply *reply, struct bytes *delta)
{
	size_t before = reply->args_at;
	struct str fragment;

	if (!reply_args_next(reply, &fragment)) {
		reply->step = STEP_FINISH;
		return false;
	}
	bytes_fmt(delta, "{\"tool_calls\":[{\"index\":%ld,\"%s\":{\"%s\":\"", reply->block, tool_kind(reply), tool_input(reply));
	bytes_json(delta, fragment);
	bytes_add(delta, STR("\"}}]}"));
	if (++reply->block < calls_wanted(reply))
		reply->args_at = before;
	else
		reply->block = 0;
	return true;
}

/* Writes the delta of the present step and moves to the next; false if this step has nothing to say. */
static bool
step_delta(struct reply *reply, struct bytes *delta)
{
	struct str fragment;
	size_t before;

	switch (reply->step) {
	case STEP_ROLE:
		bytes_fmt(delta, "{\"role\":\"assistant\",\"content\":%s,\"refusal\":null}", reply_calls_tool(reply) ? "null" : "\"\"");
		reply->step = reply->plan.thinking ? STEP_REASONING : reply_calls_tool(reply) ? STEP_CALL : STEP_WORDS;
		return true;
	case STEP_REASONING:
		reply->step = reply_calls_tool(reply) ? STEP_CALL : STEP_WORDS;
		return reasoning_delta(reply, delta);
	case STEP_WORDS:
		bytes_add(delta, STR("{\"content\":\""));
		before = delta->len;
		if (!answer_next(&reply->answer, delta)) {
			delta->len = before - sizeof("{\"content\":\"") + 1;
			reply->step = STEP_FINISH;
			return false;
		}
		bytes_add(delta, STR("\"}"));
		return true;
	case STEP_CALL:
		reply_args_start(reply);
		call_open(reply, delta);
		if (calls_whole(reply)) {
			reply->step = ++reply->block < calls_wanted(reply) ? STEP_CALL : STEP_FINISH;
			return true;
		}
		if (reply->plan.interleave && ++reply->block < calls_wanted(reply))
			return true;
		if (reply->plan.interleave)
			reply->block = 0;
		reply->step = STEP_ARGS;
		return true;
	default:
		if (reply->plan.interleave)
			return args_by_turns(reply, delta);
		if (!reply_args_next(reply, &fragment)) {
			reply->step = ++reply->block < calls_wanted(reply) ? STEP_CALL : STEP_FINISH;
			return false;
		}
		bytes_fmt(delta, "{\"tool_calls\":[{\"index\":%ld,\"%s\":{\"%s\":\"", reply->block, tool_kind(reply), tool_input(reply));
		bytes_json(delta, fragment);
		bytes_add(delta, STR("\"}}]}"));
		return true;
	}
}

static bool
usage_apart(const struct reply *reply)
{
	const struct likeness *likeness = likeness_of(&reply->plan);

	return !likeness || likeness->usage == USAGE_APART;
}

static bool
openai_event(struct reply *reply, struct bytes *out)
{
	static struct bytes delta; /* used again; emptied each time */

	bytes_clear(&delta, 65536);
	while (reply->step < STEP_FINISH) {
		if (step_delta(reply, &delta)) {
			chunk_delta(reply, bytes_view(&delta), false, out);
			return true;
		}
	}
	switch (reply->step) {
	case STEP_FINISH:
		chunk_delta(reply, STR("{}"), true, out);
		reply->step = reply->ask.include_usage && !reply->plan.no_usage && usage_apart(reply) ? STEP_USAGE : STEP_DONE;
		return true;
	case STEP_USAGE:
		chunk_begin(reply, out);
		bytes_add(out, STR("],\"usage\":"));
		add_usage(reply, "", out);
		if (reply->ask.obfuscate)
			bytes_add(out, STR(",\"obfuscation\":\"\""));
		bytes_add(out, STR("}\n\n"));
		reply->step = STEP_DONE;
		return true;
	case STEP_DONE:
		reply->step = STEP_END;
		reply->over = true;
		if (reply->plan.no_done)
			return false;
		bytes_add(out, STR("data: [DONE]\n\n"));
		return true;
	default:
		return false;
	}
}

static void
whole_calls(struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR(",\n        \"tool_calls\": ["));
	for (; reply->block < calls_wanted(reply); reply->block++) {
		reply_args_start(reply);
		bytes_fmt(out, "%s\n          {\n            \"id\": \"", reply->block ? "," : "");
		call_id(reply, out);
		bytes_fmt(out, "\",\n            \"type\": \"%s\",\n            \"%s\": {\n              \"name\": \"", tool_kind(reply), tool_kind(reply));
		bytes_json(out, reply_tool_name(reply));
		bytes_fmt(out, "\",\n              \"%s\": \"", tool_input(reply));
		bytes_json(out, bytes_view(&reply->args));
		bytes_add(out, STR("\"\n            }\n          }"));
	}
	bytes_add(out, STR("\n        ]"));
}

static void
openai_whole(struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("{\n  \"id\": \""));
	reply_id(reply, "chatcmpl-", 29, out);
	bytes_fmt(out, "\",\n  \"object\": \"chat.completion\",\n  \"created\": %lld,\n  \"model\": \"", (long long)reply->created);
	bytes_json(out, bytes_view(&reply->ask.model));
	bytes_add(out, STR("\",\n  \"choices\": [\n    {\n      \"index\": 0,\n      \"message\": {\n        \"role\": \"assistant\",\n"
			   "        \"content\": "));
	const struct likeness *likeness = likeness_of(&reply->plan);

	if (reply_calls_tool(reply)) {
		bytes_add(out, STR("null"));
		whole_calls(reply, out);
	} else {
		bool parts = likeness && likeness->parts && reply->plan.thinking;

		if (parts)
			bytes_fmt(out, "[{\"type\": \"thinking\", \"thinking\": [{\"type\": \"text\", \"text\": \"%s\"}]}, {\"type\": \"text\", \"text\": ", thinking_text);
		bytes_add(out, STR("\""));
		while (answer_next(&reply->answer, out))
			continue;
		reply->fill_at = out->len;
		bytes_fmt(out, parts ? "\"}]" : "\"");
	}
	if (likeness && likeness->reasoning && reply->plan.thinking)
		bytes_fmt(out, ",\n        \"%s\": \"%s\"", likeness->reasoning, thinking_text);
	bytes_add(out, STR(",\n        \"refusal\": null,\n        \"annotations\": []\n      },\n      \"logprobs\": null,\n"
			   "      \"finish_reason\": "));
	add_finish(reply, out);
	if (reply->wire == &wire_azure) {
		bytes_fmt(out, ",\n      %.*s", (int)azure_results.len - 1, azure_results.ptr);
		bytes_fmt(out, "\n    }\n  ],\n  %.*s,\n", (int)azure_prompt_results.len, azure_prompt_results.ptr);
	} else {
		bytes_add(out, STR("\n    }\n  ],\n"));
	}
	if (!reply->plan.no_usage) {
		bytes_add(out, STR("  \"usage\": "));
		add_usage(reply, "\n    ", out);
		bytes_add(out, STR(",\n"));
	}
	bytes_add(out, STR("  \"service_tier\": \""));
	bytes_json(out, tier_of(reply));
	bytes_add(out, STR("\",\n  \"system_fingerprint\": \"fp_mock\"\n}\n"));
}

/* A JSON string or null. */
static void
add_nullable(const char *text, struct bytes *out)
{
	if (!text) {
		bytes_add(out, STR("null"));
		return;
	}
	bytes_add(out, STR("\""));
	bytes_json(out, (struct str){ text, strlen(text) });
	bytes_add(out, STR("\""));
}

static void
openai_error(const struct reply *reply, int status, const char *message, const char *param, const char *code, struct bytes *out)
{
	const char *type = status == 429 ? "requests" : status >= 500 ? "server_error" : "invalid_request_error";

	if (likeness_of(&reply->plan)) {
		likeness_error(likeness_of(&reply->plan), status, message, out);
		return;
	}
	bytes_add(out, STR("{\n  \"error\": {\n    \"message\": "));
	add_nullable(message, out);
	bytes_fmt(out, ",\n    \"type\": \"%s\",\n    \"param\": ", type);
	add_nullable(param, out);
	bytes_add(out, STR(",\n    \"code\": "));
	add_nullable(code, out);
	bytes_add(out, STR("\n  }\n}\n"));
}

static void
openai_error_event(const struct reply *reply, struct bytes *out)
{
	(void)reply;
	bytes_add(out, STR("data: {\"error\":{\"message\":\"The server had an error while processing your request. Sorry about that!\","
			   "\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"));
}

static void
openai_headers(const struct reply *reply, struct bytes *out)
{
	long left = reply->status == 429 ? 0 : 9999;

	bytes_fmt(out,
		  "openai-organization: mock\r\nopenai-processing-ms: 1\r\nopenai-version: 2020-10-01\r\n"
		  "x-ratelimit-limit-requests: 10000\r\nx-ratelimit-limit-tokens: 1000000\r\nx-ratelimit-remaining-requests: %ld\r\n"
		  "x-ratelimit-remaining-tokens: 999000\r\nx-ratelimit-reset-requests: 6ms\r\nx-ratelimit-reset-tokens: 60ms\r\n",
		  left);
}

const struct wire wire_openai = {
	.dialect = DIALECT_OPENAI,
	.request_id_header = "x-request-id",
	.event = openai_event,
	.whole = openai_whole,
	.error = openai_error,
	.error_event = openai_error_event,
	.headers = openai_headers,
};
