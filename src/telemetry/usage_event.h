/*
 * usage_event.h - an entry of the ledger as webhooks tell it.
 */
#pragma once

#include "telemetry/record.h"

struct usage_entry {
	int64_t tenant;
	struct str interaction;        /* 16 bytes */
	int64_t entry;                 /* 0: the settlement; else a correction, whose quantities are differences */
	int64_t at_us;
	struct str key_id, team, user, tags, provider, model, price_version;
	const struct usage *usage;
	int64_t amount_nanos;
	struct str reason, by;         /* of a correction */
};

/* One JSON object in the arena; ptr NULL: no memory. Its "id" is the same whenever the entry is told. */
struct str usage_event_json(struct arena *arena, const struct usage_entry *entry);
