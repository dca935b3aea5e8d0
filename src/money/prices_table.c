/*
 * prices_table.c - see prices_table.h. The shape: the file's own entry "sample_spec".
 *
 * A price has a name for the usual service and a prompt of any length ("input_cost_per_token"), and perhaps others for a longer prompt ("…_above_200k_tokens"), for a tier ("…_flex"), or for both
 * ("…_above_200k_tokens_flex"). What has no name for a tier costs there as in the usual one, and what has none for a length costs as for the next shorter one. All tokens of a call cost what its whole prompt
 * comes to.
 */
#include "money/prices_table.h"

#include <stdio.h>

enum { MODEL_MAX = 256, KEY_MAX = 128 };

/* What tables do not name, or not for every model. */
#define XAI_SEARCH INT64_C(5000000000)     /* docs.x.ai, "Tools pricing": $5 for a thousand calls, whatever the model */
#define GOOGLE_SEARCH INT64_C(35000000000) /* ai.google.dev, "Pricing": $35 for a thousand grounded prompts */

/* Its name of a provider, and ours of its kind. What is served over OpenAI's wire elsewhere is named by what it is there. */
static const struct {
	const char *theirs, *kind;
} kinds[] = { { "openai", "openai" }, { "text-completion-openai", "openai" }, { "anthropic", "anthropic" }, { "azure", "azure" }, { "mistral", "mistral" }, { "groq", "groq" },
	{ "deepseek", "deepseek" }, { "xai", "xai" }, { "together_ai", "together" }, { "fireworks_ai", "fireworks" }, { "openrouter", "openrouter" },
	{ "perplexity", "perplexity" }, { "bedrock", "bedrock" }, { "bedrock_converse", "bedrock" }, { "gemini", "gemini" }, { "vertex_ai", "vertex" },
	{ "vertex_ai-language-models", "vertex" }, { "vertex_ai-anthropic_models", "vertex" }, { "ollama", "ollama" }, { "cohere", "cohere" }, { "cohere_chat", "cohere" },
	{ "fireworks_ai-embedding-models", "fireworks" }, { "vertex_ai-embedding-models", "vertex" } };

static const char *
kind_of(struct str theirs)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (str_eq_c(theirs, kinds[i].theirs))
			return kinds[i].kind;
	return NULL;
}

/* Dollars a unit as whole picodollars; false: not there, or no price that could be. */
static bool
cost(const struct json *model, const char *key, int64_t *out)
{
	const struct json *value = json_get(model, key);
	double dollars = json_number(value, -1);

	if (!value || !(dollars >= 0) || dollars > 1e6)
		return false;
	*out = (int64_t)(dollars * 1e12 + 0.5);
	return true;
}

/* "provider/model" is the model to us. */
static struct str
model_name(struct str name, struct str theirs)
{
	if (str_starts(name, theirs) && name.len > theirs.len + 1 && name.ptr[theirs.len] == '/')
		return str_slice(name, theirs.len + 1, name.len);
	return name;
}

/* The costs of a model at a length of its prompt and in a tier. */
struct place {
	const struct json *model;
	struct str length; /* "_above_200k_tokens"; empty: any */
	enum usage_tier tier;
};

/* A cost by its name there, in the tier where it has a name for that. False: it has none, and *out stays. */
static bool
cost_at(const struct place *place, const char *name, int64_t *out)
{
	char key[KEY_MAX];

	(void)snprintf(key, sizeof(key), "%s%" STR_F "_%" STR_F, name, STR_A(place->length), STR_A(usage_tier_name(place->tier)));
	if (place->tier != USAGE_STANDARD && cost(place->model, key, out))
		return true;
	(void)snprintf(key, sizeof(key), "%s%" STR_F, name, STR_A(place->length));
	return cost(place->model, key, out);
}

static bool
names_tier(const struct place *place, const char *name)
{
	char key[KEY_MAX];

	(void)snprintf(key, sizeof(key), "%s_%" STR_F, name, STR_A(usage_tier_name(place->tier)));
	return place->tier != USAGE_STANDARD && json_get(place->model, key);
}

/* What lengths there are, from the shortest on. */
struct thresholds {
	struct str length[PRICES_THRESHOLDS_MAX]; /* as in struct place */
	int64_t tokens[PRICES_THRESHOLDS_MAX];
	size_t count;
};

/* "input_cost_per_token_above_200k_tokens": the length, and how many tokens that is. */
static bool
threshold_of(struct str key, struct str *length, int64_t *tokens)
{
	static const char *const names[] = { "input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost" };
	const struct str above = STR("_above_"), end = STR("_tokens");

	for (size_t i = 0; i < COUNT(names); i++) {
		size_t at = strlen(names[i]) + above.len, digits = at;
		int64_t number;

		if (!str_starts(key, str_of(names[i])) || !str_starts(str_slice(key, strlen(names[i]), key.len), above))
			continue;
		while (digits < key.len && key.ptr[digits] >= '0' && key.ptr[digits] <= '9')
			digits++;
		if (!str_to_i64(str_slice(key, at, digits), &number) || number > 1000000000)
			return false;
		*tokens = digits < key.len && key.ptr[digits] == 'k' ? number * 1000 : number;
		digits += digits < key.len && key.ptr[digits] == 'k';
		*length = str_slice(key, strlen(names[i]), digits + end.len);
		return str_starts(str_slice(key, digits, key.len), end);
	}
	return false;
}

static void
find_thresholds(const struct json *model, struct thresholds *out)
{
	out->count = 0;
	for (struct json_iter it = json_iter(model); json_next(&it);) {
		struct str length;
		int64_t tokens;
		size_t at = 0;

		if (!threshold_of(it.key, &length, &tokens))
			continue;
		while (at < out->count && out->tokens[at] < tokens)
			at++;
		if ((at < out->count && out->tokens[at] == tokens) || out->count == PRICES_THRESHOLDS_MAX)
			continue;
		memmove(&out->length[at + 1], &out->length[at], (out->count - at) * sizeof(*out->length));
		memmove(&out->tokens[at + 1], &out->tokens[at], (out->count - at) * sizeof(*out->tokens));
		out->length[at] = length;
		out->tokens[at] = tokens;
		out->count++;
	}
}

static bool
has_tier(const struct json *model, enum usage_tier tier)
{
	struct str name = usage_tier_name(tier);

	for (struct json_iter it = json_iter(model); json_next(&it);)
		if (it.key.len > name.len + 1 && str_eq(str_slice(it.key, it.key.len - name.len, it.key.len), name) && it.key.ptr[it.key.len - name.len - 1] == '_')
			return true;
	return false;
}

/* What is priced by tokens, in a tier, at a prompt that is longer than the first `crossed` thresholds. What a missing cost is: cached and written as input, reasoning as output, sound and pictures as the rest. */
static void
tokens_read(const struct json *model, const struct thresholds *thresholds, size_t crossed, enum usage_tier tier, struct price *out)
{
	bool halved = str_eq_c(json_get_string(model, "litellm_provider"), "fireworks_ai"); /* docs.fireworks.ai: cached tokens cost half where a model's page says nothing else */
	struct place any = { .model = model, .tier = tier };
	bool read = false, written = false, hour = false, sound = false;
	int64_t cached_sound;

	for (size_t i = 0; i <= crossed; i++) { /* any length, then each that is crossed */
		struct place place = { .model = model, .length = i ? thresholds->length[i - 1] : STR_EMPTY, .tier = tier };

		(void)cost_at(&place, "input_cost_per_token", &out->input);
		(void)cost_at(&place, "output_cost_per_token", &out->output);
		read |= cost_at(&place, "cache_read_input_token_cost", &out->cached_input);
		written |= cost_at(&place, "cache_creation_input_token_cost", &out->cache_write);
		hour |= cost_at(&place, "cache_creation_input_token_cost_above_1hr", &out->cache_write_1h);
		sound |= cost_at(&place, "input_cost_per_audio_token", &out->audio_input);
	}
	out->cached_input = read ? out->cached_input : halved ? out->input / 2 : out->input;
	out->cache_write = written ? out->cache_write : out->input;
	out->cache_write_1h = hour ? out->cache_write_1h : out->cache_write;
	out->audio_input = sound ? out->audio_input : out->input;
	out->cached_audio = cost_at(&any, "cache_read_input_audio_token_cost", &cached_sound) ? cached_sound : out->cached_input;
	out->reasoning = out->audio_output = out->image_output = out->output;
	out->image_input = out->input;
	if (names_tier(&any, "output_cost_per_reasoning_token") || !names_tier(&any, "output_cost_per_token")) /* reasoning's usual price says nothing of a tier whose output has its own */
		(void)cost_at(&any, "output_cost_per_reasoning_token", &out->reasoning);
	(void)cost(model, "output_cost_per_audio_token", &out->audio_output);
	(void)cost_at(&any, "input_cost_per_image_token", &out->image_input);
	(void)cost_at(&any, "output_cost_per_image_token", &out->image_output);
}

/* Searches in the web, by how much of what they find is read. Google asks for them once a call, but for newer models for each. */
static void
searches_read(const struct json *model, const char *kind, struct price *out)
{
	const struct json *sizes = json_get(model, "search_context_cost_per_query");
	bool claude = str_eq_c(json_get_string(model, "litellm_provider"), "vertex_ai-anthropic_models");
	bool google = !claude && (str_eq_c(str_of(kind), "gemini") || str_eq_c(str_of(kind), "vertex"));

	(void)cost(sizes, "search_context_size_medium", &out->web_search);
	if (!sizes && (google || str_eq_c(str_of(kind), "xai")))
		out->web_search = google ? GOOGLE_SEARCH : XAI_SEARCH;
	out->web_search_low = out->web_search_high = out->web_search;
	(void)cost(sizes, "search_context_size_low", &out->web_search_low);
	(void)cost(sizes, "search_context_size_high", &out->web_search_high);
	out->web_search_once = google && !str_eq_c(json_get_string(model, "web_search_billing_unit"), "per_query");
}

/* By how much all tokens are dearer in Anthropic's fast mode; 0: it has none. */
static double
fast_factor(const struct json *model)
{
	double factor = json_number(json_get(json_get(model, "provider_specific_entry"), "fast"), 0);

	return str_eq_c(json_get_string(model, "litellm_provider"), "anthropic") && factor >= 1 && factor <= 100 ? factor : 0;
}

static void
times(struct price *price, double factor)
{
	int64_t *const tokens[] = { &price->input, &price->cached_input, &price->cache_write, &price->cache_write_1h, &price->output, &price->reasoning, &price->audio_input,
		&price->audio_output, &price->cached_audio, &price->image_input, &price->image_output };

	for (size_t i = 0; i < COUNT(tokens); i++)
		*tokens[i] = (int64_t)((double)*tokens[i] * factor + 0.5);
}

static void
steps_read(const struct json *model, const char *kind, struct price *out, struct price_step steps[PRICES_STEPS_MAX])
{
	int64_t from = str_eq_c(str_of(kind), "xai") ? 1 : 0; /* there the price of more begins with the threshold itself */
	double fast = fast_factor(model);
	struct thresholds thresholds;

	find_thresholds(model, &thresholds);
	out->steps = steps;
	out->step_count = 0;
	for (unsigned tier = 0; tier < USAGE_TIERS; tier++) {
		bool priced = tier == USAGE_FAST_MODE ? fast > 0 : tier == USAGE_STANDARD || has_tier(model, (enum usage_tier)tier);

		for (size_t crossed = 0; crossed <= thresholds.count && priced; crossed++) {
			struct price_step *step = &steps[out->step_count];

			if (tier == USAGE_STANDARD && !crossed)
				continue; /* the price itself */
			*step = (struct price_step){ .tier = (enum usage_tier)tier, .above = crossed ? thresholds.tokens[crossed - 1] - from : -1, .price = *out };
			step->price.steps = NULL;
			step->price.step_count = 0;
			step->price.input = step->price.output = 0;
			tokens_read(model, &thresholds, crossed, step->tier, &step->price);
			if (tier == USAGE_FAST_MODE)
				times(&step->price, fast);
			out->step_count++;
		}
	}
}

/* --- hours of the week --- */

/* "HH:MM" in half hours; -1: it is none, or no whole half hour. */
static int
half_hour(struct str text)
{
	struct str hour = str_slice(text, 0, 2), minute = str_slice(text, 3, text.len);
	int64_t hours, minutes;

	if (text.len != 5 || text.ptr[2] != ':' || !str_to_i64(hour, &hours) || !str_to_i64(minute, &minutes) || hours < 0 || hours > 23 || (minutes != 0 && minutes != 30))
		return -1;
	return (int)(2 * hours + minutes / 30);
}

/* Marks "HH:MM-HH:MM" on the days (bit 0: Monday) whose day it is then: a window that ends before it begins is the end of a day and the beginning of the same. False: it is none. */
static bool
window_mark(struct str text, unsigned days, unsigned char hours[PRICE_HOURS_BYTES])
{
	struct str rest = text, word;
	int from = str_split(&rest, '-', &word) ? half_hour(str_trim(word)) : -1, to = half_hour(str_trim(rest));

	for (int half = 0; half < 48 && from >= 0 && to >= 0; half++) {
		bool within = from < to ? half >= from && half < to : half >= from || half < to;

		for (int day = 0; day < 7 && within; day++)
			if (days >> day & 1)
				hours[(48 * day + half) / 8] |= (unsigned char)(1u << (48 * day + half) % 8);
	}
	return from >= 0 && to >= 0;
}

/* A window, or a list of them. */
static bool
windows_mark(const struct json *windows, unsigned days, unsigned char hours[PRICE_HOURS_BYTES])
{
	bool good = true;

	if (!json_is(windows, JSON_ARRAY))
		return json_is(windows, JSON_STRING) && window_mark(json_string(windows), days, hours);
	for (struct json_iter it = json_iter(windows); json_next(&it);)
		good = good && json_is(it.value, JSON_STRING) && window_mark(json_string(it.value), days, hours);
	return good;
}

/* Days by their numbers, 1 for Monday; none said: all. 0: something else is said. */
static unsigned
days_of(const struct json *list)
{
	unsigned days = 0;

	if (!list)
		return 0x7f;
	for (struct json_iter it = json_iter(json_is(list, JSON_ARRAY) ? list : NULL); json_next(&it);) {
		int64_t day = json_int(it.value, 0);

		if (day < 1 || day > 7)
			return 0;
		days |= 1u << (day - 1);
	}
	return days;
}

/* What is not named costs as at other hours; reasoning as output does then, where it has no price of its own. */
static void
off_peak_costs(const struct json *said, const struct json *model, struct price *price)
{
	bool written = cost(said, "cache_creation_input_token_cost", &price->cache_write);
	int64_t any;

	if (cost(said, "input_cost_per_token", &price->input)) {
		price->image_input = cost(model, "input_cost_per_image_token", &any) ? price->image_input : price->input;
		price->audio_input = cost(model, "input_cost_per_audio_token", &any) ? price->audio_input : price->input;
		if (!written && !cost(model, "cache_creation_input_token_cost", &any))
			price->cache_write = price->input;
	}
	if (!cost(model, "cache_creation_input_token_cost_above_1hr", &any))
		price->cache_write_1h = price->cache_write;
	if (cost(said, "cache_read_input_token_cost", &price->cached_input) && !cost(model, "cache_read_input_audio_token_cost", &any))
		price->cached_audio = price->cached_input;
	if (cost(said, "output_cost_per_token", &price->output)) {
		price->audio_output = cost(model, "output_cost_per_audio_token", &any) ? price->audio_output : price->output;
		price->image_output = cost(model, "output_cost_per_image_token", &any) ? price->image_output : price->output;
		price->reasoning = cost(model, "output_cost_per_reasoning_token", &any) ? price->reasoning : price->output;
	}
	(void)cost(said, "output_cost_per_reasoning_token", &price->reasoning);
}

/* What a model costs at the hours at which it costs less. Of a schedule that is not understood whole nothing is taken: then the dearer price holds. */
static void
off_peak_read(const struct json *model, struct price *out, struct price_off_peak *off_peak)
{
	const struct json *said = json_get(model, "off_peak_pricing"), *always = json_get(said, "hours_utc");
	bool good = json_is(said, JSON_OBJECT) && !json_get(said, "weekday_timezone") && (!always || json_is(always, JSON_STRING) || json_is(always, JSON_ARRAY));

	*off_peak = (struct price_off_peak){ .price = *out };
	if (good && always)
		good = windows_mark(always, 0x7f, off_peak->hours);
	for (struct json_iter it = json_iter(json_is(json_get(said, "windows"), JSON_ARRAY) ? json_get(said, "windows") : NULL); json_next(&it) && good;) {
		unsigned days = days_of(json_get(it.value, "weekdays"));

		good = days && windows_mark(json_get(it.value, "hours_utc"), days, off_peak->hours);
	}
	if (!good)
		return;
	off_peak->price.steps = NULL;
	off_peak->price.step_count = 0;
	off_peak_costs(said, model, &off_peak->price);
	out->off_peak = off_peak;
}

bool
prices_model(struct str name, const struct json *entry, const char **kind, struct str *model, struct price *out, struct price_step steps[PRICES_STEPS_MAX],
	struct price_off_peak *off_peak)
{
	struct str theirs = json_get_string(entry, "litellm_provider");
	static const char *const prices[] = { "input_cost_per_token", "output_cost_per_token", "output_cost_per_image", "input_cost_per_request", "input_cost_per_query" };
	const struct thresholds none = { .count = 0 };
	bool priced = false;
	int64_t any;

	*out = (struct price){ .steps = NULL };
	*kind = theirs.ptr ? kind_of(theirs) : NULL;
	if (!*kind || name.len == 0 || name.len > MODEL_MAX || str_eq_c(name, "sample_spec"))
		return false;
	*model = model_name(name, theirs);
	tokens_read(entry, &none, 0, USAGE_STANDARD, out);
	searches_read(entry, *kind, out);
	(void)cost(entry, "citation_cost_per_token", &out->citation);
	(void)cost(entry, "output_cost_per_image", &out->image);
	(void)cost(entry, "input_cost_per_request", &out->request);
	(void)cost(entry, "input_cost_per_query", &out->search);
	steps_read(entry, *kind, out, steps);
	off_peak_read(entry, out, off_peak);
	for (size_t i = 0; i < COUNT(prices) && !priced; i++)
		priced = cost(entry, prices[i], &any);
	return priced;
}
