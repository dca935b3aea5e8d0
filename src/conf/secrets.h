/*
 * secrets.h - secrets of entries that are kept in the store: sealed with a master key that the store does not have (crypto/seal.h).
 *
 * The key is a text of the configuration (CORBEL_MASTER_KEY), or a file in the data directory that only its owner can read. Without either, a file is made at the first
 * secret, where this process is the only one; else secrets are refused: other nodes could not open them.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct secrets;

struct secrets_spec {
	struct str given;    /* the text; empty: none */
	struct str data_dir; /* of the file "master.key" */
	bool alone;          /* no other process has this store: the file may be made */
};

/* ERR_INVALID, ERR_FORBIDDEN: the file is there and of no use, or others can read it. Blocks. */
const struct err *secrets_open(const struct secrets_spec *spec, struct arena *arena, struct secrets **out);
void secrets_free(struct secrets *secrets); /* NULL is allowed */

/* Seals a secret of what `about` names, into the arena. Blocks when the file is made. Any thread. ERR_UNSUPPORTED: there is no key, and the message says what to do. */
const struct err *secrets_seal(struct secrets *secrets, struct arena *arena, struct str about, struct str text, struct str *out);

/* Opens it. The error is for people: sealed with another key, or changed since. `secrets` NULL: there are none. Any thread. */
const struct err *secrets_unseal(struct secrets *secrets, struct arena *arena, struct str about, struct str sealed, struct str *out);
