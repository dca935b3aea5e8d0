/*
 * single.c - see single.h. A model of the configuration goes over its targets; what stands behind no name of it may be in this process.
 */
#include "answer/single.h"

#include "access/limit.h"
#include "answer/cost.h"
#include "base/clock.h"
#include "base/random.h"
#include "gateway/attempt.h"
#include "gateway/openai_traits.h"
#include "gateway/request.h"
#include "gateway/route.h"
#include "rt/scope.h"

enum { ANSWER_MAX = 160 * 1024 * 1024, ASK_ARENA_MAX = 640 * 1024 * 1024, SETTLE_US = 10 * 1000000 };

/* --- what is sent --- */

struct buf *
single_body(struct single *call)
{
	if (!call->body)
		call->body = request_body_new(call->arena);
	if (call->body)
		buf_clear(call->body);
	return call->body;
}

const struct err *
single_post(struct single *call, const struct target *target, const char *endpoint, struct str body, struct http_call_spec *out)
{
	*out = (struct http_call_spec){ .method = HTTP_POST, .body = body };
	if (request_headers(target, call->arena, NULL, 0, out))
		return &err_no_memory;
	return target->kind->address(target, endpoint, call->arena, out); /* a provider may serve none of these endpoints whose kind has no address for them (conf/kinds.c) */
}

const struct err *
single_pass_on(struct single *call, const struct target *target, const char *endpoint, struct http_call_spec *out)
{
	struct buf *body = single_body(call);
	const struct err *err;
	struct json_out json;
	struct str text;

	if (!body)
		return &err_no_memory;
	json_out_init(&json, body);
	json_begin_object(&json);
	json_set_string(&json, "model", target->model);
	for (struct json_iter it = json_iter(call->source); json_next(&it);) {
		if (str_eq_c(it.key, "model"))
			continue;
		json_key(&json, it.key);
		json_put(&json, it.value);
	}
	json_end_object(&json);
	err = request_body_done(call->arena, body, &text);
	if (!err && target->kind->traits)
		err = openai_traits_apply(target->kind, &text, call->arena);
	return err ? err : single_post(call, target, endpoint, text, out);
}

/* --- one target --- */

void
single_spend(struct single *call, const struct target *target, const struct usage *usage)
{
	struct spent *spent = call->spent_count < ROUTE_STEPS_MAX ? &call->spent[call->spent_count++] : NULL;

	if (!spent)
		return;
	*spent = (struct spent){ *target, *usage };
	if (!usage->known)
		spent->usage.known = spent->usage.estimated = true;
}

/* One request and its answer. What a provider has read that then fails, or may have, is paid by our estimate. */
static MAY_PARK const struct err *
ask_once(struct single *call, const struct target *target, const struct span *span, struct record *record, enum failure_cause *cause)
{
	struct http_call_spec spec = { 0 };
	struct attempt_answer answer = { .body = STR_EMPTY };
	const struct json *root = NULL;
	const struct err *err = call->kind->request(call, target, &spec);

	if (!err)
		err = attempt_post(target, call->arena, &spec, span, ANSWER_MAX, &answer, cause);
	call->whole = answer.body;
	if (!err && (json_parse(call->arena, call->whole, &root) || !json_is(root, JSON_OBJECT)))
		err = err_new(call->arena, ERR_UPSTREAM, "the provider's answer is not a JSON object");
	if (!err)
		err = call->kind->read(call, target, root);
	if (err) {
		if (answer.read)
			single_spend(call, target, &call->expected);
		return err;
	}
	record->served_model = json_get_string(root, "model");
	if (!record->served_model.ptr)
		record->served_model = STR_EMPTY;
	return NULL;
}

/* In memory of its own, since an answer of thousands of vectors is more than an exchange's; it is given back with the exchange. */
static MAY_PARK const struct err *
ask(struct single *call, const struct target *target, const struct span *span, struct record *record, enum failure_cause *cause)
{
	struct arena *outer = call->arena;
	const struct err *err;

	record->provider = target->provider->name;
	record->target_model = target->model;
	record->served_model = STR_EMPTY;
	if (!conf_provider_has(target->provider, call->kind->api))
		return err_param(call->arena, ERR_UNSUPPORTED, "model", "unsupported_model", "the provider of this model has no %s", conf_api_name(call->kind->api));
	if (call->kind->ask && target->kind->embed)
		return call->kind->ask(call, target, span, cause);
	call->arena = arena_new_below(outer, ASK_ARENA_MAX);
	err = call->arena ? ask_once(call, target, span, record, cause) : &err_no_memory;
	call->arena = outer;
	return err;
}

/* One target asked, in a span of its own. */
static MAY_PARK const struct err *
try_target(struct single *call, struct routing *routing, struct route_step *step, struct record *record)
{
	struct target_result result = { .probe = step->probe };
	struct span *span = span_open(call->trace, SPAN_CLIENT, arena_printf(call->arena, "%s %" STR_F, call->kind->operation, STR_A(step->target.model)));
	int64_t began_us = clock_mono_us();
	const struct err *err;

	call->target = step->target.row;
	call->usage = (struct usage){ 0 };
	err = ask(call, &step->target, span, record, &result.cause);
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
ask_routed(struct single *call, const struct conf_model *model, struct record *record)
{
	struct route_spec spec = { .model = route_arm(model, call->user, STR_EMPTY), .user = call->user, .local_only = call->local_only, .batch = call->batch };
	struct routing routing;
	struct route_step step;
	const struct err *err, *none_left;

	record->attempts = 0;
	call->spent = arena_array(call->arena, ROUTE_STEPS_MAX, sizeof(*call->spent));
	if (!call->spent)
		return &err_no_memory;
	err = cost_reserve_usage(call->money, call->conf, call->arena, call->identity, call->user, spec.model, &call->expected, record->started_us, &call->claim);
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
	if (!call->usage.known) { /* the provider said nothing */
		call->usage = call->expected;
		call->usage.estimated = true;
	}
	return NULL;
}

static MAY_PARK const struct err *
run(struct single *call, struct record *record)
{
	const struct conf_model *model = conf_model(call->conf, call->model);
	const struct err *err;

	if (model && model->type == call->kind->type)
		return ask_routed(call, model, record);
	err = !model && call->kind->here ? call->kind->here(call, record) : NULL;
	if (!model && call->kind->here && !(err && err->kind == ERR_NOT_FOUND && !err->code.len)) /* without a code: only another name */
		return err;
	return err_param(call->arena, ERR_NOT_FOUND, "model", "model_not_found", "the %s '%" STR_F "' does not exist here; GET /v1/models lists those that do", call->kind->noun,
		STR_A(call->model));
}

/* --- the record --- */

/* What a target was paid before it failed, at its own price. */
static void
price_spent(const struct spent *spent, struct record *record)
{
	struct record_part part = { .provider_kind = str_of(spent->target.kind->kind), .model = spent->target.model, .price_version = STR_EMPTY, .usage = spent->usage };
	struct price found;

	if (cost_price(spent->target.row, part.provider_kind, part.model, record->started_us, &found)) {
		part.price_version = found.version;
		part.cost_nanos = price_cost_nanos(&found, &spent->usage);
	}
	record_part_add(record, &part);
	record->cost_nanos += part.cost_nanos;
	record->usage = usage_sum(&record->usage, &spent->usage);
}

static void
price(struct single *call, struct record *record)
{
	const struct conf_target *row = call->target;
	struct price found;

	record->provider_kind = row ? conf_provider_kind(row->provider) : STR("local");
	if (cost_price(row, record->provider_kind, record->target_model, record->started_us, &found)) {
		record->price_version = found.version;
		record->cost_nanos = price_cost_nanos(&found, &record->usage);
	}
	if (!call->spent_count)
		return;
	record_part_add(record, &(struct record_part){ NULL, record->provider_kind, record->target_model, record->price_version, record->usage, record->cost_nanos });
	for (unsigned i = 0; i < call->spent_count; i++)
		price_spent(&call->spent[i], record);
	call->usage = record->usage; /* the caller's count is the bill's */
}

static MAY_PARK const struct err *
write_cost(struct tx *tx, void *arg)
{
	struct single *call = arg;

	if (!hex_decode(call->request_id, call->interaction))
		return &err_internal;
	call->claim.interaction = str_n((const char *)call->interaction, sizeof(call->interaction));
	return budget_settle(tx, &call->claim);
}

static void
begin_record(const struct single *call, struct record *record)
{
	record_init(record, call->trace);
	record->root = call->root;
	record->tenant = call->tenant;
	record->request_id = call->request_id;
	record->operation = str_of(call->kind->operation);
	record->key_id = call->key_id;
	if (call->identity) {
		record->team = str_of(call->identity->team_id);
		record->user = access_user_id(call->arena, call->user);
		record->tags = limit_tags(call->identity, call->arena);
	}
	record->model = call->model;
	record->capture = CONF_CAPTURE_USAGE;
	record->config_version = conf_version(call->conf);
	record->started_us = call->root->start_us;
}

static MAY_PARK const struct err *
settle(struct single *call, struct record *record, const struct err *err)
{
	const struct err *commit;
	struct scope scope;

	record->err = err;
	record->outcome = !err ? OUTCOME_OK : err->kind == ERR_CANCELLED ? OUTCOME_CANCELLED : OUTCOME_ERROR;
	record->status = !err ? 200 : call->error_status ? call->error_status(err) : err_http_status(err);
	record->response_id = call->response_id;
	if (err)
		call->usage = (struct usage){ 0 };
	record->usage = call->usage;
	record->duration_us = clock_wall_us() - record->started_us;
	price(call, record);
	call->claim.amount_nanos = record->cost_nanos;
	record->also = call->claim.count ? write_cost : NULL;
	record->also_arg = call;
	scope_open_shielded(&scope, SETTLE_US);
	commit = record_commit(call->store, call->arena, record);
	budget_end(&call->claim, commit);
	scope_close(&scope);
	record_count(record);
	return commit ? commit : err;
}

MAY_PARK const struct err *
single_run(struct single *call)
{
	struct record record;
	struct span *span;
	const struct err *err = store_reserve(call->store);

	if (err)
		return err;
	call->claim.count = 0;
	call->body = NULL;
	call->target = NULL;
	call->spent_count = 0;
	call->whole = call->response_id = STR_EMPTY;
	begin_record(call, &record);
	span = span_open(call->trace, SPAN_CLIENT, arena_printf(call->arena, "%s %" STR_F, call->kind->operation, STR_A(call->model)));
	span_str(span, "gen_ai.operation.name", str_of(call->kind->operation));
	err = run(call, &record);
	span_str(span, "gen_ai.provider.name", record.provider);
	span_int(span, "gen_ai.usage.input_tokens", err ? 0 : call->usage.input);
	span_close(span, err);
	return settle(call, &record, err);
}
