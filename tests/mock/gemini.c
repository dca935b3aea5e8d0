/*
 * gemini.c - how Google words generateContent: the whole response, the stream of responses, errors; and what it asks of a request.
 *
 * Source: ai.google.dev/api/generate-content, ai.google.dev/gemini-api/docs/thought-signatures and /function-calling, cloud.google.com/vertex-ai ("GenerateContent"), google.rpc.Status. Events end their
 * lines with CRLF. A thought's signature stands on the first call of a function, or on the last part of a text.
 */
#include "gemini.h"

#include <stdio.h>
#include <string.h>

enum gemini_step { STEP_THOUGHT, STEP_WORDS, STEP_CALLS, STEP_FINISH, STEP_END };

static const char thinking_text[] = "Let me think about this.";
static const char signature[] = "CiQBjz1rX0MockxThoughtxSignature";
enum { THINKING_TOKENS = 5 };

static long
calls_wanted(const struct reply *reply)
{
	return reply->plan.tool_calls > 1 ? reply->plan.tool_calls : 1;
}

/* A list of counts by modality; those of nothing are left out. */
static void
add_modalities(struct bytes *out, const char *name, long all, long audio, long image)
{
	bytes_fmt(out, ",\"%s\": [{\"modality\": \"TEXT\",\"tokenCount\": %ld}", name, all - audio - image);
	if (audio)
		bytes_fmt(out, ",{\"modality\": \"AUDIO\",\"tokenCount\": %ld}", audio);
	if (image)
		bytes_fmt(out, ",{\"modality\": \"IMAGE\",\"tokenCount\": %ld}", image);
	bytes_add(out, STR("]"));
}

static void
add_usage(const struct reply *reply, struct bytes *out)
{
	long prompt = reply_prompt_tokens(reply), answer = reply_completion_tokens(reply), thoughts = reply->plan.thinking ? THINKING_TOKENS : 0;

	bytes_fmt(out, "\"usageMetadata\": {\"promptTokenCount\": %ld,", prompt);
	if (reply->plan.cached_tokens)
		bytes_fmt(out, "\"cachedContentTokenCount\": %ld,", reply->plan.cached_tokens);
	bytes_fmt(out, "\"candidatesTokenCount\": %ld,\"totalTokenCount\": %ld", answer, prompt + answer + thoughts);
	add_modalities(out, "promptTokensDetails", prompt, reply->plan.audio_tokens, reply->plan.image_tokens);
	if (reply->plan.cached_audio_tokens != PLAN_OFF)
		add_modalities(out, "cacheTokensDetails", reply->plan.cached_tokens, reply->plan.cached_audio_tokens, 0);
	if (reply->plan.audio_output_tokens || reply->plan.image_output_tokens)
		add_modalities(out, "candidatesTokensDetails", answer, reply->plan.audio_output_tokens, reply->plan.image_output_tokens);
	if (thoughts)
		bytes_fmt(out, ",\"thoughtsTokenCount\": %ld", thoughts);
	if (reply->plan.tier.ptr) { /* Gemini's own API says "flex", Vertex AI "ON_DEMAND_FLEX" */
		bytes_fmt(out, ",\"%s\": \"", reply->plan.tier.len && reply->plan.tier.ptr[0] >= 'a' ? "serviceTier" : "trafficType");
		bytes_json(out, reply->plan.tier);
		bytes_add(out, STR("\""));
	}
	bytes_add(out, STR("}"));
}

static const char *
finish_reason(const struct reply *reply)
{
	return reply->answer.cut ? "MAX_TOKENS" : "STOP";
}

/* What stands behind the parts, in a frame and in a whole response. */
static void
add_rest(const struct reply *reply, bool finish, struct bytes *out)
{
	bytes_add(out, STR("],\"role\": \"model\"}"));
	if (finish) {
		bytes_add(out, STR(",\"finishReason\": \""));
		if (reply->plan.finish.ptr)
			bytes_json(out, reply->plan.finish);
		else
			bytes_fmt(out, "%s", finish_reason(reply));
		bytes_add(out, STR("\""));
	}
	if (finish && reply->plan.web_searches) {
		bytes_add(out, STR(",\"groundingMetadata\": {\"webSearchQueries\": ["));
		for (long i = 0; i < reply->plan.web_searches; i++)
			bytes_fmt(out, "%s\"query %ld\"", i ? "," : "", i);
		bytes_add(out, STR("]}"));
	}
	bytes_add(out, STR(",\"index\": 0}]"));
	if (!reply->plan.no_usage) {
		bytes_add(out, STR(","));
		add_usage(reply, out);
	}
	bytes_add(out, STR(",\"modelVersion\": \""));
	bytes_json(out, bytes_view(&reply->ask.model));
	bytes_add(out, STR("\",\"responseId\": \""));
	reply_id(reply, "", 22, out);
	bytes_add(out, STR("\"}"));
}

static void
frame_begin(struct bytes *out)
{
	bytes_add(out, STR("data: {\"candidates\": [{\"content\": {\"parts\": ["));
}

static void
frame_end(const struct reply *reply, bool finish, struct bytes *out)
{
	add_rest(reply, finish, out);
	bytes_add(out, STR("\r\n\r\n"));
}

static void
add_call(struct reply *reply, struct bytes *out)
{
	reply_args_start(reply);
	bytes_add(out, STR("{\"functionCall\": {\"id\": \""));
	reply_id(reply, reply->block ? "b" : "a", 7, out);
	bytes_add(out, STR("\",\"name\": \""));
	bytes_json(out, reply_tool_name(reply));
	bytes_add(out, STR("\",\"args\": "));
	bytes_add(out, bytes_view(&reply->args));
	bytes_add(out, STR("}"));
	if (reply->plan.thinking && reply->block == 0)
		bytes_fmt(out, ",\"thoughtSignature\": \"%s\"", signature);
	bytes_add(out, STR("}"));
	reply->block++;
}

/* A prompt that the filter refuses has no candidates. */
static void
add_block(const struct reply *reply, struct bytes *out)
{
	bytes_fmt(out, "{\"promptFeedback\": {\"blockReason\": \"PROHIBITED_CONTENT\"},\"usageMetadata\": {\"promptTokenCount\": %ld,\"totalTokenCount\": %ld}}",
		  reply_prompt_tokens(reply), reply_prompt_tokens(reply));
}

static bool
gemini_event(struct reply *reply, struct bytes *out)
{
	size_t before = out->len;

	if (reply->plan.filter_prompt && reply->step != STEP_END) {
		bytes_add(out, STR("data: "));
		add_block(reply, out);
		bytes_add(out, STR("\r\n\r\n"));
		reply->step = STEP_END;
		reply->over = true;
		return true;
	}

	if (reply->step == STEP_THOUGHT) {
		reply->step = reply_calls_tool(reply) ? STEP_CALLS : STEP_WORDS;
		if (reply->plan.thinking) {
			frame_begin(out);
			bytes_fmt(out, "{\"text\": \"%s\",\"thought\": true}", thinking_text);
			frame_end(reply, false, out);
			return true;
		}
	}
	if (reply->step == STEP_WORDS) {
		frame_begin(out);
		bytes_add(out, STR("{\"text\": \""));
		if (answer_next(&reply->answer, out)) {
			bytes_add(out, STR("\"}"));
			frame_end(reply, false, out);
			return true;
		}
		out->len = before;
		reply->step = STEP_FINISH;
	}
	if (reply->step == STEP_CALLS) {
		frame_begin(out);
		add_call(reply, out);
		frame_end(reply, false, out);
		reply->step = reply->block < calls_wanted(reply) ? STEP_CALLS : STEP_FINISH;
		return true;
	}
	if (reply->step != STEP_FINISH)
		return false;
	frame_begin(out);
	bytes_add(out, STR("{\"text\": \"\""));
	if (reply->plan.thinking && !reply_calls_tool(reply))
		bytes_fmt(out, ",\"thoughtSignature\": \"%s\"", signature);
	bytes_add(out, STR("}"));
	frame_end(reply, true, out);
	reply->step = STEP_END;
	reply->over = true;
	return true;
}

static void
gemini_whole(struct reply *reply, struct bytes *out)
{
	if (reply->plan.filter_prompt) {
		add_block(reply, out);
		return;
	}
	bytes_add(out, STR("{\"candidates\": [{\"content\": {\"parts\": ["));
	if (reply->plan.thinking)
		bytes_fmt(out, "{\"text\": \"%s\",\"thought\": true},", thinking_text);
	if (reply_calls_tool(reply)) {
		while (reply->block < calls_wanted(reply)) {
			if (reply->block > 0)
				bytes_add(out, STR(","));
			add_call(reply, out);
		}
	} else {
		bytes_add(out, STR("{\"text\": \""));
		while (answer_next(&reply->answer, out))
			continue;
		reply->fill_at = out->len;
		bytes_add(out, STR("\""));
		if (reply->plan.thinking)
			bytes_fmt(out, ",\"thoughtSignature\": \"%s\"", signature);
		bytes_add(out, STR("}"));
	}
	add_rest(reply, true, out);
	bytes_add(out, STR("\n"));
}

static const char *
status_name(int status)
{
	static const struct {
		int status;
		const char *name;
	} names[] = { { 400, "INVALID_ARGUMENT" }, { 401, "UNAUTHENTICATED" }, { 403, "PERMISSION_DENIED" }, { 404, "NOT_FOUND" }, { 429, "RESOURCE_EXHAUSTED" },
		      { 500, "INTERNAL" },	   { 503, "UNAVAILABLE" },     { 504, "DEADLINE_EXCEEDED" } };

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].status == status)
			return names[i].name;
	return "UNKNOWN";
}

static void
gemini_error(const struct reply *reply, int status, const char *message, const char *param, const char *code, struct bytes *out)
{
	(void)param;
	bytes_fmt(out, "{\n  \"error\": {\n    \"code\": %d,\n    \"message\": \"", status);
	bytes_json(out, (struct str){ message, strlen(message) });
	bytes_fmt(out, "\",\n    \"status\": \"%s\"", status_name(status));
	if (code && strcmp(code, "API_KEY_INVALID") == 0)
		bytes_fmt(out, ",\n    \"details\": [\n      {\n        \"@type\": \"type.googleapis.com/google.rpc.ErrorInfo\",\n        \"reason\": \"%s\",\n        \"domain\": \"googleapis.com\"\n      }\n    ]", code);
	else if (reply->plan.retry_after_s != PLAN_OFF)
		bytes_fmt(out, ",\n    \"details\": [\n      {\n        \"@type\": \"type.googleapis.com/google.rpc.RetryInfo\",\n        \"retryDelay\": \"%lds\"\n      }\n    ]",
			  reply->plan.retry_after_s);
	bytes_add(out, STR("\n  }\n}\n"));
}

static void
gemini_error_event(const struct reply *reply, struct bytes *out)
{
	(void)reply;
	bytes_add(out, STR("data: {\"error\": {\"code\": 503,\"message\": \"The model is overloaded. Please try again later.\",\"status\": \"UNAVAILABLE\"}}\r\n\r\n"));
}

static void
gemini_headers(const struct reply *reply, struct bytes *out)
{
	(void)reply;
	bytes_add(out, STR("vary: Origin\r\nvary: X-Origin\r\nvary: Referer\r\nserver: scaffolding on HTTPServer2\r\nx-content-type-options: nosniff\r\n"));
}

const struct wire wire_gemini = {
	.dialect = DIALECT_GEMINI,
	.request_id_header = "x-mock-request-id",
	.no_retry_after = true,
	.event = gemini_event,
	.whole = gemini_whole,
	.error = gemini_error,
	.error_event = gemini_error_event,
	.headers = gemini_headers,
};

/* --- requests --- */

static bool
ends_with(struct str text, const char *end, struct str *rest)
{
	size_t len = strlen(end);

	if (text.len < len || memcmp(text.ptr + text.len - len, end, len) != 0)
		return false;
	*rest = (struct str){ text.ptr, text.len - len };
	return true;
}

static bool
begins_with(struct str text, const char *begin, struct str *rest)
{
	size_t len = strlen(begin);

	if (text.len <= len || memcmp(text.ptr, begin, len) != 0)
		return false;
	*rest = (struct str){ text.ptr + len, text.len - len };
	return true;
}

bool
gemini_path(struct str path, struct gemini_path *out)
{
	static const char beta[] = "/v1beta/models/", stable[] = "/v1/models/", project[] = "/v1/projects/", publisher[] = "/publishers/google/models/";
	static const char *const methods[] = { [GEMINI_GENERATE] = ":generateContent", [GEMINI_BATCH_EMBED] = ":batchEmbedContents", [GEMINI_PREDICT] = ":predict", [GEMINI_EMBED] = ":embedContent" };
	enum gemini_method method = GEMINI_GENERATE;
	const char *at;
	struct str rest;

	out->stream = ends_with(path, ":streamGenerateContent", &rest);
	while (!out->stream && !ends_with(path, methods[method], &rest))
		if (++method == COUNT(methods))
			return false;
	out->method = method;
	out->vertex = false;
	if (begins_with(rest, beta, &out->model) || begins_with(rest, stable, &out->model))
		return method == GEMINI_GENERATE || method == GEMINI_BATCH_EMBED;
	at = rest.len > sizeof(project) ? memmem(rest.ptr, rest.len, publisher, sizeof(publisher) - 1) : NULL;
	if (!at || memcmp(rest.ptr, project, sizeof(project) - 1) != 0 || !memmem(rest.ptr, rest.len, "/locations/", 11))
		return false;
	if (method == GEMINI_BATCH_EMBED)
		return false;
	out->vertex = true;
	at += sizeof(publisher) - 1;
	out->model = (struct str){ at, (size_t)(rest.ptr + rest.len - at) };
	return true;
}

static const char *
known_problem(const struct json *json)
{
	static const char *const members[] = { "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent", "labels", NULL };
	static const char *const settings[] = { "temperature", "topP", "topK", "presencePenalty", "frequencyPenalty", "seed", "maxOutputTokens", "candidateCount", "stopSequences",
						"responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig", "responseLogprobs", "logprobs",
						"responseModalities", "mediaResolution", "speechConfig", NULL };

	if (!json_has_only(json, json->nodes, members))
		return "Invalid JSON payload received. Unknown name: Cannot find field.";
	if (!json_has_only(json, json_get(json, json->nodes, "generationConfig"), settings))
		return "Invalid JSON payload received. Unknown name at 'generation_config': Cannot find field.";
	return NULL;
}

/* Each part holds one thing, and calls of a model that signs its thoughts bring the signature back. */
static const char *
part_problem(const struct json *json, const struct json_node *part, bool signs, long *calls, long *responses)
{
	static const char *const data[] = { "text", "inlineData", "fileData", "functionCall", "functionResponse" };
	const struct json_node *call = json_get(json, part, "functionCall"), *response = json_get(json, part, "functionResponse");
	const struct json_node *shown = json_get(json, part, "thoughtSignature");
	int count = 0;

	for (size_t i = 0; i < COUNT(data); i++)
		count += json_get(json, part, data[i]) != NULL;
	if (count != 1)
		return "Invalid value at 'contents.parts': oneof field 'data' must be set once.";
	if (response && !json_is(json_get(json, response, "response"), JSON_OBJECT))
		return "Invalid value at 'function_response.response' (type.googleapis.com/google.protobuf.Struct)";
	if (call && !json_is(json_get(json, call, "args"), JSON_OBJECT))
		return "Invalid value at 'function_call.args' (type.googleapis.com/google.protobuf.Struct)";
	if (call && signs && *calls == 0 && (!json_is(shown, JSON_STRING) || !str_equal(shown->text, STR(signature))))
		return "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly.";
	*calls += call != NULL;
	*responses += response != NULL;
	return NULL;
}

static const char *
turn_problem(const struct json *json, const struct json_node *turn, bool signs, long *calls)
{
	const struct json_node *parts = json_get(json, turn, "parts");
	bool model = ask_is(json_get(json, turn, "role"), "model");
	long called = 0, answered = 0;

	if (!model && !ask_is(json_get(json, turn, "role"), "user"))
		return "Please use a valid role: user, model.";
	if (!json_first(json, parts))
		return "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.";
	for (const struct json_node *part = json_first(json, parts); part; part = json_after(json, parts, part)) {
		const char *problem = part_problem(json, part, signs, &called, &answered);

		if (problem)
			return problem;
	}
	if (!model && *calls != answered)
		return "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.";
	*calls = model ? called : 0;
	return NULL;
}

void
gemini_ask(struct ask *ask, const struct json *json, const struct gemini_path *path)
{
	const struct json_node *root = json->nodes, *contents = json_get(json, root, "contents"), *config = json_get(json, root, "generationConfig");
	const struct json_node *tools = json_first(json, json_get(json, root, "tools"));
	const struct json_node *first = json_first(json, json_get(json, tools, "functionDeclarations"));
	const struct json_node *calling = json_get(json, json_get(json, root, "toolConfig"), "functionCallingConfig");
	const struct json_node *named = json_first(json, json_get(json, calling, "allowedFunctionNames"));
	bool signs = path->model.len >= 8 && memcmp(path->model.ptr, "gemini-3", 8) == 0;
	struct bytes text = { 0 };
	long calls = 0;

	ask_clear(ask);
	bytes_add(&ask->model, path->model);
	ask->stream = path->stream;
	ask->max_tokens = ask_long(json_get(json, config, "maxOutputTokens"));
	ask->problem = known_problem(json);
	if (!ask->problem && !json_first(json, contents))
		ask->problem = "* GenerateContentRequest.contents: contents is not specified";
	for (const struct json_node *turn = json_first(json, contents); turn; turn = json_after(json, contents, turn)) {
		if (!ask->problem)
			ask->problem = turn_problem(json, turn, signs, &calls);
		bytes_clear(&text, SIZE_MAX);
		ask_text(json, json_get(json, turn, "parts"), &text);
		ask->prompt_words += ask_words(bytes_view(&text));
		if (ask_is(json_get(json, turn, "role"), "user") && text.len > 0) {
			ask->message.len = 0;
			bytes_add(&ask->message, bytes_view(&text));
		}
	}
	bytes_clear(&text, SIZE_MAX);
	ask_text(json, json_get(json, json_get(json, root, "systemInstruction"), "parts"), &text);
	ask->prompt_words += ask_words(bytes_view(&text));
	bytes_free(&text);
	ask->tool_forced = ask_is(json_get(json, calling, "mode"), "ANY");
	first = named ? named : json_get(json, first, "name");
	if (first)
		json_text(first, &ask->tool);
}
