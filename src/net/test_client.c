/*
 * test_client.c - see test_client.h.
 */
#include "net/test_client.h"

#include <errno.h>
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

struct test_server *test_client_server;
bool test_client_curl;

/* Reads a head, and the body if it is short. False: the client is gone. */
static bool
read_request(int fd, bool hasty)
{
	static _Thread_local char bytes[64 * 1024];
	size_t len = 0;
	ssize_t size;

	while (len < sizeof(bytes)) {
		size = recv(fd, bytes + len, hasty ? 512 : sizeof(bytes) - len, 0);
		if (size <= 0)
			return false;
		len += (size_t)size;
		if (str_find(str_n(bytes, len), STR("\r\n\r\n"), 0) != SIZE_MAX)
			return true;
	}
	return false;
}

static void
answer_script(struct broken *broken, int fd, const char *const *script)
{
	for (; *script; script++) {
		if (!read_request(fd, false))
			break;
		atomic_fetch_add(&broken->requests, 1);
		test_send(fd, str_of(*script));
	}
}

static void
end_connection(struct broken *broken, int fd)
{
	char bytes[4096];

	if (broken->stays)
		while (recv(fd, bytes, sizeof(bytes), 0) > 0)
			;
	broken->left_us = clock_mono_us();
	atomic_fetch_add(&broken->left, 1);
	atomic_store(&broken->serving, -1);
	if (broken->resets)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
	close(fd);
}

static void
answer_plain(struct broken *broken, int fd)
{
	char bytes[4096];

	if (read_request(fd, broken->hasty))
		atomic_fetch_add(&broken->requests, 1);
	nanosleep(&(struct timespec){ .tv_sec = broken->waits_us / USEC_PER_SEC, .tv_nsec = broken->waits_us % USEC_PER_SEC * 1000 }, NULL);
	test_send(fd, broken->says);
	memset(bytes, 'x', sizeof(bytes));
	for (size_t sent = 0; sent < broken->junk; sent += sizeof(bytes))
		test_send(fd, str_n(bytes, sizeof(bytes)));
}

static void *
broken_run(void *arg)
{
	struct broken *broken = arg;
	const char *const *const *script = broken->scripts;
	int fd;

	while ((fd = accept(broken->fd, NULL, NULL)) >= 0) {
		atomic_fetch_add(&broken->connections, 1);
		atomic_store(&broken->serving, fd);
		if (script)
			answer_script(broken, fd, *script);
		else
			answer_plain(broken, fd);
		if (script && script[1])
			script++;
		end_connection(broken, fd);
	}
	return NULL;
}

void
broken_start(struct broken *broken)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *address = broken->v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t len = broken->v6 ? sizeof(v6) : sizeof(v4);

	atomic_store(&broken->serving, -1);
	broken->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(broken->fd, address, len), 0);
	assert_int_equal(listen(broken->fd, 8), 0);
	getsockname(broken->fd, address, &len);
	if (broken->v6)
		snprintf(broken->url, sizeof(broken->url), "http://[::1]:%u/", ntohs(v6.sin6_port));
	else
		snprintf(broken->url, sizeof(broken->url), "http://127.0.0.1:%u/", ntohs(v4.sin_port));
	assert_int_equal(pthread_create(&broken->thread, NULL, broken_run, broken), 0);
}

void
broken_stop(struct broken *broken)
{
	int fd = atomic_load(&broken->serving);

	shutdown(broken->fd, SHUT_RDWR);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	pthread_join(broken->thread, NULL);
	close(broken->fd);
}

static void
call_run(void *arg)
{
	struct outcome *outcome = arg;
	struct http_call *call;
	struct scope scope;

	scope_open(&scope, outcome->cancel_us ? outcome->cancel_us : INT64_MAX);
	outcome->spec.http2 = test_client_curl; /* which http:// URLs cannot have: libcurl makes the call then */
	outcome->open_err = http_call_open(outcome->arena, &outcome->spec, &call);
	if (!outcome->open_err) {
		struct buf body;
		struct str piece;

		buf_init(&body, outcome->arena, MIB(64));
		outcome->status = http_call_status(call);
		outcome->headers = *http_call_headers(call);
		do {
			outcome->read_err = http_call_read(call, &piece);
			outcome->pieces += piece.len > 0;
			buf_add(&body, piece);
		} while (!outcome->read_err && piece.len > 0 && (outcome->read_max == 0 || body.len < outcome->read_max));
		outcome->body = buf_str(&body);
		outcome->closed_us = clock_mono_us();
		http_call_close(call);
	}
	scope_close(&scope);
}

void
test_call(struct outcome *outcome)
{
	test_server_run(test_client_server, call_run, outcome);
}

struct outcome
test_call_spec(struct http_call_spec spec)
{
	struct outcome outcome = { .spec = spec, .arena = arena_new(MIB(256)) };

	test_call(&outcome);
	return outcome;
}

struct outcome
test_call_broken(struct broken *broken)
{
	struct outcome outcome;

	broken_start(broken);
	outcome = test_call_spec((struct http_call_spec){ .url = str_of(broken->url) });
	broken_stop(broken);
	return outcome;
}

void
assert_kind(const struct err *err, enum err_kind kind)
{
	assert_non_null(err);
	if (err->kind != kind)
		fail_msg("expected %s, got %s: %" STR_F " (%" STR_F ")", err_kind_name(kind), err_kind_name(err->kind), STR_A(err->message),
			STR_A(err->detail));
}
