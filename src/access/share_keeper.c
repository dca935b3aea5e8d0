/*
 * share_keeper.c - the keeper of shares: tells the database what was used, gives back what is idle, and renews the node's lease. See share.h.
 *
 * A node that could not renew its lease in time uses nothing that it had before: others count it no more.
 */
#include "access/share.h"

#include <stdlib.h>

#include "access/access_sql.h"
#include "access/share_inside.h"
#include "base/clock.h"
#include "base/log.h"
#include "rt/fiber.h"
#include "rt/wait.h"

#define LEASE_US (30 * USEC_PER_SEC)
#define LEASE_MARGIN_US (5 * USEC_PER_SEC)
#define RENEW_US (8 * USEC_PER_SEC)
#define FORGET_US (600 * USEC_PER_SEC)

static MAY_PARK void
tell_all(struct shares *shares, bool all)
{
	struct holder *list, *holder;

	pthread_mutex_lock(&shares->lock);
	list = shares->first;
	shares->first = NULL;
	pthread_mutex_unlock(&shares->lock);
	while ((holder = list)) {
		list = holder->share.next;
		if (!share_tell(shares, holder, all)) {
			holder_unref(holder);
			continue;
		}
		pthread_mutex_lock(&shares->lock);
		holder->share.next = shares->first;
		shares->first = holder;
		pthread_mutex_unlock(&shares->lock);
	}
}

static MAY_PARK const struct err *
renew(struct tx *tx, void *arg)
{
	const struct shares *shares = arg;

	return tx_exec(tx, &stmt_limit_node_renew, PARAMS(V_TEXT(id_str(&shares->node)), V_INT(LEASE_US)), NULL);
}

static MAY_PARK const struct err *
leave(struct tx *tx, void *arg)
{
	const struct shares *shares = arg;
	const struct err *err = tx_exec(tx, &stmt_limit_share_leave, PARAMS(V_TEXT(id_str(&shares->node))), NULL);

	return err ? err : tx_exec(tx, &stmt_limit_node_leave, PARAMS(V_TEXT(id_str(&shares->node))), NULL);
}

/* What dead nodes have left, and buckets that are full again. By the node's own clock: minutes do not matter here. */
static MAY_PARK const struct err *
forget(struct tx *tx, void *arg)
{
	int64_t before_us = clock_wall_us() - FORGET_US;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_limit_node_dead, PARAMS(V_INT(before_us)), &rows);

	(void)arg;
	for (size_t i = 0; i < rows.count && !err; i++) {
		err = tx_exec(tx, &stmt_limit_share_leave, PARAMS(V_TEXT(rows_text(&rows, i, 0))), NULL);
		if (!err)
			err = tx_exec(tx, &stmt_limit_node_leave, PARAMS(V_TEXT(rows_text(&rows, i, 0))), NULL);
	}
	return err ? err : tx_exec(tx, &stmt_limit_bucket_forget, PARAMS(V_INT(before_us)), NULL);
}

/* A lease that has run out is taken anew under another epoch: what was had under the old one counts no more. */
static MAY_PARK const struct err *
lease_renew(struct shares *shares, struct arena *arena)
{
	int64_t began_us = clock_mono_us();
	const struct err *err = store_tx(shares->store, arena, renew, shares);

	if (err)
		return err;
	if (began_us >= atomic_load(&shares->until_us))
		atomic_fetch_add(&shares->epoch, 1);
	atomic_store(&shares->until_us, began_us + LEASE_US - LEASE_MARGIN_US);
	return NULL;
}

static void
on_wanted(void *arg)
{
	struct shares *shares = arg;

	shares->wanted = true;
	if (shares->idle)
		wait_wake(shares->idle);
}

static MAY_PARK void
keeper(void *arg)
{
	struct shares *shares = arg;
	struct arena *scratch = arena_new(MIB(1));
	int64_t renew_us = clock_mono_us() + RENEW_US, forget_us = clock_mono_us() + FORGET_US;
	const struct err *err = NULL;

	while (!err || err->kind != ERR_CANCELLED) {
		const struct err *failed = NULL;
		bool wanted = shares->wanted;
		struct waiter idle;

		shares->wanted = false;
		tell_all(shares, wanted);
		if (clock_mono_us() >= renew_us) {
			failed = lease_renew(shares, scratch);
			renew_us = clock_mono_us() + (failed ? USEC_PER_SEC : RENEW_US);
		}
		if (!failed && clock_mono_us() >= forget_us) {
			failed = store_tx(shares->store, scratch, forget, shares);
			forget_us = clock_mono_us() + FORGET_US;
		}
		if (failed && failed->kind != ERR_CANCELLED)
			log_warn("limits cannot be shared", LOG_ERR("error", failed));
		arena_reset(scratch);
		waiter_init(&idle);
		shares->idle = &idle;
		err = shares->wanted ? fiber_yield() : wait_for_us(&idle, KEEPER_TURN_US);
		shares->idle = NULL;
	}
	arena_free(scratch);
}

MAY_PARK const struct err *
shares_open(struct access *access, struct arena *arena, struct shares **out)
{
	struct shares *shares;
	const struct err *err;

	*out = NULL;
	if (store_engine_of(access->store) != STORE_POSTGRES)
		return NULL;
	shares = mem_zalloc(sizeof(*shares));
	shares->access = access;
	shares->store = access->store;
	shares->node = id_new();
	pthread_mutex_init(&shares->lock, NULL);
	scope_init(&shares->scope, NULL, INT64_MAX);
	err = lease_renew(shares, arena);
	if (!err)
		err = fiber_go("limits", &shares->scope, keeper, shares);
	if (err) {
		scope_fini(&shares->scope);
		shares_free(shares);
		return err;
	}
	store_listen(shares->store, WANTED_TOPIC, on_wanted, shares);
	*out = shares;
	return NULL;
}

MAY_PARK void
shares_stop(struct shares *shares)
{
	struct arena *scratch;
	const struct err *err;

	if (!shares)
		return;
	scratch = arena_new(MIB(1));
	scope_stop(&shares->scope);
	tell_all(shares, true);
	err = store_tx(shares->store, scratch, leave, shares);
	if (err)
		log_warn("limits could not be given back", LOG_ERR("error", err));
	arena_free(scratch);
}

void
shares_free(struct shares *shares)
{
	struct holder *holder;

	if (!shares)
		return;
	while ((holder = shares->first)) {
		shares->first = holder->share.next;
		holder_unref(holder);
	}
	pthread_mutex_destroy(&shares->lock);
	free(shares);
}
