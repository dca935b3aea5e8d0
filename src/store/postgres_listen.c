/*
 * postgres_listen.c - notices from all nodes: one connection, on loop 0, that listens.
 *
 * It is asked for a sign of life now and then, since a connection whose other end has vanished looks quiet. When it comes back after a loss every
 * topic's listeners are called, for what may have been missed.
 */
#include <stdlib.h>

#include "store/postgres.h"

#define SIGN_OF_LIFE_US (10 * USEC_PER_SEC)
#define RECONNECT_US (100 * USEC_PER_MS)

struct pg_listener {
	struct pg_conn conn;
	struct loop_timer *timer;
};

static const struct stmt alive_stmt = { "corbel_alive", { "", "select 1" }, .columns = 1 };

static void
on_notice(struct pg_conn *conn, const char *name)
{
	struct topic *topic = notices_find(&conn->store->base.notices, str_of(name));

	if (topic)
		topic_post(topic);
}

/* Connects when it is not connected, and otherwise asks for a sign of life; the one asked for before must have come. */
static void
poke(struct pg_listener *listener)
{
	struct pg_request *request;

	if (listener->conn.pending) {
		if (listener->conn.state == PG_READY)
			pg_conn_lose(&listener->conn);
		return;
	}
	request = pg_request_new(&listener->conn.store->base, &alive_stmt, NO_PARAMS);
	request->abandoned = true; /* nobody waits for the answer */
	pg_conn_submit(&listener->conn, request);
}

static void
on_timer(void *arg)
{
	struct pg_listener *listener = arg;

	loop_timer_start(listener->timer, SIGN_OF_LIFE_US);
	poke(listener);
}

static void
on_change(struct pg_conn *conn)
{
	struct pg_listener *listener = (struct pg_listener *)conn;

	loop_timer_start(listener->timer, conn->state == PG_READY ? SIGN_OF_LIFE_US : RECONNECT_US);
	if (conn->state == PG_READY)
		notices_post_all(&conn->store->base.notices);
}

struct pg_listener *
pg_listener_new(struct pg_loop *loop)
{
	struct pg_listener *listener = mem_zalloc(sizeof(*listener));

	pg_conn_init(&listener->conn, loop);
	listener->conn.listens = true;
	listener->conn.on_change = on_change;
	listener->conn.on_notice = on_notice;
	listener->timer = loop_timer_new(on_timer, listener);
	poke(listener);
	return listener;
}

void
pg_listener_free(struct pg_listener *listener)
{
	if (!listener)
		return;
	listener->conn.on_change = NULL;
	pg_conn_lose(&listener->conn);
	loop_timer_free(listener->timer);
	free(listener);
}
