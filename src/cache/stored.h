/*
 * stored.h - an answer as it is kept: the events that made it, in no dialect, and the passages that it was built on.
 *
 * A provider's frames are left out of what is kept, and pieces that followed one another are joined, so that an answer to a stream can be given as a whole and the other way round, in any
 * dialect. As text it is JSON; it is read back with every bound checked, although nobody but this program writes it.
 */
#pragma once

#include "gateway/event.h"

/* An event with all that it points to, in one piece of memory. */
struct stored_event {
	struct stored_event *next;
	uint64_t number;         /* in its answer */
	size_t bytes;            /* that it takes */
	struct event event;
	struct usage usage;
	struct citation citation;
};

/* On the heap, freed with free. With its frame, if it has one. */
struct stored_event *stored_event_new(const struct event *event);

/* The event for another answer than the one it came in: without its frame and without the answer's id. False: its frame is all it has. */
bool stored_event_plain(const struct event *event, struct event *out);

/* Why this is no answer to be given again ("length", "content_filter", "unfinished"); NULL: it is one. */
const char *stored_unfit(const struct stored_event *events);

/* The text. `passages` may be NULL. A failed buffer: it is longer than that may get. */
void stored_write(struct buf *out, const struct stored_event *events, const struct passage_list *passages);

struct stored {
	struct event *events;    /* START first, each choice's FINISH and what follows marked `last` */
	size_t count;
	struct passage_list *passages; /* without links; NULL: none */
};

/* Views lie in the arena. ERR_INTERNAL: it is not what stored_write has written. */
const struct err *stored_read(struct arena *arena, struct str text, struct stored *out);

/* A copy that shares nothing with the original, links left out; NULL: no memory. */
struct passage_list *stored_passages_copy(struct arena *arena, const struct passage_list *passages);
