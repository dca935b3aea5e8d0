/*
 * secret.c - making and recognising keys. See secret.h.
 */
#include "access/secret.h"

#include "base/random.h"
#include "crypto/hash.h"

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum { BASE = 62, BODY_END = SECRET_LEN - 6 };

/* Every character is equally likely: bytes above the last whole multiple of 62 are drawn again. */
static char
random_character(void)
{
	unsigned char byte;

	do
		random_bytes(&byte, 1);
	while (byte >= 256 / BASE * BASE);
	return alphabet[byte % BASE];
}

static void
checksum(const char *secret, char out[6])
{
	unsigned char hash[SECRET_HASH_LEN];
	uint64_t number = 0;

	secret_hash(str_n(secret, BODY_END), hash);
	for (int i = 0; i < 8; i++)
		number = number << 8 | hash[i];
	for (int i = 0; i < 6; i++, number /= BASE)
		out[i] = alphabet[number % BASE];
}

void
secret_new(char out[SECRET_LEN])
{
	memcpy(out, "cb_", 3);
	for (size_t i = 3; i < BODY_END; i++)
		out[i] = random_character();
	checksum(out, out + BODY_END);
}

bool
secret_well_formed(struct str secret)
{
	char expected[6];

	if (secret.len != SECRET_LEN || !str_starts(secret, STR("cb_")))
		return false;
	checksum(secret.ptr, expected);
	return memcmp(secret.ptr + BODY_END, expected, sizeof(expected)) == 0;
}

void
secret_hash(struct str secret, unsigned char out[SECRET_HASH_LEN])
{
	hash_sha256(secret, out);
}
