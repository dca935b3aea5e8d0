/*
 * tls_inside.h - what tls.c and tls_client.c know of each other. Not for other rooms.
 */
#pragma once

#include <openssl/ssl.h>

#include "crypto/tls_client.h"

struct tls_session {
	SSL *ssl;
	BIO *in, *out;             /* owned by ssl */
	struct tls_ticket *ticket; /* a client's, until it is taken */
	char reason[160];
};

/* A session over two memory BIOs. Takes the SSL, which may be NULL; NULL when memory is out. */
struct tls_session *tls_session_from(SSL *ssl);
