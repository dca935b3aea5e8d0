/*
 * retention.c - see retention.h. A step deletes at most STEP rows in one transaction and then rests, so that answers never wait for it; ids and times sort, so each step
 * reads the front of an index.
 */
#include "telemetry/retention.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/watch.h"
#include "rt/fiber.h"
#include "store/store.h"
#include "telemetry/telemetry_sql.h"

enum { STEP = 500, ARENA_MAX = 1024 * 1024 };
static const int64_t REST_US = 200 * USEC_PER_MS, ROUND_US = 600 * USEC_PER_SEC, DAY_US = 86400 * USEC_PER_SEC;

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
};

struct step {
	const struct stmt *stmt;
	struct value before;
	int64_t deleted;
};

static MAY_PARK const struct err *
delete_some(struct tx *tx, void *arg)
{
	struct step *step = arg;
	struct rows result;
	const struct err *err = tx_exec(tx, step->stmt, PARAMS(step->before, V_INT(STEP)), &result);

	step->deleted = err ? 0 : result.changed;
	return err;
}

static MAY_PARK const struct err *
delete_all(struct store *store, struct arena *arena, const struct stmt *stmt, struct value before)
{
	struct step step = { stmt, before, STEP };
	const struct err *err = NULL;

	while (!err && step.deleted == STEP) {
		err = store_tx(store, arena, delete_some, &step);
		if (!err && step.deleted == STEP)
			err = fiber_sleep_us(REST_US);
	}
	return err;
}

/* The smallest interaction id of a time: ids begin with 48 bits of milliseconds (base/random.h). */
static void
id_at(int64_t wall_us, char out[13])
{
	snprintf(out, 13, "%012llx", (unsigned long long)(wall_us > 0 ? wall_us / 1000 : 0) & 0xffffffffffffull);
}

MAY_PARK const struct err *
retention_run(struct store *store, struct arena *arena, const struct retention_limits *limits)
{
	int64_t now = clock_wall_us();
	char id[13];
	const struct err *err;

	id_at(now - limits->interactions, id);
	err = delete_all(store, arena, &stmt_retain_bodies, V_INT((now - limits->bodies) / DAY_US));
	if (!err)
		err = delete_all(store, arena, &stmt_retain_spans, V_INT(now - limits->spans));
	if (!err)
		err = delete_all(store, arena, &stmt_retain_sources, V_TEXT(str_n(id, 12)));
	if (!err)
		err = delete_all(store, arena, &stmt_retain_interactions, V_TEXT(str_n(id, 12)));
	return err ? err : delete_all(store, arena, &stmt_retain_usage, V_INT(now - limits->usage));
}

static struct retention_limits
limits_now(struct retention *retention)
{
	struct conf *conf = conf_watch_get(retention->watch);
	struct retention_limits limits = { .bodies = conf_int(conf, &rows[BODIES]),
		.spans = conf_int(conf, &rows[SPANS]),
		.interactions = conf_int(conf, &rows[INTERACTIONS]),
		.usage = conf_int(conf, &rows[USAGE]) };

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

		if (err && err->kind != ERR_CANCELLED)
			log_warn("retention could not delete", LOG_ERR("error", err));
		arena_reset(arena);
	}
	arena_free(arena);
}

const struct err *
retention_start(struct store *store, struct conf_watch *watch, struct retention **out)
{
	struct retention *retention = mem_alloc(sizeof(*retention));
	const struct err *err;

	*retention = (struct retention){ .store = store, .watch = watch };
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
