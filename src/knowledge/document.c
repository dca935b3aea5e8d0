/*
 * document.c - documents of a collection and their versions: put, found, listed, deleted. See knowledge.h.
 *
 * A document is (collection, path). Putting other bytes makes a new version, which becomes the current one when its words are indexed: until then, and if it turns
 * out to be broken, the version before stays searchable.
 */
#include "knowledge/inside.h"

#include "crypto/hash.h"
#include "knowledge/type.h"
#include "text/utf8.h"

enum { COL_ROW, COL_ID, COL_COLLECTION, COL_PATH, COL_FILE, COL_TITLE, COL_ATTRIBUTES, COL_VERSION_ID, COL_SHA256, COL_TYPE, COL_NUMBER, COL_STATUS, COL_ERROR_CODE,
	COL_ERROR_MESSAGE, COL_BYTES, COL_CHUNKS, COL_EMBEDDED, COL_CREATED, COL_COLLECTION_ROW, COL_CURRENT, COL_VERSION,
	COL_CHUNK_TOKENS, COL_CHUNK_OVERLAP };
enum { PATH_MAX_BYTES = 1024 };

static const struct err *
not_found(struct arena *arena, struct str key)
{
	return err_param(arena, ERR_NOT_FOUND, NULL, "not_found", "there is no document '%" STR_F "' in this collection", STR_A(str_slice(key, 0, 200)));
}

static struct str
hex_of(struct arena *arena, struct str bytes)
{
	char *hex = arena_alloc(arena, bytes.len * 2);

	if (!hex)
		return (struct str){ NULL, 0 };
	hex_encode(bytes.ptr, bytes.len, hex);
	return str_n(hex, bytes.len * 2);
}

static const struct err *
document_read(struct arena *arena, const struct rows *rows, size_t row, struct document *out)
{
	*out = (struct document){
		.row = rows_int(rows, row, COL_ROW),
		.id = rows_text(rows, row, COL_ID),
		.collection_id = rows_text(rows, row, COL_COLLECTION),
		.path = rows_text(rows, row, COL_PATH),
		.file_id = rows_text(rows, row, COL_FILE),
		.title = rows_text(rows, row, COL_TITLE),
		.attributes = rows_text(rows, row, COL_ATTRIBUTES),
		.version_id = rows_text(rows, row, COL_VERSION_ID),
		.sha256 = hex_of(arena, rows_text(rows, row, COL_SHA256)),
		.content_type = rows_text(rows, row, COL_TYPE),
		.version = (unsigned)rows_int(rows, row, COL_NUMBER),
		.status = (enum version_status)rows_int(rows, row, COL_STATUS),
		.error_code = rows_text(rows, row, COL_ERROR_CODE),
		.error_message = rows_text(rows, row, COL_ERROR_MESSAGE),
		.bytes = rows_int(rows, row, COL_BYTES),
		.chunks = rows_int(rows, row, COL_CHUNKS),
		.chunks_embedded = rows_int(rows, row, COL_EMBEDDED),
		.created_us = rows_int(rows, row, COL_CREATED),
		.collection_row = rows_int(rows, row, COL_COLLECTION_ROW),
		.current_version = rows_int(rows, row, COL_CURRENT),
		.version_row = rows_int(rows, row, COL_VERSION),
		.chunk_tokens_max = (unsigned)rows_int(rows, row, COL_CHUNK_TOKENS),
		.chunk_tokens_overlap = (unsigned)rows_int(rows, row, COL_CHUNK_OVERLAP),
	};
	return out->sha256.ptr ? NULL : &err_no_memory;
}

static MAY_PARK const struct err *
document_by_row(struct knowledge *k, struct arena *arena, int64_t tenant, int64_t row, struct document *out)
{
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_document_by_id, PARAMS(V_INT(tenant), V_INT(row)), &rows);

	if (!err && rows.count == 0)
		err = not_found(arena, STR_EMPTY);
	return err ? err : document_read(arena, &rows, 0, out);
}

static MAY_PARK const struct err *
document_row(struct knowledge *k, struct arena *arena, int64_t tenant, int64_t collection, struct str key, int64_t *row)
{
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_document_find, PARAMS(V_INT(tenant), V_INT(collection), V_TEXT(key)), &rows);

	if (!err && rows.count == 0)
		err = not_found(arena, key);
	if (!err)
		*row = rows_int(&rows, 0, 0);
	return err;
}

static MAY_PARK const struct err *
version_add(struct tx *tx, struct put *put, int64_t number)
{
	struct rows rows;
	const struct err *err = NULL;

	if (put->upload)
		err = content_put(tx, put->upload, &put->content);
	if (!err)
		err = tx_exec(tx, &stmt_version_insert,
			PARAMS(V_INT(put->tenant), V_TEXT(put->version_id), V_INT(put->document), V_INT(put->collection), V_INT(number), V_TEXT(put->file_id),
				V_INT(put->content), put->sha256, V_INT(put->bytes), V_TEXT(put->content_type), V_INT(put->chunk_tokens_max), V_INT(put->chunk_tokens_overlap),
				V_INT(clock_wall_us())),
			&rows);
	if (err)
		return err;
	put->version = rows_int(&rows, 0, 0);
	put->changed = true;
	return tx_exec(tx, &stmt_document_set_latest, PARAMS(V_INT(put->document), V_INT(put->version), V_TEXT(put->attributes)), NULL);
}

static MAY_PARK const struct err *
document_add(struct tx *tx, struct put *put)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_document_insert,
		PARAMS(V_INT(put->tenant), V_TEXT(put->document_id), V_INT(put->collection), V_TEXT(put->path), V_TEXT(put->attributes), V_INT(clock_wall_us())), &rows);

	if (err)
		return err;
	put->document = rows_int(&rows, 0, 0);
	return version_add(tx, put, 1);
}

/* The same bytes again: only the file they came with and the attributes may be others. */
static MAY_PARK const struct err *
document_keep(struct tx *tx, struct put *put, const struct rows *found)
{
	const struct err *err = NULL;

	put->version = rows_int(found, 0, 2);
	put->changed = false;
	if (!str_eq(rows_text(found, 0, 7), put->file_id))
		err = tx_exec(tx, &stmt_version_set_file, PARAMS(V_INT(put->version), V_TEXT(put->file_id)), NULL);
	if (!err && put->attributes.ptr)
		err = tx_exec(tx, &stmt_document_set_attributes, PARAMS(V_INT(put->tenant), V_INT(put->document), V_TEXT(put->attributes)), NULL);
	return err ? err : search_note_change(tx, put->collection);
}

const struct err *
put_in_tx(struct tx *tx, struct put *given)
{
	struct put put = *given;
	struct rows found, old;
	const struct err *err = put.local_only ? tx_exec(tx, &stmt_collection_mark_local, PARAMS(V_INT(put.collection)), NULL) : NULL;

	if (!err)
		err = tx_exec(tx, &stmt_document_by_path, PARAMS(V_INT(put.tenant), V_INT(put.collection), V_TEXT(put.path)), &found);

	if (err)
		return err;
	if (found.count == 0) {
		put.attributes = put.attributes.ptr ? put.attributes : STR("{}");
		err = document_add(tx, &put);
	} else {
		int64_t status = rows_int(&found, 0, 6);
		bool same = str_eq(rows_text(&found, 0, 4), put.sha256.text) && rows_int(&found, 0, 8) == put.chunk_tokens_max &&
			rows_int(&found, 0, 9) == put.chunk_tokens_overlap;

		put.document = rows_int(&found, 0, 0);
		if (same && status != VERSION_FAILED && status != VERSION_CANCELLED) {
			err = document_keep(tx, &put, &found);
		} else {
			if (!put.attributes.ptr)
				err = tx_exec(tx, &stmt_document_by_id, PARAMS(V_INT(put.tenant), V_INT(put.document)), &old);
			if (!err && !put.attributes.ptr)
				put.attributes = rows_text(&old, 0, COL_ATTRIBUTES);
			if (!err)
				err = version_add(tx, &put, rows_int(&found, 0, 5) + 1);
		}
	}
	given->document = put.document;
	given->version = put.version;
	given->changed = put.changed;
	return err;
}

static MAY_PARK const struct err *
put_tx(struct tx *tx, void *arg)
{
	const struct err *err = put_in_tx(tx, arg);

	return err ? err : work_notify(tx);
}

static const struct err *
path_check(struct arena *arena, struct str path)
{
	bool bad = path.len == 0 || path.len > PATH_MAX_BYTES || !utf8_valid(path);

	for (size_t i = 0; i < path.len; i++)
		bad |= (unsigned char)path.ptr[i] < 0x20 || path.ptr[i] == 0x7f;
	return bad ? err_param(arena, ERR_INVALID, "path", NULL, "a document's path has 1 to %d bytes of UTF-8 without control characters", PATH_MAX_BYTES) : NULL;
}

const struct err *
put_prepare(struct knowledge *k, struct arena *arena, int64_t tenant, int64_t collection, const struct document_source *source, struct put *out)
{
	struct file file = { 0 };
	const struct err *err;

	*out = (struct put){ .tenant = tenant, .collection = collection, .upload = source->upload, .path = source->path, .attributes = source->attributes,
		.chunk_tokens_max = source->chunk_tokens_max, .chunk_tokens_overlap = source->chunk_tokens_overlap, .local_only = source->local_only,
		.file_id = source->file_id.len ? source->file_id : STR_EMPTY, .document_id = public_id_new(arena, "doc_"), .version_id = public_id_new(arena, "ver_") };
	if (!out->document_id.ptr || !out->version_id.ptr)
		return &err_no_memory;
	if (source->upload) {
		err = content_prepare(source->upload);
		out->bytes = upload_bytes(source->upload);
		out->sha256 = V_BLOB(str_n((const char *)upload_hash(source->upload), HASH_SHA256_SIZE));
		out->content_type = str_of(doc_content_type(doc_type_of(source->path, upload_head(source->upload))));
	} else {
		char *hash = arena_alloc(arena, HASH_SHA256_SIZE);

		if (!hash)
			return &err_no_memory;
		err = file_get(k, arena, tenant, source->file_id, &file);
		if (err)
			return err;
		hex_decode(file.sha256, hash);
		out->content = file.content;
		out->local_only = out->local_only || file.local_only;
		out->bytes = file.bytes;
		out->sha256 = V_BLOB(str_n(hash, HASH_SHA256_SIZE));
		out->content_type = file.content_type;
		out->path = source->path.len ? source->path : file.filename;
	}
	return err ? err : path_check(arena, out->path);
}

const struct err *
document_put(struct knowledge *k, struct arena *arena, int64_t tenant, struct str collection, const struct document_source *source, struct document *out, bool *changed)
{
	struct put put;
	int64_t row;
	const struct err *err = collection_row(k, arena, tenant, collection, &row);

	if (!err)
		err = put_prepare(k, arena, tenant, row, source, &put);
	if (!err)
		err = store_tx(k->store, arena, put_tx, &put);
	if (!err)
		*changed = put.changed;
	return err ? err : document_by_row(k, arena, tenant, put.document, out);
}

const struct err *
document_known(struct knowledge *k, struct arena *arena, int64_t tenant, struct str collection, const struct str *paths, const struct str *sha256, size_t count,
	bool *out)
{
	unsigned char hash[HASH_SHA256_SIZE];
	int64_t row;
	const struct err *err = collection_row(k, arena, tenant, collection, &row);

	for (size_t i = 0; !err && i < count; i++) {
		struct rows rows = { 0 };

		if (sha256[i].len == HASH_SHA256_HEX && hex_decode(sha256[i], hash) && !path_check(arena, paths[i]))
			err = store_query(k->store, arena, &stmt_document_known,
				PARAMS(V_INT(tenant), V_INT(row), V_TEXT(paths[i]), V_BLOB(str_n((const char *)hash, sizeof(hash)))), &rows);
		out[i] = !err && rows.count > 0;
	}
	return err;
}

const struct err *
document_get(struct knowledge *k, struct arena *arena, int64_t tenant, struct str collection, struct str key, struct document *out)
{
	int64_t collection_number, row;
	const struct err *err = collection_row(k, arena, tenant, collection, &collection_number);

	if (!err)
		err = document_row(k, arena, tenant, collection_number, key, &row);
	return err ? err : document_by_row(k, arena, tenant, row, out);
}

const struct err *
document_list(struct knowledge *k, struct arena *arena, int64_t tenant, struct str collection, const struct document_filter *filter, const struct page_spec *spec,
	struct document **out, size_t *count, bool *more)
{
	int64_t row, after = 0, before = 0, batch = 0;
	const struct err *err = collection_row(k, arena, tenant, collection, &row);
	struct keyset keyset;
	struct rows rows;

	if (!err && filter->batch_id.len)
		err = file_batch_row(k, arena, tenant, row, filter->batch_id, &batch);
	if (!err && spec->after.len)
		err = document_row(k, arena, tenant, row, spec->after, &after);
	if (!err && spec->before.len)
		err = document_row(k, arena, tenant, row, spec->before, &before);
	if (err)
		return err;
	keyset_make(spec, after, before, &keyset);
	err = store_query(k->store, arena, keyset.down ? &stmt_document_page_down : &stmt_document_page_up,
		PARAMS(V_INT(tenant), V_INT(row), V_INT(filter->statuses), V_INT(batch), V_INT(keyset.low), V_INT(keyset.high), V_INT(keyset.limit + 1)), &rows);
	if (err)
		return err;
	*count = keyset_count(&keyset, &rows, more);
	*out = arena_array(arena, *count, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	for (size_t i = 0; i < *count && !err; i++)
		err = document_read(arena, &rows, keyset_row(&keyset, *count, i), &(*out)[i]);
	return err;
}

struct change {
	int64_t tenant;
	const struct document *document;
	struct str attributes;
};

static MAY_PARK const struct err *
attributes_tx(struct tx *tx, void *arg)
{
	const struct change *change = arg;

	const struct err *err =
		tx_exec(tx, &stmt_document_set_attributes, PARAMS(V_INT(change->tenant), V_INT(change->document->row), V_TEXT(change->attributes)), NULL);

	return err ? err : search_note_change(tx, change->document->collection_row);
}

const struct err *
document_set_attributes(struct knowledge *k, struct arena *arena, int64_t tenant, struct str collection, struct str key, struct str attributes, struct document *out)
{
	struct change change = { .tenant = tenant, .document = out, .attributes = attributes };
	const struct err *err = document_get(k, arena, tenant, collection, key, out);

	if (!err)
		err = store_tx(k->store, arena, attributes_tx, &change);
	if (!err)
		out->attributes = attributes;
	return err;
}

const struct err *
document_drop(struct tx *tx, int64_t document, int64_t collection, int64_t current_version)
{
	const struct err *err = tx_exec(tx, &stmt_document_mark_deleted, PARAMS(V_INT(document), V_INT(clock_wall_us())), NULL);

	return err || !current_version ? err : search_drop(tx, collection, current_version);
}

static MAY_PARK const struct err *
delete_tx(struct tx *tx, void *arg)
{
	const struct change *change = arg;
	struct rows rows;
	/* Which version is current is asked again here: it may have changed since the document was found. */
	const struct err *err = tx_exec(tx, &stmt_document_get_current, PARAMS(V_INT(change->document->row)), &rows);

	if (!err && rows.count)
		err = document_drop(tx, change->document->row, change->document->collection_row, rows_int(&rows, 0, 0));
	return err ? err : work_notify(tx);
}

const struct err *
document_delete(struct knowledge *k, struct arena *arena, int64_t tenant, struct str collection, struct str key)
{
	struct document document;
	const struct err *err = document_get(k, arena, tenant, collection, key, &document);

	return err ? err : store_tx(k->store, arena, delete_tx, &(struct change){ .tenant = tenant, .document = &document });
}
