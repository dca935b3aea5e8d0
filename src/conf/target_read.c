/*
 * target_read.c - what a target says, whatever it is a target of: a provider by its name, and a price.
 */
#include "conf/models.h"
#include "conf/nearest.h"
#include "conf/routing_read.h"
#include "conf/snapshot.h"
#include "json/json.h"

const struct conf_provider *
provider_read(struct reader *reader, const struct yaml *node, struct str path)
{
	static const struct setting name_row = { .name = "provider", .type = SETTING_STRING, .min = "1", .max = "64" };
	const struct conf *conf = reader->conf;
	const struct conf_provider *provider;
	struct setting_value value;
	struct nearest nearest;

	if (!reader_scalar(reader, node, &name_row, path, &value))
		return NULL;
	provider = map_get(&conf->providers_by_name, value.text);
	if (provider)
		return provider;
	nearest_init(&nearest, value.text);
	for (size_t i = 0; i < conf->provider_count; i++)
		nearest_offer(&nearest, conf->providers[i].name);
	reader_problem(reader, node, path, "there is no provider \"%" STR_F "\"%s%" STR_F "%s", STR_A(value.text),
		nearest.best.ptr ? "; did you mean \"" : "", STR_A(nearest.best), nearest.best.ptr ? "\"?" : "");
	return NULL;
}

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct field price_fields[] = {
	{ { "input", SETTING_FLOAT, "0", "0", "1000000", .help = "Tokens read." }, AT(conf_price, input) },
	{ { "cached_input", SETTING_FLOAT, "0", "0", "1000000", .help = "Tokens read from the provider's cache." },
		AT(conf_price, cached_input) },
	{ { "cache_write", SETTING_FLOAT, "0", "0", "1000000", .help = "Tokens written to that cache." }, AT(conf_price, cache_write) },
	{ { "output", SETTING_FLOAT, "0", "0", "1000000", .help = "Tokens written, reasoning included." }, AT(conf_price, output) },
	{ { "search", SETTING_FLOAT, "0", "0", "1000000", .help = "Of rerank: a thousand search units (a query with up to a hundred documents is one)." }, AT(conf_price, search) },
	{ { "audio_input", SETTING_FLOAT, "", "0", "1000000", .help = "Tokens of sound read, those from the provider's cache not counted; else as `input`." }, AT(conf_price, audio_input) },
	{ { "audio_output", SETTING_FLOAT, "", "0", "1000000", .help = "Tokens of sound written; else as `output`." }, AT(conf_price, audio_output) },
	{ { "image_input", SETTING_FLOAT, "", "0", "1000000", .help = "Tokens of pictures read; else as `input`." }, AT(conf_price, image_input) },
	{ { "image_output", SETTING_FLOAT, "", "0", "1000000", .help = "Tokens of pictures written; else as `output`." }, AT(conf_price, image_output) },
	{ { "cached_audio", SETTING_FLOAT, "", "0", "1000000", .help = "Tokens of sound read from the provider's cache; else as `cached_input`." }, AT(conf_price, cached_audio) },
	{ { "web_search", SETTING_FLOAT, "0", "0", "1000000", .help = "A thousand searches in the web that the provider makes." }, AT(conf_price, web_search) },
	{ { "cache_write_1h", SETTING_FLOAT, "", "0", "1000000", .help = "Tokens written to the provider's cache for an hour instead of minutes; else as `cache_write`." },
		AT(conf_price, cache_write_1h) },
};

const struct field_table price_table = { "price", "Of a target: US dollars for a million tokens. Without it, calls are counted but not priced.", price_fields, COUNT(price_fields) };

enum { PRICES_SHORT = 5 }; /* of a price that says nothing of sound, pictures and the web */

/* What was not said costs what its whole does. True: something was said of it. */
static bool
price_fill(struct conf_price *price)
{
	struct {
		double *price, whole;
	} const list[] = { { &price->audio_input, price->input }, { &price->audio_output, price->output }, { &price->image_input, price->input }, { &price->image_output, price->output },
		{ &price->cached_audio, price->cached_input } };
	bool said = price->web_search > 0;

	for (size_t i = 0; i < COUNT(list); i++) {
		said = said || *list[i].price >= 0;
		*list[i].price = *list[i].price < 0 ? list[i].whole : *list[i].price;
	}
	return said;
}

void
price_table_read(struct reader *reader, const struct yaml *node, struct str path, struct conf_price *price)
{
	struct json_out json;
	bool more, hour;
	size_t count;
	double *parts[CONF_PRICES];
	struct buf version;

	conf_price_parts(price, parts);
	for (size_t i = PRICES_SHORT; i < CONF_PRICES; i++)
		*parts[i] = -1; /* not said */
	price->given = true;
	reader_fields(reader, node, &price_table, path, price);
	hour = price->cache_write_1h >= 0;
	more = price_fill(price);
	price->cache_write_1h = hour ? price->cache_write_1h : price->cache_write;
	buf_init(&version, reader->arena, KIB(1)); /* a number has 24 characters at most */
	buf_add(&version, STR("config:"));
	json_out_init(&json, &version);
	json_begin_array(&json);
	count = hour ? CONF_PRICES : more ? CONF_PRICES - 1 : price->search > 0 ? PRICES_SHORT : PRICES_SHORT - 1;
	for (size_t i = 0; i < count; i++)
		json_put_real(&json, *parts[i]);
	json_end_array(&json);
	price->version = buf_str(&version);
}
