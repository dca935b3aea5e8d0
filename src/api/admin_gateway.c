/*
 * admin_gateway.c - how the targets are: for people and for monitoring.
 */
#include "api/api.h"
#include "base/clock.h"
#include "base/map.h"
#include "gateway/state.h"

enum { ANSWER_MAX = 64 * 1024 * 1024 };

/* --- targets --- */

static void
put_target(struct json_out *out, struct gateway *gateway, const struct conf_target *target)
{
	struct target_figures figures;

	target_look(gateway, target, clock_mono_us(), &figures);
	json_begin_object(out);
	json_set_string(out, "object", STR("target"));
	json_set_string(out, "provider", target->provider->name);
	json_set_string(out, "model", target->model);
	json_set_bool(out, "available", figures.phase != BREAKER_OPEN && !figures.cooling_us);
	json_set_string(out, "breaker", str_of(breaker_phase_name(figures.phase)));
	json_set_int(out, "open_for_us", figures.open_us);
	json_set_int(out, "failures", figures.failures);
	json_set_int(out, "cooling_for_us", figures.cooling_us);
	json_set_int(out, "first_chunk_us", (int64_t)figures.first_chunk_us);
	json_set_int(out, "whole_answer_us", (int64_t)figures.whole_us);
	json_set_int(out, "in_flight", figures.in_flight);
	json_set_int(out, "waiting", figures.queue.waiting);
	json_set_int(out, "waiting_batch", figures.queue.waiting_batch);
	json_set_int(out, "provider_in_use", figures.provider_queue.busy);
	json_set_int(out, "provider_waiting", figures.provider_queue.waiting);
	json_set_int(out, "provider_waiting_batch", figures.provider_queue.waiting_batch);
	json_end_object(out);
}

/* Whether a target was among those of the models before: many models may share one. */
static bool
is_new(struct map *seen, struct arena *arena, const struct conf_target *target)
{
	struct str key = arena_printf(arena, "%" STR_F "\n%" STR_F, STR_A(target->provider->name), STR_A(target->model));

	if (!key.ptr || map_get(seen, key))
		return false;
	map_put(seen, key, (void *)target);
	return true;
}

static MAY_PARK const struct err *
targets_list(struct api_request *request)
{
	struct map seen = MAP_EMPTY;
	const struct conf_model *models;
	struct json_out json;
	struct buf body;
	const struct err *err = api_require_first_tenant(request);
	size_t count;

	if (err)
		return err;
	models = conf_models(request->conf, &count);
	buf_init(&body, NULL, ANSWER_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("list"));
	json_set_array(&json, "data");
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < models[i].target_count; j++)
			if (is_new(&seen, request->arena, &models[i].targets[j]))
				put_target(&json, request->app->gateway, &models[i].targets[j]);
	json_end_array(&json);
	json_set_bool(&json, "has_more", false);
	json_end_object(&json);
	map_fini(&seen);
	err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/admin/v1/targets", .name = "admin.targets.list", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .handler = targets_list,
		.answer = "TargetList", .summary = "The targets of all models: breakers, cooldowns, speed, queues" },
};
const struct route_table admin_gateway_routes = { routes, COUNT(routes) };
