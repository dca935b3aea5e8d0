/*
 * google.c - see google.h.
 */
#include "conf/google.h"

#include "conf/models.h"
#include "conf/reader.h"
#include "crypto/sign.h"
#include "json/json.h"

#include <errno.h>
#include <stdio.h>

enum { KEY_FILE_MAX = 64 * 1024 };

static void
problem(struct reader *reader, const struct yaml *node, const struct conf_provider *provider, const char *what, const char *why)
{
	reader_problem(reader, node, STR("providers"), "\"%" STR_F "\": credentials: %s%s%s", STR_A(provider->name), what, why ? ": " : "", why ? why : "");
}

/* The JSON text: what was given, or what the file holds that was named. */
static bool
key_text(struct reader *reader, const struct yaml *node, const struct conf_provider *provider, struct str *out)
{
	char *bytes, *path;
	size_t len;
	FILE *file;

	*out = str_trim(provider->credentials);
	if (str_starts(*out, STR("{")))
		return true;
	bytes = arena_alloc(reader->arena, KEY_FILE_MAX + 1);
	path = arena_cstr(reader->arena, *out);
	file = path && bytes ? fopen(path, "re") : NULL;
	if (!file) {
		problem(reader, node, provider, "the key file cannot be read", strerror(errno));
		return false;
	}
	len = fread(bytes, 1, KEY_FILE_MAX + 1, file);
	fclose(file);
	*out = str_n(bytes, len);
	if (len > KEY_FILE_MAX)
		problem(reader, node, provider, "the key file is larger than 64 KiB", NULL);
	return len <= KEY_FILE_MAX;
}

void
conf_google_read(struct reader *reader, const struct yaml *node, struct conf_provider *provider)
{
	struct conf_google *google = &provider->google;
	const struct json *key;
	struct str text;

	if (!key_text(reader, node, provider, &text))
		return;
	if (json_parse(reader->arena, text, &key) || !json_is(key, JSON_OBJECT)) {
		problem(reader, node, provider, "neither the path of a key file nor its JSON text", NULL);
		return;
	}
	google->email = json_get_string(key, "client_email");
	google->private_key = json_get_string(key, "private_key");
	google->private_key_id = json_get_string(key, "private_key_id");
	google->token_url = json_get_string(key, "token_uri");
	if (!str_eq_c(json_get_string(key, "type"), "service_account") || google->email.len == 0)
		problem(reader, node, provider, "not the key of a service account (\"type\", \"client_email\")", NULL);
	else if (!str_starts(google->token_url, STR("http://")) && !str_starts(google->token_url, STR("https://")))
		problem(reader, node, provider, "\"token_uri\" is not a URL", NULL);
	else if (!sign_key_ok(google->private_key))
		problem(reader, node, provider, "\"private_key\" is not the PEM text of an RSA key of at least 2,048 bits", NULL);
	if (provider->project.len == 0)
		provider->project = json_get_string(key, "project_id");
	if (provider->project.len == 0)
		problem(reader, node, provider, "no \"project_id\" in it, so the provider needs \"project\"", NULL);
}
