/*
 * key.c - making, listing, changing and revoking keys. See access.h.
 */
#include "access/access_sql.h"
#include "access/inside.h"

#include "base/clock.h"
#include "base/random.h"
#include "hook/hook.h"
#include "json/json.h"

enum { NAME_MAX_BYTES = 100, LIST_MAX = 1000 };

const struct err *
revision_next(struct tx *tx, int64_t *out)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_access_revision_next, NO_PARAMS, &rows);

	*out = err ? 0 : rows_int(&rows, 0, 0);
	return err;
}

const struct err *
name_check(struct arena *arena, struct str name)
{
	if (name.len == 0 || name.len > NAME_MAX_BYTES || memchr(name.ptr, 0, name.len))
		return err_param(arena, ERR_INVALID, "name", NULL, "a name of 1 to %d bytes is needed", NAME_MAX_BYTES);
	return NULL;
}

const struct err *
key_row_insert(struct tx *tx, const struct key_row *row)
{
	unsigned char hash[SECRET_HASH_LEN];
	int64_t revision;
	const struct err *err = revision_next(tx, &revision);

	if (err)
		return err;
	secret_hash(row->secret, hash);
	return tx_exec(tx, &stmt_key_insert,
		PARAMS(V_INT(row->tenant), V_TEXT(row->id), V_BLOB(str_n((const char *)hash, sizeof(hash))),
			V_TEXT(str_slice(row->secret, 0, SECRET_PREFIX_LEN)), V_TEXT(row->name),
			V_TEXT(key_scopes_text(tx_arena(tx), row->scopes)), V_INT(row->created_us),
			row->expires_us ? V_INT(row->expires_us) : V_NULL, V_TEXT(row->team), V_TEXT(row->policy), V_INT(revision)),
		NULL);
}

/* The id of an open team, by id or name. */
static MAY_PARK const struct err *
team_resolve(struct tx *tx, int64_t tenant, struct str *team)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_team_find, PARAMS(V_INT(tenant), V_TEXT(*team)), &rows);

	if (err)
		return err;
	if (rows.count == 0 || rows_int(&rows, 0, 4))
		return err_param(tx_arena(tx), ERR_INVALID, "team", NULL, "there is no open team \"%" STR_F "\"", STR_A(str_slice(*team, 0, 100)));
	*team = rows_text(&rows, 0, 0);
	return NULL;
}

/* Tells webhooks of a key: who it is, never its secret. */
static MAY_PARK const struct err *
tell(struct tx *tx, enum conf_event event, int64_t tenant, struct str id, struct str name, struct str team)
{
	struct arena *arena = tx_arena(tx);
	struct json_out json;
	struct buf text;

	if (!hook_wanted(event))
		return NULL;
	buf_init(&text, arena, KIB(4));
	json_out_init(&json, &text);
	json_begin_object(&json);
	json_set_string(&json, "id", id);
	json_set_string(&json, "tenant", arena_printf(arena, "%lld", (long long)tenant));
	json_set_string(&json, "name", name);
	if (team.len)
		json_set_string(&json, "team", team);
	else
		json_set_null(&json, "team");
	json_end_object(&json);
	return text.failed ? &err_no_memory : hook_put(tx, event, clock_wall_us(), buf_str(&text));
}

struct creation {
	struct key_row row;
	struct str team;    /* as asked */
	char team_id[KEY_ID_SIZE];
};

static MAY_PARK const struct err *
create(struct tx *tx, void *arg)
{
	struct creation *creation = arg;
	const struct err *err = NULL;

	creation->row.team = creation->team;
	if (creation->team.len)
		err = team_resolve(tx, creation->row.tenant, &creation->row.team);
	if (!err)
		err = key_row_insert(tx, &creation->row);
	if (!err)
		err = tell(tx, CONF_EVENT_KEY_CREATED, creation->row.tenant, creation->row.id, creation->row.name, creation->row.team);
	memset(creation->team_id, 0, sizeof(creation->team_id));
	if (!err && creation->row.team.len > 0 && creation->row.team.len < KEY_ID_SIZE)
		memcpy(creation->team_id, creation->row.team.ptr, creation->row.team.len);
	return err ? err : tx_notify(tx, KEY_TOPIC);
}

static const struct err *
expiry_check(struct arena *arena, int64_t expires_us)
{
	if (expires_us > 0 && expires_us <= clock_wall_us())
		return err_param(arena, ERR_INVALID, "expires_at", NULL, "the time of expiry has passed already");
	return NULL;
}

static const struct err *
spec_check(struct arena *arena, const struct key_spec *spec)
{
	struct policy *policy;
	const struct err *err = name_check(arena, spec->name);

	if (!err && spec->scopes == 0)
		err = err_param(arena, ERR_INVALID, "scopes", NULL, "a key needs at least one scope");
	if (!err)
		err = expiry_check(arena, spec->expires_us);
	if (err || !spec->policy.len)
		return err;
	err = policy_parse(arena, spec->policy, &policy);
	policy_unref(policy);
	return err;
}

const struct err *
key_create(struct access *access, struct arena *arena, int64_t tenant, const struct key_spec *spec, struct key *out, struct str *secret)
{
	const struct err *err = spec_check(arena, spec);
	struct id id = id_new();
	char text[SECRET_LEN];
	struct creation creation = { .team = spec->team,
		.row = { .tenant = tenant,
			.name = spec->name,
			.scopes = spec->scopes,
			.expires_us = spec->expires_us,
			.created_us = clock_wall_us(),
			.policy = spec->policy.len ? spec->policy : STR("{}") } };
	struct key_row *row = &creation.row;

	if (err)
		return err;
	secret_new(text);
	row->id = arena_printf(arena, "key_%s", id.hex);
	row->secret = arena_dup(arena, str_n(text, sizeof(text)));
	if (!row->id.ptr || !row->secret.ptr)
		return &err_no_memory;
	err = store_tx(access->store, arena, create, &creation);
	if (err)
		return err;
	access_refresh(access);
	*secret = row->secret;
	*out = (struct key){
		.id = row->id,
		.prefix = str_slice(row->secret, 0, SECRET_PREFIX_LEN),
		.name = spec->name,
		.team = arena_dup(arena, str_of(creation.team_id)),
		.policy = row->policy,
		.scopes = spec->scopes,
		.created_us = row->created_us,
		.expires_us = spec->expires_us,
	};
	return NULL;
}

/* Columns as in key_page and key_get. */
static struct key
key_read(const struct rows *rows, size_t row)
{
	return (struct key){
		.id = rows_text(rows, row, 0),
		.prefix = rows_text(rows, row, 1),
		.name = rows_text(rows, row, 2),
		.scopes = key_scopes_parse(rows_text(rows, row, 3)),
		.created_us = rows_int(rows, row, 4),
		.expires_us = rows_int(rows, row, 5),
		.revoked_us = rows_int(rows, row, 6),
		.used_us = rows_int(rows, row, 7),
		.team = rows_text(rows, row, 8),
		.policy = rows_text(rows, row, 9),
	};
}

const struct err *
key_list(struct access *access, struct arena *arena, int64_t tenant, struct str team, struct str after, unsigned limit, struct key **out, size_t *count)
{
	const struct err *err;
	struct rows rows;

	if (limit == 0 || limit > LIST_MAX)
		return err_param(arena, ERR_INVALID, "limit", NULL, "limit is from 1 to %d", LIST_MAX);
	err = store_query(access->store, arena, &stmt_key_page, PARAMS(V_INT(tenant), V_TEXT(after), V_TEXT(team), V_INT(limit)), &rows);
	if (err)
		return err;
	*out = arena_array(arena, rows.count, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	*count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		(*out)[i] = key_read(&rows, i);
	return NULL;
}

static const struct err *
no_such_key(struct arena *arena, struct str id)
{
	return err_new(arena, ERR_NOT_FOUND, "there is no valid key \"%" STR_F "\"", STR_A(str_slice(id, 0, 100)));
}

const struct err *
key_show(struct access *access, struct arena *arena, int64_t tenant, struct str id, struct key *out)
{
	struct rows rows;
	const struct err *err = store_query(access->store, arena, &stmt_key_get, PARAMS(V_INT(tenant), V_TEXT(id)), &rows);

	if (err)
		return err;
	if (rows.count == 0)
		return no_such_key(arena, id);
	*out = key_read(&rows, 0);
	return NULL;
}

struct update {
	int64_t tenant;
	struct str id;
	const struct change *change;
};

static MAY_PARK const struct err *
update(struct tx *tx, void *arg)
{
	const struct update *update = arg;
	const struct change *change = update->change;
	struct arena *arena = tx_arena(tx);
	struct policy *policy;
	struct rows rows;
	struct key key;
	int64_t revision;
	const struct err *err = tx_exec(tx, &stmt_key_get, PARAMS(V_INT(update->tenant), V_TEXT(update->id)), &rows);

	if (err)
		return err;
	if (rows.count == 0 || rows_int(&rows, 0, 6))
		return no_such_key(arena, update->id);
	key = key_read(&rows, 0);
	key.name = change->name.ptr ? change->name : key.name;
	key.scopes = change->scopes ? change->scopes : key.scopes;
	key.expires_us = change->expires_us < 0 ? 0 : change->expires_us > 0 ? change->expires_us : key.expires_us;
	key.team = change->team.ptr ? change->team : key.team;
	if (change->team.len)
		err = team_resolve(tx, update->tenant, &key.team);
	if (change->policy)
		key.policy = policy_merge(arena, key.policy, change->policy);
	if (!err)
		err = key.policy.ptr ? policy_parse(arena, key.policy, &policy) : &err_no_memory;
	if (!err) {
		policy_unref(policy);
		err = revision_next(tx, &revision);
	}
	if (!err)
		err = tx_exec(tx, &stmt_key_change,
			PARAMS(V_INT(update->tenant), V_TEXT(update->id), V_TEXT(key.name), V_TEXT(key_scopes_text(arena, key.scopes)),
				key.expires_us ? V_INT(key.expires_us) : V_NULL, V_TEXT(key.team), V_TEXT(key.policy), V_INT(revision)),
			NULL);
	if (!err)
		err = tell(tx, CONF_EVENT_KEY_UPDATED, update->tenant, update->id, key.name, key.team);
	return err ? err : tx_notify(tx, KEY_TOPIC);
}

const struct err *
key_update(struct access *access, struct arena *arena, int64_t tenant, struct str id, const struct change *change, struct key *out)
{
	struct update arg = { tenant, id, change };
	const struct err *err = change->name.ptr ? name_check(arena, change->name) : NULL;

	if (!err)
		err = expiry_check(arena, change->expires_us);
	if (!err)
		err = store_tx(access->store, arena, update, &arg);
	if (err)
		return err;
	access_refresh(access);
	return key_show(access, arena, tenant, id, out);
}

struct revocation {
	int64_t tenant;
	struct str id;
};

static MAY_PARK const struct err *
revoke(struct tx *tx, void *arg)
{
	const struct revocation *revocation = arg;
	struct rows rows;
	int64_t revision;
	const struct err *err = revision_next(tx, &revision);

	if (!err)
		err = tx_exec(tx, &stmt_key_set_revoked,
			PARAMS(V_INT(revocation->tenant), V_TEXT(revocation->id), V_INT(clock_wall_us()), V_INT(revision)), &rows);
	if (err)
		return err;
	if (rows.changed == 0)
		return no_such_key(tx_arena(tx), revocation->id);
	err = tx_exec(tx, &stmt_key_get, PARAMS(V_INT(revocation->tenant), V_TEXT(revocation->id)), &rows);
	if (!err)
		err = tell(tx, CONF_EVENT_KEY_REVOKED, revocation->tenant, revocation->id, rows_text(&rows, 0, 2), rows_text(&rows, 0, 8));
	return err ? err : tx_notify(tx, KEY_TOPIC);
}

const struct err *
key_revoke(struct access *access, struct arena *arena, int64_t tenant, struct str id)
{
	struct revocation revocation = { tenant, id };
	const struct err *err = store_tx(access->store, arena, revoke, &revocation);

	if (!err)
		access_refresh(access);
	return err;
}
