/*
 * embeddings.c - see embeddings.h. A model of the configuration with `type: embeddings` goes over its targets; the local model answers to its own name.
 *
 * Over OpenAI's wire a request passes as it came, and so does its answer. On other wires (gateway/embed.h) texts become as many requests as they need, one after the other, and vectors are read. What a target
 * has answered stays when it is asked again; another one begins anew, since its vectors are of another model.
 */
#include "answer/embeddings.h"

#include "gateway/attempt.h"
#include "gateway/route.h"
#include "infer/embed.h"
#include "infer/tokenizers.h"

enum { PART_MAX = 32 * 1024 * 1024, PART_ARENA_MAX = 256 * 1024 * 1024 };

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
	call->vectors = (struct embed_vectors){ .dimensions = embedder_dimensions(call->embedder) };
	call->vectors.all = arena_array(base->arena, call->count * call->vectors.dimensions + 1, sizeof(*call->vectors.all));
	if (!call->vectors.all)
		return &err_no_memory;
	base->usage = (struct usage){ .known = true };
	return embed(call->embedder, base->arena, EMBED_INTERACTIVE, call->texts, call->count, call->vectors.all, &base->usage.input);
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

/* --- wires that are not OpenAI's --- */

static int64_t
estimate(const struct embed_ask *ask)
{
	int64_t tokens = 0;

	for (size_t i = 0; i < ask->count; i++)
		tokens += tokens_estimate(ask->texts[i]);
	return tokens;
}

/* One request and its answer, in memory of their own. Tokens are counted here where the provider does not say how many it has read. */
static MAY_PARK const struct err *
ask_part(struct embeddings_call *call, const struct target *target, const struct span *span, size_t count, struct usage *usage, enum failure_cause *cause)
{
	struct arena *arena = arena_new(PART_ARENA_MAX);
	struct embed_ask ask = { target, call->base.source, call->dimensions, call->texts + call->vectors.done, count };
	struct http_call_spec spec = { 0 };
	struct attempt_answer answer = { .body = STR_EMPTY };
	const struct json *root = NULL;
	int64_t tokens = -1;
	const struct err *err = target->kind->embed->request(&ask, arena, &spec);

	if (!err)
		err = attempt_post(target, arena, &spec, span, PART_MAX, &answer, cause);
	if (!err && (json_parse(arena, answer.body, &root) || !json_is(root, JSON_OBJECT)))
		err = err_new(arena, ERR_UPSTREAM, "the provider's answer is not a JSON object");
	if (!err)
		err = target->kind->embed->read(&ask, &(struct embed_answer){ root, answer.headers }, arena, &call->vectors, &tokens);
	if (answer.read) {
		usage->estimated = usage->estimated || tokens < 0;
		usage->input += tokens < 0 ? estimate(&ask) : tokens;
	}
	err = err ? err_copy(call->base.arena, err) : NULL;
	arena_free(arena);
	return err;
}

static MAY_PARK const struct err *
ask_in_parts(struct single *base, const struct target *target, const struct span *span, enum failure_cause *cause)
{
	struct embeddings_call *call = (struct embeddings_call *)base;
	struct usage usage = { .known = true };
	const struct err *err = NULL;

	base->whole = STR_EMPTY; /* of a target over OpenAI's wire that was asked before */
	if (!call->texts)
		return err_param(base->arena, ERR_UNSUPPORTED, "input", "unsupported_parameter", "input: tokens are not supported by the %s provider of this model, which counts them differently; send texts",
			target->kind->kind);
	if (call->at != target->row || !call->vectors.arena)
		call->vectors = (struct embed_vectors){ .arena = base->arena, .count = call->count };
	call->at = target->row;
	while (!err && call->vectors.done < call->count) {
		size_t from = call->vectors.done;

		err = ask_part(call, target, span, target->kind->embed->take(target, call->texts + from, call->count - from), &usage, cause);
	}
	if (err && usage.input)
		single_spend(base, target, &usage);
	else if (!err)
		base->usage = usage;
	return err;
}

const struct single_kind embeddings_kind = {
	.operation = "embeddings",
	.noun = "embedding model",
	.type = CONF_MODEL_EMBEDDINGS,
	.api = CONF_API_EMBEDDINGS,
	.request = write_request,
	.read = read_answer,
	.ask = ask_in_parts,
	.here = embed_here,
};
