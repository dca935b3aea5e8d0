/*
 * routing.c - how calls find their way, out of the configuration file. See routing.h.
 *
 * Fallbacks and splits name other models, which may stand further down in the file: names are resolved when all are read. Splits that lead back to where they began are a mistake here:
 * who is asked for would never be found. Fallbacks may go round, since a call enters no model twice (gateway/route.h); a model that falls back to itself is a mistake.
 */
#include "conf/routing_read.h"

#include "base/buf.h"
#include "conf/models.h"
#include "conf/snapshot.h"
#include "crypto/hash.h"

uint64_t
conf_hash(struct str text)
{
	unsigned char digest[32];
	uint64_t hash;

	hash_sha256(text, digest);
	memcpy(&hash, digest, sizeof(hash));
	return hash;
}

static void causes_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
static void shadow_provider_read(struct reader *reader, const struct yaml *node, struct str path, void *object);

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct field breaker_fields[] = {
	{ { "failures", SETTING_INT, "5", "0", "1000000", .help = "So many failures within the window take a target out of the choice; 0 never does." },
		AT(conf_breaker, failures) },
	{ { "ratio", SETTING_FLOAT, "0.5", "0", "1", .help = "And they are at least this share of its calls." }, AT(conf_breaker, ratio) },
	{ { "window", SETTING_DURATION, "10s", "1s", "10m", .help = "How far back failures count." }, AT(conf_breaker, window_us) },
	{ { "open", SETTING_DURATION, "10s", "100ms", "1h",
		  .help = "Until a single call tries it again; doubled, up to eight times, each time that call fails." },
		AT(conf_breaker, open_us) },
	{ { "refuse", SETTING_BOOL, "false", .help = "When nothing else is left: answer 503 at once (true), or try the target all the same (false)." },
		AT(conf_breaker, refuse) },
};

static const struct field retry_fields[] = {
	{ { "max", SETTING_INT, "0", "0", "10",
		  .help = "How often a call is repeated at targets that have failed already. Official clients retry by themselves too." },
		AT(conf_retry, max) },
	{ { "backoff", SETTING_DURATION, "250ms", "1ms", "1m", .help = "Before the first repeat; doubled with each, and jittered." }, AT(conf_retry, backoff_us) },
	{ { "backoff_max", SETTING_DURATION, "8s", "1ms", "5m", .help = "No backoff is longer." }, AT(conf_retry, backoff_max_us) },
	{ { "retry_after_max", SETTING_DURATION, "10s", "0s", "10m",
		  .help = "A provider's Retry-After is waited for up to this long; a longer one ends the repeats." },
		AT(conf_retry, retry_after_max_us) },
	{ { "budget", SETTING_FLOAT, "0.2", "0", "10",
		  .help = "Repeats that a success pays for: 0.2 lets a fifth of the traffic be repeats, beside ten in reserve." },
		AT(conf_retry, budget) },
};

static const struct field fallback_fields[] = {
	{ { .name = "on", .help = "What it is for: any (the default), or some of error, timeout, rate_limit, context_window, content_filter." }, .read = causes_read,
		.shape = "a cause, or a list of causes" },
	{ { "model", SETTING_STRING, .min = "1", .max = "128", .help = "A name from models, whose targets are tried then." }, AT(conf_fallback, name) },
};

static const struct field arm_fields[] = {
	{ { "model", SETTING_STRING, .min = "1", .max = "128", .help = "A name from models." }, AT(conf_arm, name) },
	{ { "weight", SETTING_INT, "1", "0", "1000000", .help = "Its share of the calls, beside the other arms'." }, AT(conf_arm, weight) },
};

struct shadow_row {
	const struct conf_provider *provider;
	struct str model;
	double share;
	struct conf_price price;
};

static void shadow_price_read(struct reader *reader, const struct yaml *node, struct str path, void *object);

static const struct field shadow_fields[] = {
	{ { .name = "provider", .help = "A name from providers." }, .read = shadow_provider_read, .shape = "a provider's name" },
	{ { "model", SETTING_STRING, .min = "1", .max = "256", .help = "The model's name at the provider." }, AT(shadow_row, model) },
	{ { "share", SETTING_FLOAT, "1", "0", "1", .help = "The share of the calls that are sent there as well." }, AT(shadow_row, share) },
	{ { .name = "price", .help = "US dollars for a million tokens." }, .read = shadow_price_read, .shape = "a map, see price", .table = &price_table },
};

#define TABLE(name, title_, help_) const struct field_table name##_table = { title_, help_, name##_fields, COUNT(name##_fields) }
TABLE(breaker, "breaker", "Of a provider: when a target of it that keeps failing is left alone for a while.");
TABLE(retry, "retry", "Of a model: repeats of calls that failed.");
TABLE(fallback, "fallbacks", "Of a model: other models to try when its own targets have failed, in order. They may go round: a call enters no model twice.");
TABLE(arm, "split", "Of a model: it is only a name for other models, each with a share of the calls. `sticky` says what a share is cut by.");
TABLE(shadow, "shadow", "Of a model: a target that gets a copy of some calls. Its answers go on record and nowhere else.");

void
breaker_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	reader_fields(reader, node, &breaker_table, path, &((struct conf_provider *)object)->breaker);
	((struct conf_provider *)object)->breaker_given = true;
}

static unsigned
cause_read(struct reader *reader, const struct yaml *node, struct str path)
{
	static const char *const names[] = { "any", "error", "timeout", "rate_limit", "context_window", "content_filter", NULL };
	static const struct setting row = { .name = "on", .type = SETTING_CHOICE, .choices = names };
	struct setting_value value;

	if (!reader_scalar(reader, node, &row, path, &value))
		return 0;
	return value.integer == 0 ? CONF_ON_ANY : 1u << (value.integer - 1);
}

static unsigned
causes_of(struct reader *reader, const struct yaml *node, struct str path)
{
	unsigned on = 0;

	if (node->kind != YAML_LIST)
		return cause_read(reader, node, path);
	for (const struct yaml *child = node->first; child; child = child->next)
		on |= cause_read(reader, child, path);
	return on;
}

static void
causes_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	((struct conf_fallback *)object)->on = causes_of(reader, node, path);
}

void
target_on_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	((struct conf_target *)object)->fallback_on = causes_of(reader, node, path);
}

void
retry_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	struct conf_retry *retry = &((struct conf_model *)object)->route.retry;

	retry->given = true;
	reader_fields(reader, node, &retry_table, path, retry);
}

void
fallbacks_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	struct conf_route *route = &((struct conf_model *)object)->route;

	route->fallbacks = reader_list(reader, node, &fallback_table, path, sizeof(*route->fallbacks), &route->fallback_count);
	for (size_t i = 0; i < route->fallback_count; i++)
		if (!route->fallbacks[i].on)
			route->fallbacks[i].on = CONF_ON_ANY;
}

void
split_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	struct conf_route *route = &((struct conf_model *)object)->route;
	int64_t weights = 0;

	route->split = reader_list(reader, node, &arm_table, path, sizeof(*route->split), &route->split_count);
	for (size_t i = 0; i < route->split_count; i++) {
		route->split[i].hash = conf_hash(route->split[i].name);
		weights += route->split[i].weight;
	}
	if (weights == 0)
		reader_problem(reader, node, path, "at least one arm needs a weight above 0");
}

static void
shadow_provider_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	((struct shadow_row *)object)->provider = provider_read(reader, node, path);
}

static void
shadow_price_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	price_table_read(reader, node, path, &((struct shadow_row *)object)->price);
}

void
shadow_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	struct conf_shadow *shadow = &((struct conf_model *)object)->route.shadow;
	struct shadow_row fields = { 0 };

	reader_fields(reader, node, &shadow_table, path, &fields);
	shadow->target = arena_zalloc(reader->arena, sizeof(*shadow->target));
	if (!shadow->target)
		return;
	*shadow->target = (struct conf_target){ .provider = fields.provider, .model = fields.model, .weight = 1, .price = fields.price };
	shadow->share = fields.share;
	if (node->kind == YAML_MAP && !yaml_child(node, STR("provider")))
		reader_problem(reader, node, path, "\"provider\" is missing: a name from providers");
}

void
route_defaults(struct conf_model *model)
{
	if (!model->route.retry.given)
		reader_defaults(&retry_table, &model->route.retry);
	model->route.hash = conf_hash(model->name);
}

void
provider_route_defaults(struct conf_provider *provider)
{
	if (!provider->breaker_given)
		reader_defaults(&breaker_table, &provider->breaker);
}

/* --- once all models are known --- */

static const struct conf_model *
model_named(struct reader *reader, const struct yaml *node, struct str name, const char *what)
{
	struct conf *conf = reader->conf;
	const struct conf_model *model = map_get(&conf->models_by_name, name);
	struct nearest nearest;

	if (model || name.len == 0)
		return model;
	nearest_init(&nearest, name);
	for (size_t i = 0; i < conf->model_count; i++)
		nearest_offer(&nearest, conf->models[i].name);
	reader_problem(reader, node, STR("models"), "%s: there is no model \"%" STR_F "\"%s%" STR_F "%s", what, STR_A(name),
		nearest.best.ptr ? "; did you mean \"" : "", STR_A(nearest.best), nearest.best.ptr ? "\"?" : "");
	return NULL;
}

static void
names_resolve(struct reader *reader, const struct yaml *node, struct conf_model *model)
{
	struct conf_route *route = &model->route;

	for (size_t i = 0; i < route->fallback_count; i++) {
		const struct conf_model *other = route->fallbacks[i].model = model_named(reader, node, route->fallbacks[i].name, "fallbacks");

		if (other == model)
			reader_problem(reader, node, STR("models"), "fallbacks: \"%" STR_F "\" falls back to itself; its own targets are tried before, and again by retry", STR_A(model->name));
		else if (other && (other->target_count == 0 || other->type != model->type))
			reader_problem(reader, node, STR("models"), "fallbacks: \"%" STR_F "\" has no targets of its own, or is of another type", STR_A(other->name));
	}
	for (size_t i = 0; i < route->split_count; i++) {
		const struct conf_model *other = route->split[i].model = model_named(reader, node, route->split[i].name, "split");

		if (other && other->type != model->type)
			reader_problem(reader, node, STR("models"), "split: \"%" STR_F "\" is of another type", STR_A(other->name));
	}
}

static void
strategy_check(struct reader *reader, const struct yaml *node, const struct conf_model *model)
{
	const struct conf_route *route = &model->route;
	bool unpriced = false;

	for (size_t i = 0; i < model->target_count; i++)
		unpriced = unpriced || !model->targets[i].price.given;
	if (route->strategy == CONF_CHEAPEST && unpriced)
		reader_problem(reader, node, STR("models"), "\"%" STR_F "\": the strategy cheapest needs a price on every target", STR_A(model->name));
	if (route->sticky != CONF_STICKY_NONE && route->strategy != CONF_WEIGHTED)
		reader_problem(reader, node, STR("models"), "\"%" STR_F "\": sticky needs the strategy weighted", STR_A(model->name));
	if (route->split_count && (model->target_count || model->knowledge.given || route->fallback_count || route->shadow.target))
		reader_problem(reader, node, STR("models"),
			"\"%" STR_F "\" is split onto other models: targets, knowledge, fallbacks and shadow belong to those", STR_A(model->name));
}

/* What the knowledge of a model forbids must leave something to ask. */
static void
local_check(struct reader *reader, const struct yaml *node, const struct conf_model *model)
{
	const struct conf_provider *embeddings = reader->conf->embeddings.provider;
	bool any = model->target_count == 0;

	if (!model->knowledge.local_only)
		return;
	for (size_t i = 0; i < model->target_count; i++)
		any = any || (model->targets[i].provider && !model->targets[i].provider->hosted);
	if (!any)
		reader_problem(reader, node, STR("models"),
			"\"%" STR_F "\": knowledge.local_only leaves no target; say \"hosted: false\" on a provider that runs on machines of your own", STR_A(model->name));
	if (embeddings && embeddings->hosted)
		reader_problem(reader, node, STR("models"),
			"\"%" STR_F "\": knowledge.local_only, but questions are embedded by the provider \"%" STR_F "\", which is hosted", STR_A(model->name),
			STR_A(embeddings->name));
}

/* One arm of a split, seen from where it leads to. */
struct way_back {
	struct way_back *next;
	size_t from;
};

/*
 * Models whose arms all end are marked, from the ends backwards, each way once: those left over lead into a circle. False: no memory.
 */
static bool
mark_ending(struct reader *reader, bool *ends)
{
	const struct conf *conf = reader->conf;
	size_t *left = arena_array(reader->arena, conf->model_count, sizeof(*left)), *ended = arena_array(reader->arena, conf->model_count, sizeof(*ended)), count = 0;
	struct way_back **back = arena_array(reader->arena, conf->model_count, sizeof(*back));

	if (!left || !ended || !back)
		return false;
	for (size_t i = 0; i < conf->model_count; i++) {
		for (size_t j = 0; j < conf->models[i].route.split_count; j++) {
			const struct conf_model *next = conf->models[i].route.split[j].model;
			struct way_back *way = next ? arena_alloc(reader->arena, sizeof(*way)) : NULL;

			if (next && !way)
				return false;
			if (!next)
				continue; /* a problem already */
			*way = (struct way_back){ back[next - conf->models], i };
			back[next - conf->models] = way;
			left[i]++;
		}
		if (left[i] == 0)
			ended[count++] = i;
	}
	while (count > 0) {
		size_t i = ended[--count];

		ends[i] = true;
		for (const struct way_back *way = back[i]; way; way = way->next)
			if (--left[way->from] == 0)
				ended[count++] = way->from;
	}
	return true;
}

/* Follows the way from a model that does not end until it has come round, and tells the circle. */
static void
circle_tell(struct reader *reader, const struct yaml *list, const bool *ends, size_t from)
{
	const struct conf *conf = reader->conf;
	const struct yaml *node = list->first;
	bool *seen = arena_array(reader->arena, conf->model_count, sizeof(*seen));
	size_t at = from, start;
	struct buf text;

	buf_init(&text, reader->arena, KIB(64));
	for (int round = 0; seen && round < 2; round++) {
		start = at;
		do {
			seen[at] = round == 0;
			if (round == 1)
				buf_printf(&text, "%" STR_F " -> ", STR_A(conf->models[at].name));
			for (size_t j = 0; j < conf->models[at].route.split_count; j++) {
				const struct conf_model *next = conf->models[at].route.split[j].model;

				if (next && !ends[next - conf->models]) {
					at = (size_t)(next - conf->models);
					break;
				}
			}
		} while (round == 0 ? !seen[at] : at != start);
	}
	for (size_t i = 0; i < at && node; i++)
		node = node->next;
	reader_problem(reader, node ? node : list, STR("models"), "splits go round in a circle: %" STR_F "%" STR_F, STR_A(buf_str(&text)),
		STR_A(conf->models[at].name));
}

static void
circles_check(struct reader *reader, const struct yaml *list)
{
	const struct conf *conf = reader->conf;
	bool *ends = arena_array(reader->arena, conf->model_count, sizeof(*ends));

	if (!ends || !mark_ending(reader, ends)) {
		reader_problem(reader, list, STR("models"), "too many splits for a configuration");
		return;
	}
	for (size_t i = 0; i < conf->model_count; i++) {
		if (ends[i])
			continue;
		circle_tell(reader, list, ends, i);
		return;
	}
}

void
routes_finish(struct reader *reader, const struct yaml *list)
{
	struct conf *conf = reader->conf;
	const struct yaml *node = list->first;

	for (size_t i = 0; i < conf->model_count; i++, node = node->next) {
		if (node->kind != YAML_MAP || conf->models[i].name.len == 0)
			continue; /* a problem already */
		names_resolve(reader, node, &conf->models[i]);
		strategy_check(reader, node, &conf->models[i]);
		local_check(reader, node, &conf->models[i]);
	}
	circles_check(reader, list);
}
