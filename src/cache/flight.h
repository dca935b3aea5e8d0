/*
 * flight.h - an answer on its way, with any number of readers: calls that are the same at the same time share one.
 *
 * The first of them leads: it makes the call upstream, whose events go into the flight as they come. All read from there, the leader too, each from the beginning and at its
 * own speed, on any loop. What was said is kept for those who come later, up to FLIGHT_BYTES_MAX; beyond that nobody new is let on, what all have read is let go, and the upstream waits for
 * the slowest reader. A flight ends by landing, with the answer's end or an error that all get alike; or it is given up by a leader that could not even begin (its own budget
 * was spent), and then those who wait are sent back to ask for themselves.
 */
#pragma once

#include "cache/stored.h"
#include "crypto/hash.h"
#include "rt/wait.h"
#include "telemetry/price.h"

struct flights;
struct flight;

enum { FLIGHT_BYTES_MAX = 16 * 1024 * 1024 };

/* What a follower has to know beside the events: who answered, and what it would have cost. In the flight's memory. */
struct flight_facts {
	struct str provider, target_model;
	struct usage usage;
	struct price price;
	bool priced;
};

/* One reader's place. In its frame or arena; left with flight_leave. */
struct flight_reader {
	struct flight *flight;
	struct flight_reader *next, **link;
	struct stored_event *at;  /* last read; NULL: none */
	struct waiter *waiter;    /* while it waits */
	bool leads;
};

struct flights *flights_new(void);
void flights_free(struct flights *flights); /* nothing is in flight */

enum flight_role { FLIGHT_LEADS, FLIGHT_FOLLOWS };

/*
 * Gets on the flight of this key, or begins it. `key` NULL: one of its own that nobody else finds. Whoever leads calls flight_depart and flight_land, in this order, or neither.
 */
enum flight_role flight_board(struct flights *flights, const unsigned char *key, struct flight_reader *reader);

/* Whether somebody would be followed: begins nothing, and gets on if so. */
bool flight_follow(struct flights *flights, const unsigned char *key, struct flight_reader *reader);

/* --- the leader's --- */

/* The call is about to be made: what it is built on (or NULL; copied). NULL, or err_no_memory. */
const struct err *flight_depart(struct flight *flight, const struct passage_list *passages);

/* Give this to the gateway. Its events are copied; a flush lets the readers know. May wait for the slowest of them. */
struct sink *flight_sink(struct flight *flight);

/* No more events come. `err` and the facts are copied. */
void flight_land(struct flight *flight, const struct err *err, const struct flight_facts *facts);

/* All of the answer, when it has landed and nothing of it was let go; else NULL. */
const struct stored_event *flight_events(const struct flight *flight);

/* True: nobody follows, and from now on nobody can. */
bool flight_close(struct flight *flight);

/* --- every reader's --- */

enum flight_word {
	FLIGHT_EVENT,     /* *event: valid until the next call */
	FLIGHT_LANDED,    /* flight_end tells how */
	FLIGHT_GIVEN_UP,  /* ask for yourself */
	FLIGHT_ALONE,     /* to the leader, if it wants to know: nobody follows (any more) */
	FLIGHT_LEFT,      /* *err: the reader's own scope is over */
};

/* The next word. Before it waits, it flushes `sink` (may be NULL), whose error comes as FLIGHT_LEFT. */
MAY_PARK enum flight_word flight_next(struct flight_reader *reader, bool want_alone, struct sink *sink, const struct event **event, const struct err **err);

/* Departed, landed or given up: what followers may look at now. Valid until flight_leave. */
const struct passage_list *flight_passages(const struct flight *flight);
const struct err *flight_end(const struct flight *flight, const struct flight_facts **facts);

/* Off it. The leader's ends the sharing, and gives up a flight that has not departed. Any order; the last one frees it. */
void flight_leave(struct flight_reader *reader);
