/*
 * http_client_test.c - the HTTP client against our own server, and against a server that breaks every rule: all of it over the lane, and all of it over libcurl.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/sse.h"
#include "net/test_client.h"
#include "rt/fiber.h"
#include "rt/group.h"

static struct test_server server;
static atomic_int cancelled;
static atomic_long written;
static char base[80];

static void
stream_for_ever(struct http_exchange *exchange)
{
	static char block[16 * 1024];
	const struct err *err = http_answer_begin(exchange, 200, STR("application/octet-stream"));

	atomic_store(&written, 0);
	while (!err) {
		err = http_answer_write(exchange, str_n(block, sizeof(block)));
		atomic_fetch_add(&written, (long)sizeof(block));
	}
}

static void
wait_for_ever(struct http_exchange *exchange)
{
	const struct err *err = fiber_sleep_us(60 * USEC_PER_SEC);

	(void)exchange;
	if (err && err->kind == ERR_CANCELLED)
		atomic_fetch_add(&cancelled, 1);
}

static void
send_events(struct http_exchange *exchange)
{
	struct sse_writer *writer;

	if (sse_open(exchange, 50 * USEC_PER_MS, &writer))
		return;
	sse_send(writer, STR("greeting"), STR("hello"));
	fiber_sleep_us(300 * USEC_PER_MS);
	sse_send(writer, STR_EMPTY, STR("two\r\nlines\n"));
	sse_end(writer, STR("data: [DONE]\n\n"));
}

static void
echo(struct http_exchange *exchange)
{
	struct str body, type = http_header_get(&exchange->headers, STR("content-type"));

	if (http_body_read_all(exchange, MIB(64), &body))
		return;
	http_answer_header(exchange, STR("X-Method"), exchange->method_text);
	http_answer_header(exchange, STR("X-Type"), type.ptr ? type : STR("none"));
	http_answer_header(exchange, STR("X-Empty"), STR_EMPTY);
	http_answer(exchange, 201, STR("text/plain"), body);
}

static void
handle(struct http_exchange *exchange, void *arg)
{
	(void)arg;
	if (str_eq(exchange->path, STR("/ever")))
		stream_for_ever(exchange);
	else if (str_eq(exchange->path, STR("/wait")))
		wait_for_ever(exchange);
	else if (str_eq(exchange->path, STR("/events")))
		send_events(exchange);
	else
		echo(exchange);
}

static int
set_up(void **state)
{
	(void)state;
	test_server_start(&server, "127.0.0.1:0", 2, http_limits_default, handle, NULL);
	test_client_server = &server;
	snprintf(base, sizeof(base), "http://%" STR_F, STR_A(http_server_address(server.http)));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	test_server_stop(&server, USEC_PER_SEC);
	return 0;
}

static struct str
url(const char *path)
{
	static char text[200];

	snprintf(text, sizeof(text), "%s%s", base, path);
	return str_of(text);
}

static void
every_method_and_body_arrives(void **state)
{
	static const enum http_method methods[] = { HTTP_POST, HTTP_GET, HTTP_PUT, HTTP_HEAD, HTTP_DELETE, HTTP_PATCH, HTTP_GET,
		HTTP_OPTIONS, HTTP_POST };

	(void)state;
	for (size_t i = 0; i < COUNT(methods); i++) {
		bool typed = methods[i] == HTTP_PUT,
		     empty = methods[i] == HTTP_GET || methods[i] == HTTP_HEAD || methods[i] == HTTP_OPTIONS;
		struct http_header headers[] = { { STR("Content-Type"), STR("application/x") }, { STR("X-None"), STR_EMPTY } };
		struct outcome outcome = test_call_spec((struct http_call_spec){ .method = methods[i],
			.url = url("/echo"),
			.body = empty ? STR_EMPTY : STR("body\n"),
			.headers = { headers, typed ? 2 : 0 } });

		assert_null(outcome.open_err);
		assert_null(outcome.read_err);
		assert_int_equal(outcome.status, 201);
		assert_true(str_eq_c(http_header_get(&outcome.headers, STR("x-method")), http_method_name(methods[i])));
		assert_true(str_eq_c(http_header_get(&outcome.headers, STR("x-type")), typed ? "application/x" : "none"));
		assert_true(str_eq_c(outcome.body, empty ? "" : "body\n"));
		arena_free(outcome.arena);
	}
}

static void
a_large_body_goes_there_and_back(void **state)
{
	size_t size = MIB(20);
	char *bytes = malloc(size);
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 31 >> 3);
	outcome = test_call_spec((struct http_call_spec){ .method = HTTP_POST, .url = url("/echo"), .body = str_n(bytes, size) });
	assert_null(outcome.open_err);
	assert_null(outcome.read_err);
	assert_true(str_eq(outcome.body, str_n(bytes, size)));
	arena_free(outcome.arena);
	free(bytes);
}

static void
a_connection_is_used_again(void **state)
{
	struct outcome outcome;

	(void)state;
	for (int i = 0; i < 50; i++) {
		outcome = test_call_spec((struct http_call_spec){ .url = url("/echo") });
		assert_null(outcome.open_err);
		arena_free(outcome.arena);
	}
	assert_true(http_server_connections(server.http) <= 3);
}

static void
a_kept_connection_that_the_server_closed_is_not_a_failure(void **state)
{
	struct broken broken = { .says = STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") };

	(void)state;
	broken_start(&broken);
	for (int i = 0; i < 5; i++) {
		struct outcome outcome = test_call_spec((struct http_call_spec){ .method = HTTP_POST, .url = str_of(broken.url), .body = STR("x") });

		assert_null(outcome.open_err);
		assert_true(str_eq_c(outcome.body, "ok"));
		arena_free(outcome.arena);
		if (i % 2)
			nanosleep(&(struct timespec){ .tv_nsec = 20 * 1000 * 1000 }, NULL);
	}
	broken_stop(&broken);
}

static void
calls_that_cannot_connect_are_unavailable(void **state)
{
	struct broken broken = { 0 };
	struct outcome outcome;

	(void)state;
	broken_start(&broken);
	broken_stop(&broken); /* its port is free now */
	outcome = test_call_spec((struct http_call_spec){ .url = str_of(broken.url) });
	assert_kind(outcome.open_err, ERR_UNAVAILABLE);
	arena_free(outcome.arena);
	outcome = test_call_spec((struct http_call_spec){ .url = STR("http://name.invalid/") });
	assert_kind(outcome.open_err, ERR_UNAVAILABLE);
	arena_free(outcome.arena);
	outcome = test_call_spec((struct http_call_spec){ .url = STR("https://127.0.0.1:1/") });
	assert_kind(outcome.open_err, ERR_UNAVAILABLE);
	arena_free(outcome.arena);
}

static void
wrong_specs_are_invalid(void **state)
{
	static const struct http_header bad[] = { { STR_INIT("X"), STR_INIT("a\r\nY: b") }, { STR_INIT("X: y"), STR_INIT("a") },
		{ STR_INIT("X"), { "a\0b", 3 } } };
	static const char *const urls[] = { "", "file:///etc/passwd", "ftp://a/", "http://", "http://a:b:c/", "http://[::1/",
		"gopher://a" };
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct http_header header = bad[i];

		outcome = test_call_spec((struct http_call_spec){ .url = url("/echo"), .headers = { &header, 1 } });
		assert_kind(outcome.open_err, ERR_INVALID);
		arena_free(outcome.arena);
	}
	for (size_t i = 0; i < COUNT(urls); i++) {
		outcome = test_call_spec((struct http_call_spec){ .url = str_of(urls[i]) });
		assert_kind(outcome.open_err, ERR_INVALID);
		arena_free(outcome.arena);
	}
}

/* What is no answer at all is an error of opening; what breaks off later, of reading. */
static void
broken_answers_are_upstream_errors(void **state)
{
	static const struct {
		const char *what, *says;
		bool resets, opens;
	} cases[] = {
		{ "nothing", "", false, false },
		{ "a reset", "", true, false },
		{ "another protocol", "SSH-2.0-x\r\n", false, false },
		{ "half a head", "HTTP/1.1 200 OK\r\nContent-", false, false },
		{ "a length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false,
			false },
		{ "a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc", false, false },
		{ "a status that is none", "HTTP/1.1 abc OK\r\nContent-Length: 3\r\n\r\nabc", false, false },
		{ "two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", false, false },
		{ "a short body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", false, true },
		{ "a short body and a reset", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true, true },
		{ "half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nabc", false, true },
		{ "no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false, true },
		{ "a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", false, true },
		{ "bytes that are not gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct broken broken = { .says = str_of(cases[i].says), .resets = cases[i].resets };
		struct outcome outcome = test_call_broken(&broken);
		const struct err *err = cases[i].opens ? outcome.read_err : outcome.open_err;

		if (!err || err->kind != ERR_UPSTREAM)
			fail_msg("%s: expected an upstream error, got %s", cases[i].what, err ? err_kind_name(err->kind) : "none");
		arena_free(outcome.arena);
	}
}

static void
a_body_may_end_with_the_connection(void **state)
{
	struct broken broken = { .says = STR("HTTP/1.0 200 OK\r\n\r\nall of it") };
	struct outcome outcome = test_call_broken(&broken);

	(void)state;
	assert_null(outcome.read_err);
	assert_true(str_eq_c(outcome.body, "all of it"));
	arena_free(outcome.arena);
}

static void
interim_answers_are_passed_over(void **state)
{
	struct broken broken = {
		.says = STR("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 Not Found\r\nA:  b \r\nContent-Length: 2\r\n\r\nno")
	};
	struct outcome outcome = test_call_broken(&broken);

	(void)state;
	assert_int_equal(outcome.status, 404);
	assert_null(http_header_get(&outcome.headers, STR("link")).ptr);
	assert_true(str_eq_c(http_header_get(&outcome.headers, STR("a")), "b"));
	assert_true(str_eq_c(outcome.body, "no"));
	arena_free(outcome.arena);
}

static void
a_compressed_body_is_decoded(void **state)
{
	static const unsigned char gzip[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9,
		0x57, 0xc8, 0x40, 0x90, 0x00, 0x80, 0x88, 0xf9, 0xe5, 0x11, 0x00, 0x00, 0x00 };
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
	char bytes[sizeof(head) + sizeof(gzip)];
	struct broken broken = { .says = str_n(bytes, sizeof(head) - 1 + sizeof(gzip)) };
	struct outcome outcome;

	(void)state;
	memcpy(bytes, head, sizeof(head) - 1);
	memcpy(bytes + sizeof(head) - 1, gzip, sizeof(gzip));
	outcome = test_call_broken(&broken);
	assert_null(outcome.read_err);
	assert_true(str_eq_c(outcome.body, "hello hello hello"));
	arena_free(outcome.arena);
}

static void
answers_that_are_too_large_are_refused(void **state)
{
	struct broken long_body = { .says = STR("HTTP/1.1 200 OK\r\n\r\n"), .junk = MIB(2) },
		      long_head = { .says = STR("HTTP/1.1 200 OK\r\nX: "), .junk = MIB(1) };
	struct outcome outcome;

	(void)state;
	broken_start(&long_body);
	outcome = test_call_spec((struct http_call_spec){ .url = str_of(long_body.url), .body_max = MIB(1) });
	broken_stop(&long_body);
	assert_kind(outcome.read_err, ERR_TOO_LARGE);
	assert_true(outcome.body.len <= MIB(1));
	arena_free(outcome.arena);
	outcome = test_call_broken(&long_head);
	assert_kind(outcome.open_err, ERR_UPSTREAM);
	arena_free(outcome.arena);
}

static void
slow_headers_and_bodies_time_out(void **state)
{
	struct broken slow = { .says = STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"), .stays = true }, mute = { .stays = true };
	struct outcome outcome;
	int64_t begin;

	(void)state;
	broken_start(&mute);
	begin = clock_mono_us();
	outcome = test_call_spec((struct http_call_spec){ .url = str_of(mute.url), .headers_timeout_us = 100 * USEC_PER_MS });
	assert_kind(outcome.open_err, ERR_TIMEOUT);
	assert_in_range(clock_mono_us() - begin, 90 * USEC_PER_MS, 1000 * USEC_PER_MS);
	arena_free(outcome.arena);
	broken_stop(&mute);
	broken_start(&slow);
	outcome = test_call_spec((struct http_call_spec){ .url = str_of(slow.url), .idle_timeout_us = 100 * USEC_PER_MS });
	assert_null(outcome.open_err);
	assert_true(str_eq_c(outcome.body, "a"));
	assert_kind(outcome.read_err, ERR_TIMEOUT);
	arena_free(outcome.arena);
	broken_stop(&slow);
}

static void
a_cancelled_call_is_gone_at_once(void **state)
{
	struct outcome outcome = { .spec = { .url = url("/wait") }, .arena = arena_new(MIB(1)), .cancel_us = 100 * USEC_PER_MS };
	int before = atomic_load(&cancelled);
	int64_t begin = clock_mono_us();

	(void)state;
	test_call(&outcome);
	assert_kind(outcome.open_err, ERR_TIMEOUT);
	while (atomic_load(&cancelled) == before && clock_mono_us() - begin < 2 * USEC_PER_SEC)
		nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
	assert_int_equal(atomic_load(&cancelled), before + 1);
	assert_true(clock_mono_us() - begin < USEC_PER_SEC); /* it would wait for a minute */
	arena_free(outcome.arena);
}

static void
a_stream_that_is_closed_early_ends_upstream(void **state)
{
	struct broken broken = { .says = STR("HTTP/1.1 200 OK\r\n\r\ndata: x\n\n"), .stays = true };
	struct outcome outcome = { .arena = arena_new(MIB(1)), .read_max = 1 };

	(void)state;
	broken_start(&broken);
	outcome.spec.url = str_of(broken.url);
	test_call(&outcome);
	while (atomic_load(&broken.left) == 0 && clock_mono_us() - outcome.closed_us < USEC_PER_SEC)
		nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
	broken_stop(&broken);
	assert_null(outcome.read_err);
	assert_true(broken.left_us - outcome.closed_us < 50 * USEC_PER_MS);
	arena_free(outcome.arena);
}

static void
slow_reader(void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	struct http_call_spec spec = { .url = url("/ever"), .body_max = MIB(512), .http2 = test_client_curl };
	struct http_call *call;
	struct str piece;
	long *total = arg;

	if (!http_call_open(arena, &spec, &call)) {
		http_call_read(call, &piece);
		fiber_sleep_us(300 * USEC_PER_MS);
		*total = atomic_load(&written);
		for (size_t read = 0; read < MIB(32) && !http_call_read(call, &piece) && piece.len > 0;)
			read += piece.len;
		http_call_close(call);
	}
	arena_free(arena);
}

static void
a_reader_that_waits_stops_the_sender(void **state)
{
	long total = 0;

	(void)state;
	test_server_run(&server, slow_reader, &total);
	assert_in_range(total, 1, (long)MIB(16)); /* what the kernel's buffers take */
	assert_true(atomic_load(&written) >= (long)MIB(32));
}

static void
addresses_that_are_not_public_are_forbidden(void **state)
{
	struct outcome outcome;

	(void)state;
	outcome = test_call_spec((struct http_call_spec){ .url = url("/echo") }); /* leaves a connection that must not be used */
	assert_null(outcome.open_err);
	arena_free(outcome.arena);
	outcome = test_call_spec((struct http_call_spec){ .url = url("/echo"), .public_only = true });
	assert_kind(outcome.open_err, ERR_FORBIDDEN);
	arena_free(outcome.arena);
	outcome = test_call_spec((struct http_call_spec){ .url = STR("http://localhost:1/"), .public_only = true });
	assert_kind(outcome.open_err, ERR_FORBIDDEN);
	arena_free(outcome.arena);
}

static void
the_environment_s_proxy_is_not_asked(void **state)
{
	struct outcome outcome;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	outcome = test_call_spec((struct http_call_spec){ .url = url("/echo") });
	unsetenv("http_proxy");
	assert_null(outcome.open_err);
	arena_free(outcome.arena);
}

static void
events_arrive_with_heartbeats_between(void **state)
{
	struct outcome outcome = test_call_spec((struct http_call_spec){ .url = url("/events") });
	int beats = 0;

	(void)state;
	assert_null(outcome.open_err);
	assert_null(outcome.read_err);
	assert_true(str_eq_c(http_header_get(&outcome.headers, STR("content-type")), "text/event-stream; charset=utf-8"));
	assert_true(str_starts(outcome.body, STR("event: greeting\ndata: hello\n\n: \n\n")));
	assert_true(str_ends(outcome.body, STR("data: two\ndata: lines\ndata: \n\ndata: [DONE]\n\n")));
	for (size_t at = 0; (at = str_find(outcome.body, STR(": \n\n"), at)) != SIZE_MAX; at += 4)
		beats++;
	assert_in_range(beats, 4, 8); /* the last is the end of "data: \n\n" */
	arena_free(outcome.arena);
}

static const struct err *
one_of_many(void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	struct http_call_spec spec = { .method = HTTP_POST, .url = str_of(arg), .body = STR("x"), .http2 = test_client_curl };
	struct http_call *call;
	struct str body;
	const struct err *err = NULL;

	for (int i = 0; i < 20 && !err; i++) {
		err = http_call_open(arena, &spec, &call);
		if (err)
			break;
		err = http_call_read_all(call, arena, 10, &body);
		if (!err && !str_eq_c(body, "x"))
			err = &err_internal;
		http_call_close(call);
	}
	arena_free(arena);
	return err ? &err_internal : NULL;
}

static void
many_calls(void *arg)
{
	struct group group;
	char text[100];

	snprintf(text, sizeof(text), "%s/echo", base);
	group_open(&group);
	for (int i = 0; i < 200; i++)
		group_go(&group, "call", one_of_many, text);
	*(const struct err **)arg = group_wait(&group);
}

static void
many_calls_at_once_all_succeed(void **state)
{
	const struct err *err = &err_internal;

	(void)state;
	test_server_run(&server, many_calls, &err);
	assert_null(err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_and_body_arrives),
		cmocka_unit_test(a_large_body_goes_there_and_back),
		cmocka_unit_test(a_connection_is_used_again),
		cmocka_unit_test(a_kept_connection_that_the_server_closed_is_not_a_failure),
		cmocka_unit_test(calls_that_cannot_connect_are_unavailable),
		cmocka_unit_test(wrong_specs_are_invalid),
		cmocka_unit_test(broken_answers_are_upstream_errors),
		cmocka_unit_test(a_body_may_end_with_the_connection),
		cmocka_unit_test(interim_answers_are_passed_over),
		cmocka_unit_test(a_compressed_body_is_decoded),
		cmocka_unit_test(answers_that_are_too_large_are_refused),
		cmocka_unit_test(slow_headers_and_bodies_time_out),
		cmocka_unit_test(a_cancelled_call_is_gone_at_once),
		cmocka_unit_test(a_stream_that_is_closed_early_ends_upstream),
		cmocka_unit_test(a_reader_that_waits_stops_the_sender),
		cmocka_unit_test(addresses_that_are_not_public_are_forbidden),
		cmocka_unit_test(the_environment_s_proxy_is_not_asked),
		cmocka_unit_test(events_arrive_with_heartbeats_between),
		cmocka_unit_test(many_calls_at_once_all_succeed),
	};

	int failed = cmocka_run_group_tests_name("over the lane", tests, set_up, tear_down);

	test_client_curl = true;
	return failed + cmocka_run_group_tests_name("over libcurl", tests, set_up, tear_down);
}
