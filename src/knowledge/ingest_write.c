/*
 * ingest_write.c - a version's chunks to the database.
 *
 * On SQLite there is one writer for the whole process, so a large document is written in steps that leave room for others. Its chunks mean nothing until the last
 * commit, which indexes the words, takes the version before out of the indexes and makes this one the document's current one.
 */
#include "base/fault.h"
#include "knowledge/ingest.h"

enum { CHUNKS_A_STEP = 200 };

FAULT(ingest_write);

struct step {
	const struct ingest *ingest;
	size_t first, end;
	bool more;
};

static MAY_PARK const struct err *
clear_tx(struct tx *tx, void *arg)
{
	struct step *step = arg;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_chunk_delete_some, PARAMS(V_INT(step->ingest->tenant), V_INT(step->ingest->version), V_INT(CHUNKS_A_STEP)), &rows);

	step->more = !err && rows.changed == CHUNKS_A_STEP;
	return err;
}

static MAY_PARK const struct err *
chunks_insert(struct tx *tx, const struct step *step)
{
	const struct ingest *ingest = step->ingest;
	const struct err *err = NULL;

	for (size_t i = step->first; !err && i < step->end; i++) {
		const struct chunk *chunk = &ingest->chunks[i];

		err = tx_exec(tx, &stmt_chunk_insert,
			PARAMS(V_INT(ingest->tenant), V_INT(ingest->collection), V_INT(ingest->version), V_INT(i), V_TEXT(chunk->heading_path), V_TEXT(chunk->anchor),
				V_INT(chunk->page), V_INT(chunk->from), V_INT(chunk->to), V_INT(chunk->tokens),
				V_BLOB(str_n((const char *)ingest->hashes[i], sizeof(ingest->hashes[i]))), V_TEXT(chunk->text)),
			NULL);
	}
	return err;
}

static MAY_PARK const struct err *
insert_tx(struct tx *tx, void *arg)
{
	return chunks_insert(tx, arg);
}

/* The document's label moves on, and the indexes with it. */
static MAY_PARK const struct err *
make_current(struct tx *tx, const struct ingest *ingest, int64_t current)
{
	const struct err *err = NULL;

	if (current)
		err = search_drop(tx, ingest->collection, current);
	if (!err)
		err = tx_exec(tx, &stmt_document_set_current, PARAMS(V_INT(ingest->document), V_INT(ingest->version)), NULL);
	return err ? err : search_words_add(tx, ingest->collection, ingest->version);
}

static MAY_PARK const struct err *
finish_tx(struct tx *tx, void *arg)
{
	const struct step *step = arg;
	const struct ingest *ingest = step->ingest;
	struct rows document, changed;
	const struct err *err = tx_exec(tx, &stmt_document_get_current, PARAMS(V_INT(ingest->document)), &document);

	if (err || document.count == 0) /* deleted meanwhile: the rows go with it */
		return err;
	if (rows_int(&document, 0, 0) > ingest->version)
		return tx_exec(tx, &stmt_version_set_replaced, PARAMS(V_INT(ingest->version)), NULL);
	err = tx_exec(tx, &stmt_version_set_words,
		PARAMS(V_INT(ingest->version), V_TEXT(ingest->title), V_TEXT(str_of(ingest->content_type)), V_INT(ingest->count)), &changed);
	if (err || changed.changed == 0) /* cancelled meanwhile */
		return err;
	err = chunks_insert(tx, step);
	if (!err)
		err = make_current(tx, ingest, rows_int(&document, 0, 0));
	if (!err && ingest->count == 0)
		err = tx_exec(tx, &stmt_version_set_ready, PARAMS(V_INT(ingest->version)), NULL);
	return err ? err : work_notify(tx);
}

const struct err *
ingest_write(struct ingest *ingest)
{
	struct store *store = ingest->knowledge->store;
	struct step step = { .ingest = ingest, .more = ingest->attempts > 1 };
	const struct err *err = NULL;

	/* What an attempt that did not end left behind. */
	while (step.more && !err)
		err = store_tx(store, ingest->arena, clear_tx, &step);
	while (!err && ingest->count - step.first > CHUNKS_A_STEP) {
		step.end = step.first + CHUNKS_A_STEP;
		err = store_tx(store, ingest->arena, insert_tx, &step);
		step.first = step.end;
	}
	step.end = ingest->count;
	if (!err && fault_hit(&fault_ingest_write))
		err = &err_internal;
	return err ? err : store_tx(store, ingest->arena, finish_tx, &step);
}
