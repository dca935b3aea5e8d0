/*
 * access.c - the snapshot of valid keys: checking against it, and keeping it true. See access.h.
 *
 * One fiber on loop 0 loads the snapshot, so that an older load never replaces a newer one. It loads when a notice says that keys have changed or when
 * somebody asks (access_refresh) and, once a minute, writes down when keys were last used. A load that fails leaves the old snapshot in place and
 * is tried again: while the store is away, what was valid stays valid.
 */
#include "access/inside.h"

#include "access/access_sql.h"
#include "base/clock.h"
#include "base/log.h"
#include "rt/fiber.h"
#include "rt/wait.h"

#include <stdlib.h>

#define USED_EVERY_US (60 * USEC_PER_SEC)
#define RETRY_US USEC_PER_SEC
#define REFRESH_WAIT_US (5 * USEC_PER_SEC)

enum { LOAD_ARENA_MAX = 256 * 1024 * 1024, MAP_KEY_LEN = 16, ADMIN_KEY_MIN = 8 };

/* Somebody who wants what is committed now to be in the snapshot. */
struct refresh {
	struct access *access;
	struct refresh *next;
	struct waiter *done; /* counted: the asker may have given up */
};

static void
key_set_free(struct snapshot *snapshot)
{
	struct key_set *set = (struct key_set *)snapshot;

	map_fini(&set->by_hash);
	arena_free(set->arena); /* and with it the set */
}

static struct str
map_key(const unsigned char *hash)
{
	return str_n((const char *)hash, MAP_KEY_LEN);
}

static const struct err *
entry_fill(struct key_entry *entry, const struct rows *rows, size_t row)
{
	struct str id = rows_text(rows, row, 1), hash = rows_text(rows, row, 2);

	if (id.len >= KEY_ID_SIZE || hash.len != SECRET_HASH_LEN)
		return &err_internal;
	memcpy(entry->hash, hash.ptr, hash.len);
	memcpy(entry->identity.key_id, id.ptr, id.len);
	entry->identity.tenant = rows_int(rows, row, 0);
	entry->identity.scopes = key_scopes_parse(rows_text(rows, row, 3));
	entry->expires_us = rows_int(rows, row, 4);
	return NULL;
}

static MAY_PARK const struct err *
keys_load(struct access *access, struct arena *scratch)
{
	struct arena *arena;
	struct key_set *set;
	struct rows rows;
	const struct err *err = store_query(access->store, scratch, &stmt_key_valid, PARAMS(V_INT(clock_wall_us())), &rows);

	if (err)
		return err;
	arena = arena_new(LOAD_ARENA_MAX);
	set = arena_zalloc(arena, sizeof(*set));
	if (set)
		set->entries = arena_array(arena, rows.count, sizeof(*set->entries));
	if (!set || !set->entries) {
		arena_free(arena);
		return &err_no_memory;
	}
	snapshot_init(&set->base, key_set_free);
	set->arena = arena;
	set->count = rows.count;
	for (size_t i = 0; i < rows.count && !err; i++) {
		err = entry_fill(&set->entries[i], &rows, i);
		map_put(&set->by_hash, map_key(set->entries[i].hash), &set->entries[i]);
	}
	if (err)
		snapshot_unref(&set->base);
	else
		snapshot_cell_set(&access->keys, &set->base);
	return err;
}

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
	struct arena *scratch = arena_new(LOAD_ARENA_MAX);
	const struct err *err;

	access->first = NULL;
	access->last = &access->first;
	access->stale = false;
	err = keys_load(access, scratch);
	if (err && err->kind != ERR_CANCELLED)
		log_warn("keys could not be loaded", LOG_ERR("error", err));
	refreshes_answer(asked);
	arena_free(scratch);
	return err == NULL;
}

struct use {
	int64_t tenant, used_us;
	struct str key_id;
};

struct uses {
	struct use *list;
	size_t count;
};

static MAY_PARK const struct err *
uses_write(struct tx *tx, void *arg)
{
	const struct uses *uses = arg;
	const struct err *err = NULL;

	for (size_t i = 0; i < uses->count && !err; i++)
		err = tx_exec(tx, &stmt_key_set_used,
			PARAMS(V_INT(uses->list[i].tenant), V_TEXT(uses->list[i].key_id), V_INT(uses->list[i].used_us)), NULL);
	return err;
}

/* Writes down the uses since the last time. They are figures for people: one that is lost with a crash or beside a reload is no harm. */
static MAY_PARK void
uses_flush(struct access *access)
{
	struct key_set *set = snapshot_cell_get(&access->keys);
	struct arena *scratch = arena_new(LOAD_ARENA_MAX);
	struct uses uses = { .list = set ? arena_array(scratch, set->count, sizeof(*uses.list)) : NULL };
	const struct err *err = NULL;

	for (size_t i = 0; uses.list && i < set->count; i++) {
		int64_t used_us = atomic_exchange_explicit(&set->entries[i].used_us, 0, memory_order_relaxed);

		if (used_us > 0)
			uses.list[uses.count++] =
				(struct use){ set->entries[i].identity.tenant, used_us, str_of(set->entries[i].identity.key_id) };
	}
	if (uses.count > 0)
		err = store_tx(access->store, scratch, uses_write, &uses);
	if (err)
		log_warn("the last use of keys could not be written", LOG_ERR("error", err));
	arena_free(scratch);
	if (set)
		snapshot_unref(&set->base);
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
			uses_flush(access);
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
	snapshot_cell_fini(&access->keys);
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
	snapshot_cell_init(&access->keys);
	access->store = spec->store;
	access->home = loop_current();
	access->last = &access->first;
	access->has_admin = spec->admin_key.len > 0;
	if (access->has_admin)
		secret_hash(spec->admin_key, access->admin_hash);
	else
		err = first_key_make(access, arena, spec->data_dir, made);
	if (!err)
		err = keys_load(access, arena);
	scope_init(&access->scope, NULL, INT64_MAX);
	if (!err)
		err = fiber_go("access", &access->scope, keeper, access);
	if (err) {
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
	uses_flush(access);
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
look_up(struct access *access, struct arena *arena, struct str presented, struct identity *out)
{
	struct key_set *set = snapshot_cell_get(&access->keys);
	int64_t now_us = clock_wall_us();
	unsigned char hash[SECRET_HASH_LEN];
	const struct err *err = NULL;
	struct key_entry *entry;

	secret_hash(presented, hash);
	entry = map_get(&set->by_hash, map_key(hash));
	if (entry && !str_eq_secret(str_n((const char *)hash, sizeof(hash)), str_n((const char *)entry->hash, sizeof(hash))))
		entry = NULL;
	if (is_admin(access, hash)) {
		*out = (struct identity){ .tenant = TENANT_DEFAULT, .key_id = "admin", .scopes = 1u << SCOPE_ADMIN };
	} else if (!entry) {
		err = refuse(arena, secret_well_formed(presented)
					    ? "this key is not valid here: it was revoked, has expired, or belongs to another server"
					    : "this key is mistyped or cut off: its checksum does not match");
	} else if (entry->expires_us && entry->expires_us <= now_us) {
		err = refuse(arena, "this key has expired");
	} else {
		*out = entry->identity;
		if (now_us - atomic_load_explicit(&entry->used_us, memory_order_relaxed) > USEC_PER_SEC)
			atomic_store_explicit(&entry->used_us, now_us, memory_order_relaxed);
	}
	snapshot_unref(&set->base);
	return err;
}

const struct err *
access_authenticate(struct access *access, struct arena *arena, struct str presented, const struct identity **out)
{
	struct identity *identity;

	*out = NULL;
	if (presented.len == 0)
		return refuse(arena, "no key was given: send it as \"Authorization: Bearer cb_…\"");
	*out = identity = arena_alloc(arena, sizeof(*identity));
	return identity ? look_up(access, arena, presented, identity) : &err_no_memory;
}
