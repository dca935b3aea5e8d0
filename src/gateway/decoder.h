/*
 * decoder.h - one answer of a provider being read: what is known of it, and what the decoders of all wires do alike.
 */
#pragma once

#include "conf/models.h"
#include "gateway/event.h"

enum { DECODER_FRAME_MAX = 192 * 1024 * 1024 };

struct target;

/* Reads one answer; made per attempt, in the attempt's arena. */
struct decoder {
	struct arena *arena;
	const struct call *call;
	const struct target *target;
	const struct provider *wire; /* what writes the request and reads the answer: provider_wire; NULL: the target's kind */
	struct sink *sink;
	bool started, finished;      /* START was sent; a FINISH was seen */
	bool asked;                  /* the request went out, or may have */
	bool accepted;               /* the answer's status was one of success */
	bool refused;                /* it was an answer all the same, with an error that says why */
	bool done;                   /* the provider's end of stream was seen ("[DONE]", message_stop) */
	bool last;                   /* for decoder_emit: a finish was seen, nothing goes out any more before the record */
	unsigned finishes;
	struct usage usage;          /* as far as it is known */
	struct arena *frame;         /* of the frame being read, or of a whole answer */
	void *state;                 /* the provider's own */
};

/*
 * Reads a frame or a whole answer into decoder->frame, which is emptied before; the first time it makes decoder->state, `state_size` zeros. *out NULL: it is no JSON.
 * err_no_memory.
 */
const struct err *decoder_read(struct decoder *decoder, size_t state_size, struct str text, const struct json **out);

/* The same for a wire whose frames are JSON objects. ERR_UPSTREAM: this one is not. */
const struct err *decoder_read_frame(struct decoder *decoder, size_t state_size, struct str data, const struct json **out);

/* An event with its `last`. */
static inline MAY_PARK const struct err *
decoder_emit(struct decoder *decoder, struct event event)
{
	event.last = decoder->last;
	return sink_send(decoder->sink, &event);
}

/* The usage, where it is known: `end` of a provider that says it with or behind its finish. */
MAY_PARK const struct err *decoder_emit_usage(struct decoder *decoder);

/* Whether the provider has read the input, or may have, and will bill it: not when it refused the call or was not reached. `err`: how the attempt ended. */
bool decoder_was_read(const struct decoder *decoder, const struct err *err);

/* A value as text, in decoder->frame. ptr NULL: out of memory. */
struct str decoder_json_text(struct decoder *decoder, const struct json *value);
