/*
 * hash.c - see hash.h.
 *
 * The algorithm is fetched once: OpenSSL 3 looks it up by name on every one-shot call otherwise, which costs more than hashing a kilobyte.
 */
#include "crypto/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"

static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static pthread_key_t context_key; /* frees a thread's context */

/* OpenSSL fails here only without memory or without its own parts: nothing can go on then. */
static void
require(bool worked)
{
	if (worked)
		return;
	fputs("corbel: OpenSSL cannot compute SHA-256\n", stderr);
	abort();
}

static void
free_context(void *context)
{
	EVP_MD_CTX_free(context);
}

static void
fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	require(sha256 && pthread_key_create(&context_key, free_context) == 0);
}

/* One a thread, for texts that are at hand: making one takes as long as hashing a few hundred bytes. */
static EVP_MD_CTX *
context_of_thread(void)
{
	static _Thread_local EVP_MD_CTX *context;

	pthread_once(&sha256_once, fetch_sha256);
	if (!context) {
		context = EVP_MD_CTX_new();
		require(context && EVP_DigestInit_ex(context, sha256, NULL) == 1 && pthread_setspecific(context_key, context) == 0);
	} else {
		require(EVP_DigestInit_ex(context, NULL, NULL) == 1); /* the same algorithm anew */
	}
	return context;
}

void
hash_sha256(struct str data, unsigned char out[HASH_SHA256_SIZE])
{
	EVP_MD_CTX *context = context_of_thread();

	require(EVP_DigestUpdate(context, data.ptr, data.len) == 1 && EVP_DigestFinal_ex(context, out, NULL) == 1);
}

void
hash_sha256_hex(struct str data, char out[HASH_SHA256_HEX])
{
	unsigned char hash[HASH_SHA256_SIZE];

	hash_sha256(data, hash);
	hex_encode(hash, sizeof(hash), out);
}

void
hash_hmac_sha256(struct str key, struct str data, unsigned char out[HASH_SHA256_SIZE])
{
	pthread_once(&sha256_once, fetch_sha256);
	require(HMAC(sha256, key.len ? key.ptr : "", (int)key.len, (const unsigned char *)data.ptr, data.len, out, NULL) != NULL);
}

/* A struct hash is OpenSSL's context under another name. */
static EVP_MD_CTX *
context_of(struct hash *hash)
{
	return (EVP_MD_CTX *)(void *)hash;
}

struct hash *
hash_begin(void)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	pthread_once(&sha256_once, fetch_sha256);
	require(context && EVP_DigestInit_ex(context, sha256, NULL) == 1);
	return (struct hash *)(void *)context;
}

void
hash_add(struct hash *hash, struct str data)
{
	require(EVP_DigestUpdate(context_of(hash), data.ptr, data.len) == 1);
}

void
hash_end(struct hash *hash, unsigned char out[HASH_SHA256_SIZE])
{
	if (out)
		require(EVP_DigestFinal_ex(context_of(hash), out, NULL) == 1);
	EVP_MD_CTX_free(context_of(hash));
}
