/*
 * tokens.h - the token endpoints: Entra's client credentials, Google's JWT bearer grant; and which tokens they gave out.
 */
#ifndef MOCK_TOKENS_H
#define MOCK_TOKENS_H

#include "reply.h"

/* True if the request is to a token endpoint; `*named` is then what directives may stand in: the first piece of Entra's address, the query of Google's. */
bool tokens_path(const struct request *request, struct str *named);

/* Answers such a request. `key` is the client secret that Entra wants. */
void tokens_answer(const struct request *request, struct str key, struct reply *reply);

/* Tokens that were given out are good no more. */
void tokens_revoke(void);

/* True if the request shows a token that was given out and has not expired. */
bool tokens_shown(const struct request *request);

/* Answers with the key file of a service account, made at the first request; its assertions alone are good. */
void tokens_service_account(const struct request *request, struct reply *reply);

/* How long tokens live, for tests of renewal; seconds. */
extern long tokens_seconds;

#endif
