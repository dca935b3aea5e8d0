/*
 * store_test.c - what both engines promise. Every test runs on SQLite, and on PostgreSQL when CORBEL_TEST_POSTGRES says where one is.
 *
 *	store_test           the tests
 *	store_test open URL  opens the store and ends: several of these at once migrate a new database
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "rt/fiber.h"
#include "rt/group.h"
#include "store/testing.h"

#include "store_later_sql.h"
#include "store_suite_sql.h"

static const struct store_schema *const suite[] = { &store_suite_schema, NULL };
static const struct store_schema *const suite_and_later[] = { &store_suite_schema, &store_later_schema, NULL };
static const struct err refusal = { .kind = ERR_QUOTA, .message = STR_INIT("refused by the test") };

static enum store_engine
engine_of(void **state)
{
	return *(const enum store_engine *)*state;
}

struct add {
	int64_t id;
	bool refuse, swallow; /* return an error after the write; hide the error of the write */
	int runs;
};

static const struct err *
add_thing(struct tx *tx, void *arg)
{
	struct add *add = arg;
	struct str title = arena_printf(tx_arena(tx), "thing %lld", (long long)add->id);
	const struct err *err = tx_exec(tx, &stmt_thing_add, PARAMS(V_INT(add->id), V_TEXT(title)), NULL);

	add->runs++;
	if (add->swallow)
		return NULL;
	return err ? err : add->refuse ? &refusal : NULL;
}

static int64_t
count_things(struct store *store, struct arena *arena)
{
	struct rows rows;

	CHECK_OK(store_query(store, arena, &stmt_thing_count, NO_PARAMS, &rows));
	CHECK(rows.count == 1 && rows.columns == 1);
	return rows_int(&rows, 0, 0);
}

static void
write_then_read(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	struct rows rows;

	(void)arg;
	for (int64_t id = 1; id <= 3; id++)
		CHECK_OK(store_tx(store, arena, add_thing, &(struct add){ .id = id }));
	CHECK_OK(store_query(store, arena, &stmt_thing_titles, PARAMS(V_INT(2), V_INT(10)), &rows));
	CHECK(rows.count == 2 && rows_int(&rows, 0, 0) == 2 && str_eq_c(rows_text(&rows, 1, 1), "thing 3"));
	CHECK_OK(store_query(store, arena, &stmt_thing_titles, PARAMS(V_INT(4), V_INT(10)), &rows));
	CHECK(rows.count == 0);
	CHECK_OK(store_ready(store, arena));
	arena_free(arena);
}

static void
a_read_sees_what_was_committed_before_it(void **state)
{
	testing_run(engine_of(state), suite, write_then_read, NULL);
}

static void
refuse_and_swallow(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));

	(void)arg;
	CHECK_OK(store_tx(store, arena, add_thing, &(struct add){ .id = 1 }));
	CHECK_ERR(store_tx(store, arena, add_thing, &(struct add){ .id = 2, .refuse = true }), ERR_QUOTA);
	CHECK_ERR(store_tx(store, arena, add_thing, &(struct add){ .id = 1 }), ERR_CONFLICT);
	CHECK_ERR(store_tx(store, arena, add_thing, &(struct add){ .id = 1, .swallow = true }), ERR_CONFLICT);
	CHECK(count_things(store, arena) == 1);
	arena_free(arena);
}

static void
a_transaction_with_an_error_leaves_nothing_even_if_its_function_hides_it(void **state)
{
	testing_run(engine_of(state), suite, refuse_and_swallow, NULL);
}

/* More things than PostgreSQL is sent without taking an answer; then, if asked, one that is there already. Then how many there are is asked. */
static const struct err *
send_things(struct tx *tx, void *arg)
{
	const bool *twice = arg;
	struct rows rows;
	const struct err *err = NULL;

	for (int64_t id = 1; id <= 100 && !err; id++) {
		char title[32]; /* gone when the statement is answered */

		snprintf(title, sizeof(title), "thing %lld", (long long)id);
		err = tx_send(tx, &stmt_thing_add, PARAMS(V_INT(id), V_TEXT(str_of(title))));
	}
	if (!err && *twice)
		err = tx_send(tx, &stmt_thing_add, PARAMS(V_INT(50), V_TEXT(STR("another"))));
	if (!err)
		err = tx_exec(tx, &stmt_thing_count, NO_PARAMS, &rows);
	CHECK(err || rows_int(&rows, 0, 0) == 100);
	return err ? err : tx_send(tx, &stmt_thing_add, PARAMS(V_INT(101), V_TEXT(STR("the last"))));
}

static void
send_and_count(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));

	(void)arg;
	CHECK_ERR(store_tx(store, arena, send_things, &(bool){ true }), ERR_CONFLICT);
	CHECK(count_things(store, arena) == 0);
	CHECK_OK(store_tx(store, arena, send_things, &(bool){ false }));
	CHECK(count_things(store, arena) == 101);
	arena_free(arena);
}

static void
statements_that_are_sent_are_all_done_or_none(void **state)
{
	testing_run(engine_of(state), suite, send_and_count, NULL);
}

static const struct err *
add_part(struct tx *tx, void *arg)
{
	const struct value *params = arg;

	return tx_exec(tx, &stmt_part_add, params, NULL);
}

static void
break_constraints(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));

	(void)arg;
	CHECK_OK(store_tx(store, arena, add_thing, &(struct add){ .id = 1 }));
	CHECK_OK(store_tx(store, arena, add_part, (void *)PARAMS(V_INT(1), V_TEXT(STR("note")))));
	CHECK_ERR(store_tx(store, arena, add_part, (void *)PARAMS(V_INT(2), V_TEXT(STR("note")))), ERR_CONFLICT);
	CHECK_ERR(store_tx(store, arena, add_part, (void *)PARAMS(V_INT(1), V_TEXT(STR("")))), ERR_INVALID);
	CHECK_ERR(store_tx(store, arena, add_part, (void *)PARAMS(V_INT(1), V_NULL)), ERR_INVALID);
	arena_free(arena);
}

static void
broken_constraints_say_conflict_or_invalid(void **state)
{
	testing_run(engine_of(state), suite, break_constraints, NULL);
}

static const struct err *
put_values(struct tx *tx, void *arg)
{
	const struct value *params = arg;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_values_put, params, &rows);

	CHECK(err || rows.changed == 1);
	return err;
}

static void
check_values(struct store *store, struct arena *arena, const struct value *params)
{
	struct rows rows;

	CHECK_OK(store_tx(store, arena, put_values, (void *)params));
	CHECK_OK(store_query(store, arena, &stmt_values_get, params, &rows));
	CHECK(rows.count == 1 && rows.columns == 5);
	for (size_t i = 0; i < 5; i++) {
		const struct value *got = rows_at(&rows, 0, i), *put = &params[i + 1];

		CHECK(got->type == put->type);
		CHECK(put->type != VALUE_INT || got->integer == put->integer);
		CHECK(put->type != VALUE_REAL || got->real == put->real);
		CHECK((put->type != VALUE_TEXT && put->type != VALUE_BLOB) || str_eq(got->text, put->text));
	}
}

static void
round_trip(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(64));
	char *bytes = arena_alloc(arena, MIB(3));

	(void)arg;
	for (size_t i = 0; i < MIB(3); i++)
		bytes[i] = (char)(i * 7 + (i >> 8));
	check_values(store, arena,
		PARAMS(V_INT(1), V_INT(INT64_MIN), V_REAL(0.1), V_TEXT(STR("h\xc3\xa9llo\t\n\\x '\"\xf0\x9f\x98\x80")),
			V_BLOB(str_n(bytes, 256)), V_INT(1)));
	check_values(store, arena,
		PARAMS(V_INT(2), V_INT(INT64_MAX), V_REAL(-1.7976931348623157e308), V_TEXT(STR("")), V_BLOB(STR("")), V_INT(0)));
	check_values(store, arena, PARAMS(V_INT(3), V_INT(0), V_REAL(5e-324), V_TEXT(STR("\\x00")), V_BLOB(str_n(bytes, MIB(3))), V_NULL));
	check_values(store, arena, PARAMS(V_INT(4), V_NULL, V_NULL, V_NULL, V_NULL, V_NULL));
	arena_free(arena);
}

static void
values_of_every_type_come_back_as_they_were(void **state)
{
	testing_run(engine_of(state), suite, round_trip, NULL);
}

static void
refuse_texts(struct store *store, void *arg)
{
	static const struct str bad[] = { STR_INIT("a\0b"), STR_INIT("\xff"), STR_INIT("\xc3"), STR_INIT("\xed\xa0\x80"),
		STR_INIT("12345678\0"), STR_INIT("\0") };
	struct arena *arena = arena_new(MIB(1));
	struct rows rows;

	(void)arg;
	for (size_t i = 0; i < COUNT(bad); i++) {
		CHECK_ERR(store_query(store, arena, &stmt_words_find, PARAMS(V_TEXT(bad[i])), &rows), ERR_INVALID);
		CHECK_ERR(store_tx(store, arena, add_part, (void *)PARAMS(V_INT(1), V_TEXT(bad[i]))), ERR_INVALID);
	}
	CHECK_OK(store_query(store, arena, &stmt_words_find, PARAMS(V_TEXT(STR("x"))), &rows));
	arena_free(arena);
}

static void
text_that_is_not_utf8_or_has_a_zero_byte_is_refused(void **state)
{
	testing_run(engine_of(state), suite, refuse_texts, NULL);
}

static const struct err *
add_auto(struct tx *tx, void *arg)
{
	int64_t *id = arg;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_thing_add_returning, PARAMS(V_TEXT(STR("auto"))), &rows);

	if (!err)
		*id = rows_int(&rows, 0, 0);
	CHECK(err || (rows.count == 1 && str_eq_c(rows_text(&rows, 0, 1), "auto")));
	return err;
}

static void
count_up(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	int64_t first, second;

	(void)arg;
	CHECK_OK(store_tx(store, arena, add_auto, &first));
	CHECK_OK(store_tx(store, arena, add_auto, &second));
	CHECK(first == 1 && second == 2);
	arena_free(arena);
}

static void
returning_gives_the_identity_of_a_new_row(void **state)
{
	testing_run(engine_of(state), suite, count_up, NULL);
}

static void
ask_too_much(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(256));
	struct str filler = str_n(arena_zalloc(arena, KIB(16)), KIB(16));
	struct rows rows;

	(void)arg;
	memset((char *)filler.ptr, 'x', filler.len);
	CHECK_OK(store_query(store, arena, &stmt_rows_many, PARAMS(V_INT(1000), V_TEXT(filler)), &rows));
	CHECK(rows.count == 1000 && str_eq(rows_text(&rows, 999, 1), filler));
	CHECK_ERR(store_query(store, arena, &stmt_rows_many, PARAMS(V_INT(5000), V_TEXT(filler)), &rows), ERR_TOO_LARGE);
	CHECK_OK(store_query(store, arena, &stmt_rows_many, PARAMS(V_INT(100000), V_TEXT(STR("y"))), &rows));
	CHECK(rows.count == 100000 && rows_int(&rows, 99999, 0) == 100000);
	CHECK(store_ready(store, arena) == NULL);
	arena_free(arena);
}

static void
a_result_over_the_limit_is_an_error_and_the_next_query_works(void **state)
{
	testing_run(engine_of(state), suite, ask_too_much, NULL);
}

static void
write_in_query(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	struct rows rows;

	(void)arg;
	CHECK_ERR(store_query(store, arena, &stmt_thing_delete_all, NO_PARAMS, &rows), ERR_INTERNAL);
	arena_free(arena);
}

static void
a_query_that_writes_is_refused(void **state)
{
	testing_run(engine_of(state), suite, write_in_query, NULL);
}

static void
read_for_ever(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	int64_t start = clock_mono_us();
	struct scope scope;
	struct rows rows;

	(void)arg;
	scope_open(&scope, 100 * USEC_PER_MS);
	CHECK_ERR(store_query(store, arena, &stmt_slow_read, NO_PARAMS, &rows), ERR_TIMEOUT);
	scope_close(&scope);
	CHECK(clock_mono_us() - start < 2 * USEC_PER_SEC);
	CHECK_OK(store_ready(store, arena));
	CHECK(clock_mono_us() - start < 3 * USEC_PER_SEC);
	arena_free(arena);
}

static void
a_read_ends_at_its_deadline(void **state)
{
	testing_run(engine_of(state), suite, read_for_ever, NULL);
}

/* Transfers between accounts from many fibers of two loops. */
enum { ACCOUNTS = 10, MOVERS = 20, MOVES = 15 };

struct bank {
	struct store *store;
	atomic_long done, conflicts;
};

static const struct err *
open_accounts(struct tx *tx, void *arg)
{
	const struct err *err = NULL;

	(void)arg;
	for (int64_t id = 0; id < ACCOUNTS && !err; id++)
		err = tx_exec(tx, &stmt_account_add, PARAMS(V_INT(id), V_INT(1000)), NULL);
	return err;
}

struct move {
	int64_t from, to;
};

static const struct err *
move_money(struct tx *tx, void *arg)
{
	const struct move *move = arg;
	struct rows from, to;
	const struct err *err = tx_exec(tx, &stmt_account_balance, PARAMS(V_INT(move->from)), &from);

	if (!err)
		err = tx_exec(tx, &stmt_account_balance, PARAMS(V_INT(move->to)), &to);
	if (!err)
		err = tx_exec(tx, &stmt_account_set, PARAMS(V_INT(move->from), V_INT(rows_int(&from, 0, 0) - 1)), NULL);
	if (!err && move->to % 3 == 0)
		return &refusal; /* half a move: it must not be seen */
	if (!err)
		err = tx_exec(tx, &stmt_account_set, PARAMS(V_INT(move->to), V_INT(rows_int(&to, 0, 0) + 1)), NULL);
	return err;
}

static const struct err *
mover(void *arg)
{
	struct bank *bank = arg;
	struct arena *arena = arena_new(MIB(1));

	for (int i = 0; i < MOVES; i++) {
		struct move move = { rand() % ACCOUNTS, rand() % ACCOUNTS };
		const struct err *err;

		move.to = move.to == move.from ? (move.from + 1) % ACCOUNTS : move.to;
		err = store_tx(bank->store, arena, move_money, &move);
		if (err && err->kind == ERR_BUSY) /* serializable, and met too many others too often */
			atomic_fetch_add(&bank->conflicts, 1);
		else if (move.to % 3 == 0)
			CHECK_ERR(err, ERR_QUOTA);
		else
			CHECK_OK(err);
		atomic_fetch_add(&bank->done, 1);
		arena_reset(arena);
	}
	arena_free(arena);
	return NULL;
}

static void
movers(void *arg)
{
	struct group group;

	group_open(&group);
	for (int i = 0; i < MOVERS; i++)
		CHECK_OK(group_go(&group, "mover", mover, arg));
	CHECK_OK(group_wait(&group));
}

static void
open_bank(void *arg)
{
	struct bank *bank = arg;
	struct arena *arena = arena_new(MIB(1));

	CHECK_OK(store_tx(bank->store, arena, open_accounts, NULL));
	arena_free(arena);
}

static void
audit_bank(void *arg)
{
	struct bank *bank = arg;
	struct arena *arena = arena_new(MIB(1));
	struct rows rows;

	CHECK_OK(store_query(bank->store, arena, &stmt_account_total, NO_PARAMS, &rows));
	CHECK(rows_int(&rows, 0, 0) == ACCOUNTS * 1000 && rows_int(&rows, 0, 1) == ACCOUNTS);
	CHECK(atomic_load(&bank->done) == 2 * MOVERS * MOVES);
	CHECK(atomic_load(&bank->conflicts) < MOVERS * MOVES / 2);
	arena_free(arena);
}

static void
transactions_of_many_fibers_on_two_loops_are_serializable(void **state)
{
	struct testing *testing = testing_new(engine_of(state), 2);
	struct bank bank = { .store = testing_open(testing, suite) };

	testing_on_loop(testing, 0, open_bank, &bank);
	testing_on_loops(testing, movers, &bank);
	testing_on_loop(testing, 1, audit_bank, &bank);
	store_close(bank.store);
	testing_free(testing);
}

struct cancelled {
	struct store *store;
	struct waiter *begun;
	const struct err *err;
	struct add add;
};

static const struct err *
add_slowly(struct tx *tx, void *arg)
{
	struct cancelled *story = arg;

	wait_wake(story->begun);
	CHECK_OK(tx_exec(tx, &stmt_thing_count, NO_PARAMS, NULL));
	return add_thing(tx, &story->add);
}

static const struct err *
adder(void *arg)
{
	struct cancelled *story = arg;
	struct arena *arena = arena_new(MIB(1));

	story->err = store_tx(story->store, arena, add_slowly, story);
	CHECK_ERR(scope_check(), ERR_CANCELLED);
	CHECK_ERR(store_tx(story->store, arena, add_thing, &(struct add){ .id = 2 }), ERR_CANCELLED);
	arena_free(arena);
	return NULL;
}

static void
cancel_while_committing(struct store *store, void *arg)
{
	struct cancelled story = { .store = store, .begun = waiter_new(), .add = { .id = 1 } };
	struct arena *arena = arena_new(MIB(1));
	struct group group;

	(void)arg;
	group_open(&group);
	CHECK_OK(group_go(&group, "adder", adder, &story));
	wait_end(story.begun);
	group_cancel(&group, &err_cancelled);
	group_wait(&group);
	CHECK_OK(story.err);
	CHECK(count_things(store, arena) == 1);
	waiter_unref(story.begun);
	arena_free(arena);
}

static void
a_transaction_that_has_begun_is_not_cancelled(void **state)
{
	testing_run(engine_of(state), suite, cancel_while_committing, NULL);
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
	const struct err *err = tx_notify(tx, "things");

	if (!err)
		err = tx_notify(tx, "nobody listens to this");
	return err ? err : arg;
}

static bool
hears(int count)
{
	for (int i = 0; i < 200 && atomic_load(&heard) < count; i++)
		fiber_sleep_us(5 * USEC_PER_MS);
	fiber_sleep_us(50 * USEC_PER_MS);
	return atomic_load(&heard) == count;
}

static void
listen_and_notify(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));

	(void)arg;
	fiber_sleep_us(200 * USEC_PER_MS); /* until a listener's own connection is there, whose coming is a notice, too */
	atomic_store(&heard, 0);
	store_listen(store, "things", on_change, NULL);
	store_listen(store, "other things", on_change, NULL);
	CHECK_ERR(store_tx(store, arena, notify, (void *)&refusal), ERR_QUOTA);
	CHECK(hears(0));
	CHECK_OK(store_tx(store, arena, notify, NULL));
	CHECK(hears(1));
	CHECK_OK(store_tx(store, arena, notify, NULL));
	CHECK(hears(2));
	arena_free(arena);
}

static void
listeners_hear_of_commits_and_not_of_rollbacks(void **state)
{
	testing_run(engine_of(state), suite, listen_and_notify, NULL);
}

static void
migrations_run_once_and_a_newer_schema_is_refused(void **state)
{
	struct testing *testing = testing_new(engine_of(state), 1);
	const struct store_spec old = { .url = testing_url(testing), .schemas = suite };
	struct arena *arena = arena_new(MIB(1));
	struct store *store;

	store_close(testing_open(testing, suite));
	store_close(testing_open(testing, suite));
	store_close(testing_open(testing, suite_and_later));
	store_close(testing_open(testing, suite_and_later));
	CHECK_ERR(store_open(&old, testing_runtime(testing), arena, &store), ERR_CONFLICT);
	arena_free(arena);
	testing_free(testing);
}

/* Often enough that one program's first step meets another's last: who closes the database last also clears its log away. */
static int
open_and_end(const char *url)
{
	enum { TIMES = 20 };
	const struct store_spec spec = { .url = str_of(url), .schemas = suite_and_later };
	struct runtime *runtime = runtime_new(1);
	struct arena *arena = arena_new(MIB(1));
	struct store *store;

	for (int i = 0; i < TIMES; i++) {
		CHECK_OK(store_open(&spec, runtime, arena, &store));
		store_close(store);
	}
	arena_free(arena);
	return 0;
}

static void
programs_that_start_together_migrate_once(void **state)
{
	enum { PROGRAMS = 5 };
	struct testing *testing = testing_new(engine_of(state), 1);
	pid_t programs[PROGRAMS];
	int status;

	for (int i = 0; i < PROGRAMS; i++) {
		programs[i] = fork();
		if (programs[i] == 0) {
			execl("/proc/self/exe", "store_test", "open", testing_url(testing).ptr, (char *)NULL);
			_exit(127);
		}
	}
	for (int i = 0; i < PROGRAMS; i++)
		CHECK(waitpid(programs[i], &status, 0) == programs[i] && status == 0);
	store_close(testing_open(testing, suite_and_later));
	testing_free(testing);
}

static void
a_migration_that_fails_leaves_nothing_behind(void **state)
{
	static const struct migration steps[] = {
		{ 9100, "good", { "create table good (a bigint);", "create table good (a bigint);" } },
		{ 9101, "bad", { "create table bad (a bigint); select nonsense", "create table bad (a bigint); select nonsense" } },
		{ 0 },
	};
	static const struct migration mended[] = {
		{ 9100, "good", { "create table good (a bigint);", "create table good (a bigint);" } },
		{ 9101, "bad", { "create table bad (a bigint);", "create table bad (a bigint);" } },
		{ 0 },
	};
	static const struct stmt *const none[] = { NULL };
	static const struct store_schema broken = { "broken", none, steps }, whole = { "whole", none, mended };
	static const struct store_schema *const broken_list[] = { &broken, NULL }, *const whole_list[] = { &whole, NULL };
	struct testing *testing = testing_new(engine_of(state), 1);
	const struct store_spec spec = { .url = testing_url(testing), .schemas = broken_list };
	struct arena *arena = arena_new(MIB(1));
	struct store *store;

	CHECK(store_open(&spec, testing_runtime(testing), arena, &store) != NULL);
	store_close(testing_open(testing, whole_list));
	arena_free(arena);
	testing_free(testing);
}

static void
statements_have_the_parameters_and_columns_that_the_generator_counted(void **state)
{
	struct testing *testing = testing_new(engine_of(state), 1);

	store_close(testing_open(testing, suite));
	testing_check_statements(testing, suite);
	testing_free(testing);
}

/* A few steps as a caller would take them. What fails is repeated once; the end must be the same whatever failed. */
static const struct err *
clear_things(struct tx *tx, void *arg)
{
	(void)arg;
	return tx_exec(tx, &stmt_thing_delete_all, NO_PARAMS, NULL);
}

static int
tell_story(struct store *store, struct arena *arena)
{
	int failures = 0;
	struct rows rows;

	for (int64_t id = 1; id <= 3; id++) {
		if (store_tx(store, arena, add_thing, &(struct add){ .id = id })) {
			failures++;
			CHECK_OK(store_tx(store, arena, add_thing, &(struct add){ .id = id }));
		}
	}
	if (store_query(store, arena, &stmt_thing_count, NO_PARAMS, &rows)) {
		failures++;
		CHECK_OK(store_query(store, arena, &stmt_thing_count, NO_PARAMS, &rows));
	}
	CHECK(rows_int(&rows, 0, 0) == 3);
	store_fail_nth(store, 0, 0, NULL);
	CHECK_OK(store_tx(store, arena, clear_things, NULL));
	return failures;
}

static void
fail_each_call(struct store *store, void *arg)
{
	static const struct err injected = { .kind = ERR_IO, .message = STR_INIT("injected") };
	struct arena *arena = arena_new(MIB(1));
	int failing = 0;

	(void)arg;
	for (long n = 1; n <= 6; n++) {
		store_fail_nth(store, n, 0, &injected);
		failing += tell_story(store, arena);
		store_fail_nth(store, 0, n, &injected);
		failing += tell_story(store, arena);
	}
	CHECK(failing == 4 + 3); /* four calls and three commits: each failed once */
	arena_free(arena);
}

static void
whichever_call_or_commit_fails_the_data_stays_right(void **state)
{
	testing_run(engine_of(state), suite, fail_each_call, NULL);
}

static void
reserve_all(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	int given = 0;

	(void)arg;
	while (!store_reserve(store) && given < 1000000)
		given++;
	CHECK(given >= 20000 && given < 1000000);
	CHECK_ERR(store_reserve(store), ERR_BUSY);
	CHECK_OK(store_tx_reserved(store, arena, add_thing, &(struct add){ .id = 1 }));
	CHECK_OK(store_reserve(store));
	for (int i = 0; i < given; i++)
		store_release(store);
	CHECK(count_things(store, arena) == 1);
	arena_free(arena);
}

static void
reserved_slots_are_bounded_and_come_back(void **state)
{
	testing_run(engine_of(state), suite, reserve_all, NULL);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_sees_what_was_committed_before_it),
		cmocka_unit_test(a_transaction_with_an_error_leaves_nothing_even_if_its_function_hides_it),
		cmocka_unit_test(statements_that_are_sent_are_all_done_or_none),
		cmocka_unit_test(broken_constraints_say_conflict_or_invalid),
		cmocka_unit_test(values_of_every_type_come_back_as_they_were),
		cmocka_unit_test(text_that_is_not_utf8_or_has_a_zero_byte_is_refused),
		cmocka_unit_test(returning_gives_the_identity_of_a_new_row),
		cmocka_unit_test(a_result_over_the_limit_is_an_error_and_the_next_query_works),
		cmocka_unit_test(a_query_that_writes_is_refused),
		cmocka_unit_test(a_read_ends_at_its_deadline),
		cmocka_unit_test(transactions_of_many_fibers_on_two_loops_are_serializable),
		cmocka_unit_test(a_transaction_that_has_begun_is_not_cancelled),
		cmocka_unit_test(listeners_hear_of_commits_and_not_of_rollbacks),
		cmocka_unit_test(migrations_run_once_and_a_newer_schema_is_refused),
		cmocka_unit_test(programs_that_start_together_migrate_once),
		cmocka_unit_test(a_migration_that_fails_leaves_nothing_behind),
		cmocka_unit_test(statements_have_the_parameters_and_columns_that_the_generator_counted),
		cmocka_unit_test(whichever_call_or_commit_fails_the_data_stays_right),
		cmocka_unit_test(reserved_slots_are_bounded_and_come_back),
	};
	static const enum store_engine engines[] = { STORE_SQLITE, STORE_POSTGRES };
	int failed = 0;

	if (argc == 3 && strcmp(argv[1], "open") == 0)
		return open_and_end(argv[2]);
	for (size_t i = 0; i < COUNT(engines); i++) {
		struct CMUnitTest here[COUNT(tests)];

		if (!testing_has(engines[i]))
			continue;
		for (size_t t = 0; t < COUNT(tests); t++) {
			here[t] = tests[t];
			here[t].initial_state = (void *)&engines[i];
		}
		failed += cmocka_run_group_tests_name(i ? "store on PostgreSQL" : "store on SQLite", here, NULL, NULL);
	}
	return failed;
}
