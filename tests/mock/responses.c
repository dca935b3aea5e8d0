/*
 * responses.c - how OpenAI words the Responses API: the whole response, the stream of numbered events.
 *
 * Source: OpenAI's API reference, "Responses" and "Streaming events". The service stores nothing here: a request must say `store: false` and bring all its input; reasoning without its encrypted
 * content cannot be found. An answer has reasoning (directive `thinking`), a search where web_search is among the tools, and a message or a function call. A stream's events are
 * all made when the first is asked for.
 */
#include "responses.h"

#include <stdio.h>
#include <string.h>

static const char thinking_text[] = "Let me think about this.";
enum { THINKING_TOKENS = 5 };

static void
refuse(struct ask *ask, const char *problem, const char *param)
{
	if (!ask->problem) {
		ask->problem = problem;
		ask->param = param;
	}
}

static void
read_item(struct ask *ask, const struct json *json, const struct json_node *item)
{
	static struct bytes text; /* used again */

	bytes_clear(&text, 65536);
	if (ask_is(json_get(json, item, "type"), "reasoning") && !json_is(json_get(json, item, "encrypted_content"), JSON_STRING))
		refuse(ask, "Item with id 'rs_mock' not found. Items are not persisted when `store` is set to false.", "input");
	ask_text(json, json_get(json, item, "content"), &text);
	ask->prompt_words += ask_words(bytes_view(&text));
	if (ask_is(json_get(json, item, "role"), "user") && text.len > 0) {
		ask->message.len = 0;
		bytes_add(&ask->message, bytes_view(&text));
	}
}

static void
read_tools(struct ask *ask, const struct json *json)
{
	const struct json_node *tools = json_get(json, json->nodes, "tools"), *choice = json_get(json, json->nodes, "tool_choice");

	for (const struct json_node *tool = json_first(json, tools); tool; tool = json_after(json, tools, tool)) {
		const struct json_node *name = json_get(json, tool, "name");

		if (ask_is(json_get(json, tool, "type"), "web_search"))
			ask->choices = 1; /* a search comes first */
		if (ask->tool.len > 0 || !name || !(ask_is(json_get(json, tool, "type"), "function") || ask_is(json_get(json, tool, "type"), "custom")))
			continue;
		json_text(name, &ask->tool);
		ask->tool_custom = ask_is(json_get(json, tool, "type"), "custom");
	}
	ask->tool_forced = ask_is(choice, "required") || ask_is(json_get(json, choice, "type"), "custom");
}

void
responses_ask(struct ask *ask, const struct json *json)
{
	const struct json_node *root = json->nodes, *model = json_get(json, root, "model"), *input = json_get(json, root, "input"), *include = json_get(json, root, "include");

	ask_clear(ask);
	if (json_is(model, JSON_STRING))
		json_text(model, &ask->model);
	else
		refuse(ask, "Missing required parameter: 'model'.", "model");
	ask->stream = json_is(json_get(json, root, "stream"), JSON_TRUE);
	ask->max_tokens = ask_long(json_get(json, root, "max_output_tokens"));
	ask->moderated = json_is(json_get(json, root, "moderation"), JSON_OBJECT);
	for (const struct json_node *item = json_first(json, include); item; item = json_after(json, include, item))
		ask->logprobs = ask->logprobs || ask_is(item, "reasoning.encrypted_content"); /* stands for: encrypted */
	if (json_is(input, JSON_STRING)) {
		json_text(input, &ask->message);
		ask->prompt_words = ask_words(bytes_view(&ask->message));
	}
	for (const struct json_node *item = json_is(input, JSON_ARRAY) ? json_first(json, input) : NULL; item; item = json_after(json, input, item))
		read_item(ask, json, item);
	read_tools(ask, json);
	if (!json_is(json_get(json, root, "store"), JSON_FALSE))
		refuse(ask, "mock: nothing is stored here; say so", "store");
	if (json_get(json, root, "previous_response_id") || json_get(json, root, "conversation") || json_get(json, root, "background"))
		refuse(ask, "Previous response cannot be found.", "previous_response_id");
	if (!input)
		refuse(ask, "Missing required parameter: 'input'.", "input");
}

/* --- items --- */

static void
add_reasoning(const struct reply *reply, bool whole, struct bytes *out)
{
	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, "rs_", 32, out);
	bytes_fmt(out, "\",\"type\":\"reasoning\",\"summary\":[%s", whole ? "{\"type\":\"summary_text\",\"text\":\"" : "");
	if (whole)
		bytes_fmt(out, "%s\"}", thinking_text);
	bytes_add(out, STR("]"));
	if (reply->ask.logprobs && whole) {
		bytes_add(out, STR(",\"encrypted_content\":\"gAAAA-"));
		reply_id(reply, "rs_", 32, out);
		bytes_add(out, STR("\""));
	}
	bytes_add(out, STR("}"));
}

static void
add_search(const struct reply *reply, bool whole, struct bytes *out)
{
	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, "ws_", 32, out);
	bytes_fmt(out, "\",\"type\":\"web_search_call\",\"status\":\"%s\",\"action\":{\"type\":\"search\",\"query\":\"", whole ? "completed" : "in_progress");
	bytes_json(out, bytes_view(&reply->ask.message));
	bytes_add(out, STR("\"}}"));
}

static void
add_part(struct str text, struct bytes *out)
{
	bytes_add(out, STR("{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\""));
	bytes_add(out, text);
	bytes_add(out, STR("\"}"));
}

/* `text` is the inside of a JSON string. */
static void
add_message(const struct reply *reply, bool whole, struct str text, struct bytes *out)
{
	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, "msg_", 32, out);
	bytes_fmt(out, "\",\"type\":\"message\",\"status\":\"%s\",\"role\":\"assistant\",\"content\":[", whole ? "completed" : "in_progress");
	if (whole)
		add_part(text, out);
	bytes_add(out, STR("]}"));
}

static const char *
call_prefix(const struct reply *reply)
{
	return reply->ask.tool_custom ? "ctc_" : "fc_";
}

/* A custom tool's call has no status. */
static void
add_call(struct reply *reply, bool whole, struct bytes *out)
{
	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, call_prefix(reply), 32, out);
	if (reply->ask.tool_custom)
		bytes_add(out, STR("\",\"type\":\"custom_tool_call\",\"call_id\":\""));
	else
		bytes_fmt(out, "\",\"type\":\"function_call\",\"status\":\"%s\",\"call_id\":\"", whole ? "completed" : "in_progress");
	reply_id(reply, "call_", 24, out);
	bytes_add(out, STR("\",\"name\":\""));
	bytes_json(out, reply_tool_name(reply));
	bytes_fmt(out, "\",\"%s\":\"", reply->ask.tool_custom ? "input" : "arguments");
	if (whole)
		bytes_json(out, bytes_view(&reply->args));
	bytes_add(out, STR("\"}"));
}

/* --- the response --- */

static void
add_usage(const struct reply *reply, struct bytes *out)
{
	long input = reply_prompt_tokens(reply), reasoning = reply->plan.thinking ? THINKING_TOKENS : 0, output = reply_completion_tokens(reply) + reasoning;

	bytes_fmt(out, "{\"input_tokens\":%ld,\"input_tokens_details\":{\"cached_tokens\":%ld,\"cache_write_tokens\":0},\"output_tokens\":%ld,\"output_tokens_details\":{\"reasoning_tokens\":%ld},\"total_tokens\":%ld}",
		  input, reply->plan.cached_tokens, output, reasoning, input + output);
}

static void
add_response(const struct reply *reply, const char *status, struct str output, struct bytes *out)
{
	bool begins = strcmp(status, "in_progress") == 0;

	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, "resp_", 32, out);
	bytes_fmt(out, "\",\"object\":\"response\",\"created_at\":%lld,\"status\":\"%s\",\"error\":null,\"incomplete_details\":%s,\"model\":\"", (long long)reply->created, status,
		  strcmp(status, "incomplete") == 0 ? "{\"reason\":\"max_output_tokens\"}" : "null");
	bytes_json(out, bytes_view(&reply->ask.model));
	bytes_add(out, STR("\",\"service_tier\":\""));
	bytes_json(out, reply->plan.tier.ptr ? reply->plan.tier : STR("default"));
	bytes_add(out, STR("\",\"store\":false,\"output\":["));
	bytes_add(out, output);
	bytes_add(out, STR("],\"usage\":"));
	if (begins || reply->plan.no_usage)
		bytes_add(out, STR("null"));
	else
		add_usage(reply, out);
	if (reply->ask.moderated && !begins) /* its own model was not reached: the other form wants all categories */
		bytes_add(out, STR(",\"moderation\":{\"input\":{\"type\":\"error\",\"code\":\"mock\",\"message\":\"none\"},\"output\":{\"type\":\"error\",\"code\":\"mock\",\"message\":\"none\"}}"));
	bytes_add(out, STR("}"));
}

static const char *
final_status(const struct reply *reply)
{
	return reply->answer.cut ? "incomplete" : "completed";
}

/* All items, comma between; the text of the message as the inside of a JSON string. */
static void
add_output(struct reply *reply, struct str text, struct bytes *out)
{
	if (reply->plan.thinking) {
		add_reasoning(reply, true, out);
		bytes_add(out, STR(","));
	}
	if (reply->ask.choices) {
		add_search(reply, true, out);
		bytes_add(out, STR(","));
	}
	if (reply_calls_tool(reply))
		add_call(reply, true, out);
	else
		add_message(reply, true, text, out);
}

static void
responses_whole(struct reply *reply, struct bytes *out)
{
	static struct bytes text, output;

	bytes_clear(&text, 65536);
	bytes_clear(&output, 65536);
	if (reply_calls_tool(reply))
		reply_args_start(reply);
	else
		while (answer_next(&reply->answer, &text))
			continue;
	add_output(reply, bytes_view(&text), &output);
	add_response(reply, final_status(reply), bytes_view(&output), out);
	reply->fill_at = out->len;
}

/* --- the stream --- */

struct writer {
	struct reply *reply;
	struct bytes *out;
	int sequence, index;
};

static void
event_begin(struct writer *writer, const char *type)
{
	bytes_fmt(writer->out, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%d", type, type, writer->sequence++);
}

static void
event_end(struct writer *writer)
{
	bytes_add(writer->out, STR("}\n\n"));
}

static void
event_response(struct writer *writer, const char *type, const char *status, struct str output)
{
	event_begin(writer, type);
	bytes_add(writer->out, STR(",\"response\":"));
	add_response(writer->reply, status, output, writer->out);
	event_end(writer);
}

/* An event about the item: `more` is JSON behind its id. */
static void
event_item(struct writer *writer, const char *type, const char *prefix, struct str more)
{
	event_begin(writer, type);
	bytes_fmt(writer->out, ",\"output_index\":%d,\"item_id\":\"", writer->index);
	reply_id(writer->reply, prefix, 32, writer->out);
	bytes_add(writer->out, STR("\""));
	bytes_add(writer->out, more);
	event_end(writer);
}

static void
item_begin(struct writer *writer, const char *type)
{
	event_begin(writer, type);
	bytes_fmt(writer->out, ",\"output_index\":%d,\"item\":", writer->index);
}

static void
stream_reasoning(struct writer *writer)
{
	item_begin(writer, "response.output_item.added");
	add_reasoning(writer->reply, false, writer->out);
	event_end(writer);
	event_item(writer, "response.reasoning_summary_part.added", "rs_", STR(",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}"));
	event_item(writer, "response.reasoning_summary_text.delta", "rs_", STR(",\"summary_index\":0,\"delta\":\"Let me think about this.\""));
	event_item(writer, "response.reasoning_summary_text.done", "rs_", STR(",\"summary_index\":0,\"text\":\"Let me think about this.\""));
	event_item(writer, "response.reasoning_summary_part.done", "rs_", STR(",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"Let me think about this.\"}"));
	item_begin(writer, "response.output_item.done");
	add_reasoning(writer->reply, true, writer->out);
	event_end(writer);
	writer->index++;
}

static void
stream_search(struct writer *writer)
{
	item_begin(writer, "response.output_item.added");
	add_search(writer->reply, false, writer->out);
	event_end(writer);
	event_item(writer, "response.web_search_call.in_progress", "ws_", STR(""));
	event_item(writer, "response.web_search_call.searching", "ws_", STR(""));
	event_item(writer, "response.web_search_call.completed", "ws_", STR(""));
	item_begin(writer, "response.output_item.done");
	add_search(writer->reply, true, writer->out);
	event_end(writer);
	writer->index++;
}

static void
event_text(struct writer *writer, const char *type, const char *key, struct str text)
{
	static struct bytes more;

	bytes_clear(&more, 65536);
	bytes_fmt(&more, ",\"content_index\":0,\"%s\":\"", key);
	bytes_add(&more, text);
	bytes_add(&more, STR("\",\"logprobs\":[]"));
	event_item(writer, type, "msg_", bytes_view(&more));
}

static void
stream_message(struct writer *writer, struct bytes *text)
{
	static struct bytes more;
	size_t before;

	item_begin(writer, "response.output_item.added");
	add_message(writer->reply, false, STR(""), writer->out);
	event_end(writer);
	event_item(writer, "response.content_part.added", "msg_", STR(",\"content_index\":0,\"part\":{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"\"}"));
	for (before = text->len; answer_next(&writer->reply->answer, text); before = text->len)
		event_text(writer, "response.output_text.delta", "delta", (struct str){ text->ptr + before, text->len - before });
	event_text(writer, "response.output_text.done", "text", bytes_view(text));
	bytes_clear(&more, 65536);
	bytes_add(&more, STR(",\"content_index\":0,\"part\":"));
	add_part(bytes_view(text), &more);
	event_item(writer, "response.content_part.done", "msg_", bytes_view(&more));
	item_begin(writer, "response.output_item.done");
	add_message(writer->reply, true, bytes_view(text), writer->out);
	event_end(writer);
}

static void
stream_call(struct writer *writer)
{
	static struct bytes more;
	bool custom = writer->reply->ask.tool_custom;
	struct str fragment;

	reply_args_start(writer->reply);
	item_begin(writer, "response.output_item.added");
	add_call(writer->reply, false, writer->out);
	event_end(writer);
	while (reply_args_next(writer->reply, &fragment)) {
		bytes_clear(&more, 65536);
		bytes_add(&more, STR(",\"delta\":\""));
		bytes_json(&more, fragment);
		bytes_add(&more, STR("\""));
		event_item(writer, custom ? "response.custom_tool_call_input.delta" : "response.function_call_arguments.delta", call_prefix(writer->reply), bytes_view(&more));
	}
	bytes_clear(&more, 65536);
	bytes_fmt(&more, ",\"%s\":\"", custom ? "input" : "arguments");
	bytes_json(&more, bytes_view(&writer->reply->args));
	bytes_add(&more, STR("\""));
	event_item(writer, custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done", call_prefix(writer->reply), bytes_view(&more));
	item_begin(writer, "response.output_item.done");
	add_call(writer->reply, true, writer->out);
	event_end(writer);
}

static void
write_stream(struct reply *reply)
{
	static struct bytes text, output;
	struct writer writer = { .reply = reply, .out = &reply->body };

	bytes_clear(&text, 65536);
	bytes_clear(&output, 65536);
	event_response(&writer, "response.created", "in_progress", STR(""));
	event_response(&writer, "response.in_progress", "in_progress", STR(""));
	if (reply->plan.thinking)
		stream_reasoning(&writer);
	if (reply->ask.choices)
		stream_search(&writer);
	if (reply_calls_tool(reply))
		stream_call(&writer);
	else
		stream_message(&writer, &text);
	add_output(reply, bytes_view(&text), &output);
	event_response(&writer, reply->answer.cut ? "response.incomplete" : "response.completed", final_status(reply), bytes_view(&output));
}

static bool
responses_event(struct reply *reply, struct bytes *out)
{
	const char *at, *end;

	if (reply->body.len == 0)
		write_stream(reply);
	if (reply->body_at == reply->body.len)
		return false;
	at = reply->body.ptr + reply->body_at;
	end = memmem(at, reply->body.len - reply->body_at, "\n\n", 2);
	if (!end)
		return false;
	bytes_add(out, (struct str){ at, (size_t)(end + 2 - at) });
	reply->body_at += (size_t)(end + 2 - at);
	reply->over = reply->body_at == reply->body.len;
	return true;
}

static void
responses_error(const struct reply *reply, int status, const char *message, const char *param, const char *code, struct bytes *out)
{
	wire_openai.error(reply, status, message, param, code, out);
}

static void
responses_error_event(const struct reply *reply, struct bytes *out)
{
	(void)reply;
	bytes_add(out, STR("event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"The server had an error while processing your request. Sorry about that!\",\"param\":null,\"sequence_number\":3}\n\n"));
}

static void
responses_headers(const struct reply *reply, struct bytes *out)
{
	wire_openai.headers(reply, out);
}

const struct wire wire_responses = {
	.dialect = DIALECT_OPENAI,
	.request_id_header = "x-request-id",
	.event = responses_event,
	.whole = responses_whole,
	.error = responses_error,
	.error_event = responses_error_event,
	.headers = responses_headers,
};
