/*
 * anthropic_parse.c - a message request to the inner form.
 *
 * Only what the inner form knows is checked here; everything else stays in `source` for the provider that speaks the same dialect, and is noted in `extra` where another one could not do it.
 * Paths in messages of errors are written as Anthropic writes them ("messages.2.content.0").
 */
#include <math.h>

#include "api/anthropic.h"

enum { MESSAGES_MAX = 8192, TOOLS_MAX = 512, PARTS_MAX = 4096, INPUT_MAX = 16 * 1024 * 1024 };

struct parser {
	struct arena *arena;
	struct call *call;
	size_t message, block;     /* indexes, for messages of errors */
};

static const struct err *
bad_field(struct parser *parser, const char *field, const char *expected)
{
	return err_param(parser->arena, ERR_INVALID, field, NULL, "%s: %s", field, expected);
}

static const struct err *
bad_message(struct parser *parser, const char *field, const char *expected)
{
	return bad_field(parser, arena_printf(parser->arena, "messages.%zu.%s", parser->message, field).ptr, expected);
}

static const struct err *
bad_block(struct parser *parser, const char *expected)
{
	return bad_field(parser, arena_printf(parser->arena, "messages.%zu.content.%zu", parser->message, parser->block).ptr, expected);
}

/* The first thing that only Anthropic can do; later ones change nothing. */
static void
note_extra(struct parser *parser, struct str what)
{
	if (!parser->call->extra.len && what.ptr)
		parser->call->extra = what;
}

static void
note_extra_block(struct parser *parser, struct str type)
{
	note_extra(parser, arena_printf(parser->arena, "messages.%zu.content.%zu (%" STR_F ")", parser->message, parser->block, STR_A(type)));
}

static struct part *
part_add(struct parser *parser, struct part ***end, enum part_type type, const struct json *raw)
{
	struct part *part = arena_zalloc(parser->arena, sizeof(*part));

	if (!part)
		return NULL;
	part->type = type;
	part->raw = raw;
	part->cache = json_get(raw, "cache_control");
	**end = part;
	*end = &part->next;
	return part;
}

static struct str
text_or_empty(const struct json *object, const char *key)
{
	struct str text = json_get_string(object, key);

	return text.ptr ? text : STR_EMPTY;
}

/* --- blocks --- */

typedef const struct err *block_parse_fn(struct parser *parser, const struct json *json, struct part ***end);

static block_parse_fn parse_block;

static const struct err *
parse_text(struct parser *parser, const struct json *json, struct part ***end)
{
	struct str text = json_get_string(json, "text");
	struct part *part = part_add(parser, end, PART_TEXT, json);

	if (!part)
		return &err_no_memory;
	part->text = text;
	return text.ptr ? NULL : bad_block(parser, "a text block needs a string 'text'");
}

/* A source of bytes: base64, a URL, or a file that Anthropic keeps. */
static const struct err *
parse_source(struct parser *parser, const struct json *source, struct part *part)
{
	struct str type = text_or_empty(source, "type"), data = text_or_empty(source, "data");

	part->media_type = text_or_empty(source, "media_type");
	if (str_eq_c(type, "base64") && data.len && part->media_type.len) {
		part->url = data_url_make(parser->arena, part->media_type, data);
		return part->url.ptr ? NULL : &err_no_memory;
	}
	part->url = str_eq_c(type, "url") ? text_or_empty(source, "url") : STR_EMPTY;
	part->id = str_eq_c(type, "file") ? text_or_empty(source, "file_id") : STR_EMPTY;
	if (part->id.len)
		note_extra_block(parser, STR("a file kept at Anthropic"));
	return part->url.len || part->id.len ? NULL : bad_block(parser, "the 'source' must be base64 with media_type and data, a url, or a file");
}

static const struct err *
parse_image(struct parser *parser, const struct json *json, struct part ***end)
{
	struct part *part = part_add(parser, end, PART_IMAGE, json);

	return part ? parse_source(parser, json_get(json, "source"), part) : &err_no_memory;
}

static void
note_citations(struct parser *parser, const struct json *json)
{
	if (json_bool(json_get(json_get(json, "citations"), "enabled"), false))
		note_extra_block(parser, STR("citations"));
}

/* Text that has a title and perhaps a source: both stand in front of it. */
static const struct err *
add_titled(struct parser *parser, const struct json *json, struct str text, struct part ***end)
{
	struct str title = text_or_empty(json, "title"), source = text_or_empty(json, "source"), context = text_or_empty(json, "context");
	struct part *part = part_add(parser, end, PART_TEXT, json);
	struct buf *joined = arena_alloc(parser->arena, sizeof(*joined));

	if (!part || !joined || !buf_init_held(joined, parser->arena, text.len + title.len + source.len + context.len + 8))
		return &err_no_memory;
	for (size_t i = 0; i < 3; i++) {
		struct str head = i == 0 ? title : i == 1 ? source : context;

		buf_add(joined, head);
		buf_add(joined, head.len ? STR("\n") : STR_EMPTY);
	}
	buf_add(joined, text);
	part->text = buf_str(joined);
	return joined->failed ? &err_no_memory : NULL;
}

/* The blocks of a document or of a search result, behind its title. */
static const struct err *
add_titled_blocks(struct parser *parser, const struct json *json, const struct json *content, struct part ***end)
{
	const struct err *err = add_titled(parser, json, json_is(content, JSON_STRING) ? json_string(content) : STR_EMPTY, end);

	if (!err && !json_is(content, JSON_STRING) && !json_is(content, JSON_ARRAY))
		err = bad_block(parser, "expected 'content' as a string or an array of blocks");
	if (json_count(content) > PARTS_MAX)
		err = bad_block(parser, "too many blocks");
	for (struct json_iter it = json_iter(json_is(content, JSON_ARRAY) ? content : NULL); !err && json_next(&it);) {
		struct str type = text_or_empty(it.value, "type");

		if (str_eq_c(type, "text"))
			err = parse_text(parser, it.value, end);
		else if (str_eq_c(type, "image"))
			err = parse_image(parser, it.value, end);
		else
			note_extra_block(parser, type);
	}
	return err;
}

static const struct err *
parse_document(struct parser *parser, const struct json *json, struct part ***end)
{
	const struct json *source = json_get(json, "source");
	struct str type = text_or_empty(source, "type");
	struct part *part;

	note_citations(parser, json);
	if (str_eq_c(type, "text"))
		return add_titled(parser, json, text_or_empty(source, "data"), end);
	if (str_eq_c(type, "content"))
		return add_titled_blocks(parser, json, json_get(source, "content"), end);
	part = part_add(parser, end, PART_FILE, json);
	if (!part)
		return &err_no_memory;
	part->name = text_or_empty(json, "title");
	return parse_source(parser, source, part);
}

static const struct err *
parse_search_result(struct parser *parser, const struct json *json, struct part ***end)
{
	note_citations(parser, json);
	return add_titled_blocks(parser, json, json_get(json, "content"), end);
}

static const struct err *
parse_thinking(struct parser *parser, const struct json *json, struct part ***end)
{
	struct part *part = part_add(parser, end, PART_REASONING, json);

	if (!part)
		return &err_no_memory;
	part->text = json_get_string(json, "thinking");
	part->signature = text_or_empty(json, "signature");
	if (!part->signature.len)
		parser->call->changed = true; /* nobody signed it: Anthropic must not see it */
	return part->text.ptr ? NULL : bad_block(parser, "a thinking block needs a string 'thinking' and its 'signature'");
}

static const struct err *
parse_redacted(struct parser *parser, const struct json *json, struct part ***end)
{
	struct part *part = part_add(parser, end, PART_REASONING, json);

	if (!part)
		return &err_no_memory;
	part->text = str_n(NULL, 0);
	part->signature = text_or_empty(json, "data");
	return part->signature.len ? NULL : bad_block(parser, "a redacted_thinking block needs its 'data'");
}

static const struct err *
parse_tool_use(struct parser *parser, const struct json *json, struct part ***end)
{
	struct part *part = part_add(parser, end, PART_TOOL_CALL, json);
	const struct json *input = json_get(json, "input");
	struct buf *text = arena_alloc(parser->arena, sizeof(*text));
	struct json_out out;

	if (!part || !text || !buf_init_held(text, parser->arena, INPUT_MAX))
		return &err_no_memory;
	part->id = text_or_empty(json, "id");
	part->name = text_or_empty(json, "name");
	if (!part->id.len || !part->name.len || !json_is(input, JSON_OBJECT))
		return bad_block(parser, "a tool_use block needs an 'id', a 'name' and an object 'input'");
	json_out_init(&out, text);
	json_put(&out, input);
	part->text = buf_str(text);
	return buf_err(text);
}

static const struct err *
parse_tool_result(struct parser *parser, const struct json *json, struct part ***end)
{
	const struct json *content = json_get(json, "content");
	struct part *part = part_add(parser, end, PART_TOOL_RESULT, json);
	struct message inner = { 0 };
	struct part **inner_end = &inner.parts;
	const struct err *err = NULL;

	if (!part)
		return &err_no_memory;
	part->id = text_or_empty(json, "tool_use_id");
	part->failed = json_bool(json_get(json, "is_error"), false);
	if (!part->id.len)
		return bad_block(parser, "a tool_result block needs the 'tool_use_id' it answers");
	part->text = json_is(content, JSON_STRING) ? json_string(content) : STR_EMPTY;
	if (json_count(content) > PARTS_MAX)
		return bad_block(parser, "too many blocks");
	for (struct json_iter it = json_iter(json_is(content, JSON_ARRAY) ? content : NULL); !err && json_next(&it);) {
		struct str type = text_or_empty(it.value, "type");

		if (str_eq_c(type, "text") || str_eq_c(type, "image") || str_eq_c(type, "document") || str_eq_c(type, "search_result"))
			err = parse_block(parser, it.value, &inner_end);
		else
			note_extra_block(parser, type);
	}
	if (err || !inner.parts)
		return err;
	part->text = message_text(parser->arena, &inner);
	if (inner.parts->next || inner.parts->type != PART_TEXT)
		part->parts = inner.parts;
	return NULL;
}

static const struct err *
parse_block(struct parser *parser, const struct json *json, struct part ***end)
{
	static const struct {
		const char *name;
		block_parse_fn *parse;
	} types[] = { { "text", parse_text }, { "image", parse_image }, { "document", parse_document }, { "search_result", parse_search_result },
		{ "thinking", parse_thinking }, { "redacted_thinking", parse_redacted }, { "tool_use", parse_tool_use }, { "tool_result", parse_tool_result } };
	struct str type = text_or_empty(json, "type");

	if (!type.len)
		return bad_block(parser, "expected an object with a 'type'");
	for (size_t i = 0; i < COUNT(types); i++)
		if (str_eq_c(type, types[i].name))
			return types[i].parse(parser, json, end);
	note_extra_block(parser, type); /* of Anthropic's own tools, or newer than this file: Anthropic knows it */
	return NULL;
}

/* --- messages --- */

static const struct err *
parse_content(struct parser *parser, const struct json *content, struct message *message)
{
	struct part **end = &message->parts;
	const struct err *err = NULL;
	struct part *part;

	if (json_is(content, JSON_STRING)) {
		part = part_add(parser, &end, PART_TEXT, NULL);
		if (part)
			part->text = json_string(content);
		return part ? NULL : &err_no_memory;
	}
	if (!json_is(content, JSON_ARRAY))
		return bad_message(parser, "content", "expected a string or an array of blocks");
	if (json_count(content) > PARTS_MAX)
		return bad_message(parser, "content", "too many blocks");
	parser->block = 0;
	for (struct json_iter it = json_iter(content); !err && json_next(&it); parser->block++)
		err = parse_block(parser, it.value, &end);
	return err;
}

static const struct err *
parse_messages(struct parser *parser, struct message **end)
{
	const struct json *messages = json_get(parser->call->source, "messages");
	const struct err *err = NULL;

	if (!json_is(messages, JSON_ARRAY) || json_count(messages) == 0)
		return bad_field(parser, "messages", "expected an array with at least one message");
	if (json_count(messages) > MESSAGES_MAX)
		return bad_field(parser, "messages", "too many messages");
	for (struct json_iter it = json_iter(messages); !err && json_next(&it); parser->message++) {
		struct message *message = arena_zalloc(parser->arena, sizeof(*message));
		struct str role = text_or_empty(it.value, "role");

		if (!message)
			return &err_no_memory;
		if (!role_of(role, &message->role) || message->role == ROLE_TOOL || message->role == ROLE_DEVELOPER)
			return bad_message(parser, "role", "must be user, assistant or system");
		message->raw = it.value;
		err = parse_content(parser, json_get(it.value, "content"), message);
		*end = message;
		end = &message->next;
	}
	return err;
}

/* The member "system" becomes the first message; it has no raw, since it was none. */
static const struct err *
parse_system(struct parser *parser, struct message ***end)
{
	const struct json *system = json_get(parser->call->source, "system");
	struct message *message;
	struct part **parts_end;
	const struct err *err = NULL;

	if (json_type(system) == JSON_NONE || json_type(system) == JSON_NULL)
		return NULL;
	if (!json_is(system, JSON_STRING) && !json_is(system, JSON_ARRAY))
		return bad_field(parser, "system", "expected a string or an array of text blocks");
	if (json_count(system) > PARTS_MAX)
		return bad_field(parser, "system", "too many blocks");
	message = message_new(parser->arena, ROLE_SYSTEM, json_is(system, JSON_STRING) ? json_string(system) : STR_EMPTY);
	if (!message)
		return &err_no_memory;
	if (json_is(system, JSON_ARRAY))
		message->parts = NULL;
	parts_end = &message->parts;
	for (struct json_iter it = json_iter(json_is(system, JSON_ARRAY) ? system : NULL); !err && json_next(&it);)
		err = str_eq_c(text_or_empty(it.value, "type"), "text") && json_get_string(it.value, "text").ptr ? parse_text(parser, it.value, &parts_end)
														   : bad_field(parser, "system", "expected text blocks with a 'text'");
	**end = message;
	*end = &message->next;
	return err;
}

/* --- tools --- */

static const struct err *
parse_tools(struct parser *parser)
{
	const struct json *tools = json_get(parser->call->source, "tools");
	struct tool **end = &parser->call->tools;

	if (json_count(tools) > TOOLS_MAX)
		return bad_field(parser, "tools", "too many tools");
	for (struct json_iter it = json_iter(json_is(tools, JSON_ARRAY) ? tools : NULL); json_next(&it);) {
		struct str type = text_or_empty(it.value, "type");
		struct tool *tool = arena_zalloc(parser->arena, sizeof(*tool));

		if (!tool)
			return &err_no_memory;
		tool->name = text_or_empty(it.value, "name");
		tool->description = text_or_empty(it.value, "description");
		tool->parameters = json_get(it.value, "input_schema");
		tool->strict = json_bool(json_get(it.value, "strict"), false);
		tool->cache = json_get(it.value, "cache_control");
		tool->raw = it.value;
		tool->hosted = type.len && !str_eq_c(type, "custom");
		if (!tool->hosted && !tool->name.len)
			return bad_field(parser, arena_printf(parser->arena, "tools.%zu.name", it.index).ptr, "a tool needs a name");
		if (!tool->hosted && !json_is(tool->parameters, JSON_OBJECT))
			return bad_field(parser, arena_printf(parser->arena, "tools.%zu.input_schema", it.index).ptr, "a tool needs an object 'input_schema'");
		if (tool->hosted)
			note_extra(parser, arena_printf(parser->arena, "tools.%zu (%" STR_F ", a tool of Anthropic's)", it.index, STR_A(type)));
		if (json_bool(json_get(it.value, "defer_loading"), false))
			note_extra(parser, arena_printf(parser->arena, "tools.%zu.defer_loading", it.index));
		*end = tool;
		end = &tool->next;
	}
	return NULL;
}

static const struct err *
parse_tool_choice(struct parser *parser)
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
		if (str_eq_c(text_or_empty(choice, "type"), names[i].text))
			call->tool_choice = names[i].choice;
	call->tool_named = text_or_empty(choice, "name");
	call->parallel_tools_off = json_bool(json_get(choice, "disable_parallel_tool_use"), false);
	if (call->tool_choice == TOOL_CHOICE_UNSET || (call->tool_choice == TOOL_CHOICE_NAMED && !call->tool_named.len))
		return bad_field(parser, "tool_choice", "must have the type auto, any, none, or tool with a name");
	return NULL;
}

/* --- the rest --- */

static const struct err *
parse_number(struct parser *parser, const char *field, double min, double max, double *out)
{
	const struct json *value = json_get(parser->call->source, field);

	*out = NAN;
	if (json_type(value) == JSON_NONE || json_type(value) == JSON_NULL)
		return NULL;
	*out = json_number(value, NAN);
	if (isnan(*out) || *out < min || *out > max)
		return err_param(parser->arena, ERR_INVALID, field, NULL, "%s: expected a number from %g to %g", field, min, max);
	return NULL;
}

static const struct err *
parse_sampling(struct parser *parser)
{
	const struct json *stops = json_get(parser->call->source, "stop_sequences");
	struct call *call = parser->call;
	double top_k;
	const struct err *err = parse_number(parser, "temperature", 0, 1, &call->temperature);

	call->frequency_penalty = call->presence_penalty = NAN;
	call->choices = 1;
	if (!err)
		err = parse_number(parser, "top_p", 0, 1, &call->top_p);
	if (!err)
		err = parse_number(parser, "top_k", 0, 1e9, &top_k);
	if (!err)
		call->top_k = isnan(top_k) ? 0 : (int64_t)top_k;
	for (struct json_iter it = json_iter(json_is(stops, JSON_ARRAY) ? stops : NULL); !err && json_next(&it);) {
		if (!json_is(it.value, JSON_STRING))
			err = bad_field(parser, "stop_sequences", "expected an array of strings");
		else if (call->stop_count == STOPS_MAX)
			note_extra(parser, STR("stop_sequences (more than 16)"));
		else
			call->stops[call->stop_count++] = json_string(it.value);
	}
	return err;
}

/* An answer of no tokens is how Anthropic's cache is filled beforehand; no other provider has that. */
static const struct err *
parse_tokens_max(struct parser *parser, bool required)
{
	double tokens;
	const struct err *err = parse_number(parser, "max_tokens", 0, 1e9, &tokens);

	if (err)
		return err;
	if (isnan(tokens))
		return required ? bad_field(parser, "max_tokens", "expected the most tokens that the answer may have") : NULL;
	parser->call->tokens_max = (int64_t)tokens;
	if (parser->call->tokens_max == 0)
		note_extra(parser, STR("max_tokens (0)"));
	return NULL;
}

/* Whether every object of the schema says all of its properties are required and no others allowed: what OpenAI's servers ask of a strict one. */
static bool
is_strict(const struct json *schema, unsigned depth)
{
	const struct json *properties = json_get(schema, "properties"), *items = json_get(schema, "items");

	if (depth == 0 || !json_is(schema, JSON_OBJECT))
		return depth > 0;
	if (json_is(properties, JSON_OBJECT) &&
		(json_bool(json_get(schema, "additionalProperties"), true) || json_count(json_get(schema, "required")) != json_count(properties)))
		return false;
	for (struct json_iter it = json_iter(properties); json_next(&it);)
		if (!is_strict(it.value, depth - 1))
			return false;
	return !items || is_strict(items, depth - 1);
}

static const struct err *
parse_output(struct parser *parser)
{
	const struct json *config = json_get(parser->call->source, "output_config"), *format = json_get(config, "format");
	const struct json *thinking = json_get(parser->call->source, "thinking");
	struct call *call = parser->call;

	if (!json_is(format, JSON_OBJECT))
		format = json_get(parser->call->source, "output_format"); /* its name while it was a beta */
	call->reasoning_effort = text_or_empty(config, "effort");
	if (str_eq_c(text_or_empty(thinking, "type"), "enabled"))
		call->reasoning_tokens = json_int(json_get(thinking, "budget_tokens"), 0);
	if (!json_is(format, JSON_OBJECT))
		return NULL;
	call->format = FORMAT_JSON_SCHEMA;
	call->schema = json_get(format, "schema");
	call->schema_strict = is_strict(call->schema, 32);
	if (!str_eq_c(text_or_empty(format, "type"), "json_schema") || !json_is(call->schema, JSON_OBJECT))
		return bad_field(parser, "output_config.format", "must have the type json_schema and an object 'schema'");
	return NULL;
}

/* Members that only Anthropic can honour; hints (what to cache, which tier, diagnostics) may be left out by others. */
static void
find_extra(struct parser *parser)
{
	static const char *const known[] = { "model", "messages", "system", "max_tokens", "stream", "tools", "tool_choice", "temperature", "top_p", "top_k", "stop_sequences",
		"thinking", "output_config", "output_format", "metadata", "cache_control", "service_tier", "diagnostics", "speed" };

	for (struct json_iter it = json_iter(parser->call->source); json_next(&it);) {
		bool is_known = json_is(it.value, JSON_NULL);

		for (size_t i = 0; i < COUNT(known) && !is_known; i++)
			is_known = str_eq_c(it.key, known[i]);
		if (!is_known)
			note_extra(parser, it.key);
	}
}

static const struct err *
parse_switches(struct parser *parser)
{
	struct call *call = parser->call;
	const struct json *stream = json_get(call->source, "stream");

	if (json_type(stream) != JSON_NONE && json_type(stream) != JSON_NULL && !json_is(stream, JSON_BOOL))
		return bad_field(parser, "stream", "expected true or false");
	call->stream = json_bool(stream, false);
	call->include_usage = true;
	call->user = text_or_empty(json_get(call->source, "metadata"), "user_id");
	find_extra(parser);
	return NULL;
}

const struct err *
anthropic_parse(struct arena *arena, const struct json *json, struct str text, bool to_answer, struct call **out)
{
	struct call *call = arena_zalloc(arena, sizeof(*call));
	struct parser parser = { .arena = arena, .call = call };
	struct message **end;
	const struct err *err;

	*out = call;
	if (!call)
		return &err_no_memory;
	call->dialect = DIALECT_ANTHROPIC;
	call->source = json;
	call->source_text = text;
	call->model = text_or_empty(json, "model");
	if (!call->model.len)
		return bad_field(&parser, "model", "expected the name of a model");
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
		err = parse_output(&parser);
	return err ? err : parse_switches(&parser);
}
