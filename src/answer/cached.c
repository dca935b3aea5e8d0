/*
 * cached.c - see cached.h.
 *
 * Read cached_answer: look for a kept answer; else get on an identical call in flight and read along; else lead. The leader's call upstream runs on a fiber of its own: when its
 * client leaves while others follow, the call goes on, the leader stays to settle it, and its record has the cost. Without
 * followers a client's leaving ends the call, as it does without a cache. A call that fails fails for all who follow, since the route has tried what there was to try.
 */
#include "answer/cached.h"

#include <stdlib.h>

#include "access/access.h"
#include "answer/charge.h"
#include "answer/retrieve.h"
#include "base/clock.h"
#include "base/random.h"
#include "cache/entry.h"
#include "cache/front.h"
#include "cache/key.h"
#include "cache/near.h"
#include "gateway/count.h"
#include "knowledge/knowledge.h"
#include "rt/fiber.h"
#include "rt/group.h"

enum { PIECE_BYTES = 256, INTERACTION = 16, EVENTS_AHEAD = 512, PACKED_MAX = 128 * 1024 * 1024 };
static const int64_t LOOK_US = 50 * USEC_PER_MS;

struct cached {
	enum cache_result result;
	struct cache_control control; /* what the request says */
	struct cache_subject subject;
	struct front *front;
	unsigned char key[HASH_SHA256_SIZE];
	struct near near;            /* the question, where answers to others that mean the same will do */
	bool may_read, may_keep;
	struct flight_seat seat;     /* flight NULL: on none */
	bool landed;                 /* the flight that this call leads, with an answer */
	struct cache_entry entry;    /* what is to be kept */
	bool keep;
};

/* A kept answer that is to be given again; it and what it points to are there as long as the answer's arena. */
struct found {
	enum cache_result result;    /* CACHE_HIT, CACHE_SEMANTIC; CACHE_OFF: none was found */
	double similarity;
	struct cache_entry entry;
	struct stored stored;
};

/* --- what the caller is told --- */

static void
tell(struct answer *answer, enum cache_result result, int64_t age_us, double similarity)
{
	answer->cached->result = result;
	cache_count(answer->model->name, result);
	span_str(answer->root, "corbel.cache.result", cache_result_name(result));
	if (answer->tell_cache)
		answer->tell_cache(answer->tell_cache_arg, result, age_us, similarity);
}

/* What the answer would have taken upstream. */
static void
note_saved(struct answer *answer, int64_t input, int64_t output, int64_t cost_nanos, double similarity)
{
	struct record *record = &answer->record;

	record->cache = cache_result_name(answer->cached->result);
	record->cache_similarity = similarity;
	record->saved_input = input;
	record->saved_output = output;
	record->saved_nanos = cost_nanos;
	cache_count_saved(answer->model->name, &(struct usage){ .input = input, .output = output }, cost_nanos);
}

/* It has been answered, and nothing of it was used upstream. */
static void
note_answered(struct answer *answer, struct str provider, struct str target_model)
{
	answer->answered = true;
	answer->attempt = (struct attempt){ .model = answer->model, .usage = { .known = true }, .began = true };
	answer->record.provider = provider;
	answer->record.target_model = target_model;
	answer->record.route = answer->model->name;
}

/* --- giving an answer again --- */

/* Every answer has an id of its own, by which its record is found. */
static struct str
fresh_id(struct answer *answer)
{
	enum dialect dialect = answer->call->dialect;
	struct id id = id_new();

	return arena_printf(
		answer->arena, "%s%" STR_F, dialect == DIALECT_ANTHROPIC ? "msg_" : dialect == DIALECT_OPENAI_COMPLETIONS ? "cmpl-" : "chatcmpl-", STR_A(id_str(&id)));
}

static MAY_PARK const struct err *
send_plain(struct answer *answer, struct recorder *recorder, const struct event *event)
{
	struct event plain;

	if (!stored_event_plain(event, &plain))
		return NULL;
	if (plain.type == EVENT_START) {
		plain.id = fresh_id(answer);
		plain.created_us = 0;
		if (!plain.id.ptr)
			return &err_no_memory;
	}
	return sink_send(&recorder->sink, &plain);
}

/* Where a piece of a text ends: not inside a character. */
static size_t
piece_end(struct str text, size_t from)
{
	size_t end = from + PIECE_BYTES;

	if (end >= text.len)
		return text.len;
	while (end < text.len && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
		end++;
	return end;
}

/* A stream gets a long text in pieces, as it would come. */
static MAY_PARK const struct err *
send_in_pieces(struct answer *answer, struct recorder *recorder, const struct event *event)
{
	bool cut = answer->call->stream && (event->type == EVENT_TEXT || event->type == EVENT_REASONING || event->type == EVENT_REFUSAL || event->type == EVENT_ARGUMENTS);
	struct event piece = *event;
	const struct err *err = NULL;

	if (!cut || event->text.len <= PIECE_BYTES)
		return send_plain(answer, recorder, event);
	for (size_t at = 0; at < event->text.len && !err; at += piece.text.len) {
		piece.text = str_slice(event->text, at, piece_end(event->text, at));
		err = send_plain(answer, recorder, &piece);
	}
	return err;
}

/* The passages that the answer was built on, with links of today. */
static const struct err *
take_passages(struct answer *answer, struct passage_list *passages)
{
	const struct err *err = NULL;

	if (!passages)
		return NULL;
	for (size_t i = 0; i < passages->count && !err; i++)
		err = answer->link(answer->link_arg, answer->arena, &passages->list[i]);
	answer->passages = passages;
	answer->call->passages = passages;
	return err;
}

/* A list of its own, whose texts are those of the kept answer: others may be giving the same one. */
static struct passage_list *
passages_of(struct arena *arena, const struct stored *stored)
{
	struct passage_list *own = arena_alloc(arena, sizeof(*own));

	if (!own)
		return NULL;
	*own = *stored->passages;
	own->list = arena_array(arena, own->count + 1, sizeof(*own->list));
	if (own->list && own->count)
		memcpy(own->list, stored->passages->list, own->count * sizeof(*own->list));
	return own->list ? own : NULL;
}

static MAY_PARK const struct err *
replay(struct answer *answer, struct recorder *recorder, const struct found *found)
{
	const struct cache_entry *entry = &found->entry;
	struct passage_list *passages = found->stored.passages ? passages_of(answer->arena, &found->stored) : NULL;
	char source[2 * INTERACTION];
	const struct err *err = found->stored.passages && !passages ? &err_no_memory : take_passages(answer, passages);

	if (err)
		return err;
	tell(answer, found->result, clock_wall_us() - entry->created_us, found->similarity);
	if (entry->interaction.len == INTERACTION) {
		hex_encode(entry->interaction.ptr, INTERACTION, source);
		span_str(answer->root, "corbel.cache.source", str_n(source, sizeof(source)));
	}
	span_int(answer->root, "corbel.cache.age_us", clock_wall_us() - entry->created_us);
	note_answered(answer, entry->provider, entry->target_model);
	for (size_t i = 0; i < found->stored.count && !err; i++)
		err = send_in_pieces(answer, recorder, &found->stored.events[i]);
	note_saved(answer, entry->input, entry->output, entry->cost_nanos, found->similarity);
	return err;
}

/* --- following a call in flight --- */

static const struct err *
get_on(struct answer *answer)
{
	const struct passage_list *passages = flight_passages(answer->cached->seat.flight);
	struct passage_list *own = passages ? stored_passages_copy(answer->arena, passages) : NULL;

	if (passages && !own)
		return &err_no_memory;
	tell(answer, CACHE_SHARED, 0, 1);
	return take_passages(answer, own);
}

static MAY_PARK void
note_shared(struct answer *answer, struct recorder *recorder, const struct answer_services *services, const struct flight_facts *facts)
{
	struct usage usage = facts->usage;
	struct str provider = arena_dup(answer->arena, facts->provider), target_model = arena_dup(answer->arena, facts->target_model);

	if (!usage.known) {
		usage = (struct usage){ .input = call_tokens_estimate(answer->arena, answer->call), .output = recorder_tokens(recorder, services->tokenizers, target_model) };
	}
	note_answered(answer, provider, target_model);
	note_saved(answer, usage.input, usage.output, facts->priced ? price_cost_nanos(&facts->price, &usage) : 0, 1);
}

/* How it ended. What was cancelled there was not cancelled here. */
static const struct err *
end_of(struct answer *answer, const struct flight *flight, const struct flight_facts **facts)
{
	const struct err *err = flight_end(flight, facts);

	if (err && err->kind == ERR_CANCELLED)
		return err_new(answer->arena, ERR_UNAVAILABLE, "an identical call in flight, which this one followed, was ended; ask again");
	return err ? err_copy(answer->arena, err) : NULL;
}

/* Reads along to the end. *given_up: there is none, and the call is to be made by somebody else. */
static MAY_PARK const struct err *
follow(const struct answer_services *services, struct answer *answer, struct recorder *recorder, bool *given_up)
{
	struct cached *cached = answer->cached;
	const struct flight_facts *facts;
	const struct err *err = NULL;
	struct stored_event at;
	enum flight_word word;
	bool on = false;

	*given_up = false;
	while (!err) {
		word = flight_next(&cached->seat, on ? &recorder->sink : NULL, &at, &err);
		if (word == FLIGHT_GIVEN_UP) {
			*given_up = true;
			break;
		}
		if (word == FLIGHT_LEFT)
			break;
		if (!on)
			err = get_on(answer);
		on = true;
		if (!err && word == FLIGHT_EVENT)
			err = send_plain(answer, recorder, &at.event);
		answer->attempt.began = answer->attempt.began || word == FLIGHT_EVENT;
		if (word != FLIGHT_LANDED)
			continue;
		err = end_of(answer, cached->seat.flight, &facts);
		if (!err)
			note_shared(answer, recorder, services, facts);
		break;
	}
	answer->answered = !*given_up;
	flight_leave(&cached->seat);
	return err;
}

/* --- looking --- */

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
		tell(answer, cached->may_read ? CACHE_MISS : CACHE_REFRESH, 0, 0);
		return NULL;
	}
	flight_leave(&cached->seat);
	return err ? err : replay(answer, recorder, &found);
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
	if (!answer->model->cache.semantic.given || !retrieve_may_embed(answer))
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
			return err ? err : replay(answer, recorder, &found);
		if (board(services, answer) == FLIGHT_LEADS)
			return lead(services, answer, recorder);
		err = follow(services, answer, recorder, &given_up);
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
		tell(answer, CACHE_BYPASS, 0, 0);
	}
	if (err || unfit)
		return err;
	cached->may_read = !cached->control.no_read;
	cached->may_keep = !cached->control.no_store;
	err = read_sources(services, answer);
	if (err && err->kind == ERR_NOT_FOUND) { /* retrieval says it better */
		tell(answer, CACHE_BYPASS, 0, 0);
		return NULL;
	}
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

/* --- leading --- */

/* The call upstream, on a fiber of its own. What it says goes to the flight, and with its frames through a channel to the leader, which may be slow: the followers are not. */
struct flying {
	struct sink sink;
	const struct answer_services *services;
	struct answer *answer;
	struct channel *events; /* struct carried; &flush_mark: what came together is all there */
	struct buf packed;
	struct scope scope;
	const struct err *err;
};

/* An event on its way to the leader, in one piece of memory. */
struct carried {
	struct str packed, frame, frame_name;
	bool framed;
};

static struct carried flush_mark;

static struct str
take_along(char **room, struct str text)
{
	struct str copy = { *room, text.len };

	if (text.len)
		memcpy(*room, text.ptr, text.len);
	*room += text.len;
	return copy;
}

static struct carried *
carried_new(struct str packed, const struct event *event)
{
	struct carried *carried = mem_alloc(sizeof(*carried) + packed.len + event->frame.len + event->frame_name.len);
	char *room = (char *)(carried + 1);

	carried->packed = take_along(&room, packed);
	carried->frame = take_along(&room, event->frame);
	carried->frame_name = take_along(&room, event->frame_name);
	carried->framed = event->framed;
	return carried;
}

static MAY_PARK const struct err *
flying_event(struct sink *sink, const struct event *event)
{
	struct flying *flying = (struct flying *)sink;
	struct carried *carried;
	const struct err *err;

	buf_clear(&flying->packed);
	stored_pack(&flying->packed, event);
	if (buf_err(&flying->packed))
		return &err_no_memory;
	flight_say(flying->answer->cached->seat.flight, buf_str(&flying->packed));
	carried = carried_new(buf_str(&flying->packed), event);
	err = channel_send(flying->events, carried);
	if (err)
		free(carried);
	return err;
}

static MAY_PARK const struct err *
flying_flush(struct sink *sink)
{
	return channel_send(((struct flying *)sink)->events, &flush_mark);
}

static MAY_PARK void
fly(void *arg)
{
	struct flying *flying = arg;
	struct answer *answer = flying->answer;
	struct attempt *attempt = &answer->attempt;
	struct flight_facts facts = { 0 };

	flying->err = gateway_call(flying->services->gateway, &answer->route, answer->call, answer->trace, &flying->sink, answer->arena, attempt);
	facts.usage = attempt->usage;
	facts.target_model = attempt->target.model;
	facts.provider = attempt->target.provider ? attempt->target.provider->name : STR_EMPTY;
	facts.priced = attempt->target.kind && charge_price(&attempt->target, answer->record.started_us, &facts.price);
	flight_land(answer->cached->seat.flight, flying->err, &facts);
	channel_close(flying->events);
}

static MAY_PARK const struct err *
take_nothing(struct sink *sink, const struct event *event)
{
	(void)sink;
	(void)event;
	return NULL;
}

static struct sink nowhere = { .event = take_nothing };

/* To the recorder (NULL: nobody), and frees it. */
static MAY_PARK const struct err *
deliver(struct recorder *recorder, struct carried *carried)
{
	struct stored_event at;
	const struct err *err = NULL;

	if (carried == &flush_mark)
		return recorder ? sink_flush(&recorder->sink) : NULL;
	stored_unpack(carried->packed, &at);
	at.event.framed = carried->framed;
	at.event.frame = carried->frame;
	at.event.frame_name = carried->frame_name;
	if (recorder)
		err = sink_send(&recorder->sink, &at.event);
	free(carried);
	return err;
}

/* Takes what the call says, until its end (NULL) or until the client can take no more. */
static MAY_PARK const struct err *
read_on(struct flying *flying, struct recorder *recorder)
{
	const struct err *err = NULL;
	void *carried;

	while (!err) {
		err = channel_receive(flying->events, &carried);
		if (err || !carried)
			return err;
		err = deliver(recorder, carried);
	}
	return err;
}

/*
 * The client has gone. The call goes on as long as others follow it, and what it costs is on this record. Whether they do is looked at now and then: they may be on other loops, and nobody's answer waits for
 * the end of a call that nobody wants.
 */
static MAY_PARK void
stay_for_followers(struct flying *flying, struct recorder *recorder)
{
	struct flight *flight = flying->answer->cached->seat.flight;
	const struct err *err = &err_timeout;
	struct scope scope;

	recorder->out = &nowhere;
	while (err && !flight_close(flight)) {
		scope_open_shielded(&scope, LOOK_US);
		err = read_on(flying, recorder);
		scope_close(&scope);
		if (err && err->kind != ERR_TIMEOUT)
			recorder = NULL; /* it has no room any more; the others are to have theirs */
	}
	if (err)
		scope_cancel(&flying->scope, &err_cancelled);
}

/* The call's fiber has ended, or will at once; what it said last is let go. */
static MAY_PARK void
land(struct flying *flying)
{
	struct scope scope;

	scope_open_shielded(&scope, INT64_MAX);
	while (read_on(flying, NULL))
		;
	scope_close(&scope);
	scope_drain(&flying->scope);
	scope_fini(&flying->scope);
	channel_free(flying->events);
	buf_fini(&flying->packed);
}

MAY_PARK const struct err *
cached_attempt(const struct answer_services *services, struct answer *answer, struct recorder *recorder)
{
	struct cached *cached = answer->cached;
	struct flying flying = { .sink = { flying_event, flying_flush }, .services = services, .answer = answer };
	const struct err *err;

	if (!cached || !cached->seat.flight)
		return gateway_call(services->gateway, &answer->route, answer->call, answer->trace, &recorder->sink, answer->arena, &answer->attempt);
	err = flight_depart(cached->seat.flight, answer->passages);
	if (err)
		return err;
	buf_init(&flying.packed, NULL, PACKED_MAX);
	flying.events = channel_new(EVENTS_AHEAD);
	scope_init(&flying.scope, NULL, scope_left_us());
	err = fiber_go("flight", &flying.scope, fly, &flying);
	if (err) {
		flying.err = err;
		flight_land(cached->seat.flight, err, &(struct flight_facts){ 0 });
		channel_close(flying.events);
	} else {
		err = read_on(&flying, recorder);
		if (err)
			stay_for_followers(&flying, recorder);
	}
	land(&flying);
	cached->landed = !flying.err;
	return err ? err : flying.err;
}

/* --- keeping --- */

/* Why the answer is not kept, or NULL. */
static const char *
why_not_kept(const struct answer_services *services, const struct answer *answer)
{
	const struct cached *cached = answer->cached;
	struct feed *events = flight_answer(cached->seat.flight);

	if (!cached->may_keep)
		return "asked_not_to";
	if (!cached->landed)
		return "failed";
	if (!events)
		return "too_large";
	if (answer->attempt.model != answer->model)
		return "fallback";
	if (answer->attempt.spent_count)
		return "continued";
	if (answer->passages && answer->passages->words_only && answer->model->knowledge.mode != CONF_SEARCH_WORDS && knowledge_embeds(services->knowledge))
		return "words_only"; /* the embedding model failed, or has not come so far */
	return stored_unfit(events);
}

static void
make_entry(struct answer *answer, struct str body)
{
	struct cached *cached = answer->cached;
	const struct record *record = &answer->record;
	int64_t now_us = clock_wall_us();

	cached->entry = (struct cache_entry){ .tenant = answer->tenant, .model = answer->model->name, .provider = record->provider, .target_model = record->target_model,
		.interaction = str_n((const char *)answer->interaction, sizeof(answer->interaction)), .created_us = now_us, .expires_us = now_us + answer->model->cache.ttl_us,
		.input = record->usage.input, .output = record->usage.output, .cost_nanos = record->cost_nanos, .body = body };
	memcpy(cached->entry.hash, cached->key, sizeof(cached->key));
	if (cached->near.embedder.len) {
		cached->entry.near = str_n((const char *)cached->near.key, sizeof(cached->near.key));
		cached->entry.embedder = cached->near.embedder;
		cached->entry.vector = cached->near.vector;
	}
	cached->keep = true;
}

void
cached_prepare(const struct answer_services *services, struct answer *answer)
{
	struct cached *cached = answer->cached;
	struct buf *body;
	const char *why;

	if (!cached || !cached->seat.flight)
		return;
	why = why_not_kept(services, answer);
	body = why ? NULL : arena_alloc(answer->arena, sizeof(*body));
	if (body && buf_init_held(body, answer->arena, (size_t)answer->model->cache.entry_bytes_max) && hex_decode(answer->request_id, answer->interaction)) {
		stored_write(body, flight_answer(cached->seat.flight), answer->passages);
		if (!body->failed)
			make_entry(answer, buf_str(body));
	}
	if (!cached->keep)
		cache_count_stored(answer->model->name, why ? why : "too_large");
}

MAY_PARK const struct err *
cached_store_in(struct tx *tx, const struct answer *answer)
{
	return answer->cached && answer->cached->keep ? entry_put(tx, &answer->cached->entry) : NULL;
}

void
cached_end(struct answer *answer, const struct err *err)
{
	struct cached *cached = answer->cached;

	if (!cached || !cached->seat.flight)
		return;
	if (cached->keep) {
		front_drop(cached->front, cached->key); /* also after an error: whether it was committed may be unknown */
		cache_count_stored(answer->model->name, err ? "not_recorded" : "stored");
	}
	flight_leave(&cached->seat);
}
