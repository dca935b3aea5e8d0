/*
 * plan.h - the directives with which a test steers an answer, and the plan they make.
 *
 * The grammar is the same wherever they stand: `name`, `name=value`, or `name-digits`, separated by spaces, commas, semicolons or `+`;
 * a value in quotes ('…' or "…") may hold anything but that quote. They are read from the header `x-mock`, the model's name behind
 * `mock-fault-`, and the last user message inside `[mock …]`, in this order; a later one wins. README.md lists them.
 *
 * Where a directive names a place K in the body, it counts pieces: an event of a stream, or an eighth of a whole body.
 */
#ifndef MOCK_PLAN_H
#define MOCK_PLAN_H

#include "bytes.h"

enum {
	PLAN_OFF = -1,	/* the directive was not given */
	PLAN_HEAD = -2, /* a place: before the first byte of the head */
};

struct plan {
	/* instead of an answer */
	long status;	    /* HTTP status of an error; PLAN_OFF for an answer */
	long retry_after_s; /* the header's value; PLAN_OFF for none */
	long retry_date;    /* …as a date */
	long no_retry_after; /* a 429 is without one */
	long times;	    /* only the first so many requests with the same directives are steered; PLAN_OFF for all */

	/* time */
	long slow_headers_ms;
	long pace_ms; /* between two pieces */

	/* how the body ends: after so many pieces, or PLAN_HEAD */
	long stall_at;
	long close_at;
	long reset_at;
	long end_at;	  /* HTTP framing complete, contents not */
	long truncate_at; /* as end_at, with the piece before it cut in half */

	/* what a piece is replaced with */
	long error_at;
	long garbage_at;

	/* contents */
	long chunks; /* words of the answer; PLAN_OFF as many as the text has */
	long huge_mb;
	long endless;
	long long_line_kb;
	long bad_utf8;
	long tool_calls;
	long thinking;
	long filter_prompt; /* the service's filter refuses the prompt */
	long redacted;
	long cite;
	long server_tool;
	long interleave; /* the tool calls' arguments come by turns */
	long no_usage;
	long other_way; /* a stream where a whole answer was asked for, and the reverse */
	long no_done;
	long crlf;
	long comments;

	/* usage, where a test wants figures of its own; PLAN_OFF for counted words */
	long prompt_tokens;
	long completion_tokens;
	long cached_tokens;
	long cache_write_tokens;
	long audio_tokens; /* of the prompt; cached ones are among them */
	long image_tokens;
	long cached_audio_tokens; /* PLAN_OFF: nothing says what was cached */
	long audio_output_tokens;
	long image_output_tokens;
	long web_searches;
	long cache_write_1h_tokens; /* of the written ones */
	long citation_tokens;
	long reported_cost; /* 1e-9 dollar, which the usage says; PLAN_OFF: it says nothing */
	long research_tokens; /* Perplexity's reasoning of deep research: beside the answer's tokens */

	/* HTTP */
	long gzip;
	long http10;
	long bytewise;
	long chunked;
	long connection_close;
	long length_over;
	long length_under;
	long headers;

	/* texts; views into `source` */
	struct str say;
	struct str args;
	struct str finish;
	struct str like; /* a server that speaks OpenAI's wire with differences */
	struct str stop_sequence;
	struct str tier; /* the kind of service it was */
	struct str search_size; /* Perplexity's search_context_size */
	struct str content_type;

	struct bytes source; /* all directives, each source behind the other */
};

/* Resets `plan` to "answer normally", keeping its memory. */
void plan_clear(struct plan *plan);

/* Takes over the directives from the three places they may stand in (empty views where there are none). False if one of them is
 * unknown or has no number where it needs one; `*culprit` is then a view of it. */
bool plan_read(struct plan *plan, struct str header, struct str model, struct str message, struct str *culprit);

/* Counts this request against `times` of its directives; true if they are used up and it is to be answered normally. */
bool plan_is_spent(const struct plan *plan);

/* Forgets all counts. */
void plan_reset(void);

void plan_free(struct plan *plan);

#endif
