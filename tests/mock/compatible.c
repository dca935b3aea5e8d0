/*
 * compatible.c - see compatible.h. Sources, by name: docs.mistral.ai (API, Chat Completion; mistral-common's validator for ids), console.groq.com/docs/openai, api-docs.deepseek.com,
 * docs.x.ai (REST API reference, cost tracking), openrouter.ai/docs (errors, usage accounting), docs.perplexity.ai, huggingface.co/docs/text-generation-inference (Messages API).
 */
#include "compatible.h"

#include <string.h>

static const struct likeness likenesses[] = {
	{ .name = "mistral",
	  .known = { "model", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed", "messages", "response_format", "tools", "tool_choice",
		     "presence_penalty", "frequency_penalty", "n", "prediction", "parallel_tool_calls", "prompt_mode", "reasoning_effort", "guardrails", "safe_prompt",
		     "metadata", "logprobs", "top_logprobs", "min_tokens", "repetition_penalty", "top_k" },
	  .usage = USAGE_WITH_FINISH,
	  .errors = ERROR_DETAIL,
	  .parts = true,
	  .no_developer = true,
	  .calls_whole = true,
	  .tool_id_len = 9 },
	{ .name = "groq",
	  .refused = { "logprobs", "logit_bias", "top_logprobs" },
	  .usage = USAGE_IN_X_GROQ,
	  .reasoning = "reasoning" },
	{ .name = "deepseek", .refused = { "max_completion_tokens" }, .usage = USAGE_WITH_FINISH, .reasoning = "reasoning_content", .no_developer = true },
	{ .name = "xai",
	  .refused = { "logit_bias" },
	  .usage = USAGE_APART,
	  .errors = ERROR_TEXT,
	  .reasoning = "reasoning_content",
	  .reasoning_apart = true,
	  .searches = SEARCHES_XAI,
	  .cost = COST_TICKS },
	{ .name = "openrouter", .usage = USAGE_APART, .errors = ERROR_NUMBER, .reasoning = "reasoning", .cost = COST_DOLLARS },
	{ .name = "perplexity", .refused = { "tools", "stream_options" }, .usage = USAGE_ALWAYS, .reasoning = "reasoning_content", .searches = SEARCHES_PERPLEXITY, .cost = COST_TOTAL },
	{ .name = "tgi", .usage = USAGE_APART, .errors = ERROR_TEXT },
};

const struct likeness *
likeness_of(const struct plan *plan)
{
	for (size_t i = 0; plan->like.ptr && i < COUNT(likenesses); i++)
		if (str_equal(plan->like, (struct str){ likenesses[i].name, strlen(likenesses[i].name) }))
			return &likenesses[i];
	return NULL;
}

static bool
listed(const char *const *names, size_t count, struct str name)
{
	for (size_t i = 0; i < count && names[i]; i++)
		if (str_equal(name, (struct str){ names[i], strlen(names[i]) }))
			return true;
	return false;
}

static bool
id_ok(struct str id, unsigned len)
{
	bool ok = id.len == len;

	for (size_t i = 0; i < id.len && ok; i++)
		ok = (id.ptr[i] >= '0' && id.ptr[i] <= '9') || (id.ptr[i] >= 'a' && id.ptr[i] <= 'z') || (id.ptr[i] >= 'A' && id.ptr[i] <= 'Z');
	return ok;
}

static bool
message_refused(const struct likeness *likeness, const struct json *json, const struct json_node *message, struct bytes *why)
{
	const struct json_node *role = json_get(json, message, "role"), *id = json_get(json, message, "tool_call_id");

	if (likeness->no_developer && json_is(role, JSON_STRING) && str_equal(role->text, STR("developer")))
		bytes_fmt(why, "Input tag 'developer' found using 'role' does not match any of the expected tags");
	else if (likeness->tool_id_len && id && !id_ok(id->text, likeness->tool_id_len))
		bytes_fmt(why, "Tool call id was %.*s but must be a-z, A-Z, 0-9, with a length of 9.", (int)id->text.len, id->text.ptr);
	return why->len > 0;
}

bool
likeness_refuses(const struct likeness *likeness, const struct json *json, struct bytes *why)
{
	const struct json_node *item, *messages = json_get(json, json->nodes, "messages");

	for (item = json_first(json, json->nodes); item; item = json_after(json, json->nodes, item)) {
		bool refused = listed(likeness->refused, COUNT(likeness->refused), item->text) ||
			       (likeness->known[0] && !listed(likeness->known, COUNT(likeness->known), item->text));

		if (refused) {
			bytes_fmt(why, "%s: %.*s", likeness->errors == ERROR_DETAIL ? "Extra inputs are not permitted" : "property is not supported",
				  (int)item->text.len, item->text.ptr);
			return true;
		}
		item = json_after(json, json->nodes, item); /* the value of this key */
		if (!item)
			break;
	}
	for (item = json_first(json, messages); item; item = json_after(json, messages, item))
		if (message_refused(likeness, json, item, why))
			return true;
	return false;
}

void
likeness_error(const struct likeness *likeness, int status, const char *message, struct bytes *out)
{
	struct str text = { message, strlen(message) };

	switch (likeness->errors) {
	case ERROR_TEXT:
		bytes_add(out, STR("{\"code\":\"mock_code\",\"error\":\""));
		bytes_json(out, text);
		bytes_add(out, STR("\"}"));
		break;
	case ERROR_NUMBER:
		bytes_fmt(out, "{\"error\":{\"code\":%d,\"message\":\"", status);
		bytes_json(out, text);
		bytes_add(out, STR("\"}}"));
		break;
	case ERROR_DETAIL:
		bytes_add(out, STR("{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\"],\"msg\":\""));
		bytes_json(out, text);
		bytes_add(out, STR("\"}]}"));
		break;
	case ERROR_OBJECT:
		bytes_add(out, STR("{\"error\":{\"message\":\""));
		bytes_json(out, text);
		bytes_add(out, STR("\",\"type\":\"invalid_request_error\"}}"));
		break;
	}
}

static void
cost(const struct likeness *likeness, const struct plan *plan, struct bytes *out)
{
	double dollars = (double)plan->reported_cost / 1e9;

	if (plan->reported_cost == PLAN_OFF)
		return;
	if (likeness->cost == COST_TICKS)
		bytes_fmt(out, ",\"cost_in_usd_ticks\":%ld", plan->reported_cost * 10);
	else if (likeness->cost == COST_DOLLARS)
		bytes_fmt(out, ",\"cost\":%.9f,\"is_byok\":false,\"cost_details\":{\"upstream_inference_cost\":null}", dollars);
	else if (likeness->cost == COST_TOTAL)
		bytes_fmt(out, ",\"cost\":{\"input_tokens_cost\":0.0,\"output_tokens_cost\":0.0,\"request_cost\":%.9f,\"total_cost\":%.9f}", dollars, dollars);
}

void
likeness_searches(const struct likeness *likeness, const struct plan *plan, struct bytes *out)
{
	struct str size = plan->search_size.ptr ? plan->search_size : STR("low");

	if (likeness->searches == SEARCHES_XAI) {
		bytes_fmt(out, ",\"num_sources_used\":0,\"server_side_tool_usage_details\":{\"web_search_calls\":%ld,\"x_search_calls\":0,\"code_interpreter_calls\":0}", plan->web_searches);
	} else if (likeness->searches == SEARCHES_PERPLEXITY) {
		bytes_add(out, STR(",\"search_context_size\":\""));
		bytes_json(out, size);
		bytes_add(out, STR("\""));
		if (plan->citation_tokens)
			bytes_fmt(out, ",\"citation_tokens\":%ld", plan->citation_tokens);
		if (plan->web_searches)
			bytes_fmt(out, ",\"num_search_queries\":%ld", plan->web_searches);
		if (plan->research_tokens)
			bytes_fmt(out, ",\"reasoning_tokens\":%ld", plan->research_tokens);
	}
	cost(likeness, plan, out);
}
