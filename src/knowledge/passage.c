/*
 * passage.c - the text behind a citation: of any version, whether it is searched or not, as long as its document is there. See knowledge.h.
 */
#include "knowledge/inside.h"

enum { VERSION_ROW, VERSION_DOCUMENT, VERSION_ID, VERSION_PATH, VERSION_TITLE, VERSION_NUMBER, VERSION_CURRENT, VERSION_CHUNKS };
enum { CHUNK_ORDINAL, CHUNK_HEADING_PATH, CHUNK_ANCHOR, CHUNK_PAGE, CHUNK_TEXT };

const struct err *
passage_get(struct knowledge *k, struct arena *arena, int64_t tenant, struct str version_id, unsigned first, unsigned count, struct passage **out, size_t *got)
{
	struct rows version, chunks;
	const struct err *err = store_query(k->store, arena, &stmt_version_passages, PARAMS(V_INT(tenant), V_TEXT(version_id)), &version);

	if (!err && version.count == 0)
		err = err_param(arena, ERR_NOT_FOUND, NULL, "not_found", "there is no document version '%" STR_F "'", STR_A(str_slice(version_id, 0, 100)));
	if (!err)
		err = store_query(k->store, arena, &stmt_chunk_page,
			PARAMS(V_INT(tenant), V_INT(rows_int(&version, 0, VERSION_ROW)), V_INT(first), V_INT((int64_t)first + count)), &chunks);
	if (err)
		return err;
	*got = chunks.count;
	*out = arena_array(arena, chunks.count, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	for (size_t i = 0; i < chunks.count; i++)
		(*out)[i] = (struct passage){
			.document_id = rows_text(&version, 0, VERSION_DOCUMENT),
			.version_id = rows_text(&version, 0, VERSION_ID),
			.path = rows_text(&version, 0, VERSION_PATH),
			.title = rows_text(&version, 0, VERSION_TITLE),
			.version = (unsigned)rows_int(&version, 0, VERSION_NUMBER),
			.current = rows_int(&version, 0, VERSION_CURRENT),
			.chunks = (unsigned)rows_int(&version, 0, VERSION_CHUNKS),
			.ordinal = (unsigned)rows_int(&chunks, i, CHUNK_ORDINAL),
			.heading_path = rows_text(&chunks, i, CHUNK_HEADING_PATH),
			.anchor = rows_text(&chunks, i, CHUNK_ANCHOR),
			.page = (unsigned)rows_int(&chunks, i, CHUNK_PAGE),
			.text = rows_text(&chunks, i, CHUNK_TEXT),
		};
	return NULL;
}
