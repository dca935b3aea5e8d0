/*
 * litellm_models.c - LiteLLM's model_list: deployments of one model_name become the targets of one model.
 */
#include "conf/litellm_inside.h"
#include "conf/models.h"

#define LIMITS_ADVICE "limit keys and teams in place of deployments: corbel key create --requests-per-minute"
#define DEFAULT_ADVICE "the configuration sets no parameters of calls: clients say it in the request"
#define AWS_ADVICE "only keys that stand in the configuration are used, temporary ones with aws_session_token: no roles, profiles or tokens of others"
#define PRICE_ADVICE "a target has prices of text, cache, sound, pictures and queries; dated tables with more are imported: corbel price import"
#define TAG_ADVICE "give tagged deployments a model name of their own, and let keys have it: corbel key create --model PATTERN"

static const struct litellm_key param_keys[] = {
	{ "model", NULL }, { "custom_llm_provider", NULL }, { "api_key", NULL }, { "api_base", NULL }, { "base_url", NULL }, { "api_version", NULL }, { "organization", NULL },
	{ "timeout", NULL }, { "stream_timeout", NULL }, { "max_parallel_requests", NULL }, { "rpm", NULL }, { "tpm", NULL }, { "weight", NULL }, { "order", NULL }, { "silent_model", NULL },
	{ "input_cost_per_token", NULL }, { "output_cost_per_token", NULL }, { "cache_read_input_token_cost", NULL }, { "cache_creation_input_token_cost", NULL },
	{ "input_cost_per_audio_token", NULL }, { "output_cost_per_audio_token", NULL }, { "input_cost_per_image_token", NULL }, { "output_cost_per_image_token", NULL },
	{ "cache_read_input_audio_token_cost", NULL }, { "input_cost_per_query", NULL },
	{ "aws_region_name", NULL }, { "region_name", NULL }, { "aws_access_key_id", NULL }, { "aws_secret_access_key", NULL }, { "aws_session_token", NULL },
	{ "aws_bedrock_runtime_endpoint", NULL }, { "vertex_project", NULL }, { "vertex_location", NULL }, { "vertex_credentials", NULL }, { "tenant_id", NULL },
	{ "client_id", NULL }, { "client_secret", NULL }, { "extra_headers", NULL }, { "headers", NULL }, { "num_retries", NULL }, { "max_retries", NULL },
	{ "litellm_credential_name", NULL }, { "cooldown_time", NULL },
	{ "aws_*", AWS_ADVICE },
	{ "azure_*", "give tenant_id, client_id and client_secret: tokens are fetched and renewed here" },
	{ "drop_params", "what a target cannot do is refused before it is asked; mere hints are left out by themselves (docs/providers.md)" },
	{ "additional_drop_params", "what a target cannot do is refused before it is asked; mere hints are left out by themselves (docs/providers.md)" },
	{ "tags", TAG_ADVICE },
	{ "tag_regex", TAG_ADVICE },
	{ "itpm", LIMITS_ADVICE },
	{ "otpm", LIMITS_ADVICE },
	{ "default_api_key_*", LIMITS_ADVICE },
	{ "max_budget", "budgets bind tenants, teams, keys and users: corbel budget create" },
	{ "budget_duration", "budgets bind tenants, teams, keys and users: corbel budget create --period" },
	{ "temperature", DEFAULT_ADVICE },
	{ "top_p", DEFAULT_ADVICE },
	{ "max_tokens", DEFAULT_ADVICE },
	{ "max_completion_tokens", DEFAULT_ADVICE },
	{ "stop", DEFAULT_ADVICE },
	{ "seed", DEFAULT_ADVICE },
	{ "reasoning_effort", DEFAULT_ADVICE },
	{ "thinking", DEFAULT_ADVICE },
	{ "initial_prompt_value", DEFAULT_ADVICE },
	{ "input_cost_per_*", PRICE_ADVICE },
	{ "output_cost_per_*", PRICE_ADVICE },
	{ "cache_*", PRICE_ADVICE },
	{ "mock_response", "there is no made-up answer here: point the model at a server of your own" },
	{ "s3_*", "batches are not passed on here" },
	{ "merge_reasoning_content_in_choices", "reasoning stays apart from the text: reasoning_content in OpenAI's dialect" },
	{ "auto_router*", "split, fallbacks and strategy choose here; nothing reads the prompt to choose" },
	{ "complexity_router*", "split, fallbacks and strategy choose here; nothing reads the prompt to choose" },
	{ "adaptive_router*", "split, fallbacks and strategy choose here; nothing reads the prompt to choose" },
	{ "quality_router*", "split, fallbacks and strategy choose here; nothing reads the prompt to choose" },
};

/* What is only told there (supports_vision, max_input_tokens) is passed over. */
static const struct litellm_key info_keys[] = {
	{ "access_groups", "let keys and teams have models by name or pattern: corbel key create --model PATTERN" },
	{ "team_id", "let keys and teams have models by name or pattern: corbel team create --model PATTERN" },
	{ "base_model", "prices of imported tables go by provider and model; where this one has another name, give the target a price" },
	{ "health_check_*", "there are no calls to try targets: breakers follow what real calls meet" },
	{ "disable_background_health_check", "" },
};

static const struct litellm_key outer_keys[] = { { "model_name", NULL }, { "litellm_params", NULL }, { "model_info", NULL }, { "rpm", NULL }, { "tpm", NULL } };

struct deployment {
	const struct yaml *node, *params, *info, *credential;
};

static const struct yaml *
param(const struct deployment *deployment, const char *name)
{
	const struct yaml *own = litellm_child(deployment->params, name);

	return own ? own : litellm_child(deployment->info, name);
}

/* The values of the entry of credential_list that the deployment names. */
static const struct yaml *
credential_find(struct litellm *it, const struct yaml *params)
{
	const struct yaml *name = litellm_child(params, "litellm_credential_name"), *list = litellm_child(it->root, "credential_list");

	for (const struct yaml *entry = name && list && list->kind == YAML_LIST ? list->first : NULL; entry; entry = entry->next) {
		const struct yaml *own = litellm_child(entry, "credential_name");

		if (own && name->kind == YAML_SCALAR && own->kind == YAML_SCALAR && str_eq(own->text, name->text))
			return litellm_child(entry, "credential_values");
	}
	if (name)
		litellm_note(it, LITELLM_LEFT_OUT, name, "litellm_params", "no entry of credential_list has this name");
	return NULL;
}

/* --- what a model is for --- */

enum { API_CHAT = 0, API_OTHER = ~0 }; /* beside CONF_API_EMBEDDINGS and its like */

static int
api_told(struct litellm *it, const struct yaml *mode)
{
	static const struct {
		const char *mode;
		int api;
	} modes[] = { { "chat", API_CHAT }, { "completion", API_CHAT }, { "responses", API_CHAT }, { "embedding", CONF_API_EMBEDDINGS }, { "rerank", CONF_API_RERANK },
		{ "moderation", CONF_API_MODERATIONS } };

	for (size_t i = 0; i < COUNT(modes) && mode->kind == YAML_SCALAR; i++)
		if (str_eq_c(mode->text, modes[i].mode))
			return modes[i].api;
	litellm_note(it, LITELLM_LEFT_OUT, mode, "model_info", "the deployment was left out: models here answer chats, make embeddings, rank or moderate");
	return API_OTHER;
}

/* What the model is for: by the mode it is given, else by its name. */
static int
api_of(struct litellm *it, const struct deployment *deployment, const struct yaml *model)
{
	static const struct {
		const char *part;
		int api;
	} parts[] = { { "dall-e", API_OTHER }, { "gpt-image", API_OTHER }, { "whisper", API_OTHER }, { "tts-", API_OTHER }, { "transcribe", API_OTHER },
		{ "rerank", CONF_API_RERANK }, { "moderation", CONF_API_MODERATIONS }, { "embed", CONF_API_EMBEDDINGS } };
	const struct yaml *mode = litellm_child(deployment->info, "mode");

	if (mode)
		return api_told(it, mode);
	for (size_t i = 0; i < COUNT(parts); i++) {
		if (str_find(model->text, str_of(parts[i].part), 0) == SIZE_MAX)
			continue;
		if (parts[i].api == API_OTHER)
			litellm_note(it, LITELLM_LEFT_OUT, model, "litellm_params", "the deployment was left out: by its name it makes or reads images or sound");
		else
			litellm_note(it, LITELLM_CHANGED, model, "litellm_params", "taken for a model of %s by its name, since model_info.mode is missing",
				conf_api_name((unsigned)parts[i].api));
		return parts[i].api;
	}
	return API_CHAT;
}

/* --- one deployment --- */

const struct litellm_price litellm_prices[LITELLM_PRICES] = { { "input_cost_per_audio_token", "audio_input", 1e6 }, { "output_cost_per_audio_token", "audio_output", 1e6 },
	{ "input_cost_per_image_token", "image_input", 1e6 }, { "output_cost_per_image_token", "image_output", 1e6 }, { "cache_read_input_audio_token_cost", "cached_audio", 1e6 },
	{ "input_cost_per_query", "search", 1e3 }, { "cache_creation_input_token_cost_above_1hr", "cache_write_1h", 1e6 } };

/* A price of one unit; negative: not given, or none that could be. */
static double
cost_read(struct litellm *it, const struct yaml *node)
{
	double cost = litellm_number(it, node, "litellm_params");

	if (cost <= 1)
		return cost;
	litellm_note(it, LITELLM_LEFT_OUT, node, "litellm_params", "more than a dollar a token or query: no price that could be");
	return -1;
}

static void
price_read(struct litellm *it, const struct deployment *deployment, struct litellm_target *target)
{
	static const struct {
		const char *theirs;
		size_t offset;
	} costs[] = { { "input_cost_per_token", offsetof(struct litellm_target, input) }, { "output_cost_per_token", offsetof(struct litellm_target, output) },
		{ "cache_read_input_token_cost", offsetof(struct litellm_target, cached_input) },
		{ "cache_creation_input_token_cost", offsetof(struct litellm_target, cache_write) } };

	for (size_t i = 0; i < COUNT(costs); i++) {
		double cost = cost_read(it, param(deployment, costs[i].theirs));
		double *member = (double *)(void *)((char *)target + costs[i].offset);

		*member = i >= 2 ? target->input : 0; /* what the cache has costs as much as what it has not */
		if (cost < 0)
			continue;
		*member = cost * 1e6;
		target->priced = true;
	}
	for (size_t i = 0; i < LITELLM_PRICES; i++) {
		target->more[i] = cost_read(it, param(deployment, litellm_prices[i].theirs)) * litellm_prices[i].units;
		target->priced = target->priced || target->more[i] >= 0;
	}
}

/* How much of the model's calls, by what the deployment or the entry around it says. */
static double
share(struct litellm *it, const struct deployment *deployment, const char *name)
{
	const struct yaml *node = litellm_child(deployment->params, name);

	return litellm_number(it, node ? node : litellm_child(deployment->node, name), "litellm_params");
}

/* A second target of the same provider and model: the first one gets its share too. */
static bool
target_joined(struct litellm *it, const struct yaml *name, struct litellm_model *model, const struct litellm_target *added)
{
	for (struct litellm_target *at = model->targets; at; at = at->next) {
		if (at->provider != added->provider || !str_eq(at->model, added->model))
			continue;
		at->weight = (at->weight < 0 ? 1 : at->weight) + (added->weight < 0 ? 1 : added->weight);
		at->rpm = at->rpm < 0 || added->rpm < 0 ? at->rpm : at->rpm + added->rpm;
		at->tpm = at->tpm < 0 || added->tpm < 0 ? at->tpm : at->tpm + added->tpm;
		at->concurrency = at->concurrency && added->concurrency ? at->concurrency + added->concurrency : 0;
		litellm_note(it, LITELLM_CHANGED, name, "model_list", "the same provider, key and model as in line %u: one target, with the weight of both", at->line);
		return true;
	}
	return false;
}

static struct litellm_model *
model_take(struct litellm *it, const struct yaml *name, unsigned api)
{
	struct litellm_model *model = map_get(&it->models_by_name, name->text);

	if (model || it->model_count == LITELLM_MODELS_MAX)
		return model;
	model = arena_zalloc(it->arena, sizeof(*model));
	if (!model)
		return NULL;
	*model = (struct litellm_model){ .name = name->text, .line = name->line, .api = api, .retries = -1 };
	model->tail = &model->targets;
	model->fallback_tail = &model->fallbacks;
	map_put(&it->models_by_name, model->name, model);
	*it->models_tail = model;
	it->models_tail = &model->next;
	it->model_count++;
	return model;
}

static void
retries_read(struct litellm *it, const struct deployment *deployment, struct litellm_model *model)
{
	const struct yaml *node = litellm_child(deployment->params, "num_retries");
	double retries = litellm_number(it, node ? node : litellm_child(deployment->params, "max_retries"), "litellm_params");

	if (retries >= 0 && (int64_t)(retries > 10 ? 10 : retries) > model->retries)
		model->retries = (int64_t)(retries > 10 ? 10 : retries);
}

static void
target_add(struct litellm *it, const struct deployment *deployment, const struct yaml *name, struct litellm_target *target, unsigned api)
{
	struct litellm_model *model = model_take(it, name, api);
	double concurrency = litellm_number(it, litellm_child(deployment->params, "max_parallel_requests"), "litellm_params");
	const struct yaml *id = litellm_child(deployment->info, "id");

	if (!model || model->target_count == LITELLM_TARGETS_MAX) {
		litellm_note(it, LITELLM_LEFT_OUT, name, "model_list", "more than %d models, or %d deployments of one", LITELLM_MODELS_MAX, LITELLM_TARGETS_MAX);
		return;
	}
	if (model->api != api) {
		litellm_note(it, LITELLM_LEFT_OUT, name, "model_list", "the deployment was left out: others of this name are of another type");
		return;
	}
	price_read(it, deployment, target);
	target->line = name->line;
	target->weight = share(it, deployment, "weight");
	target->rpm = share(it, deployment, "rpm");
	target->tpm = share(it, deployment, "tpm");
	target->order = litellm_number(it, litellm_child(deployment->params, "order"), "litellm_params");
	target->concurrency = concurrency < 1 ? 0 : concurrency > 1000000 ? 1000000 : (int64_t)concurrency;
	retries_read(it, deployment, model);
	if (litellm_child(deployment->params, "silent_model"))
		model->silent = litellm_child(deployment->params, "silent_model");
	if (id && id->kind == YAML_SCALAR && !map_get(&it->models_by_id, id->text))
		map_put(&it->models_by_id, id->text, model);
	if (target_joined(it, name, model, target))
		return;
	*model->tail = target;
	model->tail = &target->next;
	model->target_count++;
	it->out->targets++;
}

/* Names with a star stand for every model of a provider there. */
static bool
wildcard(struct litellm *it, const struct deployment *deployment, const struct yaml *name, const struct yaml *model)
{
	struct str cut = model->text;
	const struct litellm_provider *provider;

	if (str_find_byte(name->text, '*', 0) == SIZE_MAX && str_find_byte(model->text, '*', 0) == SIZE_MAX)
		return false;
	provider = litellm_provider_of(it, deployment->params, deployment->credential, false, &cut);
	litellm_note(it, LITELLM_LEFT_OUT, name, "model_list",
		"names here have no wildcards: write a line for each model that is called, such as {name: gpt-x, targets: [{provider: %" STR_F ", model: gpt-x}]}",
		STR_A(provider ? provider->name : STR("PROVIDER")));
	return true;
}

static void
deployment_read(struct litellm *it, const struct yaml *node)
{
	struct deployment deployment = { .node = node, .params = litellm_child(node, "litellm_params"), .info = litellm_child(node, "model_info") };
	const struct yaml *name = litellm_child(node, "model_name"), *model = litellm_child(deployment.params, "model");
	struct litellm_target *target = arena_zalloc(it->arena, sizeof(*target));
	int api;

	if (!name || name->kind != YAML_SCALAR || !model || model->kind != YAML_SCALAR || !target) {
		litellm_note(it, LITELLM_LEFT_OUT, node, "model_list", "expected a map with model_name and litellm_params.model");
		return;
	}
	litellm_keys(it, node, "model_list", outer_keys, COUNT(outer_keys), false);
	litellm_keys(it, deployment.params, "litellm_params", param_keys, COUNT(param_keys), false);
	litellm_keys(it, deployment.info, "model_info", info_keys, COUNT(info_keys), true);
	deployment.credential = credential_find(it, deployment.params);
	if (wildcard(it, &deployment, name, model))
		return;
	api = litellm_name_ok(name->text) ? api_of(it, &deployment, model) : API_OTHER;
	if (!litellm_name_ok(name->text))
		litellm_note(it, LITELLM_LEFT_OUT, name, "model_list", "names here are letters, digits and . _ - / : @ +, at most 128: give it another, and tell its callers");
	if (api == API_OTHER)
		return;
	target->model = litellm_text(it, model, "litellm_params");
	if (target->model.ptr)
		target->provider = litellm_provider_of(it, deployment.params, deployment.credential, (unsigned)api, &target->model);
	if (target->provider && (target->model.len == 0 || target->model.len > 256))
		litellm_note(it, LITELLM_LEFT_OUT, model, "litellm_params", "no name of a model behind the prefix, or one of more than 256 bytes");
	else if (target->provider)
		target_add(it, &deployment, name, target, (unsigned)api);
}

/* Shares by rates were limits too, there. */
static void
rates_note(struct litellm *it, const struct yaml *list)
{
	for (const struct litellm_model *model = it->models; model; model = model->next) {
		bool rates = false;

		for (const struct litellm_target *target = model->targets; target; target = target->next)
			rates = rates || target->rpm >= 0 || target->tpm >= 0;
		if (rates)
			litellm_note(it, LITELLM_CHANGED, list, "", "\"%" STR_F "\": rpm and tpm of its deployments are shares here (weight), not limits; " LIMITS_ADVICE ", or bound a target with max_concurrency",
				STR_A(str_slice(model->name, 0, 128)));
	}
}

/* A silent_model names another model, whose first deployment gets a copy of each call. */
static void
silent_read(struct litellm *it)
{
	for (struct litellm_model *model = it->models; model; model = model->next) {
		const struct yaml *node = model->silent;
		const struct litellm_model *named = node && node->kind == YAML_SCALAR ? map_get(&it->models_by_name, node->text) : NULL;

		if (named && named->targets && named->api == 0 && model->api == 0)
			model->shadow = named->targets;
		else if (node)
			litellm_note(it, LITELLM_LEFT_OUT, node, "litellm_params", "no chat model of this name was taken over");
	}
}

void
litellm_models_read(struct litellm *it)
{
	const struct yaml *list = litellm_child(it->root, "model_list");

	if (!list)
		return;
	if (list->kind != YAML_LIST) {
		litellm_note(it, LITELLM_LEFT_OUT, list, "", "expected a list of deployments");
		return;
	}
	for (const struct yaml *node = list->first; node; node = node->next)
		deployment_read(it, node);
	rates_note(it, list);
	silent_read(it);
}
