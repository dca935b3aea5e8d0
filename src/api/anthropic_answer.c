/*
 * anthropic_answer.c - events to a row of blocks, and the row to a whole message. See anthropic_answer.h.
 */
#include "api/anthropic_answer.h"

#include "base/random.h"
#include "gateway/count.h"

enum { TEXT_MAX = 64 * 1024 * 1024, PASSAGE_MAX = 64 * 1024 };

/* --- blocks --- */

static struct anthropic_block *
block_add(struct anthropic_answer *answer, enum anthropic_block_type type)
{
	struct arena *arena = answer->arena;
	struct anthropic_block *block = arena_zalloc(arena, sizeof(*block));

	if (!block || !buf_init_held(&block->text, arena, TEXT_MAX) || !buf_init_held(&block->citations, arena, TEXT_MAX))
		return NULL;
	block->type = type;
	*answer->blocks_end = block;
	answer->blocks_end = &block->next;
	return block;
}

static struct anthropic_block *
last_block(const struct anthropic_answer *answer)
{
	struct anthropic_block *last = answer->blocks;

	while (last && last->next)
		last = last->next;
	return last;
}

/* The block that a piece of text or thinking belongs to: the last, or a new one. */
static struct anthropic_block *
block_of(struct anthropic_answer *answer, enum anthropic_block_type type)
{
	struct anthropic_block *last = last_block(answer);

	if (last && last->type == type && !last->signature.len)
		return last;
	return block_add(answer, type);
}

/* The newest call of this number; some servers give all calls the same one, and another id. */
static struct anthropic_block *
tool_of(struct anthropic_answer *answer, const struct event *event)
{
	struct anthropic_block *found = NULL;

	for (struct anthropic_block *block = answer->blocks; block; block = block->next)
		if (block->type == BLOCK_TOOL && block->item == event->item)
			found = block;
	return found && event->type == EVENT_TOOL_CALL && event->id.len && !str_eq(event->id, found->id) ? NULL : found;
}

/* Follows the braces of the arguments: `complete` once the object that they are has been closed. */
static void
follow_arguments(struct anthropic_block *block, struct str piece)
{
	for (size_t i = 0; i < piece.len; i++) {
		char c = piece.ptr[i];

		if (block->in_string) {
			if (!block->escaped && c == '"')
				block->in_string = false;
			block->escaped = !block->escaped && c == '\\';
		} else if (c == '"') {
			block->in_string = true;
		} else if (c == '{' || c == '[') {
			block->depth++;
		} else if ((c == '}' || c == ']') && block->depth && --block->depth == 0) {
			block->complete = true;
		}
	}
}

bool
anthropic_block_is_over(const struct anthropic_answer *answer, const struct anthropic_block *block)
{
	if (block->type == BLOCK_TOOL)
		return block->complete;
	if (block->type == BLOCK_TEXT && answer->cited)
		return false;
	return block->next || block->signature.len;
}

static const struct err *
take_tool(struct anthropic_answer *answer, const struct event *event)
{
	struct arena *arena = answer->arena;
	struct anthropic_block *block = tool_of(answer, event);

	if (!block && event->type == EVENT_ARGUMENTS) /* white space behind the end, or a call that never began */
		return NULL;
	if (!block) {
		struct id id = id_new();

		block = block_add(answer, BLOCK_TOOL);
		if (!block)
			return &err_no_memory;
		block->item = event->item;
		block->id = arena_dup(arena, event->id.len ? event->id : arena_printf(arena, "toolu_%" STR_F, STR_A(id_str(&id))));
		block->name = arena_dup(arena, event->name);
		answer->called = true;
		if (!block->id.ptr || !block->name.ptr)
			return &err_no_memory;
	}
	buf_add(&block->text, event->text);
	follow_arguments(block, event->text);
	answer->output_estimate += tokens_estimate(event->text);
	return buf_err(&block->text);
}

static const struct err *
take_text(struct anthropic_answer *answer, const struct event *event)
{
	struct anthropic_block *block = block_of(answer, event->type == EVENT_REASONING ? BLOCK_THINKING : BLOCK_TEXT);

	if (!block)
		return &err_no_memory;
	answer->refused = answer->refused || event->type == EVENT_REFUSAL;
	answer->output_estimate += tokens_estimate(event->text);
	buf_add(&block->text, event->text);
	return buf_err(&block->text);
}

static const struct err *
take_signature(struct anthropic_answer *answer, const struct event *event)
{
	struct anthropic_block *last = last_block(answer);

	if (last && last->type == BLOCK_THINKING && !last->signature.len) {
		last->signature = arena_dup_large(answer->arena, event->text);
		return last->signature.ptr ? NULL : &err_no_memory;
	}
	last = block_add(answer, BLOCK_REDACTED);
	if (!last)
		return &err_no_memory;
	buf_add(&last->text, event->text);
	return buf_err(&last->text);
}

/* A passage of ours is a search result to Anthropic's clients: its page is the source, and it has one block. */
static const struct err *
take_citation(struct anthropic_answer *answer, const struct citation *citation)
{
	const struct passage_list *passages = answer->call->passages;
	struct anthropic_block *block = answer->blocks;
	struct json_out out;

	while (block && block->type != BLOCK_TEXT)
		block = block->next;
	if (!block || !citation->passage || !passages)
		return NULL;
	if (block->citations.len)
		buf_add(&block->citations, STR(","));
	json_out_init(&out, &block->citations);
	json_begin_object(&out);
	json_set_string(&out, "type", STR("search_result_location"));
	json_set_string(&out, "cited_text", str_slice(citation->passage->text, 0, PASSAGE_MAX));
	json_set_int(&out, "search_result_index", citation->passage - passages->list);
	json_set_string(&out, "source", citation->url);
	json_set_string(&out, "title", citation->title);
	json_set_int(&out, "start_block_index", 0);
	json_set_int(&out, "end_block_index", 1);
	json_end_object(&out);
	return buf_err(&block->citations);
}

static void
remember_start(struct anthropic_answer *answer, const struct event *event)
{
	struct arena *arena = answer->arena;
	struct id id = id_new();

	answer->id = event->id.len ? arena_dup(arena, event->id) : arena_printf(arena, "msg_%" STR_F, STR_A(id_str(&id)));
	answer->model = arena_dup(arena, event->model.len ? event->model : answer->call->model);
}

const struct err *
anthropic_answer_take(struct anthropic_answer *answer, const struct event *event)
{
	switch (event->type) {
	case EVENT_START:
		remember_start(answer, event);
		return NULL;
	case EVENT_TEXT:
	case EVENT_REFUSAL:
		return event->text.len ? take_text(answer, event) : NULL;
	case EVENT_REASONING:
		return take_text(answer, event);
	case EVENT_SIGNATURE:
		return take_signature(answer, event);
	case EVENT_TOOL_CALL:
	case EVENT_ARGUMENTS:
		return take_tool(answer, event);
	case EVENT_CITATION:
		return take_citation(answer, event->citation);
	case EVENT_FINISH:
		answer->finish = event->finish;
		answer->finish_text = arena_dup(answer->arena, event->finish_text);
		answer->stop = arena_dup(answer->arena, event->stop);
		return NULL;
	case EVENT_USAGE:
		answer->usage = *event->usage;
		return NULL;
	case EVENT_OTHER:
		return NULL;
	}
	return NULL;
}

/* --- the message --- */

/* Anthropic's own reasons stay what they were; the others' are few. */
static struct str
stop_reason(const struct anthropic_answer *answer)
{
	static const char *const own[] = { "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded" };

	for (size_t i = 0; i < COUNT(own); i++)
		if (str_eq_c(answer->finish_text, own[i]))
			return answer->finish_text;
	switch (answer->finish) {
	case FINISH_LENGTH:
		return STR("max_tokens");
	case FINISH_CONTENT_FILTER:
		return STR("refusal");
	case FINISH_TOOL_CALLS:
		return STR("tool_use");
	case FINISH_STOP:
		break;
	}
	if (answer->called) /* a forced call ends with "stop" at OpenAI's; clients here go on at "tool_use" alone */
		return STR("tool_use");
	return answer->refused ? STR("refusal") : answer->stop.len ? STR("stop_sequence") : STR("end_turn");
}

void
anthropic_put_stop(const struct anthropic_answer *answer, struct json_out *out)
{
	json_set_string(out, "stop_reason", stop_reason(answer));
	if (answer->stop.len)
		json_set_string(out, "stop_sequence", answer->stop);
	else
		json_set_null(out, "stop_sequence");
}

void
anthropic_put_figures(struct json_out *out, int64_t input, const struct usage *usage, int64_t output)
{
	json_set_object(out, "usage");
	json_set_int(out, "input_tokens", input);
	json_set_int(out, "cache_creation_input_tokens", usage->cache_write);
	json_set_int(out, "cache_read_input_tokens", usage->cached_input);
	if (usage->cache_write) {
		json_set_object(out, "cache_creation");
		json_set_int(out, "ephemeral_5m_input_tokens", usage->cache_write - usage->cache_write_1h);
		json_set_int(out, "ephemeral_1h_input_tokens", usage->cache_write_1h);
		json_end_object(out);
	}
	json_set_int(out, "output_tokens", output);
	if (usage->reasoning) {
		json_set_object(out, "output_tokens_details");
		json_set_int(out, "thinking_tokens", usage->reasoning);
		json_end_object(out);
	}
	json_end_object(out);
}

void
anthropic_put_usage(const struct anthropic_answer *answer, struct json_out *out)
{
	const struct usage *usage = &answer->usage;
	int64_t input = usage->input - usage->cached_input - usage->cache_write;

	if (usage->known)
		anthropic_put_figures(out, input > 0 ? input : 0, usage, usage->output);
	else
		anthropic_put_figures(out, answer->input_estimate, &(struct usage){ 0 }, answer->output_estimate);
}

void
anthropic_put_begin(const struct anthropic_answer *answer, struct json_out *out)
{
	json_set_string(out, "id", answer->id);
	json_set_string(out, "type", STR("message"));
	json_set_string(out, "role", STR("assistant"));
	json_set_string(out, "model", answer->model);
	json_set_array(out, "content");
}

void
anthropic_put_block(struct json_out *out, const struct anthropic_block *block, bool begins)
{
	struct str text = begins ? STR_EMPTY : buf_str(&block->text);

	json_begin_object(out);
	switch (block->type) {
	case BLOCK_TEXT:
		json_set_string(out, "type", STR("text"));
		json_set_string(out, "text", text);
		if (!begins && block->citations.len) {
			json_set_array(out, "citations");
			json_put_raw(out, buf_str(&block->citations));
			json_end_array(out);
		}
		break;
	case BLOCK_THINKING:
		json_set_string(out, "type", STR("thinking"));
		json_set_string(out, "thinking", text);
		json_set_string(out, "signature", begins || !block->signature.len ? STR_EMPTY : block->signature);
		break;
	case BLOCK_REDACTED:
		json_set_string(out, "type", STR("redacted_thinking"));
		json_set_string(out, "data", buf_str(&block->text));
		break;
	case BLOCK_TOOL:
		json_set_string(out, "type", STR("tool_use"));
		json_set_string(out, "id", block->id);
		json_set_string(out, "name", block->name);
		json_set_raw(out, "input", text.len && block->complete ? text : STR("{}"));
		break;
	}
	json_end_object(out);
}

/* Arguments are a JSON object on this wire. A call that was cut by the answer's end has none; one that is nonsense may come right when it is tried again. */
static const struct err *
check_arguments(struct anthropic_answer *answer)
{
	struct arena *scratch = arena_new(4 * (size_t)TEXT_MAX);
	const struct err *err = NULL;

	for (struct anthropic_block *block = answer->blocks; block && !err; block = block->next) {
		const struct json *input;

		if (block->type != BLOCK_TOOL || !block->text.len)
			continue;
		arena_reset(scratch);
		block->complete = !json_parse(scratch, buf_str(&block->text), &input) && json_is(input, JSON_OBJECT);
		if (!block->complete && answer->finish != FINISH_LENGTH)
			err = err_new(answer->arena, ERR_UPSTREAM, "the model called the tool '%" STR_F "' with arguments that are not a JSON object",
				STR_A(block->name));
	}
	arena_free(scratch);
	return err;
}

const struct err *
anthropic_put_message(struct anthropic_answer *answer, struct json_out *out)
{
	const struct err *err = check_arguments(answer);

	if (err)
		return err;
	if (!answer->usage.known)
		answer->input_estimate = call_tokens_estimate(answer->arena, answer->call, false);
	json_begin_object(out);
	anthropic_put_begin(answer, out);
	for (const struct anthropic_block *block = answer->blocks; block; block = block->next)
		anthropic_put_block(out, block, false);
	json_end_array(out);
	anthropic_put_stop(answer, out);
	anthropic_put_usage(answer, out);
	json_end_object(out);
	return NULL;
}

void
anthropic_answer_init(struct anthropic_answer *answer, struct arena *arena, const struct call *call)
{
	*answer = (struct anthropic_answer){ .arena = arena, .call = call, .id = STR_EMPTY, .model = STR_EMPTY, .finish_text = STR_EMPTY, .stop = STR_EMPTY };
	answer->blocks_end = &answer->blocks;
}
