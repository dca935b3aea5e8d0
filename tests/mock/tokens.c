/*
 * tokens.c - see tokens.h.
 *
 * Source: Microsoft identity platform, "OAuth 2.0 client credentials flow": the form, the answer and the error of a wrong secret (AADSTS7000215).
 */
#include "tokens.h"

#include "journal.h"

#include <stdio.h>
#include <string.h>

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
	bytes_fmt(&reply->body, "{\"token_type\":\"Bearer\",\"expires_in\":%ld,%s\"access_token\":\"%s\"}", tokens_seconds, more, given[place].text);
	reply_json(reply);
}

static void
refuse(struct reply *reply, int status, const char *code, const char *description)
{
	reply->body.len = 0;
	reply->status = status;
	bytes_fmt(&reply->body, "{\"error\":\"%s\",\"error_description\":\"%s\"}", code, description);
	reply_json(reply);
}

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

bool
tokens_route(const struct request *request, struct str key, struct reply *reply)
{
	static const char end[] = "/oauth2/v2.0/token";
	size_t len = sizeof(end) - 1;
	struct str path = request->path;

	if (!str_equal(request->method, STR("POST")) || path.len <= len + 1 || memcmp(path.ptr + path.len - len, end, len) != 0)
		return false;
	entra(request, key, reply);
	return true;
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
