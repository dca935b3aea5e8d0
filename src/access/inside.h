/*
 * inside.h - within the room: what the keeper of the snapshot and the functions on keys share.
 */
#pragma once

#include "access/access.h"
#include "access/holder.h"
#include "access/secret.h"
#include "base/map.h"
#include "rt/scope.h"
#include "store/store.h"

#define KEY_TOPIC "access_key"

struct refresh;

enum { KEY_SHARDS = 64, USER_SHARDS = 16 };

/* One valid key in memory. What stands below the hash is under the holder's lock, but for used_us. */
struct key_entry {
	struct holder holder; /* the first member */
	unsigned char hash[SECRET_HASH_LEN];
	struct holder *team, *tenant; /* held; team NULL: none */
	unsigned scopes;
	int64_t expires_us;      /* 0: never */
	_Atomic int64_t used_us; /* 0: not since it was last written down */
	struct key_entry *used_next; /* in access->used while used_us is not 0 */
};

/* Keys by the first 16 bytes of their hash. The lock is held for one look-up. */
struct key_shard {
	pthread_mutex_t lock;
	struct map by_hash;
};

/* End users that a limit counts, by whose limit it is and name. */
struct user_shard {
	pthread_mutex_t lock;
	struct map by_id;
	size_t sweep_at; /* when there are that many, those that are idle are let go */
};

struct access {
	struct store *store;
	struct loop *home;         /* loop 0: what follows the users belongs to it, but for what is said to be locked */
	struct key_shard keys[KEY_SHARDS];
	struct user_shard users[USER_SHARDS];
	struct holder *tenant;     /* the first tenant; for the configuration's key */
	unsigned char admin_hash[SECRET_HASH_LEN];
	bool has_admin;
	pthread_mutex_t used_lock;
	struct key_entry *used;    /* under used_lock: used since the last time that was written down; held */
	struct map key_by_id, teams, tenants; /* holders by id; each map holds what is in it */
	struct policy *last_policy;           /* that was read; held */
	int64_t seen_keys, seen_teams, seen_tenants; /* revisions */
	struct shares *shares;         /* limits that nodes share; NULL: this is the only one */
	struct scope scope;            /* of the fiber that keeps it all true */
	bool ended;                    /* that fiber has */
	struct waiter *idle;           /* that fiber's, while it waits; or NULL */
	struct refresh *first, **last; /* refreshes asked for */
	bool stale;                    /* something has changed since the last load began */
};

/* memory.c: what the database says, in memory. */
void memory_init(struct access *access);
void memory_fini(struct access *access);

/* Reads what has changed since the last time, a page at a time. On loop 0, one at a time. An error lies in the arena. */
MAY_PARK const struct err *memory_load(struct access *access, struct arena *arena);

/* The entry of a key, held, or NULL. Any thread. */
struct key_entry *memory_key(struct access *access, const unsigned char hash[SECRET_HASH_LEN]);

/* Notes the use of a key. Any thread. */
void memory_used(struct access *access, struct key_entry *entry, int64_t now_us);

/* Writes down the uses since the last time. They are figures for people: one that is lost with a crash is no harm. */
MAY_PARK void memory_flush_uses(struct access *access);

/* An end user of a key, a team or a tenant, held; NULL: too many at once. Any thread. */
struct holder *user_holder(struct access *access, const struct holder *of, struct str user);

/* The next revision, for a row that changes in this transaction. */
MAY_PARK const struct err *revision_next(struct tx *tx, int64_t *out);

/* NULL, or what is wrong with a name of a key, a team or a tenant. */
const struct err *name_check(struct arena *arena, struct str name);

/* Makes what was committed before the call take effect on this node before it returns (or for at most 5 s: a store that is away does not hold up the caller). Any loop. */
MAY_PARK void access_refresh(struct access *access);

/* The scopes of a text as it is stored, and the text of scopes. */
unsigned key_scopes_parse(struct str text);
struct str key_scopes_text(struct arena *arena, unsigned scopes);

/* Inserts a key within a transaction; `secret` is SECRET_LEN or more characters. */
struct key_row {
	int64_t tenant;
	struct str id, secret, name, team, policy;
	unsigned scopes;
	int64_t created_us, expires_us;
};
MAY_PARK const struct err *key_row_insert(struct tx *tx, const struct key_row *row);

/* The very first admin key; see access_open. */
MAY_PARK const struct err *first_key_make(struct access *access, struct arena *arena, struct str data_dir, struct str *made);
