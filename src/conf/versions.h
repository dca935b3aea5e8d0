/*
 * versions.h - the configuration's versions in the store: who changed which entries, when and why. Rows are only ever added, but for secrets that are sealed anew (reseal.h).
 */
#pragma once

#include "conf/entry.h"
#include "store/store.h"

#define CONFIGURATION_TOPIC "configuration"

struct version_row {
	int64_t version, created_us;
	struct str actor, action, reason, hash; /* action: "put", "delete", "change", "rollback", "reseal" */
};

/* The number of the last one; 0: there is none. */
MAY_PARK const struct err *versions_head(struct store *store, struct arena *arena, int64_t *out);

/* What held at a version (0: nothing), as entries. ERR_NOT_FOUND: there never was such a version. */
MAY_PARK const struct err *versions_at(struct store *store, struct arena *arena, int64_t version, struct secrets *secrets, struct entries **out);

/* The entries with all versions after theirs up to `head`. */
MAY_PARK const struct err *versions_follow(struct store *store, struct arena *arena, const struct entries *entries, int64_t head, struct secrets *secrets, struct entries **out);

/* The newest first, before a version. */
MAY_PARK const struct err *versions_list(struct store *store, struct arena *arena, int64_t before, unsigned limit, struct version_row **out, size_t *count);

/* One, with what it put (entries) and removed (changes without an entry): as many as `max`, in the arena; references are given back with it. ERR_NOT_FOUND. */
MAY_PARK const struct err *versions_get(struct store *store, struct arena *arena, int64_t version, struct secrets *secrets, struct version_row *row, struct entry_change **changes,
	size_t *count);

/*
 * Adds the next version, `row->version`, and tells all nodes. The entries of the changes bear that version already. ERR_CONFLICT with the code "configuration_moved": it is not the next
 * any more, and nothing was written.
 */
struct tx;
MAY_PARK const struct err *versions_next(struct tx *tx, const struct version_row *row); /* the version alone, within a transaction; the same error */
MAY_PARK const struct err *versions_add(struct store *store, struct arena *arena, const struct version_row *row, const struct entry_change *changes, size_t count);
