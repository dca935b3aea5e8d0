/*
 * cached.c - see cached.h: looking for an answer that need not be made.
 *
 * Read cached_answer: look for a kept answer; else get on an identical call in flight and read along (cached_give.c); else lead (cached_lead.c). What goes wrong with the cache itself is a miss.
 */
#include "access/access.h"
#include "answer/cached_inside.h"
#include "answer/retrieve.h"
#include "base/clock.h"
#include "knowledge/knowledge.h"

/* Only what concerns this very request ends it: a cache that cannot be asked is a miss. */
static bool
ends_the_call(const struct err *err)
{
	return err && (err->kind == ERR_CANCELLED || err->kind == ERR_NO_MEMORY);
}

/* The time from which on a kept answer is young enough. */
static int64_t
young_enough_us(const struct answer *answer)
{
	int64_t ttl_us = answer->model->cache.ttl_us, age_us = answer->cached->control.age_max_us;

	return clock_wall_us() - (age_us < ttl_us ? age_us : ttl_us);
}

/* From memory, held as long as the answer's arena. */
static const struct err *
find_in_front(struct front *front, struct answer *answer, uint64_t *stamp, struct found *out)
{
	struct front_answer *held = front_get(front, answer->tenant, answer->cached->key, young_enough_us(answer), stamp);

	if (!held)
		return NULL;
	if (!arena_on_free(answer->arena, front_release, held)) {
		front_release(held);
		return &err_no_memory;
	}
	*out = (struct found){ CACHE_HIT, 1, held->entry, held->stored };
	return NULL;
}

/* Of this very call. What is kept in a form that cannot be read is none. */
static MAY_PARK const struct err *
find(const struct answer_services *services, struct answer *answer, struct found *out)
{
	struct front *front = services->cache->front;
	uint64_t stamp;
	bool found = false;
	const struct err *err;

	out->result = CACHE_OFF;
	err = find_in_front(front, answer, &stamp, out);
	if (err || out->result != CACHE_OFF)
		return err;
	err = entry_find(services->cache->store, answer->arena, answer->tenant, answer->cached->key, young_enough_us(answer), &out->entry, &found);
	if (!err && found)
		err = stored_read(answer->arena, out->entry.body, &out->stored);
	if (err || !found)
		return ends_the_call(err) ? err : NULL;
	out->result = CACHE_HIT;
	out->similarity = 1;
	cache_count_read(answer->model->name);
	front_put(front, &out->entry, &out->stored, stamp, cache_memory_max(answer->conf));
	return NULL;
}

/* The states of the collections that the answer will be built on; what is searched is at least as new. */
static MAY_PARK const struct err *
read_sources(const struct answer_services *services, struct answer *answer)
{
	const struct call_search *search = answer->call->search;
	size_t count = search ? search->count : answer->model->knowledge.given;
	const struct err *err = NULL;

	answer->sources = arena_array(answer->arena, count + 1, sizeof(*answer->sources));
	if (!answer->sources)
		return &err_no_memory;
	for (; answer->source_count < count && !err; answer->source_count += !err) {
		struct str name = search ? search->collections[answer->source_count] : answer->model->knowledge.collection;
		struct collection collection;

		err = collection_generation(services->knowledge, answer->arena, answer->tenant, name, &collection);
		if (!err)
			answer->sources[answer->source_count] = (struct cache_source){ collection.row, collection.generation };
		if (!err)
			retrieve_bind(answer, &collection);
		if (!err && search)
			err = collection_used(services->knowledge, answer->arena, &collection);
	}
	return err;
}

static bool
is_wanted(const struct answer *answer)
{
	const struct cache_control *control = &answer->cached->control;

	return !(control->no_read && control->no_store) && (answer->model->cache.use == CONF_CACHE_ALWAYS || control->asked);
}

static const struct err *
describe_subject(struct answer *answer)
{
	struct cache_subject *subject = &answer->cached->subject;

	*subject = (struct cache_subject){ .tenant = answer->tenant, .key_id = answer->key_id, .user = access_user_id(answer->arena, answer->call->user),
		.local_only = answer->route.local_only, .model = answer->model, .call = answer->call };
	return subject->user.ptr ? NULL : &err_no_memory;
}

/* Leads, unless an answer has been kept since it was looked for: between a flight's commit and its end, both are there. */
static MAY_PARK const struct err *
lead(const struct answer_services *services, struct answer *answer, struct recorder *recorder)
{
	struct cached *cached = answer->cached;
	struct found found = { .result = CACHE_OFF };
	const struct err *err = cached->may_read && answer->model->cache.single_flight ? find(services, answer, &found) : NULL;

	if (!err && found.result == CACHE_OFF) {
		cached_tell(answer, cached->may_read ? CACHE_MISS : CACHE_REFRESH, 0, 0);
		return NULL;
	}
	flight_leave(&cached->seat);
	return err ? err : cached_replay(answer, recorder, &found);
}

/* Gets on a flight, or begins one. A call whose answer is not kept is nothing to follow. */
static enum flight_role
board(const struct answer_services *services, struct answer *answer)
{
	struct cached *cached = answer->cached;
	bool shares = cached->may_read && answer->model->cache.single_flight;

	if (shares && !cached->may_keep && flight_follow(services->cache->flights, cached->key, &cached->seat))
		return FLIGHT_FOLLOWS;
	return flight_board(services->cache->flights, shares && cached->may_keep ? cached->key : NULL, &cached->seat);
}

/* What the question means, for finding others and for being found. */
static MAY_PARK const struct err *
understand(const struct answer_services *services, struct answer *answer)
{
	unsigned char key[HASH_SHA256_SIZE];
	struct str question;
	const struct err *err;

	answer->cached->near.embedder = STR_EMPTY;
	if (!answer->model->cache.semantic.given || !retrieve_may_embed(services, answer))
		return NULL;
	err = cache_near_key(answer->arena, &answer->cached->subject, key, &question);
	return err || !question.ptr ? err : near_make(services->cache->embedder, answer->arena, key, question, &answer->cached->near);
}

static MAY_PARK const struct err *
find_near(const struct answer_services *services, struct answer *answer, struct found *out)
{
	struct cached *cached = answer->cached;
	bool found = false;
	const struct err *err;

	if (!cached->may_read || !cached->near.embedder.len)
		return NULL;
	err = near_find(services->cache->store, answer->arena, answer->tenant, &cached->near, &answer->model->cache.semantic, young_enough_us(answer), &out->entry, &out->similarity, &found);
	if (!err && found)
		err = stored_read(answer->arena, out->entry.body, &out->stored);
	if (!err && found) {
		out->result = CACHE_SEMANTIC;
		cache_count_read(answer->model->name);
	}
	return ends_the_call(err) ? err : NULL;
}

static MAY_PARK const struct err *
look(const struct answer_services *services, struct answer *answer, struct recorder *recorder)
{
	struct cached *cached = answer->cached;
	const struct err *err = NULL;
	struct found found = { .result = CACHE_OFF };
	bool given_up = true, understood = false;

	while (!err && given_up) {
		if (cached->may_read)
			err = find(services, answer, &found);
		if (!err && found.result == CACHE_OFF && !understood) {
			err = understand(services, answer);
			understood = true;
		}
		if (!err && found.result == CACHE_OFF)
			err = find_near(services, answer, &found);
		if (err || found.result != CACHE_OFF)
			return err ? err : cached_replay(answer, recorder, &found);
		if (board(services, answer) == FLIGHT_LEADS)
			return lead(services, answer, recorder);
		err = cached_follow(services, answer, recorder, &given_up);
	}
	return err;
}

static MAY_PARK const struct err *
look_up(const struct answer_services *services, struct answer *answer, struct recorder *recorder)
{
	struct cached *cached = answer->cached;
	const struct err *err = cache_control_read(answer->arena, answer->cache_headers, &cached->control);
	const char *unfit;

	if (!err)
		err = describe_subject(answer);
	unfit = err ? NULL : !is_wanted(answer) ? "not_asked" : answer->call->foreign ? "foreign" : cache_unfit(&cached->subject);

	if (unfit) {
		span_str(answer->root, "corbel.cache.reason", str_of(unfit));
		cached_tell(answer, CACHE_BYPASS, 0, 0);
	}
	if (err || unfit)
		return err;
	cached->may_read = !cached->control.no_read;
	cached->may_keep = !cached->control.no_store;
	err = read_sources(services, answer);
	if (err && err->kind == ERR_NOT_FOUND) { /* retrieval says it better */
		cached_tell(answer, CACHE_BYPASS, 0, 0);
		return NULL;
	}
	cached->subject.local_only = answer->route.local_only; /* the collections may have said so */
	cached->subject.sources = answer->sources;
	cached->subject.source_count = answer->source_count;
	if (!err)
		err = cache_key(answer->arena, &cached->subject, cached->key);
	return err ? err : look(services, answer, recorder);
}

MAY_PARK const struct err *
cached_answer(const struct answer_services *services, struct answer *answer, struct recorder *recorder)
{
	if (!answer->model->cache.given || !services->cache)
		return NULL;
	answer->cached = arena_zalloc(answer->arena, sizeof(*answer->cached));
	if (!answer->cached)
		return &err_no_memory;
	answer->cached->front = services->cache->front;
	return look_up(services, answer, recorder);
}
