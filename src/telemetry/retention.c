/*
 * retention.c - see retention.h. A step deletes at most STEP rows in one transaction and then rests, so that answers never wait for it; ids sort by time, so each step reads the
 * front of a tenant's keys, and bodies stand in the order of their last use.
 */
#include "telemetry/retention.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/watch.h"
#include "rt/fiber.h"
#include "store/store.h"
#include "telemetry/telemetry_sql.h"

enum { STEP = 500, ARENA_MAX = 1024 * 1024, ID_TIME = 6 };
static const int64_t REST_US = 200 * USEC_PER_MS, ROUND_US = 600 * USEC_PER_SEC, HOUR_US = 3600 * USEC_PER_SEC, DAY_US = 24 * HOUR_US;

enum { BODIES, SPANS, INTERACTIONS, USAGE };
static const struct setting rows[] = {
	[BODIES] = { .name = "retention.bodies", .type = SETTING_DURATION, .initial = "30d", .min = "1h", .max = "36500d", .reloadable = true,
		.help = "How long texts of messages and answers are kept after they were last used." },
	[SPANS] = { .name = "retention.spans", .type = SETTING_DURATION, .initial = "90d", .min = "1h", .max = "36500d", .reloadable = true,
		.help = "How long spans are kept." },
	[INTERACTIONS] = { .name = "retention.interactions", .type = SETTING_DURATION, .initial = "400d", .min = "1h", .max = "36500d", .reloadable = true,
		.help = "How long interactions and their sources are kept, without their texts." },
	[USAGE] = { .name = "retention.usage", .type = SETTING_DURATION, .initial = "3650d", .min = "1h", .max = "36500d", .reloadable = true,
		.help = "How long the ledger of usage is kept." },
};
const struct setting_table retention_settings = SETTING_TABLE(rows);

struct retention {
	struct scope scope; /* of the fiber */
	struct store *store;
	struct conf_watch *watch;
	MAY_PARK retention_also_fn *also; /* or NULL */
};

/* Numbers of the table "forgotten"; of the rest nobody asks. */
enum forgotten { FORGOTTEN_INTERACTIONS, FORGOTTEN_USAGE, FORGOTTEN_OTHER };

/* A statement that deletes what lies before something, at most as many rows as its last parameter says. */
struct step {
	const struct stmt *stmt;
	const struct value *params;
	enum forgotten forgotten; /* what it takes of the tenant and from before the id that its parameters begin with */
	int64_t deleted;
};

static MAY_PARK const struct err *
delete_some(struct tx *tx, void *arg)
{
	struct step *step = arg;
	struct rows result;
	const struct err *err = tx_exec(tx, step->stmt, step->params, &result);

	step->deleted = err ? 0 : result.changed;
	if (step->deleted && step->forgotten != FORGOTTEN_OTHER)
		err = tx_exec(tx, &stmt_retain_mark, PARAMS(step->params[0], V_INT(step->forgotten), step->params[1]), NULL);
	return err;
}

static MAY_PARK const struct err *
delete_all(struct store *store, struct arena *arena, const struct stmt *stmt, const struct value *params, enum forgotten forgotten)
{
	struct step step = { stmt, params, forgotten, STEP };
	const struct err *err = NULL;

	while (!err && step.deleted == STEP) {
		err = store_tx(store, arena, delete_some, &step);
		if (!err && step.deleted == STEP)
			err = fiber_sleep_us(REST_US);
	}
	return err;
}

/* What is smaller than every interaction id from this time on: ids begin with 48 bits of milliseconds (base/random.h). */
static struct value
id_at(int64_t wall_us, char out[ID_TIME])
{
	int64_t ms = wall_us > 0 ? wall_us / USEC_PER_MS : 0;

	for (int i = 0; i < ID_TIME; i++)
		out[i] = (char)(ms >> 8 * (ID_TIME - 1 - i));
	return V_BLOB(str_n(out, ID_TIME));
}

static MAY_PARK const struct err *
forget_interactions(struct store *store, struct arena *arena, int64_t tenant, int64_t now, const struct retention_limits *limits)
{
	const struct {
		const struct stmt *stmt;
		int64_t kept_us;
		enum forgotten forgotten;
	} tables[] = { { &stmt_retain_spans, limits->spans, FORGOTTEN_OTHER }, { &stmt_retain_sources, limits->interactions, FORGOTTEN_OTHER },
		{ &stmt_retain_interactions, limits->interactions, FORGOTTEN_INTERACTIONS }, { &stmt_retain_usage, limits->usage, FORGOTTEN_USAGE } };
	const struct err *err = NULL;
	char id[ID_TIME];

	for (size_t i = 0; i < COUNT(tables) && !err; i++)
		err = delete_all(store, arena, tables[i].stmt, PARAMS(V_INT(tenant), id_at(now - tables[i].kept_us, id), V_INT(STEP)), tables[i].forgotten);
	if (!err)
		err = delete_all(store, arena, &stmt_retain_hours, PARAMS(V_INT(tenant), V_INT((now - limits->usage) / HOUR_US), V_INT(STEP)), FORGOTTEN_OTHER);
	return err;
}

/* The tenant after this one that has records, or 0. */
static MAY_PARK const struct err *
next_tenant(struct store *store, struct arena *arena, int64_t *tenant)
{
	struct rows found;
	const struct err *err = store_query(store, arena, &stmt_retain_tenant, PARAMS(V_INT(*tenant)), &found);

	*tenant = err ? 0 : rows_int(&found, 0, 0);
	return err;
}

MAY_PARK const struct err *
retention_run(struct store *store, struct arena *arena, const struct retention_limits *limits)
{
	int64_t now = clock_wall_us(), tenant = 0;
	const struct err *err = delete_all(store, arena, &stmt_retain_bodies, PARAMS(V_INT((now - limits->bodies) / DAY_US), V_INT(STEP)), FORGOTTEN_OTHER);

	if (!err)
		err = next_tenant(store, arena, &tenant);
	while (!err && tenant) {
		err = forget_interactions(store, arena, tenant, now, limits);
		if (!err)
			err = next_tenant(store, arena, &tenant);
	}
	return err;
}

struct retention_limits
retention_limits_of(struct conf *conf)
{
	return (struct retention_limits){ .bodies = conf_int(conf, &rows[BODIES]),
		.spans = conf_int(conf, &rows[SPANS]),
		.interactions = conf_int(conf, &rows[INTERACTIONS]),
		.usage = conf_int(conf, &rows[USAGE]) };
}

static struct retention_limits
limits_now(struct retention *retention)
{
	struct conf *conf = conf_watch_get(retention->watch);
	struct retention_limits limits = retention_limits_of(conf);

	conf_unref(conf);
	return limits;
}

static MAY_PARK void
retention_fiber(void *arg)
{
	struct retention *retention = arg;
	struct arena *arena = arena_new(ARENA_MAX);

	while (!fiber_sleep_us(ROUND_US)) {
		struct retention_limits limits = limits_now(retention);
		const struct err *err = retention_run(retention->store, arena, &limits);

		if (!err && retention->also)
			err = retention->also(retention->store, arena, clock_wall_us() - limits.usage);
		if (err && err->kind != ERR_CANCELLED)
			log_warn("retention could not delete", LOG_ERR("error", err));
		arena_reset(arena);
	}
	arena_free(arena);
}

const struct err *
retention_start(struct store *store, struct conf_watch *watch, retention_also_fn *also, struct retention **out)
{
	struct retention *retention = mem_alloc(sizeof(*retention));
	const struct err *err;

	*retention = (struct retention){ .store = store, .watch = watch, .also = also };
	scope_init(&retention->scope, NULL, INT64_MAX);
	err = fiber_go("retention", &retention->scope, retention_fiber, retention);
	if (err) {
		scope_fini(&retention->scope);
		free(retention);
		return err;
	}
	*out = retention;
	return NULL;
}

void
retention_stop(struct retention *retention)
{
	scope_stop(&retention->scope);
	free(retention);
}
