/*
 * anthropic_parse.c - a message request to the inner form.
 *
 * Only what the inner form knows is checked here; everything else stays in `source` for the provider that speaks the same dialect, and is noted in `extra` where another one could not do it.
 * Paths in messages of errors are written as Anthropic writes them ("messages.2.content.0").
 */
#include <math.h>

#include "api/anthropic_parse.h"

enum { MESSAGES_MAX = 8192, TOOLS_MAX = 512, TOKENS_MAX = 1000000000 };

/* The mark of the whole request stands for one on its last block. */
static void
mark_last(struct call *call)
{
	const struct json *cache = json_get(call->source, "cache_control");
	struct message *last = call->messages;
	struct part *part;

	while (last && last->next)
		last = last->next;
	part = json_is(cache, JSON_OBJECT) && last ? last->parts : NULL;
	while (part && part->next)
		part = part->next;
	if (part && !part->cache)
		part->cache = cache;
}

/* A message of the system that says nothing, and changes output_config from there on: one of Anthropic's betas. */
static bool
only_sets_output(const struct message *message, const struct json *json)
{
	return message->role == ROLE_SYSTEM && !json_is_given(json_get(json, "content")) && json_is(json_get(json, "output_config"), JSON_OBJECT);
}

static const struct err *
parse_messages(struct anthropic_parser *parser, struct message **end)
{
	const struct json *messages = json_get(parser->call->source, "messages");
	const struct err *err = NULL;

	if (!json_is(messages, JSON_ARRAY) || json_count(messages) == 0)
		return anthropic_bad_field(parser, "messages", "expected an array with at least one message");
	if (json_count(messages) > MESSAGES_MAX)
		return anthropic_bad_field(parser, "messages", "too many messages");
	for (struct json_iter it = json_iter(messages); !err && json_next(&it); parser->message++) {
		struct message *message = arena_zalloc(parser->arena, sizeof(*message));
		struct str role = anthropic_text(it.value, "role");

		if (!message)
			return &err_no_memory;
		if (!role_of(role, &message->role) || message->role == ROLE_TOOL || message->role == ROLE_DEVELOPER)
			return anthropic_bad_field(parser, arena_printf(parser->arena, "messages.%zu.role", parser->message).ptr, "must be user, assistant or system");
		message->raw = it.value;
		anthropic_note_members(parser, ANTHROPIC_OTHER, STR("message"), it.value, arena_printf(parser->arena, "messages.%zu", parser->message));
		if (!only_sets_output(message, it.value))
			err = anthropic_parse_content(parser, json_get(it.value, "content"), message);
		*end = message;
		end = &message->next;
	}
	return err;
}

/* The member "system" becomes the first message; it has no raw, since it was none. */
static const struct err *
parse_system(struct anthropic_parser *parser, struct message ***end)
{
	const struct json *system = json_get(parser->call->source, "system");
	struct message *message;
	struct part **parts_end;
	const struct err *err = NULL;

	if (json_type(system) == JSON_NONE || json_type(system) == JSON_NULL)
		return NULL;
	if (!json_is(system, JSON_STRING) && !json_is(system, JSON_ARRAY))
		return anthropic_bad_field(parser, "system", "expected a string or an array of text blocks");
	if (json_count(system) > ANTHROPIC_PARTS_MAX)
		return anthropic_bad_field(parser, "system", "too many blocks");
	message = message_new(parser->arena, ROLE_SYSTEM, json_is(system, JSON_STRING) ? json_string(system) : STR_EMPTY);
	if (!message)
		return &err_no_memory;
	if (json_is(system, JSON_ARRAY))
		message->parts = NULL;
	parts_end = &message->parts;
	for (struct json_iter it = json_iter(json_is(system, JSON_ARRAY) ? system : NULL); !err && json_next(&it);)
		err = str_eq_c(anthropic_text(it.value, "type"), "text") && json_get_string(it.value, "text").ptr ? anthropic_parse_text(parser, it.value, &parts_end)
														   : anthropic_bad_field(parser, "system", "expected text blocks with a 'text'");
	**end = message;
	*end = &message->next;
	return err;
}

/* --- tools --- */

static const struct err *
parse_tools(struct anthropic_parser *parser)
{
	const struct json *tools = json_get(parser->call->source, "tools");
	struct tool **end = &parser->call->tools;

	if (json_is_given(tools) && !json_is(tools, JSON_ARRAY))
		return anthropic_bad_field(parser, "tools", "expected an array of tools");
	if (json_count(tools) > TOOLS_MAX)
		return anthropic_bad_field(parser, "tools", "too many tools");
	for (struct json_iter it = json_iter(tools); json_next(&it);) {
		struct str type = anthropic_text(it.value, "type");
		struct tool *tool = arena_zalloc(parser->arena, sizeof(*tool));

		if (!tool)
			return &err_no_memory;
		tool->name = anthropic_text(it.value, "name");
		tool->description = anthropic_text(it.value, "description");
		tool->parameters = json_get(it.value, "input_schema");
		tool->strict = json_bool(json_get(it.value, "strict"), false);
		tool->cache = json_get(it.value, "cache_control");
		tool->raw = it.value;
		tool->hosted = type.len && !str_eq_c(type, "custom");
		if (!tool->hosted && !tool->name.len)
			return anthropic_bad_field(parser, arena_printf(parser->arena, "tools.%zu.name", it.index).ptr, "a tool needs a name");
		if (!tool->hosted && !json_is(tool->parameters, JSON_OBJECT))
			return anthropic_bad_field(parser, arena_printf(parser->arena, "tools.%zu.input_schema", it.index).ptr, "a tool needs an object 'input_schema'");
		if (tool->hosted)
			anthropic_note_extra(parser, arena_printf(parser->arena, "tools.%zu (%" STR_F ", a tool of Anthropic's)", it.index, STR_A(type)));
		else
			anthropic_note_members(parser, ANTHROPIC_TOOL, STR("custom"), it.value, arena_printf(parser->arena, "tools.%zu", it.index));
		*end = tool;
		end = &tool->next;
	}
	return NULL;
}

static bool
is_offered(const struct call *call)
{
	for (const struct tool *tool = call->tools; tool; tool = tool->next)
		if (str_eq(tool->name, call->tool_named))
			return true;
	return false;
}

static const struct err *
parse_tool_choice(struct anthropic_parser *parser)
{
	static const struct {
		const char *text;
		enum tool_choice choice;
	} names[] = { { "none", TOOL_CHOICE_NONE }, { "auto", TOOL_CHOICE_AUTO }, { "any", TOOL_CHOICE_REQUIRED }, { "tool", TOOL_CHOICE_NAMED } };
	const struct json *choice = json_get(parser->call->source, "tool_choice");
	struct call *call = parser->call;

	if (json_type(choice) == JSON_NONE || json_type(choice) == JSON_NULL)
		return NULL;
	for (size_t i = 0; i < COUNT(names); i++)
		if (str_eq_c(anthropic_text(choice, "type"), names[i].text))
			call->tool_choice = names[i].choice;
	call->tool_named = anthropic_text(choice, "name");
	call->parallel_tools_off = json_bool(json_get(choice, "disable_parallel_tool_use"), false);
	if (call->tool_choice == TOOL_CHOICE_UNSET || (call->tool_choice == TOOL_CHOICE_NAMED && !call->tool_named.len))
		return anthropic_bad_field(parser, "tool_choice", "must have the type auto, any, none, or tool with a name");
	anthropic_note_members(parser, ANTHROPIC_OTHER, STR("tool_choice"), choice, STR("tool_choice"));
	if (call->tool_choice == TOOL_CHOICE_REQUIRED && !call->tools)
		anthropic_note_extra(parser, STR("tool_choice (any, without tools)"));
	if (call->tool_choice == TOOL_CHOICE_NAMED && !is_offered(call))
		anthropic_note_extra(parser, STR("tool_choice (a tool that is not among the tools)"));
	return NULL;
}

/* --- the rest --- */

static const struct err *
parse_sampling(struct anthropic_parser *parser)
{
	const struct json *stops = json_get(parser->call->source, "stop_sequences");
	struct call *call = parser->call;
	const struct err *err = dialect_number_parse(parser->arena, parser->call, "temperature", 0, 1, &call->temperature);

	call->frequency_penalty = call->presence_penalty = NAN;
	call->choices = 1;
	if (!err && json_is_given(stops) && !json_is(stops, JSON_ARRAY))
		err = anthropic_bad_field(parser, "stop_sequences", "expected an array of strings");
	if (!err)
		err = dialect_number_parse(parser->arena, parser->call, "top_p", 0, 1, &call->top_p);
	if (!err)
		err = dialect_integer_parse(parser->arena, json_get(call->source, "top_k"), "top_k", 0, TOKENS_MAX, 0, &call->top_k);
	for (struct json_iter it = json_iter(stops); !err && json_next(&it);) {
		if (!json_is(it.value, JSON_STRING))
			err = anthropic_bad_field(parser, "stop_sequences", "expected an array of strings");
		else if (call->stop_count == STOPS_MAX)
			anthropic_note_extra(parser, STR("stop_sequences (more than 16)"));
		else
			call->stops[call->stop_count++] = json_string(it.value);
	}
	return err;
}

/* An answer of no tokens is how Anthropic's cache is filled beforehand; no other provider has that. */
static const struct err *
parse_tokens_max(struct anthropic_parser *parser, bool required)
{
	int64_t tokens;
	const struct err *err = dialect_integer_parse(parser->arena, json_get(parser->call->source, "max_tokens"), "max_tokens", 0, TOKENS_MAX, -1, &tokens);

	if (err)
		return err;
	if (tokens < 0)
		return required ? anthropic_bad_field(parser, "max_tokens", "expected the most tokens that the answer may have") : NULL;
	parser->call->tokens_max = tokens;
	if (parser->call->tokens_max == 0)
		anthropic_note_extra(parser, STR("max_tokens (0)"));
	return NULL;
}

static bool is_strict(const struct json *schema, unsigned depth);

static bool
all_strict(const struct json *schemas, unsigned depth)
{
	for (struct json_iter it = json_iter(schemas); json_next(&it);)
		if (!is_strict(it.value, depth))
			return false;
	return true;
}

/* Whether every object of the schema says all of its properties are required and no others allowed: what OpenAI's servers ask of a strict one. */
static bool
is_strict(const struct json *schema, unsigned depth)
{
	static const char *const inner[] = { "properties", "$defs", "definitions", "anyOf" };
	const struct json *properties = json_get(schema, "properties"), *items = json_get(schema, "items");

	if (depth == 0)
		return false;
	if (json_is(properties, JSON_OBJECT) &&
		(json_bool(json_get(schema, "additionalProperties"), true) || json_count(json_get(schema, "required")) != json_count(properties)))
		return false;
	for (size_t i = 0; i < COUNT(inner); i++)
		if (!all_strict(json_get(schema, inner[i]), depth - 1))
			return false;
	return !items || is_strict(items, depth - 1);
}

/* What is left to the model is so elsewhere; that thinking is not shown is done in the answer. */
static const struct err *
parse_thinking(struct anthropic_parser *parser)
{
	const struct json *thinking = json_get(parser->call->source, "thinking"), *budget = json_get(thinking, "budget_tokens");
	struct str type = anthropic_text(thinking, "type");
	struct call *call = parser->call;
	const struct err *err;

	if (!json_is_given(thinking))
		return NULL;
	if (!type.len)
		return anthropic_bad_field(parser, "thinking", "expected an object with a 'type'");
	anthropic_note_members(parser, ANTHROPIC_OTHER, STR("thinking"), thinking, STR("thinking"));
	call->reasoning_hidden = str_eq_c(anthropic_text(thinking, "display"), "omitted");
	if (json_is_given(json_get(thinking, "display")) && !call->reasoning_hidden && !str_eq_c(anthropic_text(thinking, "display"), "summarized"))
		anthropic_note_extra(parser, STR("thinking.display"));
	if (str_eq_c(type, "enabled")) {
		err = dialect_integer_parse(parser->arena, budget, "thinking.budget_tokens", 1, TOKENS_MAX, 0, &call->reasoning_tokens);
		return err || call->reasoning_tokens > 0 ? err : anthropic_bad_field(parser, "thinking.budget_tokens", "expected a number of tokens");
	}
	if (!str_eq_c(type, "disabled") && !str_eq_c(type, "adaptive"))
		anthropic_note_extra(parser, arena_printf(parser->arena, "thinking (%" STR_F ")", STR_A(str_slice(type, 0, 100))));
	return NULL;
}

static const struct err *
parse_output(struct anthropic_parser *parser)
{
	const struct json *config = json_get(parser->call->source, "output_config"), *format = json_get(config, "format");
	struct call *call = parser->call;

	if (json_is_given(config) && !json_is(config, JSON_OBJECT))
		return anthropic_bad_field(parser, "output_config", "expected an object");
	if (!json_is(format, JSON_OBJECT))
		format = json_get(parser->call->source, "output_format"); /* its name while it was a beta */
	call->reasoning_effort = anthropic_text(config, "effort");
	anthropic_note_members(parser, ANTHROPIC_OTHER, STR("output_config"), config, STR("output_config"));
	anthropic_note_members(parser, ANTHROPIC_OTHER, STR("format"), format, STR("output_config.format"));
	if (!json_is(format, JSON_OBJECT))
		return NULL;
	call->format = FORMAT_JSON_SCHEMA;
	call->schema = json_get(format, "schema");
	call->schema_strict = is_strict(call->schema, 32);
	if (!str_eq_c(anthropic_text(format, "type"), "json_schema") || !json_is(call->schema, JSON_OBJECT))
		return anthropic_bad_field(parser, "output_config.format", "must have the type json_schema and an object 'schema'");
	return NULL;
}

/* Members that only Anthropic can honour; hints (what to cache, which tier, diagnostics) may be left out by others. */
static const struct err *
find_extra(struct anthropic_parser *parser)
{
	static const char *const known[] = { "model", "messages", "system", "max_tokens", "stream", "tools", "tool_choice", "temperature", "top_p", "top_k", "stop_sequences",
		"thinking", "output_config", "output_format", "metadata", "cache_control", "service_tier", "diagnostics", "speed" };

	for (struct json_iter it = json_iter(parser->call->source); json_next(&it);) {
		bool is_known = json_is(it.value, JSON_NULL);

		for (size_t i = 0; i < COUNT(known) && !is_known; i++)
			is_known = str_eq_c(it.key, known[i]);
		if (!is_known && call_member_like(it.key, known, COUNT(known)))
			return anthropic_bad_field(parser, call_member_like(it.key, known, COUNT(known)), MEMBER_CASE);
		if (!is_known)
			anthropic_note_extra(parser, it.key);
	}
	return NULL;
}

static const struct err *
parse_switches(struct anthropic_parser *parser)
{
	struct call *call = parser->call;
	const struct json *stream = json_get(call->source, "stream");

	if (json_is_given(stream) && !json_is(stream, JSON_BOOL))
		return anthropic_bad_field(parser, "stream", "expected true or false");
	call->stream = json_bool(stream, false);
	call->include_usage = true;
	if (json_is_given(json_get(call->source, "metadata")) && !json_is(json_get(call->source, "metadata"), JSON_OBJECT))
		return anthropic_bad_field(parser, "metadata", "expected an object");
	call->user = anthropic_text(json_get(call->source, "metadata"), "user_id");
	mark_last(call);
	return find_extra(parser);
}

const struct err *
anthropic_parse(struct arena *arena, const struct json *json, struct str text, bool to_answer, struct call **out)
{
	struct call *call = arena_zalloc(arena, sizeof(*call));
	struct anthropic_parser parser = { .arena = arena, .call = call };
	struct message **end;
	const struct err *err;

	*out = call;
	if (!call)
		return &err_no_memory;
	call->dialect = DIALECT_ANTHROPIC;
	call->source = json;
	call->source_text = text;
	call->model = anthropic_text(json, "model");
	if (!call->model.len)
		return anthropic_bad_field(&parser, "model", "expected the name of a model");
	end = &call->messages;
	err = parse_tokens_max(&parser, to_answer);
	if (!err)
		err = parse_system(&parser, &end);
	if (!err)
		err = parse_messages(&parser, end);
	if (!err)
		err = parse_tools(&parser);
	if (!err)
		err = parse_tool_choice(&parser);
	if (!err)
		err = parse_sampling(&parser);
	if (!err)
		err = parse_thinking(&parser);
	if (!err)
		err = parse_output(&parser);
	return err ? err : parse_switches(&parser);
}
