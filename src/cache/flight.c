/*
 * flight.c - see flight.h.
 *
 * Two locks: one around the table of what is in flight, one in each flight; who needs both takes the table's first. Nobody waits while holding one. A reader that waits leaves
 * a counted waiter in its place; whoever has news takes the waiters out under the lock and wakes them outside.
 */
#include "cache/flight.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

enum { FLIGHT_ARENA_MAX = 32 * 1024 * 1024, WAKES_AT_ONCE = 64 };

enum state { BOARDING, DEPARTED, LANDED, GIVEN_UP };

struct flights {
	pthread_mutex_t lock;
	struct map by_key; /* those that can be boarded */
};

struct flight {
	struct sink sink;
	struct flights *flights;
	struct arena *arena;          /* the leader's to allocate from, until it has landed */
	unsigned char key[HASH_SHA256_SIZE];
	bool shared;                  /* it has a key. What follows is under the lock */
	pthread_mutex_t lock;
	bool open;                    /* it is in the table */
	bool trimmed;                 /* its beginning was let go */
	enum state state;
	struct flight_reader *readers;
	unsigned reader_count, refs;  /* refs: readers, and those on their way out */
	struct stored_event *first, *last;
	uint64_t count;
	size_t bytes;
	struct waiter *writer;        /* the leader's call, waiting for the slowest reader */
	struct passage_list *passages;
	const struct err *err;
	struct flight_facts facts;
};

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

/* --- news --- */

/* Under the lock: takes the waiters of readers out, at most as many as there is room for. */
static size_t
take_waiters(struct flight *flight, struct waiter **out, size_t room)
{
	size_t count = 0;

	for (struct flight_reader *reader = flight->readers; reader && count < room; reader = reader->next) {
		if (!reader->waiter)
			continue;
		out[count++] = reader->waiter;
		reader->waiter = NULL;
	}
	return count;
}

static void
wake_readers(struct flight *flight)
{
	struct waiter *waiters[WAKES_AT_ONCE];
	size_t count;

	do {
		pthread_mutex_lock(&flight->lock);
		count = take_waiters(flight, waiters, COUNT(waiters));
		pthread_mutex_unlock(&flight->lock);
		for (size_t i = 0; i < count; i++) {
			wait_wake(waiters[i]);
			waiter_unref(waiters[i]);
		}
	} while (count == COUNT(waiters));
}

/* Under the lock: the leader's call, if it waits; the caller wakes it outside. */
static struct waiter *
take_writer(struct flight *flight)
{
	struct waiter *writer = flight->writer;

	flight->writer = NULL;
	return writer;
}

static void
wake(struct waiter *waiter)
{
	if (!waiter)
		return;
	wait_wake(waiter);
	waiter_unref(waiter);
}

/* --- boarding --- */

static struct flight *
flight_new(struct flights *flights, const unsigned char *key, struct sink sink)
{
	struct arena *arena = arena_new(FLIGHT_ARENA_MAX);
	struct flight *flight = mem_zalloc(sizeof(*flight));

	flight->sink = sink;
	flight->flights = flights;
	flight->arena = arena;
	flight->shared = key != NULL;
	if (key)
		memcpy(flight->key, key, sizeof(flight->key));
	pthread_mutex_init(&flight->lock, NULL);
	return flight;
}

static void
flight_free(struct flight *flight)
{
	struct stored_event *next;

	for (struct stored_event *at = flight->first; at; at = next) {
		next = at->next;
		free(at);
	}
	pthread_mutex_destroy(&flight->lock);
	arena_free(flight->arena);
	free(flight);
}

static struct str
key_of(const struct flight *flight)
{
	return str_n((const char *)flight->key, sizeof(flight->key));
}

/* Under both locks. */
static void
shut(struct flight *flight)
{
	if (flight->open)
		map_remove(&flight->flights->by_key, key_of(flight));
	flight->open = false;
}

static void
board(struct flight *flight, struct flight_reader *reader, bool leads)
{
	*reader = (struct flight_reader){ .flight = flight, .leads = leads };
	pthread_mutex_lock(&flight->lock);
	reader->link = &flight->readers;
	reader->next = flight->readers;
	if (reader->next)
		reader->next->link = &reader->next;
	flight->readers = reader;
	flight->reader_count++;
	flight->refs++;
	pthread_mutex_unlock(&flight->lock);
}

static MAY_PARK const struct err *flight_event(struct sink *sink, const struct event *event);
static MAY_PARK const struct err *flight_flush(struct sink *sink);

bool
flight_follow(struct flights *flights, const unsigned char *key, struct flight_reader *reader)
{
	struct flight *flight;

	pthread_mutex_lock(&flights->lock);
	flight = map_get(&flights->by_key, str_n((const char *)key, HASH_SHA256_SIZE));
	if (flight)
		board(flight, reader, false);
	pthread_mutex_unlock(&flights->lock);
	return flight != NULL;
}

enum flight_role
flight_board(struct flights *flights, const unsigned char *key, struct flight_reader *reader)
{
	const struct sink sink = { flight_event, flight_flush };
	struct flight *flight;

	if (!key) {
		board(flight_new(flights, NULL, sink), reader, true);
		return FLIGHT_LEADS;
	}
	pthread_mutex_lock(&flights->lock);
	flight = map_get(&flights->by_key, str_n((const char *)key, HASH_SHA256_SIZE));
	if (flight) {
		board(flight, reader, false);
	} else {
		struct flight *own = flight_new(flights, key, sink);

		own->open = true;
		map_put(&flights->by_key, key_of(own), own);
		board(own, reader, true);
	}
	pthread_mutex_unlock(&flights->lock);
	return flight ? FLIGHT_FOLLOWS : FLIGHT_LEADS;
}

/* Takes the reader's place away, under both locks. */
static void
get_off(struct flight *flight, struct flight_reader *reader)
{
	if (reader->leads && flight->state == BOARDING)
		flight->state = GIVEN_UP;
	*reader->link = reader->next;
	if (reader->next)
		reader->next->link = reader->link;
	if (--flight->reader_count == 0 || reader->leads)
		shut(flight);
}

void
flight_leave(struct flight_reader *reader)
{
	struct flight *flight = reader->flight;
	struct waiter *writer;
	bool last;

	pthread_mutex_lock(&flight->flights->lock);
	pthread_mutex_lock(&flight->lock);
	get_off(flight, reader);
	writer = take_writer(flight);
	pthread_mutex_unlock(&flight->flights->lock);
	pthread_mutex_unlock(&flight->lock);
	wake(writer);
	wake_readers(flight); /* the leader may want to know that it is alone, followers that it was given up */
	pthread_mutex_lock(&flight->lock);
	last = --flight->refs == 0;
	pthread_mutex_unlock(&flight->lock);
	if (last)
		flight_free(flight);
	reader->flight = NULL;
}

bool
flight_close(struct flight *flight)
{
	bool alone;

	pthread_mutex_lock(&flight->flights->lock);
	pthread_mutex_lock(&flight->lock);
	alone = flight->reader_count == 1;
	if (alone)
		shut(flight);
	pthread_mutex_unlock(&flight->lock);
	pthread_mutex_unlock(&flight->flights->lock);
	return alone;
}

/* --- the leader's call --- */

struct sink *
flight_sink(struct flight *flight)
{
	return &flight->sink;
}

const struct err *
flight_depart(struct flight *flight, const struct passage_list *passages)
{
	struct passage_list *copy = passages ? stored_passages_copy(flight->arena, passages) : NULL;

	if (passages && !copy)
		return &err_no_memory;
	pthread_mutex_lock(&flight->lock);
	flight->passages = copy;
	flight->state = DEPARTED;
	pthread_mutex_unlock(&flight->lock);
	return NULL;
}

/* Under the lock: lets go of what all have read. The event that a reader read last is still its own. */
static void
trim(struct flight *flight)
{
	uint64_t oldest = UINT64_MAX;

	for (const struct flight_reader *reader = flight->readers; reader; reader = reader->next)
		oldest = reader->at && reader->at->number < oldest ? reader->at->number : reader->at ? oldest : 0;
	while (flight->first && flight->first != flight->last && flight->first->number < oldest) {
		struct stored_event *gone = flight->first;

		flight->first = gone->next;
		flight->bytes -= gone->bytes;
		flight->trimmed = true;
		free(gone);
	}
}

/* Over the bound: nobody new, and no more until the slowest has read on. */
static MAY_PARK const struct err *
make_room(struct flight *flight)
{
	const struct err *err = NULL;

	pthread_mutex_lock(&flight->flights->lock);
	pthread_mutex_lock(&flight->lock);
	shut(flight);
	pthread_mutex_unlock(&flight->flights->lock);
	for (;;) {
		struct waiter *waiter;

		trim(flight);
		if (err || flight->bytes <= FLIGHT_BYTES_MAX)
			break;
		waiter = waiter_new();
		flight->writer = waiter_ref(waiter);
		pthread_mutex_unlock(&flight->lock);
		wake_readers(flight);
		err = wait_for(waiter);
		waiter_unref(waiter);
		pthread_mutex_lock(&flight->lock);
		waiter = take_writer(flight); /* when it was not woken but cancelled */
		if (waiter)
			waiter_unref(waiter);
	}
	pthread_mutex_unlock(&flight->lock);
	return err;
}

static MAY_PARK const struct err *
flight_event(struct sink *sink, const struct event *event)
{
	struct flight *flight = (struct flight *)sink;
	struct stored_event *stored = stored_event_new(event);
	bool full;

	pthread_mutex_lock(&flight->lock);
	stored->number = ++flight->count;
	if (flight->last)
		flight->last->next = stored;
	else
		flight->first = stored;
	flight->last = stored;
	flight->bytes += stored->bytes;
	full = flight->bytes > FLIGHT_BYTES_MAX;
	pthread_mutex_unlock(&flight->lock);
	return full ? make_room(flight) : NULL;
}

static MAY_PARK const struct err *
flight_flush(struct sink *sink)
{
	wake_readers((struct flight *)sink);
	return NULL;
}

void
flight_land(struct flight *flight, const struct err *err, const struct flight_facts *facts)
{
	const struct err *copy = err ? err_copy(flight->arena, err) : NULL;
	struct flight_facts own = *facts;

	own.provider = arena_dup(flight->arena, facts->provider);
	own.target_model = arena_dup(flight->arena, facts->target_model);
	own.price.version = arena_dup(flight->arena, facts->price.version);
	pthread_mutex_lock(&flight->lock);
	flight->err = copy;
	flight->facts = own;
	flight->state = LANDED;
	pthread_mutex_unlock(&flight->lock);
	wake_readers(flight);
}

const struct stored_event *
flight_events(const struct flight *flight)
{
	return flight->state == LANDED && !flight->err && !flight->trimmed ? flight->first : NULL;
}

/* --- reading --- */

/* Under the lock. */
static bool
next_word(struct flight_reader *reader, bool want_alone, enum flight_word *word)
{
	struct flight *flight = reader->flight;
	struct stored_event *next = reader->at ? reader->at->next : flight->first;

	if (flight->state == GIVEN_UP) {
		*word = FLIGHT_GIVEN_UP;
	} else if (next && flight->state != BOARDING) {
		reader->at = next;
		*word = FLIGHT_EVENT;
	} else if (flight->state == LANDED) {
		*word = FLIGHT_LANDED;
	} else if (want_alone && flight->reader_count == 1) {
		*word = FLIGHT_ALONE;
	} else {
		return false;
	}
	return true;
}

MAY_PARK enum flight_word
flight_next(struct flight_reader *reader, bool want_alone, struct sink *sink, const struct event **event, const struct err **err)
{
	struct flight *flight = reader->flight;
	struct waiter *waiter, *writer, *left;
	enum flight_word word;
	bool found;

	*err = NULL;
	for (;;) {
		pthread_mutex_lock(&flight->lock);
		found = next_word(reader, want_alone, &word);
		writer = take_writer(flight);
		waiter = found || sink ? NULL : waiter_new();
		if (waiter)
			reader->waiter = waiter_ref(waiter);
		pthread_mutex_unlock(&flight->lock);
		wake(writer);
		if (found)
			break;
		if (sink) {
			*err = sink_flush(sink);
			sink = NULL; /* and look again, since that may have taken its time */
		} else {
			*err = wait_for(waiter);
			waiter_unref(waiter);
			pthread_mutex_lock(&flight->lock);
			left = reader->waiter;
			reader->waiter = NULL;
			pthread_mutex_unlock(&flight->lock);
			if (left)
				waiter_unref(left);
		}
		if (*err)
			return FLIGHT_LEFT;
	}
	*event = word == FLIGHT_EVENT ? &reader->at->event : NULL;
	return word;
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
