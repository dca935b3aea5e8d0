/*
 * hash.h - SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104), by OpenSSL.
 */
#pragma once

#include "base/str.h"

enum { HASH_SHA256_SIZE = 32, HASH_SHA256_HEX = 64 };

void hash_sha256(struct str data, unsigned char out[HASH_SHA256_SIZE]);
void hash_hmac_sha256(struct str key, struct str data, unsigned char out[HASH_SHA256_SIZE]);

/* As lower-case hex digits, without a terminator. */
void hash_sha256_hex(struct str data, char out[HASH_SHA256_HEX]);

/* Piece by piece. hash_end frees it, and writes the result unless `out` is NULL. */
struct hash;
struct hash *hash_begin(void);
void hash_add(struct hash *hash, struct str data);
void hash_end(struct hash *hash, unsigned char out[HASH_SHA256_SIZE]);
