/*
 * flight.c - see flight.h.
 *
 * Two locks: one around the table of what is in flight, one in each flight; who needs both takes the table's first. Nobody waits while holding one. What is set before the first event or
 * the end is said (passages, facts, the error) needs no lock to be read behind it.
 */
#include "cache/flight.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

enum { FLIGHT_ARENA_MAX = 32 * 1024 * 1024 };

enum state { BOARDING, DEPARTED, LANDED, GIVEN_UP };

struct flights {
	pthread_mutex_t lock;
	struct map by_key; /* those that can be boarded */
};

struct flight {
	struct flights *flights;
	struct feed *feed;
	struct arena *arena;          /* the leader's to allocate from, until it has landed */
	unsigned char key[HASH_SHA256_SIZE];
	struct passage_list *passages;
	const struct err *err;
	struct flight_facts facts;
	pthread_mutex_t lock;         /* around what follows */
	bool open;                    /* it is in the table */
	enum state state;
	unsigned seats;
};

static const struct err too_long = { .kind = ERR_TOO_LARGE,
	.message = STR_INIT("the answer of the identical call that this one followed is too long to be followed; ask again with the header \"x-corbel-cache: off\"") };

struct flights *
flights_new(void)
{
	struct flights *flights = mem_zalloc(sizeof(*flights));

	pthread_mutex_init(&flights->lock, NULL);
	return flights;
}

void
flights_free(struct flights *flights)
{
	if (!flights)
		return;
	map_fini(&flights->by_key);
	pthread_mutex_destroy(&flights->lock);
	free(flights);
}

static struct flight *
flight_new(struct flights *flights, const unsigned char *key)
{
	struct flight *flight = mem_zalloc(sizeof(*flight));

	flight->flights = flights;
	flight->feed = feed_new(FLIGHT_BYTES_MAX);
	flight->arena = arena_new(FLIGHT_ARENA_MAX);
	if (key)
		memcpy(flight->key, key, sizeof(flight->key));
	pthread_mutex_init(&flight->lock, NULL);
	return flight;
}

static void
flight_free(struct flight *flight)
{
	feed_unref(flight->feed);
	arena_free(flight->arena);
	pthread_mutex_destroy(&flight->lock);
	free(flight);
}

static struct str
key_of(const struct flight *flight)
{
	return str_n((const char *)flight->key, sizeof(flight->key));
}

/* Under both locks: nobody else gets on. */
static void
shut(struct flight *flight)
{
	if (flight->open)
		map_remove(&flight->flights->by_key, key_of(flight));
	flight->open = false;
}

static void
lock_both(struct flight *flight)
{
	pthread_mutex_lock(&flight->flights->lock);
	pthread_mutex_lock(&flight->lock);
}

static void
unlock_both(struct flight *flight)
{
	pthread_mutex_unlock(&flight->lock);
	pthread_mutex_unlock(&flight->flights->lock);
}

/* --- boarding --- */

static void
take_seat(struct flight *flight, struct flight_seat *seat, bool leads)
{
	*seat = (struct flight_seat){ .flight = flight, .leads = leads };
	pthread_mutex_lock(&flight->lock);
	flight->seats++;
	pthread_mutex_unlock(&flight->lock);
}

bool
flight_follow(struct flights *flights, const unsigned char *key, struct flight_seat *seat)
{
	struct flight *flight;

	pthread_mutex_lock(&flights->lock);
	flight = map_get(&flights->by_key, str_n((const char *)key, HASH_SHA256_SIZE));
	if (flight)
		take_seat(flight, seat, false);
	pthread_mutex_unlock(&flights->lock);
	return flight != NULL;
}

enum flight_role
flight_board(struct flights *flights, const unsigned char *key, struct flight_seat *seat)
{
	struct flight *flight = NULL;

	pthread_mutex_lock(&flights->lock);
	if (key)
		flight = map_get(&flights->by_key, str_n((const char *)key, HASH_SHA256_SIZE));
	if (flight) {
		take_seat(flight, seat, false);
	} else {
		struct flight *own = flight_new(flights, key);

		own->open = key != NULL;
		if (key)
			map_put(&flights->by_key, key_of(own), own);
		take_seat(own, seat, true);
	}
	pthread_mutex_unlock(&flights->lock);
	return flight ? FLIGHT_FOLLOWS : FLIGHT_LEADS;
}

void
flight_leave(struct flight_seat *seat)
{
	struct flight *flight = seat->flight;
	bool last, given_up;

	lock_both(flight);
	given_up = seat->leads && flight->state == BOARDING;
	if (given_up)
		flight->state = GIVEN_UP;
	if (seat->leads)
		shut(flight);
	if (given_up)
		feed_end(flight->feed);
	last = --flight->seats == 0;
	unlock_both(flight);
	if (last)
		flight_free(flight);
	seat->flight = NULL;
}

bool
flight_close(struct flight *flight)
{
	bool alone;

	lock_both(flight);
	alone = flight->seats == 1;
	if (alone)
		shut(flight);
	unlock_both(flight);
	return alone;
}

/* --- the leader's --- */

static void
set_state(struct flight *flight, enum state state)
{
	pthread_mutex_lock(&flight->lock);
	flight->state = state;
	pthread_mutex_unlock(&flight->lock);
}

const struct err *
flight_depart(struct flight *flight, const struct passage_list *passages)
{
	flight->passages = passages ? stored_passages_copy(flight->arena, passages) : NULL;
	if (passages && !flight->passages)
		return &err_no_memory;
	set_state(flight, DEPARTED);
	return NULL;
}

/* All that the followers will get: how it ended. */
static void
end(struct flight *flight, const struct err *err)
{
	flight->err = err;
	set_state(flight, LANDED);
	feed_end(flight->feed);
}

void
flight_say(struct flight *flight, struct str packed)
{
	if (flight->err || !feed_append(flight->feed, 0, packed))
		return;
	lock_both(flight);
	shut(flight);
	unlock_both(flight);
	end(flight, &too_long);
}

void
flight_land(struct flight *flight, const struct err *err, const struct flight_facts *facts)
{
	if (flight->err) /* it was too long */
		return;
	flight->facts = *facts;
	flight->facts.provider = arena_dup(flight->arena, facts->provider);
	flight->facts.target_model = arena_dup(flight->arena, facts->target_model);
	flight->facts.price.version = arena_dup(flight->arena, facts->price.version);
	end(flight, err ? err_copy(flight->arena, err) : NULL);
}

struct feed *
flight_answer(struct flight *flight)
{
	return flight->state == LANDED && !flight->err ? flight->feed : NULL;
}

/* --- following --- */

static enum flight_word
last_word(struct flight *flight)
{
	enum state state;

	pthread_mutex_lock(&flight->lock);
	state = flight->state;
	pthread_mutex_unlock(&flight->lock);
	return state == GIVEN_UP ? FLIGHT_GIVEN_UP : FLIGHT_LANDED;
}

MAY_PARK enum flight_word
flight_next(struct flight_seat *seat, struct sink *sink, struct stored_event *out, const struct err **err)
{
	struct flight *flight = seat->flight;

	for (*err = NULL; !*err;) {
		bool ended = feed_ended(flight->feed); /* asked first: what was said before the end is not missed */

		if (stored_next(flight->feed, &seat->place, out))
			return FLIGHT_EVENT;
		if (ended)
			return last_word(flight);
		if (sink)
			*err = sink_flush(sink);
		else
			*err = feed_wait(flight->feed, &seat->place, INT64_MAX);
		sink = NULL; /* that may have taken its time: look again before waiting */
	}
	return FLIGHT_LEFT;
}

const struct passage_list *
flight_passages(const struct flight *flight)
{
	return flight->passages;
}

const struct err *
flight_end(const struct flight *flight, const struct flight_facts **facts)
{
	*facts = &flight->facts;
	return flight->err;
}
