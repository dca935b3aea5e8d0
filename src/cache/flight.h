/*
 * flight.h - an answer on its way, with any number of followers: calls that are the same at the same time share one.
 *
 * The first of them leads: it makes the call upstream, and says in the flight what comes. Followers read from there (rt/feed.h), on any loop, each from the beginning and at its own speed; nobody
 * waits for them. A flight ends by landing, with the answer's end or an error that all get alike; or it is given up by a leader that could not even begin (its own budget was
 * spent), and then those who wait are sent back to ask for themselves. An answer over FLIGHT_BYTES_MAX is the leader's alone: followers get an error.
 */
#pragma once

#include "cache/stored.h"
#include "crypto/hash.h"
#include "telemetry/price.h"

struct flights;
struct flight;

enum { FLIGHT_BYTES_MAX = 64 * 1024 * 1024 };

/* What a follower has to know beside the events: who answered, and what it would have cost. In the flight's memory. */
struct flight_facts {
	struct str provider, target_model;
	struct usage usage;
	struct price price;
	bool priced;
};

/* Somebody's place on a flight. In its frame or arena; left with flight_leave. */
struct flight_seat {
	struct flight *flight;
	struct feed_place place; /* of what was read */
	bool leads;
};

struct flights *flights_new(void);
void flights_free(struct flights *flights); /* nothing is in flight */

enum flight_role { FLIGHT_LEADS, FLIGHT_FOLLOWS };

/*
 * Gets on the flight of this key, or begins it. `key` NULL: one of its own that nobody else finds. Whoever leads calls flight_depart and flight_land, in this order, or neither.
 */
enum flight_role flight_board(struct flights *flights, const unsigned char *key, struct flight_seat *seat);

/* Whether somebody would be followed: begins nothing, and gets on if so. */
bool flight_follow(struct flights *flights, const unsigned char *key, struct flight_seat *seat);

/* --- the leader's --- */

/* The call is about to be made: what it is built on (or NULL; copied). NULL, or err_no_memory. */
const struct err *flight_depart(struct flight *flight, const struct passage_list *passages);

/* One event of the answer, as stored_pack made it. One that is longer than can be followed ends it for the followers. */
void flight_say(struct flight *flight, struct str packed);

/* No more events come. `err` and the facts are copied. */
void flight_land(struct flight *flight, const struct err *err, const struct flight_facts *facts);

/* The answer's events (stored_next), when it has landed with all of them; else NULL. */
struct feed *flight_answer(struct flight *flight);

/* True: nobody follows, and from now on nobody can. */
bool flight_close(struct flight *flight);

/* --- the followers' --- */

enum flight_word {
	FLIGHT_EVENT,     /* *out: as long as the seat is held */
	FLIGHT_LANDED,    /* flight_end tells how */
	FLIGHT_GIVEN_UP,  /* ask for yourself */
	FLIGHT_LEFT,      /* *err: the follower's own scope is over */
};

/* The next word. Before it waits, it flushes `sink` (may be NULL), whose error comes as FLIGHT_LEFT. */
MAY_PARK enum flight_word flight_next(struct flight_seat *seat, struct sink *sink, struct stored_event *out, const struct err **err);

/* Once there was an event or the end: what the answer is built on, or NULL. Once it has landed: how. Valid until flight_leave. */
const struct passage_list *flight_passages(const struct flight *flight);
const struct err *flight_end(const struct flight *flight, const struct flight_facts **facts);

/* Off it. The leader's ends the sharing, and gives up a flight that has not departed. Any order; the last one frees it. */
void flight_leave(struct flight_seat *seat);
