/*
 * recorder.c - see recorder.h. Events point into memory that the provider uses again for the next frame: what is kept is copied.
 */
#include "answer/recorder.h"

#include "base/clock.h"

struct held {
	struct held *next;
	struct event event;
};

static const struct err *
remember_tool(struct recorder *recorder, const struct event *event)
{
	struct buf *tools = &recorder->tools;

	if (event->type == EVENT_TOOL_CALL) {
		buf_add(tools, recorder->tool_open ? STR("\"}},{\"id\":") : STR("{\"id\":"));
		json_quote(tools, event->id);
		buf_add(tools, event->custom ? STR(",\"type\":\"custom\",\"custom\":{\"name\":") : STR(",\"type\":\"function\",\"function\":{\"name\":"));
		json_quote(tools, event->name);
		buf_add(tools, event->custom ? STR(",\"input\":\"") : STR(",\"arguments\":\""));
		recorder->tool_open = true;
	} else if (recorder->tool_open) {
		struct buf quoted;

		buf_init(&quoted, NULL, RECORDER_TEXT_MAX);
		json_quote(&quoted, event->text);
		tools->failed = tools->failed || quoted.failed;
		buf_add(tools, str_slice(buf_str(&quoted), 1, quoted.len - 1));
		buf_fini(&quoted);
	}
	return buf_err(tools);
}

/* A choice's buffer is made with its first piece: most answers have one choice. */
static const struct err *
remember_text(struct recorder *recorder, const struct event *event)
{
	struct buf *text;

	if (event->choice >= RECORDER_CHOICES_MAX)
		return NULL;
	text = &recorder->text[event->choice];
	if (!text->max && !buf_init_held(text, recorder->arena, RECORDER_TEXT_MAX))
		return &err_no_memory;
	buf_add(text, event->text);
	return buf_err(text);
}

static const struct err *
remember(struct recorder *recorder, const struct event *event)
{
	switch (event->type) {
	case EVENT_START:
		recorder->response_id = arena_dup(recorder->arena, event->id);
		recorder->served_model = arena_dup(recorder->arena, event->model);
		return recorder->response_id.ptr && recorder->served_model.ptr ? NULL : &err_no_memory;
	case EVENT_TEXT:
	case EVENT_REFUSAL:
		return remember_text(recorder, event);
	case EVENT_TOOL_CALL:
	case EVENT_ARGUMENTS:
		return event->choice == 0 ? remember_tool(recorder, event) : NULL;
	case EVENT_FINISH:
		if (event->choice == 0)
			recorder->finish_reason = arena_dup(recorder->arena, event->finish_text);
		return NULL;
	case EVENT_REASONING:
		recorder->reasoning += tokens_estimate(event->text);
		return NULL;
	case EVENT_SIGNATURE:
	case EVENT_CITATION:
	case EVENT_USAGE:
	case EVENT_OTHER:
		return NULL;
	}
	return NULL;
}

/* A provider's own citation lies in its frame. */
static bool
keep_citation(struct recorder *recorder, struct event *event)
{
	struct citation *copy = arena_alloc(recorder->arena, sizeof(*copy));

	if (!copy)
		return false;
	*copy = *event->citation;
	copy->url = arena_dup(recorder->arena, copy->url);
	copy->title = arena_dup(recorder->arena, copy->title);
	event->citation = copy;
	return copy->url.ptr && copy->title.ptr;
}

static const struct err *
hold(struct recorder *recorder, const struct event *event)
{
	struct held *held = recorder->held_count < RECORDER_HELD_MAX ? arena_zalloc(recorder->arena, sizeof(*held)) : NULL;
	struct usage *usage = NULL;

	if (!held)
		return &err_no_memory;
	held->event = *event;
	held->event.text = arena_dup_large(recorder->arena, event->text);
	held->event.id = arena_dup(recorder->arena, event->id);
	held->event.name = arena_dup(recorder->arena, event->name);
	held->event.signature = arena_dup(recorder->arena, event->signature);
	held->event.model = arena_dup(recorder->arena, event->model);
	held->event.finish_text = arena_dup(recorder->arena, event->finish_text);
	held->event.stop = arena_dup(recorder->arena, event->stop);
	held->event.logprobs = arena_dup_large(recorder->arena, event->logprobs);
	held->event.frame = arena_dup_large(recorder->arena, event->frame);
	held->event.frame_name = arena_dup(recorder->arena, event->frame_name);
	if (event->usage) {
		usage = arena_alloc(recorder->arena, sizeof(*usage));
		if (!usage)
			return &err_no_memory;
		*usage = *event->usage;
		held->event.usage = usage;
	}
	if (event->citation && !keep_citation(recorder, &held->event))
		return &err_no_memory;
	*recorder->held_end = held;
	recorder->held_end = &held->next;
	recorder->held_count++;
	return held->event.text.ptr && held->event.frame.ptr ? NULL : &err_no_memory;
}

static MAY_PARK const struct err *
recorder_event(struct sink *sink, const struct event *event)
{
	struct recorder *recorder = (struct recorder *)sink;
	const struct err *err = remember(recorder, event);

	if (!err && event->type == EVENT_START && recorder->began)
		err = recorder->began(recorder->began_arg, recorder);
	if (err)
		return err;
	if (!recorder->first_us && event->type != EVENT_START && event->type != EVENT_OTHER)
		recorder->first_us = clock_mono_us();
	return event->last || recorder->held ? hold(recorder, event) : sink_send(recorder->out, event);
}

static MAY_PARK const struct err *
recorder_flush(struct sink *sink)
{
	return sink_flush(((struct recorder *)sink)->out);
}

const struct err *
recorder_init(struct recorder *recorder, struct arena *arena, struct sink *out)
{
	bool made;

	*recorder = (struct recorder){ .sink = { recorder_event, recorder_flush }, .out = out, .arena = arena };
	recorder->held_end = &recorder->held;
	made = buf_init_held(&recorder->tools, arena, RECORDER_TEXT_MAX);
	made = buf_init_held(&recorder->message, arena, 4 * (size_t)RECORDER_TEXT_MAX) && made;
	return made ? NULL : &err_no_memory;
}

struct str
recorder_text(const struct recorder *recorder)
{
	return buf_str(&recorder->text[0]);
}

MAY_PARK int64_t
recorder_tokens(const struct recorder *recorder, struct tokenizers *tokenizers, struct str model)
{
	struct str texts[RECORDER_CHOICES_MAX + 1];
	enum tokens_how how;

	for (unsigned i = 0; i < RECORDER_CHOICES_MAX; i++)
		texts[i] = buf_str(&recorder->text[i]);
	texts[RECORDER_CHOICES_MAX] = buf_str(&recorder->tools);
	return recorder->reasoning + tokenizers_count(tokenizers, model, texts, COUNT(texts), &how);
}

const struct err *
recorder_message(struct recorder *recorder, struct str *out)
{
	struct buf *text = &recorder->message;
	struct json_out json;

	buf_clear(text);
	buf_reserve(text, recorder->text[0].len + recorder->tools.len + 64);
	json_out_init(&json, text);
	json_begin_object(&json);
	json_set_string(&json, "role", STR("assistant"));
	json_set_string(&json, "content", recorder_text(recorder));
	if (recorder->tool_open) {
		buf_add(&recorder->tools, STR("\"}}"));
		json_set_array(&json, "tool_calls");
		json_put_raw(&json, buf_str(&recorder->tools));
		json_end_array(&json);
		recorder->tools.len -= 3; /* open again: more may come */
	}
	json_end_object(&json);
	*out = buf_str(text);
	return buf_err(text);
}

MAY_PARK const struct err *
recorder_release(struct recorder *recorder, const struct citation *citations, size_t count)
{
	const struct err *err = NULL;
	bool cited = count == 0;

	for (const struct held *held = recorder->held; held && !err; held = held->next) {
		/* A whole answer is held from its start: citations go in front of the finish, wherever that is. */
		if (!cited && held->event.type == EVENT_FINISH) {
			for (size_t i = 0; i < count && !err; i++)
				err = sink_send(recorder->out, &(struct event){ .type = EVENT_CITATION, .citation = &citations[i], .last = true });
			cited = true;
		}
		if (!err)
			err = sink_send(recorder->out, &held->event);
	}
	return err;
}
