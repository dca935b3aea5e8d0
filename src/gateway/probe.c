/*
 * probe.c - see probe.h.
 */
#include "gateway/probe.h"

#include <math.h>

#include "base/clock.h"
#include "gateway/attempt.h"

enum { ARENA_MAX = 16 * 1024 * 1024, TEXT_MAX = 200, TOKENS = 16 };

#define PROBE_US (30 * USEC_PER_SEC)

/* Gathers the text of the answer. */
struct listener {
	struct sink sink;
	struct buf text;
	int64_t first_us;
};

static const struct err *
listen(struct sink *sink, const struct event *event)
{
	struct listener *listener = (struct listener *)sink;

	if (!listener->first_us)
		listener->first_us = clock_mono_us();
	if (event->type == EVENT_TEXT && listener->text.len < TEXT_MAX)
		buf_add(&listener->text, str_slice(event->text, 0, TEXT_MAX - listener->text.len));
	return NULL;
}

static const char *
advice_of(enum failure_cause cause, const struct err *err, bool refused)
{
	switch (cause) {
	case FAILURE_CREDENTIALS:
		return "look at api_key (or what this kind has in its place), at base_url, and whether this account has the model";
	case FAILURE_TIMEOUT:
		return "look whether the provider is slow or a firewall swallows the call; headers_timeout says how long is waited";
	case FAILURE_RATE_LIMIT:
		return "the key works, but its quota is used up now: wait, raise it there, or set max_concurrency";
	case FAILURE_UNSUPPORTED:
	case FAILURE_REQUEST:
		return "the provider refuses this request: name a chat model that it has, and look whether kind is right";
	case FAILURE_CONTEXT_WINDOW:
	case FAILURE_CONTENT_FILTER:
		return "the provider answers, but not to this: its own filters or limits refuse even a few words";
	default:
		return refused && err->kind == ERR_UNAVAILABLE ? "the provider answers, but says that it cannot serve now: try again later, and look at its own status"
			: err->kind == ERR_UNAVAILABLE	       ? "look whether a server listens at base_url and this node can reach it (name, port, proxy, certificate)"
							       : "look at base_url and kind: what answers there does not speak as this kind does, or is failing itself";
	}
}

MAY_PARK void
probe_run(const struct conf_provider *provider, struct str model, struct trace *trace, struct arena *arena, struct probe *out)
{
	struct arena *scratch = arena_new(ARENA_MAX);
	struct conf_target row = { .provider = provider, .model = model, .weight = 1 };
	struct target target = { .provider = provider, .kind = provider_find(conf_provider_kind(provider)), .model = model, .row = &row };
	struct call call = { .model = model, .messages = message_new(scratch, ROLE_USER, STR("Answer with the one word: ready")), .temperature = NAN, .top_p = NAN, .frequency_penalty = NAN,
		.presence_penalty = NAN, .choices = 1, .tokens_max = TOKENS,
		.dialect = DIALECT_OPENAI_RESPONSES /* no provider's own: each writes the whole request from the inner form */ };
	struct listener listener = { .sink.event = listen };
	struct decoder decoder = { .arena = scratch, .call = &call, .target = &target, .sink = &listener.sink };
	struct span *span = span_open(trace, SPAN_CLIENT, STR("provider test"));
	int64_t began_us = clock_mono_us();
	struct scope scope;

	buf_init(&listener.text, arena, KIB(1));
	scope_open(&scope, PROBE_US);
	out->err = call.messages ? attempt_run(&decoder, span, &out->cause) : &err_no_memory;
	if (out->err && out->err->kind == ERR_TIMEOUT)
		out->cause = FAILURE_TIMEOUT;
	scope_close(&scope);
	span_close(span, out->err);
	out->whole_us = clock_mono_us() - began_us;
	out->first_us = listener.first_us ? listener.first_us - began_us : 0;
	out->err = out->err ? err_copy(arena, out->err) : NULL;
	out->advice = out->err ? advice_of(out->cause, out->err, decoder.refused) : NULL;
	out->text = buf_str(&listener.text);
	out->usage = decoder.usage;
	arena_free(scratch);
}
