/*
 * anthropic_members.c - what the objects inside a message request may say for any target.
 *
 * The inner form carries what stands in these tables, or it is a hint that others may leave out (docs/members.md says which). Anything else that says something is noted as only Anthropic's: it passes to
 * Anthropic, and other providers refuse the call by it.
 */
#include "api/anthropic_parse.h"

enum { MEMBERS_MAX = 10 };

/* cache_control and citations of what was said before: hints, and a memory of where it came from. */
static const struct known {
	const char *type;
	const char *members[MEMBERS_MAX];
} blocks[] = {
	{ "text", { "text", "cache_control", "citations" } },
	{ "image", { "source", "cache_control" } },
	{ "document", { "source", "title", "context", "cache_control", "citations" } },
	{ "search_result", { "source", "title", "content", "cache_control", "citations" } },
	{ "thinking", { "thinking", "signature" } },
	{ "redacted_thinking", { "data" } },
	{ "tool_use", { "id", "name", "input", "cache_control" } },
	{ "tool_result", { "tool_use_id", "content", "is_error", "cache_control" } },
}, tools[] = { { "custom", { "name", "description", "input_schema", "strict", "cache_control", "eager_input_streaming" } } }, others[] = {
	{ "message", { "role", "content" } },
	{ "thinking", { "budget_tokens", "display" } },
	{ "output_config", { "effort", "format" } },
	{ "format", { "schema" } },
	{ "tool_choice", { "name", "disable_parallel_tool_use" } },
};

static const struct {
	const struct known *list;
	size_t count;
} tables[] = { [ANTHROPIC_BLOCK] = { blocks, COUNT(blocks) }, [ANTHROPIC_TOOL] = { tools, COUNT(tools) }, [ANTHROPIC_OTHER] = { others, COUNT(others) } };

/* What a member says that need not be said, beside null, false and nothing at all: a word, or the type or the only element that is this word. */
static const char *const defaults[][2] = { { "caller", "direct" }, { "allowed_callers", "direct" } };

static bool
says_nothing(struct str name, const struct json *value)
{
	struct str said = json_get_string(value, "type");

	if (json_is(value, JSON_NULL) || json_is(value, JSON_BOOL))
		return !json_bool(value, false);
	if (str_eq_c(name, "transformations")) /* to scale an image down is what all do */
		return json_count(value) == 0 || (json_count(value) == 1 && str_eq_c(json_get_string(value, "oversized_image"), "downsize"));
	for (struct json_iter it = json_iter(json_is(value, JSON_ARRAY) ? value : NULL); json_count(value) == 1 && json_next(&it);)
		said = json_string(it.value);
	for (size_t i = 0; i < COUNT(defaults); i++)
		if (str_eq_c(name, defaults[i][0]) && str_eq_c(said, defaults[i][1]))
			return true;
	return (json_is(value, JSON_ARRAY) || json_is(value, JSON_OBJECT)) && json_count(value) == 0;
}

void
anthropic_note_extra(struct anthropic_parser *parser, struct str what)
{
	if (!parser->call->extra.len && what.ptr)
		parser->call->extra = what;
}

void
anthropic_note_members(struct anthropic_parser *parser, enum anthropic_object kind, struct str type, const struct json *object, struct str where)
{
	const struct known *known = NULL;

	for (size_t i = 0; i < tables[kind].count && !known; i++)
		if (str_eq_c(type, tables[kind].list[i].type))
			known = &tables[kind].list[i];
	for (struct json_iter it = json_iter(known && json_is(object, JSON_OBJECT) ? object : NULL); json_next(&it);)
		if (!str_eq_c(it.key, "type") && !str_in(it.key, known->members, MEMBERS_MAX) && !says_nothing(it.key, it.value))
			anthropic_note_extra(parser, arena_printf(parser->arena, "%" STR_F ".%" STR_F, STR_A(where), STR_A(str_slice(it.key, 0, 100))));
}
