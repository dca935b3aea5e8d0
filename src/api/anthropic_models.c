/*
 * anthropic_models.c - the models in Anthropic's shape: pages by the id of a neighbour. Capabilities and dates are not known here, and say so (null; the epoch).
 */
#include "api/anthropic.h"
#include "api/models.h"

enum { LIMIT = 20, LIMIT_MAX = 1000 };

static void
put_model(struct json_out *out, struct str name)
{
	static const char *const unknown[] = { "capabilities", "deprecated_at", "line", "max_input_tokens", "max_tokens", "retires_at" };

	json_begin_object(out);
	json_set_string(out, "type", STR("model"));
	json_set_string(out, "id", name);
	json_set_string(out, "display_name", name);
	json_set_string(out, "created_at", STR("1970-01-01T00:00:00Z"));
	json_set_string(out, "lifecycle", STR("active"));
	for (size_t i = 0; i < COUNT(unknown); i++)
		json_set_null(out, unknown[i]);
	json_end_object(out);
}

/* The index of the model of this name; SIZE_MAX when there is none. */
static size_t
index_of(const struct model_name *models, size_t count, struct str wanted)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(models[i].name, wanted))
			return i;
	return SIZE_MAX;
}

static const struct err *
no_model(struct api_request *request, const char *param, struct str name)
{
	return err_param(request->arena, ERR_NOT_FOUND, param, "model_not_found", "%s: the model '%" STR_F "' does not exist here; GET /v1/models lists those that do", param,
		STR_A(name));
}

static void
set_id(struct json_out *out, const char *key, struct str id)
{
	if (id.ptr)
		json_set_string(out, key, id);
	else
		json_set_null(out, key);
}

/* Writes the models from `from` up to but without `to`. */
static MAY_PARK const struct err *
answer_page(struct api_request *request, const struct model_name *models, size_t from, size_t to, bool more)
{
	struct str first = { NULL, 0 }, last = { NULL, 0 };
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, MIB(8));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_array(&json, "data");
	for (size_t i = from; i < to; i++) {
		put_model(&json, models[i].name);
		first = first.ptr ? first : models[i].name;
		last = models[i].name;
	}
	json_end_array(&json);
	json_set_bool(&json, "has_more", more);
	set_id(&json, "first_id", first);
	set_id(&json, "last_id", last);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

MAY_PARK const struct err *
anthropic_models_list(struct api_request *request)
{
	struct str after = api_query(request, "after_id"), before = api_query(request, "before_id");
	struct model_name *models;
	size_t count, at, to;
	int64_t limit;
	const struct err *err = api_query_int(request, "limit", LIMIT, 1, LIMIT_MAX, &limit);

	if (err)
		return err;
	if (after.ptr && before.ptr)
		return err_param(request->arena, ERR_INVALID, "after_id", NULL, "after_id and before_id cannot be used together");
	models_allowed(request, &models, &count);
	if (!models)
		return &err_no_memory;
	at = after.ptr ? index_of(models, count, after) : before.ptr ? index_of(models, count, before) : 0;
	if (at == SIZE_MAX)
		return no_model(request, after.ptr ? "after_id" : "before_id", after.ptr ? after : before);
	if (before.ptr) {
		size_t from = at > (size_t)limit ? at - (size_t)limit : 0;

		return answer_page(request, models, from, at, from > 0);
	}
	at += after.ptr ? 1 : 0;
	to = count > at + (size_t)limit ? at + (size_t)limit : count;
	return answer_page(request, models, at, to, count > to);
}

MAY_PARK const struct err *
anthropic_models_get(struct api_request *request)
{
	struct model_name *models;
	struct json_out json;
	struct buf body;
	size_t count;

	models_allowed(request, &models, &count);
	if (!models)
		return &err_no_memory;
	if (index_of(models, count, request->params[0]) == SIZE_MAX)
		return no_model(request, "model", request->params[0]);
	buf_init(&body, request->arena, KIB(16));
	json_out_init(&json, &body);
	put_model(&json, request->params[0]);
	return api_answer_json(request, 200, &json);
}
