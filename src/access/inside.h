/*
 * inside.h - within the room: what the keeper of the snapshot and the functions on keys share.
 */
#pragma once

#include "access/access.h"
#include "access/secret.h"
#include "base/map.h"
#include "base/snapshot.h"
#include "rt/scope.h"
#include "store/store.h"

#define KEY_TOPIC "access_key"

struct refresh;

struct access {
	struct store *store;
	struct loop *home;         /* loop 0: what follows the cell belongs to it */
	struct snapshot_cell keys; /* struct key_set: read by all */
	unsigned char admin_hash[SECRET_HASH_LEN];
	bool has_admin;
	struct scope scope;            /* of the fiber that keeps the snapshot */
	bool ended;                    /* that fiber has */
	struct waiter *idle;           /* that fiber's, while it waits; or NULL */
	struct refresh *first, **last; /* refreshes asked for */
	bool stale;                    /* keys have changed since the last load began */
};

/* One valid key in memory. */
struct key_entry {
	unsigned char hash[SECRET_HASH_LEN];
	struct identity identity;
	int64_t expires_us;      /* 0: never */
	_Atomic int64_t used_us; /* 0: not since this snapshot was loaded */
};

struct key_set {
	struct snapshot base;
	struct arena *arena;
	struct key_entry *entries;
	size_t count;
	struct map by_hash; /* the first 16 bytes of the hash to its entry */
};

/* Makes what was committed before the call take effect on this node before it returns (or for at most 5 s: a store that is away does not hold up the caller). Any loop. */
MAY_PARK void access_refresh(struct access *access);

/* The scopes of a text as it is stored, and the text of scopes. */
unsigned key_scopes_parse(struct str text);
struct str key_scopes_text(struct arena *arena, unsigned scopes);

/* Inserts a key within a transaction; `secret` is SECRET_LEN or more characters. */
struct key_row {
	int64_t tenant;
	struct str id, secret, name;
	unsigned scopes;
	int64_t created_us, expires_us;
};
MAY_PARK const struct err *key_row_insert(struct tx *tx, const struct key_row *row);

/* The very first admin key; see access_open. */
MAY_PARK const struct err *first_key_make(struct access *access, struct arena *arena, struct str data_dir, struct str *made);
