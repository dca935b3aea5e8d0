/*
 * search.c - one search, from a question to its passages.
 *
 * Read search_run: which chunks a filter allows; both sides' candidates at the same time; one ranking of them; the rows of the best. The indexes hold what is current, and
 * the rows are read after them and checked again, so that what was deleted meanwhile is not shown.
 */
#include "knowledge/search.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "infer/embed.h"
#include "json/json.h"
#include "knowledge/filter.h"
#include "knowledge/fuse.h"
#include "knowledge/search_sql.h"
#include "knowledge/vectors.h"
#include "knowledge/words.h"
#include "rt/group.h"
#include "rt/pool.h"

#define SIDE_BYTES_MAX MIB(256)
enum { THREADS_MAX = 16, JOBS_MAX = 4096, LIMIT_MAX = 50, DEPTH = 200, DEPTH_MAX = 1000, EXPLAINED = 50, HITS_A_READ = 32 };

struct search {
	struct store *store;
	struct embedder *embedder; /* or NULL */
	struct pool *pool;
	struct vectors *vectors;
};

const struct err *
search_open(struct store *store, struct embedder *embedder, struct arena *arena, struct search **out)
{
	struct search *search = arena_zalloc(arena, sizeof(*search));
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;
	const struct err *err;

	if (!search)
		return &err_no_memory;
	search->store = store;
	search->embedder = embedder;
	search->pool = pool_new("search", threads, JOBS_MAX);
	err = vectors_open(store, search->pool, threads, arena, &search->vectors);
	if (err)
		pool_free(search->pool);
	else
		*out = search;
	return err;
}

void
search_close(struct search *search)
{
	pool_free(search->pool);
	vectors_close(search->vectors);
}

/* ---- what a filter allows ---- */

struct allowed {
	struct id_set versions, chunks; /* lists NULL: no filter */
};

struct filtering {
	const struct json *filter;
	const struct rows *documents;
	int64_t *versions;
	size_t count;
	const struct err *err;
};

static void
filter_documents(void *arg)
{
	struct filtering *filtering = arg;
	struct arena *scratch = arena_new(MIB(4));

	for (size_t i = 0; i < filtering->documents->count && !filtering->err; i++) {
		const struct json *attributes;

		arena_reset(scratch);
		if (json_parse(scratch, rows_text(filtering->documents, i, 1), &attributes))
			filtering->err = &err_internal; /* we wrote them */
		else if (filter_matches(filtering->filter, attributes))
			filtering->versions[filtering->count++] = rows_int(filtering->documents, i, 0);
	}
	arena_free(scratch);
}

static MAY_PARK const struct err *
allow_chunks(struct search *search, struct arena *arena, struct allowed *allowed)
{
	struct str json;
	struct rows rows;
	int64_t *chunks;
	const struct err *err = ids_json(arena, allowed->versions.list, allowed->versions.count, &json);

	if (!err)
		err = store_query(search->store, arena, &stmt_search_chunks_of, PARAMS(V_TEXT(json)), &rows);
	if (err)
		return err;
	chunks = arena_array(arena, rows.count, sizeof(*chunks));
	for (size_t i = 0; chunks && i < rows.count; i++)
		chunks[i] = rows_int(&rows, i, 0);
	allowed->chunks = (struct id_set){ chunks, rows.count };
	return chunks ? NULL : &err_no_memory;
}

static MAY_PARK const struct err *
allow(struct search *search, struct arena *arena, const struct query *query, struct allowed *allowed)
{
	struct rows documents;
	struct filtering filtering = { .filter = query->filter, .documents = &documents };
	const struct err *err;

	*allowed = (struct allowed){ 0 };
	if (!query->filter)
		return NULL;
	err = filter_check(arena, query->filter);
	if (!err)
		err = store_query(search->store, arena, &stmt_search_documents, PARAMS(V_INT(query->tenant), V_INT(query->collection)), &documents);
	if (err)
		return err;
	filtering.versions = arena_array(arena, documents.count, sizeof(*filtering.versions));
	if (!filtering.versions)
		return &err_no_memory;
	err = offload(search->pool, filter_documents, &filtering);
	err = err ? err : filtering.err;
	if (err)
		return err;
	allowed->versions = (struct id_set){ filtering.versions, filtering.count };
	return allow_chunks(search, arena, allowed);
}

/* ---- the two sides ---- */

/* Both sides run at once; each has an arena of its own, since threads work in it. */
struct sides {
	struct search *search;
	const struct query *query;
	const struct allowed *allowed;
	size_t depth;
	struct arena *words_arena, *vectors_arena;
	struct words_hits words;
	struct vector_hits vectors;
	bool vectors_searched;
};

static MAY_PARK const struct err *
run_words(void *arg)
{
	struct sides *sides = arg;

	return words_search(sides->search->store, sides->search->pool, sides->words_arena, sides->query->collection, sides->query->text, sides->allowed->chunks,
		sides->depth, &sides->words);
}

/* Whether words alone are a better answer than the error: the model fails, not the request. */
static bool
goes_on_without(const struct err *err)
{
	return err->kind == ERR_UNAVAILABLE || err->kind == ERR_UPSTREAM || err->kind == ERR_BUSY || err->kind == ERR_RATE_LIMITED ||
		err->kind == ERR_INTERNAL;
}

static MAY_PARK const struct err *
question_vector(struct sides *sides, const float **vector)
{
	struct embedder *embedder = sides->search->embedder;
	const struct err *err = embedder_prepare(embedder, sides->vectors_arena);
	float *made = err ? NULL : arena_array(sides->vectors_arena, embedder_dimensions(embedder), sizeof(*made));

	if (!err)
		err = made ? embed(embedder, sides->vectors_arena, EMBED_INTERACTIVE, &sides->query->text, 1, made, NULL) : &err_no_memory;
	*vector = made;
	return err;
}

static MAY_PARK const struct err *
run_vectors(void *arg)
{
	struct sides *sides = arg;
	struct search *search = sides->search;
	struct vector_query query = { .collection = sides->query->collection,
		.generation = sides->query->generation,
		.vector = sides->query->vector,
		.versions = sides->allowed->versions,
		.chunks = sides->allowed->chunks.count,
		.depth = sides->depth };
	const struct err *err = query.vector ? embedder_prepare(search->embedder, sides->vectors_arena) : question_vector(sides, &query.vector);

	if (err)
		return goes_on_without(err) && sides->query->fusion != FUSION_VECTORS ? NULL : err;
	query.model = embedder_model(search->embedder);
	query.dimensions = embedder_dimensions(search->embedder);
	err = vectors_search(search->vectors, sides->vectors_arena, &query, &sides->vectors);
	sides->vectors_searched = !err && sides->vectors.vectors > 0;
	return err;
}

static MAY_PARK const struct err *
run_sides(struct sides *sides)
{
	struct group group;
	const struct err *err = NULL, *failed;

	group_open(&group);
	if (sides->query->fusion != FUSION_VECTORS)
		err = group_go(&group, "search words", run_words, sides);
	if (!err && sides->query->fusion != FUSION_WORDS && sides->search->embedder)
		err = group_go(&group, "search vectors", run_vectors, sides);
	if (err)
		group_cancel(&group, err);
	failed = group_wait(&group);
	return err ? err : failed;
}

/* Of the vectors' weight, a collection that is still being embedded has the part that is there. */
static double
weight_of(const struct query *query, const struct sides *sides, double share)
{
	if (!sides->vectors_searched || query->fusion == FUSION_WORDS)
		return 0;
	if (query->fusion == FUSION_AUTO)
		return fuse_weight(query->text) * share;
	return query->fusion == FUSION_VECTORS ? 1 : query->fusion == FUSION_RRF ? 0.5 : query->vector_weight;
}

static MAY_PARK const struct err *
candidates(struct search *search, struct arena *arena, const struct query *query, const struct allowed *allowed, struct hits *hits, struct fused **out, size_t *count)
{
	struct sides sides = { .search = search, .query = query, .allowed = allowed, .depth = query->depth ? query->depth : DEPTH };
	const struct err *err;

	sides.depth = sides.depth < DEPTH_MAX ? sides.depth : DEPTH_MAX;
	sides.words_arena = arena_new(SIDE_BYTES_MAX);
	sides.vectors_arena = arena_new(SIDE_BYTES_MAX);
	err = run_sides(&sides);
	if (err) {
		err = err_copy(arena, err);
	} else {
		const struct fuse_side words = { sides.words.list, sides.words.count, sides.words.most };
		const struct fuse_side vectors = { sides.vectors.list, sides.vectors.count, 1 };

		hits->words_only = !sides.vectors_searched;
		hits->vectors_share = sides.words.chunks > 0 ? fmin((double)sides.vectors.vectors / sides.words.chunks, 1) : sides.vectors_searched;
		hits->vector_weight = weight_of(query, &sides, hits->vectors_share);
		*out = fuse(arena, query->fusion, hits->vector_weight, &words, &vectors, count);
		err = *out ? NULL : &err_no_memory;
	}
	arena_free(sides.words_arena);
	arena_free(sides.vectors_arena);
	return err;
}

/* ---- hits ---- */

/* The hits so far, and the rows that were read ahead for the next candidates. */
struct listing {
	struct search *search;
	struct arena *arena;
	const struct query *query;
	struct hits *hits;
	size_t room, shown;         /* of hits; of them, not dropped */
	const struct fused *list;
	size_t count, read;         /* candidates; of them, rows asked for */
	struct rows rows;
};

static MAY_PARK const struct err *
rows_read(struct listing *listing)
{
	int64_t ids[HITS_A_READ];
	struct str json;
	size_t count = 0;
	const struct err *err;

	for (; count < HITS_A_READ && listing->read < listing->count; listing->read++)
		ids[count++] = listing->list[listing->read].chunk;
	err = ids_json(listing->arena, ids, count, &json);
	return err ? err
		   : store_query(listing->search->store, listing->arena, &stmt_search_hits, PARAMS(V_TEXT(json), V_INT(listing->query->tenant)), &listing->rows);
}

static size_t
row_of(const struct rows *rows, int64_t chunk)
{
	size_t row = 0;

	while (row < rows->count && rows_int(rows, row, 0) != chunk)
		row++;
	return row;
}

static void
hit_fill(struct hit *hit, const struct rows *rows, size_t row, const struct fused *fused)
{
	*hit = (struct hit){ .chunk = fused->chunk,
		.document = rows_int(rows, row, 1),
		.version = rows_int(rows, row, 2),
		.ordinal = (unsigned)rows_int(rows, row, 3),
		.document_id = rows_text(rows, row, 4),
		.version_id = rows_text(rows, row, 5),
		.file_id = rows_text(rows, row, 6),
		.path = rows_text(rows, row, 7),
		.title = rows_text(rows, row, 8),
		.heading_path = rows_text(rows, row, 9),
		.text = rows_text(rows, row, 10),
		.attributes = rows_text(rows, row, 11),
		.page = (unsigned)rows_int(rows, row, 12),
		.byte_from = rows_int(rows, row, 13),
		.byte_to = rows_int(rows, row, 14),
		.score = fused->score,
		.words_score = fused->words_score,
		.vector_score = fused->vector_score,
		.words_rank = fused->words_rank,
		.vector_rank = fused->vector_rank,
		.dropped = STR_EMPTY };
}

static struct str
why_dropped(const struct listing *listing, const struct hit *hit)
{
	const struct hits *hits = listing->hits;

	if (hit->score < listing->query->score_min)
		return STR("score");
	for (size_t i = 0; listing->query->by_document && i < hits->count; i++)
		if (hits->list[i].document == hit->document && hits->list[i].dropped.len == 0)
			return STR("duplicate");
	return listing->shown == listing->query->limit ? STR("limit") : STR_EMPTY;
}

static bool
listing_full(const struct listing *listing)
{
	return listing->hits->count == listing->room || (!listing->query->explain && listing->shown == listing->query->limit);
}

/* Goes through the candidates from the best on. With `dropped`, all of them are left out for that reason, as explain wants to see. */
static MAY_PARK const struct err *
list_hits(struct listing *listing, const struct fused *list, size_t count, struct str dropped)
{
	const struct err *err = NULL;

	listing->list = list;
	listing->count = count;
	listing->read = 0;
	for (size_t i = 0; i < count && !listing_full(listing); i++) {
		struct hit hit;
		size_t row;

		if (i == listing->read)
			err = rows_read(listing);
		if (err)
			return err;
		row = row_of(&listing->rows, list[i].chunk);
		if (row == listing->rows.count)
			continue; /* gone meanwhile */
		hit_fill(&hit, &listing->rows, row, &list[i]);
		hit.dropped = dropped.len ? dropped : why_dropped(listing, &hit);
		listing->shown += hit.dropped.len == 0;
		if (hit.dropped.len == 0 || listing->query->explain)
			listing->hits->list[listing->hits->count++] = hit;
	}
	return NULL;
}

/* What the filter kept out: the candidates without it that it does not allow. */
static MAY_PARK const struct err *
explain_filter(struct listing *listing, const struct allowed *allowed)
{
	static const struct allowed all = { 0 };
	struct hits unused = { 0 };
	struct fused *list;
	size_t count = 0, kept = 0;
	const struct err *err = candidates(listing->search, listing->arena, listing->query, &all, &unused, &list, &count);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		if (!id_allowed(&allowed->chunks, list[i].chunk))
			list[kept++] = list[i];
	listing->room += EXPLAINED;
	return list_hits(listing, list, kept, STR("filter"));
}

const struct err *
search_run(struct search *search, struct arena *arena, const struct query *query, struct hits *out)
{
	struct listing listing = { .search = search, .arena = arena, .query = query, .hits = out };
	struct allowed allowed;
	struct fused *list = NULL;
	size_t count = 0;
	const struct err *err;

	*out = (struct hits){ 0 };
	if (query->limit < 1 || query->limit > LIMIT_MAX)
		return err_param(arena, ERR_INVALID, "max_num_results", NULL, "the number of results is between 1 and %d", LIMIT_MAX);
	listing.room = query->limit + (query->explain ? EXPLAINED : 0);
	out->list = arena_array(arena, listing.room + EXPLAINED, sizeof(*out->list));
	if (!out->list)
		return &err_no_memory;
	err = allow(search, arena, query, &allowed);
	if (!err)
		err = candidates(search, arena, query, &allowed, out, &list, &count);
	if (!err)
		err = list_hits(&listing, list, count, STR_EMPTY);
	if (!err && query->explain && query->filter)
		err = explain_filter(&listing, &allowed);
	return err;
}

/* ---- writing ---- */

const struct err *
search_note_change(struct tx *tx, int64_t collection)
{
	return tx_send(tx, &stmt_search_changed, PARAMS(V_INT(collection)));
}

const struct err *
search_words_add(struct tx *tx, int64_t collection, int64_t version)
{
	const struct err *err = search_note_change(tx, collection);

	return err ? err : words_add(tx, collection, version);
}

const struct err *
search_vectors_add(struct tx *tx, int64_t collection, int64_t version, const int64_t *chunks, const float *vectors, size_t count, unsigned dimensions, struct str model)
{
	const struct err *err = search_note_change(tx, collection);

	return err ? err : vectors_add(tx, collection, version, chunks, vectors, count, dimensions, model);
}

const struct err *
search_drop(struct tx *tx, int64_t collection, int64_t version)
{
	const struct err *err = search_note_change(tx, collection);

	if (!err)
		err = words_remove(tx, collection, version);
	return err ? err : vectors_remove(tx, collection, version);
}

void
search_vectors_changed(struct search *search, int64_t collection)
{
	vectors_changed(search->vectors, collection);
}
