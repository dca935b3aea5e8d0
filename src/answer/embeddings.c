/*
 * embeddings.c - see embeddings.h. A model of the configuration with `type: embeddings` goes over its targets; the local model answers to its own name.
 */
#include "answer/embeddings.h"

#include "access/limit.h"
#include "answer/cost.h"
#include "base/clock.h"
#include "base/random.h"
#include "gateway/route.h"
#include "infer/embed.h"
#include "net/http_client.h"
#include "rt/scope.h"

enum { ANSWER_MAX = 256 * 1024 * 1024, SETTLE_US = 10 * 1000000, REQUEST_MAX = 64 * 1024 * 1024 };

static MAY_PARK const struct err *
embed_here(struct embeddings_call *call, struct record *record)
{
	const struct err *err;

	record->provider = STR("local");
	if (!route_allowed(conf_embeddings(call->conf)->provider, call->local_only))
		return err_param(call->arena, ERR_FORBIDDEN, "model", "local_only", "this may be answered on the operator's own machines only, and the embedding model is at a hosted provider");
	if (!call->embedder)
		return err_param(call->arena, ERR_UNAVAILABLE, "model", "model_unavailable", "the embedding model of this server is not loaded: %" STR_F,
			STR_A(call->missing));
	record->target_model = record->served_model = embedder_model(call->embedder);
	err = embedder_prepare(call->embedder, call->arena);
	if (err)
		return err;
	call->dimensions = embedder_dimensions(call->embedder);
	call->vectors = arena_array(call->arena, call->count * call->dimensions + 1, sizeof(*call->vectors));
	if (!call->vectors)
		return &err_no_memory;
	return embed(call->embedder, call->arena, EMBED_INTERACTIVE, call->texts, call->count, call->vectors, &call->tokens);
}

static const struct err *
embeddings_request(struct embeddings_call *call, const struct conf_target *target, struct http_call_spec *out)
{
	struct http_header *headers = arena_array(call->arena, 2 + target->provider->header_count, sizeof(*headers));
	struct json_out json;
	struct buf body;
	size_t count = 0;

	if (!headers)
		return &err_no_memory;
	buf_init(&body, call->arena, REQUEST_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "model", target->model);
	for (struct json_iter it = json_iter(call->source); json_next(&it);) {
		if (str_eq_c(it.key, "model"))
			continue;
		json_key(&json, it.key);
		json_put(&json, it.value);
	}
	json_end_object(&json);
	headers[count++] = (struct http_header){ STR("content-type"), STR("application/json") };
	if (target->provider->api_key.len)
		headers[count++] = (struct http_header){ STR("authorization"), arena_printf(call->arena, "Bearer %" STR_F, STR_A(target->provider->api_key)) };
	for (size_t i = 0; i < target->provider->header_count; i++)
		headers[count++] = (struct http_header){ target->provider->headers[i].name, target->provider->headers[i].value };
	*out = (struct http_call_spec){ .method = HTTP_POST,
		.url = provider_url(call->arena, target->provider->base_url, "/embeddings"),
		.headers = { headers, count },
		.body = buf_str(&body),
		.body_max = ANSWER_MAX,
		.connect_timeout_us = target->provider->connect_timeout_us,
		.headers_timeout_us = target->provider->headers_timeout_us,
		.idle_timeout_us = target->provider->idle_timeout_us,
		.proxy = target->provider->proxy,
		.http2 = target->provider->http2 };
	return out->url.ptr ? buf_err(&body) : &err_no_memory;
}

static MAY_PARK const struct err *
embed_there(struct embeddings_call *call, const struct conf_target *target, struct record *record, enum failure_cause *cause)
{
	struct http_call_spec spec;
	struct http_call *http;
	const struct json *root = NULL;
	struct failure failure;
	const struct err *err = embeddings_request(call, target, &spec);

	record->provider = target->provider->name;
	record->target_model = target->model;
	if (!conf_provider_has(target->provider, CONF_API_EMBEDDINGS))
		return err_param(call->arena, ERR_UNSUPPORTED, "model", "unsupported_model", "the provider of this model has no embeddings");
	if (!err)
		err = http_call_open(call->arena, &spec, &http);
	if (err)
		return err;
	err = http_call_read_all(http, call->arena, ANSWER_MAX, &call->whole);
	if (!err && http_call_status(http) / 100 != 2) {
		provider_openai.failure(call->arena, http_call_status(http), http_call_headers(http), call->whole, &failure);
		err = failure.err;
		*cause = failure.cause;
	}
	http_call_close(http);
	if (!err && (json_parse(call->arena, call->whole, &root) || !json_is(json_get(root, "data"), JSON_ARRAY)))
		err = err_new(call->arena, ERR_UPSTREAM, "the provider's answer has no embeddings");
	if (err)
		return err;
	call->tokens = json_int(json_get(json_get(root, "usage"), "prompt_tokens"), 0);
	record->served_model = json_get_string(root, "model");
	if (!record->served_model.ptr)
		record->served_model = STR_EMPTY;
	return NULL;
}

/* One target asked, in a span of its own. */
static MAY_PARK const struct err *
try_target(struct embeddings_call *call, struct routing *routing, struct route_step *step, struct record *record)
{
	struct target_result result = { .probe = step->probe };
	struct span *span = span_open(call->trace, SPAN_CLIENT, arena_printf(call->arena, "embeddings %" STR_F, STR_A(step->target.model)));
	int64_t began_us = clock_mono_us();
	const struct err *err;

	call->target = step->target.row;
	err = embed_there(call, step->target.row, record, &result.cause);

	if (err && scope_check())
		result.cause = FAILURE_CANCELLED;
	else if (err && result.cause == FAILURE_NONE)
		result.cause = failure_cause_of(err);
	if (err)
		result.retry_after_us = err->retry_after_us;
	else
		result.first_us = (double)(clock_mono_us() - began_us);
	record->attempts++;
	record->route = route_model(routing)->name;
	span_str(span, "server.address", step->target.provider->base_url);
	span_str(span, "corbel.provider", step->target.provider->name);
	span_int(span, "corbel.attempt", record->attempts);
	if (err)
		span_str(span, "corbel.cause", str_of(failure_cause_name(result.cause)));
	span_close(span, err);
	route_result(routing, step, &result, err);
	return err;
}

/* Over the model's targets, as calls of models go; see gateway/route.h. */
static MAY_PARK const struct err *
embed_routed(struct embeddings_call *call, const struct conf_model *model, struct record *record)
{
	struct route_spec spec = { .model = route_arm(model, json_get_string(call->source, "user"), STR_EMPTY), .user = json_get_string(call->source, "user"), .local_only = call->local_only, .batch = call->batch };
	struct routing routing;
	struct route_step step;
	const struct err *err, *none_left;

	if (spec.model->target_count == 0)
		return embed_here(call, record);
	record->attempts = 0;
	err = cost_reserve_tokens(call->money, call->arena, call->identity, call->user, spec.model, call->tokens_expected, record->started_us, &call->claim);
	if (err)
		return err;
	err = route_open(&routing, call->gateway, &spec, call->arena);
	if (err)
		return err;
	do {
		none_left = route_next(&routing, &step);
		if (none_left)
			return none_left;
		err = try_target(call, &routing, &step, record);
	} while (err);
	return NULL;
}

static MAY_PARK const struct err *
run(struct embeddings_call *call, struct record *record)
{
	const struct conf_model *model = conf_model(call->conf, call->model);

	if (model && model->type == CONF_MODEL_EMBEDDINGS)
		return embed_routed(call, model, record);
	if (!model && (!call->embedder || str_eq(call->model, embedder_model(call->embedder))))
		return embed_here(call, record);
	return err_param(call->arena, ERR_NOT_FOUND, "model", "model_not_found", "the embedding model '%" STR_F "' does not exist here; GET /v1/models lists those that do",
		STR_A(call->model));
}

static void
price(const struct embeddings_call *call, struct record *record)
{
	const struct conf_target *row = call->target;
	struct price found;

	record->provider_kind = row ? conf_provider_kind(row->provider) : STR("local");
	if (!cost_price(row, record->provider_kind, record->target_model, record->started_us, &found))
		return;
	record->price_version = found.version;
	record->cost_nanos = price_cost_nanos(&found, &record->usage);
}

static MAY_PARK const struct err *
write_cost(struct tx *tx, void *arg)
{
	struct embeddings_call *call = arg;

	if (!hex_decode(call->request_id, call->interaction))
		return &err_internal;
	call->claim.interaction = str_n((const char *)call->interaction, sizeof(call->interaction));
	return budget_settle(tx, &call->claim);
}

MAY_PARK const struct err *
embeddings_run(struct embeddings_call *call)
{
	struct record record;
	struct scope scope;
	struct span *span;
	const struct err *commit, *err = store_reserve(call->store);

	if (err)
		return err;
	call->claim.count = 0;
	call->target = NULL;
	record_init(&record, call->trace);
	record.root = call->root;
	record.tenant = call->tenant;
	record.request_id = call->request_id;
	record.operation = STR("embeddings");
	record.key_id = call->key_id;
	if (call->identity) {
		record.team = str_of(call->identity->team_id);
		record.user = access_user_id(call->arena, call->user);
		record.tags = limit_tags(call->identity, call->arena);
	}
	record.model = call->model;
	record.capture = CONF_CAPTURE_USAGE;
	record.config_version = conf_version(call->conf);
	record.started_us = call->root->start_us;
	span = span_open(call->trace, SPAN_CLIENT, arena_printf(call->arena, "embeddings %" STR_F, STR_A(call->model)));
	span_str(span, "gen_ai.operation.name", STR("embeddings"));
	err = run(call, &record);
	span_str(span, "gen_ai.provider.name", record.provider);
	span_int(span, "gen_ai.usage.input_tokens", call->tokens);
	span_close(span, err);
	record.err = err;
	record.outcome = !err ? OUTCOME_OK : err->kind == ERR_CANCELLED ? OUTCOME_CANCELLED : OUTCOME_ERROR;
	record.status = err ? err_http_status(err) : 200;
	record.usage = (struct usage){ .input = call->tokens, .known = !err };
	record.duration_us = clock_wall_us() - record.started_us;
	price(call, &record);
	call->claim.amount_nanos = record.cost_nanos;
	record.also = call->claim.count ? write_cost : NULL;
	record.also_arg = call;
	scope_open_shielded(&scope, SETTLE_US);
	commit = record_commit(call->store, call->arena, &record);
	budget_end(&call->claim, commit);
	scope_close(&scope);
	record_count(&record);
	return commit ? commit : err;
}
