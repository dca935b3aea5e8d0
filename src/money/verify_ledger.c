/*
 * verify_ledger.c - a page of the ledger: every amount is computed again from the raw quantities and the version of the prices that the entry names.
 *
 * An interaction's entries come together and in order. The settlement and the corrections by prices say, each, what the interaction costs by its own version: what they
 * come to so far must be that. Corrections by hand say what somebody has said; they are no part of that sum.
 */
#include <stdlib.h>

#include "money/money_sql.h"
#include "money/prices.h"
#include "money/verify_inside.h"
#include "telemetry/usage_part.h"

enum { PAGE = 1000, PRICES_MAX = 32 };

/* Columns of verify_page. */
enum { INTERACTION, ENTRY, KIND, MODEL, QUANTITIES, TIER = QUANTITIES + USAGE_QUANTITIES, VERSION, AMOUNT, PARTS, REASON, MADE_BY, KEY, PROVIDER, TEAM, USER, TAGS, AT };

/* An interaction that is being checked. */
void
verify_wrong(struct verify_run *run, enum verify_check check, struct str id, bool bytes)
{
	struct verify_result *result = &run->results[check];
	char *room = result->wrong < VERIFY_EXAMPLES ? result->examples[result->wrong] : NULL;
	size_t len = bytes ? 2 * id.len : id.len;

	result->wrong++;
	if (!room || len >= VERIFY_EXAMPLE_SIZE)
		return;
	if (bytes)
		hex_encode(id.ptr, id.len, room);
	else
		memcpy(room, id.ptr, id.len);
	room[len] = '\0';
}

/* Who and what an entry is for: corrections repeat it, so that reports count them where the settlement is. */
static const int holder_columns[] = { KIND, MODEL, KEY, PROVIDER, TEAM, USER, TAGS };

struct subject {
	struct str id;          /* NULL: none yet */
	bool settled;           /* its settlement was seen */
	int64_t entries;        /* so far: they are numbered from 0 */
	size_t settlement;      /* its row */
	int64_t at_us;          /* when the call began: at some hours prices are others */
	struct usage usage;     /* of the settlement */
	struct str kind, model;
	int64_t by_prices;      /* what settlement and corrections by prices come to so far */
};

struct page {
	struct money *money;
	struct verify_run *run;
	struct map *prices;
	struct arena *arena;    /* of this page */
	struct rows rows;
	struct subject subject;
	struct usage_part *parts; /* USAGE_PARTS_MAX of them */
};

void
verify_prices_drop(struct map *prices)
{
	const struct map_entry *entry;

	for (size_t at = 0; (entry = map_next(prices, &at));)
		price_version_drop(entry->value);
	map_fini(prices);
	*prices = MAP_EMPTY;
}

/* An imported version, read when it is first asked for; NULL: there is none of that id. */
static MAY_PARK const struct err *
version_of(struct page *page, struct str id, const struct price_version **out)
{
	struct price_version *version = map_get(page->prices, id);
	struct rows rows;
	const struct err *err = NULL;

	*out = version;
	if (version || price_is_config(id) || str_starts(id, STR("builtin-")))
		return NULL;
	err = store_query(page->money->store, page->arena, &stmt_price_version_body, PARAMS(V_TEXT(id)), &rows);
	if (err || rows.count == 0)
		return err;
	version = prices_is_of(id, rows_text(&rows, 0, 0)) ? prices_version(page->arena, id, 0, rows_text(&rows, 0, 0)) : price_version_new(id, 0); /* a table that was changed prices nothing */
	if (!version)
		return &err_no_memory;
	if (page->prices->used >= PRICES_MAX)
		verify_prices_drop(page->prices);
	map_put(page->prices, price_version_id(version), version);
	*out = version;
	return NULL;
}

enum finding { COST_KNOWN, COST_UNKNOWN, COST_NONSENSE };

/* What quantities cost at a version. Unknown is the built-in table of another release, and what was written before an entry said enough; any other version must be there. */
static MAY_PARK const struct err *
cost_of(struct page *page, struct str version, struct str kind, struct str model, const struct usage *usage, int64_t *nanos, enum finding *finding)
{
	const struct price_version *table;
	struct price price;
	const struct err *err;

	*nanos = 0;
	*finding = COST_KNOWN;
	if (!version.len)
		return NULL; /* no price was known: nothing is charged */
	if (str_eq_c(version, "config") || (!kind.len && !price_is_config(version))) {
		*finding = COST_UNKNOWN;
		return NULL;
	}
	err = version_of(page, version, &table);
	if (err)
		return err;
	if (price_of_version(table, version, kind, model, page->subject.at_us, &price))
		*nanos = price_cost_nanos(&price, usage);
	else
		*finding = str_starts(version, STR("builtin-")) && !price_is_built_in(version) ? COST_UNKNOWN : COST_NONSENSE;
	return NULL;
}

/* What an entry's parts cost, each by its own version; and that they are the whole of what the settlement counts. */
static MAY_PARK const struct err *
cost_of_parts(struct page *page, size_t row, int64_t *nanos, enum finding *finding)
{
	struct usage sum = { .input = 0 };
	const struct err *err = NULL;
	size_t count;
	bool good = usage_parts_read(page->arena, rows_text(&page->rows, row, PARTS), page->parts, &count);

	*nanos = 0;
	*finding = good ? COST_KNOWN : COST_NONSENSE;
	for (size_t i = 0; good && i < count && !err; i++) {
		const struct usage_part *part = &page->parts[i];
		enum finding found;
		int64_t cost;

		err = cost_of(page, part->price_version, part->provider_kind, part->model, &part->usage, &cost, &found);
		good = found != COST_NONSENSE && (found == COST_UNKNOWN || cost == part->cost_nanos);
		if (found == COST_UNKNOWN)
			*finding = found;
		*nanos += part->cost_nanos;
		sum = usage_sum(&sum, &part->usage);
	}
	good = good && count > 0 && page->parts[0].usage.tier == page->subject.usage.tier; /* the whole's tier is that of the target that answered last, whose part is the first */
	if (!err && (!good || !usage_equal(&sum, &page->subject.usage)))
		verify_wrong(page->run, VERIFY_PARTS, page->subject.id, true);
	return err;
}

static MAY_PARK const struct err *
check_by_prices(struct page *page, size_t row)
{
	struct subject *subject = &page->subject;
	bool settlement = rows_int(&page->rows, row, ENTRY) == 0;
	enum finding finding;
	int64_t cost;
	const struct err *err;

	if (rows_text(&page->rows, row, PARTS).len)
		err = cost_of_parts(page, row, &cost, &finding);
	else
		err = cost_of(page, rows_text(&page->rows, row, VERSION), subject->kind, subject->model, &subject->usage, &cost, &finding);
	subject->by_prices += rows_int(&page->rows, row, AMOUNT);
	page->run->unknown += !err && finding == COST_UNKNOWN;
	if (!err && (finding == COST_NONSENSE || (finding == COST_KNOWN && cost != subject->by_prices)))
		verify_wrong(page->run, settlement ? VERIFY_AMOUNTS : VERIFY_REPRICED, subject->id, true);
	return err;
}

/* A correction: it is the next one, and of whom the settlement is. */
static void
check_place(struct page *page, size_t row)
{
	struct subject *subject = &page->subject;
	bool same = true;

	if (rows_int(&page->rows, row, ENTRY) != subject->entries)
		verify_wrong(page->run, VERIFY_ORPHANS, subject->id, true);
	for (size_t i = 0; subject->settled && i < COUNT(holder_columns); i++)
		same = same && str_eq(rows_text(&page->rows, row, holder_columns[i]), rows_text(&page->rows, subject->settlement, holder_columns[i]));
	if (!same)
		verify_wrong(page->run, VERIFY_HOLDERS, subject->id, true);
	subject->entries = rows_int(&page->rows, row, ENTRY) + 1;
}

static MAY_PARK const struct err *
check_row(struct page *page, size_t row)
{
	const struct rows *rows = &page->rows;
	struct subject *subject = &page->subject;
	struct str id = rows_text(rows, row, INTERACTION);

	if (!subject->id.ptr || !str_eq(subject->id, id))
		*subject = (struct subject){ .id = id };
	page->run->entries++;
	page->run->amount_nanos += rows_int(rows, row, AMOUNT);
	if (rows_int(rows, row, ENTRY) == 0)
		subject->settlement = row;
	subject->settled = subject->settled || rows_int(rows, row, ENTRY) == 0;
	check_place(page, row);
	if (rows_int(rows, row, ENTRY) == 0) {
		subject->usage = usage_of_row(rows, row, QUANTITIES);
		subject->usage.tier = usage_tier_of_row(rows, row, TIER);
		if (rows_int(rows, row, TIER) != (int64_t)subject->usage.tier)
			verify_wrong(page->run, VERIFY_AMOUNTS, id, true); /* a tier that nobody knows has no price */
		subject->at_us = rows_int(rows, row, AT);
		subject->kind = rows_text(rows, row, KIND);
		subject->model = rows_text(rows, row, MODEL);
		return check_by_prices(page, row);
	}
	if (!subject->settled)
		return NULL;
	if (!rows_text(rows, row, REASON).len && !rows_text(rows, row, MADE_BY).len)
		return check_by_prices(page, row);
	if (!rows_text(rows, row, REASON).len || !rows_text(rows, row, MADE_BY).len)
		verify_wrong(page->run, VERIFY_BY_HAND, id, true);
	return NULL;
}

/* How many rows of the page are of interactions that are whole on it. */
static size_t
whole_rows(const struct rows *rows)
{
	size_t count = rows->count;
	struct str last = rows_text(rows, count - 1, INTERACTION);

	while (count > 0 && str_eq(rows_text(rows, count - 1, INTERACTION), last))
		count--;
	return count ? count : rows->count;
}

static MAY_PARK const struct err *
check_missing(struct page *page, int64_t tenant, struct str after, struct str upto)
{
	static const struct {
		const struct stmt *stmt;
		enum verify_check check;
	} lists[] = { { &stmt_verify_unpaid, VERIFY_UNPAID }, { &stmt_verify_unrecorded, VERIFY_UNRECORDED }, { &stmt_verify_holders, VERIFY_HOLDERS } };
	struct rows rows;
	const struct err *err = store_query(page->money->store, page->arena, &stmt_verify_interactions, PARAMS(V_INT(tenant), V_BLOB(after), V_BLOB(upto)), &rows);

	if (!err)
		page->run->interactions += rows_int(&rows, 0, 0);
	for (size_t i = 0; i < COUNT(lists) && !err; i++) {
		err = store_query(page->money->store, page->arena, lists[i].stmt, PARAMS(V_INT(tenant), V_BLOB(after), V_BLOB(upto)), &rows);
		for (size_t row = 0; !err && row < rows.count; row++)
			verify_wrong(page->run, lists[i].check, rows_text(&rows, row, 0), true);
	}
	return err;
}

static MAY_PARK const struct err *
check_page(struct page *page, int64_t tenant, unsigned char after[VERIFY_ID], struct str last, bool *done)
{
	struct str begin = str_n((const char *)after, VERIFY_ID), upto = last;
	size_t count;
	const struct err *err =
		store_query(page->money->store, page->arena, &stmt_verify_page, PARAMS(V_INT(tenant), V_BLOB(begin), V_BLOB(last), V_INT(PAGE)), &page->rows);

	if (err)
		return err;
	*done = page->rows.count < PAGE;
	count = *done ? page->rows.count : whole_rows(&page->rows);
	for (size_t row = 0; row < count && !err; row++)
		err = check_row(page, row);
	if (!*done)
		upto = rows_text(&page->rows, count - 1, INTERACTION);
	if (!err)
		err = check_missing(page, tenant, begin, upto);
	if (!err && upto.len == VERIFY_ID)
		memcpy(after, upto.ptr, VERIFY_ID);
	return err;
}

MAY_PARK const struct err *
verify_page(struct money *money, struct verify_run *run, struct map *prices, int64_t tenant, unsigned char after[VERIFY_ID], struct str last, bool *done)
{
	struct arena *arena = arena_new(MIB(192)); /* a page, and a price table in the making */
	struct page page = { .money = money, .run = run, .prices = prices, .arena = arena };
	const struct err *err;

	page.parts = arena_array(arena, USAGE_PARTS_MAX, sizeof(*page.parts));
	err = page.parts ? check_page(&page, tenant, after, last, done) : &err_no_memory;
	if (err)
		err = &err_internal == err || &err_no_memory == err ? err : err_copy(run->arena, err);
	arena_free(arena);
	return err;
}
