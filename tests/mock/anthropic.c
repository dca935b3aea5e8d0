/*
 * anthropic.c - how Anthropic words messages: the whole body, the stream of named events, errors.
 *
 * Content blocks come one after the other: thinking where the plan asks for it, then text or the tool calls. Usage in `message_delta`
 * is cumulative; input tokens leave out what the cache served.
 */
#include "reply.h"

#include <stdio.h>
#include <string.h>

enum anthropic_step {
	STEP_MESSAGE_START,
	STEP_THINKING_START,
	STEP_THINKING,
	STEP_SIGNATURE,
	STEP_REDACTED,
	STEP_SERVER_TOOL,
	STEP_SERVER_RESULT,
	STEP_TEXT_START,
	STEP_PING,
	STEP_TEXT,
	STEP_CITATION,
	STEP_TOOL_START,
	STEP_ARGS,
	STEP_MESSAGE_DELTA,
	STEP_MESSAGE_STOP,
	STEP_END
};

static const char thinking_text[] = "Let me think about this.";
static const char signature[] = "EqQBCgIYAhIkMock0nly7Signature+Of/The=Mock";

/* Blocks that come whole, in a message as at their start in a stream. */
static const char redacted_block[] = "{\"type\":\"redacted_thinking\",\"data\":\"EmwKAhgBEgyMockRedacted+Data/Of=\"}";
static const char server_tool_block[] =
	"{\"type\":\"server_tool_use\",\"id\":\"srvtoolu_01Mock\",\"name\":\"web_search\",\"input\":{\"query\":\"mock\"},\"caller\":{\"type\":\"direct\"}}";
static const char server_result_block[] =
	"{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"srvtoolu_01Mock\",\"content\":[{\"type\":\"web_search_result\",\"url\":\"https://example.com/mock\","
	"\"title\":\"Mock\",\"encrypted_content\":\"EqgfMock\",\"page_age\":null}],\"caller\":{\"type\":\"direct\"}}";
static const char citation[] = "{\"type\":\"search_result_location\",\"cited_text\":\"the mock goes on\",\"search_result_index\":0,\"source\":\"https://example.com/mock\","
			       "\"title\":\"Mock\",\"start_block_index\":0,\"end_block_index\":1}";

static const char *
stop_reason(const struct reply *reply)
{
	if (reply->plan.stop_sequence.ptr)
		return "stop_sequence";
	return reply_calls_tool(reply) ? "tool_use" : reply->answer.cut ? "max_tokens" : "end_turn";
}

static void
add_stop_reason(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("\"stop_reason\":\""));
	if (reply->plan.finish.ptr)
		bytes_json(out, reply->plan.finish);
	else
		bytes_fmt(out, "%s", stop_reason(reply));
	bytes_add(out, STR("\",\"stop_sequence\":"));
	if (!reply->plan.stop_sequence.ptr) {
		bytes_add(out, STR("null"));
		return;
	}
	bytes_add(out, STR("\""));
	bytes_json(out, reply->plan.stop_sequence);
	bytes_add(out, STR("\""));
}

/* `message_start` knows of no search yet; `message_delta` repeats the sums, and neither what was written for how long nor the tier. */
enum usage_at { AT_START, AT_DELTA, AT_WHOLE };

static void
add_usage(const struct reply *reply, long output_tokens, enum usage_at at, struct bytes *out)
{
	long cached = reply->plan.cached_tokens, written = reply->plan.cache_write_tokens;
	long input = reply_prompt_tokens(reply) - cached - written, hour = reply->plan.cache_write_1h_tokens;
	struct str tier = reply->plan.tier.ptr ? reply->plan.tier : STR("standard");
	bool fast = tier.len == 4 && memcmp(tier.ptr, "fast", 4) == 0;

	if (fast)
		tier = STR("standard");
	bytes_fmt(out, "\"usage\":{\"input_tokens\":%ld,\"cache_creation_input_tokens\":%ld,\"cache_read_input_tokens\":%ld,", input > 0 ? input : 0, written, cached);
	if (at != AT_DELTA)
		bytes_fmt(out, "\"cache_creation\":{\"ephemeral_5m_input_tokens\":%ld,\"ephemeral_1h_input_tokens\":%ld},\"service_tier\":\"%.*s\",%s", written - hour, hour,
			  (int)tier.len, tier.ptr, fast ? "\"speed\":\"fast\"," : "");
	bytes_fmt(out, "\"output_tokens\":%ld", output_tokens);
	if (reply->plan.web_searches)
		bytes_fmt(out, ",\"server_tool_use\":{\"web_search_requests\":%ld,\"web_fetch_requests\":0}", at == AT_START ? 0 : reply->plan.web_searches);
	bytes_add(out, STR("}"));
}

/* The members that the whole message and `message_start` share. */
static void
add_message_begin(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, "msg_", 24, out);
	bytes_add(out, STR("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\""));
	bytes_json(out, bytes_view(&reply->ask.model));
	bytes_add(out, STR("\",\"content\":["));
}

static void
add_tool_begin(const struct reply *reply, struct bytes *out)
{
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "toolu_%02ld", reply->block);
	bytes_add(out, STR("{\"type\":\"tool_use\",\"id\":\""));
	reply_id(reply, prefix, 22, out);
	bytes_add(out, STR("\",\"name\":\""));
	bytes_json(out, reply_tool_name(reply));
	bytes_add(out, STR("\",\"input\":"));
}

static void
event_begin(const char *name, struct bytes *out)
{
	bytes_fmt(out, "event: %s\ndata: {\"type\":\"%s\"", name, name);
}

static void
block_start(const struct reply *reply, struct bytes *out)
{
	event_begin("content_block_start", out);
	bytes_fmt(out, ",\"index\":%ld,\"content_block\":", reply->block);
}

static void
block_delta(const struct reply *reply, const char *type, const char *member, struct bytes *out)
{
	event_begin("content_block_delta", out);
	bytes_fmt(out, ",\"index\":%ld,\"delta\":{\"type\":\"%s\",\"%s\":\"", reply->block, type, member);
}

static void
block_stop(struct reply *reply, struct bytes *out)
{
	event_begin("content_block_stop", out);
	bytes_fmt(out, ",\"index\":%ld}\n\n", reply->block++);
}

static long
blocks_before_tools(const struct reply *reply)
{
	return (reply->plan.thinking ? 1 : 0) + (reply->plan.redacted ? 1 : 0) + (reply->plan.server_tool ? 2 : 0);
}

/* The next step behind `step` that the plan asks for, up to the text or the first tool. */
static int
step_after(const struct reply *reply, int step)
{
	if (step < STEP_THINKING_START && reply->plan.thinking)
		return STEP_THINKING_START;
	if (step < STEP_REDACTED && reply->plan.redacted)
		return STEP_REDACTED;
	if (step < STEP_SERVER_TOOL && reply->plan.server_tool)
		return STEP_SERVER_TOOL;
	return reply_calls_tool(reply) ? STEP_TOOL_START : STEP_TEXT_START;
}

/* A block that comes whole with its start. */
static void
whole_block(struct reply *reply, const char *block, struct bytes *out)
{
	block_start(reply, out);
	bytes_fmt(out, "%s}\n\n", block);
	block_stop(reply, out);
}

static void
start_message(struct reply *reply, struct bytes *out)
{
	event_begin("message_start", out);
	bytes_add(out, STR(",\"message\":"));
	add_message_begin(reply, out);
	bytes_add(out, STR("],\"stop_reason\":null,\"stop_sequence\":null,"));
	add_usage(reply, 1, AT_START, out);
	bytes_add(out, STR("}}\n\n"));
	reply->step = step_after(reply, STEP_MESSAGE_START);
}

static void
next_thinking(struct reply *reply, struct bytes *out)
{
	if (reply->step == STEP_THINKING_START) {
		block_start(reply, out);
		bytes_add(out, STR("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n"));
		reply->step = STEP_THINKING;
	} else if (reply->step == STEP_THINKING) {
		block_delta(reply, "thinking_delta", "thinking", out);
		bytes_fmt(out, "%s\"}}\n\n", thinking_text);
		reply->step = STEP_SIGNATURE;
	} else {
		block_delta(reply, "signature_delta", "signature", out);
		bytes_fmt(out, "%s\"}}\n\n", signature);
		block_stop(reply, out);
		reply->step = step_after(reply, STEP_SIGNATURE);
	}
}

static void
next_text(struct reply *reply, struct bytes *out)
{
	size_t before = out->len;

	block_delta(reply, "text_delta", "text", out);
	if (answer_next(&reply->answer, out)) {
		bytes_add(out, STR("\"}}\n\n"));
		return;
	}
	out->len = before;
	if (reply->plan.cite && reply->step == STEP_TEXT) {
		event_begin("content_block_delta", out);
		bytes_fmt(out, ",\"index\":%ld,\"delta\":{\"type\":\"citations_delta\",\"citation\":%s}}\n\n", reply->block, citation);
		reply->step = STEP_CITATION;
		return;
	}
	block_stop(reply, out);
	reply->step = STEP_MESSAGE_DELTA;
}

static void
next_args(struct reply *reply, struct bytes *out)
{
	struct str fragment;
	long calls = reply->plan.tool_calls > 1 ? reply->plan.tool_calls : 1;

	if (reply_args_next(reply, &fragment)) {
		block_delta(reply, "input_json_delta", "partial_json", out);
		bytes_json(out, fragment);
		bytes_add(out, STR("\"}}\n\n"));
		return;
	}
	block_stop(reply, out);
	reply->step = reply->block - blocks_before_tools(reply) < calls ? STEP_TOOL_START : STEP_MESSAGE_DELTA;
}

static void
next_message_delta(struct reply *reply, struct bytes *out)
{
	event_begin("message_delta", out);
	bytes_add(out, STR(",\"delta\":{"));
	add_stop_reason(reply, out);
	bytes_add(out, STR("}"));
	if (!reply->plan.no_usage) {
		bytes_add(out, STR(","));
		add_usage(reply, reply_completion_tokens(reply), AT_DELTA, out);
	}
	bytes_add(out, STR("}\n\n"));
	reply->step = reply->plan.no_done ? STEP_END : STEP_MESSAGE_STOP;
	reply->over = reply->plan.no_done;
}

static bool
anthropic_event(struct reply *reply, struct bytes *out)
{
	switch (reply->step) {
	case STEP_MESSAGE_START:
		start_message(reply, out);
		return true;
	case STEP_THINKING_START:
	case STEP_THINKING:
	case STEP_SIGNATURE:
		next_thinking(reply, out);
		return true;
	case STEP_REDACTED:
		whole_block(reply, redacted_block, out);
		reply->step = step_after(reply, STEP_REDACTED);
		return true;
	case STEP_SERVER_TOOL:
		whole_block(reply, server_tool_block, out);
		reply->step = STEP_SERVER_RESULT;
		return true;
	case STEP_SERVER_RESULT:
		whole_block(reply, server_result_block, out);
		reply->step = step_after(reply, STEP_SERVER_RESULT);
		return true;
	case STEP_TEXT_START:
		block_start(reply, out);
		bytes_add(out, STR("{\"type\":\"text\",\"text\":\"\"}}\n\n"));
		reply->step = STEP_PING;
		return true;
	case STEP_PING:
		event_begin("ping", out);
		bytes_add(out, STR("}\n\n"));
		reply->step = STEP_TEXT;
		return true;
	case STEP_TEXT:
	case STEP_CITATION:
		next_text(reply, out);
		return true;
	case STEP_TOOL_START:
		block_start(reply, out);
		add_tool_begin(reply, out);
		bytes_add(out, STR("{}}}\n\n"));
		reply_args_start(reply);
		reply->step = STEP_ARGS;
		return true;
	case STEP_ARGS:
		next_args(reply, out);
		return true;
	case STEP_MESSAGE_DELTA:
		next_message_delta(reply, out);
		return true;
	case STEP_MESSAGE_STOP:
		event_begin("message_stop", out);
		bytes_add(out, STR("}\n\n"));
		reply->step = STEP_END;
		reply->over = true;
		return true;
	default:
		return false;
	}
}

static void
anthropic_whole(struct reply *reply, struct bytes *out)
{
	long calls = reply->plan.tool_calls > 1 ? reply->plan.tool_calls : 1;

	add_message_begin(reply, out);
	if (reply->plan.thinking)
		bytes_fmt(out, "{\"type\":\"thinking\",\"thinking\":\"%s\",\"signature\":\"%s\"},", thinking_text, signature);
	if (reply->plan.redacted)
		bytes_fmt(out, "%s,", redacted_block);
	if (reply->plan.server_tool)
		bytes_fmt(out, "%s,%s,", server_tool_block, server_result_block);
	if (reply_calls_tool(reply)) {
		for (reply->block = 0; reply->block < calls; reply->block++) {
			reply_args_start(reply);
			if (reply->block > 0)
				bytes_add(out, STR(","));
			add_tool_begin(reply, out);
			bytes_add(out, bytes_view(&reply->args));
			bytes_add(out, STR("}"));
		}
	} else {
		bytes_add(out, STR("{\"type\":\"text\",\"text\":\""));
		while (answer_next(&reply->answer, out))
			continue;
		reply->fill_at = out->len;
		bytes_add(out, STR("\""));
		if (reply->plan.cite)
			bytes_fmt(out, ",\"citations\":[%s]", citation);
		bytes_add(out, STR("}"));
	}
	bytes_add(out, STR("],"));
	add_stop_reason(reply, out);
	if (!reply->plan.no_usage) {
		bytes_add(out, STR(","));
		add_usage(reply, reply_completion_tokens(reply), AT_WHOLE, out);
	}
	bytes_add(out, STR("}"));
}

static const char *
error_type(int status)
{
	static const struct {
		int status;
		const char *type;
	} types[] = {
		{ 400, "invalid_request_error" }, { 401, "authentication_error" }, { 402, "billing_error" },
		{ 403, "permission_error" },	  { 404, "not_found_error" },	   { 413, "request_too_large" },
		{ 429, "rate_limit_error" },	  { 504, "timeout_error" },	   { 529, "overloaded_error" },
	};

	for (size_t i = 0; i < COUNT(types); i++) {
		if (types[i].status == status)
			return types[i].type;
	}
	return status >= 500 ? "api_error" : "invalid_request_error";
}

static void
anthropic_error(const struct reply *reply, int status, const char *message, const char *param, const char *code, struct bytes *out)
{
	(void)param;
	bytes_fmt(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"", error_type(status));
	bytes_json(out, (struct str){ message, strlen(message) });
	bytes_add(out, STR("\""));
	if (code && strcmp(code, "thread_unsupported_request") == 0)
		bytes_fmt(out, ",\"details\":{\"error_code\":\"%s\"}", code);
	bytes_add(out, STR("},\"request_id\":\""));
	reply_id(reply, "req_", 24, out);
	bytes_add(out, STR("\"}"));
}

static void
anthropic_error_event(const struct reply *reply, struct bytes *out)
{
	(void)reply;
	bytes_add(out, STR("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"));
}

static void
anthropic_headers(const struct reply *reply, struct bytes *out)
{
	long left = reply->status == 429 ? 0 : 3999;
	char reset[32];
	struct tm tm;
	time_t next_minute = reply->created - reply->created % 60 + 60;

	strftime(reset, sizeof(reset), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&next_minute, &tm));
	bytes_fmt(out,
		  "anthropic-organization-id: mock\r\nanthropic-ratelimit-requests-limit: 4000\r\n"
		  "anthropic-ratelimit-requests-remaining: %ld\r\nanthropic-ratelimit-requests-reset: %s\r\n"
		  "anthropic-ratelimit-tokens-limit: 400000\r\nanthropic-ratelimit-tokens-remaining: 399000\r\n"
		  "anthropic-ratelimit-tokens-reset: %s\r\n",
		  left, reset, reset);
}

const struct wire wire_anthropic = {
	.dialect = DIALECT_ANTHROPIC,
	.request_id_header = "request-id",
	.event = anthropic_event,
	.whole = anthropic_whole,
	.error = anthropic_error,
	.error_event = anthropic_error_event,
	.headers = anthropic_headers,
};
