/*
 * caching.c - a model's cache, out of the configuration file. See caching.h.
 */
#include "conf/caching.h"

#include "conf/models.h"
#include "conf/routing_read.h"
#include "conf/snapshot.h"
#include "crypto/hash.h"

static const char *const scopes[] = { "tenant", "key", "user", NULL };
static const char *const whats[] = { "all", "deterministic", NULL };
static const char *const uses[] = { "always", "asked", NULL };

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct field semantic_fields[] = {
	{ { "threshold", SETTING_FLOAT, "0.95", "0.5", "1", .help = "The cosine of two questions from which on one is answered like the other." }, AT(conf_semantic, threshold) },
	{ { "candidates", SETTING_INT, "1000", "1", "10000", .help = "Stored questions that a question is compared with: the newest ones of the same scope." },
		AT(conf_semantic, candidates) },
};

static void semantic_read(struct reader *reader, const struct yaml *node, struct str path, void *object);

static const struct field cache_fields[] = {
	{ { "ttl", SETTING_DURATION, "1h", "1s", "3650d", .help = "How long an answer is given again." }, AT(conf_cache, ttl_us) },
	{ { "scope", SETTING_CHOICE, "tenant", .choices = scopes,
		  .help = "Who shares answers: all of a tenant, the calls of one key, or those of one end user (calls that name none are not cached). Tenants never share." },
		AT(conf_cache, scope) },
	{ { "what", SETTING_CHOICE, "all", .choices = whats,
		  .help = "Which calls: all, or only those that ask for the same answer each time (a temperature of 0, or a seed)." },
		AT(conf_cache, what) },
	{ { "use", SETTING_CHOICE, "always", .choices = uses, .help = "Whether every call may be answered from it, or only one with the header x-corbel-cache: use." },
		AT(conf_cache, use) },
	{ { "entry_max", SETTING_BYTES, "256KiB", "1KiB", "16MiB", .help = "A longer answer is not kept." }, AT(conf_cache, entry_bytes_max) },
	{ { "single_flight", SETTING_BOOL, "true", .help = "Calls that are identical to one in flight on this node follow its answer and make no call of their own." },
		AT(conf_cache, single_flight) },
	{ { .name = "semantic", .help = "Also answer questions that mean the same as a stored one." }, .read = semantic_read, .shape = "a map, see semantic", .table = &semantic_table },
};

#define TABLE(name, title_, help_) const struct field_table name##_table = { title_, help_, name##_fields, COUNT(name##_fields) }
TABLE(cache, "cache", "Of a chat model: answers are kept and given again, see [cache.md](cache.md). Without it there is no cache.");
TABLE(semantic, "semantic", "Of a cache: questions are compared by meaning, with the embedding model.");

static void
semantic_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	struct conf_semantic *semantic = &((struct conf_cache *)object)->semantic;

	semantic->given = true;
	reader_fields(reader, node, &semantic_table, path, semantic);
}

void
cache_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	struct conf_cache *cache = &((struct conf_model *)object)->cache;

	cache->given = true;
	reader_fields(reader, node, &cache_table, path, cache);
}

/* --- what an answer depends on --- */

static void
add_text(struct hash *hash, struct str text)
{
	uint64_t len = text.len;

	hash_add(hash, str_n((const char *)&len, sizeof(len)));
	hash_add(hash, text);
}

static void
add_target(struct hash *hash, const struct conf_target *target)
{
	const struct conf_provider *provider = target->provider;

	if (!provider)
		return; /* a problem already */
	add_text(hash, provider->name);
	add_text(hash, conf_provider_kind(provider));
	add_text(hash, provider->base_url);
	add_text(hash, provider->api_version);
	add_text(hash, provider->project);
	add_text(hash, provider->location);
	add_text(hash, provider->region);
	for (size_t i = 0; i < provider->header_count; i++) {
		add_text(hash, provider->headers[i].name);
		add_text(hash, provider->headers[i].value);
	}
	add_text(hash, target->model);
}

static void
add_number(struct hash *hash, double number)
{
	hash_add(hash, str_n((const char *)&number, sizeof(number)));
}

static void
add_knowledge(struct hash *hash, const struct conf_knowledge *knowledge)
{
	add_text(hash, knowledge->collection);
	add_text(hash, knowledge->instructions);
	add_number(hash, (double)knowledge->top_k);
	add_number(hash, (double)knowledge->max_context_tokens);
	add_number(hash, (double)knowledge->mode);
	add_number(hash, knowledge->vector_weight);
	add_number(hash, knowledge->score_min);
}

/* Weights, prices, limits and keys change no answer, and what a fallback answers is not kept. */
static void
answers_hash(struct conf_model *model)
{
	struct hash *hash = hash_begin();

	add_text(hash, model->name);
	add_number(hash, (double)model->target_count);
	for (size_t i = 0; i < model->target_count; i++)
		add_target(hash, &model->targets[i]);
	if (model->knowledge.given)
		add_knowledge(hash, &model->knowledge);
	hash_end(hash, model->cache.answers);
}

void
caches_finish(struct reader *reader, const struct yaml *list)
{
	struct conf *conf = reader->conf;
	const struct yaml *node = list->first;

	for (size_t i = 0; i < conf->model_count; i++, node = node->next) {
		struct conf_model *model = &conf->models[i];

		if (!model->cache.given)
			continue;
		if (model->type != CONF_MODEL_CHAT)
			reader_problem(reader, node, STR("models"), "\"%" STR_F "\" makes embeddings, which are not cached", STR_A(model->name));
		if (model->route.split_count)
			reader_problem(reader, node, STR("models"), "\"%" STR_F "\" is split onto other models: the cache belongs to those", STR_A(model->name));
		answers_hash(model);
	}
}
