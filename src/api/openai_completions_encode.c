/*
 * openai_completions_encode.c - events to legacy completions: chunks, or one whole answer.
 *
 * A target that serves completions has its frames passed on as they are. What came from a chat is written here: text and the reasons why it ends; reasoning and citations have no place in
 * this dialect. Logprobs are null: who asked for them has been sent to a target of the first kind.
 */
#include "api/openai_completions.h"

#define OBJECT "text_completion"

static bool
says(const struct event *event)
{
	return event->type == EVENT_TEXT || event->type == EVENT_REFUSAL || event->type == EVENT_FINISH;
}

static void
put_choice(struct json_out *out, unsigned index, struct str text, struct str finish)
{
	json_begin_object(out);
	json_set_string(out, "text", text);
	json_set_int(out, "index", index);
	json_set_null(out, "logprobs");
	openai_finish_put(out, finish);
	json_end_object(out);
}

static void
put_chunk(struct openai_encoder *encoder, struct json_out *out, const struct event *event)
{
	bool usage = event->type == EVENT_USAGE && encoder->call->include_usage;

	if (!says(event) && !usage)
		return;
	openai_answer_begin(encoder, out, OBJECT);
	if (event->type == EVENT_FINISH)
		put_choice(out, event->choice, STR_EMPTY, finish_name(event->finish));
	else if (!usage)
		put_choice(out, event->choice, event->text, STR_EMPTY);
	json_end_array(out);
	if (usage)
		openai_usage_put(out, event->usage);
	else if (encoder->call->include_usage)
		json_set_null(out, "usage");
	json_end_object(out);
}

static const struct err *
gather(struct openai_encoder *common, const struct event *event)
{
	struct completion_encoder *encoder = (struct completion_encoder *)common;
	const struct err *err;
	struct buf *text;

	if (common->whole.len || !says(event))
		return NULL;
	err = openai_choice_check(common, event);
	if (err)
		return err;
	text = &encoder->texts[event->choice];
	if (!text->max && !buf_init_held(text, common->request->arena, ENCODER_BYTES_MAX))
		return &err_no_memory;
	encoder->choices = event->choice < encoder->choices ? encoder->choices : event->choice + 1;
	if (event->type == EVENT_FINISH)
		encoder->finishes[event->choice] = event->finish;
	else
		buf_add(text, event->text);
	return buf_err(text);
}

static void
put_choices(struct openai_encoder *common, struct json_out *out)
{
	const struct completion_encoder *encoder = (const struct completion_encoder *)common;

	for (unsigned i = 0; i < encoder->choices; i++)
		put_choice(out, i, buf_str(&encoder->texts[i]), finish_name(encoder->finishes[i]));
}

static const struct openai_form form = {
	.id_prefix = "cmpl-",
	.whole = OBJECT,
	.kind = DURABLE_NONE,
	.put_chunk = put_chunk,
	.gather = gather,
	.put_choices = put_choices,
};

const struct err *
completion_encoder_init(struct completion_encoder *encoder, struct api_request *request, const struct call *call)
{
	*encoder = (struct completion_encoder){ .choices = 0 };
	return openai_encoder_init(&encoder->common, &form, request, call);
}
