/*
 * reader.h - within the room: reading YAML nodes into typed values and structs by tables of fields, with every mistake noted.
 */
#pragma once

#include "base/setting.h"
#include "conf/nearest.h"
#include "conf/value.h"
#include "conf/yaml.h"

struct conf;

struct reader {
	struct arena *arena; /* of the snapshot that is being made */
	struct problems *problems;
	struct str source; /* the file, for messages */
	const char *const *environment;
	struct conf *conf; /* the snapshot so far */
};

/*
 * One field of a struct that is read from a map. A scalar's row has its type, default and bounds, and its member is struct str (STRING), bool, double (FLOAT), an enum
 * (CHOICE) or int64_t; any other value has a `read` function.
 */
struct field {
	struct setting row; /* name: of the field alone. initial NULL: must be given */
	size_t offset;      /* of the member, for a scalar */
	void (*read)(struct reader *reader, const struct yaml *node, struct str path, void *object); /* NULL: a scalar */
	const char *shape; /* of a field with `read`: "a list of targets", for people */
	const struct field_table *table; /* of the map, or of the maps of the list, that it is; NULL: texts */
};

struct field_table {
	const char *title; /* "providers" */
	const char *help;
	const struct field *fields;
	size_t count;
};

/* Everything the lists consist of, for the reference page; ends with NULL. */
extern const struct field_table *const field_tables[];

/* A problem at the node: "path: text". */
void reader_problem(struct reader *reader, const struct yaml *node, struct str path, const char *format, ...) PRINTF_LIKE(4, 5);

/* False after a problem: "path: expected a map, found ...". */
bool reader_expect(struct reader *reader, const struct yaml *node, enum yaml_kind kind, const char *wanted, struct str path);

/* The scalar with its references expanded, as the row wants it. False after a problem. */
bool reader_scalar(struct reader *reader, const struct yaml *node, const struct setting *row, struct str path, struct setting_value *out);

/* Gives every scalar of `object` that has a default that default. */
void reader_defaults(const struct field_table *table, void *object);

/* All fields of a map into `object` (zeroed): defaults first, then what is there; unknown and missing ones are problems. */
void reader_fields(struct reader *reader, const struct yaml *node, const struct field_table *table, struct str path, void *object);

/* The key of `node` is none of the known ones: a problem that names the nearest of those offered. */
void reader_unknown(struct reader *reader, const struct yaml *node, struct str path, const struct nearest *nearest);

/* The children of a list, read into an array of objects of `size` bytes by `table`; NULL and 0 after a problem with the list itself. */
void *reader_list(
	struct reader *reader, const struct yaml *node, const struct field_table *table, struct str path, size_t size, size_t *count);

/* "path.key", or "key" when the path is empty. */
struct str reader_path(struct reader *reader, struct str path, struct str key);
