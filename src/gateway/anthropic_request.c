/*
 * anthropic_request.c - a call as the body of a message request.
 *
 * Wire: Anthropic's API reference, "Create a Message", version 2023-06-01. Differences that matter here: the system prompt is a member of its own; turns alternate, so neighbours of one
 * role are joined; results of tools are blocks of a user turn; max_tokens is required; thinking goes back only with its signature. A call of the same dialect keeps every member,
 * known or not; only what a stage has changed is written anew.
 */
#include "gateway/anthropic_request.h"
#include "gateway/request.h"

enum { TOKENS_DEFAULT = 4096, /* of an answer whose length the caller did not bound: the API wants a number */ };

static const struct err *
refuse(struct arena *arena, const char *param, const char *what)
{
	return err_param(arena, ERR_UNSUPPORTED, param, "unsupported_parameter", "%s is not supported by the Anthropic provider of this model", what);
}

/* --- blocks --- */

static void
put_cache(struct json_out *out, const struct json *cache)
{
	if (cache)
		json_set(out, "cache_control", cache);
}

/* An image or a document: what they are made from is worded alike. */
static const struct err *
put_source(struct json_out *out, const struct part *part, struct arena *arena)
{
	struct str media_type = STR_EMPTY, data;
	bool inlined = data_url_split(part->url, &media_type, &data);

	if (!part->url.len)
		return refuse(arena, "messages", "a file by the id of another service");
	if (!inlined && str_starts(part->url, STR("data:")))
		return refuse(arena, "messages", "a data: URL that is not base64");
	if (inlined && part->type == PART_FILE && !str_eq_c(media_type, "application/pdf"))
		return refuse(arena, "messages", "a file that is not a PDF");
	json_set_string(out, "type", part->type == PART_FILE ? STR("document") : STR("image"));
	json_set_object(out, "source");
	json_set_string(out, "type", inlined ? STR("base64") : STR("url"));
	if (inlined) {
		json_set_string(out, "media_type", media_type);
		json_set_string(out, "data", data);
	} else {
		json_set_string(out, "url", part->url);
	}
	json_end_object(out);
	if (part->type == PART_FILE && part->name.len)
		json_set_string(out, "title", part->name);
	return NULL;
}

static const struct err *
put_tool_use(struct json_out *out, const struct part *part, struct arena *arena)
{
	const struct json *input = NULL;

	if (part->text.len && (json_parse(arena, part->text, &input) || !json_is(input, JSON_OBJECT)))
		return err_param(arena, ERR_INVALID, "messages", NULL, "the arguments of tool call %" STR_F " are not a JSON object", STR_A(part->id));
	json_set_string(out, "type", STR("tool_use"));
	json_set_string(out, "id", part->id);
	json_set_string(out, "name", part->name);
	if (input)
		json_set(out, "input", input);
	else
		json_set_raw(out, "input", STR("{}"));
	return NULL;
}

static void
put_reasoning(struct json_out *out, const struct part *part)
{
	bool redacted = !part->text.ptr;

	json_set_string(out, "type", redacted ? STR("redacted_thinking") : STR("thinking"));
	if (!redacted)
		json_set_string(out, "thinking", part->text);
	json_set_string(out, redacted ? "data" : "signature", part->signature);
}

static const struct err *put_parts(struct json_out *out, const struct part *parts, struct arena *arena);

static const struct err *
put_tool_result(struct json_out *out, const struct part *part, struct arena *arena)
{
	const struct err *err = NULL;

	json_set_string(out, "type", STR("tool_result"));
	json_set_string(out, "tool_use_id", part->id);
	if (part->parts) {
		json_set_array(out, "content");
		err = put_parts(out, part->parts, arena);
		if (err)
			return err;
		json_end_array(out);
	} else {
		json_set_string(out, "content", part->text);
	}
	if (part->failed)
		json_set_bool(out, "is_error", true);
	return NULL;
}

static const struct err *
put_block(struct json_out *out, const struct part *part, struct arena *arena)
{
	const struct err *err = NULL;

	json_begin_object(out);
	switch (part->type) {
	case PART_TEXT:
	case PART_REFUSAL:
		json_set_string(out, "type", STR("text"));
		json_set_string(out, "text", part->text);
		break;
	case PART_IMAGE:
	case PART_FILE:
		err = put_source(out, part, arena);
		break;
	case PART_AUDIO:
		err = refuse(arena, "messages", "an audio part");
		break;
	case PART_TOOL_CALL:
		err = put_tool_use(out, part, arena);
		break;
	case PART_TOOL_RESULT:
		err = put_tool_result(out, part, arena);
		break;
	case PART_REASONING:
		put_reasoning(out, part);
		break;
	}
	if (err)
		return err;
	put_cache(out, part->cache);
	json_end_object(out);
	return NULL;
}

/* What the API would refuse says nothing either: empty texts, and thinking that another provider did not sign. */
static bool
is_worth_sending(const struct part *part)
{
	if (part->type == PART_TEXT || part->type == PART_REFUSAL)
		return part->text.len > 0;
	return part->type != PART_REASONING || part->signature.len > 0;
}

static const struct err *
put_parts(struct json_out *out, const struct part *parts, struct arena *arena)
{
	const struct err *err = NULL;

	for (const struct part *part = parts; part && !err; part = part->next)
		if (is_worth_sending(part))
			err = put_block(out, part, arena);
	return err;
}

/* --- system and messages --- */

/* Whether the message belongs into the member "system": all instructions but those that stand among a caller's own messages of this dialect. */
static bool
is_system(const struct call *call, const struct message *message)
{
	return request_is_system(message) && (call->dialect != DIALECT_ANTHROPIC || !message->raw);
}

static void
put_system(struct json_out *out, const struct call *call)
{
	bool any = false;

	for (const struct message *message = call->messages; message; message = message->next) {
		if (!is_system(call, message))
			continue;
		for (const struct part *part = message->parts; part; part = part->next) {
			if (part->type != PART_TEXT || !part->text.len)
				continue;
			if (!any)
				json_set_array(out, "system");
			any = true;
			json_begin_object(out);
			json_set_string(out, "type", STR("text"));
			json_set_string(out, "text", part->text);
			put_cache(out, part->cache);
			json_end_object(out);
		}
	}
	if (any)
		json_end_array(out);
}

static const struct err *
put_message(struct json_out *out, const struct message *message, void *of)
{
	return put_parts(out, message->parts, of);
}

static const struct request_turns turns = { .list = "messages", .content = "content", .model_role = "assistant", .put = put_message };

/* --- tools --- */

static void
put_tool_choice(struct json_out *out, const struct call *call)
{
	static const char *const choices[] = {
		[TOOL_CHOICE_NONE] = "none", [TOOL_CHOICE_AUTO] = "auto", [TOOL_CHOICE_REQUIRED] = "any", [TOOL_CHOICE_NAMED] = "tool" };
	enum tool_choice choice = call->tool_choice;

	if (choice == TOOL_CHOICE_UNSET && call->parallel_tools_off)
		choice = TOOL_CHOICE_AUTO;
	if (choice == TOOL_CHOICE_UNSET)
		return;
	json_set_object(out, "tool_choice");
	json_set_string(out, "type", str_of(choices[choice]));
	if (choice == TOOL_CHOICE_NAMED)
		json_set_string(out, "name", call->tool_named);
	if (call->parallel_tools_off && choice != TOOL_CHOICE_NONE)
		json_set_bool(out, "disable_parallel_tool_use", true);
	json_end_object(out);
}

static const struct err *
put_tools(struct json_out *out, const struct call *call, struct arena *arena)
{
	if (!call->tools)
		return NULL;
	json_set_array(out, "tools");
	for (const struct tool *tool = call->tools; tool; tool = tool->next) {
		if (tool->hosted)
			return refuse(arena, "tools", "a tool that another provider runs itself");
		json_begin_object(out);
		json_set_string(out, "name", tool->name);
		if (tool->description.len)
			json_set_string(out, "description", tool->description);
		if (json_is(tool->parameters, JSON_OBJECT))
			json_set(out, "input_schema", tool->parameters);
		else
			json_set_raw(out, "input_schema", STR("{\"type\":\"object\"}"));
		if (tool->strict)
			json_set_bool(out, "strict", true);
		put_cache(out, tool->cache);
		json_end_object(out);
	}
	json_end_array(out);
	put_tool_choice(out, call);
	return NULL;
}

/* --- the rest --- */

static const struct err *
check(const struct call *call, struct arena *arena)
{
	if (call->choices > 1)
		return refuse(arena, "n", "more than one choice");
	if (call->logprobs)
		return refuse(arena, "logprobs", "logprobs");
	if (call->audio)
		return refuse(arena, "modalities", "an audio answer");
	if (call->format == FORMAT_JSON_OBJECT)
		return refuse(arena, "response_format", "the response format json_object (json_schema is)");
	if (call->temperature > 1)
		return refuse(arena, "temperature", "a temperature over 1");
	if (call->frequency_penalty < 0 || call->frequency_penalty > 0)
		return refuse(arena, "frequency_penalty", "frequency_penalty");
	if (call->presence_penalty < 0 || call->presence_penalty > 0)
		return refuse(arena, "presence_penalty", "presence_penalty");
	if (call->seed)
		return refuse(arena, "seed", "seed");
	if (call->verbosity.len)
		return refuse(arena, "verbosity", "verbosity");
	if (call->extra.len) {
		const char *extra = arena_cstr(arena, call->extra);

		return extra ? refuse(arena, extra, extra) : &err_no_memory;
	}
	return NULL;
}

/*
 * A turn that went on from tool calls must begin with signed thinking while thinking is on; a conversation that came without (from a dialect that cannot carry it, or from another provider)
 * goes on without thinking.
 */
static bool
may_think(const struct call *call)
{
	const struct message *last = NULL;

	for (const struct message *message = call->messages; message; message = message->next)
		if (message->role == ROLE_ASSISTANT)
			last = message;
	for (const struct part *part = last ? last->parts : NULL; part; part = part->next) {
		if (part->type == PART_REASONING && part->signature.len)
			return true;
		if (part->type == PART_TOOL_CALL)
			return false;
	}
	return true;
}

static void
put_effort(struct json_out *out, const struct call *call, struct arena *arena)
{
	struct str effort = call->reasoning_effort;
	bool none = str_eq_c(effort, "none");

	if (str_eq_c(effort, "minimal"))
		effort = STR("low");
	if (none || (call->reasoning_tokens && may_think(call))) {
		json_set_object(out, "thinking");
		json_set_string(out, "type", none ? STR("disabled") : STR("enabled"));
		if (!none)
			json_set_int(out, "budget_tokens", call->reasoning_tokens);
		json_end_object(out);
	}
	if ((!effort.len || none) && call->format != FORMAT_JSON_SCHEMA)
		return;
	json_set_object(out, "output_config");
	if (effort.len && !none)
		json_set_string(out, "effort", effort);
	if (call->format == FORMAT_JSON_SCHEMA) {
		json_set_object(out, "format");
		json_set_string(out, "type", STR("json_schema"));
		request_schema_put(out, "schema", call, arena);
		json_end_object(out);
	}
	json_end_object(out);
}

static void
put_sampling(struct json_out *out, const struct call *call)
{
	request_real_put(out, "temperature", call->temperature);
	request_real_put(out, "top_p", call->top_p);
	if (call->top_k)
		json_set_int(out, "top_k", call->top_k);
	request_stops_put(out, "stop_sequences", call);
}

static const struct err *
put_translated(struct json_out *out, const struct call *call, struct arena *arena)
{
	const struct err *err = check(call, arena);

	if (err)
		return err;
	json_set_int(out, "max_tokens", call->tokens_max ? call->tokens_max : TOKENS_DEFAULT + call->reasoning_tokens);
	put_system(out, call);
	err = request_turns_put(out, call, &turns, arena);
	if (err)
		return err;
	put_sampling(out, call);
	put_effort(out, call, arena);
	err = put_tools(out, call, arena);
	if (err)
		return err;
	if (call->user.len) {
		json_set_object(out, "metadata");
		json_set_string(out, "user_id", call->user);
		json_end_object(out);
	}
	return NULL;
}

/* --- the same dialect --- */

/* A message as it came, but for thinking without a signature: that was another provider's, and would be refused. */
static void
put_signed(struct json_out *out, const struct json *message)
{
	json_begin_object(out);
	for (struct json_iter member = json_iter(message); json_next(&member);) {
		json_key(out, member.key);
		if (!str_eq_c(member.key, "content") || !json_is(member.value, JSON_ARRAY)) {
			json_put(out, member.value);
			continue;
		}
		json_begin_array(out);
		for (struct json_iter block = json_iter(member.value); json_next(&block);)
			if (!str_eq_c(json_get_string(block.value, "type"), "thinking") || json_get_string(block.value, "signature").len)
				json_put(out, block.value);
		json_end_array(out);
	}
	json_end_object(out);
}

static const struct err *
put_changed(struct json_out *out, const struct call *call, struct arena *arena)
{
	const struct err *err = NULL;

	put_system(out, call);
	json_set_array(out, "messages");
	for (const struct message *message = call->messages; message && !err; message = message->next) {
		if (message->raw) {
			put_signed(out, message->raw);
		} else if (!is_system(call, message)) {
			json_begin_object(out);
			json_set_string(out, "role", message->role == ROLE_ASSISTANT ? STR("assistant") : STR("user"));
			json_set_array(out, "content");
			err = put_parts(out, message->parts, arena);
			if (err)
				break;
			json_end_array(out);
			json_end_object(out);
		}
	}
	if (!err)
		json_end_array(out);
	return err;
}

const struct err *
anthropic_members_put(struct json_out *out, const struct call *call, struct arena *arena)
{
	if (call->dialect != DIALECT_ANTHROPIC)
		return put_translated(out, call, arena);
	if (call->changed && json_get(call->source, "thread")) /* the rest of the conversation is at Anthropic, and cannot be changed */
		return refuse(arena, "thread", "thread with a collection");
	for (struct json_iter it = json_iter(call->source); json_next(&it);) {
		bool rewritten = call->changed && (str_eq_c(it.key, "system") || str_eq_c(it.key, "messages"));

		if (rewritten || str_eq_c(it.key, "model") || str_eq_c(it.key, "stream"))
			continue;
		json_key(out, it.key);
		json_put(out, it.value);
	}
	return call->changed ? put_changed(out, call, arena) : NULL;
}
