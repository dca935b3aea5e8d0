/*
 * seal.c - see seal.h. A step counts at most PAGE entries of one tenant in one transaction and then rests, so that answers never wait for it.
 */
#include "telemetry/seal.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "rt/fiber.h"
#include "store/store.h"
#include "telemetry/telemetry_sql.h"

enum { PAGE = 1000, HOURS = 64, TENANTS = 500, ID = 16, ID_TIME = 6, ARENA_MAX = 4 * 1024 * 1024 };
static const int64_t REST_US = 20 * USEC_PER_MS, ROUND_US = 60 * USEC_PER_SEC, HOUR_MS = INT64_C(3600000);

static const struct setting rows[] = {
	{ .name = "ledger.sealed_after", .type = SETTING_DURATION, .initial = "10m", .min = "2s", .max = "1d",
		.help = "How long after a call began its entries are counted into the sums of their hour, by which `corbel verify` finds what was taken away. The same on all nodes." },
};
const struct setting_table seal_settings = SETTING_TABLE(rows);

struct sealer {
	struct scope scope; /* of the fiber */
	struct store *store;
	int64_t after_us;
};

/* Of this process. How far anybody has counted, of any tenant, in milliseconds since 1970; and after how long a commit takes itself for late; 0: nobody counts here. */
static _Atomic int64_t counted_ms, late_us;

/* --- ids --- */

static int64_t
id_ms(struct str id)
{
	int64_t ms = 0;

	for (size_t i = 0; i < ID_TIME && i < id.len; i++)
		ms = ms << 8 | (unsigned char)id.ptr[i];
	return ms;
}

/* What is smaller than every id of this millisecond. */
static struct str
id_of_ms(int64_t ms, unsigned char out[ID])
{
	memset(out, 0, ID);
	for (int i = ID_TIME - 1; i >= 0; i--, ms >>= 8)
		out[i] = (unsigned char)ms;
	return str_n((const char *)out, ID);
}

int64_t
seal_hour(struct str interaction)
{
	return id_ms(interaction) / HOUR_MS;
}

struct str
seal_hour_id(int64_t hour, unsigned char out[ID])
{
	return id_of_ms(hour * HOUR_MS, out);
}

/* --- what comes late --- */

bool
seal_is_late(struct str interaction)
{
	int64_t ms = id_ms(interaction), after_us = atomic_load_explicit(&late_us, memory_order_relaxed);

	return ms < atomic_load_explicit(&counted_ms, memory_order_acquire) || (after_us && ms * USEC_PER_MS < clock_wall_us() - after_us);
}

static MAY_PARK const struct err *
counted_of(struct tx *tx, int64_t tenant, struct str *upto)
{
	struct rows found;
	const struct err *err = tx_exec(tx, &stmt_seal_upto, PARAMS(V_INT(tenant)), &found);

	*upto = !err && found.count ? rows_text(&found, 0, 0) : STR_EMPTY;
	return err;
}

MAY_PARK const struct err *
seal_add(struct tx *tx, int64_t tenant, struct str interaction, int64_t amount_nanos)
{
	struct str upto;
	const struct err *err = counted_of(tx, tenant, &upto);

	if (err || str_cmp(interaction, upto) >= 0)
		return err;
	return tx_exec(tx, &stmt_seal_hour_add, PARAMS(V_INT(tenant), V_INT(seal_hour(interaction)), V_INT(1), V_INT(amount_nanos)), NULL);
}

/* --- counting --- */

struct step {
	int64_t tenant;
	struct str before; /* an id */
	bool more;         /* out */
};

/* What of a page is of one hour. */
struct sum {
	int64_t hour, entries, amount_nanos;
};

static MAY_PARK const struct err *
sum_write(struct tx *tx, int64_t tenant, const struct sum *sum)
{
	if (!sum->entries)
		return NULL;
	return tx_exec(tx, &stmt_seal_hour_add, PARAMS(V_INT(tenant), V_INT(sum->hour), V_INT(sum->entries), V_INT(sum->amount_nanos)), NULL);
}

/* How many rows of a full page are of interactions that are surely whole on it. */
static size_t
whole_rows(const struct rows *page)
{
	size_t count = page->count;

	while (count > 0 && str_eq(rows_text(page, count - 1, 0), rows_text(page, page->count - 1, 0)))
		count--;
	return count;
}

/* An interaction with more entries than a page has: priced again many times. `next`: what follows its id. */
static MAY_PARK const struct err *
count_one(struct tx *tx, int64_t tenant, struct str interaction, unsigned char next[ID])
{
	struct rows sum;
	const struct err *err = tx_exec(tx, &stmt_seal_one, PARAMS(V_INT(tenant), V_BLOB(interaction)), &sum);

	if (err || interaction.len != ID)
		return err ? err : &err_internal;
	memcpy(next, interaction.ptr, ID);
	for (size_t i = ID; i-- > 0 && ++next[i] == 0;)
		;
	return sum_write(tx, tenant, &(struct sum){ seal_hour(interaction), rows_int(&sum, 0, 0), rows_int(&sum, 0, 1) });
}

static MAY_PARK const struct err *
count_some(struct tx *tx, void *arg)
{
	struct step *step = arg;
	unsigned char zero[ID] = { 0 }, next[ID];
	struct sum sum = { .hour = 0 };
	struct str upto, end = step->before;
	struct rows page;
	size_t count, hours = 0;
	const struct err *err = counted_of(tx, step->tenant, &upto);

	step->more = false;
	if (!err)
		err = tx_exec(tx, &stmt_seal_page, PARAMS(V_INT(step->tenant), V_BLOB(upto.len ? upto : str_n((const char *)zero, ID)), V_BLOB(step->before), V_INT(PAGE)), &page);
	if (err || page.count == 0)
		return err;
	count = page.count < PAGE ? page.count : whole_rows(&page);
	if (count == 0) {
		err = count_one(tx, step->tenant, rows_text(&page, 0, 0), next);
		end = str_n((const char *)next, ID);
	} else if (count < page.count)
		end = rows_text(&page, count, 0);
	for (size_t i = 0; i < count && !err; i++) {
		int64_t hour = seal_hour(rows_text(&page, i, 0));

		if (hour != sum.hour) {
			err = sum_write(tx, step->tenant, &sum);
			sum = (struct sum){ .hour = hour };
			if (!err && ++hours > HOURS) {
				end = rows_text(&page, i, 0);
				break;
			}
		}
		sum.entries++;
		sum.amount_nanos += rows_int(&page, i, 1);
	}
	if (!err)
		err = sum_write(tx, step->tenant, &sum);
	step->more = end.ptr != step->before.ptr;
	return err ? err : tx_exec(tx, &stmt_seal_move, PARAMS(V_INT(step->tenant), V_BLOB(end)), NULL);
}

/* From now on whoever commits something of before takes itself for late. */
static void
count_to(int64_t ms)
{
	int64_t before = atomic_load(&counted_ms);

	while (before < ms && !atomic_compare_exchange_weak(&counted_ms, &before, ms))
		;
}

/* Learns how far others have come, or an earlier process. */
static MAY_PARK const struct err *
learn(struct store *store, struct arena *arena)
{
	struct rows found;
	const struct err *err = store_query(store, arena, &stmt_seal_farthest, NO_PARAMS, &found);

	if (!err && found.count)
		count_to(id_ms(rows_text(&found, 0, 0)));
	return err;
}

static MAY_PARK const struct err *
count_tenant(struct store *store, struct arena *arena, int64_t tenant, struct str before)
{
	struct arena *scratch = arena_new(ARENA_MAX);
	struct step step = { tenant, before, true };
	const struct err *err = NULL;

	while (!err && step.more) {
		arena_reset(scratch);
		err = store_tx(store, scratch, count_some, &step);
		if (!err && step.more)
			err = fiber_sleep_us(REST_US);
	}
	err = err ? err_copy(arena, err) : NULL;
	arena_free(scratch);
	return err;
}

MAY_PARK const struct err *
seal_run(struct store *store, struct arena *arena, int64_t before_us)
{
	unsigned char id[ID], zero[ID] = { 0 };
	struct str before = id_of_ms(before_us / USEC_PER_MS, id);
	struct rows tenants = { .count = TENANTS };
	int64_t tenant = 0;
	const struct err *err = learn(store, arena);

	count_to(before_us / USEC_PER_MS);
	while (!err && tenants.count == TENANTS) {
		err = store_query(store, arena, &stmt_seal_tenants, PARAMS(V_INT(tenant), V_BLOB(before), V_INT(TENANTS), V_BLOB(str_n((const char *)zero, ID))), &tenants);
		for (size_t i = 0; !err && i < tenants.count; i++) {
			tenant = rows_int(&tenants, i, 0);
			err = count_tenant(store, arena, tenant, before);
		}
	}
	return err;
}

/* --- the fiber --- */

static MAY_PARK void
sealer_fiber(void *arg)
{
	struct sealer *sealer = arg;
	struct arena *arena = arena_new(ARENA_MAX);
	int64_t round_us = sealer->after_us / 4 < ROUND_US ? sealer->after_us / 4 : ROUND_US;
	const struct err *err;

	do {
		err = seal_run(sealer->store, arena, clock_wall_us() - sealer->after_us);
		if (err && err->kind != ERR_CANCELLED)
			log_warn("the ledger's entries could not be counted", LOG_ERR("error", err));
		arena_reset(arena);
	} while (!fiber_sleep_us(round_us));
	arena_free(arena);
}

int64_t
seal_after_us(const struct conf *conf)
{
	return conf_int(conf, &rows[0]);
}

MAY_PARK const struct err *
sealer_start(struct store *store, struct arena *arena, int64_t after_us, struct sealer **out)
{
	struct sealer *sealer = mem_alloc(sizeof(*sealer));
	const struct err *err = learn(store, arena);

	*out = NULL;
	*sealer = (struct sealer){ .store = store, .after_us = after_us };
	atomic_store(&late_us, after_us / 2);
	scope_init(&sealer->scope, NULL, INT64_MAX);
	if (!err)
		err = fiber_go("sealer", &sealer->scope, sealer_fiber, sealer);
	if (err) {
		scope_fini(&sealer->scope);
		free(sealer);
		return err;
	}
	*out = sealer;
	return NULL;
}

MAY_PARK void
sealer_stop(struct sealer *sealer)
{
	scope_stop(&sealer->scope);
	free(sealer);
}
