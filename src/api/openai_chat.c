/*
 * openai_chat.c - POST /v1/chat/completions.
 *
 * Protocol: OpenAI's API reference, "Chat completions". Errors before the first byte are ordinary error answers; after it, an event {"error":…} ends the stream, and no
 * [DONE] follows.
 */
#include "api/openai_chat.h"
#include "api/stream_resume.h"

static MAY_PARK const struct err *
chat_completions(struct api_request *request)
{
	struct chat_encoder *encoder = arena_alloc(request->arena, sizeof(*encoder));
	struct span *root = span_open(request->trace, SPAN_SERVER, STR("POST /v1/chat/completions"));
	struct call *call;
	const struct err *err = encoder ? openai_chat_parse(request->arena, request->json, request->body, &call) : &err_no_memory;

	if (!err)
		err = chat_encoder_init(encoder, request, call);
	return err ? err : dialect_answer(request, call, &encoder->common.base, root);
}

static MAY_PARK const struct err *
chat_completions_get(struct api_request *request)
{
	return stream_get_answer(request, DURABLE_CHAT);
}

static MAY_PARK const struct err *
chat_completions_cancel(struct api_request *request)
{
	return stream_cancel_answer(request, DURABLE_CHAT);
}

static const struct route routes[] = {
	{ .method = HTTP_POST,
		.path = "/v1/chat/completions",
		.name = "chat.completions",
		.scope = SCOPE_MODEL_USE,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = MIB(64),
		.handler = chat_completions,
		.types = TYPES_STREAM,
		.event = "ChatEvent",
		.asks = "ChatRequest",
		.answer = "ChatCompletion",
		.summary = "Answer a conversation, whole or as a stream" },
	{ .method = HTTP_GET,
		.path = "/v1/chat/completions/{completion_id}",
		.name = "chat.completions.resume",
		.scope = SCOPE_MODEL_USE,
		.errors = &openai_errors,
		.query = "stream",
		.types = "text/event-stream",
		.event = "ChatEvent",
		.handler = chat_completions_get,
		.summary = "The rest of a stream that went on when its client left" },
	{ .method = HTTP_POST,
		.path = "/v1/chat/completions/{completion_id}/cancel",
		.name = "chat.completions.cancel",
		.made = MADE_EMPTY,
		.scope = SCOPE_MODEL_USE,
		.errors = &openai_errors,
		.handler = chat_completions_cancel,
		.summary = "End a stream that goes on without its client" },
};
const struct route_table openai_chat_routes = { routes, COUNT(routes) };
