/*
 * store_postgres_test.c - what is PostgreSQL's alone: lost connections, a server that goes and comes back, notices between nodes, pipelines. Runs when CORBEL_TEST_POSTGRES
 * says where a server is; the server is killed and started again when CORBEL_TEST_POSTGRES_DIR and CORBEL_TEST_POSTGRES_TOOL say how.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "rt/fiber.h"
#include "rt/group.h"
#include "store/testing.h"

#include "store_suite_sql.h"

static const struct store_schema *const suite[] = { &store_suite_schema, NULL };

struct add {
	int64_t id;
	int runs;
};

static const struct err *
add_thing(struct tx *tx, void *arg)
{
	struct add *add = arg;
	struct str title = arena_printf(tx_arena(tx), "thing %lld", (long long)add->id);
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_thing_add, PARAMS(V_INT(add->id), V_TEXT(title)), NULL);

	add->runs++;
	return err ? err : tx_exec(tx, &stmt_thing_count, NO_PARAMS, &rows);
}

static bool
has_thing(struct store *store, struct arena *arena, int64_t id)
{
	struct rows rows;

	CHECK_OK(store_query(store, arena, &stmt_thing_sum, PARAMS(V_INT(id), V_INT(id)), &rows));
	return rows_int(&rows, 0, 0) == 1;
}

/* Runs a statement on the server's first database, beside the store. */
static void
beside(const char *sql)
{
	PGconn *conn = PQconnectdb(getenv("CORBEL_TEST_POSTGRES"));
	PGresult *result = PQexec(conn, sql);

	CHECK(PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK);
	PQclear(result);
	PQfinish(conn);
}

static void
end_all_sessions(void)
{
	beside("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'corbel'");
}

static void
lose_before_a_statement(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	struct add add = { .id = 1 };

	(void)arg;
	CHECK(fault_arm(STR("store_pg_statement"), 2)); /* the count, after the insert */
	CHECK_OK(store_tx(store, arena, add_thing, &add));
	CHECK(add.runs == 2 && has_thing(store, arena, 1));
	arena_free(arena);
}

static void
a_connection_lost_before_the_commit_costs_another_run_and_no_error(void **state)
{
	(void)state;
	testing_run(STORE_POSTGRES, suite, lose_before_a_statement, NULL);
}

static void
lose_the_answer(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	struct add add = { .id = 1 };

	(void)arg;
	CHECK(fault_arm(STR("store_pg_commit"), 1));
	CHECK_ERR(store_tx(store, arena, add_thing, &add), ERR_UNKNOWN_OUTCOME);
	CHECK(add.runs == 1);
	CHECK_OK(store_tx(store, arena, add_thing, &(struct add){ .id = 2 }));
	arena_free(arena);
}

static void
a_lost_answer_to_a_commit_is_an_unknown_outcome(void **state)
{
	(void)state;
	testing_run(STORE_POSTGRES, suite, lose_the_answer, NULL);
}

static void
lose_idle_connections(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));

	(void)arg;
	for (int64_t id = 1; id <= 5; id++) {
		CHECK_OK(store_tx(store, arena, add_thing, &(struct add){ .id = id }));
		CHECK(has_thing(store, arena, id));
		end_all_sessions(); /* and at once the next statement: the loss may not have been seen yet */
	}
	arena_free(arena);
}

static void
sessions_that_the_server_has_ended_are_replaced_without_an_error(void **state)
{
	(void)state;
	testing_run(STORE_POSTGRES, suite, lose_idle_connections, NULL);
}

struct reader {
	struct store *store;
	int64_t number;
};

static const struct err *
read_many(void *arg)
{
	struct reader *reader = arg;
	struct arena *arena = arena_new(MIB(8));
	struct rows rows;

	for (int i = 0; i < 20; i++) {
		int64_t count = 1 + (reader->number * 37 + i * 11) % 300;

		CHECK_OK(store_query(reader->store, arena, &stmt_rows_many, PARAMS(V_INT(count), V_TEXT(STR("x"))), &rows));
		CHECK(rows.count == (size_t)count && rows_int(&rows, (size_t)count - 1, 0) == count);
		CHECK_OK(store_query(reader->store, arena, &stmt_values_echo,
			PARAMS(V_INT(reader->number), V_REAL(0.5), V_NULL, V_BLOB(STR("\0\xff"))), &rows));
		CHECK(rows_int(&rows, 0, 0) == reader->number && rows_null(&rows, 0, 2) && rows_text(&rows, 0, 3).len == 2);
		arena_reset(arena);
	}
	arena_free(arena);
	return NULL;
}

static const struct err *
leave_early(void *arg)
{
	struct reader *reader = arg;
	struct arena *arena = arena_new(MIB(1));
	struct scope scope;
	struct rows rows;

	scope_open(&scope, (reader->number % 7) * USEC_PER_MS);
	store_query(reader->store, arena, &stmt_rows_many, PARAMS(V_INT(100000), V_TEXT(STR("x"))), &rows);
	scope_close(&scope);
	arena_free(arena);
	return NULL;
}

static void
read_together(struct store *store, void *arg)
{
	struct reader readers[60];
	struct group group;

	(void)arg;
	group_open(&group);
	for (int i = 0; i < 60; i++) {
		readers[i] = (struct reader){ store, i };
		CHECK_OK(group_go(&group, "reader", i % 3 ? read_many : leave_early, &readers[i]));
	}
	CHECK_OK(group_wait(&group));
}

static void
each_of_many_pipelined_reads_gets_its_own_answer_though_some_leave(void **state)
{
	(void)state;
	testing_run(STORE_POSTGRES, suite, read_together, NULL);
}

static atomic_int heard;

static void
on_change(void *arg)
{
	(void)arg;
	atomic_fetch_add(&heard, 1);
}

static const struct err *
notify(struct tx *tx, void *arg)
{
	(void)arg;
	return tx_notify(tx, "things");
}

static bool
hears_soon(void)
{
	for (int i = 0; i < 200 && atomic_load(&heard) == 0; i++)
		fiber_sleep_us(5 * USEC_PER_MS);
	return atomic_exchange(&heard, 0) > 0;
}

static void
notify_from(void *arg)
{
	struct arena *arena = arena_new(MIB(1));

	fiber_sleep_us(300 * USEC_PER_MS);
	atomic_store(&heard, 0);
	CHECK_OK(store_tx(arg, arena, notify, NULL));
	CHECK(hears_soon());
	end_all_sessions();
	CHECK(hears_soon()); /* the listener is back: something may have been missed */
	CHECK_OK(store_tx(arg, arena, notify, NULL));
	CHECK(hears_soon());
	arena_free(arena);
}

static void
a_change_on_one_node_is_heard_on_the_other_also_after_a_loss(void **state)
{
	struct testing *testing = testing_new(STORE_POSTGRES, 1);
	struct store *one = testing_open(testing, suite), *other = testing_open(testing, suite);

	(void)state;
	store_listen(other, "things", on_change, NULL);
	testing_on_loop(testing, 0, notify_from, one);
	store_close(one);
	store_close(other);
	testing_free(testing);
}

static void
names_are_looked_up_and_a_wrong_one_is_unavailable(void **state)
{
	struct testing *testing = testing_new(STORE_POSTGRES, 1);
	struct arena *arena = arena_new(MIB(1));
	char url[600];
	const struct store_spec spec = { .url = { url, 0 }, .schemas = suite };
	struct store_spec named = spec;
	struct store *store;

	(void)state;
	snprintf(url, sizeof(url), "%s host=localhost", testing_url(testing).ptr);
	named.url = str_of(url);
	CHECK_OK(store_open(&named, testing_runtime(testing), arena, &store));
	store_listen(store, "things", on_change, NULL);
	testing_on_loop(testing, 0, notify_from, store);
	store_close(store);
	snprintf(url, sizeof(url), "%s host=nowhere.invalid", testing_url(testing).ptr);
	named.url = str_of(url);
	CHECK_ERR(store_open(&named, testing_runtime(testing), arena, &store), ERR_UNAVAILABLE);
	CHECK_ERR(
		store_open(&(struct store_spec){ .url = STR("postgres:host"), .schemas = suite }, testing_runtime(testing), arena, &store),
		ERR_INVALID);
	arena_free(arena);
	testing_free(testing);
}

/* ---- the server killed and started again, under load */

enum { WRITERS = 8, OUTCOMES = 4000 };

struct load {
	struct store *store;
	atomic_long next;
	atomic_bool stop;
	_Atomic(unsigned char) outcome[OUTCOMES]; /* 0: not tried, 1: done, 2: not done, 3: unknown */
	atomic_long slowest_us;
};

static const struct err *
load_writer(void *arg)
{
	struct load *load = arg;
	struct arena *arena = arena_new(MIB(1));
	long id;

	while (!atomic_load(&load->stop) && (id = atomic_fetch_add(&load->next, 1)) < OUTCOMES) {
		int64_t start = clock_mono_us(), took;
		const struct err *err = store_tx(load->store, arena, add_thing, &(struct add){ .id = id });

		took = clock_mono_us() - start;
		if (took > atomic_load(&load->slowest_us))
			atomic_store(&load->slowest_us, took);
		if (err && err->kind != ERR_UNKNOWN_OUTCOME && err->kind != ERR_BUSY)
			CHECK_ERR(err, ERR_UNAVAILABLE);
		atomic_store(&load->outcome[id], !err ? 1 : err->kind == ERR_UNKNOWN_OUTCOME ? 3 : 2);
		arena_reset(arena);
		if (err)
			fiber_sleep_us(20 * USEC_PER_MS);
	}
	arena_free(arena);
	return NULL;
}

static void
load_writers(void *arg)
{
	struct group group;

	group_open(&group);
	for (int i = 0; i < WRITERS; i++)
		CHECK_OK(group_go(&group, "writer", load_writer, arg));
	CHECK_OK(group_wait(&group));
}

static void
server(const char *verb)
{
	char command[512];

	snprintf(command, sizeof(command), "%s %s %s", getenv("CORBEL_TEST_POSTGRES_TOOL"), verb, getenv("CORBEL_TEST_POSTGRES_DIR"));
	CHECK(system(command) == 0);
}

static void *
kill_and_restart(void *arg)
{
	struct load *load = arg;

	for (int round = 0; round < 2; round++) {
		usleep(300000);
		server("stop");
		usleep(200000);
		server("start");
	}
	usleep(500000);
	atomic_store(&load->stop, true);
	return NULL;
}

static void
check_outcomes(void *arg)
{
	struct load *load = arg;
	struct arena *arena = arena_new(MIB(1));
	int counts[4] = { 0 };

	while (store_ready(load->store, arena)) /* this loop may have to wait for its next try */
		fiber_sleep_us(10 * USEC_PER_MS);
	for (int64_t id = 0; id < OUTCOMES; id++) {
		int outcome = atomic_load(&load->outcome[id]);

		counts[outcome]++;
		if (outcome == 1 || outcome == 2)
			CHECK(has_thing(load->store, arena, id) == (outcome == 1));
		arena_reset(arena);
	}
	CHECK(counts[1] > 50 && counts[2] > 5);
	CHECK(atomic_load(&load->slowest_us) < 8 * USEC_PER_SEC);
	arena_free(arena);
}

static void
a_server_killed_under_load_loses_nothing_and_comes_back_by_itself(void **state)
{
	struct testing *testing;
	struct load *load;
	pthread_t killer;

	(void)state;
	if (!getenv("CORBEL_TEST_POSTGRES_DIR") || !getenv("CORBEL_TEST_POSTGRES_TOOL"))
		skip();
	testing = testing_new(STORE_POSTGRES, 2);
	load = mem_zalloc(sizeof(*load));
	load->store = testing_open(testing, suite);
	CHECK(pthread_create(&killer, NULL, kill_and_restart, load) == 0);
	testing_on_loops(testing, load_writers, load);
	pthread_join(killer, NULL);
	testing_on_loop(testing, 1, check_outcomes, load);
	store_close(load->store);
	free(load);
	testing_free(testing);
}

static void
ask_a_server_that_is_gone(void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	int64_t start = clock_mono_us();
	const struct err *err = NULL;

	for (int i = 0; i < 200; i++) {
		err = store_ready(arg, arena);
		CHECK_ERR(err, ERR_UNAVAILABLE);
		CHECK_ERR(store_tx(arg, arena, add_thing, &(struct add){ .id = 1 }), ERR_UNAVAILABLE);
	}
	CHECK(err->retryable && err->retry_after_us > 0);
	CHECK(clock_mono_us() - start < 2 * USEC_PER_SEC); /* at once, not after a time-out each */
	arena_free(arena);
}

static void
wait_for_it(void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	int64_t start = clock_mono_us();

	while (store_ready(arg, arena))
		fiber_sleep_us(10 * USEC_PER_MS);
	CHECK(clock_mono_us() - start < 3 * USEC_PER_SEC);
	CHECK_OK(store_tx(arg, arena, add_thing, &(struct add){ .id = 1 }));
	arena_free(arena);
}

static void
while_the_server_is_gone_calls_fail_at_once(void **state)
{
	struct testing *testing;
	struct store *store;

	(void)state;
	if (!getenv("CORBEL_TEST_POSTGRES_DIR") || !getenv("CORBEL_TEST_POSTGRES_TOOL"))
		skip();
	testing = testing_new(STORE_POSTGRES, 1);
	store = testing_open(testing, suite);
	server("stop");
	testing_on_loop(testing, 0, ask_a_server_that_is_gone, store);
	server("start");
	testing_on_loop(testing, 0, wait_for_it, store);
	store_close(store);
	testing_free(testing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_lost_before_the_commit_costs_another_run_and_no_error),
		cmocka_unit_test(a_lost_answer_to_a_commit_is_an_unknown_outcome),
		cmocka_unit_test(sessions_that_the_server_has_ended_are_replaced_without_an_error),
		cmocka_unit_test(each_of_many_pipelined_reads_gets_its_own_answer_though_some_leave),
		cmocka_unit_test(a_change_on_one_node_is_heard_on_the_other_also_after_a_loss),
		cmocka_unit_test(names_are_looked_up_and_a_wrong_one_is_unavailable),
		cmocka_unit_test(a_server_killed_under_load_loses_nothing_and_comes_back_by_itself),
		cmocka_unit_test(while_the_server_is_gone_calls_fail_at_once),
	};

	if (!testing_has(STORE_POSTGRES))
		return 77; /* Meson: skipped */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
