/*
 * stored.h - an answer as it is kept: the events that made it, in no dialect, and the passages that it was built on.
 *
 * A provider's frames are left out of what is kept, and pieces that followed one another are joined, so that an answer to a stream can be given as a whole and the other way round, in any
 * dialect. As text it is JSON; it is read back with every bound checked, although nobody but this program writes it.
 */
#pragma once

#include "gateway/event.h"
#include "rt/feed.h"

/* An event as bytes, behind what is in `out`; its frame and its logprobs are left out. */
void stored_pack(struct buf *out, const struct event *event);

/* And back: `event` points into the bytes and into what lies beside it. */
struct stored_event {
	struct event event;
	struct usage usage;
	struct citation citation;
};
void stored_unpack(struct str bytes, struct stored_event *out);

/* The next event of a feed of such bytes (rt/feed.h); false when there is none (yet). */
bool stored_next(struct feed *feed, struct feed_place *place, struct stored_event *out);

/* The event for another answer than the one it came in: without its frame and without the answer's id. False: its frame is all it has. */
bool stored_event_plain(const struct event *event, struct event *out);

/* Why this is no answer to be given again ("length", "content_filter", "unfinished"); NULL: it is one. */
const char *stored_unfit(struct feed *events);

/* The text. `passages` may be NULL. A failed buffer: it is longer than that may get. */
void stored_write(struct buf *out, struct feed *events, const struct passage_list *passages);

struct stored {
	struct event *events;    /* START first, each choice's FINISH and what follows marked `last` */
	size_t count;
	struct passage_list *passages; /* without links; NULL: none */
};

/* Views lie in the arena. ERR_INTERNAL: it is not what stored_write has written. */
const struct err *stored_read(struct arena *arena, struct str text, struct stored *out);

/* A copy that shares nothing with what stored_read has read. False: no memory. */
bool stored_copy(struct arena *arena, const struct stored *stored, struct stored *out);

/* The same of passages, links left out; NULL: no memory. */
struct passage_list *stored_passages_copy(struct arena *arena, const struct passage_list *passages);
