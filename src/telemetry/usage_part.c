/*
 * usage_part.c - see usage_part.h.
 */
#include "telemetry/usage_part.h"

#include "json/json.h"

enum { TEXT_MAX = 32 * 1024, KEPT_FIRST = 8, KEPT_THEN = 13 }; /* quantities of a part as earlier releases wrote it */

struct str
usage_parts_write(struct arena *arena, const struct usage_part *parts, size_t count)
{
	struct json_out json;
	struct buf text;

	buf_init(&text, arena, TEXT_MAX);
	json_out_init(&json, &text);
	json_begin_array(&json);
	for (size_t i = 0; i < count; i++) {
		struct usage usage = parts[i].usage;
		int64_t *values[USAGE_QUANTITIES];

		usage_quantities(&usage, values);
		json_begin_array(&json);
		json_put_string(&json, parts[i].provider_kind);
		json_put_string(&json, parts[i].model);
		json_put_string(&json, parts[i].price_version);
		json_begin_array(&json);
		for (size_t k = 0; k < USAGE_QUANTITIES; k++)
			json_put_int(&json, *values[k]);
		json_end_array(&json);
		json_put_int(&json, parts[i].cost_nanos);
		if (usage.tier != USAGE_STANDARD)
			json_put_string(&json, usage_tier_name(usage.tier));
		json_end_array(&json);
	}
	json_end_array(&json);
	return text.failed ? (struct str){ NULL, 0 } : buf_str(&text);
}

static bool
part_read(const struct json *list, struct usage_part *out)
{
	struct str *const texts[] = { &out->provider_kind, &out->model, &out->price_version };
	int64_t *values[USAGE_QUANTITIES];
	bool good = json_is(list, JSON_ARRAY) && (json_count(list) == 5 || json_count(list) == 6);

	*out = (struct usage_part){ .cost_nanos = 0 };
	usage_quantities(&out->usage, values);
	for (struct json_iter it = json_iter(good ? list : NULL); json_next(&it) && good;) {
		if (it.index < COUNT(texts)) {
			good = json_is(it.value, JSON_STRING);
			*texts[it.index] = json_string(it.value);
		} else if (it.index == 3) {
			good = json_is(it.value, JSON_ARRAY) && (json_count(it.value) == KEPT_FIRST || json_count(it.value) == KEPT_THEN || json_count(it.value) == USAGE_QUANTITIES);
			for (struct json_iter number = json_iter(good ? it.value : NULL); json_next(&number);)
				*values[number.index] = json_int(number.value, 0);
		} else if (it.index == 5) {
			out->usage.tier = usage_tier_of(json_string(it.value));
			good = out->usage.tier != USAGE_STANDARD;
		} else {
			good = json_is(it.value, JSON_INT);
			out->cost_nanos = json_int(it.value, 0);
		}
	}
	return good;
}

bool
usage_parts_read(struct arena *arena, struct str text, struct usage_part parts[USAGE_PARTS_MAX], size_t *count)
{
	const struct json *list = NULL;
	bool good = !json_parse(arena, text, &list) && json_is(list, JSON_ARRAY) && json_count(list) <= USAGE_PARTS_MAX;

	*count = 0;
	for (struct json_iter it = json_iter(good ? list : NULL); json_next(&it) && good;)
		good = part_read(it.value, &parts[(*count)++]);
	return good;
}
