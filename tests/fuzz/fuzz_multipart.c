/*
 * fuzz_multipart.c - strangers' form bodies: cut into single bytes they read as they do in one piece.
 */
#include <stdlib.h>

#include "net/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* A line with the Content-Type comes first, then the body. */
static bool
read_all(struct arena *arena, struct str type, struct str body, size_t cut, struct buf *out)
{
	struct multipart multipart;
	struct multipart_event event = { .kind = MULTIPART_MORE };
	const struct err *err = multipart_init(&multipart, arena, type);

	buf_init(out, arena, MIB(4));
	for (size_t at = 0; !err && at < body.len && event.kind != MULTIPART_DONE; at += cut) {
		err = multipart_feed(&multipart, str_slice(body, at, at + cut));
		event.kind = MULTIPART_PART;
		while (!err && event.kind != MULTIPART_MORE && event.kind != MULTIPART_DONE) {
			err = multipart_next(&multipart, &event);
			if (!err && event.kind == MULTIPART_PART)
				buf_printf(out, "\n%zu,%zu,%zu:", event.name.len, event.filename.len, event.content_type.len);
			if (!err && event.kind == MULTIPART_DATA)
				buf_add(out, event.data);
		}
	}
	require(!err || ((err->kind == ERR_INVALID || err->kind == ERR_UNSUPPORTED || err->kind == ERR_TOO_LARGE) && err->message.len));
	return !err && !multipart_end(&multipart);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(MIB(32));
	struct str text = str_slice(str_n((const char *)data, size), 0, KIB(128));
	size_t line = str_find_byte(text, '\n', 0);
	struct str type = str_slice(text, 0, line), body = str_slice(text, line == SIZE_MAX ? text.len : line + 1, text.len);
	struct buf whole, cut;

	if (read_all(arena, type, body, body.len + 1, &whole)) {
		require(read_all(arena, type, body, 1, &cut));
		require(str_eq(buf_str(&whole), buf_str(&cut)));
	} else {
		require(!read_all(arena, type, body, 1, &cut));
	}
	arena_free(arena);
	return 0;
}
