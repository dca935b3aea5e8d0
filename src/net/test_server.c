/*
 * test_server.c - see test_server.h.
 */
#include "net/test_server.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/address.h"
#include "rt/fiber.h"

enum { READ_MAX = 32 * 1024 * 1024 };

void
test_server_start(
	struct test_server *server, const char *listen, unsigned loops, struct http_limits limits, http_handler *handler, void *arg)
{
	struct http_server_spec spec = {
		.listen = str_of(listen), .limits = limits, .handler = handler, .arg = arg, .server_name = STR("corbel")
	};
	const struct err *err;

	server->arena = arena_new(KIB(64));
	server->runtime = runtime_new(loops);
	runtime_start(server->runtime);
	err = http_server_start(server->runtime, &spec, server->arena, &server->http);
	if (err)
		fail_msg("%" STR_F, STR_A(err->message));
}

struct errand {
	MAY_PARK void (*fn)(void *arg);
	void *arg;
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	bool done;
};

static void
errand_run(void *arg)
{
	struct errand *errand = arg;

	errand->fn(errand->arg);
	pthread_mutex_lock(&errand->mutex);
	errand->done = true;
	pthread_cond_signal(&errand->ended);
	pthread_mutex_unlock(&errand->mutex);
}

static void
errand_begin(void *arg)
{
	if (fiber_go("test", NULL, errand_run, arg))
		abort();
}

void
test_server_run(struct test_server *server, MAY_PARK void (*fn)(void *arg), void *arg)
{
	struct errand errand = { .fn = fn, .arg = arg, .mutex = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };

	loop_post(runtime_loop(server->runtime, 0), errand_begin, &errand);
	pthread_mutex_lock(&errand.mutex);
	while (!errand.done)
		pthread_cond_wait(&errand.ended, &errand.mutex);
	pthread_mutex_unlock(&errand.mutex);
}

struct stop {
	struct http_server *http;
	int64_t grace_us;
};

static void
stop_http(void *arg)
{
	struct stop *stop = arg;

	http_server_stop(stop->http, stop->grace_us);
}

void
test_server_stop(struct test_server *server, int64_t grace_us)
{
	struct stop stop = { server->http, grace_us };

	test_server_run(server, stop_http, &stop);
	runtime_stop(server->runtime);
	runtime_free(server->runtime);
	arena_free(server->arena);
}

int
test_connect(const struct test_server *server)
{
	struct timeval patience = { .tv_sec = 5 };
	struct address address;
	int fd;

	assert_true(address_parse(http_server_address(server->http), &address));
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, &address.any, address.len), 0);
	return fd;
}

void
test_send(int fd, struct str bytes)
{
	while (bytes.len > 0) {
		ssize_t size = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (size <= 0)
			return; /* the server has closed: what it said before tells why */
		bytes = str_slice(bytes, (size_t)size, bytes.len);
	}
}

static struct str
read_more(int fd, struct str needle, bool *reset)
{
	static struct buf buf = { .max = READ_MAX };
	ssize_t size = 0;
	char *room;

	buf_clear(&buf);
	while (needle.len == 0 || str_find(buf_str(&buf), needle, 0) == SIZE_MAX) {
		room = buf_reserve(&buf, 64 * 1024);
		assert_non_null(room);
		do
			size = recv(fd, room, 64 * 1024, 0);
		while (size < 0 && errno == EINTR); /* with a time limit it is not taken up again by itself */
		if (size <= 0)
			break;
		buf.len += (size_t)size;
	}
	if (size < 0 && errno == EAGAIN)
		fail_msg("the server said nothing for 5 s after: %" STR_F, STR_A(buf_str(&buf)));
	if (reset)
		*reset = size < 0;
	return buf_str(&buf);
}

struct str
test_read_to_end(int fd, bool *reset)
{
	return read_more(fd, STR_EMPTY, reset);
}

struct str
test_read_until(int fd, struct str needle)
{
	struct str text = read_more(fd, needle, NULL);

	if (str_find(text, needle, 0) == SIZE_MAX)
		fail_msg("did not say \"%" STR_F "\" but: %" STR_F, STR_A(needle), STR_A(text));
	return text;
}

struct str
test_talk(const struct test_server *server, struct str request)
{
	int fd = test_connect(server);
	struct str text;

	test_send(fd, request);
	text = test_read_to_end(fd, NULL);
	close(fd);
	return text;
}
