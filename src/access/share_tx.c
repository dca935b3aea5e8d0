/*
 * share_tx.c - the transaction on a shared bucket: what a node tells of its share, what the bucket has by now, and what the node gets.
 *
 *	level + what nodes have <= a minute's worth
 *
 * holds after each: what is granted leaves the level, what comes back joins it, and the bucket fills up to what nodes leave room for.
 */
#include "access/access_sql.h"
#include "access/share_inside.h"
#include "base/clock.h"

/* A new block is this part of what is there, when that is more than what is needed. */
enum { SHARE = 8 };

#define SLOT_WAIT_US USEC_PER_SEC /* when a slot may be free again is not known: soon */

static double
least(double a, double b)
{
	return a < b ? a : b;
}

struct bucket_row {
	double level[2];
	int64_t limit[2];
	int64_t at_us;
};

/* The level by now. `others` and `keep` are what nodes have. A changed limit forgives no use: see bucket_advance. */
static double
level_now(const struct bucket_row *row, int i, int64_t limit, int64_t now_us, double others, double keep, double back, double debt)
{
	double level = row->limit[i] ? row->level[i] : (double)limit - others - keep - back, room = (double)limit - others - keep;

	if (row->limit[i] && now_us > row->at_us)
		level += (double)row->limit[i] * (double)(now_us - row->at_us) / 60e6;
	if (row->limit[i])
		level = least(level, (double)row->limit[i] - others - keep - back) + (double)(limit - row->limit[i]);
	return least(level + back, room) + debt;
}

static MAY_PARK const struct err *
bucket_read(struct tx *tx, struct str key, struct bucket_row *out)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_limit_bucket_get, PARAMS(V_TEXT(key)), &rows);

	*out = (struct bucket_row){ .at_us = 0 };
	if (err || rows.count == 0)
		return err;
	for (size_t i = 0; i < 2; i++) {
		out->level[i] = rows_real(&rows, 0, i);
		out->limit[i] = rows_int(&rows, 0, 2 + i);
	}
	out->at_us = rows_int(&rows, 0, 4);
	return NULL;
}

/* Whether there is enough of everything; else what lacks. */
static void
judge(struct share_ask *ask, const int64_t limit[2], const double others[2], int64_t slots_free, int64_t slots_others)
{
	static const enum share_lack lacks[2] = { SHARE_LACKS_REQUESTS, SHARE_LACKS_TOKENS };

	ask->lack = SHARE_LACKS_NOTHING;
	if (ask->limits.concurrency && ask->slots_need > slots_free) {
		ask->lack = SHARE_LACKS_SLOTS;
		ask->wait_us = SLOT_WAIT_US;
		ask->contended = slots_others > 0;
	}
	for (int i = 0; i < 2 && !ask->lack; i++) {
		if (!limit[i] || ask->need[i] <= 0 || ask->level[i] + 0.001 >= ask->need[i])
			continue;
		ask->lack = lacks[i];
		ask->wait_us = 1 + (int64_t)((ask->need[i] - ask->level[i]) * 60e6 / (double)limit[i]);
		ask->contended = others[i] >= 1;
	}
}

static double
granted(double need, double level)
{
	double part = (double)(int64_t)(level / SHARE);

	return need <= 0 ? 0 : part > need ? part : need;
}

static MAY_PARK const struct err *
write_down(struct tx *tx, const struct share_ask *ask, const int64_t limit[2], int64_t at_us)
{
	struct value key = V_TEXT(ask->key), node = V_TEXT(id_str(&ask->shares->node));
	double has[2] = { ask->keep[0] + ask->got[0], ask->keep[1] + ask->got[1] };
	int64_t slots = ask->slots_keep + ask->slots_got;
	const struct err *err = tx_exec(tx, &stmt_limit_bucket_put,
		PARAMS(key, V_REAL(ask->level[0]), V_REAL(ask->level[1]), V_INT(limit[0]), V_INT(limit[1]), V_INT(at_us)), NULL);

	if (err)
		return err;
	if (has[0] <= 0 && has[1] <= 0 && slots == 0)
		return tx_exec(tx, &stmt_limit_share_drop, PARAMS(key, node), NULL);
	return tx_exec(tx, &stmt_limit_share_put, PARAMS(key, node, V_REAL(has[0]), V_REAL(has[1]), V_INT(slots)), NULL);
}

MAY_PARK const struct err *
share_ask_tx(struct tx *tx, void *arg)
{
	struct share_ask *ask = arg;
	const int64_t limit[2] = { ask->limits.requests_per_minute, ask->limits.tokens_per_minute };
	double others[2];
	int64_t now_us, slots_others, slots_free;
	struct bucket_row row;
	struct rows rows;
	const struct err *err = bucket_read(tx, ask->key, &row);

	if (!err)
		err = tx_exec(tx, &stmt_limit_share_others, PARAMS(V_TEXT(ask->key), V_TEXT(id_str(&ask->shares->node))), &rows);
	if (err)
		return err;
	now_us = rows_int(&rows, 0, 0);
	now_us = now_us > row.at_us ? now_us : row.at_us;
	slots_others = rows_int(&rows, 0, 3);
	slots_free = ask->limits.concurrency - slots_others - ask->slots_keep;
	ask->contended = false;
	ask->got[0] = ask->got[1] = 0;
	ask->slots_got = 0;
	for (int i = 0; i < 2; i++) {
		others[i] = rows_real(&rows, 0, (size_t)i + 1);
		ask->level[i] = limit[i] ? level_now(&row, i, limit[i], now_us, others[i], ask->keep[i], ask->back[i], ask->debt[i]) : 0;
	}
	judge(ask, limit, others, slots_free, slots_others);
	for (int i = 0; i < 2 && !ask->lack; i++) {
		ask->got[i] = limit[i] ? granted(ask->need[i], ask->level[i]) : 0;
		ask->level[i] -= ask->got[i];
	}
	if (!ask->lack && ask->slots_need > 0)
		ask->slots_got = slots_free / SHARE > ask->slots_need ? slots_free / SHARE : ask->slots_need;
	err = write_down(tx, ask, limit, now_us);
	return err || !ask->contended || !ask->notify ? err : tx_notify(tx, WANTED_TOPIC);
}
