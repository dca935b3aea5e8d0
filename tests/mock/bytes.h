/*
 * bytes.h - string views and growable byte buffers for the test tools.
 *
 * The mock upstream judges corbel's wire, so it shares no code with it: these few functions are all it stands on. A buffer never
 * fails: the tools bound what they read, and a machine that is out of memory ends them with a message.
 */
#ifndef MOCK_BYTES_H
#define MOCK_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })

/* A view of bytes that somebody else owns; not terminated. */
struct str {
	const char *ptr;
	size_t len;
};

/* A buffer that grows; all zero is an empty one. */
struct bytes {
	char *ptr;
	size_t len;
	size_t capacity;
};

bool str_equal(struct str a, struct str b);
bool str_equal_nocase(struct str a, struct str b);

/* Parses decimal digits that fill the whole view; false if there are none, others, or a value above INT64_MAX. */
bool str_number(struct str text, int64_t *out);

/* True if the whole view is valid UTF-8 (no overlong forms, no surrogates). */
bool str_is_utf8(struct str text);

struct str bytes_view(const struct bytes *bytes);
void bytes_add(struct bytes *bytes, struct str text);
void bytes_fmt(struct bytes *bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends `text` as the inside of a JSON string: quotes, backslashes and control characters escaped, all else as it is. */
void bytes_json(struct bytes *bytes, struct str text);

void bytes_base64(struct bytes *bytes, struct str data);

/* Makes room for `more` bytes behind the end and returns where they go; the caller adds what it wrote to `len`. */
char *bytes_reserve(struct bytes *bytes, size_t more);

/* Forgets the first `count` bytes. */
void bytes_drop(struct bytes *bytes, size_t count);

/* Empties the buffer, and gives its memory back when it holds more than `keep` bytes of it. */
void bytes_clear(struct bytes *bytes, size_t keep);
void bytes_free(struct bytes *bytes);

#endif
