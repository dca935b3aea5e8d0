/*
 * openai.c - how OpenAI words chat completions: the whole body, the stream of chunks, errors.
 *
 * Field order and null fields are the service's own, and so is the shape: a whole body is indented, a chunk is one line. Of several choices (`n`) each says the same, but for a last word that has
 * its number; streamed, they come by turns. A token is a word, and as likely as any other.
 */
#include "azure.h"
#include "compatible.h"

#include <stdio.h>
#include <string.h>

#define CONTENT_OPEN "{\"content\":\""
#define CONTENT_CLOSE "\"}"

/* Stands for a choice's number in what is written once for all of them; JSON has no such byte. */
enum { CHOICE_MARK = 1 };

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

static bool
says_number(const struct reply *reply, long choice)
{
	return choice > 0 && !reply_calls_tool(reply) && !reply->answer.cut;
}

/* Of all choices, with the number that each but the first says at its end. */
static long
choices_tokens(const struct reply *reply)
{
	long tokens = reply_completion_tokens(reply);

	if (reply->plan.completion_tokens != PLAN_OFF)
		return tokens;
	return tokens * reply->ask.choices + (says_number(reply, 1) ? reply->ask.choices - 1 : 0);
}

/* The `usage` object; `gap` is what stands between its members. */
static void
add_usage(const struct reply *reply, const char *gap, struct bytes *out)
{
	const struct likeness *likeness = likeness_of(&reply->plan);
	long prompt = reply_prompt_tokens(reply), completion = choices_tokens(reply);
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

/* "token", "logprob" and "bytes" of a token; `text` is the inside of a JSON string, and `number`, where it is not 0, stands behind it. */
static void
add_token(struct str text, long number, const char *logprob, struct bytes *out)
{
	struct bytes plain = { 0 };
	const char *comma = "";

	bytes_add(&plain, text);
	if (number)
		bytes_fmt(&plain, "%ld", number);
	bytes_add(out, STR("\"token\":\""));
	bytes_add(out, bytes_view(&plain));
	bytes_fmt(out, "\",\"logprob\":%s,\"bytes\":[", logprob);
	for (size_t i = 0; i < plain.len; i++) {
		if (plain.ptr[i] == '\\' && i + 1 < plain.len) /* words of tests have no other escapes than these */
			i++;
		bytes_fmt(out, "%s%d", comma, (unsigned char)plain.ptr[i]);
		comma = ",";
	}
	bytes_add(out, STR("]"));
	bytes_free(&plain);
}

/* One token: itself first among the likeliest, then made-up ones. */
static void
add_chance(const struct reply *reply, struct str word, struct bytes *out)
{
	bytes_add(out, STR("{"));
	add_token(word, 0, "-0.25", out);
	bytes_add(out, STR(",\"top_logprobs\":["));
	for (long i = 0; i < reply->ask.top_logprobs; i++) {
		bytes_fmt(out, i ? ",{" : "{");
		add_token(word, i, i ? "-3.5" : "-0.25", out);
		bytes_add(out, STR("}"));
	}
	bytes_add(out, STR("]}"));
}

/* "logprobs" of a chunk: null where nobody asked, where a tool is called and with the finish; empty with the role. */
static void
chunk_logprobs(const struct reply *reply, struct str word, bool finish, struct bytes *out)
{
	bytes_add(out, STR(",\"logprobs\":"));
	if (!reply->ask.logprobs || finish || reply_calls_tool(reply)) {
		bytes_add(out, STR("null"));
		return;
	}
	bytes_add(out, STR("{\"content\":["));
	if (word.len)
		add_chance(reply, word, out);
	bytes_add(out, STR("],\"refusal\":null}"));
}

/* The text with the choice in the place of its marks; the first says nothing there. */
static void
add_marked(struct str text, long choice, struct bytes *out)
{
	const char *mark;

	while (text.len && (mark = memchr(text.ptr, CHOICE_MARK, text.len))) {
		size_t before = (size_t)(mark - text.ptr);

		bytes_add(out, (struct str){ text.ptr, before });
		if (choice)
			bytes_fmt(out, "%ld", choice);
		text = (struct str){ mark + 1, text.len - before - 1 };
	}
	bytes_add(out, text);
}

/* A chunk of one choice with this delta (JSON), in which CHOICE_MARK stands for the choice; `word` is what it says, as in JSON. */
static void
chunk_choice(const struct reply *reply, long choice, struct str delta, struct str word, bool finish, struct bytes *out)
{
	chunk_begin(reply, out);
	bytes_add(out, STR("{"));
	if (reply->wire == &wire_azure)
		bytes_add(out, azure_results);
	bytes_fmt(out, "\"index\":%ld,\"delta\":", choice);
	add_marked(delta, choice, out);
	chunk_logprobs(reply, word, finish, out);
	bytes_add(out, STR(",\"finish_reason\":"));
	if (finish)
		add_finish(reply, out);
	else
		bytes_add(out, STR("null"));
	bytes_add(out, STR("}]"));
	chunk_end(reply, delta.len, finish, out);
}

/* A chunk with this delta for each choice. */
static void
chunk_delta(const struct reply *reply, struct str delta, struct str word, bool finish, struct bytes *out)
{
	for (long choice = 0; choice < reply->ask.choices; choice++)
		chunk_choice(reply, choice, delta, word, finish, out);
}

/* The last word of each choice but the first. */
static void
chunk_numbers(const struct reply *reply, struct bytes *out)
{
	char delta[64], word[32];

	for (long choice = 1; choice < reply->ask.choices && says_number(reply, choice); choice++) {
		int len = snprintf(word, sizeof(word), " #%ld", choice), delta_len = snprintf(delta, sizeof(delta), "{\"content\":\"%s\"}", word);

		chunk_choice(reply, choice, (struct str){ delta, (size_t)delta_len }, (struct str){ word, (size_t)len }, false, out);
	}
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

	snprintf(prefix, sizeof(prefix), "call_%ld%c", reply->block, CHOICE_MARK);
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
		bytes_add(delta, STR(CONTENT_OPEN));
		before = delta->len;
		if (!answer_next(&reply->answer, delta)) {
			delta->len = before - sizeof(CONTENT_OPEN) + 1;
			reply->step = STEP_FINISH;
			return false;
		}
		bytes_add(delta, STR(CONTENT_CLOSE));
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
		bool words = reply->step == STEP_WORDS;

		if (step_delta(reply, &delta)) {
			struct str all = bytes_view(&delta);
			struct str word = { all.ptr + sizeof(CONTENT_OPEN) - 1, all.len - (sizeof(CONTENT_OPEN) - 1) - (sizeof(CONTENT_CLOSE) - 1) };

			chunk_delta(reply, all, words ? word : STR(""), false, out);
			return true;
		}
	}
	switch (reply->step) {
	case STEP_FINISH:
		chunk_numbers(reply, out);
		chunk_delta(reply, STR("{}"), STR(""), true, out);
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

/* Of one choice; those of the last leave `block` behind the last call. */
static void
whole_calls(struct reply *reply, long choice, struct bytes *out)
{
	static struct bytes id; /* used again; emptied each time */

	bytes_add(out, STR(",\n        \"tool_calls\": ["));
	for (reply->block = 0; reply->block < calls_wanted(reply); reply->block++) {
		reply_args_start(reply);
		bytes_fmt(out, "%s\n          {\n            \"id\": \"", reply->block ? "," : "");
		bytes_clear(&id, 4096);
		call_id(reply, &id);
		add_marked(bytes_view(&id), choice, out);
		bytes_fmt(out, "\",\n            \"type\": \"%s\",\n            \"%s\": {\n              \"name\": \"", tool_kind(reply), tool_kind(reply));
		bytes_json(out, reply_tool_name(reply));
		bytes_fmt(out, "\",\n              \"%s\": \"", tool_input(reply));
		bytes_json(out, bytes_view(&reply->args));
		bytes_add(out, STR("\"\n            }\n          }"));
	}
	bytes_add(out, STR("\n        ]"));
}

/* The text of the first choice, and the chances of its words; they are written once. */
static void
whole_text(struct reply *reply, struct bytes *text, struct bytes *chances)
{
	static struct bytes word; /* used again; emptied each time */

	while (!reply->ask.logprobs && answer_next(&reply->answer, text))
		continue;
	for (bytes_clear(&word, 65536); answer_next(&reply->answer, &word); bytes_clear(&word, 65536)) {
		bytes_add(text, bytes_view(&word));
		bytes_fmt(chances, chances->len ? "," : "");
		add_chance(reply, bytes_view(&word), chances);
	}
}

static void
whole_message(struct reply *reply, long choice, struct str text, struct bytes *out)
{
	const struct likeness *likeness = likeness_of(&reply->plan);
	bool parts = likeness && likeness->parts && reply->plan.thinking;

	if (reply_calls_tool(reply)) {
		bytes_add(out, STR("null"));
		whole_calls(reply, choice, out);
	} else {
		if (parts)
			bytes_fmt(out, "[{\"type\": \"thinking\", \"thinking\": [{\"type\": \"text\", \"text\": \"%s\"}]}, {\"type\": \"text\", \"text\": ", thinking_text);
		bytes_add(out, STR("\""));
		bytes_add(out, text);
		if (says_number(reply, choice))
			bytes_fmt(out, " #%ld", choice);
		if (choice == 0)
			reply->fill_at = out->len;
		bytes_fmt(out, parts ? "\"}]" : "\"");
	}
	if (likeness && likeness->reasoning && reply->plan.thinking)
		bytes_fmt(out, ",\n        \"%s\": \"%s\"", likeness->reasoning, thinking_text);
	bytes_add(out, STR(",\n        \"refusal\": null,\n        \"annotations\": []\n      },\n"));
}

static void
whole_logprobs(const struct reply *reply, long choice, struct str chances, struct bytes *out)
{
	char word[32];

	if (!reply->ask.logprobs || reply_calls_tool(reply)) {
		bytes_add(out, STR("      \"logprobs\": null,\n"));
		return;
	}
	bytes_add(out, STR("      \"logprobs\": {\n        \"content\": ["));
	bytes_add(out, chances);
	if (says_number(reply, choice)) {
		bytes_fmt(out, chances.len ? "," : "");
		add_chance(reply, (struct str){ word, (size_t)snprintf(word, sizeof(word), " #%ld", choice) }, out);
	}
	bytes_add(out, STR("],\n        \"refusal\": null\n      },\n"));
}

static void
openai_whole(struct reply *reply, struct bytes *out)
{
	static struct bytes text, chances; /* used again; emptied each time */

	bytes_clear(&text, 65536);
	bytes_clear(&chances, 65536);
	if (!reply_calls_tool(reply))
		whole_text(reply, &text, &chances);
	bytes_add(out, STR("{\n  \"id\": \""));
	reply_id(reply, "chatcmpl-", 29, out);
	bytes_fmt(out, "\",\n  \"object\": \"chat.completion\",\n  \"created\": %lld,\n  \"model\": \"", (long long)reply->created);
	bytes_json(out, bytes_view(&reply->ask.model));
	bytes_add(out, STR("\",\n  \"choices\": ["));
	for (long choice = 0; choice < reply->ask.choices; choice++) {
		bytes_fmt(out, "%s\n    {\n      \"index\": %ld,\n      \"message\": {\n        \"role\": \"assistant\",\n        \"content\": ", choice ? "," : "", choice);
		whole_message(reply, choice, bytes_view(&text), out);
		whole_logprobs(reply, choice, bytes_view(&chances), out);
		bytes_add(out, STR("      \"finish_reason\": "));
		add_finish(reply, out);
		if (reply->wire == &wire_azure)
			bytes_fmt(out, ",\n      %.*s", (int)azure_results.len - 1, azure_results.ptr);
		bytes_add(out, STR("\n    }"));
	}
	bytes_add(out, STR("\n  ],\n"));
	if (reply->wire == &wire_azure)
		bytes_fmt(out, "  %.*s,\n", (int)azure_prompt_results.len, azure_prompt_results.ptr);
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
