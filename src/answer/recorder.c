/*
 * recorder.c - see recorder.h. Events point into memory that the provider uses again for the next frame: what is kept is copied.
 */
#include "answer/recorder.h"

#include "base/clock.h"

struct held {
	struct held *next;
	struct event event;
};

struct recorded_tool {
	struct recorded_tool *next;
	unsigned item;
	bool custom;
	struct str id, name;
	struct buf arguments; /* or the input of a custom tool */
};

/* Made with its first piece: most answers have one choice. *out NULL: one beyond those that are kept. */
static const struct err *
choice_of(struct recorder *recorder, unsigned index, struct recorded_choice **out)
{
	struct recorded_choice *choice;

	*out = index < RECORDER_CHOICES_MAX ? recorder->choices[index] : NULL;
	if (index >= RECORDER_CHOICES_MAX || *out)
		return NULL;
	choice = arena_zalloc(recorder->arena, sizeof(*choice));
	if (!choice || !buf_init_held(&choice->text, recorder->arena, RECORDER_TEXT_MAX) || !buf_init_held(&choice->message, recorder->arena, 4 * (size_t)RECORDER_TEXT_MAX))
		return &err_no_memory;
	*out = recorder->choices[index] = choice;
	return NULL;
}

/* Pieces of several calls may come by turns. */
static const struct err *
remember_tool(struct recorder *recorder, struct recorded_choice *choice, const struct event *event)
{
	struct recorded_tool **link = &choice->tools;

	while (*link && (*link)->item != event->item)
		link = &(*link)->next;
	if (!*link && event->type == EVENT_TOOL_CALL) {
		struct recorded_tool *tool = arena_zalloc(recorder->arena, sizeof(*tool));

		if (!tool || !buf_init_held(&tool->arguments, recorder->arena, RECORDER_TEXT_MAX))
			return &err_no_memory;
		tool->item = event->item;
		tool->custom = event->custom;
		tool->id = arena_dup(recorder->arena, event->id);
		tool->name = arena_dup(recorder->arena, event->name);
		*link = tool;
	}
	if (*link && event->type == EVENT_ARGUMENTS)
		buf_add(&(*link)->arguments, event->text);
	return *link ? buf_err(&(*link)->arguments) : NULL;
}

static const struct err *
remember_piece(struct recorder *recorder, const struct event *event)
{
	struct recorded_choice *choice;
	const struct err *err = choice_of(recorder, event->choice, &choice);

	if (err || !choice)
		return err;
	if (event->type == EVENT_TOOL_CALL || event->type == EVENT_ARGUMENTS)
		return remember_tool(recorder, choice, event);
	buf_add(&choice->text, event->text);
	return buf_err(&choice->text);
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
	case EVENT_TOOL_CALL:
	case EVENT_ARGUMENTS:
		return remember_piece(recorder, event);
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
	struct recorded_choice *first;

	*recorder = (struct recorder){ .sink = { recorder_event, recorder_flush }, .out = out, .arena = arena };
	recorder->held_end = &recorder->held;
	return choice_of(recorder, 0, &first);
}

struct str
recorder_text(const struct recorder *recorder)
{
	return buf_str(&recorder->choices[0]->text);
}

MAY_PARK int64_t
recorder_tokens(const struct recorder *recorder, struct tokenizers *tokenizers, struct str model)
{
	int64_t tokens = recorder->reasoning;
	enum tokens_how how;

	for (unsigned i = 0; i < RECORDER_CHOICES_MAX; i++) {
		const struct recorded_choice *choice = recorder->choices[i];

		if (!choice)
			continue;
		tokens += tokenizers_count(tokenizers, model, &(struct str){ choice->text.ptr, choice->text.len }, 1, &how);
		for (const struct recorded_tool *tool = choice->tools; tool; tool = tool->next) {
			struct str texts[] = { tool->name, buf_str(&tool->arguments) };

			tokens += tokenizers_count(tokenizers, model, texts, COUNT(texts), &how);
		}
	}
	return tokens;
}

static void
put_tools(struct json_out *json, const struct recorded_tool *tools)
{
	json_set_array(json, "tool_calls");
	for (const struct recorded_tool *tool = tools; tool; tool = tool->next) {
		json_begin_object(json);
		json_set_string(json, "id", tool->id);
		json_set_string(json, "type", tool->custom ? STR("custom") : STR("function"));
		json_set_object(json, tool->custom ? "custom" : "function");
		json_set_string(json, "name", tool->name);
		json_set_string(json, tool->custom ? "input" : "arguments", buf_str(&tool->arguments));
		json_end_object(json);
		json_end_object(json);
	}
	json_end_array(json);
}

const struct err *
recorder_message(struct recorder *recorder, unsigned index, struct str *out)
{
	struct recorded_choice *choice = index < RECORDER_CHOICES_MAX ? recorder->choices[index] : NULL;
	struct json_out json;

	*out = str_n(NULL, 0);
	if (!choice)
		return NULL;
	buf_clear(&choice->message);
	buf_reserve(&choice->message, choice->text.len + 64);
	json_out_init(&json, &choice->message);
	json_begin_object(&json);
	json_set_string(&json, "role", STR("assistant"));
	json_set_string(&json, "content", buf_str(&choice->text));
	if (choice->tools)
		put_tools(&json, choice->tools);
	json_end_object(&json);
	*out = buf_str(&choice->message);
	return buf_err(&choice->message);
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
