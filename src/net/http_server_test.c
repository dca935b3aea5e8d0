/*
 * http_server_test.c - the HTTP server, spoken to in raw bytes by clients that are slow, wrong or hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/sse.h"
#include "net/test_server.h"
#include "rt/fiber.h"

static struct test_server server;
static atomic_int cancelled, served, finished;

static void
answer_body(struct http_exchange *exchange)
{
	struct str body;
	const struct err *err = http_body_read_all(exchange, MIB(4), &body);

	if (err)
		http_answer(exchange, err->kind == ERR_TIMEOUT ? 408 : err_http_status(err), STR("text/plain"), err->message);
	else
		http_answer(exchange, 200, STR("text/plain"), body);
}

static void
answer_pieces(struct http_exchange *exchange)
{
	struct str piece;
	size_t total = 0;
	char text[64];

	do {
		if (http_body_read(exchange, &piece))
			return;
		total += piece.len;
	} while (piece.len > 0);
	snprintf(text, sizeof(text), "%zu bytes", total);
	http_answer(exchange, 200, STR("text/plain"), str_of(text));
}

static void
answer_stream(struct http_exchange *exchange)
{
	http_answer_begin(exchange, 200, STR("text/plain"));
	http_answer_write(exchange, STR("one,"));
	fiber_yield();
	http_answer_write(exchange, STR("two,"));
	http_answer_end(exchange, STR("three"));
}

static void
answer_events(struct http_exchange *exchange)
{
	struct sse_writer *writer;

	if (sse_open(exchange, 0, &writer))
		return;
	sse_gather(writer, STR_EMPTY, STR("1"));
	sse_gather(writer, STR("b"), STR("2"));
	sse_flush(writer);
	sse_flush(writer);
	sse_gather(writer, STR_EMPTY, STR("3"));
	sse_send(writer, STR_EMPTY, STR("4"));
	sse_gather(writer, STR_EMPTY, STR("5"));
	sse_end(writer, STR("data: 6\n\n"));
}

static void
answer_cut(struct http_exchange *exchange)
{
	http_answer_begin(exchange, 200, STR("text/plain"));
	http_answer_write(exchange, STR("half of it"));
	http_answer_abort(exchange);
}

static void
answer_long(struct http_exchange *exchange)
{
	static char block[64 * 1024];
	const struct err *err = http_answer_begin(exchange, 200, STR("application/octet-stream"));

	for (int i = 0; i < 256 && !err; i++)
		err = http_answer_write(exchange, str_n(block, sizeof(block)));
	if (!err)
		http_answer_end(exchange, STR_EMPTY);
	atomic_fetch_add(&finished, 1);
}

static void
wait_for_ever(struct http_exchange *exchange)
{
	const struct err *err = fiber_sleep_us(60 * USEC_PER_SEC);

	if (err && err->kind == ERR_CANCELLED)
		atomic_fetch_add(&cancelled, 1);
	http_answer(exchange, 503, STR("text/plain"), STR("waited in vain"));
}

static void
answer_what_was_asked(struct http_exchange *exchange)
{
	struct str agent = http_header_get(&exchange->headers, STR("x-test"));
	struct str text = arena_printf(exchange->arena, "%" STR_F "|%" STR_F "|%" STR_F "|%" STR_F "|%zu", STR_A(exchange->method_text),
		STR_A(exchange->path), STR_A(exchange->query), STR_A(agent), exchange->headers.count);

	http_answer(exchange, 200, STR("text/plain"), text);
}

static void
answer_slowly(struct http_exchange *exchange)
{
	fiber_sleep_us(200 * USEC_PER_MS);
	http_answer(exchange, 200, STR("text/plain"), STR("at last"));
}

static void
handle(struct http_exchange *exchange, void *arg)
{
	static const struct {
		struct str path;
		void (*fn)(struct http_exchange *exchange);
	} routes[] = {
		{ STR_INIT("/echo"), answer_body },
		{ STR_INIT("/pieces"), answer_pieces },
		{ STR_INIT("/stream"), answer_stream },
		{ STR_INIT("/events"), answer_events },
		{ STR_INIT("/cut"), answer_cut },
		{ STR_INIT("/long"), answer_long },
		{ STR_INIT("/wait"), wait_for_ever },
		{ STR_INIT("/slow"), answer_slowly },
	};

	(void)arg;
	atomic_fetch_add(&served, 1);
	for (size_t i = 0; i < COUNT(routes); i++) {
		if (str_eq(exchange->path, routes[i].path)) {
			routes[i].fn(exchange);
			return;
		}
	}
	if (str_eq(exchange->path, STR("/nothing")))
		return;
	if (str_eq(exchange->path, STR("/empty")))
		http_answer(exchange, 204, STR_EMPTY, STR_EMPTY);
	else
		answer_what_was_asked(exchange);
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

static void
assert_has_not(struct str text, const char *needle)
{
	if (str_find(text, str_of(needle), 0) != SIZE_MAX)
		fail_msg("did not expect \"%s\" in: %" STR_F, needle, STR_A(text));
}

static int
count_of(struct str text, struct str needle)
{
	int count = 0;

	for (size_t at = 0; (at = str_find(text, needle, at)) != SIZE_MAX; at += needle.len)
		count++;
	return count;
}

/* Waits up to 5 s for what another thread does. */
static void
assert_becomes(atomic_int *value, int wanted)
{
	for (int i = 0; i < 500 && atomic_load(value) != wanted; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
	assert_int_equal(atomic_load(value), wanted);
}

static struct http_limits
test_limits(void)
{
	struct http_limits limits = http_limits_default;

	limits.line_max = 2048;
	limits.header_bytes_max = 8192;
	limits.header_count_max = 32;
	limits.header_timeout_us = 300 * USEC_PER_MS;
	limits.body_idle_timeout_us = 300 * USEC_PER_MS;
	limits.idle_timeout_us = 1500 * USEC_PER_MS;
	limits.write_timeout_us = 500 * USEC_PER_MS;
	limits.body_max = MIB(2);
	return limits;
}

static int
set_up(void **state)
{
	(void)state;
	test_server_start(&server, "127.0.0.1:0", 2, test_limits(), handle, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	test_server_stop(&server, USEC_PER_SEC);
	return 0;
}

#define HOST "Host: a\r\n"
#define END "Connection: close\r\n\r\n"

static void
a_request_is_described(void **state)
{
	struct str text = test_talk(&server, STR("GET /a%20b/c?q=1&r=%2F HTTP/1.1\r\n" HOST "X-Test:  v w \t\r\n" END));

	(void)state;
	assert_starts(text, "HTTP/1.1 200 OK\r\nDate: ");
	assert_has(text, "Server: corbel\r\n");
	assert_has(text, "Connection: close\r\n");
	assert_has(text, "\r\n\r\nGET|/a b/c|q=1&r=%2F|v w|3");
}

static void
a_connection_serves_one_request_after_the_other(void **state)
{
	int fd = test_connect(&server);

	(void)state;
	for (int i = 0; i < 100; i++) {
		test_send(fd, STR("GET /x HTTP/1.1\r\n" HOST "\r\n"));
		assert_has_not(test_read_until(fd, STR("GET|/x|||1")), "Connection:");
	}
	close(fd);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	int fd = test_connect(&server);
	struct str text;

	(void)state;
	test_send(fd, STR("GET /slow HTTP/1.1\r\n" HOST "\r\nPOST /echo HTTP/1.1\r\n" HOST
			  "Content-Length: 3\r\n\r\nabcGET /last HTTP/1.1\r\n" HOST END));
	text = test_read_to_end(fd, NULL);
	assert_int_equal(count_of(text, STR("HTTP/1.1 200 OK")), 3);
	assert_true(str_find(text, STR("at last"), 0) < str_find(text, STR("\r\n\r\nabc"), 0));
	assert_true(str_find(text, STR("\r\n\r\nabc"), 0) < str_find(text, STR("GET|/last"), 0));
	close(fd);
}

static void
a_request_may_come_byte_by_byte(void **state)
{
	static const char request[] =
		"\r\nPOST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n" END "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n";
	int fd = test_connect(&server);

	(void)state;
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		test_send(fd, str_n(request + i, 1));
		nanosleep(&(struct timespec){ .tv_nsec = 500 * 1000 }, NULL);
	}
	assert_has(test_read_to_end(fd, NULL), "\r\n\r\nabcde");
	close(fd);
}

static void
a_large_body_arrives_whole(void **state)
{
	static char body[1900 * 1024];
	int fd = test_connect(&server);
	struct str text;
	char head[128];

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 26);
	snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n" END, sizeof(body));
	test_send(fd, str_of(head));
	test_send(fd, str_n(body, sizeof(body)));
	text = test_read_to_end(fd, NULL);
	assert_true(str_ends(text, str_n(body, sizeof(body))));
	close(fd);
}

static void
chunked_pieces_add_up(void **state)
{
	int fd = test_connect(&server);
	char chunk[1100];

	(void)state;
	test_send(fd, STR("POST /pieces HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n" END));
	memset(chunk, 'x', sizeof(chunk));
	memcpy(chunk, "400\r\n", 5);
	memcpy(chunk + 5 + 1024, "\r\n", 2);
	for (int i = 0; i < 500; i++)
		test_send(fd, str_n(chunk, 5 + 1024 + 2));
	test_send(fd, STR("0\r\n\r\n"));
	assert_has(test_read_to_end(fd, NULL), "\r\n\r\n512000 bytes");
	close(fd);
}

static void
a_client_that_expects_100_is_told_to_continue(void **state)
{
	int fd = test_connect(&server);

	(void)state;
	test_send(fd, STR("POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n" END));
	assert_starts(test_read_until(fd, STR("\r\n\r\n")), "HTTP/1.1 100 Continue\r\n\r\n");
	test_send(fd, STR("ok"));
	assert_has(test_read_to_end(fd, NULL), "\r\n\r\nok");
	close(fd);
}

static void
a_body_that_is_not_wanted_is_not_asked_for(void **state)
{
	struct str text = test_talk(&server, STR("POST /x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));

	(void)state;
	assert_has_not(text, "100 Continue");
	assert_has(text, "Connection: close");
}

static void
a_body_that_nobody_read_does_not_become_a_request(void **state)
{
	int fd = test_connect(&server);

	(void)state;
	test_send(fd, STR("POST /x HTTP/1.1\r\n" HOST "Content-Length: 31\r\n\r\nGET /smuggled HTTP/1.1\r\n" HOST "\r\n"));
	test_send(fd, STR("GET /next HTTP/1.1\r\n" HOST END));
	assert_has_not(test_read_until(fd, STR("GET|/next")), "smuggled");
	close(fd);
}

static void
head_gets_the_headers_alone(void **state)
{
	struct str text = test_talk(&server, STR("HEAD /stream HTTP/1.1\r\n" HOST "\r\nHEAD /x HTTP/1.1\r\n" HOST END));

	(void)state;
	assert_int_equal(count_of(text, STR("HTTP/1.1 200 OK")), 2);
	assert_has(text, "Content-Length: 11\r\n");
	assert_has_not(text, "HEAD|");
	assert_has_not(text, "one");
}

static void
an_answer_without_content_has_no_length(void **state)
{
	struct str text = test_talk(&server, STR("GET /empty HTTP/1.1\r\n" HOST END));

	(void)state;
	assert_starts(text, "HTTP/1.1 204 No Content\r\n");
	assert_has_not(text, "Content-");
}

static void
options_may_ask_about_the_whole_server(void **state)
{
	(void)state;
	assert_has(test_talk(&server, STR("OPTIONS * HTTP/1.1\r\n" HOST END)), "OPTIONS|*|");
	assert_starts(test_talk(&server, STR("GET * HTTP/1.1\r\n" HOST END)), "HTTP/1.1 400 ");
}

static void
a_stream_is_chunked(void **state)
{
	(void)state;
	assert_has(
		test_talk(&server, STR("GET /stream HTTP/1.1\r\n" HOST END)), "\r\n\r\n4\r\none,\r\n4\r\ntwo,\r\n5\r\nthree\r\n0\r\n\r\n");
}

static void
events_that_come_together_leave_together(void **state)
{
	(void)state;
	assert_has(test_talk(&server, STR("GET /events HTTP/1.1\r\n" HOST END)),
		"\r\n\r\n1b\r\ndata: 1\n\nevent: b\ndata: 2\n\n\r\n12\r\ndata: 3\n\ndata: 4\n\n\r\n12\r\ndata: 5\n\ndata: 6\n\n\r\n0\r\n\r\n");
}

static void
http_1_0_gets_a_stream_that_ends_with_the_connection(void **state)
{
	struct str text = test_talk(&server, STR("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));

	(void)state;
	assert_has_not(text, "Transfer-Encoding");
	assert_true(str_ends(text, STR("\r\n\r\none,two,three")));
}

static void
http_1_0_may_keep_its_connection(void **state)
{
	struct str text = test_talk(&server, STR("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n"));

	(void)state;
	assert_has(text, "Connection: keep-alive\r\n");
	assert_has(text, "GET|/a");
	assert_has(text, "GET|/b");
}

static void
an_aborted_answer_does_not_look_whole(void **state)
{
	bool reset;
	int fd = test_connect(&server);

	(void)state;
	test_send(fd, STR("GET /cut HTTP/1.1\r\n" HOST "\r\n"));
	assert_has_not(test_read_to_end(fd, &reset), "0\r\n\r\n");
	close(fd);
	fd = test_connect(&server);
	test_send(fd, STR("GET /cut HTTP/1.0\r\n\r\n"));
	test_read_to_end(fd, &reset);
	assert_true(reset);
	close(fd);
}

static void
a_handler_that_says_nothing_is_a_500(void **state)
{
	struct str text = test_talk(&server, STR("GET /nothing HTTP/1.1\r\n" HOST "\r\n"));

	(void)state;
	assert_starts(text, "HTTP/1.1 500 ");
	assert_has(text, "\"type\":\"server_error\"");
}

static void
the_target_may_be_absolute_if_the_host_agrees(void **state)
{
	(void)state;
	assert_has(test_talk(&server, STR("GET http://a/p?q HTTP/1.1\r\n" HOST END)), "GET|/p|q|");
	assert_has(test_talk(&server, STR("GET http://A?q HTTP/1.1\r\n" HOST END)), "GET|/|q|");
	assert_starts(test_talk(&server, STR("GET http://b/p HTTP/1.1\r\n" HOST END)), "HTTP/1.1 400 ");
}

static void
an_offer_to_upgrade_is_ignored(void **state)
{
	int fd = test_connect(&server);

	(void)state;
	test_send(fd, STR("GET /u HTTP/1.1\r\n" HOST
			  "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"));
	test_read_until(fd, STR("GET|/u"));
	test_send(fd, STR("GET /v HTTP/1.1\r\n" HOST END));
	test_read_until(fd, STR("GET|/v"));
	close(fd);
}

static void
a_slow_head_is_given_up(void **state)
{
	int fd = test_connect(&server);
	int64_t begin = clock_mono_us();

	(void)state;
	test_send(fd, STR("GET / HTTP/1.1\r\n" HOST));
	for (int i = 0; i < 6; i++) { /* a byte now and then does not help */
		nanosleep(&(struct timespec){ .tv_nsec = 40 * 1000 * 1000 }, NULL);
		test_send(fd, STR("x"));
	}
	assert_starts(test_read_to_end(fd, NULL), "HTTP/1.1 408 ");
	assert_true(clock_mono_us() - begin < 1500 * USEC_PER_MS);
	close(fd);
}

static void
a_body_that_stops_is_given_up(void **state)
{
	struct str text = test_talk(&server, STR("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc"));

	(void)state;
	assert_starts(text, "HTTP/1.1 408 ");
}

static void
an_idle_connection_is_closed_in_silence(void **state)
{
	int fd = test_connect(&server);
	int64_t begin = clock_mono_us();

	(void)state;
	assert_int_equal(test_read_to_end(fd, NULL).len, 0);
	assert_true(clock_mono_us() - begin > 1000 * USEC_PER_MS);
	close(fd);
}

static void
a_client_that_leaves_cancels_its_request(void **state)
{
	int before = atomic_load(&cancelled), fd = test_connect(&server);

	(void)state;
	test_send(fd, STR("GET /wait HTTP/1.1\r\n" HOST "\r\n"));
	nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
	close(fd);
	assert_becomes(&cancelled, before + 1);
	fd = test_connect(&server);
	test_send(fd, STR("GET /wait HTTP/1.1\r\n" HOST "\r\n"));
	nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
	close(fd); /* with a reset */
	assert_becomes(&cancelled, before + 2);
}

static void
leaving_is_noticed_behind_a_full_buffer_too(void **state)
{
	static char rest[64 * 1024];
	int before = atomic_load(&cancelled), fd = test_connect(&server);

	(void)state;
	test_send(fd, STR("POST /wait HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n"));
	test_send(fd, str_n(rest, sizeof(rest)));
	nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
	close(fd);
	assert_becomes(&cancelled, before + 1);
}

static void
a_client_that_takes_nothing_is_given_up(void **state)
{
	int before = atomic_load(&finished), fd = test_connect(&server), small = 4096;

	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	test_send(fd, STR("GET /long HTTP/1.1\r\n" HOST "\r\n"));
	assert_becomes(&finished, before + 1);
	close(fd);
}

static void
a_slow_client_gets_everything(void **state)
{
	int fd = test_connect(&server);
	size_t total = 0;
	static char piece[256 * 1024];
	ssize_t size;

	(void)state;
	test_send(fd, STR("GET /long HTTP/1.1\r\n" HOST END));
	while ((size = recv(fd, piece, sizeof(piece), 0)) > 0) {
		total += (size_t)size;
		nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
	}
	assert_int_equal(size, 0);
	assert_true(total > 256 * 64 * 1024);
	close(fd);
}

static void
further_connections_wait_until_one_closes(void **state)
{
	struct test_server small;
	struct http_limits limits = test_limits();
	int fds[3];

	(void)state;
	limits.connections_max = 2;
	test_server_start(&small, "127.0.0.1:0", 1, limits, handle, NULL);
	for (int i = 0; i < 3; i++) {
		fds[i] = test_connect(&small);
		test_send(fds[i], STR("GET /x HTTP/1.1\r\n" HOST "\r\n"));
	}
	test_read_until(fds[0], STR("GET|/x"));
	test_read_until(fds[1], STR("GET|/x"));
	nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 * 1000 }, NULL);
	assert_int_equal(http_server_connections(small.http), 2);
	assert_int_equal(recv(fds[2], &(char){ 0 }, 1, MSG_DONTWAIT), -1);
	close(fds[0]);
	test_read_until(fds[2], STR("GET|/x"));
	close(fds[1]);
	close(fds[2]);
	test_server_stop(&small, 0);
}

static void
stopping_lets_answers_in_flight_finish(void **state)
{
	struct test_server other;
	int idle, busy;
	struct str text;

	(void)state;
	test_server_start(&other, "127.0.0.1:0", 2, test_limits(), handle, NULL);
	idle = test_connect(&other);
	busy = test_connect(&other);
	test_send(busy, STR("GET /slow HTTP/1.1\r\n" HOST "\r\n"));
	nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
	test_server_stop(&other, 5 * USEC_PER_SEC);
	text = test_read_to_end(busy, NULL);
	assert_has(text, "Connection: close\r\n");
	assert_has(text, "at last");
	assert_int_equal(test_read_to_end(idle, NULL).len, 0);
	close(idle);
	close(busy);
}

static void
stopping_cancels_what_outlives_the_grace(void **state)
{
	struct test_server other;
	int before = atomic_load(&cancelled), fd;
	int64_t begin;

	(void)state;
	test_server_start(&other, "127.0.0.1:0", 2, test_limits(), handle, NULL);
	fd = test_connect(&other);
	test_send(fd, STR("GET /wait HTTP/1.1\r\n" HOST "\r\n"));
	nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
	begin = clock_mono_us();
	test_server_stop(&other, 100 * USEC_PER_MS);
	assert_true(clock_mono_us() - begin < 2 * USEC_PER_SEC);
	assert_int_equal(atomic_load(&cancelled), before + 1);
	assert_has(test_read_to_end(fd, NULL), "503 Service Unavailable");
	close(fd);
}

static void
a_port_that_is_taken_is_refused(void **state)
{
	struct http_server_spec spec = { .listen = http_server_address(server.http), .limits = test_limits(), .handler = handle };
	struct arena *arena = arena_new(KIB(4));
	struct http_server *out;
	const struct err *err = http_server_start(server.runtime, &spec, arena, &out);

	(void)state;
	assert_non_null(err);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	spec.listen = STR("nowhere");
	err = http_server_start(server.runtime, &spec, arena, &out);
	assert_int_equal(err->kind, ERR_INVALID);
	arena_free(arena);
}

static void
a_unix_socket_is_served_and_removed(void **state)
{
	struct test_server local;
	char path[] = "/tmp/corbel-net-test-XXXXXX", file[64], listen[80];

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(file, sizeof(file), "%s/s", path);
	snprintf(listen, sizeof(listen), "unix:%s", file);
	for (int i = 0; i < 2; i++) {
		test_server_start(&local, listen, 2, test_limits(), handle, NULL);
		assert_has(test_talk(&local, STR("GET /local HTTP/1.1\r\n" HOST END)), "GET|/local");
		test_server_stop(&local, 0);
		assert_int_equal(access(file, F_OK), -1);
	}
	rmdir(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_described),
		cmocka_unit_test(a_connection_serves_one_request_after_the_other),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(a_request_may_come_byte_by_byte),
		cmocka_unit_test(a_large_body_arrives_whole),
		cmocka_unit_test(chunked_pieces_add_up),
		cmocka_unit_test(a_client_that_expects_100_is_told_to_continue),
		cmocka_unit_test(a_body_that_is_not_wanted_is_not_asked_for),
		cmocka_unit_test(a_body_that_nobody_read_does_not_become_a_request),
		cmocka_unit_test(head_gets_the_headers_alone),
		cmocka_unit_test(an_answer_without_content_has_no_length),
		cmocka_unit_test(options_may_ask_about_the_whole_server),
		cmocka_unit_test(a_stream_is_chunked),
		cmocka_unit_test(events_that_come_together_leave_together),
		cmocka_unit_test(http_1_0_gets_a_stream_that_ends_with_the_connection),
		cmocka_unit_test(http_1_0_may_keep_its_connection),
		cmocka_unit_test(an_aborted_answer_does_not_look_whole),
		cmocka_unit_test(a_handler_that_says_nothing_is_a_500),
		cmocka_unit_test(the_target_may_be_absolute_if_the_host_agrees),
		cmocka_unit_test(an_offer_to_upgrade_is_ignored),
		cmocka_unit_test(a_slow_head_is_given_up),
		cmocka_unit_test(a_body_that_stops_is_given_up),
		cmocka_unit_test(an_idle_connection_is_closed_in_silence),
		cmocka_unit_test(a_client_that_leaves_cancels_its_request),
		cmocka_unit_test(leaving_is_noticed_behind_a_full_buffer_too),
		cmocka_unit_test(a_client_that_takes_nothing_is_given_up),
		cmocka_unit_test(a_slow_client_gets_everything),
		cmocka_unit_test(further_connections_wait_until_one_closes),
		cmocka_unit_test(stopping_lets_answers_in_flight_finish),
		cmocka_unit_test(stopping_cancels_what_outlives_the_grace),
		cmocka_unit_test(a_port_that_is_taken_is_refused),
		cmocka_unit_test(a_unix_socket_is_served_and_removed),
	};

	return cmocka_run_group_tests_name("http_server", tests, set_up, tear_down);
}
