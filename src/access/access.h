/*
 * access.h - who is calling, and what they may do: tenants, keys and scopes.
 *
 * A key is a secret that is shown once, when it is made; the database has its SHA-256 (keys are 256 random bits, so that a slow hash would add nothing). All valid keys of the
 * database are in memory as one immutable snapshot, replaced as a whole when a notice says that keys have changed, here or on another node: checking a key costs one hash
 * and one look-up, and a revoked key is refused everywhere in under a second.
 */
#pragma once

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

/* Everything belongs to a tenant; until tenants can be made, there is this one. */
enum { TENANT_DEFAULT = 1 };

#define KEY_ID_SIZE 40

/* Who an authenticated caller is. Plain values: it stays true for its request whatever happens to the key meanwhile. */
struct identity {
	int64_t tenant;
	char key_id[KEY_ID_SIZE]; /* "key_…"; "admin" for the key of the configuration */
	unsigned scopes;          /* a bit for each: 1u << scope */
};

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

/* A key as it is listed; the secret is not there. */
struct key {
	struct str id, prefix, name; /* the prefix is the beginning of the secret, for people to tell keys apart */
	unsigned scopes;
	int64_t created_us, expires_us, revoked_us, used_us; /* 0: never; used_us lags by up to a minute */
};

struct key_spec {
	struct str name;    /* 1..100 bytes */
	unsigned scopes;    /* at least one */
	int64_t expires_us; /* wall time; 0: never */
};

/* Valid on this node when it returns, on others in under a second. The secret lies in the arena and is nowhere else. */
MAY_PARK const struct err *key_create(
	struct access *access, struct arena *arena, int64_t tenant, const struct key_spec *spec, struct key *out, struct str *secret);

/* The newest first, revoked ones included: at most `limit` (1..1000) older than `after` (a key's id; empty: from the newest). */
MAY_PARK const struct err *key_list(
	struct access *access, struct arena *arena, int64_t tenant, struct str after, unsigned limit, struct key **out, size_t *count);

/* Refused on this node when it returns, on others in under a second. ERR_NOT_FOUND: no such key, or revoked before. */
MAY_PARK const struct err *key_revoke(struct access *access, struct arena *arena, int64_t tenant, struct str id);
