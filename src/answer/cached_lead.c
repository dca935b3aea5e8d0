/*
 * cached_lead.c - the call that an answer makes itself, where others may follow it, and what is kept of it.
 *
 * The call upstream runs on a fiber of its own: when its client leaves while others follow, the call goes on, the leader stays to settle it, and its record has the cost. Without followers a client's leaving ends the
 * call, as it does without a cache. A call that fails fails for all who follow, since the route has tried what there was to try.
 */
#include <stdlib.h>

#include "answer/cached_inside.h"
#include "answer/charge.h"
#include "answer/retrieve.h"
#include "base/clock.h"
#include "base/random.h"
#include "knowledge/knowledge.h"
#include "rt/fiber.h"
#include "rt/group.h"

enum { EVENTS_AHEAD = 512, PACKED_MAX = 128 * 1024 * 1024 };
static const int64_t LOOK_US = 50 * USEC_PER_MS;

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
	if (answer->passages && answer->passages->words_only && answer->model->knowledge.mode != CONF_SEARCH_WORDS && knowledge_embeds(services->knowledge) && retrieve_may_embed(services, answer))
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
