/*
 * fuzz_completions.c - strangers' legacy completions. A request is refused by name or becomes a call; a call goes on as it came to a target that serves completions, and as a chat to one that does
 * not: both bodies are JSON, or are refused by name.
 */
#include <stdlib.h>

#include "api/openai_completions.h"
#include "gateway/count.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
write_body(struct arena *arena, const struct call *call, const char *kind, unsigned apis)
{
	struct conf_provider provider = { .name = STR("p"), .base_url = STR("http://127.0.0.1:1/v1"), .apis = apis };
	struct target target = { .provider = &provider, .kind = provider_find(str_of(kind)), .model = STR("target") };
	struct http_call_spec spec = { 0 };
	const struct json *parsed;
	const struct err *err = provider_request(call, &target, arena, &spec);

	if (err)
		require(err->kind == ERR_NO_MEMORY || err->message.len > 0);
	else
		require(!json_parse(arena, spec.body, &parsed) && json_is(parsed, JSON_OBJECT));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(MIB(64));
	struct str text = str_n((const char *)data, size < 4096 ? size : 4096);
	const struct json *json;
	const struct err *err;
	struct call *call;

	if (!json_parse(arena, text, &json) && json_is(json, JSON_OBJECT)) {
		err = openai_completion_parse(arena, json, text, &call);
		if (err) {
			require(err->message.len > 0);
		} else {
			require(call->messages && call->choices >= 1 && call_tokens_estimate(arena, call, true) >= 0);
			write_body(arena, call, "openai", CONF_API_ALL);
			write_body(arena, call, "tgi", CONF_API_ALL);
			write_body(arena, call, "ollama", 0);
			write_body(arena, call, "anthropic", 0);
			call->changed = true;
			write_body(arena, call, "openai", CONF_API_ALL);
		}
	}
	arena_free(arena);
	return 0;
}
