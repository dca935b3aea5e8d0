/*
 * usage.c - see usage.h.
 */
#include "money/usage.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "money/correct.h"
#include "money/inside.h"
#include "money/money_sql.h"
#include "rt/fiber.h"
#include "telemetry/usage_part.h"

enum { PAGE = 500, ID = 16, MODELS_MAX = 10000, TRIES = 20 };

static const char *const names[USAGE_BYS] = { "tenant", "team", "key", "user", "model", "tag", "day" };

const char *
usage_by_name(enum usage_by by)
{
	return names[by];
}

bool
usage_by_parse(struct str name, enum usage_by *out)
{
	for (unsigned i = 0; i < USAGE_BYS; i++) {
		if (!str_eq_c(name, names[i]))
			continue;
		*out = (enum usage_by)i;
		return true;
	}
	return false;
}

struct str
usage_id_at(int64_t wall_us, unsigned char out[ID])
{
	uint64_t ms = wall_us > 0 ? (uint64_t)wall_us / 1000 : 0;

	memset(out, 0, ID);
	for (int i = 5; i >= 0; i--, ms >>= 8)
		out[i] = (unsigned char)ms;
	return str_n((const char *)out, ID);
}

/* --- reports --- */

void
usage_row_read(const struct rows *rows, size_t row, struct usage_row *out)
{
	*out = (struct usage_row){ .group = rows_text(rows, row, 0),
		.calls = rows_int(rows, row, 1),
		.usage = usage_of_row(rows, row, 2),
		.corrections_nanos = rows_int(rows, row, 2 + USAGE_QUANTITIES),
		.amount_nanos = rows_int(rows, row, 3 + USAGE_QUANTITIES),
		.saved_tokens = rows_int(rows, row, 4 + USAGE_QUANTITIES),
		.saved_nanos = rows_int(rows, row, 5 + USAGE_QUANTITIES),
		.reported_calls = rows_int(rows, row, 6 + USAGE_QUANTITIES),
		.reported_nanos = rows_int(rows, row, 7 + USAGE_QUANTITIES) };
}

MAY_PARK const struct err *
usage_report(struct money *money, struct arena *arena, int64_t tenant, enum usage_by by, int64_t from_us, int64_t to_us, struct usage_row **out, size_t *count)
{
	static const struct stmt *const statements[USAGE_BYS] = { &stmt_usage_by_tenant, &stmt_usage_by_team, &stmt_usage_by_key, &stmt_usage_by_user, &stmt_usage_by_model,
		NULL, &stmt_usage_by_day };
	unsigned char from[ID], to[ID];
	struct value range[2] = { V_BLOB(usage_id_at(from_us, from)), V_BLOB(usage_id_at(to_us, to)) };
	struct usage_row *list;
	struct rows rows;
	const struct err *err;

	if (by == USAGE_BY_TAG)
		return usage_by_tag(money, arena, tenant, range, out, count);
	err = by == USAGE_BY_TENANT ? store_query(money->store, arena, statements[by], PARAMS(range[0], range[1]), &rows)
				    : store_query(money->store, arena, statements[by], PARAMS(V_INT(tenant), range[0], range[1]), &rows);
	if (err)
		return err;
	*out = list = arena_array(arena, rows.count, sizeof(*list));
	*count = rows.count;
	for (size_t i = 0; list && i < rows.count; i++) {
		usage_row_read(&rows, i, &list[i]);
		if (by == USAGE_BY_DAY) {
			char text[CLOCK_TEXT_SIZE];
			int64_t day = 0;

			(void)str_to_i64(list[i].group, &day);
			clock_text(day * 86400 * USEC_PER_SEC, text);
			list[i].group = arena_dup(arena, str_n(text, 10));
		}
	}
	return list ? NULL : &err_no_memory;
}

/* --- pricing again --- */

/* Columns of usage_reprice_page. */
enum { INTERACTION, AT, KIND, MODEL, QUANTITIES, TIER = QUANTITIES + USAGE_QUANTITIES, SUM, ENTRY, KEY, PROVIDER, TEAM, USER, TAGS, PARTS };

struct repricing {
	struct money *money;
	struct arena *arena;
	int64_t tenant;
	struct map models;       /* to struct reprice_row */
	struct reprice_row *list;
	size_t count;
	const struct rows *rows; /* of the page */
	bool changed[PAGE];
	int64_t difference[PAGE], after[PAGE];
	bool priced[PAGE];
	struct str version[PAGE], new_parts[PAGE];
	struct arena *scratch;   /* of the page */
	struct usage_part parts[USAGE_PARTS_MAX];
};

static struct reprice_row *
model_row(struct repricing *work, struct str model)
{
	struct reprice_row *row = map_get(&work->models, model);

	if (row || work->count == MODELS_MAX)
		return row;
	row = &work->list[work->count++];
	row->model = arena_dup(work->arena, model);
	if (row->model.ptr)
		map_put(&work->models, row->model, row);
	return row;
}

/* What an entry's quantities cost now: as they say, or by the parts that they are the sum of. Of these, those that the configuration priced, or nobody can, stay as they are. False: it stays whole. */
static bool
price_again(struct repricing *work, size_t row, const struct usage *usage, int64_t *nanos, struct str *version, struct str *parts)
{
	const struct rows *rows = work->rows;
	int64_t at_us = rows_int(rows, row, AT);
	struct price price;
	bool any = false;
	size_t count;

	*parts = STR_EMPTY;
	*nanos = 0;
	if (!rows_text(rows, row, PARTS).len) {
		if (!price_find(rows_text(rows, row, KIND), rows_text(rows, row, MODEL), at_us, &price))
			return false;
		*nanos = price_cost_nanos(&price, usage);
		*version = price.version;
		return true;
	}
	if (!usage_parts_read(work->scratch, rows_text(rows, row, PARTS), work->parts, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct usage_part *part = &work->parts[i];

		if (!price_is_config(part->price_version) && price_find(part->provider_kind, part->model, at_us, &price)) {
			part->price_version = *version = price.version;
			part->cost_nanos = price_cost_nanos(&price, &part->usage);
			any = true;
		}
		*nanos += part->cost_nanos;
	}
	*parts = usage_parts_write(work->scratch, work->parts, count);
	return any && parts->ptr;
}

static void
page_price(struct repricing *work)
{
	const struct rows *rows = work->rows;

	for (size_t i = 0; i < rows->count; i++) {
		struct usage usage = usage_of_row(rows, i, QUANTITIES);

		usage.tier = usage_tier_of_row(rows, i, TIER);
		work->priced[i] = price_again(work, i, &usage, &work->after[i], &work->version[i], &work->new_parts[i]);
		work->difference[i] = work->priced[i] ? work->after[i] - rows_int(rows, i, SUM) : 0;
		work->changed[i] = work->difference[i] != 0;
	}
}

/* What has been found of a page, once nothing of it can come again. */
static void
page_sum(struct repricing *work)
{
	const struct rows *rows = work->rows;

	for (size_t i = 0; i < rows->count; i++) {
		struct reprice_row *row = work->priced[i] ? model_row(work, rows_text(rows, i, MODEL)) : NULL;

		if (!row)
			continue;
		row->calls++;
		row->before_nanos += rows_int(rows, i, SUM);
		row->after_nanos += work->after[i];
	}
}

static MAY_PARK const struct err *
page_apply(struct tx *tx, void *arg)
{
	const struct repricing *work = arg;
	const struct rows *rows = work->rows;
	int64_t now_us = clock_wall_us();
	const struct err *err = NULL;

	for (size_t i = 0; i < rows->count && !err; i++)
		if (work->changed[i])
			err = correction_write(tx, &(struct correction){ .tenant = work->tenant,
							  .interaction = rows_text(rows, i, INTERACTION),
							  .entry = rows_int(rows, i, ENTRY) + 1,
							  .at_us = now_us,
							  .key_id = rows_text(rows, i, KEY),
							  .provider = rows_text(rows, i, PROVIDER),
							  .model = rows_text(rows, i, MODEL),
							  .price_version = work->version[i],
							  .amount_nanos = work->difference[i],
							  .team = rows_text(rows, i, TEAM),
							  .user = rows_text(rows, i, USER),
							  .tags = rows_text(rows, i, TAGS),
							  .provider_kind = rows_text(rows, i, KIND),
							  .parts = work->new_parts[i],
							  .reason = STR_EMPTY,
							  .made_by = STR_EMPTY });
	return err;
}

/*
 * Reads a page behind `after`, prices it, and writes the differences. Another correction of one of its interactions meanwhile has taken the place that this one was to have: then nothing of the page was written, and it is
 * read again.
 */
static MAY_PARK const struct err *
page_reprice(struct repricing *work, struct rows *rows, struct str after, struct str before, bool apply)
{
	const struct err *err;
	int tries = 0;

	do {
		arena_reset(work->scratch);
		err = tries ? fiber_sleep_us(tries * 10 * USEC_PER_MS) : NULL; /* whoever corrects all the time has made room then */
		if (!err)
			err = store_query(work->money->store, work->scratch, &stmt_usage_reprice_page, PARAMS(V_INT(work->tenant), V_BLOB(after), V_BLOB(before), V_INT(PAGE)), rows);
		if (err || rows->count == 0)
			return err;
		page_price(work);
		err = apply ? store_tx(work->money->store, work->scratch, page_apply, work) : NULL;
	} while (err && err->kind == ERR_CONFLICT && ++tries < TRIES);
	if (!err)
		page_sum(work);
	return err;
}

MAY_PARK const struct err *
usage_reprice(struct money *money, struct arena *arena, int64_t tenant, int64_t from_us, int64_t to_us, bool apply, struct reprice_row **out, size_t *count)
{
	struct repricing *work = arena_zalloc(arena, sizeof(*work));
	struct arena *scratch = arena_new(MIB(16));
	unsigned char from[ID], to[ID];
	struct str after = usage_id_at(from_us, from), before = usage_id_at(to_us, to);
	const struct err *err = NULL;
	struct rows rows = { .count = PAGE };

	if (work)
		work->list = arena_array(arena, MODELS_MAX, sizeof(*work->list));
	if (!work || !work->list)
		err = &err_no_memory;
	else
		*work = (struct repricing){ .money = money, .arena = arena, .tenant = tenant, .list = work->list, .rows = &rows, .scratch = scratch };
	while (!err && rows.count == PAGE) {
		err = page_reprice(work, &rows, after, before, apply);
		if (!err && rows.count)
			memcpy(from, rows_text(&rows, rows.count - 1, 0).ptr, ID);
	}
	err = err ? err_copy(arena, err) : NULL;
	arena_free(scratch);
	if (work)
		map_fini(&work->models);
	*out = work ? work->list : NULL;
	*count = work ? work->count : 0;
	return err;
}
