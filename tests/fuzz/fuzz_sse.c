/*
 * fuzz_sse.c - event streams out of a stranger's bytes.
 *
 * The first byte says in what pieces the rest comes. The frames must be the same as from a plain reading of the whole text by the rules of the
 * standard, which is written here in the simplest way.
 */
#include <stdlib.h>

#include "net/sse.h"

enum { FRAME_MAX = 64 * 1024 };

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static void
add_frame(struct buf *out, struct str event, struct str data)
{
	buf_add(out, event);
	buf_add_byte(out, '\0');
	buf_add(out, data);
	buf_add_byte(out, '\0');
}

static void
read_in_pieces(struct str input, size_t step, struct buf *out)
{
	struct sse_reader reader;
	struct str event, data;

	sse_reader_init(&reader, NULL, FRAME_MAX);
	for (size_t at = 0; at < input.len; at += step) {
		must(!sse_reader_feed(&reader, str_slice(input, at, at + step)));
		while (sse_reader_next(&reader, &event, &data))
			add_frame(out, event, data);
	}
	sse_reader_fini(&reader);
}

struct simple {
	struct buf data;
	struct str event;
	bool has_data;
};

static void
simple_line(struct simple *simple, struct str line, struct buf *out)
{
	size_t colon = str_find_byte(line, ':', 0);
	struct str name = str_slice(line, 0, colon), value = colon == SIZE_MAX ? STR_EMPTY : str_slice(line, colon + 1, line.len);

	if (line.len == 0) {
		if (simple->has_data)
			add_frame(out, simple->event, str_slice(buf_str(&simple->data), 0, simple->data.len - 1));
		buf_clear(&simple->data);
		simple->event = STR_EMPTY;
		simple->has_data = false;
		return;
	}
	if (str_starts(value, STR(" ")))
		value = str_slice(value, 1, value.len);
	if (str_eq_c(name, "event"))
		simple->event = value;
	if (str_eq_c(name, "data")) {
		buf_add(&simple->data, value);
		buf_add_byte(&simple->data, '\n');
		simple->has_data = true;
	}
}

static void
read_simply(struct str input, struct buf *out)
{
	struct simple simple = { .event = STR_EMPTY };
	size_t begin = str_starts(input, STR("\xef\xbb\xbf")) ? 3 : 0;

	buf_init(&simple.data, NULL, FRAME_MAX * 2);
	for (size_t i = begin; i < input.len; i++) {
		if (input.ptr[i] != '\n' && input.ptr[i] != '\r')
			continue;
		simple_line(&simple, str_slice(input, begin, i), out);
		i += input.ptr[i] == '\r' && i + 1 < input.len && input.ptr[i + 1] == '\n';
		begin = i + 1;
	}
	buf_fini(&simple.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf simply, pieces;
	struct str input;

	if (size < 1 || size > FRAME_MAX)
		return 0;
	input = str_n((const char *)data + 1, size - 1);
	buf_init(&simply, NULL, FRAME_MAX * 4);
	buf_init(&pieces, NULL, FRAME_MAX * 4);
	read_simply(input, &simply);
	read_in_pieces(input, data[0] + (size_t)1, &pieces);
	must(str_eq(buf_str(&simply), buf_str(&pieces)));
	buf_fini(&simply);
	buf_fini(&pieces);
	return 0;
}
