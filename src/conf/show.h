/*
 * show.h - a configuration as JSON, for the API: what is in force, and where each entry of it came from. Without secrets (see entry.h).
 */
#pragma once

#include "conf/conf.h"
#include "conf/entry.h"

struct json_out;

/* {"object", "name", "origin": "file" | "store" | "default", "replaces_file", "changed_in", "configuration": {members as in the file}}. False: there is no such entry. */
bool conf_show_entry(struct json_out *out, const struct conf *conf, enum entry_kind kind, struct str name);

/* Those behind `after` (empty: from the first), in their order, at most `limit`, into an array that is open. True: there are more. */
bool conf_show_list(struct json_out *out, const struct conf *conf, enum entry_kind kind, struct str after, size_t limit);

/* The section embeddings as the file has it; an empty object without one. */
void conf_show_embeddings(struct json_out *out, const struct conf *conf);

/* An entry of the store by itself, as one of its versions put it there. */
void conf_show_stored(struct json_out *out, const struct entry *entry);

/* When the store last changed this entry; 0: it is not in the store. */
int64_t conf_entry_version(const struct conf *conf, enum entry_kind kind, struct str name);
