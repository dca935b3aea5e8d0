/*
 * tls_client.h - the client's side of TLS 1.2 and 1.3: servers are verified, always. A session is used as tls.h says.
 *
 * Verified are the chain, up to an authority that this machine trusts; the dates; and the name, against the certificate's alternative names. Trusted is what OpenSSL's
 * default store holds, or what the environment's SSL_CERT_FILE and SSL_CERT_DIR name. A name is sent to the server (SNI); an address is not.
 */
#pragma once

#include "crypto/tls.h"

struct tls_client;
struct tls_ticket;

/* ERR_INTERNAL (in arena): OpenSSL cannot be had. One serves all threads. */
const struct err *tls_client_new(struct arena *arena, struct tls_client **out);
void tls_client_free(struct tls_client *client); /* after its sessions; NULL is allowed */

/*
 * A session with `host`, a name or an address (IPv6 without brackets), as short as a name may be. `ticket` (may be NULL) from an earlier session with the same host shortens the
 * handshake; it stays the caller's. NULL when memory is out, or the host is too long for one.
 */
struct tls_session *tls_client_session_new(struct tls_client *client, struct str host, const struct tls_ticket *ticket);

/* The newest ticket that the server has given to this session, once; the caller's then. NULL when there is none. */
struct tls_ticket *tls_session_take_ticket(struct tls_session *session);
void tls_ticket_free(struct tls_ticket *ticket); /* NULL is allowed */

/* True when the handshake was shortened by a ticket. */
bool tls_session_resumed(const struct tls_session *session);
