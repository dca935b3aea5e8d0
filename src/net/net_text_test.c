/*
 * net_text_test.c - what of this room needs no socket: URLs, header rules, addresses, the reader of event streams.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/address.h"
#include "net/http.h"
#include "net/sse.h"

static void
assert_str(struct str got, const char *wanted)
{
	if (!str_eq_c(got, wanted))
		fail_msg("expected \"%s\", got \"%" STR_F "\"", wanted, STR_A(got));
}

static void
percent_encoding_is_undone(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct str out;

	(void)state;
	assert_true(url_decode(arena, STR("/a%20b%2Fc+d%C3%A9"), &out));
	assert_str(out, "/a b/c+d\xc3\xa9");
	assert_false(url_decode(arena, STR("%"), &out));
	assert_false(url_decode(arena, STR("%4"), &out));
	assert_false(url_decode(arena, STR("%4g"), &out));
	assert_false(url_decode(arena, STR("a%00b"), &out));
	assert_true(url_decode(arena, STR_EMPTY, &out));
	assert_int_equal(out.len, 0);
	arena_free(arena);
}

static void
encoding_and_decoding_give_back_every_byte_but_zero(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct str out, in;
	char all[255];
	struct buf buf;

	(void)state;
	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	in = str_n(all, sizeof(all));
	buf_init(&buf, arena, KIB(4));
	url_encode(&buf, in);
	assert_null(buf_err(&buf));
	assert_true(url_decode(arena, buf_str(&buf), &out));
	assert_true(str_eq(in, out));
	arena_free(arena);
}

static void
a_query_gives_its_values(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct str query = STR("a=1&b=x%20y+z&&c&d=&e%3D=f&a=2&bad=%zz");

	(void)state;
	assert_str(url_query_get(arena, query, STR("a")), "1");
	assert_str(url_query_get(arena, query, STR("b")), "x y z");
	assert_str(url_query_get(arena, query, STR("c")), "");
	assert_non_null(url_query_get(arena, query, STR("c")).ptr);
	assert_str(url_query_get(arena, query, STR("d")), "");
	assert_str(url_query_get(arena, query, STR("e=")), "f");
	assert_null(url_query_get(arena, query, STR("bad")).ptr);
	assert_null(url_query_get(arena, query, STR("nowhere")).ptr);
	arena_free(arena);
}

static void
header_names_and_values_are_judged(void **state)
{
	(void)state;
	assert_true(http_token_ok(STR("X-Request-Id")));
	assert_false(http_token_ok(STR_EMPTY));
	assert_false(http_token_ok(STR("a b")));
	assert_false(http_token_ok(STR("a:")));
	assert_false(http_token_ok(str_n("a\0", 2)));
	for (int c = 1; c < 256; c++) {
		bool token = (c < 128 && isalnum(c)) || strchr("!#$%&'*+-.^_`|~", c);

		assert_int_equal(http_token_ok(str_n((const char[]){ 'a', (char)c, 'b' }, 3)), token);
	}
	assert_true(http_value_ok(STR("a\tb \xc3\xa9")));
	assert_false(http_value_ok(STR("a\r\nSet-Cookie: b")));
	assert_false(http_value_ok(STR("a\nb")));
	assert_false(http_value_ok(str_n("a\0b", 3)));
	assert_false(http_value_ok(STR("\x7f")));
}

static void
addresses_are_read_and_written(void **state)
{
	static const char *const good[] = { "127.0.0.1:8080", "[::1]:0", "[2001:db8::1]:443", "unix:/tmp/s", "0.0.0.0:65535" };
	static const char *const bad[] = { "", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x",
		"1.2.3:80", "[::1:80", "[]:80", "example.org:80", "unix:" };
	struct address address;
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(address_parse(str_of(good[i]), &address));
		assert_str(address_text(&address, text), good[i]);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (address_parse(str_of(bad[i]), &address))
			fail_msg("\"%s\" was taken for an address", bad[i]);
	assert_true(address_parse(STR("localhost:1"), &address));
	assert_str(address_text(&address, text), "127.0.0.1:1");
}

static bool
is_public(const char *ip)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
		return address_is_public((struct sockaddr *)&v4);
	assert_int_equal(inet_pton(AF_INET6, ip, &v6.sin6_addr), 1);
	return address_is_public((struct sockaddr *)&v6);
}

static void
only_public_addresses_are_public(void **state)
{
	static const char *const open[] = { "8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.0.1.1",
		"223.255.255.255", "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:0808:0808::1",
		"2001:4860::1" };
	static const char *const closed[] = { "0.0.0.0", "0.1.2.3", "10.0.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1",
		"198.19.255.255", "198.51.100.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
		"fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
		"64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", "3fff::1", "fec0::1", "100::1" };

	(void)state;
	for (size_t i = 0; i < COUNT(open); i++)
		if (!is_public(open[i]))
			fail_msg("%s was taken for private", open[i]);
	for (size_t i = 0; i < COUNT(closed); i++)
		if (is_public(closed[i]))
			fail_msg("%s was taken for public", closed[i]);
}

/* Feeds `stream` in pieces of `step` bytes; writes every frame as "event|data;" to `out`. */
static void
read_stream(struct str stream, size_t step, struct buf *out)
{
	struct sse_reader reader;
	struct str event, data;

	sse_reader_init(&reader, NULL, KIB(4));
	for (size_t at = 0; at < stream.len; at += step) {
		assert_null(sse_reader_feed(&reader, str_slice(stream, at, at + step)));
		while (sse_reader_next(&reader, &event, &data))
			buf_printf(out, "%" STR_F "|%" STR_F ";", STR_A(event), STR_A(data));
	}
	sse_reader_fini(&reader);
}

static void
events_are_read_however_they_are_cut(void **state)
{
	static const struct {
		const char *stream, *frames;
	} cases[] = {
		{ "data: a\n\n", "|a;" },
		{ "data: a\r\n\r\ndata: b\r\n\r\n", "|a;|b;" },
		{ "data: a\r\rdata: b\r\r", "|a;|b;" },
		{ "data: a\r\n\ndata: b\n\r\n", "|a;|b;" },
		{ "\xef\xbb\xbf"
		  "data: a\n\n",
			"|a;" },
		{ "data: a\n\n\xef\xbb\xbf"
		  "data: b\n\n",
			"|a;" },
		{ ": comment\n\ndata: a\n\n", "|a;" },
		{ "event: x\ndata: a\n\nevent: y\n\ndata: b\n\n", "x|a;|b;" },
		{ "data: a\ndata: b\ndata\ndata:\n\n", "|a\nb\n\n;" },
		{ "data:a\ndata:  b\n\n", "|a\n b;" },
		{ "id: 1\nretry: 2\nother: 3\ndata: a\n\n", "|a;" },
		{ "event: x\nevent: y\ndata: a\n\n", "y|a;" },
		{ "data\n\n", "|;" },
		{ "data: [DONE]\n\ndata: cut off", "|[DONE];" },
		{ "data: cut off\n", "" },
		{ "\n\n\n\ndata: a\n\n\n\n", "|a;" },
		{ "dataa: x\ndat: y\n\n", "" },
		{ "data: a:b: c\n\n", "|a:b: c;" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, NULL, KIB(64));
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t step = 1; step <= 20; step++) {
			buf_clear(&out);
			read_stream(str_of(cases[i].stream), step, &out);
			if (!str_eq_c(buf_str(&out), cases[i].frames))
				fail_msg("case %zu in pieces of %zu: expected \"%s\", got \"%" STR_F "\"", i, step, cases[i].frames,
					STR_A(buf_str(&out)));
		}
	}
	buf_fini(&out);
}

static void
an_event_without_end_is_refused(void **state)
{
	struct sse_reader reader;
	struct str event, data;
	const struct err *err = NULL;
	int pieces = 0;

	(void)state;
	sse_reader_init(&reader, NULL, KIB(4));
	for (; !err && pieces < 1000; pieces++) {
		err = sse_reader_feed(&reader, STR("data: 0123456789\n"));
		assert_false(sse_reader_next(&reader, &event, &data));
	}
	assert_non_null(err);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
	assert_true(pieces * 17 > 4096 && pieces * 17 < 4096 + 64);
	sse_reader_fini(&reader);
}

static void
dates_are_read_in_their_three_forms(void **state)
{
	static const char *const good[] = { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", " Sun, 06 Nov 1994 08:49:37 GMT " };
	static const char *const bad[] = { "", "7", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x", "Sun, 06 Nov 1994 08:49:37 UTC", "Xyz, 06 Nov 1994 08:49:37 GMT" };
	int64_t at;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(http_date_parse(str_of(good[i]), &at));
		assert_int_equal(at, INT64_C(784111777) * 1000000);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (http_date_parse(str_of(bad[i]), &at))
			fail_msg("\"%s\" was taken for a date", bad[i]);
	assert_true(http_date_parse(STR("Thu, 29 Feb 2024 23:59:60 GMT"), &at));
	assert_int_equal(at, INT64_C(1709251200) * 1000000);
	assert_true(http_date_parse(STR("Thu, 01 Jan 1970 00:00:00 GMT"), &at));
	assert_int_equal(at, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percent_encoding_is_undone),
		cmocka_unit_test(encoding_and_decoding_give_back_every_byte_but_zero),
		cmocka_unit_test(a_query_gives_its_values),
		cmocka_unit_test(header_names_and_values_are_judged),
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(only_public_addresses_are_public),
		cmocka_unit_test(events_are_read_however_they_are_cut),
		cmocka_unit_test(an_event_without_end_is_refused),
		cmocka_unit_test(dates_are_read_in_their_three_forms),
	};

	return cmocka_run_group_tests_name("net_text", tests, NULL, NULL);
}
