/*
 * provider_azure.c - Azure OpenAI: OpenAI's chat completions behind deployments.
 *
 * Wire: Azure OpenAI's REST API reference (data plane, "Chat completions - Create"). Body and answers are provider_openai.c's; what differs is the address (the deployment's name stands in the
 * path, the version of the API in the query), the proof of who calls (the header api-key, or an Entra token of the application in the configuration), and the content
 * filter's words: a frame with prompt_filter_results comes before the answer, and a refused prompt is a 400 with the code content_filter.
 */
#include "gateway/provider_openai.h"
#include "gateway/request.h"
#include "gateway/token.h"

enum { FORM_MAX = 32 * 1024 };

/* Names of deployments may hold nearly anything. */
static struct str
path_piece(struct arena *arena, struct str name)
{
	struct buf out;

	buf_init(&out, arena, KIB(2));
	url_encode(&out, name);
	return out.failed ? str_n(NULL, 0) : buf_str(&out);
}

static const struct err *
azure_address(const struct target *target, const char *endpoint, struct arena *arena, struct http_call_spec *out)
{
	const struct conf_provider *provider = target->provider;
	struct str deployment = path_piece(arena, target->model), base = provider->base_url;

	if (!deployment.ptr)
		return &err_no_memory;
	if (str_ends(base, STR("/openai")))
		base.len -= strlen("/openai");
	if (strcmp(endpoint, "/responses") == 0) /* of the API's version 1, where the deployment is the body's model */
		out->url = arena_printf(arena, "%" STR_F "/openai/v1/responses", STR_A(base));
	else
		out->url = arena_printf(arena, "%" STR_F "/openai/deployments/%" STR_F "%s?api-version=%" STR_F, STR_A(base), STR_A(deployment), endpoint,
		STR_A(provider->api_version));
	if (!out->url.ptr)
		return &err_no_memory;
	return provider->api_key.len ? request_header(arena, out, STR("api-key"), provider->api_key) : NULL;
}

/* Client credentials (RFC 6749, section 4.4) at Entra's token endpoint, version 2. */
static MAY_PARK const struct err *
entra_fetch(const struct token_source *source, struct arena *arena, struct token_grant *out)
{
	struct buf form;

	buf_init(&form, arena, FORM_MAX);
	buf_add(&form, STR("grant_type=client_credentials&client_id="));
	url_encode(&form, source->id);
	buf_add(&form, STR("&client_secret="));
	url_encode(&form, source->secret);
	buf_add(&form, STR("&scope="));
	url_encode(&form, source->scope);
	return form.failed ? &err_no_memory : token_request(source, arena, buf_str(&form), "Entra", out);
}

/* Its url is NULL where memory is out. */
static struct token_source
entra_source(const struct conf_provider *provider, struct arena *arena)
{
	return (struct token_source){
		.fetch = entra_fetch,
		.url = arena_printf(arena, "%" STR_F "/%" STR_F "/oauth2/v2.0/token", STR_A(provider->authority_url), STR_A(provider->tenant_id)),
		.id = provider->client_id,
		.secret = provider->client_secret,
		.proxy = provider->proxy,
		.connect_timeout_us = provider->connect_timeout_us,
		.headers_timeout_us = provider->headers_timeout_us,
		.idle_timeout_us = provider->idle_timeout_us,
		.key_id = STR_EMPTY,
		.scope = STR("https://cognitiveservices.azure.com/.default"),
	};
}

static MAY_PARK const struct err *
azure_authorize(const struct target *target, struct arena *arena, struct http_call_spec *spec)
{
	struct token_source source;
	const struct err *err;
	struct str token;

	if (target->provider->api_key.len)
		return NULL;
	source = entra_source(target->provider, arena);
	err = source.url.ptr ? token_get(&source, arena, &token) : &err_no_memory;
	return err ? err : request_bearer(arena, spec, token);
}

static bool
azure_renew(const struct target *target, struct arena *arena, const struct http_call_spec *spec)
{
	struct token_source source;

	if (target->provider->api_key.len)
		return false;
	source = entra_source(target->provider, arena);
	return source.url.ptr && token_refused(&source, request_bearer_of(spec));
}

const struct provider provider_azure = {
	.kind = "azure",
	.openai = true,
	.dialect = DIALECT_OPENAI_CHAT,
	.address = azure_address,
	.request = openai_request,
	.authorize = azure_authorize,
	.renew = azure_renew,
	.frame = openai_frame,
	.end = openai_end,
	.body = openai_body,
	.failure = openai_failure,
};
