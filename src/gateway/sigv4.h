/*
 * sigv4.h - AWS Signature Version 4: requests signed with a secret that does not travel.
 *
 * Source: AWS General Reference, "Create a signed AWS API request". Checked against the published test suite.
 */
#pragma once

#include "net/http_client.h"

struct sigv4 {
	struct str region, service;
	struct str access_key_id, secret_access_key;
	struct str session_token; /* of temporary credentials; empty: none */
	int64_t at_us;            /* since 1970, UTC */
};

/*
 * Adds host's place in the signature, x-amz-date, x-amz-security-token and authorization to a request that is complete but for them. The URL is sent as it stands, so what is not allowed in it is encoded
 * already. Headers that intermediaries may change (accept, user-agent, traceparent) are not signed.
 */
const struct err *sigv4_sign(struct arena *arena, const struct sigv4 *sigv4, struct http_call_spec *spec);
