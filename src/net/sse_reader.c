/*
 * sse_reader.c - frames out of an event stream that comes in pieces. See sse.h.
 *
 * Every byte is looked at once: a line's end is searched from where the last search stopped. What a frame has so far is kept as places in
 * `pending`, since that moves when it grows. A frame with one line of data, which is nearly every one, is given out without copying.
 */
#include "net/sse.h"

void
sse_reader_init(struct sse_reader *reader, struct arena *arena, size_t frame_max)
{
	*reader = (struct sse_reader){ 0 };
	buf_init(&reader->pending, arena, frame_max);
	buf_init(&reader->joined, arena, frame_max);
}

void
sse_reader_fini(struct sse_reader *reader)
{
	buf_fini(&reader->pending);
	buf_fini(&reader->joined);
}

/* Forgets what was given out. */
static void
compact(struct sse_reader *reader)
{
	size_t gone = reader->frame;

	buf_consume(&reader->pending, gone);
	reader->frame = 0;
	reader->line -= gone;
	reader->looked -= gone;
	reader->event_at -= reader->event_len ? gone : 0;
	reader->data_at -= reader->data_lines ? gone : 0;
}

const struct err *
sse_reader_feed(struct sse_reader *reader, struct str piece)
{
	compact(reader);
	buf_add(&reader->pending, piece);
	return buf_err(&reader->pending);
}

static void
frame_clear(struct sse_reader *reader)
{
	reader->frame = reader->line;
	reader->data_lines = 0;
	reader->data_at = reader->data_len = reader->event_at = reader->event_len = 0;
	buf_clear(&reader->joined);
}

/* The next whole line, and moves behind it. */
static bool
take_line(struct sse_reader *reader, struct str *line)
{
	struct str pending = buf_str(&reader->pending);
	size_t feed, cr;

	if (reader->after_cr && reader->line < pending.len) {
		if (pending.ptr[reader->line] == '\n') {
			bool between = reader->frame == reader->line; /* no frame has begun yet */

			reader->line++;
			reader->frame += between;
		}
		reader->after_cr = false;
	}
	if (reader->looked < reader->line)
		reader->looked = reader->line;
	feed = str_find_byte(pending, '\n', reader->looked);
	cr = str_find_byte(str_slice(pending, 0, feed), '\r', reader->looked);
	if (feed == SIZE_MAX && cr == SIZE_MAX) {
		reader->looked = pending.len;
		return false;
	}
	reader->after_cr = cr != SIZE_MAX;
	*line = str_slice(pending, reader->line, cr != SIZE_MAX ? cr : feed);
	reader->line = (cr != SIZE_MAX ? cr : feed) + 1;
	if (!reader->started && str_starts(*line, STR("\xef\xbb\xbf")))
		*line = str_slice(*line, 3, line->len);
	reader->started = true;
	return true;
}

static void
add_data(struct sse_reader *reader, struct str value)
{
	if (reader->data_lines++ == 0) {
		reader->data_at = (size_t)(value.ptr - reader->pending.ptr);
		reader->data_len = value.len;
		return;
	}
	if (reader->data_lines == 2)
		buf_add(&reader->joined, str_n(reader->pending.ptr + reader->data_at, reader->data_len));
	buf_add_byte(&reader->joined, '\n');
	buf_add(&reader->joined, value);
}

static void
add_line(struct sse_reader *reader, struct str line)
{
	size_t colon = str_find_byte(line, ':', 0);
	struct str name = str_slice(line, 0, colon), value = str_slice(line, colon == SIZE_MAX ? line.len : colon + 1, line.len);

	if (value.len > 0 && value.ptr[0] == ' ')
		value = str_slice(value, 1, value.len);
	if (str_eq(name, STR("data"))) {
		add_data(reader, value);
	} else if (str_eq(name, STR("event"))) {
		reader->event_at = (size_t)(value.ptr - reader->pending.ptr);
		reader->event_len = value.len;
	}
}

bool
sse_reader_next(struct sse_reader *reader, struct str *event, struct str *data)
{
	struct str line;

	while (take_line(reader, &line)) {
		const char *base = reader->pending.ptr;
		bool given = line.len == 0 && reader->data_lines > 0;

		if (line.len > 0) {
			add_line(reader, line);
			continue;
		}
		if (given) {
			*event = str_n(base + reader->event_at, reader->event_len);
			*data = reader->data_lines == 1 ? str_n(base + reader->data_at, reader->data_len) : buf_str(&reader->joined);
		}
		frame_clear(reader);
		if (given)
			return true;
	}
	return false;
}
