/*
 * ingest_write.c - what became of versions, to the database.
 *
 * On SQLite there is one writer for the whole process, so no commit carries more than about CHUNKS_A_STEP chunks: small documents share one, a large one takes
 * several. Its chunks mean nothing until the last of them, which indexes the words, takes the version before out of the indexes and makes this one the
 * document's current one.
 */
#include "base/fault.h"
#include "base/log.h"
#include "base/metric.h"
#include "knowledge/ingest.h"
#include "knowledge/type.h"

enum { CHUNKS_A_STEP = 200 };

FAULT(ingest_write);

static struct metric documents = METRIC_COUNTER("corbel_ingest_documents_total", "Document versions read, by result.", "result");

/* Chunks [first, end) of one version. */
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
insert_tx(struct tx *tx, void *arg)
{
	const struct step *step = arg;
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
finish_cut(struct tx *tx, const struct ingest *ingest)
{
	struct step rest = { .ingest = ingest, .first = (ingest->count ? ingest->count - 1 : 0) / CHUNKS_A_STEP * CHUNKS_A_STEP, .end = ingest->count };
	struct rows document, changed;
	const struct err *err = tx_exec(tx, &stmt_document_get_current, PARAMS(V_INT(ingest->document)), &document);

	if (err || document.count == 0) /* deleted meanwhile: the rows go with it */
		return err;
	if (rows_int(&document, 0, 0) > ingest->version)
		return tx_exec(tx, &stmt_version_set_replaced, PARAMS(V_INT(ingest->version)), NULL);
	err = tx_exec(tx, &stmt_version_set_words,
		PARAMS(V_INT(ingest->version), V_TEXT(ingest->title), V_TEXT(str_of(doc_content_type((enum doc_type)ingest->type))), V_INT(ingest->count)), &changed);
	if (err || changed.changed == 0) /* cancelled meanwhile */
		return err;
	err = insert_tx(tx, &rest);
	if (!err)
		err = make_current(tx, ingest, rows_int(&document, 0, 0));
	return err || ingest->count ? err : tx_exec(tx, &stmt_version_set_ready, PARAMS(V_INT(ingest->version)), NULL);
}

static MAY_PARK const struct err *
finish_one(struct tx *tx, const struct ingest *ingest)
{
	switch (ingest->state) {
	case INGEST_CUT:
		return finish_cut(tx, ingest);
	case INGEST_FAULTY:
		return tx_exec(tx, &stmt_version_fail, PARAMS(V_INT(ingest->version), V_TEXT(str_of(ingest->code)), V_TEXT(ingest->message)), NULL);
	case INGEST_GONE:
		return tx_exec(tx, &stmt_version_set_replaced, PARAMS(V_INT(ingest->version)), NULL);
	default:
		return NULL;
	}
}

static MAY_PARK const struct err *
finish_tx(struct tx *tx, void *arg)
{
	const struct ingest_batch *batch = arg;
	const struct err *err = NULL;

	for (size_t i = 0; i < batch->count && !err; i++)
		err = finish_one(tx, &batch->list[i]);
	return err ? err : work_notify(tx);
}

/* What the last commit has no room for; behind what an attempt that did not end left behind. */
static MAY_PARK const struct err *
write_ahead(struct ingest_batch *batch, const struct ingest *ingest)
{
	struct store *store = batch->knowledge->store;
	struct step step = { .ingest = ingest, .more = ingest->attempts > 1 };
	const struct err *err = NULL;

	while (step.more && !err)
		err = store_tx(store, batch->arena, clear_tx, &step);
	while (!err && ingest->count > step.first + CHUNKS_A_STEP) {
		step.end = step.first + CHUNKS_A_STEP;
		err = store_tx(store, batch->arena, insert_tx, &step);
		step.first = step.end;
	}
	return err;
}

static void
settle(struct ingest *ingest)
{
	metric_add(&documents, 1, str_of(ingest->state == INGEST_FAULTY ? ingest->code : ingest->state == INGEST_GONE ? "replaced" : "ok"));
	if (ingest->state == INGEST_FAULTY)
		log_info("a document could not be read", LOG_STR("path", ingest->path), LOG_STR("code", str_of(ingest->code)), LOG_STR("why", ingest->message));
	ingest->state = INGEST_DONE;
}

const struct err *
ingest_write(struct ingest_batch *batch)
{
	const struct err *err = NULL;
	size_t next;

	for (size_t first = 0; first < batch->count && !err; first = next) {
		struct ingest_batch part = *batch;
		size_t chunks = 0;

		/* As many as one commit can carry, and at least one. */
		for (next = first; next < batch->count && (next == first || chunks + batch->list[next].count <= CHUNKS_A_STEP); next++) {
			chunks += batch->list[next].count;
			if (batch->list[next].state == INGEST_CUT && !err)
				err = write_ahead(batch, &batch->list[next]);
		}
		part.list += first;
		part.count = next - first;
		if (!err && fault_hit(&fault_ingest_write))
			err = &err_internal;
		if (!err)
			err = store_tx(batch->knowledge->store, batch->arena, finish_tx, &part);
		for (size_t i = first; i < next && !err; i++)
			settle(&batch->list[i]);
	}
	return err;
}
