/*
 * record_known.h - bodies that are known to be in the store, as used on a day: a conversation says the same system prompt and the same earlier turns with each call, and what is there
 * need not be written again.
 *
 * Only for SQLite, where what this process saw committed is committed; a PostgreSQL may fail over to a copy that lacks it. Only for the day that is, whose bodies retention leaves alone
 * (its bound is an hour or more ago). Each thread has a table of its own, of a fixed size; what is not found in it is written, which is always right.
 */
#pragma once

#include "store/store.h"

/* `hash`: the body's SHA-256; `day`: since 1970. */
bool body_is_known(const struct store *store, int64_t tenant, int64_t day, const char hash[32]);

/* After the commit that wrote it. */
void body_known_add(const struct store *store, int64_t tenant, int64_t day, const char hash[32]);
