/*
 * versions.c - see versions.h.
 */
#include "conf/versions.h"

#include "conf/configuration_sql.h"

#include <stdlib.h>

enum { PAGE = 200, PAGE_ARENA_MAX = 128 * 1024 * 1024, FOLLOW_MAX = 100 };

MAY_PARK const struct err *
versions_head(struct store *store, struct arena *arena, int64_t *out)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_configuration_head, NO_PARAMS, &rows);

	*out = err || !rows.count ? 0 : rows_int(&rows, 0, 0);
	return err;
}

/* --- rows to changes --- */

struct gathered {
	struct entry_change *list;
	size_t count, room;
};

static void
gathered_free(struct gathered *gathered)
{
	for (size_t i = 0; i < gathered->count; i++) {
		entry_unref(gathered->list[i].entry);
		free((char *)gathered->list[i].name.ptr);
	}
	free(gathered->list);
}

/* Columns: version, kind, name, body. What a newer program may have put there under another kind is not ours. */
static void
gather(struct gathered *gathered, const struct rows *rows, size_t row, struct secrets *secrets)
{
	struct str name = rows_text(rows, row, 2), body = rows_text(rows, row, 3);
	struct entry_change *change;
	enum entry_kind kind;
	char *kept;

	if (!entry_kind_parse(rows_text(rows, row, 1), &kind) || name.len > ENTRY_NAME_MAX || body.len > ENTRY_BODY_MAX)
		return;
	if (gathered->count == gathered->room) {
		gathered->room = gathered->room ? 2 * gathered->room : 16;
		gathered->list = mem_realloc(gathered->list, gathered->room * sizeof(*gathered->list));
	}
	kept = mem_alloc(name.len + 1);
	memcpy(kept, name.ptr, name.len);
	change = &gathered->list[gathered->count++];
	*change = (struct entry_change){ .kind = kind, .name = str_n(kept, name.len) };
	if (!rows_null(rows, row, 3))
		change->entry = entry_new(kind, name, rows_int(rows, row, 0), body, secrets);
}

/* All rows of a statement that pages by kind and name, for one version. */
static MAY_PARK const struct err *
gather_all(struct store *store, const struct stmt *stmt, int64_t version, struct secrets *secrets, struct gathered *gathered, struct arena *arena)
{
	struct arena *scratch = arena_new(PAGE_ARENA_MAX), *next;
	struct str kind = STR_EMPTY, name = STR_EMPTY;
	const struct err *err;
	struct rows rows;

	do {
		err = store_query(store, scratch, stmt, PARAMS(V_INT(version), V_TEXT(kind), V_TEXT(name), V_INT(PAGE)), &rows);
		for (size_t i = 0; !err && i < rows.count; i++)
			gather(gathered, &rows, i, secrets);
		if (err || rows.count < PAGE)
			break;
		next = arena_new(PAGE_ARENA_MAX);
		kind = arena_dup(next, rows_text(&rows, rows.count - 1, 1));
		name = arena_dup(next, rows_text(&rows, rows.count - 1, 2));
		arena_free(scratch);
		scratch = next;
	} while (kind.ptr && name.ptr);
	err = err ? err_copy(arena, err) : NULL;
	arena_free(scratch);
	return err;
}

MAY_PARK const struct err *
versions_at(struct store *store, struct arena *arena, int64_t version, struct secrets *secrets, struct entries **out)
{
	struct entries *none = entries_new();
	struct gathered gathered = { 0 };
	int64_t head;
	const struct err *err = versions_head(store, arena, &head);

	*out = NULL;
	if (!err && (version < 0 || version > head))
		err = err_new(arena, ERR_NOT_FOUND, "there is no version %lld of the configuration; the last one is %lld", (long long)version, (long long)head);
	if (!err)
		err = gather_all(store, &stmt_configuration_at, version, secrets, &gathered, arena);
	if (!err)
		*out = entries_with(none, gathered.list, gathered.count, version);
	gathered_free(&gathered);
	entries_unref(none);
	return err;
}

MAY_PARK const struct err *
versions_follow(struct store *store, struct arena *arena, const struct entries *entries, int64_t head, struct secrets *secrets, struct entries **out)
{
	struct gathered gathered = { 0 };
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_configuration_resealed, PARAMS(V_INT(entries->version), V_INT(head)), &rows);

	*out = NULL;
	if (err)
		return err;
	if (head - entries->version > FOLLOW_MAX || rows_int(&rows, 0, 0) > 0)
		return versions_at(store, arena, head, secrets, out);
	for (int64_t version = entries->version + 1; !err && version <= head; version++)
		err = gather_all(store, &stmt_configuration_version_entries, version, secrets, &gathered, arena);
	if (!err)
		*out = entries_with(entries, gathered.list, gathered.count, head);
	gathered_free(&gathered);
	return err;
}

/* --- for people --- */

static void
row_read(const struct rows *rows, size_t row, struct version_row *out)
{
	*out = (struct version_row){ .version = rows_int(rows, row, 0), .created_us = rows_int(rows, row, 1), .actor = rows_text(rows, row, 2),
		.action = rows_text(rows, row, 3), .reason = rows_text(rows, row, 4), .hash = rows_text(rows, row, 5) };
}

MAY_PARK const struct err *
versions_list(struct store *store, struct arena *arena, int64_t before, unsigned limit, struct version_row **out, size_t *count)
{
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_configuration_versions, PARAMS(V_INT(before), V_INT(limit)), &rows);

	if (err)
		return err;
	*count = rows.count;
	*out = arena_array(arena, rows.count, sizeof(**out));
	for (size_t i = 0; *out && i < rows.count; i++)
		row_read(&rows, i, &(*out)[i]);
	return *out ? NULL : &err_no_memory;
}

static void
gathered_release(void *arg)
{
	gathered_free(arg);
}

MAY_PARK const struct err *
versions_get(struct store *store, struct arena *arena, int64_t version, struct secrets *secrets, struct version_row *row, struct entry_change **changes, size_t *count)
{
	struct gathered *gathered = arena_zalloc(arena, sizeof(*gathered));
	struct rows rows;
	const struct err *err;

	if (!gathered || !arena_on_free(arena, gathered_release, gathered))
		return &err_no_memory;
	err = store_query(store, arena, &stmt_configuration_version_get, PARAMS(V_INT(version)), &rows);
	if (!err && rows.count == 0)
		err = err_new(arena, ERR_NOT_FOUND, "there is no version %lld of the configuration", (long long)version);
	if (err)
		return err;
	row_read(&rows, 0, row);
	err = gather_all(store, &stmt_configuration_version_entries, version, secrets, gathered, arena);
	*changes = gathered->list;
	*count = gathered->count;
	return err;
}

/* --- adding one --- */

struct addition {
	const struct version_row *row;
	const struct entry_change *changes;
	size_t count;
};

MAY_PARK const struct err *
versions_next(struct tx *tx, const struct version_row *row)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_configuration_next, NO_PARAMS, &rows);

	if (!err && (rows.count != 1 || rows_int(&rows, 0, 0) != row->version))
		err = err_param(tx_arena(tx), ERR_CONFLICT, NULL, "configuration_moved", "the configuration was changed by somebody else meanwhile");
	if (!err)
		err = tx_send(tx, &stmt_configuration_version_add,
			PARAMS(V_INT(row->version), V_INT(row->created_us), V_TEXT(row->actor), V_TEXT(row->action), V_TEXT(row->reason), V_TEXT(row->hash)));
	return err;
}

static MAY_PARK const struct err *
add(struct tx *tx, void *arg)
{
	const struct addition *addition = arg;
	const struct version_row *row = addition->row;
	const struct err *err = versions_next(tx, row);

	for (size_t i = 0; !err && i < addition->count; i++) {
		const struct entry_change *change = &addition->changes[i];

		err = tx_send(tx, &stmt_configuration_entry_add,
			PARAMS(V_INT(row->version), V_TEXT(str_of(entry_kind_name(change->kind))), V_TEXT(change->name), change->entry ? V_TEXT(change->entry->body) : V_NULL));
	}
	return err ? err : tx_notify(tx, CONFIGURATION_TOPIC);
}

MAY_PARK const struct err *
versions_add(struct store *store, struct arena *arena, const struct version_row *row, const struct entry_change *changes, size_t count)
{
	struct addition addition = { row, changes, count };

	return store_tx(store, arena, add, &addition);
}
