/*
 * routing_read.h - within the room: what the files that read providers, models and routes share.
 */
#pragma once

#include "conf/reader.h"

struct conf_provider;

extern const struct field_table breaker_table, retry_table, fallback_table, arm_table, shadow_table, price_table;

/* In caching.c. */
extern const struct field_table cache_table, semantic_table;
void cache_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
void caches_finish(struct reader *reader, const struct yaml *list);

/* Fields' readers; `object` is the struct conf_provider, conf_target or conf_model. */
void breaker_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
void target_on_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
void retry_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
void fallbacks_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
void split_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
void shadow_read(struct reader *reader, const struct yaml *node, struct str path, void *object);

/* In target_read.c: a provider by its name, or NULL after a problem; a price. */
const struct conf_provider *provider_read(struct reader *reader, const struct yaml *node, struct str path);
struct conf_price;
void price_table_read(struct reader *reader, const struct yaml *node, struct str path, struct conf_price *price);

/* Defaults of what was not given. */
struct conf_model;
struct conf_provider;
void route_defaults(struct conf_model *model);
void provider_route_defaults(struct conf_provider *provider);

/* Once all models are known: names become pointers, and what cannot work is a problem. `list` is the node of the models. */
void routes_finish(struct reader *reader, const struct yaml *list);

/* In providers_read.c. What providers and models may be named, and what may stand in a header. */
#define CONF_NAME_WANTS "a name of letters, digits and . _ - / : @ +, beginning with a letter or a digit"
extern const struct field_table provider_table;
bool conf_name_ok(struct str text);
bool conf_header_value_ok(struct str text);

/* Completes the providers of a list and finds those that stand twice. */
void providers_finish(struct reader *reader, const struct yaml *list);
