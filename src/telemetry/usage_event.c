/*
 * usage_event.c - see usage_event.h; what the members mean is in docs/money.md.
 */
#include "telemetry/usage_event.h"

#include "base/random.h"
#include "json/json.h"

enum { ID = 16, EVENT_MAX = 64 * 1024 };

/* "name=value", one a line. */
static void
put_tags(struct json_out *json, struct str tags)
{
	struct str tag;

	json_set_object(json, "tags");
	while (str_split(&tags, '\n', &tag)) {
		size_t equals = str_find_byte(tag, '=', 0);

		json_key(json, str_slice(tag, 0, equals));
		json_put_string(json, equals == SIZE_MAX ? STR_EMPTY : str_slice(tag, equals + 1, tag.len));
	}
	json_end_object(json);
}

static void
put_quantities(struct json_out *json, const struct usage *usage)
{
	struct usage said = *usage;
	int64_t *values[USAGE_QUANTITIES];

	usage_quantities(&said, values);
	json_set_object(json, "quantities");
	for (size_t i = 0; i < USAGE_QUANTITIES; i++)
		json_set_int(json, usage_names[i], *values[i]);
	json_end_object(json);
}

static void
put_text(struct json_out *json, const char *key, struct str text)
{
	if (text.len)
		json_set_string(json, key, text);
	else
		json_set_null(json, key);
}

struct str
usage_event_json(struct arena *arena, const struct usage_entry *entry)
{
	char hex[2 * ID];
	struct json_out json;
	struct buf text;

	hex_encode(entry->interaction.ptr, ID, hex);
	buf_init(&text, arena, EVENT_MAX);
	json_out_init(&json, &text);
	json_begin_object(&json);
	json_set_string(&json, "id", arena_printf(arena, "%.*s-%lld", 2 * ID, hex, (long long)entry->entry));
	json_set_string(&json, "request_id", str_n(hex, 2 * ID));
	json_set_bool(&json, "correction", entry->entry > 0);
	json_set_int(&json, "at_us", entry->at_us);
	json_set_string(&json, "tenant", arena_printf(arena, "%lld", (long long)entry->tenant));
	put_text(&json, "team", entry->team);
	put_text(&json, "key", entry->key_id);
	put_text(&json, "user", entry->user);
	put_tags(&json, entry->tags);
	put_text(&json, "provider", entry->provider);
	put_text(&json, "model", entry->model);
	put_quantities(&json, entry->usage);
	if (entry->usage->tier != USAGE_STANDARD)
		json_set_string(&json, "service_tier", usage_tier_name(entry->usage->tier));
	json_set_bool(&json, "estimated", entry->usage->estimated);
	put_text(&json, "price_version", entry->price_version);
	json_set_int(&json, "amount_nanodollars", entry->amount_nanos);
	if (entry->entry > 0) {
		put_text(&json, "reason", entry->reason);
		put_text(&json, "by", entry->by);
	}
	json_end_object(&json);
	return text.failed ? (struct str){ NULL, 0 } : buf_str(&text);
}
