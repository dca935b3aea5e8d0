/*
 * fuzz_messages.c - strangers' message requests, and models' answers to them. A request is refused by name or becomes a call; a call becomes a body for either kind of upstream, which is JSON, or is
 * refused by name. The same bytes as pieces of an answer become frames whose data is JSON, with blocks one after the other, and a whole message that is JSON, whatever the pieces are.
 */
#include <stdlib.h>

#include "api/anthropic.h"
#include "gateway/count.h"
#include "gateway/anthropic_request.h"
#include "gateway/openai_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
require_named(const struct err *err)
{
	require(err->message.len > 0 && err->message.ptr);
}

static void
write_bodies(struct arena *arena, const struct call *call)
{
	struct target target = { .kind = &provider_openai, .model = STR("target") };

	for (unsigned way = 0; way < 3; way++) {
		struct call copy = *call;
		const struct json *parsed;
		const struct err *err;
		struct json_out out;
		struct buf body;

		copy.changed = way == 1 || call->changed;
		buf_init(&body, arena, MIB(8));
		json_out_init(&out, &body);
		if (way == 2) {
			err = openai_body_put(&out, &copy, &target, arena);
		} else {
			json_begin_object(&out);
			err = anthropic_members_put(&out, &copy, arena);
			if (!err)
				json_end_object(&out);
		}
		if (err)
			require_named(err);
		else
			require(body.failed || !json_parse(arena, buf_str(&body), &parsed));
	}
	require(call_tokens_estimate(arena, call, true) >= 0);
}

static void
parse(struct arena *arena, struct str text)
{
	const struct json *json;
	struct call *call;
	const struct err *err;

	if (json_parse(arena, text, &json) || !json_is(json, JSON_OBJECT))
		return;
	err = anthropic_parse(arena, json, text, true, &call);
	if (err)
		require_named(err);
	else
		write_bodies(arena, call);
}

/* Each frame's data is JSON, and blocks come one after the other. */
static void
check_frames(struct arena *arena, struct str frames)
{
	int64_t open = -1, next = 0;
	struct str line;

	while (str_split(&frames, '\n', &line)) {
		const struct json *json;
		struct str type;

		if (!str_starts(line, STR("data: ")))
			continue;
		require(!json_parse(arena, str_slice(line, 6, line.len), &json));
		type = json_get_string(json, "type");
		if (str_eq_c(type, "content_block_start")) {
			require(open < 0 && json_int(json_get(json, "index"), -1) == next);
			open = next++;
		} else if (str_eq_c(type, "content_block_delta")) {
			require(json_int(json_get(json, "index"), -1) == open);
		} else if (str_eq_c(type, "content_block_stop")) {
			require(open >= 0 && json_int(json_get(json, "index"), -1) == open);
			open = -1;
		}
	}
	require(open < 0);
}

/* A byte says which event, the next how long its text is. */
static struct event
next_event(struct str *rest)
{
	static const enum event_type types[] = { EVENT_TEXT, EVENT_REASONING, EVENT_SIGNATURE, EVENT_TOOL_CALL, EVENT_ARGUMENTS, EVENT_ARGUMENTS, EVENT_REFUSAL, EVENT_OTHER };
	unsigned char what = (unsigned char)rest->ptr[0], len = rest->len > 1 ? (unsigned char)rest->ptr[1] % 16 : 0;
	struct event event = { .type = types[what % 8], .item = what / 8 % 4, .text = str_slice(*rest, 2, 2 + (size_t)len), .name = STR("f") };

	event.id = event.type == EVENT_TOOL_CALL ? event.text : STR_EMPTY;
	event.text = event.type == EVENT_TOOL_CALL ? STR_EMPTY : event.text;
	*rest = str_slice(*rest, 2 + (size_t)len, rest->len);
	return event;
}

static void
answer(struct arena *arena, struct str text)
{
	struct event start = { .type = EVENT_START }, finish = { .type = EVENT_FINISH, .finish = text.len % 2 ? FINISH_LENGTH : FINISH_STOP };
	struct anthropic_answer streamed, gathered;
	const struct json *json;
	struct call call = { 0 };
	struct buf frames, whole;
	struct json_out out;

	buf_init(&frames, arena, MIB(8));
	buf_init(&whole, arena, MIB(8));
	anthropic_answer_init(&streamed, arena, &call);
	anthropic_answer_init(&gathered, arena, &call);
	anthropic_frames_add(&streamed, &start, &frames);
	require(!anthropic_answer_take(&gathered, &start));
	while (text.len) {
		struct event event = next_event(&text);

		anthropic_frames_add(&streamed, &event, &frames);
		require(!anthropic_answer_take(&gathered, &event));
	}
	anthropic_frames_add(&streamed, &finish, &frames);
	anthropic_frames_end(&streamed, &frames);
	require(!frames.failed);
	check_frames(arena, buf_str(&frames));
	require(!anthropic_answer_take(&gathered, &finish));
	json_out_init(&out, &whole);
	if (!anthropic_put_message(&gathered, &out))
		require(!json_parse(arena, buf_str(&whole), &json));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(MIB(64));
	struct str text = str_n((const char *)data, size < 4096 ? size : 4096);

	parse(arena, text);
	answer(arena, text);
	arena_free(arena);
	return 0;
}
