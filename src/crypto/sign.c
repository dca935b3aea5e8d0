/*
 * sign.c - see sign.h.
 */
#include "crypto/sign.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum { PEM_MAX = 64 * 1024, BITS_MIN = 2048, BITS_MAX = 16384 };

/* Nobody is asked for a passphrase. */
static int
no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out, (void)size, (void)writing, (void)arg;
	return -1;
}

static EVP_PKEY *
read_key(struct str pem)
{
	BIO *bio = pem.len > 0 && pem.len <= PEM_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	BIO_free(bio);
	if (key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= BITS_MIN && EVP_PKEY_get_bits(key) <= BITS_MAX)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

bool
sign_key_ok(struct str pem)
{
	EVP_PKEY *key = read_key(pem);

	EVP_PKEY_free(key);
	return key != NULL;
}

bool
sign_rs256(struct str pem, struct str data, struct buf *out)
{
	EVP_PKEY *key = read_key(pem);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char signature[BITS_MAX / 8];
	size_t size = sizeof(signature);
	bool made = key && context && EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
		EVP_DigestSign(context, signature, &size, (const unsigned char *)data.ptr, data.len) == 1;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	if (made)
		buf_add(out, str_n((const char *)signature, size));
	return made;
}
