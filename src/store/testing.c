/*
 * testing.c - see testing.h.
 */
#include "store/testing.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rt/fiber.h"
#include "store/sqlite_conn.h"

struct testing {
	enum store_engine engine;
	struct runtime *runtime;
	char directory[64]; /* SQLite */
	char database[64];  /* PostgreSQL */
	char url[512];
};

_Noreturn void
check_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

void
check_ok(const struct err *err, const char *file, int line)
{
	if (!err)
		return;
	for (const struct err *e = err; e; e = e->cause)
		fprintf(stderr, "%s: %" STR_F " (%" STR_F ")\n", err_kind_name(e->kind), STR_A(e->message), STR_A(e->detail));
	check_failed("no error", file, line);
}

void
check_err(const struct err *err, enum err_kind kind, const char *file, int line)
{
	if (err && err->kind == kind)
		return;
	fprintf(stderr, "expected the error %s\n", err_kind_name(kind));
	check_ok(err, file, line);
	check_failed("an error", file, line);
}

static const char *
postgres_conninfo(void)
{
	return getenv("CORBEL_TEST_POSTGRES");
}

bool
testing_has(enum store_engine engine)
{
	return engine == STORE_SQLITE || (postgres_conninfo() && *postgres_conninfo());
}

/* Runs a command on the server's own database; ours may not exist yet, or must not be in use. */
static void
server_exec(const char *format, const char *database)
{
	PGconn *conn = PQconnectdb(postgres_conninfo());
	char sql[256];
	PGresult *result;

	snprintf(sql, sizeof(sql), format, database);
	result = PQexec(conn, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		check_failed(PQerrorMessage(conn), __FILE__, __LINE__);
	PQclear(result);
	PQfinish(conn);
}

struct testing *
testing_new(enum store_engine engine, unsigned loops)
{
	static unsigned count;
	struct testing *testing = mem_zalloc(sizeof(*testing));

	testing->engine = engine;
	testing->runtime = runtime_new(loops);
	if (engine == STORE_SQLITE) {
		snprintf(testing->directory, sizeof(testing->directory), "/tmp/corbel-store-XXXXXX");
		if (!mkdtemp(testing->directory))
			check_failed("a temporary directory", __FILE__, __LINE__);
		snprintf(testing->url, sizeof(testing->url), "sqlite:%s/corbel.db", testing->directory);
	} else {
		snprintf(testing->database, sizeof(testing->database), "corbel_test_%d_%u", (int)getpid(), count++);
		server_exec("create database %s", testing->database);
		snprintf(testing->url, sizeof(testing->url), "postgres: %s dbname=%s", postgres_conninfo(), testing->database);
	}
	runtime_start(testing->runtime);
	return testing;
}

void
testing_free(struct testing *testing)
{
	static const char *const names[] = { "corbel.db", "corbel.db-wal", "corbel.db-shm", "copy.db" };
	char path[128];

	runtime_stop(testing->runtime);
	runtime_free(testing->runtime);
	if (testing->engine == STORE_POSTGRES)
		server_exec("drop database %s with (force)", testing->database);
	for (size_t i = 0; i < COUNT(names) && testing->engine == STORE_SQLITE; i++) {
		snprintf(path, sizeof(path), "%s/%s", testing->directory, names[i]);
		unlink(path);
	}
	if (testing->engine == STORE_SQLITE)
		rmdir(testing->directory);
	free(testing);
}

struct str
testing_url(const struct testing *testing)
{
	return str_of(testing->url);
}

struct runtime *
testing_runtime(const struct testing *testing)
{
	return testing->runtime;
}

static struct store *
open_store(struct testing *testing, const struct store_schema *const *schemas, enum store_durability durability)
{
	const struct store_spec spec = { .url = testing_url(testing), .schemas = schemas, .durability = durability };
	struct arena *arena = arena_new(MIB(1));
	struct store *store;

	CHECK_OK(store_open(&spec, testing->runtime, arena, &store));
	arena_free(arena);
	return store;
}

struct store *
testing_open(struct testing *testing, const struct store_schema *const *schemas)
{
	return open_store(testing, schemas, STORE_DURABLE_PROCESS);
}

struct store *
testing_open_durable(struct testing *testing, const struct store_schema *const *schemas)
{
	return open_store(testing, schemas, STORE_DURABLE_POWER);
}

struct errand {
	void (*fn)(void *arg);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned left;
};

static void
errand_run(void *arg)
{
	struct errand *errand = arg;

	errand->fn(errand->arg);
	pthread_mutex_lock(&errand->lock);
	errand->left--;
	pthread_cond_signal(&errand->ended);
	pthread_mutex_unlock(&errand->lock);
}

static void
errand_start(void *arg)
{
	CHECK_OK(fiber_go("errand", NULL, errand_run, arg));
}

static void
errand_wait(struct errand *errand)
{
	pthread_mutex_lock(&errand->lock);
	while (errand->left)
		pthread_cond_wait(&errand->ended, &errand->lock);
	pthread_mutex_unlock(&errand->lock);
}

void
testing_on_loop(struct testing *testing, unsigned loop, void (*fn)(void *arg), void *arg)
{
	struct errand errand = { fn, arg, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 1 };

	loop_post(runtime_loop(testing->runtime, loop), errand_start, &errand);
	errand_wait(&errand);
}

void
testing_on_loops(struct testing *testing, void (*fn)(void *arg), void *arg)
{
	unsigned loops = runtime_loop_count(testing->runtime);
	struct errand errand = { fn, arg, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, loops };

	for (unsigned i = 0; i < loops; i++)
		loop_post(runtime_loop(testing->runtime, i), errand_start, &errand);
	errand_wait(&errand);
}

struct story {
	void (*fn)(struct store *store, void *arg);
	struct store *store;
	void *arg;
};

static void
story_run(void *arg)
{
	struct story *story = arg;

	story->fn(story->store, story->arg);
}

void
testing_run(enum store_engine engine, const struct store_schema *const *schemas, void (*fn)(struct store *store, void *arg), void *arg)
{
	struct testing *testing = testing_new(engine, 1);
	struct story story = { fn, testing_open(testing, schemas), arg };

	testing_on_loop(testing, 0, story_run, &story);
	store_close(story.store);
	testing_free(testing);
}

static void
check_on_sqlite(struct testing *testing, const struct stmt *stmt, struct arena *arena)
{
	struct sqlite_conn conn;
	sqlite3_stmt *handle;

	CHECK_OK(sqlite_conn_open(&conn, testing->url + strlen("sqlite:"), SQLITE_READER, STORE_DURABLE_PROCESS, arena));
	CHECK_OK(sqlite_conn_prepare(&conn, stmt, arena, &handle)); /* compares the counts */
	sqlite_conn_close(&conn);
}

static void
check_on_postgres(struct testing *testing, const struct stmt *stmt)
{
	PGconn *conn = PQconnectdb(testing->url + strlen("postgres:"));
	PGresult *result = PQprepare(conn, stmt->name, stmt->sql[STORE_POSTGRES], 0, NULL);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		check_failed(PQerrorMessage(conn), stmt->name, 0);
	PQclear(result);
	result = PQdescribePrepared(conn, stmt->name);
	if (PQnparams(result) != (int)stmt->params || PQnfields(result) != (int)stmt->columns)
		check_failed("parameters and columns as declared", stmt->name, 0);
	PQclear(result);
	PQfinish(conn);
}

void
testing_check_statements(struct testing *testing, const struct store_schema *const *schemas)
{
	struct arena *arena = arena_new(MIB(1));

	for (size_t s = 0; schemas[s]; s++) {
		for (size_t i = 0; schemas[s]->statements[i]; i++) {
			if (testing->engine == STORE_SQLITE)
				check_on_sqlite(testing, schemas[s]->statements[i], arena);
			else
				check_on_postgres(testing, schemas[s]->statements[i]);
		}
	}
	arena_free(arena);
}
