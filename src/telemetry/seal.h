/*
 * seal.h - what the ledger's hours come to, kept beside it: how many entries, and their sum. So an interaction that was taken away with everything of it is missed, and so is a last correction.
 *
 * A commit pays nothing for it. Some minutes after calls began (`ledger.sealed_after`) a fiber counts their entries, in steps, and says how far it has come. What is written behind that place (by a
 * call that took long, a correction) adds itself to its hour in its own commit. `corbel verify` counts again.
 *
 * On SQLite both sides run on the one writer thread, and whoever is late sees it. On PostgreSQL a commit takes itself for late after half of that time, by its node's clock: an entry would be
 * missed only if clocks, and what a transaction takes, came to the other half. Transactions are serializable, so that of two that do not see each other one runs again.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/setting.h"

struct conf;
struct sealer;
struct store;
struct tx;

extern const struct setting_table seal_settings;

/* Whether an entry of this interaction (16 bytes) has to be told of: seldom. Cheap. */
bool seal_is_late(struct str interaction);

/* In the transaction that writes an entry: adds it to its hour, where that was counted so far. For corrections always, for settlements that are late. */
MAY_PARK const struct err *seal_add(struct tx *tx, int64_t tenant, struct str interaction, int64_t amount_nanos);

/* The hour of an interaction (16 bytes), since 1970; and what is smaller than every id from its beginning on. */
int64_t seal_hour(struct str interaction);
struct str seal_hour_id(int64_t hour, unsigned char out[16]);

/* Counts the entries of all calls that began before `before_us` (wall). */
MAY_PARK const struct err *seal_run(struct store *store, struct arena *arena, int64_t before_us);

int64_t seal_after_us(const struct conf *conf);

/*
 * Learns how far the ledger is counted, before this process writes to it, and starts the fiber that counts, on the calling loop; `after_us`: seal_after_us. The store's errors; ERR_BUSY: no fiber
 * is to be had.
 */
MAY_PARK const struct err *sealer_start(struct store *store, struct arena *arena, int64_t after_us, struct sealer **out);

/* Ends the fiber, on its loop, and frees: before the store is. */
MAY_PARK void sealer_stop(struct sealer *sealer);
