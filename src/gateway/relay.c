/*
 * relay.c - see relay.h.
 */
#include "gateway/relay.h"

#include "base/clock.h"
#include "infer/tokenizers.h"

static struct event *
event_copy(struct arena *arena, const struct event *event)
{
	struct event *copy = arena_alloc(arena, sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *event;
	copy->id = arena_dup(arena, event->id);
	copy->model = arena_dup(arena, event->model);
	copy->text = arena_dup(arena, event->text);
	copy->frame = arena_dup_large(arena, event->frame);
	copy->frame_name = arena_dup(arena, event->frame_name);
	return copy->id.ptr && copy->model.ptr && copy->text.ptr && copy->frame.ptr && copy->frame_name.ptr ? copy : NULL;
}

static MAY_PARK const struct err *
pass(struct relay *relay, const struct event *event)
{
	const struct err *err = sink_send(relay->out, event);

	relay->sent = true;
	relay->out_failed = relay->out_failed || err;
	return err;
}

static const struct err *
remember(struct relay *relay, const struct event *event)
{
	switch (event->type) {
	case EVENT_TEXT:
		relay->plain = relay->plain && event->choice == 0;
		if (relay->keep && event->choice == 0)
			buf_add(&relay->text, event->text);
		return relay->keep ? buf_err(&relay->text) : NULL;
	case EVENT_REFUSAL:
	case EVENT_TOOL_CALL:
	case EVENT_ARGUMENTS:
		relay->plain = false;
		return NULL;
	case EVENT_FINISH:
		relay->finished = true;
		return NULL;
	case EVENT_START:
	case EVENT_REASONING:
	case EVENT_SIGNATURE:
	case EVENT_CITATION:
	case EVENT_USAGE:
	case EVENT_OTHER:
		return NULL;
	}
	return NULL;
}

static struct str
without_leading_space(struct str text)
{
	size_t at = 0;

	while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\n' || text.ptr[at] == '\t' || text.ptr[at] == '\r'))
		at++;
	return str_slice(text, at, text.len);
}

/* An event of a further attempt: its frame is of another answer, so it is written anew. */
static MAY_PARK const struct err *
pass_continued(struct relay *relay, const struct event *event)
{
	struct event own = *event;
	struct usage sum;
	const struct err *err;

	own.framed = false;
	own.frame = own.frame_name = STR_EMPTY;
	if (event->type == EVENT_START || event->type == EVENT_OTHER)
		return NULL;
	if (event->type == EVENT_TEXT && relay->trim) {
		own.text = without_leading_space(event->text);
		if (own.text.len == 0)
			return NULL;
		relay->trim = false;
	}
	if (event->type == EVENT_USAGE) {
		sum = usage_sum(&relay->before, event->usage);
		own.usage = &sum;
	}
	err = remember(relay, &own);
	return err ? err : pass(relay, &own);
}

/* The id of a completion that was carried over to another wire has the prefix of completions, for the record as for the client. ptr NULL: no memory. */
static struct str
completion_id(struct arena *arena, struct str id)
{
	static const struct str prefix = STR_INIT("cmpl-"), chat = STR_INIT("chatcmpl-");

	if (str_starts(id, prefix))
		return id;
	return arena_concat(arena, prefix, str_starts(id, chat) ? str_slice(id, chat.len, id.len) : id);
}

static MAY_PARK const struct err *
relay_event(struct sink *sink, const struct event *event)
{
	static const struct err filtered = { .kind = ERR_INVALID, .code = STR_INIT("content_filter"), .message = STR_INIT("the provider's content filter ended the answer before it began") };
	struct relay *relay = (struct relay *)sink;
	const struct event *start = relay->start;
	struct event renamed;
	const struct err *err;

	if (event->type == EVENT_START && relay->completion && !event->framed && event->id.len) {
		renamed = *event;
		renamed.id = completion_id(relay->arena, event->id);
		if (!renamed.id.ptr)
			return &err_no_memory;
		event = &renamed;
	}
	if (!relay->first_us)
		relay->first_us = clock_mono_us();
	if (relay->continuing)
		return pass_continued(relay, event);
	if (relay->hold && event->type == EVENT_START) {
		relay->start = event_copy(relay->arena, event);
		return relay->start ? NULL : &err_no_memory;
	}
	if (relay->filter_fails && !relay->sent && event->type == EVENT_FINISH && event->finish == FINISH_CONTENT_FILTER)
		return &filtered;
	relay->start = NULL;
	err = start ? pass(relay, start) : NULL;
	if (!err)
		err = remember(relay, event);
	return err ? err : pass(relay, event);
}

static MAY_PARK const struct err *
relay_flush(struct sink *sink)
{
	struct relay *relay = (struct relay *)sink;
	const struct err *err = relay->sent ? sink_flush(relay->out) : NULL;

	relay->out_failed = relay->out_failed || err;
	return err;
}

const struct err *
relay_init(struct relay *relay, struct arena *arena, struct sink *out, bool hold, bool keep)
{
	*relay = (struct relay){ .sink = { relay_event, relay_flush }, .out = out, .arena = arena, .hold = hold, .keep = keep, .plain = true };
	return !keep || buf_init_held(&relay->text, arena, RELAY_TEXT_MAX) ? NULL : &err_no_memory;
}

void
relay_begin(struct relay *relay)
{
	relay->start = NULL;
	relay->first_us = 0;
	relay->continuing = relay->sent;
	relay->text_from = relay->text.len;
}

bool
relay_can_continue(const struct relay *relay, const struct call *call)
{
	return relay->keep && relay->plain && !relay->finished && !relay->out_failed && call->choices <= 1 && !call->audio;
}

struct call *
relay_continue(struct relay *relay, const struct call *call)
{
	struct call *next = arena_alloc(relay->arena, sizeof(*next));
	struct message **end;
	struct str text = buf_str(&relay->text);
	int64_t spent;

	if (!next)
		return NULL;
	*next = *call;
	while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\t' || text.ptr[text.len - 1] == '\r'))
		text.len--;
	relay->trim = text.len < relay->text.len;
	if (!text.len)
		return next;
	end = &next->messages;
	for (const struct message *message = call->messages; message; message = message->next) {
		*end = arena_alloc(relay->arena, sizeof(**end));
		if (!*end)
			return NULL;
		**end = *message;
		end = &(*end)->next;
	}
	*end = message_new(relay->arena, ROLE_ASSISTANT, text);
	if (!*end)
		return NULL;
	next->changed = true;
	spent = tokens_estimate(text);
	if (call->tokens_max)
		next->tokens_max = call->tokens_max > spent ? call->tokens_max - spent : 1;
	return next;
}
