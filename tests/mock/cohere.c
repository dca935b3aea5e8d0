/*
 * cohere.c - how Cohere words chat, version 2: the whole body, the stream of typed events, errors; and what it asks of a request.
 *
 * Source: docs.cohere.com/reference/chat, /chat-stream and /errors, and the types of the service's own Python library. Counts are numbers with a fraction of zero.
 */
#include "cohere.h"

#include <stdio.h>
#include <string.h>

enum cohere_step { STEP_START, STEP_THINKING_START, STEP_THINKING, STEP_THINKING_END, STEP_TEXT_START, STEP_WORDS, STEP_CITATION, STEP_PLAN, STEP_TOOL, STEP_ARGS, STEP_MESSAGE_END, STEP_DONE, STEP_END };

static const char thinking_text[] = "Let me think about this.";
static const char plan_text[] = "I will call the tool.";
static const char citation[] = "{\"start\":0,\"end\":3,\"text\":\"You\",\"sources\":[{\"type\":\"document\",\"id\":\"doc:1\",\"document\":{\"id\":\"doc:1\",\"title\":\"Mock\",\"url\":\"https://example.org/mock\"}}],\"type\":\"TEXT_CONTENT\"}";

static const char *
finish_reason(const struct reply *reply)
{
	return reply_calls_tool(reply) ? "TOOL_CALL" : reply->answer.cut ? "MAX_TOKENS" : "COMPLETE";
}

static void
add_finish(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("\"finish_reason\":\""));
	if (reply->plan.finish.ptr)
		bytes_json(out, reply->plan.finish);
	else
		bytes_fmt(out, "%s", finish_reason(reply));
	bytes_add(out, STR("\""));
}

/* The service adds tokens of its own, which are not billed. */
static void
add_usage(const struct reply *reply, struct bytes *out)
{
	long input = reply_prompt_tokens(reply), output = reply_completion_tokens(reply);

	bytes_fmt(out, ",\"usage\":{\"billed_units\":{\"input_tokens\":%ld.0,\"output_tokens\":%ld.0},\"tokens\":{\"input_tokens\":%ld.0,\"output_tokens\":%ld.0},\"cached_tokens\":%ld.0}", input,
		  output, input + 66, output + 2, reply->plan.cached_tokens);
}

static void
event_begin(const char *type, struct bytes *out)
{
	bytes_fmt(out, "event: %s\ndata: {\"type\":\"%s\"", type, type);
}

static long
calls_wanted(const struct reply *reply)
{
	return reply->plan.tool_calls > 1 ? reply->plan.tool_calls : 1;
}

static void
add_call_begin(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("{\"id\":\""));
	bytes_json(out, reply_tool_name(reply));
	reply_id(reply, reply->block ? "_b" : "_a", 11, out);
	bytes_add(out, STR("\",\"type\":\"function\",\"function\":{\"name\":\""));
	bytes_json(out, reply_tool_name(reply));
	bytes_add(out, STR("\",\"arguments\":\""));
}

static int
step_after_thinking(const struct reply *reply)
{
	return reply_calls_tool(reply) ? STEP_PLAN : STEP_TEXT_START;
}

static void
next_thinking(struct reply *reply, struct bytes *out)
{
	if (reply->step == STEP_THINKING_START) {
		event_begin("content-start", out);
		bytes_add(out, STR(",\"index\":0,\"delta\":{\"message\":{\"content\":{\"type\":\"thinking\",\"thinking\":\"\"}}}}\n\n"));
		reply->step = STEP_THINKING;
	} else if (reply->step == STEP_THINKING) {
		event_begin("content-delta", out);
		bytes_fmt(out, ",\"index\":0,\"delta\":{\"message\":{\"content\":{\"thinking\":\"%s\"}}}}\n\n", thinking_text);
		reply->step = STEP_THINKING_END;
	} else {
		event_begin("content-end", out);
		bytes_add(out, STR(",\"index\":0}\n\n"));
		reply->step = step_after_thinking(reply);
	}
}

static void
next_words(struct reply *reply, struct bytes *out)
{
	size_t before = out->len;

	event_begin("content-delta", out);
	bytes_fmt(out, ",\"index\":%d,\"delta\":{\"message\":{\"content\":{\"text\":\"", reply->plan.thinking ? 1 : 0);
	if (answer_next(&reply->answer, out)) {
		bytes_add(out, STR("\"}}}}\n\n"));
		return;
	}
	out->len = before;
	event_begin("content-end", out);
	bytes_fmt(out, ",\"index\":%d}\n\n", reply->plan.thinking ? 1 : 0);
	reply->step = reply->plan.cite ? STEP_CITATION : STEP_MESSAGE_END;
}

static void
next_args(struct reply *reply, struct bytes *out)
{
	struct str fragment;

	if (reply_args_next(reply, &fragment)) {
		event_begin("tool-call-delta", out);
		bytes_fmt(out, ",\"index\":%ld,\"delta\":{\"message\":{\"tool_calls\":{\"function\":{\"arguments\":\"", reply->block);
		bytes_json(out, fragment);
		bytes_add(out, STR("\"}}}}}\n\n"));
		return;
	}
	event_begin("tool-call-end", out);
	bytes_fmt(out, ",\"index\":%ld}\n\n", reply->block++);
	reply->step = reply->block < calls_wanted(reply) ? STEP_TOOL : STEP_MESSAGE_END;
}

static void
next_simple(struct reply *reply, struct bytes *out)
{
	if (reply->step == STEP_TEXT_START) {
		event_begin("content-start", out);
		bytes_fmt(out, ",\"index\":%d,\"delta\":{\"message\":{\"content\":{\"type\":\"text\",\"text\":\"\"}}}}\n\n", reply->plan.thinking ? 1 : 0);
		reply->step = STEP_WORDS;
	} else if (reply->step == STEP_CITATION) {
		event_begin("citation-start", out);
		bytes_fmt(out, ",\"index\":0,\"delta\":{\"message\":{\"citations\":%s}}}\n\n", citation);
		reply->step = STEP_MESSAGE_END;
	} else if (reply->step == STEP_PLAN) {
		event_begin("tool-plan-delta", out);
		bytes_fmt(out, ",\"delta\":{\"message\":{\"tool_plan\":\"%s\"}}}\n\n", plan_text);
		reply->step = STEP_TOOL;
	} else if (reply->step == STEP_TOOL) {
		event_begin("tool-call-start", out);
		bytes_fmt(out, ",\"index\":%ld,\"delta\":{\"message\":{\"tool_calls\":", reply->block);
		add_call_begin(reply, out);
		bytes_add(out, STR("\"}}}}}\n\n"));
		reply_args_start(reply);
		reply->step = STEP_ARGS;
	} else {
		event_begin("message-end", out);
		bytes_add(out, STR(",\"delta\":{"));
		add_finish(reply, out);
		if (!reply->plan.no_usage)
			add_usage(reply, out);
		bytes_add(out, STR("}}\n\n"));
		reply->step = reply->plan.no_done ? STEP_END : STEP_DONE;
		reply->over = reply->plan.no_done;
	}
}

static bool
cohere_event(struct reply *reply, struct bytes *out)
{
	switch (reply->step) {
	case STEP_START:
		bytes_add(out, STR("event: message-start\ndata: {\"id\":\""));
		reply_id(reply, "", 36, out);
		bytes_add(out, STR("\",\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[],\"tool_plan\":\"\",\"tool_calls\":[],\"citations\":[]}}}\n\n"));
		reply->step = reply->plan.thinking ? STEP_THINKING_START : step_after_thinking(reply);
		return true;
	case STEP_THINKING_START:
	case STEP_THINKING:
	case STEP_THINKING_END:
		next_thinking(reply, out);
		return true;
	case STEP_WORDS:
		next_words(reply, out);
		return true;
	case STEP_ARGS:
		next_args(reply, out);
		return true;
	case STEP_DONE:
		bytes_add(out, STR("data: [DONE]\n\n"));
		reply->step = STEP_END;
		reply->over = true;
		return true;
	case STEP_END:
		return false;
	default:
		next_simple(reply, out);
		return true;
	}
}

static void
cohere_whole(struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, "", 36, out);
	bytes_add(out, STR("\",\"message\":{\"role\":\"assistant\","));
	if (reply_calls_tool(reply)) {
		bytes_fmt(out, "\"tool_plan\":\"%s\",\"tool_calls\":[", plan_text);
		for (reply->block = 0; reply->block < calls_wanted(reply); reply->block++) {
			reply_args_start(reply);
			if (reply->block > 0)
				bytes_add(out, STR(","));
			add_call_begin(reply, out);
			bytes_json(out, bytes_view(&reply->args));
			bytes_add(out, STR("\"}}"));
		}
		bytes_add(out, STR("]},"));
	} else {
		bytes_add(out, STR("\"content\":["));
		if (reply->plan.thinking)
			bytes_fmt(out, "{\"type\":\"thinking\",\"thinking\":\"%s\"},", thinking_text);
		bytes_add(out, STR("{\"type\":\"text\",\"text\":\""));
		while (answer_next(&reply->answer, out))
			continue;
		reply->fill_at = out->len;
		bytes_add(out, STR("\"}]"));
		if (reply->plan.cite)
			bytes_fmt(out, ",\"citations\":[%s]", citation);
		bytes_add(out, STR("},"));
	}
	add_finish(reply, out);
	if (!reply->plan.no_usage)
		add_usage(reply, out);
	bytes_add(out, STR("}"));
}

static void
cohere_error(const struct reply *reply, int status, const char *message, const char *param, const char *code, struct bytes *out)
{
	(void)status;
	(void)param;
	(void)code;
	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, "", 36, out);
	bytes_add(out, STR("\",\"message\":\""));
	bytes_json(out, (struct str){ message, strlen(message) });
	bytes_add(out, STR("\"}"));
}

static void
cohere_error_event(const struct reply *reply, struct bytes *out)
{
	(void)reply;
	event_begin("message-end", out);
	bytes_add(out, STR(",\"delta\":{\"error\":\"internal server error\",\"finish_reason\":\"ERROR\"}}\n\n"));
}

static void
cohere_headers(const struct reply *reply, struct bytes *out)
{
	(void)reply;
	bytes_add(out, STR("num_chars: 100\r\nnum_tokens: 20\r\nx-endpoint-monthly-call-limit: 1000\r\n"));
}

const struct wire wire_cohere = {
	.dialect = DIALECT_COHERE,
	.request_id_header = "x-debug-trace-id",
	.event = cohere_event,
	.whole = cohere_whole,
	.error = cohere_error,
	.error_event = cohere_error_event,
	.headers = cohere_headers,
};

/* --- requests --- */

static bool
all_known(const struct json *json)
{
	static const char *const names[] = { "model", "messages", "stream", "tools", "strict_tools", "documents", "citation_options", "response_format", "safety_mode", "max_tokens", "stop_sequences",
					     "temperature", "seed", "frequency_penalty", "presence_penalty", "k", "p", "logprobs", "tool_choice", "thinking", "priority", "raw_prompting" };

	for (const struct json_node *key = json_first(json, json->nodes); key; key = json_after(json, json->nodes, key)) {
		bool known = false;

		for (size_t i = 0; i < COUNT(names); i++)
			known = known || str_equal(key->text, (struct str){ names[i], strlen(names[i]) });
		if (!known)
			return false;
		key = json_after(json, json->nodes, key);
		if (!key)
			break;
	}
	return true;
}

/* Roles, and results that answer calls which were made before. */
static const char *
messages_problem(const struct json *json, const struct json_node *messages)
{
	static struct bytes ids; /* used again; emptied each time */

	bytes_clear(&ids, 65536);
	for (const struct json_node *item = json_first(json, messages); item; item = json_after(json, messages, item)) {
		const struct json_node *role = json_get(json, item, "role"), *id = json_get(json, item, "tool_call_id");
		bool tool = ask_is(role, "tool");

		if (!ask_is(role, "system") && !ask_is(role, "user") && !ask_is(role, "assistant") && !tool)
			return "invalid request: message role must be one of system, user, assistant, tool";
		if (!json_get(json, item, "content") && !json_get(json, item, "tool_calls"))
			return "invalid request: all elements in history must have a message";
		if (tool && (!id || !memmem(ids.ptr, ids.len, id->text.ptr, id->text.len)))
			return "invalid request: the tool call id given in the tool message must have been generated by the previous assistant message";
		for (const struct json_node *call = json_first(json, json_get(json, item, "tool_calls")); call; call = json_after(json, json_get(json, item, "tool_calls"), call))
			if (json_get(json, call, "id"))
				bytes_add(&ids, json_get(json, call, "id")->text);
	}
	return NULL;
}

void
cohere_ask(struct ask *ask, const struct json *json)
{
	const struct json_node *choice = json_get(json, json->nodes, "tool_choice"), *messages = json_get(json, json->nodes, "messages");
	const struct json_node *tokens = json_get(json, json->nodes, "max_tokens");

	ask_read(ask, json, DIALECT_OPENAI); /* messages and tools have its shape */
	ask->problem = ask->problem ? "invalid request: model and messages are required" : messages_problem(json, messages);
	ask->max_tokens = ask_long(tokens);
	ask->tool_forced = ask_is(choice, "REQUIRED");
	if (!ask->problem && choice && !ask->tool_forced && !ask_is(choice, "NONE"))
		ask->problem = "invalid request: tool_choice must be REQUIRED or NONE";
	if (!ask->problem && !all_known(json))
		ask->problem = "invalid request: unknown field: parameter is not a valid field";
}
