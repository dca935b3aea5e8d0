/*
 * litellm_routes.c - LiteLLM's router_settings, litellm_settings and general_settings: strategies, repeats, breakers, aliases and fallbacks.
 *
 * What holds for all models there is written at each model here.
 */
#include "conf/litellm_inside.h"

#define RECORD_ADVICE "every call is on record here, with its messages and its cost: corbel trace, corbel usage report, GET /metrics"
#define REDIS_ADVICE "no Redis is needed: nodes share PostgreSQL (store.url), one node nothing at all"
#define LIMIT_ADVICE "limits belong to tenants, teams and keys: corbel key create --requests-per-minute, --concurrency"
#define BUDGET_ADVICE "budgets bind tenants, teams, keys and users: corbel budget create"
#define CHECK_ADVICE "there are no calls to try targets: breakers follow what real calls meet"
#define SSO_ADVICE "callers are keys here: corbel key create"
#define LOG_ADVICE "the log's level is log.level; bodies are kept by capture of a model and retention.bodies"
#define DATABASE_ADVICE "corbel keeps SQLite in its data directory, or everything in a PostgreSQL database of its own: store: {url: \"${DATABASE_URL}\"}. Keys, teams and spend do not come along"

static const struct litellm_key router_keys[] = {
	{ "routing_strategy", NULL }, { "num_retries", NULL }, { "fallbacks", NULL }, { "context_window_fallbacks", NULL }, { "content_policy_fallbacks", NULL },
	{ "default_fallbacks", NULL }, { "allowed_fails", NULL }, { "cooldown_time", NULL }, { "disable_cooldowns", NULL }, { "model_group_alias", NULL }, { "retry_after", NULL },
	{ "timeout", NULL }, { "stream_timeout", NULL }, { "set_verbose", "" }, { "debug_level", "" },
	{ "routing_strategy_args", "a strategy has no settings of its own here" },
	{ "redis_*", REDIS_ADVICE },
	{ "cache_responses", "say litellm_settings.cache: true, or cache: {ttl: 1h} at the models (docs/cache.md)" },
	{ "cache_kwargs", "answers are kept in corbel's own database (docs/cache.md)" },
	{ "caching_groups", "each model has a cache of its own" },
	{ "retry_policy", "repeats go by the cause: error, timeout and rate_limit are repeated, the rest is not (docs/gateway.md)" },
	{ "model_group_retry_policy", "give the models a retry of their own" },
	{ "allowed_fails_policy", "breakers count what is the target's own failure, by cause (docs/gateway.md)" },
	{ "enable_pre_call_checks", "a conversation that is too long goes on by fallbacks with on: context_window" },
	{ "optional_pre_call_checks", "sticky: conversation or user keeps calls at one target, for the provider's prompt cache" },
	{ "enable_tag_filtering", "give tagged deployments a model name of their own, and let keys have it: corbel key create --model PATTERN" },
	{ "tag_filtering_match_any", "give tagged deployments a model name of their own, and let keys have it: corbel key create --model PATTERN" },
	{ "max_fallbacks", "a call takes at most 16 steps over at most 8 models here" },
	{ "provider_budget_config", BUDGET_ADVICE },
	{ "default_max_parallel_requests", "give providers a max_concurrency" },
	{ "default_litellm_params", "the configuration sets no parameters of calls: clients say it in the request" },
	{ "alerting_config", "budgets have alerts (corbel budget create --alert); watch the rest by GET /metrics" },
	{ "default_priority", "calls with service_tier: flex, or the header x-corbel-priority: batch, wait for others" },
	{ "enable_health_check_routing", CHECK_ADVICE },
	{ "health_check_*", CHECK_ADVICE },
};

static const struct litellm_key module_keys[] = {
	{ "fallbacks", NULL }, { "context_window_fallbacks", NULL }, { "content_policy_fallbacks", NULL }, { "default_fallbacks", NULL }, { "num_retries", NULL },
	{ "request_timeout", NULL }, { "allowed_fails", NULL }, { "cooldown_time", NULL }, { "set_verbose", NULL }, { "model_group_alias", NULL },
	{ "telemetry", "" }, { "suppress_debug_info", "" }, { "json_logs", "" },
	{ "drop_params", "what a target cannot do is refused before it is asked; mere hints are left out by themselves (docs/providers.md)" },
	{ "modify_params", "requests are translated between dialects, never changed to please a provider" },
	{ "cache", NULL }, { "cache_params", NULL }, { "enable_caching_on_provider_specific_optional_params", "" },
	{ "callbacks", RECORD_ADVICE }, { "success_callback", RECORD_ADVICE }, { "failure_callback", RECORD_ADVICE }, { "service_callback*", RECORD_ADVICE }, { "audit_log_callbacks", RECORD_ADVICE },
	{ "langfuse*", RECORD_ADVICE }, { "store_audit_logs", RECORD_ADVICE }, { "default_team_settings", "teams and their limits: corbel team create" },
	{ "turn_off_message_logging", "say capture: usage at the models whose messages are not to be kept" },
	{ "redact_*", "say capture: usage at the models whose messages are not to be kept" },
	{ "max_budget", BUDGET_ADVICE }, { "budget_duration", BUDGET_ADVICE }, { "max_end_user_budget", "corbel budget create --each-user" },
	{ "max_internal_user_budget", BUDGET_ADVICE }, { "internal_user_budget_duration", BUDGET_ADVICE }, { "default_internal_user_params", SSO_ADVICE }, { "upperbound_key_generate_params", SSO_ADVICE },
	{ "max_parallel_requests", LIMIT_ADVICE },
	{ "require_auth_for_metrics_endpoint", "GET /metrics wants a key with the scope metrics.read: corbel key create --scope metrics.read" },
	{ "guardrails", "there are no guardrails here yet" },
	{ "custom_provider_map", "code of one's own is not loaded: put it behind a server that speaks OpenAI's API" },
	{ "custom_prompt_templates", "prompts go to the server as they are: templates are the server's" },
	{ "include_cost_in_streaming_usage", "what a call cost is in its record: corbel trace show, corbel usage report" },
	{ "ssl_verify", "certificates are always checked; SSL_CERT_FILE in the environment names other authorities" },
	{ "force_ipv4", "addresses are taken as the resolver gives them" },
	{ "forward_traceparent_to_llm_provider", "a call's trace ends here: traceparent joins it to the caller's" },
};

static const struct litellm_key general_keys[] = {
	{ "master_key", NULL },
	{ "database_url", DATABASE_ADVICE }, { "database_*", DATABASE_ADVICE }, { "store_model_in_db", "the configuration file is the one place for models; it is read again when it changes" },
	{ "disable_prisma_schema_update", "" }, { "proxy_batch_write_at", "" }, { "disable_spend_logs", RECORD_ADVICE }, { "store_prompts_in_spend_logs", "capture: full, the default, keeps them" },
	{ "maximum_spend_logs_retention_*", "retention.bodies, retention.spans, retention.interactions and retention.usage" },
	{ "coordination_redis", REDIS_ADVICE }, { "use_redis_transaction_buffer", REDIS_ADVICE },
	{ "custom_auth", SSO_ADVICE }, { "enable_jwt_auth", SSO_ADVICE }, { "litellm_jwtauth", SSO_ADVICE }, { "user_api_key_cache_ttl", "" }, { "allow_user_auth", SSO_ADVICE }, { "ui_access_mode", "there is no console here yet" },
	{ "max_parallel_requests", LIMIT_ADVICE }, { "global_max_parallel_requests", "give providers a max_concurrency; server.connections_max bounds the rest" },
	{ "background_health_checks", CHECK_ADVICE }, { "health_check_*", CHECK_ADVICE },
	{ "alerting*", "budgets have alerts (corbel budget create --alert); watch the rest by GET /metrics" }, { "alert_*", "budgets have alerts (corbel budget create --alert); watch the rest by GET /metrics" },
	{ "pass_through_endpoints", "only the APIs of docs/api.md are served: nothing is passed through by path" },
	{ "key_management_*", "secrets come from the environment: ${NAME}" }, { "use_azure_key_vault", "secrets come from the environment: ${NAME}" }, { "use_google_kms", "secrets come from the environment: ${NAME}" },
	{ "max_request_size_mb", "server.body_max" }, { "max_response_size_mb", "an answer has bounds of its own (docs/limits.md)" },
	{ "infer_model_from_keys", "" }, { "completion_model", "give that model the names its callers use" },
	{ "allowed_routes", "scopes of keys say what they may do: corbel key create --scope" }, { "public_routes", "scopes of keys say what they may do: corbel key create --scope" },
};

#define STORE_ADVICE "answers are kept in corbel's own database (docs/cache.md); cache.max_bytes bounds them"

static const struct litellm_key cache_keys[] = {
	{ "type", NULL }, { "ttl", NULL }, { "mode", NULL },
	{ "default_in_memory_ttl", "one ttl for all: cache: {ttl: …} at the models" }, { "default_in_redis_ttl", "one ttl for all: cache: {ttl: …} at the models" },
	{ "similarity_threshold", "say semantic at the model's cache: {semantic: {threshold: …}}, with a threshold tried on your own questions (docs/cache.md)" },
	{ "supported_call_types", "answers of chat models are kept; embeddings are not" },
	{ "namespace", "scope of a model's cache says who shares answers: tenant, key or user" },
	{ "host", STORE_ADVICE }, { "port", STORE_ADVICE }, { "password", STORE_ADVICE }, { "url", STORE_ADVICE }, { "redis_*", STORE_ADVICE }, { "s3_*", STORE_ADVICE },
	{ "qdrant_*", STORE_ADVICE },
};

/* --- settings of all models --- */

static void
number_read(struct litellm *it, const struct yaml *section, const char *section_name, const char *key, double *out)
{
	double number = litellm_number(it, litellm_child(section, key), section_name);

	if (number >= 0)
		*out = number;
}

static void
count_read(struct litellm *it, const struct yaml *section, const char *section_name, const char *key, int64_t most, int64_t *out)
{
	double number = litellm_number(it, litellm_child(section, key), section_name);

	if (number >= 0)
		*out = number > (double)most ? most : (int64_t)number;
}

static void
strategy_read(struct litellm *it, const struct yaml *section)
{
	static const struct {
		const char *theirs, *ours, *note;
	} strategies[] = { { "simple-shuffle", "weighted", NULL }, { "least-busy", "least_busy", NULL }, { "latency-based-routing", "least_latency", NULL },
		{ "cost-based-routing", "cheapest", NULL },
		{ "usage-based-routing", "least_busy", "least_busy takes its place: the fewest calls in flight for their weight, not the least used of a minute's tokens" },
		{ "usage-based-routing-v2", "least_busy", "least_busy takes its place: the fewest calls in flight for their weight, not the least used of a minute's tokens" } };
	const struct yaml *node = litellm_child(section, "routing_strategy");

	for (size_t i = 0; i < COUNT(strategies) && node && node->kind == YAML_SCALAR; i++) {
		if (!str_eq_c(node->text, strategies[i].theirs))
			continue;
		it->strategy = strategies[i].ours;
		it->strategy_node = node;
		if (strategies[i].note)
			litellm_note(it, LITELLM_CHANGED, node, "router_settings", "%s", strategies[i].note);
		return;
	}
	if (node)
		litellm_note(it, LITELLM_LEFT_OUT, node, "router_settings", "strategies here are weighted, priority, least_latency, least_busy and cheapest");
}

static void
general_read(struct litellm *it, const struct yaml *section)
{
	const struct yaml *master = litellm_child(section, "master_key");
	struct str key = litellm_text(it, master, "general_settings");

	litellm_keys(it, section, "general_settings", general_keys, COUNT(general_keys), false);
	if (!key.ptr)
		return;
	if (!str_starts(key, STR("${")) && (key.len < 8 || key.len > 256))
		litellm_note(it, LITELLM_LEFT_OUT, master, "general_settings", "an admin key has at least 8 characters here; corbel makes one at its first start (admin.key)");
	else
		it->admin_key = key;
}

static void
cache_read(struct litellm *it, const struct yaml *section)
{
	const struct yaml *params = litellm_child(section, "cache_params"), *mode = litellm_child(params, "mode"), *type = litellm_child(params, "type");

	it->cache = litellm_true(litellm_child(section, "cache"));
	if (!it->cache)
		return;
	litellm_keys(it, params, "cache_params", cache_keys, COUNT(cache_keys), false);
	number_read(it, params, "cache_params", "ttl", &it->cache_ttl_s);
	it->cache_asked = mode && mode->kind == YAML_SCALAR && str_eq_c(mode->text, "default_off");
	if (type && type->kind == YAML_SCALAR && str_ends(type->text, STR("-semantic")))
		litellm_note(it, LITELLM_CHANGED, type, "cache_params", "equal calls alone are answered from the cache; for those that mean the same say semantic at the model's cache (docs/cache.md)");
}

void
litellm_settings_read(struct litellm *it)
{
	const struct yaml *router = litellm_child(it->root, "router_settings"), *module = litellm_child(it->root, "litellm_settings");
	const struct yaml *sections[] = { module, router }; /* the router's own win */
	static const char *const names[] = { "litellm_settings", "router_settings" };

	litellm_keys(it, router, names[1], router_keys, COUNT(router_keys), false);
	litellm_keys(it, module, names[0], module_keys, COUNT(module_keys), false);
	for (size_t i = 0; i < COUNT(sections); i++) {
		count_read(it, sections[i], names[i], "num_retries", 10, &it->retries);
		count_read(it, sections[i], names[i], "allowed_fails", 999999, &it->allowed_fails);
		number_read(it, sections[i], names[i], "cooldown_time", &it->cooldown_s);
	}
	number_read(it, module, names[0], "request_timeout", &it->request_timeout_s);
	number_read(it, router, names[1], "timeout", &it->timeout_s);
	number_read(it, router, names[1], "stream_timeout", &it->stream_timeout_s);
	number_read(it, router, names[1], "retry_after", &it->retry_after_s);
	it->no_cooldowns = litellm_true(litellm_child(router, "disable_cooldowns"));
	it->verbose = litellm_true(litellm_child(module, "set_verbose"));
	cache_read(it, module);
	strategy_read(it, router);
	general_read(it, litellm_child(it->root, "general_settings"));
}

/* --- aliases --- */

static void
alias_add(struct litellm *it, const struct yaml *node)
{
	const struct yaml *to = node->kind == YAML_MAP ? litellm_child(node, "model") : node;
	struct litellm_model *target = to && to->kind == YAML_SCALAR ? map_get(&it->models_by_name, to->text) : NULL;
	struct litellm_model *alias;

	if (!target || target->alias || !litellm_name_ok(node->key) || map_get(&it->models_by_name, node->key) || it->model_count == LITELLM_MODELS_MAX) {
		litellm_note(it, LITELLM_LEFT_OUT, node, "model_group_alias", "an alias has a name of its own here (letters, digits and . _ - / : @ +), and stands for a model that was taken over");
		return;
	}
	alias = arena_zalloc(it->arena, sizeof(*alias));
	if (!alias)
		return;
	*alias = (struct litellm_model){ .name = node->key, .line = node->key_line, .api = target->api, .alias = target, .retries = -1 };
	map_put(&it->models_by_name, alias->name, alias);
	*it->models_tail = alias;
	it->models_tail = &alias->next;
	it->model_count++;
	if (node->kind == YAML_MAP && litellm_true(litellm_child(node, "hidden")))
		litellm_note(it, LITELLM_CHANGED, node, "model_group_alias", "names are not hidden here: it is on the list of models");
}

/* --- fallbacks --- */

static bool
edge_known(const struct litellm_model *from, const struct litellm_model *to, const char *on)
{
	for (const struct litellm_edge *edge = from->fallbacks; edge; edge = edge->next)
		if (edge->to == to && (edge->on == on || !edge->on))
			return true;
	return false;
}

static void
edge_add(struct litellm *it, const struct yaml *node, const char *section, struct litellm_model *from, struct litellm_model *to, const char *on)
{
	struct litellm_edge *edge;

	if (edge_known(from, to, on))
		return;
	if (from == to || from->api != to->api || from->fallback_count == LITELLM_FALLBACKS_MAX) {
		litellm_note(it, LITELLM_LEFT_OUT, node, section,
			"from \"%" STR_F "\" to \"%" STR_F "\": fallbacks are other models of the same type, at most %d of a model", STR_A(from->name), STR_A(to->name),
			LITELLM_FALLBACKS_MAX);
		return;
	}
	edge = arena_zalloc(it->arena, sizeof(*edge));
	if (!edge)
		return;
	*edge = (struct litellm_edge){ .on = on, .to = to };
	*from->fallback_tail = edge;
	from->fallback_tail = &edge->next;
	from->fallback_count++;
}

/* A model that targets stand behind, by its name or by the id of one of its deployments: an alias stands for what it is one of. */
static struct litellm_model *
fallback_model(struct litellm *it, const struct yaml *node, const char *section)
{
	const struct yaml *name = node->kind == YAML_MAP ? litellm_child(node, "model") : node;
	struct litellm_model *model = name && name->kind == YAML_SCALAR ? map_get(&it->models_by_name, name->text) : NULL;
	bool by_id = !model && name && name->kind == YAML_SCALAR;

	if (by_id)
		model = map_get(&it->models_by_id, name->text);
	if (!model)
		litellm_note(it, LITELLM_LEFT_OUT, node, section, "a fallback is a model that was taken over");
	else if (by_id && model->target_count > 1)
		litellm_note(it, LITELLM_CHANGED, node, section, "to all deployments of \"%" STR_F "\", not to this one alone: give it a model_name of its own if only it is meant", STR_A(model->name));
	else if (node->kind == YAML_MAP && node->first && node->first->next)
		litellm_note(it, LITELLM_CHANGED, node, section, "the fallback gets the call as it came: its other members are left out");
	return model && model->alias ? model->alias : model;
}

/* Everything in `list` comes after `from`, or after every model. */
static void
ways_add(struct litellm *it, const struct yaml *list, const char *section, struct litellm_model *from, const char *on)
{
	for (const struct yaml *node = list->kind == YAML_LIST ? list->first : NULL; node; node = node->next) {
		struct litellm_model *to = fallback_model(it, node, section);

		if (to && from)
			edge_add(it, node, section, from, to, on);
		for (struct litellm_model *each = from || !to ? NULL : it->models; each; each = each->next)
			if (each != to && !each->alias && each->api == to->api)
				edge_add(it, node, section, each, to, on);
	}
}

/* [{"a": ["b", "c"]}, {"*": ["d"]}] */
static void
fallbacks_add(struct litellm *it, const struct yaml *list, const char *section, const char *on)
{
	for (const struct yaml *entry = list && list->kind == YAML_LIST ? list->first : NULL; entry; entry = entry->next)
		for (const struct yaml *node = entry->kind == YAML_MAP ? entry->first : NULL; node; node = node->next) {
			struct litellm_model *from = map_get(&it->models_by_name, node->key);

			if (from && from->alias)
				from = from->alias;
			if (from || str_eq_c(node->key, "*"))
				ways_add(it, node, section, from, on);
			else
				litellm_note(it, LITELLM_LEFT_OUT, node, section, "no model of this name was taken over");
		}
}

/* Where a model's order or the cheapest strategy cannot be what they are there. */
static void
strategies_note(struct litellm *it)
{
	const struct yaml *list = litellm_child(it->root, "model_list");

	for (const struct litellm_model *model = it->models; model; model = model->next) {
		bool level = false, unpriced = false;

		for (const struct litellm_target *target = model->targets; target; target = target->next) {
			for (const struct litellm_target *other = target->next; other && target->order >= 0; other = other->next)
				level = level || other->order == target->order;
			unpriced = unpriced || !target->priced;
		}
		if (level)
			litellm_note(it, LITELLM_CHANGED, list, "", "\"%" STR_F "\": deployments of one order are asked one after the other here (strategy: priority), not by shares", STR_A(model->name));
		if (unpriced && model->target_count > 1 && it->strategy && strcmp(it->strategy, "cheapest") == 0)
			litellm_note(it, LITELLM_CHANGED, it->strategy_node, "router_settings",
				"\"%" STR_F "\": the cheapest needs a price on every target (price: {input: …, output: …}); until then it goes by weight", STR_A(model->name));
	}
}

void
litellm_routes_read(struct litellm *it)
{
	static const char *const names[] = { "router_settings", "litellm_settings" };
#define IN_BOTH(key) key, { "router_settings." key, "litellm_settings." key }
	static const struct {
		const char *key, *sections[COUNT(names)], *on;
	} causes[] = { { IN_BOTH("context_window_fallbacks"), "context_window" }, { IN_BOTH("content_policy_fallbacks"), "content_filter" }, { IN_BOTH("fallbacks"), NULL } };

	for (size_t i = 0; i < COUNT(names); i++) {
		const struct yaml *aliases = litellm_child(litellm_child(it->root, names[i]), "model_group_alias");

		for (const struct yaml *node = aliases && aliases->kind == YAML_MAP ? aliases->first : NULL; node; node = node->next)
			alias_add(it, node);
	}
	for (size_t cause = 0; cause < COUNT(causes); cause++)
		for (size_t i = 0; i < COUNT(names); i++)
			fallbacks_add(it, litellm_child(litellm_child(it->root, names[i]), causes[cause].key), causes[cause].sections[i], causes[cause].on);
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct yaml *list = litellm_child(litellm_child(it->root, names[i]), "default_fallbacks");

		if (list)
			ways_add(it, list, i ? "litellm_settings.default_fallbacks" : "router_settings.default_fallbacks", NULL, NULL);
	}
	strategies_note(it);
}
