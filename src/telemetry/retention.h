/*
 * retention.h - how long records are kept, field by field: bodies, spans, interactions with their sources, the ledger.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/setting.h"
#include "conf/conf.h"

struct store;
struct conf_watch;
struct retention;

extern const struct setting_table retention_settings;

/* How long each field is kept, in microseconds. */
struct retention_limits {
	int64_t bodies, spans, interactions, usage;
};

/* As the configuration has it now. */
struct retention_limits retention_limits_of(struct conf *conf);

/* Deletes what is over its time now, in small steps. */
MAY_PARK const struct err *retention_run(struct store *store, struct arena *arena, const struct retention_limits *limits);

/* What a room below this one keeps as long as the ledger: deletes what is of before a time (wall). */
typedef MAY_PARK const struct err *retention_also_fn(struct store *store, struct arena *arena, int64_t before_us);

/* Starts the fiber that deletes what is over its time, in small steps, on the calling loop. ERR_BUSY: no fiber is to be had. */
const struct err *retention_start(struct store *store, struct conf_watch *watch, retention_also_fn *also, struct retention **out);

/* Ends the fiber, on its loop, and frees: before the store and the watch are. */
MAY_PARK void retention_stop(struct retention *retention);
