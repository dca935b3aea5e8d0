/*
 * openai_responses_native.c - events of a target that speaks the Responses API itself, to the client's: frame by frame, with our sequence numbers, in our response.
 *
 * Items are the target's, with its ids, and nothing of them needs to be known here. They are kept as they are done, and once more from the last frame, which has all of them. What goes into the
 * response object beside them is ours: its id, what it goes on from, what it repeats of its request.
 */
#include "api/openai_responses_item.h"

enum { FRAME_ARENA_MAX = 256 * 1024 * 1024, NATIVE_MAX = 256 * 1024 * 1024, ITEM_TEXT_MAX = 96 * 1024 * 1024, HEAD_MAX = 32 * 1024 * 1024 };

/* A copy that outlives the frame. */
static const struct err *
copy_item(struct responses_encoder *encoder, const struct json *item, const struct json **out)
{
	struct json_out json;
	struct buf text;
	const struct err *err;

	if (!encoder->native)
		encoder->native = arena_new_below(encoder->ask->arena, NATIVE_MAX);
	if (!encoder->native)
		return &err_no_memory;
	buf_init(&text, NULL, ITEM_TEXT_MAX);
	json_out_init(&json, &text);
	json_put(&json, item);
	err = text.failed ? &err_no_memory : json_parse(encoder->native, buf_str(&text), out);
	buf_fini(&text);
	return err;
}

static const struct err *
keep_item(struct responses_encoder *encoder, const struct json *from)
{
	struct responses_item *item = responses_item_new(encoder->ask->arena, ITEM_NATIVE);
	const struct err *err = item ? copy_item(encoder, from, &item->native) : &err_no_memory;

	if (err)
		return err;
	item->id = json_get_string(item->native, "id");
	if (!item->id.len)
		item->id = responses_id_new(encoder->ask->arena, "item");
	item->index = encoder->item_count++;
	item->status = STR("completed");
	*encoder->items_end = item;
	encoder->items_end = &item->next;
	return item->id.ptr ? NULL : &err_no_memory;
}

static const struct err *
keep_all(struct responses_encoder *encoder, const struct json *output)
{
	const struct err *err = NULL;

	encoder->items = NULL;
	encoder->items_end = &encoder->items;
	encoder->item_count = 0;
	for (struct json_iter it = json_iter(output); !err && json_next(&it);)
		err = keep_item(encoder, it.value);
	return err;
}

/* The frame's members with our sequence number; an item without what `include` has not asked for. */
static MAY_PARK const struct err *
pass_frame(struct responses_encoder *encoder, struct arena *scratch, const struct json *root, bool last)
{
	const char *name = arena_cstr(scratch, json_get_string(root, "type"));
	struct json_out out;

	if (!name)
		return &err_no_memory;
	responses_event_begin(encoder, &out, name);
	for (struct json_iter it = json_iter(root); json_next(&it);) {
		if (str_eq_c(it.key, "type") || str_eq_c(it.key, "sequence_number"))
			continue;
		json_key(&out, it.key);
		if (str_eq_c(it.key, "item") && json_get_string(it.value, "id").len)
			response_item_put(&out, json_get_string(it.value, "id"), it.value, encoder->ask->with_results, encoder->ask->with_encrypted);
		else
			json_put(&out, it.value);
	}
	return responses_event_send(encoder, &out, name, last);
}

/* What the response object says beside its items: what is ours, and else the target's word, of which more may be known there (moderation, the tier that was served). */
static void
put_head(struct json_out *out, const struct json *ours, const struct json *theirs)
{
	static const char *const own[] = { "id", "object", "created_at", "status", "background", "completed_at", "error", "incomplete_details", "previous_response_id", "conversation", "output", "usage",
		"output_text", "billing" };
	static const char *const served[] = { "service_tier", "reasoning" };

	json_begin_object(out);
	for (struct json_iter it = json_iter(ours); json_next(&it);) {
		const struct json *said = str_in(it.key, served, COUNT(served)) ? json_get_str(theirs, it.key) : NULL;

		json_key(out, it.key);
		json_put(out, said && !json_is(said, JSON_NULL) ? said : it.value);
	}
	for (struct json_iter it = json_iter(theirs); json_next(&it);) {
		if (json_get_str(ours, it.key) || str_in(it.key, own, COUNT(own)))
			continue;
		json_key(out, it.key);
		json_put(out, it.value);
	}
	json_end_object(out);
}

static const struct err *
keep_head(struct responses_encoder *encoder, const struct json *response)
{
	struct responses_ask *ask = encoder->ask;
	struct buf *text = arena_alloc(ask->arena, sizeof(*text));
	struct arena *values;
	struct json_out json;
	const struct err *err;

	if (!text || !buf_init_held(text, ask->arena, HEAD_MAX))
		return &err_no_memory;
	json_out_init(&json, text);
	put_head(&json, ask->head, response);
	err = buf_err(text);
	values = json_arena(ask->arena, text->len);
	if (!err)
		err = values ? json_parse(values, buf_str(text), &encoder->state.head) : &err_no_memory;
	if (!err)
		ask->head_text = buf_str(text);
	return err;
}

static const struct err *
finish(struct responses_encoder *encoder, const struct json *root)
{
	const struct json *response = json_get(root, "response"), *details;
	struct json_out json;
	struct buf text;
	const struct err *err;

	response = json_is(response, JSON_OBJECT) ? response : root;
	details = json_get(response, "incomplete_details");
	err = keep_all(encoder, json_get(response, "output"));
	if (!err)
		err = keep_head(encoder, response);
	encoder->finished = true;
	encoder->state.status = str_eq_c(json_get_string(response, "status"), "incomplete") ? STR("incomplete") : STR("completed");
	if (err || !json_is(details, JSON_OBJECT))
		return err;
	buf_init(&text, encoder->ask->arena, KIB(64));
	json_out_init(&json, &text);
	json_put(&json, details);
	encoder->state.incomplete = buf_str(&text);
	return buf_err(&text);
}

MAY_PARK const struct err *
responses_native_event(struct responses_encoder *encoder, const struct event *event)
{
	struct arena *scratch;
	const struct json *root;
	const struct err *err;

	if (!event->frame.len)
		return NULL;
	scratch = arena_new(FRAME_ARENA_MAX);
	err = scratch ? json_parse(scratch, event->frame, &root) : &err_no_memory;
	if (!err && event->type == EVENT_FINISH)
		err = finish(encoder, root);
	else if (!err && str_eq_c(json_get_string(root, "type"), "response.output_item.done"))
		err = keep_item(encoder, json_get(root, "item"));
	if (!err && event->type != EVENT_FINISH && responses_is_live(encoder))
		err = pass_frame(encoder, scratch, root, event->last);
	err = err ? err_copy(encoder->ask->arena, err) : NULL;
	arena_free(scratch);
	return err;
}
