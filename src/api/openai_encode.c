/*
 * openai_encode.c - see openai_encode.h.
 *
 * Frames that come in this very dialect go out as they came; only what corbel adds, and a usage the client did not ask for left out, is written here. The last frames and
 * [DONE] share one write.
 */
#include "api/openai_encode.h"
#include "base/clock.h"
#include "base/random.h"

enum { HEARTBEAT_US = 15 * 1000000 };

/* --- what both ways share --- */

static void
set_some(struct json_out *out, const char *key, int64_t tokens)
{
	if (tokens)
		json_set_int(out, key, tokens);
}

void
openai_usage_put(struct json_out *out, const struct usage *usage)
{
	json_set_object(out, "usage");
	json_set_int(out, "prompt_tokens", usage->input);
	json_set_int(out, "completion_tokens", usage->output);
	json_set_int(out, "total_tokens", usage->input + usage->output);
	json_set_object(out, "prompt_tokens_details");
	json_set_int(out, "cached_tokens", usage->cached_input);
	set_some(out, "audio_tokens", usage->audio_input + usage->cached_audio);
	set_some(out, "image_tokens", usage->image_input);
	json_end_object(out);
	json_set_object(out, "completion_tokens_details");
	json_set_int(out, "reasoning_tokens", usage->reasoning);
	set_some(out, "audio_tokens", usage->audio_output);
	json_end_object(out);
	json_end_object(out);
}

void
openai_finish_put(struct json_out *out, struct str finish)
{
	if (finish.len)
		json_set_string(out, "finish_reason", finish);
	else
		json_set_null(out, "finish_reason");
}

void
openai_answer_begin(const struct openai_encoder *encoder, struct json_out *out, const char *object)
{
	json_begin_object(out);
	json_set_string(out, "id", encoder->id);
	json_set_string(out, "object", str_of(object));
	json_set_int(out, "created", encoder->created);
	json_set_string(out, "model", encoder->model);
	json_set_array(out, "choices");
}

static void
remember_start(struct openai_encoder *encoder, const struct event *event)
{
	struct arena *arena = encoder->request->arena;
	struct id id = id_new();

	encoder->id = event->id.len ? arena_dup(arena, event->id) : arena_printf(arena, "%s%" STR_F, encoder->form->id_prefix, STR_A(id_str(&id)));
	encoder->model = arena_dup(arena, event->model.len ? event->model : encoder->call->model);
	encoder->base.id = encoder->id;
	encoder->created = (event->created_us ? event->created_us : clock_wall_us()) / USEC_PER_SEC;
}

const struct err *
openai_choice_check(const struct openai_encoder *encoder, const struct event *event)
{
	return event->choice < ENCODER_CHOICES_MAX ? NULL : err_new(encoder->request->arena, ERR_UPSTREAM, "the provider sent more choices than were asked for");
}

/* --- as a stream --- */

/* A provider is always asked for the usage, and then says with each chunk that it comes later. A client that did not ask for it has no such member. */
static struct str
without_null_usage(struct str frame, struct buf *chunk)
{
	static const struct str name = STR_INIT("\"usage\":");
	size_t from = str_find(frame, name, 0), to;

	if (from == SIZE_MAX) /* its quotes are no text's: those are escaped */
		return frame;
	for (to = from + name.len; to < frame.len && frame.ptr[to] == ' ';)
		to++;
	if (!str_starts(str_slice(frame, to, frame.len), STR("null")))
		return frame;
	to += 4;
	while (from > 0 && frame.ptr[from - 1] == ' ')
		from--;
	if (from == 0 || frame.ptr[from - 1] != ',')
		return frame;
	buf_add(chunk, str_slice(frame, 0, from - 1));
	buf_add(chunk, str_slice(frame, to, frame.len));
	return buf_str(chunk);
}

/* The frame's bytes when it came in this dialect, else a chunk of our own; empty when there is nothing to send. */
static struct str
frame_data(struct openai_encoder *encoder, const struct event *event, struct buf *chunk)
{
	struct json_out json;

	if (event->framed && encoder->call->include_usage)
		return event->frame;
	if (event->framed)
		return event->type == EVENT_USAGE ? STR_EMPTY : without_null_usage(event->frame, chunk);
	json_out_init(&json, chunk);
	encoder->form->put_chunk(encoder, &json, event);
	return buf_str(chunk);
}

static MAY_PARK const struct err *
stream_event(struct openai_encoder *encoder, const struct event *event)
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
	buf_init(&chunk, NULL, ENCODER_BYTES_MAX);
	data = frame_data(encoder, event, &chunk);
	if (chunk.failed) {
		err = &err_no_memory;
	} else if (!event->last && data.len) {
		err = sse_gather(encoder->stream, STR_EMPTY, data);
	} else if (data.len) {
		if (encoder->form->add_ahead)
			encoder->form->add_ahead(encoder, &encoder->tail);
		dialect_frame_add(&encoder->tail, STR_EMPTY, data);
		err = buf_err(&encoder->tail);
	}
	buf_fini(&chunk);
	return err;
}

/* --- whole --- */

static const struct err *
gather(struct openai_encoder *encoder, const struct event *event)
{
	if (event->type == EVENT_START) {
		remember_start(encoder, event);
		encoder->whole = event->framed ? event->frame : STR_EMPTY; /* held back: its bytes live as long as the request */
	}
	if (event->type == EVENT_USAGE) {
		encoder->usage = *event->usage;
		encoder->usage_known = true;
	}
	return encoder->form->gather(encoder, event);
}

static MAY_PARK const struct err *
answer_whole(struct openai_encoder *encoder)
{
	const struct err *err;
	struct json_out json;
	struct buf body;

	if (encoder->whole.len)
		return http_answer(encoder->request->http, 200, STR("application/json"), encoder->whole);
	buf_init(&body, NULL, 2 * (size_t)ENCODER_BYTES_MAX);
	json_out_init(&json, &body);
	openai_answer_begin(encoder, &json, encoder->form->whole);
	encoder->form->put_choices(encoder, &json);
	json_end_array(&json);
	if (encoder->usage_known)
		openai_usage_put(&json, &encoder->usage);
	json_end_object(&json);
	err = api_answer_json(encoder->request, 200, &json);
	buf_fini(&body);
	return err;
}

/* --- the encoder --- */

MAY_PARK const struct err *
openai_encoder_event(struct sink *sink, const struct event *event)
{
	struct openai_encoder *encoder = (struct openai_encoder *)sink;

	return encoder->call->stream ? stream_event(encoder, event) : gather(encoder, event);
}

static MAY_PARK const struct err *
encoder_flush(struct sink *sink)
{
	struct openai_encoder *encoder = (struct openai_encoder *)sink;

	return encoder->stream ? sse_flush(encoder->stream) : NULL;
}

/* The event that ends a stream which went wrong. */
static const struct err *
add_error(struct api_request *request, const struct err *err, struct buf *out)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, KIB(64));
	json_out_init(&json, &body);
	openai_errors.write(&json, err, request->request_id);
	dialect_frame_add(out, STR_EMPTY, buf_str(&body));
	return body.failed ? &err_no_memory : buf_err(out);
}

static const struct err *
encoder_last(struct encoder *base, const struct err *err, struct buf *out)
{
	struct openai_encoder *encoder = (struct openai_encoder *)base;

	if (err)
		return add_error(encoder->request, err, out);
	buf_add(out, buf_str(&encoder->tail));
	buf_add(out, STR("data: [DONE]\n\n"));
	return encoder->tail.failed ? &err_no_memory : buf_err(out);
}

static MAY_PARK const struct err *
encoder_end(struct encoder *base)
{
	struct openai_encoder *encoder = (struct openai_encoder *)base;

	if (!encoder->call->stream)
		return answer_whole(encoder);
	buf_add(&encoder->tail, STR("data: [DONE]\n\n"));
	return encoder->tail.failed ? &err_no_memory : sse_end(encoder->stream, buf_str(&encoder->tail));
}

static MAY_PARK const struct err *
encoder_fail(struct encoder *base, const struct err *err)
{
	struct openai_encoder *encoder = (struct openai_encoder *)base;
	struct buf frame;

	if (!encoder->stream || err->kind == ERR_CANCELLED) /* nothing was said yet, or nobody listens any more */
		return err;
	buf_init(&frame, encoder->request->arena, KIB(80));
	return add_error(encoder->request, err, &frame) || sse_end(encoder->stream, buf_str(&frame)) ? err : NULL;
}

const struct err *
openai_encoder_init(struct openai_encoder *encoder, const struct openai_form *form, struct api_request *request, const struct call *call)
{
	*encoder = (struct openai_encoder){
		.base = { .sink = { openai_encoder_event, encoder_flush }, .end = encoder_end, .fail = encoder_fail, .kind = form->kind, .last = encoder_last },
		.form = form,
		.request = request,
		.call = call,
	};
	return buf_init_held(&encoder->tail, request->arena, ENCODER_BYTES_MAX) ? NULL : &err_no_memory;
}
