/*
 * ingest.c - the fibers that read queued versions, one each at a time, and the leases that keep two nodes from reading the same.
 *
 * A version is claimed by a lease in its row, which this node renews while it lives. On SQLite the data directory is locked, so leases that are found at the start
 * are those of a dead process, and end at once; on PostgreSQL they end by themselves. A file that took the server down with it several times is given up.
 */
#include "knowledge/ingest.h"

#include "base/log.h"
#include "base/metric.h"

#define IDLE_US (5 * USEC_PER_SEC)
#define RETRY_US (2 * USEC_PER_SEC)
#define RENEW_US (10 * USEC_PER_SEC)
enum { ATTEMPTS_MAX = 5 };
#define INGEST_ARENA_MAX MIB(768)

static struct metric documents = METRIC_COUNTER("corbel_ingest_documents_total", "Document versions read, by result.", "result");

struct claim {
	struct knowledge *knowledge;
	struct ingest *ingest;
	bool found;
};

static MAY_PARK const struct err *
claim_tx(struct tx *tx, void *arg)
{
	struct claim *claim = arg;
	struct ingest *ingest = claim->ingest;
	int64_t now = clock_wall_us();
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_version_claim, PARAMS(V_TEXT(str_of(claim->knowledge->node)), V_INT(now), V_INT(now + LEASE_US)), &rows);

	claim->found = !err && rows.count > 0;
	if (!claim->found)
		return err;
	ingest->version = rows_int(&rows, 0, 0);
	ingest->tenant = rows_int(&rows, 0, 1);
	ingest->document = rows_int(&rows, 0, 2);
	ingest->collection = rows_int(&rows, 0, 3);
	ingest->content = rows_int(&rows, 0, 4);
	ingest->bytes = rows_int(&rows, 0, 5);
	ingest->attempts = rows_int(&rows, 0, 6);
	return NULL;
}

/* A cheap look first: an idle server writes nothing. */
static MAY_PARK const struct err *
claim_next(struct ingest *ingest, bool *found)
{
	struct claim claim = { .knowledge = ingest->knowledge, .ingest = ingest };
	struct rows rows;
	const struct err *err = store_query(ingest->knowledge->store, ingest->arena, &stmt_version_waiting,
		PARAMS(V_INT(VERSION_QUEUED), V_INT(clock_wall_us())), &rows);

	*found = false;
	if (err || rows.count == 0)
		return err;
	err = store_tx(ingest->knowledge->store, ingest->arena, claim_tx, &claim);
	*found = claim.found;
	return err;
}

struct verdict {
	const struct ingest *ingest;
	const struct stmt *stmt;
	const struct value *params;
};

static MAY_PARK const struct err *
verdict_tx(struct tx *tx, void *arg)
{
	const struct verdict *verdict = arg;
	const struct err *err = tx_exec(tx, verdict->stmt, verdict->params, NULL);

	return err ? err : work_notify(tx);
}

static MAY_PARK const struct err *
set_status(const struct ingest *ingest, const struct stmt *stmt, const struct value *params)
{
	return store_tx(ingest->knowledge->store, ingest->arena, verdict_tx, &(struct verdict){ ingest, stmt, params });
}

static MAY_PARK const struct err *
set_failed(const struct ingest *ingest, const struct ingest_fault *fault)
{
	metric_add(&documents, 1, str_of(fault->code));
	log_info("a document could not be read", LOG_STR("path", ingest->path), LOG_STR("code", str_of(fault->code)), LOG_STR("why", fault->message));
	return set_status(ingest, &stmt_version_fail, PARAMS(V_INT(ingest->version), V_TEXT(str_of(fault->code)), V_TEXT(fault->message)));
}

/* *gone: its document or collection was deleted, or a newer version has come: then nothing is left to do. */
static MAY_PARK const struct err *
load_source(struct ingest *ingest, bool *gone)
{
	struct rows rows;
	const struct err *err = store_query(ingest->knowledge->store, ingest->arena, &stmt_version_source, PARAMS(V_INT(ingest->version)), &rows);

	*gone = !err && (rows.count == 0 || rows_int(&rows, 0, 3) > ingest->version);
	if (err || *gone)
		return err;
	ingest->path = rows_text(&rows, 0, 0);
	ingest->chunk_tokens_max = (unsigned)rows_int(&rows, 0, 1);
	ingest->chunk_tokens_overlap = (unsigned)rows_int(&rows, 0, 2);
	return NULL;
}

/* An error that another time may not be there. */
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

static MAY_PARK const struct err *
ingest_one(struct ingest *ingest)
{
	struct ingest_fault fault = { 0 };
	bool gone;
	const struct err *err = load_source(ingest, &gone);

	if (err)
		return err;
	if (gone)
		return set_status(ingest, &stmt_version_set_replaced, PARAMS(V_INT(ingest->version)));
	if (ingest->attempts > ATTEMPTS_MAX)
		fault = (struct ingest_fault){ "server_error", STR("the server ended several times while it read this file") };
	if (!fault.code)
		err = ingest_parse(ingest, &fault);
	if (err && !passes(err)) {
		fault = (struct ingest_fault){ "server_error", arena_dup(ingest->arena, err->message) };
		err = NULL;
	}
	if (!err && fault.code)
		return set_failed(ingest, &fault);
	if (!err)
		err = ingest_write(ingest);
	if (!err)
		metric_add(&documents, 1, STR("ok"));
	return err;
}

/* Gives a version back, even when the server is stopping. While that fails the store is gone, and this fiber has nothing better to do than to try again. */
static MAY_PARK void
give_back(const struct ingest *ingest, const struct err *why)
{
	struct scope shield;
	const struct err *err;

	do {
		scope_open_shielded(&shield, 5 * USEC_PER_SEC);
		err = set_status(ingest, &stmt_version_release, PARAMS(V_INT(ingest->version), V_INT(clock_wall_us() + RETRY_US), V_INT(passes(why))));
		scope_close(&shield);
	} while (err && !fiber_sleep_us(RETRY_US));
}

/* Claims and reads one version; *idle when there was none, or now is not the time. */
static MAY_PARK void
ingest_turn(struct knowledge *k, bool *idle)
{
	struct arena *arena = arena_new(INGEST_ARENA_MAX);
	struct ingest ingest = { .knowledge = k, .arena = arena };
	bool found = false;
	const struct err *err = claim_next(&ingest, &found);

	*idle = !found;
	if (found)
		err = ingest_one(&ingest);
	if (err && err->kind != ERR_CANCELLED)
		log_warn("ingest must wait", LOG_ERR("why", err));
	if (err && found) {
		give_back(&ingest, err);
		*idle = true;
	}
	arena_free(arena);
}

void
ingest_parse_run(void *arg)
{
	struct knowledge *k = arg;
	bool idle;

	while (!scope_check()) {
		ingest_turn(k, &idle);
		if (idle)
			(void)bell_wait(&k->queued, IDLE_US);
	}
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
