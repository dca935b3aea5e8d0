/*
 * correct.c - see correct.h.
 */
#include "money/correct.h"

#include "base/clock.h"
#include "base/random.h"
#include "hook/hook.h"
#include "money/inside.h"
#include "money/money_sql.h"
#include "telemetry/seal.h"
#include "telemetry/usage_event.h"
#include "text/utf8.h"

enum { ID = 16, TRIES = 20 };

MAY_PARK const struct err *
correction_write(struct tx *tx, const struct correction *c)
{
	static const struct usage nothing;
	struct str event;
	const struct err *err = tx_exec(tx, &stmt_usage_correct,
		PARAMS(V_INT(c->tenant), V_BLOB(c->interaction), V_INT(c->entry), V_INT(c->at_us), V_TEXT(c->key_id), V_TEXT(c->provider), V_TEXT(c->model),
			V_TEXT(c->price_version), V_INT(c->amount_nanos), V_TEXT(c->team), V_TEXT(c->user), V_TEXT(c->tags), V_TEXT(c->provider_kind), V_TEXT(c->parts),
			V_TEXT(c->reason), V_TEXT(c->made_by)),
		NULL);

	if (!err)
		err = seal_add(tx, c->tenant, c->interaction, c->amount_nanos);
	if (err || !hook_wanted(CONF_EVENT_USAGE))
		return err;
	event = usage_event_json(tx_arena(tx), &(struct usage_entry){ .tenant = c->tenant,
						       .interaction = c->interaction,
						       .entry = c->entry,
						       .at_us = c->at_us,
						       .key_id = c->key_id,
						       .team = c->team,
						       .user = c->user,
						       .tags = c->tags,
						       .provider = c->provider,
						       .model = c->model,
						       .price_version = c->price_version,
						       .usage = &nothing,
						       .amount_nanos = c->amount_nanos,
						       .reason = c->reason,
						       .by = c->made_by });
	return event.ptr ? hook_put(tx, CONF_EVENT_USAGE, c->at_us, event) : &err_no_memory;
}

struct by_hand {
	struct correction correction;
	int64_t sum_nanos;
	bool full; /* there are so many that no more are taken */
};

static MAY_PARK const struct err *
correct(struct tx *tx, void *arg)
{
	struct by_hand *work = arg;
	struct correction now = work->correction;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_usage_settlement, PARAMS(V_INT(now.tenant), V_BLOB(now.interaction)), &rows);

	if (err)
		return err;
	if (rows.count == 0)
		return err_new(tx_arena(tx), ERR_NOT_FOUND, "this request is not in the ledger");
	now.key_id = rows_text(&rows, 0, 0);
	now.provider = rows_text(&rows, 0, 1);
	now.model = rows_text(&rows, 0, 2);
	now.team = rows_text(&rows, 0, 3);
	now.user = rows_text(&rows, 0, 4);
	now.tags = rows_text(&rows, 0, 5);
	now.provider_kind = rows_text(&rows, 0, 6);
	now.entry = work->correction.entry = rows_int(&rows, 0, 7) + 1;
	work->sum_nanos = rows_int(&rows, 0, 8) + now.amount_nanos;
	work->full = now.entry > CORRECTIONS_MAX;
	if (work->full)
		return err_new(tx_arena(tx), ERR_CONFLICT, "this request was corrected %d times already", CORRECTIONS_MAX);
	if (work->sum_nanos < 0)
		return err_param(tx_arena(tx), ERR_INVALID, "amount_nanodollars", NULL, "this request has cost %lld nanodollars: it cannot cost less than nothing",
			(long long)(work->sum_nanos - now.amount_nanos));
	return correction_write(tx, &now);
}

MAY_PARK const struct err *
usage_correct(struct money *money, struct arena *arena, int64_t tenant, struct str request_id, int64_t amount_nanos, struct str reason, struct str made_by,
	struct correction *out, int64_t *sum_nanos)
{
	unsigned char id[ID];
	struct by_hand work = { .sum_nanos = 0 };
	int tries = 0;
	const struct err *err;

	if (request_id.len != 2 * ID || !hex_decode(request_id, id))
		return err_param(arena, ERR_INVALID, "request_id", NULL, "request_id: expected the x-request-id of an answer, 32 hex digits");
	if (!str_trim(reason).len || reason.len > REASON_MAX || memchr(reason.ptr, 0, reason.len))
		return err_param(arena, ERR_INVALID, "reason", NULL, "reason: say in 1 to %d bytes why", REASON_MAX);
	if (amount_nanos == 0)
		return err_param(arena, ERR_INVALID, "amount_nanodollars", NULL, "amount_nanodollars: a correction of nothing is none");
	work.correction = (struct correction){ .tenant = tenant,
		.interaction = arena_dup(arena, str_n((const char *)id, ID)),
		.at_us = clock_wall_us(),
		.price_version = STR_EMPTY,
		.parts = STR_EMPTY,
		.amount_nanos = amount_nanos,
		.reason = utf8_repair(arena, reason),
		.made_by = made_by };
	if (!work.correction.interaction.ptr || !work.correction.reason.ptr)
		return &err_no_memory;
	do /* another one may have taken the place that this one was to have */
		err = store_tx(money->store, arena, correct, &work);
	while (err && err->kind == ERR_CONFLICT && !work.full && ++tries < TRIES);
	*out = work.correction;
	*sum_nanos = work.sum_nanos;
	return err;
}
