/*
 * openai_responses_item.c - see openai_responses_item.h.
 */
#include "api/openai_responses_item.h"

#include "text/utf8.h"

enum { TEXT_MAX = 24 * 1024 * 1024, /* its events and its item are to be read out of the store, whose results have a bound */
	 ANNOTATIONS_MAX = 1024 * 1024 };

struct responses_item *
responses_item_new(struct arena *arena, enum responses_item_kind kind)
{
	struct responses_item *item = arena_zalloc(arena, sizeof(*item));

	if (!item || (kind == ITEM_CALL && !buf_init_held(&item->arguments, arena, TEXT_MAX)))
		return NULL;
	item->kind = kind;
	return item;
}

struct responses_part *
responses_part_add(struct arena *arena, struct responses_item *item, enum responses_part_kind kind)
{
	struct responses_part *part = arena_zalloc(arena, sizeof(*part)), **end = &item->parts;

	if (!part || !buf_init_held(&part->text, arena, TEXT_MAX) || !buf_init_held(&part->logprobs, arena, 4 * (size_t)TEXT_MAX))
		return NULL;
	buf_init(&part->annotations, arena, ANNOTATIONS_MAX);
	part->kind = kind;
	for (; *end; end = &(*end)->next)
		part->index++;
	*end = part;
	return item->open = part;
}

void
responses_part_grow(struct responses_part *part, struct str text, struct str logprobs)
{
	for (size_t i = 0; i < text.len; i++)
		part->characters += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	buf_add(&part->text, text);
	if (logprobs.len <= 2)
		return;
	if (part->logprobs.len)
		buf_add(&part->logprobs, STR(","));
	buf_add(&part->logprobs, str_slice(logprobs, 1, logprobs.len - 1));
}

struct str
responses_logprobs(struct arena *arena, const struct responses_part *part)
{
	char *text = arena_alloc_large(arena, part->logprobs.len + 2); /* more than all else of an answer */

	if (!text)
		return str_n(NULL, 0);
	text[0] = '[';
	if (part->logprobs.len)
		memcpy(text + 1, part->logprobs.ptr, part->logprobs.len);
	text[part->logprobs.len + 1] = ']';
	return str_n(text, part->logprobs.len + 2);
}

bool
responses_arguments_whole(struct arena *arena, const struct responses_item *call)
{
	struct arena *scratch = call->custom ? NULL : arena_new_below(arena, 4 * call->arguments.len + KIB(64));
	const struct json *json;

	return scratch && call->arguments.len && !json_parse(scratch, buf_str(&call->arguments), &json);
}

static void
put_array(struct json_out *out, const char *key, const struct buf *values)
{
	json_set_array(out, key);
	if (values->len)
		json_put_raw(out, buf_str(values));
	json_end_array(out);
}

void
responses_part_put(struct json_out *out, const struct responses_part *part, bool whole)
{
	static const char *const types[] = { [PART_OUTPUT_TEXT] = "output_text", [PART_OUTPUT_REFUSAL] = "refusal", [PART_REASONING_TEXT] = "reasoning_text",
		[PART_SUMMARY_TEXT] = "summary_text" };
	static const struct buf none = { 0 };

	json_begin_object(out);
	json_set_string(out, "type", str_of(types[part->kind]));
	json_set_string(out, part->kind == PART_OUTPUT_REFUSAL ? "refusal" : "text", whole ? buf_str(&part->text) : STR_EMPTY);
	if (part->kind == PART_OUTPUT_TEXT) {
		put_array(out, "annotations", whole ? &part->annotations : &none);
		put_array(out, "logprobs", whole ? &part->logprobs : &none);
	}
	json_end_object(out);
}

static void
put_parts(struct json_out *out, const char *key, const struct responses_item *item, bool whole)
{
	json_set_array(out, key);
	for (const struct responses_part *part = item->parts; whole && part; part = part->next)
		responses_part_put(out, part, true);
	json_end_array(out);
}

static void
put_result(struct json_out *out, const struct context_passage *passage)
{
	json_begin_object(out);
	json_set_string(out, "file_id", passage->file_id);
	json_set_string(out, "filename", passage->path);
	json_set_real(out, "score", passage->score);
	json_set_raw(out, "attributes", passage->attributes.len ? passage->attributes : STR("{}"));
	json_set_string(out, "text", passage->text);
	json_end_object(out);
}

static void
put_search(struct json_out *out, const struct responses_ask *ask, bool results)
{
	const struct passage_list *passages = ask->call->passages;

	json_set_array(out, "queries");
	json_put_string(out, passages->question);
	json_end_array(out);
	if (!results) {
		json_set_null(out, "results");
		return;
	}
	json_set_array(out, "results");
	for (size_t i = 0; i < passages->count; i++)
		if (passages->list[i].searched)
			put_result(out, &passages->list[i]);
	json_end_array(out);
}

/* Its members without the id. `all`: what `include` did not ask for, too. */
static void
put_members(struct json_out *out, const struct responses_ask *ask, const struct responses_item *item, bool whole, bool all)
{
	static const char *const types[] = { [ITEM_MESSAGE] = "message", [ITEM_REASONING] = "reasoning", [ITEM_CALL] = "function_call", [ITEM_SEARCH] = "file_search_call" };

	for (struct json_iter it = json_iter(item->native); json_next(&it);) {
		if (str_eq_c(it.key, "id"))
			continue;
		json_key(out, it.key);
		json_put(out, it.value);
	}
	if (item->kind == ITEM_NATIVE)
		return;
	json_set_string(out, "type", item->custom ? STR("custom_tool_call") : str_of(types[item->kind]));
	if (item->kind != ITEM_REASONING && !item->custom)
		json_set_string(out, "status", item->status);
	switch (item->kind) {
	case ITEM_MESSAGE:
		json_set_string(out, "role", STR("assistant"));
		put_parts(out, "content", item, whole);
		break;
	case ITEM_REASONING:
		put_parts(out, "summary", item, whole && ask->summary);
		if (!ask->summary)
			put_parts(out, "content", item, whole);
		if (item->signature.len && whole && (all || ask->with_encrypted))
			json_set_string(out, "encrypted_content", item->signature);
		break;
	case ITEM_CALL:
		json_set_string(out, "call_id", item->call_id);
		json_set_string(out, "name", item->name);
		json_set_string(out, item->custom ? "input" : "arguments", whole ? buf_str(&item->arguments) : STR_EMPTY);
		break;
	case ITEM_SEARCH:
		put_search(out, ask, whole && (all || ask->with_results));
		break;
	case ITEM_NATIVE:
		break;
	}
}

void
responses_item_put(struct json_out *out, const struct responses_ask *ask, const struct responses_item *item, bool whole)
{
	if (item->kind == ITEM_NATIVE) {
		response_item_put(out, item->id, item->native, ask->with_results, ask->with_encrypted);
		return;
	}
	json_begin_object(out);
	json_set_string(out, "id", item->id);
	put_members(out, ask, item, whole, false);
	json_end_object(out);
}

void
responses_annotation_put(struct json_out *out, const struct citation *citation, int64_t text_before)
{
	const struct context_passage *passage = citation->passage;

	json_begin_object(out);
	if (passage && passage->searched) {
		json_set_string(out, "type", STR("file_citation"));
		json_set_string(out, "file_id", passage->file_id);
		json_set_string(out, "filename", passage->path);
		json_set_int(out, "index", citation->start - text_before);
	} else {
		json_set_string(out, "type", STR("url_citation"));
		json_set_string(out, "url", citation->url);
		json_set_string(out, "title", citation->title);
		json_set_int(out, "start_index", citation->start - text_before);
		json_set_int(out, "end_index", citation->end - text_before);
	}
	json_end_object(out);
}

struct str
responses_usage_json(struct arena *arena, const struct usage *usage)
{
	struct json_out out;
	struct buf text;

	buf_init(&text, arena, KIB(1));
	json_out_init(&out, &text);
	json_begin_object(&out);
	json_set_int(&out, "input_tokens", usage->input);
	json_set_object(&out, "input_tokens_details");
	json_set_int(&out, "cached_tokens", usage->cached_input);
	json_set_int(&out, "cache_write_tokens", usage->cache_write);
	json_end_object(&out);
	json_set_int(&out, "output_tokens", usage->output);
	json_set_object(&out, "output_tokens_details");
	json_set_int(&out, "reasoning_tokens", usage->reasoning);
	json_end_object(&out);
	json_set_int(&out, "total_tokens", usage->input + usage->output);
	json_end_object(&out);
	return text.failed ? (struct str){ 0 } : buf_str(&text);
}

/* --- what is stored --- */

static const struct err *
keep_item(struct responses_encoder *encoder, const struct responses_item *item, struct response_item *out)
{
	struct buf *body = arena_alloc(encoder->ask->arena, sizeof(*body));
	struct json_out json;

	if (!body || !buf_init_held(body, encoder->ask->arena, 4 * (size_t)TEXT_MAX))
		return &err_no_memory;
	json_out_init(&json, body);
	json_begin_object(&json);
	put_members(&json, encoder->ask, item, true, true);
	json_end_object(&json);
	*out = (struct response_item){ .id = item->id, .body = buf_str(body), .output = true };
	return buf_err(body);
}

const struct err *
responses_keep(struct responses_encoder *encoder)
{
	const struct responses_ask *ask = encoder->ask;
	struct response_item *items = arena_array(ask->arena, ask->item_count + encoder->item_count + 1, sizeof(*items));
	const struct err *err = NULL;
	size_t count = ask->item_count;

	if (!items)
		return &err_no_memory;
	if (count)
		memcpy(items, ask->items, count * sizeof(*items));
	for (const struct responses_item *item = encoder->items; item && !err; item = item->next)
		err = keep_item(encoder, item, &items[count++]);
	encoder->kept = (struct response_kept){
		.tenant = ask->request->identity->tenant,
		.id = ask->id,
		.status = encoder->state.status,
		.previous = ask->previous,
		.conversation = ask->conversation,
		.request_id = ask->request->request_id,
		.created_us = ask->created_us,
		.completed_us = encoder->state.completed_us,
		.background = ask->background,
		.begun = encoder->begun,
		.local_only = encoder->keep.local_only,
		.head = ask->head_text,
		.error = encoder->state.error,
		.incomplete = encoder->state.incomplete,
		.usage = encoder->state.usage,
		.items = items,
		.item_count = count,
		.context = ask->context,
		.context_count = ask->context_count,
	};
	if (!err && encoder->output)
		err = encoder->output->last(encoder->output, buf_str(&encoder->tail), &encoder->kept);
	return err ? err : response_kept_prepare(ask->arena, &encoder->kept);
}

MAY_PARK const struct err *
responses_kept_write(struct tx *tx, void *arg)
{
	struct responses_encoder *encoder = (struct responses_encoder *)((char *)arg - offsetof(struct responses_encoder, keep));

	return response_kept_write(tx, &encoder->kept);
}
