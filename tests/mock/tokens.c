/*
 * tokens.c - see tokens.h.
 *
 * Source: Microsoft identity platform, "OAuth 2.0 client credentials flow": the form, the answer and the error of a wrong secret (AADSTS7000215).
 * developers.google.com/identity/protocols/oauth2/service-account: the assertion (RFC 7523, RS256), the answer, the error invalid_grant.
 */
#include "tokens.h"

#include "journal.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOKENS_MAX = 1024 };

static struct {
	char text[64];
	int64_t until_us;
} given[TOKENS_MAX];

static size_t given_count;
long tokens_seconds = 3599;

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The decoded value of a field of a form; false if it is not there. */
static bool
form_value(struct str form, const char *name, struct bytes *out)
{
	size_t len = strlen(name), at = 0;

	out->len = 0;
	while (at < form.len) {
		const char *amp = memchr(form.ptr + at, '&', form.len - at);
		size_t end = amp ? (size_t)(amp - form.ptr) : form.len;

		if (end - at > len && memcmp(form.ptr + at, name, len) == 0 && form.ptr[at + len] == '=') {
			for (size_t i = at + len + 1; i < end; i++) {
				char c = form.ptr[i] == '+' ? ' ' : form.ptr[i];

				if (c == '%' && i + 2 < end + 0 && hex_digit(form.ptr[i + 1]) >= 0 && hex_digit(form.ptr[i + 2]) >= 0) {
					c = (char)(hex_digit(form.ptr[i + 1]) * 16 + hex_digit(form.ptr[i + 2]));
					i += 2;
				}
				bytes_add(out, (struct str){ &c, 1 });
			}
			return true;
		}
		at = end + 1;
	}
	return false;
}

static void
give(struct reply *reply, const char *more)
{
	size_t place = given_count++ % TOKENS_MAX;

	snprintf(given[place].text, sizeof(given[place].text), "mock-token-%zu-%llu", given_count, (unsigned long long)reply->serial);
	given[place].until_us = journal_now_us() + tokens_seconds * 1000000;
	reply->body.len = 0;
	bytes_fmt(&reply->body, "{\"token_type\":\"Bearer\",\"expires_in\":%ld,%s\"access_token\":\"%s", tokens_seconds, more, given[place].text);
	reply->fill_at = reply->body.len;
	reply->fill_left = (int64_t)reply->plan.huge_mb << 20;
	bytes_add(&reply->body, STR("\"}"));
	reply_json(reply);
}

static void
refuse(struct reply *reply, int status, const char *code, const char *description)
{
	reply_error(reply, status, description, NULL, code);
}

/* RFC 6749, section 5.2. */
static void
tokens_error(const struct reply *reply, int status, const char *message, const char *param, const char *code, struct bytes *out)
{
	(void)reply;
	(void)param;
	bytes_fmt(out, "{\"error\":\"%s\",\"error_description\":\"", code ? code : status >= 500 ? "temporarily_unavailable" : "invalid_request");
	bytes_json(out, (struct str){ message, strlen(message) });
	bytes_add(out, STR("\"}"));
}

static void
tokens_headers(const struct reply *reply, struct bytes *out)
{
	(void)reply;
	bytes_add(out, STR("cache-control: no-store\r\npragma: no-cache\r\n"));
}

const struct wire wire_tokens = { .dialect = DIALECT_OPENAI, .request_id_header = "x-ms-request-id", .error = tokens_error, .headers = tokens_headers };

static void
entra(const struct request *request, struct str key, struct reply *reply)
{
	struct bytes value = { 0 };

	if (!form_value(request->body, "grant_type", &value) || !str_equal(bytes_view(&value), STR("client_credentials")))
		refuse(reply, 400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.");
	else if (!form_value(request->body, "scope", &value) || !str_equal(bytes_view(&value), STR("https://cognitiveservices.azure.com/.default")))
		refuse(reply, 400, "invalid_scope", "AADSTS70011: The provided value for the input parameter 'scope' is not valid.");
	else if (!form_value(request->body, "client_id", &value) || value.len == 0)
		refuse(reply, 400, "invalid_request", "AADSTS900144: The request body must contain the following parameter: 'client_id'.");
	else if (!form_value(request->body, "client_secret", &value) || !str_equal(bytes_view(&value), key))
		refuse(reply, 401, "invalid_client", "AADSTS7000215: Invalid client secret provided.");
	else
		give(reply, "\"ext_expires_in\":3599,");
	bytes_free(&value);
}

static EVP_PKEY *google_key;

void
tokens_service_account(const struct request *request, struct reply *reply)
{
	struct str host = http_header(request, "host");
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	long len;

	if (!google_key)
		google_key = EVP_RSA_gen(2048);
	PEM_write_bio_PrivateKey(bio, google_key, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(bio, &pem);
	bytes_add(&reply->body, STR("{\"type\":\"service_account\",\"project_id\":\"mock-project\",\"private_key_id\":\"mock-key-1\",\"private_key\":\""));
	bytes_json(&reply->body, (struct str){ pem, (size_t)len });
	bytes_fmt(&reply->body, "\",\"client_email\":\"mock@mock-project.iam.gserviceaccount.com\",\"token_uri\":\"http://%.*s/token\"}\n", (int)host.len, host.ptr);
	BIO_free(bio);
	reply_json(reply);
}

/* Appends the bytes of base64url text. */
static void
unbase64url(struct str text, struct bytes *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t group = 0;
	int bits = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char *digit = memchr(digits, text.ptr[i], sizeof(digits) - 1);

		if (!digit)
			return;
		group = group << 6 | (uint32_t)(digit - digits);
		bits += 6;
		if (bits >= 8) {
			char byte = (char)(group >> (bits -= 8) & 0xff);

			bytes_add(out, (struct str){ &byte, 1 });
		}
	}
}

/* Why an assertion is refused; NULL: it is not. */
static const char *
assertion_problem(struct str assertion)
{
	const char *first = memchr(assertion.ptr, '.', assertion.len);
	const char *second = first ? memchr(first + 1, '.', (size_t)(assertion.ptr + assertion.len - first - 1)) : NULL;
	struct bytes claims = { 0 }, shown = { 0 };
	struct json json = { 0 };
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const char *problem = NULL;
	int64_t now = (int64_t)time(NULL);

	if (!second || !google_key)
		return "Invalid JWT: not an assertion";
	unbase64url((struct str){ first + 1, (size_t)(second - first - 1) }, &claims);
	unbase64url((struct str){ second + 1, (size_t)(assertion.ptr + assertion.len - second - 1) }, &shown);
	EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, google_key);
	if (EVP_DigestVerify(context, (unsigned char *)shown.ptr, shown.len, (const unsigned char *)assertion.ptr, (size_t)(second - assertion.ptr)) != 1)
		problem = "Invalid JWT Signature.";
	else if (!json_parse(&json, bytes_view(&claims)))
		problem = "Invalid JWT: claims are not JSON";
	else if (ask_long(json_get(&json, json.nodes, "exp")) - ask_long(json_get(&json, json.nodes, "iat")) > 3600)
		problem = "Invalid JWT: Token must be a short-lived token (60 minutes)";
	else if (ask_long(json_get(&json, json.nodes, "iat")) > now + 300 || ask_long(json_get(&json, json.nodes, "exp")) < now)
		problem = "Invalid JWT: Token must be in a reasonable timeframe. Check your iat and exp values";
	else if (!ask_is(json_get(&json, json.nodes, "aud"), "https://oauth2.googleapis.com/token"))
		problem = "Invalid JWT: audience";
	else if (!ask_is(json_get(&json, json.nodes, "scope"), "https://www.googleapis.com/auth/cloud-platform") || !json_get(&json, json.nodes, "iss"))
		problem = "Invalid JWT: scope or issuer";
	EVP_MD_CTX_free(context);
	bytes_free(&claims);
	bytes_free(&shown);
	free(json.nodes);
	return problem;
}

static void
google(const struct request *request, struct reply *reply)
{
	struct bytes value = { 0 };
	const char *problem = NULL;

	if (!form_value(request->body, "grant_type", &value) || !str_equal(bytes_view(&value), STR("urn:ietf:params:oauth:grant-type:jwt-bearer"))) {
		refuse(reply, 400, "unsupported_grant_type", "Invalid grant_type");
	} else {
		form_value(request->body, "assertion", &value);
		problem = assertion_problem(bytes_view(&value));
		if (problem)
			refuse(reply, 400, "invalid_grant", problem);
		else
			give(reply, "");
	}
	bytes_free(&value);
}

bool
tokens_path(const struct request *request, struct str *named)
{
	static const char end[] = "/oauth2/v2.0/token";
	size_t len = sizeof(end) - 1;
	struct str path = request->path;
	bool is_google = str_equal(path, STR("/token")), is_entra = path.len > len + 1 && memcmp(path.ptr + path.len - len, end, len) == 0;

	*named = is_google ? request->query : (struct str){ 0 };
	if (is_entra)
		*named = (struct str){ path.ptr + 1, strcspn(path.ptr + 1, "/") };
	return (is_google || is_entra) && str_equal(request->method, STR("POST"));
}

void
tokens_answer(const struct request *request, struct str key, struct reply *reply)
{
	if (str_equal(request->path, STR("/token")))
		google(request, reply);
	else
		entra(request, key, reply);
}

void
tokens_revoke(void)
{
	given_count = 0;
}

bool
tokens_shown(const struct request *request)
{
	struct str shown = http_header(request, "authorization");

	if (shown.len <= 7 || memcmp(shown.ptr, "Bearer ", 7) != 0)
		return false;
	shown = (struct str){ shown.ptr + 7, shown.len - 7 };
	for (size_t i = 0; i < given_count && i < TOKENS_MAX; i++)
		if (str_equal(shown, (struct str){ given[i].text, strlen(given[i].text) }))
			return given[i].until_us > journal_now_us();
	return false;
}
