/*
 * openai_chat_encode.c - events to OpenAI's chunks, or to one whole answer: what openai_encode.h leaves to this dialect.
 */
#include "api/openai_chat.h"

struct tool_call {
	struct tool_call *next;
	unsigned item;
	struct str id, name, signature;
	bool custom;
	struct buf arguments;       /* or the input of a custom tool */
};

/* A choice of a whole answer, gathered. */
struct openai_choice {
	struct buf text, refusal, reasoning;
	struct tool_call *tools;
	enum finish finish;
};

/* --- citations --- */

static const struct err *
gather_citation(struct chat_encoder *encoder, const struct citation *citation)
{
	struct json_out out;

	if (encoder->citations.len)
		buf_add(&encoder->citations, STR(","));
	json_out_init(&out, &encoder->citations);
	json_begin_object(&out);
	json_set_string(&out, "type", STR("url_citation"));
	json_set_object(&out, "url_citation");
	json_set_string(&out, "url", citation->url);
	json_set_string(&out, "title", citation->title);
	json_set_int(&out, "start_index", citation->start);
	json_set_int(&out, "end_index", citation->end);
	json_end_object(&out);
	json_end_object(&out);
	encoder->common.whole = STR_EMPTY; /* it lacks them */
	return buf_err(&encoder->citations);
}

static struct str
citations_array(struct chat_encoder *encoder)
{
	return arena_printf(encoder->common.request->arena, "[%" STR_F "]", STR_A(buf_str(&encoder->citations)));
}

/* --- as a stream --- */

static void
end_chunk(struct openai_encoder *encoder, struct json_out *out)
{
	json_end_array(out);
	if (encoder->call->include_usage)
		json_set_null(out, "usage");
	json_end_object(out);
}

/* A choice's first delta says whose it is; that of the first is the start's own chunk. */
static void
begin_delta(struct openai_encoder *common, struct json_out *out, unsigned choice)
{
	struct chat_encoder *encoder = (struct chat_encoder *)common;

	openai_answer_begin(common, out, "chat.completion.chunk");
	json_begin_object(out);
	json_set_int(out, "index", choice);
	json_set_object(out, "delta");
	if (choice == 0 || choice >= ENCODER_CHOICES_MAX || encoder->begun & 1u << choice)
		return;
	encoder->begun |= 1u << choice;
	json_set_string(out, "role", STR("assistant"));
}

static void
end_delta(struct openai_encoder *encoder, struct json_out *out, struct str finish)
{
	json_end_object(out);
	json_set_null(out, "logprobs");
	openai_finish_put(out, finish);
	json_end_object(out);
	end_chunk(encoder, out);
}

/* Where Google's own service of this dialect puts the signature of a thought, and clients that give back what they got bring it from. */
static void
put_signature(struct json_out *out, struct str signature)
{
	if (!signature.len)
		return;
	json_set_object(out, "extra_content");
	json_set_object(out, "google");
	json_set_string(out, "thought_signature", signature);
	json_end_object(out);
	json_end_object(out);
}

static struct str
tool_type(bool custom)
{
	return custom ? STR("custom") : STR("function");
}

static void
put_tool_delta(struct json_out *out, const struct event *event)
{
	json_set_array(out, "tool_calls");
	json_begin_object(out);
	json_set_int(out, "index", event->item);
	if (event->type == EVENT_TOOL_CALL) {
		json_set_string(out, "id", event->id);
		json_set_string(out, "type", tool_type(event->custom));
		put_signature(out, event->signature);
	}
	json_set_object(out, event->custom ? "custom" : "function");
	if (event->type == EVENT_TOOL_CALL)
		json_set_string(out, "name", event->name);
	json_set_string(out, event->custom ? "input" : "arguments", event->text.ptr ? event->text : STR_EMPTY);
	json_end_object(out);
	json_end_object(out);
	json_end_array(out);
}

static void
put_usage_chunk(struct openai_encoder *encoder, struct json_out *out, const struct usage *usage)
{
	openai_answer_begin(encoder, out, "chat.completion.chunk");
	json_end_array(out);
	openai_usage_put(out, usage);
	json_end_object(out);
}

/* The chunk of an event that did not come in this dialect; nothing for one that has none. */
static void
put_chunk(struct openai_encoder *encoder, struct json_out *out, const struct event *event)
{
	switch (event->type) {
	case EVENT_START:
		begin_delta(encoder, out, 0);
		json_set_string(out, "role", STR("assistant"));
		json_set_string(out, "content", STR_EMPTY);
		end_delta(encoder, out, STR_EMPTY);
		break;
	case EVENT_TEXT:
	case EVENT_REFUSAL:
	case EVENT_REASONING:
		begin_delta(encoder, out, event->choice);
		json_set_string(out,
			event->type == EVENT_TEXT      ? "content"
			: event->type == EVENT_REFUSAL ? "refusal"
						       : "reasoning_content",
			event->text);
		end_delta(encoder, out, STR_EMPTY);
		break;
	case EVENT_TOOL_CALL:
	case EVENT_ARGUMENTS:
		begin_delta(encoder, out, event->choice);
		put_tool_delta(out, event);
		end_delta(encoder, out, STR_EMPTY);
		break;
	case EVENT_FINISH:
		begin_delta(encoder, out, event->choice);
		end_delta(encoder, out, finish_name(event->finish));
		break;
	case EVENT_USAGE:
		if (encoder->call->include_usage)
			put_usage_chunk(encoder, out, event->usage);
		break;
	case EVENT_SIGNATURE: /* has no place in this dialect */
	case EVENT_CITATION:
	case EVENT_OTHER:
		break;
	}
}

static void
add_citations(struct openai_encoder *common, struct buf *out)
{
	struct chat_encoder *encoder = (struct chat_encoder *)common;
	struct json_out json;
	struct buf chunk;

	if (!encoder->citations.len)
		return;
	buf_init(&chunk, common->request->arena, MIB(2));
	json_out_init(&json, &chunk);
	begin_delta(common, &json, 0);
	json_set_raw(&json, "annotations", citations_array(encoder));
	end_delta(common, &json, STR_EMPTY);
	dialect_frame_add(out, STR_EMPTY, buf_str(&chunk));
	buf_clear(&encoder->citations);
}

/* --- whole --- */

static struct openai_choice *
choice_of(struct chat_encoder *encoder, unsigned index)
{
	struct arena *arena = encoder->common.request->arena;
	struct openai_choice *choice = encoder->choices[index];

	if (choice)
		return choice;
	choice = arena_zalloc(arena, sizeof(*choice));
	if (!choice || !buf_init_held(&choice->text, arena, ENCODER_BYTES_MAX) || !buf_init_held(&choice->refusal, arena, ENCODER_BYTES_MAX) ||
		!buf_init_held(&choice->reasoning, arena, ENCODER_BYTES_MAX))
		return NULL;
	return encoder->choices[index] = choice;
}

static struct tool_call *
tool_of(struct arena *arena, struct openai_choice *choice, unsigned item)
{
	struct tool_call **link = &choice->tools;

	while (*link && (*link)->item != item)
		link = &(*link)->next;
	if (*link)
		return *link;
	*link = arena_zalloc(arena, sizeof(**link));
	if (!*link || !buf_init_held(&(*link)->arguments, arena, ENCODER_BYTES_MAX))
		return NULL;
	(*link)->item = item;
	return *link;
}

static const struct err *
gather_tool(struct arena *arena, struct openai_choice *choice, const struct event *event)
{
	struct tool_call *tool = tool_of(arena, choice, event->item);

	if (!tool)
		return &err_no_memory;
	if (event->type == EVENT_TOOL_CALL) {
		tool->id = arena_dup(arena, event->id);
		tool->name = arena_dup(arena, event->name);
		tool->signature = arena_dup(arena, event->signature);
		tool->custom = event->custom;
	}
	buf_add(&tool->arguments, event->text);
	return buf_err(&tool->arguments);
}

static const struct err *
gather_text(struct buf *text, const struct event *event)
{
	buf_add(text, event->text);
	return buf_err(text);
}

static const struct err *
gather(struct openai_encoder *common, const struct event *event)
{
	const struct err *err = openai_choice_check(common, event);
	struct openai_choice *choice = err ? NULL : choice_of((struct chat_encoder *)common, event->choice);

	if (!choice)
		return err ? err : &err_no_memory;
	switch (event->type) {
	case EVENT_TEXT:
		return gather_text(&choice->text, event);
	case EVENT_REFUSAL:
		return gather_text(&choice->refusal, event);
	case EVENT_REASONING:
		return gather_text(&choice->reasoning, event);
	case EVENT_TOOL_CALL:
	case EVENT_ARGUMENTS:
		return gather_tool(common->request->arena, choice, event);
	case EVENT_FINISH:
		choice->finish = event->finish;
		return NULL;
	case EVENT_START:
	case EVENT_USAGE:
	case EVENT_CITATION:
	case EVENT_SIGNATURE:
	case EVENT_OTHER:
		return NULL;
	}
	return NULL;
}

static void
put_message(struct chat_encoder *encoder, struct json_out *out, const struct openai_choice *choice, bool first)
{
	json_set_object(out, "message");
	json_set_string(out, "role", STR("assistant"));
	if (choice->text.len || !choice->tools)
		json_set_string(out, "content", buf_str(&choice->text));
	else
		json_set_null(out, "content");
	if (choice->refusal.len)
		json_set_string(out, "refusal", buf_str(&choice->refusal));
	else
		json_set_null(out, "refusal");
	if (choice->reasoning.len)
		json_set_string(out, "reasoning_content", buf_str(&choice->reasoning));
	if (choice->tools)
		json_set_array(out, "tool_calls");
	for (const struct tool_call *tool = choice->tools; tool; tool = tool->next) {
		json_begin_object(out);
		json_set_string(out, "id", tool->id);
		json_set_string(out, "type", tool_type(tool->custom));
		put_signature(out, tool->signature);
		json_set_object(out, tool->custom ? "custom" : "function");
		json_set_string(out, "name", tool->name);
		json_set_string(out, tool->custom ? "input" : "arguments", buf_str(&tool->arguments));
		json_end_object(out);
		json_end_object(out);
	}
	if (choice->tools)
		json_end_array(out);
	if (first)
		json_set_raw(out, "annotations", citations_array(encoder));
	json_end_object(out);
}

static void
put_choices(struct openai_encoder *common, struct json_out *out)
{
	struct chat_encoder *encoder = (struct chat_encoder *)common;

	for (unsigned i = 0; i < ENCODER_CHOICES_MAX; i++) {
		if (!encoder->choices[i])
			continue;
		json_begin_object(out);
		json_set_int(out, "index", i);
		put_message(encoder, out, encoder->choices[i], i == 0);
		json_set_null(out, "logprobs");
		openai_finish_put(out, finish_name(encoder->choices[i]->finish));
		json_end_object(out);
	}
}

/* --- the encoder --- */

static const struct openai_form form = {
	.id_prefix = "chatcmpl-",
	.whole = "chat.completion",
	.kind = DURABLE_CHAT,
	.put_chunk = put_chunk,
	.add_ahead = add_citations,
	.gather = gather,
	.put_choices = put_choices,
};

/* Citations wait for the end, whatever dialect their answer came in. */
static MAY_PARK const struct err *
encoder_event(struct sink *sink, const struct event *event)
{
	return event->type == EVENT_CITATION ? gather_citation((struct chat_encoder *)sink, event->citation) : openai_encoder_event(sink, event);
}

const struct err *
chat_encoder_init(struct chat_encoder *encoder, struct api_request *request, const struct call *call)
{
	const struct err *err;

	*encoder = (struct chat_encoder){ .choices = { NULL } };
	err = openai_encoder_init(&encoder->common, &form, request, call);
	encoder->common.base.sink.event = encoder_event;
	buf_init(&encoder->citations, request->arena, MIB(1));
	return err;
}
