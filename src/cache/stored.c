/*
 * stored.c - see stored.h.
 */
#include "cache/stored.h"

enum { EVENTS_MAX = 65536, CHOICE_MAX = 4096, ITEM_MAX = 65536, PASSAGES_MAX = 64 };

/* --- one event --- */

/* What an event has of texts, in the order in which they are packed. */
enum { TEXT, ID, NAME, MODEL, FINISH_TEXT, STOP, SIGNATURE, URL, TITLE, TEXTS };

/* What comes first of a packed event; behind it the lengths of the texts that it has, a bit for each in `texts`, then the texts, then its usage or where its citation stands. */
struct head {
	uint8_t type, finish, last, custom;
	uint32_t texts, choice, item;
};

static void
texts_of(const struct event *event, struct str out[TEXTS])
{
	out[TEXT] = event->text;
	out[ID] = event->id;
	out[NAME] = event->name;
	out[MODEL] = event->model;
	out[FINISH_TEXT] = event->finish_text;
	out[STOP] = event->stop;
	out[SIGNATURE] = event->signature;
	out[URL] = event->citation ? event->citation->url : STR_EMPTY;
	out[TITLE] = event->citation ? event->citation->title : STR_EMPTY;
}

void
stored_pack(struct buf *out, const struct event *event)
{
	struct head head = { .type = (uint8_t)event->type, .finish = (uint8_t)event->finish, .last = event->last, .custom = event->custom, .choice = event->choice, .item = event->item };
	struct str texts[TEXTS];

	texts_of(event, texts);
	for (unsigned i = 0; i < TEXTS; i++)
		head.texts |= texts[i].ptr && texts[i].len ? 1u << i : 0;
	buf_add(out, str_n((const char *)&head, sizeof(head)));
	for (unsigned i = 0; i < TEXTS; i++) {
		uint32_t len = (uint32_t)texts[i].len; /* a buffer's maximum is below 4 GiB */

		if (head.texts & 1u << i)
			buf_add(out, str_n((const char *)&len, sizeof(len)));
	}
	for (unsigned i = 0; i < TEXTS; i++)
		if (head.texts & 1u << i)
			buf_add(out, texts[i]);
	if (event->usage)
		buf_add(out, str_n((const char *)event->usage, sizeof(*event->usage)));
	if (event->citation)
		buf_add(out, str_n((const char *)&(int64_t[2]){ event->citation->start, event->citation->end }, 2 * sizeof(int64_t)));
}

static struct str
take(struct str *rest, size_t size)
{
	struct str taken = str_slice(*rest, 0, size);

	*rest = str_slice(*rest, size, rest->len);
	return taken;
}

static void
take_texts(struct str *rest, uint32_t which, struct str texts[TEXTS])
{
	uint32_t lengths[TEXTS] = { 0 };

	for (unsigned i = 0; i < TEXTS; i++)
		if (which & 1u << i)
			memcpy(&lengths[i], take(rest, sizeof(lengths[i])).ptr, sizeof(lengths[i]));
	for (unsigned i = 0; i < TEXTS; i++)
		texts[i] = take(rest, lengths[i]);
}

void
stored_unpack(struct str bytes, struct stored_event *out)
{
	struct str texts[TEXTS];
	struct head head;
	int64_t where[2];

	memcpy(&head, take(&bytes, sizeof(head)).ptr, sizeof(head));
	take_texts(&bytes, head.texts, texts);
	*out = (struct stored_event){ .event = { .type = (enum event_type)head.type, .choice = head.choice, .item = head.item, .finish = (enum finish)head.finish, .last = head.last, .custom = head.custom,
					      .text = texts[TEXT], .id = texts[ID], .name = texts[NAME], .model = texts[MODEL], .finish_text = texts[FINISH_TEXT], .stop = texts[STOP],
					      .signature = texts[SIGNATURE] } };
	if (out->event.type == EVENT_USAGE && bytes.len == sizeof(out->usage)) {
		memcpy(&out->usage, bytes.ptr, sizeof(out->usage));
		out->event.usage = &out->usage;
	}
	if (out->event.type == EVENT_CITATION && bytes.len == sizeof(where)) {
		memcpy(where, bytes.ptr, sizeof(where));
		out->citation = (struct citation){ texts[URL], texts[TITLE], where[0], where[1], NULL };
		out->event.citation = &out->citation;
	}
}

bool
stored_next(struct feed *feed, struct feed_place *place, struct stored_event *out)
{
	struct str bytes;
	int64_t mark;

	if (!feed_next(feed, place, &bytes, &mark))
		return false;
	stored_unpack(bytes, out);
	return true;
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
stored_unfit(struct feed *events)
{
	struct feed_place place = { 0 };
	struct stored_event at;
	bool finished = false;

	while (stored_next(events, &place, &at)) {
		if (at.event.type != EVENT_FINISH)
			continue;
		if (at.event.finish != FINISH_STOP && at.event.finish != FINISH_TOOL_CALLS)
			return at.event.finish == FINISH_LENGTH ? "length" : "content_filter";
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
	struct usage said = *usage;
	int64_t *values[USAGE_QUANTITIES];

	usage_quantities(&said, values);
	json_set_array(out, "usage");
	for (size_t i = 0; i < USAGE_QUANTITIES; i++)
		json_put_int(out, *values[i]);
	json_end_array(out);
}

static bool
is_joinable(const struct event *event)
{
	return event->type == EVENT_TEXT || event->type == EVENT_REFUSAL || event->type == EVENT_REASONING || event->type == EVENT_ARGUMENTS;
}

/* The next event that is kept; `place` behind it. */
static bool
next_kept(struct feed *events, struct feed_place *place, struct stored_event *out)
{
	while (stored_next(events, place, out))
		if (out->event.type != EVENT_OTHER)
			return true;
	return false;
}

static bool
adds_to(const struct event *event, const struct event *next)
{
	return is_joinable(event) && next->type == event->type && next->choice == event->choice && next->item == event->item;
}

/* An event with the text of those behind it that only add to it; `place` behind the last of them. */
static void
put_event(struct json_out *out, struct feed *events, struct feed_place *place, const struct event *event)
{
	struct feed_place behind = *place;
	struct stored_event next;
	struct buf text;

	buf_init(&text, NULL, out->buf->max);
	buf_add(&text, event->text);
	for (; next_kept(events, &behind, &next) && adds_to(event, &next.event); *place = behind)
		buf_add(&text, next.event.text);
	json_begin_object(out);
	json_set_int(out, "type", event->type);
	put_number(out, "choice", event->choice);
	put_number(out, "item", event->item);
	put_text(out, "text", buf_str(&text));
	put_text(out, "id", event->type == EVENT_TOOL_CALL ? event->id : STR_EMPTY);
	put_text(out, "name", event->name);
	put_text(out, "model", event->model);
	put_number(out, "custom", event->custom);
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
stored_write(struct buf *buf, struct feed *events, const struct passage_list *passages)
{
	struct feed_place place = { 0 };
	struct stored_event at;
	struct json_out out;
	size_t count = 0;

	json_out_init(&out, buf);
	json_begin_object(&out);
	json_set_array(&out, "events");
	while (!buf->failed && next_kept(events, &place, &at)) {
		buf->failed = ++count > EVENTS_MAX || at.event.choice > CHOICE_MAX || at.event.item > ITEM_MAX || (passages && passages->count > PASSAGES_MAX);
		put_event(&out, events, &place, &at.event);
	}
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
	int64_t *values[USAGE_QUANTITIES];

	if (!usage)
		return NULL;
	usage_quantities(usage, values);
	for (struct json_iter it = json_iter(array); json_next(&it) && it.index < USAGE_QUANTITIES;)
		*values[it.index] = json_int(it.value, 0);
	usage->known = true;
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

	if (type < EVENT_START || type >= EVENT_OTHER || finish < FINISH_STOP || finish > FINISH_CONTENT_FILTER || choice < 0 || choice > CHOICE_MAX || item < 0 || item > ITEM_MAX)
		return false;
	*out = (struct event){ .type = (enum event_type)type, .choice = (unsigned)choice, .item = (unsigned)item, .finish = (enum finish)finish, .custom = number_of(object, "custom") != 0,
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

/* --- copying --- */

/* Each text in place. */
static bool
copy_texts(struct arena *arena, struct str *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		*texts[i] = texts[i]->len ? arena_dup(arena, *texts[i]) : STR_EMPTY;
		if (!texts[i]->ptr)
			return false;
	}
	return true;
}

static bool
copy_event(struct arena *arena, const struct event *event, struct event *out)
{
	struct str *const texts[] = { &out->text, &out->id, &out->name, &out->model, &out->signature, &out->finish_text, &out->stop };

	*out = *event;
	if (event->usage) {
		struct usage *usage = arena_alloc(arena, sizeof(*usage));

		if (usage)
			*usage = *event->usage;
		out->usage = usage;
	}
	if (event->citation) {
		struct citation *citation = arena_alloc(arena, sizeof(*citation));

		if (!citation)
			return false;
		*citation = *event->citation;
		out->citation = citation;
		if (!copy_texts(arena, (struct str *const[]){ &citation->url, &citation->title }, 2))
			return false;
	}
	return (!event->usage || out->usage) && copy_texts(arena, texts, COUNT(texts));
}

bool
stored_copy(struct arena *arena, const struct stored *stored, struct stored *out)
{
	*out = (struct stored){ .events = arena_array(arena, stored->count, sizeof(*out->events)) };
	if (!out->events)
		return false;
	for (; out->count < stored->count; out->count++)
		if (!copy_event(arena, &stored->events[out->count], &out->events[out->count]))
			return false;
	out->passages = stored->passages ? stored_passages_copy(arena, stored->passages) : NULL;
	return !stored->passages || out->passages;
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
		good = good && copy_texts(arena, texts, COUNT(texts));
	}
	return good && copy->question.ptr ? copy : NULL;
}
