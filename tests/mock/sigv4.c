/*
 * sigv4.c - Signature Version 4 from the service's side: the signature is made again from the request as it arrived, and compared.
 *
 * Source: AWS General Reference, "Signing AWS API requests" and "Troubleshoot Signature Version 4" (the exceptions' names and words).
 */
#include "bedrock.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HASH_BYTES = 32, CLOCK_SKEW_S = 300 };

static void
hex_add(struct bytes *out, const unsigned char *hash)
{
	for (int i = 0; i < HASH_BYTES; i++)
		bytes_fmt(out, "%02x", hash[i]);
}

static void
hmac(const void *key, size_t key_len, struct str text, unsigned char out[HASH_BYTES])
{
	HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.ptr, text.len, out, NULL);
}

static bool
plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~/", c);
}

/* The value behind `name` in the authorization header, up to a comma. */
static struct str
field(struct str header, const char *name)
{
	const char *at = memmem(header.ptr, header.len, name, strlen(name)), *end;

	if (!at)
		return (struct str){ "", 0 };
	at += strlen(name);
	end = memchr(at, ',', (size_t)(header.ptr + header.len - at));
	return (struct str){ at, end ? (size_t)(end - at) : (size_t)(header.ptr + header.len - at) };
}

static void
canonical(const struct request *request, struct str names, struct bytes *out)
{
	unsigned char hash[HASH_BYTES];
	struct str rest = names;

	bytes_add(out, request->method);
	bytes_add(out, STR("\n"));
	for (size_t i = 0; i < request->path.len; i++) {
		if (plain(request->path.ptr[i]))
			bytes_add(out, (struct str){ request->path.ptr + i, 1 });
		else
			bytes_fmt(out, "%%%02X", (unsigned char)request->path.ptr[i]);
	}
	bytes_add(out, STR("\n"));
	bytes_add(out, request->query);
	bytes_add(out, STR("\n"));
	while (rest.len > 0) {
		const char *semicolon = memchr(rest.ptr, ';', rest.len);
		size_t len = semicolon ? (size_t)(semicolon - rest.ptr) : rest.len;
		char name[128];

		snprintf(name, sizeof(name), "%.*s", (int)len, rest.ptr);
		bytes_fmt(out, "%s:", name);
		bytes_add(out, http_header(request, name));
		bytes_add(out, STR("\n"));
		rest = (struct str){ rest.ptr + len + (semicolon != NULL), rest.len - len - (semicolon != NULL) };
	}
	bytes_add(out, STR("\n"));
	bytes_add(out, names);
	bytes_add(out, STR("\n"));
	EVP_Digest(request->body.ptr, request->body.len, hash, NULL, EVP_sha256(), NULL);
	hex_add(out, hash);
}

/* The signature that a request must have; `scope` is "DAY/REGION/SERVICE/aws4_request". */
static void
signature(const struct request *request, struct str names, struct str scope, struct str key, struct bytes *out)
{
	struct bytes text = { 0 }, request_text = { 0 }, secret = { 0 };
	unsigned char hash[HASH_BYTES], a[HASH_BYTES], b[HASH_BYTES];
	struct str stamp = http_header(request, "x-amz-date"), rest = scope;
	bool first = true;

	canonical(request, names, &request_text);
	EVP_Digest(request_text.ptr, request_text.len, hash, NULL, EVP_sha256(), NULL);
	bytes_fmt(&text, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n", (int)stamp.len, stamp.ptr, (int)scope.len, scope.ptr);
	hex_add(&text, hash);
	bytes_fmt(&secret, "AWS4%.*s", (int)key.len, key.ptr);
	while (rest.len > 0) {
		const char *slash = memchr(rest.ptr, '/', rest.len);
		size_t len = slash ? (size_t)(slash - rest.ptr) : rest.len;

		if (first)
			hmac(secret.ptr, secret.len, (struct str){ rest.ptr, len }, a);
		else
			hmac(a, sizeof(a), (struct str){ rest.ptr, len }, b);
		if (!first)
			memcpy(a, b, sizeof(a));
		first = false;
		rest = (struct str){ rest.ptr + len + (slash != NULL), rest.len - len - (slash != NULL) };
	}
	hmac(a, sizeof(a), bytes_view(&text), b);
	hex_add(out, b);
	bytes_free(&text);
	bytes_free(&request_text);
	bytes_free(&secret);
}

static bool
stamp_is_now(struct str stamp)
{
	struct tm tm = { 0 };
	char text[32];

	snprintf(text, sizeof(text), "%.*s", (int)stamp.len, stamp.ptr);
	return strptime(text, "%Y%m%dT%H%M%SZ", &tm) && labs((long)(timegm(&tm) - time(NULL))) < CLOCK_SKEW_S;
}

static bool
has_name(struct str names, const char *wanted)
{
	return memmem(names.ptr, names.len, wanted, strlen(wanted)) != NULL;
}

const char *
bedrock_refusal(const struct request *request, struct str key, const char **message)
{
	struct str shown = http_header(request, "authorization"), credential, names, scope;
	struct bytes expected = { 0 };
	bool same;

	if (key.len == 0)
		return NULL;
	if (shown.len > 7 && memcmp(shown.ptr, "Bearer ", 7) == 0) {
		*message = "Authentication failed: Please make sure your API Key is valid.";
		return str_equal((struct str){ shown.ptr + 7, shown.len - 7 }, key) ? NULL : "AccessDeniedException";
	}
	*message = "Missing Authentication Token";
	if (shown.len < 17 || memcmp(shown.ptr, "AWS4-HMAC-SHA256 ", 17) != 0)
		return "MissingAuthenticationTokenException";
	credential = field(shown, "Credential=");
	names = field(shown, "SignedHeaders=");
	*message = "The security token included in the request is invalid.";
	if (credential.len < 10 || memcmp(credential.ptr, "AKIDMOCK/", 9) != 0)
		return "UnrecognizedClientException";
	if (http_header(request, "x-amz-security-token").len > 0 && !str_equal(http_header(request, "x-amz-security-token"), STR("mock-session")))
		return "UnrecognizedClientException";
	scope = (struct str){ credential.ptr + 9, credential.len - 9 };
	*message = "Credential should be scoped to correct service: 'bedrock'.";
	if (!memmem(scope.ptr, scope.len, "/bedrock/aws4_request", 21))
		return "InvalidSignatureException";
	*message = "Signature expired or not yet valid.";
	if (!stamp_is_now(http_header(request, "x-amz-date")))
		return "InvalidSignatureException";
	*message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.";
	if (!has_name(names, "host") || !has_name(names, "x-amz-date") || (http_header(request, "x-amz-security-token").len > 0 && !has_name(names, "x-amz-security-token")))
		return "InvalidSignatureException";
	signature(request, names, scope, key, &expected);
	same = str_equal(field(shown, "Signature="), bytes_view(&expected));
	bytes_free(&expected);
	return same ? NULL : "InvalidSignatureException";
}
