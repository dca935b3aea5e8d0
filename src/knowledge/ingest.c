/*
 * ingest.c - the fibers that read queued versions, and the leases that keep two nodes from reading the same.
 *
 * A version is claimed by a lease in its row, which this node renews while it lives. On SQLite the data directory is locked, so leases that are found at the start
 * are those of a dead process, and end at once; on PostgreSQL they end by themselves. A version that was claimed before is read by itself, so that a file that takes
 * the server down with it takes no other along, and is given up after some attempts.
 */
#include "knowledge/ingest.h"

#include "base/log.h"

#define IDLE_US (5 * USEC_PER_SEC)
#define RETRY_US (2 * USEC_PER_SEC)
#define RENEW_US (10 * USEC_PER_SEC)
#define BATCH_BYTES ((int64_t)MIB(4)) /* of a batch; one file alone may have more */
#define INGEST_ARENA_MAX MIB(768)
enum { ATTEMPTS_MAX = 5 };

struct claim {
	struct knowledge *knowledge;
	struct ingest list[INGEST_BATCH];
	size_t count;
};

static MAY_PARK const struct err *
claim_tx(struct tx *tx, void *arg)
{
	struct claim *claim = arg;
	int64_t now = clock_wall_us(), bytes = 0;
	const struct err *err = NULL;
	bool more = true;
	struct rows rows;

	for (claim->count = 0; more && !err && claim->count < INGEST_BATCH && bytes < BATCH_BYTES;) {
		err = tx_exec(tx, &stmt_version_claim, PARAMS(V_TEXT(str_of(claim->knowledge->node)), V_INT(now), V_INT(now + LEASE_US)), &rows);
		more = !err && rows.count > 0;
		if (!more)
			break;
		claim->list[claim->count] = (struct ingest){
			.version = rows_int(&rows, 0, 0),
			.tenant = rows_int(&rows, 0, 1),
			.document = rows_int(&rows, 0, 2),
			.collection = rows_int(&rows, 0, 3),
			.content = rows_int(&rows, 0, 4),
			.bytes_count = rows_int(&rows, 0, 5),
			.attempts = rows_int(&rows, 0, 6),
		};
		bytes += claim->list[claim->count++].bytes_count;
	}
	return err;
}

/* A cheap look first: an idle server writes nothing. */
static MAY_PARK const struct err *
claim_some(struct claim *claim, struct arena *arena)
{
	struct store *store = claim->knowledge->store;
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_version_waiting, PARAMS(V_INT(VERSION_QUEUED), V_INT(clock_wall_us())), &rows);

	return err || rows.count == 0 ? err : store_tx(store, arena, claim_tx, claim);
}

static MAY_PARK const struct err *
load_source(struct ingest_batch *batch, struct ingest *ingest)
{
	struct rows rows;
	const struct err *err = store_query(batch->knowledge->store, batch->arena, &stmt_version_source, PARAMS(V_INT(ingest->version)), &rows);

	if (err)
		return err;
	if (rows.count == 0 || rows_int(&rows, 0, 3) > ingest->version) {
		ingest->state = INGEST_GONE;
		return NULL;
	}
	ingest->path = rows_text(&rows, 0, 0);
	ingest->chunk_tokens_max = (unsigned)rows_int(&rows, 0, 1);
	ingest->chunk_tokens_overlap = (unsigned)rows_int(&rows, 0, 2);
	if (ingest->attempts > ATTEMPTS_MAX)
		ingest_blame(ingest, batch->arena, "server_error", STR("the server could not read this file, and has tried several times"));
	return NULL;
}

static MAY_PARK const struct err *
ingest_some(struct ingest_batch *batch)
{
	const struct err *err = NULL;

	for (size_t i = 0; i < batch->count && !err; i++)
		err = load_source(batch, &batch->list[i]);
	if (!err)
		err = ingest_parse(batch);
	return err ? err : ingest_write(batch);
}

/* An error that another time may not be there: the attempt does not count. */
static bool
passes(const struct err *err)
{
	switch (err->kind) {
	case ERR_BUSY:
	case ERR_UNAVAILABLE:
	case ERR_TIMEOUT:
	case ERR_CANCELLED:
	case ERR_IO:
	case ERR_UNKNOWN_OUTCOME:
		return true;
	default:
		return false;
	}
}

struct release {
	const struct ingest_batch *batch;
	bool excused;
};

static MAY_PARK const struct err *
release_tx(struct tx *tx, void *arg)
{
	const struct release *release = arg;
	const struct err *err = NULL;

	for (size_t i = 0; i < release->batch->count && !err; i++)
		if (release->batch->list[i].state != INGEST_DONE)
			err = tx_exec(tx, &stmt_version_release,
				PARAMS(V_INT(release->batch->list[i].version), V_INT(clock_wall_us() + RETRY_US), V_INT(release->excused)), NULL);
	return err;
}

/* Gives versions back, even when the server is stopping. While that fails the store is gone, and this fiber has nothing better to do than to try again. */
static MAY_PARK void
give_back(const struct ingest_batch *batch, const struct err *why)
{
	struct release release = { .batch = batch, .excused = passes(why) };
	struct scope shield;
	const struct err *err;

	do {
		scope_open_shielded(&shield, 5 * USEC_PER_SEC);
		err = store_tx(batch->knowledge->store, batch->arena, release_tx, &release);
		scope_close(&shield);
	} while (err && !fiber_sleep_us(RETRY_US));
}

/* Reads what was claimed: the first attempts together, others each by itself. */
static MAY_PARK const struct err *
ingest_claimed(struct claim *claim)
{
	const struct err *err = NULL, *first = NULL;
	size_t next;

	for (size_t i = 0; i < claim->count; i = next) {
		struct ingest_batch batch = { .knowledge = claim->knowledge, .arena = arena_new(INGEST_ARENA_MAX), .list = &claim->list[i] };

		for (next = i + 1; next < claim->count && claim->list[i].attempts <= 1 && claim->list[next].attempts <= 1; next++)
			;
		batch.count = next - i;
		err = first ? first : ingest_some(&batch);
		if (err && !first && err->kind != ERR_CANCELLED)
			log_warn("ingest must wait", LOG_ERR("why", err));
		if (err)
			give_back(&batch, err);
		if (err && !first)
			first = passes(err) ? &err_busy : NULL; /* the others would fare no better now */
		arena_free(batch.arena);
	}
	return first;
}

/* Claims and reads some versions; true when there were any and all went well. */
static MAY_PARK bool
ingest_turn(struct knowledge *k)
{
	struct arena *arena = arena_new(MIB(4));
	struct claim *claim = arena_zalloc(arena, sizeof(*claim));
	const struct err *err;
	bool worked = false;

	claim->knowledge = k;
	err = claim_some(claim, arena);
	if (err && err->kind != ERR_CANCELLED)
		log_warn("ingest must wait", LOG_ERR("why", err));
	if (!err && claim->count)
		worked = !ingest_claimed(claim);
	arena_free(arena);
	return worked;
}

void
ingest_parse_run(void *arg)
{
	struct knowledge *k = arg;

	while (!scope_check())
		if (!ingest_turn(k))
			(void)bell_wait(&k->queued, IDLE_US);
}

static MAY_PARK const struct err *
lease_tx(struct tx *tx, void *arg)
{
	struct knowledge *k = arg;

	return tx_exec(tx, &stmt_version_renew, PARAMS(V_TEXT(str_of(k->node)), V_INT(clock_wall_us() + LEASE_US)), NULL);
}

static MAY_PARK const struct err *
lease_reset_tx(struct tx *tx, void *arg)
{
	(void)arg;
	return tx_exec(tx, &stmt_version_release_all, NO_PARAMS, NULL);
}

const struct err *
ingest_lease_reset(struct knowledge *k, struct arena *arena)
{
	return store_engine_of(k->store) == STORE_SQLITE ? store_tx(k->store, arena, lease_reset_tx, k) : NULL;
}

void
ingest_lease_run(void *arg)
{
	struct knowledge *k = arg;
	const struct err *err;
	struct arena *arena;
	struct rows rows;

	while (!fiber_sleep_us(RENEW_US)) {
		arena = arena_new(MIB(1));
		err = store_query(k->store, arena, &stmt_version_leased, PARAMS(V_TEXT(str_of(k->node))), &rows);
		if (!err && rows.count)
			err = store_tx(k->store, arena, lease_tx, k);
		if (err && err->kind != ERR_CANCELLED)
			log_warn("leases could not be renewed", LOG_ERR("why", err));
		arena_free(arena);
	}
}
