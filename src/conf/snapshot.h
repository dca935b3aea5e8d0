/*
 * snapshot.h - within the room: what a configuration consists of.
 */
#pragma once

#include "base/map.h"
#include "base/snapshot.h"
#include "conf/conf.h"
#include "conf/models.h"
#include "conf/value.h"

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
	struct str version;
};

/* The lists from the root of the file, or what holds without a file (NULL). */
void models_read(struct reader *reader, const struct yaml *root);

/* True for a key of the root that models_read takes care of. */
bool models_key(struct str key);

/* Offers those keys as meant. */
struct nearest;
void models_offer(struct nearest *nearest);
