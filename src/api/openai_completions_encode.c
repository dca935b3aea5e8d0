/*
 * openai_completions_encode.c - events to legacy completions: chunks, or one whole answer.
 *
 * A target that serves completions has its frames passed on as they are. What came from a chat is written here: text and the reasons why it ends; reasoning and citations have no place in
 * this dialect. Logprobs are null: who asked for them has been sent to a target of the first kind.
 */
#include "api/openai_completions.h"
#include "base/clock.h"
#include "base/random.h"

enum { FRAME_MAX = 64 * 1024 * 1024, HEARTBEAT_US = 15 * 1000000 };

static void
remember_start(struct completion_encoder *encoder, const struct event *event)
{
	struct arena *arena = encoder->request->arena;
	struct id id = id_new();

	encoder->id = event->id.len ? arena_dup(arena, event->id) : arena_printf(arena, "cmpl-%" STR_F, STR_A(id_str(&id)));
	encoder->model = arena_dup(arena, event->model.len ? event->model : encoder->call->model);
	encoder->created = (event->created_us ? event->created_us : clock_wall_us()) / USEC_PER_SEC;
}

static void
begin_answer(const struct completion_encoder *encoder, struct json_out *out)
{
	json_begin_object(out);
	json_set_string(out, "id", encoder->id);
	json_set_string(out, "object", STR("text_completion"));
	json_set_int(out, "created", encoder->created);
	json_set_string(out, "model", encoder->model);
	json_set_array(out, "choices");
}

static void
put_choice(struct json_out *out, unsigned index, struct str text, struct str finish)
{
	json_begin_object(out);
	json_set_string(out, "text", text);
	json_set_int(out, "index", index);
	json_set_null(out, "logprobs");
	if (finish.len)
		json_set_string(out, "finish_reason", finish);
	else
		json_set_null(out, "finish_reason");
	json_end_object(out);
}

/* --- as a stream --- */

static void
put_chunk(const struct completion_encoder *encoder, struct json_out *out, const struct event *event)
{
	bool said = event->type == EVENT_TEXT || event->type == EVENT_REFUSAL || event->type == EVENT_FINISH;
	bool usage = event->type == EVENT_USAGE && encoder->call->include_usage;

	if (!said && !usage)
		return;
	begin_answer(encoder, out);
	if (said)
		put_choice(out, event->choice, event->type == EVENT_FINISH ? STR_EMPTY : event->text, event->type == EVENT_FINISH ? finish_name(event->finish) : STR_EMPTY);
	json_end_array(out);
	if (usage)
		openai_usage_put(out, event->usage);
	else if (encoder->call->include_usage)
		json_set_null(out, "usage");
	json_end_object(out);
}

/* The frame's bytes when it came in this dialect, else a chunk of our own; empty when there is nothing to send. */
static struct str
frame_data(const struct completion_encoder *encoder, const struct event *event, struct buf *chunk)
{
	struct json_out json;

	if (event->framed)
		return event->type == EVENT_USAGE && !encoder->call->include_usage ? STR_EMPTY : event->frame;
	json_out_init(&json, chunk);
	put_chunk(encoder, &json, event);
	return buf_str(chunk);
}

static MAY_PARK const struct err *
stream_event(struct completion_encoder *encoder, const struct event *event)
{
	const struct err *err = NULL;
	struct buf chunk;
	struct str data;

	if (event->type == EVENT_START)
		remember_start(encoder, event);
	if (!encoder->stream)
		err = sse_open(encoder->request->http, HEARTBEAT_US, &encoder->stream);
	if (err)
		return err;
	buf_init(&chunk, NULL, FRAME_MAX);
	data = frame_data(encoder, event, &chunk);
	if (chunk.failed) {
		err = &err_no_memory;
	} else if (!event->last && data.len) {
		err = sse_gather(encoder->stream, STR_EMPTY, data);
	} else if (data.len) {
		dialect_frame_add(&encoder->tail, STR_EMPTY, data);
		err = buf_err(&encoder->tail);
	}
	buf_fini(&chunk);
	return err;
}

/* --- whole --- */

static const struct err *
gather(struct completion_encoder *encoder, const struct event *event)
{
	struct buf *text;

	if (event->type == EVENT_START) {
		remember_start(encoder, event);
		encoder->whole = event->framed ? event->frame : STR_EMPTY; /* held back: its bytes live as long as the request */
	}
	if (event->type == EVENT_USAGE) {
		encoder->usage = *event->usage;
		encoder->usage_known = true;
	}
	if (encoder->whole.len || (event->type != EVENT_TEXT && event->type != EVENT_REFUSAL && event->type != EVENT_FINISH))
		return NULL;
	if (event->choice >= ENCODER_CHOICES_MAX)
		return err_new(encoder->request->arena, ERR_UPSTREAM, "the provider sent more choices than were asked for");
	text = &encoder->texts[event->choice];
	if (!text->max && !buf_init_held(text, encoder->request->arena, FRAME_MAX))
		return &err_no_memory;
	encoder->choices = event->choice < encoder->choices ? encoder->choices : event->choice + 1;
	if (event->type == EVENT_FINISH)
		encoder->finishes[event->choice] = event->finish;
	else
		buf_add(text, event->text);
	return buf_err(text);
}

static MAY_PARK const struct err *
answer_whole(struct completion_encoder *encoder)
{
	const struct err *err;
	struct json_out json;
	struct buf body;

	if (encoder->whole.len)
		return http_answer(encoder->request->http, 200, STR("application/json"), encoder->whole);
	buf_init(&body, NULL, 2 * (size_t)FRAME_MAX);
	json_out_init(&json, &body);
	begin_answer(encoder, &json);
	for (unsigned i = 0; i < encoder->choices; i++)
		put_choice(&json, i, buf_str(&encoder->texts[i]), finish_name(encoder->finishes[i]));
	json_end_array(&json);
	if (encoder->usage_known)
		openai_usage_put(&json, &encoder->usage);
	json_end_object(&json);
	err = api_answer_json(encoder->request, 200, &json);
	buf_fini(&body);
	return err;
}

/* --- the encoder --- */

static MAY_PARK const struct err *
encoder_event(struct sink *sink, const struct event *event)
{
	struct completion_encoder *encoder = (struct completion_encoder *)sink;

	return encoder->call->stream ? stream_event(encoder, event) : gather(encoder, event);
}

static MAY_PARK const struct err *
encoder_flush(struct sink *sink)
{
	struct completion_encoder *encoder = (struct completion_encoder *)sink;

	return encoder->stream ? sse_flush(encoder->stream) : NULL;
}

static MAY_PARK const struct err *
encoder_end(struct encoder *base)
{
	struct completion_encoder *encoder = (struct completion_encoder *)base;

	if (!encoder->call->stream)
		return answer_whole(encoder);
	buf_add(&encoder->tail, STR("data: [DONE]\n\n"));
	return encoder->tail.failed ? &err_no_memory : sse_end(encoder->stream, buf_str(&encoder->tail));
}

static MAY_PARK const struct err *
encoder_fail(struct encoder *base, const struct err *err)
{
	struct completion_encoder *encoder = (struct completion_encoder *)base;

	return openai_stream_fail(encoder->request, encoder->stream, err);
}

const struct err *
completion_encoder_init(struct completion_encoder *encoder, struct api_request *request, const struct call *call)
{
	*encoder = (struct completion_encoder){
		.base = { .sink = { encoder_event, encoder_flush }, .end = encoder_end, .fail = encoder_fail },
		.request = request,
		.call = call,
	};
	return buf_init_held(&encoder->tail, request->arena, FRAME_MAX) ? NULL : &err_no_memory;
}
