/*
 * openai_models.c - GET /v1/models and /v1/models/{id}: what the caller can put into "model", in OpenAI's shape, or in Anthropic's for its clients.
 */
#include "api/anthropic.h"
#include "api/models.h"

static void
put_model(struct json_out *out, struct str name, int64_t created_us, struct str owner)
{
	json_begin_object(out);
	json_set_string(out, "id", name);
	json_set_string(out, "object", STR("model"));
	json_set_int(out, "created", created_us / 1000000);
	json_set_string(out, "owned_by", owner);
	json_end_object(out);
}

static MAY_PARK const struct err *
models_list(struct api_request *request)
{
	struct model_name *models;
	struct json_out json;
	struct buf body;
	size_t count;

	if (anthropic_speaks(request))
		return anthropic_models_list(request);
	models_allowed(request, &models, &count);
	if (!models)
		return &err_no_memory;
	buf_init(&body, request->arena, MIB(8));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("list"));
	json_set_array(&json, "data");
	for (size_t i = 0; i < count; i++)
		put_model(&json, models[i].name, request->app->started_us, models[i].owner);
	json_end_array(&json);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
models_get(struct api_request *request)
{
	struct model_name *models;
	struct json_out json;
	struct buf body;
	size_t count;

	if (anthropic_speaks(request))
		return anthropic_models_get(request);
	models_allowed(request, &models, &count);
	if (!models)
		return &err_no_memory;
	buf_init(&body, request->arena, KIB(16));
	json_out_init(&json, &body);
	for (size_t i = 0; i < count; i++) {
		if (!str_eq(models[i].name, request->params[0]))
			continue;
		put_model(&json, models[i].name, request->app->started_us, models[i].owner);
		return api_answer_json(request, 200, &json);
	}
	return err_param(request->arena, ERR_NOT_FOUND, "model", "model_not_found", "the model '%" STR_F "' does not exist here", STR_A(request->params[0]));
}

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/v1/models", .name = "models.list", .scope = SCOPE_MODEL_USE, .errors = &openai_errors, .handler = models_list,
		.answer = "AnyModelList", .summary = "List the models" },
	{ .method = HTTP_GET, .path = "/v1/models/{model...}", .name = "models.get", .scope = SCOPE_MODEL_USE, .errors = &openai_errors, .handler = models_get,
		.answer = "AnyModel", .summary = "One model" },
};
const struct route_table openai_models_routes = { routes, COUNT(routes) };
