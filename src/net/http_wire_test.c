/*
 * http_wire_test.c - what the HTTP client does with its connections: which it uses again, when it tries again, how it leaves. Over the lane, and where libcurl promises the same, over libcurl.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/client.h"
#include "net/test_client.h"
#include "rt/fiber.h"

#define OK_A "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
#define OK_B "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"

static struct test_server server;

static void
answer_nothing(struct http_exchange *exchange, void *arg)
{
	(void)arg;
	http_answer(exchange, 404, STR("text/plain"), STR_EMPTY);
}

static int
set_up(void **state)
{
	(void)state;
	test_server_start(&server, "127.0.0.1:0", 1, http_limits_default, answer_nothing, NULL);
	test_client_server = &server;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	test_server_stop(&server, USEC_PER_SEC);
	return 0;
}

/*
 * Trusts one authority, which has signed nothing: reading all that the machine trusts takes seconds under a sanitizer, and no handshake of these tests gets as far as a certificate.
 */
static void
trust_nobody(void)
{
	static const char authority[] =
		"-----BEGIN CERTIFICATE-----\n"
		"MIIBeDCCAR2gAwIBAgIUBVY9rjQWVjvfIOklPzDDLyUL9mcwCgYIKoZIzj0EAwIw\n"
		"ETEPMA0GA1UEAwwGbm9ib2R5MB4XDTI2MTEyODE5MTY1MVoXDTM2MTEyNTE5MTY1\n"
		"MVowETEPMA0GA1UEAwwGbm9ib2R5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
		"9GsiPpMjwsczeoU0H7kizypuMfbHwbsJ6NUjV+0qcmjAB+DHUiBjaLHBxuA+jOLq\n"
		"IlTiVtiWTaUC2UURKgS/yqNTMFEwHQYDVR0OBBYEFB4i0SWxs2id0WiIDRe+zwoy\n"
		"oK6AMB8GA1UdIwQYMBaAFB4i0SWxs2id0WiIDRe+zwoyoK6AMA8GA1UdEwEB/wQF\n"
		"MAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAPEwF4oDcoGtAWLGgOM2dTB3Mv5kAQLV\n"
		"LhcrcEIvVc1GAiEAqCBdl8rLrqh95ZoG5Jp9DeWh3x21TmeaZOGnX+PrLnI=\n"
		"-----END CERTIFICATE-----\n";
	static char path[] = "/tmp/corbel-wire-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0 && write(fd, authority, sizeof(authority) - 1) == (ssize_t)sizeof(authority) - 1);
	close(fd);
	setenv("SSL_CERT_FILE", path, 1);
	setenv("SSL_CERT_DIR", "/nonexistent", 1);
}

static void
pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000 * 1000 }, NULL);
}

/* A POST that must have this body as its answer; NULL: must fail as an upstream error. */
static void
expect(struct broken *broken, const char *body)
{
	struct outcome outcome = test_call_spec((struct http_call_spec){ .method = HTTP_POST, .url = str_of(broken->url), .body = STR("x") });

	if (body) {
		assert_null(outcome.open_err);
		assert_null(outcome.read_err);
		assert_true(str_eq_c(outcome.body, body));
	} else {
		assert_kind(outcome.open_err, ERR_UPSTREAM);
	}
	arena_free(outcome.arena);
}

static void
expect_used(const struct broken *broken, int connections, int requests)
{
	assert_int_equal(atomic_load(&broken->connections), connections);
	assert_int_equal(atomic_load(&broken->requests), requests);
}

static void
one_connection_serves_one_call_after_the_other(void **state)
{
	static const char *const answers[] = { OK_A, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\nTrailer: x\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", OK_A, NULL };
	static const char *const *const scripts[] = { answers, NULL };
	struct broken broken = { .scripts = scripts };

	(void)state;
	broken_start(&broken);
	expect(&broken, "a");
	expect(&broken, "b");
	expect(&broken, "");
	expect(&broken, "");
	expect(&broken, "a");
	broken_stop(&broken);
	expect_used(&broken, 1, 5);
}

static void
a_server_that_means_to_close_is_not_used_again(void **state)
{
	static const char *const close[] = { "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", OK_B, NULL };
	static const char *const old[] = { "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", OK_B, NULL };
	static const char *const last[] = { OK_A, NULL };
	static const char *const *const scripts[] = { close, old, last, NULL };
	struct broken broken = { .scripts = scripts };

	(void)state;
	broken_start(&broken);
	expect(&broken, "a");
	expect(&broken, "a");
	expect(&broken, "a");
	broken_stop(&broken);
	expect_used(&broken, 3, 3);
}

/* The server closes the kept connection when the next request is on its way. */
static void
a_request_that_a_kept_connection_swallowed_is_sent_again(void **state)
{
	static const char *const first[] = { OK_A, "", NULL }, *const second[] = { OK_B, NULL };
	static const char *const *const scripts[] = { first, second, NULL };

	(void)state;
	for (int resets = 0; resets < 2; resets++) {
		struct broken broken = { .scripts = scripts, .resets = resets };

		broken_start(&broken);
		expect(&broken, "a");
		expect(&broken, "b");
		broken_stop(&broken);
		expect_used(&broken, 2, 3);
	}
}

static void
it_is_sent_again_once_and_not_over_a_new_connection(void **state)
{
	static const char *const first[] = { OK_A, "", NULL }, *const empty[] = { "", NULL };
	static const char *const *const kept[] = { first, empty, NULL }, *const *const fresh[] = { empty, NULL };
	struct broken broken = { .scripts = kept }, mute = { .scripts = fresh };

	(void)state;
	broken_start(&broken);
	expect(&broken, "a");
	expect(&broken, NULL);
	broken_stop(&broken);
	expect_used(&broken, 2, 3);
	broken_start(&mute);
	expect(&mute, NULL);
	broken_stop(&mute);
	expect_used(&mute, 1, 1);
}

static void
a_request_whose_answer_has_begun_is_not_sent_again(void **state)
{
	static const char *const answers[] = { OK_A, "HTTP/1.1 2", NULL };
	static const char *const *const scripts[] = { answers, NULL };
	struct broken broken = { .scripts = scripts };

	(void)state;
	broken_start(&broken);
	expect(&broken, "a");
	expect(&broken, NULL);
	broken_stop(&broken);
	expect_used(&broken, 1, 2);
}

static void
what_stands_behind_an_answer_is_not_the_next_one(void **state)
{
	static const char *const at_once[] = { OK_A "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", NULL };
	static const char *const chunked[] = {
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", NULL
	};
	static const char *const no_body[] = { "HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\npoison", NULL };
	static const char *const last[] = { OK_B, NULL };
	static const char *const *const scripts[] = { at_once, chunked, no_body, last, NULL };
	struct broken broken = { .scripts = scripts, .stays = true };

	(void)state;
	broken_start(&broken);
	expect(&broken, "a");
	expect(&broken, "a");
	expect(&broken, "");
	expect(&broken, "b");
	broken_stop(&broken);
	expect_used(&broken, 4, 4);
}

/* Bytes that come while nobody has asked for any. */
static void
a_kept_connection_that_speaks_unasked_is_not_used_again(void **state)
{
	struct broken broken = { .says = STR(OK_A), .stays = true };
	struct outcome outcome;

	(void)state;
	broken_start(&broken);
	expect(&broken, "a");
	broken_stop(&broken);
	broken = (struct broken){ .says = STR(OK_A "HTTP/1.1 408 Request Timeout\r\n\r\n"), .waits_us = 0, .stays = true };
	broken_start(&broken);
	expect(&broken, "a");
	pause_ms(20);
	outcome = test_call_spec((struct http_call_spec){ .method = HTTP_POST, .url = str_of(broken.url), .body = STR("x") });
	assert_null(outcome.open_err);
	assert_int_equal(outcome.status, 200);
	arena_free(outcome.arena);
	broken_stop(&broken);
	expect_used(&broken, 2, 2);
}

static void
an_answer_that_was_left_half_read_ends_the_connection(void **state)
{
	static const char *const half[] = { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin", NULL }, *const last[] = { OK_B, NULL };
	static const char *const *const scripts[] = { half, last, NULL };
	struct broken broken = { .scripts = scripts, .stays = true };
	struct outcome outcome = { .arena = arena_new(MIB(1)), .read_max = 1 };

	(void)state;
	broken_start(&broken);
	outcome.spec.url = str_of(broken.url);
	test_call(&outcome);
	assert_true(str_eq_c(outcome.body, "begin"));
	arena_free(outcome.arena);
	expect(&broken, "b");
	broken_stop(&broken);
	expect_used(&broken, 2, 2);
}

static void
answers_to_head_and_not_modified_have_no_body(void **state)
{
	static const char *const answers[] = { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		OK_A, NULL };
	static const char *const *const scripts[] = { answers, NULL };
	struct broken broken = { .scripts = scripts };
	struct outcome outcome;

	(void)state;
	broken_start(&broken);
	outcome = test_call_spec((struct http_call_spec){ .method = HTTP_HEAD, .url = str_of(broken.url) });
	assert_null(outcome.read_err);
	assert_int_equal(outcome.body.len, 0);
	arena_free(outcome.arena);
	expect(&broken, "");
	expect(&broken, "a");
	broken_stop(&broken);
	expect_used(&broken, 1, 3);
}

/* ---- uploads ---- */

static struct outcome
upload(struct broken *broken, size_t size)
{
	char *bytes = calloc(1, size);
	struct outcome outcome;

	broken_start(broken);
	outcome = test_call_spec((struct http_call_spec){ .method = HTTP_POST, .url = str_of(broken->url), .body = str_n(bytes, size) });
	broken_stop(broken);
	free(bytes);
	return outcome;
}

static void
a_body_that_is_refused_early_is_not_sent_to_its_end(void **state)
{
	struct broken stays = { .says = STR("HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large"), .hasty = true, .stays = true };
	struct outcome outcome = upload(&stays, MIB(64));

	(void)state;
	assert_null(outcome.open_err);
	assert_int_equal(outcome.status, 413);
	assert_true(str_eq_c(outcome.body, "too large"));
	arena_free(outcome.arena);
}

/* The server closes with much unread: the client sees a reset behind the answer. */
static void
a_refusal_is_read_though_a_reset_follows_it(void **state)
{
	struct broken leaves = { .says = STR("HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large"), .hasty = true };
	struct outcome outcome = upload(&leaves, MIB(64));

	(void)state;
	assert_null(outcome.open_err);
	assert_int_equal(outcome.status, 413);
	assert_true(str_eq_c(outcome.body, "too large"));
	arena_free(outcome.arena);
}

/* ---- the answer's framing ---- */

static void
answers_that_can_be_read_in_two_ways_are_refused(void **state)
{
	static const char *const heads[] = { "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1, 1\r\n", "Content-Length: +1\r\n",
		"Content-Length:\r\n", "Content-Length: 99999999999999999999\r\n", "Content-Length: 9223372036854775808\r\n",
		"Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: identity\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", "X: a\r\n b\r\nContent-Length: 1\r\n",
		" X: a\r\nContent-Length: 1\r\n", "X : a\r\nContent-Length: 1\r\n", "X: a\nContent-Length: 1\r\n", "X: a\x01\r\nContent-Length: 1\r\n",
		"Content-Encoding: br\r\nContent-Length: 1\r\n", "Content-Encoding: gzip, gzip\r\nContent-Length: 1\r\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		char text[300];
		struct broken broken = { .says = str_of(text) };
		struct outcome outcome;

		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n1", heads[i]);
		broken.says = str_of(text);
		outcome = test_call_broken(&broken);
		if (!outcome.open_err || outcome.open_err->kind != ERR_UPSTREAM)
			fail_msg("was taken: %s", heads[i]);
		arena_free(outcome.arena);
	}
}

static void
answers_of_other_versions_are_refused(void **state)
{
	static const char *const says[] = { "HTTP/2.0 200 OK\r\nContent-Length: 1\r\n\r\n1", "HTTP/0.9 200 OK\r\nContent-Length: 1\r\n\r\n1",
		"HTTP/1.2 200 OK\r\nContent-Length: 1\r\n\r\n1", "HTTP/1.1 99 OK\r\nContent-Length: 1\r\n\r\n1",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"ICY 200 OK\r\n\r\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(says); i++) {
		struct broken broken = { .says = str_of(says[i]) };
		struct outcome outcome = test_call_broken(&broken);

		if (!outcome.open_err || outcome.open_err->kind != ERR_UPSTREAM)
			fail_msg("was taken: %s", says[i]);
		arena_free(outcome.arena);
	}
}

/* Endless interim answers, too many headers, chunk extensions without end. */
static void
framing_without_end_is_refused(void **state)
{
	static const struct {
		const char *begin, *again;
		bool opens;
	} cases[] = { { "", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", false }, { "HTTP/1.1 200 OK\r\n", "X: y\r\n", false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", ";x=yyyyyyyyyyyyyyyyyy", true },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "Trailer: yyyyyyyyyyy\r\n", true } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct broken broken = { .stays = true };
		struct buf says;
		struct outcome outcome;

		buf_init(&says, NULL, MIB(1));
		buf_add(&says, str_of(cases[i].begin));
		while (says.len < KIB(200))
			buf_add(&says, str_of(cases[i].again));
		broken.says = buf_str(&says);
		outcome = test_call_broken(&broken);
		assert_kind(cases[i].opens ? outcome.read_err : outcome.open_err, ERR_UPSTREAM);
		arena_free(outcome.arena);
		buf_fini(&says);
	}
}

static void
chunks_that_came_together_are_one_piece(void **state)
{
	struct broken broken = { .says = STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none \r\n4;x=y\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n") };
	struct outcome outcome = test_call_broken(&broken);

	(void)state;
	assert_null(outcome.read_err);
	assert_true(str_eq_c(outcome.body, "one two three"));
	assert_int_equal(outcome.pieces, 1);
	arena_free(outcome.arena);
}

static void
what_came_before_a_mistake_is_handed_over(void **state)
{
	struct broken broken = { .says = STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\nbad") };
	struct outcome outcome = test_call_broken(&broken);

	(void)state;
	assert_true(str_eq_c(outcome.body, "good"));
	assert_kind(outcome.read_err, ERR_UPSTREAM);
	arena_free(outcome.arena);
}

/* ---- reaching a server ---- */

static void
a_server_on_ipv6_is_reached(void **state)
{
	struct broken broken = { .says = STR(OK_A), .v6 = true };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool there = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	(void)state;
	close(fd);
	if (!there)
		skip();
	broken_start(&broken);
	expect(&broken, "a");
	broken_stop(&broken);
}

/* localhost is ::1 too, in most places, where nobody listens here. */
static void
every_address_of_a_name_is_tried(void **state)
{
	struct broken broken = { .says = STR(OK_A) };
	char text[100];
	struct outcome outcome;

	(void)state;
	broken_start(&broken);
	snprintf(text, sizeof(text), "http://localhost:%s", strrchr(broken.url, ':') + 1);
	for (int i = 0; i < 3; i++) {
		outcome = test_call_spec((struct http_call_spec){ .url = str_of(text) });
		assert_null(outcome.open_err);
		assert_true(str_eq_c(outcome.body, "a"));
		arena_free(outcome.arena);
	}
	broken_stop(&broken);
}

/* A listener whose queue is full: it lets nobody in, and refuses nobody. */
struct full {
	int fd, queued[8];
	char url[60];
};

static void
full_open(struct full *full, const char *scheme)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	full->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(full->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(full->fd, 0), 0);
	getsockname(full->fd, (struct sockaddr *)&address, &len);
	for (size_t i = 0; i < COUNT(full->queued); i++) {
		full->queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(full->queued[i], (struct sockaddr *)&address, len);
	}
	snprintf(full->url, sizeof(full->url), "%s://127.0.0.1:%u/", scheme, ntohs(address.sin_port));
}

static void
full_close(struct full *full)
{
	for (size_t i = 0; i < COUNT(full->queued); i++)
		close(full->queued[i]);
	close(full->fd);
}

static void
connecting_takes_a_limited_time(void **state)
{
	struct broken mute = { .stays = true, .waits_us = 0 };
	struct full full;
	struct outcome outcome;
	char text[100];
	int64_t begin = clock_mono_us();

	(void)state;
	full_open(&full, "http");
	outcome = test_call_spec((struct http_call_spec){ .url = str_of(full.url), .connect_timeout_us = 100 * USEC_PER_MS });
	assert_kind(outcome.open_err, ERR_UNAVAILABLE);
	arena_free(outcome.arena);
	full_close(&full);
	broken_start(&mute); /* a TLS handshake that gets no answer */
	snprintf(text, sizeof(text), "https://%s", mute.url + 7);
	outcome = test_call_spec((struct http_call_spec){ .url = str_of(text), .connect_timeout_us = 100 * USEC_PER_MS });
	assert_kind(outcome.open_err, ERR_UNAVAILABLE);
	arena_free(outcome.arena);
	broken_stop(&mute);
	assert_true(clock_mono_us() - begin < 5 * USEC_PER_SEC); /* far from the times that hold otherwise */
}

static void
a_head_that_is_never_complete_times_out(void **state)
{
	struct broken half = { .says = STR("HTTP/1.1 200 OK\r\nContent-"), .stays = true };
	struct outcome outcome;
	int64_t begin = clock_mono_us();

	(void)state;
	broken_start(&half);
	outcome = test_call_spec((struct http_call_spec){ .url = str_of(half.url), .headers_timeout_us = 100 * USEC_PER_MS });
	assert_kind(outcome.open_err, ERR_TIMEOUT);
	assert_true(clock_mono_us() - begin < 5 * USEC_PER_SEC); /* far from the times that hold otherwise */
	arena_free(outcome.arena);
	broken_stop(&half);
}

static void
a_server_that_does_not_speak_tls_is_unavailable(void **state)
{
	struct broken broken = { .says = STR("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), .hasty = true };
	char text[100];
	struct outcome outcome;

	(void)state;
	broken_start(&broken);
	broken.waits_us = 0;
	snprintf(text, sizeof(text), "https://%s", broken.url + 7);
	outcome = test_call_spec((struct http_call_spec){ .url = str_of(text), .connect_timeout_us = USEC_PER_SEC });
	assert_kind(outcome.open_err, ERR_UNAVAILABLE);
	arena_free(outcome.arena);
	broken_stop(&broken);
}

/* ---- leaving ---- */

/* Ends the call's scope after a moment; the call must be over at once, and the server must have seen it leave. */
static void
leave(const char *what, struct http_call_spec spec, struct broken *broken)
{
	struct outcome outcome = { .spec = spec, .arena = arena_new(MIB(1)), .cancel_us = 60 * USEC_PER_MS };
	int64_t begin = clock_mono_us(), took_us;

	test_call(&outcome);
	took_us = clock_mono_us() - begin;
	if (!outcome.open_err)
		outcome.open_err = outcome.read_err;
	if (!outcome.open_err || outcome.open_err->kind != ERR_TIMEOUT || took_us > 5 * USEC_PER_SEC)
		fail_msg("%s: %s after %lld us", what, outcome.open_err ? err_kind_name(outcome.open_err->kind) : "no error", (long long)took_us);
	arena_free(outcome.arena);
	for (int i = 0; broken && atomic_load(&broken->left) == 0; i++) {
		if (i == 5000)
			fail_msg("%s: the server did not see it leave", what);
		pause_ms(1);
	}
	if (broken)
		broken_stop(broken);
}

static void
a_call_can_be_left_at_any_time(void **state)
{
	struct broken mute = { .stays = true }, half = { .says = STR("HTTP/1.1 200 OK\r\nContent-"), .stays = true },
		      body = { .says = STR("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na"), .stays = true },
		      tls = { .stays = true }, slow = { .hasty = true, .waits_us = 300 * USEC_PER_MS };
	char *large = calloc(1, MIB(64)), text[100];
	struct full full;

	(void)state;
	full_open(&full, "http");
	leave("while it connects", (struct http_call_spec){ .url = str_of(full.url) }, NULL);
	full_close(&full);
	broken_start(&tls);
	snprintf(text, sizeof(text), "https://%s", tls.url + 7);
	leave("in the handshake", (struct http_call_spec){ .url = str_of(text) }, &tls);
	broken_start(&slow);
	leave("while it sends", (struct http_call_spec){ .method = HTTP_POST, .url = str_of(slow.url), .body = str_n(large, MIB(64)) }, &slow);
	broken_start(&mute);
	leave("before the answer", (struct http_call_spec){ .url = str_of(mute.url) }, &mute);
	broken_start(&half);
	leave("in the head", (struct http_call_spec){ .url = str_of(half.url) }, &half);
	broken_start(&body);
	leave("in the body", (struct http_call_spec){ .url = str_of(body.url) }, &body);
	free(large);
}

/* ---- URLs ---- */

static void
urls_are_taken_apart(void **state)
{
	static const struct {
		const char *url, *host, *authority, *target, *origin;
		uint16_t port;
	} good[] = {
		{ "http://a", "a", "a", "", "http://a", 80 },
		{ "https://a.b:8443/c?d=e#f", "a.b", "a.b:8443", "/c?d=e", "https://a.b:8443", 8443 },
		{ "http://[::1]:9/x", "::1", "[::1]:9", "/x", "http://[::1]:9", 9 },
		{ "https://[2001:db8::1]?q", "2001:db8::1", "[2001:db8::1]", "?q", "https://[2001:db8::1]", 443 },
	};
	static const char *const bad[] = { "http://", "http:///x", "http://a:0/", "http://a:65536/", "http://a:-1/", "http://a:x/", "http://a b/",
		"http://a/\r\nX: y", "http://u@a/", "http://u:p@a/", "http://a%41/", "http://[::1/", "http://[]/", "http://[::1]x/", "http://[fe80::1%25lo]/",
		"HTTP//a", "ws://a", "http://\xc3\xa4/", "http://a:/b:80" };
	struct client_url url;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(client_url_parse(str_of(good[i].url), &url));
		assert_true(str_eq_c(url.host, good[i].host) && str_eq_c(url.authority, good[i].authority));
		assert_true(str_eq_c(url.target, good[i].target) && str_eq_c(url.origin, good[i].origin));
		assert_int_equal(url.port, good[i].port);
		assert_int_equal(url.secure, good[i].url[4] == 's');
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (client_url_parse(str_of(bad[i]), &url))
			fail_msg("was taken: %s", bad[i]);
}

static void
headers_that_are_the_connection_s_own_are_refused(void **state)
{
	static const char *const names[] = { "Content-Length", "transfer-encoding", "CONNECTION", "Upgrade", "Expect", "TE", "Trailer" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct http_header header = { str_of(names[i]), STR("1") };
		struct outcome outcome = test_call_spec((struct http_call_spec){ .url = STR("http://127.0.0.1:1/"), .headers = { &header, 1 } });

		assert_kind(outcome.open_err, ERR_INVALID);
		arena_free(outcome.arena);
	}
}

int
main(void)
{
	const struct CMUnitTest both[] = {
		cmocka_unit_test(one_connection_serves_one_call_after_the_other),
		cmocka_unit_test(a_server_that_means_to_close_is_not_used_again),
		cmocka_unit_test(a_request_that_a_kept_connection_swallowed_is_sent_again),
		cmocka_unit_test(it_is_sent_again_once_and_not_over_a_new_connection),
		cmocka_unit_test(a_kept_connection_that_speaks_unasked_is_not_used_again),
		cmocka_unit_test(an_answer_that_was_left_half_read_ends_the_connection),
		cmocka_unit_test(answers_to_head_and_not_modified_have_no_body),
		cmocka_unit_test(a_body_that_is_refused_early_is_not_sent_to_its_end),
		cmocka_unit_test(a_server_on_ipv6_is_reached),
		cmocka_unit_test(every_address_of_a_name_is_tried),
		cmocka_unit_test(connecting_takes_a_limited_time),
		cmocka_unit_test(a_head_that_is_never_complete_times_out),
		cmocka_unit_test(a_server_that_does_not_speak_tls_is_unavailable),
		cmocka_unit_test(a_call_can_be_left_at_any_time),
		cmocka_unit_test(headers_that_are_the_connection_s_own_are_refused),
	};
	const struct CMUnitTest lane[] = {
		cmocka_unit_test(answers_that_can_be_read_in_two_ways_are_refused), /* libcurl takes some of them */
		cmocka_unit_test(a_request_whose_answer_has_begun_is_not_sent_again), /* libcurl counts whole lines */
		cmocka_unit_test(what_stands_behind_an_answer_is_not_the_next_one), /* libcurl uses a connection again after a 204 with a body */
		cmocka_unit_test(a_refusal_is_read_though_a_reset_follows_it), /* libcurl says that it could not send */
		cmocka_unit_test(answers_of_other_versions_are_refused),
		cmocka_unit_test(framing_without_end_is_refused),
		cmocka_unit_test(chunks_that_came_together_are_one_piece),
		cmocka_unit_test(what_came_before_a_mistake_is_handed_over),
		cmocka_unit_test(urls_are_taken_apart),
	};
	int failed;

	trust_nobody();
	failed = cmocka_run_group_tests_name("over the lane", both, set_up, tear_down);
	failed += cmocka_run_group_tests_name("the lane alone", lane, set_up, tear_down);
	test_client_curl = true;
	failed += cmocka_run_group_tests_name("over libcurl", both, set_up, tear_down);
	unlink(getenv("SSL_CERT_FILE"));
	return failed;
}
