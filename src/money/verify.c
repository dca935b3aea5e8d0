/*
 * verify.c - see verify.h: the tenants in turn, page by page; then the budgets, then the store. The statements stand at the end of money.sql.
 *
 * A place is text: "ledger TENANT ID", "budgets" or "store".
 */
#include "money/verify.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "money/money_sql.h"
#include "money/usage.h"
#include "money/verify_inside.h"

static const char *const names[VERIFY_CHECKS] = {
	[VERIFY_UNPAID] = "every interaction is in the ledger",
	[VERIFY_UNRECORDED] = "every settlement has its interaction",
	[VERIFY_AMOUNTS] = "every amount is what its quantities cost",
	[VERIFY_PARTS] = "what several targets answered adds up",
	[VERIFY_REPRICED] = "every correction comes to what its prices say",
	[VERIFY_BY_HAND] = "every correction by hand says who and why",
	[VERIFY_ORPHANS] = "every correction has all entries before it",
	[VERIFY_HOLDERS] = "every entry is of whom its interaction is",
	[VERIFY_ENTRIES] = "budgets were charged what the ledger says",
	[VERIFY_BLOCKS] = "closed blocks are the sums of their entries",
	[VERIFY_SPENT] = "periods have spent what their closed blocks say",
	[VERIFY_HELD] = "periods hold what their open blocks say",
	[VERIFY_STORE] = "the store is sound",
};

const char *
verify_name(enum verify_check check)
{
	return names[check];
}

/* --- where it is --- */

enum stage { STAGE_LEDGER, STAGE_BUDGETS, STAGE_STORE, STAGE_DONE };

struct place {
	enum stage stage;
	int64_t tenant;
	unsigned char after[VERIFY_ID];
};

static const struct err *
place_read(struct arena *arena, struct str text, struct place *out)
{
	struct str rest = text, word, tenant = STR_EMPTY, id = STR_EMPTY;

	if (str_eq_c(text, "budgets") || str_eq_c(text, "store")) {
		out->stage = str_eq_c(text, "store") ? STAGE_STORE : STAGE_BUDGETS;
		return NULL;
	}
	if (str_split(&rest, ' ', &word) && str_eq_c(word, "ledger") && str_split(&rest, ' ', &tenant) && str_split(&rest, ' ', &id) && !rest.len &&
		str_to_i64(tenant, &out->tenant) && id.len == 2 * VERIFY_ID && hex_decode(id, out->after))
		return NULL;
	return err_param(arena, ERR_INVALID, "after", NULL, "after: expected what an earlier answer has in \"next\"");
}

static struct str
place_text(struct arena *arena, const struct place *place)
{
	char hex[2 * VERIFY_ID];

	hex_encode(place->after, VERIFY_ID, hex);
	if (place->stage == STAGE_LEDGER)
		return arena_printf(arena, "ledger %lld %.*s", (long long)place->tenant, 2 * VERIFY_ID, hex);
	return place->stage == STAGE_BUDGETS ? STR("budgets") : place->stage == STAGE_STORE ? STR("store") : STR_EMPTY;
}

/* --- stages --- */

/* The next tenant; none: the budgets are next. */
static MAY_PARK const struct err *
tenant_next(struct money *money, struct verify_run *run, struct place *place)
{
	struct rows rows;
	const struct err *err = store_query(money->store, run->arena, &stmt_verify_tenant, PARAMS(V_INT(place->tenant)), &rows);

	if (err)
		return err;
	place->tenant = rows_int(&rows, 0, 0);
	(void)usage_id_at(run->from_us, place->after);
	if (!place->tenant)
		place->stage = STAGE_BUDGETS;
	return NULL;
}

static MAY_PARK const struct err *
ledger_go(struct money *money, struct verify_run *run, struct map *prices, struct place *place)
{
	unsigned char last[VERIFY_ID];
	bool done = false;
	const struct err *err = place->tenant ? verify_page(money, run, prices, place->tenant, place->after, usage_id_at(run->to_us, last), &done) : NULL;

	if (err || (place->tenant && !done))
		return err;
	return tenant_next(money, run, place);
}

static MAY_PARK const struct err *
budgets_go(struct money *money, struct verify_run *run)
{
	static const struct {
		const struct stmt *stmt;
		enum verify_check check;
		bool bytes;
	} lists[] = { { &stmt_verify_entries, VERIFY_ENTRIES, true }, { &stmt_verify_blocks, VERIFY_BLOCKS, false }, { &stmt_verify_spent, VERIFY_SPENT, false },
		{ &stmt_verify_held, VERIFY_HELD, false } };
	struct rows rows;
	const struct err *err = store_query(money->store, run->arena, &stmt_verify_budget_entries, NO_PARAMS, &rows);

	if (!err)
		run->budget_entries = rows_int(&rows, 0, 0);
	for (size_t i = 0; i < COUNT(lists) && !err; i++) {
		err = store_query(money->store, run->arena, lists[i].stmt, NO_PARAMS, &rows);
		for (size_t row = 0; !err && row < rows.count; row++)
			verify_wrong(run, lists[i].check, rows_text(&rows, row, 0), lists[i].bytes);
	}
	return err;
}

static MAY_PARK void
store_go(struct money *money, struct verify_run *run)
{
	const struct err *broken = store_verify(money->store, run->arena);

	/* where the engine has its own tool for that (PostgreSQL), the result says which, and finds nothing */
	run->results[VERIFY_STORE].wrong = broken && broken->kind != ERR_UNSUPPORTED;
	run->results[VERIFY_STORE].detail = broken ? broken->message : STR_EMPTY;
}

MAY_PARK const struct err *
verify_go(struct money *money, struct arena *arena, struct verify_run *run)
{
	int64_t until_us = clock_mono_us() + run->time_us;
	struct place place = { .stage = STAGE_LEDGER };
	struct map prices = MAP_EMPTY;
	const struct err *err = run->place.len ? place_read(arena, run->place, &place) : NULL;

	run->arena = arena;
	for (size_t i = 0; i < VERIFY_CHECKS; i++)
		run->results[i].detail = STR_EMPTY;
	do {
		if (err)
			break;
		switch (place.stage) {
		case STAGE_LEDGER:
			err = ledger_go(money, run, &prices, &place);
			break;
		case STAGE_BUDGETS:
			err = budgets_go(money, run);
			place.stage = STAGE_STORE;
			break;
		case STAGE_STORE:
			store_go(money, run);
			place.stage = STAGE_DONE;
			break;
		case STAGE_DONE:
			break;
		}
	} while (!err && place.stage != STAGE_DONE && clock_mono_us() < until_us);
	verify_prices_drop(&prices);
	run->next = place_text(arena, &place);
	return err;
}
