/*
 * frames.c - see frames.h.
 */
#include "gateway/frames.h"

struct str
frames_type(enum stream_framing framing)
{
	return framing == STREAM_AWS ? STR("application/vnd.amazon.eventstream") : STR("text/event-stream");
}

void
frames_init(struct frames *frames, enum stream_framing framing, size_t frame_max)
{
	frames->framing = framing;
	if (framing == STREAM_AWS)
		eventstream_init(&frames->aws, frame_max);
	else
		sse_reader_init(&frames->sse, NULL, frame_max);
}

void
frames_fini(struct frames *frames)
{
	if (frames->framing == STREAM_AWS)
		eventstream_fini(&frames->aws);
	else
		sse_reader_fini(&frames->sse);
}

const struct err *
frames_feed(struct frames *frames, struct str piece)
{
	return frames->framing == STREAM_AWS ? eventstream_feed(&frames->aws, piece) : sse_reader_feed(&frames->sse, piece);
}

bool
frames_next(struct frames *frames, struct str *event, struct str *data)
{
	struct eventstream_message message;

	if (frames->framing == STREAM_SSE)
		return sse_reader_next(&frames->sse, event, data);
	if (!eventstream_next(&frames->aws, &message))
		return false;
	*event = message.name;
	*data = message.payload;
	return true;
}

const struct err *
frames_err(const struct frames *frames, struct arena *arena)
{
	if (frames->framing == STREAM_SSE || !frames->aws.broken)
		return NULL;
	return err_new(arena, ERR_UPSTREAM, "the provider's stream is damaged: %s", frames->aws.broken);
}
