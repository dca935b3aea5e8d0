/*
 * ai_sdk_encode.c - events to the AI SDK's UI message stream, and to its text stream.
 *
 * A UI message stream is a run of JSON chunks: `start` and `start-step`, then blocks of text and of reasoning, each with an id and ended before the next begins, the calls of tools, which may interleave, and sources; at the end
 * `finish-step`, `finish` and [DONE]. A call's input is told in pieces, and once more as a value when it is whole. Versions 5, 6 and 7 of the SDK know all of these chunks.
 */
#include "api/ai_sdk.h"

#include "text/utf8.h"

enum { HEARTBEAT_US = 15 * 1000000, CHUNK_MAX = 128 * 1024 * 1024, INPUT_VALUES_MAX = 16 * 1024 * 1024, TOOLS_MAX = 1024, GATHERED_MAX = 16 * 1024 };

struct ui_tool {
	struct ui_tool *next;
	unsigned item;
	struct str id, name;
	struct buf input;
};

/* One chunk, begun with its type. */
struct chunk {
	struct buf text;
	struct json_out json;
};

static struct json_out *
chunk_begin(struct chunk *chunk, const char *type)
{
	buf_init(&chunk->text, NULL, CHUNK_MAX);
	json_out_init(&chunk->json, &chunk->text);
	json_begin_object(&chunk->json);
	json_set_string(&chunk->json, "type", str_of(type));
	return &chunk->json;
}

static MAY_PARK const struct err *
chunk_send(struct ai_sdk_encoder *encoder, struct chunk *chunk, bool last)
{
	const struct err *err = NULL;

	json_end_object(&chunk->json);
	if (chunk->text.failed) {
		err = &err_no_memory;
	} else if (last) {
		dialect_frame_add(&encoder->tail, STR_EMPTY, buf_str(&chunk->text));
		err = buf_err(&encoder->tail);
	} else {
		err = sse_gather(encoder->stream, STR_EMPTY, buf_str(&chunk->text));
	}
	buf_fini(&chunk->text);
	return err;
}

static MAY_PARK const struct err *
send_bare(struct ai_sdk_encoder *encoder, const char *type, bool last)
{
	struct chunk chunk;

	chunk_begin(&chunk, type);
	return chunk_send(encoder, &chunk, last);
}

/* --- texts and reasoning --- */

static MAY_PARK const struct err *
send_block(struct ai_sdk_encoder *encoder, const char *type, struct str delta, bool last)
{
	struct chunk chunk;
	struct json_out *json = chunk_begin(&chunk, type);
	char number[STR_I64_MAX];

	json_set_string(json, "id", str_of_i64(encoder->blocks, number));
	if (delta.ptr)
		json_set_string(json, "delta", delta);
	return chunk_send(encoder, &chunk, last);
}

static MAY_PARK const struct err *
close_block(struct ai_sdk_encoder *encoder, bool last)
{
	bool text = encoder->open == UI_TEXT;
	const struct err *err;

	if (encoder->open == UI_NOTHING)
		return NULL;
	encoder->open = UI_NOTHING;
	err = send_block(encoder, text ? "text-end" : "reasoning-end", (struct str){ 0 }, last);
	encoder->blocks++;
	return err;
}

static MAY_PARK const struct err *
add_piece(struct ai_sdk_encoder *encoder, const struct event *event)
{
	bool text = event->type != EVENT_REASONING;
	const struct err *err = NULL;

	if (encoder->open != (text ? UI_TEXT : UI_REASONING)) {
		err = close_block(encoder, event->last);
		encoder->open = text ? UI_TEXT : UI_REASONING;
		if (!err)
			err = send_block(encoder, text ? "text-start" : "reasoning-start", (struct str){ 0 }, event->last);
	}
	return err ? err : send_block(encoder, text ? "text-delta" : "reasoning-delta", event->text.ptr ? event->text : STR_EMPTY, event->last);
}

/* --- calls of tools --- */

static MAY_PARK const struct err *
begin_tool(struct ai_sdk_encoder *encoder, const struct event *event)
{
	struct arena *arena = encoder->request->arena;
	struct ui_tool *tool = arena_zalloc(arena, sizeof(*tool));
	const struct err *err = close_block(encoder, event->last);
	struct chunk chunk;
	struct json_out *json;

	if (err || !tool || !buf_init_held(&tool->input, arena, CHUNK_MAX))
		return err ? err : &err_no_memory;
	tool->item = event->item;
	tool->id = event->id.len ? arena_dup(arena, event->id) : arena_printf(arena, "call_%u", event->item);
	tool->name = arena_dup(arena, event->name);
	if (!tool->id.ptr || !tool->name.ptr)
		return &err_no_memory;
	*encoder->tools_end = tool;
	encoder->tools_end = &tool->next;
	json = chunk_begin(&chunk, "tool-input-start");
	json_set_string(json, "toolCallId", tool->id);
	json_set_string(json, "toolName", tool->name);
	return chunk_send(encoder, &chunk, event->last);
}

static MAY_PARK const struct err *
add_input(struct ai_sdk_encoder *encoder, const struct event *event)
{
	struct ui_tool *tool = encoder->tools;
	struct chunk chunk;
	struct json_out *json;

	while (tool && tool->item != event->item)
		tool = tool->next;
	if (!tool)
		return err_new(encoder->request->arena, ERR_UPSTREAM, "the provider sent arguments of a tool call that had never begun");
	buf_add(&tool->input, event->text);
	if (tool->input.failed)
		return &err_no_memory;
	json = chunk_begin(&chunk, "tool-input-delta");
	json_set_string(json, "toolCallId", tool->id);
	json_set_string(json, "inputTextDelta", event->text);
	return chunk_send(encoder, &chunk, event->last);
}

/* The whole input as a value; what is no JSON is told as such. */
static MAY_PARK const struct err *
end_tool(struct ai_sdk_encoder *encoder, const struct ui_tool *tool, bool last)
{
	struct arena *arena = arena_new_below(encoder->request->arena, 2 * tool->input.len + INPUT_VALUES_MAX);
	struct str input = tool->input.len ? buf_str(&tool->input) : STR("{}");
	const struct json *value = NULL;
	struct chunk chunk;
	struct json_out *json;
	const struct err *wrong = arena ? json_parse(arena, input, &value) : &err_no_memory;

	if (!arena)
		return wrong;
	json = chunk_begin(&chunk, wrong ? "tool-input-error" : "tool-input-available");
	json_set_string(json, "toolCallId", tool->id);
	json_set_string(json, "toolName", tool->name);
	if (wrong) {
		json_set_string(json, "input", input);
		json_set_string(json, "errorText", STR("the model's input for this tool is no JSON"));
	} else {
		json_set_raw(json, "input", input);
	}
	return chunk_send(encoder, &chunk, last);
}

/* --- sources --- */

/* Each page once, however often it is cited. */
static MAY_PARK const struct err *
add_source(struct ai_sdk_encoder *encoder, const struct event *event)
{
	const struct citation *citation = event->citation;
	char number[STR_I64_MAX];
	struct chunk chunk;
	struct json_out *json;

	for (unsigned i = 0; i < encoder->sources; i++)
		if (str_eq(encoder->urls[i], citation->url))
			return NULL;
	if (encoder->sources == COUNT(encoder->urls) || !citation->url.len)
		return NULL;
	encoder->urls[encoder->sources] = arena_dup(encoder->request->arena, citation->url);
	if (!encoder->urls[encoder->sources].ptr)
		return &err_no_memory;
	json = chunk_begin(&chunk, "source-url");
	json_set_string(json, "sourceId", str_of_i64(++encoder->sources, number));
	json_set_string(json, "url", citation->url);
	if (citation->title.len)
		json_set_string(json, "title", citation->title);
	return chunk_send(encoder, &chunk, event->last);
}

/* --- begin and end --- */

bool
ai_sdk_put_header(struct http_exchange *http)
{
	return http_answer_header(http, STR("x-vercel-ai-ui-message-stream"), STR("v1"));
}

static MAY_PARK const struct err *
start(struct ai_sdk_encoder *encoder, const struct event *event)
{
	struct chunk chunk;
	struct json_out *json = chunk_begin(&chunk, "start");
	const struct err *err;

	encoder->base.id = encoder->ask->message_id;
	json_set_string(json, "messageId", encoder->ask->message_id);
	err = chunk_send(encoder, &chunk, event->last);
	return err ? err : send_bare(encoder, "start-step", event->last);
}

static MAY_PARK const struct err *
finish(struct ai_sdk_encoder *encoder, const struct event *event)
{
	const struct err *err = close_block(encoder, event->last);

	encoder->finish = event->finish;
	for (const struct ui_tool *tool = encoder->tools; !err && tool; tool = tool->next)
		err = end_tool(encoder, tool, event->last);
	return err;
}

static struct str
finish_reason(enum finish finish)
{
	static const char *const names[] = { [FINISH_STOP] = "stop", [FINISH_LENGTH] = "length", [FINISH_TOOL_CALLS] = "tool-calls", [FINISH_CONTENT_FILTER] = "content-filter" };

	return str_of(names[finish]);
}

static MAY_PARK const struct err *
encoder_event(struct sink *sink, const struct event *event)
{
	struct ai_sdk_encoder *encoder = (struct ai_sdk_encoder *)sink;
	const struct err *err = NULL;

	if (event->choice > 0)
		return NULL; /* a message has one */
	if (!encoder->stream) {
		ai_sdk_put_header(encoder->request->http);
		err = sse_open(encoder->request->http, HEARTBEAT_US, &encoder->stream);
	}
	if (err)
		return err;
	switch (event->type) {
	case EVENT_START:
		return start(encoder, event);
	case EVENT_TEXT:
	case EVENT_REFUSAL:
	case EVENT_REASONING:
		return add_piece(encoder, event);
	case EVENT_TOOL_CALL:
		return begin_tool(encoder, event);
	case EVENT_ARGUMENTS:
		return add_input(encoder, event);
	case EVENT_CITATION:
		return add_source(encoder, event);
	case EVENT_FINISH:
		return finish(encoder, event);
	case EVENT_SIGNATURE: /* have no place in this protocol */
	case EVENT_USAGE:
	case EVENT_OTHER:
		return NULL;
	}
	return NULL;
}

static MAY_PARK const struct err *
encoder_flush(struct sink *sink)
{
	struct ai_sdk_encoder *encoder = (struct ai_sdk_encoder *)sink;

	return encoder->stream ? sse_flush(encoder->stream) : NULL;
}

static void
add_chunk(struct buf *out, struct chunk *chunk)
{
	json_end_object(&chunk->json);
	if (chunk->text.failed)
		out->failed = true;
	else
		dialect_frame_add(out, STR_EMPTY, buf_str(&chunk->text));
	buf_fini(&chunk->text);
}

/* Somebody wanted its end, or it went wrong. The SDK's own streams end with [DONE] then, too; without `finish` before it no client takes the message for whole. */
void
ai_sdk_put_error(struct buf *out, const struct err *err)
{
	bool aborted = err->kind == ERR_CANCELLED && str_eq_c(err->code, "cancelled");
	struct chunk chunk;
	struct json_out *json = chunk_begin(&chunk, aborted ? "abort" : "error");

	json_set_string(json, aborted ? "reason" : "errorText", err->message);
	add_chunk(out, &chunk);
	buf_add(out, STR("data: [DONE]\n\n"));
}

static const struct err *
add_end(struct ai_sdk_encoder *encoder)
{
	struct chunk chunk;

	if (encoder->tail_ended)
		return buf_err(&encoder->tail);
	encoder->tail_ended = true;
	chunk_begin(&chunk, "finish-step");
	add_chunk(&encoder->tail, &chunk);
	json_set_string(chunk_begin(&chunk, "finish"), "finishReason", finish_reason(encoder->finish));
	add_chunk(&encoder->tail, &chunk);
	buf_add(&encoder->tail, STR("data: [DONE]\n\n"));
	return buf_err(&encoder->tail);
}

static const struct err *
encoder_last(struct encoder *base, const struct err *err, struct buf *out)
{
	struct ai_sdk_encoder *encoder = (struct ai_sdk_encoder *)base;
	const struct err *failed = err ? NULL : add_end(encoder);

	if (err)
		ai_sdk_put_error(out, err);
	else
		buf_add(out, buf_str(&encoder->tail));
	return failed ? failed : buf_err(out);
}

static MAY_PARK const struct err *
encoder_end(struct encoder *base)
{
	struct ai_sdk_encoder *encoder = (struct ai_sdk_encoder *)base;
	const struct err *err = add_end(encoder);

	return err ? err : sse_end(encoder->stream, buf_str(&encoder->tail));
}

static MAY_PARK const struct err *
encoder_fail(struct encoder *base, const struct err *err)
{
	struct ai_sdk_encoder *encoder = (struct ai_sdk_encoder *)base;
	struct buf frames;

	if (!encoder->stream || err->kind == ERR_CANCELLED) /* nothing was said yet, or nobody listens any more */
		return err;
	buf_init(&frames, encoder->request->arena, KIB(80));
	ai_sdk_put_error(&frames, err);
	return frames.failed || sse_end(encoder->stream, buf_str(&frames)) ? err : NULL;
}

const struct err *
ai_sdk_encoder_init(struct ai_sdk_encoder *encoder, struct api_request *request, const struct ai_sdk_ask *ask)
{
	*encoder = (struct ai_sdk_encoder){
		.base = { .sink = { encoder_event, encoder_flush },
			.end = encoder_end,
			.fail = encoder_fail,
			.kind = DURABLE_UI,
			.stream_alias = ask->chat_id,
			.last = encoder_last },
		.request = request,
		.ask = ask,
	};
	encoder->tools_end = &encoder->tools;
	return buf_init_held(&encoder->tail, request->arena, CHUNK_MAX) ? NULL : &err_no_memory;
}

/* --- bare text --- */

static MAY_PARK const struct err *
text_flush(struct sink *sink)
{
	struct ai_sdk_text_encoder *encoder = (struct ai_sdk_text_encoder *)sink;
	const struct err *err = NULL;

	if (!encoder->text.len)
		return buf_err(&encoder->text);
	if (!encoder->begun)
		err = http_answer_begin(encoder->request->http, 200, STR("text/plain; charset=utf-8"));
	encoder->begun = true;
	if (!err)
		err = http_answer_write(encoder->request->http, buf_str(&encoder->text));
	buf_clear(&encoder->text);
	return err;
}

static MAY_PARK const struct err *
text_event(struct sink *sink, const struct event *event)
{
	struct ai_sdk_text_encoder *encoder = (struct ai_sdk_text_encoder *)sink;

	if (event->type == EVENT_REFUSAL && event->choice == 0)
		return err_new(encoder->request->arena, ERR_UPSTREAM, "the model refused to answer with an object");
	if (event->type != EVENT_TEXT || event->choice > 0)
		return NULL;
	if (event->last) {
		buf_add(&encoder->tail, event->text);
		return buf_err(&encoder->tail);
	}
	buf_add(&encoder->text, event->text);
	return encoder->text.len > GATHERED_MAX ? text_flush(sink) : buf_err(&encoder->text);
}

static MAY_PARK const struct err *
text_end(struct encoder *base)
{
	struct ai_sdk_text_encoder *encoder = (struct ai_sdk_text_encoder *)base;
	const struct err *err = NULL;

	if (!encoder->begun)
		err = http_answer_begin(encoder->request->http, 200, STR("text/plain; charset=utf-8"));
	buf_add(&encoder->text, buf_str(&encoder->tail));
	if (encoder->text.failed || encoder->tail.failed)
		return &err_no_memory;
	return err ? err : http_answer_end(encoder->request->http, buf_str(&encoder->text));
}

/* Bare text has no way to tell of an error: the connection is closed short, which no client takes for the end. */
static MAY_PARK const struct err *
text_fail(struct encoder *base, const struct err *err)
{
	(void)base;
	return err;
}

const struct err *
ai_sdk_text_encoder_init(struct ai_sdk_text_encoder *encoder, struct api_request *request)
{
	*encoder = (struct ai_sdk_text_encoder){ .base = { .sink = { text_event, text_flush }, .end = text_end, .fail = text_fail }, .request = request };
	return buf_init_held(&encoder->text, request->arena, CHUNK_MAX) && buf_init_held(&encoder->tail, request->arena, CHUNK_MAX) ? NULL : &err_no_memory;
}
