/*
 * canonical.h - values fed into a hash so that what means the same has the same hash, and nothing else has.
 *
 * Every value goes in with its type and its length, so that no two sequences of values look alike. JSON is hashed by what it says: white space, the order of members, escapes
 * in strings and the form of a number (1, 1.0, 1e0) do not matter.
 */
#pragma once

#include "crypto/hash.h"
#include "json/json.h"

struct canonical {
	struct hash *hash;
	struct arena *arena;   /* for sorting members */
	size_t gathered;
	bool failed;           /* no memory: the hash means nothing */
	char small[512];       /* gathers small pieces */
};

void canonical_begin(struct canonical *canonical, struct arena *arena);

/* NULL, or err_no_memory. Either way the hash is freed. */
const struct err *canonical_end(struct canonical *canonical, unsigned char out[HASH_SHA256_SIZE]);

void canonical_text(struct canonical *canonical, struct str text); /* ptr NULL and empty are one */
void canonical_int(struct canonical *canonical, int64_t number);
void canonical_real(struct canonical *canonical, double number);   /* NaN: one value, "not said" */
void canonical_json(struct canonical *canonical, const struct json *value); /* NULL: "not there" */

/* An object without the members that `skip` (which ends with NULL) names. */
void canonical_json_without(struct canonical *canonical, const struct json *object, const char *const *skip);
