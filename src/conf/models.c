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

void
conf_price_parts(struct conf_price *price, double *out[CONF_PRICES])
{
	double *const all[CONF_PRICES] = { &price->input, &price->cached_input, &price->cache_write, &price->output, &price->search, &price->audio_input, &price->audio_output, &price->image_input,
		&price->image_output, &price->cached_audio, &price->web_search, &price->cache_write_1h };

	memcpy(out, all, sizeof(all));
}
