/*
 * embeddings.c - see embeddings.h. A model of the configuration with `type: embeddings` goes over its targets; the local model answers to its own name.
 */
#include "answer/embeddings.h"

#include "gateway/route.h"
#include "infer/embed.h"

static MAY_PARK const struct err *
embed_here(struct single *base, struct record *record)
{
	struct embeddings_call *call = (struct embeddings_call *)base;
	const struct err *err;

	if (call->embedder && !str_eq(base->model, embedder_model(call->embedder)))
		return err_new(base->arena, ERR_NOT_FOUND, "another name");
	record->provider = STR("local");
	if (base->local_only && (!route_allowed(conf_embeddings(base->conf)->provider, true) || (call->embedder && embedder_hosted(call->embedder))))
		return err_param(base->arena, ERR_FORBIDDEN, "model", "local_only",
			"this may be answered on the operator's own machines only, and the embedding model is at a hosted provider");
	if (!call->embedder)
		return err_param(base->arena, ERR_NOT_FOUND, "model", "model_not_found", "the embedding model '%" STR_F "' does not exist here, and this server's own is not loaded: %" STR_F,
			STR_A(base->model), STR_A(call->missing));
	if (!call->texts)
		return err_param(base->arena, ERR_UNSUPPORTED, "input", "unsupported_parameter", "input: tokens are not known to the embedding model of this server, which counts them differently; send texts");
	record->target_model = record->served_model = embedder_model(call->embedder);
	err = embedder_prepare(call->embedder, base->arena);
	if (err)
		return err;
	call->dimensions = embedder_dimensions(call->embedder);
	call->vectors = arena_array(base->arena, call->count * call->dimensions + 1, sizeof(*call->vectors));
	if (!call->vectors)
		return &err_no_memory;
	base->usage = (struct usage){ .known = true };
	return embed(call->embedder, base->arena, EMBED_INTERACTIVE, call->texts, call->count, call->vectors, &base->usage.input);
}

static const struct err *
write_request(struct single *call, const struct target *target, struct http_call_spec *out)
{
	return single_pass_on(call, target, "/embeddings", out);
}

static const struct err *
read_answer(struct single *call, const struct target *target, const struct json *root)
{
	const struct json *tokens = json_get(json_get(root, "usage"), "prompt_tokens");

	(void)target;
	if (!json_is(json_get(root, "data"), JSON_ARRAY))
		return err_new(call->arena, ERR_UPSTREAM, "the provider's answer has no embeddings");
	call->usage = (struct usage){ .input = provider_count(tokens, 0), .known = provider_count(tokens, -1) >= 0 };
	return NULL;
}

const struct single_kind embeddings_kind = {
	.operation = "embeddings",
	.noun = "embedding model",
	.type = CONF_MODEL_EMBEDDINGS,
	.api = CONF_API_EMBEDDINGS,
	.request = write_request,
	.read = read_answer,
	.here = embed_here,
};
