/*
 * test_provider.h - for tests of providers: a sink that writes down what it gets, and a call to steer.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <math.h>

#include "gateway/provider.h"

struct script {
	struct sink sink;
	struct buf text; /* a letter, the choice or item where it is not 0, and the texts of each event */
	struct usage usage;
	unsigned last;   /* events that are to be held back */
	unsigned framed;
};

struct fixture {
	struct arena *arena;
	struct script script;
	struct conf_provider provider;
	struct target target;
	struct call call;
	struct decoder decoder;
	struct http_call_spec spec;
};

static inline const struct err *
write_down(struct sink *sink, const struct event *event)
{
	static const char letters[] = { [EVENT_START] = 'S', [EVENT_TEXT] = 'T', [EVENT_REFUSAL] = 'X', [EVENT_REASONING] = 'R', [EVENT_SIGNATURE] = 'G', [EVENT_TOOL_CALL] = 'C',
		[EVENT_ARGUMENTS] = 'A', [EVENT_CITATION] = 'Z', [EVENT_FINISH] = 'F', [EVENT_USAGE] = 'U', [EVENT_OTHER] = 'O' };
	struct script *script = (struct script *)sink;

	buf_add_byte(&script->text, letters[event->type]);
	if (event->choice || event->item)
		buf_printf(&script->text, "%u", event->choice ? event->choice : event->item);
	if (event->type == EVENT_START || event->type == EVENT_TOOL_CALL)
		buf_printf(&script->text, "%" STR_F ":", STR_A(event->id));
	buf_printf(&script->text, "%" STR_F "%" STR_F "%" STR_F ";", STR_A(event->name), STR_A(event->text), STR_A(event->finish_text));
	if (event->usage)
		script->usage = *event->usage;
	script->last += event->last;
	script->framed += event->framed;
	return NULL;
}

static inline void
begin(struct fixture *fixture, const struct provider *kind)
{
	*fixture = (struct fixture){ .arena = arena_new(MIB(16)) };
	fixture->script.sink.event = write_down;
	buf_init(&fixture->script.text, fixture->arena, KIB(64));
	fixture->provider = (struct conf_provider){ .name = STR("main"), .base_url = STR("http://127.0.0.1:1/v1"), .api_key = STR("secret") };
	fixture->target = (struct target){ .provider = &fixture->provider, .kind = kind, .model = STR("target-model") };
	fixture->call = (struct call){ .model = STR("asked"), .temperature = NAN, .top_p = NAN, .frequency_penalty = NAN, .presence_penalty = NAN, .choices = 1 };
	fixture->decoder = (struct decoder){ .arena = fixture->arena, .call = &fixture->call, .target = &fixture->target, .sink = &fixture->script.sink };
}

/* The call's request as a dialect would give it. */
static inline void
source(struct fixture *fixture, const char *text)
{
	fixture->call.source_text = str_of(text);
	assert_null(json_parse(fixture->arena, fixture->call.source_text, &fixture->call.source));
}

static inline const struct err *
feed(struct fixture *fixture, const char *const *frames)
{
	const struct err *err = NULL;

	for (; *frames && !err; frames++)
		err = fixture->target.kind->frame(&fixture->decoder, STR_EMPTY, str_of(*frames));
	if (!err && fixture->target.kind->end && fixture->decoder.finished)
		err = fixture->target.kind->end(&fixture->decoder);
	return err;
}

static inline const struct err *
write_request(struct fixture *fixture)
{
	fixture->spec = (struct http_call_spec){ 0 };
	return fixture->target.kind->request(&fixture->call, &fixture->target, fixture->arena, &fixture->spec);
}

static inline struct part *
say(struct fixture *fixture, enum role role, const char *text)
{
	struct message **end = &fixture->call.messages;

	while (*end)
		end = &(*end)->next;
	*end = message_new(fixture->arena, role, str_of(text));
	return (*end)->parts;
}

/* One more part of the last message. */
static inline struct part *
add_part(struct fixture *fixture, struct part part)
{
	struct message *message = fixture->call.messages;
	struct part **end, *copy = arena_alloc(fixture->arena, sizeof(*copy));

	while (message->next)
		message = message->next;
	end = &message->parts;
	while (*end)
		end = &(*end)->next;
	*copy = part;
	*end = copy;
	return copy;
}

static inline void
assert_text(struct fixture *fixture, struct str text, const char *expected)
{
	assert_string_equal(arena_cstr(fixture->arena, text), expected);
}

static inline void
assert_events(struct fixture *fixture, const char *expected)
{
	assert_text(fixture, buf_str(&fixture->script.text), expected);
}

static inline void
end(struct fixture *fixture)
{
	arena_free(fixture->arena);
}
