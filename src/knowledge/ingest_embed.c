/*
 * ingest_embed.c - the fibers that turn indexed words into vectors.
 *
 * The model is the slow part, so it must never wait: several of these fibers run, and while one commits its vectors or reads the next texts, the others' texts are
 * with the embedder. A batch takes chunks of as many versions as it needs to be full. A text that was embedded before in its collection, in whatever version,
 * takes that vector: a changed file costs what changed in it.
 *
 * What is local_only is not shown to a hosted provider: before each slice of a version it is asked whether it is, and such a version ends `held`, found by words alone.
 */
#include <stdlib.h>

#include "base/log.h"
#include "infer/embed.h"
#include "knowledge/chunk.h"
#include "knowledge/inside.h"

#define IDLE_US (5 * USEC_PER_SEC)
#define RETRY_US (2 * USEC_PER_SEC)
#define EMBED_ARENA_MAX MIB(64)
enum { VERSIONS_A_TURN = 16, CHUNKS_A_BATCH = 64 };

struct part {                 /* a version's share of a batch */
	int64_t version, tenant, collection;
	size_t first, count;  /* of the batch's chunks */
	bool last;            /* nothing is missing after these */
	bool alive;           /* result: it is still searched */
};

struct batch {
	struct knowledge *knowledge;
	struct arena *arena;
	struct part parts[VERSIONS_A_TURN];
	size_t part_count;
	int64_t chunks[CHUNKS_A_BATCH];
	struct str texts[CHUNKS_A_BATCH], hashes[CHUNKS_A_BATCH];
	size_t count;
	unsigned dimensions;
	float *vectors;       /* CHUNKS_A_BATCH * dimensions */
};

static MAY_PARK const struct err *
part_write(struct tx *tx, const struct batch *batch, struct part *part)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_version_alive, PARAMS(V_INT(part->version)), &rows);

	if (err)
		return err;
	part->alive = rows.count > 0;
	if (!part->alive)
		return tx_exec(tx, &stmt_version_set_replaced, PARAMS(V_INT(part->version)), NULL);
	if (part->count) {
		err = search_vectors_add(tx, part->collection, part->version, batch->chunks + part->first, batch->vectors + part->first * batch->dimensions, part->count,
			batch->dimensions, embedder_model(batch->knowledge->embedder));
		if (!err)
			err = tx_exec(tx, &stmt_version_add_embedded, PARAMS(V_INT(part->version), V_INT(part->count)), NULL);
	}
	return err || !part->last ? err : tx_exec(tx, &stmt_version_set_ready, PARAMS(V_INT(part->version)), NULL);
}

static MAY_PARK const struct err *
batch_tx(struct tx *tx, void *arg)
{
	struct batch *batch = arg;
	const struct err *err = NULL;

	for (size_t i = 0; i < batch->part_count && !err; i++)
		err = part_write(tx, batch, &batch->parts[i]);
	return err;
}

/* Fills in vectors that the collection has already; what is left goes to `wanted`, as indexes of chunks. */
static MAY_PARK const struct err *
vectors_reuse(struct batch *batch, size_t *wanted, size_t *wanted_count)
{
	struct str model = embedder_model(batch->knowledge->embedder);
	size_t size = batch->dimensions * sizeof(float);
	const struct err *err = NULL;

	*wanted_count = 0;
	for (size_t p = 0; p < batch->part_count && !err; p++) {
		const struct part *part = &batch->parts[p];

		for (size_t i = part->first; i < part->first + part->count && !err; i++) {
			struct rows rows;

			err = store_query(batch->knowledge->store, batch->arena, &stmt_vector_by_hash,
				PARAMS(V_INT(part->collection), V_BLOB(batch->hashes[i]), V_TEXT(model)), &rows);
			if (!err && rows.count && rows_text(&rows, 0, 0).len == size)
				memcpy(batch->vectors + i * batch->dimensions, rows_text(&rows, 0, 0).ptr, size);
			else
				wanted[(*wanted_count)++] = i;
		}
	}
	return err;
}

static MAY_PARK const struct err *
vectors_make(struct batch *batch)
{
	size_t wanted[CHUNKS_A_BATCH], count;
	const struct err *err = vectors_reuse(batch, wanted, &count);
	struct str texts[CHUNKS_A_BATCH];
	float *made;

	if (err || count == 0)
		return err;
	made = arena_array(batch->arena, count * batch->dimensions, sizeof(float));
	if (!made)
		return &err_no_memory;
	for (size_t i = 0; i < count; i++)
		texts[i] = batch->texts[wanted[i]];
	err = embed(batch->knowledge->embedder, batch->arena, EMBED_BATCH, texts, count, made, NULL);
	for (size_t i = 0; !err && i < count; i++)
		memcpy(batch->vectors + wanted[i] * batch->dimensions, made + i * batch->dimensions, batch->dimensions * sizeof(float));
	return err;
}

static MAY_PARK const struct err *
batch_flush(struct batch *batch)
{
	const struct err *err = batch->part_count ? vectors_make(batch) : NULL;

	if (!err && batch->part_count)
		err = store_tx(batch->knowledge->store, batch->arena, batch_tx, batch);
	for (size_t i = 0; !err && i < batch->part_count; i++)
		if (batch->parts[i].alive && (i == 0 || batch->parts[i].collection != batch->parts[i - 1].collection))
			search_vectors_changed(batch->knowledge->search, batch->parts[i].collection);
	batch->part_count = 0;
	batch->count = 0;
	return err;
}

/* Appends what is missing of a version from `ordinal` on, as far as the batch has room. */
static MAY_PARK const struct err *
part_add(struct batch *batch, const struct part *version, int64_t *ordinal)
{
	struct part *part = &batch->parts[batch->part_count];
	size_t room = CHUNKS_A_BATCH - batch->count;
	struct rows rows;
	const struct err *err = store_query(batch->knowledge->store, batch->arena, &stmt_chunk_unembedded,
		PARAMS(V_INT(version->tenant), V_INT(version->version), V_INT(*ordinal), V_TEXT(embedder_model(batch->knowledge->embedder)), V_INT(room)), &rows);

	if (err)
		return err;
	*part = *version;
	part->first = batch->count;
	part->count = rows.count;
	part->last = rows.count < room;
	batch->part_count++;
	for (size_t i = 0; i < rows.count; i++) {
		batch->chunks[batch->count] = rows_int(&rows, i, 0);
		batch->texts[batch->count] = chunk_embedded_text(batch->arena, rows_text(&rows, i, 2), rows_text(&rows, i, 3));
		batch->hashes[batch->count] = rows_text(&rows, i, 4);
		if (!batch->texts[batch->count].ptr)
			return &err_no_memory;
		batch->count++;
		*ordinal = rows_int(&rows, i, 1) + 1;
	}
	return NULL;
}

static MAY_PARK const struct err *
hold_tx(struct tx *tx, void *arg)
{
	static const struct str why = STR_INIT("local_only: found by words alone, since the embedding model is at a hosted provider");
	const int64_t *version = arg;

	return tx_exec(tx, &stmt_version_hold, PARAMS(V_INT(*version), V_TEXT(why)), NULL);
}

/* *held: the version's texts must not be embedded, and its row says so. */
static MAY_PARK const struct err *
hold_if_forbidden(struct knowledge *k, struct arena *arena, const struct part *version, bool *held)
{
	int64_t row = version->version;
	const struct err *err = embedding_forbidden(k, arena, version->tenant, version->collection, held);

	return err || !*held ? err : store_tx(k->store, arena, hold_tx, &row);
}

static MAY_PARK const struct err *
versions_embed(struct knowledge *k, const struct part *versions, size_t count)
{
	struct arena *arena = arena_new(EMBED_ARENA_MAX);
	struct batch *batch = mem_zalloc(sizeof(*batch));
	const struct err *err = embedder_prepare(k->embedder, arena);
	unsigned dimensions = embedder_dimensions(k->embedder);
	float *vectors = err ? NULL : mem_alloc(CHUNKS_A_BATCH * dimensions * sizeof(float));

	*batch = (struct batch){ .knowledge = k, .arena = arena, .dimensions = dimensions, .vectors = vectors };
	for (size_t i = 0; i < count && !err; i++) {
		int64_t ordinal = 0;

		do {
			bool last, held;

			err = hold_if_forbidden(k, arena, &versions[i], &held);
			if (err || held)
				break;
			err = part_add(batch, &versions[i], &ordinal);
			last = !err && batch->parts[batch->part_count - 1].last;
			if (!err && (batch->count == CHUNKS_A_BATCH || batch->part_count == VERSIONS_A_TURN)) {
				err = batch_flush(batch);
				arena_reset(arena);
			}
			if (last)
				break;
		} while (!err);
	}
	if (!err)
		err = batch_flush(batch);
	if (err && err->kind != ERR_CANCELLED)
		log_warn("embedding must wait", LOG_ERR("why", err));
	free(batch);
	free(vectors);
	arena_free(arena);
	return err ? &err_busy : NULL;
}

struct claim {
	struct knowledge *knowledge;
	struct part versions[VERSIONS_A_TURN];
	size_t count;
};

static MAY_PARK const struct err *
claim_tx(struct tx *tx, void *arg)
{
	struct claim *claim = arg;
	int64_t now = clock_wall_us();
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_version_claim_embed,
		PARAMS(V_TEXT(str_of(claim->knowledge->node)), V_INT(now), V_INT(now + LEASE_US), V_INT(VERSIONS_A_TURN)), &rows);

	claim->count = err ? 0 : rows.count;
	for (size_t i = 0; i < claim->count; i++)
		claim->versions[i] = (struct part){ .version = rows_int(&rows, i, 0), .tenant = rows_int(&rows, i, 1), .collection = rows_int(&rows, i, 2) };
	return err;
}

static MAY_PARK const struct err *
release_tx(struct tx *tx, void *arg)
{
	const struct claim *claim = arg;
	const struct err *err = NULL;

	for (size_t i = 0; i < claim->count && !err; i++)
		err = tx_exec(tx, &stmt_version_release_embed, PARAMS(V_INT(claim->versions[i].version), V_INT(clock_wall_us() + RETRY_US)), NULL);
	return err;
}

/* As in ingest.c: tried until the store takes it, or the server ends. */
static MAY_PARK void
give_back(struct claim *claim, struct arena *arena)
{
	struct scope shield;
	const struct err *err;

	do {
		scope_open_shielded(&shield, 5 * USEC_PER_SEC);
		err = store_tx(claim->knowledge->store, arena, release_tx, claim);
		scope_close(&shield);
	} while (err && !fiber_sleep_us(RETRY_US));
}

/* Takes what must not be embedded out of the claim, before the model is asked for anything. */
static MAY_PARK const struct err *
hold_claimed(struct claim *claim, struct arena *arena)
{
	const struct err *err = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < claim->count && !err; i++) {
		bool held;

		err = hold_if_forbidden(claim->knowledge, arena, &claim->versions[i], &held);
		if (!err && !held)
			claim->versions[kept++] = claim->versions[i];
	}
	if (!err)
		claim->count = kept;
	return err;
}

/* Claims some versions and embeds them; true when there were any. */
static MAY_PARK bool
embed_turn(struct knowledge *k)
{
	struct arena *arena = arena_new(MIB(4));
	struct claim claim = { .knowledge = k };
	bool worked = false;
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_version_waiting, PARAMS(V_INT(VERSION_WORDS), V_INT(clock_wall_us())), &rows);

	if (!err && rows.count)
		err = store_tx(k->store, arena, claim_tx, &claim);
	if (!err && claim.count) {
		err = hold_claimed(&claim, arena);
		if (err && err->kind != ERR_CANCELLED)
			log_warn("embedding must wait", LOG_ERR("why", err));
		worked = true;
		if (err || (claim.count && versions_embed(k, claim.versions, claim.count))) {
			give_back(&claim, arena);
			worked = false;
		}
	}
	arena_free(arena);
	return worked;
}

void
ingest_embed_run(void *arg)
{
	struct knowledge *k = arg;

	while (!scope_check())
		if (!embed_turn(k))
			(void)bell_wait(&k->indexed, IDLE_US);
}
