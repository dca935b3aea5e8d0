/*
 * knowledge.c - opening, starting and stopping the room.
 *
 * All background fibers run on the loop that called knowledge_start; what they share with requests on other loops is the database alone. A commit that makes work
 * sends a notice, which arrives on loop 0 of every node and rings the bells there.
 */
#include "knowledge/inside.h"

#include <unistd.h>

#include "base/log.h"

#define PARSE_TIMEOUT_US (60 * USEC_PER_SEC)
enum { POOL_THREADS = 2, POOL_QUEUE = 4096, EMBED_FIBERS = 8 /* so that batches are picked out of some 500 texts, and little is padded */ };

const struct err *
knowledge_open(const struct knowledge_spec *spec, struct arena *arena, struct knowledge **out)
{
	struct knowledge *k = arena_zalloc(arena, sizeof(*k));
	struct id id = id_new();
	const struct err *err;

	if (!k)
		return &err_no_memory;
	k->store = spec->store;
	k->embedder = spec->embedder;
	k->watch = spec->watch;
	k->access = spec->access;
	k->parsers = spec->parsers ? spec->parsers : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	k->parse_timeout_us = spec->parse_timeout_us ? spec->parse_timeout_us : PARSE_TIMEOUT_US;
	k->parse_program = spec->parse_program.len ? arena_cstr(arena, spec->parse_program) : "/proc/self/exe";
	if (!k->parse_program)
		return &err_no_memory;
	memcpy(k->node, id.hex, sizeof(k->node));
	err = search_open(spec->store, spec->embedder, arena, &k->search);
	if (err)
		return err;
	k->pool = pool_new("knowledge", POOL_THREADS, POOL_QUEUE);
	*out = k;
	return NULL;
}

void
knowledge_close(struct knowledge *k)
{
	pool_free(k->pool);
	search_close(k->search);
}

struct search *
knowledge_search(struct knowledge *k)
{
	return k->search;
}

bool
knowledge_embeds(const struct knowledge *k)
{
	return k->embedder;
}

static void
ring_all(void *arg)
{
	struct knowledge *k = arg;

	bell_ring(&k->queued);
	bell_ring(&k->indexed);
	bell_ring(&k->deleted);
}

/* Notices come on loop 0. */
static void
on_notice(void *arg)
{
	struct knowledge *k = arg;

	if (k->loop)
		loop_post(k->loop, ring_all, k);
}

static const struct err *
background_go(struct knowledge *k, const char *name, MAY_PARK void (*run)(void *), unsigned count)
{
	const struct err *err = NULL;

	for (unsigned i = 0; i < count && !err; i++)
		err = fiber_go(name, &k->scope, run, k);
	return err;
}

/* What may have changed while no server ran: leases of a dead process, and what is local_only. */
static MAY_PARK const struct err *
begin_afresh(struct knowledge *k, struct arena *arena)
{
	const struct err *err = ingest_lease_reset(k, arena);

	return err || !k->embedder ? err : knowledge_look_again(k, arena, 0);
}

/* The first fiber: leases of a dead process are ended before anybody claims, then the others start, and it becomes the one that renews leases. */
static MAY_PARK void
first_run(void *arg)
{
	struct knowledge *k = arg;
	struct arena *arena = arena_new(MIB(1));
	const struct err *err;

	while ((err = begin_afresh(k, arena)) && !fiber_sleep_us(USEC_PER_SEC))
		log_warn("ingest cannot begin", LOG_ERR("why", err));
	if (!err)
		err = background_go(k, "ingest-parse", ingest_parse_run, k->parsers);
	if (!err && k->embedder)
		err = background_go(k, "ingest-embed", ingest_embed_run, EMBED_FIBERS);
	if (!err)
		err = background_go(k, "knowledge-clean", clean_run, 1);
	if (err && err->kind != ERR_CANCELLED)
		log_error("ingest cannot begin", LOG_ERR("why", err));
	arena_free(arena);
	if (!err)
		ingest_lease_run(k);
}

const struct err *
knowledge_start(struct knowledge *k)
{
	k->loop = loop_current();
	scope_init(&k->scope, NULL, INT64_MAX);
	store_listen(k->store, "knowledge", on_notice, k);
	return background_go(k, "ingest", first_run, 1);
}

void
knowledge_stop(struct knowledge *k)
{
	if (!k->loop)
		return;
	scope_stop(&k->scope);
	k->loop = NULL;
}
