/*
 * models.c - what was read, looked up. See models.h; reading is in models_read.c.
 */
#include "conf/models.h"

#include "conf/kinds.h"
#include "conf/snapshot.h"

struct str
conf_provider_kind(const struct conf_provider *provider)
{
	return str_of(conf_kind_names[provider->kind]);
}

bool
conf_provider_has(const struct conf_provider *provider, enum conf_api api)
{
	return (provider->apis & api) != 0;
}

const struct conf_provider *
conf_providers(const struct conf *conf, size_t *count)
{
	*count = conf->provider_count;
	return conf->providers;
}

const struct conf_model *
conf_models(const struct conf *conf, size_t *count)
{
	*count = conf->model_count;
	return conf->models;
}

const struct conf_embeddings *
conf_embeddings(const struct conf *conf)
{
	return &conf->embeddings;
}

const struct conf_model *
conf_model(const struct conf *conf, struct str name)
{
	return map_get(&conf->models_by_name, name);
}

/* --- from a model on --- */

struct reach {
	const struct conf *conf;
	struct arena *arena;
	const struct conf_model *from;
	bool *seen; /* of each model of the configuration; made when the first other one is found */
	struct conf_reached **end;
};

static bool
reach_add(struct reach *reach, const struct conf_model *model)
{
	if (!model || model == reach->from) /* NULL: a problem of the configuration that is told elsewhere */
		return true;
	if (!reach->seen)
		reach->seen = arena_array(reach->arena, reach->conf->model_count, sizeof(*reach->seen));
	if (!reach->seen)
		return false;
	if (reach->seen[model - reach->conf->models])
		return true;
	reach->seen[model - reach->conf->models] = true;
	*reach->end = arena_zalloc(reach->arena, sizeof(**reach->end));
	if (!*reach->end)
		return false;
	(*reach->end)->model = model;
	reach->end = &(*reach->end)->next;
	return true;
}

const struct conf_reached *
conf_reach(const struct conf *conf, struct arena *arena, const struct conf_model *from, unsigned steps)
{
	struct conf_reached *first = arena_zalloc(arena, sizeof(*first));
	struct reach reach = { .conf = conf, .arena = arena, .from = from };
	struct conf_reached **nearer_end; /* behind those that are as many steps away as the one that is looked at */

	if (!first)
		return NULL;
	first->model = from;
	reach.end = nearer_end = &first->next;
	for (const struct conf_reached *at = first; at && steps > 0; at = at->next) {
		const struct conf_route *route = &at->model->route;

		for (size_t i = 0; i < route->fallback_count; i++)
			if (!reach_add(&reach, route->fallbacks[i].model))
				return NULL;
		for (size_t i = 0; i < route->split_count; i++)
			if (!reach_add(&reach, route->split[i].model))
				return NULL;
		if (&at->next == nearer_end) {
			nearer_end = reach.end;
			steps--;
		}
	}
	return first;
}

void
conf_price_parts(struct conf_price *price, double *out[CONF_PRICES])
{
	double *const all[CONF_PRICES] = { &price->input, &price->cached_input, &price->cache_write, &price->output, &price->search, &price->audio_input, &price->audio_output, &price->image_input,
		&price->image_output, &price->cached_audio, &price->web_search, &price->cache_write_1h };

	memcpy(out, all, sizeof(all));
}
