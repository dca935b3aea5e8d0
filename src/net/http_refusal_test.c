/*
 * http_refusal_test.c - requests that the HTTP server refuses: those that two servers could read in two ways, those that are wrong, and those that
 * are too much of something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/test_server.h"

static struct test_server server;

/* Gives back the body of a request to /echo, and names the path of others. */
static void
handle(struct http_exchange *exchange, void *arg)
{
	const struct err *err = NULL;
	struct str body = exchange->path;

	(void)arg;
	if (str_eq(exchange->path, STR("/echo")))
		err = http_body_read_all(exchange, MIB(4), &body);
	if (err)
		http_answer(exchange, err_http_status(err), STR("text/plain"), err->message);
	else
		http_answer(exchange, 200, STR("text/plain"), body);
}

static int
set_up(void **state)
{
	struct http_limits limits = http_limits_default;

	(void)state;
	limits.line_max = 2048;
	limits.header_bytes_max = 8192;
	limits.header_count_max = 32;
	limits.header_timeout_us = 2 * USEC_PER_SEC;
	limits.body_max = MIB(2);
	test_server_start(&server, "127.0.0.1:0", 2, limits, handle, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	test_server_stop(&server, USEC_PER_SEC);
	return 0;
}

static void
assert_starts(struct str text, const char *prefix)
{
	if (!str_starts(text, str_of(prefix)))
		fail_msg("expected \"%s\", got: %" STR_F, prefix, STR_A(text));
}

static void
assert_has(struct str text, const char *needle)
{
	if (str_find(text, str_of(needle), 0) == SIZE_MAX)
		fail_msg("expected \"%s\" in: %" STR_F, needle, STR_A(text));
}

static int
count_of(struct str text, struct str needle)
{
	int count = 0;

	for (size_t at = 0; (at = str_find(text, needle, at)) != SIZE_MAX; at += needle.len)
		count++;
	return count;
}

#define HOST "Host: a\r\n"

/* Requests that two servers could read in two ways, or that are simply wrong. Each is refused, and nothing behind it is served. */
static const struct {
	const char *what, *request;
	int status;
} refused[] = {
	{ "length and chunked", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
	{ "chunked and length", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400 },
	{ "two lengths", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400 },
	{ "two equal lengths", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400 },
	{ "a list of lengths", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\na", 400 },
	{ "a length with a sign", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na", 400 },
	{ "a negative length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\na", 400 },
	{ "a hexadecimal length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\na", 400 },
	{ "an empty length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\n", 400 },
	{ "a length past 64 bits", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", 400 },
	{ "a length past 63 bits", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n", 400 },
	{ "gzip, chunked", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501 },
	{ "chunked twice", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		400 },
	{ "chunked, then identity", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400 },
	{ "a coding alike chunked", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501 },
	{ "a coding with a vertical tab",
		"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
		"chunked\r\n\r\n0\r\n\r\n",
		400 },
	{ "an empty coding", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: \r\n\r\n0\r\n\r\n", 501 },
	{ "chunked in HTTP/1.0", "POST /echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
	{ "a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
	{ "a blank before the colon of a length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length : 4\r\n\r\nabcd", 400 },
	{ "a folded header", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400 },
	{ "a folded coding", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400 },
	{ "a first header that is folded", "GET / HTTP/1.1\r\n X: a\r\n" HOST "\r\n", 400 },
	{ "a bare LF after the line", "GET / HTTP/1.1\n" HOST "\r\n", 505 },
	{ "a bare LF after a header", "GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n", 400 },
	{ "a bare LF at the end", "GET / HTTP/1.1\r\n" HOST "X: a\r\n\n", 400 },
	{ "a bare CR in a value", "GET / HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n", 400 },
	{ "a header without a colon", "GET / HTTP/1.1\r\n" HOST "nonsense\r\n\r\n", 400 },
	{ "a header without a name", "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400 },
	{ "a name with a blank", "GET / HTTP/1.1\r\n" HOST "a b: c\r\n\r\n", 400 },
	{ "a name with a control character", "GET / HTTP/1.1\r\n" HOST "a\x01: c\r\n\r\n", 400 },
	{ "a value with a control character", "GET / HTTP/1.1\r\n" HOST "a: \x01\r\n\r\n", 400 },
	{ "no host", "GET / HTTP/1.1\r\n\r\n", 400 },
	{ "two hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400 },
	{ "a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
	{ "a host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400 },
	{ "a list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400 },
	{ "another scheme", "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "a target with a user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "a target without a slash", "GET foo HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "a target with a fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "a target with a bad escape", "GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "a target with an escaped zero", "GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "two blanks before the version", "GET /  HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "a tab in the line", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 501 },
	{ "two blanks before the target", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "a line without a version", "GET /\r\n\r\n", 505 },
	{ "HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 505 },
	{ "HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
	{ "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
	{ "another protocol", "GET / ICE/1.0\r\n" HOST "\r\n", 400 },
	{ "an unknown method", "BREW / HTTP/1.1\r\n" HOST "\r\n", 501 },
	{ "a method in small letters", "get / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "CONNECT", "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", 501 },
	{ "the hello of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400 },
	{ "an unknown expectation", "GET / HTTP/1.1\r\n" HOST "Expect: miracles\r\n\r\n", 417 },
	{ "a chunk size that is none", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", 400 },
	{ "a chunk size with a prefix", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n", 400 },
	{ "a negative chunk size", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n", 400 },
	{ "a blank behind a chunk size", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2 \r\nab\r\n0\r\n\r\n", 400 },
	{ "a chunk size past 64 bits",
		"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\nab\r\n0\r\n\r\n", 400 },
	{ "a chunk that ends with a bare LF", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\n0\r\n\r\n", 400 },
	{ "a chunk size that ends with a bare LF", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n",
		400 },
	{ "a chunk longer than its size", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n", 400 },
	{ "a bare LF in a chunk extension", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\nab\r\n0\r\n\r\n",
		400 },
};

static void
ambiguous_requests_are_refused(void **state)
{
	static const char next[] = "GET /smuggled HTTP/1.1\r\n" HOST "\r\n";
	char request[512], status[32];
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct str text;

		snprintf(request, sizeof(request), "%s%s", refused[i].request, next);
		snprintf(status, sizeof(status), "HTTP/1.1 %d ", refused[i].status);
		text = test_talk(&server, str_of(request));
		if (!str_starts(text, str_of(status)) || count_of(text, STR("\r\nDate: ")) != 1 ||
			str_find(text, STR("Connection: close\r\n"), 0) == SIZE_MAX) {
			print_error("%s: expected one %d, got: %" STR_F "\n", refused[i].what, refused[i].status, STR_A(text));
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void
a_refusal_has_openai_s_shape(void **state)
{
	struct str text = test_talk(&server, STR("GET / HTTP/1.1\r\n\r\n"));

	(void)state;
	assert_has(text, "Content-Type: application/json\r\n");
	assert_has(text, "{\"error\":{\"message\":\"the request needs one valid Host "
			 "header\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}");
}

/* Sends `head`, then `part` again and again (up to 1 MiB), then `tail`. */
static struct str
talk_long(const char *head, const char *part, int times, const char *tail)
{
	int fd = test_connect(&server);
	struct str text;

	test_send(fd, str_of(head));
	for (int i = 0; i < times; i++)
		test_send(fd, str_of(part));
	test_send(fd, str_of(tail));
	text = test_read_to_end(fd, NULL);
	close(fd);
	return text;
}

static void
too_much_is_refused_with_its_own_status(void **state)
{
	(void)state;
	assert_starts(talk_long("GET /", "aaaaaaaaaaaaaaaa", 200, " HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 414 ");
	assert_starts(talk_long("GET /", "aaaaaaaaaaaaaaaa", 60000, ""), "HTTP/1.1 414 ");
	assert_starts(talk_long("GET / HTTP/1.1\r\n" HOST, "A: b\r\n", 40, "\r\n"), "HTTP/1.1 431 ");
	assert_starts(talk_long("GET / HTTP/1.1\r\n" HOST, "A: b\r\n", 100000, "\r\n"), "HTTP/1.1 431 ");
	assert_starts(talk_long("GET / HTTP/1.1\r\n" HOST "A: ", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 300, "\r\n\r\n"), "HTTP/1.1 431 ");
	assert_starts(talk_long("GET / HTTP/1.1\r\n" HOST, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 300, ": x\r\n\r\n"), "HTTP/1.1 431 ");
	assert_starts(talk_long("", "\r\n\r\n\r\n\r\n", 100000, ""), "HTTP/1.1 414 ");
	assert_starts(talk_long("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n", "aaaaaaaa", 1000, ""), "HTTP/1.1 413 ");
	assert_starts(talk_long("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n", "aaaaaaaa", 1000, ""), "HTTP/1.1 413 ");
	assert_starts(
		talk_long("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "8\r\naaaaaaaa\r\n", 300000, "0\r\n\r\n"),
		"HTTP/1.1 413 ");
	assert_starts(talk_long("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "00000000", 10000, "0\r\n\r\n"),
		"HTTP/1.1 400 ");
	assert_starts(
		talk_long("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", "aaaaaaaa", 10000, "\r\na\r\n0\r\n\r\n"),
		"HTTP/1.1 400 ");
	assert_starts(talk_long("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n", "T: aaaaaaaa\r\n", 10000, "\r\n"),
		"HTTP/1.1 400 ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ambiguous_requests_are_refused),
		cmocka_unit_test(a_refusal_has_openai_s_shape),
		cmocka_unit_test(too_much_is_refused_with_its_own_status),
	};

	return cmocka_run_group_tests_name("http_refusal", tests, set_up, tear_down);
}
