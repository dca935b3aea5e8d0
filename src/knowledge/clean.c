/*
 * clean.c - the fiber that removes rows behind deletions, expired things and unfinished uploads, in steps small enough for the writer to serve others between them.
 *
 * What it removes nobody sees any more: deletion itself is one commit (document.c, collection.c).
 */
#include "base/log.h"
#include "knowledge/inside.h"

#define IDLE_US (60 * USEC_PER_SEC)
#define PAUSE_US (2 * USEC_PER_MS)
#define UPLOAD_US (3600 * USEC_PER_SEC)
enum { CHUNKS_A_STEP = 200, DOCUMENTS_A_STEP = 20, PIECES_A_STEP = 4 };

struct step {
	bool worked;
};

/* Takes a deleted collection's documents out of search; when their rows are gone too, the collection. */
static MAY_PARK const struct err *
collection_step(struct tx *tx, struct step *step)
{
	struct rows rows, documents;
	const struct err *err = tx_exec(tx, &stmt_collection_deleted_next, NO_PARAMS, &rows);
	int64_t collection;

	if (err || rows.count == 0)
		return err;
	collection = rows_int(&rows, 0, 0);
	err = tx_exec(tx, &stmt_document_of_collection_next, PARAMS(V_INT(collection), V_INT(DOCUMENTS_A_STEP)), &documents);
	for (size_t i = 0; !err && i < documents.count; i++)
		err = document_drop(tx, rows_int(&documents, i, 0), collection, rows_int(&documents, i, 1));
	if (err || documents.count) {
		step->worked = true;
		return err;
	}
	err = tx_exec(tx, &stmt_document_of_collection_any, PARAMS(V_INT(collection)), &rows);
	if (err || rows.count) /* document_step is at them */
		return err;
	step->worked = true;
	err = tx_exec(tx, &stmt_file_batch_delete_of, PARAMS(V_INT(collection)), NULL);
	return err ? err : tx_exec(tx, &stmt_collection_delete, PARAMS(V_INT(collection)), NULL);
}

/* Some chunks of a deleted document; or a version without chunks; or the document without versions. */
static MAY_PARK const struct err *
document_step(struct tx *tx, struct step *step)
{
	struct rows document, version, chunks;
	const struct err *err = tx_exec(tx, &stmt_document_deleted_next, NO_PARAMS, &document);

	if (err || document.count == 0)
		return err;
	step->worked = true;
	err = tx_exec(tx, &stmt_version_of_document_next, PARAMS(V_INT(rows_int(&document, 0, 1)), V_INT(rows_int(&document, 0, 0))), &version);
	if (err)
		return err;
	if (version.count == 0)
		return tx_exec(tx, &stmt_document_delete, PARAMS(V_INT(rows_int(&document, 0, 0))), NULL);
	err = tx_exec(tx, &stmt_chunk_delete_some, PARAMS(V_INT(rows_int(&document, 0, 1)), V_INT(rows_int(&version, 0, 0)), V_INT(CHUNKS_A_STEP)), &chunks);
	if (err || chunks.changed)
		return err;
	err = tx_exec(tx, &stmt_version_delete, PARAMS(V_INT(rows_int(&version, 0, 0))), NULL);
	return err ? err : content_forget(tx, rows_int(&version, 0, 1));
}

static MAY_PARK const struct err *
content_step(struct tx *tx, struct step *step)
{
	struct rows content, pieces;
	const struct err *err = tx_exec(tx, &stmt_content_unfinished, PARAMS(V_INT(clock_wall_us() - UPLOAD_US)), &content);

	if (err || content.count == 0)
		return err;
	step->worked = true;
	err = tx_exec(tx, &stmt_content_piece_delete_some, PARAMS(V_INT(rows_int(&content, 0, 0)), V_INT(PIECES_A_STEP)), &pieces);
	return err || pieces.changed ? err : tx_exec(tx, &stmt_content_delete, PARAMS(V_INT(rows_int(&content, 0, 0))), NULL);
}

static MAY_PARK const struct err *
step_tx(struct tx *tx, void *arg)
{
	struct step *step = arg;
	const struct err *err;

	step->worked = false;
	err = collection_step(tx, step);
	if (!err)
		err = document_step(tx, step);
	return err ? err : content_step(tx, step);
}

/* Files and collections whose time is over are deleted as if by their owner. */
static MAY_PARK const struct err *
expire(struct knowledge *k, struct arena *arena)
{
	struct rows files, collections;
	const struct err *err = store_query(k->store, arena, &stmt_file_expired, PARAMS(V_INT(clock_wall_us())), &files);

	for (size_t i = 0; !err && i < files.count; i++)
		err = file_delete(k, arena, rows_int(&files, i, 0), rows_text(&files, i, 1));
	if (!err)
		err = store_query(k->store, arena, &stmt_collection_expired, PARAMS(V_INT(clock_wall_us())), &collections);
	for (size_t i = 0; !err && i < collections.count; i++)
		err = collection_delete(k, arena, rows_int(&collections, i, 1), rows_text(&collections, i, 2));
	return err;
}

/* Looks before it begins a transaction: an idle server writes nothing. */
static MAY_PARK const struct err *
clean_turn(struct knowledge *k, struct arena *arena, bool *worked)
{
	struct step step = { 0 };
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_clean_waiting, PARAMS(V_INT(clock_wall_us() - UPLOAD_US)), &rows);

	if (!err && rows.count)
		err = store_tx(k->store, arena, step_tx, &step);
	*worked = step.worked;
	return err;
}

void
clean_run(void *arg)
{
	struct knowledge *k = arg;
	const struct err *err;
	bool worked = false;

	while (!scope_check()) {
		struct arena *arena = arena_new(MIB(16));

		err = worked ? NULL : expire(k, arena);
		if (!err)
			err = clean_turn(k, arena, &worked);
		if (err && err->kind != ERR_CANCELLED)
			log_warn("cleaning up must wait", LOG_ERR("why", err));
		arena_free(arena);
		if (worked && !err)
			(void)fiber_sleep_us(PAUSE_US);
		else
			(void)bell_wait(&k->deleted, IDLE_US);
	}
}
