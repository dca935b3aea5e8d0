/*
 * answer.c - writing answers: whole in one system call, or streaming in chunks.
 *
 * The server alone frames: Content-Length, Transfer-Encoding, Connection and Date are written here and refused from handlers, so that no handler can
 * make an answer that ends elsewhere than its client believes. The head of a streaming answer is held back to go out with the first piece.
 */
#include "net/connection.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

enum { HEAD_FIXED_MAX = 320 /* status line, Date, Content-Length, Transfer-Encoding, Connection, and the names */ };

static const struct err answer_bad = { .kind = ERR_INTERNAL,
	.message = STR_INIT("the answer could not be written"),
	.detail = STR_INIT("an answer's header is not acceptable") };
static const struct err answer_over = { .kind = ERR_INTERNAL,
	.message = STR_INIT("the answer could not be written"),
	.detail = STR_INIT("written after its end, or before its beginning") };

/* The four have these lengths, and hardly another header has. */
static bool
is_framing(struct str name)
{
	if (name.len != 4 && name.len != 10 && name.len != 14 && name.len != 17)
		return false;
	return str_eq_ci(name, STR("content-length")) || str_eq_ci(name, STR("transfer-encoding")) || str_eq_ci(name, STR("connection")) ||
	       str_eq_ci(name, STR("date"));
}

bool
http_answer_header(struct http_exchange *exchange, struct str name, struct str value)
{
	struct buf *headers = &connection_of(exchange)->headers;
	char *room;

	if (exchange->status || !http_token_ok(name) || !http_value_ok(value) || is_framing(name))
		return false;
	room = buf_reserve(headers, name.len + value.len + 4);
	if (!room)
		return false;
	buf_add(headers, name);
	buf_add(headers, STR(": "));
	buf_add(headers, value);
	buf_add(headers, STR("\r\n"));
	return true;
}

/* Composing into room that is known to suffice. */

static char *
put(char *to, struct str text)
{
	memcpy(to, text.ptr, text.len);
	return to + text.len;
}

static char *
put_number(char *to, int64_t number)
{
	char digits[STR_I64_MAX];

	return put(to, str_of_i64(number, digits));
}

static char *
put_hex(char *to, size_t number)
{
	char digits[16];
	size_t at = sizeof(digits);

	do
		digits[--at] = "0123456789abcdef"[number & 15];
	while ((number >>= 4) > 0);
	return put(to, str_n(digits + at, sizeof(digits) - at));
}

/* The Date line, made anew once a second. */
static struct str
date_line(struct server_loop *owner)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t now_us = loop_now_us(owner->loop), wall_us;
	struct tm tm;
	time_t seconds;

	if (now_us >= owner->date_until_us) {
		wall_us = clock_wall_us();
		seconds = (time_t)(wall_us / USEC_PER_SEC);
		gmtime_r(&seconds, &tm);
		owner->date_len = (size_t)snprintf(owner->date, sizeof(owner->date), "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
			days + 3 * tm.tm_wday, tm.tm_mday % 100, months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000, tm.tm_hour % 100,
			tm.tm_min % 100, tm.tm_sec % 100);
		owner->date_until_us = now_us + USEC_PER_SEC - wall_us % USEC_PER_SEC;
	}
	return str_n(owner->date, owner->date_len);
}

static enum answer_framing
framing_of(const struct connection *connection, int status, bool whole)
{
	if (connection->exchange.method == HTTP_HEAD || status == 204 || status == 304)
		return FRAMING_NONE;
	if (whole)
		return FRAMING_LENGTH;
	return connection->request.minor > 0 ? FRAMING_CHUNKED : FRAMING_CLOSE;
}

/*
 * Decides how the answer is framed and composes its head, up to the handler's own headers and the empty line. An empty view with ptr NULL: no memory, or a
 * content type that cannot be sent.
 */
static struct str
head_compose(struct connection *connection, int status, struct str content_type, bool whole, size_t length)
{
	const struct http_server *server = connection->owner->server;
	struct str text = str_of(http_status_text(status));
	char *head, *to;

	assert(status >= 200 && status <= 599);
	head = arena_alloc(connection->exchange.arena, HEAD_FIXED_MAX + server->server_header.len + content_type.len);
	if (!head || !http_value_ok(content_type))
		return (struct str){ NULL, 0 };
	connection->framing = framing_of(connection, status, whole);
	if (!connection->request.keep_alive || connection->owner->stopping || connection->framing == FRAMING_CLOSE ||
		!body_short(connection))
		connection->close_after = true;
	to = put(head, STR("HTTP/1.1 "));
	to = put_number(to, status);
	*to++ = ' ';
	to = put(to, text);
	to = put(to, STR("\r\n"));
	to = put(to, date_line(connection->owner));
	to = put(to, server->server_header);
	if (content_type.len > 0)
		to = put(put(put(to, STR("Content-Type: ")), content_type), STR("\r\n"));
	if (whole && status != 204 && status != 304)
		to = put(put_number(put(to, STR("Content-Length: ")), (int64_t)length), STR("\r\n"));
	else if (connection->framing == FRAMING_CHUNKED)
		to = put(to, STR("Transfer-Encoding: chunked\r\n"));
	if (connection->close_after)
		to = put(to, STR("Connection: close\r\n"));
	else if (connection->request.minor == 0)
		to = put(to, STR("Connection: keep-alive\r\n"));
	return str_n(head, (size_t)(to - head));
}

static struct iovec
iov_of(struct str s)
{
	return (struct iovec){ .iov_base = (void *)(uintptr_t)s.ptr, .iov_len = s.len };
}

MAY_PARK static const struct err *
send_all(struct connection *connection, struct iovec *iov, int count)
{
	const struct err *err = transport_write(&connection->transport, iov, count, connection_limits(connection)->write_timeout_us);

	if (err)
		connection->answer = ANSWER_BROKEN;
	return err;
}

MAY_PARK const struct err *
http_answer(struct http_exchange *exchange, int status, struct str content_type, struct str body)
{
	struct connection *connection = connection_of(exchange);
	struct str head;
	struct iovec iov[4];

	if (exchange->status)
		return &answer_over;
	head = head_compose(connection, status, content_type, true, body.len);
	if (!head.ptr)
		return &answer_bad;
	exchange->status = status;
	connection->answer = ANSWER_DONE;
	if (connection->framing == FRAMING_NONE)
		body = STR_EMPTY;
	exchange->sent_bytes = body.len;
	iov[0] = iov_of(head);
	iov[1] = iov_of(buf_str(&connection->headers));
	iov[2] = iov_of(STR("\r\n"));
	iov[3] = iov_of(body);
	return send_all(connection, iov, 4);
}

MAY_PARK const struct err *
http_answer_begin(struct http_exchange *exchange, int status, struct str content_type)
{
	struct connection *connection = connection_of(exchange);
	struct str head;

	if (exchange->status)
		return &answer_over;
	head = head_compose(connection, status, content_type, false, 0);
	if (!head.ptr)
		return &answer_bad;
	exchange->status = status;
	connection->answer = ANSWER_BEGUN;
	connection->held = head;
	return NULL;
}

struct frame {
	struct iovec iov[ANSWER_PIECES_MAX + 5];
	int count;
	char size[24]; /* of the chunk */
};

/* The held head, if it still is, then the pieces as the framing wants them, then the end, if this is it. */
static void
frame_compose(struct connection *connection, const struct str *pieces, int count, bool end, struct frame *out)
{
	bool chunked = connection->framing == FRAMING_CHUNKED;
	size_t total = 0;

	out->count = 0;
	if (connection->held.len > 0) {
		out->iov[out->count++] = iov_of(connection->held);
		out->iov[out->count++] = iov_of(buf_str(&connection->headers));
		out->iov[out->count++] = iov_of(STR("\r\n"));
		connection->held = STR_EMPTY;
	}
	for (int i = 0; i < count && connection->framing != FRAMING_NONE; i++)
		total += pieces[i].len;
	if (chunked && total > 0)
		out->iov[out->count++] = iov_of(str_n(out->size, (size_t)(put(put_hex(out->size, total), STR("\r\n")) - out->size)));
	for (int i = 0; i < count && total > 0; i++)
		out->iov[out->count++] = iov_of(pieces[i]);
	if (chunked && total > 0)
		out->iov[out->count++] = iov_of(end ? STR("\r\n0\r\n\r\n") : STR("\r\n"));
	else if (chunked && end)
		out->iov[out->count++] = iov_of(STR("0\r\n\r\n"));
	if (end)
		connection->answer = ANSWER_DONE;
	connection->exchange.sent_bytes += total;
}

MAY_PARK const struct err *
answer_write(struct http_exchange *exchange, const struct str *pieces, int count, bool end)
{
	struct connection *connection = connection_of(exchange);
	struct frame frame;

	assert(count <= ANSWER_PIECES_MAX);
	if (connection->answer != ANSWER_BEGUN)
		return &answer_over;
	frame_compose(connection, pieces, count, end, &frame);
	return send_all(connection, frame.iov, frame.count);
}

void
answer_push(struct http_exchange *exchange, struct str piece)
{
	struct connection *connection = connection_of(exchange);
	struct frame frame;

	if (connection->answer != ANSWER_BEGUN || !transport_sent(&connection->transport))
		return;
	frame_compose(connection, &piece, 1, false, &frame);
	transport_send_now(&connection->transport, frame.iov, frame.count); /* nothing is unsent, so this is taken whole */
}

MAY_PARK const struct err *
http_answer_write(struct http_exchange *exchange, struct str piece)
{
	return answer_write(exchange, &piece, 1, false);
}

MAY_PARK const struct err *
http_answer_end(struct http_exchange *exchange, struct str last)
{
	return answer_write(exchange, &last, 1, true);
}

void
http_answer_abort(struct http_exchange *exchange)
{
	connection_of(exchange)->answer = ANSWER_BROKEN;
}

struct scope *
http_exchange_scope(struct http_exchange *exchange)
{
	return &connection_of(exchange)->scope;
}

MAY_PARK void
answer_refuse(struct connection *connection, int status, const char *message)
{
	struct http_exchange *exchange = &connection->exchange;
	struct str body = arena_printf(exchange->arena, "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":null,\"code\":null}}",
		message, status == 500 ? "server_error" : "invalid_request_error");

	connection->body = BODY_BAD; /* whatever follows is not a request any more */
	connection->body_err = &answer_over;
	buf_clear(&connection->headers);
	http_answer(exchange, status, STR("application/json"), body.ptr ? body : STR_EMPTY);
}
