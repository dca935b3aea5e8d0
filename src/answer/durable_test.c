/*
 * durable_test.c - streams that go on without their client, on each engine that is there: what happens at each of their bounds, and how those past their time are deleted. A server of its own answers clients that stay
 * or leave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answer/answer_sql.h"
#include "answer/durable_inside.h"
#include "base/test_clock.h"
#include "rt/fiber.h"
#include "store/testing.h"

enum { TENANT = 1, STREAMS = 8, EVENT = 100, SETTLE_US = 10 * 1000000, PATIENCE_MS = 20000 };

static const struct store_schema *const schemas[] = { &answer_schema, NULL };

/* One stream, as its handler leaves it. */
struct told {
	atomic_bool begun, said, held, done;
	bool left;
	const struct err *err, *cut; /* static ones */
	int64_t took_us;
};

static struct world {
	struct testing *testing;
	struct store *store;
	struct durables *durables;
	struct http_server *server;
	struct arena *arena;
	struct durable_bounds bounds;
	atomic_bool stopping;
	struct told told[STREAMS];
} world;

/* --- the server --- */

/* "/3/40/5": the stream of that number says 40 events, one in 5 ms. */
static MAY_PARK const struct err *
say(struct sse_writer *writer, unsigned count, unsigned pace_ms)
{
	char data[EVENT];
	const struct err *err = NULL;

	memset(data, 'x', sizeof(data));
	for (unsigned i = 0; i < count && !err; i++) {
		err = sse_send(writer, STR_EMPTY, str_n(data, sizeof(data)));
		if (!err && pace_ms)
			err = fiber_sleep_us(pace_ms * USEC_PER_MS);
	}
	return err;
}

static MAY_PARK void
settle(struct durable *durable, struct arena *arena, struct sse_writer *writer, const struct err *err)
{
	const struct err *commit, *why = durable_cut(durable) ? durable_cut(durable) : err;
	struct str last = why ? arena_printf(arena, "data: {\"error\":\"%" STR_F "\"}\n\n", STR_A(why->message)) : STR("data: [DONE]\n\n");
	struct scope scope;

	CHECK_OK(durable_seal(durable, arena, last));
	scope_open_shielded(&scope, SETTLE_US);
	commit = store_tx(world.store, arena, durable_store_in, durable);
	scope_close(&scope);
	CHECK_OK(commit);
	durable_finish(durable, true);
	(void)sse_end(writer, err ? last : STR("data: [DONE]\n\n")); /* one that stays has had everything */
}

static MAY_PARK void
serve(struct http_exchange *exchange, void *arg)
{
	char path[64] = { 0 };
	unsigned number, count, pace_ms;
	struct durable *durable;
	struct sse_writer *writer;
	struct told *told;
	int64_t began_us = clock_mono_us();

	(void)arg;
	memcpy(path, exchange->path.ptr, exchange->path.len < sizeof(path) ? exchange->path.len : sizeof(path) - 1);
	CHECK(sscanf(path, "/%u/%u/%u", &number, &count, &pace_ms) == 3 && number < STREAMS);
	told = &world.told[number];
	CHECK_OK(durable_open(world.durables, exchange->arena,
		&(struct durable_spec){ .kind = DURABLE_CHAT, .tenant = TENANT, .id = arena_printf(exchange->arena, "stream-%u", number), .alias = STR_EMPTY, .key_id = STR("key_a"), .http = exchange },
		&durable));
	CHECK_OK(sse_open(exchange, 0, &writer));
	atomic_store(&told->begun, true);
	told->err = say(writer, count, pace_ms);
	atomic_store(&told->said, true);
	while (atomic_load(&told->held))
		CHECK_OK(fiber_sleep_us(USEC_PER_MS));
	told->took_us = clock_mono_us() - began_us;
	told->cut = durable_cut(durable);
	told->left = durable_left(durable);
	settle(durable, exchange->arena, writer, told->err);
	durable_close(durable);
	atomic_store(&told->done, true);
}

static MAY_PARK void
begin_streams(void *arg)
{
	(void)arg;
	CHECK_OK(durables_start(world.store, &world.bounds, &world.stopping, &world.durables));
}

static MAY_PARK void
end_streams(void *arg)
{
	(void)arg;
	http_server_stop(world.server, 0);
	durables_stop(world.durables);
}

static void
open_world(enum store_engine engine, struct durable_bounds bounds)
{
	struct http_server_spec spec = { .listen = STR("127.0.0.1:0"), .limits = http_limits_default, .handler = serve };

	memset(world.told, 0, sizeof(world.told));
	world.testing = testing_new(engine, 2);
	world.store = testing_open(world.testing, schemas);
	world.bounds = bounds;
	world.arena = arena_new(MIB(16));
	testing_on_loop(world.testing, 0, begin_streams, NULL);
	CHECK_OK(http_server_start(testing_runtime(world.testing), &spec, world.arena, &world.server));
}

static void
close_world(void)
{
	testing_on_loop(world.testing, 0, end_streams, NULL);
	store_close(world.store);
	testing_free(world.testing);
	arena_free(world.arena);
}

/* --- clients --- */

static void
pause_ms(int ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static void
wait_until(atomic_bool *flag)
{
	for (int waited = 0; !atomic_load(flag); waited += 5) {
		CHECK(waited < PATIENCE_MS);
		pause_ms(5);
	}
}

/* A stream that has begun; its socket. */
static int
ask(unsigned number, unsigned count, unsigned pace_ms)
{
	struct str address = http_server_address(world.server);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char request[128];
	int64_t port;
	int fd = socket(AF_INET, SOCK_STREAM, 0), length;

	CHECK(str_to_i64(str_slice(address, str_find_byte(address, ':', 0) + 1, address.len), &port));
	to.sin_port = htons((uint16_t)port);
	CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	length = snprintf(request, sizeof(request), "GET /%u/%u/%u HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", number, count, pace_ms);
	CHECK(write(fd, request, (size_t)length) == length);
	wait_until(&world.told[number].begun);
	return fd;
}

/* Asks and leaves. */
static void
ask_and_leave(unsigned number, unsigned count, unsigned pace_ms)
{
	int fd = ask(number, count, pace_ms);

	pause_ms(50);
	close(fd);
}

static unsigned
count_of(struct str text, const char *what)
{
	unsigned count = 0;

	for (size_t at = 0; (at = str_find(text, str_of(what), at)) != SIZE_MAX; at++)
		count++;
	return count;
}

/* Reads to the end; how many events it was, the end among them. */
static unsigned
read_all(int fd)
{
	struct buf all;
	char piece[4096];
	unsigned count;
	ssize_t got;

	buf_init(&all, NULL, MIB(8));
	while ((got = read(fd, piece, sizeof(piece))) > 0)
		buf_add(&all, str_n(piece, (size_t)got));
	close(fd);
	count = count_of(buf_str(&all), "\ndata: ");
	buf_fini(&all);
	return count;
}

/* --- what was stored --- */

struct rest {
	unsigned number, events;
	const char *last; /* what its last event says */
};

static MAY_PARK void
check_rest(void *arg)
{
	struct rest *rest = arg;
	struct arena *arena = arena_new(MIB(16));
	struct str *runs, event = STR_EMPTY;
	size_t count;
	int64_t next = 0;

	/* The end may be stored while a run before it is: then both have its events, and readers skip those that they have had. */
	CHECK_OK(response_events(world.store, arena, TENANT, arena_printf(arena, "stream-%u", rest->number), -1, &runs, &count));
	for (size_t i = 0; i < count; i++)
		while (durable_next_event(&runs[i], &event))
			next = durable_number(event) == next ? next + 1 : (CHECK(durable_number(event) < next), next);
	CHECK(next == rest->events || (!rest->events && next > 0));
	CHECK(str_find(event, str_of(rest->last), 0) != SIZE_MAX);
	arena_free(arena);
}

static void
check_stored(unsigned number, unsigned events, const char *last)
{
	struct rest rest = { number, events, last };

	testing_on_loop(world.testing, 0, check_rest, &rest);
}

static bool
says(const struct err *err, const char *what)
{
	return err && str_find(err->message, str_of(what), 0) != SIZE_MAX;
}

/* --- the bounds --- */

static void
one_stream(enum store_engine engine)
{
	struct durable_bounds bounds = durable_bounds_default;

	bounds.bytes_max = 4096;
	open_world(engine, bounds);
	assert_int_equal(read_all(ask(0, 20, 0)), 21);
	assert_int_equal(read_all(ask(1, 200, 0)), 201);
	wait_until(&world.told[1].done);
	assert_true(!world.told[0].cut && !world.told[0].err && !world.told[1].err && says(world.told[1].cut, "longer than may be kept"));
	check_stored(0, 21, "[DONE]");
	check_stored(1, 0, "longer than may be kept");
	ask_and_leave(2, 1000, 5);
	wait_until(&world.told[2].done);
	assert_true(world.told[2].left && world.told[2].err && world.told[2].err->kind == ERR_CANCELLED && world.told[2].took_us < 4000 * USEC_PER_MS);
	check_stored(2, 0, "longer than may be kept");
	close_world();
}

static void
all_streams(enum store_engine engine)
{
	struct durable_bounds bounds = durable_bounds_default;
	int first;

	bounds.all_bytes_max = (size_t)40 * (EVENT + 100);
	open_world(engine, bounds);
	atomic_store(&world.told[0].held, true); /* it has said all before the second takes the rest of the room */
	first = ask(0, 25, 10);
	wait_until(&world.told[0].said);
	assert_int_equal(read_all(ask(1, 35, 0)), 36);
	wait_until(&world.told[1].done);
	assert_true(!world.told[1].err && says(world.told[1].cut, "keeps as much as it may"));
	check_stored(1, 0, "keeps as much as it may");
	atomic_store(&world.told[0].held, false);
	assert_int_equal(read_all(first), 26);
	wait_until(&world.told[0].done);
	check_stored(0, 26, "[DONE]");
	assert_int_equal(read_all(ask(2, 35, 0)), 36);
	wait_until(&world.told[2].done);
	assert_false(world.told[2].cut);
	check_stored(2, 36, "[DONE]");
	close_world();
}

static void
streams_alone(enum store_engine engine)
{
	struct durable_bounds bounds = durable_bounds_default;
	int stays;

	bounds.left_max = 1;
	open_world(engine, bounds);
	ask_and_leave(0, 150, 10);
	pause_ms(100);
	stays = ask(1, 60, 10);
	ask_and_leave(2, 150, 10);
	wait_until(&world.told[2].done);
	assert_true(world.told[2].left && world.told[2].err && says(world.told[2].cut, "too many answers go on without their clients"));
	check_stored(2, 0, "too many answers go on without their clients");
	assert_int_equal(read_all(stays), 61);
	wait_until(&world.told[0].done);
	assert_true(world.told[0].left && !world.told[0].err && !world.told[0].cut);
	check_stored(0, 151, "[DONE]");
	ask_and_leave(3, 50, 10);
	wait_until(&world.told[3].done);
	assert_true(!world.told[3].err && !world.told[3].cut);
	check_stored(3, 51, "[DONE]");
	close_world();
}

static void
time_alone(enum store_engine engine)
{
	struct durable_bounds bounds = durable_bounds_default;
	int stays;

	bounds.alone_us = 500 * USEC_PER_MS;
	open_world(engine, bounds);
	stays = ask(0, 150, 10);
	ask_and_leave(1, 100000, 10);
	wait_until(&world.told[1].done);
	assert_true(world.told[1].left && says(world.told[1].err, "went on for too long after its client had left") && world.told[1].err->kind == ERR_TIMEOUT && world.told[1].took_us > bounds.alone_us);
	check_stored(1, 0, "went on for too long after its client had left");
	assert_int_equal(read_all(stays), 151);
	wait_until(&world.told[0].done);
	assert_false(world.told[0].err);
	close_world();
}

static void
a_stopped_server(enum store_engine engine)
{
	int stays;

	open_world(engine, durable_bounds_default);
	stays = ask(0, 150, 10);
	ask_and_leave(1, 100000, 10);
	atomic_store(&world.stopping, true);
	wait_until(&world.told[1].done);
	assert_true(says(world.told[1].err, "the server was stopped"));
	check_stored(1, 0, "the server was stopped");
	assert_int_equal(read_all(stays), 151);
	wait_until(&world.told[0].done);
	atomic_store(&world.stopping, false);
	close_world();
}

/* --- deleting --- */

struct aged {
	unsigned from, count;
	int64_t created_us, lease_until_us;
};

static MAY_PARK const struct err *
insert_aged(struct tx *tx, void *arg)
{
	const struct aged *aged = arg;
	const struct err *err = NULL;

	for (unsigned i = aged->from; i < aged->from + aged->count && !err; i++) {
		struct str id = arena_printf(tx_arena(tx), "aged-%u", i);

		err = tx_exec(tx, &stmt_stream_insert,
			PARAMS(V_INT(TENANT), V_TEXT(id), V_TEXT(STR_EMPTY), V_TEXT(STR("key_a")), V_INT(DURABLE_CHAT), V_INT(aged->created_us), V_TEXT(STR("somebody")),
				V_INT(aged->lease_until_us)),
			NULL);
		if (!err)
			err = tx_exec(tx, &stmt_response_event_insert, PARAMS(V_INT(TENANT), V_TEXT(id), V_INT(0), V_INT(0), V_BLOB(STR("id: 0\ndata: x\n\n"))), NULL);
	}
	return err;
}

/* How many of them are there. `still`: nobody deletes meanwhile, so those that are have their events, and those that are not have none. */
static MAY_PARK unsigned
count_aged(struct store *store, unsigned from, unsigned to, bool still)
{
	struct arena *arena = arena_new(MIB(16));
	unsigned there = 0;

	for (unsigned i = from; i < to; i++) {
		struct str id = arena_printf(arena, "aged-%u", i), *runs;
		struct durable_stored stored;
		size_t count;
		bool found;

		CHECK_OK(durable_get(store, arena, TENANT, DURABLE_CHAT, id, STR_EMPTY, &stored, &found));
		CHECK_OK(response_events(store, arena, TENANT, id, -1, &runs, &count));
		CHECK(!still || found == (count > 0));
		there += found;
	}
	arena_free(arena);
	return there;
}

static MAY_PARK void
aged_streams_go_in_steps(struct store *store, void *arg)
{
	static const struct err planned = { .kind = ERR_UNAVAILABLE, .message = STR_INIT("planned") };
	struct arena *arena = arena_new(MIB(16));
	int64_t now_us = clock_wall_us(), hour_us = DURABLE_KEPT_US;
	bool more;

	(void)arg;
	CHECK_OK(store_tx(store, arena, insert_aged, &(struct aged){ 0, 250, now_us - hour_us - USEC_PER_SEC, now_us - hour_us }));
	CHECK_OK(store_tx(store, arena, insert_aged, &(struct aged){ 250, 5, now_us - hour_us + 60 * USEC_PER_SEC, now_us - hour_us }));
	CHECK_OK(store_tx(store, arena, insert_aged, &(struct aged){ 255, 5, now_us - 2 * hour_us, now_us + 60 * USEC_PER_SEC }));
	CHECK_OK(durable_retain(store, arena, now_us - hour_us, &more));
	CHECK(more && count_aged(store, 0, 250, true) == 250 - DURABLE_STEP);
	store_fail_nth(store, 0, 1, &planned);
	CHECK_ERR(durable_retain(store, arena, now_us - hour_us, &more), ERR_UNAVAILABLE);
	store_fail_nth(store, 0, 0, NULL);
	CHECK(!more && count_aged(store, 0, 250, true) == 250 - DURABLE_STEP);
	CHECK_OK(durable_retain(store, arena, now_us - hour_us, &more));
	CHECK(more && count_aged(store, 0, 250, true) == 250 - 2 * DURABLE_STEP);
	CHECK_OK(durable_retain(store, arena, now_us - hour_us, &more));
	CHECK(!more && count_aged(store, 0, 250, true) == 0);
	CHECK(count_aged(store, 250, 260, true) == 10); /* the young ones, and those that are still being made */
	arena_free(arena);
}

struct many {
	unsigned left;
	bool still;
};

static MAY_PARK void
put_many(void *arg)
{
	struct arena *arena = arena_new(MIB(16));
	int64_t old_us = clock_wall_us() - 2 * DURABLE_KEPT_US;

	(void)arg;
	CHECK_OK(store_tx(world.store, arena, insert_aged, &(struct aged){ 0, 1030, old_us, old_us }));
	arena_free(arena);
}

static MAY_PARK void
count_many(void *arg)
{
	struct many *many = arg;

	many->left = count_aged(world.store, 0, 1030, many->still);
}

/* By the fiber of a process: all of them, though a tick deletes a few, while streams go on. */
static void
a_process_deletes(enum store_engine engine)
{
	struct many many = { 1, true };
	int stays;

	test_clock_begin();
	open_world(engine, durable_bounds_default);
	testing_on_loop(world.testing, 0, put_many, NULL);
	stays = ask(0, 200, 10);
	testing_on_loop(world.testing, 0, count_many, &many);
	assert_int_equal(many.left, 1030);
	many.still = false;
	test_clock_pass(61 * USEC_PER_SEC);
	for (int waited = 0; many.left && waited < PATIENCE_MS; waited += 200) {
		pause_ms(200);
		testing_on_loop(world.testing, 0, count_many, &many);
	}
	many.still = true;
	testing_on_loop(world.testing, 0, count_many, &many);
	assert_int_equal(many.left, 0);
	assert_int_equal(read_all(stays), 201);
	wait_until(&world.told[0].done);
	check_stored(0, 201, "[DONE]");
	close_world();
	test_clock_end();
}

/* --- on each engine --- */

static void
on_each(void (*fn)(enum store_engine engine))
{
	for (int engine = STORE_SQLITE; engine <= STORE_POSTGRES; engine++)
		if (testing_has((enum store_engine)engine))
			fn((enum store_engine)engine);
}

static void
a_stream_past_its_own_bound_is_whole_for_who_stays_and_cut_for_who_comes_back(void **state)
{
	(void)state;
	on_each(one_stream);
}

static void
past_the_bound_of_all_streams_what_is_said_is_not_kept_until_others_end(void **state)
{
	(void)state;
	on_each(all_streams);
}

static void
past_the_number_of_streams_alone_one_ends_with_its_client(void **state)
{
	(void)state;
	on_each(streams_alone);
}

static void
a_stream_alone_for_too_long_ends(void **state)
{
	(void)state;
	on_each(time_alone);
}

static void
a_server_that_stops_ends_streams_alone(void **state)
{
	(void)state;
	on_each(a_stopped_server);
}

static void
streams_past_their_time_are_deleted_in_steps(void **state)
{
	(void)state;
	for (int engine = STORE_SQLITE; engine <= STORE_POSTGRES; engine++)
		if (testing_has((enum store_engine)engine))
			testing_run((enum store_engine)engine, schemas, aged_streams_go_in_steps, NULL);
}

static void
a_process_deletes_them_while_streams_go_on(void **state)
{
	(void)state;
	on_each(a_process_deletes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_past_its_own_bound_is_whole_for_who_stays_and_cut_for_who_comes_back),
		cmocka_unit_test(past_the_bound_of_all_streams_what_is_said_is_not_kept_until_others_end),
		cmocka_unit_test(past_the_number_of_streams_alone_one_ends_with_its_client),
		cmocka_unit_test(a_stream_alone_for_too_long_ends),
		cmocka_unit_test(a_server_that_stops_ends_streams_alone),
		cmocka_unit_test(streams_past_their_time_are_deleted_in_steps),
		cmocka_unit_test(a_process_deletes_them_while_streams_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
