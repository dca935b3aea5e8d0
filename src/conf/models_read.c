/*
 * models_read.c - models, their targets and knowledge, and embeddings out of the configuration file; and the order in which all of it is read. See models.h.
 *
 * Each struct has a table of its fields; reading, checking, suggestions and the reference page all come from the tables. Providers are read
 * first, wherever they stand in the file, so that a target is resolved where it is read.
 */
#include "conf/models.h"

#include "conf/kinds.h"
#include "conf/reader.h"
#include "conf/nearest.h"
#include "conf/routing_read.h"
#include "conf/snapshot.h"
#include "conf/webhooks_read.h"

static const struct field_table model_table, target_table, knowledge_table, embeddings_table;

const struct field_table *const entry_tables[ENTRY_KINDS] = { [ENTRY_PROVIDER] = &provider_table, [ENTRY_MODEL] = &model_table };
const struct field_table *const embeddings_section = &embeddings_table;

static void targets_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
static void target_provider_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
static void price_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
static void knowledge_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
static void embeddings_provider_read(struct reader *reader, const struct yaml *node, struct str path, void *object);

static const char *const model_types[] = { "chat", "embeddings", "rerank", "moderations", NULL };
static const char *const captures[] = { "none", "usage", "full", NULL };
static const char *const strategies[] = { "weighted", "priority", "least_latency", "least_busy", "cheapest", NULL };
static const char *const stickies[] = { "none", "conversation", "user", NULL };
static const char *const broken_streams[] = { "error", "continue", NULL };
static const char *const disconnects[] = { "cancel", "continue", NULL };
static const char *const search_modes[] = { "auto", "rrf", "convex", "words", "vectors", NULL };

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct field target_fields[] = {
	{ { .name = "provider", .help = "A name from providers." }, .read = target_provider_read, .shape = "a provider's name" },
	{ { "model", SETTING_STRING, .min = "1", .max = "256", .help = "The model's name at the provider.", .check = conf_header_value_ok,
		  .wants = "a name without control characters" },
		AT(conf_target, model) },
	{ { "weight", SETTING_INT, "1", "0", "1000000", .help = "Its share of the calls, beside the other targets'." },
		AT(conf_target, weight) },
	{ { "max_concurrency", SETTING_INT, "0", "0", "1000000", .help = "Calls to it at once, beside the provider's own limit. 0: no limit." },
		AT(conf_target, concurrency) },
	{ { .name = "fallback_on",
		  .help = "Never a first choice: tried only after a failure by these causes (any, error, timeout, rate_limit, context_window, content_filter)." },
		.read = target_on_read, .shape = "a cause, or a list of causes" },
	{ { .name = "price", .help = "US dollars for a million tokens." }, .read = price_read, .shape = "a map, see price", .table = &price_table },
};

static const struct field knowledge_fields[] = {
	{ { "collection", SETTING_STRING, .min = "1", .max = "256", .help = "The name of the collection it answers from." },
		AT(conf_knowledge, collection) },
	{ { "top_k", SETTING_INT, "8", "1", "50", .help = "Passages looked up for a question." }, AT(conf_knowledge, top_k) },
	{ { "max_context_tokens", SETTING_INT, "3000", "100", "1000000",
		  .help = "Passages put before the model take at most this many tokens." },
		AT(conf_knowledge, max_context_tokens) },
	{ { "mode", SETTING_CHOICE, "auto", .choices = search_modes,
		  .help = "How words and meaning are joined: auto weighs them by the kind of question, rrf by ranks, convex by "
			  "vector_weight; words and vectors use one alone." },
		AT(conf_knowledge, mode) },
	{ { "vector_weight", SETTING_FLOAT, "0.5", "0", "1", .help = "The share of meaning in mode convex." },
		AT(conf_knowledge, vector_weight) },
	{ { "score_min", SETTING_FLOAT, "0", "0", "1", .help = "Passages with a lower score are left out." },
		AT(conf_knowledge, score_min) },
	{ { "local_only", SETTING_BOOL, "false",
		  .help = "The collection is local_only for all, as long as this is in force: what is found in it never reaches a hosted provider, by whatever model or tool." },
		AT(conf_knowledge, local_only) },
	{ { "instructions", SETTING_STRING, "", .max = "65536",
		  .help = "What the model is told to do with the passages, in place of the built-in text." },
		AT(conf_knowledge, instructions) },
};

static const struct field model_fields[] = {
	{ { "name", SETTING_STRING, .min = "1", .max = "128", .help = "What clients put into \"model\".", .check = conf_name_ok,
		  .wants = CONF_NAME_WANTS },
		AT(conf_model, name) },
	{ { "type", SETTING_CHOICE, "chat", .choices = model_types, .help = "What it is called for." }, AT(conf_model, type) },
	{ { .name = "targets",
		  .help = "Where its calls go. Without any, a model with knowledge answers with the built-in extractive model." },
		.read = targets_read, .shape = "a list, see targets", .table = &target_table },
	{ { .name = "knowledge", .help = "The documents it answers from." }, .read = knowledge_read, .shape = "a map, see knowledge", .table = &knowledge_table },
	{ { "capture", SETTING_CHOICE, "full", .choices = captures,
		  .help = "What the record of a call keeps: figures alone (none), parameters too (usage), or messages too (full)." },
		AT(conf_model, capture) },
	{ { "on_disconnect", SETTING_CHOICE, "cancel", .choices = disconnects,
		  .help = "When the client of a stream leaves, the answer ends upstream too, or it goes on, and the rest can be had ([streams.md](streams.md)). Of a split, what the "
			  "split's own name says counts." },
		AT(conf_model, on_disconnect) },
	{ { "strategy", SETTING_CHOICE, "weighted", .choices = strategies,
		  .help = "Which target is asked first: by weight, in the order of the list, the one that answers soonest (a moving average of the time to the first "
			  "chunk), the one with the fewest calls in flight for its weight, or the cheapest." },
		AT(conf_model, route.strategy) },
	{ { "sticky", SETTING_CHOICE, "none", .choices = stickies,
		  .help = "What stays with a target or an arm of a split: nothing, a conversation, or a user. Weights are respected." },
		AT(conf_model, route.sticky) },
	{ { "on_broken_stream", SETTING_CHOICE, "error", .choices = broken_streams,
		  .help = "A stream that breaks after text was sent ends with an error, or the next target continues the text." },
		AT(conf_model, route.on_broken_stream) },
	{ { .name = "retry", .help = "Repeats of calls that failed." }, .read = retry_read, .shape = "a map, see retry", .table = &retry_table },
	{ { .name = "fallbacks", .help = "Other models to try." }, .read = fallbacks_read, .shape = "a list, see fallbacks", .table = &fallback_table },
	{ { .name = "split", .help = "The name stands for other models by shares: canaries and A/B tests." }, .read = split_read, .shape = "a list, see split", .table = &arm_table },
	{ { .name = "shadow", .help = "A target that gets a copy of some calls." }, .read = shadow_read, .shape = "a map, see shadow", .table = &shadow_table },
	{ { .name = "cache", .help = "Answers are kept and given again." }, .read = cache_read, .shape = "a map, see cache", .table = &cache_table },
};

static const struct field embeddings_fields[] = {
	{ { .name = "provider",
		  .help = "A name from providers whose embeddings endpoint is used; without one, the model in this process." },
		.read = embeddings_provider_read, .shape = "a provider's name" },
	{ { "model", SETTING_STRING, "", .max = "256", .help = "The model's name at the provider." }, AT(conf_embeddings, model) },
	{ { "dimensions", SETTING_INT, "0", "0", "8192", .help = "Of the provider's vectors; 0 asks at the first call." },
		AT(conf_embeddings, dimensions) },
	{ { "model_dir", SETTING_STRING, "", .max = "4096", .help = "Directory of the model in this process; empty: the usual places." },
		AT(conf_embeddings, model_dir) },
	{ { "runtime_lib", SETTING_STRING, "", .max = "4096", .help = "Path of libonnxruntime.so; empty: the usual places." },
		AT(conf_embeddings, runtime_lib) },
	{ { "threads", SETTING_INT, "0", "0", "256", .help = "Threads of one inference; 0: one for each core." },
		AT(conf_embeddings, threads) },
	{ { "batch_max", SETTING_INT, "0", "0", "1024", .help = "Texts in one batch; 0: a good number." }, AT(conf_embeddings, batch_max) },
};

#define TABLE(name, title_, help_) static const struct field_table name##_table = { title_, help_, name##_fields, COUNT(name##_fields) }
TABLE(model, "models", "A list of the names that clients may put into \"model\". Without it there is one: docs, over the collection docs.");
TABLE(target, "targets", "Of a model: where its calls go.");
TABLE(knowledge, "knowledge", "Of a model: the documents it answers from.");
TABLE(embeddings, "embeddings", "How texts become vectors.");

const struct field_table *const field_tables[] = { &provider_table, &breaker_table, &model_table, &target_table, &price_table, &knowledge_table,
	&retry_table, &fallback_table, &arm_table, &shadow_table, &cache_table, &semantic_table, &embeddings_table, &webhook_table, NULL };

static void
target_provider_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	((struct conf_target *)object)->provider = provider_read(reader, node, path);
}

static void
embeddings_provider_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	((struct conf_embeddings *)object)->provider = provider_read(reader, node, path);
}

static void
price_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	price_table_read(reader, node, path, &((struct conf_target *)object)->price);
}

static void
knowledge_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	struct conf_knowledge *knowledge = &((struct conf_model *)object)->knowledge;

	knowledge->given = true;
	reader_fields(reader, node, &knowledge_table, path, knowledge);
}

/* A target is told from others by its provider and the model's name there: one that stands twice would count once. */
static void
target_finish(struct reader *reader, const struct yaml *node, struct str path, struct conf_model *model, size_t index)
{
	struct conf_target *target = &model->targets[index];

	if (!target->provider)
		return;
	target->hash = conf_hash(arena_printf(reader->arena, "%" STR_F "\n%" STR_F, STR_A(target->provider->name), STR_A(target->model)));
	for (size_t i = 0; i < index; i++)
		if (model->targets[i].provider == target->provider && str_eq(model->targets[i].model, target->model))
			reader_problem(reader, node, path, "the same provider and model a second time; give the first one more weight instead");
}

static void
targets_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	struct conf_model *model = object;
	const struct yaml *child = node->first;
	int64_t weights = 0;
	size_t ordinary = 0;

	model->targets = reader_list(reader, node, &target_table, path, sizeof(*model->targets), &model->target_count);
	for (size_t i = 0; i < model->target_count; i++, child = child->next) {
		if (child->kind == YAML_MAP && !yaml_child(child, STR("provider")))
			reader_problem(reader, child, path, "\"provider\" is missing: a name from providers");
		target_finish(reader, child, path, model, i);
		weights += model->targets[i].fallback_on ? 0 : model->targets[i].weight;
		ordinary += !model->targets[i].fallback_on;
	}
	if (model->target_count > 0 && ordinary == 0)
		reader_problem(reader, node, path, "at least one target must be without fallback_on");
	else if (model->target_count > 0 && weights == 0)
		reader_problem(reader, node, path, "at least one target needs a weight above 0");
}

/* A model that is no chat needs targets that have what it is called for. */
static void
targets_serve(struct reader *reader, const struct yaml *node, const struct conf_model *model)
{
	static const enum conf_api wanted[] = { [CONF_MODEL_EMBEDDINGS] = CONF_API_EMBEDDINGS, [CONF_MODEL_RERANK] = CONF_API_RERANK, [CONF_MODEL_MODERATIONS] = CONF_API_MODERATIONS };

	for (size_t i = 0; model->type != CONF_MODEL_CHAT && i < model->target_count; i++) {
		const struct conf_provider *provider = model->targets[i].provider;

		if (provider && !conf_provider_has(provider, wanted[model->type]))
			reader_problem(reader, node, STR("models"), "\"%" STR_F "\": the provider \"%" STR_F "\" of kind %s has no %s%s", STR_A(model->name), STR_A(provider->name),
				conf_kind_names[provider->kind], conf_api_name(wanted[model->type]),
				conf_kind_at(provider->kind)->may & wanted[model->type] ? "; if it has, say so in its \"apis\"" : " that corbel speaks");
	}
}

static void
models_finish(struct reader *reader, const struct yaml *list)
{
	struct conf *conf = reader->conf;
	const struct yaml *node = list->first;

	for (size_t i = 0; i < conf->model_count; i++, node = node->next) {
		struct conf_model *model = &conf->models[i];

		if (node->kind != YAML_MAP || model->name.len == 0)
			continue; /* a problem already */
		if (str_starts(model->name, STR("collection/")))
			reader_problem(
				reader, node, STR("models"), "names that begin with \"collection/\" stand for the collections themselves");
		route_defaults(model);
		if (model->target_count == 0 && !model->route.split_count && (!model->knowledge.given || model->type != CONF_MODEL_CHAT))
			reader_problem(reader, node, STR("models"), "\"%" STR_F "\" needs targets%s", STR_A(model->name),
				model->type == CONF_MODEL_CHAT ? " or knowledge" : "");
		if (model->knowledge.given && model->type != CONF_MODEL_CHAT)
			reader_problem(reader, node, STR("models"), "\"%" STR_F "\" is called for %s, so it has no knowledge", STR_A(model->name), model_types[model->type]);
		targets_serve(reader, node, model);
		if (map_get(&conf->models_by_name, model->name))
			reader_problem(reader, node, STR("models"), "a second model is named \"%" STR_F "\"", STR_A(model->name));
		else
			map_put(&conf->models_by_name, model->name, model);
	}
}

/* Without a list of models, a question to "docs" is answered from the collection "docs". */
static const struct yaml docs_collection = { .kind = YAML_SCALAR, .text = STR_INIT("docs"), .key = STR_INIT("collection") };
static const struct yaml docs_knowledge = { .kind = YAML_MAP, .key = STR_INIT("knowledge"), .first = (struct yaml *)&docs_collection };
static const struct yaml docs_name = { .kind = YAML_SCALAR, .text = STR_INIT("docs"), .key = STR_INIT("name"), .next = (struct yaml *)&docs_knowledge };
static const struct yaml docs_model = { .kind = YAML_MAP, .first = (struct yaml *)&docs_name };
static const struct yaml models_initial = { .kind = YAML_LIST, .first = (struct yaml *)&docs_model };

/* Documents are embedded over it alone. Whose wire it is may have any of its endpoints (kinds.c), and the legacy one is nobody else's. */
static bool
over_openai_s_wire(const struct conf_provider *provider)
{
	return conf_kind_at(provider->kind)->may & CONF_API_COMPLETIONS;
}

void
models_read(struct reader *reader, const struct yaml *root)
{
	struct conf *conf = reader->conf;
	const struct yaml *node, *models_node;

	node = conf->lists[ENTRY_PROVIDER] = entries_over(reader, root ? yaml_child(root, STR("providers")) : NULL, ENTRY_PROVIDER);
	if (node) {
		conf->providers =
			reader_list(reader, node, &provider_table, STR("providers"), sizeof(*conf->providers), &conf->provider_count);
		providers_finish(reader, node);
	}
	node = root ? yaml_child(root, STR("models")) : NULL;
	models_node = conf->lists[ENTRY_MODEL] = entries_over(reader, node ? node : &models_initial, ENTRY_MODEL);
	conf->models = reader_list(reader, models_node, &model_table, STR("models"), sizeof(*conf->models), &conf->model_count);
	models_finish(reader, models_node);
	reader_defaults(&embeddings_table, &conf->embeddings);
	node = root ? yaml_child(root, STR("embeddings")) : NULL;
	if (node) {
		reader_fields(reader, node, &embeddings_table, STR("embeddings"), &conf->embeddings);
		if (conf->embeddings.provider && conf->embeddings.model.len == 0)
			reader_problem(reader, node, STR("embeddings"), "\"model\" is missing: the model's name at the provider");
		if (conf->embeddings.provider && conf_kind_at(conf->embeddings.provider->kind)->auth == CONF_AUTH_AZURE)
			reader_problem(reader, node, STR("embeddings"), "documents are embedded over OpenAI's own wire: name a provider of kind openai with the base_url https://RESOURCE.openai.azure.com/openai/v1");
		else if (conf->embeddings.provider && (!conf_provider_has(conf->embeddings.provider, CONF_API_EMBEDDINGS) || !over_openai_s_wire(conf->embeddings.provider)))
			reader_problem(reader, node, STR("embeddings"), "a provider of kind %s has no OpenAI-compatible embeddings",
				conf_kind_names[conf->embeddings.provider->kind]);
	}
	webhooks_read(reader, root);
	routes_finish(reader, models_node);
	caches_finish(reader, models_node);
}

static const char *const root_keys[] = { "providers", "models", "embeddings", "webhooks" };

bool
models_key(struct str key)
{
	for (size_t i = 0; i < COUNT(root_keys); i++)
		if (str_eq_c(key, root_keys[i]))
			return true;
	return false;
}

void
models_offer(struct nearest *nearest)
{
	for (size_t i = 0; i < COUNT(root_keys); i++)
		nearest_offer(nearest, str_of(root_keys[i]));
}
