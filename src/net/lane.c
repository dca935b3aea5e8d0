/*
 * lane.c - the connections of one loop's lane. See lane.h.
 *
 * An idle connection stays watched by its stream, so that a server that leaves is noticed at once and costs the next call nothing; between two calls nothing is registered anew. The latest
 * one is used first, so that the others grow old and are closed. One timer sweeps, and only while something is idle.
 */
#include "net/lane.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/tls_client.h"
#include "net/dial.h"
#include "rt/loop_timer.h"
#include "rt/pool.h"

enum { ORIGINS_MAX = 256, IDLE_MAX = 1024, CALLS_KEPT = 256, REQUEST_HEAD_MAX = 1024 * 1024, HEAD_KEPT_MAX = 16 * 1024 };
#define IDLE_US (60 * USEC_PER_SEC)
#define SWEEP_US (5 * USEC_PER_SEC)

struct origin {
	struct origin *next;
	struct str text; /* of the URL, up to its path */
	bool public_only;
	unsigned used;   /* connections that calls have */
	struct lane_connection *idle;
	struct tls_ticket *ticket; /* from its latest connection */
};

struct lane {
	struct origin *origins; /* the latest used first */
	unsigned origin_count, idle_count;
	struct stream_pool buffers;
	struct resolver *resolver;
	struct loop_timer *sweeper;
	bool sweeping;
	struct lane_call *free;
	unsigned free_count;
};

static _Thread_local struct lane *this_lane;

/* ---- origins ---- */

static void
origin_free(struct lane *lane, struct origin *origin)
{
	while (origin->idle)
		lane_close(lane, origin->idle);
	tls_ticket_free(origin->ticket);
	free(origin);
}

/* Makes room for one more: forgets the one that was used longest ago, of those that no call uses. */
static void
forget_origin(struct lane *lane)
{
	struct origin **link = &lane->origins, **oldest = NULL, *origin;

	for (; *link; link = &(*link)->next)
		if ((*link)->used == 0)
			oldest = link;
	if (!oldest)
		return;
	origin = *oldest;
	*oldest = origin->next;
	lane->origin_count--;
	origin_free(lane, origin);
}

static struct origin *
origin_new(struct lane *lane, struct str text, bool public_only)
{
	struct origin *origin = mem_zalloc(sizeof(*origin) + text.len);

	if (lane->origin_count >= ORIGINS_MAX)
		forget_origin(lane);
	memcpy(origin + 1, text.ptr, text.len);
	origin->text = str_n((const char *)(origin + 1), text.len);
	origin->public_only = public_only;
	lane->origin_count++;
	return origin;
}

struct origin *
lane_origin(struct lane *lane, const struct client_url *url, bool public_only)
{
	struct origin **link = &lane->origins, *origin;

	while (*link && !((*link)->public_only == public_only && str_eq((*link)->text, url->origin)))
		link = &(*link)->next;
	origin = *link;
	if (origin)
		*link = origin->next;
	else
		origin = origin_new(lane, url->origin, public_only);
	origin->next = lane->origins;
	lane->origins = origin;
	return origin;
}

/* ---- connections ---- */

static void
take_off_idle(struct lane *lane, struct lane_connection *connection)
{
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	connection->idle = false;
	lane->idle_count--;
	connection->origin->used++;
}

/* A ticket for the next handshake, if the server has given one. */
static void
take_ticket(struct lane_connection *connection)
{
	struct tls_ticket *ticket = connection->transport.tls ? tls_session_take_ticket(connection->transport.tls) : NULL;

	if (!ticket)
		return;
	tls_ticket_free(connection->origin->ticket);
	connection->origin->ticket = ticket;
}

void
lane_close(struct lane *lane, struct lane_connection *connection)
{
	if (connection->idle)
		take_off_idle(lane, connection);
	connection->origin->used--;
	take_ticket(connection);
	transport_close(&connection->transport);
	response_fini(&connection->response);
	free(connection);
}

struct lane_connection *
lane_reuse(struct lane *lane, struct origin *origin)
{
	struct lane_connection *connection;

	while ((connection = origin->idle)) {
		take_off_idle(lane, connection);
		if (!connection->gone && transport_quiet(&connection->transport))
			return connection;
		lane_close(lane, connection);
	}
	return NULL;
}

static bool
worn_out(const struct lane_connection *connection, int64_t now_us)
{
	return connection->gone || now_us - connection->idle_since_us >= IDLE_US;
}

/* On the loop: closes what has been idle for long, or was left by its server. */
static void
sweep(void *arg)
{
	struct lane *lane = arg;
	int64_t now_us = loop_now_us(loop_current());

	for (struct origin *origin = lane->origins; origin; origin = origin->next) {
		struct lane_connection *connection = origin->idle, *next;

		for (; connection; connection = next) {
			next = connection->next;
			if (worn_out(connection, now_us))
				lane_close(lane, connection);
		}
	}
	lane->sweeping = lane->idle_count > 0;
	if (lane->sweeping)
		loop_timer_start(lane->sweeper, SWEEP_US);
}

/* On the loop, in the middle of the stream's own work: a fiber that reads finds out by itself; an idle connection is closed a moment later. */
static void
server_left(void *arg)
{
	struct lane_connection *connection = arg;

	if (!connection->idle)
		return;
	connection->gone = true;
	loop_timer_start(this_lane->sweeper, 0);
	this_lane->sweeping = true;
}

/* Closes the connection that has been idle longest. */
static void
close_oldest(struct lane *lane)
{
	struct lane_connection *oldest = NULL;

	for (struct origin *origin = lane->origins; origin; origin = origin->next)
		for (struct lane_connection *each = origin->idle; each; each = each->next)
			if (!oldest || each->idle_since_us < oldest->idle_since_us)
				oldest = each;
	if (oldest)
		lane_close(lane, oldest);
}

void
lane_keep(struct lane *lane, struct lane_connection *connection)
{
	struct origin *origin = connection->origin;

	take_ticket(connection);
	transport_release(&connection->transport);
	if (lane->idle_count == IDLE_MAX)
		close_oldest(lane);
	origin->used--;
	lane->idle_count++;
	connection->idle = true;
	connection->idle_since_us = loop_now_us(loop_current());
	connection->next = origin->idle;
	connection->link = &origin->idle;
	if (connection->next)
		connection->next->link = &connection->next;
	origin->idle = connection;
	if (!lane->sweeping)
		loop_timer_start(lane->sweeper, SWEEP_US);
	lane->sweeping = true;
}

/* One for the program, made when the first call needs it: reading whom the machine trusts takes some 30 ms, so a pool's thread does it. */
static _Atomic(struct tls_client *) tls_client;

struct tls_errand {
	struct arena *arena;
	const struct err *err;
};

static void
make_tls_client(void *arg)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	struct tls_errand *errand = arg;
	struct tls_client *made = NULL;

	pthread_mutex_lock(&mutex);
	if (!atomic_load(&tls_client)) {
		errand->err = tls_client_new(errand->arena, &made);
		atomic_store(&tls_client, made);
	}
	pthread_mutex_unlock(&mutex);
}

MAY_PARK static const struct err *
tls_prepare(struct arena *arena)
{
	struct tls_errand errand = { .arena = arena };
	const struct err *err = atomic_load(&tls_client) ? NULL : offload(client_pool(), make_tls_client, &errand);

	return err ? err : errand.err;
}

/* A connection over a connected socket, which it takes, up to and without its handshake. */
static const struct err *
connection_new(struct lane *lane, const struct client_url *url, bool public_only, int fd, struct lane_connection **out)
{
	struct origin *origin = lane_origin(lane, url, public_only);
	struct lane_connection *connection;
	struct tls_session *session = NULL;

	if (url->secure) {
		session = tls_client_session_new(atomic_load(&tls_client), url->host, origin->ticket);
		if (!session) {
			close(fd);
			return &err_no_memory;
		}
	}
	connection = mem_zalloc(sizeof(*connection));
	if (!transport_open(&connection->transport, fd, session, &lane->buffers, server_left, connection)) {
		free(connection);
		return &err_internal;
	}
	connection->origin = origin;
	origin->used++;
	response_init(&connection->response);
	*out = connection;
	return NULL;
}

MAY_PARK static const struct err *
reach(struct lane *lane, struct arena *arena, const struct client_url *url, bool public_only, int64_t until_us, int *fd)
{
	int64_t now_us = loop_now_us(loop_current());
	struct resolved addresses;
	const struct err *err = resolver_find(lane->resolver, arena, url->host, url->port, until_us - now_us, &addresses);

	if (err && err->kind == ERR_TIMEOUT)
		err = err_new(arena, ERR_UNAVAILABLE, "the upstream's name could not be resolved in time"); /* of the scope, if it is its time: lane_connect asks */
	now_us = loop_now_us(loop_current());
	if (!err)
		err = dial(arena, &addresses, public_only, until_us - now_us, fd);
	if (err && err->kind == ERR_UNAVAILABLE)
		resolver_forget(lane->resolver, url->host);
	return err;
}

MAY_PARK const struct err *
lane_connect(struct lane *lane, struct arena *arena, const struct client_url *url, bool public_only, int64_t timeout_us, struct lane_connection **out)
{
	int64_t until_us = loop_now_us(loop_current()) + timeout_us;
	const struct err *err, *over;
	int fd;

	*out = NULL;
	err = url->secure ? tls_prepare(arena) : NULL;
	if (!err)
		err = reach(lane, arena, url, public_only, until_us, &fd);
	if (!err)
		err = connection_new(lane, url, public_only, fd, out);
	if (!err && !transport_begin(&(*out)->transport, until_us - loop_now_us(loop_current()))) {
		const char *reason = tls_reason((*out)->transport.tls);

		err = err_new(arena, ERR_UNAVAILABLE, "no secure connection to the upstream: %s",
			reason[0] ? reason : transport_ended(&(*out)->transport) ? "the server has closed the connection" : "the handshake took too long");
		lane_close(lane, *out);
		*out = NULL;
	}
	over = err ? scope_check() : NULL;
	return over ? over : err;
}

/* ---- calls ---- */

struct lane_call *
lane_take_call(struct lane *lane)
{
	struct lane_call *call = lane->free;

	if (call) {
		lane->free = call->next;
		lane->free_count--;
		return call;
	}
	call = mem_zalloc(sizeof(*call));
	call->lane = lane;
	buf_init(&call->head, NULL, REQUEST_HEAD_MAX);
	return call;
}

void
lane_give_call(struct lane *lane, struct lane_call *call)
{
	buf_clear(&call->head);
	if (call->head.cap > HEAD_KEPT_MAX)
		buf_fini(&call->head);
	if (lane->free_count == CALLS_KEPT) {
		buf_fini(&call->head);
		free(call);
		return;
	}
	call->next = lane->free;
	lane->free = call;
	lane->free_count++;
}

/* ---- the lane ---- */

static void
lane_end(void *arg)
{
	struct lane *lane = arg;

	while (lane->origins) {
		struct origin *origin = lane->origins;

		lane->origins = origin->next;
		origin_free(lane, origin);
	}
	while (lane->free) {
		struct lane_call *call = lane->free;

		lane->free = call->next;
		buf_fini(&call->head);
		free(call);
	}
	loop_timer_free(lane->sweeper);
	resolver_free(lane->resolver);
	stream_pool_fini(&lane->buffers);
	free(lane);
	this_lane = NULL;
}

struct lane *
lane_here(void)
{
	struct lane *lane = this_lane;

	if (lane)
		return lane;
	lane = mem_zalloc(sizeof(*lane));
	lane->resolver = resolver_new();
	lane->sweeper = loop_timer_new(sweep, lane);
	loop_at_end(loop_current(), lane_end, lane);
	this_lane = lane;
	return lane;
}
