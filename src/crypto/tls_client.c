/*
 * tls_client.c - see tls_client.h.
 *
 * OpenSSL checks the name while it verifies the chain, so a server with another name fails the handshake: there is no moment in which somebody could forget to ask. Tickets
 * are kept by who opens sessions, not by OpenSSL: it knows which host they belong to.
 */
#include "crypto/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "crypto/tls_inside.h"

enum { HOST_MAX = 255 };

struct tls_client {
	SSL_CTX *context;
};

/* Is an SSL_SESSION; a type of its own, so that OpenSSL's stays in this room. */
struct tls_ticket;

/* OpenSSL: the server has given a ticket. 1: it is ours now. */
static int
keep_ticket(SSL *ssl, SSL_SESSION *ticket)
{
	struct tls_session *session = SSL_get_app_data(ssl);

	if (!session)
		return 0;
	tls_ticket_free(session->ticket);
	session->ticket = (struct tls_ticket *)ticket;
	return 1;
}

static bool
configure(SSL_CTX *context)
{
	static const unsigned char protocols[] = "\x08http/1.1";

	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, keep_ticket);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 && SSL_CTX_set_default_verify_paths(context) == 1 &&
	       SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols) - 1) == 0;
}

const struct err *
tls_client_new(struct arena *arena, struct tls_client **out)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char reason[256];

	*out = NULL;
	if (!context || !configure(context)) {
		ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
		ERR_clear_error();
		SSL_CTX_free(context);
		return err_new(arena, ERR_INTERNAL, "TLS cannot be set up: %s", reason);
	}
	ERR_clear_error();
	*out = mem_alloc(sizeof(**out));
	(*out)->context = context;
	return NULL;
}

void
tls_client_free(struct tls_client *client)
{
	if (client)
		SSL_CTX_free(client->context);
	free(client);
}

/* What the certificate must say. False: it cannot be asked for. */
static bool
expect_host(SSL *ssl, const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];
	bool is_address = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;

	if (is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct tls_session *
tls_client_session_new(struct tls_client *client, struct str host, const struct tls_ticket *ticket)
{
	char name[HOST_MAX + 1];
	struct tls_session *session;

	if (str_ends(host, STR("."))) /* the root's dot stands in no certificate */
		host.len--;
	if (host.len == 0 || host.len > HOST_MAX || memchr(host.ptr, '\0', host.len))
		return NULL;
	memcpy(name, host.ptr, host.len);
	name[host.len] = '\0';
	session = tls_session_from(SSL_new(client->context));
	if (!session)
		return NULL;
	if (!expect_host(session->ssl, name)) {
		tls_session_free(session);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_app_data(session->ssl, session);
	SSL_set_connect_state(session->ssl);
	if (ticket)
		SSL_set_session(session->ssl, (SSL_SESSION *)(uintptr_t)ticket); /* refused: a whole handshake, then */
	ERR_clear_error();
	return session;
}

struct tls_ticket *
tls_session_take_ticket(struct tls_session *session)
{
	struct tls_ticket *ticket = session->ticket;

	session->ticket = NULL;
	return ticket;
}

bool
tls_session_resumed(const struct tls_session *session)
{
	return SSL_session_reused(session->ssl) == 1;
}
