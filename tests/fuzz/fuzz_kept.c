/*
 * fuzz_kept.c - the cache of answers: JSON has the hash of what it says, however it is written; and what stands in the database for a kept answer is taken or refused.
 */
#include <stdlib.h>

#include "cache/canonical.h"
#include "cache/stored.h"

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static void
hash_of(struct arena *arena, const struct json *value, unsigned char out[HASH_SHA256_SIZE])
{
	struct canonical canonical;

	canonical_begin(&canonical, arena);
	canonical_json(&canonical, value);
	must(canonical_end(&canonical, out) == NULL);
}

/* Written again it says the same. */
static void
check_hash(struct arena *arena, const struct json *value)
{
	unsigned char one[HASH_SHA256_SIZE], other[HASH_SHA256_SIZE];
	const struct json *again;
	struct json_out out;
	struct buf text;

	buf_init(&text, arena, MIB(16));
	json_out_init(&out, &text);
	json_put(&out, value);
	must(!text.failed && json_parse(arena, buf_str(&text), &again) == NULL);
	hash_of(arena, value, one);
	hash_of(arena, again, other);
	must(memcmp(one, other, sizeof(one)) == 0);
}

/* Packed and unpacked it is the same event. */
static void
check_event(struct arena *arena, const struct event *event)
{
	struct stored_event back;
	struct buf packed;

	buf_init(&packed, arena, MIB(16));
	stored_pack(&packed, event);
	must(!packed.failed);
	stored_unpack(buf_str(&packed), &back);
	must(back.event.type == event->type && back.event.choice == event->choice && back.event.item == event->item && back.event.finish == event->finish);
	must(str_eq(back.event.text, event->text) && str_eq(back.event.id, event->id) && str_eq(back.event.name, event->name) && str_eq(back.event.model, event->model));
	must(!back.event.usage == !event->usage && !back.event.citation == !event->citation);
	must(!event->citation || (str_eq(back.event.citation->url, event->citation->url) && back.event.citation->end == event->citation->end));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = str_n((const char *)data, size);
	struct arena *arena = arena_new(MIB(64));
	const struct json *value;
	struct stored stored;

	if (!json_parse(arena, input, &value))
		check_hash(arena, value);
	if (!stored_read(arena, input, &stored)) {
		must(stored.count > 0 && stored.events[0].type == EVENT_START && stored.events[stored.count - 1].last);
		for (size_t i = 0; i < stored.count; i++)
			check_event(arena, &stored.events[i]);
	}
	arena_free(arena);
	return 0;
}
