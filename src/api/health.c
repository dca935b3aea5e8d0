/*
 * health.c - liveness, readiness and metrics.
 */
#include <stdio.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/metric.h"
#include "infer/embed.h"
#include "infer/tokenizers.h"
#include "rt/loop.h"
#include "store/store.h"
#include "telemetry/metrics.h"

static struct metric open_connections = METRIC_GAUGE("corbel_http_connections", "Open client connections.");
static struct metric open_exchanges = METRIC_GAUGE("corbel_http_exchanges", "Requests being answered, open streams among them.");
static struct metric loop_lag = METRIC_GAUGE("corbel_loop_lag_seconds", "How late a loop's timers run.", "loop");
static struct metric loop_fiber_count = METRIC_GAUGE("corbel_loop_fibers", "Live fibers of a loop.", "loop");
static struct metric model_info = METRIC_GAUGE("corbel_model_info", "1 for each model that is loaded in this process.", "model");

/* Alive: the process answers. No key, no dependency. */
static MAY_PARK const struct err *
healthz(struct api_request *request)
{
	return http_answer(request->http, 200, STR("application/json"), STR("{\"status\":\"ok\"}"));
}

/* Ready: the store answers too, and the server is not about to stop. A missing embedding model or vocabulary is told, but is no reason to be taken out of service. */
static MAY_PARK const struct err *
readyz(struct api_request *request)
{
	struct app *app = request->app;
	const struct err *err = atomic_load(&app->stopping) ? err_new(request->arena, ERR_UNAVAILABLE, "the server is stopping") : store_ready(app->store, request->arena);
	struct json_out json;
	struct str missing;
	struct buf body;

	buf_init(&body, request->arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "status", err ? STR("unavailable") : STR("ready"));
	json_set_string(&json, "store", err ? err->message : STR("ok"));
	json_set_string(&json, "embeddings", app->embedder ? embedder_model(app->embedder) : app->embedder_missing);
	missing = tokenizers_missing(app->tokenizers, request->arena);
	json_set_string(&json, "tokenizers", missing.len ? missing : STR("ok"));
	json_end_object(&json);
	return api_answer_json(request, err ? 503 : 200, &json);
}

static void
set_gauges(const struct app *app)
{
	metric_set(&open_connections, http_server_connections(app->server));
	metric_set(&open_exchanges, http_server_exchanges(app->server));
	for (unsigned i = 0; i < runtime_loop_count(app->runtime); i++) {
		const struct loop *loop = runtime_loop(app->runtime, i);
		char text[16];
		int len = snprintf(text, sizeof(text), "%u", i);

		metric_set(&loop_lag, (double)loop_lag_us(loop) / 1e6, str_n(text, (size_t)len));
		metric_set(&loop_fiber_count, loop_fibers(loop), str_n(text, (size_t)len));
	}
	if (app->embedder)
		metric_set(&model_info, 1, embedder_model(app->embedder));
}

static MAY_PARK const struct err *
metrics_page(struct api_request *request)
{
	struct buf body;
	const struct err *err = api_require_first_tenant(request);

	if (err)
		return err;
	set_gauges(request->app);
	buf_init(&body, request->arena, MIB(8));
	metrics_render(&body);
	err = buf_err(&body);
	return err ? err : http_answer(request->http, 200, STR("text/plain; version=0.0.4; charset=utf-8"), buf_str(&body));
}

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/healthz", .name = "healthz", .scope = SCOPE_NONE, .errors = &openai_errors, .handler = healthz, .answer = "Health", .summary = "Is the process alive" },
	{ .method = HTTP_GET, .path = "/readyz", .name = "readyz", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .handler = readyz,
		.answer = "Readiness", .summary = "Can it serve: the store answers" },
	{ .method = HTTP_GET, .path = "/metrics", .name = "metrics", .scope = SCOPE_METRICS_READ, .errors = &openai_errors, .handler = metrics_page, .types = "text/plain",
		.summary = "Metrics for Prometheus" },
};
const struct route_table health_routes = { routes, COUNT(routes) };
