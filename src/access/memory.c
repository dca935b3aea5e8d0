/*
 * memory.c - the keys, teams and tenants of the database in memory, and the end users that limits count.
 *
 * Every row that changes draws a revision (access.sql, access_revision_next) and holds that counter's row until its commit, so revisions become visible in their
 * order: reading the rows with a revision above the last one seen misses nothing. A page of keys is read first, then the teams and tenants that have changed,
 * so whatever a key names is there when the key is put in force. A load of many rows parks between its pages and stalls nobody.
 *
 * The maps of ids belong to loop 0; requests find keys through shards with a lock each, held for one look-up.
 */
#include "access/access_sql.h"
#include "access/inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "text/utf8.h"

#include <stdio.h>

enum { PAGE = 500, PAGE_ARENA_MAX = 64 * 1024 * 1024, MAP_KEY_LEN = 16, USER_NAME_MAX = 100, USERS_SWEEP_MIN = 1024, USERS_MAX = 65536, SWEEP_MAX = 256 };

#define USER_IDLE_US (60 * USEC_PER_SEC)

void
memory_init(struct access *access)
{
	for (size_t i = 0; i < KEY_SHARDS; i++)
		pthread_mutex_init(&access->keys[i].lock, NULL);
	for (size_t i = 0; i < USER_SHARDS; i++) {
		pthread_mutex_init(&access->users[i].lock, NULL);
		access->users[i].sweep_at = USERS_SWEEP_MIN;
	}
	pthread_mutex_init(&access->used_lock, NULL);
}

static void
holders_release(struct map *map)
{
	const struct map_entry *entry;

	for (size_t i = 0; (entry = map_next(map, &i));)
		holder_unref(entry->value);
	map_fini(map);
}

void
memory_fini(struct access *access)
{
	for (struct key_entry *entry = access->used; entry; entry = access->used) {
		access->used = entry->used_next;
		holder_unref(&entry->holder);
	}
	for (size_t i = 0; i < KEY_SHARDS; i++) {
		map_fini(&access->keys[i].by_hash);
		pthread_mutex_destroy(&access->keys[i].lock);
	}
	policy_unref(access->last_policy);
	holders_release(&access->key_by_id);
	holders_release(&access->teams);
	holders_release(&access->tenants);
	for (size_t i = 0; i < USER_SHARDS; i++) {
		holders_release(&access->users[i].by_id);
		pthread_mutex_destroy(&access->users[i].lock);
	}
	pthread_mutex_destroy(&access->used_lock);
}

/* --- keys --- */

static struct str
map_key(const unsigned char *hash)
{
	return str_n((const char *)hash, MAP_KEY_LEN);
}

static struct key_shard *
shard_of(struct access *access, const unsigned char *hash)
{
	return &access->keys[hash[SECRET_HASH_LEN - 1] % KEY_SHARDS];
}

struct key_entry *
memory_key(struct access *access, const unsigned char hash[SECRET_HASH_LEN])
{
	struct key_shard *shard = shard_of(access, hash);
	struct key_entry *entry;

	pthread_mutex_lock(&shard->lock);
	entry = map_get(&shard->by_hash, map_key(hash));
	if (entry && !str_eq_secret(str_n((const char *)hash, SECRET_HASH_LEN), str_n((const char *)entry->hash, SECRET_HASH_LEN)))
		entry = NULL;
	if (entry)
		holder_ref(&entry->holder);
	pthread_mutex_unlock(&shard->lock);
	return entry;
}

static void
key_entry_free(struct holder *holder)
{
	struct key_entry *entry = (struct key_entry *)holder;

	holder_unref(entry->team);
	holder_unref(entry->tenant);
}

static void
key_forget(struct access *access, struct key_entry *entry)
{
	struct key_shard *shard = shard_of(access, entry->hash);

	pthread_mutex_lock(&shard->lock);
	map_remove(&shard->by_hash, map_key(entry->hash));
	pthread_mutex_unlock(&shard->lock);
	map_remove(&access->key_by_id, entry->holder.id);
	holder_unref(&entry->holder);
}

static void
key_insert(struct access *access, struct key_entry *entry)
{
	struct key_shard *shard = shard_of(access, entry->hash);

	map_put(&access->key_by_id, entry->holder.id, entry);
	pthread_mutex_lock(&shard->lock);
	map_put(&shard->by_hash, map_key(entry->hash), entry);
	pthread_mutex_unlock(&shard->lock);
}

static struct str
tenant_key(int64_t tenant, char out[24])
{
	size_t at = 24;

	do {
		out[--at] = (char)('0' + tenant % 10);
		tenant /= 10;
	} while (tenant > 0);
	return str_n(out + at, 24 - at);
}

/*
 * A policy that does not parse was written by a newer program; nobody gets around it. The last one is kept at hand: keys that were made together have the same as a rule, and share
 * one.
 */
static struct policy *
policy_of(struct access *access, struct arena *scratch, struct str id, struct str text)
{
	const struct err *err;

	if (!access->last_policy || !str_eq(access->last_policy->text, text)) {
		policy_unref(access->last_policy);
		err = policy_parse(scratch, text, &access->last_policy);
		if (err)
			log_error("a policy cannot be read; whom it binds is refused", LOG_STR("id", id), LOG_ERR("error", err));
	}
	return access->last_policy ? policy_ref(access->last_policy) : NULL;
}

/* Columns as in key_changed. */
static void
key_apply(struct access *access, struct arena *scratch, const struct rows *rows, size_t row)
{
	struct str id = rows_text(rows, row, 1), hash = rows_text(rows, row, 2), team_id = rows_text(rows, row, 5);
	struct key_entry *entry = map_get(&access->key_by_id, id);
	int64_t expires_us = rows_int(rows, row, 4), tenant = rows_int(rows, row, 0);
	struct holder *team, *owner, *old_team, *old_tenant;
	bool is_new = !entry;
	struct policy *policy;
	char number[24];

	if (rows_int(rows, row, 7) || (expires_us && expires_us <= clock_wall_us())) {
		if (entry)
			key_forget(access, entry);
		return;
	}
	if (is_new) {
		if (id.len >= KEY_ID_SIZE || hash.len != SECRET_HASH_LEN)
			return;
		entry = (struct key_entry *)holder_new(sizeof(*entry), HOLDER_KEY, tenant, id, key_entry_free);
		memcpy(entry->hash, hash.ptr, hash.len);
	}
	team = team_id.len ? map_get(&access->teams, team_id) : NULL;
	owner = map_get(&access->tenants, tenant_key(tenant, number));
	policy = policy_of(access, scratch, id, rows_text(rows, row, 6));
	holder_set_policy(&entry->holder, policy, !policy || (team_id.len && !team));
	pthread_mutex_lock(&entry->holder.lock);
	old_team = entry->team;
	old_tenant = entry->tenant;
	entry->team = team ? holder_ref(team) : NULL;
	entry->tenant = owner ? holder_ref(owner) : NULL;
	entry->scopes = key_scopes_parse(rows_text(rows, row, 3));
	entry->expires_us = expires_us;
	pthread_mutex_unlock(&entry->holder.lock);
	holder_unref(old_team);
	holder_unref(old_tenant);
	if (is_new)
		key_insert(access, entry);
}

/* --- teams and tenants --- */

static void
group_apply(struct map *map, enum holder_kind kind, int64_t tenant, struct str id, struct policy *policy, bool closed)
{
	struct holder *holder = map_get(map, id);

	if (!holder) {
		holder = holder_new(sizeof(*holder), kind, tenant, id, NULL);
		map_put(map, holder->id, holder);
	}
	holder_set_policy(holder, policy, closed || !policy);
}

static MAY_PARK const struct err *
teams_load(struct access *access, struct arena *scratch)
{
	const struct err *err;
	struct rows rows;

	do {
		err = store_query(access->store, scratch, &stmt_team_changed, PARAMS(V_INT(access->seen_teams), V_INT(PAGE)), &rows);
		for (size_t i = 0; i < rows.count; i++) {
			struct str id = rows_text(&rows, i, 1);

			if (id.len < KEY_ID_SIZE)
				group_apply(&access->teams, HOLDER_TEAM, rows_int(&rows, i, 0), id, policy_of(access, scratch, id, rows_text(&rows, i, 2)),
					rows_int(&rows, i, 3) != 0);
			access->seen_teams = rows_int(&rows, i, 4);
		}
	} while (!err && rows.count == PAGE);
	return err;
}

static MAY_PARK const struct err *
tenants_load(struct access *access, struct arena *scratch)
{
	const struct err *err;
	struct rows rows;

	do {
		err = store_query(access->store, scratch, &stmt_tenant_changed, PARAMS(V_INT(access->seen_tenants), V_INT(PAGE)), &rows);
		for (size_t i = 0; i < rows.count; i++) {
			int64_t tenant = rows_int(&rows, i, 0);
			char number[24];
			struct str id = tenant_key(tenant, number);

			group_apply(&access->tenants, HOLDER_TENANT, tenant, id, policy_of(access, scratch, id, rows_text(&rows, i, 1)), rows_int(&rows, i, 2) != 0);
			if (tenant == TENANT_DEFAULT && !access->tenant)
				access->tenant = map_get(&access->tenants, id);
			access->seen_tenants = rows_int(&rows, i, 3);
		}
	} while (!err && rows.count == PAGE);
	return err;
}

MAY_PARK const struct err *
memory_load(struct access *access, struct arena *arena)
{
	struct arena *scratch = arena_new(PAGE_ARENA_MAX);
	const struct err *err;
	struct rows rows;

	do {
		arena_reset(scratch);
		err = store_query(access->store, scratch, &stmt_key_changed, PARAMS(V_INT(access->seen_keys), V_INT(PAGE)), &rows);
		if (!err)
			err = tenants_load(access, scratch);
		if (!err)
			err = teams_load(access, scratch);
		for (size_t i = 0; !err && i < rows.count; i++) {
			key_apply(access, scratch, &rows, i);
			access->seen_keys = rows_int(&rows, i, 8);
		}
	} while (!err && rows.count == PAGE);
	if (err && err->kind != ERR_CANCELLED)
		log_warn("keys could not be loaded", LOG_ERR("error", err));
	err = err ? err_copy(arena, err) : NULL;
	arena_free(scratch);
	return err;
}

/* --- when keys were used --- */

void
memory_used(struct access *access, struct key_entry *entry, int64_t now_us)
{
	int64_t before_us = atomic_load_explicit(&entry->used_us, memory_order_relaxed);

	if (now_us - before_us < USEC_PER_SEC)
		return;
	if (atomic_exchange(&entry->used_us, now_us) != 0)
		return;
	pthread_mutex_lock(&access->used_lock);
	entry->used_next = access->used;
	access->used = entry;
	pthread_mutex_unlock(&access->used_lock);
	holder_ref(&entry->holder);
}

struct use {
	struct key_entry *entry;
	int64_t used_us;
};

struct uses {
	struct use list[PAGE];
	size_t count;
};

static MAY_PARK const struct err *
uses_write(struct tx *tx, void *arg)
{
	const struct uses *uses = arg;
	const struct err *err = NULL;

	for (size_t i = 0; i < uses->count && !err; i++) {
		const struct holder *key = &uses->list[i].entry->holder;

		err = tx_exec(tx, &stmt_key_set_used, PARAMS(V_INT(key->tenant), V_TEXT(key->id), V_INT(uses->list[i].used_us)), NULL);
	}
	return err;
}

/* The next page of uses, taken off the list: an entry whose used_us is 0 again may be put back on it by its next use. */
static void
uses_take(struct access *access, struct uses *uses)
{
	uses->count = 0;
	pthread_mutex_lock(&access->used_lock);
	while (access->used && uses->count < PAGE) {
		struct key_entry *entry = access->used;

		access->used = entry->used_next;
		uses->list[uses->count++] = (struct use){ entry, atomic_exchange(&entry->used_us, 0) };
	}
	pthread_mutex_unlock(&access->used_lock);
}

MAY_PARK void
memory_flush_uses(struct access *access)
{
	struct arena *scratch = arena_new(PAGE_ARENA_MAX);
	struct uses *uses = arena_alloc(scratch, sizeof(*uses));
	const struct err *err = NULL;

	do {
		uses_take(access, uses);
		if (uses->count > 0)
			err = store_tx(access->store, scratch, uses_write, uses);
		for (size_t i = 0; i < uses->count; i++)
			holder_unref(&uses->list[i].entry->holder);
	} while (!err && uses->count == PAGE);
	if (err)
		log_warn("the last use of keys could not be written", LOG_ERR("error", err));
	arena_free(scratch);
}

/* --- end users --- */

struct str
access_user_id(struct arena *arena, struct str user)
{
	char hex[HASH_SHA256_HEX];

	if (user.len == 0)
		return STR_EMPTY;
	if (user.len <= USER_NAME_MAX && utf8_valid(user) && !memchr(user.ptr, 0, user.len))
		return user;
	hash_sha256_hex(user, hex);
	return arena_printf(arena, "sha256:%.*s", HASH_SHA256_HEX, hex);
}

/* Nobody uses it, and it has no debt: forgetting it changes nothing. */
static bool
is_idle(struct holder *user, int64_t now_us)
{
	bool idle;

	if (atomic_load(&user->refs) != 1)
		return false;
	pthread_mutex_lock(&user->lock);
	idle = now_us - user->used_us > USER_IDLE_US && user->running == 0 && user->tokens.level >= 0;
	pthread_mutex_unlock(&user->lock);
	return idle;
}

static void
users_sweep(struct user_shard *shard)
{
	struct holder *idle[SWEEP_MAX];
	const struct map_entry *entry;
	int64_t now_us = clock_mono_us();
	size_t count = 0;

	for (size_t i = 0; count < COUNT(idle) && (entry = map_next(&shard->by_id, &i));)
		if (is_idle(entry->value, now_us))
			idle[count++] = entry->value;
	for (size_t i = 0; i < count; i++) {
		map_remove(&shard->by_id, idle[i]->id);
		holder_unref(idle[i]);
	}
	shard->sweep_at = count == COUNT(idle) ? shard->by_id.used : 2 * shard->by_id.used;
	if (shard->sweep_at < USERS_SWEEP_MIN)
		shard->sweep_at = USERS_SWEEP_MIN;
}

struct holder *
user_holder(struct access *access, const struct holder *of, struct str user)
{
	char text[24 + 2 + KEY_ID_SIZE + USER_NAME_MAX], number[24];
	struct str prefix = tenant_key(of->tenant, number), id;
	struct user_shard *shard;
	struct holder *holder;
	int len;

	if (user.len > USER_NAME_MAX || of->id.len > KEY_ID_SIZE)
		return NULL;
	len = snprintf(text, sizeof(text), "%" STR_F " %" STR_F " %" STR_F, STR_A(prefix), STR_A(of->id), STR_A(user));
	id = str_n(text, (size_t)len);
	shard = &access->users[map_hash(id) % USER_SHARDS];
	pthread_mutex_lock(&shard->lock);
	holder = map_get(&shard->by_id, id);
	if (!holder && shard->by_id.used >= shard->sweep_at)
		users_sweep(shard);
	if (!holder && shard->by_id.used < USERS_MAX) {
		holder = holder_new(sizeof(*holder), HOLDER_USER, of->tenant, id, NULL);
		map_put(&shard->by_id, holder->id, holder);
	}
	if (holder)
		holder_ref(holder);
	pthread_mutex_unlock(&shard->lock);
	return holder;
}
