/*
 * openai_request.c - the body of a chat completion, written from the inner form: for calls that came in another dialect.
 *
 * Wire: OpenAI's API reference, "Chat completions". Results of tools are messages of their own there, directly behind the assistant's turn that called them; instructions of any kind are sent as "system",
 * which every server of this wire knows. What the wire cannot say is refused.
 */

#include "gateway/openai_request.h"
#include "gateway/request.h"

static const struct err *
refuse(struct arena *arena, const char *param, const char *what)
{
	return err_param(arena, ERR_UNSUPPORTED, param, "unsupported_parameter", "%s is not supported by the OpenAI-compatible provider of this model", what);
}

/* --- messages --- */

static void
put_image(struct json_out *out, const struct part *part)
{
	json_set_string(out, "type", STR("image_url"));
	json_set_object(out, "image_url");
	json_set_string(out, "url", part->url);
	if (part->detail.len)
		json_set_string(out, "detail", part->detail);
	json_end_object(out);
}

static const struct err *
put_audio(struct json_out *out, const struct part *part, struct arena *arena)
{
	struct str media_type, data;

	if (!data_url_split(part->url, &media_type, &data))
		return refuse(arena, "messages", "audio by anything but a data: URL");
	json_set_string(out, "type", STR("input_audio"));
	json_set_object(out, "input_audio");
	json_set_string(out, "data", data);
	json_set_string(out, "format", str_ends(media_type, STR("wav")) ? STR("wav") : STR("mp3"));
	json_end_object(out);
	return NULL;
}

static const struct err *
put_file(struct json_out *out, const struct part *part, struct arena *arena)
{
	if (part->url.len && !str_starts(part->url, STR("data:")))
		return refuse(arena, "messages", "a file by its URL");
	json_set_string(out, "type", STR("file"));
	json_set_object(out, "file");
	if (part->url.len)
		json_set_string(out, "file_data", part->url);
	else
		json_set_string(out, "file_id", part->id);
	if (part->name.len)
		json_set_string(out, "filename", part->name);
	json_end_object(out);
	return NULL;
}

static const struct err *
put_part(struct json_out *out, const struct part *part, struct arena *arena)
{
	const struct err *err = NULL;

	json_begin_object(out);
	if (part->type == PART_IMAGE) {
		put_image(out, part);
	} else if (part->type == PART_AUDIO) {
		err = put_audio(out, part, arena);
	} else if (part->type == PART_FILE) {
		err = put_file(out, part, arena);
	} else {
		json_set_string(out, "type", part->type == PART_REFUSAL ? STR("refusal") : STR("text"));
		json_set_string(out, part->type == PART_REFUSAL ? "refusal" : "text", part->text);
	}
	if (!err)
		json_end_object(out);
	return err;
}

static bool
is_content(const struct part *part)
{
	return part->type != PART_TOOL_CALL && part->type != PART_TOOL_RESULT && part->type != PART_REASONING;
}

void
openai_tool_calls_put(struct json_out *out, const struct message *message)
{
	bool any = false;

	for (const struct part *part = message->parts; part; part = part->next) {
		if (part->type != PART_TOOL_CALL)
			continue;
		if (!any)
			json_set_array(out, "tool_calls");
		any = true;
		json_begin_object(out);
		json_set_string(out, "id", part->id);
		json_set_string(out, "type", part->custom ? STR("custom") : STR("function"));
		json_set_object(out, part->custom ? "custom" : "function");
		json_set_string(out, "name", part->name);
		if (part->custom)
			json_set_string(out, "input", part->text);
		else
			json_set_string(out, "arguments", part->text.len ? part->text : STR("{}"));
		json_end_object(out);
		json_end_object(out);
	}
	if (any)
		json_end_array(out);
}

/* One text is a string, for servers that know no parts; none at all is null beside tool calls. */
static const struct err *
put_content(struct json_out *out, const struct message *message, struct arena *arena)
{
	const struct part *only = NULL;
	const struct err *err = NULL;
	size_t count = 0;

	for (const struct part *part = message->parts; part; part = part->next) {
		if (!is_content(part))
			continue;
		only = part;
		count++;
	}
	if (count == 0)
		json_set_null(out, "content");
	if (count == 1 && only->type == PART_TEXT)
		json_set_string(out, "content", only->text);
	if (count == 0 || (count == 1 && only->type == PART_TEXT))
		return NULL;
	json_set_array(out, "content");
	for (const struct part *part = message->parts; part && !err; part = part->next)
		if (is_content(part))
			err = put_part(out, part, arena);
	if (!err)
		json_end_array(out);
	return err;
}

/* A result is text there; what else it holds comes in a user's message behind all results (put_seen), where images are allowed. */
static const struct err *
put_tool_result(struct json_out *out, const struct part *part, struct arena *arena)
{
	struct str text = part->text;
	bool more = false;

	for (const struct part *inner = part->parts; inner; inner = inner->next)
		more = more || inner->type != PART_TEXT;
	if (more)
		text = arena_printf(arena, "%" STR_F "%sWhat this tool returned beside text follows in the next message.", STR_A(text), text.len ? "\n" : "");
	if (part->failed)
		text = arena_printf(arena, "The tool failed: %" STR_F, STR_A(text));
	if (!text.ptr)
		return &err_no_memory;
	json_begin_object(out);
	json_set_string(out, "role", STR("tool"));
	json_set_string(out, "tool_call_id", part->id);
	json_set_string(out, "content", text);
	json_end_object(out);
	return NULL;
}

static const struct err *
put_seen(struct json_out *out, const struct message *message, struct arena *arena)
{
	const struct err *err = NULL;
	bool any = false;

	for (const struct part *part = message->parts; part; part = part->next) {
		for (const struct part *inner = part->type == PART_TOOL_RESULT ? part->parts : NULL; inner && !err; inner = inner->next) {
			if (inner->type == PART_TEXT)
				continue;
			if (!any) {
				json_begin_object(out);
				json_set_string(out, "role", STR("user"));
				json_set_array(out, "content");
			}
			any = true;
			err = put_part(out, inner, arena);
		}
	}
	if (any && !err) {
		json_end_array(out);
		json_end_object(out);
	}
	return err;
}

static const struct err *
put_tool_results(struct json_out *out, const struct message *message, struct arena *arena)
{
	const struct err *err = NULL;

	for (const struct part *part = message->parts; part && !err; part = part->next)
		if (part->type == PART_TOOL_RESULT)
			err = put_tool_result(out, part, arena);
	return err ? err : put_seen(out, message, arena);
}

/* Reasoning that nobody signed came over this very wire, from a server that wants it back between tool calls; what is signed can be read by its signer alone. */
static const struct err *
put_reasoning(struct json_out *out, const struct message *message, struct arena *arena)
{
	const struct err *err = NULL;
	struct buf *text = NULL;
	struct str said;

	for (const struct part *part = message->parts; part; part = part->next) {
		if (part->type != PART_REASONING || part->signature.len || !part->text.len)
			continue;
		text = text ? text : request_body_new(arena);
		if (!text)
			return &err_no_memory;
		buf_add(text, part->text);
	}
	if (text)
		err = request_body_done(arena, text, &said);
	if (text && !err)
		json_set_string(out, "reasoning_content", said);
	return err;
}

/* Whether something is left of a message beside results of tools and reasoning. */
static bool
says_something(const struct message *message)
{
	for (const struct part *part = message->parts; part; part = part->next)
		if (is_content(part) || part->type == PART_TOOL_CALL)
			return true;
	return false;
}

const struct err *
openai_message_put(struct json_out *out, const struct message *message, struct arena *arena)
{
	const struct err *err = put_tool_results(out, message, arena);

	if (err || !says_something(message))
		return err;
	json_begin_object(out);
	json_set_string(out, "role", message->role == ROLE_DEVELOPER ? STR("system") : role_name(message->role == ROLE_TOOL ? ROLE_USER : message->role));
	err = put_content(out, message, arena);
	if (!err)
		err = put_reasoning(out, message, arena);
	if (err)
		return err;
	openai_tool_calls_put(out, message);
	json_end_object(out);
	return NULL;
}

/* Neighbours of the assistant are one turn there: its text and all its tool calls. *at becomes the turn's last message; NULL when memory is out. */
static const struct message *
whole_turn(const struct message **at, struct arena *arena)
{
	const struct message *first = *at;
	struct message *turn;
	struct part **end;

	if (first->role != ROLE_ASSISTANT || !first->next || first->next->role != ROLE_ASSISTANT)
		return first;
	turn = message_new(arena, ROLE_ASSISTANT, STR_EMPTY);
	if (!turn)
		return NULL;
	end = &turn->parts;
	for (const struct message *message = first; message && message->role == ROLE_ASSISTANT; *at = message, message = message->next) {
		for (const struct part *part = message->parts; part; part = part->next) {
			*end = arena_alloc(arena, sizeof(**end));
			if (!*end)
				return NULL;
			**end = *part;
			end = &(*end)->next;
		}
	}
	*end = NULL;
	return turn;
}

/* --- tools --- */

static void
put_custom_tool(struct json_out *out, const struct tool *tool)
{
	json_set_string(out, "type", STR("custom"));
	json_set_object(out, "custom");
	json_set_string(out, "name", tool->name);
	if (tool->description.len)
		json_set_string(out, "description", tool->description);
	if (tool->syntax.len) {
		json_set_object(out, "format");
		json_set_string(out, "type", STR("grammar"));
		json_set_object(out, "grammar");
		json_set_string(out, "syntax", tool->syntax);
		json_set_string(out, "definition", tool->grammar);
		json_end_object(out);
		json_end_object(out);
	}
	json_end_object(out);
}

static void
put_function(struct json_out *out, const struct tool *tool)
{
	json_set_string(out, "type", STR("function"));
	json_set_object(out, "function");
	json_set_string(out, "name", tool->name);
	if (tool->description.len)
		json_set_string(out, "description", tool->description);
	if (json_is(tool->parameters, JSON_OBJECT))
		json_set(out, "parameters", tool->parameters);
	if (tool->strict)
		json_set_bool(out, "strict", true);
	json_end_object(out);
}

static const struct err *
put_tools(struct json_out *out, const struct call *call, struct arena *arena)
{
	static const char *const choices[] = { [TOOL_CHOICE_NONE] = "none", [TOOL_CHOICE_AUTO] = "auto", [TOOL_CHOICE_REQUIRED] = "required" };

	if (!call->tools)
		return NULL;
	json_set_array(out, "tools");
	for (const struct tool *tool = call->tools; tool; tool = tool->next) {
		if (tool->hosted)
			return refuse(arena, "tools", "a tool that the provider runs itself");
		json_begin_object(out);
		if (tool->custom)
			put_custom_tool(out, tool);
		else
			put_function(out, tool);
		json_end_object(out);
	}
	json_end_array(out);
	if (call->tool_choice == TOOL_CHOICE_NAMED) {
		json_set_object(out, "tool_choice");
		json_set_string(out, "type", call->tool_named_custom ? STR("custom") : STR("function"));
		json_set_object(out, call->tool_named_custom ? "custom" : "function");
		json_set_string(out, "name", call->tool_named);
		json_end_object(out);
		json_end_object(out);
	} else if (call->tool_choice != TOOL_CHOICE_UNSET) {
		json_set_string(out, "tool_choice", str_of(choices[call->tool_choice]));
	}
	if (call->parallel_tools_off)
		json_set_bool(out, "parallel_tool_calls", false);
	return NULL;
}

/* --- the rest --- */

static void
put_format(struct json_out *out, const struct call *call)
{
	if (call->format == FORMAT_TEXT)
		return;
	json_set_object(out, "response_format");
	json_set_string(out, "type", call->format == FORMAT_JSON_SCHEMA ? STR("json_schema") : STR("json_object"));
	if (call->format == FORMAT_JSON_SCHEMA) {
		json_set_object(out, "json_schema");
		json_set_string(out, "name", call->schema_name.len ? call->schema_name : STR("answer"));
		if (call->schema_description.len)
			json_set_string(out, "description", call->schema_description);
		json_set(out, "schema", call->schema);
		if (call->schema_strict)
			json_set_bool(out, "strict", true);
		json_end_object(out);
	}
	json_end_object(out);
}

/* This wire has no budget of tokens for reasoning. */
static struct str
effort_of(int64_t tokens)
{
	return tokens < 4096 ? STR("low") : tokens < 16384 ? STR("medium") : STR("high");
}

static void
put_sampling(struct json_out *out, const struct call *call)
{
	request_real_put(out, "temperature", call->temperature);
	request_real_put(out, "top_p", call->top_p);
	request_real_put(out, "frequency_penalty", call->frequency_penalty);
	request_real_put(out, "presence_penalty", call->presence_penalty);
	if (call->seed)
		json_set(out, "seed", call->seed);
	if (call->tokens_max)
		json_set_int(out, "max_completion_tokens", call->tokens_max);
	if (call->choices > 1)
		json_set_int(out, "n", call->choices);
	request_stops_put(out, "stop", call);
	if (call->reasoning_effort.len)
		json_set_string(out, "reasoning_effort", call->dialect == DIALECT_ANTHROPIC && str_eq_c(call->reasoning_effort, "max") ? STR("xhigh") : call->reasoning_effort);
	else if (call->reasoning_tokens)
		json_set_string(out, "reasoning_effort", effort_of(call->reasoning_tokens));
	if (call->verbosity.len)
		json_set_string(out, "verbosity", call->verbosity);
	if (call->logprobs)
		json_set_bool(out, "logprobs", true);
	if (call->top_logprobs)
		json_set_int(out, "top_logprobs", call->top_logprobs);
}

/* Members that the Responses API has under the same name and with the same meaning. */
static void
put_same(struct json_out *out, const struct call *call)
{
	static const char *const names[] = { "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "user" };

	for (size_t i = 0; call->dialect == DIALECT_OPENAI_RESPONSES && i < COUNT(names); i++) {
		const struct json *value = json_get(call->source, names[i]);

		if (json_is(value, JSON_STRING))
			json_set(out, names[i], value);
	}
}

const struct err *
openai_body_put(struct json_out *out, const struct call *call, const struct target *target, struct arena *arena)
{
	const struct err *err = call->extra.len ? refuse(arena, arena_cstr(arena, call->extra), arena_cstr(arena, call->extra)) : NULL;

	if (!err && call->top_k)
		err = refuse(arena, "top_k", "top_k");
	if (err)
		return err;
	json_begin_object(out);
	json_set_string(out, "model", target->model);
	json_set_array(out, "messages");
	for (const struct message *message = call->messages; message && !err; message = message->next) {
		const struct message *turn = whole_turn(&message, arena);

		err = turn ? openai_message_put(out, turn, arena) : &err_no_memory;
	}
	if (err)
		return err;
	json_end_array(out);
	err = put_tools(out, call, arena);
	if (err)
		return err;
	put_format(out, call);
	put_sampling(out, call);
	put_same(out, call);
	if (call->user.len && call->dialect != DIALECT_OPENAI_RESPONSES)
		json_set_string(out, "user", call->user);
	if (call->stream) {
		json_set_bool(out, "stream", true);
		json_set_object(out, "stream_options");
		json_set_bool(out, "include_usage", true);
		json_end_object(out);
	}
	json_end_object(out);
	return NULL;
}

struct str
openai_prompt(const struct call *call, struct arena *arena)
{
	struct buf *text = request_body_new(arena);

	for (const struct message *message = text ? call->messages : NULL; message; message = message->next)
		buf_add(text, message_text(arena, message));
	return !text || text->failed ? str_n(NULL, 0) : buf_str(text);
}
