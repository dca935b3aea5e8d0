/*
 * yaml_out.h - JSON from a server as YAML for people, which `corbel check` reads back.
 */
#pragma once

#include "base/buf.h"
#include "json/json.h"

/* Writes a value in block style, each line indented by `indent` blanks. Members of an object that are objects or lists stand below their key. */
void yaml_put(struct buf *out, const struct json *value, unsigned indent);

/* One scalar as it stands behind a key: quoted where it must be. */
void yaml_put_text(struct buf *out, struct str text);

/* The values of `list`'s members "configuration" as a list; a secret that is hidden becomes a reference to the environment that names it. */
void yaml_put_entries(struct buf *out, const struct json *list);
