/*
 * cohere_request.c - see cohere_request.h.
 *
 * Wire: docs.cohere.com/reference/chat (version 2). Close to OpenAI's; what differs: no member knows a tool by name, penalties begin at 0, top_p and top_k are p and k, and a schema stands beside the
 * type json_object. Plans and thoughts of earlier turns stay behind.
 */

#include "gateway/cohere_request.h"

#include "gateway/openai_request.h"
#include "gateway/request.h"

enum { STOPS_THERE = 5, K_MAX = 500 };

static const struct err *
refuse(struct arena *arena, const char *param, const char *what)
{
	return err_param(arena, ERR_UNSUPPORTED, param, "unsupported_parameter", "%s is not supported by the Cohere provider of this model", what);
}

static const struct err *
check_tools(const struct call *call, struct arena *arena)
{
	for (const struct tool *tool = call->tools; tool; tool = tool->next)
		if (tool->hosted)
			return refuse(arena, "tools", "a tool that the provider runs itself");
	if (call->tool_choice == TOOL_CHOICE_NAMED)
		return refuse(arena, "tool_choice", "a choice of one tool by its name");
	if (call->parallel_tools_off && call->tools)
		return refuse(arena, "parallel_tool_calls", "one tool call at a time");
	return NULL;
}

static const struct err *
check(const struct call *call, struct arena *arena)
{
	const char *extra = call->extra.len ? arena_cstr(arena, call->extra) : NULL;

	if (call->extra.len)
		return extra ? refuse(arena, extra, extra) : &err_no_memory;
	if (call->choices > 1)
		return refuse(arena, "n", "more than one choice");
	if (call->logprobs)
		return refuse(arena, "logprobs", "logprobs");
	if (call->audio)
		return refuse(arena, "modalities", "an audio answer");
	if (call->verbosity.len)
		return refuse(arena, "verbosity", "verbosity");
	if (call->temperature > 1)
		return refuse(arena, "temperature", "a temperature over 1");
	if (call->stop_count > STOPS_THERE)
		return refuse(arena, "stop", "more than 5 stop sequences");
	if (call->top_k > K_MAX)
		return refuse(arena, "top_k", "a top_k over 500");
	if (call->frequency_penalty < 0 || call->frequency_penalty > 1)
		return refuse(arena, "frequency_penalty", "a frequency_penalty below 0 or over 1");
	if (call->presence_penalty < 0 || call->presence_penalty > 1)
		return refuse(arena, "presence_penalty", "a presence_penalty below 0 or over 1");
	return check_tools(call, arena);
}

/* --- messages --- */

static const struct err *
put_part(struct json_out *out, const struct part *part, struct arena *arena)
{
	if (part->type == PART_AUDIO || part->type == PART_FILE)
		return refuse(arena, "messages", "an audio or file part");
	json_begin_object(out);
	if (part->type == PART_IMAGE) {
		json_set_string(out, "type", STR("image_url"));
		json_set_object(out, "image_url");
		json_set_string(out, "url", part->url);
		if (part->detail.len)
			json_set_string(out, "detail", part->detail);
		json_end_object(out);
	} else {
		json_set_string(out, "type", STR("text"));
		json_set_string(out, "text", part->text);
	}
	json_end_object(out);
	return NULL;
}

static bool
is_content(const struct part *part)
{
	if (part->type == PART_TEXT || part->type == PART_REFUSAL)
		return part->text.len > 0;
	return part->type == PART_IMAGE || part->type == PART_AUDIO || part->type == PART_FILE;
}

/* Results of tools are messages of their own, in front of what else a user's turn says. */
static const struct err *
put_results(struct json_out *out, const struct message *message, struct arena *arena)
{
	for (const struct part *part = message->parts; part; part = part->next) {
		if (part->type != PART_TOOL_RESULT)
			continue;
		for (const struct part *inner = part->parts; inner; inner = inner->next)
			if (inner->type != PART_TEXT)
				return refuse(arena, "messages", "a tool result that is more than text");
		json_begin_object(out);
		json_set_string(out, "role", STR("tool"));
		json_set_string(out, "tool_call_id", part->id);
		json_set_string(out, "content", part->failed ? arena_printf(arena, "The tool failed: %" STR_F, STR_A(part->text)) : part->text);
		json_end_object(out);
	}
	return NULL;
}

static const struct err *
put_message(struct json_out *out, const struct message *message, struct arena *arena)
{
	const struct err *err = put_results(out, message, arena);
	bool content = false, calls = false;
	enum role role = message->role == ROLE_DEVELOPER ? ROLE_SYSTEM : message->role == ROLE_TOOL ? ROLE_USER : message->role;

	for (const struct part *part = message->parts; part; part = part->next) {
		content = content || is_content(part);
		calls = calls || part->type == PART_TOOL_CALL;
	}
	if (err || (!content && !calls))
		return err;
	json_begin_object(out);
	json_set_string(out, "role", role_name(role));
	if (content)
		json_set_array(out, "content");
	for (const struct part *part = message->parts; part && !err; part = part->next)
		if (is_content(part))
			err = put_part(out, part, arena);
	if (err)
		return err;
	if (content)
		json_end_array(out);
	openai_tool_calls_put(out, message); /* the same shape there */
	json_end_object(out);
	return NULL;
}

/* --- tools and settings --- */

static void
put_tools(struct json_out *out, const struct call *call)
{
	bool strict = false;

	if (!call->tools)
		return;
	json_set_array(out, "tools");
	for (const struct tool *tool = call->tools; tool; tool = tool->next) {
		strict = strict || tool->strict;
		json_begin_object(out);
		json_set_string(out, "type", STR("function"));
		json_set_object(out, "function");
		json_set_string(out, "name", tool->name);
		if (tool->description.len)
			json_set_string(out, "description", tool->description);
		if (json_is(tool->parameters, JSON_OBJECT))
			json_set(out, "parameters", tool->parameters);
		else
			json_set_raw(out, "parameters", STR("{\"type\":\"object\",\"properties\":{}}"));
		json_end_object(out);
		json_end_object(out);
	}
	json_end_array(out);
	if (strict)
		json_set_bool(out, "strict_tools", true);
	if (call->tool_choice == TOOL_CHOICE_REQUIRED || call->tool_choice == TOOL_CHOICE_NONE)
		json_set_string(out, "tool_choice", call->tool_choice == TOOL_CHOICE_NONE ? STR("NONE") : STR("REQUIRED"));
}

static void
put_thinking(struct json_out *out, const struct call *call)
{
	bool off = str_eq_c(call->reasoning_effort, "none");

	if (!call->reasoning_effort.len && !call->reasoning_tokens)
		return;
	json_set_object(out, "thinking");
	json_set_string(out, "type", off ? STR("disabled") : STR("enabled"));
	if (call->reasoning_tokens && !off)
		json_set_int(out, "token_budget", call->reasoning_tokens);
	json_end_object(out);
}

static void
put_settings(struct json_out *out, const struct call *call, struct arena *arena)
{
	request_real_put(out, "temperature", call->temperature);
	request_real_put(out, "p", call->top_p);
	if (call->top_k)
		json_set_int(out, "k", call->top_k);
	request_real_put(out, "frequency_penalty", call->frequency_penalty);
	request_real_put(out, "presence_penalty", call->presence_penalty);
	if (call->seed)
		json_set(out, "seed", call->seed);
	if (call->tokens_max)
		json_set_int(out, "max_tokens", call->tokens_max);
	request_stops_put(out, "stop_sequences", call);
	if (call->format == FORMAT_TEXT)
		return;
	json_set_object(out, "response_format");
	json_set_string(out, "type", STR("json_object"));
	if (call->format == FORMAT_JSON_SCHEMA)
		request_schema_put(out, "json_schema", call, arena);
	json_end_object(out);
}

const struct err *
cohere_body_put(struct json_out *out, const struct call *call, const struct target *target, struct arena *arena)
{
	const struct err *err = check(call, arena);

	if (err)
		return err;
	json_begin_object(out);
	json_set_string(out, "model", target->model);
	json_set_array(out, "messages");
	for (const struct message *message = call->messages; message && !err; message = message->next)
		err = put_message(out, message, arena);
	if (err)
		return err;
	json_end_array(out);
	put_tools(out, call);
	put_settings(out, call, arena);
	put_thinking(out, call);
	json_set_bool(out, "stream", call->stream);
	json_end_object(out);
	return NULL;
}
