/*
 * eventstream_test.c - AWS event streams: the published example, messages in pieces, and damage of every kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <stdlib.h>

#include "base/random.h"
#include "net/eventstream.h"

enum { MESSAGE_MAX = 4096 };

static uint32_t
crc32_slow(const unsigned char *bytes, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void
put_number(struct buf *out, uint32_t number, int size)
{
	while (size-- > 0)
		buf_add_byte(out, (char)(number >> (8 * size)));
}

static void
put_text_header(struct buf *out, const char *name, const char *value)
{
	put_number(out, (uint32_t)strlen(name), 1);
	buf_add(out, str_of(name));
	put_number(out, 7, 1);
	put_number(out, (uint32_t)strlen(value), 2);
	buf_add(out, str_of(value));
}

static void
put_message(struct buf *out, struct str headers, struct str payload)
{
	size_t begin = out->len;

	put_number(out, (uint32_t)(16 + headers.len + payload.len), 4);
	put_number(out, (uint32_t)headers.len, 4);
	put_number(out, crc32_slow((unsigned char *)out->ptr + begin, 8), 4);
	buf_add(out, headers);
	buf_add(out, payload);
	put_number(out, crc32_slow((unsigned char *)out->ptr + begin, out->len - begin), 4);
}

static void
put_event(struct buf *out, const char *kind, const char *type_header, const char *type, const char *payload)
{
	struct buf headers;

	buf_init(&headers, NULL, 1024);
	put_text_header(&headers, type_header, type);
	put_text_header(&headers, ":content-type", "application/json");
	put_text_header(&headers, ":message-type", kind);
	put_message(out, buf_str(&headers), str_of(payload));
	buf_fini(&headers);
}

/* The published test vector "payload_no_headers" of the AWS event stream test suite: prelude and message checksums by others than us. */
static void
the_published_checksums_are_ours(void **state)
{
	static const unsigned char vector[] = { 0x00, 0x00, 0x00, 0x1d, 0x00, 0x00, 0x00, 0x00, 0xfd, 0x52, 0x8c, 0x5a, 0x7b, 0x27, 0x66, 0x6f, 0x6f, 0x27, 0x3a, 0x27, 0x62, 0x61, 0x72,
		0x27, 0x7d, 0xc3, 0x65, 0x39, 0x36 };
	struct eventstream_message message;
	struct eventstream stream;

	(void)state;
	eventstream_init(&stream, MESSAGE_MAX);
	assert_null(eventstream_feed(&stream, str_n((const char *)vector, sizeof(vector))));
	assert_false(eventstream_next(&stream, &message));
	assert_string_equal(stream.broken, "a message has no type"); /* it got that far: both checksums are right */
	eventstream_fini(&stream);
}

static void
messages_come_out_whatever_the_pieces(void **state)
{
	struct buf bytes;

	(void)state;
	buf_init(&bytes, NULL, MIB(1));
	put_event(&bytes, "event", ":event-type", "messageStart", "{\"role\":\"assistant\"}");
	put_event(&bytes, "exception", ":exception-type", "throttlingException", "{\"message\":\"slow\"}");
	for (size_t step = 1; step <= bytes.len; step++) {
		struct eventstream_message message;
		struct eventstream stream;
		unsigned seen = 0;

		eventstream_init(&stream, MESSAGE_MAX);
		for (size_t at = 0; at < bytes.len; at += step) {
			assert_null(eventstream_feed(&stream, str_slice(buf_str(&bytes), at, at + step)));
			while (eventstream_next(&stream, &message)) {
				assert_true(message.event == (seen == 0));
				assert_true(str_eq_c(message.name, seen == 0 ? "messageStart" : "throttlingException"));
				assert_true(str_eq_c(message.payload, seen == 0 ? "{\"role\":\"assistant\"}" : "{\"message\":\"slow\"}"));
				seen++;
			}
		}
		assert_null(stream.broken);
		assert_int_equal(seen, 2);
		eventstream_fini(&stream);
	}
	buf_fini(&bytes);
}

static void
an_error_has_its_code_and_message_in_headers(void **state)
{
	struct eventstream_message message;
	struct eventstream stream;
	struct buf headers, bytes;

	(void)state;
	buf_init(&headers, NULL, 1024);
	buf_init(&bytes, NULL, 1024);
	put_text_header(&headers, ":message-type", "error");
	put_text_header(&headers, ":error-code", "InternalFailure");
	put_text_header(&headers, ":error-message", "no luck");
	put_message(&bytes, buf_str(&headers), STR_EMPTY);
	eventstream_init(&stream, MESSAGE_MAX);
	assert_null(eventstream_feed(&stream, buf_str(&bytes)));
	assert_true(eventstream_next(&stream, &message));
	assert_false(message.event);
	assert_true(str_eq_c(message.name, "InternalFailure") && str_eq_c(message.payload, "no luck"));
	eventstream_fini(&stream);
	buf_fini(&headers);
	buf_fini(&bytes);
}

/* Every single bit that is turned over is noticed. */
static void
no_damage_goes_unnoticed(void **state)
{
	struct buf bytes;

	(void)state;
	buf_init(&bytes, NULL, 4096);
	put_event(&bytes, "event", ":event-type", "contentBlockDelta", "{\"delta\":{\"text\":\"Hi\"}}");
	for (size_t bit = 0; bit < bytes.len * 8; bit++) {
		struct eventstream_message message;
		struct eventstream stream;

		bytes.ptr[bit / 8] = (char)(bytes.ptr[bit / 8] ^ (1 << (bit % 8)));
		eventstream_init(&stream, MESSAGE_MAX);
		assert_null(eventstream_feed(&stream, buf_str(&bytes)));
		assert_false(eventstream_next(&stream, &message));
		assert_non_null(stream.broken);
		assert_false(eventstream_next(&stream, &message)); /* for good */
		eventstream_fini(&stream);
		bytes.ptr[bit / 8] = (char)(bytes.ptr[bit / 8] ^ (1 << (bit % 8)));
	}
	buf_fini(&bytes);
}

static void
sizes_that_are_not_possible_are_refused(void **state)
{
	static const struct {
		uint32_t total, headers;
	} rows[] = { { 15, 0 }, { 16, 1 }, { 0, 0 }, { 0xffffffff, 0 }, { MESSAGE_MAX + 1, 0 }, { 100, 0xffffffff } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct eventstream_message message;
		struct eventstream stream;
		struct buf bytes;

		buf_init(&bytes, NULL, 1024);
		put_number(&bytes, rows[i].total, 4);
		put_number(&bytes, rows[i].headers, 4);
		put_number(&bytes, crc32_slow((unsigned char *)bytes.ptr, 8), 4);
		eventstream_init(&stream, MESSAGE_MAX);
		assert_null(eventstream_feed(&stream, buf_str(&bytes)));
		assert_false(eventstream_next(&stream, &message));
		assert_non_null(stream.broken);
		eventstream_fini(&stream);
		buf_fini(&bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_checksums_are_ours),
		cmocka_unit_test(messages_come_out_whatever_the_pieces),
		cmocka_unit_test(an_error_has_its_code_and_message_in_headers),
		cmocka_unit_test(no_damage_goes_unnoticed),
		cmocka_unit_test(sizes_that_are_not_possible_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
