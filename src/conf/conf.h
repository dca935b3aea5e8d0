/*
 * conf.h - the configuration: file, environment and flags, checked as a whole and then never changed.
 *
 * A configuration is a counted, immutable snapshot. A request takes one (conf_ref, or conf_watch_get in conf/watch.h) and keeps it to its end; a reload makes a new one.
 * Scalars are rows of base/setting.h that lie beside the code that uses them and are looked up by the row's address. A flag overrides the environment, which overrides
 * the file, which overrides the row's default. The lists (providers, models) and the section `embeddings` are plain structs in conf/models.h.
 */
#pragma once

#include "base/setting.h"
#include "conf/problem.h"

struct conf;

/* A value from the command line: --listen HOST:PORT is { "server.listen", HOST:PORT, "--listen" }. */
struct conf_flag {
	const char *setting;
	struct str value;
	const char *shown; /* as the person wrote it, for messages */
};

struct conf_spec {
	struct str path;                           /* of the file; empty: no file, defaults */
	const struct setting_table *const *tables; /* every row there is; ends with NULL; kept by the caller for good */
	const char *const *environment;            /* "NAME=value", ends with NULL */
	const struct conf_flag *flags;
	size_t flag_count;
};

/*
 * Reads and checks. Blocks on the file. *out is a snapshot held once by the caller, or NULL when anything at all is wrong: then `problems` has every mistake and the error
 * (ERR_INVALID, in the arena of the problems) is the first of them.
 */
const struct err *conf_load(const struct conf_spec *spec, struct problems *problems, struct conf **out);

/* As conf_load, with a text in place of the file; spec->path only names it in messages. */
const struct err *conf_parse(const struct conf_spec *spec, struct str text, struct problems *problems, struct conf **out);

struct entries;

/*
 * The configuration of a file with the entries of the store over it: one of the same kind and name stands in place of the file's, the others come behind. Settings and
 * embeddings are the file's. Checked whole, as a file is; as conf_load otherwise. Both are held by the new one.
 */
const struct err *conf_merge(const struct conf *file, const struct entries *entries, struct problems *problems, struct conf **out);

/* Counting changes nothing of what it says. */
struct conf *conf_ref(const struct conf *conf);
void conf_unref(struct conf *conf);

/*
 * What tells one configuration from another: the first 16 hex digits of the SHA-256 of the file's text, or "default" without a file; then "+" and the version of the entries of the
 * store, when there are any. Records name it.
 */
struct str conf_version(const struct conf *conf);

/* The value of a row of one of the tables. Text lives as long as the snapshot. */
struct str conf_str(const struct conf *conf, const struct setting *row);
bool conf_bool(const struct conf *conf, const struct setting *row);
double conf_float(const struct conf *conf, const struct setting *row);
/* INT as it is, BYTES, DURATION in microseconds, CHOICE as index. */
int64_t conf_int(const struct conf *conf, const struct setting *row);

enum conf_source { CONF_DEFAULT, CONF_FILE, CONF_ENVIRONMENT, CONF_FLAG };
enum conf_source conf_source(const struct conf *conf, const struct setting *row);

/*
 * For a reload: rows that are not reloadable keep the value they have in `running`. Returns how many differ; the names of the first `max` go to `changed`.
 */
size_t conf_keep_fixed(struct conf *next, const struct conf *running, const struct setting **changed, size_t max);
