/*
 * bedrock_request.c - see bedrock_request.h.
 *
 * Wire: Amazon Bedrock API reference, "Converse". Differences that matter here: instructions are a member of their own; turns alternate, so neighbours of one side are joined; results of tools are the
 * user's; images and documents are sent as bytes or lie in S3; a point of the prompt cache is a block behind what it covers; what Converse has no member for and Claude does is in
 * additionalModelRequestFields.
 */
#include <math.h>

#include "gateway/bedrock_request.h"
#include "gateway/request.h"

enum { BUDGET_MIN = 1024, ANSWER_DEFAULT = 4096, TOOL_ID_MAX = 64 };

struct writing {
	const struct call *call;
	struct arena *arena;
	struct json_out *out;
	unsigned documents; /* named so far: names must differ */
};

static const struct err *
refuse(struct arena *arena, const char *param, const char *what)
{
	return err_param(arena, ERR_UNSUPPORTED, param, "unsupported_parameter", "%s is not supported by the Bedrock provider of this model", what);
}

static bool
is_claude(struct str model)
{
	return str_find(model, STR("anthropic"), 0) != SIZE_MAX || str_find(model, STR("claude"), 0) != SIZE_MAX;
}

static bool
has_tool_parts(const struct call *call)
{
	for (const struct message *message = call->messages; message; message = message->next)
		for (const struct part *part = message->parts; part; part = part->next)
			if (part->type == PART_TOOL_CALL || part->type == PART_TOOL_RESULT)
				return true;
	return false;
}

static const struct err *
check_switches(const struct call *call, const struct target *target, struct arena *arena)
{
	if (call->choices > 1)
		return refuse(arena, "n", "more than one choice");
	if (call->logprobs)
		return refuse(arena, "logprobs", "logprobs");
	if (call->audio)
		return refuse(arena, "modalities", "an audio answer");
	if (call->format == FORMAT_JSON_OBJECT)
		return refuse(arena, "response_format", "response_format json_object (json_schema is)");
	if (call->verbosity.len)
		return refuse(arena, "verbosity", "verbosity");
	if (call->parallel_tools_off && call->tools)
		return refuse(arena, "parallel_tool_calls", "one tool call at a time");
	if (call->top_k && !is_claude(target->model))
		return refuse(arena, "top_k", "top_k");
	if (call->reasoning_tokens && !is_claude(target->model))
		return refuse(arena, "thinking", "a budget for reasoning");
	return NULL;
}

static const struct err *
check(const struct call *call, const struct target *target, struct arena *arena)
{
	const char *extra = call->extra.len ? arena_cstr(arena, call->extra) : NULL;

	if (call->extra.len)
		return extra ? refuse(arena, extra, extra) : &err_no_memory;
	if (!isnan(call->frequency_penalty) && call->frequency_penalty != 0)
		return refuse(arena, "frequency_penalty", "frequency_penalty");
	if (!isnan(call->presence_penalty) && call->presence_penalty != 0)
		return refuse(arena, "presence_penalty", "presence_penalty");
	if (call->seed)
		return refuse(arena, "seed", "seed");
	for (const struct tool *tool = call->tools; tool; tool = tool->next)
		if (tool->hosted)
			return refuse(arena, "tools", "a tool that the provider runs itself");
	if (call->tool_choice == TOOL_CHOICE_NONE && call->tools && has_tool_parts(call))
		return refuse(arena, "tool_choice", "tool_choice none in a conversation that has called tools");
	return check_switches(call, target, arena);
}

/* --- blocks --- */

/* Behind what it covers; `cache` is Anthropic's cache_control. */
static void
put_cache_point(struct json_out *out, const struct json *cache)
{
	struct str ttl = json_get_string(cache, "ttl");

	if (!cache)
		return;
	json_begin_object(out);
	json_set_object(out, "cachePoint");
	json_set_string(out, "type", STR("default"));
	if (ttl.len)
		json_set_string(out, "ttl", ttl);
	json_end_object(out);
	json_end_object(out);
}

/* "png" of "image/png"; ptr NULL: the service does not know the type. */
static struct str
format_of(struct str media_type, struct str name)
{
	static const char *const formats[][2] = { { "image/png", "png" }, { "image/jpeg", "jpeg" }, { "image/gif", "gif" }, { "image/webp", "webp" }, { "application/pdf", "pdf" },
		{ "text/csv", "csv" }, { "text/html", "html" }, { "text/plain", "txt" }, { "text/markdown", "md" }, { "application/msword", "doc" },
		{ "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx" }, { "application/vnd.ms-excel", "xls" },
		{ "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx" } };

	for (size_t i = 0; i < COUNT(formats); i++) {
		struct str ending = str_of(formats[i][1]);

		if (str_eq_c(media_type, formats[i][0]))
			return ending;
		if (name.len > ending.len + 1 && name.ptr[name.len - ending.len - 1] == '.' && str_eq_ci(str_slice(name, name.len - ending.len, name.len), ending))
			return ending;
	}
	return str_n(NULL, 0);
}

static bool
is_image_format(struct str format)
{
	return str_eq_c(format, "png") || str_eq_c(format, "jpeg") || str_eq_c(format, "gif") || str_eq_c(format, "webp");
}

static void
put_source(struct json_out *out, struct str data, struct str s3)
{
	json_set_object(out, "source");
	if (s3.len) {
		json_set_object(out, "s3Location");
		json_set_string(out, "uri", s3);
		json_end_object(out);
	} else {
		json_set_string(out, "bytes", data);
	}
	json_end_object(out);
}

/* A neutral name, as the service advises: it stands in the prompt, and only some characters may be in it. */
static struct str
document_name(struct writing *writing)
{
	return arena_printf(writing->arena, "document-%u", ++writing->documents);
}

static const struct err *
put_media(struct writing *writing, const struct part *part)
{
	struct str type = part->media_type, data = STR_EMPTY, s3 = STR_EMPTY, format;
	struct json_out *out = writing->out;
	bool inlined = data_url_split(part->url, &type, &data);

	if (!inlined && str_starts(part->url, STR("s3://")))
		s3 = part->url;
	else if (!inlined)
		return refuse(writing->arena, "messages", "an image or file by its URL or id (send a base64 data: URL or s3://)");
	format = format_of(type, part->name.len ? part->name : s3);
	if (!format.ptr)
		return refuse(writing->arena, "messages", "an image or file of this type");
	json_set_object(out, is_image_format(format) ? "image" : "document");
	json_set_string(out, "format", format);
	if (!is_image_format(format))
		json_set_string(out, "name", document_name(writing));
	put_source(out, data, s3);
	json_end_object(out);
	return NULL;
}

static const struct err *
put_tool_use(struct writing *writing, const struct part *part)
{
	struct json_out *out = writing->out;
	const struct json *input = NULL;

	if (part->text.len && (json_parse(writing->arena, part->text, &input) || !json_is(input, JSON_OBJECT)))
		return err_param(writing->arena, ERR_INVALID, "messages", NULL, "the arguments of tool call %" STR_F " are not a JSON object", STR_A(part->id));
	if (part->id.len > TOOL_ID_MAX)
		return err_param(writing->arena, ERR_INVALID, "messages", NULL, "the id of a tool call has more than 64 characters");
	json_set_object(out, "toolUse");
	json_set_string(out, "toolUseId", part->id);
	json_set_string(out, "name", part->name);
	if (input)
		json_set(out, "input", input);
	else
		json_set_raw(out, "input", STR("{}"));
	json_end_object(out);
	return NULL;
}

static const struct err *put_block(struct writing *writing, const struct part *part);

static const struct err *
put_tool_result(struct writing *writing, const struct part *part)
{
	struct json_out *out = writing->out;
	const struct err *err = NULL;

	json_set_object(out, "toolResult");
	json_set_string(out, "toolUseId", part->id);
	json_set_array(out, "content");
	if (!part->parts) {
		json_begin_object(out);
		json_set_string(out, "text", part->text);
		json_end_object(out);
	}
	for (const struct part *inner = part->parts; inner && !err; inner = inner->next)
		err = put_block(writing, inner);
	if (err)
		return err;
	json_end_array(out);
	json_set_string(out, "status", part->failed ? STR("error") : STR("success"));
	json_end_object(out);
	return NULL;
}

static void
put_reasoning(struct json_out *out, const struct part *part)
{
	json_set_object(out, "reasoningContent");
	if (str_starts(part->signature, STR(BEDROCK_REDACTED))) {
		json_set_string(out, "redactedContent", str_slice(part->signature, sizeof(BEDROCK_REDACTED) - 1, part->signature.len));
	} else {
		json_set_object(out, "reasoningText");
		json_set_string(out, "text", part->text.ptr ? part->text : STR_EMPTY);
		json_set_string(out, "signature", str_slice(part->signature, sizeof(BEDROCK_SIGNATURE) - 1, part->signature.len));
		json_end_object(out);
	}
	json_end_object(out);
}

/* What the service would refuse says nothing either: empty texts, and reasoning that another provider signed. */
static bool
is_worth_sending(const struct part *part)
{
	if (part->type == PART_TEXT || part->type == PART_REFUSAL)
		return str_trim(part->text).len > 0;
	return part->type != PART_REASONING || str_starts(part->signature, STR(BEDROCK_SIGNATURE));
}

static const struct err *
put_block(struct writing *writing, const struct part *part)
{
	const struct err *err = NULL;

	if (!is_worth_sending(part))
		return NULL;
	json_begin_object(writing->out);
	switch (part->type) {
	case PART_TEXT:
	case PART_REFUSAL:
		json_set_string(writing->out, "text", part->text);
		break;
	case PART_IMAGE:
	case PART_FILE:
		err = put_media(writing, part);
		break;
	case PART_AUDIO:
		err = refuse(writing->arena, "messages", "an audio part");
		break;
	case PART_TOOL_CALL:
		err = put_tool_use(writing, part);
		break;
	case PART_TOOL_RESULT:
		err = put_tool_result(writing, part);
		break;
	case PART_REASONING:
		put_reasoning(writing->out, part);
		break;
	}
	if (err)
		return err;
	json_end_object(writing->out);
	put_cache_point(writing->out, part->cache);
	return NULL;
}

/* --- turns --- */

static const struct err *
put_system(struct writing *writing)
{
	const struct err *err = NULL;
	bool any = false;

	for (const struct message *message = writing->call->messages; message && !err; message = message->next) {
		if (!request_is_system(message))
			continue;
		if (!any)
			json_set_array(writing->out, "system");
		any = true;
		for (const struct part *part = message->parts; part && !err; part = part->next)
			err = put_block(writing, part);
	}
	if (any && !err)
		json_end_array(writing->out);
	return err;
}

static const struct err *
put_message(struct json_out *out, const struct message *message, void *of)
{
	const struct err *err = NULL;

	(void)out; /* writing has it */
	for (const struct part *part = message->parts; part && !err; part = part->next)
		err = put_block(of, part);
	return err;
}

static const struct request_turns turns = { .list = "messages", .content = "content", .model_role = "assistant", .put = put_message };

/* --- tools and settings --- */

static void
put_choice(struct json_out *out, const struct call *call)
{
	if (call->tool_choice == TOOL_CHOICE_UNSET)
		return;
	json_set_object(out, "toolChoice");
	json_set_object(out, call->tool_choice == TOOL_CHOICE_AUTO ? "auto" : call->tool_choice == TOOL_CHOICE_REQUIRED ? "any" : "tool");
	if (call->tool_choice == TOOL_CHOICE_NAMED)
		json_set_string(out, "name", call->tool_named);
	json_end_object(out);
	json_end_object(out);
}

static void
put_tools(struct json_out *out, const struct call *call)
{
	if (!call->tools || call->tool_choice == TOOL_CHOICE_NONE)
		return;
	json_set_object(out, "toolConfig");
	json_set_array(out, "tools");
	for (const struct tool *tool = call->tools; tool; tool = tool->next) {
		json_begin_object(out);
		json_set_object(out, "toolSpec");
		json_set_string(out, "name", tool->name);
		if (tool->description.len)
			json_set_string(out, "description", tool->description);
		json_set_object(out, "inputSchema");
		if (json_is(tool->parameters, JSON_OBJECT))
			json_set(out, "json", tool->parameters);
		else
			json_set_raw(out, "json", STR("{\"type\":\"object\"}"));
		json_end_object(out);
		if (tool->strict)
			json_set_bool(out, "strict", true);
		json_end_object(out);
		json_end_object(out);
		put_cache_point(out, tool->cache);
	}
	json_end_array(out);
	put_choice(out, call);
	json_end_object(out);
}

/*
 * While thinking is on, a turn that goes on from tool calls begins with thinking that Bedrock has signed; a conversation without it (a dialect that cannot carry it, another provider's turn) goes on without thinking.
 */
static bool
thinks(const struct call *call)
{
	const struct message *last = NULL;

	for (const struct message *message = call->messages; message; message = message->next)
		if (message->role == ROLE_ASSISTANT)
			last = message;
	for (const struct part *part = last ? last->parts : NULL; part; part = part->next) {
		if (part->type == PART_REASONING && str_starts(part->signature, STR(BEDROCK_SIGNATURE)))
			break;
		if (part->type == PART_TOOL_CALL)
			return false;
	}
	return call->reasoning_tokens > 0;
}

static void
put_inference(struct json_out *out, const struct call *call)
{
	int64_t tokens = call->tokens_max;

	if (!tokens && thinks(call)) /* the budget is part of it */
		tokens = call->reasoning_tokens + ANSWER_DEFAULT;
	json_set_object(out, "inferenceConfig");
	if (tokens)
		json_set_int(out, "maxTokens", tokens);
	request_real_put(out, "temperature", call->temperature);
	request_real_put(out, "topP", call->top_p);
	request_stops_put(out, "stopSequences", call);
	json_end_object(out);
}

static const struct err *
put_format(const struct writing *writing)
{
	const struct call *call = writing->call;
	struct json_out *out = writing->out, json;
	struct buf schema;

	buf_init(&schema, writing->arena, MIB(4));
	json_out_init(&json, &schema);
	json_put(&json, call->schema);
	json_set_object(out, "textFormat");
	json_set_string(out, "type", STR("json_schema"));
	json_set_object(out, "structure");
	json_set_object(out, "jsonSchema");
	json_set_string(out, "schema", buf_str(&schema));
	if (call->schema_name.len)
		json_set_string(out, "name", call->schema_name);
	if (call->schema_description.len)
		json_set_string(out, "description", call->schema_description);
	json_end_object(out);
	json_end_object(out);
	json_end_object(out);
	return buf_err(&schema);
}

static const struct err *
put_output_config(const struct writing *writing)
{
	const struct call *call = writing->call;
	struct str effort = str_eq_c(call->reasoning_effort, "minimal") ? STR("low") : call->reasoning_effort;
	bool has_effort = effort.len > 0 && !str_eq_c(effort, "none");
	const struct err *err = NULL;

	if (!has_effort && call->format != FORMAT_JSON_SCHEMA)
		return NULL;
	json_set_object(writing->out, "outputConfig");
	if (call->format == FORMAT_JSON_SCHEMA)
		err = put_format(writing);
	if (!err && has_effort)
		json_set_string(writing->out, "effort", effort);
	if (!err)
		json_end_object(writing->out);
	return err;
}

static void
put_additional(struct json_out *out, const struct call *call)
{
	if (!call->top_k && !thinks(call))
		return;
	json_set_object(out, "additionalModelRequestFields");
	if (call->top_k)
		json_set_int(out, "top_k", call->top_k);
	if (thinks(call)) {
		json_set_object(out, "thinking");
		json_set_string(out, "type", STR("enabled"));
		json_set_int(out, "budget_tokens", call->reasoning_tokens < BUDGET_MIN ? BUDGET_MIN : call->reasoning_tokens);
		json_end_object(out);
	}
	json_end_object(out);
}

const struct err *
bedrock_body_put(struct json_out *out, const struct call *call, const struct target *target, struct arena *arena)
{
	struct writing writing = { .call = call, .arena = arena, .out = out };
	const struct err *err = check(call, target, arena);

	if (err)
		return err;
	json_begin_object(out);
	err = request_turns_put(out, call, &turns, &writing);
	if (!err)
		err = put_system(&writing);
	if (err)
		return err;
	put_inference(out, call);
	put_tools(out, call);
	err = put_output_config(&writing);
	if (err)
		return err;
	put_additional(out, call);
	json_end_object(out);
	return NULL;
}
