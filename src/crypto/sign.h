/*
 * sign.h - signatures with a private key: RS256 of JSON Web Tokens (RSASSA-PKCS1-v1_5 with SHA-256, RFC 7518), by OpenSSL.
 */
#pragma once

#include "base/buf.h"

/* True for the PEM text of an RSA private key of at least 2,048 bits. */
bool sign_key_ok(struct str pem);

/* Appends the signature of `data`. False when the key is none that sign_key_ok takes. Takes about a millisecond. */
bool sign_rs256(struct str pem, struct str data, struct buf *out);
