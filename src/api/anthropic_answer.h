/*
 * anthropic_answer.h - an answer as Anthropic's Messages have it: a row of blocks, one after the other, written whole or as named frames.
 *
 * `blocks` holds what is not written yet. Of a stream the first is being written: a piece of it goes out at once, a piece of another waits, since blocks do not interleave on this wire. A tool's
 * block is over when its arguments are a whole JSON object, for then nothing can follow; a text's or a thought's when another block begins. At the finish all that waits is
 * written, in order. A whole answer is the same row, written at its end.
 */
#pragma once

#include "gateway/event.h"

enum anthropic_block_type { BLOCK_TEXT, BLOCK_THINKING, BLOCK_REDACTED, BLOCK_TOOL };

struct anthropic_block {
	struct anthropic_block *next;
	enum anthropic_block_type type;
	unsigned item;
	struct str id, name;
	struct buf text;                /* what waits: text, thinking, arguments; the data of redacted thinking */
	struct str signature;
	struct buf citations;           /* JSON objects, comma between */
	unsigned depth;                 /* of a tool's arguments, as far as they came */
	bool in_string, escaped, complete;
};

struct anthropic_answer {
	struct arena *arena;
	const struct call *call;
	struct str id, model;
	struct anthropic_block *blocks, **blocks_end;
	unsigned index;                 /* of the block that is open, or is opened next */
	bool open, pinged;
	bool in_text;                   /* the open block came in frames that passed, and is a text */
	bool ended, stopped;            /* message_delta, message_stop came in frames that passed */
	bool cited;                     /* the answer is from passages: its text stays open for their citations, which come at the end */
	bool called;                    /* a tool was called */
	bool refused;                   /* the answer is a refusal in words */
	enum finish finish;
	struct str finish_text, stop;
	struct usage usage;
	int64_t input_estimate, output_estimate;
};

void anthropic_answer_init(struct anthropic_answer *answer, struct arena *arena, const struct call *call);

/* Takes an event into the row. NULL, or err_no_memory. */
const struct err *anthropic_answer_take(struct anthropic_answer *answer, const struct event *event);

/* Whether nothing can come to the block any more, before the finish. */
bool anthropic_block_is_over(const struct anthropic_answer *answer, const struct anthropic_block *block);

/* The whole message. ERR_UPSTREAM when a tool was called with arguments that are no JSON object. */
const struct err *anthropic_put_message(struct anthropic_answer *answer, struct json_out *out);

/* Its pieces, into the object that is open: the members it has from its start, with "content" left open; stop_reason and stop_sequence; usage. */
void anthropic_put_begin(const struct anthropic_answer *answer, struct json_out *out);
void anthropic_put_stop(const struct anthropic_answer *answer, struct json_out *out);

/* Input tokens leave out what a cache served or took. What nobody counted is estimated. */
void anthropic_put_usage(const struct anthropic_answer *answer, struct json_out *out);
void anthropic_put_figures(struct json_out *out, int64_t input, const struct usage *usage, int64_t output);

/* A block as it stands in a whole message, or as it begins in a stream: then without what its deltas bring. */
void anthropic_put_block(struct json_out *out, const struct anthropic_block *block, bool begins);

/*
 * Takes an event into the row, and adds to `frames` what may go out by it: whole frames. Memory that is out makes `frames` fail. The last two frames are anthropic_frames_end's, once
 * all events are in. anthropic_frames_pass adds the frame that an event came with instead; an answer that began so may go on in events of another dialect, from another target.
 */
void anthropic_frames_pass(struct anthropic_answer *answer, const struct event *event, struct buf *frames);
void anthropic_frames_add(struct anthropic_answer *answer, const struct event *event, struct buf *frames);
void anthropic_frames_end(struct anthropic_answer *answer, struct buf *frames);
