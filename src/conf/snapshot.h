/*
 * snapshot.h - within the room: what a configuration consists of.
 */
#pragma once

#include "base/map.h"
#include "base/snapshot.h"
#include "conf/conf.h"
#include "conf/entry.h"
#include "conf/models.h"
#include "conf/value.h"
#include "conf/webhooks.h"

struct reader;
struct yaml;

/* The value of one row, and where it came from. */
struct conf_cell {
	struct setting_value value;
	enum conf_source source;
};

struct conf {
	struct snapshot base;
	struct arena *arena; /* everything below, and the snapshot itself */
	const struct setting_table *const *tables;
	struct conf_cell **cells; /* a row of cells for each table */
	struct conf_provider *providers;
	size_t provider_count;
	struct conf_model *models;
	size_t model_count;
	struct map models_by_name; /* on the heap */
	struct conf_embeddings embeddings;
	struct conf_webhook *webhooks;
	size_t webhook_count;
	struct str version;

	/* Where it came from, for messages and for another one made of it. */
	struct str source;                    /* the file's name */
	const char *const *environment;
	const struct yaml *root;              /* of the file; NULL: no file, or an empty one */
	const struct yaml *lists[ENTRY_KINDS]; /* the entries in force, in the order of `providers` and `models`; NULL: none */
	struct map providers_by_name;         /* on the heap */

	/* Of one that conf_merge made; held. */
	struct conf *file;
	struct entries *entries;
};

/* The tables of a provider and of a model, and that of the section embeddings. */
struct field_table;
extern const struct field_table *const entry_tables[ENTRY_KINDS];
extern const struct field_table *const embeddings_section;

/* The list of one kind: that of the file (NULL: none) with the store's entries in the places of the same names, then the others. */
const struct yaml *entries_over(struct reader *reader, const struct yaml *of_file, enum entry_kind kind);

/* The lists from the root of the file, or what holds without a file (NULL). */
void models_read(struct reader *reader, const struct yaml *root);

/* True for a key of the root that models_read takes care of. */
bool models_key(struct str key);

/* Offers those keys as meant. */
struct nearest;
void models_offer(struct nearest *nearest);
