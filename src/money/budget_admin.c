/*
 * budget_admin.c - making, listing, changing and closing budgets. See budget.h.
 *
 * A budget is never deleted: the ledger's entries name its blocks.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "money/inside.h"
#include "money/money_sql.h"
#include "rt/fiber.h"

enum { NAME_MAX_BYTES = 100, LIST_MAX = 1000, ALERTS_MAX = 10 };

/* Rising percents from 1 to 100 in one form; "none" gives nothing. */
static const struct err *
alerts_parse(struct arena *arena, struct str text, struct str *out)
{
	bool given[101] = { false };
	struct str word;
	struct buf buf;
	int64_t number;
	size_t count = 0;

	if (!text.len)
		text = STR("80 100");
	while (!str_eq_c(text, "none") && str_split(&text, text.len && memchr(text.ptr, ',', text.len) ? ',' : ' ', &word)) {
		if (!str_to_i64(str_trim(word), &number) || number < 1 || number > 100 || ++count > ALERTS_MAX)
			return err_param(arena, ERR_INVALID, "alerts", NULL, "alerts: at most %d percents from 1 to 100, or none", ALERTS_MAX);
		given[number] = true;
	}
	buf_init(&buf, arena, 64);
	for (int percent = 1; percent <= 100; percent++)
		if (given[percent])
			buf_printf(&buf, "%s%d", buf.len ? " " : "", percent);
	*out = buf_str(&buf);
	return buf_err(&buf);
}

static const struct err *
name_check(struct arena *arena, struct str name)
{
	if (name.len == 0 || name.len > NAME_MAX_BYTES || memchr(name.ptr, 0, name.len))
		return err_param(arena, ERR_INVALID, "name", NULL, "a budget needs a name of 1 to %d bytes", NAME_MAX_BYTES);
	return NULL;
}

static const struct err *
limit_check(struct arena *arena, int64_t nanos)
{
	if (nanos < 1 || nanos > INT64_MAX / 2)
		return err_param(arena, ERR_INVALID, "limit_nanodollars", NULL, "limit_nanodollars: expected a whole number above 0 (1000000000 is a dollar)");
	return NULL;
}

static MAY_PARK const struct err *
revision_next(struct tx *tx, int64_t *out)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_money_revision_next, NO_PARAMS, &rows);

	*out = err ? 0 : rows_int(&rows, 0, 0);
	return err;
}

/* Until what was committed is in force on this node; a store that is away does not hold up the caller for long. */
static MAY_PARK void
await(struct money *money, int64_t revision)
{
	for (int turn = 0; turn < 1000 && atomic_load(&money->seen) < revision; turn++)
		if (fiber_sleep_us(2 * USEC_PER_MS))
			return;
}

struct creation {
	int64_t tenant, revision;
	struct str id, name, kind, holder, period, alerts;
	int64_t limit_nanos;
};

static MAY_PARK const struct err *
create(struct tx *tx, void *arg)
{
	struct creation *c = arg;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_budget_get, PARAMS(V_INT(c->tenant), V_TEXT(c->name)), &rows);

	if (!err && rows.count && !rows_int(&rows, 0, 8) && str_eq(rows_text(&rows, 0, 1), c->name))
		return err_param(tx_arena(tx), ERR_CONFLICT, "name", NULL, "there is a budget \"%" STR_F "\" already", STR_A(c->name));
	if (!err)
		err = revision_next(tx, &c->revision);
	if (!err)
		err = tx_exec(tx, &stmt_budget_add,
			PARAMS(V_INT(c->tenant), V_TEXT(c->id), V_TEXT(c->name), V_TEXT(c->kind), V_TEXT(c->holder), V_TEXT(c->period), V_INT(c->limit_nanos),
				V_TEXT(c->alerts), V_INT(clock_wall_us()), V_INT(c->revision)),
			NULL);
	return err ? err : tx_notify(tx, BUDGET_TOPIC);
}

/* The id of the team or key that is named. */
static MAY_PARK const struct err *
holder_resolve(struct access *access, struct arena *arena, int64_t tenant, const struct budget_spec *spec, struct str *out)
{
	struct group_row team;
	struct key key;
	const struct err *err;

	*out = spec->holder;
	switch (spec->kind) {
	case HOLDER_TEAM:
		err = team_show(access, arena, tenant, spec->holder, &team);
		*out = err ? STR_EMPTY : team.id;
		return err;
	case HOLDER_KEY:
		err = key_show(access, arena, tenant, spec->holder, &key);
		*out = err ? STR_EMPTY : key.id;
		return err;
	case HOLDER_USER:
		*out = access_user_id(arena, spec->holder);
		return out->ptr ? NULL : &err_no_memory;
	case HOLDER_TENANT:
	case HOLDER_KINDS:
		*out = STR_EMPTY;
	}
	return NULL;
}

/* Columns as in budget_page and budget_get; then the figures of the current period. */
static MAY_PARK const struct err *
row_read(struct store *store, struct arena *arena, int64_t tenant, const struct rows *rows, size_t row, struct budget_row *out)
{
	enum period period = PERIOD_TOTAL;
	struct value budget, starts;
	struct rows found, open;
	const struct err *err;

	*out = (struct budget_row){ .id = rows_text(rows, row, 0),
		.name = rows_text(rows, row, 1),
		.kind = rows_text(rows, row, 2),
		.holder = rows_text(rows, row, 3),
		.period = rows_text(rows, row, 4),
		.limit_nanos = rows_int(rows, row, 5),
		.alerts = rows_text(rows, row, 6),
		.created_us = rows_int(rows, row, 7),
		.closed_us = rows_int(rows, row, 8) };
	(void)period_parse(out->period, &period);
	period_bounds(period, clock_wall_us(), &out->starts_us, &out->ends_us);
	budget = V_TEXT(out->id);
	starts = V_INT(out->starts_us);
	err = store_query(store, arena, &stmt_budget_period_get, PARAMS(V_INT(tenant), budget, starts, V_TEXT(STR_EMPTY)), &found);
	if (!err)
		err = store_query(store, arena, &stmt_budget_period_spent, PARAMS(V_INT(tenant), budget, starts, V_TEXT(STR_EMPTY)), &open);
	if (err || found.count == 0)
		return err;
	out->spent_nanos = rows_int(&found, 0, 0) + rows_int(&open, 0, 0);
	out->held_nanos = rows_int(&found, 0, 1) - rows_int(&open, 0, 0);
	if (out->held_nanos < 0) /* a call cost more than it had reserved */
		out->held_nanos = 0;
	return NULL;
}

MAY_PARK const struct err *
budget_create(struct money *money, struct access *access, struct arena *arena, int64_t tenant, const struct budget_spec *spec, struct budget_row *out)
{
	struct id id = id_new();
	struct creation creation = { .tenant = tenant,
		.id = arena_printf(arena, "budget_%s", id.hex),
		.name = spec->name,
		.kind = str_of(holder_kind_name(spec->kind)),
		.period = str_of(period_name(spec->period)),
		.limit_nanos = spec->limit_nanos };
	const struct err *err = creation.id.ptr ? name_check(arena, spec->name) : &err_no_memory;

	if (!err)
		err = limit_check(arena, spec->limit_nanos);
	if (!err)
		err = alerts_parse(arena, spec->alerts, &creation.alerts);
	if (!err)
		err = holder_resolve(access, arena, tenant, spec, &creation.holder);
	if (!err)
		err = store_tx(money->store, arena, create, &creation);
	if (!err)
		await(money, creation.revision);
	return err ? err : budget_show(money, arena, tenant, creation.id, out);
}

MAY_PARK const struct err *
budget_list(struct money *money, struct arena *arena, int64_t tenant, struct str after, unsigned limit, struct budget_row **out, size_t *count)
{
	const struct err *err;
	struct rows rows;

	if (limit == 0 || limit > LIST_MAX)
		return err_param(arena, ERR_INVALID, "limit", NULL, "limit is from 1 to %d", LIST_MAX);
	err = store_query(money->store, arena, &stmt_budget_page, PARAMS(V_INT(tenant), V_TEXT(after), V_INT(limit)), &rows);
	if (err)
		return err;
	*out = arena_array(arena, rows.count, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	*count = rows.count;
	for (size_t i = 0; i < rows.count && !err; i++)
		err = row_read(money->store, arena, tenant, &rows, i, &(*out)[i]);
	return err;
}

MAY_PARK const struct err *
budget_show(struct money *money, struct arena *arena, int64_t tenant, struct str id, struct budget_row *out)
{
	struct rows rows;
	const struct err *err = store_query(money->store, arena, &stmt_budget_get, PARAMS(V_INT(tenant), V_TEXT(id)), &rows);

	if (!err && rows.count == 0)
		return err_new(arena, ERR_NOT_FOUND, "there is no budget \"%" STR_F "\"", STR_A(str_slice(id, 0, 100)));
	return err ? err : row_read(money->store, arena, tenant, &rows, 0, out);
}

struct update {
	int64_t tenant, revision;
	struct str id, name, alerts;
	int64_t limit_nanos;
	bool close;
};

static MAY_PARK const struct err *
update(struct tx *tx, void *arg)
{
	struct update *u = arg;
	int64_t closed_us, limit;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_budget_get, PARAMS(V_INT(u->tenant), V_TEXT(u->id)), &rows);

	if (!err && rows.count == 0)
		return err_new(tx_arena(tx), ERR_NOT_FOUND, "there is no budget \"%" STR_F "\"", STR_A(str_slice(u->id, 0, 100)));
	if (!err)
		err = revision_next(tx, &u->revision);
	if (err)
		return err;
	closed_us = rows_int(&rows, 0, 8) ? rows_int(&rows, 0, 8) : u->close ? clock_wall_us() : 0;
	limit = u->limit_nanos ? u->limit_nanos : rows_int(&rows, 0, 5);
	err = tx_exec(tx, &stmt_budget_change,
		PARAMS(V_INT(u->tenant), V_TEXT(u->id), V_TEXT(u->name.ptr ? u->name : rows_text(&rows, 0, 1)), V_INT(limit),
			V_TEXT(u->alerts.ptr ? u->alerts : rows_text(&rows, 0, 6)), closed_us ? V_INT(closed_us) : V_NULL, V_INT(u->revision)),
		NULL);
	return err ? err : tx_notify(tx, BUDGET_TOPIC);
}

MAY_PARK const struct err *
budget_update(struct money *money, struct arena *arena, int64_t tenant, struct str id, struct str name, int64_t limit_nanos, struct str alerts, bool close,
	struct budget_row *out)
{
	struct update arg = { .tenant = tenant, .name = name, .limit_nanos = limit_nanos, .close = close };
	const struct err *err = name.ptr ? name_check(arena, name) : NULL;

	if (!err && limit_nanos)
		err = limit_check(arena, limit_nanos);
	if (!err && alerts.ptr)
		err = alerts_parse(arena, alerts, &arg.alerts);
	if (!err)
		err = budget_show(money, arena, tenant, id, out);
	if (err)
		return err;
	arg.id = out->id;
	err = store_tx(money->store, arena, update, &arg);
	if (!err)
		await(money, arg.revision);
	return err ? err : budget_show(money, arena, tenant, arg.id, out);
}
