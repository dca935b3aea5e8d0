/*
 * litellm_write.c - what was read of LiteLLM's configuration, as ours.
 *
 * Texts are in double quotes, written as JSON strings are, which YAML reads alike. What could not be taken over stands at the end as comments.
 */
#include "conf/litellm_inside.h"
#include "conf/models.h"

#include "json/json.h"

#include <math.h>

enum { WRITTEN_MAX = 64 * 1024 * 1024 };

static void
put_duration(struct buf *out, const char *name, double seconds, double least_s, double most_s)
{
	double within = seconds < least_s ? least_s : seconds > most_s ? most_s : seconds;

	buf_printf(out, "    %s: %lldms\n", name, (long long)(within * 1000 + 0.5));
}

static void
put_breaker(struct litellm *it, struct buf *out)
{
	if (it->no_cooldowns) {
		buf_printf(out, "    breaker: {failures: 0}\n");
		return;
	}
	if (it->cooldown_s <= 0 && it->allowed_fails < 0)
		return;
	buf_printf(out, "    breaker: {");
	if (it->allowed_fails >= 0)
		buf_printf(out, "failures: %lld, ratio: 0, window: 1m%s", (long long)it->allowed_fails + 1, it->cooldown_s > 0 ? ", " : "");
	if (it->cooldown_s > 0)
		buf_printf(out, "open: %lldms", (long long)((it->cooldown_s < 0.1 ? 0.1 : it->cooldown_s > 3600 ? 3600 : it->cooldown_s) * 1000 + 0.5));
	buf_printf(out, "}\n");
}

static void
put_providers(struct litellm *it, struct buf *out)
{
	double timeout = it->timeout_s > 0 ? it->timeout_s : it->request_timeout_s;
	double stream = it->stream_timeout_s > 0 ? it->stream_timeout_s : timeout;

	if (it->providers)
		buf_printf(out, "providers:\n");
	for (const struct litellm_provider *provider = it->providers; provider; provider = provider->next) {
		buf_printf(out, "  - name: ");
		json_quote(out, provider->name);
		buf_printf(out, "\n    kind: %s\n%" STR_F, provider->kind, STR_A(provider->settings));
		if (!provider->has_timeout && timeout > 0)
			put_duration(out, "headers_timeout", timeout, 0.01, 3600);
		if (!provider->has_idle_timeout && stream > 0)
			put_duration(out, "idle_timeout", stream, 0.01, 3600);
		if (!provider->has_open)
			put_breaker(it, out);
	}
}

/* --- targets --- */

enum shares { BY_NOTHING, BY_WEIGHT, BY_RPM, BY_TPM };

static double
share_of(const struct litellm_target *target, enum shares by)
{
	double share = by == BY_WEIGHT ? target->weight : by == BY_RPM ? target->rpm : target->tpm;

	return share > 0 ? share : 0;
}

/* What the calls are divided by: the first of weight, rpm and tpm that any deployment has. */
static enum shares
shares_of(const struct litellm_model *model, double *largest)
{
	for (enum shares by = BY_WEIGHT; by <= BY_TPM; by++) {
		*largest = 0;
		for (const struct litellm_target *target = model->targets; target; target = target->next)
			if (share_of(target, by) > *largest)
				*largest = share_of(target, by);
		if (*largest > 0)
			return by;
	}
	return BY_NOTHING;
}

/* As whole numbers up to a million: as they are where they are that, else in thousandths of the largest. */
static long long
weight_of(const struct litellm_model *model, const struct litellm_target *target, enum shares by, double largest)
{
	bool whole = largest <= 1000000;
	double share = share_of(target, by);

	for (const struct litellm_target *at = model->targets; at; at = at->next)
		whole = whole && share_of(at, by) == floor(share_of(at, by));
	if (whole)
		return (long long)share;
	return share > 0 && share / largest * 1000 < 1 ? 1 : (long long)(share / largest * 1000 + 0.5);
}

static void
put_price(struct buf *out, const struct litellm_target *target)
{
	buf_printf(out, ", price: {input: %.12g, cached_input: %.12g, cache_write: %.12g, output: %.12g", target->input, target->cached_input, target->cache_write, target->output);
	for (size_t i = 0; i < LITELLM_PRICES; i++)
		if (target->more[i] >= 0)
			buf_printf(out, ", %s: %.12g", litellm_prices[i].ours, target->more[i]);
	buf_printf(out, "}");
}

static void
put_target(struct buf *out, const struct litellm_model *model, const struct litellm_target *target, enum shares by, double largest)
{
	buf_printf(out, "      - {provider: ");
	json_quote(out, target->provider->name);
	buf_printf(out, ", model: ");
	json_quote(out, target->model);
	if (by != BY_NOTHING && model->target_count > 1)
		buf_printf(out, ", weight: %lld", weight_of(model, target, by, largest));
	if (target->concurrency)
		buf_printf(out, ", max_concurrency: %lld", (long long)target->concurrency);
	if (target->priced)
		put_price(out, target);
	buf_printf(out, "}\n");
}

/* Targets with an order: the lowest first. Stable; a list has at most LITELLM_TARGETS_MAX. */
static bool
targets_sort(struct litellm_model *model)
{
	struct litellm_target *sorted = NULL;
	bool ordered = false;

	for (struct litellm_target *target = model->targets, *next; target; target = next) {
		struct litellm_target **place = &sorted;

		next = target->next;
		ordered = ordered || target->order >= 0;
		while (*place && ((*place)->order < 0 ? 1e300 : (*place)->order) <= (target->order < 0 ? 1e300 : target->order))
			place = &(*place)->next;
		target->next = *place;
		*place = target;
	}
	model->targets = sorted;
	return ordered && model->target_count > 1;
}

/* --- models --- */

static const char *
strategy_of(struct litellm *it, struct litellm_model *model)
{
	bool ordered = targets_sort(model), priced = true;

	for (const struct litellm_target *target = model->targets; target; target = target->next)
		priced = priced && target->priced;
	if (ordered)
		return "priority";
	if (model->target_count < 2 || !it->strategy || (strcmp(it->strategy, "cheapest") == 0 && !priced))
		return "weighted";
	return it->strategy;
}

static void
put_fallbacks(struct buf *out, const struct litellm_model *model)
{
	if (model->fallbacks)
		buf_printf(out, "    fallbacks:\n");
	for (const struct litellm_edge *edge = model->fallbacks; edge; edge = edge->next) {
		buf_printf(out, "      - {");
		if (edge->on)
			buf_printf(out, "on: %s, ", edge->on);
		buf_printf(out, "model: ");
		json_quote(out, edge->to->name);
		buf_printf(out, "}\n");
	}
}

static void
put_shadow(struct buf *out, const struct litellm_target *shadow)
{
	if (!shadow)
		return;
	buf_printf(out, "    shadow: {provider: %" STR_F ", model: ", STR_A(shadow->provider->name));
	json_quote(out, shadow->model);
	buf_printf(out, ", share: 1}\n");
}

static void
put_retry(struct litellm *it, struct buf *out, const struct litellm_model *model)
{
	int64_t retries = model->retries >= 0 ? model->retries : it->retries;

	if (retries <= 0)
		return;
	buf_printf(out, "    retry: {max: %lld", (long long)retries);
	if (it->retry_after_s > 0)
		buf_printf(out, ", backoff: %lldms", (long long)((it->retry_after_s > 60 ? 60 : it->retry_after_s < 0.001 ? 0.001 : it->retry_after_s) * 1000 + 0.5));
	buf_printf(out, "}\n");
}

static void
put_cache(struct litellm *it, struct buf *out)
{
	double ttl_s = it->cache_ttl_s < 0 ? 3600 : it->cache_ttl_s < 1 ? 1 : it->cache_ttl_s > 3e8 ? 3e8 : it->cache_ttl_s;

	buf_printf(out, "    cache: {ttl: %llds%s}\n", (long long)(ttl_s + 0.5), it->cache_asked ? ", use: asked" : "");
}

static void
put_model(struct litellm *it, struct buf *out, struct litellm_model *model)
{
	double largest = 0;
	const char *strategy;
	enum shares by;

	buf_printf(out, "  - name: ");
	json_quote(out, model->name);
	buf_printf(out, "\n");
	if (model->api)
		buf_printf(out, "    type: %s\n", conf_api_name(model->api));
	if (model->alias) {
		buf_printf(out, "    split: [{model: ");
		json_quote(out, model->alias->name);
		buf_printf(out, "}]\n");
		return;
	}
	strategy = strategy_of(it, model);
	if (strcmp(strategy, "weighted") != 0)
		buf_printf(out, "    strategy: %s\n", strategy);
	by = shares_of(model, &largest);
	buf_printf(out, "    targets:\n");
	for (const struct litellm_target *target = model->targets; target; target = target->next)
		put_target(out, model, target, by, largest);
	put_retry(it, out, model);
	put_fallbacks(out, model);
	put_shadow(out, model->shadow);
	if (it->cache && !model->api)
		put_cache(it, out);
}

/* --- notes --- */

/* A comment is one line. */
static void
put_line(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		buf_add_byte(out, (unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f ? ' ' : text.ptr[i]);
}

static void
put_notes(struct litellm *it, struct buf *out, struct str source, enum litellm_note_kind kind, const char *title)
{
	bool any = false;

	for (const struct litellm_note *note = it->notes; note; note = note->next) {
		if (note->kind != kind)
			continue;
		if (!any)
			buf_printf(out, "\n# %s\n", title);
		any = true;
		buf_printf(out, "#   ");
		put_line(out, source);
		buf_printf(out, ":%u ", note->line);
		put_line(out, note->setting);
		buf_printf(out, ": ");
		put_line(out, note->text);
		buf_add_byte(out, '\n');
	}
}

static void
put_names(struct litellm *it, struct buf *out)
{
	bool any = false;

	for (const struct litellm_name *name = it->names; name; name = name->next) {
		if (name->optional)
			continue;
		buf_printf(out, "%s%" STR_F, any ? " " : "# It takes from the environment: ", STR_A(name->name));
		any = true;
	}
	if (any)
		buf_add_byte(out, '\n');
}

struct str
litellm_write(struct litellm *it, struct str source)
{
	struct buf *out = arena_zalloc(it->arena, sizeof(*out));

	if (!out || !buf_init_held(out, it->arena, WRITTEN_MAX))
		return (struct str){ NULL, 0 };
	for (size_t slash = 0; (slash = str_find_byte(source, '/', 0)) != SIZE_MAX;) /* comments name the file, not where it lay */
		source = str_slice(source, slash + 1, source.len);
	buf_printf(out, "# Made by `corbel import litellm` from ");
	put_line(out, source);
	buf_printf(out, ".\n");
	put_names(it, out);
	put_providers(it, out);
	buf_printf(out, it->models ? "models:\n" : "models: []\n");
	for (struct litellm_model *model = it->models; model; model = model->next)
		put_model(it, out, model);
	if (it->admin_key.len) {
		buf_printf(out, "access:\n  admin_key: ");
		json_quote(out, it->admin_key);
		buf_add_byte(out, '\n');
	}
	if (it->verbose)
		buf_printf(out, "log:\n  level: debug\n");
	it->out->models = it->model_count;
	put_notes(it, out, source, LITELLM_CHANGED, "Taken over, and not quite the same:");
	put_notes(it, out, source, LITELLM_LEFT_OUT, "Not taken over, and what to do instead:");
	return buf_err(out) ? (struct str){ NULL, 0 } : buf_str(out);
}
