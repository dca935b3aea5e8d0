/*
 * tls.c - OpenSSL between two memory BIOs. See tls.h.
 *
 * OpenSSL keeps a queue of errors for each thread. It is emptied before every call that may fail, so that one session's error is never read as
 * another's.
 */
#include "crypto/tls_inside.h"

#include <assert.h>
#include <limits.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct tls_server {
	pthread_mutex_t mutex; /* of context, which a reload swaps */
	SSL_CTX *context;
	char *cert_path, *key_path;
};

static const struct err *
file_error(struct arena *arena, const char *what, const char *path)
{
	char reason[256];

	ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
	ERR_clear_error();
	return err_new(arena, ERR_INVALID, "%s %s: %s", what, path, reason);
}

/* Only what HTTP/1.1 clients of today need: no renegotiation, no compression, no old versions. */
static bool
configure(SSL_CTX *context)
{
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
}

/* "http/1.1" when the client offers it; a client that offers only others (h2) is served without ALPN, as RFC 7301 leaves it to us. */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered, unsigned int offered_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";

	(void)ssl;
	(void)arg;
	for (unsigned int at = 0; at < offered_len; at += offered[at] + 1U) {
		if (offered[at] == ours[0] && offered_len - at > ours[0] && memcmp(&offered[at + 1], &ours[1], ours[0]) == 0) {
			*out = &offered[at + 1];
			*out_len = ours[0];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* A key under a passphrase is an error: OpenSSL would ask for it on the terminal. */
static int
no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static const struct err *
load(struct arena *arena, const char *cert_path, const char *key_path, SSL_CTX **out)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	const struct err *err = NULL;

	ERR_clear_error();
	if (!context || !configure(context)) {
		SSL_CTX_free(context);
		return &err_no_memory;
	}
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	if (SSL_CTX_use_certificate_chain_file(context, cert_path) != 1)
		err = file_error(arena, "cannot use the certificate", cert_path);
	else if (SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) != 1)
		err = file_error(arena, "cannot use the private key", key_path);
	else if (SSL_CTX_check_private_key(context) != 1)
		err = file_error(arena, "the private key is not the certificate's:", key_path);
	if (err) {
		SSL_CTX_free(context);
		return err;
	}
	*out = context;
	return NULL;
}

static char *
copy(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(mem_alloc(size), text, size);
}

const struct err *
tls_server_new(struct arena *arena, const char *cert_path, const char *key_path, struct tls_server **out)
{
	SSL_CTX *context;
	const struct err *err = load(arena, cert_path, key_path, &context);
	struct tls_server *server;

	*out = NULL;
	if (err)
		return err;
	server = mem_zalloc(sizeof(*server));
	pthread_mutex_init(&server->mutex, NULL);
	server->context = context;
	server->cert_path = copy(cert_path);
	server->key_path = copy(key_path);
	*out = server;
	return NULL;
}

void
tls_server_free(struct tls_server *server)
{
	if (!server)
		return;
	SSL_CTX_free(server->context);
	pthread_mutex_destroy(&server->mutex);
	free(server->cert_path);
	free(server->key_path);
	free(server);
}

const struct err *
tls_server_reload(struct arena *arena, struct tls_server *server)
{
	SSL_CTX *fresh, *old;
	const struct err *err = load(arena, server->cert_path, server->key_path, &fresh);

	if (err)
		return err;
	pthread_mutex_lock(&server->mutex);
	old = server->context;
	server->context = fresh;
	pthread_mutex_unlock(&server->mutex);
	SSL_CTX_free(old); /* sessions hold it while they need it */
	return NULL;
}

struct tls_session *
tls_session_from(SSL *ssl)
{
	struct tls_session *session = mem_zalloc(sizeof(*session));

	session->ssl = ssl;
	session->in = BIO_new(BIO_s_mem());
	session->out = BIO_new(BIO_s_mem());
	if (!session->ssl || !session->in || !session->out) {
		BIO_free(session->in);
		BIO_free(session->out);
		SSL_free(session->ssl);
		free(session);
		ERR_clear_error();
		return NULL;
	}
	BIO_set_mem_eof_return(session->in, -1); /* empty means "later", not "ended" */
	SSL_set_bio(session->ssl, session->in, session->out);
	return session;
}

struct tls_session *
tls_session_new(struct tls_server *server)
{
	struct tls_session *session;
	SSL *ssl;

	pthread_mutex_lock(&server->mutex);
	ssl = SSL_new(server->context);
	pthread_mutex_unlock(&server->mutex);
	session = tls_session_from(ssl);
	if (session)
		SSL_set_accept_state(session->ssl);
	return session;
}

void
tls_ticket_free(struct tls_ticket *ticket)
{
	SSL_SESSION_free((SSL_SESSION *)ticket);
}

void
tls_session_free(struct tls_session *session)
{
	if (!session)
		return;
	SSL_free(session->ssl);
	tls_ticket_free(session->ticket);
	free(session);
}

void
tls_feed(struct tls_session *session, struct str ciphertext)
{
	while (ciphertext.len > 0) {
		int piece = ciphertext.len < INT_MAX ? (int)ciphertext.len : INT_MAX;
		int taken = BIO_write(session->in, ciphertext.ptr, piece);

		if (taken <= 0)
			abort(); /* a memory BIO refuses only without memory, and a gap in the stream must not pass for its end */
		ciphertext = str_slice(ciphertext, (size_t)taken, ciphertext.len);
	}
}

static void
note_failure(struct tls_session *session)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	long verified = SSL_get_verify_result(session->ssl);

	if (verified != X509_V_OK) /* says which rule was broken; the other only that one was */
		reason = X509_verify_cert_error_string(verified);

	snprintf(session->reason, sizeof(session->reason), "%s", reason ? reason : "the TLS session has failed");
	ERR_clear_error();
}

enum tls_result
tls_read(struct tls_session *session, void *buffer, size_t size, size_t *len)
{
	*len = 0;
	if (session->reason[0])
		return TLS_FAILED;
	ERR_clear_error();
	if (SSL_read_ex(session->ssl, buffer, size, len) == 1)
		return TLS_DATA;
	switch (SSL_get_error(session->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANTS_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		note_failure(session);
		return TLS_FAILED;
	}
}

bool
tls_write(struct tls_session *session, struct str plaintext)
{
	size_t written = 0;

	assert(tls_established(session));
	if (plaintext.len == 0)
		return true;
	if (session->reason[0])
		return false;
	ERR_clear_error();
	/* Into memory a write is never partial. */
	if (SSL_write_ex(session->ssl, plaintext.ptr, plaintext.len, &written) == 1 && written == plaintext.len)
		return true;
	note_failure(session);
	return false;
}

void
tls_end(struct tls_session *session)
{
	if (session->reason[0] || !tls_established(session))
		return;
	ERR_clear_error();
	SSL_shutdown(session->ssl); /* 0: the peer has not ended yet, which is no matter here */
	ERR_clear_error();
}

struct str
tls_pending(struct tls_session *session)
{
	char *bytes;
	long len = BIO_get_mem_data(session->out, &bytes);

	return len > 0 ? str_n(bytes, (size_t)len) : STR_EMPTY;
}

void
tls_sent(struct tls_session *session, size_t len)
{
	char skipped[4096];

	while (len > 0) {
		int taken = BIO_read(session->out, skipped, len < sizeof(skipped) ? (int)len : (int)sizeof(skipped));

		assert(taken > 0);
		len -= (size_t)taken;
	}
}

bool
tls_established(const struct tls_session *session)
{
	return SSL_is_init_finished(session->ssl);
}

const char *
tls_reason(const struct tls_session *session)
{
	return session->reason;
}
