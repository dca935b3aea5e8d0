/*
 * base64.h - base64 (RFC 4648, section 4) and base64url without padding (section 5), as JSON Web Tokens write it.
 */
#pragma once

#include "base/buf.h"

void base64_encode(struct buf *out, struct str bytes);
void base64url_encode(struct buf *out, struct str bytes);

/* Appends the bytes that `text` stands for; '=' at the end may be missing. False for anything else than base64; what was appended before stays. */
bool base64_decode(struct buf *out, struct str text);
