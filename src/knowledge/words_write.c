/*
 * words_write.c - putting chunks into the index of words, and taking them out.
 *
 * Both read the chunks a slice at a time, so that memory is bounded whatever a version's size, and turn them into terms with their cells. Adding makes one segment of a
 * slice. A write to many small rows all over a large index would touch as many pages; a segment's rows lie together, and merging moves each cell only once a tier.
 * Removing looks for the same terms in the segments that may have the chunks, and writes back what is left of their cells.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "json/json.h"
#include "knowledge/search_sql.h"
#include "knowledge/words.h"
#include "text/terms.h"

enum { SLICE_CHUNKS = 1024, TIER_SEGMENTS = 8, TIER_MAX = 4, FIELD_TEXT = 0, FIELD_PATH, FIELDS };
#define SLICE_BYTES_MAX MIB(256)

/* A term of the slice. */
struct entry {
	struct entry *touched;    /* the next one that stands in the chunk being read */
	struct str term;
	struct buf cells;
	unsigned weights[FIELDS]; /* in the chunk being read */
};

struct slice_chunk {
	int64_t id;
	unsigned lengths[FIELDS];
	bool removed;             /* found in the segment being written */
};

struct slice {
	struct arena *arena;
	struct map terms;
	struct entry **entries;   /* by term, once it is complete */
	size_t count;
	struct slice_chunk *chunks;
	size_t chunk_count;       /* of those that have a term at all */
	bool last;                /* the version has no chunks behind it */
	struct entry *touched;
	unsigned field;
	bool full;                /* the arena's cap */
};

static void
take_term(void *arg, struct str term, bool part)
{
	struct slice *slice = arg;
	struct entry *entry = map_get(&slice->terms, term);

	if (!entry) {
		entry = arena_zalloc(slice->arena, sizeof(*entry));
		if (entry)
			entry->term = arena_dup(slice->arena, term);
		if (!entry || !entry->term.ptr) {
			slice->full = true;
			return;
		}
		buf_init(&entry->cells, slice->arena, SLICE_CHUNKS * sizeof(bm25_cell));
		map_put(&slice->terms, entry->term, entry);
	}
	if (entry->weights[FIELD_TEXT] + entry->weights[FIELD_PATH] == 0) {
		entry->touched = slice->touched;
		slice->touched = entry;
	}
	entry->weights[slice->field] += part ? BM25_PART : BM25_WHOLE;
	slice->chunks[slice->chunk_count].lengths[slice->field] += !part;
}

static void
cell_add(struct buf *cells, bm25_cell cell)
{
	char bytes[sizeof(cell)];

	for (size_t i = 0; i < sizeof(cell); i++)
		bytes[i] = (char)(cell >> 8 * i & 0xff);
	buf_add(cells, str_n(bytes, sizeof(bytes)));
}

static void
read_chunk(struct slice *slice, int64_t id, struct str path, struct str text)
{
	struct slice_chunk *chunk = &slice->chunks[slice->chunk_count];
	struct entry *entry;

	*chunk = (struct slice_chunk){ .id = id };
	slice->field = FIELD_PATH;
	terms_each(path, take_term, slice);
	slice->field = FIELD_TEXT;
	terms_each(text, take_term, slice);
	slice->chunk_count += slice->touched != NULL;
	while ((entry = slice->touched)) {
		slice->touched = entry->touched;
		cell_add(&entry->cells, bm25_pack(id, entry->weights[FIELD_TEXT], chunk->lengths[FIELD_TEXT], entry->weights[FIELD_PATH], chunk->lengths[FIELD_PATH]));
		slice->full = slice->full || buf_err(&entry->cells);
		entry->weights[FIELD_TEXT] = entry->weights[FIELD_PATH] = 0;
	}
}

static int
by_term(const void *x, const void *y)
{
	const struct entry *const *a = x, *const *b = y;

	return str_cmp((*a)->term, (*b)->term);
}

/* The version's chunks from an ordinal on, as terms. */
static MAY_PARK const struct err *
slice_read(struct tx *tx, int64_t version, int64_t ordinal, struct slice *slice)
{
	const struct map_entry *entry;
	struct rows rows;
	const struct err *err =
		tx_exec(tx, &stmt_words_chunks, PARAMS(V_INT(version), V_INT(ordinal), V_INT(ordinal + SLICE_CHUNKS)), &rows);

	if (err)
		return err;
	slice->last = rows.count < SLICE_CHUNKS;
	slice->chunks = arena_array(slice->arena, rows.count + 1, sizeof(*slice->chunks));
	slice->full = !slice->chunks;
	for (size_t i = 0; i < rows.count && !slice->full; i++) {
		assert(rows_int(&rows, i, 0) > 0 && rows_int(&rows, i, 0) < BM25_CHUNK_MAX);
		read_chunk(slice, rows_int(&rows, i, 0), rows_text(&rows, i, 1), rows_text(&rows, i, 2));
	}
	slice->entries = arena_array(slice->arena, slice->terms.used + 1, sizeof(struct entry *));
	if (slice->full || !slice->entries)
		return &err_no_memory;
	for (size_t i = 0; (entry = map_next(&slice->terms, &i));)
		slice->entries[slice->count++] = entry->value;
	qsort(slice->entries, slice->count, sizeof(struct entry *), by_term);
	return NULL;
}

/* ---- writing postings ---- */

/* What words_postings_put takes: a list of [term, offset, length], and the cells. */
struct postings {
	struct buf list, cells;
	struct json_out out;
};

static void
postings_init(struct postings *postings, struct arena *arena)
{
	buf_init(&postings->list, arena, SLICE_BYTES_MAX);
	buf_init(&postings->cells, arena, SLICE_BYTES_MAX);
	json_out_init(&postings->out, &postings->list);
	json_begin_array(&postings->out);
}

static void
postings_add(struct postings *postings, struct str term, struct str cells)
{
	json_begin_array(&postings->out);
	json_put_string(&postings->out, term);
	json_put_int(&postings->out, (int64_t)postings->cells.len);
	json_put_int(&postings->out, (int64_t)cells.len);
	json_end_array(&postings->out);
	buf_add(&postings->cells, cells);
}

static MAY_PARK const struct err *
postings_put(struct tx *tx, struct postings *postings, int64_t segment)
{
	json_end_array(&postings->out);
	if (buf_err(&postings->list) || buf_err(&postings->cells))
		return &err_no_memory;
	if (postings->cells.len == 0)
		return NULL;
	return tx_exec(tx, &stmt_words_postings_put,
		PARAMS(V_INT(segment), V_TEXT(buf_str(&postings->list)), V_BLOB(buf_str(&postings->cells))), NULL);
}

/* ---- adding ---- */

static int64_t
tier_of(size_t chunks)
{
	int64_t tier = 0;

	for (; chunks >= TIER_SEGMENTS && tier < TIER_MAX; chunks /= TIER_SEGMENTS)
		tier++;
	return tier;
}

static MAY_PARK const struct err *
segment_write(struct tx *tx, int64_t collection, const struct slice *slice)
{
	int64_t first = INT64_MAX, last = 0, sums[FIELDS] = { 0, 0 };
	struct postings postings;
	struct rows rows;
	const struct err *err;

	for (size_t i = 0; i < slice->chunk_count; i++) {
		const struct slice_chunk *chunk = &slice->chunks[i];

		first = chunk->id < first ? chunk->id : first;
		last = chunk->id > last ? chunk->id : last;
		sums[FIELD_TEXT] += chunk->lengths[FIELD_TEXT];
		sums[FIELD_PATH] += chunk->lengths[FIELD_PATH];
	}
	err = tx_exec(tx, &stmt_words_segment_insert,
		PARAMS(V_INT(collection), V_INT(tier_of(slice->chunk_count)), V_INT(slice->chunk_count), V_INT(sums[FIELD_TEXT]), V_INT(sums[FIELD_PATH]),
			V_INT(first), V_INT(last)),
		&rows);
	if (err)
		return err;
	postings_init(&postings, slice->arena);
	for (size_t i = 0; i < slice->count; i++)
		postings_add(&postings, slice->entries[i]->term, buf_str(&slice->entries[i]->cells));
	return postings_put(tx, &postings, rows_int(&rows, 0, 0));
}

/* A tier's segments become one of the next tier, once there are enough of them. */
static MAY_PARK const struct err *
tier_merge(struct tx *tx, int64_t collection, int64_t tier, bool *merged)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_words_tier_count, PARAMS(V_INT(collection), V_INT(tier)), &rows);

	*merged = !err && rows_int(&rows, 0, 0) >= TIER_SEGMENTS;
	if (!*merged)
		return err;
	err = tx_exec(tx, &stmt_words_segments_merge, PARAMS(V_INT(collection), V_INT(tier)), &rows);
	if (!err)
		err = tx_exec(tx, &stmt_words_postings_merge, PARAMS(V_INT(collection), V_INT(tier), V_INT(rows_int(&rows, 0, 0))), NULL);
	if (!err)
		err = tx_exec(tx, &stmt_words_tier_postings_delete, PARAMS(V_INT(collection), V_INT(tier)), NULL);
	return err ? err : tx_exec(tx, &stmt_words_tier_delete, PARAMS(V_INT(collection), V_INT(tier)), NULL);
}

static MAY_PARK const struct err *
slice_add(struct tx *tx, int64_t collection, struct slice *slice)
{
	const struct err *err = segment_write(tx, collection, slice);
	bool merged = true;

	for (int64_t tier = tier_of(slice->chunk_count); tier < TIER_MAX && merged && !err; tier++)
		err = tier_merge(tx, collection, tier, &merged);
	return err;
}

/* ---- removing ---- */

static bool
slice_remove_chunk(struct slice *slice, int64_t id)
{
	for (size_t low = 0, high = slice->chunk_count; low < high;) {
		size_t middle = (low + high) / 2;

		if (slice->chunks[middle].id == id)
			return slice->chunks[middle].removed = true;
		if (slice->chunks[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* What is left of a posting's cells without the slice's chunks. */
static struct str
cells_left(struct slice *slice, struct str cells)
{
	char *left = arena_alloc(slice->arena, cells.len);
	size_t len = 0;

	slice->full = slice->full || !left;
	for (size_t at = 0; left && at + sizeof(bm25_cell) <= cells.len; at += sizeof(bm25_cell)) {
		if (slice_remove_chunk(slice, bm25_chunk(bm25_cell_at(cells.ptr + at))))
			continue;
		memcpy(left + len, cells.ptr + at, sizeof(bm25_cell));
		len += sizeof(bm25_cell);
	}
	return str_n(left, len);
}

/* The segment's row without the chunks that were found in it; an empty segment goes. */
static MAY_PARK const struct err *
segment_shrink(struct tx *tx, int64_t segment, const struct slice *slice)
{
	int64_t removed = 0, sums[FIELDS] = { 0, 0 };
	struct rows rows;
	const struct err *err;

	for (size_t i = 0; i < slice->chunk_count; i++) {
		if (!slice->chunks[i].removed)
			continue;
		removed++;
		sums[FIELD_TEXT] += slice->chunks[i].lengths[FIELD_TEXT];
		sums[FIELD_PATH] += slice->chunks[i].lengths[FIELD_PATH];
	}
	if (removed == 0)
		return NULL;
	err = tx_exec(tx, &stmt_words_segment_shrink, PARAMS(V_INT(segment), V_INT(removed), V_INT(sums[FIELD_TEXT]), V_INT(sums[FIELD_PATH])), &rows);
	if (err || rows_int(&rows, 0, 0) > 0)
		return err;
	return tx_exec(tx, &stmt_words_segment_delete, PARAMS(V_INT(segment)), NULL);
}

static MAY_PARK const struct err *
segment_remove(struct tx *tx, int64_t segment, struct slice *slice, struct str terms)
{
	struct postings postings;
	struct json_out gone;
	struct buf gone_list;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_words_postings_of, PARAMS(V_INT(segment), V_TEXT(terms)), &rows);

	if (err)
		return err;
	for (size_t i = 0; i < slice->chunk_count; i++)
		slice->chunks[i].removed = false;
	postings_init(&postings, slice->arena);
	buf_init(&gone_list, slice->arena, SLICE_BYTES_MAX);
	json_out_init(&gone, &gone_list);
	json_begin_array(&gone);
	for (size_t i = 0; i < rows.count; i++) {
		struct str cells = rows_text(&rows, i, 1), left = cells_left(slice, cells);

		if (left.len == 0)
			json_put_string(&gone, rows_text(&rows, i, 0));
		else if (left.len < cells.len)
			postings_add(&postings, rows_text(&rows, i, 0), left);
	}
	json_end_array(&gone);
	if (slice->full || buf_err(&gone_list))
		return &err_no_memory;
	err = tx_exec(tx, &stmt_words_postings_delete, PARAMS(V_INT(segment), V_TEXT(buf_str(&gone_list))), NULL);
	if (!err)
		err = postings_put(tx, &postings, segment);
	return err ? err : segment_shrink(tx, segment, slice);
}

static int
by_id(const void *x, const void *y)
{
	const struct slice_chunk *a = x, *b = y;

	return a->id < b->id ? -1 : a->id > b->id;
}

static MAY_PARK const struct err *
slice_remove(struct tx *tx, int64_t collection, struct slice *slice)
{
	struct json_out out;
	struct buf terms;
	struct rows segments;
	const struct err *err;

	qsort(slice->chunks, slice->chunk_count, sizeof(*slice->chunks), by_id);
	buf_init(&terms, slice->arena, SLICE_BYTES_MAX);
	json_out_init(&out, &terms);
	json_begin_array(&out);
	for (size_t i = 0; i < slice->count; i++)
		json_put_string(&out, slice->entries[i]->term);
	json_end_array(&out);
	if (buf_err(&terms))
		return &err_no_memory;
	err = tx_exec(tx, &stmt_words_segments_between,
		PARAMS(V_INT(collection), V_INT(slice->chunks[0].id), V_INT(slice->chunks[slice->chunk_count - 1].id)), &segments);
	for (size_t i = 0; !err && i < segments.count; i++)
		err = segment_remove(tx, rows_int(&segments, i, 0), slice, buf_str(&terms));
	return err;
}

/* ---- both ---- */

static MAY_PARK const struct err *
each_slice(struct tx *tx, int64_t collection, int64_t version, MAY_PARK const struct err *(*fn)(struct tx *, int64_t collection, struct slice *))
{
	const struct err *err = NULL;
	bool last = false;

	for (int64_t ordinal = 0; !err && !last; ordinal += SLICE_CHUNKS) {
		struct slice slice = { .arena = arena_new(SLICE_BYTES_MAX), .terms = MAP_EMPTY };

		err = slice_read(tx, version, ordinal, &slice);
		last = slice.last;
		if (!err && slice.chunk_count > 0)
			err = fn(tx, collection, &slice);
		map_fini(&slice.terms);
		arena_free(slice.arena);
	}
	return err;
}

const struct err *
words_add(struct tx *tx, int64_t collection, int64_t version)
{
	return each_slice(tx, collection, version, slice_add);
}

const struct err *
words_remove(struct tx *tx, int64_t collection, int64_t version)
{
	return each_slice(tx, collection, version, slice_remove);
}
