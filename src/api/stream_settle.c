/*
 * stream_settle.c - see stream_settle.h.
 *
 * What was said is what a reader of the stream would have put together: texts, reasoning, arguments of tools, whatever the dialect. It is read to be counted and kept, not to be given out again, so one reader is
 * enough for all of them.
 */
#include "api/stream_settle.h"

#include "answer/durable.h"
#include "answer/pending.h"
#include "api/openai_responses.h"
#include "base/log.h"

enum { SAID_MAX = 64 * 1024 * 1024, SETTLE_ARENA_MAX = 256 * 1024 * 1024 };

/* --- what an answer had said --- */

/* The texts among these members. */
static void
add_texts(struct buf *said, const struct json *object, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_add(said, json_get_string(object, names[i]));
}

/* A piece of a chat completion, of a message, of an event of the Responses API or the AI SDK: in the first an item of `choices`, in the others `delta`, an object or a text. */
static void
add_event(struct buf *said, const struct json *event)
{
	static const char *const of_chat[] = { "reasoning_content", "content", "refusal" }, *const of_message[] = { "thinking", "text", "partial_json" },
			  *const of_tools[] = { "arguments", "input" }, *const of_ui[] = { "inputTextDelta" };
	const struct json *delta = json_get(event, "delta");

	buf_add(said, json_string(delta));
	add_texts(said, delta, of_message, COUNT(of_message));
	add_texts(said, event, of_ui, COUNT(of_ui));
	for (struct json_iter choice = json_iter(json_get(event, "choices")); json_next(&choice);) {
		delta = json_get(choice.value, "delta");
		add_texts(said, delta, of_chat, COUNT(of_chat));
		for (struct json_iter call = json_iter(json_get(delta, "tool_calls")); json_next(&call);) {
			add_texts(said, json_get(call.value, "function"), of_tools, COUNT(of_tools));
			add_texts(said, json_get(call.value, "custom"), of_tools, COUNT(of_tools));
		}
	}
}

/* A frame that is no JSON ("[DONE]") says nothing. */
static void
add_frame(struct buf *said, struct str frame, struct arena *scratch)
{
	size_t at = str_starts(frame, STR("data: ")) ? 0 : str_find(frame, STR("\ndata: "), 0);
	const struct json *event;

	if (at == SIZE_MAX)
		return;
	frame = str_slice(frame, at + (at || frame.ptr[0] == '\n' ? 7 : 6), frame.len);
	arena_reset(scratch);
	if (!json_parse(scratch, str_slice(frame, 0, str_find_byte(frame, '\n', 0)), &event))
		add_event(said, event);
}

static MAY_PARK const struct err *
read_said(struct store *store, struct arena *arena, const struct pending_lost *lost, struct buf *said)
{
	struct arena *scratch = arena_new(SAID_MAX);
	const struct err *err = NULL;
	int64_t last = -1;
	size_t count = 1;
	struct str *runs, frame;

	while (!err && count) {
		err = response_events(store, arena, lost->tenant, lost->stream, last, &runs, &count);
		for (size_t i = 0; !err && i < count; i++)
			while (durable_next_event(&runs[i], &frame)) {
				int64_t number = durable_number(frame);

				number = number < 0 ? responses_frame_number(frame) : number;
				if (number <= last)
					continue;
				last = number;
				add_frame(said, frame, scratch);
			}
	}
	arena_free(scratch);
	return err;
}

/* --- settling --- */

/* The same without what lies in an arena that is freed before the caller looks. */
static const struct err *
outlives(const struct err *err)
{
	return !err ? NULL : err->kind == ERR_CANCELLED ? &err_cancelled : &err_internal;
}

static MAY_PARK const struct err *
settle_one(struct app *app, const struct pending_lost *lost)
{
	struct arena *arena = arena_new(SETTLE_ARENA_MAX);
	struct buf said;
	const struct err *err;

	buf_init(&said, NULL, SAID_MAX);
	err = read_said(app->store, arena, lost, &said);
	if (!err) /* of what is longer than that, the beginning counts */
		err = pending_settle(app->store, app->tokenizers, arena, lost, buf_str(&said));
	if (err)
		log_warn("an answer whose server was killed could not be recorded", LOG_STR("stream", lost->stream), LOG_ERR("error", err));
	else
		log_info("an answer whose server was killed is recorded with what it had said", LOG_STR("stream", lost->stream));
	err = outlives(err);
	buf_fini(&said);
	arena_free(arena);
	return err;
}

/* All that can be settled now. *all: none is left. */
static MAY_PARK const struct err *
settle_all(struct app *app, struct arena *arena, bool *all)
{
	size_t count = 1, settled = 1;
	const struct err *err = NULL;

	while (!err && count && settled) { /* as long as that brings something */
		struct pending_lost *lost;

		arena_reset(arena);
		err = pending_find(app->store, arena, durables_owner(app->durables), &lost, &count);
		settled = 0;
		for (size_t i = 0; !err && i < count; i++) {
			const struct err *failed = settle_one(app, &lost[i]);

			settled += !failed;
			err = failed && failed->kind == ERR_CANCELLED ? failed : NULL;
		}
	}
	*all = !err && count == 0;
	return err;
}

MAY_PARK bool
stream_settle_lost(struct app *app)
{
	struct arena *arena = arena_new(SETTLE_ARENA_MAX);
	bool all = false;
	const struct err *err = settle_all(app, arena, &all);

	if (err && err->kind != ERR_CANCELLED)
		log_warn("answers whose server was killed could not be looked for", LOG_ERR("error", err));
	arena_free(arena);
	return all && store_engine_of(app->store) == STORE_SQLITE;
}

MAY_PARK const struct err *
stream_settle(struct app *app, int64_t tenant, struct str id)
{
	struct arena *arena = arena_new(SETTLE_ARENA_MAX);
	struct pending_lost *lost;
	size_t count = 0;
	const struct err *err = pending_find_of(app->store, arena, tenant, id, durables_owner(app->durables), &lost, &count);

	for (size_t i = 0; !err && i < count; i++)
		err = settle_one(app, &lost[i]);
	err = outlives(err);
	arena_free(arena);
	return err;
}
