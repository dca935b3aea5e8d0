/*
 * stored.c - see stored.h.
 */
#include "cache/stored.h"

#include <stdlib.h>

enum { EVENTS_MAX = 65536, PASSAGES_MAX = 64 };

/* --- one event --- */

static struct str
take(char **room, struct str text)
{
	struct str copy = { *room, text.ptr ? text.len : 0 };

	if (copy.len)
		memcpy(*room, text.ptr, copy.len);
	*room += copy.len;
	return copy;
}

static size_t
texts_bytes(const struct event *event)
{
	size_t bytes = event->text.len + event->id.len + event->name.len + event->model.len + event->finish_text.len + event->stop.len + event->signature.len +
		event->frame.len + event->frame_name.len;

	return event->citation ? bytes + event->citation->url.len + event->citation->title.len : bytes;
}

struct stored_event *
stored_event_new(const struct event *event)
{
	size_t bytes = sizeof(struct stored_event) + texts_bytes(event);
	struct stored_event *stored = mem_alloc(bytes);
	char *room = (char *)(stored + 1);

	*stored = (struct stored_event){ .bytes = bytes,
		.event = { .type = event->type, .choice = event->choice, .item = event->item, .created_us = event->created_us, .finish = event->finish, .last = event->last } };
	stored->event.text = take(&room, event->text);
	stored->event.id = take(&room, event->id);
	stored->event.name = take(&room, event->name);
	stored->event.model = take(&room, event->model);
	stored->event.finish_text = take(&room, event->finish_text);
	stored->event.stop = take(&room, event->stop);
	stored->event.signature = take(&room, event->signature);
	stored->event.framed = event->framed;
	stored->event.frame = take(&room, event->frame);
	stored->event.frame_name = take(&room, event->frame_name);
	if (event->usage) {
		stored->usage = *event->usage;
		stored->event.usage = &stored->usage;
	}
	if (event->citation) {
		stored->citation = (struct citation){ take(&room, event->citation->url), take(&room, event->citation->title), event->citation->start, event->citation->end, NULL };
		stored->event.citation = &stored->citation;
	}
	return stored;
}

bool
stored_event_plain(const struct event *event, struct event *out)
{
	*out = *event;
	out->framed = false;
	out->frame = out->frame_name = STR_EMPTY;
	if (event->type == EVENT_START)
		out->id = STR_EMPTY;
	return event->type != EVENT_OTHER;
}

const char *
stored_unfit(const struct stored_event *events)
{
	bool finished = false;

	for (const struct stored_event *at = events; at; at = at->next) {
		if (at->event.type != EVENT_FINISH)
			continue;
		if (at->event.finish != FINISH_STOP && at->event.finish != FINISH_TOOL_CALLS)
			return at->event.finish == FINISH_LENGTH ? "length" : "content_filter";
		finished = true;
	}
	return finished ? NULL : "unfinished";
}

/* --- writing --- */

static void
put_text(struct json_out *out, const char *key, struct str text)
{
	if (text.len)
		json_set_string(out, key, text);
}

static void
put_number(struct json_out *out, const char *key, int64_t number)
{
	if (number)
		json_set_int(out, key, number);
}

static void
put_usage(struct json_out *out, const struct usage *usage)
{
	json_set_array(out, "usage");
	json_put_int(out, usage->input);
	json_put_int(out, usage->cached_input);
	json_put_int(out, usage->cache_write);
	json_put_int(out, usage->output);
	json_put_int(out, usage->reasoning);
	json_put_int(out, usage->images);
	json_end_array(out);
}

static bool
is_joinable(const struct event *event)
{
	return event->type == EVENT_TEXT || event->type == EVENT_REFUSAL || event->type == EVENT_REASONING || event->type == EVENT_ARGUMENTS;
}

/* The next event that is kept, if it only adds to the text of this one. */
static const struct stored_event *
addition(const struct event *event, const struct stored_event *at)
{
	const struct stored_event *next = at->next;

	while (next && next->event.type == EVENT_OTHER)
		next = next->next;
	return next && is_joinable(event) && next->event.type == event->type && next->event.choice == event->choice && next->event.item == event->item ? next : NULL;
}

/* An event with those that only add to its text; the last of them. */
static const struct stored_event *
put_event(struct json_out *out, const struct stored_event *at)
{
	const struct event *event = &at->event;
	const struct stored_event *next;
	struct buf text;

	buf_init(&text, NULL, out->buf->max);
	buf_add(&text, event->text);
	for (; (next = addition(event, at)); at = next)
		buf_add(&text, next->event.text);
	json_begin_object(out);
	json_set_int(out, "type", event->type);
	put_number(out, "choice", event->choice);
	put_number(out, "item", event->item);
	put_text(out, "text", buf_str(&text));
	put_text(out, "id", event->type == EVENT_TOOL_CALL ? event->id : STR_EMPTY);
	put_text(out, "name", event->name);
	put_text(out, "model", event->model);
	put_text(out, "signature", event->signature);
	put_number(out, "finish", event->finish);
	put_text(out, "finish_text", event->finish_text);
	put_text(out, "stop", event->stop);
	if (event->usage)
		put_usage(out, event->usage);
	if (event->citation) {
		json_set_string(out, "url", event->citation->url);
		json_set_string(out, "title", event->citation->title);
		json_set_int(out, "start", event->citation->start);
		json_set_int(out, "end", event->citation->end);
	}
	json_end_object(out);
	out->buf->failed = out->buf->failed || text.failed;
	buf_fini(&text);
	return at;
}

static void
put_passage(struct json_out *out, const struct context_passage *passage)
{
	json_begin_object(out);
	json_set_string(out, "title", passage->title);
	json_set_string(out, "heading_path", passage->heading_path);
	json_set_string(out, "path", passage->path);
	json_set_string(out, "text", passage->text);
	json_set_string(out, "version_id", passage->version_id);
	json_set_string(out, "document_id", passage->document_id);
	json_set_string(out, "file_id", passage->file_id);
	json_set_string(out, "attributes", passage->attributes);
	json_set_bool(out, "searched", passage->searched);
	json_set_int(out, "chunk", passage->chunk);
	json_set_int(out, "ordinal", passage->ordinal);
	json_set_int(out, "page", passage->page);
	json_set_real(out, "score", passage->score);
	json_set_int(out, "byte_from", passage->byte_from);
	json_set_int(out, "byte_to", passage->byte_to);
	json_end_object(out);
}

void
stored_write(struct buf *buf, const struct stored_event *events, const struct passage_list *passages)
{
	struct json_out out;

	json_out_init(&out, buf);
	json_begin_object(&out);
	json_set_array(&out, "events");
	for (const struct stored_event *at = events; at && !buf->failed; at = at->next)
		at = at->event.type == EVENT_OTHER ? at : put_event(&out, at);
	json_end_array(&out);
	if (passages) {
		json_set_string(&out, "question", passages->question);
		json_set_bool(&out, "words_only", passages->words_only);
		json_set_array(&out, "passages");
		for (size_t i = 0; i < passages->count && !buf->failed; i++)
			put_passage(&out, &passages->list[i]);
		json_end_array(&out);
	}
	json_end_object(&out);
}

/* --- reading --- */

static struct str
text_of(const struct json *object, const char *key)
{
	struct str text = json_get_string(object, key);

	return text.ptr ? text : STR_EMPTY;
}

static int64_t
number_of(const struct json *object, const char *key)
{
	return json_int(json_get(object, key), 0);
}

static const struct usage *
read_usage(struct arena *arena, const struct json *array)
{
	struct usage *usage = arena_zalloc(arena, sizeof(*usage));
	int64_t numbers[6] = { 0 };

	if (!usage)
		return NULL;
	for (struct json_iter it = json_iter(array); json_next(&it) && it.index < COUNT(numbers);)
		numbers[it.index] = json_int(it.value, 0);
	*usage = (struct usage){ .input = numbers[0], .cached_input = numbers[1], .cache_write = numbers[2], .output = numbers[3], .reasoning = numbers[4], .images = numbers[5], .known = true };
	return usage;
}

static const struct citation *
read_citation(struct arena *arena, const struct json *object)
{
	struct citation *citation = arena_zalloc(arena, sizeof(*citation));

	if (citation)
		*citation = (struct citation){ text_of(object, "url"), text_of(object, "title"), number_of(object, "start"), number_of(object, "end"), NULL };
	return citation;
}

/* False: nothing that stored_write has written, or no memory. */
static bool
read_event(struct arena *arena, const struct json *object, struct event *out)
{
	int64_t type = json_int(json_get(object, "type"), -1), finish = number_of(object, "finish"), choice = number_of(object, "choice"), item = number_of(object, "item");

	if (type < EVENT_START || type >= EVENT_OTHER || finish < FINISH_STOP || finish > FINISH_CONTENT_FILTER || choice < 0 || choice > 4096 || item < 0 || item > EVENTS_MAX)
		return false;
	*out = (struct event){ .type = (enum event_type)type, .choice = (unsigned)choice, .item = (unsigned)item, .finish = (enum finish)finish,
		.text = text_of(object, "text"), .id = text_of(object, "id"), .name = text_of(object, "name"), .model = text_of(object, "model"),
		.signature = text_of(object, "signature"), .finish_text = text_of(object, "finish_text"), .stop = text_of(object, "stop") };
	if (type == EVENT_USAGE)
		out->usage = read_usage(arena, json_get(object, "usage"));
	if (type == EVENT_CITATION)
		out->citation = read_citation(arena, object);
	return (type != EVENT_USAGE || out->usage) && (type != EVENT_CITATION || out->citation);
}

static void
read_passage(const struct json *object, struct context_passage *out)
{
	*out = (struct context_passage){ .title = text_of(object, "title"), .heading_path = text_of(object, "heading_path"), .path = text_of(object, "path"),
		.text = text_of(object, "text"), .version_id = text_of(object, "version_id"), .document_id = text_of(object, "document_id"), .file_id = text_of(object, "file_id"),
		.attributes = text_of(object, "attributes"), .searched = json_bool(json_get(object, "searched"), false), .chunk = number_of(object, "chunk"),
		.ordinal = (unsigned)number_of(object, "ordinal"), .page = (unsigned)number_of(object, "page"), .score = json_number(json_get(object, "score"), 0),
		.byte_from = number_of(object, "byte_from"), .byte_to = number_of(object, "byte_to") };
}

static const struct err *
read_passages(struct arena *arena, const struct json *root, struct stored *out)
{
	const struct json *list = json_get(root, "passages");

	if (!list)
		return NULL;
	if (json_count(list) > PASSAGES_MAX)
		return &err_internal;
	out->passages = arena_zalloc(arena, sizeof(*out->passages));
	if (out->passages)
		out->passages->list = arena_array(arena, json_count(list) + 1, sizeof(*out->passages->list));
	if (!out->passages || !out->passages->list)
		return &err_no_memory;
	out->passages->question = text_of(root, "question");
	out->passages->words_only = json_bool(json_get(root, "words_only"), false);
	for (struct json_iter it = json_iter(list); json_next(&it);)
		read_passage(it.value, &out->passages->list[out->passages->count++]);
	return NULL;
}

const struct err *
stored_read(struct arena *arena, struct str text, struct stored *out)
{
	const struct json *root, *events;
	bool last = false;

	*out = (struct stored){ 0 };
	if (json_parse(arena, text, &root))
		return &err_internal;
	events = json_get(root, "events");
	if (json_count(events) == 0 || json_count(events) > EVENTS_MAX)
		return &err_internal;
	out->events = arena_array(arena, json_count(events), sizeof(*out->events));
	if (!out->events)
		return &err_no_memory;
	for (struct json_iter it = json_iter(events); json_next(&it);) {
		struct event *event = &out->events[out->count++];

		if (!read_event(arena, it.value, event) || (event->type == EVENT_START) != (it.index == 0))
			return &err_internal;
		last = last || event->type == EVENT_FINISH;
		event->last = last;
	}
	return last ? read_passages(arena, root, out) : &err_internal;
}

struct passage_list *
stored_passages_copy(struct arena *arena, const struct passage_list *passages)
{
	struct passage_list *copy = arena_zalloc(arena, sizeof(*copy));
	bool good = copy != NULL;

	if (copy)
		copy->list = arena_array(arena, passages->count + 1, sizeof(*copy->list));
	if (!copy || !copy->list)
		return NULL;
	copy->count = passages->count;
	copy->words_only = passages->words_only;
	copy->question = arena_dup(arena, passages->question);
	for (size_t i = 0; i < passages->count; i++) {
		struct context_passage *to = &copy->list[i];
		struct str *const texts[] = { &to->title, &to->heading_path, &to->path, &to->text, &to->version_id, &to->document_id, &to->file_id, &to->attributes };

		*to = passages->list[i];
		to->url = STR_EMPTY;
		for (size_t j = 0; j < COUNT(texts); j++) {
			*texts[j] = arena_dup(arena, *texts[j]);
			good = good && texts[j]->ptr;
		}
	}
	return good && copy->question.ptr ? copy : NULL;
}
