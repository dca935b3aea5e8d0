/*
 * tls.h - TLS 1.2 and 1.3 without sockets: bytes in, bytes out. The server's side; the client's begins in tls_client.h and goes on here.
 *
 * A session never waits and touches no descriptor. Its user moves ciphertext between it and the peer:
 *
 *	ciphertext from the peer   -> tls_feed    -> tls_read     plaintext
 *	plaintext                  -> tls_write   -> tls_pending, tls_sent    ciphertext for the peer
 *
 * The handshake goes on inside tls_read: call it whenever something was fed, and send what is pending after every call. A server may be used
 * by any thread and reloaded meanwhile: sessions keep the certificate that they began with.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct tls_server;
struct tls_session;

/*
 * From PEM files: the certificate with its chain, leaf first, and its key. ERR_INVALID names the file and what is wrong with it (in arena).
 */
const struct err *tls_server_new(struct arena *arena, const char *cert_path, const char *key_path, struct tls_server **out);
void tls_server_free(struct tls_server *server); /* after its sessions; NULL is allowed */

/* Reads the files again, for the sessions to come. On an error everything stays as it was. */
const struct err *tls_server_reload(struct arena *arena, struct tls_server *server);

/* Used by one thread at a time. NULL when memory is out. */
struct tls_session *tls_session_new(struct tls_server *server);
void tls_session_free(struct tls_session *session); /* NULL is allowed */

/* Takes ciphertext from the peer; it copies all of it. Bound what you feed by not feeding more before tls_read has wanted more. */
void tls_feed(struct tls_session *session, struct str ciphertext);

enum tls_result {
	TLS_DATA,       /* *len bytes of plaintext are in the buffer */
	TLS_WANTS_MORE, /* ciphertext from the peer, to go on */
	TLS_CLOSED,     /* the peer has said that it will send no more */
	TLS_FAILED,     /* broken for good: send what is pending (an alert), then close. tls_reason says why */
};

/* Plaintext from the peer, up to `size` bytes. */
enum tls_result tls_read(struct tls_session *session, void *buffer, size_t size, size_t *len);

/* Encrypts all of it; pending grows by a little more than its length. After the handshake only. False: broken for good. */
bool tls_write(struct tls_session *session, struct str plaintext);

/* Says that no more will be written (close_notify). */
void tls_end(struct tls_session *session);

/* Ciphertext for the peer, valid until the next call; tls_sent takes `len` bytes off its front. */
struct str tls_pending(struct tls_session *session);
void tls_sent(struct tls_session *session, size_t len);

/* True once application data may flow. */
bool tls_established(const struct tls_session *session);

/* Why it failed, for the log; of a certificate, what is wrong with it. Owned by the session; empty when it has not failed. */
const char *tls_reason(const struct tls_session *session);
