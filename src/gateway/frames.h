/*
 * frames.h - the frames of a provider's stream, whichever way they are cut.
 */
#pragma once

#include "gateway/provider.h"
#include "net/eventstream.h"
#include "net/sse.h"

struct frames {
	enum stream_framing framing;
	struct sse_reader sse;
	struct eventstream aws;
};

/* The content type of a stream that is cut so. */
struct str frames_type(enum stream_framing framing);

void frames_init(struct frames *frames, enum stream_framing framing, size_t frame_max);
void frames_fini(struct frames *frames);

/* ERR_TOO_LARGE: a frame over the maximum. The piece is copied. */
const struct err *frames_feed(struct frames *frames, struct str piece);

/* True and the next frame, valid until the next call; false: a whole one is not there, or never will be (frames_err). */
bool frames_next(struct frames *frames, struct str *event, struct str *data);

/* ERR_UPSTREAM (in arena) once the bytes are no frames any more. */
const struct err *frames_err(const struct frames *frames, struct arena *arena);
