/*
 * postgres_loop.c - the connections of one loop.
 *
 * There are two kinds. Lanes are shared by the loop's reads, many at once in the pipeline of each; a read takes an idle lane if there is one. The others
 * belong to one transaction at a time. So reads and transactions never wait for each other. All are made when first needed, and closed on
 * their own loop: for store_close while the loop runs, or at the loop's end.
 */
#include <assert.h>
#include <stdlib.h>

#include "rt/fiber.h"
#include "store/postgres.h"

enum { LANE_DEPTH_MAX = 64 };
#define CONNECTING_POLL_US (5 * USEC_PER_MS)

static void
unref(struct pg_loop *loop)
{
	if (atomic_fetch_sub(&loop->refs, 1) > 1)
		return;
	pthread_mutex_destroy(&loop->lock);
	pthread_cond_destroy(&loop->ended);
	free(loop->lanes);
	free(loop->tx);
	free(loop);
}

static bool
enter_phase(struct pg_loop *loop, int from, int to)
{
	bool entered;

	pthread_mutex_lock(&loop->lock);
	entered = (int)loop->phase == from;
	if (entered)
		loop->phase = to;
	pthread_cond_signal(&loop->ended);
	pthread_mutex_unlock(&loop->lock);
	return entered;
}

/* On the loop's thread; no fiber uses the connections, and none connects. */
static void
close_conns(struct pg_loop *loop)
{
	if (loop->phase != PG_LOOP_BEGUN)
		return;
	pg_listener_free(loop->listener);
	for (unsigned i = 0; i < loop->store->lanes; i++)
		pg_conn_lose(&loop->lanes[i]);
	for (unsigned i = 0; i < loop->store->tx_conns; i++)
		pg_conn_lose(&loop->tx[i]);
	enter_phase(loop, PG_LOOP_BEGUN, PG_LOOP_ENDED);
}

static void
on_loop_end(void *arg)
{
	close_conns(arg);
	unref(arg);
}

static void
begin(void *arg)
{
	struct pg_loop *loop = arg;

	if (!enter_phase(loop, PG_LOOP_NEW, PG_LOOP_BEGUN)) {
		unref(loop);
		return;
	}
	loop_at_end(loop->loop, on_loop_end, loop);
	if (loop_index(loop->loop) == 0)
		loop->listener = pg_listener_new(loop);
}

struct pg_loop *
pg_loop_new(struct postgres_store *store, struct loop *where)
{
	struct pg_loop *loop = mem_zalloc(sizeof(*loop));

	loop->store = store;
	loop->loop = where;
	atomic_init(&loop->refs, 2);
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->ended, NULL);
	loop->lanes = mem_zalloc(store->lanes * sizeof(*loop->lanes));
	loop->tx = mem_zalloc(store->tx_conns * sizeof(*loop->tx));
	for (unsigned i = 0; i < store->lanes; i++)
		pg_conn_init(&loop->lanes[i], loop);
	for (unsigned i = 0; i < store->tx_conns; i++)
		pg_conn_init(&loop->tx[i], loop);
	semaphore_init(&loop->tx_permits, store->tx_conns);
	loop_post(where, begin, loop);
	return loop;
}

static void
close_main(void *arg)
{
	struct pg_loop *loop = arg;
	struct scope scope;

	scope_open_shielded(&scope, INT64_MAX);
	while (loop->connecting) /* bounded by the time that connecting may take */
		fiber_sleep_us(CONNECTING_POLL_US);
	close_conns(loop);
	scope_close(&scope);
}

static void
start_close(void *arg)
{
	struct pg_loop *loop = arg;

	if (fiber_go("store.close", NULL, close_main, loop))
		loop_post(loop->loop, start_close, loop); /* no stack now: at the next turn */
}

void
pg_loop_close(struct pg_loop *loop)
{
	if (!enter_phase(loop, PG_LOOP_NEW, PG_LOOP_ENDED)) {
		pthread_mutex_lock(&loop->lock);
		if (loop->phase == PG_LOOP_BEGUN)
			loop_post(loop->loop, start_close, loop);
		while (loop->phase != PG_LOOP_ENDED)
			pthread_cond_wait(&loop->ended, &loop->lock);
		pthread_mutex_unlock(&loop->lock);
	}
	unref(loop);
}

struct pg_loop *
pg_loop_here(struct postgres_store *store)
{
	return store->loops[loop_index(loop_current())];
}

struct pg_conn *
pg_loop_lane(struct pg_loop *loop)
{
	struct pg_conn *idlest = NULL, *closed = NULL;

	for (unsigned i = 0; i < loop->store->lanes; i++) {
		struct pg_conn *lane = &loop->lanes[i];

		if (lane->state == PG_CLOSED)
			closed = lane;
		else if (!idlest || lane->pending < idlest->pending)
			idlest = lane;
	}
	if (!idlest || (closed && idlest->pending && pg_connect_due(loop)))
		return closed;
	return idlest->pending < LANE_DEPTH_MAX ? idlest : NULL;
}

struct pg_conn *
pg_loop_take(struct pg_loop *loop)
{
	struct pg_conn *found = NULL;

	for (unsigned i = 0; i < loop->store->tx_conns; i++) {
		struct pg_conn *conn = &loop->tx[i];

		if (!conn->owned && (!found || conn->state == PG_READY))
			found = conn;
	}
	assert(found); /* the semaphore counts them */
	found->owned = true;
	return found;
}

void
pg_loop_give(struct pg_loop *loop, struct pg_conn *conn)
{
	(void)loop;
	conn->owned = false;
}
