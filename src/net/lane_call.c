/*
 * lane_call.c - one call over the lane. See lane.h and http_client.h.
 *
 * Read lane_open, then lane_read. Request and answer overlap: what the socket does not take at once is sent while the answer is waited for, so that a server may refuse a large body before it
 * has read it. A piece of the answer is a view into the connection's read buffer, where the loop has received it; the bytes are consumed when the next piece is asked for.
 */
#include "net/lane.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"

enum { INFLATED_MAX = 16 * 1024 };

/* ---- the request ---- */

static void
put_header(struct buf *out, struct str name, struct str value)
{
	buf_add(out, name);
	buf_add(out, STR(": "));
	buf_add(out, value);
	buf_add(out, STR("\r\n"));
}

static void
put_length(struct buf *out, size_t length)
{
	char digits[24], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + length % 10);
	while ((length /= 10) > 0);
	put_header(out, STR("Content-Length"), str_n(at, (size_t)(digits + sizeof(digits) - at)));
}

/* Compressed answers are decoded, but not asked for: a stream's pieces would wait in the server's compressor, and 40 KiB of window for every open stream here. */
static void
compose_head(struct buf *out, const struct http_call_spec *spec, const struct client_url *url)
{
	bool has_body = spec->body.len > 0 || spec->method == HTTP_POST || spec->method == HTTP_PUT || spec->method == HTTP_PATCH;
	const struct http_headers *headers = &spec->headers;

	buf_add(out, str_of(http_method_name(spec->method)));
	buf_add_byte(out, ' ');
	if (url->target.len == 0 || url->target.ptr[0] != '/')
		buf_add_byte(out, '/');
	buf_add(out, url->target);
	buf_add(out, STR(" HTTP/1.1\r\n"));
	if (!http_header_get(headers, STR("host")).ptr)
		put_header(out, STR("Host"), url->authority);
	if (!http_header_get(headers, STR("accept")).ptr)
		put_header(out, STR("Accept"), STR("*/*"));
	if (!http_header_get(headers, STR("accept-encoding")).ptr)
		put_header(out, STR("Accept-Encoding"), STR("identity"));
	for (size_t i = 0; i < headers->count; i++)
		put_header(out, headers->list[i].name, headers->list[i].value);
	if (has_body)
		put_length(out, spec->body.len);
	buf_add(out, STR("\r\n"));
}

static void
begin_sending(struct lane_call *call, struct str body)
{
	struct str head = buf_str(&call->head);

	call->pieces[0] = (struct iovec){ (void *)(uintptr_t)head.ptr, head.len };
	call->pieces[1] = (struct iovec){ (void *)(uintptr_t)body.ptr, body.len };
	call->unsent = call->pieces;
	call->unsent_count = body.len > 0 ? 2 : 1;
	call->cut = false;
}

/* The rest of the request is not sent; the connection is not fit for another then. */
static void
stop_sending(struct lane_call *call)
{
	call->cut = call->cut || call->unsent_count > 0;
	call->unsent_count = 0;
}

/* ---- waiting ---- */

/* Waits for more of the answer, and sends what is left of the request meanwhile. NULL: look again. ERR_TIMEOUT and ERR_CANCELLED are told as they are to be passed on. */
MAY_PARK static const struct err *
await_input(struct lane_call *call, size_t max, int64_t until_us)
{
	struct transport *transport = &call->connection->transport;
	int64_t left_us = until_us - loop_now_us(loop_current());
	const struct err *err, *over;

	if (transport_unread(transport).len == 0)
		transport_release(transport);
	if (left_us <= 0)
		err = &err_timeout;
	else if (call->unsent_count > 0)
		err = transport_wait(transport, max, left_us);
	else
		err = transport_fill(transport, max, left_us);
	if (!err)
		return NULL;
	over = scope_check();
	return over ? over : err_new(call->base.arena, err->kind, "the upstream took too long to answer");
}

static const struct err *
nonsense(struct lane_call *call, const char *what)
{
	return err_detail(call->base.arena, err_new(call->base.arena, ERR_UPSTREAM, "the upstream did not answer properly"), "%s", what);
}

/* ---- the answer's head ---- */

/* What the answer says about its coding. */
static const struct err *
begin_body(struct lane_call *call)
{
	struct str coding = http_header_get(&call->base.headers, STR("content-encoding"));

	if (coding.len == 0 || call->connection->response.done || str_eq_ci(coding, STR("identity")))
		return NULL;
	if (str_eq_ci(coding, STR("gzip")) || str_eq_ci(coding, STR("x-gzip")))
		call->inflater = inflater_new(INFLATE_GZIP);
	else if (str_eq_ci(coding, STR("deflate")))
		call->inflater = inflater_new(INFLATE_DEFLATE);
	else
		return nonsense(call, "its answer has a Content-Encoding that was not asked for");
	call->inflated = mem_alloc(INFLATED_MAX);
	return NULL;
}

static const struct err *
end_head(struct lane_call *call, struct str message)
{
	struct transport *transport = &call->connection->transport;
	struct response *response = &call->connection->response;

	if (!response_describe(response, message, &call->base.headers))
		return nonsense(call, response->mistake);
	transport_consume(transport, response->fed);
	call->base.status = response->status;
	if (response->status >= 400)
		stop_sending(call);
	return begin_body(call);
}

/* Looks at what has come of the head, interim answers first. False: more is needed. */
static bool
read_head(struct lane_call *call, const struct err **err)
{
	struct transport *transport = &call->connection->transport;
	struct response *response = &call->connection->response;
	struct str message = transport_unread(transport);
	enum response_step step = response_head(response, message);

	while (step == RESPONSE_INTERIM) {
		transport_consume(transport, response->fed);
		message = transport_unread(transport);
		step = response_head(response, message);
	}
	if (step == RESPONSE_DONE)
		*err = end_head(call, message);
	else if (step == RESPONSE_BAD)
		*err = nonsense(call, response->mistake);
	return step != RESPONSE_MORE;
}

/* Sends the request, and waits for the answer's head. *untouched: the connection has ended before a byte of an answer came. */
MAY_PARK static const struct err *
exchange(struct lane_call *call, const struct http_call_spec *spec, int64_t until_us, bool *untouched)
{
	struct transport *transport = &call->connection->transport;
	const struct err *err = NULL;
	size_t seen = 0;

	*untouched = true;
	begin_sending(call, spec->body);
	response_begin(&call->connection->response, call->base.arena, spec->method == HTTP_HEAD);
	while (!err) {
		size_t unread = transport_unread(transport).len;

		if (unread != seen) {
			*untouched = false;
			if (read_head(call, &err))
				return err;
			seen = transport_unread(transport).len;
		}
		if (transport_ended(transport))
			return nonsense(call, *untouched ? "it has closed the connection" : "it broke off its answer's head");
		if (call->unsent_count > 0)
			transport_push(transport, &call->unsent, &call->unsent_count);
		err = await_input(call, RESPONSE_HEAD_MAX + 1, until_us);
	}
	*untouched = false;
	return err;
}

/* ---- opening and closing ---- */

/* Whether everything of this call has gone over the connection, and nothing else. */
static bool
fit_for_another(const struct lane_call *call)
{
	const struct response *response = &call->connection->response;

	return response->done && response->keep_alive && !response->mistake && !call->cut && call->unsent_count == 0 &&
	       transport_quiet(&call->connection->transport);
}

static void
lane_call_close(struct http_call *base)
{
	struct lane_call *call = (struct lane_call *)base;
	struct lane_connection *connection = call->connection;

	if (connection) {
		transport_consume(&connection->transport, call->given);
		if (fit_for_another(call))
			lane_keep(call->lane, connection);
		else
			lane_close(call->lane, connection);
	}
	inflater_free(call->inflater);
	free(call->inflated);
	lane_give_call(call->lane, call);
}

static void
call_begin(struct lane_call *call, struct arena *arena, const struct http_call_spec *spec)
{
	call->base = call_base(&lane_client, arena, spec);
	call->connection = NULL;
	call->given = 0;
	call->unsent_count = 0;
	call->inflater = NULL;
	call->inflated = NULL;
	call->deflated = STR_EMPTY;
	call->inflating = call->deflating = false;
}

/* Over a new connection. */
MAY_PARK static const struct err *
open_fresh(struct lane_call *call, const struct http_call_spec *spec, const struct client_url *url, int64_t until_us)
{
	int64_t left_us = until_us - loop_now_us(loop_current());
	bool late = left_us < spec->connect_timeout_us, untouched;
	const struct err *err = lane_connect(call->lane, call->base.arena, url, spec->public_only, late ? left_us : spec->connect_timeout_us, &call->connection);

	if (err && late && loop_now_us(loop_current()) >= until_us)
		return err_new(call->base.arena, ERR_TIMEOUT, "the upstream took too long to answer");
	return err ? err : exchange(call, spec, until_us, &untouched);
}

/* A kept connection may have been closed by the server while the request was on its way: then, and only then, the request is sent again, over a new one. */
MAY_PARK static const struct err *
lane_open(struct arena *arena, const struct http_call_spec *spec, const struct client_url *url, struct http_call **out)
{
	int64_t until_us = loop_now_us(loop_current()) + spec->headers_timeout_us;
	struct lane *lane = lane_here();
	struct lane_call *call = lane_take_call(lane);
	const struct err *err;
	bool again = false;

	call_begin(call, arena, spec);
	compose_head(&call->head, spec, url);
	err = buf_err(&call->head);
	if (!err)
		call->connection = lane_reuse(lane, lane_origin(lane, url, spec->public_only));
	if (!err && call->connection) {
		err = exchange(call, spec, until_us, &again);
		again = again && err;
		if (again) {
			lane_close(lane, call->connection);
			call->connection = NULL;
		}
	} else {
		again = !err;
	}
	if (again)
		err = open_fresh(call, spec, url, until_us);
	if (err)
		lane_call_close(&call->base);
	else
		*out = &call->base;
	return err;
}

/* ---- the answer's body ---- */

/* The next piece as it comes over the wire; empty at the end. */
MAY_PARK static const struct err *
read_wire(struct lane_call *call, struct str *piece)
{
	struct transport *transport = &call->connection->transport;
	struct response *response = &call->connection->response;
	int64_t until_us = loop_now_us(loop_current()) + call->base.idle_timeout_us;
	const struct err *err = NULL;
	enum response_step step;

	*piece = STR_EMPTY;
	transport_consume(transport, call->given);
	call->given = 0;
	while (!err) {
		struct str input = transport_unread(transport);

		step = response_body(response, (char *)(uintptr_t)input.ptr, input.len, &call->given);
		if (step == RESPONSE_PIECE) {
			*piece = response->piece;
			return NULL;
		}
		transport_consume(transport, call->given);
		call->given = 0;
		if (step == RESPONSE_DONE)
			return NULL;
		if (step == RESPONSE_BAD)
			return nonsense(call, response->mistake);
		if (transport_ended(transport)) {
			if (response_may_end(response) && transport_ended_clean(transport))
				return NULL;
			return err_new(call->base.arena, ERR_UPSTREAM, "the upstream broke off its answer");
		}
		if (call->unsent_count > 0)
			transport_push(transport, &call->unsent, &call->unsent_count);
		err = await_input(call, STREAM_BUFFER, until_us);
	}
	return err;
}

MAY_PARK static const struct err *
read_inflated(struct lane_call *call, struct str *piece)
{
	const struct err *err;
	size_t len = 0;

	*piece = STR_EMPTY;
	while (len == 0) {
		if (!call->inflating && call->deflated.len == 0) {
			err = read_wire(call, &call->deflated);
			if (err)
				return err;
			if (call->deflated.len == 0)
				return inflater_ended(call->inflater) || !call->deflating ? NULL : nonsense(call, "its compressed answer is cut off");
			call->deflating = true;
		}
		switch (inflater_run(call->inflater, &call->deflated, call->inflated, INFLATED_MAX, &len)) {
		case INFLATE_BAD:
			call->deflated = STR_EMPTY;
			call->inflating = false;
			if (len == 0)
				return nonsense(call, "its compressed answer is damaged");
			break; /* what came before is good; zlib says the same again the next time */
		case INFLATE_FULL:
			call->inflating = true;
			break;
		case INFLATE_MORE:
			call->inflating = false;
			break;
		}
	}
	*piece = str_n(call->inflated, len);
	return NULL;
}

MAY_PARK static const struct err *
lane_read(struct http_call *base, struct str *piece)
{
	struct lane_call *call = (struct lane_call *)base;

	return call->inflater ? read_inflated(call, piece) : read_wire(call, piece);
}

const struct client_kind lane_client = { .open = lane_open, .read = lane_read, .close = lane_call_close };
