/*
 * store_bench.c - what a durable record costs: transactions of four inserts (two spans, a usage row, a body of 1 KB) through the store, by how many fibers
 * wait at once, beside a bare loop over sqlite3 on one thread, which is what SQLite itself costs. CPU is the whole process's, all threads.
 *
 *	store_bench [SECONDS]                                  SECONDS a line, 2 by default; PostgreSQL's lines when CORBEL_TEST_POSTGRES says where it is
 *	store_bench SECONDS power|process|postgres FIBERS      one line, for a profiler
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "rt/group.h"
#include "rt/scope.h"
#include "store/testing.h"

#include "store_bench_sql.h"

enum { SAMPLES_MAX = 1 << 20, FIBERS_MAX = 1024 };

static const struct store_schema *const schemas[] = { &store_bench_schema, NULL };
static const char *const attributes = "{\"gen_ai.request.model\":\"gpt-x\",\"gen_ai.response.id\":\"chatcmpl-0123456789\",\"gen_ai.usage."
				      "input_tokens\":120,\"gen_ai.usage.output_tokens\":240}";

struct bench {
	struct store *store;
	int64_t seconds, until_us;
	unsigned fibers;
	_Atomic int64_t next;
	int64_t *latencies;
	atomic_size_t samples;
};

/* One record's values: the same for all engines. */
struct record {
	int64_t id, now_us;
	char trace[16], body[1024];
};

static void
record_fill(struct record *record, int64_t id)
{
	record->id = id;
	record->now_us = clock_wall_us();
	memcpy(record->trace, &id, sizeof(id));
}

static const struct err *
record_write(struct tx *tx, void *arg)
{
	const struct record *r = arg;
	const struct value trace = V_BLOB(str_n(r->trace, sizeof(r->trace))), text = V_TEXT(str_of(attributes));
	const struct err *err;

	err = tx_exec(tx, &stmt_bench_span,
		PARAMS(V_INT(2 * r->id), trace, V_NULL, V_INT(1), V_INT(r->now_us), V_INT(r->now_us + 900), text), NULL);
	if (!err)
		err = tx_exec(tx, &stmt_bench_span,
			PARAMS(V_INT(2 * r->id + 1), trace, V_INT(2 * r->id), V_INT(2), V_INT(r->now_us), V_INT(r->now_us + 800), text),
			NULL);
	if (!err)
		err = tx_exec(tx, &stmt_bench_usage,
			PARAMS(V_INT(2 * r->id), V_INT(1), V_TEXT(STR("gpt-x")), V_INT(120), V_INT(240), V_INT(1234)), NULL);
	if (!err)
		err = tx_exec(tx, &stmt_bench_body, PARAMS(V_INT(2 * r->id), V_BLOB(str_n(r->body, sizeof(r->body)))), NULL);
	return err;
}

static const struct err *
recorder(void *arg)
{
	struct bench *bench = arg;
	struct arena *arena = arena_new(MIB(1));
	struct record *record = mem_zalloc(sizeof(*record));
	int64_t begin;

	while ((begin = clock_mono_us()) < bench->until_us) {
		size_t sample;

		record_fill(record, atomic_fetch_add(&bench->next, 1));
		CHECK_OK(store_tx(bench->store, arena, record_write, record));
		sample = atomic_fetch_add(&bench->samples, 1);
		if (sample < SAMPLES_MAX)
			bench->latencies[sample] = clock_mono_us() - begin;
		arena_reset(arena);
	}
	free(record);
	arena_free(arena);
	return NULL;
}

static void
recorders(void *arg)
{
	struct bench *bench = arg;
	struct group group;

	group_open(&group);
	for (unsigned i = 0; i < bench->fibers; i++)
		CHECK_OK(group_go(&group, "recorder", recorder, bench));
	CHECK_OK(group_wait(&group));
}

static int64_t
cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * USEC_PER_SEC + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static int
by_size(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
report(const char *what, struct bench *bench, int64_t wall_us, int64_t cpu)
{
	size_t count = atomic_load(&bench->samples), kept = count < SAMPLES_MAX ? count : SAMPLES_MAX;

	qsort(bench->latencies, kept, sizeof(*bench->latencies), by_size);
	printf("%-34s %8.0f commits/s  %6.1f us CPU each  p50 %6lld us  p99 %6lld us\n", what, (double)count * 1e6 / (double)wall_us,
		(double)cpu / (double)count, (long long)bench->latencies[kept / 2], (long long)bench->latencies[kept * 99 / 100]);
	fflush(stdout);
}

/* SQL as the store's, prepared once; begin, four inserts, commit; one thread that does nothing else. */
static void
bare(struct bench *bench, const char *level)
{
	static const struct stmt *const stmts[] = { &stmt_bench_span, &stmt_bench_usage, &stmt_bench_body };
	struct testing *testing = testing_new(STORE_SQLITE, 1);
	sqlite3_stmt *begin, *commit, *handles[3];
	struct record *r = mem_zalloc(sizeof(*r));
	char sql[64], what[64];
	int64_t start, cpu;
	sqlite3 *db;

	store_close(testing_open(testing, schemas));
	CHECK(sqlite3_open(testing_url(testing).ptr + strlen("sqlite:"), &db) == SQLITE_OK);
	snprintf(sql, sizeof(sql), "pragma synchronous = %s", level);
	sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_prepare_v2(db, "begin immediate", -1, &begin, NULL);
	sqlite3_prepare_v2(db, "commit", -1, &commit, NULL);
	for (size_t i = 0; i < COUNT(stmts); i++)
		sqlite3_prepare_v2(db, stmts[i]->sql[STORE_SQLITE], -1, &handles[i], NULL);
	start = clock_mono_us();
	cpu = cpu_us();
	for (int64_t id = 0, at; (at = clock_mono_us()) < start + bench->seconds * USEC_PER_SEC; id++) {
		record_fill(r, id);
		sqlite3_step(begin);
		sqlite3_reset(begin);
		for (int i = 0; i < 2; i++) {
			sqlite3_bind_int64(handles[0], 1, 2 * id + i);
			sqlite3_bind_blob(handles[0], 2, r->trace, 16, SQLITE_STATIC);
			sqlite3_bind_int64(handles[0], 3, 2 * id);
			for (int column = 4; column <= 6; column++)
				sqlite3_bind_int64(handles[0], column, r->now_us);
			sqlite3_bind_text(handles[0], 7, attributes, -1, SQLITE_STATIC);
			CHECK(sqlite3_step(handles[0]) == SQLITE_DONE);
			sqlite3_reset(handles[0]);
		}
		sqlite3_bind_int64(handles[1], 1, 2 * id);
		sqlite3_bind_int64(handles[1], 2, 1);
		sqlite3_bind_text(handles[1], 3, "gpt-x", -1, SQLITE_STATIC);
		for (int column = 4; column <= 6; column++)
			sqlite3_bind_int64(handles[1], column, 120);
		CHECK(sqlite3_step(handles[1]) == SQLITE_DONE);
		sqlite3_reset(handles[1]);
		sqlite3_bind_int64(handles[2], 1, 2 * id);
		sqlite3_bind_blob(handles[2], 2, r->body, sizeof(r->body), SQLITE_STATIC);
		CHECK(sqlite3_step(handles[2]) == SQLITE_DONE);
		sqlite3_reset(handles[2]);
		CHECK(sqlite3_step(commit) == SQLITE_DONE);
		sqlite3_reset(commit);
		bench->latencies[atomic_fetch_add(&bench->samples, 1) % SAMPLES_MAX] = clock_mono_us() - at;
	}
	snprintf(what, sizeof(what), "bare sqlite3, synchronous=%s", level);
	report(what, bench, clock_mono_us() - start, cpu_us() - cpu);
	sqlite3_finalize(begin);
	sqlite3_finalize(commit);
	for (size_t i = 0; i < COUNT(stmts); i++)
		sqlite3_finalize(handles[i]);
	sqlite3_close(db);
	free(r);
	testing_free(testing);
}

static void
through_store(struct bench *bench, enum store_engine engine, enum store_durability durability, unsigned fibers)
{
	struct testing *testing = testing_new(engine, 1);
	const struct store_spec spec = { .url = testing_url(testing), .durability = durability, .schemas = schemas };
	struct arena *arena = arena_new(MIB(1));
	int64_t start, cpu;
	char what[64];

	CHECK_OK(store_open(&spec, testing_runtime(testing), arena, &bench->store));
	bench->fibers = fibers;
	start = clock_mono_us();
	cpu = cpu_us();
	bench->until_us = start + bench->seconds * USEC_PER_SEC;
	testing_on_loop(testing, 0, recorders, bench);
	snprintf(what, sizeof(what), "%s, %u waiting at once",
		engine                              ? "PostgreSQL"
		: durability == STORE_DURABLE_POWER ? "store, power"
						    : "store, process",
		fibers);
	report(what, bench, clock_mono_us() - start, cpu_us() - cpu);
	store_close(bench->store);
	arena_free(arena);
	testing_free(testing);
}

static struct bench *
bench_new(int64_t seconds)
{
	static int64_t latencies[SAMPLES_MAX];
	static struct bench bench;

	bench = (struct bench){ .seconds = seconds, .latencies = latencies };
	return &bench;
}

int
main(int argc, char **argv)
{
	static const unsigned fibers[] = { 1, 8, 64, 512 };
	int64_t seconds = 2, count = 0;

	CHECK(argc < 2 || str_to_i64(str_of(argv[1]), &seconds));
	CHECK(argc < 4 || str_to_i64(str_of(argv[3]), &count));
	if (argc == 4) {
		through_store(bench_new(seconds), strcmp(argv[2], "postgres") == 0 ? STORE_POSTGRES : STORE_SQLITE,
			strcmp(argv[2], "power") == 0 ? STORE_DURABLE_POWER : STORE_DURABLE_PROCESS, (unsigned)count);
		return 0;
	}
	bare(bench_new(seconds), "full");
	for (size_t i = 0; i < COUNT(fibers); i++)
		through_store(bench_new(seconds), STORE_SQLITE, STORE_DURABLE_POWER, fibers[i]);
	bare(bench_new(seconds), "normal");
	for (size_t i = 0; i < COUNT(fibers); i++)
		through_store(bench_new(seconds), STORE_SQLITE, STORE_DURABLE_PROCESS, fibers[i]);
	for (size_t i = 0; i < 3 && testing_has(STORE_POSTGRES); i++)
		through_store(bench_new(seconds), STORE_POSTGRES, STORE_DURABLE_POWER, fibers[i]);
	return 0;
}
