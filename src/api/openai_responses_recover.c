/*
 * openai_responses_recover.c - the events of a background response, read back: as a stream that is taken up again, and as the text so far when nobody goes on with it.
 */
#include "api/openai_responses_background.h"
#include "api/stream_follow.h"
#include "api/stream_settle.h"
#include "base/clock.h"

enum { HEARTBEAT_US = 15 * 1000000, PAGE_ARENA_MAX = 128 * 1024 * 1024, ITEMS_MAX = 1024, TEXT_MAX = 64 * 1024 * 1024, FRAME_MAX = 256 * 1024 * 1024 };

/* --- a stream taken up again --- */

/* Whether more is to come; a response that nobody makes any more gets its end now. */
static MAY_PARK const struct err *
look_after(struct follower *follower, bool *finished)
{
	struct api_request scratch = *follower->request;
	struct response_stored stored;
	const struct err *err;

	scratch.arena = follower->page;
	err = response_get(scratch.app->store, scratch.arena, scratch.identity->tenant, follower->id, "response_id", &stored);
	if (!err)
		err = background_recover(&scratch, &stored, NULL);
	*finished = !err && !response_unfinished(&stored);
	return err;
}

/*
 * The terminal event is among the rows. A client that has had it gets nothing more; one that had more than was stored when its process was lost gets it all the same, and one whose number is that of the failure
 * may have had another event with it.
 */
static MAY_PARK const struct err *
send_end(struct follower *follower)
{
	struct str last = STR_EMPTY;
	int64_t number = -1;
	const struct err *err = follower->any ? NULL : follow_last(follower, &last, &number);

	follower->ended = true;
	if (!err && follower->after <= number && !str_starts(last, STR("event: response.failed\n")))
		last = STR_EMPTY;
	return err ? err : sse_end(follower->writer, last);
}

MAY_PARK const struct err *
background_follow(struct api_request *request, struct str id, int64_t after)
{
	struct follower follower = { .request = request, .page = arena_new(PAGE_ARENA_MAX), .id = id, .after = after,
		.number = responses_frame_number, .is_last = responses_frame_is_last, .look_after = look_after, .end = send_end };
	const struct err *err = sse_open(request->http, HEARTBEAT_US, &follower.writer);

	if (!err)
		err = follow_rows(&follower);
	err = err ? err_copy(request->arena, err) : NULL;
	arena_free(follower.page);
	return err;
}

/* --- the text so far --- */

/* An item in the making, by its place in the output. */
struct heard {
	const struct json *item;    /* as it was announced, or as it ended */
	bool done;
	struct buf text;            /* of the part that is not done, or arguments */
	struct str part;            /* its type, a constant */
};

struct replay {
	struct arena *arena;
	struct heard *heard;        /* ITEMS_MAX */
	size_t count;
	int64_t last;
	bool ended;
};

static const struct err *
hear_delta(struct replay *replay, struct heard *heard, struct str type, const struct json *event)
{
	if (!heard->text.max && !buf_init_held(&heard->text, replay->arena, TEXT_MAX))
		return &err_no_memory;
	heard->part = str_starts(type, STR("response.output_text."))	 ? STR("output_text")
		: str_starts(type, STR("response.refusal."))		 ? STR("refusal")
		: str_starts(type, STR("response.reasoning_summary_text.")) ? STR("summary_text")
									    : STR("reasoning_text");
	buf_add(&heard->text, json_get_string(event, "delta"));
	return buf_err(&heard->text);
}

static const struct err *
hear(struct replay *replay, struct arena *arena, struct str frame)
{
	size_t at = str_find(frame, STR("\ndata: "), 0);
	const struct json *event;
	struct str type;
	int64_t index;
	const struct err *err = at == SIZE_MAX ? NULL : json_parse(arena, str_slice(frame, at + 7, frame.len), &event);

	if (err || at == SIZE_MAX)
		return err;
	type = json_get_string(event, "type");
	index = json_int(json_get(event, "output_index"), -1);
	if (index < 0 || index >= ITEMS_MAX)
		return NULL;
	if ((size_t)index >= replay->count)
		replay->count = (size_t)index + 1;
	if (str_eq_c(type, "response.output_item.added") || str_eq_c(type, "response.output_item.done")) {
		replay->heard[index].item = json_get(event, "item");
		replay->heard[index].done = str_ends(type, STR(".done"));
		return NULL;
	}
	return str_ends(type, STR(".delta")) ? hear_delta(replay, &replay->heard[index], type, event) : NULL;
}

/* What was said of an item that never ended. */
static void
put_unfinished(struct json_out *out, const struct heard *heard)
{
	struct str type = json_get_string(heard->item, "type");
	bool message = str_eq_c(type, "message"), custom = str_eq_c(type, "custom_tool_call"), call = custom || str_eq_c(type, "function_call");
	const char *argument = custom ? "input" : "arguments";

	json_begin_object(out);
	for (struct json_iter it = json_iter(heard->item); json_next(&it);) {
		if (str_eq_c(it.key, "status") || (message && str_eq_c(it.key, "content")) || (call && str_eq_c(it.key, argument)) || str_eq_c(it.key, "summary"))
			continue;
		json_key(out, it.key);
		json_put(out, it.value);
	}
	if ((call && !custom) || message)
		json_set_string(out, "status", STR("incomplete"));
	if (call) {
		json_set_string(out, argument, buf_str(&heard->text));
	} else {
		bool summary = str_eq_c(heard->part, "summary_text");

		if (!message && !summary)
			json_set_raw(out, "summary", STR("[]"));
		json_set_array(out, message || !summary ? "content" : "summary");
		if (heard->text.len) {
			json_begin_object(out);
			json_set_string(out, "type", heard->part);
			json_set_string(out, str_eq_c(heard->part, "refusal") ? "refusal" : "text", buf_str(&heard->text));
			if (str_eq_c(heard->part, "output_text")) {
				json_set_raw(out, "annotations", STR("[]"));
				json_set_raw(out, "logprobs", STR("[]"));
			}
			json_end_object(out);
		}
		json_end_array(out);
	}
	json_end_object(out);
}

static const struct err *
take_item(struct replay *replay, const struct heard *heard, struct response_item *out)
{
	const struct json *item = heard->item;
	struct json_out json;
	struct buf text;
	const struct err *err = NULL;

	if (!heard->done) {
		buf_init(&text, NULL, 2 * (size_t)TEXT_MAX);
		json_out_init(&json, &text);
		put_unfinished(&json, heard);
		err = buf_err(&text);
		if (!err)
			err = json_parse(replay->arena, buf_str(&text), &item);
		buf_fini(&text);
	}
	if (!err)
		err = responses_item_keep(replay->arena, item, out);
	out->output = true;
	return err;
}

/* What an event says that is worth hearing; it lies in `scratch` but for items, which stay. */
static const struct err *
hear_frame(struct replay *replay, struct arena *scratch, struct str frame)
{
	struct str name = str_slice(frame, 0, str_find_byte(frame, '\n', 0));
	bool item = str_starts(name, STR("event: response.output_item."));

	if (!item && !str_ends(name, STR(".delta")))
		return NULL;
	arena_reset(scratch);
	return hear(replay, item ? replay->arena : scratch, frame);
}

static MAY_PARK const struct err *
read_events(struct api_request *request, struct str id, struct replay *replay)
{
	struct arena *page = arena_new(PAGE_ARENA_MAX), *scratch = arena_new(PAGE_ARENA_MAX);
	const struct err *err = NULL;
	struct str *frames;
	size_t count = 1;

	while (!err && count) {
		struct str frame;

		arena_reset(page);
		err = response_events(request->app->store, page, request->identity->tenant, id, replay->last, &frames, &count);
		for (size_t i = 0; !err && i < count; i++) {
			while (!err && durable_next_event(&frames[i], &frame)) {
				int64_t number = responses_frame_number(frame);

				if (number <= replay->last)
					continue;
				err = hear_frame(replay, scratch, frame);
				replay->last = number;
				replay->ended = responses_frame_is_last(frame);
			}
		}
	}
	err = err ? err_copy(replay->arena, err) : NULL;
	arena_free(scratch);
	arena_free(page);
	return err;
}

MAY_PARK const struct err *
background_replay(struct api_request *request, struct str id, struct arena *arena, struct recovered *out)
{
	struct replay replay = { .arena = arena, .heard = arena_array(arena, ITEMS_MAX, sizeof(*replay.heard)), .last = -1 };
	const struct err *err = replay.heard ? read_events(request, id, &replay) : &err_no_memory;

	*out = (struct recovered){ .items = arena_array(arena, replay.count + 1, sizeof(*out->items)), .last = replay.last, .ended = replay.ended };
	if (!err && !out->items)
		err = &err_no_memory;
	for (size_t i = 0; i < replay.count && !err; i++)
		if (replay.heard[i].item)
			err = take_item(&replay, &replay.heard[i], &out->items[out->count++]);
	return err;
}

/* The event that ends it, with the whole response as it will be read from now on. */
static MAY_PARK const struct err *
final_frame(struct api_request *request, const struct response_stored *stored, const struct recovered *recovered, struct buf *out)
{
	struct response_state state = { .id = stored->id,
		.status = STR("failed"),
		.previous = stored->previous,
		.conversation = stored->conversation,
		.created_us = stored->created_us,
		.completed_us = stored->completed_us,
		.background = stored->background,
		.error = stored->error };
	const struct err *err = stored->head.len ? json_parse(request->arena, stored->head, &state.head) : NULL;
	struct json_out json;
	struct buf text, items;

	buf_init(&text, NULL, FRAME_MAX);
	buf_init(&items, NULL, FRAME_MAX);
	for (size_t i = 0; i < recovered->count && !err; i++) {
		if (items.len)
			buf_add(&items, STR(","));
		json_out_init(&json, &items);
		err = responses_item_read(request, &recovered->items[i], &json);
	}
	json_out_init(&json, &text);
	json_begin_object(&json);
	json_set_string(&json, "type", STR("response.failed"));
	json_set_int(&json, "sequence_number", recovered->last + 1);
	json_key(&json, STR("response"));
	response_put(&json, &state, buf_str(&items));
	json_end_object(&json);
	dialect_frame_add(out, STR("response.failed"), buf_str(&text));
	if (!err && (text.failed || items.failed))
		err = &err_no_memory;
	buf_fini(&text);
	buf_fini(&items);
	return err ? err : buf_err(out);
}

static MAY_PARK const struct err *
recover(struct api_request *request, struct response_stored *stored, struct arena *arena, const struct err *why)
{
	struct response_end end = { .tenant = request->identity->tenant, .id = stored->id, .status = STR("failed"), .completed_us = clock_wall_us(), .lease_until_us = stored->lease_until_us };
	struct api_request scratch = *request;
	struct recovered recovered;
	struct buf frame;
	const struct err *err = background_replay(request, stored->id, arena, &recovered);

	if (err)
		return err;
	buf_init(&frame, NULL, FRAME_MAX);
	stored->completed_us = end.completed_us;
	stored->error = end.error = response_error_json(arena, why);
	scratch.arena = arena; /* its text may be more than a request's memory holds */
	err = final_frame(&scratch, stored, &recovered, &frame);
	end.items = recovered.items;
	end.count = recovered.count;
	end.frames = buf_str(&frame);
	end.sequence = recovered.last + 1;
	if (!err)
		err = response_end(request->app->store, arena, &end);
	buf_fini(&frame);
	return err;
}

static const struct err server_ended = { .kind = ERR_UNAVAILABLE,
	.message = STR_INIT("the server ended before the answer was complete; what it had said by then is in the output") };

MAY_PARK const struct err *
background_recover(struct api_request *request, struct response_stored *stored, const struct err *why)
{
	struct arena *arena;
	const struct err *err;

	if (!stored->owner.len || !response_unfinished(stored) || (!why && !durable_abandoned(request->app->durables, stored->owner, stored->lease_until_us)))
		return NULL;
	arena = arena_new(PAGE_ARENA_MAX);
	err = why ? NULL : stream_settle(request->app, request->identity->tenant, stored->id); /* no end without a record */
	if (!err)
		err = recover(request, stored, arena, why ? why : &server_ended);
	err = err ? err_copy(request->arena, err) : NULL;
	arena_free(arena);
	return err ? err : response_get(request->app->store, request->arena, request->identity->tenant, arena_dup(request->arena, stored->id), "response_id", stored);
}
