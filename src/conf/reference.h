/*
 * reference.h - the reference page of the configuration, made from the rows and tables themselves.
 */
#pragma once

#include "base/buf.h"
#include "base/setting.h"

/* Writes docs/configuration.md. */
void reference_write(struct buf *out, const struct setting_table *const *tables);
