/*
 * key.c - making, listing and revoking keys. See access.h.
 */
#include "access/access_sql.h"
#include "access/inside.h"

#include "base/clock.h"
#include "base/random.h"

enum { NAME_MAX_BYTES = 100, LIST_MAX = 1000 };

const struct err *
key_row_insert(struct tx *tx, const struct key_row *row)
{
	unsigned char hash[SECRET_HASH_LEN];

	secret_hash(row->secret, hash);
	return tx_exec(tx, &stmt_key_insert,
		PARAMS(V_INT(row->tenant), V_TEXT(row->id), V_BLOB(str_n((const char *)hash, sizeof(hash))),
			V_TEXT(str_slice(row->secret, 0, SECRET_PREFIX_LEN)), V_TEXT(row->name),
			V_TEXT(key_scopes_text(tx_arena(tx), row->scopes)), V_INT(row->created_us),
			row->expires_us ? V_INT(row->expires_us) : V_NULL),
		NULL);
}

static MAY_PARK const struct err *
create(struct tx *tx, void *arg)
{
	const struct err *err = key_row_insert(tx, arg);

	return err ? err : tx_notify(tx, KEY_TOPIC);
}

static const struct err *
spec_check(struct arena *arena, const struct key_spec *spec)
{
	if (spec->name.len == 0 || spec->name.len > NAME_MAX_BYTES || memchr(spec->name.ptr, 0, spec->name.len))
		return err_param(arena, ERR_INVALID, "name", NULL, "a key needs a name of 1 to %d bytes", NAME_MAX_BYTES);
	if (spec->scopes == 0)
		return err_param(arena, ERR_INVALID, "scopes", NULL, "a key needs at least one scope");
	if (spec->expires_us && spec->expires_us <= clock_wall_us())
		return err_param(arena, ERR_INVALID, "expires_at", NULL, "the time of expiry has passed already");
	return NULL;
}

const struct err *
key_create(struct access *access, struct arena *arena, int64_t tenant, const struct key_spec *spec, struct key *out, struct str *secret)
{
	const struct err *err = spec_check(arena, spec);
	struct id id = id_new();
	char text[SECRET_LEN];
	struct key_row row = {
		.tenant = tenant, .name = spec->name, .scopes = spec->scopes, .expires_us = spec->expires_us, .created_us = clock_wall_us()
	};

	if (err)
		return err;
	secret_new(text);
	row.id = arena_printf(arena, "key_%s", id.hex);
	row.secret = arena_dup(arena, str_n(text, sizeof(text)));
	if (!row.id.ptr || !row.secret.ptr)
		return &err_no_memory;
	err = store_tx(access->store, arena, create, &row);
	if (err)
		return err;
	access_refresh(access);
	*secret = row.secret;
	*out = (struct key){
		.id = row.id,
		.prefix = str_slice(row.secret, 0, SECRET_PREFIX_LEN),
		.name = spec->name,
		.scopes = spec->scopes,
		.created_us = row.created_us,
		.expires_us = spec->expires_us,
	};
	return NULL;
}

const struct err *
key_list(struct access *access, struct arena *arena, int64_t tenant, struct str after, unsigned limit, struct key **out, size_t *count)
{
	const struct err *err;
	struct rows rows;

	if (limit == 0 || limit > LIST_MAX)
		return err_param(arena, ERR_INVALID, "limit", NULL, "limit is from 1 to %d", LIST_MAX);
	err = store_query(access->store, arena, &stmt_key_page, PARAMS(V_INT(tenant), V_TEXT(after), V_INT(limit)), &rows);
	if (err)
		return err;
	*out = arena_array(arena, rows.count, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	*count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		(*out)[i] = (struct key){
			.id = rows_text(&rows, i, 0),
			.prefix = rows_text(&rows, i, 1),
			.name = rows_text(&rows, i, 2),
			.scopes = key_scopes_parse(rows_text(&rows, i, 3)),
			.created_us = rows_int(&rows, i, 4),
			.expires_us = rows_int(&rows, i, 5),
			.revoked_us = rows_int(&rows, i, 6),
			.used_us = rows_int(&rows, i, 7),
		};
	return NULL;
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
	const struct err *err = tx_exec(
		tx, &stmt_key_set_revoked, PARAMS(V_INT(revocation->tenant), V_TEXT(revocation->id), V_INT(clock_wall_us())), &rows);

	if (err)
		return err;
	if (rows.changed == 0)
		return err_new(
			tx_arena(tx), ERR_NOT_FOUND, "there is no valid key \"%" STR_F "\"", STR_A(str_slice(revocation->id, 0, 100)));
	return tx_notify(tx, KEY_TOPIC);
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
