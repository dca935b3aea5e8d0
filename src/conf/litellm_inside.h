/*
 * litellm_inside.h - within the room: what the files of litellm.h share.
 *
 * Reading goes section by section into the rows below; writing comes last, in litellm_write.c. Texts in rows are values of our YAML already: references to the environment are
 * ${NAME}, and a literal "${" is escaped.
 */
#pragma once

#include "base/buf.h"
#include "base/map.h"
#include "conf/litellm.h"
#include "conf/yaml.h"

/* A key of theirs: read by us (no advice), or what to do instead. */
struct litellm_key {
	const char *key, *advice;
};

/* Ours has no more models than this, and no more ways on from one. */
enum { LITELLM_MODELS_MAX = 5000, LITELLM_FALLBACKS_MAX = 16, LITELLM_TARGETS_MAX = 1000 };

struct litellm_provider {
	struct litellm_provider *next;
	struct str name;
	const char *kind;
	struct str settings; /* the lines below name and kind, without what is common to all */
	bool has_timeout, has_idle_timeout, has_open;
};

/* Prices beside those of text: its name, ours, and how many units ours is for. */
enum { LITELLM_PRICES = 7 };
extern const struct litellm_price {
	const char *theirs, *ours;
	double units;
} litellm_prices[LITELLM_PRICES];

struct litellm_target {
	struct litellm_target *next;
	struct litellm_provider *provider;
	struct str model; /* a value of YAML, unquoted */
	unsigned line;
	double weight, rpm, tpm, order; /* negative: not given */
	int64_t concurrency;            /* 0: not given */
	bool priced;
	double input, output, cached_input, cache_write; /* dollars a million tokens */
	double more[LITELLM_PRICES];    /* as litellm_prices has them; negative: not given */
};

struct litellm_edge {
	struct litellm_edge *next;
	const char *on; /* our cause; NULL: any */
	struct litellm_model *to;
};

struct litellm_model {
	struct litellm_model *next;
	struct str name;
	unsigned line;
	unsigned api; /* CONF_API_…, or 0: chat */
	struct litellm_target *targets, **tail;
	size_t target_count;
	struct litellm_model *alias; /* the name stands for this one */
	struct litellm_edge *fallbacks, **fallback_tail;
	size_t fallback_count;
	const struct yaml *silent;           /* where a deployment names the model that gets copies; NULL: none does */
	const struct litellm_target *shadow; /* its first deployment */
	int64_t retries; /* negative: as all */
};

struct litellm {
	struct arena *arena;
	struct litellm_import *out;
	const struct yaml *root;
	struct litellm_note *notes;
	struct litellm_name *names, **names_tail;
	struct map names_known; /* NAME -> struct litellm_name */
	struct litellm_provider *providers, **providers_tail;
	struct map providers_by_settings, providers_by_name;
	struct litellm_model *models, **models_tail;
	struct map models_by_name, models_by_id; /* by the id of a deployment */
	size_t model_count;
	/* Of all models and providers; negative: not given. */
	double timeout_s, stream_timeout_s, request_timeout_s, retry_after_s, cooldown_s;
	int64_t retries, allowed_fails;
	bool no_cooldowns;
	bool cache, cache_asked; /* answers are kept; only calls that ask for it get them */
	double cache_ttl_s;
	const char *strategy; /* ours; NULL: as without any */
	const struct yaml *strategy_node;
	struct str admin_key;
	bool verbose;
};

/* litellm_read.c. What became of the setting at a node: printf-like. The setting's name is `section`.`key of the node`, or the section alone. */
void litellm_note(struct litellm *it, enum litellm_note_kind kind, const struct yaml *node, const char *section, const char *format, ...) PRINTF_LIKE(5, 6);

/* Notes every key of the map that is none of `keys`, or has advice there. `skip_unknown`: unknown ones say nothing of how calls go, and are passed over. */
void litellm_keys(struct litellm *it, const struct yaml *map, const char *section, const struct litellm_key *keys, size_t count, bool skip_unknown);

/* The child of a map that says something: NULL when it is missing or empty. */
const struct yaml *litellm_child(const struct yaml *map, const char *key);

/* A scalar as a value of our YAML. ptr NULL: missing, not a scalar, or a reference that is none (which is noted). */
struct str litellm_text(struct litellm *it, const struct yaml *node, const char *section);

/* "${NAME}", with ":-otherwise" where that is not NULL; the name goes on the list. */
struct str litellm_reference(struct litellm *it, struct str name, const char *otherwise);

/* A number; negative when it is missing or none (which is noted). "20_000" counts as one. */
double litellm_number(struct litellm *it, const struct yaml *node, const char *section);
bool litellm_true(const struct yaml *node);

/* Whether a text can stand for a name of a model or provider here. */
bool litellm_name_ok(struct str name);

/* litellm_models.c: the model_list. */
void litellm_models_read(struct litellm *it);

/* litellm_providers.c: where a deployment's calls go: the provider, made or found, and the model's name there. NULL after a note. */
struct litellm_provider *litellm_provider_of(struct litellm *it, const struct yaml *params, const struct yaml *credential, unsigned api, struct str *model);

/* litellm_routes.c: the other sections. Those of all models first, then, once they are known, aliases and fallbacks. */
void litellm_settings_read(struct litellm *it);
void litellm_routes_read(struct litellm *it);

/* litellm_write.c */
struct str litellm_write(struct litellm *it, struct str source);
