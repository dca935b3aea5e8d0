/*
 * secrets.h - secrets of entries that are kept in the store: sealed with a master key that the store does not have (crypto/seal.h).
 *
 * The key is a text of the configuration (CORBEL_MASTER_KEY), or a file in the data directory that only its owner can read. Without either, a file is made at the first
 * secret, where this process is the only one; else secrets are refused: other nodes could not open them.
 *
 * One key seals. While it is changed, others open as well: the text of CORBEL_PREVIOUS_MASTER_KEY, and the file that the key was in before (conf/reseal.c).
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "crypto/seal.h"

struct secrets;

struct secrets_spec {
	struct str given;    /* the text; empty: none */
	struct str previous; /* the text of a key that opens, and seals nothing; empty: none */
	struct str data_dir; /* of the files "master.key" and "master.key.previous" */
	bool alone;          /* no other process has this store: the file may be made */
};

/* ERR_INVALID, ERR_FORBIDDEN: a file is there and of no use, or others can read it. Blocks. */
const struct err *secrets_open(const struct secrets_spec *spec, struct arena *arena, struct secrets **out);
void secrets_free(struct secrets *secrets); /* NULL is allowed */

/* Seals a secret of what `about` names, into the arena. Blocks when the file is made. Any thread. ERR_UNSUPPORTED: there is no key, and the message says what to do. */
const struct err *secrets_seal(struct secrets *secrets, struct arena *arena, struct str about, struct str text, struct str *out);

/* Opens it. The error is for people: sealed with another key, or changed since. `secrets` NULL: there are none. Any thread. */
const struct err *secrets_unseal(struct secrets *secrets, struct arena *arena, struct str about, struct str sealed, struct str *out);

/* Seals it anew where another key than the one that seals has sealed it; else *out is as it was. Opens it in any case: errors as of secrets_unseal. Any thread. */
const struct err *secrets_reseal(struct secrets *secrets, struct arena *arena, struct str about, struct str sealed, struct str *out);

/* The ids of the key that seals, and of those that open beside it; none: "" as the first. Any thread. */
enum { SECRETS_KEYS_MAX = 3 };
struct secrets_ids {
	char list[SECRETS_KEYS_MAX][SEAL_ID_LEN + 1];
	size_t count;
};
void secrets_ids(struct secrets *secrets, struct secrets_ids *out);

/*
 * A new key in the file: the one that was there goes on opening, from "master.key.previous", whose key is given up. At any instant the files have every key but that. ERR_UNSUPPORTED: the key is not this
 * process's to change. Blocks.
 */
const struct err *secrets_renew(struct secrets *secrets, struct arena *arena);
