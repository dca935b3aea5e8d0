/*
 * relay.h - the sink between the attempts of one call and the one answer that the client sees.
 *
 * An answer's START is held until the first content follows, when another attempt could still take over: until then a failure leaves no trace. After that the client has a part of the
 * answer; what comes from a further attempt is made its continuation: one START, one id, one usage that sums up all.
 */
#pragma once

#include "gateway/event.h"

enum { RELAY_TEXT_MAX = 64 * 1024 * 1024 };

struct relay {
	struct sink sink;            /* give this to the attempts */
	struct sink *out;
	struct arena *arena;         /* of the request */
	bool hold;                   /* START waits for content */
	bool filter_fails;           /* a filter that ends the answer before any of it was sent is a failure: another target is there for that */
	bool completion;             /* of a legacy completion: what came of another wire gets ids of this one */
	bool keep;                   /* the text is kept, so that another attempt can continue it */
	struct event *start;         /* held, copied; or NULL */
	bool sent;                   /* something went to `out` in this or an earlier attempt */
	bool finished;               /* a FINISH was among it */
	bool out_failed;             /* `out` returned an error: the client's fault, not the target's */
	bool plain;                  /* nothing but the first choice's text and reasoning was sent: it can be continued */
	bool continuing;
	bool trim;                   /* white space at the beginning of the continuation was sent before */
	int64_t first_us;            /* monotonic, of the first event of this attempt; 0: none */
	struct buf text;             /* the first choice's, of all attempts */
	size_t text_from;            /* where this attempt's begins */
	struct usage before;         /* of the attempts before this one, for the client's sum */
};

/* NULL, or err_no_memory. */
const struct err *relay_init(struct relay *relay, struct arena *arena, struct sink *out, bool hold, bool keep);

/* Before each attempt. What the last one left held is forgotten. */
void relay_begin(struct relay *relay);

/* Whether the next attempt can continue what was sent: text alone, one choice, no end yet. */
bool relay_can_continue(const struct relay *relay, const struct call *call);

/*
 * The call that asks for the rest: the text so far as the last message, the assistant's; its trailing white space is left out, which some services refuse, and dropped from the
 * beginning of what follows. Without any text it is the call itself. NULL when memory is out.
 */
struct call *relay_continue(struct relay *relay, const struct call *call);
