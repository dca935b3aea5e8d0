/*
 * random.h - bytes from the kernel, and identifiers made of time and such bytes.
 */
#pragma once

#include "base/str.h"

/* Fills `out` from the kernel's generator; fit for secrets. */
void random_bytes(void *out, size_t size);
uint64_t random_u64(void);

/*
 * A 128-bit identifier that sorts by time (RFC 9562, UUIDv7: 48 bits of milliseconds, version, 12 bits that count within the millisecond of this
 * thread, variant, 62 random bits), as 32 hex digits. Usable as a W3C trace id.
 */
#define ID_LEN 32
struct id {
	char hex[ID_LEN + 1]; /* zero-terminated */
};
struct id id_new(void);

static inline struct str
id_str(const struct id *id)
{
	return str_n(id->hex, ID_LEN);
}

/* Writes 2 * size lower-case hex digits to `out`, without a terminator. */
void hex_encode(const void *bytes, size_t size, char *out);

/* s.len / 2 bytes to `out`; false when s is not hex digits in pairs. */
bool hex_decode(struct str s, void *out);
