/*
 * admin_gateway.c - what the gateway is set up to do, and how its targets are: for people and for monitoring.
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
	const struct err *err;
	size_t count;

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
	json_end_object(&json);
	map_fini(&seen);
	err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

/* --- the configuration in force --- */

static void
put_provider(struct json_out *out, const struct conf_provider *provider)
{
	json_begin_object(out);
	json_set_string(out, "name", provider->name);
	json_set_string(out, "kind", conf_provider_kind(provider));
	json_set_string(out, "base_url", provider->base_url);
	json_set_bool(out, "api_key", provider->api_key.len > 0); /* whether there is one; secrets are not shown */
	json_set_bool(out, "hosted", provider->hosted);
	json_set_int(out, "max_concurrency", provider->queue.concurrency);
	json_set_int(out, "queue_max", provider->queue.length);
	json_set_int(out, "queue_timeout_us", provider->queue.wait_us);
	json_set_int(out, "breaker_failures", provider->breaker.failures);
	json_set_bool(out, "breaker_refuse", provider->breaker.refuse);
	json_end_object(out);
}

static void
put_targets(struct json_out *out, const struct conf_model *model)
{
	json_set_array(out, "targets");
	for (size_t i = 0; i < model->target_count; i++) {
		json_begin_object(out);
		json_set_string(out, "provider", model->targets[i].provider->name);
		json_set_string(out, "model", model->targets[i].model);
		json_set_int(out, "weight", model->targets[i].weight);
		json_set_bool(out, "fallback_only", model->targets[i].fallback_on != 0);
		json_end_object(out);
	}
	json_end_array(out);
}

static void
put_model(struct json_out *out, const struct conf_model *model)
{
	static const char *const strategies[] = { "weighted", "priority", "least_latency", "least_busy", "cheapest" };
	static const char *const stickies[] = { "none", "conversation", "user" };
	const struct conf_route *route = &model->route;

	json_begin_object(out);
	json_set_string(out, "name", model->name);
	json_set_string(out, "strategy", str_of(strategies[route->strategy]));
	json_set_string(out, "sticky", str_of(stickies[route->sticky]));
	json_set_string(out, "on_broken_stream", route->on_broken_stream == CONF_BROKEN_CONTINUE ? STR("continue") : STR("error"));
	json_set_int(out, "retries", route->retry.max);
	put_targets(out, model);
	json_set_array(out, "fallbacks");
	for (size_t i = 0; i < route->fallback_count; i++)
		json_put_string(out, route->fallbacks[i].name);
	json_end_array(out);
	json_set_array(out, "split");
	for (size_t i = 0; i < route->split_count; i++) {
		json_begin_object(out);
		json_set_string(out, "model", route->split[i].name);
		json_set_int(out, "weight", route->split[i].weight);
		json_end_object(out);
	}
	json_end_array(out);
	if (model->knowledge.given)
		json_set_string(out, "collection", model->knowledge.collection);
	json_end_object(out);
}

static MAY_PARK const struct err *
configuration_get(struct api_request *request)
{
	const struct conf_provider *providers;
	const struct conf_model *models;
	size_t provider_count, model_count;
	struct json_out json;
	struct buf body;
	const struct err *err;

	providers = conf_providers(request->conf, &provider_count);
	models = conf_models(request->conf, &model_count);
	buf_init(&body, NULL, ANSWER_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("configuration"));
	json_set_string(&json, "version", conf_version(request->conf));
	json_set_array(&json, "providers");
	for (size_t i = 0; i < provider_count; i++)
		put_provider(&json, &providers[i]);
	json_end_array(&json);
	json_set_array(&json, "models");
	for (size_t i = 0; i < model_count; i++)
		put_model(&json, &models[i]);
	json_end_array(&json);
	json_end_object(&json);
	err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/admin/v1/targets", .name = "admin.targets.list", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .handler = targets_list,
		.summary = "The targets of all models: breakers, cooldowns, speed, queues" },
	{ .method = HTTP_GET, .path = "/admin/v1/configuration", .name = "admin.configuration.get", .scope = SCOPE_ADMIN, .errors = &openai_errors,
		.handler = configuration_get, .summary = "The providers and models in force on this node, without secrets" },
};
const struct route_table admin_gateway_routes = { routes, COUNT(routes) };
