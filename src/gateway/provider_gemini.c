/*
 * provider_gemini.c - the Gemini API: generateContent with a key. The wire is gemini.h's.
 */
#include "gateway/embed.h"
#include "gateway/gemini.h"
#include "gateway/request.h"

static const struct err *
gemini_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	const struct conf_provider *provider = target->provider;
	const struct err *err = gemini_write(call, target, arena, out);

	if (!err && !gemini_model_ok(target->model))
		err = err_new(arena, ERR_NOT_FOUND, "the configuration's model name cannot be one of the Gemini API");
	if (err)
		return err;
	out->url = arena_printf(arena, "%" STR_F "/%s%" STR_F ":%s", STR_A(provider->base_url), str_find_byte(target->model, '/', 0) == SIZE_MAX ? "models/" : "",
		STR_A(target->model), call->stream ? "streamGenerateContent?alt=sse" : "generateContent");
	if (!out->url.ptr)
		return &err_no_memory;
	return request_header(arena, out, STR("x-goog-api-key"), provider->api_key);
}

const struct provider provider_gemini = {
	.kind = "gemini",
	.request = gemini_request,
	.frame = gemini_frame,
	.end = decoder_emit_usage,
	.body = gemini_body,
	.failure = gemini_failure,
	.embed = &embed_gemini,
};
