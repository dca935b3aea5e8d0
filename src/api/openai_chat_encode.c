/*
 * openai_chat_encode.c - events to OpenAI's chunks, or to one whole answer.
 *
 * Frames that come in this very dialect go out as they came; only what corbel adds (citations, a usage the client did not ask for left out) is written here. The last
 * frames and [DONE] share one write.
 */
#include "api/openai_chat.h"
#include "base/clock.h"
#include "base/random.h"

enum { FRAME_MAX = 64 * 1024 * 1024, HEARTBEAT_US = 15 * 1000000 };

struct tool_call {
	struct tool_call *next;
	unsigned item;
	struct str id, name, signature;
	struct buf arguments;
};

/* A choice of a whole answer, gathered. */
struct openai_choice {
	struct buf text, refusal, reasoning;
	struct tool_call *tools;
	enum finish finish;
};

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

static void
gather_citation(struct openai_encoder *encoder, const struct citation *citation)
{
	struct json_out out;

	if (encoder->citations.len)
		buf_add(&encoder->citations, STR(","));
	json_out_init(&out, &encoder->citations);
	json_begin_object(&out);
	json_set_string(&out, "type", STR("url_citation"));
	json_set_object(&out, "url_citation");
	json_set_string(&out, "url", citation->url);
	json_set_string(&out, "title", citation->title);
	json_set_int(&out, "start_index", citation->start);
	json_set_int(&out, "end_index", citation->end);
	json_end_object(&out);
	json_end_object(&out);
}

static struct str
citations_array(struct openai_encoder *encoder)
{
	return arena_printf(encoder->request->arena, "[%" STR_F "]", STR_A(buf_str(&encoder->citations)));
}

static void
remember_start(struct openai_encoder *encoder, const struct event *event)
{
	struct arena *arena = encoder->request->arena;
	struct id id = id_new();

	encoder->id = event->id.len ? arena_dup(arena, event->id) : arena_printf(arena, "chatcmpl-%" STR_F, STR_A(id_str(&id)));
	encoder->model = arena_dup(arena, event->model.len ? event->model : encoder->call->model);
	encoder->base.id = encoder->id;
	encoder->created = (event->created_us ? event->created_us : clock_wall_us()) / USEC_PER_SEC;
}

/* --- as a stream --- */

static void
begin_chunk(struct openai_encoder *encoder, struct json_out *out)
{
	json_begin_object(out);
	json_set_string(out, "id", encoder->id);
	json_set_string(out, "object", STR("chat.completion.chunk"));
	json_set_int(out, "created", encoder->created);
	json_set_string(out, "model", encoder->model);
	json_set_array(out, "choices");
}

static void
end_chunk(struct openai_encoder *encoder, struct json_out *out)
{
	json_end_array(out);
	if (encoder->call->include_usage)
		json_set_null(out, "usage");
	json_end_object(out);
}

static void
begin_delta(struct openai_encoder *encoder, struct json_out *out, unsigned choice)
{
	begin_chunk(encoder, out);
	json_begin_object(out);
	json_set_int(out, "index", choice);
	json_set_object(out, "delta");
}

static void
end_delta(struct openai_encoder *encoder, struct json_out *out, struct str finish)
{
	json_end_object(out);
	json_set_null(out, "logprobs");
	if (finish.len)
		json_set_string(out, "finish_reason", finish);
	else
		json_set_null(out, "finish_reason");
	json_end_object(out);
	end_chunk(encoder, out);
}

/* Where Google's own service of this dialect puts the signature of a thought, and clients that give back what they got bring it from. */
static void
put_signature(struct json_out *out, struct str signature)
{
	if (!signature.len)
		return;
	json_set_object(out, "extra_content");
	json_set_object(out, "google");
	json_set_string(out, "thought_signature", signature);
	json_end_object(out);
	json_end_object(out);
}

static void
put_tool_delta(struct json_out *out, const struct event *event)
{
	json_set_array(out, "tool_calls");
	json_begin_object(out);
	json_set_int(out, "index", event->item);
	if (event->type == EVENT_TOOL_CALL) {
		json_set_string(out, "id", event->id);
		json_set_string(out, "type", STR("function"));
		put_signature(out, event->signature);
	}
	json_set_object(out, "function");
	if (event->type == EVENT_TOOL_CALL)
		json_set_string(out, "name", event->name);
	json_set_string(out, "arguments", event->text.ptr ? event->text : STR_EMPTY);
	json_end_object(out);
	json_end_object(out);
	json_end_array(out);
}

static void
put_usage_chunk(struct openai_encoder *encoder, struct json_out *out, const struct usage *usage)
{
	begin_chunk(encoder, out);
	json_end_array(out);
	openai_usage_put(out, usage);
	json_end_object(out);
}

/* The chunk of an event that did not come in this dialect; nothing for one that has none. */
static void
put_chunk(struct openai_encoder *encoder, struct json_out *out, const struct event *event)
{
	switch (event->type) {
	case EVENT_START:
		begin_delta(encoder, out, 0);
		json_set_string(out, "role", STR("assistant"));
		json_set_string(out, "content", STR_EMPTY);
		end_delta(encoder, out, STR_EMPTY);
		break;
	case EVENT_TEXT:
	case EVENT_REFUSAL:
	case EVENT_REASONING:
		begin_delta(encoder, out, event->choice);
		json_set_string(out,
			event->type == EVENT_TEXT      ? "content"
			: event->type == EVENT_REFUSAL ? "refusal"
						       : "reasoning_content",
			event->text);
		end_delta(encoder, out, STR_EMPTY);
		break;
	case EVENT_TOOL_CALL:
	case EVENT_ARGUMENTS:
		begin_delta(encoder, out, event->choice);
		put_tool_delta(out, event);
		end_delta(encoder, out, STR_EMPTY);
		break;
	case EVENT_FINISH:
		begin_delta(encoder, out, event->choice);
		end_delta(encoder, out, finish_name(event->finish));
		break;
	case EVENT_USAGE:
		if (encoder->call->include_usage)
			put_usage_chunk(encoder, out, event->usage);
		break;
	case EVENT_SIGNATURE: /* has no place in this dialect */
	case EVENT_CITATION:
	case EVENT_OTHER:
		break;
	}
}

static void
add_citations(struct openai_encoder *encoder, struct buf *out)
{
	struct json_out json;
	struct buf chunk;

	if (!encoder->citations.len)
		return;
	buf_init(&chunk, encoder->request->arena, MIB(2));
	json_out_init(&json, &chunk);
	begin_delta(encoder, &json, 0);
	json_set_raw(&json, "annotations", citations_array(encoder));
	end_delta(encoder, &json, STR_EMPTY);
	dialect_frame_add(out, STR_EMPTY, buf_str(&chunk));
	buf_clear(&encoder->citations);
}

/* The frame's bytes when it came in this dialect, else a chunk of our own; empty when there is nothing to send. */
static struct str
frame_data(struct openai_encoder *encoder, const struct event *event, struct buf *chunk)
{
	struct json_out json;

	if (event->framed)
		return event->type == EVENT_USAGE && !encoder->call->include_usage ? STR_EMPTY : event->frame;
	json_out_init(&json, chunk);
	put_chunk(encoder, &json, event);
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
	if (event->type == EVENT_CITATION) {
		gather_citation(encoder, event->citation);
		return buf_err(&encoder->citations);
	}
	buf_init(&chunk, NULL, FRAME_MAX);
	data = frame_data(encoder, event, &chunk);
	if (!event->last && data.len) {
		err = chunk.failed ? &err_no_memory : sse_gather(encoder->stream, STR_EMPTY, data);
	} else if (data.len) {
		add_citations(encoder, &encoder->tail);
		dialect_frame_add(&encoder->tail, STR_EMPTY, data);
		err = buf_err(&encoder->tail);
	}
	buf_fini(&chunk);
	return err;
}

/* --- whole --- */

static struct openai_choice *
choice_of(struct openai_encoder *encoder, unsigned index)
{
	struct openai_choice *choice;

	if (index >= ENCODER_CHOICES_MAX)
		return NULL;
	if (encoder->choices[index])
		return encoder->choices[index];
	choice = arena_zalloc(encoder->request->arena, sizeof(*choice));
	if (!choice)
		return NULL;
	if (!buf_init_held(&choice->text, encoder->request->arena, FRAME_MAX) ||
		!buf_init_held(&choice->refusal, encoder->request->arena, FRAME_MAX) ||
		!buf_init_held(&choice->reasoning, encoder->request->arena, FRAME_MAX))
		return NULL;
	return encoder->choices[index] = choice;
}

static struct tool_call *
tool_of(struct openai_encoder *encoder, struct openai_choice *choice, unsigned item)
{
	struct tool_call **link = &choice->tools;

	while (*link && (*link)->item != item)
		link = &(*link)->next;
	if (*link)
		return *link;
	*link = arena_zalloc(encoder->request->arena, sizeof(**link));
	if (!*link || !buf_init_held(&(*link)->arguments, encoder->request->arena, FRAME_MAX))
		return NULL;
	(*link)->item = item;
	return *link;
}

static const struct err *
gather_tool(struct openai_encoder *encoder, struct openai_choice *choice, const struct event *event)
{
	struct tool_call *tool = tool_of(encoder, choice, event->item);

	if (!tool)
		return &err_no_memory;
	if (event->type == EVENT_TOOL_CALL) {
		tool->id = arena_dup(encoder->request->arena, event->id);
		tool->name = arena_dup(encoder->request->arena, event->name);
		tool->signature = arena_dup(encoder->request->arena, event->signature);
	}
	buf_add(&tool->arguments, event->text);
	return buf_err(&tool->arguments);
}

static const struct err *
gather(struct openai_encoder *encoder, const struct event *event)
{
	struct openai_choice *choice = choice_of(encoder, event->choice);

	if (!choice)
		return event->choice < ENCODER_CHOICES_MAX
			       ? &err_no_memory
			       : err_new(encoder->request->arena, ERR_UPSTREAM, "the provider sent more choices than were asked for");
	switch (event->type) {
	case EVENT_START:
		remember_start(encoder, event);
		if (event->framed)
			encoder->whole = event->frame; /* a whole answer is held back: its bytes live as long as the request */
		return NULL;
	case EVENT_TEXT:
		buf_add(&choice->text, event->text);
		return buf_err(&choice->text);
	case EVENT_REFUSAL:
		buf_add(&choice->refusal, event->text);
		return buf_err(&choice->refusal);
	case EVENT_REASONING:
		buf_add(&choice->reasoning, event->text);
		return buf_err(&choice->reasoning);
	case EVENT_TOOL_CALL:
	case EVENT_ARGUMENTS:
		return gather_tool(encoder, choice, event);
	case EVENT_CITATION:
		gather_citation(encoder, event->citation);
		encoder->whole = STR_EMPTY; /* it lacks them */
		return buf_err(&encoder->citations);
	case EVENT_FINISH:
		choice->finish = event->finish;
		return NULL;
	case EVENT_USAGE:
		encoder->usage = *event->usage;
		encoder->usage_known = true;
		return NULL;
	case EVENT_SIGNATURE:
	case EVENT_OTHER:
		return NULL;
	}
	return NULL;
}

static void
put_message(struct openai_encoder *encoder, struct json_out *out, const struct openai_choice *choice, bool first)
{
	json_set_object(out, "message");
	json_set_string(out, "role", STR("assistant"));
	if (choice->text.len || !choice->tools)
		json_set_string(out, "content", buf_str(&choice->text));
	else
		json_set_null(out, "content");
	if (choice->refusal.len)
		json_set_string(out, "refusal", buf_str(&choice->refusal));
	else
		json_set_null(out, "refusal");
	if (choice->reasoning.len)
		json_set_string(out, "reasoning_content", buf_str(&choice->reasoning));
	if (choice->tools)
		json_set_array(out, "tool_calls");
	for (const struct tool_call *tool = choice->tools; tool; tool = tool->next) {
		json_begin_object(out);
		json_set_string(out, "id", tool->id);
		json_set_string(out, "type", STR("function"));
		put_signature(out, tool->signature);
		json_set_object(out, "function");
		json_set_string(out, "name", tool->name);
		json_set_string(out, "arguments", buf_str(&tool->arguments));
		json_end_object(out);
		json_end_object(out);
	}
	if (choice->tools)
		json_end_array(out);
	if (first)
		json_set_raw(out, "annotations", citations_array(encoder));
	json_end_object(out);
}

static void
put_whole(struct openai_encoder *encoder, struct json_out *out)
{
	json_begin_object(out);
	json_set_string(out, "id", encoder->id);
	json_set_string(out, "object", STR("chat.completion"));
	json_set_int(out, "created", encoder->created);
	json_set_string(out, "model", encoder->model);
	json_set_array(out, "choices");
	for (unsigned i = 0; i < ENCODER_CHOICES_MAX; i++) {
		if (!encoder->choices[i])
			continue;
		json_begin_object(out);
		json_set_int(out, "index", i);
		put_message(encoder, out, encoder->choices[i], i == 0);
		json_set_null(out, "logprobs");
		json_set_string(out, "finish_reason", finish_name(encoder->choices[i]->finish));
		json_end_object(out);
	}
	json_end_array(out);
	if (encoder->usage_known)
		openai_usage_put(out, &encoder->usage);
	json_end_object(out);
}

static MAY_PARK const struct err *
answer_whole(struct openai_encoder *encoder)
{
	const struct err *err;
	struct json_out json;
	struct buf body;

	if (encoder->whole.len)
		return http_answer(encoder->request->http, 200, STR("application/json"), encoder->whole);
	buf_init(&body, NULL, 2 * (size_t)FRAME_MAX);
	json_out_init(&json, &body);
	put_whole(encoder, &json);
	err = api_answer_json(encoder->request, 200, &json);
	buf_fini(&body);
	return err;
}

/* --- the encoder --- */

static MAY_PARK const struct err *
encoder_event(struct sink *sink, const struct event *event)
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

MAY_PARK const struct err *
openai_stream_fail(struct api_request *request, struct sse_writer *stream, const struct err *err)
{
	struct buf frame;

	if (!stream || err->kind == ERR_CANCELLED) /* nothing was said yet, or nobody listens any more */
		return err;
	buf_init(&frame, request->arena, KIB(80));
	return add_error(request, err, &frame) || sse_end(stream, buf_str(&frame)) ? err : NULL;
}

static MAY_PARK const struct err *
encoder_fail(struct encoder *base, const struct err *err)
{
	struct openai_encoder *encoder = (struct openai_encoder *)base;

	return openai_stream_fail(encoder->request, encoder->stream, err);
}

const struct err *
openai_encoder_init(struct openai_encoder *encoder, struct api_request *request, const struct call *call)
{
	*encoder = (struct openai_encoder){
		.base = { .sink = { encoder_event, encoder_flush }, .end = encoder_end, .fail = encoder_fail, .kind = DURABLE_CHAT, .last = encoder_last },
		.request = request,
		.call = call,
	};
	buf_init(&encoder->citations, request->arena, MIB(1));
	return buf_init_held(&encoder->tail, request->arena, FRAME_MAX) ? NULL : &err_no_memory;
}
