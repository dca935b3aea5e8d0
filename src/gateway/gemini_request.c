/*
 * gemini_request.c - a call as the body of generateContent.
 *
 * Wire: ai.google.dev/api/generate-content and cloud.google.com/vertex-ai, "GenerateContent". Differences that matter here: instructions are a member of their own; turns are the user's and the
 * model's; a tool's result names its function, so that the call it answers is looked up; parameters and answers are described by JSON Schema in parametersJsonSchema and responseJsonSchema;
 * a signature of a thought stands on the part it came with.
 */

#include "gateway/gemini.h"
#include "gateway/request.h"

enum { STOPS_THERE = 5, CANDIDATES_THERE = 8 };

struct writing {
	const struct call *call;
	struct arena *arena;
	struct json_out *out;
	struct str signature; /* of the next function call */
};

static const struct err *
refuse(struct arena *arena, const char *param, const char *what)
{
	return err_param(arena, ERR_UNSUPPORTED, param, "unsupported_parameter", "%s is not supported by the Gemini provider of this model", what);
}

bool
gemini_model_ok(struct str model)
{
	for (size_t i = 0; i < model.len; i++) {
		char c = model.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._/@", c)))
			return false;
	}
	return model.len > 0 && str_find(model, STR(".."), 0) == SIZE_MAX;
}

static const struct err *
check(const struct call *call, struct arena *arena)
{
	const char *extra = call->extra.len ? arena_cstr(arena, call->extra) : NULL;

	if (call->extra.len)
		return extra ? refuse(arena, extra, extra) : &err_no_memory;
	if (call->choices > CANDIDATES_THERE)
		return refuse(arena, "n", "more than 8 choices");
	if (call->stop_count > STOPS_THERE)
		return refuse(arena, "stop", "more than 5 stop sequences");
	if (call->logprobs)
		return refuse(arena, "logprobs", "logprobs");
	if (call->audio)
		return refuse(arena, "modalities", "an audio answer");
	if (call->verbosity.len)
		return refuse(arena, "verbosity", "verbosity");
	if (call->parallel_tools_off && call->tools)
		return refuse(arena, "parallel_tool_calls", "one tool call at a time");
	for (const struct tool *tool = call->tools; tool; tool = tool->next)
		if (tool->hosted)
			return refuse(arena, "tools", "a tool that the provider runs itself");
	return NULL;
}

/* --- parts --- */

/* By the ending of a URL or a file's name, for data that is elsewhere: the wire wants a type. */
static struct str
type_by_name(struct str name)
{
	static const char *const types[][2] = { { ".png", "image/png" }, { ".jpg", "image/jpeg" }, { ".jpeg", "image/jpeg" }, { ".webp", "image/webp" }, { ".gif", "image/gif" },
		{ ".pdf", "application/pdf" }, { ".txt", "text/plain" }, { ".md", "text/markdown" }, { ".csv", "text/csv" }, { ".json", "application/json" }, { ".html", "text/html" },
		{ ".wav", "audio/wav" }, { ".mp3", "audio/mp3" }, { ".mp4", "video/mp4" } };
	size_t query = str_find_byte(name, '?', 0);

	name = str_slice(name, 0, query);
	for (size_t i = 0; i < COUNT(types); i++) {
		size_t len = strlen(types[i][0]);

		if (name.len > len && str_eq_ci(str_slice(name, name.len - len, name.len), str_of(types[i][0])))
			return str_of(types[i][1]);
	}
	return STR_EMPTY;
}

static const struct err *
put_data(const struct writing *writing, const struct part *part)
{
	struct json_out *out = writing->out;
	struct str type, data, at = part->url.len ? part->url : part->id;

	if (data_url_split(part->url, &type, &data)) {
		json_set_object(out, "inlineData");
		json_set_string(out, "mimeType", type.len ? type : part->media_type);
		json_set_string(out, "data", data);
		json_end_object(out);
		return NULL;
	}
	if (str_starts(part->url, STR("data:")))
		return refuse(writing->arena, "messages", "a data: URL that is not base64");
	if (!str_starts(at, STR("https://")) && !str_starts(at, STR("gs://")))
		return refuse(writing->arena, "messages", "a file by the id of another service, or by a URL that is not https or gs,");
	type = part->media_type;
	if (!type.len)
		type = type_by_name(part->name);
	if (!type.len)
		type = type_by_name(at);
	if (!type.len)
		return refuse(writing->arena, "messages", "a URL whose ending does not tell the type of its data (use a data: URL)");
	json_set_object(out, "fileData");
	json_set_string(out, "mimeType", type);
	json_set_string(out, "fileUri", at);
	json_end_object(out);
	return NULL;
}

/* An id that decoders make where the service gave none stays with us. */
static bool
is_own_id(struct str id)
{
	return str_starts(id, STR("call_gemini_"));
}

static const struct err *
put_call(struct writing *writing, const struct part *part)
{
	struct json_out *out = writing->out;
	const struct json *arguments = NULL;
	struct str signature = part->signature.len ? part->signature : writing->signature;

	if (part->text.len && (json_parse(writing->arena, part->text, &arguments) || !json_is(arguments, JSON_OBJECT)))
		return err_param(writing->arena, ERR_INVALID, "messages", NULL, "the arguments of tool call %" STR_F " are not a JSON object", STR_A(part->id));
	json_set_object(out, "functionCall");
	if (!is_own_id(part->id))
		json_set_string(out, "id", part->id);
	json_set_string(out, "name", part->name);
	if (arguments)
		json_set(out, "args", arguments);
	else
		json_set_raw(out, "args", STR("{}"));
	json_end_object(out);
	if (str_starts(signature, STR(GEMINI_SIGNATURE_CALL)))
		json_set_string(out, "thoughtSignature", str_slice(signature, sizeof(GEMINI_SIGNATURE_CALL) - 1, signature.len));
	writing->signature = STR_EMPTY;
	return NULL;
}

/* The name of the function whose call has this id; the last one before the result counts. */
static struct str
name_of_call(const struct call *call, struct str id, const struct part *result)
{
	struct str name = str_n(NULL, 0);

	for (const struct message *message = call->messages; message; message = message->next)
		for (const struct part *part = message->parts; part; part = part->next) {
			if (part == result)
				return name;
			if (part->type == PART_TOOL_CALL && str_eq(part->id, id))
				name = part->name;
		}
	return name;
}

/* A result is an object there: itself when it is one as JSON, else below "result" or "error". */
static const struct err *
put_result(const struct writing *writing, const struct part *part)
{
	struct json_out *out = writing->out;
	struct str name = name_of_call(writing->call, part->id, part);
	const struct json *object = NULL;

	if (!name.ptr)
		return err_param(writing->arena, ERR_INVALID, "messages", NULL, "the result of tool call %" STR_F " answers no call of this conversation", STR_A(part->id));
	if (json_parse(writing->arena, part->text, &object))
		object = NULL;
	json_set_object(out, "functionResponse");
	if (!is_own_id(part->id))
		json_set_string(out, "id", part->id);
	json_set_string(out, "name", name);
	if (json_is(object, JSON_OBJECT) && !part->failed) {
		json_set(out, "response", object);
	} else {
		json_set_object(out, "response");
		json_set_string(out, part->failed ? "error" : "result", part->text);
		json_end_object(out);
	}
	json_end_object(out);
	return NULL;
}

/* Only thoughts that Gemini signed go back; of the others nothing is lost to it. */
static void
put_thought(const struct writing *writing, const struct part *part)
{
	struct json_out *out = writing->out;
	bool thought = str_starts(part->signature, STR(GEMINI_SIGNATURE_THOUGHT));
	size_t mark = thought ? sizeof(GEMINI_SIGNATURE_THOUGHT) - 1 : sizeof(GEMINI_SIGNATURE_TEXT) - 1;

	json_set_string(out, "text", thought && part->text.ptr ? part->text : STR_EMPTY);
	if (thought)
		json_set_bool(out, "thought", true);
	json_set_string(out, "thoughtSignature", str_slice(part->signature, mark, part->signature.len));
}

/* Parts that are not written as parts of their own. */
static bool
is_left_out(struct writing *writing, const struct part *part)
{
	if (part->type == PART_TEXT || part->type == PART_REFUSAL)
		return part->text.len == 0;
	if (part->type != PART_REASONING)
		return false;
	if (str_starts(part->signature, STR(GEMINI_SIGNATURE_CALL))) {
		writing->signature = part->signature;
		return true;
	}
	return !str_starts(part->signature, STR(GEMINI_SIGNATURE_TEXT)) && !str_starts(part->signature, STR(GEMINI_SIGNATURE_THOUGHT));
}

static const struct err *
put_part(struct writing *writing, const struct part *part)
{
	const struct err *err = NULL;

	if (is_left_out(writing, part))
		return NULL;
	json_begin_object(writing->out);
	switch (part->type) {
	case PART_TEXT:
	case PART_REFUSAL:
		json_set_string(writing->out, "text", part->text);
		break;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_FILE:
		err = put_data(writing, part);
		break;
	case PART_TOOL_CALL:
		err = put_call(writing, part);
		break;
	case PART_TOOL_RESULT:
		err = put_result(writing, part);
		break;
	case PART_REASONING:
		put_thought(writing, part);
		break;
	}
	if (!err)
		json_end_object(writing->out);
	/* What a result holds beside text comes behind it, in the same turn. */
	for (const struct part *inner = part->type == PART_TOOL_RESULT ? part->parts : NULL; inner && !err; inner = inner->next)
		if (inner->type != PART_TEXT)
			err = put_part(writing, inner);
	return err;
}

/* --- turns --- */

static void
put_system(const struct writing *writing)
{
	bool any = false;

	for (const struct message *message = writing->call->messages; message; message = message->next) {
		if (!request_is_system(message))
			continue;
		if (!any) {
			json_set_object(writing->out, "systemInstruction");
			json_set_array(writing->out, "parts");
		}
		any = true;
		json_begin_object(writing->out);
		json_set_string(writing->out, "text", message_text(writing->arena, message));
		json_end_object(writing->out);
	}
	if (any) {
		json_end_array(writing->out);
		json_end_object(writing->out);
	}
}

static const struct err *
put_message(struct json_out *out, const struct message *message, void *of)
{
	const struct err *err = NULL;

	(void)out; /* writing has it */
	for (const struct part *part = message->parts; part && !err; part = part->next)
		err = put_part(of, part);
	return err;
}

static const struct request_turns turns = { .list = "contents", .content = "parts", .model_role = "model", .put = put_message };

/* --- tools and settings --- */

static void
put_tools(const struct writing *writing)
{
	static const char *const modes[] = {
		[TOOL_CHOICE_NONE] = "NONE", [TOOL_CHOICE_AUTO] = "AUTO", [TOOL_CHOICE_REQUIRED] = "ANY", [TOOL_CHOICE_NAMED] = "ANY" };
	const struct call *call = writing->call;
	struct json_out *out = writing->out;

	if (!call->tools)
		return;
	json_set_array(out, "tools");
	json_begin_object(out);
	json_set_array(out, "functionDeclarations");
	for (const struct tool *tool = call->tools; tool; tool = tool->next) {
		json_begin_object(out);
		json_set_string(out, "name", tool->name);
		if (tool->description.len)
			json_set_string(out, "description", tool->description);
		if (json_is(tool->parameters, JSON_OBJECT) && json_count(tool->parameters) > 0)
			json_set(out, "parametersJsonSchema", tool->parameters);
		json_end_object(out);
	}
	json_end_array(out);
	json_end_object(out);
	json_end_array(out);
	if (call->tool_choice == TOOL_CHOICE_UNSET)
		return;
	json_set_object(out, "toolConfig");
	json_set_object(out, "functionCallingConfig");
	json_set_string(out, "mode", str_of(modes[call->tool_choice]));
	if (call->tool_choice == TOOL_CHOICE_NAMED) {
		json_set_array(out, "allowedFunctionNames");
		json_put_string(out, call->tool_named);
		json_end_array(out);
	}
	json_end_object(out);
	json_end_object(out);
}

/* Models before Gemini 3 take a budget of tokens, later ones a level. */
static bool
has_budgets(struct str model)
{
	return str_find(model, STR("gemini-2"), 0) != SIZE_MAX || str_find(model, STR("gemini-1"), 0) != SIZE_MAX;
}

/* ai.google.dev/gemini-api/docs/openai, "Thinking": what reasoning_effort stands for. */
static int64_t
budget_of(struct str effort)
{
	static const struct {
		const char *name;
		int64_t tokens;
	} budgets[] = { { "none", 0 }, { "minimal", 1024 }, { "low", 1024 }, { "medium", 8192 } };

	for (size_t i = 0; i < COUNT(budgets); i++)
		if (str_eq_c(effort, budgets[i].name))
			return budgets[i].tokens;
	return 24576;
}

static const struct err *
put_thinking(const struct writing *writing, struct str model)
{
	const struct call *call = writing->call;
	struct json_out *out = writing->out;
	struct str effort = call->reasoning_effort;
	bool none = str_eq_c(effort, "none");

	if (!effort.len && !call->reasoning_tokens)
		return NULL;
	if (none && !has_budgets(model))
		return refuse(writing->arena, "reasoning_effort", "an answer without any reasoning");
	json_set_object(out, "thinkingConfig");
	if (!none)
		json_set_bool(out, "includeThoughts", true);
	if (call->reasoning_tokens)
		json_set_int(out, "thinkingBudget", call->reasoning_tokens);
	else if (has_budgets(model))
		json_set_int(out, "thinkingBudget", budget_of(effort));
	else
		json_set_string(out, "thinkingLevel", str_eq_c(effort, "minimal") || str_eq_c(effort, "low") || str_eq_c(effort, "medium") ? effort : STR("high"));
	json_end_object(out);
	return NULL;
}

static const struct err *
put_config(const struct writing *writing, struct str model)
{
	const struct call *call = writing->call;
	struct json_out *out = writing->out;
	const struct err *err;

	json_set_object(out, "generationConfig");
	request_real_put(out, "temperature", call->temperature);
	request_real_put(out, "topP", call->top_p);
	if (call->top_k)
		json_set_int(out, "topK", call->top_k);
	request_real_put(out, "presencePenalty", call->presence_penalty);
	request_real_put(out, "frequencyPenalty", call->frequency_penalty);
	if (call->seed)
		json_set(out, "seed", call->seed);
	if (call->tokens_max)
		json_set_int(out, "maxOutputTokens", call->tokens_max);
	if (call->choices > 1)
		json_set_int(out, "candidateCount", call->choices);
	request_stops_put(out, "stopSequences", call);
	if (call->format != FORMAT_TEXT)
		json_set_string(out, "responseMimeType", STR("application/json"));
	if (call->format == FORMAT_JSON_SCHEMA)
		request_schema_put(out, "responseJsonSchema", call, writing->arena);
	err = put_thinking(writing, model);
	if (!err)
		json_end_object(out);
	return err;
}

const struct err *
gemini_write(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	struct json_out json;
	struct buf *body;
	struct writing writing = { .call = call, .arena = arena, .out = &json, .signature = STR_EMPTY };
	const struct err *err = check(call, arena);

	if (!err)
		err = request_headers(target, arena, NULL, 0, out);
	if (err)
		return err;
	out->method = HTTP_POST;
	body = request_body_new(arena);
	if (!body)
		return &err_no_memory;
	json_out_init(&json, body);
	json_begin_object(&json);
	put_system(&writing);
	err = request_turns_put(&json, call, &turns, &writing);
	if (err)
		return err;
	put_tools(&writing);
	err = put_config(&writing, target->model);
	if (err)
		return err;
	json_end_object(&json);
	return request_body_done(arena, body, &out->body);
}
