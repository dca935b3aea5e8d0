/*
 * gateway.c - one call, over as many attempts as its route allows. See gateway.h.
 *
 * Read gateway_call: take the next target, ask it, write down how that went, and go on or not. Which target is next is route.c's business, how one is asked attempt.c's, and how several
 * attempts become one answer relay.c's.
 */
#include "gateway/gateway.h"

#include "base/clock.h"
#include "gateway/attempt.h"
#include "gateway/count.h"
#include "gateway/relay.h"
#include "infer/tokenizers.h"

enum { ATTEMPT_ARENA_MAX = 96 * 1024 * 1024 };

/* One call on its way. */
struct way {
	const struct call *call;      /* as it is asked next: a continuation after a broken stream */
	const struct call *asked;     /* as it came */
	struct trace *trace;
	struct arena *arena;
	struct routing route;
	struct relay relay;
	struct attempt *out;
	struct spent failed;          /* what the last attempt cost, if another follows it; target.kind NULL: nothing */
};

static void
describe(struct span *span, const struct way *way, const struct decoder *decoder, enum failure_cause cause, const struct err *err)
{
	const struct target *target = decoder->target;

	span_str(span, "gen_ai.operation.name", call_operation(decoder->call));
	span_str(span, "gen_ai.provider.name", str_of(target->kind->kind));
	span_str(span, "gen_ai.request.model", target->model);
	span_bool(span, "gen_ai.request.stream", decoder->call->stream);
	span_int(span, "corbel.attempt", way->out->tries);
	if (target->provider) {
		span_str(span, "server.address", target->provider->base_url);
		span_str(span, "corbel.provider", target->provider->name);
		span_str(span, "corbel.route", route_model(&way->route)->name);
	}
	if (cause != FAILURE_NONE)
		span_str(span, "corbel.cause", str_of(failure_cause_name(cause)));
	if (way->relay.continuing)
		span_bool(span, "corbel.continued", true);
	if (decoder->usage.known) {
		span_int(span, "gen_ai.usage.input_tokens", decoder->usage.input);
		span_int(span, "gen_ai.usage.output_tokens", decoder->usage.output);
		if (decoder->usage.cached_input)
			span_int(span, "gen_ai.usage.cache_read.input_tokens", decoder->usage.cached_input);
	}
	span_close(span, err);
}

/* What a failed attempt has cost: what its provider said, and where it said nothing of what it had read or begun, our estimate. */
static void
note_failed(struct way *way, const struct decoder *decoder)
{
	struct usage usage = decoder->usage;

	way->failed = (struct spent){ 0 };
	if (!way->out->read)
		return;
	if (!usage.known) {
		usage.estimated = true;
		if (!usage.input)
			usage.input = call_tokens_estimate(way->arena, decoder->call, provider_gets_barred(decoder->call, decoder->target));
		usage.output = tokens_estimate(str_slice(buf_str(&way->relay.text), way->relay.text_from, way->relay.text.len));
	}
	usage.known = true;
	way->failed = (struct spent){ *decoder->target, usage };
}

/* Another attempt follows: what the last one cost is an item of its own. */
static void
keep_failed(struct way *way)
{
	if (!way->failed.target.kind || way->out->spent_count == COUNT(way->out->spent))
		return;
	way->out->spent[way->out->spent_count++] = way->failed;
	way->relay.before = usage_sum(&way->relay.before, &way->failed.usage);
}

/* One attempt, its span, and what the route learns from it. The error lies in the request's arena. */
static MAY_PARK const struct err *
try_target(struct way *way, struct route_step *step)
{
	struct arena *scratch = arena_new(ATTEMPT_ARENA_MAX);
	struct decoder decoder = { .arena = scratch, .call = way->call, .target = &step->target, .sink = &way->relay.sink };
	struct span *span = span_open(way->trace, SPAN_CLIENT, arena_concat(way->arena, call_operation(way->call), STR(" "), step->target.model));
	struct target_result result = { .stream = way->call->stream, .probe = step->probe };
	int64_t began_us = clock_mono_us();
	const struct err *err;

	keep_failed(way);
	relay_begin(&way->relay);
	way->relay.filter_fails = way->call->choices <= 1 && route_has_for(&way->route, FAILURE_CONTENT_FILTER);
	way->out->tries++;
	way->out->target = step->target;
	way->out->model = route_model(&way->route);
	err = err_copy(way->arena, attempt_run(&decoder, span, &result.cause));
	if (way->relay.out_failed)
		result.cause = FAILURE_CANCELLED;
	if (err && (result.cause == FAILURE_RATE_LIMIT || result.cause == FAILURE_ERROR))
		result.retry_after_us = err->retry_after_us;
	if (way->relay.first_us)
		result.first_us = (double)(way->relay.first_us - began_us);
	way->out->usage = decoder.usage;
	way->out->began = way->relay.sent;
	way->out->read = decoder_was_read(&decoder, err);
	describe(span, way, &decoder, result.cause, err);
	route_result(&way->route, step, &result, err);
	note_failed(way, &decoder);
	arena_free(scratch);
	return err;
}

/* After a failure: whether, and with what, another target may be asked. A client that has got a part of the answer can only be given its continuation. */
static bool
may_go_on(struct way *way)
{
	if (!way->relay.sent)
		return true;
	if (provider_wire(way->asked, &way->out->target)->dialect == DIALECT_OPENAI_RESPONSES) /* its items are its own */
		return false;
	if (way->route.cause == FAILURE_CANCELLED || !relay_can_continue(&way->relay, way->asked))
		return false;
	way->call = relay_continue(&way->relay, way->asked);
	return way->call != NULL;
}

MAY_PARK const struct err *
gateway_call(struct gateway *gateway, const struct route_spec *spec, const struct call *call, struct trace *trace, struct sink *sink, struct arena *arena, struct attempt *out)
{
	struct way *way = arena_zalloc(arena, sizeof(*way));
	struct route_step step;
	const struct err *err, *none_left;

	*out = (struct attempt){ 0 };
	if (!way)
		return &err_no_memory;
	*way = (struct way){ .call = call, .asked = call, .trace = trace, .arena = arena, .out = out };
	err = route_open(&way->route, gateway, spec, arena);
	if (!err)
		err = relay_init(&way->relay, arena, sink, route_has_more(&way->route), call->stream && spec->model->route.on_broken_stream == CONF_BROKEN_CONTINUE);
	if (err)
		return err;
	way->relay.completion = call->dialect == DIALECT_OPENAI_COMPLETIONS;
	do {
		none_left = route_next(&way->route, &step);
		if (none_left)
			return none_left;
		err = try_target(way, &step);
	} while (err && may_go_on(way));
	return err;
}
