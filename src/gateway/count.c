/*
 * count.c - see count.h.
 */
#include "gateway/count.h"

enum { PER_MESSAGE = 3, PER_ANSWER = 3, IMAGE_LOW = 85, IMAGE_HIGH = 765, FILE_FLAT = 1500, SCHEMA_MAX = 16 * 1024 * 1024 };

/* What there is to count: texts, and tokens that are known without looking. */
struct call_texts {
	struct str *texts;
	size_t count, max;
	int64_t fixed;
};

static void
gather(struct call_texts *all, struct str text)
{
	if (text.len && all->count < all->max)
		all->texts[all->count++] = text;
}

/* Text, name and id; of a tool result's parts what is no text: its own text has theirs joined. */
static void
gather_parts(struct call_texts *all, const struct part *parts, bool texts)
{
	for (const struct part *part = parts; part; part = part->next) {
		if (texts) {
			gather(all, part->text);
			gather(all, part->name);
			gather(all, part->id);
		}
		if (part->type == PART_IMAGE)
			all->fixed += str_eq_c(part->detail, "low") ? IMAGE_LOW : IMAGE_HIGH;
		if (part->type == PART_AUDIO || part->type == PART_FILE)
			all->fixed += FILE_FLAT;
		gather_parts(all, part->parts, false);
	}
}

static void
gather_tool(struct call_texts *all, struct arena *arena, const struct tool *tool)
{
	const struct json *schema = tool->hosted ? tool->raw : tool->parameters;
	struct buf *text = arena_alloc(arena, sizeof(*text));
	struct json_out json;

	gather(all, tool->name);
	gather(all, tool->description);
	gather(all, tool->grammar);
	if (!schema || !text || !buf_init_held(text, arena, SCHEMA_MAX)) /* it may be larger than what is left of a request's memory */
		return;
	json_out_init(&json, text);
	json_put(&json, schema);
	gather(all, buf_str(text));
}

static void
gather_call(struct call_texts *all, struct arena *arena, const struct call *call, bool barred)
{
	*all = (struct call_texts){ .fixed = PER_ANSWER + call->prompt_tokens };
	for (const struct message *message = call->messages; message; message = message->next)
		for (const struct part *part = message->parts; part; part = part->next)
			all->max += 3;
	for (const struct tool *tool = call->tools; tool; tool = tool->next)
		all->max += 4;
	for (const struct tool *tool = barred ? call->barred : NULL; tool; tool = tool->next)
		all->max += 4;
	all->texts = arena_array(arena, all->max, sizeof(*all->texts));
	if (!all->texts)
		all->max = 0;
	for (const struct message *message = call->messages; message; message = message->next) {
		all->fixed += PER_MESSAGE;
		gather_parts(all, message->parts, true);
	}
	for (const struct tool *tool = call->tools; tool; tool = tool->next)
		gather_tool(all, arena, tool);
	for (const struct tool *tool = barred ? call->barred : NULL; tool; tool = tool->next)
		gather_tool(all, arena, tool);
}

MAY_PARK int64_t
call_tokens(struct tokenizers *tokenizers, struct arena *arena, const struct call *call, bool barred, struct str model, enum tokens_how *how)
{
	struct call_texts all;

	gather_call(&all, arena, call, barred);
	return all.fixed + tokenizers_count(tokenizers, model, all.texts, all.count, how);
}

struct call_texts *
call_texts_keep(struct arena *arena, const struct call *call, bool barred)
{
	struct call_texts *all = arena_alloc(arena, sizeof(*all));

	if (!all)
		return NULL;
	gather_call(all, arena, call, barred);
	for (size_t i = 0; i < all->count; i++) {
		all->texts[i] = arena_dup_large(arena, all->texts[i]);
		if (!all->texts[i].ptr)
			return NULL;
	}
	return all;
}

MAY_PARK int64_t
call_texts_tokens(struct tokenizers *tokenizers, const struct call_texts *texts, struct str model, enum tokens_how *how)
{
	return texts->fixed + tokenizers_count(tokenizers, model, texts->texts, texts->count, how);
}

int64_t
call_tokens_estimate(struct arena *arena, const struct call *call, bool barred)
{
	struct call_texts all;

	gather_call(&all, arena, call, barred);
	for (size_t i = 0; i < all.count; i++)
		all.fixed += tokens_estimate(all.texts[i]);
	return all.fixed;
}
