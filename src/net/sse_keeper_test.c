/*
 * sse_keeper_test.c - event streams that are kept beside their client: numbers, and what happens when it leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/sse.h"
#include "net/test_server.h"
#include "rt/fiber.h"

enum { EVENTS = 20 };

static struct test_server server;
static atomic_int finished;

struct keeper {
	struct sse_keeper base;
	struct buf kept;
	int64_t last;
	unsigned takes, takes_max;
};
static struct keeper keeper;

static const struct err *
take(struct sse_keeper *base, struct str events, int64_t last)
{
	if (keeper.takes++ == keeper.takes_max)
		return &err_busy;
	assert_ptr_equal(base, &keeper);
	buf_add(&keeper.kept, events);
	keeper.last = last;
	return NULL;
}

static MAY_PARK const struct err *
write_events(struct sse_writer *writer)
{
	const struct err *err = NULL;
	char number[STR_I64_MAX];

	for (int i = 0; i < EVENTS && !err; i++) {
		struct str text = str_of_i64(i, number);

		err = i % 3 == 0 ? sse_send(writer, STR("e"), text) : i % 3 == 1 ? sse_gather(writer, STR_EMPTY, text) : sse_send_raw(writer, STR("event: raw\ndata: r\n\n"));
		if (!err && i % 4 == 0)
			err = sse_flush(writer);
		if (!err)
			err = fiber_sleep_us(2 * USEC_PER_MS);
	}
	if (!err)
		err = sse_flush(writer);
	return err ? err : sse_end(writer, STR("data: end\n\ndata: [DONE]\n\n"));
}

/* As an answer that goes on: its scope does not end with its client. */
static MAY_PARK void
handle(struct http_exchange *exchange, void *arg)
{
	struct sse_writer *writer;
	struct scope scope;

	(void)arg;
	exchange->keeper = &keeper.base;
	scope_open_shielded(&scope, 10 * USEC_PER_SEC);
	assert_null(sse_open(exchange, 0, &writer));
	atomic_store(&finished, write_events(writer) ? -1 : 1);
	scope_close(&scope);
}

static void
begin(unsigned takes_max)
{
	keeper = (struct keeper){ .base.take = take, .takes_max = takes_max, .last = -1 };
	buf_init(&keeper.kept, NULL, MIB(1));
	atomic_store(&finished, 0);
	test_server_start(&server, "127.0.0.1:0", 1, http_limits_default, handle, NULL);
}

static void
end(void)
{
	test_server_stop(&server, USEC_PER_SEC);
	buf_fini(&keeper.kept);
}

static void
wait_finished(void)
{
	for (int i = 0; i < 5000 && !atomic_load(&finished); i++)
		usleep(1000);
}

#define ASK STR("GET / HTTP/1.0\r\n\r\n")

static void
every_event_has_its_number_and_is_kept_as_the_client_gets_it(void **state)
{
	struct str answer, body, kept;
	size_t at;

	(void)state;
	begin(1000);
	answer = test_talk(&server, ASK);
	wait_finished(); /* what the handler left behind */
	at = str_find(answer, STR("\r\n\r\n"), 0);
	assert_true(at != SIZE_MAX);
	body = str_slice(answer, at + 4, answer.len);
	kept = buf_str(&keeper.kept);
	assert_true(str_starts(body, kept)); /* the end is for whoever keeps it otherwise */
	assert_true(str_starts(body, STR("event: e\nid: 0\ndata: 0\n\nid: 1\ndata: 1\n\nevent: raw\nid: 2\ndata: r\n\n")));
	assert_true(str_ends(body, STR("id: 20\ndata: end\n\nid: 21\ndata: [DONE]\n\n")));
	assert_int_equal(keeper.last, EVENTS - 1);
	assert_false(keeper.base.left);
	end();
}

static void
a_client_that_leaves_ends_nothing(void **state)
{
	int fd;

	(void)state;
	begin(1000);
	fd = test_connect(&server);
	test_send(fd, ASK);
	test_read_until(fd, STR("id: 2"));
	close(fd);
	wait_finished();
	assert_int_equal(atomic_load(&finished), 1);
	assert_true(keeper.base.left);
	assert_int_equal(keeper.last, EVENTS - 1);
	end();
}

static void
a_stream_that_cannot_be_kept_ends_with_its_client_and_not_before(void **state)
{
	struct str answer;
	int fd;

	(void)state;
	begin(2);
	answer = test_talk(&server, ASK);
	wait_finished(); /* what the handler left behind */
	assert_true(str_ends(answer, STR("id: 21\ndata: [DONE]\n\n")));
	assert_true(keeper.base.failed);
	end();
	begin(2);
	fd = test_connect(&server);
	test_send(fd, ASK);
	test_read_until(fd, STR("id: 4"));
	close(fd);
	wait_finished();
	assert_int_equal(atomic_load(&finished), -1);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_has_its_number_and_is_kept_as_the_client_gets_it),
		cmocka_unit_test(a_client_that_leaves_ends_nothing),
		cmocka_unit_test(a_stream_that_cannot_be_kept_ends_with_its_client_and_not_before),
	};

	return cmocka_run_group_tests_name("sse_keeper", tests, NULL, NULL);
}
