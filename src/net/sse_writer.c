/*
 * sse_writer.c - event streams to a client, with heartbeats. See sse.h.
 *
 * Writing an event costs no timer: the heartbeat's timer looks, when it rings, at when the last event went out, and sleeps for the rest.
 * A heartbeat is written only when nothing is unsent, so it never stands inside an event and never makes a slow client slower.
 */
#include "net/connection.h"
#include "net/sse.h"

#include <assert.h>

struct sse_writer {
	struct http_exchange *exchange;
	struct loop_timer *timer; /* NULL: no heartbeats */
	int64_t heartbeat_us, last_us;
	struct buf lines; /* for data of several lines */
};

static void
heartbeat(void *arg)
{
	struct sse_writer *writer = arg;
	int64_t left_us = writer->last_us + writer->heartbeat_us - loop_now_us(loop_current());

	if (left_us <= 0) {
		answer_push(writer->exchange, STR(": \n\n"));
		left_us = writer->heartbeat_us;
	}
	loop_timer_start(writer->timer, left_us);
}

static void
timer_end(void *arg)
{
	loop_timer_free(arg);
}

const struct err *
sse_open(struct http_exchange *exchange, int64_t heartbeat_us, struct sse_writer **out)
{
	struct sse_writer *writer = arena_zalloc(exchange->arena, sizeof(*writer));

	if (!writer || !http_answer_header(exchange, STR("Cache-Control"), STR("no-cache")) ||
		!http_answer_header(exchange, STR("X-Accel-Buffering"), STR("no")))
		return &err_no_memory;
	writer->exchange = exchange;
	writer->heartbeat_us = heartbeat_us;
	writer->last_us = loop_now_us(loop_current());
	buf_init(&writer->lines, exchange->arena, SIZE_MAX / 4); /* the arena's cap bounds it */
	if (heartbeat_us > 0) {
		writer->timer = loop_timer_new(heartbeat, writer);
		if (!arena_on_free(exchange->arena, timer_end, writer->timer)) {
			loop_timer_free(writer->timer);
			return &err_no_memory;
		}
		loop_timer_start(writer->timer, heartbeat_us);
	}
	*out = writer;
	return http_answer_begin(exchange, 200, STR("text/event-stream; charset=utf-8"));
}

static bool
has_break(struct str text)
{
	return str_find_byte(text, '\n', 0) != SIZE_MAX || str_find_byte(text, '\r', 0) != SIZE_MAX;
}

/* "data: " before every line: CRLF, LF and CR end one, as readers will see it. */
static struct str
data_lines(struct sse_writer *writer, struct str data)
{
	struct buf *lines = &writer->lines;
	size_t begin = 0;

	buf_clear(lines);
	for (size_t i = 0; i <= data.len; i++) {
		bool end = i == data.len, crlf = !end && data.ptr[i] == '\r' && i + 1 < data.len && data.ptr[i + 1] == '\n';

		if (!end && data.ptr[i] != '\n' && data.ptr[i] != '\r')
			continue;
		buf_add(lines, STR("data: "));
		buf_add(lines, str_slice(data, begin, i));
		if (!end)
			buf_add_byte(lines, '\n');
		i += crlf;
		begin = i + 1;
	}
	return buf_str(lines);
}

MAY_PARK const struct err *
sse_send(struct sse_writer *writer, struct str event, struct str data)
{
	struct str pieces[6];
	int count = 0;

	assert(!has_break(event));
	if (event.len > 0) {
		pieces[count++] = STR("event: ");
		pieces[count++] = event;
		pieces[count++] = STR("\n");
	}
	if (has_break(data)) {
		pieces[count++] = data_lines(writer, data);
		if (buf_err(&writer->lines))
			return &err_no_memory;
	} else {
		pieces[count++] = STR("data: ");
		pieces[count++] = data;
	}
	pieces[count++] = STR("\n\n");
	writer->last_us = loop_now_us(loop_current());
	return answer_write(writer->exchange, pieces, count, false);
}

MAY_PARK const struct err *
sse_send_raw(struct sse_writer *writer, struct str frames)
{
	writer->last_us = loop_now_us(loop_current());
	return http_answer_write(writer->exchange, frames);
}

MAY_PARK const struct err *
sse_end(struct sse_writer *writer, struct str last)
{
	if (writer->timer)
		loop_timer_stop(writer->timer);
	return http_answer_end(writer->exchange, last);
}
