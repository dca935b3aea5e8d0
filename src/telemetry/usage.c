/*
 * usage.c - see usage.h.
 */
#include "telemetry/usage.h"

#include "store/store.h"

const char *const usage_names[USAGE_QUANTITIES] = { "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "audio_input_tokens",
	"audio_output_tokens", "images", "search_units", "cached_audio_tokens", "image_input_tokens", "image_output_tokens", "web_searches", "cache_write_1h_tokens", "citation_tokens", "web_searches_low", "web_searches_high" };

void
usage_quantities(struct usage *usage, int64_t *out[USAGE_QUANTITIES])
{
	int64_t *const all[USAGE_QUANTITIES] = { &usage->input, &usage->cached_input, &usage->cache_write, &usage->output, &usage->reasoning, &usage->audio_input, &usage->audio_output,
		&usage->images, &usage->searches, &usage->cached_audio, &usage->image_input, &usage->image_output, &usage->web_searches, &usage->cache_write_1h, &usage->citations,
		&usage->web_searches_low, &usage->web_searches_high };

	memcpy(out, all, sizeof(all));
}

struct usage
usage_sum(const struct usage *a, const struct usage *b)
{
	struct usage sum = *a, more = *b;
	int64_t *to[USAGE_QUANTITIES], *from[USAGE_QUANTITIES];

	usage_quantities(&sum, to);
	usage_quantities(&more, from);
	for (size_t i = 0; i < USAGE_QUANTITIES; i++)
		*to[i] += *from[i];
	sum.known = b->known;
	sum.reported = a->reported && b->reported;
	sum.reported_nanos = sum.reported ? a->reported_nanos + b->reported_nanos : 0;
	sum.estimated = a->estimated || b->estimated;
	return sum;
}

bool
usage_equal(const struct usage *a, const struct usage *b)
{
	struct usage one = *a, other = *b;
	int64_t *x[USAGE_QUANTITIES], *y[USAGE_QUANTITIES];
	bool equal = true;

	usage_quantities(&one, x);
	usage_quantities(&other, y);
	for (size_t i = 0; i < USAGE_QUANTITIES; i++)
		equal = equal && *x[i] == *y[i];
	return equal;
}

struct usage
usage_of_row(const struct rows *rows, size_t row, size_t column)
{
	struct usage usage = { .input = 0 };
	int64_t *to[USAGE_QUANTITIES];

	usage_quantities(&usage, to);
	for (size_t i = 0; i < USAGE_QUANTITIES; i++)
		*to[i] = rows_int(rows, row, column + i);
	return usage;
}

enum usage_tier
usage_tier_of_row(const struct rows *rows, size_t row, size_t column)
{
	int64_t number = rows_int(rows, row, column);

	return number > 0 && number < USAGE_TIERS ? (enum usage_tier)number : USAGE_STANDARD;
}

enum usage_tier
usage_tier_of(struct str text)
{
	/* OpenAI's, Anthropic's, Bedrock's and Gemini's; Vertex AI's trafficType. "fast" is what OpenAI calls priority in a request. */
	static const struct {
		struct str text;
		enum usage_tier tier;
	} names[] = { { STR_INIT("flex"), USAGE_FLEX }, { STR_INIT("priority"), USAGE_PRIORITY }, { STR_INIT("fast"), USAGE_PRIORITY },
		{ STR_INIT("ultrafast"), USAGE_ULTRAFAST }, { STR_INIT("fast_mode"), USAGE_FAST_MODE }, { STR_INIT("ON_DEMAND_FLEX"), USAGE_FLEX }, { STR_INIT("ON_DEMAND_PRIORITY"), USAGE_PRIORITY } };

	for (size_t i = 0; i < COUNT(names); i++)
		if (str_eq(text, names[i].text))
			return names[i].tier;
	return USAGE_STANDARD;
}

struct str
usage_tier_name(enum usage_tier tier)
{
	static const struct str names[USAGE_TIERS] = { STR_INIT("standard"), STR_INIT("flex"), STR_INIT("priority"), STR_INIT("ultrafast"), STR_INIT("fast_mode") };

	return names[tier];
}

/* Takes a part out of what is left of its whole. */
static void
take(int64_t *part, int64_t *left)
{
	*part = *part < 0 ? 0 : *part > *left ? *left : *part;
	*left -= *part;
}

void
usage_fit(struct usage *usage)
{
	int64_t *all[USAGE_QUANTITIES], *const input[] = { &usage->cached_input, &usage->cache_write, &usage->audio_input, &usage->image_input },
		*const output[] = { &usage->reasoning, &usage->audio_output, &usage->image_output };
	int64_t left;

	usage_quantities(usage, all);
	for (size_t i = 0; i < USAGE_QUANTITIES; i++)
		*all[i] = *all[i] > 0 ? *all[i] : 0;
	left = usage->input;
	for (size_t i = 0; i < COUNT(input); i++)
		take(input[i], &left);
	left = usage->output;
	for (size_t i = 0; i < COUNT(output); i++)
		take(output[i], &left);
	left = usage->cached_input;
	take(&usage->cached_audio, &left);
	left = usage->cache_write;
	take(&usage->cache_write_1h, &left);
	left = usage->web_searches;
	take(&usage->web_searches_low, &left);
	take(&usage->web_searches_high, &left);
}
