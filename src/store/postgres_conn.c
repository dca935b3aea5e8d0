/*
 * postgres_conn.c - one connection in pipeline mode, driven by its descriptor.
 *
 * Requests stand in a queue: the sent ones first, in the order in which their answers will come, then, while connecting, those that wait. When the
 * descriptor is ready, the answers that are whole are taken in on the loop's own stack, and the fiber of a request that has ended is woken.
 * Nothing here parks but pg_request_wait. A request lives on the heap because its fiber may leave before the server has answered.
 *
 * One request is `begin`? + statement timeout? + prepare? + the statement, ended by a synchronisation point, sent in one piece: one round trip, however many of these it
 * needs. Rows come one by one (single-row mode), so that a result over the limit is dropped as it arrives and not gathered by libpq first.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/postgres.h"

void
pg_conn_init(struct pg_conn *conn, struct pg_loop *loop)
{
	*conn = (struct pg_conn){ .store = loop->store, .loop = loop };
	conn->last = &conn->first;
}

struct pg_request *
pg_request_new(struct store *store, const struct stmt *stmt, const struct value *params)
{
	struct pg_request *request = mem_zalloc(sizeof(*request));

	request->stmt = stmt;
	request->params = params;
	rowbuf_init(&request->rows, store->result_bytes_max);
	return request;
}

void
pg_request_free(struct pg_request *request)
{
	rowbuf_fini(&request->rows);
	free(request);
}

/* Takes the first request off the queue and ends it. */
static void
end_first(struct pg_conn *conn, enum pg_outcome outcome)
{
	struct pg_request *request = conn->first;

	conn->first = request->next;
	if (!conn->first)
		conn->last = &conn->first;
	conn->pending--;
	request->outcome = outcome;
	if (request->prepares && !request->prepared && conn->prepared.entries)
		*stmt_table_at(&conn->prepared, request->stmt) = NULL;
	if (request->abandoned)
		pg_request_free(request);
	else
		wait_wake(&request->waiter);
}

void
pg_conn_lose(struct pg_conn *conn)
{
	watch_free(conn->watch);
	conn->watch = NULL;
	PQfinish(conn->pg);
	conn->pg = NULL;
	stmt_table_fini(&conn->prepared);
	conn->state = PG_CLOSED;
	while (conn->first)
		end_first(conn, conn->first->sent ? PG_LOST : PG_REFUSED);
	if (conn->on_change)
		conn->on_change(conn);
}

/* The head's statement is next to be answered: its rows shall come one by one. */
static void
arm_rows(struct pg_conn *conn)
{
	const struct pg_request *head = conn->first;

	if (head && head->sent && head->step + 1 == head->steps && head->stmt->columns)
		PQsetSingleRowMode(conn->pg);
}

static void
note_error(struct pg_request *request, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE), *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (request->sqlstate[0])
		return;
	snprintf(request->sqlstate, sizeof(request->sqlstate), "%s",
		sqlstate ? sqlstate : "08006"); /* made by libpq: the connection broke */
	snprintf(request->message, sizeof(request->message), "%s", message ? message : "the connection broke");
}

/* One result of the head request. False: the connection is at its end. */
static bool
take_result(struct pg_conn *conn, PGresult *result)
{
	struct pg_request *head = conn->first;
	const ExecStatusType status = PQresultStatus(result);
	const bool last = head->step + 1 == head->steps, before_last = head->step + 2 == head->steps;

	if (status == PGRES_COMMAND_OK && head->prepares && before_last)
		head->prepared = true;
	switch (status) {
	case PGRES_COMMAND_OK:
	case PGRES_SINGLE_TUPLE:
	case PGRES_TUPLES_OK:
		if (!last)
			return true;
		pg_add_rows(&head->rows, result);
		head->changed = str_to_i64(str_of(PQcmdTuples(result)), &head->changed) ? head->changed : 0;
		snprintf(head->tag, sizeof(head->tag), "%s", PQcmdStatus(result));
		return true;
	case PGRES_PIPELINE_SYNC:
		end_first(conn, PG_ANSWERED);
		arm_rows(conn);
		return true;
	case PGRES_PIPELINE_ABORTED: /* an earlier command of the same request failed */
		return true;
	default:
		note_error(head, result);
		return !pg_is_goodbye(head->sqlstate);
	}
}

/* Takes in all answers that are whole. False: the connection is at its end. */
static bool
take_answers(struct pg_conn *conn)
{
	bool after_end = false; /* of a command: the next thing is a result, or the stream makes no sense */

	while (conn->first && conn->first->sent && !PQisBusy(conn->pg)) {
		PGresult *result = PQgetResult(conn->pg);
		bool alive;

		if (!result) {
			if (after_end || PQstatus(conn->pg) == CONNECTION_BAD)
				return false;
			after_end = true;
			conn->first->step++;
			arm_rows(conn);
			continue;
		}
		after_end = false;
		alive = take_result(conn, result);
		PQclear(result);
		if (!alive)
			return false;
	}
	return PQstatus(conn->pg) != CONNECTION_BAD;
}

static void
take_notices(struct pg_conn *conn)
{
	PGnotify *notice;

	while ((notice = PQnotifies(conn->pg))) {
		if (conn->on_notice)
			conn->on_notice(conn, notice->extra);
		PQfreemem(notice);
	}
}

/* Sends what libpq still holds, and watches for what is to come: also while nothing is asked, so that a lost connection is seen at once. */
static bool
flush(struct pg_conn *conn)
{
	int left = PQflush(conn->pg);

	if (left >= 0)
		watch_set(conn->watch, left ? FD_READ | FD_WRITE : FD_READ);
	return left >= 0;
}

static void
on_ready(void *arg, int events)
{
	struct pg_conn *conn = arg;
	bool alive = true;

	if (events & FD_READ)
		alive = PQconsumeInput(conn->pg) == 1;
	/* What came before the end is taken in all the same: it may be the answer to a commit. */
	alive = take_answers(conn) && alive;
	take_notices(conn);
	if (!alive || !flush(conn))
		pg_conn_lose(conn);
}

/* What goes before the statement; its result does not matter, unless it is an error. */
static bool
send_plain(struct pg_conn *conn, struct pg_request *request, const char *sql)
{
	request->steps++;
	return PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool
send_request(struct pg_conn *conn, struct pg_request *request)
{
	void **known = stmt_table_at(&conn->prepared, request->stmt);
	char timeout[80];
	bool good = true;

	request->sent = true;
	rowbuf_begin(&request->rows, request->stmt->columns);
	if (request->begin)
		good = send_plain(conn, request, request->begin);
	if (good && request->timeout_us) {
		snprintf(timeout, sizeof(timeout), "select set_config('statement_timeout', '%lld', true)",
			(long long)(request->timeout_us / USEC_PER_MS + 1));
		good = send_plain(conn, request, timeout);
	}
	if (good && !*known) {
		request->prepares = true;
		request->steps++;
		*known = conn; /* anything but NULL; taken back if it fails */
		good = PQsendPrepare(conn->pg, request->stmt->name, request->stmt->sql[STORE_POSTGRES], 0, NULL) == 1;
	}
	request->steps++;
	good = good && pg_send_stmt(conn->pg, request->stmt, request->params) && PQpipelineSync(conn->pg) == 1;
	if (good && conn->first == request)
		arm_rows(conn);
	return good;
}

/* Whether there is a point in handing it a request. */
static bool
is_usable(struct pg_conn *conn)
{
	if (conn->state != PG_CLOSED)
		return true;
	if (!pg_connect_due(conn->loop))
		return false;
	conn->state = PG_CONNECTING;
	pg_connect_start(conn);
	return conn->state != PG_CLOSED;
}

void
pg_conn_submit(struct pg_conn *conn, struct pg_request *request)
{
	request->next = NULL;
	if (!request->abandoned)
		waiter_init(&request->waiter);
	*conn->last = request;
	conn->last = &request->next;
	conn->pending++;
	if (!is_usable(conn))
		pg_conn_lose(conn);
	else if (conn->state == PG_READY && (!send_request(conn, request) || !flush(conn)))
		pg_conn_lose(conn);
}

void
pg_conn_connected(struct pg_conn *conn, PGconn *pg)
{
	bool good = pg != NULL;

	conn->pg = pg;
	if (good) {
		conn->watch = watch_new(PQsocket(pg), on_ready, conn);
		good = conn->watch != NULL;
	}
	if (good)
		conn->state = PG_READY;
	for (struct pg_request *request = conn->first; good && request; request = request->next)
		good = send_request(conn, request);
	if (!good || !flush(conn))
		pg_conn_lose(conn);
	else if (conn->on_change)
		conn->on_change(conn);
}

/* A request that was not sent leaves the queue; one that was ends by itself. */
static void
give_up(struct pg_conn *conn, struct pg_request *request)
{
	struct pg_request **link = &conn->first;

	request->abandoned = true;
	if (request->sent)
		return;
	while (*link != request)
		link = &(*link)->next;
	*link = request->next;
	if (!*link)
		conn->last = link;
	conn->pending--;
	pg_request_free(request);
}

const struct err *
pg_request_wait(struct pg_conn *conn, struct pg_request *request)
{
	const struct err *err = wait_for(&request->waiter);

	if (!err || request->outcome != PG_PENDING)
		return NULL;
	give_up(conn, request);
	return err;
}
