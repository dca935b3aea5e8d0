/*
 * shadow.c - see shadow.h.
 *
 * The request's memory goes with the request, so a shadow takes along what it needs, and no more: the HTTP request, written out at once, in an arena of its own; the configuration, counted;
 * and the few figures that decoding an answer wants of the call.
 */
#include "answer/shadow.h"

#include <stdlib.h>

#include "answer/charge.h"
#include "answer/recorder.h"
#include "base/clock.h"
#include "base/metric.h"
#include "base/random.h"
#include "gateway/attempt.h"
#include "gateway/count.h"
#include "rt/fiber.h"
#include "rt/wait.h"

enum { RUNNING_MAX = 64, BODY_MAX = 2 * 1024 * 1024, ARENA_MAX = 96 * 1024 * 1024, TIME_US = 300 * 1000000, SETTLE_US = 10 * 1000000 };

static struct metric shadows_total = METRIC_COUNTER("corbel_shadow_calls_total",
	"Copies of calls to shadow targets, by what became of them; dropped: there was no room.", "model", "result");

struct shadows {
	struct runtime *runtime;
	struct answer_services services;
	atomic_uint running;
	struct scope *scopes; /* of each loop; opened by the first shadow there */
	bool *open;
};

struct shadow {
	struct shadows *shadows;
	struct arena *arena;
	struct conf *conf;
	struct http_call_spec request;
	struct target target;
	const struct provider *wire; /* that the request is written for */
	struct call call;           /* without messages */
	struct call_texts *texts;   /* of them and of the tools, to be counted where the provider does not */
	struct admission_ticket place;
	struct trace *trace;
	struct span *root;
	struct record record;
	struct recorder recorder;
	struct sink nowhere;
};

struct shadows *
shadows_new(struct runtime *runtime, const struct answer_services *services)
{
	struct shadows *shadows = mem_zalloc(sizeof(*shadows));
	unsigned loops = runtime_loop_count(runtime);

	shadows->runtime = runtime;
	shadows->services = *services;
	shadows->scopes = mem_zalloc(loops * sizeof(*shadows->scopes));
	shadows->open = mem_zalloc(loops * sizeof(*shadows->open));
	return shadows;
}

void
shadows_free(struct shadows *shadows)
{
	if (!shadows)
		return;
	free(shadows->scopes);
	free(shadows->open);
	free(shadows);
}

/* One loop's end, told to whoever waits for it. */
struct ending {
	struct shadows *shadows;
	struct loop *loop;
	struct waiter done;
};

static MAY_PARK void
end_loop(void *arg)
{
	struct ending *ending = arg;
	unsigned index = loop_index(ending->loop);

	if (ending->shadows->open[index])
		scope_stop(&ending->shadows->scopes[index]);
	ending->shadows->open[index] = false;
	wait_wake(&ending->done);
}

static void
ending_arrive(void *arg)
{
	struct ending *ending = arg;

	if (fiber_go("shadows", NULL, end_loop, ending)) /* no stack is free: some will be */
		loop_post(ending->loop, ending_arrive, ending);
}

MAY_PARK void
shadows_stop(struct shadows *shadows)
{
	for (unsigned i = 0; i < runtime_loop_count(shadows->runtime); i++) {
		struct ending ending = { .shadows = shadows, .loop = runtime_loop(shadows->runtime, i) };

		waiter_init(&ending.done);
		loop_post(ending.loop, ending_arrive, &ending);
		wait_end(&ending.done);
	}
}

/* --- one shadow --- */

static void
shadow_free(struct shadow *shadow)
{
	admission_give(&shadow->place);
	atomic_fetch_sub(&shadow->shadows->running, 1);
	conf_unref(shadow->conf);
	arena_free(shadow->arena); /* and with it the shadow */
}

static MAY_PARK const struct err *
take_nothing(struct sink *sink, const struct event *event)
{
	(void)sink;
	(void)event;
	return NULL;
}

static MAY_PARK const struct err *
ask(struct shadow *shadow)
{
	struct decoder decoder = { .arena = shadow->arena, .call = &shadow->call, .target = &shadow->target, .wire = shadow->wire, .sink = &shadow->recorder.sink };
	struct span *span = span_open(shadow->trace, SPAN_CLIENT, arena_printf(shadow->arena, "%" STR_F " %" STR_F, STR_A(call_operation(&shadow->call)), STR_A(shadow->target.model)));
	struct tokenizers *tokenizers = shadow->shadows->services.tokenizers;
	enum failure_cause cause;
	enum tokens_how how;
	int64_t began_us = clock_mono_us();
	const struct err *err = attempt_send(&decoder, &shadow->request, span, &cause);

	span_str(span, "gen_ai.operation.name", call_operation(&shadow->call));
	span_str(span, "gen_ai.provider.name", str_of(shadow->target.kind->kind));
	span_str(span, "gen_ai.request.model", shadow->target.model);
	if (cause != FAILURE_NONE)
		span_str(span, "corbel.cause", str_of(failure_cause_name(cause)));
	span_close(span, err);
	shadow->record.usage = decoder.usage;
	if (!decoder.usage.known) {
		shadow->record.usage.estimated = true;
		if (!decoder.usage.input && decoder_was_read(&decoder, err))
			shadow->record.usage.input = call_texts_tokens(tokenizers, shadow->texts, shadow->target.model, &how);
		shadow->record.usage.output = recorder_tokens(&shadow->recorder, tokenizers, shadow->target.model);
	}
	if (shadow->recorder.first_us)
		shadow->record.first_chunk_us = shadow->recorder.first_us - began_us;
	return err;
}

static MAY_PARK void
settle(struct shadow *shadow, const struct err *err)
{
	struct record *record = &shadow->record;
	const struct err *commit;
	struct str message;
	struct price price;
	struct scope scope;

	record->err = err;
	record->outcome = !err ? OUTCOME_OK : err->kind == ERR_CANCELLED ? OUTCOME_CANCELLED : OUTCOME_ERROR;
	record->status = err ? err_http_status(err) : 200;
	record->response_id = shadow->recorder.response_id;
	record->served_model = shadow->recorder.served_model;
	record->finish_reason = shadow->recorder.finish_reason;
	record->provider_kind = str_of(shadow->target.kind->kind);
	if (charge_price(&shadow->target, record->started_us, &price)) {
		record->price_version = price.version;
		record->cost_nanos = price_cost_nanos(&price, &record->usage);
	}
	for (unsigned i = 0; i < RECORDER_CHOICES_MAX && record->capture == CONF_CAPTURE_FULL && !err; i++)
		if (!recorder_message(&shadow->recorder, i, &message) && message.ptr)
			record_message_add(record, true, STR("assistant"), message);
	record->duration_us = clock_wall_us() - record->started_us;
	span_close(shadow->root, err);
	scope_open_shielded(&scope, SETTLE_US);
	commit = store_reserve(shadow->shadows->services.store);
	if (!commit)
		commit = record_commit(shadow->shadows->services.store, shadow->arena, record);
	scope_close(&scope);
	record_count(record);
	metric_add(&shadows_total, 1, record->model, commit ? STR("not_recorded") : err ? STR("failed") : STR("done"));
}

static MAY_PARK void
run(void *arg)
{
	struct shadow *shadow = arg;
	struct scope scope;
	const struct err *err;

	scope_open(&scope, TIME_US);
	err = ask(shadow);
	scope_close(&scope);
	settle(shadow, err);
	shadow_free(shadow);
}

/* --- casting --- */

static void
begin_record(struct shadow *shadow, const struct answer *answer)
{
	const struct record *cast_by = &answer->record;
	struct record *record = &shadow->record;
	struct str id = record->request_id;

	record_init(record, shadow->trace);
	record->root = shadow->root;
	record->tenant = answer->tenant;
	record->request_id = id;
	record->operation = STR("shadow");
	record->key_id = STR_EMPTY;
	record->conversation = arena_dup(shadow->arena, answer->call->conversation);
	record->model = arena_dup(shadow->arena, answer->call->model);
	record->route = arena_dup(shadow->arena, answer->model->name);
	record->provider = shadow->target.provider->name;
	record->target_model = shadow->target.model;
	record->parameters = arena_dup(shadow->arena, cast_by->parameters);
	record->config_version = conf_version(shadow->conf);
	record->capture = cast_by->capture;
	record->stream = answer->call->stream;
	record->started_us = shadow->root->start_us;
}

/* What the caller's headers say is passed on to some targets: it lies in the request's memory. */
static bool
own_headers(struct arena *arena, struct http_headers *headers)
{
	struct http_header *list = arena_array(arena, headers->count + 1, sizeof(*list));
	bool good = list != NULL;

	for (size_t i = 0; i < headers->count && good; i++) {
		list[i] = (struct http_header){ arena_dup(arena, headers->list[i].name), arena_dup(arena, headers->list[i].value) };
		good = list[i].name.ptr && list[i].value.ptr;
	}
	headers->list = list;
	return good;
}

/* The request as it will be sent, with nothing in it that belongs to the answer's request. */
static const struct err *
write_request(struct shadow *shadow, const struct answer *answer)
{
	struct http_call_spec *request = &shadow->request;
	const struct err *err = provider_request(answer->call, &shadow->target, shadow->arena, request);

	if (err)
		return err;
	shadow->wire = provider_wire(answer->call, &shadow->target);
	if (!own_headers(shadow->arena, &request->headers))
		return &err_no_memory;
	request->body = arena_dup_large(shadow->arena, request->body);
	return request->body.ptr ? NULL : &err_no_memory;
}

static void
prepare_call(struct shadow *shadow, const struct call *call)
{
	shadow->call = (struct call){ .model = shadow->target.model, .choices = call->choices, .logprobs = call->logprobs, .stream = call->stream,
		.include_usage = true, .dialect = call->dialect };
}

static const struct err *
prepare(struct shadow *shadow, const struct answer *answer)
{
	char parent[TRACEPARENT_LEN + 1];
	struct id id = id_new();
	const struct err *err;

	trace_parent(answer->root, parent);
	shadow->record.request_id = arena_dup(shadow->arena, id_str(&id));
	if (shadow->record.request_id.ptr)
		shadow->trace = trace_new(shadow->arena, shadow->record.request_id, str_n(parent, TRACEPARENT_LEN));
	if (!shadow->trace)
		return &err_no_memory;
	shadow->root = span_open(shadow->trace, SPAN_INTERNAL, STR("shadow"));
	shadow->nowhere = (struct sink){ .event = take_nothing };
	prepare_call(shadow, answer->call);
	err = write_request(shadow, answer);
	shadow->texts = call_texts_keep(shadow->arena, answer->call, provider_gets_barred(answer->call, &shadow->target));
	if (!err && !shadow->texts)
		err = &err_no_memory;
	if (!err)
		err = recorder_init(&shadow->recorder, shadow->arena, &shadow->nowhere);
	if (!err)
		begin_record(shadow, answer);
	return err;
}

/* A place at the provider at once, behind everybody else, or none. */
static MAY_PARK const struct err *
take_place(struct shadow *shadow)
{
	const struct conf_provider *provider = shadow->target.provider;
	struct conf_queue queue = provider->queue;

	queue.length = 0;
	return admission_take(&provider_state_of(shadow->shadows->services.gateway, provider)->admission, &queue, true, shadow->arena, &shadow->place);
}

static MAY_PARK const char *
begin(struct shadows *shadows, const struct conf *conf, const struct answer *answer)
{
	const struct conf_target *row = answer->model->route.shadow.target;
	unsigned loop = loop_index(loop_current());
	struct arena *arena;
	struct shadow *shadow;

	if (!route_allowed(row->provider, answer->route.local_only))
		return "local_only";
	if (answer->call->source_text.len > BODY_MAX || atomic_fetch_add(&shadows->running, 1) >= RUNNING_MAX) {
		if (answer->call->source_text.len <= BODY_MAX)
			atomic_fetch_sub(&shadows->running, 1);
		return "dropped";
	}
	arena = arena_new(ARENA_MAX);
	shadow = arena_zalloc(arena, sizeof(*shadow));
	if (!shadow) {
		atomic_fetch_sub(&shadows->running, 1);
		arena_free(arena);
		return "dropped";
	}
	*shadow = (struct shadow){ .shadows = shadows, .arena = arena, .conf = conf_ref(conf) };
	shadow->target = (struct target){ row->provider, provider_find(conf_provider_kind(row->provider)), row->model, row };
	if (!shadows->open[loop]) {
		scope_init(&shadows->scopes[loop], NULL, INT64_MAX);
		shadows->open[loop] = true;
	}
	if (prepare(shadow, answer) || take_place(shadow) || fiber_go("shadow", &shadows->scopes[loop], run, shadow)) {
		shadow_free(shadow);
		return "dropped";
	}
	return NULL;
}

MAY_PARK void
shadow_cast(struct shadows *shadows, const struct conf *conf, const struct answer *answer)
{
	const struct conf_shadow *wanted = answer->model ? &answer->model->route.shadow : NULL;
	const char *why_not;

	if (!wanted || !wanted->target || !answer->attempt.target.provider || balance_share(random_u64()) >= wanted->share)
		return;
	why_not = begin(shadows, conf, answer);
	if (why_not)
		metric_add(&shadows_total, 1, answer->call->model, str_of(why_not));
}
