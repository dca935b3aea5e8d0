/*
 * config.h - what the commands on the configuration share: files as JSON, and a change sent with its reason.
 */
#pragma once

#include "cli/client.h"

#define REASON_OPTIONS                                                                                              \
	{ "reason", 0, "TEXT", "Why: goes on record with the change." },                                            \
	{ "if-version", 0, "N", "Only if what is to change has not changed since this version." }

/* The file (- for standard input), YAML or JSON, as JSON text; ptr NULL: has told what is wrong. Scalars become texts, which the server reads as their types. */
struct str config_file_json(struct args *args, struct str path);

/* As client_send, with the options above. `since`: the version to name in If-Match when no option does; 0: none. */
MAY_PARK const struct json *config_send(
	struct client *client, struct args *args, enum http_method method, struct str path, struct str body, int64_t since, int *exit_code);
