/*
 * schemas.h - what every room keeps in the database.
 */
#pragma once

#include "store/store.h"

/* Ends with NULL. */
extern const struct store_schema *const store_schemas[];
