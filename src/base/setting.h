/*
 * setting.h - one setting is one row: name, type, default, bounds, whether a reload may change it, help. The configuration file, the
 * environment, `corbel check` and the reference page all read the same rows.
 */
#pragma once

#include "base/str.h"

enum setting_type {
	SETTING_STRING,
	SETTING_BOOL,
	SETTING_INT,      /* int64_t */
	SETTING_FLOAT,    /* double */
	SETTING_BYTES,    /* int64_t; "64KiB", "8MiB", "1GiB", or bytes */
	SETTING_DURATION, /* int64_t microseconds; "250ms", "60s", "5m", "1h", "30d" */
	SETTING_CHOICE,   /* int64_t: index into choices */
};

struct setting {
	const char *name;           /* dotted path in the file: "server.request_timeout" */
	enum setting_type type;
	const char *initial;        /* the default, as it would be written in the file */
	const char *min, *max;      /* bounds, written likewise (of SETTING_STRING: its length in bytes); NULL: none */
	const char *const *choices; /* SETTING_CHOICE: ends with NULL */
	const char *env;            /* environment variable that overrides the file, or NULL */
	bool reloadable;
	bool secret;                /* never shown */
	const char *help;           /* one sentence */
	bool (*check)(struct str text); /* SETTING_STRING: what a value must be beside its bounds; NULL: nothing. Not asked about the default */
	const char *wants;          /* what check lets pass, for messages: "a URL that begins with …" */
};

/* The rows of one module, where it keeps them; the program's list of all is in src/cli/settings.c. */
struct setting_table {
	const struct setting *rows;
	size_t count;
};

#define SETTING_TABLE(rows_) { .rows = rows_, .count = COUNT(rows_) }
