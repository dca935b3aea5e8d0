/*
 * postgres_tx.c - a transaction: a connection of its own from the first statement to the commit, at isolation level serializable.
 *
 * `begin` travels with the first statement, so a transaction of n statements costs n + 1 round trips; those whose answers nobody waits for cost none of their own. Once begun it runs in a shielded scope: a
 * client that leaves does not leave half a transaction behind. It is run again when the server says that it collided with another one, and
 * when the connection broke before the commit was sent; from then on a broken connection means that nobody knows, and that is what is said.
 */
#include "base/fault.h"
#include "base/random.h"
#include "rt/fiber.h"
#include "store/postgres.h"

FAULT(store_pg_statement); /* the connection breaks before a statement */
FAULT(store_pg_commit);    /* the connection breaks with the commit on its way */

enum { RUNS_MAX = 20, DOUBLINGS_MAX = 6, WAITING_MAX = 1024, TX_BYTES_MAX = 256 << 20, OPEN_MAX = 32 };
#define TX_MAX_US (30 * USEC_PER_SEC)
#define ANSWER_EXTRA_US (2 * USEC_PER_SEC) /* the server ends its statement first, unless the network is gone */
#define PAUSE_US (2 * USEC_PER_MS)

static const struct stmt commit_stmt = { "corbel_commit", { "", "commit" }, .writes = true };
static const struct stmt rollback_stmt = { "corbel_rollback", { "", "rollback" }, .writes = true };
static const struct stmt notify_stmt = { "corbel_notify", { "", "select pg_notify('corbel', $1)" }, .params = 1, .columns = 1,
	.writes = true };

struct pg_tx {
	struct tx base;
	struct pg_conn *conn;
	int64_t deadline_us;
	bool begun;
	struct pg_request *open[OPEN_MAX]; /* sent, and nobody has taken their answers yet */
	unsigned open_count;
	enum { RUN_ENDS, RUN_AGAIN, RUN_UNKNOWN } verdict;
};

/* The error of a request that has not been answered. */
static const struct err *
tx_unanswered(struct pg_tx *tx, enum pg_outcome outcome)
{
	if (outcome == PG_LOST)
		tx->verdict = RUN_AGAIN;
	return pg_unavailable(tx->conn->loop, tx->base.arena);
}

/* A transaction lives on one connection: when that is lost, nothing of it goes over another. */
static bool
is_lost(struct pg_tx *tx)
{
	if (!tx->begun || tx->conn->state == PG_READY)
		return false;
	tx->verdict = RUN_AGAIN;
	return true;
}

/* Waits for a request's answer, and frees it. */
static MAY_PARK const struct err *
take_answer(struct pg_tx *tx, struct pg_request *request, struct rows *out)
{
	struct arena *arena = tx->base.arena;
	const struct err *err = pg_request_wait(tx->conn, request);

	if (err) { /* given up: what the server does with it is unknown, so this connection is of no more use */
		pg_conn_lose(tx->conn);
		return err;
	}
	if (request->outcome != PG_ANSWERED)
		err = tx_unanswered(tx, request->outcome);
	else
		err = pg_request_err(request, arena);
	if (!err && out && request->stmt->columns)
		err = rowbuf_move(&request->rows, arena, out);
	if (out)
		out->changed = request->changed;
	if (pg_is_conflict(request->sqlstate))
		tx->verdict = RUN_AGAIN;
	pg_request_free(request);
	return err;
}

/* The answers of all that is open; the first error is the one that tells why. */
static MAY_PARK const struct err *
take_open_answers(struct pg_tx *tx)
{
	const struct err *first = NULL;

	for (unsigned i = 0; i < tx->open_count; i++) {
		const struct err *err = take_answer(tx, tx->open[i], NULL);

		first = first ? first : err;
	}
	tx->open_count = 0;
	return first;
}

const struct err *
postgres_exec(struct tx *base, const struct stmt *stmt, const struct value *params, struct rows *out)
{
	struct pg_tx *tx = (struct pg_tx *)base;
	struct pg_request *request;
	const struct err *err, *own;

	if (fault_hit(&fault_store_pg_statement))
		pg_conn_lose(tx->conn);
	if (is_lost(tx))
		return pg_unavailable(tx->conn->loop, base->arena);
	request = pg_request_new(base->store, stmt, params);
	if (!tx->begun) {
		request->begin = "begin isolation level serializable";
		request->timeout_us = tx->deadline_us - clock_mono_us();
		request->timeout_us = request->timeout_us > USEC_PER_MS ? request->timeout_us : USEC_PER_MS;
	}
	tx->begun = true;
	pg_conn_submit(tx->conn, request);
	if (!out && request->sent && tx->open_count < OPEN_MAX) { /* sent: the parameters are not needed any more */
		tx->open[tx->open_count++] = request;
		return NULL;
	}
	err = take_open_answers(tx);
	own = take_answer(tx, request, out);
	return err ? err : own;
}

const struct err *
postgres_notify(struct tx *base, struct topic *topic)
{
	struct rows rows;

	return postgres_exec(base, &notify_stmt, PARAMS(V_TEXT(str_of(topic->name))), &rows);
}

static const struct err *
unknown_outcome(struct arena *arena)
{
	return err_new(arena, ERR_UNKNOWN_OUTCOME,
		"the connection to the database broke while the change was being saved; it may or may not have been saved");
}

static MAY_PARK const struct err *
commit(struct pg_tx *tx)
{
	struct arena *arena = tx->base.arena;
	struct pg_request *request;
	const struct err *err;

	if (is_lost(tx)) /* before the commit was sent */
		return pg_unavailable(tx->conn->loop, arena);
	request = pg_request_new(tx->base.store, &commit_stmt, NO_PARAMS);
	pg_conn_submit(tx->conn, request);
	if (fault_hit(&fault_store_pg_commit))
		pg_conn_lose(tx->conn);
	if (pg_request_wait(tx->conn, request)) {
		pg_conn_lose(tx->conn);
		return unknown_outcome(arena);
	}
	if (request->outcome != PG_ANSWERED)
		err = unknown_outcome(arena);
	else if (request->sqlstate[0])
		err = pg_request_err(request, arena);
	else if (strcmp(request->tag, "COMMIT") != 0)
		err = err_detail(arena, &err_internal, "commit was answered %s", request->tag);
	else
		err = NULL;
	if (pg_is_conflict(request->sqlstate))
		tx->verdict = RUN_AGAIN;
	pg_request_free(request);
	return err;
}

static MAY_PARK void
roll_back(struct pg_tx *tx)
{
	struct pg_request *request;

	if (!tx->begun || tx->conn->state != PG_READY)
		return;
	request = pg_request_new(tx->base.store, &rollback_stmt, NO_PARAMS);
	pg_conn_submit(tx->conn, request);
	if (pg_request_wait(tx->conn, request)) {
		pg_conn_lose(tx->conn);
		return;
	}
	if (request->outcome != PG_ANSWERED || request->sqlstate[0])
		pg_conn_lose(tx->conn);
	pg_request_free(request);
}

static MAY_PARK const struct err *
run_once(struct pg_tx *tx, tx_fn *fn, void *arg)
{
	const struct err *err, *late;

	tx->begun = false;
	tx->verdict = RUN_ENDS;
	tx->base.failed = NULL;
	arena_reset(tx->base.arena);
	err = tx_run(&tx->base, fn, arg);
	late = take_open_answers(tx);
	err = err ? err : late;
	if (!err && tx->begun)
		return commit(tx);
	roll_back(tx);
	return err;
}

/* With a connection in hand: as often as it must, until the deadline. */
static MAY_PARK const struct err *
run_often(struct pg_tx *tx, struct arena *arena, tx_fn *fn, void *arg)
{
	const struct err *err;
	struct scope scope;
	int64_t left = tx->deadline_us - clock_mono_us(), pause_us;

	scope_open_shielded(&scope, left + ANSWER_EXTRA_US);
	for (int run = 1;; run++) {
		err = run_once(tx, fn, arg);
		if (!err || tx->verdict != RUN_AGAIN || run == RUNS_MAX || clock_mono_us() > tx->deadline_us)
			break;
		/* Those that collided do not come back together. Serializable collides often where rows are few: whole index pages count as read. */
		pause_us = PAUSE_US << (run < DOUBLINGS_MAX ? run : DOUBLINGS_MAX);
		if (fiber_sleep_us(pause_us + (int64_t)(random_u64() % (uint64_t)pause_us)))
			break;
	}
	scope_close(&scope);
	return err_copy(arena, err);
}

const struct err *
postgres_tx(struct store *store, struct arena *arena, tx_fn *fn, void *arg, bool reserved)
{
	struct pg_loop *loop = pg_loop_here((struct postgres_store *)store);
	struct pg_tx tx = { .base = { .store = store } };
	int64_t left = scope_left_us();
	const struct err *err;

	if (loop->tx_waiting >= WAITING_MAX && !reserved)
		return &err_busy;
	loop->tx_waiting++;
	err = semaphore_take(&loop->tx_permits);
	loop->tx_waiting--;
	if (err)
		return err;
	tx.conn = pg_loop_take(loop);
	tx.base.arena = arena_new(TX_BYTES_MAX);
	tx.deadline_us = clock_mono_us() + (left < TX_MAX_US ? left : TX_MAX_US);
	err = run_often(&tx, arena, fn, arg);
	arena_free(tx.base.arena);
	pg_loop_give(loop, tx.conn);
	semaphore_give(&loop->tx_permits);
	return err;
}
