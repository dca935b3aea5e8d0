/*
 * fuzz_ai_sdk.c - strangers' requests of the AI SDK's hooks. Each is refused with a message, or becomes a streamed chat with messages in it; what it became is JSON that the chat's own reader took.
 */
#include <stdlib.h>

#include "api/ai_sdk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
require_call(const struct err *err, const struct call *call)
{
	if (err)
		require(err->message.len > 0);
	else
		require(call->messages && call->stream && json_is(call->source, JSON_OBJECT) && call->model.len > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(MIB(64));
	struct str text = str_n((const char *)data, size < 4096 ? size : 4096);
	struct ai_sdk_ask ask;
	const struct json *json;
	const struct err *err;
	struct call *call;

	if (!json_parse(arena, text, &json) && json_is(json, JSON_OBJECT)) {
		err = ai_sdk_parse_chat(arena, json, STR("0123456789abcdef0123456789abcdef"), &ask);
		require_call(err, ask.call);
		require(err || (ask.message_id.len > 0 && ask.chat_id.ptr));
		err = ai_sdk_parse_object(arena, json, &call);
		require_call(err, call);
		require(err || call->format == FORMAT_JSON_SCHEMA);
	}
	arena_free(arena);
	return 0;
}
