/*
 * sse_writer.c - event streams to a client, with heartbeats. See sse.h.
 *
 * Writing an event costs no timer: the heartbeat's timer looks, when it rings, at when the last event went out, and sleeps for the rest.
 * A heartbeat is written only when nothing is unsent, so it never stands inside an event and never makes a slow client slower.
 *
 * A stream that is kept has a way of its own (kept_add, kept_send): its events are put together with their numbers first, since the keeper gets them whole.
 */
#include "net/connection.h"
#include "net/sse.h"

#include <assert.h>

enum { GATHERED_MAX = 16 * 1024, EVENT_PIECES = 6, KEPT_MAX = 256 * 1024 * 1024 };

struct sse_writer {
	struct http_exchange *exchange;
	struct loop_timer *timer; /* NULL: no heartbeats */
	int64_t heartbeat_us, last_us;
	struct buf lines;    /* for data of several lines */
	struct buf gathered; /* events that wait for sse_flush; without memory while there are none */
	struct buf one;      /* of a stream that is kept: an event before it has its number */
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
	if (!buf_init_held(&writer->gathered, exchange->arena, exchange->keeper ? KEPT_MAX : GATHERED_MAX))
		return &err_no_memory;
	if (exchange->keeper && !buf_init_held(&writer->one, exchange->arena, KEPT_MAX))
		return &err_no_memory;
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

/* The pieces of an event; returns how many, 0: no memory. */
static int
compose(struct sse_writer *writer, struct str event, struct str data, struct str pieces[EVENT_PIECES])
{
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
			return 0;
	} else {
		pieces[count++] = STR("data: ");
		pieces[count++] = data;
	}
	pieces[count++] = STR("\n\n");
	return count;
}

/* --- streams that are kept --- */

void
sse_number(struct buf *out, struct str events, int64_t *next)
{
	while (events.len > 0) {
		size_t end = str_find(events, STR("\n\n"), 0), name = str_starts(events, STR("event:")) ? str_find_byte(events, '\n', 0) + 1 : 0;

		end = end == SIZE_MAX ? events.len : end + 2;
		buf_add(out, str_slice(events, 0, name));
		buf_printf(out, "id: %lld\n", (long long)(*next)++);
		buf_add(out, str_slice(events, name, end));
		events = str_slice(events, end, events.len);
	}
}

/* To the keeper, then to the client if it is there. */
MAY_PARK static const struct err *
kept_send(struct sse_writer *writer, bool end)
{
	struct http_exchange *exchange = writer->exchange;
	struct sse_keeper *keeper = exchange->keeper;
	struct str events = buf_str(&writer->gathered);
	const struct err *err = buf_err(&writer->gathered);

	writer->last_us = loop_now_us(loop_current());
	if (!err && !end && events.len > 0 && !keeper->failed)
		keeper->failed = keeper->take(keeper, events, keeper->next - 1) != NULL;
	keeper->left = keeper->left || http_exchange_scope(exchange)->cancelled;
	if (!err && !keeper->left && (events.len > 0 || end))
		keeper->left = answer_write(exchange, &events, 1, end) != NULL;
	buf_fini(&writer->gathered);
	if (!err && keeper->left && keeper->failed)
		err = &err_cancelled;
	return err;
}

static const struct err *
kept_add(struct sse_writer *writer, struct str events)
{
	sse_number(&writer->gathered, events, &writer->exchange->keeper->next);
	return buf_err(&writer->gathered);
}

static const struct err *
kept_add_pieces(struct sse_writer *writer, const struct str *pieces, int count)
{
	if (count == 1) /* whole events already: the end of a long answer need not be copied once more */
		return kept_add(writer, pieces[0]);
	buf_clear(&writer->one);
	for (int i = 0; i < count; i++)
		buf_add(&writer->one, pieces[i]);
	return writer->one.failed ? &err_no_memory : kept_add(writer, buf_str(&writer->one));
}

/* --- sending --- */

/* What was gathered, then the pieces behind it, in one write. */
MAY_PARK static const struct err *
send_all(struct sse_writer *writer, const struct str *pieces, int count, bool end)
{
	struct str all[1 + EVENT_PIECES] = { buf_str(&writer->gathered) };
	const struct err *err;

	assert(count <= EVENT_PIECES);
	if (writer->exchange->keeper) {
		err = kept_add_pieces(writer, pieces, count);
		return err ? err : kept_send(writer, end);
	}
	if (count) /* a flush has none */
		memcpy(all + 1, pieces, (size_t)count * sizeof(*pieces));
	writer->last_us = loop_now_us(loop_current());
	err = answer_write(writer->exchange, all, 1 + count, end);
	buf_fini(&writer->gathered);
	return err;
}

MAY_PARK const struct err *
sse_send(struct sse_writer *writer, struct str event, struct str data)
{
	struct str pieces[EVENT_PIECES];
	int count = compose(writer, event, data, pieces);

	return count > 0 ? send_all(writer, pieces, count, false) : &err_no_memory;
}

MAY_PARK const struct err *
sse_gather(struct sse_writer *writer, struct str event, struct str data)
{
	struct str pieces[EVENT_PIECES];
	int count = compose(writer, event, data, pieces);
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += pieces[i].len;
	if (count > 0 && writer->exchange->keeper && writer->gathered.len < GATHERED_MAX)
		return kept_add_pieces(writer, pieces, count);
	if (count == 0 || writer->gathered.len > GATHERED_MAX || size > GATHERED_MAX - writer->gathered.len)
		return count > 0 ? send_all(writer, pieces, count, false) : &err_no_memory;
	for (int i = 0; i < count; i++)
		buf_add(&writer->gathered, pieces[i]);
	return buf_err(&writer->gathered);
}

MAY_PARK const struct err *
sse_flush(struct sse_writer *writer)
{
	return writer->gathered.len > 0 ? send_all(writer, NULL, 0, false) : NULL;
}

MAY_PARK const struct err *
sse_send_raw(struct sse_writer *writer, struct str frames)
{
	return send_all(writer, &frames, 1, false);
}

MAY_PARK const struct err *
sse_end(struct sse_writer *writer, struct str last)
{
	if (writer->timer)
		loop_timer_stop(writer->timer);
	return send_all(writer, &last, 1, true);
}
