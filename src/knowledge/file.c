/*
 * file.c - stored files, as the OpenAI Files API has them. See knowledge.h.
 */
#include "knowledge/inside.h"

#include "knowledge/type.h"

enum { COL_ROW, COL_ID, COL_FILENAME, COL_PURPOSE, COL_CONTENT_TYPE, COL_SHA256, COL_BYTES, COL_CREATED, COL_EXPIRES, COL_CONTENT, COL_LOCAL };
enum { FILENAME_MAX_BYTES = 1024 };

static const struct err *
not_found(struct arena *arena, struct str id)
{
	return err_param(arena, ERR_NOT_FOUND, "id", "not_found", "there is no file '%" STR_F "'", STR_A(str_slice(id, 0, 100)));
}

static const struct err *
file_read(struct arena *arena, const struct rows *rows, size_t row, struct file *out)
{
	struct str sha256 = rows_text(rows, row, COL_SHA256);
	char *hex = arena_alloc(arena, sha256.len * 2);

	if (!hex)
		return &err_no_memory;
	hex_encode(sha256.ptr, sha256.len, hex);
	*out = (struct file){
		.row = rows_int(rows, row, COL_ROW),
		.id = rows_text(rows, row, COL_ID),
		.filename = rows_text(rows, row, COL_FILENAME),
		.purpose = rows_text(rows, row, COL_PURPOSE),
		.content_type = rows_text(rows, row, COL_CONTENT_TYPE),
		.sha256 = str_n(hex, sha256.len * 2),
		.bytes = rows_int(rows, row, COL_BYTES),
		.created_us = rows_int(rows, row, COL_CREATED),
		.expires_us = rows_int(rows, row, COL_EXPIRES),
		.content = rows_int(rows, row, COL_CONTENT),
		.local_only = rows_int(rows, row, COL_LOCAL) != 0,
	};
	return NULL;
}

const struct err *
file_get(struct knowledge *k, struct arena *arena, int64_t tenant, struct str id, struct file *out)
{
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_file_by_key, PARAMS(V_INT(tenant), V_TEXT(id)), &rows);

	if (err || rows.count == 0)
		return err ? err : not_found(arena, id);
	return file_read(arena, &rows, 0, out);
}

struct create {
	int64_t tenant;
	const struct file *wanted;
	struct upload *upload;
	struct str id, content_type;
};

static MAY_PARK const struct err *
create_tx(struct tx *tx, void *arg)
{
	const struct create *c = arg;
	int64_t content;
	struct rows rows;
	const struct err *err = content_put(tx, c->upload, &content);

	if (err)
		return err;
	return tx_exec(tx, &stmt_file_insert,
		PARAMS(V_INT(c->tenant), V_TEXT(c->id), V_INT(content), V_TEXT(c->wanted->filename), V_TEXT(c->wanted->purpose), V_TEXT(c->content_type),
			V_INT(clock_wall_us()), c->wanted->expires_us ? V_INT(c->wanted->expires_us) : V_NULL, V_INT(c->wanted->local_only)),
		&rows);
}

const struct err *
file_create(struct knowledge *k, struct arena *arena, int64_t tenant, const struct file *wanted, struct upload *upload, struct file *out)
{
	struct create create = { .tenant = tenant, .wanted = wanted, .upload = upload, .content_type = wanted->content_type };
	const struct err *err;

	if (wanted->filename.len == 0 || wanted->filename.len > FILENAME_MAX_BYTES)
		return err_param(arena, ERR_INVALID, "file", NULL, "a file name has 1 to %d bytes", FILENAME_MAX_BYTES);
	err = content_prepare(upload);
	if (err)
		return err;
	if (create.content_type.len == 0)
		create.content_type = str_of(doc_content_type(doc_type_of(wanted->filename, upload_head(upload))));
	create.id = public_id_new(arena, "file-");
	if (!create.id.ptr)
		return &err_no_memory;
	err = store_tx(k->store, arena, create_tx, &create);
	return err ? err : file_get(k, arena, tenant, create.id, out);
}

const struct err *
file_piece(struct knowledge *k, struct arena *arena, const struct file *file, unsigned ordinal, struct str *bytes)
{
	return content_piece(k, arena, file->content, ordinal, bytes);
}

const struct err *
file_list(struct knowledge *k, struct arena *arena, int64_t tenant, struct str purpose, const struct page_spec *spec, struct file **out, size_t *count, bool *more)
{
	struct file after = { 0 }, before = { 0 };
	const struct err *err = NULL;
	struct keyset keyset;
	struct rows rows;

	if (spec->after.len)
		err = file_get(k, arena, tenant, spec->after, &after);
	if (!err && spec->before.len)
		err = file_get(k, arena, tenant, spec->before, &before);
	if (err)
		return err;
	keyset_make(spec, after.row, before.row, &keyset);
	err = store_query(k->store, arena, keyset.down ? &stmt_file_page_down : &stmt_file_page_up,
		PARAMS(V_INT(tenant), V_TEXT(purpose), V_INT(keyset.low), V_INT(keyset.high), V_INT(keyset.limit + 1)), &rows);
	if (err)
		return err;
	*count = keyset_count(&keyset, &rows, more);
	*out = arena_array(arena, *count, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	for (size_t i = 0; i < *count && !err; i++)
		err = file_read(arena, &rows, keyset_row(&keyset, *count, i), &(*out)[i]);
	return err;
}

struct delete {
	int64_t tenant, row, content;
	struct str id;
};

static MAY_PARK const struct err *
delete_tx(struct tx *tx, void *arg)
{
	const struct delete *d = arg;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_file_documents, PARAMS(V_INT(d->tenant), V_TEXT(d->id)), &rows);

	for (size_t i = 0; !err && i < rows.count; i++)
		err = document_drop(tx, rows_int(&rows, i, 0), rows_int(&rows, i, 1), rows_int(&rows, i, 2));
	if (!err)
		err = tx_exec(tx, &stmt_file_delete, PARAMS(V_INT(d->tenant), V_INT(d->row)), NULL);
	if (!err)
		err = content_forget(tx, d->content);
	return err ? err : work_notify(tx);
}

const struct err *
file_delete(struct knowledge *k, struct arena *arena, int64_t tenant, struct str id)
{
	struct file file;
	const struct err *err = file_get(k, arena, tenant, id, &file);

	if (err)
		return err;
	return store_tx(k->store, arena, delete_tx, &(struct delete){ .tenant = tenant, .row = file.row, .content = file.content, .id = file.id });
}
