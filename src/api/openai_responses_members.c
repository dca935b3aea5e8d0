/*
 * openai_responses_members.c - what the objects inside a request of the Responses API may say for any target.
 *
 * The inner form carries what stands in these tables, or it is without effect elsewhere (docs/members.md says which). Any other member that says something is known to servers of this protocol alone, and
 * a call that has one goes to them or is refused. A member that says what leaving it out would say is no reason: clients give back whole items as they got them.
 */
#include "api/openai_responses.h"

enum { MEMBERS_MAX = 8 };

struct known {
	const char *type;
	const char *members[MEMBERS_MAX];
};

#define CACHE_MARK "prompt_cache_breakpoint" /* a hint: other providers cache by themselves */

static const struct known tools[] = { { "function", { "name", "description", "parameters", "strict" } }, { "custom", { "name", "description", "format" } },
	{ "file_search", { "vector_store_ids", "max_num_results", "filters", "ranking_options" } } };

/* `phase` tells comments from final answers among what was said; `name` of an output repeats what its call says. */
static const struct known items[] = { { "message", { "id", "role", "status", "content", "phase" } }, { "function_call", { "id", "call_id", "name", "arguments", "status" } },
	{ "function_call_output", { "id", "call_id", "output", "name", "status" } }, { "custom_tool_call", { "id", "call_id", "name", "input", "status" } },
	{ "custom_tool_call_output", { "id", "call_id", "output", "status" } }, { "reasoning", { "id", "summary", "content", "encrypted_content", "status" } },
	{ "file_search_call", { "id", "queries", "results", "status" } } };

static const struct known parts[] = { { "input_text", { "text", CACHE_MARK } }, { "input_image", { "image_url", "file_id", "detail", CACHE_MARK } },
	{ "input_file", { "file_data", "file_id", "file_url", "filename", "detail", CACHE_MARK } }, { "output_text", { "text", "annotations", "logprobs" } }, { "refusal", { "refusal" } },
	{ "text", { "text" } }, { "summary_text", { "text" } }, { "reasoning_text", { "text" } } };

static const struct known formats[] = { { "text", { NULL } }, { "json_object", { NULL } }, { "json_schema", { "name", "description", "schema", "strict" } } };

/* Objects without a type. */
static const struct known settings[] = { { "text", { "format", "verbosity" } }, { "reasoning", { "effort", "summary", "generate_summary" } }, { "stream_options", { "include_obfuscation" } },
	{ "prompt_cache_options", { "mode", "ttl" } } };

static const struct {
	const struct known *list;
	size_t count;
} tables[] = { [RESPONSES_TOOL] = { tools, COUNT(tools) }, [RESPONSES_ITEM] = { items, COUNT(items) }, [RESPONSES_PART] = { parts, COUNT(parts) },
	[RESPONSES_FORMAT] = { formats, COUNT(formats) }, [RESPONSES_SETTING] = { settings, COUNT(settings) } };

/* A value that says what not saying it would. */
static bool
says_nothing(struct str name, const struct json *value)
{
	static const char *const defaults[][2] = { { "context", "auto" }, { "mode", "standard" }, { "allowed_callers", "direct" }, { "caller", "direct" } };
	struct str said = STR_EMPTY;

	switch (json_type(value)) {
	case JSON_NONE:
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return !json_bool(value, true);
	case JSON_STRING:
		said = json_string(value);
		break;
	case JSON_OBJECT:
		said = json_get_string(value, "type");
		break;
	case JSON_ARRAY:
		for (struct json_iter it = json_iter(value); json_count(value) == 1 && json_next(&it);)
			said = json_string(it.value);
		break;
	default:
		return false;
	}
	for (size_t i = 0; i < COUNT(defaults); i++)
		if (str_eq_c(name, defaults[i][0]) && str_eq_c(said, defaults[i][1]))
			return true;
	return json_is(value, JSON_STRING) ? said.len == 0 : json_count(value) == 0;
}

static const struct known *
find(enum responses_object kind, struct str type)
{
	for (size_t i = 0; i < tables[kind].count; i++)
		if (str_eq_c(type, tables[kind].list[i].type))
			return &tables[kind].list[i];
	return NULL;
}

const struct err *
responses_members_foreign(struct arena *arena, enum responses_object kind, struct str type, const struct json *object, const char *where)
{
	const struct known *known = find(kind, type);

	for (struct json_iter it = json_iter(known && json_is(object, JSON_OBJECT) ? object : NULL); json_next(&it);) {
		struct str path;

		if (str_eq_c(it.key, "type") || str_in(it.key, known->members, MEMBERS_MAX) || says_nothing(it.key, it.value))
			continue;
		path = arena_printf(arena, "%s.%" STR_F, where, STR_A(str_slice(it.key, 0, 100)));
		return path.ptr ? err_param(arena, ERR_UNSUPPORTED, path.ptr, "unsupported_parameter",
					  "%" STR_F ": this is known to providers that speak this protocol themselves, and this model's does not; leave it out", STR_A(path))
				: &err_no_memory;
	}
	return NULL;
}
