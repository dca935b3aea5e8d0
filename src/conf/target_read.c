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
};

const struct field_table price_table = { "price", "Of a target: US dollars for a million tokens. Without it, calls are counted but not priced.", price_fields, COUNT(price_fields) };

void
price_table_read(struct reader *reader, const struct yaml *node, struct str path, struct conf_price *price)
{
	const double *const parts[] = { &price->input, &price->cached_input, &price->cache_write, &price->output, &price->search };
	struct json_out json;
	size_t count;
	struct buf version;

	price->given = true;
	reader_fields(reader, node, &price_table, path, price);
	buf_init(&version, reader->arena, 256);
	buf_add(&version, STR("config:"));
	json_out_init(&json, &version);
	json_begin_array(&json);
	count = price->search > 0 ? COUNT(parts) : COUNT(parts) - 1;
	for (size_t i = 0; i < count; i++)
		json_put_real(&json, *parts[i]);
	json_end_array(&json);
	price->version = buf_str(&version);
}
