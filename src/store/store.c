/*
 * store.c - what both engines share: which engine serves a URL, the checks before a database sees anything, reserved slots, and the failures that tests
 * ask for. See store.h for the contracts and engine.h for what an engine adds.
 */
#include "store/store.h"

#include "base/clock.h"
#include "rt/scope.h"
#include "store/engine.h"
#include "text/utf8.h"

static struct metric transactions = METRIC_COUNTER("corbel_store_transactions_total", "Transactions by how they ended.", "outcome");
static const double tx_bounds[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 0 };
static struct metric tx_seconds =
	METRIC_HISTOGRAM("corbel_store_transaction_seconds", "Time from asking for a transaction to its commit or rollback.", tx_bounds);

/* Of one text or blob. */
#define VALUE_BYTES_MAX MIB(256)

/* More than connections there can be (each holds a descriptor, and at most one settlement is due on it). */
enum { RESERVED_MAX = 65536 };

static const struct {
	struct str scheme;
	const struct engine *engine;
} engines[] = {
	{ STR_INIT("sqlite:"), &sqlite_engine },
	{ STR_INIT("postgres"), &postgres_engine },
};

const struct err *
store_open(const struct store_spec *spec, struct runtime *runtime, struct arena *arena, struct store **out)
{
	for (size_t i = 0; i < COUNT(engines); i++) {
		if (str_starts(spec->url, engines[i].scheme))
			return engines[i].engine->open(spec, runtime, arena, out);
	}
	return err_new(arena, ERR_INVALID, "the store's address begins with \"sqlite:\" or \"postgres://\"");
}

void
store_init(struct store *store, const struct engine *engine, const struct store_spec *spec, struct runtime *runtime)
{
	static atomic_ullong serial;

	store->engine = engine;
	store->serial = atomic_fetch_add(&serial, 1) + 1;
	store->result_bytes_max = spec->result_bytes_max ? spec->result_bytes_max : MIB(64);
	store->committed = metric_series(&transactions, STR("committed"));
	store->failed = metric_series(&transactions, STR("failed"));
	store->seconds = metric_series(&tx_seconds);
	notices_init(&store->notices, runtime_loop(runtime, 0));
}

void
store_fini(struct store *store)
{
	notices_fini(&store->notices);
}

void
store_close(struct store *store)
{
	if (store)
		store->engine->close(store);
}

enum store_engine
store_engine_of(const struct store *store)
{
	return store->engine->id;
}

uint64_t
store_serial(const struct store *store)
{
	return store->serial;
}

/* Whether the countdown ends with this call. */
static bool
count_down(atomic_long *countdown)
{
	return atomic_load_explicit(countdown, memory_order_relaxed) > 0 && atomic_fetch_sub(countdown, 1) == 1;
}

void
store_fail_nth(struct store *store, long calls, long commits, const struct err *err)
{
	store->fail_err = err;
	atomic_store(&store->fail_call, calls);
	atomic_store(&store->fail_commit, commits);
}

static const char *
mistake_in(const struct value *value)
{
	if (value->type != VALUE_TEXT && value->type != VALUE_BLOB)
		return NULL;
	if (value->text.len > VALUE_BYTES_MAX)
		return "a value is too large for the store";
	if (value->type == VALUE_BLOB || value->text.len == 0)
		return NULL;
	if (!utf8_valid(value->text) || memchr(value->text.ptr, '\0', value->text.len))
		return "a text is not valid UTF-8, or has a zero byte in it";
	return NULL;
}

/* What PostgreSQL would refuse is refused for both engines, so that a database can move from one to the other. */
static const struct err *
check_params(struct arena *arena, const struct stmt *stmt, const struct value *params)
{
	for (unsigned i = 0; i < stmt->params; i++) {
		const char *mistake = mistake_in(&params[i]);
		enum err_kind kind;

		if (!mistake)
			continue;
		kind = params[i].text.len > VALUE_BYTES_MAX ? ERR_TOO_LARGE : ERR_INVALID;
		return err_detail(arena, err_new(arena, kind, "%s", mistake), "parameter $%u of %s", i + 1, stmt->name);
	}
	return NULL;
}

const struct err *
store_query(struct store *store, struct arena *arena, const struct stmt *stmt, const struct value *params, struct rows *out)
{
	const struct err *err;

	*out = (struct rows){ 0 };
	if (stmt->writes)
		return err_detail(arena, &err_internal, "%s writes and is not a query", stmt->name);
	if (count_down(&store->fail_call))
		return store->fail_err;
	err = check_params(arena, stmt, params);
	return err ? err : store->engine->query(store, arena, stmt, params, out);
}

static MAY_PARK const struct err *
run_stmt(struct tx *tx, const struct stmt *stmt, const struct value *params, struct rows *out)
{
	if (tx->failed)
		return tx->failed;
	if (count_down(&tx->store->fail_call))
		return tx->failed = tx->store->fail_err;
	tx->failed = check_params(tx->arena, stmt, params);
	if (!tx->failed)
		tx->failed = tx->store->engine->exec(tx, stmt, params, out);
	return tx->failed;
}

const struct err *
tx_exec(struct tx *tx, const struct stmt *stmt, const struct value *params, struct rows *out)
{
	struct rows unused;

	out = out ? out : &unused;
	*out = (struct rows){ 0 };
	return run_stmt(tx, stmt, params, out);
}

const struct err *
tx_send(struct tx *tx, const struct stmt *stmt, const struct value *params)
{
	return run_stmt(tx, stmt, params, NULL);
}

const struct err *
tx_notify(struct tx *tx, const char *topic)
{
	if (!tx->failed)
		tx->failed = tx->store->engine->notify(tx, notices_topic(&tx->store->notices, topic));
	return tx->failed;
}

const struct err *
tx_run(struct tx *tx, tx_fn *fn, void *arg)
{
	const struct err *err = fn(tx, arg);

	if (!err)
		err = tx->failed;
	if (!err && count_down(&tx->store->fail_commit))
		err = tx->store->fail_err;
	return err;
}

uint64_t
tx_commit(const struct tx *tx)
{
	return tx->commit;
}

struct arena *
tx_arena(struct tx *tx)
{
	return tx->arena;
}

struct store *
tx_store(struct tx *tx)
{
	return tx->store;
}

static MAY_PARK const struct err *
run_tx(struct store *store, struct arena *arena, tx_fn *fn, void *arg, bool reserved)
{
	const struct err *err = scope_check(); /* the last moment to leave: what has begun is not cancelled */
	int64_t start_us;

	if (err)
		return err;
	start_us = clock_mono_us();
	err = store->engine->tx(store, arena, fn, arg, reserved);
	metric_series_add(err ? store->failed : store->committed, 1);
	metric_series_observe(&tx_seconds, store->seconds, (double)(clock_mono_us() - start_us) / (double)USEC_PER_SEC);
	return err;
}

const struct err *
store_tx(struct store *store, struct arena *arena, tx_fn *fn, void *arg)
{
	return run_tx(store, arena, fn, arg, false);
}

const struct err *
store_reserve(struct store *store)
{
	if (atomic_fetch_add(&store->reserved, 1) < RESERVED_MAX)
		return NULL;
	atomic_fetch_sub(&store->reserved, 1);
	return &err_busy;
}

void
store_release(struct store *store)
{
	atomic_fetch_sub(&store->reserved, 1);
}

const struct err *
store_tx_reserved(struct store *store, struct arena *arena, tx_fn *fn, void *arg)
{
	const struct err *err = run_tx(store, arena, fn, arg, true);

	store_release(store);
	return err;
}

void
store_listen(struct store *store, const char *topic, void (*fn)(void *arg), void *arg)
{
	notices_listen(&store->notices, topic, fn, arg);
}

const struct err *
store_backup(struct store *store, struct arena *arena, struct str path)
{
	return store->engine->backup(store, arena, path);
}

const struct err *
store_verify(struct store *store, struct arena *arena)
{
	return store->engine->verify(store, arena);
}

const struct err *
store_ready(struct store *store, struct arena *arena)
{
	static const struct stmt ready = { "store_ready", { "select 1", "select 1" }, .columns = 1 };
	struct rows rows;

	return store_query(store, arena, &ready, NO_PARAMS, &rows);
}
