/*
 * access.h - who is calling, and what they may do: tenants, teams, keys, scopes and policies.
 *
 * A tenant has teams and keys; a key belongs to a tenant and, if so wished, to one of its teams. A key is a secret that is shown once, when it is made; the database has its
 * SHA-256 (keys are 256 random bits, so that a slow hash would add nothing). All valid keys of the database are in memory; when a notice says that something has changed, here
 * or on another node, what has changed is read again: checking a key costs one hash and one look-up however many there are, and a revoked key is refused everywhere in under a
 * second. Tenant, team and key each have a policy (policy.h); all of them bind.
 */
#pragma once

#include "access/holder.h"
#include "base/arena.h"
#include "base/err.h"

struct access;
struct store;

/* What a route asks for. SCOPE_ADMIN holds all the others. */
enum key_scope {
	SCOPE_NONE,            /* no key is asked */
	SCOPE_ADMIN,           /* "admin": keys, backups, everything */
	SCOPE_MODEL_USE,       /* "model.use": chat, embeddings */
	SCOPE_KNOWLEDGE_READ,  /* "knowledge.read": collections, documents, files, search */
	SCOPE_KNOWLEDGE_WRITE, /* "knowledge.write" */
	SCOPE_TRACE_READ,      /* "trace.read": the records of answers, with their texts */
	SCOPE_METRICS_READ,    /* "metrics.read": figures without texts */
	SCOPES
};

const char *key_scope_name(enum key_scope scope);

/* False when there is no such scope. */
bool key_scope_parse(struct str name, enum key_scope *out);

/* Everything belongs to a tenant. The first one is the operator's: its admin keys may act for all tenants. */
enum { TENANT_DEFAULT = 1 };

#define KEY_ID_SIZE 40

/* Who an authenticated caller is. Valid for its request whatever happens to the key meanwhile; its holders are given back with the arena it lies in. */
struct identity {
	int64_t tenant;
	char key_id[KEY_ID_SIZE]; /* "key_…"; "admin" for the key of the configuration */
	char team_id[KEY_ID_SIZE]; /* "team_…"; empty: none */
	unsigned scopes;          /* a bit for each: 1u << scope */
	struct holder *holders[HOLDER_TENANT + 1]; /* by holder_kind: key, team, tenant; NULL where there is none */
};

/* Whether the caller may act for the whole installation and for other tenants. */
static inline bool
identity_is_operator(const struct identity *identity)
{
	return identity->tenant == TENANT_DEFAULT && identity->scopes & 1u << SCOPE_ADMIN;
}

struct access_spec {
	struct store *store;
	struct str admin_key; /* of the configuration: valid as an admin key as long as the program runs; empty: none */
	struct str data_dir;  /* where admin.key is kept */
};

/*
 * Loads the keys; on loop 0, whose fiber keeps them up to date from then on. On the very first start (a database without any key, and no admin_key) it makes an admin key and
 * keeps it in data_dir/admin.key (mode 0600): `*made` is that key, to be shown once, else empty; it lies in the arena.
 */
MAY_PARK const struct err *access_open(const struct access_spec *spec, struct arena *arena, struct access **out, struct str *made);

/* Ends the fiber, and writes down when keys were last used. On loop 0. */
MAY_PARK void access_stop(struct access *access);

/* After the store has been closed, which may give notices until then. NULL is allowed. */
void access_free(struct access *access);

/*
 * Checks what was presented as a key. ERR_UNAUTHENTICATED, with a message that says whether it was missing, mistyped (its checksum is wrong), unknown or revoked, or expired. The identity
 * is a copy in the arena. Any thread.
 */
const struct err *access_authenticate(struct access *access, struct arena *arena, struct str presented, const struct identity **out);

/* NULL, or ERR_FORBIDDEN that names the scope. */
const struct err *access_require(const struct identity *identity, enum key_scope scope, struct arena *arena);

/* NULL, or ERR_FORBIDDEN when a policy of the caller does not have this network ("127.0.0.1:54321"). */
const struct err *access_check_peer(const struct identity *identity, struct str peer, struct arena *arena);

/*
 * How limits, budgets and the ledger call an end user: as the caller did, or "sha256:" and the hash of that when it is longer than 100 bytes or no text that can be
 * stored. ptr NULL: memory.
 */
struct str access_user_id(struct arena *arena, struct str user);

/* A key as it is listed; the secret is not there. */
struct key {
	struct str id, prefix, name; /* the prefix is the beginning of the secret, for people to tell keys apart */
	struct str team, policy;     /* team: its id, or empty; policy: JSON */
	unsigned scopes;
	int64_t created_us, expires_us, revoked_us, used_us; /* 0: never; used_us lags by up to a minute */
};

struct key_spec {
	struct str name;    /* 1..100 bytes */
	unsigned scopes;    /* at least one */
	int64_t expires_us; /* wall time; 0: never */
	struct str team;    /* id or name of an open team; empty: none */
	struct str policy;  /* JSON; empty: {} */
};

/* Valid on this node when it returns, on others in under a second. The secret lies in the arena and is nowhere else. */
MAY_PARK const struct err *key_create(
	struct access *access, struct arena *arena, int64_t tenant, const struct key_spec *spec, struct key *out, struct str *secret);

/* The newest first, revoked ones included: at most `limit` (1..1000) older than `after` (a key's id; empty: from the newest). `team`: only its keys; empty: all. */
MAY_PARK const struct err *key_list(struct access *access, struct arena *arena, int64_t tenant, struct str team, struct str after, unsigned limit,
	struct key **out, size_t *count);

/* ERR_NOT_FOUND. */
MAY_PARK const struct err *key_show(struct access *access, struct arena *arena, int64_t tenant, struct str id, struct key *out);

struct json;

/* What a change of a key, a team or a tenant may say. ptr NULL: as it was. */
struct change {
	struct str name;
	const struct json *policy;  /* members to set; null takes one away */
	struct str team;            /* keys only: id or name; empty: out of its team */
	unsigned scopes;            /* keys only; 0: as they were */
	int64_t expires_us;         /* keys only; -1: never, 0: as it was */
};

/* ERR_NOT_FOUND: no such key, or revoked. In force here when it returns, elsewhere in under a second. */
MAY_PARK const struct err *key_update(
	struct access *access, struct arena *arena, int64_t tenant, struct str id, const struct change *change, struct key *out);

/* Refused on this node when it returns, on others in under a second. ERR_NOT_FOUND: no such key, or revoked before. */
MAY_PARK const struct err *key_revoke(struct access *access, struct arena *arena, int64_t tenant, struct str id);

/* A team or a tenant as it is listed. */
struct group_row {
	int64_t tenant;             /* of a tenant: its own number */
	struct str id, name, policy; /* id of a tenant: its number */
	int64_t created_us, closed_us;
};

/* ERR_CONFLICT: the name is taken. */
MAY_PARK const struct err *team_create(
	struct access *access, struct arena *arena, int64_t tenant, struct str name, struct str policy, struct group_row *out);
MAY_PARK const struct err *team_list(
	struct access *access, struct arena *arena, int64_t tenant, struct str after, unsigned limit, struct group_row **out, size_t *count);

/* By id or name. ERR_NOT_FOUND. */
MAY_PARK const struct err *team_show(struct access *access, struct arena *arena, int64_t tenant, struct str team, struct group_row *out);

/* Changes it; `close`: its keys are refused from now on, and it takes no new ones. */
MAY_PARK const struct err *team_update(struct access *access, struct arena *arena, int64_t tenant, struct str team, const struct change *change, bool close,
	struct group_row *out);

/* The same for tenants, by number or name. The first tenant cannot be closed: ERR_INVALID. `after`: a tenant's number, or empty; the oldest come first. */
MAY_PARK const struct err *tenant_create(struct access *access, struct arena *arena, struct str name, struct str policy, struct group_row *out);
MAY_PARK const struct err *tenant_list(
	struct access *access, struct arena *arena, struct str after, unsigned limit, struct group_row **out, size_t *count);
MAY_PARK const struct err *tenant_show(struct access *access, struct arena *arena, struct str tenant, struct group_row *out);
MAY_PARK const struct err *tenant_update(
	struct access *access, struct arena *arena, struct str tenant, const struct change *change, bool close, struct group_row *out);

/* Whether the tenant's policy, as the database has it now, says local_only. One small read, for work that no caller waits for; a caller's own policies: limit_local_only. A policy that cannot be read says so. */
MAY_PARK const struct err *tenant_local_only(struct access *access, struct arena *arena, int64_t tenant, bool *out);
