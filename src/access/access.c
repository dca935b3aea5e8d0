/*
 * access.c - checking keys against what is in memory (memory.c), and keeping that true. See access.h.
 *
 * One fiber on loop 0 loads what has changed, so that an older load never undoes a newer one. It loads when a notice says that something has changed or when
 * somebody asks (access_refresh) and, once a minute, writes down when keys were last used. A load that fails leaves what is there in place and
 * is tried again: while the store is away, what was valid stays valid.
 */
#include "access/inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "rt/fiber.h"
#include "rt/wait.h"

#include <stdlib.h>

#define USED_EVERY_US (60 * USEC_PER_SEC)
#define RETRY_US USEC_PER_SEC
#define REFRESH_WAIT_US (5 * USEC_PER_SEC)

enum { ADMIN_KEY_MIN = 8 };

/* Somebody who wants what is committed now to be in force. */
struct refresh {
	struct access *access;
	struct refresh *next;
	struct waiter *done; /* counted: the asker may have given up */
};

/* Those who have asked before this load began, answered after it. */
static void
refreshes_answer(struct refresh *list)
{
	while (list) {
		struct refresh *refresh = list;

		list = refresh->next;
		wait_wake(refresh->done);
		waiter_unref(refresh->done);
		free(refresh);
	}
}

/* False when the store did not answer: to be tried again. */
static MAY_PARK bool
reload(struct access *access)
{
	struct refresh *asked = access->first;
	struct arena *scratch = arena_new(KIB(64));
	bool loaded;

	access->first = NULL;
	access->last = &access->first;
	access->stale = false;
	loaded = memory_load(access, scratch) == NULL; /* has logged why not */
	refreshes_answer(asked);
	arena_free(scratch);
	return loaded;
}

static void
keeper_wake(struct access *access)
{
	if (access->idle)
		wait_wake(access->idle);
}

/* The fiber: runs until access_stop cancels its scope. */
static MAY_PARK void
keeper(void *arg)
{
	struct access *access = arg;
	int64_t flush_us = clock_mono_us() + USED_EVERY_US;
	const struct err *err = NULL;
	bool loaded = true;

	while (!err || err->kind != ERR_CANCELLED) {
		struct waiter idle;
		int64_t left_us;

		if (access->first || access->stale || !loaded)
			loaded = reload(access);
		if (access->first || access->stale)
			continue; /* asked for during the load, which may not have seen it */
		if (clock_mono_us() >= flush_us) {
			memory_flush_uses(access);
			flush_us = clock_mono_us() + USED_EVERY_US;
		}
		waiter_init(&idle);
		access->idle = &idle;
		left_us = flush_us - clock_mono_us();
		err = wait_for_us(&idle, !loaded && left_us > RETRY_US ? RETRY_US : left_us);
		access->idle = NULL;
	}
	access->ended = true;
	refreshes_answer(access->first);
	access->first = NULL;
}

static void
refresh_ask(void *arg)
{
	struct refresh *refresh = arg;
	struct access *access = refresh->access;

	if (access->ended) {
		refreshes_answer(refresh);
		return;
	}
	*access->last = refresh;
	access->last = &refresh->next;
	keeper_wake(access);
}

void
access_refresh(struct access *access)
{
	struct refresh *refresh = mem_zalloc(sizeof(*refresh));
	struct waiter *done = waiter_new();

	refresh->access = access;
	refresh->done = waiter_ref(done);
	loop_post(access->home, refresh_ask, refresh);
	(void)wait_for_us(done, REFRESH_WAIT_US); /* the change is committed whatever comes of this */
	waiter_unref(done);
}

/* Keys have changed, here or elsewhere. Called on loop 0. */
static void
on_notice(void *arg)
{
	struct access *access = arg;

	access->stale = true;
	keeper_wake(access);
}

void
access_free(struct access *access)
{
	if (!access)
		return;
	shares_free(access->shares);
	memory_fini(access);
	free(access);
}

const struct err *
access_open(const struct access_spec *spec, struct arena *arena, struct access **out, struct str *made)
{
	struct access *access;
	const struct err *err = NULL;

	*out = NULL;
	*made = STR_EMPTY;
	if (spec->admin_key.len > 0 && spec->admin_key.len < ADMIN_KEY_MIN)
		return err_new(arena, ERR_INVALID, "the admin key of the configuration is shorter than %d characters", ADMIN_KEY_MIN);
	access = mem_zalloc(sizeof(*access));
	memory_init(access);
	access->store = spec->store;
	access->home = loop_current();
	access->last = &access->first;
	access->has_admin = spec->admin_key.len > 0;
	if (access->has_admin)
		secret_hash(spec->admin_key, access->admin_hash);
	else
		err = first_key_make(access, arena, spec->data_dir, made);
	if (!err)
		err = memory_load(access, arena);
	if (!err && !access->tenant)
		err = err_new(arena, ERR_INTERNAL, "the database has lost its first tenant");
	scope_init(&access->scope, NULL, INT64_MAX);
	if (!err)
		err = shares_open(access, arena, &access->shares);
	if (!err)
		err = fiber_go("access", &access->scope, keeper, access);
	if (err) {
		shares_stop(access->shares);
		scope_fini(&access->scope);
		access_free(access);
		return err;
	}
	store_listen(access->store, KEY_TOPIC, on_notice, access);
	*out = access;
	return NULL;
}

void
access_stop(struct access *access)
{
	scope_stop(&access->scope);
	shares_stop(access->shares);
	memory_flush_uses(access);
}

static const struct err *
refuse(struct arena *arena, const char *why)
{
	return err_param(arena, ERR_UNAUTHENTICATED, NULL, "invalid_api_key", "%s", why);
}

static bool
is_admin(const struct access *access, const unsigned char *hash)
{
	return access->has_admin &&
	       str_eq_secret(str_n((const char *)hash, SECRET_HASH_LEN), str_n((const char *)access->admin_hash, SECRET_HASH_LEN));
}

/* What is compared are hashes, and in constant time: how long it takes says nothing about any key. */
static const struct err *
identity_of(struct arena *arena, struct key_entry *entry, int64_t now_us, struct identity *out)
{
	int64_t expires_us;
	bool closed;

	pthread_mutex_lock(&entry->holder.lock);
	expires_us = entry->expires_us;
	closed = entry->holder.closed;
	out->scopes = entry->scopes;
	out->holders[HOLDER_TEAM] = entry->team ? holder_ref(entry->team) : NULL;
	out->holders[HOLDER_TENANT] = entry->tenant ? holder_ref(entry->tenant) : NULL;
	pthread_mutex_unlock(&entry->holder.lock);
	out->tenant = entry->holder.tenant;
	memcpy(out->key_id, entry->holder.id.ptr, entry->holder.id.len);
	if (out->holders[HOLDER_TEAM])
		memcpy(out->team_id, out->holders[HOLDER_TEAM]->id.ptr, out->holders[HOLDER_TEAM]->id.len);
	if (expires_us && expires_us <= now_us)
		return refuse(arena, "this key has expired");
	if (closed || (out->holders[HOLDER_TEAM] && holder_closed(out->holders[HOLDER_TEAM])))
		return refuse(arena, "the team of this key has been closed");
	if (!out->holders[HOLDER_TENANT] || holder_closed(out->holders[HOLDER_TENANT]))
		return refuse(arena, "the tenant of this key has been closed");
	return NULL;
}

static const struct err *
look_up(struct access *access, struct arena *arena, struct str presented, struct identity *out)
{
	int64_t now_us = clock_wall_us();
	unsigned char hash[SECRET_HASH_LEN];
	struct key_entry *entry;
	const struct err *err;

	secret_hash(presented, hash);
	if (is_admin(access, hash)) {
		out->tenant = TENANT_DEFAULT;
		memcpy(out->key_id, "admin", sizeof("admin"));
		out->scopes = 1u << SCOPE_ADMIN;
		out->holders[HOLDER_TENANT] = holder_ref(access->tenant);
		return NULL;
	}
	entry = memory_key(access, hash);
	if (!entry)
		return refuse(arena, secret_well_formed(presented)
					     ? "this key is not valid here: it was revoked, has expired, or belongs to another server"
					     : "this key is mistyped or cut off: its checksum does not match");
	out->holders[HOLDER_KEY] = &entry->holder;
	err = identity_of(arena, entry, now_us, out);
	if (!err)
		memory_used(access, entry, now_us);
	return err;
}

static void
identity_release(void *arg)
{
	struct identity *identity = arg;

	for (size_t i = 0; i < COUNT(identity->holders); i++)
		holder_unref(identity->holders[i]);
}

const struct err *
access_authenticate(struct access *access, struct arena *arena, struct str presented, const struct identity **out)
{
	struct identity *identity;

	*out = NULL;
	if (presented.len == 0)
		return refuse(arena, "no key was given: send it as \"Authorization: Bearer cb_…\"");
	*out = identity = arena_zalloc(arena, sizeof(*identity));
	if (!identity || !arena_on_free(arena, identity_release, identity))
		return &err_no_memory;
	return look_up(access, arena, presented, identity);
}

const struct err *
access_check_peer(const struct identity *identity, struct str peer, struct arena *arena)
{
	for (size_t i = 0; i < COUNT(identity->holders); i++) {
		struct policy *policy = identity->holders[i] ? holder_policy(identity->holders[i]) : NULL;
		bool allowed = !policy || policy_allows_peer(policy, peer);

		policy_unref(policy);
		if (!allowed)
			return err_param(arena, ERR_FORBIDDEN, NULL, "network_not_allowed", "this %s may not be used from where this call comes from",
				holder_kind_name(identity->holders[i]->kind));
	}
	return NULL;
}
