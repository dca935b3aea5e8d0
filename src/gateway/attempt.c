/*
 * attempt.c - one target asked once: the request out, its answer through the provider's decoder into events. See attempt.h.
 */
#include "gateway/attempt.h"

#include "gateway/frames.h"
#include "gateway/request.h"

enum {
	ANSWER_MAX = 64 * 1024 * 1024,
	FRAME_MAX = 8 * 1024 * 1024,
	FAILURE_BODY_MAX = 64 * 1024,
	DRAIN_US = 20 * 1000, /* how long the end of the transfer may lag behind the end of the stream */
};

static MAY_PARK const struct err *
pump_frames(struct decoder *decoder, struct frames *frames)
{
	const struct provider *wire = decoder->wire;
	struct str event, data;
	const struct err *err = NULL;

	while (!err && !decoder->done && frames_next(frames, &event, &data))
		err = wire->frame(decoder, event, data);
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

	frames_init(&frames, decoder->wire->framing, FRAME_MAX);
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
	return err || !decoder->wire->end ? err : decoder->wire->end(decoder);
}

static MAY_PARK const struct err *
pump_whole(struct decoder *decoder, struct http_call *http)
{
	struct str body;
	const struct err *err = http_call_read_all(http, decoder->arena, ANSWER_MAX, &body);

	if (err && err->kind == ERR_TOO_LARGE) /* not the caller's fault, who would read so from the kind */
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer is larger than %d bytes", (int)ANSWER_MAX);
	return err ? err : decoder->wire->body(decoder, body);
}

static MAY_PARK const struct err *
explain_failure(const struct provider *wire, struct arena *arena, struct http_call *http, enum failure_cause *cause)
{
	struct failure failure = { &err_internal, FAILURE_ERROR };
	struct str body = STR_EMPTY;
	const struct err *err = http_call_read_all(http, arena, FAILURE_BODY_MAX, &body);

	if (err && (err->kind == ERR_CANCELLED || err->kind == ERR_TIMEOUT))
		return err;
	wire->failure(arena, http_call_status(http), http_call_headers(http), body, &failure);
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

/* What proves who calls, behind all other headers. */
static MAY_PARK const struct err *
authorize(const struct target *target, struct arena *arena, struct http_call_spec *spec, enum failure_cause *cause)
{
	const struct err *err = target->kind->authorize ? target->kind->authorize(target, arena, spec) : NULL;

	if (err && err->kind == ERR_UPSTREAM)
		*cause = FAILURE_CREDENTIALS;
	return err;
}

/* The request goes out, with a proof of who calls; *asked, where it may have. A token that the provider refuses is replaced by a new one, once. */
static MAY_PARK const struct err *
open_call(const struct target *target, struct arena *arena, struct http_call_spec *spec, struct http_call **out, bool *asked, enum failure_cause *cause)
{
	const struct provider *kind = target->kind;
	const struct http_headers bare = spec->headers;
	const struct err *err = authorize(target, arena, spec, cause);

	if (err)
		return err;
	*asked = true;
	err = http_call_open(arena, spec, out);
	if (err || http_call_status(*out) != 401 || !kind->renew || !kind->renew(target, arena, spec))
		return err;
	http_call_close(*out);
	*asked = false;
	spec->headers = bare;
	err = authorize(target, arena, spec, cause);
	if (err)
		return err;
	*asked = true;
	return http_call_open(arena, spec, out);
}

/* The request is written; what proves who calls, and how long to wait, is added here. Open, where it returns NULL, with a status that tells success. */
static MAY_PARK const struct err *
open_request(const struct target *target, const struct provider *wire, struct arena *arena, struct http_call_spec *spec, const struct span *span, struct http_call **out,
	bool *asked, enum failure_cause *cause)
{
	const struct conf_provider *provider = target->provider;
	const struct err *err = span ? add_traceparent(arena, span, &spec->headers) : NULL;

	if (err)
		return err;
	spec->connect_timeout_us = provider->connect_timeout_us;
	spec->headers_timeout_us = provider->headers_timeout_us;
	spec->idle_timeout_us = provider->idle_timeout_us;
	spec->proxy = provider->proxy;
	spec->http2 = provider->http2;
	err = open_call(target, arena, spec, out, asked, cause);
	if (err || http_call_status(*out) / 100 == 2)
		return err;
	err = explain_failure(wire, arena, *out, cause);
	http_call_close(*out);
	return err;
}

static MAY_PARK const struct err *
send_request(struct decoder *decoder, struct http_call_spec *spec, const struct span *span, enum failure_cause *cause)
{
	struct http_call *http;
	const struct err *err;
	struct str type;

	spec->body_max = ANSWER_MAX;
	err = open_request(decoder->target, decoder->wire, decoder->arena, spec, span, &http, &decoder->asked, cause);
	decoder->refused = err && *cause != FAILURE_NONE; /* no answer, no cause yet */
	if (err)
		return err;
	decoder->accepted = true;
	/* Some servers answer whole though a stream was asked for: the events are the same. */
	type = http_header_get(http_call_headers(http), STR("content-type"));
	err = str_starts(type, frames_type(decoder->wire->framing)) ? pump_stream(decoder, http) : pump_whole(decoder, http);
	http_call_close(http);
	return err;
}

/* What a provider says of an error goes to clients and records: nothing that proves who we are, or that is secret in the configuration, is to be in it. */
static const struct err *
without_secrets(struct arena *arena, const struct conf_provider *provider, const struct http_call_spec *spec, const struct err *err)
{
	const struct str own[] = { provider->api_key, provider->client_secret, provider->secret_access_key, provider->session_token, request_bearer_of(spec) };

	for (size_t i = 0; i < COUNT(own); i++)
		err = err_without(arena, err, own[i]);
	for (size_t i = 0; i < provider->header_count; i++) {
		struct str value = provider->headers[i].value;
		size_t scheme = str_find_byte(value, ' ', 0); /* "Bearer TOKEN": the token alone may come back */

		err = err_without(arena, err, value);
		if (scheme != SIZE_MAX)
			err = err_without(arena, err, str_slice(value, scheme + 1, value.len));
	}
	return err;
}

/* Fills in the cause where the answer's status has not told it. */
static const struct err *
ended(struct arena *arena, const struct target *target, const struct http_call_spec *spec, const struct err *err, enum failure_cause *cause)
{
	if (!err)
		*cause = FAILURE_NONE;
	else if (scope_check())
		*cause = FAILURE_CANCELLED; /* the caller's own time is over, not the target's fault */
	else if (*cause == FAILURE_NONE)
		*cause = failure_cause_of(err);
	return err && target->provider ? without_secrets(arena, target->provider, spec, err) : err;
}

MAY_PARK const struct err *
attempt_send(struct decoder *decoder, struct http_call_spec *request, const struct span *span, enum failure_cause *cause)
{
	*cause = FAILURE_NONE;
	if (!decoder->wire)
		decoder->wire = provider_wire(decoder->call, decoder->target);
	return ended(decoder->arena, decoder->target, request, send_request(decoder, request, span, cause), cause);
}

MAY_PARK const struct err *
attempt_run(struct decoder *decoder, const struct span *span, enum failure_cause *cause)
{
	const struct provider *kind = decoder->target->kind;
	struct http_call_spec request = { 0 };
	const struct err *err;

	*cause = FAILURE_NONE;
	decoder->wire = provider_wire(decoder->call, decoder->target);
	if (kind->run) {
		err = provider_fit(decoder->call, kind, decoder->arena);
		return ended(decoder->arena, decoder->target, &request, err ? err : kind->run(decoder), cause);
	}
	err = provider_request(decoder->call, decoder->target, decoder->arena, &request);
	return ended(decoder->arena, decoder->target, &request, err ? err : send_request(decoder, &request, span, cause), cause);
}

static const struct err *
copy_headers(struct arena *arena, const struct http_headers *from, struct http_headers *out)
{
	struct http_header *list = arena_array(arena, from->count + 1, sizeof(*list));

	for (size_t i = 0; list && i < from->count; i++) {
		list[i] = (struct http_header){ arena_dup(arena, from->list[i].name), arena_dup(arena, from->list[i].value) };
		if (!list[i].name.ptr || !list[i].value.ptr)
			return &err_no_memory;
	}
	*out = (struct http_headers){ list, list ? from->count : 0 };
	return list ? NULL : &err_no_memory;
}

/* The headers and the body of an answer that tells success. */
static MAY_PARK const struct err *
take_answer(struct http_call *http, struct arena *arena, size_t answer_max, struct attempt_answer *out)
{
	const struct err *err = copy_headers(arena, http_call_headers(http), &out->headers);

	if (!err)
		err = http_call_read_all(http, arena, answer_max, &out->body);
	if (err && err->kind == ERR_TOO_LARGE) /* not the caller's fault, who would read so from the kind */
		return err_new(arena, ERR_UPSTREAM, "the provider's answer is larger than %zu bytes, or than the memory of a request", answer_max);
	return err;
}

MAY_PARK const struct err *
attempt_post(const struct target *target, struct arena *arena, struct http_call_spec *request, const struct span *span, size_t answer_max, struct attempt_answer *out,
	enum failure_cause *cause)
{
	struct http_call *http;
	const struct err *err;
	bool asked = false;

	*out = (struct attempt_answer){ .body = STR_EMPTY };
	*cause = FAILURE_NONE;
	request->body_max = answer_max;
	err = open_request(target, target->kind, arena, request, span, &http, &asked, cause);
	if (!err) {
		out->read = true;
		err = take_answer(http, arena, answer_max, out);
		http_call_close(http);
	} else {
		out->read = asked && (err->kind == ERR_CANCELLED || err->kind == ERR_TIMEOUT);
	}
	return ended(arena, target, request, err, cause);
}
