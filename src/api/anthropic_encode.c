/*
 * anthropic_encode.c - events to the client, as a stream of named frames or as one whole message.
 *
 * What comes in this very dialect goes out as it came; for all else the answer is a row of blocks (anthropic_answer.h). The last frames share one write.
 */
#include "api/anthropic.h"

enum { FRAME_MAX = 64 * 1024 * 1024, GATHERED_MAX = 16 * 1024, HEARTBEAT_US = 15 * 1000000 };

/* A frame that came in this dialect goes out as it came, unless citations are to come into it. */
static void
add_event(struct anthropic_encoder *encoder, struct buf *frames, const struct event *event)
{
	if (event->framed && !encoder->answer.cited)
		anthropic_frames_pass(&encoder->answer, event, frames);
	else
		anthropic_frames_add(&encoder->answer, event, frames);
}

static MAY_PARK const struct err *
send_frames(struct anthropic_encoder *encoder)
{
	const struct err *err = encoder->frames.len ? sse_send_raw(encoder->stream, buf_str(&encoder->frames)) : NULL;

	buf_clear(&encoder->frames);
	return err;
}

/* Frames of one piece from the upstream leave together, when they are flushed; those of the end with the end. */
static MAY_PARK const struct err *
stream_event(struct anthropic_encoder *encoder, const struct event *event)
{
	const struct err *err = encoder->stream ? NULL : sse_open(encoder->request->http, HEARTBEAT_US, &encoder->stream);

	if (err)
		return err;
	if (event->last && encoder->before_last == SIZE_MAX)
		encoder->before_last = encoder->frames.len;
	add_event(encoder, &encoder->frames, event);
	if (event->type == EVENT_START)
		encoder->base.id = event->id.len ? arena_dup(encoder->request->arena, event->id) : encoder->answer.id;
	if (encoder->frames.failed)
		return &err_no_memory;
	return !event->last && encoder->frames.len > GATHERED_MAX ? send_frames(encoder) : NULL;
}

/* --- whole --- */

static MAY_PARK const struct err *
answer_whole(struct anthropic_encoder *encoder)
{
	const struct err *err;
	struct json_out json;
	struct buf body;

	if (encoder->whole.len)
		return http_answer(encoder->request->http, 200, STR("application/json"), encoder->whole);
	buf_init(&body, NULL, 2 * (size_t)FRAME_MAX);
	json_out_init(&json, &body);
	err = anthropic_put_message(&encoder->answer, &json);
	if (!err)
		err = api_answer_json(encoder->request, 200, &json);
	buf_fini(&body);
	return err;
}

/* --- the encoder --- */

/* Reasoning that is not to be shown is one block without a text; its signature stays. */
static bool
is_hidden(struct anthropic_encoder *encoder, const struct event *event)
{
	bool hidden = encoder->call->reasoning_hidden && event->type == EVENT_REASONING && !event->framed, again = hidden && encoder->hiding;

	encoder->hiding = hidden;
	return again;
}

static MAY_PARK const struct err *
encoder_event(struct sink *sink, const struct event *event)
{
	struct anthropic_encoder *encoder = (struct anthropic_encoder *)sink;
	struct event silent = *event;

	if (is_hidden(encoder, event))
		return NULL;
	if (encoder->hiding) {
		silent.text = STR_EMPTY;
		event = &silent;
	}
	if (event->type == EVENT_START)
		encoder->answer.cited = encoder->call->passages && encoder->call->passages->count;
	if (encoder->call->stream)
		return stream_event(encoder, event);
	if (event->framed && event->frame.len)
		encoder->whole = event->frame; /* a whole answer is held back: its bytes live as long as the request */
	if (event->type == EVENT_CITATION)
		encoder->whole = STR_EMPTY; /* it lacks them */
	return anthropic_answer_take(&encoder->answer, event);
}

static MAY_PARK const struct err *
encoder_flush(struct sink *sink)
{
	struct anthropic_encoder *encoder = (struct anthropic_encoder *)sink;

	return encoder->stream ? send_frames(encoder) : NULL;
}

/* The end that did not come is taken back. */
static const struct err *
add_error(struct anthropic_encoder *encoder, const struct err *err)
{
	struct json_out json;
	struct buf body;

	if (encoder->frames.failed)
		buf_clear(&encoder->frames);
	else if (encoder->before_last < encoder->frames.len)
		encoder->frames.len = encoder->before_last;
	buf_init(&body, encoder->request->arena, KIB(64));
	json_out_init(&json, &body);
	anthropic_errors.write(&json, err, encoder->request->request_id);
	encoder->before_last = encoder->frames.len;
	dialect_frame_add(&encoder->frames, STR("error"), buf_str(&body));
	return encoder->frames.failed || body.failed ? &err_no_memory : NULL;
}

static const struct err *
add_end(struct anthropic_encoder *encoder)
{
	if (!encoder->ended)
		anthropic_frames_end(&encoder->answer, &encoder->frames);
	encoder->ended = true;
	return encoder->frames.failed ? &err_no_memory : NULL;
}

static const struct err *
encoder_last(struct encoder *base, const struct err *err, struct buf *out)
{
	struct anthropic_encoder *encoder = (struct anthropic_encoder *)base;
	const struct err *failed = err ? add_error(encoder, err) : add_end(encoder);

	buf_add(out, buf_str(&encoder->frames));
	return failed ? failed : buf_err(out);
}

static MAY_PARK const struct err *
encoder_end(struct encoder *base)
{
	struct anthropic_encoder *encoder = (struct anthropic_encoder *)base;
	const struct err *err = encoder->call->stream ? add_end(encoder) : NULL;

	if (!encoder->call->stream)
		return answer_whole(encoder);
	return err ? err : sse_end(encoder->stream, buf_str(&encoder->frames));
}

static MAY_PARK const struct err *
encoder_fail(struct encoder *base, const struct err *err)
{
	struct anthropic_encoder *encoder = (struct anthropic_encoder *)base;

	if (!encoder->stream || err->kind == ERR_CANCELLED) /* nothing was said yet, or nobody listens any more */
		return err;
	return add_error(encoder, err) || sse_end(encoder->stream, buf_str(&encoder->frames)) ? err : NULL;
}

const struct err *
anthropic_encoder_init(struct anthropic_encoder *encoder, struct api_request *request, const struct call *call)
{
	*encoder = (struct anthropic_encoder){
		.base = { .sink = { encoder_event, encoder_flush }, .end = encoder_end, .fail = encoder_fail, .kind = DURABLE_MESSAGES, .last = encoder_last },
		.request = request,
		.call = call,
		.before_last = SIZE_MAX,
	};
	anthropic_answer_init(&encoder->answer, request->arena, call);
	return buf_init_held(&encoder->frames, request->arena, 3 * (size_t)FRAME_MAX) ? NULL : &err_no_memory;
}
