/*
 * entry_show.h - within the room: an entry or a section as JSON, for people and for writing it again. Secrets are not in it.
 */
#pragma once

#include "conf/entry.h"

struct field_table;
struct json_out;

/* What was given, by the types of the table; no defaults. A secret is "(hidden)" unless it is a reference to the environment. */
void entry_show(struct json_out *out, const struct field_table *table, const struct yaml *tree);
