/*
 * models.c - see models.h.
 */
#include "api/models.h"

#include "access/limit.h"
#include "conf/models.h"
#include "infer/embed.h"

static struct str
owner_of(const struct conf_model *model)
{
	return model->target_count ? model->targets[0].provider->name : STR("corbel");
}

static void
offer(const struct api_request *request, struct model_name *list, size_t *count, struct str name, struct str owner)
{
	if (limit_allows_model(request->identity, name))
		list[(*count)++] = (struct model_name){ name, owner };
}

void
models_allowed(const struct api_request *request, struct model_name **out, size_t *count)
{
	size_t configured;
	const struct conf_model *models = conf_models(request->conf, &configured);

	*count = 0;
	*out = arena_array(request->arena, configured + 2, sizeof(**out));
	for (size_t i = 0; i < configured && *out; i++)
		offer(request, *out, count, models[i].name, owner_of(&models[i]));
	if (*out)
		offer(request, *out, count, STR("extractive"), STR("corbel"));
	if (*out && request->app->embedder)
		offer(request, *out, count, embedder_model(request->app->embedder), STR("corbel"));
}
