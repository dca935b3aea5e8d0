/*
 * reference.h - the reference page of the configuration, and the schemas of what the API takes of it, made from the rows and tables themselves.
 */
#pragma once

#include "base/buf.h"
#include "base/setting.h"
#include "json/json.h"

/* Writes docs/configuration.md. */
void reference_write(struct buf *out, const struct setting_table *const *tables);

/*
 * Sets a JSON Schema for each list and map of the configuration as a member of the object that is being written: "ProviderSettings", "ModelSettings", "TargetSettings", … They refer to each other as components of an
 * OpenAPI document. `name` is not required in them: where an address names the entry, the body need not.
 */
void reference_schemas(struct json_out *out);
