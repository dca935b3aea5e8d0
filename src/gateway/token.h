/*
 * token.h - access tokens that expire: fetched once for all who need the same one, kept, and renewed before they end.
 *
 * The cache belongs to the process. A token is fetched by one fiber of its own, whoever asked first, so that a client that leaves takes nobody's token with it; others wait. One
 * that ends soon is still given out, while a fiber renews it: only the first caller ever waits.
 */
#pragma once

#include "base/err.h"

struct token_source;

/* What a token service gave out. */
struct token_grant {
	struct str token;
	int64_t expires_in_us;
};

/* Where a token comes from. Sources that differ in their timeouts alone share a token. */
struct token_source {
	/* Asks the service; in a fiber of its own, bounded by a deadline. `arena` is freed behind it. */
	MAY_PARK const struct err *(*fetch)(const struct token_source *source, struct arena *arena, struct token_grant *out);
	struct str url, id, secret, key_id, scope;
	struct str proxy; /* as in net/http_client.h; empty: none */
	int64_t connect_timeout_us, headers_timeout_us, idle_timeout_us; /* as there too, of whoever asks first; 30 s in all at most */
};

/*
 * A token that is valid for a while yet, into the arena. ERR_UPSTREAM: the service refused the credentials. ERR_UNAVAILABLE: it was not reached, was too slow, failed or spoke
 * nonsense. It is asked again after a second at the earliest, or after the time it says (an hour at most), which is the error's retry_after_us. ERR_BUSY: too many sources. ERR_CANCELLED, ERR_TIMEOUT of the caller's scope.
 */
MAY_PARK const struct err *token_get(const struct token_source *source, struct arena *arena, struct str *out);

/*
 * Somebody refused this token before its time was over. Whether it is worth another token_get: the token is not given out any more. False where the last one was refused less than a
 * minute ago: then it is not the token's age.
 */
bool token_refused(const struct token_source *source, struct str token);

/* POSTs a form to the source's service and reads the answer of RFC 6749, section 5, into `out`: for fetch functions. `who` names the service in errors. */
MAY_PARK const struct err *token_request(const struct token_source *source, struct arena *arena, struct str form, const char *who, struct token_grant *out);

/* Forgets every token; when no fiber uses them any more. */
void token_end(void);
