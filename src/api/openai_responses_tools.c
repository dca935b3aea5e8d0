/*
 * openai_responses_tools.c - the tools of a request of the Responses API, and the choice among them.
 *
 * Functions and custom tools are the caller's own; file_search is made here, in front of the model. Any other tool is run by a provider that speaks this protocol itself, and so is a choice of one.
 * A choice of a tool that is not there is refused: no provider could honour it.
 */
#include <math.h>

#include "api/openai_responses_parse.h"

enum { TOOLS_MAX = 512 };

static const struct err *
parse_search(struct responses_parser *parser, const struct json *tool)
{
	const struct json *stores = json_get(tool, "vector_store_ids"), *ranking = json_get(tool, "ranking_options"), *filters = json_get(tool, "filters");
	const struct json *hybrid = json_get(ranking, "hybrid_search");
	double vectors = json_number(json_get(hybrid, "embedding_weight"), 0), words = json_number(json_get(hybrid, "text_weight"), 0);
	struct call_search *search = arena_zalloc(parser->arena, sizeof(*search));
	const struct err *err;
	int64_t limit;

	if (!search)
		return &err_no_memory;
	if (parser->call->search)
		return responses_bad(parser, "tools", "at most one file_search");
	if (json_is_given(filters) && !json_is(filters, JSON_OBJECT))
		return responses_bad(parser, "tools", "'filters' of a file_search is an object");
	if (!json_is(stores, JSON_ARRAY) || json_count(stores) == 0 || json_count(stores) > COUNT(search->collections))
		return responses_bad(parser, "tools", "a file_search needs 1 to 10 'vector_store_ids'");
	for (struct json_iter it = json_iter(stores); json_next(&it);) {
		if (!json_string(it.value).len)
			return responses_bad(parser, "tools", "'vector_store_ids' are strings");
		search->collections[search->count++] = json_string(it.value);
	}
	err = dialect_integer_parse(parser->arena, json_get(tool, "max_num_results"), "tools.max_num_results", 1, 50, 20, &limit);
	search->limit = (unsigned)limit;
	search->filter = json_is(filters, JSON_OBJECT) ? filters : NULL;
	search->score_min = json_number(json_get(ranking, "score_threshold"), 0);
	search->vector_weight = vectors + words > 0 ? vectors / (vectors + words) : NAN;
	parser->call->search = search;
	return err;
}

static const struct err *
parse_function(struct responses_parser *parser, const struct json *json, struct tool *tool)
{
	tool->parameters = json_is(json_get(json, "parameters"), JSON_OBJECT) ? json_get(json, "parameters") : NULL;
	tool->strict = json_bool(json_get(json, "strict"), false);
	return tool->name.len ? NULL : responses_bad(parser, "tools", "a function needs a 'name'");
}

/* The input of a custom tool is any text, or what a grammar allows. */
static const struct err *
parse_custom(struct responses_parser *parser, const struct json *json, struct tool *tool)
{
	const struct json *format = json_get(json, "format");
	struct str type = json_get_string(format, "type");

	tool->custom = true;
	if (!tool->name.len)
		return responses_bad(parser, "tools", "a custom tool needs a 'name'");
	if (!json_is_given(format) || str_eq_c(type, "text"))
		return NULL;
	tool->syntax = json_get_string(format, "syntax");
	tool->grammar = json_get_string(format, "definition");
	if (str_eq_c(type, "grammar") && tool->syntax.len && tool->grammar.len)
		return NULL;
	return responses_bad(parser, "tools", "a custom tool's 'format' must be text, or a grammar with a 'syntax' and a 'definition'");
}

/* A tool that the caller runs. */
static const struct err *
parse_own(struct responses_parser *parser, const struct json *json, struct tool ***end)
{
	struct tool *tool = arena_zalloc(parser->arena, sizeof(*tool));

	if (!tool)
		return &err_no_memory;
	tool->name = json_get_string(json, "name");
	tool->description = json_get_string(json, "description");
	**end = tool;
	*end = &tool->next;
	return str_eq_c(json_get_string(json, "type"), "custom") ? parse_custom(parser, json, tool) : parse_function(parser, json, tool);
}

const struct err *
responses_parse_tools(struct responses_parser *parser, const struct json *tools)
{
	struct tool **end = &parser->call->tools;
	const struct err *err = NULL;

	if (json_is_given(tools) && !json_is(tools, JSON_ARRAY))
		return responses_bad(parser, "tools", "expected an array");
	if (json_count(tools) > TOOLS_MAX)
		return responses_bad(parser, "tools", "too many tools");
	for (struct json_iter it = json_iter(tools); !err && json_next(&it);) {
		struct str type = json_get_string(it.value, "type"), where = arena_printf(parser->arena, "tools[%zu]", it.index);

		err = where.ptr ? responses_look_into(parser, RESPONSES_TOOL, it.value, where.ptr) : &err_no_memory;
		if (err)
			break;
		if (str_eq_c(type, "function") || str_eq_c(type, "custom"))
			err = parse_own(parser, it.value, &end);
		else if (str_eq_c(type, "file_search"))
			err = parse_search(parser, it.value);
		else
			err = responses_foreign(parser,
				err_param(parser->arena, ERR_UNSUPPORTED, "tools", "unsupported_tool",
					"tools: '%" STR_F "' is run by a provider that speaks this protocol itself, and this model's does not; function, custom and file_search are supported",
					STR_A(type)));
	}
	return err;
}

static bool
is_offered(const struct responses_parser *parser, struct str type, struct str name)
{
	if (str_eq_c(type, "file_search"))
		return parser->call->search != NULL;
	for (const struct tool *tool = parser->call->tools; tool; tool = tool->next)
		if (tool->custom == str_eq_c(type, "custom") && str_eq(tool->name, name))
			return true;
	return false;
}

/* Whether a list of allowed tools has one; the name tells apart what the caller runs. */
static bool
is_allowed(const struct json *allowed, const char *type, struct str name)
{
	for (struct json_iter it = json_iter(allowed); json_next(&it);)
		if (str_eq_c(json_get_string(it.value, "type"), type) && (!name.len || str_eq(json_get_string(it.value, "name"), name)))
			return true;
	return false;
}

/* Only the tools that are named stay; the choice is between them. */
static const struct err *
parse_allowed(struct responses_parser *parser, const struct json *choice)
{
	const struct json *allowed = json_get(choice, "tools");
	struct str mode = json_get_string(choice, "mode");

	if (!json_count(allowed))
		return responses_bad(parser, "tool_choice.tools", "expected an array of tools that are allowed");
	for (struct json_iter it = json_iter(allowed); json_next(&it);) {
		struct str type = json_get_string(it.value, "type");
		bool own = str_eq_c(type, "function") || str_eq_c(type, "custom") || str_eq_c(type, "file_search");

		if (!own)
			responses_foreign(parser, responses_refuse(parser, "tool_choice", "allows a tool that only a provider knows which speaks this protocol itself"));
		else if (!is_offered(parser, type, json_get_string(it.value, "name")) && !parser->call->foreign)
			return responses_bad(parser, "tool_choice", "allows a tool that is not among the tools");
	}
	for (struct tool **link = &parser->call->tools; *link;) {
		if (is_allowed(allowed, (*link)->custom ? "custom" : "function", (*link)->name))
			link = &(*link)->next;
		else
			call_bar(parser->call, link);
	}
	if (!is_allowed(allowed, "file_search", STR_EMPTY))
		parser->call->search = NULL;
	parser->call->tool_choice = str_eq_c(mode, "required") ? TOOL_CHOICE_REQUIRED : TOOL_CHOICE_AUTO;
	return str_eq_c(mode, "required") || str_eq_c(mode, "auto") ? NULL : responses_bad(parser, "tool_choice.mode", "must be auto or required");
}

#define CHOICES "must be none, auto, required, allowed_tools, file_search or name a function or a custom tool"

/* One of the words. */
static const struct err *
parse_choice_word(struct responses_parser *parser, struct str text)
{
	static const char *const names[] = { [TOOL_CHOICE_NONE] = "none", [TOOL_CHOICE_AUTO] = "auto", [TOOL_CHOICE_REQUIRED] = "required" };
	struct call *call = parser->call;

	for (unsigned i = TOOL_CHOICE_NONE; i < COUNT(names); i++)
		if (str_eq_c(text, names[i]))
			call->tool_choice = (enum tool_choice)i;
	if (call->tool_choice == TOOL_CHOICE_UNSET)
		return responses_bad(parser, "tool_choice", CHOICES);
	if (call->tool_choice == TOOL_CHOICE_NONE)
		call->search = NULL;
	if (call->tool_choice == TOOL_CHOICE_REQUIRED && !call->tools && !call->search && !call->foreign)
		return responses_bad(parser, "tool_choice", "requires a tool, and there are no tools");
	return NULL;
}

const struct err *
responses_parse_tool_choice(struct responses_parser *parser, const struct json *choice)
{
	struct str type = json_get_string(choice, "type");
	struct call *call = parser->call;

	if (!json_is_given(choice))
		return NULL;
	if (json_is(choice, JSON_STRING))
		return parse_choice_word(parser, json_string(choice));
	if (str_eq_c(type, "allowed_tools"))
		return parse_allowed(parser, choice);
	if (str_eq_c(type, "file_search"))
		return call->search ? NULL : responses_bad(parser, "tool_choice", "names file_search, which is not among the tools");
	call->tool_named_custom = str_eq_c(type, "custom");
	if (type.len && !str_eq_c(type, "function") && !call->tool_named_custom)
		return responses_foreign(parser, responses_refuse(parser, "tool_choice", CHOICES));
	call->tool_named = json_get_string(choice, "name");
	call->tool_choice = TOOL_CHOICE_NAMED;
	if (!type.len || !call->tool_named.len)
		return responses_bad(parser, "tool_choice", CHOICES);
	return call->foreign || is_offered(parser, type, call->tool_named) ? NULL : responses_bad(parser, "tool_choice", "names a tool that is not among the tools");
}
