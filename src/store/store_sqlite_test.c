/*
 * store_sqlite_test.c - what is SQLite's alone: crashes, bad disks, the length of the log, copies while serving, foreign files.
 *
 *	store_sqlite_test                  the tests
 *	store_sqlite_test write URL LEVEL  writes things from 1 on and prints each number once its commit is acknowledged: to be killed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/random.h"
#include "rt/fiber.h"
#include "rt/group.h"
#include "store/suite/bad_disk.h"
#include "store/testing.h"

#include "store_suite_sql.h"

static const struct store_schema *const suite[] = { &store_suite_schema, NULL };

struct add {
	struct store *store;
	int64_t id;
	size_t bytes;
	const struct err *err;
};

static const struct err *
add_thing(struct tx *tx, void *arg)
{
	const struct add *add = arg;
	struct str title = arena_printf(tx_arena(tx), "%0*lld", (int)add->bytes, (long long)add->id);

	return tx_exec(tx, &stmt_thing_add, PARAMS(V_INT(add->id), V_TEXT(title)), NULL);
}

static const struct err *
add_alone(struct store *store, int64_t id, size_t bytes)
{
	struct arena *arena = arena_new(MIB(1));
	struct add add = { .id = id, .bytes = bytes };
	const struct err *err = store_tx(store, arena, add_thing, &add);
	static struct err copy; /* the kind is enough */

	copy = err ? (struct err){ .kind = err->kind, .message = STR("kept") } : copy;
	arena_free(arena);
	return err ? &copy : NULL;
}

/* Things first…last: how many, and whether their numbers are the sum of first…last. */
static bool
has_things(struct store *store, int64_t first, int64_t last)
{
	struct arena *arena = arena_new(MIB(1));
	struct rows rows;
	bool whole;

	CHECK_OK(store_query(store, arena, &stmt_thing_sum, PARAMS(V_INT(first), V_INT(last)), &rows));
	whole = rows_int(&rows, 0, 0) == last - first + 1 && rows_int(&rows, 0, 1) == (first + last) * (last - first + 1) / 2;
	arena_free(arena);
	return whole;
}

static void
verify(struct store *store)
{
	struct arena *arena = arena_new(MIB(1));

	CHECK_OK(store_verify(store, arena));
	arena_free(arena);
}

/* ---- killed at any moment */

static void
write_for_ever(void *arg)
{
	char line[32];

	for (int64_t id = 1;; id++) {
		CHECK_OK(add_alone(arg, id, 400));
		snprintf(line, sizeof(line), "%lld\n", (long long)id);
		CHECK(write(STDOUT_FILENO, line, strlen(line)) > 0);
	}
}

static void
start_writing(void *arg)
{
	CHECK_OK(fiber_go("writer", NULL, write_for_ever, arg));
}

_Noreturn static void
be_killed(const char *url, const char *level)
{
	const struct store_spec spec = {
		.url = str_of(url),
		.schemas = suite,
		.durability = strcmp(level, "power") == 0 ? STORE_DURABLE_POWER : STORE_DURABLE_PROCESS,
	};
	struct runtime *runtime = runtime_new(1);
	struct arena *arena = arena_new(MIB(1));
	struct store *store;

	CHECK_OK(store_open(&spec, runtime, arena, &store));
	loop_post(runtime_loop(runtime, 0), start_writing, store);
	runtime_start(runtime);
	for (;;)
		pause();
}

/* Starts the writer, kills it after a while, and returns the last number it has told. */
static int64_t
kill_a_writer(struct str url, const char *level, int64_t after_us)
{
	char line[32];
	int64_t last = 0;
	FILE *told;
	int ends[2];
	pid_t child;

	CHECK(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		execl("/proc/self/exe", "store_sqlite_test", "write", url.ptr, level, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	told = fdopen(ends[0], "r");
	CHECK(fgets(line, sizeof(line), told) != NULL); /* it has begun */
	usleep((useconds_t)after_us);
	kill(child, SIGKILL);
	do {
		if (strchr(line, '\n')) /* a line that it could not finish tells nothing */
			CHECK(str_to_i64(str_trim(str_of(line)), &last));
	} while (fgets(line, sizeof(line), told));
	fclose(told);
	waitpid(child, NULL, 0);
	return last;
}

struct check {
	struct store *store;
	int64_t last;
};

static void
check_after_crash(void *arg)
{
	const struct check *check = arg;

	CHECK(check->last > 0 && has_things(check->store, 1, check->last));
	verify(check->store);
	CHECK_OK(add_alone(check->store, 1 << 30, 10));
}

static void
what_was_acknowledged_survives_kill_9(void **state)
{
	static const char *const levels[] = { "power", "process" };

	(void)state;
	for (int round = 0; round < 6; round++) {
		struct testing *testing = testing_new(STORE_SQLITE, 1);
		struct check check = { .last = kill_a_writer(testing_url(testing), levels[round % 2], (int64_t)(random_u64() % 150000)) };

		check.store = testing_open(testing, suite);
		testing_on_loop(testing, 0, check_after_crash, &check);
		store_close(check.store);
		testing_free(testing);
	}
}

/* ---- groups and bad disks */

static const struct err *
adder(void *arg)
{
	struct add *add = arg;

	add->err = add_alone(add->store, add->id, add->bytes);
	return NULL;
}

/* Many at once, so that they share commits; number `large` of them wants a lot of room. */
static void
add_together(struct store *store, struct add *adds, int count, int64_t first, int large)
{
	struct group group;

	group_open(&group);
	for (int i = 0; i < count; i++) {
		adds[i] = (struct add){ .store = store, .id = first + i, .bytes = i == large ? MIB(2) : 20 };
		CHECK_OK(group_go(&group, "adder", adder, &adds[i]));
	}
	CHECK_OK(group_wait(&group));
}

enum { TOGETHER = 60 };

static void
fill_the_disk(struct store *store, void *arg)
{
	struct add adds[TOGETHER];

	(void)arg;
	CHECK_OK(add_alone(store, 1, 10));
	atomic_store(&bad_disk_room, (long long)MIB(1));
	add_together(store, adds, TOGETHER, 2, 30);
	for (int i = 0; i < TOGETHER; i++) {
		if (i == 30)
			CHECK_ERR(adds[i].err, ERR_UNAVAILABLE);
		else
			CHECK_OK(adds[i].err);
	}
	CHECK(has_things(store, 1, 31) && !has_things(store, 32, 32) && has_things(store, 33, TOGETHER + 1));
	atomic_store(&bad_disk_room, 0);
	for (int i = 0; i < 50; i++) /* the log is reused where it can be, so some may still succeed */
		add_alone(store, 1000 + i, 3000);
	CHECK_ERR(add_alone(store, 2000, KIB(64)), ERR_UNAVAILABLE);
	CHECK(has_things(store, 1, 31));
	atomic_store(&bad_disk_room, INT64_MAX);
	CHECK_OK(add_alone(store, 2000, KIB(64)));
	verify(store);
}

static void
a_full_disk_fails_who_needs_the_room_and_nobody_else(void **state)
{
	(void)state;
	testing_run(STORE_SQLITE, suite, fill_the_disk, NULL);
	atomic_store(&bad_disk_room, INT64_MAX);
}

static void
fail_syncs(void *arg)
{
	struct store *store = arg;

	CHECK_OK(add_alone(store, 1, 10));
	atomic_store(&bad_disk_syncs, 0);
	CHECK_ERR(add_alone(store, 2, 10), ERR_IO);
	CHECK(!has_things(store, 2, 2));
	atomic_store(&bad_disk_syncs, -1);
	CHECK_OK(add_alone(store, 2, 10));
	CHECK(has_things(store, 1, 2));
	verify(store);
}

enum { MANY = 10000, MANY_BYTES = 2000 }; /* more than SQLite keeps in memory, so that a part is written before the commit */

static const struct err *
add_many(struct tx *tx, void *arg)
{
	struct add add = { .bytes = MANY_BYTES };
	const struct err *err = NULL;

	for (add.id = *(const int64_t *)arg; add.id < *(const int64_t *)arg + MANY && !err; add.id++)
		err = add_thing(tx, &add);
	return err;
}

static void
count_writes(struct store *store, void *arg)
{
	struct arena *arena = arena_new(MIB(1));
	int64_t first = 3, again = 4;
	long before;

	(void)arg;
	CHECK_OK(add_alone(store, 1, 10)); /* has the head of a new log before it */
	before = atomic_load(&bad_disk_writes);
	CHECK_OK(add_alone(store, 2, KIB(16)));
	CHECK(atomic_load(&bad_disk_writes) == before + 1);
	CHECK_OK(store_tx(store, arena, add_many, &first));
	CHECK(has_things(store, 1, MANY + 2));
	CHECK_ERR(store_tx(store, arena, add_many, &again), ERR_CONFLICT);
	first = MANY + 4;
	again = 2 * MANY;
	CHECK_OK(add_alone(store, again, 10));
	CHECK_ERR(store_tx(store, arena, add_many, &first), ERR_CONFLICT); /* undone when most of it has been written */
	CHECK_OK(add_alone(store, MANY + 3, 10));
	CHECK(has_things(store, 1, MANY + 3) && !has_things(store, MANY + 4, MANY + 4));
	verify(store);
	arena_free(arena);
}

static void
a_commit_is_one_write_to_the_log(void **state)
{
	(void)state;
	testing_run(STORE_SQLITE, suite, count_writes, NULL);
}

static void
a_failed_sync_is_an_error_and_nothing_is_acknowledged(void **state)
{
	struct testing *testing = testing_new(STORE_SQLITE, 1);
	struct store *store = testing_open_durable(testing, suite);

	(void)state;
	testing_on_loop(testing, 0, fail_syncs, store);
	store_close(store);
	testing_free(testing);
}

static void
add_some_twice(struct store *store, void *arg)
{
	struct add adds[TOGETHER];

	(void)arg;
	for (int round = 0; round < 40; round++) { /* the first failure, careful groups after it, and the end of care */
		int64_t first = 1 + round * TOGETHER;
		bool twice = round % 20 < 2;

		if (twice) {
			CHECK_OK(add_alone(store, first + 7, 20));
			CHECK_OK(add_alone(store, first + 40, 20));
		}
		add_together(store, adds, TOGETHER, first, -1);
		for (int i = 0; i < TOGETHER; i++) {
			if (twice && (i == 7 || i == 40))
				CHECK_ERR(adds[i].err, ERR_CONFLICT);
			else
				CHECK_OK(adds[i].err);
		}
		CHECK(has_things(store, 1, first + TOGETHER - 1));
	}
}

static void
members_that_fail_are_undone_and_the_others_of_their_group_are_not(void **state)
{
	(void)state;
	testing_run(STORE_SQLITE, suite, add_some_twice, NULL);
}

static void
fail_a_group_commit(struct store *store, void *arg)
{
	struct add adds[TOGETHER];

	(void)arg;
	CHECK(fault_arm(STR("store_commit"), 1));
	add_together(store, adds, TOGETHER, 1, -1);
	for (int i = 0; i < TOGETHER; i++)
		CHECK_OK(adds[i].err);
	CHECK(has_things(store, 1, TOGETHER));
	CHECK(fault_arm(STR("store_commit"), 1));
	CHECK_ERR(add_alone(store, 1000, 10), ERR_UNAVAILABLE);
	CHECK(!has_things(store, 1000, 1000));
}

static void
a_group_whose_commit_fails_is_run_again_one_by_one(void **state)
{
	(void)state;
	testing_run(STORE_SQLITE, suite, fail_a_group_commit, NULL);
}

/* ---- the log's length */

struct flood {
	struct store *store;
	const char *watched; /* the file whose size is watched */
	atomic_bool done;
	off_t longest;
};

static const struct err *
flood_reader(void *arg)
{
	struct flood *flood = arg;
	struct arena *arena = arena_new(MIB(8));
	struct rows rows;

	while (!atomic_load(&flood->done)) {
		CHECK_OK(store_query(flood->store, arena, &stmt_rows_many, PARAMS(V_INT(4000), V_TEXT(STR("x"))), &rows));
		CHECK_OK(store_query(flood->store, arena, &stmt_thing_count, NO_PARAMS, &rows));
		arena_reset(arena);
	}
	arena_free(arena);
	return NULL;
}

static const struct err *
flood_writer(void *arg)
{
	struct flood *flood = arg;
	struct stat status;

	for (int64_t id = 1; id <= 800; id++) {
		CHECK_OK(add_alone(flood->store, id, KIB(256)));
		if (stat(flood->watched, &status) == 0 && status.st_size > flood->longest)
			flood->longest = status.st_size;
	}
	atomic_store(&flood->done, true);
	return NULL;
}

static void
flood_log(void *arg)
{
	struct group group;

	group_open(&group);
	for (int i = 0; i < 4; i++)
		CHECK_OK(group_go(&group, "reader", flood_reader, arg));
	CHECK_OK(group_go(&group, "writer", flood_writer, arg));
	CHECK_OK(group_wait(&group));
}

static void
the_log_stays_short_under_constant_readers(void **state)
{
	struct testing *testing = testing_new(STORE_SQLITE, 1);
	struct flood flood = { .store = testing_open(testing, suite) };
	char wal[256];

	(void)state;
	snprintf(wal, sizeof(wal), "%s-wal", testing_url(testing).ptr + strlen("sqlite:"));
	flood.watched = wal;
	testing_on_loop(testing, 0, flood_log, &flood); /* 400 MiB go through it: a text and its index */
	/* 32 MiB and what comes while the thread and the writer take their turns: 48 to 64 were seen */
	CHECK(flood.longest < (off_t)MIB(128));
	store_close(flood.store);
	CHECK(access(wal, F_OK) != 0);
	testing_free(testing);
}

/* ---- the file's size */

static const struct err *
delete_all(struct tx *tx, void *arg)
{
	(void)arg;
	return tx_exec(tx, &stmt_thing_delete_all, NO_PARAMS, NULL);
}

static off_t
size_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_size : 0;
}

static void
fill_and_delete(void *arg)
{
	struct flood *flood = arg;
	struct arena *arena = arena_new(MIB(1));

	for (int64_t id = 1; id <= 100; id++)
		CHECK_OK(add_alone(flood->store, id, KIB(100)));
	CHECK_OK(store_tx(flood->store, arena, delete_all, NULL));
	flood->longest = 0;
	for (int i = 0; i < 1000 && (flood->longest < (off_t)MIB(10) || size_of(flood->watched) > (off_t)MIB(6)); i++) {
		off_t size = size_of(flood->watched);

		flood->longest = size > flood->longest ? size : flood->longest;
		fiber_sleep_us(10 * USEC_PER_MS);
	}
	arena_free(arena);
}

static void
an_idle_store_gives_deleted_room_back(void **state)
{
	struct testing *testing = testing_new(STORE_SQLITE, 1);
	struct flood flood = { .store = testing_open(testing, suite), .watched = testing_url(testing).ptr + strlen("sqlite:") };

	(void)state;
	testing_on_loop(testing, 0, fill_and_delete, &flood); /* 20 MB: a text and its index */
	CHECK(flood.longest > (off_t)MIB(10) && size_of(flood.watched) <= (off_t)MIB(6));
	store_close(flood.store);
	testing_free(testing);
}

/* ---- copies */

struct copy {
	struct store *store;
	struct testing *testing;
	atomic_bool done;
	int64_t written;
	char path[256];
};

static const struct err *
copy_writer(void *arg)
{
	struct copy *copy = arg;

	while (!atomic_load(&copy->done))
		CHECK_OK(add_alone(copy->store, ++copy->written, 5000));
	return NULL;
}

static void
copy_while_writing(void *arg)
{
	struct copy *copy = arg;
	struct arena *arena = arena_new(MIB(1));
	struct group group;
	int64_t before;

	for (copy->written = 0; copy->written < 3000;)
		CHECK_OK(add_alone(copy->store, ++copy->written, 5000));
	group_open(&group);
	CHECK_OK(group_go(&group, "writer", copy_writer, copy));
	before = copy->written;
	CHECK(fault_arm(STR("store_backup_step"), 3));
	CHECK_ERR(store_backup(copy->store, arena, str_of(copy->path)), ERR_UNAVAILABLE);
	CHECK(access(copy->path, F_OK) != 0);
	CHECK_OK(store_backup(copy->store, arena, str_of(copy->path)));
	CHECK(copy->written > before); /* nobody waited for it */
	CHECK_ERR(store_backup(copy->store, arena, str_of(copy->path)), ERR_CONFLICT);
	CHECK_ERR(store_backup(copy->store, arena, STR("/nonexistent/copy.db")), ERR_IO);
	atomic_store(&copy->done, true);
	CHECK_OK(group_wait(&group));
	copy->written = before;
	arena_free(arena);
}

static void
check_copy(struct store *store, int64_t at_least)
{
	struct arena *arena = arena_new(MIB(1));
	struct rows rows;

	verify(store);
	CHECK_OK(store_query(store, arena, &stmt_thing_count, NO_PARAMS, &rows));
	CHECK(rows_int(&rows, 0, 0) >= at_least && has_things(store, 1, rows_int(&rows, 0, 0)));
	arena_free(arena);
}

static void
check_copy_on_loop(void *arg)
{
	struct copy *copy = arg;

	check_copy(copy->store, copy->written);
}

static void
a_copy_made_while_writing_is_whole_and_opens(void **state)
{
	struct testing *testing = testing_new(STORE_SQLITE, 1);
	struct copy copy = { .store = testing_open(testing, suite), .testing = testing };
	struct arena *arena = arena_new(MIB(1));
	char url[300];
	const struct store_spec spec = { .url = { url, 0 }, .schemas = suite };
	struct store_spec restored = spec;
	struct str directory;
	struct stat status;

	(void)state;
	directory = str_slice(testing_url(testing), strlen("sqlite:"), testing_url(testing).len - strlen("/corbel.db"));
	snprintf(copy.path, sizeof(copy.path), "%" STR_F "/copy.db", STR_A(directory));
	testing_on_loop(testing, 0, copy_while_writing, &copy);
	store_close(copy.store);
	CHECK(stat(copy.path, &status) == 0 && (status.st_mode & 0777) == 0600);
	snprintf(url, sizeof(url), "sqlite:%s", copy.path);
	restored.url = str_of(url);
	CHECK_OK(store_open(&restored, testing_runtime(testing), arena, &copy.store));
	testing_on_loop(testing, 0, check_copy_on_loop, &copy);
	store_close(copy.store);
	arena_free(arena);
	testing_free(testing);
}

/* ---- files */

static const struct err *
open_url(struct testing *testing, struct str url)
{
	const struct store_spec spec = { .url = url, .schemas = suite };
	struct arena *arena = arena_new(MIB(1));
	static struct err copy;
	struct store *store;
	const struct err *err = store_open(&spec, testing_runtime(testing), arena, &store);

	copy = err ? (struct err){ .kind = err->kind, .message = STR("kept") } : copy;
	if (!err)
		store_close(store);
	arena_free(arena);
	return err ? &copy : NULL;
}

static void
files_of_others_and_places_without_room_are_refused(void **state)
{
	struct testing *testing = testing_new(STORE_SQLITE, 1);
	const char *path = testing_url(testing).ptr + strlen("sqlite:");
	struct stat status;
	sqlite3 *other;
	FILE *garbage;

	(void)state;
	CHECK(sqlite3_open(path, &other) == SQLITE_OK);
	CHECK(sqlite3_exec(other, "create table theirs (a)", NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(other);
	CHECK_ERR(open_url(testing, testing_url(testing)), ERR_CONFLICT);
	garbage = fopen(path, "w");
	fprintf(garbage, "%10000s", "not a database");
	fclose(garbage);
	CHECK_ERR(open_url(testing, testing_url(testing)), ERR_IO);
	CHECK_ERR(open_url(testing, STR("sqlite:/nonexistent/corbel.db")), ERR_UNAVAILABLE);
	CHECK_ERR(open_url(testing, STR("sqlite:/proc/corbel.db")), ERR_UNAVAILABLE);
	CHECK_ERR(open_url(testing, STR("mysql://localhost")), ERR_INVALID);
	unlink(path);
	CHECK_OK(open_url(testing, testing_url(testing)));
	CHECK(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
	testing_free(testing);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_acknowledged_survives_kill_9),
		cmocka_unit_test(a_full_disk_fails_who_needs_the_room_and_nobody_else),
		cmocka_unit_test(a_commit_is_one_write_to_the_log),
		cmocka_unit_test(a_failed_sync_is_an_error_and_nothing_is_acknowledged),
		cmocka_unit_test(members_that_fail_are_undone_and_the_others_of_their_group_are_not),
		cmocka_unit_test(a_group_whose_commit_fails_is_run_again_one_by_one),
		cmocka_unit_test(the_log_stays_short_under_constant_readers),
		cmocka_unit_test(an_idle_store_gives_deleted_room_back),
		cmocka_unit_test(a_copy_made_while_writing_is_whole_and_opens),
		cmocka_unit_test(files_of_others_and_places_without_room_are_refused),
	};

	if (argc == 4 && strcmp(argv[1], "write") == 0)
		be_killed(argv[2], argv[3]);
	bad_disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
