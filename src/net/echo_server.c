/*
 * echo_server.c - a small server over this room alone, for tests that need a process of its own and for measuring what HTTP costs by itself.
 *
 *	echo_server HOST:PORT [CERT KEY]     says "ready on HOST:PORT"; ends on SIGTERM
 *
 * GET: 1,000 bytes. POST: the body comes back. GET /stream: 20 pieces. GET /wait: nothing, until the client leaves; then it counts, and GET /left tells.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "crypto/tls.h"
#include "net/http_server.h"
#include "rt/fiber.h"
#include "rt/loop.h"

static atomic_int left;

MAY_PARK static void
handle(struct http_exchange *exchange, void *arg)
{
	static const char page[1000] = { [0 ... 999] = 'x' };
	struct str body = str_n(page, sizeof(page));
	const struct err *err = NULL;

	(void)arg;
	if (str_eq(exchange->path, STR("/stream"))) {
		err = http_answer_begin(exchange, 200, STR("text/plain"));
		for (int i = 0; i < 20 && !err; i++)
			err = http_answer_write(exchange, str_n(page, 200));
		if (!err)
			http_answer_end(exchange, STR_EMPTY);
		return;
	}
	if (str_eq(exchange->path, STR("/wait"))) {
		err = fiber_sleep_us(60 * USEC_PER_SEC);
		if (err && err->kind == ERR_CANCELLED)
			atomic_fetch_add(&left, 1);
		return;
	}
	if (str_eq(exchange->path, STR("/left")))
		body = arena_printf(exchange->arena, "%d", atomic_load(&left));
	else if (exchange->method == HTTP_POST)
		err = http_body_read_all(exchange, MIB(64), &body);
	if (err)
		http_answer(exchange, err_http_status(err), STR("text/plain"), err->message);
	else
		http_answer(exchange, 200, STR("text/plain"), body);
}

struct stop {
	struct http_server *http;
	sem_t stopped;
};

static void
stop_run(void *arg)
{
	struct stop *stop = arg;

	http_server_stop(stop->http, USEC_PER_SEC);
	sem_post(&stop->stopped);
}

static void
stop_begin(void *arg)
{
	if (fiber_go("stop", NULL, stop_run, arg))
		abort();
}

static int
complain(const struct err *err)
{
	fprintf(stderr, "echo_server: %" STR_F "\n", STR_A(err->message));
	return 1;
}

int
main(int argc, char **argv)
{
	struct http_server_spec spec = { .limits = http_limits_default, .handler = handle, .server_name = STR("corbel") };
	struct stop stop = { 0 };
	struct arena *arena = arena_new(KIB(64));
	const struct err *err;
	struct runtime *runtime;
	sigset_t signals;
	int signal;

	spec.listen = str_of(argc > 1 ? argv[1] : "127.0.0.1:0");
	err = argc > 3 ? tls_server_new(arena, argv[2], argv[3], &spec.tls) : NULL;
	if (err)
		return complain(err);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	runtime = runtime_new(1);
	runtime_start(runtime);
	err = http_server_start(runtime, &spec, arena, &stop.http);
	if (err)
		return complain(err);
	printf("ready on %" STR_F "\n", STR_A(http_server_address(stop.http)));
	fflush(stdout);
	sigwait(&signals, &signal);
	sem_init(&stop.stopped, 0, 0);
	loop_post(runtime_loop(runtime, 0), stop_begin, &stop);
	while (sem_wait(&stop.stopped))
		;
	sem_destroy(&stop.stopped);
	runtime_stop(runtime);
	runtime_free(runtime);
	tls_server_free(spec.tls);
	arena_free(arena);
	return 0;
}
