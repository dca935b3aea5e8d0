/*
 * ai_sdk.c - POST /v1/ai-sdk/chat, the rest of its streams, and POST /v1/ai-sdk/object.
 *
 * Protocol: the source of the npm packages `ai` (UI message stream v1, DefaultChatTransport) and `@ai-sdk/react` (useObject). Errors before the first byte are ordinary error answers, whose text the SDK gives to the page.
 */
#include "api/ai_sdk.h"

#include "api/stream_resume.h"

static MAY_PARK const struct err *
chat_create(struct api_request *request)
{
	struct ai_sdk_encoder *encoder = arena_alloc(request->arena, sizeof(*encoder));
	struct ai_sdk_ask *ask = arena_alloc(request->arena, sizeof(*ask));
	struct span *root = span_open(request->trace, SPAN_SERVER, STR("POST /v1/ai-sdk/chat"));
	const struct err *err = encoder && ask ? ai_sdk_parse_chat(request->arena, request->json, request->request_id, ask) : &err_no_memory;

	if (!err)
		err = ai_sdk_encoder_init(encoder, request, ask);
	return err ? err : dialect_answer(request, ask->call, &encoder->base, root);
}

/* All of it again, since that is how the SDK puts a message together; 204 when nothing is in progress. */
static MAY_PARK const struct err *
chat_resume(struct api_request *request)
{
	bool found = false;
	const struct err *err = ai_sdk_put_header(request->http) ? NULL : &err_no_memory;

	if (!err)
		err = stream_resume(request, DURABLE_UI, request->params[0], -1, STREAM_UNSEEN, &found);
	return err || found ? err : http_answer(request->http, 204, STR_EMPTY, STR_EMPTY);
}

static MAY_PARK const struct err *
chat_cancel(struct api_request *request)
{
	return stream_cancel_answer(request, DURABLE_UI);
}

static MAY_PARK const struct err *
object_create(struct api_request *request)
{
	struct ai_sdk_text_encoder *encoder = arena_alloc(request->arena, sizeof(*encoder));
	struct span *root = span_open(request->trace, SPAN_SERVER, STR("POST /v1/ai-sdk/object"));
	struct call *call;
	const struct err *err = encoder ? ai_sdk_parse_object(request->arena, request->json, &call) : &err_no_memory;

	if (!err)
		err = ai_sdk_text_encoder_init(encoder, request);
	return err ? err : dialect_answer(request, call, &encoder->base, root);
}

static const struct route routes[] = {
	{ .method = HTTP_POST, .path = "/v1/ai-sdk/chat", .name = "ai_sdk.chat", .scope = SCOPE_MODEL_USE, .errors = &openai_errors, .body = BODY_JSON, .body_bytes_max = MIB(64),
		.handler = chat_create, .types = "text/event-stream", .event = "UiChunk", .asks = "AiSdkChatRequest", .summary = "Answer UI messages of the AI SDK as a UI message stream" },
	{ .method = HTTP_GET, .path = "/v1/ai-sdk/chat/{chat_id}/stream", .name = "ai_sdk.chat.resume", .scope = SCOPE_MODEL_USE, .errors = &openai_errors, .handler = chat_resume, .types = "text/event-stream", .event = "UiChunk", .may_be_nothing = true,
		.summary = "The stream of a chat that is in progress, from its begin" },
	{ .method = HTTP_POST, .path = "/v1/ai-sdk/chat/{chat_id}/cancel", .name = "ai_sdk.chat.cancel", .made = MADE_EMPTY, .scope = SCOPE_MODEL_USE, .errors = &openai_errors, .handler = chat_cancel,
		.summary = "End the stream of a chat that goes on without its client" },
	{ .method = HTTP_POST, .path = "/v1/ai-sdk/object", .name = "ai_sdk.object", .scope = SCOPE_MODEL_USE, .errors = &openai_errors, .body = BODY_JSON, .body_bytes_max = MIB(64),
		.handler = object_create, .types = "text/plain", .asks = "AiSdkObjectRequest", .summary = "Answer with an object of a JSON Schema, as a text stream" },
};
const struct route_table ai_sdk_routes = { routes, COUNT(routes) };
