/*
 * fuzz_responses.c - strangers' requests of the Responses API. One is refused by name or becomes a call; a call becomes a body for either kind of upstream, which is JSON or refused by name. What is kept of its items is
 * JSON, and reads as the same message again.
 */
#include <stdlib.h>

#include "api/openai_responses_background.h"
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
write_bodies(struct arena *arena, const struct call *call)
{
	struct target target = { .kind = &provider_openai, .model = STR("target") };

	for (unsigned way = 0; way < 2; way++) {
		const struct json *parsed;
		const struct err *err;
		struct json_out out;
		struct buf body;

		buf_init(&body, arena, MIB(8));
		json_out_init(&out, &body);
		if (way == 0) {
			err = openai_body_put(&out, call, &target, arena);
		} else {
			json_begin_object(&out);
			err = anthropic_members_put(&out, call, arena);
			if (!err)
				json_end_object(&out);
		}
		if (err)
			require(err->message.len > 0);
		else
			require(body.failed || !json_parse(arena, buf_str(&body), &parsed));
	}
}

/* For a target that speaks the protocol itself. */
static void
write_native(struct arena *arena, const struct call *call)
{
	struct conf_provider provider = { .name = STR("p"), .base_url = STR("http://127.0.0.1:1/v1"), .apis = CONF_API_ALL };
	struct target target = { .provider = &provider, .kind = &provider_openai, .model = STR("target") };
	struct http_call_spec spec = { 0 };
	const struct json *parsed;
	const struct err *err = provider_request(call, &target, arena, &spec);

	if (err)
		require(err->kind == ERR_NO_MEMORY || err->message.len > 0);
	else
		require(!json_parse(arena, spec.body, &parsed) && json_is(json_get(parsed, call->search ? "messages" : "input"), JSON_ARRAY));
}

static void
read_again(struct arena *arena, const struct response_item *item)
{
	struct message *message = NULL, **end = &message;
	const struct json *json;
	const struct err *err, *foreign = NULL;

	if (item->reference)
		return;
	require(item->id.len > 0 && !json_parse(arena, item->body, &json));
	err = responses_item_message(arena, json, "again", &end, &foreign);
	require(!err || err->kind == ERR_NO_MEMORY);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(MIB(64));
	struct api_request request = { .arena = arena, .body = str_n((const char *)data, size < 8192 ? size : 8192) };
	struct responses_ask *ask;
	struct str rest = request.body, frame;
	const struct err *err;

	while (durable_next_event(&rest, &frame))
		require(responses_frame_number(frame) >= -1 && frame.len >= 2);
	if (!json_parse(arena, request.body, &request.json) && json_is(request.json, JSON_OBJECT)) {
		err = responses_parse(&request, arena, &ask);
		if (err) {
			require(err->message.len > 0);
		} else {
			write_bodies(arena, ask->call);
			write_native(arena, ask->call);
			for (size_t i = 0; i < ask->item_count; i++)
				read_again(arena, &ask->items[i]);
		}
	}
	arena_free(arena);
	return 0;
}
