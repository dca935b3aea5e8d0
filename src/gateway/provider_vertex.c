/*
 * provider_vertex.c - Vertex AI: generateContent of a project's location, with tokens of a service account. The wire is gemini.h's.
 *
 * Wire: cloud.google.com/vertex-ai, "Method: models.generateContent"; the token: RFC 7523, as developers.google.com/identity/protocols/oauth2/service-account words it: an assertion signed with the
 * account's key (RS256) is exchanged for an access token at the key's token_uri.
 */
#include "base/base64.h"
#include "base/clock.h"
#include "crypto/sign.h"
#include "gateway/embed.h"
#include "gateway/gemini.h"
#include "gateway/request.h"
#include "gateway/token.h"

enum { TOKEN_SECONDS = 3600, ASSERTION_MAX = 16 * 1024 };

struct str
vertex_url(const struct target *target, const char *method, struct arena *arena)
{
	const struct conf_provider *provider = target->provider;

	return arena_printf(arena, "%" STR_F "/projects/%" STR_F "/locations/%" STR_F "/%s%" STR_F ":%s", STR_A(provider->base_url), STR_A(provider->project), STR_A(provider->location),
		str_find_byte(target->model, '/', 0) == SIZE_MAX ? "publishers/google/models/" : "", STR_A(target->model), method);
}

static const struct err *
vertex_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	const struct err *err = gemini_write(call, target, arena, out);

	if (!err && !gemini_model_ok(target->model))
		err = err_new(arena, ERR_NOT_FOUND, "the configuration's model name cannot be one of Vertex AI");
	if (err)
		return err;
	out->url = vertex_url(target, call->stream ? "streamGenerateContent?alt=sse" : "generateContent", arena);
	return out->url.ptr ? NULL : &err_no_memory;
}

/* The header and the claims of the assertion as JSON. */
static const struct err *
claims(const struct token_source *source, struct arena *arena, struct str *header, struct str *body)
{
	int64_t now = clock_wall_us() / USEC_PER_SEC;
	struct buf head, claim;
	struct json_out json;

	buf_init(&head, arena, KIB(4));
	json_out_init(&json, &head);
	json_begin_object(&json);
	json_set_string(&json, "alg", STR("RS256"));
	json_set_string(&json, "typ", STR("JWT"));
	if (source->key_id.len)
		json_set_string(&json, "kid", source->key_id);
	json_end_object(&json);
	buf_init(&claim, arena, KIB(4));
	json_out_init(&json, &claim);
	json_begin_object(&json);
	json_set_string(&json, "iss", source->id);
	json_set_string(&json, "scope", source->scope);
	json_set_string(&json, "aud", STR("https://oauth2.googleapis.com/token")); /* always, says Google, wherever the endpoint is */
	json_set_int(&json, "iat", now);
	json_set_int(&json, "exp", now + TOKEN_SECONDS);
	json_end_object(&json);
	*header = buf_str(&head);
	*body = buf_str(&claim);
	return head.failed || claim.failed ? &err_no_memory : NULL;
}

static MAY_PARK const struct err *
google_fetch(const struct token_source *source, struct arena *arena, struct token_grant *out)
{
	static const struct str grant = STR_INIT("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
	struct str header, body, text;
	struct buf form, signature;
	const struct err *err = claims(source, arena, &header, &body);

	if (err)
		return err;
	buf_init(&form, arena, ASSERTION_MAX);
	buf_init(&signature, arena, KIB(4));
	buf_add(&form, grant);
	base64url_encode(&form, header);
	buf_add_byte(&form, '.');
	base64url_encode(&form, body);
	text = str_slice(buf_str(&form), grant.len, form.len);
	if (form.failed)
		return &err_no_memory;
	if (!sign_rs256(source->secret, text, &signature))
		return err_new(arena, ERR_INTERNAL, "the key of the service account cannot sign"); /* it was checked with the configuration */
	buf_add_byte(&form, '.');
	base64url_encode(&form, buf_str(&signature));
	return form.failed ? &err_no_memory : token_request(source, arena, buf_str(&form), "Google", out);
}

static struct token_source
google_source(const struct conf_provider *provider)
{
	const struct conf_google *google = &provider->google;

	return (struct token_source){
		.fetch = google_fetch,
		.url = google->token_url,
		.id = google->email,
		.secret = google->private_key,
		.proxy = provider->proxy,
		.connect_timeout_us = provider->connect_timeout_us,
		.headers_timeout_us = provider->headers_timeout_us,
		.idle_timeout_us = provider->idle_timeout_us,
		.key_id = google->private_key_id.ptr ? google->private_key_id : STR_EMPTY,
		.scope = STR("https://www.googleapis.com/auth/cloud-platform"),
	};
}

static MAY_PARK const struct err *
vertex_authorize(const struct target *target, struct arena *arena, struct http_call_spec *spec)
{
	const struct token_source source = google_source(target->provider);
	struct str token;
	const struct err *err = token_get(&source, arena, &token);

	return err ? err : request_bearer(arena, spec, token);
}

static bool
vertex_renew(const struct target *target, struct arena *arena, const struct http_call_spec *spec)
{
	const struct token_source source = google_source(target->provider);

	(void)arena;
	return token_refused(&source, request_bearer_of(spec));
}

const struct provider provider_vertex = {
	.kind = "vertex",
	.request = vertex_request,
	.authorize = vertex_authorize,
	.renew = vertex_renew,
	.frame = gemini_frame,
	.end = decoder_emit_usage,
	.body = gemini_body,
	.failure = gemini_failure,
	.embed = &embed_vertex,
};
