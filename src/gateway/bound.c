/*
 * bound.c - see bound.h.
 */
#include "gateway/bound.h"

enum { USES_MAX = 1000000 };

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A bound as the request says it; what is none: BOUND_SEARCHES. */
static int64_t
bound_said(const struct json *value)
{
	int64_t said = json_int(value, -1);

	return said < 0 ? BOUND_SEARCHES : smaller(said, USES_MAX);
}

bool
bound_is_research(struct str model)
{
	return str_find(model, STR("deep-research"), 0) != SIZE_MAX;
}

int64_t
bound_web_searches(const struct call *call, struct str provider_kind, struct str model)
{
	const struct json *tools = json_get(call->source, "tools"), *all = json_get(call->source, "max_tool_calls");
	int64_t answers = call->choices ? call->choices : 1, searches = 0;

	if (str_eq_c(provider_kind, "perplexity"))
		return answers * (bound_is_research(model) ? BOUND_RESEARCH : 1);
	for (struct json_iter it = json_iter(json_is(tools, JSON_ARRAY) ? tools : NULL); json_next(&it);)
		if (str_starts(json_get_string(it.value, "type"), STR("web_search")))
			searches = smaller(searches + bound_said(call->dialect == DIALECT_ANTHROPIC ? json_get(it.value, "max_uses") : NULL), USES_MAX); /* a member of Anthropic's tool alone */
	if (searches && json_is(all, JSON_INT) && call->dialect == DIALECT_OPENAI_RESPONSES)
		searches = bound_said(all); /* the one bound of a response; its tools have none of their own */
	if (json_is(json_get(call->source, "web_search_options"), JSON_OBJECT))
		searches++;
	return answers * searches;
}

enum usage_tier
bound_tier(const struct call *call)
{
	bool fast = call->dialect == DIALECT_ANTHROPIC && str_eq_c(json_get_string(call->source, "speed"), "fast");

	return fast ? USAGE_FAST_MODE : usage_tier_of(json_get_string(call->source, "service_tier"));
}

static bool
is_hour(const struct json *mark)
{
	return str_eq_c(json_get_string(mark, "ttl"), "1h");
}

static bool
parts_keep_an_hour(const struct part *parts)
{
	for (const struct part *part = parts; part; part = part->next)
		if (is_hour(part->cache) || parts_keep_an_hour(part->parts))
			return true;
	return false;
}

bool
bound_keeps_an_hour(const struct call *call)
{
	bool hour = is_hour(json_get(call->source, "cache_control"));

	for (const struct tool *tool = call->tools; tool && !hour; tool = tool->next)
		hour = is_hour(tool->cache);
	for (const struct message *message = call->messages; message && !hour; message = message->next)
		hour = parts_keep_an_hour(message->parts);
	return hour;
}
