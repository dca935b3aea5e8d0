/*
 * yaml.h - a YAML text as a small tree in an arena, every node with its place in the file. Entries that are kept in the store (entry.h) have trees of the same kind, made from JSON.
 *
 * What a configuration needs: one document of maps, lists and scalars, with anchors, aliases and merge keys; tags are refused. Bounded, aliases as if they were written out: 1 MiB of text,
 * 16 levels, 200,000 nodes, 1,000 keys a map.
 */
#pragma once

#include "base/arena.h"
#include "conf/problem.h"

enum { YAML_BYTES_MAX = 1024 * 1024, YAML_DEPTH_MAX = 16, YAML_NODES_MAX = 200000, YAML_KEYS_MAX = 1000 };

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml {
	enum yaml_kind kind;
	unsigned line, column; /* from 1; 0: not from a file */
	const struct str *entry; /* not from a file: what the tree is, for messages ("model gpt-x"); it lives as long as the tree */
	struct str text;       /* YAML_SCALAR: without quotes and escapes */
	bool root;             /* the whole of an entry */
	bool empty;            /* a scalar that is not there: "key:" with nothing behind it, "~" or "null" */
	struct str key;        /* in a map: the name before the colon */
	unsigned key_line, key_column;
	struct yaml *first; /* children of a list or a map */
	struct yaml *next;  /* sibling */
};

/*
 * Parses `text` (of `source`, for messages) into the arena. *out is NULL for a text without a document, and after a problem, which is in `problems` then.
 */
void yaml_parse(struct arena *arena, struct str source, struct str text, struct problems *problems, struct yaml **out);

/* The child of a map by its key, or NULL. */
const struct yaml *yaml_child(const struct yaml *map, struct str key);

/* "a map", "a list", "nothing", "\"text\"" (cut): what was found, for messages. */
struct str yaml_found(struct arena *arena, const struct yaml *node);
