/*
 * postgres_migrate.c - brings the schema up to date over a connection of its own. Runs once, before the loops serve, and blocks.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/migrate.h"
#include "store/postgres.h"

/* The server's notices ("relation exists, skipping") are of no use to anybody here. */
static void
ignore_notice(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

static const struct err *
server_err(PGconn *pg, const PGresult *result, struct arena *arena)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE), *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const struct err *err = err_new(arena, PQstatus(pg) == CONNECTION_OK ? ERR_INTERNAL : ERR_UNAVAILABLE,
		"the database refused a statement: %s", message ? message : "the connection broke");

	return err_detail(arena, err, "sqlstate %s", sqlstate ? sqlstate : "none");
}

static const struct err *
migrator_exec(void *conn, struct arena *arena, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);
	const struct err *err = NULL;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
		err = server_err(conn, result, arena);
	PQclear(result);
	return err;
}

static const struct err *
migrator_applied(void *conn, struct arena *arena, int **numbers, size_t *count)
{
	PGresult *result = PQexec(conn, "select number from store_migration");
	const struct err *err = NULL;

	*count = 0;
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		err = server_err(conn, result, arena);
	*numbers = err ? NULL : arena_array(arena, (size_t)PQntuples(result), sizeof(**numbers));
	if (!err && !*numbers)
		err = &err_no_memory;
	for (int row = 0; !err && row < PQntuples(result); row++) {
		int64_t number;

		if (!str_to_i64(str_of(PQgetvalue(result, row, 0)), &number))
			err = err_new(arena, ERR_INTERNAL, "the table store_migration is damaged");
		else
			(*numbers)[(*count)++] = (int)number;
	}
	PQclear(result);
	return err;
}

const struct err *
pg_migrate(const struct pg_options *options, const struct store_schema *const *schemas, struct arena *arena)
{
	/* The lock's key is arbitrary: "corbel". It is released with the transaction. */
	struct migrator migrator = { NULL, STORE_POSTGRES, "begin; select pg_advisory_xact_lock(109356914304364)", migrator_exec,
		migrator_applied };
	PGconn *pg = PQconnectdbParams(options->keywords, options->values, 0);
	const struct err *err;

	PQsetNoticeProcessor(pg, ignore_notice, NULL);
	if (PQstatus(pg) != CONNECTION_OK) {
		err = err_detail(arena, err_new(arena, ERR_UNAVAILABLE, "the database cannot be reached"), "%s", PQerrorMessage(pg));
	} else if (PQserverVersion(pg) < 140000) {
		err = err_new(arena, ERR_UNSUPPORTED, "PostgreSQL 14 or newer is needed, this is %d", PQserverVersion(pg) / 10000);
	} else {
		migrator.conn = pg;
		err = migrate(&migrator, schemas, arena);
	}
	PQfinish(pg);
	return err;
}
