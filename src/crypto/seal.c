/*
 * seal.c - see seal.h. A sealed text is "v1.ID.HEX", HEX being salt, nonce, text and tag.
 */
#include "crypto/seal.h"

#include "base/random.h"
#include "crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { SALT = 16, NONCE = 12, TAG = 16, PREFIX = 3 + SEAL_ID_LEN + 1 };

void
seal_key_of(struct str text, struct seal_key *out)
{
	unsigned char id[HASH_SHA256_SIZE];

	hash_hmac_sha256(text, STR("corbel master key 1"), out->bytes);
	hash_hmac_sha256(str_n((const char *)out->bytes, SEAL_KEY_SIZE), STR("corbel master key id"), id);
	hex_encode(id, SEAL_ID_LEN / 2, out->id);
}

static void
own_key(const struct seal_key *key, const unsigned char salt[SALT], unsigned char out[HASH_SHA256_SIZE])
{
	unsigned char label[11 + SALT] = "corbel seal";

	memcpy(label + 11, salt, SALT);
	hash_hmac_sha256(str_n((const char *)key->bytes, SEAL_KEY_SIZE), str_n((const char *)label, sizeof(label)), out);
}

static void
add_hex(struct buf *out, const void *bytes, size_t size)
{
	char *room = buf_reserve(out, 2 * size);

	if (!room)
		return;
	hex_encode(bytes, size, room);
	out->len += 2 * size;
}

/* The cipher's work; `work` has the text, and gets its other form. */
static bool
encrypt(const unsigned char *key, const unsigned char *nonce, struct str about, struct str text, unsigned char *work, unsigned char tag[TAG])
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int len = 0;
	bool done = context && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
		EVP_EncryptUpdate(context, NULL, &len, (const unsigned char *)about.ptr, (int)about.len) == 1 &&
		EVP_EncryptUpdate(context, work, &len, (const unsigned char *)text.ptr, (int)text.len) == 1 && EVP_EncryptFinal_ex(context, work + len, &len) == 1 &&
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1;

	EVP_CIPHER_CTX_free(context);
	return done;
}

static bool
decrypt(const unsigned char *key, const unsigned char *nonce, struct str about, const unsigned char *text, size_t size, unsigned char *work, unsigned char *tag)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int len = 0;
	bool done = context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
		EVP_DecryptUpdate(context, NULL, &len, (const unsigned char *)about.ptr, (int)about.len) == 1 &&
		EVP_DecryptUpdate(context, work, &len, text, (int)size) == 1 && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
		EVP_DecryptFinal_ex(context, work + len, &len) == 1;

	EVP_CIPHER_CTX_free(context);
	return done;
}

bool
seal(const struct seal_key *key, struct str about, struct str text, struct buf *out)
{
	unsigned char fresh[SALT + NONCE], tag[TAG], own[HASH_SHA256_SIZE];
	size_t before = out->len;
	struct buf work;
	char *room;
	bool done;

	if (text.len > SEAL_MAX)
		return false;
	buf_init(&work, NULL, SEAL_MAX + 1);
	room = buf_reserve(&work, text.len + 1);
	random_bytes(fresh, sizeof(fresh));
	own_key(key, fresh, own);
	done = room && encrypt(own, fresh + SALT, about, text, (unsigned char *)room, tag);
	if (done) {
		buf_printf(out, "v1.%.*s.", SEAL_ID_LEN, key->id);
		add_hex(out, fresh, sizeof(fresh));
		add_hex(out, room, text.len);
		add_hex(out, tag, sizeof(tag));
	}
	OPENSSL_cleanse(own, sizeof(own));
	buf_fini(&work); /* has nothing but what was sealed */
	if (out->failed)
		out->len = before;
	return done && !out->failed;
}

struct str
seal_id(struct str sealed)
{
	if (sealed.len < PREFIX || !str_starts(sealed, STR("v1.")) || sealed.ptr[PREFIX - 1] != '.')
		return STR_EMPTY;
	return str_n(sealed.ptr + 3, SEAL_ID_LEN);
}

bool
seal_open(const struct seal_key *key, struct str about, struct str sealed, struct buf *out)
{
	struct str hex = str_slice(sealed, PREFIX, sealed.len);
	unsigned char own[HASH_SHA256_SIZE], *bytes;
	size_t size = hex.len / 2;
	struct buf work;
	char *room;
	bool done;

	if (!str_eq(seal_id(sealed), str_n(key->id, SEAL_ID_LEN)) || hex.len % 2 || size < SALT + NONCE + TAG || size > SEAL_MAX + SALT + NONCE + TAG)
		return false;
	buf_init(&work, NULL, SEAL_MAX + SALT + NONCE + TAG + 1);
	bytes = (unsigned char *)buf_reserve(&work, size);
	done = bytes && hex_decode(hex, bytes);
	size -= SALT + NONCE + TAG;
	room = done ? buf_reserve(out, size + 1) : NULL;
	if (done)
		own_key(key, bytes, own);
	done = room && decrypt(own, bytes + SALT, about, bytes + SALT + NONCE, size, (unsigned char *)room, bytes + SALT + NONCE + size);
	OPENSSL_cleanse(own, sizeof(own));
	if (done)
		out->len += size;
	else if (room)
		OPENSSL_cleanse(room, size); /* deciphered, and not to be believed */
	buf_fini(&work);
	return done;
}
