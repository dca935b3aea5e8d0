/*
 * links.c - see links.h.
 */
#include "api/links.h"

#include "base/random.h"
#include "crypto/hash.h"

enum { SIGNATURE_BYTES = 16 };

static const struct setting rows[] = {
	{ .name = "server.public_url", .type = SETTING_STRING, .initial = "", .env = "CORBEL_PUBLIC_URL", .reloadable = true,
		.help = "Where clients reach this server, for links in answers (https://ai.example.com); empty: as the request's Host header says." },
};
const struct setting_table link_settings = SETTING_TABLE(rows);

static bool
host_ok(struct str host)
{
	if (host.len == 0 || host.len > 255)
		return false;
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(".-:[]_", c)))
			return false;
	}
	return true;
}

struct str
link_base(struct api_request *request)
{
	struct str configured = conf_str(request->conf, &rows[0]);
	struct str host = http_header_get(&request->http->headers, STR("host"));

	while (configured.len && configured.ptr[configured.len - 1] == '/')
		configured.len--;
	if (configured.len)
		return configured;
	return arena_printf(request->arena, "http://%" STR_F, STR_A(host_ok(host) ? host : http_server_address(request->app->server)));
}

static void
sign(const struct app *app, struct arena *arena, int64_t tenant, struct str version_id, int64_t from, char out[2 * SIGNATURE_BYTES])
{
	struct str text = arena_printf(arena, "%lld\n%" STR_F "\n%lld", (long long)tenant, STR_A(version_id), (long long)from);
	unsigned char mac[32];

	hash_hmac_sha256(str_n((const char *)app->link_secret, sizeof(app->link_secret)), text, mac);
	hex_encode(mac, SIGNATURE_BYTES, out);
}

const struct err *
link_passage(void *arg, struct arena *arena, struct context_passage *passage)
{
	struct api_request *request = arg;
	int64_t tenant = request->identity->tenant;
	char signature[2 * SIGNATURE_BYTES];

	sign(request->app, arena, tenant, passage->version_id, passage->ordinal, signature);
	passage->url = arena_printf(arena, "%" STR_F "/documents/%" STR_F "?from=%u&count=1&tenant=%lld&sig=%" STR_F "#cited", STR_A(link_base(request)),
		STR_A(passage->version_id), passage->ordinal, (long long)tenant, STR_A(str_n(signature, sizeof(signature))));
	return passage->url.ptr ? NULL : &err_no_memory;
}

bool
link_check(struct api_request *request, struct str version_id, int64_t from, int64_t *tenant)
{
	struct str given = api_query(request, "sig"), owner = api_query(request, "tenant");
	char signature[2 * SIGNATURE_BYTES];

	if (!given.ptr || !owner.ptr || !str_to_i64(owner, tenant))
		return false;
	sign(request->app, request->arena, *tenant, version_id, from, signature);
	return str_eq_secret(given, str_n(signature, sizeof(signature)));
}
