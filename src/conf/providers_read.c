/*
 * providers_read.c - the providers of the configuration: their fields, and what must be true of the texts in them.
 */
#include <ctype.h>

#include "conf/kinds.h"
#include "conf/models.h"
#include "conf/routing_read.h"
#include "conf/snapshot.h"

bool
conf_name_ok(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!letter && !(i > 0 && strchr("._-/:@+", c)))
			return false;
	}
	return text.len > 0;
}

static bool
url_ok(struct str text)
{
	struct str rest =
		str_slice(text, str_find(text, STR("://"), 0) == SIZE_MAX ? text.len : str_find(text, STR("://"), 0) + 3, text.len);

	if (!str_starts(text, STR("http://")) && !str_starts(text, STR("https://")))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f || text.ptr[i] == '?' || text.ptr[i] == '#')
			return false;
	return rest.len > 0 && rest.ptr[0] != '/' && rest.ptr[0] != ':' && str_find_byte(rest, '@', 0) == SIZE_MAX;
}

/* A name, an IPv4 address or a bracketed IPv6 address, and perhaps a port. */
static bool
host_and_port_ok(struct str text)
{
	bool bracketed = text.len > 0 && text.ptr[0] == '[';
	size_t end = bracketed ? str_find_byte(text, ']', 0) : str_find_byte(text, ':', 0);
	struct str host = str_slice(text, bracketed, end), rest = str_slice(text, end == SIZE_MAX ? text.len : end + bracketed, text.len);
	int64_t port = 1;

	for (size_t i = 0; i < host.len; i++)
		if (!isalnum((unsigned char)host.ptr[i]) && !strchr(bracketed ? ":.%" : "-._", host.ptr[i]))
			return false;
	if (host.len == 0 || (bracketed && end == SIZE_MAX))
		return false;
	return rest.len == 0 || (rest.ptr[0] == ':' && isdigit((unsigned char)rest.ptr[rest.len - 1]) && str_to_i64(str_slice(rest, 1, rest.len), &port) && port > 0 && port <= UINT16_MAX);
}

/*
 * Empty, or where a proxy is: a scheme that libcurl speaks, perhaps a user and a password before the last '@', a host and perhaps a port, and nothing behind. What follows a colon there is a port:
 * a password whose "@host" was forgotten would be taken for one, and shown.
 */
static bool
proxy_ok(struct str text)
{
	static const struct str schemes[] = { STR_INIT("http://"), STR_INIT("https://"), STR_INIT("socks4://"), STR_INIT("socks4a://"),
		STR_INIT("socks5://"), STR_INIT("socks5h://") };
	struct str rest = STR_EMPTY;

	for (size_t i = 0; i < COUNT(schemes); i++)
		if (str_starts(text, schemes[i]))
			rest = str_slice(text, schemes[i].len, text.len);
	for (size_t i = 0; i < rest.len; i++)
		if ((unsigned char)rest.ptr[i] <= ' ' || rest.ptr[i] == 0x7f || strchr("/?#", rest.ptr[i]))
			return false;
	for (size_t at; (at = str_find_byte(rest, '@', 0)) != SIZE_MAX;)
		rest = str_slice(rest, at + 1, rest.len);
	return text.len == 0 || host_and_port_ok(rest);
}

/* What may stand in a header's value, so that a key cannot smuggle a header in. */
bool
conf_header_value_ok(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (((unsigned char)text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] == 0x7f)
			return false;
	return true;
}

static bool
header_name_ok(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!letter && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return name.len > 0;
}

/* What stands in a URL or a signature as it is. */
static bool
path_piece_ok(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!letter && c != '-' && c != '_' && c != '.')
			return false;
	}
	return text.len > 0;
}

#define PATH_PIECE_WANTS "letters, digits and - _ ."

static void apis_read(struct reader *reader, const struct yaml *node, struct str path, void *object);
static void headers_read(struct reader *reader, const struct yaml *node, struct str path, void *object);

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct field provider_fields[] = {
	{ { "name", SETTING_STRING, .min = "1", .max = "64", .help = "How targets refer to it.", .check = conf_name_ok, .wants = CONF_NAME_WANTS },
		AT(conf_provider, name) },
	{ { "kind", SETTING_CHOICE, .choices = conf_kind_names,
		  .help = "What it speaks, see [providers.md](providers.md). Any server that speaks the OpenAI API and is not listed is `openai`." },
		AT(conf_provider, kind) },
	{ { "base_url", SETTING_STRING, "", .max = "2048",
		  .help = "Where it is, with the path before the endpoint's own: \"http://127.0.0.1:9100/v1\" for openai, "
			  "\"https://api.anthropic.com\" for anthropic, \"https://RESOURCE.openai.azure.com\" for azure. "
			  "When it is missing, the public service of that kind; azure needs one.",
		  .check = url_ok, .wants = "a URL that begins with http:// or https://, without user, query or fragment" },
		AT(conf_provider, base_url) },
	{ { "api_key", SETTING_STRING, "", .max = "8192", .secret = true,
		  .help = "Its key; \"${OPENAI_API_KEY}\" takes it from the environment.", .check = conf_header_value_ok,
		  .wants = "a key without control characters" },
		AT(conf_provider, api_key) },
	{ { .name = "headers", .secret = true, .help = "Headers sent with each call." }, .read = headers_read, .shape = "a map of texts" },
	{ { .name = "apis",
		  .help = "What it serves beside chat, in place of what its kind is known to ([providers.md](providers.md)): embeddings, completions, moderations, rerank, responses." },
		.read = apis_read, .shape = "a list of endpoints" },
	{ { "connect_timeout", SETTING_DURATION, "10s", "10ms", "5m", .help = "Until the connection stands." },
		AT(conf_provider, connect_timeout_us) },
	{ { "headers_timeout", SETTING_DURATION, "2m", "10ms", "1h", .help = "Until the answer begins." },
		AT(conf_provider, headers_timeout_us) },
	{ { "idle_timeout", SETTING_DURATION, "1m", "10ms", "1h", .help = "Between two pieces of an answer." },
		AT(conf_provider, idle_timeout_us) },
	{ { "proxy", SETTING_STRING, "", .max = "2048", .secret = true,
		  .help = "Calls go through this proxy, \"http://user:password@proxy:3128\"; also https, socks4, socks4a, socks5 and socks5h. The environment's "
			  "http_proxy is not asked.",
		  .check = proxy_ok, .wants = "a URL of a proxy: http, https, socks4, socks4a, socks5 or socks5h, a host, and perhaps a port" },
		AT(conf_provider, proxy) },
	{ { "http2", SETTING_BOOL, "false", .help = "Speak HTTP/2 with an https server that offers it." }, AT(conf_provider, http2) },
	{ { "api_version", SETTING_STRING, "", .max = "64", .help = "azure: the version of its API; 2024-10-21 when missing.", .check = path_piece_ok,
		  .wants = PATH_PIECE_WANTS },
		AT(conf_provider, api_version) },
	{ { "tenant_id", SETTING_STRING, "", .max = "128", .help = "azure: the directory that gives out Entra tokens, in place of api_key.",
		  .check = path_piece_ok, .wants = PATH_PIECE_WANTS },
		AT(conf_provider, tenant_id) },
	{ { "client_id", SETTING_STRING, "", .max = "128", .help = "azure: the application that the token is for." }, AT(conf_provider, client_id) },
	{ { "client_secret", SETTING_STRING, "", .max = "8192", .secret = true, .help = "azure: that application's secret." },
		AT(conf_provider, client_secret) },
	{ { "authority_url", SETTING_STRING, "", .max = "2048",
		  .help = "azure: who gives out Entra tokens; https://login.microsoftonline.com when missing.", .check = url_ok,
		  .wants = "a URL that begins with http:// or https://, without user, query or fragment" },
		AT(conf_provider, authority_url) },
	{ { "project", SETTING_STRING, "", .max = "128", .help = "vertex: the project; that of the credentials when missing.", .check = path_piece_ok,
		  .wants = PATH_PIECE_WANTS },
		AT(conf_provider, project) },
	{ { "location", SETTING_STRING, "", .max = "64", .help = "vertex: the region, such as europe-west4; global when missing.",
		  .check = path_piece_ok, .wants = PATH_PIECE_WANTS },
		AT(conf_provider, location) },
	{ { "credentials", SETTING_STRING, "", .max = "65536", .secret = true,
		  .help = "vertex: a service account's key: the path of the JSON file, or its text. The file is read with the configuration." },
		AT(conf_provider, credentials) },
	{ { "region", SETTING_STRING, "", .max = "64", .help = "bedrock: the region, such as eu-central-1.", .check = path_piece_ok,
		  .wants = PATH_PIECE_WANTS },
		AT(conf_provider, region) },
	{ { "access_key_id", SETTING_STRING, "", .max = "128", .help = "bedrock: whose requests they are. An api_key may stand in its place.",
		  .check = path_piece_ok, .wants = PATH_PIECE_WANTS },
		AT(conf_provider, access_key_id) },
	{ { "secret_access_key", SETTING_STRING, "", .max = "8192", .secret = true, .help = "bedrock: what requests are signed with." },
		AT(conf_provider, secret_access_key) },
	{ { "session_token", SETTING_STRING, "", .max = "16384", .secret = true, .help = "bedrock: of temporary credentials.", .check = conf_header_value_ok,
		  .wants = "a token without control characters" },
		AT(conf_provider, session_token) },
	{ { "hosted", SETTING_BOOL, "true",
		  .help = "Whether it runs on machines of others. What is local_only never goes there. A local address alone proves nothing, so say false for your own." },
		AT(conf_provider, hosted) },
	{ { "max_concurrency", SETTING_INT, "0", "0", "1000000", .help = "Calls to it at once; more wait in a queue. 0: no limit." },
		AT(conf_provider, queue.concurrency) },
	{ { "batch_concurrency", SETTING_INT, "0", "0", "1000000", .help = "Of these for batch traffic; 0: half, at least one." },
		AT(conf_provider, queue.batch_concurrency) },
	{ { "queue_max", SETTING_INT, "1000", "0", "1000000", .help = "Calls that may wait, of interactive and of batch traffic each." },
		AT(conf_provider, queue.length) },
	{ { "queue_timeout", SETTING_DURATION, "30s", "1ms", "1h", .help = "No call waits longer; one that would have to is refused at once." },
		AT(conf_provider, queue.wait_us) },
	{ { .name = "breaker", .help = "When a target of it is left alone for a while." }, .read = breaker_read, .shape = "a map, see breaker", .table = &breaker_table },
};

const struct field_table provider_table = { "providers", "A list of the servers that answer model calls.", provider_fields, COUNT(provider_fields) };

static void
apis_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	static const struct setting row = { .name = "apis", .type = SETTING_CHOICE, .choices = conf_api_names };
	struct conf_provider *provider = object;
	struct setting_value value;

	provider->apis_given = true;
	if (!reader_expect(reader, node, YAML_LIST, "a list of endpoints", path))
		return;
	for (const struct yaml *child = node->first; child; child = child->next)
		if (reader_scalar(reader, child, &row, path, &value))
			provider->apis |= 1u << value.integer;
}

static void
headers_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	static const struct setting value_row = { .name = "headers", .type = SETTING_STRING, .max = "8192", .secret = true };
	struct conf_provider *provider = object;
	size_t count = 0;

	if (!reader_expect(reader, node, YAML_MAP, "a map of header names and texts", path))
		return;
	for (const struct yaml *child = node->first; child; child = child->next)
		count++;
	provider->headers = arena_array(reader->arena, count, sizeof(*provider->headers));
	for (const struct yaml *child = node->first; child && provider->headers; child = child->next) {
		struct str at = reader_path(reader, path, child->key);
		struct setting_value value;

		if (!header_name_ok(child->key))
			reader_problem(reader, child, at, "not the name of a header");
		else if (reader_scalar(reader, child, &value_row, at, &value)) {
			if (!conf_header_value_ok(value.text))
				reader_problem(reader, child, at, "expected a text without control characters");
			provider->headers[provider->header_count++] = (struct conf_header){ child->key, value.text };
		}
	}
}

void
providers_finish(struct reader *reader, const struct yaml *list)
{
	struct conf *conf = reader->conf;
	const struct yaml *node = list->first;

	for (size_t i = 0; i < conf->provider_count; i++, node = node->next) {
		struct conf_provider *provider = &conf->providers[i];
		bool public = provider->base_url.len == 0;

		conf_kind_finish(reader, node, provider);
		while (str_ends(provider->base_url, STR("/")))
			provider->base_url.len--;
		provider_route_defaults(provider);
		provider->hash = conf_hash(arena_printf(reader->arena, "%" STR_F "\n%" STR_F, STR_A(provider->name), STR_A(provider->base_url)));
		if (!provider->hosted && public && str_starts(provider->base_url, STR("https://")))
			reader_problem(reader, node, STR("providers"), "\"%" STR_F "\" is the public service, which is hosted", STR_A(provider->name));
		if (provider->name.len > 0 && map_get(&conf->providers_by_name, provider->name))
			reader_problem(reader, node, STR("providers"), "a second provider is named \"%" STR_F "\"", STR_A(provider->name));
		else if (provider->name.len > 0)
			map_put(&conf->providers_by_name, provider->name, provider);
	}
}
