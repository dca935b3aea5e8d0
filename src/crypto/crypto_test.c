/*
 * crypto_test.c - hashes against published vectors, and our TLS server against OpenSSL's client, with a certificate made on the spot.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/random.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "crypto/tls.h"

static struct arena *arena;
static char folder[] = "/tmp/corbel-crypto-XXXXXX";
static char cert_path[64], key_path[64], other_key_path[64];

static EVP_PKEY *
write_key(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	return key;
}

static void
write_certificate(const char *path, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	FILE *file = fopen(path, "w");

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, cert), 1);
	fclose(file);
	X509_free(cert);
}

static int
make_files(void **state)
{
	EVP_PKEY *key;

	(void)state;
	arena = arena_new(MIB(1));
	assert_non_null(mkdtemp(folder));
	snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", folder);
	snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
	snprintf(other_key_path, sizeof(other_key_path), "%s/other.pem", folder);
	key = write_key(key_path);
	write_certificate(cert_path, key);
	EVP_PKEY_free(key);
	EVP_PKEY_free(write_key(other_key_path));
	return 0;
}

static int
remove_files(void **state)
{
	(void)state;
	unlink(cert_path);
	unlink(key_path);
	unlink(other_key_path);
	rmdir(folder);
	arena_free(arena);
	return 0;
}

static void
assert_hex(const unsigned char *hash, const char *expected)
{
	char hex[HASH_SHA256_HEX];

	hex_encode(hash, HASH_SHA256_SIZE, hex);
	assert_memory_equal(hex, expected, sizeof(hex));
}

static void
sha256_gives_the_published_vectors(void **state)
{
	unsigned char out[HASH_SHA256_SIZE];

	(void)state;
	hash_sha256(STR_EMPTY, out);
	assert_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	hash_sha256(STR("abc"), out);
	assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
hashing_in_pieces_is_hashing_the_whole(void **state)
{
	struct hash *hash = hash_begin();
	unsigned char out[HASH_SHA256_SIZE];

	(void)state;
	hash_add(hash, STR("a"));
	hash_add(hash, STR_EMPTY);
	hash_add(hash, STR("bc"));
	hash_end(hash, out);
	assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231, test cases 2 and 6 (a key longer than a block). */
static void
hmac_gives_the_published_vectors(void **state)
{
	unsigned char out[HASH_SHA256_SIZE];
	char key[131];

	(void)state;
	hash_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), out);
	assert_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	hash_hmac_sha256(str_n(key, sizeof(key)), STR("Test Using Larger Than Block-Size Key - Hash Key First"), out);
	assert_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* Our session and OpenSSL's client, joined by hand. */
struct pair {
	struct tls_server *server;
	struct tls_session *session;
	SSL_CTX *client_context;
	SSL *client;
	size_t step; /* bytes moved at once */
};

static void
pair_open(struct pair *pair, int version, size_t step)
{
	assert_null(tls_server_new(arena, cert_path, key_path, &pair->server));
	pair->session = tls_session_new(pair->server);
	pair->client_context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(pair->client_context, version);
	SSL_CTX_set_max_proto_version(pair->client_context, version);
	pair->client = SSL_new(pair->client_context);
	SSL_set_bio(pair->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	BIO_set_mem_eof_return(SSL_get_rbio(pair->client), -1);
	SSL_set_connect_state(pair->client);
	pair->step = step;
}

static void
pair_close(struct pair *pair)
{
	tls_session_free(pair->session);
	tls_server_free(pair->server);
	SSL_free(pair->client);
	SSL_CTX_free(pair->client_context);
}

static bool
move_to_server(struct pair *pair)
{
	char bytes[4096];
	int n = BIO_read(SSL_get_wbio(pair->client), bytes, (int)pair->step);

	if (n > 0)
		tls_feed(pair->session, str_n(bytes, (size_t)n));
	return n > 0;
}

static bool
move_to_client(struct pair *pair)
{
	struct str bytes = str_slice(tls_pending(pair->session), 0, pair->step);

	if (bytes.len == 0)
		return false;
	assert_int_equal(BIO_write(SSL_get_rbio(pair->client), bytes.ptr, (int)bytes.len), bytes.len);
	tls_sent(pair->session, bytes.len);
	return true;
}

static enum tls_result
handshake(struct pair *pair)
{
	enum tls_result result = TLS_WANTS_MORE;
	char byte;
	size_t len;
	bool moved = true;

	while (moved && result == TLS_WANTS_MORE) {
		SSL_do_handshake(pair->client);
		moved = move_to_server(pair);
		result = tls_read(pair->session, &byte, 1, &len);
		moved |= move_to_client(pair);
	}
	return result;
}

static void
talk(int version, size_t step)
{
	static char big[100000], got[sizeof(big) + 1];
	char bytes[16];
	struct pair pair;
	size_t len, total = 0;

	pair_open(&pair, version, step);
	assert_int_equal(handshake(&pair), TLS_WANTS_MORE);
	assert_true(tls_established(pair.session));
	assert_int_equal(SSL_write(pair.client, "hello", 5), 5);
	while (move_to_server(&pair))
		;
	assert_int_equal(tls_read(pair.session, bytes, sizeof(bytes), &len), TLS_DATA);
	assert_true(str_eq_c(str_n(bytes, len), "hello"));
	memset(big, 'x', sizeof(big));
	assert_true(tls_write(pair.session, str_n(big, sizeof(big))));
	tls_end(pair.session);
	while (move_to_client(&pair))
		;
	for (int n; (n = SSL_read(pair.client, got + total, (int)(sizeof(got) - total))) > 0;)
		total += (size_t)n;
	assert_int_equal(total, sizeof(big));
	assert_memory_equal(big, got, total);
	assert_int_equal(SSL_get_shutdown(pair.client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
	SSL_shutdown(pair.client);
	while (move_to_server(&pair))
		;
	assert_int_equal(tls_read(pair.session, bytes, sizeof(bytes), &len), TLS_CLOSED);
	pair_close(&pair);
}

static void
a_client_is_served_whatever_the_size_of_the_pieces(void **state)
{
	(void)state;
	talk(TLS1_2_VERSION, 4096);
	talk(TLS1_3_VERSION, 4096);
	talk(TLS1_2_VERSION, 7);
	talk(TLS1_3_VERSION, 7);
}

static void
an_old_protocol_is_refused_with_an_alert(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair, TLS1_1_VERSION, 4096);
	SSL_set_security_level(pair.client, 0);
	SSL_set_cipher_list(pair.client, "ALL:@SECLEVEL=0");
	assert_int_equal(handshake(&pair), TLS_FAILED);
	assert_false(tls_established(pair.session));
	assert_true(strlen(tls_reason(pair.session)) > 0);
	pair_close(&pair);
}

static void
plain_http_is_refused(void **state)
{
	struct pair pair;
	char byte;
	size_t len;

	(void)state;
	pair_open(&pair, TLS1_3_VERSION, 4096);
	tls_feed(pair.session, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_int_equal(tls_read(pair.session, &byte, 1, &len), TLS_FAILED);
	assert_int_equal(tls_read(pair.session, &byte, 1, &len), TLS_FAILED);
	pair_close(&pair);
}

static void
wrong_files_are_named(void **state)
{
	struct tls_server *server;
	const struct err *err = tls_server_new(arena, "/nowhere/cert.pem", key_path, &server);

	(void)state;
	assert_non_null(err);
	assert_null(server);
	assert_true(str_find(err->message, STR("/nowhere/cert.pem"), 0) != SIZE_MAX);
	err = tls_server_new(arena, cert_path, other_key_path, &server);
	assert_non_null(err);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_null(server);
}

static void
a_failed_reload_changes_nothing_and_a_good_one_keeps_old_sessions(void **state)
{
	struct pair pair;
	char moved[sizeof(cert_path) + 1];

	(void)state;
	pair_open(&pair, TLS1_3_VERSION, 4096);
	snprintf(moved, sizeof(moved), "%s2", cert_path);
	assert_int_equal(rename(cert_path, moved), 0);
	assert_non_null(tls_server_reload(arena, pair.server));
	assert_int_equal(rename(moved, cert_path), 0);
	assert_null(tls_server_reload(arena, pair.server));
	assert_int_equal(handshake(&pair), TLS_WANTS_MORE);
	assert_true(tls_established(pair.session));
	pair_close(&pair);
}

/* The PEM text of a key, into the arena. */
static struct str
pem_of(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;
	struct str pem;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &text);
	pem = arena_dup(arena, str_n(text, (size_t)len));
	BIO_free(bio);
	return pem;
}

static void
rs256_signatures_are_those_that_the_public_key_confirms(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct str pem = pem_of(key), data = STR("header.claims");
	struct buf signature;

	(void)state;
	buf_init(&signature, arena, KIB(4));
	assert_true(sign_key_ok(pem));
	assert_true(sign_rs256(pem, data, &signature));
	assert_int_equal(signature.len, 256);
	assert_int_equal(EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL), 1);
	assert_int_equal(EVP_DigestVerify(context, (unsigned char *)signature.ptr, signature.len, (const unsigned char *)data.ptr, data.len), 1);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
}

static void
other_keys_do_not_sign(void **state)
{
	EVP_PKEY *curve = EVP_EC_gen("P-256"), *weak = EVP_RSA_gen(1024);
	struct buf signature;

	(void)state;
	buf_init(&signature, arena, KIB(4));
	assert_false(sign_key_ok(STR("")));
	assert_false(sign_key_ok(STR("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")));
	assert_false(sign_rs256(pem_of(curve), STR("data"), &signature));
	assert_false(sign_rs256(pem_of(weak), STR("data"), &signature));
	EVP_PKEY_free(curve);
	EVP_PKEY_free(weak);
}

static void
what_is_sealed_opens_for_the_same_key_and_purpose_alone(void **state)
{
	struct str text = STR("sk-secret"), mine = STR("0123456789abcdef0123456789abcdef"), other = STR("0123456789abcdef0123456789abcdee");
	struct seal_key key, wrong;
	struct buf sealed, again, open;

	(void)state;
	seal_key_of(mine, &key);
	seal_key_of(other, &wrong);
	buf_init(&sealed, arena, KIB(4));
	buf_init(&again, arena, KIB(4));
	buf_init(&open, arena, KIB(4));
	assert_true(seal(&key, STR("provider a"), text, &sealed) && seal(&key, STR("provider a"), text, &again));
	assert_false(str_eq(buf_str(&sealed), buf_str(&again)));
	assert_int_equal(str_find(buf_str(&sealed), text, 0), SIZE_MAX);
	assert_true(str_eq(seal_id(buf_str(&sealed)), str_n(key.id, SEAL_ID_LEN)));
	assert_false(seal_open(&wrong, STR("provider a"), buf_str(&sealed), &open));
	assert_false(seal_open(&key, STR("provider b"), buf_str(&sealed), &open));
	assert_true(seal_open(&key, STR("provider a"), buf_str(&sealed), &open));
	assert_true(str_eq(buf_str(&open), text));
}

static void
a_sealed_text_that_was_changed_or_cut_does_not_open(void **state)
{
	struct seal_key key;
	struct buf sealed, open;

	(void)state;
	seal_key_of(STR("0123456789abcdef0123456789abcdef"), &key);
	buf_init(&sealed, arena, KIB(4));
	buf_init(&open, arena, KIB(4));
	assert_true(seal(&key, STR("x"), STR("some text"), &sealed));
	for (size_t i = 0; i < sealed.len; i++) {
		char was = sealed.ptr[i];

		assert_false(seal_open(&key, STR("x"), str_n(sealed.ptr, i), &open));
		sealed.ptr[i] = was == '0' ? '1' : '0';
		assert_false(seal_open(&key, STR("x"), buf_str(&sealed), &open));
		sealed.ptr[i] = was;
	}
	assert_int_equal(open.len, 0);
	assert_true(seal_open(&key, STR("x"), buf_str(&sealed), &open));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_gives_the_published_vectors),
		cmocka_unit_test(hashing_in_pieces_is_hashing_the_whole),
		cmocka_unit_test(hmac_gives_the_published_vectors),
		cmocka_unit_test(a_client_is_served_whatever_the_size_of_the_pieces),
		cmocka_unit_test(an_old_protocol_is_refused_with_an_alert),
		cmocka_unit_test(plain_http_is_refused),
		cmocka_unit_test(wrong_files_are_named),
		cmocka_unit_test(rs256_signatures_are_those_that_the_public_key_confirms),
		cmocka_unit_test(other_keys_do_not_sign),
		cmocka_unit_test(what_is_sealed_opens_for_the_same_key_and_purpose_alone),
		cmocka_unit_test(a_sealed_text_that_was_changed_or_cut_does_not_open),
		cmocka_unit_test(a_failed_reload_changes_nothing_and_a_good_one_keeps_old_sessions),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
