/*
 * verify.c - see verify.h: the tenants in turn, page by page; then the budgets, then the store. The statements stand at the end of money.sql.
 *
 * A place is text: "ledger TENANT ID", "hours TENANT HOUR", "budgets" or "store". A tenant's hours come after its ledger.
 */
#include "money/verify.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "money/money_sql.h"
#include "money/usage.h"
#include "money/verify_inside.h"
#include "telemetry/seal.h"

#define HOUR_US (3600 * USEC_PER_SEC)

static const char *const names[VERIFY_CHECKS] = {
	[VERIFY_UNPAID] = "every interaction is in the ledger",
	[VERIFY_UNRECORDED] = "every settlement has its interaction",
	[VERIFY_AMOUNTS] = "every amount is what its quantities cost",
	[VERIFY_PARTS] = "what several targets answered adds up",
	[VERIFY_REPRICED] = "every correction comes to what its prices say",
	[VERIFY_BY_HAND] = "every correction by hand says who and why",
	[VERIFY_ORPHANS] = "every correction has all entries before it",
	[VERIFY_HOLDERS] = "every entry is of whom its interaction is",
	[VERIFY_HOURS] = "every hour has the entries that were counted there",
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

enum stage { STAGE_LEDGER, STAGE_HOURS, STAGE_BUDGETS, STAGE_STORE, STAGE_DONE };

struct place {
	enum stage stage;
	int64_t tenant;
	unsigned char after[VERIFY_ID]; /* the ledger's */
	int64_t hour;                   /* the next, since 1970 */
};

static const struct err *
place_read(struct arena *arena, struct str text, struct place *out)
{
	struct str rest = text, word, tenant = STR_EMPTY, id = STR_EMPTY;

	if (str_eq_c(text, "budgets") || str_eq_c(text, "store")) {
		out->stage = str_eq_c(text, "store") ? STAGE_STORE : STAGE_BUDGETS;
		return NULL;
	}
	if (str_split(&rest, ' ', &word) && str_split(&rest, ' ', &tenant) && str_split(&rest, ' ', &id) && !rest.len && str_to_i64(tenant, &out->tenant)) {
		if (str_eq_c(word, "ledger") && id.len == 2 * VERIFY_ID && hex_decode(id, out->after))
			return NULL;
		out->stage = STAGE_HOURS;
		if (str_eq_c(word, "hours") && str_to_i64(id, &out->hour))
			return NULL;
	}
	return err_param(arena, ERR_INVALID, "after", NULL, "after: expected what an earlier answer has in \"next\"");
}

static struct str
place_text(struct arena *arena, const struct place *place)
{
	char hex[2 * VERIFY_ID];

	hex_encode(place->after, VERIFY_ID, hex);
	if (place->stage == STAGE_LEDGER)
		return arena_printf(arena, "ledger %lld %.*s", (long long)place->tenant, 2 * VERIFY_ID, hex);
	if (place->stage == STAGE_HOURS)
		return arena_printf(arena, "hours %lld %lld", (long long)place->tenant, (long long)place->hour);
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
	place->stage = place->tenant ? STAGE_LEDGER : STAGE_BUDGETS;
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
	if (!place->tenant)
		return tenant_next(money, run, place);
	place->stage = STAGE_HOURS;
	place->hour = (run->from_us + HOUR_US - 1) / HOUR_US;
	return NULL;
}

/* The next hour from place->hour on that was counted, or has entries where all are; -1: there is none. */
static MAY_PARK const struct err *
hour_find(struct money *money, struct arena *arena, const struct place *place, int64_t *hour)
{
	unsigned char id[VERIFY_ID];
	struct rows counted, entry;
	const struct err *err = store_query(money->store, arena, &stmt_verify_hour_next, PARAMS(V_INT(place->tenant), V_INT(place->hour)), &counted);

	if (!err)
		err = store_query(money->store, arena, &stmt_verify_hour_entry, PARAMS(V_INT(place->tenant), V_BLOB(seal_hour_id(place->hour, id))), &entry);
	if (err)
		return err;
	*hour = counted.count ? rows_int(&counted, 0, 0) : -1;
	if (entry.count && (*hour < 0 || seal_hour(rows_text(&entry, 0, 0)) < *hour))
		*hour = seal_hour(rows_text(&entry, 0, 0));
	return NULL;
}

static MAY_PARK const struct err *
hour_check(struct money *money, struct verify_run *run, struct arena *arena, int64_t tenant, int64_t hour)
{
	unsigned char begin[VERIFY_ID], end[VERIFY_ID];
	char time[CLOCK_TEXT_SIZE];
	struct rows rows;
	int64_t entries, nanos;
	const struct err *err = store_query(money->store, arena, &stmt_verify_hour,
		PARAMS(V_INT(tenant), V_INT(hour), V_BLOB(seal_hour_id(hour, begin)), V_BLOB(seal_hour_id(hour + 1, end))), &rows);

	if (err || rows.count == 0)
		return err;
	run->sealed += rows_int(&rows, 0, 2);
	entries = rows_int(&rows, 0, 2) - rows_int(&rows, 0, 0);
	nanos = rows_int(&rows, 0, 3) - rows_int(&rows, 0, 1);
	if (!entries && !nanos)
		return NULL;
	clock_text(hour * HOUR_US, time);
	verify_wrong(run, VERIFY_HOURS,
		arena_printf(arena, "tenant %lld, hour %.13s: %+lld entries, %+lld nanodollars", (long long)tenant, time, (long long)entries, (long long)nanos), false);
	return NULL;
}

static MAY_PARK const struct err *
hours_go(struct money *money, struct verify_run *run, struct place *place)
{
	struct arena *scratch = arena_new(MIB(1));
	int64_t hour = -1;
	const struct err *err = hour_find(money, scratch, place, &hour);
	bool any = !err && hour >= 0 && hour < run->to_us / HOUR_US;

	if (any)
		err = hour_check(money, run, scratch, place->tenant, hour);
	place->hour = hour + 1;
	err = err ? err_copy(run->arena, err) : NULL;
	arena_free(scratch);
	return err || any ? err : tenant_next(money, run, place);
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
		case STAGE_HOURS:
			err = hours_go(money, run, &place);
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
