/*
 * openai_completions.c - POST /v1/completions.
 *
 * Protocol: OpenAI's API reference, "Completions" (legacy). Errors are those of chat completions, before the first byte and after it.
 */
#include "api/openai_completions.h"

static MAY_PARK const struct err *
completions(struct api_request *request)
{
	struct completion_encoder *encoder = arena_alloc(request->arena, sizeof(*encoder));
	struct span *root = span_open(request->trace, SPAN_SERVER, STR("POST /v1/completions"));
	struct call *call;
	const struct err *err = encoder ? openai_completion_parse(request->arena, request->json, request->body, &call) : &err_no_memory;

	if (!err)
		err = completion_encoder_init(encoder, request, call);
	return err ? err : dialect_answer(request, call, &encoder->common.base, root);
}

static const struct route routes[] = {
	{ .method = HTTP_POST,
		.path = "/v1/completions",
		.name = "completions",
		.scope = SCOPE_MODEL_USE,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = MIB(64),
		.handler = completions,
		.types = TYPES_STREAM,
		.event = "CompletionEvent",
		.asks = "CompletionRequest",
		.answer = "Completion",
		.summary = "Complete a prompt (legacy), whole or as a stream" },
};
const struct route_table openai_completions_routes = { routes, COUNT(routes) };
