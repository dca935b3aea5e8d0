/*
 * seal.h - secrets that lie where others can read: sealed with a key that lies elsewhere (AES-256-GCM, NIST SP 800-38D, by OpenSSL).
 *
 * Every seal has a key of its own, drawn from the master key and 16 random bytes, so that its random nonce never has to be the only thing that differs.
 */
#pragma once

#include "base/buf.h"

enum { SEAL_KEY_SIZE = 32, SEAL_ID_LEN = 8, SEAL_MAX = 256 * 1024 };

/* A master key. `id` tells it from others and says nothing of it. */
struct seal_key {
	unsigned char bytes[SEAL_KEY_SIZE];
	char id[SEAL_ID_LEN];
};

/* The key that a text stands for; the text is random and has at least 32 characters. */
void seal_key_of(struct str text, struct seal_key *out);

/*
 * Appends the sealed text: letters, digits and dots. `about` says what it is for; it opens for nothing else. False: over SEAL_MAX, or the buffer has failed.
 */
bool seal(const struct seal_key *key, struct str about, struct str text, struct buf *out);

/* Appends what was sealed. False: by another key, about something else, or changed since. */
bool seal_open(const struct seal_key *key, struct str about, struct str sealed, struct buf *out);

/* The id of the key it was sealed with; empty: it is no sealed text. */
struct str seal_id(struct str sealed);
