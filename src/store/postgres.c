/*
 * postgres.c - the PostgreSQL engine: opening and reads. The copy and the integrity check of a PostgreSQL database are its own programs' work.
 */
#include "store/postgres.h"

#include <stdlib.h>

enum { CONNS_DEFAULT = 8, READ_RUNS_MAX = 3, RESOLVER_QUEUE_MAX = 256 };

/* A read that met the loss of its connection is sent again: it has changed nothing. */
static MAY_PARK const struct err *
postgres_query(struct store *base, struct arena *arena, const struct stmt *stmt, const struct value *params, struct rows *out)
{
	struct pg_loop *loop = pg_loop_here((struct postgres_store *)base);
	const struct err *err = NULL;
	enum pg_outcome outcome = PG_LOST;

	for (int run = 0; run < READ_RUNS_MAX && outcome == PG_LOST && !err; run++) {
		struct pg_conn *lane = pg_loop_lane(loop);
		int64_t left = scope_left_us();
		struct pg_request *request;

		if (!lane)
			return &err_busy;
		request = pg_request_new(base, stmt, params);
		request->timeout_us = left < PG_STATEMENT_MAX_US ? left + 1 : 0;
		pg_conn_submit(lane, request);
		err = pg_request_wait(lane, request);
		if (err)
			return err;
		outcome = request->outcome;
		if (outcome == PG_ANSWERED)
			err = pg_request_err(request, arena);
		if (outcome == PG_ANSWERED && !err)
			err = rowbuf_move(&request->rows, arena, out);
		pg_request_free(request);
	}
	return outcome == PG_ANSWERED || err ? err : pg_unavailable(loop, arena);
}

static const struct err *
postgres_backup(struct store *store, struct arena *arena, struct str path)
{
	(void)store;
	(void)path;
	return err_new(arena, ERR_UNSUPPORTED, "a PostgreSQL database is copied with pg_dump or pg_basebackup");
}

static const struct err *
postgres_verify(struct store *store, struct arena *arena)
{
	(void)store;
	return err_new(arena, ERR_UNSUPPORTED, "a PostgreSQL database is checked with pg_amcheck, or pg_checksums while it is stopped");
}

/* What was given comes first; the defaults stand where nothing was. */
static const struct err *
make_options(struct pg_options *out, struct str url, struct arena *keep, struct arena *arena)
{
	static const char *const defaults[][2] = {
		{ "application_name", "corbel" },
		{ "client_encoding", "UTF8" },
		{ "gssencmode", "disable" }, /* its handshake blocks */
		{ "connect_timeout", "5" },
		{ "keepalives_idle", "10" },
		{ "keepalives_interval", "5" },
		{ "keepalives_count", "3" },
		{ "tcp_user_timeout", "20000" },
	};
	const bool uri = str_starts(url, STR("postgres://")) || str_starts(url, STR("postgresql://"));
	struct str conninfo = str_slice(url, uri ? 0 : sizeof("postgres:") - 1, url.len);
	char *mistake = NULL;
	PQconninfoOption *parsed = PQconninfoParse(arena_cstr(keep, conninfo), &mistake);
	size_t count = 0;

	if (!parsed) {
		const struct err *err = err_new(arena, ERR_INVALID, "the store's address: %s", mistake ? mistake : "out of memory");

		PQfreemem(mistake);
		return err;
	}
	for (PQconninfoOption *at = parsed; at->keyword && count < PG_OPTIONS_MAX / 2; at++) {
		if (!at->val)
			continue;
		out->keywords[count] = arena_cstr(keep, str_of(at->keyword));
		out->values[count++] = arena_cstr(keep, str_of(at->val));
	}
	PQconninfoFree(parsed);
	for (size_t i = 0; i < COUNT(defaults); i++) {
		size_t at = 0;

		while (at < count && strcmp(out->keywords[at], defaults[i][0]) != 0)
			at++;
		if (at < count)
			continue;
		out->keywords[count] = defaults[i][0];
		out->values[count++] = defaults[i][1];
	}
	return NULL;
}

static void
postgres_close(struct store *base)
{
	struct postgres_store *store = (struct postgres_store *)base;

	for (unsigned i = 0; store->loops && i < runtime_loop_count(store->runtime); i++)
		pg_loop_close(store->loops[i]);
	if (store->resolver)
		pool_free(store->resolver);
	store_fini(base);
	arena_free(store->arena);
	free(store->loops);
	free(store);
}

static const struct err *
postgres_open(const struct store_spec *spec, struct runtime *runtime, struct arena *arena, struct store **out)
{
	struct postgres_store *store = mem_zalloc(sizeof(*store));
	unsigned conns = spec->readers > 1 ? spec->readers : spec->readers == 1 ? 2 : CONNS_DEFAULT;
	const struct err *err;

	store_init(&store->base, &postgres_engine, spec, runtime);
	store->runtime = runtime;
	store->arena = arena_new(MIB(1));
	store->lanes = conns / 2;
	store->tx_conns = conns - store->lanes;
	err = make_options(&store->options, spec->url, store->arena, arena);
	if (!err)
		err = pg_migrate(&store->options, spec->schemas, arena);
	if (err) {
		postgres_close(&store->base);
		return err;
	}
	store->resolver = pool_new("store-resolve", 1, RESOLVER_QUEUE_MAX);
	store->loops = mem_zalloc(runtime_loop_count(runtime) * sizeof(struct pg_loop *));
	for (unsigned i = 0; i < runtime_loop_count(runtime); i++)
		store->loops[i] = pg_loop_new(store, runtime_loop(runtime, i));
	*out = &store->base;
	return NULL;
}

const struct engine postgres_engine = {
	.id = STORE_POSTGRES,
	.open = postgres_open,
	.close = postgres_close,
	.query = postgres_query,
	.tx = postgres_tx,
	.exec = postgres_exec,
	.notify = postgres_notify,
	.backup = postgres_backup,
	.verify = postgres_verify,
};
