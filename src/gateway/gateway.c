/*
 * gateway.c - one call to the first target that answers. See gateway.h.
 *
 * Read gateway_call, then attempt: open the call, and either explain its failure or pump its answer through the provider's decoder.
 */
#include "gateway/gateway.h"

#include "gateway/frames.h"

enum {
	ATTEMPT_ARENA_MAX = 96 * 1024 * 1024,
	ANSWER_MAX = 64 * 1024 * 1024,
	FRAME_MAX = 8 * 1024 * 1024,
	FAILURE_BODY_MAX = 64 * 1024,
	DRAIN_US = 20 * 1000, /* how long the end of the transfer may lag behind the end of the stream */
};

static MAY_PARK const struct err *
pump_frames(struct decoder *decoder, struct frames *frames)
{
	const struct provider *kind = decoder->target->kind;
	struct str event, data;
	const struct err *err = NULL;

	while (!err && !decoder->done && frames_next(frames, &event, &data))
		err = kind->frame(decoder, event, data);
	if (!err)
		err = frames_err(frames, decoder->arena);
	return err ? err : sink_flush(decoder->sink);
}

/* After the stream's own end the transfer should end too: then the connection can be used again. It is not worth waiting for long. */
static MAY_PARK void
drain(struct http_call *http)
{
	struct scope scope;
	struct str piece;

	scope_open(&scope, DRAIN_US);
	while (!http_call_read(http, &piece) && piece.len)
		;
	scope_close(&scope);
}

static MAY_PARK const struct err *
pump_stream(struct decoder *decoder, struct http_call *http)
{
	struct frames frames;
	struct str piece = STR_EMPTY;
	const struct err *err = NULL;

	frames_init(&frames, decoder->target->kind->framing, FRAME_MAX);
	while (!err && !decoder->done) {
		err = http_call_read(http, &piece);
		if (err || piece.len == 0)
			break;
		err = frames_feed(&frames, piece);
		if (!err)
			err = pump_frames(decoder, &frames);
		else
			err = err_new(decoder->arena, ERR_UPSTREAM, "the provider sent a frame over %d bytes", (int)FRAME_MAX);
	}
	frames_fini(&frames);
	if (!err && decoder->done)
		drain(http);
	if (!err && !decoder->finished)
		err = err_new(decoder->arena, ERR_UPSTREAM, "the provider's stream ended before the answer was complete");
	return err || !decoder->target->kind->end ? err : decoder->target->kind->end(decoder);
}

static MAY_PARK const struct err *
pump_whole(struct decoder *decoder, struct http_call *http)
{
	struct str body;
	const struct err *err = http_call_read_all(http, decoder->arena, ANSWER_MAX, &body);

	return err ? err : decoder->target->kind->body(decoder, body);
}

static MAY_PARK const struct err *
explain_failure(struct decoder *decoder, struct http_call *http, enum failure_cause *cause)
{
	struct failure failure = { &err_internal, FAILURE_ERROR };
	struct str body = STR_EMPTY;
	const struct err *err = http_call_read_all(http, decoder->arena, FAILURE_BODY_MAX, &body);

	if (err && (err->kind == ERR_CANCELLED || err->kind == ERR_TIMEOUT))
		return err;
	decoder->target->kind->failure(decoder->arena, http_call_status(http), http_call_headers(http), body, &failure);
	*cause = failure.cause;
	return failure.err;
}

static const struct err *
add_traceparent(struct arena *arena, const struct span *span, struct http_headers *headers)
{
	struct http_header *list = arena_array(arena, headers->count + 1, sizeof(*list));
	char text[TRACEPARENT_LEN + 1];

	if (!list)
		return &err_no_memory;
	trace_parent(span, text);
	if (headers->count)
		memcpy(list, headers->list, headers->count * sizeof(*list));
	list[headers->count] = (struct http_header){ STR("traceparent"), arena_dup(arena, str_of(text)) };
	*headers = (struct http_headers){ list, headers->count + 1 };
	return NULL;
}

static MAY_PARK const struct err *
attempt_http(struct decoder *decoder, const struct span *span, enum failure_cause *cause)
{
	const struct conf_provider *provider = decoder->target->provider;
	struct http_call_spec spec = { .body_max = ANSWER_MAX };
	struct http_call *http;
	const struct err *err;

	err = decoder->target->kind->request(decoder->call, decoder->target, decoder->arena, &spec);
	if (!err)
		err = add_traceparent(decoder->arena, span, &spec.headers);
	if (err)
		return err;
	if (decoder->target->kind->authorize) {
		err = decoder->target->kind->authorize(decoder->target, decoder->arena, &spec);
		if (err && err->kind == ERR_UPSTREAM)
			*cause = FAILURE_CREDENTIALS;
		if (err)
			return err;
	}
	spec.connect_timeout_us = provider->connect_timeout_us;
	spec.headers_timeout_us = provider->headers_timeout_us;
	spec.idle_timeout_us = provider->idle_timeout_us;
	spec.proxy = provider->proxy;
	spec.http2 = provider->http2;
	err = http_call_open(decoder->arena, &spec, &http);
	if (err)
		return err;
	if (http_call_status(http) / 100 != 2) {
		err = explain_failure(decoder, http, cause);
	} else {
		struct str type = http_header_get(http_call_headers(http), STR("content-type"));

		/* Some servers answer whole though a stream was asked for: the events are the same. */
		err = str_starts(type, frames_type(decoder->target->kind->framing)) ? pump_stream(decoder, http) : pump_whole(decoder, http);
	}
	http_call_close(http);
	return err;
}

static void
describe(struct span *span, const struct decoder *decoder, const struct err *err)
{
	const struct target *target = decoder->target;

	span_str(span, "gen_ai.operation.name", STR("chat"));
	span_str(span, "gen_ai.provider.name", str_of(target->kind->kind));
	span_str(span, "gen_ai.request.model", target->model);
	span_bool(span, "gen_ai.request.stream", decoder->call->stream);
	if (target->provider)
		span_str(span, "server.address", target->provider->base_url);
	if (decoder->usage.known) {
		span_int(span, "gen_ai.usage.input_tokens", decoder->usage.input);
		span_int(span, "gen_ai.usage.output_tokens", decoder->usage.output);
		if (decoder->usage.cached_input)
			span_int(span, "gen_ai.usage.cache_read.input_tokens", decoder->usage.cached_input);
	}
	span_close(span, err);
}

MAY_PARK const struct err *
gateway_call(const struct call *call, const struct target *targets, size_t count, struct trace *trace, struct sink *sink, struct arena *arena, struct attempt *out)
{
	const struct err *err = NULL;
	bool again = true;

	*out = (struct attempt){ 0 };
	for (size_t i = 0; i < count && again; i++) {
		struct arena *scratch = arena_new(ATTEMPT_ARENA_MAX);
		struct decoder decoder = { .arena = scratch, .call = call, .target = &targets[i], .sink = sink };
		struct span *span = span_open(trace, SPAN_CLIENT, arena_printf(arena, "chat %" STR_F, STR_A(targets[i].model)));
		enum failure_cause cause = FAILURE_NONE;

		out->target = &targets[i];
		out->tries++;
		err = targets[i].kind->run ? targets[i].kind->run(&decoder) : attempt_http(&decoder, span, &cause);
		out->usage = decoder.usage;
		out->began = decoder.started;
		if (err && cause == FAILURE_NONE)
			cause = failure_cause_of(err);
		again = err && !decoder.started && cause != FAILURE_REQUEST && cause != FAILURE_CANCELLED;
		err = err_copy(arena, err);
		describe(span, &decoder, err);
		arena_free(scratch);
	}
	return err;
}
