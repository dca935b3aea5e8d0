/*
 * kinds.c - see kinds.h.
 *
 * KINDS is the list; the choices of the row `kind` and the table come from it. What a kind lacks is a mistake of the file, not of the first call. Which services have which
 * endpoints is what their documentation says; `apis` of a provider says otherwise.
 */
#include "conf/kinds.h"

#include "conf/google.h"
#include "conf/models.h"
#include "conf/reader.h"

#define AZURE { "api_version", "tenant_id", "client_id", "client_secret", "authority_url" }
#define GOOGLE { "project", "location", "credentials" }
#define AWS { "region", "access_key_id", "secret_access_key", "session_token" }
#define NOTHING { NULL }

/* Whose wire is OpenAI's may have any of its endpoints. */
#define EMBEDDINGS CONF_API_EMBEDDINGS
#define COMPLETIONS CONF_API_COMPLETIONS
#define MODERATIONS CONF_API_MODERATIONS
#define RERANK CONF_API_RERANK
#define RESPONSES CONF_API_RESPONSES
#define ANY CONF_API_ALL

/* Name, public address, how it proves who calls, settings of its own, those it needs, which endpoints it has beside chat, and which the configuration may say it has. */
#define KINDS(ROW) \
	ROW("openai", "https://api.openai.com/v1", CONF_AUTH_KEY_IF_ANY, NOTHING, NOTHING, EMBEDDINGS | COMPLETIONS | MODERATIONS | RERANK | RESPONSES, ANY) \
	ROW("anthropic", "https://api.anthropic.com", CONF_AUTH_KEY_IF_ANY, NOTHING, NOTHING, 0, 0) \
	ROW("azure", NULL, CONF_AUTH_AZURE, AZURE, NOTHING, EMBEDDINGS, EMBEDDINGS | COMPLETIONS | RESPONSES) \
	ROW("gemini", "https://generativelanguage.googleapis.com/v1beta", CONF_AUTH_KEY, NOTHING, NOTHING, EMBEDDINGS, EMBEDDINGS) \
	ROW("vertex", "https://{location}-aiplatform.googleapis.com/v1", CONF_AUTH_GOOGLE, GOOGLE, NOTHING, EMBEDDINGS, EMBEDDINGS) \
	ROW("bedrock", "https://bedrock-runtime.{region}.amazonaws.com", CONF_AUTH_AWS, AWS, { "region" }, EMBEDDINGS, EMBEDDINGS) \
	ROW("cohere", "https://api.cohere.com", CONF_AUTH_KEY, NOTHING, NOTHING, EMBEDDINGS | RERANK, EMBEDDINGS | RERANK) \
	ROW("mistral", "https://api.mistral.ai/v1", CONF_AUTH_KEY, NOTHING, NOTHING, EMBEDDINGS | MODERATIONS, ANY) \
	ROW("groq", "https://api.groq.com/openai/v1", CONF_AUTH_KEY, NOTHING, NOTHING, 0, ANY) \
	ROW("deepseek", "https://api.deepseek.com/v1", CONF_AUTH_KEY, NOTHING, NOTHING, 0, ANY) \
	ROW("xai", "https://api.x.ai/v1", CONF_AUTH_KEY, NOTHING, NOTHING, 0, ANY) \
	ROW("together", "https://api.together.xyz/v1", CONF_AUTH_KEY, NOTHING, NOTHING, EMBEDDINGS | COMPLETIONS | RERANK, ANY) \
	ROW("fireworks", "https://api.fireworks.ai/inference/v1", CONF_AUTH_KEY, NOTHING, NOTHING, EMBEDDINGS | COMPLETIONS | RERANK, ANY) \
	ROW("openrouter", "https://openrouter.ai/api/v1", CONF_AUTH_KEY, NOTHING, NOTHING, COMPLETIONS, ANY) \
	ROW("perplexity", "https://api.perplexity.ai", CONF_AUTH_KEY, NOTHING, NOTHING, 0, ANY) \
	ROW("ollama", "http://127.0.0.1:11434/v1", CONF_AUTH_KEY_IF_ANY, NOTHING, NOTHING, EMBEDDINGS | COMPLETIONS, ANY) \
	ROW("vllm", "http://127.0.0.1:8000/v1", CONF_AUTH_KEY_IF_ANY, NOTHING, NOTHING, EMBEDDINGS | COMPLETIONS | RERANK, ANY) \
	ROW("tgi", "http://127.0.0.1:8080/v1", CONF_AUTH_KEY_IF_ANY, NOTHING, NOTHING, COMPLETIONS, ANY) \
	ROW("llamacpp", "http://127.0.0.1:8080/v1", CONF_AUTH_KEY_IF_ANY, NOTHING, NOTHING, EMBEDDINGS | COMPLETIONS | RERANK, ANY) \
	ROW("lmstudio", "http://127.0.0.1:1234/v1", CONF_AUTH_KEY_IF_ANY, NOTHING, NOTHING, EMBEDDINGS | COMPLETIONS, ANY)

#define NAME(name, url, auth, takes, needs, apis, may) name,
#define KIND(name, url, auth, takes, needs, apis, may) { name, url, auth, takes, needs, apis, may },

const char *const conf_kind_names[] = { KINDS(NAME) NULL };
static const struct conf_kind kinds[] = { KINDS(KIND) };

/* Settings that only some kinds take, and where they are kept. */
static const struct own_setting {
	const char *name;
	size_t offset;
} own_settings[] = {
	{ "api_version", offsetof(struct conf_provider, api_version) },
	{ "tenant_id", offsetof(struct conf_provider, tenant_id) },
	{ "client_id", offsetof(struct conf_provider, client_id) },
	{ "client_secret", offsetof(struct conf_provider, client_secret) },
	{ "authority_url", offsetof(struct conf_provider, authority_url) },
	{ "project", offsetof(struct conf_provider, project) },
	{ "location", offsetof(struct conf_provider, location) },
	{ "credentials", offsetof(struct conf_provider, credentials) },
	{ "region", offsetof(struct conf_provider, region) },
	{ "access_key_id", offsetof(struct conf_provider, access_key_id) },
	{ "secret_access_key", offsetof(struct conf_provider, secret_access_key) },
	{ "session_token", offsetof(struct conf_provider, session_token) },
};

const char *const conf_api_names[] = { "embeddings", "completions", "moderations", "rerank", "responses", NULL };

const char *
conf_api_name(unsigned apis)
{
	unsigned index = 0;

	while (apis && !(apis >> index & 1))
		index++;
	return conf_api_names[index];
}

const struct conf_kind *
conf_kind_at(size_t index)
{
	return &kinds[index];
}

static bool
listed(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count && names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void
check_own_settings(struct reader *reader, const struct yaml *node, const struct conf_provider *provider, const struct conf_kind *kind)
{
	for (size_t i = 0; i < COUNT(own_settings); i++) {
		const char *name = own_settings[i].name;
		const struct str *value = (const struct str *)(const void *)((const char *)provider + own_settings[i].offset);

		if (value->len > 0 && !listed(kind->takes, COUNT(kind->takes), name))
			reader_problem(reader, node, STR("providers"), "\"%" STR_F "\": a provider of kind %s has no \"%s\"", STR_A(provider->name), kind->name, name);
		if (value->len == 0 && listed(kind->needs, COUNT(kind->needs), name))
			reader_problem(reader, node, STR("providers"), "\"%" STR_F "\": a provider of kind %s needs \"%s\"", STR_A(provider->name), kind->name, name);
	}
}

/* What is missing of what proves who calls; NULL: nothing. */
static const char *
lacking_auth(const struct conf_provider *provider, enum conf_auth auth)
{
	bool key = provider->api_key.len > 0;
	bool entra = provider->tenant_id.len > 0 && provider->client_id.len > 0 && provider->client_secret.len > 0;
	bool aws = provider->access_key_id.len > 0 && provider->secret_access_key.len > 0;

	switch (auth) {
	case CONF_AUTH_KEY_IF_ANY:
		return NULL;
	case CONF_AUTH_KEY:
		return key ? NULL : "\"api_key\"";
	case CONF_AUTH_AZURE:
		return key != entra ? NULL : "either \"api_key\" or \"tenant_id\", \"client_id\" and \"client_secret\"";
	case CONF_AUTH_AWS:
		return key != aws ? NULL : "either \"access_key_id\" and \"secret_access_key\" or \"api_key\"";
	case CONF_AUTH_GOOGLE:
		return provider->credentials.len > 0 ? NULL : "\"credentials\": a service account's key file, or its JSON text";
	}
	return NULL;
}

/* The public address with the region or location put in. */
static struct str
public_url(struct reader *reader, const struct conf_provider *provider, const struct conf_kind *kind)
{
	struct str url = str_of(kind->base_url);
	size_t open = str_find_byte(url, '{', 0), close = str_find_byte(url, '}', 0);
	struct str value = provider->region.len > 0 ? provider->region : provider->location;

	if (open == SIZE_MAX)
		return url;
	if (str_eq_c(value, "global"))
		return arena_printf(reader->arena, "%" STR_F "%" STR_F, STR_A(str_slice(url, 0, open)), STR_A(str_slice(url, close + 2, url.len)));
	return arena_printf(reader->arena, "%" STR_F "%" STR_F "%" STR_F, STR_A(str_slice(url, 0, open)), STR_A(value), STR_A(str_slice(url, close + 1, url.len)));
}

/* What it serves beside chat: as the file says, else as its kind does. Responses are the public service's alone: other servers under its kind rarely have them. */
static void
finish_apis(struct reader *reader, const struct yaml *node, struct conf_provider *provider, const struct conf_kind *kind)
{
	bool public = kind->base_url && (provider->base_url.len == 0 || str_eq_c(provider->base_url, kind->base_url));

	if (!provider->apis_given)
		provider->apis = public ? kind->apis : kind->apis & ~(unsigned)CONF_API_RESPONSES;
	if (provider->apis & ~kind->may)
		reader_problem(reader, node, STR("providers"), "\"%" STR_F "\": \"apis\": corbel does not speak %s with a provider of kind %s", STR_A(provider->name),
			conf_api_name(provider->apis & ~kind->may), kind->name);
}

void
conf_kind_finish(struct reader *reader, const struct yaml *node, struct conf_provider *provider)
{
	const struct conf_kind *kind = conf_kind_at(provider->kind);
	const char *lacking = lacking_auth(provider, kind->auth);

	check_own_settings(reader, node, provider, kind);
	if (lacking)
		reader_problem(reader, node, STR("providers"), "\"%" STR_F "\": a provider of kind %s needs %s", STR_A(provider->name), kind->name, lacking);
	else if (kind->auth == CONF_AUTH_GOOGLE)
		conf_google_read(reader, node, provider);
	finish_apis(reader, node, provider, kind);
	if (kind->auth == CONF_AUTH_GOOGLE && provider->location.len == 0)
		provider->location = STR("global");
	if (kind->auth == CONF_AUTH_AZURE && provider->api_version.len == 0)
		provider->api_version = STR("2024-10-21");
	if (kind->auth == CONF_AUTH_AZURE && provider->authority_url.len == 0)
		provider->authority_url = STR("https://login.microsoftonline.com");
	if (provider->base_url.len == 0 && !kind->base_url)
		reader_problem(reader, node, STR("providers"), "\"%" STR_F "\": a provider of kind %s needs \"base_url\"", STR_A(provider->name), kind->name);
	else if (provider->base_url.len == 0)
		provider->base_url = public_url(reader, provider, kind);
	provider->public = kind->base_url && str_eq_c(provider->base_url, kind->base_url);
}
