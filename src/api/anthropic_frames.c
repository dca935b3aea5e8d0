/*
 * anthropic_frames.c - the row of blocks as a stream of named frames.
 *
 * message_start wants the number of input tokens before anyone has said it: it is our estimate, and message_delta, whose figures are cumulative, puts it right.
 */
#include "api/anthropic_answer.h"
#include "api/dialect.h"
#include "gateway/count.h"

enum { FRAME_MAX = 64 * 1024 * 1024 };

/* One frame: begin, members, end. The JSON goes to a buffer of its own, since it may not hold line breaks. */
struct frame {
	struct buf json;
	struct json_out out;
	const char *type;
};

static void
frame_begin(struct frame *frame, const char *type)
{
	buf_init(&frame->json, NULL, 2 * (size_t)FRAME_MAX);
	json_out_init(&frame->out, &frame->json);
	frame->type = type;
	json_begin_object(&frame->out);
	json_set_string(&frame->out, "type", str_of(type));
}

static void
frame_end(struct frame *frame, struct buf *frames)
{
	json_end_object(&frame->out);
	if (frame->json.failed)
		frames->failed = true;
	else
		dialect_frame_add(frames, str_of(frame->type), buf_str(&frame->json));
	buf_fini(&frame->json);
}

static void
add_start(struct anthropic_answer *answer, struct buf *frames)
{
	struct frame frame;

	answer->input_estimate = call_tokens_estimate(answer->arena, answer->call, false);
	frame_begin(&frame, "message_start");
	json_set_object(&frame.out, "message");
	anthropic_put_begin(answer, &frame.out);
	json_end_array(&frame.out);
	json_set_null(&frame.out, "stop_reason");
	json_set_null(&frame.out, "stop_sequence");
	anthropic_put_figures(&frame.out, answer->input_estimate, &(struct usage){ 0 }, 0);
	json_end_object(&frame.out);
	frame_end(&frame, frames);
}

static void
add_delta(struct anthropic_answer *answer, struct buf *frames, const char *type, const char *member, struct str text)
{
	struct frame frame;

	frame_begin(&frame, "content_block_delta");
	json_set_int(&frame.out, "index", answer->index);
	json_set_object(&frame.out, "delta");
	json_set_string(&frame.out, "type", str_of(type));
	json_set_string(&frame.out, member, text);
	json_end_object(&frame.out);
	frame_end(&frame, frames);
}

static void
add_block_start(struct anthropic_answer *answer, struct buf *frames, const struct anthropic_block *block)
{
	struct frame frame;

	frame_begin(&frame, "content_block_start");
	json_set_int(&frame.out, "index", answer->index);
	json_key(&frame.out, STR("content_block"));
	anthropic_put_block(&frame.out, block, true);
	frame_end(&frame, frames);
	answer->open = true;
	if (answer->pinged)
		return;
	frame_begin(&frame, "ping");
	frame_end(&frame, frames);
	answer->pinged = true;
}

static void
add_block_stop(struct anthropic_answer *answer, struct buf *frames)
{
	struct frame frame;

	frame_begin(&frame, "content_block_stop");
	json_set_int(&frame.out, "index", answer->index);
	frame_end(&frame, frames);
	answer->open = false;
	answer->index++;
}

/* What waits of a block. */
static void
add_pieces(struct anthropic_answer *answer, struct buf *frames, struct anthropic_block *block)
{
	static const char *const types[][2] = { [BLOCK_TEXT] = { "text_delta", "text" }, [BLOCK_THINKING] = { "thinking_delta", "thinking" },
		[BLOCK_TOOL] = { "input_json_delta", "partial_json" } };

	if (block->type == BLOCK_REDACTED || !block->text.len) /* redacted thinking came with its start */
		return;
	add_delta(answer, frames, types[block->type][0], types[block->type][1], buf_str(&block->text));
	buf_clear(&block->text);
}

static void
add_citations(struct anthropic_answer *answer, struct buf *frames, const struct anthropic_block *block)
{
	const struct json *list;
	struct arena *arena = block->citations.len ? arena_new_below(answer->arena, FRAME_MAX) : NULL;
	struct frame frame;

	if (!arena)
		return;
	if (json_parse(arena, arena_printf(arena, "[%" STR_F "]", STR_A(buf_str(&block->citations))), &list)) {
		frames->failed = true;
		return;
	}
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		frame_begin(&frame, "content_block_delta");
		json_set_int(&frame.out, "index", answer->index);
		json_set_object(&frame.out, "delta");
		json_set_string(&frame.out, "type", STR("citations_delta"));
		json_set(&frame.out, "citation", it.value);
		json_end_object(&frame.out);
		frame_end(&frame, frames);
	}
}

/* Writes what may go out of the row: the first block's pieces, and whole blocks as long as they are over; all of them at the finish. */
static void
add_blocks(struct anthropic_answer *answer, struct buf *frames, bool finish)
{
	struct anthropic_block *block;

	while ((block = answer->blocks)) {
		if (!answer->open)
			add_block_start(answer, frames, block);
		add_pieces(answer, frames, block);
		if (!finish && !anthropic_block_is_over(answer, block))
			return;
		if (block->signature.len)
			add_delta(answer, frames, "signature_delta", "signature", block->signature);
		add_citations(answer, frames, block);
		add_block_stop(answer, frames);
		answer->blocks = block->next;
		if (!answer->blocks)
			answer->blocks_end = &answer->blocks;
	}
}

void
anthropic_frames_end(struct anthropic_answer *answer, struct buf *frames)
{
	struct frame frame;

	if (!answer->usage.known) /* of an answer that began in frames, it was not needed before */
		answer->input_estimate = call_tokens_estimate(answer->arena, answer->call, false);
	if (!answer->ended) {
		frame_begin(&frame, "message_delta");
		json_set_object(&frame.out, "delta");
		anthropic_put_stop(answer, &frame.out);
		json_end_object(&frame.out);
		anthropic_put_usage(answer, &frame.out);
		frame_end(&frame, frames);
	}
	if (!answer->stopped) {
		frame_begin(&frame, "message_stop");
		frame_end(&frame, frames);
	}
}

void
anthropic_frames_pass(struct anthropic_answer *answer, const struct event *event, struct buf *frames)
{
	if (str_eq_c(event->frame_name, "content_block_start")) {
		answer->open = true;
		answer->in_text = false;
	} else if (str_eq_c(event->frame_name, "content_block_stop") && answer->open) {
		answer->open = false;
		answer->index++;
	}
	answer->in_text = answer->in_text || event->type == EVENT_TEXT;
	answer->ended = answer->ended || event->type == EVENT_FINISH;
	answer->stopped = answer->stopped || str_eq_c(event->frame_name, "message_stop");
	if (event->frame.len)
		dialect_frame_add(frames, event->frame_name, event->frame);
}

/* Ends a block that was left open by frames that passed, unless the event is more of its text. */
static void
end_passed(struct anthropic_answer *answer, const struct event *event, struct buf *frames)
{
	bool more = event->type == EVENT_TEXT && answer->in_text;

	if (answer->open && !answer->blocks && !more && event->type != EVENT_OTHER)
		add_block_stop(answer, frames);
}

void
anthropic_frames_add(struct anthropic_answer *answer, const struct event *event, struct buf *frames)
{
	end_passed(answer, event, frames);
	if (anthropic_answer_take(answer, event)) {
		frames->failed = true;
		return;
	}
	if (event->type == EVENT_START)
		add_start(answer, frames);
	add_blocks(answer, frames, event->type == EVENT_FINISH);
}
