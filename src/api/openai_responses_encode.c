/*
 * openai_responses_encode.c - events to those of the Responses API, or to one response object.
 *
 * An answer is a list of items; each is announced (output_item.added), grows by deltas, and is closed (output_item.done). Message and reasoning end where something else begins. One
 * tool call is open at a time: pieces of another wait until the open one is whole, since clients expect items one after the other. A message that may be cited stays open to the end:
 * citations are known when the text is. Events marked `last`, and the terminal event with the whole response, go into `tail`, which is sent after the commit, in one write.
 */
#include "api/openai_responses_item.h"
#include "base/clock.h"

static const struct err too_long = { .kind = ERR_UPSTREAM, .message = STR_INIT("the answer is longer than a response may be: a text of it has at most 24 MiB") };

enum { HEARTBEAT_US = 15 * 1000000, EVENT_MAX = 128 * 1024 * 1024, TAIL_MAX = 256 * 1024 * 1024 };

static MAY_PARK const struct err *
emit_response(struct responses_encoder *encoder, const char *name, bool last)
{
	struct json_out out;

	if (!responses_is_live(encoder))
		return NULL;
	responses_event_begin(encoder, &out, name);
	json_key(&out, STR("response"));
	responses_encoder_put(encoder, &out);
	return responses_event_send(encoder, &out, name, last);
}

/* --- items --- */

static const char *const delta_names[] = { [PART_OUTPUT_TEXT] = "response.output_text.delta", [PART_OUTPUT_REFUSAL] = "response.refusal.delta",
	[PART_REASONING_TEXT] = "response.reasoning_text.delta", [PART_SUMMARY_TEXT] = "response.reasoning_summary_text.delta" };
static const char *const done_names[] = { [PART_OUTPUT_TEXT] = "response.output_text.done", [PART_OUTPUT_REFUSAL] = "response.refusal.done",
	[PART_REASONING_TEXT] = "response.reasoning_text.done", [PART_SUMMARY_TEXT] = "response.reasoning_summary_text.done" };

static const char *
part_name(const struct responses_part *part, bool done)
{
	if (part->kind == PART_SUMMARY_TEXT)
		return done ? "response.reasoning_summary_part.done" : "response.reasoning_summary_part.added";
	return done ? "response.content_part.done" : "response.content_part.added";
}

static MAY_PARK const struct err *
open_item(struct responses_encoder *encoder, enum responses_item_kind kind, bool last, struct responses_item **out)
{
	static const char *const prefixes[] = { [ITEM_MESSAGE] = "msg", [ITEM_REASONING] = "rs", [ITEM_CALL] = "fc", [ITEM_SEARCH] = "fs" };
	struct responses_item *item = *out;

	if (!item)
		item = responses_item_new(encoder->ask->arena, kind);
	if (!item)
		return &err_no_memory;
	*out = item;
	item->id = responses_id_new(encoder->ask->arena, item->custom ? "ctc" : prefixes[kind]);
	item->index = encoder->item_count++;
	item->status = STR("in_progress");
	*encoder->items_end = item;
	encoder->items_end = &item->next;
	return item->id.ptr ? responses_emit_item(encoder, "response.output_item.added", item, false, last) : &err_no_memory;
}

static MAY_PARK const struct err *
close_part(struct responses_encoder *encoder, struct responses_item *item, bool last)
{
	struct responses_part *part = item->open;
	struct str text;
	const struct err *err;

	if (!part)
		return NULL;
	item->open = NULL;
	text = buf_str(&part->text);
	if (part->kind == PART_OUTPUT_TEXT || part->kind == PART_OUTPUT_REFUSAL)
		encoder->text_before += part->characters;
	err = responses_emit_text(encoder, done_names[part->kind], item, part, part->kind == PART_OUTPUT_REFUSAL ? "refusal" : "text", text,
		responses_logprobs(encoder->ask->arena, part), last);
	return err ? err : responses_emit_part(encoder, part_name(part, true), item, part, true, last);
}

static MAY_PARK const struct err *
close_item(struct responses_encoder *encoder, struct responses_item **open, struct str status, bool last)
{
	struct responses_item *item = *open;
	const struct err *err;

	if (!item)
		return NULL;
	*open = NULL;
	err = close_part(encoder, item, last);
	if (!err && item->kind == ITEM_CALL)
		err = responses_emit_arguments(encoder, item, true, buf_str(&item->arguments), last);
	item->status = status;
	return err ? err : responses_emit_item(encoder, "response.output_item.done", item, true, last);
}

static MAY_PARK const struct err *
add_text(struct responses_encoder *encoder, struct responses_item *item, enum responses_part_kind kind, const struct event *event)
{
	struct responses_part *part = item->open;
	const struct err *err = NULL;

	if (part && part->kind != kind) {
		err = close_part(encoder, item, event->last);
		part = NULL;
	}
	if (!err && !part) {
		part = responses_part_add(encoder->ask->arena, item, kind);
		if (!part)
			return &err_no_memory;
		part->text_before = encoder->text_before;
		err = responses_emit_part(encoder, part_name(part, false), item, part, false, event->last);
	}
	if (err)
		return err;
	responses_part_grow(part, event->text, event->logprobs);
	if (part->text.failed || part->logprobs.failed)
		return &too_long;
	return responses_emit_text(encoder, delta_names[kind], item, part, "delta", event->text, event->logprobs, event->last);
}

/* --- tool calls --- */

static MAY_PARK const struct err *
begin_call(struct responses_encoder *encoder, struct responses_item *call, bool last)
{
	const struct err *err;

	encoder->open_call = call;
	err = open_item(encoder, ITEM_CALL, last, &encoder->open_call);
	if (err || !call->arguments.len)
		return err;
	return responses_emit_arguments(encoder, call, false, buf_str(&call->arguments), last);
}

/* The calls that waited, one after the other. */
static MAY_PARK const struct err *
close_calls(struct responses_encoder *encoder, struct str status, bool last)
{
	const struct err *err = close_item(encoder, &encoder->open_call, status, last);

	while (!err && encoder->waiting) {
		struct responses_item *call = encoder->waiting;

		encoder->waiting = call->next;
		call->next = NULL;
		err = begin_call(encoder, call, last);
		if (!err)
			err = close_item(encoder, &encoder->open_call, status, last);
	}
	return err;
}

static MAY_PARK const struct err *
new_call(struct responses_encoder *encoder, const struct event *event)
{
	struct responses_item *call = responses_item_new(encoder->ask->arena, ITEM_CALL), **end = &encoder->waiting;

	if (!call)
		return &err_no_memory;
	call->item = event->item;
	call->custom = event->custom;
	call->call_id = arena_dup(encoder->ask->arena, event->id.len ? event->id : responses_id_new(encoder->ask->arena, "call"));
	call->name = arena_dup(encoder->ask->arena, event->name);
	if (!call->call_id.ptr || !call->name.ptr)
		return &err_no_memory;
	if (encoder->open_call && !encoder->waiting && responses_arguments_whole(encoder->ask->arena, encoder->open_call)) {
		const struct err *err = close_item(encoder, &encoder->open_call, STR("completed"), event->last);

		if (err)
			return err;
	}
	if (!encoder->open_call)
		return begin_call(encoder, call, event->last);
	while (*end)
		end = &(*end)->next;
	*end = call;
	return NULL;
}

static MAY_PARK const struct err *
add_arguments(struct responses_encoder *encoder, const struct event *event)
{
	struct responses_item *call = encoder->open_call;

	if (call && call->item == event->item) {
		buf_add(&call->arguments, event->text);
		if (call->arguments.failed)
			return &too_long;
		return responses_emit_arguments(encoder, call, false, event->text, event->last);
	}
	for (call = encoder->waiting; call && call->item != event->item;)
		call = call->next;
	if (!call)
		return err_new(encoder->ask->arena, ERR_UPSTREAM, "the provider sent arguments of a tool call that had ended or never begun");
	buf_add(&call->arguments, event->text);
	return buf_err(&call->arguments);
}

/* --- citations and searches --- */

static MAY_PARK const struct err *
add_citation(struct responses_encoder *encoder, const struct event *event)
{
	struct responses_item *item = encoder->open_message;
	struct responses_part *part = item ? item->open : NULL;
	struct json_out out;
	struct buf annotation;

	if (!part || part->kind != PART_OUTPUT_TEXT)
		return NULL;
	buf_init(&annotation, encoder->ask->arena, KIB(64));
	json_out_init(&out, &annotation);
	responses_annotation_put(&out, event->citation, part->text_before);
	if (part->annotations.len)
		buf_add(&part->annotations, STR(","));
	buf_add(&part->annotations, buf_str(&annotation));
	if (annotation.failed || part->annotations.failed)
		return &err_no_memory;
	if (!responses_is_live(encoder)) {
		part->annotation_count++;
		return NULL;
	}
	responses_item_event_begin(encoder, &out, "response.output_text.annotation.added", item);
	json_set_int(&out, "content_index", part->index);
	json_set_int(&out, "annotation_index", part->annotation_count++);
	json_set_raw(&out, "annotation", buf_str(&annotation));
	return responses_event_send(encoder, &out, "response.output_text.annotation.added", event->last);
}

static MAY_PARK const struct err *
add_search(struct responses_encoder *encoder, bool last)
{
	struct responses_item *item = NULL;
	const struct err *err = open_item(encoder, ITEM_SEARCH, last, &item);

	if (!err)
		err = responses_emit_search(encoder, "response.file_search_call.in_progress", item, last);
	if (!err)
		err = responses_emit_search(encoder, "response.file_search_call.searching", item, last);
	if (!err)
		err = responses_emit_search(encoder, "response.file_search_call.completed", item, last);
	return err ? err : close_item(encoder, &item, STR("completed"), last);
}

/* --- the order of things --- */

static MAY_PARK const struct err *
start(struct responses_encoder *encoder, const struct event *event)
{
	const struct call *call = encoder->ask->call;
	const struct err *err = NULL;

	encoder->started = true;
	if (call->stream && !encoder->output)
		err = sse_open(encoder->ask->request->http, HEARTBEAT_US, &encoder->stream);
	if (!err && !encoder->announced)
		err = emit_response(encoder, "response.created", event->last);
	if (!err && !encoder->announced)
		err = emit_response(encoder, "response.in_progress", event->last);
	encoder->announced = true;
	return err || !call->search || !call->passages ? err : add_search(encoder, event->last);
}

MAY_PARK const struct err *
responses_encoder_announce(struct responses_encoder *encoder, const char *name, struct str status)
{
	encoder->announced = true;
	encoder->state.status = status;
	return emit_response(encoder, name, false);
}

static bool
may_be_cited(const struct responses_encoder *encoder)
{
	return encoder->ask->call->passages && encoder->ask->call->passages->count;
}

static MAY_PARK const struct err *
message_piece(struct responses_encoder *encoder, const struct event *event)
{
	const struct err *err = close_item(encoder, &encoder->open_reasoning, STR("completed"), event->last);

	if (!err)
		err = close_calls(encoder, STR("completed"), event->last);
	if (!err && !encoder->open_message)
		err = open_item(encoder, ITEM_MESSAGE, event->last, &encoder->open_message);
	return err ? err : add_text(encoder, encoder->open_message, event->type == EVENT_REFUSAL ? PART_OUTPUT_REFUSAL : PART_OUTPUT_TEXT, event);
}

static MAY_PARK const struct err *
reasoning_piece(struct responses_encoder *encoder, const struct event *event)
{
	const struct err *err = may_be_cited(encoder) ? NULL : close_item(encoder, &encoder->open_message, STR("completed"), event->last);

	if (!err)
		err = close_calls(encoder, STR("completed"), event->last);
	if (!err && event->type == EVENT_REASONING && encoder->open_reasoning && encoder->open_reasoning->signature.len)
		err = close_item(encoder, &encoder->open_reasoning, STR("completed"), event->last);
	if (!err && !encoder->open_reasoning)
		err = open_item(encoder, ITEM_REASONING, event->last, &encoder->open_reasoning);
	if (err || event->type == EVENT_REASONING)
		return err ? err : add_text(encoder, encoder->open_reasoning, encoder->ask->summary ? PART_SUMMARY_TEXT : PART_REASONING_TEXT, event);
	encoder->open_reasoning->signature = arena_dup_large(encoder->ask->arena, event->text);
	return encoder->open_reasoning->signature.ptr ? NULL : &err_no_memory;
}

static MAY_PARK const struct err *
call_piece(struct responses_encoder *encoder, const struct event *event)
{
	const struct err *err = close_item(encoder, &encoder->open_reasoning, STR("completed"), event->last);

	if (!err && !may_be_cited(encoder))
		err = close_item(encoder, &encoder->open_message, STR("completed"), event->last);
	if (err)
		return err;
	return event->type == EVENT_TOOL_CALL ? new_call(encoder, event) : add_arguments(encoder, event);
}

static MAY_PARK const struct err *
finish(struct responses_encoder *encoder, const struct event *event)
{
	bool cut = event->finish == FINISH_LENGTH || event->finish == FINISH_CONTENT_FILTER;
	struct str status = cut ? STR("incomplete") : STR("completed");
	const struct err *err = close_item(encoder, &encoder->open_reasoning, status, event->last);

	encoder->finished = true;
	encoder->state.status = status;
	if (cut)
		encoder->state.incomplete =
			event->finish == FINISH_LENGTH ? STR("{\"reason\":\"max_output_tokens\"}") : STR("{\"reason\":\"content_filter\"}");
	if (!err)
		err = close_item(encoder, &encoder->open_message, status, event->last);
	return err ? err : close_calls(encoder, status, event->last);
}

static MAY_PARK const struct err *
encoder_event(struct sink *sink, const struct event *event)
{
	struct responses_encoder *encoder = (struct responses_encoder *)sink;

	if (event->choice > 0)
		return NULL; /* one is asked for */
	if (event->framed && event->type != EVENT_START && event->type != EVENT_USAGE)
		return responses_native_event(encoder, event);
	switch (event->type) {
	case EVENT_START:
		return start(encoder, event);
	case EVENT_TEXT:
	case EVENT_REFUSAL:
		return message_piece(encoder, event);
	case EVENT_REASONING:
	case EVENT_SIGNATURE:
		return reasoning_piece(encoder, event);
	case EVENT_TOOL_CALL:
	case EVENT_ARGUMENTS:
		return call_piece(encoder, event);
	case EVENT_CITATION:
		return add_citation(encoder, event);
	case EVENT_FINISH:
		return finish(encoder, event);
	case EVENT_USAGE:
		encoder->state.usage = responses_usage_json(encoder->ask->arena, event->usage);
		return encoder->state.usage.ptr ? NULL : &err_no_memory;
	case EVENT_OTHER:
		return NULL;
	}
	return NULL;
}

/* --- the end --- */

void
responses_encoder_put(struct responses_encoder *encoder, struct json_out *out)
{
	struct json_out json;
	struct buf items;

	buf_init(&items, NULL, EVENT_MAX);
	json_out_init(&json, &items);
	json_begin_array(&json);
	for (const struct responses_item *item = encoder->items; item; item = item->next)
		responses_item_put(&json, encoder->ask, item, true);
	json_end_array(&json);
	if (items.failed)
		out->buf->failed = true;
	else
		response_put(out, &encoder->state, str_slice(buf_str(&items), 1, items.len - 1));
	buf_fini(&items);
}

/* What ended in the middle is marked so; the terminal event follows. */
static MAY_PARK const struct err *
end_badly(struct responses_encoder *encoder, const struct err *err)
{
	static const struct err stopped = { .kind = ERR_UNAVAILABLE, .message = STR_INIT("the server was stopped before the answer was complete") };
	bool wanted = encoder->begun ? str_eq_c(err->code, "cancelled") : !encoder->output || encoder->output->cancelled;
	bool cancelled = err->kind == ERR_CANCELLED && wanted;

	for (struct responses_item *item = encoder->items; item; item = item->next)
		if (str_eq_c(item->status, "in_progress"))
			item->status = STR("incomplete");
	encoder->state.status = cancelled ? STR("cancelled") : STR("failed");
	encoder->state.incomplete = STR_EMPTY;
	encoder->state.error = cancelled ? STR_EMPTY : response_error_json(encoder->ask->arena, err->kind == ERR_CANCELLED ? &stopped : err);
	if (encoder->tail.len) { /* it told of an end that did not come */
		encoder->sequence = encoder->tail_sequence;
		buf_clear(&encoder->tail);
	}
	return emit_response(encoder, "response.failed", true); /* the protocol has no event for what was cancelled: its status says so */
}

static MAY_PARK const struct err *
encoder_settle(struct responses_encoder *encoder, const struct err *err)
{
	encoder->state.completed_us = clock_wall_us();
	if (err)
		return encoder->announced || encoder->begun ? end_badly(encoder, err) : NULL;
	return emit_response(encoder, encoder->state.incomplete.len ? "response.incomplete" : "response.completed", true);
}

/* Before the commit: everything that will be said and stored is made now. */
static MAY_PARK const struct err *
encoder_gather(struct answer_keep *keep, const struct err *err)
{
	struct responses_encoder *encoder = (struct responses_encoder *)((char *)keep - offsetof(struct responses_encoder, keep));
	const struct err *unsettled = encoder_settle(encoder, err);

	if (unsettled || !encoder->ask->store || (!encoder->announced && !encoder->begun)) {
		keep->store_in = NULL;
		return unsettled;
	}
	return responses_keep(encoder);
}

static MAY_PARK const struct err *
answer_whole(struct responses_encoder *encoder)
{
	struct json_out json;
	const struct err *err;
	struct buf body;

	buf_init(&body, NULL, EVENT_MAX);
	json_out_init(&json, &body);
	responses_encoder_put(encoder, &json);
	err = api_answer_json(encoder->ask->request, 200, &json);
	buf_fini(&body);
	return err;
}

static MAY_PARK const struct err *
encoder_flush(struct sink *sink)
{
	struct responses_encoder *encoder = (struct responses_encoder *)sink;

	return encoder->stream ? sse_flush(encoder->stream) : NULL;
}

static MAY_PARK const struct err *
encoder_end(struct encoder *base)
{
	struct responses_encoder *encoder = (struct responses_encoder *)base;

	if (encoder->output) /* the job has its frames in the commit */
		return NULL;
	return encoder->ask->call->stream ? sse_end(encoder->stream, buf_str(&encoder->tail)) : answer_whole(encoder);
}

static MAY_PARK const struct err *
encoder_fail(struct encoder *base, const struct err *err)
{
	struct responses_encoder *encoder = (struct responses_encoder *)base;

	if (encoder->output || !encoder->stream || err->kind == ERR_CANCELLED) /* nothing was said yet, or nobody listens any more */
		return err;
	if (end_badly(encoder, err)) /* again, where it was the commit that failed */
		return err;
	return sse_end(encoder->stream, buf_str(&encoder->tail)) ? err : NULL;
}

static const struct err *
encoder_last(struct encoder *base, const struct err *err, struct buf *out)
{
	struct responses_encoder *encoder = (struct responses_encoder *)base;

	(void)err; /* encoder_gather has put it into the tail */
	buf_add(out, buf_str(&encoder->tail));
	return encoder->tail.failed ? &err_no_memory : buf_err(out);
}

/* A response whose stream goes on when its client leaves is in progress from its begin on, as one in the background is. */
static const struct err *
encoder_begin(struct encoder *base, struct str owner, struct response_kept *out)
{
	struct responses_encoder *encoder = (struct responses_encoder *)base;
	const struct responses_ask *ask = encoder->ask;

	encoder->begun = true;
	*out = (struct response_kept){
		.tenant = ask->request->identity->tenant,
		.id = ask->id,
		.status = STR("in_progress"),
		.previous = ask->previous,
		.conversation = ask->conversation,
		.request_id = ask->request->request_id,
		.created_us = ask->created_us,
		.begun = true,
		.local_only = responses_begin_local(ask),
		.head = ask->head_text,
		.error = STR_EMPTY,
		.incomplete = STR_EMPTY,
		.usage = STR_EMPTY,
		.owner = owner,
		.lease_until_us = durable_lease_us(),
		.items = ask->items,
		.item_count = ask->item_count,
	};
	return response_kept_prepare(ask->arena, out);
}

const struct err *
responses_encoder_init(struct responses_encoder *encoder, struct responses_ask *ask, struct responses_output *output)
{
	*encoder = (struct responses_encoder){
		.base = { .sink = { encoder_event, encoder_flush },
			.end = encoder_end,
			.fail = encoder_fail,
			.kind = ask->store && !output ? DURABLE_RESPONSE : DURABLE_NONE, /* a job in the background is durable already */
			.last = encoder_last,
			.begin = encoder_begin },
		.keep = { .gather = encoder_gather, .store_in = responses_kept_write },
		.ask = ask,
		.output = output,
		.state = { .id = ask->id,
			.status = STR("in_progress"),
			.created_us = ask->created_us,
			.previous = ask->previous,
			.conversation = ask->conversation,
			.background = ask->background,
			.head = ask->head },
	};
	encoder->base.keep = &encoder->keep;
	encoder->base.response_id = ask->id;
	encoder->items_end = &encoder->items;
	return buf_init_held(&encoder->text, ask->arena, EVENT_MAX) && buf_init_held(&encoder->tail, ask->arena, TAIL_MAX) ? NULL : &err_no_memory;
}
