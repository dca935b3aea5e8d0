/*
 * secret.h - what a key looks like: "cb_", 43 letters and digits drawn at random (256 bits), and 6 that are a checksum of what stands before.
 *
 * The checksum tells a mistyped key from a revoked one, and lets scanners of leaked secrets recognise a key without asking.
 */
#pragma once

#include "base/str.h"

enum { SECRET_LEN = 3 + 43 + 6, SECRET_PREFIX_LEN = 10, SECRET_HASH_LEN = 32 };

/* Writes SECRET_LEN characters, without a terminator. */
void secret_new(char out[SECRET_LEN]);

/* True when it has the form and the right checksum. */
bool secret_well_formed(struct str secret);

/* What is stored: the SHA-256 of the whole secret. */
void secret_hash(struct str secret, unsigned char out[SECRET_HASH_LEN]);
